//! For tests: a server in memory whose transport panics on request.

use std::collections::VecDeque;
use std::os::fd::RawFd;
use std::sync::Arc;

use super::{Attempt, Connect, Deadline, Moved, Transport, connected};
use crate::error::Result;
use crate::options::Endpoint;
use crate::sync::Mutex;

/// Where the bug is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// Nowhere.
    None,
    /// Before there is a connection.
    Connect,
    /// When these bytes are to be written.
    Write(&'static str),
    /// When there is something to be read.
    Read,
    /// When it is closed.
    Close,
}

/// Connects to it. Clones share the bug.
#[derive(Clone)]
pub(crate) struct Faulty {
    bug: Arc<Mutex<Bug>>,
}

/// A conversation with a server that says OK to all but a greeting.
struct Talk {
    bug: Arc<Mutex<Bug>>,
    said: VecDeque<u8>,
}

impl Faulty {
    /// One without a bug.
    pub(crate) fn new() -> Faulty {
        Faulty { bug: Arc::new(Mutex::new(Bug::None)) }
    }

    /// From now on the bug is there.
    pub(crate) fn set(&self, bug: Bug) {
        *self.bug.lock() = bug;
    }
}

impl Connect for Faulty {
    fn begin(&self, _: &Endpoint, _: Deadline) -> Result<Box<dyn Attempt>> {
        strike(&self.bug, |bug| bug == Bug::Connect);
        Ok(connected(Box::new(Talk { bug: Arc::clone(&self.bug), said: VecDeque::new() })))
    }

    fn name(&self) -> &str {
        "faulty"
    }
}

impl Transport for Talk {
    fn read(&mut self, buffer: &mut [u8], _: i64) -> Result<Moved> {
        if self.said.is_empty() {
            return Ok(Moved::None);
        }
        strike(&self.bug, |bug| bug == Bug::Read);
        let count = buffer.len().min(self.said.len());
        buffer.iter_mut().zip(self.said.drain(..count)).for_each(|(to, byte)| *to = byte);
        Ok(Moved::Some(count))
    }

    fn write(&mut self, bytes: &[u8], _: i64) -> Result<Moved> {
        let has = |word: &str| bytes.windows(word.len()).any(|part| part == word.as_bytes());
        strike(&self.bug, |bug| matches!(bug, Bug::Write(word) if has(word)));
        for command in bytes.split(|&byte| byte == b'*').skip(1) {
            let greets = command.windows(5).any(|part| part == b"HELLO");
            let pings = command.windows(4).any(|part| part == b"PING");
            self.said.extend(match (greets, pings) {
                (true, _) => b"%1\r\n$5\r\nproto\r\n:3\r\n".as_slice(),
                (_, true) => b"+PONG\r\n",
                _ => b"+OK\r\n",
            });
        }
        Ok(Moved::Some(bytes.len()))
    }

    fn fd(&self) -> Option<RawFd> {
        None
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            strike(&self.bug, |bug| bug == Bug::Close);
        }
    }
}

/// Panic, once, where this is the bug.
fn strike(bug: &Mutex<Bug>, is_here: impl Fn(Bug) -> bool) {
    let found = {
        let mut bug = bug.lock();
        let found = is_here(*bug);
        if found {
            *bug = Bug::None;
        }
        found
    };
    assert!(!found, "a bug in the transport");
}
