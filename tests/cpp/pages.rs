//! The course in `examples-cpp`: every page compiles without a warning, runs, and prints what it says it prints.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::program::Workshop;
use crate::support::server::Server;
use crate::support::tools::{root, run};
use crate::{first, others, sources, stem};

#[test]
fn every_page_prints_what_it_says() {
    let (server, workshop) = (Server::start(&[]), Workshop::new());
    let mut wrong = String::new();
    for page in sources("examples-cpp") {
        let (name, promised) = (stem(&page), promised(&page));
        // One with arguments is about servers of another kind, which the script knows: a cluster, Sentinels, TLS.
        let printed = if text(&page).contains("main(int argc") {
            run(Command::new("tools/examples").args(["cpp", &name[..2]]))
        } else {
            let program = workshop.folder().join(&name);
            first().links(&page, &program, workshop.library(), &[]);
            workshop.led_to(&server, &program)
        };
        if printed != promised {
            wrong += &format!("{}\n-- promises --\n{promised}-- prints --\n{printed}\n", page.display());
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_compiler_takes_every_page() {
    for page in sources("examples-cpp") {
        others().into_iter().for_each(|compiler| compiler.checks(&page));
    }
}

#[test]
fn every_page_is_short_and_has_its_four_parts() {
    let course = fs::read_to_string(root().join("examples-cpp/README.md")).expect("the course has a README");
    let pages = sources("examples-cpp");
    assert!(pages.len() >= 10, "the course has ten pages at least");
    for page in pages.iter().filter(|page| stem(page) != "hello") {
        let (text, name) = (text(page), stem(page));
        assert!(text.lines().count() <= 60, "{name} is longer than 60 lines");
        assert!(text.starts_with(&format!("// {}. ", &name[..2])), "{name} does not begin with its number and title");
        assert!(text.contains("\n// New here: "), "{name} does not say what is new");
        assert!(text.contains(&format!("make run-cpp-{}", &name[..2])), "{name}: how to run it?");
        assert!(course.contains(&format!("]({name}.cpp)")), "examples-cpp/README.md does not list {name}");
    }
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

/// The README's program is the shortest page.
#[test]
fn the_readme_shows_hello() {
    let hello = text(&root().join("examples-cpp/hello.cpp"));
    let (program, _) = hello.split_once("\n// Prints:\n").expect("hello says what it prints");
    let readme = fs::read_to_string(root().join("README.md")).expect("a README");
    assert!(readme.contains(&format!("```cpp\n{program}```")), "README.md shows another program than hello.cpp");
}
