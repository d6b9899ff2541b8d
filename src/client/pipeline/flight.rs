//! What goes over one connection to one of many servers in one round, and what came of it.
#![forbid(unsafe_code)]

use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::atomic::Ordering;

use crate::client::Client;
use crate::conn::{Handed, Kept, Notice};
use crate::error::{Error, Outcome, Result, Status};
use crate::pool::Lease;
use crate::route::{Audience, Errand, Leg, Stop, Told};

use super::front::Front;
use super::gathered::Gathered;
use super::parcel::Parcel;
use super::queue::{Queue, not_sent};
use super::received::Received;
use super::scripted::{ScriptDoubt, WholeScripts, front_of};
use super::time::Time;

/// What goes over one connection in one round.
pub(super) struct Flight {
    pub(super) lease: Lease,
    pub(super) kept: Kept,
    pub(super) errands: Vec<Errand>,
    pub(super) stop: Stop,
    pub(super) parcel: Parcel,
    /// The answers to what stands in front of it.
    pub(super) front: Front<'static>,
    pub(super) came: FlightCame,
}

/// What came over it.
pub(super) struct FlightCame {
    /// How many replies.
    come: usize,
    /// The errors that may say that their command did not run, by its place.
    refused: Vec<(usize, Vec<u8>)>,
    /// The places of scripts that the server does not have: they did not run.
    pub(super) missing: Vec<usize>,
    /// Those of which that is to be found out.
    pub(super) doubts: Vec<ScriptDoubt>,
    /// What stands in the place of a reply.
    pub(super) told: Vec<(usize, Told)>,
    /// The places of scripts that went whole and were answered with an error.
    failed: Vec<usize>,
    read_only: bool,
    /// How it ended.
    pub(super) result: Result<()>,
    handed: Option<Handed>,
}

/// What came of it.
pub(super) struct Landed {
    pub(super) stop: Stop,
    pub(super) errands: Vec<Errand>,
    pub(super) refused: Vec<(usize, Vec<u8>)>,
    pub(super) missing: Vec<usize>,
    pub(super) told: Vec<(usize, Told)>,
    pub(super) broken: Option<Broken>,
    pub(super) rested: bool,
}

/// Where it broke off.
pub(super) struct Broken {
    /// The first of the errands that were not answered.
    pub(super) first: usize,
    /// How many of those had left, in part at least.
    pub(super) sent: usize,
    pub(super) error: Error,
}

impl Flight {
    /// Of a leg, whose commands are of this queue.
    pub(super) fn new(client: &Client, leg: Leg, queue: &mut Queue, whole: &WholeScripts) -> Result<Flight> {
        let Leg { mut lease, errands, stop } = leg;
        let front = front_of(queue, errands.iter().map(|errand| errand.index), whole, lease.scripts())?;
        let parcel = Parcel::of(queue, &errands, &front.queue, whole).map_err(not_sent)?;
        let front = Front::of(Cow::Owned(front.asked)).map_err(not_sent)?;
        Ok(Flight { lease, kept: client.kept(), errands, stop, parcel, front, came: FlightCame::nothing() })
    }

    /// The burst is over: the queue has its bytes back.
    pub(super) fn unload(&mut self, queue: &mut Queue, time: &mut Time) {
        let handed = self.lease.end_burst(&mut self.parcel.bytes);
        self.parcel.unpack(queue);
        time.moved(handed);
        self.came.handed = Some(handed);
    }

    /// What went whole and ran is known to the server from now on.
    pub(super) fn learn(&mut self, queue: &Queue, whole: &WholeScripts) {
        if self.came.result.is_err() {
            return;
        }
        for (place, errand) in self.errands.iter().enumerate() {
            if let Some(script) = whole.number(queue, errand.index)
                && self.came.failed.binary_search(&place).is_err()
            {
                self.lease.scripts().add(queue.scripts[script].script.digest());
            }
        }
    }

    /// The connection goes back. What came over it unasked is to be shown once all have.
    pub(super) fn land(self, client: &Client, gathered: &RefCell<Gathered>) -> (Landed, Kept) {
        let Flight { mut lease, mut kept, errands, stop, parcel, front, came } = self;
        let FlightCame { come, refused, missing, told, read_only, result, handed, .. } = came;
        let rested = lease.rested;
        if read_only {
            lease.outdate();
        }
        front.known().for_each(|digest| lease.scripts().add(digest));
        if front.is_refused {
            client.0.scripts_go_whole.store(true, Ordering::Relaxed);
        }
        let others = refused.len() + missing.len() + told.len();
        gathered.borrow_mut().is_any_whole |= result.is_ok() && others < errands.len();
        let broken = result.err().map(|error| {
            if lease.failure().is_some() {
                kept.notice(Notice::lost(&lease, &error));
            }
            let (first, sent) = parcel.left(come, handed.map_or(0, |handed| handed.bytes));
            let outcome = if sent == 0 { Outcome::NotSent } else { Outcome::Unknown };
            Broken { first, sent, error: error.with_outcome(outcome) }
        });
        match broken {
            None => lease.give_back(),
            Some(_) => drop(lease),
        }
        (Landed { stop, errands, refused, missing, told, broken, rested }, kept)
    }
}

impl FlightCame {
    fn nothing() -> FlightCame {
        FlightCame {
            come: 0,
            refused: Vec::new(),
            missing: Vec::new(),
            doubts: Vec::new(),
            told: Vec::new(),
            failed: Vec::new(),
            read_only: false,
            result: Err(Error::new(Status::Panic, "a connection was not driven")),
            handed: None,
        }
    }

    /// It cannot be begun.
    pub(super) fn refused(error: Error) -> FlightCame {
        FlightCame { result: Err(error), ..FlightCame::nothing() }
    }

    /// What was received before it ended so.
    pub(super) fn received(received: Received<'_>, result: Option<Result<()>>) -> FlightCame {
        let Received { come, refused, read_only, scripts, .. } = received;
        let (missing, doubts, failed) = (scripts.missing, scripts.doubts, scripts.failed);
        FlightCame {
            come,
            refused,
            missing,
            doubts,
            failed,
            read_only,
            result: result.unwrap_or(Ok(())),
            ..FlightCame::nothing()
        }
    }
}
