//! Scripts that servers of many were known to have, and do not know: each server is asked over its own connection, and all at
//! once, whether it has them still.
#![forbid(unsafe_code)]

use crate::client::Script;
use crate::client::script::existing;
use crate::conn::{Ended, Several, Taking};
use crate::error::{Error, Outcome, Result};
use crate::reply::Reply;
use crate::route::Told;

use super::answers::Answers;
use super::flight::{Flight, FlightCame};
use super::merge::Merged;
use super::queue::{MULTI, Queue};
use super::scripted::ScriptDoubt;
use super::time::Time;
use super::wire;

/// A server that is asked whether it has scripts.
struct Questioned {
    queue: Queue,
    merged: Merged,
    scripts: Vec<Script>,
}

/// Ask all servers that are in doubt about scripts at once, each over its own connection. What is gone did not run; the rest is
/// told.
pub(super) fn settle(queue: &Queue, flights: &mut [Flight], time: &Time) -> Result<()> {
    let mut doubtful: Vec<(&mut Flight, Questioned)> = Vec::new();
    for flight in flights.iter_mut().filter(|flight| !flight.came.doubts.is_empty()) {
        if let Err(error) = &flight.came.result {
            let error = unknown(error.clone());
            flight.came.tell_doubts(|_| Some(Told::Failed(error.clone())))?;
            continue;
        }
        let mut questioned = Questioned { queue: Queue::default(), merged: Merged::default(), scripts: Vec::new() };
        for doubt in &flight.came.doubts {
            wire::put(&mut questioned.scripts, &queue.scripts[doubt.script].script)?;
        }
        wire::ask_for(&mut questioned.queue, &questioned.scripts)?;
        doubtful.try_reserve(1).map_err(|_| Error::memory("the scripts"))?;
        doubtful.push((flight, questioned));
    }
    if doubtful.is_empty() {
        return Ok(());
    }
    let asked = ask(&mut doubtful, time)?;
    for ((flight, mut questioned), result) in doubtful.into_iter().zip(asked) {
        flight.lease.end_burst(&mut questioned.queue.bytes);
        questioned.tell(queue, flight, result)?;
    }
    Ok(())
}

fn ask(doubtful: &mut [(&mut Flight, Questioned)], time: &Time) -> Result<Vec<Result<()>>> {
    let mut results = Vec::new();
    results.try_reserve_exact(doubtful.len()).map_err(|_| Error::memory("the scripts"))?;
    let mut several = Several::with_room(doubtful.len())?;
    for (flight, Questioned { queue: Queue { bytes, commands, .. }, merged, .. }) in doubtful {
        let begun = flight.lease.begin_burst(bytes, MULTI.len(), commands.len());
        if begun.is_ok() {
            several.add(&mut flight.lease, &mut flight.kept, Taking(Answers::new(commands, merged, true)));
        }
        results.push(begun);
    }
    several.drive(|| time.until(), |_, _, _| false);
    let mut ended = several.end().map(|Ended { result, .. }| result.unwrap_or(Ok(())));
    for result in results.iter_mut().filter(|result| result.is_ok()) {
        *result = ended.next().unwrap_or(Ok(()));
    }
    Ok(results)
}

impl Questioned {
    /// What the server says of the scripts: those that are gone go whole.
    fn tell(&mut self, queue: &Queue, flight: &mut Flight, result: Result<()>) -> Result<()> {
        if let Err(error) = result {
            let told = unknown(error.clone());
            flight.came.result = Err(error);
            return flight.came.tell_doubts(|_| Some(Told::Failed(told.clone())));
        }
        let mut gone: Vec<&Script> = Vec::new();
        gone.try_reserve_exact(self.scripts.len()).map_err(|_| Error::memory("the scripts"))?;
        let scripts = &self.scripts;
        self.merged.gather.each(|_, frame| {
            let answer = Reply::build(frame)?;
            if let Some(existing) = existing(&answer, scripts.len()) {
                gone.extend(scripts.iter().zip(existing).filter(|(_, exists)| !exists).map(|(script, _)| script));
            }
            Ok(())
        })?;
        gone.iter().for_each(|script| flight.lease.scripts().remove(script.digest()));
        let is_gone = |doubt: &ScriptDoubt| {
            let digest = queue.scripts[doubt.script].script.digest();
            gone.iter().any(|script| script.digest() == digest)
        };
        // It may have run with words of its own, and been flushed then: in other words than a server's nothing runs again.
        let runs_again = |doubt: &ScriptDoubt| doubt.is_servers && is_gone(doubt);
        flight.came.tell_doubts(|doubt| match runs_again(doubt) {
            true => None,
            false => Some(Told::Words(std::mem::take(&mut doubt.words))),
        })
    }
}

impl FlightCame {
    /// Settle every doubt: what is told of it; None, where it did not run.
    fn tell_doubts(&mut self, mut told: impl FnMut(&mut ScriptDoubt) -> Option<Told>) -> Result<()> {
        let room = self.told.try_reserve(self.doubts.len()).and_then(|()| self.missing.try_reserve(self.doubts.len()));
        room.map_err(|_| Error::memory("the scripts"))?;
        for mut doubt in self.doubts.drain(..) {
            match told(&mut doubt) {
                Some(told) => self.told.push((doubt.place, told)),
                None => self.missing.push(doubt.place),
            }
        }
        self.missing.sort_unstable();
        Ok(())
    }
}

fn unknown(error: Error) -> Error {
    error.with_outcome(Outcome::Unknown)
}
