//! Reading the map of a cluster anew: by a caller, in its own call, one at a time.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::super::many::{Many, Why, count};
use super::super::map::{Map, Server, Shard};
use super::super::retry::random;
use super::slots::{self, ClusterView, ViewServer};
use crate::commands::Shape;
use crate::conn::{Kept, Notice, Wait};
use crate::error::{Error, Outcome, Result, Status};
use crate::options::Endpoint;
use crate::reply::Reply;
use crate::transport::Deadline;

/// What a reading of the map came to.
pub(in crate::route) enum Refreshed {
    /// There is a new map.
    Taken,
    /// Another caller reads it, or it was read just now.
    NotDue,
    /// No server said anything that could be taken: what the last one said.
    Failed(Error),
}

/// Whom to ask.
#[derive(Clone, Copy)]
pub(in crate::route) struct Whom<'s> {
    /// This one before any other.
    pub(in crate::route) first: Option<&'s Arc<Server>>,
    /// Not this one, which has just failed.
    pub(in crate::route) never: Option<&'s Arc<Server>>,
    /// So many at the most.
    pub(in crate::route) most: usize,
}

impl Whom<'_> {
    /// Everybody, in any order.
    pub(in crate::route) const ALL: Whom<'static> = Whom { first: None, never: None, most: usize::MAX };
}

impl Many {
    /// Read the map anew, if it is due for this reason.
    pub(in crate::route) fn refresh(&self, why: Why, whom: Whom<'_>, deadline: Deadline, kept: &mut Kept) -> Refreshed {
        let Some(turn) = self.begin_reading(why) else { return Refreshed::NotDue };
        let refreshed = self.read_anew(whom, deadline, kept);
        turn.failed(match &refreshed {
            Refreshed::Failed(error) => Some(error),
            Refreshed::Taken | Refreshed::NotDue => None,
        });
        refreshed
    }

    fn read_anew(&self, whom: Whom<'_>, deadline: Deadline, kept: &mut Kept) -> Refreshed {
        count(&self.figures.refreshes);
        let now = Instant::now();
        self.map().servers().for_each(|server| server.sweep(now));
        self.was_behind.store(false, Ordering::Relaxed);
        if let Some(watchers) = &self.watchers {
            return self.rediscover(watchers, deadline, kept);
        }
        let present = Arc::clone(&self.map());
        let mut best: Option<(ClusterView, Arc<Server>)> = None;
        let mut is_confirmed = false;
        let mut last = None;
        for server in self.to_ask(&present, whom) {
            if deadline.has_passed() {
                break;
            }
            match self.ask_for_view(&server, deadline, kept) {
                Ok((true, view)) if view.epoch >= present.epoch && view.covered() > 0 => {
                    return self.taken(present.number, view, &server, kept);
                }
                Ok((is_well, view)) => {
                    // It is behind, or the cluster was made anew: the next caller asks all.
                    self.was_behind.store(is_well && view.epoch < present.epoch, Ordering::Relaxed);
                    is_confirmed |= view.epoch >= present.epoch;
                    let rank = |view: &ClusterView| (view.epoch, view.covered());
                    if view.covered() > 0 && best.as_ref().is_none_or(|(other, _)| rank(other) < rank(&view)) {
                        best = Some((view, Arc::clone(&server)));
                    }
                }
                Err(error) if error.status == Status::Woken => return Refreshed::Failed(error),
                // What this process lacks is told before what another server lacks.
                Err(error) if last.as_ref().is_none_or(|last: &Error| last.status != Status::Memory) => {
                    last = Some(error);
                }
                Err(_) => {}
            }
        }
        // There was none before; or the cluster was made anew, and nobody knows of its epoch any more.
        let is_lost = !is_confirmed && whom.most == usize::MAX && !deadline.has_passed();
        match best {
            Some((view, server)) if present.number == 0 || is_lost => self.taken(present.number, view, &server, kept),
            _ => Refreshed::Failed(last.unwrap_or_else(no_view)),
        }
    }

    /// The servers to ask, in turn: those of the map in any order, of which primaries that are known not to work come last, and
    /// then the seeds, whose names are looked up anew.
    pub(super) fn to_ask(&self, present: &Map, whom: Whom<'_>) -> Vec<Arc<Server>> {
        let is_no = |server: &Arc<Server>| whom.never.is_some_and(|never| never.endpoint == server.endpoint);
        let mut known: Vec<Arc<Server>> = present.servers().filter(|server| !is_no(server)).cloned().collect();
        for at in (1..known.len()).rev() {
            known.swap(at, (random() % (at as u64 + 1)) as usize);
        }
        // Callers of healthy shards read the map too, and are not to wait for such a one.
        let sick: Vec<_> = present.shards().iter().filter(|shard| shard.gate.is_shut()).collect();
        known.sort_by_key(|server| sick.iter().any(|shard| Arc::ptr_eq(&shard.primary, server)));
        if let Some(first) = whom.first {
            known.retain(|server| server.endpoint != first.endpoint);
            known.insert(0, Arc::clone(first));
        }
        let seeds = self.seeds.iter().filter(|seed| !known.iter().any(|server| server.endpoint == **seed));
        let seeds: Vec<_> = seeds.filter(|seed| whom.never.is_none_or(|never| never.endpoint != **seed)).collect();
        known.extend(seeds.into_iter().map(|seed| self.server(seed, None)));
        known.truncate(whom.most);
        known
    }

    /// What a server says of its cluster, and whether it is well.
    fn ask_for_view(&self, server: &Arc<Server>, deadline: Deadline, kept: &mut Kept) -> Result<(bool, ClusterView)> {
        let deadline = deadline.earlier(Deadline::after_ms(ASK_MS));
        let wait = Wait { deadline, allowed_ms: ASK_MS, name: b"CLUSTER SLOTS" };
        let mut lease = server.pool.lease(&mut Instant::now(), deadline, ASK_MS, kept)?;
        let info = lease.submit(&[b"CLUSTER", b"INFO"], Shape::KEEP)?;
        let slots = lease.submit(&[b"CLUSTER", b"SLOTS"], Shape::KEEP)?;
        let (info, slots) = lease.replies_to((info, slots), &wait, kept)?;
        lease.give_back();
        self.view(server, &info, &slots)
    }

    /// What a server's replies to CLUSTER INFO and CLUSTER SLOTS say of its cluster, and whether it is well.
    pub(super) fn view(&self, server: &Server, info: &Reply, slots: &Reply) -> Result<(bool, ClusterView)> {
        let place = |error: Error| error.at(server.pool.dial().endpoint()).with_outcome(Outcome::NotSent);
        if slots::is_of_none(slots) {
            let text = "topology: cluster, and the server is in none (it says: ";
            let text = [text.as_bytes(), slots.text(), b")"].concat();
            return Err(place(Error::new(Status::Config, text)));
        }
        let view = slots::read(info, slots, &server.endpoint, &|announced| self.reachable(announced)).map_err(place)?;
        Ok((slots::is_well(info), view))
    }

    pub(super) fn taken(&self, asked_at: u64, view: ClusterView, asked: &Arc<Server>, kept: &mut Kept) -> Refreshed {
        let old_at = self.old_at();
        let is_taken = self.change(|present| {
            // What a replica said of itself meanwhile is newer than what another server knew of it; and so is what was read
            // meanwhile, unless the cluster has changed since.
            let is_newer = present.read_at <= asked_at || view.epoch > present.epoch;
            (is_newer && present.promoted <= asked_at).then(|| self.map_of(present, asked_at, &view, asked, old_at))
        });
        if is_taken {
            let map = self.map();
            kept.notice(Notice::Topology { servers: map.servers().count() as i64, unowned: map.unowned() as i64 });
        }
        Refreshed::Taken
    }

    fn map_of(
        &self,
        present: &Map,
        asked_at: u64,
        view: &ClusterView,
        asked: &Arc<Server>,
        old_at: Option<Instant>,
    ) -> Map {
        let mut servers: HashMap<&Endpoint, Arc<Server>> = HashMap::new();
        servers.insert(&asked.endpoint, Arc::clone(asked));
        servers.extend(present.servers().map(|server| (&server.endpoint, Arc::clone(server))));
        let server = |told: &ViewServer| match servers.get(&told.endpoint) {
            Some(server) if server.zone == told.zone => Arc::clone(server),
            _ => self.server(&told.endpoint, told.zone.clone()),
        };
        let mut shards: Vec<Shard> = Vec::new();
        for told in &view.shards {
            let primary = server(&told.primary);
            let replicas: Vec<Arc<Server>> = told.replicas.iter().map(server).collect();
            // A gate is of one shard alone.
            let gate = present.gate_of(&primary.endpoint);
            let gate = gate.filter(|gate| !shards.iter().any(|other| Arc::ptr_eq(&other.gate, gate)));
            let gate = gate.map(Arc::clone).unwrap_or_default();
            shards.push(Shard { primary, replicas, gate });
        }
        let of_each = view.shards.iter().enumerate();
        let ranges = of_each.flat_map(|(place, told)| told.ranges.iter().map(move |(from, to)| (place, *from, *to)));
        present.read(asked_at, view.epoch, old_at, shards, ranges)
    }
}

impl Many {
    /// Slots have moved, or the map is old: read it anew beside a call that has its reply, without making it wait for long, and never
    /// beyond its deadline.
    pub(in crate::route) fn look_after(&self, begun: Instant, deadline: Deadline, kept: &mut Kept) {
        let map = self.map();
        if !self.is_cluster() || !Many::is_due(&map, begun) {
            return;
        }
        let why = if map.is_patched() { Why::Moved } else { Why::Old };
        drop(map);
        // Where it fails, the next caller asks another server.
        let most = if self.was_behind.load(Ordering::Relaxed) { usize::MAX } else { 1 };
        let deadline = deadline.earlier(Deadline::after_ms(PASSING_MS));
        let _ = self.refresh(why, Whom { most, ..Whom::ALL }, deadline, kept);
    }
}

pub(super) fn no_view() -> Error {
    let text = "no server of the cluster says which servers have the slots";
    Error::new(Status::Connect, text).with_outcome(Outcome::NotSent)
}

/// How long one server may take to say what it knows.
pub(super) const ASK_MS: i64 = 300;
/// How long a caller that has its reply already may take to look after the map.
const PASSING_MS: i64 = 50;

#[cfg(test)]
mod tests {
    use super::super::super::overdue;
    use super::super::slots::ViewShard;
    use super::*;
    use crate::conn::Dial;
    use crate::options::Options;

    fn place(port: u16) -> Endpoint {
        Endpoint::Tcp { host: "h".to_owned(), port }
    }

    /// A view in which this server has everything.
    fn all_is_of(port: u16, epoch: u64) -> ClusterView {
        let primary = ViewServer { endpoint: place(port), zone: None };
        ClusterView { epoch, shards: vec![ViewShard { primary, replicas: Vec::new(), ranges: vec![(0, 16_383)] }] }
    }

    fn take(many: &Arc<Many>, asked_at: u64, view: ClusterView) -> u16 {
        let asked = many.server(&place(9), None);
        many.taken(asked_at, view, &asked, &mut Kept::new(false, 0));
        match many.map().shard_of(0).map(|shard| shard.primary.endpoint.clone()) {
            Some(Endpoint::Tcp { port, .. }) => port,
            _ => 0,
        }
    }

    /// A driver that never waits reads a map beside the callers that do, and may end after they have begun and ended.
    #[test]
    fn what_was_asked_before_the_present_map_was_read_is_taken_where_the_cluster_has_changed_since() {
        let many = Many::new(Dial::new(Options::new(), None, None).unwrap(), overdue::of_cluster);
        let begun = many.map().number;
        assert_eq!(take(&many, begun, all_is_of(1, 5)), 1);
        assert_eq!(take(&many, begun, all_is_of(2, 5)), 1, "it is older");
        assert_eq!(take(&many, begun, all_is_of(3, 6)), 3, "it is of a later epoch");
        assert_eq!(take(&many, many.map().number, all_is_of(2, 6)), 2, "it was asked for later");
    }

    /// Nobody opens a gate that no map has any more: whoever waits there would only be called when its scout's time is up.
    #[test]
    fn who_waits_at_a_gate_that_is_left_out_looks_at_the_new_map() {
        use super::super::super::gate::Entered;
        let many = Many::new(Dial::new(Options::new(), None, None).unwrap(), overdue::of_cluster);
        take(&many, 0, all_is_of(1, 5));
        let gate = Arc::clone(&many.map().shards()[0].gate);
        let Ok(Entered::Scout(scout)) = gate.enter(Some(0), Deadline::never()) else { panic!("nobody was before") };
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| matches!(gate.enter(None, Deadline::after_ms(20_000)), Ok(Entered::Open)));
            assert_eq!(take(&many, many.map().number, all_is_of(2, 6)), 2);
            assert!(waiter.join().unwrap(), "its shard has another gate");
        });
        drop(scout);
    }
}
