//! Pools: whose connections they are, how many there may be, and who gets the next one.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::c::{Client, Options, Outcome, Pool, Status, call, option, stat};
use crate::support::server::{Server, eventually};

fn id(client: &Client) -> i64 {
    client.number(&["CLIENT", "ID"])
}

/// A command that holds its connection for so long, and then replies null.
fn block(client: &Client, seconds: &str) -> String {
    let args = ["BLPOP", "nothing comes here", seconds];
    client.command_with(&args, call::RAW | call::TIMEOUT, 60_000).expect("an answer").dump()
}

/// A client whose callers each wait for a connection of their own.
fn leasing(url: &str, connections: i64) -> Client {
    Options::at(url).int(option::POOL_MAX, connections).int(option::SHARE, 0).client()
}

#[test]
fn each_client_has_a_pool_of_its_own_or_shares_the_one_it_is_given() {
    let server = Server::start(&[]);
    let (one, two) = (Client::at(&server.url()), Client::at(&server.url()));
    assert_ne!(id(&one), id(&two));

    let pool = Options::at(&server.url()).int(option::POOL_MAX, 1).pool();
    let (one, two) = (pool.client(None).expect("a client"), pool.client(None).expect("a client"));
    assert_eq!(id(&one), id(&two), "one connection serves both");
    assert_eq!(pool.stat(stat::CONNECTIONS), 1);
}

#[test]
fn pools_and_clients_are_freed_in_any_order() {
    let server = Server::start(&[]);
    for order in 0..6 {
        let pool = Options::at(&server.url()).pool();
        let (one, two) = (pool.client(None).expect("a client"), pool.client(None).expect("a client"));
        assert_eq!(one.ask(&["PING"]), "+PONG");
        let mut handles: [Option<Box<dyn Send>>; 3] = [Some(Box::new(pool)), Some(Box::new(one)), Some(Box::new(two))];
        let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        for which in orders[order] {
            handles[which] = None;
        }
        eventually("all connections are closed", || server.clients().is_empty());
    }
    // The pool goes first, and its clients go on working.
    let pool = Options::at(&server.url()).pool();
    let client = pool.client(None).expect("a client");
    drop(pool);
    assert_eq!(client.ask(&["PING"]), "+PONG");
}

#[test]
fn a_connections_options_are_its_pools() {
    let server = Server::start(&[]);
    let pool = Options::at(&server.url()).int(option::DATABASE, 5).pool();
    let client = pool.client(None).expect("a client");
    assert_eq!(client.ask(&["SET", "where", "five"]), "+OK");
    assert_eq!(server.ask(&["DBSIZE"]), "0");

    // The same again is no conflict, and what is the client's own is no conflict either.
    let same = Options::new().int(option::DATABASE, 5).int(option::COMMAND_TIMEOUT_MS, 1234);
    assert_eq!(pool.client(Some(&same)).expect("no conflict").ask(&["GET", "where"]), "\"five\"");
    let conflicts = [
        (Options::new().int(option::DATABASE, 0), "database"),
        (Options::new().int(option::PORT, 1), "port"),
        (Options::new().text(option::HOST, "localhost"), "host"),
        (Options::new().text(option::UNIX_PATH, "/tmp/x"), "unix_path"),
        (Options::new().text(option::PASSWORD, "secret"), "password"),
        (Options::new().int(option::PROTOCOL, 2), "protocol"),
        (Options::new().int(option::POOL_MAX, 7), "pool_max"),
        (Options::new().int(option::CONNECT_TIMEOUT_MS, 7), "connect_timeout"),
        (Options::new().int(option::PARSER, 2), "parser"),
    ];
    for (options, name) in conflicts {
        let Err(err) = pool.client(Some(&options)) else { panic!("{name} differs") };
        assert_eq!((err.status, err.outcome), (Status::CONFIG, Outcome::NONE), "{err:?}");
        assert!(err.message.to_lowercase().contains(name), "{name}: {err:?}");
        assert!(!err.message.contains("secret"), "{err:?}");
    }
}

#[test]
fn client_and_pool_over_tcp_and_unix() {
    let server = Server::start(&[]);
    for url in [server.url(), server.unix_url()] {
        assert_eq!(Client::at(&url).ask(&["PING"]), "+PONG", "{url}");
        let pool = Options::at(&url).pool();
        assert_eq!(pool.client(None).expect("a client").ask(&["PING"]), "+PONG", "{url}");
    }
    let path = server.unix_path().display().to_string();
    let client = Options::new().text(option::UNIX_PATH, &path).client();
    assert!(client.ask(&["CLIENT", "INFO"]).contains(&format!("addr={path}")));
}

#[test]
fn a_pool_has_so_many_connections_and_no_more() {
    let server = Server::start(&[]);
    let client = Options::at(&server.url()).int(option::POOL_MAX, 3).client();
    thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| assert_eq!(block(&client, "0.3"), "(nil)"));
        }
        eventually("all three are in use", || client.stat(stat::CONNECTIONS_IN_USE) == 3);
        assert_eq!(server.clients().len(), 3);
    });
    assert_eq!(client.stat(stat::CONNECTIONS_CREATED), 3);
    assert!(client.stat(stat::WAITS) >= 9, "{} waits", client.stat(stat::WAITS));
    assert_eq!((client.stat(stat::WAITING), client.stat(stat::CONNECTIONS_IN_USE)), (0, 0));
}

#[test]
fn who_waits_too_long_for_a_connection_is_told_that_all_are_busy() {
    let server = Server::start(&[]);
    let client = Options::at(&server.url()).int(option::POOL_MAX, 1).client();
    let mut conn = client.conn().expect("the one connection");
    assert_eq!(conn.ask(&["PING"]), "+PONG");
    assert_eq!(client.stat(stat::CONNECTIONS_IN_USE), 1);
    let start = Instant::now();
    let err = client.command_with(&["PING"], call::TIMEOUT, 200).expect_err("it is in use");
    assert!(start.elapsed() >= Duration::from_millis(200), "early, after {:?}", start.elapsed());
    assert_eq!((err.status, err.outcome), (Status::BUSY, Outcome::NOT_SENT), "{err:?}");
    assert!(err.message.contains('1'), "the message says how many there are: {err:?}");
    assert_eq!(client.stat(stat::WAITS_TIMED_OUT), 1);
    drop(conn);
    assert_eq!(client.ask(&["PING"]), "+PONG");

    // The pool's own patience, shorter than the call's.
    let client = Options::at(&server.url()).int(option::POOL_MAX, 1).int(option::POOL_WAIT_MS, 50).client();
    let conn = client.conn().expect("the one connection");
    let start = Instant::now();
    let err = client.command(&["PING"]).expect_err("it is in use");
    assert_eq!(err.status, Status::BUSY, "{err:?}");
    assert!(start.elapsed() >= Duration::from_millis(50) && start.elapsed() < Duration::from_secs(4));
    drop(conn);
    assert_eq!(client.ask(&["PING"]), "+PONG");
}

#[test]
fn who_gives_up_waiting_leaves_the_pool_whole() {
    let server = Server::start(&[]);
    let client = leasing(&server.url(), 2);
    let end = Instant::now() + Duration::from_secs(2);
    thread::scope(|scope| {
        for number in 0..16 {
            let client = &client;
            scope.spawn(move || {
                for count in 0.. {
                    if Instant::now() > end {
                        return;
                    }
                    // About as long as it takes the one before to finish.
                    let word = format!("{number}.{count}");
                    match client.command_with(&["ECHO", &word], call::TIMEOUT | call::RAW, 1 + (number + count) % 3) {
                        Ok(reply) => assert_eq!(reply.text(), word.as_bytes()),
                        Err(err) => assert!([Status::BUSY, Status::TIMEOUT].contains(&err.status), "{err:?}"),
                    }
                }
            });
        }
    });
    assert!(client.stat(stat::WAITS_TIMED_OUT) > 0, "nobody gave up");
    assert_eq!((client.stat(stat::CONNECTIONS_IN_USE), client.stat(stat::WAITING)), (0, 0));
    assert_eq!((block(&client, "0.01"), id(&client) > 0), ("(nil)".to_owned(), true));
}

#[test]
fn who_waits_longest_is_served_first() {
    let server = Server::start(&[]);
    let client = leasing(&server.url(), 1);
    let conn = client.conn().expect("the one connection");
    let (served, order) = mpsc::channel();
    thread::scope(|scope| {
        for number in 0..8 {
            let (client, served) = (&client, served.clone());
            scope.spawn(move || {
                assert_eq!(client.ask(&["RPUSH", "order", &number.to_string()]), format!(":{}", number + 1));
                served.send(number).expect("somebody listens");
            });
            eventually("it waits", || client.stat(stat::WAITING) == number + 1);
        }
        drop(conn);
    });
    drop(served);
    assert_eq!(order.iter().count(), 8);
    assert_eq!(client.stat(stat::CONNECTIONS_CREATED), 1);
}

#[test]
fn the_connection_that_came_back_last_goes_out_first() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let (one, two, three) = (client.conn().expect("one"), client.conn().expect("two"), client.conn().expect("three"));
    let ids: Vec<i64> =
        [one, two, three].into_iter().map(|mut conn| conn.command(&["CLIENT", "ID"]).expect("an id").integer).collect();
    assert_eq!(client.stat(stat::CONNECTIONS_IDLE), 3);
    for _ in 0..5 {
        assert_eq!(id(&client), ids[2]);
    }
}

#[test]
fn a_pool_can_be_warmed_and_its_idle_connections_dropped() {
    let server = Server::start(&[]);
    let pool = Options::at(&server.url()).int(option::POOL_MAX, 4).pool();
    assert!(server.clients().is_empty());
    pool.warm(3).expect("the server is there");
    assert_eq!(counts(&pool), (3, 0, 3));
    assert_eq!(server.clients().len(), 3);
    pool.warm(2).expect("there are enough already");
    assert_eq!(counts(&pool), (3, 0, 3));
    let client = pool.client(None).expect("a client");
    let mut conn = client.conn().expect("one of them");
    assert_eq!(counts(&pool), (3, 1, 2));
    pool.drop_idle();
    assert_eq!(counts(&pool), (1, 1, 0));
    assert_eq!(conn.ask(&["PING"]), "+PONG", "what is in use is left alone until it is free");
    eventually("the others are closed", || server.clients().len() == 1);
    drop(conn);
    assert_eq!(counts(&pool), (0, 0, 0), "and goes the way of the others when it comes back");
    assert_eq!((pool.stat(stat::CONNECTIONS_CREATED), pool.stat(stat::CONNECTIONS_CLOSED)), (3, 3));
    assert_eq!(pool.stat(9999), -1, "a number nobody keeps");
}

fn counts(pool: &Pool) -> (i64, i64, i64) {
    let [all, in_use, idle] = [stat::CONNECTIONS, stat::CONNECTIONS_IN_USE, stat::CONNECTIONS_IDLE];
    (pool.stat(all), pool.stat(in_use), pool.stat(idle))
}

#[test]
fn a_connection_that_rested_too_long_or_is_too_old_is_not_used_again() {
    let server = Server::start(&[]);
    for option in [option::POOL_IDLE_MS, option::POOL_AGE_MS] {
        let client = Options::at(&server.url()).int(option, 50).client();
        let first = id(&client);
        thread::sleep(Duration::from_millis(100));
        assert_ne!(id(&client), first);
        eventually("the old one is closed", || server.clients().len() == 1);
    }
}

#[test]
fn a_pool_told_to_drop_closes_what_is_in_use_when_it_comes_back() {
    let server = Server::start(&[]);
    let pool = Options::at(&server.url()).pool();
    let client = pool.client(None).expect("a client");
    let mut conn = client.conn().expect("a connection");
    let before = conn.command(&["CLIENT", "ID"]).expect("an id").integer;
    pool.drop_idle();
    assert_eq!(conn.ask(&["PING"]), "+PONG", "it is in use until then");
    drop(conn);
    assert_eq!(counts(&pool), (0, 0, 0));
    let after = id(&client);
    assert_ne!(after, before);
    assert_eq!(id(&client), after, "what was opened since is kept");
}

#[test]
fn a_pool_keeps_as_many_as_it_is_told_however_long_they_rest() {
    let server = Server::start(&[]);
    let options = Options::at(&server.url()).int(option::POOL_IDLE_MS, 50).int(option::POOL_IDLE_MIN, 1);
    let client = options.client();
    let first = id(&client);
    thread::sleep(Duration::from_millis(120));
    assert_eq!(id(&client), first);
    drop((client.conn().expect("one"), client.conn().expect("two")));
    thread::sleep(Duration::from_millis(120));
    assert_eq!(client.ask(&["PING"]), "+PONG");
    assert!(client.stat(stat::CONNECTIONS) <= 2);
}

#[test]
fn a_pool_heals_when_its_server_comes_back() {
    let mut server = Server::start(&[]);
    let pool = Options::at(&server.url()).int(option::POOL_MAX, 4).pool();
    let client = pool.client(None).expect("a client");
    for _ in 0..3 {
        pool.warm(4).expect("the server is there");
        server.kill();
        let err = client.command_with(&["PING"], call::TIMEOUT, 300).expect_err("nobody is there");
        assert!([Status::CONNECT, Status::TIMEOUT, Status::IO].contains(&err.status), "{err:?}");
        assert_eq!(err.outcome, Outcome::NOT_SENT, "what rested was looked at before it was used: {err:?}");
        server.restart();
        for _ in 0..8 {
            assert_eq!(client.ask(&["PING"]), "+PONG");
        }
    }
    assert!(counts(&pool).0 <= 4);
}

#[test]
fn a_server_that_dies_in_a_command_leaves_its_outcome_unknown() {
    let mut server = Server::start(&[]);
    let client = Client::at(&server.url());
    let waits = thread::scope(|scope| {
        let waits = scope.spawn(|| client.command_with(&["BLPOP", "k", "0"], call::TIMEOUT, 30_000));
        eventually("it waits", || server.clients().iter().any(|client| client.contains("cmd=blpop")));
        server.kill();
        waits.join().expect("no panic")
    });
    let err = waits.expect_err("the server is gone");
    assert_eq!((err.status, err.outcome), (Status::IO, Outcome::UNKNOWN), "{err:?}");
    server.restart();
    assert_eq!(client.ask(&["PING"]), "+PONG");
}

#[test]
fn connections_that_the_server_closed_while_they_rested_cost_nobody_anything() {
    let server = Server::start(&["timeout 1"]);
    let pool = Options::at(&server.url()).pool();
    let client = pool.client(None).expect("a client");
    for _ in 0..3 {
        pool.warm(3).expect("the server is there");
        server.ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
        for _ in 0..5 {
            assert_eq!(client.ask(&["PING"]), "+PONG");
        }
    }
    // The server's own limit on idle clients.
    let before = id(&client);
    eventually("the server closes what rests", || server.clients().is_empty());
    assert_ne!(id(&client), before);
}
