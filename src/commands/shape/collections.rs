//! Sets, maps, pairs and lists.

use super::Row;
use crate::reply::Form;

pub(super) static ROWS: &[Row] =
    &[Row::form("HGETALL", &Form::Map(&Form::Keep, &Form::Keep), "MAP"), Row::form("SMEMBERS", &Form::Set, "SET")];
