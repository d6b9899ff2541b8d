//! The stages of walks over a cluster: which servers each goes through, and what all of them had when it began.
#![forbid(unsafe_code)]

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::cluster::nodes::OwnLine;
use super::map::Server;
use super::retry::random;
use crate::commands::SLOTS;
use crate::options::Endpoint;
use crate::process::PerProcess;
use crate::sync::Mutex;

/// One stage of a walk.
pub(super) struct ScanStage {
    /// Its number, which no other has.
    pub(super) number: u64,
    /// The servers that it goes through, in this order.
    pub(super) servers: Vec<Arc<Server>>,
    /// What each server had when it began, as far as it is found in this stage or was in an earlier one.
    had: HashMap<Endpoint, Had>,
    /// Servers that were left before they were gone through.
    left: Mutex<HashSet<Endpoint>>,
}

/// What a server had when a stage began.
struct Had {
    slots: SlotSet,
    /// Slots that were on their way to it.
    took_in: SlotSet,
    /// Its epoch of then.
    epoch: u64,
}

/// What a primary says that it has.
pub(super) struct Holding {
    pub(super) server: Arc<Server>,
    pub(super) has: SlotSet,
    /// Slots that are on their way to it.
    pub(super) takes_in: SlotSet,
    /// Its epoch: another one whenever it gets a slot that another server had last, and whenever it takes over from another.
    pub(super) epoch: u64,
}

/// Some of the slots.
#[derive(Clone)]
pub(super) struct SlotSet(Box<[u64]>);

/// The stages that cursors may name: those that were used last. A child of fork has none of its parent's.
#[derive(Default)]
pub(super) struct ScanStages(PerProcess<Mutex<VecDeque<Arc<ScanStage>>>>);

impl ScanStage {
    /// The first of a walk, through all servers. What is on its way to a server may reach it after it was gone through: that
    /// counts as coming.
    pub(super) fn first(holdings: Vec<Holding>) -> ScanStage {
        let servers: Vec<_> = holdings.iter().map(|holding| Arc::clone(&holding.server)).collect();
        ScanStage::new(servers, holdings)
    }

    /// The one after this: through the servers that slots came to meanwhile, those that were left, and those that got back what
    /// was on its way from them. None are left: the walk is over.
    pub(super) fn next(&self, holdings: Vec<Holding>) -> ScanStage {
        let called_off = self.called_off(&holdings);
        let left = self.left.lock();
        let is_found = |holding: &&Holding| {
            let Holding { server, has, takes_in, epoch } = holding;
            self.had.get(&server.endpoint).is_some_and(|had| {
                let is_new = !has.is_within(&had.slots) || !takes_in.is_within(&had.slots);
                let is_back = *epoch != had.epoch || has.meets(&called_off) || left.contains(&server.endpoint);
                !is_new && !is_back
            })
        };
        let servers = holdings.iter().filter(|holding| !is_found(holding)).map(|one| Arc::clone(&one.server)).collect();
        drop(left);
        ScanStage::new(servers, holdings)
    }

    /// What is on its way is found where it comes to only if where it comes from was gone through before: keys may go from a
    /// server that is still to be gone through to one that was.
    fn new(servers: Vec<Arc<Server>>, holdings: Vec<Holding>) -> ScanStage {
        let mut comes = SlotSet::none();
        let is_gone_through =
            |holding: &&Holding| servers.iter().any(|server| server.endpoint == holding.server.endpoint);
        holdings.iter().filter(is_gone_through).for_each(|holding| comes.add(&holding.has));
        let had = holdings.into_iter().map(|Holding { server, has: mut slots, takes_in, epoch }| {
            slots.add(&takes_in.without(&comes));
            (server.endpoint.clone(), Had { slots, took_in: takes_in, epoch })
        });
        ScanStage { number: number(), had: had.collect(), servers, left: Mutex::default() }
    }

    /// A server was left before it was gone through. Should it be a primary again, it is gone through anew.
    pub(super) fn leave(&self, server: &Server) {
        self.left.lock().insert(server.endpoint.clone());
    }

    /// Slots that were on their way to a server, and are neither there nor on their way there any more.
    fn called_off(&self, holdings: &[Holding]) -> SlotSet {
        let mut all = SlotSet::none();
        for (endpoint, had) in &self.had {
            let mut off = had.took_in.clone();
            if let Some(holding) = holdings.iter().find(|holding| holding.server.endpoint == *endpoint) {
                off = off.without(&holding.has).without(&holding.takes_in);
            }
            all.add(&off);
        }
        all
    }
}

impl ScanStages {
    /// The stage of this number, if it is kept.
    pub(super) fn find(&self, number: u64) -> Option<Arc<ScanStage>> {
        let mut kept = self.here().lock();
        let place = kept.iter().position(|stage| stage.number == number)?;
        let stage = kept.remove(place)?;
        kept.push_front(Arc::clone(&stage));
        Some(stage)
    }

    /// Keep this one, in the place of the one that was not used for longest.
    pub(super) fn keep(&self, stage: ScanStage) -> Arc<ScanStage> {
        let stage = Arc::new(stage);
        let mut kept = self.here().lock();
        kept.truncate(STAGES_MAX - 1);
        kept.push_front(Arc::clone(&stage));
        stage
    }

    fn here(&self) -> &Mutex<VecDeque<Arc<ScanStage>>> {
        self.0.get(|_| Mutex::default())
    }
}

impl SlotSet {
    /// None of them.
    pub(super) fn none() -> SlotSet {
        SlotSet(vec![0; usize::from(SLOTS) / 64].into_boxed_slice())
    }

    /// These ranges, which include their last slot.
    pub(super) fn of(ranges: &[(u16, u16)]) -> SlotSet {
        let mut set = SlotSet::none();
        for slot in ranges.iter().flat_map(|(from, to)| *from..=*to) {
            if let Some(word) = set.0.get_mut(usize::from(slot) / 64) {
                *word |= 1 << (slot % 64);
            }
        }
        set
    }

    pub(super) fn add(&mut self, other: &SlotSet) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word |= other);
    }

    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    fn is_within(&self, other: &SlotSet) -> bool {
        self.0.iter().zip(&other.0).all(|(word, other)| word & !other == 0)
    }

    fn meets(&self, other: &SlotSet) -> bool {
        self.0.iter().zip(&other.0).any(|(word, other)| word & other != 0)
    }

    fn without(&self, other: &SlotSet) -> SlotSet {
        SlotSet(self.0.iter().zip(&other.0).map(|(word, other)| word & !other).collect())
    }
}

impl Holding {
    pub(super) fn new(server: Arc<Server>, line: &OwnLine) -> Holding {
        let (has, takes_in) = (SlotSet::of(&line.has), SlotSet::of(&line.takes_in));
        Holding { server, has, takes_in, epoch: line.epoch }
    }
}

fn number() -> u64 {
    random() % NUMBERS
}

/// Stages that are kept.
const STAGES_MAX: usize = 8;
/// The numbers of stages are below: long enough that none comes twice while one of them is kept.
const NUMBERS: u64 = 1_000_000_000_000;

#[cfg(test)]
mod tests {
    use super::super::many::Many;
    use super::super::overdue;
    use super::*;
    use crate::conn::Dial;
    use crate::options::Options;

    fn server(port: u16) -> Arc<Server> {
        let endpoint = Endpoint::Tcp { host: "h".into(), port };
        let many = Many::new(Dial::new(Options::new(), None, None).unwrap(), overdue::of_cluster);
        many.server(&endpoint, None)
    }

    fn holding(port: u16, has: (u16, u16), takes_in: &[(u16, u16)]) -> Holding {
        Holding { server: server(port), has: SlotSet::of(&[has]), takes_in: SlotSet::of(takes_in), epoch: 1 }
    }

    fn ports(stage: &ScanStage) -> Vec<u16> {
        let port = |server: &Arc<Server>| match server.endpoint {
            Endpoint::Tcp { port, .. } => port,
            Endpoint::Unix { .. } => 0,
        };
        stage.servers.iter().map(port).collect()
    }

    #[test]
    fn a_walk_goes_on_through_those_that_slots_came_to() {
        let first = || ScanStage::first(vec![holding(1, (0, 9), &[]), holding(2, (10, 19), &[])]);
        assert_eq!(ports(&first()), [1, 2]);
        let next = |holdings| ports(&first().next(holdings));
        assert_eq!(next(vec![holding(1, (0, 9), &[]), holding(2, (10, 19), &[])]), []);
        assert_eq!(next(vec![holding(1, (0, 8), &[]), holding(2, (9, 19), &[])]), [2]);
        assert_eq!(next(vec![holding(1, (0, 9), &[]), holding(2, (10, 19), &[(9, 9)])]), [2]);
        assert_eq!(next(vec![holding(1, (0, 9), &[]), holding(3, (10, 19), &[])]), [3], "it took over");
    }

    #[test]
    fn what_is_on_its_way_all_the_time_is_gone_after_once() {
        let open = || vec![holding(1, (0, 9), &[]), holding(2, (10, 19), &[(9, 9)])];
        let second = ScanStage::first(open()).next(open());
        assert_eq!(ports(&second), [2]);
        assert_eq!(ports(&second.next(open())), []);
        assert_eq!(ports(&second.next(vec![holding(1, (0, 9), &[]), holding(2, (10, 19), &[(8, 9)])])), [2]);
    }

    #[test]
    fn who_may_have_got_back_what_it_had_is_gone_through_again() {
        let all = |takes_in: &[(u16, u16)]| vec![holding(1, (0, 9), takes_in), holding(2, (10, 19), &[])];
        let first = || ScanStage::first(all(&[]));
        let mut back = all(&[]);
        back[1].epoch = 2;
        assert_eq!(ports(&first().next(back)), [2], "a slot was away, or the server was");
        let left = first();
        left.leave(&left.servers[0]);
        assert_eq!(ports(&left.next(all(&[]))), [1]);
        let called_off = ScanStage::first(all(&[(15, 15)])).next(all(&[]));
        assert_eq!(ports(&called_off), [2], "what had reached the first has gone back");
        assert_eq!(ports(&called_off.next(all(&[]))), []);
        // Where it was to come to is no primary any more.
        assert_eq!(ports(&ScanStage::first(all(&[(15, 15)])).next(vec![holding(2, (10, 19), &[])])), [2]);
    }

    #[test]
    fn a_slot_that_comes_and_goes_on_is_looked_for_where_it_goes_to() {
        // From 3 to 2, and on to 1, which is gone through before 2.
        let first =
            ScanStage::first(vec![holding(1, (0, 9), &[]), holding(2, (10, 19), &[]), holding(3, (20, 29), &[])]);
        let then = || vec![holding(1, (0, 9), &[(20, 20)]), holding(2, (10, 20), &[]), holding(3, (21, 29), &[])];
        let second = first.next(then());
        assert_eq!(ports(&second), [1, 2]);
        let third = second.next(then());
        assert_eq!(ports(&third), [1]);
        assert_eq!(ports(&third.next(then())), []);
        let there = vec![holding(1, (0, 9), &[]), holding(2, (10, 19), &[]), holding(3, (21, 29), &[])];
        assert_eq!(ports(&third.next(there)), []);
    }

    #[test]
    fn the_stages_that_were_used_last_are_kept() {
        let stages = ScanStages::default();
        let numbers: Vec<u64> = (0..9).map(|_| stages.keep(ScanStage::first(vec![])).number).collect();
        assert!(stages.find(numbers[0]).is_none() && stages.find(numbers[1]).is_some());
        stages.keep(ScanStage::first(vec![]));
        assert!(stages.find(numbers[1]).is_some() && stages.find(numbers[2]).is_none());
    }

    #[test]
    fn a_set_has_what_its_ranges_have() {
        let set = SlotSet::of(&[(0, 0), (63, 64), (16_383, 16_383)]);
        assert_eq!((set.len(), SlotSet::none().len(), SlotSet::of(&[(0, 16_383)]).len()), (4, 0, 16_384));
        assert!(set.is_within(&SlotSet::of(&[(0, 16_383)])) && !SlotSet::of(&[(1, 1)]).is_within(&set));
    }
}
