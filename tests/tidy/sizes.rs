//! What is too long to be read at once: a file, a function.

use super::source::{Source, body, sources};

/// A file that grows past this has two jobs, and the second wants a file of its own.
const FILE_LINES_MAX: usize = 400;
/// Files that are longer: none.
const LONG_FILES: &[&str] = &[];

/// Files that tools/commands/write writes.
const WRITTEN: [&str; 2] = ["commands/id.rs", "commands/table.rs"];

/// A function that grows past this is more than a screen.
const FUNCTION_LINES_MAX: usize = 60;
/// Functions that are longer, each behind its file. There are to be fewer.
const LONG_FUNCTIONS: &[&str] = &[];

#[test]
fn no_file_has_two_jobs() {
    let all = sources();
    // What a program writes is as long as what it lists.
    let by_hand = all.iter().filter(|source| !WRITTEN.contains(&source.path.as_str()));
    let files = by_hand.map(|source| (source.path.clone(), source.text.lines().count()));
    super::none(&too_long(files, FILE_LINES_MAX, LONG_FILES));
}

#[test]
fn no_function_is_more_than_a_screen() {
    let all = sources();
    let functions: Vec<(String, usize)> = all.iter().flat_map(functions).collect();
    assert!(functions.len() > 2000, "only {} functions found", functions.len());
    super::none(&too_long(functions.into_iter(), FUNCTION_LINES_MAX, LONG_FUNCTIONS));
}

#[test]
fn a_function_is_as_long_as_from_its_first_line_to_its_last() {
    let code = "fn one() {}\nimpl A {\n    pub(super) const fn two(\n        a: u8,\n    ) -> [u8; 2] {\n        if a {\n        }\n    }\n}\n\
                trait B {\n    fn three();\n}\nlet fn_four = 1;\nfn five()\n{\n}\n";
    let source =
        Source { path: "a.rs".to_owned(), text: code.to_owned(), code: code.to_owned(), shipped: code.to_owned() };
    let expected = [("a.rs one", 1), ("a.rs two", 6), ("a.rs five", 3)];
    assert_eq!(functions(&source), expected.map(|(name, lines)| (name.to_owned(), lines)));
}

/// Those with more lines than this, except for those that are allowed; and those that are allowed and need not be.
fn too_long(all: impl Iterator<Item = (String, usize)>, max: usize, allowed: &[&str]) -> Vec<String> {
    let (mut wrong, mut met) = (Vec::new(), Vec::new());
    for (name, lines) in all.filter(|(_, lines)| *lines > max) {
        match allowed.iter().find(|allowed| **allowed == name) {
            Some(allowed) => met.push(*allowed),
            None => wrong.push(format!("src/{name}: {lines} lines, more than {max}")),
        }
    }
    let unmet = allowed.iter().filter(|allowed| !met.contains(*allowed));
    wrong.extend(unmet.map(|name| format!("src/{name} has no more than {max} lines: it is no exception")));
    wrong
}

/// Each function with a body, behind its file, and how many lines it has.
fn functions(source: &Source) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for (at, _) in source.code.match_indices("fn ") {
        let before = source.code[..at].chars().next_back();
        let text = &source.code[at..];
        let name: String = text[3..].chars().take_while(|&letter| letter.is_alphanumeric() || letter == '_').collect();
        if name.is_empty() || before.is_some_and(|before| before.is_alphanumeric() || before == '_') {
            continue;
        }
        // An array's length within the signature has a `;` too.
        let mut depth = 0;
        let end = text.char_indices().find(|(_, letter)| {
            depth += i32::from("([".contains(*letter)) - i32::from(")]".contains(*letter));
            depth == 0 && "{;".contains(*letter)
        });
        let Some((open, '{')) = end else { continue };
        let lines = text[..open].matches('\n').count() + body(&text[open..]).matches('\n').count() + 1;
        found.push((format!("{} {name}", source.path), lines));
    }
    found
}
