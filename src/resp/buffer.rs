//! The read buffer between a socket and a parser. Bytes are read in place.

use super::tape::{GIVE_ROOM, Given};
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
    /// At least `wanted` bytes to read into. What is unread moves to the front when that is no more work than what was
    /// read meanwhile, so that no pattern of reading costs more than one move a byte.
    pub(super) fn room(&mut self, wanted: usize) -> Result<&mut [u8]> {
        let lacking = self.make_room(wanted, 0)?;
        self.bytes.resize(self.bytes.len() + lacking, 0);
        Ok(&mut self.bytes[self.end..])
    }

    /// Read into room for `wanted` bytes; where `last`, no more are expected, and there is room behind them for a tree. How
    /// large the room was.
    pub(super) fn read_into(
        &mut self,
        wanted: usize,
        last: bool,
        read: &mut dyn FnMut(&mut Room<'_>),
    ) -> Result<usize> {
        self.make_room(wanted, if last { GIVE_ROOM } else { 0 })?;
        let (size, len) = memory::read_behind(&mut self.bytes, self.end, wanted, |room| {
            read(room);
            room.len()
        });
        self.end += len;
        Ok(size)
    }

    /// Take over a copy of these bytes.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        let lacking = self.make_room(bytes.len(), 0)?;
        let (over, behind) = bytes.split_at(bytes.len() - lacking);
        self.bytes[self.end..self.end + over.len()].copy_from_slice(over);
        self.bytes.extend_from_slice(behind);
        self.end += bytes.len();
        Ok(())
    }

    /// See to it that there is room for `wanted` bytes, and for `behind` more where there is to be no growth after that; so
    /// many of the wanted ones lie where nothing was ever written.
    fn make_room(&mut self, wanted: usize, behind: usize) -> Result<usize> {
        let unread = self.end - self.start;
        if unread == 0 {
            (self.start, self.end) = (0, 0);
        }
        if wanted > self.bytes.len() - self.end && self.start >= unread {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, unread);
        }
        let lacking = wanted.saturating_sub(self.bytes.len() - self.end);
        match self.secret {
            false if behind > 0 => {
                let lacking = lacking.saturating_add(behind);
                self.bytes.try_reserve_exact(lacking).map_err(|_| Error::memory("what the server sends"))?;
            }
            false => self.bytes.try_reserve(lacking).map_err(|_| Error::memory("what the server sends"))?,
            true => memory::reserve_secretly(&mut self.bytes, lacking, "what the server sends")?,
        }
        Ok(lacking)
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

    /// The next `len` unread bytes, read now.
    #[inline]
    pub(super) fn read(&mut self, len: usize) -> &[u8] {
        let from = self.start;
        self.start += len;
        &self.bytes[from..from + len]
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

    /// Keep no more than a resting connection may.
    pub(super) fn rest(&mut self) {
        if self.start == self.end && self.bytes.capacity() > REST_BYTES_MAX {
            *self = Buffer::default();
        }
    }
}
