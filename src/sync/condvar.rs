//! A condition variable: waits for a change under a lock, and releases the lock meanwhile.
#![forbid(unsafe_code)]

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::{ALL, Futex, MutexGuard, Waited, Word};

/// A condition variable: it counts how often it was notified, and who waits sleeps while the count stays as it is.
#[derive(Debug, Default)]
pub struct Condvar<W = Futex>(W);

impl Condvar {
    /// Nobody waits.
    pub const fn new() -> Condvar {
        Condvar(Futex::new(0))
    }

    /// Let the lock go, wait to be notified or for that moment, and take the lock again. Look at what was waited for: it may
    /// be there in any case, and may be missing in any.
    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>, until: Option<Instant>) -> Waited {
        let count = self.count();
        MutexGuard::unlocked(guard, || self.wait_past(count, until))
    }
}

impl<W: Word> Condvar<W> {
    /// One that counts in this word.
    pub const fn on(word: W) -> Condvar<W> {
        Condvar(word)
    }

    /// The count so far. It is asked under the lock under which the thing waited for was looked at: what is changed under that
    /// lock later is notified later.
    pub fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// Wait while the count is this, without the lock.
    pub fn wait_past(&self, count: u32, until: Option<Instant>) -> Waited {
        self.0.wait(count, ALL, until)
    }

    /// The word that it counts in.
    pub fn word(&self) -> &W {
        &self.0
    }

    /// End the wait of one thread, if one waits.
    pub fn notify_one(&self) {
        self.0.add(1, Ordering::Relaxed);
        self.0.wake(false, ALL);
    }

    /// End the wait of all.
    pub fn notify_all(&self) {
        self.0.add(1, Ordering::Relaxed);
        self.0.wake(true, ALL);
    }
}
