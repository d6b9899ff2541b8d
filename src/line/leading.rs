//! Another server than the one that the connections lead to, where somebody else says which one it is to be.

use std::time::{Duration, Instant};

use crate::conn::Dial;
use crate::error::{Error, Outcome, Status};

use super::{NumberedLine, Stage};

impl NumberedLine {
    /// From now on the connections lead to the server of this dial. One that leads to another ends when it has answered what it was
    /// asked before, for which it has a moment, and the next is opened at once.
    pub fn lead_to(&mut self, dial: Dial, now: Instant) {
        if self.dial.leads_as(&dial) {
            return;
        }
        let why = Error::new(Status::Io, format!("the Sentinels name another primary: {}", dial.endpoint()));
        self.dial = dial;
        match &self.stage {
            Stage::Open(_) if self.alone || self.owes_nothing() => self.lost(why, now),
            Stage::Open(_) => {
                self.leave(why);
                self.flow.leaves_by = now.checked_add(MOMENT);
            }
            Stage::Opening(..) => self.stage = Stage::Down,
            Stage::Down => {}
        }
        (self.retry_at, self.failures) = (None, 0);
        self.again = true;
    }

    /// The server that is left has not answered in its moment.
    pub(super) fn leave_if_late(&mut self, now: Instant) {
        if self.flow.leaves_by.is_some_and(|moment| moment <= now)
            && let Some(why) = self.flow.outdated.clone()
        {
            self.lost(why, now);
        }
    }

    /// Nobody knows yet where the connections lead to: none is opened before that moment.
    pub fn hold_off(&mut self, until: Instant) {
        if matches!(self.stage, Stage::Down) {
            let why = Error::new(Status::Connect, "no Sentinel has named the primary yet");
            self.last_failure = Some(why.with_outcome(Outcome::NotSent));
            self.retry_at = Some(self.retry_at.map_or(until, |retry_at| retry_at.max(until)));
        }
    }
}

/// How long a server that is left may take for what it was asked before.
const MOMENT: Duration = Duration::from_millis(100);
