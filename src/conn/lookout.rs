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
    /// any longer, and why. What is asked about it takes no longer than until the deadline.
    fn look(&self, place: &Endpoint, waited: Duration, deadline: Deadline) -> Result<()>;
}

/// The lookout of a server, and where that is.
#[derive(Clone)]
pub struct Looking {
    pub(super) lookout: Arc<dyn Lookout>,
    pub(super) place: Endpoint,
}

impl Looking {
    /// Look, for a call to which nothing has come for so long, and that ends then.
    pub fn look(&self, waited: Duration, deadline: Deadline) -> Result<()> {
        self.lookout.look(&self.place, waited, deadline)
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
            self.look(began.elapsed(), deadline)?;
        }
    }
}

/// Between two looks.
pub(super) const EVERY: Duration = Duration::from_millis(50);
