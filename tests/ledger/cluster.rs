//! Writes to a cluster, while its primaries are killed and give way, one after the other.
//!
//! RREDIS_TEST_FAILOVERS says how many, and RREDIS_TEST_SHARE whether threads share connections: 0 never, 1 while they are many, 2
//! always. `make ledger` asks for twenty, with each of them.

use std::time::{Duration, Instant};

use crate::support::c::{Options, option, stat};
use crate::support::cluster::{Cluster, NODES, first_slot};
use crate::support::counting::is_of_the_dead;
use crate::support::floor::Floor;
use crate::support::slots::key;
use crate::writers::{Written, first_after, judge, longest, percentile, while_writing};

pub const THREADS: usize = 16;
/// What a busy machine may add.
const SLACK: Duration = Duration::from_secs(1);

/// How late the first success may be, where the machine is quiet: RREDIS_TEST_QUIET says that it is.
pub fn first_max(ms: u64) -> Duration {
    if std::env::var_os("RREDIS_TEST_QUIET").is_some() { Duration::from_millis(ms) } else { SLACK }
}

/// How many failovers there are, where nothing is said.
pub fn failovers(few: usize) -> usize {
    std::env::var("RREDIS_TEST_FAILOVERS").map_or(few, |text| text.parse().expect("RREDIS_TEST_FAILOVERS is a number"))
}

/// Options for calls that wait, and share as is said.
pub fn with_time(options: Options) -> Options {
    let share =
        std::env::var("RREDIS_TEST_SHARE").ok().map(|text| text.parse().expect("RREDIS_TEST_SHARE is a number"));
    let options = options.int(option::COMMAND_TIMEOUT_MS, 20_000);
    if let Some(share) = share { options.int(option::SHARE, share) } else { options }
}

/// One failover: of which slot, whether its primary was killed, when that began, and when the next one could be written to.
struct Failover {
    slot: usize,
    killed: bool,
    begun: Instant,
    taken: Instant,
}

#[test]
fn no_write_to_a_cluster_is_lost_or_made_twice_while_primaries_change() {
    let mut cluster = Cluster::start(&["cluster-require-full-coverage no"]);
    let client = with_time(Options::of_cluster(&cluster.seeds())).client();
    let slots = [0, 1, 2].map(|shard| first_slot(shard) + 1);
    let begin = Instant::now();
    let (written, failovers) = while_writing(&client, &slots, THREADS, || {
        (0..failovers(4)).map(|number| fail_over(&mut cluster, slots[number % 3], number % 2 == 0)).collect::<Vec<_>>()
    });
    let died = |slot: usize| failovers.iter().filter(move |one| one.killed && one.slot == slot).map(|one| one.begun);
    let wire = |slot| cluster.node(cluster.primary(slot)).wire();
    let figures = judge(&written, wire, |slot, told| died(slot).any(|died| is_of_the_dead(told, died)));
    let kills = failovers.iter().filter(|one| one.killed).count();
    println!(
        "\nledger, a cluster, {kills} primaries killed and {} replaced: {THREADS} threads, {:.1} s, {} maps read\n{figures}",
        failovers.len() - kills,
        begin.elapsed().as_secs_f64(),
        client.stat(stat::REFRESHES)
    );
    figures.check();
    in_flight_alone(&written, kills);
    let mut over = [Vec::new(), Vec::new()];
    for one in &failovers {
        let first = first_after(&written, one.slot, one.taken).expect("it is written to again");
        over[usize::from(one.killed)].push(first - one.taken);
    }
    let [by_hand, killed] = over.each_mut().map(|times| percentile(times, 95));
    println!(
        "  first success after a bare probe's, p95: killed {killed:?}, by hand {by_hand:?}; longest call {:?}",
        longest(&written)
    );
    let most = first_max(50);
    assert!(killed <= most && by_hand <= most, "{killed:?}, {by_hand:?}");
}

fn fail_over(cluster: &mut Cluster, slot: usize, kill: bool) -> Failover {
    let (old, new) = (cluster.primary(slot), cluster.replica(slot));
    let ports: Vec<u16> = (0..NODES).filter(|node| *node != old).map(|node| cluster.node(node).port()).collect();
    let floor = Floor::of_writes(&ports, &key(slot, "floor"));
    let begun = Instant::now();
    match kill {
        true => cluster.kill(old),
        false => cluster.fail_over(new),
    }
    let begun = if kill { Instant::now() } else { begun };
    let taken = floor.wait().0;
    drop(floor);
    std::thread::sleep(Duration::from_millis(200));
    if kill {
        cluster.restart(old);
    }
    cluster.until_whole();
    Failover { slot, killed: kill, begun, taken }
}

/// Nobody was told of anything but of what was in flight when a server died: one call of each thread.
pub fn in_flight_alone(written: &[Written], deaths: usize) {
    let wrong: Vec<_> = written.iter().flat_map(Written::errors_but_unknown).collect();
    assert!(wrong.is_empty(), "{} errors: {:?}", wrong.len(), &wrong[..wrong.len().min(5)]);
    for one in written {
        assert!(
            one.unknown_calls() <= deaths,
            "{} calls of one thread are unknown: {:?}",
            one.unknown_calls(),
            one.errors
        );
    }
}
