//! Unix sockets: one path, no look-up, and errors that say where to look.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

use super::connect::no_answer;
use super::{Awaited, Deadline, Step};
use crate::error::{Error, Result, Status};

/// A connect to one path.
pub(super) struct UnixAttempt {
    /// None once it is connected.
    socket: Option<Socket>,
    address: SockAddr,
    pause: Duration,
    allowed_ms: i64,
    deadline: Deadline,
}

impl UnixAttempt {
    /// A leading NUL is Linux's abstract name; there is no other magic.
    pub(super) fn begin(path: &[u8], deadline: Deadline) -> Result<UnixAttempt> {
        let allowed_ms = deadline.remaining_ms();
        let address = address(path)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking().cloexec(), None)
            .map_err(|error| Error::os(Status::Connect, "socket", &error))?;
        Ok(UnixAttempt { socket: Some(socket), address, pause: PAUSE_MIN, allowed_ms, deadline })
    }

    /// A connected, non-blocking, close-on-exec socket; or what to wait for.
    pub(super) fn go_on(&mut self) -> Result<Step<Socket>> {
        while let Some(socket) = self.socket.take() {
            let error = match socket.connect(&self.address) {
                Ok(()) => return Ok(Step::Done(socket)),
                Err(error) => error,
            };
            match error.raw_os_error() {
                Some(libc::EISCONN) => return Ok(Step::Done(socket)),
                Some(libc::EINTR) => {}
                Some(libc::EAGAIN) => {
                    self.socket = Some(socket);
                    return self.wait_for_a_place();
                }
                _ => return Err(refused(&error)),
            }
            self.socket = Some(socket);
        }
        Err(Error::new(Status::State, "connect: it was connected before"))
    }

    /// The server's backlog is full. Nothing can be polled for: there is no connection yet.
    fn wait_for_a_place(&mut self) -> Result<Step<Socket>> {
        if self.deadline.has_passed() {
            let mut error = no_answer("connect", self.allowed_ms);
            error.message.extend_from_slice(b" (the server's backlog is full)");
            return Err(error);
        }
        let awaited = Awaited::pause(self.pause, self.deadline);
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        Ok(Step::Wait(awaited))
    }
}

/// The path as a socket address, if it is one.
fn address(path: &[u8]) -> Result<SockAddr> {
    let is_abstract = path.first() == Some(&0);
    if path.is_empty() {
        return Err(Error::new(Status::Config, "path: it is empty"));
    }
    if path.len() > PATH_MAX + usize::from(is_abstract) {
        let why = format!("path: it has {} bytes, and a Unix socket's has at most {PATH_MAX}", path.len());
        return Err(Error::new(Status::Config, why));
    }
    if !is_abstract && path.contains(&0) {
        return Err(Error::new(Status::Config, "path: it has a NUL in it, where the system would end it"));
    }
    SockAddr::unix(OsStr::from_bytes(path)).map_err(|error| Error::os(Status::Config, "path", &error))
}

/// Why connect failed, and what of the server's configuration to look at.
fn refused(error: &io::Error) -> Error {
    let hint = match error.raw_os_error() {
        Some(libc::ENOENT | libc::ECONNREFUSED) => " (is `unixsocket` set in redis.conf?)",
        Some(libc::EACCES) => " (see `unixsocketperm` in redis.conf)",
        _ => "",
    };
    let mut error = Error::os(Status::Connect, "connect", error);
    error.message.extend_from_slice(hint.as_bytes());
    error
}

/// Bytes of a path: the 108 of `sun_path`, without the NUL at their end, which an abstract name does not have.
const PATH_MAX: usize = 107;
/// The pauses between attempts while the backlog is full.
const PAUSE_MIN: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests;
