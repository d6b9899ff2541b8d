//! JSON commands: the text of a document stays text, and other replies have one shape.

use super::Row;
use super::parts::{integer, keep, name, text};
use crate::reply::{Builder, Form, Kind, View};
use crate::resp;

pub(super) static ROWS: &[Row] = &[
    Row::form("JSON.MERGE", &Form::Bool, "BOOL"),
    Row::form("JSON.MSET", &Form::Bool, "BOOL"),
    Row::tree("JSON.NUMINCRBY", numbers, NUMBERS),
    Row::tree("JSON.NUMMULTBY", numbers, NUMBERS),
    Row::tree("JSON.NUMPOWBY", numbers, NUMBERS),
    Row::form("JSON.SET", &Form::Bool, "BOOL, or NULL where it was not set"),
    Row::tree("JSON.TYPE", types, "ARRAY of text, or NULL where there is no key"),
];

const NUMBERS: &str = "ARRAY: INTEGER, DOUBLE, or NULL where there is no number";

/// RESP2 has the new numbers as text: a JSON array, or one of them where a path of the old kind was given.
fn numbers(_: u32, reply: View<'_>, out: &mut Builder) -> Option<()> {
    let text = text(reply)?.trim_ascii();
    let items = match text.strip_prefix(b"[") {
        Some(rest) => rest.strip_suffix(b"]")?.trim_ascii(),
        None => text,
    };
    let all = || items.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|_| !items.is_empty());
    if !all().all(|item| item == b"null" || resp::is_double(item)) {
        return None;
    }
    out.open(Kind::RREDIS_REPLY_ARRAY);
    for item in all() {
        match item {
            b"null" => out.add_null(),
            whole if !whole.iter().any(|byte| b".eE".contains(byte)) && resp::integer(whole).is_some() => {
                integer(whole, out)
            }
            number => out.add_number(resp::double(number), Some(number)),
        }
    }
    out.end();
    Some(())
}

/// JSON.TYPE: a text alone is a list of one, and RESP3's list within a list that list.
fn types(_: u32, reply: View<'_>, out: &mut Builder) -> Option<()> {
    if let Some(text) = text(reply) {
        out.open(Kind::RREDIS_REPLY_ARRAY);
        name(text, out);
        out.end();
        return Some(());
    }
    let inner = reply.get(0).filter(|_| reply.kind() == Kind::RREDIS_REPLY_ARRAY && reply.len() == 1)?;
    if inner.kind() == Kind::RREDIS_REPLY_ARRAY || inner.is_null() {
        keep(inner, out);
        return Some(());
    }
    None
}

/// Written from the documentation of the module; no server at hand has it.
#[cfg(test)]
mod tests {
    use crate::commands::shape::tests::{becomes, both};

    #[test]
    fn what_was_set_is_a_bool() {
        for command in ["JSON.SET k $ 1", "JSON.MSET k $ 1", "json.merge k $ 1"] {
            assert_eq!(becomes(command, "+OK\r\n"), "true(OK)");
        }
        both("JSON.SET k $ 1 NX", "$-1\r\n", "_\r\n", "null");
    }

    #[test]
    fn numbers_are_a_list() {
        for command in ["JSON.NUMINCRBY k $.a 1", "JSON.NUMMULTBY k $.a 2", "JSON.NUMPOWBY k $.a 2"] {
            both(command, "$13\r\n[2, null,1.5]\r\n", "*3\r\n:2\r\n_\r\n,1.5\r\n", "[2, null, 1.5|1.5|]");
            both(command, "$1\r\n3\r\n", "*1\r\n:3\r\n", "[3]");
            both(command, "$2\r\n[]\r\n", "*0\r\n", "[]");
        }
        assert_eq!(becomes("JSON.NUMINCRBY k . 1", "$5\r\n\"a,b\"\r\n"), "\"\\\"a,b\\\"\"");
        assert_eq!(becomes("JSON.NUMINCRBY k . 1", "$6\r\n[1,2],\r\n"), "\"[1,2],\"");
    }

    #[test]
    fn types_are_a_list() {
        both(
            "JSON.TYPE k $",
            "*2\r\n$6\r\nstring\r\n$4\r\nnull\r\n",
            "*1\r\n*2\r\n$6\r\nstring\r\n$4\r\nnull\r\n",
            r#"["string", "null"]"#,
        );
        both("JSON.TYPE k", "$6\r\nobject\r\n", "*1\r\n*1\r\n$6\r\nobject\r\n", r#"["object"]"#);
        both("JSON.TYPE no $", "$-1\r\n", "*1\r\n_\r\n", "null");
        both("JSON.TYPE k $.no", "*0\r\n", "*1\r\n*0\r\n", "[]");
    }

    #[test]
    fn text_stays_text() {
        assert_eq!(becomes("JSON.GET k $", "$3\r\n[1]\r\n"), "\"[1]\"");
        assert_eq!(becomes("JSON.MGET a b $", "*2\r\n$3\r\n[1]\r\n$-1\r\n"), "[\"[1]\", null]");
    }
}
