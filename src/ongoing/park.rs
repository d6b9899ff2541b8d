//! Where a call waits that can be ended: asleep on a word, or polling a descriptor beside its socket.

use std::os::fd::RawFd;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Instant;

use crate::sync::{ALL, Futex, Waited, Word};

/// A place to wait. Notified before or during a wait, it ends that wait.
#[derive(Debug)]
pub struct Park {
    /// How often it was notified.
    count: Futex,
    /// An eventfd, or -1: made for the first wait that needs one.
    bell: AtomicI32,
}

impl Park {
    /// A place where nobody waits.
    pub fn new() -> Park {
        Park { count: Futex::new(0), bell: AtomicI32::new(-1) }
    }

    /// How often it was notified: to be asked before looking at what is waited for.
    pub fn count(&self) -> u32 {
        self.count.load(Ordering::SeqCst)
    }

    /// Sleep while the count is this, until that moment at the latest.
    pub fn wait_past(&self, count: u32, until: Option<Instant>) -> Waited {
        self.count.wait(count, ALL, until)
    }

    /// End the wait here. It takes no lock and no memory: a signal handler may do it.
    pub fn notify(&self) {
        self.count.add(1, Ordering::SeqCst);
        self.count.wake(true, ALL);
        let bell = self.bell.load(Ordering::SeqCst);
        if bell >= 0 {
            let once = 1u64.to_ne_bytes();
            // SAFETY: it reads eight bytes, which are there; the descriptor is this park's own for as long as it lives.
            unsafe { libc::write(bell, once.as_ptr().cast(), once.len()) };
        }
    }

    /// A descriptor that is readable once this was notified. None: the system has none to give.
    pub fn bell(&self) -> Option<RawFd> {
        let bell = self.bell.load(Ordering::SeqCst);
        if bell >= 0 {
            return Some(bell);
        }
        // SAFETY: it takes a number and flags, and gives a new descriptor or -1.
        let bell = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        // One call waits here at a time, so nobody else makes one meanwhile.
        self.bell.store(bell, Ordering::SeqCst);
        (bell >= 0).then_some(bell)
    }

    /// Silence the bell, whoever rang it. What ended a call is looked at behind this: who ends it rings after that.
    pub(super) fn silence(&self) {
        let bell = self.bell.load(Ordering::SeqCst);
        if bell >= 0 {
            let mut times = [0u8; 8];
            // SAFETY: it writes eight bytes, for which there is room.
            unsafe { libc::read(bell, times.as_mut_ptr().cast(), times.len()) };
        }
    }
}

impl Default for Park {
    fn default() -> Self {
        Park::new()
    }
}

impl Drop for Park {
    fn drop(&mut self) {
        let bell = *self.bell.get_mut();
        if bell >= 0 {
            // SAFETY: the descriptor is this park's own, and nobody uses it any more.
            unsafe { libc::close(bell) };
        }
    }
}
