//! Asking the replicas of a shard whether one of them has become its primary, without waiting: over lines that a driver steps.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::many::Many;
use super::map::{Server, Shard};
use super::overdue::{BETWEEN_MS, PATIENCE_MS};
use super::scout::promote;
use super::sentinel::answers;
use crate::commands::{Effect, Shape};
use crate::conn::{Kept, Notice};
use crate::line::{Came, Line, Submission, Transition, Watched};
use crate::resp;
use crate::transport::poller::Poller;

/// The replicas that a driver asks.
#[derive(Default)]
pub(super) struct Roles {
    asked: Vec<AskedReplica>,
    /// There is a question that no step has seen yet.
    is_any_new: bool,
}

/// One replica that is asked, or was a moment ago.
struct AskedReplica {
    replica: Arc<Server>,
    /// Whose place it may have taken.
    primary: Arc<Server>,
    watched: Watched<()>,
    /// Until when its connection is kept, to be asked again.
    kept_until: Instant,
}

impl Roles {
    /// Ask those of this shard, all at once.
    pub(super) fn ask(&mut self, shard: &Shard, now: Instant) {
        self.is_any_new = true;
        for replica in &shard.replicas {
            let place = self.asked.iter().position(|asked| asked.replica.endpoint == replica.endpoint);
            let place = place.unwrap_or_else(|| {
                self.asked.push(AskedReplica::new(replica, &shard.primary, now));
                self.asked.len() - 1
            });
            if let Some(asked) = self.asked.get_mut(place) {
                asked.primary = Arc::clone(&shard.primary);
                asked.ask(now);
            }
        }
    }

    /// Go on, as far as that is possible without waiting. A replica that has become the primary is that in the next map.
    pub(super) fn step(&mut self, many: &Many, poller: &Poller, now: Instant, readable: bool, kept: &mut Kept) {
        self.is_any_new = false;
        for asked in &mut self.asked {
            if !asked.step(poller, now, readable, kept) {
                continue;
            }
            let map = Arc::clone(&many.map());
            let shard = map.shards().iter().find(|shard| shard.primary.endpoint == asked.primary.endpoint);
            promote(many, shard, &asked.replica, kept);
        }
        self.asked.retain_mut(|asked| {
            let is_kept = asked.kept_until > now;
            if !is_kept {
                asked.watched.forget(poller);
            }
            is_kept
        });
    }

    /// When to go on whatever the poller shows.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        if self.is_any_new {
            return Some(now);
        }
        let of = |asked: &AskedReplica| asked.watched.line.deadline().into_iter().chain([asked.kept_until]).min();
        self.asked.iter().filter_map(of).min()
    }

    /// Whether there are connections to any.
    pub(super) fn are_any(&self) -> bool {
        !self.asked.is_empty()
    }

    /// Let the poller watch nothing of it any more.
    pub(super) fn disband(&mut self, poller: &Poller) {
        self.asked.iter_mut().for_each(|asked| asked.watched.forget(poller));
    }
}

impl AskedReplica {
    fn new(replica: &Arc<Server>, primary: &Arc<Server>, now: Instant) -> AskedReplica {
        let line = Line::new(replica.pool.dial().clone(), PATIENCE_MS, Box::new(|_| Duration::ZERO));
        let (replica, primary) = (Arc::clone(replica), Arc::clone(primary));
        AskedReplica { replica, primary, watched: Watched::new(line), kept_until: now }
    }

    fn ask(&mut self, now: Instant) {
        self.kept_until = now + KEPT;
        // What it was asked before it has still to answer.
        if self.watched.line.under_way().0 > 0 {
            return;
        }
        let args: [&[u8]; 1] = [b"ROLE"];
        // Without memory it is as silent as a server may be.
        let _ = resp::checked_room(&args).and_then(|room| {
            let deadline = now.checked_add(Duration::from_millis(PATIENCE_MS as u64));
            let effect = Effect::None;
            let submission = Submission { token: (), shape: Shape::KEEP, room, deadline, once: true, effect };
            self.watched.line.submit(&args, submission, || now)
        });
    }

    /// Go on. Whether it says that it is a primary.
    fn step(&mut self, poller: &Poller, now: Instant, readable: bool, kept: &mut Kept) -> bool {
        self.watched.step(poller, now, readable);
        let mut is_primary = false;
        while let Some(came) = self.watched.line.take(|| now) {
            if let Came::Reply((), role) = came {
                is_primary |= !role.is_error() && answers::is_primary(&role);
            }
        }
        let followed = self.watched.follow(poller, |change| match change {
            Transition::Opened { notice } => kept.notice(notice),
            Transition::Lost { connection, error } => kept.notice(Notice::lost(&connection, &error)),
            Transition::Left { .. } => {}
        });
        if let Err(error) = followed {
            self.watched.line.fail(error, now);
        }
        is_primary
    }
}

/// How long a connection to a replica is kept that may be asked again.
const KEPT: Duration = Duration::from_millis(4 * BETWEEN_MS);
