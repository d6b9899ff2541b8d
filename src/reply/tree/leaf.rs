//! Replies of one value without elements: most are.

use std::alloc::{Layout, alloc};
use std::mem::{MaybeUninit, size_of};
use std::ptr::{self, NonNull};

use super::header::{Header, mark_of, no_memory};
use super::plain::{NOTHING, plain_of};
use super::text::broken;
use crate::error::Error;
use crate::reply::node::{Kind, Node};
use crate::resp::{Entry, Type};

/// Why there is no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unbuilt {
    /// There was no memory for it.
    NoMemory,
    /// What its parser noted makes none.
    Broken,
}

impl From<Unbuilt> for Error {
    #[cold]
    fn from(unbuilt: Unbuilt) -> Error {
        match unbuilt {
            Unbuilt::NoMemory => no_memory(),
            Unbuilt::Broken => broken(),
        }
    }
}

/// The root of a reply that is a plain value; its place counts from the first of these bytes.
#[inline(always)]
pub(super) fn of_plain(entry: Entry, bytes: &[u8]) -> Result<NonNull<Node>, Unbuilt> {
    let kind = plain_of(entry).ok_or(Unbuilt::Broken)?;
    match kind as u32 >= Kind::RREDIS_REPLY_STRING as u32 {
        true => of_text(Node { kind, ..NOTHING }, entry, bytes, 0),
        false => of_value(Node { kind, integer: entry.value() as i64, ..NOTHING }),
    }
}

/// The short way for what most replies are: one value without elements, of a kind that needs no second look.
#[inline(always)]
pub(super) fn of_leaf(kind: Kind, entry: Entry, bytes: &[u8], base: usize) -> Result<NonNull<Node>, Unbuilt> {
    match entry.kind() {
        Type::Said => of_text(Node { kind, integer: 1, ..NOTHING }, entry, bytes, base),
        _ if kind as u32 >= Kind::RREDIS_REPLY_STRING as u32 => of_text(Node { kind, ..NOTHING }, entry, bytes, base),
        _ => of_value(Node { kind, integer: entry.value() as i64, ..NOTHING }),
    }
}

/// A reply that is this node, which has no text.
#[inline(always)]
fn of_value(node: Node) -> Result<NonNull<Node>, Unbuilt> {
    const LAYOUT: Layout = Layout::new::<(Header, Node)>();
    // SAFETY: the layout has the size of a header at least.
    let block = NonNull::new(unsafe { alloc(LAYOUT) }).ok_or(Unbuilt::NoMemory)?;
    // SAFETY: the block has room for a header and a root.
    Ok(unsafe { begin(block.cast(), LAYOUT.size(), node) })
}

/// A reply that is this node and the text of this entry.
#[inline(always)]
fn of_text(mut node: Node, entry: Entry, bytes: &[u8], base: usize) -> Result<NonNull<Node>, Unbuilt> {
    const PARTS: usize = size_of::<Header>() + size_of::<Node>();
    let at = entry.value().wrapping_sub(base as u64) as usize;
    let text = bytes.get(at..).and_then(|rest| rest.get(..entry.len())).ok_or(Unbuilt::Broken)?;
    let len = text.len();
    let size = (PARTS + 1).checked_add(len).ok_or(Unbuilt::NoMemory)?;
    let layout = Layout::from_size_align(size, align_of::<Header>()).map_err(|_| Unbuilt::NoMemory)?;
    // SAFETY: the layout has the size of a header at least.
    let block = NonNull::new(unsafe { alloc(layout) }).ok_or(Unbuilt::NoMemory)?;
    let str = block.as_ptr().wrapping_add(PARTS);
    (node.len, node.str) = (len, str.cast_const().cast());
    // SAFETY: the block has room for a header and a root.
    let reply = unsafe { begin(block.cast(), size, node) };
    // SAFETY: behind the root the block has room for the text and one byte.
    unsafe { str.wrapping_add(len).write(0) };
    // SAFETY: as above; nobody else looks at it, and nothing of it has to be initialised.
    copy_short(text, unsafe { std::slice::from_raw_parts_mut(str.cast(), len) });
    Ok(reply)
}

/// Write a header, and this root behind it.
///
/// # Safety
/// There is room for both, in a block of so many bytes that begins here and is nobody else's.
#[inline(always)]
unsafe fn begin(header: NonNull<Header>, size: usize, node: Node) -> NonNull<Node> {
    let root = header.as_ptr().wrapping_add(1).cast::<Node>();
    let base = header.as_ptr().cast();
    // SAFETY: as the caller says.
    unsafe { header.write(Header { base, size, notes: ptr::null(), notes_len: 0 }) };
    // SAFETY: as the caller says.
    unsafe { root.write(Node { reserved: mark_of(root), ..node }) };
    // SAFETY: inside the block, so it is not null.
    unsafe { NonNull::new_unchecked(root) }
}

/// The kind of an entry that may be a reply of one node, and nothing else to see to.
#[inline]
pub(super) fn leaf_kind(entry: Entry) -> Option<Kind> {
    match entry.kind() {
        Type::Said => Some(Kind::RREDIS_REPLY_BOOL),
        _ => plain_of(entry),
    }
}

/// Copy a text to where there is as much room: most are so short that a call would cost more.
#[inline(always)]
fn copy_short(text: &[u8], room: &mut [MaybeUninit<u8>]) {
    let len = text.len();
    if len > 16 || room.len() != len {
        if len > 32 || room.len() != len {
            room.write_copy_of_slice(text);
        } else {
            room[..16].write_copy_of_slice(&text[..16]);
            room[len - 16..].write_copy_of_slice(&text[len - 16..]);
        }
    } else if len >= 8 {
        room[..8].write_copy_of_slice(&text[..8]);
        room[len - 8..].write_copy_of_slice(&text[len - 8..]);
    } else if len >= 4 {
        room[..4].write_copy_of_slice(&text[..4]);
        room[len - 4..].write_copy_of_slice(&text[len - 4..]);
    } else if let ([first, ..], [.., last]) = (text, text) {
        room[0].write(*first);
        room[len / 2].write(text[len / 2]);
        room[len - 1].write(*last);
    }
}
