//! One client and a real server: values, errors, outcomes, and what a client refuses.

use std::net::TcpStream;
use std::thread;

use crate::support::c::{Client, Options, Outcome, Status, call, option, stat};
use crate::support::server::{Server, eventually, free_port};

#[test]
fn a_client_connects_to_nothing_until_its_first_command() {
    let port = free_port();
    let client = Client::at(&format!("redis://127.0.0.1:{port}"));
    let err = client.command(&["PING"]).expect_err("nobody listens");
    assert_eq!((err.status, err.outcome), (Status::CONNECT, Outcome::NOT_SENT));
    assert_eq!(err.os_error, libc::ECONNREFUSED);
    assert!(err.attempts >= 1);
    assert!(err.message.contains(&format!("127.0.0.1:{port}")), "{}", err.message);
    assert!(err.message.contains("Connection refused"), "{}", err.message);

    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    assert!(server.clients().is_empty());
    assert_eq!(client.ask(&["PING"]), "+PONG");
    assert_eq!(server.clients().len(), 1);
}

/// A figure that is not kept is not 0: whoever draws it sees that there is nothing to draw.
#[test]
fn the_figures_of_many_servers_are_minus_one_with_one() {
    let server = Server::start(&[]);
    let pool = Options::at(&server.url()).pool();
    let client = pool.client(None).expect("a client of the pool");
    for client in [&client, &Client::at(&server.url())] {
        client.ask(&["PING"]);
        assert_eq!((stat::SERVERS..=stat::SCOUTS).map(|stat| client.stat(stat)).collect::<Vec<_>>(), [-1; 7]);
        assert_eq!(client.stat(stat::CONNECTIONS), 1);
    }
    assert!((stat::SERVERS..=stat::SCOUTS).all(|stat| pool.stat(stat) == -1));
}

#[test]
fn no_options_are_127_0_0_1_6379() {
    let client = Client::default();
    if TcpStream::connect(("127.0.0.1", 6379)).is_err() {
        let err = client.command(&["PING"]).expect_err("nobody listens");
        assert!(err.message.contains("127.0.0.1:6379"), "{}", err.message);
    }
}

#[test]
fn values_are_bytes() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let mut value: Vec<u8> = (0..1 << 20).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    value[10..16].copy_from_slice(b"\0\r\n\r\n\0");
    let every_byte: Vec<u8> = (0..=255).collect();
    assert_eq!(client.ask(&[b"SET", every_byte.as_slice(), &value]), "+OK");
    let reply = client.command(&[b"GET", every_byte.as_slice()]).expect("it is there");
    assert!(reply.text() == value, "a value came back changed");
    // A NUL stands behind every text.
    // SAFETY: the header promises one byte more than len.
    let whole = unsafe { std::slice::from_raw_parts(reply.str, reply.len + 1) };
    assert_eq!(whole.last(), Some(&0));
    assert_eq!(client.ask(&["SET", "", "the empty key"]), "+OK");
    assert_eq!(client.ask(&["GET", ""]), "\"the empty key\"");
}

#[test]
fn absent_is_not_empty() {
    let server = Server::start(&[]);
    for protocol in [2, 3] {
        let client = Options::at(&server.url()).int(option::PROTOCOL, protocol).client();
        assert_eq!(client.ask(&["GET", "absent"]), "(nil)");
        assert_eq!(client.ask(&["SET", "empty", ""]), "+OK");
        let empty = client.command(&["GET", "empty"]).expect("it is there");
        assert_eq!((empty.dump().as_str(), empty.len), ("\"\"", 0));
        assert!(!empty.str.is_null());
        assert_eq!(client.ask(&["LRANGE", "absent", "0", "-1"]), "[]");
    }
}

#[test]
fn a_hundred_commands_need_one_connection() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let id = client.number(&["CLIENT", "ID"]);
    for _ in 0..100 {
        assert_eq!(client.number(&["CLIENT", "ID"]), id);
    }
    assert_eq!(server.clients().len(), 1);
    assert_eq!(client.stat(stat::CONNECTIONS_CREATED), 1);
    assert_eq!(client.stat(stat::CONNECTIONS_IN_USE), 0);
    assert_eq!(client.stat(stat::COMMANDS), 101);
    drop(client);
    eventually("a freed client's connections are closed", || server.clients().is_empty());
}

#[test]
fn a_reply_outlives_its_client() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let reply = client.command(&["ECHO", "still here"]).expect("an echo");
    drop(client);
    drop(server);
    assert_eq!(reply.dump(), "\"still here\"");
}

#[test]
fn an_error_of_the_servers_says_what_became_of_the_command() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    assert_eq!(client.ask(&["SET", "text", "x"]), "+OK");
    let cases: [(&[&str], &str, Outcome); 8] = [
        (&["LPUSH", "text", "x"], "WRONGTYPE ", Outcome::REFUSED),
        (&["INCR", "text"], "ERR value is not an integer", Outcome::REFUSED),
        (&["GET"], "ERR wrong number of arguments", Outcome::REFUSED),
        (&["EVALSHA", "ffffffffffffffffffffffffffffffffffffffff", "0"], "NOSCRIPT ", Outcome::REFUSED),
        (&["EVAL", "return redis.call('LPUSH', KEYS[1], 1)", "1", "text"], "WRONGTYPE ", Outcome::UNKNOWN),
        (&["eval", "return {err='MY words'}", "0"], "MY words", Outcome::UNKNOWN),
        (&["NO.SUCH.COMMAND", "x"], "ERR unknown command", Outcome::UNKNOWN),
        (&["CONFIG", "NOSUCH"], "ERR ", Outcome::REFUSED),
    ];
    for (args, words, outcome) in cases {
        let err = client.command(args).expect_err("the server refuses");
        assert_eq!((err.status, err.outcome), (Status::SERVER, outcome), "{args:?}: {err:?}");
        assert!(err.message.starts_with(words), "{args:?}: {err:?}");
        let reply = client.command_with(args, call::ERROR_REPLY, 0).expect("an error that is a reply");
        assert!(reply.dump().starts_with(&format!("-{words}")), "{args:?}: {reply:?}");
    }
    assert_eq!(client.stat(stat::CONNECTIONS_CREATED), 1, "a server's error is no reason to leave");
}

#[test]
fn a_call_that_is_wrong_sends_nothing() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let none: [&str; 0] = [];
    let empty_name = [""];
    for (what, result) in [
        ("no arguments", client.command(&none)),
        ("an unknown flag", client.command_with(&["PING"], 1 << 20, 0)),
        ("an unknown flag beside a known one", client.command_with(&["PING"], call::RAW | 1 << 31, 0)),
        ("a time without its flag", client.command_with(&["PING"], call::RAW, 300)),
        ("a time for ever without its flag", client.command_with(&["PING"], call::DEFAULT, -1)),
    ] {
        let err = result.expect_err(what);
        assert_eq!((err.status, err.outcome), (Status::ARGUMENT, Outcome::NOT_SENT), "{what}: {err:?}");
    }
    // An empty name is for the server to refuse, or for the library: never a hang, and the next command is its own.
    client.command(&empty_name).expect_err("no command has an empty name");
    assert_eq!(client.ask(&["ECHO", "x"]), "\"x\"");
}

#[test]
fn what_would_change_the_connection_is_refused_in_any_case_of_letters() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let refused: [&[&str]; 26] = [
        &["SELECT", "3"],
        &["select", "3"],
        &["SeLeCt", "3"],
        &["MULTI"],
        &["exec"],
        &["DISCARD"],
        &["Watch", "k"],
        &["UNWATCH"],
        &["SUBSCRIBE", "c"],
        &["psubscribe", "p*"],
        &["SSUBSCRIBE", "c"],
        &["UNSUBSCRIBE"],
        &["PUNSUBSCRIBE"],
        &["SUNSUBSCRIBE"],
        &["MONITOR"],
        &["RESET"],
        &["quit"],
        &["AUTH", "secret"],
        &["HELLO", "2"],
        &["CLIENT", "REPLY", "OFF"],
        &["client", "reply", "skip"],
        &["CLIENT", "TRACKING", "ON"],
        &["CLIENT", "SETNAME", "x"],
        &["CLIENT", "NO-EVICT", "on"],
        &["READONLY"],
        &["ASKING"],
    ];
    for args in refused {
        let err = client.command(args).expect_err("a client refuses it");
        assert_eq!((err.status, err.outcome), (Status::ARGUMENT, Outcome::NOT_SENT), "{args:?}: {err:?}");
        let named = args[0].to_uppercase();
        assert!(err.message.starts_with(&named), "{args:?}: {err:?}");
        assert!(!err.message.contains("secret"), "{err:?}");
    }
    assert!(server.clients().is_empty(), "what is refused needs no connection");
    // What only looks alike is let through.
    assert_eq!(client.ask(&["ECHO", "SELECT"]), "\"SELECT\"");
    assert!(client.number(&["CLIENT", "ID"]) > 0);
    assert_eq!(client.ask(&["CLIENT", "GETNAME"]), "(nil)");
}

#[test]
fn one_config_makes_a_client_for_each_database() {
    let server = Server::start(&[]);
    let clients: Vec<Client> = (0..3).map(|db| Client::at(&format!("{}/{db}", server.url()))).collect();
    for (db, client) in clients.iter().enumerate() {
        assert_eq!(client.ask(&["SET", "db", &db.to_string()]), "+OK");
    }
    for (db, client) in clients.iter().enumerate() {
        assert_eq!(client.ask(&["GET", "db"]), format!("\"{db}\""));
        assert_eq!(client.number(&["DBSIZE"]), 1);
    }
}

#[test]
fn two_threads_never_see_each_others_errors() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    assert_eq!(client.ask(&["SET", "text", "x"]), "+OK");
    thread::scope(|scope| {
        for number in 0..4 {
            let client = &client;
            scope.spawn(move || {
                for count in 0..500 {
                    let word = format!("MINE{number} {count}");
                    let script = format!("return {{err='{word}'}}");
                    if number % 2 == 0 {
                        let err = client.command(&["EVAL", &script, "0"]).expect_err("the script fails");
                        assert_eq!(err.message.split(" script:").next(), Some(word.as_str()));
                    } else {
                        assert_eq!(client.ask(&["ECHO", &word]), format!("\"{word}\""));
                    }
                }
            });
        }
    });
}
