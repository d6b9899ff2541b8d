//! Memory to read into that need not be initialised: what is read overwrites it.

/// Room behind the first `end` bytes of a list. What is read into it is behind them, and `end` moves.
pub struct Room<'a> {
    list: &'a mut Vec<u8>,
    end: &'a mut usize,
    len: usize,
}

impl<'a> Room<'a> {
    /// Room for `wanted` bytes, or for as many as the list has memory for. Up to its length it is initialised, and `end` is
    /// no more than that.
    #[inline(always)]
    pub fn behind(list: &'a mut Vec<u8>, end: &'a mut usize, wanted: usize) -> Room<'a> {
        *end = list.len().min(*end);
        let len = wanted.min(list.capacity().wrapping_sub(*end));
        Room { list, end, len }
    }

    /// How many bytes there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All of it, initialised: what never was becomes zero.
    pub fn bytes(&mut self) -> &mut [u8] {
        let last = *self.end + self.len;
        if self.list.len() < last {
            self.list.resize(last, 0);
        }
        &mut self.list[*self.end..last]
    }

    /// The first `len` bytes were read into what `bytes` gave. No more than there are.
    pub fn fill(&mut self, len: usize) {
        *self.end = self.list.len().min(*self.end + len.min(self.len));
        self.len = 0;
    }

    /// Where to write, for a system call.
    #[inline]
    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        // SAFETY: `end` is no more than the list's length.
        unsafe { self.list.as_mut_ptr().add(*self.end) }
    }

    /// The first `len` bytes were written where `as_mut_ptr` is.
    ///
    /// # Safety
    /// They were, and there are as many.
    #[inline]
    pub unsafe fn assume_filled(&mut self, len: usize) {
        *self.end = self.end.wrapping_add(len);
        self.len = 0;
        if self.list.len() < *self.end {
            // SAFETY: all up to `end` is initialised, and within the list's memory.
            unsafe { self.list.set_len(*self.end) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_stands_behind_what_there_was_and_the_rest_is_no_part_of_it() {
        let mut list = Vec::with_capacity(100);
        list.extend_from_slice(b"abc");
        let mut end = 2;
        let mut room = Room::behind(&mut list, &mut end, 1000);
        assert_eq!(room.len(), 98);
        // SAFETY: there is room for two bytes.
        unsafe { room.as_mut_ptr().cast::<[u8; 2]>().write(*b"xy") };
        // SAFETY: they were written just now.
        unsafe { room.assume_filled(2) };
        assert_eq!((end, list.as_slice()), (4, &b"abxy"[..]));
        end = 1;
        let mut room = Room::behind(&mut list, &mut end, 6);
        assert_eq!(room.bytes(), b"bxy\0\0\0");
        room.bytes()[..3].copy_from_slice(b"123");
        room.fill(3);
        assert!(room.is_empty());
        assert_eq!((end, list.as_slice()), (4, &b"a123\0\0\0"[..]));
    }

    #[test]
    fn nobody_fills_more_than_there_is() {
        let (mut list, mut end) = (vec![1; 4], 9);
        assert_eq!(Room::behind(&mut list, &mut end, 0).len(), 0);
        assert_eq!(end, 4);
        end = 2;
        let mut room = Room::behind(&mut list, &mut end, 2);
        room.fill(7);
        assert_eq!((end, list.as_slice()), (4, &[1; 4][..]));
        end = 0;
        Room::behind(&mut list, &mut end, 2).fill(3);
        assert_eq!(end, 2);
    }
}
