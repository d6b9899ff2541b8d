//! Changing the structure of a reply while its tree is built, to give it its shape. No byte of text changes.
//!
//! A form is a plan that is laid over a parser's tape. What is not as the plan expects stays as it came, node by node: a
//! server of another day may answer in another way, and its answer is worth more than the plan.

use crate::resp::{self, Entry, Frame, Type};

/// What becomes of a value, and of those in it.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// As it came.
    Keep,
    /// The status OK, with whatever it says behind that, is true and keeps its words; so are 1, and 0 is false.
    Bool,
    /// Any status is true, and keeps its words.
    Done,
    /// A status of just these words is true, and keeps them.
    Word(&'static str),
    /// The integer 0 is nothing.
    NonZero,
    /// Text that is a floating point number is a DOUBLE, and keeps its text.
    Double,
    /// Text that is an integer is an INTEGER, if the integer would be written so.
    Integer,
    /// Text for people is a STRING, whatever the protocol calls it.
    Text,
    /// Nothing is a MAP of nothing; anything else has this form.
    OrEmptyMap(&'static Form),
    /// An array is a SET.
    Set,
    /// Each element of an array or a set has this form.
    Each(&'static Form),
    /// The first elements of an array have these forms, one each.
    Tuple(&'static [Form]),
    /// A flat array of keys and values is a MAP; its keys have the one form and its values the other.
    Map(&'static Form, &'static Form),
    /// The same, where each value's form depends on its key, and is the last where the key is not among them.
    Record(&'static [(&'static str, Form)], &'static Form),
    /// A flat array, a map, or an array of pairs is an ARRAY of two-element ARRAYs, of these forms.
    Pairs(&'static Form, &'static Form),
    /// An array of pairs is a MAP; its keys have the one form and its values the other.
    Joined(&'static Form, &'static Form),
}

impl Form {
    /// Lay the plan over a frame, of which a tree will be built then. True: a text that it asks for has come in pieces, and
    /// the tree must be given its form again, when they are joined.
    #[inline]
    pub fn apply(&self, frame: &mut Frame<'_>) -> bool {
        let base = frame.base() as u64;
        let (tape, text, nodes) = frame.parts();
        let mut plan = Overlay { tape, text, base, nodes: 0, pieces: false };
        plan.last(self, 0);
        *nodes = nodes.wrapping_add_signed(plan.nodes);
        plan.pieces
    }

    /// The same for a value without elements, where that is soon said: its text is in these bytes. None: it is not.
    #[inline]
    pub fn leaf(&self, entry: Entry, bytes: &[u8]) -> Option<Entry> {
        let text = || bytes.get(entry.value() as usize..).and_then(|rest| rest.get(..entry.len())).unwrap_or_default();
        match (self, entry.kind()) {
            (Form::Keep, _) => Some(entry),
            // Nothing is something to this one.
            (Form::OrEmptyMap(_), _) => None,
            (_, Type::Null) => Some(entry),
            (Form::Bool, Type::Status) if text() == b"OK" => Some(entry.turned(Type::Said)),
            (Form::Done, Type::Status) if entry.len() != QUEUED.len() => Some(entry.turned(Type::Said)),
            _ => None,
        }
    }

    /// The same for the last root of a tape that is being written; how many nodes more it has.
    pub(crate) fn apply_at(&self, tape: &mut [Entry], text: &[u8]) -> isize {
        let mut plan = Overlay { tape, text, base: 0, nodes: 0, pieces: false };
        plan.node(self, 0);
        plan.nodes
    }
}

/// A tape under the plan.
struct Overlay<'t> {
    tape: &'t mut [Entry],
    text: &'t [u8],
    base: u64,
    /// How many nodes more the tree will have.
    nodes: isize,
    /// A text that matters has come in pieces.
    pieces: bool,
}

impl Overlay<'_> {
    /// The value at this place, where nobody needs to know what is behind it. What is in its form already is not walked
    /// through: of a row of pairs the first tells for all.
    fn last(&mut self, form: &Form, at: usize) {
        let at = self.behind_attributes(at);
        let Some(&entry) = self.tape.get(at) else { return };
        match (form, entry.kind()) {
            (Form::Keep, _) | (Form::Set, Type::Set) | (Form::Map(Form::Keep, Form::Keep), Type::Map) => {}
            (Form::Set, Type::Array) => self.tape[at] = entry.turned(Type::Set),
            (Form::Map(Form::Keep, Form::Keep), Type::Array) if entry.len().is_multiple_of(2) => {
                self.tape[at] = entry.turned(Type::Map);
            }
            (Form::Pairs(Form::Keep, Form::Keep), Type::Array) if self.is_pair(at + 1) => {}
            (Form::Pairs(Form::Keep, Form::Double), Type::Array) if self.is_scored(at + 1) => {}
            (Form::Tuple([forms @ .., last]), Type::Array) if forms.len() < entry.len() => {
                let place = forms.iter().fold(at + 1, |at, form| self.node(form, at));
                self.last(last, place);
            }
            _ => {
                self.node(form, at);
            }
        }
    }

    /// The value at this place; the place behind it.
    fn node(&mut self, form: &Form, at: usize) -> usize {
        if matches!(form, Form::Keep) {
            return self.skip(at);
        }
        let at = self.behind_attributes(at);
        let Some(&entry) = self.tape.get(at) else { return at };
        match (form, entry.kind()) {
            (Form::Bool, Type::Integer) if entry.value() <= 1 => self.turn(at, Type::Bool),
            (Form::Bool, Type::Status) if says_ok(self.text(entry)) => self.turn(at, Type::Said),
            (Form::Done, Type::Status) if self.text(entry) != QUEUED => self.turn(at, Type::Said),
            (Form::Word(word), Type::Status) if self.text(entry) == word.as_bytes() => self.turn(at, Type::Said),
            (Form::NonZero, Type::Integer) if entry.value() == 0 => self.turn(at, Type::Null),
            (Form::Double, Type::String) => self.turn(at, Type::Score),
            (Form::Double, Type::Status) if resp::is_double(self.text(entry)) => self.turn(at, Type::Score),
            (Form::Integer, Type::String) => self.integer(at, entry),
            (Form::Text, Type::Verbatim) => {
                self.tape[at] = entry.behind_format();
                at + 1
            }
            (Form::OrEmptyMap(_), Type::Null) => {
                self.tape[at] = entry.resized(0);
                self.turn(at, Type::Map)
            }
            (Form::OrEmptyMap(form), _) => self.node(form, at),
            (Form::Double | Form::Integer, Type::Chunked) => {
                self.pieces = true;
                self.skip(at)
            }
            (Form::Set, Type::Array) => {
                self.tape[at] = entry.turned(Type::Set);
                self.skip_elements(at + 1, entry.len())
            }
            (Form::Each(form), Type::Array | Type::Set) => (0..entry.len()).fold(at + 1, |at, _| self.node(form, at)),
            (Form::Tuple(forms), Type::Array) => self.tuple(forms, at + 1, entry.len()),
            (Form::Map(key, value), Type::Array | Type::Map) if entry.len().is_multiple_of(2) => {
                self.tape[at] = entry.turned(Type::Map);
                self.twos(key, value, at + 1, entry.len())
            }
            (Form::Record(fields, other), Type::Array | Type::Map) if entry.len().is_multiple_of(2) => {
                self.tape[at] = entry.turned(Type::Map);
                self.record(fields, other, at + 1, entry.len())
            }
            (Form::Pairs(key, value), Type::Array | Type::Map) => self.pairs(key, value, at, entry),
            (Form::Joined(key, value), Type::Array) => self.joined(key, value, at, entry),
            (Form::Joined(key, value), Type::Map) => self.twos(key, value, at + 1, entry.len()),
            _ => self.skip(at),
        }
    }

    fn turn(&mut self, at: usize, kind: Type) -> usize {
        self.tape[at] = self.tape[at].turned(kind);
        at + 1
    }

    fn integer(&mut self, at: usize, entry: Entry) -> usize {
        let text = self.text(entry);
        // What is written in another way would be lost.
        let is_plain = !matches!(text, [b'+', ..] | [b'-', b'0', ..]);
        if let Some(value) = resp::integer(text).filter(|_| is_plain) {
            self.tape[at] = Entry::of_integer(value);
        }
        at + 1
    }

    fn tuple(&mut self, forms: &[Form], at: usize, len: usize) -> usize {
        let known = forms.len().min(len);
        let at = forms[..known].iter().fold(at, |at, form| self.element(form, at));
        if known == len { at } else { self.skip_elements(at, len - known) }
    }

    /// As `node`, by a shorter way where there is one.
    #[inline(always)]
    fn element(&mut self, form: &Form, at: usize) -> usize {
        match (form, self.tape.get(at).copied()) {
            (Form::Keep, _) => self.skip(at),
            (Form::Pairs(key, value), Some(entry)) if entry.kind() == Type::Array => self.pairs(key, value, at, entry),
            _ => self.node(form, at),
        }
    }

    /// Keys and values, one behind the other.
    fn twos(&mut self, key: &Form, value: &Form, mut at: usize, len: usize) -> usize {
        let mut left = len / 2;
        if matches!((key, value), (Form::Keep, Form::Keep)) {
            return self.skip_elements(at, 2 * left);
        }
        if matches!((key, value), (Form::Keep, Form::Double)) {
            // What scores come as: a row of texts.
            let mut rest = self.tape.get_mut(at..).unwrap_or_default();
            while left > 0
                && let [first, second, behind @ ..] = rest
                && (first.kind(), second.kind()) == (Type::String, Type::String)
            {
                *second = second.turned(Type::Score);
                rest = behind;
                (at, left) = (at + 2, left - 1);
            }
        }
        for _ in 0..left {
            at = self.node(key, at);
            at = self.node(value, at);
        }
        at
    }

    fn record(&mut self, fields: &[(&str, Form)], other: &Form, mut at: usize, len: usize) -> usize {
        for _ in 0..len / 2 {
            let key = self.tape.get(self.behind_attributes(at)).copied();
            self.pieces |= key.is_some_and(|key| key.kind() == Type::Chunked);
            let key = key.filter(|key| matches!(key.kind(), Type::String | Type::Status)).map(|key| self.text(key));
            let form = fields.iter().find(|(name, _)| Some(name.as_bytes()) == key).map_or(other, |(_, form)| form);
            at = self.skip(at);
            at = self.node(form, at);
        }
        at
    }

    fn pairs(&mut self, key: &Form, value: &Form, at: usize, entry: Entry) -> usize {
        let (first, len) = (at + 1, entry.len());
        if entry.kind() == Type::Array && self.is_pair(first) {
            return (0..len).fold(first, |at, _| self.tuple_of_two(key, value, at));
        }
        if !len.is_multiple_of(2) {
            return self.skip_elements(first, len);
        }
        if len == 0 {
            return self.turn(at, Type::Array);
        }
        self.tape[at] = entry.turned(Type::Pairs);
        self.nodes += (len / 2) as isize;
        self.twos(key, value, first, len)
    }

    fn joined(&mut self, key: &Form, value: &Form, at: usize, entry: Entry) -> usize {
        let (first, len) = (at + 1, entry.len());
        let mut end = first;
        for _ in 0..len {
            if !self.is_pair(end) {
                return self.skip(at);
            }
            end = self.skip(end);
        }
        self.tape[at] = entry.turned(Type::Map).resized(2 * len);
        self.nodes -= len as isize;
        let mut at = first;
        for _ in 0..len {
            let pair = self.behind_attributes(at);
            self.turn(pair, Type::Gone);
            at = self.node(key, pair + 1);
            at = self.node(value, at);
        }
        at
    }

    /// An element that should be a pair.
    fn tuple_of_two(&mut self, key: &Form, value: &Form, at: usize) -> usize {
        if !self.is_pair(at) {
            return self.skip(at);
        }
        let at = self.node(key, self.behind_attributes(at) + 1);
        self.node(value, at)
    }

    #[inline]
    fn is_pair(&self, at: usize) -> bool {
        if self.tape.get(at).is_some_and(|entry| entry.is_plain()) {
            return false;
        }
        self.tape.get(self.behind_attributes(at)).is_some_and(|entry| entry.kind() == Type::Array && entry.len() == 2)
    }

    /// Whether an element is a pair with a double.
    fn is_scored(&self, at: usize) -> bool {
        self.is_pair(at) && {
            let second = self.skip(self.behind_attributes(at) + 1);
            self.tape.get(self.behind_attributes(second)).is_some_and(|entry| entry.kind() == Type::Double)
        }
    }

    /// The place behind the value at this place, and all in it.
    #[inline(always)]
    fn skip(&self, at: usize) -> usize {
        match self.tape.get(at) {
            Some(entry) if entry.is_plain() => at + 1,
            _ => self.skip_elements(at, 1),
        }
    }

    fn skip_elements(&self, mut at: usize, mut owed: usize) -> usize {
        while owed > 0 {
            // Most are one entry each.
            let rest = self.tape.get(at..).unwrap_or_default();
            let (fours, _) = rest.get(..owed).unwrap_or(rest).as_chunks::<4>();
            let all = |four: &&[Entry; 4]| four.iter().fold(true, |all, entry| all & entry.is_plain());
            let plain = 4 * fours.iter().take_while(all).count();
            (at, owed) = (at + plain, owed - plain);
            if owed == 0 {
                break;
            }
            let Some(&entry) = self.tape.get(at) else { return self.tape.len() };
            at += 1;
            owed = match entry.kind() {
                Type::Array | Type::Set | Type::Map | Type::Push | Type::Pairs => owed - 1 + entry.len(),
                Type::Attribute | Type::Gone => owed + entry.len(),
                Type::Chunked => {
                    at += entry.len();
                    owed - 1
                }
                Type::Double if entry.is_given() => {
                    at += 1;
                    owed - 1
                }
                _ => owed - 1,
            };
        }
        at
    }

    /// Where the value is that the attributes at this place belong to.
    fn behind_attributes(&self, mut at: usize) -> usize {
        while let Some(entry) = self.tape.get(at).filter(|entry| entry.kind() == Type::Attribute) {
            at = self.skip_elements(at + 1, entry.len());
        }
        at
    }

    fn text(&self, entry: Entry) -> &[u8] {
        let at = entry.value().wrapping_sub(self.base) as usize;
        self.text.get(at..).and_then(|rest| rest.get(..entry.len())).unwrap_or_default()
    }
}

/// OK, and perhaps something behind it, as SENTINEL CKQUORUM says it.
fn says_ok(text: &[u8]) -> bool {
    matches!(text, b"OK" | [b'O', b'K', b' ', ..])
}

/// What a transaction says to a command that will run later: no answer to it.
const QUEUED: &[u8] = b"QUEUED";
