//! Allocations whose size the program or the server decides: a failure is an error. A failure of a small allocation of
//! a fixed size ends the process, since Rust's collections offer nothing else.

#[expect(unsafe_code, reason = "memory that goes from a reply to the next without the allocator")]
mod kept;
#[expect(unsafe_code, reason = "a copy to where there is room, without a call where there is none")]
mod put;
#[expect(unsafe_code, reason = "room that is not initialised before it is read into")]
mod room;
mod sort;

use zeroize::{Zeroize, Zeroizing};

use crate::error::{Error, Result};

pub use kept::{KEPT_MIN, Keeper, keep_or_free, take_kept};
pub use put::{HEAD, put_headed};
pub use room::Room;
pub use sort::sort;

/// A copy of these bytes.
pub fn copied(bytes: &[u8], what: &str) -> Result<Vec<u8>> {
    let mut copy = Vec::new();
    append(&mut copy, bytes, what)?;
    Ok(copy)
}

/// Append these bytes, or leave all as it was.
pub fn append(list: &mut Vec<u8>, bytes: &[u8], what: &str) -> Result<()> {
    list.try_reserve(bytes.len()).map_err(|_| Error::memory(what))?;
    list.extend_from_slice(bytes);
    Ok(())
}

/// See to it that a list with a secret in it has room for so many bytes more. Where it has to move, the memory that it leaves is
/// overwritten.
pub fn reserve_secretly(list: &mut Vec<u8>, more: usize, what: &str) -> Result<()> {
    if list.capacity() - list.len() >= more {
        return Ok(());
    }
    let mut moved = Zeroizing::new(Vec::new());
    let wanted = list.len().saturating_add(more).max(list.capacity().saturating_mul(2));
    moved.try_reserve_exact(wanted).map_err(|_| Error::memory(what))?;
    moved.extend_from_slice(list);
    std::mem::swap(list, &mut *moved);
    Ok(())
}

/// Overwrite all of a list's memory, and give it back.
pub fn wipe(list: &mut Vec<u8>) {
    list.zeroize();
    *list = Vec::new();
}

/// Forget what is in a list; its memory is kept for what comes next, unless it is more than so many bytes. It is let go, not
/// made smaller: that too may find no memory, and then ends the process.
pub fn reuse<T>(list: &mut Vec<T>, bytes_max: usize) {
    list.clear();
    if list.capacity().saturating_mul(size_of::<T>()) > bytes_max {
        *list = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_as_long_as_what_it_is_of() {
        let mut copy = copied(b"ab", "the text").unwrap();
        append(&mut copy, b"c", "the text").unwrap();
        assert_eq!(copy, b"abc");
    }

    #[test]
    fn a_secret_moves_with_all_that_it_is() {
        let mut list = b"secret".to_vec();
        for more in [0, 1, 100, 10_000] {
            reserve_secretly(&mut list, more, "a test").unwrap();
            assert!(list.capacity() - list.len() >= more && list == b"secret");
        }
        assert_eq!(reserve_secretly(&mut list, usize::MAX, "a test").unwrap_err().to_string(), "no memory for a test");
        wipe(&mut list);
        assert_eq!((list.len(), list.capacity()), (0, 0));
    }

    #[test]
    fn what_is_used_again_is_empty_and_not_too_large() {
        let mut list = vec![1u64; 10];
        reuse(&mut list, 80);
        assert!(list.is_empty() && list.capacity() == 10);
        reuse(&mut list, 79);
        assert_eq!(list.capacity(), 0);
    }
}
