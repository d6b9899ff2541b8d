//! Transports
//!
//! Bytes of your own: a connection over anything. Handshake, protocol and everything
//! else work on top of it. For one stream there are never two calls at once, but they
//! come from any thread that uses the client.

use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;

use crate::ffi::callback::rredis_free_fn;
use crate::ffi::status::{rredis_error, rredis_status};

/// A transport: set size, fill in what you have, zero the rest. It is copied.
///
/// read and write return RREDIS_OK and *out_len; RREDIS_ERR_AGAIN when nothing could be
/// moved within timeout_ms; anything else ends the connection, with the text in err. More
/// than was asked for, or AGAIN for ever, is caught.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rredis_transport {
    /// sizeof(rredis_transport): later fields come behind
    pub size: usize,
    /// for messages; NULL: "custom"
    pub name: *const c_char,
    /// given to connect
    pub user_data: *mut c_void,
    /// Connects within timeout_ms, and gives a stream. host is the path, and port 0, where
    /// RREDIS_OPTION_UNIX_PATH is set.
    pub connect: Option<
        unsafe extern "C-unwind" fn(
            user_data: *mut c_void,
            host: *const c_char,
            host_len: usize,
            port: i32,
            timeout_ms: i64,
            out_stream: *mut *mut c_void,
            err: *mut rredis_error,
        ) -> MaybeUninit<rredis_status>,
    >,
    /// Reads at most buffer_len bytes, and at least one; *out_len 0 is the end of the stream.
    pub read: Option<
        unsafe extern "C-unwind" fn(
            stream: *mut c_void,
            buffer: *mut c_char,
            buffer_len: usize,
            timeout_ms: i64,
            out_len: *mut usize,
            err: *mut rredis_error,
        ) -> MaybeUninit<rredis_status>,
    >,
    /// Writes at most bytes_len bytes, and at least one.
    pub write: Option<
        unsafe extern "C-unwind" fn(
            stream: *mut c_void,
            bytes: *const c_char,
            bytes_len: usize,
            timeout_ms: i64,
            out_len: *mut usize,
            err: *mut rredis_error,
        ) -> MaybeUninit<rredis_status>,
    >,
    /// Called once for each connect that succeeded; never in a forked child.
    pub close: Option<unsafe extern "C-unwind" fn(stream: *mut c_void)>,
    /// NULL, or -1: there is none. Where there is one, librredis polls it, and calls read
    /// and write with timeout_ms 0.
    pub fd: Option<unsafe extern "C-unwind" fn(stream: *mut c_void) -> i32>,
    /// NULL, or called when nothing needs user_data any more
    pub user_data_free: rredis_free_fn,
}
