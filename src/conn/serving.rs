//! The pools for which this thread is inside a transport, parser or credentials function: that function must not use
//! them.

use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;

use crate::process::without_destructor;

/// Run what may call functions of the caller's that serve this pool.
pub(super) fn serving<T>(number: Option<u64>, body: impl FnOnce() -> T) -> T {
    let served = serve(number);
    let made = body();
    // Mostly there is nothing to be taken back, which is found out here, without a call.
    if let Some(served) = served {
        drop(served);
    }
    made
}

/// From now on functions of the caller's serve this pool, until what this gives is dropped.
#[inline(always)]
pub(super) fn serve(number: Option<u64>) -> Option<Served> {
    number.map(|number| {
        SERVING.with(|serving| serving.push(number));
        Served
    })
}

/// Whether functions of the caller's serve this pool now.
pub(super) fn is_served(number: u64) -> bool {
    SERVING.with(|serving| serving.contains(number))
}

/// Takes the number of a pool back when its functions have run, panic or not.
pub(super) struct Served;

impl Drop for Served {
    fn drop(&mut self) {
        SERVING.with(Serving::pop);
    }
}

/// The pools' numbers, the last one on top: one function of the caller's may use a client that calls the next.
struct Serving {
    first: [Cell<u64>; FIRST],
    depth: Cell<usize>,
    /// Those above the first ones. It has memory only while there are any.
    more: RefCell<ManuallyDrop<Vec<u64>>>,
}

impl Serving {
    fn push(&self, number: u64) {
        let depth = self.depth.get();
        match self.first.get(depth) {
            Some(place) => place.set(number),
            None => self.more.borrow_mut().push(number),
        }
        self.depth.set(depth + 1);
    }

    fn pop(&self) {
        let depth = self.depth.get().saturating_sub(1);
        self.depth.set(depth);
        if depth >= FIRST {
            let more = &mut **self.more.borrow_mut();
            more.pop();
            if more.is_empty() {
                *more = Vec::new();
            }
        }
    }

    fn contains(&self, number: u64) -> bool {
        let first = self.first.iter().take(self.depth.get());
        first.into_iter().any(|place| place.get() == number) || self.more.borrow().contains(&number)
    }
}

/// As many as are remembered without an allocation.
const FIRST: usize = 4;

const _: () = without_destructor::<Serving>();

thread_local! {
    static SERVING: Serving = const {
        Serving {
            first: [const { Cell::new(0) }; FIRST],
            depth: Cell::new(0),
            more: RefCell::new(ManuallyDrop::new(Vec::new())),
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_is_served_until_its_functions_have_run_however_deep() {
        fn deeper(number: u64, depth: u64) {
            let before: Vec<bool> = (0..depth).map(is_served).collect();
            serving(Some(number), || {
                assert!((0..=number).all(is_served) && !is_served(number + 1));
                if number + 1 < depth {
                    deeper(number + 1, depth);
                }
                assert!((0..=number).all(is_served) && !is_served(number + 1));
            });
            assert_eq!((0..depth).map(is_served).collect::<Vec<_>>(), before);
        }
        for depth in 1..=3 * FIRST as u64 {
            deeper(0, depth);
            assert!(SERVING.with(|serving| serving.depth.get() == 0 && serving.more.borrow().capacity() == 0));
        }
    }

    #[test]
    fn a_panic_takes_its_number_back() {
        for depth in [0, FIRST - 1, FIRST, FIRST + 1] {
            let held: Vec<_> = (0..depth as u64).map(|number| serve(Some(number))).collect();
            let panicked = std::panic::catch_unwind(|| serving(Some(77), || panic!("in a function of the caller's")));
            assert!(panicked.is_err() && !is_served(77));
            assert!((0..depth as u64).all(is_served));
            drop(held);
            assert!((0..depth as u64).all(|number| !is_served(number)));
        }
    }
}
