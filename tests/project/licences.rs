//! Every dependency's licence is on a list, and what is linked into a program asks no more of it than to be named.
//!
//! `RREDIS_BLESS=1 cargo test --test project licences::` writes the list and THIRD-PARTY anew; read what changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::tools::{root, run};

/// Licences under which something linked into the library may come. One of the alternatives of a crate is enough.
const LINKED: [&str; 6] = ["MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Unicode-3.0"];

/// What may further be used by the tests, and leaves this folder with no program.
const TESTS_ONLY: [&str; 1] = ["MPL-2.0"];

const OPENING: &str = "# The licences of what librredis stands on

librredis itself is under the MIT licence (LICENSE). These crates are linked into it, or used to build it:

";

const BETWEEN: &str = "
And these are used by its tests alone:

";

#[test]
fn every_dependency_is_listed_with_its_licence() {
    let linked = crates("normal,build");
    let mut tests = crates("normal,build,dev");
    tests.retain(|name, _| !linked.contains_key(name));
    let list = format!("{OPENING}{}{BETWEEN}{}", table(&linked), table(&tests));

    let path = root().join("LICENCES.md");
    if std::env::var_os("RREDIS_BLESS").is_some() {
        fs::write(&path, &list).expect("the list can be written");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == list, "LICENCES.md is not what cargo tree says; it should be:\n{list}");
}

/// Whoever passes a program on passes these texts on with it: of everything that is linked, in full.
#[test]
fn the_texts_of_what_is_linked_are_there() {
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let folders = folders();
    let linked = tree("normal,no-proc-macro", SYSTEM, "{p}");
    let linked: BTreeSet<&str> = linked.lines().filter(|line| !line.contains('/')).collect();
    assert!(linked.len() > 15, "only {linked:?}");
    for package in linked {
        let name = package.trim_end_matches(" (*)").replace(" v", "-");
        let folder =
            folders.iter().find(|folder| folder.ends_with(&name)).unwrap_or_else(|| panic!("no folder of {name}"));
        for text in licence_texts(folder) {
            let of = texts.entry(text).or_default();
            if !of.contains(&name) {
                of.push(name.clone());
            }
        }
    }
    let mut parts: Vec<(String, String)> = texts.into_iter().map(|(text, names)| (names.join(", "), text)).collect();
    parts.sort();
    let rust = fs::read_to_string(root().join("packaging/rust-library.txt")).expect("the texts of Rust's own library");
    let rule = "-".repeat(88);
    let mut page = format!("{TEXTS}\n{rule}\nThe Rust standard library\n{rule}\n\n{}\n", rust.trim());
    for (names, text) in parts {
        page += &format!("\n{rule}\n{names}\n{rule}\n\n{text}\n");
    }
    let path = root().join("THIRD-PARTY");
    if std::env::var_os("RREDIS_BLESS").is_some() {
        fs::write(&path, &page).expect("the texts can be written");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "THIRD-PARTY is not what the crates say: RREDIS_BLESS=1 writes it anew");
}

const TEXTS: &str = "librredis itself is under the MIT licence: see LICENSE.

A program that has librredis in it, or comes with the shared library, has these works in it too. Where one of them offers
several licences, it is used under the one whose text stands here.
";

/// What is linked on one system is linked on each that the library runs on.
const SYSTEM: &str = "x86_64-unknown-linux-gnu";

/// Where the sources of every crate are.
fn folders() -> Vec<PathBuf> {
    let metadata = run(Command::new(env!("CARGO")).args(["metadata", "--locked", "--format-version", "1"]));
    let after = metadata.split("\"manifest_path\":\"").skip(1);
    let path = |rest: &str| Path::new(rest.split('"').next().unwrap_or_default()).parent().map(Path::to_owned);
    after.filter_map(path).collect()
}

/// The MIT licence alone where it is offered, otherwise all that a crate says of its licences.
fn licence_texts(folder: &Path) -> Vec<String> {
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder).expect("the sources of a crate") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
        if ["LICENSE", "LICENCE", "COPYING", "NOTICE", "COPYRIGHT"].iter().any(|start| name.starts_with(start)) {
            files.push(path);
        }
    }
    files.sort();
    assert!(!files.is_empty(), "{} has no licence", folder.display());
    if let Some(mit) = files.iter().find(|path| path.to_string_lossy().to_uppercase().ends_with("LICENSE-MIT")) {
        files = vec![mit.clone()];
    }
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_matches('\n').to_owned()
    };
    files.iter().map(read).collect()
}

#[test]
fn every_licence_is_one_that_we_may_use() {
    for (name, licence) in crates("normal,build") {
        assert!(suits(&licence, &LINKED), "{name} is linked, and its licence is {licence}");
    }
    let all = [&LINKED[..], &TESTS_ONLY].concat();
    for (name, licence) in crates("normal,build,dev") {
        assert!(suits(&licence, &all), "{name} is used by the tests, and its licence is {licence}");
    }
}

#[test]
fn what_suits() {
    assert!(suits("Unlicense OR MIT", &["MIT"]));
    assert!(suits("MIT/Apache-2.0", &["MIT"]));
    assert!(suits("(MIT OR Apache-2.0) AND Unicode-3.0", &["MIT", "Unicode-3.0"]));
    assert!(!suits("(MIT OR Apache-2.0) AND Unicode-3.0", &["MIT"]));
    assert!(!suits("GPL-3.0-only", &["MIT"]));
    assert!(!suits("", &["MIT"]));
}

/// Every crate behind these kinds of edges, for whatever machine, and its licence.
fn crates(edges: &str) -> BTreeMap<String, String> {
    let tree = tree(edges, "all", "{p}|{l}");
    let rows = tree.lines().filter_map(|line| {
        let (package, licence) = line.split_once('|')?;
        Some((package.split(' ').next()?.to_owned(), licence.to_owned()))
    });
    let mut crates: BTreeMap<String, String> = rows.collect();
    crates.remove(env!("CARGO_PKG_NAME"));
    assert!(!crates.is_empty(), "cargo tree said nothing");
    crates
}

/// A line in this format for each crate behind these kinds of edges.
fn tree(edges: &str, target: &str, format: &str) -> String {
    let arguments = ["--edges", edges, "--target", target, "--format", format, "--prefix", "none", "--no-dedupe"];
    run(Command::new(env!("CARGO")).args(["tree", "--locked"]).args(arguments))
}

/// Whether of every part that AND joins one alternative is among the accepted.
fn suits(licence: &str, accepted: &[&str]) -> bool {
    licence.split(" AND ").all(|part| {
        let part = part.trim_matches(['(', ')']).replace('/', " OR ");
        part.split(" OR ").any(|one| accepted.contains(&one.trim()))
    })
}

fn table(crates: &BTreeMap<String, String>) -> String {
    let rows = crates.iter().map(|(name, licence)| format!("| {name} | {licence} |\n"));
    ["| crate | licence |\n|---|---|\n".to_owned()].into_iter().chain(rows).collect()
}
