//! The way of one command over many servers, for a driver that never waits: where it goes next, and what follows what it met.
//!
//! A command that surely did not run rests until a server takes it, as in `walk`. Here nobody waits at a gate: who drives looks
//! again. One command at a time is sent to a primary that could not be used, to find out whether it can be by now.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::aim::{Aim, aim};
use super::cluster::redirect::{Redirect, redirect};
use super::errand::Told;
use super::gate::Gate;
use super::guide::{Doubt, Guide, SickShard};
use super::many::count;
use super::map::Shard;
use super::order::waits_for_ever;
use super::retry::random;
use super::rules::{self, Facts, Met, Next, Steps};
use crate::commands::{self, Command};
use crate::conn::Dial;
use crate::error::{Error, Outcome, Result, Status};
use crate::options::Endpoint;
use crate::reply::Reply;

/// A command on its way.
pub struct Journey {
    facts: Facts,
    steps: Steps,
    /// Where it goes, if not to the owner of its slot; and whether it stands directly behind ASKING there.
    aside: Option<(Endpoint, bool)>,
    /// It rests until then.
    rests_until: Option<Instant>,
    /// Until when it may rest.
    patience: Option<Instant>,
    /// The gate of the shard that it was sent to, and how often that had been opened before.
    gate: Option<(Arc<Gate>, u64)>,
    /// It was sent to find out whether the primary can be used.
    is_trial: bool,
    /// What the last try came to.
    last: Option<Told>,
}

/// Where a command goes next.
pub enum Heading {
    /// To this server.
    To {
        /// How to reach it.
        dial: Dial,
        /// It is to stand directly behind ASKING.
        asking: bool,
    },
    /// Nowhere yet.
    Rest,
    /// Nowhere any more: what its caller is told.
    Over(Told),
}

impl Guide {
    /// A command that is to be sent, submitted now. `once`: it may not wait. An error: there is no one server for it.
    pub fn journey(
        &self,
        row: Option<&'static Command>,
        args: &[&[u8]],
        once: bool,
        now: Instant,
        deadline: Option<Instant>,
    ) -> Result<Journey> {
        let wait = u64::try_from(self.failover_wait_ms).ok().map(Duration::from_millis);
        let patience = wait.and_then(|wait| now.checked_add(wait)).into_iter().chain(deadline).min();
        let aim = self.at.map_or_else(|| aim(row, args), |slot| Ok(Aim::Slot(slot)))?;
        let facts = Facts {
            slot: aim.slot(),
            is_known: row.is_some(),
            own_words: commands::has_own_words(row),
            // What was sent is never sent again here.
            may_run_twice: false,
            waits_for_keys: row.is_some_and(|row| waits_for_ever(row, args)),
            may_wait: !once && self.failover_wait_ms != 0,
            ends_server: commands::is_shutdown(args),
        };
        Ok(Journey {
            facts,
            steps: Steps::default(),
            aside: None,
            rests_until: None,
            patience,
            gate: None,
            is_trial: false,
            last: None,
        })
    }

    /// Where a command goes next.
    pub fn heading(&mut self, journey: &mut Journey, now: Instant) -> Heading {
        if journey.rests_until.is_some_and(|until| until > now) {
            return Heading::Rest;
        }
        journey.rests_until = None;
        let map = Arc::clone(&self.many.map());
        if let Some((endpoint, asking)) = &journey.aside {
            if let Some(server) = map.server_at(endpoint) {
                let to = Heading::To { dial: server.pool.dial().clone(), asking: *asking };
                journey.gate = map.gate_of(endpoint).map(|gate| (Arc::clone(gate), gate.opened()));
                journey.aside = None;
                return to;
            }
            if self.is_asking() {
                return self.rest(journey, None, now);
            }
            journey.aside = None;
        }
        let shard = match journey.facts.slot {
            Some(slot) => map.shard_of(slot),
            None => map.any(self.many.any()),
        };
        let Some(shard) = shard else {
            self.is_in_doubt();
            return self.rest(journey, None, now);
        };
        if shard.gate.is_shut() && !self.is_to_be_tried(shard, now) {
            return self.rest(journey, Some(&shard.gate), now);
        }
        journey.is_trial = shard.gate.is_shut();
        journey.gate = Some((Arc::clone(&shard.gate), shard.gate.opened()));
        Heading::To { dial: shard.primary.pool.dial().clone(), asking: false }
    }

    /// What a command was answered with, by the server at this endpoint. None: it is sent again, or rests.
    pub fn after_reply(&mut self, journey: &mut Journey, by: &Endpoint, reply: Reply, now: Instant) -> Option<Reply> {
        if !reply.is_error() {
            self.works(journey);
            return Some(reply);
        }
        let redirect = match self.many.is_cluster() {
            true => redirect(reply.text(), by, &|announced| self.many.reachable(announced)),
            false => None,
        };
        let redirect =
            redirect.filter(|said| !matches!(said, Redirect::Moved { to, .. } | Redirect::Ask { to, .. } if to == by));
        match rules::next(&journey.facts, &mut journey.steps, &Met::Refused(reply.text(), redirect)) {
            Next::Go(redirect, pause) => {
                self.works(journey);
                self.follow(journey, by, redirect);
                journey.rests(now, pause);
            }
            Next::Again(pause) => {
                self.works(journey);
                journey.rests(now, pause);
            }
            Next::Gate => self.is_hurt(journey, now),
            Next::Tell | Next::TellSick | Next::Repeat => {
                match rules::is_sick(&journey.facts, reply.text()) {
                    true => self.ends_trial(journey, now),
                    false => self.works(journey),
                }
                return Some(reply);
            }
        }
        journey.last = Some(Told::Words(reply.text().to_vec()));
        None
    }

    /// Why a command was not answered. None: it did not run, and is sent again, or rests.
    pub fn after_failure(&mut self, journey: &mut Journey, error: Error, now: Instant) -> Option<Error> {
        let met = Met::Failed { error: &error, rested: error.status == Status::Io };
        match rules::next(&journey.facts, &mut journey.steps, &met) {
            Next::Again(pause) => {
                self.ends_trial(journey, now);
                journey.rests(now, pause);
            }
            Next::Gate => self.is_hurt(journey, now),
            Next::TellSick => {
                self.is_hurt(journey, now);
                return Some(error);
            }
            Next::Tell | Next::Repeat | Next::Go(..) => {
                self.ends_trial(journey, now);
                return Some(error);
            }
        }
        journey.last = Some(Told::Failed(error));
        None
    }

    /// Whom a command is for, as messages name it.
    pub fn place_of(&self, journey: &Journey) -> String {
        place(journey)
    }

    /// A command is not sent any more, whatever it would have met.
    pub fn ends_trial(&mut self, journey: &mut Journey, now: Instant) {
        if std::mem::take(&mut journey.is_trial)
            && let Some((gate, _)) = &journey.gate
            && let Some(sick) = self.sick.iter_mut().find(|sick| Arc::ptr_eq(&sick.gate, gate))
        {
            sick.is_tried = false;
            sick.next_at = now + pause(sick.rounds);
            sick.rounds += 1;
        }
    }

    fn follow(&mut self, journey: &mut Journey, by: &Endpoint, redirect: Redirect) {
        let (slot, to, asking) = match redirect {
            Redirect::Moved { slot, to } => (slot, Some(to), false),
            Redirect::Nameless { slot } => (slot, None, false),
            Redirect::Ask { slot, to } => (slot, Some(to), true),
        };
        count(if asking { &self.many.figures.asked } else { &self.many.figures.moved });
        let map = Arc::clone(&self.many.map());
        let known = to.as_ref().and_then(|to| map.server_at(to));
        match known {
            Some(server) if !asking && journey.facts.slot == Some(slot) => return self.has_slot(slot, server),
            Some(_) => {}
            None => self.doubt(Doubt { first: map.server_at(by).cloned(), named: to.clone(), never: None }),
        }
        journey.aside = to.map(|to| (to, asking));
    }

    /// The shard of a command works.
    fn works(&mut self, journey: &mut Journey) {
        journey.is_trial = false;
        if self.sick.is_empty() {
            return;
        }
        let Some((gate, _)) = &journey.gate else { return };
        self.sick.retain(|sick| !Arc::ptr_eq(&sick.gate, gate));
        gate.open_unscouted();
    }

    /// The shard of a command does not work.
    fn is_hurt(&mut self, journey: &mut Journey, now: Instant) {
        let Some((gate, opened)) = journey.gate.clone() else { return };
        gate.shut(opened);
        self.is_in_doubt_of(&gate);
        match journey.is_trial {
            true => self.ends_trial(journey, now),
            false if self.sick.iter().any(|sick| Arc::ptr_eq(&sick.gate, &gate)) => {}
            false => self.sick.push(SickShard { gate, next_at: now + pause(0), is_tried: false, rounds: 1 }),
        }
    }

    /// Whether a command is to be sent to a primary that could not be used: one at a time, now and then, and only where nobody
    /// else looks for it.
    fn is_to_be_tried(&mut self, shard: &Arc<Shard>, now: Instant) -> bool {
        if shard.gate.is_scouted() {
            return false;
        }
        self.is_in_doubt_of(&shard.gate);
        let place = self.sick.iter().position(|sick| Arc::ptr_eq(&sick.gate, &shard.gate));
        let place = place.unwrap_or_else(|| {
            self.sick.push(SickShard { gate: Arc::clone(&shard.gate), next_at: now, is_tried: false, rounds: 0 });
            self.sick.len() - 1
        });
        match self.sick.get_mut(place) {
            Some(sick) if !sick.is_tried && sick.next_at <= now => {
                sick.is_tried = true;
                true
            }
            _ => false,
        }
    }

    /// A command rests, unless there is nothing to wait for.
    fn rest(&self, journey: &mut Journey, gate: Option<&Arc<Gate>>, now: Instant) -> Heading {
        let is_final = |error: &&Error| matches!(error.status, Status::Auth | Status::Config | Status::Tls);
        if let Some(error) = self.heard().filter(is_final).filter(|_| self.number() == 0) {
            return Heading::Over(Told::Failed(error.clone().with_outcome(Outcome::NotSent)));
        }
        let may_wait = journey.facts.may_wait || self.number() == 0;
        if may_wait && journey.patience.is_none_or(|patience| patience > now) {
            return Heading::Rest;
        }
        Heading::Over(match journey.last.take() {
            Some(Told::Words(words)) => Told::Words(words),
            Some(Told::Failed(error)) => Told::Failed(given_up(journey, gate, Some(&error))),
            None => Told::Failed(given_up(journey, gate, self.heard())),
        })
    }
}

impl Journey {
    /// Why it was not sent, as far as that is known.
    pub fn why(&self) -> Option<&Error> {
        match &self.last {
            Some(Told::Failed(error)) => Some(error),
            _ => None,
        }
    }

    /// The words of the last server that refused it, if one did.
    pub fn take_words(&mut self) -> Option<Vec<u8>> {
        match self.last.take() {
            Some(Told::Words(words)) => Some(words),
            last => {
                self.last = last;
                None
            }
        }
    }

    /// When it is to be looked at again, if it rests.
    pub fn rests_until(&self) -> Option<Instant> {
        self.rests_until
    }

    fn rests(&mut self, now: Instant, pause: Duration) {
        self.rests_until = (!pause.is_zero()).then(|| now + pause);
    }
}

fn place(journey: &Journey) -> String {
    match journey.facts.slot {
        Some(slot) => format!("the shard of slot {slot}"),
        None => "every shard".to_owned(),
    }
}

fn given_up(journey: &Journey, gate: Option<&Arc<Gate>>, why: Option<&Error>) -> Error {
    let place = place(journey);
    let text = match gate.and_then(|gate| gate.shut_for()) {
        Some(shut) => format!("{place} has had no primary for {} ms", shut.time.as_millis()),
        None => format!("{place} has no primary"),
    };
    let why = why.map(|why| [b": ", &why.message[..]].concat()).unwrap_or_default();
    Error::new(Status::Connect, [text.as_bytes(), &why].concat()).with_outcome(Outcome::NotSent)
}

/// Before a primary that could not be used is tried again.
fn pause(rounds: u32) -> Duration {
    let longest = (10u64 << rounds.min(3)).min(50);
    Duration::from_millis(longest / 2 + random() % (longest / 2 + 1))
}
