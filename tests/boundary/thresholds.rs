//! Both sides of every threshold: each number in the source is a length that a text, a reply and a command have here, and a
//! count of elements and of commands, one less and one more, on every way to the server and back.
//!
//! The numbers are read off the source, so that a new one is crossed without a thought.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::support::c::{Callback, Client, Options, Parser, Reply, Status, Verdict, call, option};
use crate::support::own::Own;
use crate::support::pipeline::{Each, Pipeline, mode};
use crate::support::script::Script;
use crate::support::server::Server;
use rredis::options::Key;

/// Larger numbers are no lengths that a test can have, or limits with tests of their own.
const LEN_MAX: usize = 1 << 20;
/// Up to here a length is tried on every way, and a count too.
const EVERYWHERE_MAX: usize = 80 << 10;
const COUNT_MAX: usize = 4100;
const BURST_MAX: usize = 1030;

/// Every number that a constant of the library's has, and those at which a length has another digit.
fn numbers() -> BTreeSet<usize> {
    let mut found: BTreeSet<usize> = (0..7).map(|digits| 10_usize.pow(digits)).collect();
    for source in crate::source::sources() {
        for line in source.shipped.lines().filter_map(|line| line.trim().split_once("const ")) {
            let Some((declared, value)) = line.1.split_once(" = ") else { continue };
            let is_number = [": usize", ": u64", ": u32", ": i64"].iter().any(|kind| declared.ends_with(kind));
            found.extend(evaluated(value.trim_end_matches(';')).filter(|_| is_number));
        }
    }
    found
}

/// `64`, `4_096` or `64 << 10`; nothing else is a plain number.
fn evaluated(text: &str) -> Option<usize> {
    let number = |text: &str| text.trim().replace('_', "").parse::<usize>().ok();
    match text.split_once("<<") {
        Some((number_of, shift)) => number(number_of)?.checked_shl(number(shift)?.try_into().ok()?),
        None => number(text),
    }
}

/// One less, as many, and one more.
fn around(number: usize) -> [usize; 3] {
    [number.saturating_sub(1), number, number + 1]
}

/// Lengths of a text with which it, its reply, and the command that brings it are one less, as many, and one more than a number.
fn lengths() -> BTreeSet<usize> {
    let mut lengths = BTreeSet::new();
    for number in numbers().into_iter().filter(|number| *number <= LEN_MAX) {
        for all in around(number) {
            for around_it in [0, "$\r\n\r\n".len(), "*2\r\n$4\r\nECHO\r\n$\r\n\r\n".len()] {
                // As many digits as it has itself, or one less.
                let digits = if around_it == 0 { vec![0] } else { (1..=7).collect() };
                let texts =
                    digits.into_iter().filter_map(|digits| Some((digits, all.checked_sub(around_it + digits)?)));
                lengths
                    .extend(texts.filter(|(digits, len)| [0, len.to_string().len()].contains(digits)).map(|two| two.1));
            }
        }
    }
    lengths
}

/// A text in which a byte that is lost, doubled or moved shows.
fn text(len: usize) -> String {
    (0..len).map(|i| char::from(b'a' + (i % 26 + i / 1000 % 7) as u8 % 26)).collect()
}

#[test]
fn the_numbers_are_those_of_the_source() {
    let numbers = numbers();
    for known in [4, 8, 16, 32, 64, 128, 256, 1000, 1 << 10, 16_384, 64 << 10, 256 << 10, 1 << 20, 1 << 30] {
        assert!(numbers.contains(&known), "{known} is not among {numbers:?}");
    }
    let lengths = lengths();
    assert!(lengths.len() > 200, "only {} lengths", lengths.len());
    // A reply of 64 KiB and one byte, and a command of 1024 bytes: `$65527` and `*2`, `ECHO` and `$1000`.
    assert!(lengths.contains(&(65_537 - 10)) && lengths.contains(&(1024 - 24 + 1)), "{lengths:?}");
}

/// How a client is made, with its parser and its protocol.
struct Way {
    name: String,
    client: Client,
    /// One with a callback of the program's, which gives a reply of its own.
    called: Client,
    own: Own,
}

fn way(name: &str, url: &str, protocol: i64, parser: i64, ca: Option<&str>) -> Way {
    let mut options = Options::at(url).int(option::PROTOCOL, protocol).int(option::PARSER, parser);
    if let Some(ca) = ca {
        options = options.text(option::TLS_CA_FILE, ca);
    }
    let own = Own::with(url, |setup| {
        setup.options.set_int(Key::Protocol, protocol).expect("it can be set");
        setup.options.set_int(Key::Parser, parser).expect("it can be set");
        if let Some(ca) = ca {
            setup.options.set_text(Key::TlsCaFile, ca.as_bytes()).expect("it can be set");
        }
    });
    let (client, called) = (options.client(), options.client());
    let copies: Callback = Box::new(|_, reply, _| Verdict::Replace(Reply::string(reply.text())));
    called.callback("ECHO", Some(copies), &Arc::default()).expect("it can be set");
    Way { name: format!("{name}, RESP{protocol}, parser {parser}"), client, called, own }
}

fn ways(server: &Server) -> Vec<Way> {
    let choices = [(2, 1), (3, 1), (2, 2), (3, 2)];
    let tcp = choices.map(|(protocol, parser)| way("TCP", &server.url(), protocol, parser, None));
    tcp.into_iter().chain([way("Unix", &server.unix_url(), 3, 1, None)]).collect()
}

/// A text of every length, there and back by this way.
fn texts_cross(Way { name, client, called, own }: &mut Way) {
    let script = Script::new("return ARGV[1]");
    let mut conn = client.conn().expect("a connection");
    let mut pipeline = Pipeline::of(client);
    let pubsub = client.pubsub();
    pubsub.subscribe(&["thresholds"]);
    for (number, len) in lengths().into_iter().enumerate() {
        let text = text(len);
        let echo = ["ECHO", &text];
        let is_it = |way: &str, got: &[u8]| assert!(got == text.as_bytes(), "{name}: {way} of {len}: {}", got.len());

        is_it("alone", client.command(&echo).expect("a reply").text());
        own.submit(number, &echo);
        let (of, said) = own.completion();
        assert_eq!(of, number);
        is_it("in a loop", said.expect("a reply").as_bytes());
        pipeline.add(&echo).add(&["PING"]).add(&echo);
        let replies = pipeline.run(mode::PLAIN).expect("replies");
        is_it("first of a pipeline", replies.elements()[0].text());
        is_it("last of a pipeline", replies.elements()[2].text());
        if len > EVERYWHERE_MAX && number % 3 > 0 {
            continue;
        }
        is_it("on a connection", conn.command(&echo).expect("a reply").text());
        conn.send(&echo).expect("it is sent");
        is_it("received", conn.receive(20_000).expect("a reply").text());
        is_it("of a script", script.run(client, 0, &[&text]).expect("a reply").text());
        is_it("of a callback", called.command(&echo).expect("a reply").text());
        pipeline.add(&echo).add(&["PING"]).add(&echo);
        let replies = pipeline.run(mode::ATOMIC).expect("replies");
        is_it("first of a transaction", replies.elements()[0].text());
        is_it("last of a transaction", replies.elements()[2].text());
        pipeline.add(&echo).add(&["PING"]).add(&echo);
        script.add(&mut pipeline, 0, &[&text]);
        let mut shown = 0;
        let each: Each<'_> = Box::new(|index, reply| {
            if index != 1 {
                is_it("shown", reply.text());
            }
            shown += 1;
            Ok(())
        });
        pipeline.run_each(call::DEFAULT, 0, each).expect("replies");
        assert_eq!(shown, 4);
        assert_eq!(pubsub.publish("thresholds", text.as_bytes()).expect("it is published"), 1);
        is_it("published", pubsub.next(20_000).expect("a message").elements()[3].text());
    }
}

/// As many elements, and as many commands, as any number says.
fn counts_cross(Way { name, client, own, .. }: &mut Way) {
    let counts: BTreeSet<usize> = numbers().into_iter().flat_map(around).filter(|count| *count <= COUNT_MAX).collect();
    let mut pipeline = Pipeline::of(client);
    for count in counts.into_iter().filter(|count| *count > 0) {
        let last = (count - 1).to_string();
        let range = ["LRANGE", "list", "0", &last];
        let in_order = |way: &str, reply: &crate::support::raw::Node| {
            let right =
                reply.elements().iter().enumerate().all(|(i, element)| element.text() == i.to_string().as_bytes());
            assert!(right && reply.len == count, "{name}: {way} of {count}: {}", reply.len);
        };
        in_order("alone", &client.command(&range).expect("a reply"));
        own.submit(count, &range);
        let all: Vec<String> = (0..count).map(|i| i.to_string()).collect();
        own.expect(count, &format!("[{}]", all.join(" ")));
        pipeline.add(&range).add(&range);
        for reply in pipeline.run(mode::PLAIN).expect("replies").elements() {
            in_order("in a pipeline", reply);
        }
        // Pairs, made of what RESP2 and RESP3 have in different shapes.
        let scores = client.command(&["ZRANGE", "scores", "0", &last, "WITHSCORES"]).expect("a reply");
        let right = |(i, pair): (usize, &crate::support::raw::Node)| matches!(pair.elements(), [member, score] if member.text() == i.to_string().as_bytes() && score.number == i as f64);
        assert!(scores.len == count && scores.elements().iter().enumerate().all(right), "{name}: {count} scores");

        if count > BURST_MAX {
            continue;
        }
        let numbered: Vec<String> = (0..count).map(|i| format!("n{i}")).collect();
        for run in [mode::PLAIN, mode::ATOMIC] {
            for number in &numbered {
                pipeline.add(&["ECHO", number]);
            }
            let replies = pipeline.run(run).expect("replies");
            let right =
                replies.elements().iter().zip(&numbered).all(|(reply, number)| reply.text() == number.as_bytes());
            assert!(right && replies.len == count, "{name}: {count} commands: {}", replies.len);
        }
        for (mark, number) in numbered.iter().enumerate() {
            own.submit(mark, &["ECHO", number]);
        }
        for (mark, number) in numbered.iter().enumerate() {
            own.expect(mark, number);
        }
    }
}

fn fill(ask: impl Fn(&[&str]) -> String) {
    let fill = format!(
        "for i = 0, {} do redis.call('RPUSH', 'list', i) redis.call('ZADD', 'scores', i, i) end",
        COUNT_MAX + 1
    );
    ask(&["EVAL", &fill, "0"]);
}

#[test]
fn every_length_crosses() {
    let server = Server::start(&[]);
    ways(&server).iter_mut().for_each(texts_cross);
}

#[test]
fn every_count_crosses() {
    let server = Server::start(&[]);
    fill(|args| server.ask(args));
    ways(&server).iter_mut().for_each(counts_cross);
}

#[cfg(feature = "tls")]
#[test]
fn they_cross_over_tls() {
    use crate::tls::world::{PASSWORD, TlsServer};
    let server = TlsServer::start(&[]);
    let url = format!("rediss://:{PASSWORD}@localhost:{}", server.port());
    let mut way = way("TLS", &url, 3, 1, Some(&server.ca()));
    texts_cross(&mut way);
    fill(|args| way.client.ask(args));
    counts_cross(&mut way);
}

/// A reply of every length, whole and cut before its last byte, and the one behind it.
#[test]
fn every_length_is_parsed() {
    for parser in [1, 2] {
        let mut parser = Parser::new(parser).expect("a parser");
        for len in lengths() {
            let text = text(len);
            for wire in [format!("${len}\r\n{text}\r\n"), format!("+{text}\r\n"), format!("*1\r\n${len}\r\n{text}\r\n")]
            {
                if wire.starts_with('+') && len > 64 << 10 {
                    continue; // Longer than a line may be.
                }
                let next: String = format!("{wire}:7\r\n");
                for cut in [0, 1, wire.len() - 1, wire.len(), next.len() - 1] {
                    parser.feed(&next.as_bytes()[..cut]).expect("it takes bytes");
                    if cut < wire.len() {
                        assert_eq!(
                            parser.next().expect_err("it is not whole").status,
                            Status::AGAIN,
                            "{len}, cut at {cut}"
                        );
                    }
                    parser.feed(&next.as_bytes()[cut..]).expect("it takes bytes");
                    let reply = parser.next().expect("it is whole");
                    let got = reply.elements().first().map_or(reply.text(), |element| element.text());
                    assert!(got == text.as_bytes(), "{len}, cut at {cut}: {}", got.len());
                    assert_eq!(parser.next().expect("and the next").integer, 7, "behind {len}, cut at {cut}");
                }
            }
        }
    }
}
