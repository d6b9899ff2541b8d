//! Transports
//!
//! A transport carries the bytes of a connection in place of a socket of the library.
//! The handshake and the protocol work on top of it. The library never calls two
//! functions for one stream at once, and calls them on any thread that uses the client.
//! A transport function may use any client except the one it serves.

use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Result, Status};
use crate::ffi::boundary::{name_of, sized, wrong};
use crate::ffi::callback::{ToldError, UserData, rredis_free_fn};
use crate::ffi::status::{returned, rredis_error, rredis_status};
use crate::options::Endpoint;
use crate::process::Process;
use crate::transport::{self, Attempt, Connect, Deadline, Moved, Transport};

/// A transport of yours. Set size, fill in the fields you need, and set the others to
/// zero. The struct is copied.
///
/// read and write return RREDIS_OK and set *out_len. They return RREDIS_ERR_AGAIN when
/// no byte could be moved within timeout_ms. Any other status closes the connection,
/// with the text in err. A write that fails may have moved all of its bytes: a command
/// among them is RREDIS_OUTCOME_UNKNOWN. The library fails a call if a function reports
/// more bytes than were asked for, and ends it at its deadline if a function returns
/// RREDIS_ERR_AGAIN for ever.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rredis_transport {
    /// sizeof(rredis_transport); later versions add fields at the end
    pub size: usize,
    /// the name in messages; NULL: "custom"
    pub name: *const c_char,
    /// passed to connect
    pub user_data: *mut c_void,
    /// Connects within timeout_ms, and gives a stream. If RREDIS_OPTION_UNIX_PATH is
    /// set, host is the path, and port is 0.
    pub connect: Option<
        unsafe extern "C-unwind" fn(
            user_data: *mut c_void,
            host: *const c_char,
            host_len: usize,
            port: i32,
            timeout_ms: i64,
            out_stream: *mut *mut c_void,
            err: *mut rredis_error,
        ) -> MaybeUninit<rredis_status>,
    >,
    /// Reads at least one byte, and at most buffer_len. *out_len of 0 is the end of the
    /// stream.
    pub read: Option<
        unsafe extern "C-unwind" fn(
            stream: *mut c_void,
            buffer: *mut c_char,
            buffer_len: usize,
            timeout_ms: i64,
            out_len: *mut usize,
            err: *mut rredis_error,
        ) -> MaybeUninit<rredis_status>,
    >,
    /// Writes at least one byte, and at most bytes_len.
    pub write: Option<
        unsafe extern "C-unwind" fn(
            stream: *mut c_void,
            bytes: *const c_char,
            bytes_len: usize,
            timeout_ms: i64,
            out_len: *mut usize,
            err: *mut rredis_error,
        ) -> MaybeUninit<rredis_status>,
    >,
    /// Called once for each connect that succeeded, in the process that connected.
    pub close: Option<unsafe extern "C-unwind" fn(stream: *mut c_void)>,
    /// Gives the descriptor of a stream, which must stay open until close. The library
    /// polls it, and calls read and write with a timeout_ms of 0. NULL, or a result of
    /// -1: there is none.
    pub fd: Option<unsafe extern "C-unwind" fn(stream: *mut c_void) -> i32>,
    /// frees user_data when it is no longer needed; may be NULL
    pub user_data_free: rredis_free_fn,
}

/// A transport of the caller's.
pub(crate) struct CallerTransport(Arc<TransportFunctions>);

/// Its functions, which every stream of it needs until it is closed.
struct TransportFunctions {
    given: rredis_transport,
    name: String,
    user_data: UserData,
}

/// One stream of it.
struct CallerStream {
    stream: *mut c_void,
    fd: Option<RawFd>,
    functions: Arc<TransportFunctions>,
    /// It has ended.
    over: bool,
    /// The process that connected: a child of it never closes.
    process: Process,
}

impl CallerTransport {
    /// Take over what the caller gave. Its user_data is freed in every case, but where the struct is too small to have one.
    ///
    /// # Safety
    /// `given` is NULL, or points at a struct as large as its first field says.
    pub(crate) unsafe fn new(given: *const rredis_transport) -> Result<Self> {
        // SAFETY: the caller vouches for it.
        let given = unsafe { sized(given, "transport")? };
        let user_data = UserData::new(given.user_data, given.user_data_free);
        for (missing, field) in [
            (given.connect.is_none(), "connect"),
            (given.read.is_none(), "read"),
            (given.write.is_none(), "write"),
            (given.close.is_none(), "close"),
        ] {
            if missing {
                return Err(wrong(format!("transport.{field} is NULL")));
            }
        }
        // SAFETY: NULL, or a text that ends in a NUL, as the header asks.
        let name = unsafe { name_of(given.name) };
        Ok(CallerTransport(Arc::new(TransportFunctions { given, name, user_data })))
    }
}

impl Connect for CallerTransport {
    /// Its connect does the waiting by itself.
    fn begin(&self, endpoint: &Endpoint, deadline: Deadline) -> Result<Box<dyn Attempt>> {
        let TransportFunctions { given, user_data, .. } = &*self.0;
        let (mut host, port) = match endpoint {
            Endpoint::Tcp { host, port } => (host.clone().into_bytes(), i32::from(*port)),
            Endpoint::Unix { path } => (path.clone(), 0),
        };
        let host_len = host.len();
        host.push(0);
        let mut stream = std::ptr::null_mut();
        let mut told = ToldError::new();
        let Some(connect) = given.connect else { return Err(wrong("transport.connect is NULL")) };
        let (host, timeout_ms, err) = (host.as_ptr().cast(), deadline.remaining_ms(), told.pointer());
        // SAFETY: the caller vouches for its function; everything it is handed lives until it returns.
        let status = unsafe { connect(user_data.pointer, host, host_len, port, timeout_ms, &mut stream, err) };
        if let Some(failure) = returned(status) {
            let error = self.0.error(&told, failure, Status::Connect, "connect");
            return Err(error.at(&endpoint.to_string()));
        }
        // From here on the stream is closed whatever comes.
        let mut stream =
            CallerStream { stream, fd: None, functions: Arc::clone(&self.0), over: false, process: Process::current() };
        // SAFETY: as above, of a stream that is connected.
        stream.fd = given.fd.map(|fd| unsafe { fd(stream.stream) }).filter(|&fd| fd >= 0);
        Ok(transport::connected(Box::new(stream)))
    }

    fn name(&self) -> &str {
        &self.0.name
    }

    fn has_fd(&self) -> bool {
        self.0.given.fd.is_some()
    }
}

impl Transport for CallerStream {
    fn read(&mut self, buffer: &mut [u8], timeout_ms: i64) -> Result<Moved> {
        let Some(read) = self.functions.given.read else { return Ok(Moved::None) };
        let (mut len, mut told) = (0, ToldError::new());
        let (bytes, err) = (buffer.as_mut_ptr().cast(), told.pointer());
        // SAFETY: the caller vouches for its function; the buffer is ours alone until it returns.
        let status = unsafe { read(self.stream, bytes, buffer.len(), timeout_ms, &mut len, err) };
        let moved = self.moved(status, len, buffer.len(), timeout_ms, &told, "read")?;
        self.over |= moved == Moved::Some(0) && !buffer.is_empty();
        Ok(moved)
    }

    fn write(&mut self, bytes: &[u8], timeout_ms: i64) -> Result<Moved> {
        let Some(write) = self.functions.given.write else { return Ok(Moved::None) };
        let (mut len, mut told) = (0, ToldError::new());
        let err = told.pointer();
        // SAFETY: the caller vouches for its function; the bytes live until it returns.
        let status = unsafe { write(self.stream, bytes.as_ptr().cast(), bytes.len(), timeout_ms, &mut len, err) };
        match self.moved(status, len, bytes.len(), timeout_ms, &told, "write")? {
            Moved::Some(0) if !bytes.is_empty() => Ok(self.nothing_moved(timeout_ms)),
            moved => Ok(moved),
        }
    }

    fn fd(&self) -> Option<RawFd> {
        self.fd
    }

    /// A function of the caller's may have moved all that it was given before it failed.
    fn may_move_and_fail(&self) -> bool {
        true
    }

    fn has_ended_in_order(&self) -> bool {
        self.over
    }
}

impl CallerStream {
    fn moved(
        &self,
        status: MaybeUninit<rredis_status>,
        len: usize,
        asked: usize,
        timeout_ms: i64,
        told: &ToldError,
        phase: &str,
    ) -> Result<Moved> {
        match returned(status) {
            None if len <= asked => Ok(Moved::Some(len)),
            None => {
                let name = &self.functions.name;
                Err(Error::new(
                    Status::Io,
                    format!("transport {name}: {phase}: {len} bytes where at most {asked} were asked for"),
                ))
            }
            Some(Status::Again) => Ok(self.nothing_moved(timeout_ms)),
            Some(failure) => Err(self.functions.error(told, failure, Status::Io, phase)),
        }
    }

    /// Without an fd the functions do the waiting. One that comes back at once would be asked again at once, over and over.
    fn nothing_moved(&self, timeout_ms: i64) -> Moved {
        if self.fd.is_none() && timeout_ms != 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        Moved::None
    }
}

impl Drop for CallerStream {
    fn drop(&mut self) {
        if let Some(close) = self.functions.given.close.filter(|_| self.process == Process::current()) {
            // SAFETY: the caller vouches for its function, which is called once for this stream, here.
            unsafe { close(self.stream) }
        }
    }
}

impl TransportFunctions {
    fn error(&self, told: &ToldError, failure: Status, usual: Status, phase: &str) -> Error {
        let status = match failure {
            Status::Tls | Status::Memory => failure,
            // A stream that gives up has broken: whether the time is up is not for it to say.
            Status::Timeout if usual == Status::Connect => failure,
            _ => usual,
        };
        told.error(status, failure, "it failed").at(&format!("transport {}: {phase}", self.name))
    }
}

// SAFETY: the header says that the functions are called from any thread that makes a call; librredis itself never looks
// behind the pointers.
unsafe impl Send for TransportFunctions {}
// SAFETY: as above.
unsafe impl Sync for TransportFunctions {}
// SAFETY: as above: one stream may be used by one thread after the other.
unsafe impl Send for CallerStream {}
