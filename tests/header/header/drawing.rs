//! The header, drawn: cbindgen's declarations, dealt into chapters by the file that defines them.

use std::collections::{BTreeMap, HashMap};
use std::fs;

/// How wide the header is.
const COLUMNS: usize = 88;

/// The whole header, as it should be.
pub fn header() -> String {
    let mut declarations = declarations();
    let (chapters, ahead) = told_in_time(chapters(), &declarations);
    let mut page = comment(&title_page());
    page.push_str(OPENING);
    for chapter in chapters {
        if chapter.title == "Clients" {
            page.push_str(&banner("Arguments"));
            page.push_str(ARGUMENTS);
        }
        page.push_str(&banner(&chapter.title));
        if !chapter.text.is_empty() {
            page.push_str("//\n");
            page.push_str(&comment(&chapter.text));
        }
        page.push('\n');
        let mut named = |name: &str| {
            let drawn = declarations
                .remove(name)
                .unwrap_or_else(|| panic!("{name} is in src/ffi, and cbindgen did not draw it"));
            if ahead.contains_key(name) { without_typedef(name, &drawn) } else { drawn }
        };
        let drawn: Vec<String> = chapter.names.iter().map(|name| named(name)).collect();
        let (handles, others): (Vec<_>, Vec<_>) = drawn.iter().partition(|drawn| is_handle(drawn));
        if !handles.is_empty() {
            page.push_str(&handle_block(&handles, &ahead));
        }
        page.push_str(&others.iter().map(|drawn| format!("{}\n", laid_out(drawn))).collect::<String>());
    }
    assert!(declarations.is_empty(), "no file of src/ffi defines {:?}", declarations.keys());
    page.push_str(CLOSING);
    page
}

const OPENING: &str = "
#ifndef RREDIS_H
#define RREDIS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern \"C\" {
#endif

";

/// The one function-like macro, which C needs and Rust cannot declare.
const ARGUMENTS: &str = r#"
/// The parameters argc, argv and argv_len of a function, from texts that end in a NUL:
///
///   rredis_client_command(client, RREDIS_TEXTS("GET", key), &reply, &err);
///
/// An array that you have, such as main's argv, is passed as (const char *const *)argv.
/// In C11, rredis_args.h takes numbers and bytes too.
#define RREDIS_TEXTS(...) \
    sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *), \
    (const char *const[]){__VA_ARGS__}, NULL

"#;

const CLOSING: &str = "#ifdef __cplusplus
}
#endif

#endif // RREDIS_H; drawn from src/ffi by tests/header
";

/// One file of src/ffi with its folder, or the page of the handles.
struct Chapter {
    title: String,
    text: Vec<String>,
    names: Vec<String>,
}

/// cbindgen's declarations by name, without the tags that their typedefs make needless.
pub fn declarations() -> HashMap<String, String> {
    let root = env!("CARGO_MANIFEST_DIR");
    let config = cbindgen::Config::from_file(format!("{root}/cbindgen.toml")).expect("cbindgen.toml");
    let bindings = cbindgen::Builder::new().with_crate(root).with_config(config).generate().expect("cbindgen");
    let mut drawn = Vec::new();
    bindings.write(&mut drawn);
    let drawn = String::from_utf8(drawn).expect("text");
    drawn.split("\n\n").map(str::trim).filter(|one| !one.is_empty()).map(|one| (name(one), untagged(one))).collect()
}

/// The name that a declaration declares.
fn name(declaration: &str) -> String {
    let code: String = declaration.lines().filter(|line| !line.starts_with("///")).collect();
    let found = match (code.find("(*"), code.find('(')) {
        _ if code.starts_with("typedef") && !code.contains("(*rredis_") => {
            let end = code.trim_end_matches(';');
            return end.rsplit([' ', '*']).next().expect("a name").to_owned();
        }
        (Some(pointer), Some(open)) if pointer <= open => {
            &code[pointer + 2..code[pointer..].find(')').expect("closed") + pointer]
        }
        (_, Some(open)) => code[..open].rsplit([' ', '*']).next().expect("a name"),
        _ => panic!("what is this? {declaration}"),
    };
    found.to_owned()
}

/// `struct rredis_x *` becomes `rredis_x *`, but where it declares itself, or points at itself.
fn untagged(declaration: &str) -> String {
    let own = name(declaration);
    let mut lines = Vec::new();
    for line in declaration.lines() {
        if line.trim_start().starts_with("/// ```") {
            continue;
        }
        let mut line = line.to_owned();
        let declares = line.starts_with("typedef") && (line.ends_with('{') || !line.contains('('));
        for tag in ["struct ", "enum "] {
            let pointed = format!("const {tag}{own} *");
            if !line.trim_start().starts_with("//") && !declares && !line.contains(&pointed) {
                line = line.replace(&format!("{tag}rredis_"), "rredis_");
            }
        }
        lines.push(line);
    }
    lines.join("\n")
}

fn chapters() -> Vec<Chapter> {
    let mut chapters = Vec::new();
    let mut handles = Vec::new();
    for file in source("ffi/mod.rs").lines().filter_map(|line| line.strip_prefix("pub mod ")) {
        // The options' enumerators, and their values, fill chapters of their own, ahead of the functions that take them.
        for part in ["option", "option_values"].into_iter().filter(|_| file == "options;") {
            let text = source(&format!("ffi/{part}.rs"));
            let names = defined(&text).into_iter().map(|(_, name)| name).collect();
            let mut sign = sign(&text);
            chapters.push(Chapter { title: sign.remove(0), text: sign.split_off(1), names });
        }
        let file = file.trim_end_matches(';').trim_start_matches("r#");
        let text = source(&format!("ffi/{file}.rs"));
        let mut sign = sign(&text);
        let title = sign.remove(0);
        if sign.first().is_some_and(String::is_empty) {
            sign.remove(0);
        }
        // The node is below the roof, for the whole crate reads it; its chapter is the replies'.
        let text = if file == "reply" { source("reply/node.rs") + &text } else { text + &parts(file) };
        let mut names = defined(&text);
        handles.extend(names.extract_if(.., |(kind, _)| *kind == "handle").map(|(_, name)| name));
        names.sort_by_key(|(kind, _)| *kind == "fn");
        chapters.push(Chapter { title, text: sign, names: names.into_iter().map(|(_, name)| name).collect() });
    }
    handles.sort();
    chapters.insert(1, Chapter { title: "Handles".to_owned(), text: Vec::new(), names: handles });
    chapters
}

/// The files in the folder of a chapter's own, in order.
fn parts(file: &str) -> String {
    let path = |name: &str| format!("ffi/{file}/{name}");
    let folder = format!("{}/src/{}", env!("CARGO_MANIFEST_DIR"), path(""));
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names.iter().filter(|name| name.ends_with(".rs")).map(|name| source(&path(name))).collect()
}

fn source(path: &str) -> String {
    let path = format!("{}/src/{path}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The `//!` lines that a file begins with, without the fences that tell rustdoc that a table is no code.
fn sign(source: &str) -> Vec<String> {
    let lines = source.lines().map_while(|line| line.strip_prefix("//!")).filter(|line| !line.starts_with(" ```"));
    lines.map(|line| line.strip_prefix(' ').unwrap_or(line).to_owned()).collect()
}

fn title_page() -> Vec<String> {
    sign(&source("ffi/mod.rs"))
}

/// What a file gives to C, in its order: what kind of thing it is, and its name.
fn defined(source: &str) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let mut laid_out = false;
    for line in source.lines() {
        let words: Vec<&str> = line.split([' ', '(', '{', ';', ':']).filter(|word| !word.is_empty()).collect();
        let named = words.iter().copied().find(|word| word.starts_with("rredis_"));
        laid_out |= line == "#[repr(C)]";
        let kind =
            match line {
                _ if line.starts_with("pub type") => "type",
                _ if line.starts_with("pub enum") || line.starts_with("pub struct") => {
                    if std::mem::take(&mut laid_out) { "type" } else { "handle" }
                }
                _ if line.starts_with("pub") && line.contains("extern \"C\" fn") => "fn",
                _ => continue,
            };
        found.extend(named.map(|name| (kind, name.to_owned())));
    }
    found
}

fn banner(title: &str) -> String {
    let start = format!("// ---- {title} ");
    format!("{start}{}\n", "-".repeat(COLUMNS - start.len()))
}

fn comment(lines: &[String]) -> String {
    lines.iter().map(|line| format!("// {line}").trim_end().to_owned() + "\n").collect()
}

fn is_handle(drawn: &str) -> bool {
    drawn
        .lines()
        .last()
        .is_some_and(|line| line.starts_with("typedef struct ") && line.ends_with(';') && !line.contains('('))
}

/// The handles, a line each, and the structs that are declared ahead of their chapters.
fn handle_block(handles: &[&String], ahead: &BTreeMap<String, String>) -> String {
    let mut members = Vec::new();
    for drawn in handles {
        let (doc, code): (Vec<&str>, Vec<&str>) = drawn.lines().partition(|line| line.starts_with("///"));
        members.push((joined(&doc), code.concat()));
    }
    let declared = ahead.iter().map(|(name, chapter)| {
        (format!("a struct, defined in the chapter {chapter}"), format!("typedef struct {name} {name};"))
    });
    let declared: Vec<_> = declared.collect();
    beside(&members) + "\n" + &beside(&declared) + "\n"
}

/// A struct whose typedef was declared ahead of it.
fn without_typedef(name: &str, drawn: &str) -> String {
    drawn
        .replace(&format!("typedef struct {name} {{"), &format!("struct {name} {{"))
        .replace(&format!("\n}} {name};"), "\n};")
}

/// C needs a type before its use, and a reader needs the chapters in another order. A type that one earlier chapter uses moves
/// to that chapter. A type that several earlier chapters use moves to the shared types. A struct stays in its chapter, and is
/// declared ahead among the handles. The second result has the names of those structs, and the titles of their chapters.
fn told_in_time(
    mut chapters: Vec<Chapter>,
    declarations: &HashMap<String, String>,
) -> (Vec<Chapter>, BTreeMap<String, String>) {
    let code = |name: &str| -> String {
        let lines = declarations.get(name).into_iter().flat_map(|drawn| drawn.lines());
        lines.filter(|line| !line.trim_start().starts_with("//")).collect()
    };
    let mut ahead = BTreeMap::new();
    let (mut shared, mut moved) = (Vec::new(), Vec::new());
    for own in 0..chapters.len() {
        for name in chapters[own].names.clone() {
            let drawn = code(&name);
            if !drawn.starts_with("typedef") || is_handle(&drawn) {
                continue;
            }
            let uses = |chapter: &Chapter| {
                chapter
                    .names
                    .iter()
                    .any(|other| code(other).split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name))
            };
            let earlier: Vec<usize> = (0..own).filter(|&at| uses(&chapters[at])).collect();
            if earlier.is_empty() {
                continue;
            }
            if drawn.contains('{') && drawn.contains("struct") {
                ahead.insert(name, chapters[own].title.clone());
                continue;
            }
            chapters[own].names.retain(|other| *other != name);
            match earlier[..] {
                [one] => {
                    let first = chapters[one].names.iter().take_while(|other| moved.contains(*other)).count();
                    moved.push(name.clone());
                    chapters[one].names.insert(first, name);
                }
                _ => shared.push(name),
            }
        }
    }
    let replies = chapters.iter().position(|chapter| chapter.title == "Replies").expect("a chapter of replies");
    let text = "Types that several chapters use.".to_owned();
    chapters.insert(replies + 1, Chapter { title: "Shared types".to_owned(), text: vec![text], names: shared });
    (chapters, ahead)
}

/// One declaration: members with their meaning beside them, prototypes wrapped.
fn laid_out(drawn: &str) -> String {
    let lines: Vec<&str> = drawn.lines().collect();
    let Some(start) = lines.iter().position(|line| line.ends_with('{')) else {
        return lines.iter().map(|line| wrapped(line)).collect();
    };
    let mut page: String = lines[..=start].iter().map(|line| format!("{line}\n")).collect();
    let body = &lines[start + 1..lines.len() - 1];
    if body.iter().any(|line| line.contains("(*")) {
        page.push_str(&body.iter().map(|line| wrapped(line)).collect::<String>());
    } else {
        page.push_str(&beside(&members(body)));
    }
    page + lines[lines.len() - 1] + "\n"
}

fn members(body: &[&str]) -> Vec<(String, String)> {
    let mut members = Vec::new();
    let mut doc = Vec::new();
    for line in body {
        match line.trim_start().starts_with("///") {
            true => doc.push(*line),
            false => members.push((joined(&std::mem::take(&mut doc)), versioned(line))),
        }
    }
    members
}

/// A version is read in hexadecimal.
fn versioned(line: &str) -> String {
    match line.trim_end_matches(',').split_once("RREDIS_VERSION_OF_HEADER = ") {
        Some((before, number)) => {
            format!("{before}RREDIS_VERSION_OF_HEADER = {:#08x},", number.parse::<u32>().expect("a number"))
        }
        None => (*line).to_owned(),
    }
}

fn joined(doc: &[&str]) -> String {
    doc.iter().map(|line| line.trim_start().trim_start_matches('/').trim()).collect::<Vec<_>>().join(" ")
}

/// Members, and beside each its meaning, one under the other.
fn beside(members: &[(String, String)]) -> String {
    let column = members.iter().map(|(_, code)| code.len()).max().unwrap_or(0) + 2;
    let mut page = String::new();
    for (doc, code) in members {
        let mut line = code.clone();
        let mut text = String::new();
        for word in doc.split(' ') {
            if !text.is_empty() && column + 3 + text.len() + 1 + word.len() > COLUMNS {
                page.push_str(&format!("{line:column$}// {text}\n"));
                line.clear();
                text.clear();
            }
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(word);
        }
        page.push_str(format!("{line:column$}// {text}").trim_end());
        page.push('\n');
    }
    page
}

/// A line of code, cut between parameters where it is too long.
fn wrapped(line: &str) -> String {
    if line.trim_start().starts_with("//") {
        return format!("{line}\n");
    }
    let indent = line.len() - line.trim_start().len() + 4;
    let mut page = String::new();
    let mut row = String::new();
    for piece in line.split_inclusive(", ") {
        if !row.trim().is_empty() && row.len() + piece.trim_end().len() > COLUMNS {
            page.push_str(row.trim_end());
            page.push('\n');
            row = " ".repeat(indent);
        }
        row.push_str(piece);
    }
    page + row.trim_end() + "\n"
}
