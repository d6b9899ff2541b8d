//! A run whose replies are shown one by one, as they arrive, and not held.
#![forbid(unsafe_code)]

use crate::client::{Call, Callbacks};
use crate::commands::Shape;
use crate::error::{Error, Outcome, Result, Status};
use crate::reply::Reply;
use crate::resp::{self, Frame};
use crate::route::Tries;
use crate::session::TakeReplies;

use super::answers::{outcome, too_early};
use super::batch::Batch;
use super::exchange::{Leased, broken_off};
use super::merge::{Merged, Replaced, called_back};
use super::queue::{Element, MULTI, Queue, start_of};
use super::wire::Delivery;

/// Shown each reply with its index.
pub type Show<'f> = dyn FnMut(usize, &Reply) -> Result<()> + 'f;

/// One reply at a time.
struct One {
    shape: Shape,
    /// Where the bytes of its command begin in the burst.
    start: usize,
    reply: Option<Reply>,
}

impl Batch {
    /// Send all of it, and show each reply.
    pub(super) fn each(&mut self, call: &Call, show: &mut Show<'_>) -> Result<()> {
        self.counted(call, |batch, tries| batch.each_to_the_wire(call, tries, show))
    }

    fn each_to_the_wire(&mut self, call: &Call, tries: &mut Tries, show: &mut Show<'_>) -> Result<()> {
        if self.plan.queue.is_empty() {
            return Ok(());
        }
        // Replies are shown as they come, and so no script is asked for again behind the batch.
        self.plan.deliver(Delivery::Whole)?;
        let mut time = self.time(call);
        if self.client.0.route.is_many() {
            let client = self.client.clone();
            return self.each_over_many(&client, tries, &mut time, show);
        }
        self.with_retries(tries, time, |batch, leased| batch.show_each(leased, show).map(Ok))
    }

    pub(super) fn show_each(&mut self, leased: &mut Leased<'_>, show: &mut Show<'_>) -> Result<()> {
        let Batch { plan, merged, .. } = self;
        let (raw, callbacks, count) = (plan.is_raw(), plan.callbacks.clone(), plan.len());
        let (part, queue) = plan.part_and_queue();
        let commands = part.commands;
        merged.failed = None;
        let mut showing = Showing { merged, commands, queue, callbacks: callbacks.as_deref(), raw };
        let (shown, handed) = leased.exchange_by(part.bytes, part.from, count, |leased| {
            while showing.merged.shown < count {
                let reply = showing.next(leased)?;
                let reply = showing.called_back(leased, reply)?;
                showing.merged.shown += 1;
                show(showing.merged.shown - 1, &reply)?;
            }
            Ok(())
        });
        let Err(error) = shown else { return Ok(()) };
        leased.time.moved(handed);
        let answered = merged.shown;
        let outcome = match count - answered {
            0 => Outcome::Ran,
            left => outcome(handed, part.end(), left),
        };
        if error.status == Status::Callback {
            return Err(error.with_outcome(outcome));
        }
        merged.failed.get_or_insert(answered);
        Err(broken_off(error, answered, count).with_outcome(outcome))
    }
}

/// A burst whose replies are shown.
struct Showing<'b> {
    merged: &'b mut Merged,
    commands: &'b [Element],
    /// The caller's queue, where other bytes went in the place of its own.
    queue: Option<&'b Queue>,
    callbacks: Option<&'b Callbacks>,
    /// No reply is to have any shape.
    raw: bool,
}

impl Showing<'_> {
    /// The next reply, in its command's shape. No function of the caller's runs but those that serve the connection.
    fn next(&self, leased: &mut Leased<'_>) -> Result<Reply> {
        let index = self.merged.shown;
        let shape = if self.raw { Shape::KEEP } else { self.commands[index].shape };
        let mut one = One { shape, start: start_of(self.commands, index) - MULTI.len(), reply: None };
        leased.take_in_time(&mut one)?;
        one.reply.ok_or_else(|| Error::new(Status::Panic, "all replies were in, and one was missing"))
    }

    /// What the command's callback makes of it.
    fn called_back(&mut self, leased: &mut Leased<'_>, reply: Reply) -> Result<Reply> {
        let index = self.merged.shown;
        let command = &self.commands[index];
        if reply.is_error() {
            self.merged.failed.get_or_insert(index);
            leased.lease.heed_error(reply.text(), command.own_words);
            return Ok(reply);
        }
        let Some(callbacks) = self.callbacks.filter(|_| command.called) else { return Ok(reply) };
        let mut args = Vec::new();
        match self.queue {
            Some(queue) => queue.args_of(index, &mut args)?,
            None => {
                let sent = leased.bytes().get(start_of(self.commands, index)..command.end);
                resp::arguments(sent.unwrap_or_default(), &mut args)?;
            }
        }
        let Some(replaced) = called_back(callbacks, command, &args, &reply) else { return Ok(reply) };
        if matches!(replaced, Replaced::Failed(_)) {
            self.merged.failed.get_or_insert(index);
        }
        replaced.into_reply()
    }
}

impl TakeReplies for One {
    fn take(&mut self, frame: &mut Frame<'_>, handed: usize) -> Result<()> {
        if handed <= self.start {
            return Err(too_early());
        }
        let is_unshaped = !frame.is_error() && self.shape.lay_over(frame);
        let reply = Reply::build_from(frame)?;
        self.reply = Some(match is_unshaped {
            true => self.shape.reshape(&reply)?.unwrap_or(reply),
            false => reply,
        });
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.reply.is_some()
    }
}
