//! What was submitted, in the order in which the replies are due; and what it came to.

use std::ptr;
use std::sync::Arc;
use std::time::Instant;

use crate::client::{Callback, Flags};
use crate::commands::{Command, Effect, Shape};
use crate::error::{Error, Outcome, Result, Status, head};
use crate::memory;
use crate::reply::Reply;
use crate::resp;
use crate::session::Ticket;

/// One command that was accepted.
pub(super) struct Pending {
    /// Its ticket in the conversation under way; `HELD`: it waits for one.
    pub(super) ticket: Ticket,
    pub(super) call_data: *mut (),
    /// When its time is up.
    pub(super) deadline: Option<Instant>,
    pub(super) allowed_ms: i64,
    pub(super) flags: Flags,
    /// Its time was up and that was told, or it is one of our own: its reply is nobody's.
    pub(super) abandoned: bool,
    /// It was taken back before any byte of it left.
    pub(super) withdrawn: bool,
    /// What is known of it, where the table has it.
    pub(super) row: Option<&'static Command>,
    /// Its bytes, as they count against the limit.
    pub(super) cost: usize,
    /// What most commands have none of.
    pub(super) more: Option<Box<More>>,
}

/// What some commands have beside: a callback, a subscription, bytes that wait for a connection.
#[derive(Default)]
pub(super) struct More {
    callback: Option<Calls>,
    pub(super) subscription: Option<Subscription>,
    /// It is one of our own, that subscribes again.
    pub(super) subscribes_again: bool,
    /// Its bytes, and the shape that its reply is due in.
    pub(super) held: Option<(Vec<u8>, Shape)>,
}

/// A callback, and a copy of the arguments for it.
type Calls = (Arc<dyn Callback>, Vec<Vec<u8>>);

/// A command of SUBSCRIBE's kin.
pub(super) struct Subscription {
    pub(super) effect: Effect,
    pub(super) names: Vec<Vec<u8>>,
}

/// What came of a command, or came unasked.
pub struct Completion {
    /// A reply, or why there is none and what became of the command.
    pub result: std::result::Result<Reply, Box<Error>>,
    /// What was handed in with the command; null where nobody asked.
    pub call_data: *mut (),
}

/// The ticket of a command that no conversation has.
pub(super) const HELD: Ticket = Ticket::MAX;

impl Pending {
    /// A command of which nothing is known yet.
    #[inline]
    pub(super) fn new(call_data: *mut ()) -> Pending {
        Pending {
            ticket: HELD,
            call_data,
            deadline: None,
            allowed_ms: -1,
            flags: Flags::default(),
            abandoned: false,
            withdrawn: false,
            row: None,
            cost: 0,
            more: None,
        }
    }

    /// A command of our own, whose reply is nobody's.
    pub(super) fn own(ticket: Ticket) -> Pending {
        Pending { ticket, abandoned: true, ..Pending::new(ptr::null_mut()) }
    }

    pub(super) fn subscription(&self) -> Option<&Subscription> {
        self.more.as_ref()?.subscription.as_ref()
    }

    /// Whether it is of SUBSCRIBE's kin, the caller's or our own.
    pub(super) fn subscribes(&self) -> bool {
        self.more.as_ref().is_some_and(|more| more.subscription.is_some() || more.subscribes_again)
    }

    /// Whether it asks again for what was subscribed before, and is no command of the caller's.
    pub(super) fn is_own_subscription(&self) -> bool {
        self.more.as_ref().is_some_and(|more| more.subscribes_again)
    }

    pub(super) fn more(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }

    /// Keep it until there is a connection.
    #[cold]
    pub(super) fn hold(&mut self, args: &[&[u8]], shape: Shape) -> Result<()> {
        let mut bytes = Vec::new();
        resp::encode(args, &mut bytes)?;
        self.more().held = Some((bytes, shape));
        Ok(())
    }

    /// What is kept of it until there is a connection.
    pub(super) fn held(&self) -> Option<&(Vec<u8>, Shape)> {
        self.more.as_ref()?.held.as_ref()
    }

    /// A connection has it.
    pub(super) fn sent_as(&mut self, ticket: Ticket) {
        self.ticket = ticket;
        if let Some(more) = &mut self.more {
            more.held = None;
        }
    }

    /// Whether its reply is its own, as it came.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        !self.abandoned && self.more.is_none()
    }

    /// Whether no byte of it left, nor will.
    pub(super) fn is_unsent(&self) -> bool {
        self.ticket == HELD || self.withdrawn
    }

    /// Whether its time is up, and nobody was told.
    pub(super) fn is_late(&self, now: Instant) -> bool {
        !self.abandoned && self.deadline.is_some_and(|deadline| deadline <= now)
    }

    /// Its time is up. `why`: what kept it from being sent, where that is known.
    pub(super) fn timed_out(&self, place: &str, why: Option<&Error>) -> Error {
        let name = self.row.map_or("the command", |row| row.name);
        if !self.is_unsent() {
            let text = format!("{place}: read: no whole reply to {name} within {} ms", self.allowed_ms);
            return Error::new(Status::Timeout, text).with_outcome(Outcome::Unknown);
        }
        let mut message = format!("{place}: {name} could not be sent within {} ms", self.allowed_ms).into_bytes();
        if let Some(why) = why {
            message.extend_from_slice(b": ");
            message.extend_from_slice(&why.message);
        }
        Error::new(Status::Timeout, message).with_outcome(Outcome::NotSent)
    }

    /// What the caller gets of a reply: the one that its callback makes, or the server's error.
    pub(super) fn finish(self, reply: Reply) -> Completion {
        let call_data = self.call_data;
        let result = if reply.is_error() {
            match self.flags.has(Flags::ERROR_REPLY) {
                true => Ok(reply),
                false => Err(self.server_error(&reply)),
            }
        } else {
            match self.more.and_then(|more| more.callback) {
                Some((callback, args)) => called(&*callback, call_data, &args, reply),
                None => Ok(reply),
            }
        };
        Completion::new(result, call_data)
    }

    /// What the caller gets where there is no reply.
    pub(super) fn failed(self, error: Error) -> Completion {
        let attempts = u32::from(error.outcome != Outcome::NotSent);
        Completion::new(Err(Error { attempts, ..error }), self.call_data)
    }

    fn server_error(&self, reply: &Reply) -> Error {
        let outcome = self.row.map_or(Outcome::Unknown, |row| row.error_outcome(reply.text()));
        Error { attempts: 1, ..Error::new(Status::Server, head(reply.text())).with_outcome(outcome) }
    }
}

impl Completion {
    pub(super) fn new(result: Result<Reply>, call_data: *mut ()) -> Completion {
        Completion { result: result.map_err(Box::new), call_data }
    }

    /// What belongs to no command.
    pub(super) fn of_none(result: Result<Reply>) -> Completion {
        Completion::new(result, ptr::null_mut())
    }
}

impl More {
    /// What there is beside to this command, if anything.
    #[inline]
    pub(super) fn of(
        callback: Option<Arc<dyn Callback>>,
        subscription: Option<Effect>,
        args: &[&[u8]],
    ) -> Result<Option<Box<More>>> {
        if callback.is_none() && subscription.is_none() {
            return Ok(None);
        }
        let callback = callback.map(|callback| Ok((callback, copies(args)?))).transpose()?;
        let subscription = subscription.map(|effect| Subscription::of(effect, args)).transpose()?;
        Ok(Some(Box::new(More { callback, subscription, ..More::default() })))
    }
}

impl Subscription {
    /// With a copy of the names.
    pub(super) fn of(effect: Effect, args: &[&[u8]]) -> Result<Subscription> {
        Ok(Subscription { effect, names: copies(&args[1..])? })
    }
}

fn called(callback: &dyn Callback, call_data: *mut (), args: &[Vec<u8>], reply: Reply) -> Result<Reply> {
    let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
    match callback.call(call_data, &args, &reply) {
        Ok(made) => Ok(made.unwrap_or(reply)),
        Err(error) => Err(Error { attempts: 1, ..error.with_outcome(Outcome::Ran) }),
    }
}

/// A copy of each.
fn copies(args: &[&[u8]]) -> Result<Vec<Vec<u8>>> {
    let mut copies = Vec::new();
    copies.try_reserve_exact(args.len()).map_err(|_| Error::memory("the command"))?;
    for arg in args {
        copies.push(memory::copied(arg, "the command")?);
    }
    Ok(copies)
}
