//! A stream of bytes.

use std::os::fd::RawFd;

use crate::error::Result;
use crate::memory::Room;

/// A stream of bytes. Dropping it closes it.
///
/// An error of `read` or `write` names the phase but no endpoint: whoever holds the stream knows where it leads.
pub trait Transport: Send {
    /// Read into `buffer`: `Some(0)` is the end of the stream. With an `fd`, `timeout_ms` is always 0.
    fn read(&mut self, buffer: &mut [u8], timeout_ms: i64) -> Result<Moved>;

    /// Read into memory that need not be initialised. What came is filled. With an `fd`, `timeout_ms` is 0, unless it is a `plain`
    /// one that waits.
    fn read_into(&mut self, room: &mut Room<'_>, timeout_ms: i64) -> Result<Moved> {
        let moved = self.read(room.bytes(), timeout_ms)?;
        if let Moved::Some(len) = moved {
            room.fill(len);
        }
        Ok(moved)
    }

    /// Write what fits of `bytes`. With an `fd`, `timeout_ms` is always 0. What was not taken comes again, at the
    /// beginning of the next call's bytes. After an error none of these bytes has left, unless `may_move_and_fail`.
    fn write(&mut self, bytes: &[u8], timeout_ms: i64) -> Result<Moved>;

    /// What to poll before reading and writing; without it the two calls do the waiting.
    fn fd(&self) -> Option<RawFd>;

    /// The socket, where it is nothing but one: it stays the same, shows all that may be read, and never waits without being told.
    fn plain(&self) -> Option<Plain> {
        None
    }

    /// Whether a read may find bytes that `fd` no longer shows, for they have left the kernel.
    fn pending(&self) -> bool {
        false
    }

    /// Whether a write that fails may have moved any of the bytes that it was given.
    fn may_move_and_fail(&self) -> bool {
        false
    }

    /// Whether the peer has ended the stream, and had taken over everything that was written. False where that is not known.
    fn has_ended_in_order(&self) -> bool {
        false
    }
}

/// A socket without anything around it.
#[derive(Clone, Copy, Debug)]
pub struct Plain {
    /// Its descriptor.
    pub fd: RawFd,
    /// Whether `read_into` may be given `READ_WAIT_MS` to wait.
    pub waits: bool,
}

/// What a read or a write came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// So many bytes.
    Some(usize),
    /// None could be moved in time.
    None,
}
