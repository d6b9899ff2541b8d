//! Replies about the server: roles, logs, memory, functions and modules.

use super::Row;
use super::parts::{array, fields, keep, list, name, or_keep, record, row, text};
use crate::reply::{Builder, Form, Kind, View};

pub(super) static ROWS: &[Row] = &[
    Row::form("ARINFO", &NAMED, "MAP"),
    Row::form(
        "CLIENT TRACKINGINFO",
        &Form::Record(&[("flags", Form::Set)], &Form::Keep),
        "MAP: flags as a SET, redirect, prefixes",
    ),
    Row::tree("COMMANDLOG GET", slow, SLOW),
    Row::form("FUNCTION LIST", &Form::Each(&LIBRARY), "ARRAY of MAPs, the functions in them too"),
    Row::form("FUNCTION STATS", &Form::Record(&[("running_script", NAMED), ("engines", NESTED)], &Form::Keep), "MAP"),
    Row::form("HELLO", &Form::Record(&[("modules", MODULES)], &Form::Keep), "MAP"),
    Row::form("HOTKEYS GET", &Form::Each(&NAMED), "ARRAY of MAPs"),
    Row::form(
        "LATENCY HISTOGRAM",
        &Form::Map(&Form::Keep, &HISTOGRAM),
        "MAP of commands; times and counts are INTEGERs",
    ),
    Row::tree("LATENCY HISTORY", |_, reply, out| records(&SAMPLE, 2, reply, out), "ARRAY of MAPs: timestamp, latency"),
    Row::tree(
        "LATENCY LATEST",
        |_, reply, out| records(&SPIKE, 4, reply, out),
        "ARRAY of MAPs: event, timestamp, latest, max",
    ),
    Row::tree("MEMORY STATS", memory, "MAP; its ratios are DOUBLEs"),
    Row::form("MODULE LIST", &MODULES, "ARRAY of MAPs"),
    Row::form("PUBSUB NUMSUB", &COUNTED, "ARRAY of pairs: channel, INTEGER"),
    Row::form("PUBSUB SHARDNUMSUB", &COUNTED, "ARRAY of pairs: channel, INTEGER"),
    Row::tree("ROLE", role, "MAP, by the role: offset and replicas; host, port, state and offset; names"),
    Row::tree("SLOWLOG GET", slow, SLOW),
];

const SLOW: &str = "ARRAY of MAPs: id, start_time, duration, command, client_address, client_name";

const NAMED: Form = Form::Map(&Form::Keep, &Form::Keep);
const NESTED: Form = Form::Map(&Form::Keep, &NAMED);
const MODULES: Form = Form::Each(&NAMED);
static LIBRARY: Form = Form::Record(&[("functions", Form::Each(&FUNCTION))], &Form::Keep);
static FUNCTION: Form = Form::Record(&[("flags", Form::Set)], &Form::Keep);
static HISTOGRAM: Form = Form::Record(&[("histogram_usec", NAMED)], &Form::Keep);
static COUNTED: Form = Form::Pairs(&Form::Keep, &Form::Integer);

static SAMPLE: [(&str, Form); 2] = [("timestamp", Form::Keep), ("latency", Form::Keep)];
static SPIKE: [(&str, Form); 4] =
    [("event", Form::Keep), ("timestamp", Form::Keep), ("latest", Form::Keep), ("max", Form::Keep)];

fn records(places: &[(&str, Form)], least: usize, reply: View<'_>, out: &mut Builder) -> Option<()> {
    list(reply, out, |element, out| record(least, places, element, out))
}

/// SLOWLOG GET. What a command was stays a list: no text could say where an argument ends. Some servers tell of its
/// complexity before it, old ones of no client.
fn slow(_: u32, reply: View<'_>, out: &mut Builder) -> Option<()> {
    let is_list = |entry: View<'_>, place| entry.get(place).is_some_and(|part| row(part).is_some());
    list(reply, out, |entry, out| match (is_list(entry, 3), is_list(entry, 4)) {
        (true, _) => record(4, &COMMAND, entry, out),
        (false, true) => record(5, &COMPLEX_COMMAND, entry, out),
        _ => None,
    })
}

static COMMAND: [(&str, Form); 6] = [
    ("id", Form::Keep),
    ("start_time", Form::Keep),
    ("duration", Form::Keep),
    ("command", Form::Keep),
    ("client_address", Form::Keep),
    ("client_name", Form::Keep),
];
static COMPLEX_COMMAND: [(&str, Form); 7] = [
    ("id", Form::Keep),
    ("start_time", Form::Keep),
    ("duration", Form::Keep),
    ("complexity", Form::Keep),
    ("command", Form::Keep),
    ("client_address", Form::Keep),
    ("client_name", Form::Keep),
];

/// MEMORY STATS: what is told of each database is a map, what is no whole number a DOUBLE.
fn memory(_: u32, reply: View<'_>, out: &mut Builder) -> Option<()> {
    let fields = fields(reply)?;
    out.open(Kind::RREDIS_REPLY_MAP);
    for (field, value) in fields {
        keep(field, out);
        let form = if value.is_empty() { &Form::Double } else { &NAMED };
        out.add_formed(value, form);
    }
    out.end();
    Some(())
}

fn role(_: u32, reply: View<'_>, out: &mut Builder) -> Option<()> {
    let role = text(array(reply, 2)?.next()?)?;
    let is = |word: &str| role == word.as_bytes();
    if is("slave") || is("replica") {
        return record(5, &REPLICA, reply, out);
    }
    if is("sentinel") {
        return record(2, &SENTINEL, reply, out);
    }
    let mut parts = array(reply, 3).filter(|_| is("master") || is("primary"))?;
    out.open(Kind::RREDIS_REPLY_MAP);
    for (field, part) in ["role", "offset"].into_iter().zip(parts.by_ref()) {
        name(field, out);
        keep(part, out);
    }
    name("replicas", out);
    for replicas in parts.take(1) {
        or_keep(replicas, out, |replicas, out| records(&ATTACHED, 3, replicas, out));
    }
    super::parts::more(reply, 3, out);
    out.end();
    Some(())
}

static REPLICA: [(&str, Form); 5] =
    [("role", Form::Keep), ("host", Form::Keep), ("port", Form::Keep), ("state", Form::Keep), ("offset", Form::Keep)];
static SENTINEL: [(&str, Form); 2] = [("role", Form::Keep), ("names", Form::Keep)];
static ATTACHED: [(&str, Form); 3] = [("host", Form::Keep), ("port", Form::Integer), ("offset", Form::Integer)];

#[cfg(test)]
mod tests {
    use crate::commands::shape::tests::{becomes, both};

    #[test]
    fn a_slow_commands_arguments_are_a_list() {
        let argv = "*2\r\n$3\r\nGET\r\n$3\r\na b\r\n";
        for command in ["SLOWLOG GET", "SLOWLOG GET 5", "COMMANDLOG GET 5 slow"] {
            let entry = format!("*1\r\n*6\r\n:25\r\n:17\r\n:3\r\n{argv}$3\r\na:1\r\n$0\r\n\r\n");
            let shown = r#"[{"id": 25, "start_time": 17, "duration": 3, "command": ["GET", "a b"], "client_address": "a:1", "client_name": ""}]"#;
            assert_eq!(becomes(command, &entry), shown);
        }
        let old = format!("*1\r\n*4\r\n:25\r\n:17\r\n:3\r\n{argv}");
        assert_eq!(
            becomes("SLOWLOG GET", &old),
            r#"[{"id": 25, "start_time": 17, "duration": 3, "command": ["GET", "a b"]}]"#
        );
        // Of Redis Enterprise, written from its documentation.
        let complex = format!("*1\r\n*7\r\n:25\r\n:17\r\n:3\r\n$4\r\nO(1)\r\n{argv}$3\r\na:1\r\n$0\r\n\r\n");
        assert!(becomes("SLOWLOG GET", &complex).contains(r#""complexity": "O(1)", "command": ["GET", "a b"]"#));
        assert_eq!(becomes("SLOWLOG GET", "*1\r\n*3\r\n:25\r\n:17\r\n:3\r\n"), "[[25, 17, 3]]");
        assert_eq!(becomes("SLOWLOG LEN", ":3\r\n"), "3");
    }

    #[test]
    fn roles_have_names() {
        let master = "*3\r\n$6\r\nmaster\r\n:291\r\n*1\r\n*3\r\n$9\r\n127.0.0.1\r\n$4\r\n9001\r\n$3\r\n290\r\n";
        assert_eq!(
            becomes("ROLE", master),
            r#"{"role": "master", "offset": 291, "replicas": [{"host": "127.0.0.1", "port": 9001, "offset": 290}]}"#
        );
        let replica = "*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:9000\r\n$9\r\nconnected\r\n:-1\r\n";
        let shown = r#"{"role": "slave", "host": "127.0.0.1", "port": 9000, "state": "connected", "offset": -1}"#;
        assert_eq!(becomes("ROLE", replica), shown);
        let sentinel = "*2\r\n$8\r\nsentinel\r\n*1\r\n$1\r\nm\r\n";
        assert_eq!(becomes("ROLE", sentinel), r#"{"role": "sentinel", "names": ["m"]}"#);
        assert_eq!(becomes("ROLE", "*2\r\n$3\r\nnew\r\n:1\r\n"), r#"["new", 1]"#);
    }

    #[test]
    fn latency_has_names() {
        let latest = "*1\r\n*4\r\n$7\r\ncommand\r\n:17\r\n:10\r\n:12\r\n";
        assert_eq!(
            becomes("LATENCY LATEST", latest),
            r#"[{"event": "command", "timestamp": 17, "latest": 10, "max": 12}]"#
        );
        assert_eq!(
            becomes("LATENCY HISTORY command", "*1\r\n*2\r\n:17\r\n:10\r\n"),
            r#"[{"timestamp": 17, "latency": 10}]"#
        );
        let wire = |maps: [&str; 3]| {
            format!(
                "{}$3\r\nset\r\n{}$5\r\ncalls\r\n:3\r\n$14\r\nhistogram_usec\r\n{}:2\r\n:1\r\n:4\r\n:3\r\n",
                maps[0], maps[1], maps[2]
            )
        };
        let shown = r#"{"set": {"calls": 3, "histogram_usec": {2: 1, 4: 3}}}"#;
        both(
            "LATENCY HISTOGRAM set",
            &wire(["*2\r\n", "*4\r\n", "*4\r\n"]),
            &wire(["%1\r\n", "%2\r\n", "%2\r\n"]),
            shown,
        );
    }

    #[test]
    fn memory_is_maps_and_numbers() {
        let wire = |maps: [&str; 2], ratio: &str| {
            format!(
                "{}$4\r\npeak\r\n:5\r\n$4\r\ndb.0\r\n{}$8\r\noverhead\r\n:7\r\n$5\r\nratio\r\n{ratio}",
                maps[0], maps[1]
            )
        };
        both(
            "MEMORY STATS",
            &wire(["*6\r\n", "*2\r\n"], "$3\r\n2.5\r\n"),
            &wire(["%3\r\n", "%1\r\n"], ",2.5\r\n"),
            r#"{"peak": 5, "db.0": {"overhead": 7}, "ratio": 2.5|2.5|}"#,
        );
    }

    #[test]
    fn functions_modules_and_connections_are_maps() {
        let wire = |maps: [&str; 2], set: &str, null: &str| {
            format!(
                "*1\r\n{}$12\r\nlibrary_name\r\n$1\r\nl\r\n$9\r\nfunctions\r\n*1\r\n{}$11\r\ndescription\r\n{null}$5\r\nflags\r\n{set}+no-writes\r\n",
                maps[0], maps[1]
            )
        };
        both(
            "FUNCTION LIST",
            &wire(["*4\r\n", "*4\r\n"], "*1\r\n", "$-1\r\n"),
            &wire(["%2\r\n", "%2\r\n"], "~1\r\n", "_\r\n"),
            r#"[{"library_name": "l", "functions": [{"description": null, "flags": ~[+no-writes]}]}]"#,
        );
        let wire = |maps: [&str; 3], null: &str| {
            let engines = format!("{}$3\r\nLUA\r\n{}$9\r\nfunctions\r\n:1\r\n", maps[1], maps[2]);
            format!("{}$14\r\nrunning_script\r\n{null}$7\r\nengines\r\n{engines}", maps[0])
        };
        both(
            "FUNCTION STATS",
            &wire(["*4\r\n", "*2\r\n", "*2\r\n"], "$-1\r\n"),
            &wire(["%2\r\n", "%1\r\n", "%1\r\n"], "_\r\n"),
            r#"{"running_script": null, "engines": {"LUA": {"functions": 1}}}"#,
        );
        let module = |map: &str| format!("*1\r\n{map}$4\r\nname\r\n$1\r\nv\r\n$4\r\nargs\r\n*0\r\n");
        both("MODULE LIST", &module("*4\r\n"), &module("%2\r\n"), r#"[{"name": "v", "args": []}]"#);
        let hello = |map: &str, inner: &str| format!("{map}$5\r\nproto\r\n:3\r\n$7\r\nmodules\r\n{}", module(inner));
        both(
            "HELLO",
            &hello("*4\r\n", "*4\r\n"),
            &hello("%2\r\n", "%2\r\n"),
            r#"{"proto": 3, "modules": [{"name": "v", "args": []}]}"#,
        );
        let tracking =
            |map: &str, set: &str| format!("{map}$5\r\nflags\r\n{set}$3\r\noff\r\n$8\r\nredirect\r\n:-1\r\n");
        both(
            "CLIENT TRACKINGINFO",
            &tracking("*4\r\n", "*1\r\n"),
            &tracking("%2\r\n", "~1\r\n"),
            r#"{"flags": ~["off"], "redirect": -1}"#,
        );
        let shown = r#"[["a", 0], ["b", 3]]"#;
        for command in ["PUBSUB NUMSUB a b", "pubsub shardnumsub a b"] {
            both(
                command,
                "*4\r\n$1\r\na\r\n:0\r\n$1\r\nb\r\n:3\r\n",
                "*4\r\n$1\r\na\r\n:0\r\n$1\r\nb\r\n:3\r\n",
                shown,
            );
        }
        // Written from the documentation of 8.6, of which there is no server at hand.
        let hot = |map: &str| format!("*1\r\n{map}$8\r\nduration\r\n:5\r\n");
        both("ARINFO a", "*2\r\n$3\r\nlen\r\n:5\r\n", "%1\r\n$3\r\nlen\r\n:5\r\n", r#"{"len": 5}"#);
        both("HOTKEYS GET", &hot("*2\r\n"), &hot("%1\r\n"), r#"[{"duration": 5}]"#);
    }
}
