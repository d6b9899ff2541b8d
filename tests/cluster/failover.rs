//! A primary dies, is stopped, or gives way: its own callers wait for the next, nothing is lost or made twice, and the callers of
//! others hear nothing of it. Real servers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::c::{CErr, Client, Options, Outcome, Status, call, option, stat};
use crate::support::cluster::{Cluster, NODES, first_slot};
use crate::support::counting::{Count, is_of_the_dead};
use crate::support::floor::Floor;
use crate::support::ledger::Figures;
use crate::support::over::Over;
use crate::support::pipeline::{Pipeline, mode};
use crate::support::server::eventually;
use crate::support::slots::key;

/// Without it a cluster refuses everything while one of its shards has no primary.
const PART_IS_SERVED: &str = "cluster-require-full-coverage no";
/// Each shard has so many threads that write to it.
const WRITERS: usize = 3;
/// What a busy machine may add to anything.
const SLACK: Duration = Duration::from_secs(1);

/// One thread's writes, and the errors that it was told.
struct Written {
    count: Count,
    errors: Vec<CErr>,
}

impl Written {
    fn errors_but_unknown(&self) -> Vec<&CErr> {
        self.errors.iter().filter(|err| err.outcome != Outcome::UNKNOWN).collect()
    }

    /// The longest that a write took, and when the first that was acknowledged and begun after this moment was over.
    fn longest(&self) -> Duration {
        self.count.all().iter().map(|told| told.ended - told.begun).max().unwrap_or_default()
    }

    /// When the first write was acknowledged that nobody can have acknowledged before this moment.
    fn first_after(&self, moment: Instant) -> Option<Instant> {
        let mut all = self.count.all().iter();
        all.find(|told| told.outcome == Outcome::NONE && told.ended > moment).map(|told| told.ended)
    }
}

/// Write to every shard, by some threads each, and read, while this is done; then judge it all. The first shard's threads come
/// first.
fn while_writing(
    cluster: &mut Cluster,
    client: &Client,
    act: impl FnOnce(&mut Cluster) -> Vec<Instant>,
) -> Vec<Written> {
    let over = AtomicBool::new(false);
    let (written, deaths) = thread::scope(|scope| {
        let _over_at_the_end = Over(&over);
        let over = &over;
        let write = |who: usize| move || write(client, first_slot(who / WRITERS) + 1, who, over);
        let writers: Vec<_> = (0..3 * WRITERS).map(|who| scope.spawn(write(who))).collect();
        let readers: Vec<_> =
            (0..3).map(|shard| scope.spawn(move || read(client, first_slot(shard) + 1, over))).collect();
        thread::sleep(Duration::from_millis(300));
        let deaths = act(cluster);
        thread::sleep(Duration::from_millis(300));
        over.store(true, Ordering::Relaxed);
        // A read may be made again, and so no reader is ever told of anything.
        readers.into_iter().for_each(|reader| reader.join().expect("no read fails"));
        (writers.into_iter().map(|writer| writer.join().expect("no panic")).collect::<Vec<_>>(), deaths)
    });
    let mut figures = Figures::default();
    for written in &written {
        let owner = cluster.primary(written.count.slot());
        figures += written
            .count
            .judge(&mut cluster.node(owner).wire(), |told| deaths.iter().any(|died| is_of_the_dead(told, *died)));
    }
    println!("{figures}");
    figures.check();
    written
}

fn write(client: &Client, slot: usize, who: usize, over: &AtomicBool) -> Written {
    let mut written = Written { count: Count::new(slot, who), errors: Vec::new() };
    while !over.load(Ordering::Relaxed) {
        let key = written.count.next();
        let result = client.command(&["INCR", &key]);
        written.count.told_last(&result);
        if let Ok(reply) = &result {
            assert_eq!(reply.integer, 1, "{key} is there already");
        }
        written.errors.extend(result.err());
        thread::sleep(Duration::from_millis(2));
    }
    written
}

fn read(client: &Client, slot: usize, over: &AtomicBool) {
    let key = key(slot, "absent");
    while !over.load(Ordering::Relaxed) {
        let read = client.command(&["GET", &key]);
        assert_eq!(read.unwrap_or_else(|err| panic!("slot {slot}: {err:?}")).dump(), "(nil)");
        thread::sleep(Duration::from_millis(2));
    }
}

/// A probe of every node but this, by a key of the first shard.
fn floor_without(cluster: &Cluster, node: usize) -> Floor {
    let ports: Vec<u16> = (0..NODES).filter(|other| *other != node).map(|other| cluster.node(other).port()).collect();
    Floor::of_writes(&ports, &key(1, "floor"))
}

fn is_told_of_nothing(written: &[Written]) {
    let errors: Vec<_> = written.iter().flat_map(|written| &written.errors).collect();
    assert!(errors.is_empty(), "{errors:?}");
}

#[test]
fn a_primary_is_killed_and_nobody_else_notices() {
    for lines in [&[PART_IS_SERVED][..], &[]] {
        let mut cluster = Cluster::start(lines);
        let events = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&events);
        let options = Options::of_cluster(&cluster.seeds()).int(option::COMMAND_TIMEOUT_MS, 20_000);
        let options = options.on_event(Box::new(move |event| seen.lock().expect("no panic").push(event.dump())));
        let client = options.client();
        let (mut died, mut taken) = (Instant::now(), Instant::now());
        let written = while_writing(&mut cluster, &client, |cluster| {
            let floor = floor_without(cluster, 0);
            cluster.kill(0);
            died = Instant::now();
            eventually("it is noticed", || client.stat(stat::SHARDS_DOWN) == 1);
            taken = floor.wait().0;
            eventually("it is over", || client.stat(stat::SHARDS_DOWN) == 0);
            vec![died]
        });
        let (own, others) = written.split_at(WRITERS);
        is_told_of_nothing(others);
        for written in own {
            // Of what was in flight nobody knows; whatever came after it waited.
            assert!(written.errors.len() <= 1 && written.errors_but_unknown().is_empty(), "{:?}", written.errors);
        }
        let first = own.iter().filter_map(|written| written.first_after(taken)).min().expect("it is served again");
        println!("killed: floor {:?}, first success {:?} later", taken - died, first - taken);
        assert!(first - taken < SLACK, "{:?} after the first who could", first - taken);
        if lines.contains(&PART_IS_SERVED) {
            let longest = others.iter().map(Written::longest).max().unwrap_or_default();
            println!("the longest wait of others: {longest:?}");
            assert!(longest < SLACK && longest < taken - died, "{longest:?}");
        }
        // Five maps a second, and one at first.
        let (refreshes, time) = (client.stat(stat::REFRESHES), died.elapsed());
        assert!(refreshes <= 3 + 6 * (1 + time.as_secs() as i64), "{refreshes} maps in {time:?}");
        assert!(client.stat(stat::SCOUTS) >= 1);
        assert_eq!(client.stat(stat::UNKNOWN) as usize, own.iter().map(|written| written.errors.len()).sum::<usize>());
        let events = events.lock().expect("no panic");
        let failovers: Vec<_> = events.iter().filter(|event| event.starts_with(">[\"failover\"")).collect();
        let expected = format!(">[\"failover\" \"{}\" \"{}\" :", cluster.endpoint(0), cluster.endpoint(3));
        assert!(failovers.len() <= 1 && failovers.iter().all(|event| event.starts_with(&expected)), "{failovers:?}");
        assert_eq!(failovers.len() as i64, client.stat(stat::FAILOVERS));
    }
}

#[test]
fn a_primary_gives_way_and_nobody_notices() {
    let mut cluster = Cluster::start(&[]);
    let client = Options::of_cluster(&cluster.seeds()).client();
    let written = while_writing(&mut cluster, &client, |cluster| {
        for (replica, old) in [(3, 0), (4, 1), (5, 2), (0, 3)] {
            cluster.fail_over(replica);
            cluster.until_whole();
            // And the old one, which is nobody's primary any more, may go.
            if old == 1 {
                cluster.kill(old);
                cluster.restart(old);
                cluster.until_whole();
            }
        }
        Vec::new()
    });
    is_told_of_nothing(&written);
    let longest = written.iter().map(Written::longest).max().unwrap_or_default();
    println!("by hand: the longest wait {longest:?}");
    assert!(longest < SLACK, "{longest:?}");
    assert_eq!((client.stat(stat::UNKNOWN), client.stat(stat::SHARDS_DOWN)), (0, 0));
}

/// It takes connections, and says nothing: what was sent to it has its own time, and what was not goes elsewhere.
#[test]
fn a_primary_stops_and_what_was_not_sent_to_it_waits_for_the_next() {
    // Each has a connection of its own; and they share them.
    for writers in [WRITERS, 40] {
        a_primary_stops(writers);
    }
}

fn a_primary_stops(writers: usize) {
    // The next primary comes after 1.4 to 2 s. A second command ends well behind that: one that is sent in its last moment is
    // unknown too.
    const TIMEOUT: Duration = Duration::from_millis(1_500);
    let mut cluster = Cluster::start(&[PART_IS_SERVED]);
    let client = Options::of_cluster(&cluster.seeds()).int(option::POOL_MAX, 8).client();
    let (over, mut stopped, mut taken) = (AtomicBool::new(false), Instant::now(), Instant::now());
    let written: Vec<Written> = thread::scope(|scope| {
        let _over_at_the_end = Over(&over);
        let (over, client) = (&over, &client);
        let write = |who: usize| {
            move || {
                let mut written = Written { count: Count::new(1, who), errors: Vec::new() };
                while !over.load(Ordering::Relaxed) {
                    let key = written.count.next();
                    let result = client.command_within(&["INCR", &key], 0, TIMEOUT.as_millis() as i64);
                    written.count.told_last(&result);
                    written.errors.extend(result.err());
                    thread::sleep(Duration::from_millis(2));
                }
                written
            }
        };
        let writers: Vec<_> = (0..writers).map(|who| scope.spawn(write(who))).collect();
        thread::sleep(Duration::from_millis(300));
        let floor = floor_without(&cluster, 0);
        cluster.freeze(0, true);
        stopped = Instant::now();
        taken = floor.wait().0;
        thread::sleep(TIMEOUT + SLACK);
        over.store(true, Ordering::Relaxed);
        writers.into_iter().map(|writer| writer.join().expect("no panic")).collect()
    });
    cluster.freeze(0, false);
    cluster.until_whole();
    let mut figures = Figures::default();
    for written in &written {
        let owner = cluster.primary(1);
        figures += written.count.judge(&mut cluster.node(owner).wire(), |told| is_of_the_dead(told, stopped));
        let unknown = written.errors.iter().filter(|err| err.outcome == Outcome::UNKNOWN).count();
        assert!(unknown <= 1, "{:?}", written.errors);
        // Whoever had no time left to wait until the next primary was there.
        assert!(
            written.errors_but_unknown().iter().all(|err| err.outcome == Outcome::NOT_SENT),
            "{:?}",
            written.errors
        );
    }
    println!("stopped: {writers} writers, floor {:?}\n{figures}", taken - stopped);
    figures.check();
    let first = written.iter().filter_map(|written| written.first_after(taken)).min().expect("it is served again");
    assert!(first - taken < Duration::from_millis(1_000) + SLACK, "{:?}", first - taken);
}

/// Who looks whether a primary is back asks that, and does not send it a burst of which nobody would know whether it ran.
#[test]
fn of_pipelines_to_a_primary_that_stops_one_is_unknown() {
    let mut cluster = Cluster::start(&["cluster-node-timeout 15000"]);
    let client = Options::of_cluster(&cluster.seeds()).client();
    let name = key(1, "n");
    assert_eq!(client.ask(&["SET", &name, "0"]), "+OK");
    // So many connections rest.
    thread::scope(|scope| {
        (0..6).for_each(|_| drop(scope.spawn(|| client.ask(&["BLPOP", &key(1, "none"), "0.2"]))));
    });
    cluster.freeze(0, true);
    let outcomes: Vec<Outcome> = (0..6)
        .map(|_| {
            let mut pipeline = Pipeline::of(&client);
            for _ in 0..50 {
                pipeline.add(&["INCR", &name]);
            }
            pipeline.run_with(mode::PLAIN, call::TIMEOUT, 200).expect_err("nobody answers").outcome
        })
        .collect();
    assert_eq!(outcomes[0], Outcome::UNKNOWN, "it was sent");
    assert!(outcomes[1..].iter().all(|outcome| *outcome == Outcome::NOT_SENT), "{outcomes:?}");
    cluster.freeze(0, false);
    eventually("it serves again", || client.command(&["PING"]).is_ok());
    assert_eq!(client.ask(&["GET", &name]), "\"50\"", "what was not sent did not run");
}

/// Of two servers that a pipeline waits for at once, each is looked after.
#[test]
fn two_primaries_that_stop_are_not_waited_for_once_others_have_their_places() {
    let mut cluster = Cluster::start(&[PART_IS_SERVED]);
    let client = Options::of_cluster(&cluster.seeds()).client();
    let names = [key(1, "k"), key(first_slot(1), "k")];
    for name in &names {
        assert_eq!(client.ask(&["SET", name, "v"]), "+OK");
    }
    for replica in [3, 4] {
        cluster.node(replica).wire().ask(&["WAIT", "0", "100"]);
    }
    thread::sleep(Duration::from_millis(200));
    cluster.freeze(0, true);
    cluster.freeze(1, true);
    let took = thread::scope(|scope| {
        let cluster = &cluster;
        scope.spawn(move || {
            thread::sleep(Duration::from_millis(300));
            for replica in [3, 4] {
                assert_eq!(cluster.ask(replica, &["CLUSTER", "FAILOVER", "TAKEOVER"]), "OK");
            }
        });
        let begin = Instant::now();
        let mut pipeline = Pipeline::of(&client);
        for name in &names {
            pipeline.add(&["GET", name]);
        }
        let replies = pipeline.run_with(mode::PLAIN, call::TIMEOUT, 20_000).expect("replies");
        assert_eq!(replies.dump(), "[\"v\" \"v\"]");
        begin.elapsed()
    });
    assert!(took < Duration::from_secs(5), "{took:?}");
    cluster.freeze(0, false);
    cluster.freeze(1, false);
    cluster.until_whole();
}

#[test]
fn who_does_not_wait_is_told_at_once_and_who_waits_in_vain_in_time() {
    let mut cluster = Cluster::start(&[PART_IS_SERVED]);
    let seeds = cluster.seeds();
    let waits = Options::of_cluster(&seeds).client();
    let waits_not = Options::of_cluster(&seeds).int(option::FAILOVER_WAIT_MS, 0).client();
    let waits_a_little = Options::of_cluster(&seeds).int(option::FAILOVER_WAIT_MS, 300).client();
    let (name, other) = (key(1, "k"), key(first_slot(1), "k"));
    for client in [&waits, &waits_not, &waits_a_little] {
        assert_eq!(client.ask(&["SET", &name, "v"]), "+OK");
    }
    // The replica first, so that nobody takes over.
    cluster.kill(3);
    cluster.kill(0);
    let cases = [
        (&waits, call::NO_RETRY, Duration::ZERO),
        (&waits_not, 0, Duration::ZERO),
        (&waits_a_little, 0, Duration::from_millis(250)),
        (&waits, 0, Duration::from_millis(700)),
    ];
    for (client, flags, least) in cases {
        // What rested was closed by the death, which is not known before it is tried.
        let _ = client.command_within(&["SET", &name, "v"], flags | call::RAW, 800);
        let begin = Instant::now();
        let err = client.command_within(&["SET", &name, "v"], flags | call::RAW, 800).expect_err("nobody has it");
        let took = begin.elapsed();
        println!("{took:?}: {err:?}");
        assert_eq!((err.status, err.outcome), (Status::CONNECT, Outcome::NOT_SENT), "{err:?}");
        assert!(took >= least && took < least + SLACK, "{took:?}: {err:?}");
        if least > Duration::ZERO {
            // Which shard, since when, how often it was tried, and why.
            assert!(["slot 1 ", " ms", "tries", "refused"].iter().all(|part| err.message.contains(part)), "{err:?}");
        }
        // The others are there, and are asked as ever.
        let begin = Instant::now();
        let reply = client.command_within(&["SET", &other, "v"], flags | call::RAW, 3_000);
        assert_eq!(reply.expect("it is well").dump(), "+OK");
        assert!(begin.elapsed() < SLACK, "{:?}", begin.elapsed());
    }
}

#[test]
fn all_of_them_die_and_come_back() {
    let mut cluster = Cluster::start(&[]);
    let client = Options::of_cluster(&cluster.seeds()).client();
    let name = key(1, "k");
    assert_eq!(client.ask(&["SET", &name, "v"]), "+OK");
    (0..NODES).for_each(|node| cluster.kill(node));
    let err = client.command_within(&["SET", &name, "v"], 0, 500).expect_err("nobody is there");
    assert_eq!(err.outcome, Outcome::NOT_SENT, "{err:?}");
    thread::scope(|scope| {
        // One waits all the time, and one comes late.
        let waits =
            scope.spawn(|| client.command_within(&["SET", &name, "w"], call::RAW, 60_000).map(|reply| reply.dump()));
        (0..NODES).for_each(|node| cluster.restart(node));
        cluster.until_whole();
        assert_eq!(waits.join().expect("no panic"), Ok("+OK".to_owned()));
    });
    assert_eq!(client.ask(&["GET", &name]), "\"w\"");
}

/// A server that gives way lets go of who waits there for a key.
#[test]
fn who_waits_for_a_key_waits_on_at_the_next_primary() {
    let cluster = Cluster::start(&[]);
    let client = Options::of_cluster(&cluster.seeds()).client();
    for (name, time, old, new) in [("for ever", "0", 0, 3), ("for a while", "30", 3, 0)] {
        let list = key(1, name);
        let waits = |node: usize| cluster.node(node).info("blocked_clients") == 1;
        thread::scope(|scope| {
            let popped =
                scope.spawn(|| client.command_within(&["BLPOP", &list, time], 0, 60_000).map(|reply| reply.dump()));
            eventually("it waits", || waits(old));
            cluster.fail_over(new);
            eventually("it waits there, or not at all", || waits(new) || popped.is_finished());
            assert_eq!(client.number(&["RPUSH", &list, "x"]), 1);
            assert_eq!(popped.join().expect("no panic"), Ok(format!("[\"{list}\" \"x\"]")), "{name}");
        });
        cluster.until_whole();
    }
}
