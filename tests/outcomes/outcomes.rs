//! What a failure says of its command is what the server saw of it, to the byte; and nothing ever runs twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rredis::client::{Call, Client as RustClient, Setup};
use rredis::error::{Error, Outcome as Fate, Result as RustResult, Status as Why};
use rredis::options::Endpoint;
use rredis::transport::{Attempt, Connect, Deadline, Moved, Sockets, Transport, connected};

use crate::support::c::{Options, Outcome, Status, call, option, stat};
use crate::support::peer::{Hello, Peer, honest};
use crate::support::proxy::Proxy;
use crate::support::server::{Server, eventually};

/// Sockets that take so many bytes of the first connection's, and then no more; or give so many.
struct Cutting {
    up: usize,
    down: usize,
    connections: AtomicUsize,
}

struct CutStream {
    below: Box<dyn Transport>,
    up: usize,
    down: usize,
}

impl Connect for Cutting {
    fn begin(&self, endpoint: &Endpoint, deadline: Deadline) -> RustResult<Box<dyn Attempt>> {
        let sockets = Sockets::new(-1, -1);
        let below = sockets.connect(endpoint, deadline)?;
        let first = self.connections.fetch_add(1, Ordering::SeqCst) == 0;
        let (up, down) = if first { (self.up, self.down) } else { (usize::MAX, usize::MAX) };
        Ok(connected(Box::new(CutStream { below, up, down })))
    }

    fn name(&self) -> &str {
        "cutting"
    }
}

impl Transport for CutStream {
    fn read(&mut self, buffer: &mut [u8], timeout_ms: i64) -> RustResult<Moved> {
        if self.down == 0 {
            return Err(Error::new(Why::Io, "read: cut"));
        }
        let len = buffer.len().min(self.down);
        let moved = self.below.read(&mut buffer[..len], timeout_ms)?;
        if let Moved::Some(len) = moved {
            self.down -= len;
        }
        Ok(moved)
    }

    fn write(&mut self, bytes: &[u8], timeout_ms: i64) -> RustResult<Moved> {
        if self.up == 0 {
            return Err(Error::new(Why::Io, "write: cut"));
        }
        let len = bytes.len().min(self.up);
        let moved = self.below.write(&bytes[..len], timeout_ms)?;
        if let Moved::Some(len) = moved {
            self.up -= len;
        }
        Ok(moved)
    }

    fn fd(&self) -> Option<i32> {
        self.below.fd()
    }
}

const INCR: &[&[u8]] = &[b"INCR", b"k"];
const REQUEST: usize = b"*2\r\n$4\r\nINCR\r\n$1\r\nk\r\n".len();
const REPLY: usize = b":1\r\n".len();

/// A client whose first connection is cut there; in RESP2 there is no greeting, so the command's bytes are the first.
fn cut_client(server: &Server, up: usize, down: usize, retry_max: i64) -> RustClient {
    let mut setup = Setup::default();
    setup.options.set_url(server.unix_url().as_bytes()).expect("a good URL");
    let set = |setup: &mut Setup, name: &str, value: i64| {
        let key = rredis::options::Key::from_name(name).expect("an option");
        setup.options.set_int(key, value).expect("a good value");
    };
    set(&mut setup, "protocol", 2);
    set(&mut setup, "retry_max", retry_max);
    set(&mut setup, "backoff", 1);
    setup.transport = Some(Arc::new(Cutting { up, down, connections: AtomicUsize::new(0) }));
    RustClient::new(&setup).expect("a client")
}

#[test]
fn not_sent_is_said_if_and_only_if_no_byte_was_taken() {
    let server = Server::start(&[]);
    let mut wire = server.wire();
    for up in 0..=REQUEST {
        wire.ask(&["DEL", "k"]);
        let err = match cut_client(&server, up, 0, 0).command(INCR, &Call::default()) {
            Ok(reply) => panic!("cut at {up}, and yet: {:?}", reply.text()),
            Err(err) => err,
        };
        assert_eq!((err.status, err.attempts), (Why::Io, 1), "{up}: {err:?}");
        assert_eq!(err.outcome, if up == 0 { Fate::NotSent } else { Fate::Unknown }, "{up}: {err:?}");
        if up == REQUEST {
            // The whole of it arrived: it ran, or runs this moment.
            eventually("the command runs", || server.ask(&["GET", "k"]) == "1");
        } else {
            assert_eq!(wire.ask(&["EXISTS", "k"]), "0", "{up}");
        }
    }
}

#[test]
fn a_reply_cut_at_any_byte_is_no_reply_and_its_command_may_have_run() {
    let server = Server::start(&[]);
    let mut wire = server.wire();
    for down in 0..REPLY {
        wire.ask(&["DEL", "k"]);
        let result = cut_client(&server, usize::MAX, down, 3).command(INCR, &Call::default());
        let err = result.err().unwrap_or_else(|| panic!("cut at {down}"));
        assert_eq!((err.status, err.outcome, err.attempts), (Why::Io, Fate::Unknown, 1), "{down}: {err:?}");
        eventually("it ran", || server.ask(&["GET", "k"]) == "1");
    }
    assert!(cut_client(&server, usize::MAX, REPLY, 0).command(INCR, &Call::default()).is_ok(), "it was whole");
}

#[test]
fn what_no_byte_was_taken_of_is_tried_again_and_what_one_was_taken_of_is_not() {
    let server = Server::start(&[]);
    let mut wire = server.wire();
    for up in 0..=REQUEST {
        wire.ask(&["DEL", "k"]);
        match cut_client(&server, up, 0, 3).command(INCR, &Call::default()) {
            Ok(reply) => assert_eq!((up, reply.view().integer()), (0, Some(1)), "once"),
            Err(err) => assert!(up > 0 && err.outcome == Fate::Unknown && err.attempts == 1, "{up}: {err:?}"),
        }
        let get: &[&[u8]] = &[b"GET", b"absent"];
        assert!(cut_client(&server, up.min(20), 0, 3).command(get, &Call::default()).is_ok(), "{up}: GET only reads");
    }
}

#[test]
fn who_only_reads_never_learns_of_the_cuts() {
    let server = Server::start(&[]);
    let proxy = Proxy::cutting(&server, 0xdead_beef_1234_5677, 1500, 1000);
    let options = Options::at(&proxy.url()).int(option::BACKOFF_MS, 1).int(option::BACKOFF_MS_MAX, 4);
    let client = options.int(option::RETRY_MAX, 100).int(option::RETRY_BUDGET_PERCENT, 100).client();
    for key in 0..50 {
        server.ask(&["SET", &format!("key:{key}"), &format!("value:{key}")]);
    }
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for round in 0..600 {
                    let key = round % 50;
                    assert_eq!(client.ask(&["GET", &format!("key:{key}")]), format!("\"value:{key}\""));
                }
            });
        }
    });
    assert!(client.stat(stat::RETRIES) > 10, "{} retries, {} cuts", client.stat(stat::RETRIES), proxy.cuts());
}

#[test]
fn a_budget_ends_the_retries_of_a_client_that_only_fails() {
    let peer = Peer::tcp(Hello::Resp3, |line| {
        loop {
            line.command()?;
            line.send(b"-LOADING for ever\r\n")?;
        }
    });
    let attempts = |percent: i64| {
        let options = Options::at(&peer.url()).int(option::RETRY_MAX, 60_000).int(option::BACKOFF_MS, 0);
        let client =
            options.int(option::RETRY_BUDGET_PERCENT, percent).int(option::COMMAND_TIMEOUT_MS, 20_000).client();
        let fail = || client.command(&["GET", "k"]).expect_err("it loads").attempts;
        let attempts = [fail(), fail()];
        assert_eq!(client.stat(stat::RETRIES), i64::from(attempts[0] + attempts[1] - 2));
        attempts
    };
    assert_eq!(attempts(0), [1, 1], "no budget, no retry");
    assert_eq!(attempts(10), [101, 1], "what a quiet client may spend, and then one for each ten commands");
}

#[test]
fn an_error_that_passes_is_retried_also_where_it_would_be_a_reply() {
    let peer = Peer::tcp(Hello::Resp3, |line| {
        for _ in 0..2 {
            line.command()?;
            line.send(b"-MASTERDOWN Link with MASTER is down\r\n")?;
        }
        let command = line.command()?;
        line.send(&honest(&command))?;
        loop {
            line.command()?;
            line.send(b"-MASTERDOWN for ever\r\n")?;
        }
    });
    let client = Options::at(&peer.url()).int(option::BACKOFF_MS, 1).client();
    let flags = call::ERROR_REPLY | call::RAW;
    assert_eq!(client.command_with(&["GET", "k"], flags, 0).expect("a reply").dump(), "\"v:k\"");
    assert_eq!(client.stat(stat::RETRIES), 2);
    assert_eq!(client.command_with(&["GET", "k"], flags, 0).expect("a reply").dump(), "-MASTERDOWN for ever");
    assert_eq!(client.stat(stat::RETRIES), 5);
    // A script may say such words itself, half way through.
    let err = client.command(&["EVAL", "return 1", "0"]).expect_err("an error");
    assert_eq!((err.status, err.outcome, err.attempts), (Status::SERVER, Outcome::UNKNOWN, 1), "{err:?}");
}

/// Whatever ends a connection at rest, the next command does not learn of it.
#[test]
fn a_connection_that_was_closed_at_rest_is_never_the_next_commands_failure() {
    let mut server = Server::start(&[]);
    for url in [server.url(), server.unix_url()] {
        let client = Options::at(&url).int(option::RETRY_MAX, 0).client();
        let mut count = 0;
        let mut works = || {
            count += 1;
            assert_eq!(client.ask(&["INCR", "count"]), format!(":{count}"), "{url}");
        };
        works();
        // Three of them rest.
        let conns: Vec<_> = (0..3).map(|_| client.conn().expect("a connection")).collect();
        drop(conns);
        assert_eq!(client.stat(stat::CONNECTIONS_IDLE), 3);

        server.ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
        works();
        assert_eq!(client.stat(stat::CONNECTIONS_LOST), 3, "every one of them was looked at");
        for _ in 0..20 {
            server.ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
            works();
        }
        server.ask(&["CONFIG", "SET", "timeout", "1"]);
        eventually("the server closes what rests", || server.clients().is_empty());
        works();
        server.ask(&["CONFIG", "SET", "timeout", "0"]);
        server.ask(&["SAVE"]);
        server.restart();
        works();
        server.ask(&["DEL", "count"]);
    }
}

#[test]
fn a_connection_that_rested_for_the_interval_is_asked_first() {
    let peer = Peer::tcp(Hello::Resp3, crate::support::peer::Line::serve);
    let client = Options::at(&peer.url()).int(option::HEALTH_CHECK_MS, 150).client();
    let pings = || peer.commands(0).iter().filter(|command| command[0] == b"PING").count();
    for _ in 0..3 {
        client.ask(&["GET", "k"]);
    }
    assert_eq!(pings(), 0, "it did not rest long enough");
    thread::sleep(Duration::from_millis(200));
    client.ask(&["GET", "k"]);
    client.ask(&["GET", "k"]);
    assert_eq!(pings(), 1);
    assert_eq!(peer.connections(), 1);
}

#[test]
fn a_health_check_that_is_answered_with_anything_but_health_costs_the_connection_alone() {
    for (answer, connections) in [
        (b"+PONG\r\n".as_slice(), 1),
        (b"-LOADING soon\r\n", 1),
        (b"-NOPERM this user has no permissions to run the 'ping' command\r\n", 1),
        (b"+GNOP\r\n", 2),
        (b"?\r\n", 2),
        (b"+PONG\r\n+PONG\r\n", 2),
        (b"", 2),
    ] {
        let peer = Peer::tcp(Hello::Resp3, move |line| {
            loop {
                let command = line.any_command()?;
                match line.handshake_answer(&command) {
                    Some(_) if command[0] == b"PING" && answer.is_empty() => return Ok(()),
                    Some(_) if command[0] == b"PING" => line.send(answer)?,
                    Some(hello) => line.send(&hello)?,
                    None => line.send(&honest(&command))?,
                }
            }
        });
        let client = Options::at(&peer.url()).int(option::HEALTH_CHECK_MS, 0).int(option::RETRY_MAX, 0).client();
        let what = answer.escape_ascii();
        for key in ["a", "b"] {
            assert_eq!(client.ask(&["GET", key]), format!("\"v:{key}\""), "{what}");
        }
        assert_eq!(peer.connections(), connections, "{what}");
    }
}

#[test]
fn connections_that_went_silent_at_rest_leave_time_for_a_new_one() {
    let peer = Peer::tcp(Hello::Resp3, |line| {
        let command = line.command()?;
        line.send(&honest(&command))?;
        // The first three go the way of a peer whose cable was cut.
        if line.number < 3 { line.stall() } else { line.serve() }
    });
    let client = Options::at(&peer.url()).int(option::HEALTH_CHECK_MS, 0).int(option::RETRY_MAX, 0).client();
    let mut conns: Vec<_> = (0..3).map(|_| client.conn().expect("a connection")).collect();
    conns.iter_mut().for_each(|conn| assert_eq!(conn.ask(&["GET", "k"]), "\"v:k\""));
    drop(conns);
    let begin = Instant::now();
    let reply = client.command_with(&["INCR", "k"], call::TIMEOUT | call::RAW, 600).expect("by a new connection");
    assert_eq!(reply.dump(), "+OK");
    assert!(begin.elapsed() >= Duration::from_millis(290), "{:?}", begin.elapsed());
    assert_eq!((peer.connections(), client.stat(stat::CONNECTIONS_LOST)), (4, 1));
    // A command that may take for ever does not wait for ever to learn that its connection is dead.
    let silent = Peer::tcp(Hello::Resp3, |line| {
        let command = line.command()?;
        line.send(&honest(&command))?;
        if line.number == 0 { line.stall() } else { line.serve() }
    });
    let options = Options::at(&silent.url()).int(option::HEALTH_CHECK_MS, 0).int(option::CONNECT_TIMEOUT_MS, 200);
    let client = options.int(option::COMMAND_TIMEOUT_MS, 0).client();
    for _ in 0..2 {
        let reply = client.command_with(&["BLPOP", "k", "0"], call::RAW, 0).expect("the second time by a new one");
        assert_eq!(reply.dump(), "+OK");
    }
    assert_eq!(silent.connections(), 2);
}
