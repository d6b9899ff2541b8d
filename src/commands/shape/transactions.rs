//! EXEC: what a transaction's commands answered.

use super::Row;

pub(super) static ROWS: &[Row] = &[Row::elements(
    "EXEC",
    "ARRAY: of each command what it answers by itself; or NULL where a watched key had changed",
)];
