//! Streams: entries, whose fields stay in order and may repeat, and information on groups and consumers.

use super::Row;
use super::parts::{array, keep, list, name, or_keep, record};
use crate::reply::{Builder, Form, Kind, View};

pub(super) static ROWS: &[Row] = &[
    Row::form("XAUTOCLAIM", &Form::Tuple(&[Form::Keep, ENTRIES]), "ARRAY: next id, entries (or ids), deleted ids"),
    Row::form("XCLAIM", &ENTRIES, "ARRAY of entries, or of ids"),
    Row::form("XINFO CONSUMERS", &Form::Each(&NAMED), "ARRAY of MAPs"),
    Row::form("XINFO GROUPS", &Form::Each(&NAMED), "ARRAY of MAPs"),
    Row::form("XINFO STREAM", &STREAM, "MAP; entries, groups and consumers in it as elsewhere"),
    Row::tree("XPENDING", pending, "MAP: pending, min, max, consumers; in its long form an ARRAY of MAPs"),
    Row::form("XRANGE", &ENTRIES, "ARRAY of entries: id, and pairs of field and value"),
    Row::form("XREAD", &STREAMS, "MAP of streams, each an ARRAY of entries; empty where there is none"),
    Row::form("XREADGROUP", &STREAMS, "MAP of streams, each an ARRAY of entries; empty where there is none"),
    Row::form("XREVRANGE", &ENTRIES, "ARRAY of entries: id, and pairs of field and value"),
];

/// An id and its fields; what is told behind them stays. An id alone, or nothing, is no array and stays too.
static ENTRY: Form = Form::Tuple(&[Form::Keep, Form::Pairs(&Form::Keep, &Form::Keep)]);
const ENTRIES: Form = Form::Each(&ENTRY);
static NAMED: Form = Form::Map(&Form::Keep, &Form::Keep);

/// XINFO STREAM, short and FULL: where FULL was not asked for, entries are not there and groups are a number.
static STREAM: Form = Form::Record(
    &[("first-entry", ENTRY), ("last-entry", ENTRY), ("entries", ENTRIES), ("groups", Form::Each(&GROUP))],
    &Form::Keep,
);
static GROUP: Form = Form::Record(&[("consumers", Form::Each(&NAMED))], &Form::Keep);
static STREAMS: Form = Form::OrEmptyMap(&Form::Joined(&Form::Keep, &ENTRIES));

/// XPENDING: what is pending in all, or, in its long form, a row of entries.
fn pending(_: u32, reply: View<'_>, out: &mut Builder) -> Option<()> {
    let is_summary = reply.get(0).is_some_and(|first| first.kind() == Kind::RREDIS_REPLY_INTEGER);
    if !is_summary {
        return list(reply, out, |entry, out| record(4, &DETAIL, entry, out));
    }
    let mut parts = array(reply, 4)?;
    out.open(Kind::RREDIS_REPLY_MAP);
    for (field, part) in ["pending", "min", "max"].into_iter().zip(parts.by_ref()) {
        name(field, out);
        keep(part, out);
    }
    name("consumers", out);
    parts.take(1).for_each(|consumers| or_keep(consumers, out, all_consumers));
    super::parts::more(reply, 4, out);
    out.end();
    Some(())
}

/// Nobody is a list of none; how much each has pending comes as text.
fn all_consumers(consumers: View<'_>, out: &mut Builder) -> Option<()> {
    if consumers.is_null() {
        out.open(Kind::RREDIS_REPLY_ARRAY);
        out.end();
        return Some(());
    }
    list(consumers, out, |consumer, out| record(2, &CONSUMER, consumer, out))
}

static CONSUMER: [(&str, Form); 2] = [("name", Form::Keep), ("pending", Form::Integer)];
static DETAIL: [(&str, Form); 4] = [
    ("message_id", Form::Keep),
    ("consumer", Form::Keep),
    ("time_since_delivered", Form::Keep),
    ("times_delivered", Form::Keep),
];

#[cfg(test)]
mod tests {
    use crate::commands::shape::tests::{becomes, both};

    const ENTRIES: &str = "*2\r\n*2\r\n$3\r\n1-1\r\n*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\na\r\n$1\r\n2\r\n*2\r\n$3\r\n2-1\r\n*2\r\n$1\r\nb\r\n$1\r\nx\r\n";
    const SHOWN: &str = r#"[["1-1", [["a", "1"], ["a", "2"]]], ["2-1", [["b", "x"]]]]"#;

    #[test]
    fn fields_stay_in_order_and_may_repeat() {
        for command in ["XRANGE s - +", "XREVRANGE s + -", "XCLAIM s g c 0 1-1"] {
            assert_eq!(becomes(command, ENTRIES), SHOWN, "{command}");
            assert_eq!(becomes(command, "*0\r\n"), "[]");
        }
        let binary = "*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$2\r\n\r\n\r\n$0\r\n\r\n";
        assert_eq!(becomes("XRANGE s - +", binary), r#"[["1-1", [["\r\n", ""]]]]"#);
    }

    #[test]
    fn streams_are_a_map_in_their_order() {
        for command in ["XREAD STREAMS s t 0 0", "XREADGROUP GROUP g c STREAMS s t > >"] {
            let resp2 = format!("*2\r\n*2\r\n$1\r\nt\r\n{ENTRIES}*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n9-9\r\n*-1\r\n");
            let resp3 = format!("%2\r\n$1\r\nt\r\n{ENTRIES}$1\r\ns\r\n*1\r\n*2\r\n$3\r\n9-9\r\n_\r\n");
            both(command, &resp2, &resp3, &format!(r#"{{"t": {SHOWN}, "s": [["9-9", null]]}}"#));
            both(command, "*-1\r\n", "_\r\n", "{}");
        }
        // Of 8.4, written from its documentation: an entry that was claimed has its idle time and its deliveries too.
        let claimed = "%1\r\n$1\r\ns\r\n*1\r\n*4\r\n$3\r\n1-1\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n:10\r\n:2\r\n";
        let shown = r#"{"s": [["1-1", [["a", "1"]], 10, 2]]}"#;
        assert_eq!(becomes("XREADGROUP GROUP g c CLAIM 1 STREAMS s >", claimed), shown);
    }

    #[test]
    fn ids_alone_stay_ids() {
        let ids = "*2\r\n$3\r\n1-1\r\n$3\r\n2-1\r\n";
        assert_eq!(becomes("XCLAIM s g c 0 1-1 2-1 JUSTID", ids), r#"["1-1", "2-1"]"#);
        let claimed = format!("*3\r\n$3\r\n0-0\r\n{ids}*0\r\n");
        assert_eq!(becomes("XAUTOCLAIM s g c 0 0 JUSTID", &claimed), r#"["0-0", ["1-1", "2-1"], []]"#);
        let claimed = format!("*3\r\n$3\r\n0-0\r\n{ENTRIES}*1\r\n$3\r\n3-1\r\n");
        assert_eq!(becomes("XAUTOCLAIM s g c 0 0", &claimed), format!(r#"["0-0", {SHOWN}, ["3-1"]]"#));
        // 6.2 says nothing of deleted entries but a null in their place.
        let old = "*2\r\n$3\r\n0-0\r\n*2\r\n*-1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n";
        assert_eq!(becomes("XAUTOCLAIM s g c 0 0", old), r#"["0-0", [null, ["1-1", [["a", "1"]]]]]"#);
    }

    #[test]
    fn what_is_pending_has_names() {
        let summary =
            "*4\r\n:3\r\n$3\r\n1-1\r\n$3\r\n3-1\r\n*2\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n";
        let shown = r#"{"pending": 3, "min": "1-1", "max": "3-1", "consumers": [{"name": "a", "pending": 1}, {"name": "b", "pending": 2}]}"#;
        assert_eq!(becomes("XPENDING s g", summary), shown);
        let none = r#"{"pending": 0, "min": null, "max": null, "consumers": []}"#;
        both("XPENDING s g", "*4\r\n:0\r\n$-1\r\n$-1\r\n*-1\r\n", "*4\r\n:0\r\n_\r\n_\r\n_\r\n", none);
        let detail = "*1\r\n*4\r\n$3\r\n1-1\r\n$1\r\na\r\n:13\r\n:1\r\n";
        let shown = r#"[{"message_id": "1-1", "consumer": "a", "time_since_delivered": 13, "times_delivered": 1}]"#;
        assert_eq!(becomes("XPENDING s g - + 10", detail), shown);
        assert_eq!(becomes("XPENDING s g IDLE 5 - + 10 a", "*0\r\n"), "[]");
        assert_eq!(becomes("XPENDING s g", "*2\r\n:3\r\n$1\r\na\r\n"), r#"[3, "a"]"#);
    }

    #[test]
    fn information_is_maps() {
        let entry = "*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n";
        let fields =
            format!("$6\r\nlength\r\n:1\r\n$6\r\ngroups\r\n:1\r\n$11\r\nfirst-entry\r\n{entry}$10\r\nlast-entry\r\n");
        both(
            "XINFO STREAM s",
            &format!("*8\r\n{fields}*-1\r\n"),
            &format!("%4\r\n{fields}_\r\n"),
            r#"{"length": 1, "groups": 1, "first-entry": ["1-1", [["a", "1"]]], "last-entry": null}"#,
        );
        let parts = |map: [&str; 3]| {
            let pel = "$7\r\npending\r\n*1\r\n*3\r\n$3\r\n1-1\r\n:5\r\n:1\r\n";
            let consumer = format!("{}$4\r\nname\r\n$1\r\nc\r\n{pel}", map[2]);
            let group = format!("{}$4\r\nname\r\n$1\r\ng\r\n$9\r\nconsumers\r\n*1\r\n{consumer}", map[1]);
            format!("{}$7\r\nentries\r\n*1\r\n{entry}$6\r\ngroups\r\n*1\r\n{group}", map[0])
        };
        both(
            "XINFO STREAM s FULL",
            &parts(["*4\r\n"; 3]),
            &parts(["%2\r\n"; 3]),
            r#"{"entries": [["1-1", [["a", "1"]]]], "groups": [{"name": "g", "consumers": [{"name": "c", "pending": [["1-1", 5, 1]]}]}]}"#,
        );
        for command in ["XINFO GROUPS s", "xinfo consumers s g"] {
            let fields = "$4\r\nname\r\n$1\r\ng\r\n$3\r\nlag\r\n";
            let shown = r#"[{"name": "g", "lag": null}]"#;
            both(command, &format!("*1\r\n*4\r\n{fields}*-1\r\n"), &format!("*1\r\n%2\r\n{fields}_\r\n"), shown);
        }
    }
}
