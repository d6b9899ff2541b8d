//! What takes the replies of a run: one for each command, or those of a transaction, which are checked as they come.
#![forbid(unsafe_code)]

use crate::commands::{self, Refusal, Shape};
use crate::conn::Handed;
use crate::error::{Error, Outcome, Result, Status, head};
use crate::resp::{self, Entry, Frame, Gather, Type};
use crate::session::TakeReplies;

use super::queue::{EXEC, MULTI, Queued};

/// The replies of a run.
pub(super) struct Answers<'q> {
    pub(super) gather: &'q mut Gather,
    /// Which of them still have to be given their shape, when they are trees.
    unshaped: &'q mut Vec<usize>,
    commands: &'q [Queued],
    transaction: Option<Transaction>,
    /// No reply is to have any shape.
    raw: bool,
    /// How many replies have come, MULTI's and EXEC's among them.
    come: usize,
    /// The first command that the server answered with an error.
    pub(super) refused: Option<usize>,
    /// How many commands were answered with an error.
    refusals: usize,
    /// One of those errors says that the server takes no writes.
    pub(super) read_only: bool,
}

/// What has become of a transaction.
#[derive(Default)]
struct Transaction {
    /// The server's words to MULTI, if it refused: what came behind ran by itself, then.
    multi_refused: Option<Vec<u8>>,
    /// The words of the first refusal between MULTI and EXEC.
    cause: Option<Vec<u8>>,
    /// What EXEC's answer said, where that is not an array.
    verdict: Option<Error>,
}

impl<'q> Answers<'q> {
    /// Of commands that run one by one, or of a transaction.
    pub(super) fn new(
        commands: &'q [Queued],
        (gather, unshaped): (&'q mut Gather, &'q mut Vec<usize>),
        atomic: bool,
        raw: bool,
    ) -> Answers<'q> {
        gather.clear(usize::MAX);
        unshaped.clear();
        let transaction = atomic.then(Transaction::default);
        Answers { gather, unshaped, commands, transaction, raw, come: 0, refused: None, refusals: 0, read_only: false }
    }

    /// Where the bytes to be sent begin, and how many replies they are due.
    pub(super) fn burst(&self) -> (usize, usize) {
        match self.transaction {
            None => (MULTI.len(), self.commands.len()),
            Some(_) => (0, self.commands.len() + 2),
        }
    }

    /// How many commands of the caller's were answered.
    pub(super) fn answered(&self) -> usize {
        match self.transaction {
            None => self.come,
            // What was queued did not run yet.
            Some(_) => 0,
        }
    }

    /// What became of the commands of a run that broke off.
    pub(super) fn outcome(&self, handed: Handed) -> Outcome {
        let Handed { bytes: handed, in_a_reply } = handed;
        let end = self.commands.last().map_or(MULTI.len(), |last| last.end);
        let Some(transaction) = &self.transaction else {
            let last = self.come + 1 == self.commands.len();
            let whole = handed >= end - MULTI.len();
            return match handed {
                0 => Outcome::NotSent,
                _ if in_a_reply && last && whole => Outcome::Ran,
                _ => Outcome::Unknown,
            };
        };
        let first = self.commands.first().map_or(end + EXEC.len(), |first| first.end);
        // Without EXEC a transaction dies with its connection; but it is one only when MULTI was accepted.
        let opened = self.come > 0 && transaction.multi_refused.is_none();
        let nothing_ran = handed < end + EXEC.len() && (opened || handed < first);
        match nothing_ran {
            true => Outcome::NotSent,
            false if in_a_reply && self.come == self.commands.len() + 1 => Outcome::Ran,
            false => Outcome::Unknown,
        }
    }

    /// What came of the transaction, now that all is answered. An error of status PROTOCOL, or SERVER, ends the connection.
    /// `bytes`: what was sent.
    pub(super) fn verdict(&mut self, bytes: &[u8]) -> Result<()> {
        let nothing_ran = self.transaction.is_some() && self.is_refused_whole(bytes);
        let Some(transaction) = &mut self.transaction else { return Ok(()) };
        if let Some(words) = transaction.multi_refused.take() {
            // Without it the commands ran one by one, those that were not refused too.
            let outcome = if nothing_ran { Outcome::Refused } else { Outcome::Unknown };
            return Err(Error::new(Status::Server, [b"MULTI: ".as_slice(), &words].concat()).with_outcome(outcome));
        }
        match transaction.verdict.take() {
            None => Ok(()),
            Some(error) => Err(error),
        }
    }

    /// Whether every command was refused, and is one that did nothing then: not a script that had come half way.
    fn is_refused_whole(&self, bytes: &[u8]) -> bool {
        let mut start = MULTI.len();
        let mut args = Vec::new();
        self.refusals == self.commands.len()
            && self.commands.iter().all(|command| {
                let sent = bytes.get(start..command.end).unwrap_or_default();
                start = command.end;
                resp::arguments(sent, &mut args).is_ok() && commands::error_outcome(&args, b"") == Outcome::Refused
            })
    }

    /// What an error says of the server.
    fn heed(&mut self, error: &[u8], own_words: bool) {
        self.read_only |= Refusal::of(error, own_words).is_some_and(Refusal::ends_connection);
    }

    /// One reply of those between MULTI and EXEC, or of commands that run by themselves.
    fn refusal(&mut self, index: usize) {
        self.refused.get_or_insert(index);
        self.refusals += 1;
    }

    /// Where the bytes begin of the command whose reply comes next, without a transaction.
    #[inline]
    fn start_of_next(&self) -> usize {
        self.come.checked_sub(1).map_or(0, |before| self.commands[before].end - MULTI.len())
    }

    fn take_plain(&mut self, frame: &mut Frame<'_>, handed: usize) -> Result<()> {
        if handed <= self.start_of_next() {
            return Err(too_early());
        }
        if frame.is_error() {
            self.heed(error_of(frame), self.commands[self.come].own_words);
            self.refusal(self.come);
        } else if !self.raw && self.commands[self.come].shape.lay_over(frame) {
            leave(self.unshaped, self.come)?;
        }
        self.gather.take(frame)
    }

    fn take_queued(&mut self, frame: &mut Frame<'_>, handed: usize) -> Result<()> {
        let place = self.come;
        let start = match place {
            0 => 0,
            1 => MULTI.len(),
            _ => self.commands[place - 2].end,
        };
        if handed <= start {
            return Err(too_early());
        }
        let count = self.commands.len();
        let (_, Some(root)) = frame.root() else { return Ok(()) };
        let error = root.kind() == Type::Error;
        if error {
            // Before EXEC nothing has run that could have words of its own.
            self.heed(frame.text_of(root), false);
        }
        let Some(transaction) = &mut self.transaction else { return Ok(()) };
        if place == 0 {
            if error {
                transaction.multi_refused = Some(head(frame.text_of(root)).to_vec());
            } else if !says(frame, root, b"OK") {
                return Err(Error::new(Status::Protocol, "MULTI was answered with something else than OK"));
            }
        } else if place <= count {
            if error {
                if transaction.cause.is_none() {
                    transaction.cause = Some(head(frame.text_of(root)).to_vec());
                }
                self.refusal(place - 1);
            } else if transaction.multi_refused.is_none() && !says(frame, root, b"QUEUED") {
                let text = format!("inside MULTI command {} was answered with something else than QUEUED", place - 1);
                return Err(Error::new(Status::Protocol, text));
            }
        } else {
            transaction.verdict = Some(match root.kind() {
                Type::Array if root.len() == count => {
                    self.gather.take_elements(frame)?;
                    return self.look_at_elements();
                }
                Type::Array => {
                    let text = format!("EXEC was answered with {} replies to {count} commands", root.len());
                    return Err(Error::new(Status::Protocol, text));
                }
                Type::Null => watched(),
                Type::Error if transaction.multi_refused.is_some() => return Ok(()),
                Type::Error => refused_by_exec(frame.text_of(root), transaction.cause.take(), self.refused),
                _ => return Err(Error::new(Status::Protocol, "EXEC was answered with something else than an array")),
            });
        }
        Ok(())
    }

    /// Which element of EXEC's answer is an error first, and the shapes of the others.
    fn look_at_elements(&mut self) -> Result<()> {
        let (commands, raw, refused, unshaped) = (self.commands, self.raw, &mut self.refused, &mut *self.unshaped);
        let read_only = &mut self.read_only;
        self.gather.each(|index, mut element| {
            if element.is_error() {
                refused.get_or_insert(index);
                let own_words = commands.get(index).is_none_or(|command| command.own_words);
                let refusal = Refusal::of(error_of(&element), own_words);
                *read_only |= refusal.is_some_and(Refusal::ends_connection);
            } else if !raw && commands.get(index).is_some_and(|command| command.shape.lay_over(&mut element)) {
                leave(unshaped, index)?;
            }
            Ok(())
        })
    }
}

impl TakeReplies for Answers<'_> {
    #[inline]
    fn take_leaf(&mut self, entry: Entry, bytes: &[u8], handed: usize) -> Result<bool> {
        if self.transaction.is_some() || handed <= self.start_of_next() {
            return Ok(false);
        }
        let shape = if self.raw { Shape::KEEP } else { self.commands[self.come].shape };
        let Some(entry) = shape.leaf(entry, bytes) else { return Ok(false) };
        self.gather.take_leaf(entry, bytes)?;
        self.come += 1;
        Ok(true)
    }

    #[inline]
    fn take(&mut self, frame: &mut Frame<'_>, handed: usize) -> Result<()> {
        match self.transaction {
            None => self.take_plain(frame, handed)?,
            Some(_) => self.take_queued(frame, handed)?,
        }
        self.come += 1;
        Ok(())
    }
}

/// This reply is to be given its shape later.
fn leave(unshaped: &mut Vec<usize>, index: usize) -> Result<()> {
    unshaped.try_reserve(1).map_err(|_| Error::memory("the replies"))?;
    unshaped.push(index);
    Ok(())
}

fn error_of<'f>(frame: &'f Frame<'_>) -> &'f [u8] {
    frame.root().1.map_or(&[], |root| frame.text_of(root))
}

fn says(frame: &Frame<'_>, root: Entry, word: &[u8]) -> bool {
    matches!(root.kind(), Type::Status | Type::String) && frame.text_of(root) == word
}

pub(super) fn too_early() -> Error {
    Error::new(Status::Protocol, "the server answered before it was asked")
}

/// A watched key was changed by somebody else, or is gone.
fn watched() -> Error {
    let text = "a watched key was changed meanwhile: the transaction did not run";
    Error::new(Status::Watch, text).with_outcome(Outcome::Refused)
}

/// EXEC's own error: that commands before it were refused, or anything else; in either case it ran nothing.
fn refused_by_exec(words: &[u8], cause: Option<Vec<u8>>, index: Option<usize>) -> Error {
    let status = if words.starts_with(b"EXECABORT") { Status::Aborted } else { Status::Server };
    let text = match (cause, index) {
        (Some(cause), Some(index)) => [format!("EXECABORT: command {index}: ").as_bytes(), &cause].concat(),
        _ => head(words).to_vec(),
    };
    Error::new(status, text).with_outcome(Outcome::Refused)
}

#[cfg(test)]
mod tests {
    use super::super::queue::Queue;
    use super::*;
    use crate::client::Flags;

    fn queue(commands: &[&[&[u8]]]) -> Queue {
        let mut queue = Queue::default();
        for args in commands {
            queue.add(args, Flags::default(), std::ptr::null_mut(), Shape::KEEP, None).unwrap();
        }
        queue
    }

    /// What became of a run that broke off when so many bytes had left and so many replies had come.
    fn outcome(queue: &Queue, atomic: bool, come: usize, bytes: usize, in_a_reply: bool) -> Outcome {
        let (mut gather, mut unshaped) = (Gather::new(), Vec::new());
        let mut answers = Answers::new(&queue.commands, (&mut gather, &mut unshaped), atomic, true);
        answers.come = come;
        answers.outcome(Handed { bytes, in_a_reply })
    }

    #[test]
    fn commands_ran_where_all_have_left_and_the_last_reply_had_begun() {
        let queue = queue(&[&[b"SET", b"a", b"1"], &[b"INCR", b"b"]]);
        let whole = queue.bytes.len() - MULTI.len();
        let outcome = |come, bytes, in_a_reply| outcome(&queue, false, come, bytes, in_a_reply);
        assert_eq!(outcome(0, 0, false), Outcome::NotSent);
        assert_eq!(outcome(0, 0, true), Outcome::NotSent);
        assert_eq!(outcome(0, 1, false), Outcome::Unknown);
        assert_eq!(outcome(1, whole, false), Outcome::Unknown);
        assert_eq!(outcome(0, whole, true), Outcome::Unknown, "another reply is due behind it");
        assert_eq!(outcome(1, whole - 1, true), Outcome::Unknown, "what has not left whole has not run");
        assert_eq!(outcome(1, whole, true), Outcome::Ran);
    }

    #[test]
    fn a_transaction_runs_with_the_last_byte_of_exec_and_its_commands_alone_without_multi() {
        let mut queue = queue(&[&[b"SET", b"a", b"1"], &[b"INCR", b"b"]]);
        queue.close_transaction().unwrap();
        let (first, whole) = (queue.commands[0].end, queue.bytes.len());
        let outcome = |come, bytes, in_a_reply| outcome(&queue, true, come, bytes, in_a_reply);
        assert_eq!(outcome(0, 0, false), Outcome::NotSent);
        assert_eq!(outcome(0, first - 1, false), Outcome::NotSent, "no command has left whole");
        assert_eq!(
            outcome(0, first, false),
            Outcome::Unknown,
            "MULTI may have been refused, and the first may have run"
        );
        assert_eq!(outcome(1, first, false), Outcome::NotSent, "what is queued dies with the connection");
        assert_eq!(outcome(3, whole - 1, true), Outcome::NotSent);
        assert_eq!(outcome(3, whole, false), Outcome::Unknown);
        assert_eq!(outcome(2, whole, true), Outcome::Unknown, "the reply that had begun is not EXEC's");
        assert_eq!(outcome(3, whole, true), Outcome::Ran);
        let (mut gather, mut unshaped) = (Gather::new(), Vec::new());
        let mut answers = Answers::new(&queue.commands, (&mut gather, &mut unshaped), true, true);
        answers.come = 1;
        answers.transaction.as_mut().unwrap().multi_refused = Some(b"ERR".to_vec());
        assert_eq!(answers.outcome(Handed { bytes: first, in_a_reply: false }), Outcome::Unknown);
    }

    #[test]
    fn a_run_begins_with_nothing_of_the_one_before_it() {
        let mut queue = queue(&[&[b"SET", b"a", b"1"], &[b"INCR", b"b"]]);
        queue.close_transaction().unwrap();
        let (mut gather, mut unshaped) = (Gather::new(), vec![1]);
        let mut answers = Answers::new(&queue.commands, (&mut gather, &mut unshaped), true, true);
        answers.come = 2;
        assert_eq!(answers.answered(), 0, "what was queued did not run yet");
        assert!(unshaped.is_empty());
    }

    #[test]
    fn a_transaction_of_nothing_is_sent_with_its_exec() {
        let mut queue = Queue::default();
        queue.close_transaction().unwrap();
        let whole = queue.bytes.len();
        assert_eq!(outcome(&queue, true, 0, whole - 1, false), Outcome::NotSent);
        assert_eq!(outcome(&queue, true, 0, whole, false), Outcome::Unknown);
        assert_eq!(outcome(&queue, true, 1, whole, true), Outcome::Ran);
    }

    /// Where MULTI was refused, each command ran or was refused by itself.
    #[test]
    fn without_multi_a_transaction_is_refused_where_each_command_was_and_did_nothing() {
        let verdict = |commands: &[&[&[u8]]], refused: usize| {
            let mut queue = queue(commands);
            queue.close_transaction().unwrap();
            let (mut gather, mut unshaped) = (Gather::new(), Vec::new());
            let mut answers = Answers::new(&queue.commands, (&mut gather, &mut unshaped), true, true);
            answers.transaction.as_mut().unwrap().multi_refused = Some(b"NOPERM".to_vec());
            (0..refused).for_each(|index| answers.refusal(index));
            let error = answers.verdict(&queue.bytes).unwrap_err();
            assert_eq!((error.status, error.message.as_slice()), (Status::Server, b"MULTI: NOPERM".as_slice()));
            error.outcome
        };
        let plain: &[&[&[u8]]] = &[&[b"SET", b"a", b"1"], &[b"INCR", b"b"]];
        assert_eq!(verdict(plain, 2), Outcome::Refused);
        assert_eq!(verdict(plain, 1), Outcome::Unknown, "the other may have run");
        let scripted: &[&[&[u8]]] = &[&[b"SET", b"a", b"1"], &[b"EVAL", b"return 1", b"0"]];
        assert_eq!(verdict(scripted, 2), Outcome::Unknown, "a script may have come half way");
    }
}
