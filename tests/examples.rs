//! The course in `examples-c`: every page compiles without a warning, runs, and prints what it says it prints.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::program::Workshop;
use support::server::Server;
use support::tools::{root, run};

#[test]
fn every_page_prints_what_it_says() {
    let server = Server::start(&[]);
    let workshop = Workshop::new();
    let redirect = redirect(workshop.folder());
    let mut wrong = String::new();
    for page in pages() {
        let program = workshop.compile(&page.display().to_string());
        let printed = redirected(&program, &redirect, &server);
        let promised = promised(&page);
        if printed != promised {
            wrong += &format!("{}\n-- promises --\n{promised}-- prints --\n{printed}\n", page.display());
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_readme_s_first_program_works_as_it_says() {
    let server = Server::start(&[]);
    let workshop = Workshop::new();
    let (folder, library) = (workshop.folder(), workshop.library());
    let redirect = redirect(folder);
    let readme = fs::read_to_string(root().join("README.md")).expect("there is a README");
    let program = between(&readme, "```c\n", "```");
    assert!(program.lines().count() <= 15, "a first program has 15 lines");
    fs::write(folder.join("hello.c"), program).expect("a temporary folder can be written");

    // The README's own two lines, with the folders that this test has in the place of those of a user.
    let lines: Vec<&str> = between(&readme, "```sh\n", "```").lines().collect();
    assert_eq!(lines.len(), 2, "one line for the shared library, one for the static one");
    for line in lines {
        let line = line.replace("$PWD/target/release", &library.display().to_string());
        let line = line.replace("target/release", &library.display().to_string());
        let line = line.replace("-o hello hello.c", "-o $FOLDER/hello $FOLDER/hello.c");
        run(Command::new("sh").args(["-c", &line]).env("FOLDER", folder));
        assert_eq!(redirected(&folder.join("hello"), &redirect, &server), "hello\n", "{line}");
    }
}

#[test]
fn every_page_is_short_and_has_its_four_parts() {
    let course = fs::read_to_string(root().join("examples-c/README.md")).expect("the course has a README");
    for page in pages() {
        let text = text(&page);
        let name = page.file_name().expect("a page has a name").to_string_lossy();
        assert!(text.lines().count() <= 60, "{name} is longer than 60 lines");
        assert!(text.starts_with(&format!("// {}. ", &name[..2])), "{name} does not begin with its number and title");
        assert!(text.contains("\n// New here: "), "{name} does not say what is new");
        assert!(
            text.contains(&format!("/target/examples/{}\n", name.trim_end_matches(".c"))),
            "{name}: how to run it?"
        );
        assert!(course.contains(&format!("]({name})")), "examples-c/README.md does not list {name}");
    }
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).unwrap_or_else(|| panic!("no {start:?} in the text"));
    rest.split_once(end).unwrap_or_else(|| panic!("no {end:?} behind {start:?}")).0
}

fn pages() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("examples-c")).expect("the course is there");
    let paths = entries.map(|entry| entry.expect("a folder can be read").path());
    let mut pages: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|end| end == "c")).collect();
    pages.sort();
    assert!(pages.len() >= 7, "the course has seven pages at least");
    pages
}

fn text(page: &Path) -> String {
    fs::read_to_string(page).expect("a page can be read")
}

/// What stands behind `// Prints:`, to the end of the page.
fn promised(page: &Path) -> String {
    let text = text(page);
    let (_, comment) =
        text.split_once("\n// Prints:\n").unwrap_or_else(|| panic!("{} promises nothing", page.display()));
    comment.lines().map(|line| format!("{}\n", line.strip_prefix("// ").unwrap_or_default())).collect()
}

/// What a program prints that speaks to 127.0.0.1:6379, when it is led to a server of the test's.
fn redirected(program: &Path, redirect: &Path, server: &Server) -> String {
    run(Command::new(program).env("LD_PRELOAD", redirect).env("RREDIS_PORT", server.port().to_string()))
}

/// The object that leads it there, to be preloaded.
fn redirect(folder: &Path) -> PathBuf {
    let object = folder.join("redirect.so");
    run(Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&object).args(["tools/redirect.c", "-ldl"]));
    object
}
