//! The course in `examples-c`: every page compiles without a warning, runs, and prints what it says it prints.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::tools::{root, run};

#[test]
fn every_page_prints_what_it_says() {
    let mut wrong = String::new();
    for page in pages() {
        // As `make run-NN` runs it: against a server of its own, that speaks TLS or is killed where the page is about that.
        let printed = run(Command::new("tools/examples").arg(&name(&page)[..2]));
        let promised = promised(&page);
        if printed != promised {
            wrong += &format!("{}\n-- promises --\n{promised}-- prints --\n{printed}\n", page.display());
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_page_is_short_and_has_its_four_parts() {
    let course = fs::read_to_string(root().join("examples-c/README.md")).expect("the course has a README");
    for page in pages() {
        let text = text(&page);
        let name = name(&page);
        assert!(text.lines().count() <= 60, "{name} is longer than 60 lines");
        assert!(text.starts_with(&format!("// {}. ", &name[..2])), "{name} does not begin with its number and title");
        assert!(text.contains("\n// New here: "), "{name} does not say what is new");
        assert!(text.contains(&format!("/target/examples/{}", name.trim_end_matches(".c"))), "{name}: how to run it?");
        assert!(course.contains(&format!("]({name})")), "examples-c/README.md does not list {name}");
    }
}

fn pages() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("examples-c")).expect("the course is there");
    let paths = entries.map(|entry| entry.expect("a folder can be read").path());
    let mut pages: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|end| end == "c")).collect();
    pages.sort();
    assert!(pages.len() >= 10, "the course has ten pages at least");
    pages
}

fn name(page: &Path) -> String {
    page.file_name().expect("a page has a name").to_string_lossy().into_owned()
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
