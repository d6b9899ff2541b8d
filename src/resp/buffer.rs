//! The read buffer between a socket and a parser. Bytes are read in place.

use super::tape::Given;
use zeroize::Zeroize;

use crate::error::{Error, Result, Status};
use crate::limits::REST_BYTES_MAX;
use crate::memory::{self, Room};

/// `bytes[start..end]` are from the peer and unread; behind `end` there is room that has been initialised before.
#[derive(Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// What is in it may be a secret.
    secret: bool,
}

impl Buffer {
    /// Room for `wanted` bytes, and memory for `behind` more where no growth is expected after that. What is unread moves to the
    /// front when that is no more work than what was read meanwhile, so that no pattern of reading costs more than one move a
    /// byte.
    #[inline]
    pub(super) fn room(&mut self, wanted: usize, behind: usize) -> Result<Room<'_>> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if self.bytes.capacity().wrapping_sub(self.end) < wanted {
            self.make_room(wanted, behind)?;
        }
        Ok(Room::behind(&mut self.bytes, &mut self.end, wanted))
    }

    /// Take over a copy of these bytes.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        self.room(bytes.len(), 0)?;
        let over = bytes.len().min(self.bytes.len() - self.end);
        self.bytes[self.end..self.end + over].copy_from_slice(&bytes[..over]);
        self.bytes.extend_from_slice(&bytes[over..]);
        self.end += bytes.len();
        Ok(())
    }

    #[cold]
    fn make_room(&mut self, wanted: usize, behind: usize) -> Result<()> {
        let unread = self.end - self.start;
        if self.start >= unread {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, unread);
        }
        if self.is_kept_for(wanted.saturating_add(behind)) {
            return Ok(());
        }
        let lacking = wanted.saturating_add(self.end).saturating_sub(self.bytes.len());
        let what = "what the server sends";
        match self.secret {
            true => memory::reserve_secretly(&mut self.bytes, lacking, what),
            false if behind > 0 => {
                let lacking = lacking.saturating_add(behind);
                self.bytes.try_reserve_exact(lacking).map_err(|_| Error::memory(what))
            }
            false => self.bytes.try_reserve(lacking).map_err(|_| Error::memory(what)),
        }
    }

    /// Whether there is memory for `wanted` bytes behind what is unread, without any more from the system.
    #[inline]
    pub(super) fn has_memory_for(&mut self, wanted: usize) -> bool {
        self.bytes.capacity() - self.end >= wanted || self.is_kept_for(wanted)
    }

    /// Move into a block that was kept, where there is one for what is unread and `wanted` bytes more.
    fn is_kept_for(&mut self, wanted: usize) -> bool {
        let unread = self.end - self.start;
        if self.secret {
            return false;
        }
        let Some(mut bytes) = memory::take_kept(wanted.saturating_add(unread)) else { return false };
        bytes.extend_from_slice(self.unread());
        (self.bytes, self.start, self.end) = (bytes, 0, unread);
        true
    }

    /// So many bytes of the room are now from the peer.
    pub(super) fn filled(&mut self, len: usize) -> Result<()> {
        if len > self.bytes.len() - self.end {
            return Err(Error::new(Status::Argument, "more bytes than there was room for"));
        }
        self.end += len;
        Ok(())
    }

    #[inline]
    pub(super) fn unread(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// The unread bytes, and where they begin, which goes on as they are read: without a way to panic.
    #[inline(always)]
    pub(super) fn reading(&mut self) -> Option<(&[u8], &mut usize)> {
        Some((self.bytes.get(self.start..self.end)?, &mut self.start))
    }

    /// The next `len` unread bytes, read now.
    #[inline]
    pub(super) fn read(&mut self, len: usize) -> &[u8] {
        let from = self.start;
        self.start += len;
        &self.bytes[from..from + len]
    }

    /// The next `len` unread bytes, which are there, read now, and what is behind them.
    #[inline(always)]
    pub(super) fn read_on(&mut self, len: usize) -> &[u8] {
        let from = self.start;
        self.start = from.wrapping_add(len);
        &self.bytes[from..self.end]
    }

    /// The next `len` unread bytes are read.
    #[inline]
    pub(super) fn pass(&mut self, len: usize) {
        self.start = self.end.min(self.start + len);
    }

    /// The same, with the whole buffer given away; the bytes behind them move to a new one.
    pub(super) fn give(&mut self, len: usize) -> Result<Given> {
        let behind = &self.bytes[self.start + len..self.end];
        let mut bytes = Vec::new();
        bytes.try_reserve(behind.len()).map_err(|_| Error::memory("what the server sends"))?;
        bytes.extend_from_slice(behind);
        let next = Buffer { start: 0, end: bytes.len(), bytes, secret: self.secret };
        let Buffer { bytes: buffer, start: from, .. } = std::mem::replace(self, next);
        Ok(Given { buffer, from, len })
    }

    /// From now on what is in it may be a secret; or no more, and what was read of it is overwritten.
    pub(super) fn hold_secrets(&mut self, secret: bool) {
        if std::mem::replace(&mut self.secret, secret) {
            self.bytes[..self.start].zeroize();
            self.bytes[self.end..].zeroize();
        }
    }

    /// Overwrite all of it, where it may be a secret.
    pub(super) fn wipe(&mut self) {
        if self.secret {
            memory::wipe(&mut self.bytes);
            (self.start, self.end) = (0, 0);
        }
    }

    /// Whether it is no more than a resting connection may keep.
    #[inline]
    pub(super) fn is_small(&self) -> bool {
        self.bytes.capacity() <= REST_BYTES_MAX
    }

    /// Keep no more than a resting connection may.
    pub(super) fn rest(&mut self) {
        if self.start == self.end && !self.is_small() {
            *self = Buffer::default();
        }
    }
}
