//! The Markdown that the guides are written in: headings, paragraphs, lists, tables, code, and links.

use std::fs;
use std::io::Result;
use std::path::Path;

use crate::Block;

pub struct Guide {
    /// The file's name without its ending, such as from-hiredis.
    pub name: String,
    pub title: String,
    pub blocks: Vec<Block>,
}

/// In this order, and others behind them by their names.
const ORDER: [&str; 5] =
    ["from-hiredis", "from-redis-py", "threads-fork-signals", "when-the-network-breaks", "writing-a-binding"];

/// The guides, and the table of shapes behind them.
pub fn guides(root: &Path) -> Result<Vec<Guide>> {
    let entries = fs::read_dir(root.join("guides"))?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let mut files: Vec<_> =
        entries.into_iter().filter(|path| path.extension().is_some_and(|end| end == "md")).collect();
    let stem = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    files.sort_by_key(|path| {
        let name = stem(path);
        (ORDER.iter().position(|other| *other == name).unwrap_or(ORDER.len()), name)
    });
    files.push(root.join("SHAPES.md"));
    files.iter().map(|path| Ok(guide(stem(path).to_lowercase(), &fs::read_to_string(path)?))).collect()
}

fn guide(name: String, text: &str) -> Guide {
    let mut blocks = read(text);
    let title = match blocks.first() {
        Some(Block::Heading(1, _)) => match blocks.remove(0) {
            Block::Heading(_, title) => title,
            _ => unreachable!("it was looked at"),
        },
        _ => name.clone(),
    };
    Guide { name, title, blocks }
}

pub fn read(text: &str) -> Vec<Block> {
    let lines: Vec<&str> = text.lines().collect();
    let mut blocks = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let (block, taken) = first(&lines[at..]);
        blocks.extend(block);
        at += taken;
    }
    blocks
}

/// The block that these lines begin with, and how many of them it has.
fn first(lines: &[&str]) -> (Option<Block>, usize) {
    let line = lines[0];
    if line.trim().is_empty() || line.starts_with("<!--") {
        return (None, 1);
    }
    if line.starts_with("```") {
        let end = lines[1..].iter().position(|line| line.starts_with("```")).map_or(lines.len() - 1, |end| end);
        return (Some(Block::Code(lines[1..=end].join("\n"))), end + 2);
    }
    let count = |is_of: &dyn Fn(&str) -> bool| lines.iter().take_while(|line| is_of(line)).count();
    if line.starts_with("    ") {
        let taken = count(&|line| line.starts_with("    "));
        let code: Vec<&str> = lines[..taken].iter().map(|line| &line[4..]).collect();
        return (Some(Block::Code(code.join("\n"))), taken);
    }
    let depth = line.chars().take_while(|c| *c == '#').count();
    if depth > 0 && line[depth..].starts_with(' ') {
        return (Some(Block::Heading(depth, line[depth..].trim().to_owned())), 1);
    }
    if line.starts_with('|') {
        let taken = count(&|line| line.starts_with('|'));
        return (Some(table(&lines[..taken])), taken);
    }
    if let Some(numbered) = bullet(line) {
        let taken = count(&|line| !line.trim().is_empty() && (bullet(line).is_some() || line.starts_with("  ")));
        return (Some(list(&lines[..taken], numbered)), taken);
    }
    let taken = 1 + lines[1..].iter().take_while(|line| continues(line)).count();
    (Some(Block::Text(lines[..taken].iter().map(|line| line.trim()).collect::<Vec<_>>().join(" "))), taken)
}

fn continues(line: &str) -> bool {
    !line.trim().is_empty() && !line.starts_with(['#', '|']) && !line.starts_with("```") && bullet(line).is_none()
}

/// Whether a line begins an item, and of a list with numbers.
fn bullet(line: &str) -> Option<bool> {
    if line.starts_with("- ") || line.starts_with("* ") {
        return Some(false);
    }
    let digits = line.chars().take_while(char::is_ascii_digit).count();
    (digits > 0 && line[digits..].starts_with(". ")).then_some(true)
}

fn list(lines: &[&str], numbered: bool) -> Block {
    let mut items: Vec<String> = Vec::new();
    for line in lines {
        match bullet(line) {
            Some(_) => items.push(line.split_once(' ').map_or("", |(_, text)| text).trim().to_owned()),
            None => {
                if let Some(item) = items.last_mut() {
                    *item = format!("{item} {}", line.trim());
                }
            }
        }
    }
    Block::List { numbered, items }
}

fn table(lines: &[&str]) -> Block {
    let cells = |line: &&str| {
        let inner = line.trim().trim_matches('|').replace("\\|", "\u{1}");
        inner.split('|').map(|cell| cell.trim().replace('\u{1}', "|")).collect::<Vec<String>>()
    };
    let is_rule = |line: &&str| line.chars().all(|c| "|-: ".contains(c));
    let head = lines.get(1).is_some_and(is_rule);
    Block::Rows { head, rows: lines.iter().filter(|line| !is_rule(line)).map(cells).collect() }
}
