//! Reads and writes that never wait, for a driver that polls the descriptor itself.

use std::os::fd::RawFd;
use std::time::{Duration, Instant};

use crate::error::{Error, Outcome, Result};
use crate::limits::{TURN_BYTES_MAX, TURN_MS_MAX};
use crate::reply::Reply;
use crate::resp::Entry;
use crate::session::{Event, Leaf, Session, Token};

use super::connection::Connection;
use super::kept::Kept;
use super::serving::serving;

impl Connection {
    /// What to wait for before a step; without it, reading does the waiting.
    pub fn fd(&self) -> Option<RawFd> {
        self.transport.fd()
    }

    /// The conversation.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The conversation, to be given commands.
    pub fn session_mut(&mut self) -> &mut Session {
        &mut self.session
    }

    /// The server turned out to speak RESP2 after all: the next connection does not ask for more.
    pub fn remember_resp2(&self) {
        self.dial.remember_resp2();
    }

    /// Whether a read may find bytes that the descriptor no longer shows.
    pub fn is_pending(&self) -> bool {
        self.transport.pending()
    }

    /// Whether the bytes move through functions of the caller's, which may have some where nothing shows it.
    pub fn is_foreign(&self) -> bool {
        self.dial.is_foreign()
    }

    /// Read once, and wait for that only where there is no descriptor to wait for. False: nothing was there.
    pub fn read_now(&mut self, timeout_ms: i64) -> Result<bool> {
        let read = serving(self.dial.serves(), || self.read(timeout_ms));
        read.map_err(|error| self.told(error, Outcome::None))
    }

    /// Do this with the conversation, where functions of the caller's may take part in it.
    pub fn converse<T>(&mut self, body: impl FnOnce(&mut Session) -> Result<T>) -> Result<T> {
        serving(self.dial.serves(), || body(&mut self.session))
    }

    /// End the conversation, for this reason.
    pub fn end(&mut self, error: Error) {
        self.session.fail(error);
    }

    /// Give back what large commands or replies made grow, where they did.
    #[inline]
    pub fn rest_if_grown(&mut self) {
        if self.read_bytes > GROWN_BYTES || self.sent_at_once > GROWN_BYTES {
            self.sent_at_once = 0;
            self.rest();
        }
    }

    /// What happened next, if anything that has been read says.
    #[inline]
    pub fn poll(&mut self) -> Result<Option<Event>> {
        match self.dial.serves() {
            None => self.session.poll(),
            serves => serving(serves, || self.session.poll()),
        }
    }

    /// The next reply that was read, with the token of its command. Pushes that came before it are kept.
    pub fn poll_reply(&mut self, kept: &mut Kept) -> Result<Option<(Token, Reply)>> {
        loop {
            if let Some(Leaf { token, reply, .. }) = self.poll_leaf()? {
                return Ok(Some((token, reply)));
            }
            match self.poll()? {
                Some(Event::Reply { token, reply, .. }) => return Ok(Some((token, reply))),
                Some(push) => kept.keep(push)?,
                None => return Ok(None),
            }
        }
    }

    /// The reply that is due next, where that is soon said. None: `poll` says more.
    #[inline]
    pub fn poll_leaf(&mut self) -> Result<Option<Leaf>> {
        match self.dial.serves() {
            None => self.session.poll_leaf(),
            Some(_) => Ok(None),
        }
    }

    /// The replies that are due next, as far as they are soon said: `take` is shown each, and says whether it takes it. See
    /// `Session::take_leaves`.
    pub fn take_leaves(&mut self, take: impl FnMut(Token, Entry, &[u8]) -> bool) -> Result<()> {
        match self.dial.serves() {
            None => self.session.take_leaves(take),
            Some(_) => Ok(()),
        }
    }

    /// The next that was read, where it is a message. `None`: `poll` says more.
    #[inline]
    pub fn poll_message(&mut self) -> Option<Reply> {
        if self.dial.is_served() { None } else { self.session.poll_message() }
    }

    /// Write what waits, as far as the transport takes it at once, but no more than a turn's worth of it. Where some of it is
    /// left: how much of that was offered in vain, and so may not be taken back any more.
    pub fn offer_now(&mut self) -> Result<Option<usize>> {
        let serves = self.dial.serves();
        serving(serves, || {
            self.sent_at_once = self.sent_at_once.max(self.session.outgoing().len());
            let mut turn = Turn::default();
            while !self.session.outgoing().is_empty() {
                if !turn.goes_on() {
                    return Ok(Some(0));
                }
                let offered = self.session.outgoing().len().min(OFFERED_MAX);
                match self.write(OFFERED_MAX, 0)? {
                    0 => return Ok(Some(offered)),
                    len => turn.moved(len),
                }
            }
            Ok(None)
        })
    }

    /// Whether it is certain that `poll` gives nothing now. False: it may give something.
    #[inline]
    pub fn is_read_dry(&self) -> bool {
        self.dial.serves().is_none() && self.failure().is_none() && !self.session.holds_more()
    }

    /// Read once, without waiting.
    pub fn read_once(&mut self) -> Result<Read> {
        let serves = self.dial.serves();
        serving(serves, || {
            let before = self.moved.bytes_in;
            let size = self.read_bytes;
            if !self.read(0)? {
                return Ok(Read::Nothing);
            }
            let len = (self.moved.bytes_in - before) as usize;
            // A socket that gave less than it could have is dry; a transport above it may hold more.
            let is_dry = len < size && !self.transport.pending() && !self.dial.is_foreign();
            Ok(if is_dry { Read::Last(len) } else { Read::Some(len) })
        })
    }

    /// The error, as it is told of a connection to this place.
    pub fn told_of(&self, error: Error) -> Error {
        self.told(error, Outcome::None)
    }
}

/// How much is moved in one direction before others have their turn.
#[derive(Default)]
pub struct Turn {
    bytes: usize,
    /// Not before it was asked whether it goes on.
    ends: Option<Instant>,
}

impl Turn {
    /// So many bytes were moved.
    pub fn moved(&mut self, len: usize) {
        self.bytes += len;
    }

    /// Whether more may be moved. What one call moves needs no look at the clock.
    #[inline(always)]
    pub fn goes_on(&mut self) -> bool {
        if self.bytes == 0 || self.bytes >= TURN_BYTES_MAX {
            return self.bytes == 0;
        }
        let now = Instant::now();
        now < *self.ends.get_or_insert(now + Duration::from_millis(TURN_MS_MAX))
    }
}

/// What one read came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// There was nothing.
    Nothing,
    /// So many bytes, and there may be more.
    Some(usize),
    /// So many bytes, and the descriptor will show when there are more.
    Last(usize),
}

/// What a connection keeps of its buffers while it is in use, however quiet.
const GROWN_BYTES: usize = 64 << 10;
/// The most that is offered to a transport at once: what was offered cannot be taken back, and has to come again.
const OFFERED_MAX: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_ends_with_so_many_bytes_or_so_long_after_its_first_ones() {
        let late = Duration::from_millis(TURN_MS_MAX);
        let mut turn = Turn::default();
        assert!(turn.goes_on());
        std::thread::sleep(late);
        assert!(turn.goes_on(), "where nothing was moved, no time was taken");
        turn.moved(TURN_BYTES_MAX - 1);
        assert!(turn.goes_on());
        std::thread::sleep(late);
        assert!(!turn.goes_on());
        let mut turn = Turn::default();
        turn.moved(TURN_BYTES_MAX - 1);
        turn.moved(1);
        assert!(!turn.goes_on());
    }
}
