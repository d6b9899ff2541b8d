//! The course: the pages of examples-c, each a program with what it shows on top.

use std::fs;
use std::io::Result;
use std::path::Path;

pub struct Page {
    /// The file's name without its ending, such as 01_ping.
    pub name: String,
    pub title: String,
    /// The paragraphs under the title.
    pub words: Vec<String>,
    pub code: String,
}

pub fn read(folder: &Path) -> Result<Vec<Page>> {
    let mut files: Vec<_> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.retain(|path| path.extension().is_some_and(|end| end == "c"));
    files.sort();
    files
        .iter()
        .map(|path| Ok(page(&path.file_stem().unwrap_or_default().to_string_lossy(), &fs::read_to_string(path)?)))
        .collect()
}

fn page(name: &str, text: &str) -> Page {
    let head: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("//")).map(str::trim).collect();
    let code = text.lines().skip(head.len()).collect::<Vec<_>>().join("\n").trim().to_owned();
    let title = head.first().map_or(name, |line| line).trim_end_matches('.').to_owned();
    let words = head.get(1..).unwrap_or_default().split(|line| line.is_empty()).filter(|part| !part.is_empty());
    let is_for_files = |part: &&[&str]| part[0].starts_with("New here") || part[0].starts_with("Run it");
    let words = words.filter(|part| !is_for_files(part)).map(|part| part.join(" ")).collect();
    Page { name: name.to_owned(), title, words, code }
}
