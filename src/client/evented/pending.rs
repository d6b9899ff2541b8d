//! What was submitted, in the order in which the replies are due; and what it came to.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use crate::client::{Call, Callback, Flags};
use crate::commands::{self, Effect, Shape};
use crate::error::{Error, Outcome, Result, Status, head};
use crate::memory;
use crate::reply::Reply;
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
    name: Name,
    /// Its bytes, as they count against the limit.
    pub(super) cost: usize,
    /// What most commands have none of.
    more: Option<Box<More>>,
}

/// What some commands have beside: a callback, a subscription, bytes that wait for a connection.
#[derive(Default)]
pub(super) struct More {
    pub(super) callback: Option<(Arc<dyn Callback>, Vec<Vec<u8>>)>,
    pub(super) subscription: Option<Subscription>,
    /// Its bytes, and the shape that its reply is due in.
    pub(super) held: Option<(Vec<u8>, Shape)>,
}

/// A command of SUBSCRIBE's kin.
pub(super) struct Subscription {
    pub(super) effect: Effect,
    pub(super) names: Vec<Vec<u8>>,
}

/// What came of a command, or came unasked.
pub struct Completion {
    /// A reply, or why there is none and what became of the command.
    pub result: Result<Reply>,
    /// What was handed in with the command; null where nobody asked.
    pub call_data: *mut (),
}

/// As much of a command's name as any command has, without an allocation.
struct Name {
    len: u8,
    bytes: [u8; NAME_MAX],
}

const NAME_MAX: usize = 31;

/// The ticket of a command that no conversation has.
pub(super) const HELD: Ticket = Ticket::MAX;

impl Pending {
    /// A command, before it is handed to anybody.
    pub(super) fn new(args: &[&[u8]], call: &Call, cost: usize) -> Pending {
        Pending {
            ticket: HELD,
            call_data: call.call_data,
            deadline: None,
            allowed_ms: -1,
            flags: call.flags,
            abandoned: false,
            withdrawn: false,
            name: Name::of(args),
            cost,
            more: None,
        }
    }

    /// A command of our own, whose reply is nobody's.
    pub(super) fn own(args: &[&[u8]], ticket: Ticket) -> Pending {
        Pending { ticket, abandoned: true, ..Pending::new(args, &Call::default(), 0) }
    }

    pub(super) fn subscription(&self) -> Option<&Subscription> {
        self.more.as_ref()?.subscription.as_ref()
    }

    pub(super) fn more(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }

    /// What was kept of it until there is a connection.
    pub(super) fn take_held(&mut self) -> Option<(Vec<u8>, Shape)> {
        self.more.as_mut()?.held.take()
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
        let name = self.name.shown();
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
        Completion { result, call_data }
    }

    /// What the caller gets where there is no reply.
    pub(super) fn failed(self, error: Error) -> Completion {
        let attempts = u32::from(error.outcome != Outcome::NotSent);
        Completion { result: Err(Error { attempts, ..error }), call_data: self.call_data }
    }

    fn server_error(&self, reply: &Reply) -> Error {
        let outcome = commands::error_outcome(&[self.name.bytes()], reply.text());
        Error { attempts: 1, ..Error::new(Status::Server, head(reply.text())).with_outcome(outcome) }
    }
}

impl Subscription {
    /// With a copy of the names.
    pub(super) fn of(effect: Effect, args: &[&[u8]]) -> Result<Subscription> {
        Ok(Subscription { effect, names: copies(&args[1..])? })
    }
}

impl Name {
    fn of(args: &[&[u8]]) -> Name {
        let name = args.first().copied().unwrap_or_default();
        let mut bytes = [0; NAME_MAX];
        // What is longer is no command that is known; a part of it is none either.
        let len = name.len().min(NAME_MAX);
        bytes[..len].copy_from_slice(&name[..len]);
        Name { len: len as u8, bytes }
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.bytes().to_ascii_uppercase()).into_owned()
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
pub(super) fn copies(args: &[&[u8]]) -> Result<Vec<Vec<u8>>> {
    let mut copies = Vec::new();
    copies.try_reserve_exact(args.len()).map_err(|_| Error::memory("the command"))?;
    for arg in args {
        copies.push(memory::copied(arg, "the command")?);
    }
    Ok(copies)
}

/// Room for so many; asked for only where the queue has to grow.
pub(super) fn make_room<T>(queue: &mut VecDeque<T>, wanted: usize) -> Result<()> {
    if queue.capacity() >= wanted {
        return Ok(());
    }
    queue.try_reserve(wanted - queue.len()).map_err(|_| Error::memory("the command"))
}
