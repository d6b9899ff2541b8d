//! Parser
//!
//! RESP without sockets, for a program that has its own; and a parser of your own, for
//! a client.

use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;

use crate::ffi::boundary::{not_yet, Err, given, guard, quietly, text, wrong};
use crate::ffi::builder::rredis_builder;
use crate::ffi::callback::rredis_free_fn;
use crate::ffi::options::rredis_options;
use crate::ffi::status::{rredis_error, rredis_status};
use crate::reply::node::rredis_reply;

/// Which parser reads replies. Both understand the same.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rredis_parser_kind {
    /// the better one
    RREDIS_PARSER_AUTO = 0,
    /// written to be fast
    RREDIS_PARSER_FAST = 1,
    /// written to be simple
    RREDIS_PARSER_SIMPLE = 2,
}

/// A parser of yours: set size, fill in the rest. It is copied. There is one state for
/// each connection.
///
/// Limits hold because the builder counts. A push is a root of kind PUSH. Any other
/// status than the two of next ends the connection, with the text in err.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rredis_parser_type {
    /// sizeof(rredis_parser_type): later fields come behind
    pub size: usize,
    /// for messages and rredis_client_parser; NULL: "custom"
    pub name: *const c_char,
    /// given to start
    pub user_data: *mut c_void,
    /// Makes a state.
    pub start: Option<
        unsafe extern "C-unwind" fn(
            user_data: *mut c_void,
            out_state: *mut *mut c_void,
            err: *mut rredis_error,
        ) -> MaybeUninit<rredis_status>,
    >,
    /// Takes all of the bytes, which may end anywhere.
    pub feed: Option<
        unsafe extern "C-unwind" fn(
            state: *mut c_void,
            bytes: *const c_char,
            bytes_len: usize,
            err: *mut rredis_error,
        ) -> MaybeUninit<rredis_status>,
    >,
    /// RREDIS_OK: one whole reply stands in builder. RREDIS_ERR_AGAIN: not yet.
    pub next: Option<
        unsafe extern "C-unwind" fn(
            state: *mut c_void,
            builder: *mut rredis_builder,
            err: *mut rredis_error,
        ) -> MaybeUninit<rredis_status>,
    >,
    /// Ends a state, once for each start that succeeded.
    pub stop: Option<unsafe extern "C-unwind" fn(state: *mut c_void)>,
    /// NULL, or called when nothing needs user_data any more
    pub user_data_free: rredis_free_fn,
}

/// Bytes in, replies out.
pub struct rredis_parser {
}

/// Make a parser.
///
///   options  which parser, and the limits; NULL: AUTO, and the defaults
#[unsafe(no_mangle)]
pub extern "C" fn rredis_parser_new(
    options: Option<&rredis_options>,
    out_parser: Option<&mut MaybeUninit<*mut rredis_parser>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard(err, || not_yet())
}

/// Feed bytes, which may end anywhere.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_parser_feed(
    parser: Option<&mut rredis_parser>,
    bytes: *const c_char,
    bytes_len: usize,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard(err, || not_yet())
}

/// Give room to read into, so that no byte is copied twice. It stands until the next call
/// on this parser: _commit says how much of it was filled. NULL: no memory.
///
///   wanted   how many bytes at least
///   out_len  how many there are
#[unsafe(no_mangle)]
pub extern "C" fn rredis_parser_reserve(
    parser: Option<&mut rredis_parser>,
    wanted: usize,
    out_len: Option<&mut MaybeUninit<usize>>,
) -> *mut c_char {
    quietly(std::ptr::null_mut(), || std::ptr::null_mut())
}

/// Feed the first bytes_len bytes of the room that _reserve gave.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_parser_commit(
    parser: Option<&mut rredis_parser>,
    bytes_len: usize,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard(err, || not_yet())
}

/// Give the next reply; a push is one too, and an error of the server's.
///
/// RREDIS_ERR_AGAIN: none is whole yet. RREDIS_ERR_PROTOCOL and RREDIS_ERR_LIMIT stay:
/// what comes behind them has no meaning any more.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_parser_next(
    parser: Option<&mut rredis_parser>,
    out_reply: Option<&mut MaybeUninit<*mut rredis_reply>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard(err, || not_yet())
}

/// Tell which parser it is: "fast", "simple", or your own's name.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_parser_name(parser: Option<&rredis_parser>) -> *const c_char {
    quietly(std::ptr::null(), || std::ptr::null())
}

/// Free a parser, and what was not read.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_parser_free(parser: Option<Box<rredis_parser>>) {
    quietly((), || drop(parser))
}
