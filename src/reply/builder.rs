//! Building a reply: for callbacks, the program's parsers, and tests.

use super::form::Form;
use super::node::{Kind, Node};
use super::tree::Reply;
use super::view::View;
use crate::error::{Error, Result, Status};
use crate::limits::Limits;
use crate::resp::{Frame, Recorder, Type};

/// Adds node after node. What goes wrong is kept: after it the rest do nothing, and `take` says what it was.
pub struct Builder {
    recorder: Recorder,
    failed: Option<Error>,
}

impl Default for Builder {
    fn default() -> Builder {
        Builder::new()
    }
}

impl Builder {
    /// An empty builder.
    pub fn new() -> Builder {
        Builder::with_limits(Limits::default())
    }

    /// An empty builder for secrets: memory that they leave is overwritten.
    pub fn for_secrets() -> Builder {
        let mut builder = Builder::new();
        builder.recorder.hold_secrets(true);
        builder
    }

    /// An empty builder whose replies may not grow past these.
    pub fn with_limits(limits: Limits) -> Builder {
        Builder { recorder: Recorder::new(limits), failed: None }
    }

    /// An empty builder for copies: what exists already is as large as it may be.
    pub fn for_copies() -> Builder {
        Builder::with_limits(Limits { bytes: u64::MAX, nodes: u64::MAX, depth: u32::MAX, ..Limits::default() })
    }

    /// Add a null.
    pub fn add_null(&mut self) {
        self.recorder.null();
    }

    /// Add an INTEGER, or a BOOL that is 0 or 1.
    pub fn add_integer(&mut self, kind: Kind, value: i64) {
        match (kind, value) {
            (Kind::RREDIS_REPLY_INTEGER, _) => self.recorder.integer(value),
            (Kind::RREDIS_REPLY_BOOL, 0 | 1) => self.recorder.boolean(value == 1),
            (Kind::RREDIS_REPLY_BOOL, _) => self.refuse("a BOOL is 0 or 1"),
            _ => self.refuse("an integer is added as an INTEGER or a BOOL"),
        }
    }

    /// Add a DOUBLE, with its text or with one that is written for it.
    pub fn add_number(&mut self, value: f64, text: Option<&[u8]>) {
        self.recorder.number(value, text);
    }

    /// Add a STRING, STATUS, ERROR, BIG_NUMBER, or VERBATIM, whose text begins with three letters and a colon.
    pub fn add_text(&mut self, kind: Kind, text: &[u8]) {
        match text_type(kind) {
            Some(kind) => self.recorder.text(kind, text),
            None => self.refuse("text is added as a STRING, STATUS, ERROR, VERBATIM or BIG_NUMBER"),
        }
    }

    /// Add a copy of a node of any tree, with all below it. Its attributes stay behind.
    pub fn add_reply(&mut self, node: &Node) {
        self.copy_all(View::new(node), None);
    }

    /// Add a copy of a node of this reply, with all below it and all their attributes.
    pub fn add_part(&mut self, whole: &Reply, part: View<'_>) {
        self.copy_all(part, Some(whole));
    }

    /// Add a BOOL that is true, with the words that said so.
    pub fn add_said(&mut self, words: &[u8]) {
        self.recorder.text(Type::Said, words);
    }

    /// Add a copy of a node of any tree, in this form. Its attributes stay behind.
    pub fn add_formed(&mut self, node: View<'_>, form: &Form) {
        let from = self.recorder.mark();
        self.add_reply(node.node());
        self.recorder.shape(from, |tape, text| form.apply_at(tape, text));
    }

    /// Add a copy of a node of this reply in this form, with all attributes.
    pub fn add_formed_part(&mut self, whole: &Reply, part: View<'_>, form: &Form) {
        let from = self.recorder.mark();
        self.add_part(whole, part);
        self.recorder.shape(from, |tape, text| form.apply_at(tape, text));
    }

    /// Add the attributes of a node of this reply, if it has some: those of what is added next.
    pub fn add_attributes(&mut self, whole: &Reply, part: View<'_>) {
        if let Some(map) = whole.attributes(part.node()) {
            self.open_attributes();
            View::new(map).children().for_each(|child| self.copy_all(child, Some(whole)));
            self.end();
        }
    }

    /// Open an ARRAY, SET, MAP or PUSH: what follows is in it, until `end`.
    pub fn open(&mut self, kind: Kind) {
        match aggregate_type(kind) {
            Some(kind) => self.recorder.open(kind),
            None => self.refuse("only an ARRAY, SET, MAP or PUSH can be opened"),
        }
    }

    /// Open the attributes of the next node: a map, until `end`.
    pub fn open_attributes(&mut self) {
        self.recorder.open(Type::Attribute);
    }

    /// End what was opened last.
    pub fn end(&mut self) {
        self.recorder.end();
    }

    /// The reply, if it is whole; whatever comes of it, the builder is empty again.
    pub fn take(&mut self) -> Result<Reply> {
        let reply = match self.failed.take() {
            Some(error) => Err(error),
            None => self.recorder.frame().and_then(Reply::build),
        };
        self.clear();
        reply
    }

    /// The reply, if it is whole, for who does not want a tree of it; what comes next is `clear`.
    pub fn frame(&mut self) -> Result<Frame<'_>> {
        match self.failed.take() {
            Some(error) => Err(error),
            None => self.recorder.frame(),
        }
    }

    /// Forget everything that was added, and what went wrong.
    pub fn clear(&mut self) {
        self.recorder.clear();
        self.failed = None;
    }

    /// Change places with a parser's recorder, so that a function of the caller's may add to it through a builder. An error
    /// that only the builder knew goes along.
    pub fn swap(&mut self, recorder: &mut Recorder) {
        if let Some(error) = self.failed.take() {
            self.recorder.fail(error);
        }
        std::mem::swap(&mut self.recorder, recorder);
    }

    /// Keep this error, unless there is one already.
    pub fn fail(&mut self, error: Error) {
        self.recorder.fail(error);
    }

    fn refuse(&mut self, message: &str) {
        self.fail(Error::new(Status::Argument, message));
    }

    fn copy_all(&mut self, root: View<'_>, annotated: Option<&Reply>) {
        if let Err(error) = self.copy(root, annotated.filter(|reply| reply.is_annotated())) {
            self.failed.get_or_insert(error);
        }
    }

    /// Depth first, without recursion: `rows` has what is left of each aggregate around, and, of attributes, the node that
    /// they annotate. Attributes are those that `annotated` has, also within attributes.
    fn copy(&mut self, root: View<'_>, annotated: Option<&Reply>) -> Result<()> {
        let mut rows = Vec::new();
        let mut next = Some(root);
        let mut behind_its_attributes = false;
        loop {
            let opened = match next {
                Some(view) => match annotated.and_then(|reply| reply.attributes(view.node())) {
                    Some(map) if !behind_its_attributes => {
                        self.open_attributes();
                        Some((View::new(map), Some(view)))
                    }
                    _ => self.copy_one(view).then_some((view, None)),
                },
                None => {
                    self.end();
                    None
                }
            };
            behind_its_attributes = false;
            if let Some((aggregate, owner)) = opened {
                rows.try_reserve(1).map_err(|_| Error::memory("the reply"))?;
                rows.push((aggregate.children(), owner));
            } else if next.is_none()
                && let Some((_, Some(owner))) = rows.pop()
            {
                (next, behind_its_attributes) = (Some(owner), true);
                continue;
            }
            match rows.last_mut() {
                Some((row, _)) => next = row.next(),
                None => return Ok(()),
            }
        }
    }

    /// Add one node. True: it is an aggregate, open now.
    fn copy_one(&mut self, view: View<'_>) -> bool {
        let node = view.node();
        match view.kind() {
            Kind::RREDIS_REPLY_NULL => self.add_null(),
            Kind::RREDIS_REPLY_BOOL if !node.str.is_null() => self.add_said(view.text()),
            Kind::RREDIS_REPLY_INTEGER | Kind::RREDIS_REPLY_BOOL => self.add_integer(view.kind(), node.integer),
            Kind::RREDIS_REPLY_DOUBLE => self.add_number(node.number, Some(view.text())),
            Kind::RREDIS_REPLY_VERBATIM => self.recorder.verbatim(view.format(), view.text()),
            kind => match (text_type(kind), aggregate_type(kind)) {
                (Some(kind), _) => self.recorder.text(kind, view.text()),
                (_, Some(kind)) => {
                    self.recorder.open(kind);
                    return true;
                }
                _ => {}
            },
        }
        false
    }
}

fn text_type(kind: Kind) -> Option<Type> {
    match kind {
        Kind::RREDIS_REPLY_STRING => Some(Type::String),
        Kind::RREDIS_REPLY_STATUS => Some(Type::Status),
        Kind::RREDIS_REPLY_ERROR => Some(Type::Error),
        Kind::RREDIS_REPLY_VERBATIM => Some(Type::Verbatim),
        Kind::RREDIS_REPLY_BIG_NUMBER => Some(Type::BigNumber),
        _ => None,
    }
}

fn aggregate_type(kind: Kind) -> Option<Type> {
    match kind {
        Kind::RREDIS_REPLY_ARRAY => Some(Type::Array),
        Kind::RREDIS_REPLY_SET => Some(Type::Set),
        Kind::RREDIS_REPLY_MAP => Some(Type::Map),
        Kind::RREDIS_REPLY_PUSH => Some(Type::Push),
        _ => None,
    }
}
