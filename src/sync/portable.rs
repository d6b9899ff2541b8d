//! The word for systems without a known futex: a lock and a condition variable of std, which are in the object too.
//!
//! It reports no signal, for std waits on; and it wakes everybody, whatever their bits, which a wait may do at any time. A
//! signal handler may not wake it.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::{Waited, Word};

/// A word, and those who sleep on it.
#[derive(Debug, Default)]
pub struct Portable {
    word: AtomicU32,
    gate: Mutex<()>,
    rung: Condvar,
}

impl Portable {
    /// A word with nobody asleep on it.
    pub const fn new(value: u32) -> Portable {
        Portable { word: AtomicU32::new(value), gate: Mutex::new(()), rung: Condvar::new() }
    }

    fn gate(&self) -> MutexGuard<'_, ()> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Word for Portable {
    const SPINS: u32 = 100;

    fn load(&self, order: Ordering) -> u32 {
        self.word.load(order)
    }

    fn swap(&self, value: u32, order: Ordering) -> u32 {
        self.word.swap(value, order)
    }

    fn add(&self, value: u32, order: Ordering) {
        self.word.fetch_add(value, order);
    }

    fn change(&self, from: u32, to: u32, order: Ordering) -> bool {
        self.word.compare_exchange(from, to, order, Ordering::Relaxed).is_ok()
    }

    fn wait(&self, expected: u32, _bits: u32, until: Option<Instant>) -> Waited {
        let gate = self.gate();
        // A change from now on is followed by a wake, which has to wait at the gate until this thread is asleep.
        if self.load(Ordering::Relaxed) != expected {
            return Waited::Woken;
        }
        let Some(until) = until else {
            drop(self.rung.wait(gate));
            return Waited::Woken;
        };
        let left = until.saturating_duration_since(Instant::now());
        match self.rung.wait_timeout(gate, left).unwrap_or_else(PoisonError::into_inner).1.timed_out() {
            true => Waited::TimedOut,
            false => Waited::Woken,
        }
    }

    fn wake(&self, _all: bool, _bits: u32) {
        let _passed = self.gate();
        self.rung.notify_all();
    }
}
