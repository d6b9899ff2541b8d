//! A caller's way: it boards, waits at its seat, conducts where it is called to, and is told what its command came to.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::commands::{Command, Shape};
use crate::conn::{Kept, Wait};
use crate::error::{Error, Outcome, Result, Status};
use crate::ongoing::{self, Vigil, WaitPoint};
use crate::reply::Reply;
use crate::resp;
use crate::sync::Waited;

use super::super::state::PoolState;
use super::ends::{CallersSeat, RideEnd};
use super::seats::{AtSeat, Departure};
use super::sharing::Sharing;
use super::train::Passenger;

/// A command that may share its connection.
pub struct Ride<'a> {
    /// The arguments.
    pub args: &'a [&'a [u8]],
    /// The room for the encoded arguments, in bytes, from `resp::checked_room`.
    pub room: usize,
    /// The shape of its reply.
    pub shape: Shape,
    /// Its row in the table of commands.
    pub row: Option<&'static Command>,
    /// The time that it may take.
    pub wait: &'a Wait<'a>,
    /// The clock, as it was read last.
    pub now: Instant,
    /// The longest wait for a connection.
    pub pool_wait_ms: i64,
}

/// Why a command on a shared connection failed.
pub struct Thrown {
    /// The error.
    pub error: Error,
    /// The connection had been idle in the pool before, so the server may have closed it meanwhile.
    pub rested: bool,
}

impl PoolState {
    /// Send a command on the shared connection, and wait for its reply. None: so much waits there already that it has to go
    /// alone.
    pub(in super::super) fn ride(
        self: &Arc<Self>,
        sharing: &Sharing,
        ride: &Ride<'_>,
        kept: &mut Kept,
    ) -> std::result::Result<Option<Reply>, Thrown> {
        self.dial.refuse_reentry().map_err(fresh)?;
        let passenger = Passenger { shape: ride.shape, row: ride.row, deadline: ride.wait.deadline.moment() };
        let boarded = sharing.boarding.board(passenger, |bytes| resp::encode_checked(ride.args, bytes, ride.room));
        let (seat, conducts) = match boarded {
            Ok(Some(boarded)) => boarded,
            Ok(None) => return Ok(None),
            Err(error) => return Err(fresh(error.with_outcome(Outcome::NotSent))),
        };
        self.dial.counters().rode();
        let mut caller = Caller { pool: self, sharing, seat, ride, wait_point: None, since: None };
        if conducts {
            caller.conduct(false, kept).map_err(fresh)?;
        }
        caller.wait(kept).map(Some)
    }
}

/// A caller on its seat.
pub(super) struct Caller<'c> {
    pub(super) pool: &'c Arc<PoolState>,
    pub(super) sharing: &'c Sharing,
    pub(super) seat: CallersSeat,
    pub(super) ride: &'c Ride<'c>,
    /// Where it sleeps once it has waited long.
    wait_point: Option<Arc<WaitPoint>>,
    /// When it began to sleep.
    since: Option<Instant>,
}

impl Caller<'_> {
    /// Wait for the end of the command, and conduct when called.
    fn wait(&mut self, kept: &mut Kept) -> std::result::Result<Reply, Thrown> {
        let deadline = self.ride.wait.deadline;
        // Once the conductor has the command, it says when the time is up, for it knows what was sent.
        let mut is_taken = false;
        loop {
            let wakes = self.seat.seats().wakes();
            let count = self.wait_point.as_ref().map_or(0, |wait_point| wait_point.count());
            match self.seat.look() {
                AtSeat::End(verdict) => return self.told(verdict),
                AtSeat::Called => {
                    self.conduct(true, kept).map_err(fresh)?;
                    continue;
                }
                AtSeat::Nothing => {}
            }
            if !is_taken && self.is_late() {
                if self.seat.leave_untaken() == Departure::Untaken {
                    return Err(fresh(self.never_taken()));
                }
                is_taken = true;
                continue;
            }
            let until = if is_taken { None } else { deadline.moment() };
            let slept = self.sleep(wakes, count, until);
            self.leave_if(slept)?;
        }
    }

    /// Leave the seat if the call was ended. Ok: it was not, or its command has come to its end before.
    fn leave_if(&self, slept: Result<()>) -> std::result::Result<(), Thrown> {
        let Err(ended) = slept else { return Ok(()) };
        match self.seat.leave() {
            Departure::Untaken => Err(fresh(self.ended(ended, Outcome::NotSent))),
            Departure::Taken => Err(fresh(self.ended(ended, Outcome::Unknown))),
            Departure::NotLeft => Ok(()),
        }
    }

    /// Sleep until something may have changed. An error: the call was ended.
    fn sleep(&mut self, wakes: u32, count: u32, until: Option<Instant>) -> Result<()> {
        if let Some(wait_point) = &self.wait_point {
            return wait_point.sleep(count, until);
        }
        // The first sleep is short, and costs nothing. From then on whoever ends the call finds where it sleeps.
        let is_first = self.since.is_none();
        let end = *self.since.get_or_insert(self.ride.now) + BRIEF;
        if Vigil::is_brief()? {
            // No timer is set, for all are woken when conductors have been at it for a while.
            if is_first && self.has_time_after(end) && !self.sharing.boarding.is_slow() {
                self.seat.sleep(wakes, None);
                return Ok(());
            }
            let slept = self.seat.sleep(wakes, until.map_or(Some(end), |until| Some(until.min(end))));
            if slept != Waited::TimedOut || Instant::now() < end {
                return Ok(());
            }
        }
        let wait_point = ongoing::wait_point();
        self.seat.sleeps_at(&wait_point);
        self.wait_point = Some(wait_point);
        Ok(())
    }

    /// Whether the call has much time left at that moment.
    fn has_time_after(&self, end: Instant) -> bool {
        self.ride.wait.deadline.moment().is_none_or(|moment| moment > end + MUCH)
    }

    fn told(&self, verdict: RideEnd) -> std::result::Result<Reply, Thrown> {
        match verdict {
            RideEnd::Reply(reply) => Ok(reply),
            RideEnd::Short(short) => short.reply().map_err(|error| fresh(error.with_outcome(Outcome::Ran))),
            RideEnd::Failed { error, rested } => Err(Thrown { error: *error, rested }),
            RideEnd::Late(outcome) => Err(fresh(self.late(outcome))),
        }
    }

    /// Whether the time is up. The clock is read only where a sleep may have reached it.
    pub(super) fn is_late(&self) -> bool {
        self.since.is_some() && self.ride.wait.deadline.has_passed()
    }

    /// The time is up.
    pub(super) fn late(&self, outcome: Outcome) -> Error {
        let error = self.ride.wait.timed_out(outcome == Outcome::NotSent);
        error.at(self.pool.dial.endpoint()).with_outcome(outcome)
    }

    /// The time is up, and no conductor has taken the command.
    pub(super) fn never_taken(&self) -> Error {
        let (name, allowed_ms) = (self.ride.wait.shown_name(), self.ride.wait.allowed_ms);
        let name = String::from_utf8_lossy(&name);
        let text = format!("pool: no shared connection took {name} within {allowed_ms} ms");
        Error::new(Status::Timeout, text).at(self.pool.dial.endpoint()).with_outcome(Outcome::NotSent)
    }

    pub(super) fn ended(&self, ended: Error, outcome: Outcome) -> Error {
        ended.at(self.pool.dial.endpoint()).with_outcome(outcome)
    }
}

fn fresh(error: Error) -> Thrown {
    Thrown { error, rested: false }
}

/// So much later the time of a call is not up before its conductor has woken it.
const MUCH: Duration = Duration::from_millis(200);
/// How long a caller sleeps before it takes a place of its own to sleep at.
const BRIEF: Duration = Duration::from_millis(20);
