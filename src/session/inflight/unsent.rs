//! Commands of which no byte was sent: taken back, moved to the next connection, or timed out.

use std::time::Instant;

use crate::commands::{Effect, Shape};
use crate::error::{Error, Outcome, Result};
use crate::memory;

use super::{Due, Inflight, Owed};
use crate::session::Ticket;
use crate::session::asked::{Asker, NOBODY};
use crate::session::unsent::{Left, Unsent};

impl Inflight {
    /// Queue a command that was encoded before.
    pub(in crate::session) fn submit_encoded(
        &mut self,
        bytes: &[u8],
        due: Due,
        shape: Shape,
        asker: Asker,
    ) -> Result<Ticket> {
        self.reserve_place()?;
        let before = self.bytes.len();
        memory::append(&mut self.bytes, bytes, "the command")?;
        Ok(self.queued_since(before, due, shape, asker))
    }

    /// Queue commands that were encoded before, one behind the other in these bytes, which are used up: how long each is, the
    /// shape of its reply, and who asks. Where there is no memory, none is queued.
    pub(in crate::session) fn submit_run(
        &mut self,
        bytes: &mut Vec<u8>,
        commands: impl ExactSizeIterator<Item = (usize, Shape, Asker)>,
    ) -> Result<()> {
        self.queue.reserve_all(commands.len(), super::NOBODYS).map_err(|_| Error::memory("the command"))?;
        match self.bytes.is_empty() && !self.secret {
            true => std::mem::swap(&mut self.bytes, bytes),
            false => memory::append(&mut self.bytes, bytes, "the command")?,
        }
        bytes.clear();
        for (len, shape, asker) in commands {
            let start = self.count(len);
            self.owed_since(start, Due::Reply(Effect::None), shape, asker);
        }
        Ok(())
    }

    /// The oldest command that is still owed something.
    pub(in crate::session) fn oldest(&self) -> Option<Ticket> {
        self.queue.front().map(|entry| entry.ticket)
    }

    /// Whether that is one that nobody waits for, and whether any is.
    pub(in crate::session) fn oldest_is_nobodys(&self) -> bool {
        self.queue.front().is_some_and(|entry| entry.asker.token == NOBODY)
    }

    /// The command that was queued last.
    pub(in crate::session) fn newest(&self) -> Ticket {
        self.tickets
    }

    /// How many commands are still owed something, and how many bytes they have.
    #[inline]
    pub(in crate::session) fn under_way(&self) -> (usize, usize) {
        let bytes = self.queue.front().map_or(0, |oldest| self.queued.wrapping_sub(oldest.start));
        (self.queue.len(), bytes as usize)
    }

    /// Whether no byte left of the oldest command that is due something.
    pub(in crate::session) fn begins_anew(&self) -> bool {
        self.queue.front().is_some_and(|entry| self.handed <= entry.start)
    }

    /// What becomes of each command that is owed something if the conversation ends here, oldest first. `begun`: as for `fate`.
    pub(in crate::session) fn left(&self, begun: bool) -> impl Iterator<Item = Left<'_>> {
        self.queue.iter().enumerate().map(move |(at, entry)| {
            let is_sent = self.handed > entry.start;
            let outcome = match is_sent {
                true if at == 0 && begun && self.handed >= entry.end => Outcome::Ran,
                true => Outcome::Unknown,
                false => Outcome::NotSent,
            };
            let bytes = if is_sent { &[][..] } else { &self.bytes[self.places(entry)] };
            Left { outcome, command: entry.unsent(bytes) }
        })
    }

    /// When `expire` has something to do.
    pub(in crate::session) fn deadline(&self) -> Option<Instant> {
        self.earliest.filter(|_| !self.queue.is_empty())
    }

    /// Give up what is late, and tell its ticket, its token and its outcome: what did not leave is taken back, and the reply to
    /// what did is nobody's.
    #[inline(always)]
    pub(in crate::session) fn expire(&mut self, now: Instant, offered: usize, told: impl FnMut(Ticket, u64, Outcome)) {
        if self.earliest.is_some_and(|earliest| earliest <= now) {
            self.expire_late(now, offered, told);
        }
    }

    #[inline(never)]
    fn expire_late(&mut self, now: Instant, offered: usize, mut told: impl FnMut(Ticket, u64, Outcome)) {
        let fixed = self.handed + offered as u64;
        let mut earliest: Option<Instant> = None;
        let mut unsent = false;
        self.queue.retain_mut(|entry| {
            let Some(deadline) = entry.asker.deadline else { return true };
            if deadline > now {
                earliest = Some(earliest.map_or(deadline, |earliest| earliest.min(deadline)));
            } else if entry.start >= fixed {
                unsent = true;
            } else {
                told(entry.ticket, entry.asker.token, Outcome::Unknown);
                entry.asker = Asker::default();
            }
            true
        });
        if unsent {
            self.withdraw(offered, |command| {
                let is_late = command.asker.deadline.is_some_and(|deadline| deadline <= now);
                if is_late {
                    told(command.ticket, command.asker.token, Outcome::NotSent);
                }
                is_late
            });
        }
        self.earliest = earliest;
    }

    /// Take back those commands that are unwanted, of which no byte was handed over nor is among the next `offered`. Only where
    /// every command that was queued is due something: of the others nothing is kept but their bytes.
    pub(in crate::session) fn withdraw(&mut self, offered: usize, mut unwanted: impl FnMut(Unsent<'_>) -> bool) {
        let (fixed, base) = (self.handed + offered as u64, self.handed - self.sent as u64);
        let bytes = &mut self.bytes;
        let mut gone = 0u64;
        self.queue.retain_mut(|entry| {
            if entry.start < fixed {
                return true;
            }
            let (from, to) = ((entry.start - base) as usize, (entry.end - base) as usize);
            if unwanted(entry.unsent(&bytes[from..to])) {
                gone += entry.end - entry.start;
                return false;
            }
            bytes.copy_within(from..to, from - gone as usize);
            (entry.start, entry.end) = (entry.start - gone, entry.end - gone);
            true
        });
        self.queued -= gone;
        self.bytes.truncate(self.bytes.len() - gone as usize);
        self.sent(0);
    }

    /// Where the bytes of a command lie that were not handed over yet.
    fn places(&self, entry: &Owed) -> std::ops::Range<usize> {
        let base = self.handed - self.sent as u64;
        (entry.start - base) as usize..(entry.end - base) as usize
    }
}

impl Owed {
    fn unsent<'a>(&self, bytes: &'a [u8]) -> Unsent<'a> {
        Unsent { ticket: self.ticket, asker: self.asker, bytes, shape: self.shape }
    }
}

#[cfg(test)]
mod tests;
