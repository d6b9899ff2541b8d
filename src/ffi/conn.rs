//! Connections
//!
//! One connection kept for oneself, for what a pool cannot do: SELECT, WATCH by hand,
//! MONITOR, CLIENT REPLY. The client's callbacks apply to _command.

use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;

use crate::ffi::boundary::{not_yet, Err, Handle, Poison, args, given, guard, quietly};
use crate::ffi::client::rredis_client;
use crate::ffi::status::{rredis_error, rredis_status};
use crate::reply::node::rredis_reply;

/// A connection of one's own.
pub struct rredis_conn {
    poison: Poison,
}

/// Lease a connection from the client's pool, and keep it. Connects if it must.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_conn_new(
    client: Option<&rredis_client>,
    out_conn: Option<&mut MaybeUninit<*mut rredis_conn>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard(err, || not_yet())
}

/// Send one command and wait for the one reply that is due.
///
/// A command that is due none (CLIENT REPLY OFF; SUBSCRIBE and its kin, whose answers are
/// pushes) gives a NULL reply once it is written. RREDIS_ERR_STATE: replies to _send are
/// still due.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_conn_command(
    conn: Option<&mut rredis_conn>,
    argc: usize,
    argv: *const *const c_char,
    argv_len: *const usize,
    out_reply: Option<&mut MaybeUninit<*mut rredis_reply>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard(err, || not_yet())
}

/// As _command, with flags, a timeout and call_data, as rredis_client_command_with.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_conn_command_with(
    conn: Option<&mut rredis_conn>,
    argc: usize,
    argv: *const *const c_char,
    argv_len: *const usize,
    flags: u32,
    timeout_ms: i64,
    call_data: *mut c_void,
    out_reply: Option<&mut MaybeUninit<*mut rredis_reply>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard(err, || not_yet())
}

/// Send one command, and do not wait: _receive gives its reply.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_conn_send(
    conn: Option<&mut rredis_conn>,
    argc: usize,
    argv: *const *const c_char,
    argv_len: *const usize,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard(err, || not_yet())
}

/// Give what comes next, in order: replies (a server's error as an ERROR), pushes, the
/// lines of MONITOR.
///
/// RREDIS_ERR_AGAIN: nothing whole came within timeout_ms; the connection is as good as
/// before. RREDIS_ERR_STATE: nothing is due, and nothing can come.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_conn_receive(
    conn: Option<&mut rredis_conn>,
    timeout_ms: i64,
    out_reply: Option<&mut MaybeUninit<*mut rredis_reply>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard(err, || not_yet())
}

/// Give the connection back to the pool, where nothing is due and its state is as the
/// pool's; close it otherwise. Never waits.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_conn_free(conn: Option<Box<rredis_conn>>) {
    quietly((), || drop(conn))
}
