//! Waiting for a socket against a deadline, and the system calls for its bytes that std does not offer.
//!
//! std writes with `write` or `writev`, which raise SIGPIPE in a host that left it at its default. Here every byte
//! leaves by `send` with MSG_NOSIGNAL.

use std::ffi::CStr;
use std::io;
use std::os::fd::RawFd;
use std::ptr;
use std::time::Duration;

use super::Deadline;
use crate::error::{Error, Result, Status};
use crate::memory::Room;
use crate::ongoing::Vigil;

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

/// Wait until `fd` can be read or written, as asked, or the deadline passes. Interrupted, it waits for what is left, unless the
/// call is ended, which is an error.
pub fn wait(fd: RawFd, read: bool, write: bool, deadline: Deadline) -> Result<Ready> {
    wait_while(fd, read, write, deadline, || true)
}

/// As `wait`; but where the bell of this call rings, it goes on only while that is so.
pub fn wait_while(fd: RawFd, read: bool, write: bool, deadline: Deadline, goes_on: impl Fn() -> bool) -> Result<Ready> {
    if fd < 0 {
        return Err(poll_failed(io::Error::from_raw_os_error(libc::EBADF))); // poll would overlook it, and wait.
    }
    let events = if read { libc::POLLIN } else { 0 } | if write { libc::POLLOUT } else { 0 };
    let mut vigil = Vigil::begin()?;
    // Only from here on the bell is heard.
    while goes_on() {
        let bell = libc::pollfd { fd: vigil.bell().unwrap_or(-1), events: libc::POLLIN, revents: 0 };
        let mut entries = [libc::pollfd { fd, events, revents: 0 }, bell];
        let watched = if bell.fd < 0 { 1 } else { 2 };
        let timeout_ms = vigil.slice_ms(deadline.remaining_ms());
        // SAFETY: so many entries are there, and outlive the call.
        let count = unsafe { libc::poll(entries.as_mut_ptr(), watched, in_an_int(timeout_ms)) };
        if count < 0 {
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(poll_failed(error));
            }
        } else if entries[0].revents != 0 {
            return ready(entries[0].revents, read, write);
        } else if count == 0 && deadline.has_passed() {
            return Ok(Ready::default());
        }
        vigil.look()?;
    }
    Ok(Ready::default())
}

/// Wait for a moment until `fd` can be read, or has failed. A signal ends that.
pub fn is_soon_readable(fd: RawFd) -> bool {
    let mut entry = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    // SAFETY: one entry, which outlives the call.
    unsafe { libc::poll(&mut entry, 1, in_an_int(READ_WAIT_MS)) > 0 }
}

/// Wait for so long, which is short: nobody looks whether the call was ended. A signal ends the wait as its time does.
pub fn wait_briefly(fd: RawFd, read: bool, write: bool, time: Duration) -> Result<Ready> {
    let events = if read { libc::POLLIN } else { 0 } | if write { libc::POLLOUT } else { 0 };
    let mut entry = libc::pollfd { fd, events, revents: 0 };
    // Less than a second, so it fits any of the system's widths.
    let time = libc::timespec { tv_sec: 0, tv_nsec: time.subsec_nanos() as _ };
    // SAFETY: one entry and one timespec, which outlive the call; it changes no signal mask.
    match unsafe { libc::ppoll(&mut entry, 1, &time, ptr::null()) } {
        0.. => ready(entry.revents, read, write),
        _ => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok(Ready::default()),
            error => Err(poll_failed(error)),
        },
    }
}

/// Look whether `fd` can be read or written, as asked, without waiting.
pub fn look(fd: RawFd, read: bool, write: bool) -> Result<Ready> {
    let events = if read { libc::POLLIN } else { 0 } | if write { libc::POLLOUT } else { 0 };
    let mut entry = libc::pollfd { fd, events, revents: 0 };
    uninterrupted(|| {
        // SAFETY: one entry, which outlives the call.
        unsafe { libc::poll(&mut entry, 1, 0) as isize }
    })
    .map_err(poll_failed)?;
    ready(entry.revents, read, write)
}

/// What poll's answer means. A socket that failed is ready for whatever was asked: the next call will say why.
pub(super) fn ready(found: libc::c_short, read: bool, write: bool) -> Result<Ready> {
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

/// Milliseconds as poll counts them.
pub(super) fn in_an_int(ms: i64) -> libc::c_int {
    libc::c_int::try_from(ms).unwrap_or(libc::c_int::MAX)
}

pub(super) fn poll_failed(error: io::Error) -> Error {
    Error::os(Status::Io, "poll", &error)
}

/// Send what fits of `bytes`, now: never waits, never raises SIGPIPE.
pub fn send(fd: RawFd, bytes: &[u8]) -> io::Result<usize> {
    uninterrupted(|| {
        // SAFETY: so many bytes are there, and send only reads them.
        unsafe { libc::send(fd, bytes.as_ptr().cast(), bytes.len(), libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT) }
    })
}

/// Receive what has arrived into `buffer`, now: 0 is the end of the stream.
pub fn receive(fd: RawFd, buffer: &mut [u8]) -> io::Result<usize> {
    received(fd, buffer.as_mut_ptr(), buffer.len(), false)
}

/// Receive what has arrived into memory that need not be initialised: 0 is the end of the stream. `waits`: where nothing has, wait
/// for a moment, for which the socket is set. A signal ends that.
pub fn receive_into(fd: RawFd, room: &mut Room<'_>, waits: bool) -> io::Result<usize> {
    let count = received(fd, room.as_mut_ptr(), room.len(), waits)?;
    // SAFETY: recv has written so many.
    unsafe { room.assume_filled(count) };
    Ok(count)
}

/// Whoever asks lends `len` bytes from `start` on.
#[inline(always)]
fn received(fd: RawFd, start: *mut u8, len: usize, waits: bool) -> io::Result<usize> {
    let receive = |flags| {
        // SAFETY: recv writes at most `len` bytes there.
        unsafe { libc::recv(fd, start.cast(), len, flags) }
    };
    if !waits {
        return uninterrupted(|| receive(libc::MSG_DONTWAIT));
    }
    usize::try_from(receive(0)).map_err(|_| match io::Error::last_os_error() {
        error if error.kind() == io::ErrorKind::Interrupted => io::ErrorKind::WouldBlock.into(),
        error => error,
    })
}

/// Let a read of this socket that is to wait do so for `READ_WAIT_MS`. False: the system does not.
pub(super) fn set_read_wait(fd: RawFd) -> bool {
    let time = libc::timeval { tv_sec: 0, tv_usec: 1000 * READ_WAIT_MS as libc::suseconds_t };
    let len = size_of::<libc::timeval>() as libc::socklen_t;
    // SAFETY: it reads one timeval.
    let set = unsafe { libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_RCVTIMEO, ptr::from_ref(&time).cast(), len) };
    let mut off: libc::c_int = 0;
    // SAFETY: FIONBIO reads one int, which outlives the call.
    set == 0 && unsafe { libc::ioctl(fd, libc::FIONBIO, ptr::from_mut(&mut off)) } == 0
}

/// How many bytes were sent that the peer has not acknowledged, as far as the system says.
pub fn unacknowledged(fd: RawFd) -> usize {
    let mut count: libc::c_int = 0;
    // SAFETY: TIOCOUTQ writes one int, which outlives the call.
    match unsafe { libc::ioctl(fd, libc::TIOCOUTQ, ptr::from_mut(&mut count)) } {
        0 => usize::try_from(count).unwrap_or(0),
        _ => 0,
    }
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
        Err(error) => match error.raw_os_error() {
            Some(libc::EAGAIN) => Idle::Quiet,
            Some(libc::ENOTSOCK) => polled_state(fd),
            _ => Idle::Closed,
        },
    }
}

/// The same look at what is no socket, such as the pipe or eventfd of a transport of the caller's: it cannot be peeked at.
fn polled_state(fd: RawFd) -> Idle {
    match look(fd, true, false) {
        Ok(ready) if ready.hung_up => Idle::Closed,
        Ok(ready) if ready.readable => Idle::Readable,
        Ok(_) => Idle::Quiet,
        Err(_) => Idle::Closed,
    }
}

/// How long a read waits at once where it does.
pub const READ_WAIT_MS: i64 = 20;

/// A system call that counts bytes, begun again as often as a signal interrupts it.
#[inline(always)]
fn uninterrupted(mut call: impl FnMut() -> isize) -> io::Result<usize> {
    loop {
        match usize::try_from(call()) {
            Ok(count) => return Ok(count),
            Err(_) => {
                let error = io::Error::last_os_error();
                if error.raw_os_error() != Some(libc::EINTR) {
                    return Err(error);
                }
            }
        }
    }
}

/// The number of the network interface of this name.
pub(super) fn interface(name: &CStr) -> Option<u32> {
    // SAFETY: a name that ends in a NUL, which the call only reads.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => None,
        number => Some(number),
    }
}

#[cfg(test)]
mod tests {
    use std::mem::MaybeUninit;
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
    use std::os::unix::net::UnixStream;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::thread;
    use std::time::{Duration, Instant};

    use super::*;

    fn pair() -> (UnixStream, UnixStream) {
        UnixStream::pair().unwrap()
    }

    #[test]
    fn what_is_no_descriptor_is_an_error_and_not_a_wait() {
        for fd in [-1, i32::MAX] {
            let error = wait(fd, true, false, Deadline::never()).unwrap_err();
            assert_eq!((error.status, error.os_error), (Status::Io, libc::EBADF));
            assert_eq!(idle_state(fd), Idle::Closed);
        }
    }

    #[test]
    fn only_what_was_asked_for_is_found() {
        let (ours, theirs) = pair();
        let fd = ours.as_raw_fd();
        let found = |read, write| wait(fd, read, write, Deadline::after_ms(0)).unwrap();
        assert!(!found(true, false).any());
        assert_eq!(found(true, true), Ready { readable: false, writable: true, hung_up: false });
        assert_eq!(send(theirs.as_raw_fd(), b"x").unwrap(), 1);
        assert_eq!(found(true, false), Ready { readable: true, writable: false, hung_up: false });
        drop(theirs);
        assert_eq!(found(true, true), Ready { readable: true, writable: true, hung_up: true });
        assert!(found(false, false).any());
    }

    #[test]
    fn long_deadlines_are_counted_in_ints() {
        assert_eq!(in_an_int(Deadline::after_ms(0).remaining_ms()), 0);
        assert_eq!(in_an_int(Deadline::after_ms(i64::MAX).remaining_ms()), i32::MAX);
        assert_eq!(in_an_int(Deadline::never().remaining_ms()), -1);
    }

    #[test]
    fn descriptors_above_1024_are_no_different() {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: both calls are given one rlimit that outlives them.
        assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) }, 0);
        limit.rlim_cur = limit.rlim_cur.max(4096.min(limit.rlim_max));
        // SAFETY: as above.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
        let (ours, theirs) = pair();
        // SAFETY: fcntl makes a new descriptor and touches no memory.
        let high = unsafe { libc::fcntl(ours.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 2000) };
        assert!(high >= 2000, "{}", io::Error::last_os_error());
        // SAFETY: the descriptor was made just now, and nobody else has it.
        let high = unsafe { OwnedFd::from_raw_fd(high) };
        assert!(!wait(high.as_raw_fd(), true, false, Deadline::after_ms(1)).unwrap().any());
        send(theirs.as_raw_fd(), b"x").unwrap();
        assert!(wait(high.as_raw_fd(), true, false, Deadline::after_ms(60_000)).unwrap().readable);
        assert_eq!(idle_state(high.as_raw_fd()), Idle::Readable);
    }

    /// What is written behind the end of a stream is never acknowledged, though the end is all that is read.
    #[test]
    fn what_nobody_took_is_not_acknowledged() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        for ends_first in [false, true] {
            let ours = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (mut theirs, _) = listener.accept().unwrap();
            let fd = ours.as_raw_fd();
            if ends_first {
                drop(theirs);
                assert!(wait(fd, true, false, Deadline::after_ms(60_000)).unwrap().readable);
                assert_eq!(send(fd, b"SHUTDOWN").unwrap(), 8);
            } else {
                assert_eq!(send(fd, b"SHUTDOWN").unwrap(), 8);
                io::Read::read_exact(&mut theirs, &mut [0; 8]).unwrap();
                drop(theirs);
                assert!(wait(fd, true, false, Deadline::after_ms(60_000)).unwrap().readable);
            }
            assert_eq!(receive(fd, &mut [0; 8]).unwrap(), 0);
            assert_eq!(unacknowledged(fd), if ends_first { 8 } else { 0 });
        }
    }

    #[test]
    fn a_pipe_is_looked_at_by_poll() {
        let (reader, writer) = io::pipe().unwrap();
        assert_eq!(idle_state(reader.as_raw_fd()), Idle::Quiet);
        drop(writer);
        assert_eq!(idle_state(reader.as_raw_fd()), Idle::Closed);
    }

    static INTERRUPTED: AtomicUsize = AtomicUsize::new(0);

    extern "C" fn count_signal(_: libc::c_int) {
        INTERRUPTED.fetch_add(1, Ordering::Relaxed);
    }

    /// A handler without SA_RESTART, so that every signal interrupts what the thread waits in.
    fn interrupting_handler(signal: libc::c_int) {
        // SAFETY: a sigaction of zeros has no flags and an empty mask.
        let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
        action.sa_sigaction = count_signal as extern "C" fn(libc::c_int) as libc::sighandler_t;
        // SAFETY: the action outlives the call, and its handler only counts.
        assert_eq!(unsafe { libc::sigaction(signal, &action, ptr::null_mut()) }, 0);
    }

    #[test]
    fn interrupted_it_waits_for_what_is_left() {
        interrupting_handler(libc::SIGUSR2);
        let (ours, _theirs) = pair();
        // SAFETY: it takes nothing and cannot fail.
        let waiter = unsafe { libc::pthread_self() };
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    // SAFETY: the scope keeps the waiter alive for as long as this thread runs.
                    unsafe { libc::pthread_kill(waiter, libc::SIGUSR2) };
                    thread::sleep(Duration::from_millis(1));
                }
            });
            let start = Instant::now();
            let found = wait(ours.as_raw_fd(), true, false, Deadline::after_ms(300));
            let elapsed = start.elapsed();
            over.store(true, Ordering::Relaxed);
            assert!(!found.unwrap().any());
            assert!(elapsed >= Duration::from_millis(300));
        });
        // However busy the machine is: at least once.
        assert!(INTERRUPTED.load(Ordering::Relaxed) > 0);
    }
}
