//! One of several connections that are driven at once: its share of a turn, and what it came to.

use std::time::Instant;

use crate::error::{Error, Result};
use crate::stats::Traffic;
use crate::transport::Deadline;
use crate::transport::pollset::Pollset;

use super::connection::Connection;
use super::goal::Goal;
use super::kept::Kept;
use super::serving::serving;
use super::until::Until;
use super::waiting::VAIN_TURNS_MAX;

/// One of several connections.
pub(super) struct Member<'c, G> {
    connection: &'c mut Connection,
    kept: &'c mut Kept,
    pub(super) goal: G,
    /// What it came to. None: it goes on.
    pub(super) result: Option<Result<()>>,
    /// The caller knows that it ended.
    pub(super) told: bool,
    until: Until,
    seen: (Traffic, usize),
    /// Its place in the poll of this turn.
    place: Option<usize>,
    /// Something was found of it in this turn: it reads, and may write.
    touched: bool,
    /// How many bytes were written when it last could.
    handed: u64,
    /// Since when nothing has come, where somebody looks out for another server.
    silent_since: Option<Instant>,
}

impl<'c, G: Goal> Member<'c, G> {
    pub(super) fn new(connection: &'c mut Connection, kept: &'c mut Kept, goal: G) -> Member<'c, G> {
        let (until, seen) = (Until::from(Deadline::never()), connection.seen());
        let (result, told, place, touched, handed) = (None, false, None, false, 0);
        Member { connection, kept, goal, result, told, until, seen, place, touched, handed, silent_since: None }
    }

    pub(super) fn goes_on(&self) -> bool {
        self.result.is_none()
    }

    /// It is driven again, unless it failed. What has come already is taken in first.
    pub(super) fn resume(&mut self) {
        if !matches!(self.result, Some(Err(_))) {
            (self.result, self.told) = (None, false);
            self.look();
        }
    }

    /// From now on it has so much time.
    pub(super) fn begin(&mut self, until: Until) {
        (self.until, self.seen) = (until, self.connection.seen());
        self.silent_since = self.connection.dial.looking().map(|_| Instant::now());
    }

    /// Whether somebody looks out for another server in the place of this one.
    pub(super) fn looks_out(&self) -> bool {
        self.silent_since.is_some()
    }

    /// Look whether its server is still the one to wait for, where nothing has come from it.
    pub(super) fn look_out(&mut self) {
        let (Some(since), Some(looking)) = (self.silent_since, self.connection.dial.looking()) else { return };
        if self.touched {
            self.silent_since = Some(Instant::now());
        } else if let Err(error) = looking.look(since.elapsed(), self.until.deadline()) {
            self.fail(error);
        }
    }

    /// Drive it to its end, for the others have come to theirs.
    pub(super) fn finish(&mut self) {
        let Member { connection, kept, goal, until, .. } = self;
        let serves = connection.dial.serves();
        let driven =
            serving(serves, || connection.drive(*until, |session| Ok(goal.look(session, kept)?.then_some(()))));
        match driven {
            Ok(Some(())) => self.result = Some(Ok(())),
            Ok(None) => self.time_is_up(),
            Err(error) => self.fail(error),
        }
    }

    /// It ends with this error.
    pub(super) fn fail(&mut self, error: Error) {
        self.result = Some(Err(self.goal.failed(self.connection, error)));
    }

    /// When it ends, if nothing moves before.
    pub(super) fn deadline(&self) -> Deadline {
        self.until.deadline()
    }

    /// A turn begins: read what the descriptor need not show. True: there was something.
    pub(super) fn read_unseen(&mut self) -> bool {
        (self.place, self.touched) = (None, false);
        let shows_all = self.connection.plain.is_some()
            || (self.has_descriptor() && !self.connection.is_pending() && !self.connection.is_foreign());
        if !shows_all {
            self.touched = self.read(0);
        }
        self.touched
    }

    pub(super) fn has_descriptor(&self) -> bool {
        self.connection.descriptor().is_some()
    }

    /// Let the poll of this turn look at it, unless it has read already. One without a descriptor is looked at each time.
    pub(super) fn watch(&mut self, sockets: &mut Pollset) {
        if self.touched {
            return;
        }
        let Some(fd) = self.connection.descriptor() else {
            self.touched = true;
            return;
        };
        match sockets.watch(fd, true, self.is_blocked()) {
            Ok(place) => self.place = Some(place),
            Err(error) => self.fail(error),
        }
    }

    /// Read, where the poll says so. True: something has moved.
    pub(super) fn read_found(&mut self, sockets: &Pollset) -> bool {
        let Some(place) = self.place else { return false };
        let ready = match sockets.found(place) {
            Ok(ready) => ready,
            Err(error) => {
                self.fail(error);
                return false;
            }
        };
        if !ready.readable && !ready.writable {
            return false;
        }
        self.touched = true;
        let read = ready.readable && self.read(0);
        let moved = read || (ready.writable && !ready.readable && self.handed > 0);
        self.connection.vain_turns = if moved { 0 } else { self.connection.vain_turns.saturating_add(1) };
        moved
    }

    /// Whether its descriptor has said time after time that it was ready, and nothing moved.
    pub(super) fn lies(&self) -> bool {
        self.touched && self.connection.vain_turns > VAIN_TURNS_MAX
    }

    /// Wait for so long in the transport itself, which has no descriptor. True: something has moved.
    pub(super) fn wait_within(&mut self, slice_ms: i64) -> bool {
        if !self.is_blocked() {
            return self.read(slice_ms);
        }
        match serving(self.connection.dial.serves(), || self.connection.write(usize::MAX, slice_ms)) {
            Ok(len) => len > 0,
            Err(error) => {
                self.could_not_write(error);
                false
            }
        }
    }

    /// Write what the transport takes, and take in what has come.
    pub(super) fn step(&mut self) {
        let before = self.connection.moved.bytes_out;
        let offered = self.connection.offer_now();
        self.handed = self.connection.moved.bytes_out - before;
        match offered {
            Ok(_) => self.look(),
            Err(error) => self.could_not_write(error),
        }
    }

    /// Whether something was found of it in this turn.
    pub(super) fn is_touched(&self) -> bool {
        self.touched
    }

    /// It ends, where nothing has moved until its deadline, and that had passed when this turn began.
    pub(super) fn end_if_late(&mut self, began: Instant) {
        let has_progressed = self.touched
            && self.until.may_move()
            && self.connection.has_progressed(&mut self.seen)
            && self.until.moved();
        if !has_progressed && self.until.deadline().had_passed(began) {
            self.time_is_up();
        }
    }

    fn time_is_up(&mut self) {
        let error = self.goal.timed_out(self.until, self.is_blocked());
        self.fail(error);
    }

    fn is_blocked(&self) -> bool {
        !self.connection.session.outgoing().is_empty()
    }

    fn look(&mut self) {
        let Member { connection, kept, goal, .. } = self;
        match serving(connection.dial.serves(), || goal.look(&mut connection.session, kept)) {
            Ok(true) => self.result = Some(Ok(())),
            Ok(false) => {}
            Err(error) => self.fail(error),
        }
    }

    fn read(&mut self, timeout_ms: i64) -> bool {
        match serving(self.connection.dial.serves(), || self.connection.read(timeout_ms)) {
            Ok(came) => came,
            Err(error) => {
                self.fail(error);
                false
            }
        }
    }

    /// What the peer had said before may be all that was wanted.
    fn could_not_write(&mut self, error: Error) {
        let deadline = self.until.deadline();
        let error = serving(self.connection.dial.serves(), || self.connection.last_words(error, deadline));
        self.look();
        if self.goes_on() {
            self.fail(error);
        }
    }
}
