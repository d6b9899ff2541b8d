//! The map of what Sentinels watch: one shard, whose primary they name.
#![forbid(unsafe_code)]

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::super::cluster::refresh::{Refreshed, Whom};
use super::super::many::{Many, Why, count};
use super::super::map::{Map, Server, Shard};
use super::discover::Finding;
use super::ear::BelievedPrimary;
use super::watchers::Watchers;
use crate::conn::{Kept, Lookout, Notice};
use crate::error::{Error, Outcome, Result, Status};
use crate::ongoing;
use crate::options::Endpoint;
use crate::pool::Pool;
use crate::transport::Deadline;

impl Many {
    /// Listen to the Sentinels, if it is time to. Where there is a doubt about the primary, they are asked, by one caller, for whom
    /// the others wait a moment. An error: the call was woken.
    pub(in crate::route) fn heed(&self, deadline: Deadline, kept: &mut Kept) -> Result<()> {
        let Some(watchers) = &self.watchers else { return Ok(()) };
        watchers.tell(kept);
        if !self.is_in_doubt(watchers) {
            return Ok(());
        }
        let deadline = deadline.earlier(Deadline::after_ms(HEED_MS));
        loop {
            match self.refresh(Why::Doubt, Whom::ALL, deadline, kept) {
                Refreshed::NotDue => {}
                Refreshed::Taken | Refreshed::Failed(_) => return Ok(()),
            }
            ongoing::pause(MOMENT).map_err(|ended| ended.with_outcome(Outcome::NotSent))?;
            if deadline.has_passed() || !watchers.ears.is_in_doubt() {
                return Ok(());
            }
        }
    }

    /// Listen, if it is time to. True: there is a doubt.
    pub(in crate::route) fn is_in_doubt(&self, watchers: &Watchers) -> bool {
        let map = self.map();
        let Some(shard) = map.shards().first() else { return false };
        self.listen(watchers, Some(&shard.primary.endpoint), shard.gate.is_shut(), Instant::now())
    }

    fn listen(&self, watchers: &Watchers, primary: Option<&Endpoint>, is_sick: bool, now: Instant) -> bool {
        let (service, epoch) = (watchers.sentinels.service(), self.map().epoch);
        let believed = BelievedPrimary { service, primary, epoch, is_sick };
        watchers.ears.listen(now, &watchers.sentinels, &believed, &|announced| self.reachable(announced))
    }

    /// The primary, as far as is heard of it without waiting. `is_lost`: the caller cannot use the one of the map. None: nobody has
    /// named one yet.
    pub(in crate::route) fn named_now(&self, is_lost: bool, now: Instant, kept: &mut Kept) -> Option<Arc<Server>> {
        let watchers = self.watchers.as_ref()?;
        watchers.tell(kept);
        let before = Arc::clone(&self.map());
        let known = before.shards().first().map(|shard| &shard.primary);
        let doubts = watchers.ears.doubts();
        let is_in_doubt = self.listen(watchers, known.map(|known| &known.endpoint), is_lost || known.is_none(), now);
        if is_in_doubt && watchers.ears.are_deaf() {
            self.refresh(Why::Doubt, Whom::ALL, Deadline::after_ms(HEED_MS), kept);
        }
        if let Some((primary, epoch)) = watchers.ears.latest(before.epoch)
            && known.is_none_or(|known| known.endpoint != primary)
        {
            let replicas = before.servers().map(|server| server.endpoint.clone()).filter(|other| *other != primary);
            let found = Finding { replicas: replicas.collect(), primary, epoch };
            self.change(|present| (present.number == before.number).then(|| self.map_named(present, &found)));
            watchers.ears.settle(doubts, true);
            self.tell_of_change(&before, kept);
        }
        self.map().shards().first().map(|shard| Arc::clone(&shard.primary))
    }

    /// Ask the Sentinels. What they say becomes the map.
    pub(in crate::route) fn rediscover(&self, watchers: &Watchers, deadline: Deadline, kept: &mut Kept) -> Refreshed {
        let doubts = watchers.ears.doubts();
        let epoch = self.map().epoch;
        let found = watchers.sentinels.find(epoch, deadline, &|announced| self.reachable(announced));
        watchers.ears.settle(doubts, found.is_ok());
        let found = match found {
            Ok(found) => found,
            Err(error) => return Refreshed::Failed(error),
        };
        let before = Arc::clone(&self.map());
        self.change(|present| Some(self.map_named(present, &found)));
        self.tell_of_change(&before, kept);
        Refreshed::Taken
    }

    fn map_named(&self, present: &Map, found: &Finding) -> Map {
        let old = present.shards().first();
        let primary = match old.filter(|old| old.primary.endpoint == found.primary) {
            Some(old) => Arc::clone(&old.primary),
            None => {
                let lookout = Arc::new(OfSentinels(Weak::clone(&self.me)));
                self.server_on(&found.primary, Pool::new(self.dial.to_primary(found.primary.clone(), lookout)), None)
            }
        };
        let known = |endpoint: &Endpoint| {
            let replicas = old.iter().flat_map(|old| &old.replicas);
            let mut known = replicas.filter(|replica| replica.endpoint == *endpoint);
            known.next().map_or_else(|| self.server(endpoint, None), Arc::clone)
        };
        let replicas = found.replicas.iter().map(known).collect();
        let gate = old.map(|old| Arc::clone(&old.gate)).unwrap_or_default();
        present.whole(found.epoch, Shard { primary, replicas, gate })
    }

    /// The connections to a primary that is none any more are let go, and the program hears of it.
    fn tell_of_change(&self, before: &Map, kept: &mut Kept) {
        let after = self.map();
        let Some(new) = after.shards().first() else { return };
        if let Some(old) = before.shards().first()
            && old.primary.endpoint != new.primary.endpoint
        {
            if let Some(watchers) = &self.watchers {
                watchers.has_changed();
            }
            old.primary.pool.drop_idle();
            count(&self.figures.failovers);
            let without_ms = old.gate.shut_for().map_or(0, |shut| shut.time.as_millis() as i64);
            kept.notice(Notice::Failover {
                from: Arc::clone(old.primary.pool.dial().endpoint()),
                to: Arc::clone(new.primary.pool.dial().endpoint()),
                without_ms,
            });
        }
        let servers = |map: &Map| map.servers().map(|server| server.endpoint.clone()).collect::<Vec<_>>();
        if servers(before) != servers(&after) {
            kept.notice(Notice::Topology { servers: after.servers().count() as i64, unowned: 0 });
        }
    }
}

/// Looks out for calls that wait for a primary which may be none any more.
struct OfSentinels(Weak<Many>);

impl Lookout for OfSentinels {
    fn look(&self, place: &Endpoint, _: Duration, deadline: Deadline) -> Result<()> {
        let Some(many) = self.0.upgrade() else { return Ok(()) };
        let Some(watchers) = &many.watchers else { return Ok(()) };
        let mut kept = Kept::new(false, 0).with_notices(true);
        let heeded = many.heed(deadline, &mut kept);
        watchers.tell_later(kept.take_notices());
        heeded?;
        let map = many.map();
        let Some(named) = map.shards().first().map(|shard| &shard.primary.endpoint) else { return Ok(()) };
        // What it answers within a moment, it had done before.
        if named == place || watchers.changed_for() < GRACE {
            return Ok(());
        }
        Err(Error::new(Status::Io, format!("no reply came, and the Sentinels name another primary by now: {named}")))
    }
}

/// How long a primary that is none any more may take for what it was asked before.
const GRACE: Duration = Duration::from_millis(100);
/// How long a caller may take to find out who the primary is, where it is in doubt.
const HEED_MS: i64 = 600;
/// Between two looks whether another caller has found out.
const MOMENT: Duration = Duration::from_millis(1);
