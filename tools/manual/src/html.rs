//! The manual as one page: a side bar, what is found, the guides, the course and the reference.

use crate::Block;
use crate::course::Page;
use crate::header::{Book, Chapter, Item, Kind};
use crate::links::{Links, escaped, slug};
use crate::markdown::Guide;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

pub fn page(book: &Book, guides: &[Guide], course: &[Page]) -> String {
    let links = Links::new(book);
    let mut page = format!(
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>\n<meta name=viewport content=\"width=device-width, initial-scale=1\">\n\
         <title>librredis {version}</title>\n<style>\n{STYLE}</style></head>\n<body>\n{bar}\n<main>\n",
        version = book.version,
        bar = bar(book, guides, course),
    );
    page += &format!(
        "<section id=start class=entry data-name=\"librredis\"><h1>librredis <small>{}</small></h1>\n\
         <p class=lead>A Redis and Valkey client for C, C++ and every language that can call C.</p>\n{}</section>\n",
        book.version,
        title(book, &links)
    );
    page += "<h2 class=part id=guides>Guides</h2>\n";
    page.extend(guides.iter().map(|guide| self::guide(guide, &links)));
    page += "<h2 class=part id=course>Course</h2>\n<p>Each page is one whole program with one new idea. Read them in order; copy what you need.</p>\n";
    page.extend(course.iter().map(|one| lesson(one, &links)));
    page += "<h2 class=part id=reference>Reference</h2>\n<p>All that <code>rredis.h</code> declares.</p>\n";
    page.extend(book.chapters.iter().map(|chapter| self::chapter(chapter, &links)));
    page + &format!("</main>\n<script>\n{SCRIPT}</script>\n</body></html>\n")
}

fn bar(book: &Book, guides: &[Guide], course: &[Page]) -> String {
    let mut bar = format!(
        "<header id=top><button id=menu aria-label=\"Contents\" aria-expanded=false aria-controls=bar><i></i><i></i><i></i></button>\
         <a class=brand href=\"#start\">librredis <small>{}</small></a></header>\n<nav id=bar aria-label=\"Contents\">\n\
         <div id=find><input id=query type=search placeholder=\"Search\" aria-label=\"Search the manual\" autocomplete=off spellcheck=false>\
         <kbd>/</kbd></div>\n<div id=found hidden></div>\n<div id=contents>\n<a class=brand href=\"#start\">librredis <small>{}</small></a>\n",
        book.version, book.version
    );
    let group = |title: &str, place: &str, rows: String| format!("<h3><a href=\"#{place}\">{title}</a></h3>\n{rows}");
    let rows = guides.iter().map(|guide| format!("<a href=\"#guide-{}\">{}</a>\n", guide.name, escaped(&guide.title)));
    bar += &group("Guides", "guides", rows.collect());
    let rows = course.iter().map(|one| format!("<a href=\"#page-{}\">{}</a>\n", one.name, escaped(&one.title)));
    bar += &format!(
        "{}<details><summary>{} pages</summary>\n{}</details>\n",
        group("Course", "course", String::new()),
        course.len(),
        rows.collect::<String>()
    );
    let rows = book.chapters.iter().map(|chapter| {
        let names = chapter.items.iter().map(|item| format!("<a href=\"#{0}\">{0}</a>\n", item.name));
        format!(
            "<details><summary><a href=\"#{}\">{}</a></summary>\n{}</details>\n",
            place(chapter),
            escaped(&chapter.title),
            names.collect::<String>()
        )
    });
    bar + &group("Reference", "reference", rows.collect()) + "</div>\n</nav>\n<div id=veil></div>"
}

fn title(book: &Book, links: &Links) -> String {
    let plain = |text: &str| links.plain(text);
    // The first line of all says what the library is, as the page has just done.
    blocks(book.title.get(1..).unwrap_or_default(), "start", &plain)
}

fn place(chapter: &Chapter) -> String {
    format!("chapter-{}", slug(&chapter.title))
}

fn guide(guide: &Guide, links: &Links) -> String {
    let place = format!("guide-{}", guide.name);
    let marked = |text: &str| links.marked(text);
    format!(
        "<section id=\"{place}\" class=entry data-name=\"{title}\"><h2>{title}</h2>\n{}</section>\n",
        in_parts(&guide.blocks, &place, &guide.title, &marked, links),
        title = escaped(&guide.title)
    )
}

/// A guide's chapters are found each by itself.
fn in_parts(all: &[Block], place: &str, title: &str, inline: &dyn Fn(&str) -> String, links: &Links) -> String {
    let is_part = |block: &Block| matches!(block, Block::Heading(2, _));
    let first = all.iter().position(is_part).unwrap_or(all.len());
    let code = |text: &str| links.plain(text);
    let mut page = blocks_with(&all[..first], place, inline, &code);
    let mut rest = &all[first..];
    while let Some(Block::Heading(_, head)) = rest.first() {
        let end = 1 + rest[1..].iter().position(is_part).unwrap_or(rest.len() - 1);
        page += &format!(
            "<div id=\"{place}-{}\" class=entry data-name=\"{}\" data-of=\"{}\"><h3>{}</h3>\n{}</div>\n",
            slug(head),
            escaped(&head.replace('`', "")),
            escaped(title),
            inline(head),
            blocks_with(&rest[1..end], place, inline, &code)
        );
        rest = &rest[end..];
    }
    page
}

fn lesson(page: &Page, links: &Links) -> String {
    let words = page.words.iter().map(|text| format!("<p>{}</p>\n", links.plain(text)));
    format!(
        "<section id=\"page-{}\" class=\"entry lesson\" data-name=\"{title}\" data-of=Course><h3>{title}</h3>\n{}\
         <details><summary>examples-c/{}.c</summary>\n<pre><code>{}</code></pre></details></section>\n",
        page.name,
        words.collect::<String>(),
        page.name,
        links.plain(&page.code),
        title = escaped(&page.title)
    )
}

fn chapter(chapter: &Chapter, links: &Links) -> String {
    let plain = |text: &str| links.plain(text);
    let place = place(chapter);
    format!(
        "<section class=chapter><div id=\"{place}\" class=entry data-name=\"{title}\" data-of=Reference><h2>{title}</h2>\n{}</div>\n{}</section>\n",
        blocks(&chapter.opening, &place, &plain),
        chapter.items.iter().map(|item| self::item(item, &chapter.title, links)).collect::<String>(),
        title = escaped(&chapter.title),
    )
}

/// The declaration of a function or of a callback, whose parameters a narrow screen shows one on a line.
fn parameters(code: &str) -> String {
    let Some((head, (inside, tail))) =
        code.rsplit_once('(').and_then(|(head, rest)| Some((head, rest.rsplit_once(')')?)))
    else {
        return format!("<pre class=declared><code>{code}</code></pre>\n");
    };
    let each = |part: &str| {
        let text = part.trim_start();
        format!("{}<span>{text}", &part[..part.len() - text.len()])
    };
    let all = inside.split(',').map(each).collect::<Vec<_>>().join(",</span>");
    format!("<pre class=\"declared function\"><code>{head}({all}</span>){tail}</code></pre>\n")
}

fn item(item: &Item, chapter: &str, links: &Links) -> String {
    let plain = |text: &str| links.plain(text);
    // A name of its own is no link to itself.
    let own = format!("<a href=\"#{0}\">{0}</a>", item.name);
    let code = links.plain(&item.code).replacen(&own, &format!("<b>{}</b>", item.name), 1).replace(&own, &item.name);
    let code = match item.kind {
        Kind::Enum => String::new(),
        Kind::Function | Kind::Callback => parameters(&code),
        Kind::Struct | Kind::Handle => format!("<pre class=declared><code>{code}</code></pre>\n"),
    };
    let members = if item.kind == Kind::Enum { members(item, links) } else { String::new() };
    format!(
        "<article id=\"{name}\" class=entry data-name=\"{name}\" data-of=\"{}\"><h4><a href=\"#{name}\">{name}</a></h4>\n{code}{}{members}</article>\n",
        escaped(chapter),
        blocks(&item.doc, &item.name, &plain),
        name = item.name,
    )
}

fn members(item: &Item, links: &Links) -> String {
    let row = |member: &crate::header::Member| {
        let number = member.code.split(" = ").nth(1).unwrap_or("");
        format!(
            "<dt id=\"{0}\" class=name data-of=\"{1}\"><code>{0}</code> <span class=number>{2}</span></dt><dd>{3}</dd>\n",
            member.name,
            item.name,
            number,
            links.plain(&member.meaning)
        )
    };
    format!("<dl class=members>\n{}</dl>\n", item.members.iter().map(row).collect::<String>())
}

fn blocks(blocks: &[Block], place: &str, inline: &dyn Fn(&str) -> String) -> String {
    blocks_with(blocks, place, inline, inline)
}

fn blocks_with(
    blocks: &[Block],
    place: &str,
    inline: &dyn Fn(&str) -> String,
    code: &dyn Fn(&str) -> String,
) -> String {
    blocks.iter().map(|block| self::block(block, place, inline, code)).collect()
}

fn block(block: &Block, place: &str, inline: &dyn Fn(&str) -> String, code: &dyn Fn(&str) -> String) -> String {
    match block {
        Block::Heading(depth, text) => {
            let depth = (depth + 1).clamp(3, 5);
            format!("<h{depth} id=\"{place}-{}\">{}</h{depth}>\n", slug(text), inline(text))
        }
        Block::Text(text) => format!("<p>{}</p>\n", inline(text)),
        Block::Code(text) => format!("<pre><code>{}</code></pre>\n", code(text)),
        Block::List { numbered, items } => {
            let tag = if *numbered { "ol" } else { "ul" };
            let items: String = items.iter().map(|item| format!("<li>{}</li>\n", inline(item))).collect();
            format!("<{tag}>\n{items}</{tag}>\n")
        }
        Block::Rows { head, rows } => table(*head, rows, inline),
    }
}

fn table(head: bool, rows: &[Vec<String>], inline: &dyn Fn(&str) -> String) -> String {
    let row = |tag: &str, row: &Vec<String>| {
        let cells: String = row.iter().map(|cell| format!("<{tag}>{}</{tag}>", inline(cell))).collect();
        format!("<tr>{cells}</tr>\n")
    };
    let (first, others) = rows.split_at(usize::from(head));
    let head: String = first.iter().map(|cells| row("th", cells)).collect();
    let body: String = others.iter().map(|cells| row("td", cells)).collect();
    format!("<div class=table><table>\n{head}{body}</table></div>\n")
}
