//! What stands hidden before the root of a tree.

use crate::error::Error;
use crate::reply::node::Node;
use std::alloc::Layout;
use std::ptr;

/// What is kept of the allocation, hidden before the root.
#[repr(C)]
pub(super) struct Header {
    pub(super) base: *mut u8,
    pub(super) size: usize,
    pub(super) notes: *const Note,
    pub(super) notes_len: usize,
}

impl Header {
    /// What the block was allocated with: with the header in front it is a copy, and otherwise it was a parser's buffer.
    #[inline]
    pub(super) fn layout(&self) -> Layout {
        let align = if ptr::eq(self.base, ptr::from_ref(self).cast()) { align_of::<Header>() } else { 1 };
        // SAFETY: the block was allocated with this size, which is no larger than a layout may have, and this alignment.
        unsafe { Layout::from_size_align_unchecked(self.size, align) }
    }
}

/// The bytes of the block that a whole tree is in: where they begin, and how many there are. All nodes and texts are among
/// them.
///
/// # Safety
/// `root` is the root of a living tree.
pub(super) unsafe fn extent_of(root: *const Node) -> (*const u8, usize) {
    // SAFETY: every tree has its header right before the root.
    let header = unsafe { &*header_of(root) };
    let (block, behind) = (header.base.cast_const(), header.base.wrapping_add(header.size).cast_const());
    let (begin, end) = match ptr::eq(block, ptr::from_ref(header).cast()) {
        true => (root.cast(), behind),
        // Behind the attributes, what was the parser's buffer may have room that nobody has written to.
        false => (block, header.notes.wrapping_add(header.notes_len).cast()),
    };
    (begin, end as usize - begin as usize)
}

/// An attribute: the node that it annotates, and its map.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Note {
    pub(super) node: *const Node,
    pub(super) map: *const Node,
}

/// What stands in `reserved` of a root at this address, and of nothing else: it is never zero.
pub(super) fn mark_of(root: *const Node) -> u32 {
    (((root as u64).wrapping_mul(SPREAD) >> 32) as u32) | 1
}

/// An odd number without a pattern.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

pub(super) fn header_of(root: *const Node) -> *const Header {
    root.cast::<Header>().wrapping_sub(1)
}

#[cold]
pub(super) fn no_memory() -> Error {
    Error::memory("the reply")
}
