//! A mutex of one word: free, locked, or locked with waiting threads.

use std::hint;
use std::sync::atomic::Ordering;

use super::{ALL, Futex, Word};

/// A lock. Whoever waits for it sleeps on its own word.
#[derive(Debug, Default)]
pub struct Lock<W = Futex>(W);

impl<W: Word> Lock<W> {
    /// A lock on this word, which is 0.
    pub const fn on(word: W) -> Lock<W> {
        Lock(word)
    }

    /// Take the lock, if it is free.
    #[inline]
    pub fn try_acquire(&self) -> bool {
        self.0.change(FREE, TAKEN, Ordering::Acquire)
    }

    /// Take the lock as soon as it is free.
    #[inline]
    pub fn acquire(&self) {
        if !self.try_acquire() {
            self.acquire_later();
        }
    }

    /// Let it go. Only who has taken it may.
    #[inline]
    pub fn release(&self) {
        if self.0.swap(FREE, Ordering::Release) == CROWDED {
            self.0.wake(false, ALL);
        }
    }

    /// Whether somebody has it now.
    pub fn is_taken(&self) -> bool {
        self.0.load(Ordering::Relaxed) != FREE
    }

    #[cold]
    fn acquire_later(&self) {
        let mut found = self.look();
        if found == FREE && self.try_acquire() {
            return;
        }
        // From here on it is taken as one with somebody asleep behind it: who sleeps cannot say so, and one wake too many
        // is no harm.
        while found == CROWDED || self.0.swap(CROWDED, Ordering::Acquire) != FREE {
            self.0.wait(CROWDED, ALL, None);
            found = self.look();
        }
    }

    /// What it is, after it has been taken by the same for a little while: mostly that is enough.
    fn look(&self) -> u32 {
        let mut found = self.0.load(Ordering::Relaxed);
        for _ in 0..W::SPINS {
            if found != TAKEN {
                break;
            }
            hint::spin_loop();
            found = self.0.load(Ordering::Relaxed);
        }
        found
    }
}

// SAFETY: only one thread at a time finds FREE and changes it, and nobody else changes it back.
unsafe impl lock_api::RawMutex for Lock {
    const INIT: Lock = Lock(Futex::new(FREE));
    type GuardMarker = lock_api::GuardNoSend;

    #[inline]
    fn lock(&self) {
        self.acquire();
    }

    #[inline]
    fn try_lock(&self) -> bool {
        self.try_acquire()
    }

    #[inline]
    unsafe fn unlock(&self) {
        self.release();
    }

    fn is_locked(&self) -> bool {
        self.is_taken()
    }
}

const FREE: u32 = 0;
const TAKEN: u32 = 1;
/// Taken, and somebody may be asleep.
const CROWDED: u32 = 2;
