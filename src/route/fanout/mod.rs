//! A command for several servers of a cluster: sent to all of them at once, tried again for each by itself, and one reply put
//! together.
//!
//! ```text
//!  split        a command whose keys are of several slots, as parts
//!  portion      what one server, or one slot, is to do
//!  burst        a try of each part: all servers are driven at once
//!  moved        parts that were redirected
//!  whole        one reply of several
//! ```
#![forbid(unsafe_code)]

mod burst;
mod moved;
mod portion;
mod split;
mod whole;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::commands::Command;
use crate::error::{Error, Outcome, Result, Status};
use crate::limits::Limits;
use crate::ongoing;
use crate::reply::{Builder, Kind, Reply};
use crate::resp;

use super::aim::{self, Aim};
use super::cluster::refresh::Whom;
use super::many::{Many, Why};
use super::map::Server;
use super::order::Order;
use super::policy::{self, Breadth, Together};
use super::rules::{self, Met, Next, Steps};
use super::tries::{Tried, Tries, worse};
use super::trying::{OnServer, try_plainly};
use super::walk::Walk;
use super::{Audience, Route};

use portion::{Destination, Portion, no_memory};
use split::Split;
use whole::FromServer;

/// How the replies become one.
enum Merge {
    Together(Together),
    /// The element of each key, where it is now: a part, and an index.
    InOrder(Vec<(usize, usize)>),
}

impl Route {
    /// Send a command that is for several servers of a cluster. None: it is for one.
    pub(super) fn fan_out(
        &self,
        many: &Many,
        order: &Order<'_>,
        tries: &mut Tries,
        audience: &impl Audience,
    ) -> Option<Result<Reply>> {
        if let Some(page) = self.scan(many, order, tries, audience) {
            return Some(page);
        }
        let row = order
            .row
            .filter(|row| self.at.is_none() && many.is_cluster() && aim::lone_key(row, order.args).is_none())?;
        if let Some((breadth, together)) = policy::policy(row) {
            return Some(self.everywhere(many, order, breadth, together, tries, audience));
        }
        match Split::new(row, order.args).transpose()? {
            _ if !self.split => None,
            Ok(split) => Some(self.in_parts(many, order, row, split, tries, audience)),
            Err(error) => Some(Err(error)),
        }
    }

    fn everywhere(
        &self,
        many: &Many,
        order: &Order<'_>,
        breadth: Breadth,
        together: Together,
        tries: &mut Tries,
        audience: &impl Audience,
    ) -> Result<Reply> {
        self.know(many, order, audience)?;
        let map = Arc::clone(&many.map());
        let mut parts = Vec::new();
        parts.try_reserve_exact(map.shards().len() + map.servers().count()).map_err(|_| no_memory())?;
        for shard in map.shards() {
            let server = (!shard.gate.is_shut()).then_some(&shard.primary);
            parts.push(Portion::new(*order, Destination::Shard, server, Arc::clone(&shard.gate)));
        }
        if breadth == Breadth::All {
            let is_primary = |one: &Server| map.shards().iter().any(|shard| shard.primary.endpoint == one.endpoint);
            for server in map.servers().filter(|server| !is_primary(server)) {
                parts.push(Portion::new(*order, Destination::Server(Arc::clone(server)), Some(server), Arc::default()));
            }
        }
        self.send_all(many, parts, Merge::Together(together), tries, audience)
    }

    fn in_parts(
        &self,
        many: &Many,
        order: &Order<'_>,
        row: &Command,
        mut split: Split,
        tries: &mut Tries,
        audience: &impl Audience,
    ) -> Result<Reply> {
        self.know(many, order, audience)?;
        let counts = split.counts()?;
        let args = split.arguments(order.args, &counts)?;
        let map = Arc::clone(&many.map());
        let mut parts = Vec::new();
        parts.try_reserve_exact(split.ranges().len()).map_err(|_| no_memory())?;
        for (slot, range) in split.slots().zip(split.ranges()) {
            let args = args.get(range.clone()).unwrap_or_default();
            let room = resp::checked_room(args).map_err(|error| error.with_outcome(Outcome::NotSent))?;
            let shard = map.shard_of(slot);
            let server = shard.filter(|shard| !shard.gate.is_shut()).map(|shard| &shard.primary);
            let gate = shard.map(|shard| Arc::clone(&shard.gate)).unwrap_or_default();
            parts.push(Portion::new(Order { args, room, ..*order }, Destination::Slot(slot), server, gate));
        }
        let merge = match split::together(row) {
            Some(together) => Merge::Together(together),
            None => Merge::InOrder(split.places()?),
        };
        self.send_all(many, parts, merge, tries, audience)
    }

    /// Which servers there are has to be known.
    fn know(&self, many: &Many, order: &Order<'_>, audience: &impl Audience) -> Result<()> {
        if many.map().number != 0 {
            return Ok(());
        }
        let mut kept = audience.kept();
        let found = Walk::new(many, order, Aim::Any, None, self.failover_wait_ms).find(&mut kept);
        audience.show(kept, false);
        match found {
            Err(Err(error)) => Err(error),
            _ => Ok(()),
        }
    }

    fn send_all(
        &self,
        many: &Many,
        mut parts: Vec<Portion<'_>>,
        merge: Merge,
        tries: &mut Tries,
        audience: &impl Audience,
    ) -> Result<Reply> {
        self.retry.begin();
        burst::try_all(self, &mut parts, audience)?;
        let mut ended = None;
        for _ in 0..HOPS_AT_ONCE {
            let mut kept = audience.kept();
            let is_any = moved::follow_redirects(many, &mut parts, self.failover_wait_ms, &mut kept);
            audience.show(kept, false);
            if ended.is_some() || !is_any {
                break;
            }
            // What was sent before has come to its end: what is said of this try is no word about that.
            ended = burst::try_all(self, &mut parts, audience).err();
        }
        for part in parts.iter_mut().filter(|part| part.came.is_none()) {
            let came = match &ended {
                None => self.finish_part(many, part, audience),
                Some(error) => Some(Err(part.unfinished(error))),
            };
            if let Some(Err(error)) = &came
                && error.status == Status::Woken
            {
                ended.get_or_insert_with(|| error.clone());
            }
            part.came = came;
        }
        tries.count = parts.iter().map(|part| part.tries.count).max().unwrap_or(1);
        parts.retain(|part| part.came.is_some());
        conclude(parts, merge, tries, self.options().limits())
    }

    /// The rest of the way of a part. None: the server that it was for is no server of the cluster any more.
    fn finish_part(&self, many: &Many, part: &mut Portion<'_>, audience: &impl Audience) -> Option<Result<Reply>> {
        let Portion { order, to, gate, begun, tries, .. } = part;
        let order = &*order;
        let wait_ms = self.failover_wait_ms;
        let walk = match to {
            Destination::Slot(slot) => Walk::new(many, order, Aim::Slot(*slot), self.reads_of(order), wait_ms),
            Destination::Shard => Walk::to_shard(many, order, gate, wait_ms),
            Destination::Server(server) => {
                let tried = begun.take().map(|(_, tried)| tried);
                return self.insist(many, &Arc::clone(server), order, tried, tries, audience);
            }
        };
        Some(self.walk_on(walk, begun.take(), tries, None, audience, &mut try_plainly))
    }

    /// Try a server that is no primary until it takes the command, or is no server of the cluster any more.
    fn insist(
        &self,
        many: &Many,
        server: &Arc<Server>,
        order: &Order<'_>,
        mut tried: Option<std::result::Result<Reply, Tried>>,
        tries: &mut Tries,
        audience: &impl Audience,
    ) -> Option<Result<Reply>> {
        let walk = Walk::new(many, order, Aim::Any, None, self.failover_wait_ms);
        let mut steps = Steps::default();
        loop {
            let mut kept = audience.kept();
            let came = tried.take().unwrap_or_else(|| {
                tries.count += 1;
                let on = OnServer::new(&server.pool, self.pool_wait_ms, order.wait.deadline);
                order.try_on(on, false, Instant::now(), None, &mut kept)
            });
            let next = match &came {
                Ok(reply) if !reply.is_error() => Next::Tell,
                Ok(reply) => rules::next(&walk.facts, &mut steps, &Met::Refused(reply.text(), None)),
                Err(Tried { error, rested }) => {
                    rules::next(&walk.facts, &mut steps, &Met::Failed { error, rested: *rested })
                }
            };
            let pause = match next {
                Next::Tell | Next::TellSick | Next::Go(..) => None,
                Next::Again(pause) => Some(pause),
                Next::Gate | Next::Repeat => {
                    let whom = Whom { never: Some(server), ..Whom::ALL };
                    many.refresh(Why::Sick, whom, walk.patience, &mut kept);
                    Some(INSISTS_AFTER)
                }
            };
            audience.show(kept, false);
            let came = came.map_err(|tried| tried.error);
            let Some(pause) = pause else { return Some(came) };
            tries.may_have_run |= came.as_ref().is_err_and(|error| error.outcome == Outcome::Unknown);
            if many.map().server_at(&server.endpoint).is_none() && !tries.may_have_run {
                return None;
            }
            if walk.patience.remaining().is_some_and(|left| left <= pause) {
                return Some(came);
            }
            if let Err(ended) = ongoing::pause(pause) {
                return Some(Err(ended.with_outcome(Outcome::NotSent)));
            }
        }
    }
}

/// One reply, or one failure, of all.
fn conclude(parts: Vec<Portion<'_>>, merge: Merge, tries: &mut Tries, limits: Limits) -> Result<Reply> {
    let total = parts.len();
    let is_cut = matches!(parts.first().map(|part| &part.to), Some(Destination::Slot(_)));
    let kind = if is_cut { "parts" } else { "servers" };
    let mut given: Vec<FromServer> = Vec::new();
    let mut failed: Vec<(Arc<str>, Error, Option<Reply>)> = Vec::new();
    let is_good = |part: &&Portion<'_>| matches!(&part.came, Some(Ok(reply)) if !reply.is_error());
    let good = parts.iter().filter(is_good).count();
    let room = given.try_reserve_exact(good).and_then(|()| failed.try_reserve_exact(total - good));
    // What those that failed came to cannot be told for lack of memory either.
    let outcome = if good == total { Outcome::Ran } else { Outcome::Unknown };
    room.map_err(|_| no_memory().with_outcome(outcome))?;
    for mut part in parts {
        let place = part.place();
        match part.came.take() {
            Some(Ok(reply)) if !reply.is_error() => given.push((place, reply)),
            Some(Ok(reply)) => failed.push((place, part.tries.tell(part.order.error(&reply)), Some(reply))),
            Some(Err(error)) => failed.push((place, part.tries.tell(error), None)),
            None => {}
        }
    }
    let will_do = matches!(merge, Merge::Together(Together::One)) && !given.is_empty();
    if failed.is_empty() || will_do {
        return match merge {
            Merge::Together(together) => whole::put_together(together, given, limits),
            Merge::InOrder(places) => whole::put_in_order(&given, &places, limits),
        };
    }
    let outcomes = failed.iter().map(|(_, error, _)| error.outcome);
    let worst = outcomes.reduce(worse).unwrap_or_default();
    let place = failed.iter().position(|(_, error, _)| error.outcome == worst).unwrap_or(0);
    let (endpoint, error, words) = failed.swap_remove(place);
    let rest = failed.iter().map(|(_, error, _)| error.outcome).chain((!given.is_empty()).then_some(Outcome::Ran));
    tries.others = rest.reduce(worse);
    let count = format!("{} of {total} {kind} succeeded", given.len());
    match words {
        Some(reply) => {
            let mut builder = Builder::new();
            let text = [reply.text(), format!(" ({endpoint}; {count})").as_bytes()].concat();
            builder.add_text(Kind::RREDIS_REPLY_ERROR, &text);
            builder.take().map_err(|error| error.with_outcome(Outcome::Unknown))
        }
        None => Err(Error { message: [&error.message[..], format!(" ({count})").as_bytes()].concat(), ..error }),
    }
}

/// Redirects that all parts follow at once. Behind them each goes on by itself.
const HOPS_AT_ONCE: u32 = 2;
/// Between two tries of a server that is no primary.
const INSISTS_AFTER: Duration = Duration::from_millis(50);
