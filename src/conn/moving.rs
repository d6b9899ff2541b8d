//! One read or write between a session and its transport, and the outcome of sent commands after the end of the stream
//! or a failure.

use crate::error::{Error, Result, Status};
use crate::transport::Moved;

use super::connection::Connection;
use super::handed;

impl Connection {
    /// Read once. False: nothing was there.
    #[inline(always)]
    pub(super) fn read(&mut self, timeout_ms: i64) -> Result<bool> {
        let mut room = self.session.room(self.read_bytes)?;
        let size = room.len();
        match self.transport.read_into(&mut room, timeout_ms) {
            Ok(Moved::None) => Ok(false),
            Ok(Moved::Some(0)) => self.ended(closed(self.session.has_begun())),
            Err(error) => self.ended(error),
            Ok(Moved::Some(len)) if len > size => {
                Err(Error::new(Status::Argument, "more bytes than there was room for"))
            }
            Ok(Moved::Some(len)) => {
                if len == size {
                    self.read_bytes = (self.read_bytes * READ_FACTOR).min(READ_BYTES_MAX);
                }
                self.moved.bytes_in += len as u64;
                self.heard = true;
                Ok(true)
            }
        }
    }

    /// Nothing more can be read, for this reason. True: the end of the stream was an answer.
    #[cold]
    fn ended(&mut self, error: Error) -> Result<bool> {
        match self.transport.has_ended_in_order() && self.session.end_is_an_answer()? {
            true => Ok(true),
            false => Err(error),
        }
    }

    /// Write once, at most so many bytes of what waits: how many the transport took.
    #[inline(always)]
    pub(super) fn write(&mut self, most: usize, timeout_ms: i64) -> Result<usize> {
        let waiting = self.session.outgoing();
        let offered = waiting.len().min(most);
        handed::hand(&self.session);
        match self.transport.write(&waiting[..offered], timeout_ms) {
            Ok(Moved::None) => Ok(0),
            Ok(Moved::Some(len)) => {
                self.session.sent(len);
                self.moved.bytes_out += len as u64;
                Ok(len)
            }
            Err(error) => {
                if self.transport.may_move_and_fail() {
                    // All but a byte: no command among them counts as unsent, and the last of them not as sent.
                    self.session.sent(offered.saturating_sub(1));
                }
                Err(error)
            }
        }
    }
}

/// The peer has closed the connection.
pub(super) fn closed(begun: bool) -> Error {
    let text = match begun {
        true => "read: the server closed the connection in the middle of a reply",
        false => "read: the server closed the connection",
    };
    Error::new(Status::Io, text)
}

/// The most that one read asks for: large replies come in few system calls.
const READ_BYTES_MAX: usize = 1 << 20;
/// By how much the next read asks for more, where one came back full: what does not fit once may be large.
const READ_FACTOR: usize = 8;
