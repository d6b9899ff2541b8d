//! Many threads on one client, each with keys of its own: every reply is its own.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::support::c::{Client, Options, Reply, Result, call, option, stat};
use crate::support::server::Server;

const THREADS: usize = 32;
/// Values of `option::SHARE`.
const BUSY: i64 = 1;
const ALWAYS: i64 = 2;

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

/// All threads go on until they have sent so many commands together; then each has had a fair part of them. What else runs on the
/// machine may hold up a thread in one round, and holds up none in all of them.
#[test]
fn of_many_threads_that_share_none_starves() {
    const MANY: usize = 64;
    const EACH: usize = 100;
    const ROUNDS: usize = 5;
    let server = Server::start(&[]);
    for share in [BUSY, ALWAYS] {
        let client = Options::at(&server.url()).int(option::SHARE, share).int(option::POOL_MAX, 8).client();
        let shares: Vec<Vec<usize>> = (0..ROUNDS).map(|_| one_round(&client, MANY, MANY * EACH)).collect();
        assert!(client.stat(stat::RIDES) > 0);
        let is_fair = |counts: &Vec<usize>| counts.iter().all(|count| *count >= EACH / 3);
        assert!(shares.iter().any(is_fair), "{share}: {shares:?}");
    }
}

/// How many of the commands each thread had.
fn one_round(client: &Client, threads: usize, commands: usize) -> Vec<usize> {
    let (sent, gate) = (AtomicUsize::new(0), Barrier::new(threads));
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|number| {
                let (sent, gate) = (&sent, &gate);
                scope.spawn(move || {
                    let mark = format!("thread:{number}");
                    gate.wait();
                    let mut count = 0;
                    while sent.fetch_add(1, Ordering::Relaxed) < commands {
                        assert_eq!(client.ask(&["ECHO", &mark]), format!("\"{mark}\""));
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        running.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    })
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
