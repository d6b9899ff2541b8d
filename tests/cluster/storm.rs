//! Many threads want a shard of which the primary is gone: one of them looks for the next, and the rest wait. So neither the dead
//! one, nor those that are asked about it, have more of it than of one caller; and commands to other shards are as fast as while
//! nobody wants the sick one.
//!
//! RREDIS_TEST_THREADS and RREDIS_TEST_SECONDS say how many and for how long, and RREDIS_TEST_PERCENT how fast healthy shards are at
//! the least; `make storm` asks for more.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::healthy::{Calls, Clock, Figures, Parking, Processor, Time};
use crate::support::c::{CErr, Client, Options, Outcome, call, option, stat};
use crate::support::cluster::{Cluster, NODES, first_slot};
use crate::support::node::{Answer, HERE, Node, Range, slots};
use crate::support::over::Over;
use crate::support::slots::{SLOTS, key};

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

fn threads() -> usize {
    number("RREDIS_TEST_THREADS", 64) as usize
}

fn time() -> Duration {
    Duration::from_secs(number("RREDIS_TEST_SECONDS", 2))
}

/// How often a matter comes and goes, and how long it is looked at each time.
fn cycles() -> (u32, Duration) {
    let cycles = if time() < Duration::from_secs(8) { 2 } else { 4 };
    (cycles, time() / cycles)
}

/// What callers of healthy shards leave between their commands: others run beside the short form.
fn pause() -> Duration {
    if time() < Duration::from_secs(8) { Duration::from_millis(1) } else { Duration::ZERO }
}

/// How long callers have been at it before anything is counted.
const MOMENT: Duration = Duration::from_millis(300);

/// A storm, and what its callers were told.
struct Storm<'c> {
    client: &'c Client,
    /// A slot of the shard that is sick now and then.
    sick: usize,
    /// How long the callers of that shard wait.
    timeout_ms: i64,
    clock: Clock,
    parking: Parking,
    processor: Processor,
    /// How many nanoseconds of a processor they have had in storms.
    had: AtomicU64,
    /// How often they were served.
    served: AtomicUsize,
}

/// What the callers of the sick shard were told, and the calls of the others: of the same client, and of one that nobody uses for
/// the sick shard.
struct Told {
    sick: Vec<CErr>,
    others: Calls,
    control: Calls,
}

impl<'c> Storm<'c> {
    fn new(client: &'c Client, sick: usize, timeout_ms: i64) -> Storm<'c> {
        Storm {
            client,
            sick,
            timeout_ms,
            clock: Clock::default(),
            parking: Parking::default(),
            processor: Processor::default(),
            had: AtomicU64::new(0),
            served: AtomicUsize::new(0),
        }
    }

    /// Ask for keys of the sick shard by many threads, and of others by a few, until this returns. The many are parked at first.
    fn rage(&self, others: &[usize], control: &'c Client, act: impl FnOnce()) -> Told {
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let _over_at_the_end = Over(&over);
            let over = &over;
            let callers: Vec<_> = (0..threads()).map(|who| scope.spawn(move || self.call_sick(who, over))).collect();
            let call = |client: &'c Client, slot: usize| {
                scope.spawn(move || Calls::make(&self.clock, over, pause(), || set(client, slot)))
            };
            let all: Vec<_> = others.iter().map(|slot| call(self.client, *slot)).collect();
            let control: Vec<_> = others.iter().map(|slot| call(control, *slot)).collect();
            act();
            over.store(true, Ordering::SeqCst);
            let sick = callers.into_iter().flat_map(|caller| caller.join().expect("no panic")).collect();
            let [others, control] = [all, control]
                .map(|calls| Calls::together(calls.into_iter().map(|calls| calls.join().expect("no panic"))));
            Told { sick, others, control }
        })
    }

    fn call_sick(&self, who: usize, over: &AtomicBool) -> Vec<CErr> {
        self.processor.count_me();
        let (name, mut errors) = (key(self.sick, who), Vec::new());
        while !over.load(Ordering::Relaxed) {
            self.parking.pass(over);
            match self.client.command_within(&["SET", &name, "v"], 0, self.timeout_ms) {
                Ok(_) => {
                    self.served.fetch_add(1, Ordering::Relaxed);
                    thread::sleep(Duration::from_millis(2));
                }
                Err(err) => errors.push(err),
            }
        }
        errors
    }

    /// Measure while the callers of the sick shard are parked. It is well.
    fn calm(&self, length: Duration) {
        self.parking.gather(threads());
        self.clock.measure(Time::Calm, length);
    }

    /// Let them go, and measure while they are served.
    fn serve(&self) {
        self.parking.open();
        thread::sleep(MOMENT);
        self.clock.measure(Time::Served, MOMENT);
    }

    /// Measure while they wait.
    fn blow(&self, length: Duration) -> Duration {
        let before = self.processor.had();
        let took = self.clock.measure(Time::Storm, length);
        let had = self.processor.had() - before;
        self.had.fetch_add(had.as_nanos() as u64, Ordering::SeqCst);
        took
    }

    /// Wait until they are served again.
    fn until_served(&self, what: &str) {
        let (served, end) = (self.served.load(Ordering::SeqCst), Instant::now() + Duration::from_secs(30));
        while self.served.load(Ordering::SeqCst) < served + threads() {
            assert!(Instant::now() < end, "{what}: it is not served again");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn set(client: &Client, slot: usize) {
    let set = client.command_within(&["SET", &key(slot, "k"), "v"], call::NO_RETRY, 5_000);
    set.unwrap_or_else(|err| panic!("slot {slot}: {err:?}"));
}

impl Told {
    /// Of what was in flight nobody knows; all else waited, for as long as it had time.
    fn check_the_sick(&self, may_be_not_sent: bool, unknown_max: usize, what: &str) {
        let unknown = self.sick.iter().filter(|err| err.outcome == Outcome::UNKNOWN).count();
        let is_wrong = |err: &&CErr| match err.outcome {
            Outcome::UNKNOWN => false,
            outcome => outcome != Outcome::NOT_SENT || !may_be_not_sent,
        };
        let wrong: Vec<_> = self.sick.iter().filter(is_wrong).collect();
        println!("{what}: {} errors, {unknown} of them unknown", self.sick.len());
        assert!(wrong.is_empty() && unknown <= unknown_max, "{what}: {unknown} unknown, {wrong:?}");
    }

    /// Healthy shards are as fast in a storm as in a calm. Between two such times a busy machine may become faster or slower, and
    /// another client with it: what is held is what is so beside that one, too, and what those who wait have of a processor.
    fn check_the_healthy(&self, storm: &Storm<'_>, what: &str) {
        let figures = |time| [&self.others, &self.control].map(|calls| calls.figures(time));
        for time in [Time::Calm, Time::Served, Time::Storm] {
            let [own, control] = figures(time);
            println!("{what}, {time:?}: healthy shards {own}; by another client {control}");
        }
        let had = storm.had.load(Ordering::SeqCst) as f64 * 100.0 / storm.clock.spent(Time::Storm).as_nanos() as f64;
        println!("{what}: {} callers that wait had {had:.1} % of a processor", threads());
        let ([calm, calm_control], [stormy, storm_control]) = (figures(Time::Calm), figures(Time::Storm));
        // How much of its speed is left, in percent.
        let rate = |before: f64, after: f64| after * 100.0 / before;
        let time = |before: Duration, after: Duration| rate(after.as_secs_f64(), before.as_secs_f64());
        let left = |[before, after]: [Figures; 2]| {
            let (median, p99) = (time(before.median, after.median), time(before.p99, after.p99));
            [rate(before.per_second, after.per_second), median, p99]
        };
        let (own, control) = (left([calm, stormy]), left([calm_control, storm_control]));
        // A few commands that were late weigh more among few.
        let (least, loose) = (number("RREDIS_TEST_PERCENT", 50) as f64, if pause().is_zero() { 1.0 } else { 2.0 });
        let least = [least / loose, least, least / 2.0 / loose];
        for (at, of) in ["commands", "median", "p99"].into_iter().enumerate() {
            // What makes the library slower does so by itself, and beside a client that it does not concern.
            let (percent, beside, least) = (own[at], own[at] * 100.0 / control[at], least[at]);
            println!("{what}, {of}: {percent:.0} %, beside another client's {beside:.0} % (at least {least:.0})");
            assert!(percent.max(beside) >= least, "{what}, {of}: {percent:.0} %, and {beside:.0} %");
        }
        assert!(
            had < 10.0 + threads() as f64 / 16.0,
            "{what}: {} callers that wait had {had} % of a processor",
            threads()
        );
    }
}

/// What can be the matter with a primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Matter {
    /// It closes each connection.
    Dead,
    /// It takes connections, and says nothing.
    Silent,
    /// It says that it is not ready.
    Loading,
    /// Nobody listens on its port.
    Gone,
}

/// Three nodes, of which the first is sick now and then, with a replica that does not take over.
#[test]
fn a_sick_primary_has_as_much_of_it_as_of_one_caller() {
    for matter in [Matter::Dead, Matter::Silent, Matter::Loading, Matter::Gone] {
        let nodes: [Node; 4] = [(); 4].map(|()| Node::new());
        let [mut sick, two, three, replica] = nodes.map(Some);
        let at = |node: &Option<Node>| (HERE, i64::from(node.as_ref().expect("it is there").port()));
        let first = [at(&sick), at(&replica)];
        let (second, third) = ([at(&two)], [at(&three)]);
        let view = slots(&[
            Range { from: 0, to: 5_000, nodes: &first },
            Range { from: 5_001, to: 10_000, nodes: &second },
            Range { from: 10_001, to: SLOTS as i64 - 1, nodes: &third },
        ]);
        let all = || [&sick, &two, &three, &replica].into_iter().flatten();
        all().for_each(|node| node.says_slots(view.clone()));
        replica.as_ref().expect("it is there").is("cluster", "slave");
        let seeds = all().map(Node::endpoint).collect::<Vec<_>>().join(",");
        let options = || Options::of_cluster(&seeds).int(option::POOL_MAX, 16).int(option::COMMAND_TIMEOUT_MS, 10_000);
        let (client, control) = (options().client(), options().client());
        let others = [&two, &three, &replica];
        let refreshes =
            |sick: &Option<Node>| others.into_iter().chain([sick]).flatten().map(Node::refreshes).sum::<usize>();
        let tried = |sick: &Option<Node>| sick.as_ref().map_or(0, |node| node.connections() + node.times("SET"));
        let (cycles, length) = if matter == Matter::Gone { (1, time()) } else { cycles() };
        let (mut maps, mut tries, mut took) = (0, 0, Duration::ZERO);
        let storm = Storm::new(&client, 100, if matter == Matter::Silent { 1_000 } else { 30_000 });
        let told = storm.rage(&[6_000, 12_000], &control, || {
            for _ in 0..cycles {
                storm.calm(length / 2);
                storm.serve();
                let node = sick.as_ref().expect("it is there");
                match matter {
                    Matter::Dead | Matter::Gone => node.dies(),
                    Matter::Silent => node.falls_silent(),
                    Matter::Loading => {
                        node.answers(|_| Answer::Error("LOADING Redis is loading the dataset in memory".into()))
                    }
                }
                if matter == Matter::Gone {
                    sick = None;
                }
                // Those who are in flight find out, each by itself: what is not answered has its own time.
                thread::sleep(MOMENT + Duration::from_millis(if matter == Matter::Silent { 1_000 } else { 0 }));
                let (maps_before, tried_before) = (refreshes(&sick), tried(&sick));
                took += storm.blow(length);
                (maps, tries) = (maps + refreshes(&sick) - maps_before, tries + tried(&sick) - tried_before);
                // It comes back, or the replica takes over.
                match &sick {
                    Some(node) => {
                        node.answers(|_| Answer::Honest);
                        node.lives();
                    }
                    None => replica.as_ref().expect("it is there").is("cluster", "master"),
                }
                storm.until_served(&format!("{matter:?}"));
                others.into_iter().chain([&sick]).flatten().for_each(Node::forgets);
            }
            storm.calm(length / 2);
        });
        let what = format!("{matter:?}");
        println!("{what}: {} threads, {maps} maps and {tries} tries in {took:?}", threads());
        told.check_the_sick(matter == Matter::Silent, cycles as usize * (16 + threads()), &what);
        told.check_the_healthy(&storm, &what);
        let (tenths, cycles) = (took.as_millis() as usize / 100, cycles as usize);
        assert!(maps <= 2 * cycles + tenths * 5 / 10, "{what}: {maps} maps in {took:?}");
        // On a busy machine some come late with what they had begun before.
        let late = if pause().is_zero() { 0 } else { threads() };
        assert!(tries <= (8 + late) * cycles + tenths * 4, "{what}: {tries} tries in {took:?}");
        assert!(client.stat(stat::SCOUTS) >= 1);
    }
}

/// A real one, which no replica takes the place of: it stops, dies, and comes back with much to load.
#[test]
fn a_real_primary_is_sick_in_a_storm() {
    let (_, length) = cycles();
    // Each of the keys is as long in coming as this says, so that loading is longer than it is looked at.
    const KEYS: u32 = 1000;
    let delay = format!("key-load-delay {}", (length + Duration::from_secs(2)).as_micros() as u32 / KEYS);
    let mut cluster = Cluster::start(&[
        "cluster-require-full-coverage no",
        "cluster-replica-no-failover yes",
        "rdbcompression no",
        "loading-process-events-interval-bytes 1024",
        &delay,
    ]);
    for matter in [Matter::Silent, Matter::Dead, Matter::Loading] {
        let options =
            || Options::of_cluster(&cluster.seeds()).int(option::POOL_MAX, 16).int(option::COMMAND_TIMEOUT_MS, 10_000);
        let (client, control) = (options().client(), options().client());
        let what = format!("a real one, {matter:?}");
        let storm = Storm::new(&client, 1, if matter == Matter::Silent { 1_000 } else { 30_000 });
        let told = storm.rage(&[first_slot(1), first_slot(2)], &control, || {
            storm.calm(length / 2);
            storm.serve();
            match matter {
                Matter::Silent => cluster.freeze(0, true),
                Matter::Dead | Matter::Gone => cluster.kill(0),
                Matter::Loading => {
                    let mut wire = cluster.node(0).wire();
                    (0..KEYS).for_each(|number| {
                        wire.ask(&["SET", &key(1, format!("loaded-{number}")), &"x".repeat(2000)]);
                    });
                    assert_eq!(wire.ask(&["SAVE"]), "OK");
                    cluster.restart(0);
                }
            }
            thread::sleep(MOMENT + Duration::from_millis(if matter == Matter::Silent { 1_000 } else { 0 }));
            storm.blow(length);
            match matter {
                Matter::Silent => cluster.freeze(0, false),
                Matter::Dead | Matter::Gone => cluster.restart(0),
                Matter::Loading => assert!(cluster.ask(0, &["PING"]).starts_with("-LOADING"), "it loads no more"),
            }
            storm.until_served(&what);
            storm.calm(length / 2);
        });
        told.check_the_sick(matter == Matter::Silent, 16 + threads(), &what);
        told.check_the_healthy(&storm, &what);
    }
}

/// Who has a reply and looks after the map does not ask the one that is known to say nothing.
#[test]
fn commands_to_healthy_shards_do_not_wait_for_a_map_of_a_sick_primary() {
    let [sick, two, three] = Node::several::<3>();
    // The map is old all the time.
    let options = Options::of_cluster(&two.endpoint()).int(option::TOPOLOGY_AGE_MS, 5);
    let client = options.client();
    (0..3).for_each(|shard| set(&client, first_slot(shard)));
    sick.falls_silent();
    let err = client.command_within(&["SET", &key(0, "k"), "v"], 0, 100).expect_err("it says nothing");
    assert_eq!(err.outcome, Outcome::UNKNOWN);
    let heard = || (sick.connections(), (0..sick.connections()).map(|line| sick.commands(line).len()).sum::<usize>());
    let (before, read, end) =
        (heard(), || two.refreshes() + three.refreshes(), Instant::now() + Duration::from_secs(60));
    let enough = read() + 40;
    while read() < enough {
        assert!(Instant::now() < end, "nobody reads the map");
        [1, 2].into_iter().for_each(|shard| set(&client, first_slot(shard)));
    }
    assert_eq!(heard(), before, "it was asked, and nobody answered");
}

/// A real one, killed, and its replica takes over: how often the others are asked about it, and by how many connections.
#[test]
fn a_real_primary_dies_in_a_storm() {
    let mut cluster = Cluster::start(&["cluster-require-full-coverage no"]);
    let options = || Options::of_cluster(&cluster.seeds()).int(option::POOL_MAX, 16);
    let (client, control) = (options().client(), options().client());
    let asked = |cluster: &Cluster| {
        let calls = |node: usize| {
            let stats = cluster.ask(node, &["INFO", "commandstats"]);
            let line = stats.lines().find_map(|line| line.strip_prefix("cmdstat_cluster|slots:calls="));
            line.and_then(|line| line.split(',').next()?.parse::<usize>().ok()).unwrap_or_default()
        };
        (1..NODES).map(calls).sum::<usize>()
    };
    let accepted =
        |cluster: &Cluster| (1..NODES).map(|node| cluster.node(node).info("total_connections_received")).sum::<i64>();
    let (mut maps, mut connections, mut took) = (0, 0, Duration::ZERO);
    let storm = Storm::new(&client, 1, 10_000);
    let told = storm.rage(&[first_slot(1), first_slot(2)], &control, || {
        storm.calm(MOMENT);
        storm.serve();
        let (maps_before, connections_before) = (asked(&cluster), accepted(&cluster));
        let begin = Instant::now();
        cluster.kill(0);
        thread::sleep(time() + Duration::from_secs(1));
        (maps, took) = (asked(&cluster) - maps_before, begin.elapsed());
        // The question itself is a connection, and so is one before it, at each.
        connections = accepted(&cluster) - connections_before - 2 * (NODES as i64 - 1);
        cluster.until_well();
        storm.until_served("killed");
        storm.calm(MOMENT);
    });
    println!("killed: {} threads, {maps} maps, {connections} connections in {took:?}", threads());
    told.check_the_sick(false, threads(), "killed");
    assert!(maps <= 3 + took.as_millis() as usize / 200, "{maps} maps in {took:?}");
    assert!(connections <= 16 + 10 + maps as i64 * 2, "{connections} connections in {took:?}");
}
