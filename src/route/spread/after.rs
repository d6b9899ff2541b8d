//! What comes after a leg of a batch: which of its commands are sent again, and which are lost.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::Duration;

use crate::conn::Kept;
use crate::error::{Outcome, Result};

use super::super::cluster::redirect::Redirect;
use super::super::errand::{Batched, Errand, Told};
use super::super::leg::{BrokenLeg, Stop};
use super::super::rules::{self, Facts, Met, Next, Steps};
use super::super::walk::Aside;
use super::{Spread, not_sent, put, room};

impl Spread<'_> {
    /// A command was answered with an error that may say that it did not run. An error: the call was woken.
    pub fn refused(
        &mut self,
        stop: &mut Stop,
        mut errand: Errand,
        words: Vec<u8>,
        commands: &impl Batched,
        kept: &mut Kept,
    ) -> Result<()> {
        let facts = self.facts(commands, errand.index);
        let met = errand.met();
        met.aside = None;
        let redirect = self.many.redirect(&words, &stop.server);
        let pause = match rules::next(&facts, &mut met.steps, &Met::Refused(&words, redirect)) {
            Next::Tell | Next::TellSick | Next::Repeat => {
                return put(&mut self.lost, errand.lose(Told::Words(words)));
            }
            Next::Gate => {
                self.is_hurt(stop);
                Duration::ZERO
            }
            Next::Again(pause) => pause,
            Next::Go(redirect, pause) => {
                met.aside = self.follow(&redirect, stop, &facts, kept)?;
                pause
            }
        };
        if !pause.is_zero() && self.patience.remaining().is_some_and(|left| left <= pause) {
            return put(&mut self.lost, errand.lose(Told::Words(words)));
        }
        self.pause = self.pause.max(pause);
        errand.met().last = Some(Told::Words(words));
        self.todo.push(errand);
        Ok(())
    }

    /// Where a redirect leads. What nobody knows is asked about once.
    fn follow(&mut self, redirect: &Redirect, stop: &Stop, facts: &Facts, kept: &mut Kept) -> Result<Option<Aside>> {
        let to = match redirect {
            Redirect::Moved { to, .. } | Redirect::Ask { to, .. } => Some(to),
            Redirect::Nameless { .. } => None,
        };
        if to.is_some_and(|to| self.strangers.contains(to)) {
            return Ok(None);
        }
        let aside = self.many.follow(redirect, &stop.server, facts.slot, self.patience, kept)?;
        // Without memory it is asked about once more.
        if let Some(to) = to.filter(|to| self.many.map().server_at(to).is_none())
            && self.strangers.try_reserve(1).is_ok()
        {
            self.strangers.push(to.clone());
        }
        Ok(aside)
    }

    /// A command did not run, and is sent once more to where it was sent, in other words.
    pub fn again(&mut self, errand: Errand) {
        self.todo.push(errand);
    }

    /// A command is not sent any more: this is told of it.
    pub fn lose(&mut self, errand: Errand, told: Told) -> Result<()> {
        put(&mut self.lost, errand.lose(told))
    }

    /// A connection failed. Commands that had not left are sent again where none had, or where those before them are.
    pub fn broke_off(&mut self, gone: BrokenLeg, commands: &impl Batched) -> Result<()> {
        room(&mut self.lost, gone.errands.len())?;
        if gone.sent == 0 {
            self.not_sent(gone, commands);
            return Ok(());
        }
        let BrokenLeg { mut stop, error, rested, errands, sent } = gone;
        let mut sent_ones = errands.iter().take(sent).map(|errand| self.facts(commands, errand.index));
        let Some(first) = sent_ones.next() else { return Ok(()) };
        let may_run_twice = first.may_run_twice && sent_ones.all(|facts| facts.may_run_twice);
        let error = error.with_outcome(Outcome::Unknown);
        let met = Met::Failed { error: &error, rested };
        let next = rules::next(&Facts { may_run_twice, ..first }, &mut Steps::default(), &met);
        self.repeats += u32::from(next == Next::Repeat);
        let pause = match next {
            Next::Repeat => self.route.retry.next_pause(self.repeats, self.patience),
            _ => None,
        };
        if matches!(next, Next::Repeat | Next::TellSick) {
            self.is_hurt(&mut stop);
        }
        if let Some(pause) = pause {
            self.pause = self.pause.max(pause);
            self.repeated.push((error.clone(), pause));
        }
        for (place, mut errand) in errands.into_iter().enumerate() {
            let outcome = if place < sent { Outcome::Unknown } else { Outcome::NotSent };
            let told = Told::Failed(error.clone().with_outcome(outcome));
            match pause {
                Some(_) => {
                    let met = errand.met();
                    met.may_have_run |= place < sent;
                    (met.aside, met.last) = (None, Some(told));
                    self.todo.push(errand);
                }
                None => self.lost.push(errand.lose(told)),
            }
        }
        Ok(())
    }

    /// None of these was sent.
    fn not_sent(&mut self, gone: BrokenLeg, commands: &impl Batched) {
        let BrokenLeg { mut stop, error, rested, errands, .. } = gone;
        let error = not_sent(error);
        let mut is_sick = false;
        for mut errand in errands {
            let facts = self.facts(commands, errand.index);
            let met = errand.met();
            let next = rules::next(&facts, &mut met.steps, &Met::Failed { error: &error, rested });
            is_sick |= matches!(next, Next::Gate | Next::TellSick);
            let told = Told::Failed(error.clone());
            let pause = match next {
                Next::Gate => Some(Duration::ZERO),
                Next::Again(pause) if pause.is_zero() || self.patience.remaining().is_none_or(|left| left > pause) => {
                    Some(pause)
                }
                _ => None,
            };
            match pause {
                Some(pause) => {
                    // The server that was named may be gone: its slot's owner knows of another.
                    (met.aside, met.last) = (None, Some(told));
                    self.pause = self.pause.max(pause);
                    self.todo.push(errand);
                }
                None => self.lost.push(errand.lose(told)),
            }
        }
        if is_sick {
            self.is_hurt(&mut stop);
        }
    }

    fn facts(&self, commands: &impl Batched, index: usize) -> Facts {
        Facts { may_wait: self.may_wait, ..commands.facts_of(index) }
    }

    /// The shard failed: its gate is shut, and whoever is first is its scout.
    fn is_hurt(&mut self, stop: &mut Stop) {
        stop.gate.shut(stop.opened);
        self.hurt.push(Arc::clone(&stop.gate));
        if let Some(scouting) = stop.scouting.take() {
            self.scouts.push(scouting.tried());
        }
    }
}
