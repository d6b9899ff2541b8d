//! Calls under way, and ending one that waits: from another thread, from a signal handler, or by the program's
//! interrupt function.
//!
//! ```text
//!  slots       the calls of one handle: a thread enters one, another wakes it
//!  wait_point  where a call waits that has waited long: a word to sleep on, and a descriptor to poll
//!  vigil       what a wait of this thread looks at besides what it waits for
//! ```
//!
//! A call pays for it with one compare-and-swap. Only one that has waited for 20 ms takes memory and a descriptor, and keeps
//! both for the next.

#[expect(unsafe_code, reason = "a list that a signal handler may walk, and the call that a thread is in")]
mod slots;
mod vigil;
#[expect(unsafe_code, reason = "an eventfd, which std does not offer, written by a signal handler")]
mod wait_point;

use std::sync::Arc;

use crate::process::PerProcess;

pub use slots::Interrupt;
use slots::Slots;
pub use vigil::{Vigil, ask, asked_ms, pause, wait_point};
pub use wait_point::WaitPoint;

/// The calls of one handle that are under way.
#[derive(Default)]
pub struct Ongoing {
    /// A child of fork has none of its parent's: their descriptors would be shared.
    slots: PerProcess<Slots>,
    interrupt: Option<Arc<dyn Interrupt>>,
}

impl Ongoing {
    /// No call yet. `interrupt` is asked after each signal, and every 100 ms of a wait.
    pub fn new(interrupt: Option<Arc<dyn Interrupt>>) -> Ongoing {
        Ongoing { slots: PerProcess::new(), interrupt }
    }

    /// Run a call that was given this `call_data`: until it is over its waits can be ended.
    #[inline]
    pub fn during<T>(&self, call_data: *const (), body: impl FnOnce() -> T) -> T {
        self.slots.get(|_| Slots::default()).during(call_data, self.interrupt.as_deref(), body)
    }

    /// End the calls that were given this `call_data`, or all, where it is NULL, and tell how many. It takes no lock and no
    /// memory, so a signal handler may do it.
    pub fn wake(&self, call_data: *const ()) -> usize {
        self.slots.made_here().map_or(0, |slots| slots.wake(call_data))
    }
}

#[cfg(test)]
mod tests;
