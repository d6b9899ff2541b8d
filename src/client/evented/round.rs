//! When the descriptor of an `rredis_async` is readable: there is work, a timeout has passed, or a round ended before
//! all was read.
//!
//! A round of the loop goes from a step until nothing more is to be taken. It reads no more than its part of what a peer sends:
//! the rest is for the next round, so that the loop's other descriptors have their turn, whatever this peer does.

use std::time::{Duration, Instant};

use crate::client::Call;
use crate::error::Result;
use crate::resp;
use crate::transport::Deadline;

use super::{Completion, Evented};

impl Evented {
    /// How long the loop may sleep, if the descriptor is not readable before; -1: as long as it likes.
    pub fn deadline_ms(&self) -> i64 {
        if self.rung {
            return 0;
        }
        self.next_step().map_or(-1, |moment| Deadline::at(moment).remaining_ms())
    }

    /// When a step is due, whatever the descriptor of a connection shows.
    #[inline]
    fn next_step(&self) -> Option<Instant> {
        if self.is_led { self.next_of_led() } else { self.line.deadline() }
    }

    #[inline(never)]
    fn next_of_led(&self) -> Option<Instant> {
        match &self.among {
            Some(among) => among.deadline(Instant::now()),
            None => [self.line.deadline(), self.looks_at].into_iter().flatten().min(),
        }
    }

    /// Accept a command for one of many servers.
    #[inline(never)]
    pub(super) fn accept_among(&mut self, args: &[&[u8]], call: &Call) -> Result<()> {
        let terms = self.client.terms(args, call);
        if let Some(row) = terms.row.filter(|row| row.connection_state().is_some()) {
            return Err(row.misplaced("this handle has many, each of which is opened anew when it breaks"));
        }
        let room = resp::checked_room(args)?;
        let under_way = self.among.as_ref().map(|among| among.under_way()).unwrap_or_default();
        self.refuse_more(under_way, room)?;
        let (deadline, now) = (self.clock.deadline(terms.allowed_ms), self.clock.now());
        if let Some(among) = &mut self.among {
            among.submit(args, call, terms, deadline, now)?;
        }
        self.fresh = true;
        self.call_for_a_write();
        Ok(())
    }

    /// A step of the lines to many servers. False: there is one.
    #[inline(never)]
    pub(super) fn step_led(&mut self, now: Instant, readable: bool) -> bool {
        let Some(among) = &mut self.among else { return false };
        among.step(&self.poller, now, readable, &mut self.kept);
        self.fresh = false;
        if among.holds_more() {
            self.ring();
        }
        self.client.tell(&mut self.kept);
        self.set_timer(now);
        true
    }

    /// What came of a command to one of many servers.
    #[inline(never)]
    pub(super) fn take_among(&mut self) -> Option<Completion> {
        self.among.as_mut()?.take()
    }

    /// Nothing is left to be taken of many servers in this round.
    #[inline(never)]
    fn calm_down_among(&mut self) {
        let now = Instant::now();
        let Some(among) = &mut self.among else { return };
        let again = among.end_round(&self.poller, now, &mut self.kept);
        self.fresh = false;
        if again {
            self.ring_anew();
        } else if self.rung {
            self.rung = false;
            self.poller.silence();
        }
        self.client.tell(&mut self.kept);
        self.set_timer_forward();
    }

    /// There is something to be written. Where the end of this round is sure to come, it is written there. A program that leaves
    /// a round for the first time finds the descriptor readable a moment later, and from then on at once.
    #[inline(always)]
    pub(super) fn call_for_a_write(&mut self) {
        if self.rung || !self.rounds.will_end() {
            return self.ring();
        }
        let latest = self.clock.now() + MOMENT;
        if self.timer.is_none_or(|timer| timer > latest) {
            self.set_timer_to(Some(latest));
        }
    }

    /// The round ends: write what was submitted in it. What has to be connected first is for a step.
    fn write_at_the_end(&mut self) {
        if self.line.write_now(Instant::now) {
            self.fresh = false;
            self.follow();
        } else {
            self.ring();
        }
    }

    pub(super) fn ring(&mut self) {
        if !self.rung {
            self.ring_anew();
        }
    }

    /// Ring though the bell may ring already: a loop that is told of changes only has to hear of this one.
    pub(super) fn ring_anew(&mut self) {
        self.rung = true;
        self.poller.ring();
    }

    /// A command's result was taken. The bell rings only where the descriptor would not show by itself that there is more.
    #[inline(always)]
    pub(super) fn one_was_taken(&mut self) {
        if !self.rung {
            self.one_was_taken_quietly();
        }
    }

    #[inline(never)]
    fn one_was_taken_quietly(&mut self) {
        let holds_more = match &self.among {
            None => self.line.holds_more(),
            Some(among) => among.holds_more(),
        };
        match holds_more {
            true => self.ring(),
            false => self.set_timer_forward(),
        }
    }

    /// Nothing is left to be taken in this round. The descriptor shows by itself when there is.
    pub(super) fn calm_down(&mut self) {
        self.clock.forget_now();
        self.rounds.end();
        if self.is_led && self.among.is_some() {
            return self.calm_down_among();
        }
        let is_cut = self.line.end_round(Instant::now);
        if self.line.has_changed() {
            self.follow();
        }
        if self.fresh && !is_cut {
            self.write_at_the_end();
        }
        if is_cut {
            self.ring_anew();
        } else if self.line.has_come() {
            self.ring();
        } else if self.rung && !self.fresh {
            self.rung = false;
            self.poller.silence();
        }
        self.set_timer_forward();
    }

    /// Let the timer run out no later than anything has to happen. It is set anew only where it would run out too late, or has
    /// run out by now: one that runs out too early costs a step in vain, and one set anew for each command a call for each.
    #[inline(always)]
    pub(super) fn set_timer(&mut self, now: Instant) {
        match self.timer {
            Some(timer) if timer <= now => self.set_timer_to(self.next_step()),
            _ => self.set_timer_forward(),
        }
    }

    #[inline(always)]
    fn set_timer_forward(&mut self) {
        if let Some(wanted) = self.next_step()
            && self.timer.is_none_or(|timer| wanted < timer)
        {
            self.set_timer_to(Some(wanted));
        }
    }

    #[cold]
    pub(super) fn set_timer_to(&mut self, wanted: Option<Instant>) {
        let set = self.poller.set_timer(wanted.map_or(Deadline::never(), Deadline::at));
        self.timer = wanted.filter(|_| set.is_ok());
    }
}

/// How long a program may have to wait, once, that submits a command in a round and leaves the round.
const MOMENT: Duration = Duration::from_millis(100);
