//! The fast parser: finds the end of a reply in one pass over its bytes, and records its values on a tape.
//!
//! It keeps its place to the byte, so that an input cut anywhere goes on where it stopped; text is skipped by its length
//! and never searched. It does not recurse: `open` has the aggregates that still owe elements.

mod frame;

use super::grammar::{self, Head, LineMax};
use super::levels::{Level, LevelForm, Scope};
use super::tape::{About, Entry, GIVE_BYTES_MIN, TEXT, Type};
use super::{buffer::Buffer, quick};
use crate::error::{Error, Result};
use crate::limits::Limits;

/// The fast parser.
pub struct Fast {
    limits: Limits,
    /// How long a reply may be that is copied and within the limits.
    short_max: usize,
    buffer: Buffer,
    /// Places, counted from the first byte of the reply: how far it is understood,
    at: usize,
    /// how far a line that has no end yet was searched,
    searched: usize,
    /// and how many bytes there must be before looking again is of any use.
    need: usize,
    tape: Vec<Entry>,
    level: Level,
    open: Vec<Level>,
    scope: Scope,
    /// The scopes around the push that is being read inside another reply.
    around: Vec<Scope>,
    /// How long the tape was when an attribute ended: what it annotates must follow.
    annotated: usize,
    /// Of the frame that was given last; its holes are those of the reply that is being read.
    about: About,
    /// Nothing is under way: the next byte begins a reply, and of the last frame only its tape is there.
    between: bool,
    /// A push came out of the middle of a reply: its entries go, and the reply goes on.
    lent: bool,
    /// Lines of MONITOR may come.
    monitors: bool,
    failed: Option<Error>,
}

/// What a step of the scan came to.
enum ScanStep {
    /// One more element, or the beginning of an aggregate.
    Went,
    /// More bytes are needed.
    Short,
    /// A reply is whole, or a push.
    Whole,
}

impl Fast {
    /// One that has read nothing.
    pub fn new(limits: Limits) -> Fast {
        let limits = super::representable(limits);
        Fast {
            limits,
            short_max: limits.bytes.min(GIVE_BYTES_MIN as u64 - 1) as usize,
            buffer: Buffer::default(),
            at: 0,
            searched: 0,
            need: 1,
            tape: Vec::new(),
            level: Level::root(),
            open: Vec::new(),
            scope: Scope::root(&limits),
            around: Vec::new(),
            annotated: 0,
            about: About::default(),
            between: false,
            lent: false,
            monitors: false,
            failed: None,
        }
    }

    fn scan(&mut self, bytes: &[u8]) -> Result<bool> {
        loop {
            // An aggregate's line is none of those that `leaves` takes.
            if self.level.form <= LevelForm::Counted && !matches!(bytes.get(self.at), Some(b'*' | b'%' | b'~' | b'>')) {
                self.leaves(bytes)?;
                if self.level.count == 0 {
                    if self.close() {
                        return Ok(true);
                    }
                    continue;
                }
            }
            match self.step(bytes)? {
                ScanStep::Went => {}
                ScanStep::Short => return Ok(false),
                ScanStep::Whole => return Ok(true),
            }
        }
    }

    /// The short way for as many elements as it is good for, aggregates among them.
    #[inline]
    fn leaves(&mut self, bytes: &[u8]) -> Result<()> {
        let max = (self.scope.base as u64).saturating_add(self.scope.bytes_max);
        let bytes = match usize::try_from(max) {
            Ok(max) if max < bytes.len() => &bytes[..max],
            _ => bytes,
        };
        let mut run = quick::Run { at: self.at, owed: self.level.count, traits: self.scope.traits };
        let outcome = run.leaves(bytes, &mut self.tape);
        self.at = run.at;
        self.level.count = run.owed;
        self.scope.traits = run.traits;
        outcome
    }

    /// One line, and the text behind it if it has some.
    fn step(&mut self, bytes: &[u8]) -> Result<ScanStep> {
        let at = self.at;
        if let Some((kind, count, next)) = self.quick_header(bytes) {
            return self.aggregate(at, next, kind, count);
        }
        let Some(&byte) = bytes.get(at) else {
            self.need = at + 1;
            return Ok(ScanStep::Short);
        };
        if !grammar::is_type(byte) {
            // Only where a reply begins may the bytes behind tell who is there.
            return Err(grammar::stranger(if at == 0 { bytes } else { &bytes[at..=at] }));
        }
        let Some(end) = self.line_end(bytes)? else { return Ok(ScanStep::Short) };
        let head = grammar::head(byte, &bytes[at + 1..end])?;
        self.check_place(byte, head)?;
        let next = end + 2;
        let text_len = match head {
            Head::Bulk(_, len) => len.saturating_add(2),
            Head::Chunk(len) if len > 0 => len.saturating_add(2),
            _ => 0,
        };
        let size = (next - self.scope.base) as u64;
        if size.saturating_add(text_len) > self.scope.bytes_max && !self.begins_push(head) {
            return Err(grammar::bytes_limit(&self.limits, self.scope.is_push, text_len.saturating_sub(2)));
        }
        if text_len > 0 { self.text(bytes, next, head, text_len as usize) } else { self.line(at, next, head) }
    }

    fn quick_header(&self, bytes: &[u8]) -> Option<(Type, u64, usize)> {
        let fits = |next: usize| (next - self.scope.base) as u64 <= self.scope.bytes_max;
        quick::header(bytes, self.at).filter(|&(_, _, next)| self.level.form != LevelForm::Chunks && fits(next))
    }

    /// Where the line at `self.at` ends: the place of its CR, once the LF is there too.
    fn line_end(&mut self, bytes: &[u8]) -> Result<Option<usize>> {
        let first = self.at + 1;
        let from = self.searched.max(first);
        let before = (self.at - self.scope.base) as u64;
        let max = LineMax::of(&self.limits, self.monitors, &bytes[self.at..], before, self.scope.is_push);
        let last = first.saturating_add(max.len).saturating_add(1).min(bytes.len());
        let Some(found) = quick::find_line_break(&bytes[from..last]) else {
            if bytes.len() - first > max.len {
                return Err(max.error(&self.limits));
            }
            self.searched = bytes.len();
            self.need = bytes.len() + 1;
            return Ok(None);
        };
        let end = from + found;
        if bytes[end] == b'\n' {
            return Err(grammar::bare_line_feed());
        }
        match bytes.get(end + 1) {
            Some(b'\n') => Ok(Some(end)),
            Some(_) => Err(grammar::bare_carriage_return()),
            None => {
                self.searched = end;
                self.need = end + 2;
                Ok(None)
            }
        }
    }

    /// Pieces stand in streamed strings and nowhere else, and an end where a stream can end.
    fn check_place(&self, byte: u8, head: Head) -> Result<()> {
        let in_chunks = self.level.form == LevelForm::Chunks;
        match head {
            Head::Chunk(_) if in_chunks => Ok(()),
            _ if in_chunks => Err(grammar::out_of_place(byte)),
            Head::Chunk(_) => Err(grammar::out_of_place(byte)),
            Head::End if self.level.form != LevelForm::Streamed || self.is_annotated() => {
                Err(grammar::out_of_place(byte))
            }
            Head::End if self.level.kind == Type::Map && self.level.count % 2 == 1 => Err(grammar::odd_map()),
            _ => Ok(()),
        }
    }

    /// Whether the last thing on the tape is an attribute of what comes next.
    fn is_annotated(&self) -> bool {
        self.annotated > 0 && self.annotated == self.tape.len()
    }

    fn begins_push(&self, head: Head) -> bool {
        matches!(head, Head::Aggregate(Type::Push, _))
    }

    /// A value that is all in its line, or the line that begins an aggregate.
    fn line(&mut self, at: usize, next: usize, head: Head) -> Result<ScanStep> {
        let (text, len) = (at as u64 + 1, (next - at - 3) as u64);
        match head {
            Head::Null => self.leaf(Entry::new(Type::Null, 0, 0))?,
            Head::Integer(value) => self.leaf(Entry::new(Type::Integer, 0, value as u64))?,
            Head::Bool(value) => self.leaf(Entry::new(Type::Bool, 0, u64::from(value)))?,
            Head::Line(kind) => {
                self.scope.traits |= TEXT;
                self.leaf(Entry::new(kind, len, text))?;
            }
            Head::Aggregate(kind, count) => return self.aggregate(at, next, kind, count),
            Head::Streamed(kind) => {
                self.element()?;
                self.descend(LevelForm::Streamed, kind)?;
            }
            Head::Chunks => {
                self.element()?;
                self.scope.traits |= TEXT;
                let entry = self.tape.len();
                super::push(&mut self.tape, Entry::new(Type::Chunked, 0, at as u64))?;
                super::push(&mut self.open, self.level)?;
                self.level = Level { form: LevelForm::Chunks, kind: Type::Chunked, count: 0, entry };
            }
            Head::Chunk(_) | Head::End => {
                self.tape[self.level.entry].set_len(self.level.count);
                self.level.count = 0;
                self.at = next;
                return Ok(if self.close() { ScanStep::Whole } else { ScanStep::Went });
            }
            Head::Bulk(..) => {}
        }
        self.at = next;
        Ok(self.after_element())
    }

    /// Text of a length that was said before: only its last two bytes are looked at.
    fn text(&mut self, bytes: &[u8], next: usize, head: Head, text_len: usize) -> Result<ScanStep> {
        let len = text_len - 2;
        if self.level.form == LevelForm::Streamed {
            self.room_for_node()?;
        }
        let end = next + len;
        let Some(trailer) = bytes.get(end..end + 2) else {
            self.need = end + 2;
            return Ok(ScanStep::Short);
        };
        if trailer != b"\r\n" {
            return Err(grammar::bad_trailer());
        }
        let place = next as u64;
        self.scope.traits |= TEXT;
        match head {
            Head::Bulk(Type::Verbatim, _) if bytes[next + 3] != b':' => return Err(grammar::bad_verbatim()),
            Head::Bulk(kind, _) => self.leaf(Entry::new(kind, len as u64, place))?,
            _ => {
                super::push(&mut self.tape, Entry::new(Type::Chunk, len as u64, place))?;
                self.level.count += 1;
            }
        }
        self.at = end + 2;
        Ok(self.after_element())
    }

    #[inline(always)]
    fn after_element(&mut self) -> ScanStep {
        if self.level.form <= LevelForm::Counted && self.level.count == 0 && self.close() {
            ScanStep::Whole
        } else {
            ScanStep::Went
        }
    }

    /// Note a value that has no elements.
    fn leaf(&mut self, entry: Entry) -> Result<()> {
        self.element()?;
        super::push(&mut self.tape, entry)?;
        self.came();
        Ok(())
    }

    /// One more node, if it was not counted when it was announced.
    #[inline(always)]
    fn element(&mut self) -> Result<()> {
        if self.level.form == LevelForm::Streamed {
            self.room_for_node()?;
            self.scope.nodes += 1;
        }
        Ok(())
    }

    fn room_for_node(&self) -> Result<()> {
        if self.scope.nodes >= self.limits.nodes {
            return Err(grammar::nodes_limit(&self.limits, 0));
        }
        Ok(())
    }

    /// An element of this level is whole.
    fn came(&mut self) {
        match self.level.form {
            LevelForm::Root | LevelForm::Counted => self.level.count -= 1,
            LevelForm::Streamed | LevelForm::Chunks => self.level.count += 1,
        }
    }

    /// The line that begins an aggregate of `count` nodes.
    fn aggregate(&mut self, at: usize, next: usize, kind: Type, count: u64) -> Result<ScanStep> {
        match kind {
            Type::Push => {
                let scope = Scope::push(at, self.tape.len(), &self.limits);
                super::push(&mut self.around, Scope { annotated: self.annotated, ..self.scope })?;
                self.annotated = 0;
                self.scope = scope;
                if (next - at) as u64 > self.scope.bytes_max {
                    return Err(grammar::bytes_limit(&self.limits, true, 0));
                }
            }
            Type::Attribute => {
                self.room_for_node()?;
                self.scope.nodes += 1;
                self.scope.notes += 1;
            }
            _ => self.element()?,
        }
        if self.scope.nodes.saturating_add(count) > self.limits.nodes {
            return Err(grammar::nodes_limit(&self.limits, count));
        }
        self.scope.nodes += count;
        self.descend(LevelForm::Counted, kind)?;
        let entry = self.level.entry;
        self.tape[entry].set_len(count);
        self.level.count = count;
        self.at = next;
        Ok(self.after_element())
    }

    #[inline(always)]
    fn descend(&mut self, form: LevelForm, kind: Type) -> Result<()> {
        // The level of the reply itself is in `open` too, once there is another: so this many are open with the new one.
        if self.open.len() >= self.limits.depth as usize {
            return Err(grammar::depth_limit(&self.limits));
        }
        let entry = self.tape.len();
        super::push(&mut self.tape, Entry::new(kind, 0, 0))?;
        super::push(&mut self.open, self.level)?;
        self.level = Level { form, kind, count: 0, entry };
        Ok(())
    }

    /// The level has all it was owed, and so may those around it. True: the reply is whole, or a push is.
    #[inline(always)]
    fn close(&mut self) -> bool {
        loop {
            let closed = self.level;
            let Some(outer) = self.open.pop() else { return true };
            self.level = outer;
            match closed.kind {
                Type::Push => {
                    self.lent = true;
                    return true;
                }
                Type::Attribute => {
                    self.annotated = self.tape.len();
                    return false;
                }
                _ => self.came(),
            }
            if self.level.form > LevelForm::Counted || self.level.count > 0 {
                return false;
            }
        }
    }
}
