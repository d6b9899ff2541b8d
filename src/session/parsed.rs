//! What the parser gave, before it is known whose it is.

use crate::reply::Reply;

/// What the parser gave.
pub(super) struct Parsed {
    pub(super) reply: Reply,
    pub(super) wire_len: usize,
    /// It has the shape that its command asked for; otherwise it is as it came, for there is something to be read off it.
    pub(super) shaped: bool,
    /// It is a push that is a message, and nothing else is to be read off it.
    pub(super) is_message: bool,
}
