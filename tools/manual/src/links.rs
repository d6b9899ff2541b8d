//! Words into HTML: what has a place of its own in the manual becomes a link to it.

use std::collections::HashMap;

use crate::header::Book;

/// What the manual has a place for, and the place.
pub struct Links(HashMap<String, String>);

impl Links {
    pub fn new(book: &Book) -> Links {
        let mut known = HashMap::new();
        for item in book.items() {
            known.insert(item.name.clone(), item.name.clone());
            for member in item.members.iter().filter(|member| member.name.starts_with("RREDIS_")) {
                known.insert(member.name.clone(), member.name.clone());
            }
        }
        Links(known)
    }

    /// Text of the header, or code: every known name in it is a link.
    pub fn plain(&self, text: &str) -> String {
        let mut page = String::new();
        let mut word = String::new();
        for letter in text.chars().chain(['\0']) {
            if letter.is_ascii_alphanumeric() || letter == '_' {
                word.push(letter);
                continue;
            }
            match self.0.get(&word) {
                Some(place) => page += &format!("<a href=\"#{place}\">{word}</a>"),
                None => page += &word,
            }
            word.clear();
            if letter != '\0' {
                page += &escaped(&letter.to_string());
            }
        }
        page
    }

    /// A line of Markdown.
    pub fn marked(&self, text: &str) -> String {
        let mut page = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['`', '[', '*']) {
            let (before, found) = rest.split_at(at);
            page += &escaped(before);
            let (html, taken) = self.mark(found);
            page += &html;
            rest = &found[taken..];
        }
        page + &escaped(rest)
    }

    /// What a mark begins, and its length; the mark itself where nothing ends it.
    fn mark(&self, text: &str) -> (String, usize) {
        let between = |mark: &str| {
            let inner = text.strip_prefix(mark)?.split_once(mark)?.0;
            (!inner.is_empty() && !inner.starts_with(' ')).then_some(inner)
        };
        if let Some(inner) = between("`") {
            return (format!("<code>{}</code>", self.plain(inner)), inner.len() + 2);
        }
        if let Some(inner) = between("**") {
            return (format!("<b>{}</b>", self.marked(inner)), inner.len() + 4);
        }
        if let Some(inner) = between("*") {
            return (format!("<i>{}</i>", self.marked(inner)), inner.len() + 2);
        }
        if let Some((label, target)) = link(text) {
            let html = match place(target) {
                Some(place) => format!("<a href=\"{place}\">{}</a>", self.marked(label)),
                None => self.marked(label),
            };
            return (html, label.len() + target.len() + 4);
        }
        (escaped(&text[..1]), 1)
    }
}

fn link(text: &str) -> Option<(&str, &str)> {
    let (label, rest) = text.strip_prefix('[')?.split_once("](")?;
    Some((label, rest.split_once(')')?.0))
}

/// Where a link of a guide leads in the manual: to another guide, to a page of the course, or to the reference. What is in the
/// repository alone is named without a link.
fn place(target: &str) -> Option<String> {
    if target.contains("://") {
        return Some(escaped(target));
    }
    let (path, part) = target.split_once('#').unwrap_or((target, ""));
    let file = path.rsplit('/').next().unwrap_or(path);
    match file.rsplit_once('.') {
        Some((name, "md")) if path.contains("examples-c") && name == "README" => Some("#course".to_owned()),
        Some((name, "md")) if !path.starts_with("../") || name == "SHAPES" => {
            let name = name.to_lowercase();
            Some(if part.is_empty() { format!("#guide-{name}") } else { format!("#guide-{name}-{part}") })
        }
        Some((name, "c")) if path.contains("examples-c/") && !path.contains("loops") => Some(format!("#page-{name}")),
        Some(("rredis", "h")) => Some("#reference".to_owned()),
        None if path.is_empty() => Some(format!("#{part}")),
        _ => None,
    }
}

/// What stands in an address for a heading.
pub fn slug(text: &str) -> String {
    let word = |c: char| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let slug: String = text.chars().filter(|c| c.is_alphanumeric() || *c == ' ' || *c == '-').map(word).collect();
    slug.trim_matches('-').to_owned()
}

pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
