//! Slots that move from one node of a cluster to another, step by step, so that a test can hold one in the middle.

use std::collections::BTreeMap;
use std::ops::Range;

use super::cluster::{Cluster, Role, id};
use super::server::{Wire, eventually};

/// Who gave its last slot away is a replica as soon as it hears of that, and it may hear of it before it is told.
const NO_PRIMARY: &str = "only with masters";

/// How long one node has to take keys from another.
const MIGRATE_MS: &str = "5000";

/// Moves slots of one cluster, by connections of its own to the nodes that run. None of them may be killed or stopped meanwhile.
pub struct Mover<'a> {
    cluster: &'a Cluster,
    wires: BTreeMap<usize, Wire>,
    /// The epochs that all have heard of.
    heard: BTreeMap<usize, u64>,
}

/// A slot that is in two places.
pub struct Moving {
    pub slot: usize,
    pub from: usize,
    pub to: usize,
}

impl<'a> Mover<'a> {
    pub fn new(cluster: &'a Cluster) -> Mover<'a> {
        let wires = cluster.running().into_iter().map(|node| (node, cluster.node(node).wire())).collect();
        Mover { cluster, wires, heard: BTreeMap::new() }
    }

    /// Let a slot be in two places: a key that its owner does not have, and new keys, are the other's from now on.
    pub fn begin(&mut self, slot: usize, to: usize) -> Moving {
        let moving = Moving { slot, from: self.cluster.primary(slot), to };
        self.open(&moving);
        moving
    }

    fn open(&mut self, moving: &Moving) {
        self.set(moving.to, moving.slot, &["IMPORTING", &id(moving.from)]);
        self.set(moving.from, moving.slot, &["MIGRATING", &id(moving.to)]);
    }

    /// Move so many keys at most. How many there were.
    pub fn move_keys(&mut self, moving: &Moving, count_max: usize) -> usize {
        let (slot, count) = (moving.slot.to_string(), count_max.to_string());
        let keys = self.wire(moving.from).ask(&["CLUSTER", "GETKEYSINSLOT", &slot, &count]);
        let keys: Vec<&str> = keys.lines().collect();
        if !keys.is_empty() {
            self.migrate(moving, &keys);
        }
        keys.len()
    }

    /// Move these keys of the slot.
    pub fn migrate(&mut self, moving: &Moving, keys: &[&str]) {
        let port = self.cluster.node(moving.to).port().to_string();
        let migrate = ["MIGRATE", "127.0.0.1", &port, "", "0", MIGRATE_MS, "REPLACE", "KEYS"];
        let answer = self.wire(moving.from).ask(&[&migrate, keys].concat());
        // Keys that went away meanwhile, as those that are deleted or popped empty, need no moving.
        assert!(["OK", "NOKEY"].contains(&answer.as_str()), "{answer}");
    }

    /// The slot is the other's, who is told first: whoever comes from the old one is not sent back.
    pub fn end(&mut self, moving: Moving) {
        let roles = self.cluster.roles();
        self.close(&moving, &roles.iter().filter(|role| role.is_primary).collect::<Vec<_>>());
    }

    /// The slot stays where it was; what was moved goes back.
    pub fn call_off(&mut self, moving: Moving) {
        let back = Moving { slot: moving.slot, from: moving.to, to: moving.from };
        // The owner takes all of its keys again, and the other gives what it has for as long as it takes itself for the target.
        self.set(back.to, back.slot, &["STABLE"]);
        while self.move_keys(&back, 100) > 0 {}
        self.set(back.from, back.slot, &["STABLE"]);
    }

    /// Move these slots, so many keys at a time.
    pub fn reshard(&mut self, slots: impl Iterator<Item = usize>, to: usize, keys: usize) {
        let roles = self.cluster.roles();
        let primaries: Vec<&Role> = roles.iter().filter(|role| role.is_primary).collect();
        for slot in slots {
            let from = primaries.iter().find(|role| role.has(slot)).map(|role| role.node);
            let from = from.unwrap_or_else(|| panic!("nobody has slot {slot}"));
            if from == to {
                continue;
            }
            let moving = Moving { slot, from, to };
            self.open(&moving);
            while self.move_keys(&moving, keys) > 0 {}
            self.close(&moving, &primaries);
        }
    }

    fn wire(&mut self, node: usize) -> &mut Wire {
        self.wires.get_mut(&node).unwrap_or_else(|| panic!("node {node} did not run"))
    }

    /// Move these slots of one primary, so many of them at the same time: sooner than one by one.
    pub fn reshard_at_once(&mut self, slots: Range<usize>, to: usize, at_once: usize) {
        let roles = self.cluster.roles();
        let primaries: Vec<usize> = roles.iter().filter(|role| role.is_primary).map(|role| role.node).collect();
        let from = self.cluster.primary(slots.start);
        for first in slots.clone().step_by(at_once) {
            let slots = first..slots.end.min(first + at_once);
            let is_done = |answers: Vec<String>| assert!(answers.iter().all(|answer| answer == "OK"), "{answers:?}");
            is_done(self.say_of_all(to, &slots, &["IMPORTING", &id(from)]));
            is_done(self.say_of_all(from, &slots, &["MIGRATING", &id(to)]));
            self.let_hear(to);
            for slot in slots.clone() {
                while self.move_keys(&Moving { slot, from, to }, at_once) > 0 {}
            }
            is_done(self.say_of_all(to, &slots, &["NODE", &id(to)]));
            self.let_all_hear_of(to);
            let others = primaries.iter().copied().filter(|node| ![to, from].contains(node));
            for node in [from].into_iter().chain(others) {
                let answers = self.say_of_all(node, &slots, &["NODE", &id(to)]);
                let may_be = |answer: &String| answer == "OK" || answer.contains(NO_PRIMARY);
                assert!(answers.iter().all(may_be), "node {node}: {answers:?}");
            }
        }
    }

    fn say_of_all(&mut self, node: usize, slots: &Range<usize>, what: &[&str]) -> Vec<String> {
        let wire = self.wire(node);
        for slot in slots.clone() {
            wire.send(&[&["CLUSTER", "SETSLOT", &slot.to_string()], what].concat());
        }
        slots.clone().map(|_| wire.read()).collect()
    }

    fn close(&mut self, moving: &Moving, primaries: &[&Role]) {
        self.let_hear(moving.to);
        let others = primaries.iter().map(|role| role.node).filter(|node| ![moving.to, moving.from].contains(node));
        self.set(moving.to, moving.slot, &["NODE", &id(moving.to)]);
        self.let_all_hear_of(moving.to);
        for node in [moving.from].into_iter().chain(others) {
            let answer = self.say(node, moving.slot, &["NODE", &id(moving.to)]);
            assert!(answer == "OK" || answer.contains(NO_PRIMARY), "node {node}, slot {}: {answer}", moving.slot);
        }
    }

    /// Wait until this node has heard of every epoch that there is: its own is the next one as it takes a slot.
    fn let_hear(&mut self, node: usize) {
        let epoch = |wire: &mut Wire| -> u64 {
            let info = wire.ask(&["CLUSTER", "INFO"]);
            let epoch = info.lines().find_map(|line| line.strip_prefix("cluster_current_epoch:"));
            epoch.and_then(|epoch| epoch.trim().parse().ok()).unwrap_or_else(|| panic!("no epoch in {info}"))
        };
        let latest = self.wires.values_mut().map(epoch).max().unwrap_or(0);
        eventually("it hears of the latest epoch", || epoch(self.wire(node)) >= latest);
    }

    /// Wait until all have heard of this node's epoch. Who knows an earlier one believes an older message of another that had the
    /// slot, and tells the node so, once that other's epoch is the latest: then nobody has it.
    fn let_all_hear_of(&mut self, node: usize) {
        let epoch = self.cluster.role(node).epoch;
        if self.heard.insert(node, epoch) == Some(epoch) {
            return;
        }
        for wire in self.wires.values_mut() {
            eventually("all hear of its epoch", || {
                let nodes = wire.ask(&["CLUSTER", "NODES"]);
                let line = nodes.lines().find(|line| line.starts_with(&id(node))).expect("all know it");
                line.split(' ').nth(6).and_then(|epoch| epoch.parse().ok()) >= Some(epoch)
            });
        }
    }

    fn set(&mut self, node: usize, slot: usize, what: &[&str]) {
        assert_eq!(self.say(node, slot, what), "OK", "node {node}, slot {slot}, {what:?}");
    }

    fn say(&mut self, node: usize, slot: usize, what: &[&str]) -> String {
        self.wire(node).ask(&[&["CLUSTER", "SETSLOT", &slot.to_string()], what].concat())
    }
}
