//! Builder
//!
//! A reply made by hand: for response callbacks, parsers of your own, and tests. What
//! goes wrong is kept: after it the rest do nothing, and _take says what it was.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use crate::ffi::boundary::{not_yet, Err, given, guard, number, quietly, text, wrong};
use crate::ffi::status::{rredis_error, rredis_status};
use crate::reply::node::{rredis_reply, rredis_reply_kind};

/// A reply that is being made.
pub struct rredis_builder {
}

/// Make a builder. NULL: no memory.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_builder_new() -> Option<Box<rredis_builder>> {
    quietly(None, || Some(Box::new(rredis_builder { })))
}

/// Add a NULL.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_builder_add_null(builder: Option<&mut rredis_builder>) {
    quietly((), || ())
}

/// Add an INTEGER, or a BOOL, whose value is 0 or 1.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_builder_add_integer(
    builder: Option<&mut rredis_builder>,
    kind: MaybeUninit<rredis_reply_kind>,
    value: i64,
) {
    quietly((), || ())
}

/// Add a DOUBLE.
///
///   text  how it is written; NULL: as short as it can be
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_builder_add_number(
    builder: Option<&mut rredis_builder>,
    value: f64,
    text: *const c_char,
    text_len: usize,
) {
    quietly((), || ())
}

/// Add a STRING, STATUS, ERROR, VERBATIM or BIG_NUMBER.
///
///   text  its bytes; a VERBATIM's begin with its format and a colon, as "txt:"
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_builder_add_text(
    builder: Option<&mut rredis_builder>,
    kind: MaybeUninit<rredis_reply_kind>,
    text: *const c_char,
    text_len: usize,
) {
    quietly((), || ())
}

/// Add a copy of a reply, or of a part of one, children and all.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_builder_add_reply(builder: Option<&mut rredis_builder>, reply: Option<&rredis_reply>) {
    quietly((), || ())
}

/// Open an ARRAY, SET, MAP or PUSH. What is added goes into it, until _end.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_builder_open(builder: Option<&mut rredis_builder>, kind: MaybeUninit<rredis_reply_kind>) {
    quietly((), || ())
}

/// Open the attributes of the node that is added next: a map, until _end.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_builder_open_attributes(builder: Option<&mut rredis_builder>) {
    quietly((), || ())
}

/// End what was opened last.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_builder_end(builder: Option<&mut rredis_builder>) {
    quietly((), || ())
}

/// Take the reply, and begin anew.
///
/// RREDIS_ERR_STATE: it is not whole, or there is more than one. Whatever is returned,
/// the builder is empty then.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_builder_take(
    builder: Option<&mut rredis_builder>,
    out_reply: Option<&mut MaybeUninit<*mut rredis_reply>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard(err, || not_yet())
}

/// Throw away what was added, and what went wrong.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_builder_clear(builder: Option<&mut rredis_builder>) {
    quietly((), || ())
}

/// Free a builder.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_builder_free(builder: Option<Box<rredis_builder>>) {
    quietly((), || drop(builder))
}
