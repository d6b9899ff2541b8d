//! The commands that were submitted, in the order of their replies, and their results.

use std::sync::Arc;

use crate::client::finish::{Later, finish_error};
use crate::client::{Call, Callback, Flags};
use crate::commands::Command;
use crate::error::{Error, Outcome, Result, Status};
use crate::reply::{Builder, Reply};

/// One command that was accepted.
pub(super) struct Pending {
    pub(super) call_data: *mut (),
    allowed_ms: i64,
    flags: Flags,
    /// What is known of it, where the table has it.
    pub(super) row: Option<&'static Command>,
    callback: Option<Box<Later>>,
}

/// What came of a command, or came unasked.
pub struct Completion {
    /// A reply, or why there is none and what became of the command.
    pub result: std::result::Result<Reply, Box<Error>>,
    /// What was handed in with the command; null where nobody asked.
    pub call_data: *mut (),
}

impl Pending {
    #[inline]
    pub(super) fn new(
        row: Option<&'static Command>,
        call: &Call,
        allowed_ms: i64,
        callback: Option<Arc<dyn Callback>>,
        args: &[&[u8]],
    ) -> Result<Pending> {
        let callback = match callback {
            None => None,
            Some(callback) => Some(Box::new(Later::new(callback, args, call.call_data, "the command")?)),
        };
        Ok(Pending { call_data: call.call_data, allowed_ms, flags: call.flags, row, callback })
    }

    /// Its time is up. `why`: what kept it from being sent, where that is known.
    #[cold]
    pub(super) fn timed_out(&self, place: &str, outcome: Outcome, why: Option<&Error>) -> Error {
        let name = self.row.map_or("the command", |row| row.name());
        if outcome != Outcome::NotSent {
            let text = format!("{place}: read: no whole reply to {name} within {} ms", self.allowed_ms);
            return Error::new(Status::Timeout, text).with_outcome(outcome);
        }
        let mut message = format!("{place}: {name} could not be sent within {} ms", self.allowed_ms).into_bytes();
        if let Some(why) = why {
            message.extend_from_slice(b": ");
            message.extend_from_slice(&why.message);
        }
        Error::new(Status::Timeout, message).with_outcome(outcome)
    }

    /// Whether its reply is its own, as it came.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        self.callback.is_none()
    }

    /// What the caller gets of a reply: the one that its callback makes, or the server's error.
    #[inline(always)]
    pub(super) fn finish(self, reply: Reply) -> Completion {
        if reply.is_error() || self.callback.is_some() {
            return self.finish_specially(reply);
        }
        Completion { result: Ok(reply), call_data: self.call_data }
    }

    fn finish_specially(self, reply: Reply) -> Completion {
        let call_data = self.call_data;
        let result = match self.callback {
            _ if reply.is_error() => finish_error(self.row, self.flags, reply),
            Some(later) => later.call(reply),
            None => Ok(reply),
        };
        Completion::new(result, call_data)
    }

    /// What the caller gets where there is no reply.
    pub(super) fn failed(self, error: Error) -> Completion {
        let attempts = u32::from(error.outcome != Outcome::NotSent);
        Completion::new(Err(Error { attempts, ..error }), self.call_data)
    }
}

impl Completion {
    pub(super) fn new(result: Result<Reply>, call_data: *mut ()) -> Completion {
        Completion { result: result.map_err(Box::new), call_data }
    }
}

/// What a command of SUBSCRIBE's kin completes with.
pub(super) fn nothing() -> Result<Reply> {
    let mut nothing = Builder::new();
    nothing.add_null();
    nothing.take()
}
