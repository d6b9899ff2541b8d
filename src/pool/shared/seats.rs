//! Seats: where a caller waits for the reply to its command, or to be called to conduct. Thirty-two callers sleep on one
//! word, each with a bit of its own, so that one wake reaches all whose replies one read has brought.
//!
//! A seat's state is a word too, and no lock is held while one is looked at, so that all orders of these steps can be searched:
//! `tests/pool/shared_models.rs`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::ongoing::WaitPoint;
use crate::sync::{Mutex, Waited, Word};

/// The seats of up to `SEATS` callers.
pub struct Seats<T, W> {
    /// Counts the wakes. Callers sleep on it.
    word: W,
    places: [Berth<T, W>; SEATS],
}

/// The place of one caller.
struct Berth<T, W> {
    /// One of the states below.
    state: W,
    /// What the caller is given, and where it sleeps once it has waited long.
    held: Mutex<Contents<T>>,
}

struct Contents<T> {
    verdict: Option<T>,
    wait_point: Option<Arc<WaitPoint>>,
}

/// One of the places, as its caller and the conductor hold it.
pub struct Seat<T, W> {
    seats: Arc<Seats<T, W>>,
    at: usize,
}

/// What a caller finds at its seat.
#[derive(Debug, PartialEq, Eq)]
pub enum AtSeat<T> {
    /// Nothing yet.
    Nothing,
    /// The end of its command.
    End(T),
    /// The caller is to conduct.
    Called,
}

/// Whether a caller that gives up has left its seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// It has, and its command was not taken: it is never sent.
    Untaken,
    /// It has, and the conductor has its command: the reply is dropped when it arrives.
    Taken,
    /// It has not: its command has ended, or it is called to conduct, or the conductor has its command. It looks again.
    NotLeft,
}

impl<T, W: Word> Seats<T, W> {
    /// Seats on words made by `word`, each of them 0.
    pub fn new(mut word: impl FnMut() -> W) -> Seats<T, W> {
        let place = |state| Berth { state, held: Mutex::new(Contents { verdict: None, wait_point: None }) };
        Seats { places: std::array::from_fn(|_| place(word())), word: word() }
    }

    /// The wakes so far: to be asked before a caller looks at its seat, and slept on if nothing is found.
    pub fn wakes(&self) -> u32 {
        self.word.load(Ordering::SeqCst)
    }

    /// Make all places free. Nobody else holds the seats.
    pub fn clear(&mut self) {
        for place in &mut self.places {
            place.state.swap(WAITS, Ordering::SeqCst);
            *place.held.get_mut() = Contents { verdict: None, wait_point: None };
        }
    }

    /// Wake the callers with these bits.
    pub fn wake(&self, bits: u32) {
        self.word.add(1, Ordering::SeqCst);
        self.word.wake(true, bits);
    }
}

impl<T, W: Word> Seat<T, W> {
    /// Sit down at a free place.
    pub fn take(seats: &Arc<Seats<T, W>>, at: usize) -> Seat<T, W> {
        Seat { seats: Arc::clone(seats), at }
    }

    /// Whether both are one place.
    pub fn is(&self, other: &Seat<T, W>) -> bool {
        self.at == other.at && Arc::ptr_eq(&self.seats, &other.seats)
    }

    /// The bit of this seat in its word.
    pub fn bit(&self) -> u32 {
        1 << self.at
    }

    /// The seats that it is one of.
    pub fn seats(&self) -> &Arc<Seats<T, W>> {
        &self.seats
    }

    /// What the caller finds. A call to conduct is answered by that, and a verdict is given once.
    pub fn look(&self) -> AtSeat<T> {
        let state = &self.place().state;
        match state.load(Ordering::SeqCst) {
            ENDED => match self.place().held.lock().verdict.take() {
                Some(verdict) => AtSeat::End(verdict),
                None => AtSeat::Nothing,
            },
            CALLED if state.change(CALLED, WAITS, Ordering::SeqCst) => AtSeat::Called,
            CALLED_TAKEN if state.change(CALLED_TAKEN, TAKEN, Ordering::SeqCst) => AtSeat::Called,
            _ => AtSeat::Nothing,
        }
    }

    /// Whether the command of this seat is still to come to its end, and its caller is there.
    pub fn is_open(&self) -> bool {
        !matches!(self.place().state.load(Ordering::SeqCst), ENDS | ENDED | LEFT)
    }

    /// Sleep while there were so many wakes, until that moment.
    pub fn sleep(&self, wakes: u32, until: Option<Instant>) -> Waited {
        self.seats.word.wait(wakes, self.bit(), until)
    }

    /// From now on the caller sleeps here, and not on the word.
    pub fn sleeps_at(&self, wait_point: &Arc<WaitPoint>) {
        self.place().held.lock().wait_point = Some(Arc::clone(wait_point));
    }

    /// The caller goes, if its command was not taken.
    pub fn leave_untaken(&self) -> Departure {
        match self.place().state.change(WAITS, LEFT, Ordering::SeqCst) {
            true => Departure::Untaken,
            false => Departure::NotLeft,
        }
    }

    /// The caller goes, without waiting for the end.
    pub fn leave(&self) -> Departure {
        let state = &self.place().state;
        if self.leave_untaken() == Departure::Untaken {
            Departure::Untaken
        } else if state.change(TAKEN, LEFT, Ordering::SeqCst) {
            Departure::Taken
        } else {
            Departure::NotLeft
        }
    }

    /// The conductor takes the command. False: the caller has left.
    pub fn is_taken(&self) -> bool {
        self.place().state.change(WAITS, TAKEN, Ordering::SeqCst)
    }

    /// The command of the caller has come to its end: the first one counts. The result is where to notify the caller; `None`: on
    /// the word, or nobody is there.
    pub fn end(&self, verdict: T) -> Option<Arc<WaitPoint>> {
        // One that was not taken ends with the connection that it waited for.
        let state = &self.place().state;
        if !state.change(TAKEN, ENDS, Ordering::SeqCst) && !state.change(WAITS, ENDS, Ordering::SeqCst) {
            return None;
        }
        self.place().held.lock().verdict = Some(verdict);
        state.swap(ENDED, Ordering::SeqCst);
        // Only now: a caller that goes to sleep elsewhere says so, and then looks at the state.
        self.place().held.lock().wait_point.take()
    }

    /// Call the caller to conduct: it is to be woken. False: it is not there any more, or needs nothing more.
    pub fn call(&self) -> bool {
        let state = &self.place().state;
        state.change(TAKEN, CALLED_TAKEN, Ordering::SeqCst) || state.change(WAITS, CALLED, Ordering::SeqCst)
    }

    /// Where the caller sleeps, if not on the word.
    pub fn wait_point(&self) -> Option<Arc<WaitPoint>> {
        self.place().held.lock().wait_point.clone()
    }

    /// Another handle on this seat, for the conductor.
    pub fn handle(&self) -> Seat<T, W> {
        Seat { seats: Arc::clone(&self.seats), at: self.at }
    }

    fn place(&self) -> &Berth<T, W> {
        &self.seats.places[self.at]
    }
}

/// Let the callers look up who sleep on the words of these seats: neighbours on one word at once.
pub(super) fn wake_all<'s, T: 's, W: Word + 's>(all: impl Iterator<Item = &'s Seat<T, W>>) {
    let mut last: Option<(&Seats<T, W>, u32)> = None;
    for seat in all {
        last = match last {
            Some((seats, bits)) if std::ptr::eq(seats, &*seat.seats) => Some((seats, bits | seat.bit())),
            before => {
                before.into_iter().for_each(|(seats, bits)| seats.wake(bits));
                Some((&*seat.seats, seat.bit()))
            }
        };
    }
    last.into_iter().for_each(|(seats, bits)| seats.wake(bits));
}

/// The seats that share a word: each has a bit of it.
pub const SEATS: usize = 32;

/// The place is free; or its caller waits, and the command was not taken.
const WAITS: u32 = 0;
/// The conductor has its command.
const TAKEN: u32 = 1;
/// As `WAITS`, and its caller is to conduct.
const CALLED: u32 = 2;
/// As `TAKEN`, and its caller is to conduct.
const CALLED_TAKEN: u32 = 3;
/// The verdict is being put there.
const ENDS: u32 = 4;
/// The verdict is there.
const ENDED: u32 = 5;
/// The caller has gone.
const LEFT: u32 = 6;
