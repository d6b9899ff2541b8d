//! Many replies on one tape, so that they become one tree.

use super::tape::{About, Entry, Frame, GIVE_BYTES_MIN, Given, Type};
use crate::error::{Error, Result, Status};
use crate::memory::{reuse, take_kept};

/// Replies in the order they came: an array whose elements they are.
pub struct Gather {
    /// The array first, and behind it what the parsers noted.
    tape: Vec<Entry>,
    /// The bytes of those replies that have text, one behind the other.
    text: Vec<u8>,
    count: u64,
    nodes: usize,
    notes: usize,
    /// Of the frame that was given last.
    about: About,
    /// How long the text was that was given away last: the next may be as long.
    given: usize,
}

impl Default for Gather {
    fn default() -> Gather {
        Gather::new()
    }
}

impl Gather {
    /// Nothing yet: an empty array.
    pub fn new() -> Gather {
        Gather { tape: Vec::new(), text: Vec::new(), count: 0, nodes: 0, notes: 0, about: About::default(), given: 0 }
    }

    /// How many replies there are.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// How many bytes the replies take here.
    pub fn bytes(&self) -> usize {
        self.tape.len() * size_of::<Entry>() + self.text.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Take one more reply. A large one may take its buffer along.
    #[inline]
    pub fn take(&mut self, frame: &mut Frame<'_>) -> Result<()> {
        self.begin()?;
        let shift = if frame.has_text() { self.take_text(frame)? } else { 0 };
        match frame.tape() {
            [entry] => super::push(&mut self.tape, entry.moved(shift))?,
            entries => {
                self.tape.try_reserve(entries.len()).map_err(|_| Error::memory("the replies"))?;
                self.tape.extend(entries.iter().map(|entry| entry.moved(shift)));
            }
        }
        self.count += 1;
        self.nodes += frame.nodes();
        self.notes += frame.notes();
        Ok(())
    }

    /// Take one more reply, a value without elements whose place counts from the first of these bytes.
    #[inline(always)]
    pub fn take_leaf(&mut self, entry: Entry, bytes: &[u8]) -> Result<()> {
        self.begin()?;
        let mut entry = entry;
        if entry.has_place() {
            let (from, place) = (entry.value() as usize, self.text.len());
            // With the byte behind it, which becomes its NUL.
            let text = bytes.get(from..=from + entry.len()).unwrap_or_default();
            self.text.try_reserve(text.len()).map_err(|_| Error::memory("the replies"))?;
            self.text.extend_from_slice(text);
            entry = entry.at_place(place);
        }
        super::push(&mut self.tape, entry)?;
        self.count += 1;
        self.nodes += 1;
        Ok(())
    }

    /// Take the elements of an array, each as a reply of its own. What annotates the array itself stays behind.
    pub fn take_elements(&mut self, frame: &mut Frame<'_>) -> Result<()> {
        self.begin()?;
        let shift = if frame.has_text() { self.take_text(frame)? } else { 0 };
        let (root, head) = frame.root();
        let elements = frame.tape().get(root + 1..).unwrap_or_default();
        self.tape.try_reserve(elements.len()).map_err(|_| Error::memory("the replies"))?;
        self.tape.extend(elements.iter().map(|entry| entry.moved(shift)));
        self.count += head.map_or(0, |head| head.len() as u64);
        self.nodes += frame.nodes().saturating_sub(1);
        self.notes += elements.iter().filter(|entry| entry.kind() == Type::Attribute).count();
        Ok(())
    }

    /// The replies one by one, each as a frame of its own, over which a form may be laid.
    pub fn each(&mut self, mut show: impl FnMut(usize, Frame<'_>) -> Result<()>) -> Result<()> {
        let mut rest = self.tape.get_mut(1..).unwrap_or_default();
        let mut index = 0;
        while !rest.is_empty() {
            let (value, behind) = rest.split_at_mut(value_len(rest));
            rest = behind;
            let (mut about, bytes) = measure(value, &self.text);
            let before = about.nodes;
            show(index, Frame { tape: value, bytes, about: &mut about })?;
            self.nodes = self.nodes + about.nodes - before;
            index += 1;
        }
        Ok(())
    }

    /// Put them into another order: each to the place that these places have for it, of which each is named once. No text is
    /// moved.
    pub fn arrange(&mut self, places: &[usize]) -> Result<()> {
        if places.len() != self.len() {
            return Err(Error::new(Status::Panic, "there are not as many places as replies"));
        }
        if places.iter().copied().eq(0..places.len()) {
            return Ok(());
        }
        let mut values: Vec<std::ops::Range<usize>> = Vec::new();
        let mut made = Vec::new();
        let room = values.try_reserve_exact(places.len()).and_then(|()| made.try_reserve_exact(self.tape.len()));
        room.map_err(|_| Error::memory("the replies"))?;
        values.resize(places.len(), 0..0);
        let mut from = 1;
        for place in places {
            let to = from + value_len(self.tape.get(from..).unwrap_or_default());
            if let Some(value) = values.get_mut(*place) {
                *value = from..to;
            }
            from = to;
        }
        if values.iter().any(std::ops::Range::is_empty) {
            return Err(Error::new(Status::Panic, "a place was named twice"));
        }
        made.extend_from_slice(self.tape.get(..1).unwrap_or_default());
        values.into_iter().for_each(|value| made.extend_from_slice(self.tape.get(value).unwrap_or_default()));
        self.tape = made;
        Ok(())
    }

    /// All of them as one reply, an array. A large one takes its text along: what comes next is `clear`.
    pub fn frame(&mut self) -> Result<Frame<'_>> {
        self.begin()?;
        self.tape[0].set_len(self.count);
        self.about = About {
            nodes: self.nodes + 1,
            notes: self.notes,
            has_text: !self.text.is_empty(),
            wire_len: self.text.len(),
            ..About::default()
        };
        if self.text.len() >= GIVE_BYTES_MIN {
            let buffer = std::mem::take(&mut self.text);
            self.given = buffer.len();
            self.about.buffer = Some(Given { from: 0, len: buffer.len(), buffer });
        }
        Ok(Frame { tape: &mut self.tape, bytes: &self.text, about: &mut self.about })
    }

    /// Forget all of them, and keep no more than so many bytes of memory for what comes.
    pub fn clear(&mut self, keep: usize) {
        (self.count, self.nodes, self.notes, self.about) = (0, 0, 0, About::default());
        reuse(&mut self.tape, keep);
        reuse(&mut self.text, keep);
    }

    #[inline]
    fn begin(&mut self) -> Result<()> {
        if self.tape.is_empty() {
            super::push(&mut self.tape, Entry::new(Type::Array, 0, 0))?;
            if self.given > 0 && self.text.capacity() == 0 {
                self.text = take_kept(self.given).unwrap_or_default();
            }
        }
        Ok(())
    }

    /// Copy the reply's bytes; by how much the places on its tape move with them.
    #[inline]
    fn take_text(&mut self, frame: &mut Frame<'_>) -> Result<u64> {
        let base = frame.base() as u64;
        if self.text.is_empty()
            && let Some(given) = frame.take_buffer()
        {
            let Given { mut buffer, from, len } = given;
            buffer.truncate(from + len);
            self.text = buffer;
            return Ok((from as u64).wrapping_sub(base));
        }
        let (place, bytes) = (self.text.len() as u64, frame.bytes());
        self.text.try_reserve(bytes.len()).map_err(|_| Error::memory("the replies"))?;
        self.text.extend_from_slice(bytes);
        Ok(place.wrapping_sub(base))
    }
}

/// What is to be known of one value, and the bytes that its texts are in.
fn measure<'t>(value: &[Entry], text: &'t [u8]) -> (About, &'t [u8]) {
    let (mut from, mut to) = (usize::MAX, 0);
    let (mut nodes, mut notes) = (0, 0);
    for entry in value {
        nodes += match entry.kind() {
            Type::Number | Type::Chunk | Type::Gone => 0,
            // Each of its pairs is a node too.
            Type::Pairs => 1 + entry.len() / 2,
            _ => 1,
        };
        notes += usize::from(entry.kind() == Type::Attribute);
        if entry.has_place() {
            let place = entry.value() as usize;
            from = from.min(place);
            to = to.max(place + entry.text_len() + 1);
        }
    }
    let has_text = from < to;
    let (base, bytes) = if has_text { (from, text.get(from..to).unwrap_or_default()) } else { (0, &[][..]) };
    (About { base, nodes, notes, has_text, wire_len: bytes.len(), ..About::default() }, bytes)
}

/// How many entries the first value of a tape takes, its attributes among them.
fn value_len(tape: &[Entry]) -> usize {
    let mut owed = 1;
    let mut at = 0;
    while owed > 0 && at < tape.len() {
        let entry = tape[at];
        at += 1;
        match entry.kind() {
            Type::Attribute | Type::Gone => owed += entry.len(),
            Type::Array | Type::Set | Type::Map | Type::Push | Type::Pairs => owed = owed - 1 + entry.len(),
            Type::Chunked => {
                at += entry.len();
                owed -= 1;
            }
            Type::Double if entry.is_given() => {
                at += 1;
                owed -= 1;
            }
            _ => owed -= 1,
        }
    }
    at.min(tape.len())
}
