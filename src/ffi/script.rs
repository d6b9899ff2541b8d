//! Scripts
//!
//! A script runs by its digest, EVALSHA; a server that answers that it does not know it
//! is sent the whole of it once, as EVAL. That answer is believed only in the server's
//! own words, and only of a script that cannot have said them itself after it ran: one
//! whose text has "err" in it, as error_reply has, or makes tables of data (cjson,
//! cmsgpack, loadstring), or that has or is given the word NOSCRIPT, or is given the
//! argument "err", is sent whole every time. One that puts both words together out of
//! what the data base holds is beyond this: run it with EVAL.
//! A script's error is RREDIS_ERR_SERVER with RREDIS_OUTCOME_UNKNOWN: what it did before
//! is not undone. The response callback is the one set for EVALSHA, whichever way it went.
//!
//! In a pipeline that runs PLAIN, scripts are loaded first, in the same burst; what the
//! server does not know all the same, because its cache was emptied in between, is sent
//! whole behind the batch, and its reply stands in its place. In mode ATOMIC and in
//! _run_each scripts are sent whole.

use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;

use crate::client::{Call, Flags, Script};
use crate::error::Result;
use crate::ffi::boundary::{given, given_text, guard, guard_command, guard_command_alone, quietly, shared, some_args};
use crate::ffi::client::{call_of, rredis_client};
use crate::ffi::pipeline::rredis_pipeline;
use crate::ffi::status::{rredis_error, rredis_status};
use crate::reply::node::rredis_reply;

/// a script, and its digest
pub struct rredis_script {
    script: Script,
}

/// Make a script. No server is asked for its digest.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_script_new(
    text: *const c_char,
    text_len: usize,
    out_script: Option<&mut MaybeUninit<*mut rredis_script>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard(err, || {
        let out_script = given(out_script, "out_script")?;
        // SAFETY: the caller vouches for text.
        let script = Script::new(unsafe { given_text(text, text_len, "text")? })?;
        out_script.write(Box::into_raw(Box::new(rredis_script { script })));
        Ok(())
    })
}

/// Read the digest that the server knows a script by: 40 hexadecimal digits.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_script_sha(script: Option<&rredis_script>) -> *const c_char {
    quietly(std::ptr::null(), || script.map_or(std::ptr::null(), |script| script.script.sha().as_ptr()))
}

/// Run a script and wait for its reply.
///
///   keys_len  how many of the arguments are keys
///   argc      how many arguments, the keys among them; may be 0
///   argv      the keys, then the other arguments
///   argv_len  their lengths; NULL when each ends in a NUL
///
/// Waits at most RREDIS_OPTION_COMMAND_TIMEOUT_MS, also where it is sent a second time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_script_run(
    script: Option<&rredis_script>,
    client: Option<&rredis_client>,
    keys_len: usize,
    argc: usize,
    argv: *const *const c_char,
    argv_len: *const usize,
    out_reply: Option<&mut MaybeUninit<*mut rredis_reply>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_command(client, err, |client| {
        let script = given(script, "script")?;
        // SAFETY: the caller vouches for argv and argv_len.
        unsafe { script.run(client, keys_len, argc, argv, argv_len, &Call::default(), out_reply) }
    })
}

/// Run a script and wait for its reply, as flags say.
///
///   flags       of rredis_call; RREDIS_CALL_NO_RETRY does not keep it from being sent
///               whole to a server that does not know it
///   timeout_ms  for the whole call, with RREDIS_CALL_TIMEOUT; without it 0
///   call_data   for the response callback
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_script_run_with(
    script: Option<&rredis_script>,
    client: Option<&rredis_client>,
    keys_len: usize,
    argc: usize,
    argv: *const *const c_char,
    argv_len: *const usize,
    flags: u32,
    timeout_ms: i64,
    call_data: *mut c_void,
    out_reply: Option<&mut MaybeUninit<*mut rredis_reply>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_command(client, err, |client| {
        let script = given(script, "script")?;
        let call = call_of(flags, timeout_ms, call_data)?;
        // SAFETY: the caller vouches for argv and argv_len.
        unsafe { script.run(client, keys_len, argc, argv, argv_len, &call, out_reply) }
    })
}

/// Queue a script in a pipeline, its arguments copied.
///
///   keys_len  how many of the arguments are keys
///   argc      how many arguments, the keys among them; may be 0
///   argv      the keys, then the other arguments
///   argv_len  their lengths; NULL when each ends in a NUL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_script_add(
    script: Option<&rredis_script>,
    pipeline: Option<&mut rredis_pipeline>,
    keys_len: usize,
    argc: usize,
    argv: *const *const c_char,
    argv_len: *const usize,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_command_alone(pipeline, err, |pipeline| {
        let script = given(script, "script")?;
        // SAFETY: the caller vouches for argv and argv_len.
        let args = unsafe { some_args(argc, argv, argv_len)? };
        pipeline.pipeline.add_script(&script.script, keys_len, &args, Flags::default(), std::ptr::null_mut())
    })
}

/// Queue a script with flags and call_data for its response callback.
///
///   flags  as for rredis_pipeline_add_with
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_script_add_with(
    script: Option<&rredis_script>,
    pipeline: Option<&mut rredis_pipeline>,
    keys_len: usize,
    argc: usize,
    argv: *const *const c_char,
    argv_len: *const usize,
    flags: u32,
    call_data: *mut c_void,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_command_alone(pipeline, err, |pipeline| {
        let script = given(script, "script")?;
        let flags = Flags::checked(flags)?;
        // SAFETY: the caller vouches for argv and argv_len.
        let args = unsafe { some_args(argc, argv, argv_len)? };
        pipeline.pipeline.add_script(&script.script, keys_len, &args, flags, call_data.cast())
    })
}

/// Free a script. What was added to pipelines from it stays.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_script_free(script: Option<Box<rredis_script>>) {
    quietly((), || drop(script))
}

impl rredis_script {
    /// Run it.
    ///
    /// # Safety
    /// `argv` and `argv_len` are as `args` asks.
    #[expect(clippy::too_many_arguments, reason = "those of the functions that call it")]
    unsafe fn run(
        &self,
        client: &rredis_client,
        keys: usize,
        argc: usize,
        argv: *const *const c_char,
        argv_len: *const usize,
        call: &Call,
        out_reply: Option<&mut MaybeUninit<*mut rredis_reply>>,
    ) -> Result<()> {
        let out_reply = given(out_reply, "out_reply")?;
        // SAFETY: the caller vouches for argv and argv_len.
        let args = unsafe { some_args(argc, argv, argv_len)? };
        let client = &client.client;
        let reply = client.during(call.call_data, || self.script.run(client, keys, &args, call))?;
        out_reply.write(reply.into_raw());
        Ok(())
    }
}

const _: () = shared::<rredis_script>();
