//! PING, write and read on an open connection, without waiting.

use std::time::Instant;

use crate::commands::Shape;
use crate::conn::Read;
use crate::error::Status;
use crate::reply::Reply;
use crate::session::{Asked, Event, Submitted, Ticket, Token};

use super::{Came, NumberedLine, ReadClock, Stage};

impl NumberedLine {
    /// Send PING if it is due, and write.
    #[inline(always)]
    pub(super) fn drive(&mut self, now: Instant) {
        if !self.subscriptions.is_empty() {
            self.check_on_server(now);
        }
        if self.is_open() && self.read_before_first_command(now) {
            self.write();
        }
    }

    /// Write what was submitted since the last step. False: there is nothing to write to now, and a step is needed.
    pub fn write_now(&mut self, now: impl FnOnce() -> Instant) -> bool {
        let is_open = self.is_open() && self.flow.outdated.is_none();
        if is_open && self.read_before_first_command(now()) {
            self.write();
        }
        is_open
    }

    /// Look for a complete reply or push in the bytes read, and otherwise read once.
    #[inline(never)]
    pub(super) fn poll_and_read(&mut self, now: ReadClock<'_>) -> Polled {
        self.poll_or(now, |line| line.read(now))
    }

    /// Take the next event from the bytes read. If there is none, call `read`, which gives whether to poll again.
    #[inline(always)]
    pub(super) fn poll_or(&mut self, now: ReadClock<'_>, read: impl FnOnce(&mut NumberedLine) -> bool) -> Polled {
        let Stage::Open(connection) = &mut self.stage else { return Polled::Nothing };
        match connection.poll() {
            Ok(Some(Event::Reply { ticket, token, reply })) => match self.answered(ticket, token, reply, now) {
                Some(came) => Polled::Came(came),
                None => Polled::Again,
            },
            Ok(Some(push)) => {
                self.handle_push(push, now);
                Polled::Again
            }
            Ok(None) => match read(self) {
                true => Polled::Again,
                false => Polled::Nothing,
            },
            Err(error) => {
                self.lost(error, now());
                Polled::Again
            }
        }
    }

    /// A reply arrived. None: there is nothing for the driver, for example because the command has timed out or is the
    /// library's own.
    fn answered(&mut self, ticket: Ticket, token: Token, reply: Reply, now: ReadClock<'_>) -> Option<Came<Token>> {
        // A reply proves that the server serves.
        self.failures = 0;
        match self.waiting.take(token) {
            Some(waiting) if waiting.subscription.is_none() => Some(Came::Reply(token, reply)),
            waiting => self.subscription_answered(waiting, Event::Reply { ticket, token, reply }, now()),
        }
    }

    /// Read once. False: nothing has arrived, or the rest is for the next round.
    #[inline]
    pub(super) fn read(&mut self, now: ReadClock<'_>) -> bool {
        let Stage::Open(connection) = &mut self.stage else { return false };
        if !self.flow.may_read {
            return false;
        }
        self.flow.is_cut = !self.flow.turn.goes_on();
        if self.flow.is_cut {
            return false;
        }
        match connection.read_once() {
            Ok(Read::Nothing) => {
                self.flow.may_read = false;
                let Some(error) = self.flow.broken.take() else { return false };
                self.lost(error, now());
            }
            Ok(read @ (Read::Some(len) | Read::Last(len))) => {
                // After a failed write the connection ends, once all that the peer had sent is read.
                self.flow.may_read = matches!(read, Read::Some(_)) || self.flow.broken.is_some();
                self.flow.turn.moved(len);
                self.arrivals = self.arrivals.wrapping_add(1);
                if let Some(began) = self.flow.began {
                    connection.rests_since(began);
                }
                if self.patience.is_limited() || !self.subscriptions.is_empty() {
                    self.note_arrival(now());
                }
            }
            Err(error) => {
                // After a failed write, the error of the write is the reason. There are two exceptions in which the error of
                // the read is the reason. A TLS alert says more than the failed write. On a line without commands, the read
                // shows how the peer ended the connection.
                let broken = self.flow.broken.take().filter(|_| error.status != Status::Tls && !self.alone);
                self.lost(broken.unwrap_or(error), now());
            }
        }
        true
    }

    /// Whether no connection is needed: no command, no subscription, and no outstanding reply.
    pub(super) fn is_idle(&self) -> bool {
        self.held.is_empty() && self.subscriptions.is_empty() && self.owes_nothing()
    }

    /// Whether no reply is outstanding.
    pub(super) fn owes_nothing(&self) -> bool {
        match &self.stage {
            Stage::Open(connection) => !connection.session().owes(),
            _ => true,
        }
    }

    /// Send PING to a server that was silent for `health_check`, if a PING is due.
    fn check_on_server(&mut self, now: Instant) {
        // Read first: the server is not silent if bytes of it have arrived.
        if self.next_ping().is_none_or(|moment| moment > now) || self.has_said_more(now) {
            return;
        }
        let Stage::Open(connection) = &mut self.stage else { return };
        if let Ok(Submitted { ticket, .. }) = connection.session_mut().submit(Asked::plain(&[b"PING"], Shape::KEEP)) {
            self.patience.pinged(ticket, now);
        }
    }

    /// Read, whether the descriptor was readable or not. True: something was there, or the connection is over.
    pub(super) fn has_said_more(&mut self, now: Instant) -> bool {
        self.flow.may_read = true;
        let has_moved = self.read(&|| now);
        self.again |= has_moved;
        has_moved
    }

    /// Write what the transport accepts without waiting, up to the limit of a round.
    #[inline(always)]
    pub(super) fn write(&mut self) {
        let Stage::Open(connection) = &mut self.stage else { return };
        if self.flow.broken.is_some() {
            return;
        }
        match connection.offer_now() {
            Ok(left) => {
                self.flow.offered = left.unwrap_or(0);
                self.flow.blocked = left.is_some();
                // The transport would accept more: the rest is for the next round.
                self.again |= left == Some(0);
            }
            Err(error) => {
                self.flow.broken = Some(error);
                self.flow.may_read = true;
                self.again = true;
            }
        }
    }
}

/// The result of `poll_and_read`.
pub(super) enum Polled {
    Came(Came<Token>),
    /// Poll again.
    Again,
    Nothing,
}
