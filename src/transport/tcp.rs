//! TCP: connecting to the addresses of a host name in parallel, as in RFC 8305 (Happy Eyeballs), within one deadline.

mod order;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

use super::connect::no_answer;
use super::lookup::LookingUp;
use super::poller::AnyWritable;
use super::{Awaited, Deadline, Step, wait};
use crate::error::{Error, Result, Status};
pub(super) use order::LastAddress;

/// The options of TCP sockets, and the address that was connected to last.
#[derive(Clone, Debug)]
pub(super) struct TcpOptions {
    pub(super) keepalive_ms: i64,
    pub(super) user_timeout_ms: i64,
    pub(super) last: LastAddress,
}

/// A connect to the addresses of one name. An address that has not answered for a while goes on, beside the next one.
pub(super) struct TcpAttempt {
    options: TcpOptions,
    /// The look-up of the host's name, and the port, until there are addresses.
    looking_up: Option<(LookingUp, u16)>,
    /// In the order in which they are tried.
    addresses: Vec<SocketAddr>,
    /// How many of them were tried.
    tried: usize,
    /// The connects under way, the oldest first.
    going: Vec<Going>,
    /// One descriptor for all of them, where there are several.
    several: Option<AnyWritable>,
    /// When the next address is tried, whatever the others do.
    next: Deadline,
    /// Of several failures the first is told.
    first: Option<Error>,
    allowed_ms: i64,
    deadline: Deadline,
}

/// A connect to one address, which has not answered.
struct Going {
    socket: Socket,
    address: SocketAddr,
    began: Instant,
}

impl TcpAttempt {
    /// A connect to a host. It begins with the first step.
    pub(super) fn begin(host: &str, port: u16, options: &TcpOptions, deadline: Deadline) -> TcpAttempt {
        let allowed_ms = deadline.remaining_ms();
        match host.parse::<IpAddr>() {
            Ok(address) => TcpAttempt::to(vec![SocketAddr::new(address, port)], options, allowed_ms, deadline),
            Err(_) => {
                let looking_up = Some((LookingUp::new(host, deadline), port));
                TcpAttempt { looking_up, ..TcpAttempt::to(Vec::new(), options, allowed_ms, deadline) }
            }
        }
    }

    fn to(addresses: Vec<SocketAddr>, options: &TcpOptions, allowed_ms: i64, deadline: Deadline) -> TcpAttempt {
        TcpAttempt {
            looking_up: None,
            addresses: order::in_turn(addresses, &options.last),
            options: options.clone(),
            tried: 0,
            going: Vec::new(),
            several: None,
            next: deadline,
            first: None,
            allowed_ms,
            deadline,
        }
    }

    /// A connected, non-blocking, close-on-exec socket, set up as asked; or what to wait for.
    pub(super) fn go_on(&mut self) -> Result<Step<Socket>> {
        if let Some((looking_up, port)) = &mut self.looking_up {
            let mut addresses = match looking_up.go_on()? {
                Step::Done(addresses) => addresses,
                Step::Wait(awaited) => return Ok(Step::Wait(awaited)),
            };
            addresses.iter_mut().for_each(|address| address.set_port(*port));
            self.addresses = order::in_turn(addresses, &self.options.last);
            self.looking_up = None;
        }
        loop {
            let failures = match self.look() {
                Ok(won) => return Ok(Step::Done(self.won(won))),
                Err(failures) => failures,
            };
            let untried = self.addresses.len() - self.tried;
            if self.going.is_empty() && untried == 0 {
                return Err(self.failed());
            }
            // The first address is tried even where there is no time at all.
            if self.tried > 0 && self.deadline.has_passed() {
                return Err(among(&self.addresses, no_answer("connect", self.allowed_ms)));
            }
            // One that has failed makes room for the next at once.
            if untried == 0 || (failures == 0 && !self.going.is_empty() && !self.next.has_passed()) {
                return Ok(Step::Wait(self.awaited()));
            }
            if let Some(won) = self.try_next() {
                return Ok(Step::Done(self.won(won)));
            }
        }
    }

    /// Look at those under way. None is connected: how many of them failed since.
    fn look(&mut self) -> std::result::Result<Going, usize> {
        let (mut at, mut failures) = (0, 0);
        while let Some(going) = self.going.get(at) {
            match going.answer() {
                Ok(true) => return Ok(self.take(at)),
                Ok(false) => at += 1,
                Err(error) => {
                    failures += 1;
                    self.give_up(at, error);
                }
            }
        }
        Err(failures)
    }

    /// Try the next address. Some: it is connected.
    fn try_next(&mut self) -> Option<Going> {
        if self.going.len() >= AT_ONCE_MAX {
            let waited_ms = i64::try_from(self.going[0].began.elapsed().as_millis()).unwrap_or(i64::MAX);
            self.give_up(0, no_answer("connect", waited_ms));
        }
        let address = self.addresses[self.tried];
        self.tried += 1;
        self.next = turn(self.deadline, self.addresses.len() - self.tried);
        match Going::begin(address) {
            Ok((connected, true)) => return Some(connected),
            Ok((going, false)) => self.watch(going),
            Err(error) => {
                self.first.get_or_insert(error);
            }
        }
        None
    }

    /// One more is under way. Several are watched together, where the system gives a descriptor for that.
    fn watch(&mut self, going: Going) {
        self.going.push(going);
        let watched = match &self.several {
            Some(_) => self.going.len() - 1,
            None => 0,
        };
        if self.several.is_none() && self.going.len() > 1 {
            self.several = AnyWritable::new().ok();
        }
        let Some(several) = &self.several else { return };
        if self.going[watched..].iter().any(|going| several.watch(going.socket.as_raw_fd()).is_err()) {
            self.several = None;
        }
    }

    fn give_up(&mut self, at: usize, error: Error) {
        drop(self.take(at));
        self.first.get_or_insert(error);
    }

    /// This one is under way no more, and not watched any more: only then may it be closed.
    fn take(&mut self, at: usize) -> Going {
        let going = self.going.remove(at);
        if let Some(several) = &self.several {
            several.forget(going.socket.as_raw_fd());
        }
        going
    }

    /// What to wait for: an answer, or the turn of the next address.
    fn awaited(&self) -> Awaited {
        let until = if self.tried < self.addresses.len() { self.deadline.earlier(self.next) } else { self.deadline };
        let newest = self.going.last().map(|going| going.socket.as_raw_fd());
        match &self.several {
            Some(several) => Awaited { fd: Some(several.fd()), read: true, write: false, until },
            // Those that cannot be watched together are looked at now and then.
            None if self.going.len() > 1 => {
                Awaited { fd: newest, read: false, write: true, until: until.earlier(Deadline::after(SLICE)) }
            }
            None => Awaited { fd: newest, read: false, write: true, until },
        }
    }

    /// The others are given up.
    fn won(&mut self, won: Going) -> Socket {
        self.several = None;
        self.going.clear();
        self.options.last.remember(won.address);
        set_up(&won.socket, &self.options);
        won.socket
    }

    /// No address is left. Only the deadline makes a timeout of it.
    fn failed(&mut self) -> Error {
        match self.first.take() {
            Some(first) => among(&self.addresses, Error { status: Status::Connect, ..first }),
            None => Error::new(Status::Connect, "connect: there is no address"),
        }
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

/// When the next address is tried, with so many untried: soon enough for each of them to be tried in time.
fn turn(deadline: Deadline, untried: usize) -> Deadline {
    let shares = u32::try_from(untried).unwrap_or(u32::MAX).saturating_add(1);
    let share = deadline.remaining().map_or(NEXT_AFTER, |left| left / shares);
    deadline.earlier(Deadline::after(share.min(NEXT_AFTER)))
}

impl Going {
    /// Ask for a connection. True: there is one already.
    fn begin(address: SocketAddr) -> Result<(Going, bool)> {
        let kind = Type::STREAM.nonblocking().cloexec();
        let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::TCP))
            .map_err(|error| Error::os(Status::Connect, "socket", &error))?;
        let going = Going { socket, address, began: Instant::now() };
        let connected = going.ask().map_err(|error| refused(&error))?;
        Ok((going, connected))
    }

    /// Ask the system to connect, or how far it is. False: under way.
    fn ask(&self) -> io::Result<bool> {
        loop {
            match self.socket.connect(&self.address.into()) {
                Ok(()) => break,
                Err(error) => match error.raw_os_error() {
                    Some(libc::EISCONN) => break,
                    Some(libc::EINTR) => continue,
                    Some(libc::EINPROGRESS | libc::EALREADY) => return Ok(false),
                    _ => return Err(error),
                },
            }
        }
        refuse_itself(&self.socket)?;
        Ok(true)
    }

    /// Whether it is connected by now.
    fn answer(&self) -> Result<bool> {
        if !wait::look(self.socket.as_raw_fd(), false, true)?.any() {
            return Ok(false);
        }
        match self.socket.take_error() {
            Ok(Some(error)) => Err(refused(&error)),
            Ok(None) => refuse_itself(&self.socket).map(|()| true).map_err(|error| refused(&error)),
            // A system that does not let us ask in this way is asked by another connect.
            Err(_) => self.ask().map_err(|error| refused(&error)),
        }
    }
}

fn refused(error: &io::Error) -> Error {
    Error::os(Status::Connect, "connect", error)
}

/// Refuse a connection that ends where it began.
///
/// A connect to a free port of this machine may be given that very port to come from, and TCP then joins the socket to
/// itself: it would read back what it writes, and hold the port that the server wants. A system that does not tell a socket's
/// addresses is taken at its word.
fn refuse_itself(socket: &Socket) -> io::Result<()> {
    let (Ok(ours), Ok(theirs)) = (socket.local_addr(), socket.peer_addr()) else { return Ok(()) };
    if ours.as_socket() == theirs.as_socket() {
        let _ = socket.set_linger(Some(Duration::ZERO)); // Reset, so that the port is free at once.
        return Err(io::Error::from_raw_os_error(libc::ECONNREFUSED));
    }
    Ok(())
}

/// What a connected socket is asked for: no delay, and a kernel that notices a dead peer. A connection works without them, so
/// that none fails because the system knows none of them, or allows none.
fn set_up(socket: &Socket, options: &TcpOptions) {
    let _ = socket.set_tcp_nodelay(true);
    if let Ok(idle_ms) = u64::try_from(options.keepalive_ms) {
        let idle = idle_ms.div_ceil(1000).clamp(1, KEEPALIVE_SECONDS_MAX);
        let keepalive = TcpKeepalive::new()
            .with_time(Duration::from_secs(idle))
            .with_interval(Duration::from_secs((idle / 6).max(1)))
            .with_retries(KEEPALIVE_PROBES);
        let _ = socket.set_tcp_keepalive(&keepalive);
    }
    if let Ok(timeout_ms @ 1..) = u64::try_from(options.user_timeout_ms) {
        let timeout_ms = timeout_ms.min(USER_TIMEOUT_MS_MAX);
        let _ = socket.set_tcp_user_timeout(Some(Duration::from_millis(timeout_ms)));
    }
}

/// How long an address may take before the next one is tried beside it: what RFC 8305 recommends.
const NEXT_AFTER: Duration = Duration::from_millis(250);
/// Connects under way at once for one connection. Where a name has more dead addresses, the one that was tried first is given up.
const AT_ONCE_MAX: usize = 8;
/// How often connects are looked at that cannot be watched together.
const SLICE: Duration = Duration::from_millis(10);
/// Unanswered keepalive probes that end a connection.
const KEEPALIVE_PROBES: u32 = 3;
/// The longest keepalive time that Linux takes.
const KEEPALIVE_SECONDS_MAX: u64 = 32_767;
/// The longest user timeout that Linux takes: an int of milliseconds.
const USER_TIMEOUT_MS_MAX: u64 = i32::MAX as u64;

#[cfg(test)]
mod tests;
