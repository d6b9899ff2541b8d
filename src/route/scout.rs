//! The rounds of a scout: whether a replica has become the primary, whether another server knows of a new one, and a pause.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cluster::refresh::{Refreshed, Whom};
use super::many::{Many, Why, count};
use super::map::{Server, Shard};
use super::retry::random;
use super::sentinel::answers;
use super::sentinel::watchers::Watchers;
use crate::commands::Shape;
use crate::conn::{Kept, Notice, Wait};
use crate::error::{Error, Result, Status};
use crate::ongoing;
use crate::reply::Reply;
use crate::transport::Deadline;

/// How far a scout has come.
#[derive(Default)]
pub(super) struct ScoutRounds {
    count: u32,
    /// What was heard last of whom was asked for a map.
    heard: Option<Error>,
}

impl ScoutRounds {
    /// How many there were.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Why the primary cannot be used, as far as it was heard last.
    pub(super) fn hear(&mut self, error: Error) {
        self.heard = Some(error);
    }

    /// How long a server may take to be connected to in this round. Where Sentinels are to be listened to meanwhile it grows
    /// later.
    pub(super) fn patience_ms(&self, many: &Many) -> i64 {
        let doublings = if many.is_cluster() { self.count } else { self.count / LISTENED_ROUNDS };
        CONNECT_MS << doublings.min(4)
    }

    /// One round of a shard whose primary cannot be used; of all that is known where there is no shard. None: there is news.
    /// Otherwise what was heard last. An error: the call was woken.
    pub(super) fn round(
        &mut self,
        many: &Many,
        shard: Option<&Arc<Shard>>,
        deadline: Deadline,
        kept: &mut Kept,
    ) -> Result<Option<Error>> {
        if let Some(watchers) = &many.watchers {
            return self.listen(many, watchers, shard, deadline, kept);
        }
        if look_for_promoted(many, shard, self.patience_ms(many), deadline, kept)? {
            return Ok(None);
        }
        let whom = Whom { never: shard.map(|shard| &shard.primary), ..Whom::ALL };
        match many.refresh(Why::Sick, whom, deadline, kept) {
            Refreshed::Taken if shard.is_none_or(|shard| many.map().gate_of(&shard.primary.endpoint).is_none()) => {
                return Ok(None);
            }
            Refreshed::Failed(error) if error.status == Status::Woken => return Err(error),
            Refreshed::Failed(error) => self.heard = Some(error),
            // Another caller has asked just now.
            Refreshed::NotDue if self.heard.is_none() => self.heard = many.why_unread(),
            Refreshed::Taken | Refreshed::NotDue => {}
        }
        let longest = (10u64 << self.count.min(3)).min(50);
        self.end(Duration::from_millis(longest / 2 + random() % (longest / 2 + 1)), deadline)
    }

    /// One round where Sentinels name the primary: they are asked now and then, and as soon as one of them is heard to name
    /// another. What a replica says of itself may be called off.
    fn listen(
        &mut self,
        many: &Many,
        watchers: &Watchers,
        shard: Option<&Arc<Shard>>,
        deadline: Deadline,
        kept: &mut Kept,
    ) -> Result<Option<Error>> {
        let why = if many.is_in_doubt(watchers) { Why::Doubt } else { Why::Sick };
        match many.refresh(why, Whom::ALL, deadline, kept) {
            Refreshed::Failed(error) if error.status == Status::Woken => return Err(error),
            Refreshed::Failed(error) => self.heard = Some(error),
            // Another caller has asked just now.
            Refreshed::NotDue if self.heard.is_none() => self.heard = many.why_unread(),
            Refreshed::Taken | Refreshed::NotDue => {}
        }
        let named = many.map().shards().first().map(|shard| shard.primary.endpoint.clone());
        if named.is_some() && named.as_ref() != shard.map(|shard| &shard.primary.endpoint) {
            return Ok(None);
        }
        self.end(LISTENING_PAUSE, deadline)
    }

    /// The round ends without news.
    fn end(&mut self, pause: Duration, deadline: Deadline) -> Result<Option<Error>> {
        self.count += 1;
        ongoing::pause(deadline.remaining().map_or(pause, |left| left.min(pause)))?;
        Ok(Some(self.heard.clone().unwrap_or_else(|| Error::new(Status::Connect, "no server takes commands for it"))))
    }
}

/// Why a primary cannot be used: it does not answer, or has become a replica. None: it lives. An error reply is an answer, for the
/// role may be nobody's to ask. An error: the call was woken.
pub(super) fn why_dead(
    server: &Arc<Server>,
    patience_ms: i64,
    deadline: Deadline,
    kept: &mut Kept,
) -> Result<Option<Error>> {
    Ok(match role(server, patience_ms, deadline, kept)? {
        Ok(role) if role.is_error() || answers::is_primary(&role) => None,
        Ok(_) => Some(Error::new(Status::Connect, "the server is a replica").at(server.pool.dial().endpoint())),
        Err(error) => Some(error),
    })
}

/// Ask the replicas of a shard whether one of them has become the primary. True: it has, and the map says so.
pub(super) fn look_for_promoted(
    many: &Many,
    shard: Option<&Arc<Shard>>,
    patience_ms: i64,
    deadline: Deadline,
    kept: &mut Kept,
) -> Result<bool> {
    for replica in shard.iter().flat_map(|shard| &shard.replicas) {
        if is_primary(replica, patience_ms, deadline, kept)? && promote(many, shard, replica, kept) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a replica says that it is a primary.
fn is_primary(server: &Arc<Server>, patience_ms: i64, deadline: Deadline, kept: &mut Kept) -> Result<bool> {
    Ok(role(server, patience_ms, deadline, kept)?.is_ok_and(|role| answers::is_primary(&role)))
}

/// What a server answers to ROLE, or why it does not. The outer error: the call was woken.
fn role(server: &Arc<Server>, patience_ms: i64, deadline: Deadline, kept: &mut Kept) -> Result<Result<Reply>> {
    let deadline = deadline.earlier(Deadline::after_ms(patience_ms));
    let wait = Wait { deadline, allowed_ms: patience_ms, name: b"ROLE" };
    let mut asked = || -> Result<Reply> {
        let mut lease = server.pool.lease(&mut Instant::now(), deadline, patience_ms, kept)?;
        let ticket = lease.submit(&[b"ROLE"], Shape::KEEP)?;
        let reply = lease.reply_to(ticket, &wait, kept)?;
        lease.give_back();
        Ok(reply)
    };
    match asked() {
        Err(error) if matches!(error.status, Status::Woken | Status::Forked) => Err(error),
        asked => Ok(asked),
    }
}

/// A replica has become the primary of its shard.
pub(super) fn promote(many: &Many, shard: Option<&Arc<Shard>>, replica: &Arc<Server>, kept: &mut Kept) -> bool {
    let Some(old) = shard.map(|shard| &shard.primary) else { return false };
    let is_promoted = many.change(|present| {
        let shard = present.shards().iter().find(|shard| shard.primary.endpoint == old.endpoint)?;
        shard.has_replica(&replica.endpoint).then(|| present.with_primary(shard, replica))
    });
    if is_promoted {
        count(&many.figures.failovers);
        let without_ms = shard.and_then(|shard| shard.gate.shut_for()).map_or(0, |shut| shut.time.as_millis() as i64);
        kept.notice(Notice::Failover {
            from: Arc::clone(old.pool.dial().endpoint()),
            to: Arc::clone(replica.pool.dial().endpoint()),
            without_ms,
        });
    }
    // Whoever was faster has made it so.
    true
}

/// Rounds after which the primary gets more time to be connected to, where Sentinels are listened to.
const LISTENED_ROUNDS: u32 = 4;
/// The pause between two rounds in which Sentinels are listened to.
const LISTENING_PAUSE: Duration = Duration::from_millis(20);
/// How long a server may take to be connected to, in a scout's first round.
const CONNECT_MS: i64 = 250;
