//! A loop of one's own over many servers: each command completes once, where its slot is, and what ran or may have run is never sent
//! again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rredis::client::{Client, Setup};
use rredis::error::{Outcome, Status};

use crate::support::cluster::{Cluster, first_slot};
use crate::support::moving::Mover;
use crate::support::node::{Answer, HERE, Node, Range, slots};
use crate::support::own::{Came, NO_RETRY, Own, TIMEOUT};
use crate::support::pubsub::until;
use crate::support::slots::{SLOTS, key};

/// A slot of the first of two nodes, and of the first of three.
const OWN: usize = 100;

fn value(key: &str) -> String {
    format!("v:{key}")
}

fn value_of(command: &[Vec<u8>]) -> Answer {
    let text = value(&String::from_utf8_lossy(&command[1]));
    Answer::Bytes(format!("${}\r\n{text}\r\n", text.len()).into_bytes())
}

#[test]
fn commands_go_to_the_servers_of_their_slots_and_complete_once() {
    let nodes: [Node; 3] = Node::several();
    let mut own = Own::at(&nodes[0].url());
    let names: Vec<String> = (0..300).map(|number| key(number * 50, number)).collect();
    for (mark, name) in names.iter().enumerate() {
        own.submit(mark, &["GET", name]);
    }
    own.submit(names.len(), &["PING"]);
    let mut all: Vec<(usize, String)> = (0..=names.len())
        .map(|_| {
            let (mark, result) = own.completion();
            (mark, result.expect("a reply"))
        })
        .collect();
    all.sort();
    for ((mark, reply), name) in all.iter().zip(&names) {
        assert_eq!((reply, &names[*mark]), (&value(name), name));
    }
    assert_eq!(nodes.iter().map(|node| node.times("GET")).collect::<Vec<_>>(), [110, 109, 81]);
    assert!(own.run_for(Duration::from_millis(50)).is_empty());
    assert!(own.is_quiet(), "nothing is left to be done");
    // Of several slots there is no server.
    let error = own.try_submit(0, &["MGET", &names[0], &names[1]], 0, 0).expect_err("it is refused");
    assert_eq!((error.status, error.outcome), (Status::Argument, Outcome::NotSent));
    let error = own.try_submit(0, &["SUBSCRIBE", "c"], 0, 0).expect_err("it is refused");
    assert_eq!((error.status, error.outcome), (Status::Argument, Outcome::NotSent));
}

/// It is asked now and then, and a loop is not kept busy meanwhile.
#[test]
fn a_server_that_an_ask_names_and_that_loads_is_asked_in_pauses() {
    for recovers in [true, false] {
        let [one, two] = Node::several();
        let to = two.endpoint();
        one.answers(move |_| Answer::Error(format!("ASK {OWN} {to}")));
        let mut left = 4;
        two.answers(move |asked| {
            left -= i32::from(recovers && asked.asking);
            match left >= 0 && asked.asking {
                true => Answer::Error("LOADING Redis is loading the dataset in memory".to_owned()),
                false => Answer::Honest,
            }
        });
        let mut own = Own::at(&format!("{}?failover_wait=600ms", one.url()));
        let (name, begin) = (key(OWN, "k"), Instant::now());
        own.submit_with(1, &["GET", &name], TIMEOUT, 3_000);
        let (_, result) = own.completion();
        let (took, tries) = (begin.elapsed(), two.times("GET"));
        match recovers {
            true => assert_eq!(result.expect("a value"), value(&name)),
            false => {
                let said = result.unwrap_or_else(|error| String::from_utf8_lossy(&error.message).into_owned());
                assert!(said.starts_with("LOADING"), "{said}");
                assert!(took >= Duration::from_millis(500) && took < Duration::from_secs(4), "{took:?}");
            }
        }
        assert!((2..=80).contains(&tries), "{tries} tries in {took:?}");
    }
}

/// No server has the answer: none is asked, so that nobody takes one server's for that of all.
#[test]
fn a_command_for_all_servers_is_refused() {
    let nodes = Node::several::<2>();
    let mut own = Own::at(&nodes[0].url());
    for command in [&["DBSIZE"][..], &["FLUSHALL"], &["KEYS", "*"], &["SCAN", "0"], &["SCRIPT", "LOAD", "return 1"]] {
        let error = match own.try_submit(0, command, 0, 0) {
            Err(error) => error,
            Ok(()) => own.completion().1.expect_err("it is refused"),
        };
        assert_eq!((error.status, error.outcome), (Status::Argument, Outcome::NotSent), "{command:?}: {error}");
    }
    own.submit(1, &["GET", &key(OWN, "k")]);
    assert_eq!(own.completion().1, Ok(value(&key(OWN, "k"))));
    assert!(nodes.iter().flat_map(Node::asked).all(|command| command[0] == b"GET" || command[0] == b"CLUSTER"));
}

#[test]
fn a_slot_that_has_moved_is_followed_in_order() {
    let [one, two] = Node::several();
    let to = two.endpoint();
    one.answers(move |_| Answer::Error(format!("MOVED {OWN} {to}")));
    let mut count = 0;
    two.answers(move |_| {
        count += 1;
        Answer::Bytes(format!(":{count}\r\n").into_bytes())
    });
    let mut own = Own::at(&one.url());
    let name = key(OWN, "n");
    for mark in 0..10 {
        own.submit_with(mark, &["INCR", &name], NO_RETRY, 0);
    }
    for mark in 0..10 {
        own.expect(mark, &format!(":{}", mark + 1));
    }
    assert_eq!((one.times("INCR"), two.times("INCR")), (10, 10));
    own.submit(10, &["INCR", &name]);
    own.expect(10, ":11");
    assert_eq!(one.times("INCR"), 10, "it is known from then on");
}

#[test]
fn a_server_that_only_a_redirect_names_is_asked_for_first() {
    let (one, two) = (Node::new(), Node::new());
    let mut own = Own::at(&one.url());
    let name = key(OWN, "k");
    own.submit(0, &["GET", &name]);
    own.expect(0, &value(&name));
    let nodes = [(HERE, i64::from(two.port()))];
    let all = slots(&[Range { from: 0, to: SLOTS as i64 - 1, nodes: &nodes }]);
    one.says_slots(all.clone());
    two.says_slots(all);
    let to = two.endpoint();
    one.answers(move |_| Answer::Error(format!("MOVED {OWN} {to}")));
    own.submit(1, &["GET", &name]);
    own.expect(1, &value(&name));
    assert_eq!(two.times("GET"), 1);
    // Nobody knows the one that is named now.
    two.answers(|_| Answer::Error(format!("MOVED {OWN} 127.0.0.1:1")));
    own.submit_with(2, &["GET", &name], TIMEOUT, 500);
    let error = own.expect_failure(2);
    assert_ne!(error.outcome, Outcome::Unknown, "{error:?}");
}

#[test]
fn asking_stands_directly_before_each_command_that_is_sent_on() {
    let [one, two] = Node::several();
    let to = two.endpoint();
    one.answers(move |_| Answer::Error(format!("ASK {OWN} {to}")));
    let back = one.endpoint();
    two.answers(move |asked| match asked.asking {
        true => value_of(asked.command),
        false => Answer::Error(format!("MOVED {OWN} {back}")),
    });
    let mut own = Own::at(&one.url());
    let names: Vec<String> = (0..20).map(|number| key(OWN, number)).collect();
    for round in 0..3 {
        for (mark, name) in names.iter().enumerate() {
            own.submit(mark, &["GET", name]);
        }
        for (mark, name) in names.iter().enumerate() {
            own.expect(mark, &value(name));
        }
        let times = 20 * (round + 1);
        assert_eq!((one.times("GET"), two.times("ASKING"), two.times("GET")), (times, times, times));
    }
}

#[test]
fn what_the_server_cannot_do_now_rests_within_its_own_time() {
    let [one, two] = Node::several();
    let mut left = 3;
    let mut times = 0;
    one.answers(move |asked| match asked.key().ends_with("again") {
        true if left > 0 => {
            left -= 1;
            Answer::Error("TRYAGAIN Multiple keys request during rehashing of slot".to_owned())
        }
        true => value_of(asked.command),
        false => {
            times += 1;
            match times > 4 {
                true => value_of(asked.command),
                false => Answer::Error("CLUSTERDOWN The cluster is down".to_owned()),
            }
        }
    });
    two.answers(|asked| match asked.key().ends_with("never") {
        true => Answer::Error("LOADING Redis is loading the dataset in memory".to_owned()),
        false => value_of(asked.command),
    });
    let mut own = Own::at(&one.url());
    let [again, down, never, well] =
        [key(OWN, "again"), key(OWN, "down"), key(SLOTS - 1, "never"), key(OWN + 1, "well")];
    own.submit(0, &["GET", &again]);
    own.expect(0, &value(&again));
    own.submit(1, &["GET", &down]);
    own.expect(1, &value(&down));
    own.submit_with(2, &["GET", &never], TIMEOUT, 600);
    let begun = Instant::now();
    own.submit(3, &["GET", &well]);
    own.expect(3, &value(&well));
    let error = own.expect_failure(2);
    assert!(begun.elapsed() >= Duration::from_millis(500), "{:?}", begun.elapsed());
    assert_eq!(error.outcome, Outcome::Refused, "{error:?}");
    assert!(error.message.starts_with(b"LOADING"), "{error:?}");
    // What may not wait is told at once.
    let begun = Instant::now();
    own.submit_with(4, &["GET", &never], NO_RETRY, 0);
    let error = own.expect_failure(4);
    assert!([Outcome::NotSent, Outcome::Refused].contains(&error.outcome), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    // Nobody is asked all the time.
    assert!(two.times("GET") < 100, "{}", two.times("GET"));
}

#[test]
fn what_was_sent_to_a_server_that_is_lost_is_unknown_and_other_servers_never_wait() {
    let [one, two] = Node::several();
    one.answers(|asked| match asked.is("INCR") {
        true => Answer::End,
        false => Answer::Honest,
    });
    let mut own = Own::at(&two.url());
    let (lost, well) = (key(OWN, "n"), key(SLOTS - 1, "k"));
    own.submit(0, &["INCR", &lost]);
    let error = own.expect_failure(0);
    assert_eq!((error.status, error.outcome), (Status::Io, Outcome::Unknown), "{error:?}");
    assert_eq!(one.times("INCR"), 1, "it is never sent again");
    drop(one);
    own.submit_with(1, &["GET", &lost], TIMEOUT, 700);
    for _ in 0..50 {
        own.submit(2, &["GET", &well]);
        own.expect(2, &value(&well));
    }
    let error = own.expect_failure(1);
    assert_eq!(error.outcome, Outcome::NotSent, "{error:?}");
    assert!(String::from_utf8_lossy(&error.message).contains("Connection refused"), "{error:?}");
}

#[test]
fn a_first_map_that_cannot_be_had_is_told() {
    let node = Node::new();
    let url = node.url();
    drop(node);
    let mut own = Own::at(&url);
    own.submit_with(0, &["GET", "k"], TIMEOUT, 400);
    let error = own.expect_failure(0);
    assert_eq!(error.outcome, Outcome::NotSent, "{error:?}");
    assert!(String::from_utf8_lossy(&error.message).contains("Connection refused"), "{error:?}");
}

/// A write of its own key: when it was told of, and what.
struct Write {
    slot: usize,
    told: Option<(Instant, Outcome, String)>,
}

/// Writes with so many under way, each to a key of its own.
struct Ledger {
    own: Own,
    writes: Vec<Write>,
    under_way: usize,
}

const UNDER_WAY: usize = 64;

impl Ledger {
    fn new(url: &str) -> Ledger {
        let mut setup = Setup::default();
        setup.options.set_url(url.as_bytes()).expect("a good URL");
        Ledger { own: Own::on(&Client::new(&setup).expect("a client")), writes: Vec::new(), under_way: 0 }
    }

    fn name(&self, mark: usize) -> String {
        key(self.writes[mark].slot, format!("ledger:{mark}"))
    }

    fn run_while(&mut self, mut is_on: impl FnMut() -> bool) {
        while is_on() {
            while self.under_way < UNDER_WAY {
                let mark = self.writes.len();
                self.writes.push(Write { slot: mark * 37 % SLOTS, told: None });
                let name = self.name(mark);
                self.own.submit_with(mark, &["INCR", &name], TIMEOUT, 20_000);
                self.under_way += 1;
            }
            self.own.turn_within(Duration::from_millis(20));
            self.take();
        }
    }

    fn run_for(&mut self, time: Duration) {
        let end = Instant::now() + time;
        self.run_while(|| Instant::now() < end);
    }

    fn take(&mut self) {
        while let Some(came) = self.own.try_next() {
            let Came::Of(mark, result) = came else { panic!("{came:?}") };
            let (outcome, text) = match result {
                Ok(reply) => (Outcome::None, reply),
                Err(error) => (error.outcome, error.to_string()),
            };
            assert!(self.writes[mark].told.is_none(), "it completes once");
            self.writes[mark].told = Some((Instant::now(), outcome, text));
            self.under_way -= 1;
        }
    }

    fn end(&mut self) {
        let end = Instant::now() + Duration::from_secs(30);
        while self.under_way > 0 {
            assert!(Instant::now() < end, "{} never complete", self.under_way);
            self.own.turn_within(Duration::from_millis(100));
            self.take();
        }
    }

    /// What the cluster has of each write.
    fn found(&self, cluster: &Cluster) -> Vec<i64> {
        let mut wires = BTreeMap::new();
        let owners: Vec<usize> = (0..3).map(|shard| cluster.primary(first_slot(shard))).collect();
        (0..self.writes.len())
            .map(|mark| {
                let shard = (0..3).rev().find(|shard| self.writes[mark].slot >= first_slot(*shard)).unwrap_or(0);
                let node = owners[shard];
                let wire = wires.entry(node).or_insert_with(|| cluster.node(node).wire());
                wire.ask(&["GET", &self.name(mark)]).parse().unwrap_or(0)
            })
            .collect()
    }
}

#[test]
fn nothing_runs_twice_or_is_lost_while_primaries_fail() {
    let mut cluster = Cluster::start(&[]);
    let mut ledger = Ledger::new(&cluster.url());
    ledger.run_for(Duration::from_millis(500));
    // By hand: nobody notices.
    let by_hand = ledger.writes.len();
    std::thread::scope(|scope| {
        let over = scope.spawn(|| {
            cluster.fail_over(cluster.replica(0));
            cluster.until_whole();
        });
        ledger.run_while(|| !over.is_finished());
    });
    let after_hand = ledger.writes.len();
    assert!(after_hand > by_hand);
    ledger.run_for(Duration::from_millis(300));
    let victim = cluster.primary(first_slot(1));
    cluster.kill(victim);
    let killed = Instant::now();
    let end = killed + Duration::from_secs(30);
    ledger.run_while(|| cluster.owner(first_slot(1)).is_none_or(|owner| owner == victim) && Instant::now() < end);
    ledger.run_for(Duration::from_millis(1500));
    ledger.end();
    let found = ledger.found(&cluster);
    let shard = |write: &Write| (first_slot(1)..first_slot(2)).contains(&write.slot);
    let (mut unknown, mut lost, mut late) = (0, 0, 0);
    for (mark, write) in ledger.writes.iter().enumerate() {
        let (at, outcome, text) = write.told.as_ref().expect("it completed");
        assert!(found[mark] <= 1, "{mark} ran {} times: {text}", found[mark]);
        match *outcome {
            // What the server had acknowledged and not passed on to its replica is its own loss.
            Outcome::None if found[mark] == 0 => {
                lost += 1;
                assert!(shard(write) && *at <= killed + Duration::from_millis(500), "{mark} is lost");
            }
            Outcome::None => late += usize::from(shard(write) && *at > killed + Duration::from_millis(500)),
            Outcome::Unknown => {
                unknown += 1;
                assert!(shard(write), "{mark}: {text}");
            }
            outcome => panic!("{mark}: {outcome:?}: {text}"),
        }
    }
    assert!(unknown <= UNDER_WAY, "{unknown} are unknown");
    assert!(lost <= UNDER_WAY * 4, "{lost} are lost");
    assert!(late > 0, "the shard takes writes again");
}

#[test]
fn nothing_fails_while_slots_move() {
    let cluster = Cluster::start(&[]);
    let mut ledger = Ledger::new(&cluster.url());
    // So many keys that each slot has some while it moves.
    ledger.run_for(Duration::from_millis(500));
    std::thread::scope(|scope| {
        let over = scope.spawn(|| Mover::new(&cluster).reshard(0..200, 2, 5));
        ledger.run_while(|| !over.is_finished());
    });
    ledger.end();
    for (mark, write) in ledger.writes.iter().enumerate() {
        let (_, outcome, text) = write.told.as_ref().expect("it completed");
        assert_eq!((*outcome, text.as_str()), (Outcome::None, ":1"), "{mark}");
    }
    until("it is quiet", || {
        ledger.own.turn_within(Duration::from_millis(5));
        ledger.take();
        ledger.own.is_quiet()
    });
}
