//! The replies of a run over many servers, as they come; and what stands in the place of one that does not.
#![forbid(unsafe_code)]

use crate::error::{Error, Outcome, Result};
use crate::reply::{Builder, Kind};
use crate::resp::{Entry, Frame, Gather};
use crate::route::{Lost, Told};

use super::exchange::broken_off;
use super::merge::Merged;

/// Replies in the order they came.
pub(super) struct Gathered {
    gather: Gather,
    /// The command that each of them answers.
    indexes: Vec<usize>,
    /// Which of them still have to be given their shape.
    unshaped: Vec<usize>,
    /// Which command failed first.
    failed: Option<usize>,
    /// A server has answered all that was asked of it.
    pub(super) is_any_whole: bool,
    /// How many commands were answered by no server, and the worst of what became of them.
    lost: usize,
    worst: Option<Error>,
}

impl Gathered {
    /// None yet. The memory of an earlier run's is used again.
    pub(super) fn new(merged: &mut Merged) -> Gathered {
        merged.begin();
        let gather = std::mem::take(&mut merged.gather);
        let (indexes, unshaped) = (Vec::new(), Vec::new());
        Gathered { gather, indexes, unshaped, failed: None, is_any_whole: false, lost: 0, worst: None }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.indexes.len()
    }

    /// The reply to this command, one short value.
    #[inline]
    pub(super) fn take_leaf(&mut self, index: usize, entry: Entry, bytes: &[u8]) -> Result<()> {
        self.reserve()?;
        self.gather.take_leaf(entry, bytes)?;
        self.indexes.push(index);
        Ok(())
    }

    /// The reply to this command. `is_unshaped`: it is to be given its shape later.
    pub(super) fn take(&mut self, index: usize, frame: &mut Frame<'_>, is_unshaped: bool) -> Result<()> {
        self.reserve()?;
        if is_unshaped {
            self.unshaped.try_reserve(1).map_err(|_| Error::memory("the replies"))?;
        }
        let is_error = frame.is_error();
        self.gather.take(frame)?;
        self.indexes.push(index);
        self.unshaped.extend(is_unshaped.then_some(index));
        if is_error {
            self.fails(index);
        }
        Ok(())
    }

    /// What the caller gets in the place of a reply.
    pub(super) fn lose(&mut self, Lost { index, told }: Lost) -> Result<()> {
        let mut builder = Builder::for_copies();
        match told {
            Told::Words(words) => builder.add_text(Kind::RREDIS_REPLY_ERROR, &words),
            Told::Failed(error) => {
                // So that nobody takes it for a server's words.
                builder.open_attributes();
                builder.add_text(Kind::RREDIS_REPLY_STRING, MARK);
                builder.add_integer(Kind::RREDIS_REPLY_INTEGER, 1);
                builder.end();
                let is_unknown = error.outcome == Outcome::Unknown;
                let word: &[u8] = if is_unknown { b"UNKNOWN " } else { b"NOT_SENT " };
                builder.add_text(Kind::RREDIS_REPLY_ERROR, &[word, &error.message].concat());
                self.lost += 1;
                if self.worst.as_ref().is_none_or(|worst| is_unknown && worst.outcome != Outcome::Unknown) {
                    self.worst = Some(error);
                }
            }
        }
        self.reserve()?;
        self.gather.take(&mut builder.frame()?)?;
        self.indexes.push(index);
        self.fails(index);
        Ok(())
    }

    /// The replies in the order of their commands, of which the first has the index `first`, of so many in the whole run. An error,
    /// where no server has answered all that was asked of it, and commands were lost.
    pub(super) fn finish(mut self, merged: &mut Merged, first: usize, count: usize) -> Result<()> {
        merged.failed = self.failed;
        if let Some(error) = self.worst.take().filter(|_| !self.is_any_whole) {
            let answered = first + self.len() - self.lost;
            // What was answered before may have run.
            let outcome = if answered > 0 { Outcome::Unknown } else { error.outcome };
            merged.gather = self.gather;
            return Err(broken_off(error, answered, count).with_outcome(outcome));
        }
        self.indexes.iter_mut().chain(&mut self.unshaped).for_each(|index| *index -= first);
        self.gather.arrange(&self.indexes)?;
        self.unshaped.sort_unstable();
        (merged.gather, merged.unshaped) = (self.gather, self.unshaped);
        Ok(())
    }

    fn fails(&mut self, index: usize) {
        self.failed = Some(self.failed.map_or(index, |failed| failed.min(index)));
    }

    #[inline]
    fn reserve(&mut self) -> Result<()> {
        self.indexes.try_reserve(1).map_err(|_| Error::memory("the replies"))
    }
}

/// The key of the attribute that marks an element of ours.
const MARK: &[u8] = b"rredis";
