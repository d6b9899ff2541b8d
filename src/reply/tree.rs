//! A reply in one allocation: built from a frame, and read in place.
//!
//! ```text
//!  a copy:    | header | nodes, the root first | attributes | text |
//!  in place:  | the wire's bytes, as the parser read them | header | nodes | attributes |
//! ```
//! The header stands right before the root, so that the address of the root is all that is needed. The elements of an
//! aggregate stand in a row. Nothing here recurses.

mod fill;
mod header;
mod leaf;
mod plain;
mod text;

use self::header::{Header, Note, header_of, mark_of, no_memory};
use self::leaf::{Unbuilt, leaf_kind, of_leaf, of_plain};
use self::text::{Text, broken};
use super::node::{Kind, Node};
use super::view::View;
use crate::error::Result;
use crate::memory::{KEPT_MIN, keep_or_free, take_kept};
use crate::resp::{Entry, Frame, Given};
use std::alloc::{Layout, alloc, dealloc, realloc};
use std::mem::{ManuallyDrop, MaybeUninit, size_of};
use std::ptr::{self, NonNull};

use zeroize::Zeroize;

/// A whole reply, owned.
pub struct Reply(NonNull<Node>);

// SAFETY: nothing of a reply changes between its building and its end, but through &mut or by value; it owns all it points to.
unsafe impl Send for Reply {}
// SAFETY: as above: shared, it is only read.
unsafe impl Sync for Reply {}

impl Reply {
    /// The tree of a frame. The frame's text is copied, or kept where the parser gave its buffer away.
    pub fn build(mut frame: Frame<'_>) -> Result<Reply> {
        Reply::build_from(&mut frame)
    }

    /// The same, for a caller who minds what it costs to move a frame: it is used up where it is.
    #[inline]
    pub fn build_from(frame: &mut Frame<'_>) -> Result<Reply> {
        if let Some(given) = frame.take_buffer() {
            return Reply::of_buffer(frame, given);
        }
        if let [entry] = frame.tape()
            && let Some(kind) = leaf_kind(*entry)
        {
            return Ok(Reply(of_leaf(kind, *entry, frame.bytes(), frame.base())?));
        }
        let bytes = if frame.has_text() { frame.bytes() } else { &[] };
        let parts = Parts::of(frame)?;
        if parts.size >= KEPT_MIN {
            return Reply::behind_copy(parts, frame.tape(), frame.base(), bytes);
        }
        Reply::beside_copy(parts, frame.tape(), frame.base(), bytes)
    }

    /// Whether `of_short` makes a reply of this entry.
    #[inline(always)]
    pub fn is_short(entry: Entry) -> bool {
        leaf_kind(entry).is_some()
    }

    /// The tree of one value without elements, whose place counts from the first of these bytes. None: it needs a second look.
    #[inline(always)]
    pub fn of_short(entry: Entry, bytes: &[u8]) -> Result<Option<Reply>> {
        match leaf_kind(entry) {
            Some(kind) => Ok(Some(Reply(of_leaf(kind, entry, bytes, 0)?))),
            None => Ok(None),
        }
    }

    /// The same, for an entry that needs none.
    #[inline(always)]
    pub fn short(entry: Entry, bytes: &[u8]) -> std::result::Result<Reply, Unbuilt> {
        of_plain(entry, bytes).map(Reply)
    }

    /// Take over a reply that `into_raw` gave away.
    ///
    /// # Safety
    /// `root` came from `into_raw`, and nobody else will free it.
    pub unsafe fn from_raw(root: *mut Node) -> Reply {
        // SAFETY: into_raw never gives a null.
        Reply(unsafe { NonNull::new_unchecked(root) })
    }

    /// Overwrite all of it, and free it: what it held shall not be found in memory.
    pub fn wipe(self) {
        let (base, layout) = (self.header().base, self.header().layout());
        std::mem::forget(self);
        // SAFETY: the header has the block and its layout; nobody else owns it, and nothing of it is read any more.
        let block = unsafe { std::slice::from_raw_parts_mut(base.cast::<MaybeUninit<u8>>(), layout.size()) };
        block.zeroize();
        // SAFETY: allocated with this layout, and forgotten above.
        unsafe { dealloc(base, layout) };
    }

    /// The root's address, which is all there is to know; `from_raw` takes it back.
    pub fn into_raw(self) -> *mut Node {
        ManuallyDrop::new(self).0.as_ptr()
    }

    /// The same tree, as a push: what a server said in RESP2 where RESP3 would have pushed.
    pub fn into_push(self) -> Reply {
        let root = self.0.as_ptr();
        // SAFETY: owned by value, so nobody else looks at the root.
        let root = unsafe { &mut *root };
        if root.kind == Kind::RREDIS_REPLY_ARRAY {
            root.kind = Kind::RREDIS_REPLY_PUSH;
        }
        self
    }

    /// The root.
    pub fn root(&self) -> &Node {
        // SAFETY: the root was written when the tree was built, and lives as long as self.
        unsafe { self.0.as_ref() }
    }

    /// The root, for safe reading.
    pub fn view(&self) -> View<'_> {
        View::new(self.root())
    }

    /// What the root is.
    pub fn kind(&self) -> Kind {
        self.root().kind
    }

    /// Whether the root is a server's error.
    pub fn is_error(&self) -> bool {
        self.kind() == Kind::RREDIS_REPLY_ERROR
    }

    /// The root's text; empty where it has none.
    pub fn text(&self) -> &[u8] {
        self.view().text()
    }

    /// Bytes of the one allocation.
    pub fn size(&self) -> usize {
        self.header().size
    }

    /// Whether any node has attributes.
    pub fn is_annotated(&self) -> bool {
        self.header().notes_len > 0
    }

    /// The attributes of a node of this tree: a map.
    pub fn attributes(&self, node: &Node) -> Option<&Node> {
        // SAFETY: self.0 is the root of a whole tree.
        let map = unsafe { attributes_of(self.0.as_ptr(), node) };
        // SAFETY: null, or a node of this tree, which lives as long as self.
        unsafe { map.as_ref() }
    }

    /// Free all of it, as `drop` does.
    ///
    /// # Safety
    /// Nothing of it is used behind this.
    #[inline(always)]
    unsafe fn free(&mut self) {
        let (base, layout) = (self.header().base, self.header().layout());
        if layout.align() == 1 {
            // SAFETY: an array of bytes, of which self was the only owner.
            return unsafe { free_buffer(base, layout.size()) };
        }
        // SAFETY: the header has the block and the layout that it was allocated with; self was its only owner.
        unsafe { dealloc(base, layout) };
    }

    /// Free what `into_raw` gave away, as `drop` would.
    ///
    /// # Safety
    /// As for `from_raw`.
    #[inline(always)]
    pub unsafe fn free_raw(root: *mut Node) {
        // SAFETY: as the caller says.
        let mut reply = ManuallyDrop::new(unsafe { Reply::from_raw(root) });
        // SAFETY: it is not dropped.
        unsafe { reply.free() };
    }

    fn header(&self) -> &Header {
        // SAFETY: every tree has its header right before the root, and it lives as long as self.
        unsafe { &*header_of(self.0.as_ptr()) }
    }

    #[inline(always)]
    fn beside_copy(parts: Parts, tape: &[Entry], base: usize, bytes: &[u8]) -> Result<Reply> {
        let size = parts.size.checked_add(bytes.len()).ok_or_else(no_memory)?;
        let layout = Layout::from_size_align(size, align_of::<Header>()).map_err(|_| no_memory())?;
        // SAFETY: the layout has the size of a header at least.
        let block = NonNull::new(unsafe { alloc(layout) }).ok_or_else(no_memory)?.as_ptr();
        let text = block.wrapping_add(parts.size);
        // SAFETY: behind the parts the block has room for bytes.len(); a block that was just allocated overlaps nothing.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), text, bytes.len()) };
        let text = Text { at: text, len: bytes.len(), base: base as u64 };
        // SAFETY: the block is aligned, and begins with parts.size bytes for the parts.
        unsafe { Reply::finish(block, Block { base: block, layout }, parts, tape, text) }
    }

    /// The tree of a frame that is large, although its bytes are few: in the block that is kept for large replies, if there is one.
    #[inline(never)]
    fn behind_copy(parts: Parts, tape: &[Entry], base: usize, bytes: &[u8]) -> Result<Reply> {
        let slack = align_of::<Header>();
        // A header that began the block would say that it is a copy's.
        let from = usize::from(bytes.is_empty());
        let size = (from + bytes.len()).checked_add(slack).and_then(|size| size.checked_add(parts.size));
        let size = size.ok_or_else(no_memory)?;
        let mut buffer = take_kept(size).unwrap_or_default();
        buffer.try_reserve_exact(size).map_err(|_| no_memory())?;
        buffer.resize(from, 0);
        buffer.extend_from_slice(bytes);
        Reply::behind(parts, tape, base, Given { from, len: bytes.len(), buffer })
    }

    /// The tree of a frame whose parser gave its buffer away: built behind the bytes, where they are.
    fn of_buffer(frame: &Frame<'_>, given: Given) -> Result<Reply> {
        let (parts, tape, base) = (Parts::of(frame)?, frame.tape(), frame.base());
        if !frame.has_text() {
            return Reply::beside_copy(parts, tape, base, &[]);
        }
        Reply::behind(parts, tape, base, given)
    }

    /// The tree of these entries, behind their bytes.
    fn behind(parts: Parts, tape: &[Entry], base: usize, given: Given) -> Result<Reply> {
        let Given { buffer, from, len } = given;
        let slack = align_of::<Header>();
        let end = from.checked_add(len).filter(|&end| end <= buffer.len()).ok_or_else(broken)?;
        let size = end.checked_add(slack).and_then(|size| size.checked_add(parts.size)).ok_or_else(no_memory)?;
        let mut buffer = ManuallyDrop::new(buffer);
        let capacity = buffer.capacity();
        // Where it is hardly larger than that, it stays as it is.
        let size = if size <= capacity && capacity - size <= size / SPARE_SHARE { capacity } else { size };
        let layout = Layout::array::<u8>(size).map_err(|_| no_memory())?;
        let old = Layout::array::<u8>(capacity).map_err(|_| broken())?;
        let block = match size == capacity {
            true => buffer.as_mut_ptr(),
            // SAFETY: a Vec of bytes with a capacity has its memory from the global allocator with this layout, and is not
            // used after this but where it fails; the new size is more than 0.
            false => unsafe { realloc(buffer.as_mut_ptr(), old, size) },
        };
        if block.is_null() {
            drop(ManuallyDrop::into_inner(buffer));
            return Err(no_memory());
        }
        let behind = block.wrapping_add(end);
        let header = behind.wrapping_add(behind.align_offset(slack));
        let text = Text { at: block.wrapping_add(from), len, base: base as u64 };
        // SAFETY: header is aligned by less than slack, so it has parts.size bytes behind it in the block.
        unsafe { Reply::finish(header, Block { base: block, layout }, parts, tape, text) }
    }

    /// # Safety
    /// `place` is aligned for a header and has `parts.size` bytes in `block`; `text.at` has `text.len` initialised bytes in
    /// it, apart from those.
    #[inline(always)]
    unsafe fn finish(place: *mut u8, block: Block, parts: Parts, tape: &[Entry], text: Text) -> Result<Reply> {
        let header = place.cast::<Header>();
        let root = header.wrapping_add(1).cast::<Node>();
        let end = root.wrapping_add(parts.nodes);
        let notes = end.cast::<Note>();
        // SAFETY: a header, the nodes and the notes fit in parts.size bytes, in this order and each aligned to 8.
        unsafe { header.write(Header { base: block.base, size: block.layout.size(), notes, notes_len: parts.notes }) };
        // SAFETY: from root to end there is room for the nodes, of which there is one at least, and behind them for the notes.
        let filled = unsafe { fill::fill(tape, root, end, notes, parts.notes, text) };
        if let Err(error) = filled {
            // SAFETY: the block was allocated with this layout, and nothing points to it any more.
            unsafe { dealloc(block.base, block.layout) };
            return Err(error);
        }
        // SAFETY: fill has written the root.
        unsafe { (*root).reserved = mark_of(root) };
        // SAFETY: fill has written that many notes, and nobody else looks at them yet.
        unsafe { std::slice::from_raw_parts_mut(notes, parts.notes) }
            .sort_unstable_by_key(|note| (note.node, note.map));
        // SAFETY: the root is inside the block, so it is not null.
        Ok(Reply(unsafe { NonNull::new_unchecked(root) }))
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        // SAFETY: nobody uses what is dropped.
        unsafe { self.free() };
    }
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.view().fmt(formatter)
    }
}

/// Free a block that was a parser's buffer, apart from what is freed most.
///
/// # Safety
/// As for `keep_or_free`.
#[cold]
#[inline(never)]
unsafe fn free_buffer(base: *mut u8, size: usize) {
    // SAFETY: as the caller says.
    unsafe { keep_or_free(base, size) };
}

/// The attributes of `node`, which is a node of `root`'s tree; null if it has none, or where `root` is no root. Where several
/// attributes stood before one value, the last counts.
///
/// # Safety
/// `root` is a node of a living tree; `node` is only compared.
pub unsafe fn attributes_of(root: *const Node, node: *const Node) -> *const Node {
    // SAFETY: a living node.
    if !is_root(unsafe { &*root }) {
        return ptr::null();
    }
    // SAFETY: root is the root of a living tree, and every tree has its header right before the root.
    let header = unsafe { &*header_of(root) };
    if header.notes_len == 0 {
        return ptr::null();
    }
    // SAFETY: the header's notes were written when the tree was built.
    let notes = unsafe { std::slice::from_raw_parts(header.notes, header.notes_len) };
    let behind = notes.partition_point(|note| note.node <= node);
    match notes[..behind].last() {
        Some(note) if note.node == node => note.map,
        _ => ptr::null(),
    }
}

/// The bytes that all nodes and texts of a whole tree are among, those of its attributes too: where they begin, and how many
/// there are. `None`: `root` is no root.
///
/// # Safety
/// `root` is a node of a living tree.
pub unsafe fn bytes_of(root: *const Node) -> Option<(*const u8, usize)> {
    // SAFETY: a living node, and where it is a root, that of a living tree.
    is_root(unsafe { &*root }).then(|| unsafe { header::extent_of(root) })
}

/// Whether it is the root of a tree, and so has a header before it: an element of another, or a copy of the struct alone, has
/// none.
pub fn is_root(node: &Node) -> bool {
    node.reserved == mark_of(node)
}

/// An allocation, and what it was allocated with.
struct Block {
    base: *mut u8,
    layout: Layout,
}

/// How small a share of a block may be left unused behind a tree, before the rest is given back.
const SPARE_SHARE: usize = 16;

/// How many of what a tree needs, and the bytes of header, nodes and notes.
#[derive(Clone, Copy)]
struct Parts {
    nodes: usize,
    notes: usize,
    size: usize,
}

impl Parts {
    #[inline(always)]
    fn of(frame: &Frame<'_>) -> Result<Parts> {
        let (nodes, notes) = (frame.nodes().max(1), frame.notes());
        let size = || {
            let nodes = nodes.checked_mul(size_of::<Node>())?;
            let notes = notes.checked_mul(size_of::<Note>())?;
            nodes.checked_add(notes)?.checked_add(size_of::<Header>())
        };
        Ok(Parts { nodes, notes, size: size().ok_or_else(no_memory)? })
    }
}
