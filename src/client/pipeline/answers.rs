//! What takes the replies of commands that run one by one.
#![forbid(unsafe_code)]

use crate::commands::Shape;
use crate::conn::Handed;
use crate::error::{Error, Outcome, Result, Status};
use crate::resp::{Entry, Frame};
use crate::session::TakeReplies;

use super::merge::{Merged, error_of};
use super::queue::{Element, MULTI, start_of};

/// The replies of a part, one for each command.
pub(super) struct Answers<'q> {
    merged: &'q mut Merged,
    commands: &'q [Element],
    /// No reply is to have any shape.
    raw: bool,
    /// How many replies have come.
    come: usize,
}

impl<'q> Answers<'q> {
    /// Of these commands. What was merged of an earlier try is forgotten.
    pub(super) fn new(commands: &'q [Element], merged: &'q mut Merged, raw: bool) -> Answers<'q> {
        merged.begin();
        Answers { merged, commands, raw, come: 0 }
    }

    /// How many commands were answered.
    pub(super) fn come(&self) -> usize {
        self.come
    }

    /// What became of the commands of a run that broke off.
    pub(super) fn outcome(&self, handed: Handed) -> Outcome {
        let end = start_of(self.commands, self.commands.len()) - MULTI.len();
        outcome(handed, end, self.commands.len() - self.come)
    }

    /// Where the bytes begin of the command whose reply comes next.
    #[inline]
    fn start_of_next(&self) -> usize {
        start_of(self.commands, self.come) - MULTI.len()
    }
}

impl TakeReplies for Answers<'_> {
    #[inline]
    fn take_leaf(&mut self, entry: Entry, bytes: &[u8], handed: usize) -> Result<bool> {
        if handed <= self.start_of_next() {
            return Ok(false);
        }
        let shape = if self.raw { Shape::KEEP } else { self.commands[self.come].shape };
        let Some(entry) = shape.leaf(entry, bytes) else { return Ok(false) };
        self.merged.gather.take_leaf(entry, bytes)?;
        self.come += 1;
        Ok(true)
    }

    #[inline]
    fn take(&mut self, frame: &mut Frame<'_>, handed: usize) -> Result<()> {
        if handed <= self.start_of_next() {
            return Err(too_early());
        }
        let command = &self.commands[self.come];
        if frame.is_error() {
            self.merged.refused(self.come, error_of(frame), command.own_words);
        } else if !self.raw && command.shape.lay_over(frame) {
            self.merged.leave(self.come)?;
        }
        self.merged.gather.take(frame)?;
        self.come += 1;
        Ok(())
    }
}

/// What became of commands that run one by one, whose bytes end there, where so many were not answered.
pub(super) fn outcome(handed: Handed, end: usize, left: usize) -> Outcome {
    match handed {
        Handed { bytes: 0, .. } => Outcome::NotSent,
        Handed { bytes, in_a_reply: true } if left == 1 && bytes >= end => Outcome::Ran,
        _ => Outcome::Unknown,
    }
}

pub(super) fn too_early() -> Error {
    Error::new(Status::Protocol, "the server answered before it was asked")
}

#[cfg(test)]
mod tests;
