//! Subscribers in a cluster: whatever moves, what they miss lies between two messages that have a gap between them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::support::c::{Client, Options, Outcome, Status, call, option};
use crate::support::cluster::Cluster;
use crate::support::moving::Mover;
use crate::support::node::{Answer, HERE, Node, Range, slots};
use crate::support::pubsub::{LONG_MS, PubSub, topic, until};
use crate::support::raw;
use crate::support::slots::{SLOTS, key, slot_of};

/// Options of one who is back soon.
fn client(url: &str) -> Client {
    Options::at(url).int(option::BACKOFF_MS, 5).int(option::BACKOFF_MS_MAX, 50).client()
}

/// The elements of a message, as texts; a number as its text.
fn parts(push: &raw::Node) -> Vec<String> {
    let text = |node: &raw::Node| match node.str.is_null() {
        true => node.integer.to_string(),
        false => String::from_utf8_lossy(node.text()).into_owned(),
    };
    push.elements().iter().map(text).collect()
}

fn next(pubsub: &PubSub) -> Vec<String> {
    parts(&pubsub.next(LONG_MS).expect("a message"))
}

fn push(texts: &[&str]) -> Vec<u8> {
    let mut bytes = format!(">{}\r\n", texts.len()).into_bytes();
    for text in texts {
        bytes.extend_from_slice(format!("${}\r\n{text}\r\n", text.len()).as_bytes());
    }
    bytes
}

fn confirmed(word: &str, name: &str) -> Vec<u8> {
    let mut bytes = push(&[word, name]);
    bytes[1] = b'3';
    bytes.extend_from_slice(b":1\r\n");
    bytes
}

fn all_of(node: &Node) -> Vec<u8> {
    slots(&[Range { from: 0, to: SLOTS as i64 - 1, nodes: &[(HERE, i64::from(node.port()))] }])
}

/// A name whose slot the first of two nodes has.
const OWN: usize = 100;

#[test]
fn a_channel_of_another_server_is_subscribed_there_and_nothing_was_missed() {
    let [one, two] = Node::several();
    let name = key(OWN, "c");
    let moved = format!("MOVED {OWN} {}", two.endpoint());
    one.answers(move |asked| match asked.is("SSUBSCRIBE") {
        true => Answer::Error(moved.clone()),
        false => Answer::Honest,
    });
    two.answers(|asked| {
        let name = asked.key();
        Answer::Bytes([confirmed("ssubscribe", &name), push(&["smessage", &name, "1"])].concat())
    });
    let client = client(&one.url());
    let pubsub = client.pubsub();
    pubsub.try_subscribe(topic::SHARD, &[&name]).expect("it is subscribed");
    assert_eq!(next(&pubsub), ["smessage", "0", &name, "1"]);
    assert_eq!((one.times("SSUBSCRIBE"), two.times("SSUBSCRIBE")), (1, 1));
}

#[test]
fn a_server_that_only_a_redirect_names_is_asked_for_and_then_subscribed_at() {
    let (one, two) = (Node::new(), Node::new());
    let name = key(OWN, "c");
    let client = client(&one.url());
    assert_eq!(client.command(&["GET", "x"]).expect("a value").dump(), "\"v:x\"");
    let (moved, all) = (format!("MOVED {OWN} {}", two.endpoint()), all_of(&two));
    one.says_slots(all.clone());
    two.says_slots(all);
    one.answers(move |_| Answer::Error(moved.clone()));
    two.answers(|asked| {
        let name = asked.key();
        Answer::Bytes([confirmed("ssubscribe", &name), push(&["smessage", &name, "1"])].concat())
    });
    let pubsub = client.pubsub();
    pubsub.try_subscribe(topic::SHARD, &[&name]).expect("it is subscribed");
    assert_eq!(next(&pubsub), ["smessage", "0", &name, "1"]);
}

#[test]
fn what_its_server_ends_is_subscribed_at_the_new_owner_behind_a_gap() {
    let [one, two] = Node::several();
    let name = key(OWN, "c");
    let moved = format!("MOVED {OWN} {}", two.endpoint());
    let mut asked_before = false;
    one.answers(move |asked| {
        let name = asked.key();
        if std::mem::replace(&mut asked_before, true) {
            return Answer::Error(moved.clone());
        }
        let messages = [confirmed("ssubscribe", &name), push(&["smessage", &name, "1"])].concat();
        Answer::Bytes([messages, confirmed("sunsubscribe", &name)].concat())
    });
    two.answers(|asked| {
        let name = asked.key();
        match asked.is("SSUBSCRIBE") {
            true => Answer::Bytes([confirmed("ssubscribe", &name), push(&["smessage", &name, "3"])].concat()),
            false => Answer::Bytes(confirmed("sunsubscribe", &name)),
        }
    });
    let client = client(&one.url());
    let pubsub = client.pubsub();
    pubsub.try_subscribe(topic::SHARD, &[&name]).expect("it is subscribed");
    assert_eq!(next(&pubsub), ["smessage", "0", &name, "1"]);
    let gap = next(&pubsub);
    assert_eq!(gap[0], "gap");
    assert!(gap[2].starts_with("the server ended the subscription to "), "{gap:?}");
    assert_eq!(next(&pubsub), ["smessage", "0", &name, "3"]);
    assert_eq!((one.times("SSUBSCRIBE"), two.times("SSUBSCRIBE")), (2, 1));
    // It is the other's from now on.
    pubsub.try_unsubscribe(topic::SHARD, &[&name]).expect("it is unsubscribed");
    assert_eq!(pubsub.next(0).expect_err("nothing comes").status, Status::AGAIN);
    until("it is asked there", || two.times("SUNSUBSCRIBE") == 1);
    assert_eq!(one.times("SUNSUBSCRIBE"), 0);
}

#[test]
fn each_command_has_the_channels_of_one_slot() {
    let node = Node::new();
    let names: Vec<String> = (0..30).map(|number| key(number % 3 * 5000, number)).collect();
    let count = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&count);
    node.answers(move |asked| {
        let mut count = counted.lock().expect("a count");
        *count += 1;
        // The connection ends before all was subscribed.
        if *count == 3 {
            return Answer::End;
        }
        let names = asked.command[1..].iter().map(|name| String::from_utf8_lossy(name).into_owned());
        Answer::Bytes(names.flat_map(|name| confirmed("ssubscribe", &name)).collect())
    });
    let client = client(&node.url());
    let pubsub = client.pubsub();
    pubsub.try_subscribe(topic::SHARD, &names).expect("it is subscribed");
    assert_eq!(next(&pubsub)[0], "gap");
    let asked = node.asked();
    let commands: Vec<_> = asked.iter().filter(|command| command[0] == b"SSUBSCRIBE").collect();
    assert_eq!(commands.len(), 6);
    for command in commands {
        let slots: Vec<usize> = command[1..].iter().map(|name| slot_of(&String::from_utf8_lossy(name))).collect();
        assert_eq!(slots, [slots[0]; 10]);
    }
}

#[test]
fn a_server_that_cannot_be_reached_is_told_of_at_once_and_channels_go_to_another() {
    let [one, two] = Node::several();
    let script = |asked: &crate::support::node::Asked<'_>| match asked.is("SUBSCRIBE") {
        true => Answer::Bytes([confirmed("subscribe", &asked.key()), push(&["message", &asked.key(), "x"])].concat()),
        false => Answer::Honest,
    };
    two.answers(script);
    let client = client(&two.url());
    assert_eq!(client.command(&["GET", &key(SLOTS - 1, "x")]).expect("a value").kind, raw::kind::STRING);
    drop(one);
    // Whichever primary is picked: the one that is left serves.
    for _ in 0..8 {
        let pubsub = client.pubsub();
        pubsub.subscribe(&["c"]);
        assert_eq!(next(&pubsub), ["message", "0", "c", "x"]);
    }
    drop(two);
    let err = client.pubsub().try_subscribe(topic::CHANNEL, &["c"]).expect_err("nobody is there");
    assert_eq!((err.status, err.outcome), (Status::CONNECT, Outcome::NOT_SENT), "{err:?}");
}

#[test]
fn a_server_that_leaves_the_cluster_is_left_behind_a_gap() {
    let nodes: [Node; 2] = Node::several();
    for node in &nodes {
        node.answers(|asked| match asked.is("SUBSCRIBE") {
            true => {
                Answer::Bytes([confirmed("subscribe", &asked.key()), push(&["message", &asked.key(), "x"])].concat())
            }
            false => Answer::Honest,
        });
    }
    let client = client(&format!("{}?topology_age=300ms", nodes[0].url()));
    let pubsub = client.pubsub();
    pubsub.subscribe(&["c"]);
    assert_eq!(next(&pubsub), ["message", "0", "c", "x"]);
    let other = &nodes[usize::from(nodes[0].times("SUBSCRIBE") == 1)];
    assert_eq!(other.times("SUBSCRIBE"), 0);
    nodes.iter().for_each(|node| node.says_slots(all_of(other)));
    let gap = next(&pubsub);
    assert!(gap[0] == "gap" && gap[2].contains("none of the present ones"), "{gap:?}");
    assert_eq!(next(&pubsub), ["message", "0", "c", "x"]);
    assert_eq!(other.times("SUBSCRIBE"), 1);
}

/// Nodes tell each other what was published, and forget it where they connect anew: after half of this time without a word, as
/// may be on a busy machine.
const PATIENT_BUS: &str = "cluster-node-timeout 2000";

/// What was received of each channel, in order, with what gaps there were.
#[derive(Default)]
struct Received {
    /// By channel: its numbers, each with how many gaps there were before it.
    of: BTreeMap<String, Vec<(u64, usize)>>,
    gaps: usize,
}

impl Received {
    fn take(&mut self, push: &[String]) {
        match push[0].as_str() {
            "gap" => self.gaps += 1,
            "pmessage" => self.add(format!("p:{}", push[2]), &push[3]),
            _ => self.add(push[2].clone(), &push[3]),
        }
    }

    fn add(&mut self, name: String, number: &str) {
        self.of.entry(name).or_default().push((number.parse().expect("a number"), self.gaps));
    }

    /// Every number is there once, except where a gap lies between its neighbours, or nobody knows whether it was published:
    /// `open` has those, with their channels. They are in order, except on channels that the servers pass on to each other: what
    /// was published at one server may come behind what was published at another later. How many holes there are.
    fn check(&self, open: &BTreeSet<(String, u64)>) -> usize {
        let mut holes = 0;
        for (name, numbers) in &self.of {
            let channel = name.strip_prefix("p:").unwrap_or(name);
            let mut numbers = numbers.clone();
            if !channel.contains("shard") {
                numbers.sort_unstable();
            }
            for pair in numbers.windows(2) {
                let [(one, gaps), (other, gaps_then)] = pair else { continue };
                let is_hole = *other != one + 1;
                holes += usize::from(is_hole);
                let is_open =
                    one < other && (one + 1..*other).all(|number| open.contains(&(channel.to_owned(), number)));
                let is_told = gaps_then > gaps || is_open;
                assert!(!is_hole || is_told, "{name}: {one} is followed by {other}, without a gap");
            }
        }
        holes
    }
}

/// Publish numbers to all of these for as long as `body` runs. What a subscriber received, which goes on until it has one more of
/// each.
fn while_published(client: &Client, channels: &[String], shards: &[String], body: impl FnOnce()) -> (Received, usize) {
    let pubsub = client.pubsub();
    let names: Vec<&str> = channels.iter().map(String::as_str).collect();
    pubsub.subscribe(&names);
    pubsub.psubscribe(&["chan*"]);
    pubsub.try_subscribe(topic::SHARD, shards).expect("it is subscribed");
    let (over, last) = (AtomicBool::new(false), AtomicBool::new(false));
    let received = Mutex::new(Received::default());
    let mut published = (0, BTreeSet::new());
    thread::scope(|scope| {
        let publisher = scope.spawn(|| {
            let (mut number, mut open) = (0, BTreeSet::new());
            while !last.load(Ordering::SeqCst) {
                number += 1;
                let text = number.to_string();
                for (word, names) in [("PUBLISH", channels), ("SPUBLISH", shards)] {
                    for name in names {
                        // To publish twice would do harm: an answer that was lost leaves it open.
                        let sent = client.command_with(&[word, name, &text], call::TIMEOUT, 20_000);
                        if let Err(err) = sent {
                            assert_eq!(err.outcome, Outcome::UNKNOWN, "{err:?}");
                            open.insert((name.clone(), number));
                        }
                    }
                }
                thread::sleep(Duration::from_millis(1));
            }
            (number, open)
        });
        let subscriber = scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                match pubsub.next(100) {
                    Ok(reply) => received.lock().expect("no panic").take(&parts(&reply)),
                    Err(err) => assert_eq!(err.status, Status::AGAIN, "{err:?}"),
                }
            }
        });
        let newest = || {
            let received = received.lock().expect("no panic");
            let all = channels.len() * 2 + shards.len();
            let newest: Vec<u64> = received.of.values().filter_map(|of| of.last()).map(|(number, _)| *number).collect();
            (newest.len() == all).then(|| newest.into_iter().min()).flatten()
        };
        until("all receive", || newest().is_some());
        body();
        let after = received.lock().expect("no panic").of.values().filter_map(|of| of.last()).map(|(n, _)| *n).max();
        until("all receive again", || newest() > after);

        last.store(true, Ordering::SeqCst);
        published = publisher.join().expect("the publisher");
        thread::sleep(Duration::from_millis(300));
        over.store(true, Ordering::SeqCst);
        subscriber.join().expect("the subscriber");
    });
    let received = received.into_inner().expect("no panic");
    let (rounds, open) = published;
    let holes = received.check(&open);
    eprintln!("{rounds} rounds, {} of them open, {} gaps, {holes} holes", open.len(), received.gaps);
    (received, holes)
}

fn shard_channels(slots: impl Iterator<Item = usize>) -> Vec<String> {
    slots.map(|slot| key(slot, "shard")).collect()
}

#[test]
fn nothing_is_missed_but_within_gaps_while_slots_move() {
    let cluster = Cluster::start(&[PATIENT_BUS]);
    let client = client(&cluster.url());
    let shards = shard_channels((0..300).step_by(20).chain([6000, 12_000]));
    let channels = ["chan-1".to_owned(), "chan-2".to_owned()];
    let (received, _) = while_published(&client, &channels, &shards, || {
        Mover::new(&cluster).reshard(0..200, 2, 10);
    });
    // Those whose slots stay miss nothing, and channels and patterns go on where they are.
    for (name, numbers) in &received.of {
        if !name.contains("shard") || slot_of(name) >= 200 {
            assert!(numbers.windows(2).all(|pair| pair[1].0 == pair[0].0 + 1), "{name}");
        }
    }
    assert!(received.gaps >= 10, "each slot that moved is a gap: {}", received.gaps);
}

#[test]
fn nothing_is_missed_but_within_gaps_while_primaries_fail() {
    let mut cluster = Cluster::start(&[PATIENT_BUS]);
    let client = client(&cluster.url());
    let shards = shard_channels([0, 100, 6000, 6100, 12_000, 12_100].into_iter());
    let channels = ["chan-1".to_owned(), "chan-2".to_owned()];
    while_published(&client, &channels, &shards, || {
        cluster.fail_over(cluster.replica(0));
        cluster.until_whole();
        let primary = cluster.primary(6000);
        cluster.kill(primary);
        until("another takes over", || cluster.owner(6000).is_some());
        cluster.until_well();
    });
}
