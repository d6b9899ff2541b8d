//! Replies
//!
//! A reply is a tree of rredis_reply nodes in one block of memory. Read the fields
//! directly. A reply never changes, so any thread may read it. SHAPES.md has the shape
//! of the reply to each command.

use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;

use crate::error::{Error, head};
use crate::ffi::boundary::{given, guard, keeping_errno, quietly, shared, text_of, wrong};
use crate::ffi::status::{rredis_error, rredis_status};
pub use crate::reply::node::{rredis_reply, rredis_reply_kind};
use crate::reply::{Reply, View, attributes_of, bytes_of, is_root};

/// Find a key in a MAP, and give its value. NULL: the key is absent, or map is no MAP.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_reply_find(
    map: Option<&rredis_reply>,
    key: *const c_char,
    key_len: usize,
) -> *const rredis_reply {
    quietly(std::ptr::null(), || {
        let Some(map) = map else { return std::ptr::null() };
        // SAFETY: the caller vouches for key.
        let Ok(key) = (unsafe { text_of(key, key_len, "key") }) else { return std::ptr::null() };
        View::new(map).find(key).map_or(std::ptr::null(), |value| value.node())
    })
}

/// Give the RESP3 attributes of a node: a MAP, or NULL where there are none.
///
///   root  the whole reply; if root is only a part of a reply, the result is NULL
///   node  root, or a node anywhere below it
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_reply_attributes(
    root: *const rredis_reply,
    node: *const rredis_reply,
) -> *const rredis_reply {
    quietly(std::ptr::null(), || match root.is_null() || node.is_null() {
        true => std::ptr::null(),
        // SAFETY: the caller vouches for root being a reply, or a part of one.
        false => unsafe { attributes_of(root, node) },
    })
}

/// Give the format of a VERBATIM, such as "txt" or "mkd". NULL: any other kind.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_reply_format(verbatim: Option<&rredis_reply>) -> *const c_char {
    quietly(std::ptr::null(), || match verbatim.map(|verbatim| View::new(verbatim).format()) {
        Some(format) if !format.is_empty() => format.as_ptr().cast(),
        _ => std::ptr::null(),
    })
}

/// Read an integer from an INTEGER, a BOOL, a whole DOUBLE, or a text that is an
/// integer. RREDIS_ERR_ARGUMENT: any other reply, or the integer does not fit.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_reply_integer(
    reply: Option<&rredis_reply>,
    out_integer: Option<&mut MaybeUninit<i64>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard(err, || {
        let reply = given(reply, "reply")?;
        let out_integer = given(out_integer, "out_integer")?;
        let integer = View::new(reply).integer();
        out_integer.write(integer.ok_or_else(|| is_not(reply, "an integer of 64 bits"))?);
        Ok(())
    })
}

/// Read a number from a DOUBLE, an INTEGER, a BOOL, or a text that is a number.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_reply_number(
    reply: Option<&rredis_reply>,
    out_number: Option<&mut MaybeUninit<f64>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard(err, || {
        let reply = given(reply, "reply")?;
        let out_number = given(out_number, "out_number")?;
        let number = View::new(reply).number();
        out_number.write(number.ok_or_else(|| is_not(reply, "a number"))?);
        Ok(())
    })
}

/// Copy a reply, or a part of one, with its children and without its attributes. Use it
/// to keep a borrowed reply.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_reply_clone(
    reply: Option<&rredis_reply>,
    out_reply: Option<&mut MaybeUninit<*mut rredis_reply>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard(err, || {
        let reply = given(reply, "reply")?;
        let out_reply = given(out_reply, "out_reply")?;
        out_reply.write(Reply::clone_of(reply)?.into_raw());
        Ok(())
    })
}

/// Give the block of memory that has all nodes and texts of a reply, and of its
/// attributes. A language that reads C memory slowly copies the block once. An address
/// in the reply, minus the address of the block, is the offset in the copy.
///
///   root     the whole reply; if root is only a part of a reply, the result is NULL
///   out_len  receives the length of the block, or 0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_reply_bytes(
    root: *const rredis_reply,
    out_len: Option<&mut MaybeUninit<usize>>,
) -> *const c_void {
    quietly(std::ptr::null(), || {
        let Some(out_len) = out_len else { return std::ptr::null() };
        let bytes = match root.is_null() {
            true => None,
            // SAFETY: the caller vouches for root being a reply, or a part of one.
            false => unsafe { bytes_of(root) },
        };
        let (begin, len) = bytes.unwrap_or((std::ptr::null(), 0));
        out_len.write(len);
        begin.cast()
    })
}

/// Free a whole reply.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_reply_free(reply: *mut rredis_reply) {
    // Nothing in this can panic.
    keeping_errno(|| {
        // SAFETY: NULL, or a reply that was not freed yet, as the caller vouches.
        if unsafe { reply.as_ref() }.is_some_and(is_root) {
            // SAFETY: the caller vouches for it to be its own, and it is whole.
            unsafe { Reply::free_raw(reply) };
        }
    });
}

fn is_not(reply: &rredis_reply, wanted: &str) -> Error {
    let kind = format!("{:?}", reply.kind);
    let kind = kind.trim_start_matches("RREDIS_REPLY_");
    let text = View::new(reply).text();
    match text.is_empty() {
        true => wrong(format!("the reply, of kind {kind}, is not {wanted}")),
        false => wrong([format!("the reply, of kind {kind}, is not {wanted}: ").as_bytes(), head(text)].concat()),
    }
}

const _: () = shared::<Reply>();
