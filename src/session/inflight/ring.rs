//! A queue of values that are copied, in a ring of memory: to push one and to take one is a few instructions, which stand where
//! they are needed. That of the standard library is called for each push.

use std::collections::TryReserveError;

/// The queue.
#[derive(Debug)]
pub(super) struct Ring<T> {
    /// None, or a power of two of them; those that hold no value have one that means nothing.
    places: Vec<T>,
    /// The place of the oldest.
    first: usize,
    len: usize,
}

impl<T> Default for Ring<T> {
    fn default() -> Ring<T> {
        Ring { places: Vec::new(), first: 0, len: 0 }
    }
}

impl<T: Copy> Ring<T> {
    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// See to it that there is memory for one more. `any`: a value that means nothing.
    #[inline(always)]
    pub(super) fn reserve(&mut self, any: T) -> Result<(), TryReserveError> {
        if self.len < self.places.len() { Ok(()) } else { self.grow(any) }
    }

    /// See to it that there is memory for so many more.
    pub(super) fn reserve_all(&mut self, count: usize, any: T) -> Result<(), TryReserveError> {
        while self.places.len().saturating_sub(self.len) < count {
            self.grow(any)?;
        }
        Ok(())
    }

    /// Add the newest, for which there is memory.
    #[inline(always)]
    pub(super) fn push(&mut self, value: T) {
        let place = self.place(self.len);
        if self.len < self.places.len()
            && let Some(place) = self.places.get_mut(place)
        {
            *place = value;
            self.len = self.len.wrapping_add(1);
        } else {
            self.push_unreserved(value);
        }
    }

    /// The value with this many older ones.
    #[inline(always)]
    pub(super) fn get(&self, at: usize) -> Option<&T> {
        if at < self.len { self.places.get(self.place(at)) } else { None }
    }

    #[inline(always)]
    pub(super) fn front(&self) -> Option<&T> {
        self.get(0)
    }

    #[inline(always)]
    pub(super) fn front_mut(&mut self) -> Option<&mut T> {
        if self.len > 0 { self.places.get_mut(self.first) } else { None }
    }

    /// Take the oldest out, where there is one.
    #[inline(always)]
    pub(super) fn drop_front(&mut self) {
        if self.len > 0 {
            self.first = self.place(1);
            self.len = self.len.wrapping_sub(1);
        }
    }

    /// Each, the oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        (0..self.len).filter_map(|at| self.get(at))
    }

    /// Change each, the oldest first, and keep those for which `keep` says so.
    pub(super) fn retain_mut(&mut self, mut keep: impl FnMut(&mut T) -> bool) {
        let mut kept = 0;
        for at in 0..self.len {
            let (from, to) = (self.place(at), self.place(kept));
            let Some(value) = self.places.get_mut(from) else { break };
            if keep(value) {
                self.places.copy_within(from..from + 1, to);
                kept += 1;
            }
        }
        self.len = kept;
    }

    /// Where the value with so many older ones is.
    #[inline(always)]
    fn place(&self, at: usize) -> usize {
        self.first.wrapping_add(at) & self.places.len().wrapping_sub(1)
    }

    #[cold]
    #[inline(never)]
    fn push_unreserved(&mut self, value: T) {
        // Whoever pushes has reserved before. If nobody did, what there is no memory for ends the process, as in any list.
        if self.len == self.places.len() {
            self.widen(value);
        }
        self.push(value);
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, any: T) -> Result<(), TryReserveError> {
        self.places.try_reserve_exact(self.wider() - self.places.len())?;
        self.widen(any);
        Ok(())
    }

    fn wider(&self) -> usize {
        (self.places.len() * 2).max(PLACES_MIN)
    }

    /// Twice as many places: those before `first` hold the newest values, which go behind what was the end.
    fn widen(&mut self, any: T) {
        let before = self.places.len();
        self.places.resize(self.wider(), any);
        let wrapped = (self.first + self.len).saturating_sub(before);
        self.places.copy_within(..wrapped, before);
    }
}

const PLACES_MIN: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    proptest! {
        /// Whatever is done to it, it holds what the standard library's holds.
        #[test]
        fn it_is_as_the_standard_librarys_is(steps in proptest::collection::vec(0u8..12, 0..200)) {
            let (mut ring, mut known, mut next) = (Ring::default(), VecDeque::new(), 0u32);
            for step in steps {
                match step {
                    0..=5 => {
                        match step {
                            0 => {}
                            1 => ring.reserve_all(9, u32::MAX).unwrap(),
                            _ => ring.reserve(u32::MAX).unwrap(),
                        }
                        ring.push(next);
                        known.push_back(next);
                        next += 1;
                    }
                    6..=9 => {
                        ring.drop_front();
                        known.pop_front();
                    }
                    10 => {
                        let keep = |value: &mut u32| { *value += 1; !(*value).is_multiple_of(3) };
                        ring.retain_mut(keep);
                        known.retain_mut(keep);
                    }
                    _ => if let (Some(one), Some(other)) = (ring.front_mut(), known.front_mut()) {
                        (*one, *other) = (*one + 7, *other + 7);
                    }
                }
                prop_assert!(ring.iter().eq(known.iter()));
                prop_assert_eq!((ring.len(), ring.is_empty(), ring.front()), (known.len(), known.is_empty(), known.front()));
                prop_assert_eq!((ring.get(1), ring.get(known.len())), (known.get(1), None));
            }
        }
    }
}
