//! Children made in the middle of a failover, of a cluster and behind Sentinels: parent and child both go on, each with
//! connections and a view of the servers of its own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rredis::error;

use crate::support::c::{CErr, Client, Options, Outcome, option, stat};
use crate::support::child::{Child, fork};
use crate::support::cluster::{Cluster, first_slot};
use crate::support::counting::{Count, is_of_the_dead};
use crate::support::ledger::Figures;
use crate::support::node::Node;
use crate::support::over::Over;
use crate::support::own::Own;
use crate::support::pubsub::{PubSub, until};
use crate::support::sentinels::Sentinels;
use crate::support::server::{Wire, eventually};
use crate::support::slots::{SLOTS, key};

use super::free;

/// So many threads of the parent write to each slot.
const WRITERS: usize = 3;
/// How long a command may take, whatever has become of its server.
const TIME_MS: i64 = 15_000;
/// Between two children.
const PAUSE: Duration = Duration::from_millis(60);
const CHILDREN_MAX: usize = 16;

/// A parent's handles, and what it writes to.
struct Parent<'p> {
    client: &'p Client,
    pubsub: &'p PubSub,
    own: Own,
    /// A slot whose primary fails, and those whose primaries are well.
    sick: usize,
    well: &'p [usize],
}

/// What one thread of the parent wrote, and the errors that it was told.
struct Written {
    count: Count,
    errors: Vec<CErr>,
}

fn write(client: &Client, slot: usize, who: String, over: &AtomicBool) -> Written {
    let mut written = Written { count: Count::new(slot, who), errors: Vec::new() };
    while !over.load(Ordering::Relaxed) {
        let name = written.count.next();
        let result = client.command_within(&["INCR", &name], 0, TIME_MS);
        written.count.told_last(&result);
        if let Ok(reply) = &result {
            assert_eq!(reply.integer, 1, "{name}: this is somebody else's reply");
        }
        written.errors.extend(result.err());
        thread::sleep(Duration::from_millis(2));
    }
    written
}

impl Parent<'_> {
    /// Have children until this is over, and then some more. How many there were meanwhile, and how many of them while threads of
    /// the parent looked for a primary.
    fn have_children(&mut self, is_over: impl Fn() -> bool) -> (usize, usize) {
        let (mut children, mut in_search) = (Vec::new(), 0);
        let end = Instant::now() + Duration::from_secs(30);
        while !is_over() || self.client.stat(stat::SHARDS_DOWN) > 0 {
            assert!(Instant::now() < end, "the parent finds no other primary");
            if children.len() < CHILDREN_MAX {
                in_search += usize::from(self.client.stat(stat::SHARDS_DOWN) > 0);
                children.push(self.child(children.len()));
            }
            self.own.turn_within(PAUSE);
        }
        let in_the_middle = children.len();
        (0..4).for_each(|_| children.push(self.child(children.len())));
        children.into_iter().for_each(Child::end);
        (in_the_middle, in_search)
    }

    fn child(&self, number: usize) -> Child {
        fork(|| {
            let is_fine = self.client.stat(stat::SHARDS_DOWN) == 0;
            match number % 4 {
                0 => is_fine && self.counts_well(number) && self.counts_sick(number),
                1 => is_fine && self.counts_by_threads(number),
                // It only frees what its parent's threads use in the parent.
                2 => self.is_freed(),
                _ => {
                    // A child of a child is one more.
                    let grandchild = fork(|| self.counts_well(number + 1000) && self.counts_sick(number + 1000));
                    let counts = self.counts_sick(number) && self.counts_well(number);
                    grandchild.end();
                    is_fine && counts && self.is_freed()
                }
            }
        })
    }

    fn counts_well(&self, number: usize) -> bool {
        self.well.iter().all(|slot| self.counts(*slot, number, 0))
    }

    /// Once for each connection that it may have, so that none is the parent's.
    fn counts_sick(&self, number: usize) -> bool {
        (0..3).all(|time| self.counts(self.sick, number, time))
    }

    fn counts(&self, slot: usize, number: usize, time: usize) -> bool {
        let name = key(slot, format!("child:{}:{number}:{time}", self.sick));
        self.client.command_within(&["INCR", &name], 0, TIME_MS).is_ok_and(|reply| reply.integer == 1)
    }

    fn counts_by_threads(&self, number: usize) -> bool {
        let (client, sick, well) = (self.client, self.sick, self.well);
        let count = move |slot: usize, who: usize| {
            let name = key(slot, format!("child:{sick}:{number}:of:{who}"));
            client.command_within(&["INCR", &name], 0, TIME_MS).is_ok_and(|reply| reply.integer == 1)
        };
        thread::scope(|scope| {
            let slots = [sick].repeat(4).into_iter().chain(well.iter().copied());
            let threads: Vec<_> = slots.enumerate().map(|(who, slot)| scope.spawn(move || count(slot, who))).collect();
            threads.into_iter().all(|thread| thread.join().unwrap_or(false))
        })
    }

    fn is_freed(&self) -> bool {
        free(self.client);
        free(self.pubsub);
        free(&self.own);
        true
    }
}

/// Servers of which one primary fails.
trait Failing {
    /// The primary of this slot fails.
    fn fails(&mut self, slot: usize);
    /// Whether another is the primary of this slot.
    fn is_over(&self, slot: usize) -> bool;
    /// A way to the primary of this slot.
    fn wire(&self, slot: usize) -> Wire;
}

/// Have children while threads of the parent's write and read, and a primary fails; then judge what the parent was told.
fn judge_parent(servers: &mut impl Failing, client: &Client, own: Own, sick: usize, well: &[usize]) -> (usize, usize) {
    let (pubsub, over) = (client.pubsub(), AtomicBool::new(false));
    pubsub.subscribe(&["news"]);
    let mut parent = Parent { client, pubsub: &pubsub, own, sick, well };
    let own_key = key(sick, "own");
    parent.own.submit(0, &["SET", &own_key, "0"]);
    parent.own.expect(0, "#1");
    let mut died = Instant::now();
    let (written, children) = thread::scope(|scope| {
        let _over_at_the_end = Over(&over);
        let (over, pubsub) = (&over, &pubsub);
        let slots = [sick].into_iter().chain(well.iter().copied()).flat_map(|slot| [slot; WRITERS]);
        let writer = |(who, slot)| scope.spawn(move || write(client, slot, format!("{sick}:{who}"), over));
        let writers: Vec<_> = slots.enumerate().map(writer).collect();
        // Somebody reads all the time: what a child inherits may be in use.
        scope.spawn(move || {
            while !over.load(Ordering::Relaxed) {
                let _ = pubsub.next(20);
            }
        });
        thread::sleep(Duration::from_millis(300));
        servers.fails(sick);
        died = Instant::now();
        // Something of the parent's loop is under way all the time.
        parent.own.submit(1, &["INCR", &own_key]);
        let children = parent.have_children(|| servers.is_over(sick));
        thread::sleep(Duration::from_millis(200));
        over.store(true, Ordering::Relaxed);
        (writers.into_iter().map(|writer| writer.join().expect("the parent goes on")).collect::<Vec<_>>(), children)
    });
    let mut figures = Figures::default();
    for Written { count, errors } in &written {
        figures += count.judge(&mut servers.wire(count.slot()), |told| is_of_the_dead(told, died));
        // What was in flight when the primary died; to the others nothing has happened.
        let most = usize::from(count.slot() == sick);
        let is_unknown = errors.iter().all(|err| err.outcome == Outcome::UNKNOWN);
        assert!(is_unknown && errors.len() <= most, "slot {}: {errors:?}", count.slot());
    }
    println!("{children:?} children in the middle of it, and while somebody looked for a primary\n{figures}");
    figures.check();
    // What the parent listens to and waits for is as it was.
    let (_, told) = parent.own.completion();
    match told {
        Ok(reply) => assert_eq!(reply, ":1", "it waited for the next primary"),
        // It was in flight.
        Err(error) => assert_eq!(error.outcome, error::Outcome::Unknown, "{error:?}"),
    }
    until("it is heard", || {
        client.command(&["PUBLISH", "news", "x"]).expect("it is published");
        pubsub.next(50).is_ok_and(|message| message.dump().contains("\"x\""))
    });
    eventually("nobody uses a connection any more", || client.stat(stat::CONNECTIONS_IN_USE) == 0);
    assert_eq!((client.stat(stat::WAITING), client.stat(stat::SHARDS_DOWN)), (0, 0));
    children
}

fn with_time(options: Options) -> Options {
    // Fewer connections than threads: some wait for one while the others fork.
    options.int(option::COMMAND_TIMEOUT_MS, TIME_MS).int(option::POOL_MAX, 2)
}

/// A cluster, of which a primary is killed, or stopped.
struct OfCluster {
    cluster: Cluster,
    is_killed: bool,
    old: usize,
}

impl Failing for OfCluster {
    fn fails(&mut self, slot: usize) {
        self.old = self.cluster.primary(slot);
        match self.is_killed {
            true => self.cluster.kill(self.old),
            false => self.cluster.freeze(self.old, true),
        }
    }

    fn is_over(&self, slot: usize) -> bool {
        self.cluster.owner(slot).is_some_and(|owner| owner != self.old)
    }

    fn wire(&self, slot: usize) -> Wire {
        self.cluster.node(self.cluster.primary(slot)).wire()
    }
}

#[test]
fn parent_and_children_find_the_next_primary_of_a_shard() {
    let cluster = Cluster::start(&["cluster-require-full-coverage no"]);
    let mut servers = OfCluster { cluster, is_killed: true, old: 0 };
    let slots = [0, 1, 2].map(|shard| first_slot(shard) + 1);
    let client = with_time(Options::of_cluster(&servers.cluster.seeds())).client();
    let own = |time_ms: i64| Own::at(&format!("{}?command_timeout={time_ms}ms", servers.cluster.url()));
    let (own, own_in_short) = (own(TIME_MS), own(TIME_MS / 5));
    let (_, in_search) = judge_parent(&mut servers, &client, own, slots[0], &slots[1..]);
    assert!(in_search >= 2, "{in_search} children were made while somebody looked for a primary");
    servers.cluster.restart(servers.old);
    servers.cluster.until_whole();
    servers.is_killed = false;
    let (in_the_middle, _) = judge_parent(&mut servers, &client, own_in_short, slots[2], &slots[..2]);
    assert!(in_the_middle >= 2, "{in_the_middle} children were made while there was no primary");
}

/// The primary behind Sentinels is killed.
struct OfSentinels {
    sentinels: Sentinels,
    old: usize,
}

impl Failing for OfSentinels {
    fn fails(&mut self, _: usize) {
        self.old = self.sentinels.primary();
        self.sentinels.kill(self.old);
    }

    fn is_over(&self, _: usize) -> bool {
        self.sentinels.primary() != self.old
    }

    fn wire(&self, _: usize) -> Wire {
        self.sentinels.server(self.sentinels.primary()).wire()
    }
}

#[test]
fn parent_and_children_find_the_primary_that_sentinels_name() {
    let mut servers = OfSentinels { sentinels: Sentinels::start(&[]), old: 0 };
    let client = with_time(Options::at(&servers.sentinels.url())).client();
    let own = Own::at(&format!("{}?command_timeout={TIME_MS}ms", servers.sentinels.url()));
    let (_, in_search) = judge_parent(&mut servers, &client, own, 1, &[]);
    assert!(in_search >= 2, "{in_search} children were made while somebody looked for a primary");
    // The parent hears of the next failover too.
    servers.sentinels.restart(servers.old);
    servers.sentinels.until_whole();
    let naming = servers.sentinels.naming(servers.sentinels.primary());
    servers.sentinels.fail_over();
    naming.wait();
    let named = servers.sentinels.named().to_string();
    until("it is the one that is named", || {
        client.command(&["CONFIG", "GET", "port"]).is_ok_and(|reply| reply.dump().contains(&named))
    });
}

/// Nodes that count what they are sent. A thread of the parent's looks for a primary, and its connections rest.
#[test]
fn what_a_child_inherits_of_many_servers_it_closes_without_a_byte() {
    let nodes: [Node; 3] = Node::several();
    let client = Options::of_cluster(&nodes[0].endpoint()).int(option::HEALTH_CHECK_MS, -1).client();
    let slots = [0, SLOTS / 2, SLOTS - 1];
    let get = |slot: usize, timeout_ms: i64| client.command_within(&["GET", &key(slot, "k")], 0, timeout_ms);
    slots.iter().for_each(|slot| drop(get(*slot, TIME_MS).expect("all are well")));
    nodes[2].dies();
    thread::scope(|scope| {
        let waits = scope.spawn(|| get(slots[2], TIME_MS));
        eventually("it looks for a primary", || client.stat(stat::SHARDS_DOWN) == 1);
        let commands = || nodes[..2].iter().map(|node| node.commands(0)).collect::<Vec<_>>();
        let rests = || (0..2).all(|node| nodes[node].open() > 0);
        assert!(rests());
        for is_used in [true, false] {
            let before = commands();
            let connections = || nodes[..2].iter().map(Node::connections).collect::<Vec<_>>();
            let connected = connections();
            let child = fork(|| {
                let is_fine = !is_used || slots[..2].iter().all(|slot| get(*slot, TIME_MS).is_ok());
                free(&client);
                is_fine
            });
            child.end();
            if is_used {
                let more: Vec<usize> = connections().iter().zip(&connected).map(|(now, then)| now - then).collect();
                assert!(more.iter().all(|more| *more >= 1), "it has connections of its own: {more:?}");
            }
            // The first connection to each is the parent's, which asks for maps there now and then.
            for (now, then) in commands().iter().zip(&before) {
                let by_child = now[then.len()..].iter().find(|command| command[0] != b"CLUSTER");
                assert!(by_child.is_none(), "a child wrote to a connection of its parent's: {by_child:?}");
            }
            for slot in &slots[..2] {
                assert_eq!(get(*slot, TIME_MS).expect("it is well").dump(), format!("\"v:{}\"", key(*slot, "k")));
            }
        }
        assert_eq!(client.stat(stat::SHARDS_DOWN), 1, "no child opened the parent's gate");
        nodes[2].lives();
        assert!(waits.join().expect("no panic").is_ok());
    });
}
