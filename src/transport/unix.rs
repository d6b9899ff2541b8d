//! Unix sockets: one path, no look-up, and errors that say where to look.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::thread;
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

use super::{Deadline, no_answer};
use crate::error::{Error, Result, Status};

/// A connected, non-blocking, close-on-exec socket. A leading NUL is Linux's abstract name; there is no other magic.
pub(super) fn connect(path: &[u8], deadline: Deadline) -> Result<Socket> {
    let allowed_ms = deadline.remaining_ms();
    let address = address(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking().cloexec(), None)
        .map_err(|error| Error::os(Status::Connect, "socket", &error))?;
    let mut pause = PAUSE_MIN;
    loop {
        let error = match socket.connect(&address) {
            Ok(()) => return Ok(socket),
            Err(error) => error,
        };
        match error.raw_os_error() {
            Some(libc::EISCONN) => return Ok(socket),
            Some(libc::EINTR) => continue,
            // The server's backlog is full. Nothing can be polled for: there is no connection yet.
            Some(libc::EAGAIN) => match deadline.remaining() {
                Some(Duration::ZERO) => {
                    let mut error = no_answer("connect", allowed_ms);
                    error.message.extend_from_slice(b" (the server's backlog is full)");
                    return Err(error);
                }
                left => thread::sleep(left.map_or(pause, |left| left.min(pause))),
            },
            _ => return Err(refused(&error)),
        }
        pause = (pause * 2).min(PAUSE_MAX);
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
