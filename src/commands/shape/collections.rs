//! Sets, maps, pairs and lists.

use super::{Row, Shape, words};
use crate::reply::Form;

pub(super) static ROWS: &[Row] = &[
    Row::form("CONFIG GET", &MAP, "MAP of STRING"),
    Row::form("HGETALL", &MAP, "MAP"),
    Row::read(
        "HRANDFIELD",
        hrandfield,
        "STRING or NULL; with a count ARRAY; with WITHVALUES ARRAY of pairs: field, value",
    ),
    Row::read("HSCAN", hscan, "ARRAY: cursor, MAP; with NOVALUES cursor, ARRAY"),
    Row::read("LCS", lcs, "STRING; with LEN INTEGER; with IDX MAP: matches, len"),
    Row::form("SDIFF", &Form::Set, "SET"),
    Row::form("SINTER", &Form::Set, "SET"),
    Row::form("SMEMBERS", &Form::Set, "SET"),
    Row::read("SPOP", spop, "STRING or NULL; with a count SET"),
    Row::read("STRALGO", stralgo, "as LCS"),
    Row::form("SUNION", &Form::Set, "SET"),
];

static MAP: Form = Form::Map(&Form::Keep, &Form::Keep);

/// A field may come more than once, so pairs are no map.
fn hrandfield(args: &[&[u8]]) -> Shape {
    match words::is(args.get(3), "WITHVALUES") {
        true => Shape::form(&Form::Pairs(&Form::Keep, &Form::Keep)),
        false => Shape::KEEP,
    }
}

fn hscan(args: &[&[u8]]) -> Shape {
    match words::option(args, 3, "NOVALUES", &[("MATCH", 1), ("COUNT", 1)]) {
        true => Shape::KEEP,
        false => Shape::form(&Form::Tuple(&[Form::Keep, Form::Map(&Form::Keep, &Form::Keep)])),
    }
}

fn lcs(args: &[&[u8]]) -> Shape {
    match words::option(args, 3, "IDX", &[("MINMATCHLEN", 1)]) {
        true => Shape::form(&MAP),
        false => Shape::KEEP,
    }
}

/// What LCS was called before it was a command.
fn stralgo(args: &[&[u8]]) -> Shape {
    match words::option(args, 2, "IDX", &[("KEYS", 2), ("STRINGS", 2), ("MINMATCHLEN", 1)]) {
        true => Shape::form(&MAP),
        false => Shape::KEEP,
    }
}

fn spop(args: &[&[u8]]) -> Shape {
    if args.len() > 2 { Shape::form(&Form::Set) } else { Shape::KEEP }
}
