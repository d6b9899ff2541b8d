//! Commands that wait for their run, as the bytes that will go over the wire.
#![forbid(unsafe_code)]

use crate::client::{Callbacks, Flags, Script};
use crate::commands::{self, Blocking, Command, Shape};
use crate::error::{Error, Outcome, Result, Status};
use crate::limits::PIPELINE_REST_BYTES_MAX;
use crate::memory::reuse;
use crate::resp;
use crate::route::Aim;

/// The commands of a pipeline.
#[derive(Default)]
pub(super) struct Queue {
    /// MULTI, and behind it the commands, each whole. There is room for EXEC.
    pub(super) bytes: Vec<u8>,
    pub(super) commands: Vec<Element>,
    /// The longest that one of them lets the server wait.
    pub(super) blocking: Option<Blocking>,
    /// Whether any reply is to have a shape.
    pub(super) shaped: bool,
    /// Which of them are scripts.
    pub(super) scripts: Vec<Added>,
    /// Where each goes; empty, where there is one server, or any will do.
    pub(super) aims: Vec<Aim>,
}

/// What must be known of a command besides its bytes.
#[derive(Clone, Copy)]
pub(super) struct Element {
    /// Where its bytes end.
    pub(super) end: usize,
    pub(super) call_data: *mut (),
    pub(super) flags: Flags,
    /// A callback of the program's is shown the reply as it came.
    pub(super) called: bool,
    /// An error of its may be in words of its own making.
    pub(super) own_words: bool,
    pub(super) shape: Shape,
}

/// A command of a queue that is a script. What stands in the queue is its EVALSHA.
pub(super) struct Added {
    pub(super) index: usize,
    pub(super) script: Script,
}

/// A command: its arguments, or what they were encoded to.
pub(super) enum Like<'a> {
    Args(&'a [&'a [u8]]),
    Bytes(&'a [u8]),
}

impl Queue {
    /// Add one command. What fails here leaves all as it was, and nothing of it can fail later.
    pub(super) fn add(
        &mut self,
        args: &[&[u8]],
        flags: Flags,
        call_data: *mut (),
        shape: Shape,
        blocking: Option<Blocking>,
    ) -> Result<()> {
        self.add_element(Element { end: 0, call_data, flags, called: false, own_words: true, shape }, args, blocking)
    }

    /// The same, where all but its end is known.
    #[inline(always)]
    pub(super) fn add_element(&mut self, element: Element, args: &[&[u8]], blocking: Option<Blocking>) -> Result<()> {
        self.add_like(element, Like::Args(args))?;
        self.shaped |= !element.shape.is_keep();
        if let Some(blocking) = blocking {
            self.blocking = Some(longer(self.blocking, blocking));
        }
        Ok(())
    }

    /// Add a command whose reply stays as it is.
    pub(super) fn add_plain(&mut self, args: &[&[u8]]) -> Result<()> {
        self.add(args, Flags::default(), std::ptr::null_mut(), Shape::KEEP, None)
    }

    /// Add a script, with `keys` of the arguments as its keys.
    pub(super) fn add_script(
        &mut self,
        script: &Script,
        keys: usize,
        args: &[&[u8]],
        flags: Flags,
        call_data: *mut (),
    ) -> Result<()> {
        self.scripts.try_reserve(1).map_err(|_| Error::memory("the command"))?;
        let added = Added { index: self.len(), script: script.clone() };
        script.with_command(keys, &mut itoa::Buffer::new(), args, |command| {
            self.add(command, flags, call_data, Shape::KEEP, None)
        })?;
        self.scripts.push(added);
        Ok(())
    }

    /// There is room to note where the next command goes.
    pub(super) fn reserve_aim(&mut self) -> Result<()> {
        self.aims.try_reserve(1).map_err(|_| Error::memory("the command"))
    }

    /// The slot of a command's keys, where it matters.
    pub(super) fn slot_of(&self, index: usize) -> Option<u16> {
        self.aims.get(index)?.slot()
    }

    /// The slot of all of them, beginning with this one, where it matters. An error: they have several.
    pub(super) fn lone_slot(&self, first: Option<u16>) -> Result<Option<u16>> {
        let mut lone = first;
        for (index, aim) in self.aims.iter().enumerate() {
            match (lone, aim) {
                (Some(lone), Aim::Slot(slot)) if lone != *slot => {
                    let text = format!(
                        "command {index}: its keys have another slot than those before it: a transaction is of one server \
                         (a {{tag}} within keys gives them one slot)"
                    );
                    return Err(not_sent(Error::new(Status::Argument, text)));
                }
                (_, Aim::Slot(slot)) => lone = Some(*slot),
                (_, Aim::Any) => {}
            }
        }
        Ok(lone)
    }

    /// Which of the scripts the command with this index is, if it is one.
    pub(super) fn script_of(&self, index: usize) -> Option<usize> {
        self.scripts.binary_search_by_key(&index, |added| added.index).ok()
    }

    pub(super) fn len(&self) -> usize {
        self.commands.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// Where the bytes of a command begin.
    pub(super) fn start_of(&self, index: usize) -> usize {
        start_of(&self.commands, index)
    }

    /// Behind which command so many end, or so many bytes; one at least, if there is one.
    pub(super) fn end_of_window(&self, first: usize, most: usize, bytes: usize) -> usize {
        let end = self.len().min(first + most);
        let within = self.start_of(first) + bytes;
        let fit = self.commands[first..end].partition_point(|command| command.end <= within);
        end.min(first + fit.max(1))
    }

    /// The arguments of a command, as they were added.
    pub(super) fn args_of<'q>(&'q self, index: usize, args: &mut Vec<&'q [u8]>) -> Result<()> {
        resp::arguments(&self.bytes[self.start_of(index)..self.commands[index].end], args)
    }

    /// What has a callback in this table is shown to it as it came.
    pub(super) fn wish(&mut self, table: &Callbacks) -> Result<bool> {
        let mut any = false;
        let mut args = Vec::new();
        let mut start = MULTI.len();
        for command in &mut self.commands {
            resp::arguments(&self.bytes[start..command.end], &mut args)?;
            start = command.end;
            if !command.flags.has(Flags::RAW) && table.find(&args).is_some() {
                (command.called, command.shape, any) = (true, Shape::KEEP, true);
            }
        }
        Ok(any)
    }

    /// Whether each of them only reads, or may be run twice.
    pub(super) fn may_run_twice(&self) -> bool {
        let mut args = Vec::new();
        self.commands.iter().enumerate().all(|(index, command)| {
            command.flags.has(Flags::IDEMPOTENT)
                || (self.args_of(index, &mut args).is_ok() && commands::only_reads(&args))
        })
    }

    /// Whether one of them ends the server.
    pub(super) fn shuts_down(&self) -> bool {
        let mut args = Vec::new();
        // What has so many arguments that there is no memory for them is no SHUTDOWN.
        (0..self.len()).any(|index| self.args_of(index, &mut args).is_ok() && commands::is_shutdown(&args))
    }

    /// Put EXEC behind the commands, or take it away again.
    pub(super) fn close_transaction(&mut self) -> Result<()> {
        if self.bytes.is_empty() {
            self.bytes.try_reserve(MULTI.len() + EXEC.len()).map_err(|_| not_sent(Error::memory("the command")))?;
            self.bytes.extend_from_slice(MULTI);
        }
        self.bytes.truncate(self.start_of(self.len()));
        // There was room for it when the last command was added.
        self.bytes.extend_from_slice(EXEC);
        Ok(())
    }

    /// Add one command, of which all but its end is known.
    #[inline(always)]
    pub(super) fn add_like(&mut self, like: Element, command: Like<'_>) -> Result<()> {
        self.commands.try_reserve(1).map_err(|_| Error::memory("the command"))?;
        if self.bytes.is_empty() {
            self.bytes.try_reserve(MULTI.len()).map_err(|_| Error::memory("the command"))?;
            self.bytes.extend_from_slice(MULTI);
        }
        match command {
            Like::Args(args) => resp::encode_with_room(args, &mut self.bytes, EXEC.len())?,
            Like::Bytes(bytes) => {
                self.bytes.try_reserve(bytes.len() + EXEC.len()).map_err(|_| Error::memory("the command"))?;
                self.bytes.extend_from_slice(bytes);
            }
        }
        self.commands.push(Element { end: self.bytes.len(), ..like });
        Ok(())
    }

    /// Forget the commands; what one large batch made grow is given back.
    pub(super) fn clear(&mut self) {
        reuse(&mut self.bytes, PIPELINE_REST_BYTES_MAX);
        reuse(&mut self.commands, PIPELINE_REST_BYTES_MAX);
        reuse(&mut self.aims, PIPELINE_REST_BYTES_MAX);
        (self.blocking, self.shaped) = (None, false);
        if !self.scripts.is_empty() {
            self.scripts = Vec::new();
        }
    }
}

/// Where the bytes of one of these commands begin.
#[inline]
pub(super) fn start_of(commands: &[Element], index: usize) -> usize {
    index.checked_sub(1).map_or(MULTI.len(), |before| commands[before].end)
}

fn longer(before: Option<Blocking>, blocking: Blocking) -> Blocking {
    match (before, blocking) {
        (Some(Blocking::Forever), _) | (_, Blocking::Forever) => Blocking::Forever,
        (Some(Blocking::For(one)), Blocking::For(other)) => Blocking::For(one.max(other)),
        (None, blocking) => blocking,
    }
}

pub(super) fn not_sent(error: Error) -> Error {
    error.with_outcome(Outcome::NotSent)
}

/// Refuse what a pipeline does not take: what changes a connection for whoever comes next.
#[inline(always)]
pub(super) fn refuse_connection_state(command: Option<&Command>) -> Result<()> {
    match command.filter(|command| command.connection_state().is_some()) {
        None => Ok(()),
        Some(command) => Err(command.misplaced("a pipeline gives it back")),
    }
}

/// What opens a transaction, and what runs it.
pub(super) const MULTI: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";
pub(super) const EXEC: &[u8] = b"*1\r\n$4\r\nEXEC\r\n";

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn queue(commands: &[&[&[u8]]]) -> Queue {
        let mut queue = Queue::default();
        for args in commands {
            queue.add(args, Flags::default(), std::ptr::null_mut(), Shape::KEEP, commands::blocking(args)).unwrap();
        }
        queue
    }

    #[test]
    fn a_window_ends_with_its_commands_or_its_bytes() {
        let mut queue = Queue::default();
        for value in ["a", "b", "long enough to be alone", "c"] {
            queue.add_plain(&[b"SET", b"k", value.as_bytes()]).unwrap();
        }
        let short = queue.commands[0].end - MULTI.len();
        let ends = |first, most, bytes| queue.end_of_window(first, most, bytes);
        assert_eq!((ends(0, 9, 10_000), ends(0, 2, 10_000), ends(1, 2, 10_000)), (4, 2, 3));
        assert_eq!(
            (ends(0, 9, 2 * short), ends(0, 9, 2 * short - 1), ends(2, 9, short), ends(3, 9, short)),
            (2, 1, 3, 4)
        );
    }

    #[test]
    fn a_transaction_is_the_same_bytes_between_multi_and_exec() {
        let mut queue = queue(&[&[b"GET", b"a"], &[b"PING"]]);
        let plain = queue.bytes[queue.start_of(0)..].to_vec();
        assert_eq!(plain, b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n*1\r\n$4\r\nPING\r\n");
        for _ in 0..2 {
            let room = queue.bytes.capacity();
            queue.close_transaction().unwrap();
            assert_eq!(queue.bytes, [MULTI, &plain, EXEC].concat());
            assert_eq!(queue.bytes.capacity(), room, "there was room for EXEC");
        }
        queue.clear();
        queue.close_transaction().unwrap();
        assert_eq!(queue.bytes, [MULTI, EXEC].concat());
    }

    #[test]
    fn what_cannot_be_added_leaves_all_as_it_was() {
        let mut queue = queue(&[&[b"GET", b"a"]]);
        let before = queue.bytes.clone();
        assert_eq!(
            queue.add(&[], Flags::default(), std::ptr::null_mut(), Shape::KEEP, None).unwrap_err().status,
            Status::Argument
        );
        assert_eq!((queue.len(), &queue.bytes), (1, &before));
    }

    #[test]
    fn arguments_are_read_back_and_say_what_may_run_twice() {
        let mut queue = queue(&[&[b"GET", b"a"], &[b"INCR", b"n\r\n"]]);
        let mut args = Vec::new();
        queue.args_of(1, &mut args).unwrap();
        assert_eq!(args, [b"INCR".as_slice(), b"n\r\n"]);
        assert!(!queue.may_run_twice());
        queue.commands[1].flags = Flags::IDEMPOTENT;
        assert!(queue.may_run_twice());
    }

    #[test]
    fn the_longest_wait_counts() {
        let second = |count| Some(Blocking::For(Duration::from_secs(count)));
        assert_eq!(queue(&[&[b"GET", b"a"]]).blocking, None);
        assert_eq!(queue(&[&[b"BLPOP", b"a", b"2"], &[b"BLPOP", b"a", b"1"]]).blocking, second(2));
        let forever: &[&[&[u8]]] = &[&[b"BLPOP", b"a", b"0"], &[b"BLPOP", b"a", b"1"]];
        assert_eq!(queue(forever).blocking, Some(Blocking::Forever));
    }

    #[test]
    fn the_next_batch_has_nothing_of_the_one_before() {
        let mut queue = queue(&[&[b"BLPOP", b"a", b"0"]]);
        let shape = commands::shape_of(commands::find(&[b"HGETALL"]), &[b"HGETALL", b"h"]);
        queue.add(&[b"HGETALL", b"h"], Flags::default(), std::ptr::null_mut(), shape, None).unwrap();
        assert!(queue.blocking.is_some() && queue.shaped);
        queue.clear();
        queue.add(&[b"GET", b"a"], Flags::default(), std::ptr::null_mut(), Shape::KEEP, None).unwrap();
        assert!(queue.blocking.is_none() && !queue.shaped && queue.len() == 1);
    }
}
