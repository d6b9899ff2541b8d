//! Where the tests are: each file is compiled, and has its line in tests/README.md, which is drawn from the heads of the files.
//!
//! `RREDIS_BLESS=1 cargo test --test tidy` writes the lines.

use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// What stands above it is written by hand.
const LIST: &str = "\n## The binaries\n";

#[test]
fn each_file_of_the_tests_has_its_line() {
    let path = Path::new(ROOT).join("tests/README.md");
    let page = fs::read_to_string(&path).expect("tests/README.md");
    let start = page.find(LIST).expect("a list of the binaries");
    let drawn = list();
    assert!(drawn.lines().count() > 150, "only {} lines", drawn.lines().count());
    if std::env::var_os("RREDIS_BLESS").is_some() {
        fs::write(&path, [&page[..start], &drawn].concat()).expect("tests/README.md");
        return;
    }
    let apart = page[start..].lines().zip(drawn.lines()).find(|(has, drawn)| has != drawn);
    let help = "RREDIS_BLESS=1 cargo test --test tidy writes the lines of tests/README.md anew";
    assert!(page[start..] == drawn, "{help}: {apart:?}");
}

/// What no `mod` line names is not compiled, and its tests are none.
#[test]
fn each_file_of_the_tests_is_compiled() {
    let mut lost = Vec::new();
    let mut count = 0;
    for path in files().iter().filter(|path| path.contains('/') && path.ends_with(".rs")) {
        let (folder, name) = path.rsplit_once('/').expect("it is in a folder");
        let name = name.trim_end_matches(".rs");
        // Those that others name by a path, and the first file of a binary.
        if matches!(name, "main" | "mod") {
            continue;
        }
        count += 1;
        let parents = [format!("{folder}/main.rs"), format!("{folder}/mod.rs"), format!("{folder}.rs")];
        let line = format!("mod {name};");
        let is_named = parents
            .iter()
            .filter_map(|parent| fs::read_to_string(tests().join(parent)).ok())
            .any(|text| text.lines().any(|other| other.strip_prefix("pub ").unwrap_or(other) == line));
        if !is_named {
            lost.push(format!("tests/{path}: no {line} in {}", parents.join(", ")));
        }
    }
    assert!(count > 80, "only {count} files found");
    assert!(lost.is_empty(), "\n{}\n", lost.join("\n"));
}

/// What a test reads is in the folder of its name beside it.
#[test]
fn each_text_of_the_tests_has_its_reader() {
    let is_text = |path: &&String| !is_listed(path) && *path != "README.md";
    for path in files().iter().filter(is_text) {
        let (folder, _) = path.rsplit_once('/').unwrap_or_else(|| panic!("tests/{path} is nobody's"));
        assert!(
            tests().join(format!("{folder}.rs")).exists(),
            "tests/{path} is nobody's: there is no tests/{folder}.rs"
        );
    }
}

fn tests() -> PathBuf {
    Path::new(ROOT).join("tests")
}

/// Every file, by its path below `tests`, in order.
fn files() -> Vec<String> {
    let mut paths = Vec::new();
    collect(&tests(), &mut paths);
    let below = |path: &PathBuf| path.strip_prefix(tests()).expect("below tests").to_string_lossy().into_owned();
    let mut files: Vec<String> = paths.iter().map(below).collect();
    files.sort();
    files
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of tests") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match path.is_dir() {
            // What an interpreter or an editor leaves behind is no file of the project's.
            true if name.starts_with(['.', '_']) => {}
            true => collect(&path, paths),
            false if name.starts_with('.') || name.ends_with('~') => {}
            false => paths.push(path),
        }
    }
}

/// Code has a head that says what it is for. What is listed beside it is text that code reads.
fn is_listed(path: &str) -> bool {
    let is_code = [".rs", ".c", ".cpp", ".hpp", ".go", ".lua", ".py", ".rb"].iter().any(|end| path.ends_with(end));
    is_code || path.ends_with(".h") && !path.starts_with("header/abi/")
}

/// The binaries of several files, those of one, and what none of them is.
fn list() -> String {
    let files = files();
    let has_main = |folder: &str| tests().join(folder).join("main.rs").exists();
    let mut folders: Vec<&str> = files.iter().filter_map(|path| Some(path.split_once('/')?.0)).collect();
    folders.dedup();
    let mut text = LIST.to_owned();
    for folder in folders.iter().filter(|folder| has_main(folder)) {
        text += &format!("\n`{folder}`: {}\n\n", head(&format!("{folder}/main.rs")));
        text += &lines(&files, |path| path.starts_with(&format!("{folder}/")) && !path.ends_with("/main.rs"));
    }
    text += "\n## Those that are alone in their process\n\n";
    text += &lines(&files, |path| !path.contains('/'));
    text += "\n## What they share\n\n";
    let is_shared = |path: &str| path.split_once('/').is_some_and(|(folder, _)| !has_main(folder));
    text + &lines(&files, is_shared)
}

fn lines(files: &[String], is_of: impl Fn(&str) -> bool) -> String {
    let of = files.iter().filter(|path| is_listed(path) && is_of(path));
    of.map(|path| format!("- [{path}]({path}): {}\n", head(path))).collect()
}

/// The first sentence of a file's first comment.
fn head(path: &str) -> String {
    let text = fs::read_to_string(tests().join(path)).expect("a file of the tests");
    let marks = ["//!", "//", "/*", "\"\"\"", "--", "#"];
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let mark = marks.iter().find(|mark| first.starts_with(**mark));
    let mark = mark.unwrap_or_else(|| panic!("tests/{path} does not begin by saying what it is for"));
    let mut said = first[mark.len()..].trim().to_owned();
    for line in lines {
        let ends = ["*/", "\"\"\""].iter().any(|end| said.ends_with(end));
        let inner = match *mark {
            "/*" => Some(line.trim_start().trim_start_matches("* ")),
            "\"\"\"" => Some(line),
            mark => line.strip_prefix(mark),
        };
        match inner.map(str::trim) {
            Some(inner) if !inner.is_empty() && !ends => said = format!("{said} {inner}"),
            _ => break,
        }
    }
    let said = said.trim_end_matches("*/").trim_end_matches("\"\"\"").trim();
    let sentence = said.split_inclusive(". ").next().unwrap_or_default().trim();
    assert!(sentence.ends_with(['.', ':']), "tests/{path} does not begin with a sentence: {said}");
    sentence.to_owned()
}
