//! Commands that wait for a connection, in order.

use std::collections::VecDeque;
use std::time::Instant;

use crate::commands::Shape;
use crate::error::{Error, Result};
use crate::memory;
use crate::session::{Asker, Unsent};

/// One of them.
pub(super) struct Held {
    pub(super) asker: Asker,
    pub(super) bytes: Vec<u8>,
    pub(super) shape: Shape,
}

/// All of them.
#[derive(Default)]
pub(super) struct Hold {
    queue: VecDeque<Held>,
    bytes: usize,
    /// No command's time is up before that. It may be none's any more.
    earliest: Option<Instant>,
}

impl Held {
    pub(super) fn of(command: &Unsent<'_>) -> Result<Held> {
        let bytes = memory::copied(command.bytes, "a command that waits for a connection")?;
        Ok(Held { asker: command.asker, bytes, shape: command.shape })
    }
}

impl Hold {
    /// How many there are, and how many bytes they have.
    #[inline]
    pub(super) fn amount(&self) -> (usize, usize) {
        (self.queue.len(), self.bytes)
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// When the time of one is up.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.earliest.filter(|_| !self.is_empty())
    }

    /// One more, behind the others. Where there is no memory for it, the others are as they were.
    pub(super) fn push_back(&mut self, held: Held) -> Result<()> {
        self.queue.try_reserve(1).map_err(|_| Error::memory("a command that waits for a connection"))?;
        self.note(&held);
        self.queue.push_back(held);
        Ok(())
    }

    /// One that was taken from the front is there again: its room is still there.
    pub(super) fn push_front(&mut self, held: Held) {
        self.note(&held);
        self.queue.push_front(held);
    }

    pub(super) fn pop_front(&mut self) -> Option<Held> {
        let held = self.queue.pop_front()?;
        self.bytes -= held.bytes.len();
        Some(held)
    }

    /// Those behind the first so many come before these.
    pub(super) fn bring_forward(&mut self, behind: usize) {
        self.queue.rotate_left(behind);
    }

    /// Those alone of which this says so.
    pub(super) fn retain(&mut self, mut stays: impl FnMut(&Held) -> bool) {
        (self.bytes, self.earliest) = (0, None);
        let mut queue = std::mem::take(&mut self.queue);
        queue.retain(|held| {
            let stays = stays(held);
            if stays {
                self.note(held);
            }
            stays
        });
        self.queue = queue;
    }

    /// Those alone whose time is not up.
    pub(super) fn expire(&mut self, now: Instant, mut told: impl FnMut(&Held)) {
        if self.earliest.is_none_or(|earliest| now < earliest) {
            return;
        }
        self.retain(|held| {
            let is_late = held.asker.deadline.is_some_and(|deadline| deadline <= now);
            if is_late {
                told(held);
            }
            !is_late
        });
    }

    fn note(&mut self, held: &Held) {
        self.bytes += held.bytes.len();
        if let Some(deadline) = held.asker.deadline {
            self.earliest = Some(self.earliest.map_or(deadline, |earliest| earliest.min(deadline)));
        }
    }
}
