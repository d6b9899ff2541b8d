//! The end of a wait: a deadline, or a time without any byte sent or received.

use crate::error::{Error, Status};
use crate::transport::Deadline;

/// When a wait ends.
#[derive(Clone, Copy, Debug)]
pub struct Until {
    deadline: Deadline,
    /// Where bytes that move put the end off: by how much, but never behind the last moment.
    still_ms: Option<i64>,
    last: Deadline,
    last_ms: i64,
}

impl Until {
    /// When nothing has moved for so long; a negative number is never.
    pub fn still_for(still_ms: i64) -> Until {
        Until { deadline: Deadline::after_ms(still_ms), still_ms: Some(still_ms), last: Deadline::never(), last_ms: -1 }
    }

    /// But no later than that, which was so far away when the call began.
    pub fn no_later_than(self, last: Deadline, last_ms: i64) -> Until {
        Until { deadline: self.deadline.earlier(last), last, last_ms, ..self }
    }

    /// When that is, if nothing moves before.
    pub fn deadline(self) -> Deadline {
        self.deadline
    }

    /// The time is up: what to say of it.
    pub(super) fn passed(self, writing: bool) -> Error {
        let phase = if writing { "write" } else { "read" };
        let text = match self.last.has_passed() {
            true => format!("{phase}: not done within {} ms", self.last_ms),
            false => format!("{phase}: nothing moved for {} ms", self.still_ms.unwrap_or(-1)),
        };
        Error::new(Status::Timeout, text)
    }

    /// Whether bytes that move put the end off.
    #[inline]
    pub(super) fn may_move(&self) -> bool {
        self.still_ms.is_some()
    }

    /// Bytes have moved. True: so the end is put off.
    pub(super) fn moved(&mut self) -> bool {
        let Some(still_ms) = self.still_ms else { return false };
        self.deadline = Deadline::after_ms(still_ms).earlier(self.last);
        !self.deadline.has_passed()
    }
}

impl From<Deadline> for Until {
    fn from(deadline: Deadline) -> Until {
        Until { deadline, still_ms: None, last: deadline, last_ms: -1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_puts_the_end_off_and_never_behind_the_last_moment() {
        let (soon, late) = (Deadline::after_ms(0), Deadline::after_ms(60_000));
        let mut until = Until::still_for(0);
        assert!(until.deadline().has_passed() && !until.moved(), "there is no time in which anything could move");
        until = Until { still_ms: Some(30_000), ..until };
        assert!(until.moved() && !until.deadline().has_passed());
        assert!(!until.no_later_than(late, 60_000).deadline().has_passed());
        let mut until = until.no_later_than(soon, 0);
        assert!(until.deadline().has_passed() && !until.moved() && until.deadline().has_passed());
        let mut forever = Until::still_for(-1);
        assert!(forever.moved() && forever.deadline() == Deadline::never());
    }

    #[test]
    fn a_moment_is_put_off_by_nothing() {
        for deadline in [Deadline::after_ms(0), Deadline::after_ms(60_000), Deadline::never()] {
            let mut until = Until::from(deadline);
            assert!(!until.moved());
            assert_eq!(until.deadline(), deadline);
        }
    }

    #[test]
    fn the_error_says_which_time_is_up_and_what_was_not_done() {
        let (soon, late) = (Deadline::after_ms(0), Deadline::after_ms(60_000));
        let told = |until: Until, writing| until.passed(writing).to_string();
        let until = Until::still_for(7);
        assert_eq!(until.passed(true).status, Status::Timeout);
        assert_eq!(told(until, true), "write: nothing moved for 7 ms");
        assert_eq!(told(until.no_later_than(late, 60_000), false), "read: nothing moved for 7 ms");
        assert_eq!(told(until.no_later_than(soon, 5), false), "read: not done within 5 ms");
        assert_eq!(told(until.no_later_than(soon, 5), true), "write: not done within 5 ms");
    }
}
