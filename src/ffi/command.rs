//! Commands

use std::ffi::c_char;
use std::mem::MaybeUninit;

use crate::error::Result;
use crate::ffi::boundary::{args, given, guard, wrong};
use crate::ffi::status::{rredis_error, rredis_status};
use crate::resp;

/// Write a command as it goes over the wire.
///
///   argc      how many arguments, the command's name among them
///   argv      the arguments
///   argv_len  their lengths; NULL when each ends in a NUL
///   buffer    where to; NULL with buffer_len 0: only *out_len is written
///   out_len   how many bytes it has
///
/// Too small a buffer is RREDIS_ERR_ARGUMENT; the message has the length needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_command_encode(
    argc: usize,
    argv: *const *const c_char,
    argv_len: *const usize,
    buffer: *mut c_char,
    buffer_len: usize,
    out_len: Option<&mut MaybeUninit<usize>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard(err, || {
        let out_len = given(out_len, "out_len")?;
        // SAFETY: the caller vouches for argv and argv_len.
        let args = unsafe { args(argc, argv, argv_len)? };
        let needed = resp::encoded_len(&args);
        if buffer.is_null() && buffer_len == 0 {
            out_len.write(needed);
            return Ok(());
        }
        // SAFETY: the caller vouches for buffer_len bytes there, which are ours until we return.
        let buffer = unsafe { room(buffer, buffer_len)? };
        let Some(place) = buffer.get_mut(..needed) else {
            return Err(wrong(format!("buffer_len is {buffer_len}: the command needs {needed} bytes")));
        };
        let mut bytes = Vec::new();
        resp::encode(&args, &mut bytes)?;
        place.write_copy_of_slice(&bytes);
        out_len.write(needed);
        Ok(())
    })
}

/// A buffer of the caller's to write to.
///
/// # Safety
/// `buffer` is NULL or has `len` bytes, which nobody else uses as long as `'a`.
unsafe fn room<'a>(buffer: *mut c_char, len: usize) -> Result<&'a mut [MaybeUninit<u8>]> {
    if buffer.is_null() {
        return Err(wrong("buffer is NULL"));
    }
    if len > isize::MAX as usize {
        return Err(wrong("buffer_len is larger than any object"));
    }
    // SAFETY: not NULL, no larger than an object; the caller vouches for the rest.
    Ok(unsafe { std::slice::from_raw_parts_mut(buffer.cast(), len) })
}
