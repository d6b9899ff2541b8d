//! COMMAND: what the server knows of its commands.

use super::Row;
use super::parts::{array, keep, list, more, name, or_keep, row, text};
use crate::reply::{Builder, Form, Kind, View};

pub(super) static ROWS: &[Row] = &[
    Row::tree("COMMAND", commands, COMMANDS),
    Row::form("COMMAND DOCS", &Form::Map(&Form::Keep, &DOCUMENT), "MAP of commands, each a MAP"),
    Row::form(
        "COMMAND GETKEYSANDFLAGS",
        &Form::Each(&Form::Tuple(&[Form::Keep, Form::Set])),
        "ARRAY of keys, each with the SET of its flags",
    ),
    Row::tree("COMMAND INFO", commands, COMMANDS),
];

const COMMANDS: &str = "MAP of commands, each a MAP; one that the server does not know is not in it";

/// A command's place in its record, its name, and what becomes of it.
static PLACES: [(&str, Facet); 10] = [
    ("name", Facet::Form(Form::Keep)),
    ("arity", Facet::Form(Form::Keep)),
    ("flags", Facet::Form(Form::Set)),
    ("first_key_pos", Facet::Form(Form::Keep)),
    ("last_key_pos", Facet::Form(Form::Keep)),
    ("step_count", Facet::Form(Form::Keep)),
    ("acl_categories", Facet::Form(Form::Set)),
    ("tips", Facet::Form(Form::Set)),
    ("key_specifications", Facet::KeySpecs),
    ("subcommands", Facet::Commands),
];

enum Facet {
    Form(Form),
    /// A list, for the place of each matters; RESP3 calls it a set.
    KeySpecs,
    Commands,
}

fn commands(_: u32, reply: View<'_>, out: &mut Builder) -> Option<()> {
    add_commands(0, reply, out)
}

/// A map of commands by name. Servers nest subcommands one deep.
fn add_commands(depth: u32, commands: View<'_>, out: &mut Builder) -> Option<()> {
    let is_known = |command: View<'_>| {
        let name = array(command, 6).and_then(|mut parts| parts.next()).and_then(text);
        command.is_null() || name.is_some()
    };
    if depth > 2 || !row(commands)?.all(is_known) {
        return None;
    }
    out.open(Kind::RREDIS_REPLY_MAP);
    for command in commands.children().filter(|command| !command.is_null()) {
        command.get(0).into_iter().for_each(|name| keep(name, out));
        out.open(Kind::RREDIS_REPLY_MAP);
        for ((field, part), value) in PLACES.iter().zip(command.children()) {
            name(field, out);
            match part {
                Facet::Form(form) => out.add_formed(value, form),
                Facet::KeySpecs => or_keep(value, out, |specs, out| {
                    list(specs, out, |spec, out| {
                        out.add_formed(spec, &KEY_SPEC);
                        Some(())
                    })
                }),
                Facet::Commands => or_keep(value, out, |commands, out| add_commands(depth + 1, commands, out)),
            }
        }
        more(command, PLACES.len(), out);
        out.end();
    }
    out.end();
    Some(())
}

static KEY_SPEC: Form =
    Form::Record(&[("flags", Form::Set), ("begin_search", SEARCH), ("find_keys", SEARCH)], &Form::Keep);
const SEARCH: Form = Form::Record(&[("spec", Form::Map(&Form::Keep, &Form::Keep))], &Form::Keep);

static DOCUMENT: Form = Form::Record(
    &[
        ("doc_flags", Form::Set),
        ("history", Form::Set),
        ("arguments", Form::Each(&ARGUMENT)),
        ("subcommands", Form::Map(&Form::Keep, &SUBDOCUMENT)),
    ],
    &Form::Keep,
);
static SUBDOCUMENT: Form = Form::Record(
    &[("doc_flags", Form::Set), ("history", Form::Set), ("arguments", Form::Each(&ARGUMENT))],
    &Form::Keep,
);

/// An argument may be made of arguments: so deep as any server's are, and some more.
static ARGUMENT: Form = argument(&[("flags", Form::Set), ("arguments", Form::Each(&ARGUMENT_2))]);
static ARGUMENT_2: Form = argument(&[("flags", Form::Set), ("arguments", Form::Each(&ARGUMENT_3))]);
static ARGUMENT_3: Form = argument(&[("flags", Form::Set), ("arguments", Form::Each(&ARGUMENT_4))]);
static ARGUMENT_4: Form = argument(&[("flags", Form::Set), ("arguments", Form::Each(&ARGUMENT_5))]);
static ARGUMENT_5: Form = argument(&[("flags", Form::Set), ("arguments", Form::Each(&ARGUMENT_6))]);
static ARGUMENT_6: Form = argument(&[("flags", Form::Set), ("arguments", Form::Each(&ARGUMENT_7))]);
static ARGUMENT_7: Form = argument(&[("flags", Form::Set), ("arguments", Form::Each(&ARGUMENT_8))]);
static ARGUMENT_8: Form = argument(&[("flags", Form::Set)]);

const fn argument(fields: &'static [(&'static str, Form)]) -> Form {
    Form::Record(fields, &Form::Keep)
}

#[cfg(test)]
mod tests {
    use crate::commands::shape::tests::{becomes, both};

    /// An aggregate of RESP3 in place of one of RESP2.
    fn wire(resp3: bool, text: &str) -> String {
        let lines = text.replace('\n', "\r\n");
        match resp3 {
            true => lines,
            false => {
                let flat = |line: &str| match line.split_at(line.len().min(1)) {
                    ("~", count) => format!("*{count}"),
                    ("%", count) => format!("*{}", 2 * count.parse::<usize>().unwrap()),
                    ("_", "") => "*-1".to_owned(),
                    _ => line.to_owned(),
                };
                lines.split("\r\n").map(flat).collect::<Vec<_>>().join("\r\n")
            }
        }
    }

    const COMMAND: &str = "*2\n*10\n$6\nconfig\n:-2\n~1\n+stale\n:0\n:0\n:0\n~1\n+@slow\n~1\n$3\ntip\n~1\n%3\n$5\nflags\n~1\n+RO\n\
        $12\nbegin_search\n%2\n$4\ntype\n$5\nindex\n$4\nspec\n%1\n$5\nindex\n:1\n$9\nfind_keys\n%2\n$4\ntype\n$7\nunknown\n\
        $4\nspec\n%0\n*1\n*10\n$10\nconfig|get\n:-3\n~0\n:0\n:0\n:0\n~0\n~0\n~0\n~0\n_\n";

    #[test]
    fn commands_are_a_map_of_maps() {
        let subcommand = "{\"name\": \"config|get\", \"arity\": -3, \"flags\": ~[], \"first_key_pos\": 0, \"last_key_pos\": 0, \
            \"step_count\": 0, \"acl_categories\": ~[], \"tips\": ~[], \"key_specifications\": [], \"subcommands\": {}}";
        let shown = format!(
            "{{\"config\": {{\"name\": \"config\", \"arity\": -2, \"flags\": ~[+stale], \"first_key_pos\": 0, \
             \"last_key_pos\": 0, \"step_count\": 0, \"acl_categories\": ~[+@slow], \"tips\": ~[\"tip\"], \
             \"key_specifications\": [{{\"flags\": ~[+RO], \"begin_search\": {{\"type\": \"index\", \"spec\": {{\"index\": 1}}}}, \
             \"find_keys\": {{\"type\": \"unknown\", \"spec\": {{}}}}}}], \"subcommands\": {{\"config|get\": {subcommand}}}}}}}"
        );
        for command in ["COMMAND", "COMMAND INFO config nosuch"] {
            both(command, &wire(false, COMMAND), &wire(true, COMMAND), &shown);
        }
        // Of 2.8, and of some server to come.
        let old = "*1\r\n*6\r\n$3\r\nget\r\n:2\r\n*1\r\n+fast\r\n:1\r\n:1\r\n:1\r\n";
        let shown = "{\"get\": {\"name\": \"get\", \"arity\": 2, \"flags\": ~[+fast], \"first_key_pos\": 1, \
             \"last_key_pos\": 1, \"step_count\": 1}}";
        assert_eq!(becomes("COMMAND", old), shown);
        let new = "*1\r\n*11\r\n$1\r\nx\r\n:2\r\n*0\r\n:1\r\n:1\r\n:1\r\n*0\r\n*0\r\n*0\r\n*0\r\n:7\r\n";
        assert!(becomes("COMMAND INFO x", new).ends_with("\"subcommands\": {}, \"more\": [7]}}"));
        assert_eq!(becomes("COMMAND INFO x", "*2\r\n:1\r\n*0\r\n"), "[1, []]");
        assert_eq!(becomes("COMMAND COUNT", ":240\r\n"), "240");
        assert_eq!(becomes("COMMAND LIST", "*1\r\n$3\r\nget\r\n"), "[\"get\"]");
    }

    #[test]
    fn documents_are_maps() {
        let text = "%1\n$1\nx\n%3\n$7\nhistory\n~1\n*2\n$1\n7\n$1\nh\n$9\narguments\n*1\n%2\n$5\nflags\n~1\n+optional\n\
            $9\narguments\n*1\n%1\n$4\nname\n$1\na\n$11\nsubcommands\n%1\n$3\nx|y\n%1\n$9\ndoc_flags\n~1\n+deprecated\n";
        both(
            "COMMAND DOCS x",
            &wire(false, text),
            &wire(true, text),
            r#"{"x": {"history": ~[["7", "h"]], "arguments": [{"flags": ~[+optional], "arguments": [{"name": "a"}]}], "subcommands": {"x|y": {"doc_flags": ~[+deprecated]}}}}"#,
        );
        let text = "*1\n*2\n$1\nk\n~1\n+RO\n";
        both("COMMAND GETKEYSANDFLAGS get k", &wire(false, text), &wire(true, text), r#"[["k", ~[+RO]]]"#);
    }
}
