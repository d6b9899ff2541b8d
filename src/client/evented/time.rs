//! The clock of an event loop. It is read once for each step, and when the first command is submitted after `take_next`
//! gave all.

use std::time::{Duration, Instant};

/// The clock of a loop.
#[derive(Default)]
pub(super) struct Clock {
    /// Read by a step, and good until nothing is left to be taken: then the loop may sleep.
    now: Option<Instant>,
    /// The deadline that was asked for last, and how long that is: nearly all are the same.
    same: Option<(i64, Option<Instant>)>,
}

impl Clock {
    /// Read it.
    pub(super) fn look(&mut self) -> Instant {
        self.same = None;
        *self.now.insert(Instant::now())
    }

    /// The time, where it was read since the loop may have slept; otherwise it is read.
    pub(super) fn now(&mut self) -> Instant {
        *self.now.get_or_insert_with(Instant::now)
    }

    pub(super) fn forget_now(&mut self) {
        (self.now, self.same) = (None, None);
    }

    /// When the time of a command is up that is submitted now.
    #[inline]
    pub(super) fn deadline(&mut self, allowed_ms: i64) -> Option<Instant> {
        match self.same {
            Some((same_ms, deadline)) if same_ms == allowed_ms => deadline,
            _ => {
                let allowed = u64::try_from(allowed_ms).ok().map(Duration::from_millis);
                let deadline = allowed.and_then(|allowed| self.now().checked_add(allowed));
                self.same = Some((allowed_ms, deadline));
                deadline
            }
        }
    }
}
