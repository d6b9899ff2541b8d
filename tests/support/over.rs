//! The end of what runs beside a test: told to its threads however the test ends, so that one that fails does not wait for them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Sets a flag when it is dropped, by a panic too. It is made within the scope of the threads that look at the flag: the scope
/// waits for them before anything outside of it is dropped.
#[must_use = "dropped at once it says at once that it is over"]
pub struct Over<'a>(pub &'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Ends calls that wait for what a test that has failed will not do any more: what it is made with runs where this is dropped
/// by a panic, until it says that it has ended one.
#[must_use = "dropped at once it does nothing"]
pub struct Woken<F: Fn() -> bool>(pub F);

impl<F: Fn() -> bool> Drop for Woken<F> {
    fn drop(&mut self) {
        // A call that has not begun to wait yet is not ended.
        let end = Instant::now() + Duration::from_secs(5);
        while thread::panicking() && !(self.0)() && Instant::now() < end {
            thread::sleep(Duration::from_millis(10));
        }
    }
}
