//! The way of many commands over many servers: each to the owner of its keys, to all servers at once, and again to where redirects
//! and failures send it.
#![forbid(unsafe_code)]

mod after;
mod gates;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::conn::{Kept, Wait};
use crate::error::{Error, Outcome, Result};
use crate::memory;
use crate::ongoing;
use crate::options::Endpoint;
use crate::transport::Deadline;

use super::Route;
use super::errand::{Batched, Errand, Lost};
use super::gate::Gate;
use super::leg::{BrokenLeg, HeldBack, Leg, Scouting, Stop};
use super::many::Many;
use super::map::{Map, Server, Shard};
use super::trying::{self, OnServer};

/// A batch on its way over many servers.
pub struct Spread<'s> {
    route: &'s Route,
    many: &'s Many,
    may_wait: bool,
    /// How long it waits for a server that takes what is left, and until when.
    patience_ms: i64,
    total: Deadline,
    patience: Deadline,
    /// What is to be sent, and what is not sent any more.
    todo: Vec<Errand>,
    lost: Vec<Lost>,
    scouts: Vec<Scouting>,
    /// The gates of shards that failed it since the last round.
    hurt: Vec<Arc<Gate>>,
    /// Endpoints of redirects that nobody knows.
    strangers: Vec<Endpoint>,
    /// Before the next round.
    pause: Duration,
    /// How often commands that may have run were sent again.
    repeats: u32,
    /// Why, and after which pause, since that was last asked.
    repeated: Vec<(Error, Duration)>,
    /// What was heard last of a server that is looked for.
    heard: Option<Error>,
}

/// The commands of a round.
struct SortedErrands {
    /// Where some go.
    stops: Vec<(Stop, Vec<Errand>)>,
    /// Those that go nowhere yet.
    waiting: Vec<HeldBack>,
}

/// Where a command goes.
enum Goes {
    Server(Arc<Server>, Arc<Gate>),
    Gate(Arc<Gate>, Option<Arc<Shard>>),
}

impl Route {
    /// A way for these commands over many servers; None, where there is one. It may wait for so long while no server takes what is
    /// left, and until that moment at the most; `once`: not at all.
    pub fn spread(
        &self,
        commands: Range<usize>,
        patience_ms: i64,
        total: Deadline,
        once: bool,
    ) -> Result<Option<Spread<'_>>> {
        let Some(many) = self.servers.many() else { return Ok(None) };
        let mut todo = Vec::new();
        room(&mut todo, commands.len())?;
        todo.extend(commands.map(Errand::new));
        self.retry.begin();
        let patience_ms = match (patience_ms, self.failover_wait_ms) {
            (..0, wait_ms) | (wait_ms, ..0) => wait_ms,
            (one, other) => one.min(other),
        };
        let mut spread = Spread {
            route: self,
            many,
            may_wait: !once && self.failover_wait_ms != 0,
            patience_ms,
            total,
            patience: total,
            todo,
            lost: Vec::new(),
            scouts: Vec::new(),
            hurt: Vec::new(),
            strangers: Vec::new(),
            pause: Duration::ZERO,
            repeats: 0,
            repeated: Vec::new(),
            heard: None,
        };
        spread.has_progressed();
        Ok(Some(spread))
    }
}

impl Spread<'_> {
    /// Commands were answered: what is left has its time again.
    pub fn has_progressed(&mut self) {
        self.patience = Deadline::after_ms(self.patience_ms).earlier(self.total);
    }

    /// Take the commands of the next round out of those that are to be sent: a leg for each server that takes some. Where there
    /// is none, it waits for one. None at all: nothing is to be sent any more. An error: the call was woken.
    pub fn round(&mut self, commands: &impl Batched, wait: &Wait<'_>, kept: &mut Kept) -> Result<Vec<Leg>> {
        if !self.pause.is_zero() {
            ongoing::pause(std::mem::take(&mut self.pause)).map_err(not_sent)?;
        }
        self.many.heed(wait.deadline, kept)?;
        loop {
            let SortedErrands { stops, waiting } = self.sorted(commands)?;
            if stops.is_empty() {
                if waiting.is_empty() {
                    return Ok(Vec::new());
                }
                self.wait_at(waiting, wait, kept)?;
                continue;
            }
            self.todo.extend(waiting.into_iter().flat_map(|waiting| waiting.errands));
            let legs = self.leased(stops, commands, wait, kept)?;
            if !legs.is_empty() {
                return Ok(legs);
            }
        }
    }

    /// Why commands that may have run are sent again, and after which pause: each is told once.
    pub fn take_repeated(&mut self) -> Vec<(Error, Duration)> {
        std::mem::take(&mut self.repeated)
    }

    /// The commands that are not sent any more, and were not told yet.
    pub fn take_lost(&mut self) -> Vec<Lost> {
        std::mem::take(&mut self.lost)
    }

    /// The batch is over: look after the map, where that is due.
    pub fn end(self, begun: Instant, kept: &mut Kept) {
        let Spread { many, scouts, total, .. } = self;
        drop(scouts);
        many.look_after(begun, total, kept);
    }

    /// Each to its server; those of a shard that has none, apart.
    fn sorted(&mut self, commands: &impl Batched) -> Result<SortedErrands> {
        let mut todo = std::mem::take(&mut self.todo);
        // Wherever they go from here, all that come back find their room.
        room(&mut self.todo, todo.len())?;
        let sorted = memory::sort(&mut todo, "the commands", |one, other| one.index.cmp(&other.index));
        sorted.map_err(not_sent)?;
        let map = Arc::clone(&self.many.map());
        let mut stops: Vec<(Stop, Vec<Errand>)> = Vec::new();
        let mut waiting: Vec<HeldBack> = Vec::new();
        // Where what has this slot goes: the place of its stop.
        let mut known: HashMap<Option<u16>, usize> = HashMap::new();
        for errand in todo {
            let slot = commands.slot_of(errand.index);
            let is_aside = errand.aside().is_some();
            let at = known.get(&slot).filter(|_| !is_aside);
            if let Some((_, errands)) = at.and_then(|at| stops.get_mut(*at)) {
                put(errands, errand)?;
                continue;
            }
            match self.goes(&map, &errand, slot) {
                Goes::Server(server, gate) => {
                    let at = stops.iter().position(|(stop, _)| Arc::ptr_eq(&stop.server, &server));
                    let at = at.unwrap_or(stops.len());
                    if at == stops.len() {
                        let opened = gate.opened();
                        put(&mut stops, (Stop { server, gate, opened, scouting: None }, Vec::new()))?;
                    }
                    if !is_aside {
                        known.try_reserve(1).map_err(|_| not_sent(Error::memory("the commands")))?;
                        known.insert(slot, at);
                    }
                    put(&mut stops[at].1, errand)?;
                }
                Goes::Gate(gate, shard) => match waiting.iter_mut().find(|one| Arc::ptr_eq(&one.gate, &gate)) {
                    Some(one) => put(&mut one.errands, errand)?,
                    None => put(&mut waiting, HeldBack { gate, shard, errands: vec![errand] })?,
                },
            }
        }
        Ok(SortedErrands { stops, waiting })
    }

    fn goes(&self, map: &Map, errand: &Errand, slot: Option<u16>) -> Goes {
        if let Some(aside) = errand.aside() {
            let gate = map.gate_of(&aside.server.endpoint).cloned().unwrap_or_default();
            return Goes::Server(Arc::clone(&aside.server), gate);
        }
        let shard = match slot {
            Some(slot) => map.shard_of(slot),
            None => map.any(self.many.any()),
        };
        let Some(shard) = shard else { return Goes::Gate(Arc::clone(&map.nowhere), None) };
        let is_open = match self.scouting(&shard.gate) {
            Some(scouting) => !scouting.is_tried,
            None => !shard.gate.is_shut(),
        };
        match is_open {
            true => Goes::Server(Arc::clone(&shard.primary), Arc::clone(&shard.gate)),
            false => Goes::Gate(Arc::clone(&shard.gate), Some(Arc::clone(shard))),
        }
    }

    /// Lease a connection to each of these. What is to be tried again for lack of one is left for the next round.
    fn leased(
        &mut self,
        mut stops: Vec<(Stop, Vec<Errand>)>,
        commands: &impl Batched,
        wait: &Wait<'_>,
        kept: &mut Kept,
    ) -> Result<Vec<Leg>> {
        // Whoever holds one and waits for another takes them in this order: so no two wait for each other.
        let by_endpoint = |(one, _): &(Stop, _), (other, _): &(Stop, _)| one.endpoint().cmp(other.endpoint());
        memory::sort(&mut stops, "the connections", by_endpoint).map_err(not_sent)?;
        // Where it goes to others meanwhile, another caller looks for those that are looked for.
        let mut scouts = std::mem::take(&mut self.scouts);
        self.hurt.clear();
        for (stop, _) in &mut stops {
            let place = scouts.iter().position(|one| one.is_of(&stop.gate));
            stop.scouting = place.map(|place| scouts.swap_remove(place));
        }
        self.leave_out_the_dead(&mut stops, wait.deadline, kept)?;
        self.leave_out_the_missed(&mut stops, commands)?;
        let is_one = stops.len() == 1;
        let mut by_then = Vec::new();
        by_then.try_reserve_exact(stops.len()).map_err(|_| not_sent(Error::memory("the connections")))?;
        for (stop, _) in &stops {
            let most_ms = match &stop.scouting {
                Some(scouting) => scouting.patience_ms(self.many),
                None if is_one => -1,
                None => CONNECT_MS,
            };
            by_then.push(wait.deadline.earlier(Deadline::after_ms(most_ms)));
        }
        let pools = stops.iter().map(|(stop, _)| &stop.server.pool).zip(by_then);
        let servers = pools.map(|(pool, by_then)| OnServer::new(pool, self.route.pool_wait_ms, by_then));
        let leases = trying::lease_each(servers, wait, kept).map_err(not_sent)?;
        let mut legs = Vec::new();
        legs.try_reserve_exact(stops.len()).map_err(|_| not_sent(Error::memory("the connections")))?;
        for ((stop, errands), leased) in stops.into_iter().zip(leases) {
            if is_aside(&errands) {
                self.many.asked(&stop.server, leased.as_ref().err());
            }
            match leased {
                Ok(lease) => legs.push(Leg { lease, errands, stop }),
                Err(error) => self.broke_off(BrokenLeg { stop, error, rested: false, errands, sent: 0 }, commands)?,
            }
        }
        Ok(legs)
    }
}

/// Whether a server is gone to because an ASK named it, and for nothing else.
fn is_aside(errands: &[Errand]) -> bool {
    errands.iter().all(Errand::is_asking)
}

/// Make room for so many more.
fn room<T>(list: &mut Vec<T>, count: usize) -> Result<()> {
    list.try_reserve(count).map_err(|_| not_sent(Error::memory("the commands")))
}

fn put<T>(list: &mut Vec<T>, one: T) -> Result<()> {
    room(list, 1)?;
    list.push(one);
    Ok(())
}

fn not_sent(error: Error) -> Error {
    error.with_outcome(Outcome::NotSent)
}

/// How long a server may take to be connected to where others wait for that.
const CONNECT_MS: i64 = 1000;
