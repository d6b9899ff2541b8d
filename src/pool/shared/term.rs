//! What a conductor does: it leases a connection if there is none, takes the commands that wait, writes them, and reads until
//! they are answered. Then it calls the next conductor, and wakes whose commands have come to their end.

use std::time::{Duration, Instant};

use crate::conn::Kept;
use crate::error::{Error, Outcome, Result, Status};
use crate::ongoing::Vigil;
use crate::transport::Deadline;
use crate::transport::wait::{self, Ready};

use super::super::health;
use super::super::lease::Lease;
use super::caller::Caller;
use super::ends::CallersSeat;
use super::seats::Departure;
use super::sharing::Sharing;
use super::train::Train;

/// The role, as one caller has it. Dropped, also during a panic, it is put down.
struct Term<'t> {
    sharing: &'t Sharing,
    seat: &'t CallersSeat,
    /// None only while it ends.
    train: Option<Box<Train>>,
}

/// Why a term ends before the commands are answered.
enum TermEnd {
    /// No connection is to be had.
    NoConnection(Error),
    /// The connection is lost.
    Lost(Error),
    /// The caller's own call is over. The connection goes on.
    Own(Error),
}

impl Caller<'_> {
    /// Conduct until what was under way at first is answered. `follows`: another conductor has called this one. An error: the
    /// caller has left its seat.
    pub(super) fn conduct(&mut self, follows: bool, kept: &mut Kept) -> Result<()> {
        let train = self.sharing.boarding.unpark().unwrap_or_default();
        let mut term = Term { sharing: self.sharing, seat: &self.seat, train: Some(train) };
        let Some(train) = &mut term.train else { return Ok(()) };
        train.conducted_by(&self.seat);
        // Who sleeps since an earlier conductor's time is woken as soon as if there had been but one.
        if train.lease.is_some() && (!follows || train.quick_since.is_none()) {
            self.become_quick(train, if follows { Instant::now() } else { self.ride.now });
        }
        let driven =
            self.may_go_on().and_then(|()| self.get_connection(train, kept)).and_then(|()| self.drive(train, kept));
        // Where nobody waits any more and replies are due, the connection ends as if it had been this call's alone.
        let ended = match &driven {
            Err(TermEnd::Own(ended)) => Some(ended.clone()),
            _ => None,
        };
        let result = driven.or_else(|fault| self.give_up(train, fault, kept));
        term.put_down(|| ended.clone().unwrap_or_else(|| self.late(Outcome::Unknown)), kept);
        result
    }

    /// A call that is over before it has conducted takes no command, its own least of all.
    fn may_go_on(&self) -> std::result::Result<(), TermEnd> {
        Vigil::is_brief().map_err(TermEnd::Own)?;
        match self.is_late() && self.seat.leave_untaken() == Departure::Untaken {
            true => Err(TermEnd::Own(self.never_taken())),
            false => Ok(()),
        }
    }

    /// Have a connection that may take commands, if none is under way.
    fn get_connection(&self, train: &mut Train, kept: &mut Kept) -> std::result::Result<(), TermEnd> {
        let deadline = self.ride.wait.deadline;
        let mut now = Instant::now();
        if train.owes_nothing()
            && let serves_on = train.serves_on()
            && let Some(mut lease) = train.lease.take()
        {
            if !serves_on || health::is_too_old(&lease, now, self.pool.dial.options()) {
                lease.give_back();
            } else {
                // The next command may not be answered by what nobody had asked for.
                let looked = if lease.has_just_answered(now) { Ok(()) } else { lease.inspect(deadline, kept) };
                lease.asks_at(now);
                train.lease = Some(lease);
                if let Err(error) = looked {
                    train.lose(error, kept);
                }
            }
        }
        if train.lease.is_none() {
            match self.sharing.boarding.is_slow() {
                true => train.quick_since = None,
                false => self.become_slow(train),
            }
            let wait_ms = self.pool_wait_ms(now);
            let leased = self.pool.lease(&mut now, deadline, wait_ms, kept);
            train.set_new(leased.map_err(TermEnd::NoConnection)?);
            self.sharing.boarding.close(false);
            self.become_quick(train, now);
        }
        Ok(())
    }

    /// From now on callers may sleep for as long as it takes, for they are told in time to look up: except where functions of the
    /// program's serve the connection, which may take any time.
    fn become_quick(&self, train: &mut Train, now: Instant) {
        if self.pool.dial.is_served() {
            if !self.sharing.boarding.is_slow() {
                self.become_slow(train);
            }
            return;
        }
        train.quick_since = Some(now);
        self.sharing.boarding.become_quick();
    }

    /// Callers who sleep for as long as it takes, because they are told in time, are told to look up by themselves.
    fn become_slow(&self, train: &mut Train) {
        train.quick_since = None;
        self.sharing.boarding.become_slow(train.under_way());
    }

    /// How long this caller may still wait for a connection.
    fn pool_wait_ms(&self, now: Instant) -> i64 {
        let waited_ms = i64::try_from(now.saturating_duration_since(self.ride.now).as_millis()).unwrap_or(i64::MAX);
        match self.ride.pool_wait_ms {
            ..0 => -1,
            wait_ms => wait_ms.saturating_sub(waited_ms).max(0),
        }
    }

    fn drive(&self, train: &mut Train, kept: &mut Kept) -> std::result::Result<(), TermEnd> {
        self.depart(train, kept)?;
        let last = train.next_token();
        let mut slice = PATIENCE;
        let looking = self.pool.dial.looking();
        let slice_max = if looking.is_some() { LOOKING_SLICE_MAX } else { SLICE_MAX };
        let mut silent_since = Instant::now();
        loop {
            if train.quick_since.is_some_and(|since| since.elapsed() >= SLOW) {
                self.become_slow(train);
            }
            let is_ended = !self.seat.is_open();
            let is_over = is_ended && (train.is_past(last) || self.ride.wait.deadline.has_passed());
            if train.owes_nothing() || is_over {
                return Ok(());
            }
            let is_ready = self.await_bytes(train, if is_ended { PATIENCE } else { slice })?;
            let count = if is_ready { self.move_bytes(train, kept)? } else { 0 };
            if is_ready && looking.is_some() {
                silent_since = Instant::now();
            }
            if count > 0 {
                continue;
            }
            if is_ready && !is_ended {
                continue;
            }
            if slice >= slice_max
                && let Some(looking) = looking
            {
                // Nobody's time is up before it looks again.
                let moment = train.next_moment(Instant::now());
                let until = self.ride.wait.deadline.earlier(moment.map_or(Deadline::never(), Deadline::at));
                looking.look(silent_since.elapsed(), until).map_err(ended)?;
            }
            // Where the others are late, one of them reads on.
            if is_ended {
                return Ok(());
            }
            if train.may_take() && self.sharing.boarding.has_waiting() {
                self.depart(train, kept)?;
            }
            slice = slice.saturating_mul(2).min(slice_max);
        }
    }

    /// Take what waits, and write it.
    fn depart(&self, train: &mut Train, kept: &mut Kept) -> std::result::Result<(), TermEnd> {
        if train.may_take() {
            let count = train.take(&self.sharing.boarding);
            if count > 0 {
                self.sharing.took(count);
                self.pool.dial.counters().departed();
            }
        } else if train.is_worn() {
            // Nobody is to wait for what is under way there.
            self.sharing.boarding.close(true);
        }
        train.write(kept).map_err(TermEnd::Lost)
    }

    /// Write if something waits for that, and read. The result is how many commands have come to their end.
    fn move_bytes(&self, train: &mut Train, kept: &mut Kept) -> std::result::Result<usize, TermEnd> {
        if train.is_blocked {
            train.write(kept).map_err(TermEnd::Lost)?;
        }
        let was_long = train.is_long();
        let count = train.read(kept).map_err(TermEnd::Lost)?;
        if train.is_long() != was_long {
            self.sharing.boarding.close(train.is_long());
        }
        Ok(count.unwrap_or(0))
    }

    /// End what is late: commands, a connection that is silent, and this call where its command was never taken.
    fn check_time(&self, train: &mut Train, now: Instant) -> std::result::Result<(), TermEnd> {
        train.expire(now);
        train.check_silence(now).map_err(TermEnd::Lost)?;
        match self.ride.wait.deadline.had_passed(now) && self.seat.leave_untaken() == Departure::Untaken {
            true => Err(TermEnd::Own(self.never_taken())),
            false => Ok(()),
        }
    }

    /// Wait for so long, or until a time is up. True: bytes may be there.
    fn await_bytes(&self, train: &mut Train, slice: Duration) -> std::result::Result<bool, TermEnd> {
        let now = Instant::now();
        // Replies may flow for long, and bytes that end no command for ever. Whose time is up sleeps no longer.
        self.check_time(train, now)?;
        train.wake();
        Vigil::is_brief().map_err(TermEnd::Own)?;
        let own = self.ride.wait.deadline.moment().filter(|_| self.seat.is_open());
        let moments = [train.next_moment(now), own, train.quick_since.map(|since| since + SLOW)];
        let end = moments.into_iter().flatten().fold(now + slice, Instant::min);
        let Some((fd, is_pending)) = train.descriptor() else { return Ok(true) };
        if is_pending {
            return Ok(true);
        }
        let blocked = train.is_blocked;
        let ready = if slice < LONG {
            wait::wait_briefly(fd, true, blocked, end.saturating_duration_since(now))
        } else if !train.may_take() {
            wait::wait(fd, true, blocked, Deadline::at(end))
        } else {
            // Whoever boards meanwhile is not to wait for what is under way.
            let wait = |goes_on: &dyn Fn() -> bool| wait::wait_while(fd, true, false, Deadline::at(end), goes_on);
            self.sharing.boarding.waiting(wait).unwrap_or_else(|| Ok(Ready::default()))
        };
        Ok(ready.map_err(ended)?.any())
    }

    /// End what the fault ends. An error: this call, whose caller has left its seat.
    fn give_up(&self, train: &mut Train, fault: TermEnd, kept: &mut Kept) -> Result<()> {
        match fault {
            TermEnd::Lost(error) => {
                train.lose(error, kept);
                self.sharing.boarding.close(false);
                Ok(())
            }
            TermEnd::NoConnection(error) => {
                // What ended this call, or its wait for a connection, does not end others.
                let is_own =
                    matches!(error.status, Status::Woken | Status::Busy) || self.ride.wait.deadline.has_passed();
                let left = self.seat.leave();
                if !is_own {
                    train.refuse_waiting(&self.sharing.boarding, &error);
                }
                if left == Departure::NotLeft { Ok(()) } else { Err(error) }
            }
            TermEnd::Own(error) => {
                let outcome = train.abandon(&self.seat);
                match self.seat.leave() {
                    Departure::Untaken => Err(self.ended(error, Outcome::NotSent)),
                    Departure::Taken => Err(self.ended(error, outcome)),
                    // It was late, and left before; or its reply has come.
                    Departure::NotLeft if error.status == Status::Woken => Ok(()),
                    Departure::NotLeft => Err(error),
                }
            }
        }
    }
}

impl Term<'_> {
    /// Call the next conductor, and wake those whose commands have come to their end. `reason`: why the connection ends, where
    /// replies are due that nobody waits for.
    fn put_down(mut self, reason: impl Fn() -> Error, kept: &mut Kept) {
        let Some(mut train) = self.train.take() else { return };
        train.account();
        let wakes = train.take_wakes();
        let called = self.sharing.boarding.put_down(train, |train| match train.owes_nothing() {
            true => train.lease.take().into_iter().for_each(Lease::give_back),
            false => train.lose(reason(), kept),
        });
        wakes.wake_with(called.as_ref());
    }
}

impl Drop for Term<'_> {
    fn drop(&mut self) {
        // Only during a panic it was not put down before.
        let Some(train) = &mut self.train else { return };
        // Its caller comes back no more.
        self.seat.leave();
        let error = Error::new(Status::Panic, "a panic ended the connection that this command shared");
        let mut kept = Kept::new(false, 0);
        train.drop_all(&error);
        train.refuse_loaded(&error);
        let term = Term { sharing: self.sharing, seat: self.seat, train: self.train.take() };
        term.put_down(|| error.clone(), &mut kept);
    }
}

/// What a wait ends by that failed: where the call was woken, it alone is over.
fn ended(error: Error) -> TermEnd {
    match error.status {
        Status::Woken => TermEnd::Own(error),
        _ => TermEnd::Lost(error),
    }
}

/// How long a conductor waits before it looks who has boarded; then twice as long each time.
const PATIENCE: Duration = Duration::from_micros(50);
const SLICE_MAX: Duration = Duration::from_millis(500);
/// The longest, where somebody tells whether the server is still the one to wait for.
const LOOKING_SLICE_MAX: Duration = Duration::from_millis(50);
/// Conductors that have followed each other for that time let the others look up by themselves.
const SLOW: Duration = Duration::from_millis(10);
/// As long as that, and a wait can be ended.
const LONG: Duration = Duration::from_millis(3);
