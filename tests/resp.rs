//! The wire: every type, every cut, both parsers; and what is no RESP.

use rredis::error::{Result, Status};
use rredis::limits::Limits;
use rredis::options::ParserChoice;
use rredis::reply::{Kind, Node, Reply, View};
use rredis::resp::{self, Parse};

const BOTH: [ParserChoice; 2] = [ParserChoice::Fast, ParserChoice::Simple];

/// The tree in one line, everything that a reader of it can see.
fn dump(reply: &Reply) -> String {
    let mut out = String::new();
    dump_node(reply, reply.view(), &mut out);
    out
}

fn dump_node(reply: &Reply, view: View<'_>, out: &mut String) {
    if let Some(map) = reply.attributes(view.node()) {
        out.push('|');
        dump_node(reply, View::new(map), out);
        out.push(' ');
    }
    let node = view.node();
    check_unused(node);
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
fn check_unused(node: &Node) {
    assert_eq!(node.reserved, 0);
    let kind = node.kind as u32;
    let has_text = (10..20).contains(&kind);
    assert_eq!(node.str.is_null(), !has_text, "{:?}", node.kind);
    assert_eq!(node.elements.is_null(), kind < 20 || node.len == 0);
    assert!(has_text || kind >= 20 || node.len == 0);
    assert!(node.integer == 0 || kind == 1 || kind == 2);
    assert!(node.number == 0.0 || kind == 15);
    if has_text {
        // SAFETY: a text has a NUL behind its last byte.
        assert_eq!(unsafe { *node.str.add(node.len) }, 0);
    }
}

/// What a parser makes of pieces: the dumps of its replies, and the error that ended it.
fn parse<'a>(parser: &mut dyn Parse, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<String>, Option<(Status, String)>) {
    let mut dumps = Vec::new();
    for piece in pieces {
        let fed = feed_all(parser, piece, &mut dumps);
        if let Err(error) = fed {
            let again = parser.next().err().expect("an error is final");
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

fn whole(choice: ParserChoice, bytes: &[u8]) -> (Vec<String>, Option<(Status, String)>) {
    parse(&mut *resp::parser(choice, Limits::default()), [bytes])
}

/// Replies of every type and nesting, and what they are.
const GOLDEN: &[(&[u8], &[&str])] = &[
    (b"+OK\r\n", &["+OK"]),
    (b"+\r\n", &["+"]),
    (b"-ERR no such key\r\n", &["-ERR no such key"]),
    (b":42\r\n:-7\r\n:+1\r\n:-0\r\n:0\r\n", &["42", "-7", "1", "0", "0"]),
    (b":9223372036854775807\r\n:-9223372036854775808\r\n", &["9223372036854775807", "-9223372036854775808"]),
    (b"$5\r\nhello\r\n$0\r\n\r\n$4\r\n\r\n\r\n\r\n", &["\"hello\"", "\"\"", "\"\\r\\n\\r\\n\""]),
    (b"$3\r\na\0b\r\n", &["\"a\\x00b\""]),
    (b"$-1\r\n*-1\r\n_\r\n", &["null", "null", "null"]),
    (b"*0\r\n%0\r\n~0\r\n", &["[]", "{}", "~~"]),
    (b"*2\r\n$3\r\nfoo\r\n*2\r\n:1\r\n$-1\r\n", &["[\"foo\" [1 null]]"]),
    (b"*3\r\n*1\r\n*1\r\n*1\r\n+deep\r\n*0\r\n*2\r\n:1\r\n:2\r\n", &["[[[[+deep]]] [] [1 2]]"]),
    (b"#t\r\n#f\r\n", &["true", "false"]),
    (b",3.14\r\n,-1e3\r\n,inf\r\n,-inf\r\n,nan\r\n", &["3.14=3.14", "-1e3=-1000.0", "inf=inf", "-inf=-inf", "nan=NaN"]),
    (b"(3492890328409238509324850943850943825024385\r\n", &["(3492890328409238509324850943850943825024385"]),
    (b"=15\r\ntxt:Some string\r\n=4\r\nmkd:\r\n", &["txt:\"Some string\"", "mkd:\"\""]),
    (b"!21\r\nSYNTAX invalid syntax\r\n", &["-SYNTAX invalid syntax"]),
    (b"%2\r\n$5\r\nfirst\r\n:1\r\n+second\r\n%1\r\n:2\r\n~1\r\n#t\r\n", &["{\"first\" 1 +second {2 ~true~}}"]),
    (b">2\r\n$7\r\nmessage\r\n:1\r\n+OK\r\n", &[">\"message\" 1<", "+OK"]),
    (b">0\r\n+OK\r\n", &["><", "+OK"]),
    (b"|1\r\n+ttl\r\n:60\r\n$1\r\nv\r\n+OK\r\n", &["|{+ttl 60} \"v\"", "+OK"]),
    (b"*3\r\n:1\r\n|1\r\n+a\r\n*1\r\n|1\r\n+b\r\n:2\r\n:3\r\n:4\r\n:5\r\n", &["[1 |{+a [|{+b 2} 3]} 4 5]"]),
    (b"|0\r\n*1\r\n|1\r\n+k\r\n+v\r\n*1\r\n:1\r\n", &["|{} [|{+k +v} [1]]"]),
    (b"*2\r\n:1\r\n>2\r\n+invalidate\r\n*1\r\n+k\r\n:2\r\n:3\r\n", &[">+invalidate [+k]<", "[1 2]", "3"]),
    (b"*2\r\n>0\r\n$1\r\na\r\n>1\r\n>1\r\n+y\r\n+x\r\n$1\r\nb\r\n", &["><", ">+y<", ">+x<", "[\"a\" \"b\"]"]),
    (b"|1\r\n+k\r\n+v\r\n>1\r\n+p\r\n+OK\r\n", &[">+p<", "|{+k +v} +OK"]),
    (b"$?\r\n;4\r\nHell\r\n;6\r\no worl\r\n;1\r\nd\r\n;0\r\n$?\r\n;0\r\n", &["\"Hello world\"", "\"\""]),
    (b"*?\r\n:1\r\n*?\r\n.\r\n$?\r\n;1\r\na\r\n;0\r\n.\r\n", &["[1 [] \"a\"]"]),
    (b"%?\r\n+a\r\n:1\r\n.\r\n~?\r\n:1\r\n|1\r\n+x\r\n+y\r\n:2\r\n.\r\n", &["{+a 1}", "~1 |{+x +y} 2~"]),
    (b"*2\r\n*?\r\n>1\r\n:9\r\n:1\r\n.\r\n*1\r\n*?\r\n.\r\n", &[">9<", "[[1] [[]]]"]),
];

#[test]
fn every_type_is_read() {
    for (bytes, expected) in GOLDEN {
        for choice in BOTH {
            let (dumps, error) = whole(choice, bytes);
            assert_eq!(error, None, "{choice:?} {}", bytes.escape_ascii());
            assert_eq!(&dumps, expected, "{choice:?} {}", bytes.escape_ascii());
        }
    }
}

#[test]
fn no_cut_changes_a_reply() {
    for (bytes, expected) in GOLDEN {
        for choice in BOTH {
            for cut in 0..=bytes.len() {
                let (dumps, error) = parse(&mut *resp::parser(choice, Limits::default()), [&bytes[..cut], &bytes[cut..]]);
                assert_eq!((&dumps[..], error), (&expected.iter().map(|s| s.to_string()).collect::<Vec<_>>()[..], None), "{choice:?} cut at {cut}: {}", bytes.escape_ascii());
            }
            let mut parser = resp::parser(choice, Limits::default());
            let (dumps, error) = parse(&mut *parser, bytes.chunks(1));
            assert_eq!((&dumps, error), (&expected.iter().map(|s| s.to_string()).collect(), None), "{choice:?} {}", bytes.escape_ascii());
            assert!(parser.is_empty());
        }
    }
}
