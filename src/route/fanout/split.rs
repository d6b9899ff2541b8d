//! A command whose keys are of several slots, as parts that are each of one slot.
#![forbid(unsafe_code)]

use std::ops::Range;

use crate::commands::{self, Command, Id};
use crate::error::{Error, Outcome, Result};
use crate::memory;

use super::super::policy::{Fold, Together};

/// The parts of a command.
pub(super) struct Split {
    /// The slot and the index of each key: those of one part one behind the other, in their order.
    keys: Vec<(u16, usize)>,
    /// The keys of each part.
    parts: Vec<Range<usize>>,
    /// The arguments of each part.
    args: Vec<Range<usize>>,
    words: KeyWords,
}

/// How the arguments of a command are cut.
#[derive(Clone, Copy)]
struct KeyWords {
    /// Words of a key, the key among them.
    step: usize,
    /// The number of keys stands before them.
    is_counted: bool,
}

fn key_words(row: &Command) -> Option<KeyWords> {
    let (step, is_counted) = match row.id {
        Id::Mget | Id::Del | Id::Unlink | Id::Exists | Id::Touch => (1, false),
        Id::Mset => (2, false),
        Id::Msetex => (2, true),
        _ => return None,
    };
    Some(KeyWords { step, is_counted })
}

/// What becomes of the replies to the parts. None: they are arrays with an element for each key.
pub(super) fn together(row: &Command) -> Option<Together> {
    match row.id {
        Id::Mget => None,
        Id::Mset => Some(Together::First),
        Id::Msetex => Some(Together::Fold(Fold::Min)),
        _ => Some(Together::Fold(Fold::Sum)),
    }
}

impl Split {
    /// The parts of a command. None: it is not of several slots, or not as it should be.
    pub(super) fn new(row: &Command, args: &[&[u8]]) -> Result<Option<Split>> {
        let Some((words, found)) = key_words(row).zip(commands::routing_keys(row, args).ok()) else { return Ok(None) };
        let count = found.iter().count();
        let mut keys: Vec<(u16, usize)> = Vec::new();
        keys.try_reserve_exact(count).map_err(|_| no_memory())?;
        keys.extend(found.iter().filter_map(|key| Some((commands::slot(args.get(key.index)?), key.index))));
        if keys.last().is_none_or(|(_, index)| index + words.step > args.len()) {
            return Ok(None);
        }
        memory::sort(&mut keys, "the keys", Ord::cmp).map_err(|_| no_memory())?;
        let mut parts = Vec::new();
        let mut begin = 0;
        for at in 1..=keys.len() {
            if keys.get(at).map(|key| key.0) != Some(keys[begin].0) {
                parts.try_reserve(1).map_err(|_| no_memory())?;
                parts.push(begin..at);
                begin = at;
            }
        }
        match parts.len() {
            0 | 1 => Ok(None),
            _ => Ok(Some(Split { keys, parts, args: Vec::new(), words })),
        }
    }

    /// The slot of each part.
    pub(super) fn slots(&self) -> impl Iterator<Item = u16> {
        self.parts.iter().filter_map(|part| Some(self.keys.get(part.start)?.0))
    }

    /// How many keys each part has, in digits.
    pub(super) fn counts(&self) -> Result<Vec<String>> {
        let mut counts = Vec::new();
        if self.words.is_counted {
            counts.try_reserve_exact(self.parts.len()).map_err(|_| no_memory())?;
            counts.extend(self.parts.iter().map(|part| part.len().to_string()));
        }
        Ok(counts)
    }

    /// The arguments of all parts, one part behind the other.
    pub(super) fn arguments<'a>(&mut self, args: &[&'a [u8]], counts: &'a [String]) -> Result<Vec<&'a [u8]>> {
        let step = self.words.step;
        let behind = self.keys.iter().map(|key| key.1 + step).max().unwrap_or(args.len());
        let (name, options) = (args.get(..1).unwrap_or_default(), args.get(behind..).unwrap_or_default());
        let each = name.len() + usize::from(self.words.is_counted) + options.len();
        let mut all = Vec::new();
        let room = self.keys.len().saturating_mul(step).saturating_add(self.parts.len().saturating_mul(each));
        all.try_reserve_exact(room).map_err(|_| no_memory())?;
        self.args.try_reserve_exact(self.parts.len()).map_err(|_| no_memory())?;
        for (place, part) in self.parts.iter().enumerate() {
            let begin = all.len();
            all.extend_from_slice(name);
            all.extend(counts.get(place).map(|count| count.as_bytes()));
            let keys = self.keys.get(part.clone()).unwrap_or_default();
            keys.iter().for_each(|(_, index)| all.extend_from_slice(&args[*index..index + step]));
            all.extend_from_slice(options);
            self.args.push(begin..all.len());
        }
        Ok(all)
    }

    /// Where the arguments of each part stand.
    pub(super) fn ranges(&self) -> &[Range<usize>] {
        &self.args
    }

    /// For each key of the command, its part, and its index among that part's keys.
    pub(super) fn places(&self) -> Result<Vec<(usize, usize)>> {
        let (mut placed, mut places): (Vec<(usize, usize, usize)>, _) = (Vec::new(), Vec::new());
        placed.try_reserve_exact(self.keys.len()).map_err(|_| no_memory())?;
        places.try_reserve_exact(self.keys.len()).map_err(|_| no_memory())?;
        for (place, part) in self.parts.iter().enumerate() {
            let keys = self.keys.get(part.clone()).unwrap_or_default();
            placed.extend(keys.iter().enumerate().map(|(at, (_, index))| (*index, place, at)));
        }
        memory::sort(&mut placed, "the keys", Ord::cmp).map_err(|_| no_memory())?;
        // Into a list of its own: one that is made of the other's memory may have to be made smaller, which may fail.
        places.extend(placed.into_iter().map(|(_, place, at)| (place, at)));
        Ok(places)
    }
}

fn no_memory() -> Error {
    Error::memory("the parts of the command").with_outcome(Outcome::NotSent)
}
