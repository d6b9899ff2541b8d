//! When there is no connection, or no more: what that means for each command, and when the next is tried.

use std::time::{Duration, Instant};

use crate::client::Flags;
use crate::conn::Notice;
use crate::error::{Error, Outcome, Status};

use super::Evented;
use super::line::Stage;
use super::pending::{HELD, Pending};

impl Evented {
    /// The connection is over. What was sent may have run; what was not waits for the next one.
    pub(super) fn lost(&mut self, error: Error) {
        let Stage::Open(mut connection) = std::mem::take(&mut self.line.stage) else { return };
        self.poller.forget();
        let error = connection.told_of(error);
        let session = connection.session();
        session.fail(error.clone());
        // A server that answers a subscription with something else would do so for ever.
        let is_told = error.status == Status::Protocol && self.pending.iter().any(Pending::is_own_subscription);
        let first = self.pending.front().map_or(Outcome::None, |oldest| session.fate(oldest.ticket));
        let mut unsent = session.unsent().peekable();
        for (at, mut command) in std::mem::take(&mut self.pending).into_iter().enumerate() {
            let outcome = match unsent.next_if(|(ticket, ..)| *ticket == command.ticket) {
                Some((_, bytes, shape)) => {
                    command.more().held = Some((bytes.to_vec(), shape));
                    command.ticket = HELD;
                    Outcome::NotSent
                }
                None if command.ticket == HELD => Outcome::NotSent,
                None if at == 0 => first,
                None => Outcome::Unknown,
            };
            if outcome == Outcome::NotSent && !command.abandoned && !command.flags.has(Flags::NO_RETRY) {
                self.pending.push_back(command);
                continue;
            }
            self.bytes -= command.cost;
            if outcome != Outcome::NotSent {
                self.may_have_subscribed(&command);
            }
            if !command.abandoned {
                self.done.push_back(command.failed(error.clone().with_outcome(outcome)));
            }
        }
        drop(unsent);
        self.kept.notice(Notice::lost(&connection, &error));
        let counters = self.client.0.pool.counters();
        counters.moved(connection.traffic());
        counters.lost();
        self.interrupted(&error);
        if is_told {
            self.tell_who_listens(&error);
        }
        self.down(error, Instant::now());
    }

    /// No connection: what passes is waited for, what does not is told to all who wait.
    pub(super) fn could_not_open(&mut self, error: Error, now: Instant) {
        self.poller.forget();
        let passes = matches!(error.status, Status::Connect | Status::Io | Status::Timeout | Status::Memory);
        if !passes {
            self.tell_who_listens(&error);
        }
        for command in std::mem::take(&mut self.pending) {
            if passes && !command.flags.has(Flags::NO_RETRY) {
                self.pending.push_back(command);
            } else {
                self.bytes -= command.cost;
                self.done.push_back(command.failed(error.clone().with_outcome(Outcome::NotSent)));
            }
        }
        self.down(error, now);
    }

    /// Pause before the next try: not at all after a connection that had served, and longer each time after one that had not.
    pub(super) fn down(&mut self, error: Error, now: Instant) {
        self.clock.start_anew();
        let line = &mut self.line;
        line.stage = Stage::Down;
        let pause = match line.failures {
            0 => Duration::ZERO,
            failures => self.client.0.retry.pause(failures).max(PAUSE_MIN),
        };
        line.retry_at = now.checked_add(pause);
        line.failures = line.failures.saturating_add(1);
        (line.go_on_at, line.broken, line.last_failure, line.outdated) = (None, None, Some(error), None);
    }
}

/// A pause that a loop can sleep, whatever the options say.
const PAUSE_MIN: Duration = Duration::from_millis(1);
