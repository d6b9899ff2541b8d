//! The shared connection in every order in which the steps of a few callers can come, as loom finds them: each caller that stays
//! gets the end of its own command, there is a conductor while anybody waits, and none when nobody does.
//!
//! The seats and the boarding are the library's own; the connection that they are for is a list here, and `model` stands in the
//! place of the system's futex.

use std::mem;

use loom::sync::Arc;
use loom::thread;
use rredis::error::Result;
use rredis::pool::shared::{AtSeat, Boarding, Departure, Load, Riders, Seat};

use super::model::{Model, ModelLock, explore};

type Callers = Boarding<u32, u32, Model, Train, ModelLock>;

/// A verdict that comes too late.
const NOBODYS: u32 = 77;

/// The commands that were taken and have not ended, with their callers' numbers.
#[derive(Default)]
struct Train(Vec<(u32, Seat<u32, Model>)>);

impl Riders<u32, Model> for Train {
    fn waiting(&self, from: usize) -> Option<(usize, Seat<u32, Model>)> {
        let mut rest = self.0.iter().enumerate().skip(from);
        rest.find(|(_, (_, seat))| seat.is_open()).map(|(at, (_, seat))| (at, seat.handle()))
    }
}

/// What a caller does before its command has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stays {
    /// It waits.
    Always,
    /// It gives up at the first look.
    Never,
    /// It gives up if its command was not taken.
    Untaken,
}

/// How much a conductor does before it puts the role down.
#[derive(Clone, Copy)]
enum Diligence {
    /// It ends all commands that it finds.
    All,
    /// It ends those up to its own, and the others are for the next.
    UpToItsOwn,
}

fn ride(callers: &Callers, number: u32, stays: Stays, diligence: Diligence) -> Option<u32> {
    let boarded = callers.board(number, |bytes| -> Result<()> {
        bytes.push(number as u8);
        Ok(())
    });
    let (seat, conducts) = boarded.expect("there is memory").expect("there is room");
    if conducts {
        conduct(callers, &seat, diligence);
    }
    loop {
        let wakes = seat.seats().wakes();
        match seat.look() {
            AtSeat::End(verdict) => return Some(verdict),
            AtSeat::Called => {
                conduct(callers, &seat, diligence);
                continue;
            }
            AtSeat::Nothing => {}
        }
        let left = match stays {
            Stays::Always => Departure::NotLeft,
            Stays::Never => seat.leave(),
            Stays::Untaken => seat.leave_untaken(),
        };
        if left != Departure::NotLeft {
            return None;
        }
        seat.sleep(wakes, None);
    }
}

fn conduct(callers: &Callers, own: &Seat<u32, Model>, diligence: Diligence) {
    let mut train = callers.unpark().unwrap_or_default();
    let mut load = Load::default();
    callers.take(&mut load);
    assert_eq!(load.bytes.len(), load.commands.len(), "each command has its byte");
    train.0.extend(
        load.commands
            .drain(..)
            .filter(|boarded| boarded.seat.is_taken())
            .map(|boarded| (boarded.command, boarded.seat)),
    );
    let place = train.0.iter().position(|(_, seat)| seat.is(own));
    let count = match (diligence, place) {
        (Diligence::UpToItsOwn, Some(place)) => place + 1,
        _ => train.0.len(),
    };
    let mut wakes = Vec::new();
    for (number, seat) in train.0.drain(..count) {
        assert!(seat.end(number).is_none(), "nobody sleeps elsewhere");
        // As the reply to a command whose time was up before.
        assert!(seat.end(NOBODYS).is_none());
        wakes.push(seat);
    }
    let called = callers.put_down(train, |train| {
        assert!(mem::take(&mut train.0).iter().all(|(_, seat)| !seat.is_open()), "somebody waits, and nobody conducts");
    });
    called.iter().chain(&wakes).for_each(|seat| seat.seats().wake(seat.bit()));
}

/// Each caller gets the end of its own command, or has given up; and whoever comes next conducts at once.
fn all_are_served<const N: usize>(interruptions: usize, worlds: &[[Stays; N]], diligence: Diligence) {
    for world in worlds {
        are_served(interruptions, *world, diligence);
    }
}

fn are_served<const N: usize>(interruptions: usize, callers: [Stays; N], diligence: Diligence) {
    explore(interruptions, move || {
        let boarding = Arc::new(Callers::new(Model::new));
        // The lock is made when it is first taken, and by the thread that the others come from.
        assert!(!boarding.has_waiting());
        let ride_as = move |boarding: &Callers, number: usize| {
            let verdict = ride(boarding, number as u32, callers[number], diligence);
            let is_own = verdict == Some(number as u32);
            assert!(is_own || (verdict.is_none() && callers[number] != Stays::Always), "{number}: {verdict:?}");
        };
        let others: Vec<_> = (1..callers.len())
            .map(|number| {
                let boarding = Arc::clone(&boarding);
                thread::spawn(move || ride_as(&boarding, number))
            })
            .collect();
        ride_as(&boarding, 0);
        others.into_iter().for_each(|other| other.join().expect("it ends"));
        let last = boarding.board(9, |_| Ok(())).expect("there is memory").expect("there is room");
        assert!(last.1, "the role was left to nobody");
    });
}

#[test]
fn two_callers() {
    for diligence in [Diligence::All, Diligence::UpToItsOwn] {
        for other in [Stays::Always, Stays::Never, Stays::Untaken] {
            all_are_served(2, &[[Stays::Always, other], [other, Stays::Always]], diligence);
        }
    }
}

#[test]
fn three_callers_and_conductors_that_end_all() {
    all_are_served(1, &[[Stays::Always; 3]], Diligence::All);
}

#[test]
fn three_callers_and_conductors_that_leave_work_to_the_next() {
    all_are_served(1, &[[Stays::Always; 3]], Diligence::UpToItsOwn);
}

#[test]
fn a_caller_that_gives_up_takes_the_role_from_nobody() {
    let gives_up = [[Stays::Always, Stays::Never, Stays::Always], [Stays::Never, Stays::Always, Stays::Always]];
    all_are_served(1, &gives_up, Diligence::UpToItsOwn);
    all_are_served(1, &[[Stays::Always, Stays::Untaken, Stays::Never]], Diligence::UpToItsOwn);
}

/// A conductor may wait for long. Whoever sleeps without a timer is told so, and whoever comes later sees it: each looks up by
/// itself, which here is that it leaves. Who slept on would do so for ever.
fn looks_up(callers: &Callers, number: u32) {
    let boarded = callers.board(number, |_| Ok(()));
    let (seat, conducts) = boarded.expect("there is memory").expect("there is room");
    if conducts {
        let mut load = Load::default();
        callers.take(&mut load);
        let taken: Vec<_> = load.commands.drain(..).map(|boarded| boarded.seat).filter(Seat::is_taken).collect();
        return callers.become_slow(taken.iter());
    }
    loop {
        let wakes = seat.seats().wakes();
        assert_eq!(seat.look(), AtSeat::Nothing, "nobody ends it");
        if callers.is_slow() {
            seat.leave();
            return;
        }
        seat.sleep(wakes, None);
    }
}

#[test]
fn nobody_sleeps_without_a_timer_behind_a_conductor_that_may_wait() {
    for (callers, interruptions) in [(2, 3), (3, 2)] {
        explore(interruptions, move || {
            let boarding = Arc::new(Callers::new(Model::new));
            assert!(!boarding.has_waiting() && !boarding.is_slow());
            let others: Vec<_> = (1..callers)
                .map(|number| {
                    let boarding = Arc::clone(&boarding);
                    thread::spawn(move || looks_up(&boarding, number))
                })
                .collect();
            looks_up(&boarding, 0);
            others.into_iter().for_each(|other| other.join().expect("it ends"));
        });
    }
}
