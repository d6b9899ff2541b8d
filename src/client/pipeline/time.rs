//! How long a run may take.
#![forbid(unsafe_code)]

use crate::client::{Call, Flags};
use crate::commands::Blocking;
use crate::conn::{Handed, Until};
use crate::transport::Deadline;

/// When all must be over, and how far away that was at first.
pub(super) type Limit = Option<(Deadline, i64)>;

/// How long a run may take.
#[derive(Clone, Copy)]
pub(super) struct Time {
    /// Without a byte moving either way.
    still_ms: i64,
    /// In all, where the call says so.
    total: Limit,
    /// Until a connection is there, for this try and those before it that moved nothing.
    pub(super) start: Deadline,
}

impl Time {
    /// Of a run whose commands let the server wait so long, beside the time of a command. `limit`: that of all runs, where
    /// this is one of several.
    pub(super) fn new(blocking: Option<Blocking>, command_timeout_ms: i64, call: &Call, limit: Limit) -> Time {
        let still_ms = match blocking {
            Some(Blocking::Forever) => -1,
            Some(Blocking::For(waits)) if command_timeout_ms >= 0 => {
                i64::try_from(waits.as_millis()).unwrap_or(i64::MAX).saturating_add(command_timeout_ms)
            }
            _ => command_timeout_ms,
        };
        // Time that the call gives counts alone.
        let (still_ms, total) = match call.flags.has(Flags::TIMEOUT) {
            true => (-1, Some((Deadline::after_ms(call.timeout_ms), call.timeout_ms))),
            false => (still_ms, limit),
        };
        let start = if still_ms < 0 { Deadline::never() } else { Deadline::after_ms(command_timeout_ms) };
        Time { still_ms, total, start: total.map_or(start, |(total, _)| total.earlier(start)) }
    }

    /// When the whole run must be over.
    pub(super) fn total(&self) -> Deadline {
        self.total.map_or(Deadline::never(), |(last, _)| last)
    }

    /// How long nothing may move.
    pub(super) fn still_ms(&self) -> i64 {
        self.still_ms
    }

    #[inline(always)]
    pub(super) fn until(&self) -> Until {
        let until = Until::still_for(self.still_ms);
        match self.total {
            Some((last, last_ms)) => until.no_later_than(last, last_ms),
            None => until,
        }
    }

    /// Whether the time of the whole run is over, where it has one.
    pub(super) fn is_over(&self) -> bool {
        self.total.is_some_and(|(last, _)| last.has_passed())
    }

    pub(super) fn allowed_ms(&self) -> i64 {
        self.total.map_or(self.still_ms, |(_, total_ms)| total_ms)
    }

    /// Where something moved, what comes next has its time again.
    pub(super) fn moved(&mut self, handed: Handed) {
        if handed.bytes > 0 && self.still_ms >= 0 {
            self.start = self.until().deadline();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const COMMAND_MS: i64 = 1000;

    fn call(flags: Flags, timeout_ms: i64) -> Call {
        Call { flags, timeout_ms, ..Call::default() }
    }

    fn seconds(count: u64) -> Option<Blocking> {
        Some(Blocking::For(Duration::from_secs(count)))
    }

    #[test]
    fn a_run_may_be_still_as_long_as_its_commands_say() {
        for (blocking, command_ms, still_ms) in [
            (None, COMMAND_MS, 1000),
            (seconds(5), COMMAND_MS, 6000),
            (Some(Blocking::Forever), COMMAND_MS, -1),
            (None, -1, -1),
            (seconds(5), -1, -1),
        ] {
            let time = Time::new(blocking, command_ms, &Call::default(), None);
            assert!(time.total.is_none() && !time.is_over());
            assert_eq!(time.start == Deadline::never(), time.still_ms < 0, "until then a connection is there");
            assert!(time.start.remaining_ms() <= command_ms, "a command that waits does not wait for its connection");
            assert_eq!((time.still_ms, time.allowed_ms()), (still_ms, still_ms));
        }
    }

    #[test]
    fn where_there_is_no_time_at_all_nothing_waits() {
        assert!(Time::new(None, 0, &Call::default(), None).start.has_passed());
        let time = Time::new(seconds(5), 0, &Call::default(), None);
        assert_eq!(time.still_ms, 5000, "except for what the command says");
    }

    #[test]
    fn time_that_the_call_gives_counts_alone_and_else_what_all_tries_have() {
        let limit = Some((Deadline::after_ms(0), 0));
        let time = Time::new(None, COMMAND_MS, &Call::default(), limit);
        assert_eq!((time.still_ms, time.allowed_ms(), time.is_over()), (1000, 0, true));
        let time = Time::new(None, COMMAND_MS, &call(Flags::TIMEOUT, 60_000), limit);
        assert_eq!((time.still_ms, time.allowed_ms(), time.is_over()), (-1, 60_000, false));
        let start = time.start.remaining_ms();
        assert!((1001..=60_000).contains(&start), "{start}");
        assert!(!time.until().deadline().has_passed());
        assert_eq!(Time::new(None, COMMAND_MS, &call(Flags::TIMEOUT, -1), limit).start, Deadline::never());
    }

    #[test]
    fn where_something_moved_what_comes_next_has_its_time_again() {
        let handed = |bytes| Handed { bytes, in_a_reply: false };
        for (still_ms, bytes, again) in [(60_000, 1, true), (60_000, 0, false), (-1, 1, false)] {
            let mut time = Time { still_ms, total: None, start: Deadline::after_ms(0) };
            time.moved(handed(bytes));
            assert_eq!(!time.start.has_passed(), again, "{still_ms} {bytes}");
        }
    }
}
