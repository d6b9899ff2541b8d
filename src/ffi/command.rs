//! Commands

use std::ffi::c_char;
use std::mem::MaybeUninit;

use crate::ffi::boundary::{not_yet, Err, args, given, guard, wrong};
use crate::ffi::status::{rredis_error, rredis_status};

/// Write a command as it goes over the wire.
///
///   argc        how many arguments, the command's name among them
///   argv        the arguments
///   argv_len    their lengths; NULL when each ends in a NUL
///   buffer      where to; NULL with buffer_len 0: only *out_len is written
///   out_len     how many bytes it has
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
    guard(err, || not_yet())
}
