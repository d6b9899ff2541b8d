//! Waiting for a socket against a deadline, and moving its bytes: the system calls that std spells otherwise.
//!
//! std writes with `write` or `writev`, which raise SIGPIPE in a host that left it at its default. Here every byte
//! leaves by `sendmsg` with MSG_NOSIGNAL.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::RawFd;
use std::ptr;

use super::Deadline;
use crate::error::{Error, Result, Status};

/// What a wait found. Nothing of it: the deadline passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// A read would not wait, be it for bytes, the end of the stream or an error.
    pub readable: bool,
    /// A write would not wait, be it for an error.
    pub writable: bool,
    /// The peer is gone, or the socket has failed.
    pub hung_up: bool,
}

impl Ready {
    /// Whether the wait ended before its deadline.
    pub fn any(self) -> bool {
        self.readable || self.writable || self.hung_up
    }
}

/// Wait until `fd` can be read or written, as asked, or the deadline passes. Interrupted, it waits for what is left.
pub fn wait(fd: RawFd, read: bool, write: bool, deadline: Deadline) -> Result<Ready> {
    if fd < 0 {
        return Err(poll_failed(io::Error::from_raw_os_error(libc::EBADF))); // poll would overlook it, and wait.
    }
    let events = if read { libc::POLLIN } else { 0 } | if write { libc::POLLOUT } else { 0 };
    loop {
        let mut entry = libc::pollfd { fd, events, revents: 0 };
        // SAFETY: one entry, which outlives the call.
        let count = unsafe { libc::poll(&mut entry, 1, poll_timeout(deadline)) };
        if count < 0 {
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(poll_failed(error));
            }
        } else if count > 0 {
            return ready(entry.revents, read, write);
        } else if deadline.has_passed() {
            return Ok(Ready::default());
        }
    }
}

/// What poll's answer means. A socket that failed is ready for whatever was asked: the next call will say why.
fn ready(found: libc::c_short, read: bool, write: bool) -> Result<Ready> {
    if found & libc::POLLNVAL != 0 {
        return Err(poll_failed(io::Error::from_raw_os_error(libc::EBADF)));
    }
    let hung_up = found & (libc::POLLERR | libc::POLLHUP) != 0;
    Ok(Ready {
        readable: read && (hung_up || found & libc::POLLIN != 0),
        writable: write && (hung_up || found & libc::POLLOUT != 0),
        hung_up,
    })
}

/// What is left of the deadline as poll counts it: whole milliseconds, rounded up, in an int.
fn poll_timeout(deadline: Deadline) -> libc::c_int {
    libc::c_int::try_from(deadline.remaining_ms()).unwrap_or(libc::c_int::MAX)
}

fn poll_failed(error: io::Error) -> Error {
    Error::os(Status::Io, "poll", &error)
}

/// Send what fits of `bytes`, now: never waits, never raises SIGPIPE.
pub fn send(fd: RawFd, bytes: &[u8]) -> io::Result<usize> {
    let mut part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    // SAFETY: a msghdr of zeros is one that names nothing.
    let mut message: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
    message.msg_iov = &mut part;
    message.msg_iovlen = 1;
    uninterrupted(|| {
        // SAFETY: the message names one part, the part names `bytes`, and sendmsg only reads them.
        unsafe { libc::sendmsg(fd, &message, libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT) }
    })
}

/// Receive what has arrived into `buffer`, now: 0 is the end of the stream.
pub fn receive(fd: RawFd, buffer: &mut [u8]) -> io::Result<usize> {
    uninterrupted(|| {
        // SAFETY: recv writes at most `buffer.len()` bytes there.
        unsafe { libc::recv(fd, buffer.as_mut_ptr().cast(), buffer.len(), libc::MSG_DONTWAIT) }
    })
}

/// What a connection that should be resting is found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// Open, with nothing to read.
    Quiet,
    /// Bytes have arrived.
    Readable,
    /// The peer has closed it, or it has failed.
    Closed,
}

/// Look at a resting connection, without waiting and without taking a byte.
pub fn idle_state(fd: RawFd) -> Idle {
    let mut byte = 0u8;
    let peeked = uninterrupted(|| {
        // SAFETY: recv writes at most one byte there.
        unsafe { libc::recv(fd, ptr::from_mut(&mut byte).cast(), 1, libc::MSG_PEEK | libc::MSG_DONTWAIT) }
    });
    match peeked {
        Ok(0) => Idle::Closed,
        Ok(_) => Idle::Readable,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Idle::Quiet,
        Err(error) if error.raw_os_error() == Some(libc::ENOTSOCK) => polled_state(fd),
        Err(_) => Idle::Closed,
    }
}

/// The same look at what is no socket, such as the pipe or eventfd of a transport of the caller's: it cannot be peeked at.
fn polled_state(fd: RawFd) -> Idle {
    match wait(fd, true, false, Deadline::after_ms(0)) {
        Ok(ready) if ready.hung_up => Idle::Closed,
        Ok(ready) if ready.readable => Idle::Readable,
        Ok(_) => Idle::Quiet,
        Err(_) => Idle::Closed,
    }
}

/// A system call that counts bytes, begun again as often as a signal interrupts it.
fn uninterrupted(mut call: impl FnMut() -> isize) -> io::Result<usize> {
    loop {
        match usize::try_from(call()) {
            Ok(count) => return Ok(count),
            Err(_) => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
    }
}

/// Run `body` with every signal blocked, so that a thread it starts never runs a handler of the host's.
pub(super) fn with_signals_blocked<T>(body: impl FnOnce() -> T) -> T {
    let _restored_when_dropped = BlockedSignals::new();
    body()
}

struct BlockedSignals {
    before: libc::sigset_t,
}

impl BlockedSignals {
    fn new() -> Self {
        let mut all = MaybeUninit::<libc::sigset_t>::zeroed();
        // SAFETY: sigfillset writes the whole set.
        unsafe { libc::sigfillset(all.as_mut_ptr()) };
        let mut before = MaybeUninit::<libc::sigset_t>::zeroed();
        // SAFETY: both point to a set; the call reads the one and writes the other.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) };
        // SAFETY: the call above wrote it; and zeros, too, are a set.
        BlockedSignals { before: unsafe { before.assume_init() } }
    }
}

impl Drop for BlockedSignals {
    fn drop(&mut self) {
        // SAFETY: the set is one that the same call gave; no old one is asked for.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.before, ptr::null_mut()) };
    }
}
