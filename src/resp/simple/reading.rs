//! The state of the simple parser within a reply.

use super::super::grammar::{self, Head};
use super::super::recorder::Recorder;
use super::super::tape::Type;
use crate::error::Result;
use crate::limits::Limits;

/// One reply, or one push, as far as it has come.
pub(super) struct Reading {
    pub(super) recorder: Recorder,
    pub(super) open: Vec<Unfinished>,
    /// Whether its first byte is one that an answer begins with.
    pub(super) answers: bool,
    /// Bytes of the wire,
    pub(super) bytes: u64,
    /// and those of them that are pushes, which were given.
    pub(super) given: u64,
    /// Nodes that have come and nodes that are announced.
    pub(super) nodes: u64,
    pub(super) is_push: bool,
    /// Whether the text that is being read is in pieces.
    pub(super) in_chunks: bool,
}

/// An aggregate that is not whole: how many elements have come, and how many will, where that was said.
pub(super) struct Unfinished {
    pub(super) kind: Type,
    pub(super) come: u64,
    pub(super) count: Option<u64>,
}

impl Reading {
    pub(super) fn new() -> Reading {
        // The parser has counted already, by the wire's measure; the recorder need not.
        let limits = Limits { bytes: u64::MAX, nodes: u64::MAX, depth: u32::MAX, line: u32::MAX, push_bytes: u64::MAX };
        Reading {
            recorder: Recorder::new(limits),
            open: Vec::new(),
            answers: false,
            bytes: 0,
            given: 0,
            nodes: 1,
            is_push: false,
            in_chunks: false,
        }
    }

    pub(super) fn clear(&mut self) {
        self.recorder.clear();
        self.open.clear();
        (self.bytes, self.given) = (0, 0);
        self.nodes = 1;
        self.is_push = false;
        self.in_chunks = false;
    }

    pub(super) fn not_given(&self) -> u64 {
        self.bytes - self.given
    }

    pub(super) fn is_fresh(&self) -> bool {
        self.bytes == 0
    }

    /// Whether the innermost aggregate goes on until an end.
    pub(super) fn in_stream(&self) -> bool {
        self.open.last().is_some_and(|open| open.count.is_none())
    }

    /// Pieces stand in streamed strings and nowhere else, and an end where a stream can end.
    pub(super) fn check_place(&self, byte: u8, head: Head) -> Result<()> {
        let fits = match head {
            Head::Chunk(_) => self.in_chunks,
            Head::End => !self.in_chunks && self.in_stream() && !self.recorder.is_annotated(),
            _ => !self.in_chunks,
        };
        if !fits {
            return Err(grammar::out_of_place(byte));
        }
        match self.open.last() {
            Some(open) if head == Head::End && open.kind == Type::Map && open.come % 2 == 1 => Err(grammar::odd_map()),
            _ => Ok(()),
        }
    }
}
