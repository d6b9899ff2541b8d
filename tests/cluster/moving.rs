//! Slots move while commands run: none fails, none runs twice, and each value is right. Real servers.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::c::{Client, Options, Outcome, Status, call, option, stat};
use crate::support::cluster::{Cluster, first_slot};
use crate::support::moving::Mover;
use crate::support::over::Over;
use crate::support::own::Own;
use crate::support::pipeline::{Pipeline, mode};
use crate::support::slots::{SLOTS, key};

const SLOT: usize = 42;

/// Of a slot on its way, the server that had it refers to the other where it has no key, and that one answers for several keys
/// only when it has the slot: the command waits for that, however long it takes.
#[test]
fn keys_that_nobody_has_are_asked_for_while_their_slot_moves() {
    let cluster = Cluster::start(&[]);
    let client = Options::of_cluster(&cluster.seeds()).client();
    let mut mover = Mover::new(&cluster);
    let moving = mover.begin(SLOT, 1);
    let names = [key(SLOT, "a"), key(SLOT, "b")];
    let asked = ["MGET", &names[0], &names[1]];
    thread::scope(|scope| {
        let alone = scope.spawn(|| client.command_within(&asked, 0, 20_000).map(|reply| reply.dump()));
        let together = scope.spawn(|| {
            let client = Options::of_cluster(&cluster.seeds()).int(option::COMMAND_TIMEOUT_MS, 20_000).client();
            let mut pipeline = Pipeline::of(&client);
            pipeline.add(&asked).add(&asked);
            (pipeline.ask(mode::PLAIN), client.stat(stat::ASKED))
        });
        let in_a_loop = scope.spawn(|| {
            let mut own = Own::at(&format!("redis+cluster://{}", cluster.seeds()));
            own.submit_with(0, &asked, 0, 20_000);
            own.completion().1
        });
        // Longer than the pauses between all redirects that are followed in a row.
        thread::sleep(Duration::from_secs(2));
        mover.end(moving);
        assert_eq!(alone.join().expect("no panic"), Ok("[(nil) (nil)]".to_owned()));
        let (replies, redirects) = together.join().expect("no panic");
        assert_eq!(replies, "[[(nil) (nil)] [(nil) (nil)]]");
        assert!(redirects > 32, "{redirects} redirects of two commands");
        assert_eq!(in_a_loop.join().expect("no panic"), Ok("[NULL NULL]".to_owned()));
    });
    assert!(client.stat(stat::ASKED) > 16, "{} redirects", client.stat(stat::ASKED));
}

/// A slot that is in two places at once, and then in the other.
#[test]
fn a_slot_is_used_while_it_is_in_two_places() {
    let cluster = Cluster::start(&[]);
    let client = Options::of_cluster(&cluster.seeds()).client();
    let mut mover = Mover::new(&cluster);
    let names: Vec<String> = (0..10).map(|number| key(SLOT, number)).collect();
    names.iter().for_each(|name| assert_eq!(client.ask(&["SET", name, "1"]), "+OK"));
    let moving = mover.begin(SLOT, 1);
    assert_eq!(mover.move_keys(&moving, 5), 5);
    // Each is where it is, and a write is made once.
    for (count, name) in names.iter().enumerate() {
        assert_eq!(client.number(&["INCR", name]), 2, "{count}");
    }
    assert_eq!((client.stat(stat::ASKED), client.stat(stat::MOVED), client.stat(stat::RETRIES)), (5, 0, 0));
    // A new key begins where the slot will be.
    let new = key(SLOT, "new");
    assert_eq!(client.number(&["INCR", &new]), 1);
    assert_eq!(client.number(&["INCR", &new]), 2);
    assert!(cluster.ask(0, &["GET", &new]).starts_with("-ASK"));
    // Of keys that are in two places nothing can be asked together, until they are in one.
    let both: Vec<&str> = ["MGET"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let err = client.command_within(&both, call::NO_RETRY, 5_000).expect_err("they are in two places");
    assert_eq!((err.status, err.outcome), (Status::SERVER, Outcome::REFUSED), "{err:?}");
    assert!(err.message.starts_with("TRYAGAIN"), "{err:?}");
    let expected = format!("[{}]", vec!["\"2\""; names.len()].join(" "));
    thread::scope(|scope| {
        let asked = scope.spawn(|| client.command_within(&both, 0, 20_000).map(|reply| reply.dump()));
        thread::sleep(Duration::from_millis(200));
        while mover.move_keys(&moving, 1) > 0 {}
        assert_eq!(asked.join().expect("no panic"), Ok(expected.clone()));
    });
    mover.end(moving);
    // Where it has gone is found once.
    let before = client.stat(stat::MOVED);
    for name in &names {
        assert_eq!(client.number(&["INCR", name]), 3);
    }
    assert_eq!(client.stat(stat::MOVED) - before, 1);
    // A move that is called off is none.
    let other = SLOT + 1;
    let name = key(other, "k");
    assert_eq!(client.number(&["INCR", &name]), 1);
    let moving = mover.begin(other, 2);
    mover.migrate(&moving, &[&name]);
    assert_eq!(client.number(&["INCR", &name]), 2);
    mover.call_off(moving);
    assert_eq!(client.number(&["INCR", &name]), 3);
    assert_eq!(cluster.ask(0, &["GET", &name]), "3");
}

/// Who blocks for a key is not forgotten when its slot goes away.
#[test]
fn who_waits_for_a_key_is_answered_where_it_comes() {
    let cluster = Cluster::start(&[]);
    let client = Options::of_cluster(&cluster.seeds()).client();
    let mut mover = Mover::new(&cluster);
    let name = key(SLOT, "list");
    thread::scope(|scope| {
        let popped =
            scope.spawn(|| client.command_within(&["BLPOP", &name, "20"], 0, 30_000).map(|reply| reply.dump()));
        let is_blocked = |node: usize| cluster.node(node).info("blocked_clients") == 1;
        crate::support::server::eventually("it waits", || is_blocked(0));
        mover.reshard(SLOT..=SLOT, 1, 10);
        crate::support::server::eventually("it waits there", || is_blocked(1));
        assert_eq!(client.number(&["RPUSH", &name, "x"]), 1);
        assert_eq!(popped.join().expect("no panic"), Ok(format!("[\"{name}\" \"x\"]")));
    });
}

/// What a thread is to come to.
const RIGHT: &str = "no error, and right values";

/// Commands of one pipeline.
const RUN: usize = 50;

/// How often one thread has counted in each slot: by single commands, and in bursts.
struct Loaded {
    counts: Vec<usize>,
    burst: Vec<usize>,
}

/// What is pushed for another thread, which blocks for it: the slot, and the value.
type Pushed = (usize, usize);

/// Block for each of these, in the order of their slots, until there are no more. How many came.
fn pop(client: &Client, who: usize, pushed: &Receiver<Pushed>) -> usize {
    pushed
        .iter()
        .map(|(slot, value)| {
            let list = key(slot, format!("list:{who}"));
            let popped = client.command_with(&["BLPOP", &list, "20"], call::RAW, 0).expect("it comes").dump();
            assert_eq!(popped, format!("[\"{list}\" \"{value}\"]"), "slot {slot}");
        })
        .count()
}

/// What one thread does over and over, on keys of its own in the slots that move.
fn load(
    client: &Client,
    who: usize,
    slots: &[usize],
    over: &AtomicBool,
    done: &AtomicUsize,
    pops: &Sender<Pushed>,
) -> Loaded {
    let (mut counts, mut burst) = (vec![0; slots.len()], vec![0; slots.len()]);
    let mut at = who * 7 % slots.len();
    while !over.load(Ordering::Relaxed) {
        let slot = slots[at];
        let [count, text, other] = ["count", "text", "other"].map(|name| key(slot, format!("{name}:{who}")));
        counts[at] += 1;
        assert_eq!(client.number(&["INCR", &count]), counts[at] as i64, "slot {slot}");
        let value = counts[at].to_string();
        client.command_with(&["MSET", &text, &value, &other, &value], call::RAW, 0).expect("both are written");
        let both = client.command_with(&["MGET", &text, &other], call::RAW, 0).expect("both are read");
        assert_eq!(both.dump(), format!("[\"{value}\" \"{value}\"]"), "slot {slot}");
        let script = "return redis.call('INCR', KEYS[1]) + 0 * #KEYS[2]";
        let ran = client.command(&["EVAL", script, "2", &key(slot, format!("script:{who}")), &count]).expect("it runs");
        assert_eq!(ran.integer, counts[at] as i64, "slot {slot}");
        // Another thread blocks for it, as a rule already.
        pops.send((slot, counts[at])).expect("it is there");
        client.command(&["RPUSH", &key(slot, format!("list:{who}")), &value]).expect("it is pushed");
        // All in one transaction, and one command for each of many slots in one burst.
        let mut pipeline = Pipeline::of(client);
        pipeline.add(&["SET", &text, &value]).add(&["SET", &other, &value]).add(&["MGET", &text, &other]);
        let ran = pipeline.run_with(mode::ATOMIC, call::RAW, 0).expect("it runs");
        assert_eq!(ran.dump(), format!("[+OK +OK [\"{value}\" \"{value}\"]]"), "slot {slot}");
        pipeline.clear();
        let mut expected = Vec::new();
        for step in 0..RUN {
            let at = (at + step) % slots.len();
            burst[at] += 1;
            expected.push(format!(":{}", burst[at]));
            pipeline.add(&["INCR", &key(slots[at], format!("burst:{who}"))]);
        }
        assert_eq!(pipeline.ask(mode::PLAIN), format!("[{}]", expected.join(" ")));
        done.fetch_add(9 + RUN, Ordering::Relaxed);
        at = (at + 1) % slots.len();
    }
    Loaded { counts, burst }
}

/// How many slots are moved.
fn slots_to_move() -> usize {
    std::env::var("RREDIS_TEST_SLOTS").map_or(200, |text| text.parse().expect("RREDIS_TEST_SLOTS is a number"))
}

#[test]
fn slots_move_by_the_hundred_under_load() {
    const THREADS: usize = 8;
    let cluster = Cluster::start(&[]);
    for keys_at_a_time in [1, 10] {
        for node in 0..3 {
            cluster.ask(node, &["FLUSHALL"]);
        }
        let client = Options::of_cluster(&cluster.seeds()).int(option::COMMAND_TIMEOUT_MS, 20_000).client();
        let count = slots_to_move() / 2;
        // From the second and the third to the first, and half of them one after the other.
        let mut moved: Vec<usize> = (first_slot(1)..).take(count / 2).collect();
        moved.extend((0..count - count / 2).map(|number| SLOTS - 1 - 7 * number % 4_000));
        let mut slots: Vec<usize> = moved.iter().copied().step_by(1 + count / 50).collect();
        // And some that stay.
        slots.extend([3, first_slot(1) - 1]);
        let (over, done, begin) = (AtomicBool::new(false), AtomicUsize::new(0), Instant::now());
        let loaded: Vec<(Loaded, usize)> = thread::scope(|scope| {
            let _over_at_the_end = Over(&over);
            let (slots, client, over, done) = (&slots, &client, &over, &done);
            let loads: Vec<_> = (0..THREADS)
                .map(|who| {
                    let (pops, pushed) = channel();
                    let popper = scope.spawn(move || pop(client, who, &pushed));
                    (scope.spawn(move || load(client, who, slots, over, done, &pops)), popper)
                })
                .collect();
            let mut mover = Mover::new(&cluster);
            mover.reshard(moved.iter().copied(), 0, keys_at_a_time);
            // And back, so that the next round finds all as it was.
            let (second, third): (Vec<usize>, Vec<usize>) = moved.iter().partition(|slot| **slot < first_slot(2));
            mover.reshard(second.into_iter(), 1, keys_at_a_time);
            mover.reshard(third.into_iter(), 2, keys_at_a_time);
            over.store(true, Ordering::Relaxed);
            let ended = loads.into_iter().map(|(load, popper)| (load.join(), popper.join()));
            ended.map(|(load, popper)| (load.expect(RIGHT), popper.expect(RIGHT))).collect()
        });
        let time = begin.elapsed();
        // Nothing was lost on the way, nor made twice.
        for (who, (loaded, popped)) in loaded.iter().enumerate() {
            assert_eq!(*popped, loaded.counts.iter().sum::<usize>(), "each that was pushed came to whom it was for");
            let counts = slots.iter().zip(loaded.counts.iter().zip(&loaded.burst));
            for (slot, (count, burst)) in counts {
                assert_eq!(client.ask(&["EXISTS", &key(*slot, format!("list:{who}"))]), ":0", "slot {slot}");
                for (name, count) in [("count", count), ("script", count), ("burst", burst)] {
                    let stored = client.ask(&["GET", &key(*slot, format!("{name}:{who}"))]);
                    let expected = if *count == 0 { "(nil)".to_owned() } else { format!("\"{count}\"") };
                    assert_eq!(stored, expected, "slot {slot}, {name}:{who}");
                }
            }
        }
        let [redirects, asked, refreshes] = [stat::MOVED, stat::ASKED, stat::REFRESHES].map(|stat| client.stat(stat));
        println!(
            "resharding: {} moves of slots, {} keys at a time, {} commands in {time:?}: {redirects} MOVED, {asked} ASK, \
             {refreshes} maps read",
            2 * moved.len(),
            keys_at_a_time,
            done.load(Ordering::Relaxed)
        );
        assert!(redirects > 0, "nobody met a move");
        assert!(refreshes as f64 <= 2.0 + 1.3 * time.as_secs_f64(), "{refreshes} maps in {time:?}");
        assert_eq!(client.stat(stat::UNKNOWN), 0);
        cluster.until_whole();
    }
}
