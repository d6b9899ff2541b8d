//! A look at a connection that was idle: whether it may serve the next command.

use std::time::{Duration, Instant};

use crate::error::{Error, Outcome, Result, Status};
use crate::limits::UNASKED_BYTES_MAX;
use crate::session::Session;
use crate::transport::Deadline;
use crate::transport::wait::{self, Idle};

use super::connection::Connection;
use super::kept::Kept;
use super::moving::closed;
use super::serving::serving;

impl Connection {
    /// Check a connection that was idle. Pushes that have arrived are kept. Any other byte fails the connection.
    pub fn inspect(&mut self, deadline: Deadline, kept: &mut Kept) -> Result<()> {
        self.look(deadline, kept, Session::is_clean)
    }

    /// Look at a connection that was idle since its last command, and returned as a new one: whether nothing has arrived since.
    /// False: that, or more, is for `inspect` to say.
    #[inline]
    pub fn is_quiet(&self) -> bool {
        self.plain.is_some_and(|plain| wait::idle_state(plain.fd) == Idle::Quiet)
    }

    /// Check a connection between two commands of its borrower. If more than pushes may arrive, a check says nothing, and is
    /// left out.
    pub fn inspect_lent(&mut self, deadline: Deadline, kept: &mut Kept) -> Result<()> {
        if self.session.owes() || self.session.is_told_things() {
            return Ok(());
        }
        self.look(deadline, kept, |session| !session.has_unread())
    }

    /// Whether `inspect_lent` would see nothing: the borrower's last command was answered so shortly before `now` that what the
    /// peer has sent since is on its way.
    #[inline]
    pub fn has_just_answered(&self, now: Instant) -> bool {
        self.has_hardly_rested(Duration::MAX, now) && !self.session.owes() && !self.session.has_unread()
    }

    fn look(&mut self, deadline: Deadline, kept: &mut Kept, is_good: fn(&Session) -> bool) -> Result<()> {
        let idle = self.transport.fd().map_or(Idle::Readable, wait::idle_state);
        let taken = match idle {
            Idle::Quiet if !self.transport.pending() && is_good(&self.session) => return Ok(()),
            Idle::Closed => Err(closed(false)),
            Idle::Quiet | Idle::Readable => serving(self.dial.serves(), || self.take_in(deadline, kept)),
        };
        let taken = taken.and_then(|()| match is_good(&self.session) {
            true => Ok(()),
            false => Err(Error::new(Status::Protocol, "the server sent what nobody had asked for")),
        });
        taken.map_err(|error| {
            self.session.fail(error.clone());
            self.told(error, Outcome::NotSent)
        })
    }

    /// Read the bytes that have arrived, without waiting. A server that sends without end fails the connection.
    pub(super) fn take_in(&mut self, deadline: Deadline, kept: &mut Kept) -> Result<()> {
        let end = self.moved.bytes_in + UNASKED_BYTES_MAX;
        loop {
            // What came together with the last reply has been read already.
            while let Some(event) = self.session.poll()? {
                kept.keep(event)?;
            }
            if !self.read(0)? {
                return Ok(());
            }
            if self.moved.bytes_in >= end || deadline.has_passed() {
                return Err(Error::new(Status::Limit, "what the server sends unasked does not end"));
            }
        }
    }
}
