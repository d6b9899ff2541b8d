//! Sockets and time: Unix sockets that are not there, deadlines that hold, and servers that freeze.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr};

use crate::support::c::{CErr, Client, Options, Outcome, Reply, Result, Status, call, option, stat};
use crate::support::child::fork;
use crate::support::over::Woken;
use crate::support::queue::full_queue;
use crate::support::server::{Folder, Server, eventually};

/// How much later than its deadline a call may return on a busy machine.
const SLACK: Duration = Duration::from_secs(5);

fn at_path(path: &str) -> Client {
    Options::new().text(option::UNIX_PATH, path).int(option::RETRY_MAX, 0).client()
}

fn refused(path: &str, errno: i32, words: &[&str]) {
    let err = at_path(path).command(&["PING"]).expect_err("no server is there");
    assert_eq!((err.status, err.outcome, err.os_error), (Status::CONNECT, Outcome::NOT_SENT, errno), "{err:?}");
    for word in words.iter().chain(&[path]) {
        assert!(err.message.contains(word), "{word}: {err:?}");
    }
}

#[test]
fn a_unix_socket_that_cannot_be_used_says_why_and_what_to_look_at() {
    let folder = Folder::new("unix");
    let path = |name: &str| folder.path().join(name).display().to_string();
    refused(&path("absent"), libc::ENOENT, &["No such file or directory", "unixsocket"]);
    drop(UnixListener::bind(path("left")).expect("a socket can be made"));
    refused(&path("left"), libc::ECONNREFUSED, &["Connection refused", "unixsocket"]);
    let _forbidden = UnixListener::bind(path("forbidden")).expect("a socket can be made");
    fs::set_permissions(path("forbidden"), fs::Permissions::from_mode(0o000)).expect("it is ours");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
    let forbidden = path("forbidden");
    fork(|| {
        give_up_root();
        refused(&forbidden, libc::EACCES, &["Permission denied", "unixsocketperm"]);
        true
    })
    .end();
}

/// Nothing is forbidden to root. Whoever runs the tests as somebody else stays that.
fn give_up_root() {
    const NOBODY: u32 = 65_534;
    // SAFETY: asks for a number.
    if unsafe { libc::geteuid() } != 0 {
        return;
    }
    // SAFETY: an empty list, for a process of one thread.
    let groups = unsafe { libc::setgroups(0, std::ptr::null()) };
    // SAFETY: a number.
    let group = unsafe { libc::setgid(NOBODY) };
    // SAFETY: a number.
    let user = unsafe { libc::setuid(NOBODY) };
    assert_eq!([groups, group, user], [0, 0, 0], "{}", std::io::Error::last_os_error());
}

#[test]
fn a_path_that_does_not_fit_is_refused_where_it_is_given() {
    let long = format!("/tmp/{}", "x".repeat(200));
    let set = Options::new().try_text(option::UNIX_PATH, &long);
    let err = set.expect_err("no socket's name is that long");
    assert_eq!(err.status, Status::CONFIG, "{err:?}");
    assert!(err.message.contains("107"), "it says how long a path may be: {err:?}");
}

/// Run this command, which must fail after its time and not before.
fn late(client: &Client, args: &[&str], timeout_ms: i64) -> CErr {
    let start = Instant::now();
    let err = client.command_with(args, call::TIMEOUT, timeout_ms).expect_err("it cannot be answered in time");
    let (took, time) = (start.elapsed(), Duration::from_millis(timeout_ms as u64));
    assert!(took >= time, "early: {took:?} of {time:?}, {err:?}");
    assert!(took < time + SLACK, "late: {took:?} of {time:?}, {err:?}");
    assert_eq!(err.status, Status::TIMEOUT, "{err:?}");
    err
}

#[test]
fn a_command_is_given_its_time_and_no_more() {
    let server = Server::start(&[]);
    for url in [server.url(), server.unix_url()] {
        let client = Client::at(&url);
        for timeout_ms in [1, 20, 150] {
            assert_eq!(late(&client, &["BLPOP", "nothing", "0"], timeout_ms).status, Status::TIMEOUT);
        }
        assert_eq!(client.ask(&["PING"]), "+PONG", "connected, so that the time is the command's alone");
        let err = late(&client, &["BLPOP", "nothing", "0"], 100);
        assert_eq!(err.outcome, Outcome::UNKNOWN, "{err:?}");
        assert!(err.message.contains("100"), "the message says how much time there was: {err:?}");
        assert_eq!(client.stat(stat::TIMEOUTS), 4);
        eventually("what timed out is closed", || server.clients().len() <= 1);
        assert_eq!(client.ask(&["PING"]), "+PONG");
    }
}

#[test]
fn the_options_time_counts_where_the_call_has_none() {
    let server = Server::start(&[]);
    let client = Options::at(&server.url()).int(option::COMMAND_TIMEOUT_MS, 100).int(option::RETRY_MAX, 0).client();
    assert_eq!(client.ask(&["PING"]), "+PONG");
    server.freeze(true);
    let start = Instant::now();
    let err = client.command(&["PING"]).expect_err("it does not run");
    server.freeze(false);
    assert_eq!(err.status, Status::TIMEOUT, "{err:?}");
    assert!(start.elapsed() >= Duration::from_millis(100) && start.elapsed() < SLACK);
    // Without the flag, timeout_ms does not count.
    let patient = Client::at(&server.url());
    assert_eq!(patient.command_with(&["PING"], call::DEFAULT, 0).expect("a PONG").text(), b"PONG");
}

#[test]
fn a_command_that_waits_on_the_server_has_the_time_that_it_says_and_some_for_the_way() {
    let server = Server::start(&[]);
    let options = Options::at(&server.url()).int(option::COMMAND_TIMEOUT_MS, 100).int(option::RETRY_MAX, 0);
    let client = options.int(option::BLOCK_SLACK_MS, 300).client();
    assert_eq!(client.ask(&["BLPOP", "nothing", "0.4"]), "(nil)", "longer than the command timeout");
    let err = late(&client, &["BLPOP", "nothing", "5"], 100);
    assert_eq!(err.outcome, Outcome::UNKNOWN, "a time of the call's own counts all the same: {err:?}");
    // For ever, until somebody comes.
    std::thread::scope(|scope| {
        let _woken_at_a_failure = Woken(|| client.wake(std::ptr::null()) > 0);
        let waits = scope.spawn(|| client.ask(&["BLPOP", "list", "0"]));
        std::thread::sleep(Duration::from_millis(600));
        assert_eq!(server.ask(&["RPUSH", "list", "x"]), "1");
        assert_eq!(waits.join().expect("no panic"), "[\"list\" \"x\"]");
    });
    // The slack is what ends it where the server does not.
    assert_eq!(client.ask(&["PING"]), "+PONG");
    server.freeze(true);
    let start = Instant::now();
    let err = client.command(&["BLPOP", "nothing", "0.1"]).expect_err("it does not run");
    server.freeze(false);
    assert_eq!((err.status, err.outcome), (Status::TIMEOUT, Outcome::UNKNOWN), "{err:?}");
    assert!(start.elapsed() >= Duration::from_millis(400) && start.elapsed() < SLACK, "{:?}", start.elapsed());
}

#[test]
fn no_time_sends_nothing_and_all_the_time_there_is_does_not_overflow() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let err = client.command_with(&["PING"], call::TIMEOUT, 0).expect_err("no time at all");
    assert_eq!((err.status, err.outcome), (Status::TIMEOUT, Outcome::NOT_SENT), "{err:?}");
    for timeout_ms in [-1, i64::MIN, i64::MAX, i64::from(i32::MAX) + 1] {
        let reply = client.command_with(&["BLPOP", "nothing", "0.02"], call::TIMEOUT | call::RAW, timeout_ms);
        assert_eq!(reply.expect("null, from the server").dump(), "(nil)", "{timeout_ms}");
    }
}

#[test]
fn a_frozen_server_costs_one_deadline_and_is_found_again() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    assert_eq!(client.ask(&["SET", "k", "before"]), "+OK");
    server.freeze(true);
    assert_eq!(late(&client, &["GET", "k"], 150).outcome, Outcome::UNKNOWN);
    // The next makes a connection, which the kernel accepts for the server, and gets no answer to its handshake.
    assert_eq!(late(&client, &["GET", "k"], 150).outcome, Outcome::NOT_SENT);
    server.freeze(false);
    assert_eq!(client.ask(&["GET", "k"]), "\"before\"");
}

fn no_way_in(result: Result<Reply>, took: Duration, time: Duration) {
    let err = result.expect_err("nobody lets us in");
    assert!([Status::TIMEOUT, Status::CONNECT].contains(&err.status), "{err:?}");
    assert_eq!(err.outcome, Outcome::NOT_SENT, "{err:?}");
    assert!(err.message.contains("connect"), "the message names the phase: {err:?}");
    assert!(took < time + SLACK, "late: {took:?} of {time:?}");
    if err.status == Status::TIMEOUT {
        assert!(took >= time, "early: {took:?} of {time:?}");
    }
}

#[test]
fn a_connect_that_nobody_answers_ends_at_its_deadline() {
    let any = SockAddr::from(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let (listener, _waiting) = full_queue(Domain::IPV4, &any);
    let port = listener.local_addr().expect("it has an address").as_socket().expect("of IPv4").port();
    let folder = Folder::new("full");
    let path = folder.path().join("s");
    let (_unix, _waiting_too) = full_queue(Domain::UNIX, &SockAddr::unix(&path).expect("a short path"));
    for url in [format!("redis://127.0.0.1:{port}"), format!("unix://{}", path.display())] {
        let time = Duration::from_millis(200);
        // The time of the connect, then that of the call, is the one that ends it.
        let client = Options::at(&url).int(option::CONNECT_TIMEOUT_MS, 200).int(option::RETRY_MAX, 0).client();
        let start = Instant::now();
        no_way_in(client.command(&["PING"]), start.elapsed(), time);
        let client = Options::at(&url).int(option::RETRY_MAX, 0).client();
        let start = Instant::now();
        no_way_in(client.command_with(&["PING"], call::TIMEOUT, 200), start.elapsed(), time);
    }
}

#[test]
fn a_large_command_and_a_large_reply_cross() {
    let server = Server::start(&[]);
    for url in [server.url(), server.unix_url()] {
        let client = Options::at(&url).int(option::COMMAND_TIMEOUT_MS, 60_000).client();
        let large = vec![b'x'; 32 << 20];
        assert!(client.command(&[b"ECHO".as_slice(), &large]).expect("an echo").text() == large);
        let args: Vec<String> =
            ["RPUSH".to_owned(), "list".to_owned()].into_iter().chain((0..20_000).map(|n| n.to_string())).collect();
        client.command(&args).expect("they are pushed");
        let list = client.command(&["LRANGE", "list", "0", "-1"]).expect("all of them");
        assert_eq!(list.len, 20_000, "{url}");
        assert_eq!(client.number(&["DEL", "list"]), 1);
    }
}
