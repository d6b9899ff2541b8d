//! Scripts in a pipeline: loaded in front of the burst and run by their digests, and sent whole where that did not help.
#![forbid(unsafe_code)]

use crate::client::Flags;
use crate::client::script::{EVAL, FRONT, Script};
use crate::commands::{self, Shape};
use crate::conn::Kept;
use crate::error::{Error, Outcome, Result};
use crate::pool::Lease;
use crate::reply::Reply;
use crate::resp::{Frame, Gather};

use super::Pipeline;
use super::answers::Answers;
use super::finish::{Change, rebuilt};
use super::queue::{Like, Queue, Queued, not_sent};
use super::run::{Run, Time, broken_off};

/// A command of a queue that is a script. What stands in the queue is its EVALSHA.
pub(super) struct Added {
    index: usize,
    script: Script,
    /// Whether the server's answer that it does not know the script would be proof.
    by_digest: bool,
}

/// How scripts go over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scripts {
    /// Loaded first, and by their digests.
    Loaded,
    /// As EVAL.
    Whole,
}

/// What goes over the wire in the place of a queue that has scripts.
pub(super) struct Wire {
    pub(super) queue: Queue,
    /// How many commands come in front of the queue's own.
    pub(super) loads: usize,
}

impl Pipeline {
    /// Queue a script, with `keys` of the arguments as its keys.
    pub fn add_script(
        &mut self,
        script: &Script,
        keys: usize,
        args: &[&[u8]],
        flags: Flags,
        call_data: *mut (),
    ) -> Result<()> {
        self.refuse_to_add(flags)?;
        let queue = &mut self.queue;
        let added = Added { index: queue.len(), script: script.clone(), by_digest: script.goes_by_digest(args) };
        let room = queue.scripts.try_reserve(1).map_err(|_| Error::memory("the command"));
        let queued = room.and_then(|()| {
            script.with_command(keys, &mut itoa::Buffer::new(), args, |command| {
                queue.add(command, flags, call_data, Shape::KEEP, None)
            })
        });
        queued.map_err(not_sent)?;
        self.queue.scripts.push(added);
        Ok(())
    }
}

impl Wire {
    /// What goes over for this queue. None: its own bytes.
    pub(super) fn of(queue: &Queue, how: Scripts) -> Result<Option<Wire>> {
        if queue.scripts.is_empty() {
            return Ok(None);
        }
        let mut wire = Wire { queue: Queue::default(), loads: 0 };
        let made = match how {
            Scripts::Loaded => wire.load(queue),
            Scripts::Whole => Ok(()),
        };
        made.and_then(|()| wire.fill(queue, how)).map_err(not_sent)?;
        wire.queue.shaped = queue.shaped;
        Ok(Some(wire))
    }

    /// Each script once, however often it runs.
    fn load(&mut self, queue: &Queue) -> Result<()> {
        let mut known = Vec::new();
        for added in queue.scripts.iter().filter(|added| added.by_digest) {
            if let Err(place) = known.binary_search(&added.script.sha()) {
                known.insert(place, added.script.sha());
                let load: [&[u8]; 3] = [b"SCRIPT", b"LOAD", added.script.text()];
                self.queue.add(&load, Flags::default(), std::ptr::null_mut(), Shape::KEEP, None)?;
            }
        }
        self.loads = self.queue.len();
        Ok(())
    }

    fn fill(&mut self, queue: &Queue, how: Scripts) -> Result<()> {
        let mut scripts = queue.scripts.iter().peekable();
        for (index, command) in queue.commands.iter().enumerate() {
            let script = scripts.next_if(|added| added.index == index);
            match script.filter(|added| how == Scripts::Whole || !added.by_digest) {
                Some(added) => add_whole(&mut self.queue, queue, index, added)?,
                None => {
                    let bytes = &queue.bytes[queue.start_of(index)..command.end];
                    self.queue.add_like(*command, Like::Bytes(bytes))?;
                }
            }
        }
        Ok(())
    }
}

impl Run {
    /// All is answered: leave the answers to the loading out, and send whole what the server knew no script of all the same,
    /// as when somebody emptied its cache in between. That goes over once, behind the batch.
    pub(super) fn settle_scripts(&mut self, lease: &mut Lease, time: &Time, kept: &mut Kept) -> Result<()> {
        let missing = self.take_out_loads().map_err(|error| error.with_outcome(Outcome::Ran))?;
        if !missing.is_empty() {
            let mut answered = 0;
            let replies = self.eval(&missing, lease, time, kept, &mut answered).inspect_err(|_| {
                self.failed = missing.get(answered).map(|(index, _)| *index);
            })?;
            let indexes = missing.iter().map(|(index, _)| *index);
            let changes = indexes.zip(replies.into_iter().map(Change::Reply)).collect();
            self.gather = rebuilt(&mut self.gather, changes).map_err(|error| error.with_outcome(Outcome::Ran))?;
        }
        let failed = &mut self.failed;
        *failed = None;
        self.gather.each(|index, frame| {
            if frame.is_error() {
                failed.get_or_insert(index);
            }
            Ok(())
        })
    }

    /// The indexes of the commands whose scripts the server did not know, and which of the scripts they are.
    fn take_out_loads(&mut self) -> Result<Vec<(usize, usize)>> {
        let loads = self.wire.as_ref().map_or(0, |wire| wire.loads);
        let scripts = &self.queue.scripts;
        self.unshaped.iter_mut().for_each(|place| *place = place.saturating_sub(loads));
        let mut missing = Vec::new();
        let mut made = Gather::new();
        self.gather.each(|place, mut frame| {
            let Some(index) = place.checked_sub(loads) else { return Ok(()) };
            if is_unknown_script(&frame)
                && let Ok(script) = scripts.binary_search_by_key(&index, |added| added.index)
                && scripts[script].by_digest
            {
                missing.try_reserve(1).map_err(|_| Error::memory("the replies"))?;
                missing.push((index, script));
            }
            made.take(&mut frame)
        })?;
        self.gather = made;
        Ok(missing)
    }

    fn eval(
        &self,
        missing: &[(usize, usize)],
        lease: &mut Lease,
        time: &Time,
        kept: &mut Kept,
        answered: &mut usize,
    ) -> Result<Vec<Reply>> {
        let mut queue = Queue::default();
        for (index, script) in missing {
            let added = add_whole(&mut queue, &self.queue, *index, &self.queue.scripts[*script]);
            added.map_err(|error| error.with_outcome(Outcome::Unknown))?;
        }
        let mut gather = Gather::new();
        let mut unshaped = Vec::new();
        let mut answers = Answers::new(&queue.commands, (&mut gather, &mut unshaped), false, true);
        let (from, replies) = answers.burst();
        let begun = lease.begin_burst(&mut queue.bytes, from, replies);
        let taken = begun.and_then(|()| lease.take_replies(|| time.until(), kept, &mut answers));
        *answered = answers.answered();
        lease.end_burst(&mut queue.bytes);
        if answers.read_only {
            lease.outdate();
        }
        if let Err(error) = taken {
            let (count, left) = (self.queue.len(), missing.len() - *answered);
            // The others ran; of these, nobody knows.
            return Err(broken_off(error, count - left, count).with_outcome(Outcome::Unknown));
        }
        let mut made = Vec::new();
        let built = gather.each(|_, frame| {
            made.push(Reply::build(frame)?);
            Ok(())
        });
        built.map(|()| made).map_err(|error| error.with_outcome(Outcome::Ran))
    }
}

/// Add the script with this index to another queue, as EVAL.
fn add_whole(to: &mut Queue, queue: &Queue, index: usize, added: &Added) -> Result<()> {
    let mut args = Vec::new();
    queue.args_of(index, &mut args)?;
    if let Some(front) = args.get_mut(..FRONT) {
        (front[0], front[1]) = (EVAL, added.script.text());
    }
    let like: Queued = queue.commands[index];
    to.add_like(like, Like::Args(&args))
}

fn is_unknown_script(frame: &Frame<'_>) -> bool {
    frame.is_error() && frame.root().1.is_some_and(|root| commands::unknown_script(frame.text_of(root)))
}
