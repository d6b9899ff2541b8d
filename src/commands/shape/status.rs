//! Yes and no: statuses and integers that are a BOOL.

use super::{Row, Shape, words};
use crate::reply::Form;

pub(super) static ROWS: &[Row] = &[
    Row::form("MSET", &Form::Bool, "BOOL"),
    Row::read("SET", set, "BOOL, or NULL where it was not set; with GET the old value"),
];

/// SET answers the old value where GET stands among its options.
fn set(args: &[&[u8]]) -> Shape {
    const TAKING: &[(&str, usize)] = &[("EX", 1), ("PX", 1), ("EXAT", 1), ("PXAT", 1)];
    match args.len() > 3 && words::option(args, 3, "GET", TAKING) {
        true => Shape::KEEP,
        false => Shape::form(&Form::Bool),
    }
}
