//! A connection that somebody else waits for: what can be done at once, one step at a time.

use std::os::fd::RawFd;

use crate::error::{Error, Outcome, Result};
use crate::session::Session;
use crate::transport::Deadline;

use super::Connection;
use super::dial::serving;

impl Connection {
    /// What to wait for before a step; without it, reading does the waiting.
    pub fn fd(&self) -> Option<RawFd> {
        self.transport.fd()
    }

    /// The conversation.
    pub fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// Whether bytes wait to be handed over.
    pub fn is_blocked(&self) -> bool {
        !self.session.outgoing().is_empty()
    }

    /// Whether a read may find bytes that the descriptor no longer shows.
    pub fn is_pending(&self) -> bool {
        self.transport.pending()
    }

    /// Whether the bytes move through functions of the caller's, which may have some where nothing shows it.
    pub fn is_foreign(&self) -> bool {
        self.dial.is_foreign()
    }

    /// Hand over what waits, as far as it is taken at once.
    pub fn hand_over_now(&mut self) -> Result<()> {
        let handed = serving(self.dial.serves(), || self.hand_over(Deadline::after_ms(0)));
        handed.map_err(|error| self.told(error, Outcome::None))
    }

    /// Read once, and wait for that only where there is no descriptor to wait for. False: nothing was there.
    pub fn read_now(&mut self, timeout_ms: i64) -> Result<bool> {
        let read = serving(self.dial.serves(), || self.read(timeout_ms));
        read.map_err(|error| self.told(error, Outcome::None))
    }

    /// Do this with the conversation, where functions of the caller's may take part in it.
    pub fn converse<T>(&mut self, body: impl FnOnce(&mut Session) -> Result<T>) -> Result<T> {
        let done = serving(self.dial.serves(), || body(&mut self.session));
        done.map_err(|error| self.told(error, Outcome::None))
    }

    /// End the conversation, for this reason.
    pub fn end(&mut self, error: Error) {
        self.session.fail(error);
    }
}
