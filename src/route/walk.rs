//! The way of a command over many servers: to the owner of its keys, and where redirects and failures send it.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::commands;
use crate::conn::Kept;
use crate::error::{Error, Outcome, Result, Status};
use crate::ongoing;
use crate::pool::{Lease, Pool};
use crate::reply::Reply;
use crate::transport::Deadline;

use super::aim::Aim;
use super::gate::{Gate, Scout};
use super::many::Many;
use super::map::{Map, Server, Shard};
use super::order::Order;
use super::replicas::{ReadServer, Reads};
use super::rules::{self, Facts, Met, Next, Steps};
use super::scout::ScoutRounds;
use super::tries::{Tried, Tries};

/// A command on its way.
pub(super) struct Walk<'w> {
    pub(super) many: &'w Many,
    pub(super) order: &'w Order<'w>,
    pub(super) aim: Aim,
    /// The gate of the shard that it is for, whatever slots that has.
    of: Option<Arc<Gate>>,
    pub(super) facts: Facts,
    /// Until when it waits for a server that takes it.
    pub(super) patience: Deadline,
    /// Where replicas are read from too.
    pub(super) reads: Option<&'w Reads>,
    pub(super) steps: Steps,
    /// Where the next try goes, if not to the owner.
    pub(super) aside: Option<Aside>,
    pub(super) scout: Option<Scout>,
    pub(super) rounds: ScoutRounds,
    /// The scout has just tried the primary, in vain.
    pub(super) is_primary_tried: bool,
    /// The gate of the shard that failed it, and how often that had been opened before.
    pub(super) hurt: Option<(Arc<Gate>, u64)>,
    /// What the last try came to.
    pub(super) last: Option<Result<Reply>>,
}

/// A server that is not the owner, for one try.
pub(super) struct Aside {
    pub(super) server: Arc<Server>,
    pub(super) asking: bool,
}

/// Where a try is made.
pub(super) struct Target {
    pub(super) server: Arc<Server>,
    pub(super) asking: bool,
    /// When there must be a connection.
    pub(super) connected_by: Deadline,
    /// It is read from as a replica.
    pub(super) is_replica: bool,
    pub(super) gate: Arc<Gate>,
    pub(super) opened: u64,
}

impl Target {
    /// The connections that the try is made on.
    pub(super) fn pool(&self) -> &Pool {
        if self.is_replica { &self.server.reads } else { &self.server.pool }
    }

    /// A try that began then is over. How long a replica takes to answer says how often it is read from.
    pub(super) fn has_answered(&self, has: bool, begun: Instant) {
        if has && self.is_replica {
            self.server.answered_in(begun.elapsed());
        }
    }
}

/// What a try was followed by.
pub(super) enum Then {
    /// The call is over.
    Done(Result<Reply>),
    /// Another try.
    Go,
    /// Another try, after a pause, if a retry is left.
    Repeat(Error),
}

impl<'w> Walk<'w> {
    pub(super) fn new(
        many: &'w Many,
        order: &'w Order<'w>,
        aim: Aim,
        reads: Option<&'w Reads>,
        failover_wait_ms: i64,
    ) -> Walk<'w> {
        let facts = Facts {
            slot: match aim {
                Aim::Slot(slot) => Some(slot),
                Aim::Any => None,
            },
            is_known: order.row.is_some(),
            own_words: commands::has_own_words(order.row),
            may_run_twice: order.idempotent || order.row.is_some_and(commands::Command::only_reads),
            waits_for_keys: order.waits_for_keys(),
            may_wait: !order.once && failover_wait_ms != 0,
            ends_server: order.ends_server(),
        };
        let patience = order.wait.deadline.earlier(Deadline::ms_behind(order.begun, failover_wait_ms));
        Walk {
            many,
            order,
            aim,
            of: None,
            facts,
            patience,
            reads,
            steps: Steps::default(),
            aside: None,
            scout: None,
            rounds: ScoutRounds::default(),
            is_primary_tried: false,
            hurt: None,
            last: None,
        }
    }

    /// A command for the shard that has this gate, whatever slots that has.
    pub(super) fn to_shard(many: &'w Many, order: &'w Order<'w>, gate: &Arc<Gate>, failover_wait_ms: i64) -> Walk<'w> {
        Walk { of: Some(Arc::clone(gate)), ..Walk::new(many, order, Aim::Any, None, failover_wait_ms) }
    }

    /// The server that a leased connection is to. Where no map names that one any more, what it answers is still its own word, and
    /// its failures are no shard's.
    pub(super) fn target_of(&self, lease: &Lease) -> Target {
        let server = self.many.server_at(lease.dial().place());
        let gate = self.many.map().gate_of(&server.endpoint).cloned();
        self.target(server, false, gate.unwrap_or_default())
    }

    /// Where the next try goes. It waits while there is no such server. An error: the call is over.
    pub(super) fn find(&mut self, kept: &mut Kept) -> std::result::Result<Target, Result<Reply>> {
        if let Some(Aside { server, asking }) = self.aside.take() {
            let gate = self.many.map().gate_of(&server.endpoint).cloned();
            return Ok(self.target(server, asking, gate.unwrap_or_default()));
        }
        self.many.heed(self.order.wait.deadline, kept).map_err(Err)?;
        loop {
            let map = Arc::clone(&self.many.map());
            let shard = self.owner(&map);
            if self.of.is_some() && shard.is_none() {
                return Err(Err(gone()));
            }
            let gate = shard.map_or(&map.nowhere, |shard| &shard.gate);
            match self.reads.zip(shard).map(|(reads, shard)| reads.of(self.many, shard)) {
                Some(ReadServer::Replica(server)) => {
                    let target = self.target(server, false, Arc::clone(gate));
                    return Ok(Target { is_replica: true, ..target });
                }
                Some(ReadServer::Nobody) => {
                    self.wait_for_replica(gate, kept)?;
                    continue;
                }
                Some(ReadServer::Primary) | None => {}
            }
            if !self.passes(&map, gate, shard.is_none())? {
                continue;
            }
            match shard {
                Some(shard) if self.scout.is_none() || !self.is_primary_tried => {
                    if !self.may_be_sent(shard, kept)? {
                        continue;
                    }
                    return Ok(self.target(Arc::clone(&shard.primary), false, Arc::clone(gate)));
                }
                _ => self.scout_on(shard, kept)?,
            }
        }
    }

    /// Until when it waits. The first map of all is waited for as any connection is.
    pub(super) fn until(&self) -> Deadline {
        match self.many.map().number {
            0 => self.order.wait.deadline,
            _ if self.facts.may_wait => self.patience,
            _ => Deadline::after_ms(0),
        }
    }

    /// What the try at this target is followed by.
    pub(super) fn after(
        &mut self,
        target: &Target,
        tried: std::result::Result<Reply, Tried>,
        tries: &mut Tries,
        kept: &mut Kept,
    ) -> Then {
        let next = match &tried {
            Ok(reply) if !reply.is_error() => Next::Tell,
            Ok(reply) => {
                let met = Met::Refused(reply.text(), self.redirect(reply, target));
                rules::next(&self.facts, &mut self.steps, &met)
            }
            // The connections to a server that fails may all be with callers who wait for it.
            Err(Tried { error, .. }) if error.status == Status::Busy && self.scout.is_some() => Next::Gate,
            Err(Tried { error, rested }) => {
                rules::next(&self.facts, &mut self.steps, &Met::Failed { error, rested: *rested })
            }
        };
        let serves = |reply: &Reply| !reply.is_error() || !rules::is_sick(&self.facts, reply.text());
        let works = !matches!(next, Next::Gate) && tried.as_ref().is_ok_and(serves);
        if works && let Some(scout) = self.scout.take() {
            scout.open();
        }
        if target.is_replica && self.has_failed(&tried, &next) {
            return self.pass_over(target, tried, tries);
        }
        let tried = tried.map_err(|tried| tried.error);
        if let Err(error) = &tried {
            tries.may_have_run |= error.outcome == Outcome::Unknown && next != Next::Tell && next != Next::TellSick;
        }
        match next {
            Next::Tell => return Then::Done(tried),
            Next::TellSick => {
                target.gate.shut(target.opened);
                self.leave_news(target, kept);
                return Then::Done(tried);
            }
            Next::Repeat => {
                self.is_hurt(target);
                return match tried {
                    Err(error) => Then::Repeat(error),
                    Ok(reply) => Then::Done(Ok(reply)),
                };
            }
            Next::Gate => self.is_hurt(target),
            Next::Again(pause) => return self.after_pause(pause, tried),
            Next::Go(redirect, pause) => {
                if let Err(ended) = self.follow(&redirect, target, kept) {
                    return Then::Done(Err(ended));
                }
                return self.after_pause(pause, tried);
            }
        }
        self.last = Some(tried);
        Then::Go
    }

    /// There is a connection to its shard's primary.
    pub(super) fn works(&mut self) {
        if let Some(scout) = self.scout.take() {
            scout.open();
        }
    }

    fn after_pause(&mut self, pause: Duration, tried: Result<Reply>) -> Then {
        if !pause.is_zero() {
            if self.patience.remaining().is_some_and(|left| left <= pause) {
                return Then::Done(tried);
            }
            if let Err(ended) = ongoing::pause(pause) {
                return Then::Done(Err(ended.with_outcome(Outcome::Refused)));
            }
        }
        self.last = Some(tried);
        Then::Go
    }

    /// The shard failed: whoever is first is its scout. What may go to any server goes to another.
    fn is_hurt(&mut self, target: &Target) {
        if self.aim == Aim::Any && self.of.is_none() {
            let map = self.many.map();
            target.gate.shut(target.opened);
            if self.scout.is_none() && map.shards().iter().any(|shard| !shard.gate.is_shut()) {
                return;
            }
        }
        self.is_primary_tried = true;
        self.hurt = Some((Arc::clone(&target.gate), target.opened));
    }

    /// Nobody takes the command in the time there is.
    pub(super) fn given_up(&mut self, gate: &Arc<Gate>) -> Result<Reply> {
        let shut = gate.shut_for();
        let error = match self.last.take() {
            // The server's own words.
            Some(Ok(reply)) => return Ok(reply),
            Some(Err(error)) => error,
            None => Error::new(Status::Connect, "another call looks for the primary").with_outcome(Outcome::NotSent),
        };
        let status = match error.status {
            Status::Io | Status::Busy => Status::Connect,
            status => status,
        };
        let place = match self.aim {
            _ if self.of.is_some() => "the shard".to_owned(),
            Aim::Slot(slot) => format!("the shard of slot {slot}"),
            Aim::Any => "every shard".to_owned(),
        };
        let text = match shut {
            Some(shut) => {
                format!("{place} has had no primary for {} ms ({} tries): ", shut.time.as_millis(), shut.tries)
            }
            None => format!("{place} has no primary: "),
        };
        Err(Error { status, message: [text.as_bytes(), &error.message].concat(), ..error })
    }

    /// The shard that the command is for.
    fn owner<'m>(&self, map: &'m Map) -> Option<&'m Arc<Shard>> {
        if let Some(gate) = &self.of {
            return map.shards().iter().find(|shard| Arc::ptr_eq(&shard.gate, gate));
        }
        match self.aim {
            Aim::Slot(slot) => map.shard_of(slot),
            Aim::Any => map.any(self.many.any()),
        }
    }

    fn target(&self, server: Arc<Server>, asking: bool, gate: Arc<Gate>) -> Target {
        let connected_by = match &self.scout {
            Some(_) => self.order.wait.deadline.earlier(Deadline::after_ms(self.rounds.patience_ms(self.many))),
            None => self.order.wait.deadline,
        };
        let opened = gate.opened();
        Target { server, asking, connected_by, is_replica: false, gate, opened }
    }
}

impl Target {
    /// A server that has this gate.
    pub(super) fn new(server: Arc<Server>, gate: Arc<Gate>, connected_by: Deadline) -> Target {
        let opened = gate.opened();
        Target { server, asking: false, connected_by, is_replica: false, gate, opened }
    }

    /// The same for another command.
    pub(super) fn again(&self) -> Target {
        let Target { server, gate, .. } = self;
        Target { server: Arc::clone(server), gate: Arc::clone(gate), ..*self }
    }
}

/// The shard was left out of the map.
fn gone() -> Error {
    let text = "the shard has no servers any more: its slots have moved";
    Error::new(Status::Connect, text).with_outcome(Outcome::NotSent)
}
