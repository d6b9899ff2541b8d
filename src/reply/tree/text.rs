//! The bytes that the texts of a tree are in.

use crate::error::{Error, Result, Status};
use crate::resp::{self, Entry};
use std::ffi::c_char;
use std::ptr;

/// What is left of a tape.
pub(super) type Entries<'t> = std::slice::Iter<'t, Entry>;

/// The bytes that texts are in: places on the tape are counted from `base`.
#[derive(Clone, Copy)]
pub(super) struct Text {
    pub(super) at: *mut u8,
    pub(super) len: usize,
    pub(super) base: u64,
}

impl Text {
    /// Where a text is, and how long; its NUL is written behind it.
    #[inline]
    pub(super) fn place(&self, entry: Entry) -> Result<(*const c_char, usize)> {
        let (at, len) = self.within(entry)?;
        let str = self.at.wrapping_add(at);
        // SAFETY: within has looked that the text and one byte behind it are inside.
        unsafe { str.wrapping_add(len).write(0) };
        Ok((str.cast_const().cast(), len))
    }

    /// A verbatim text is what is behind its three letters and the colon, which becomes their NUL.
    pub(super) fn behind_format(&self, entry: Entry) -> Result<(*const c_char, usize)> {
        let (str, len) = self.place(entry)?;
        let len = len.checked_sub(4).ok_or_else(broken)?;
        // SAFETY: the colon behind the three letters, inside the text.
        unsafe { str.wrapping_add(3).cast_mut().write(0) };
        Ok((str.wrapping_add(4), len))
    }

    pub(super) fn slice(&self, entry: Entry) -> Result<&[u8]> {
        let (at, len) = self.within(entry)?;
        // SAFETY: within has looked that the text is inside; all of it is initialised.
        Ok(unsafe { std::slice::from_raw_parts(self.at.wrapping_add(at), len) })
    }

    /// The number that a text is, if it is one.
    #[inline(always)]
    pub(super) fn score(&self, entry: Entry) -> Result<Option<f64>> {
        let (at, len) = self.within(entry)?;
        // SAFETY: within has looked that the text is inside; all from there to the end is initialised.
        let behind = unsafe { std::slice::from_raw_parts(self.at.wrapping_add(at), self.len - at) };
        Ok(resp::score(behind, len))
    }

    /// Join the pieces that follow `entry`, where its value says: before the first of them.
    pub(super) fn join(&self, entry: Entry, entries: &mut Entries<'_>) -> Result<(*const c_char, usize)> {
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
        let (at, len) = (entry.value().wrapping_sub(self.base) as usize, entry.len());
        // One byte behind it is inside too.
        match at < self.len && len < self.len - at {
            true => Ok((at, len)),
            false => Err(broken()),
        }
    }
}

/// A tape that does not describe one tree. The parsers make none.
#[cold]
pub(super) fn broken() -> Error {
    Error::new(Status::Panic, "a reply was noted wrongly by its parser")
}
