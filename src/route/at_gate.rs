//! A command at the gate of its shard: it waits there, or is the scout's.
#![forbid(unsafe_code)]

use std::sync::Arc;

use crate::conn::Kept;
use crate::error::{Outcome, Result, Status};
use crate::reply::Reply;
use crate::transport::Deadline;

use super::gate::{Entered, Gate, Scout};
use super::many::count;
use super::map::{Map, Shard};
use super::scout;
use super::walk::{Target, Walk};

impl Walk<'_> {
    /// Whether the caller has passed a gate: it is open, or the caller is its scout. No: it has waited, and all may be
    /// different now.
    pub(super) fn passes(
        &mut self,
        map: &Map,
        gate: &Arc<Gate>,
        is_nowhere: bool,
    ) -> std::result::Result<bool, Result<Reply>> {
        if self.scout.as_ref().is_some_and(|scout| scout.is_of(gate)) {
            return Ok(true);
        }
        // What it looked for is another shard's affair by now.
        self.scout = None;
        let hurt = self.hurt.take().filter(|(hurt, _)| Arc::ptr_eq(hurt, gate)).map(|(_, opened)| opened);
        let hurt = if is_nowhere { Some(gate.opened()) } else { hurt };
        if hurt.is_none() && !gate.is_shut() {
            return Ok(true);
        }
        match gate.enter(hurt, self.until()).map_err(|ended| Err(ended.with_outcome(Outcome::NotSent)))? {
            Entered::Open => Ok(false),
            Entered::Scout(scout) => {
                count(&self.many.figures.scouts);
                self.scout = Some(scout);
                self.is_primary_tried = hurt.is_some();
                // Where it has waited to become that, the map may be another one, and the command another shard's.
                Ok(self.many.map().number == map.number)
            }
            Entered::TimeUp => Err(self.given_up(gate)),
            Entered::Failed(error) => Err(Err(error)),
        }
    }

    /// Whether a scout's command may be sent to the primary: it is asked before whether it lives, for the command may be long,
    /// and nobody would know whether it ran. Where the command would wait there, the gate is opened before.
    pub(super) fn may_be_sent(
        &mut self,
        shard: &Arc<Shard>,
        kept: &mut Kept,
    ) -> std::result::Result<bool, Result<Reply>> {
        if self.scout.is_none() {
            return Ok(true);
        }
        let patience_ms = self.rounds.patience_ms(self.many);
        let dead = scout::why_dead(&shard.primary, patience_ms, self.order.wait.deadline, kept);
        let dead = dead.map_err(|ended| Err(ended.with_outcome(Outcome::NotSent)))?;
        self.is_primary_tried = dead.is_some();
        match dead {
            Some(error) => self.rounds.hear(error),
            None if self.facts.waits_for_keys => drop(self.scout.take().map(Scout::open)),
            None => {}
        }
        Ok(!self.is_primary_tried)
    }

    /// One round of a scout.
    pub(super) fn scout_on(
        &mut self,
        shard: Option<&Arc<Shard>>,
        kept: &mut Kept,
    ) -> std::result::Result<(), Result<Reply>> {
        let gate = shard.map_or_else(|| Arc::clone(&self.many.map().nowhere), |shard| Arc::clone(&shard.gate));
        if let Some(scout) = &self.scout {
            scout.tries();
        }
        let until = self.until();
        let heard = self.rounds.round(self.many, shard, until, kept);
        let heard = heard.map_err(|ended| Err(ended.with_outcome(Outcome::NotSent)))?;
        self.is_primary_tried = false;
        let Some(error) = heard.map(|error| error.with_outcome(Outcome::NotSent)) else {
            // Everybody who waited for any server at all looks at the new map.
            if shard.is_none()
                && let Some(scout) = self.scout.take()
            {
                scout.open();
            }
            return Ok(());
        };
        let is_first = self.many.map().number == 0;
        let is_final = matches!(error.status, Status::Auth | Status::Config | Status::Tls);
        let is_over = !self.facts.may_wait || self.rounds.count() > FIRST_ROUNDS_MAX;
        if is_first && (is_final || is_over) {
            if let Some(scout) = self.scout.take() {
                scout.fail(&error);
            }
            return Err(Err(error));
        }
        if shard.is_none() || self.last.is_none() {
            self.last = Some(Err(error));
        }
        if until.has_passed() {
            return Err(self.given_up(&gate));
        }
        Ok(())
    }

    /// A scout that may not wait looks round once for those behind it.
    pub(super) fn leave_news(&mut self, target: &Target, kept: &mut Kept) {
        let Some(_scout) = self.scout.take() else { return };
        let map = Arc::clone(&self.many.map());
        let shard = map.shards().iter().find(|shard| Arc::ptr_eq(&shard.gate, &target.gate));
        let until = self.order.wait.deadline.earlier(Deadline::after_ms(NEWS_MS));
        // What the call came to is known already.
        let _ = self.rounds.round(self.many, shard, until, kept);
    }
}

/// Rounds in which nobody tells the first map, after which the call is over.
const FIRST_ROUNDS_MAX: u32 = 3;
/// How long a caller that may not wait looks for a new primary.
const NEWS_MS: i64 = 50;
