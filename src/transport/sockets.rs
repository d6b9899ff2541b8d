//! The built-in way to connect: sockets of TCP and of Unix, and the stream of bytes over one.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use crate::error::{Error, Result, Status};
use crate::memory::Room;
use crate::options::Endpoint;

use super::attempt::{Attempt, Step};
use super::connect::{Connect, shown};
use super::deadline::Deadline;
use super::stream::{Moved, Plain, Transport};
use super::tcp::{LastAddress, TcpAttempt, TcpOptions};
use super::unix::UnixAttempt;
use super::wait;

/// The built-in way to connect: TCP or a Unix socket, as the endpoint says. Clones share what they learn of its addresses.
#[derive(Clone, Debug)]
pub struct Sockets {
    pub(super) tcp: TcpOptions,
}

impl Sockets {
    /// `keepalive_ms`: how long a TCP connection may rest before the kernel asks whether the peer lives; negative: it never
    /// asks. `user_timeout_ms`: how long bytes may stay unacknowledged before the kernel gives a TCP connection up; 0 and less:
    /// its own rule.
    pub fn new(keepalive_ms: i64, user_timeout_ms: i64) -> Sockets {
        Sockets { tcp: TcpOptions { keepalive_ms, user_timeout_ms, last: LastAddress::default() } }
    }
}

impl Connect for Sockets {
    fn begin(&self, endpoint: &Endpoint, deadline: Deadline) -> Result<Box<dyn Attempt>> {
        let begun = match endpoint {
            Endpoint::Tcp { host, port } => Ok(Begun::Tcp(TcpAttempt::begin(host, *port, &self.tcp, deadline))),
            Endpoint::Unix { path } => UnixAttempt::begin(path, deadline).map(Begun::Unix),
        };
        let place = shown(endpoint);
        match begun {
            Ok(begun) => Ok(Box::new(Socketed { begun, place })),
            Err(error) => Err(error.at(&place)),
        }
    }

    fn avoid_address(&self) {
        self.tcp.last.avoid();
    }

    fn name(&self) -> &str {
        "socket"
    }
}

/// A socket on its way to an endpoint.
struct Socketed {
    begun: Begun,
    place: String,
}

enum Begun {
    Tcp(TcpAttempt),
    Unix(UnixAttempt),
}

impl Attempt for Socketed {
    fn go_on(&mut self) -> Result<Step<Box<dyn Transport>>> {
        let step = match &mut self.begun {
            Begun::Tcp(attempt) => attempt.go_on(),
            Begun::Unix(attempt) => attempt.go_on(),
        };
        match step {
            Ok(Step::Done(socket)) => {
                let waits = matches!(self.begun, Begun::Tcp(_)) && wait::set_read_wait(socket.as_raw_fd());
                Ok(Step::Done(Box::new(SocketStream { socket: socket.into(), waits, over: false })))
            }
            Ok(Step::Wait(awaited)) => Ok(Step::Wait(awaited)),
            Err(error) => Err(error.at(&self.place)),
        }
    }
}

/// A connected socket of any family. Each call says whether it waits.
struct SocketStream {
    socket: OwnedFd,
    /// A read may wait for a moment.
    waits: bool,
    /// The peer has ended the stream.
    over: bool,
}

impl Transport for SocketStream {
    fn read(&mut self, buffer: &mut [u8], _timeout_ms: i64) -> Result<Moved> {
        if buffer.is_empty() {
            return Ok(Moved::None); // A count of 0 would say that the stream has ended.
        }
        match wait::receive(self.socket.as_raw_fd(), buffer) {
            Ok(count @ 1..) => Ok(Moved::Some(count)),
            other => self.read_nothing(other),
        }
    }

    fn read_into(&mut self, room: &mut Room<'_>, timeout_ms: i64) -> Result<Moved> {
        if room.is_empty() {
            return Ok(Moved::None);
        }
        match wait::receive_into(self.socket.as_raw_fd(), room, timeout_ms != 0 && self.waits) {
            Ok(count @ 1..) => Ok(Moved::Some(count)),
            other => self.read_nothing(other),
        }
    }

    fn write(&mut self, bytes: &[u8], _timeout_ms: i64) -> Result<Moved> {
        match wait::send(self.socket.as_raw_fd(), bytes) {
            Ok(count) => Ok(Moved::Some(count)),
            other => moved("write", other),
        }
    }

    fn fd(&self) -> Option<RawFd> {
        Some(self.socket.as_raw_fd())
    }

    fn plain(&self) -> Option<Plain> {
        Some(Plain { fd: self.socket.as_raw_fd(), waits: self.waits })
    }

    /// One that was closed before all had arrived may have been closed for another reason than what was written.
    fn has_ended_in_order(&self) -> bool {
        self.over && wait::unacknowledged(self.socket.as_raw_fd()) == 0
    }
}

impl SocketStream {
    #[cold]
    fn read_nothing(&mut self, count: io::Result<usize>) -> Result<Moved> {
        let moved = moved("read", count)?;
        self.over |= moved == Moved::Some(0);
        Ok(moved)
    }
}

/// What a system call moved; that it would have to wait is no error.
#[cold]
fn moved(phase: &str, count: io::Result<usize>) -> Result<Moved> {
    match count {
        Ok(count) => Ok(Moved::Some(count)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Moved::None),
        Err(error) => Err(Error::os(Status::Io, phase, &error)),
    }
}
