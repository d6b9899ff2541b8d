//! A name that has several addresses, some of them dead; and a system that lets nobody ask anything of a socket.
//!
//! The resolver and the system are ours, put before the real ones by LD_PRELOAD, so that each test runs in a process of its
//! own.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket};

use crate::support::c::{Client, Options, Outcome, Status, option, stat};
use crate::support::child::fork;
use crate::support::own::Own;
use crate::support::program::{child, preload, watch};
use crate::support::pubsub::PubSub;
use crate::support::queue::full_queue;
use crate::support::server::{Folder, Server, eventually, free_port};

/// What a child is told: where the server is, and what several.test means.
const PORT: &str = "RREDIS_TEST_PORT";
const ADDRESSES: &str = "RREDIS_TEST_ADDRESSES";

/// Run a test of this file in a process of its own, behind this preloaded library.
fn run(test: &str, library: &str, environment: &[(&str, &str)]) {
    let folder = Folder::new("preload");
    let library = preload(folder.path(), &format!("tests/preload/{library}.c"));
    let ended =
        watch(child(&format!("addresses::{test}")).env("LD_PRELOAD", library).envs(environment.iter().copied()));
    assert!(ended.status.success() && ended.said.contains("1 passed"), "{}\n{}", ended.status, ended.said);
}

/// Somebody at this address who lets nobody in.
fn dead(address: &str, port: u16) -> (Socket, Vec<Socket>) {
    let address: SocketAddr = format!("{address}:{port}").parse().expect("an address");
    full_queue(Domain::for_address(address), &address.into())
}

fn url() -> Option<String> {
    let port = std::env::var(PORT).ok()?;
    Some(format!("redis://several.test:{port}"))
}

#[test]
fn a_dead_address_costs_a_quarter_of_a_second_and_that_once() {
    let server = Server::start(&[]);
    let _dead = ["127.9.9.1", "127.9.9.2"].map(|address| dead(address, server.port()));
    let environment = [(PORT, &*server.port().to_string()), (ADDRESSES, "127.9.9.1,127.0.0.1,127.9.9.2")];
    run("child_with_a_dead_address", "addresses", &environment);
}

#[test]
#[ignore = "it is run by the test above, with such a resolver"]
fn child_with_a_dead_address() {
    let Some(url) = url() else { return };
    let patient = format!("{url}?connect_timeout=30s&command_timeout=30s&retry_max=0");
    // The connections of a pool, eight of them one after the other.
    let client = Client::at(&patient);
    let start = Instant::now();
    let conns: Vec<_> = (0..8).map(|_| client.conn().expect("a connection")).collect();
    assert!(start.elapsed() >= Duration::from_millis(250), "{:?}: the dead one is tried first", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}: each pays for the dead one", start.elapsed());
    assert_eq!(client.stat(stat::CONNECTIONS_CREATED), 8);
    drop(conns);
    // A loop of one's own, and a subscriber in a loop.
    let mut own = Own::at(&patient);
    own.submit(1, &["PING"]);
    own.expect(1, "#1");
    let pubsub = client.pubsub();
    pubsub.subscribe(&["news"]);
    eventually("it is subscribed", || pubsub.next(0).is_err() && client.number(&["PUBLISH", "news", "x"]) == 1);
    assert_eq!(pubsub.expect(), r#">["message" (nil) "news" "x"]"#);
    // Where there is no time for a quarter of a second, there is for a share of it.
    let hurried = Options::at(&url).int(option::CONNECT_TIMEOUT_MS, 200).int(option::RETRY_MAX, 30).client();
    assert_eq!(hurried.ask(&["PING"]), "+PONG");
}

#[test]
fn the_address_that_worked_last_is_tried_first() {
    let server = Server::start(&[]);
    // Nobody listens at the first address, until the child asks for it.
    let environment = [(PORT, &*server.port().to_string()), (ADDRESSES, "127.9.9.1,127.0.0.1")];
    run("child_whose_first_address_comes_to_life", "addresses", &environment);
}

#[test]
#[ignore = "it is run by the test above, with such a resolver"]
fn child_whose_first_address_comes_to_life() {
    let Some(url) = url() else { return };
    let client = Client::at(&url);
    assert_eq!(client.ask(&["PING"]), "+PONG");
    let port = std::env::var(PORT).expect("it was just read");
    let listener = std::net::TcpListener::bind(format!("127.9.9.1:{port}")).expect("nobody is there");
    listener.set_nonblocking(true).expect("a listener can be");
    let conns: Vec<_> = (0..3).map(|_| client.conn().expect("a connection")).collect();
    let err = listener.accept().map(drop).expect_err("nobody comes");
    assert_eq!(err.kind(), std::io::ErrorKind::WouldBlock);
    drop(conns);
    // What one client has learned is no other's business: it does as the system says.
    let other = Options::at(&url).int(option::CONNECT_TIMEOUT_MS, 100).int(option::RETRY_MAX, 0).client();
    let err = other.command(&["PING"]).expect_err("that one does not answer");
    assert_eq!((err.status, err.outcome), (Status::TIMEOUT, Outcome::NOT_SENT), "{err:?}");
    listener.accept().expect("somebody came");
}

/// The servers of this are the child's own: it has them change places.
#[test]
fn a_name_is_asked_anew_where_its_server_takes_no_writes_and_that_address_comes_last() {
    run("child_whose_name_moves", "addresses", &[(PORT, &*free_port().to_string()), (ADDRESSES, "127.9.9.1")]);
}

#[test]
#[ignore = "it is run by the test above, with such a resolver"]
fn child_whose_name_moves() {
    let (Some(url), Ok(port)) = (url(), std::env::var(PORT)) else { return };
    let at = |address: &str| Server::start(&[&format!("bind {address}"), &format!("port {port}")]);
    let (one, two) = (at("127.9.9.1"), at("127.9.9.2"));
    let replica_of = |server: &Server, address: &str| {
        assert_eq!(server.ask(&["REPLICAOF", address, &port]), "OK");
    };
    // SAFETY: this process has one thread that reads or writes its environment: look-ups are waited for.
    let name_is = |addresses: &str| unsafe { std::env::set_var(ADDRESSES, addresses) };
    let client = Options::at(&url).int(option::BACKOFF_MS, 1).client();
    assert_eq!(client.ask(&["SET", "k", "1"]), "+OK");
    replica_of(&one, "127.9.9.2");
    name_is("127.9.9.2");
    assert_eq!(client.ask(&["SET", "k", "2"]), "+OK");
    assert_eq!((two.ask(&["GET", "k"]), client.stat(stat::RETRIES)), ("2".to_owned(), 1));
    // Both have the name: the one that is connected to is not the one that worked last.
    for addresses in ["127.9.9.1,127.9.9.2", "127.9.9.2,127.9.9.1"] {
        name_is(addresses);
        let client = Options::at(&url).int(option::BACKOFF_MS, 1).client();
        for value in ["3", "4"] {
            assert_eq!(client.ask(&["SET", "k", value]), "+OK", "{addresses}");
            assert_eq!(two.ask(&["GET", "k"]), value);
        }
        let first = i64::from(addresses.starts_with("127.9.9.1"));
        assert_eq!(client.stat(stat::RETRIES), first, "{addresses}");
    }
    // They change places once more, and the client follows.
    let client = Options::at(&url).int(option::BACKOFF_MS, 1).client();
    assert_eq!(client.ask(&["SET", "k", "5"]), "+OK");
    assert_eq!(one.ask(&["REPLICAOF", "NO", "ONE"]), "OK");
    replica_of(&two, "127.9.9.1");
    assert_eq!(client.ask(&["SET", "k", "6"]), "+OK");
    assert_eq!(one.ask(&["GET", "k"]), "6");
    // A loop of one's own goes the same way.
    name_is("127.9.9.2");
    let mut own = Own::at(&url);
    own.submit(1, &["SET", "k", "7"]);
    assert!(own.expect_failure(1).to_string().starts_with("READONLY "));
    name_is("127.9.9.2,127.9.9.1");
    own.submit(2, &["SET", "k", "7"]);
    own.expect(2, "#1");
    assert_eq!(one.ask(&["GET", "k"]), "7");
}

#[test]
fn an_address_that_is_given_up_wakes_no_loop_though_a_child_has_it_open() {
    run("child_that_forks_while_addresses_are_raced", "addresses", &[(ADDRESSES, "127.9.9.1,127.9.9.2")]);
}

#[test]
#[ignore = "it is run by the test above, with such a resolver"]
fn child_that_forks_while_addresses_are_raced() {
    if std::env::var(ADDRESSES).is_err() {
        return;
    }
    let (refuses, _waiting) = dead("127.9.9.1", 0);
    let port = refuses.local_addr().ok().and_then(|address| address.as_socket()).expect("an address").port();
    let _dead = dead("127.9.9.2", port);
    let mut own = Own::at(&format!("redis://several.test:{port}?connect_timeout=60s&command_timeout=60s"));
    own.submit(1, &["PING"]);
    // Until the second address is tried, too. Whoever closes a socket from then on, the child has it open.
    own.run_for(Duration::from_millis(400));
    let life = Duration::from_millis(2500);
    let child = fork(|| {
        std::thread::sleep(life);
        true
    });
    // The kernel asks again, and is refused: the first address is given up while the second goes on.
    refuses.shutdown(std::net::Shutdown::Both).expect("it listens");
    let (end, mut wakes) = (Instant::now() + life, 0);
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        wakes += u32::from(own.turn_within(left));
        assert!(own.try_next().is_none(), "the second may still answer");
    }
    child.end();
    assert!((1..100).contains(&wakes), "{wakes} wake-ups");
}

#[test]
fn where_the_system_allows_no_question_about_a_socket_it_is_used_all_the_same() {
    let server = Server::start(&[]);
    run("child_that_may_not_ask", "options", &[(PORT, &*server.port().to_string())]);
}

#[test]
#[ignore = "it is run by the test above, on such a system"]
fn child_that_may_not_ask() {
    let Ok(port) = std::env::var(PORT) else { return };
    let socket = Socket::new(Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    assert!(socket.set_tcp_nodelay(true).is_err() && socket.local_addr().is_err() && socket.take_error().is_err());
    let url = format!("redis://127.0.0.1:{port}?keepalive=10s&user_timeout=10s");
    let client = Client::at(&url);
    assert_eq!(client.ask(&["SET", "key", "value"]), "+OK");
    assert_eq!(client.conn().expect("a connection").ask(&["GET", "key"]), "\"value\"");
    let mut own = Own::at(&url);
    own.submit(1, &["GET", "key"]);
    own.expect(1, "value");
    let pubsub: PubSub = client.pubsub();
    pubsub.subscribe(&["news"]);
    eventually("it is subscribed", || pubsub.next(0).is_err() && client.number(&["PUBLISH", "news", "x"]) == 1);
    // Nobody is there: that is found out without a question, too.
    let err = Options::at("redis://127.0.0.1:1").int(option::RETRY_MAX, 0).client().command(&["PING"]);
    let err = err.expect_err("nobody listens");
    assert_eq!((err.status, err.os_error), (Status::CONNECT, libc::ECONNREFUSED), "{err:?}");
}
