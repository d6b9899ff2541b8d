//! What a parser made of its input, in a form that can be compared.

use rredis::error::{Result, Status};
use rredis::limits::Limits;
use rredis::options::ParserChoice;
use rredis::reply::{Kind, Node, Reply, View, is_root};
use rredis::resp::{self, Parse};

pub const BOTH: [ParserChoice; 2] = [ParserChoice::Fast, ParserChoice::Simple];

/// The dumps of the replies that came out, and the error that ended it.
pub type Parsed = (Vec<String>, Option<(Status, String)>);

/// The tree in one line, everything that a reader of it can see.
pub fn dump(reply: &Reply) -> String {
    dump_part(reply, reply.view())
}

/// The same of a part of it.
pub fn dump_part(reply: &Reply, part: View<'_>) -> String {
    let mut out = String::new();
    dump_node(reply, part, &mut out);
    out
}

fn dump_node(reply: &Reply, view: View<'_>, out: &mut String) {
    if let Some(map) = reply.attributes(view.node()) {
        out.push('|');
        dump_node(reply, View::new(map), out);
        out.push(' ');
    }
    let node = view.node();
    check_unused(node, reply);
    let text = view.text().escape_ascii();
    match view.kind() {
        Kind::RREDIS_REPLY_NULL => out.push_str("null"),
        Kind::RREDIS_REPLY_INTEGER => out.push_str(&node.integer.to_string()),
        Kind::RREDIS_REPLY_BOOL => out.push_str(if node.integer == 1 { "true" } else { "false" }),
        Kind::RREDIS_REPLY_STRING => out.push_str(&format!("\"{text}\"")),
        Kind::RREDIS_REPLY_STATUS => out.push_str(&format!("+{text}")),
        Kind::RREDIS_REPLY_ERROR => out.push_str(&format!("-{text}")),
        Kind::RREDIS_REPLY_VERBATIM => out.push_str(&format!("{}:\"{text}\"", view.format().escape_ascii())),
        Kind::RREDIS_REPLY_BIG_NUMBER => out.push_str(&format!("({text}")),
        Kind::RREDIS_REPLY_DOUBLE => out.push_str(&format!("{text}={:?}", node.number)),
        Kind::RREDIS_REPLY_ARRAY => dump_elements(reply, view, "[]", out),
        Kind::RREDIS_REPLY_SET => dump_elements(reply, view, "~~", out),
        Kind::RREDIS_REPLY_MAP => dump_elements(reply, view, "{}", out),
        Kind::RREDIS_REPLY_PUSH => dump_elements(reply, view, "><", out),
    }
}

fn dump_elements(reply: &Reply, view: View<'_>, brackets: &str, out: &mut String) {
    out.push_str(&brackets[..1]);
    for (index, child) in view.children().enumerate() {
        if index > 0 {
            out.push(' ');
        }
        dump_node(reply, child, out);
    }
    out.push_str(&brackets[1..]);
}

/// A field that its kind has no use for is zero, and text has its NUL.
fn check_unused(node: &Node, reply: &Reply) {
    // What is the library's own marks the root.
    assert_eq!(is_root(node), std::ptr::eq(node, reply.root()));
    assert!(is_root(node) || node.reserved == 0);
    let kind = node.kind as u32;
    let has_text = (10..20).contains(&kind);
    assert_eq!(node.str.is_null(), !has_text, "{:?}", node.kind);
    assert_eq!(node.elements.is_null(), kind < 20 || node.len == 0);
    assert!(has_text || kind >= 20 || node.len == 0);
    assert!(node.integer == 0 || kind == 1 || kind == 2);
    assert!(node.number == 0.0 || kind == 15);
    if has_text {
        // SAFETY: a text has a NUL behind its last byte, which belongs to it.
        let end = unsafe { node.str.add(node.len) };
        // SAFETY: as above.
        assert_eq!(unsafe { *end }, 0);
    }
}

/// Feed the pieces, and take every reply as soon as it is there.
pub fn parse<'a>(parser: &mut dyn Parse, pieces: impl IntoIterator<Item = &'a [u8]>) -> Parsed {
    let mut dumps = Vec::new();
    for piece in pieces {
        let fed = feed_all(parser, piece, &mut dumps);
        if let Err(error) = fed {
            let again = parser.next().expect_err("an error is final");
            assert_eq!(again, error);
            return (dumps, Some((error.status, error.to_string())));
        }
    }
    (dumps, None)
}

fn feed_all(parser: &mut dyn Parse, piece: &[u8], dumps: &mut Vec<String>) -> Result<()> {
    parser.feed(piece)?;
    while let Some(frame) = parser.next()? {
        let is_push = frame.is_push();
        let reply = Reply::build(frame)?;
        assert_eq!(is_push, reply.kind() == Kind::RREDIS_REPLY_PUSH);
        dumps.push(dump(&reply));
    }
    Ok(())
}

pub fn whole(choice: ParserChoice, bytes: &[u8]) -> Parsed {
    parse(&mut *resp::parser(choice, Limits::default()), [bytes])
}
