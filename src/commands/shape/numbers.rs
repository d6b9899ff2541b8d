//! Numbers and texts.

use super::Row;
use super::parts::integer;
use crate::reply::{Builder, Form, Kind, View};

pub(super) static ROWS: &[Row] = &[
    Row::tree("DEBUG OBJECT", debug_object, "MAP: type, at, refcount, encoding, ..."),
    Row::form("GEODIST", &Form::Double, "DOUBLE or NULL"),
    Row::form("HINCRBYFLOAT", &Form::Double, "DOUBLE"),
    Row::form("INCRBYFLOAT", &Form::Double, "DOUBLE"),
    Row::form("TIME", &Form::Tuple(&[Form::Integer, Form::Integer]), "ARRAY: seconds, microseconds"),
];

/// A line of words: what it is, and then names and values with a colon between them.
fn debug_object(_: u32, reply: View<'_>, out: &mut Builder) -> Option<()> {
    const INTEGERS: [&[u8]; 4] = [b"refcount", b"serializedlength", b"lru", b"lru_seconds_idle"];
    if reply.kind() != Kind::RREDIS_REPLY_STATUS {
        return None;
    }
    let mut words = reply.text().split(|byte| *byte == b' ');
    out.open(Kind::RREDIS_REPLY_MAP);
    out.add_text(Kind::RREDIS_REPLY_STRING, b"type");
    out.add_text(Kind::RREDIS_REPLY_STRING, words.next()?);
    for word in words {
        let colon = word.iter().position(|byte| *byte == b':')?;
        let (name, value) = (&word[..colon], &word[colon + 1..]);
        out.add_text(Kind::RREDIS_REPLY_STRING, name);
        match INTEGERS.contains(&name) {
            true => integer(value, out),
            false => out.add_text(Kind::RREDIS_REPLY_STRING, value),
        }
    }
    out.end();
    Some(())
}
