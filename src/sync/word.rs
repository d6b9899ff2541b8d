//! The primitive of locks and waits: an atomic number, and a sleep until it changes.
#![forbid(unsafe_code)]

use std::sync::atomic::Ordering;
use std::time::Instant;

/// A number that threads sleep on.
pub trait Word: Send + Sync {
    /// How often a lock that is taken is looked at before its thread goes to sleep.
    const SPINS: u32;

    /// Read it.
    fn load(&self, order: Ordering) -> u32;

    /// Set it, and give what it was.
    fn swap(&self, value: u32, order: Ordering) -> u32;

    /// Add to it, around the end.
    fn add(&self, value: u32, order: Ordering);

    /// Change it from one number to another. False: it is not that one number, and stays as it is.
    fn change(&self, from: u32, to: u32, order: Ordering) -> bool;

    /// Sleep while it is `expected`, until a wake that shares one of the `bits`, or until that moment.
    ///
    /// The comparison and falling asleep are one step: a thread that changes the number and then wakes is never missed.
    fn wait(&self, expected: u32, bits: u32, until: Option<Instant>) -> Waited;

    /// Wake one thread at least, or all, of those whose bits share one with these. A signal handler may do this.
    fn wake(&self, all: bool, bits: u32);
}

/// Why a wait is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// Somebody woke this thread, or the number was another already; or for no reason. Look at what was waited for.
    Woken,
    /// The moment has come.
    TimedOut,
    /// A signal handler ran on this thread, and may have done what ends the wait.
    Interrupted,
}

/// The bits of who is woken by anybody, and of who wakes everybody.
pub const ALL: u32 = u32::MAX;
