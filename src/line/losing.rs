//! A connection that was lost or could not be opened: which commands fail, which wait, and the pause before the next
//! connect.

use std::time::{Duration, Instant};

use crate::error::{Error, Outcome, Status};
use crate::session::Left;

use super::held::Held;
use super::{Came, NumberedLine, Stage, Transition};

impl NumberedLine {
    /// The connection failed. Commands that were sent fail with their outcome. Commands that were not sent wait for the
    /// next connection, except those with `once`, which fail.
    pub(super) fn lost(&mut self, error: Error, now: Instant) {
        let Stage::Open(mut connection) = std::mem::take(&mut self.stage) else { return };
        let error = connection.told_of(error);
        connection.end(error.clone());
        let session = connection.session();
        let (waited, _) = self.held.amount();
        for left in session.left() {
            self.left(left, &error);
        }
        self.held.move_to_end(waited);
        // A server that does not confirm a subscription would fail again after each reconnect, so the driver is told.
        let is_told = error.status == Status::Protocol && self.subscriptions.asks_again() && !self.flow.has_served;
        self.subscriptions.interrupted(|ticket| session.fate(ticket) != Outcome::NotSent);
        self.interrupted(&error, now);
        if is_told {
            self.report_to_subscriber(&error);
        }
        self.changes.push_back(Transition::Lost { connection, error: error.clone() });
        self.down(error, now);
    }

    /// Hold a command of the ended session for the next connection, or fail it.
    fn left(&mut self, Left { outcome, command }: Left<'_>, error: &Error) {
        let Some(waiting) = self.waiting.get(command.asker.token) else { return };
        let mut error = error.clone().with_outcome(outcome);
        if outcome == Outcome::NotSent && !waiting.once {
            match Held::of(&command).and_then(|held| self.held.push_back(held)) {
                Ok(()) => return,
                Err(no_memory) => error = no_memory.with_outcome(outcome),
            }
        }
        if self.waiting.take(command.asker.token).is_some() {
            self.came.push_back(Came::Failed(command.asker.token, Box::new(error)));
        }
    }

    /// The connect failed. For an error that may pass, commands go on waiting, except those with `once`. For any other
    /// error they fail.
    pub(super) fn could_not_open(&mut self, error: Error, now: Instant) {
        let passes = match error.status {
            Status::Connect | Status::Io | Status::Timeout => true,
            // The commands go on waiting, and one that times out has this error as its reason. On a line without commands
            // nothing else would give the reason, so the driver is told.
            Status::Memory => !self.alone,
            _ => false,
        };
        if !passes {
            self.report_to_subscriber(&error);
        }
        let mut held = std::mem::take(&mut self.held);
        held.retain(|held| {
            let once = self.waiting.get(held.asker.token).is_none_or(|waiting| waiting.once);
            if passes && !once {
                return true;
            }
            if self.waiting.take(held.asker.token).is_some() {
                let error = error.clone().with_outcome(Outcome::NotSent);
                self.came.push_back(Came::Failed(held.asker.token, Box::new(error)));
            }
            false
        });
        self.held = held;
        self.down(error, now);
    }

    /// Set the pause before the next connect, as the driver's function says.
    pub(super) fn down(&mut self, error: Error, now: Instant) {
        self.patience.start_anew();
        self.stage = Stage::Down;
        let pause = (self.pause)(self.failures);
        let least = if self.failures > 0 { PAUSE_MIN } else { Duration::ZERO };
        self.retry_at = now.checked_add(pause.max(least));
        self.failures = self.failures.saturating_add(1);
        (self.flow.broken, self.flow.outdated, self.flow.leaves_by) = (None, None, None);
        self.last_failure = Some(error);
    }
}

/// The shortest pause: the timer of an event loop has a resolution of 1 ms.
const PAUSE_MIN: Duration = Duration::from_millis(1);
