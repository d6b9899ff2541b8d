//! README.md, TESTING.md and SHAPES.md say what is so: the first program works as it stands there, and all that they name is there.
//!
//! `RREDIS_BLESS=1 cargo test --test project readme::` writes the table of SHAPES.md.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::support::program::Workshop;
use crate::support::server::Server;
use crate::support::tools::{root, run};
use rredis::commands::shape;

/// A language, what highlights it, and its hello. All of them are run: the first here, the others by the tests of their folders.
const HELLOS: [(&str, &str, &str); 6] = [
    ("C", "c", "demo/hello.c"),
    ("C++", "cpp", "examples-cpp/hello.cpp"),
    ("Go", "go", "bindings/go/hello/main.go"),
    ("Ruby", "ruby", "bindings/ruby/hello.rb"),
    ("Lua", "lua", "bindings/lua/hello.lua"),
    ("Python", "python", "bindings/python/hello.py"),
];

#[test]
fn the_first_program_works_as_it_says() {
    let server = Server::start(&[]);
    let workshop = Workshop::new();
    let (folder, library) = (workshop.folder(), workshop.library().display().to_string());
    assert!(text("demo/hello.c").lines().count() <= 20, "a first program has 20 lines");
    // The README's own two lines, with the folders that this test has in the place of those of a user.
    let readme = readme();
    let lines: Vec<&str> = between(&readme, "```sh\n", "```").lines().collect();
    assert_eq!(lines.len(), 2, "one line for the shared library, one for the static one");
    for line in lines {
        let line = line.replace("$PWD/target/release", &library).replace("target/release", &library);
        run(Command::new("sh").args(["-c", &line.replace("-o hello ", "-o $FOLDER/hello ")]).env("FOLDER", folder));
        assert_eq!(workshop.led_to(&server, &folder.join("hello")), "hello\n", "{line}");
    }
}

#[test]
fn the_hellos_side_by_side_are_the_files_that_are_run() {
    let readme = readme();
    let (begin, end) = ("readme:: -->\n", "<!-- end of hello -->");
    let shown = hellos();
    if std::env::var_os("RREDIS_BLESS").is_some() {
        let (before, rest) = readme.split_once(begin).expect("where they begin");
        let (_, after) = rest.split_once(end).expect("where they end");
        fs::write(root().join("README.md"), [before, begin, &shown, end, after].concat()).expect("README.md");
        return;
    }
    assert!(between(&readme, begin, end) == shown, "RREDIS_BLESS=1 writes them anew");
}

/// Two in a row of a table.
fn hellos() -> String {
    let cell = |(language, name, path): &(&str, &str, &str)| {
        // What a page prints stands at its end.
        let file = text(path);
        let program = file.split("\n// Prints:").next().unwrap_or_default().trim_end();
        format!("<td valign=\"top\">\n\n[{language}]({path})\n\n```{name}\n{program}\n```\n\n</td>")
    };
    let rows =
        HELLOS.chunks(2).map(|pair| format!("<tr>\n{}\n</tr>\n", pair.iter().map(cell).collect::<Vec<_>>().join("\n")));
    format!("<table>\n{}</table>\n", rows.collect::<String>())
}

#[test]
fn what_they_name_is_there() {
    let makefile = text("Makefile");
    for name in ["README.md", "TESTING.md", "SHAPES.md", "CONTRIBUTING.md", "SECURITY.md"] {
        let page = text(name);
        // A program that is shown has no links.
        let prose: String = page.split("\n```").step_by(2).collect();
        for target in prose.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let heading = target.strip_prefix('#').map(|place| format!("\n## {}", place.replace('-', " ")));
            let is_there = match heading {
                Some(heading) => page.to_lowercase().contains(&heading),
                None => target.contains("://") || root().join(target).exists(),
            };
            assert!(is_there, "{name} links to {target}");
        }
        let commands = page.split("`make ").skip(1).chain(page.split("\n    make ").skip(1));
        for target in commands.filter_map(|rest| rest.split(['`', ' ', '\n']).next()) {
            let target = target.replace("run-01", "run-%");
            assert!(target == "NAME" || makefile.contains(&format!("\n{target}:")), "{name} says make {target}");
        }
    }
}

#[test]
fn every_promise_is_tested() {
    let page = text("TESTING.md");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() > 10, "the table of promises is not there");
    for row in rows {
        let tests = row.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default();
        let names: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "nothing tests: {row}");
        for name in names.iter().filter(|name| !name.starts_with("make ")) {
            let files = match name.split_once("::") {
                Some((name, part)) => [format!("tests/{name}/{part}.rs"), format!("tests/{name}/{part}/mod.rs")],
                None => [format!("tests/{name}.rs"), format!("tests/{name}/main.rs")],
            };
            assert!(files.iter().any(|file| root().join(file).exists()), "there is no test {name}");
        }
    }
    // And what is tested is promised: each test stands in a row, alone or with all of its binary, except that of what the tests
    // themselves are made of.
    let tests = tests();
    assert!(tests.len() > 50, "only {} tests found", tests.len());
    for name in tests {
        let binary = name.split("::").next().unwrap_or_default();
        let is_promised = [&*name, binary].iter().any(|name| page.contains(&format!("`{name}`")));
        assert!(is_promised || name == "project::support_itself", "TESTING.md has no row for the test {name}");
    }
}

/// Each file of `tests` that has tests, as `wake` or `pool::conn`.
fn tests() -> Vec<String> {
    let mut tests = Vec::new();
    for path in files("tests") {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if path.join("main.rs").exists() {
            let parts = files(&format!("tests/{name}")).into_iter().filter(|part| {
                part.extension().is_some_and(|end| end == "rs")
                    && fs::read_to_string(part).expect("a test").contains("#[test]\n")
            });
            let part = |path: PathBuf| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            tests.extend(parts.map(part).map(|part| match &*part {
                "main" => name.clone(),
                part => format!("{name}::{part}"),
            }));
        } else if path.is_file() && path.extension().is_some_and(|end| end == "rs") {
            tests.push(name);
        }
    }
    tests
}

fn files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).expect("the tests");
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

#[test]
fn the_table_of_shapes_is_what_the_library_does() {
    let page = text("SHAPES.md");
    let start = page.find(SHAPES_HEAD).expect("a table of shapes") + SHAPES_HEAD.len();
    let table = shapes();
    if std::env::var_os("RREDIS_BLESS").is_some() {
        fs::write(root().join("SHAPES.md"), [&page[..start], &table].concat()).expect("SHAPES.md");
        return;
    }
    assert!(page[start..] == table, "RREDIS_BLESS=1 writes the table of shapes anew");
}

/// The README's examples of shapes are rows of the table.
#[test]
fn the_examples_of_shapes_are_the_tables() {
    let readme = readme();
    let examples = between(&readme, "| command | reply, in RESP2 and RESP3 |\n|---|---|\n", "\n\n");
    assert_eq!(examples.lines().count(), 5);
    for line in examples.lines() {
        let cells: Vec<&str> = line.trim_matches(['|', ' ']).split(" | ").collect();
        let [command, becomes] = cells[..] else { panic!("{line}") };
        let name = command.split(" ...").next().unwrap_or(command);
        let shape = (0..).map_while(|index| Some((shape::name(index)?, shape::description(index)?)));
        let described = shape.into_iter().find(|(other, _)| *other == name).map(|(_, becomes)| becomes);
        assert!(described.is_some_and(|described| described.contains(becomes)), "{line}: {described:?}");
    }
}

const SHAPES_HEAD: &str = "| reply | commands |\n|---|---|\n";

/// One line for each shape, with the commands that have it, in the order in which the library lists them.
fn shapes() -> String {
    let mut rows: Vec<(&str, Vec<&str>)> = Vec::new();
    for (name, becomes) in (0..).map_while(|index| Some((shape::name(index)?, shape::description(index)?))) {
        match rows.iter_mut().find(|(other, _)| *other == becomes) {
            Some((_, names)) => names.push(name),
            None => rows.push((becomes, vec![name])),
        }
    }
    let mut table = String::new();
    for (becomes, mut names) in rows {
        names.sort_unstable();
        writeln!(table, "| {becomes} | {} |", names.join(", ")).expect("a string can be written to");
    }
    table
}

fn readme() -> String {
    text("README.md")
}

fn text(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).unwrap_or_else(|| panic!("no {start:?} in the text"));
    rest.split_once(end).unwrap_or_else(|| panic!("no {end:?} behind {start:?}")).0
}
