//! Turning a tape into nodes in one pass, without recursion and without a stack.
//!
//! While a tree is built, an aggregate that is not full yet has the way back to the one around it in a field that its kind
//! has no use for.

use super::header::Note;
use super::plain::{NOTHING, flat, plain, plain_of};
use super::text::{Entries, Text, broken};
use crate::error::Result;
use crate::reply::node::{Kind, Node};
use crate::resp::{self, Entry, Type};
use std::mem::size_of;
use std::ptr::{self, null_mut};

/// Fill the nodes from `root` to `end`, and `notes_max` notes, as the tape says; the texts are in `text`.
///
/// # Safety
/// There is room for nodes from `root` to `end`, for one at least, and for the notes; `text` has its bytes, initialised.
/// Nobody else looks at any of them meanwhile.
pub(super) unsafe fn fill(
    tape: &[Entry],
    root: *mut Node,
    end: *mut Node,
    notes: *mut Note,
    notes_max: usize,
    text: Text,
) -> Result<()> {
    // SAFETY: as the caller says.
    if notes_max == 0 && unsafe { flat(tape, root, end, text)? } {
        return Ok(());
    }
    let (run_end, free) = (root.wrapping_add(1), root.wrapping_add(1));
    let (next, owner, notes_len) = (root, null_mut(), 0);
    Fill { next, run_end, owner, free, pairs: false, root, end, notes, notes_len, notes_max, text }.fill(tape)
}

/// A tree while it is built.
///
/// A run is a row of sibling nodes. `next` is the node to write, `run_end` the end of its run, `owner` the aggregate that the
/// run belongs to, and `free` the first node that belongs to no run yet. An owner's `str` points to its own owner until its
/// run is full; an attribute's `reserved` says that it is one and its `integer` which note it is.
struct Fill {
    next: *mut Node,
    run_end: *mut Node,
    owner: *mut Node,
    free: *mut Node,
    /// The run is of pairs, whose elements stand on the tape one behind the other.
    pairs: bool,
    root: *mut Node,
    end: *mut Node,
    notes: *mut Note,
    notes_len: usize,
    notes_max: usize,
    text: Text,
}

impl Fill {
    fn fill(&mut self, tape: &[Entry]) -> Result<()> {
        let mut entries = tape.iter();
        loop {
            if self.pairs {
                self.pairs(&mut entries)?;
            }
            if !self.pairs {
                self.plain(&mut entries)?;
            }
            if self.next != self.run_end {
                let entry = *entries.next().ok_or_else(broken)?;
                self.special(entry, &mut entries)?;
            } else if self.go_back() {
                // A tape that goes on behind its root, or told of more attributes than it had, is broken.
                let is_whole = entries.next().is_none() && self.notes_len == self.notes_max;
                return if is_whole { Ok(()) } else { Err(broken()) };
            }
        }
    }

    /// As many nodes of the run as are of a plain kind.
    #[inline]
    fn plain(&mut self, entries: &mut Entries<'_>) -> Result<()> {
        // SAFETY: from next to the end of the run there are nodes of the tree.
        self.next = unsafe { plain(self.next, self.run_end, entries, self.text)? };
        Ok(())
    }

    /// One node of any other kind, or what stands before a node.
    fn special(&mut self, entry: Entry, entries: &mut Entries<'_>) -> Result<()> {
        let (node, text) = match entry.kind() {
            Type::Array => return self.aggregate(Kind::RREDIS_REPLY_ARRAY, entry.len()),
            Type::Set => return self.aggregate(Kind::RREDIS_REPLY_SET, entry.len()),
            Type::Map => return self.aggregate(Kind::RREDIS_REPLY_MAP, entry.len()),
            Type::Push => return self.aggregate(Kind::RREDIS_REPLY_PUSH, entry.len()),
            Type::Attribute => return self.attribute(entry.len()),
            Type::Pairs => return self.open_pairs(entry.len() / 2),
            Type::Gone => return Ok(()),
            Type::Said => (Node { kind: Kind::RREDIS_REPLY_BOOL, integer: 1, ..NOTHING }, self.text.place(entry)?),
            Type::Score => {
                let node = score_node(self.text.score(entry)?);
                (node, self.text.place(entry)?)
            }
            Type::Double => {
                let given = if entry.is_given() { Some(entries.next().ok_or_else(broken)?.value()) } else { None };
                let number = match given {
                    Some(bits) => f64::from_bits(bits),
                    None => resp::double(self.text.slice(entry)?),
                };
                (Node { kind: Kind::RREDIS_REPLY_DOUBLE, number, ..NOTHING }, self.text.place(entry)?)
            }
            Type::BigNumber => (Node { kind: Kind::RREDIS_REPLY_BIG_NUMBER, ..NOTHING }, self.text.place(entry)?),
            Type::Verbatim => (Node { kind: Kind::RREDIS_REPLY_VERBATIM, ..NOTHING }, self.text.behind_format(entry)?),
            Type::Chunked => (Node { kind: Kind::RREDIS_REPLY_STRING, ..NOTHING }, self.text.join(entry, entries)?),
            _ => return Err(broken()),
        };
        self.write(Node { str: text.0, len: text.1, ..node });
        Ok(())
    }

    #[inline]
    fn write(&mut self, node: Node) {
        // SAFETY: next is before run_end, and so one of the tree's nodes.
        unsafe { self.next.write(node) };
        self.next = self.next.wrapping_add(1);
    }

    /// Write an aggregate, and turn to its elements if it has some.
    #[inline]
    fn aggregate(&mut self, kind: Kind, len: usize) -> Result<()> {
        if len == 0 {
            self.write(Node { kind, ..NOTHING });
            return Ok(());
        }
        let run = self.take(len)?;
        let node = self.next;
        self.write(Node { kind, len, elements: run, str: self.owner.cast(), ..NOTHING });
        self.descend(node, run);
        Ok(())
    }

    /// Write an array of pairs, and turn to them.
    fn open_pairs(&mut self, len: usize) -> Result<()> {
        let node = self.next;
        self.aggregate(Kind::RREDIS_REPLY_ARRAY, len)?;
        if len > 0 {
            // SAFETY: it was one of the tree's nodes, and was written just now.
            unsafe { (*node).reserved = PAIRS };
            self.pairs = true;
        }
        Ok(())
    }

    /// As many pairs of the run as are of two plain values or scores; then the next one is opened, whatever is in it.
    fn pairs(&mut self, entries: &mut Entries<'_>) -> Result<()> {
        let mut rest = entries.as_slice();
        self.pairs_of_strings(&mut rest)?;
        let (mut next, mut free, run_end, text) = (self.next, self.free, self.run_end, self.text);
        while next != run_end
            && let [first, second, behind @ ..] = rest
        {
            if (self.end as usize - free as usize) < 2 * size_of::<Node>() {
                return Err(broken());
            }
            // SAFETY: there are two nodes more, of the tree and of no run.
            if !unsafe { leaf(free, *first, text)? } {
                break;
            }
            // SAFETY: as above.
            if !unsafe { leaf(free.wrapping_add(1), *second, text)? } {
                break;
            }
            // SAFETY: next is before run_end, and so one of the tree's nodes.
            unsafe { next.write(Node { kind: Kind::RREDIS_REPLY_ARRAY, len: 2, elements: free, ..NOTHING }) };
            (next, free, rest) = (next.wrapping_add(1), free.wrapping_add(2), behind);
        }
        (self.next, self.free) = (next, free);
        *entries = rest.iter();
        if self.next != self.run_end {
            self.aggregate(Kind::RREDIS_REPLY_ARRAY, 2)?;
        }
        Ok(())
    }

    /// As many pairs of the run as are of two strings.
    #[inline(always)]
    fn pairs_of_strings(&mut self, rest: &mut &[Entry]) -> Result<()> {
        const NODE: usize = size_of::<Node>();
        let (pairs, text) = (rest.as_chunks::<2>().0, self.text);
        let count = pairs.len().min((self.run_end as usize - self.next as usize) / NODE);
        // Each of them, whatever is in it, has two nodes.
        if (self.end as usize - self.free as usize) / (2 * NODE) < count {
            return Err(broken());
        }
        let (mut next, mut free) = (self.next, self.free);
        for [first, second] in &pairs[..count] {
            if (first.kind(), second.kind()) != (Type::String, Type::String) {
                break;
            }
            let (str, len) = text.place(*first)?;
            // SAFETY: there are two nodes more, of the tree and of no run.
            unsafe { free.write(Node { kind: Kind::RREDIS_REPLY_STRING, str, len, ..NOTHING }) };
            let (str, len) = text.place(*second)?;
            // SAFETY: as above.
            unsafe { free.wrapping_add(1).write(Node { kind: Kind::RREDIS_REPLY_STRING, str, len, ..NOTHING }) };
            // SAFETY: next is before the run's end, and so one of the tree's nodes.
            unsafe { next.write(Node { kind: Kind::RREDIS_REPLY_ARRAY, len: 2, elements: free, ..NOTHING }) };
            (next, free) = (next.wrapping_add(1), free.wrapping_add(2));
        }
        let done = (next as usize - self.next as usize) / NODE;
        *rest = rest.get(2 * done..).unwrap_or_default();
        (self.next, self.free) = (next, free);
        Ok(())
    }

    /// Write the map of an attribute beside the tree, note that it belongs to `next`, and turn to its elements.
    fn attribute(&mut self, len: usize) -> Result<()> {
        if self.notes_len == self.notes_max {
            return Err(broken());
        }
        let map = self.take(1)?;
        // SAFETY: there is room for notes_max notes.
        unsafe { self.notes.wrapping_add(self.notes_len).write(Note { node: self.next, map }) };
        let mut node = Node { kind: Kind::RREDIS_REPLY_MAP, ..NOTHING };
        if len > 0 {
            let run = self.take(len)?;
            (node.reserved, node.integer) = (ATTRIBUTE, self.notes_len as i64);
            (node.len, node.elements, node.str) = (len, run, self.owner.cast());
            self.descend(map, run);
        }
        self.notes_len += 1;
        // SAFETY: map is one of the tree's nodes.
        unsafe { map.write(node) };
        Ok(())
    }

    /// The next nodes are the elements of `owner`, all of `run`.
    #[inline]
    fn descend(&mut self, owner: *mut Node, run: *mut Node) {
        self.owner = owner;
        self.next = run;
        self.run_end = self.free;
        self.pairs = false;
    }

    /// The run is full: go on behind its owner, or behind the owner's owner. True: the root was full.
    fn go_back(&mut self) -> bool {
        while self.next == self.run_end {
            if self.owner.is_null() {
                return true;
            }
            // SAFETY: an owner is a written node of the tree, and nothing else refers to it now.
            let full = unsafe { &mut *self.owner };
            self.next = match full.reserved {
                ATTRIBUTE => {
                    // SAFETY: an attribute's integer is the place of its note, which was written with it.
                    let note = unsafe { *self.notes.wrapping_add(full.integer as usize) };
                    note.node.cast_mut()
                }
                _ => self.owner.wrapping_add(1),
            };
            self.owner = full.str.cast_mut().cast();
            full.str = ptr::null();
            full.reserved = 0;
            full.integer = 0;
            // SAFETY: null, or a written node of the tree.
            (self.run_end, self.pairs) = match unsafe { self.owner.as_ref() } {
                Some(owner) => (owner.elements.cast_mut().wrapping_add(owner.len), owner.reserved == PAIRS),
                None => (self.root.wrapping_add(1), false),
            };
        }
        false
    }

    /// So many nodes that belong to no run yet.
    #[inline]
    fn take(&mut self, count: usize) -> Result<*mut Node> {
        let left = (self.end as usize - self.free as usize) / size_of::<Node>();
        if count > left {
            return Err(broken());
        }
        let run = self.free;
        self.free = run.wrapping_add(count);
        Ok(run)
    }
}

/// Write the node of a plain value or a score. False: it is neither.
///
/// # Safety
/// The node is one that nobody else looks at.
#[inline(always)]
unsafe fn leaf(node: *mut Node, entry: Entry, text: Text) -> Result<bool> {
    let made = match plain_of(entry) {
        Some(kind) if kind as u32 >= Kind::RREDIS_REPLY_STRING as u32 => {
            let (str, len) = text.place(entry)?;
            Node { kind, str, len, ..NOTHING }
        }
        Some(kind) => Node { kind, integer: entry.value() as i64, ..NOTHING },
        None if entry.kind() == Type::Score => {
            let scored = score_node(text.score(entry)?);
            let (str, len) = text.place(entry)?;
            Node { str, len, ..scored }
        }
        None => return Ok(false),
    };
    // SAFETY: as the caller says.
    unsafe { node.write(made) };
    Ok(true)
}

/// The node of a text that should be a number.
#[inline(always)]
fn score_node(number: Option<f64>) -> Node {
    match number {
        Some(number) => Node { kind: Kind::RREDIS_REPLY_DOUBLE, number, ..NOTHING },
        None => Node { kind: Kind::RREDIS_REPLY_STRING, ..NOTHING },
    }
}

/// In `reserved` while the map of an attribute is being filled.
const ATTRIBUTE: u32 = 1;
/// In `reserved` while the pairs of an array of pairs are being filled.
const PAIRS: u32 = 2;
