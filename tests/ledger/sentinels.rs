//! Writes to the primary behind Sentinels, while it is killed, and while another is made the primary.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::cluster::{THREADS, failovers, first_max, in_flight_alone, with_time};
use crate::support::c::{Options, stat};
use crate::support::counting::is_of_the_dead;
use crate::support::over::Over;
use crate::support::sentinels::{SERVICE, Sentinels};
use crate::support::server::Wire;
use crate::writers::{first_after, judge_keys, longest, percentile, while_writing};

/// How long after the first Sentinel's word a write may still be acknowledged by the old primary, where that goes on taking them.
const HEARD_MAX: Duration = Duration::from_millis(150);

/// When it is looked what the old primary has and the new one has not, after the first Sentinel's word: it takes more writes from
/// nobody by then, and its data set is its own for some seconds more. A busy machine gets a second look.
const LOOKS: [Duration; 2] = [Duration::from_millis(300), Duration::from_millis(1_000)];
/// How often a look begins, where connections are closed meanwhile.
const TRIES: usize = 5;

/// After this all Sentinels have said what the first did.
const SAID_BY_ALL_MAX: Duration = Duration::from_secs(2);

/// One failover: whether the primary was killed, when that began, and when a Sentinel first named the next one.
struct Failover {
    killed: bool,
    begun: Instant,
    named: Instant,
}

#[test]
fn no_write_to_sentinels_primary_is_lost_or_made_twice_while_it_changes() {
    let mut sentinels = Sentinels::start(&[]);
    let client = with_time(Options::at(&sentinels.url())).client();
    let begin = Instant::now();
    let sentinel_paths = [0, 1, 2].map(|sentinel| sentinels.sentinel(sentinel).unix_path());
    let servers =
        [0, 1, 2].map(|server| (sentinels.server(server).port().to_string(), sentinels.server(server).unix_path()));
    let over = AtomicBool::new(false);
    let (written, failovers, seen) = thread::scope(|scope| {
        let _over_at_the_end = Over(&over);
        let watching = scope.spawn(|| watch(&sentinel_paths, &servers, &over));
        let (written, failovers) = while_writing(&client, &[1, 2, 3], THREADS, || {
            (0..failovers(2)).map(|number| fail_over(&mut sentinels, number % 2 == 0)).collect::<Vec<_>>()
        });
        over.store(true, Ordering::Relaxed);
        (written, failovers, watching.join().expect("no panic"))
    });
    // A server that died takes what it had not told its replicas with it. One that is replaced takes writes until its clients have
    // heard of the next: those it has, and its successor has not. Whatever else was acknowledged is there.
    let Seen { namings, stall, left } = seen;
    let wire = |_| sentinels.server(sentinels.primary()).wire();
    let figures = judge_keys(&written, wire, |key, told| {
        left.contains_key(key) || failovers.iter().any(|one| one.killed && is_of_the_dead(told, one.begun))
    });
    let kills = failovers.iter().filter(|one| one.killed).count();
    println!(
        "\nledger, Sentinels, {kills} primaries killed and {} replaced: {THREADS} threads, {:.1} s, {} changes noticed \
         of {}\n{figures}",
        failovers.len() - kills,
        begin.elapsed().as_secs_f64(),
        client.stat(stat::FAILOVERS),
        namings
    );
    figures.check();
    in_flight_alone(&written, failovers.len());
    let mut over = [Vec::new(), Vec::new()];
    for one in &failovers {
        let first = [1, 2, 3].into_iter().filter_map(|slot| first_after(&written, slot, one.named)).min();
        over[usize::from(one.killed)].push(first.expect("it is written to again") - one.named);
    }
    let [replaced, killed] = over.each_mut().map(|times| percentile(times, 95));
    // When each was acknowledged, after the first Sentinel's word.
    let counts = || written.iter().flat_map(|written| &written.counts);
    let acknowledged =
        counts().flat_map(|count| count.acknowledged().filter_map(|(key, ended)| Some((left.get(&key)?, ended))));
    let latest = acknowledged.map(|(named, ended)| ended.saturating_duration_since(*named)).max().unwrap_or_default();
    println!(
        "  {} writes that a replaced primary alone had, the last acknowledged {latest:?} after a Sentinel named another; the \
         machine held the one who looked up for {stall:?}",
        left.len()
    );
    assert!(
        latest <= HEARD_MAX + 2 * stall,
        "a replaced primary acknowledged a write {latest:?} after another was named"
    );
    println!(
        "  first success after a Sentinel named it, p95: killed {killed:?}, replaced {replaced:?}; longest call {:?}",
        longest(&written)
    );
    let most = first_max(100);
    assert!(killed <= most && replaced <= most, "{killed:?}, {replaced:?}");
}

fn fail_over(sentinels: &mut Sentinels, kill: bool) -> Failover {
    let old = sentinels.primary();
    let naming = sentinels.naming(old);
    let begun = Instant::now();
    match kill {
        true => sentinels.kill(old),
        false => sentinels.fail_over(),
    }
    let named = naming.wait().0;
    // The old one, if it lives, takes writes for some seconds more.
    thread::sleep(Duration::from_millis(1_500));
    if kill {
        sentinels.restart(old);
    }
    sentinels.until_whole();
    Failover { killed: kill, begun, named }
}

/// What was seen of the servers while they were written to.
struct Seen {
    /// How often a Sentinel was the first to name another server than before.
    namings: usize,
    /// The longest time for which who looked did not come to look.
    stall: Duration,
    /// The keys that a replaced primary had and its successor had not, each with the moment at which that was first named.
    left: HashMap<String, Instant>,
}

/// Look which server the Sentinels name, and what each that they name no more has to itself. They may choose another one without
/// having been asked to.
fn watch(sentinels: &[PathBuf], servers: &[(String, PathBuf)], over: &AtomicBool) -> Seen {
    let mut wires: Vec<Wire> = sentinels.iter().map(|path| Wire::unix(path)).collect();
    let (mut named, mut changes) = (vec![String::new(); sentinels.len()], Vec::new());
    let mut looks: Vec<(Instant, JoinHandle<Vec<String>>)> = Vec::new();
    let (mut stall, mut last) = (Duration::ZERO, Instant::now());
    while !over.load(Ordering::Relaxed) {
        for (wire, named) in wires.iter_mut().zip(&mut named) {
            let now = wire.ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE]);
            let change = (std::mem::replace(named, now.clone()), now);
            // The others say it some time after the first.
            if change.0 != change.1 && !change.0.is_empty() {
                let is_said =
                    |(other, at): &((String, String), Instant)| *other == change && at.elapsed() < SAID_BY_ALL_MAX;
                if !changes.iter().any(is_said) {
                    let path = |named: &str| {
                        let port = named.lines().nth(1).expect("an address has a port");
                        servers.iter().find(|(own, _)| own == port).expect("it is one of the servers").1.clone()
                    };
                    let (old, new) = (path(&change.0), path(&change.1));
                    looks.push((Instant::now(), thread::spawn(move || left_by(&old, &new))));
                }
                changes.push((change, Instant::now()));
            }
        }
        thread::sleep(Duration::from_millis(5));
        stall = stall.max(last.elapsed());
        last = Instant::now();
    }
    let namings = looks.len();
    let left = looks.into_iter().flat_map(|(named, look)| {
        look.join().expect("no panic").into_iter().map(move |key| (key, named)).collect::<Vec<_>>()
    });
    Seen { namings, stall, left: left.collect() }
}

/// The keys that a replaced primary has and its successor has not. One that died says nothing, and one that becomes a replica
/// closes its connections meanwhile.
fn left_by(old: &Path, new: &Path) -> Vec<String> {
    let named = Instant::now();
    let mut left = Vec::new();
    for look in LOOKS {
        thread::sleep(look.saturating_sub(named.elapsed()));
        for _ in 0..TRIES {
            match of_the_first_alone(old, new) {
                Ok(keys) => {
                    left.extend(keys);
                    break;
                }
                Err(_) => thread::sleep(Duration::from_millis(20)),
            }
        }
    }
    left
}

/// The keys that one server has, and another has not.
fn of_the_first_alone(first: &Path, other: &Path) -> io::Result<Vec<String>> {
    let (mut first, mut other) = (Wire::try_unix(first)?, Wire::try_unix(other)?);
    // A server that loads, or has lost its primary, says no.
    let ask = |wire: &mut Wire, args: &[&str]| {
        wire.try_ask(args).and_then(|said| if said.starts_with('-') { Err(io::Error::other(said)) } else { Ok(said) })
    };
    let (mut cursor, mut alone) = ("0".to_owned(), Vec::new());
    loop {
        let page = ask(&mut first, &["SCAN", &cursor, "COUNT", "1000"])?;
        let (next, keys) = page.split_once('\n').unwrap_or((&page, ""));
        let keys: Vec<&str> = keys.lines().collect();
        if !keys.is_empty() {
            let values = ask(&mut other, &[&["MGET"], &keys[..]].concat())?;
            let missing = keys.iter().zip(values.lines()).filter(|(_, value)| *value == "(nil)");
            alone.extend(missing.map(|(key, _)| (*key).to_owned()));
        }
        if next == "0" {
            return Ok(alone);
        }
        cursor = next.to_owned();
    }
}
