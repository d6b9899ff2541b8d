//! Every dependency's licence is on a list, and what is linked into a program asks no more of it than to be named.
//!
//! `RREDIS_BLESS=1 cargo test --test project licences::` writes the list anew; read what changed.

use std::collections::BTreeMap;
use std::fs;
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
    let cargo = env!("CARGO");
    let tree = run(Command::new(cargo).args([
        "tree",
        "--locked",
        "--target",
        "all",
        "--edges",
        edges,
        "--prefix",
        "none",
        "--no-dedupe",
        "--format",
        "{p}|{l}",
    ]));
    let rows = tree.lines().filter_map(|line| {
        let (package, licence) = line.split_once('|')?;
        Some((package.split(' ').next()?.to_owned(), licence.to_owned()))
    });
    let mut crates: BTreeMap<String, String> = rows.collect();
    crates.remove(env!("CARGO_PKG_NAME"));
    assert!(!crates.is_empty(), "cargo tree said nothing");
    crates
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
