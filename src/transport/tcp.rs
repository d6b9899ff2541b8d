//! TCP: every address that a name has, one after the other, inside one deadline.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

use super::{Awaited, Deadline, Sockets, Step, lookup, no_answer, wait};
use crate::error::{Error, Result, Status};

/// A connect to each address in turn, until one lets us in.
pub(super) struct Attempt {
    sockets: Sockets,
    addresses: Vec<SocketAddr>,
    /// The address whose turn it is, by its place among them.
    at: usize,
    turn: Option<Turn>,
    /// Of several failures the first is told.
    first: Option<Error>,
    allowed_ms: i64,
    deadline: Deadline,
}

/// A connect to one address.
struct Turn {
    socket: Socket,
    address: SocketAddr,
    /// The system has been asked, and has not answered.
    asked: bool,
    allowed_ms: i64,
    deadline: Deadline,
}

impl Attempt {
    /// Waits for nothing but the look-up of a name.
    pub(super) fn begin(host: &str, port: u16, sockets: &Sockets, deadline: Deadline) -> Result<Attempt> {
        let allowed_ms = deadline.remaining_ms();
        let addresses = match host.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, port)],
            Err(_) => lookup::addresses(host, port, deadline)?,
        };
        Ok(Attempt::to(addresses, sockets, allowed_ms, deadline))
    }

    fn to(addresses: Vec<SocketAddr>, sockets: &Sockets, allowed_ms: i64, deadline: Deadline) -> Attempt {
        Attempt { sockets: sockets.clone(), addresses, at: 0, turn: None, first: None, allowed_ms, deadline }
    }

    /// A connected, non-blocking, close-on-exec socket, set up as asked; or what to wait for.
    pub(super) fn go_on(&mut self) -> Result<Step<Socket>> {
        loop {
            match self.go_on_with_one() {
                Ok(Step::Done(socket)) => {
                    set_up(&socket, &self.sockets)
                        .map_err(|error| Error::os(Status::Connect, "socket options", &error))?;
                    return Ok(Step::Done(socket));
                }
                Ok(wait) => return Ok(wait),
                Err(error) => self.give_up_one(error)?,
            }
        }
    }

    fn go_on_with_one(&mut self) -> Result<Step<Socket>> {
        let Some(address) = self.addresses.get(self.at) else {
            return Err(Error::new(Status::Connect, "connect: there is no address"));
        };
        let others = self.addresses.len() - self.at - 1;
        let mut one = match self.turn.take() {
            Some(turn) => turn,
            None => Turn::new(*address, turn(self.deadline, others))?,
        };
        let step = one.go_on()?;
        Ok(match step {
            Some(awaited) => {
                self.turn = Some(one);
                Step::Wait(awaited)
            }
            None => Step::Done(one.socket),
        })
    }

    /// The next address, if there is one and time for it.
    fn give_up_one(&mut self, error: Error) -> Result<()> {
        let others = self.addresses.len().saturating_sub(self.at + 1);
        let out_of_time = self.deadline.has_passed() && (others > 0 || error.status == Status::Timeout);
        let first = self.first.get_or_insert(error);
        if out_of_time {
            return Err(among(&self.addresses, no_answer("connect", self.allowed_ms)));
        }
        if others == 0 {
            // Only the deadline of the whole makes a timeout of it; an address that was given up for the next has just failed.
            return Err(among(&self.addresses, Error { status: Status::Connect, ..first.clone() }));
        }
        self.at += 1;
        Ok(())
    }
}

/// The error, and of how many addresses it is the sum.
fn among(addresses: &[SocketAddr], mut error: Error) -> Error {
    if let [first, _, ..] = addresses {
        let note = format!(" ({} addresses, {} the first)", addresses.len(), first.ip());
        error.message.extend_from_slice(note.as_bytes());
    }
    error
}

/// Until when one address may take, with `others` behind it: a fair share of what is left; the last may have it all.
fn turn(deadline: Deadline, others: usize) -> Deadline {
    if others == 0 {
        return deadline;
    }
    let share = match deadline.remaining() {
        Some(left) => left / u32::try_from(others).unwrap_or(u32::MAX).saturating_add(1),
        None => TURN_MAX,
    };
    deadline.earlier(Deadline::after(share.min(TURN_MAX)))
}

impl Turn {
    fn new(address: SocketAddr, deadline: Deadline) -> Result<Turn> {
        let kind = Type::STREAM.nonblocking().cloexec();
        let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::TCP))
            .map_err(|error| Error::os(Status::Connect, "socket", &error))?;
        Ok(Turn { socket, address, asked: false, allowed_ms: deadline.remaining_ms(), deadline })
    }

    /// Connect, or tell what to wait for.
    fn go_on(&mut self) -> Result<Option<Awaited>> {
        if self.asked {
            return self.answer();
        }
        loop {
            match self.socket.connect(&self.address.into()) {
                Ok(()) => break,
                Err(error) => match error.raw_os_error() {
                    Some(libc::EISCONN) => break,
                    Some(libc::EINTR) => continue,
                    Some(libc::EINPROGRESS | libc::EALREADY) => {
                        self.asked = true;
                        return Ok(Some(self.awaited()));
                    }
                    _ => return Err(refused(&error)),
                },
            }
        }
        check(&self.socket).map_err(|error| refused(&error))?;
        Ok(None)
    }

    fn answer(&self) -> Result<Option<Awaited>> {
        if wait::wait(self.socket.as_raw_fd(), false, true, Deadline::after_ms(0))?.any() {
            check(&self.socket).map_err(|error| refused(&error))?;
            return Ok(None);
        }
        match self.deadline.has_passed() {
            true => Err(no_answer("connect", self.allowed_ms)),
            false => Ok(Some(self.awaited())),
        }
    }

    fn awaited(&self) -> Awaited {
        Awaited { fd: Some(self.socket.as_raw_fd()), read: false, write: true, until: self.deadline }
    }
}

fn refused(error: &io::Error) -> Error {
    Error::os(Status::Connect, "connect", error)
}

/// How the attempt ended; and that it did not end at itself.
///
/// A connect to a free port of this machine may be given that very port to come from, and TCP then joins the socket to
/// itself: it would read back what it writes, and hold the port that the server wants.
fn check(socket: &Socket) -> io::Result<()> {
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    if socket.local_addr()?.as_socket() == socket.peer_addr()?.as_socket() {
        socket.set_linger(Some(Duration::ZERO))?; // Reset, so that the port is free at once.
        return Err(io::Error::from_raw_os_error(libc::ECONNREFUSED));
    }
    Ok(())
}

/// What every connected socket gets: no delay, and a kernel that notices a dead peer.
fn set_up(socket: &Socket, sockets: &Sockets) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    if let Ok(idle_ms) = u64::try_from(sockets.keepalive_ms) {
        let idle = idle_ms.div_ceil(1000).clamp(1, KEEPALIVE_SECONDS_MAX);
        let keepalive = TcpKeepalive::new()
            .with_time(Duration::from_secs(idle))
            .with_interval(Duration::from_secs((idle / 6).max(1)))
            .with_retries(KEEPALIVE_PROBES);
        socket.set_tcp_keepalive(&keepalive)?;
    }
    if let Ok(timeout_ms @ 1..) = u64::try_from(sockets.user_timeout_ms) {
        let timeout_ms = timeout_ms.min(USER_TIMEOUT_MS_MAX);
        socket.set_tcp_user_timeout(Some(Duration::from_millis(timeout_ms)))?;
    }
    Ok(())
}

/// How long one address may take while others wait for their turn.
const TURN_MAX: Duration = Duration::from_secs(2);
/// Unanswered keepalive probes that end a connection.
const KEEPALIVE_PROBES: u32 = 3;
/// The longest keepalive time that Linux takes.
const KEEPALIVE_SECONDS_MAX: u64 = 32_767;
/// The longest user timeout that Linux takes: an int of milliseconds.
const USER_TIMEOUT_MS_MAX: u64 = i32::MAX as u64;

#[cfg(test)]
mod tests;
