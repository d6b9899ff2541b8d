//! Async
//!
//! One connection for an event loop of yours. No call waits, except _step in two cases:
//! the connect of a transport of yours waits, or the thread for a host name cannot be
//! started. Poll _fd for reading. When it is readable, call _step, then _next until
//! RREDIS_ERR_AGAIN:
//!
//!   poll({rredis_async_fd(handle), POLLIN}, 1, -1);
//!   rredis_async_step(handle, RREDIS_READY_READ, &err);
//!   while (rredis_async_next(handle, &reply, &data, &err) != RREDIS_ERR_AGAIN) ...
//!
//! The event loop needs no timer: the descriptor also becomes readable when a command
//! times out, when a connect is to be tried again, or when a PING is to be sent. A
//! round is one _step with its calls of _next. It reads and writes at most about 1 MiB;
//! the next round continues. An edge-triggered loop repeats rounds (with
//! RREDIS_READY_READ) until one in which nothing arrived and nothing was submitted, and
//! only then waits.
//!
//! The handle connects when there is a command to send, and reconnects after a growing
//! pause. Meanwhile commands that were not sent wait, within their own time. Commands
//! that were sent fail, with their outcome. A command that takes too long fails with
//! RREDIS_ERR_TIMEOUT; the others continue. A blocking command (BLPOP) delays the
//! commands after it: use a second rredis_async for it.
//!
//! In a cluster there is a connection to each server that is needed, all behind the one
//! descriptor. A command goes to the server of its slot, follows MOVED and ASK, and
//! waits within its own time while a replica takes over, with the limit of
//! RREDIS_OPTION_FAILOVER_WAIT_MS and not with RREDIS_CALL_NO_RETRY. Commands of one
//! server complete in order. Commands of different servers have no order, and neither
//! have commands of a slot that is moving. SUBSCRIBE and related commands are
//! RREDIS_ERR_ARGUMENT: use an rredis_pubsub.
//!
//! In a cluster and with Sentinels, commands sent to a primary that does not answer fail
//! with RREDIS_ERR_IO and the outcome UNKNOWN when another server has taken its place,
//! without waiting for their timeouts. Later commands go to that server.
//!
//! With one server, a READONLY error means that it has become a replica. It still
//! answers the commands that were sent. Commands that were not sent, even with
//! RREDIS_CALL_NO_RETRY, wait for the next connection, which looks up the host name
//! again.

use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;

use crate::client::{Completion, Evented};
use crate::ffi::boundary::{
    Args, Handle, Poison, given, guard_alone, guard_on, guard_queue, guard_round, quietly, quietly_reaching, shared,
    usable, wrong,
};
use crate::ffi::client::{call_of, rredis_client};
use crate::ffi::status::{rredis_error, rredis_status};
use crate::reply::node::rredis_reply;

/// Readiness of a descriptor, to be or-ed.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rredis_ready {
    /// not ready: only time has passed
    RREDIS_READY_NONE = 0,
    /// ready for reading
    RREDIS_READY_READ = 1,
    /// ready for writing
    RREDIS_READY_WRITE = 2,
}

/// sends commands from an event loop of yours
pub struct rredis_async {
    evented: Evented,
    poison: Poison,
}

/// Make a connection for an event loop. It connects when a command is submitted.
///
/// It uses the options of the client's pool, and does not count towards
/// RREDIS_OPTION_POOL_MAX. The pool's statistics count the connection when it is
/// opened, and its bytes when it is closed. Response callbacks are those of the client
/// when a command is submitted.
///
/// RREDIS_ERR_UNSUPPORTED: the client has a transport of yours without fd.
/// RREDIS_ERR_IO: epoll, eventfd or timerfd cannot be opened.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_async_new(
    client: Option<&rredis_client>,
    out_async: Option<&mut MaybeUninit<*mut rredis_async>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_on(client, err, |client| {
        let out_async = given(out_async, "out_async")?;
        let evented = Evented::new(&client.client)?;
        out_async.write(Box::into_raw(Box::new(rredis_async { evented, poison: Poison::default() })));
        Ok(())
    })
}

/// Accept a command. The next _step writes it, or the call of _next that returns
/// RREDIS_ERR_AGAIN before that, with all commands that were submitted before it.
///
///   argc        the number of arguments, including the command's name
///   argv        the arguments
///   argv_len    their lengths; NULL: each argument ends in a NUL
///   flags       values of rredis_call, or-ed
///   timeout_ms  the time for the command, with RREDIS_CALL_TIMEOUT; otherwise 0, and
///               the time is as for rredis_client_command
///   call_data   returned by _next in out_call_data
///
/// A command's time is counted from the last reading of the clock, which may be earlier
/// than its _submit. Each _step reads the clock, and so does the first _submit after
/// _next returned RREDIS_ERR_AGAIN. An accepted command completes exactly once. If the
/// connection is lost or cannot be opened, a command that was not sent waits for the
/// next connection, unless it has RREDIS_CALL_NO_RETRY. A command that was sent is
/// never sent again.
///
/// SUBSCRIBE and related commands need RESP3, or RREDIS_OPTION_PROTOCOL 2: without that
/// option they are RREDIS_ERR_UNSUPPORTED in RESP2. With it, from the first of them
/// until the last subscription has ended, any other command except PING is
/// RREDIS_ERR_STATE, or RREDIS_ERR_ARGUMENT if it would change the connection. Each
/// confirmation and message is a PUSH. After its last confirmation the command ends
/// with a reply of kind NULL. After a lost connection each subscription is restored,
/// with a confirmation. Before the next message, a PUSH ["gap", NULL, reason,
/// milliseconds] gives the longest time for which messages may be missing.
///
/// RREDIS_ERR_BUSY: the commands that _next has not returned yet reach
/// RREDIS_OPTION_INFLIGHT_MAX or RREDIS_OPTION_INFLIGHT_BYTES_MAX. RREDIS_ERR_ARGUMENT:
/// the command would change the connection for later commands.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_async_submit(
    handle: Option<&mut rredis_async>,
    argc: usize,
    argv: *const *const c_char,
    argv_len: *const usize,
    flags: u32,
    timeout_ms: i64,
    call_data: *mut c_void,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_queue(handle, err, |handle| {
        let call = call_of(flags, timeout_ms, call_data)?;
        let mut args = Args::none();
        // SAFETY: the caller vouches for argv and argv_len.
        let args = unsafe { args.of(argc, argv, argv_len)? };
        handle.evented.submit(args, &call)
    })
}

/// Give the descriptor to poll for reading. It stays the same for the life of the
/// handle. It is readable when _step has work. Do nothing else with it, and stop
/// polling it before _free. -1: handle is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_async_fd(handle: Option<&rredis_async>) -> i32 {
    quietly(-1, || handle.map_or(-1, |handle| handle.evented.fd()))
}

/// Give the rredis_ready values to poll the descriptor for: always RREDIS_READY_READ,
/// even when the library wants to write.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_async_wants(handle: Option<&rredis_async>) -> u32 {
    quietly(0, || handle.map_or(0, |_| rredis_ready::RREDIS_READY_READ as u32))
}

/// Give the time until the next timeout makes the descriptor readable. An event loop
/// does not need this. -1: there is no timeout.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_async_deadline_ms(handle: Option<&rredis_async>) -> i64 {
    quietly(-1, || usable(handle).map_or(-1, |handle| handle.evented.deadline_ms()))
}

/// Do the work that is due: connect, shake hands, write, check timeouts.
///
///   ready  values of rredis_ready, or-ed: the readiness of the descriptor
///
/// RREDIS_OK even if the connection is lost or cannot be opened: _next gives the
/// failure of each command, and the function set with rredis_options_on_event is told.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_async_step(
    handle: Option<&mut rredis_async>,
    ready: u32,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_alone(handle, err, |handle| {
        if ready & !READY_ALL != 0 {
            return Err(wrong(format!("ready: the bits {:#x} are not those of any rredis_ready", ready & !READY_ALL)));
        }
        handle.evented.step(ready != 0)
    })
}

/// Give the next reply with the call_data of its command, or a push with NULL.
///
/// RREDIS_ERR_AGAIN: no further reply has arrived, or the rest is for the next round.
/// Call _next until it returns this: until then the descriptor stays readable.
///
/// Any other status is that of a failed command: err has the reason and the outcome,
/// and *out_call_data is its call_data. Only RREDIS_ERR_FORKED, RREDIS_ERR_PANIC, and
/// RREDIS_ERR_ARGUMENT for a NULL are failures of this call, which then writes no out_
/// parameter.
///
/// Some failures belong to no command, and have NULL as call_data. To tell them apart,
/// submit each command with a call_data other than NULL. RREDIS_ERR_SERVER: the server
/// refused to restore a subscription, which is dropped. RREDIS_ERR_UNSUPPORTED: the
/// server now speaks only RESP2, and all subscriptions are dropped. Any other of these
/// failures, such as RREDIS_ERR_AUTH: a connect failed. It is tried again, and each
/// failure is returned.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_async_next(
    handle: Option<&mut rredis_async>,
    out_reply: Option<&mut MaybeUninit<*mut rredis_reply>>,
    out_call_data: Option<&mut MaybeUninit<*mut c_void>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_round(handle, err, &NOTHING_MORE, |handle| {
        let out_reply = given(out_reply, "out_reply")?;
        let out_call_data = given(out_call_data, "out_call_data")?;
        let Some(Completion { result, call_data }) = handle.evented.take_next()? else { return Ok(false) };
        out_call_data.write(call_data.cast());
        match result {
            Ok(reply) => out_reply.write(reply.into_raw()),
            Err(error) => return Err(*error),
        };
        Ok(true)
    })
}

/// Close the connection. Replies that _next has not returned are dropped: those
/// commands never complete. Never waits.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_async_free(handle: Option<Box<rredis_async>>) {
    quietly_reaching((), || drop(handle))
}

impl Handle for rredis_async {
    const NAME: &'static str = "handle";
    fn poison(&self) -> &Poison {
        &self.poison
    }
}

/// What ends each round, and so is made once.
static NOTHING_MORE: rredis_error = rredis_error::again("nothing more has come");

const READY_ALL: u32 = rredis_ready::RREDIS_READY_READ as u32 | rredis_ready::RREDIS_READY_WRITE as u32;

// SAFETY: call_data is handed back, and never looked at.
unsafe impl Send for rredis_async {}
// SAFETY: what takes it as const reads numbers, and neither its call_data nor its transport.
unsafe impl Sync for rredis_async {}

const _: () = shared::<rredis_async>();
