//! Time series: samples are a time and DOUBLEs, labels are maps.

use super::parts::{array, collected, fields, keep, list, name, or_keep, row, text};
use super::{Row, Shape, words};
use crate::reply::{Builder, Form, Kind, View};

pub(super) static ROWS: &[Row] = &[
    Row::form("TS.ALTER", &Form::Bool, "BOOL"),
    Row::form("TS.CREATE", &Form::Bool, "BOOL"),
    Row::form("TS.CREATERULE", &Form::Bool, "BOOL"),
    Row::form("TS.DELETERULE", &Form::Bool, "BOOL"),
    Row::tree("TS.GET", last, "ARRAY: time, DOUBLE; or NULL"),
    Row::tree("TS.INFO", info, "MAP; labels a MAP, rules a MAP, Chunks an ARRAY of MAPs"),
    Row::tree("TS.MGET", lasts, "MAP of keys, each an ARRAY: labels as a MAP, sample"),
    Row::read("TS.MRANGE", ranges, RANGES),
    Row::read("TS.MREVRANGE", ranges, RANGES),
    Row::tree("TS.QUERYINDEX", keys, "ARRAY"),
    Row::form("TS.QUERYLABELS", &Form::Set, "SET"),
    Row::form("TS.RANGE", &SAMPLES, OF_SAMPLES),
    Row::form("TS.READ", &SAMPLES, OF_SAMPLES),
    Row::form("TS.REVRANGE", &SAMPLES, OF_SAMPLES),
];

const OF_SAMPLES: &str = "ARRAY of samples, each an ARRAY: time, DOUBLE (one for each aggregation)";
const RANGES: &str = "MAP of keys, each an ARRAY: labels as a MAP, a MAP of aggregators, reducers and sources, samples";

/// A time and a value, or as many as there were aggregations.
static SAMPLE: Form = Form::Tuple(&[
    Form::Keep,
    Form::Double,
    Form::Double,
    Form::Double,
    Form::Double,
    Form::Double,
    Form::Double,
    Form::Double,
]);
const SAMPLES: Form = Form::Each(&SAMPLE);
static LABELS: Form = Form::Joined(&Form::Keep, &Form::Keep);

/// RESP3 calls the keys a set; they come in no order that means anything, but elsewhere they are a list.
fn keys(_: u32, reply: View<'_>, out: &mut Builder) -> Option<()> {
    list(reply, out, |key, out| {
        keep(key, out);
        Some(())
    })
}

fn last(_: u32, reply: View<'_>, out: &mut Builder) -> Option<()> {
    if row(reply)?.len() == 0 {
        out.add_null();
    } else {
        out.add_formed(reply, &SAMPLE);
    }
    Some(())
}

/// One series of many: its key, and what is told of it.
fn series<'a>(reply: View<'a>, least: usize, out: &mut Builder, add: impl Fn(&[View<'a>], &mut Builder)) -> Option<()> {
    let is_map = reply.kind() == Kind::RREDIS_REPLY_MAP;
    let is_series = |one: View<'_>, least| one.kind() == Kind::RREDIS_REPLY_ARRAY && one.len() >= least;
    let is_known = match is_map {
        true => reply.children().skip(1).step_by(2).all(|one| is_series(one, least)),
        false => row(reply)?.all(|one| is_series(one, least + 1)),
    };
    if !is_known {
        return None;
    }
    out.open(Kind::RREDIS_REPLY_MAP);
    let mut all = reply.children();
    while let Some(one) = all.next() {
        let (key, parts) = match is_map {
            true => (Some(one), collected(all.next()?.children())),
            false => (one.get(0), collected(one.children().skip(1))),
        };
        keep(key?, out);
        out.open(Kind::RREDIS_REPLY_ARRAY);
        add(&parts?, out);
        out.end();
    }
    out.end();
    Some(())
}

fn lasts(_: u32, reply: View<'_>, out: &mut Builder) -> Option<()> {
    series(reply, 2, out, |parts, out| {
        for (place, part) in parts.iter().enumerate() {
            match place {
                0 => out.add_formed(*part, &LABELS),
                1 => or_keep(*part, out, |sample, out| last(0, sample, out)),
                _ => keep(*part, out),
            }
        }
    })
}

/// The aggregations that were asked for: RESP2 does not repeat them, RESP3 does.
fn ranges(args: &[&[u8]]) -> Shape {
    let asked = args.windows(2).find(|pair| words::is(pair.first(), "AGGREGATION"));
    let names = asked.map_or(&b""[..], |pair| pair[1]);
    let mut options = 0;
    for name in names.split(|&byte| byte == b',').filter(|name| !name.is_empty()).take(AGGREGATIONS_MAX) {
        let code = AGGREGATORS.iter().position(|known| known.as_bytes().eq_ignore_ascii_case(name));
        options = options << 5 | code.map_or(0, |code| code as u32 + 1);
    }
    Shape::tree(all_ranges, options)
}

fn all_ranges(options: u32, reply: View<'_>, out: &mut Builder) -> Option<()> {
    series(reply, 2, out, |parts, out| {
        let [labels, told @ .., samples] = parts else { return };
        if !are_known(told) {
            return parts.iter().for_each(|part| keep(*part, out));
        }
        let group = if told.is_empty() { Group::of(*labels) } else { None };
        match &group {
            Some(_) => labels_of_group(*labels, out),
            None => out.add_formed(*labels, &LABELS),
        }
        let told_of = |field: &str| told.iter().find_map(|map| map.find(field.as_bytes()));
        out.open(Kind::RREDIS_REPLY_MAP);
        name("aggregators", out);
        match told_of("aggregators") {
            Some(names) => or_keep(names, out, lower_case),
            None => asked_for(options, out),
        }
        name("reducers", out);
        match told_of("reducers") {
            Some(names) => or_keep(names, out, lower_case),
            None => split(group.as_ref().map(|group| group.reducer), out),
        }
        name("sources", out);
        match told_of("sources") {
            Some(sources) => or_keep(sources, out, |sources, out| keys(0, sources, out)),
            None => split(group.as_ref().map(|group| group.sources), out),
        }
        out.end();
        out.add_formed(*samples, &SAMPLES);
    })
}

/// Whether maps tell of aggregators, reducers or sources, of each once, and of nothing else.
fn are_known(told: &[View<'_>]) -> bool {
    let are_maps = told.iter().all(|map| map.kind() == Kind::RREDIS_REPLY_MAP);
    if told.iter().map(|map| map.len()).sum::<usize>() > 6 {
        return false;
    }
    let mut names: Vec<&[u8]> = told.iter().flat_map(|map| map.children().step_by(2)).map(View::text).collect();
    names.sort_unstable();
    let are_ours = names.iter().all(|name| matches!(*name, b"aggregators" | b"reducers" | b"sources"));
    are_maps && are_ours && names.windows(2).all(|pair| pair[0] != pair[1])
}

/// What RESP2 tells of a group by labels that it makes for it.
struct Group<'a> {
    reducer: &'a [u8],
    sources: &'a [u8],
}

impl<'a> Group<'a> {
    fn of(labels: View<'a>) -> Option<Group<'a>> {
        if !row(labels)?.all(|pair| row(pair).is_some_and(|pair| pair.len() == 2)) {
            return None;
        }
        let one = |field: &[u8]| {
            let mut pairs = labels.children().filter(|pair| pair.get(0).is_some_and(|name| name.text() == field));
            let pair = pairs.next()?;
            if pairs.next().is_some() { None } else { text(pair.get(1)?) }
        };
        Some(Group { reducer: one(b"__reducer__")?, sources: one(b"__source__")? })
    }
}

fn labels_of_group(labels: View<'_>, out: &mut Builder) {
    let is_made =
        |pair: &View<'_>| pair.get(0).is_some_and(|name| matches!(name.text(), b"__reducer__" | b"__source__"));
    out.open(Kind::RREDIS_REPLY_MAP);
    for pair in labels.children().filter(|pair| !is_made(pair)) {
        pair.children().for_each(|part| keep(part, out));
    }
    out.end();
}

fn split(joined: Option<&[u8]>, out: &mut Builder) {
    out.open(Kind::RREDIS_REPLY_ARRAY);
    joined.into_iter().flat_map(|joined| joined.split(|&byte| byte == b',')).for_each(|one| name(one, out));
    out.end();
}

fn asked_for(options: u32, out: &mut Builder) {
    out.open(Kind::RREDIS_REPLY_ARRAY);
    for place in (0..AGGREGATIONS_MAX).rev() {
        let code = (options >> (5 * place) & 31) as usize;
        if let Some(asked) = code.checked_sub(1).and_then(|code| AGGREGATORS.get(code)) {
            name(asked, out);
        }
    }
    out.end();
}

/// Names of aggregations: what they are, in whichever letters a server writes them.
fn lower_case(names: View<'_>, out: &mut Builder) -> Option<()> {
    list(names, out, |one, out| {
        name(text(one).filter(|text| text.len() <= AGGREGATOR_BYTES_MAX)?.to_ascii_lowercase(), out);
        Some(())
    })
}

/// No name of an aggregation is as long.
const AGGREGATOR_BYTES_MAX: usize = 32;
const AGGREGATIONS_MAX: usize = 6;
static AGGREGATORS: [&str; 15] = [
    "avg", "sum", "min", "max", "range", "count", "first", "last", "std.p", "std.s", "var.p", "var.s", "twa",
    "countnan", "countall",
];

fn info(_: u32, reply: View<'_>, out: &mut Builder) -> Option<()> {
    let all = fields(reply)?;
    out.open(Kind::RREDIS_REPLY_MAP);
    for (field, value) in all {
        keep(field, out);
        match field.text() {
            b"labels" => out.add_formed(value, &LABELS),
            b"rules" => or_keep(value, out, rules),
            b"Chunks" => out.add_formed(value, &Form::Each(&CHUNK)),
            b"ignoreMaxValDiff" => out.add_formed(value, &Form::Double),
            _ => keep(value, out),
        }
    }
    out.end();
    Some(())
}

static CHUNK: Form = Form::Record(&[("bytesPerSample", Form::Double)], &Form::Keep);

/// Rules by the key that they write to.
fn rules(rules: View<'_>, out: &mut Builder) -> Option<()> {
    if !row(rules)?.all(|rule| array(rule, 2).is_some()) {
        return None;
    }
    out.open(Kind::RREDIS_REPLY_MAP);
    for rule in rules.children() {
        let mut parts = rule.children();
        parts.by_ref().take(1).for_each(|key| keep(key, out));
        out.open(Kind::RREDIS_REPLY_ARRAY);
        parts.for_each(|part| keep(part, out));
        out.end();
    }
    out.end();
    Some(())
}

/// Written from the documentation of the module; no server at hand has it.
#[cfg(test)]
mod tests {
    use crate::commands::shape::tests::{becomes, both};

    #[test]
    fn samples_are_a_time_and_a_double() {
        both("TS.GET k", "*2\r\n:5\r\n+1.5\r\n", "*2\r\n:5\r\n,1.5\r\n", "[5, 1.5|1.5|]");
        both("TS.GET k", "*0\r\n", "*0\r\n", "null");
        for command in ["TS.RANGE k - +", "TS.READ k 5", "TS.REVRANGE k - + AGGREGATION avg 5"] {
            let resp2 = "*2\r\n*2\r\n:5\r\n+1.5\r\n*2\r\n:6\r\n+NaN\r\n";
            both(command, resp2, "*2\r\n*2\r\n:5\r\n,1.5\r\n*2\r\n:6\r\n,NaN\r\n", "[[5, 1.5|1.5|], [6, NaN|NaN|]]");
        }
        both(
            "TS.RANGE k - + AGGREGATION min,max 5",
            "*1\r\n*3\r\n:5\r\n+1\r\n+2\r\n",
            "*1\r\n*3\r\n:5\r\n,1\r\n,2\r\n",
            "[[5, 1|1|, 2|2|]]",
        );
        for command in
            ["TS.CREATE k", "TS.ALTER k RETENTION 5", "TS.CREATERULE k l AGGREGATION avg 5", "TS.DELETERULE k l"]
        {
            assert_eq!(becomes(command, "+OK\r\n"), "true(OK)");
        }
        both("TS.QUERYINDEX a=b", "*1\r\n$1\r\nk\r\n", "~1\r\n$1\r\nk\r\n", r#"["k"]"#);
        both("TS.QUERYLABELS a=b", "*1\r\n$1\r\nk\r\n", "~1\r\n$1\r\nk\r\n", r#"~["k"]"#);
    }

    #[test]
    fn many_series_are_a_map() {
        both(
            "TS.MGET WITHLABELS FILTER a=b",
            "*2\r\n*3\r\n$1\r\nk\r\n*1\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n*2\r\n:5\r\n+1.5\r\n*3\r\n$1\r\nl\r\n*0\r\n*0\r\n",
            "%2\r\n$1\r\nk\r\n*2\r\n%1\r\n$1\r\na\r\n$1\r\nb\r\n*2\r\n:5\r\n,1.5\r\n$1\r\nl\r\n*2\r\n%0\r\n*0\r\n",
            r#"{"k": [{"a": "b"}, [5, 1.5|1.5|]], "l": [{}, null]}"#,
        );
        both(
            "TS.MRANGE - + AGGREGATION Max 5 FILTER a=b",
            "*1\r\n*3\r\n$1\r\nk\r\n*1\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n*1\r\n*2\r\n:5\r\n+1.5\r\n",
            "%1\r\n$1\r\nk\r\n*3\r\n%1\r\n$1\r\na\r\n$1\r\nb\r\n%1\r\n$11\r\naggregators\r\n*1\r\n$3\r\nMAX\r\n*1\r\n*2\r\n:5\r\n,1.5\r\n",
            r#"{"k": [{"a": "b"}, {"aggregators": ["max"], "reducers": [], "sources": []}, [[5, 1.5|1.5|]]]}"#,
        );
        both(
            "TS.MREVRANGE - + FILTER a=b GROUPBY a REDUCE sum",
            "*1\r\n*3\r\n$3\r\na=b\r\n*3\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n*2\r\n$11\r\n__reducer__\r\n$3\r\nsum\r\n\
             *2\r\n$10\r\n__source__\r\n$3\r\nk,l\r\n*1\r\n*2\r\n:5\r\n+3\r\n",
            "%1\r\n$3\r\na=b\r\n*4\r\n%1\r\n$1\r\na\r\n$1\r\nb\r\n%1\r\n$8\r\nreducers\r\n*1\r\n$3\r\nsum\r\n\
             %1\r\n$7\r\nsources\r\n*2\r\n$1\r\nk\r\n$1\r\nl\r\n*1\r\n*2\r\n:5\r\n,3\r\n",
            r#"{"a=b": [{"a": "b"}, {"aggregators": [], "reducers": ["sum"], "sources": ["k", "l"]}, [[5, 3|3|]]]}"#,
        );
        assert_eq!(becomes("TS.MGET FILTER a=b", "*1\r\n:1\r\n"), "[1]");
    }

    #[test]
    fn information_is_a_map() {
        let rest = |number: &str| format!("$16\r\nignoreMaxValDiff\r\n{number}$12\r\ntotalSamples\r\n:7\r\n");
        both(
            "TS.INFO k DEBUG",
            &format!(
                "*10\r\n$6\r\nlabels\r\n*1\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n$5\r\nrules\r\n*1\r\n*4\r\n$1\r\nl\r\n:5\r\n+AVG\r\n:0\r\n\
                 $6\r\nChunks\r\n*1\r\n*4\r\n$4\r\nsize\r\n:128\r\n$14\r\nbytesPerSample\r\n$3\r\n1.5\r\n{}",
                rest("+0\r\n")
            ),
            &format!(
                "%5\r\n$6\r\nlabels\r\n%1\r\n$1\r\na\r\n$1\r\nb\r\n$5\r\nrules\r\n%1\r\n$1\r\nl\r\n*3\r\n:5\r\n+AVG\r\n:0\r\n\
                 $6\r\nChunks\r\n*1\r\n%2\r\n$4\r\nsize\r\n:128\r\n$14\r\nbytesPerSample\r\n,1.5\r\n{}",
                rest(",0\r\n")
            ),
            r#"{"labels": {"a": "b"}, "rules": {"l": [5, +AVG, 0]}, "Chunks": [{"size": 128, "bytesPerSample": 1.5|1.5|}], "ignoreMaxValDiff": 0|0|, "totalSamples": 7}"#,
        );
    }
}
