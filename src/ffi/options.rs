//! Options
//!
//! A client copies its options when it is made. Every option has a default, or may be
//! unset.
//!
//! When a handle is made, its settings are checked together. Two settings that
//! contradict each other are RREDIS_ERR_CONFIG, in whichever order they were set. An
//! endpoint, login, TLS or topology setting without effect is RREDIS_ERR_CONFIG too.
//! Any other time, limit or count without effect is accepted.

use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;
use std::sync::Arc;

use crate::client::Setup;
use crate::error::{Error, Result};
use crate::ffi::boundary::{Err, given, guard_reaching, number, quietly_reaching, shared, text_of, wrong};
use crate::ffi::callback::{
    AskedWho, CallerCallback, Interrupted, Listener, UserData, rredis_callback_fn, rredis_credentials_fn,
    rredis_free_fn, rredis_interrupt_fn, rredis_reply_fn,
};
pub use crate::ffi::option::rredis_option;
pub use crate::ffi::option_values::{rredis_read, rredis_shape, rredis_share, rredis_topology};
use crate::ffi::parser::{CustomType, rredis_parser_type};
use crate::ffi::status::{rredis_error, rredis_status};
use crate::ffi::transport::{CallerTransport, rredis_transport};
use crate::options::{Key, Options};
use crate::reply::Builder;
use crate::reply::node::{Kind, rredis_reply};

/// settings for a pool, a client or a parser
pub struct rredis_options {
    setup: Setup,
    texts: Texts,
}

/// Make options, all at their defaults. NULL: there was not enough memory.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_options_new() -> Option<Box<rredis_options>> {
    quietly_reaching(None, || Some(Box::new(rredis_options::new())))
}

/// Set the number of an option.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_options_set_int(
    options: Option<&mut rredis_options>,
    option: MaybeUninit<rredis_option>,
    value: i64,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_change(options, err, |setup| setup.options.set_int(key_of(option)?, value))
}

/// Set the text of an option. An empty text removes the setting; RREDIS_OPTION_HOST
/// must not be empty.
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
        let value = unsafe { text_of(value, value_len, "value")? };
        setup.options.set_text(key, value)
    })
}

/// Set the options that a URL contains. If any part is wrong, no option is set.
///
///   redis://db.example:6379/0?command_timeout=2s&pool_max=16
///   unix:///run/redis.sock?database=1&protocol=2
///   redis+cluster://a.example:7000,b.example:7000/0
///   redis+sentinel://a.example:26379,b.example:26379/service/0
///
/// A user and a password may stand before the first host: user:password@. A time has a
/// unit, ms, s or m; without a unit it is in seconds. %XX stands for the byte 0xXX. A
/// scheme that begins with rediss means TLS, and one that begins with redis no TLS;
/// RREDIS_OPTION_TLS must not contradict it. Nor may RREDIS_OPTION_TOPOLOGY contradict
/// +cluster and +sentinel, whose hosts become RREDIS_OPTION_SEEDS. A second URL
/// replaces the endpoints and the credentials of the first, even if it has no
/// credentials.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_options_set_url(
    options: Option<&mut rredis_options>,
    url: *const c_char,
    url_len: usize,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_change(options, err, |setup| {
        // SAFETY: the caller vouches for url.
        let url = unsafe { text_of(url, url_len, "url")? };
        setup.options.set_url(url)
    })
}

/// Set the response callback of a command, for every client made from these options.
///
///   command   the command's name, in upper or lower case
///   function  NULL: remove the callback
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
        let command = unsafe { text_of(command, command_len, "command")? };
        setup.callbacks.set(command, CallerCallback::of(function, user_data))
    })
}

/// Set a function that gives the credentials for each new connection. RREDIS_ERR_CONFIG
/// if RREDIS_OPTION_USERNAME or RREDIS_OPTION_PASSWORD is set too.
///
///   function  NULL: use the options' user name and password
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
        setup.credentials = AskedWho::of(function, user_data);
        Ok(())
    })
}

/// Connect through a transport of yours, in place of the library's sockets. The struct
/// is copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_options_set_transport(
    options: Option<&mut rredis_options>,
    transport: *const rredis_transport,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_reaching(err, || {
        // SAFETY: the caller vouches for transport.
        let transport = unsafe { CallerTransport::new(transport)? };
        given(options, "options")?.setup.transport = Some(Arc::new(transport));
        Ok(())
    })
}

/// Read replies with a parser of yours, in place of RREDIS_OPTION_PARSER. The struct is
/// copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_options_set_parser(
    options: Option<&mut rredis_options>,
    parser: *const rredis_parser_type,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_reaching(err, || {
        // SAFETY: the caller vouches for parser.
        let parser = unsafe { CustomType::new(parser)? };
        given(options, "options")?.setup.parser = Some(Arc::new(parser));
        Ok(())
    })
}

/// Set a function that receives each push that the server sends without a request. The
/// function is called during the call that reads the push. rredis_conn_receive gives
/// the pushes of an rredis_conn instead.
///
///   function  NULL: pushes are dropped
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

/// Set a function that receives the events of connections and commands. The function is
/// called during the call in which an event happens.
///
/// An event is a PUSH: ["connected", endpoint, id], ["lost", endpoint, id, status,
/// text], ["retry", command, attempt, wait ms, text], ["busy", in use, max, waited ms],
/// ["topology", servers, slots without a server], or ["failover", old endpoint, new
/// endpoint, ms without a primary]. id is the connection's number, unique in the
/// process. attempt is the number of the failed try, from 1. text is the reason. Each
/// text is one line, escaped like err->message.
///
///   function  NULL: no events
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

/// Set a function that can end each waiting call of the clients made from these
/// options, for example for an interpreter whose Ctrl-C only sets a flag.
///
///   function  NULL: no function. A signal alone never ends a call
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

/// Read the number of an option, or its default.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_options_get_int(
    options: Option<&rredis_options>,
    option: MaybeUninit<rredis_option>,
    out_value: Option<&mut MaybeUninit<i64>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_reaching(err, || {
        let options = given(options, "options")?;
        let key = key_of(option)?;
        let out_value = given(out_value, "out_value")?;
        out_value.write(options.setup.options.int(key)?);
        Ok(())
    })
}

/// Read the text of an option. NULL: the option is unset, is a secret, or is a number.
///
///   out_len  receives the length; may be NULL, since the text ends in a NUL
#[unsafe(no_mangle)]
pub extern "C" fn rredis_options_get_str(
    options: Option<&rredis_options>,
    option: MaybeUninit<rredis_option>,
    out_len: Option<&mut MaybeUninit<usize>>,
) -> *const c_char {
    quietly_reaching(std::ptr::null(), || {
        let (Some(options), Ok(key)) = (options, key_of(option)) else { return std::ptr::null() };
        let Some(text) = options.texts.get(key) else { return std::ptr::null() };
        if let Some(out_len) = out_len {
            out_len.write(text.len() - 1);
        }
        text.as_ptr().cast()
    })
}

/// Write the options as a URL, a reply of kind STRING. The URL has every option that
/// differs from its default, and *** in place of each secret.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_options_to_url(
    options: Option<&rredis_options>,
    out_text: Option<&mut MaybeUninit<*mut rredis_reply>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_reaching(err, || {
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
    quietly_reaching((), || drop(options))
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

/// Run a call that changes options. What of them is lent follows; what the change brings along ends inside the guard_reaching, also
/// where there are no options to change.
fn guard_change(
    options: Option<&mut rredis_options>,
    err: Err<'_>,
    change: impl FnOnce(&mut Setup) -> Result<()>,
) -> rredis_status {
    guard_reaching(err, || {
        let options = given(options, "options")?;
        let before = options.setup.options.clone();
        change(&mut options.setup)?;
        // What cannot be lent is not set either.
        options.texts.follow(&options.setup.options).inspect_err(|_| options.setup.options = before)
    })
}

/// Borrowed texts, each with a NUL behind it. A text stays until the handle is freed, also when the option changes.
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
