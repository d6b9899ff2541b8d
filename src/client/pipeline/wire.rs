//! Scripts in a pipeline, as they go over: by their digests, with those that the server is not known to have asked for and
//! loaded in front of the burst; or whole.
#![forbid(unsafe_code)]

use crate::client::script::{EVAL, EXISTS, FRONT, SCRIPT, Script};
use crate::conn::{Digest, Known};
use crate::error::{Error, Result};

use super::queue::{Added, Like, Queue, not_sent};

/// How scripts go over.
#[derive(Clone, Copy)]
pub(super) enum Delivery<'k> {
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
    pub(super) asked: Vec<Script>,
}

/// A command that was answered with NOSCRIPT: its index, and which of the scripts it is.
#[derive(Clone, Copy)]
pub(super) struct Missing {
    pub(super) index: usize,
    pub(super) script: usize,
}

impl Wire {
    /// What goes over for this queue. None: its own bytes.
    pub(super) fn of(queue: &Queue, delivery: Delivery<'_>) -> Result<Option<Wire>> {
        let mut wire = Wire::default();
        let made = match delivery {
            _ if queue.scripts.is_empty() => return Ok(None),
            Delivery::Whole => wire.fill(queue, true),
            Delivery::ByDigest(known) => {
                wire.ask(queue.scripts.iter().map(|added| &added.script), known).map_err(not_sent)?;
                if wire.front == 0 {
                    return Ok(None);
                }
                wire.fill(queue, false)
            }
        };
        made.map_err(not_sent)?;
        Ok(Some(wire))
    }

    /// Each script that the server is not known to have, once, however often it runs. It is loaded here, so that it runs in
    /// its place; and asked for, which proves what it can where it cannot be loaded.
    pub(super) fn ask<'s>(&mut self, scripts: impl Iterator<Item = &'s Script>, known: &Known) -> Result<()> {
        let mut unknown = scripts.filter(|script| !known.has(script.digest()));
        unknown.try_for_each(|script| put(&mut self.asked, script))?;
        if self.asked.is_empty() {
            return Ok(());
        }
        ask_for(&mut self.queue, &self.asked)?;
        for script in &self.asked {
            self.queue.add_plain(&[SCRIPT, b"LOAD", script.text()])?;
        }
        self.front = self.queue.len();
        Ok(())
    }

    fn fill(&mut self, queue: &Queue, whole: bool) -> Result<()> {
        let mut scripts = queue.scripts.iter().peekable();
        for (index, command) in queue.commands.iter().enumerate() {
            match scripts.next_if(|added| added.index == index).filter(|_| whole) {
                Some(added) => add_whole(&mut self.queue, queue, added)?,
                None => {
                    let bytes = &queue.bytes[queue.start_of(index)..command.end];
                    self.queue.add_like(*command, Like::Bytes(bytes))?;
                }
            }
        }
        Ok(())
    }
}

/// Whether SCRIPT EXISTS is to ask for it, and where in a sorted list of those it stands.
pub(super) fn place_of(scripts: &[Script], digest: &Digest) -> std::result::Result<usize, usize> {
    scripts.binary_search_by_key(digest, |script| *script.digest())
}

/// Put a script into a sorted list of scripts, once.
pub(super) fn put(scripts: &mut Vec<Script>, script: &Script) -> Result<()> {
    if let Err(place) = place_of(scripts, script.digest()) {
        scripts.try_reserve(1).map_err(|_| Error::memory("the scripts"))?;
        scripts.insert(place, script.clone());
    }
    Ok(())
}

/// Add SCRIPT EXISTS of these.
pub(super) fn ask_for(queue: &mut Queue, scripts: &[Script]) -> Result<()> {
    let mut args: Vec<&[u8]> = Vec::new();
    args.try_reserve_exact(2 + scripts.len()).map_err(|_| Error::memory("the scripts"))?;
    args.extend([SCRIPT, EXISTS]);
    args.extend(scripts.iter().map(|script| script.sha().to_bytes()));
    queue.add_plain(&args)
}

/// Add these scripts of a queue to another one, as EVAL.
pub(super) fn whole(queue: &Queue, missing: &[Missing]) -> Result<Queue> {
    let mut made = Queue::default();
    missing.iter().try_for_each(|missing| add_whole(&mut made, queue, &queue.scripts[missing.script]))?;
    Ok(made)
}

fn add_whole(to: &mut Queue, queue: &Queue, added: &Added) -> Result<()> {
    let mut args = Vec::new();
    whole_args(queue, added, &mut args)?;
    to.add_like(queue.commands[added.index], Like::Args(&args))
}

/// The arguments of a script's EVAL.
pub(super) fn whole_args<'q>(queue: &'q Queue, added: &'q Added, args: &mut Vec<&'q [u8]>) -> Result<()> {
    queue.args_of(added.index, args)?;
    if let Some(front) = args.get_mut(..FRONT) {
        (front[0], front[1]) = (EVAL, added.script.text());
    }
    Ok(())
}
