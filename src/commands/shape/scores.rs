//! Sorted sets, whose scores are doubles that keep their text.

use super::{Row, Shape, words};
use crate::reply::Form;

pub(super) static ROWS: &[Row] = &[
    Row::read("ZRANGE", zrange, "ARRAY; with WITHSCORES pairs of a member and a DOUBLE"),
    Row::form("ZSCORE", &Form::Double, "DOUBLE, or NULL"),
];

static SCORED: Form = Form::Pairs(&Form::Keep, &Form::Double);

fn zrange(args: &[&[u8]]) -> Shape {
    match words::option(args, 4, "WITHSCORES", &[("LIMIT", 2)]) {
        true => Shape::form(&SCORED),
        false => Shape::KEEP,
    }
}
