//! Bytes and readiness, no RESP: how a connection is opened, and how bytes move over it until a deadline.

mod attempt;
mod deadline;
mod lookup;
mod tcp;
#[expect(unsafe_code, reason = "a thread started by the C library alone")]
mod thread;
#[cfg(feature = "tls")]
mod tls;
mod unix;

#[cfg(test)]
pub(crate) mod faulty;
#[cfg(test)]
pub(crate) mod script;

#[expect(unsafe_code, reason = "epoll, eventfd and timerfd, which std does not offer")]
pub mod poller;
#[expect(unsafe_code, reason = "poll, sendmsg, recv and the signal mask, which std does not offer as they are")]
pub mod wait;

pub use attempt::{Attempt, Awaited, Step, connected};
pub use deadline::Deadline;
#[cfg(feature = "tls")]
pub use tls::with_tls;

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use crate::error::{Error, Result, Status};
use crate::options::Endpoint;

/// How a connection is opened. Shared by every connection of a pool.
pub trait Connect: Send + Sync {
    /// Begin to open a stream of bytes to `endpoint`. An error, now or later, names the endpoint and the phase it came in.
    fn begin(&self, endpoint: &Endpoint, deadline: Deadline) -> Result<Box<dyn Attempt>>;

    /// Open a stream of bytes to `endpoint`: begin, and wait until it is open.
    fn connect(&self, endpoint: &Endpoint, deadline: Deadline) -> Result<Box<dyn Transport>> {
        let mut attempt = self.begin(endpoint, deadline)?;
        attempt::finish(|| attempt.go_on())
    }

    /// Whether its streams may have a descriptor to poll.
    fn has_fd(&self) -> bool {
        true
    }

    /// The server that was connected to last is the wrong one, though it is there: where there are others, try them first.
    fn avoid_address(&self) {}

    /// What messages and counts call it.
    fn name(&self) -> &str;
}

/// A stream of bytes. Dropping it closes it.
///
/// An error of `read` or `write` names the phase but no endpoint: whoever holds the stream knows where it leads.
pub trait Transport: Send {
    /// Read into `buffer`: `Some(0)` is the end of the stream. With an `fd`, `timeout_ms` is always 0.
    fn read(&mut self, buffer: &mut [u8], timeout_ms: i64) -> Result<Moved>;

    /// Write what fits of `bytes`. With an `fd`, `timeout_ms` is always 0. What was not taken comes again, at the
    /// beginning of the next call's bytes. After an error none of these bytes has left, unless `may_move_and_fail`.
    fn write(&mut self, bytes: &[u8], timeout_ms: i64) -> Result<Moved>;

    /// What to poll before reading and writing; without it the two calls do the waiting.
    fn fd(&self) -> Option<RawFd>;

    /// Whether a read may find bytes that `fd` no longer shows, for they have left the kernel.
    fn pending(&self) -> bool {
        false
    }

    /// Whether a write that fails may have moved any of the bytes that it was given.
    fn may_move_and_fail(&self) -> bool {
        false
    }

    /// Whether the peer has ended the stream, and had taken over everything that was written. False where that is not known.
    fn has_ended_in_order(&self) -> bool {
        false
    }
}

/// What a read or a write came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// So many bytes.
    Some(usize),
    /// None could be moved in time.
    None,
}

/// TLS on top of a way to connect: not in this build.
#[cfg(not(feature = "tls"))]
pub fn with_tls(
    _below: std::sync::Arc<dyn Connect>,
    _options: &crate::options::Options,
) -> Result<std::sync::Arc<dyn Connect>> {
    Err(Error::new(Status::Unsupported, "tls: this build has no TLS"))
}

/// The built-in way to connect: TCP or a Unix socket, as the endpoint says. Clones share what they learn of its addresses.
#[derive(Clone, Debug)]
pub struct Sockets {
    keepalive_ms: i64,
    user_timeout_ms: i64,
    last: tcp::LastAddress,
}

impl Sockets {
    /// `keepalive_ms`: how long a TCP connection may rest before the kernel asks whether the peer lives; negative: it never
    /// asks. `user_timeout_ms`: how long bytes may stay unacknowledged before the kernel gives a TCP connection up; 0 and less:
    /// its own rule.
    pub fn new(keepalive_ms: i64, user_timeout_ms: i64) -> Sockets {
        Sockets { keepalive_ms, user_timeout_ms, last: tcp::LastAddress::default() }
    }
}

impl Connect for Sockets {
    fn begin(&self, endpoint: &Endpoint, deadline: Deadline) -> Result<Box<dyn Attempt>> {
        let begun = match endpoint {
            Endpoint::Tcp { host, port } => tcp::TcpAttempt::begin(host, *port, self, deadline).map(Begun::Tcp),
            Endpoint::Unix { path } => unix::UnixAttempt::begin(path, deadline).map(Begun::Unix),
        };
        let place = shown(endpoint);
        match begun {
            Ok(begun) => Ok(Box::new(Socketed { begun, place })),
            Err(error) => Err(error.at(&place)),
        }
    }

    fn avoid_address(&self) {
        self.last.avoid();
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
    Tcp(tcp::TcpAttempt),
    Unix(unix::UnixAttempt),
}

impl Attempt for Socketed {
    fn go_on(&mut self) -> Result<Step<Box<dyn Transport>>> {
        let step = match &mut self.begun {
            Begun::Tcp(attempt) => attempt.go_on(),
            Begun::Unix(attempt) => attempt.go_on(),
        };
        match step {
            Ok(Step::Done(socket)) => Ok(Step::Done(Box::new(SocketStream { socket: socket.into(), over: false }))),
            Ok(Step::Wait(awaited)) => Ok(Step::Wait(awaited)),
            Err(error) => Err(error.at(&self.place)),
        }
    }
}

/// A connected, non-blocking socket of any family.
struct SocketStream {
    socket: OwnedFd,
    /// The peer has ended the stream.
    over: bool,
}

impl Transport for SocketStream {
    fn read(&mut self, buffer: &mut [u8], _timeout_ms: i64) -> Result<Moved> {
        if buffer.is_empty() {
            return Ok(Moved::None); // A count of 0 would say that the stream has ended.
        }
        let moved = moved("read", wait::receive(self.socket.as_raw_fd(), buffer))?;
        self.over |= moved == Moved::Some(0);
        Ok(moved)
    }

    fn write(&mut self, bytes: &[u8], _timeout_ms: i64) -> Result<Moved> {
        moved("write", wait::send(self.socket.as_raw_fd(), bytes))
    }

    fn fd(&self) -> Option<RawFd> {
        Some(self.socket.as_raw_fd())
    }

    /// One that was closed before all had arrived may have been closed for another reason than what was written.
    fn has_ended_in_order(&self) -> bool {
        self.over && wait::unacknowledged(self.socket.as_raw_fd()) == 0
    }
}

/// What a system call moved; that it would have to wait is no error.
fn moved(phase: &str, count: io::Result<usize>) -> Result<Moved> {
    match count {
        Ok(count) => Ok(Moved::Some(count)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Moved::None),
        Err(error) => Err(Error::os(Status::Io, phase, &error)),
    }
}

/// The endpoint as messages name it: cut where it would leave no room for the reason.
fn shown(endpoint: &Endpoint) -> String {
    let whole = endpoint.to_string();
    if whole.len() <= ENDPOINT_SHOWN_MAX {
        return whole;
    }
    let mut cut = ENDPOINT_SHOWN_MAX - "...".len();
    while !whole.is_char_boundary(cut) {
        cut -= 1;
    }
    format!("{}...", &whole[..cut])
}

/// The deadline passed in `phase`, which had been allowed `allowed_ms`: none where what came before had used the time up.
fn no_answer(phase: &str, allowed_ms: i64) -> Error {
    let text = match allowed_ms {
        0 => format!("{phase}: {NO_TIME_LEFT}"),
        _ => format!("{phase}: no answer within {allowed_ms} ms"),
    };
    Error::new(Status::Timeout, text)
}

/// What is said of a phase that never began in time.
pub const NO_TIME_LEFT: &str = "no time was left for it: what came before took all there was";

/// Bytes of an endpoint in a message: the longest Unix path that can be right, and some room for a long host name.
const ENDPOINT_SHOWN_MAX: usize = 120;

#[cfg(test)]
mod tests;
