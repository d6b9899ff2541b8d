//! A line without commands, for the driver of a subscriber: it reads once per call, leaves connecting to its driver, and accepts a
//! transport without a descriptor.

use std::time::Instant;

use crate::commands::Topic;
use crate::conn::Dial;
use crate::error::{Error, Result};
use crate::reply::Reply;
use crate::session::{Session, Subscriptions, Token};

use super::driving::Polled;
use super::{Came, NumberedLine, Pause, ReadClock, Stage};

impl NumberedLine {
    /// As `Line::alone`.
    pub(super) fn alone(dial: Dial, command_timeout_ms: i64, pause: Pause) -> NumberedLine {
        NumberedLine { alone: true, ..NumberedLine::new(dial, command_timeout_ms, pause) }
    }

    /// The names that are wanted.
    pub fn subscriptions(&self) -> &Subscriptions {
        &self.subscriptions
    }

    /// Subscribe to names or unsubscribe from them, on this connection and on those that follow. False: there is no connection, and
    /// the names are recorded for the next one.
    pub fn ask(
        &mut self,
        topic: Topic,
        subscribes: bool,
        names: &[&[u8]],
        now: impl FnOnce() -> Instant,
    ) -> Result<bool> {
        let NumberedLine { subscriptions, stage, heard, .. } = self;
        if subscriptions.is_empty() {
            // No message could be missed before the first subscription.
            *heard = Some(now());
        }
        let mut change = |session: Option<&mut Session>| match subscribes {
            true => subscriptions.subscribe(session, topic, names),
            false => subscriptions.unsubscribe(session, topic, names),
        };
        match stage {
            // If the session has failed, the names are recorded for the next connection. The next read finds the failure.
            Stage::Open(connection) if connection.failure().is_none() => {
                let asked = connection.converse(|session| change(Some(session)));
                asked.map_err(|error| connection.told_of(error))?;
                self.write();
                Ok(true)
            }
            _ => change(None).map(|()| false),
        }
    }

    /// Send PING to a silent server, give up a server that does not answer, and write. It does not connect.
    pub fn step_apart(&mut self, now: Instant) {
        self.flow.turn = Default::default();
        self.expire(now);
        self.drive(now);
    }

    /// The next event in the bytes read. It does not read.
    pub(super) fn take_read(&mut self, now: ReadClock<'_>) -> Option<Came<Token>> {
        loop {
            if let Some(came) = self.came.pop_front() {
                return Some(came);
            }
            match self.poll_or(now, |_| false) {
                Polled::Came(came) => return Some(came),
                Polled::Again => {}
                Polled::Nothing => return self.came.pop_front(),
            }
        }
    }

    /// The next that was read, where it is a message and there is nothing to tell before it. `None`: `take_read` says more.
    #[inline]
    pub fn take_message(&mut self) -> Option<Reply> {
        let Stage::Open(connection) = &mut self.stage else { return None };
        let is_plain = self.came.is_empty() && self.gap.is_none() && self.flow.has_served;
        if is_plain { connection.poll_message() } else { None }
    }

    /// As `Line::give_back`.
    pub(super) fn give_back(&mut self, came: Came<Token>) {
        self.came.push_front(came);
    }

    /// Read once. True: bytes arrived, or the connection is lost.
    pub fn read_now(&mut self, now: impl Fn() -> Instant) -> bool {
        self.flow.turn = Default::default();
        self.flow.may_read = true;
        self.read(&now)
    }

    /// Read once, from a transport without a descriptor: the read waits for `timeout_ms` at the most.
    pub fn read_waiting(&mut self, timeout_ms: i64, now: impl FnOnce() -> Instant) {
        let Stage::Open(connection) = &mut self.stage else { return };
        match connection.read_now(timeout_ms) {
            Ok(false) => self.flow.may_read = false,
            Ok(true) => {
                self.flow.may_read = true;
                self.arrivals = self.arrivals.wrapping_add(1);
                self.note_arrival(now());
            }
            Err(error) => self.lost(error, now()),
        }
    }

    /// Whether a read may find bytes although the descriptor is not readable.
    pub fn hides_bytes(&self) -> bool {
        let Stage::Open(connection) = &self.stage else { return false };
        connection.is_pending() || (connection.is_foreign() && self.flow.may_read) || self.flow.broken.is_some()
    }

    /// Whether no connect was tried yet.
    pub fn is_untried(&self) -> bool {
        matches!(self.stage, Stage::Down) && self.last_failure.is_none()
    }

    /// Why there is no connection, if a connect was tried.
    pub fn why_down(&self) -> Option<&Error> {
        self.last_failure.as_ref()
    }

    /// Add the bytes that have moved to the statistics.
    pub fn count_bytes(&mut self) {
        if let Stage::Open(connection) = &mut self.stage {
            connection.count_bytes();
        }
    }
}
