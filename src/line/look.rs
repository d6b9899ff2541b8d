//! If no reply is outstanding, the line reads before it writes a command: unsolicited bytes that have arrived would
//! otherwise be taken for the reply to that command.

use std::time::{Duration, Instant};

use crate::error::{Error, Status};
use crate::session::Event;

use super::{NumberedLine, Stage};

impl NumberedLine {
    /// If no reply is outstanding, read what has arrived before the first byte of a command is written. Pushes may
    /// arrive at any time. Anything else ends the connection, and the commands wait for the next. A line without commands
    /// does not read here: it has no commands, so that stray bytes cannot be taken for a reply. Nor is read what would still be
    /// on its way. False: the connection ended.
    pub(super) fn read_before_first_command(&mut self, now: Instant) -> bool {
        let mut reads = 0;
        loop {
            let Stage::Open(connection) = &mut self.stage else { return false };
            if self.alone || self.flow.broken.is_some() || !connection.session().begins_anew() {
                return true;
            }
            match connection.poll() {
                Ok(Some(push @ Event::Push { .. })) => self.handle_push(push, &|| now),
                Ok(None) if !connection.session().has_unread() => {
                    connection.asks_at(now);
                    if reads == 0 && !self.flow.may_read && connection.has_hardly_rested(Duration::MAX, now) {
                        return true;
                    }
                    // The number of reads is limited, since a server may send messages faster than they are read.
                    self.flow.may_read |= reads == 0;
                    reads += 1;
                    if reads > READS_MAX || !self.read(&|| now) {
                        return matches!(self.stage, Stage::Open(_));
                    }
                }
                Ok(_) => self.lost(Error::new(Status::Protocol, "the server sent what nobody had asked for"), now),
                Err(error) => self.lost(error, now),
            }
        }
    }
}

/// The largest number of reads. A read asks for more bytes than the one before, if that one was full.
const READS_MAX: u32 = 6;
