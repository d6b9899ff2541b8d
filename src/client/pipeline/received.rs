//! What takes the replies of one of many servers: to each command, in the order that it was asked.
#![forbid(unsafe_code)]

use std::cell::RefCell;

use crate::commands::{Refusal, Shape};
use crate::error::{Error, Result};
use crate::resp::{Entry, Frame};
use crate::route::{Errand, Stop, may_be_refusal};
use crate::session::TakeReplies;

use super::answers::too_early;
use super::gathered::Gathered;
use super::merge::error_of;
use super::parcel::DueReply;
use super::queue::{Element, Queue};
use super::scripted::ScriptReplies;

/// The replies of one server.
pub(super) struct Received<'b> {
    gathered: &'b RefCell<Gathered>,
    dues: &'b [DueReply],
    errands: &'b [Errand],
    queue: &'b Queue,
    pub(super) scripts: ScriptReplies<'b>,
    stop: &'b mut Stop,
    /// No reply is to have any shape.
    raw: bool,
    /// How many replies have come.
    pub(super) come: usize,
    /// The errors that may say that their command did not run.
    pub(super) refused: Vec<(usize, Vec<u8>)>,
    /// The server takes no writes.
    pub(super) read_only: bool,
}

impl<'b> Received<'b> {
    pub(super) fn new(
        gathered: &'b RefCell<Gathered>,
        dues: &'b [DueReply],
        errands: &'b [Errand],
        (queue, scripts): (&'b Queue, ScriptReplies<'b>),
        stop: &'b mut Stop,
        raw: bool,
    ) -> Received<'b> {
        Received { gathered, dues, errands, queue, scripts, stop, raw, come: 0, refused: Vec::new(), read_only: false }
    }

    /// The command whose reply comes next, and its index; None, where that is none of the caller's.
    #[inline]
    fn next(&self) -> Option<(&'b Element, usize)> {
        let index = self.errands[self.dues[self.come].errand?].index;
        Some((&self.queue.commands[index], index))
    }

    #[inline]
    fn is_too_early(&self, handed: usize) -> bool {
        handed <= self.come.checked_sub(1).map_or(0, |before| self.dues[before].end)
    }
}

impl TakeReplies for Received<'_> {
    #[inline]
    fn take_leaf(&mut self, entry: Entry, bytes: &[u8], handed: usize) -> Result<bool> {
        let Some((command, index)) = self.next().filter(|_| !self.is_too_early(handed)) else { return Ok(false) };
        let shape = if self.raw { Shape::KEEP } else { command.shape };
        let Some(entry) = shape.leaf(entry, bytes) else { return Ok(false) };
        self.gathered.borrow_mut().take_leaf(index, entry, bytes)?;
        self.stop.works();
        self.come += 1;
        Ok(true)
    }

    fn take(&mut self, frame: &mut Frame<'_>, handed: usize) -> Result<()> {
        if self.is_too_early(handed) {
            return Err(too_early());
        }
        let place = self.dues[self.come].errand.unwrap_or_default();
        // Where ASKING is refused, so is what stands behind it.
        if !self.scripts.take_front(self.come, frame)?
            && let Some((command, index)) = self.next()
            && !self.scripts.take_missing(place, index, frame)?
        {
            let error = if frame.is_error() { error_of(frame) } else { b"" };
            self.read_only |= Refusal::of(error, command.own_words).is_some_and(Refusal::ends_connection);
            if may_be_refusal(error) {
                let mut words = Vec::new();
                let room = words.try_reserve_exact(error.len()).and_then(|()| self.refused.try_reserve(1));
                room.map_err(|_| Error::memory("the replies"))?;
                words.extend_from_slice(error);
                self.refused.push((place, words));
            } else {
                let is_unshaped = !self.raw && !frame.is_error() && command.shape.lay_over(frame);
                self.gathered.borrow_mut().take(index, frame, is_unshaped)?;
                self.stop.works();
            }
        }
        self.come += 1;
        Ok(())
    }
}
