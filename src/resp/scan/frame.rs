//! The interface of the fast parser: bytes go in, and each reply is lent as a frame.

use super::super::levels::{Level, Scope};
use super::super::tape::{About, Entry, Frame, GIVE_BYTES_MIN, GIVE_ROOM, TEXT, Type};
use super::super::{Parse, begins_an_answer, push, quick};
use super::Fast;
use crate::error::{Error, Result};
use crate::memory::Room;

impl Drop for Fast {
    fn drop(&mut self) {
        self.buffer.wipe();
    }
}

impl Parse for Fast {
    fn name(&self) -> &str {
        "fast"
    }

    fn hold_secrets(&mut self, secret: bool) {
        self.buffer.hold_secrets(secret);
    }

    fn room(&mut self, wanted: usize) -> Result<Room<'_>> {
        self.buffer.room(wanted, 0)
    }

    /// Of a reply that will be given away, and whose end is known, no more is read than up to that end, in steps that double
    /// what has arrived: so its last allocation is as large as it is.
    fn room_to_read(&mut self, wanted: usize) -> Result<Room<'_>> {
        if self.need < GIVE_BYTES_MIN {
            return self.buffer.room(wanted, 0);
        }
        let unread = self.buffer.unread().len();
        match self.need.saturating_sub(unread) {
            owed if owed > 1 => {
                // Where the memory is there, all of it may come at once.
                let is_there = self.buffer.has_memory_for(owed.saturating_add(GIVE_ROOM));
                let step = if is_there { owed } else { owed.min(wanted.max(unread)) };
                self.buffer.room(step, if step == owed { GIVE_ROOM } else { 0 })
            }
            _ => self.buffer.room(wanted, 0),
        }
    }

    fn filled(&mut self, len: usize) -> Result<()> {
        self.buffer.filled(len)
    }

    fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        self.buffer.feed(bytes)
    }

    fn next(&mut self) -> Result<Option<Frame<'_>>> {
        match std::mem::take(&mut self.between) {
            true => self.tape.clear(),
            false => self.settle(),
        }
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        if self.buffer.unread().len() < self.need {
            return Ok(None);
        }
        if self.at == 0 {
            self.about.holes.clear();
            if let Some((end, nodes, traits)) = self.flat()? {
                return Ok(Some(self.whole(end, nodes, traits)));
            }
            let leaf = quick::leaf(self.buffer.unread(), 0).filter(|&(_, len)| len <= self.short_max);
            if let Some((entry, len)) = leaf.or_else(|| self.next_error()) {
                return self.scalar(entry, len).map(Some);
            }
        }
        // Taken out and put back, so that the scan may have both the bytes and the parser.
        let buffer = std::mem::take(&mut self.buffer);
        let found = self.scan(buffer.unread());
        self.buffer = buffer;
        match found {
            Ok(true) => self.frame().map(Some),
            Ok(false) => Ok(None),
            Err(error) => {
                self.failed = Some(error.clone());
                Err(error)
            }
        }
    }

    fn leaves(&mut self, most: usize, take: &mut dyn FnMut(Entry, &[u8]) -> Result<bool>) -> Result<usize> {
        let between = self.is_between();
        let mut count = 0;
        while between && count < most {
            let unread = self.buffer.unread();
            let Some((entry, len)) = quick::leaf(unread, 0) else { break };
            if len > self.short_max || !take(entry, &unread[..len])? {
                break;
            }
            self.buffer.read(len);
            count += 1;
        }
        Ok(count)
    }

    fn peek(&mut self) -> Option<(Entry, &[u8])> {
        let (entry, len) = self.next_leaf()?;
        Some((entry, self.buffer.unread().get(..len)?))
    }

    fn pass(&mut self, len: usize) {
        self.buffer.pass(len);
    }

    fn expect_monitor(&mut self, expected: bool) {
        self.monitors = expected;
    }

    fn is_empty(&self) -> bool {
        self.buffer.unread().is_empty()
    }

    fn unread_len(&self) -> usize {
        self.buffer.unread().len() - self.given_len()
    }

    fn has_begun(&self) -> bool {
        self.buffer.unread().first().is_some_and(|&byte| begins_an_answer(byte))
    }

    fn rest(&mut self) {
        let are_small = self.tape.capacity() <= TAPE_REST_MAX && self.open.capacity() <= TAPE_REST_MAX;
        let is_small =
            are_small && self.about.holes.capacity() == 0 && self.about.buffer.is_none() && self.buffer.is_small();
        if !is_small && self.is_empty() {
            self.settle();
            self.buffer.rest();
            self.tape.shrink_to(TAPE_REST_MAX);
            self.open.shrink_to(TAPE_REST_MAX);
            self.about.holes = Vec::new();
        }
    }
}

impl Fast {
    /// `peek` and `pass` at once, for who takes whatever it is: the entry, and bytes that its place counts from.
    #[inline(always)]
    pub fn short(&mut self) -> Option<(Entry, &[u8])> {
        let (entry, len) = self.next_leaf()?;
        Some((entry, self.buffer.read_on(len)))
    }

    /// As `short`, where the reply before was whole: without a way to panic.
    #[inline(always)]
    pub fn leaf_between(&mut self) -> Option<(Entry, &[u8])> {
        if !self.between {
            return None;
        }
        let (unread, start) = self.buffer.reading()?;
        let (entry, len) = quick::leaf(unread, 0).filter(|&(_, len)| len <= self.short_max)?;
        *start = start.wrapping_add(len);
        Some((entry, unread))
    }

    /// `leaf_between` and `short` give nothing any more.
    pub fn end(&mut self) {
        (self.between, self.need) = (false, usize::MAX);
    }

    /// The same for an error, behind which nothing else is looked for.
    #[inline]
    pub fn error(&mut self) -> Option<(Entry, &[u8])> {
        if !self.between && !self.is_between() {
            return None;
        }
        let (entry, len) = self.next_error()?;
        Some((entry, self.buffer.read_on(len)))
    }

    /// The next reply, where it is one short value, all there, and between others; and how long it is.
    #[inline(always)]
    fn next_leaf(&mut self) -> Option<(Entry, usize)> {
        if !self.between && !self.is_between() {
            return None;
        }
        quick::leaf(self.buffer.unread(), 0).filter(|&(_, len)| len <= self.short_max)
    }

    #[inline]
    fn next_error(&self) -> Option<(Entry, usize)> {
        quick::error(self.buffer.unread(), self.limits.line as usize).filter(|&(_, len)| len <= self.short_max)
    }

    /// Whether the next byte begins a reply, and there is reason to look at it; then `need` and `searched` say nothing of it.
    #[inline(never)]
    fn is_between(&mut self) -> bool {
        self.settle();
        self.between = self.at == 0 && self.failed.is_none() && self.buffer.unread().len() >= self.need;
        if self.between {
            (self.searched, self.need) = (0, 1);
        }
        self.between
    }

    /// Forget what the last frame showed: it has been looked at.
    #[inline]
    fn settle(&mut self) {
        self.about.buffer = None;
        if self.lent {
            self.lent = false;
            self.tape.truncate(self.scope.tape);
            // Pushes inside that push lie in the one hole that it leaves. There is room for it: `frame` has seen to that.
            let before = self.holes_before();
            self.about.holes.truncate(before);
            self.about.holes.push((self.scope.base, self.at));
            if let Some(scope) = self.around.pop() {
                self.scope = scope;
                self.annotated = scope.annotated;
            }
        } else if self.at == 0 {
            self.tape.clear();
        }
    }

    /// A reply that is one short value and all there: most are. None of what `scan` keeps is touched.
    #[inline]
    fn scalar(&mut self, entry: Entry, len: usize) -> Result<Frame<'_>> {
        push(&mut self.tape, entry)?;
        Ok(self.whole(len, 1, entry.traits()))
    }

    /// A reply of so many bytes that is on the tape, and all that was under way.
    #[inline(always)]
    fn whole(&mut self, len: usize, nodes: usize, traits: u64) -> Frame<'_> {
        (self.searched, self.need, self.between) = (0, 1, true);
        let is_push = self.tape.first().is_some_and(|root| root.kind() == Type::Push);
        let about = &mut self.about;
        (about.base, about.nodes, about.notes, about.wire_len) = (0, nodes, 0, len);
        (about.has_text, about.is_push, about.holes_from) = (traits & TEXT != 0, is_push, 0);
        Frame { tape: &mut self.tape, bytes: self.buffer.read(len), about }
    }

    /// A reply, or a push, of a few values that are all there: it is put on the tape. Its length, its nodes, and its traits.
    #[inline]
    fn flat(&mut self) -> Result<Option<(usize, usize, u64)>> {
        let unread = self.buffer.unread();
        let Some((kind, count, at)) = quick::header(unread, 0) else { return Ok(None) };
        let bytes_max = if kind == Type::Push { self.limits.push_bytes } else { self.limits.bytes };
        let max = bytes_max.min(GIVE_BYTES_MIN as u64 - 1) as usize;
        if count > FLAT_MAX || count >= self.limits.nodes || self.limits.depth == 0 || at > max {
            return Ok(None);
        }
        let mut root = Entry::new(kind, 0, 0);
        root.set_len(count);
        push(&mut self.tape, root)?;
        let mut run = quick::Run { at, owed: count, traits: 0 };
        run.leaves(unread.get(..max).unwrap_or(unread), &mut self.tape)?;
        if run.owed > 0 {
            self.tape.clear();
            return Ok(None);
        }
        Ok(Some((run.at, count as usize + 1, run.traits)))
    }

    /// What was found, as a frame; a reply in progress around a push stays.
    fn frame(&mut self) -> Result<Frame<'_>> {
        let (end, scope) = (self.at, self.scope);
        self.about = About { holes: std::mem::take(&mut self.about.holes), ..scope.about(end) };
        if self.lent && (scope.tape > 0 || !self.open.is_empty()) {
            self.about.holes_from = self.holes_before();
            self.about.holes.try_reserve(1).map_err(|_| Error::memory("the reply"))?;
            self.need = end + 1;
            let bytes = &self.buffer.unread()[scope.base..end];
            return Ok(Frame { tape: &mut self.tape[scope.tape..], bytes, about: &mut self.about });
        }
        self.scope = Scope::root(&self.limits);
        self.around.clear();
        self.lent = false;
        self.level = Level::root();
        self.at = 0;
        self.searched = 0;
        self.need = 1;
        self.annotated = 0;
        let bytes = match end >= GIVE_BYTES_MIN {
            true => {
                self.about.buffer = Some(self.buffer.give(end)?);
                &[]
            }
            false => self.buffer.read(end),
        };
        Ok(Frame { tape: &mut self.tape, bytes, about: &mut self.about })
    }

    /// How many bytes of the reply that is being read are pushes that were given.
    fn given_len(&self) -> usize {
        if self.at == 0 {
            return 0;
        }
        let (holes, last) = match self.lent {
            true => (&self.about.holes[..self.holes_before()], self.at - self.scope.base),
            false => (&self.about.holes[..], 0),
        };
        holes.iter().map(|hole| hole.1 - hole.0).sum::<usize>() + last
    }

    /// How many holes are in what stands before the push that is read.
    fn holes_before(&self) -> usize {
        self.about.holes.partition_point(|hole| hole.0 < self.scope.base)
    }
}

/// As many values as an aggregate has that is tried in one go: if it is not all there, they are read once more.
const FLAT_MAX: u64 = 64;
/// Entries of tape and levels that a resting parser keeps.
const TAPE_REST_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    /// A value that is given away is read in steps that double what has come, up to its end and no further: its buffer is no
    /// larger than it.
    #[test]
    fn a_large_value_is_read_up_to_its_end_and_what_follows_is_read_by_itself() {
        let len = 1 << 20;
        let wire = [format!("${len}\r\n").as_bytes(), &vec![b'x'; len], b"\r\n"].concat();
        let mut parser = Fast::new(Limits::default());
        parser.feed(&wire[..100]).unwrap();
        assert!(parser.next().unwrap().is_none());
        let (mut at, mut reads) = (100, 0);
        while at < wire.len() {
            let mut room = parser.room_to_read(1000).unwrap();
            let size = room.len();
            assert!(size == at.max(1000) || at + size == wire.len(), "{size} behind {at}");
            room.bytes().copy_from_slice(&wire[at..at + size]);
            room.fill(size);
            at += size;
            reads += 1;
            if at < wire.len() {
                assert!(parser.next().unwrap().is_none());
            }
        }
        assert!(reads < 20, "{reads}");
        assert!(parser.buffer.room(0, 0).unwrap().is_empty());
        let given = parser.next().unwrap().unwrap().take_buffer().unwrap();
        assert!(given.buffer.capacity() <= wire.len() + GIVE_ROOM && given.buffer[given.from..] == wire);
        assert_eq!(parser.room_to_read(1000).unwrap().len(), 1000);
    }
}
