//! What takes the replies of a transaction, checked as they come, and what it came to.
#![forbid(unsafe_code)]

use crate::commands;
use crate::conn::Handed;
use crate::error::{Error, Outcome, Result, Status, head};
use crate::resp::{self, Entry, Frame, Type};
use crate::session::TakeReplies;

use super::answers::too_early;
use super::merge::{Merged, error_of};
use super::queue::{EXEC, Element, start_of};

/// The replies of a transaction.
pub(super) struct Transaction<'q> {
    merged: &'q mut Merged,
    commands: &'q [Element],
    /// No reply is to have any shape.
    raw: bool,
    /// How many replies have come, MULTI's and EXEC's among them.
    come: usize,
    /// How many commands were answered with an error.
    refusals: usize,
    said: Said,
}

/// What the server said of the transaction itself.
#[derive(Default)]
struct Said {
    /// Its words to MULTI, if it refused: what came behind ran by itself, then.
    multi_refused: Option<Vec<u8>>,
    /// The words of the first refusal between MULTI and EXEC.
    cause: Option<Vec<u8>>,
    /// What EXEC's answer said, where that is not an array.
    verdict: Option<Error>,
}

impl<'q> Transaction<'q> {
    /// Of these commands. What was merged of an earlier try is forgotten.
    pub(super) fn new(commands: &'q [Element], merged: &'q mut Merged, raw: bool) -> Transaction<'q> {
        merged.begin();
        Transaction { merged, commands, raw, come: 0, refusals: 0, said: Said::default() }
    }

    /// How many replies it is due: MULTI and EXEC are answered too.
    pub(super) fn due(&self) -> usize {
        self.commands.len() + 2
    }

    /// What became of the commands of a transaction that broke off.
    pub(super) fn outcome(&self, handed: Handed) -> Outcome {
        let Handed { bytes: handed, in_a_reply } = handed;
        let end = start_of(self.commands, self.commands.len());
        let first = self.commands.first().map_or(end + EXEC.len(), |first| first.end);
        // Without EXEC a transaction dies with its connection; but it is one only when MULTI was accepted.
        let opened = self.come > 0 && self.said.multi_refused.is_none();
        let nothing_ran = handed < end + EXEC.len() && (opened || handed < first);
        match nothing_ran {
            true => Outcome::NotSent,
            false if in_a_reply && self.come == self.commands.len() + 1 => Outcome::Ran,
            false => Outcome::Unknown,
        }
    }

    /// What came of it, now that all is answered. An error of status PROTOCOL, or SERVER, ends the connection. `bytes`: what
    /// was sent.
    pub(super) fn verdict(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some(words) = self.said.multi_refused.take() {
            // Without it the commands ran one by one, those that were not refused too.
            let outcome = if self.is_refused_whole(bytes) { Outcome::Refused } else { Outcome::Unknown };
            return Err(Error::new(Status::Server, [b"MULTI: ".as_slice(), &words].concat()).with_outcome(outcome));
        }
        self.said.verdict.take().map_or(Ok(()), Err)
    }

    /// Whether every command was refused, and is one that did nothing then: not a script that had come half way.
    fn is_refused_whole(&self, bytes: &[u8]) -> bool {
        let mut args = Vec::new();
        self.refusals == self.commands.len()
            && self.commands.iter().enumerate().all(|(index, command)| {
                let sent = bytes.get(start_of(self.commands, index)..command.end).unwrap_or_default();
                resp::arguments(sent, &mut args).is_ok() && commands::error_outcome(&args, b"") == Outcome::Refused
            })
    }

    /// Where the bytes begin of the command whose reply comes next.
    fn start_of_next(&self) -> usize {
        self.come.checked_sub(1).map_or(0, |index| start_of(self.commands, index))
    }

    fn take_opened(&mut self, frame: &Frame<'_>, root: Entry) -> Result<()> {
        if root.kind() == Type::Error {
            self.said.multi_refused = Some(head(frame.text_of(root)).to_vec());
        } else if !says(frame, root, b"OK") {
            return Err(Error::new(Status::Protocol, "MULTI was answered with something else than OK"));
        }
        Ok(())
    }

    /// One reply of those between MULTI and EXEC.
    fn take_queued(&mut self, frame: &Frame<'_>, root: Entry, index: usize) -> Result<()> {
        if root.kind() == Type::Error {
            self.said.cause.get_or_insert_with(|| head(frame.text_of(root)).to_vec());
            self.merged.refused_whole(frame.text_of(root));
            self.merged.failed.get_or_insert(index);
            self.refusals += 1;
        } else if self.said.multi_refused.is_none() && !says(frame, root, b"QUEUED") {
            let text = format!("inside MULTI command {index} was answered with something else than QUEUED");
            return Err(Error::new(Status::Protocol, text));
        }
        Ok(())
    }

    fn take_executed(&mut self, frame: &mut Frame<'_>, root: Entry) -> Result<()> {
        let count = self.commands.len();
        self.said.verdict = Some(match root.kind() {
            Type::Array if root.len() == count => {
                self.merged.gather.take_elements(frame)?;
                return self.look_at_elements();
            }
            Type::Array => {
                let text = format!("EXEC was answered with {} replies to {count} commands", root.len());
                return Err(Error::new(Status::Protocol, text));
            }
            Type::Null => watched(),
            Type::Error => {
                self.merged.refused_whole(frame.text_of(root));
                refused_by_exec(frame.text_of(root), self.said.cause.take(), self.merged.failed)
            }
            _ => return Err(Error::new(Status::Protocol, "EXEC was answered with something else than an array")),
        });
        Ok(())
    }

    /// Which element of EXEC's answer is an error first, and the shapes of the others.
    fn look_at_elements(&mut self) -> Result<()> {
        let (commands, raw) = (self.commands, self.raw);
        self.merged.each(|merged, index, mut element| {
            if element.is_error() {
                let own_words = commands.get(index).is_none_or(|command| command.own_words);
                merged.refused(index, error_of(&element), own_words);
            } else if !raw && commands.get(index).is_some_and(|command| command.shape.lay_over(&mut element)) {
                merged.leave(index)?;
            }
            Ok(())
        })
    }
}

impl TakeReplies for Transaction<'_> {
    fn take(&mut self, frame: &mut Frame<'_>, handed: usize) -> Result<()> {
        if handed <= self.start_of_next() {
            return Err(too_early());
        }
        if let (_, Some(root)) = frame.root() {
            if root.kind() == Type::Error {
                // Before EXEC nothing has run that could have words of its own.
                self.merged.heed(frame.text_of(root), false);
            }
            match self.come.checked_sub(1) {
                None => self.take_opened(frame, root)?,
                Some(index) if index < self.commands.len() => self.take_queued(frame, root, index)?,
                Some(_) => self.take_executed(frame, root)?,
            }
        }
        self.come += 1;
        Ok(())
    }
}

fn says(frame: &Frame<'_>, root: Entry, word: &[u8]) -> bool {
    matches!(root.kind(), Type::Status | Type::String) && frame.text_of(root) == word
}

/// A watched key was changed by somebody else, or is gone.
fn watched() -> Error {
    let text = "a watched key was changed meanwhile: the transaction did not run";
    Error::new(Status::Watch, text).with_outcome(Outcome::Refused)
}

/// EXEC's own error: that commands before it were refused, or anything else; in either case it ran nothing.
fn refused_by_exec(words: &[u8], cause: Option<Vec<u8>>, index: Option<usize>) -> Error {
    let is_sure = words.starts_with(b"EXECABORT") || is_refused_elsewhere(words);
    let status = if is_sure { Status::Aborted } else { Status::Server };
    let text = match (cause, index) {
        (Some(cause), Some(index)) => [format!("EXECABORT: command {index}: ").as_bytes(), &cause].concat(),
        _ => head(words).to_vec(),
    };
    Error::new(status, text).with_outcome(Outcome::Refused)
}

/// Whether a node of a cluster says that the keys are not its own, or that it serves none: then it has forgotten the transaction.
fn is_refused_elsewhere(words: &[u8]) -> bool {
    let codes: [&[u8]; 4] = [b"MOVED ", b"ASK ", b"TRYAGAIN ", b"CLUSTERDOWN "];
    codes.iter().any(|code| words.starts_with(code))
}

#[cfg(test)]
mod tests;
