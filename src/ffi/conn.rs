//! Connections
//!
//! One connection kept for oneself, for what a pool cannot do: SELECT, WATCH by hand,
//! MONITOR, CLIENT REPLY. The client's callbacks apply to _command, and to EXEC's
//! elements, each to its own command's. A connection whose server said READONLY can
//! still be used; when it is freed it is closed.

use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Arc;

use crate::client::{Call, Dedicated};
use crate::error::{Outcome, Result};
use crate::ffi::boundary::{
    Handle, Poison, args, given, guard_alone, guard_command_alone, guard_on, quietly, sent, woken,
};
use crate::ffi::client::{call_of, rredis_client};
use crate::ffi::status::{rredis_error, rredis_status};
use crate::ongoing::Ongoing;
use crate::reply::node::rredis_reply;
use crate::reply::{Builder, Reply};

/// one connection kept for oneself
pub struct rredis_conn {
    dedicated: Dedicated,
    poison: Poison,
    ongoing: Arc<Ongoing>,
}

/// Lease a connection from the client's pool, and keep it. Connects if it must.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_conn_new(
    client: Option<&rredis_client>,
    out_conn: Option<&mut MaybeUninit<*mut rredis_conn>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_on(client, err, |client| {
        let out_conn = given(out_conn, "out_conn")?;
        let client = &client.client;
        let dedicated = client.during(ptr::null(), || Dedicated::new(client))?;
        let ongoing = Arc::new(client.ongoing());
        out_conn.write(Box::into_raw(Box::new(rredis_conn { dedicated, poison: Poison::default(), ongoing })));
        Ok(())
    })
}

/// Send one command and wait for the one reply that is due.
///
/// A command that is due none (CLIENT REPLY OFF; SUBSCRIBE and its kin, whose answers are
/// pushes) gives a reply of kind NULL once it is written. RREDIS_ERR_STATE: replies to
/// _send are still due.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_conn_command(
    conn: Option<&mut rredis_conn>,
    argc: usize,
    argv: *const *const c_char,
    argv_len: *const usize,
    out_reply: Option<&mut MaybeUninit<*mut rredis_reply>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_command_alone(conn, err, |conn| {
        // SAFETY: the caller vouches for argv and argv_len.
        unsafe { conn.run(argc, argv, argv_len, &Call::default(), out_reply) }
    })
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
    guard_command_alone(conn, err, |conn| {
        let call = call_of(flags, timeout_ms, call_data)?;
        // SAFETY: the caller vouches for argv and argv_len.
        unsafe { conn.run(argc, argv, argv_len, &call, out_reply) }
    })
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
    guard_command_alone(conn, err, |conn| {
        // SAFETY: the caller vouches for argv and argv_len.
        let args = unsafe { args(argc, argv, argv_len)? };
        let rredis_conn { dedicated, ongoing, .. } = conn;
        ongoing.during(ptr::null(), || dedicated.send(&args))
    })
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
    guard_alone(conn, err, |conn| {
        let out_reply = given(out_reply, "out_reply")?;
        let rredis_conn { dedicated, ongoing, .. } = conn;
        out_reply.write(ongoing.during(ptr::null(), || dedicated.receive(timeout_ms))?.into_raw());
        Ok(())
    })
}

/// End the _command, _send or _receive of this connection that waits in another thread, and
/// tell how many that were: 0 or 1.
///
/// It is RREDIS_ERR_WOKEN. After a _receive the connection is as good as before; it is closed
/// where a reply was waited for by _command. When and how as with rredis_client_wake.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_conn_wake(conn: *const rredis_conn) -> usize {
    woken(|| {
        if conn.is_null() {
            return 0;
        }
        // SAFETY: the caller vouches for the handle.
        let place = unsafe { ptr::addr_of!((*conn).ongoing) };
        // SAFETY: its other fields are another thread's now; this one never changes.
        unsafe { &*place }.wake(ptr::null()).min(1)
    })
}

/// Give the connection back to the pool, where nothing is due and its state is as the
/// pool's; close it otherwise. Never waits.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_conn_free(conn: Option<Box<rredis_conn>>) {
    quietly((), || drop(conn))
}

impl rredis_conn {
    /// Run one command.
    ///
    /// # Safety
    /// `argv` and `argv_len` are as `args` asks.
    unsafe fn run(
        &mut self,
        argc: usize,
        argv: *const *const c_char,
        argv_len: *const usize,
        call: &Call,
        out_reply: Option<&mut MaybeUninit<*mut rredis_reply>>,
    ) -> Result<()> {
        let out_reply = given(out_reply, "out_reply")?;
        // SAFETY: the caller vouches for argv and argv_len.
        let args = unsafe { args(argc, argv, argv_len)? };
        let rredis_conn { dedicated, ongoing, .. } = self;
        let reply = ongoing.during(ptr::null(), || dedicated.command(&args, call))?;
        out_reply.write(reply_or_null(reply)?.into_raw());
        Ok(())
    }
}

impl Handle for rredis_conn {
    const NAME: &'static str = "conn";
    fn poison(&self) -> &Poison {
        &self.poison
    }
}

/// The reply that came, or NULL where none was due.
fn reply_or_null(reply: Option<Reply>) -> Result<Reply> {
    if let Some(reply) = reply {
        return Ok(reply);
    }
    let mut builder = Builder::new();
    builder.add_null();
    builder.take().map_err(|error| error.with_outcome(Outcome::Unknown))
}

// SAFETY: what call_data points at is the caller's, and never looked at here.
unsafe impl Send for rredis_conn {}

const _: () = sent::<rredis_conn>();
