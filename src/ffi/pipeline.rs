//! Pipelines
//!
//! A pipeline queues commands, and a run sends all of them in one burst, or as a
//! transaction. Nothing is sent before a run. A run empties the queue and ends the
//! watch, whatever it returns. The exceptions are RREDIS_ERR_ARGUMENT and
//! RREDIS_ERR_STATE: they change nothing.
//!
//! What each call does in each state of the pipeline. PLAIN and ATOMIC are the modes of
//! _run, and STATE is RREDIS_ERR_STATE:
//!
//! ```text
//!              idle                queued        watching             watching, queued
//!   _watch     leases, watches     STATE         watches more         STATE
//!   _command   STATE               STATE         runs at once         STATE
//!   _add       queued              queued        queued               queued
//!   PLAIN      empty array         runs          STATE                STATE
//!   ATOMIC     empty array         MULTI..EXEC   MULTI EXEC           MULTI..EXEC
//!   _clear     nothing             idle          idle                 idle
//! ```
//!
//! A run of an idle pipeline gives an empty ARRAY without asking the server. A command
//! that would change the connection for later commands is RREDIS_ERR_ARGUMENT, as for a
//! client. So are MULTI, EXEC, DISCARD and WATCH, which the library sends.

mod handle;

use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

use crate::client::pipeline::{self, Mode};
use crate::client::{Call, Flags};
use crate::error::Result;
use crate::ffi::boundary::{
    Args, args, given, guard_command_alone, guard_on, guard_queue, guard_reentrant, number, quietly, quietly_reaching,
    usable, woken, wrong,
};
use crate::ffi::callback::ToldError;
use crate::ffi::client::{Taker, call_of, rredis_client};
use crate::ffi::status::{rredis_error, rredis_status};
use crate::reply::Reply;
use crate::reply::node::rredis_reply;

use handle::waiting;
pub use handle::{rredis_each_fn, rredis_pipeline, rredis_pipeline_mode, rredis_transaction_fn};

/// Make an empty pipeline. Its runs use the client's pool. It keeps a connection only
/// while keys are watched. It keeps up to 4 MiB of memory for its next run.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_pipeline_new(
    client: Option<&rredis_client>,
    out_pipeline: Option<&mut MaybeUninit<*mut rredis_pipeline>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_on(client, err, |client| {
        let out_pipeline = given(out_pipeline, "out_pipeline")?;
        out_pipeline.write(Box::into_raw(Box::new(rredis_pipeline::new(&client.client))));
        Ok(())
    })
}

/// Queue a copy of one command. A command that is wrong is RREDIS_ERR_ARGUMENT, and
/// does not change the queue.
///
///   argc      the number of arguments, including the command's name
///   argv      the arguments
///   argv_len  their lengths; NULL: each argument ends in a NUL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_pipeline_add(
    pipeline: Option<&mut rredis_pipeline>,
    argc: usize,
    argv: *const *const c_char,
    argv_len: *const usize,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_queue(pipeline, err, |pipeline| {
        let mut args = Args::none();
        // SAFETY: the caller vouches for argv and argv_len.
        let args = unsafe { args.of(argc, argv, argv_len)? };
        pipeline.pipeline.add(args, Flags::default(), ptr::null_mut())
    })
}

/// Queue a copy of one command, with flags.
///
///   flags      RREDIS_CALL_RAW and _IDEMPOTENT apply to this command. A run may be
///              tried again as a whole if each command only reads or is _IDEMPOTENT.
///              _ERROR_REPLY has no effect, since every error is an element. _NO_RETRY,
///              _TIMEOUT and _ALONE concern a whole run: RREDIS_ERR_ARGUMENT.
///   call_data  passed to the response callback
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_pipeline_add_with(
    pipeline: Option<&mut rredis_pipeline>,
    argc: usize,
    argv: *const *const c_char,
    argv_len: *const usize,
    flags: u32,
    call_data: *mut c_void,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_queue(pipeline, err, |pipeline| {
        let flags = Flags::checked(flags)?;
        // SAFETY: the caller vouches for argv and argv_len.
        let args = unsafe { args(argc, argv, argv_len)? };
        pipeline.pipeline.add(&args, flags, call_data.cast())
    })
}

/// Give the number of queued commands.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_pipeline_len(pipeline: Option<&rredis_pipeline>) -> usize {
    quietly(0, || usable(pipeline).map_or(0, |pipeline| pipeline.pipeline.len()))
}

/// Watch keys, in addition to those watched before. If another client changes one of
/// them, the next run of mode ATOMIC is RREDIS_ERR_WATCH. The pipeline leases a
/// connection until that run.
///
///   argc, argv, argv_len  the keys, as an argument list
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_pipeline_watch(
    pipeline: Option<&mut rredis_pipeline>,
    argc: usize,
    argv: *const *const c_char,
    argv_len: *const usize,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_command_alone(pipeline, err, |pipeline| {
        // SAFETY: the caller vouches for argv and argv_len.
        let keys = unsafe { args(argc, argv, argv_len)? };
        let rredis_pipeline { pipeline, ongoing, .. } = pipeline;
        ongoing.during(ptr::null(), || pipeline.watch(&keys))
    })
}

/// Send one command at once, on the connection that watches, to read data that the
/// transaction depends on. Its response callback is called while the connection is
/// leased.
///
/// RREDIS_ERR_WATCH: the connection was lost; call _clear, and begin again. After any
/// other error that closed the connection, such as RREDIS_ERR_TIMEOUT, each call
/// returns that error until _clear.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_pipeline_command(
    pipeline: Option<NonNull<rredis_pipeline>>,
    argc: usize,
    argv: *const *const c_char,
    argv_len: *const usize,
    out_reply: Option<&mut MaybeUninit<*mut rredis_reply>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_reentrant(pipeline, err, |pipeline| {
        let taker = Taker::of(out_reply, &Call::default())?;
        // SAFETY: the caller vouches for argv and argv_len.
        let args = unsafe { args(argc, argv, argv_len)? };
        let reply = waiting(pipeline, |pipeline| pipeline::command(pipeline, &args, &Call::default()))?;
        taker.take(reply);
        Ok(())
    })
}

/// Run the queued commands, and give an ARRAY with one element for each command, in
/// order. The element of a refused command is an ERROR. If a response callback fails,
/// the element is an ERROR that begins with "CALLBACK ".
///
/// A run has no deadline. It times out when no byte of a command was sent, and no byte
/// of a reply received, for RREDIS_OPTION_COMMAND_TIMEOUT_MS. In mode PLAIN the longest
/// timeout argument of a blocking command (BLPOP) is added. Pushes do not count.
///
/// A run that fails is tried again, as a whole, if no command ran
/// (RREDIS_OUTCOME_NOT_SENT), or if every command only reads or may run twice. A run
/// that the server answered is not tried again, whatever its elements are; an element
/// with READONLY closes the connection after the run. A transaction that a replica
/// refused as a whole (READONLY) is tried again.
///
/// In a cluster all servers work at once. The commands of one key run in their order,
/// except while its slot moves from one server to another. A server that fails costs
/// its own commands alone: the run is RREDIS_OK, and their elements are ERRORs that
/// begin with "NOT_SENT " or "UNKNOWN ", each with the attribute "rredis", 1. If no
/// server answers all of its commands, the run fails. A transaction goes to one server:
/// keys of several slots, among them those that are watched, are RREDIS_ERR_ARGUMENT.
///
/// In mode ATOMIC, RREDIS_ERR_WATCH means that a watched key changed, that its slot
/// moved to another server, or that the connection was lost before EXEC.
/// RREDIS_ERR_ABORTED means that a command could not be queued. In both cases no
/// command ran. RREDIS_OUTCOME_UNKNOWN means that EXEC was sent and no reply to it
/// arrived.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_pipeline_run(
    pipeline: Option<NonNull<rredis_pipeline>>,
    mode: MaybeUninit<rredis_pipeline_mode>,
    out_reply: Option<&mut MaybeUninit<*mut rredis_reply>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_reentrant(pipeline, err, |pipeline| run(pipeline, mode, &Call::default(), out_reply))
}

/// Run the queued commands, with flags.
///
///   flags       values of rredis_call, or-ed; RREDIS_CALL_RAW and _IDEMPOTENT apply to
///               every command
///   timeout_ms  the time for the whole run, with RREDIS_CALL_TIMEOUT; otherwise 0
#[unsafe(no_mangle)]
pub extern "C" fn rredis_pipeline_run_with(
    pipeline: Option<NonNull<rredis_pipeline>>,
    mode: MaybeUninit<rredis_pipeline_mode>,
    flags: u32,
    timeout_ms: i64,
    out_reply: Option<&mut MaybeUninit<*mut rredis_reply>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_reentrant(pipeline, err, |pipeline| {
        run(pipeline, mode, &call_of(flags, timeout_ms, ptr::null_mut())?, out_reply)
    })
}

/// Run the queued commands in mode PLAIN, and pass each reply to a function as it
/// arrives. No reply is kept, so the memory used does not grow with their number.
///
///   flags       as for _run_with
///   timeout_ms  as for _run_with
///   function    called while the connection is leased; in it every call with this
///               pipeline is RREDIS_ERR_STATE
///
/// If function fails, the connection is closed and the call returns RREDIS_ERR_CALLBACK
/// with the function's text, and RREDIS_OUTCOME_UNKNOWN, since the other commands were
/// sent. A run that fails after the first reply is not tried again, so no reply is
/// passed twice.
///
/// In a cluster 256 commands are sent at a time, and fewer if they or the replies
/// before them are long (1 MiB). function is called when the replies to all of them
/// have arrived, and no connection is leased or closed then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_pipeline_run_each(
    pipeline: Option<NonNull<rredis_pipeline>>,
    flags: u32,
    timeout_ms: i64,
    function: rredis_each_fn,
    user_data: *mut c_void,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_reentrant(pipeline, err, |pipeline| {
        let function = given(function, "function")?;
        let call = call_of(flags, timeout_ms, ptr::null_mut())?;
        let mut show = |index, reply: &Reply| {
            let mut told = ToldError::new();
            let (reply, err) = (ptr::from_ref(reply.root()), told.pointer());
            // SAFETY: the caller vouches for its function; everything it is handed lives until it returns.
            let status = unsafe { function(user_data, index, reply, err) };
            told.ended(status)
        };
        waiting(pipeline, |pipeline| pipeline::run_each(pipeline, &call, &mut show))
    })
}

/// Watch keys, call a function that reads and queues, and run the queue as a
/// transaction. If another client changes a watched key, all this is repeated after a
/// growing pause. A transaction that a replica refused (READONLY) is tried again up to
/// RREDIS_OPTION_RETRY_MAX times. The pipeline must be idle, and is idle afterwards.
///
///   argc, argv, argv_len  the keys, as an argument list
///   function              may call _command, _add, and _clear, which empties the queue
///                         and goes on watching. _watch, _run and _transact of this
///                         pipeline are RREDIS_ERR_STATE in it, and _free is forbidden.
///   timeout_ms            the time for all tries together; negative: no limit
///
/// RREDIS_ERR_WATCH: a key changed in each try until the time was over; err has the
/// number of tries. RREDIS_ERR_TIMEOUT with RREDIS_OUTCOME_NOT_SENT: the function took
/// all of the time. RREDIS_ERR_CALLBACK: the function failed, and err has its text; no
/// queued command ran. If the connection is lost before EXEC, all is repeated. Any
/// other error that closes the connection, such as RREDIS_ERR_LIMIT, is returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_pipeline_transact(
    pipeline: Option<NonNull<rredis_pipeline>>,
    argc: usize,
    argv: *const *const c_char,
    argv_len: *const usize,
    function: rredis_transaction_fn,
    user_data: *mut c_void,
    timeout_ms: i64,
    out_reply: Option<&mut MaybeUninit<*mut rredis_reply>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_reentrant(pipeline, err, |pipeline| {
        let taker = Taker::of(out_reply, &Call::default())?;
        let function = given(function, "function")?;
        // SAFETY: the caller vouches for argv and argv_len.
        let keys = unsafe { args(argc, argv, argv_len)? };
        let mut once = || {
            let mut told = ToldError::new();
            let err = told.pointer();
            // SAFETY: the caller vouches for its function; nothing of the pipeline is borrowed while it runs.
            let status = unsafe { function(user_data, pipeline.as_ptr(), err) };
            told.ended(status)
        };
        let reply = waiting(pipeline, |pipeline| pipeline::transact(pipeline, &keys, timeout_ms, &mut once))?;
        taker.take(reply);
        Ok(())
    })
}

/// End the _run, _run_each, _watch, _command or _transact of this pipeline that waits
/// in another thread, and give the number of ended calls: 0 or 1.
///
/// The call returns RREDIS_ERR_WOKEN, with the outcome of the commands, and is not
/// tried again. rredis_client_wake says how soon a wait ends.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_pipeline_wake(pipeline: *const rredis_pipeline) -> usize {
    woken(|| {
        if pipeline.is_null() {
            return 0;
        }
        // SAFETY: the caller vouches for the handle.
        let place = unsafe { ptr::addr_of!((*pipeline).ongoing) };
        // SAFETY: its other fields are another thread's now; this one never changes.
        unsafe { &*place }.wake(ptr::null()).min(1)
    })
}

/// Give the index, from 0, of the first command that failed in the last run: its
/// element is an ERROR, it caused RREDIS_ERR_ABORTED, or it is the first without a
/// reply. -1: no command failed.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_pipeline_failed(pipeline: Option<&rredis_pipeline>) -> i64 {
    quietly(-1, || {
        let failed = usable(pipeline).and_then(|pipeline| pipeline.pipeline.failed());
        failed.map_or(-1, |failed| failed as i64)
    })
}

/// Empty the queue and end the watch. Never waits: a connection that watched is closed.
/// In the function of _transact, only the queue is emptied.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_pipeline_clear(pipeline: Option<&mut rredis_pipeline>) {
    quietly_reaching((), || {
        if let Some(pipeline) = pipeline {
            pipeline.pipeline.clear();
        }
    })
}

/// Free a pipeline, its queue and its watch.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_pipeline_free(pipeline: Option<Box<rredis_pipeline>>) {
    quietly_reaching((), || drop(pipeline))
}

fn run(
    pipeline: NonNull<rredis_pipeline>,
    mode: MaybeUninit<rredis_pipeline_mode>,
    call: &Call,
    out_reply: Option<&mut MaybeUninit<*mut rredis_reply>>,
) -> Result<()> {
    let taker = Taker::of(out_reply, call)?;
    let mode = match number(mode) {
        0 => Mode::Plain,
        1 => Mode::Atomic,
        mode => return Err(wrong(format!("mode is {mode}, which is no rredis_pipeline_mode"))),
    };
    taker.take(waiting(pipeline, |pipeline| pipeline::run(pipeline, mode, call))?);
    Ok(())
}
