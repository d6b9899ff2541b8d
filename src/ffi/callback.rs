//! Functions of yours

use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;

use crate::ffi::status::{rredis_error, rredis_status};
use crate::reply::node::rredis_reply;

/// Called once with the user_data it was given with, when no handle needs that any more:
/// inside the call that ended the last of them, or inside the setter, where that fails.
/// NULL: there is nothing to do.
pub type rredis_free_fn = Option<unsafe extern "C-unwind" fn(user_data: *mut c_void)>;

/// Shown a reply that nobody asked for: a push.
pub type rredis_reply_fn = Option<unsafe extern "C-unwind" fn(user_data: *mut c_void, reply: *const rredis_reply)>;

/// A response callback: sees each reply of its command, and may change it.
///
/// Leave *out_reply alone (it comes NULL) to keep the reply, or write a whole reply of
/// yours there (a builder's, a clone, another command's): it is librredis's then. Or read
/// what you want into call_data, which is what the caller passed. Any other status than
/// RREDIS_OK fails this call alone, with RREDIS_ERR_CALLBACK, RREDIS_OUTCOME_RAN, and the
/// text you wrote in err->message. argv_len is always given; err is never NULL, and comes
/// zeroed. It is called when the connection has gone back to its pool, so it may use the
/// same client; not for a server's error.
pub type rredis_callback_fn = Option<
    unsafe extern "C-unwind" fn(
        user_data: *mut c_void,
        call_data: *mut c_void,
        argc: usize,
        argv: *const *const c_char,
        argv_len: *const usize,
        reply: *const rredis_reply,
        out_reply: *mut *mut rredis_reply,
        err: *mut rredis_error,
    ) -> MaybeUninit<rredis_status>,
>;
