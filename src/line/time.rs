//! Deadlines: of commands, of the PING to a silent server, and of a server that does not answer.

use std::time::{Duration, Instant};

use crate::error::{Error, Outcome, Status};
use crate::limits::HEALTH_MS_MIN;

use super::{Came, NumberedLine, Stage};

impl NumberedLine {
    /// When the next step is due even if the descriptor does not become ready. The step may find nothing to do.
    #[inline]
    pub fn deadline(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Open(connection)
                if self.held.is_empty()
                    && self.subscriptions.is_empty()
                    && !self.patience.is_limited()
                    && self.flow.leaves_by.is_none() =>
            {
                connection.session().deadline()
            }
            _ => self.deadline_of_all(),
        }
    }

    #[cold]
    fn deadline_of_all(&self) -> Option<Instant> {
        let commands = match &self.stage {
            Stage::Open(connection) => connection.session().deadline(),
            _ => None,
        };
        let own = [self.connect_deadline(), self.next_ping(), self.flow.leaves_by];
        let all = [commands, self.held.deadline(), self.patience.ends].into_iter().chain(own);
        all.flatten().min()
    }

    /// Fail the commands that have timed out. One that was not sent is never sent. The reply to one that was sent is
    /// dropped when it arrives.
    #[inline(always)]
    pub(super) fn expire(&mut self, now: Instant) {
        if self.patience.ends.is_some_and(|end| end <= now) {
            self.give_up_silent_server(now);
        }
        let NumberedLine { stage, flow, waiting, came, patience, subscriptions, held, last_failure, .. } = self;
        if let Stage::Open(connection) = stage {
            connection.session_mut().expire(now, flow.offered, |ticket, token, outcome| {
                match outcome {
                    Outcome::NotSent => subscriptions.withdrawn(ticket),
                    _ => patience.more(1, now),
                }
                if waiting.take(token).is_some() {
                    came.push_back(Came::Late { token, outcome, why: None });
                }
            });
        }
        held.expire(now, |held| {
            if waiting.take(held.asker.token).is_some() {
                let why = last_failure.clone().map(Box::new);
                came.push_back(Came::Late { token: held.asker.token, outcome: Outcome::NotSent, why });
            }
        });
    }

    /// Bytes arrived: the server answers.
    pub(super) fn note_arrival(&mut self, now: Instant) {
        if self.patience.is_limited() {
            self.patience.extend(now);
        }
        if !self.subscriptions.is_empty() {
            self.heard = Some(now);
        }
    }

    /// When a PING is due on a connection with subscriptions.
    pub(super) fn next_ping(&self) -> Option<Instant> {
        let waits = match self.alone {
            true => self.patience.ping.is_some(),
            false => !self.owes_nothing() || !self.held.is_empty(),
        };
        if waits || self.subscriptions.is_empty() || !self.is_open() {
            return None;
        }
        let every_ms = match self.dial.options().health_check_ms() {
            0 => HEALTH_MS_MIN,
            ms if self.asks_soon => ms.min(HEALTH_MS_MIN),
            ms => ms,
        };
        self.heard?.checked_add(Duration::from_millis(u64::try_from(every_ms).ok()?))
    }

    /// When a connect under way has its next timeout, or when the pause before the next connect ends.
    fn connect_deadline(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Down => self.retry_at.filter(|_| !self.is_idle()),
            Stage::Opening(_, awaited) => awaited.as_ref()?.until.moment(),
            Stage::Open(_) => None,
        }
    }

    /// The deadline of `Patience` has passed: give up the connection, if the reply that is due first is one that no
    /// command waits for.
    fn give_up_silent_server(&mut self, now: Instant) {
        // Read first: the server is not silent if bytes of it have arrived.
        if self.has_said_more(now) {
            return;
        }
        let Stage::Open(connection) = &mut self.stage else { return };
        if connection.session().oldest_is_nobodys() {
            let patience_ms = self.patience.allowed.unwrap_or_default().as_millis();
            let (status, text) = match self.alone {
                true => (Status::Timeout, format!("the server did not answer PING within {patience_ms} ms")),
                false => (Status::Io, format!("read: nothing came for {patience_ms} ms after a command's time was up")),
            };
            self.lost(Error::new(status, text), now);
        } else {
            // The command whose reply is due first has time left, and delays the others.
            self.patience.extend(now);
        }
    }
}
