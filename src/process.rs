//! What each process has its own of: a child of fork gets fresh locks, whatever its parent's threads held.
//!
//! What no fresh lock mends is the table in which `parking_lot` keeps who waits for which lock: a thread of the parent's may
//! have been changing it. Only waiting looks at it, and in a child of one thread nothing ever waits; the header says the rest.

use std::process;
use std::sync::OnceLock;

/// A value that a child of fork makes anew on its first look. The process is compared before anything else is touched.
///
/// What the parent had stays where it is: nothing in the child knows whether one of the parent's threads was changing it.
pub struct PerProcess<T>(OnceLock<Box<Own<T>>>);

/// The value of one process, and that of a child which inherited it.
struct Own<T> {
    process: u32,
    value: T,
    forked: PerProcess<T>,
}

impl<T> PerProcess<T> {
    /// Nobody's yet.
    pub const fn new() -> Self {
        PerProcess(OnceLock::new())
    }

    /// This process's value, made on its first look; `make` is shown what the parent had.
    pub fn get(&self, make: impl Fn(Option<&T>) -> T) -> &T {
        let process = process::id();
        let mut inherited = None;
        let mut place = self;
        loop {
            let made = || Box::new(Own { process, value: make(inherited), forked: PerProcess::new() });
            let own = place.0.get_or_init(made);
            if own.process == process {
                return &own.value;
            }
            inherited = Some(&own.value);
            place = &own.forked;
        }
    }
}

impl<T> Drop for PerProcess<T> {
    /// What a parent had is let go without a look: one of its threads may have been changing it when the child was made.
    fn drop(&mut self) {
        let Some(own) = self.0.take() else { return };
        let Own { process, value, forked } = *own;
        if process != process::id() {
            std::mem::forget(value);
        }
        drop(forked);
    }
}

impl<T> Default for PerProcess<T> {
    fn default() -> Self {
        PerProcess::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_makes_its_value_once() {
        let value = PerProcess::new();
        assert_eq!(*value.get(|parent: Option<&i32>| parent.copied().unwrap_or(1)), 1);
        assert_eq!(*value.get(|_| 2), 1);
    }

    #[test]
    fn a_child_makes_its_own_and_sees_its_parents() {
        let inherited = Box::new(Own { process: 0, value: 1, forked: PerProcess::new() });
        let value = PerProcess(OnceLock::from(inherited));
        assert_eq!(*value.get(|parent| parent.copied().unwrap_or(0) + 1), 2);
        assert_eq!(*value.get(|_| 3), 2, "and keeps it");
    }

    #[test]
    fn only_what_is_its_own_is_dropped() {
        let counter = std::rc::Rc::new(());
        let inherited = Box::new(Own { process: 0, value: counter.clone(), forked: PerProcess::new() });
        let value = PerProcess(OnceLock::from(inherited));
        value.get(|_| counter.clone());
        assert_eq!(std::rc::Rc::strong_count(&counter), 3);
        drop(value);
        assert_eq!(std::rc::Rc::strong_count(&counter), 2, "the parent's stays");
    }
}
