//! include/rredis.h is drawn from src/ffi, and reads well: fresh, whole and clean.
//!
//! `RREDIS_BLESS=1 cargo test --test header` writes it.

pub mod drawing;

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Output};

use crate::prototypes::PATH;

#[test]
fn it_is_fresh() {
    let drawn = drawing::header();
    if std::env::var_os("RREDIS_BLESS").is_some() {
        fs::write(PATH, &drawn).expect("include/rredis.h");
    }
    let committed = fs::read_to_string(PATH).unwrap_or_default();
    let apart = committed.lines().zip(drawn.lines()).position(|(committed, drawn)| committed != drawn);
    let line = apart.map_or(committed.lines().count().min(drawn.lines().count()), |line| line) + 1;
    assert!(
        committed == drawn,
        "include/rredis.h is not what src/ffi says from line {line} on: RREDIS_BLESS=1 writes it anew"
    );
}

/// Plain cbindgen draws the same declarations, so no chapter lost one or told it otherwise.
#[test]
fn it_has_every_declaration_of_plain_cbindgen() {
    let undressed = |text: &str| {
        let code: String = text.lines().map(|line| line.split("//").next().unwrap_or("").to_owned() + " ").collect();
        let code = code.replace("0x080000", "524288").replace("struct ", "").replace("enum ", "").replace("( ", "(");
        crate::prototypes::single_spaced(code.trim().trim_end_matches(';'))
    };
    let plain: BTreeSet<String> = drawing::declarations().values().map(|one| undressed(one)).collect();
    let committed: BTreeSet<String> = crate::prototypes::declarations().iter().map(|one| undressed(one)).collect();
    assert_eq!(plain.difference(&committed).collect::<Vec<_>>(), Vec::<&String>::new(), "not in the header");
    assert_eq!(committed.difference(&plain).collect::<Vec<_>>(), Vec::<&String>::new(), "only in the header");
}

/// The strictest compilers of each language have nothing to say.
#[test]
fn it_is_clean() {
    let strict = ["-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"];
    clean("gcc", &["-std=c99", "-x", "c"], &strict);
    clean("g++", &["-std=c++11", "-x", "c++"], &strict);
    clean("clang", &["-std=c99", "-x", "c"], &strict);
    clean("clang", &["-std=c99", "-x", "c"], &["-Weverything", "-Werror", "-fsyntax-only"]);
    clean(
        "clang++",
        &["-std=c++17", "-x", "c++"],
        &["-Weverything", "-Wno-c++98-compat-pedantic", "-Werror", "-fsyntax-only"],
    );
}

/// Includes nothing but two headers of every C, and defines nothing but its guard and the one macro for arguments.
#[test]
fn it_asks_for_nothing() {
    let text = crate::prototypes::text();
    let asks: Vec<&str> =
        text.lines().filter(|line| line.starts_with("#include") || line.starts_with("#define")).collect();
    let allowed = ["#define RREDIS_H", "#include <stddef.h>", "#include <stdint.h>", "#define RREDIS_TEXTS(...) \\"];
    assert_eq!(asks, allowed);
    assert!(text.lines().count() <= 1890, "{} lines", text.lines().count());
    let wide: Vec<&str> = text.lines().filter(|line| line.len() > 88).collect();
    assert!(wide.is_empty(), "wider than a screen: {wide:#?}");
}

/// A chapter has at most 160 lines, except those named here; a reader comes to the clients soon.
#[test]
fn its_chapters_are_short() {
    let text = crate::prototypes::text();
    let longer = [("Clients", 212), ("Option names", 185), ("Pipelines", 190)];
    for chapter in text.split("\n// ---- ").skip(1) {
        let title = chapter.split(" --").next().expect("a title");
        let bound = longer.iter().find(|(name, _)| *name == title).map_or(160, |(_, bound)| *bound);
        let lines = chapter.lines().count();
        assert!(lines <= bound, "the chapter {title} has {lines} lines, and may have {bound}");
    }
    let clients = text.lines().position(|line| line.starts_with("// ---- Clients ")).expect("a chapter of clients");
    assert!(clients <= 364, "a reader comes to the clients in line {clients}");
}

/// The header's comments name the noun, and join no two thoughts.
#[test]
fn its_words_are_plain() {
    let text = crate::prototypes::text();
    let comments =
        text.lines().filter_map(|line| line.split_once("//").map(|(_, comment)| comment.trim_start_matches('/')));
    let prose = comments.collect::<Vec<_>>().join(" ").to_lowercase();
    let words: Vec<&str> =
        prose.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).collect();
    let prose = format!(" {} ", words.join(" "));
    for banned in ["but", "nobody", "somebody", "so many", "so much", "on loan", "as above", "said no"] {
        let at = prose.find(&format!(" {banned} "));
        let around = at.map(|at| prose[at..].chars().take(80).collect::<String>());
        assert_eq!(around, None, "the header says {banned:?}: name the noun; write \"except\", \"borrowed\", a number");
    }
}

/// Header, library and package say one version.
#[test]
fn it_has_the_packages_version() {
    let parts: Vec<u32> = env!("CARGO_PKG_VERSION").split('.').map(|part| part.parse().expect("a number")).collect();
    let number = parts[0] << 16 | parts[1] << 8 | parts[2];
    assert!(crate::prototypes::text().contains(&format!("RREDIS_VERSION_OF_HEADER = {number:#08x},")));
    assert_eq!(rredis::ffi::version::rredis_version_number(), number);
}

fn clean(compiler: &str, language: &[&str], options: &[&str]) {
    let mut command = Command::new(compiler);
    command.args(language).args(options).args(["-include", PATH, "/dev/null"]);
    let output = said(&mut command, if compiler == "clang++" { "clang" } else { compiler });
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{compiler} {language:?}: {said}");
}

/// What a program said that not every machine has, and that comes with this package.
fn said(command: &mut Command, package: &str) -> Output {
    command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}: install the package {package} (make test does)"))
}

/// An option has the same number and the same name on both sides, and so have a count and a status.
#[test]
fn its_numbers_are_the_rooms_numbers() {
    let (mut options, mut stats, mut statuses) = (0, 0, 0);
    for line in crate::prototypes::plain().lines() {
        let Some((name, number)) = line.trim().trim_end_matches(',').split_once(" = ") else { continue };
        if let Some(name) = name.strip_prefix("RREDIS_OPTION_") {
            let key = rredis::options::Key::from_number(number.parse().expect("a number"));
            let known = key.map_or("", |key| key.name()).to_uppercase();
            assert_eq!(name.replace("_MS", ""), known);
            options += 1;
        }
        if name.starts_with("RREDIS_STAT_") {
            let stat = rredis::stats::Stat::from_number(number.parse().expect("a number"));
            let known = stat.map_or(String::new(), |stat| format!("{stat:?}"));
            assert_eq!(name.trim_start_matches("RREDIS_STAT_").replace('_', ""), known.to_uppercase());
            stats += 1;
        }
        if let Some(name) = name.strip_prefix("RREDIS_ERR_") {
            let status = rredis::error::Status::from_number(number.parse().expect("a number"));
            assert_eq!(status.map(rredis::error::Status::name), Some(name));
            statuses += 1;
        }
    }
    assert!(options > 40 && stats > 20, "{options} options, {stats} counts");
    assert_eq!(statuses, rredis::error::Status::ALL.len());
}
