//! Pipelines in a real cluster: while slots move, while a primary is lost, and with whatever a pipeline can hold.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::c::{Client, Options, Reply, Status, Verdict, call};
use crate::support::cluster::Cluster;
use crate::support::moving::Mover;
use crate::support::pipeline::{Pipeline, mode};
use crate::support::script::Script;
use crate::support::slots::{SLOTS, key};

fn client(cluster: &Cluster) -> Client {
    Options::at(&cluster.url()).client()
}

/// A key of one of three shards, as the slots are at first.
fn of(shard: usize, name: impl std::fmt::Display) -> String {
    key((shard * SLOTS).div_ceil(3) + 11, name)
}

fn errors(reply: &Reply) -> Vec<String> {
    let errors = reply.elements().iter().filter(|element| element.dump().starts_with('-'));
    errors.map(|element| element.dump()).collect()
}

#[test]
fn shapes_callbacks_and_errors_are_those_of_one_server() {
    let cluster = Cluster::start(&[]);
    let freed = Arc::new(AtomicUsize::new(0));
    let shouts = Box::new(|_: &[&[u8]], _: &_, _| Verdict::Replace(Reply::string(b"called")));
    let options = Options::at(&cluster.url()).callback("STRLEN", shouts, &freed);
    for client in [client(&cluster), options.client()] {
        let mut pipeline = Pipeline::of(&client);
        for shard in [2, 0, 1] {
            let (hash, text) = (of(shard, "hash"), of(shard, "text"));
            pipeline.add(&["DEL", &hash, &text]).add(&["HSET", &hash, "f", "v"]).add(&["HGETALL", &hash]);
            pipeline.add(&["SET", &text, "abc"]).add(&["LPUSH", &text, "x"]).add(&["STRLEN", &text]);
        }
        pipeline.add(&["MGET", &of(1, "text"), &of(1, "none")]).add(&["PING"]).add(&["ECHO", "text"]);
        let reply = pipeline.run(mode::PLAIN).expect("all are there");
        let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        let length =
            |dump: &str| dump.replace(":3", "LENGTH").replace("\"called\"", "LENGTH").replace("+called", "LENGTH");
        let three = format!(":0 :1 %[\"f\" \"v\"] #1 {wrong} LENGTH ").repeat(3);
        let dump = length(&reply.dump()).replace(":2 :1", ":0 :1");
        assert_eq!(dump, format!("[{three}[\"abc\" (nil)] #1 \"text\"]"));
        assert_eq!(pipeline.failed(), 4);
    }
}

#[test]
fn no_command_is_lost_or_runs_twice_while_slots_move() {
    let cluster = Cluster::start(&[]);
    let over = AtomicBool::new(false);
    let counts: Vec<HashMap<String, i64>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|number| {
                let (cluster, over) = (&cluster, &over);
                scope.spawn(move || {
                    let client = client(cluster);
                    let mut counts = HashMap::new();
                    let mut round = 0;
                    while !over.load(Ordering::Relaxed) || round < 20 {
                        let keys: Vec<String> =
                            (0..50).map(|at| key((round * 37 + at * 11) % 600, format!("-{number}"))).collect();
                        let mut pipeline = Pipeline::of(&client);
                        keys.iter().for_each(|key| {
                            pipeline.add(&["INCR", key]);
                        });
                        // Two keys of one slot, which may be in two places.
                        let pair = [key(round % 600, "-a"), key(round % 600, "-b")];
                        pipeline.add(&["MSET", &pair[0], "1", &pair[1], "2"]).add(&["MGET", &pair[0], &pair[1]]);
                        let reply = pipeline.run(mode::PLAIN).expect("no server is lost");
                        assert_eq!((errors(&reply), pipeline.failed()), (vec![], -1));
                        assert_eq!(reply.elements()[51].dump(), "[\"1\" \"2\"]");
                        for (key, element) in keys.into_iter().zip(reply.elements()) {
                            let count: &mut i64 = counts.entry(key).or_default();
                            *count += 1;
                            assert_eq!(element.integer, *count, "of one key in order, and none twice");
                        }
                        round += 1;
                    }
                    counts
                })
            })
            .collect();
        let mut mover = Mover::new(&cluster);
        mover.reshard(0..300, 1, 10);
        mover.reshard(0..300, 2, 1);
        // One in the middle for a while: some of its keys are here, and some are there.
        let moving = mover.begin(400, 1);
        mover.move_keys(&moving, 2);
        thread::sleep(Duration::from_millis(200));
        while mover.move_keys(&moving, 2) > 0 {}
        mover.end(moving);
        over.store(true, Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().expect("a thread that counts")).collect()
    });
    let client = client(&cluster);
    for (key, count) in counts.iter().flatten() {
        assert_eq!(client.ask(&["GET", key]), format!("\"{count}\""));
    }
}

#[test]
fn a_primary_that_is_lost_costs_its_own_part_and_the_others_never_wait() {
    let mut cluster = Cluster::start(&[]);
    let client = client(&cluster);
    let run = |shards: &[usize], round: usize| {
        let mut pipeline = Pipeline::of(&client);
        for number in 0..30 {
            pipeline.add(&["SET", &of(shards[number % shards.len()], number), &round.to_string()]);
        }
        let began = Instant::now();
        (pipeline.run(mode::PLAIN), began.elapsed())
    };
    run(&[0, 1, 2], 0).0.expect("all are there");
    let lost = cluster.primary((SLOTS / 3) + 11);
    cluster.kill(lost);
    // Its part waits for the replica to take over, and the others are done by then.
    let (reply, _) = run(&[0, 1, 2], 1);
    let reply = reply.expect("two parts are whole");
    for (number, element) in reply.elements().iter().enumerate() {
        let is_fine = element.dump() == "#1" || (number % 3 == 1 && element.dump().starts_with("-UNKNOWN "));
        assert!(is_fine, "{number}: {}", element.dump());
    }
    let (reply, took) = run(&[0, 2], 2);
    assert_eq!(errors(&reply.expect("nothing is lost")), Vec::<String>::new());
    assert!(took < Duration::from_secs(5), "{took:?}");
    let (reply, _) = run(&[1], 3);
    assert_eq!(errors(&reply.expect("the replica has taken over")), Vec::<String>::new());
    // Where it may not wait, what was surely not sent is marked so.
    let other = cluster.primary((SLOTS / 3) + 11);
    cluster.kill(other);
    let mut pipeline = Pipeline::of(&client);
    for number in 0..6 {
        pipeline.add(&["SET", &of(number % 3, number), "4"]);
    }
    let reply = pipeline.run_with(mode::PLAIN, call::NO_RETRY, 0).expect("two parts are whole");
    let lost: Vec<String> = errors(&reply);
    assert!(
        lost.len() == 2 && lost.iter().all(|text| text.starts_with("-NOT_SENT ") || text.starts_with("-UNKNOWN ")),
        "{lost:?}"
    );
    let mut alone = Pipeline::of(&client);
    alone.add(&["SET", &of(1, "alone"), "4"]);
    let err = alone.run_with(mode::PLAIN, call::NO_RETRY, 0).expect_err("no part is whole");
    assert!([Status::CONNECT, Status::IO, Status::TIMEOUT].contains(&err.status), "{err:?}");
}

#[test]
fn many_bytes_each_way_over_all_servers_never_make_both_sides_wait() {
    let cluster = Cluster::start(&[]);
    let client = client(&cluster);
    let value = "v".repeat(1000);
    let seen = Mutex::new(0);
    for round in 0..2 {
        let mut pipeline = Pipeline::of(&client);
        for number in 0..20_000 {
            match round {
                0 => pipeline.add(&["SET", &of(number % 3, number), &value]),
                _ => pipeline.add(&["GETSET", &of(number % 3, number), &value]),
            };
        }
        let reply = pipeline.run(mode::PLAIN).expect("all are there");
        assert_eq!((reply.elements().len(), errors(&reply)), (20_000, vec![]));
        *seen.lock().unwrap() += reply.elements().iter().filter(|element| element.text() == value.as_bytes()).count();
    }
    assert_eq!(*seen.lock().unwrap(), 20_000);
}

#[test]
fn no_transaction_is_torn_or_lost_while_slots_move() {
    let cluster = Cluster::start(&[]);
    let over = AtomicBool::new(false);
    let counts: Vec<[i64; 2]> = thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (cluster, over) = (&cluster, &over);
                scope.spawn(move || {
                    let client = client(cluster);
                    let mut counts = [0; 2];
                    while !over.load(Ordering::Relaxed) || counts[0] < 20 {
                        let slot = (counts[0] as usize * 7) % 200;
                        let (one, other) = (key(slot, "-one"), key(slot, "-other"));
                        let mut pipeline = Pipeline::of(&client);
                        pipeline.add(&["INCR", &one]).add(&["INCR", &other]);
                        let reply = pipeline.run(mode::ATOMIC).expect("nothing is lost");
                        assert_eq!(reply.elements()[0].integer, reply.elements()[1].integer, "it is not torn");
                        counts[0] += 1;
                        // By hand, and one after the other.
                        let sum = key(100, "-sum");
                        let reply = Pipeline::of(&client).transact(
                            &[&sum],
                            30_000,
                            Box::new(|pipeline| {
                                let sum = key(100, "-sum");
                                let now = pipeline.command(&["GET", &sum]).map_err(|_| "it was read in vain")?;
                                let now: i64 = String::from_utf8_lossy(now.text()).parse().unwrap_or(0);
                                pipeline.add(&["SET", &sum, &(now + 1).to_string()]);
                                Ok(())
                            }),
                        );
                        assert_eq!(reply.expect("it goes through").dump(), "[#1]");
                        counts[1] += 1;
                    }
                    counts
                })
            })
            .collect();
        let mut mover = Mover::new(&cluster);
        mover.reshard(0..200, 1, 10);
        mover.reshard(0..200, 2, 1);
        let moving = mover.begin(100, 0);
        thread::sleep(Duration::from_millis(200));
        while mover.move_keys(&moving, 1) > 0 {}
        mover.end(moving);
        over.store(true, Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().expect("a thread that counts")).collect()
    });
    let client = client(&cluster);
    let all = |at: usize| counts.iter().map(|count| count[at]).sum::<i64>();
    let of = |name: &str| {
        (0..200)
            .map(|slot| client.ask(&["GET", &key(slot, name)]).trim_matches('"').parse::<i64>().unwrap_or(0))
            .sum::<i64>()
    };
    assert_eq!((of("-one"), of("-other")), (all(0), all(0)));
    assert_eq!(client.ask(&["GET", &key(100, "-sum")]), format!("\"{}\"", all(1)));
}

#[test]
fn transactions_wait_for_a_primary_that_is_lost() {
    let mut cluster = Cluster::start(&[]);
    let client = client(&cluster);
    let run = |client: &Client| {
        let mut pipeline = Pipeline::of(client);
        pipeline.add(&["INCR", &of(1, "a")]).add(&["INCR", &of(1, "b")]);
        pipeline.run(mode::ATOMIC)
    };
    assert_eq!(run(&client).expect("all are there").dump(), "[:1 :1]");
    let mut watching = Pipeline::of(&client);
    watching.watch(&[of(1, "a")]).expect("it is there");
    watching.add(&["INCR", &of(1, "a")]);
    let lost = cluster.primary(SLOTS / 3 + 11);
    cluster.kill(lost);
    let err = watching.run(mode::ATOMIC).expect_err("who watched it is gone");
    assert_eq!(err.status, Status::WATCH, "{err:?}");
    assert_eq!(run(&client).expect("the replica has taken over").elements().len(), 2);
    let reply = Pipeline::of(&client).transact(
        &[of(1, "a")],
        30_000,
        Box::new(|pipeline| {
            pipeline.add(&["GET", &of(1, "a")]);
            Ok(())
        }),
    );
    assert_eq!(reply.expect("it is there").elements().len(), 1);
}

#[test]
fn scripts_and_replies_that_are_shown_follow_their_slots() {
    let cluster = Cluster::start(&[]);
    let client = client(&cluster);
    let script = Script::new("return {redis.call('incrby', KEYS[1], ARGV[1]), KEYS[1]}");
    let mut mover = Mover::new(&cluster);
    let slots = [11, SLOTS / 3 + 11, 2 * SLOTS / 3 + 11];
    let moving = mover.begin(11, 1);
    let mut seen = 0;
    for round in 1..=3 {
        let mut pipeline = Pipeline::of(&client);
        for at in 0..600 {
            let key = key(slots[at % 3], at);
            if at % 2 == 0 {
                script.add(&mut pipeline, 1, &[&key, "2"]);
            } else {
                pipeline.add(&["INCRBY", &key, "2"]);
            }
        }
        script.add(&mut pipeline, 0, &[""; 0]);
        pipeline
            .run_each(
                0,
                0,
                Box::new(|index, reply| {
                    let number = if index % 2 == 0 {
                        reply.elements().first().map_or(-1, |it| it.integer)
                    } else {
                        reply.integer
                    };
                    assert!(number == 2 * round || index == 600, "{index}: {}", reply.dump());
                    seen += 1;
                    Ok(())
                }),
            )
            .expect("all are there");
        assert_eq!(pipeline.failed(), 600, "the last one has no key");
        if round == 1 {
            mover.move_keys(&moving, 100);
        }
    }
    assert_eq!(seen, 3 * 601);
    while mover.move_keys(&moving, 100) > 0 {}
    mover.end(moving);
    let mut pipeline = Pipeline::of(&client);
    for slot in slots {
        script.add(&mut pipeline, 1, &[&key(slot, "again"), "1"]);
    }
    let reply = pipeline.run(mode::PLAIN).expect("all are there");
    assert!(reply.elements().iter().all(|element| element.elements()[0].integer == 1), "{reply:?}");
}
