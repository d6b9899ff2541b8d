//! Opening connections to several servers at once, by one thread.

use crate::error::{Error, Outcome, Result, Status};
use crate::transport::pollset::Pollset;
use crate::transport::{Awaited, Deadline, Step};

use super::connection::Connection;
use super::dial::Dial;
use super::opening::Stepped;

/// Open a connection with each of these, all at once, until its own deadline: what each came to, in their order. Once one is open,
/// the others have `grace_ms` more; -1: no less time than without it. An error: the call was woken, or there is no memory.
pub fn open_each(dials: &[(&Dial, Deadline)], grace_ms: i64) -> Result<Vec<Result<Box<Connection>>>> {
    let no_memory = |_| Error::memory("the connections");
    let mut sockets = Pollset::with_room(dials.len())?;
    let mut all: Vec<OpeningOne> = Vec::new();
    let mut results = Vec::new();
    all.try_reserve_exact(dials.len()).map_err(no_memory)?;
    results.try_reserve_exact(dials.len()).map_err(no_memory)?;
    all.extend(dials.iter().map(|(dial, deadline)| OpeningOne::new(Stepped::until(dial, true, *deadline))));
    let mut ends = Deadline::never();
    loop {
        for one in all.iter_mut().filter(|one| one.is_found(&sockets)) {
            if one.go_on() {
                ends = ends.earlier(Deadline::after_ms(grace_ms));
            }
        }
        if ends.has_passed() || all.iter().all(|one| matches!(one, OpeningOne::Over(_))) {
            break;
        }
        sockets.clear();
        let mut next = ends;
        for one in &mut all {
            next = next.earlier(one.watch(&mut sockets));
        }
        sockets.wait(next)?;
    }
    let too_late = |dial: &Dial| {
        let text = "handshake: the server did not answer in the time there was";
        Error::new(Status::Timeout, text).at(dial.endpoint()).with_outcome(Outcome::NotSent)
    };
    results.extend(all.into_iter().zip(dials).map(|(one, (dial, _))| match one {
        OpeningOne::Over(result) => result,
        OpeningOne::Under { .. } => Err(too_late(dial)),
    }));
    Ok(results)
}

/// One of the connections.
enum OpeningOne {
    /// It is being opened, waits for this, and has this place among the sockets.
    Under {
        stepped: Box<Stepped>,
        awaited: Option<Awaited>,
        place: Option<usize>,
    },
    Over(Result<Box<Connection>>),
}

impl OpeningOne {
    fn new(stepped: Stepped) -> OpeningOne {
        OpeningOne::Under { stepped: Box::new(stepped), awaited: None, place: None }
    }

    /// Whether there is a reason to go on: what it waits for was found, or its time has come.
    fn is_found(&self, sockets: &Pollset) -> bool {
        let OpeningOne::Under { awaited, place, .. } = self else { return false };
        let is_due = awaited.as_ref().is_none_or(|awaited| awaited.until.has_passed());
        let is_ready = |place| match sockets.found(place) {
            Ok(ready) => ready.readable || ready.writable || ready.hung_up,
            // What is wrong with it is found when it goes on.
            Err(_) => true,
        };
        is_due || place.is_none_or(is_ready)
    }

    /// Wait for it: until when, at the most.
    fn watch(&mut self, sockets: &mut Pollset) -> Deadline {
        let OpeningOne::Under { awaited: Some(awaited), place, .. } = self else { return Deadline::never() };
        let until = awaited.until;
        let watched = awaited.fd.map(|fd| sockets.watch(fd, awaited.read, awaited.write)).transpose();
        match watched {
            Ok(watched) => {
                *place = watched;
                until
            }
            Err(error) => {
                *self = OpeningOne::Over(Err(error.with_outcome(Outcome::NotSent)));
                Deadline::after_ms(0)
            }
        }
    }

    /// Go on without waiting. True: it has just been opened.
    fn go_on(&mut self) -> bool {
        let OpeningOne::Under { stepped, awaited, place } = self else { return false };
        match stepped.go_on() {
            Ok(Step::Wait(now)) => {
                (*awaited, *place) = (Some(now), None);
                false
            }
            Ok(Step::Done(connection)) => {
                *self = OpeningOne::Over(Ok(connection));
                true
            }
            Err(error) => {
                *self = OpeningOne::Over(Err(error));
                false
            }
        }
    }
}
