//! What the server said of the scripts that were asked for in front of a batch, and what that proves of those that it did not
//! find.
#![forbid(unsafe_code)]

use std::borrow::Cow;

use crate::client::script::{Script, existing, has_the_word, is_refusal};
use crate::commands;
use crate::conn::Digest;
use crate::error::{Error, Result};
use crate::reply::Reply;
use crate::resp::{Frame, Gather};

use super::merge::Merged;
use super::plan::Plan;
use super::wire::{Missing, place_of};

/// The answers to what stood in front.
pub(super) struct Front<'p> {
    /// What was asked for, sorted by digest, and what was said of each.
    asked: Cow<'p, [Script]>,
    found: Vec<Found>,
    /// The server does not say whether it has scripts, and will not.
    pub(super) is_refused: bool,
}

/// What the server said of a script that it was not known to have.
#[derive(Clone, Copy, Default)]
struct Found {
    /// None: it does not say.
    existed: Option<bool>,
    loaded: bool,
}

/// What is to be done about a command that was answered with NOSCRIPT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Those were the words of its script.
    Told,
    /// It did not run.
    Whole,
    /// The server is to be asked whether it has the script; whether the words were a server's, too, and not only the code word.
    Ask(bool),
}

/// Take the answers to what stood in front out of the replies: what they say, the commands that were answered with NOSCRIPT,
/// and what is to be done about each.
pub(super) fn take_out_front<'p>(plan: &'p Plan, merged: &mut Merged) -> Result<(Front<'p>, Vec<(Missing, Verdict)>)> {
    let (asked, len) = plan.wire.as_ref().map_or((&[][..], 0), |wire| (&wire.asked[..], wire.front));
    let mut front = Front::of(Cow::Borrowed(asked))?;
    merged.unshaped.iter_mut().for_each(|place| *place = place.saturating_sub(len));
    let mut said = Vec::new();
    let mut made = Gather::new();
    let queue = &plan.queue;
    merged.gather.each(|place, mut frame| {
        let Some(index) = place.checked_sub(len) else { return front.heard(place, &mut frame) };
        if let Some(error) = noscript(&frame)
            && let Some(script) = queue.script_of(index)
        {
            said.try_reserve(1).map_err(|_| Error::memory("the replies"))?;
            said.push((Missing { index, script }, front.verdict(queue.scripts[script].script.digest(), error)));
        }
        made.take(&mut frame)
    })?;
    merged.gather = made;
    Ok((front, said))
}

impl<'p> Front<'p> {
    /// Nothing is answered yet of what asks for these scripts, which are sorted.
    pub(super) fn of(asked: Cow<'p, [Script]>) -> Result<Front<'p>> {
        let mut found = Vec::new();
        found.try_reserve_exact(asked.len()).map_err(|_| Error::memory("the scripts"))?;
        found.resize(asked.len(), Found::default());
        Ok(Front { asked, found, is_refused: false })
    }

    /// How many replies it is due: one says which scripts there are, and one for each says whether it was loaded.
    pub(super) fn len(&self) -> usize {
        if self.asked.is_empty() { 0 } else { self.asked.len() + 1 }
    }

    /// The scripts that the server has.
    pub(super) fn known(&self) -> impl Iterator<Item = &Digest> {
        let has = |found: &Found| found.loaded || found.existed == Some(true);
        self.asked.iter().zip(&self.found).filter(move |(_, found)| has(found)).map(|(script, _)| script.digest())
    }

    /// One more reply to what stands in front has come.
    pub(super) fn heard(&mut self, place: usize, frame: &mut Frame<'_>) -> Result<()> {
        match place.checked_sub(1) {
            Some(asked) => self.found[asked].loaded = !frame.is_error(),
            None => {
                let answer = Reply::build_from(frame)?;
                match existing(&answer, self.asked.len()) {
                    Some(existing) => {
                        self.found.iter_mut().zip(existing).for_each(|(found, existed)| found.existed = Some(existed));
                    }
                    None => self.is_refused = is_refusal(&answer),
                }
            }
        }
        Ok(())
    }

    /// What is to be done about a command that was answered with this NOSCRIPT.
    pub(super) fn verdict(&self, digest: &Digest, error: &[u8]) -> Verdict {
        // The server was known to have it before.
        let words = commands::unknown_script(error);
        let Ok(place) = place_of(&self.asked, digest) else { return Verdict::Ask(words) };
        match (self.found[place], words) {
            (Found { existed: Some(_), loaded: true }, words) => Verdict::Ask(words),
            (Found { existed: Some(true), .. }, _) => Verdict::Told,
            (Found { existed: Some(false), .. }, _) => Verdict::Whole,
            // Where the server cannot be asked, no more is to be had than its own words.
            (Found { existed: None, .. }, true) => Verdict::Whole,
            (Found { existed: None, .. }, false) => Verdict::Told,
        }
    }
}

/// The text of an error that has the code word of a server that does not know a script.
pub(super) fn noscript<'f>(frame: &'f Frame<'_>) -> Option<&'f [u8]> {
    let root = frame.root().1.filter(|_| frame.is_error())?;
    Some(frame.text_of(root)).filter(|text| has_the_word(text))
}

#[cfg(test)]
mod tests;
