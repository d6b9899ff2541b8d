//! A command on a connection, and the wait for its reply.

use std::time::Instant;

use crate::commands::{Effect, Shape};
use crate::error::{Error, Outcome, Result, Status, head};
use crate::reply::Reply;
use crate::session::{Asked, Asker, Event, Leaf, Submitted, Ticket};
use crate::transport::Deadline;

use super::connection::Connection;
use super::kept::Kept;

/// A wait for the reply to a command: its deadline, and what a message says of it.
#[derive(Clone, Copy)]
pub struct Wait<'a> {
    /// The end of the wait.
    pub deadline: Deadline,
    /// The time from the beginning of the call to the deadline.
    pub allowed_ms: i64,
    /// The command's name.
    pub name: &'a [u8],
}

impl Connection {
    /// Send PING, and wait for the reply.
    pub fn ping(&mut self, deadline: Deadline, allowed_ms: i64, kept: &mut Kept) -> Result<()> {
        let wait = Wait { deadline: deadline.earlier(Deadline::after_ms(allowed_ms)), allowed_ms, name: b"PING" };
        let ticket = self.submit(&[b"PING"], Shape::KEEP)?;
        let reply = self.reply_to(ticket, &wait, kept)?;
        // A second reply would be taken for the next command's.
        if !self.session.is_clean() {
            let error = Error::new(Status::Protocol, "the server sent what nobody had asked for");
            self.session.fail(error.clone());
            return Err(self.told(error, Outcome::NotSent));
        }
        match reply.is_error() {
            // An error is an answer too: the server is loading, or an ACL denies PING.
            true => Ok(()),
            false if reply.text() == b"PONG" => Ok(()),
            false => Err(Error::new(Status::Protocol, "PING was answered with something else")),
        }
    }

    /// Queue a command that does not change the connection. Its reply will have this shape.
    pub fn submit(&mut self, args: &[&[u8]], shape: Shape) -> Result<Ticket> {
        let submitted = self.session.submit(Asked::plain(args, shape));
        submitted.map(|submitted| submitted.ticket).map_err(|error| self.told(error, Outcome::NotSent))
    }

    /// Queue a command whose arguments were checked and take `room` bytes. Its effect on the connection is known: none, or
    /// SHUTDOWN.
    #[inline]
    pub fn submit_known(&mut self, args: &[&[u8]], room: usize, effect: Effect, shape: Shape) -> Result<Ticket> {
        let submitted = self.session.submit_known(args, room, effect, shape, Asker::default());
        submitted.map_err(|error| self.told(error, Outcome::NotSent))
    }

    /// Queue any command.
    pub fn submit_any(&mut self, asked: Asked<'_>) -> Result<Submitted> {
        self.session.submit(asked).map_err(|error| self.told(error, Outcome::NotSent))
    }

    /// Wait for the reply to a queued command. Pushes that arrive before it are kept.
    pub fn reply_to(&mut self, ticket: Ticket, wait: &Wait<'_>, kept: &mut Kept) -> Result<Reply> {
        let driven = self.serve(wait.deadline, |session| {
            // Nothing has come yet, or what most replies are.
            if session.is_silent() {
                return Ok(None);
            }
            match session.poll_leaf()? {
                Some(Leaf { ticket: answered, reply, .. }) if answered == ticket => return Ok(Some(reply)),
                Some(Leaf { ticket, token, reply }) => kept.keep(Event::Reply { ticket, token, reply })?,
                None => {}
            }
            while let Some(event) = session.poll()? {
                match event {
                    Event::Reply { ticket: answered, reply, .. } if answered == ticket => return Ok(Some(reply)),
                    other => kept.keep(other)?,
                }
            }
            Ok(None)
        });
        self.concluded(driven, ticket, wait)
    }

    /// Write all queued commands, of which `ticket` is the last. Pushes that arrive meanwhile are kept.
    pub fn flush(&mut self, ticket: Ticket, wait: &Wait<'_>, kept: &mut Kept) -> Result<()> {
        let driven = self.serve(wait.deadline, |session| {
            while let Some(event) = session.poll()? {
                kept.keep(event)?;
            }
            Ok(session.outgoing().is_empty().then_some(()))
        });
        self.concluded(driven, ticket, wait)
    }

    /// Wait for the next reply or push. AGAIN: none was complete in time, and the connection is unchanged.
    pub fn next(&mut self, deadline: Deadline) -> Result<Reply> {
        match self.serve(deadline, |session| Ok(session.poll()?.map(Event::into_reply))) {
            Ok(Some(reply)) => Ok(reply),
            Ok(None) => Err(Error::new(Status::Again, "nothing whole has arrived in the time allowed")),
            // The outstanding replies stay outstanding.
            Err(error) if error.status == Status::Woken => Err(self.told(error, Outcome::None)),
            Err(error) => Err(self.over(error)),
        }
    }

    /// The next reply or push, where it has been read: that needs no clock.
    fn next_read(&mut self) -> Result<Option<Reply>> {
        if self.begun.is_some() || !self.session.outgoing().is_empty() || self.session.is_silent() {
            return Ok(None);
        }
        let read = match self.poll_leaf() {
            Ok(Some(leaf)) => return Ok(Some(leaf.reply)),
            Ok(None) => self.poll(),
            Err(error) => Err(error),
        };
        read.map(|event| event.map(Event::into_reply)).map_err(|error| self.over(error))
    }

    /// The conversation is over, for this reason.
    #[cold]
    fn over(&mut self, error: Error) -> Error {
        self.session.fail(error.clone());
        self.told(error, Outcome::None)
    }

    /// As `next`. Where one command is to be sent and answered by it, it is known from then on how long that takes, and since when
    /// the connection rests.
    pub fn next_timed(&mut self, timeout_ms: i64) -> Result<Reply> {
        if let Some(reply) = self.next_read()? {
            return Ok(reply);
        }
        let now = Instant::now();
        let asks = self.session.is_about_to_ask();
        self.go_on_at(now);
        let next = self.next(Deadline::ms_behind(now, timeout_ms));
        self.as_of = None;
        let reply = next?;
        if asks && !self.session.owes() {
            self.asks_at(now);
            self.rests_since(Instant::now());
        }
        Ok(reply)
    }

    /// Wait for the replies to two commands, queued one behind the other. The outcome of an error is that of the second.
    pub fn replies_to(
        &mut self,
        (first, second): (Ticket, Ticket),
        wait: &Wait<'_>,
        kept: &mut Kept,
    ) -> Result<(Reply, Reply)> {
        let mut before = None;
        let driven = self.serve(wait.deadline, |session| {
            while let Some(event) = session.poll()? {
                match event {
                    Event::Reply { ticket: answered, reply, .. } if answered == first => before = Some(reply),
                    Event::Reply { ticket: answered, reply, .. } if answered == second => return Ok(Some(reply)),
                    other => kept.keep(other)?,
                }
            }
            Ok(None)
        });
        let reply = self.concluded(driven, second, wait)?;
        let before =
            before.ok_or_else(|| Error::new(Status::Panic, "a command was answered before the one ahead of it"))?;
        Ok((before, reply))
    }

    /// The result of the wait for a command. An error has the outcome of the command, and fails the connection.
    #[inline(always)]
    fn concluded<T>(&mut self, driven: Result<Option<T>>, ticket: Ticket, wait: &Wait<'_>) -> Result<T> {
        match driven {
            Ok(Some(result)) => Ok(result),
            Ok(None) => Err(self.failed(wait.timed_out(!self.session.outgoing().is_empty()), ticket)),
            Err(error) => Err(self.failed(error, ticket)),
        }
    }

    /// The wait for this command has failed.
    #[cold]
    pub(super) fn failed(&mut self, error: Error, ticket: Ticket) -> Error {
        self.session.fail(error.clone());
        let outcome = self.session.fate(ticket);
        self.told(error, outcome)
    }
}

impl Wait<'_> {
    /// The command's name, as a message shows it.
    pub fn shown_name(&self) -> Vec<u8> {
        head(self.name).to_ascii_uppercase()
    }

    /// The error of a command that was not answered in time, or, `writing`, not sent.
    pub fn timed_out(&self, writing: bool) -> Error {
        let name = self.shown_name();
        let name = String::from_utf8_lossy(&name);
        let text = match writing {
            true => format!("write: the server did not take the whole of {name} within {} ms", self.allowed_ms),
            false => format!("read: no whole reply to {name} within {} ms", self.allowed_ms),
        };
        Error::new(Status::Timeout, text)
    }
}
