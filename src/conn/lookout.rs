//! Whether a server is still the one to wait for, where somebody else says which one is.

use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::options::Endpoint;
use crate::transport::Deadline;
use crate::transport::wait::{self, Ready};

/// Tells whether a server is still the one to wait for.
pub trait Lookout: Send + Sync {
    /// A call waits for a reply of the server at this place, and nothing has come from it for so long. An error: it need not wait
    /// any longer, and why.
    fn look(&self, place: &Endpoint, waited: Duration) -> Result<()>;
}

/// The lookout of a server, and where that is.
#[derive(Clone)]
pub struct Looking {
    pub(super) lookout: Arc<dyn Lookout>,
    pub(super) place: Endpoint,
}

impl Looking {
    /// Look, for a call to which nothing has come for so long.
    pub fn look(&self, waited: Duration) -> Result<()> {
        self.lookout.look(&self.place, waited)
    }
}

impl Looking {
    /// Wait until its connection can be read or written, as asked, or the deadline passes; and look meanwhile whether the server is
    /// still the one to wait for.
    #[cold]
    pub(super) fn wait(&self, fd: RawFd, write: bool, deadline: Deadline) -> Result<Ready> {
        let began = Instant::now();
        loop {
            let ready = wait::wait(fd, true, write, deadline.earlier(Deadline::after(EVERY)))?;
            if ready.any() || deadline.has_passed() {
                return Ok(ready);
            }
            self.look(began.elapsed())?;
        }
    }
}

/// Between two looks.
pub(super) const EVERY: Duration = Duration::from_millis(50);
