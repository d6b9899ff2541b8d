//! A wait that another thread can end: a sleep on a futex word, or a poll of a descriptor in addition to the socket.

use std::os::fd::RawFd;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Instant;

use crate::sync::{ALL, Futex, Waited, Word};

/// A place to wait. Notified before or during a wait, it ends that wait.
#[derive(Debug)]
pub struct WaitPoint {
    /// How often it was notified.
    count: Futex,
    /// An eventfd, or -1: made for the first wait that needs one.
    bell: AtomicI32,
}

impl WaitPoint {
    /// A place where nobody waits.
    pub fn new() -> WaitPoint {
        WaitPoint { count: Futex::new(0), bell: AtomicI32::new(-1) }
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
            // SAFETY: it writes the number to the descriptor, which is this wait point's own for as long as it lives.
            unsafe { libc::eventfd_write(bell, 1) };
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
            let mut times = 0;
            // SAFETY: it writes one number, for which there is room.
            unsafe { libc::eventfd_read(bell, &mut times) };
        }
    }
}

impl Default for WaitPoint {
    fn default() -> Self {
        WaitPoint::new()
    }
}

impl Drop for WaitPoint {
    fn drop(&mut self) {
        let bell = *self.bell.get_mut();
        if bell >= 0 {
            // SAFETY: the descriptor is this wait point's own, and nobody uses it any more.
            unsafe { libc::close(bell) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the bell has, if it was rung.
    fn heard(bell: RawFd) -> bool {
        let mut times = 0;
        // SAFETY: it writes one number, for which there is room.
        unsafe { libc::eventfd_read(bell, &mut times) == 0 }
    }

    #[test]
    fn a_bell_rings_until_it_is_silenced() {
        let point = WaitPoint::new();
        point.notify();
        let bell = point.bell().unwrap();
        assert_eq!(point.bell(), Some(bell), "it is made once");
        assert!(!heard(bell), "there was none yet");
        point.notify();
        point.silence();
        assert!(!heard(bell));
        point.notify();
        assert!(heard(bell));
        assert_eq!(point.count(), 3);
    }
}
