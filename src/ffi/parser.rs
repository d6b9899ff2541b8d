//! Parser
//!
//! A parser reads RESP without a socket, for a program that has its own. A parser of
//! yours can read the replies of a client.

use std::ffi::{CString, c_char, c_void};
use std::mem::MaybeUninit;
use std::sync::Arc;

use crate::error::{Error, Result, Status};
use crate::ffi::boundary::{
    Handle, Poison, given, guard, guard_alone, name_of, quietly, shared, sized, text_of, text_with_nul, usable, wrong,
};
use crate::ffi::builder::rredis_builder;
use crate::ffi::callback::{ToldError, UserData, rredis_free_fn};
use crate::ffi::options::rredis_options;
use crate::ffi::status::{returned, rredis_error, rredis_status};
use crate::limits::{Limits, RESERVE_BYTES_MAX};
use crate::process::uncancelled;
use crate::reply::Reply;
use crate::reply::node::rredis_reply;
use crate::resp::{self, Parse, ParserType, Recorder};

/// The values of RREDIS_OPTION_PARSER. Both parsers accept the same input.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rredis_parser_kind {
    /// the library's choice: FAST
    RREDIS_PARSER_AUTO = 0,
    /// written for speed
    RREDIS_PARSER_FAST = 1,
    /// written for simplicity
    RREDIS_PARSER_SIMPLE = 2,
}

/// A parser of yours. Set size, and fill in the other fields. The struct is copied.
/// start makes a state for each connection.
///
/// The library finds the end of each reply, and applies the limits. It feeds the bytes
/// of one reply, and next must give exactly one reply for them. A push is a reply of
/// kind PUSH. A failure closes the connection, with the text in err.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rredis_parser_type {
    /// sizeof(rredis_parser_type); later versions add fields at the end
    pub size: usize,
    /// the name in messages and from rredis_client_parser; NULL: "custom"
    pub name: *const c_char,
    /// passed to start
    pub user_data: *mut c_void,
    /// Makes a state.
    pub start: Option<
        unsafe extern "C-unwind" fn(
            user_data: *mut c_void,
            out_state: *mut *mut c_void,
            err: *mut rredis_error,
        ) -> MaybeUninit<rredis_status>,
    >,
    /// Takes all of bytes: those of one reply, perhaps in pieces.
    pub feed: Option<
        unsafe extern "C-unwind" fn(
            state: *mut c_void,
            bytes: *const c_char,
            bytes_len: usize,
            err: *mut rredis_error,
        ) -> MaybeUninit<rredis_status>,
    >,
    /// RREDIS_OK: builder has one whole reply. RREDIS_ERR_AGAIN: more bytes are needed.
    pub next: Option<
        unsafe extern "C-unwind" fn(
            state: *mut c_void,
            builder: *mut rredis_builder,
            err: *mut rredis_error,
        ) -> MaybeUninit<rredis_status>,
    >,
    /// Ends a state; called once for each start that succeeded.
    pub stop: Option<unsafe extern "C-unwind" fn(state: *mut c_void)>,
    /// frees user_data when it is no longer needed; may be NULL
    pub user_data_free: rredis_free_fn,
}

/// turns bytes into replies
pub struct rredis_parser {
    parse: Box<dyn Parse>,
    name: CString,
    /// What _reserve gave, until the next call.
    room: usize,
    /// A reply was lost for want of memory: the next one must not be taken for it.
    failed: Option<Error>,
    poison: Poison,
}

/// Make a parser.
///
///   options  the kind of parser, and the limits; NULL: the defaults
#[unsafe(no_mangle)]
pub extern "C" fn rredis_parser_new(
    options: Option<&rredis_options>,
    out_parser: Option<&mut MaybeUninit<*mut rredis_parser>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard(err, || {
        let out_parser = given(out_parser, "out_parser")?;
        let setup = rredis_options::setup(options);
        setup.check_parser()?;
        let limits = setup.options.limits();
        let parse = match setup.parser {
            Some(parser) => parser.start(limits)?,
            None => resp::parser(setup.options.parser(), limits),
        };
        let name = text_with_nul(parse.name())?;
        let parser = rredis_parser { parse, name, room: 0, failed: None, poison: Poison::default() };
        out_parser.write(Box::into_raw(Box::new(parser)));
        Ok(())
    })
}

/// Feed bytes, which may end anywhere in a reply.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_parser_feed(
    parser: Option<&mut rredis_parser>,
    bytes: *const c_char,
    bytes_len: usize,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_alone(parser, err, |parser| {
        // SAFETY: the caller vouches for bytes.
        let bytes = unsafe { text_of(bytes, bytes_len, "bytes")? };
        parser.room = 0;
        parser.parse.feed(bytes)
    })
}

/// Give a buffer to read into, which saves a copy. It is valid until the next call on
/// this parser; _commit says how many of its bytes were filled. NULL: there was not
/// enough memory.
///
///   wanted   the smallest number of bytes, up to 1 GiB
///   out_len  receives the number of bytes in the buffer
#[unsafe(no_mangle)]
pub extern "C" fn rredis_parser_reserve(
    parser: Option<&mut rredis_parser>,
    wanted: usize,
    out_len: Option<&mut MaybeUninit<usize>>,
) -> *mut c_char {
    quietly(std::ptr::null_mut(), || {
        let (Some(parser), Some(out_len)) = (parser, out_len) else { return std::ptr::null_mut() };
        parser.room = 0;
        if usable(Some(&*parser)).is_none() || wanted > RESERVE_BYTES_MAX {
            return std::ptr::null_mut();
        }
        let Ok(room) = parser.parse.room(wanted.max(1)) else { return std::ptr::null_mut() };
        parser.room = room.len();
        out_len.write(room.len());
        room.as_mut_ptr().cast()
    })
}

/// Feed the first bytes_len bytes of the buffer from _reserve.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_parser_commit(
    parser: Option<&mut rredis_parser>,
    bytes_len: usize,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_alone(parser, err, |parser| {
        let room = std::mem::take(&mut parser.room);
        if bytes_len > room {
            return Err(wrong(format!("bytes_len is {bytes_len}: _reserve gave room for {room}")));
        }
        parser.parse.filled(bytes_len)
    })
}

/// Give the next reply, which may be a push or a server's error.
///
/// RREDIS_ERR_AGAIN: no reply is complete yet. After RREDIS_ERR_PROTOCOL,
/// RREDIS_ERR_LIMIT or RREDIS_ERR_MEMORY every later call returns the same status: a
/// reply was lost, or the bytes that follow have no meaning.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_parser_next(
    parser: Option<&mut rredis_parser>,
    out_reply: Option<&mut MaybeUninit<*mut rredis_reply>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_alone(parser, err, |parser| {
        let out_reply = given(out_reply, "out_reply")?;
        parser.room = 0;
        if let Some(failed) = &parser.failed {
            return Err(failed.clone());
        }
        // The frame stays where it is: a small reply costs hardly more than moving it would.
        match &mut parser.parse.next() {
            Ok(Some(frame)) => {
                let reply = Reply::build_from(frame).inspect_err(|error| parser.failed = Some(error.clone()))?;
                out_reply.write(reply.into_raw());
                Ok(())
            }
            Ok(None) => Err(Error::new(Status::Again, "no whole reply has arrived yet")),
            Err(error) => Err(error.clone()),
        }
    })
}

/// Give the name of the parser: "fast", "simple", or your parser's name.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_parser_name(parser: Option<&rredis_parser>) -> *const c_char {
    quietly(std::ptr::null(), || parser.map_or(std::ptr::null(), |parser| parser.name.as_ptr()))
}

/// Free a parser, and the bytes that were not read.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_parser_free(parser: Option<Box<rredis_parser>>) {
    quietly((), || drop(parser))
}

/// A parser type of the caller's.
pub(crate) struct CustomType(Arc<ParserFunctions>);

/// Its functions, which every state of it needs until it is stopped.
struct ParserFunctions {
    given: rredis_parser_type,
    name: String,
    user_data: UserData,
}

/// One state of it, and the builder that its replies stand in.
struct ParserState {
    state: *mut c_void,
    builder: rredis_builder,
    functions: Arc<ParserFunctions>,
}

impl CustomType {
    /// Take over what the caller gave. Its user_data is freed in every case, but where the struct is too small to have one.
    ///
    /// # Safety
    /// `given` is NULL, or points at a struct as large as its first field says.
    pub(crate) unsafe fn new(given: *const rredis_parser_type) -> Result<Self> {
        // SAFETY: the caller vouches for it.
        let given = unsafe { sized(given, "parser")? };
        let user_data = UserData::new(given.user_data, given.user_data_free);
        for (missing, field) in [
            (given.start.is_none(), "start"),
            (given.feed.is_none(), "feed"),
            (given.next.is_none(), "next"),
            (given.stop.is_none(), "stop"),
        ] {
            if missing {
                return Err(wrong(format!("parser.{field} is NULL")));
            }
        }
        // SAFETY: NULL, or a text that ends in a NUL, as the header asks.
        let name = unsafe { name_of(given.name) };
        Ok(CustomType(Arc::new(ParserFunctions { given, name, user_data })))
    }
}

impl ParserType for CustomType {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn start(&self, limits: Limits) -> Result<Box<dyn Parse>> {
        let ParserFunctions { given, name, user_data } = &*self.0;
        let mut state = std::ptr::null_mut();
        let mut told = ToldError::new();
        let Some(start) = given.start else { return Err(wrong("parser.start is NULL")) };
        // SAFETY: the caller vouches for its function; everything it is handed lives until it returns.
        let status = uncancelled(|| unsafe { start(user_data.pointer, &mut state, told.pointer()) });
        if let Some(failure) = returned(status) {
            return Err(told.error(Status::Connect, failure, "start failed").at(&format!("the parser {name}")));
        }
        let state = ParserState { state, builder: rredis_builder::default(), functions: Arc::clone(&self.0) };
        Ok(resp::framed(Box::new(state), limits))
    }
}

impl resp::Custom for ParserState {
    fn name(&self) -> &str {
        &self.functions.name
    }

    fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        let Some(feed) = self.functions.given.feed else { return Ok(()) };
        let mut told = ToldError::new();
        // SAFETY: the caller vouches for its function; everything it is handed lives until it returns.
        let status = uncancelled(|| unsafe { feed(self.state, bytes.as_ptr().cast(), bytes.len(), told.pointer()) });
        match returned(status) {
            None => Ok(()),
            Some(failure) => Err(refused(&told, failure)),
        }
    }

    fn next(&mut self, recorder: &mut Recorder) -> Result<bool> {
        let Some(next) = self.functions.given.next else { return Ok(false) };
        let mut told = ToldError::new();
        self.builder.0.swap(recorder);
        // SAFETY: as above; the builder is the function's alone until it returns.
        let status = uncancelled(|| unsafe { next(self.state, &mut self.builder, told.pointer()) });
        self.builder.0.swap(recorder);
        match returned(status) {
            None => Ok(true),
            Some(Status::Again) => Ok(false),
            Some(failure) => Err(refused(&told, failure)),
        }
    }
}

impl Drop for ParserState {
    fn drop(&mut self) {
        if let Some(stop) = self.functions.given.stop {
            // SAFETY: the caller vouches for its function, which is called once for this state, here.
            uncancelled(|| unsafe { stop(self.state) });
        }
    }
}

fn refused(told: &ToldError, failure: Status) -> Error {
    let status = match failure {
        Status::Limit | Status::Memory => failure,
        _ => Status::Protocol,
    };
    told.error(status, failure, "it failed")
}

// SAFETY: the header says that the functions are called from any thread that makes a call; librredis itself never looks
// behind the pointers.
unsafe impl Send for ParserFunctions {}
// SAFETY: as above.
unsafe impl Sync for ParserFunctions {}
// SAFETY: as above: one state may be used by one thread after the other.
unsafe impl Send for ParserState {}

impl Handle for rredis_parser {
    const NAME: &'static str = "parser";
    const REACHES: bool = false;
    fn poison(&self) -> &Poison {
        &self.poison
    }
}

// SAFETY: behind a shared borrow only the name is read, which never changes; the parser itself is reached through &mut.
unsafe impl Sync for rredis_parser {}

const _: () = shared::<rredis_parser>();
