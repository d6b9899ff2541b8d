//! When there is no connection, or no more: what that means for each command, and when the next is tried.

use std::time::{Duration, Instant};

use crate::error::{Error, Outcome, Status};
use crate::session::Left;

use super::held::Held;
use super::{Came, Change, Line, Stage};

impl<T> Line<T> {
    /// The connection is over. What was sent may have run; what was not waits for the next one.
    pub(super) fn lost(&mut self, error: Error, now: Instant) {
        let Stage::Open(mut connection) = std::mem::take(&mut self.stage) else { return };
        let error = connection.told_of(error);
        connection.end(error.clone());
        let session = connection.session();
        let (waited, _) = self.held.amount();
        for left in session.left() {
            self.left(left, &error);
        }
        self.held.bring_forward(waited);
        // A server that answers a subscription with something else would do so for ever.
        let is_told = error.status == Status::Protocol && self.subscriptions.asks_again();
        self.subscriptions.interrupted(|ticket| session.fate(ticket) != Outcome::NotSent);
        self.interrupted(&error, now);
        if is_told {
            self.tell_who_listens(&error);
        }
        self.changes.push_back(Change::Lost { connection, error: error.clone() });
        self.down(error, now);
    }

    /// A command that the conversation had, when that is over.
    fn left(&mut self, Left { outcome, command }: Left<'_>, error: &Error) {
        let Some(waiting) = self.waiting.get(command.asker.token) else { return };
        let mut error = error.clone().with_outcome(outcome);
        if outcome == Outcome::NotSent && !waiting.once {
            match Held::of(&command).and_then(|held| self.held.push_back(held)) {
                Ok(()) => return,
                Err(no_memory) => error = no_memory.with_outcome(outcome),
            }
        }
        if let Some(waiting) = self.waiting.take(command.asker.token) {
            self.came.push_back(Came::Failed(waiting.token, Box::new(error)));
        }
    }

    /// No connection: what passes is waited for, what does not is told to all who wait.
    pub(super) fn could_not_open(&mut self, error: Error, now: Instant) {
        let passes = matches!(error.status, Status::Connect | Status::Io | Status::Timeout | Status::Memory);
        if !passes {
            self.tell_who_listens(&error);
        }
        let mut held = std::mem::take(&mut self.held);
        held.retain(|held| {
            let once = self.waiting.get(held.asker.token).is_none_or(|waiting| waiting.once);
            if passes && !once {
                return true;
            }
            if let Some(waiting) = self.waiting.take(held.asker.token) {
                let error = error.clone().with_outcome(Outcome::NotSent);
                self.came.push_back(Came::Failed(waiting.token, Box::new(error)));
            }
            false
        });
        self.held = held;
        self.down(error, now);
    }

    /// Pause before the next try: not at all after a connection that had served, and longer each time after one that had not.
    pub(super) fn down(&mut self, error: Error, now: Instant) {
        self.patience.start_anew();
        self.stage = Stage::Down;
        let pause = match self.failures {
            0 => Duration::ZERO,
            failures => (self.pause)(failures).max(PAUSE_MIN),
        };
        self.retry_at = now.checked_add(pause);
        self.failures = self.failures.saturating_add(1);
        (self.flow.broken, self.flow.outdated) = (None, None);
        self.last_failure = Some(error);
    }
}

/// A pause that a loop can sleep, whatever the options say.
const PAUSE_MIN: Duration = Duration::from_millis(1);
