//! Appending bytes to a Vec that has the capacity for them, as a plain copy.

use std::ptr;

/// As long as any head that `put_headed` takes.
pub const HEAD: usize = 8;

/// Append the first `len` bytes of `head`, and these. Where there is no room for them after all, it is made.
#[inline(always)]
pub fn put_headed(list: &mut Vec<u8>, head: [u8; HEAD], len: usize, bytes: &[u8]) {
    let start = list.len();
    let room = list.capacity().wrapping_sub(start);
    // No length of a slice overflows by so little.
    if len > HEAD || room < bytes.len().wrapping_add(HEAD) {
        return put_slowly(list, &head[..len.min(HEAD)], bytes);
    }
    // SAFETY: start is within the list's memory.
    let place = unsafe { list.as_mut_ptr().add(start) };
    // SAFETY: there is room for the whole head, and a list of bytes has no alignment.
    unsafe { place.cast::<[u8; HEAD]>().write(head) };
    // SAFETY: no head is longer than that.
    let behind = unsafe { place.add(len) };
    // SAFETY: behind the head there is room for so many bytes; nobody else has a list that is borrowed alone.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), behind, bytes.len()) };
    // SAFETY: so many are there now, and no more than the capacity.
    unsafe { list.set_len(start.wrapping_add(len).wrapping_add(bytes.len())) };
}

#[cold]
fn put_slowly(list: &mut Vec<u8>, head: &[u8], bytes: &[u8]) {
    list.extend_from_slice(head);
    list.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_stand_behind_their_head_whether_there_was_room_or_not() {
        for capacity in 0..32 {
            let mut list = Vec::with_capacity(capacity);
            for (len, bytes) in [(0, &b""[..]), (2, b"ab"), (8, b"c"), (1, b""), (0, b"defghijk")] {
                put_headed(&mut list, *b"12345678", len, bytes);
            }
            assert_eq!(list, b"12ab12345678c1defghijk", "{capacity}");
        }
    }
}
