//! What a run asks, made before anything is sent: which commands go over, as which bytes, and what may be asked again.
#![forbid(unsafe_code)]

use std::sync::Arc;

use crate::client::{Callbacks, Flags};
use crate::commands::Blocking;
use crate::error::{Error, Outcome, Result, Status};

use super::queue::{Element, MULTI, Queue, start_of};
use super::wire::{Delivery, Wire};

/// A run: what was queued, and what is asked of it.
pub(super) struct Plan {
    pub(super) queue: Queue,
    pub(super) mode: Mode,
    flags: Flags,
    /// The callbacks as they were when the run began, if any is called.
    pub(super) callbacks: Option<Arc<Callbacks>>,
    /// What goes over in the place of the queue, where there are scripts in it.
    pub(super) wire: Option<Wire>,
}

/// How a pipeline runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One by one.
    Plain,
    /// Between MULTI and EXEC: all or nothing, and nothing between.
    Atomic,
}

/// What goes over one connection in one burst.
pub(super) struct Part<'p> {
    pub(super) bytes: &'p mut Vec<u8>,
    /// Where in them those begin that are sent.
    pub(super) from: usize,
    pub(super) commands: &'p [Element],
    /// How many of the commands are none of the caller's: they come first, and change nothing.
    pub(super) front: usize,
}

/// Whether a run that failed is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    No,
    /// On another connection: the one that failed had rested, and took nothing.
    AtOnce,
    /// After a pause, as often as the options say.
    Later,
}

impl Plan {
    /// Of a queue, in this mode.
    pub(super) fn new(queue: Queue, mode: Mode) -> Plan {
        Plan { queue, mode, flags: Flags::default(), callbacks: None, wire: None }
    }

    /// What is asked of the replies is decided when the run begins: what another thread sets meanwhile is for the next.
    pub(super) fn ask(&mut self, flags: Flags, table: &Arc<Callbacks>) -> Result<()> {
        self.flags = flags;
        if !self.is_raw() && !table.is_empty() && self.queue.wish(table)? {
            self.callbacks = Some(Arc::clone(table));
        }
        Ok(())
    }

    /// Put the commands between MULTI and EXEC, where that is the mode.
    pub(super) fn close(&mut self) -> Result<()> {
        match self.mode {
            Mode::Plain => Ok(()),
            Mode::Atomic => {
                self.deliver(Delivery::Whole)?;
                self.wire.as_mut().map_or(&mut self.queue, |wire| &mut wire.queue).close_transaction()
            }
        }
    }

    /// How scripts go over.
    pub(super) fn deliver(&mut self, delivery: Delivery<'_>) -> Result<()> {
        self.wire = Wire::of(&self.queue, delivery)?;
        Ok(())
    }

    /// The one part that all of it is.
    pub(super) fn part(&mut self) -> Part<'_> {
        self.part_and_queue().0
    }

    /// The same, and the caller's queue, where other bytes go in the place of its own.
    pub(super) fn part_and_queue(&mut self) -> (Part<'_>, Option<&Queue>) {
        let from = if self.is_atomic() { 0 } else { MULTI.len() };
        match &mut self.wire {
            None => (Part::of(&mut self.queue, from, 0), None),
            Some(wire) => (Part::of(&mut wire.queue, from, wire.front), Some(&self.queue)),
        }
    }

    /// The commands that go over.
    pub(super) fn sent(&mut self) -> &mut Queue {
        self.wire.as_mut().map_or(&mut self.queue, |wire| &mut wire.queue)
    }

    /// Whether the caller wants one try only.
    pub(super) fn is_once(&self) -> bool {
        self.flags.has(Flags::NO_RETRY)
    }

    /// Whether all of it may run twice.
    pub(super) fn may_run_twice(&self) -> bool {
        self.flags.has(Flags::IDEMPOTENT) || self.queue.may_run_twice()
    }

    /// Whether a command may run twice, as far as the caller says.
    pub(super) fn is_idempotent(&self, index: usize) -> bool {
        let says = |flags: Flags| flags.has(Flags::IDEMPOTENT);
        says(self.flags) || self.queue.commands.get(index).is_some_and(|command| says(command.flags))
    }

    /// How many commands of the caller's there are.
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn is_atomic(&self) -> bool {
        self.mode == Mode::Atomic
    }

    /// No reply is to have any shape.
    pub(super) fn is_raw(&self) -> bool {
        self.flags.has(Flags::RAW)
    }

    /// Every reply stays as it comes.
    pub(super) fn keeps_all(&self) -> bool {
        self.is_raw() || !self.queue.shaped
    }

    /// Whether there are scripts, and they may go over by their digests: EXEC's answer comes too late to send one whole.
    pub(super) fn has_digests(&self) -> bool {
        !self.is_atomic() && !self.queue.scripts.is_empty()
    }

    /// The longest that a command lets the server wait. Inside a transaction nothing waits.
    pub(super) fn blocking(&self) -> Option<Blocking> {
        self.queue.blocking.filter(|_| !self.is_atomic())
    }

    /// Whether to try again. What the server answered is never asked again, except a transaction that a replica refused as a
    /// whole; nor is a run of which the caller has seen a reply.
    pub(super) fn again(&self, error: &Error, rested: bool, by_a_replica: bool, shown: usize) -> Again {
        let network = matches!(error.status, Status::Connect | Status::Io | Status::Timeout);
        if rested && error.outcome == Outcome::NotSent && error.status == Status::Io {
            return if self.queue.shuts_down() { Again::No } else { Again::AtOnce };
        }
        let may_repeat = (network || by_a_replica)
            && !self.flags.has(Flags::NO_RETRY)
            && shown == 0
            && !self.queue.shuts_down()
            && match error.outcome {
                Outcome::NotSent => true,
                Outcome::Refused => by_a_replica,
                Outcome::Unknown => self.may_run_twice(),
                _ => false,
            };
        if may_repeat { Again::Later } else { Again::No }
    }
}

impl<'p> Part<'p> {
    /// Of a queue, without its first `from` bytes. The first `front` commands are none of the caller's.
    pub(super) fn of(queue: &'p mut Queue, from: usize, front: usize) -> Part<'p> {
        let Queue { bytes, commands, .. } = queue;
        Part { bytes, from, commands, front }
    }

    /// How many bytes the commands are that are none of the caller's.
    pub(super) fn front_bytes(&self) -> usize {
        start_of(self.commands, self.front) - MULTI.len()
    }

    /// How many bytes all commands are, without MULTI.
    pub(super) fn end(&self) -> usize {
        start_of(self.commands, self.commands.len()) - MULTI.len()
    }
}

#[cfg(test)]
mod tests;
