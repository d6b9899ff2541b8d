//! Async
//!
//! One connection, driven by an event loop of yours. It has no thread, and no call of
//! it waits, except for the look-up of a host name. Watch _fd for reading. When it is
//! readable, call _step, then _next until RREDIS_ERR_AGAIN:
//!
//!   poll({rredis_async_fd(handle), POLLIN}, 1, -1);
//!   rredis_async_step(handle, RREDIS_READY_READ, &err);
//!   while (rredis_async_next(handle, &reply, &data, &err) != RREDIS_ERR_AGAIN) ...
//!
//! The event loop needs no timer: the descriptor also becomes readable when a command's
//! time is over, a connect is to be tried again, or a silent server is to be checked. A
//! round reads and writes about 1 MiB at most; the rest comes in the next round. An
//! edge-triggered loop repeats _step (RREDIS_READY_READ) and _next until a round in
//! which nothing arrived and nothing was submitted, and only then waits.
//!
//! It connects when there is a command to send, and reconnects after a growing pause.
//! Commands not yet sent wait meanwhile, within their own time. For commands that were
//! sent, _next gives the outcome. A command that takes too long completes with
//! RREDIS_ERR_TIMEOUT, and disturbs no other. A blocking command (BLPOP) delays those
//! behind it: give it an rredis_async of its own.
//!
//! An error READONLY means that the server has become a replica. It answers the
//! commands that were sent. The others, with RREDIS_CALL_NO_RETRY too, wait for the
//! next connection, which looks up the host name again.

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
/// It is opened like the connections of the client's pool, without counting towards
/// RREDIS_OPTION_POOL_MAX. The pool's statistics count it, and its bytes when it is
/// closed. Response callbacks are those of the client when a command is submitted.
///
/// RREDIS_ERR_UNSUPPORTED: the client's transport is your own, and has no fd.
/// RREDIS_ERR_IO: the system gives no epoll, eventfd or timerfd.
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

/// Accept a command. The next _step writes it, with all commands that were submitted
/// before it.
///
///   argc        the number of arguments, including the command's name
///   argv        the arguments
///   argv_len    their lengths; NULL when each ends in a NUL
///   flags       of rredis_call
///   timeout_ms  the time for the whole command, with RREDIS_CALL_TIMEOUT; otherwise 0,
///               and the time is that of rredis_client_command
///   call_data   given back by _next
///
/// The time counts from the last _step. After _next has returned RREDIS_ERR_AGAIN, it
/// counts from the first _submit that follows. An accepted command completes exactly
/// once. If the connection is lost or cannot be opened, a command that was not sent
/// waits for the next connection, unless it has RREDIS_CALL_NO_RETRY. A command that
/// was sent is never sent again.
///
/// SUBSCRIBE and related commands need RESP3; RREDIS_ERR_UNSUPPORTED: the connection
/// speaks RESP2. Each confirmation and message is a PUSH, and the command completes
/// with a NULL after its last confirmation. After a lost connection subscriptions are
/// restored, with a confirmation each. Then, before any message, a PUSH ["gap", NULL,
/// reason, milliseconds] gives the longest time during which no message was heard.
///
/// RREDIS_ERR_BUSY: RREDIS_OPTION_INFLIGHT_MAX or RREDIS_OPTION_INFLIGHT_BYTES_MAX is
/// reached by commands under way or not yet taken with _next. RREDIS_ERR_ARGUMENT: the
/// command would change the connection.
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

/// Give the descriptor to watch. It stays the same for the life of the handle. It is
/// readable when there is work, or when a time is over. Do nothing else with it, and
/// stop watching it before _free. -1: handle is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_async_fd(handle: Option<&rredis_async>) -> i32 {
    quietly(-1, || handle.map_or(-1, |handle| handle.evented.fd()))
}

/// Give the readiness to watch the descriptor for, of rredis_ready. It is always
/// RREDIS_READY_READ: a socket that is to be written makes the descriptor readable.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_async_wants(handle: Option<&rredis_async>) -> u32 {
    quietly(0, || handle.map_or(0, |_| rredis_ready::RREDIS_READY_READ as u32))
}

/// Give the time until the descriptor becomes readable because of the time alone. No
/// event loop needs it. -1: it will not.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_async_deadline_ms(handle: Option<&rredis_async>) -> i64 {
    quietly(-1, || usable(handle).map_or(-1, |handle| handle.evented.deadline_ms()))
}

/// Do the work that is due, without waiting: connect, shake hands, write, check the
/// clock.
///
///   ready  of rredis_ready: the readiness of the descriptor
///
/// A lost or failed connection is RREDIS_OK here: _next gives the failure of each
/// command, and the function set by rredis_options_on_event receives it.
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

/// Give the next reply to a command, with its call_data; or a push, with NULL as
/// call_data.
///
/// RREDIS_ERR_AGAIN: no further reply has arrived, or the rest is for the next round.
/// Call _next until then after each _step: until then the descriptor stays readable.
///
/// Any other status is that of a failed command. err has the reason and the outcome,
/// and out_call_data is written too, to name the command. RREDIS_ERR_FORKED,
/// RREDIS_ERR_PANIC, and RREDIS_ERR_ARGUMENT for a NULL are the exception: they concern
/// this call, and write nothing.
///
/// If each command has a call_data, a failure with NULL as call_data concerns no
/// command. It is a name that the server refused when subscriptions were restored, and
/// that is dropped (RREDIS_ERR_SERVER); all names, where the server now speaks only
/// RESP2 (RREDIS_ERR_UNSUPPORTED); or the reason why no connection can be opened, as
/// RREDIS_ERR_AUTH or RREDIS_ERR_TLS, which is tried again, and returned each time.
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

/// Close the connection. Completions not taken with _next are dropped: those commands
/// never complete. Never waits.
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
