//! One burst on one connection: bytes out, replies in.
#![forbid(unsafe_code)]

use crate::conn::{Handed, Kept};
use crate::error::{Error, Result};
use crate::pool::Lease;
use crate::session::TakeReplies;

use super::time::Time;

/// A connection on lease, what came over it unasked, and how long all may take.
pub(super) struct Leased<'l> {
    pub(super) lease: &'l mut Lease,
    pub(super) kept: &'l mut Kept,
    pub(super) time: &'l mut Time,
}

impl Leased<'_> {
    /// Send these bytes but the first `from`, and take the replies that they are due. The bytes are back when it is over.
    pub(super) fn exchange(
        &mut self,
        bytes: &mut Vec<u8>,
        from: usize,
        due: usize,
        replies: &mut impl TakeReplies,
    ) -> (Result<()>, Handed) {
        self.exchange_by(bytes, from, due, |leased| leased.take(replies))
    }

    /// The same, with what takes the replies.
    pub(super) fn exchange_by(
        &mut self,
        bytes: &mut Vec<u8>,
        from: usize,
        due: usize,
        take: impl FnOnce(&mut Self) -> Result<()>,
    ) -> (Result<()>, Handed) {
        let begun = self.lease.begin_burst(bytes, from, due);
        let taken = begun.and_then(|()| take(self));
        (taken, self.lease.end_burst(bytes))
    }

    /// Take replies, until all have come or no more are wanted for now.
    pub(super) fn take(&mut self, replies: &mut impl TakeReplies) -> Result<()> {
        let time = &*self.time;
        self.lease.take_replies(|| time.until(), self.kept, replies)
    }

    /// The same, where there is time left: what has come already is taken without a look at the clock, and there may be much
    /// of it.
    pub(super) fn take_in_time(&mut self, replies: &mut impl TakeReplies) -> Result<()> {
        match self.time.is_over() {
            true => Err(self.lease.give_up_burst(self.time.until())),
            false => self.take(replies),
        }
    }

    /// Where the server takes no writes, the connection does not go back.
    pub(super) fn outdate_if(&mut self, read_only: bool) {
        if read_only {
            self.lease.outdate();
        }
    }

    /// The bytes that are on their way.
    pub(super) fn bytes(&self) -> &[u8] {
        self.lease.burst_bytes()
    }
}

/// The error that a run broke off with, and how far it had come.
pub(super) fn broken_off(error: Error, answered: usize, count: usize) -> Error {
    let text = format!("; {answered} of {count} commands were answered");
    Error { message: [error.message.as_slice(), text.as_bytes()].concat(), ..error }
}
