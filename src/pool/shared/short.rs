//! A short reply on its way from the conductor to its caller: as it came, and not yet a tree.

use crate::error::{Error, Result, Status};
use crate::reply::Reply;
use crate::resp::Entry;

/// One short value, of which its caller makes the reply.
pub(super) struct Short {
    entry: Entry,
    len: usize,
    /// The reply, from which the place of the entry counts.
    bytes: [u8; SHORT_BYTES],
}

impl Short {
    /// A copy of it, where it is short.
    pub(super) fn of(entry: Entry, reply: &[u8]) -> Option<Short> {
        let mut bytes = [0; SHORT_BYTES];
        bytes.get_mut(..reply.len())?.copy_from_slice(reply);
        Some(Short { entry, len: reply.len(), bytes })
    }

    /// The reply, made on the thread of its caller, who frees it there.
    pub(super) fn reply(&self) -> Result<Reply> {
        let bytes = self.bytes.get(..self.len).unwrap_or_default();
        Reply::of_short(self.entry, bytes)?.ok_or_else(|| Error::new(Status::Panic, "a short reply is none"))
    }
}

/// Bytes of a reply that goes to its caller as it came.
const SHORT_BYTES: usize = 112;
