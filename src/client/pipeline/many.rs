//! One run over many servers: each command goes to the owner of its keys, all servers are driven at once, and what they refuse is
//! sent again to where they point.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::client::Client;
use crate::conn::{Ended, Kept, Notice, Several, Taking, Wait};
use crate::error::{Error, Outcome, Result, Status};
use crate::route::{Audience, Batched, BrokenLeg, Facts, Leg, Spread, Tries};
use crate::stats::Counters;

use super::batch::{Batch, NAME};
use super::doubts::settle;
use super::flight::{Broken, Flight, FlightCame, Landed};
use super::gathered::Gathered;
use super::parcel::Parcel;
use super::plan::Plan;
use super::queue::not_sent;
use super::received::Received;
use super::scripted::{ScriptReplies, WholeScripts};
use super::time::Time;

impl Batch {
    /// Send these commands, which are some of the plan's, and merge their replies.
    pub(super) fn over_many(
        &mut self,
        client: &Client,
        range: Range<usize>,
        tries: &mut Tries,
        time: &mut Time,
    ) -> Result<()> {
        let begun = Instant::now();
        let (first, once) = (range.start, self.plan.is_once());
        let Some(mut spread) = client.0.route.spread(range, time.still_ms(), time.total(), once)? else {
            return Ok(());
        };
        let gathered = RefCell::new(Gathered::new(&mut self.merged));
        let done = self.in_rounds(client, &mut spread, &gathered, tries, time);
        let mut kept = client.kept();
        spread.end(begun, &mut kept);
        client.show(kept);
        // Where the call was woken, some may have run.
        let has_run = gathered.borrow().len() > 0;
        done.map_err(|error| if has_run { error.with_outcome(Outcome::Unknown) } else { error })?;
        gathered.into_inner().finish(&mut self.merged, first, self.plan.len())
    }

    fn in_rounds(
        &mut self,
        client: &Client,
        spread: &mut Spread<'_>,
        gathered: &RefCell<Gathered>,
        tries: &mut Tries,
        time: &mut Time,
    ) -> Result<()> {
        let mut whole = WholeScripts::default();
        loop {
            whole.are_all = client.0.scripts_go_whole.load(Ordering::Relaxed);
            let wait = Wait { deadline: time.start, allowed_ms: time.allowed_ms(), name: NAME };
            let mut kept = client.kept();
            let legs = spread.round(&self.plan, &wait, &mut kept);
            client.show(kept);
            let legs = legs?;
            for lost in spread.take_lost() {
                gathered.borrow_mut().lose(lost)?;
            }
            if legs.is_empty() {
                return Ok(());
            }
            tries.count += 1;
            let before = gathered.borrow().len();
            let landed = self.fly(client, legs, &whole, gathered, time)?;
            if gathered.borrow().len() > before {
                spread.has_progressed();
            }
            self.look_at(client, spread, &mut whole, landed)?;
            tell_repeated(client, spread, tries.count);
        }
    }

    /// Send what goes to each server, on all of them at once, and take their replies.
    fn fly(
        &mut self,
        client: &Client,
        legs: Vec<Leg>,
        whole: &WholeScripts,
        gathered: &RefCell<Gathered>,
        time: &mut Time,
    ) -> Result<Vec<Landed>> {
        let raw = self.plan.keeps_all();
        let queue = self.plan.sent();
        let mut flights = Vec::new();
        let mut several = Several::with_room(legs.len()).map_err(not_sent)?;
        flights.try_reserve_exact(legs.len()).map_err(|_| not_sent(Error::memory("the connections")))?;
        for leg in legs {
            flights.push(Flight::new(client, leg, queue, whole)?);
        }
        let mut driven = Vec::new();
        driven.try_reserve_exact(flights.len()).map_err(|_| not_sent(Error::memory("the connections")))?;
        for (place, flight) in flights.iter_mut().enumerate() {
            let Flight { lease, kept, errands, stop, parcel: Parcel { bytes, from, dues, .. }, front, came } = flight;
            match lease.begin_burst(bytes, *from, dues.len()) {
                Ok(()) => {
                    let scripts = ScriptReplies::new(queue, whole, front);
                    several.add(
                        lease,
                        kept,
                        Taking(Received::new(gathered, dues, errands, (queue, scripts), stop, raw)),
                    );
                    driven.push(place);
                }
                Err(error) => *came = FlightCame::refused(error),
            }
        }
        several.drive(|| time.until(), |_, _, _| false);
        let ended =
            several.end().map(|Ended { goal: Taking(received), result }| FlightCame::received(received, result));
        let came: Vec<FlightCame> = ended.collect();
        driven.into_iter().zip(came).for_each(|(place, came)| flights[place].came = came);
        flights.iter_mut().for_each(|flight| flight.unload(queue, time));
        if !queue.scripts.is_empty() {
            flights.iter_mut().for_each(|flight| flight.learn(queue, whole));
        }
        settle(queue, &mut flights, time).map_err(|error| error.with_outcome(Outcome::Unknown))?;
        let (landed, kept): (Vec<Landed>, Vec<Kept>) =
            flights.into_iter().map(|flight| flight.land(client, gathered)).unzip();
        kept.into_iter().for_each(|kept| client.show(kept));
        Ok(landed)
    }

    /// Look at what was refused or not answered: whether it is sent again.
    fn look_at(
        &mut self,
        client: &Client,
        spread: &mut Spread<'_>,
        whole: &mut WholeScripts,
        landed: Vec<Landed>,
    ) -> Result<()> {
        let mut kept = client.kept();
        let mut done = Ok(());
        for Landed { mut stop, errands, refused, missing, told, broken, rested } in landed {
            let first = broken.as_ref().map_or(usize::MAX, |broken| broken.first);
            let mut refused = refused.into_iter().peekable();
            let (mut missing, mut told) = (missing.into_iter().peekable(), told.into_iter().peekable());
            let mut left = Vec::new();
            let count = errands.len().saturating_sub(first);
            left.try_reserve_exact(count).map_err(|_| not_sent(Error::memory("the commands")))?;
            for (place, errand) in errands.into_iter().enumerate() {
                if let Some((_, words)) = refused.next_if(|(refused, _)| *refused == place) {
                    done = done.and(spread.refused(&mut stop, errand, words, &self.plan, &mut kept));
                } else if missing.next_if_eq(&place).is_some() {
                    done = done.and(whole.add(self.plan.sent(), errand.index));
                    spread.again(errand);
                } else if let Some((_, told)) = told.next_if(|(told, _)| *told == place) {
                    done = done.and(spread.lose(errand, told));
                } else if place >= first {
                    left.push(errand);
                }
            }
            match broken {
                Some(Broken { error, .. }) if error.status == Status::Woken => done = done.and(Err(error)),
                Some(Broken { error, sent, .. }) => {
                    let broken = BrokenLeg { stop, error, rested, errands: left, sent };
                    done = done.and(spread.broke_off(broken, &self.plan));
                }
                None => {}
            }
        }
        client.show(kept);
        done
    }
}

/// Tell of the tries that follow.
fn tell_repeated(client: &Client, spread: &mut Spread<'_>, attempts: u32) {
    for (error, pause) in spread.take_repeated() {
        client.count(Counters::retried);
        let mut kept = client.kept();
        kept.notice(Notice::Retry { command: NAME.to_vec(), attempts, wait_ms: pause.as_millis() as i64, error });
        client.show(kept);
    }
}

impl Batched for Plan {
    fn slot_of(&self, index: usize) -> Option<u16> {
        self.queue.slot_of(index)
    }

    fn facts_of(&self, index: usize) -> Facts {
        let mut args = Vec::new();
        // Of what cannot be read back for lack of memory nothing is known.
        let args = self.queue.args_of(index, &mut args).map_or(&[][..], |()| &args);
        Facts::of(args, self.slot_of(index), self.is_idempotent(index))
    }
}
