//! Clients
//!
//! A client leases a connection of its pool for each command. A command that would
//! change the connection for later commands (SELECT, WATCH, SUBSCRIBE) is
//! RREDIS_ERR_ARGUMENT. The message names the option or the handle to use instead.
//!
//! A server that obeys SHUTDOWN closes the connection without a reply: the library then
//! gives BOOL true. This holds on every handle, and for the last command of a pipeline.
//! SHUTDOWN is never tried again.
//!
//! A READONLY error means that the server has become a replica, as in a failover behind
//! one address. The connection that received the error is closed. At most once a
//! second, all other connections of the pool are closed too: idle ones at once, leased
//! ones when their calls end. Each new connection looks up the host name again. The
//! command wrote nothing, and is tried again. A script can return a READONLY error of
//! its own. The library therefore takes a script's error for a READONLY error only if
//! its text is exactly a server's. A command that blocks for ever is also tried again
//! if it fails with UNBLOCKED because its server became a replica.
//!
//! In a cluster a command goes to the server that has the slot of its keys. A command
//! without keys goes to one primary, except one that is about all data (DBSIZE, KEYS,
//! FLUSHALL, INFO), which goes to every primary, and one that is about every server
//! (CONFIG SET, SCRIPT LOAD, SLOWLOG GET, PUBSUB NUMSUB), which goes to all. Their
//! replies become one: the first, the sum of numbers, or one ARRAY of all elements.
//! INFO and the LATENCY and MEMORY commands give a MAP of endpoints and replies. If a
//! server fails, the call fails. err.message tells how many servers succeeded, and if
//! any did, err.outcome is RAN or UNKNOWN. A command that changes one server (SHUTDOWN,
//! CLIENT KILL, CLUSTER FAILOVER) is RREDIS_ERR_ARGUMENT, and so is, in a pipeline, any
//! command for several servers. rredis_client_new_at makes a client of one server.
//!
//! SCAN goes through all primaries of a cluster. It begins with the cursor 0, goes on
//! with the cursor of each reply, which is text there, and is over when that is 0. A key
//! may come twice. A key that is there all the time may be missed only if its server
//! was restarted, or if it was moved and moved back by a migration of its slot that was
//! begun and called off meanwhile. RREDIS_ERR_STATE: eight other walks have been used
//! since.

use std::ffi::{CString, c_char, c_void};
use std::mem::MaybeUninit;

use crate::client::{Call, Client, Flags};
use crate::error::{Error, Result};
use crate::ffi::boundary::{
    Args, Handle, Poison, given, guard_command, guard_on, guard_reaching, number, quietly, quietly_reaching, shared,
    text_of, text_with_nul, usable, woken, wrong,
};
use crate::ffi::callback::{CallerCallback, UserData, rredis_callback_fn, rredis_free_fn};
use crate::ffi::options::rredis_options;
use crate::ffi::pool::{rredis_pool, rredis_stat, stat_of};
use crate::ffi::status::{rredis_error, rredis_status};
use crate::reply::Reply;
use crate::reply::node::rredis_reply;
use crate::route::Whereto;

/// Flags of one call, to be or-ed.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rredis_call {
    /// no flags
    RREDIS_CALL_DEFAULT = 0,
    /// apply no response callback, built-in or your own: give the reply as the server
    /// sent it
    RREDIS_CALL_RAW = 1,
    /// the command may run twice: try it again even when it may have run
    RREDIS_CALL_IDEMPOTENT = 2,
    /// make no retries, as with RETRY_MAX 0
    RREDIS_CALL_NO_RETRY = 4,
    /// use timeout_ms in place of COMMAND_TIMEOUT_MS; without this flag timeout_ms must
    /// be 0
    RREDIS_CALL_TIMEOUT = 8,
    /// give a server's error as a reply of kind ERROR, with RREDIS_OK
    RREDIS_CALL_ERROR_REPLY = 16,
    /// share the connection with no other thread during the call, whatever
    /// RREDIS_OPTION_SHARE says
    RREDIS_CALL_ALONE = 32,
    /// send to the primary, whatever RREDIS_OPTION_READ_FROM says; where that is PRIMARY,
    /// and for an rredis_conn, RREDIS_ERR_ARGUMENT
    RREDIS_CALL_PRIMARY = 64,
    /// more commands follow: queue this one; for rredis_conn_send_with alone
    RREDIS_CALL_MORE = 512,
}

/// Which server of a client's is meant.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rredis_target {
    /// the server of this endpoint, as rredis_client_servers tells it
    RREDIS_TARGET_SERVER = 0,
    /// whichever server has the slot of this key, wherever that moves
    RREDIS_TARGET_KEY = 1,
}

/// sends commands from any thread
pub struct rredis_client {
    pub(crate) client: Client,
    parser: CString,
    poison: Poison,
}

/// Make a client with a pool of its own. The client connects when it is first used.
///
///   options  NULL: the defaults
#[unsafe(no_mangle)]
pub extern "C" fn rredis_client_new(
    options: Option<&rredis_options>,
    out_client: Option<&mut MaybeUninit<*mut rredis_client>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_reaching(err, || {
        let out_client = given(out_client, "out_client")?;
        let client = Client::new(&rredis_options::setup(options))?;
        out_client.write(rredis_client::boxed(client)?);
        Ok(())
    })
}

/// Make a client that leases its connections from a pool.
///
///   options  the client's options, such as timeouts and callbacks; NULL: the pool's
///
/// RREDIS_ERR_CONFIG: an option that is set differs from the pool's, or options has a
/// transport, a parser or a credentials function. Only these may differ:
/// COMMAND_TIMEOUT_MS, RETRY_MAX, the BACKOFF_ options, RETRY_BUDGET_PERCENT, SHAPE and
/// PUBSUB_CONFIRMATIONS.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_client_new_on(
    pool: Option<&rredis_pool>,
    options: Option<&rredis_options>,
    out_client: Option<&mut MaybeUninit<*mut rredis_client>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_on(pool, err, |pool| {
        let out_client = given(out_client, "out_client")?;
        let client = match options {
            None => Client::new_on(&pool.pool, &pool.setup)?,
            options => Client::new_on(&pool.pool, &rredis_options::setup(options))?,
        };
        out_client.write(rredis_client::boxed(client)?);
        Ok(())
    })
}

/// Make a client all of whose commands go to one server of this client's. It has this
/// client's options, callbacks and connections. Everything that is made of it (an
/// rredis_conn, a pipeline, a subscriber, an rredis_async) is for that server.
///
///   kind    what target is: an endpoint, or a key
///   target  the endpoint or the key
///
/// RREDIS_ERR_ARGUMENT: there is no server of this endpoint. Only where no server is
/// known yet is one asked. A client for a server follows no MOVED: it is
/// RREDIS_ERR_SERVER. A client for a key follows the key's slot, except that an
/// rredis_conn stays at its server. A subscriber of it is one of the whole cluster.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_client_new_at(
    client: Option<&rredis_client>,
    kind: MaybeUninit<rredis_target>,
    target: *const c_char,
    target_len: usize,
    out_client: Option<&mut MaybeUninit<*mut rredis_client>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_on(client, err, |client| {
        let out_client = given(out_client, "out_client")?;
        // SAFETY: the caller vouches for target.
        let text = unsafe { text_of(target, target_len, "target")? };
        let target = match number(kind) {
            0 => Whereto::Server(text),
            1 => Whereto::Key(text),
            unknown => return Err(wrong(format!("kind: there is none of the number {unknown}"))),
        };
        let made = client.client.during(std::ptr::null(), || client.client.at(target))?;
        out_client.write(rredis_client::boxed(made)?);
        Ok(())
    })
}

/// Send one command and wait for its reply.
///
///   argc      the number of arguments, including the command's name
///   argv      the arguments
///   argv_len  their lengths; NULL: each argument ends in a NUL
///
/// Waits at most RREDIS_OPTION_COMMAND_TIMEOUT_MS. A blocking command (BLPOP, XREAD
/// BLOCK) waits instead for its own timeout argument plus RREDIS_OPTION_BLOCK_SLACK_MS,
/// or for ever if that argument means for ever. A server's error is RREDIS_ERR_SERVER.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_client_command(
    client: Option<&rredis_client>,
    argc: usize,
    argv: *const *const c_char,
    argv_len: *const usize,
    out_reply: Option<&mut MaybeUninit<*mut rredis_reply>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_command(client, err, |client| {
        // SAFETY: the caller vouches for argv and argv_len.
        unsafe { client.run(argc, argv, argv_len, &Call::default(), out_reply) }
    })
}

/// Send one command with flags, and wait for its reply.
///
///   flags       values of rredis_call, or-ed
///   timeout_ms  the time for the whole call, with RREDIS_CALL_TIMEOUT; otherwise 0
///   call_data   passed to the response callback
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_client_command_with(
    client: Option<&rredis_client>,
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
        let call = call_of(flags, timeout_ms, call_data)?;
        // SAFETY: the caller vouches for argv and argv_len.
        unsafe { client.run(argc, argv, argv_len, &call, out_reply) }
    })
}

/// Set the response callback of a command, for this client alone.
///
///   command   the command's name, in upper or lower case
///   function  NULL: restore the callback of the options, or the built-in one
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_client_set_callback(
    client: Option<&rredis_client>,
    command: *const c_char,
    command_len: usize,
    function: rredis_callback_fn,
    user_data: *mut c_void,
    user_data_free: rredis_free_fn,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    let user_data = UserData::new(user_data, user_data_free);
    guard_on(client, err, |client| {
        let callback = CallerCallback::of(function, user_data);
        // SAFETY: the caller vouches for command.
        let command = unsafe { text_of(command, command_len, "command")? };
        client.client.set_callback(command, callback)
    })
}

/// Read a statistic. COMMANDS, RETRIES, TIMEOUTS, UNKNOWN and the ERRORS_ statistics
/// are those of this client; all others are those of its pool. -1: the statistic is
/// unknown or not kept.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_client_stat(client: Option<&rredis_client>, stat: MaybeUninit<rredis_stat>) -> i64 {
    quietly(-1, || match (usable(client), stat_of(stat)) {
        (Some(client), Some(stat)) => client.client.stat(stat).unwrap_or(-1),
        _ => -1,
    })
}

/// Tell which servers there are, as known: an ARRAY of MAPs. Only where none is known
/// yet is a server asked.
///
/// A MAP has endpoint, role ("primary" or "replica"), of (the endpoint of a replica's
/// primary, or NULL), slots (an ARRAY of the first and last slot of each range), zone
/// (or NULL), and connections (how many are open).
#[unsafe(no_mangle)]
pub extern "C" fn rredis_client_servers(
    client: Option<&rredis_client>,
    out_reply: Option<&mut MaybeUninit<*mut rredis_reply>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_on(client, err, |client| {
        let out_reply = given(out_reply, "out_reply")?;
        out_reply.write(client.client.servers()?.into_raw());
        Ok(())
    })
}

/// Give the name of the parser that reads the replies: "fast", "simple", or your
/// parser's name.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_client_parser(client: Option<&rredis_client>) -> *const c_char {
    quietly(std::ptr::null(), || client.map_or(std::ptr::null(), |client| client.parser.as_ptr()))
}

/// End the calls of this client that wait and were given call_data. Give their number.
///
///   call_data  NULL: all calls of this client, whatever call_data they were given
///
/// Each of those calls returns RREDIS_ERR_WOKEN with the outcome of its command, which
/// is not tried again. A call that begins later is not ended. A call whose reply has
/// arrived may still succeed. Calls of the rredis_client_ functions, rredis_script_run,
/// rredis_conn_new and rredis_pubsub_publish are ended. A pipeline, an rredis_conn and
/// an rredis_pubsub have a _wake of their own. A call ends at once, or within 20 ms if
/// it has only just begun to wait. A transport function that waits longer than its
/// timeout_ms cannot be woken. A signal handler may call this function.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_client_wake(client: Option<&rredis_client>, call_data: *const c_void) -> usize {
    woken(|| usable(client).map_or(0, |client| client.client.wake(call_data.cast())))
}

/// Free a client. Handles that were made from it remain valid until they are freed.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_client_free(client: Option<Box<rredis_client>>) {
    quietly_reaching((), || drop(client))
}

impl rredis_client {
    fn boxed(client: Client) -> Result<*mut rredis_client> {
        let parser = text_with_nul(client.parser_name())?;
        Ok(Box::into_raw(Box::new(rredis_client { client, parser, poison: Poison::default() })))
    }

    /// Run one command.
    ///
    /// # Safety
    /// `argv` and `argv_len` are as `args` asks.
    #[inline(always)]
    unsafe fn run(
        &self,
        argc: usize,
        argv: *const *const c_char,
        argv_len: *const usize,
        call: &Call,
        out_reply: Option<&mut MaybeUninit<*mut rredis_reply>>,
    ) -> Result<()> {
        let taker = Taker::of(out_reply, call)?;
        let mut args = Args::none();
        // SAFETY: the caller vouches for argv and argv_len.
        let args = unsafe { args.of(argc, argv, argv_len)? };
        taker.take(self.client.command(args, call)?);
        Ok(())
    }
}

impl Handle for rredis_client {
    const NAME: &'static str = "client";
    fn poison(&self) -> &Poison {
        &self.poison
    }
}

/// Who takes the reply of a call: the caller, or nobody, where the caller does not want it.
pub(crate) struct Taker<'a>(Option<&'a mut MaybeUninit<*mut rredis_reply>>);

impl<'a> Taker<'a> {
    /// A server's error that is a reply must be taken, or nobody would ever hear of it.
    pub(crate) fn of(out_reply: Option<&'a mut MaybeUninit<*mut rredis_reply>>, call: &Call) -> Result<Self> {
        match out_reply.is_none() && call.flags.has(Flags::ERROR_REPLY) {
            true => Err(wrong("out_reply is NULL, and with RREDIS_CALL_ERROR_REPLY an error would go unheard")),
            false => Ok(Taker(out_reply)),
        }
    }

    /// Give the reply, or free it.
    pub(crate) fn take(self, reply: Reply) {
        if let Some(out_reply) = self.0 {
            out_reply.write(reply.into_raw());
        }
    }

    /// Whether the caller wants it.
    pub(crate) fn is_there(&self) -> bool {
        self.0.is_some()
    }
}

/// What flags, timeout and call_data of a call come to. A time that would not count is refused.
#[inline(always)]
pub(crate) fn call_of(flags: u32, timeout_ms: i64, call_data: *mut c_void) -> Result<Call> {
    let flags = Flags::checked(flags)?;
    if timeout_ms != 0 && !flags.has(Flags::TIMEOUT) {
        return Err(uncounted(timeout_ms));
    }
    Ok(Call { flags, timeout_ms, call_data: call_data.cast() })
}

#[cold]
fn uncounted(timeout_ms: i64) -> Error {
    wrong(format!(
        "timeout_ms is {timeout_ms}, which counts with RREDIS_CALL_TIMEOUT alone, and flags do not have that"
    ))
}

const _: () = shared::<rredis_client>();
