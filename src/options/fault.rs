//! The messages of wrong options.

use crate::error::{Error, Status, quoted};

/// Bytes of a value that a message shows.
const SHOWN_MAX: usize = 48;

pub(super) fn config(message: impl Into<Vec<u8>>) -> Error {
    Error::new(Status::Config, message)
}

/// What is wrong with the value of an option.
pub(super) fn about(name: &str, value: &[u8], what: &str) -> Error {
    config([name.as_bytes(), b": ", &shown(value), b" ", what.as_bytes()].concat())
}

/// The value as a message shows it: quoted, and cut where it is long.
pub(super) fn shown(value: &[u8]) -> Vec<u8> {
    quoted(value, SHOWN_MAX)
}
