//! Vector sets: similar elements and their scores.

use super::parts::{keep, name};
use super::{Row, Shape, words};
use crate::reply::{Builder, Form, Kind, View};

pub(super) static ROWS: &[Row] = &[
    Row::form("VADD", &Form::Bool, "BOOL"),
    Row::read("VEMB", embedding, "ARRAY of DOUBLEs; with RAW quantization, bytes, norm and, of some, range"),
    Row::form("VINFO", &Form::Map(&Form::Keep, &Form::Keep), "MAP, or NULL"),
    Row::form("VISMEMBER", &Form::Bool, "BOOL"),
    Row::read("VLINKS", links, "ARRAY of layers, each an ARRAY; with WITHSCORES a MAP of DOUBLEs"),
    Row::form("VREM", &Form::Bool, "BOOL"),
    Row::form("VSETATTR", &Form::Bool, "BOOL"),
    Row::read("VSIM", alike, "ARRAY; with WITHSCORES a MAP of DOUBLEs, with WITHATTRIBS of text, with both of MAPs"),
];

static SCORED: Form = Form::Map(&Form::Keep, &Form::Double);
static LAYERS: Form = Form::Each(&SCORED);
static RAW: Form = Form::Tuple(&[Form::Keep, Form::Keep, Form::Double, Form::Double]);

fn embedding(args: &[&[u8]]) -> Shape {
    Shape::form(if words::is(args.get(3), "RAW") { &RAW } else { &Form::Each(&Form::Double) })
}

fn links(args: &[&[u8]]) -> Shape {
    match words::is(args.get(3), "WITHSCORES") {
        true => Shape::form(&LAYERS),
        false => Shape::KEEP,
    }
}

/// VSIM: what is looked for comes first, `ELE element`, `FP32 blob` or `VALUES count number...`.
fn alike(args: &[&[u8]]) -> Shape {
    const TAKING: &[(&str, usize)] = &[("COUNT", 1), ("EPSILON", 1), ("EF", 1), ("FILTER", 1), ("FILTER-EF", 1)];
    let from = match words::is(args.get(2), "VALUES") {
        true => words::behind_keys(args, 3).unwrap_or(args.len()),
        false => 4,
    };
    let has = |word| words::option(args, from, word, TAKING);
    match (has("WITHSCORES"), has("WITHATTRIBS")) {
        (true, true) => Shape::tree(with_both, 0),
        (true, false) => Shape::form(&SCORED),
        (false, true) => Shape::form(&Form::Map(&Form::Keep, &Form::Keep)),
        (false, false) => Shape::KEEP,
    }
}

/// Element, score, attributes in turn; or a map of elements, each with a score and attributes.
fn with_both(_: u32, reply: View<'_>, out: &mut Builder) -> Option<()> {
    let (stride, is_known) = match reply.kind() {
        Kind::RREDIS_REPLY_ARRAY => (3, reply.len().is_multiple_of(3)),
        Kind::RREDIS_REPLY_MAP => (2, reply.children().skip(1).step_by(2).all(|both| is_two(both))),
        _ => return None,
    };
    if !is_known {
        return None;
    }
    out.open(Kind::RREDIS_REPLY_MAP);
    let mut parts = reply.children();
    while let (Some(element), Some(first)) = (parts.next(), parts.next()) {
        let (score, attributes) = match stride {
            3 => (Some(first), parts.next()),
            _ => (first.get(0), first.get(1)),
        };
        keep(element, out);
        out.open(Kind::RREDIS_REPLY_MAP);
        if let (Some(score), Some(attributes)) = (score, attributes) {
            name("score", out);
            out.add_formed(score, &Form::Double);
            name("attributes", out);
            keep(attributes, out);
        }
        out.end();
    }
    out.end();
    Some(())
}

fn is_two(both: View<'_>) -> bool {
    both.kind() == Kind::RREDIS_REPLY_ARRAY && both.len() == 2
}

#[cfg(test)]
mod tests {
    use crate::commands::shape::tests::{becomes, both};

    #[test]
    fn answers_are_bools() {
        for command in ["VADD v VALUES 1 1 a", "VREM v a", "vsetattr v a {}", "VISMEMBER v a"] {
            both(command, ":1\r\n", "#t\r\n", "true");
            both(command, ":0\r\n", "#f\r\n", "false");
        }
    }

    #[test]
    fn what_is_alike_has_scores_and_attributes() {
        let scored = "VSIM v ELE WITHATTRIBS COUNT 3 WITHSCORES";
        let shown = r#"{"a": 1|1|, "b": 0.5|0.5|}"#;
        let resp2 = "*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$3\r\n0.5\r\n";
        both(scored, resp2, "%2\r\n$1\r\na\r\n,1\r\n$1\r\nb\r\n,0.5\r\n", shown);
        both(scored, "*0\r\n", "*0\r\n", "{}");
        assert_eq!(becomes("VSIM v VALUES 2 WITHSCORES 1", "*1\r\n$1\r\na\r\n"), r#"["a"]"#);
        let attributes = "VSIM v VALUES 2 1 2 WITHATTRIBS FILTER WITHSCORES";
        both(
            attributes,
            "*4\r\n$1\r\na\r\n$2\r\n{}\r\n$1\r\nb\r\n$-1\r\n",
            "%2\r\n$1\r\na\r\n$2\r\n{}\r\n$1\r\nb\r\n_\r\n",
            r#"{"a": "{}", "b": null}"#,
        );
        // Of 8.2, written from its documentation.
        both(
            "VSIM v FP32 x WITHSCORES WITHATTRIBS",
            "*3\r\n$1\r\na\r\n$1\r\n1\r\n$2\r\n{}\r\n",
            "%1\r\n$1\r\na\r\n*2\r\n,1\r\n$2\r\n{}\r\n",
            r#"{"a": {"score": 1|1|, "attributes": "{}"}}"#,
        );
    }

    #[test]
    fn vectors_and_links() {
        both("VEMB v a", "*2\r\n$3\r\n0.5\r\n$1\r\n3\r\n", "*2\r\n,0.5\r\n,3\r\n", "[0.5|0.5|, 3|3|]");
        let raw = |norm: &str, range: &str| format!("*4\r\n+int8\r\n$3\r\n1.5\r\n{norm}{range}");
        let shown = r#"[+int8, "1.5", 3.5|3.5|, 0.5|0.5|]"#;
        both("VEMB v a raw", &raw("$3\r\n3.5\r\n", "$3\r\n0.5\r\n"), &raw(",3.5\r\n", ",0.5\r\n"), shown);
        both("VEMB v no", "$-1\r\n", "_\r\n", "null");
        let links = "*2\r\n*0\r\n*2\r\n$1\r\nb\r\n$3\r\n0.5\r\n";
        both("VLINKS v a WITHSCORES", links, "*2\r\n%0\r\n%1\r\n$1\r\nb\r\n,0.5\r\n", r#"[{}, {"b": 0.5|0.5|}]"#);
        assert_eq!(becomes("VLINKS v WITHSCORES", links), r#"[[], ["b", "0.5"]]"#);
        both("VINFO v", "*2\r\n+size\r\n:3\r\n", "%1\r\n+size\r\n:3\r\n", "{+size: 3}");
        both("VINFO v", "*-1\r\n", "_\r\n", "null");
    }
}
