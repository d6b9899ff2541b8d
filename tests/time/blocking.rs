//! Commands that wait on the server: for as long as they say, on connections of their own, and without holding up anybody.

use std::thread;
use std::time::{Duration, Instant};

use crate::support::c::{Client, Options, Outcome, Status, call, option, stat};
use crate::support::over::Woken;
use crate::support::server::{Server, eventually};

/// How much later than its time a call may return on a busy machine.
const SLACK: Duration = Duration::from_secs(2);

/// A client for whose other commands there is little time.
fn hasty(server: &Server) -> Client {
    Options::at(&server.url()).int(option::COMMAND_TIMEOUT_MS, 200).client()
}

#[test]
fn every_one_waits_longer_than_a_command_may_take() {
    let server = Server::start(&[]);
    let client = hasty(&server);
    server.ask(&["XGROUP", "CREATE", "stream", "group", "$", "MKSTREAM"]);
    let commands: [&[&str]; 14] = [
        &["BLPOP", "none", "0.3"],
        &["BRPOP", "none", "nothing", "0.3"],
        &["blmove", "none", "nothing", "LEFT", "RIGHT", "0.3"],
        &["BRPOPLPUSH", "none", "nothing", "0.3"],
        &["BLMPOP", "0.3", "2", "none", "nothing", "LEFT"],
        &["BZPOPMIN", "none", "0.3"],
        &["BZPOPMAX", "none", "0.3"],
        &["BZMPOP", "0.3", "1", "none", "MIN"],
        &["XREAD", "BLOCK", "300", "STREAMS", "stream", "$"],
        &["XREAD", "COUNT", "5", "block", "300", "STREAMS", "stream", "$"],
        &["XREADGROUP", "GROUP", "group", "c", "BLOCK", "300", "STREAMS", "stream", ">"],
        &["XREADGROUP", "GROUP", "block", "block", "BLOCK", "300", "STREAMS", "stream", ">"],
        &["WAIT", "3", "300"],
        &["WAIT", "3", "250"],
    ];
    server.ask(&["XGROUP", "CREATE", "stream", "block", "$"]);
    thread::scope(|scope| {
        for command in commands {
            let client = &client;
            scope.spawn(move || {
                let begin = Instant::now();
                let reply =
                    client.command_with(command, call::RAW, 0).unwrap_or_else(|err| panic!("{command:?}: {err:?}"));
                let nothing = if command[0] == "WAIT" { ":0" } else { "(nil)" };
                assert_eq!(reply.dump(), nothing, "{command:?}");
                let took = begin.elapsed();
                assert!(took >= Duration::from_millis(240) && took < SLACK, "{command:?}: {took:?}");
            });
        }
    });
    assert_eq!((client.stat(stat::TIMEOUTS), client.stat(stat::CONNECTIONS_LOST)), (0, 0));
}

#[test]
fn without_end_it_waits_until_something_comes_or_its_call_has_no_time_left() {
    let server = Server::start(&[]);
    let client = hasty(&server);
    thread::scope(|scope| {
        let _woken_at_a_failure = Woken(|| client.wake(std::ptr::null()) > 0);
        let waits = scope.spawn(|| client.ask(&["BLPOP", "list", "0"]));
        eventually("it waits", || server.info("blocked_clients") == 1);
        thread::sleep(Duration::from_millis(300));
        server.ask(&["RPUSH", "list", "x"]);
        assert_eq!(waits.join().expect("no panic"), "[\"list\" \"x\"]");
    });
    let begin = Instant::now();
    let err = client.command_with(&["BLPOP", "list", "0"], call::TIMEOUT, 200).expect_err("nothing comes");
    let took = begin.elapsed();
    assert!(took >= Duration::from_millis(200) && took < SLACK, "{took:?}");
    assert_eq!((err.status, err.outcome, err.attempts), (Status::TIMEOUT, Outcome::UNKNOWN, 1), "{err:?}");
    // What comes now is nobody's who has gone: the connection was closed, and the server does not give to it.
    eventually("it no longer waits", || server.info("blocked_clients") == 0);
    assert_eq!(server.ask(&["RPUSH", "list", "y"]), "1");
    assert_eq!(server.ask(&["LPOP", "list"]), "y");
}

#[test]
fn who_waits_holds_up_nobody() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    thread::scope(|scope| {
        let waits = scope.spawn(|| client.ask(&["BLPOP", "list", "10"]));
        eventually("it waits", || server.info("blocked_clients") == 1);
        let begin = Instant::now();
        let workers: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| (0..250).for_each(|_| assert_eq!(client.ask(&["GET", "k"]), "(nil)"))))
            .collect();
        workers.into_iter().for_each(|worker| worker.join().expect("no panic"));
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
        assert_eq!(server.info("blocked_clients"), 1);
        // The client that waits may be the one that brings what is waited for.
        assert_eq!(client.ask(&["RPUSH", "list", "x"]), ":1");
        assert_eq!(waits.join().expect("no panic"), "[\"list\" \"x\"]");
    });
}

#[test]
fn where_there_is_one_connection_the_others_wait_their_own_time_for_it() {
    let server = Server::start(&[]);
    let client = Options::at(&server.url()).int(option::COMMAND_TIMEOUT_MS, 300).int(option::POOL_MAX, 1).client();
    thread::scope(|scope| {
        let _woken_at_a_failure = Woken(|| client.wake(std::ptr::null()) > 0);
        let waits = scope.spawn(|| client.ask(&["BLPOP", "list", "0"]));
        eventually("it waits", || server.info("blocked_clients") == 1);
        let begin = Instant::now();
        let err = client.command(&["GET", "k"]).expect_err("the one connection waits");
        assert_eq!((err.status, err.outcome), (Status::BUSY, Outcome::NOT_SENT), "{err:?}");
        assert!(begin.elapsed() >= Duration::from_millis(300) && begin.elapsed() < SLACK);
        server.ask(&["RPUSH", "list", "x"]);
        assert_eq!(waits.join().expect("no panic"), "[\"list\" \"x\"]");
    });
    assert_eq!(client.ask(&["GET", "k"]), "(nil)");
    assert_eq!(client.stat(stat::CONNECTIONS_CREATED), 1);
}

#[test]
fn a_server_that_goes_ends_every_wait() {
    let mut server = Server::start(&[]);
    let client = Options::at(&server.url()).int(option::RETRY_MAX, 0).client();
    let mut conn = client.conn().expect("a connection");
    thread::scope(|scope| {
        let _woken_at_a_failure = Woken(|| client.wake(std::ptr::null()) > 0);
        let waits = scope.spawn(|| client.command(&["BLPOP", "list", "0"]).expect_err("the server goes"));
        let own =
            scope.spawn(|| conn.command(&["XREAD", "BLOCK", "0", "STREAMS", "stream", "$"]).expect_err("it goes"));
        eventually("both wait", || server.info("blocked_clients") == 2);
        server.kill();
        for err in [waits.join().expect("no panic"), own.join().expect("no panic")] {
            assert_eq!((err.status, err.outcome), (Status::IO, Outcome::UNKNOWN), "{err:?}");
        }
    });
}

#[test]
fn a_connection_of_ones_own_waits_as_a_client_does() {
    let server = Server::start(&[]);
    let mut conn = hasty(&server).conn().expect("a connection");
    assert_eq!(conn.ask(&["BLPOP", "none", "0.3"]), "(nil)");
    conn.send(&["BLPOP", "list", "0"]).expect("it is sent");
    assert_eq!(conn.receive(50).expect_err("nothing yet").status, Status::AGAIN);
    server.ask(&["RPUSH", "list", "x"]);
    assert_eq!(conn.receive(5000).expect("it came").dump(), "[\"list\" \"x\"]");
    // Inside MULTI nothing waits.
    for (command, reply) in [(&["MULTI"][..], "+OK"), (&["BLPOP", "none", "0"], "+QUEUED"), (&["EXEC"], "[(nil)]")] {
        assert_eq!(conn.ask(command), reply);
    }
}

/// Everything that was pushed is popped once, whoever waited for it, and whoever gave up waiting took nothing along.
#[test]
fn what_is_pushed_is_popped_once() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let popped: Vec<String> = thread::scope(|scope| {
        let poppers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut popped = Vec::new();
                    loop {
                        let reply = client.command_with(&["BLPOP", "list", "0.02"], call::RAW, 0).expect("it answers");
                        match reply.elements() {
                            [_, text] if text.text() == b"end" => return popped,
                            [_, text] => popped.push(String::from_utf8_lossy(text.text()).into_owned()),
                            _ => {}
                        }
                    }
                })
            })
            .collect();
        for number in 0..300 {
            client.ask(&["RPUSH", "list", &number.to_string()]);
            if number % 30 == 0 {
                thread::sleep(Duration::from_millis(30));
            }
        }
        client.ask(&["RPUSH", "list", "end", "end", "end", "end"]);
        poppers.into_iter().flat_map(|popper| popper.join().expect("no panic")).collect()
    });
    let mut numbers: Vec<usize> = popped.iter().map(|text| text.parse().expect("a number")).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..300).collect::<Vec<_>>());
}
