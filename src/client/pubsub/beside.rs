//! Where there are many servers: a line to each that has the slot of a shard channel, beside the line for channels and patterns;
//! and the map, which says who has what.
//!
//! A shard channel is moved when its server ends the subscription, answers MOVED, or cannot be reached while the map names
//! another. It is subscribed at the other server first; what may have been missed until then is a gap, told there.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::commands::{SLOTS, Topic, slot};
use crate::conn::{Connection, Dial, Kept, Stepped};
use crate::error::{Error, Result, Status};
use crate::line::{Adrift, Line, Silence, Transition, Watched};
use crate::memory;
use crate::options::Endpoint;
use crate::reply::Reply;
use crate::route::Guide;
use crate::transport::poller::Poller;
use crate::transport::{Deadline, Step};

use super::by_slot::{by_slot, no_memory, owned, slices, sorted};
use super::looking::{Connecting, News, line_to, look_at};

/// The lines beside the one for channels and patterns.
pub(super) struct Beside {
    client: Client,
    pub(super) guide: Guide,
    pub(super) parts: Vec<ShardLine>,
    /// Names that no server is known to have, or that were sent from one server to another too often.
    adrift: VecDeque<Adrift>,
    /// Of how many slots, at the most, names were asked for.
    slots: usize,
    /// When these are looked at again, whether the map has changed by then or not.
    again_at: Option<Instant>,
    /// Which map was looked at.
    number: u64,
    /// How often a server said lately that another has a slot, and when the last one did.
    hops: u32,
    hopped: Option<Instant>,
    /// The silence of the server for channels and patterns.
    home_silence: Silence,
}

/// A line for shard channels of one server.
pub(super) struct ShardLine {
    pub(super) watched: Watched<Infallible>,
    /// Without a connection: which map still named this server.
    checked: Option<u64>,
    /// Names were asked for there.
    is_used: bool,
    /// Another server has taken the place of this one.
    is_replaced: bool,
}

impl ShardLine {
    pub(super) fn line(&mut self) -> &mut Line<Infallible> {
        &mut self.watched.line
    }

    fn place(&self) -> &Endpoint {
        self.watched.line.dial().place()
    }

    fn is_over(&self) -> bool {
        let line = &self.watched.line;
        let is_empty = line.subscriptions().is_empty() && line.subscriptions().is_settled() && !line.holds_more();
        is_empty && (self.is_used || !line.is_open())
    }
}

impl Beside {
    pub(super) fn new(client: &Client, guide: Guide) -> Beside {
        Beside {
            client: client.clone(),
            guide,
            parts: Vec::new(),
            adrift: VecDeque::new(),
            slots: 0,
            again_at: None,
            number: 0,
            hops: 0,
            hopped: None,
            home_silence: Silence::default(),
        }
    }

    /// Whether it is known which servers there are.
    pub(super) fn has_map(&self) -> bool {
        self.guide.number() != 0
    }

    pub(super) fn wants(&self, topic: Topic, name: &[u8]) -> bool {
        self.names().any(|wanted| wanted == (topic, name))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = (Topic, &[u8])> {
        let adrift = self.adrift.iter().flat_map(|adrift| &adrift.names);
        let adrift = adrift.map(|name| (Topic::Shard, name.as_slice()));
        self.parts.iter().flat_map(|part| part.watched.line.subscriptions().names()).chain(adrift)
    }

    pub(super) fn why_down(&self) -> Option<&Error> {
        let down = self.parts.iter().filter(|part| !part.watched.line.is_open());
        down.filter_map(|part| part.watched.line.why_down()).next().or_else(|| self.guide.heard())
    }

    /// Want shard channels, or want them no more: all of them, where there is no name. False: not all could be asked for yet.
    pub(super) fn ask(&mut self, subscribes: bool, names: &[&[u8]]) -> Result<bool> {
        if !subscribes {
            return self.unsubscribe(names);
        }
        let sorted = sorted(names)?;
        // Whatever is asked for may have to be laid by.
        self.slots =
            (self.slots + sorted.chunk_by(|one, other| slot(one) == slot(other)).count()).min(usize::from(SLOTS));
        self.adrift.try_reserve(self.slots.saturating_sub(self.adrift.len())).map_err(|_| no_memory())?;
        let mut is_asked = true;
        for names in sorted.chunk_by(|one, other| slot(one) == slot(other)) {
            let slot = names.first().map_or(0, |name| slot(name));
            match self.guide.owner(slot) {
                Some(dial) => {
                    let part = self.part(dial);
                    part.is_used = true;
                    is_asked &= part.line().ask(Topic::Shard, true, names, Instant::now)?;
                }
                None => {
                    let names = owned(names.iter().copied())?;
                    self.lay_by(Adrift { names, said: None, gap: None }, Duration::ZERO);
                    is_asked = false;
                }
            }
        }
        Ok(is_asked)
    }

    fn unsubscribe(&mut self, names: &[&[u8]]) -> Result<bool> {
        let is_named = |name: &[u8]| names.is_empty() || names.contains(&name);
        for adrift in &mut self.adrift {
            adrift.names.retain(|name| !is_named(name));
        }
        let mut is_asked = true;
        for part in &mut self.parts {
            let wanted = part.watched.line.subscriptions().names();
            let mut ended = owned(wanted.map(|(_, name)| name).filter(|name| is_named(name)))?;
            memory::sort(&mut ended, "the channels", |one, other| slot(one).cmp(&slot(other)))?;
            for names in ended.chunk_by(|one, other| slot(one) == slot(other)) {
                is_asked &= part.line().ask(Topic::Shard, false, &slices(names)?, Instant::now)?;
            }
        }
        Ok(is_asked)
    }

    /// What came first in what these lines have read.
    pub(super) fn look(&mut self, confirmations: bool, told: &mut News) -> Result<Option<Reply>> {
        let mut adrift = Vec::new();
        let mut seen = Ok(None);
        for part in &mut self.parts {
            let place = part.place().clone();
            seen = look_at(part.line(), confirmations, told, |names| adrift.push((place.clone(), names)));
            if !matches!(seen, Ok(None)) {
                break;
            }
        }
        for (by, names) in adrift {
            self.float(names, Some(&by));
        }
        seen
    }

    /// Names of one slot are to be subscribed with whoever has it. `by`: who has them no more.
    fn float(&mut self, adrift: Adrift, by: Option<&Endpoint>) {
        let Some(slot) = adrift.names.first().map(|name| slot(name)) else { return };
        if let (Some(words), Some(by)) = (&adrift.said, by) {
            let now = Instant::now();
            let is_lately = self.hopped.is_some_and(|hopped| now.duration_since(hopped) < HOPS_WITHIN);
            self.hops = if is_lately { self.hops.saturating_add(1) } else { 1 };
            self.hopped = Some(now);
            // The end of a migration is told to one server before the other, and until both know it each names the other.
            let is_known = self.guide.moved(words, by);
            if !is_known || self.hops > HOPS_MAX {
                return self.lay_by(Adrift { said: None, ..adrift }, HOP_PAUSE);
            }
        }
        let Some(dial) = self.guide.owner(slot) else { return self.lay_by(adrift, HOP_PAUSE) };
        let part = self.part(dial);
        part.is_used = true;
        let asked = slices(&adrift.names)
            .and_then(|names| part.line().ask_behind(Topic::Shard, &names, adrift.gap.clone(), Instant::now()));
        if asked.is_err() {
            self.lay_by(adrift, HOP_PAUSE);
        }
    }

    /// Keep names until the map has changed, or for so long.
    fn lay_by(&mut self, adrift: Adrift, pause: Duration) {
        self.guide.is_in_doubt();
        self.adrift.push_back(adrift);
        let at = Instant::now() + pause.max(HOP_PAUSE);
        self.again_at = Some(self.again_at.map_or(at, |before| before.min(at)));
    }

    /// The line to this server. If there is none yet, there is one now.
    pub(super) fn part(&mut self, dial: Dial) -> &mut ShardLine {
        let place = self.parts.iter().position(|part| part.place() == dial.place());
        let place = place.unwrap_or_else(|| {
            let mut line = line_to(&self.client, dial).is_of_slots();
            line.asks_soon();
            let watched = Watched::new(line);
            self.parts.push(ShardLine { watched, checked: None, is_used: false, is_replaced: false });
            self.parts.len() - 1
        });
        &mut self.parts[place]
    }

    /// Go on reading the map where it is in doubt, and do what a new one asks for. `home` is the line for channels and patterns.
    pub(super) fn tend(
        &mut self,
        home: &mut Line<Infallible>,
        poller: &Poller,
        now: Instant,
        readable: bool,
        told: &mut News,
    ) {
        let is_wanted = self.parts.iter().any(|part| !part.watched.line.subscriptions().is_empty())
            || !self.adrift.is_empty()
            || !home.subscriptions().is_empty();
        if !self.has_map() && is_wanted {
            self.guide.is_in_doubt();
        }
        let mut kept = Kept::new(false, 0).with_notices(true);
        self.guide.step(poller, now, readable, &mut kept);
        told.notices.extend(kept.take_notices());
        let number = self.guide.number();
        let is_new = std::mem::replace(&mut self.number, number) != number;
        if is_new && home.is_open() && !self.guide.has_channels(home.dial().place()) {
            home.fail(Error::new(Status::Io, "the server is none of the present ones any more"), now);
            home.hurry();
        }
        for place in 0..self.parts.len() {
            self.leave_if_elsewhere(place, number, now);
        }
        if is_new || self.again_at.is_some_and(|again_at| again_at <= now) {
            self.again_at = None;
            // In place, for what is laid by again needs no memory then.
            for _ in 0..self.adrift.len() {
                let Some(adrift) = self.adrift.pop_front() else { break };
                self.float(adrift, None);
            }
        }
        self.parts.retain_mut(|part| {
            let is_over = part.is_over();
            if is_over {
                part.watched.forget(poller);
                told.over.extend(part.line().close().map(|connection| *connection));
            }
            !is_over
        });
    }

    /// Leave servers of shard channels that say nothing, and whose places others have taken. True: there was one.
    pub(super) fn leave_overdue(&mut self, poller: &Poller, now: Instant) -> bool {
        let mut is_any = false;
        for part in &mut self.parts {
            let Watched { line, silence, .. } = &mut part.watched;
            if let Err(error) = self.guide.look_after_listener(line, silence, now) {
                part.watched.forget(poller);
                part.line().fail(error, now);
                (part.is_replaced, is_any) = (true, true);
            }
        }
        is_any
    }

    /// The same of the server for channels and patterns. An error: why it is to be left.
    pub(super) fn look_after_home(&mut self, home: &mut Line<Infallible>, now: Instant) -> Result<()> {
        self.guide.look_after_listener(home, &mut self.home_silence, now)
    }

    /// A line without a connection gives up the names whose slots are another server's by now.
    fn leave_if_elsewhere(&mut self, place: usize, number: u64, now: Instant) {
        let Beside { parts, guide, .. } = self;
        let Some(part) = parts.get_mut(place) else { return };
        let is_looked_at = part.checked == Some(number) && !part.is_replaced;
        if part.watched.line.is_open() || is_looked_at || part.watched.line.why_down().is_none() {
            return;
        }
        part.checked = Some(number);
        let at = part.place().clone();
        let mut names = part.watched.line.subscriptions().names();
        // A replica has the messages of its primary, unless it says nothing.
        if !std::mem::take(&mut part.is_replaced) && names.all(|(_, name)| guide.is_of_slot(&at, slot(name))) {
            return;
        }
        drop(names);
        if part.watched.line.is_opening() {
            part.line().fail(Error::new(Status::Io, "another server has its slots by now"), now);
        }
        let Ok(mut adrift) = part.line().take_names(Topic::Shard) else { return };
        let (names, gap) = (std::mem::take(&mut adrift.names), adrift.gap);
        by_slot(names, |names| self.float(Adrift { names, said: None, gap: gap.clone() }, None));
    }

    pub(super) fn begin_connect(&mut self, poller: &Poller, endpoint: &Endpoint) -> Option<Box<Stepped>> {
        let part = self.parts.iter_mut().find(|part| part.place() == endpoint)?;
        part.watched.forget(poller);
        part.line().begin_connect(Instant::now())
    }

    pub(super) fn end_connect(
        &mut self,
        endpoint: &Endpoint,
        stepped: Box<Stepped>,
        step: Result<Step<Box<Connection>>>,
    ) -> Connecting {
        // Nobody may want anything of it any more.
        let Some(part) = self.parts.iter_mut().find(|part| part.place() == endpoint) else { return Connecting::Moved };
        part.line().end_connect(stepped, step, Instant::now());
        let line = &part.watched.line;
        if line.is_opening() {
            return Connecting::Waits(line.deadline().map_or(Deadline::never(), Deadline::at));
        }
        if line.is_open() || line.has_come() {
            return Connecting::Moved;
        }
        part.checked = None;
        self.guide.is_in_doubt();
        Connecting::Failed
    }

    /// The line for channels and patterns was to be opened. Where that failed, the map is in doubt.
    pub(super) fn is_home_down(&mut self, home: &Line<Infallible>) {
        if !home.is_open() && !home.is_opening() {
            self.guide.is_in_doubt();
        }
    }

    pub(super) fn follow(&mut self, poller: &Poller, told: &mut News) {
        for part in &mut self.parts {
            let mut is_lost = false;
            // What cannot be watched, as a file of the caller's, is looked after now and then.
            let _ = part.watched.follow(poller, |change| {
                is_lost |= matches!(change, Transition::Lost { .. });
                told.note(change);
            });
            if is_lost {
                part.checked = None;
                self.guide.is_in_doubt();
            }
        }
    }

    /// Whether a call of `next` would not wait. `seen`: all that was read has been looked at.
    pub(super) fn is_ready(&self, seen: bool) -> bool {
        self.parts.iter().any(|part| {
            let line = &part.watched.line;
            let holds_more = if seen { line.has_come() } else { line.holds_more() };
            holds_more || line.hides_bytes() || line.is_connect_due(Instant::now)
        })
    }

    /// When there is something to do, whatever the poller shows.
    pub(super) fn until(&self) -> Deadline {
        let now = Instant::now();
        let of = |part: &ShardLine| [part.watched.line.deadline(), part.watched.silence.next()];
        let lines = self.parts.iter().flat_map(of).flatten();
        let own = [self.guide.deadline(now), self.home_silence.next(), self.again_at, now.checked_add(LOOK)];
        let until = lines.chain(own.into_iter().flatten()).min().map_or(Deadline::never(), Deadline::at);
        let is_hidden = |part: &ShardLine| !part.watched.is_watched() && part.watched.line.is_open();
        if self.parts.iter().any(is_hidden) { until.earlier(Deadline::after(SLICE)) } else { until }
    }

    pub(super) fn count(&mut self) {
        self.parts.iter_mut().for_each(|part| part.line().count_bytes());
    }

    pub(super) fn close(&mut self, poller: &Poller) {
        self.guide.disband(poller);
        for part in &mut self.parts {
            part.watched.forget(poller);
            drop(part.line().close());
        }
    }
}

/// How long before it is looked again whether another caller has found a new map.
const LOOK: Duration = Duration::from_secs(1);
/// Words about another server that are followed at once, within a time, and the pause after them.
const HOPS_MAX: u32 = 64;
const HOPS_WITHIN: Duration = Duration::from_millis(500);
const HOP_PAUSE: Duration = Duration::from_millis(20);
/// How long a descriptor that shows nothing of a transport of the caller's stays silent before it is worth a look.
const SLICE: Duration = Duration::from_millis(20);
