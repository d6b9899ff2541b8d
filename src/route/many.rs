//! Many servers that are one to a client: which map of them is the present one, and who reads it anew.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, Guard};

use crate::conn::{Dial, Lookout};
use crate::error::{Error, Status};
use crate::options::{AddressMap, Endpoint, Topology};
use crate::pool::Pool;
use crate::process::PerProcess;
use crate::stats::Stat;
use crate::sync::Mutex;

use super::map::{Map, Server};
use super::retry::random;
use super::sentinel::watchers::Watchers;
use super::stages::ScanStages;

/// Many servers, with the present map of them.
pub(super) struct Many {
    /// How connections to any of them are opened.
    pub(super) dial: Dial,
    /// Where the first map is read, and any that no known server tells.
    pub(super) seeds: Vec<Endpoint>,
    addresses: AddressMap,
    /// No lock, so none that a child of fork could find locked.
    map: ArcSwap<Map>,
    reading: PerProcess<MapReading>,
    /// How old a map may become.
    age: Option<Duration>,
    /// Which primary gets what may go to any: another for each client.
    any: u64,
    /// Who names the primary. None: the servers are a cluster.
    pub(super) watchers: Option<Watchers>,
    /// The walks that cursors of SCAN may name.
    pub(super) stages: ScanStages,
    pub(super) figures: Happened,
    /// A server that is well was of an older epoch than the map.
    pub(super) was_behind: AtomicBool,
    made: Instant,
    /// For whom it leaves to tell it something.
    pub(super) me: Weak<Many>,
    /// Makes who looks out for calls that wait for a server of a cluster.
    looks_out: LooksOut,
}

/// Makes who looks out for calls that wait for a server of these.
pub(super) type LooksOut = fn(Weak<Many>) -> Arc<dyn Lookout>;

/// Whether somebody reads a map, and when that began last.
#[derive(Default)]
struct MapReading {
    is_read: AtomicBool,
    /// In milliseconds since `Many` was made; 0 is never.
    begun_ms: AtomicU64,
    /// How long after that a slot that moves is no reason to read another one. Clients of one cluster do not come all at once.
    moved_gap_ms: AtomicU64,
    /// Why the last one that was read is none.
    failed: Mutex<Option<Error>>,
}

/// What happened so far.
#[derive(Default)]
pub(super) struct Happened {
    pub(super) moved: AtomicI64,
    pub(super) asked: AtomicI64,
    pub(super) refreshes: AtomicI64,
    pub(super) failovers: AtomicI64,
    pub(super) scouts: AtomicI64,
}

/// Why a map is read anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// A slot has moved.
    Moved,
    /// A primary cannot be used, or a slot has none.
    Sick,
    /// The map is old.
    Old,
    /// Sentinels say that it is wrong.
    Doubt,
}

impl Many {
    /// The servers that the seeds know of. Nothing is connected yet.
    pub(super) fn new(dial: Dial, looks_out: LooksOut) -> Arc<Many> {
        let options = dial.options();
        let (seeds, addresses) = (options.seeds(), options.address_map());
        let watchers = (options.topology() == Topology::Sentinel).then(|| Watchers::new(&dial, &seeds));
        let age = u64::try_from(options.topology_age_ms()).ok().map(Duration::from_millis);
        Arc::new_cyclic(|me| Many {
            dial,
            seeds,
            addresses,
            map: ArcSwap::from_pointee(Map::none()),
            reading: PerProcess::new(),
            age,
            any: random(),
            watchers,
            stages: ScanStages::default(),
            figures: Happened::default(),
            was_behind: AtomicBool::new(false),
            made: Instant::now(),
            me: Weak::clone(me),
            looks_out,
        })
    }

    /// The present map.
    #[inline]
    pub(super) fn map(&self) -> Guard<Arc<Map>> {
        self.map.load()
    }

    /// A server that no map has, with pools of its own.
    pub(super) fn server(&self, endpoint: &Endpoint, zone: Option<Vec<u8>>) -> Arc<Server> {
        let dial = match self.is_cluster() {
            true => self.dial.to_one_of_many(endpoint.clone(), (self.looks_out)(Weak::clone(&self.me))),
            false => self.dial.to(endpoint.clone()),
        };
        self.server_on(endpoint, Pool::new(dial), zone)
    }

    /// The same with this pool.
    pub(super) fn server_on(&self, endpoint: &Endpoint, pool: Pool, zone: Option<Vec<u8>>) -> Arc<Server> {
        let reads = match self.is_cluster() {
            true => self.dial.to_replica(endpoint.clone()),
            false => self.dial.to(endpoint.clone()),
        };
        Arc::new(Server {
            endpoint: endpoint.clone(),
            pool,
            reads: Pool::new(reads),
            rests_until_ms: AtomicU64::new(0),
            answers_in_us: AtomicU64::new(0),
            missed_until_ms: AtomicU64::new(0),
            asked_about_ms: AtomicU64::new(0),
            demoted_ms: AtomicU64::new(0),
            zone,
        })
    }

    /// The server at this endpoint, whether the map has it or not.
    pub(super) fn server_at(&self, endpoint: &Endpoint) -> Arc<Server> {
        self.map().server_at(endpoint).cloned().unwrap_or_else(|| self.server(endpoint, None))
    }

    /// Milliseconds since these servers were first heard of.
    pub(super) fn clock_ms(&self) -> u64 {
        self.made.elapsed().as_millis() as u64 + 1
    }

    /// The endpoint to dial for one that is announced.
    pub(super) fn reachable(&self, announced: Endpoint) -> Endpoint {
        self.addresses.apply(announced)
    }

    /// Make another map the present one: what `next` makes of the present one. None: it stays. Servers that it leaves out are
    /// let go.
    pub(super) fn change(&self, next: impl Fn(&Map) -> Option<Map>) -> bool {
        loop {
            let present = self.map.load();
            let Some(next) = next(&present) else { return false };
            let before = self.map.compare_and_swap(&*present, Arc::new(next));
            if !Arc::ptr_eq(&before, &present) {
                continue;
            }
            let after = self.map.load();
            for old in present.shards().iter().map(|shard| &shard.primary) {
                if !after.shards().iter().any(|shard| shard.primary.endpoint == old.endpoint) {
                    old.demoted_ms.store(self.clock_ms(), Ordering::Relaxed);
                }
            }
            for gate in present.shards().iter().map(|shard| &shard.gate) {
                if !after.shards().iter().any(|shard| Arc::ptr_eq(&shard.gate, gate)) {
                    gate.abandon();
                }
            }
            for server in present.servers() {
                if after.server_at(&server.endpoint).is_none() {
                    server.drop_idle();
                }
            }
            return true;
        }
    }

    /// The right to read a map anew for this reason: to one caller at a time, and not too often.
    pub(super) fn begin_reading(&self, why: Why) -> Option<MapTurn<'_>> {
        let reading = self.reading.get(|_| MapReading::default());
        let now = self.clock_ms();
        let begun = reading.begun_ms.load(Ordering::Relaxed);
        let gap = match why {
            Why::Moved => reading.moved_gap_ms.load(Ordering::Relaxed),
            Why::Sick => SICK_GAP_MS,
            Why::Old | Why::Doubt => 0,
        };
        if begun != 0 && now.saturating_sub(begun) < gap {
            return None;
        }
        let begins = reading.is_read.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok();
        begins.then(|| {
            reading.begun_ms.store(now, Ordering::Relaxed);
            reading.moved_gap_ms.store(MOVED_GAP_MS + random() % (MOVED_GAP_MS * 2 / 5), Ordering::Relaxed);
            MapTurn(reading)
        })
    }

    /// Why the map that was read last is none. None: it is one, or none was read.
    pub(super) fn why_unread(&self) -> Option<Error> {
        self.reading.made_here()?.failed.lock().clone()
    }

    /// Whether a call is to look after the map when it has its reply: slots have moved since it was read, or it is old.
    #[inline]
    pub(super) fn is_due(map: &Map, now: Instant) -> bool {
        map.is_patched() || map.old_at.is_some_and(|old_at| now >= old_at)
    }

    /// When a map is old that was read now. Clients of one cluster do not read it all at once.
    pub(super) fn old_at(&self) -> Option<Instant> {
        let age = self.age?;
        let fifth = (age.as_millis() as u64 / 5).max(1);
        Instant::now().checked_add(age * 4 / 5 + Duration::from_millis(random() % (2 * fifth)))
    }

    /// The place of the primary that gets what may go to any.
    pub(super) fn any(&self) -> usize {
        self.any as usize
    }

    /// Whether the servers are a cluster.
    pub(super) fn is_cluster(&self) -> bool {
        self.watchers.is_none()
    }

    /// The value of a statistic. None: it is summed over the servers' pools.
    pub(super) fn stat(&self, stat: Stat) -> Option<i64> {
        let map = self.map();
        let figure = match stat {
            Stat::Servers => return Some(map.servers().count() as i64),
            Stat::ShardsDown => return Some(map.shards().iter().filter(|shard| shard.gate.is_shut()).count() as i64),
            Stat::Moved => &self.figures.moved,
            Stat::Asked => &self.figures.asked,
            Stat::Refreshes => &self.figures.refreshes,
            Stat::Failovers => &self.figures.failovers,
            Stat::Scouts => &self.figures.scouts,
            _ => return None,
        };
        Some(figure.load(Ordering::Relaxed))
    }
}

/// One more of them.
pub(super) fn count(figure: &AtomicI64) {
    figure.fetch_add(1, Ordering::Relaxed);
}

/// The right to read a map anew.
pub(super) struct MapTurn<'m>(&'m MapReading);

impl MapTurn<'_> {
    /// Why there is none; None: there is.
    pub(super) fn failed(&self, why: Option<&Error>) {
        // What this process lacks is no word about the servers: the next caller may ask them at once.
        if why.is_some_and(|error| error.status == Status::Memory) {
            self.0.begun_ms.store(0, Ordering::Relaxed);
        }
        *self.0.failed.lock() = why.cloned();
    }
}

impl Drop for MapTurn<'_> {
    fn drop(&mut self) {
        self.0.is_read.store(false, Ordering::Release);
    }
}

/// Between two readings because slots have moved, at the least.
const MOVED_GAP_MS: u64 = 1000;
/// Between two readings because a primary cannot be used.
const SICK_GAP_MS: u64 = 200;
