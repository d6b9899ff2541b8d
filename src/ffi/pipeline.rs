//! Pipelines
//!
//! Many commands in one burst, and transactions. Nothing is sent before a run; a run
//! empties the queue and ends the watch whatever it returns, but for
//! RREDIS_ERR_ARGUMENT and RREDIS_ERR_STATE, which do nothing.
//!
//! ```text
//!              idle                queued        watching             watching, queued
//!   _watch     leases, watches     STATE         watches more         STATE
//!   _command   STATE               STATE         at once              STATE
//!   _add       queued              queued        queued               queued
//!   PLAIN      empty array         runs          STATE                STATE
//!   ATOMIC     empty array         MULTI..EXEC   MULTI EXEC           MULTI..EXEC
//!   _clear     nothing             idle          idle                 idle
//! ```
//!
//! An empty array comes without a word to the server. Commands that change a connection
//! for whoever comes next are RREDIS_ERR_ARGUMENT, as for a client; so are MULTI, EXEC,
//! DISCARD and WATCH, which the library says itself.

use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use crate::client::pipeline::{self, Mode, Reach};
use crate::client::{Call, Flags, Pipeline};
use crate::error::{Outcome, Result, Status};
use crate::ffi::boundary::{
    Args, Handle, Poison, args, given, guard_command_alone, guard_on, guard_reentrant, number, quietly, shared, usable,
    woken, wrong,
};
use crate::ffi::callback::{Told, rredis_each_fn, rredis_transaction_fn};
use crate::ffi::client::{call_of, rredis_client};
use crate::ffi::status::{returned, rredis_error, rredis_status};
use crate::ongoing::Ongoing;
use crate::reply::Reply;
use crate::reply::node::rredis_reply;

/// How a pipeline runs.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rredis_pipeline_mode {
    /// one command after the other
    RREDIS_PIPELINE_PLAIN = 0,
    /// between MULTI and EXEC: all of them or none, and nobody else's between them
    RREDIS_PIPELINE_ATOMIC = 1,
}

/// commands that wait for their run
pub struct rredis_pipeline {
    pub(crate) pipeline: Pipeline,
    poison: Poison,
    ongoing: Arc<Ongoing>,
}

/// Make an empty pipeline of a client's. It holds no connection but while keys are watched.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_pipeline_new(
    client: Option<&rredis_client>,
    out_pipeline: Option<&mut MaybeUninit<*mut rredis_pipeline>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_on(client, err, |client| {
        let out_pipeline = given(out_pipeline, "out_pipeline")?;
        let pipeline = Pipeline::new(&client.client);
        let (poison, ongoing) = (Poison::default(), Arc::new(client.client.ongoing()));
        out_pipeline.write(Box::into_raw(Box::new(rredis_pipeline { pipeline, poison, ongoing })));
        Ok(())
    })
}

/// Queue one command, copied. Whatever can be wrong with it is found here, and leaves the
/// queue as it was.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_pipeline_add(
    pipeline: Option<&mut rredis_pipeline>,
    argc: usize,
    argv: *const *const c_char,
    argv_len: *const usize,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_command_alone(pipeline, err, |pipeline| {
        let mut args = Args::none();
        // SAFETY: the caller vouches for argv and argv_len.
        let args = unsafe { args.of(argc, argv, argv_len)? };
        pipeline.pipeline.add(args, Flags::default(), ptr::null_mut())
    })
}

/// Queue one command with flags and call_data for its response callback.
///
///   flags  RREDIS_CALL_RAW, and RREDIS_CALL_IDEMPOTENT, which lets a whole run be tried
///          again where all its commands only read or have it; RREDIS_CALL_ERROR_REPLY
///          changes nothing, for an error is an element; those that are for a whole run,
///          _NO_RETRY, _TIMEOUT and _ALONE, are RREDIS_ERR_ARGUMENT
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
    guard_command_alone(pipeline, err, |pipeline| {
        let flags = Flags::checked(flags)?;
        // SAFETY: the caller vouches for argv and argv_len.
        let args = unsafe { args(argc, argv, argv_len)? };
        pipeline.pipeline.add(&args, flags, call_data.cast())
    })
}

/// Say how many commands are queued.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_pipeline_len(pipeline: Option<&rredis_pipeline>) -> usize {
    quietly(0, || usable(pipeline).map_or(0, |pipeline| pipeline.pipeline.len()))
}

/// Watch keys, and those from before too: a run of mode ATOMIC is RREDIS_ERR_WATCH if
/// anybody changed one of them meanwhile. Leases a connection until then.
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

/// Send one command at once, on the connection that watches: to read what the transaction
/// depends on. Response callbacks apply, while the connection is still leased.
///
/// RREDIS_ERR_WATCH: the connection was lost; clear, and begin again. After any other
/// error that ended it, as RREDIS_ERR_TIMEOUT, that error comes again until then.
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
        let out_reply = given(out_reply, "out_reply")?;
        // SAFETY: the caller vouches for argv and argv_len.
        let args = unsafe { args(argc, argv, argv_len)? };
        let reply = waiting(pipeline, |pipeline| pipeline::command(pipeline, &args, &Call::default()))?;
        out_reply.write(reply.into_raw());
        Ok(())
    })
}

/// Run what is queued, and give an ARRAY: one element for each command, in order. A
/// command that the server refused is an ERROR there; a failed response callback is an
/// ERROR that begins with "CALLBACK ".
///
/// Waits as long as commands leave and replies come, and no longer than
/// RREDIS_OPTION_COMMAND_TIMEOUT_MS while nothing but pushes does. A run that breaks off
/// is tried again, as a whole, where nothing ran (RREDIS_OUTCOME_NOT_SENT: no command
/// left, or a transaction whose EXEC never did), or where all commands only read or may
/// run twice; what was answered is not, except a transaction that a replica refused
/// (READONLY). An element that says READONLY is an ERROR as any other; the connection
/// is closed after the run. Mode ATOMIC tells apart RREDIS_ERR_WATCH (a watched key
/// changed, or its connection was lost before EXEC), RREDIS_ERR_ABORTED (a command could
/// not be queued; neither ran anything), and an outcome RREDIS_OUTCOME_UNKNOWN (no answer
/// to EXEC).
#[unsafe(no_mangle)]
pub extern "C" fn rredis_pipeline_run(
    pipeline: Option<NonNull<rredis_pipeline>>,
    mode: MaybeUninit<rredis_pipeline_mode>,
    out_reply: Option<&mut MaybeUninit<*mut rredis_reply>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_reentrant(pipeline, err, |pipeline| run(pipeline, mode, &Call::default(), out_reply))
}

/// Run what is queued, as flags say.
///
///   flags       of rredis_call: RAW and IDEMPOTENT are for every command
///   timeout_ms  for the whole run, whatever moves, with RREDIS_CALL_TIMEOUT; else 0
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

/// Run what is queued, one command after the other, and show each reply to a function as
/// it comes; none is held, so memory stays the same however many there are.
///
///   flags, timeout_ms  as for _run_with
///   function           runs while the run's connection is leased; in it this pipeline is
///                      RREDIS_ERR_STATE
///
/// A function that fails ends the run and closes its connection: RREDIS_ERR_CALLBACK with
/// the text in its err, and RREDIS_OUTCOME_UNKNOWN, for the rest was sent. What was shown
/// is not shown again: a run that breaks off behind the first reply is not tried again.
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
            let mut told = Told::new();
            let (reply, err) = (ptr::from_ref(reply.root()), told.pointer());
            // SAFETY: the caller vouches for its function; everything it is handed lives until it returns.
            let status = unsafe { function(user_data, index, reply, err) };
            ended(status, &told)
        };
        waiting(pipeline, |pipeline| pipeline::run_each(pipeline, &call, &mut show))
    })
}

/// Watch keys, have a function read and queue, and run that as a transaction: again, with
/// pauses that grow, until nobody changed a key meanwhile. Where a replica refused it
/// (READONLY), it is tried again as often as RREDIS_OPTION_RETRY_MAX says. Begins and
/// ends with nothing queued and nothing watched.
///
///   argc, argv, argv_len  the keys
///   function              _command and _add are for it; _clear forgets what is queued,
///                         and goes on watching; _watch, _run and _transact of this
///                         pipeline are RREDIS_ERR_STATE in it, _free is forbidden
///   timeout_ms            for all tries together; a negative number: for ever
///
/// RREDIS_ERR_WATCH: there was no time for another try; err has how many there were.
/// RREDIS_ERR_TIMEOUT with RREDIS_OUTCOME_NOT_SENT: the function took all of the time.
/// RREDIS_ERR_CALLBACK: the function failed, with the text in its err; nothing ran. Where
/// its connection was ended by another error than a lost network, as RREDIS_ERR_LIMIT,
/// that one is given, and not tried again.
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
        let out_reply = given(out_reply, "out_reply")?;
        let function = given(function, "function")?;
        // SAFETY: the caller vouches for argv and argv_len.
        let keys = unsafe { args(argc, argv, argv_len)? };
        let mut once = || {
            let mut told = Told::new();
            let err = told.pointer();
            // SAFETY: the caller vouches for its function; nothing of the pipeline is borrowed while it runs.
            let status = unsafe { function(user_data, pipeline.as_ptr(), err) };
            ended(status, &told)
        };
        let reply = waiting(pipeline, |pipeline| pipeline::transact(pipeline, &keys, timeout_ms, &mut once))?;
        out_reply.write(reply.into_raw());
        Ok(())
    })
}

/// End the _run, _run_each, _watch, _command or _transact of this pipeline that waits in
/// another thread, and tell how many that were: 0 or 1.
///
/// It is RREDIS_ERR_WOKEN, with the outcome of what was sent, and is not tried again. When
/// and how as with rredis_client_wake.
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

/// Say which command of the last run failed first, from 0: an ERROR in its array, the
/// cause of RREDIS_ERR_ABORTED, or the first without an answer where the run broke off.
/// -1: none.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_pipeline_failed(pipeline: Option<&rredis_pipeline>) -> i64 {
    quietly(-1, || {
        let failed = usable(pipeline).and_then(|pipeline| pipeline.pipeline.failed());
        failed.map_or(-1, |failed| failed as i64)
    })
}

/// Forget what is queued and what is watched. Never waits: a connection that watched is
/// closed. In the function of a _transact it goes on watching.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_pipeline_clear(pipeline: Option<&mut rredis_pipeline>) {
    quietly((), || {
        if let Some(pipeline) = pipeline {
            pipeline.pipeline.clear();
        }
    })
}

/// Free a pipeline, and forget all of it, as _clear does.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_pipeline_free(pipeline: Option<Box<rredis_pipeline>>) {
    quietly((), || drop(pipeline))
}

/// A pipeline that functions of the caller's may use too, while they are called.
struct Pointer(NonNull<rredis_pipeline>);

impl Reach for Pointer {
    fn reach<T>(&mut self, step: impl FnOnce(&mut Pipeline) -> T) -> T {
        // SAFETY: the caller vouches that nobody else uses it but functions of its own that are called from here, none of
        // which runs during a step, and none of which frees it.
        step(unsafe { &mut self.0.as_mut().pipeline })
    }
}

fn run(
    pipeline: NonNull<rredis_pipeline>,
    mode: MaybeUninit<rredis_pipeline_mode>,
    call: &Call,
    out_reply: Option<&mut MaybeUninit<*mut rredis_reply>>,
) -> Result<()> {
    let out_reply = given(out_reply, "out_reply")?;
    let mode = match number(mode) {
        0 => Mode::Plain,
        1 => Mode::Atomic,
        mode => return Err(wrong(format!("mode is {mode}, which is no rredis_pipeline_mode"))),
    };
    out_reply.write(waiting(pipeline, |pipeline| pipeline::run(pipeline, mode, call))?.into_raw());
    Ok(())
}

/// Run a call of this pipeline's whose waits `rredis_pipeline_wake` ends.
fn waiting<T>(pipeline: NonNull<rredis_pipeline>, body: impl FnOnce(&mut Pointer) -> T) -> T {
    // SAFETY: the caller vouches for the handle.
    let place = unsafe { ptr::addr_of!((*pipeline.as_ptr()).ongoing) };
    // SAFETY: as above; this field of it never changes.
    let ongoing = Arc::clone(unsafe { &*place });
    ongoing.during(ptr::null(), || body(&mut Pointer(pipeline)))
}

/// What a function of the caller's returned.
fn ended(status: MaybeUninit<rredis_status>, told: &Told) -> Result<()> {
    match returned(status) {
        None => Ok(()),
        Some(status) => {
            Err(told.error(Status::Callback, status, "the function refused").with_outcome(Outcome::NotSent))
        }
    }
}

impl Handle for rredis_pipeline {
    const NAME: &'static str = "pipeline";
    fn poison(&self) -> &Poison {
        &self.poison
    }
}

// SAFETY: what it holds is used by one thread at a time, but for two figures that are only read; what call_data points at is
// the caller's, and never looked at here.
unsafe impl Send for rredis_pipeline {}
// SAFETY: as above.
unsafe impl Sync for rredis_pipeline {}

const _: () = shared::<rredis_pipeline>();
