//! The state of the fast parser: the incomplete aggregates, and the counts for the limits.

use super::tape::{About, TEXT, Type};
use crate::limits::Limits;

/// An aggregate that is not whole yet.
#[derive(Clone, Copy)]
pub(super) struct Level {
    pub(super) form: LevelForm,
    pub(super) kind: Type,
    /// Elements still owed, or, where nobody said how many, those that have come.
    pub(super) count: u64,
    /// Its entry on the tape.
    pub(super) entry: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(super) enum LevelForm {
    /// What the reply itself is the one element of.
    Root,
    Counted,
    Streamed,
    /// A streamed string.
    Chunks,
}

/// What is counted, once for the reply and once for each push inside it.
#[derive(Clone, Copy)]
pub(super) struct Scope {
    pub(super) base: usize,
    pub(super) tape: usize,
    pub(super) bytes_max: u64,
    /// Nodes that have come and nodes that are announced.
    pub(super) nodes: u64,
    pub(super) notes: usize,
    /// What the entries have in common: see `TEXT`.
    pub(super) traits: u64,
    pub(super) is_push: bool,
    /// While a push is read inside: how long the tape was when an attribute of this scope ended.
    pub(super) annotated: usize,
}

impl Level {
    pub(super) fn root() -> Level {
        Level { form: LevelForm::Root, kind: Type::Null, count: 1, entry: 0 }
    }
}

impl Scope {
    pub(super) fn root(limits: &Limits) -> Scope {
        Scope { base: 0, tape: 0, bytes_max: limits.bytes, nodes: 1, notes: 0, traits: 0, is_push: false, annotated: 0 }
    }

    pub(super) fn push(base: usize, tape: usize, limits: &Limits) -> Scope {
        Scope { base, tape, bytes_max: limits.push_bytes, is_push: true, ..Scope::root(limits) }
    }

    pub(super) fn about(&self, end: usize) -> About {
        let Scope { base, notes, is_push, .. } = *self;
        let has_text = self.traits & TEXT != 0;
        About { base, nodes: self.nodes as usize, notes, has_text, is_push, wire_len: end - base, ..About::default() }
    }
}
