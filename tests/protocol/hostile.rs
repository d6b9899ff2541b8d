//! A peer that answers one GET as no server should: what the caller is told each time, and that the same client goes on
//! working, with no reply of one command ever given to another.

mod rows;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::c::{CErr, Client, Options, Outcome, Reply, Result, Status, call, option};
use crate::support::peer::{Hello, Line, Peer};
use rows::{
    Expect, Fails, Fin, Limit, Lost, Names, Protocol, Row, Rst, Serve, Silence, Timeout, TooMuch, Value, line_of, nest,
    rows,
};

/// How long a command may take, where that is not what the row is about.
const PATIENCE_MS: i64 = 100_000;
/// How long it may take where nothing will come.
const DEADLINE_MS: i64 = 250;
/// How much later than its deadline a call may return on a busy machine.
const SLACK: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug)]
struct Setting {
    hello: Hello,
    parser: i64,
}

const FAST: i64 = 1;
const SIMPLE: i64 = 2;

#[test]
fn hostile_replies_in_resp3_to_the_fast_parser() {
    all_rows(Setting { hello: Hello::Resp3, parser: FAST });
}

#[test]
fn hostile_replies_in_resp3_to_the_simple_parser() {
    all_rows(Setting { hello: Hello::Resp3, parser: SIMPLE });
}

#[test]
fn hostile_replies_in_resp2_to_the_fast_parser() {
    all_rows(Setting { hello: Hello::Resp2, parser: FAST });
}

#[test]
fn hostile_replies_in_resp2_to_the_simple_parser() {
    all_rows(Setting { hello: Hello::Resp2, parser: SIMPLE });
}

fn all_rows(setting: Setting) {
    let mut failures = Vec::new();
    for row in rows() {
        if let Err(why) = one_row(setting, &row) {
            failures.push(format!("row {} ({}): {why}", row.0, row.1));
        }
    }
    assert!(failures.is_empty(), "{setting:?}:\n  {}", failures.join("\n  "));
}

/// Ask such a peer; then ask again, which must give the answer to the second question.
fn one_row(setting: Setting, row: &Row) -> std::result::Result<(), String> {
    let Row(_, _, bytes, then, expect) = row;
    let (bytes, then) = (bytes.clone(), *then);
    let peer = Peer::tcp(setting.hello, move |line| {
        if line.number > 0 {
            return line.serve();
        }
        line.command()?;
        line.send(&bytes)?;
        match then {
            Serve => line.serve(),
            Silence => line.until_left(),
            Fin => Ok(()),
            Rst => line.rst(),
        }
    });
    let timeout = if matches!(expect, Timeout) { DEADLINE_MS } else { PATIENCE_MS };
    let client = client(setting, &peer.url());
    // Connected, so that the time is the command's alone.
    drop(client.conn());
    let start = Instant::now();
    let first = client.command_with(&["GET", "first"], call::TIMEOUT, timeout);
    let took = start.elapsed();
    check(*expect, &first)?;
    if matches!(expect, Timeout) {
        if took < Duration::from_millis(DEADLINE_MS as u64) {
            return Err(format!("gave up early, after {took:?}"));
        }
    } else if took > Duration::from_millis(PATIENCE_MS as u64) {
        return Err(format!("took {took:?}"));
    }
    let second = client.command(&["GET", "second"]);
    check(Value("\"v:second\""), &second).map_err(|why| format!("the next command: {why}"))?;
    // A connection that failed is never used again. One that did not fail may be, unless something was left unread.
    let connections = peer.connections();
    match (first.is_ok() || matches!(expect, Fails(Status::SERVER, _)), connections) {
        (true, 1 | 2) | (false, 2) => Ok(()),
        _ => Err(format!("{connections} connections for two commands")),
    }
}

fn check(expect: Expect, result: &Result<Reply>) -> std::result::Result<(), String> {
    let fails = |wanted: &[Status], outcome: Outcome, words: &str| match result {
        Err(err) if wanted.contains(&err.status) && err.outcome == outcome && err.message.contains(words) => Ok(()),
        other => Err(format!("wanted {wanted:?} {outcome:?} {words}, got {}", shown(other))),
    };
    match expect {
        Value(wanted) => match result {
            Ok(reply) if reply.dump() == wanted => Ok(()),
            other => Err(format!("wanted {}, got {}", short(wanted), shown(other))),
        },
        Fails(status, outcome) => fails(&[status], outcome, ""),
        // Attributes may have been those of a push, so that the reply has not surely begun.
        TooMuch => fails(&[Status::LIMIT], Outcome::RAN, "")
            .or_else(|_| fails(&[Status::LIMIT, Status::PROTOCOL], Outcome::UNKNOWN, "")),
        Lost => fails(&[Status::IO], Outcome::UNKNOWN, ""),
        Protocol => fails(&[Status::PROTOCOL], Outcome::UNKNOWN, ""),
        Limit => fails(&[Status::LIMIT], Outcome::RAN, ""),
        Timeout => fails(&[Status::TIMEOUT], Outcome::UNKNOWN, ""),
        Names(words) => fails(&[Status::PROTOCOL], Outcome::UNKNOWN, words),
    }
}

fn shown(result: &Result<Reply>) -> String {
    match result {
        Ok(reply) => short(&reply.dump()),
        Err(CErr { status, outcome, message, .. }) => format!("{status:?} {outcome:?} {message}"),
    }
}

fn short(text: &str) -> String {
    text.chars().take(200).collect()
}

fn client(setting: Setting, url: &str) -> Client {
    Options::at(url)
        .int(option::PARSER, setting.parser)
        .int(option::POOL_MAX, 1)
        .int(option::COMMAND_TIMEOUT_MS, PATIENCE_MS)
        .int(option::RETRY_MAX, 0)
        .client()
}

/// The other rows are not one answer to one GET; they run in each setting too.
fn in_every_setting(test: impl Fn(Setting)) {
    for hello in [Hello::Resp3, Hello::Resp2] {
        for parser in [FAST, SIMPLE] {
            test(Setting { hello, parser });
        }
    }
}

#[test]
fn row_54_an_error_with_a_nul_in_it_is_whole() {
    in_every_setting(|setting| {
        let peer = Peer::tcp(setting.hello, |line| {
            line.command()?;
            line.send(b"-ERR a\0b\r\n")?;
            line.command()?;
            line.send(b"-ERR a\0b\r\n")?;
            line.serve()
        });
        let client = client(setting, &peer.url());
        let reply = client.command_with(&["GET", "first"], call::ERROR_REPLY, 0).expect("an error that is a reply");
        assert_eq!(reply.dump(), "-ERR a\\x00b", "{setting:?}");
        assert_eq!(reply.text(), b"ERR a\0b");
        let err = client.command(&["GET", "second"]).expect_err("an error that is an error");
        assert_eq!((err.status, err.outcome), (Status::SERVER, Outcome::REFUSED), "{setting:?}");
        assert_eq!(err.message, "ERR a\\x00b");
        assert_eq!(client.ask(&["GET", "third"]), "\"v:third\"");
        assert_eq!(peer.connections(), 1, "a server's error is no reason to leave");
    });
}

#[test]
fn rows_55_to_59_a_peer_that_is_no_server_at_all() {
    type Greeting = fn(&mut Line) -> io::Result<()>;
    let greetings: [(&str, Greeting, &[Status]); 5] = [
        ("HTTP", |line| line.send(b"HTTP/1.1 400 Bad Request\r\n\r\n"), &[Status::PROTOCOL, Status::CONNECT]),
        ("TLS", |line| line.send(b"\x15\x03\x03\x00\x02\x02\x28"), &[Status::PROTOCOL, Status::CONNECT]),
        ("the end at once", |_| Ok(()), &[Status::CONNECT]),
        ("a reset at once", Line::rst, &[Status::CONNECT]),
        ("accepted, and nothing more", Line::stall, &[Status::TIMEOUT]),
    ];
    in_every_setting(|setting| {
        for (name, greeting, wanted) in greetings {
            let peer =
                Peer::tcp(setting.hello, move |line| if line.number > 0 { line.serve() } else { greeting(line) });
            let client = client(setting, &peer.url());
            let start = Instant::now();
            let time = if wanted == [Status::TIMEOUT] { DEADLINE_MS } else { PATIENCE_MS };
            let err = client.command_with(&["GET", "first"], call::TIMEOUT, time).expect_err(name);
            assert!(wanted.contains(&err.status), "{name} {setting:?}: {err:?}");
            assert_eq!(err.outcome, Outcome::NOT_SENT, "{name} {setting:?}: {err:?}");
            assert!(start.elapsed() < Duration::from_millis(time as u64) + SLACK, "{name}");
            assert_eq!(client.ask(&["GET", "second"]), "\"v:second\"", "{name} {setting:?}");
        }
    });
}

#[test]
fn rows_60_to_62_a_peer_that_is_slow_in_every_way_meets_the_one_deadline() {
    type Slow = fn(&mut Line) -> io::Result<()>;
    let ways: [(&str, Slow); 3] = [
        ("a byte at a time", |line| {
            line.command()?;
            line.drip(&b"$4096\r\n".iter().copied().chain([b'a'; 4096]).collect::<Vec<_>>(), Duration::from_millis(20))
        }),
        ("never reads", |line| {
            shake_hands(line)?;
            line.stall()
        }),
        ("reads a byte a second", |line| {
            shake_hands(line)?;
            line.sip(Duration::from_secs(1))
        }),
    ];
    let large = vec![b'x'; 32 << 20];
    in_every_setting(|setting| {
        for (name, way) in ways {
            let peer = Peer::tcp(setting.hello, move |line| if line.number > 0 { line.serve() } else { way(line) });
            let client = client(setting, &peer.url());
            // Connected, so that the time is the command's alone.
            drop(client.conn());
            let start = Instant::now();
            let value: &[u8] = if name.starts_with("a byte") { b"x" } else { &large };
            let args = [b"SET", b"first".as_slice(), value];
            let err = client.command_with(&args, call::TIMEOUT, DEADLINE_MS).expect_err(name);
            let took = start.elapsed();
            assert_eq!((err.status, err.outcome), (Status::TIMEOUT, Outcome::UNKNOWN), "{name} {setting:?}: {err:?}");
            assert!(took >= Duration::from_millis(DEADLINE_MS as u64), "{name}: early, after {took:?}");
            assert!(took < Duration::from_millis(DEADLINE_MS as u64) + SLACK, "{name}: late, after {took:?}");
            assert_eq!(client.ask(&["GET", "second"]), "\"v:second\"", "{name} {setting:?}");
        }
    });
}

/// Answer the handshake and read no further. Its last command is known by its being the only one, here.
fn shake_hands(line: &mut Line) -> io::Result<()> {
    let hello = line.any_command()?;
    let answer = line.handshake_answer(&hello).unwrap_or_default();
    line.send(&answer)
}

#[test]
fn row_63_an_answer_before_the_request_is_not_its_answer() {
    in_every_setting(|setting| {
        // Together with the answer to the handshake, so that it is there before the command is.
        let peer = Peer::tcp(setting.hello, |line| {
            if line.number > 0 {
                return line.serve();
            }
            let hello = line.any_command()?;
            let mut answer = line.handshake_answer(&hello).unwrap_or_default();
            answer.extend_from_slice(b"$4\r\nEVIL\r\n");
            line.send(&answer)?;
            line.serve()
        });
        let client = client(setting, &peer.url());
        match client.command(&["GET", "first"]) {
            Ok(reply) => assert_eq!(reply.dump(), "\"v:first\"", "{setting:?}"),
            Err(err) => assert_eq!(err.status, Status::PROTOCOL, "{setting:?}: {err:?}"),
        }
        assert_eq!(client.ask(&["GET", "second"]), "\"v:second\"", "{setting:?}");
    });
    in_every_setting(|setting| {
        // On a connection that rests: it is found before the next command is written.
        let peer = Peer::tcp(setting.hello, |line| {
            let command = line.command()?;
            line.send(&crate::support::peer::honest(&command))?;
            if line.number == 0 {
                line.send(b"$4\r\nEVIL\r\n")?;
                line.mark();
            }
            line.serve()
        });
        let client = client(setting, &peer.url());
        assert_eq!(client.ask(&["GET", "first"]), "\"v:first\"");
        peer.until_marks(1);
        assert_eq!(client.ask(&["GET", "second"]), "\"v:second\"", "{setting:?}");
        assert_eq!(peer.connections(), 2, "{setting:?}");
    });
}

#[test]
fn row_64_every_reply_twice_costs_a_connection_each_and_nothing_else() {
    in_every_setting(|setting| {
        let peer = Peer::tcp(setting.hello, |line| {
            loop {
                let command = line.command()?;
                let answer = crate::support::peer::honest(&command);
                line.send(&[answer.as_slice(), answer.as_slice()].concat())?;
            }
        });
        let client = client(setting, &peer.url());
        for key in ["a", "b", "c", "d", "e"] {
            assert_eq!(client.ask(&["GET", key]), format!("\"v:{key}\""), "{setting:?}");
        }
        assert_eq!(peer.connections(), 5, "{setting:?}");
    });
}

#[test]
fn row_65_n_minus_1_of_n_replies_is_a_reply_still_owed() {
    in_every_setting(|setting| {
        let peer = Peer::tcp(setting.hello, |line| {
            if line.number > 0 {
                return line.serve();
            }
            for _ in 0..3 {
                line.command()?;
            }
            line.send(b"$1\r\na\r\n$1\r\nb\r\n")?;
            line.until_left()
        });
        let client = client(setting, &peer.url());
        let mut conn = client.conn().expect("a connection");
        for key in ["a", "b", "c"] {
            conn.send(&["GET", key]).expect("the peer reads");
        }
        assert_eq!(conn.receive(PATIENCE_MS).expect("the first").dump(), "\"a\"");
        assert_eq!(conn.receive(PATIENCE_MS).expect("the second").dump(), "\"b\"");
        let start = Instant::now();
        let err = conn.receive(100).expect_err("the third never comes");
        assert_eq!(err.status, Status::AGAIN, "{setting:?}: {err:?}");
        assert!(start.elapsed() >= Duration::from_millis(100));
        drop(conn);
        assert_eq!(client.ask(&["GET", "next"]), "\"v:next\"", "{setting:?}");
        assert_eq!(peer.connections(), 2, "what is owed a reply does not go back to the pool");
    });
}

/// Nothing in the protocol tells one reply from another, so that replies which a server swaps arrive swapped. This
/// says what happens, not what should.
#[test]
fn row_66_swapped_replies_cannot_be_told() {
    in_every_setting(|setting| {
        let peer = Peer::tcp(setting.hello, |line| {
            line.command()?;
            line.command()?;
            line.send(b"$1\r\nb\r\n$1\r\na\r\n")?;
            line.serve()
        });
        let client = client(setting, &peer.url());
        let mut conn = client.conn().expect("a connection");
        conn.send(&["GET", "a"]).expect("the peer reads");
        conn.send(&["GET", "b"]).expect("the peer reads");
        assert_eq!(conn.receive(PATIENCE_MS).expect("the first").dump(), "\"b\"");
        assert_eq!(conn.receive(PATIENCE_MS).expect("the second").dump(), "\"a\"");
        drop(conn);
        assert_eq!(client.ask(&["GET", "next"]), "\"v:next\"", "{setting:?}");
    });
}

#[test]
fn each_limit_is_an_option_and_is_named_where_it_is_met() {
    let text = |len: usize| format!("${len}\r\n{}\r\n", "x".repeat(len)).into_bytes();
    let push = |len: usize| [b">1\r\n".as_slice(), &text(len), b"+OK\r\n"].concat();
    let (ran, unknown) = (Outcome::RAN, Outcome::UNKNOWN);
    let cases = [
        (option::REPLY_BYTES_MAX, 1000, text(900), text(2000), "reply_bytes_max", ran),
        (
            option::REPLY_NODES_MAX,
            100,
            b"*90\r\n".iter().chain(&b":1\r\n".repeat(90)).copied().collect(),
            b"*200\r\n".iter().chain(&b":1\r\n".repeat(200)).copied().collect(),
            "reply_nodes_max",
            ran,
        ),
        (option::REPLY_DEPTH_MAX, 10, nest(b"*1\r\n", 10), nest(b"*1\r\n", 11), "reply_depth_max", ran),
        (option::REPLY_LINE_MAX, 100, line_of(90, b"\r\n"), line_of(200, b"\r\n"), "reply_line_max", ran),
        (option::PUSH_BYTES_MAX, 1000, push(900), push(2000), "push_bytes_max", unknown),
    ];
    for (limit, value, within, beyond, name, outcome) in cases {
        for parser in [FAST, SIMPLE] {
            let answers = [within.clone(), beyond.clone()];
            let peer = Peer::tcp(Hello::Resp3, move |line| {
                for answer in &answers {
                    line.command()?;
                    line.send(answer)?;
                }
                line.serve()
            });
            let options = Options::at(&peer.url()).int(option::PARSER, parser).int(option::RETRY_MAX, 0);
            let client = options.int(limit, value).client();
            client.command(&["GET", "within"]).unwrap_or_else(|err| panic!("{name} {parser}: {err:?}"));
            let err = client.command(&["GET", "beyond"]).expect_err(name);
            assert_eq!((err.status, err.outcome), (Status::LIMIT, outcome), "{name} {parser}: {err:?}");
            assert!(err.message.contains(name), "{name} {parser}: {err:?}");
        }
    }
}

#[test]
fn a_push_is_shown_wherever_it_stood_and_never_counted() {
    for stream in [">2\r\n+a\r\n+b\r\n*2\r\n:1\r\n:2\r\n", "*2\r\n:1\r\n>2\r\n+a\r\n+b\r\n:2\r\n"] {
        let peer = Peer::tcp(Hello::Resp3, move |line| {
            line.command()?;
            line.send(stream.as_bytes())?;
            line.serve()
        });
        let shown = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&shown);
        let client = Options::at(&peer.url())
            .on_push(Box::new(move |push| {
                assert_eq!(push.dump(), ">[+a +b]");
                count.fetch_add(1, Ordering::SeqCst);
            }))
            .client();
        assert_eq!(client.ask(&["GET", "first"]), "[:1 :2]");
        assert_eq!(shown.load(Ordering::SeqCst), 1, "{stream:?}");
        assert_eq!(client.ask(&["GET", "second"]), "\"v:second\"");
    }
}
