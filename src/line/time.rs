//! What has to happen when: commands are given up, a silent server is asked, and a dead one is left.

use std::time::{Duration, Instant};

use crate::error::{Error, Outcome, Status};
use crate::limits::HEALTH_MS_MIN;
use crate::options::Options;

use super::{Came, Line, Stage};

/// How long a server may answer nothing to what nobody waits for.
pub(super) struct Patience {
    /// How many replies are due to nobody.
    owed: u64,
    /// When a server that answers nothing to that is given up.
    ends: Option<Instant>,
    allowed: Option<Duration>,
}

impl Patience {
    pub(super) fn new(options: &Options) -> Patience {
        let allowed = [options.command_timeout_ms(), options.connect_timeout_ms()];
        let allowed = allowed.into_iter().find_map(|ms| u64::try_from(ms).ok()).map(Duration::from_millis);
        Patience { owed: 0, ends: None, allowed }
    }

    /// So many more replies are due to nobody.
    pub(super) fn more(&mut self, count: u64, now: Instant) {
        self.owed += count;
        if count > 0 && self.ends.is_none() {
            self.extend(now);
        }
    }

    /// One of them has come.
    pub(super) fn one_less(&mut self) {
        self.owed = self.owed.saturating_sub(1);
        if self.owed == 0 {
            self.ends = None;
        }
    }

    /// Whether it ends at all.
    pub(super) fn is_limited(&self) -> bool {
        self.ends.is_some()
    }

    /// A new connection owes nothing.
    pub(super) fn start_anew(&mut self) {
        (self.owed, self.ends) = (0, None);
    }

    fn extend(&mut self, now: Instant) {
        self.ends = self.allowed.and_then(|allowed| now.checked_add(allowed));
    }
}

impl<T> Line<T> {
    /// When the next step is due, whatever comes. It may turn out that nothing was to be done.
    #[inline]
    pub fn deadline(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Open(connection)
                if self.held.is_empty() && self.subscriptions.is_empty() && !self.patience.is_limited() =>
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
        let all = [commands, self.held.deadline(), self.patience.ends, self.connect_deadline(), self.next_ping()];
        all.into_iter().flatten().min()
    }

    /// Complete what took too long, without touching its neighbours: what was not sent is never sent, and a reply to what was goes
    /// to nobody.
    pub(super) fn expire(&mut self, now: Instant) {
        if self.patience.ends.is_some_and(|end| end <= now) {
            self.lose_patience(now);
        }
        let Line { stage, flow, waiting, came, patience, subscriptions, held, last_failure, .. } = self;
        if let Stage::Open(connection) = stage {
            connection.session_mut().expire(now, flow.offered, |ticket, token, outcome| {
                match outcome {
                    Outcome::NotSent => subscriptions.withdrawn(ticket),
                    _ => patience.more(1, now),
                }
                if let Some(waiting) = waiting.take(token) {
                    came.push_back(Came::Late { token: waiting.token, outcome, why: None });
                }
            });
        }
        held.expire(now, |held| {
            if let Some(waiting) = waiting.take(held.asker.token) {
                let why = last_failure.clone().map(Box::new);
                came.push_back(Came::Late { token: waiting.token, outcome: Outcome::NotSent, why });
            }
        });
    }

    /// Something has come: the server lives.
    pub(super) fn something_came(&mut self, now: Instant) {
        if self.patience.is_limited() {
            self.patience.extend(now);
        }
        if !self.subscriptions.is_empty() {
            self.heard = Some(now);
        }
    }

    /// When a connection on which messages are waited for is to be asked whether it lives.
    pub(super) fn next_ping(&self) -> Option<Instant> {
        if self.subscriptions.is_empty()
            || !matches!(self.stage, Stage::Open(_))
            || !self.owes_nothing()
            || !self.held.is_empty()
        {
            return None;
        }
        let every_ms = match self.dial.options().health_check_ms() {
            0 => HEALTH_MS_MIN,
            ms => ms,
        };
        self.heard?.checked_add(Duration::from_millis(u64::try_from(every_ms).ok()?))
    }

    /// Until when a connect under way, or the pause before the next, has to wait.
    fn connect_deadline(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Down => self.retry_at.filter(|_| !self.is_idle()),
            Stage::Opening(_, awaited) => awaited.as_ref()?.until.moment(),
            Stage::Open(_) => None,
        }
    }

    /// A server that answers nothing, for as long again, to what was given up on is taken for dead.
    fn lose_patience(&mut self, now: Instant) {
        let Stage::Open(connection) = &mut self.stage else { return };
        if connection.session().oldest_is_nobodys() {
            let patience_ms = self.patience.allowed.unwrap_or_default().as_millis();
            let text = format!("read: nothing came for {patience_ms} ms after a command's time was up");
            self.lost(Error::new(Status::Io, text), now);
        } else {
            // What is due first may take its time, and the others wait behind it.
            self.patience.extend(now);
        }
    }
}
