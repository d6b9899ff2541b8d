//! A parser of the caller's.

use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;
use std::sync::Arc;

use crate::error::{Error, Result, Status};
use crate::ffi::boundary::{name_of, sized, wrong};
use crate::ffi::builder::rredis_builder;
use crate::ffi::callback::{ToldError, UserData, rredis_free_fn};
use crate::ffi::status::{returned, rredis_error, rredis_status};
use crate::limits::Limits;
use crate::process::uncancelled;
use crate::resp::{self, Parse, ParserType, Recorder};

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
