//! Session functions for a driver that never waits: short replies, timeouts, unsent commands, and confirmations.

use std::time::Instant;

use crate::commands::Shape;
use crate::error::{Error, Outcome, Result};
use crate::reply::Reply;
use crate::resp::Entry;

use super::asked::{Asker, Token};
use super::{Session, Ticket};

/// A reply that was soon read: `Event::Reply`, on the shortest way.
pub struct Leaf {
    /// Which command.
    pub ticket: Ticket,
    /// What it was submitted with.
    pub token: Token,
    /// What it was answered.
    pub reply: Reply,
}

/// A command of which no byte was handed over.
pub struct Unsent<'a> {
    /// Which command of this conversation.
    pub ticket: Ticket,
    /// Who waits for it.
    pub asker: Asker,
    /// It, as `Asked::encoded` takes it.
    pub bytes: &'a [u8],
    /// The shape that its reply is due in.
    pub shape: Shape,
}

/// A command that was owed something when the conversation ended.
pub struct Left<'a> {
    /// What became of it.
    pub outcome: Outcome,
    /// It; its bytes only where it was not sent.
    pub command: Unsent<'a>,
}

impl Session {
    /// The reply that is due next, where it is one short value and all there, and nothing else is to be read off it: most
    /// are. None: there is none, or it is for `poll` to say.
    #[inline(always)]
    pub fn poll_leaf(&mut self) -> Result<Option<Leaf>> {
        let ordinary = self.is_ordinary();
        let Some((shape, ticket, token)) = self.inflight.next_sent().filter(|_| ordinary) else { return Ok(None) };
        let Some((entry, bytes)) = self.parser.peek() else { return Ok(None) };
        let Some(entry) = shape.leaf(entry, bytes) else { return Ok(None) };
        let len = bytes.len();
        match Reply::of_short(entry, bytes) {
            Ok(Some(reply)) => {
                self.parser.pass(len);
                self.inflight.end_next();
                Ok(Some(Leaf { ticket, token, reply }))
            }
            Ok(None) => Ok(None),
            Err(error) => Err(self.could_not_keep(error)),
        }
    }

    /// The replies that are due next, as far as each is one short value and all there, and nothing else is to be read off it:
    /// `take` is shown the token of the command, what the reply is, and the bytes that it is, and says whether it takes it. What
    /// is left is for `poll`.
    pub fn take_leaves(&mut self, mut take: impl FnMut(Token, Entry, &[u8]) -> bool) -> Result<()> {
        if !self.is_ordinary() {
            return Ok(());
        }
        let inflight = &mut self.inflight;
        let mut take_one = |entry: Entry, bytes: &[u8]| {
            let Some((shape, _, token)) = inflight.next_sent() else { return Ok(false) };
            let entry = shape.leaf(entry, bytes).filter(|entry| Reply::is_short(*entry));
            let is_taken = entry.is_some_and(|entry| take(token, entry, bytes));
            if is_taken {
                inflight.end_next();
            }
            Ok(is_taken)
        };
        self.parser.leaves(usize::MAX, &mut take_one).map(drop)
    }

    /// Whether the next that comes can only be a reply that says no more than what it is.
    #[inline(always)]
    fn is_ordinary(&self) -> bool {
        self.events.is_empty() && self.is_ready() && !self.state.is_queueing() && !self.state.may_say_more()
    }

    /// Whether one command alone is under way, whose reply changes nothing, and none of it was handed over.
    pub fn is_about_to_ask(&self) -> bool {
        self.inflight.is_about_to_ask()
    }

    /// Whether nothing has come that was not told yet, nor the end.
    #[inline]
    pub fn is_silent(&self) -> bool {
        self.events.is_empty() && self.failure.is_none() && self.parser.is_empty()
    }

    /// A reply that cannot be kept ends the conversation. Its bytes are still there: it has begun to arrive.
    #[cold]
    fn could_not_keep(&mut self, error: Error) -> Error {
        self.fail(error.clone());
        error
    }

    /// The oldest command that is still owed something.
    pub fn oldest(&self) -> Option<Ticket> {
        self.inflight.oldest()
    }

    /// Whether that is a command that nobody waits for.
    pub fn oldest_is_nobodys(&self) -> bool {
        self.inflight.oldest_is_nobodys()
    }

    /// The command that was queued last.
    pub fn newest(&self) -> Ticket {
        self.inflight.newest()
    }

    /// How many commands are still owed something, and how many bytes they have.
    #[inline]
    pub fn under_way(&self) -> (usize, usize) {
        self.inflight.under_way()
    }

    /// Whether there is something to be handed over, and nothing is owed to anything that was.
    pub fn begins_anew(&self) -> bool {
        self.inflight.begins_anew()
    }

    /// What becomes of each command that is owed something, if the conversation ends here, oldest first.
    pub fn left(&self) -> impl Iterator<Item = Left<'_>> {
        self.inflight.left(self.begun)
    }

    /// When the time of a command is up; it may have been answered before.
    pub fn deadline(&self) -> Option<Instant> {
        self.inflight.deadline()
    }

    /// Give up each command whose time is up, without touching its neighbours, and tell which and what became of it. One of which
    /// no byte was handed over, or is among the next `offered`, is never sent; the reply to another is nobody's. Only in a
    /// conversation without CLIENT REPLY.
    #[inline(always)]
    pub fn expire(&mut self, now: Instant, offered: usize, told: impl FnMut(Ticket, Token, Outcome)) {
        self.inflight.expire(now, offered, told);
    }

    /// Take back what is unwanted, where no byte of it was handed over or is among the next `offered`: it is never sent, and
    /// nothing is due to it. Only in a conversation without CLIENT REPLY.
    pub fn withdraw(&mut self, offered: usize, unwanted: impl FnMut(Unsent<'_>) -> bool) {
        self.inflight.withdraw(offered, unwanted);
    }

    /// Whether anything has arrived that was not told yet.
    pub fn holds_more(&self) -> bool {
        !self.events.is_empty() || !self.parser.is_empty()
    }

    /// Whether the server agreed on RESP3, in which pushes are told from replies.
    pub fn is_resp3(&self) -> bool {
        self.state.is_resp3()
    }
}
