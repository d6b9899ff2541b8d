//! Replies in lines of text, such as INFO and CLIENT LIST, as maps of text.

use super::Row;
use super::parts::{integer, name, text};
use crate::reply::{Builder, Form, Kind, View};
use crate::resp::{Entry, Type};

pub(super) static ROWS: &[Row] = &[
    Row::tree("CLIENT INFO", client, "MAP; what counts is an INTEGER"),
    Row::tree("CLIENT LIST", clients, "ARRAY of MAPs of text"),
    Row::tree("CLUSTER INFO", cluster, "MAP; what is an integer is one"),
    Row::parted("INFO", info_parts, info, "MAP of sections, each a MAP of text"),
    Row::form("LATENCY DOCTOR", &Form::Text, "STRING"),
    Row::form("LATENCY GRAPH", &Form::Text, "STRING"),
    Row::form("LOLWUT", &Form::Text, "STRING"),
    Row::form("MEMORY DOCTOR", &Form::Text, "STRING"),
    Row::form("MEMORY MALLOC-STATS", &Form::Text, "STRING"),
];

/// INFO. A line that is no field is a name whose value is null; what stands before the first section is in one whose name
/// is empty.
fn info(_: u32, reply: View<'_>, out: &mut Builder) -> Option<()> {
    let text = text(reply)?;
    out.open(Kind::RREDIS_REPLY_MAP);
    let mut in_section = false;
    for line in lines(text) {
        let section = line.strip_prefix(b"# ");
        if in_section && section.is_some() {
            out.end();
        }
        if section.is_some() || !in_section {
            name(section.unwrap_or_default(), out);
            out.open(Kind::RREDIS_REPLY_MAP);
            in_section = true;
        }
        if section.is_none() {
            field(line, |value, out| name(value, out), out);
        }
    }
    if in_section {
        out.end();
    }
    out.end();
    Some(())
}

/// The same where the text is: a section's map is written once its fields are known. What stands before the first section has
/// no name in the text, so its map is made the other way.
fn info_parts(text: &[u8], place: u64, out: &mut Vec<Entry>) -> Option<usize> {
    let entry = |part: &[u8]| {
        let at = (part.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
        Entry::piece(place + at as u64, part.len() as u64).turned(Type::String)
    };
    // Where the map of the section is, and how many sections there are.
    let (mut section, mut sections) = (0, 0);
    push(out, Entry::null().turned(Type::Map))?;
    for line in lines(text) {
        if let Some(title) = line.strip_prefix(b"# ") {
            push(out, entry(title))?;
            section = out.len();
            sections += 1;
            push(out, Entry::null().turned(Type::Map))?;
            continue;
        }
        let map = *out.get(section).filter(|_| sections > 0)?;
        out[section] = map.resized(map.len() + 2);
        match colon(line) {
            Some(at) => {
                push(out, entry(&line[..at]))?;
                push(out, entry(&line[at + 1..]))?;
            }
            None => {
                push(out, entry(line))?;
                push(out, Entry::null())?;
            }
        }
    }
    out[0] = out[0].resized(2 * sections);
    Some(out.len())
}

/// Push, if there is memory.
#[inline(always)]
fn push(out: &mut Vec<Entry>, entry: Entry) -> Option<()> {
    out.try_reserve(1).ok()?;
    out.push(entry);
    Some(())
}

fn cluster(_: u32, reply: View<'_>, out: &mut Builder) -> Option<()> {
    let text = text(reply)?;
    out.open(Kind::RREDIS_REPLY_MAP);
    lines(text).for_each(|line| field(line, integer, out));
    out.end();
    Some(())
}

fn clients(_: u32, reply: View<'_>, out: &mut Builder) -> Option<()> {
    let text = text(reply)?;
    if !lines(text).all(is_client) {
        return None;
    }
    out.open(Kind::RREDIS_REPLY_ARRAY);
    lines(text).for_each(|line| words(line, |_, value, out| name(value, out), out));
    out.end();
    Some(())
}

fn client(_: u32, reply: View<'_>, out: &mut Builder) -> Option<()> {
    client_info(reply, out)
}

/// One client's line, as CLIENT INFO and ACL LOG have it.
pub(super) fn client_info(reply: View<'_>, out: &mut Builder) -> Option<()> {
    let text = text(reply)?;
    let mut all = lines(text);
    let (line, None) = (all.next()?, all.next()) else { return None };
    if !is_client(line) {
        return None;
    }
    let counts = |field: &[u8]| COUNTS.iter().any(|name| name.as_bytes() == field);
    words(line, |field, value, out| if counts(field) { integer(value, out) } else { name(value, out) }, out);
    Some(())
}

/// Lines that say something.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut ends, mut from) = (memchr::memchr_iter(b'\n', text), 0);
    std::iter::from_fn(move || {
        loop {
            let rest = text.get(from..).filter(|rest| !rest.is_empty())?;
            let end = ends.next().unwrap_or(text.len());
            let line = rest.get(..end - from).unwrap_or_default();
            from = end + 1;
            match line.strip_suffix(b"\r").unwrap_or(line) {
                [] => {}
                line => return Some(line),
            }
        }
    })
}

/// A name, and what is behind its colon. Names of statistics may have colons of their own, but their values have none.
fn field(line: &[u8], add_value: impl FnOnce(&[u8], &mut Builder), out: &mut Builder) {
    match colon(line) {
        Some(at) => {
            name(&line[..at], out);
            add_value(&line[at + 1..], out);
        }
        None => {
            name(line, out);
            out.add_null();
        }
    }
}

/// Where the name of a line ends.
fn colon(line: &[u8]) -> Option<usize> {
    let may_be = matches!(line.first(), Some(b'c' | b'e' | b'l'));
    match may_be && STATISTICS.iter().any(|prefix| line.starts_with(prefix.as_bytes())) {
        true => memchr::memrchr(b':', line),
        false => memchr::memchr(b':', line),
    }
}

/// Whether a line begins with a name and `=`, as every client's does.
fn is_client(line: &[u8]) -> bool {
    line.split(|&byte| byte == b' ').next().is_some_and(|first| first.contains(&b'='))
}

/// The fields of a client's line as a map. A value may have `=` in it, and a space: what is behind it and has no `=`, as in
/// the path of a socket, belongs to the value before.
fn words(line: &[u8], add_value: impl Fn(&[u8], &[u8], &mut Builder), out: &mut Builder) {
    out.open(Kind::RREDIS_REPLY_MAP);
    let mut rest = line;
    while !rest.is_empty() {
        let equals = rest.iter().position(|&byte| byte == b'=').unwrap_or(rest.len());
        let (field, value) = (&rest[..equals], rest.get(equals + 1..).unwrap_or_default());
        let end = value_end(value);
        name(field, out);
        add_value(field, &value[..end], out);
        rest = value.get(end + 1..).unwrap_or_default();
    }
    out.end();
}

/// Where a value ends: at the space before the next word that has an `=`.
fn value_end(value: &[u8]) -> usize {
    let mut end = value.len();
    for (at, byte) in value.iter().enumerate() {
        match byte {
            b' ' => end = at,
            b'=' if end < value.len() => return end,
            _ => {}
        }
    }
    value.len()
}

/// Lines of INFO whose names may have colons: commands, events and errors are named by clients.
const STATISTICS: &[&str] = &["cmdstat_", "errorstat_", "latency_percentiles_usec_"];

/// What a client's line counts.
const COUNTS: &[&str] = &[
    "age",
    "argv-mem",
    "db",
    "fd",
    "id",
    "idle",
    "multi",
    "multi-mem",
    "obl",
    "oll",
    "omem",
    "psub",
    "qbuf",
    "qbuf-free",
    "rbp",
    "rbs",
    "redir",
    "resp",
    "ssub",
    "sub",
    "tot-cmds",
    "tot-mem",
    "tot-net-in",
    "tot-net-out",
    "watch",
    "io-thread",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::shape::shape;
    use crate::commands::shape::tests::{becomes, both, shown};
    use crate::limits::Limits;
    use crate::options::ParserChoice;
    use crate::resp;

    fn texts(command: &str, text: &str, shown: &str) {
        let resp3 = format!("={}\r\ntxt:{text}\r\n", text.len() + 4);
        both(command, &format!("${}\r\n{text}\r\n", text.len()), &resp3, shown);
    }

    #[test]
    fn info_is_sections_of_text() {
        texts(
            "INFO everything",
            "# Server\r\nredis_version:7.0.15\r\nredis_git_sha1:00000000\r\nexecutable:/a b:c\r\nconfig_file:\r\n\r\n\
             # Modules\r\nmodule:name=a,ver=1\r\nmodule:name=b,ver=2\r\n\r\n# Empty\r\n\r\n\
             # Commandstats\r\ncmdstat_host::calls=1,usec=2\r\ncmdstat_config|get:calls=3\r\n\
             # Errorstats\r\nerrorstat_a:b:count=1\r\nno field\r\n",
            "{\"Server\": {\"redis_version\": \"7.0.15\", \"redis_git_sha1\": \"00000000\", \"executable\": \"/a b:c\", \
             \"config_file\": \"\"}, \"Modules\": {\"module\": \"name=a,ver=1\", \"module\": \"name=b,ver=2\"}, \"Empty\": {}, \
             \"Commandstats\": {\"cmdstat_host:\": \"calls=1,usec=2\", \"cmdstat_config|get\": \"calls=3\"}, \
             \"Errorstats\": {\"errorstat_a:b\": \"count=1\", \"no field\": null}}",
        );
        texts("INFO", "redis_version:2.4\r\n# A\r\nb:c\r\n", r#"{"": {"redis_version": "2.4"}, "A": {"b": "c"}}"#);
        texts("INFO nosuch", "", "{}");
        both("INFO", "*1\r\n:1\r\n", "*1\r\n:1\r\n", "[1]");
    }

    #[test]
    fn what_annotates_a_text_annotates_its_map() {
        let mut parser = resp::parser(ParserChoice::Fast, Limits::default());
        parser.feed(b"|1\r\n+ttl\r\n:5\r\n$10\r\n# A\r\nb:c\r\n\r\n").unwrap();
        let reply = shape(&[b"INFO"]).build(parser.next().unwrap().unwrap()).unwrap();
        assert_eq!(shown(reply.view()), r#"{"A": {"b": "c"}}"#);
        let attributes = reply.attributes(reply.root()).unwrap();
        assert_eq!(shown(View::new(attributes)), "{+ttl: 5}");
    }

    #[test]
    fn clients_are_maps_whose_values_may_have_anything() {
        texts(
            "CLIENT LIST",
            "id=3 addr=/a b/c d:0 name=x=y age=007 cmd=client|list\nid=4 name= user=\n",
            r#"[{"id": "3", "addr": "/a b/c d:0", "name": "x=y", "age": "007", "cmd": "client|list"}, {"id": "4", "name": "", "user": ""}]"#,
        );
        texts("CLIENT LIST", "", "[]");
        texts(
            "CLIENT INFO",
            "id=3 addr=127.0.0.1:5 name=7 age=007 multi=-1 tot-net-in=9223372036854775808 db=0\n",
            r#"{"id": 3, "addr": "127.0.0.1:5", "name": "7", "age": "007", "multi": -1, "tot-net-in": "9223372036854775808", "db": 0}"#,
        );
        assert_eq!(becomes("CLIENT INFO", "$3\r\nabc\r\n"), "\"abc\"");
    }

    #[test]
    fn a_clusters_state_is_a_map() {
        let text = "cluster_enabled:1\r\ncluster_state:ok\r\ncluster_size:-1\r\nbig:18446744073709551615\r\n";
        let shown =
            r#"{"cluster_enabled": 1, "cluster_state": "ok", "cluster_size": -1, "big": "18446744073709551615"}"#;
        texts("CLUSTER INFO", text, shown);
    }

    #[test]
    fn text_for_people_is_text() {
        for command in ["LATENCY DOCTOR", "LATENCY GRAPH x", "LOLWUT", "MEMORY DOCTOR", "MEMORY MALLOC-STATS"] {
            texts(command, "Hi Sam,\n\ttoo", "\"Hi Sam,\\n\\ttoo\"");
        }
    }
}
