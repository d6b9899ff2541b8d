//! Callbacks
//!
//! Built-in response callbacks give a reply one shape in RESP2 and RESP3. SHAPES.md has
//! the shape for each command. rredis_callback_name gives the names of the commands.

use std::ffi::{CStr, c_char, c_void};
use std::mem::MaybeUninit;
use std::sync::Arc;

use crate::client::{Callback, Listen};
use crate::commands;
use crate::conn::Credentials;
use crate::error::{Error, Outcome, Result, Status, line};
use crate::ffi::boundary::{args, given, guard, quietly, wrong};
use crate::ffi::builder::rredis_builder;
use crate::ffi::status::{returned, rredis_error, rredis_status};
use crate::ongoing::Interrupt;
use crate::options::Secret;
use crate::process::uncancelled;
use crate::reply::node::{Kind, rredis_reply};
use crate::reply::{Builder, Reply, View, is_root};

/// Frees a user_data. It is called once: when the last handle that needs user_data is
/// freed or given another function, or by the setter if that fails. It is not called if
/// a struct is refused because its size field is too small. NULL: nothing is freed.
pub type rredis_free_fn = Option<unsafe extern "C-unwind" fn(user_data: *mut c_void)>;

/// Receives a reply that belongs to no command: a push, an event, or a message.
pub type rredis_reply_fn = Option<unsafe extern "C-unwind" fn(user_data: *mut c_void, reply: *const rredis_reply)>;

/// A response callback: receives each reply to its command as the server sent it, and
/// may replace it. It is called in place of the built-in callback, which it can call
/// with rredis_callback_builtin. It is not called for a server's error.
///
/// *out_reply is NULL at first. Leave it NULL to keep the reply, or write a whole reply
/// that you own to it (from a builder, a clone, another command): the library then owns
/// it. call_data is the pointer that the caller passed, for example to a struct to
/// fill. argv_len and err are never NULL, and *err is zero at first.
///
/// If it returns any status except RREDIS_OK, the call returns RREDIS_ERR_CALLBACK with
/// RREDIS_OUTCOME_RAN and the text in err->message. In a pipeline run and in the reply
/// to EXEC, an ERROR with the text takes the place of the command's reply instead.
///
/// The connection is returned to the pool before the function is called, so the
/// function may use this client. An rredis_conn, a watching pipeline and _run_each keep
/// their connection: a call with this client in their callback leases a second one.
pub type rredis_callback_fn = Option<
    unsafe extern "C-unwind" fn(
        user_data: *mut c_void,
        call_data: *mut c_void,
        argc: usize,
        argv: *const *const c_char,
        argv_len: *const usize,
        reply: *const rredis_reply,
        out_reply: *mut *mut rredis_reply,
        err: *mut rredis_error,
    ) -> MaybeUninit<rredis_status>,
>;

/// Gives the credentials for a new connection to endpoint ("host:port" or "unix:path").
/// It adds the user name, or a NULL, and then the password to credentials. Both are
/// wiped after the handshake, and no message about it shows them. If it returns any
/// status except RREDIS_OK, the connect fails with RREDIS_ERR_CALLBACK and the text in
/// err->message.
pub type rredis_credentials_fn = Option<
    unsafe extern "C-unwind" fn(
        user_data: *mut c_void,
        endpoint: *const c_char,
        endpoint_len: usize,
        credentials: *mut rredis_builder,
        err: *mut rredis_error,
    ) -> MaybeUninit<rredis_status>,
>;

/// Decides whether a waiting call goes on. It is called on the waiting thread, every
/// 100 ms and after each signal that the thread handles. If it returns any status
/// except RREDIS_OK, the call ends with RREDIS_ERR_WOKEN. It may use any handle except
/// the one that waits.
pub type rredis_interrupt_fn =
    Option<unsafe extern "C-unwind" fn(user_data: *mut c_void) -> MaybeUninit<rredis_status>>;

/// Give the name of a command that has a built-in callback, such as "ZRANGE" or "CONFIG
/// GET". The first command has index 0. NULL: index is past the last command.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_callback_name(index: usize) -> *const c_char {
    quietly(std::ptr::null(), || commands::shape::c_name(index).map_or(std::ptr::null(), CStr::as_ptr))
}

/// Apply the built-in callback of a command to a reply.
///
///   argc, argv, argv_len  the command; its arguments decide the shape of the reply
///   reply                 the reply as the server sent it
///   out_reply             receives the new reply. It is a copy of reply if the command
///                         has no built-in callback, if reply has the shape already or
///                         is an ERROR, or if the callback does not recognize it
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_callback_builtin(
    argc: usize,
    argv: *const *const c_char,
    argv_len: *const usize,
    reply: Option<&rredis_reply>,
    out_reply: Option<&mut MaybeUninit<*mut rredis_reply>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard(err, || {
        let reply = given(reply, "reply")?;
        let out_reply = given(out_reply, "out_reply")?;
        // SAFETY: the caller vouches for argv and argv_len.
        let args = unsafe { args(argc, argv, argv_len)? };
        out_reply.write(commands::shape(&args).copy(View::new(reply))?.into_raw());
        Ok(())
    })
}

/// A response callback of the caller's.
pub(crate) struct CallerCallback {
    function: rredis_callback_fn,
    user_data: UserData,
}

/// A function of the caller's that is shown replies.
pub(crate) struct Listener {
    function: rredis_reply_fn,
    user_data: UserData,
}

/// A function of the caller's that says whether a call shall go on.
pub(crate) struct Interrupted {
    function: rredis_interrupt_fn,
    user_data: UserData,
}

/// A function of the caller's that says who we are.
pub(crate) struct AskedWho {
    function: rredis_credentials_fn,
    user_data: UserData,
}

/// What a function of the caller's was given with, and how that ends: once, whatever happens.
pub(crate) struct UserData {
    pub(crate) pointer: *mut c_void,
    free: rredis_free_fn,
}

/// An err for a function of the caller's: zeroed, and read with suspicion.
pub(crate) struct ToldError(MaybeUninit<rredis_error>);

impl CallerCallback {
    /// The callback, or None where the caller gave no function.
    pub(crate) fn of(function: rredis_callback_fn, user_data: UserData) -> Option<Arc<dyn Callback>> {
        function.map(|_| Arc::new(CallerCallback { function, user_data }) as Arc<dyn Callback>)
    }
}

impl Callback for CallerCallback {
    fn call(&self, call_data: *mut (), args: &[&[u8]], reply: &Reply) -> Result<Option<Reply>> {
        let Some(function) = self.function else { return Ok(None) };
        let loan: *const rredis_reply = reply.root();
        let mut out_reply: *mut rredis_reply = std::ptr::null_mut();
        let mut told = ToldError::new();
        let status = with_pointers(args, |argv, argv_len| {
            let err = told.pointer();
            // SAFETY: the caller vouches for its function; everything it is handed lives until it returns.
            unsafe {
                function(
                    self.user_data.pointer,
                    call_data.cast(),
                    args.len(),
                    argv,
                    argv_len,
                    loan,
                    &mut out_reply,
                    err,
                )
            }
        })?;
        let other = !out_reply.is_null() && !std::ptr::eq(out_reply, loan);
        // SAFETY: what the function wrote is a reply, or at least a part of one, that was not freed.
        let part = other && !is_root(unsafe { &*out_reply });
        // SAFETY: it is a whole reply, and librredis's from now on, as the header asks.
        let given = (other && !part).then(|| unsafe { Reply::from_raw(out_reply) });
        match returned(status) {
            None if part => {
                let text = "the callback gave a part of a reply: rredis_reply_clone makes a whole one of it";
                Err(Error::new(Status::Callback, text).with_outcome(Outcome::Ran))
            }
            None => Ok(given),
            Some(status) => {
                Err(told.error(Status::Callback, status, "the callback refused").with_outcome(Outcome::Ran))
            }
        }
    }
}

impl Listener {
    /// The listener, or None where the caller gave no function.
    pub(crate) fn of(function: rredis_reply_fn, user_data: UserData) -> Option<Arc<dyn Listen>> {
        function.map(|_| Arc::new(Listener { function, user_data }) as Arc<dyn Listen>)
    }
}

impl Listen for Listener {
    fn hear(&self, reply: &Reply) {
        let Some(function) = self.function else { return };
        // SAFETY: the caller vouches for its function; the reply lives until it returns.
        unsafe { function(self.user_data.pointer, reply.root()) }
    }
}

impl Interrupted {
    /// The function, or None where the caller gave none.
    pub(crate) fn of(function: rredis_interrupt_fn, user_data: UserData) -> Option<Arc<dyn Interrupt>> {
        function.map(|_| Arc::new(Interrupted { function, user_data }) as Arc<dyn Interrupt>)
    }
}

impl Interrupt for Interrupted {
    fn may_go_on(&self) -> bool {
        // SAFETY: the caller vouches for its function.
        self.function.is_none_or(|function| returned(unsafe { function(self.user_data.pointer) }).is_none())
    }
}

impl AskedWho {
    /// The function, or None where the caller gave none.
    pub(crate) fn of(function: rredis_credentials_fn, user_data: UserData) -> Option<Arc<dyn Credentials>> {
        function.map(|_| Arc::new(AskedWho { function, user_data }) as Arc<dyn Credentials>)
    }
}

impl Credentials for AskedWho {
    fn ask(&self, endpoint: &str) -> Result<(Option<Secret>, Secret)> {
        let Some(function) = self.function else { return Err(wrong("credentials: function is NULL")) };
        let mut builder = rredis_builder(Builder::for_secrets());
        builder.0.open(Kind::RREDIS_REPLY_ARRAY);
        let mut told = ToldError::new();
        let place = [endpoint.as_bytes(), b"\0"].concat();
        let (text, len, err) = (place.as_ptr().cast(), endpoint.len(), told.pointer());
        // SAFETY: the caller vouches for its function; everything it is handed lives until it returns.
        let status = unsafe { function(self.user_data.pointer, text, len, &mut builder, err) };
        builder.0.end();
        let given = builder.0.take();
        drop(builder);
        if let Some(status) = returned(status) {
            given.into_iter().for_each(Reply::wipe);
            return Err(told.error(Status::Callback, status, "the credentials were refused"));
        }
        let given = given.map_err(|error| Error { status: Status::Callback, ..error }.at("credentials"))?;
        let said = credentials_of(&given);
        given.wipe();
        said?.ok_or_else(|| {
            Error::new(Status::Callback, "credentials: a user name or a NULL is due, and then a password")
        })
    }
}

/// A user name or a NULL, and a password.
fn credentials_of(given: &Reply) -> Result<Option<(Option<Secret>, Secret)>> {
    let (Some(user), Some(password)) = (given.view().get(0), given.view().get(1)) else { return Ok(None) };
    let is_text = |view: View<'_>| view.kind() == Kind::RREDIS_REPLY_STRING;
    if given.view().len() != 2 || !is_text(password) || !(user.is_null() || is_text(user)) {
        return Ok(None);
    }
    let username = (!user.is_null()).then(|| Secret::new(user.text())).transpose()?;
    Ok(Some((username, Secret::new(password.text())?)))
}

impl UserData {
    /// To be made before anything is checked: then it is freed in every case.
    pub(crate) fn new(pointer: *mut c_void, free: rredis_free_fn) -> Self {
        UserData { pointer, free }
    }
}

impl Drop for UserData {
    fn drop(&mut self) {
        if let Some(free) = self.free {
            // SAFETY: the caller vouches for its function, which is called once, here.
            uncancelled(|| unsafe { free(self.pointer) });
        }
    }
}

// SAFETY: the header says that functions of the caller's are called from any thread that makes a call, so what they are
// given with must stand that; librredis itself never looks behind the pointer.
unsafe impl Send for UserData {}
// SAFETY: as above.
unsafe impl Sync for UserData {}

impl ToldError {
    pub(crate) fn new() -> Self {
        ToldError(MaybeUninit::zeroed())
    }

    pub(crate) fn pointer(&mut self) -> *mut rredis_error {
        self.0.as_mut_ptr()
    }

    /// What the function returned, where it is one that may refuse and changes nothing by itself.
    pub(crate) fn ended(&self, status: MaybeUninit<rredis_status>) -> Result<()> {
        match returned(status) {
            None => Ok(()),
            Some(status) => {
                Err(self.error(Status::Callback, status, "the function refused").with_outcome(Outcome::NotSent))
            }
        }
    }

    /// What the function said, as an error of ours. `otherwise` is for one that wrote nothing. What it wrote is taken for a
    /// line: where it is the message of another call of this library's, it comes out as it went in.
    pub(crate) fn error(&self, status: Status, returned: Status, otherwise: &str) -> Error {
        let told = self.0.as_ptr();
        // SAFETY: all of it was zeroed, and any bytes are characters. The two enumerators are not looked at.
        let message = unsafe { (*told).message };
        // SAFETY: as above; any bytes are an integer.
        let os_error = unsafe { (*told).os_error };
        let message: Vec<u8> = message.iter().map(|&byte| byte as u8).take_while(|&byte| byte != 0).collect();
        let message = match message.is_empty() {
            true => format!("{otherwise} ({})", returned.name()).into_bytes(),
            false => line::text_of(&message),
        };
        Error { os_error, ..Error::new(status, message) }
    }
}

/// Where an argument is. An empty one is somewhere too, for who reads it up to a NUL.
fn pointer_to(arg: &[u8]) -> *const c_char {
    if arg.is_empty() { c"".as_ptr() } else { arg.as_ptr().cast() }
}

/// Arguments as C has them: pointers and lengths.
fn with_pointers<T>(args: &[&[u8]], body: impl FnOnce(*const *const c_char, *const usize) -> T) -> Result<T> {
    const FEW: usize = 8;
    if args.len() <= FEW {
        let mut argv = [std::ptr::null(); FEW];
        let mut argv_len = [0; FEW];
        for (i, arg) in args.iter().enumerate() {
            argv[i] = pointer_to(arg);
            argv_len[i] = arg.len();
        }
        return Ok(body(argv.as_ptr(), argv_len.as_ptr()));
    }
    let mut argv: Vec<*const c_char> = Vec::new();
    let mut argv_len: Vec<usize> = Vec::new();
    let room = argv.try_reserve_exact(args.len()).and_then(|()| argv_len.try_reserve_exact(args.len()));
    room.map_err(|_| Error::memory("the arguments"))?;
    argv.extend(args.iter().map(|arg| pointer_to(arg)));
    argv_len.extend(args.iter().map(|arg| arg.len()));
    Ok(body(argv.as_ptr(), argv_len.as_ptr()))
}
