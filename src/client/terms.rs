//! The settings of a call: options, callbacks and times, as they are when the call begins. A change by another thread
//! applies to the next call.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::commands::{self, Blocking, Command, Effect, Shape};
use crate::conn::Wait;
use crate::error::{Error, Outcome, Result, Status};
use crate::reply::Reply;
use crate::resp;
use crate::route::Order;
use crate::transport::Deadline;

use super::callbacks::Callback;
use super::finish::finish;
use super::{Call, Client, Flags};

/// What is known of a call.
pub(super) struct Terms {
    /// What the table has of its command.
    pub(super) row: Option<&'static Command>,
    /// What the command does to its connection.
    pub(super) effect: Effect,
    /// The shape that its reply is to have.
    pub(super) shape: Shape,
    /// The callback that is shown the reply, as it came.
    pub(super) callback: Option<Arc<dyn Callback>>,
    /// How long it may take.
    pub(super) allowed_ms: i64,
}

impl Client {
    /// The terms of a call.
    pub(super) fn terms(&self, args: &[&[u8]], call: &Call) -> Terms {
        self.terms_of(commands::find(args), args, call)
    }

    /// The same, where the command was looked up before.
    pub(super) fn terms_of(&self, row: Option<&'static Command>, args: &[&[u8]], call: &Call) -> Terms {
        let (shape, callback) = self.becomes(row, args, call);
        let effect = row.map_or(Effect::None, |row| row.effect(args));
        Terms { row, effect, shape, callback, allowed_ms: self.allowed_ms(row, args, call) }
    }

    /// The same for a command of which no argument matters, and whose shape is known. None: there is more to be known.
    #[inline]
    pub(super) fn plain_terms(&self, row: &'static Command, shape: Shape, call: &Call) -> Option<Terms> {
        if !self.is_plain(call) {
            return None;
        }
        Some(Terms { row: Some(row), effect: Effect::None, shape, callback: None, allowed_ms: self.plain_ms(call) })
    }

    /// Whether replies have the shapes of their commands, and are shown to no callback.
    #[inline]
    pub(super) fn is_plain(&self, call: &Call) -> bool {
        !self.0.often.raw_shape && !self.0.has_callbacks.load(Ordering::Acquire) && !call.flags.has(Flags::RAW)
    }

    /// A flag that can have no effect is refused. `of_one`: the call is to one server, whatever the client reads from.
    #[inline]
    pub(super) fn refuse_in_vain(&self, call: &Call, of_one: bool) -> Result<()> {
        if !call.flags.has(Flags::PRIMARY) || (!of_one && self.0.route.reads_from_replicas()) {
            return Ok(());
        }
        let text = match of_one {
            true => "flags: PRIMARY has no effect on a connection, which is to one server",
            false => "flags: PRIMARY has no effect where read_from is primary: nothing is read from a replica",
        };
        Err(Error::new(Status::Argument, text).with_outcome(Outcome::NotSent))
    }

    /// How long a command may take that does not wait on the server.
    #[inline]
    pub(super) fn plain_ms(&self, call: &Call) -> i64 {
        match call.flags.has(Flags::TIMEOUT) {
            true => call.timeout_ms,
            false => self.0.often.command_timeout_ms,
        }
    }

    /// What the reply becomes: of a shape, or what a callback makes of it as it came.
    fn becomes(&self, row: Option<&Command>, args: &[&[u8]], call: &Call) -> (Shape, Option<Arc<dyn Callback>>) {
        if call.flags.has(Flags::RAW) {
            return (Shape::KEEP, None);
        }
        let callback = match self.0.has_callbacks.load(Ordering::Acquire) {
            true => self.0.callbacks.load().find(args).cloned(),
            false => None,
        };
        match callback.is_some() || self.0.often.raw_shape {
            true => (Shape::KEEP, callback),
            false => (commands::shape_of(row, args), None),
        }
    }

    /// The time for what is no command.
    pub(super) fn time_for_a_connection(&self) -> Wait<'static> {
        let allowed_ms = self.0.often.command_timeout_ms;
        Wait { deadline: Deadline::after_ms(allowed_ms), allowed_ms, name: b"" }
    }

    /// How long a command may take.
    #[inline]
    fn allowed_ms(&self, row: Option<&Command>, args: &[&[u8]], call: &Call) -> i64 {
        match call.flags.has(Flags::TIMEOUT) {
            true => call.timeout_ms,
            // A command that waits on the server has the time that it says, and some for the way.
            false => match row.and_then(|row| row.blocking(args)) {
                Some(Blocking::Forever) => -1,
                Some(Blocking::For(waits)) => {
                    i64::try_from(waits.as_millis()).unwrap_or(i64::MAX).saturating_add(self.0.often.block_slack_ms)
                }
                None => self.0.often.command_timeout_ms,
            },
        }
    }
}

impl Terms {
    /// What the caller gets of the reply.
    #[inline]
    pub(super) fn finish(&self, args: &[&[u8]], call: &Call, reply: Reply) -> Result<Reply> {
        finish(self.row, args, call, self.callback.as_deref(), reply)
    }

    /// The order that they make with these arguments. Its time begins now.
    pub(super) fn order<'a>(&self, args: &'a [&'a [u8]], call: &Call) -> Result<Order<'a>> {
        self.order_at(Instant::now(), args, call)
    }

    /// The same, where its time began then.
    pub(super) fn order_at<'a>(&self, begun: Instant, args: &'a [&'a [u8]], call: &Call) -> Result<Order<'a>> {
        let room = resp::checked_room(args).map_err(|error| error.with_outcome(Outcome::NotSent))?;
        let Terms { row, effect, shape, allowed_ms, .. } = *self;
        let name = args.first().copied().unwrap_or(b"");
        let wait = Wait { deadline: Deadline::ms_behind(begun, allowed_ms), allowed_ms, name };
        let (alone, primary) = (call.flags.has(Flags::ALONE), call.flags.has(Flags::PRIMARY));
        let (once, idempotent) = (call.flags.has(Flags::NO_RETRY), call.flags.has(Flags::IDEMPOTENT));
        Ok(Order { args, row, room, effect, shape, wait, begun, once, alone, primary, idempotent })
    }
}
