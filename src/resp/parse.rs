//! The trait of all parsers: bytes go in, and one complete reply at a time comes out.
#![forbid(unsafe_code)]

use super::tape::{Entry, Frame};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::memory::Room;

/// A parser for one connection: bytes in, whole replies out, whatever the cuts between the bytes.
///
/// An error is final: the place where the next reply begins is lost, and every later call gives the same error.
pub trait Parse: Send {
    /// "fast", "simple", or what the caller called its own.
    fn name(&self) -> &str;
    /// Whether it was brought by the caller, and its errors have the caller's words.
    fn is_custom(&self) -> bool {
        false
    }
    /// Room for `wanted` bytes to read into; then `filled` says how many came, beside those that were filled there.
    fn room(&mut self, wanted: usize) -> Result<Room<'_>>;
    /// The same for a reader that takes what there is: for fewer, where the parser knows how many are to come.
    fn room_to_read(&mut self, wanted: usize) -> Result<Room<'_>> {
        self.room(wanted)
    }
    /// So many bytes of the last `room` are now from the peer.
    fn filled(&mut self, len: usize) -> Result<()>;
    /// The next whole reply, or push; None until it is whole. A push inside a reply comes before it.
    fn next(&mut self) -> Result<Option<Frame<'_>>>;
    /// Replies in a row that are one short value each and all there: `take` is shown the entry and the bytes that its place
    /// counts from, and says whether it takes it. How many were taken; whatever is left is for `next`.
    fn leaves(&mut self, _most: usize, _take: &mut dyn FnMut(Entry, &[u8]) -> Result<bool>) -> Result<usize> {
        Ok(0)
    }
    /// The next reply, where it is one short value and all there, and the bytes that are it, from which its place counts. It is
    /// looked at and stays, until `pass`; what is anything else is for `next`.
    fn peek(&mut self) -> Option<(Entry, &[u8])> {
        None
    }
    /// What was peeked at, of so many bytes, was taken.
    fn pass(&mut self, _len: usize) {}
    /// Whether lines of MONITOR may come. Anybody's command decides how long those are: such a line is held to the bytes of a
    /// reply, and not to those of a line.
    fn expect_monitor(&mut self, expected: bool);
    /// Whether nothing waits: every byte belonged to a reply that was given.
    fn is_empty(&self) -> bool;
    /// How many of the bytes that came belong to no reply, and to no push, that was given.
    fn unread_len(&self) -> usize;
    /// Whether some of the next reply has come, and it is a command's result: not a push, nor an error, nor attributes,
    /// which say nothing of what they annotate.
    fn has_begun(&self) -> bool;
    /// Give back memory that only a busy connection needs; does nothing unless `is_empty`.
    fn rest(&mut self);
    /// From now on, or no more, what is read may repeat a secret: memory that it leaves is overwritten.
    fn hold_secrets(&mut self, secret: bool);

    /// Take over these bytes.
    fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut room = self.room(bytes.len())?;
        room.bytes()[..bytes.len()].copy_from_slice(bytes);
        room.fill(bytes.len());
        self.filled(0)
    }
}

/// A kind of parser, of which every connection starts its own.
pub trait ParserType: Send + Sync {
    /// What the parsers will be called.
    fn name(&self) -> &str;
    /// A parser for one connection.
    fn start(&self, limits: Limits) -> Result<Box<dyn Parse>>;
}

/// The limits as far as an entry of a tape, and a size in memory, can count; and no line is too short for a number.
pub(super) fn representable(limits: Limits) -> Limits {
    const MAX: u64 = if usize::BITS > 46 { 1 << 46 } else { isize::MAX as u64 };
    const LINE_MIN: u32 = 32;
    Limits {
        bytes: limits.bytes.min(MAX),
        nodes: limits.nodes.min(MAX),
        depth: limits.depth,
        line: limits.line.max(LINE_MIN),
        push_bytes: limits.push_bytes.min(MAX),
    }
}

/// Whether what begins with this type byte is what a command that ran answers with.
pub(super) fn begins_an_answer(byte: u8) -> bool {
    !matches!(byte, b'>' | b'-' | b'!' | b'|')
}

/// Push, or say that there is no memory: what the peer sends decides how long these grow.
#[inline(always)]
pub(super) fn push<T>(list: &mut Vec<T>, item: T) -> Result<()> {
    if list.len() == list.capacity() {
        list.try_reserve(1).map_err(|_| Error::memory("the reply"))?;
    }
    list.push(item);
    Ok(())
}
