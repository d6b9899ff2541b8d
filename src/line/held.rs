//! Commands that wait for a connection, in order.

use std::collections::VecDeque;
use std::time::Instant;

use crate::commands::Shape;
use crate::error::{Error, Result};
use crate::memory;
use crate::session::{Asker, Unsent};

/// One such command.
pub(super) struct Held {
    pub(super) asker: Asker,
    pub(super) bytes: Vec<u8>,
    pub(super) shape: Shape,
    /// The server takes it only directly behind ASKING.
    pub(super) asking: bool,
}

/// The queue of these commands.
#[derive(Default)]
pub(super) struct HeldQueue {
    queue: VecDeque<Held>,
    bytes: usize,
    /// No command times out before this. The command with this deadline may have left the queue.
    earliest: Option<Instant>,
}

impl Held {
    pub(super) fn of(command: &Unsent<'_>) -> Result<Held> {
        let bytes = memory::copied(command.bytes, "a command that waits for a connection")?;
        Ok(Held { asker: command.asker, bytes, shape: command.shape, asking: false })
    }
}

impl HeldQueue {
    /// The number of the commands, and their bytes.
    #[inline]
    pub(super) fn amount(&self) -> (usize, usize) {
        (self.queue.len(), self.bytes)
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// When the next command may time out.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.earliest.filter(|_| !self.is_empty())
    }

    /// Add a command at the end. Without memory the queue is unchanged.
    pub(super) fn push_back(&mut self, held: Held) -> Result<()> {
        self.queue.try_reserve(1).map_err(|_| Error::memory("a command that waits for a connection"))?;
        self.note(&held);
        self.queue.push_back(held);
        Ok(())
    }

    /// Put a command back that was taken from the front. This needs no memory.
    pub(super) fn push_front(&mut self, held: Held) {
        self.note(&held);
        self.queue.push_front(held);
    }

    pub(super) fn pop_front(&mut self) -> Option<Held> {
        let held = self.queue.pop_front()?;
        self.bytes -= held.bytes.len();
        Some(held)
    }

    /// Move the first `count` commands to the end. The other commands were submitted earlier: they were in a session, and
    /// entered this queue later.
    pub(super) fn move_to_end(&mut self, count: usize) {
        self.queue.rotate_left(count);
    }

    /// Keep only the commands for which `stays` is true.
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

    /// Remove the commands that have timed out, and pass each to `told`.
    #[inline(always)]
    pub(super) fn expire(&mut self, now: Instant, told: impl FnMut(&Held)) {
        if self.earliest.is_some_and(|earliest| earliest <= now) {
            self.expire_late(now, told);
        }
    }

    #[inline(never)]
    fn expire_late(&mut self, now: Instant, mut told: impl FnMut(&Held)) {
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
