//! One freed block of memory, kept for the next large reply: to have memory mapped and unmapped for each costs more than to read
//! into it.

use std::alloc::{Layout, dealloc};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use crate::process::Process;

/// While there is one of these, a block may be kept. With the last of them it is freed.
#[derive(Debug)]
pub struct Keeper(());

/// A place for one block, and how many want it to be used.
#[derive(Debug, Default)]
struct BlockPlace {
    /// NULL, or a block that begins with its `BlockHead`.
    block: AtomicPtr<u8>,
    keepers: AtomicUsize,
}

/// What a block that is kept begins with.
struct BlockHead {
    capacity: usize,
    process: Process,
}

static PLACE: BlockPlace = BlockPlace { block: AtomicPtr::new(ptr::null_mut()), keepers: AtomicUsize::new(0) };

impl Keeper {
    /// From now on a block may be kept.
    pub fn begin() -> Keeper {
        PLACE.keepers.fetch_add(1, Ordering::SeqCst);
        Keeper(())
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        PLACE.one_less();
    }
}

/// Give up a block: it is kept, or freed.
///
/// # Safety
/// It came from the global allocator as an array of so many bytes, and nobody else uses it.
pub unsafe fn keep_or_free(block: *mut u8, capacity: usize) {
    // SAFETY: the caller vouches for it.
    unsafe { PLACE.put(block, capacity) }
}

/// The block that is kept, as an empty list, where it has room for `wanted` bytes and not for many more.
pub fn take_kept(wanted: usize) -> Option<Vec<u8>> {
    PLACE.take(wanted)
}

impl BlockPlace {
    fn one_less(&self) {
        if self.keepers.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.empty();
        }
    }

    /// # Safety
    /// As for `keep_or_free`.
    unsafe fn put(&self, block: *mut u8, capacity: usize) {
        if !(KEPT_MIN..=KEPT_MAX).contains(&capacity) || self.keepers.load(Ordering::Relaxed) == 0 {
            // SAFETY: the caller vouches for it.
            return unsafe { free(block, capacity) };
        }
        let head = BlockHead { capacity, process: Process::current() };
        // SAFETY: the block is this one's alone, and is longer than a head.
        unsafe { block.cast::<BlockHead>().write_unaligned(head) };
        free_kept(self.block.swap(block, Ordering::SeqCst));
        // The last keeper may have gone meanwhile, and have found nothing here.
        if self.keepers.load(Ordering::SeqCst) == 0 {
            self.empty();
        }
    }

    fn take(&self, wanted: usize) -> Option<Vec<u8>> {
        if !(KEPT_MIN..=KEPT_MAX).contains(&wanted) || self.block.load(Ordering::Relaxed).is_null() {
            return None;
        }
        let block = self.block.swap(ptr::null_mut(), Ordering::SeqCst);
        if block.is_null() {
            return None;
        }
        let BlockHead { capacity, process } = head_of(block);
        if process == Process::current() && (wanted..=wanted.saturating_mul(LARGER_MAX)).contains(&capacity) {
            // SAFETY: an array of so many bytes of the global allocator's, of which nobody else has the address any more.
            return Some(unsafe { Vec::from_raw_parts(block, 0, capacity) });
        }
        // In a child of fork, what was its parent's is freed.
        let put_back = process == Process::current()
            && self.block.compare_exchange(ptr::null_mut(), block, Ordering::SeqCst, Ordering::Relaxed).is_ok();
        if !put_back {
            free_kept(block);
        }
        None
    }

    fn empty(&self) {
        free_kept(self.block.swap(ptr::null_mut(), Ordering::SeqCst));
    }
}

/// Free a block that was kept, and is no more; NULL is none.
fn free_kept(block: *mut u8) {
    if !block.is_null() {
        let BlockHead { capacity, .. } = head_of(block);
        // SAFETY: `put` was given it as such, and it was taken from its place.
        unsafe { free(block, capacity) };
    }
}

/// What a block begins with that was taken from its place.
fn head_of(block: *mut u8) -> BlockHead {
    // SAFETY: `put` has written it, and nobody has written there since.
    unsafe { block.cast::<BlockHead>().read_unaligned() }
}

/// # Safety
/// As for `keep_or_free`.
unsafe fn free(block: *mut u8, capacity: usize) {
    // SAFETY: no array that was allocated is too large for a layout.
    let layout = unsafe { Layout::from_size_align_unchecked(capacity, 1) };
    // SAFETY: the caller vouches for it.
    unsafe { dealloc(block, layout) };
}

/// Smaller blocks come from the allocator's own lists; larger ones would be much to hold for nothing.
pub const KEPT_MIN: usize = 64 << 10;
const KEPT_MAX: usize = 8 << 20;
/// How many times larger than what is wanted a block may be.
const LARGER_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use std::mem::ManuallyDrop;
    use std::thread;

    use super::*;

    fn put(place: &BlockPlace, capacity: usize) {
        let mut list = ManuallyDrop::new(Vec::<u8>::with_capacity(capacity));
        // SAFETY: a list's own memory, which is given up.
        unsafe { place.put(list.as_mut_ptr(), list.capacity()) };
    }

    fn taken(place: &BlockPlace, wanted: usize) -> Option<usize> {
        place.take(wanted).map(|list| list.capacity())
    }

    #[test]
    fn one_block_is_kept_for_what_fits_it() {
        let place = BlockPlace::default();
        place.keepers.fetch_add(1, Ordering::SeqCst);
        assert_eq!(taken(&place, KEPT_MIN), None);
        put(&place, 3 * KEPT_MIN);
        assert_eq!(taken(&place, 3 * KEPT_MIN + 1), None, "it is too small");
        assert_eq!(taken(&place, KEPT_MIN - 1), None, "that is for the allocator");
        assert_eq!(taken(&place, KEPT_MIN), Some(3 * KEPT_MIN), "it was put back before");
        assert_eq!(taken(&place, KEPT_MIN), None, "and is gone now");
        put(&place, 5 * KEPT_MIN);
        assert_eq!(taken(&place, KEPT_MIN), None, "it is too large");
        put(&place, 2 * KEPT_MIN);
        assert_eq!(taken(&place, 2 * KEPT_MIN), Some(2 * KEPT_MIN), "the last that was freed is kept");
        for not_kept in [KEPT_MIN - 1, KEPT_MAX + 1] {
            put(&place, not_kept);
            assert!(place.block.load(Ordering::SeqCst).is_null(), "{not_kept}");
        }
        put(&place, KEPT_MAX);
        place.one_less();
        assert!(place.block.load(Ordering::SeqCst).is_null(), "with the last keeper it is freed");
        put(&place, KEPT_MIN);
        assert!(place.block.load(Ordering::SeqCst).is_null(), "nobody keeps");
    }

    #[test]
    fn threads_that_put_and_take_share_no_block() {
        let place = BlockPlace::default();
        place.keepers.fetch_add(1, Ordering::SeqCst);
        thread::scope(|scope| {
            for number in 0..4u8 {
                let place = &place;
                scope.spawn(move || {
                    for _ in 0..2000 {
                        let mut list = place.take(KEPT_MIN).unwrap_or_else(|| Vec::with_capacity(KEPT_MIN));
                        list.extend(std::iter::repeat_n(number, 100));
                        thread::yield_now();
                        assert!(list.iter().all(|byte| *byte == number));
                        let mut list = ManuallyDrop::new(list);
                        // SAFETY: a list's own memory, which is given up.
                        unsafe { place.put(list.as_mut_ptr(), list.capacity()) };
                    }
                });
            }
        });
        place.one_less();
        assert!(place.block.load(Ordering::SeqCst).is_null());
    }
}
