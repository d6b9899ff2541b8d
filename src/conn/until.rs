//! Until when a wait goes on: a moment, or as long as commands leave and replies come; and how many bytes have moved.

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

    /// Bytes have moved. True: so the end is put off.
    pub(super) fn moved(&mut self) -> bool {
        let Some(still_ms) = self.still_ms else { return false };
        self.deadline = Deadline::after_ms(still_ms).earlier(self.last);
        !self.deadline.has_passed()
    }
}

/// Bytes moved since they were last asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traffic {
    /// Read.
    pub bytes_in: u64,
    /// Written.
    pub bytes_out: u64,
}

impl From<Deadline> for Until {
    fn from(deadline: Deadline) -> Until {
        Until { deadline, still_ms: None, last: deadline, last_ms: -1 }
    }
}
