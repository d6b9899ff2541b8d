//! A subscriber whose connection is lost: it comes back with what is wanted, and says what may have been missed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::c::{Options, Status, option, stat};
use crate::support::dice::Dice;
use crate::support::over::{Over, Woken};
use crate::support::proxy::{Cut, Proxy};
use crate::support::pubsub::{LONG_MS, PubSub, topic, until};
use crate::support::raw::Node;
use crate::support::server::Server;

/// Options of one who is back soon.
fn quick(url: &str) -> Options {
    Options::at(url).int(option::BACKOFF_MS, 1).int(option::BACKOFF_MS_MAX, 5)
}

/// The elements of a message, as texts; a number as its text.
fn parts(push: &Node) -> Vec<String> {
    let text = |node: &Node| match node.str.is_null() {
        true => node.integer.to_string(),
        false => String::from_utf8_lossy(node.text()).into_owned(),
    };
    push.elements().iter().map(text).collect()
}

fn kill(server: &Server) -> i64 {
    server.ask(&["CLIENT", "KILL", "TYPE", "pubsub"]).parse().expect("a number of clients")
}

fn channels(server: &Server) -> BTreeSet<String> {
    server.ask(&["PUBSUB", "CHANNELS"]).lines().map(str::to_owned).filter(|name| !name.is_empty()).collect()
}

#[test]
fn what_is_wanted_is_subscribed_again_and_a_gap_comes_before_the_first_message() {
    let server = Server::start(&[]);
    for protocol in [2, 3] {
        let client = quick(&server.url()).int(option::PROTOCOL, protocol).client();
        let pubsub = client.pubsub();
        pubsub.subscribe(&["a", "b", "gone"]);
        pubsub.psubscribe(&["p*"]);
        pubsub.try_subscribe(topic::SHARD, &["s"]).expect("it is subscribed");
        pubsub.unsubscribe(&["gone"]);
        until("it is all there", || server.ask(&["PUBSUB", "SHARDCHANNELS"]) == "s");
        until("nothing is left over", || channels(&server) == BTreeSet::from(["a".into(), "b".into()]));
        client.ask(&["PUBLISH", "a", "before"]);
        assert_eq!(kill(&server), 1);
        pubsub.subscribe(&["c"]);
        pubsub.unsubscribe(&["b"]);
        client.ask(&["PUBLISH", "a", "missed"]);
        assert_eq!(pubsub.expect(), r#">["message" (nil) "a" "before"]"#, "RESP{protocol}");
        let gap = parts(&pubsub.next(LONG_MS).expect("a gap"));
        assert_eq!((gap.len(), gap[0].as_str(), gap[1].as_str()), (4, "gap", "0"), "{gap:?}");
        assert!(gap[2].contains("closed the connection") || gap[2].contains("reset"), "{gap:?}");
        assert!(gap[3].parse::<i64>().is_ok_and(|ms| ms >= 0), "{gap:?}");
        // Who looks for what was missed when the gap was told misses nothing more: all is subscribed by then.
        assert_eq!(channels(&server), BTreeSet::from(["a".into(), "c".into()]), "RESP{protocol}");
        assert_eq!(
            (server.ask(&["PUBSUB", "NUMPAT"]).as_str(), server.ask(&["PUBSUB", "SHARDCHANNELS"]).as_str()),
            ("1", "s")
        );
        assert_eq!(pubsub.publish("c", b"after"), Ok(1));
        assert_eq!(pubsub.expect(), r#">["message" (nil) "c" "after"]"#);
        assert_eq!(pubsub.next(20).expect_err("one gap").status, Status::AGAIN);
        assert_eq!(client.stat(stat::CONNECTIONS_LOST), 1);
        drop(pubsub);
        until("it is gone", || channels(&server).is_empty());
    }
}

#[test]
fn nothing_is_missed_where_nothing_was_wanted() {
    let server = Server::start(&[]);
    let pubsub = quick(&server.url()).client().pubsub();
    pubsub.subscribe(&["c"]);
    pubsub.unsubscribe(&[]);
    assert_eq!(pubsub.next(50).expect_err("nothing").status, Status::AGAIN);
    server.ask(&["CLIENT", "KILL", "TYPE", "normal"]);
    assert_eq!(pubsub.next(50).expect_err("nothing").status, Status::AGAIN);
    pubsub.subscribe(&["c"]);
    until("it is subscribed again", || pubsub.next(10).is_err() && channels(&server).len() == 1);
    pubsub.publish("c", b"x").expect("a number");
    assert_eq!(pubsub.expect(), r#">["message" (nil) "c" "x"]"#);
}

#[test]
fn while_there_is_no_server_next_takes_its_time_and_says_why() {
    let mut server = Server::start(&[]);
    for protocol in [2, 3] {
        let client = quick(&server.unix_url()).int(option::PROTOCOL, protocol).client();
        let pubsub = client.pubsub();
        pubsub.subscribe(&["c"]);
        assert_eq!(pubsub.next(20).expect_err("nothing").status, Status::AGAIN);
        server.kill();
        for timeout_ms in [0, 1, 50] {
            let before = Instant::now();
            let err = pubsub.next(timeout_ms).expect_err("no server");
            assert_eq!(err.status, Status::AGAIN, "{err:?}");
            assert!(before.elapsed() >= Duration::from_millis(timeout_ms as u64));
        }
        let err = pubsub.next(50).expect_err("no server");
        assert!(err.message.contains("no connection: "), "{err:?}");
        // What is wished for meanwhile is noted.
        pubsub.subscribe(&["d"]);
        pubsub.unsubscribe(&["c"]);
        thread::scope(|scope| {
            let _woken_at_a_failure = Woken(|| {
                pubsub.wake();
                true
            });
            let waiting = scope.spawn(|| pubsub.next_in_turn(-1).map(|reply| reply.dump()));
            thread::sleep(Duration::from_millis(20));
            pubsub.wake();
            assert_eq!(waiting.join().expect("no panic").expect_err("woken").status, Status::WOKEN);
        });
        server.restart();
        assert_eq!(parts(&pubsub.next(LONG_MS).expect("a gap"))[0], "gap");
        assert_eq!(channels(&server), BTreeSet::from(["d".into()]));
    }
}

#[test]
fn connections_made_and_lost_are_told() {
    let server = Server::start(&[]);
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&told);
    let options = quick(&server.url()).on_event(Box::new(move |event: &Node| {
        listener.lock().expect("no panic").push(parts(event)[0].clone());
    }));
    let pubsub = options.client().pubsub();
    pubsub.subscribe(&["c"]);
    assert_eq!(pubsub.next(20).expect_err("nothing").status, Status::AGAIN);
    kill(&server);
    assert_eq!(parts(&pubsub.next(LONG_MS).expect("a gap"))[0], "gap");
    assert_eq!(*told.lock().expect("no panic"), ["connected", "lost", "connected"]);
}

#[test]
fn a_name_that_the_server_refuses_is_told_and_the_others_stay() {
    let server = Server::start(&["user bob on >pw +@all resetchannels &good* &p*"]);
    for protocol in [2, 3] {
        let client = quick(&server.url_of("bob", "pw")).int(option::PROTOCOL, protocol).client();
        let pubsub = client.pubsub();
        // The server refuses a command as a whole.
        pubsub.subscribe(&["good:1", "bad", "good:2"]);
        let err = pubsub.next(LONG_MS).expect_err("refused");
        assert_eq!(err.status, Status::SERVER, "{err:?}");
        assert!(err.message.starts_with("NOPERM ") && err.message.contains("SUBSCRIBE bad"), "{err:?}");
        let both = BTreeSet::from(["good:1".into(), "good:2".into()]);
        until("the others are there", || channels(&server) == both);
        assert_eq!(pubsub.next(50).expect_err("told once").status, Status::AGAIN);
        kill(&server);
        assert_eq!(parts(&pubsub.next(LONG_MS).expect("a gap"))[0], "gap");
        assert_eq!(channels(&server), both);
        assert_eq!(pubsub.next(50).expect_err("it is wanted no more").status, Status::AGAIN);
        drop(pubsub);
        until("it is gone", || channels(&server).is_empty());
    }
}

#[test]
fn what_will_not_pass_is_told_and_may_be_mended() {
    let server = Server::start(&["requirepass first"]);
    let pubsub = quick(&server.url().replace("//", "//:first@")).client().pubsub();
    pubsub.subscribe(&["c"]);
    assert_eq!(pubsub.next(20).expect_err("nothing").status, Status::AGAIN);
    assert_eq!(server.wire_with("first").ask(&["CONFIG", "SET", "requirepass", "second"]), "OK");
    server.wire_with("second").ask(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    for _ in 0..3 {
        assert_eq!(pubsub.next(LONG_MS).expect_err("another password").status, Status::AUTH);
    }
    assert_eq!(server.wire_with("second").ask(&["CONFIG", "SET", "requirepass", "first"]), "OK");
    assert_eq!(parts(&pubsub.next(LONG_MS).expect("a gap"))[0], "gap");
}

#[test]
fn a_server_that_hangs_is_found_by_asking_it() {
    let server = Server::start(&[]);
    for protocol in [2, 3] {
        let options = quick(&server.url()).int(option::PROTOCOL, protocol).int(option::HEALTH_CHECK_MS, 30);
        let client = options.int(option::COMMAND_TIMEOUT_MS, 1500).int(option::CONNECT_TIMEOUT_MS, 10_000).client();
        let pubsub = client.pubsub();
        pubsub.subscribe(&["c"]);
        // Asked again and again while nothing is said; and the answers are nobody's messages, in either protocol.
        let before = server.info("total_commands_processed");
        assert_eq!(pubsub.next(400).expect_err("pongs are swallowed").status, Status::AGAIN);
        let asked = server.info("total_commands_processed") - before;
        assert!((2..=25).contains(&asked), "RESP{protocol}: asked {asked} times in 400 ms, every 30 ms at the most");
        assert_eq!(client.stat(stat::CONNECTIONS_LOST), 0);
        server.freeze(true);
        until("it is given up", || pubsub.next(20).is_err() && client.stat(stat::CONNECTIONS_LOST) == 1);
        server.freeze(false);
        let gap = parts(&pubsub.next(LONG_MS).expect("a gap"));
        assert!(gap[0] == "gap" && gap[2].contains("did not answer PING within 1500 ms"), "{gap:?}");
        let ms: i64 = gap[3].parse().expect("milliseconds");
        assert!(ms >= 1500, "{gap:?}");
    }
}

#[test]
fn who_speaks_is_not_asked_whether_he_lives() {
    let server = Server::start(&[]);
    let pings =
        || server.ask(&["INFO", "commandstats"]).lines().find(|line| line.contains("_ping:")).map(str::to_owned);
    let before = pings();
    let pubsub = quick(&server.url()).int(option::HEALTH_CHECK_MS, 2000).client().pubsub();
    pubsub.subscribe(&["c"]);
    assert_eq!(pubsub.next(20).expect_err("nothing").status, Status::AGAIN);
    for _ in 0..30 {
        assert_eq!(server.ask(&["PUBLISH", "c", "x"]), "1");
        assert_eq!(pubsub.expect(), r#">["message" (nil) "c" "x"]"#);
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(pings(), before, "nobody asked");
}

#[test]
fn a_reader_that_is_too_slow_is_cut_off_and_that_is_a_gap() {
    let server = Server::start(&["client-output-buffer-limit pubsub 256kb 64kb 1"]);
    for protocol in [2, 3] {
        let client = quick(&server.url()).int(option::PROTOCOL, protocol).client();
        let pubsub = client.pubsub();
        pubsub.subscribe(&["c"]);
        assert_eq!(pubsub.next(20).expect_err("nothing").status, Status::AGAIN);
        let payload = "x".repeat(64 << 10);
        let mut sent = 0;
        until("it is cut off", || {
            sent += 1;
            client.ask(&["PUBLISH", "c", &format!("{sent}:{payload}")]) == ":0"
        });
        // What had arrived before is not lost; what follows the gap is new.
        let mut last = 0;
        let gap = loop {
            let got = parts(&pubsub.next(LONG_MS).expect("a message or a gap"));
            if got[0] == "gap" {
                break got;
            }
            let number: u64 = got[3].split(':').next().and_then(|number| number.parse().ok()).expect("a number");
            assert_eq!(number, last + 1, "in order, and whole");
            assert_eq!(got[3].len(), payload.len() + 1 + number.to_string().len());
            last = number;
        };
        assert!(last < sent, "{gap:?}");
        assert_eq!(client.stat(stat::CONNECTIONS_LOST), 1);
        assert_eq!(pubsub.publish("c", b"new"), Ok(1));
        assert_eq!(pubsub.expect(), r#">["message" (nil) "c" "new"]"#);
    }
}

/// What a reader of numbered messages found.
#[derive(Default)]
struct Ledger {
    last: BTreeMap<String, u64>,
    /// Gaps so far, and at which of them each channel was last heard.
    gaps: u64,
    heard_at: BTreeMap<String, u64>,
    messages: u64,
    missing: u64,
}

impl Ledger {
    fn enter(&mut self, push: &[String]) {
        if push[0] == "gap" {
            self.gaps += 1;
            return;
        }
        let (channel, number) = (push[2].clone(), push[3].parse::<u64>().expect("a number"));
        self.messages += 1;
        let last = self.last.insert(channel.clone(), number).unwrap_or(0);
        let heard_at = self.heard_at.insert(channel.clone(), self.gaps).unwrap_or(0);
        assert!(number > last, "{channel}: {number} after {last}: a duplicate, or out of order");
        if last > 0 && number != last + 1 {
            assert!(self.gaps > heard_at, "{channel}: {number} after {last}, and no gap was told between");
            self.missing += number - last - 1;
        }
    }
}

const NUMBERED: [&str; 3] = ["n:0", "n:1", "n:2"];

/// Numbered messages while the connection is lost so many times, and names come and go meanwhile.
fn churn(server: &Server, url: &str, protocol: i64, losses: i64, lose: impl Fn(&mut Dice) + Sync) -> Ledger {
    let client = quick(url).int(option::PROTOCOL, protocol).client();
    let pubsub = client.pubsub();
    // Through a proxy that cuts, the first try may fail.
    until("it is subscribed", || pubsub.try_subscribe(topic::CHANNEL, &NUMBERED).is_ok());
    let (stop, published) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut ledger = Ledger::default();
    let wanted = thread::scope(|scope| {
        let _over_at_the_end = Over(&stop);
        scope.spawn(|| {
            let direct = Options::at(&server.unix_url()).int(option::COMMAND_TIMEOUT_MS, 60_000).client();
            let mut number = 0_u64;
            while !stop.load(Ordering::SeqCst) {
                number += 1;
                NUMBERED.iter().for_each(|channel| drop(direct.ask(&["PUBLISH", channel, &number.to_string()])));
                published.store(number, Ordering::SeqCst);
            }
        });
        let churning = scope.spawn(|| {
            let (mut dice, mut wanted) = (Dice::new(7, protocol as u64), BTreeSet::new());
            while !stop.load(Ordering::SeqCst) {
                let name = format!("churn:{}", dice.throw(40));
                if dice.throw(2) == 0 {
                    pubsub.subscribe(&[&name]);
                    wanted.insert(name);
                } else {
                    pubsub.unsubscribe(&[&name]);
                    wanted.remove(&name);
                }
                thread::sleep(Duration::from_micros(dice.throw(500)));
            }
            wanted
        });
        scope.spawn(|| {
            let _over_at_the_end = Over(&stop);
            let mut dice = Dice::new(11, protocol as u64);
            while !stop.load(Ordering::SeqCst) && client.stat(stat::CONNECTIONS_LOST) < losses {
                thread::sleep(Duration::from_millis(1 + dice.throw(8)));
                lose(&mut dice);
            }
        });
        while !stop.load(Ordering::SeqCst) {
            match pubsub.next(50) {
                Ok(push) => ledger.enter(&parts(&push)),
                Err(err) => assert_eq!(err.status, Status::AGAIN, "{err:?}"),
            }
        }
        churning.join().expect("no panic")
    });
    settled(server, &pubsub, &mut ledger, wanted);
    assert!(ledger.messages > 0);
    ledger
}

/// What the server has at the end is what is wanted.
fn settled(server: &Server, pubsub: &PubSub, ledger: &mut Ledger, wanted: BTreeSet<String>) {
    let wanted: BTreeSet<String> = wanted.into_iter().chain(NUMBERED.map(str::to_owned)).collect();
    until("what is wanted is what the server has", || {
        while let Ok(push) = pubsub.next(20) {
            ledger.enter(&parts(&push));
        }
        channels(server) == wanted
    });
}

#[test]
fn two_hundred_losses_and_every_missing_number_lies_in_a_gap() {
    let server = Server::start(&[]);
    for protocol in [2, 3] {
        let ledger = churn(&server, &server.url(), protocol, 100, |_| {
            kill(&server);
        });
        println!("RESP{protocol}: {} messages, {} missing, {} gaps", ledger.messages, ledger.missing, ledger.gaps);
        assert!(ledger.gaps >= 20, "{} gaps", ledger.gaps);
        let proxy = Proxy::before(&server, move |number| {
            let mut dice = Dice::new(13, number as u64);
            match dice.throw(3) {
                0 => Cut::NEVER,
                _ => Cut { up: usize::MAX, down: 300 + dice.throw(3000) as usize, reset: dice.throw(2) == 0 },
            }
        });
        let ledger = churn(&server, &proxy.url(), protocol, 100, |dice| {
            if dice.throw(4) == 0 {
                proxy.cut_all()
            }
        });
        println!("RESP{protocol} cut: {} messages, {} missing, {} gaps", ledger.messages, ledger.missing, ledger.gaps);
        assert!(ledger.gaps >= 20, "{} gaps", ledger.gaps);
    }
}
