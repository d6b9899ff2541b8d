//! A line whose descriptor stands beside those of others behind one poller.

use std::os::fd::RawFd;
use std::time::Instant;

use crate::error::Error;
use crate::transport::poller::Poller;

use super::{Line, Silence, Transition, Wants};

/// A line, and what a poller watches of it. Before it is dropped, the poller is to forget it.
pub struct Watched<T> {
    /// The line.
    pub line: Line<T>,
    /// The silence of its server.
    pub silence: Silence,
    watched: Option<(RawFd, Wants)>,
}

impl<T> Watched<T> {
    /// A line that is not watched yet.
    pub fn new(line: Line<T>) -> Watched<T> {
        Watched { line, silence: Silence::default(), watched: None }
    }

    /// Begin a round of the line.
    pub fn step(&mut self, poller: &Poller, now: Instant, readable: bool) {
        // A connect that goes on may close its descriptor, which a child of fork may still have open.
        if self.line.is_opening() {
            self.forget(poller);
        }
        self.line.step(now, readable);
    }

    /// Watch what the line wants to be watched, and pass on what has become of its connections: nothing watches one that is over.
    /// An error: the descriptor cannot be watched.
    pub fn follow(&mut self, poller: &Poller, mut note: impl FnMut(Transition)) -> Result<(), Error> {
        while let Some(change) = self.line.take_change() {
            self.forget(poller);
            note(change);
        }
        let wanted = self.line.fd().map(|fd| (fd, self.line.wants()));
        if wanted == self.watched {
            return Ok(());
        }
        if self.watched.map(|(fd, _)| fd) != wanted.map(|(fd, _)| fd) {
            self.forget(poller);
        }
        let Some((fd, Wants { read, write })) = wanted else { return Ok(()) };
        poller.watch_beside(fd, read, write)?;
        self.watched = wanted;
        Ok(())
    }

    /// Whether the poller shows when there is something to read.
    pub fn is_watched(&self) -> bool {
        self.watched.is_some()
    }

    /// Let the poller watch nothing of it any more.
    pub fn forget(&mut self, poller: &Poller) {
        if let Some((fd, _)) = self.watched.take() {
            poller.forget_beside(fd);
        }
    }
}
