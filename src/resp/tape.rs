//! What the parsers hand on: one reply as a flat tape of entries over its bytes.

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
}

/// One entry: what it is, how many bytes or elements it has, and a value or the place of its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    kind: Type,
    given: bool,
    len_high: u16,
    len_low: u32,
    value: u64,
}

impl Entry {
    #[inline(always)]
    pub(super) fn new(kind: Type, len: u64, value: u64) -> Entry {
        Entry { kind, given: false, len_high: (len >> 32) as u16, len_low: len as u32, value }
    }

    /// A text of so many bytes at this place.
    pub fn piece(place: u64, len: u64) -> Entry {
        Entry::new(Type::Chunk, len, place)
    }

    /// A double whose value stands in the next entry.
    pub(super) fn given(self) -> Entry {
        Entry { given: true, ..self }
    }

    pub(super) fn set_len(&mut self, len: u64) {
        *self = Entry { given: self.given, ..Entry::new(self.kind, len, self.value) };
    }

    /// What it stands for.
    #[inline(always)]
    pub fn kind(self) -> Type {
        self.kind
    }

    /// Whether the next entry has this double's value.
    pub fn is_given(self) -> bool {
        self.given
    }

    /// Bytes of text, or elements.
    #[inline(always)]
    pub fn len(self) -> usize {
        ((u64::from(self.len_high) << 32) | u64::from(self.len_low)) as usize
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

/// The bytes under a tape. After each text stands one byte that may become a NUL.
#[derive(Debug)]
pub enum Bytes<'p> {
    /// Still the parser's: to be copied.
    Borrowed(&'p [u8]),
    /// A large buffer that the parser gave away: `len` bytes behind the first `from`.
    Owned {
        /// The whole buffer.
        buffer: Vec<u8>,
        /// Where the reply begins in it.
        from: usize,
        /// How long the reply is.
        len: usize,
    },
}

/// One whole reply, or one push, as the parser found it.
#[derive(Debug)]
pub struct Frame<'p> {
    pub(super) tape: &'p [Entry],
    pub(super) bytes: Bytes<'p>,
    /// What the offsets of the tape count from: the place of the frame's first byte.
    pub(super) base: usize,
    pub(super) nodes: usize,
    pub(super) notes: usize,
    pub(super) has_text: bool,
    pub(super) is_push: bool,
    pub(super) wire_len: usize,
    /// Pushes that stood inside this reply, and are no part of it: places, counted as those of the tape are.
    pub(super) holes: &'p [(usize, usize)],
}

impl<'p> Frame<'p> {
    /// The entries, each aggregate before its elements.
    pub fn tape(&self) -> &'p [Entry] {
        self.tape
    }

    /// What the values of text entries count from.
    pub fn base(&self) -> usize {
        self.base
    }

    /// How many nodes the tree will have, those of attributes among them.
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    /// How many attributes there are.
    pub fn notes(&self) -> usize {
        self.notes
    }

    /// Whether any entry has text.
    pub fn has_text(&self) -> bool {
        self.has_text
    }

    /// Whether the server sent it unasked.
    pub fn is_push(&self) -> bool {
        self.is_push
    }

    /// Where the bytes are.
    pub fn place(&self) -> &Bytes<'p> {
        &self.bytes
    }

    /// The bytes, and whoever owned them no longer does.
    pub fn into_bytes(self) -> Bytes<'p> {
        self.bytes
    }

    /// The bytes as they are.
    pub fn bytes(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Borrowed(bytes) => bytes,
            Bytes::Owned { buffer, from, len } => &buffer[*from..*from + *len],
        }
    }

    /// How many bytes of the wire it took, with the pushes that stood inside it.
    pub fn wire_len(&self) -> usize {
        self.wire_len
    }

    /// The bytes of this reply alone, without the pushes that stood inside it.
    pub(super) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let (bytes, base, holes) = (self.bytes(), self.base, self.holes);
        (0..=holes.len()).map(move |index| {
            let from = if index == 0 { 0 } else { holes[index - 1].1 - base };
            let to = holes.get(index).map_or(bytes.len(), |hole| hole.0 - base);
            &bytes[from..to]
        })
    }
}

/// From this size on a parser gives its buffer away, and the tree is built behind the bytes instead of beside a copy.
pub(super) const GIVE_BYTES_MIN: usize = 64 << 10;
