//! SENTINEL: the state of monitored servers.

use super::parts::{boolean, fields, integer, keep, list, name, text, texts};
use super::{Row, Shape, words};
use crate::reply::{Builder, Form, Kind, View};

pub(super) static ROWS: &[Row] = &[
    Row::read("SENTINEL CONFIG", |args| set_or(words::is(args.get(2), "SET"), &TEXTS), "MAP of text; with SET BOOL"),
    Row::read("SENTINEL DEBUG", |args| set_or(args.len() > 2, &TIMES), "MAP of INTEGERs; with arguments BOOL"),
    Row::form("SENTINEL GET-MASTER-ADDR-BY-NAME", &ADDRESS, "ARRAY: host, port as INTEGER; or NULL"),
    Row::form("SENTINEL GET-PRIMARY-ADDR-BY-NAME", &ADDRESS, "ARRAY: host, port as INTEGER; or NULL"),
    Row::form(
        "SENTINEL INFO-CACHE",
        &Form::Map(&Form::Keep, &Form::Keep),
        "MAP of names, each an ARRAY of age and text",
    ),
    Row::tree("SENTINEL MASTER", state, "MAP; flags a SET, with BOOLs made of them, what counts an INTEGER"),
    Row::tree("SENTINEL MASTERS", states, STATES),
    Row::form("SENTINEL PENDING-SCRIPTS", &Form::Each(&Form::Map(&Form::Keep, &Form::Keep)), "ARRAY of MAPs"),
    Row::tree("SENTINEL PRIMARIES", states, STATES),
    Row::tree("SENTINEL PRIMARY", state, "MAP, as SENTINEL MASTER's"),
    Row::tree("SENTINEL REPLICAS", states, STATES),
    Row::tree("SENTINEL SENTINELS", states, STATES),
    Row::tree("SENTINEL SLAVES", states, STATES),
];

const STATES: &str = "ARRAY of MAPs, as SENTINEL MASTER's";

static ADDRESS: Form = Form::Tuple(&[Form::Keep, Form::Integer]);
static TEXTS: Form = Form::Map(&Form::Keep, &Form::Keep);
static TIMES: Form = Form::Map(&Form::Keep, &Form::Integer);

/// What sets something answers whether it did; otherwise it is told.
fn set_or(sets: bool, told: &'static Form) -> Shape {
    Shape::form(if sets { &Form::Bool } else { told })
}

fn state(_: u32, reply: View<'_>, out: &mut Builder) -> Option<()> {
    add_state(reply, out)
}

fn states(_: u32, reply: View<'_>, out: &mut Builder) -> Option<()> {
    list(reply, out, add_state)
}

/// The state of one that is watched, and what its flags mean.
fn add_state(state: View<'_>, out: &mut Builder) -> Option<()> {
    let flags = fields(state)?.find(|(field, _)| field.text() == b"flags").and_then(|(_, flags)| text(flags));
    out.open(Kind::RREDIS_REPLY_MAP);
    for (field, value) in fields(state)? {
        keep(field, out);
        match (field.text(), text(value)) {
            (b"flags", Some(flags)) => texts(Kind::RREDIS_REPLY_SET, split(flags), out),
            (field, Some(value)) if COUNTS.iter().any(|name| name.as_bytes() == field) => integer(value, out),
            _ => keep(value, out),
        }
    }
    for (derived, flag) in DERIVED {
        if let Some(flags) = flags {
            name(derived, out);
            boolean(split(flags).any(|given| given == flag.as_bytes()), out);
        }
    }
    out.end();
    Some(())
}

fn split(flags: &[u8]) -> impl Iterator<Item = &[u8]> {
    flags.split(|&byte| byte == b',').filter(|flag| !flag.is_empty())
}

static DERIVED: [(&str, &str); 7] = [
    ("is_master", "master"),
    ("is_slave", "slave"),
    ("is_sdown", "s_down"),
    ("is_odown", "o_down"),
    ("is_sentinel", "sentinel"),
    ("is_disconnected", "disconnected"),
    ("is_master_down", "master_down"),
];

/// The fields that count something, or are a port.
static COUNTS: [&str; 28] = [
    "can-failover-its-master",
    "config-epoch",
    "down-after-milliseconds",
    "failover-state-time",
    "failover-timeout",
    "info-refresh",
    "last-hello-message",
    "last-ok-ping-reply",
    "last-ping-reply",
    "last-ping-sent",
    "link-pending-commands",
    "link-refcount",
    "master-link-down-time",
    "master-port",
    "num-other-sentinels",
    "num-slaves",
    "o-down-time",
    "parallel-syncs",
    "pending-commands",
    "port",
    "quorum",
    "replica-announced",
    "role-reported-time",
    "s-down-time",
    "slave-priority",
    "slave-repl-offset",
    "voted-leader-epoch",
    "leader-epoch",
];

#[cfg(test)]
mod tests {
    use crate::commands::shape::tests::{becomes, both};

    const STATE: &str = "$4\r\nname\r\n$1\r\n7\r\n$4\r\nport\r\n$4\r\n6379\r\n$5\r\nflags\r\n$13\r\ns_down,master\r\n$3\r\nnew\r\n$1\r\n1\r\n";
    const SHOWN: &str = r#"{"name": "7", "port": 6379, "flags": ~["s_down", "master"], "new": "1", "is_master": true, "is_slave": false, "is_sdown": true, "is_odown": false, "is_sentinel": false, "is_disconnected": false, "is_master_down": false}"#;

    #[test]
    fn states_are_maps_with_flags() {
        both("SENTINEL MASTER m", &format!("*8\r\n{STATE}"), &format!("%4\r\n{STATE}"), SHOWN);
        for command in ["SENTINEL MASTERS", "SENTINEL REPLICAS m", "sentinel slaves m", "SENTINEL SENTINELS m"] {
            let shown = format!("[{SHOWN}]");
            both(command, &format!("*1\r\n*8\r\n{STATE}"), &format!("*1\r\n%4\r\n{STATE}"), &shown);
        }
        assert_eq!(becomes("SENTINEL MASTERS", "*1\r\n:1\r\n"), "[1]");
    }

    #[test]
    fn the_rest_has_its_form() {
        let address = "*2\r\n$9\r\n127.0.0.1\r\n$4\r\n6379\r\n";
        assert_eq!(becomes("SENTINEL GET-MASTER-ADDR-BY-NAME m", address), r#"["127.0.0.1", 6379]"#);
        both("SENTINEL GET-MASTER-ADDR-BY-NAME m", "*-1\r\n", "_\r\n", "null");
        let cache = "$1\r\nm\r\n*1\r\n*2\r\n:5\r\n$8\r\n# Server\r\n";
        assert_eq!(becomes("SENTINEL INFO-CACHE m", &format!("*2\r\n{cache}")), r##"{"m": [[5, "# Server"]]}"##);
        let fields = "$4\r\ntilt\r\n$2\r\n30\r\n";
        both("SENTINEL DEBUG", &format!("*2\r\n{fields}"), &format!("%1\r\n{fields}"), r#"{"tilt": 30}"#);
        both("SENTINEL CONFIG GET *", &format!("*2\r\n{fields}"), &format!("%1\r\n{fields}"), r#"{"tilt": "30"}"#);
        assert_eq!(becomes("SENTINEL CONFIG SET announce-port 1", "+OK\r\n"), "true(OK)");
        assert_eq!(becomes("SENTINEL DEBUG tilt-period 5", "+OK\r\n"), "true(OK)");
        let script = format!("*1\r\n%1\r\n{fields}");
        assert_eq!(becomes("SENTINEL PENDING-SCRIPTS", &script), r#"[{"tilt": "30"}]"#);
    }
}
