//! The output of a parser: a reply as a flat list (tape) of entries that refer to its bytes.

use std::fmt;

/// What an entry of a tape stands for. Numbered as the nodes of a reply are; those from 30 on are no nodes of their own.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Nothing.
    Null = 0,
    /// The entry's value is the integer.
    Integer = 1,
    /// The entry's value is 0 or 1.
    Bool = 2,
    /// Text: bytes.
    String = 10,
    /// Text: a short word of the server's.
    Status = 11,
    /// Text: the server's error.
    Error = 12,
    /// Text in its wire form: three letters, a colon, and what people read.
    Verbatim = 13,
    /// Text: an integer of any size.
    BigNumber = 14,
    /// Text: a floating point number.
    Double = 15,
    /// So many elements follow.
    Array = 20,
    /// So many elements follow.
    Set = 21,
    /// So many keys and values follow.
    Map = 22,
    /// So many elements follow.
    Push = 23,
    /// So many keys and values follow, and then the value that they annotate.
    Attribute = 30,
    /// A string that came in pieces: so many `Chunk` entries follow; the value is where there is room to join them.
    Chunked = 31,
    /// One piece of a string.
    Chunk = 32,
    /// The value of the double before it, as bits.
    Number = 33,
    /// An array of pairs that has them one behind the other: so many keys and values follow. Only a `reply::Form` writes
    /// this one and those below.
    Pairs = 34,
    /// Text: a floating point number, if it reads as one; a string, if not.
    Score = 35,
    /// Text: the words that say yes.
    Said = 36,
    /// What was an array: its elements stand in the aggregate around it.
    Gone = 37,
}

/// One entry: what it is, how many bytes or elements it has, and a value or the place of its text.
///
/// Two words, so that it is written and read as such: from the low end of `head` the type, a flag, and the length.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    head: u64,
    value: u64,
}

impl Entry {
    #[inline(always)]
    pub(super) fn new(kind: Type, len: u64, value: u64) -> Entry {
        Entry { head: kind as u64 | len << LEN_SHIFT, value }
    }

    /// A text of so many bytes at this place.
    pub fn piece(place: u64, len: u64) -> Entry {
        Entry::new(Type::Chunk, len, place)
    }

    /// A double whose value stands in the next entry.
    #[inline(always)]
    pub(super) fn given(self) -> Entry {
        Entry { head: self.head | GIVEN, ..self }
    }

    /// The same entry, as another kind with the same fields.
    #[inline(always)]
    pub fn turned(self, kind: Type) -> Entry {
        Entry { head: self.head & !0xff | kind as u64, ..self }
    }

    /// Nothing.
    pub fn null() -> Entry {
        Entry::new(Type::Null, 0, 0)
    }

    /// An integer.
    pub fn of_integer(value: i64) -> Entry {
        Entry::new(Type::Integer, 0, value as u64)
    }

    /// The same entry with so many elements.
    pub fn resized(mut self, len: usize) -> Entry {
        self.set_len(len as u64);
        self
    }

    /// A verbatim text without its three letters and their colon: a string.
    pub fn behind_format(self) -> Entry {
        match self.len().checked_sub(4) {
            Some(len) => Entry::new(Type::String, len as u64, self.value + 4),
            None => self,
        }
    }

    pub(super) fn set_len(&mut self, len: u64) {
        self.head = self.head & ((1 << LEN_SHIFT) - 1) | len << LEN_SHIFT;
    }

    /// What it stands for.
    #[inline(always)]
    pub fn kind(self) -> Type {
        match self.head as u8 {
            0 => Type::Null,
            1 => Type::Integer,
            2 => Type::Bool,
            10 => Type::String,
            11 => Type::Status,
            12 => Type::Error,
            13 => Type::Verbatim,
            14 => Type::BigNumber,
            15 => Type::Double,
            20 => Type::Array,
            21 => Type::Set,
            22 => Type::Map,
            23 => Type::Push,
            30 => Type::Attribute,
            31 => Type::Chunked,
            33 => Type::Number,
            34 => Type::Pairs,
            35 => Type::Score,
            36 => Type::Said,
            37 => Type::Gone,
            _ => Type::Chunk,
        }
    }

    /// Whether it is a value of its own, and nothing behind it belongs to it.
    #[inline(always)]
    pub(crate) fn is_plain(self) -> bool {
        const PLAIN: u64 = bits(&[Type::Null, Type::Integer, Type::Bool, Type::String, Type::Status, Type::Error]);
        PLAIN >> (self.code() & 63) & 1 == 1
    }

    /// The number of what it stands for.
    #[inline(always)]
    pub(crate) fn code(self) -> u8 {
        self.head as u8
    }

    /// Bits that tell, of any number of entries together, whether one of them has text.
    #[inline(always)]
    pub(super) fn traits(self) -> u64 {
        self.head
    }

    /// Whether its value is a place in the bytes.
    #[inline(always)]
    pub(super) fn has_place(self) -> bool {
        const BITS: u64 = {
            use Type::*;
            bits(&[String, Status, Error, Verbatim, BigNumber, Double, Chunked, Chunk, Score, Said])
        };
        BITS >> (self.head & 63) & 1 == 1
    }

    /// The same, with its place moved by so much.
    #[inline(always)]
    pub(super) fn moved(self, shift: u64) -> Entry {
        if self.has_place() { Entry { value: self.value.wrapping_add(shift), ..self } } else { self }
    }

    /// The same, with its text at this place.
    #[inline(always)]
    pub(super) fn at_place(self, place: usize) -> Entry {
        Entry { value: place as u64, ..self }
    }

    /// Bytes of text at its place: for a string in pieces they are counted with the pieces.
    pub(super) fn text_len(self) -> usize {
        if self.kind() == Type::Chunked { 0 } else { self.len() }
    }

    /// Whether the next entry has this double's value.
    pub fn is_given(self) -> bool {
        self.head & GIVEN != 0
    }

    /// Bytes of text, or elements.
    #[inline(always)]
    pub fn len(self) -> usize {
        (self.head >> LEN_SHIFT) as usize
    }

    /// Whether it has neither bytes nor elements.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The integer, or where the text begins in the frame's bytes.
    #[inline(always)]
    pub fn value(self) -> u64 {
        self.value
    }
}

/// A bit for each of these.
const fn bits(types: &[Type]) -> u64 {
    let (mut bits, mut at) = (0, 0);
    while at < types.len() {
        bits |= 1 << types[at] as u64;
        at += 1;
    }
    bits
}

impl fmt::Debug for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} {} {}", self.kind(), self.len(), self.value)
    }
}

/// Set in the number of every type with text, and of none without but attributes, where it does no harm.
pub(super) const TEXT: u64 = 8;
const GIVEN: u64 = 1 << 8;
const LEN_SHIFT: u32 = 16;

/// One whole reply, or one push, as the parser found it: a tape over bytes. After each text stands one byte that may become
/// a NUL.
///
/// It is handed from floor to floor, so it is small; what is to be known of it stays with the parser.
pub struct Frame<'p> {
    pub(super) tape: &'p mut [Entry],
    /// Empty where the parser gave its buffer away.
    pub(super) bytes: &'p [u8],
    pub(super) about: &'p mut About,
}

/// What is to be known of a frame.
#[derive(Default)]
pub(super) struct About {
    /// What the offsets of the tape count from: the place of the frame's first byte.
    pub(super) base: usize,
    pub(super) nodes: usize,
    pub(super) notes: usize,
    pub(super) has_text: bool,
    pub(super) is_push: bool,
    pub(super) wire_len: usize,
    /// The bytes, where the parser gave its buffer away.
    pub(super) buffer: Option<Given>,
    /// Pushes that stood inside the reply, and are no part of it: places, counted as those of the tape are. The frame's own
    /// begin at `holes_from`.
    pub(super) holes: Vec<(usize, usize)>,
    pub(super) holes_from: usize,
}

/// A large buffer that a parser gave away: `len` bytes behind the first `from`.
#[derive(Debug)]
pub struct Given {
    /// The whole buffer.
    pub buffer: Vec<u8>,
    /// Where the reply begins in it.
    pub from: usize,
    /// How long the reply is.
    pub len: usize,
}

impl<'p> Frame<'p> {
    /// The entries, each aggregate before its elements.
    pub fn tape(&self) -> &[Entry] {
        self.tape
    }

    /// What a form works on: the entries, the bytes that their texts are in, and how many nodes the tree will have.
    #[inline]
    pub fn parts(&mut self) -> (&mut [Entry], &[u8], &mut usize) {
        let About { buffer, nodes, .. } = &mut *self.about;
        let bytes = match buffer {
            None => self.bytes,
            Some(Given { buffer, from, len }) => &buffer[*from..*from + *len],
        };
        (self.tape, bytes, nodes)
    }

    /// The same bytes under other entries, of which a tree will have so many nodes more.
    pub fn under<'q>(self, tape: &'q mut [Entry], more: usize) -> Frame<'q>
    where
        'p: 'q,
    {
        self.about.nodes += more;
        Frame { tape, ..self }
    }

    /// The entry of the value itself, behind its attributes; and where on the tape that is.
    pub fn root(&self) -> (usize, Option<Entry>) {
        let place = if self.about.notes == 0 { 0 } else { root_behind_notes(self.tape) };
        (place, self.tape.get(place).copied())
    }

    /// Whether it is a server's error.
    #[inline]
    pub fn is_error(&self) -> bool {
        self.root().1.is_some_and(|root| root.kind() == Type::Error)
    }

    /// The text of an entry that has some.
    #[inline(always)]
    pub fn text_of(&self, entry: Entry) -> &[u8] {
        let from = (entry.value as usize).wrapping_sub(self.about.base);
        self.bytes().get(from..).and_then(|rest| rest.get(..entry.len())).unwrap_or_default()
    }

    /// What the values of text entries count from.
    pub fn base(&self) -> usize {
        self.about.base
    }

    /// How many nodes the tree will have, those of attributes among them.
    pub fn nodes(&self) -> usize {
        self.about.nodes
    }

    /// How many attributes there are.
    pub fn notes(&self) -> usize {
        self.about.notes
    }

    /// Whether any entry has text.
    pub fn has_text(&self) -> bool {
        self.about.has_text
    }

    /// Whether the server sent it unasked.
    pub fn is_push(&self) -> bool {
        self.about.is_push
    }

    /// The buffer, if the parser gave it away; it is the taker's then.
    #[inline]
    pub fn take_buffer(&mut self) -> Option<Given> {
        self.about.buffer.as_ref()?;
        self.about.buffer.take()
    }

    /// The bytes, while nobody has taken the buffer.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        match &self.about.buffer {
            None => self.bytes,
            Some(Given { buffer, from, len }) => &buffer[*from..*from + *len],
        }
    }

    /// How many bytes of the wire it took, with the pushes that stood inside it.
    pub fn wire_len(&self) -> usize {
        self.about.wire_len
    }

    /// The bytes of this reply alone, without the pushes that stood inside it.
    pub(super) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let (bytes, base, holes) = (self.bytes(), self.about.base, &self.about.holes[self.about.holes_from..]);
        (0..=holes.len()).map(move |index| {
            let from = if index == 0 { 0 } else { holes[index - 1].1 - base };
            let to = holes.get(index).map_or(bytes.len(), |hole| hole.0 - base);
            &bytes[from..to]
        })
    }
}

impl fmt::Debug for Frame<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} over {} bytes", self.tape, self.bytes().len())
    }
}

/// Where on a tape its value begins, behind what annotates it.
pub(super) fn root_behind_notes(tape: &[Entry]) -> usize {
    let mut owed = 0usize;
    for (place, entry) in tape.iter().enumerate() {
        match entry.kind() {
            // A double's value, and the pieces of a string, stand behind entries that were counted.
            Type::Number | Type::Chunk => {}
            Type::Attribute => owed += entry.len(),
            _ if owed == 0 => return place,
            Type::Gone => owed += entry.len(),
            Type::Array | Type::Set | Type::Map | Type::Push | Type::Pairs => owed = owed - 1 + entry.len(),
            _ => owed -= 1,
        }
    }
    tape.len()
}

/// From this size on a parser gives its buffer away, and the tree is built behind the bytes instead of beside a copy.
pub(super) const GIVE_BYTES_MIN: usize = 64 << 10;
/// Room behind a buffer that will be given away, so that the tree of one value is built there without another allocation.
pub(super) const GIVE_ROOM: usize = 256;
