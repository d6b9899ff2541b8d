//! Search: results are a map, as RESP3 has them.

use super::parts::{array, collected, fields, keep, list, name, or_keep, row, text};
use super::{Row, Shape, words};
use crate::reply::{Builder, Form, Kind, View};

pub(super) static ROWS: &[Row] = &[
    Row::tree("FT.AGGREGATE", aggregated, AGGREGATED),
    Row::form("FT.ALIASADD", &Form::Bool, "BOOL"),
    Row::form("FT.ALIASDEL", &Form::Bool, "BOOL"),
    Row::form("FT.ALIASLIST", &Form::Set, "SET"),
    Row::form("FT.ALIASUPDATE", &Form::Bool, "BOOL"),
    Row::form("FT.ALTER", &Form::Bool, "BOOL"),
    Row::form("FT.CONFIG GET", &Form::Joined(&Form::Keep, &Form::Keep), "MAP"),
    Row::form("FT.CONFIG SET", &Form::Bool, "BOOL"),
    Row::form("FT.CREATE", &Form::Bool, "BOOL"),
    Row::form("FT.CURSOR DEL", &Form::Bool, "BOOL"),
    Row::tree("FT.CURSOR READ", aggregated, AGGREGATED),
    Row::form("FT.DICTDUMP", &Form::Set, "SET"),
    Row::form("FT.DROPINDEX", &Form::Bool, "BOOL"),
    Row::form("FT.HYBRID", &HYBRID, "MAP"),
    Row::tree("FT.INFO", info, "MAP; attributes an ARRAY of MAPs"),
    Row::read("FT.PROFILE", profile, "MAP: Results, as the command's own; Profile as it came"),
    Row::read(
        "FT.SEARCH",
        search,
        "MAP: total_results, results (MAPs: id, score, payload, sortkey, extra_attributes), ...",
    ),
    Row::tree(
        "FT.SPELLCHECK",
        suggestions,
        "MAP: results, a MAP of terms, each an ARRAY of MAPs of a word and its score",
    ),
    Row::form("FT.SYNDUMP", &Form::Map(&Form::Keep, &Form::Keep), "MAP"),
    Row::form("FT.SYNUPDATE", &Form::Bool, "BOOL"),
    Row::form("FT.TAGVALS", &Form::Set, "SET"),
    Row::form("FT._LIST", &Form::Set, "SET"),
];

const AGGREGATED: &str = "MAP: total_results, results, ...; with a cursor an ARRAY of that and the cursor";

static NAMED: Form = Form::Map(&Form::Keep, &Form::Keep);
static HYBRID: Form = Form::Record(&[("results", Form::Each(&NAMED)), ("execution_time", Form::Double)], &Form::Keep);

const NO_CONTENT: u32 = 1;
const SCORES: u32 = 2;
const PAYLOADS: u32 = 4;
const SORT_KEYS: u32 = 8;

fn search(args: &[&[u8]]) -> Shape {
    Shape::tree(found, options(args, 3))
}

/// FT.PROFILE index SEARCH|AGGREGATE, perhaps LIMITED, QUERY query...
fn profile(args: &[&[u8]]) -> Shape {
    if !words::is(args.get(2), "SEARCH") {
        return Shape::tree(profiled_aggregate, 0);
    }
    let query = args.iter().position(|arg| words::is(Some(arg), "QUERY")).unwrap_or(args.len());
    Shape::tree(profiled_search, options(args, query.saturating_add(2)))
}

/// What decides which parts each result has, in RESP2. The arguments of other options are none of these words.
fn options(args: &[&[u8]], from: usize) -> u32 {
    let mut at = from;
    let mut options = 0;
    while let Some(arg) = args.get(at) {
        for (word, bit) in
            [("NOCONTENT", NO_CONTENT), ("WITHSCORES", SCORES), ("WITHPAYLOADS", PAYLOADS), ("WITHSORTKEYS", SORT_KEYS)]
        {
            options |= if words::is(Some(arg), word) { bit } else { 0 };
        }
        let fixed = TAKING.iter().find(|(word, _)| words::is(Some(arg), word)).map(|(_, count)| *count);
        // To return no field is to ask for none.
        if words::is(Some(arg), "RETURN") && args.get(at + 1).is_some_and(|count| **count == *b"0") {
            options |= NO_CONTENT;
        }
        let counted = COUNTED.iter().any(|word| words::is(Some(arg), word));
        at = match (fixed, counted) {
            (Some(count), _) => at + 1 + count,
            (None, true) => words::behind_keys(args, at + 1).unwrap_or(args.len()),
            (None, false) => at + 1,
        };
    }
    options
}

/// Options with so many arguments, and options whose first argument says how many follow.
const TAKING: &[(&str, usize)] = &[
    ("FILTER", 3),
    ("GEOFILTER", 5),
    ("SLOP", 1),
    ("TIMEOUT", 1),
    ("LANGUAGE", 1),
    ("EXPANDER", 1),
    ("SCORER", 1),
    ("PAYLOAD", 1),
    ("SORTBY", 1),
    ("LIMIT", 2),
    ("DIALECT", 1),
    ("FORMAT", 1),
    ("FRAGS", 1),
    ("LEN", 1),
    ("SEPARATOR", 1),
    ("TAGS", 2),
];
const COUNTED: &[&str] = &["INKEYS", "INFIELDS", "RETURN", "FIELDS", "PARAMS"];

/// The results of FT.SEARCH: a map, or how many there are and then the parts of each.
fn found(options: u32, reply: View<'_>, out: &mut Builder) -> Option<()> {
    if reply.kind() == Kind::RREDIS_REPLY_MAP {
        return ordered(reply, out);
    }
    let has = |bit: u32| options & bit != 0;
    let stride =
        1 + [has(SCORES), has(PAYLOADS), has(SORT_KEYS), !has(NO_CONTENT)].iter().filter(|part| **part).count();
    let mut parts = array(reply, 1)?;
    let total = parts.next().filter(|total| total.kind() == Kind::RREDIS_REPLY_INTEGER)?;
    let are_fields = |part: View<'_>| has(NO_CONTENT) || part.is_null() || row(part).is_some();
    if !parts.len().is_multiple_of(stride) || !reply.children().skip(stride).step_by(stride).all(are_fields) {
        return None;
    }
    begin(total, out);
    while let Some(id) = parts.next() {
        let mut part = |is_there: bool| if is_there { parts.next() } else { None };
        out.open(Kind::RREDIS_REPLY_MAP);
        let named = [
            ("id", Some(id), &Form::Keep),
            ("score", part(has(SCORES)), &SCORE),
            ("payload", part(has(PAYLOADS)), &Form::Keep),
            ("sortkey", part(has(SORT_KEYS)), &Form::Keep),
            ("extra_attributes", part(!has(NO_CONTENT)), &NAMED),
        ];
        for (field, value, form) in named {
            if let Some(value) = value {
                name(field, out);
                out.add_formed(value, form);
            }
        }
        no_values(out);
        out.end();
    }
    end(out);
    Some(())
}

/// A number, or a list of it and of how it came about.
static SCORE: Form = Form::Double;

fn begin(total: View<'_>, out: &mut Builder) {
    out.open(Kind::RREDIS_REPLY_MAP);
    name("total_results", out);
    keep(total, out);
    name("results", out);
    out.open(Kind::RREDIS_REPLY_ARRAY);
}

/// What RESP3 tells beside, and RESP2 does not.
fn end(out: &mut Builder) {
    out.end();
    name("attributes", out);
    empty(out);
    name("format", out);
    name("STRING", out);
    name("warning", out);
    empty(out);
    out.end();
}

fn no_values(out: &mut Builder) {
    name("values", out);
    empty(out);
}

fn empty(out: &mut Builder) {
    out.open(Kind::RREDIS_REPLY_ARRAY);
    out.end();
}

/// RESP3's map in one order, whichever a server has; what else is in it comes behind.
fn ordered(reply: View<'_>, out: &mut Builder) -> Option<()> {
    const ORDER: [&str; 5] = ["total_results", "results", "attributes", "format", "warning"];
    let of = |pair: &(View<'_>, View<'_>)| ORDER.iter().position(|field| field.as_bytes() == pair.0.text());
    let mut pairs = collected(fields(reply)?.enumerate())?;
    pairs.sort_unstable_by_key(|(place, pair)| (of(pair).unwrap_or(ORDER.len()), *place));
    out.open(Kind::RREDIS_REPLY_MAP);
    for (_, (field, value)) in pairs {
        keep(field, out);
        match field.text() {
            b"results" => or_keep(value, out, |results, out| list(results, out, ordered_result)),
            b"format" => or_keep(value, out, |format, out| text(format).map(|format| name(format, out))),
            _ => keep(value, out),
        }
    }
    out.end();
    Some(())
}

fn ordered_result(result: View<'_>, out: &mut Builder) -> Option<()> {
    const ORDER: [&str; 6] = ["id", "score", "payload", "sortkey", "extra_attributes", "values"];
    let of = |pair: &(View<'_>, View<'_>)| ORDER.iter().position(|field| field.as_bytes() == pair.0.text());
    let mut pairs = collected(fields(result)?.enumerate())?;
    pairs.sort_unstable_by_key(|(place, pair)| (of(pair).unwrap_or(ORDER.len()), *place));
    out.open(Kind::RREDIS_REPLY_MAP);
    for (_, (field, value)) in pairs {
        keep(field, out);
        keep(value, out);
    }
    out.end();
    Some(())
}

/// FT.AGGREGATE: its rows; with a cursor, a list of those and the cursor.
fn aggregated(_: u32, reply: View<'_>, out: &mut Builder) -> Option<()> {
    let first = reply.get(0).filter(|_| reply.kind() == Kind::RREDIS_REPLY_ARRAY && reply.len() == 2);
    let Some(results) = first.filter(|first| first.kind() as u32 >= Kind::RREDIS_REPLY_ARRAY as u32) else {
        return rows(reply, out);
    };
    out.open(Kind::RREDIS_REPLY_ARRAY);
    or_keep(results, out, rows);
    reply.children().skip(1).for_each(|cursor| keep(cursor, out));
    out.end();
    Some(())
}

/// A total and rows of fields, or a map.
fn rows(reply: View<'_>, out: &mut Builder) -> Option<()> {
    if reply.kind() == Kind::RREDIS_REPLY_MAP {
        return ordered(reply, out);
    }
    let mut parts = array(reply, 1)?;
    let total = parts.next().filter(|total| total.kind() == Kind::RREDIS_REPLY_INTEGER)?;
    if !parts.all(|fields| row(fields).is_some_and(|fields| fields.len().is_multiple_of(2))) {
        return None;
    }
    begin(total, out);
    for fields in reply.children().skip(1) {
        out.open(Kind::RREDIS_REPLY_MAP);
        name("extra_attributes", out);
        out.add_formed(fields, &NAMED);
        no_values(out);
        out.end();
    }
    end(out);
    Some(())
}

fn profiled_search(options: u32, reply: View<'_>, out: &mut Builder) -> Option<()> {
    profiled(reply, out, |results, out| found(options, results, out))
}

fn profiled_aggregate(_: u32, reply: View<'_>, out: &mut Builder) -> Option<()> {
    profiled(reply, out, |results, out| aggregated(0, results, out))
}

fn profiled<'a>(
    reply: View<'a>,
    out: &mut Builder,
    results_of: impl Fn(View<'a>, &mut Builder) -> Option<()>,
) -> Option<()> {
    let (results, profile) = match reply.kind() {
        Kind::RREDIS_REPLY_MAP if reply.len() == 4 => (reply.find(b"Results")?, reply.find(b"Profile")?),
        Kind::RREDIS_REPLY_ARRAY if reply.len() == 2 => (reply.get(0)?, reply.get(1)?),
        _ => return None,
    };
    out.open(Kind::RREDIS_REPLY_MAP);
    name("Results", out);
    or_keep(results, out, results_of);
    name("Profile", out);
    keep(profile, out);
    out.end();
    Some(())
}

/// FT.SPELLCHECK: `TERM`, a term, and scored words; or a map.
fn suggestions(_: u32, reply: View<'_>, out: &mut Builder) -> Option<()> {
    if reply.kind() == Kind::RREDIS_REPLY_MAP {
        out.add_formed(reply, &SUGGESTED);
        return Some(());
    }
    let is_scored = |word: View<'_>| array(word, 2).is_some_and(|parts| parts.len() == 2);
    let is_term = |term: View<'_>| {
        let words = array(term, 3).filter(|parts| parts.len() == 3).and_then(|parts| row(parts.last()?));
        term.get(0).is_some_and(|tag| tag.text() == b"TERM") && words.is_some_and(|mut words| words.all(is_scored))
    };
    if !row(reply)?.all(is_term) {
        return None;
    }
    out.open(Kind::RREDIS_REPLY_MAP);
    name("results", out);
    out.open(Kind::RREDIS_REPLY_MAP);
    for (term, words) in reply.children().filter_map(|term| Some((term.get(1)?, term.get(2)?))) {
        keep(term, out);
        out.open(Kind::RREDIS_REPLY_ARRAY);
        for (score, word) in words.children().filter_map(|word| Some((word.get(0)?, word.get(1)?))) {
            out.open(Kind::RREDIS_REPLY_MAP);
            keep(word, out);
            out.add_formed(score, &Form::Double);
            out.end();
        }
        out.end();
    }
    out.end();
    out.end();
    Some(())
}

static SUGGESTED: Form = Form::Record(&[("results", Form::Map(&Form::Keep, &WORDS))], &Form::Keep);
static WORDS: Form = Form::Each(&Form::Map(&Form::Keep, &Form::Double));

/// FT.INFO: maps, and numbers that RESP2 has as text.
fn info(_: u32, reply: View<'_>, out: &mut Builder) -> Option<()> {
    let all = fields(reply)?;
    out.open(Kind::RREDIS_REPLY_MAP);
    for (field, value) in all {
        keep(field, out);
        match field.text() {
            b"attributes" => or_keep(value, out, |attributes, out| list(attributes, out, attribute)),
            b"field statistics" => out.add_formed(value, &Form::Each(&FIELD_STATISTICS)),
            b"index_name" | b"index_options" | b"stopwords_list" => keep(value, out),
            b"index_definition" | b"Index Errors" => out.add_formed(value, &NAMED),
            _ if row(value).is_some() => out.add_formed(value, &STATISTICS),
            _ => number(value, out),
        }
    }
    out.end();
    Some(())
}

static STATISTICS: Form = Form::Map(&Form::Keep, &Form::Integer);
static FIELD_STATISTICS: Form = Form::Record(&[("Index Errors", Form::Map(&Form::Keep, &Form::Keep))], &Form::Keep);

/// A whole number is an INTEGER, any other a DOUBLE.
fn number(value: View<'_>, out: &mut Builder) {
    let is_whole = text(value).is_some_and(|text| text.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-'));
    out.add_formed(value, if is_whole { &Form::Integer } else { &Form::Double });
}

/// An attribute's names and values in turn, and then its flags, which have no value.
fn attribute(attribute: View<'_>, out: &mut Builder) -> Option<()> {
    let parts = collected(array(attribute, 2)?)?;
    if !parts.iter().all(|part| text(*part).is_some() || part.kind() == Kind::RREDIS_REPLY_INTEGER) {
        return None;
    }
    let is_flag = |part: &View<'_>| FLAGS.iter().any(|flag| flag.as_bytes() == part.text());
    let with_value = (0..parts.len()).step_by(2).find(|&at| is_flag(&parts[at]) || at + 1 == parts.len());
    let (pairs, flags) = parts.split_at(with_value.unwrap_or(parts.len()));
    out.open(Kind::RREDIS_REPLY_MAP);
    for pair in pairs.chunks_exact(2) {
        keep(pair[0], out);
        match pair[0].text() {
            b"identifier" | b"attribute" | b"type" | b"SEPARATOR" | b"PHONETIC" => keep(pair[1], out),
            _ => number(pair[1], out),
        }
    }
    name("flags", out);
    out.open(Kind::RREDIS_REPLY_ARRAY);
    flags.iter().for_each(|flag| keep(*flag, out));
    out.end();
    out.end();
    Some(())
}

static FLAGS: [&str; 8] =
    ["SORTABLE", "UNF", "NOSTEM", "NOINDEX", "CASESENSITIVE", "WITHSUFFIXTRIE", "INDEXEMPTY", "INDEXMISSING"];

#[cfg(test)]
mod tests;
