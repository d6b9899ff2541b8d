//! A value for each process, made when the process first uses it.

use std::marker::PhantomData;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::Process;

/// A value that a child of fork makes anew on its first look. The process is compared before anything else is touched.
///
/// What the parent had stays where it is: nothing in the child knows whether one of the parent's threads was changing it.
/// Nobody waits for who makes the value, for that thread may be the parent's, and not there: of several the first stays.
pub struct PerProcess<T> {
    /// NULL, or a Box's own, given up by this alone when it is dropped.
    own: AtomicPtr<Own<T>>,
    /// It may be shared and sent as this may.
    _as: PhantomData<OnceLock<T>>,
}

/// The value of one process, and that of a child which inherited it.
struct Own<T> {
    process: Process,
    value: T,
    forked: PerProcess<T>,
}

impl<T> PerProcess<T> {
    /// Nobody's yet.
    pub const fn new() -> Self {
        PerProcess { own: AtomicPtr::new(ptr::null_mut()), _as: PhantomData }
    }

    /// This process's value, made on its first look; `make` is shown what the parent had. Where several threads look first
    /// at once, each may make one, and all get the same.
    #[inline(always)]
    pub fn get(&self, make: impl Fn(Option<&T>) -> T) -> &T {
        let process = Process::current();
        match self.made() {
            Some(own) if own.process == process => &own.value,
            _ => self.get_or_make(process, make),
        }
    }

    #[inline(never)]
    fn get_or_make(&self, process: Process, make: impl Fn(Option<&T>) -> T) -> &T {
        let mut inherited = None;
        let mut place = self;
        loop {
            let own = match place.made() {
                Some(own) => own,
                None => place.keep(Own { process, value: make(inherited), forked: PerProcess::new() }),
            };
            if own.process == process {
                return &own.value;
            }
            inherited = Some(&own.value);
            place = &own.forked;
        }
    }

    /// This process's value, if it was made. It takes no memory and waits for nobody.
    #[inline(always)]
    pub fn made_here(&self) -> Option<&T> {
        let own = self.made()?;
        if own.process == Process::current() { Some(&own.value) } else { own.forked.made_by_child() }
    }

    #[inline(never)]
    fn made_by_child(&self) -> Option<&T> {
        let process = Process::current();
        let mut place = self;
        loop {
            let own = place.made()?;
            if own.process == process {
                return Some(&own.value);
            }
            place = &own.forked;
        }
    }

    #[inline]
    fn made(&self) -> Option<&Own<T>> {
        // SAFETY: NULL, or what `keep` took from a Box, whole since then, and there until this is dropped.
        unsafe { self.own.load(Ordering::Acquire).as_ref() }
    }

    /// Keep this, unless there is another by now: that one stays.
    #[cold]
    fn keep(&self, own: Own<T>) -> &Own<T> {
        let own = Box::into_raw(Box::new(own));
        match self.own.compare_exchange(ptr::null_mut(), own, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: a Box's own, which is there until this is dropped.
            Ok(_) => unsafe { &*own },
            Err(first) => {
                // SAFETY: it came from a Box just now, and was shown to nobody.
                drop(unsafe { Box::from_raw(own) });
                // SAFETY: as in `made`.
                unsafe { &*first }
            }
        }
    }

    fn take(&mut self) -> Option<Box<Own<T>>> {
        let own = std::mem::replace(self.own.get_mut(), ptr::null_mut());
        // SAFETY: it came from a Box, and nobody can look at it any more.
        (!own.is_null()).then(|| unsafe { Box::from_raw(own) })
    }
}

impl<T> Drop for PerProcess<T> {
    /// What a parent had is let go without a look: one of its threads may have been changing it when the child was made.
    fn drop(&mut self) {
        let Some(own) = self.take() else { return };
        let Own { process, value, forked } = *own;
        if process != Process::current() {
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
    use std::rc::Rc;
    use std::sync::atomic::AtomicUsize;
    use std::thread;

    use super::*;

    /// What a child finds: the value of a process that it is not.
    fn inherited<T>(value: T) -> PerProcess<T> {
        let inherited = PerProcess::new();
        inherited.keep(Own { process: Process::NONE, value, forked: PerProcess::new() });
        inherited
    }

    #[test]
    fn a_process_makes_its_value_once() {
        let value = PerProcess::new();
        assert_eq!(*value.get(|parent: Option<&i32>| parent.copied().unwrap_or(1)), 1);
        assert_eq!(*value.get(|_| 2), 1);
    }

    #[test]
    fn a_child_makes_its_own_and_sees_its_parents() {
        let value = inherited(1);
        assert_eq!(*value.get(|parent| parent.copied().unwrap_or(0) + 1), 2);
        assert_eq!(*value.get(|_| 3), 2, "and keeps it");
    }

    #[test]
    fn only_what_is_its_own_is_dropped() {
        let counter = Rc::new(());
        let value = inherited(counter.clone());
        value.get(|_| counter.clone());
        assert_eq!(Rc::strong_count(&counter), 3);
        drop(value);
        assert_eq!(Rc::strong_count(&counter), 2, "the parent's stays");
    }

    /// In a child it may be a thread of the parent's that makes one, and that is not there.
    #[test]
    fn nobody_waits_for_who_makes_one() {
        let value = PerProcess::new();
        let made = value.get(|_| {
            assert_eq!(*value.get(|_| 1), 1, "a second look, while the first is under way");
            2
        });
        assert_eq!(*made, 1);
    }

    #[test]
    fn all_that_look_first_at_once_get_the_same() {
        static DROPPED: AtomicUsize = AtomicUsize::new(0);
        struct Counted;
        impl Drop for Counted {
            fn drop(&mut self) {
                DROPPED.fetch_add(1, Ordering::Relaxed);
            }
        }
        let made = AtomicUsize::new(0);
        for _ in 0..100 {
            let value = PerProcess::new();
            let get = || {
                ptr::from_ref(value.get(|_| {
                    made.fetch_add(1, Ordering::Relaxed);
                    Counted
                }))
                .addr()
            };
            let found: Vec<usize> = thread::scope(|scope| {
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(get)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert!(found.iter().all(|address| *address == found[0]));
            drop(value);
            assert_eq!(DROPPED.load(Ordering::Relaxed), made.load(Ordering::Relaxed), "each is dropped once");
        }
    }
}
