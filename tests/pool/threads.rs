//! Many threads on one client, each with keys of its own: every reply is its own.

use std::thread;

use crate::support::c::{Client, Options, Reply, Result, call, option, stat};
use crate::support::server::Server;

const THREADS: usize = 32;

/// Commands of each thread: RREDIS_TEST_OPS, for builds that instrument every access to memory and take their time.
fn commands() -> usize {
    std::env::var("RREDIS_TEST_OPS").map_or(20_000, |text| text.parse().expect("RREDIS_TEST_OPS is a number"))
}

#[test]
fn threads_that_share_a_client_get_their_own_replies() {
    let server = Server::start(&[]);
    let commands = commands();
    for (url, commands) in [(server.url(), commands), (server.unix_url(), commands / 4)] {
        let options = Options::at(&url).int(option::POOL_MAX, 8).int(option::COMMAND_TIMEOUT_MS, 60_000);
        let client = options.client();
        thread::scope(|scope| {
            for number in 0..THREADS {
                let client = &client;
                scope.spawn(move || one_thread(client, number, commands));
            }
        });
        assert!(client.stat(stat::CONNECTIONS_CREATED) <= 8);
        assert_eq!(client.stat(stat::CONNECTIONS_IN_USE), 0);
        assert!(client.stat(stat::COMMANDS) >= (THREADS * commands) as i64);
        assert_eq!(client.ask(&["FLUSHALL"]), "+OK");
    }
    println!("{THREADS} threads, {commands} commands each");
}

/// Commands of every size and kind, whose replies say whose they are.
fn one_thread(client: &Client, number: usize, commands: usize) {
    let key = format!("thread:{number}");
    let list = format!("{key}:list");
    let long = format!("{number}").repeat(5000);
    let mut counter = 0;
    let dump = |result: Result<Reply>| result.expect("the server answers").dump();
    for count in 0..commands {
        let mark = format!("{number}.{count}");
        match count % 8 {
            0 => assert_eq!(dump(client.command_with(&["SET", &key, &mark], call::RAW, 0)), "+OK"),
            1 => assert_eq!(dump(client.command(&["GET", &key])), format!("\"{number}.{}\"", count - 1)),
            2 => {
                counter += 1;
                assert_eq!(dump(client.command(&["INCR", &format!("{key}:n")])), format!(":{counter}"));
            }
            3 => assert_eq!(dump(client.command(&["ECHO", &mark])), format!("\"{mark}\"")),
            4 => {
                let err = client.command(&["EVAL", &format!("return {{err='E{mark}'}}"), "0"]).expect_err("it fails");
                assert!(err.message.starts_with(&format!("E{mark}")), "{err:?}");
            }
            5 => {
                client.command(&["DEL", &list]).expect("the server answers");
                client.command(&["RPUSH", &list, &mark, &key, "", &mark]).expect("the server answers");
                let all = dump(client.command(&["LRANGE", &list, "0", "-1"]));
                assert_eq!(all, format!("[\"{mark}\" \"{key}\" \"\" \"{mark}\"]"));
            }
            6 => {
                let echo = client.command(&["ECHO", &long]).expect("an echo");
                assert!(echo.text() == long.as_bytes(), "another's long value");
            }
            _ => assert_eq!(dump(client.command(&["GET", &format!("{mark}:absent")])), "(nil)"),
        }
    }
}
