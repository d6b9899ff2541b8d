//! TLS
//!
//! TLS over a connected socket of yours, for an event loop that speaks RESP through an
//! rredis_parser. No call waits, or closes the socket. Whenever the socket is ready for
//! what _wants gives, _write what waits, and _read until RREDIS_ERR_AGAIN: in the
//! handshake, either call goes on with it. There is no timeout: to give up, call _free.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use crate::error::{Error, Result, Status};
use crate::ffi::r#async::rredis_ready;
use crate::ffi::boundary::{
    Handle, Poison, given, guard_alone, guard_reaching, quietly, quietly_reaching, shared, text_of, usable, wrong,
};
use crate::ffi::options::rredis_options;
use crate::ffi::status::{rredis_error, rredis_status};
use crate::transport::{Moved, Secured};

/// encrypts what a socket carries
pub struct rredis_tls {
    secured: Secured,
    poison: Poison,
}

/// Make the client's side of TLS. The first _read or _write begins the handshake.
///
///   options  RREDIS_OPTION_HOST or _TLS_SERVER_NAME, which the certificate must have,
///            and other TLS options; NULL: the defaults, and a certificate for
///            127.0.0.1. RREDIS_OPTION_TLS may be unset; 0 is RREDIS_ERR_CONFIG
///   fd       a connected, non-blocking stream socket, to which nothing was written;
///            it must stay open until _free
#[unsafe(no_mangle)]
pub extern "C" fn rredis_tls_new(
    options: Option<&rredis_options>,
    fd: i32,
    out_tls: Option<&mut MaybeUninit<*mut rredis_tls>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_reaching(err, || {
        let out_tls = given(out_tls, "out_tls")?;
        if fd < 0 {
            return Err(wrong(format!("fd is {fd}")));
        }
        let secured = Secured::new(fd, &rredis_options::setup(options).options)?;
        out_tls.write(Box::into_raw(Box::new(rredis_tls { secured, poison: Poison::default() })));
        Ok(())
    })
}

/// Read decrypted bytes. *out_len of 0 is the end of the stream, also where the server
/// closed without TLS's close_notify: rredis_parser_unread tells whether a reply was
/// cut.
///
/// RREDIS_ERR_AGAIN: poll the socket for what _wants gives. Do not poll before: bytes
/// that were received may no longer show at the socket. RREDIS_ERR_TLS or
/// RREDIS_ERR_CONNECT: the handshake failed, or the server refused the client's
/// certificate. RREDIS_ERR_IO: the connection broke. Later calls return that status.
///
///   buffer_len  at least 1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_tls_read(
    tls: Option<&mut rredis_tls>,
    buffer: *mut c_char,
    buffer_len: usize,
    out_len: Option<&mut MaybeUninit<usize>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_alone(tls, err, |tls| {
        let out_len = given(out_len, "out_len")?;
        if buffer.is_null() {
            return Err(wrong("buffer is NULL"));
        }
        if buffer_len == 0 || buffer_len > isize::MAX as usize {
            return Err(wrong(format!("buffer_len is {buffer_len}")));
        }
        // No call has more at once, and one that has nothing should not touch all of a large buffer.
        let buffer_len = buffer_len.min(READ_BYTES_MAX);
        // SAFETY: the caller vouches for buffer_len bytes there.
        unsafe { buffer.write_bytes(0, buffer_len) };
        // SAFETY: the same, and they are initialised now, and ours until we return.
        let buffer = unsafe { std::slice::from_raw_parts_mut(buffer.cast::<u8>(), buffer_len) };
        said(tls.secured.read(buffer)?, out_len)
    })
}

/// Encrypt and write bytes. *out_len is how many were taken, at most 16384: call again
/// with the rest until all are taken, or until RREDIS_ERR_AGAIN.
///
/// RREDIS_ERR_AGAIN: none were taken. Poll the socket for what _wants gives, then
/// _write all of the same bytes, and more behind them if you like. Other statuses are
/// as of _read. After a failed _write, _read may say why.
///
///   bytes_len  at least 1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_tls_write(
    tls: Option<&mut rredis_tls>,
    bytes: *const c_char,
    bytes_len: usize,
    out_len: Option<&mut MaybeUninit<usize>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_alone(tls, err, |tls| {
        let out_len = given(out_len, "out_len")?;
        // SAFETY: the caller vouches for bytes.
        let bytes = unsafe { text_of(bytes, bytes_len, "bytes")? };
        if bytes.is_empty() {
            return Err(wrong("bytes_len is 0"));
        }
        said(tls.secured.write(bytes)?, out_len)
    })
}

/// The most that one call reads.
const READ_BYTES_MAX: usize = 65_536;

fn said(moved: Moved, out_len: &mut MaybeUninit<usize>) -> Result<()> {
    let Moved::Some(len) = moved else { return Err(Error::new(Status::Again, "the socket is not ready")) };
    out_len.write(len);
    Ok(())
}

/// Give the rredis_ready values to poll the socket for.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_tls_wants(tls: Option<&rredis_tls>) -> u32 {
    quietly(0, || {
        usable(tls).map_or(0, |tls| {
            let wants = tls.secured.wants();
            let read = if wants.read { rredis_ready::RREDIS_READY_READ as u32 } else { 0 };
            read | if wants.write { rredis_ready::RREDIS_READY_WRITE as u32 } else { 0 }
        })
    })
}

/// Free it. Nothing is written, and the socket stays open.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_tls_free(tls: Option<Box<rredis_tls>>) {
    quietly_reaching((), || drop(tls))
}

impl Handle for rredis_tls {
    const NAME: &'static str = "tls";
    fn poison(&self) -> &Poison {
        &self.poison
    }
}

// SAFETY: behind a shared borrow only what is waited for is read, which changes through &mut alone.
unsafe impl Sync for rredis_tls {}

const _: () = shared::<rredis_tls>();
