//! A primary that stops, in a loop of one's own and for a subscriber: that another has taken its place is found out by asking the
//! replicas, long before a command's time is up or a silent connection is asked about.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use rredis::error::{Outcome, Status};

use crate::support::c::{Client, Options, Outcome as COutcome, Status as CStatus, option};
use crate::support::cluster::{Cluster, first_slot};
use crate::support::node::{Answer, HERE, Node, Range, slots};
use crate::support::own::{Came, NO_RETRY, Own, TIMEOUT};
use crate::support::pubsub::{PubSub, topic, until};
use crate::support::raw;
use crate::support::slots::{SLOTS, key, slot_of};

/// Without it a cluster refuses everything while one of its shards has no primary.
const PART_IS_SERVED: &str = "cluster-require-full-coverage no";
/// How long a command and a connect may take: nothing here is to wait for that.
const TIME_MS: i64 = 60_000;
/// How long it may take, on a busy machine, until everything goes on at the next primary.
const FOUND: Duration = Duration::from_secs(20);

fn patient(url: &str) -> String {
    format!("{url}?command_timeout={TIME_MS}ms&connect_timeout={TIME_MS}ms")
}

#[test]
fn what_a_loop_sent_to_it_is_unknown_and_what_it_did_not_send_goes_to_the_next() {
    let mut cluster = Cluster::start(&[PART_IS_SERVED]);
    let url = patient(&cluster.url());
    let (mut own, mut fresh) = (Own::at(&url), Own::at(&url));
    let [sick, well, list] = [key(1, "sick"), key(first_slot(1) + 1, "well"), key(1, "list")];
    fresh.submit(0, &["SET", &well, "0"]);
    fresh.expect(0, "#1");
    for name in [&sick, &well] {
        own.submit(0, &["SET", name, "0"]);
        own.expect(0, "#1");
    }
    cluster.freeze(0, true);
    let stopped = Instant::now();
    // One of them never connected to it; and what blocks has no time of its own.
    own.submit(1, &["INCR", &sick]);
    own.submit(2, &["BLPOP", &list, "0"]);
    fresh.submit(3, &["SET", &sick, "fresh"]);
    let (mut ended, mut counted) = (BTreeMap::new(), 0);
    while ended.len() < 3 {
        assert!(stopped.elapsed() < FOUND, "{ended:?}");
        own.submit(9, &["INCR", &well]);
        loop {
            own.turn_within(Duration::from_millis(20));
            fresh.turn_within(Duration::ZERO);
            let came: Vec<Came> = [&mut own, &mut fresh].into_iter().filter_map(Own::try_next).collect();
            let mut is_counted = false;
            for came in came {
                let Came::Of(mark, result) = came else { panic!("{came:?}") };
                if mark == 9 {
                    counted += 1;
                    assert_eq!(result.expect("its server is well"), format!(":{counted}"));
                    is_counted = true;
                } else {
                    ended.insert(mark, result);
                }
            }
            if is_counted {
                break;
            }
        }
    }
    for mark in [1, 2] {
        let error = ended[&mark].as_ref().expect_err("it was in flight");
        assert_eq!((error.status, error.outcome), (Status::Io, Outcome::Unknown), "{error:?}");
        assert!(String::from_utf8_lossy(&error.message).contains("taken the place"), "{error:?}");
    }
    assert_eq!(ended[&3].as_deref(), Ok("#1"));
    // The next primary is known by now.
    for own in [&mut own, &mut fresh] {
        own.submit(4, &["GET", &sick]);
        own.expect(4, "fresh");
    }
    assert!(stopped.elapsed() < FOUND, "{:?}", stopped.elapsed());
    // Nothing of it runs later.
    cluster.freeze(0, false);
    cluster.until_whole();
    own.submit(5, &["GET", &sick]);
    own.expect(5, "fresh");
}

fn subscriber(cluster: &Cluster) -> (Client, PubSub) {
    let options = Options::of_cluster(&cluster.seeds()).int(option::COMMAND_TIMEOUT_MS, TIME_MS);
    let client = options.int(option::CONNECT_TIMEOUT_MS, TIME_MS).client();
    let pubsub = client.pubsub();
    (client, pubsub)
}

#[test]
fn a_subscriber_leaves_it_behind_a_gap() {
    let mut cluster = Cluster::start(&[PART_IS_SERVED]);
    let (client, pubsub) = subscriber(&cluster);
    pubsub.subscribe(&["news"]);
    let listens = |node: usize| cluster.ask(node, &["PUBSUB", "NUMSUB", "news"]).ends_with('1');
    until("it is subscribed", || (0..3).any(listens));
    let home = (0..3).find(|node| listens(*node)).expect("it is at one");
    let shard = key(first_slot(home) + 1, "shard");
    pubsub.try_subscribe(topic::SHARD, &[&shard]).expect("it is subscribed");
    until("it is heard", || {
        client.command(&["SPUBLISH", &shard, "before"]).expect("it is published");
        pubsub.next(20).is_ok_and(|message| message.dump().contains("before"))
    });
    pubsub.drain();
    cluster.freeze(home, true);
    let stopped = Instant::now();
    let (mut gaps, mut heard) = (Vec::new(), [false; 2]);
    until("all is heard again", || {
        // Where it went before is nobody's to answer now.
        let _ = client.command(&["SPUBLISH", &shard, "after"]);
        client.command_with(&["PUBLISH", "news", "after"], raw::call::IDEMPOTENT, 0).map(drop).unwrap_or_default();
        while let Ok(came) = pubsub.next(20) {
            let text = came.dump();
            match text.contains("\"gap\"") {
                true => gaps.push(came),
                false => heard[usize::from(text.contains("smessage"))] |= text.contains("after"),
            }
        }
        heard == [true; 2]
    });
    let took = stopped.elapsed();
    assert!(took < FOUND, "{took:?}");
    assert_eq!(gaps.len(), 2, "one of each connection");
    for gap in &gaps {
        let lasted = Duration::from_millis(gap.elements()[3].integer as u64);
        assert!(lasted < took + FOUND, "{}", gap.dump());
        assert!(gap.dump().contains("taken the place"), "{}", gap.dump());
    }
}

/// A primary and its replica, of which the first has nothing to say to what it is asked.
fn silent_pair() -> [Node; 2] {
    let nodes = [Node::new(), Node::new()];
    let both = nodes.each_ref().map(|node| (HERE, i64::from(node.port())));
    let all = slots(&[Range { from: 0, to: SLOTS as i64 - 1, nodes: &both }]);
    nodes.iter().for_each(|node| node.says_slots(all.clone()));
    nodes[0].answers(|_| Answer::Silence);
    nodes[1].is("cluster", "slave");
    nodes
}

#[test]
fn a_primary_that_takes_its_time_has_it_while_it_is_the_primary() {
    let [slow, replica] = silent_pair();
    let mut own = Own::at(&slow.url());
    let begun = Instant::now();
    own.submit_with(0, &["GET", "k"], TIMEOUT, 2_000);
    let error = own.expect_failure(0);
    assert_eq!((error.status, error.outcome), (Status::Timeout, Outcome::Unknown), "{error:?}");
    let (took, asked) = (begun.elapsed(), replica.times("ROLE"));
    assert!(took >= Duration::from_millis(2_000), "{took:?}");
    assert!((1..=2 + took.as_millis() as usize / 250).contains(&asked), "the replica was asked {asked} times");
    // It is asked on one connection, which is not kept for ever.
    assert!(replica.connections() <= 2, "{}", replica.connections());
    until("nothing is left", || {
        own.turn_within(Duration::from_millis(20));
        replica.open() == 0
    });
}

#[test]
fn nobody_is_asked_about_a_primary_that_answers() {
    let [well, replica] = silent_pair();
    well.answers(|_| Answer::Honest);
    let mut own = Own::at(&well.url());
    let end = Instant::now() + Duration::from_secs(2);
    while Instant::now() < end {
        own.submit_with(0, &["GET", "k"], NO_RETRY, 0);
        own.turn_within(Duration::from_millis(50));
        // The program has its own to do, while the reply lies there, and while there is none to come.
        thread::sleep(Duration::from_millis(600));
        own.expect(0, "v:k");
        thread::sleep(Duration::from_millis(600));
    }
    assert_eq!(replica.times("ROLE"), 0);
}

/// The replica says it, and a connect that hangs is left as well as a reply that is missing.
#[test]
fn what_a_replica_says_of_itself_is_enough() {
    for connects in [false, true] {
        let [stopped, replica] = silent_pair();
        stopped.answers(|_| Answer::Honest);
        let mut own = Own::at(&patient(&stopped.url()));
        let client = Options::at(&patient(&stopped.url())).client();
        let pubsub = client.pubsub();
        let script = |asked: &crate::support::node::Asked<'_>| match asked.is("SUBSCRIBE") || asked.is("SSUBSCRIBE") {
            true => Answer::Bytes(confirmed(&asked.command[0], &asked.key())),
            false => Answer::Honest,
        };
        stopped.answers(script);
        replica.answers(script);
        own.submit(0, &["GET", "k"]);
        own.expect(0, "v:k");
        pubsub.subscribe(&["c"]);
        pubsub.try_subscribe(topic::SHARD, &["s"]).expect("it is subscribed");
        assert!(pubsub.drain().is_empty());
        stopped.falls_silent();
        if connects {
            stopped.cut();
        }
        replica.is("cluster", "master");
        replica.says_that_all_is_of(&replica);
        let begun = Instant::now();
        own.submit(1, &["GET", "k"]);
        let (_, result) = own.completion();
        match result {
            Ok(reply) => assert!(connects && reply == "v:k", "{reply}"),
            Err(error) => assert_eq!(error.outcome, Outcome::Unknown, "{error:?}"),
        }
        until("all is subscribed at the other", || {
            let _ = pubsub.next(20);
            replica.times("SUBSCRIBE") == 1 && replica.times("SSUBSCRIBE") == 1
        });
        assert!(begun.elapsed() < FOUND, "{:?}", begun.elapsed());
    }
}

fn confirmed(word: &[u8], name: &str) -> Vec<u8> {
    let word = String::from_utf8_lossy(word).to_ascii_lowercase();
    format!(">3\r\n${}\r\n{word}\r\n${}\r\n{name}\r\n:1\r\n", word.len(), name.len()).into_bytes()
}

/// The others do not name it any more, and nobody asks the replica what it is: who waits hears of it all the same.
#[test]
fn one_that_no_map_names_any_more_is_not_waited_for() {
    let [stopped, replica] = silent_pair();
    let to = replica.endpoint();
    stopped.answers(move |asked| match asked.key() == "moved" {
        true => Answer::Error(format!("MOVED {} {to}", slot_of("moved"))),
        false => Answer::Silence,
    });
    let client = Options::at(&patient(&stopped.url())).client();
    let begun = Instant::now();
    let error = thread::scope(|scope| {
        let waits = scope.spawn(|| client.command(&["INCR", "k"]).expect_err("it is not answered"));
        until("it has asked", || stopped.times("INCR") == 1);
        stopped.says_that_all_is_of(&replica);
        replica.says_that_all_is_of(&replica);
        // A server that refers to another has the map read anew.
        assert_eq!(client.command(&["GET", "moved"]).expect("a value").dump(), "\"v:moved\"");
        waits.join().expect("no panic")
    });
    assert_eq!((error.status, error.outcome), (CStatus::IO, COutcome::UNKNOWN), "{error:?}");
    assert!(begun.elapsed() < FOUND, "{:?}", begun.elapsed());
}
