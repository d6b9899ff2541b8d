//! Listening to Sentinels: what they say of their own accord, and what they answer once a second. Nothing here waits.
//!
//! What is heard only raises a doubt. Whoever sees one asks the Sentinels, and what they answer becomes a new map: so nothing
//! depends on the order in which things are heard.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::answers;
use super::discover::{AT_ONCE, Sentinels};
use crate::commands::{Effect, Shape, Topic};
use crate::conn::Dial;
use crate::error::Result;
use crate::line::{Came, Line, Submission};
use crate::options::Endpoint;
use crate::process::PerProcess;
use crate::reply::Reply;
use crate::resp;
use crate::sync::Mutex;

/// Connections to a few Sentinels, each of which would tell of a failover.
pub(in crate::route) struct Ears {
    made: Instant,
    /// A transport of the program's may wait, and here nothing does: so nothing is heard, and there is a doubt now and then.
    are_deaf: bool,
    here: PerProcess<EarsHere>,
}

/// Those of one process.
#[derive(Default)]
struct EarsHere {
    /// When somebody listened last, in milliseconds since they were made; 0 is never.
    listened_ms: AtomicU64,
    /// How many doubts there were.
    doubts: AtomicU64,
    /// How many of them were there when the Sentinels were asked last.
    settled: AtomicU64,
    ears: Mutex<Vec<Ear>>,
}

/// A connection to one Sentinel.
struct Ear {
    endpoint: Endpoint,
    line: Line<SentinelWord>,
    asked: Option<Instant>,
    /// The answers are not there yet.
    is_owed: bool,
    /// The first of two answers.
    address: Option<Endpoint>,
    /// What it said last, as long as it is sure to say more.
    latest: Option<(Endpoint, u64)>,
    /// What raised a doubt, and raises none again.
    told: Option<(Endpoint, u64)>,
    telling: Telling,
}

/// Whether a Sentinel tells of failovers by itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Telling {
    No,
    Asked,
    Yes,
}

/// What a Sentinel was told or asked.
enum SentinelWord {
    Subscribe,
    /// The same, for what not every user may hear.
    SubscribeEarly,
    Address,
    Service,
}

/// What the map has, to be compared with what is heard.
pub(in crate::route) struct BelievedPrimary<'b> {
    /// The Sentinels' name for it.
    pub(in crate::route) service: &'b [u8],
    /// The primary. None: none is known yet.
    pub(in crate::route) primary: Option<&'b Endpoint>,
    /// The epoch that it is known from.
    pub(in crate::route) epoch: u64,
    /// It cannot be used.
    pub(in crate::route) is_sick: bool,
}

impl Ears {
    /// None yet. `are_deaf`: nor later.
    pub(in crate::route) fn new(are_deaf: bool) -> Ears {
        Ears { made: Instant::now(), are_deaf, here: PerProcess::new() }
    }

    /// Whether nothing is ever heard.
    pub(in crate::route) fn are_deaf(&self) -> bool {
        self.are_deaf
    }

    /// Whether it is too early to listen again, and there is no doubt.
    #[inline]
    pub(in crate::route) fn are_quiet(&self, now: Instant) -> bool {
        let Some(here) = self.here.made_here() else { return false };
        !here.is_in_doubt() && !self.is_due(here, now)
    }

    /// Listen, if it is time to: without waiting, and for one caller at a time. True: there is a doubt.
    pub(in crate::route) fn listen(
        &self,
        now: Instant,
        sentinels: &Sentinels,
        believed: &BelievedPrimary<'_>,
        map: &impl Fn(Endpoint) -> Endpoint,
    ) -> bool {
        let here = self.here();
        if !self.is_due(here, now) {
            return here.is_in_doubt();
        }
        let Some(mut ears) = here.ears.try_lock() else { return false };
        let listened_ms = here.listened_ms.swap(self.ms(now), Ordering::Relaxed);
        if self.are_deaf {
            here.doubts.fetch_add(1, Ordering::Relaxed);
            return true;
        }
        let missed_ms = if listened_ms == 0 { 0 } else { self.ms(now).saturating_sub(listened_ms) };
        // Nobody could be heard, and nobody has listened for long: what was missed is to be asked for.
        if missed_ms >= MISSED_MS && !ears.iter().any(|ear| ear.telling == Telling::Yes && ear.line.is_open()) {
            here.doubts.fetch_add(1, Ordering::Relaxed);
        }
        engage(&mut ears, sentinels);
        for ear in ears.iter_mut() {
            if ear.listen(now, believed, map) {
                here.doubts.fetch_add(1, Ordering::Relaxed);
            }
        }
        here.is_in_doubt()
    }

    /// Whether there is a doubt.
    pub(in crate::route) fn is_in_doubt(&self) -> bool {
        self.here().is_in_doubt()
    }

    /// What those say that have answered: the latest of it, and of that what most of them say. None: nobody has answered, or only
    /// what is older than this epoch.
    pub(in crate::route) fn latest(&self, epoch: u64) -> Option<(Endpoint, u64)> {
        let ears = self.here().ears.try_lock()?;
        let all = || ears.iter().filter_map(|ear| ear.latest.as_ref());
        let votes = |one: &(Endpoint, u64)| all().filter(|other| *other == one).count();
        let best = all().max_by_key(|one| (one.1, votes(one)))?;
        (best.1 >= epoch).then(|| best.clone())
    }

    /// How many doubts there were, to be asked before the Sentinels are.
    pub(in crate::route) fn doubts(&self) -> u64 {
        self.here().doubts.load(Ordering::Relaxed)
    }

    /// The Sentinels were asked after so many doubts. `answered`: and have answered. Otherwise what is heard may raise a doubt
    /// again.
    pub(in crate::route) fn settle(&self, doubts: u64, answered: bool) {
        let here = self.here();
        here.settled.fetch_max(doubts, Ordering::Relaxed);
        if !answered {
            here.ears.lock().iter_mut().for_each(|ear| ear.told = None);
        }
    }

    fn is_due(&self, here: &EarsHere, now: Instant) -> bool {
        self.ms(now).saturating_sub(here.listened_ms.load(Ordering::Relaxed))
            >= if self.are_deaf { DEAF_MS } else { LISTEN_MS }
    }

    fn ms(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.made).as_millis() as u64 + DEAF_MS
    }

    fn here(&self) -> &EarsHere {
        if let Some(here) = self.here.made_here() {
            return here;
        }
        let inherited = Cell::new(None);
        let here = self.here.get(|parents| {
            let ears = parents.and_then(|parents| parents.ears.try_lock());
            inherited.set(ears.map(|mut ears| std::mem::take(&mut *ears)));
            EarsHere::default()
        });
        drop(inherited.take());
        here
    }
}

impl EarsHere {
    #[inline]
    fn is_in_doubt(&self) -> bool {
        self.doubts.load(Ordering::Relaxed) > self.settled.load(Ordering::Relaxed)
    }
}

/// Have an ear for each of the first few Sentinels. One that is open stays.
fn engage(ears: &mut Vec<Ear>, sentinels: &Sentinels) {
    let Ok(dial) = sentinels.dial() else { return };
    let order = sentinels.order();
    let wanted = order.get(..AT_ONCE).unwrap_or(&order);
    ears.retain(|ear| ear.line.is_open() || wanted.contains(&ear.endpoint));
    for endpoint in wanted {
        if ears.len() < AT_ONCE && ears.iter().all(|ear| ear.endpoint != *endpoint) {
            ears.push(Ear::new(dial, endpoint));
        }
    }
}

impl Ear {
    fn new(dial: &Dial, endpoint: &Endpoint) -> Ear {
        let line = Line::new(dial.to(endpoint.clone()), ANSWER_MS, Box::new(|_| AGAIN));
        Ear {
            endpoint: endpoint.clone(),
            line,
            asked: None,
            is_owed: false,
            address: None,
            latest: None,
            told: None,
            telling: Telling::No,
        }
    }

    /// True: it has heard something that the map does not have.
    fn listen(&mut self, now: Instant, believed: &BelievedPrimary<'_>, map: &impl Fn(Endpoint) -> Endpoint) -> bool {
        self.line.step(now, true);
        let mut is_news = false;
        for _ in 0..EVENTS_MAX {
            while self.line.take_change().is_some() {}
            let Some(came) = self.line.take(|| now) else { break };
            is_news |= self.heard(came, believed, map);
        }
        if self.is_to_be_asked(now, believed.is_sick) {
            self.ask(believed.service, now);
        }
        self.line.end_round(|| now);
        self.line.take_again();
        is_news
    }

    fn heard(
        &mut self,
        came: Came<SentinelWord>,
        believed: &BelievedPrimary<'_>,
        map: &impl Fn(Endpoint) -> Endpoint,
    ) -> bool {
        match came {
            Came::Message(message) => {
                // It answers anew what it says now.
                let is_news = names_another(&message, believed, map);
                self.asked = self.asked.filter(|_| !is_news);
                return is_news;
            }
            Came::Reply(SentinelWord::Address, reply) => self.address = answers::address(&reply, map).ok().flatten(),
            Came::Reply(SentinelWord::Service, reply) => {
                self.is_owed = false;
                let service = answers::service(&reply, map).ok().flatten();
                if let (Some(address), Some(service)) = (self.address.take(), service) {
                    return self.claims(address, service.epoch, believed);
                }
            }
            Came::Confirmed(SentinelWord::Subscribe) => self.telling = Telling::Yes,
            Came::Reply(SentinelWord::Subscribe, _) | Came::Failed(SentinelWord::Subscribe, _) => {
                self.telling = Telling::No
            }
            Came::Late { token: SentinelWord::Subscribe, .. } => self.telling = Telling::No,
            Came::Reply(SentinelWord::SubscribeEarly, _)
            | Came::Failed(SentinelWord::SubscribeEarly, _)
            | Came::Late { token: SentinelWord::SubscribeEarly, .. } => {}
            Came::Failed(..) | Came::Late { .. } => (self.is_owed, self.latest) = (false, None),
            // What it would have told, it answers.
            Came::Gap { .. } => self.asked = None,
            Came::Refused(_) => self.telling = Telling::No,
            Came::Confirmed(_) | Came::Confirmation(_) | Came::Push(_) | Came::Adrift(_) => {}
        }
        false
    }

    /// It names this primary. True: that is another, and not an older one, and it has not said so before.
    fn claims(&mut self, primary: Endpoint, epoch: u64, believed: &BelievedPrimary<'_>) -> bool {
        self.latest = Some((primary.clone(), epoch));
        if believed.primary == Some(&primary) || epoch < believed.epoch {
            self.told = None;
            return false;
        }
        let claim = Some((primary, epoch));
        let is_new = self.told != claim;
        self.told = claim;
        is_new
    }

    fn is_to_be_asked(&self, now: Instant, is_sick: bool) -> bool {
        let every = match self.telling {
            _ if is_sick => ASK_SICK,
            Telling::Yes => ASK,
            Telling::No | Telling::Asked => ASK_UNTOLD,
        };
        !self.is_owed && self.asked.is_none_or(|asked| now.saturating_duration_since(asked) >= every)
    }

    fn ask(&mut self, service: &[u8], now: Instant) {
        self.asked = Some(now);
        // Where it cannot be, what it answers is enough.
        if self.telling == Telling::No && !self.line.is_resp2() {
            let effect = Effect::Subscribe { topic: Topic::Channel, count: 1 };
            let told = self.tell(&[b"SUBSCRIBE", SWITCH], SentinelWord::Subscribe, effect, now);
            self.telling = if told.is_ok() { Telling::Asked } else { Telling::No };
            let _ = self.tell(&[b"SUBSCRIBE", PROMOTED], SentinelWord::SubscribeEarly, effect, now);
        }
        let address =
            self.tell(&[b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", service], SentinelWord::Address, Effect::None, now);
        let both = address
            .and_then(|()| self.tell(&[b"SENTINEL", b"MASTER", service], SentinelWord::Service, Effect::None, now));
        self.is_owed = both.is_ok();
        self.line.write_now(|| now);
    }

    fn tell(&mut self, args: &[&[u8]], token: SentinelWord, effect: Effect, now: Instant) -> Result<()> {
        let deadline = now.checked_add(Duration::from_millis(ANSWER_MS as u64));
        let room = resp::checked_room(args)?;
        let submission = Submission { token, shape: Shape::KEEP, room, deadline, once: false, effect };
        self.line.submit(args, submission, || now)
    }
}

/// Whether a message tells that another server than the one of the map is the primary, or is about to be: the Sentinel that leads
/// a failover names the new one from then on.
fn names_another(message: &Reply, believed: &BelievedPrimary<'_>, map: &impl Fn(Endpoint) -> Endpoint) -> bool {
    let Some(told) = message.view().children().last() else { return false };
    if message.view().get(1).is_some_and(|channel| channel.text() == PROMOTED) {
        return answers::service_of_promoted(told.text()) == Some(believed.service);
    }
    let told = answers::switch(told.text(), map);
    told.is_some_and(|switch| switch.service == believed.service && Some(&switch.to) != believed.primary)
}

/// What Sentinels say when a failover is over.
const SWITCH: &[u8] = b"+switch-master";
/// What the one that leads a failover says when the next primary takes writes: some 100 ms before any of them says the other.
const PROMOTED: &[u8] = b"+promoted-slave";
/// How long nobody may have listened where no Sentinel tells of failovers by itself.
const MISSED_MS: u64 = 500;
/// Between two times that somebody listens: what is heard so late is heard by as many writes as are acknowledged meanwhile, and
/// a look costs as much as a command on a busy server.
const LISTEN_MS: u64 = 20;
/// Between two times that they are asked, where nothing is heard.
const DEAF_MS: u64 = 1000;
/// Between two questions to a Sentinel that tells of failovers by itself: whether it lives, and because the one that leads a
/// failover tells of it late.
const ASK: Duration = Duration::from_secs(1);
/// Between two questions to one that does not.
const ASK_UNTOLD: Duration = Duration::from_millis(100);
/// Between two questions while nobody can use the primary.
const ASK_SICK: Duration = Duration::from_millis(20);
/// How long a Sentinel may take to answer.
const ANSWER_MS: i64 = 1000;
/// Before a connection that was lost is opened again.
const AGAIN: Duration = Duration::from_secs(1);
/// Events of one Sentinel that are taken in at once.
const EVENTS_MAX: usize = 64;

#[cfg(test)]
mod tests;
