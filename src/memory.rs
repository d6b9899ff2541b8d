//! Memory for what others decide the size of: asked for, and where there is none, that is an error. What is small and of a
//! size of our own is simply taken, and ends the process where even that is not there: Rust's collections know no other way.
#![forbid(unsafe_code)]

use crate::error::{Error, Result};

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
    fn what_is_used_again_is_empty_and_not_too_large() {
        let mut list = vec![1u64; 10];
        reuse(&mut list, 80);
        assert!(list.is_empty() && list.capacity() == 10);
        reuse(&mut list, 79);
        assert_eq!(list.capacity(), 0);
    }
}
