//! For tests: a transport that plays a script of expected writes and given reads.

use std::collections::VecDeque;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::{Attempt, Connect, Deadline, Moved, Transport, connected};
use crate::error::{Error, Result, Status};
use crate::options::Endpoint;
use crate::sync::Mutex;

/// One line of a transcript.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// These bytes must be written next. A write takes no more of its bytes than one step has: short writes.
    Expect(Vec<u8>),
    /// A read gets these bytes, or as many of them as it has room for: short reads.
    Give(Vec<u8>),
    /// The next read or write moves nothing, before its time is up.
    Block,
    /// The peer closes: from now on reads find the end, and writes fail.
    End,
    /// The next read or write, and all after it, fail with this errno.
    Fail(i32),
}

/// Expect these bytes.
pub(crate) fn expect(bytes: impl AsRef<[u8]>) -> Step {
    Step::Expect(bytes.as_ref().to_vec())
}

/// Give these bytes.
pub(crate) fn give(bytes: impl AsRef<[u8]>) -> Step {
    Step::Give(bytes.as_ref().to_vec())
}

/// The stage a transcript is played on; a clone of it looks on, while the transport made from it is in use elsewhere.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    stage: Arc<Mutex<Stage>>,
}

#[derive(Debug)]
struct Stage {
    steps: VecDeque<Step>,
    closed: usize,
}

impl Script {
    /// A transcript to be played once.
    pub(crate) fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        let stage = Stage { steps: steps.into_iter().collect(), closed: 0 };
        Script { stage: Arc::new(Mutex::new(stage)) }
    }

    /// The transport that plays it.
    pub(crate) fn transport(&self) -> Box<dyn Transport> {
        Box::new(Player { stage: Arc::clone(&self.stage) })
    }

    /// More to play.
    pub(crate) fn add(&self, step: Step) {
        self.stage.lock().steps.push_back(step);
    }

    /// Whether all of it has been played, but for an end or a failure, which last.
    pub(crate) fn is_done(&self) -> bool {
        self.stage.lock().steps.iter().all(|step| matches!(step, Step::End | Step::Fail(_)))
    }

    /// How many of its transports have been closed.
    pub(crate) fn closed(&self) -> usize {
        self.stage.lock().closed
    }
}

struct Player {
    stage: Arc<Mutex<Stage>>,
}

impl Transport for Player {
    fn read(&mut self, buffer: &mut [u8], timeout_ms: i64) -> Result<Moved> {
        let mut stage = self.stage.lock();
        match stage.steps.pop_front() {
            Some(Step::Give(mut bytes)) => {
                let count = bytes.len().min(buffer.len());
                buffer[..count].copy_from_slice(&bytes[..count]);
                if count < bytes.len() {
                    bytes.drain(..count);
                    stage.steps.push_front(Step::Give(bytes));
                }
                Ok(Moved::Some(count))
            }
            Some(Step::Block) => Ok(Moved::None),
            Some(Step::End) => {
                stage.steps.push_front(Step::End);
                Ok(Moved::Some(0))
            }
            Some(Step::Fail(errno)) => {
                stage.steps.push_front(Step::Fail(errno));
                Err(failure("read", errno))
            }
            Some(expected) => {
                stage.steps.push_front(expected);
                drop(stage);
                nothing_comes(timeout_ms)
            }
            None => {
                drop(stage);
                nothing_comes(timeout_ms)
            }
        }
    }

    fn write(&mut self, bytes: &[u8], _timeout_ms: i64) -> Result<Moved> {
        let mut stage = self.stage.lock();
        // What waits to be read hinders no write.
        let index = stage.steps.iter().position(|step| !matches!(step, Step::Give(_)));
        let Some(index) = index else {
            panic!("written past the end of the transcript: {}", bytes.escape_ascii());
        };
        match &mut stage.steps[index] {
            Step::Expect(expected) => {
                let count = expected.len().min(bytes.len());
                assert_eq!(
                    bytes[..count].escape_ascii().to_string(),
                    expected[..count].escape_ascii().to_string(),
                    "written, and expected"
                );
                expected.drain(..count);
                if expected.is_empty() {
                    stage.steps.remove(index);
                }
                Ok(Moved::Some(count))
            }
            Step::Block => {
                stage.steps.remove(index);
                Ok(Moved::None)
            }
            Step::Fail(errno) => Err(failure("write", *errno)),
            Step::End => Err(failure("write", libc::EPIPE)),
            Step::Give(_) => unreachable!("passed over above"),
        }
    }

    fn fd(&self) -> Option<RawFd> {
        None
    }

    fn has_ended_in_order(&self) -> bool {
        matches!(self.stage.lock().steps.front(), Some(Step::End))
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.stage.lock().closed += 1;
    }
}

/// A read that has nothing to wait for but its time.
fn nothing_comes(timeout_ms: i64) -> Result<Moved> {
    match u64::try_from(timeout_ms) {
        Ok(timeout_ms) => thread::sleep(Duration::from_millis(timeout_ms)),
        Err(_) => panic!("a read would wait for ever"),
    }
    Ok(Moved::None)
}

fn failure(phase: &str, errno: i32) -> Error {
    Error::os(Status::Io, phase, &std::io::Error::from_raw_os_error(errno))
}

/// A server of scripts: each connect plays the next of them, and where there is none it is refused.
#[derive(Debug)]
pub(crate) struct Scripts {
    scripts: Mutex<VecDeque<Script>>,
}

impl Scripts {
    /// A script for each connect.
    pub(crate) fn new(scripts: impl IntoIterator<Item = Script>) -> Self {
        Scripts { scripts: Mutex::new(scripts.into_iter().collect()) }
    }
}

impl Connect for Scripts {
    fn begin(&self, endpoint: &Endpoint, _deadline: Deadline) -> Result<Box<dyn Attempt>> {
        match self.scripts.lock().pop_front() {
            Some(script) => Ok(connected(script.transport())),
            None => {
                let refused = std::io::Error::from_raw_os_error(libc::ECONNREFUSED);
                Err(Error::os(Status::Connect, "connect", &refused).at(&endpoint.to_string()))
            }
        }
    }

    fn name(&self) -> &str {
        "script"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transcript_is_played_in_its_pieces() {
        let script =
            Script::new([expect("PI"), Step::Block, expect("NG"), give("+PO"), Step::Block, give("NG"), Step::End]);
        let mut transport = script.transport();
        assert_eq!(transport.fd(), None);
        let mut buffer = [0; 2];
        assert_eq!(transport.read(&mut buffer, 1), Ok(Moved::None), "nothing comes before PING is sent");
        assert_eq!(transport.write(b"PING", 0), Ok(Moved::Some(2)));
        assert_eq!(transport.write(b"NG", 0), Ok(Moved::None));
        assert_eq!(transport.write(b"NG", 0), Ok(Moved::Some(2)));
        assert_eq!(transport.read(&mut buffer, 0), Ok(Moved::Some(2)));
        assert_eq!(&buffer, b"+P");
        assert_eq!(transport.read(&mut buffer, 0), Ok(Moved::Some(1)));
        assert_eq!(transport.read(&mut buffer, 0), Ok(Moved::None));
        assert_eq!(transport.read(&mut buffer, 0), Ok(Moved::Some(2)));
        assert!(script.is_done());
        assert_eq!(transport.read(&mut buffer, 0), Ok(Moved::Some(0)));
        assert_eq!(transport.write(b"x", 0).unwrap_err().os_error, libc::EPIPE);
        drop(transport);
        assert_eq!(script.closed(), 1);
    }

    #[test]
    fn a_write_passes_what_waits_to_be_read_and_failures_last() {
        let script = Script::new([give("1"), expect("2")]);
        let mut transport = script.transport();
        assert_eq!(transport.write(b"2", 0), Ok(Moved::Some(1)));
        script.add(Step::Fail(libc::ECONNRESET));
        assert_eq!(transport.read(&mut [0; 8], 0), Ok(Moved::Some(1)));
        for _ in 0..2 {
            assert_eq!(transport.read(&mut [0; 8], 0).unwrap_err().to_string(), "read: Connection reset by peer");
            assert_eq!(transport.write(b"x", 0).unwrap_err().os_error, libc::ECONNRESET);
        }
    }

    #[test]
    fn each_connect_plays_the_next_script() {
        let scripts = Scripts::new([Script::new([Step::End])]);
        let endpoint = Endpoint::Tcp { host: "127.0.0.1".to_owned(), port: 1 };
        assert!(scripts.connect(&endpoint, Deadline::never()).is_ok());
        let error = scripts.connect(&endpoint, Deadline::never()).map(drop).unwrap_err();
        assert_eq!(
            (scripts.name(), error.to_string().as_str()),
            ("script", "127.0.0.1:1: connect: Connection refused")
        );
    }
}
