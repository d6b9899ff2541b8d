//! A wait for many sockets at once, by one poll.

use std::io;
use std::os::fd::RawFd;

use super::Deadline;
use super::wait::{Ready, in_an_int, poll_failed, ready};
use crate::error::{Error, Result};
use crate::ongoing::Vigil;

/// The sockets that a wait is for, each with what is asked of it.
#[derive(Debug, Default)]
pub struct Pollset {
    /// While it waits, the bell stands behind them.
    entries: Vec<libc::pollfd>,
}

impl Pollset {
    /// Empty, with room for so many.
    pub fn with_room(count: usize) -> Result<Pollset> {
        let mut entries = Vec::new();
        entries.try_reserve_exact(count + 1).map_err(|_| Error::memory("the sockets"))?;
        Ok(Pollset { entries })
    }

    /// Forget them.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// Wait for this one too: its place. There is room for it.
    pub fn watch(&mut self, fd: RawFd, read: bool, write: bool) -> Result<usize> {
        if fd < 0 {
            return Err(poll_failed(io::Error::from_raw_os_error(libc::EBADF))); // poll would overlook it, and wait.
        }
        let events = if read { libc::POLLIN } else { 0 } | if write { libc::POLLOUT } else { 0 };
        self.entries.push(libc::pollfd { fd, events, revents: 0 });
        Ok(self.entries.len() - 1)
    }

    /// Wait until one of them can be read or written, as asked, or the deadline passes: then false. Interrupted, it waits for what
    /// is left, unless the call is ended, which is an error.
    pub fn wait(&mut self, deadline: Deadline) -> Result<bool> {
        let count = self.entries.len();
        let mut vigil = Vigil::begin()?;
        loop {
            self.entries.truncate(count);
            if let Some(bell) = vigil.bell() {
                self.entries.push(libc::pollfd { fd: bell, events: libc::POLLIN, revents: 0 });
            }
            let (all, timeout_ms) = (self.entries.len() as libc::nfds_t, vigil.slice_ms(deadline.remaining_ms()));
            // SAFETY: so many entries are there, and outlive the call.
            let found = unsafe { libc::poll(self.entries.as_mut_ptr(), all, in_an_int(timeout_ms)) };
            if found < 0 {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(poll_failed(error));
                }
            } else if self.entries[..count].iter().any(|entry| entry.revents != 0) {
                return Ok(true);
            } else if found == 0 && deadline.has_passed() {
                return Ok(false);
            }
            vigil.look()?;
        }
    }

    /// What the last wait found of the one in this place.
    pub fn found(&self, place: usize) -> Result<Ready> {
        match self.entries.get(place) {
            Some(entry) => ready(entry.revents, entry.events & libc::POLLIN != 0, entry.events & libc::POLLOUT != 0),
            None => Ok(Ready::default()),
        }
    }
}
