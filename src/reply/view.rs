//! Safe reading of a reply, for the rest of the crate.

use super::node::{Kind, Node};
use crate::resp;
use std::fmt;

/// A node of a living tree.
#[derive(Clone, Copy)]
pub struct View<'a>(&'a Node);

impl<'a> View<'a> {
    /// A view of a node whose tree lives as long as the borrow.
    pub fn new(node: &'a Node) -> View<'a> {
        View(node)
    }

    /// The node itself.
    pub fn node(self) -> &'a Node {
        self.0
    }

    /// What it is.
    pub fn kind(self) -> Kind {
        self.0.kind
    }

    /// Whether it is nothing.
    pub fn is_null(self) -> bool {
        self.kind() == Kind::RREDIS_REPLY_NULL
    }

    /// Whether it is a server's error.
    pub fn is_error(self) -> bool {
        self.kind() == Kind::RREDIS_REPLY_ERROR
    }

    /// Its text; empty where it has none.
    pub fn text(self) -> &'a [u8] {
        if self.0.str.is_null() {
            return &[];
        }
        // SAFETY: a node with a str has len bytes there, for as long as its tree lives.
        unsafe { std::slice::from_raw_parts(self.0.str.cast(), self.0.len) }
    }

    /// The three letters of a VERBATIM; empty for anything else.
    pub fn format(self) -> &'a [u8] {
        if self.kind() != Kind::RREDIS_REPLY_VERBATIM || self.0.str.is_null() {
            return &[];
        }
        // SAFETY: a verbatim text has its three letters and a NUL right before it.
        unsafe { std::slice::from_raw_parts(self.0.str.cast::<u8>().wrapping_sub(4), 3) }
    }

    /// How many elements it has; in a map, keys and values both count.
    pub fn len(self) -> usize {
        self.elements().len()
    }

    /// Whether it has no elements.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The element at `index`.
    pub fn get(self, index: usize) -> Option<View<'a>> {
        self.elements().get(index).map(View)
    }

    /// Its elements in order.
    pub fn children(self) -> impl ExactSizeIterator<Item = View<'a>> {
        self.elements().iter().map(View)
    }

    /// The value of a key of a map: the first key with this text.
    pub fn find(self, key: &[u8]) -> Option<View<'a>> {
        if self.kind() != Kind::RREDIS_REPLY_MAP {
            return None;
        }
        let mut pairs = self.elements().chunks_exact(2).map(|pair| (View(&pair[0]), View(&pair[1])));
        pairs.find(|(name, _)| !name.0.str.is_null() && name.text() == key).map(|(_, value)| value)
    }

    /// An INTEGER or BOOL, a DOUBLE that is whole, or a text that is an integer.
    pub fn integer(self) -> Option<i64> {
        match self.kind() {
            Kind::RREDIS_REPLY_INTEGER | Kind::RREDIS_REPLY_BOOL => Some(self.0.integer),
            Kind::RREDIS_REPLY_DOUBLE => whole(self.0.number),
            _ if self.has_plain_text() => resp::integer(self.text()),
            _ => None,
        }
    }

    /// A DOUBLE, INTEGER or BOOL, or a text that is a number.
    pub fn number(self) -> Option<f64> {
        match self.kind() {
            Kind::RREDIS_REPLY_DOUBLE => Some(self.0.number),
            Kind::RREDIS_REPLY_INTEGER | Kind::RREDIS_REPLY_BOOL => Some(self.0.integer as f64),
            _ if self.has_plain_text() && resp::is_double(self.text()) => Some(resp::double(self.text())),
            _ => None,
        }
    }

    fn has_plain_text(self) -> bool {
        matches!(
            self.kind(),
            Kind::RREDIS_REPLY_STRING
                | Kind::RREDIS_REPLY_STATUS
                | Kind::RREDIS_REPLY_VERBATIM
                | Kind::RREDIS_REPLY_BIG_NUMBER
        )
    }

    fn elements(self) -> &'a [Node] {
        if self.0.elements.is_null() {
            return &[];
        }
        // SAFETY: a node with elements has len of them there, for as long as its tree lives.
        unsafe { std::slice::from_raw_parts(self.0.elements, self.0.len) }
    }
}

/// A double as an integer, if it is one that 64 bits hold.
fn whole(number: f64) -> Option<i64> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    (number.trunc() == number && (-LIMIT..LIMIT).contains(&number)).then_some(number as i64)
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, text) = (self.kind(), self.text().escape_ascii());
        match kind {
            Kind::RREDIS_REPLY_INTEGER | Kind::RREDIS_REPLY_BOOL => write!(formatter, "{kind:?} {}", self.0.integer),
            _ if self.0.str.is_null() => write!(formatter, "{kind:?} of {}", self.len()),
            _ => write!(formatter, "{kind:?} \"{text}\""),
        }
    }
}
