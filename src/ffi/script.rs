//! Scripts
//!
//! A script runs by its digest, with EVALSHA. If the server does not have the script,
//! its text is sent with EVAL. A NOSCRIPT error alone does not prove that the script is
//! missing, since a script can return NOSCRIPT too. So the library also sends SCRIPT
//! EXISTS. The first run on a connection sends it with the EVALSHA, and a later run only
//! after a NOSCRIPT. Two rare cases remain. A script that returns the server's own
//! NOSCRIPT text, and is removed by SCRIPT FLUSH at that moment, runs twice. If scripts
//! are flushed while another call loads the script again, a run may return NOSCRIPT
//! without running the script. If the server refuses SCRIPT EXISTS, every later run of
//! the client uses EVAL.
//!
//! A script's error is RREDIS_ERR_SERVER with RREDIS_OUTCOME_UNKNOWN: its earlier
//! commands are not undone. The response callback is that of EVALSHA, even if EVAL is
//! sent.
//!
//! In a pipeline run of mode PLAIN, scripts that the connection has not used yet are
//! loaded first, in the same burst. A script that the server no longer has is sent with
//! EVAL after the other commands; its reply is in its place in the array. In a cluster
//! each server loads the scripts of its own commands. In mode ATOMIC, in _run_each and
//! after an ASK redirect of rredis_script_run every script is sent with EVAL.

use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;

use crate::client::{Call, Flags, Script};
use crate::error::Result;
use crate::ffi::boundary::{given, guard, guard_command, guard_queue, quietly, shared, some_args, text_of};
use crate::ffi::client::{Taker, call_of, rredis_client};
use crate::ffi::pipeline::rredis_pipeline;
use crate::ffi::status::{rredis_error, rredis_status};
use crate::reply::node::rredis_reply;

/// a Lua script and its digest
pub struct rredis_script {
    script: Script,
}

/// Make a script. The digest is computed here, without a server.
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
        let script = Script::new(unsafe { text_of(text, text_len, "text")? })?;
        out_script.write(Box::into_raw(Box::new(rredis_script { script })));
        Ok(())
    })
}

/// Give the digest of the script: 40 hexadecimal digits.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_script_sha(script: Option<&rredis_script>) -> *const c_char {
    quietly(std::ptr::null(), || script.map_or(std::ptr::null(), |script| script.script.sha().as_ptr()))
}

/// Run a script and wait for its reply.
///
///   keys_len  the number of keys among the arguments
///   argc      the number of arguments, including the keys; may be 0
///   argv      the keys, then the other arguments
///   argv_len  their lengths; NULL: each argument ends in a NUL
///
/// Waits at most RREDIS_OPTION_COMMAND_TIMEOUT_MS, including an EVAL after the EVALSHA.
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

/// Run a script with flags, and wait for its reply.
///
///   flags       values of rredis_call, or-ed. RREDIS_CALL_NO_RETRY still allows an
///               EVAL after the EVALSHA
///   timeout_ms  the time for the whole call, with RREDIS_CALL_TIMEOUT; otherwise 0
///   call_data   passed to the response callback
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

/// Queue a script in a pipeline, with a copy of its arguments.
///
///   keys_len  the number of keys among the arguments
///   argc      the number of arguments, including the keys; may be 0
///   argv      the keys, then the other arguments
///   argv_len  their lengths; NULL: each argument ends in a NUL
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
    guard_queue(pipeline, err, |pipeline| {
        let script = given(script, "script")?;
        // SAFETY: the caller vouches for argv and argv_len.
        let args = unsafe { some_args(argc, argv, argv_len)? };
        pipeline.pipeline.add_script(&script.script, keys_len, &args, Flags::default(), std::ptr::null_mut())
    })
}

/// Queue a script in a pipeline, with flags.
///
///   flags      as for rredis_pipeline_add_with
///   call_data  passed to the response callback
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
    guard_queue(pipeline, err, |pipeline| {
        let script = given(script, "script")?;
        let flags = Flags::checked(flags)?;
        // SAFETY: the caller vouches for argv and argv_len.
        let args = unsafe { some_args(argc, argv, argv_len)? };
        pipeline.pipeline.add_script(&script.script, keys_len, &args, flags, call_data.cast())
    })
}

/// Free a script. A pipeline keeps the scripts that are queued in it.
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
        let taker = Taker::of(out_reply, call)?;
        // SAFETY: the caller vouches for argv and argv_len.
        let args = unsafe { some_args(argc, argv, argv_len)? };
        let client = &client.client;
        let reply = client.during(call.call_data, || self.script.run(client, keys, &args, call))?;
        taker.take(reply);
        Ok(())
    }
}

const _: () = shared::<rredis_script>();
