//! The library as a C program sees it: the functions declared as the header declares them, and a thin safe wrapper.

use std::ffi::{CStr, c_char, c_void};
use std::fmt;
use std::mem::MaybeUninit;
use std::ops::Deref;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use super::functions::{Boxed, free_callback, free_listener, run_callback, run_listener};
pub use super::functions::{Callback, Listener, Verdict};
use super::raw::*;
pub use super::raw::{call, kind, option, stat};

/// An rredis_status.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Status(pub u32);

/// An rredis_outcome.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Outcome(pub u32);

#[rustfmt::skip]
impl Status {
    pub const ARGUMENT: Status = Status(1);
    pub const STATE: Status = Status(2);
    pub const AGAIN: Status = Status(3);
    pub const CONFIG: Status = Status(4);
    pub const UNSUPPORTED: Status = Status(5);
    pub const CONNECT: Status = Status(10);
    pub const IO: Status = Status(11);
    pub const TIMEOUT: Status = Status(12);
    pub const BUSY: Status = Status(13);
    pub const WOKEN: Status = Status(14);
    pub const FORKED: Status = Status(15);
    pub const TLS: Status = Status(16);
    pub const PROTOCOL: Status = Status(20);
    pub const LIMIT: Status = Status(21);
    pub const AUTH: Status = Status(30);
    pub const SERVER: Status = Status(31);
    pub const WATCH: Status = Status(32);
    pub const ABORTED: Status = Status(33);
    pub const CALLBACK: Status = Status(80);
    pub const MEMORY: Status = Status(91);
}

#[rustfmt::skip]
impl Outcome {
    pub const NONE: Outcome = Outcome(0);
    pub const NOT_SENT: Outcome = Outcome(1);
    pub const REFUSED: Outcome = Outcome(2);
    pub const UNKNOWN: Outcome = Outcome(3);
    pub const RAN: Outcome = Outcome(4);
}

/// What an rredis_error said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CErr {
    pub status: Status,
    pub outcome: Outcome,
    pub os_error: i32,
    pub attempts: i32,
    pub message: String,
}

pub type Result<T> = std::result::Result<T, CErr>;

/// Arguments as C has them, made before the call.
pub struct Argv(pub(super) Vec<*const c_char>, pub(super) Vec<usize>);

/// An rredis_reply of one's own.
pub struct Reply(pub(super) *mut Node);

/// An rredis_options. The setters of one word are for what must work.
pub struct Options(*mut rredis_options);

/// An rredis_pool.
pub struct Pool(*mut rredis_pool);

/// An rredis_client.
pub struct Client(pub(super) *mut rredis_client);

/// An rredis_parser.
pub struct Parser(*mut rredis_parser);

/// An rredis_conn.
pub struct Conn(*mut rredis_conn);

// SAFETY: the header lets any thread use or free these: a reply is immutable, a client and a pool are taken as const.
unsafe impl Send for Reply {}
// SAFETY: as above.
unsafe impl Sync for Reply {}
// SAFETY: as above.
unsafe impl Send for Pool {}
// SAFETY: as above.
unsafe impl Sync for Pool {}
// SAFETY: as above.
unsafe impl Send for Client {}
// SAFETY: as above.
unsafe impl Sync for Client {}
// SAFETY: a connection is used by one thread at a time, whichever that is.
unsafe impl Send for Conn {}

impl Options {
    pub fn new() -> Options {
        // SAFETY: takes nothing.
        let options = unsafe { rredis_options_new() };
        assert!(!options.is_null());
        Options(options)
    }

    /// The handle itself.
    pub fn raw(&self) -> *mut rredis_options {
        self.0
    }

    pub fn at(url: &str) -> Options {
        Options::new().url(url)
    }

    /// For the cluster that any of these, as `host:port,host:port`, knows of.
    pub fn of_cluster(seeds: &str) -> Options {
        Options::new().int(option::TOPOLOGY, 1).text(option::SEEDS, seeds)
    }

    pub fn try_int(&mut self, option: u32, value: i64) -> Result<()> {
        // SAFETY: the handle is alive as long as self.
        status(|err| unsafe { rredis_options_set_int(self.0, option, value, err) })
    }

    pub fn try_text(&mut self, option: u32, value: &str) -> Result<()> {
        // SAFETY: as above, and the text outlives the call.
        status(|err| unsafe { rredis_options_set_str(self.0, option, value.as_ptr().cast(), value.len(), err) })
    }

    pub fn try_url(&mut self, url: &str) -> Result<()> {
        // SAFETY: as above.
        status(|err| unsafe { rredis_options_set_url(self.0, url.as_ptr().cast(), url.len(), err) })
    }

    pub fn int(mut self, option: u32, value: i64) -> Options {
        self.try_int(option, value).expect("a number that the option takes");
        self
    }

    pub fn text(mut self, option: u32, value: &str) -> Options {
        self.try_text(option, value).expect("a text that the option takes");
        self
    }

    pub fn url(mut self, url: &str) -> Options {
        self.try_url(url).expect("a good URL");
        self
    }

    /// Set a response callback for every client made from these. The counter grows when user_data is freed.
    pub fn callback(self, command: &str, function: Callback, freed: &Arc<AtomicUsize>) -> Options {
        let data = Boxed::leak(function, freed);
        // SAFETY: data is what run_callback and free_boxed expect, and the name outlives the call.
        status(|err| unsafe {
            let name = command.as_ptr().cast();
            rredis_options_set_callback(self.0, name, command.len(), Some(run_callback), data, Some(free_callback), err)
        })
        .expect("a callback can be set");
        self
    }

    /// Be shown every push.
    pub fn on_push(self, function: Listener) -> Options {
        let data = Boxed::leak(function, &Arc::default());
        // SAFETY: data is what run_listener and free_listener expect.
        status(|err| unsafe { rredis_options_on_push(self.0, Some(run_listener), data, Some(free_listener), err) })
            .expect("a listener can be set");
        self
    }

    /// Be told what happens to connections and commands.
    pub fn on_event(self, function: Listener) -> Options {
        let data = Boxed::leak(function, &Arc::default());
        // SAFETY: as on_push.
        status(|err| unsafe { rredis_options_on_event(self.0, Some(run_listener), data, Some(free_listener), err) })
            .expect("a listener can be set");
        self
    }

    pub fn client(&self) -> Client {
        self.try_client().expect("a client can be made")
    }

    pub fn try_client(&self) -> Result<Client> {
        // SAFETY: the handle is alive as long as self.
        made(|out, err| unsafe { rredis_client_new(self.0, out, err) }).map(Client)
    }

    pub fn pool(&self) -> Pool {
        // SAFETY: as above.
        made(|out, err| unsafe { rredis_pool_new(self.0, out, err) }).map(Pool).expect("a pool can be made")
    }
}

impl Options {
    /// As a URL.
    pub fn to_url(&self) -> Result<Reply> {
        // SAFETY: the handle is alive as long as self.
        made(|out, err| unsafe { rredis_options_to_url(self.0, out, err) }).map(Reply)
    }
}

impl Parser {
    /// A parser with this number: RREDIS_PARSER_FAST is 1, SIMPLE 2.
    pub fn new(number: i64) -> Result<Parser> {
        let options = Options::new().int(option::PARSER, number);
        // SAFETY: the options live until the call returns.
        made(|out, err| unsafe { rredis_parser_new(options.0, out, err) }).map(Parser)
    }

    pub fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        // SAFETY: the handle is alive as long as self, and the bytes outlive the call.
        status(|err| unsafe { rredis_parser_feed(self.0, bytes.as_ptr().cast(), bytes.len(), err) })
    }

    pub fn next(&mut self) -> Result<Reply> {
        // SAFETY: the handle is alive as long as self.
        made(|out, err| unsafe { rredis_parser_next(self.0, out, err) }).map(Reply)
    }
}

impl Drop for Parser {
    fn drop(&mut self) {
        // SAFETY: it is ours, and this is the one time.
        unsafe { rredis_parser_free(self.0) }
    }
}

impl Pool {
    /// A client on this pool; None gives it no options of its own.
    pub fn client(&self, options: Option<&Options>) -> Result<Client> {
        let options = options.map_or(ptr::null(), |options| options.0.cast_const());
        // SAFETY: both handles are alive as long as their owners.
        made(|out, err| unsafe { rredis_client_new_on(self.0, options, out, err) }).map(Client)
    }

    pub fn warm(&self, count: usize) -> Result<()> {
        // SAFETY: the handle is alive as long as self.
        status(|err| unsafe { rredis_pool_warm(self.0, count, err) })
    }

    pub fn drop_idle(&self) {
        // SAFETY: as above.
        unsafe { rredis_pool_drop_idle(self.0) }
    }

    pub fn stat(&self, stat: u32) -> i64 {
        // SAFETY: as above.
        unsafe { rredis_pool_stat(self.0, stat) }
    }
}

impl Argv {
    /// SAFETY: the arguments outlive it.
    pub unsafe fn of<A: AsRef<[u8]>>(args: &[A]) -> Argv {
        let (argv, lens) = arrays(args);
        Argv(argv, lens)
    }

    /// Write it as it goes over the wire, and say how long it is.
    pub fn encode(&self, buffer: &mut [u8]) -> Result<usize> {
        let (Argv(argv, lens), mut len) = (self, 0);
        let (argv, lens, room) = (argv.as_ptr(), lens.as_ptr(), buffer.as_mut_ptr().cast());
        // SAFETY: the arrays, what they point at, and the buffer outlive the call.
        status(|err| unsafe { rredis_command_encode(self.0.len(), argv, lens, room, buffer.len(), &mut len, err) })?;
        Ok(len)
    }
}

impl Client {
    /// A command whose arguments stand ready.
    pub fn command_of(&self, Argv(argv, lens): &Argv) -> Result<Reply> {
        // SAFETY: the arrays, and by their maker what they point at, outlive the call.
        made(|out, err| unsafe { rredis_client_command(self.0, argv.len(), argv.as_ptr(), lens.as_ptr(), out, err) })
            .map(Reply)
    }

    pub fn at(url: &str) -> Client {
        Options::at(url).client()
    }

    /// From no options at all.
    pub fn default() -> Client {
        // SAFETY: NULL options are the defaults.
        made(|out, err| unsafe { rredis_client_new(ptr::null(), out, err) }).map(Client).expect("a client can be made")
    }

    pub fn command<A: AsRef<[u8]>>(&self, args: &[A]) -> Result<Reply> {
        let (argv, lens) = arrays(args);
        // SAFETY: the arrays and what they point at outlive the call.
        made(|out, err| unsafe { rredis_client_command(self.0, args.len(), argv.as_ptr(), lens.as_ptr(), out, err) })
            .map(Reply)
    }

    pub fn command_with<A: AsRef<[u8]>>(&self, args: &[A], flags: u32, timeout_ms: i64) -> Result<Reply> {
        self.command_for(args, flags, timeout_ms, ptr::null_mut())
    }

    /// A command that has so much time, and these flags.
    pub fn command_within<A: AsRef<[u8]>>(&self, args: &[A], flags: u32, timeout_ms: i64) -> Result<Reply> {
        self.command_with(args, flags | call::TIMEOUT, timeout_ms)
    }

    pub fn command_for<A: AsRef<[u8]>>(
        &self,
        args: &[A],
        flags: u32,
        timeout_ms: i64,
        call_data: *mut c_void,
    ) -> Result<Reply> {
        let (argv, lens) = arrays(args);
        let (argv, lens) = (argv.as_ptr(), lens.as_ptr());
        // SAFETY: as above; call_data is between the caller and its callback.
        made(|out, err| unsafe {
            rredis_client_command_with(self.0, args.len(), argv, lens, flags, timeout_ms, call_data, out, err)
        })
        .map(Reply)
    }

    /// What a command that must succeed replied, as [`Node::dump`] writes it.
    pub fn ask<A: AsRef<[u8]>>(&self, args: &[A]) -> String {
        self.command_with(args, call::RAW, 0).expect("the server answers").dump()
    }

    /// A number that must be one.
    pub fn number<A: AsRef<[u8]>>(&self, args: &[A]) -> i64 {
        self.command_with(args, call::RAW, 0).expect("the server answers").integer
    }

    /// Set or, with None, remove a response callback of this client's. The counter grows when user_data is freed.
    pub fn callback(&self, command: &str, function: Option<Callback>, freed: &Arc<AtomicUsize>) -> Result<()> {
        let name = command.as_ptr().cast();
        let Some(function) = function else {
            // SAFETY: no function needs no data.
            return status(|err| unsafe {
                rredis_client_set_callback(self.0, name, command.len(), None, ptr::null_mut(), None, err)
            });
        };
        let data = Boxed::leak(function, freed);
        // SAFETY: data is what run_callback and free_callback expect.
        status(|err| unsafe {
            let run = Some(run_callback as RawCallback);
            rredis_client_set_callback(self.0, name, command.len(), run, data, Some(free_callback), err)
        })
    }

    /// The handle itself.
    pub fn raw(&self) -> *mut c_void {
        self.0.cast()
    }

    /// End the waits of this client's calls that were given this, or of all, and tell how many.
    pub fn wake(&self, call_data: *const c_void) -> usize {
        // SAFETY: the handle is alive as long as self.
        unsafe { rredis_client_wake(self.0, call_data) }
    }

    pub fn conn(&self) -> Result<Conn> {
        // SAFETY: the handle is alive as long as self.
        made(|out, err| unsafe { rredis_conn_new(self.0, out, err) }).map(Conn)
    }

    pub fn stat(&self, stat: u32) -> i64 {
        // SAFETY: as above.
        unsafe { rredis_client_stat(self.0, stat) }
    }

    /// The servers that are known.
    pub fn servers(&self) -> Result<Reply> {
        // SAFETY: as above.
        made(|out, err| unsafe { rredis_client_servers(self.0, out, err) }).map(Reply)
    }

    /// A client for the server of this endpoint alone.
    pub fn at_server(&self, endpoint: &str) -> Result<Client> {
        self.narrowed(0, endpoint)
    }

    /// A client for whichever server has the slot of this key.
    pub fn at_key(&self, key: &str) -> Result<Client> {
        self.narrowed(1, key)
    }

    fn narrowed(&self, kind: u32, target: &str) -> Result<Client> {
        let (text, len) = (target.as_ptr().cast(), target.len());
        // SAFETY: as above, and the text outlives the call.
        made(|out, err| unsafe { rredis_client_new_at(self.0, kind, text, len, out, err) }).map(Client)
    }

    pub fn parser(&self) -> String {
        // SAFETY: as above; the text is on loan from the client.
        let name = unsafe { CStr::from_ptr(rredis_client_parser(self.0)) };
        name.to_string_lossy().into_owned()
    }
}

/// What another thread ends a handle's wait with, while its owner is in a call.
#[derive(Clone, Copy)]
pub struct Waker(pub(super) unsafe extern "C" fn(*const c_void) -> usize, pub(super) *const c_void);

// SAFETY: a _wake may be called by any thread.
unsafe impl Send for Waker {}
// SAFETY: as above.
unsafe impl Sync for Waker {}

impl Waker {
    /// The handle must be alive.
    pub fn wake(&self) -> usize {
        // SAFETY: the test keeps the handle for as long as it wakes it.
        unsafe { (self.0)(self.1) }
    }
}

impl Conn {
    pub fn waker(&self) -> Waker {
        extern "C" fn wake(conn: *const c_void) -> usize {
            // SAFETY: it is the handle of a Conn.
            unsafe { rredis_conn_wake(conn.cast()) }
        }
        Waker(wake, self.0.cast_const().cast())
    }

    /// Send a command whose arguments stand ready.
    pub fn send_of(&mut self, Argv(argv, lens): &Argv) -> Result<()> {
        // SAFETY: as in Client::command_of.
        status(|err| unsafe { rredis_conn_send(self.0, argv.len(), argv.as_ptr(), lens.as_ptr(), err) })
    }

    /// A command that is due no reply gives a NULL.
    pub fn command<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Result<Reply> {
        self.command_with(args, call::RAW, 0)
    }

    pub fn command_with<A: AsRef<[u8]>>(&mut self, args: &[A], flags: u32, timeout_ms: i64) -> Result<Reply> {
        let (argv, lens) = arrays(args);
        let (argv, lens) = (argv.as_ptr(), lens.as_ptr());
        // SAFETY: the arrays and what they point at outlive the call.
        made(|out, err| unsafe {
            rredis_conn_command_with(self.0, args.len(), argv, lens, flags, timeout_ms, ptr::null_mut(), out, err)
        })
        .map(Reply)
    }

    /// What a command that must succeed replied.
    pub fn ask<A: AsRef<[u8]>>(&mut self, args: &[A]) -> String {
        self.command(args).expect("the server answers").dump()
    }

    pub fn send<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Result<()> {
        let (argv, lens) = arrays(args);
        // SAFETY: as above.
        status(|err| unsafe { rredis_conn_send(self.0, args.len(), argv.as_ptr(), lens.as_ptr(), err) })
    }

    pub fn receive(&mut self, timeout_ms: i64) -> Result<Reply> {
        // SAFETY: the handle is alive as long as self.
        made(|out, err| unsafe { rredis_conn_receive(self.0, timeout_ms, out, err) }).map(Reply)
    }
}

impl Reply {
    /// A string made by hand.
    pub fn string(text: &[u8]) -> Reply {
        Reply::try_string(text).expect("a string can be built")
    }

    pub fn try_string(text: &[u8]) -> Result<Reply> {
        // SAFETY: the builder lives from _new to _free, and the text outlives its call.
        made(|out, err| unsafe {
            let builder = rredis_builder_new();
            rredis_builder_add_text(builder, kind::STRING, text.as_ptr().cast(), text.len());
            let status = rredis_builder_take(builder, out, err);
            rredis_builder_free(builder);
            status
        })
        .map(Reply)
    }
}

impl Reply {
    /// A deep copy.
    pub fn try_clone(&self) -> Result<Reply> {
        // SAFETY: a reply is one until it is freed.
        made(|out, err| unsafe { rredis_reply_clone(self.0, out, err) }).map(Reply)
    }

    /// The attributes of a node of it.
    pub fn attributes(&self, node: &Node) -> Option<&Node> {
        // SAFETY: the reply is alive as long as self, the node is one of its own, and so is what is given.
        unsafe { rredis_reply_attributes(self.0, node).as_ref() }
    }

    /// Give it away: whoever takes it frees it.
    pub fn into_raw(self) -> *mut Node {
        let reply = self.0;
        std::mem::forget(self);
        reply
    }
}

impl Deref for Reply {
    type Target = Node;
    fn deref(&self) -> &Node {
        // SAFETY: a reply is one until it is freed.
        unsafe { &*self.0 }
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.dump())
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        // SAFETY: it is ours, and this is the one time.
        unsafe { rredis_reply_free(self.0) }
    }
}

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { rredis_options_free(self.0) }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { rredis_pool_free(self.0) }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { rredis_client_free(self.0) }
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { rredis_conn_free(self.0) }
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: any number has a name, which lives for ever.
        let name = unsafe { CStr::from_ptr(rredis_status_name(self.0)) };
        f.write_str(&name.to_string_lossy())
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: as above.
        let name = unsafe { CStr::from_ptr(rredis_status_outcome_name(self.0)) };
        f.write_str(&name.to_string_lossy())
    }
}

pub(super) fn arrays<A: AsRef<[u8]>>(args: &[A]) -> (Vec<*const c_char>, Vec<usize>) {
    args.iter().map(AsRef::as_ref).map(|arg| (arg.as_ptr().cast::<c_char>(), arg.len())).unzip()
}

pub(super) fn status(call: impl FnOnce(*mut RawError) -> u32) -> Result<()> {
    let mut err = MaybeUninit::<RawError>::zeroed();
    let status = call(err.as_mut_ptr());
    // SAFETY: all its fields are numbers, so zeroes and whatever the library wrote are both values of it.
    let err = unsafe { err.assume_init() };
    if status == 0 { Ok(()) } else { Err(err.read(status)) }
}

/// What a function wrote to its out_ parameter; a pointer that it must leave alone when it fails.
pub(super) fn made<T>(call: impl FnOnce(*mut *mut T, *mut RawError) -> u32) -> Result<*mut T> {
    let untouched = ptr::without_provenance_mut(usize::MAX & !0xff);
    let mut out = untouched;
    let result = status(|err| call(&mut out, err));
    match result {
        Ok(()) => {
            assert_ne!(out, untouched, "RREDIS_OK, and nothing was written");
            Ok(out)
        }
        Err(err) => {
            assert_eq!(out, untouched, "a failure wrote to its out_ parameter: {err:?}");
            Err(err)
        }
    }
}

impl RawError {
    fn read(&self, status: u32) -> CErr {
        assert_eq!(self.status, status, "err has the status that was returned");
        let end = self.message.iter().position(|&byte| byte == 0).expect("a message ends in a NUL");
        CErr {
            status: Status(self.status),
            outcome: Outcome(self.outcome),
            os_error: self.os_error,
            attempts: self.attempts,
            message: String::from_utf8_lossy(&self.message[..end]).into_owned(),
        }
    }
}
