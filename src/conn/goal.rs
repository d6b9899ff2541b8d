//! What one of several connections is driven for: the replies of a burst, or of a few commands.

use crate::error::{Error, Outcome, Result};
use crate::reply::Reply;
use crate::session::{Asked, Event, Session, TakeReplies, Ticket};

use super::calls::Wait;
use super::connection::Connection;
use super::kept::Kept;
use super::until::Until;

/// What a connection is driven for, beside others.
pub trait Goal {
    /// Take in what has come. True: no more is wanted, for now.
    fn look(&mut self, session: &mut Session, kept: &mut Kept) -> Result<bool>;

    /// The time is up: what to say of it. `writing`: not all was sent.
    fn timed_out(&self, until: Until, writing: bool) -> Error;

    /// The conversation ends with this error: what the caller is told.
    fn failed(&self, connection: &mut Connection, error: Error) -> Error;
}

/// The replies of a burst that was begun. What ends the conversation is told without an outcome: that is for whoever takes them.
pub struct Taking<R>(pub R);

impl<R: TakeReplies> Goal for Taking<R> {
    fn look(&mut self, session: &mut Session, kept: &mut Kept) -> Result<bool> {
        while let Some(push) = session.poll_burst(&mut self.0)? {
            kept.keep(push)?;
        }
        Ok(!session.burst_owes() || self.0.is_full())
    }

    fn timed_out(&self, until: Until, writing: bool) -> Error {
        until.passed(writing)
    }

    fn failed(&self, connection: &mut Connection, error: Error) -> Error {
        connection.end_with(error)
    }
}

/// The replies to a few commands, queued one behind the other.
pub struct Asking<'w> {
    first: Ticket,
    last: Ticket,
    /// Those that have come.
    pub replies: Vec<Reply>,
    wait: &'w Wait<'w>,
}

impl<'w> Asking<'w> {
    /// Queue these commands, each of which is due one reply.
    pub fn new(connection: &mut Connection, commands: &[Asked<'_>], wait: &'w Wait<'w>) -> Result<Asking<'w>> {
        let mut replies = Vec::new();
        let room = replies.try_reserve_exact(commands.len());
        room.map_err(|_| Error::memory("the replies").with_outcome(Outcome::NotSent))?;
        let mut tickets = None;
        for command in commands {
            let last = connection.submit_any(*command)?.ticket;
            tickets = Some((tickets.map_or(last, |(first, _)| first), last));
        }
        // Of no command, none is waited for.
        let (first, last) = tickets.unwrap_or((Ticket::MAX, 0));
        Ok(Asking { first, last, replies, wait })
    }
}

impl Goal for Asking<'_> {
    fn look(&mut self, session: &mut Session, kept: &mut Kept) -> Result<bool> {
        // There was room for as many as were asked for.
        while self.first <= self.last {
            match session.poll()? {
                Some(Event::Reply { ticket, reply, .. }) if (self.first..=self.last).contains(&ticket) => {
                    self.replies.push(reply);
                    self.first = ticket + 1;
                }
                Some(other) => kept.keep(other)?,
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    fn timed_out(&self, _: Until, writing: bool) -> Error {
        self.wait.timed_out(writing)
    }

    fn failed(&self, connection: &mut Connection, error: Error) -> Error {
        connection.failed(error, self.first.min(self.last))
    }
}
