//! Writing a tape one value at a time, for the simple parser and the builder.

use super::grammar;
use super::tape::{About, Entry, Frame, GIVE_BYTES_MIN, Given, Type, root_behind_notes};
use zeroize::Zeroize;

use crate::error::{Error, Result, Status};
use crate::limits::Limits;
use crate::memory;

/// Notes values as they are added. What goes wrong is kept: after it the rest do nothing, and `frame` says what it was.
pub struct Recorder {
    limits: Limits,
    tape: Vec<Entry>,
    /// Every text, each with a NUL behind it.
    text: Vec<u8>,
    open: Vec<OpenAggregate>,
    /// Whether the reply has its root, and whether attributes wait for the next value.
    has_root: bool,
    annotated: bool,
    nodes: u64,
    notes: usize,
    /// Of the frame that was given last.
    about: About,
    failed: Option<Error>,
    /// The texts may be secrets: memory that they leave is overwritten.
    secret: bool,
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if self.secret {
            self.text.zeroize();
        }
    }
}

/// An aggregate that has not ended: its entry, and how many elements have come.
struct OpenAggregate {
    entry: usize,
    count: u64,
}

impl Recorder {
    /// Nothing noted yet, and no more than `limits` will be.
    pub fn new(limits: Limits) -> Recorder {
        Recorder {
            limits: super::representable(limits),
            tape: Vec::new(),
            text: Vec::new(),
            open: Vec::new(),
            has_root: false,
            annotated: false,
            nodes: 0,
            notes: 0,
            about: About::default(),
            failed: None,
            secret: false,
        }
    }

    /// From now on the texts may be secrets: memory that they leave is overwritten. Or no more: what those before left is.
    pub fn hold_secrets(&mut self, secret: bool) {
        if std::mem::replace(&mut self.secret, secret) {
            self.text.spare_capacity_mut().zeroize();
        }
    }

    /// Forget everything, errors too.
    pub fn clear(&mut self) {
        self.tape.clear();
        self.text.clear();
        self.open.clear();
        self.has_root = false;
        self.annotated = false;
        self.nodes = 0;
        self.notes = 0;
        self.about = About::default();
        self.failed = None;
    }

    /// Keep this error, unless there is one already.
    pub fn fail(&mut self, error: Error) {
        self.failed.get_or_insert(error);
    }

    /// Note a null.
    pub fn null(&mut self) {
        self.attempt(|this| this.leaf(Entry::new(Type::Null, 0, 0)));
    }

    /// Note an integer.
    pub fn integer(&mut self, value: i64) {
        self.attempt(|this| this.leaf(Entry::new(Type::Integer, 0, value as u64)));
    }

    /// Note a boolean.
    pub fn boolean(&mut self, value: bool) {
        self.attempt(|this| this.leaf(Entry::new(Type::Bool, 0, u64::from(value))));
    }

    /// Note a double: its value, and its text where there is one; without, it is written.
    pub fn number(&mut self, value: f64, text: Option<&[u8]>) {
        let written;
        let text = match text {
            Some(text) => text,
            None => {
                written = number_text(value);
                written.as_bytes()
            }
        };
        self.attempt(|this| {
            if !grammar::is_double(text) {
                return Err(argument("the text of a number is not one"));
            }
            this.begin(Type::Double)?;
            this.more(text)?;
            this.finish()?;
            let double = this.tape.len() - 1;
            this.tape[double] = this.tape[double].given();
            super::push(&mut this.tape, Entry::new(Type::Number, 0, value.to_bits()))
        });
    }

    /// Note a text: STRING, STATUS, ERROR, VERBATIM with its three letters and colon, or BIG_NUMBER.
    pub fn text(&mut self, kind: Type, text: &[u8]) {
        self.attempt(|this| {
            check_text(kind, text)?;
            this.leaf(Entry::new(kind, text.len() as u64, this.text.len() as u64))?;
            this.make_room(text.len() + 1)?;
            this.text.extend_from_slice(text);
            if this.text.len() as u64 > this.limits.bytes {
                return Err(grammar::bytes_limit(&this.limits, false, 0));
            }
            this.text.push(0);
            Ok(())
        });
    }

    /// Note a verbatim text by its three letters and what is behind the colon.
    pub fn verbatim(&mut self, format: &[u8], text: &[u8]) {
        self.attempt(|this| {
            if format.len() != 3 {
                return Err(argument("the format of a verbatim text has three letters"));
            }
            this.begin(Type::Verbatim)?;
            this.more(format)?;
            this.more(b":")?;
            this.more(text)?;
            this.finish()
        });
    }

    /// Begin an aggregate, or attributes for the value behind them.
    pub fn open(&mut self, kind: Type) {
        self.attempt(|this| {
            if !matches!(kind, Type::Array | Type::Set | Type::Map | Type::Push | Type::Attribute) {
                return Err(argument("only an array, a set, a map or a push can be opened"));
            }
            this.descend(kind)
        });
    }

    /// End the aggregate that was opened last.
    pub fn end(&mut self) {
        self.attempt(|this| this.ascend());
    }

    /// Where what is added next will stand on the tape.
    pub fn mark(&self) -> usize {
        self.tape.len()
    }

    /// Let `plan` change what was noted since `mark`: the entries, over all the text. It says how many nodes more there are.
    pub fn shape(&mut self, mark: usize, plan: impl FnOnce(&mut [Entry], &[u8]) -> isize) {
        if self.failed.is_none()
            && let Some(tape) = self.tape.get_mut(mark..)
        {
            self.nodes = self.nodes.wrapping_add_signed(plan(tape, &self.text) as i64);
        }
    }

    /// Whether nothing was added, and nothing went wrong.
    pub fn is_empty(&self) -> bool {
        self.tape.is_empty() && self.failed.is_none()
    }

    /// What the root is: None until there is one.
    pub fn root(&self) -> Option<Type> {
        let place = if self.notes == 0 { 0 } else { root_behind_notes(&self.tape) };
        self.tape.get(place).map(|entry| entry.kind())
    }

    /// Whether it is one whole reply; if not, why.
    pub fn check(&self) -> Result<()> {
        let unfinished = match (&self.failed, self.open.is_empty(), self.has_root) {
            (Some(error), ..) => return Err(error.clone()),
            (None, false, _) => "an aggregate is still open",
            (None, true, false) if self.annotated => "attributes without a value",
            (None, true, false) => "nothing was added",
            (None, true, true) => return Ok(()),
        };
        Err(Error::new(Status::State, unfinished))
    }

    /// The reply, if it is whole. A large one takes its text along: what comes next is `clear`.
    pub fn frame(&mut self) -> Result<Frame<'_>> {
        self.check()?;
        self.about.is_push = self.root() == Some(Type::Push);
        self.about.nodes = self.nodes as usize;
        self.about.notes = self.notes;
        self.about.has_text = true;
        self.about.wire_len = self.text.len();
        // A secret's memory does not grow by what stands beside it in a tree: it might have to move.
        self.about.buffer = match self.text.len() >= GIVE_BYTES_MIN && !self.secret {
            true => {
                let buffer = std::mem::take(&mut self.text);
                Some(Given { from: 0, len: buffer.len(), buffer })
            }
            false => None,
        };
        Ok(Frame { tape: &mut self.tape, bytes: &self.text, about: &mut self.about })
    }

    // ---- The same in pieces, for a parser: text as it comes, and errors at once ----

    /// A text begins; `more` brings it and `finish` ends it.
    pub(super) fn begin(&mut self, kind: Type) -> Result<()> {
        let place = self.text.len() as u64;
        self.leaf(Entry::new(kind, 0, place))
    }

    pub(super) fn more(&mut self, text: &[u8]) -> Result<()> {
        // Room for the NUL is taken with it, so that finishing never moves what may be much.
        self.make_room(text.len() + 1)?;
        self.text.extend_from_slice(text);
        Ok(())
    }

    #[inline(always)]
    fn make_room(&mut self, bytes: usize) -> Result<()> {
        if self.text.capacity().wrapping_sub(self.text.len()) >= bytes {
            return Ok(());
        }
        match self.secret {
            false => self.text.try_reserve(bytes).map_err(|_| Error::memory("the reply")),
            true => memory::reserve_secretly(&mut self.text, bytes, "the reply"),
        }
    }

    pub(super) fn finish(&mut self) -> Result<()> {
        let len = self.begun().len() as u64;
        if let Some(entry) = self.tape.last_mut() {
            entry.set_len(len);
        }
        if self.text.len() as u64 > self.limits.bytes {
            return Err(grammar::bytes_limit(&self.limits, false, 0));
        }
        self.make_room(1)?;
        self.text.push(0);
        Ok(())
    }

    /// The text that was begun, as far as it has come.
    pub(super) fn begun(&self) -> &[u8] {
        let from = self.tape.last().map_or(0, |entry| entry.value() as usize);
        &self.text[from..]
    }

    pub(super) fn begun_kind(&self) -> Option<Type> {
        self.tape.last().map(|entry| entry.kind())
    }

    /// Whether attributes wait for the value that they belong to.
    pub(super) fn is_annotated(&self) -> bool {
        self.annotated
    }

    #[inline(always)]
    pub(super) fn leaf(&mut self, entry: Entry) -> Result<()> {
        self.node()?;
        super::push(&mut self.tape, entry)
    }

    pub(super) fn descend(&mut self, kind: Type) -> Result<()> {
        if self.open.len() >= self.limits.depth as usize {
            return Err(grammar::depth_limit(&self.limits));
        }
        let entry = self.tape.len();
        match kind {
            Type::Attribute => self.attributes()?,
            _ => self.node()?,
        }
        super::push(&mut self.tape, Entry::new(kind, 0, 0))?;
        super::push(&mut self.open, OpenAggregate { entry, count: 0 })
    }

    pub(super) fn ascend(&mut self) -> Result<()> {
        let Some(OpenAggregate { entry, count }) = self.open.pop() else {
            return Err(Error::new(Status::State, "nothing is open that could end"));
        };
        if self.annotated {
            return Err(argument("attributes without a value"));
        }
        let kind = self.tape[entry].kind();
        if matches!(kind, Type::Map | Type::Attribute) && count % 2 == 1 {
            return Err(argument("a map has a key without a value"));
        }
        self.tape[entry].set_len(count);
        self.annotated = kind == Type::Attribute;
        Ok(())
    }

    /// One more node, where one may stand.
    #[inline(always)]
    fn node(&mut self) -> Result<()> {
        match self.open.last_mut() {
            Some(open) => open.count += 1,
            None if self.has_root => return Err(Error::new(Status::State, "more than one root")),
            None => self.has_root = true,
        }
        self.annotated = false;
        self.count_node()
    }

    fn attributes(&mut self) -> Result<()> {
        if self.open.is_empty() && self.has_root {
            return Err(Error::new(Status::State, "more than one root"));
        }
        self.annotated = false;
        self.notes += 1;
        self.count_node()
    }

    #[inline(always)]
    fn count_node(&mut self) -> Result<()> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes {
            return Err(grammar::nodes_limit(&self.limits, 0));
        }
        Ok(())
    }

    #[inline(always)]
    fn attempt(&mut self, action: impl FnOnce(&mut Recorder) -> Result<()>) {
        if self.failed.is_none()
            && let Err(error) = action(self)
        {
            self.failed = Some(error);
        }
    }
}

fn check_text(kind: Type, text: &[u8]) -> Result<()> {
    match kind {
        Type::String | Type::Status | Type::Error | Type::Said => Ok(()),
        Type::Verbatim if text.get(3) == Some(&b':') => Ok(()),
        Type::Verbatim => Err(argument("a verbatim text begins with three letters and a colon")),
        Type::BigNumber if grammar::is_big_number(text) => Ok(()),
        Type::BigNumber => Err(argument("a big number is digits, with a sign if need be")),
        _ => Err(argument("text has a kind that has none: a string, status, error, verbatim or big number has")),
    }
}

/// The shortest text that reads back as the same double.
fn number_text(value: f64) -> String {
    if value.is_nan() {
        "nan".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "inf".to_owned() } else { "-inf".to_owned() }
    } else if value != 0.0 && !(1e-5..1e17).contains(&value.abs()) {
        format!("{value:e}")
    } else {
        format!("{value}")
    }
}

fn argument(message: &str) -> Error {
    Error::new(Status::Argument, message)
}
