//! A connection kept for oneself: what a pool cannot do works on it, and none of it reaches the next user.

use std::time::{Duration, Instant};

use crate::support::c::{Client, Conn, Options, Outcome, Status, call, option, stat};
use crate::support::server::Server;

/// A client whose every command goes over the one connection there may be.
fn one_connection(server: &Server, protocol: i64) -> Client {
    Options::at(&server.url()).int(option::POOL_MAX, 1).int(option::PROTOCOL, protocol).client()
}

fn id(conn: &mut Conn) -> i64 {
    conn.command(&["CLIENT", "ID"]).expect("an id").integer
}

#[test]
fn a_clean_connection_goes_back_to_its_pool() {
    let server = Server::start(&[]);
    let client = one_connection(&server, 0);
    let first = client.number(&["CLIENT", "ID"]);
    // Each of these leaves the connection as the pool's are.
    let sequences: [&[&[&str]]; 7] = [
        &[],
        &[&["SET", "k", "v"]],
        &[&["SELECT", "3"], &["SELECT", "0"]],
        &[&["MULTI"], &["INCR", "n"], &["EXEC"]],
        &[&["MULTI"], &["INCR", "n"], &["DISCARD"]],
        &[&["WATCH", "k"], &["UNWATCH"]],
        &[&["WATCH", "k"], &["MULTI"], &["EXEC"]],
    ];
    for sequence in sequences {
        let mut conn = client.conn().expect("a connection");
        for args in sequence {
            conn.command(args).expect("the server answers");
        }
        drop(conn);
        assert_eq!(client.number(&["CLIENT", "ID"]), first, "{sequence:?}");
    }
}

#[test]
fn whatever_a_connection_has_become_the_next_user_finds_it_as_the_pool_has_it() {
    let server = Server::start(&[]);
    let sequences: [&[&[&str]]; 37] = [
        &[&["SELECT", "3"]],
        &[&["select", "3"]],
        &[&["MULTI"]],
        &[&["MULTI"], &["SET", "k", "v"]],
        &[&["MULTI"], &["SELECT", "3"], &["EXEC"]],
        &[&["MULTI"], &["NO.SUCH.COMMAND"], &["EXEC"], &["SELECT", "4"]],
        &[&["WATCH", "k"]],
        &[&["WATCH", "k"], &["MULTI"]],
        &[&["SUBSCRIBE"]],
        &[&["SUBSCRIBE", "c"]],
        &[&["SUBSCRIBE", "c", "d"], &["UNSUBSCRIBE", "c"]],
        &[&["PSUBSCRIBE", "p*"]],
        &[&["SSUBSCRIBE", "s"]],
        &[&["MONITOR"]],
        &[&["CLIENT", "REPLY", "OFF"]],
        &[&["CLIENT", "REPLY", "OFF"], &["SET", "k", "v"]],
        &[&["CLIENT", "REPLY", "OFF"], &["CLIENT", "REPLY", "ON"]],
        &[&["CLIENT", "REPLY", "SKIP"]],
        &[&["client", "reply", "skip"], &["GET", "k"]],
        &[&["RESET"]],
        &[&["QUIT"]],
        &[&["HELLO", "2"]],
        &[&["HELLO", "3"]],
        &[&["CLIENT", "TRACKING", "ON"]],
        &[&["CLIENT", "SETNAME", "me"]],
        &[&["CLIENT", "NO-EVICT", "ON"]],
        &[&["AUTH", "default", "anything"]],
        &[&["CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "p"]],
        &[&["CLIENT", "TRACKING", "ON", "OPTIN"], &["CLIENT", "CACHING", "YES"]],
        &[&["READONLY"]],
        &[&["ASKING"]],
        &[&["SUBSCRIBE", "c"], &["UNSUBSCRIBE"], &["PSUBSCRIBE", "p*"], &["PUNSUBSCRIBE", "q*"]],
        &[&["WATCH", "k"], &["SET", "k", "v"], &["MULTI"], &["GET", "k"], &["EXEC"], &["WATCH", "k"]],
        &[&["MULTI"], &["MULTI"], &["WATCH", "k"]],
        &[&["MULTI"], &["CLIENT", "TRACKING", "ON"], &["EXEC"]],
        &[&["EVAL", "redis.call('SELECT', 3)", "0"], &["SELECT", "99999"], &["SELECT", "2"]],
        &[&["CLIENT", "SETNAME", "me"], &["SELECT", "3"], &["RESET"], &["SELECT", "3"]],
    ];
    for protocol in [2, 3] {
        for sequence in sequences {
            let client = one_connection(&server, protocol);
            let mut conn = client.conn().expect("a connection");
            for args in sequence {
                if let Err(err) = conn.command(args) {
                    // Where the protocol forbids it, or the state that the one before left does, it is an error of the
                    // server's; the next user must find a clean connection all the same.
                    assert_eq!(
                        (err.status, err.attempts),
                        (Status::SERVER, 1),
                        "{protocol} {sequence:?} {args:?}: {err:?}"
                    );
                }
            }
            drop(conn);
            probe(&client, protocol, &format!("RESP{protocol} {sequence:?}"));
        }
    }
}

/// Left behind without a reply, or with one that nobody took: the next user never sees it.
#[test]
fn what_nobody_waited_for_is_not_the_next_users() {
    let server = Server::start(&[]);
    let ways: [fn(&mut Conn); 8] = [
        |conn| conn.send(&["ECHO", "evil"]).expect("it is sent"),
        |conn| {
            conn.send(&["ECHO", "evil"]).expect("it is sent");
            conn.send(&["ECHO", "worse"]).expect("it is sent");
            assert_eq!(conn.receive(20_000).expect("an echo").dump(), "\"evil\"");
        },
        |conn| {
            conn.send(&["BLPOP", "nothing", "0"]).expect("it is sent");
            assert_eq!(conn.receive(1).expect_err("nothing yet").status, Status::AGAIN);
        },
        |conn| {
            let late = conn.command_with(&["BLPOP", "nothing", "0.03"], call::TIMEOUT, 10);
            assert_eq!(late.expect_err("too late").status, Status::TIMEOUT);
        },
        |conn| {
            conn.send(&["MULTI"]).expect("it is sent");
            conn.send(&["INCR", "n"]).expect("it is sent");
            assert_eq!(conn.receive(20_000).expect("begun").dump(), "+OK");
        },
        |conn| conn.send(&["SUBSCRIBE", "c", "d", "e"]).expect("it is sent"),
        |conn| conn.send(&["CLIENT", "REPLY", "SKIP"]).expect("it is sent"),
        |conn| {
            conn.send(&["DEBUG", "SLEEP", "0.02"]).expect("it is sent");
            conn.send(&["SELECT", "3"]).expect("it is sent");
        },
    ];
    for protocol in [2, 3] {
        for (number, way) in ways.iter().enumerate() {
            let client = one_connection(&server, protocol);
            let mut conn = client.conn().expect("a connection");
            way(&mut conn);
            drop(conn);
            probe(&client, protocol, &format!("RESP{protocol}, way {number}"));
        }
    }
}

/// What the next borrower sees.
fn probe(client: &Client, protocol: i64, after: &str) {
    let ask = |args: &[&str]| match client.command_with(args, call::RAW, 0) {
        Ok(reply) => reply.dump(),
        Err(err) => panic!("after {after}: {args:?}: {err:?}"),
    };
    assert_eq!(ask(&["ECHO", "me"]), "\"me\"", "after {after}");
    let info = ask(&["CLIENT", "INFO"]);
    for wanted in ["db=0 ", "sub=0 ", "psub=0 ", "multi=-1 ", "name= ", "user=default ", &format!("resp={protocol}")] {
        assert!(info.contains(wanted), "after {after}: {wanted} is not in {info}");
    }
    let flags = info.split("flags=").nth(1).and_then(|rest| rest.split(' ').next());
    assert_eq!(flags, Some("N"), "after {after}: {info}");
    assert_eq!(ask(&["SET", "probe", "1"]), "+OK", "after {after}");
    assert_eq!(ask(&["GET", "probe"]), "\"1\"", "after {after}");
    assert_eq!(client.stat(stat::CONNECTIONS), 1, "after {after}");
}

#[test]
fn what_a_client_refuses_works_here() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let mut conn = client.conn().expect("a connection");
    assert_eq!(conn.ask(&["SELECT", "3"]), "+OK");
    assert_eq!(conn.ask(&["SET", "k", "in three"]), "+OK");
    assert_eq!(client.ask(&["GET", "k"]), "(nil)", "the client is in database 0");
    assert_eq!(conn.ask(&["WATCH", "k"]), "+OK");
    assert_eq!(conn.ask(&["MULTI"]), "+OK");
    assert_eq!(conn.ask(&["INCR", "n"]), "+QUEUED");
    assert_eq!(conn.ask(&["GET", "k"]), "+QUEUED");
    assert_eq!(conn.ask(&["EXEC"]), "[:1 \"in three\"]");
    assert_eq!(conn.ask(&["CLIENT", "SETNAME", "mine"]), "+OK");
    assert_eq!(conn.ask(&["CLIENT", "GETNAME"]), "\"mine\"");
    drop(conn);
    let mut conn = client.conn().expect("a connection");
    assert_eq!(conn.ask(&["CLIENT", "GETNAME"]), "(nil)");
    assert_eq!(conn.ask(&["DBSIZE"]), ":0");
}

#[test]
fn a_watched_key_that_changed_makes_exec_null() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let mut conn = client.conn().expect("a connection");
    assert_eq!(conn.ask(&["WATCH", "k"]), "+OK");
    assert_eq!(client.ask(&["SET", "k", "changed"]), "+OK");
    assert_eq!(conn.ask(&["MULTI"]), "+OK");
    assert_eq!(conn.ask(&["SET", "k", "mine"]), "+QUEUED");
    assert_eq!(conn.ask(&["EXEC"]), "(nil)");
    assert_eq!(client.ask(&["GET", "k"]), "\"changed\"");
}

#[test]
fn many_are_sent_before_one_is_received() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let mut conn = client.conn().expect("a connection");
    for number in 0..1000 {
        conn.send(&["ECHO", &number.to_string()]).expect("it is sent");
    }
    conn.send(&["INCR", "k", "too many"]).expect("it is sent");
    for number in 0..1000 {
        assert_eq!(conn.receive(20_000).expect("an echo").dump(), format!("\"{number}\""));
    }
    let error = conn.receive(20_000).expect("an error is a reply here");
    assert!(error.dump().starts_with("-ERR wrong number"), "{error:?}");
    let err = conn.receive(20_000).expect_err("nothing is due");
    assert_eq!(err.status, Status::STATE, "{err:?}");
    assert_eq!(conn.ask(&["PING"]), "+PONG");
}

#[test]
fn nothing_yet_leaves_the_connection_as_good_as_before() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let mut conn = client.conn().expect("a connection");
    let first = id(&mut conn);
    conn.send(&["BLPOP", "list", "0"]).expect("it is sent");
    for _ in 0..3 {
        let start = Instant::now();
        assert_eq!(conn.receive(40).expect_err("nothing yet").status, Status::AGAIN);
        assert!(start.elapsed() >= Duration::from_millis(40), "early, after {:?}", start.elapsed());
    }
    assert_eq!(conn.receive(0).expect_err("nothing yet").status, Status::AGAIN);
    assert_eq!(client.ask(&["RPUSH", "list", "x"]), ":1");
    assert_eq!(conn.receive(-1).expect("now").dump(), "[\"list\" \"x\"]");
    assert_eq!(id(&mut conn), first);
}

#[test]
fn a_command_past_its_deadline_ends_the_connection() {
    let server = Server::start(&[]);
    let client = one_connection(&server, 0);
    let mut conn = client.conn().expect("a connection");
    let err = conn.command_with(&["BLPOP", "list", "0"], call::TIMEOUT, 50).expect_err("nothing comes");
    assert_eq!((err.status, err.outcome), (Status::TIMEOUT, Outcome::UNKNOWN), "{err:?}");
    assert_eq!(server.ask(&["RPUSH", "list", "late"]), "1");
    let err = conn.command(&["PING"]).expect_err("the connection is over");
    assert_eq!(err.outcome, Outcome::NOT_SENT, "{err:?}");
    drop(conn);
    assert_eq!(client.ask(&["ECHO", "x"]), "\"x\"");
}

#[test]
fn client_reply_inside_multi_never_shifts_a_reply() {
    let server = Server::start(&[]);
    for protocol in [2, 3] {
        for word in ["OFF", "SKIP"] {
            // The server queues it and says so, where outside of MULTI it says nothing.
            let client = one_connection(&server, protocol);
            let mut conn = client.conn().expect("a connection");
            assert_eq!(conn.ask(&["MULTI"]), "+OK");
            let err = conn.command(&["client", "reply", word]).expect_err("it would silence EXEC");
            assert_eq!((err.status, err.outcome), (Status::STATE, Outcome::NOT_SENT), "{err:?}");
            assert_eq!(conn.ask(&["ECHO", "x"]), "+QUEUED");
            assert_eq!(conn.ask(&["EXEC"]), "[\"x\"]");
            assert_eq!(conn.ask(&["ECHO", "y"]), "\"y\"");
            // Sent before the answer to MULTI is there: refused, or the end of the connection; never another's reply.
            conn.send(&["MULTI"]).expect("it is sent");
            let refused = conn.send(&["CLIENT", "REPLY", word]);
            if let Err(err) = &refused {
                assert_eq!((err.status, err.outcome), (Status::STATE, Outcome::NOT_SENT), "{err:?}");
            }
            let sent = conn.send(&["ECHO", "z"]);
            let replies = [conn.receive(500), conn.receive(500)].map(|reply| reply.map(|reply| reply.dump()));
            match (refused, sent) {
                (Err(_), Ok(())) => assert_eq!(replies, [Ok("+OK".to_owned()), Ok("+QUEUED".to_owned())]),
                _ => assert!(replies[1].is_err(), "{replies:?}"),
            }
            drop(conn);
            probe(&client, protocol, word);
        }
    }
}

#[test]
fn a_connection_told_not_to_reply_does_not_wait_for_replies() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let mut conn = client.conn().expect("a connection");
    assert_eq!(conn.ask(&["CLIENT", "REPLY", "SKIP"]), "(nil)");
    assert_eq!(conn.ask(&["SET", "skipped", "1"]), "(nil)");
    assert_eq!(conn.ask(&["GET", "skipped"]), "\"1\"");
    assert_eq!(conn.ask(&["CLIENT", "REPLY", "OFF"]), "(nil)");
    for number in 0..100 {
        assert_eq!(conn.ask(&["SET", "off", &number.to_string()]), "(nil)");
    }
    assert_eq!(conn.ask(&["CLIENT", "REPLY", "ON"]), "+OK");
    assert_eq!(conn.ask(&["GET", "off"]), "\"99\"");
}

#[test]
fn a_connection_outlives_its_client() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let mut conn = client.conn().expect("a connection");
    drop(client);
    assert_eq!(conn.ask(&["PING"]), "+PONG");
}
