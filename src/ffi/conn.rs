//! Connections
//!
//! One connection for a single owner, for commands that a pool cannot serve: SELECT,
//! WATCH, MONITOR, CLIENT REPLY. The client's response callbacks apply to _command, and
//! to each element of the reply to EXEC. After a READONLY error the connection can
//! still be used. rredis_conn_free then closes it.

use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Arc;

use crate::client::{Call, Dedicated, Flags};
use crate::error::{Outcome, Result};
use crate::ffi::boundary::{
    Handle, Poison, args, given, guard_alone, guard_command_alone, guard_on, quietly, quietly_reaching, shared, usable,
    woken,
};
use crate::ffi::client::{Taker, call_of, rredis_client};
use crate::ffi::status::{rredis_error, rredis_status};
use crate::ongoing::Ongoing;
use crate::reply::node::rredis_reply;
use crate::reply::{Builder, Reply};

/// one connection for a single owner
pub struct rredis_conn {
    dedicated: Dedicated,
    poison: Poison,
    ongoing: Arc<Ongoing>,
}

/// Lease a connection from the client's pool, and keep it. Connects if necessary.
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

/// Send one command and wait for its reply.
///
/// If the server sends no reply to the command (CLIENT REPLY OFF), or answers with
/// pushes (SUBSCRIBE), the call gives a reply of kind NULL once the command is written.
/// RREDIS_ERR_STATE: replies to commands of _send have not been received.
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

/// Send one command with flags, and wait for its reply.
///
///   flags       values of rredis_call, or-ed
///   timeout_ms  the time for the whole call, with RREDIS_CALL_TIMEOUT; otherwise 0
///   call_data   passed to the response callback
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

/// Send one command without waiting for its reply: _receive gives the reply.
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
        unsafe { conn.send(argc, argv, argv_len, Flags::default()) }
    })
}

/// Send one command with flags, without waiting for its reply.
///
///   flags  RREDIS_CALL_MORE queues the command. The next _send without it writes all
///          queued commands at once. _receive writes them too; with a timeout of 0,
///          only as far as that does not wait.
///          RREDIS_CALL_TIMEOUT is RREDIS_ERR_ARGUMENT. The other values of rredis_call
///          have no effect: a reply is never shaped, and no command is tried again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_conn_send_with(
    conn: Option<&mut rredis_conn>,
    argc: usize,
    argv: *const *const c_char,
    argv_len: *const usize,
    flags: u32,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_command_alone(conn, err, |conn| {
        let flags = Flags::checked_for_send(flags)?;
        // SAFETY: the caller vouches for argv and argv_len.
        unsafe { conn.send(argc, argv, argv_len, flags) }
    })
}

/// Give the next reply, push, or line of MONITOR, in order of arrival. A server's error
/// is a reply of kind ERROR.
///
/// RREDIS_ERR_AGAIN: no complete reply arrived within timeout_ms; the connection is
/// unchanged. RREDIS_ERR_STATE: no reply is outstanding, and no push can arrive.
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

/// Give the descriptor of the connection, to poll for reading while no call is made. It
/// stays the same until _free. Do nothing else with it, and stop polling before _free.
/// -1: there is none, or conn was made by the parent of this forked process.
///
/// A reply may have been read already: before each poll, call _receive with a timeout
/// of 0 until it returns RREDIS_ERR_AGAIN.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_conn_fd(conn: Option<&rredis_conn>) -> i32 {
    quietly(-1, || usable(conn).and_then(|conn| conn.dedicated.fd()).unwrap_or(-1))
}

/// End the _command, _send or _receive of this connection that waits in another thread,
/// and give the number of ended calls: 0 or 1.
///
/// The call returns RREDIS_ERR_WOKEN. After a _receive the connection is unchanged.
/// After a _command that waited for a reply the connection is closed.
/// rredis_client_wake says how soon a wait ends.
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

/// Return the connection to the pool, or close it if a reply is outstanding or a
/// command changed its state, as SELECT does. Never waits.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_conn_free(conn: Option<Box<rredis_conn>>) {
    quietly_reaching((), || drop(conn))
}

impl rredis_conn {
    /// Send one command.
    ///
    /// # Safety
    /// `argv` and `argv_len` are as `args` asks.
    unsafe fn send(
        &mut self,
        argc: usize,
        argv: *const *const c_char,
        argv_len: *const usize,
        flags: Flags,
    ) -> Result<()> {
        // SAFETY: the caller vouches for argv and argv_len.
        let args = unsafe { args(argc, argv, argv_len)? };
        let rredis_conn { dedicated, ongoing, .. } = self;
        ongoing.during(ptr::null(), || dedicated.send_with(&args, flags))
    }

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
        let taker = Taker::of(out_reply, call)?;
        // SAFETY: the caller vouches for argv and argv_len.
        let args = unsafe { args(argc, argv, argv_len)? };
        let rredis_conn { dedicated, ongoing, .. } = self;
        let reply = ongoing.during(ptr::null(), || dedicated.command(&args, call))?;
        if taker.is_there() {
            taker.take(reply_or_null(reply)?);
        }
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
// SAFETY: behind a shared borrow only the descriptor is read, and whose process's it is, which never change.
unsafe impl Sync for rredis_conn {}

const _: () = shared::<rredis_conn>();
