//! Every way in which a path can fail to be a server.

use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread;
use std::time::Instant;

use super::super::Connect;
use super::super::attempt::finish;
use super::super::tests::{Folder, allowed, sockets, soon, unix_endpoint};
use super::*;

fn connect_to(path: &Path, deadline: Deadline) -> Result<()> {
    sockets().connect(&unix_endpoint(path), deadline).map(drop)
}

fn connect(path: &[u8], deadline: Deadline) -> Result<Socket> {
    let mut attempt = UnixAttempt::begin(path, deadline)?;
    finish(|| attempt.go_on())
}

#[test]
fn a_server_that_listens_is_connected_to() {
    let folder = Folder::new();
    let path = folder.path("redis.sock");
    let listener = UnixListener::bind(&path).unwrap();
    connect_to(&path, soon()).unwrap();
    listener.accept().unwrap();
}

#[test]
fn an_absent_path_hints_at_unixsocket() {
    let folder = Folder::new();
    let path = folder.path("absent.sock");
    let error = connect_to(&path, soon()).unwrap_err();
    assert_eq!((error.status, error.os_error), (Status::Connect, libc::ENOENT));
    let text = "connect: No such file or directory (is `unixsocket` set in redis.conf?)";
    assert_eq!(error.to_string(), format!("unix:{}: {text}", path.display()));
}

#[test]
fn a_path_that_nobody_listens_on_hints_at_unixsocket() {
    let folder = Folder::new();
    let path = folder.path("left-behind.sock");
    drop(UnixListener::bind(&path).unwrap());
    let error = connect_to(&path, soon()).unwrap_err();
    assert_eq!((error.status, error.os_error), (Status::Connect, libc::ECONNREFUSED));
    let text = "connect: Connection refused (is `unixsocket` set in redis.conf?)";
    assert_eq!(error.to_string(), format!("unix:{}: {text}", path.display()));
}

/// The tests may run as root, to whom nothing is forbidden: so the error is made by hand.
#[test]
fn a_forbidden_path_hints_at_unixsocketperm() {
    let error = refused(&io::Error::from_raw_os_error(libc::EACCES));
    assert_eq!((error.status, error.os_error), (Status::Connect, libc::EACCES));
    assert_eq!(error.to_string(), "connect: Permission denied (see `unixsocketperm` in redis.conf)");
    let error = refused(&io::Error::from_raw_os_error(libc::EMFILE));
    assert_eq!(error.to_string(), "connect: Too many open files");
}

#[test]
fn a_path_has_at_most_107_bytes() {
    let folder = Folder::new();
    let prefix = folder.path("");
    let exact = format!("{}{}", prefix.display(), "x".repeat(PATH_MAX - prefix.as_os_str().len()));
    let listener = UnixListener::bind(&exact).unwrap();
    connect_to(Path::new(&exact), soon()).unwrap();
    drop(listener);
    let error = connect_to(Path::new(&format!("{exact}y")), soon()).unwrap_err();
    assert_eq!(error.status, Status::Config);
    assert_eq!(
        error.to_string(),
        format!("unix:{exact}y: path: it has 108 bytes, and a Unix socket's has at most 107")
    );
}

#[test]
fn a_path_that_is_none_is_said_so() {
    for (path, text) in
        [(&b""[..], "path: it is empty"), (b"/tmp/a\0b", "path: it has a NUL in it, where the system would end it")]
    {
        let error = connect(path, soon()).map(drop).unwrap_err();
        assert_eq!((error.status, error.to_string().as_str()), (Status::Config, text));
    }
}

#[test]
fn a_leading_nul_is_an_abstract_name() {
    let name = format!("\0rredis-test-{}", std::process::id());
    let listener = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    listener.bind(&address(name.as_bytes()).unwrap()).unwrap();
    listener.listen(1).unwrap();
    connect(name.as_bytes(), soon()).unwrap();
    assert!(address(&[0; PATH_MAX + 1]).is_ok());
    assert!(address(&[0; PATH_MAX + 2]).is_err());
}

/// A listener whose backlog is full.
fn full(path: &Path) -> (Socket, Vec<Socket>) {
    let listener = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    listener.bind(&SockAddr::unix(path).unwrap()).unwrap();
    listener.listen(0).unwrap();
    let mut queued = Vec::new();
    while let Ok(socket) = connect(path.as_os_str().as_bytes(), Deadline::after_ms(0)) {
        queued.push(socket);
    }
    (listener, queued)
}

#[test]
fn a_full_backlog_is_waited_for_until_the_deadline() {
    let folder = Folder::new();
    let path = folder.path("full.sock");
    let _full = full(&path);
    for ms in [0, 1, 60] {
        let start = Instant::now();
        let error = connect_to(&path, Deadline::after_ms(ms)).unwrap_err();
        assert!(start.elapsed() >= Duration::from_millis(ms as u64));
        assert_eq!(error.status, Status::Timeout);
        let (allowed_ms, text) = allowed(&error);
        assert!((0..=ms).contains(&allowed_ms));
        let why = "connect: no answer within N ms (the server's backlog is full)";
        assert_eq!(text, format!("unix:{}: {why}", path.display()));
    }
}

#[test]
fn a_full_backlog_that_empties_lets_us_in() {
    let folder = Folder::new();
    let path = folder.path("full.sock");
    let (listener, _queued) = full(&path);
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(50));
            listener.accept().unwrap();
        });
        connect_to(&path, soon()).unwrap();
    });
}
