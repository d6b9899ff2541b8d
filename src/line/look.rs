//! What lies there before anything is asked: nobody had asked for it, and behind a command it would be taken for its answer.

use std::time::Instant;

use crate::error::{Error, Status};
use crate::session::Event;

use super::{Line, Stage};

impl<T> Line<T> {
    /// Where nothing is owed, take in what has arrived before the first byte of a command goes out. Pushes may come at any time;
    /// anything else ends the connection, and the commands wait for another. False: it is over.
    pub(super) fn look_first(&mut self, now: Instant) -> bool {
        let mut reads = 0;
        loop {
            let Stage::Open(connection) = &mut self.stage else { return false };
            if self.flow.broken.is_some() || !connection.session().begins_anew() {
                return true;
            }
            match connection.poll() {
                Ok(Some(push @ Event::Push { .. })) => self.came_unasked(push, || now),
                Ok(None) if !connection.session().has_unread() => {
                    // Who sends messages faster than they are read is not waited for.
                    self.flow.may_read |= reads == 0;
                    reads += 1;
                    if reads > READS_MAX || !self.read(|| now) {
                        return matches!(self.stage, Stage::Open(_));
                    }
                }
                Ok(_) => self.lost(Error::new(Status::Protocol, "the server sent what nobody had asked for"), now),
                Err(error) => self.lost(error, now),
            }
        }
    }
}

/// Reads of one look: each asks for more than the one before, where that came back full.
const READS_MAX: u32 = 6;
