//! The commands under way, in the order of their replies, and which of them were not sent.

mod ring;
mod unsent;

use std::time::Instant;

use crate::commands::{Effect, Shape, Topic};
use crate::error::{Error, Outcome, Result, Status};
use crate::limits::REST_BYTES_MAX;
use crate::memory;
use crate::resp;

use super::Ticket;
use super::asked::{Asker, NOBODY, Token};
use super::burst::Burst;
use super::push::Confirmation;
use ring::Ring;

/// Commands on their way, and the bytes of them that have not left yet.
#[derive(Default)]
pub(super) struct Inflight {
    queue: Ring<Owed>,
    /// Bytes queued and not yet handed over start at `sent`.
    bytes: Vec<u8>,
    /// There is, or was, a secret in them: their memory is overwritten before it is given back.
    secret: bool,
    sent: usize,
    /// Bytes handed over in the whole life of the conversation, and bytes queued in it.
    handed: u64,
    queued: u64,
    tickets: Ticket,
    /// The last command that is due nothing, and where its bytes begin.
    unanswered: Option<(Ticket, u64)>,
    /// No command's time is up before that. It may be none's any more: then it is found out once.
    earliest: Option<Instant>,
    /// While there is one, nothing else is on its way.
    pub(super) burst: Option<Burst>,
}

/// One command that waits for its answer.
#[derive(Clone, Copy)]
struct Owed {
    ticket: Ticket,
    asker: Asker,
    /// Where its bytes begin and end in the stream of all bytes of the conversation.
    start: u64,
    end: u64,
    due: Due,
    shape: Shape,
}

/// A command that is alone on its way.
pub(super) struct Alone {
    pub(super) ticket: Ticket,
    start: u64,
    end: u64,
}

/// The command that a reply answers.
pub(super) struct Answered {
    pub(super) ticket: Ticket,
    pub(super) token: Token,
    pub(super) due: Due,
    pub(super) shape: Shape,
}

/// What a command is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// One reply; then the connection has become what the effect says.
    Reply(Effect),
    /// So many confirmations of this kind, each a push, or one error.
    Confirmations {
        /// Of which topic, and whether of SUBSCRIBE or of UNSUBSCRIBE.
        topic: Topic,
        /// True: of SUBSCRIBE.
        subscribed: bool,
        /// How many are still due.
        left: u32,
    },
    /// Confirmations of UNSUBSCRIBE until nothing of this topic is subscribed, or one error.
    Emptied {
        /// Of which topic.
        topic: Topic,
    },
    /// One reply, of the greeting's.
    Greeting,
    /// Nothing at all.
    Nothing,
}

impl Inflight {
    /// Queue a command whose arguments were looked at and take so much room, with what it is due and the shape that it is due in.
    #[inline(always)]
    pub(super) fn submit(
        &mut self,
        args: &[&[u8]],
        room: usize,
        due: Due,
        shape: Shape,
        asker: Asker,
    ) -> Result<Ticket> {
        let before = self.encode(args, room)?;
        Ok(self.queued_since(before, due, shape, asker))
    }

    /// Queue the bytes of a command of which `owe` says, later, what it is due. No other is queued meanwhile.
    #[inline(always)]
    pub(super) fn submit_alone(&mut self, args: &[&[u8]], room: usize) -> Result<Alone> {
        let before = self.encode(args, room)?;
        let start = self.count_since(before);
        Ok(Alone { ticket: self.tickets, start, end: self.queued })
    }

    /// What a command is due that was submitted alone.
    pub(super) fn owe(&mut self, alone: &Alone, due: Due, shape: Shape) {
        let Alone { ticket, start, end } = *alone;
        self.queue.push(Owed { ticket, asker: Asker::default(), start, end, due, shape });
    }

    /// Encode a command behind the bytes that wait; there is room for one more in the queue. How many bytes waited.
    #[inline(always)]
    fn encode(&mut self, args: &[&[u8]], room: usize) -> Result<usize> {
        self.reserve_place()?;
        let before = self.bytes.len();
        resp::encode_checked(args, &mut self.bytes, room)?;
        Ok(before)
    }

    /// The bytes behind the first `before` are one more command's: where they begin.
    #[inline(always)]
    fn count_since(&mut self, before: usize) -> u64 {
        self.count(self.bytes.len().wrapping_sub(before))
    }

    /// So many bytes are one more command's: where they begin.
    #[inline(always)]
    fn count(&mut self, len: usize) -> u64 {
        // What is counted in 64 bits does not overflow.
        let start = self.queued;
        self.queued = start.wrapping_add(len as u64);
        self.tickets = self.tickets.wrapping_add(1);
        start
    }

    /// The bytes behind the first `before` that wait to be handed over are a command's.
    #[inline(always)]
    fn queued_since(&mut self, before: usize, due: Due, shape: Shape, asker: Asker) -> Ticket {
        let start = self.count_since(before);
        self.owed_since(start, due, shape, asker)
    }

    /// The command that was counted last, whose bytes begin there, is due this.
    #[inline(always)]
    fn owed_since(&mut self, start: u64, due: Due, shape: Shape, asker: Asker) -> Ticket {
        let ticket = self.tickets;
        if let Some(deadline) = asker.deadline
            && self.earliest.is_none_or(|earliest| deadline < earliest)
        {
            self.earliest = Some(deadline);
        }
        match due {
            Due::Nothing => self.unanswered = Some((ticket, start)),
            due => self.queue.push(Owed { ticket, asker, start, end: self.queued, due, shape }),
        }
        ticket
    }

    /// See to it that there is memory to queue this command.
    pub(super) fn make_room(&mut self, args: &[&[u8]]) -> Result<()> {
        self.reserve_place()?;
        self.reserve(resp::room_for(args))
    }

    #[inline(always)]
    pub(super) fn outgoing(&self) -> &[u8] {
        match &self.burst {
            None => &self.bytes[self.sent..],
            Some(burst) => burst.outgoing(),
        }
    }

    #[inline(always)]
    pub(super) fn sent(&mut self, len: usize) {
        if let Some(burst) = &mut self.burst {
            return burst.sent(len);
        }
        self.sent += len;
        self.handed += len as u64;
        if self.sent >= self.bytes.len() {
            self.bytes.clear();
            self.sent = 0;
        }
    }

    /// How many bytes were handed over, those of bursts included.
    pub(super) fn handed(&self) -> u64 {
        self.handed + self.burst.as_ref().map_or(0, |burst| burst.handed() as u64)
    }

    /// The command that the next reply answers.
    pub(super) fn answered(&mut self) -> Result<Answered> {
        let Some(entry) = self.queue.front() else {
            return Err(Error::new(Status::Protocol, "the server sent a reply that nobody had asked for"));
        };
        if self.handed <= entry.start {
            return Err(too_early());
        }
        let Owed { ticket, asker: Asker { token, .. }, due, shape, .. } = *entry;
        self.queue.drop_front();
        Ok(Answered { ticket, token, due, shape })
    }

    /// One more confirmation has come: the command that asked for the last of them is answered. One of another kind is the
    /// server's own doing, as when a shard's slot moves. `emptied`: nothing of its topic is subscribed now. Some: the command
    /// of this token is answered.
    pub(super) fn confirmed(&mut self, confirmation: &Confirmation, emptied: bool) -> Result<Option<Token>> {
        let handed = self.handed;
        let Some(entry) = self.queue.front_mut() else { return Ok(None) };
        let answered = match &mut entry.due {
            Due::Confirmations { topic, subscribed, left }
                if (*topic, *subscribed) == (confirmation.topic, confirmation.subscribed) =>
            {
                // The end of a subscription may be the server's own doing.
                if confirmation.subscribed && handed <= entry.start {
                    return Err(Error::new(Status::Protocol, "the server confirmed before it was asked"));
                }
                *left -= 1;
                *left == 0
            }
            Due::Emptied { topic } => emptied && *topic == confirmation.topic && !confirmation.subscribed,
            _ => false,
        };
        let token = answered.then_some(entry.asker.token);
        if answered {
            self.queue.drop_front();
        }
        Ok(token)
    }

    /// The shape that the next reply is due in, where nothing else is to be read off it.
    pub(super) fn next_shape(&self) -> Option<Shape> {
        match self.queue.front() {
            Some(Owed { due: Due::Reply(Effect::None), shape, .. }) => Some(*shape),
            _ => None,
        }
    }

    /// The same, where its command has begun to leave; and which that is.
    #[inline(always)]
    pub(super) fn next_sent(&self) -> Option<(Shape, Ticket, Token)> {
        match self.queue.front() {
            Some(Owed { due: Due::Reply(Effect::None), shape, start, ticket, asker, .. }) if self.handed > *start => {
                Some((*shape, *ticket, asker.token))
            }
            _ => None,
        }
    }

    /// Whether one command alone is under way, whose reply changes nothing, and none of it was handed over.
    pub(super) fn is_about_to_ask(&self) -> bool {
        matches!(self.queue.front(), Some(Owed { due: Due::Reply(Effect::None), start, .. }) if self.handed <= *start)
            && self.queue.len() == 1
    }

    /// The reply that `next_sent` has told of has come.
    #[inline(always)]
    pub(super) fn end_next(&mut self) {
        self.queue.drop_front();
    }

    /// SHUTDOWN, where it is what the next answer is due to, and all of it was handed over.
    pub(super) fn shut_down(&mut self) -> Option<(Ticket, Token)> {
        let handed = self.handed;
        let is_shutdown = |entry: &&Owed| entry.due == Due::Reply(Effect::Shutdown) && handed >= entry.end;
        let oldest = self.queue.front().filter(is_shutdown).map(|entry| (entry.ticket, entry.asker.token));
        if oldest.is_some() {
            self.queue.drop_front();
        }
        oldest
    }

    /// Whether the next answer due is a confirmation.
    pub(super) fn next_confirms(&self) -> bool {
        matches!(self.queue.front(), Some(Owed { due: Due::Confirmations { .. } | Due::Emptied { .. }, .. }))
    }

    /// What became of a command without a reply. `begun`: the bytes of the next reply had begun to arrive.
    pub(super) fn fate(&self, ticket: Ticket, begun: bool) -> Outcome {
        let place = self.queue.iter().enumerate().find(|(_, entry)| entry.ticket == ticket);
        let start = match (place, self.unanswered) {
            (Some((0, entry)), _) if begun && self.handed >= entry.end => return Outcome::Ran,
            (Some((_, entry)), _) => entry.start,
            (None, Some((unanswered, start))) if unanswered == ticket => start,
            // Its reply was taken from the queue, and was lost on the way to its owner.
            (None, _) => return Outcome::Ran,
        };
        if self.handed > start { Outcome::Unknown } else { Outcome::NotSent }
    }

    pub(super) fn owes(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Whether a reply is owed, confirmations aside: those are pushes, and whoever waits for a reply can keep them.
    pub(super) fn owes_a_reply(&self) -> bool {
        self.queue.iter().any(|entry| matches!(entry.due, Due::Reply(_)))
    }

    /// Nothing owed and nothing left to hand over.
    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.bytes.is_empty() && self.burst.is_none()
    }

    /// See to it that one more command can be owed its answer.
    #[inline(always)]
    fn reserve_place(&mut self) -> Result<()> {
        self.queue.reserve(NOBODYS).map_err(|_| Error::memory("the command"))
    }

    fn reserve(&mut self, bytes: usize) -> Result<()> {
        self.bytes.try_reserve(bytes).map_err(|_| Error::memory("the command"))
    }

    /// Queue one command of the greeting, which may have a secret in it.
    pub(super) fn submit_secretly(&mut self, args: &[&[u8]]) -> Result<()> {
        let room = resp::checked_room(args)?;
        self.secret = true;
        memory::reserve_secretly(&mut self.bytes, room, "the command")?;
        self.submit(args, room, Due::Greeting, Shape::KEEP, Asker::default()).map(drop)
    }

    /// The greeting is answered: nothing of it stays in memory. All of it was sent, or this is no answer to it.
    pub(super) fn end_greeting(&mut self) -> Result<()> {
        if !self.bytes.is_empty() {
            return Err(too_early());
        }
        memory::wipe(&mut self.bytes);
        self.secret = false;
        Ok(())
    }

    #[inline(always)]
    pub(super) fn rest(&mut self) {
        if self.bytes.is_empty() && self.bytes.capacity() > REST_BYTES_MAX {
            self.bytes = Vec::new();
        }
    }
}

/// A command of nobody's, which is due nothing.
const NOBODYS: Owed = Owed {
    ticket: 0,
    asker: Asker { token: NOBODY, deadline: None },
    start: 0,
    end: 0,
    due: Due::Nothing,
    shape: Shape::KEEP,
};

fn too_early() -> Error {
    Error::new(Status::Protocol, "the server answered before it was asked")
}

impl Drop for Inflight {
    fn drop(&mut self) {
        if self.secret {
            memory::wipe(&mut self.bytes);
        }
    }
}
