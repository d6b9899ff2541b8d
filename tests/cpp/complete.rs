//! The C++ header has all of the C header, and nothing that leaks from it.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::support::tools::{root, run};

/// A function of C that no C++ calls is one that a C++ program cannot reach.
#[test]
fn every_function_of_the_c_header_is_called() {
    let declared = declared();
    let called: BTreeSet<String> = files().iter().flat_map(|(_, text)| names(text)).collect();
    let missing: Vec<&String> = declared.difference(&called).collect();
    assert!(missing.is_empty(), "rredis.hpp does not reach {missing:?}");
}

/// The functions of the C header.
pub fn declared() -> BTreeSet<String> {
    let header = fs::read_to_string(root().join("include/rredis.h")).expect("the C header");
    let declared = calls(&header);
    assert!(declared.len() > 100, "only {} functions found", declared.len());
    declared
}

/// Every chapter is in the umbrella, and each stands alone.
#[test]
fn each_chapter_can_be_included_alone() {
    let umbrella = fs::read_to_string(root().join("include/rredis.hpp")).expect("the umbrella");
    for (name, _) in files() {
        assert!(umbrella.contains(&format!("#include \"{name}\"")) || name == "rredis.hpp", "{name} is not included");
        let unit = format!("echo '#include <{name}>' | g++ -std=c++17 -Wall -Wextra -I include -fsyntax-only -x c++ -");
        run(Command::new("sh").args(["-c", &unit]));
    }
}

/// All that it defines is in its namespace: no macro, and no name beside.
#[test]
fn it_leaves_no_macro_behind() {
    assert_eq!(macros("rredis.hpp"), macros("rredis.h"));
    for (name, text) in files() {
        assert!(text.contains("\n#pragma once\n"), "{name} may be included twice");
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{name} has a long line");
    }
}

/// The macros of ours that are left when a header has been read.
fn macros(header: &str) -> Vec<String> {
    let line = format!("echo '#include <{header}>' | g++ -std=c++17 -I include -dM -E -x c++ -");
    let all = run(Command::new("sh").args(["-c", &line]));
    all.lines().filter(|line| line.to_lowercase().contains("rredis")).map(str::to_owned).collect()
}

/// The umbrella and the chapters, without their comments, as they are named in an #include.
fn files() -> Vec<(String, String)> {
    let mut names = vec!["rredis.hpp".to_owned()];
    let chapters = fs::read_dir(root().join("include/rredis")).expect("the chapters");
    names.extend(chapters.map(|entry| format!("rredis/{}", entry.expect("an entry").file_name().to_string_lossy())));
    names.retain(|name| name.ends_with(".hpp"));
    assert!(names.len() > 10, "only {} files found", names.len());
    let text = |name: &String| fs::read_to_string(root().join("include").join(name)).expect("a header");
    let code =
        |text: String| text.lines().map(|line| line.split("//").next().unwrap_or("").to_owned() + "\n").collect();
    names.into_iter().map(|name| (name.clone(), code(text(&name)))).collect()
}

/// The functions that a text declares: names of ours before a parenthesis.
fn calls(text: &str) -> BTreeSet<String> {
    let code: String = text.lines().map(|line| line.split("//").next().unwrap_or("").to_owned() + "\n").collect();
    let before = |(at, _)| code[..at].rsplit(|letter: char| !is_part(letter)).next().map(str::to_owned);
    code.match_indices('(').filter_map(before).filter(|name| name.starts_with("rredis_")).collect()
}

/// The names of ours in a text.
fn names(text: &str) -> BTreeSet<String> {
    text.split(|letter| !is_part(letter)).filter(|word| word.starts_with("rredis_")).map(str::to_owned).collect()
}

fn is_part(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}
