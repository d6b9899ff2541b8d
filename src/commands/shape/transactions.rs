//! EXEC: the replies to a transaction's commands.

use super::Row;

pub(super) static ROWS: &[Row] = &[Row::elements(
    "EXEC",
    "ARRAY: of each command what it answers by itself; or NULL where a watched key had changed",
)];
