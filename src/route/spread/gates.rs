//! Where a batch waits for the primary of a shard, or looks for it.
#![forbid(unsafe_code)]

use std::sync::Arc;

use crate::conn::{Kept, Wait};
use crate::error::{Error, Outcome, Result, Status};
use crate::transport::Deadline;

use super::super::errand::{Batched, Errand, Told};
use super::super::gate::{Entered, Gate};
use super::super::leg::{BrokenLeg, HeldBack, Scouting, Stop};
use super::super::many::count;
use super::super::map::Shard;
use super::super::scout::{self, ScoutRounds};
use super::{Spread, is_aside, not_sent, room};

impl Spread<'_> {
    pub(super) fn scouting(&self, gate: &Arc<Gate>) -> Option<&Scouting> {
        self.scouts.iter().find(|one| one.is_of(gate))
    }

    /// Wait at these gates, for one of them to open; or look for the primary behind it.
    pub(super) fn wait_at(&mut self, waiting: Vec<HeldBack>, wait: &Wait<'_>, kept: &mut Kept) -> Result<()> {
        let is_first = self.many.map().number == 0;
        let until = match is_first {
            true => wait.deadline,
            false if self.may_wait => self.patience,
            false => Deadline::after_ms(0),
        };
        let slice = if waiting.len() == 1 { until } else { until.earlier(Deadline::after_ms(SLICE_MS)) };
        for HeldBack { gate, shard, errands } in waiting {
            room(&mut self.lost, errands.len())?;
            let was_scout = self.scouting(&gate).is_some();
            let over = match self.scouting(&gate) {
                Some(_) => self.scout_on(&gate, shard.as_ref(), until, is_first, kept)?,
                None => self.enter(&gate, shard.is_none(), slice)?,
            };
            match over {
                Some(error) => self.lost.extend(errands.into_iter().map(|one| one.lose(Told::Failed(error.clone())))),
                // Who has just become the scout tries the primary once, however little time there is: or nobody would.
                None if !was_scout && self.scouting(&gate).is_some_and(|scouting| !scouting.is_tried) => {
                    self.todo.extend(errands);
                }
                None if until.has_passed() && (gate.is_shut() || shard.is_none()) => self.give_up(&gate, errands),
                None => self.todo.extend(errands),
            }
        }
        Ok(())
    }

    /// Come to a gate. An error, where there is nothing to wait for.
    fn enter(&mut self, gate: &Arc<Gate>, is_nowhere: bool, until: Deadline) -> Result<Option<Error>> {
        let hurt = is_nowhere.then(|| gate.opened());
        match gate.enter(hurt, until).map_err(not_sent)? {
            Entered::Scout(scout) => {
                count(&self.many.figures.scouts);
                let is_tried = is_nowhere || self.hurt.iter().any(|hurt| Arc::ptr_eq(hurt, gate));
                self.scouts.push(Scouting { scout, rounds: ScoutRounds::default(), is_tried });
                Ok(None)
            }
            Entered::Failed(error) => Ok(Some(error)),
            Entered::Open | Entered::TimeUp => Ok(None),
        }
    }

    /// A scout's commands go to a primary that was asked before whether it lives: they may be many, and nobody would know whether
    /// they ran.
    pub(super) fn leave_out_the_dead(
        &mut self,
        stops: &mut Vec<(Stop, Vec<Errand>)>,
        deadline: Deadline,
        kept: &mut Kept,
    ) -> Result<()> {
        let mut place = 0;
        while let Some((stop, _)) = stops.get(place) {
            let dead = match &stop.scouting {
                Some(scouting) => scout::why_dead(&stop.server, scouting.patience_ms(self.many), deadline, kept),
                None => Ok(None),
            };
            let Some(error) = dead.map_err(not_sent)? else {
                place += 1;
                continue;
            };
            self.heard = Some(not_sent(error));
            let (mut stop, errands) = stops.remove(place);
            self.scouts.extend(stop.scouting.take().map(Scouting::tried));
            self.todo.extend(errands);
        }
        Ok(())
    }

    /// Nothing else goes where an ASK leads to a server that others have just missed.
    pub(super) fn leave_out_the_missed(
        &mut self,
        stops: &mut Vec<(Stop, Vec<Errand>)>,
        commands: &impl Batched,
    ) -> Result<()> {
        let mut place = 0;
        while let Some((stop, errands)) = stops.get(place) {
            let missed = if is_aside(errands) { self.many.why_missed(&stop.server) } else { None };
            let Some(error) = missed else {
                place += 1;
                continue;
            };
            let (stop, errands) = stops.remove(place);
            self.broke_off(BrokenLeg { stop, error, rested: false, errands, sent: 0 }, commands)?;
        }
        Ok(())
    }

    /// One round of a scout. An error, where there is nothing to look for.
    fn scout_on(
        &mut self,
        gate: &Arc<Gate>,
        shard: Option<&Arc<Shard>>,
        until: Deadline,
        is_first: bool,
        kept: &mut Kept,
    ) -> Result<Option<Error>> {
        let Some(place) = self.scouts.iter().position(|one| one.is_of(gate)) else { return Ok(None) };
        let scouting = &mut self.scouts[place];
        scouting.scout.tries();
        scouting.is_tried = false;
        let heard = scouting.rounds.round(self.many, shard, until, kept).map_err(not_sent)?;
        let Some(error) = heard.map(not_sent) else {
            // Everybody who waited for any server at all looks at the new map.
            if shard.is_none() {
                self.scouts.swap_remove(place).open();
            }
            return Ok(None);
        };
        let is_final = matches!(error.status, Status::Auth | Status::Config | Status::Tls);
        if is_first && (is_final || !self.may_wait || scouting.rounds.count() > FIRST_ROUNDS_MAX) {
            self.scouts.swap_remove(place).scout.fail(&error);
            return Ok(Some(error));
        }
        self.heard = Some(error);
        Ok(None)
    }

    /// Nobody takes these in the time there is.
    fn give_up(&mut self, gate: &Arc<Gate>, errands: Vec<Errand>) {
        let place = match gate.shut_for() {
            Some(shut) => format!("no primary for {} ms ({} tries)", shut.time.as_millis(), shut.tries),
            None => "no primary".to_owned(),
        };
        let heard = self.heard.clone();
        let why = |last: Option<Error>| {
            let error = last.or_else(|| heard.clone());
            let error = error.unwrap_or_else(|| Error::new(Status::Connect, "another call looks for it"));
            let status = if error.status == Status::Io { Status::Connect } else { error.status };
            let message = [place.as_bytes(), b": ", &error.message].concat();
            Error { status, outcome: Outcome::NotSent, message, ..error }
        };
        self.lost.extend(errands.into_iter().map(|errand| errand.give_up(why)));
    }
}

/// How long it waits at one of several gates.
const SLICE_MS: i64 = 50;
/// Rounds in which nobody tells the first map, after which the call is over.
const FIRST_ROUNDS_MAX: u32 = 3;
