//! The ends of commands, and the callers that are woken for them: together, where they sleep together.

use std::sync::Arc;

use crate::error::{Error, Outcome};
use crate::reply::Reply;
use crate::sync::Futex;

use super::seats::{Seat, Seats};
use super::short::Short;

/// The end of a command that was sent on a shared connection.
pub(super) enum RideEnd {
    Reply(Reply),
    /// A short reply, as it came.
    Short(Short),
    /// `rested`: the connection had been idle in the pool before.
    Failed {
        error: Box<Error>,
        rested: bool,
    },
    /// Its time was up.
    Late(Outcome),
}

/// The seat of a caller.
pub(super) type CallersSeat = Seat<RideEnd, Futex>;

/// The callers to be woken: what they sleep on, and their bits.
#[derive(Default)]
pub(super) struct Wakes {
    /// Mostly there is no more than this, which takes no memory.
    first: Option<(Arc<Seats<RideEnd, Futex>>, u32)>,
    more: Vec<(Arc<Seats<RideEnd, Futex>>, u32)>,
    /// The conductor's own seat: it does not sleep.
    own: Option<CallersSeat>,
}

impl Wakes {
    /// The conductor does not sleep.
    pub(super) fn leave_out(&mut self, own: &CallersSeat) {
        self.own = Some(own.handle());
    }

    pub(super) fn wake(&mut self) {
        let all = self.first.take().into_iter().chain(self.more.drain(..));
        all.for_each(|(seats, bits)| seats.wake(bits));
    }

    /// A command has come to its end: its caller is woken later, together with others.
    pub(super) fn end(&mut self, seat: &CallersSeat, verdict: RideEnd) {
        if let Some(wait_point) = seat.end(verdict) {
            return wait_point.notify();
        }
        if self.own.as_ref().is_none_or(|own| !own.is(seat)) {
            self.add(seat);
        }
    }

    fn add(&mut self, seat: &CallersSeat) {
        match self.more.last_mut().or(self.first.as_mut()) {
            Some((seats, bits)) if Arc::ptr_eq(seats, seat.seats()) => *bits |= seat.bit(),
            Some(_) => self.more.push((Arc::clone(seat.seats()), seat.bit())),
            None => self.first = Some((Arc::clone(seat.seats()), seat.bit())),
        }
    }

    /// Wake the next conductor, and all others: together, where they sleep together.
    pub(super) fn wake_with(mut self, called: Option<&CallersSeat>) {
        if let Some(seat) = called {
            if let Some(wait_point) = seat.wait_point() {
                wait_point.notify();
            }
            self.add(seat);
        }
        self.wake();
    }
}
