//! The header's grammar: a title page, chapters between rules, an opening, and declarations with their meaning above them.

use crate::Block;

pub struct Book {
    pub version: String,
    pub title: Vec<Block>,
    pub chapters: Vec<Chapter>,
}

pub struct Chapter {
    pub title: String,
    pub opening: Vec<Block>,
    pub items: Vec<Item>,
}

/// A function, a type or a handle.
pub struct Item {
    pub name: String,
    pub kind: Kind,
    pub doc: Vec<Block>,
    pub code: String,
    pub members: Vec<Member>,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Function,
    Enum,
    Struct,
    Callback,
    Handle,
}

/// An enumerator with its number, or a field of a struct with its type.
pub struct Member {
    pub name: String,
    pub code: String,
    pub meaning: String,
}

impl Book {
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.chapters.iter().flat_map(|chapter| &chapter.items)
    }
}

pub fn read(text: &str) -> Book {
    let (title, rest) = text.split_once("#ifndef RREDIS_H").expect("the header's guard");
    let title: Vec<&str> = title.lines().filter_map(|line| line.strip_prefix("//")).collect();
    let title: Vec<&str> = title.iter().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    let mut chapters: Vec<Chapter> = rest.split("\n// ---- ").skip(1).map(chapter).collect();
    // A struct that is declared ahead of its chapter has its place there.
    let defined: Vec<String> = chapters
        .iter()
        .flat_map(|chapter| &chapter.items)
        .filter(|item| item.kind == Kind::Struct)
        .map(|item| item.name.clone())
        .collect();
    for chapter in &mut chapters {
        chapter.items.retain(|item| item.kind != Kind::Handle || !defined.contains(&item.name));
    }
    Book { version: version(text), title: title_page(&title), chapters }
}

fn version(text: &str) -> String {
    let number = text.split("RREDIS_VERSION_OF_HEADER = 0x").nth(1).and_then(|rest| rest.get(..6)).expect("a version");
    let part = |at: usize| u8::from_str_radix(&number[at..at + 2], 16).expect("a number").to_string();
    [part(0), part(2), part(4)].join(".")
}

/// A line that stands alone above an indented one, and ends no sentence, is a heading; what is indented below it is its text.
fn title_page(lines: &[&str]) -> Vec<Block> {
    let is_indented = |at: usize| lines.get(at).is_some_and(|line| line.starts_with("  "));
    let is_heading = |at: usize| {
        let line = lines[at];
        !line.is_empty() && !line.starts_with(' ') && !line.ends_with([':', '.', ',']) && is_indented(at + 1)
    };
    let heads: Vec<usize> = (0..lines.len()).filter(|&at| is_heading(at)).collect();
    let mut page = blocks(&lines[..heads.first().copied().unwrap_or(lines.len())]);
    for (index, &head) in heads.iter().enumerate() {
        let end = heads.get(index + 1).copied().unwrap_or(lines.len());
        page.push(Block::Heading(2, lines[head].to_owned()));
        let body = &lines[head + 1..end];
        // A table under a heading is indented as the text of the others is.
        let is_table = cells(body[0]).is_some();
        let inner: Vec<&str> =
            body.iter().map(|line| if is_table { line } else { line.strip_prefix("  ").unwrap_or(line) }).collect();
        page.extend(blocks(&inner));
    }
    page
}

fn chapter(text: &str) -> Chapter {
    let (head, body) = text.split_once('\n').expect("a chapter's rule");
    let title = head.trim_end_matches('-').trim().to_owned();
    let body = body.split("#ifdef __cplusplus").next().unwrap_or(body);
    let lines: Vec<&str> = body.lines().collect();
    let is_opening = |line: &&&str| line.starts_with("//") && !line.starts_with("///");
    let opening: Vec<&str> = lines.iter().take_while(is_opening).map(|line| uncommented(line)).collect();
    let mut items = Vec::new();
    let mut rest = &lines[opening.len()..];
    while let Some(start) = rest.iter().position(|line| !line.trim().is_empty()) {
        rest = &rest[start..];
        let end = end_of(rest);
        items.push(item(&rest[..end]));
        rest = &rest[end..];
    }
    Chapter { title, opening: blocks(&opening), items }
}

/// How many lines the first declaration of these has, with what stands above it and the rest of what stands beside it.
fn end_of(lines: &[&str]) -> usize {
    let code = lines.iter().position(|line| !line.starts_with("//")).expect("a declaration behind its meaning");
    let is_block = lines[code].ends_with('{');
    let is_macro = lines[code].starts_with('#');
    let is_last = |line: &&str| match is_block {
        true => line.starts_with('}'),
        false if is_macro => !line.ends_with('\\'),
        false => line.split("//").next().unwrap_or("").trim_end().ends_with(';'),
    };
    let last = code + lines[code..].iter().position(is_last).expect("a declaration's end");
    let beside = lines[last + 1..].iter().take_while(|line| line.starts_with("   ")).count();
    last + 1 + beside
}

fn uncommented(line: &str) -> &str {
    let text = line.trim_start_matches('/');
    text.strip_prefix(' ').unwrap_or(text)
}

fn item(lines: &[&str]) -> Item {
    let count = lines.iter().take_while(|line| line.starts_with("///")).count();
    let doc: Vec<&str> = lines[..count].iter().map(|line| uncommented(line)).collect();
    let code = lines[count..].join("\n");
    let first = lines[count];
    let kind = match first {
        _ if first.starts_with("typedef enum") => Kind::Enum,
        _ if first.ends_with('{') => Kind::Struct,
        _ if first.starts_with("typedef struct") => Kind::Handle,
        _ if first.starts_with("typedef") => Kind::Callback,
        _ => Kind::Function,
    };
    let members = match kind {
        Kind::Enum | Kind::Struct => members(&lines[count + 1..lines.len() - 1]),
        _ => Vec::new(),
    };
    let mut item = Item { name: name(kind, first), kind, doc: blocks(&doc), code, members };
    if kind == Kind::Handle {
        let beside: Vec<&str> =
            lines.iter().filter_map(|line| line.split_once("// ")).map(|(_, text)| text.trim()).collect();
        item.doc = vec![Block::Text(sentence(&beside.join(" ")))];
        item.code = first.split("//").next().unwrap_or(first).trim_end().to_owned();
    }
    item
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().collect::<String>()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

fn name(kind: Kind, line: &str) -> String {
    let word = |text: &str| text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("").to_owned();
    let after = |mark: &str| line.split(mark).nth(1).map(&word).unwrap_or_default();
    match kind {
        Kind::Enum => after("enum "),
        Kind::Struct | Kind::Handle => after("struct "),
        Kind::Callback => after("(*"),
        Kind::Function => {
            let head = line.split('(').next().unwrap_or(line);
            head.rsplit([' ', '*']).next().unwrap_or(head).to_owned()
        }
    }
}

/// What stands between the braces: the meaning is beside a member, or above it.
fn members(lines: &[&str]) -> Vec<Member> {
    let mut members: Vec<Member> = Vec::new();
    let (mut above, mut code) = (String::new(), String::new());
    for line in lines {
        if let Some(text) = line.trim_start().strip_prefix("///") {
            join(&mut above, text.trim());
            continue;
        }
        let (now, beside) = line.split_once("//").unwrap_or((line, ""));
        if now.trim().is_empty() {
            join(&mut members.last_mut().expect("a member before the rest of its meaning").meaning, beside.trim());
            continue;
        }
        join(&mut code, now.trim());
        if code.ends_with([';', ',']) && code.matches('(').count() == code.matches(')').count() {
            let mut meaning = std::mem::take(&mut above);
            join(&mut meaning, beside.trim());
            let code = std::mem::take(&mut code).trim_end_matches([';', ',']).to_owned();
            members.push(Member { name: member_name(&code), code, meaning });
        }
    }
    members
}

fn member_name(code: &str) -> String {
    let head = match code.split_once("(*") {
        Some((_, rest)) => rest.split(')').next().unwrap_or(rest),
        None => code
            .split([' ', '='])
            .next()
            .filter(|word| word.starts_with("RREDIS_"))
            .unwrap_or_else(|| code.split('[').next().unwrap_or(code).rsplit([' ', '*']).next().unwrap_or(code)),
    };
    head.to_owned()
}

fn join(text: &mut String, more: &str) {
    if !text.is_empty() && !more.is_empty() {
        text.push(' ');
    }
    text.push_str(more);
}

/// Paragraphs, and between them what is indented: a table where a name and its meaning stand apart, otherwise code.
pub fn blocks(lines: &[&str]) -> Vec<Block> {
    let mut made = Vec::new();
    for part in lines.split(|line| line.trim().is_empty()).filter(|part| !part.is_empty()) {
        let mut rest = part;
        while !rest.is_empty() {
            let is_deep = rest[0].starts_with("  ");
            let end = rest.iter().position(|line| line.starts_with("  ") != is_deep).unwrap_or(rest.len());
            made.push(if is_deep { set_off(&rest[..end]) } else { Block::Text(rest[..end].join(" ")) });
            rest = &rest[end..];
        }
    }
    made
}

fn set_off(lines: &[&str]) -> Block {
    let indent = lines[0].len() - lines[0].trim_start().len();
    let deeper = |line: &str| line.len() - line.trim_start().len() > indent;
    let is_table = lines.iter().all(|line| deeper(line) || cells(line).is_some());
    if !is_table || lines.iter().any(|line| cells(line).is_some_and(|cells| cells.len() > 2)) {
        return Block::Code(lines.iter().map(|line| line.get(indent..).unwrap_or(line)).collect::<Vec<_>>().join("\n"));
    }
    let mut rows: Vec<Vec<String>> = Vec::new();
    for line in lines {
        match (deeper(line), rows.last_mut()) {
            (true, Some(row)) => join(row.last_mut().expect("a cell"), line.trim()),
            _ => rows.push(cells(line).unwrap_or_else(|| vec![line.trim().to_owned()])),
        }
    }
    // Names of enumerators under a word for them all.
    let shouts = |row: &Vec<String>| row[0].chars().next().is_some_and(char::is_uppercase);
    let head = rows.len() > 1 && !shouts(&rows[0]) && rows[1..].iter().all(shouts);
    Block::Rows { head, rows }
}

/// A name and its meaning, with two spaces or more between them; one, where the names fill their column.
fn cells(line: &str) -> Option<Vec<String>> {
    let text = line.trim();
    let cells: Vec<String> =
        text.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect();
    if cells.len() > 1 {
        return Some(cells);
    }
    let shouts = |word: &str| word.chars().all(|c| c.is_uppercase() || c == '_');
    let names = text
        .split_inclusive(", ")
        .take_while(|part| shouts(part.trim_end_matches(", ")) || shouts(part.split(' ').next().unwrap_or("")));
    let length: usize = names
        .map(|part| if part.ends_with(", ") { part.len() } else { part.split(' ').next().unwrap_or("").len() })
        .sum();
    let (name, meaning) = text.split_at(length);
    (length > 2 && meaning.starts_with(' ')).then(|| vec![name.to_owned(), meaning.trim().to_owned()])
}
