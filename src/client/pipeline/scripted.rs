//! Scripts of a run over many servers. They go by their digests: what a server is not known to have is asked for and loaded in
//! front of its burst. What is proven not to have run goes whole in the next round.
#![forbid(unsafe_code)]

use crate::conn::Known;
use crate::error::{Error, Result};
use crate::resp::Frame;

use super::front::{Front, Verdict, noscript};
use super::queue::{Queue, not_sent};
use super::wire::Wire;

/// Which scripts of a run go whole.
#[derive(Default)]
pub(super) struct WholeScripts {
    /// All of them: the server does not say which it has.
    pub(super) are_all: bool,
    /// The numbers of the others that do, sorted.
    numbers: Vec<usize>,
}

impl WholeScripts {
    /// The number of the script that a command of this queue is, if it goes whole.
    pub(super) fn number(&self, queue: &Queue, index: usize) -> Option<usize> {
        queue.script_of(index).filter(|script| self.are_all || self.numbers.binary_search(script).is_ok())
    }

    /// From now on the script that this command is goes whole.
    pub(super) fn add(&mut self, queue: &Queue, index: usize) -> Result<()> {
        if let Some(script) = queue.script_of(index)
            && let Err(place) = self.numbers.binary_search(&script)
        {
            self.numbers.try_reserve(1).map_err(|_| Error::memory("the scripts"))?;
            self.numbers.insert(place, script);
        }
        Ok(())
    }
}

/// What takes the replies of one server to what stands in front of its burst, and those that say that it has no such script.
pub(super) struct ScriptReplies<'b> {
    queue: &'b Queue,
    whole: &'b WholeScripts,
    front: &'b mut Front<'static>,
    /// The places of those that did not run.
    pub(super) missing: Vec<usize>,
    pub(super) doubts: Vec<ScriptDoubt>,
    /// The places of those that went whole and were answered with an error.
    pub(super) failed: Vec<usize>,
}

/// A script of which the server said NOSCRIPT, though it was known to have it.
pub(super) struct ScriptDoubt {
    /// The place of its command in the burst.
    pub(super) place: usize,
    pub(super) script: usize,
    /// The words are a server's, too, and not only the code word.
    pub(super) is_servers: bool,
    pub(super) words: Vec<u8>,
}

impl<'b> ScriptReplies<'b> {
    pub(super) fn new(queue: &'b Queue, whole: &'b WholeScripts, front: &'b mut Front<'static>) -> ScriptReplies<'b> {
        ScriptReplies { queue, whole, front, missing: Vec::new(), doubts: Vec::new(), failed: Vec::new() }
    }

    /// Take a reply, where it is one to what stands in front.
    pub(super) fn take_front(&mut self, come: usize, frame: &mut Frame<'_>) -> Result<bool> {
        let is_front = come < self.front.len();
        if is_front {
            self.front.heard(come, frame)?;
        }
        Ok(is_front)
    }

    /// Take the reply to a command, where it is one to a script that did not run, or of which that is to be found out.
    pub(super) fn take_missing(&mut self, place: usize, index: usize, frame: &Frame<'_>) -> Result<bool> {
        let Some(script) = self.queue.script_of(index).filter(|_| frame.is_error()) else { return Ok(false) };
        if self.whole.number(self.queue, index).is_some() {
            self.failed.try_reserve(1).map_err(|_| Error::memory("the scripts"))?;
            self.failed.push(place);
            return Ok(false);
        }
        let Some(words) = noscript(frame) else { return Ok(false) };
        match self.front.verdict(self.queue.scripts[script].script.digest(), words) {
            Verdict::Told => return Ok(false),
            Verdict::Whole => {
                self.missing.try_reserve(1).map_err(|_| Error::memory("the scripts"))?;
                self.missing.push(place);
            }
            Verdict::Ask(is_servers) => {
                let mut kept = Vec::new();
                let room = kept.try_reserve_exact(words.len()).and_then(|()| self.doubts.try_reserve(1));
                room.map_err(|_| Error::memory("the scripts"))?;
                kept.extend_from_slice(words);
                self.doubts.push(ScriptDoubt { place, script, is_servers, words: kept });
            }
        }
        Ok(true)
    }
}

/// What is asked for in front of the burst of these commands, of a queue with scripts.
pub(super) fn front_of(
    queue: &Queue,
    indexes: impl Iterator<Item = usize>,
    whole: &WholeScripts,
    known: &Known,
) -> Result<Wire> {
    let mut front = Wire::default();
    if !queue.scripts.is_empty() && !whole.are_all {
        let by_digest = indexes.filter(|index| whole.number(queue, *index).is_none());
        let scripts = by_digest.filter_map(|index| queue.script_of(index)).map(|script| &queue.scripts[script].script);
        front.ask(scripts, known).map_err(not_sent)?;
    }
    Ok(front)
}
