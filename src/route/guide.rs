//! What a driver asks that never waits: which server of a cluster is for what, as the present map says. It has the map read anew where that
//! is doubtful.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cluster::inquiry::Inquiry;
use super::cluster::redirect::{Redirect, redirect};
use super::cluster::refresh::{Refreshed, Whom};
use super::gate::Gate;
use super::many::{Many, Why, count};
use super::map::{Map, Server, Shard};
use super::overdue::{BETWEEN_MS, OVERDUE, Overdue, replaced};
use super::retry::random;
use super::roles::Roles;
use crate::conn::{Dial, Kept};
use crate::error::{Error, Result, Status};
use crate::line::{NumberedLine, Silence};
use crate::options::Endpoint;
use crate::transport::Deadline;
use crate::transport::poller::Poller;

/// The way to the servers of a cluster, of one driver.
pub struct Guide {
    pub(super) many: Arc<Many>,
    /// The slot whose owner is meant, where not all servers are.
    pub(super) at: Option<u16>,
    /// How long a command may wait for a server to take over; negative: as long as it may take.
    pub(super) failover_wait_ms: i64,
    /// The map is being read.
    inquiry: Option<Inquiry>,
    /// The map is to be read as soon as it may be: whom to ask first, and whom a redirect named.
    doubt: Option<Doubt>,
    /// Why the map could not be read when that was tried last.
    heard: Option<Error>,
    /// Replicas that are asked whether they have become primaries.
    roles: Roles,
    /// Shards whose primary could not be used.
    pub(super) sick: Vec<SickShard>,
}

/// A shard whose primary could not be used, and what is done about it here. It keeps no other caller from looking for the primary:
/// who steps a driver may stop doing so.
pub(super) struct SickShard {
    pub(super) gate: Arc<Gate>,
    /// When its primary is tried again.
    pub(super) next_at: Instant,
    /// A command is on its way to find out.
    pub(super) is_tried: bool,
    pub(super) rounds: u32,
}

/// Why the map is to be read anew.
#[derive(Default)]
pub(super) struct Doubt {
    pub(super) first: Option<Arc<Server>>,
    pub(super) never: Option<Arc<Server>>,
    pub(super) named: Option<Endpoint>,
}

impl Guide {
    pub(super) fn new(many: Arc<Many>, at: Option<u16>, failover_wait_ms: i64) -> Guide {
        let (inquiry, doubt, heard, roles) = (None, None, None, Roles::default());
        Guide { many, at, failover_wait_ms, inquiry, doubt, heard, roles, sick: Vec::new() }
    }

    /// Which map is the present one. 0: none was read yet.
    pub fn number(&self) -> u64 {
        self.many.map().number
    }

    /// How to reach a primary, any one, and if possible none of these, which have just failed.
    pub fn any_but(&self, failed: &[Endpoint]) -> Option<Dial> {
        if let Some(slot) = self.at {
            return self.owner(slot);
        }
        let map = self.many.map();
        let others = map.shards().iter().filter(|shard| !failed.contains(&shard.primary.endpoint));
        let others: Vec<&Arc<Shard>> = others.filter(|shard| !shard.gate.is_shut()).collect();
        let chosen = others.get(random() as usize % others.len().max(1)).copied();
        chosen.or_else(|| map.any(random() as usize)).map(|shard| shard.primary.pool.dial().clone())
    }

    /// How to reach the primary that has this slot.
    pub fn owner(&self, slot: u16) -> Option<Dial> {
        self.many.map().shard_of(slot).map(|shard| shard.primary.pool.dial().clone())
    }

    /// Whether the server at this endpoint is of the cluster, so that a message to any channel reaches it.
    pub fn has_channels(&self, endpoint: &Endpoint) -> bool {
        let map = self.many.map();
        match self.at {
            Some(slot) => map.shard_of(slot).is_some_and(|shard| shard.primary.endpoint == *endpoint),
            None => map.server_at(endpoint).is_some(),
        }
    }

    /// Whether the server at this endpoint is a primary, so that commands go there.
    pub fn takes_commands(&self, endpoint: &Endpoint) -> bool {
        self.many.map().shards().iter().any(|shard| shard.primary.endpoint == *endpoint)
    }

    /// Whether the server at this endpoint has this slot, or is a replica of the one that has.
    pub fn is_of_slot(&self, endpoint: &Endpoint, slot: u16) -> bool {
        let map = self.many.map();
        map.shard_of(slot).is_some_and(|shard| shard.primary.endpoint == *endpoint || shard.has_replica(endpoint))
    }

    /// Read the first map, if there is none yet: this waits.
    pub fn read_first(&self, deadline: Deadline, kept: &mut Kept) -> Result<()> {
        self.many.know(deadline, kept)
    }

    /// Read the map anew, where that may be done now: this waits. An error: the call was woken.
    pub fn read_anew(&self, deadline: Deadline, kept: &mut Kept) -> Result<()> {
        match self.many.refresh(Why::Sick, Whom::ALL, deadline, kept) {
            Refreshed::Failed(error) if error.status == Status::Woken => Err(error),
            _ => Ok(()),
        }
    }

    /// A server that refers to another in these words: the slot is that one's from now on. True: the map says so by now; otherwise
    /// it is read anew.
    pub fn moved(&mut self, words: &[u8], by: &Endpoint) -> bool {
        let said = redirect(words, by, &|announced| self.many.reachable(announced));
        let map = Arc::clone(&self.many.map());
        let first = map.server_at(by).cloned();
        let Some(Redirect::Moved { slot, to }) = said.filter(|said| !is_to(said, by)) else {
            self.doubt(Doubt { first, ..Doubt::default() });
            return false;
        };
        count(&self.many.figures.moved);
        match map.server_at(&to) {
            Some(server) => {
                self.has_slot(slot, server);
                true
            }
            None => {
                self.doubt(Doubt { first, named: Some(to), never: None });
                false
            }
        }
    }

    /// This server has this slot, as another one says.
    pub(super) fn has_slot(&self, slot: u16, server: &Arc<Server>) {
        self.many.change(|present: &Map| {
            let is_owner = present.shard_of(slot).is_some_and(|shard| shard.primary.endpoint == server.endpoint);
            (!is_owner).then(|| present.with_slot(slot, server))
        });
    }

    /// A server cannot be used, or a slot has none: the map is to be read anew.
    pub fn is_in_doubt(&mut self) {
        self.doubt(Doubt::default());
    }

    /// The primary of the shard with this gate cannot be used. Its replica may be the primary by now, and knows of that first.
    pub(super) fn is_in_doubt_of(&mut self, gate: &Arc<Gate>) {
        let map = Arc::clone(&self.many.map());
        let shard = map.shards().iter().find(|shard| Arc::ptr_eq(&shard.gate, gate));
        let first =
            shard.and_then(|shard| shard.replicas.get(random() as usize % shard.replicas.len().max(1)).cloned());
        self.doubt(Doubt { first, never: shard.map(|shard| Arc::clone(&shard.primary)), named: None });
    }

    /// The map is in doubt, for this reason.
    pub(super) fn doubt(&mut self, doubt: Doubt) {
        match &mut self.doubt {
            Some(before) if before.named.is_some() => {}
            before => *before = Some(doubt),
        }
    }

    /// Whether the map is being read, or is to be.
    pub fn is_asking(&self) -> bool {
        self.inquiry.is_some() || self.doubt.is_some()
    }

    /// Whether anything but the lines of the driver is watched for it, or is to be.
    pub fn is_busy(&self) -> bool {
        self.is_asking() || self.roles.are_any()
    }

    /// If a line's server has been silent for long, find out whether it is still the one to wait for, without waiting. An error:
    /// another server has taken its place, and nothing is awaited of this one any more.
    pub fn look_after(&mut self, line: &mut NumberedLine, silence: &mut Silence, now: Instant) -> Result<()> {
        let Some(waited) = silence.measure(line, now, OVERDUE, BETWEEN) else { return Ok(()) };
        match self.many.due(line.dial().place(), waited) {
            Overdue::Waits => Ok(()),
            Overdue::Asks(shard) => {
                self.roles.ask(&shard, now);
                Ok(())
            }
            Overdue::IsOver => Err(replaced()),
        }
    }

    /// The same for a line that only listens. It may do so elsewhere: so it stays at no server that is silent and no primary,
    /// whenever that was replaced.
    pub fn look_after_listener(&mut self, line: &mut NumberedLine, silence: &mut Silence, now: Instant) -> Result<()> {
        self.look_after(line, silence, now)?;
        let stays = silence.lasted(now) < OVERDUE || self.takes_commands(line.dial().place());
        if stays { Ok(()) } else { Err(replaced()) }
    }

    /// Why the map could not be read when that was tried last.
    pub fn heard(&self) -> Option<&Error> {
        self.heard.as_ref()
    }

    /// Go on reading the map, if it is in doubt, as far as that is possible without waiting. True: a reading has ended.
    pub fn step(&mut self, poller: &Poller, now: Instant, readable: bool, kept: &mut Kept) -> bool {
        self.roles.step(&self.many, poller, now, readable, kept);
        if self.inquiry.is_none() && self.doubt.is_some() && self.many.begin_reading(Why::Sick).is_some() {
            let Doubt { first, never, named } = self.doubt.take().unwrap_or_default();
            let whom = Whom { first: first.as_ref(), never: never.as_ref(), ..Whom::ALL };
            self.inquiry = Some(Inquiry::new(&self.many, whom, named));
        }
        // Slots have moved, or the map is old.
        let is_due = || Many::is_due(&self.many.map(), now);
        if self.inquiry.is_none() && self.number() != 0 && is_due() && self.many.begin_reading(Why::Moved).is_some() {
            self.inquiry = Some(Inquiry::new(&self.many, Whom::ALL, None));
        }
        let Some(inquiry) = &mut self.inquiry else { return false };
        let Some(read) = inquiry.step(&self.many, poller, now, readable, kept) else { return false };
        inquiry.disband(poller);
        self.inquiry = None;
        self.heard = read.err();
        true
    }

    /// When to go on whatever the poller shows.
    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        let reading = match (&self.inquiry, &self.doubt) {
            (Some(inquiry), _) => inquiry.deadline(),
            (None, Some(_)) => now.checked_add(DOUBT),
            (None, None) => None,
        };
        reading.into_iter().chain(self.roles.deadline(now)).min()
    }

    /// Let the poller watch nothing for it any more.
    pub fn disband(&mut self, poller: &Poller) {
        self.roles.disband(poller);
        if let Some(inquiry) = &mut self.inquiry {
            inquiry.disband(poller);
        }
    }
}

fn is_to(said: &Redirect, by: &Endpoint) -> bool {
    matches!(said, Redirect::Moved { to, .. } | Redirect::Ask { to, .. } if to == by)
}

/// Between two looks at a server that is silent.
const BETWEEN: Duration = Duration::from_millis(BETWEEN_MS);
/// How long to wait before it is looked again whether the map may be read.
const DOUBT: Duration = Duration::from_millis(20);
