//! A subscriber in a loop of the caller's: its one descriptor is readable when the next call would not wait, and only then;
//! and nothing is lost between two calls, wherever the bytes are cut.

use std::io;
use std::thread;
use std::time::Duration;

use crate::support::c::{Client, Options, Status, option, stat};
use crate::support::dice::Dice;
use crate::support::peer::{Hello, Line, Peer};
use crate::support::pubsub::{LONG_MS, PubSub, topic, until};
use crate::support::server::Server;

/// Nothing is there, and the descriptor says so, at once and for a while.
fn is_quiet(pubsub: &PubSub) {
    assert!(!pubsub.is_readable(0), "readable, and nothing is there");
    assert!(!pubsub.is_readable(30), "readable after a while, and nothing is there");
}

/// What comes to a loop that calls only when its descriptor is readable, until it has so many.
fn take(pubsub: &PubSub, count: usize) -> Vec<String> {
    let mut got = Vec::new();
    while got.len() < count {
        assert!(pubsub.is_readable(LONG_MS as i32), "{} of {count}: not readable, and something is there", got.len());
        got.extend(pubsub.drain());
    }
    got
}

/// Messages of every size, many at once, taken by such a loop: whole, in order, and none forgotten behind the descriptor.
fn truths(which: &str, client: &Client) {
    let pubsub = client.pubsub();
    let fd = pubsub.fd();
    assert!(fd >= 0 && !pubsub.is_readable(0), "{which}: nothing is wanted yet");
    pubsub.subscribe(&["c"]);
    // The confirmation is nobody's.
    until("it is confirmed", || pubsub.next(0).is_err() && pubsub.publish("c", b"first").expect("a number") == 1);
    assert_eq!(take(&pubsub, 1), [r#">["message" (nil) "c" "first"]"#], "{which}");
    is_quiet(&pubsub);
    let mut dice = Dice::new(3, which.len() as u64);
    for round in 0..40 {
        let count = 1 + dice.throw(20) as usize;
        let largest = [10, 2000, 40_000][round % 3];
        let sent: Vec<String> =
            (0..count).map(|n| format!("{n}:{}", "x".repeat(dice.throw(largest) as usize))).collect();
        for text in &sent {
            assert_eq!(pubsub.publish("c", text.as_bytes()), Ok(1), "{which}");
        }
        let wanted: Vec<String> = sent.iter().map(|text| format!(r#">["message" (nil) "c" "{text}"]"#)).collect();
        assert!(take(&pubsub, count) == wanted, "{which}: round {round}");
        assert!(!pubsub.is_readable(0), "{which}: round {round}: readable, and nothing is there");
    }
    is_quiet(&pubsub);
    // One call that takes one message leaves the rest, and says so.
    for text in ["a", "b", "c"] {
        pubsub.publish("c", text.as_bytes()).expect("a number");
    }
    for text in ["a", "b", "c"] {
        assert!(pubsub.is_readable(LONG_MS as i32));
        assert_eq!(
            pubsub.next(0).map(|reply| reply.dump()).expect("it is there"),
            format!(r#">["message" (nil) "c" "{text}"]"#)
        );
    }
    is_quiet(&pubsub);
    pubsub.wake();
    assert!(pubsub.is_readable(0), "{which}: woken");
    assert_eq!(pubsub.next(0).expect_err("woken").status, Status::WOKEN);
    is_quiet(&pubsub);
    assert_eq!(pubsub.fd(), fd, "{which}");
}

#[test]
fn the_descriptor_tells_the_truth() {
    let server = Server::start(&[]);
    for url in [server.url(), server.unix_url()] {
        for protocol in [2, 3] {
            for parser in [1, 2] {
                let options = Options::at(&url).int(option::PROTOCOL, protocol).int(option::PARSER, parser);
                truths(&format!("{url} RESP{protocol} parser {parser}"), &options.client());
            }
        }
    }
}

#[cfg(feature = "tls")]
#[test]
fn and_over_tls_where_bytes_leave_the_kernel_before_they_are_read() {
    let server = crate::tls::world::TlsServer::start(&[]);
    for protocol in [2, 3] {
        truths(&format!("TLS RESP{protocol}"), &server.options().int(option::PROTOCOL, protocol).client());
    }
}

#[test]
fn a_loop_makes_the_lost_connection_anew() {
    let mut server = Server::start(&[]);
    let client = Options::at(&server.unix_url()).int(option::BACKOFF_MS, 40).int(option::BACKOFF_MS_MAX, 40).client();
    let pubsub = client.pubsub();
    let fd = pubsub.fd();
    pubsub.subscribe(&["c"]);
    assert_eq!(pubsub.drain().len(), 0);
    server.kill();
    // It is called when a connection is to be tried, and not all the time: its rests are of 20 ms in the mean.
    let mut calls = 0;
    let end = std::time::Instant::now() + Duration::from_millis(400);
    while std::time::Instant::now() < end {
        if pubsub.is_readable(100) {
            calls += 1;
            assert_eq!(pubsub.next(0).expect_err("no server").status, Status::AGAIN);
        }
    }
    assert!((1..200).contains(&calls), "{calls} calls");
    server.restart();
    let got = take(&pubsub, 1);
    assert!(got[0].starts_with(r#">["gap" (nil) "#), "{got:?}");
    until("it is subscribed", || pubsub.publish("c", b"x").expect("a number") == 1);
    assert_eq!(take(&pubsub, 1), [r#">["message" (nil) "c" "x"]"#]);
    assert_eq!(pubsub.fd(), fd);
}

#[test]
fn a_loop_asks_a_silent_server_and_gives_it_up() {
    let server = Server::start(&[]);
    let options =
        || Options::at(&server.url()).int(option::HEALTH_CHECK_MS, 40).int(option::CONNECT_TIMEOUT_MS, 10_000);
    asks_and_gives_up(&server, &options().int(option::COMMAND_TIMEOUT_MS, 1500).client());
    // The time is the client's, whatever the pool's is.
    let pool = options().int(option::COMMAND_TIMEOUT_MS, 600_000).pool();
    let client = pool.client(Some(&Options::new().int(option::COMMAND_TIMEOUT_MS, 1500))).expect("on the pool");
    asks_and_gives_up(&server, &client);
}

fn asks_and_gives_up(server: &Server, client: &Client) {
    let pubsub = client.pubsub();
    pubsub.subscribe(&["c"]);
    let serve = |what: &str, is_so: &mut dyn FnMut() -> bool| {
        until(what, || {
            if pubsub.is_readable(20) {
                assert_eq!(pubsub.drain().len(), 0, "the answers are nobody's messages");
            }
            is_so()
        });
    };
    let pings = || {
        let stats = server.ask(&["INFO", "commandstats"]);
        let calls =
            stats.lines().find_map(|line| line.strip_prefix("cmdstat_ping:calls=")?.split(',').next()?.parse().ok());
        calls.unwrap_or(0)
    };
    let before: u64 = pings();
    serve("it is asked, and asked again", &mut || pings() >= before + 2);
    assert_eq!(client.stat(stat::CONNECTIONS_LOST), 0);
    server.freeze(true);
    serve("it is given up", &mut || client.stat(stat::CONNECTIONS_LOST) == 1);
    server.freeze(false);
    assert!(take(&pubsub, 1)[0].starts_with(r#">["gap" (nil) "#));
}

#[test]
fn a_loop_hears_of_what_another_thread_wants() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let pubsub = client.pubsub();
    thread::scope(|scope| {
        scope.spawn(|| pubsub.subscribe(&["c"]));
        until("it is subscribed", || {
            let woken = pubsub.is_readable(1);
            assert!(!woken || pubsub.drain().is_empty());
            client.number(&["PUBLISH", "c", "x"]) == 1
        });
    });
    assert_eq!(take(&pubsub, 1), [r#">["message" (nil) "c" "x"]"#]);
    is_quiet(&pubsub);
}

/// A confirmation, two messages and a confirmation, as one stream; the end of each message in it.
fn conversation(resp3: bool, number: usize) -> (Vec<u8>, Vec<usize>) {
    let kind = if resp3 { '>' } else { '*' };
    let mut bytes = format!("{kind}3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
    let mut ends = Vec::new();
    for which in 0..2 {
        let payload = format!("{number}:{which}");
        bytes += &format!("{kind}3\r\n$7\r\nmessage\r\n$1\r\nc\r\n${}\r\n{payload}\r\n", payload.len());
        ends.push(bytes.len());
    }
    (bytes.into_bytes(), ends)
}

fn resp3(hello: Hello) -> bool {
    hello == Hello::Resp3
}

/// The conversation is cut after each of its bytes in turn, one connection after the other: what came whole is given, once, in
/// order, and before what the next connection brings there is a gap.
#[test]
fn cut_after_any_byte_what_came_whole_is_given_and_the_rest_is_a_gap() {
    for hello in [Hello::Resp2, Hello::Resp3] {
        let longest = conversation(resp3(hello), 100).0.len();
        let peer = Peer::unix(hello, move |line: &mut Line| -> io::Result<()> {
            line.command()?;
            let (bytes, _) = conversation(resp3(hello), line.number);
            line.send(&bytes[..line.number.min(bytes.len())])?;
            if line.number < longest { line.fin() } else { line.until_left() }
        });
        let client = Options::at(&peer.url()).int(option::BACKOFF_MS, 0).client();
        let pubsub = client.pubsub();
        pubsub.subscribe(&["c"]);
        let mut wanted: Vec<(usize, usize)> = Vec::new();
        for number in 0..=longest {
            let (bytes, ends) = conversation(resp3(hello), number);
            let whole = ends.iter().filter(|end| **end <= number.min(bytes.len())).count();
            wanted.extend((0..whole).map(|which| (number, which)));
        }
        let (mut got, mut gaps) = (Vec::new(), 0);
        while got.len() < wanted.len() {
            let text = pubsub.expect();
            if text.starts_with(r#">["gap" "#) {
                gaps += 1;
                continue;
            }
            let payload = text.strip_prefix(r#">["message" (nil) "c" ""#).and_then(|text| text.strip_suffix("\"]"));
            let (number, which) = payload.and_then(|text| text.split_once(':')).expect("a message of ours");
            let one: (usize, usize) = (number.parse().expect("a number"), which.parse().expect("a number"));
            assert!(got.last().is_none_or(|&(before, _)| before == one.0 || gaps > 0), "no gap before {one:?}");
            if got.last().is_none_or(|&(before, _)| before != one.0) {
                gaps = 0;
            }
            got.push(one);
        }
        assert_eq!(got, wanted, "{hello:?}");
        assert_eq!(client.stat(stat::CONNECTIONS_LOST), longest as i64, "{hello:?}");
    }
}

/// Nothing is lost where a call's time is up in the middle of a message.
#[test]
fn half_a_message_waits_for_its_other_half() {
    for hello in [Hello::Resp2, Hello::Resp3] {
        let peer = Peer::tcp(hello, move |line: &mut Line| -> io::Result<()> {
            line.command()?;
            let (bytes, _) = conversation(resp3(hello), 7);
            line.drip(&bytes, Duration::from_micros(200))?;
            line.until_left()
        });
        let pubsub = Client::at(&peer.url()).pubsub();
        pubsub.subscribe(&["c"]);
        let mut got = Vec::new();
        let mut timed_out = 0;
        while got.len() < 2 {
            match pubsub.next(0) {
                Ok(reply) => got.push(reply.dump()),
                Err(err) => {
                    assert_eq!(err.status, Status::AGAIN);
                    timed_out += 1;
                }
            }
        }
        assert_eq!(got, [r#">["message" (nil) "c" "7:0"]"#, r#">["message" (nil) "c" "7:1"]"#], "{hello:?}");
        assert!(timed_out > 10, "{timed_out} times");
    }
}

#[test]
fn what_was_unsubscribed_is_heard_until_that_is_confirmed() {
    for hello in [Hello::Resp2, Hello::Resp3] {
        let kind = if resp3(hello) { '>' } else { '*' };
        let peer = Peer::tcp(hello, move |line: &mut Line| -> io::Result<()> {
            line.command()?;
            let (bytes, _) = conversation(resp3(hello), 1);
            line.send(&bytes)?;
            line.command()?;
            let (_, ends) = conversation(resp3(hello), 2);
            // A message, the confirmation and what follows it, in one segment.
            let mut text = bytes[bytes.len() - (ends[1] - ends[0])..].to_vec();
            text.extend_from_slice(format!("{kind}3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:0\r\n").as_bytes());
            line.command()?;
            text.extend_from_slice(&conversation(resp3(hello), 3).0);
            line.send(&text)?;
            line.until_left()
        });
        let pubsub = Options::at(&peer.url()).int(option::PUBSUB_CONFIRMATIONS, 1).client().pubsub();
        pubsub.subscribe(&["c"]);
        pubsub.unsubscribe(&["c"]);
        pubsub.subscribe(&["c"]);
        let got: Vec<String> = (0..8).map(|_| pubsub.expect()).collect();
        let message = |text: &str| format!(r#">["message" (nil) "c" "{text}"]"#);
        let confirmed = |word: &str, count: u32| format!(r#">["{word}" (nil) "c" :{count}]"#);
        let wanted = [
            confirmed("subscribe", 1),
            message("1:0"),
            message("1:1"),
            message("1:1"),
            confirmed("unsubscribe", 0),
            confirmed("subscribe", 1),
            message("3:0"),
            message("3:1"),
        ];
        assert_eq!(got, wanted, "{hello:?}");
    }
}

/// As when the slot of a shard moves.
#[test]
fn a_shard_that_the_server_ends_is_asked_for_again_and_is_a_gap() {
    let peer = Peer::tcp(Hello::Resp3, |line: &mut Line| -> io::Result<()> {
        line.command()?;
        line.send(b">3\r\n$10\r\nssubscribe\r\n$1\r\ns\r\n:1\r\n>3\r\n$12\r\nsunsubscribe\r\n$1\r\ns\r\n:0\r\n")?;
        assert_eq!(line.command()?, [b"SSUBSCRIBE".to_vec(), b"s".to_vec()]);
        line.send(b">3\r\n$10\r\nssubscribe\r\n$1\r\ns\r\n:1\r\n>3\r\n$8\r\nsmessage\r\n$1\r\ns\r\n$1\r\nx\r\n")?;
        line.until_left()
    });
    let pubsub = Client::at(&peer.url()).pubsub();
    pubsub.try_subscribe(topic::SHARD, &["s"]).expect("it is subscribed");
    let gap = pubsub.expect();
    assert!(gap.starts_with(r#">["gap" (nil) "the server ended the subscription to s" :"#), "{gap}");
    assert_eq!(pubsub.expect(), r#">["smessage" (nil) "s" "x"]"#);
}
