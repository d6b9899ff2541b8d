//! One reply, one allocation: built from a frame, read in place, freed at once.
//!
//! ```text
//!  a copy:    | header | nodes, the root first | attributes | text |
//!  in place:  | the wire's bytes, as the parser read them | header | nodes | attributes |
//! ```
//! The header stands right before the root, so that the address of the root is all that is needed. The elements of an
//! aggregate stand in a row. Nothing here recurses: while a tree is built, an aggregate that is not full yet has the way
//! back to the one around it in a field that its kind has no use for.

use super::node::{Kind, Node};
use super::view::View;
use crate::error::{Error, Result, Status};
use crate::limits::Limits;
use crate::resp::{self, Entry, Frame, Given, Type};
use std::alloc::{Layout, alloc, dealloc, realloc};
use std::ffi::c_char;
use std::mem::{ManuallyDrop, MaybeUninit, size_of};
use std::ptr::{self, NonNull, null_mut};

use zeroize::Zeroize;

/// A whole reply, owned.
pub struct Reply(NonNull<Node>);

/// What is kept of the allocation, hidden before the root.
#[repr(C)]
struct Header {
    base: *mut u8,
    layout: Layout,
    notes: *const Note,
    notes_len: usize,
}

/// An attribute: the node that it annotates, and its map.
#[repr(C)]
#[derive(Clone, Copy)]
struct Note {
    node: *const Node,
    map: *const Node,
}

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
            && let Some(kind) = plain_kind(entry.kind())
        {
            return Reply::of_leaf(kind, *entry, frame.bytes(), frame.base());
        }
        let bytes = if frame.has_text() { frame.bytes() } else { &[] };
        Reply::beside_copy(Parts::of(frame)?, frame.tape(), frame.base(), bytes)
    }

    /// A deep copy of a node of any tree. Attributes stay behind.
    pub fn clone_of(node: &Node) -> Result<Reply> {
        // What exists already is as large as it may be.
        let limits = Limits { bytes: u64::MAX, nodes: u64::MAX, depth: u32::MAX, ..Limits::default() };
        let mut builder = super::Builder::with_limits(limits);
        builder.add_reply(node);
        builder.take()
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
        let Header { base, layout, .. } = *self.header();
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
        self.header().layout.size()
    }

    /// The attributes of a node of this tree: a map.
    pub fn attributes(&self, node: &Node) -> Option<&Node> {
        // SAFETY: self.0 is the root of a whole tree.
        let map = unsafe { attributes_of(self.0.as_ptr(), node) };
        // SAFETY: null, or a node of this tree, which lives as long as self.
        unsafe { map.as_ref() }
    }

    fn header(&self) -> &Header {
        // SAFETY: every tree has its header right before the root, and it lives as long as self.
        unsafe { &*header_of(self.0.as_ptr()) }
    }

    /// The short way for what most replies are: one value without elements, of a kind that needs no second look.
    fn of_leaf(kind: Kind, entry: Entry, bytes: &[u8], base: usize) -> Result<Reply> {
        const PARTS: usize = size_of::<Header>() + size_of::<Node>();
        let mut node = Node { kind, ..NOTHING };
        let mut text: &[u8] = &[];
        if kind as u32 >= Kind::RREDIS_REPLY_STRING as u32 {
            let at = entry.value().wrapping_sub(base as u64) as usize;
            text = bytes.get(at..).and_then(|rest| rest.get(..entry.len())).ok_or_else(broken)?;
        } else {
            node.integer = entry.value() as i64;
        }
        let size = PARTS.checked_add(text.len()).and_then(|size| size.checked_add(1)).ok_or_else(no_memory)?;
        let layout = Layout::from_size_align(size, align_of::<Header>()).map_err(|_| no_memory())?;
        // SAFETY: the layout has the size of a header at least.
        let block = NonNull::new(unsafe { alloc(layout) }).ok_or_else(no_memory)?;
        let (header, str) = (block.cast::<Header>(), block.as_ptr().wrapping_add(PARTS));
        let root = header.as_ptr().wrapping_add(1).cast::<Node>();
        if kind as u32 >= Kind::RREDIS_REPLY_STRING as u32 {
            (node.len, node.str) = (text.len(), str.cast_const().cast());
        }
        // SAFETY: behind the parts the block has room for the text and one byte; a new block overlaps nothing.
        unsafe { ptr::copy_nonoverlapping(text.as_ptr(), str, text.len()) };
        // SAFETY: as above.
        unsafe { str.wrapping_add(text.len()).write(0) };
        // SAFETY: the block is aligned for a header, and begins with room for one.
        unsafe { header.write(Header { base: block.as_ptr(), layout, notes: ptr::null(), notes_len: 0 }) };
        // SAFETY: the root stands right behind the header, where there is room for it.
        unsafe { root.write(node) };
        // SAFETY: inside the block, so it is not null.
        Ok(Reply(unsafe { NonNull::new_unchecked(root) }))
    }

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

    /// The tree of a frame whose parser gave its buffer away: built behind the bytes, where they are.
    fn of_buffer(frame: &Frame<'_>, given: Given) -> Result<Reply> {
        let (parts, tape, base) = (Parts::of(frame)?, frame.tape(), frame.base());
        if !frame.has_text() {
            return Reply::beside_copy(parts, tape, base, &[]);
        }
        let Given { buffer, from, len } = given;
        let slack = align_of::<Header>();
        let end = from.checked_add(len).filter(|&end| end <= buffer.len()).ok_or_else(broken)?;
        let size = end.checked_add(slack).and_then(|size| size.checked_add(parts.size)).ok_or_else(no_memory)?;
        let layout = Layout::array::<u8>(size).map_err(|_| no_memory())?;
        let mut buffer = ManuallyDrop::new(buffer);
        let old = Layout::array::<u8>(buffer.capacity()).map_err(|_| broken())?;
        // SAFETY: a Vec of bytes with a capacity has its memory from the global allocator with this layout, and is not
        // used after this but in the next line; the new size is more than 0.
        let block = match NonNull::new(unsafe { realloc(buffer.as_mut_ptr(), old, size) }) {
            Some(block) => block.as_ptr(),
            None => {
                drop(ManuallyDrop::into_inner(buffer));
                return Err(no_memory());
            }
        };
        let behind = block.wrapping_add(end);
        let header = behind.wrapping_add(behind.align_offset(slack));
        let text = Text { at: block.wrapping_add(from), len, base: base as u64 };
        // SAFETY: header is aligned by less than slack, so it has parts.size bytes behind it in the block.
        unsafe { Reply::finish(header, Block { base: block, layout }, parts, tape, text) }
    }

    /// # Safety
    /// `place` is aligned for a header and has `parts.size` bytes in `block`; `text.at` has `text.len` initialised bytes in
    /// it, apart from those.
    unsafe fn finish(place: *mut u8, block: Block, parts: Parts, tape: &[Entry], text: Text) -> Result<Reply> {
        let header = place.cast::<Header>();
        let root = header.wrapping_add(1).cast::<Node>();
        let end = root.wrapping_add(parts.nodes);
        let notes = end.cast::<Note>();
        // SAFETY: a header, the nodes and the notes fit in parts.size bytes, in this order and each aligned to 8.
        unsafe { header.write(Header { base: block.base, layout: block.layout, notes, notes_len: parts.notes }) };
        let mut fill = Fill {
            next: root,
            run_end: root.wrapping_add(1),
            owner: null_mut(),
            free: root.wrapping_add(1),
            root,
            end,
            notes,
            notes_len: 0,
            notes_max: parts.notes,
            text,
        };
        if let Err(error) = fill.fill(tape) {
            // SAFETY: the block was allocated with this layout, and nothing points to it any more.
            unsafe { dealloc(block.base, block.layout) };
            return Err(error);
        }
        // SAFETY: fill has written that many notes, and nobody else looks at them yet.
        unsafe { std::slice::from_raw_parts_mut(notes, parts.notes) }
            .sort_unstable_by_key(|note| (note.node, note.map));
        // SAFETY: the root is inside the block, so it is not null.
        Ok(Reply(unsafe { NonNull::new_unchecked(root) }))
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        let Header { base, layout, .. } = *self.header();
        // SAFETY: the header has the block and the layout that it was allocated with; self was its only owner.
        unsafe { dealloc(base, layout) };
    }
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.view().fmt(formatter)
    }
}

/// The attributes of `node`, which is a node of `root`'s tree; null if it has none. Where several attributes stood before
/// one value, the last counts.
///
/// # Safety
/// `root` is the root of a living tree, as `into_raw` gave it; `node` is only compared.
pub unsafe fn attributes_of(root: *const Node, node: *const Node) -> *const Node {
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

fn header_of(root: *const Node) -> *const Header {
    root.cast::<Header>().wrapping_sub(1)
}

/// An allocation, and what it was allocated with.
struct Block {
    base: *mut u8,
    layout: Layout,
}

/// How many of what a tree needs, and the bytes of header, nodes and notes.
#[derive(Clone, Copy)]
struct Parts {
    nodes: usize,
    notes: usize,
    size: usize,
}

impl Parts {
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

/// What is left of a tape.
type Entries<'t> = std::slice::Iter<'t, Entry>;

/// The bytes that texts are in: places on the tape are counted from `base`.
#[derive(Clone, Copy)]
struct Text {
    at: *mut u8,
    len: usize,
    base: u64,
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
            self.plain(&mut entries)?;
            if self.next != self.run_end {
                let entry = *entries.next().ok_or_else(broken)?;
                self.special(entry, &mut entries)?;
            } else if self.go_back() {
                // A tape that goes on behind its root is broken.
                return if entries.next().is_none() { Ok(()) } else { Err(broken()) };
            }
        }
    }

    /// As many nodes of the run as are of a plain kind.
    #[inline]
    fn plain(&mut self, entries: &mut Entries<'_>) -> Result<()> {
        let (mut next, run_end, text) = (self.next, self.run_end, self.text);
        let mut rest = entries.as_slice();
        while next != run_end
            && let Some((&entry, behind)) = rest.split_first()
            && let Some(kind) = plain_kind(entry.kind())
        {
            let mut node = Node { kind, ..NOTHING };
            if kind as u32 >= Kind::RREDIS_REPLY_STRING as u32 {
                (node.str, node.len) = text.place(entry)?;
            } else {
                node.integer = entry.value() as i64;
            }
            // SAFETY: next is before run_end, and so one of the tree's nodes.
            unsafe { next.write(node) };
            next = next.wrapping_add(1);
            rest = behind;
        }
        self.next = next;
        *entries = rest.iter();
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
            self.run_end = match unsafe { self.owner.as_ref() } {
                Some(owner) => owner.elements.cast_mut().wrapping_add(owner.len),
                None => self.root.wrapping_add(1),
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

impl Text {
    /// Where a text is, and how long; its NUL is written behind it.
    #[inline]
    fn place(&self, entry: Entry) -> Result<(*const c_char, usize)> {
        let (at, len) = self.within(entry)?;
        let str = self.at.wrapping_add(at);
        // SAFETY: within has looked that the text and one byte behind it are inside.
        unsafe { str.wrapping_add(len).write(0) };
        Ok((str.cast_const().cast(), len))
    }

    /// A verbatim text is what is behind its three letters and the colon, which becomes their NUL.
    fn behind_format(&self, entry: Entry) -> Result<(*const c_char, usize)> {
        let (str, len) = self.place(entry)?;
        let len = len.checked_sub(4).ok_or_else(broken)?;
        // SAFETY: the colon behind the three letters, inside the text.
        unsafe { str.wrapping_add(3).cast_mut().write(0) };
        Ok((str.wrapping_add(4), len))
    }

    fn slice(&self, entry: Entry) -> Result<&[u8]> {
        let (at, len) = self.within(entry)?;
        // SAFETY: within has looked that the text is inside; all of it is initialised.
        Ok(unsafe { std::slice::from_raw_parts(self.at.wrapping_add(at), len) })
    }

    /// Join the pieces that follow `entry`, where its value says: before the first of them.
    fn join(&self, entry: Entry, entries: &mut Entries<'_>) -> Result<(*const c_char, usize)> {
        let mut end = self.within(Entry::piece(entry.value(), 0))?.0;
        let first = end;
        for _ in 0..entry.len() {
            let (at, len) = self.within(*entries.next().ok_or_else(broken)?)?;
            if at < end {
                return Err(broken());
            }
            // SAFETY: both ends are inside the text, and the copy moves towards its beginning.
            unsafe { ptr::copy(self.at.wrapping_add(at), self.at.wrapping_add(end), len) };
            end += len;
        }
        self.place(Entry::piece(self.base + first as u64, (end - first) as u64))
    }

    #[inline]
    fn within(&self, entry: Entry) -> Result<(usize, usize)> {
        let at = entry.value().wrapping_sub(self.base) as usize;
        let len = entry.len();
        match at.checked_add(len) {
            Some(end) if end < self.len => Ok((at, len)),
            _ => Err(broken()),
        }
    }
}

/// The kinds whose nodes are a value or a text, and nothing else to see to.
#[inline]
fn plain_kind(kind: Type) -> Option<Kind> {
    match kind {
        Type::Null => Some(Kind::RREDIS_REPLY_NULL),
        Type::Integer => Some(Kind::RREDIS_REPLY_INTEGER),
        Type::Bool => Some(Kind::RREDIS_REPLY_BOOL),
        Type::String => Some(Kind::RREDIS_REPLY_STRING),
        Type::Status => Some(Kind::RREDIS_REPLY_STATUS),
        Type::Error => Some(Kind::RREDIS_REPLY_ERROR),
        _ => None,
    }
}

#[cold]
fn no_memory() -> Error {
    Error::memory("the reply")
}

/// A tape that does not describe one tree. The parsers make none.
#[cold]
fn broken() -> Error {
    Error::new(Status::Panic, "a reply was noted wrongly by its parser")
}

/// A node with nothing in it.
const NOTHING: Node = Node {
    kind: Kind::RREDIS_REPLY_NULL,
    reserved: 0,
    len: 0,
    str: ptr::null(),
    elements: ptr::null(),
    integer: 0,
    number: 0.0,
};
/// In `reserved` while the map of an attribute is being filled.
const ATTRIBUTE: u32 = 1;
