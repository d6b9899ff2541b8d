//! A burst of commands on a connection: all are written at once, and their replies are read as they arrive.

use crate::error::{Error, Result};
use crate::session::{Session, TakeReplies};
use crate::stats::Traffic;

use super::connection::Connection;
use super::kept::Kept;
use super::serving::serving;
use super::until::Until;

/// What became of a burst.
#[derive(Clone, Copy, Debug)]
pub struct Handed {
    /// How many of its bytes were handed over.
    pub bytes: usize,
    /// A failure came when the next reply had begun to arrive: its command ran.
    pub in_a_reply: bool,
}

impl Connection {
    /// Lend commands that were encoded before, those behind the first `from` bytes, to be sent for so many replies.
    pub fn begin_burst(&mut self, bytes: &mut Vec<u8>, from: usize, replies: usize) -> Result<()> {
        self.session.begin_burst(bytes, from, replies).map_err(|error| error.at(self.dial.endpoint()))
    }

    /// Send them, and take in replies until all have come or no more are wanted for now. Reading never waits for writing, so
    /// no number of commands makes both sides wait for each other. The conversation is over where it is an error.
    pub fn take_replies(
        &mut self,
        until: impl FnOnce() -> Until,
        kept: &mut Kept,
        replies: &mut impl TakeReplies,
    ) -> Result<()> {
        let mut look = |session: &mut Session| {
            while let Some(push) = session.poll_burst(replies)? {
                kept.keep(push)?;
            }
            Ok((!session.burst_owes() || replies.is_full()).then_some(()))
        };
        let serves = self.dial.serves();
        let driven = serving(serves, || {
            // What has come already needs no wait, and no look at the clock.
            if let Some(done) = look(&mut self.session)? {
                return Ok(done);
            }
            let until = until();
            match self.drive(until, look)? {
                Some(done) => Ok(done),
                None => Err(until.passed(!self.session.outgoing().is_empty())),
            }
        });
        driven.map_err(|error| self.end_with(error))
    }

    /// The time is up before all replies were taken: the conversation is over.
    pub fn give_up_burst(&mut self, until: Until) -> Error {
        let error = until.passed(!self.session.outgoing().is_empty());
        self.end_with(error)
    }

    pub(super) fn end_with(&mut self, error: Error) -> Error {
        self.session.fail(error.clone());
        error.at(self.dial.endpoint())
    }

    /// The bytes of the burst, as they were lent.
    pub fn burst_bytes(&self) -> &[u8] {
        self.session.burst_bytes()
    }

    /// The burst is over, or will never be: give the bytes back.
    pub fn end_burst(&mut self, bytes: &mut Vec<u8>) -> Handed {
        Handed { bytes: self.session.end_burst(bytes), in_a_reply: self.session.ended_in_a_reply() }
    }

    /// The transaction that went over in a burst has been answered: the connection watches nothing any more.
    pub fn executed(&mut self) {
        self.session.executed();
    }

    /// What has moved so far, and how many replies of a burst are due.
    pub(super) fn seen(&self) -> (Traffic, usize) {
        (self.moved, self.session.burst_due())
    }

    /// Whether commands left since then, or replies came, or a part of one. Pushes alone are none: a server that sends them
    /// for ever answers nothing.
    pub(super) fn has_progressed(&self, seen: &mut (Traffic, usize)) -> bool {
        let (before, due) = std::mem::replace(seen, self.seen());
        self.moved.bytes_out != before.bytes_out
            || self.session.burst_due() != due
            || (self.moved.bytes_in != before.bytes_in && self.session.has_begun())
    }
}
