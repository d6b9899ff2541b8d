//! After fork: the child has connections of its own, its parent's go on as if nothing had been, and nobody writes, closes or
//! hangs on behalf of the other.

mod support;

#[path = "fork/failover.rs"]
mod failover;

use std::ffi::c_void;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use support::c::{Client, Conn, Options, Outcome, Status, call, option, stat};
use support::child::{Child, fork};
use support::over::{Over, Woken};
use support::peer::{Hello, Line, Peer};
use support::program::{Workshop, address, watch};
use support::server::{Server, eventually};
use support::vitals;

/// Threads that count, each on a key of its own: a reply of anybody else's, one too many or one too few would show.
fn busy(client: &Client, over: &AtomicBool, key: &str) -> i64 {
    let mut count = 0;
    while !over.load(Ordering::SeqCst) {
        count += 1;
        assert_eq!(client.number(&["INCR", key]), count, "the parent's {key}");
    }
    count
}

/// Free, in a child, what its parent's threads still use in the parent.
fn free<T>(handle: &T) {
    // SAFETY: the child's copy of the handle, which nothing in the child uses after this; the parent's is another.
    drop(unsafe { std::ptr::read(handle) });
}

#[test]
fn two_hundred_children_of_a_busy_parent() {
    const THREADS: usize = 6;
    let server = Server::start(&[]);
    // Fewer connections than threads: some wait for one while the others fork.
    let client = Options::at(&server.url()).int(option::POOL_MAX, 3).client();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let over_at_the_end = Over(&over);
        let threads: Vec<_> = (0..THREADS)
            .map(|number| {
                let (client, over) = (&client, &over);
                scope.spawn(move || busy(client, over, &format!("parent:{number}")))
            })
            .collect();
        for number in 0..200 {
            let child = fork(|| {
                // Some use it and free it, some only free it, some only use it, some are gone at once.
                let used = number % 4 > 1 || client.number(&["INCR", "children"]) > 0;
                let again = number % 4 > 1 || client.ask(&["GET", "nothing"]) == "(nil)";
                if number % 2 == 0 {
                    free(&client);
                }
                used && again
            });
            child.end();
        }
        drop(over_at_the_end);
        let counts: i64 = threads.into_iter().map(|thread| thread.join().expect("the parent goes on")).sum();
        assert!(counts > 200, "the parent was busy: {counts}");
    });
    assert_eq!(server.ask(&["GET", "children"]), "100");
    assert_eq!((client.stat(stat::CONNECTIONS_IN_USE), client.stat(stat::WAITING)), (0, 0));
    assert_eq!(client.stat(stat::CONNECTIONS_LOST), 0, "no child cost the parent a connection");
    eventually("the children's connections are closed", || server.clients().len() <= 3);
}

#[test]
fn children_that_live_work_beside_their_parent() {
    let server = Server::start(&[]);
    let client = Options::at(&server.url()).int(option::POOL_MAX, 2).client();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let over_at_the_end = Over(&over);
        let (parent, flag) = (&client, &over);
        let threads: Vec<_> =
            (0..3).map(|number| scope.spawn(move || busy(parent, flag, &format!("parent:{number}")))).collect();
        thread::sleep(Duration::from_millis(20));
        let children: Vec<Child> = (0..8)
            .map(|number| {
                fork(|| {
                    let key = format!("child:{number}");
                    let counted = (1..=300).all(|count| client.number(&["INCR", &key]) == count);
                    // A child of a child is one more.
                    let grandchild = fork(|| (301..=350).all(|count| client.number(&["INCR", &key]) == count));
                    grandchild.end();
                    counted && client.number(&["INCR", &key]) == 351 && client.stat(stat::CONNECTIONS) == 1
                })
            })
            .collect();
        children.into_iter().for_each(Child::end);
        drop(over_at_the_end);
        threads.into_iter().for_each(|thread| assert!(thread.join().expect("the parent goes on") > 0));
    });
    for number in 0..8 {
        assert_eq!(server.ask(&["GET", &format!("child:{number}")]), "351");
    }
    assert_eq!(client.stat(stat::CONNECTIONS_LOST), 0);
}

#[test]
fn what_a_child_inherits_it_closes_without_a_byte() {
    let peers = [Peer::tcp(Hello::Resp3, Line::serve), Peer::unix(Hello::Resp3, Line::serve)];
    for peer in &peers {
        let client = Options::at(&peer.url()).int(option::HEALTH_CHECK_MS, -1).client();
        let conns: Vec<Conn> = (0..3).map(|_| client.conn().expect("a connection")).collect();
        drop(conns);
        assert_eq!((client.stat(stat::CONNECTIONS_IDLE), peer.connections()), (3, 3));
        let before: Vec<usize> = (0..3).map(|number| peer.commands(number).len()).collect();

        // One uses it, one frees it unused, one does both.
        let closes = |used: bool, freed: bool| {
            let child = || {
                let before = vitals::descriptors();
                let fine = !used || client.ask(&["GET", "child"]) == "\"v:child\"";
                if freed {
                    free(&client);
                }
                let opened = usize::from(used && !freed);
                fine && vitals::descriptors() == before - 3 + opened
            };
            fork(child).end();
        };
        closes(true, false);
        closes(false, true);
        closes(true, true);
        assert_eq!(peer.connections(), 5, "each child that used it opened one");
        let after: Vec<usize> = (0..3).map(|number| peer.commands(number).len()).collect();
        assert_eq!(before, after, "and wrote to no other");

        // The parent's are open and in step: whatever the child had written, or shut down, would show now.
        let mut conns: Vec<Conn> = (0..3).map(|_| client.conn().expect("a connection")).collect();
        for conn in &mut conns {
            assert_eq!(conn.ask(&["GET", "parent"]), "\"v:parent\"");
        }
        assert_eq!((peer.connections(), client.stat(stat::CONNECTIONS_LOST)), (5, 0));
    }
}

#[test]
fn a_handle_that_is_one_connection_belongs_to_the_process_that_made_it() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let mut conn = client.conn().expect("a connection");
    assert_eq!(conn.ask(&["SELECT", "3"]), "+OK");
    conn.send(&["ECHO", "on its way"]).expect("it is sent");
    fork(|| {
        // SAFETY: the child's copy, as in free.
        let mut mine = unsafe { std::ptr::read(&conn) };
        let err = mine.command(&["PING"]).expect_err("not here");
        let forked = (err.status, err.outcome) == (Status::FORKED, Outcome::NOT_SENT);
        let sent = mine.send(&["PING"]).expect_err("nor so").status == Status::FORKED;
        let received = mine.receive(0).expect_err("nor so").status == Status::FORKED;
        drop(mine);
        forked && sent && received && client.ask(&["PING"]) == "+PONG"
    })
    .end();
    assert_eq!(conn.receive(5000).expect("it waits for its owner").dump(), "\"on its way\"");
    assert!(conn.ask(&["CLIENT", "INFO"]).contains(" db=3 "));
}

#[test]
fn a_child_made_in_a_callback_is_as_good_as_any() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let url = server.url();
    let forking = move |_: &[&[u8]], _: &support::raw::Node, _: *mut c_void| {
        fork(|| Client::at(&url).ask(&["PING"]) == "+PONG").end();
        support::c::Verdict::Keep
    };
    client.callback("ECHO", Some(Box::new(forking)), &std::sync::Arc::default()).expect("it is set");
    assert_eq!(client.command(&["ECHO", "x"]).expect("a reply").dump(), "\"x\"");
    // And where the client is the very one that called.
    let client: &'static Client = Box::leak(Box::new(client));
    let forking = move |_: &[&[u8]], _: &support::raw::Node, _: *mut c_void| {
        fork(|| client.ask(&["PING"]) == "+PONG").end();
        support::c::Verdict::Keep
    };
    client.callback("ECHO", Some(Box::new(forking)), &std::sync::Arc::default()).expect("it is set");
    assert_eq!(client.command(&["ECHO", "x"]).expect("a reply").dump(), "\"x\"");
    assert_eq!(client.stat(stat::CONNECTIONS_CREATED), 1);
}

#[test]
fn a_call_that_waits_in_the_parent_is_not_disturbed() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    thread::scope(|scope| {
        let _woken_at_a_failure = Woken(|| client.wake(std::ptr::null()) > 0);
        let waits = scope.spawn(|| client.command_with(&["BLPOP", "list", "0"], call::RAW, 0).expect("a value").dump());
        eventually("it waits", || server.info("blocked_clients") == 1);
        for _ in 0..5 {
            fork(|| {
                let fine = client.ask(&["PING"]) == "+PONG";
                free(&client);
                fine
            })
            .end();
        }
        assert_eq!(server.info("blocked_clients"), 1);
        server.ask(&["RPUSH", "list", "x"]);
        assert_eq!(waits.join().expect("no panic"), "[\"list\" \"x\"]");
    });
}

#[test]
fn a_transport_of_the_callers_is_closed_by_the_process_that_connected_it() {
    Workshop::new().check("tests/hosts/fork.c", &Server::start(&[]), &[]);
}

#[test]
fn exit_ends_a_process_whatever_its_threads_do() {
    let server = Server::start(&[]);
    let workshop = Workshop::new();
    let program = workshop.compile("tests/hosts/exit.c");
    for delay_us in (0..40).map(|step| step * 337) {
        let mut command = Command::new(&program);
        command.args(address(&server)).arg(delay_us.to_string());
        let begin = Instant::now();
        let ended = watch(&mut command);
        assert_eq!(ended.status.code(), Some(7), "after {delay_us} us: {}\n{}", ended.status, ended.said);
        assert!(ended.said.is_empty() && begin.elapsed() < Duration::from_secs(10), "{}", ended.said);
    }
    eventually("nothing is left", || server.clients().is_empty());
}

#[test]
fn a_child_may_have_threads_of_its_own() {
    let server = Server::start(&[]);
    let client = Options::at(&server.url()).int(option::POOL_MAX, 2).client();
    assert_eq!(client.ask(&["PING"]), "+PONG");
    fork(|| {
        thread::scope(|scope| {
            let client = &client;
            let count = move |number: usize| (1..=100).all(|n| client.number(&["INCR", &format!("key:{number}")]) == n);
            let threads: Vec<_> = (0..6).map(|number| scope.spawn(move || count(number))).collect();
            threads.into_iter().all(|thread| thread.join().unwrap_or(false))
        })
    })
    .end();
    assert_eq!(client.number(&["INCR", "key:0"]), 101);
    assert_eq!(client.stat(stat::CONNECTIONS_CREATED), 1);
}
