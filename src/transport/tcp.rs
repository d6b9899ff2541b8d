//! TCP: every address that a name has, one after the other, inside one deadline.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

use super::{Deadline, Sockets, lookup, no_answer, wait};
use crate::error::{Error, Result, Status};

/// A connected, non-blocking, close-on-exec socket, set up as `sockets` asks.
pub(super) fn connect(host: &str, port: u16, sockets: &Sockets, deadline: Deadline) -> Result<Socket> {
    let allowed_ms = deadline.remaining_ms();
    let addresses = match host.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, port)],
        Err(_) => lookup::addresses(host, port, deadline)?,
    };
    let socket = connect_any(&addresses, allowed_ms, deadline)?;
    set_up(&socket, sockets).map_err(|error| Error::os(Status::Connect, "socket options", &error))?;
    Ok(socket)
}

/// The first of `addresses` that lets us in. Of several failures the first is told.
fn connect_any(addresses: &[SocketAddr], allowed_ms: i64, deadline: Deadline) -> Result<Socket> {
    let mut first: Option<Error> = None;
    for (index, address) in addresses.iter().enumerate() {
        let others = addresses.len() - index - 1;
        let error = match connect_one(address, turn(deadline, others)) {
            Ok(socket) => return Ok(socket),
            Err(error) => error,
        };
        let out_of_time = deadline.has_passed() && (others > 0 || error.status == Status::Timeout);
        first.get_or_insert(error);
        if out_of_time {
            return Err(among(addresses, no_answer("connect", allowed_ms)));
        }
    }
    // Only the deadline of the whole makes a timeout of it; an address that was given up for the next has just failed.
    let first = first.unwrap_or_else(|| Error::new(Status::Connect, "connect: there is no address"));
    Err(among(addresses, Error { status: Status::Connect, ..first }))
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

/// Connect to one address.
fn connect_one(address: &SocketAddr, deadline: Deadline) -> Result<Socket> {
    let allowed_ms = deadline.remaining_ms();
    let kind = Type::STREAM.nonblocking().cloexec();
    let socket = Socket::new(Domain::for_address(*address), kind, Some(Protocol::TCP))
        .map_err(|error| Error::os(Status::Connect, "socket", &error))?;
    loop {
        match socket.connect(&(*address).into()) {
            Ok(()) => break,
            Err(error) => match error.raw_os_error() {
                Some(libc::EISCONN) => break,
                Some(libc::EINTR) => continue,
                Some(libc::EINPROGRESS | libc::EALREADY) => {
                    if !wait::wait(socket.as_raw_fd(), false, true, deadline)?.any() {
                        return Err(no_answer("connect", allowed_ms));
                    }
                    break;
                }
                _ => return Err(refused(&error)),
            },
        }
    }
    check(&socket).map_err(|error| refused(&error))?;
    Ok(socket)
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
