//! Real sockets on loopback and in temporary folders: what moves over them, how they end, and what the program they live in
//! notices of them.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::connect::shown;
use super::*;
use crate::error::{Error, Result, Status};
use crate::memory::Room;
use crate::options::Endpoint;

/// A temporary folder, gone with its contents when it is dropped.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name = format!("rredis-transport-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// Sockets that have not learned anything.
pub(super) fn sockets() -> Sockets {
    Sockets::new(30_000, 30_000)
}

/// Long enough for any answer on this machine.
pub(super) fn soon() -> Deadline {
    Deadline::after_ms(60_000)
}

pub(super) fn tcp_endpoint(host: &str, port: u16) -> Endpoint {
    Endpoint::Tcp { host: host.to_owned(), port }
}

pub(super) fn unix_endpoint(path: &Path) -> Endpoint {
    Endpoint::Unix { path: path.as_os_str().as_encoded_bytes().to_vec() }
}

/// The milliseconds that a text names, and the text with an N in their place: a busy machine may have taken some of them. It
/// may have taken all.
pub(super) fn allowed(error: &Error) -> (i64, String) {
    let text = error.to_string().replace(NO_TIME_LEFT, "no answer within 0 ms");
    let (before, rest) = text.split_once("within ").unwrap();
    let (number, after) = rest.split_once(' ').unwrap();
    (number.parse().unwrap(), format!("{before}within N {after}"))
}

/// Both ends of a connection over loopback.
fn tcp_pair() -> (Box<dyn Transport>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let ours = sockets().connect(&tcp_endpoint("127.0.0.1", port), soon()).unwrap();
    (ours, listener.accept().unwrap().0)
}

/// Wait until a read would not wait, then read.
fn read(transport: &mut dyn Transport, buffer: &mut [u8]) -> Result<Moved> {
    let fd = transport.fd().unwrap();
    assert!(wait::wait(fd, true, false, soon()).unwrap().readable);
    transport.read(buffer, 0)
}

#[test]
fn bytes_go_both_ways_and_nothing_waits() {
    let (mut ours, mut theirs) = tcp_pair();
    let mut buffer = [0; 16];
    assert_eq!(ours.read(&mut buffer, 0), Ok(Moved::None));
    assert_eq!(ours.write(b"PING\r\n", 0), Ok(Moved::Some(6)));
    theirs.read_exact(&mut buffer[..6]).unwrap();
    assert_eq!(&buffer[..6], b"PING\r\n");
    theirs.write_all(b"+PONG\r\n").unwrap();
    assert_eq!(read(&mut *ours, &mut buffer), Ok(Moved::Some(7)));
    assert_eq!(&buffer[..7], b"+PONG\r\n");
    assert_eq!(ours.write(b"", 0), Ok(Moved::Some(0)));
    assert_eq!(ours.read(&mut [], 0), Ok(Moved::None));
}

#[test]
fn a_write_takes_what_fits_and_then_none() {
    let (mut ours, mut theirs) = tcp_pair();
    let bytes = vec![b'x'; 1 << 20];
    let mut written = 0;
    while let Moved::Some(count) = ours.write(&bytes, 0).unwrap() {
        written += count;
        assert!(written < 1 << 30);
    }
    assert!(!wait::wait(ours.fd().unwrap(), false, true, Deadline::after_ms(0)).unwrap().any());
    let mut rest = written;
    while rest > 0 {
        let len = rest.min(bytes.len());
        rest -= theirs.read(&mut vec![0; len]).unwrap();
    }
    assert!(wait::wait(ours.fd().unwrap(), false, true, soon()).unwrap().writable);
}

#[test]
fn the_end_comes_after_the_last_bytes() {
    let (mut ours, mut theirs) = tcp_pair();
    theirs.write_all(b"-ERR max number of clients reached\r\n").unwrap();
    drop(theirs);
    let mut buffer = [0; 64];
    assert_eq!(read(&mut *ours, &mut buffer), Ok(Moved::Some(36)));
    assert_eq!(read(&mut *ours, &mut buffer), Ok(Moved::Some(0)));
    assert_eq!(read(&mut *ours, &mut buffer), Ok(Moved::Some(0)));
}

#[test]
fn a_reset_breaks_the_connection_and_raises_no_signal() {
    let (mut ours, theirs) = tcp_pair();
    SockRef::from(&theirs).set_linger(Some(Duration::ZERO)).unwrap();
    drop(theirs);
    let error = read(&mut *ours, &mut [0; 16]).unwrap_err();
    assert_eq!((error.status, error.os_error), (Status::Io, libc::ECONNRESET));
    assert_eq!(error.to_string(), "read: Connection reset by peer");
    thread::with_signals_blocked(|| {
        let error = ours.write(b"PING\r\n", 0).unwrap_err();
        assert_eq!((error.status, error.os_error), (Status::Io, libc::EPIPE));
        assert_eq!(error.to_string(), "write: Broken pipe");
        assert!(!sigpipe_waits(), "SIGPIPE was raised");
    });
}

#[test]
fn a_unix_peer_that_is_gone_raises_no_signal() {
    let folder = Folder::new();
    let listener = UnixListener::bind(folder.path("socket")).unwrap();
    let mut ours = sockets().connect(&unix_endpoint(&folder.path("socket")), soon()).unwrap();
    drop(listener.accept().unwrap());
    thread::with_signals_blocked(|| {
        assert_eq!(ours.write(b"PING\r\n", 0).unwrap_err().os_error, libc::EPIPE);
        assert!(!sigpipe_waits(), "SIGPIPE was raised");
    });
    assert_eq!(read(&mut *ours, &mut [0; 16]), Ok(Moved::Some(0)));
}

/// Whether SIGPIPE waits for this thread to unblock it.
fn sigpipe_waits() -> bool {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap();
    let pending = status.lines().find_map(|line| line.strip_prefix("SigPnd:")).unwrap().trim();
    u64::from_str_radix(pending, 16).unwrap() & 1 << (libc::SIGPIPE - 1) != 0
}

#[test]
fn a_resting_connection_is_quiet_or_readable_or_closed() {
    let (ours, mut theirs) = tcp_pair();
    let fd = ours.fd().unwrap();
    assert_eq!(wait::idle_state(fd), wait::Idle::Quiet);
    theirs.write_all(b"x").unwrap();
    assert!(wait::wait(fd, true, false, soon()).unwrap().readable);
    assert_eq!(wait::idle_state(fd), wait::Idle::Readable);
    assert_eq!(wait::idle_state(fd), wait::Idle::Readable, "the look takes nothing");
    assert_eq!(wait::receive(fd, &mut [0; 8]).unwrap(), 1);
    theirs.shutdown(Shutdown::Write).unwrap();
    assert!(wait::wait(fd, true, false, soon()).unwrap().readable);
    assert_eq!(wait::idle_state(fd), wait::Idle::Closed);
}

#[test]
fn dropping_a_transport_closes_it() {
    let (ours, mut theirs) = tcp_pair();
    drop(ours);
    assert_eq!(theirs.read(&mut [0; 8]).unwrap(), 0);
}

#[test]
fn every_descriptor_is_closed_on_exec_and_no_call_waits_that_is_not_told_to() {
    let folder = Folder::new();
    let _listener = UnixListener::bind(folder.path("socket")).unwrap();
    let unix = sockets().connect(&unix_endpoint(&folder.path("socket")), soon()).unwrap();
    let (tcp, _theirs) = tcp_pair();
    for (mut transport, waits) in [(unix, false), (tcp, true)] {
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", transport.fd().unwrap())).unwrap();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap().trim();
        let flags = i32::from_str_radix(flags, 8).unwrap();
        assert_ne!(flags & libc::O_CLOEXEC, 0);
        assert_eq!((flags & libc::O_NONBLOCK == 0, transport.plain().unwrap().waits), (waits, waits));
        assert_eq!(transport.read(&mut [0; 8], 0), Ok(Moved::None));
        let (mut list, mut end) = (vec![0; 8], 0);
        assert_eq!(transport.read_into(&mut Room::behind(&mut list, &mut end, 8), 0), Ok(Moved::None));
        let mut bytes = 0;
        while let Moved::Some(len) = transport.write(&[0; 65536], 0).unwrap() {
            bytes += len;
        }
        assert!(bytes > 0);
    }
}

/// Told to wait, a read takes what comes meanwhile, and without that it ends soon, and by a signal at once.
#[test]
fn a_read_that_waits_ends_with_what_comes_or_soon() {
    let (mut ours, mut theirs) = tcp_pair();
    let mut read = || {
        let (mut list, mut end) = (Vec::with_capacity(8), 0);
        let start = Instant::now();
        let moved = ours.read_into(&mut Room::behind(&mut list, &mut end, 8), wait::READ_WAIT_MS).unwrap();
        (moved, list, start.elapsed())
    };
    let (moved, list, took) = read();
    assert!(moved == Moved::None && list.is_empty() && took >= Duration::from_millis(wait::READ_WAIT_MS as u64 - 5));
    let sending = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(5));
        theirs.write_all(b"abc").unwrap();
        theirs
    });
    let mut came = read();
    while came.0 == Moved::None {
        came = read();
    }
    assert_eq!((came.0, came.1.as_slice()), (Moved::Some(3), &b"abc"[..]));
    drop(sending.join().unwrap());
    assert_eq!(read().0, Moved::Some(0));
}

#[test]
fn a_wait_is_never_early() {
    let (ours, _theirs) = tcp_pair();
    for ms in [0, 1, 2, 3, 7, 20] {
        for _ in 0..5 {
            let start = Instant::now();
            assert!(!wait::wait(ours.fd().unwrap(), true, false, Deadline::after_ms(ms)).unwrap().any());
            assert!(start.elapsed() >= Duration::from_millis(ms as u64));
        }
    }
}

#[test]
fn a_long_endpoint_leaves_room_for_the_reason() {
    let folder = Folder::new();
    let error = sockets().connect(&unix_endpoint(&folder.path(&"e".repeat(500))), soon()).map(|_| ()).unwrap_err();
    assert_eq!(error.status, Status::Config);
    assert!(error.message.len() < 240);
    assert!(error.to_string().ends_with("bytes, and a Unix socket's has at most 107"), "{error}");
    let host = "\u{e9}".repeat(119);
    let shown = shown(&tcp_endpoint(&host, 1));
    assert!(shown.len() <= connect::ENDPOINT_SHOWN_MAX && shown.ends_with("\u{e9}..."), "{shown}");
}

#[cfg(not(feature = "tls"))]
#[test]
fn a_build_without_tls_says_so() {
    let sockets = Sockets::new(-1, -1);
    let refused = with_tls(std::sync::Arc::new(sockets), &crate::options::Options::new());
    let error = refused.err().unwrap();
    assert_eq!((error.status, error.to_string().as_str()), (Status::Unsupported, "tls: this build has no TLS"));
}
