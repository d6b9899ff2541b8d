//! From the server's reply to the caller's result: a response callback's reply, or the server's error.
#![forbid(unsafe_code)]

use std::sync::Arc;

use crate::commands::Command;
use crate::error::{Error, Outcome, Result};
use crate::memory::copied;
use crate::reply::Reply;
use crate::route::server_error;

use super::callbacks::Callback;
use super::{Call, Flags};

/// A callback that will be shown a reply, and what it is shown beside that.
pub(super) struct Later {
    callback: Arc<dyn Callback>,
    args: Vec<Vec<u8>>,
    call_data: *mut (),
}

/// What the caller of this call gets of the reply to a command of this row.
pub(super) fn finish(
    row: Option<&Command>,
    args: &[&[u8]],
    call: &Call,
    callback: Option<&dyn Callback>,
    reply: Reply,
) -> Result<Reply> {
    match callback {
        _ if reply.is_error() => finish_error(row, call.flags, reply),
        None => Ok(reply),
        Some(callback) => called(callback, call.call_data, args, reply),
    }
}

/// The same of a server's error.
pub(super) fn finish_error(row: Option<&Command>, flags: Flags, reply: Reply) -> Result<Reply> {
    match flags.has(Flags::ERROR_REPLY) {
        true => Ok(reply),
        false => Err(server_error(row, &reply)),
    }
}

/// What a callback makes of a reply: another, or the same.
pub(super) fn called(callback: &dyn Callback, call_data: *mut (), args: &[&[u8]], reply: Reply) -> Result<Reply> {
    match callback.call(call_data, args, &reply) {
        Ok(made) => Ok(made.unwrap_or(reply)),
        Err(error) => Err(Error { attempts: 1, ..error.with_outcome(Outcome::Ran) }),
    }
}

impl Later {
    /// With a copy of the arguments. `what`: what there may be no memory for.
    pub(super) fn new(callback: Arc<dyn Callback>, args: &[&[u8]], call_data: *mut (), what: &str) -> Result<Later> {
        let mut copies = Vec::new();
        copies.try_reserve_exact(args.len()).map_err(|_| Error::memory(what))?;
        for arg in args {
            copies.push(copied(arg, what)?);
        }
        Ok(Later { callback, args: copies, call_data })
    }

    /// What it makes of the reply, which has come.
    pub(super) fn call(&self, reply: Reply) -> Result<Reply> {
        let args: Vec<&[u8]> = self.args.iter().map(Vec::as_slice).collect();
        called(self.callback.as_ref(), self.call_data, &args, reply)
    }
}
