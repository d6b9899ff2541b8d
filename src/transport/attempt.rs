//! A connect under way, in steps that never wait. The driver waits: this library, or the program's event loop.

use std::os::fd::RawFd;
use std::time::Duration;

use super::{Deadline, Transport, wait};
use crate::error::Result;
use crate::ongoing;

/// A connect under way. Dropping it gives it up.
pub trait Attempt: Send {
    /// As far as it goes without waiting. Once it has ended, be it by an error, it is not asked again.
    fn go_on(&mut self) -> Result<Step<Box<dyn Transport>>>;
}

/// How far something came.
#[derive(Debug)]
pub enum Step<T> {
    /// It is done.
    Done(T),
    /// It has to wait, and then go on.
    Wait(Awaited),
}

/// What is waited for: the descriptor, as asked, or the moment, whichever comes first.
#[derive(Clone, Copy, Debug)]
pub struct Awaited {
    /// What to watch; none where only time helps.
    pub fd: Option<RawFd>,
    /// Until it can be read.
    pub read: bool,
    /// Until it can be written.
    pub write: bool,
    /// Until then at the latest.
    pub until: Deadline,
}

impl Awaited {
    /// Nothing but time.
    pub(super) fn pause(pause: Duration, deadline: Deadline) -> Awaited {
        Awaited { fd: None, read: false, write: false, until: deadline.earlier(Deadline::after(pause)) }
    }
}

/// Go on, and wait where it has to, until it is done.
pub(super) fn finish<T>(mut go_on: impl FnMut() -> Result<Step<T>>) -> Result<T> {
    loop {
        match go_on()? {
            Step::Done(done) => return Ok(done),
            Step::Wait(Awaited { fd: Some(fd), read, write, until }) => drop(wait::wait(fd, read, write, until)?),
            Step::Wait(Awaited { fd: None, until, .. }) => ongoing::pause(until.remaining().unwrap_or(LONGEST_PAUSE))?,
        }
    }
}

/// An attempt that was over as soon as it had begun.
pub fn connected(transport: Box<dyn Transport>) -> Box<dyn Attempt> {
    Box::new(Connected(Some(transport)))
}

struct Connected(Option<Box<dyn Transport>>);

impl Attempt for Connected {
    fn go_on(&mut self) -> Result<Step<Box<dyn Transport>>> {
        Ok(match self.0.take() {
            Some(transport) => Step::Done(transport),
            None => Step::Wait(Awaited { fd: None, read: false, write: false, until: Deadline::never() }),
        })
    }
}

/// A pause without an end is cut into pieces.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
