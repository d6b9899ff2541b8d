//! The end of what runs beside a test: told to its threads however the test ends, so that one that fails does not wait for them.

use std::sync::atomic::{AtomicBool, Ordering};

/// Sets a flag when it is dropped, by a panic too. It is made within the scope of the threads that look at the flag: the scope
/// waits for them before anything outside of it is dropped.
#[must_use = "dropped at once it says at once that it is over"]
pub struct Over<'a>(pub &'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
