//! One descriptor for the life of a handle, readable when there is work: for the program's event loop.
//!
//! The sockets of a handle come and go with its connections; what a loop was told to watch does not. Behind it stand a bell,
//! which any thread may ring, a timer, and the socket of the moment. In a child of fork none of it may be touched: the kernel
//! would change what the parent watches.
//!
//! Whatever is watched is forgotten before it is closed. A descriptor that a child of fork has open too does not leave by being
//! closed here: it would be found ready for ever, and could never be forgotten any more.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use super::Deadline;
use crate::error::{Error, Result, Status};
use crate::ongoing;

/// A descriptor that is readable while the bell was rung, the timer ran out, or the socket is ready.
#[derive(Debug)]
pub struct Poller {
    epoll: OwnedFd,
    bell: OwnedFd,
    timer: OwnedFd,
    /// The socket that is watched now; -1: none.
    socket: AtomicI32,
}

/// What a wait found. Nothing of it: the deadline passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Woken {
    /// The bell was rung, and not silenced since.
    pub bell: bool,
    /// The timer ran out, and was not set again.
    pub timer: bool,
    /// Reading from a socket would not wait, be it for an error.
    pub readable: bool,
    /// Writing to a socket would not wait, be it for an error.
    pub writable: bool,
}

impl Woken {
    /// Whether the wait ended before its deadline.
    pub fn any(self) -> bool {
        self.bell || self.timer || self.readable || self.writable
    }
}

impl Poller {
    /// With a silent bell, no timer and no socket.
    pub fn new() -> Result<Poller> {
        // SAFETY: it takes a flag, and gives a new descriptor or -1.
        let epoll = opened(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: as above.
        let bell = opened(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        let flags = libc::TFD_CLOEXEC | libc::TFD_NONBLOCK;
        // SAFETY: as above.
        let timer = opened(unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, flags) })?;
        let poller = Poller { epoll, bell, timer, socket: AtomicI32::new(-1) };
        poller.control(libc::EPOLL_CTL_ADD, poller.bell.as_raw_fd(), READ, BELL)?;
        poller.control(libc::EPOLL_CTL_ADD, poller.timer.as_raw_fd(), READ, TIMER)?;
        Ok(poller)
    }

    /// The descriptor to watch: readable when `wait` would find something.
    pub fn fd(&self) -> RawFd {
        self.epoll.as_raw_fd()
    }

    /// Watch this socket, in place of any other, for what is asked.
    pub fn watch(&self, socket: RawFd, read: bool, write: bool) -> Result<()> {
        let events = if read { READ } else { 0 } | if write { WRITE } else { 0 };
        // Where a transport of the caller's closed its own, the number may be another socket's by now.
        if self.socket.load(Ordering::Relaxed) == socket
            && self.control(libc::EPOLL_CTL_MOD, socket, events, SOCKET).is_ok()
        {
            return Ok(());
        }
        self.forget();
        self.control(libc::EPOLL_CTL_ADD, socket, events, SOCKET)?;
        self.socket.store(socket, Ordering::Relaxed);
        Ok(())
    }

    /// Watch no socket any more: before the socket is closed.
    pub fn forget(&self) {
        let socket = self.socket.swap(-1, Ordering::Relaxed);
        if socket >= 0 {
            // It fails only where a transport of the caller's has closed its own.
            let _ = self.control(libc::EPOLL_CTL_DEL, socket, 0, SOCKET);
        }
    }

    /// Watch this socket beside all others, for what is asked. Who does that forgets it, before it is closed.
    pub fn watch_beside(&self, socket: RawFd, read: bool, write: bool) -> Result<()> {
        let events = if read { READ } else { 0 } | if write { WRITE } else { 0 };
        match self.control(libc::EPOLL_CTL_MOD, socket, events, SOCKET) {
            Ok(()) => Ok(()),
            Err(_) => self.control(libc::EPOLL_CTL_ADD, socket, events, SOCKET),
        }
    }

    /// Watch this one of those no more: before it is closed.
    pub fn forget_beside(&self, socket: RawFd) {
        // It fails only where a transport of the caller's has closed its own.
        let _ = self.control(libc::EPOLL_CTL_DEL, socket, 0, SOCKET);
    }

    /// Watch nothing any more: before all of it is closed.
    pub fn disband(&self) {
        self.forget();
        for own in [self.bell.as_raw_fd(), self.timer.as_raw_fd()] {
            // They are watched, and open.
            let _ = self.control(libc::EPOLL_CTL_DEL, own, 0, BELL);
        }
    }

    /// Ring the bell, from any thread.
    pub fn ring(&self) {
        // It fails only where it was rung 2^64 - 2 times before, and then it rings.
        self.move_times(libc::SYS_write, &mut 1);
    }

    /// Silence the bell. True: it had been rung.
    pub fn silence(&self) -> bool {
        self.move_times(libc::SYS_read, &mut 0)
    }

    /// Read or write the bell's count, by the number of the system call: so it is no cancellation point.
    fn move_times(&self, call: libc::c_long, times: &mut u64) -> bool {
        let bell = libc::c_long::from(self.bell.as_raw_fd());
        // SAFETY: either call moves the eight bytes of `times`, and neither waits.
        unsafe { libc::syscall(call, bell, ptr::from_mut(times), size_of::<u64>()) == 8 }
    }

    /// Let the timer run out then, instead of when it was set to before; never stops it.
    pub fn set_timer(&self, deadline: Deadline) -> Result<()> {
        let mut value = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        if let Some(left) = deadline.remaining() {
            // A time of nothing would stop it.
            let left = left.max(Duration::from_nanos(1));
            // Both are of other types elsewhere. Whoever waits for 68 years looks again then.
            value.tv_sec = left.as_secs().try_into().unwrap_or(i32::MAX.into());
            value.tv_nsec = left.subsec_nanos() as libc::c_long;
        }
        let time = libc::itimerspec { it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
        // SAFETY: it reads one itimerspec; the old one is not asked for.
        let set = unsafe { libc::timerfd_settime(self.timer.as_raw_fd(), 0, &time, ptr::null_mut()) };
        if set == 0 { Ok(()) } else { Err(failed("timerfd_settime")) }
    }

    /// Wait until something is to be done, or the deadline passes. Interrupted, it waits for what is left, unless the program
    /// says no, which is an error.
    pub fn wait(&self, deadline: Deadline) -> Result<Woken> {
        loop {
            let mut found = [libc::epoll_event { events: 0, u64: 0 }; 3];
            let timeout = i32::try_from(ongoing::asked_ms(deadline.remaining_ms())).unwrap_or(i32::MAX);
            // SAFETY: it writes three entries at the most, and there are as many.
            let count = unsafe { libc::epoll_wait(self.fd(), found.as_mut_ptr(), 3, timeout) };
            match usize::try_from(count) {
                Ok(0) if !deadline.has_passed() => {}
                Ok(count) => return Ok(woken(&found[..count])),
                Err(_) => {
                    let error = io::Error::last_os_error();
                    if error.kind() != io::ErrorKind::Interrupted {
                        return Err(Error::os(Status::Io, "epoll_wait", &error));
                    }
                }
            }
            ongoing::ask()?;
        }
    }

    fn control(&self, operation: libc::c_int, fd: RawFd, events: u32, which: u64) -> Result<()> {
        control(&self.epoll, operation, fd, events, which)
    }
}

/// A descriptor that is readable while one of several sockets can be written to, be it for an error. A socket is forgotten
/// before it is closed.
#[derive(Debug)]
pub(super) struct AnyWritable(OwnedFd);

impl AnyWritable {
    /// Of no socket yet.
    pub(super) fn new() -> Result<AnyWritable> {
        // SAFETY: it takes a flag, and gives a new descriptor or -1.
        opened(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) }).map(AnyWritable)
    }

    /// What to wait for.
    pub(super) fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// This one, too.
    pub(super) fn watch(&self, socket: RawFd) -> Result<()> {
        control(&self.0, libc::EPOLL_CTL_ADD, socket, WRITE, SOCKET)
    }

    /// This one no more.
    pub(super) fn forget(&self, socket: RawFd) {
        // It fails only where the socket was not watched.
        let _ = control(&self.0, libc::EPOLL_CTL_DEL, socket, 0, SOCKET);
    }
}

fn control(epoll: &OwnedFd, operation: libc::c_int, fd: RawFd, events: u32, which: u64) -> Result<()> {
    let mut event = libc::epoll_event { events, u64: which };
    // SAFETY: it reads one epoll_event, which outlives the call.
    let done = unsafe { libc::epoll_ctl(epoll.as_raw_fd(), operation, fd, &mut event) };
    if done == 0 { Ok(()) } else { Err(failed("epoll_ctl")) }
}

fn woken(found: &[libc::epoll_event]) -> Woken {
    let mut woken = Woken::default();
    for event in found {
        let events = event.events;
        // A socket that failed is ready for whatever is asked: the next call will say why.
        let over = events & (libc::EPOLLERR | libc::EPOLLHUP) as u32 != 0;
        match event.u64 {
            BELL => woken.bell = true,
            TIMER => woken.timer = true,
            _ => {
                woken.readable |= over || events & READ != 0;
                woken.writable |= over || events & WRITE != 0;
            }
        }
    }
    woken
}

fn opened(fd: RawFd) -> Result<OwnedFd> {
    if fd < 0 {
        return Err(failed("epoll, eventfd or timerfd"));
    }
    // SAFETY: the kernel gave the descriptor just now, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn failed(call: &str) -> Error {
    Error::os(Status::Io, call, &io::Error::last_os_error())
}

const READ: u32 = (libc::EPOLLIN | libc::EPOLLRDHUP) as u32;
const WRITE: u32 = libc::EPOLLOUT as u32;
const BELL: u64 = 0;
const TIMER: u64 = 1;
const SOCKET: u64 = 2;

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::thread;

    use super::*;
    use crate::transport::wait;

    fn now(poller: &Poller) -> Woken {
        let woken = poller.wait(Deadline::after_ms(0)).unwrap();
        // What a loop of the caller's sees is the same.
        let readable = wait::wait(poller.fd(), true, false, Deadline::after_ms(0)).unwrap().readable;
        assert_eq!(readable, woken.any());
        woken
    }

    #[test]
    fn a_bell_rings_until_it_is_silenced() {
        let poller = Poller::new().unwrap();
        assert!(!now(&poller).any());
        poller.ring();
        poller.ring();
        assert_eq!(now(&poller), Woken { bell: true, ..Woken::default() });
        assert!(now(&poller).bell);
        assert!(poller.silence());
        assert!(!poller.silence());
        assert!(!now(&poller).any());
    }

    #[test]
    fn any_thread_rings_it_while_another_waits() {
        let poller = Poller::new().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| poller.ring());
            assert!(poller.wait(Deadline::never()).unwrap().bell);
        });
    }

    #[test]
    fn a_timer_runs_out_once_and_can_be_set_again() {
        let poller = Poller::new().unwrap();
        poller.set_timer(Deadline::after_ms(30)).unwrap();
        assert!(!now(&poller).any());
        assert!(poller.wait(Deadline::after_ms(60_000)).unwrap().timer);
        assert!(now(&poller).timer);
        poller.set_timer(Deadline::after_ms(60_000)).unwrap();
        assert!(!now(&poller).any());
        poller.set_timer(Deadline::after_ms(0)).unwrap();
        assert!(poller.wait(Deadline::after_ms(60_000)).unwrap().timer);
        poller.set_timer(Deadline::never()).unwrap();
        assert!(!now(&poller).any());
    }

    #[test]
    fn sockets_come_and_go_behind_one_descriptor() {
        let poller = Poller::new().unwrap();
        for _ in 0..2 {
            let (ours, theirs) = UnixStream::pair().unwrap();
            poller.watch(ours.as_raw_fd(), true, false).unwrap();
            assert!(!now(&poller).any());
            poller.watch(ours.as_raw_fd(), true, true).unwrap();
            assert_eq!(now(&poller), Woken { writable: true, ..Woken::default() });
            poller.watch(ours.as_raw_fd(), true, false).unwrap();
            wait::send(theirs.as_raw_fd(), b"x").unwrap();
            assert!(now(&poller).readable);
            let other = UnixStream::pair().unwrap();
            poller.watch(other.0.as_raw_fd(), true, false).unwrap();
            assert!(!now(&poller).any());
            drop(other.1);
            assert!(now(&poller).readable);
            poller.forget();
            poller.forget();
            assert!(!now(&poller).any());
        }
    }

    #[test]
    fn any_number_of_sockets_stand_beside_the_one() {
        let poller = Poller::new().unwrap();
        let pairs: Vec<_> = (0..5).map(|_| UnixStream::pair().unwrap()).collect();
        poller.watch(pairs[0].0.as_raw_fd(), true, false).unwrap();
        for (ours, _) in &pairs[1..] {
            poller.watch_beside(ours.as_raw_fd(), true, true).unwrap();
            assert!(now(&poller).writable);
            poller.watch_beside(ours.as_raw_fd(), true, false).unwrap();
            assert!(!now(&poller).any());
        }
        for (ours, theirs) in &pairs[1..] {
            wait::send(theirs.as_raw_fd(), b"x").unwrap();
            assert_eq!(now(&poller), Woken { readable: true, ..Woken::default() });
            poller.forget_beside(ours.as_raw_fd());
            assert!(!now(&poller).any());
        }
        wait::send(pairs[0].1.as_raw_fd(), b"x").unwrap();
        assert!(now(&poller).readable, "the one is watched as before");
        poller.forget();
        assert!(!now(&poller).any());
    }

    #[test]
    fn a_socket_that_was_closed_does_not_stand_in_the_way_of_the_next() {
        let poller = Poller::new().unwrap();
        let (ours, _theirs) = UnixStream::pair().unwrap();
        poller.watch(ours.as_raw_fd(), true, false).unwrap();
        drop(ours);
        let (ours, theirs) = UnixStream::pair().unwrap();
        poller.watch(ours.as_raw_fd(), true, false).unwrap();
        drop(theirs);
        assert!(now(&poller).readable);
    }

    #[test]
    fn a_wait_ends_at_its_deadline() {
        assert_eq!(Poller::new().unwrap().wait(Deadline::after_ms(20)).unwrap(), Woken::default());
    }
}
