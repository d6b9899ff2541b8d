//! The servers of a cluster are restarted, and replaced by others, one after the other, while commands run: no write is lost or
//! made twice, and the client ends with the servers that there are. Real servers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::c::{CErr, Client, Options, Outcome, option, stat};
use crate::support::cluster::{Cluster, NODES, first_slot};
use crate::support::counting::Count;
use crate::support::ledger::Figures;
use crate::support::moving::Mover;
use crate::support::over::Over;
use crate::support::pipeline::{Pipeline, mode};
use crate::support::raw::kind;
use crate::support::server::eventually;
use crate::support::slots::{SLOTS, key};

/// So many threads write single commands to each slot, and so many pipelines to all of them.
const WRITERS: usize = 1;
const SHARDS: usize = 3;
/// A map so old is read anew.
const AGE_MS: i64 = 300;
/// What one pipeline has.
const RUN: usize = 20;

fn client(cluster: &Cluster) -> Client {
    let options = Options::of_cluster(&cluster.seeds()).int(option::TOPOLOGY_AGE_MS, AGE_MS);
    options.int(option::COMMAND_TIMEOUT_MS, 20_000).client()
}

/// What one thread wrote, and the errors that it was told.
struct Written {
    counts: Vec<Count>,
    errors: Vec<CErr>,
}

fn write_one_by_one(client: &Client, slot: usize, who: usize, over: &AtomicBool) -> Written {
    let mut written = Written { counts: vec![Count::new(slot, who)], errors: Vec::new() };
    while !over.load(Ordering::Relaxed) {
        let name = written.counts[0].next();
        let result = client.command(&["INCR", &name]);
        written.counts[0].told_last(&result);
        assert_eq!(result.as_ref().map_or(1, |reply| reply.integer), 1, "{name} is there already");
        written.errors.extend(result.err());
        thread::sleep(Duration::from_millis(5));
    }
    written
}

/// To all shards at once.
fn write_together(client: &Client, slots: &[usize], who: usize, over: &AtomicBool) -> Written {
    let counts = slots.iter().map(|slot| Count::new(*slot, format!("together:{who}"))).collect();
    let mut written = Written { counts, errors: Vec::new() };
    while !over.load(Ordering::Relaxed) {
        let mut pipeline = Pipeline::of(client);
        let places: Vec<usize> = (0..slots.len()).cycle().take(RUN).collect();
        let numbers: Vec<usize> = places
            .iter()
            .map(|at| {
                let count = &mut written.counts[*at];
                pipeline.add(&["INCR", &count.next()]);
                count.len() - 1
            })
            .collect();
        match pipeline.run(mode::PLAIN) {
            Ok(replies) => {
                for ((at, number), reply) in places.iter().zip(numbers).zip(replies.elements()) {
                    let text = String::from_utf8_lossy(reply.text()).into_owned();
                    let outcome = match reply.kind {
                        kind::INTEGER if reply.integer == 1 => Outcome::NONE,
                        kind::ERROR if text.starts_with("UNKNOWN ") => Outcome::UNKNOWN,
                        _ => panic!("{}", reply.dump()),
                    };
                    written.counts[*at].told(number, outcome);
                }
            }
            Err(err) => {
                places.iter().zip(numbers).for_each(|(at, number)| written.counts[*at].told(number, err.outcome));
                written.errors.push(err);
            }
        }
        thread::sleep(Duration::from_millis(10));
    }
    written
}

/// Write to every shard while this is done; then compare all with what is there. The errors that were told, and how many threads
/// there were.
fn while_writing(cluster: &mut Cluster, client: &Client, act: impl FnOnce(&mut Cluster)) -> (Vec<CErr>, usize) {
    let over = AtomicBool::new(false);
    // The first, the last and some other slot of each shard.
    let slots: Vec<usize> = (0..SHARDS)
        .flat_map(|shard| [first_slot(shard), first_slot(shard) + 1_234, first_slot(shard + 1) - 1])
        .collect();
    let written: Vec<Written> = thread::scope(|scope| {
        let _over_at_the_end = Over(&over);
        let (over, slots) = (&over, &slots);
        let alone = (0..WRITERS * slots.len())
            .map(|who| scope.spawn(move || write_one_by_one(client, slots[who % slots.len()], who, over)));
        let together = (0..WRITERS).map(|who| scope.spawn(move || write_together(client, slots, who, over)));
        let writers: Vec<_> = alone.chain(together).collect();
        thread::sleep(Duration::from_millis(300));
        act(cluster);
        thread::sleep(Duration::from_millis(300));
        over.store(true, Ordering::Relaxed);
        writers.into_iter().map(|writer| writer.join().expect("a right reply")).collect()
    });
    let mut figures = Figures::default();
    for count in written.iter().flat_map(|written| &written.counts) {
        // Every change was by hand: no server took anything with it.
        figures += count.judge(&mut cluster.node(cluster.primary(count.slot())).wire(), |_| false);
    }
    println!("{figures}");
    figures.check();
    let threads = written.len();
    let errors: Vec<CErr> = written.into_iter().flat_map(|written| written.errors).collect();
    assert_eq!((figures.not_sent, figures.refused), (0, 0), "there was time to wait: {errors:?}");
    (errors, threads)
}

/// Whoever was the primary gives way before it is ended.
#[test]
fn six_servers_are_restarted_in_turn() {
    let mut cluster = Cluster::start(&[]);
    let client = client(&cluster);
    let begin = Instant::now();
    let (errors, threads) = while_writing(&mut cluster, &client, |cluster| {
        for node in 0..NODES {
            let role = cluster.role(node);
            if role.is_primary {
                cluster.fail_over(cluster.replica(role.slots[0].0));
                cluster.until_whole();
            }
            cluster.kill(node);
            cluster.restart(node);
            cluster.until_whole();
        }
    });
    println!("six restarts in {:?}: {} errors", begin.elapsed(), errors.len());
    // Of each server that ended, what was in flight; mostly nothing was.
    assert!(errors.iter().all(|err| err.outcome == Outcome::UNKNOWN), "{errors:?}");
    assert!(errors.len() <= threads, "{} errors: {errors:?}", errors.len());
    // The last one may have been in no server's view when the map was read last.
    eventually("all are known", || {
        client.command(&["GET", &key(0, "end")]).expect("it is somebody's");
        (client.stat(stat::SERVERS), client.stat(stat::SHARDS_DOWN)) == (NODES as i64, 0)
    });
}

/// Two new servers come for each shard, and its old ones go. Its slots move to the new one, or one takes over from the old.
///
/// RREDIS_TEST_SLOTS is for the long form: where it is large, the slots of all shards move.
#[test]
fn six_servers_are_replaced_by_six_others() {
    let mut cluster = Cluster::start(&[]);
    let client = client(&cluster);
    let seeds: Vec<String> = (0..NODES).map(|node| cluster.endpoint(node)).collect();
    let all_move =
        std::env::var("RREDIS_TEST_SLOTS").is_ok_and(|slots| slots.parse::<usize>().expect("a number") > 200);
    let begin = Instant::now();
    let (errors, _) = while_writing(&mut cluster, &client, |cluster| {
        for shard in 0..SHARDS {
            let (old, gone) = (cluster.primary(first_slot(shard)), cluster.replica(first_slot(shard)));
            let new = cluster.join();
            if shard == 0 || all_move {
                let replica = cluster.join_as_replica(new);
                Mover::new(cluster).reshard_at_once(first_slot(shard)..first_slot(shard + 1), new, 100);
                cluster.until_follows(replica, new);
            } else {
                cluster.follow(new, old);
                let replica = cluster.join_as_replica(old);
                cluster.fail_over(new);
                cluster.until_follows(replica, new);
            }
            cluster.until_well();
            // Nobody names them any more, and then they end.
            cluster.forget(&[old, gone]);
            let names = |node: &usize| {
                client.servers().expect("they are known").dump().contains(&format!("\"{}\"", cluster.endpoint(*node)))
            };
            eventually("the client has left those that are gone", || ![old, gone].iter().any(names));
            [old, gone].into_iter().for_each(|node| cluster.kill(node));
        }
    });
    println!("six replaced in {:?}: {} errors", begin.elapsed(), errors.len());
    assert!(errors.is_empty(), "{errors:?}");
    let known = client.servers().expect("they are known").dump();
    assert!(!seeds.iter().any(|seed| known.contains(&format!("\"{seed}\""))), "{known}");
    assert_eq!((client.stat(stat::SERVERS), client.stat(stat::SHARDS_DOWN)), (NODES as i64, 0), "{known}");
    // Nothing is left open, and nothing is counted that is not.
    let here = || {
        let clients = cluster.running().into_iter().flat_map(|node| cluster.node(node).clients());
        clients.filter(|line| line.contains(" flags=N ")).count() as i64
    };
    eventually("what is counted is what is open", || client.stat(stat::CONNECTIONS) == here());
    for slot in (0..SLOTS).step_by(997) {
        client.command(&["SET", &key(slot, "end"), "v"]).expect("it is somebody's");
    }
}
