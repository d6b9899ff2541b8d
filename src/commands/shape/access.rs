//! ACL: users, and what was refused.

use super::parts::{boolean, fields, keep, list, name, or_keep, row, text, texts};
use super::text::client_info;
use super::{Row, Shape, words};
use crate::reply::{Builder, Form, Kind, View};

pub(super) static ROWS: &[Row] = &[
    Row::tree("ACL GETUSER", user, "MAP: flags, passwords, commands, categories, rules, keys, channels, ..., enabled"),
    Row::read("ACL LOG", log, "ARRAY of MAPs; with RESET BOOL"),
];

fn log(args: &[&[u8]]) -> Shape {
    match words::is(args.get(2), "RESET") {
        true => Shape::form(&Form::Bool),
        false => Shape::tree(refusals, 0),
    }
}

fn refusals(_: u32, reply: View<'_>, out: &mut Builder) -> Option<()> {
    list(reply, out, |refusal, out| {
        let fields = fields(refusal)?;
        out.open(Kind::RREDIS_REPLY_MAP);
        for (field, value) in fields {
            keep(field, out);
            match field.text() {
                b"age-seconds" => out.add_formed(value, &Form::Double),
                b"client-info" => or_keep(value, out, client_info),
                _ => keep(value, out),
            }
        }
        out.end();
        Some(())
    })
}

/// A user, with what the library makes of the flags: whether there is one that says on.
fn user(_: u32, reply: View<'_>, out: &mut Builder) -> Option<()> {
    let is_ours = fields(reply)?.any(|(field, _)| field.text() == b"enabled");
    if is_ours {
        return None;
    }
    let flags = fields(reply)?.find(|(field, _)| field.text() == b"flags").and_then(|(_, flags)| row(flags));
    out.open(Kind::RREDIS_REPLY_MAP);
    fields(reply)?.for_each(|(field, value)| rule(field, value, out));
    if let Some(mut flags) = flags {
        name("enabled", out);
        boolean(flags.any(|flag| flag.text() == b"on"), out);
    }
    out.end();
    Some(())
}

/// One field of a user's, or of a selector's. The order of the rules for commands and for categories counts, so they are kept
/// as they came too.
fn rule(field: View<'_>, value: View<'_>, out: &mut Builder) {
    match (field.text(), text(value)) {
        (b"commands", Some(rules)) => {
            let is_category = |rule: &&[u8]| rule.contains(&b'@');
            name("commands", out);
            texts(Kind::RREDIS_REPLY_ARRAY, split(rules).filter(|rule| !is_category(rule)), out);
            name("categories", out);
            texts(Kind::RREDIS_REPLY_ARRAY, split(rules).filter(is_category), out);
            name("rules", out);
            name(rules, out);
        }
        (b"keys" | b"channels", Some(patterns)) => {
            keep(field, out);
            texts(Kind::RREDIS_REPLY_ARRAY, split(patterns), out);
        }
        (b"flags", _) => {
            keep(field, out);
            out.add_formed(value, &Form::Set);
        }
        (b"selectors", _) => {
            keep(field, out);
            or_keep(value, out, |selectors, out| list(selectors, out, selector));
        }
        _ => {
            keep(field, out);
            keep(value, out);
        }
    }
}

fn selector(selector: View<'_>, out: &mut Builder) -> Option<()> {
    let fields = fields(selector)?;
    out.open(Kind::RREDIS_REPLY_MAP);
    for (field, value) in fields {
        // A selector has none of its own.
        match field.text() {
            b"selectors" => {
                keep(field, out);
                keep(value, out);
            }
            _ => rule(field, value, out),
        }
    }
    out.end();
    Some(())
}

fn split(rules: &[u8]) -> impl Iterator<Item = &[u8]> {
    rules.split(|&byte| byte == b' ').filter(|rule| !rule.is_empty())
}

#[cfg(test)]
mod tests {
    use crate::commands::shape::tests::{becomes, both};

    #[test]
    fn a_user_is_a_map() {
        let wire = |user: &str, set: &str, selector: &str, rest: &str| {
            format!(
                "{user}$5\r\nflags\r\n{set}$2\r\non\r\n$9\r\npasswords\r\n*1\r\n$2\r\nab\r\n$8\r\ncommands\r\n$17\r\n-@all +get +@read\r\n\
                 $4\r\nkeys\r\n$9\r\n~a* %R~b*\r\n$8\r\nchannels\r\n$0\r\n\r\n$9\r\nselectors\r\n*1\r\n{selector}\
                 $8\r\ncommands\r\n$4\r\n+set\r\n$4\r\nkeys\r\n$2\r\n~x\r\n{rest}"
            )
        };
        both(
            "ACL GETUSER al",
            &wire("*12\r\n", "*1\r\n", "*4\r\n", ""),
            &wire("%6\r\n", "~1\r\n", "%2\r\n", ""),
            r#"{"flags": ~["on"], "passwords": ["ab"], "commands": ["+get"], "categories": ["-@all", "+@read"], "rules": "-@all +get +@read", "keys": ["~a*", "%R~b*"], "channels": [], "selectors": [{"commands": ["+set"], "categories": [], "rules": "+set", "keys": ["~x"]}], "enabled": true}"#,
        );
        both("ACL GETUSER no", "*-1\r\n", "_\r\n", "null");
        // Of 6.0, where patterns are a list.
        let old = "*4\r\n$5\r\nflags\r\n*1\r\n$3\r\noff\r\n$4\r\nkeys\r\n*1\r\n$1\r\n*\r\n";
        assert_eq!(becomes("ACL GETUSER al", old), r#"{"flags": ~["off"], "keys": ["*"], "enabled": false}"#);
    }

    #[test]
    fn what_was_refused_is_maps() {
        let wire = |map: &str, age: &str| {
            format!(
                "*1\r\n{map}$6\r\nreason\r\n$4\r\nauth\r\n$11\r\nage-seconds\r\n{age}$11\r\nclient-info\r\n$14\r\nid=5 cmd=a b=c\r\n"
            )
        };
        both(
            "ACL LOG 5",
            &wire("*6\r\n", "$3\r\n0.5\r\n"),
            &wire("%3\r\n", ",0.5\r\n"),
            r#"[{"reason": "auth", "age-seconds": 0.5|0.5|, "client-info": {"id": 5, "cmd": "a", "b": "c"}}]"#,
        );
        assert_eq!(becomes("acl log reset", "+OK\r\n"), "true(OK)");
        assert_eq!(becomes("ACL LOG", "*1\r\n:1\r\n"), "[1]");
    }
}
