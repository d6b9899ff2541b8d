//! Time as the caller's loop sees it: read once a step. What has to happen when, and what becomes of a command whose time is up.

use std::time::{Duration, Instant};

use crate::error::{Error, Status};
use crate::options::Options;

use super::Evented;
use super::line::Stage;
use super::pending::Completion;

/// What has to happen when.
pub(super) struct Clock {
    /// Read by a step, and good until nothing is left to be taken: then the loop may sleep.
    now: Option<Instant>,
    /// The deadline that was asked for last, and how long that is: nearly all are the same.
    same: Option<(i64, Option<Instant>)>,
    /// No command's time is up before that. It may be none's any more: then it is found out once.
    pub(super) earliest: Option<Instant>,
    /// How many replies are due to nobody.
    abandoned: usize,
    /// When a server that answers nothing to what was given up on is given up itself.
    pub(super) patience_ends: Option<Instant>,
    patience: Option<Duration>,
}

impl Clock {
    pub(super) fn new(options: &Options) -> Clock {
        let allowed = [options.command_timeout_ms(), options.connect_timeout_ms()];
        let patience = allowed.into_iter().find_map(|ms| u64::try_from(ms).ok()).map(Duration::from_millis);
        Clock { now: None, same: None, earliest: None, abandoned: 0, patience_ends: None, patience }
    }

    /// Read it.
    pub(super) fn look(&mut self) -> Instant {
        self.same = None;
        *self.now.insert(Instant::now())
    }

    pub(super) fn forget_now(&mut self) {
        (self.now, self.same) = (None, None);
    }

    /// When the time of a command is up that is submitted now.
    #[inline]
    pub(super) fn deadline(&mut self, allowed_ms: i64) -> Option<Instant> {
        match self.same {
            Some((same_ms, deadline)) if same_ms == allowed_ms => deadline,
            _ => {
                let deadline = self.another_deadline(allowed_ms);
                self.same = Some((allowed_ms, deadline));
                deadline
            }
        }
    }

    fn another_deadline(&mut self, allowed_ms: i64) -> Option<Instant> {
        let allowed = Duration::from_millis(u64::try_from(allowed_ms).ok()?);
        let deadline = self.now.get_or_insert_with(Instant::now).checked_add(allowed)?;
        if self.earliest.is_none_or(|earliest| deadline < earliest) {
            self.earliest = Some(deadline);
        }
        Some(deadline)
    }

    /// One more reply is due to nobody.
    pub(super) fn one_more(&mut self, now: Instant) {
        self.abandoned += 1;
        if self.patience_ends.is_none() {
            self.patience_ends = self.after_patience(now);
        }
    }

    /// One of them has come.
    pub(super) fn one_less(&mut self) {
        self.abandoned = self.abandoned.saturating_sub(1);
        if self.abandoned == 0 {
            self.patience_ends = None;
        }
    }

    /// The server lives.
    pub(super) fn heard(&mut self) {
        if self.patience_ends.is_some() {
            self.patience_ends = self.after_patience(Instant::now());
        }
    }

    /// A new connection owes nothing.
    pub(super) fn start_anew(&mut self) {
        self.abandoned = 0;
        self.patience_ends = None;
    }

    fn after_patience(&self, now: Instant) -> Option<Instant> {
        now.checked_add(self.patience?)
    }
}

impl Evented {
    /// Complete what took too long, without touching its neighbours: what was not sent is never sent, and a reply to what was
    /// goes to nobody.
    pub(super) fn expire(&mut self, now: Instant) {
        if self.clock.patience_ends.is_some_and(|end| end <= now) {
            self.lose_patience(now);
        }
        if self.clock.earliest.is_none_or(|earliest| now < earliest) {
            return;
        }
        self.withdraw_late(now);
        let mut earliest: Option<Instant> = None;
        let place = self.client.0.pool.dial().place();
        let (clock, done, bytes) = (&mut self.clock, &mut self.done, &mut self.bytes);
        let subscriptions = &mut self.subscriptions;
        let why = self.line.last_failure.as_ref();
        self.pending.retain_mut(|command| {
            if !command.is_late(now) {
                let deadline = command.deadline.filter(|_| !command.abandoned);
                earliest = [earliest, deadline].into_iter().flatten().min();
                return true;
            }
            let (error, unsent) = (command.timed_out(place, why), command.is_unsent());
            let error = Error { attempts: u32::from(!unsent), ..error };
            done.push_back(Completion::new(Err(error), command.call_data));
            if unsent {
                if command.subscribes() {
                    subscriptions.withdrawn(command.ticket);
                }
                *bytes -= command.cost;
                return false;
            }
            command.abandoned = true;
            clock.one_more(now);
            true
        });
        self.clock.earliest = earliest;
    }

    /// Take back what is late and has not left.
    fn withdraw_late(&mut self, now: Instant) {
        let (pending, offered) = (&mut self.pending, self.line.offered);
        let Stage::Open(connection) = &mut self.line.stage else { return };
        connection.session().withdraw(offered, |ticket| {
            let found = pending.binary_search_by_key(&ticket, |command| command.ticket);
            match found.ok().and_then(|at| pending.get_mut(at)).filter(|command| command.is_late(now)) {
                Some(command) => {
                    command.withdrawn = true;
                    true
                }
                None => false,
            }
        });
    }

    /// A server that answers nothing, for as long again, to what was given up on is taken for dead.
    fn lose_patience(&mut self, now: Instant) {
        if self.pending.front().is_some_and(|oldest| oldest.abandoned) {
            let patience_ms = self.clock.patience.unwrap_or_default().as_millis();
            let text = format!("read: nothing came for {patience_ms} ms after a command's time was up");
            self.lost(Error::new(Status::Io, text));
        } else {
            // What is due first may take its time, and the others wait behind it.
            self.clock.patience_ends = self.clock.after_patience(now);
        }
    }
}
