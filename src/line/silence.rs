//! How long a server has said nothing, though something of it is awaited: measured by a driver, from time to time.

use std::time::{Duration, Instant};

use super::{NumberedLine, Stage};

/// A silence of a line's server.
#[derive(Default)]
pub struct Silence {
    /// When it began, at the latest. None: nothing was awaited.
    since: Option<Instant>,
    /// How often something had arrived by then.
    arrivals: u64,
    /// When it is to be measured again.
    next: Option<Instant>,
}

impl Silence {
    /// How long it has lasted, if that is at least `least`. What can be read by then was read first: a driver may be late
    /// itself. It is to be measured again after `again`.
    pub fn measure(
        &mut self,
        line: &mut NumberedLine,
        now: Instant,
        least: Duration,
        again: Duration,
    ) -> Option<Duration> {
        if !line.awaits() {
            *self = Silence::default();
            return None;
        }
        let since = match self.since {
            Some(since) if self.arrivals == line.arrivals => since,
            _ => now,
        };
        (self.since, self.arrivals) = (Some(since), line.arrivals);
        let lasted = now.saturating_duration_since(since);
        if lasted < least {
            self.next = since.checked_add(least);
            return None;
        }
        self.next = now.checked_add(again);
        if line.is_open() && line.has_said_more(now) {
            self.since = Some(now);
            return None;
        }
        Some(lasted)
    }

    /// How long it has lasted, as it was measured last.
    pub fn lasted(&self, now: Instant) -> Duration {
        self.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// When it is to be measured again. None: nothing is awaited.
    pub fn next(&self) -> Option<Instant> {
        self.next
    }
}

impl NumberedLine {
    /// Whether something of the server is awaited: an answer, or that it takes a connection.
    fn awaits(&self) -> bool {
        match &self.stage {
            Stage::Down => false,
            Stage::Opening(..) => true,
            Stage::Open(_) => !self.owes_nothing(),
        }
    }
}
