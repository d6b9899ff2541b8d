//! Which servers there are, and which of them has which slot, as known at one moment. A map never changes: what changes is which
//! map is the present one. Servers and gates are carried from map to map.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::commands::SLOTS;
use crate::options::Endpoint;
use crate::pool::Pool;
use crate::stats::Stat;

use super::gate::Gate;

/// One server, with its pool.
pub(super) struct Server {
    pub(super) endpoint: Endpoint,
    pub(super) pool: Pool,
    /// Connections on which it is read from as a replica.
    pub(super) reads: Pool,
    /// Until when it is not read from as a replica, in milliseconds of the clock of `Many`.
    pub(super) rests_until_ms: AtomicU64,
    /// How long it takes to answer what is read from it as a replica, in microseconds; 0 is not known yet.
    pub(super) answers_in_us: AtomicU64,
    /// Until when it is not connected to behind an ASK, on the same clock; 0: nobody has missed it.
    pub(super) missed_until_ms: AtomicU64,
    /// When it was last asked, on the same clock, whether another one has taken its place.
    pub(super) asked_about_ms: AtomicU64,
    /// When it became the primary of no shard, on the same clock.
    pub(super) demoted_ms: AtomicU64,
    /// Its availability zone, where it says one.
    pub(super) zone: Option<Vec<u8>>,
}

/// Servers with the same data.
pub(super) struct Shard {
    pub(super) primary: Arc<Server>,
    pub(super) replicas: Vec<Arc<Server>>,
    pub(super) gate: Arc<Gate>,
}

impl Server {
    /// Close the idle connections now, and the leased ones when they are returned.
    pub(super) fn drop_idle(&self) {
        self.pool.drop_idle();
        self.reads.drop_idle();
    }

    /// Close the connections that have been idle for too long: what nobody uses closes none by itself.
    pub(super) fn sweep(&self, now: Instant) {
        self.pool.sweep(now);
        self.reads.sweep(now);
    }

    /// A figure of both its pools.
    pub(super) fn stat(&self, stat: Stat) -> i64 {
        [&self.pool, &self.reads].into_iter().filter_map(|pool| pool.stat(stat)).sum()
    }
}

impl Shard {
    /// Whether the server at this endpoint is one of its replicas.
    pub(super) fn has_replica(&self, endpoint: &Endpoint) -> bool {
        self.replicas.iter().any(|replica| replica.endpoint == *endpoint)
    }
}

/// Who owns what, as known at one moment.
pub(super) struct Map {
    /// Which map it is: 0 is none yet.
    pub(super) number: u64,
    /// The cluster's epoch when it was read.
    pub(super) epoch: u64,
    /// The number of the last map that was read from a server, and not made by what one said of a slot.
    pub(super) read_at: u64,
    /// When it is to be read anew, if nothing happens before.
    pub(super) old_at: Option<Instant>,
    /// The index of each slot's shard. None: the one shard has everything.
    owners: Option<Box<[u16]>>,
    shards: Vec<Arc<Shard>>,
    /// Servers that a redirect named, and that have no slots.
    others: Vec<Arc<Server>>,
    /// Servers that a replica has replaced, and that are in no map any more: the last few.
    replaced: Vec<Arc<Server>>,
    /// The gate of all slots that nobody is known to have.
    pub(super) nowhere: Arc<Gate>,
    /// The slots that redirects have changed since it was read, and the number of the map that each was changed in.
    patches: Vec<(u16, u64)>,
    /// The number of the last map in which a replica became a primary because it said so.
    pub(super) promoted: u64,
}

impl Map {
    /// Nothing is known.
    pub(super) fn none() -> Map {
        Map {
            number: 0,
            epoch: 0,
            read_at: 0,
            old_at: None,
            owners: None,
            shards: Vec::new(),
            others: Vec::new(),
            replaced: Vec::new(),
            nowhere: Arc::default(),
            patches: Vec::new(),
            promoted: 0,
        }
    }

    /// What a server said, after this one; it is old from a moment on. Slots that were changed in a map after the one of the number
    /// `asked_at` stay as they are.
    pub(super) fn read(
        &self,
        asked_at: u64,
        epoch: u64,
        old_at: Option<Instant>,
        shards: Vec<Shard>,
        ranges: impl Iterator<Item = (usize, u16, u16)>,
    ) -> Map {
        let mut owners = vec![NOBODY; usize::from(SLOTS)].into_boxed_slice();
        for (shard, from, to) in ranges {
            if let Some(slots) = owners.get_mut(usize::from(from)..=usize::from(to)) {
                slots.fill(u16::try_from(shard).unwrap_or(NOBODY));
            }
        }
        let shards: Vec<Arc<Shard>> = shards.into_iter().map(Arc::new).collect();
        let patches: Vec<(u16, u64)> = self.patches.iter().copied().filter(|(_, number)| *number > asked_at).collect();
        for (slot, _) in &patches {
            let primary = self.shard_of(*slot).map(|shard| &shard.primary.endpoint);
            let place = primary.and_then(|primary| shards.iter().position(|shard| shard.primary.endpoint == *primary));
            if let (Some(place), Some(owner)) = (place, owners.get_mut(usize::from(*slot))) {
                *owner = place as u16;
            }
        }
        let replaced = self.replaced_by(&shards);
        Map {
            number: self.number + 1,
            epoch,
            read_at: self.number + 1,
            old_at,
            owners: Some(owners),
            shards,
            others: Vec::new(),
            replaced,
            nowhere: Arc::clone(&self.nowhere),
            patches,
            promoted: self.promoted,
        }
    }

    /// One shard that has everything, after this map.
    pub(super) fn whole(&self, epoch: u64, shard: Shard) -> Map {
        Map { epoch, old_at: None, owners: None, shards: vec![Arc::new(shard)], ..self.next() }
    }

    /// The map after this one, in which this server has the slot. A replica of the slot's shard has become its primary.
    pub(super) fn with_slot(&self, slot: u16, server: &Arc<Server>) -> Map {
        let owner = self.shard_of(slot);
        if let Some(shard) = owner.filter(|shard| shard.has_replica(&server.endpoint)) {
            // Another server says so, and may be behind: what is read from now on counts.
            let mut next = self.led_by(shard, server);
            next.patched(slot);
            return next;
        }
        let mut next = self.next();
        let place = self.shards.iter().position(|shard| shard.primary.endpoint == server.endpoint);
        let place = place.unwrap_or_else(|| {
            let shard = Shard { primary: Arc::clone(server), replicas: Vec::new(), gate: Arc::default() };
            next.shards.push(Arc::new(shard));
            next.others.retain(|other| other.endpoint != server.endpoint);
            next.shards.len() - 1
        });
        if let Some(owner) = next.owners.as_mut().and_then(|owners| owners.get_mut(usize::from(slot))) {
            *owner = place as u16;
        }
        next.patched(slot);
        next
    }

    /// The map after this one, which knows this server too.
    pub(super) fn with_server(&self, server: &Arc<Server>) -> Map {
        let mut next = self.next();
        next.others.push(Arc::clone(server));
        next
    }

    /// The map after this one, in which this replica is the primary of its shard, and the old primary a replica: it says so itself.
    pub(super) fn with_primary(&self, shard: &Arc<Shard>, server: &Arc<Server>) -> Map {
        let next = self.led_by(shard, server);
        Map { promoted: next.number, ..next }
    }

    fn led_by(&self, shard: &Arc<Shard>, server: &Arc<Server>) -> Map {
        let mut next = self.next();
        let others = shard.replicas.iter().filter(|one| one.endpoint != server.endpoint);
        let replicas = others.chain([&shard.primary]).cloned().collect();
        let promoted = Arc::new(Shard { primary: Arc::clone(server), replicas, gate: Arc::clone(&shard.gate) });
        for one in next.shards.iter_mut().filter(|one| Arc::ptr_eq(one, shard)) {
            *one = Arc::clone(&promoted);
        }
        next
    }

    /// The shard that has this slot.
    #[inline]
    pub(super) fn shard_of(&self, slot: u16) -> Option<&Arc<Shard>> {
        match &self.owners {
            Some(owners) => self.shards.get(usize::from(*owners.get(usize::from(slot))?)),
            None => self.shards.first(),
        }
    }

    /// A redirect has changed a slot. Of very many, the oldest are forgotten: a map that was asked for before them may have their
    /// slots as they were, and then there are redirects again.
    fn patched(&mut self, slot: u16) {
        if self.patches.len() >= PATCHES_MAX {
            self.patches.retain(|(patched, _)| *patched != slot);
            let surplus = (self.patches.len() + 1).saturating_sub(PATCHES_MAX);
            self.patches.drain(..surplus);
        }
        self.patches.push((slot, self.number));
    }

    /// Whether slots have moved since it was read.
    #[inline]
    pub(super) fn is_patched(&self) -> bool {
        !self.patches.is_empty()
    }

    /// A shard for what may go to any: this one, or the next whose gate is open.
    pub(super) fn any(&self, place: usize) -> Option<&Arc<Shard>> {
        let count = self.shards().len();
        let at = |step: usize| self.shards().get((place % count.max(1) + step) % count.max(1));
        (0..count).filter_map(at).find(|shard| !shard.gate.is_shut()).or_else(|| at(0))
    }

    /// All shards.
    pub(super) fn shards(&self) -> &[Arc<Shard>] {
        &self.shards
    }

    /// All servers, each shard's primary first.
    pub(super) fn servers(&self) -> impl Iterator<Item = &Arc<Server>> {
        let of_shards = self.shards.iter().flat_map(|shard| std::iter::once(&shard.primary).chain(&shard.replicas));
        of_shards.chain(&self.others)
    }

    /// The server at this endpoint.
    pub(super) fn server_at(&self, endpoint: &Endpoint) -> Option<&Arc<Server>> {
        self.servers().find(|server| server.endpoint == *endpoint)
    }

    /// When the server at this endpoint became the primary of no shard, on the clock of `Many`; 0 is never, as far as is known.
    pub(super) fn demoted_ms(&self, endpoint: &Endpoint) -> u64 {
        let at = self.servers().chain(&self.replaced).filter(|server| server.endpoint == *endpoint);
        at.map(|server| server.demoted_ms.load(Ordering::Relaxed)).max().unwrap_or(0)
    }

    /// The servers that are in none of these shards, and that a replica has replaced: by now, or before.
    fn replaced_by(&self, shards: &[Arc<Shard>]) -> Vec<Arc<Server>> {
        let is_primary = |server: &Arc<Server>| shards.iter().any(|shard| shard.primary.endpoint == server.endpoint);
        let is_gone = |server: &&Arc<Server>| {
            !is_primary(server) && !shards.iter().any(|shard| shard.has_replica(&server.endpoint))
        };
        let by_now = self.shards.iter().filter(|shard| shard.replicas.iter().any(is_primary));
        let by_now = by_now.map(|shard| &shard.primary);
        let before = self.servers().filter(|server| server.demoted_ms.load(Ordering::Relaxed) > 0);
        by_now.chain(before).filter(is_gone).chain(&self.replaced).take(REPLACED_MAX).cloned().collect()
    }

    /// The gate of the shard that has the server at this endpoint as its primary, or else as a replica.
    pub(super) fn gate_of(&self, endpoint: &Endpoint) -> Option<&Arc<Gate>> {
        let by_primary = self.shards.iter().find(|shard| shard.primary.endpoint == *endpoint);
        let shard = by_primary.or_else(|| self.shards.iter().find(|shard| shard.has_replica(endpoint)));
        shard.map(|shard| &shard.gate)
    }

    /// The slots of a shard, as ranges that include their last slot. Where there are no slots, it has none.
    pub(super) fn ranges_of(&self, shard: &Arc<Shard>) -> Vec<(u16, u16)> {
        let mut ranges: Vec<(u16, u16)> = Vec::new();
        if self.owners.is_none() {
            return ranges;
        }
        for slot in (0..SLOTS).filter(|slot| self.shard_of(*slot).is_some_and(|one| Arc::ptr_eq(one, shard))) {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == slot => *last = slot,
                _ => ranges.push((slot, slot)),
            }
        }
        ranges
    }

    /// How many slots nobody is known to have.
    pub(super) fn unowned(&self) -> usize {
        (0..SLOTS).filter(|slot| self.shard_of(*slot).is_none()).count()
    }

    fn next(&self) -> Map {
        Map {
            number: self.number + 1,
            epoch: self.epoch,
            read_at: self.read_at,
            old_at: self.old_at,
            owners: self.owners.clone(),
            shards: self.shards.clone(),
            others: self.others.clone(),
            replaced: self.replaced.clone(),
            nowhere: Arc::clone(&self.nowhere),
            patches: self.patches.clone(),
            promoted: self.promoted,
        }
    }
}

/// Servers that are remembered to have been replaced: for as long as somebody may wait for them.
const REPLACED_MAX: usize = 16;
/// The owner of a slot that nobody has.
const NOBODY: u16 = u16::MAX;
/// Slots of which a map remembers that redirects have changed them.
const PATCHES_MAX: usize = 4096;

#[cfg(test)]
mod tests;
