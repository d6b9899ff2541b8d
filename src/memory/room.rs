//! Memory to read into that need not be initialised: what is read overwrites it.

use std::mem::MaybeUninit;

/// Bytes to read into. The first of them are initialised, and of those the first are what was read.
pub struct Room<'a> {
    bytes: &'a mut [MaybeUninit<u8>],
    initialised: usize,
    filled: usize,
}

impl Room<'_> {
    /// Let these bytes be read into: how many there are, and how many were filled.
    pub fn lend(bytes: &mut [u8], read: &mut dyn FnMut(&mut Room<'_>)) -> (usize, usize) {
        let initialised = bytes.len();
        // SAFETY: initialised bytes may be looked at as such that need not be: a room writes none that is not initialised.
        let bytes = unsafe { &mut *(std::ptr::from_mut(bytes) as *mut [MaybeUninit<u8>]) };
        let mut room = Room { bytes, initialised, filled: 0 };
        read(&mut room);
        (initialised, room.filled)
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// All of it, initialised: what never was becomes zero.
    pub fn bytes(&mut self) -> &mut [u8] {
        self.bytes[self.initialised..].fill(MaybeUninit::new(0));
        self.initialised = self.bytes.len();
        // SAFETY: all of it is initialised now, and is borrowed alone.
        unsafe { &mut *(std::ptr::from_mut(self.bytes) as *mut [u8]) }
    }

    /// The first `len` bytes were read into what `bytes` gave.
    pub fn fill(&mut self, len: usize) {
        self.filled = len.min(self.initialised);
    }

    /// Where to write, for a system call.
    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        self.bytes.as_mut_ptr().cast()
    }

    /// The first `len` bytes were written where `as_mut_ptr` is.
    ///
    /// # Safety
    /// They were.
    pub unsafe fn assume_filled(&mut self, len: usize) {
        self.initialised = self.initialised.max(len.min(self.bytes.len()));
        self.fill(len);
    }
}

/// Read into a list behind its first `from` bytes, where there is room for `wanted`, and say how many bytes came. The list
/// becomes as long as it is initialised.
pub fn read_behind<R>(
    list: &mut Vec<u8>,
    from: usize,
    wanted: usize,
    read: impl FnOnce(&mut Room<'_>) -> R,
) -> (R, usize) {
    let len = list.len();
    let from = from.min(len);
    let to = from.saturating_add(wanted).min(list.capacity());
    // SAFETY: from is within the list's memory.
    let start = unsafe { list.as_mut_ptr().add(from) };
    // SAFETY: so is all up to to; bytes that are not initialised are MaybeUninit.
    let bytes = unsafe { std::slice::from_raw_parts_mut(start.cast(), to.saturating_sub(from)) };
    let initialised = (len - from).min(bytes.len());
    let mut room = Room { bytes, initialised, filled: 0 };
    let result = read(&mut room);
    let (initialised, filled) = (from + room.initialised, room.filled);
    // SAFETY: so many bytes from the first one on are initialised, and that is no more than the capacity.
    unsafe { list.set_len(len.max(initialised)) };
    (result, filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_stands_behind_what_there_was_and_the_rest_is_no_part_of_it() {
        let mut list = Vec::with_capacity(100);
        list.extend_from_slice(b"abc");
        let (size, filled) = read_behind(&mut list, 2, 1000, |room| {
            // SAFETY: there is room for two bytes.
            unsafe { room.as_mut_ptr().cast::<[u8; 2]>().write(*b"xy") };
            // SAFETY: they were written just now.
            unsafe { room.assume_filled(2) };
            room.len()
        });
        assert_eq!((size, filled, list.as_slice()), (98, 2, &b"abxy"[..]));
        let (all, filled) = read_behind(&mut list, 1, 6, |room| {
            room.bytes()[..3].copy_from_slice(b"123");
            room.fill(3);
            room.bytes().to_vec()
        });
        assert_eq!((all.as_slice(), filled, list.as_slice()), (&b"123\0\0\0"[..], 3, &b"a123\0\0\0"[..]));
    }

    #[test]
    fn nobody_fills_more_than_there_is() {
        let mut list = vec![1; 4];
        let (_, filled) = read_behind(&mut list, 9, 5, |room| room.fill(7));
        assert_eq!((filled, list.len()), (0, 4));
        let (_, filled) = read_behind(&mut list, 2, 2, |room| room.fill(7));
        assert_eq!((filled, list.as_slice()), (2, &[1; 4][..]));
    }
}
