//! A word on which threads sleep with Linux's futex.
//!
//! The kernel knows a sleeper by the address in its own process, so a child of fork inherits none.
#![cfg(any(target_os = "linux", target_os = "android"))]

use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::process::PerProcess;

use super::{Waited, Word};

/// A word, and those who sleep on it.
#[derive(Debug, Default)]
pub struct Futex(AtomicU32);

impl Futex {
    /// A word with nobody asleep on it.
    pub const fn new(value: u32) -> Futex {
        Futex(AtomicU32::new(value))
    }
}

impl Word for Futex {
    const SPINS: u32 = 100;

    #[inline]
    fn load(&self, order: Ordering) -> u32 {
        self.0.load(order)
    }

    #[inline]
    fn swap(&self, value: u32, order: Ordering) -> u32 {
        self.0.swap(value, order)
    }

    #[inline]
    fn add(&self, value: u32, order: Ordering) {
        self.0.fetch_add(value, order);
    }

    #[inline]
    fn change(&self, from: u32, to: u32, order: Ordering) -> bool {
        self.0.compare_exchange(from, to, order, Ordering::Relaxed).is_ok()
    }

    fn wait(&self, expected: u32, bits: u32, until: Option<Instant>) -> Waited {
        let until = until.map(moment);
        let operation = libc::FUTEX_WAIT_BITSET | libc::FUTEX_PRIVATE_FLAG;
        let timeout = until.as_ref().map_or(ptr::null(), ptr::from_ref);
        let unused = ptr::null::<u32>();
        // SAFETY: the word and the moment outlive the call, which only reads them; it takes no second word.
        let woken =
            unsafe { libc::syscall(libc::SYS_futex, self.0.as_ptr(), operation, expected, timeout, unused, bits) };
        if woken == 0 {
            return Waited::Woken;
        }
        match std::io::Error::last_os_error().raw_os_error() {
            Some(libc::ETIMEDOUT) => Waited::TimedOut,
            Some(libc::EINTR) => Waited::Interrupted,
            // EAGAIN: it was another number already. There is no other error but of arguments that are not ours.
            _ => Waited::Woken,
        }
    }

    fn wake(&self, all: bool, bits: u32) {
        let operation = libc::FUTEX_WAKE_BITSET | libc::FUTEX_PRIVATE_FLAG;
        let count = if all { i32::MAX } else { 1 };
        let (unused, second) = (ptr::null::<Moment>(), ptr::null::<u32>());
        // SAFETY: the call takes the word's address for a name, and reads nothing behind it.
        unsafe { libc::syscall(libc::SYS_futex, self.0.as_ptr(), operation, count, unused, second, bits) };
    }
}

/// A moment as this system call has it: two numbers of the machine's own width, also where the C library's time_t is wider.
#[repr(C)]
#[derive(Debug)]
struct Moment {
    seconds: libc::c_long,
    nanoseconds: libc::c_long,
}

/// The same moment on the kernel's own monotonic clock, or a moment later: what has passed here has passed there.
fn moment(until: Instant) -> Moment {
    static BOTH: PerProcess<Clocks> = PerProcess::new();
    let clocks = BOTH.get(|_| Clocks::read());
    // What was over before the clocks were read is over.
    let left = until.saturating_duration_since(clocks.here);
    let nanoseconds = clocks.nanoseconds + i64::from(left.subsec_nanos());
    let seconds = clocks.seconds.saturating_add(left.as_secs()).saturating_add(u64::from(nanoseconds >= SECOND));
    Moment {
        // What is beyond the clock's numbers is beyond anybody's patience.
        seconds: libc::c_long::try_from(seconds).unwrap_or(libc::c_long::MAX),
        nanoseconds: (nanoseconds % SECOND) as libc::c_long,
    }
}

/// One moment on std's clock and on the kernel's, which count alike from then on.
struct Clocks {
    here: Instant,
    seconds: u64,
    nanoseconds: i64,
}

impl Clocks {
    /// The kernel's is read last, so that no wait ends before its time; and close behind the other, so that none is late.
    fn read() -> Clocks {
        let (mut closest, mut apart) = Clocks::read_once();
        for _ in 0..READS_MAX {
            if apart < CLOSE {
                break;
            }
            let (read, between) = Clocks::read_once();
            if between < apart {
                (closest, apart) = (read, between);
            }
        }
        closest
    }

    /// A reading, and how long it took at the most.
    fn read_once() -> (Clocks, Duration) {
        let here = Instant::now();
        let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: it writes one timespec, which is there; this clock always exists.
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
        let apart = here.elapsed();
        (Clocks { here, seconds: now.tv_sec as u64, nanoseconds: i64::from(now.tv_nsec as i32) }, apart)
    }
}

/// So close are two readings that nothing came between them.
const CLOSE: Duration = Duration::from_micros(5);
const READS_MAX: u32 = 100;
const SECOND: i64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::thread;

    use super::super::ALL;
    use super::*;

    #[test]
    fn a_signal_that_comes_during_a_wait_is_reported() {
        static HANDLED: AtomicU32 = AtomicU32::new(0);
        extern "C" fn handle(_: libc::c_int) {
            HANDLED.fetch_add(1, Ordering::SeqCst);
        }
        // SAFETY: a sigaction of zeros has no flags and an empty mask.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = handle as extern "C" fn(libc::c_int) as libc::sighandler_t;
        // SAFETY: the action outlives the call, and its handler only counts.
        assert_eq!(unsafe { libc::sigaction(libc::SIGURG, &action, ptr::null_mut()) }, 0);
        let word = Futex::default();
        let over = AtomicBool::new(false);
        // SAFETY: it takes nothing and cannot fail.
        let waiter = unsafe { libc::pthread_self() };
        thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    // SAFETY: the scope keeps the waiter alive for as long as this thread runs.
                    unsafe { libc::pthread_kill(waiter, libc::SIGURG) };
                    thread::sleep(Duration::from_millis(1));
                }
            });
            let waited = word.wait(0, ALL, Some(Instant::now() + Duration::from_secs(60)));
            over.store(true, Ordering::SeqCst);
            assert_eq!(waited, Waited::Interrupted);
            assert!(HANDLED.load(Ordering::SeqCst) > 0);
        });
    }
}
