//! The simple parser: reads a line byte by byte and a text piece by piece, and records each complete value.
//!
//! It exists to be compared with the fast one, and to be chosen where that is not trusted. Nothing in it is quick, and
//! nothing takes more than one look at a byte.

mod reading;

use zeroize::Zeroize;

use super::buffer::Buffer;
use super::grammar::{self, Head, LineMax};
use super::tape::{Entry, Frame, Type};
use super::{Parse, push};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::memory::Room;
use reading::{Reading, Unfinished};

pub(super) struct Simple {
    limits: Limits,
    input: Buffer,
    state: NextByte,
    /// The line that is being read, its type byte first.
    line: Vec<u8>,
    /// The reply that is being read, or the push inside one,
    reading: Reading,
    /// the replies around that push,
    around: Vec<Reading>,
    /// and how many aggregates are open in all of them.
    depth: u32,
    /// The reply that `next` showed last.
    shown: Reading,
    /// Lines of MONITOR may come.
    monitors: bool,
    failed: Option<Error>,
}

/// What the next byte is.
#[derive(Clone, Copy)]
enum NextByte {
    /// One of a line: its type, its text, or the CR behind it.
    Line,
    /// The LF of a line.
    LineFeed,
    /// One of so many bytes of text.
    Text(u64),
    /// The CR behind a text.
    TextReturn,
    /// The LF behind a text, and whether the CR was one.
    TextFeed(bool),
    /// The reply is whole: nothing is read until it has been given.
    Whole,
}

impl Simple {
    pub(super) fn new(limits: Limits) -> Simple {
        Simple {
            limits: super::representable(limits),
            input: Buffer::default(),
            state: NextByte::Line,
            line: Vec::new(),
            reading: Reading::new(),
            around: Vec::new(),
            depth: 0,
            shown: Reading::new(),
            monitors: false,
            failed: None,
        }
    }

    /// Read until a reply is whole or the input is at its end.
    fn advance(&mut self) {
        if self.failed.is_none() {
            self.failed = self.read_on().err();
        }
    }

    fn read_on(&mut self) -> Result<()> {
        while let Some(&byte) = self.input.unread().first() {
            match self.state {
                NextByte::Whole => return Ok(()),
                NextByte::Text(left) => {
                    self.text(left)?;
                    continue;
                }
                NextByte::Line => self.line_byte(byte)?,
                NextByte::LineFeed if byte == b'\n' => self.line_end()?,
                NextByte::LineFeed => return Err(grammar::bare_carriage_return()),
                NextByte::TextReturn => self.state = NextByte::TextFeed(byte == b'\r'),
                NextByte::TextFeed(true) if byte == b'\n' => self.text_end()?,
                NextByte::TextFeed(_) => return Err(grammar::bad_trailer()),
            }
            self.input.read(1);
        }
        Ok(())
    }

    fn line_byte(&mut self, byte: u8) -> Result<()> {
        if self.line.is_empty() && !grammar::is_type(byte) {
            let begins = self.reading.bytes == 0 && self.around.is_empty();
            return Err(grammar::stranger(if begins { self.input.unread() } else { &self.input.unread()[..1] }));
        }
        match byte {
            b'\r' => self.state = NextByte::LineFeed,
            b'\n' => return Err(grammar::bare_line_feed()),
            _ => {
                push(&mut self.line, byte)?;
                let reading = &self.reading;
                let max = LineMax::of(&self.limits, self.monitors, &self.line, reading.bytes, reading.is_push);
                // The type byte does not count.
                if self.line.len() - 1 > max.len {
                    return Err(max.error(&self.limits));
                }
            }
        }
        Ok(())
    }

    /// The line is whole.
    fn line_end(&mut self) -> Result<()> {
        self.state = NextByte::Line;
        let line = std::mem::take(&mut self.line);
        let size = line.len() as u64 + 2;
        let head = grammar::head(line[0], &line[1..])?;
        self.reading.check_place(line[0], head)?;
        if let Head::Aggregate(Type::Push, count) = head {
            self.begin_push(size, count)?;
        } else {
            if self.reading.is_fresh() {
                self.reading.answers = super::begins_an_answer(line[0]);
            }
            self.reading.bytes += size;
            self.value(head, &line[1..])?;
        }
        self.line = line;
        self.line.clear();
        Ok(())
    }

    /// A line said this: note it, and go where it leads.
    fn value(&mut self, head: Head, line: &[u8]) -> Result<()> {
        self.check_bytes(head)?;
        match head {
            Head::Null => self.leaf(Entry::new(Type::Null, 0, 0)),
            Head::Integer(value) => self.leaf(Entry::new(Type::Integer, 0, value as u64)),
            Head::Bool(value) => self.leaf(Entry::new(Type::Bool, 0, u64::from(value))),
            Head::Line(kind) => {
                self.node()?;
                self.reading.recorder.begin(kind)?;
                self.reading.recorder.more(line)?;
                self.reading.recorder.finish()?;
                self.came()
            }
            Head::Bulk(kind, len) => {
                self.node()?;
                self.reading.recorder.begin(kind)?;
                self.state = if len > 0 { NextByte::Text(len) } else { NextByte::TextReturn };
                Ok(())
            }
            Head::Chunks => {
                self.node()?;
                self.reading.in_chunks = true;
                self.reading.recorder.begin(Type::String)
            }
            Head::Chunk(0) => {
                self.reading.in_chunks = false;
                self.reading.recorder.finish()?;
                self.came()
            }
            Head::Chunk(len) => {
                self.state = NextByte::Text(len);
                Ok(())
            }
            Head::Aggregate(kind, count) => self.begin(kind, Some(count)),
            Head::Streamed(kind) => self.begin(kind, None),
            Head::End => {
                self.end()?;
                self.came()
            }
        }
    }

    /// Whether the reply, with the text that is announced, is within its bytes.
    fn check_bytes(&self, head: Head) -> Result<()> {
        let (text, trailer) = match head {
            Head::Bulk(_, len) => (len, 2),
            Head::Chunk(len) if len > 0 => (len, 2),
            _ => (0, 0),
        };
        let (is_push, limits) = (self.reading.is_push, &self.limits);
        let max = if is_push { limits.push_bytes } else { limits.bytes };
        if self.reading.bytes.saturating_add(text).saturating_add(trailer) > max {
            return Err(grammar::bytes_limit(limits, is_push, text));
        }
        Ok(())
    }

    /// As much of a text as there is.
    fn text(&mut self, left: u64) -> Result<()> {
        let unread = self.input.unread();
        let len = usize::try_from(left).map_or(unread.len(), |left| left.min(unread.len()));
        self.reading.recorder.more(&unread[..len])?;
        self.input.read(len);
        self.reading.bytes += len as u64;
        let left = left - len as u64;
        self.state = if left > 0 { NextByte::Text(left) } else { NextByte::TextReturn };
        Ok(())
    }

    /// A text is whole, its CR and LF too.
    fn text_end(&mut self) -> Result<()> {
        self.state = NextByte::Line;
        self.reading.bytes += 2;
        if self.reading.in_chunks {
            return Ok(());
        }
        if self.reading.recorder.begun_kind() == Some(Type::Verbatim)
            && self.reading.recorder.begun().get(3) != Some(&b':')
        {
            return Err(grammar::bad_verbatim());
        }
        self.reading.recorder.finish()?;
        self.came()
    }

    fn leaf(&mut self, entry: Entry) -> Result<()> {
        self.node()?;
        self.reading.recorder.leaf(entry)?;
        self.came()
    }

    /// One more node, if it was not counted when it was announced.
    fn node(&mut self) -> Result<()> {
        if self.reading.in_stream() {
            self.count_nodes(1, 0)?;
        }
        Ok(())
    }

    fn count_nodes(&mut self, nodes: u64, announced: u64) -> Result<()> {
        self.reading.nodes = self.reading.nodes.saturating_add(nodes);
        if self.reading.nodes > self.limits.nodes {
            return Err(grammar::nodes_limit(&self.limits, announced));
        }
        Ok(())
    }

    /// A push: whatever is being read waits until it is whole.
    fn begin_push(&mut self, size: u64, count: u64) -> Result<()> {
        let outer = std::mem::replace(&mut self.reading, Reading::new());
        push(&mut self.around, outer)?;
        self.reading.is_push = true;
        self.reading.bytes = size;
        self.value(Head::Aggregate(Type::Push, count), &[])
    }

    fn begin(&mut self, kind: Type, count: Option<u64>) -> Result<()> {
        match kind {
            Type::Push => {}
            Type::Attribute => self.count_nodes(1, 0)?,
            _ => self.node()?,
        }
        let announced = count.unwrap_or(0);
        self.count_nodes(announced, announced)?;
        if self.depth == self.limits.depth {
            return Err(grammar::depth_limit(&self.limits));
        }
        self.depth += 1;
        self.reading.recorder.descend(kind)?;
        push(&mut self.reading.open, Unfinished { kind, come: 0, count })?;
        self.end_what_is_full()
    }

    /// The innermost aggregate is whole.
    fn end(&mut self) -> Result<()> {
        self.depth -= 1;
        self.reading.open.pop();
        self.reading.recorder.ascend()
    }

    /// A value is whole: one more element for the aggregate that it is in.
    fn came(&mut self) -> Result<()> {
        match self.reading.open.last_mut() {
            Some(open) => open.come += 1,
            None => self.state = NextByte::Whole,
        }
        self.end_what_is_full()
    }

    fn end_what_is_full(&mut self) -> Result<()> {
        while let Some(open) = self.reading.open.last()
            && open.count == Some(open.come)
        {
            let kind = open.kind;
            self.end()?;
            match self.reading.open.last_mut() {
                // What attributes belong to is still to come.
                _ if kind == Type::Attribute => {}
                Some(outer) => outer.come += 1,
                None => self.state = NextByte::Whole,
            }
        }
        Ok(())
    }
}

impl Drop for Simple {
    fn drop(&mut self) {
        self.input.wipe();
        self.line.zeroize();
    }
}

impl Parse for Simple {
    fn name(&self) -> &str {
        "simple"
    }

    fn hold_secrets(&mut self, secret: bool) {
        // The next reply may have begun: what there is of it stays.
        self.line.spare_capacity_mut().zeroize();
        self.input.hold_secrets(secret);
        self.shown.clear();
        self.shown.recorder.hold_secrets(secret);
        self.reading.recorder.hold_secrets(secret);
    }

    fn room(&mut self, wanted: usize) -> Result<Room<'_>> {
        self.input.room(wanted, 0)
    }

    fn filled(&mut self, len: usize) -> Result<()> {
        self.input.filled(len)?;
        self.advance();
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Frame<'_>>> {
        self.advance();
        if !matches!(self.state, NextByte::Whole) || self.failed.is_some() {
            return match &self.failed {
                Some(error) => Err(error.clone()),
                None => Ok(None),
            };
        }
        self.state = NextByte::Line;
        // The recorder that was shown last is used again.
        std::mem::swap(&mut self.shown, &mut self.reading);
        match self.around.pop() {
            Some(outer) if self.shown.is_push => {
                let is_inside = !outer.is_fresh();
                self.reading = outer;
                let inside = if is_inside { self.shown.bytes } else { 0 };
                self.reading.bytes += inside;
                self.reading.given += inside;
            }
            _ => self.reading.clear(),
        }
        let frame = self.shown.recorder.frame()?;
        frame.about.wire_len = self.shown.bytes as usize;
        Ok(Some(frame))
    }

    fn expect_monitor(&mut self, expected: bool) {
        self.monitors = expected;
    }

    fn is_empty(&self) -> bool {
        let between = matches!(self.state, NextByte::Line) && self.line.is_empty();
        between && self.reading.is_fresh() && self.around.is_empty() && self.input.unread().is_empty()
    }

    fn unread_len(&self) -> usize {
        let begun: u64 = self.around.iter().chain([&self.reading]).map(Reading::not_given).sum();
        // A CR is counted with its LF, and a line when it is whole.
        let half = matches!(self.state, NextByte::LineFeed | NextByte::TextFeed(_));
        self.input.unread().len() + self.line.len() + usize::from(half) + begun as usize
    }

    fn has_begun(&self) -> bool {
        let first = self.around.first().unwrap_or(&self.reading);
        match self.line.first().or(self.input.unread().first()) {
            _ if !first.is_fresh() => first.answers,
            Some(&byte) => self.around.is_empty() && super::begins_an_answer(byte),
            None => false,
        }
    }

    fn rest(&mut self) {
        if self.is_empty() {
            self.input.rest();
            self.line = Vec::new();
            self.reading = Reading::new();
            self.shown = Reading::new();
            self.around = Vec::new();
        }
    }
}
