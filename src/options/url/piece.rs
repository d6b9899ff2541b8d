//! Where in a URL something stands.

use super::super::fault::config;
use crate::error::Error;

/// Some bytes of the URL, and where they stand in it.
#[derive(Clone, Copy)]
pub(super) struct UrlPiece<'u> {
    pub(super) at: usize,
    pub(super) bytes: &'u [u8],
}

impl<'u> UrlPiece<'u> {
    /// Up to the first byte that `stop` knows, and from it on.
    pub(super) fn cut(self, stop: impl Fn(u8) -> bool) -> (UrlPiece<'u>, UrlPiece<'u>) {
        self.split(self.bytes.iter().position(|byte| stop(*byte)).unwrap_or(self.bytes.len()))
    }

    pub(super) fn split(self, at: usize) -> (UrlPiece<'u>, UrlPiece<'u>) {
        let (head, tail) = self.bytes.split_at_checked(at).unwrap_or((self.bytes, b""));
        (UrlPiece { at: self.at, bytes: head }, UrlPiece { at: self.at + head.len(), bytes: tail })
    }

    /// Without its first `count` bytes.
    pub(super) fn skip(self, count: usize) -> UrlPiece<'u> {
        self.split(count).1
    }
}

pub(super) fn fault(at: usize, what: impl Into<Vec<u8>>) -> Error {
    let mut message = what.into();
    message.extend_from_slice(format!(", at byte {at} of the URL").as_bytes());
    config(message)
}
