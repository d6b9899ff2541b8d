//! The response callbacks of a transaction on a dedicated connection. They are called when EXEC is answered, one for
//! each queued command.
#![forbid(unsafe_code)]

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::reply::{Builder, Kind, Reply};

use super::callbacks::{Callback, failed_callback};
use super::finish::Later;

/// The commands that the server has queued, in order: those with a callback, and the others.
#[derive(Default)]
pub(super) struct Called(Vec<Option<Later>>);

impl Called {
    /// The server has queued a command whose reply, when it comes, this callback is to see.
    pub(super) fn queued(&mut self, args: &[&[u8]], callback: Option<&Arc<dyn Callback>>, data: *mut ()) -> Result<()> {
        let call = match callback {
            None => None,
            Some(callback) => Some(Later::new(Arc::clone(callback), args, data, "a transaction")?),
        };
        self.0.try_reserve(1).map_err(|_| Error::memory("a transaction"))?;
        self.0.push(call);
        Ok(())
    }

    /// Nothing is queued any more.
    #[inline]
    pub(super) fn forget(&mut self) {
        if !self.0.is_empty() {
            self.0.clear();
        }
    }

    /// What the callbacks make of EXEC's answer. One that fails leaves an ERROR in its command's place, as in a pipeline.
    pub(super) fn answered(&mut self, reply: Reply) -> Result<Reply> {
        let calls = std::mem::take(&mut self.0);
        let is_answer = reply.kind() == Kind::RREDIS_REPLY_ARRAY && reply.view().len() == calls.len();
        if !is_answer || calls.iter().all(Option::is_none) {
            return Ok(reply);
        }
        let mut builder = Builder::for_copies();
        builder.add_attributes(&reply, reply.view());
        builder.open(Kind::RREDIS_REPLY_ARRAY);
        for (call, element) in calls.iter().zip(reply.view().children()) {
            match call.as_ref().filter(|_| element.kind() != Kind::RREDIS_REPLY_ERROR) {
                None => builder.add_part(&reply, element),
                Some(call) => add(call, reply.part(element)?, &mut builder),
            }
        }
        builder.end();
        builder.take()
    }
}

/// What a callback makes of a reply; an ERROR where it fails.
fn add(call: &Later, reply: Reply, builder: &mut Builder) {
    match call.call(reply) {
        Ok(made) => builder.add_part(&made, made.view()),
        Err(error) => {
            builder.add_text(Kind::RREDIS_REPLY_ERROR, &failed_callback(&error));
        }
    }
}
