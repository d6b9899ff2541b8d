//! Async
//!
//! One connection, driven by a loop of your own: no thread, no call that waits (except for
//! the look-up of a host name), no function of yours called later. Watch _fd for reading.
//! Once it is readable, _step, then _next until RREDIS_ERR_AGAIN:
//!
//!   poll({rredis_async_fd(handle), POLLIN}, 1, -1);
//!   rredis_async_step(handle, RREDIS_READY_READ, &err);
//!   while ((status = rredis_async_next(handle, &reply, &data, &err)) != RREDIS_ERR_AGAIN) ...
//!
//! Your loop needs no timer: the descriptor becomes readable, too, when a command's time is
//! up, a connect is to be tried again or a silent server to be asked. One round reads and
//! writes about 1 MiB at most, whatever the server sends; the rest is for the next round.
//! An edge-triggered loop repeats _step (RREDIS_READY_READ) and _next until a round in which
//! nothing came and nothing was submitted, and waits only then.
//!
//! It connects when there is something to send, and again when the connection was lost, after
//! a pause that grows. Commands that were not sent meanwhile wait, within their own time; for
//! those that were, _next says what became of them. One that takes too long completes with
//! RREDIS_ERR_TIMEOUT and disturbs no other. Commands that wait on the server (BLPOP) hold up
//! those behind them: give them an rredis_async of their own.
//!
//! READONLY: the server has become a replica. The commands that were sent are answered
//! by it; the others, RREDIS_CALL_NO_RETRY or not, wait for the next connection, which
//! looks the host name up again.

use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;

use crate::client::{Completion, Evented};
use crate::error::{Error, Status};
use crate::ffi::boundary::{
    Args, Handle, Poison, given, guard_alone, guard_command_alone, guard_on, quietly, shared, usable, wrong,
};
use crate::ffi::client::{call_of, rredis_client};
use crate::ffi::status::{rredis_error, rredis_status};
use crate::reply::node::rredis_reply;

/// What a descriptor is ready for, or is to be watched for; to be or-ed.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rredis_ready {
    /// the time has come, and that is all
    RREDIS_READY_NONE = 0,
    /// to be read
    RREDIS_READY_READ = 1,
    /// to be written
    RREDIS_READY_WRITE = 2,
}

/// one connection, driven by a loop of the caller's
pub struct rredis_async {
    evented: Evented,
    poison: Poison,
}

/// Make a connection for a loop of your own. It connects to nothing yet.
///
/// It is opened as those of the client's pool are, and takes no place in it; what is opened,
/// lost and closed, and the bytes when it is over, are counted there. Response callbacks are
/// the client's, as they are when a command is submitted.
/// RREDIS_ERR_UNSUPPORTED: the transport is your own, and has no fd. RREDIS_ERR_IO: the system
/// gives no epoll, eventfd or timerfd.
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

/// Accept a command. It is written by the next _step, with all that was submitted before it.
///
///   flags       of rredis_call
///   timeout_ms  for all of it, with RREDIS_CALL_TIMEOUT; else 0, and as for _client_command
///   call_data   comes back from _next
///
/// Its time counts from the last _step; once _next was RREDIS_ERR_AGAIN, from the first
/// _submit after that. Accepted, it completes exactly once. Where a connection is lost, or
/// cannot be opened, a command that was not sent waits for the next, but with
/// RREDIS_CALL_NO_RETRY; one that was sent is not sent again, whatever its flags.
///
/// SUBSCRIBE and its kin are taken in RESP3: each confirmation and message is a PUSH, and the
/// command completes with a NULL behind its last confirmation. After a lost connection what is
/// subscribed is subscribed again, each confirmed once more; then, and before any message, a
/// PUSH ["gap", NULL, reason, milliseconds] tells for how long at most nothing was heard.
/// RREDIS_ERR_UNSUPPORTED: the connection speaks RESP2.
///
/// RREDIS_ERR_BUSY: too much is under way, or was not taken: RREDIS_OPTION_INFLIGHT_MAX,
/// RREDIS_OPTION_INFLIGHT_BYTES_MAX. RREDIS_ERR_ARGUMENT: it changes the connection.
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
    guard_command_alone(handle, err, |handle| {
        let call = call_of(flags, timeout_ms, call_data)?;
        let mut args = Args::none();
        // SAFETY: the caller vouches for argv and argv_len.
        let args = unsafe { args.of(argc, argv, argv_len)? };
        handle.evented.submit(args, &call)
    })
}

/// Give the descriptor to watch: one number for the life of the handle, whatever connections
/// come and go behind it. Readable when there is something to do, or the time for it has
/// come. Do nothing else with it, and watch it no more after _free. -1: handle is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_async_fd(handle: Option<&rredis_async>) -> i32 {
    quietly(-1, || handle.map_or(-1, |handle| handle.evented.fd()))
}

/// Tell what to watch the descriptor for, of rredis_ready. It is RREDIS_READY_READ for ever: a
/// socket that is to be written stands behind the descriptor, and makes it readable.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_async_wants(handle: Option<&rredis_async>) -> u32 {
    quietly(0, || handle.map_or(0, |_| rredis_ready::RREDIS_READY_READ as u32))
}

/// Tell how long it is until the descriptor becomes readable because of the time alone. No loop
/// needs it. -1: it will not.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_async_deadline_ms(handle: Option<&rredis_async>) -> i64 {
    quietly(-1, || usable(handle).map_or(-1, |handle| handle.evented.deadline_ms()))
}

/// Do what is to be done, and wait for nothing: connect, shake hands, write, look at the clock.
///
///   ready  of rredis_ready: what the descriptor was found to be
///
/// RREDIS_OK also where the connection was lost or could not be opened: _next tells that of
/// each command, and the function given to rredis_options_on_event of the connection.
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

/// Take what came: the reply to a command, with its call_data; or a push, with NULL for that.
///
/// A failure with NULL for call_data is of no command of yours, where you give each a call_data
/// of its own, but of what is subscribed: a name that the server refused when it was to be
/// subscribed again, and that is given up (RREDIS_ERR_SERVER); all of them, where it speaks
/// only RESP2 by now (RREDIS_ERR_UNSUPPORTED); or why no connection can be opened, as
/// RREDIS_ERR_AUTH and RREDIS_ERR_TLS: that is tried again, and told each time.
///
/// RREDIS_ERR_AGAIN: nothing more has come, or the rest is for the next round. Go on until
/// then after each _step: until then the descriptor stays readable. Any other status is that
/// of a command that failed, err says why and what became of it, and out_call_data is written
/// all the same, so that you know which: RREDIS_ERR_SERVER, TIMEOUT, IO, ... Only
/// RREDIS_ERR_FORKED, PANIC and ARGUMENT of a NULL here are the call's own, and leave it as it
/// was.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_async_next(
    handle: Option<&mut rredis_async>,
    out_reply: Option<&mut MaybeUninit<*mut rredis_reply>>,
    out_call_data: Option<&mut MaybeUninit<*mut c_void>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_alone(handle, err, |handle| {
        let out_reply = given(out_reply, "out_reply")?;
        let out_call_data = given(out_call_data, "out_call_data")?;
        let Some(Completion { result, call_data }) = handle.evented.take_next()? else { return Err(nothing_more()) };
        out_call_data.write(call_data.cast());
        out_reply.write(result.map_err(|error| *error)?.into_raw());
        Ok(())
    })
}

/// Close the connection. What has not been taken with _next is dropped: those commands never
/// complete. Never waits.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_async_free(handle: Option<Box<rredis_async>>) {
    quietly((), || drop(handle))
}

impl Handle for rredis_async {
    const NAME: &'static str = "handle";
    fn poison(&self) -> &Poison {
        &self.poison
    }
}

fn nothing_more() -> Error {
    Error::new(Status::Again, "nothing more has come")
}

const READY_ALL: u32 = rredis_ready::RREDIS_READY_READ as u32 | rredis_ready::RREDIS_READY_WRITE as u32;

// SAFETY: call_data is handed back, and never looked at.
unsafe impl Send for rredis_async {}
// SAFETY: what takes it as const reads numbers, and neither its call_data nor its transport.
unsafe impl Sync for rredis_async {}

const _: () = shared::<rredis_async>();
