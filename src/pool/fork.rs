//! What each process has for itself: a child of fork begins anew, and leaves alone what is its parent's.
#![forbid(unsafe_code)]

use std::process;
use std::sync::OnceLock;

/// One `T` for the process that made this, and one for each that was forked from it, in turn.
///
/// A lock that another thread of the parent's held while it forked stays locked in the child for ever; so the child does
/// not wait for any of them.
pub(super) struct PerProcess<T> {
    process: u32,
    own: T,
    child: OnceLock<Box<PerProcess<T>>>,
}

impl<T: Default> PerProcess<T> {
    pub(super) fn new() -> Self {
        PerProcess { process: process::id(), own: T::default(), child: OnceLock::new() }
    }

    /// This process's. `inherited` is shown what was the parent's when a child comes here first.
    pub(super) fn here(&self, inherited: impl Fn(&T)) -> &T {
        let process = process::id();
        let mut place = self;
        while place.process != process {
            place = place.child.get_or_init(|| {
                inherited(&place.own);
                Box::new(PerProcess::new())
            });
        }
        &place.own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_keeps_its_own() {
        let numbers: PerProcess<std::sync::atomic::AtomicU32> = PerProcess::new();
        let first: *const _ = numbers.here(|_| panic!("nobody forked"));
        assert!(std::ptr::eq(first, numbers.here(|_| panic!("nobody forked"))));
    }

    #[test]
    fn a_child_begins_anew_once_and_is_shown_what_it_inherits() {
        let mut numbers: PerProcess<std::sync::atomic::AtomicU32> = PerProcess::new();
        // As the child sees it: made by another process.
        numbers.process = 0;
        let shown = std::cell::Cell::new(0);
        let inherited = |_: &_| shown.set(shown.get() + 1);
        let own: *const _ = numbers.here(inherited);
        assert!(!std::ptr::eq(own, &numbers.own));
        assert!(std::ptr::eq(own, numbers.here(inherited)));
        assert_eq!(shown.get(), 1);
    }
}
