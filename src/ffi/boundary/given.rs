//! What the caller gave, taken with suspicion: a pointer, a number, a text, a struct; and the error where it is wrong.

use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;

use crate::error::{Error, Result, Status};

/// The argument, or an error that names it.
#[inline]
pub(crate) fn given<T>(argument: Option<T>, name: &str) -> Result<T> {
    match argument {
        Some(argument) => Ok(argument),
        None => Err(not_given(name)),
    }
}

/// What is said of an argument that is not there.
#[cold]
pub(crate) fn not_given(name: &str) -> Error {
    wrong(format!("{name} is NULL"))
}

/// An error of the caller's.
pub(crate) fn wrong(message: impl Into<Vec<u8>>) -> Error {
    Error::new(Status::Argument, message)
}

/// The number of an enumerator that comes from C, whatever it is.
pub(crate) fn number<E: Copy>(value: MaybeUninit<E>) -> u32 {
    const { assert!(size_of::<E>() == size_of::<u32>()) };
    // SAFETY: C passes enumerators as initialised 32-bit numbers, and any bits are a u32.
    unsafe { value.as_ptr().cast::<u32>().read() }
}

/// A text of the caller's. NULL is the empty text where its length is 0.
///
/// # Safety
/// `text` is NULL or points at `len` bytes that live as long as `'a`.
pub(crate) unsafe fn text_of<'a>(text: *const c_char, len: usize, name: &str) -> Result<&'a [u8]> {
    if len > isize::MAX as usize {
        return Err(wrong(format!("{name}_len is larger than any object")));
    }
    match text.is_null() {
        true if len == 0 => Ok(&[]),
        true => Err(wrong(format!("{name} is NULL"))),
        // SAFETY: not NULL, no larger than an object may be; the caller vouches for the rest.
        false => Ok(unsafe { std::slice::from_raw_parts(text.cast(), len) }),
    }
}

/// The name of something of the caller's, copied.
///
/// # Safety
/// `name` is NULL, or ends in a NUL.
pub(crate) unsafe fn name_of(name: *const c_char) -> String {
    match name.is_null() {
        true => "custom".to_owned(),
        // SAFETY: not NULL; the caller vouches for the NUL.
        false => unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned(),
    }
}

/// A struct of functions, copied: all that this library knows of it.
///
/// # Safety
/// `given` is NULL, or points at a struct as large as its first field, a size, says.
pub(crate) unsafe fn sized<T: Copy>(given: *const T, name: &str) -> Result<T> {
    if given.is_null() {
        return Err(wrong(format!("{name} is NULL")));
    }
    // SAFETY: not NULL, and the size comes first.
    let size = unsafe { given.cast::<usize>().read() };
    let known = size_of::<T>();
    if size < known {
        return Err(wrong(format!("{name}.size is {size}: this library knows {known} bytes of it")));
    }
    // SAFETY: it is large enough.
    Ok(unsafe { given.read() })
}
