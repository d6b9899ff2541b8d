//! The manual pages: one for each function and type, and rredis(3) for the library as a whole.

use crate::Block;
use crate::header::{Book, Chapter, Item, Kind};

/// Names and texts.
pub fn pages(book: &Book) -> Vec<(String, String)> {
    let mut pages = vec![("rredis".to_owned(), library(book))];
    for chapter in &book.chapters {
        pages.extend(chapter.items.iter().map(|item| (item.name.clone(), page(book, chapter, item))));
    }
    pages
}

fn head(book: &Book, name: &str, meaning: &str) -> String {
    let title = name.to_uppercase();
    // A name is never cut at the end of a line.
    format!(
        ".TH {title} 3 \"\" \"librredis {}\" \"librredis\"\n.nh\n.ad l\n.SH NAME\n{name} \\- {}\n",
        book.version,
        line(meaning)
    )
}

fn library(book: &Book) -> String {
    let mut page = head(book, "rredis", "a Redis and Valkey client for C, C++ and every language that can call C");
    page += ".SH SYNOPSIS\n.nf\n.B #include <rredis.h>\n.PP\ncc program.c $(pkg\\-config \\-\\-cflags \\-\\-libs rredis)\n.fi\n.SH DESCRIPTION\n";
    page += opening(&blocks(book.title.get(1..).unwrap_or_default()));
    for chapter in &book.chapters {
        page += &format!(".SH {}\n", line(&chapter.title.to_uppercase()));
        page += opening(&blocks(&chapter.opening));
        let names: Vec<String> = chapter.items.iter().map(|item| reference(&item.name)).collect();
        page += &format!(".PP\n{}\n", joined(&names));
    }
    page
}

fn page(book: &Book, chapter: &Chapter, item: &Item) -> String {
    let mut page = head(book, &item.name, meaning(item));
    page += ".SH SYNOPSIS\n.nf\n.B #include <rredis.h>\n.PP\n";
    page += &format!("{}\n.fi\n", verbatim(&synopsis(item)));
    page += ".SH DESCRIPTION\n";
    page += opening(&blocks(&item.doc));
    // The fields of a struct have stood in the synopsis.
    if item.kind == Kind::Enum {
        page += ".SH VALUES\n";
        for member in &item.members {
            page += &format!(".TP\n.B {}\n{}\n", line(&member.code).replace('"', "\\(dq"), line(&member.meaning));
        }
    }
    let prefix = format!("{}_", item.name);
    let mut others: Vec<&str> = match item.kind {
        // A handle's own functions, wherever they stand.
        Kind::Handle => {
            book.items().filter(|other| other.name.starts_with(&prefix)).map(|other| &*other.name).collect()
        }
        _ => chapter.items.iter().map(|other| &*other.name).filter(|name| *name != item.name).collect(),
    };
    others.sort_unstable();
    others.push("rredis");
    let others: Vec<String> = others.iter().map(|name| reference(name)).collect();
    page + &format!(".SH SEE ALSO\n{}\n", joined(&others))
}

/// The first sentence, as what stands behind the dash of a page's name.
fn meaning(item: &Item) -> &str {
    let text = item.doc.iter().find_map(|block| match block {
        Block::Text(text) => Some(text.as_str()),
        _ => None,
    });
    let text = text.unwrap_or("a type");
    let end = text.find(". ").or_else(|| text.find(": ")).unwrap_or(text.len());
    text[..end].trim_end_matches(['.', ':'])
}

/// The members of an enumeration have a chapter of their own.
fn synopsis(item: &Item) -> String {
    match item.kind {
        Kind::Enum => format!("typedef enum {0} {{ ... }} {0};", item.name),
        _ => item.code.clone(),
    }
}

fn reference(name: &str) -> String {
    format!(".BR {name} (3)")
}

fn joined(references: &[String]) -> String {
    references.join(" ,\n")
}

/// A chapter's heading begins a paragraph by itself.
fn opening(text: &str) -> &str {
    text.strip_prefix(".PP\n").unwrap_or(text)
}

fn blocks(blocks: &[Block]) -> String {
    blocks.iter().map(block).collect()
}

fn block(block: &Block) -> String {
    match block {
        Block::Heading(_, text) => format!(".SS {}\n", line(text)),
        Block::Text(text) => format!(".PP\n{}\n", line(text)),
        Block::Code(text) => format!(".PP\n.RS 2\n.nf\n{}\n.fi\n.RE\n", verbatim(text)),
        Block::List { items, .. } => items.iter().map(|item| format!(".IP \\(bu 2\n{}\n", line(item))).collect(),
        Block::Rows { rows, .. } => {
            let row = |cells: &Vec<String>| format!(".TP\n.I {}\n{}\n", line(&cells[0]), line(&cells[1..].join("  ")));
            rows.iter().map(row).collect()
        }
    }
}

/// Text on one line, where nothing begins a request.
fn line(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

fn verbatim(text: &str) -> String {
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}
