//! Options
//!
//! A client copies its options when it is made. Every option has a default good enough
//! to leave alone.
//!
//! What was set is checked together when a handle is made of it. An option or a function
//! that says whom to talk to or how safely, and would have no effect, is
//! RREDIS_ERR_CONFIG, and so are two settings that contradict each other, in whichever
//! order they were set. Times, limits and counts may have no effect.

use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;
use std::sync::Arc;

use crate::client::Setup;
use crate::error::{Error, Result};
use crate::ffi::boundary::{Err, given, given_text, guard, number, quietly, shared, wrong};
use crate::ffi::callback::{
    Asked, Interrupted, Listener, Response, UserData, rredis_callback_fn, rredis_credentials_fn, rredis_free_fn,
    rredis_interrupt_fn, rredis_reply_fn,
};
pub use crate::ffi::option::{rredis_option, rredis_shape, rredis_share};
use crate::ffi::parser::{CustomType, rredis_parser_type};
use crate::ffi::status::{rredis_error, rredis_status};
use crate::ffi::transport::{Custom, rredis_transport};
use crate::options::{Key, Options};
use crate::reply::Builder;
use crate::reply::node::{Kind, rredis_reply};

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
    guard_change(options, err, |setup| setup.options.set_int(key_of(option)?, value))
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
    guard_change(options, err, |setup| {
        let key = key_of(option)?;
        // SAFETY: the caller vouches for value.
        let value = unsafe { given_text(value, value_len, "value")? };
        setup.options.set_text(key, value)
    })
}

/// Set what a URL says: all of it, or nothing where any part is wrong.
///
///   redis://db.example:6379/0?command_timeout=2s&pool_max=16
///   unix:///run/redis.sock?database=1&protocol=2
///
/// A user and a password may stand before the host, with a colon between and an at sign
/// behind them. A time has its unit, ms, s or m, or is in seconds. %XX is any byte. The
/// scheme says whether TLS is spoken, which RREDIS_OPTION_TLS must not contradict:
/// rediss:// is with TLS, redis:// without. A later URL's place replaces an earlier URL's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_options_set_url(
    options: Option<&mut rredis_options>,
    url: *const c_char,
    url_len: usize,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_change(options, err, |setup| {
        // SAFETY: the caller vouches for url.
        let url = unsafe { given_text(url, url_len, "url")? };
        setup.options.set_url(url)
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
    guard_change(options, err, |setup| {
        // SAFETY: the caller vouches for command.
        let command = unsafe { given_text(command, command_len, "command")? };
        setup.callbacks.set(command, Response::of(function, user_data))
    })
}

/// Ask a function of yours who we are at each connect, in place of the options: beside
/// RREDIS_OPTION_USERNAME or RREDIS_OPTION_PASSWORD it is RREDIS_ERR_CONFIG.
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
    guard_change(options, err, |setup| {
        setup.credentials = Asked::of(function, user_data);
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

/// Read replies through a parser of yours, in place of those that RREDIS_OPTION_PARSER has.
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
    guard_change(options, err, |setup| {
        setup.on_push = Listener::of(function, user_data);
        Ok(())
    })
}

/// Be told what happens to connections and commands, inside the call during which it does.
///
/// An event is a PUSH: ["connected", endpoint, id], ["lost", endpoint, id, status, text],
/// ["retry", command, attempt, wait ms, text], ["busy", in use, max, waited ms]. Its texts
/// are lines, written as err's message is.
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
    guard_change(options, err, |setup| {
        setup.on_event = Listener::of(function, user_data);
        Ok(())
    })
}

/// Be asked, while a call of a client made from these waits, whether it shall go on: for
/// interpreters, whose interrupt is no signal of the waiting thread.
///
///   function  NULL: no call is ended so; a signal never ends one
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_options_on_interrupt(
    options: Option<&mut rredis_options>,
    function: rredis_interrupt_fn,
    user_data: *mut c_void,
    user_data_free: rredis_free_fn,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    let user_data = UserData::new(user_data, user_data_free);
    guard_change(options, err, |setup| {
        setup.on_interrupt = Interrupted::of(function, user_data);
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
        builder.add_text(Kind::RREDIS_REPLY_STRING, options.setup.options.to_url()?.as_bytes());
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
        // The defaults are few and short.
        let _lent = options.texts.follow(&options.setup.options);
        options
    }

    /// What a handle made from these is made from; NULL means the defaults. Who makes it looks at what it uses.
    pub(crate) fn setup(options: Option<&rredis_options>) -> Setup {
        options.map(|options| options.setup.clone()).unwrap_or_default()
    }
}

/// Run a call that changes options. What of them is lent follows; what the change brings along ends inside the guard, also
/// where there are no options to change.
fn guard_change(
    options: Option<&mut rredis_options>,
    err: Err<'_>,
    change: impl FnOnce(&mut Setup) -> Result<()>,
) -> rredis_status {
    guard(err, || {
        let options = given(options, "options")?;
        let before = options.setup.options.clone();
        change(&mut options.setup)?;
        // What cannot be lent is not set either.
        options.texts.follow(&options.setup.options).inspect_err(|_| options.setup.options = before)
    })
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
    fn follow(&mut self, options: &Options) -> Result<()> {
        let mut current = Vec::new();
        for key in (0..=OPTION_MAX).filter_map(Key::from_number) {
            let Some(text) = options.text(key) else { continue };
            let known = self.lent.iter().position(|lent| lent.split_last().is_some_and(|(_, lent)| lent == text));
            let place = match known {
                Some(place) => place,
                None => self.lend(text)?,
            };
            current.push((key, place));
        }
        self.current = current;
        Ok(())
    }

    /// Keep a copy that can be lent, and say where it is.
    fn lend(&mut self, text: &[u8]) -> Result<usize> {
        let mut copy = Vec::new();
        copy.try_reserve_exact(text.len() + 1).map_err(|_| Error::memory("the option"))?;
        copy.extend_from_slice(text);
        copy.push(0);
        self.lent.try_reserve(1).map_err(|_| Error::memory("the option"))?;
        self.lent.push(copy.into_boxed_slice());
        Ok(self.lent.len() - 1)
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
