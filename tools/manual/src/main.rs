//! The manual, drawn from what the project has said already: `manual ROOT OUT`.
//!
//! The reference is include/rredis.h, read by its own grammar; beside it stand the guides, the course of examples-c and the
//! shapes of replies. OUT/rredis.html is one page that needs nothing else, and OUT/man3 has a page for each name of the
//! header. There are no dependencies, so that it is built anywhere by rustc alone.

mod course;
mod header;
mod html;
mod links;
mod man;
mod markdown;

use std::fs;
use std::io::{Error, Result};
use std::path::Path;

/// A piece of text, of the header or of a guide.
#[derive(Debug, PartialEq)]
pub enum Block {
    /// A heading: how deep, and its words.
    Heading(usize, String),
    Text(String),
    Code(String),
    /// Rows of a table, the first of which is its head where there is one.
    Rows {
        head: bool,
        rows: Vec<Vec<String>>,
    },
    List {
        numbered: bool,
        items: Vec<String>,
    },
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [root, out] = &arguments[..] else { return Err(Error::other("usage: manual ROOT OUT")) };
    let (root, out) = (Path::new(root), Path::new(out));
    let book = header::read(&fs::read_to_string(root.join("include/rredis.h"))?);
    let guides = markdown::guides(root)?;
    let course = course::read(&root.join("examples-c"))?;
    fs::create_dir_all(out.join("man3"))?;
    fs::write(out.join("rredis.html"), html::page(&book, &guides, &course))?;
    for (name, page) in man::pages(&book) {
        fs::write(out.join("man3").join(format!("{name}.3")), page)?;
    }
    Ok(())
}
