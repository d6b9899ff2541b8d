//! A try of each part of a command that has had none: a burst to each server, and all of them driven at once.
#![forbid(unsafe_code)]

use std::sync::Arc;

use crate::commands::Shape;
use crate::conn::{Asking, Ended, Kept, Notice, Several, Until};
use crate::error::{Error, Outcome, Result};
use crate::memory;
use crate::pool::Lease;
use crate::reply::Reply;
use crate::session::Asked;
use crate::transport::Deadline;

use super::super::gate::Gate;
use super::super::map::Server;
use super::super::tries::Tried;
use super::super::trying::{self, OnServer};
use super::super::walk::Target;
use super::super::{Audience, Route};
use super::portion::{Portion, no_memory};

/// What goes to one server.
struct ServerBurst {
    target: Target,
    /// The indexes of its parts.
    parts: Vec<usize>,
    lease: Option<Lease>,
    kept: Kept,
    replies: Vec<Reply>,
    /// Why not all of them came.
    error: Option<Error>,
    rested: bool,
}

/// Send each part to its server, and take what comes. A part that needs another try has none yet, or keeps what it came to.
pub(super) fn try_all(route: &Route, parts: &mut [Portion<'_>], audience: &impl Audience) -> Result<()> {
    let mut bursts = sorted(parts, audience)?;
    lease(route, parts, &mut bursts)?;
    drive(parts, &mut bursts)?;
    for burst in bursts {
        end(parts, burst, audience);
    }
    Ok(())
}

/// The parts of each server. Whoever holds a connection and waits for another takes them in one order: so no two callers wait for
/// each other.
fn sorted(parts: &[Portion<'_>], audience: &impl Audience) -> Result<Vec<ServerBurst>> {
    let mut bursts: Vec<ServerBurst> = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let Some(server) = part.server.as_ref().filter(|_| part.came.is_none() && part.begun.is_none()) else {
            continue;
        };
        let is_there = |burst: &ServerBurst| Arc::ptr_eq(&burst.target.server, server);
        let burst = match bursts.iter().position(is_there) {
            Some(place) => &mut bursts[place],
            None => {
                bursts.try_reserve(1).map_err(|_| no_memory())?;
                bursts.push(ServerBurst::new(server, &part.gate, audience));
                let last = bursts.len() - 1;
                &mut bursts[last]
            }
        };
        burst.parts.try_reserve(1).map_err(|_| no_memory())?;
        burst.parts.push(index);
    }
    let sorted =
        memory::sort(&mut bursts, "the parts of the command", |one, other| one.endpoint().cmp(other.endpoint()));
    sorted.map_err(|_| no_memory())?;
    Ok(bursts)
}

/// A connection to each server. Those that have to be opened are opened at once.
fn lease(route: &Route, parts: &[Portion<'_>], bursts: &mut [ServerBurst]) -> Result<()> {
    let Some(wait) = parts.first().map(|part| part.order.wait) else { return Ok(()) };
    let patience = match bursts.len() {
        1 => wait.deadline,
        _ => wait.deadline.earlier(Deadline::after_ms(CONNECT_MS)),
    };
    let Some(first) = bursts.first_mut() else { return Ok(()) };
    let mut kept = std::mem::replace(&mut first.kept, Kept::new(false, 0));
    let pools = bursts.iter().map(|burst| &burst.target.server.pool);
    let servers = pools.map(|pool| OnServer::new(pool, route.pool_wait_ms, patience));
    let leases = trying::lease_each(servers, &wait, &mut kept);
    if let Some(first) = bursts.first_mut() {
        first.kept = kept;
    }
    let leases = leases.map_err(|error| error.with_outcome(Outcome::NotSent))?;
    for (burst, leased) in bursts.iter_mut().zip(leases) {
        match leased {
            Ok(lease) => {
                burst.rested = lease.rested;
                burst.lease = Some(lease);
            }
            Err(error) => burst.error = Some(error),
        }
    }
    Ok(())
}

fn drive(parts: &[Portion<'_>], bursts: &mut [ServerBurst]) -> Result<()> {
    let Some(wait) = parts.first().map(|part| part.order.wait) else { return Ok(()) };
    let mut several = Several::with_room(bursts.len()).map_err(|error| error.with_outcome(Outcome::NotSent))?;
    let mut driven: Vec<usize> = Vec::new();
    let mut ended: Vec<(Vec<Reply>, Option<Result<()>>)> = Vec::new();
    let room = driven.try_reserve_exact(bursts.len()).and_then(|()| ended.try_reserve_exact(bursts.len()));
    room.map_err(|_| no_memory())?;
    for (index, burst) in bursts.iter_mut().enumerate() {
        let Some(lease) = &mut burst.lease else { continue };
        let mut commands: Vec<Asked<'_>> = Vec::new();
        let askings = burst.parts.iter().filter(|part| parts[**part].asking).count();
        commands.try_reserve_exact(burst.parts.len() + askings).map_err(|_| no_memory())?;
        for part in burst.parts.iter().map(|part| &parts[*part]) {
            commands.extend(part.asking.then(|| Asked::plain(&[b"ASKING"], Shape::KEEP)));
            commands.push(part.order.asked());
        }
        match Asking::new(lease, &commands, &wait) {
            Ok(asking) => {
                several.add(lease, &mut burst.kept, asking);
                driven.push(index);
            }
            Err(error) => burst.error = Some(error),
        }
    }
    several.drive(|| Until::from(wait.deadline), |_, _, _| false);
    ended.extend(several.end().map(|Ended { goal, result }| (goal.replies, result)));
    for (index, (replies, result)) in driven.into_iter().zip(ended) {
        bursts[index].replies = replies;
        bursts[index].error = result.and_then(Result::err);
    }
    Ok(())
}

/// The connection goes back, and each part has what it came to.
fn end(parts: &mut [Portion<'_>], burst: ServerBurst, audience: &impl Audience) {
    let ServerBurst { target, parts: indexes, lease, mut kept, replies, error, rested } = burst;
    let rested = rested && replies.is_empty();
    let replies = of_parts(parts, &indexes, replies);
    if let Some(mut lease) = lease {
        for (index, reply) in indexes.iter().zip(&replies) {
            lease.heed(parts[*index].order.row, reply);
        }
        match &error {
            None => lease.give_back(),
            Some(error) => kept.notice(Notice::lost(&lease, error)),
        }
    }
    audience.show(kept, false);
    let mut replies = replies.into_iter();
    for index in indexes {
        let part = &mut parts[index];
        part.tries.count += 1;
        match (replies.next(), &error) {
            (Some(reply), _) if !reply.is_error() => part.came = Some(Ok(reply)),
            (Some(reply), _) => part.begun = Some((target.again(), Ok(reply))),
            (None, Some(error)) => part.begun = Some((target.again(), Err(Tried { error: error.clone(), rested }))),
            // It goes on as if it had not begun.
            (None, None) => part.tries.count -= 1,
        }
    }
}

/// The replies to the parts, without those to ASKING.
fn of_parts(parts: &[Portion<'_>], indexes: &[usize], mut replies: Vec<Reply>) -> Vec<Reply> {
    let mut askings = indexes.iter().flat_map(|index| if parts[*index].asking { &[true, false][..] } else { &[false] });
    replies.retain(|_| askings.next() == Some(&false));
    replies
}

impl ServerBurst {
    fn new(server: &Arc<Server>, gate: &Arc<Gate>, audience: &impl Audience) -> ServerBurst {
        ServerBurst {
            target: Target::new(Arc::clone(server), Arc::clone(gate), Deadline::never()),
            parts: Vec::new(),
            lease: None,
            kept: audience.kept(),
            replies: Vec::new(),
            error: None,
            rested: false,
        }
    }

    fn endpoint(&self) -> &str {
        self.target.server.pool.dial().endpoint()
    }
}

/// How long a server may take to be connected to while others wait for that.
const CONNECT_MS: i64 = 1000;
