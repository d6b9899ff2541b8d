//! Replies
//!
//! Everything a server says is one kind of thing: a tree of these nodes, in one piece of
//! memory. Read its fields in place. It never changes, so any thread may read it.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use crate::ffi::boundary::{not_yet, Err, given, given_text, guard, quietly, wrong};
use crate::ffi::status::{rredis_error, rredis_status};
pub use crate::reply::node::{rredis_reply, rredis_reply_kind};

/// Find a key in a MAP, and give its value. NULL: it is not there, or this is no map.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_reply_find(
    map: Option<&rredis_reply>,
    key: *const c_char,
    key_len: usize,
) -> *const rredis_reply {
    quietly(std::ptr::null(), || std::ptr::null())
}

/// Give the attributes that came with a node: a MAP, or NULL where there are none.
///
///   root  the whole reply
///   node  root, or a node anywhere below it
#[unsafe(no_mangle)]
pub extern "C" fn rredis_reply_attributes(
    root: Option<&rredis_reply>,
    node: Option<&rredis_reply>,
) -> *const rredis_reply {
    quietly(std::ptr::null(), || std::ptr::null())
}

/// Give the format of a VERBATIM, as "txt" or "mkd". NULL for any other kind.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_reply_format(verbatim: Option<&rredis_reply>) -> *const c_char {
    quietly(std::ptr::null(), || std::ptr::null())
}

/// Read an integer from an INTEGER, a BOOL, or a text that is one and fits.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_reply_integer(
    reply: Option<&rredis_reply>,
    out_integer: Option<&mut MaybeUninit<i64>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard(err, || not_yet())
}

/// Read a number from a DOUBLE, an INTEGER, a BOOL, or a text that is one.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_reply_number(
    reply: Option<&rredis_reply>,
    out_number: Option<&mut MaybeUninit<f64>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard(err, || not_yet())
}

/// Copy a reply, or a part of one, children and all: to keep what is on loan.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_reply_clone(
    reply: Option<&rredis_reply>,
    out_reply: Option<&mut MaybeUninit<*mut rredis_reply>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard(err, || not_yet())
}

/// Free a reply, all of it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_reply_free(reply: *mut rredis_reply) {
    quietly((), || ())
}
