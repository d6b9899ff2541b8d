//! The messages of wrong TLS options.

use crate::error::{Error, Status};

pub(super) fn config(message: impl Into<Vec<u8>>) -> Error {
    Error::new(Status::Config, message)
}
