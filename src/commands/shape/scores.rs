//! Sorted sets, whose scores are doubles that keep their text.

use super::{Row, Shape, words};
use crate::reply::Form;

pub(super) static ROWS: &[Row] = &[
    Row::form("BZMPOP", &POPPED, "ARRAY: key, ARRAY of pairs: member, DOUBLE; or NULL"),
    Row::form("BZPOPMAX", &WITH_KEY, "ARRAY: key, member, DOUBLE; or NULL"),
    Row::form("BZPOPMIN", &WITH_KEY, "ARRAY: key, member, DOUBLE; or NULL"),
    Row::read("ZADD", zadd, "INTEGER; with INCR DOUBLE or NULL"),
    Row::read("ZDIFF", combined, SCORED_IF_ASKED),
    Row::form("ZINCRBY", &Form::Double, "DOUBLE"),
    Row::read("ZINTER", combined, SCORED_IF_ASKED),
    Row::form("ZMPOP", &POPPED, "ARRAY: key, ARRAY of pairs: member, DOUBLE; or NULL"),
    Row::form("ZMSCORE", &Form::Each(&Form::Double), "ARRAY of DOUBLEs or NULLs"),
    Row::form("ZPOPMAX", &SCORED, "ARRAY of pairs: member, DOUBLE"),
    Row::form("ZPOPMIN", &SCORED, "ARRAY of pairs: member, DOUBLE"),
    Row::read(
        "ZRANDMEMBER",
        zrandmember,
        "STRING or NULL; with a count ARRAY; with WITHSCORES ARRAY of pairs: member, DOUBLE",
    ),
    Row::read("ZRANGE", range, SCORED_IF_ASKED),
    Row::read("ZRANGEBYSCORE", range, SCORED_IF_ASKED),
    Row::read("ZRANK", rank, "INTEGER or NULL; with WITHSCORE ARRAY: INTEGER, DOUBLE; or NULL"),
    Row::read("ZREVRANGE", range, SCORED_IF_ASKED),
    Row::read("ZREVRANGEBYSCORE", range, SCORED_IF_ASKED),
    Row::read("ZREVRANK", rank, "INTEGER or NULL; with WITHSCORE ARRAY: INTEGER, DOUBLE; or NULL"),
    Row::form("ZSCAN", &Form::Tuple(&[Form::Keep, SCORED]), "ARRAY: cursor, ARRAY of pairs: member, DOUBLE"),
    Row::form("ZSCORE", &Form::Double, "DOUBLE or NULL"),
    Row::read("ZUNION", combined, SCORED_IF_ASKED),
];

const SCORED_IF_ASKED: &str = "ARRAY; with WITHSCORES ARRAY of pairs: member, DOUBLE";

const SCORED: Form = Form::Pairs(&Form::Keep, &Form::Double);
static POPPED: Form = Form::Tuple(&[Form::Keep, SCORED]);
static WITH_KEY: Form = Form::Tuple(&[Form::Keep, Form::Keep, Form::Double]);

fn scored_if(asked: bool) -> Shape {
    if asked { Shape::form(&SCORED) } else { Shape::KEEP }
}

/// ZRANGE key start stop and its options, or one of its elder sisters.
fn range(args: &[&[u8]]) -> Shape {
    scored_if(words::option(args, 4, "WITHSCORES", &[("LIMIT", 2)]))
}

/// ZUNION numkeys key ... and options, of which WEIGHTS has numbers.
fn combined(args: &[&[u8]]) -> Shape {
    scored_if(words::behind_keys(args, 1).is_some_and(|from| words::any(args, from, "WITHSCORES")))
}

fn zrandmember(args: &[&[u8]]) -> Shape {
    scored_if(words::is(args.get(3), "WITHSCORES"))
}

fn rank(args: &[&[u8]]) -> Shape {
    match words::is(args.get(3), "WITHSCORE") {
        true => Shape::form(&Form::Tuple(&[Form::Keep, Form::Double])),
        false => Shape::KEEP,
    }
}

/// ZADD key, its options, and then the first score, which none of them can be taken for.
fn zadd(args: &[&[u8]]) -> Shape {
    const OTHERS: [&str; 5] = ["NX", "XX", "GT", "LT", "CH"];
    let mut options = args.iter().skip(2);
    let last = options.find(|arg| !OTHERS.iter().any(|other| words::is(Some(arg), other)));
    if words::is(last, "INCR") { Shape::form(&Form::Double) } else { Shape::KEEP }
}
