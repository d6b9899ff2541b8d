//! TLS over a socket that is the program's: nothing here waits for it, and nothing closes it.

use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;

use super::attempt::{Attempt, Step, connected};
use super::{Connect, Deadline, Moved, Transport, wait, with_tls};
use crate::error::{Error, Result, Status};
use crate::limits::RECORD_BYTES;
use crate::options::{Endpoint, Key, Options};
use crate::process::Process;

/// A client's side of TLS over a connected socket.
pub struct Secured {
    stage: LentStage,
    wants: LentWants,
    /// The last write took nothing.
    unwritten: bool,
    /// How many bytes may be sealed of those that it was given: the next write begins with them.
    owed: usize,
    /// A child of fork has the keys, too, and would seal other bytes with what the parent seals with.
    process: Process,
}

/// What the socket has to be ready for before the next call does anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LentWants {
    /// Until it can be read.
    pub read: bool,
    /// Until it can be written.
    pub write: bool,
}

enum LentStage {
    Handshake(Box<dyn Attempt>),
    Open(Box<dyn Transport>),
    Failed(Error),
}

impl Secured {
    /// TLS as the options say, over the socket `fd`, which was not written to yet.
    pub fn new(fd: RawFd, options: &Options) -> Result<Secured> {
        let mut options = options.clone();
        if options.is_set(Key::Tls) && !options.tls() {
            let text = "tls: the options are for TLS, and say that there is none (tls=false, or a URL of redis://)";
            return Err(Error::new(Status::Config, text));
        }
        options.set_int(Key::Tls, 1)?;
        options.check()?;
        let connect = with_tls(Arc::new(Below(fd)), &options)?;
        let attempt = connect.begin(&options.endpoint(), Deadline::never())?;
        Ok(Secured {
            stage: LentStage::Handshake(attempt),
            // The client speaks first.
            wants: LentWants { read: true, write: true },
            unwritten: false,
            owed: 0,
            process: Process::current(),
        })
    }

    /// Read what the peer has sent. `Some(0)`: it has ended the stream. An error comes again, from `write` too: the socket tells
    /// one only once, and then that the stream has ended.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<Moved> {
        let Some(stream) = self.open()? else { return Ok(Moved::None) };
        match stream.read(buffer, 0) {
            // A server may end without TLS's goodbye.
            Err(_) if stream.has_ended_in_order() => Ok(Moved::Some(0)),
            Err(error) => {
                self.stage = LentStage::Failed(error.clone());
                Err(error)
            }
            moved => moved,
        }
    }

    /// Write what fits of `bytes`. After `None` the next call's bytes begin with these. After an error the peer's reason may still
    /// be there to read.
    pub fn write(&mut self, bytes: &[u8]) -> Result<Moved> {
        let owed = self.owed;
        let Some(stream) = self.open()? else {
            self.unwritten = true;
            return Ok(Moved::None);
        };
        if bytes.len() < owed {
            let text = format!("bytes_len is {}: {owed} bytes of the _write before were not taken", bytes.len());
            return Err(Error::new(Status::Argument, text));
        }
        let moved = stream.write(bytes, 0);
        self.unwritten = matches!(moved, Ok(Moved::None)) && !bytes.is_empty();
        self.owed = if self.unwritten { bytes.len().min(RECORD_BYTES) } else { 0 };
        self.wants.write = self.unwritten;
        moved
    }

    /// What to wait for.
    pub fn wants(&self) -> LentWants {
        self.wants
    }

    /// The stream, once hands are shaken.
    fn open(&mut self) -> Result<Option<&mut Box<dyn Transport>>> {
        if self.process != Process::current() {
            return Err(Error::new(Status::Forked, "the tls belongs to the process that made it"));
        }
        if let LentStage::Handshake(attempt) = &mut self.stage {
            match attempt.go_on() {
                Ok(Step::Done(stream)) => {
                    self.stage = LentStage::Open(stream);
                    self.wants = LentWants { read: true, write: self.unwritten };
                }
                // Where only time helps, it comes again at once.
                Ok(Step::Wait(awaited)) => {
                    let now = awaited.fd.is_none();
                    self.wants = LentWants { read: awaited.read || now, write: awaited.write || now };
                }
                Err(error) => self.stage = LentStage::Failed(error),
            }
        }
        match &mut self.stage {
            LentStage::Open(stream) => Ok(Some(stream)),
            LentStage::Handshake(_) => Ok(None),
            LentStage::Failed(error) => Err(error.clone()),
        }
    }
}

/// The socket as a way to connect: it is connected.
struct Below(RawFd);

impl Connect for Below {
    fn begin(&self, _endpoint: &Endpoint, _deadline: Deadline) -> Result<Box<dyn Attempt>> {
        Ok(connected(Box::new(LentSocket { fd: self.0, over: false })))
    }

    fn name(&self) -> &str {
        "socket"
    }
}

struct LentSocket {
    fd: RawFd,
    over: bool,
}

impl Transport for LentSocket {
    fn read(&mut self, buffer: &mut [u8], _timeout_ms: i64) -> Result<Moved> {
        let moved = moved("read", wait::receive(self.fd, buffer))?;
        self.over |= moved == Moved::Some(0) && !buffer.is_empty();
        Ok(moved)
    }

    fn write(&mut self, bytes: &[u8], _timeout_ms: i64) -> Result<Moved> {
        moved("write", wait::send(self.fd, bytes))
    }

    fn fd(&self) -> Option<RawFd> {
        Some(self.fd)
    }

    fn has_ended_in_order(&self) -> bool {
        self.over && wait::unacknowledged(self.fd) == 0
    }
}

fn moved(phase: &str, count: io::Result<usize>) -> Result<Moved> {
    match count {
        Ok(count) => Ok(Moved::Some(count)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Moved::None),
        Err(error) => Err(Error::os(Status::Io, phase, &error)),
    }
}
