//! Scripts in a pipeline: run by their digests, with those that the server is not known to have asked for and loaded in front
//! of the burst; and sent whole behind it where the server is proven not to have had them.
#![forbid(unsafe_code)]

use std::sync::atomic::Ordering;

use crate::client::Flags;
use crate::client::script::{EVAL, EXISTS, FRONT, SCRIPT, Script, existing, has_the_word, is_refusal};
use crate::commands::{self, Shape};
use crate::conn::{Digest, Kept, Known};
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
}

/// How scripts go over.
#[derive(Clone, Copy)]
pub(super) enum Scripts<'k> {
    /// By their digests, and loaded first where the server is not known to have them.
    ByDigest(&'k Known),
    /// As EVAL.
    Whole,
}

/// What goes over the wire in the place of a queue that has scripts.
#[derive(Default)]
pub(super) struct Wire {
    pub(super) queue: Queue,
    /// How many commands come in front of the queue's own: one that asks for scripts, and one for each that loads it.
    pub(super) front: usize,
    /// Those scripts, sorted by digest.
    asked: Vec<Asked>,
    /// The server does not say whether it has scripts, and will not.
    refused: bool,
}

/// A script that the server was not known to have, and what it said of that.
struct Asked {
    script: Script,
    /// None: it does not say.
    existed: Option<bool>,
    loaded: bool,
}

/// What is to be done about a command that was answered with NOSCRIPT.
enum Verdict {
    /// Those were the words of its script.
    Told,
    /// It did not run.
    Whole,
    /// The server is to be asked whether it has the script; whether the words were a server's, too, and not only the code word.
    Ask(bool),
}

/// A command that was answered with NOSCRIPT: its index, and which of the scripts it is.
type Missing = (usize, usize);

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
        let added = Added { index: queue.len(), script: script.clone() };
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
    pub(super) fn of(queue: &Queue, how: Scripts<'_>) -> Result<Option<Wire>> {
        let mut wire = Wire::default();
        let made = match how {
            _ if queue.scripts.is_empty() => return Ok(None),
            Scripts::Whole => wire.fill(queue, true),
            Scripts::ByDigest(known) => {
                wire.ask(queue, known).map_err(not_sent)?;
                if wire.front == 0 {
                    return Ok(None);
                }
                wire.fill(queue, false)
            }
        };
        made.map_err(not_sent)?;
        wire.queue.shaped = queue.shaped;
        Ok(Some(wire))
    }

    /// Each script that the server is not known to have, once, however often it runs. It is loaded here, so that it runs in
    /// its place; and asked for, which proves what it can where it cannot be loaded.
    fn ask(&mut self, queue: &Queue, known: &Known) -> Result<()> {
        for Added { script, .. } in queue.scripts.iter().filter(|added| !known.has(added.script.digest())) {
            if let Err(place) = self.place_of(script.digest()) {
                self.asked.try_reserve(1).map_err(|_| Error::memory("the scripts"))?;
                self.asked.insert(place, Asked { script: script.clone(), existed: None, loaded: false });
            }
        }
        if self.asked.is_empty() {
            return Ok(());
        }
        ask_for(&mut self.queue, self.asked.iter().map(|asked| &asked.script))?;
        for asked in &self.asked {
            add_plain(&mut self.queue, &[SCRIPT, b"LOAD", asked.script.text()])?;
        }
        self.front = self.queue.len();
        Ok(())
    }

    fn fill(&mut self, queue: &Queue, whole: bool) -> Result<()> {
        let mut scripts = queue.scripts.iter().peekable();
        for (index, command) in queue.commands.iter().enumerate() {
            match scripts.next_if(|added| added.index == index).filter(|_| whole) {
                Some(added) => add_whole(&mut self.queue, queue, index, &added.script)?,
                None => {
                    let bytes = &queue.bytes[queue.start_of(index)..command.end];
                    self.queue.add_like(*command, Like::Bytes(bytes))?;
                }
            }
        }
        Ok(())
    }

    fn place_of(&self, digest: &Digest) -> std::result::Result<usize, usize> {
        self.asked.binary_search_by_key(digest, |asked| *asked.script.digest())
    }

    /// One more reply to what stands in front has come.
    fn heard(&mut self, place: usize, frame: Frame<'_>) -> Result<()> {
        match place.checked_sub(1) {
            Some(asked) => self.asked[asked].loaded = !frame.is_error(),
            None => {
                let answer = Reply::build(frame)?;
                match existing(&answer, self.asked.len()) {
                    Some(existing) => {
                        self.asked.iter_mut().zip(existing).for_each(|(asked, existed)| asked.existed = Some(existed));
                    }
                    None => self.refused = is_refusal(&answer),
                }
            }
        }
        Ok(())
    }
}

impl Run {
    /// All is answered: leave the answers to what stood in front out, and send whole what is proven not to have run. That goes
    /// over once, behind the batch.
    pub(super) fn settle_scripts(&mut self, lease: &mut Lease, time: &Time, kept: &mut Kept) -> Result<()> {
        let said = self.take_out_front(lease).map_err(|error| error.with_outcome(Outcome::Ran))?;
        let missing = self.proven(said, lease, time, kept)?;
        if !missing.is_empty() {
            let replies = self.send_whole(&missing, lease, time, kept)?;
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

    /// Take the answers to what stood in front out, and remember what they say: the commands that were answered with NOSCRIPT,
    /// and what is to be done about each.
    fn take_out_front(&mut self, lease: &mut Lease) -> Result<Vec<(Missing, Verdict)>> {
        let Run { queue, wire, gather, unshaped, client, .. } = self;
        let mut none = Wire::default();
        let wire = wire.as_mut().unwrap_or(&mut none);
        let front = wire.front;
        unshaped.iter_mut().for_each(|place| *place = place.saturating_sub(front));
        let mut said = Vec::new();
        let mut made = Gather::new();
        gather.each(|place, mut frame| {
            let Some(index) = place.checked_sub(front) else { return wire.heard(place, frame) };
            if let Some(error) = noscript(&frame)
                && let Ok(script) = queue.scripts.binary_search_by_key(&index, |added| added.index)
            {
                said.try_reserve(1).map_err(|_| Error::memory("the replies"))?;
                said.push(((index, script), wire.verdict(queue.scripts[script].script.digest(), error)));
            }
            made.take(&mut frame)
        })?;
        *gather = made;
        for asked in wire.asked.iter().filter(|asked| asked.loaded || asked.existed == Some(true)) {
            lease.scripts().add(asked.script.digest());
        }
        if wire.refused {
            client.0.scripts_go_whole.store(true, Ordering::Relaxed);
        }
        Ok(said)
    }

    /// Those of them that did not run, with the server asked about the scripts that nothing else is known of.
    fn proven(
        &mut self,
        said: Vec<(Missing, Verdict)>,
        lease: &mut Lease,
        time: &Time,
        kept: &mut Kept,
    ) -> Result<Vec<Missing>> {
        let mut scripts: Vec<Script> = Vec::new();
        for ((_, script), _) in said.iter().filter(|(_, verdict)| matches!(verdict, Verdict::Ask(_))) {
            let script = &self.queue.scripts[*script].script;
            if let Err(place) = scripts.binary_search_by_key(script.digest(), |script| *script.digest()) {
                scripts.try_reserve(1).map_err(|_| Error::memory("the scripts").with_outcome(Outcome::Unknown))?;
                scripts.insert(place, script.clone());
            }
        }
        let mut gone: Vec<Digest> = Vec::new();
        if !scripts.is_empty() {
            let mut queue = Queue::default();
            ask_for(&mut queue, scripts.iter()).map_err(|error| error.with_outcome(Outcome::Unknown))?;
            let replies = self.send_behind(&mut queue, &said, |missing| missing.0, lease, time, kept)?;
            if let Some(existing) = replies.first().and_then(|answer| existing(answer, scripts.len())) {
                gone.extend(
                    scripts.iter().zip(existing).filter(|(_, exists)| !exists).map(|(script, _)| *script.digest()),
                );
            }
            gone.iter().for_each(|digest| lease.scripts().remove(digest));
        }
        let is_gone = |script: usize| gone.binary_search(self.queue.scripts[script].script.digest()).is_ok();
        let did_not_run = |((_, script), verdict): &(Missing, Verdict)| match verdict {
            Verdict::Told => false,
            Verdict::Whole => true,
            // It may have run with words of its own, and been flushed then: in other words than a server's nothing runs again.
            Verdict::Ask(words) => *words && is_gone(*script),
        };
        Ok(said.into_iter().filter(did_not_run).map(|(missing, _)| missing).collect())
    }

    /// Send scripts whole, behind the batch.
    fn send_whole(
        &mut self,
        missing: &[Missing],
        lease: &mut Lease,
        time: &Time,
        kept: &mut Kept,
    ) -> Result<Vec<Reply>> {
        let mut queue = Queue::default();
        for (index, script) in missing {
            let added = add_whole(&mut queue, &self.queue, *index, &self.queue.scripts[*script].script);
            added.map_err(|error| error.with_outcome(Outcome::Unknown))?;
        }
        let replies = self.send_behind(&mut queue, missing, |missing| *missing, lease, time, kept)?;
        for ((_, script), _) in missing.iter().zip(&replies).filter(|(_, reply)| !reply.is_error()) {
            lease.scripts().add(self.queue.scripts[*script].script.digest());
        }
        Ok(replies)
    }

    /// Send further commands of a run, and take their replies in. Where that breaks off, these were not answered.
    fn send_behind<M>(
        &mut self,
        queue: &mut Queue,
        missing: &[M],
        of: impl Fn(&M) -> Missing,
        lease: &mut Lease,
        time: &Time,
        kept: &mut Kept,
    ) -> Result<Vec<Reply>> {
        let mut gather = Gather::new();
        let mut unshaped = Vec::new();
        let mut answers = Answers::new(&queue.commands, (&mut gather, &mut unshaped), false, true);
        let (from, replies) = answers.burst();
        let begun = lease.begin_burst(&mut queue.bytes, from, replies);
        let taken = begun.and_then(|()| lease.take_replies(|| time.until(), kept, &mut answers));
        let answered = if replies == missing.len() { answers.answered() } else { 0 };
        lease.end_burst(&mut queue.bytes);
        if answers.read_only {
            lease.outdate();
        }
        if let Err(error) = taken {
            let (count, left) = (self.queue.len(), missing.len() - answered);
            self.failed = missing.get(answered).map(|missing| of(missing).0);
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

impl Wire {
    /// What is to be done about a command that was answered with this NOSCRIPT.
    fn verdict(&self, digest: &Digest, error: &[u8]) -> Verdict {
        // The server was known to have it before.
        let words = commands::unknown_script(error);
        let Ok(place) = self.place_of(digest) else { return Verdict::Ask(words) };
        match (&self.asked[place], words) {
            (Asked { existed: Some(_), loaded: true, .. }, words) => Verdict::Ask(words),
            (Asked { existed: Some(true), .. }, _) => Verdict::Told,
            (Asked { existed: Some(false), .. }, _) => Verdict::Whole,
            // Where the server cannot be asked, no more is to be had than its own words.
            (Asked { existed: None, .. }, true) => Verdict::Whole,
            (Asked { existed: None, .. }, false) => Verdict::Told,
        }
    }
}

/// Add SCRIPT EXISTS of these.
fn ask_for<'s>(queue: &mut Queue, scripts: impl Iterator<Item = &'s Script>) -> Result<()> {
    let mut args: Vec<&[u8]> = Vec::new();
    args.try_reserve_exact(2 + scripts.size_hint().0).map_err(|_| Error::memory("the scripts"))?;
    args.extend([SCRIPT, EXISTS]);
    args.extend(scripts.map(|script| script.sha().to_bytes()));
    add_plain(queue, &args)
}

fn add_plain(queue: &mut Queue, args: &[&[u8]]) -> Result<()> {
    queue.add(args, Flags::default(), std::ptr::null_mut(), Shape::KEEP, None)
}

/// Add the script with this index to another queue, as EVAL.
fn add_whole(to: &mut Queue, queue: &Queue, index: usize, script: &Script) -> Result<()> {
    let mut args = Vec::new();
    queue.args_of(index, &mut args)?;
    if let Some(front) = args.get_mut(..FRONT) {
        (front[0], front[1]) = (EVAL, script.text());
    }
    let like: Queued = queue.commands[index];
    to.add_like(like, Like::Args(&args))
}

/// The text of an error that has the code word of a server that does not know a script.
fn noscript<'f>(frame: &'f Frame<'_>) -> Option<&'f [u8]> {
    let root = frame.root().1.filter(|_| frame.is_error())?;
    Some(frame.text_of(root)).filter(|text| has_the_word(text))
}
