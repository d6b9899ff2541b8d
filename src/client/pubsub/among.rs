//! The steps of a subscriber to many servers.

use std::ptr;
use std::time::Instant;

use crate::commands::{Topic, slot};
use crate::conn::{Connection, Dial, Kept};
use crate::error::{Error, Result, Status};
use crate::options::Endpoint;
use crate::transport::Deadline;
use crate::transport::poller::Poller;

use super::PubSub;
use super::guarded::{Guarded, Todo};

impl Guarded {
    /// What to do next, where there are several lines and nothing of what they read is left. `looked`: as for `step`.
    pub(super) fn step_among(&mut self, poller: &Poller, looked: &mut Option<bool>) -> Todo {
        let readable = looked.take() == Some(true);
        let is_watched = self.is_watched();
        let Guarded { line: home, beside: Some(beside), told, .. } = self else { return Todo::Again };
        let mut has_moved = false;
        if home.is_open() && (readable || home.hides_bytes() || !is_watched) {
            has_moved |= home.read_now(Instant::now);
        }
        for part in &mut beside.parts {
            let is_watched = part.watched.is_watched();
            let line = part.line();
            if line.is_open() && (readable || line.hides_bytes() || !is_watched) {
                has_moved |= line.read_now(Instant::now);
            }
        }
        let now = Instant::now();
        let is_opening = home.is_opening() || beside.parts.iter_mut().any(|part| part.line().is_opening());
        let is_promised = readable && !is_opening && !beside.guide.is_busy();
        home.step_apart(now);
        beside.parts.iter_mut().for_each(|part| part.line().step_apart(now));
        beside.tend(home, poller, now, readable, told);
        has_moved |= self.leave_overdue(poller, now);
        if has_moved {
            self.vain = 0;
        } else {
            self.rest_if_in_vain(is_promised);
        }
        self.follow(poller);
        self.timer = self.timer.filter(|timer| now < *timer);
        let Guarded { line: home, beside: Some(beside), .. } = self else { return Todo::Again };
        let mut is_more = home.take_again() || home.has_come();
        for part in &mut beside.parts {
            is_more |= part.line().take_again() || part.line().has_come();
        }
        if has_moved || is_more {
            return Todo::Again;
        }
        if !self.lines_to_connect(now).is_empty() {
            return Todo::Connect;
        }
        self.wait(poller)
    }

    /// Leave servers that say nothing, and whose places others have taken. True: there was one.
    fn leave_overdue(&mut self, poller: &Poller, now: Instant) -> bool {
        let Guarded { line: home, beside: Some(beside), .. } = self else { return false };
        let is_any = beside.leave_overdue(poller, now);
        let Err(error) = beside.look_after_home(home, now) else { return is_any };
        self.forget(poller);
        self.line.fail(error, now);
        self.line.hurry();
        true
    }

    /// The lines that are being opened, or are to be: None is the one for channels and patterns.
    pub(super) fn lines_to_connect(&mut self, now: Instant) -> Vec<Option<Endpoint>> {
        let is_to = |line: &crate::line::Line<_>| line.is_opening() || line.is_connect_due(|| now);
        let Guarded { line: home, beside, .. } = self;
        let Some(beside) = beside else { return if is_to(home) { vec![None] } else { Vec::new() } };
        let mut all = Vec::new();
        if is_to(home) && (home.is_opening() || beside.has_map()) {
            all.push(None);
        }
        for part in &beside.parts {
            if is_to(&part.watched.line) {
                all.push(Some(part.watched.line.dial().place().clone()));
            }
        }
        all
    }

    /// Let the line for channels and patterns lead to a primary, any one, where it begins to connect. False: none is known.
    pub(super) fn choose_home(&mut self) -> bool {
        let Some(beside) = &mut self.beside else { return true };
        if self.line.is_opening() || self.line.is_open() {
            return true;
        }
        let failed = self.line.why_down().map(|_| self.line.dial().place().clone());
        match beside.guide.any_but(failed.as_slice()) {
            Some(dial) => {
                self.line.head_for(dial);
                true
            }
            None => {
                beside.guide.is_in_doubt();
                false
            }
        }
    }

    /// Servers that are to be connected to before these names can be asked for, and that was never tried.
    fn unconnected(&mut self, topic: Topic, names: &[&[u8]], failed: &[Endpoint]) -> Vec<Dial> {
        let Some(beside) = &mut self.beside else { return Vec::new() };
        if topic != Topic::Shard {
            let chosen = self.line.is_untried().then(|| beside.guide.any_but(failed)).flatten();
            return chosen.into_iter().collect();
        }
        let mut dials: Vec<Dial> = Vec::new();
        for name in names {
            let Some(dial) = beside.guide.owner(slot(name)) else { continue };
            let is_new = !dials.iter().any(|other| other.place() == dial.place());
            if is_new && beside.part(dial.clone()).line().is_untried() {
                dials.push(dial);
            }
        }
        dials
    }

    /// A connection was opened for that. Who waits hears of it.
    fn opened_to(&mut self, poller: &Poller, topic: Topic, dial: Dial, connection: Connection) {
        let Some(beside) = &mut self.beside else { return };
        let line = match topic {
            Topic::Shard => beside.part(dial).line(),
            _ => {
                self.line.head_for(dial);
                &mut self.line
            }
        };
        if line.is_untried() {
            line.opened(Box::new(connection), Instant::now());
        }
        self.follow(poller);
        self.ring(poller);
    }
}

impl PubSub {
    /// Connect to the servers that these names need and that nobody connected to yet.
    pub(super) fn connect_among(&self, topic: Topic, names: &[&[u8]]) -> Result<()> {
        let Some(guide) = self.client.0.route.guide() else { return Ok(()) };
        let deadline = Deadline::after_ms(self.client.0.often.command_timeout_ms);
        let mut kept = Kept::new(false, 0).with_notices(true);
        self.ongoing.during(ptr::null(), || guide.read_first(deadline, &mut kept))?;
        let mut failed = Vec::new();
        let mut last: Option<Error> = None;
        for _ in 0..TRIES {
            let dials = self.guarded.lock().unconnected(topic, names, &failed);
            let mut error = None;
            for dial in dials {
                match self.ongoing.during(ptr::null(), || dial.open(Deadline::never())) {
                    Ok(connection) => {
                        let told = {
                            let mut guarded = self.guarded.lock();
                            guarded.told.notices.extend(kept.take_notices());
                            guarded.opened_to(&self.poller, topic, dial, connection);
                            guarded.take_told()
                        };
                        self.tell(told);
                    }
                    Err(why) => {
                        failed.push(dial.place().clone());
                        error = Some(why);
                    }
                }
            }
            last = error;
            match &last {
                Some(error) if matches!(error.status, Status::Connect | Status::Io | Status::Timeout) => {
                    self.ongoing.during(ptr::null(), || guide.read_anew(deadline, &mut kept))?;
                }
                _ => break,
            }
        }
        last.map_or(Ok(()), Err)
    }
}

/// How often a server is chosen anew that cannot be connected to.
const TRIES: u32 = 4;
