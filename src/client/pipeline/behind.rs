//! Scripts that went over by their digests, once their batch is answered: what did not run is sent whole, behind it.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicBool, Ordering};

use crate::client::Script;
use crate::client::script::existing;
use crate::conn::Digest;
use crate::error::{Error, Outcome, Result};
use crate::reply::Reply;

use super::answers::Answers;
use super::exchange::{Leased, broken_off};
use super::front::{Verdict, take_out_front};
use super::merge::{Merged, Replaced};
use super::plan::{Part, Plan};
use super::queue::{MULTI, Queue};
use super::wire::{self, Missing};

/// All is answered: leave the answers to what stood in front out, and send whole what is proven not to have run. That goes
/// over once, behind the batch.
pub(super) fn settle(
    plan: &Plan,
    merged: &mut Merged,
    leased: &mut Leased<'_>,
    scripts_go_whole: &AtomicBool,
) -> Result<()> {
    let (front, said) = take_out_front(plan, merged).map_err(ran)?;
    front.known().for_each(|digest| leased.lease.scripts().add(digest));
    if front.is_refused {
        scripts_go_whole.store(true, Ordering::Relaxed);
    }
    let missing = proven(plan, merged, said, leased)?;
    if !missing.is_empty() {
        let replies = send_whole(plan, merged, &missing, leased)?;
        let mut changes = room_for(missing.len()).map_err(ran)?;
        let indexes = missing.iter().map(|missing| missing.index);
        changes.extend(indexes.zip(replies.into_iter().map(Replaced::Reply)));
        merged.replace(changes).map_err(ran)?;
    }
    merged.failed = None;
    merged.each(|merged, index, frame| {
        if frame.is_error() {
            merged.failed.get_or_insert(index);
        }
        Ok(())
    })
}

/// Those of them that did not run, with the server asked about the scripts that nothing else is known of.
fn proven(
    plan: &Plan,
    merged: &mut Merged,
    said: Vec<(Missing, Verdict)>,
    leased: &mut Leased<'_>,
) -> Result<Vec<Missing>> {
    let script_of = |missing: &Missing| &plan.queue.scripts[missing.script].script;
    let mut scripts: Vec<Script> = Vec::new();
    for (missing, _) in said.iter().filter(|(_, verdict)| matches!(verdict, Verdict::Ask(_))) {
        wire::put(&mut scripts, script_of(missing)).map_err(unknown)?;
    }
    let mut gone: Vec<Digest> = Vec::new();
    if !scripts.is_empty() {
        let mut queue = Queue::default();
        wire::ask_for(&mut queue, &scripts).map_err(unknown)?;
        let replies = send_behind(plan, merged, &mut queue, &said, |(missing, _)| missing.index, leased)?;
        gone = room_for(scripts.len()).map_err(unknown)?;
        if let Some(existing) = replies.first().and_then(|answer| existing(answer, scripts.len())) {
            let absent = scripts.iter().zip(existing).filter(|(_, exists)| !exists);
            gone.extend(absent.map(|(script, _)| *script.digest()));
        }
        gone.iter().for_each(|digest| leased.lease.scripts().remove(digest));
    }
    let is_gone = |missing: &Missing| gone.binary_search(script_of(missing).digest()).is_ok();
    let did_not_run = |(missing, verdict): &(Missing, Verdict)| match verdict {
        Verdict::Told => false,
        Verdict::Whole => true,
        // It may have run with words of its own, and been flushed then: in other words than a server's nothing runs again.
        Verdict::Ask(words) => *words && is_gone(missing),
    };
    Ok(said.into_iter().filter(did_not_run).map(|(missing, _)| missing).collect())
}

/// Send scripts whole, behind the batch.
fn send_whole(plan: &Plan, merged: &mut Merged, missing: &[Missing], leased: &mut Leased<'_>) -> Result<Vec<Reply>> {
    let mut queue = wire::whole(&plan.queue, missing).map_err(unknown)?;
    let replies = send_behind(plan, merged, &mut queue, missing, |missing| missing.index, leased)?;
    for (missing, _) in missing.iter().zip(&replies).filter(|(_, reply)| !reply.is_error()) {
        leased.lease.scripts().add(plan.queue.scripts[missing.script].script.digest());
    }
    Ok(replies)
}

/// Send further commands of a run, and take their replies in. Where that breaks off, these were not answered.
fn send_behind<M>(
    plan: &Plan,
    merged: &mut Merged,
    queue: &mut Queue,
    missing: &[M],
    index_of: impl Fn(&M) -> usize,
    leased: &mut Leased<'_>,
) -> Result<Vec<Reply>> {
    let mut further = Merged::default();
    let part = Part::of(queue, MULTI.len(), 0);
    let due = part.commands.len();
    let mut answers = Answers::new(part.commands, &mut further, true);
    let (taken, _) = leased.exchange(part.bytes, part.from, due, &mut answers);
    let answered = answers.come();
    leased.outdate_if(further.read_only);
    if let Err(error) = taken {
        let (count, left) = (plan.len(), missing.len() - answered);
        merged.failed = missing.get(answered).map(index_of);
        // The others ran; of these, nobody knows.
        return Err(unknown(broken_off(error, count - left, count)));
    }
    let mut made = room_for(due).map_err(ran)?;
    let built = further.gather.each(|_, frame| {
        made.push(Reply::build(frame)?);
        Ok(())
    });
    built.map(|()| made).map_err(ran)
}

/// A list for so many.
fn room_for<T>(count: usize) -> Result<Vec<T>> {
    let mut list = Vec::new();
    list.try_reserve_exact(count).map_err(|_| Error::memory("the replies"))?;
    Ok(list)
}

fn ran(error: Error) -> Error {
    error.with_outcome(Outcome::Ran)
}

fn unknown(error: Error) -> Error {
    error.with_outcome(Outcome::Unknown)
}
