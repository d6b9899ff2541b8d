//! Faults on the way: peers that write before they read, floods, connections killed under many threads. What a failure says
//! of its command is held against what the server saw.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::c::{Client, Options, Outcome, Status, call, option, stat};
use crate::support::over::Over;
use crate::support::peer::{Hello, Peer, honest};
use crate::support::server::Server;

/// How long a command may take, where that is not what the test is about.
const PATIENCE_MS: i64 = 60_000;
/// How much later than its deadline a call may return on a busy machine.
const SLACK: Duration = Duration::from_secs(5);

fn options(url: &str) -> Options {
    Options::at(url).int(option::POOL_MAX, 1).int(option::COMMAND_TIMEOUT_MS, PATIENCE_MS).int(option::RETRY_MAX, 0)
}

#[test]
fn a_peer_that_writes_all_before_it_reads_on_is_read_meanwhile() {
    // Neither side's buffers hold what is on its way: if writing waited for the peer, both would wait for ever.
    const SIZE: usize = 8 << 20;
    let script = |line: &mut crate::support::peer::Line| {
        let mut answer = format!("${SIZE}\r\n").into_bytes();
        answer.resize(answer.len() + SIZE, b'y');
        answer.extend_from_slice(b"\r\n");
        loop {
            line.command()?;
            line.send(&answer)?;
        }
    };
    let value = vec![b'x'; SIZE];
    for peer in [Peer::tcp(Hello::Resp3, script), Peer::unix(Hello::Resp3, script)] {
        let client = options(&peer.url()).client();
        let mut conn = client.conn().expect("a connection");
        for _ in 0..3 {
            conn.send(&[b"SET", b"k".as_slice(), &value]).expect("it is sent, and answers are read meanwhile");
        }
        for _ in 0..3 {
            assert_eq!(conn.receive(PATIENCE_MS).expect("an answer").len, SIZE);
        }
    }
}

#[test]
fn an_answer_in_the_middle_of_a_command_is_its_answer_and_the_last() {
    for reset in [false, true] {
        let peer = Peer::tcp(Hello::Resp3, move |line| {
            if line.number > 0 {
                return line.serve();
            }
            let hello = line.any_command()?;
            let answer = line.handshake_answer(&hello).unwrap_or_default();
            line.send(&answer)?;
            // As a server does that finds the command too long.
            line.some_bytes(1000)?;
            line.send(b"-ERR Protocol error: invalid bulk length\r\n")?;
            line.fin()?;
            line.wait(Duration::from_millis(50))?;
            if reset { line.rst() } else { Ok(()) }
        });
        let client = options(&peer.url()).client();
        let large = vec![b'x'; 32 << 20];
        let err = client.command(&[b"SET", b"k".as_slice(), &large]).expect_err("it is too long");
        assert_eq!(err.status, Status::SERVER, "what the server said before it left is told: {err:?}");
        assert!(err.message.starts_with("ERR Protocol error"), "{err:?}");
        assert_eq!(client.ask(&["GET", "next"]), "\"v:next\"");
        assert_eq!(peer.connections(), 2, "half a command stands on the first");
    }
}

#[test]
fn a_reply_too_large_says_that_its_command_ran_only_if_it_surely_did() {
    let large = vec![b'x'; 32 << 20];
    let long_error = format!("-ERR {}\r\n", "x".repeat(500));
    let blob_error = format!("!{}\r\nERR {}\r\n", 504, "x".repeat(500));
    let long_value = format!("${}\r\n{}\r\n", 500, "x".repeat(500));
    let cases: [(&str, &str, &[u8], bool); 4] = [
        ("an error that is too long", &long_error, b"v", false),
        ("a long error that is too long", &blob_error, b"v", false),
        ("a value before all of the command was sent", &long_value, &large, false),
        ("a value that is too long", &long_value, b"v", true),
    ];
    for (name, answer, value, ran) in cases {
        let answer = answer.to_owned();
        let peer = Peer::tcp(Hello::Resp3, move |line| {
            if line.number > 0 {
                return line.serve();
            }
            let hello = line.any_command()?;
            let greeting = line.handshake_answer(&hello).unwrap_or_default();
            line.send(&greeting)?;
            line.some_bytes(20)?;
            line.send(answer.as_bytes())?;
            line.stall()
        });
        let client = options(&peer.url()).int(option::REPLY_LINE_MAX, 100).int(option::REPLY_BYTES_MAX, 200).client();
        let err = client.command(&[b"SET", b"k".as_slice(), value]).expect_err(name);
        assert_eq!((err.status, err.outcome == Outcome::RAN), (Status::LIMIT, ran), "{name}: {err:?}");
        assert_eq!(client.ask(&["GET", "next"]), "\"v:next\"", "{name}");
    }
}

#[test]
fn a_flood_of_pushes_does_not_move_a_deadline() {
    for idle in [false, true] {
        let peer = Peer::tcp(Hello::Resp3, move |line| {
            if line.number > 0 {
                return line.serve();
            }
            let command = line.command()?;
            if idle {
                line.send(&honest(&command))?;
            }
            let flood = b">2\r\n+a\r\n+b\r\n".repeat(4096);
            line.mark();
            loop {
                line.send(&flood)?;
            }
        });
        let client = options(&peer.url()).client();
        if idle {
            assert_eq!(client.ask(&["GET", "first"]), "\"v:first\"");
            peer.until_marks(1);
            thread::sleep(Duration::from_millis(50));
        }
        let start = Instant::now();
        let result = client.command_with(&["GET", "flooded"], call::TIMEOUT, 200);
        let took = start.elapsed();
        assert!(took < Duration::from_millis(200) + SLACK, "idle {idle}: {took:?}, {result:?}");
        if let Ok(reply) = result {
            assert!(idle, "the flood holds no answer: {reply:?}");
        }
        assert_eq!(client.ask(&["GET", "next"]), "\"v:next\"", "idle {idle}");
    }
}

#[test]
fn a_listener_may_use_the_client_that_it_listens_to() {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    let heard = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&heard);
    let peer = Peer::tcp(Hello::Resp3, |line| {
        loop {
            let command = line.command()?;
            line.send(b">2\r\n+a\r\n+b\r\n")?;
            line.send(&honest(&command))?;
        }
    });
    let client = options(&peer.url()).on_push(Box::new(move |_| {
        // The command of the listener brings a push too.
        if count.fetch_add(1, Ordering::SeqCst) < 3 {
            let client = CLIENT.get().expect("it is set");
            assert_eq!(client.stat(stat::CONNECTIONS_IN_USE), 0);
            assert_eq!(client.ask(&["GET", "inner"]), "\"v:inner\"");
        }
    }));
    let client = CLIENT.get_or_init(|| client.client());
    assert_eq!(client.ask(&["GET", "outer"]), "\"v:outer\"");
    assert_eq!(heard.load(Ordering::SeqCst), 4);
}

#[test]
fn a_message_is_one_line_that_fits_and_never_half_a_character() {
    let peer = Peer::tcp(Hello::Resp3, |line| {
        let errors = [
            format!("-ERR {}\r\n", "é".repeat(400)),
            format!("-ERRx {}\r\n", "é".repeat(400)),
            "-ERR bell \x07 and tab \t\r\n".to_owned(),
            "-\r\n".to_owned(),
            format!("-{}\r\n", "E".repeat(10_000)),
        ];
        for error in &errors {
            line.command()?;
            line.send(error.as_bytes())?;
        }
        line.command()?;
        line.send(b"-ERR not UTF-8: \xff\xfe\r\n")?;
        line.serve()
    });
    let client = options(&peer.url()).client();
    let fail = || {
        let err = client.command(&["GET", "k"]).expect_err("an error");
        assert_eq!((err.status, err.outcome), (Status::SERVER, Outcome::REFUSED), "{err:?}");
        assert!(!err.message.contains(|c: char| c.is_control()), "{err:?}");
        err.message
    };
    for _ in 0..2 {
        let message = fail();
        assert!(message.len() >= 200 && !message.contains('\u{fffd}'), "cut inside a character: {message}");
    }
    assert_eq!(fail(), "ERR bell \\x07 and tab \\x09");
    fail();
    assert_eq!(fail().len(), 239);
    assert!(fail().starts_with("ERR not UTF-8: "));
    assert_eq!(client.ask(&["GET", "next"]), "\"v:next\"");
    assert_eq!(peer.connections(), 1);
}

#[test]
fn a_cut_within_a_command_says_not_sent_only_if_nothing_was() {
    let request = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n".len();
    for at in 0..=request {
        for reset in [false, true] {
            let received = Arc::new(AtomicUsize::new(usize::MAX));
            let seen = Arc::clone(&received);
            let peer = Peer::tcp(Hello::Resp3, move |line| {
                let hello = line.any_command()?;
                let answer = line.handshake_answer(&hello).unwrap_or_default();
                line.send(&answer)?;
                let got = line.some_bytes(at);
                seen.store(got.unwrap_or(0), Ordering::SeqCst);
                if reset { line.rst() } else { Ok(()) }
            });
            let err = options(&peer.url()).client().command(&["SET", "k", "v"]).expect_err("the peer leaves");
            let what = format!("at {at}, reset {reset}: {err:?}");
            assert_eq!(err.status, Status::IO, "{what}");
            drop(peer);
            match err.outcome {
                Outcome::NOT_SENT => assert_eq!(received.load(Ordering::SeqCst), 0, "{what}"),
                outcome => assert_eq!(outcome, Outcome::UNKNOWN, "{what}"),
            }
        }
    }
}

/// Threads count, each on a key of its own, while every connection is killed again and again. In the end the server's
/// number is what was acknowledged, and of what is unknown, any part; of what was not sent, nothing.
#[test]
fn under_killed_connections_every_count_is_accounted_for() {
    const THREADS: usize = 8;
    let server = Server::start(&[]);
    for url in [server.url(), server.unix_url()] {
        let client = Options::at(&url).int(option::POOL_MAX, 4).int(option::RETRY_MAX, 0).client();
        let over = AtomicBool::new(false);
        let begin = Instant::now();
        let tallies: Vec<[i64; 3]> = thread::scope(|scope| {
            let over_at_the_end = Over(&over);
            let killer = scope.spawn(|| {
                let mut wire = server.wire();
                let mut kills = 0;
                while !over.load(Ordering::SeqCst) {
                    wire.ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
                    kills += 1;
                    thread::sleep(Duration::from_millis(2));
                }
                kills
            });
            let counters: Vec<_> = (0..THREADS)
                .map(|number| {
                    let client = &client;
                    scope.spawn(move || count_for(client, &format!("count:{number}"), begin))
                })
                .collect();
            let tallies = counters.into_iter().map(|counter| counter.join().expect("no panic")).collect();
            drop(over_at_the_end);
            assert!(killer.join().expect("no panic") > 20, "hardly a kill");
            tallies
        });
        let mut failures = 0;
        for (number, [acknowledged, unknown, not_sent]) in tallies.into_iter().enumerate() {
            let stored: i64 = server.ask(&["GETDEL", &format!("count:{number}")]).parse().unwrap_or(0);
            let most = acknowledged + unknown;
            assert!(acknowledged <= stored && stored <= most, "{acknowledged} to {most}, but {stored}");
            assert!(acknowledged > 0);
            failures += unknown + not_sent;
        }
        assert!(failures > 0, "no kill hit anybody");
        assert!(client.stat(stat::CONNECTIONS) <= 4);
        assert_eq!((client.stat(stat::CONNECTIONS_IN_USE), client.stat(stat::WAITING)), (0, 0));
    }
}

/// Count for a while. How many were acknowledged, how many may have run, and how many did not.
fn count_for(client: &Client, key: &str, begin: Instant) -> [i64; 3] {
    let [mut acknowledged, mut unknown, mut not_sent] = [0; 3];
    let mut last = 0;
    while begin.elapsed() < Duration::from_millis(1500) {
        match client.command(&["INCR", key]) {
            Ok(reply) => {
                acknowledged += 1;
                assert!(reply.integer > last, "{key}: {} after {last}", reply.integer);
                assert!(reply.integer <= acknowledged + unknown, "{key}: what was not sent ran: {reply:?}");
                last = reply.integer;
            }
            Err(err) => {
                assert!([Status::IO, Status::CONNECT].contains(&err.status), "{err:?}");
                match err.outcome {
                    Outcome::UNKNOWN => unknown += 1,
                    Outcome::NOT_SENT => not_sent += 1,
                    other => panic!("{other:?}: {err:?}"),
                }
            }
        }
    }
    [acknowledged, unknown, not_sent]
}
