//! Redirects, true and false: each is followed, waited out or told, within the time of its call, and nobody is asked whom no
//! server knows. Scripted nodes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::c::{CErr, Client, Options, Outcome, Reply, Status, call, option, stat};
use crate::support::node::{Answer, Asked, HERE, Node, Range, slots};
use crate::support::pipeline::{Pipeline, mode};
use crate::support::server::eventually;
use crate::support::slots::{SLOTS, key};

/// A slot of the first of two nodes, and of the first of three.
const OWN: usize = 100;
/// A time that everything here is over in, on a busy machine too.
const SOON: Duration = Duration::from_secs(8);

fn moved(slot: impl std::fmt::Display, to: &str) -> Answer {
    Answer::Error(format!("MOVED {slot} {to}"))
}

fn client(node: &Node) -> Client {
    Options::of_cluster(&node.endpoint()).client()
}

fn get(client: &Client) -> Result<Reply, CErr> {
    client.command_within(&["GET", &key(OWN, "k")], 0, 3_000)
}

fn is_value(result: Result<Reply, CErr>) {
    assert_eq!(result.expect("a value").dump(), format!("\"v:{}\"", key(OWN, "k")));
}

/// This slot, and all others but the rest of the first half, are the second's.
fn all_of_the_second(one: &Node, two: &Node) {
    let [own, other] = [one, two].map(|node| [(HERE, i64::from(node.port()))]);
    let bytes = slots(&[
        Range { from: 0, to: OWN as i64 - 1, nodes: &own },
        Range { from: OWN as i64, to: SLOTS as i64 - 1, nodes: &other },
    ]);
    one.says_slots(bytes.clone());
    two.says_slots(bytes);
}

#[test]
fn a_slot_that_has_moved_is_found_once() {
    let [one, two] = Node::several();
    let client = client(&one);
    is_value(get(&client));
    let to = two.endpoint();
    one.answers(move |_| moved(OWN, &to));
    all_of_the_second(&one, &two);
    // It counts as a redirect, and not as a retry, so that NO_RETRY follows it too.
    let flags = call::NO_RETRY;
    is_value(client.command_with(&["GET", &key(OWN, "k")], flags, 0));
    assert_eq!([stat::MOVED, stat::ASKED, stat::RETRIES].map(|stat| client.stat(stat)), [1, 0, 0]);
    for _ in 0..100 {
        is_value(get(&client));
    }
    assert_eq!((one.times("GET"), two.times("GET")), (2, 101), "it is asked of its owner from then on");
    assert_eq!(client.stat(stat::MOVED), 1);
    // The map is read anew for it, once.
    eventually("the map is read anew", || {
        is_value(get(&client));
        one.refreshes() + two.refreshes() == 2
    });
}

#[test]
fn a_write_that_was_redirected_runs_once() {
    let [one, two] = Node::several();
    let to = two.endpoint();
    one.answers(move |_| moved(OWN, &to));
    let count = AtomicUsize::new(0);
    two.answers(move |_| Answer::Bytes(format!(":{}\r\n", count.fetch_add(1, Ordering::SeqCst) + 1).into()));
    let client = client(&one);
    assert_eq!(client.number(&["INCR", &key(OWN, "n")]), 1);
    assert_eq!((one.times("INCR"), two.times("INCR")), (1, 1));
}

#[test]
fn a_slot_on_its_way_is_asked_for_each_time_and_stays_where_it_is() {
    let [one, two] = Node::several();
    let to = two.endpoint();
    one.answers(move |_| Answer::Error(format!("ASK {OWN} {to}")));
    let back = one.endpoint();
    two.answers(move |asked| if asked.asking { Answer::Honest } else { moved(OWN, &back) });
    let client = client(&one);
    for _ in 0..10 {
        is_value(get(&client));
    }
    assert_eq!([stat::MOVED, stat::ASKED, stat::RETRIES].map(|stat| client.stat(stat)), [0, 10, 0]);
    assert_eq!((one.times("GET"), two.times("GET"), two.times("ASKING")), (10, 10, 10));
    assert_eq!(one.refreshes() + two.refreshes(), 1, "the map is as it was");
}

/// Whom an ASK leads to may be dead or loading, while the slot's owner is well: nobody's gate is waited at then.
#[test]
fn a_slot_on_its_way_to_a_server_that_says_no_is_waited_out_and_told_in_time() {
    for error in PASSING {
        for recovers in [true, false] {
            let [one, two] = Node::several();
            let to = two.endpoint();
            one.answers(move |_| Answer::Error(format!("ASK {OWN} {to}")));
            let mut passes = at_first(4, error);
            two.answers(move |asked| match asked.asking {
                true if recovers => passes(asked),
                true => Answer::Error(error.to_owned()),
                false => Answer::Honest,
            });
            let client = Options::of_cluster(&one.endpoint()).int(option::FAILOVER_WAIT_MS, 600).client();
            for in_a_pipeline in [false, true] {
                let (tries, begin) = (two.times("GET"), Instant::now());
                let dump = match in_a_pipeline {
                    false => client
                        .command_within(&["GET", &key(OWN, "k")], 0, 5_000)
                        .map_or_else(|err| err.message, |reply| reply.dump()),
                    true => {
                        let mut pipeline = Pipeline::of(&client);
                        pipeline.add(&["GET", &key(OWN, "k")]);
                        let replies = pipeline.run(mode::PLAIN).expect("replies");
                        replies.elements()[0].dump()
                    }
                };
                let (took, tries) = (begin.elapsed(), two.times("GET") - tries);
                if recovers {
                    assert_eq!(dump, format!("\"v:{}\"", key(OWN, "k")), "{error}");
                } else {
                    let words = error.split('\'').next().unwrap_or(error);
                    assert!(dump.contains(words), "{dump}");
                    assert!(took >= Duration::from_millis(500) && took < Duration::from_secs(4), "{error}: {took:?}");
                    assert!((2..=50).contains(&tries), "{error}: {tries} tries in {took:?}");
                }
                assert_eq!(client.stat(stat::SHARDS_DOWN), 0, "{error}: both are well");
            }
        }
    }
}

#[test]
fn a_slot_on_its_way_to_a_server_that_is_gone_is_told_in_time() {
    let [one, two] = Node::several();
    let client = Options::of_cluster(&one.endpoint()).int(option::FAILOVER_WAIT_MS, 600).client();
    is_value(get(&client));
    one.forgets();
    let to = two.endpoint();
    one.answers(move |_| Answer::Error(format!("ASK {OWN} {to}")));
    two.dies();
    let begin = Instant::now();
    let err = client.command_within(&["GET", &key(OWN, "k")], 0, 5_000).expect_err("nobody has it");
    let took = begin.elapsed();
    assert_eq!((err.status, err.outcome), (Status::CONNECT, Outcome::NOT_SENT), "{err:?}");
    assert!(took >= Duration::from_millis(500) && took < Duration::from_secs(4), "{took:?}");
    let tries = one.times("GET");
    assert!((3..=50).contains(&tries), "{tries} tries");
    // It is the owner's again.
    one.answers(|_| Answer::Honest);
    is_value(get(&client));
}

/// The slot's owner names a dead server again and again, to all who ask: one of them at a time looks whether that is back.
#[test]
fn a_dead_server_that_a_slot_is_on_its_way_to_is_dialled_by_one_caller_at_a_time() {
    const CALLERS: usize = 32;
    for in_a_pipeline in [false, true] {
        let [one, two] = Node::several();
        let client = Options::of_cluster(&one.endpoint()).client();
        is_value(get(&client));
        let to = two.endpoint();
        one.answers(move |_| Answer::Error(format!("ASK {OWN} {to}")));
        // It takes each connection, and ends it.
        two.dies();
        let begin = Instant::now();
        let ask = || match in_a_pipeline {
            false => client.command_within(&["GET", &key(OWN, "k")], 0, 1_500).expect_err("nobody has it").outcome,
            true => {
                let mut pipeline = Pipeline::of(&client);
                pipeline.add(&["GET", &key(OWN, "k")]);
                pipeline.run_with(mode::PLAIN, call::TIMEOUT, 1_500).map_or_else(|err| err.outcome, |_| Outcome::NONE)
            }
        };
        std::thread::scope(|scope| {
            let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(ask)).collect();
            callers.into_iter().for_each(|caller| assert_eq!(caller.join().expect("no panic"), Outcome::NOT_SENT));
        });
        let (dialled, took) = (two.connections(), begin.elapsed());
        // All who come before the first is told may have dialled it.
        let most = CALLERS + took.as_millis() as usize / 50 + 1;
        assert!((3..=most).contains(&dialled), "{dialled} connections in {took:?}");
        assert!(one.times("GET") > 4 * most, "{} commands: they ask for it all the while", one.times("GET"));
    }
}

#[test]
fn who_asked_is_told_by_many_threads_at_once() {
    let [one, two] = Node::several();
    let to = two.endpoint();
    one.answers(move |_| Answer::Error(format!("ASK {OWN} {to}")));
    let back = one.endpoint();
    // A command that is not directly behind its own ASKING goes back and forth.
    two.answers(move |asked| if asked.asking { Answer::Honest } else { moved(OWN, &back) });
    let client = Options::of_cluster(&one.endpoint()).int(option::POOL_MAX, 3).client();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| (0..20).for_each(|_| is_value(get(&client))));
        }
    });
    assert_eq!((client.stat(stat::MOVED), client.stat(stat::ASKED)), (0, 320));
}

/// So often, and then it is well.
fn at_first(count: usize, error: &'static str) -> impl FnMut(&Asked<'_>) -> Answer + Send + 'static {
    let left = AtomicUsize::new(count);
    move |_| match left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
        Ok(_) => Answer::Error(error.to_owned()),
        Err(_) => Answer::Honest,
    }
}

/// What a server says while it cannot serve, and is over after a while.
const PASSING: [&str; 5] = [
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "CLUSTERDOWN The cluster is down",
    "CLUSTERDOWN Hash slot not served",
    "LOADING Redis is loading the dataset in memory",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
];

#[test]
fn what_passes_is_waited_out() {
    for error in PASSING {
        let [one, _two] = Node::several();
        one.answers(at_first(4, error));
        let client = client(&one);
        let begin = Instant::now();
        is_value(get(&client));
        assert_eq!(one.times("GET"), 5, "{error}");
        assert!(begin.elapsed() >= Duration::from_millis(15), "{error}: without a pause, {:?}", begin.elapsed());
        assert_eq!(client.stat(stat::RETRIES), 0, "{error}: it is no repeat");
        assert_eq!(client.stat(stat::SHARDS_DOWN), 0, "{error}");
    }
}

#[test]
fn what_does_not_pass_is_told_in_the_servers_words_in_time() {
    for error in PASSING {
        let [one, two] = Node::several();
        one.answers(move |_| Answer::Error(error.to_owned()));
        let options = Options::of_cluster(&one.endpoint()).int(option::FAILOVER_WAIT_MS, 600);
        let client = options.client();
        let begin = Instant::now();
        let err = client.command_within(&["SET", &key(OWN, "k"), "v"], 0, 5_000).expect_err(error);
        let took = begin.elapsed();
        assert_eq!((err.status, err.outcome), (Status::SERVER, Outcome::REFUSED), "{err:?}");
        assert!(err.message.starts_with(error), "{err:?}");
        assert!(took >= Duration::from_millis(500) && took < Duration::from_secs(4), "{error}: {took:?}");
        // Forty tries a second at most, and five maps.
        assert!((2..=50).contains(&one.times("SET")), "{error}: {} tries in {took:?}", one.times("SET"));
        assert!(one.refreshes() + two.refreshes() <= 2 + took.as_millis() as usize / 200, "{error}");
        // The other shard does not notice.
        let other = client.command_with(&["GET", &key(SLOTS - 1, "k")], call::NO_RETRY, 0).expect("it is well");
        assert_eq!(other.dump(), format!("\"v:{}\"", key(SLOTS - 1, "k")));
        // Who does not wait is told at once.
        let tries = one.times("SET");
        let begin = Instant::now();
        let err = client.command_within(&["SET", &key(OWN, "k"), "v"], call::NO_RETRY, 5_000).expect_err(error);
        assert_eq!((err.status, err.outcome), (Status::SERVER, Outcome::REFUSED), "{err:?}");
        assert!(one.times("SET") <= tries + 1 && begin.elapsed() < Duration::from_secs(2), "{error}");
        let client = Options::of_cluster(&one.endpoint()).int(option::FAILOVER_WAIT_MS, 0).client();
        let tries = one.times("SET");
        let err = client.command_within(&["SET", &key(OWN, "k"), "v"], 0, 5_000).expect_err(error);
        assert_eq!((err.status, err.outcome), (Status::SERVER, Outcome::REFUSED), "{err:?}");
        assert_eq!(one.times("SET"), tries + 1, "{error}");
    }
}

/// A refusal is of the last try alone: one before it may have run.
#[test]
fn what_may_have_run_is_not_told_to_be_refused() {
    for error in ["CLUSTERDOWN The cluster is down", "TRYAGAIN Multiple keys request during rehashing of slot"] {
        for in_a_pipeline in [false, true] {
            let [one, _two] = Node::several();
            let mut is_first = true;
            one.answers(move |_| match std::mem::take(&mut is_first) {
                true => Answer::End,
                false => Answer::Error(error.to_owned()),
            });
            let client = Options::of_cluster(&one.endpoint()).int(option::FAILOVER_WAIT_MS, 500).client();
            let name = key(OWN, "n");
            let (outcome, message) = if in_a_pipeline {
                let mut pipeline = Pipeline::of(&client);
                pipeline.add_with(&["INCR", &name], call::IDEMPOTENT, std::ptr::null_mut()).expect("it is taken");
                // Of the only server nothing was answered.
                pipeline.add(&["GET", &key(SLOTS - 1, "k")]);
                let replies = pipeline.run(mode::PLAIN).expect("the other server's reply");
                let said = replies.elements()[0].dump();
                (if said.contains("UNKNOWN ") { Outcome::UNKNOWN } else { Outcome::REFUSED }, said)
            } else {
                let err = client.command_with(&["INCR", &name], call::IDEMPOTENT, 0).expect_err("it is refused");
                (err.outcome, err.message)
            };
            assert_eq!(outcome, Outcome::UNKNOWN, "in a pipeline: {in_a_pipeline}: {message}");
            assert!(message.contains(&error[..8]) && one.times("INCR") > 1, "{message}");
        }
    }
}

#[test]
fn a_primary_that_only_reads_gives_way_to_the_replica_that_says_it_is_one() {
    let [one, two] = [Node::new(), Node::new()];
    let nodes = [(HERE, i64::from(one.port())), (HERE, i64::from(two.port()))];
    let view = slots(&[Range { from: 0, to: SLOTS as i64 - 1, nodes: &nodes }]);
    one.says_slots(view.clone());
    two.says_slots(view);
    one.answers(|asked| match asked.is("SET") {
        true => Answer::Error("READONLY You can't write against a read only replica.".to_owned()),
        false => Answer::Honest,
    });
    let events = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&events);
    let options =
        Options::of_cluster(&one.endpoint()).on_event(Box::new(move |event| seen.lock().unwrap().push(event.dump())));
    let client = options.client();
    assert_eq!(client.ask(&["SET", &key(OWN, "k"), "v"]), "+OK");
    assert_eq!((two.times("SET"), client.stat(stat::FAILOVERS)), (1, 1));
    assert!(two.times("ROLE") >= 1);
    assert_eq!(client.ask(&["SET", &key(OWN, "k"), "v"]), "+OK");
    assert_eq!(client.stat(stat::SHARDS_DOWN), 0);
    let events = events.lock().unwrap();
    let failover = format!(">[\"failover\" \"{}\" \"{}\" :", one.endpoint(), two.endpoint());
    assert_eq!(events.iter().filter(|event| event.starts_with(&failover)).count(), 1, "{events:?}");
}

/// What a liar says to the first command of all, and every one after it.
struct Lie {
    name: &'static str,
    error: fn(own: &Node, other: &Node, foreign: &Node) -> String,
    /// It is followed: the other node gives the value.
    is_followed: bool,
}

const LIES: &[Lie] = &[
    Lie { name: "to itself", error: |own, _, _| format!("MOVED {OWN} {}", own.endpoint()), is_followed: false },
    Lie {
        name: "to a stranger",
        error: |_, _, foreign| format!("MOVED {OWN} {}", foreign.endpoint()),
        is_followed: false,
    },
    Lie {
        name: "ASK to a stranger",
        error: |_, _, foreign| format!("ASK {OWN} {}", foreign.endpoint()),
        is_followed: false,
    },
    Lie { name: "ASK to itself", error: |own, _, _| format!("ASK {OWN} {}", own.endpoint()), is_followed: false },
    Lie { name: "to nowhere", error: |_, _, _| format!("MOVED {OWN} 127.0.0.1:1"), is_followed: false },
    Lie { name: "slot -1", error: |_, other, _| format!("MOVED -1 {}", other.endpoint()), is_followed: false },
    Lie { name: "slot 16384", error: |_, other, _| format!("MOVED 16384 {}", other.endpoint()), is_followed: false },
    Lie {
        name: "another's slot",
        error: |_, other, _| format!("MOVED {} {}", OWN + 1, other.endpoint()),
        is_followed: false,
    },
    Lie { name: "no slot", error: |_, other, _| format!("MOVED {}", other.endpoint()), is_followed: false },
    Lie {
        name: "a slot in hexadecimal",
        error: |_, other, _| format!("MOVED 0x64 {}", other.endpoint()),
        is_followed: false,
    },
    Lie { name: "without a port", error: |_, _, _| format!("MOVED {OWN} 127.0.0.1"), is_followed: false },
    Lie { name: "port 0", error: |_, _, _| format!("MOVED {OWN} 127.0.0.1:0"), is_followed: false },
    Lie { name: "port 65536", error: |_, _, _| format!("MOVED {OWN} 127.0.0.1:65536"), is_followed: false },
    Lie { name: "nothing but MOVED", error: |_, _, _| "MOVED".to_owned(), is_followed: false },
    Lie {
        name: "more than a server says",
        error: |_, other, _| format!("MOVED {OWN} {} now", other.endpoint()),
        is_followed: false,
    },
    Lie { name: "a path", error: |_, _, _| format!("MOVED {OWN} unix:/tmp/s:1"), is_followed: false },
    // No lies, but what some servers say.
    Lie { name: "without a host", error: |_, other, _| format!("MOVED {OWN} :{}", other.port()), is_followed: true },
    Lie { name: "the truth", error: |_, other, _| format!("MOVED {OWN} {}", other.endpoint()), is_followed: true },
    Lie { name: "ASK without a host", error: |_, other, _| format!("ASK {OWN} :{}", other.port()), is_followed: true },
];

#[test]
fn lies_lead_nowhere_and_to_nobody_else() {
    for lie in LIES {
        let ([one, two], foreign) = (Node::several(), Node::new());
        let error = (lie.error)(&one, &two, &foreign);
        let said = error.clone();
        one.answers(move |_| Answer::Error(said.clone()));
        let options =
            Options::of_cluster(&one.endpoint()).text(option::USERNAME, "user").text(option::PASSWORD, "secret");
        let client = options.int(option::FAILOVER_WAIT_MS, 300).client();
        let begin = Instant::now();
        let result = get(&client);
        let (took, tries) = (begin.elapsed(), one.times("GET"));
        println!("{}: {tries} tries in {took:?}: {result:?}", lie.name);
        assert!(took < SOON, "{}: {took:?}", lie.name);
        assert!(tries <= 30, "{}: {tries} tries", lie.name);
        if lie.is_followed {
            is_value(result);
        } else {
            let err = result.expect_err(lie.name);
            assert!(err.outcome == Outcome::REFUSED && err.status == Status::SERVER, "{}: {err:?}", lie.name);
            assert!(err.message.starts_with(&error), "{}: {err:?}", lie.name);
            assert_eq!(two.times("GET"), 0, "{}", lie.name);
        }
        assert_eq!(foreign.connections(), 0, "{}: nobody knows that server, and it is sent nothing", lie.name);
        // All else is as it was.
        let other = key(SLOTS - 1, "k");
        assert_eq!(client.ask(&["GET", &other]), format!("\"v:{other}\""), "{}", lie.name);
    }
}

#[test]
fn a_ring_is_left_in_time() {
    let nodes: [Node; 3] = Node::several();
    let ends: Vec<String> = nodes.iter().map(Node::endpoint).collect();
    for (at, node) in nodes.iter().enumerate() {
        let to = ends[(at + 1) % 3].clone();
        node.answers(move |asked| if asked.is("GET") { moved(OWN, &to) } else { Answer::Honest });
    }
    let client = client(&nodes[0]);
    let begin = Instant::now();
    let err = get(&client).expect_err("round and round");
    let hops: usize = nodes.iter().map(|node| node.times("GET")).sum();
    assert_eq!((err.status, err.outcome), (Status::SERVER, Outcome::REFUSED), "{err:?}");
    assert!(err.message.starts_with("MOVED"), "{err:?}");
    assert_eq!(hops, 17, "the first, and 16 redirects");
    assert!(begin.elapsed() > Duration::from_millis(100), "without pauses: {:?}", begin.elapsed());
    assert!(nodes.iter().map(Node::refreshes).sum::<usize>() <= 3 + begin.elapsed().as_secs() as usize);
    // And by the call's own time, where that is less.
    let begin = Instant::now();
    let err = client.command_within(&["GET", &key(OWN, "k")], 0, 100).expect_err("round and round");
    assert!(
        [Status::SERVER, Status::TIMEOUT].contains(&err.status) && begin.elapsed() < Duration::from_secs(2),
        "{err:?}"
    );
    assert!(err.outcome == Outcome::REFUSED || err.outcome == Outcome::NOT_SENT, "{err:?}");
}

#[test]
fn whom_an_ask_leads_to_may_send_on() {
    let [one, two, three] = Node::several();
    let (second, third) = (two.endpoint(), three.endpoint());
    one.answers(move |_| Answer::Error(format!("ASK {OWN} {second}")));
    two.answers(move |_| moved(OWN, &third));
    let client = client(&one);
    is_value(get(&client));
    assert_eq!((one.times("GET"), two.times("GET"), three.times("GET")), (1, 1, 1));
}

#[test]
fn another_place_than_the_announced_one_is_dialled_where_the_options_say_so() {
    let [one, two] = Node::several();
    let announced = ["[::1]:7001", "10.1.2.3:7002"];
    for (announced, said) in announced.into_iter().zip(["::1:7001", "10.1.2.3:7002"]) {
        let said = said.to_owned();
        one.answers(move |_| moved(OWN, &said));
        let map = format!("{announced}={}", two.endpoint());
        let client = Options::of_cluster(&one.endpoint()).text(option::ADDRESS_MAP, &map).client();
        is_value(get(&client));
        assert_eq!(client.stat(stat::MOVED), 1);
    }
}

#[test]
fn a_server_without_slots_is_believed_where_the_one_that_names_it_knows_it() {
    let ([one, two], new) = (Node::several(), Node::new());
    one.knows(&[&two, &new]);
    let to = new.endpoint();
    one.answers(move |_| Answer::Error(format!("ASK {OWN} {to}")));
    let client = client(&one);
    is_value(get(&client));
    assert_eq!(new.times("ASKING"), 1);
}

/// Only what a server says to the command itself is a redirect.
#[test]
fn what_stands_within_a_reply_is_data() {
    let [one, two] = Node::several();
    let error = format!("MOVED {OWN} {}", two.endpoint());
    let bytes = format!("*2\r\n-{error}\r\n$3\r\nASK\r\n");
    one.answers(move |_| Answer::Bytes(bytes.clone().into()));
    let client = client(&one);
    let reply = client.command_with(&["LRANGE", &key(OWN, "k"), "0", "-1"], call::RAW, 0).expect("a reply");
    assert_eq!(reply.dump(), format!("[-{error} \"ASK\"]"));
    assert_eq!((client.stat(stat::MOVED), two.times("LRANGE")), (0, 0));
    // A script may say what it likes of itself.
    for error in ["CLUSTERDOWN says the script", "TRYAGAIN says the script", "LOADING says the script"] {
        let [one, _two] = Node::several();
        one.answers(move |_| Answer::Error(error.to_owned()));
        let client = Options::of_cluster(&one.endpoint()).client();
        let err = client.command(&["EVAL", "return 1", "1", &key(OWN, "k")]).expect_err(error);
        assert!(err.message.starts_with(error) && one.times("EVAL") == 1, "{err:?}");
    }
}

#[test]
fn a_second_answer_is_nobodys() {
    let [one, _two] = Node::several();
    one.answers(|asked| match asked.connection {
        0 | 1 => Answer::Bytes(b"$5\r\nfirst\r\n$6\r\nsecond\r\n".into()),
        _ => Answer::Honest,
    });
    let client = client(&one);
    for _ in 0..5 {
        let got = get(&client);
        match got {
            Ok(reply) => assert_ne!(reply.dump(), "\"second\""),
            Err(err) => assert_eq!((err.status, err.outcome), (Status::PROTOCOL, Outcome::UNKNOWN), "{err:?}"),
        }
    }
    is_value(get(&client));
}
