//! Options
//!
//! A client copies its options when it is made. Every option has a default good enough
//! to leave alone.

use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;
use std::sync::Arc;

use crate::client::Setup;
use crate::error::Result;
use crate::ffi::boundary::{given, given_text, guard, number, quietly, shared, wrong};
use crate::ffi::callback::{
    Asked, Listener, Response, UserData, rredis_callback_fn, rredis_credentials_fn, rredis_free_fn, rredis_reply_fn,
};
use crate::ffi::parser::{CustomType, rredis_parser_type};
use crate::ffi::status::{rredis_error, rredis_status};
use crate::ffi::transport::{Custom, rredis_transport};
use crate::options::Key;
use crate::reply::Builder;
use crate::reply::node::{Kind, rredis_reply};

/// What can be set. Numbers, by rredis_options_set_int, but where text is said. The name
/// in a URL is the enumerator's in small letters, without RREDIS_OPTION_ and without _MS.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rredis_option {
    /// text: a name or an address; 127.0.0.1
    RREDIS_OPTION_HOST = 1,
    /// 6379
    RREDIS_OPTION_PORT = 2,
    /// text: a Unix socket, instead of host and port
    RREDIS_OPTION_UNIX_PATH = 3,
    /// text: who logs in; without it the server's default user
    RREDIS_OPTION_USERNAME = 4,
    /// text: never given back, nor in any message
    RREDIS_OPTION_PASSWORD = 5,
    /// 0
    RREDIS_OPTION_DATABASE = 6,
    /// 0: the best there is; or RESP 2 or 3
    RREDIS_OPTION_PROTOCOL = 7,
    /// text: what CLIENT LIST shows
    RREDIS_OPTION_CLIENT_NAME = 8,
    /// text: what CLIENT LIST shows as lib-name
    RREDIS_OPTION_LIBRARY_NAME = 9,
    /// connections, at most 65535; 64
    RREDIS_OPTION_POOL_MAX = 20,
    /// for a connection, where all are in use; -1: as long as the call may take
    RREDIS_OPTION_POOL_WAIT_MS = 21,
    /// connections to keep, however long they rest; 0
    RREDIS_OPTION_POOL_IDLE_MIN = 22,
    /// a connection that rested so long is closed; 5 minutes
    RREDIS_OPTION_POOL_IDLE_MS = 23,
    /// a connection so old is closed; -1
    RREDIS_OPTION_POOL_AGE_MS = 24,
    /// an rredis_share; NEVER. This version has no other: RREDIS_ERR_UNSUPPORTED
    RREDIS_OPTION_SHARE = 25,
    /// commands under way on a connection that threads share (SHARE), so without effect yet; 4096
    RREDIS_OPTION_INFLIGHT_MAX = 26,
    /// bytes of them, without effect yet; 64 MiB
    RREDIS_OPTION_INFLIGHT_BYTES_MAX = 27,
    /// to connect, the handshake included; 5 s
    RREDIS_OPTION_CONNECT_TIMEOUT_MS = 30,
    /// for a whole call, connecting included; 5 s. Not for a command that waits on the server, as BLPOP or XREAD BLOCK: see BLOCK_SLACK_MS
    RREDIS_OPTION_COMMAND_TIMEOUT_MS = 31,
    /// TCP keepalive's interval; 30 s
    RREDIS_OPTION_KEEPALIVE_MS = 32,
    /// a connection that rested so long is tried before use; 30 s
    RREDIS_OPTION_HEALTH_CHECK_MS = 33,
    /// sent bytes so long unacknowledged break the connection; 30 s
    RREDIS_OPTION_USER_TIMEOUT_MS = 34,
    /// a command that waits on the server has the time it says and so much more; none ends it where it says for ever; 1 s
    RREDIS_OPTION_BLOCK_SLACK_MS = 35,
    /// tries after the first; 3
    RREDIS_OPTION_RETRY_MAX = 40,
    /// before the first of them; 8 ms
    RREDIS_OPTION_BACKOFF_MS = 41,
    /// doubled each time, up to this; 512 ms
    RREDIS_OPTION_BACKOFF_MS_MAX = 42,
    /// tries after the first, in a hundred calls; 10
    RREDIS_OPTION_RETRY_BUDGET_PERCENT = 43,
    /// an rredis_shape; CANONICAL
    RREDIS_OPTION_SHAPE = 50,
    /// an rredis_parser_kind; AUTO
    RREDIS_OPTION_PARSER = 51,
    /// of one reply; 1 GiB
    RREDIS_OPTION_REPLY_BYTES_MAX = 60,
    /// aggregates within aggregates; 512
    RREDIS_OPTION_REPLY_DEPTH_MAX = 61,
    /// of one reply; 16777216
    RREDIS_OPTION_REPLY_NODES_MAX = 62,
    /// bytes of one line; 65536
    RREDIS_OPTION_REPLY_LINE_MAX = 63,
    /// of pushes that wait to be shown; 64 MiB
    RREDIS_OPTION_PUSH_BYTES_MAX = 64,
    /// 0, or 1: over TLS
    RREDIS_OPTION_TLS = 70,
    /// text: a file of certificates (PEM) to trust, read anew when it changes; without any, the system's
    RREDIS_OPTION_TLS_CA_FILE = 71,
    /// text: a folder of them
    RREDIS_OPTION_TLS_CA_DIR = 72,
    /// text: the certificates themselves
    RREDIS_OPTION_TLS_CA_PEM = 73,
    /// text: our own certificate's file, and what links it to an authority
    RREDIS_OPTION_TLS_CERT_FILE = 74,
    /// text: our own certificate
    RREDIS_OPTION_TLS_CERT_PEM = 75,
    /// text: the file of its key; CERT_FILE
    RREDIS_OPTION_TLS_KEY_FILE = 76,
    /// text: its key, never given back
    RREDIS_OPTION_TLS_KEY_PEM = 77,
    /// text: the name the server must prove; HOST
    RREDIS_OPTION_TLS_SERVER_NAME = 78,
    /// 12 or 13, for 1.2 and 1.3; 12
    RREDIS_OPTION_TLS_VERSION_MIN = 79,
    /// 1: believe anybody; for tests
    RREDIS_OPTION_TLS_INSECURE_SKIP_VERIFY = 80,
    /// 1: show confirmations of subscriptions too; for a chapter to come, so without effect yet
    RREDIS_OPTION_PUBSUB_CONFIRMATIONS = 90,
}

/// What RREDIS_OPTION_SHAPE may be.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rredis_shape {
    /// one shape for each command, whatever the protocol
    RREDIS_SHAPE_CANONICAL = 0,
    /// as the server sent it
    RREDIS_SHAPE_RAW = 1,
}

/// What RREDIS_OPTION_SHARE may be: whether commands of several threads ride on one
/// connection together.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rredis_share {
    /// each on its own
    RREDIS_SHARE_NEVER = 0,
    /// when all connections are in use
    RREDIS_SHARE_BUSY = 1,
    /// whenever they can
    RREDIS_SHARE_ALWAYS = 2,
}

/// what a pool, a client or a parser is made from
pub struct rredis_options {
    setup: Setup,
    texts: Texts,
}

/// Make options, all at their defaults. NULL: no memory.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_options_new() -> Option<Box<rredis_options>> {
    quietly(None, || Some(Box::new(rredis_options::new())))
}

/// Set a number.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_options_set_int(
    options: Option<&mut rredis_options>,
    option: MaybeUninit<rredis_option>,
    value: i64,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard(err, || {
        let options = given(options, "options")?;
        options.setup.options.set_int(key_of(option)?, value)?;
        options.texts.follow(&options.setup);
        Ok(())
    })
}

/// Set a text. An empty one is none, where there may be none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_options_set_str(
    options: Option<&mut rredis_options>,
    option: MaybeUninit<rredis_option>,
    value: *const c_char,
    value_len: usize,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard(err, || {
        let options = given(options, "options")?;
        let key = key_of(option)?;
        // SAFETY: the caller vouches for value.
        let value = unsafe { given_text(value, value_len, "value")? };
        options.setup.options.set_text(key, value)?;
        options.texts.follow(&options.setup);
        Ok(())
    })
}

/// Set what a URL says: all of it, or nothing where any part is wrong.
///
///   redis://db.example:6379/0?command_timeout=2s&pool_max=16
///   unix:///run/redis.sock?database=1&protocol=2
///
/// A user and a password may stand before the host, with a colon between and an at sign
/// behind them. A time has its unit, ms, s or m, or is in seconds. %XX is any byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_options_set_url(
    options: Option<&mut rredis_options>,
    url: *const c_char,
    url_len: usize,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard(err, || {
        let options = given(options, "options")?;
        // SAFETY: the caller vouches for url.
        let url = unsafe { given_text(url, url_len, "url")? };
        options.setup.options.set_url(url)?;
        options.texts.follow(&options.setup);
        Ok(())
    })
}

/// Set the response callback of a command, for every client made from these.
///
///   command   its name, in any case of letters
///   function  NULL: none
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_options_set_callback(
    options: Option<&mut rredis_options>,
    command: *const c_char,
    command_len: usize,
    function: rredis_callback_fn,
    user_data: *mut c_void,
    user_data_free: rredis_free_fn,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    let user_data = UserData::new(user_data, user_data_free);
    guard(err, || {
        let callback = Response::of(function, user_data);
        let options = given(options, "options")?;
        // SAFETY: the caller vouches for command.
        let command = unsafe { given_text(command, command_len, "command")? };
        options.setup.callbacks.set(command, callback)?;
        Ok(())
    })
}

/// Ask a function of yours who we are at each connect, in place of the options.
///
///   function  NULL: the options say it
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_options_set_credentials(
    options: Option<&mut rredis_options>,
    function: rredis_credentials_fn,
    user_data: *mut c_void,
    user_data_free: rredis_free_fn,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    let user_data = UserData::new(user_data, user_data_free);
    guard(err, || {
        let credentials = Asked::of(function, user_data);
        given(options, "options")?.setup.credentials = credentials;
        Ok(())
    })
}

/// Connect through a transport of yours.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_options_set_transport(
    options: Option<&mut rredis_options>,
    transport: *const rredis_transport,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard(err, || {
        // SAFETY: the caller vouches for transport.
        let transport = unsafe { Custom::new(transport)? };
        given(options, "options")?.setup.transport = Some(Arc::new(transport));
        Ok(())
    })
}

/// Read replies through a parser of yours.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_options_set_parser(
    options: Option<&mut rredis_options>,
    parser: *const rredis_parser_type,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard(err, || {
        // SAFETY: the caller vouches for parser.
        let parser = unsafe { CustomType::new(parser)? };
        given(options, "options")?.setup.parser = Some(Arc::new(parser));
        Ok(())
    })
}

/// Be shown what the server sends unasked, inside the call during which it came. What
/// comes to an rredis_conn is not shown here: its _receive gives it.
///
///   function  NULL: what comes is dropped
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_options_on_push(
    options: Option<&mut rredis_options>,
    function: rredis_reply_fn,
    user_data: *mut c_void,
    user_data_free: rredis_free_fn,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    let user_data = UserData::new(user_data, user_data_free);
    guard(err, || {
        let listener = Listener::of(function, user_data);
        given(options, "options")?.setup.on_push = listener;
        Ok(())
    })
}

/// Be told what happens to connections and commands, inside the call during which it does.
///
/// An event is a PUSH: ["connected", endpoint, id], ["lost", endpoint, id, status, text],
/// ["retry", command, attempt, wait ms, text], ["busy", in use, max, waited ms].
///
///   function  NULL: nothing is told
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_options_on_event(
    options: Option<&mut rredis_options>,
    function: rredis_reply_fn,
    user_data: *mut c_void,
    user_data_free: rredis_free_fn,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    let user_data = UserData::new(user_data, user_data_free);
    guard(err, || {
        let listener = Listener::of(function, user_data);
        given(options, "options")?.setup.on_event = listener;
        Ok(())
    })
}

/// Read a number, be it set or the default.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_options_get_int(
    options: Option<&rredis_options>,
    option: MaybeUninit<rredis_option>,
    out_value: Option<&mut MaybeUninit<i64>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard(err, || {
        let options = given(options, "options")?;
        let key = key_of(option)?;
        let out_value = given(out_value, "out_value")?;
        out_value.write(options.setup.options.int(key)?);
        Ok(())
    })
}

/// Read a text. NULL: it is not set, or it is a secret, or no text.
///
///   out_len  its length; may be NULL, for a NUL is behind it
#[unsafe(no_mangle)]
pub extern "C" fn rredis_options_get_str(
    options: Option<&rredis_options>,
    option: MaybeUninit<rredis_option>,
    out_len: Option<&mut MaybeUninit<usize>>,
) -> *const c_char {
    quietly(std::ptr::null(), || {
        let (Some(options), Ok(key)) = (options, key_of(option)) else { return std::ptr::null() };
        let Some(text) = options.texts.get(key) else { return std::ptr::null() };
        if let Some(out_len) = out_len {
            out_len.write(text.len() - 1);
        }
        text.as_ptr().cast()
    })
}

/// Write the options as a URL, a STRING: what is not as the defaults have it, and secrets
/// as stars.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_options_to_url(
    options: Option<&rredis_options>,
    out_text: Option<&mut MaybeUninit<*mut rredis_reply>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard(err, || {
        let options = given(options, "options")?;
        let out_text = given(out_text, "out_text")?;
        let mut builder = Builder::new();
        builder.add_text(Kind::RREDIS_REPLY_STRING, options.setup.options.to_url().as_bytes());
        out_text.write(builder.take()?.into_raw());
        Ok(())
    })
}

/// Free options. Clients, pools and parsers made from them have their own copy.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_options_free(options: Option<Box<rredis_options>>) {
    quietly((), || drop(options))
}

impl rredis_options {
    fn new() -> Self {
        let mut options = rredis_options { setup: Setup::default(), texts: Texts::default() };
        options.texts.follow(&options.setup);
        options
    }

    /// What a handle made from these is made from; NULL means the defaults.
    pub(crate) fn setup(options: Option<&rredis_options>) -> Result<Setup> {
        let setup = options.map(|options| options.setup.clone()).unwrap_or_default();
        setup.options.check()?;
        Ok(setup)
    }
}

/// Texts on loan, each with a NUL behind it. What was lent once stays until the handle ends, also when the option changes.
#[derive(Default)]
struct Texts {
    lent: Vec<Box<[u8]>>,
    /// Which of them each option has now.
    current: Vec<(Key, usize)>,
}

impl Texts {
    /// Note what the options have become.
    fn follow(&mut self, setup: &Setup) {
        self.current.clear();
        for key in (0..=OPTION_MAX).filter_map(Key::from_number) {
            let Some(text) = setup.options.text(key) else { continue };
            let known = self.lent.iter().position(|lent| lent.split_last().is_some_and(|(_, lent)| lent == text));
            let place = known.unwrap_or_else(|| {
                self.lent.push([text, b"\0"].concat().into_boxed_slice());
                self.lent.len() - 1
            });
            self.current.push((key, place));
        }
    }

    fn get(&self, key: Key) -> Option<&[u8]> {
        let (_, place) = self.current.iter().find(|(current, _)| *current == key)?;
        self.lent.get(*place).map(|text| &**text)
    }
}

/// The option that a number of the caller's stands for.
fn key_of(option: MaybeUninit<rredis_option>) -> Result<Key> {
    let number = number(option);
    Key::from_number(number).ok_or_else(|| wrong(format!("option {number} is no option")))
}

/// No option has a larger number.
const OPTION_MAX: u32 = 99;

const _: () = shared::<rredis_options>();
