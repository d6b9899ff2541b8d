//! Rust source as the rules see it: what is code, what is not, and what is only there for tests.

use std::fs;
use std::path::{Path, PathBuf};

/// One file of `src`.
pub struct Source {
    /// Its path below `src`, as `resp/scan.rs`.
    pub path: String,
    pub text: String,
    /// The text with comments and the insides of literals blanked out, line for line.
    pub code: String,
    /// `code` without what is compiled for tests alone.
    pub shipped: String,
}

impl Source {
    /// Its room: the first part of its path.
    pub fn room(&self) -> &str {
        self.path.split(['/', '.']).next().unwrap_or(&self.path)
    }
}

/// Every file of `src`, in order.
pub fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    paths.sort();
    let mut sources: Vec<Source> = paths.iter().map(|path| source(&root, path)).collect();
    let tests: Vec<String> = sources.iter().flat_map(test_files).collect();
    for source in &mut sources {
        if tests.iter().any(|test| source.path == format!("{test}.rs") || source.path.starts_with(&format!("{test}/")))
        {
            source.shipped.clear();
        }
    }
    sources
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("src") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => collect(&path, paths),
            false if path.extension().is_some_and(|end| end == "rs") => paths.push(path),
            false => {}
        }
    }
}

fn source(root: &Path, path: &Path) -> Source {
    let text = fs::read_to_string(path).expect("a file of src");
    let path = path.strip_prefix(root).expect("below src").to_string_lossy().into_owned();
    let code = blanked(&text);
    let shipped = without_tests(&code);
    Source { path, text, code, shipped }
}

/// The files that a `#[cfg(test)] mod name;` of this one brings in, without their `.rs`.
fn test_files(source: &Source) -> Vec<String> {
    let folder = match source.path.strip_suffix("/mod.rs").or(source.path.strip_suffix(".rs")) {
        Some("lib") => String::new(),
        Some(folder) => format!("{folder}/"),
        None => String::new(),
    };
    let items = source.code.split("#[cfg(test)]").skip(1);
    let modules = items.filter_map(|item| {
        let head = item.split(';').next()?.trim();
        let name = head.rsplit("mod ").next()?;
        let is_file = head.contains("mod ") && name.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
        is_file.then(|| format!("{folder}{name}"))
    });
    modules.collect()
}

/// The code without the items that `#[cfg(test)]` stands before, line for line.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut shipped = String::new();
    let mut rest = code;
    while let Some(at) = rest.find(MARK) {
        shipped.push_str(&rest[..at]);
        let item = &rest[at..];
        let end = item_end(item);
        shipped.extend(item[..end].chars().filter(|&letter| letter == '\n'));
        rest = &item[end..];
    }
    shipped + rest
}

/// Where an item ends: at its `;`, or at the brace that closes its body.
fn item_end(item: &str) -> usize {
    let mut depth = 0;
    for (at, letter) in item.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 && (letter == ';' || letter == '}') {
            return at + 1;
        }
    }
    item.len()
}

/// The body of a function whose signature this text begins with: what is between its outermost braces.
pub fn body(text: &str) -> &str {
    let start = text.find('{').unwrap_or(text.len());
    let end = start + item_end(&text[start..]);
    text.get(start + 1..end - 1).unwrap_or("")
}

/// Comments and the insides of literals become spaces.
fn blanked(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < letters.len() {
        let end = literal_end(&letters, at);
        match end > at {
            true => code.extend(letters[at..end].iter().map(|&letter| if letter == '\n' { '\n' } else { ' ' })),
            false => code.push(letters[at]),
        }
        at = end.max(at + 1);
    }
    code
}

/// Where the comment or literal that begins here ends; `at` where none does.
fn literal_end(letters: &[char], at: usize) -> usize {
    let rest = &letters[at..];
    let find = |mark: &str, from: usize| -> usize {
        let mark: Vec<char> = mark.chars().collect();
        let found = rest.get(from..).and_then(|rest| rest.windows(mark.len()).position(|window| window == mark));
        found.map_or(letters.len(), |found| at + from + found + mark.len())
    };
    let in_word = at > 0 && (letters[at - 1].is_alphanumeric() || letters[at - 1] == '_');
    match rest {
        ['/', '/', ..] => find("\n", 0).saturating_sub(1),
        ['/', '*', ..] => find("*/", 2),
        ['r', '#', '"', ..] if !in_word => find("\"#", 3),
        ['r', '"', ..] if !in_word => find("\"", 2),
        ['"', ..] => string_end(letters, at),
        ['\'', '\\', ..] => find("'", 3),
        ['\'', _, '\'', ..] => at + 3,
        _ => at,
    }
}

fn string_end(letters: &[char], start: usize) -> usize {
    let mut at = start + 1;
    while at < letters.len() && letters[at] != '"' {
        at += if letters[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(letters.len())
}
