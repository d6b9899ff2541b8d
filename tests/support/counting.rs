//! Writes that are counted: each is an INCR of a key of its own, so that what is there in the end says whether it ran, how often,
//! and whether that is what was told of it.

use std::ops::Range;
use std::time::{Duration, Instant};

use super::c::{CErr, Outcome, Reply};
use super::ledger::Figures;
use super::server::Wire;
use super::slots::tag;

/// What one thread wrote to one slot, and what it was told.
pub struct Count {
    slot: usize,
    who: String,
    told: Vec<Told>,
    /// Writes of which all were to run or none.
    together: Vec<Range<usize>>,
}

/// What was told of one write.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// NONE: it was acknowledged.
    pub outcome: Outcome,
    pub begun: Instant,
    pub ended: Instant,
}

/// After the death of a server what it had said may still be read, and the thread that reads it may have to wait for a core.
const READ_LATE_MAX: Duration = Duration::from_secs(1);

impl Count {
    pub fn new(slot: usize, who: impl std::fmt::Display) -> Count {
        Count { slot, who: who.to_string(), told: Vec::new(), together: Vec::new() }
    }

    /// The key of the next write. Until something is told, its fate is unknown.
    pub fn next(&mut self) -> String {
        let now = Instant::now();
        self.told.push(Told { outcome: Outcome::UNKNOWN, begun: now, ended: now });
        self.key(self.told.len() - 1)
    }

    /// What was said of a write: NONE is that it was acknowledged.
    pub fn told(&mut self, number: usize, outcome: Outcome) {
        let told = &mut self.told[number];
        (told.outcome, told.ended) = (outcome, Instant::now());
    }

    /// What was said of the last write.
    pub fn told_last(&mut self, result: &Result<Reply, CErr>) {
        let outcome = result.as_ref().map_or_else(|err| err.outcome, |_| Outcome::NONE);
        self.told(self.told.len() - 1, outcome);
    }

    /// All of these run, or none.
    pub fn together(&mut self, numbers: Range<usize>) {
        self.together.push(numbers);
    }

    /// How many were written, whatever became of them.
    pub fn len(&self) -> usize {
        self.told.len()
    }

    pub fn slot(&self) -> usize {
        self.slot
    }

    /// What was told of each.
    pub fn all(&self) -> &[Told] {
        &self.told
    }

    /// The keys of those that were acknowledged, and when.
    pub fn acknowledged(&self) -> impl Iterator<Item = (String, Instant)> {
        let all = self.told.iter().enumerate().filter(|(_, told)| told.outcome == Outcome::NONE);
        all.map(|(number, told)| (self.key(number), told.ended))
    }

    /// The key of one.
    pub fn key(&self, number: usize) -> String {
        format!("{{{}}}{}:{number}", tag(self.slot), self.who)
    }

    /// Compare with what the slot's server has. What a server had acknowledged may be lost where it was no primary any more, or
    /// died: `excused` says so of a write.
    pub fn judge(&self, wire: &mut Wire, excused: impl Fn(&Told) -> bool) -> Figures {
        self.judge_keys(wire, |_, told| excused(told))
    }

    /// The same, where that is said of a write by its key too.
    pub fn judge_keys(&self, wire: &mut Wire, excused: impl Fn(&str, &Told) -> bool) -> Figures {
        let (mut figures, mut ran) = (Figures::default(), Vec::new());
        let keys: Vec<String> = (0..self.told.len()).map(|number| self.key(number)).collect();
        for keys in keys.chunks(500) {
            let command: Vec<&str> = ["MGET"].into_iter().chain(keys.iter().map(String::as_str)).collect();
            let stored = wire.ask(&command);
            assert_eq!(stored.lines().count(), keys.len(), "{stored}");
            ran.extend(stored.lines().map(|count| count.parse::<usize>().unwrap_or_default()));
        }
        for ((told, key), times) in self.told.iter().zip(&keys).zip(&ran) {
            if told.outcome == Outcome::NONE && *times == 0 && excused(key, told) {
                figures.acknowledged += 1;
                figures.lost_by_server += 1;
            } else {
                figures.count(told.outcome, *times);
            }
        }
        for numbers in &self.together {
            let whole = [0, numbers.len()].contains(&ran[numbers.clone()].iter().filter(|times| **times > 0).count());
            figures.transactions += 1;
            figures.torn += usize::from(!whole);
        }
        figures
    }
}

/// Whether a write may be lost with a server that died then: it was begun before, and told soon enough to have been that one's.
pub fn is_of_the_dead(told: &Told, died: Instant) -> bool {
    told.begun < died && told.ended < died + READ_LATE_MAX
}
