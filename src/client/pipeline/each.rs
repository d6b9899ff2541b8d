//! A run whose replies are shown one by one, as they arrive, and not held.
#![forbid(unsafe_code)]

use crate::client::Call;
use crate::client::callbacks::failed_callback;
use crate::commands::Shape;
use crate::conn::{Handed, Kept};
use crate::error::{Error, Outcome, Result, Status};
use crate::pool::Lease;
use crate::reply::{Builder, Kind, Reply};
use crate::resp::{self, Frame};
use crate::route::Tries;
use crate::session::TakeReplies;

use super::answers::too_early;
use super::queue::{MULTI, Queue};
use super::run::{Run, Time, broken_off};
use super::scripts::{Scripts, Wire};

/// Shown each reply with its index.
pub type Show<'f> = dyn FnMut(usize, &Reply) -> Result<()> + 'f;

/// One reply at a time.
struct One {
    shape: Shape,
    /// Where the bytes of its command begin in the burst.
    start: usize,
    reply: Option<Reply>,
}

impl Run {
    /// Send all of it, and show each reply.
    pub fn each(&mut self, call: &Call, show: &mut Show<'_>) -> Result<()> {
        let client = self.client.clone();
        client.count(|counters| counters.commands(self.queue.len()));
        let mut tries = Tries::default();
        let result = self.wish(call).and_then(|()| self.each_to_the_wire(call, &mut tries, show));
        result.map_err(|error| tries.tell(error)).inspect_err(|error| client.count(|counters| counters.failed(error)))
    }

    fn each_to_the_wire(&mut self, call: &Call, tries: &mut Tries, show: &mut Show<'_>) -> Result<()> {
        if self.queue.is_empty() {
            return Ok(());
        }
        // Replies are shown as they come, and so no script is asked for again behind the batch.
        self.wire = Wire::of(&self.queue, Scripts::Whole)?;
        let time = self.time(call);
        self.with_retries(call, tries, time, |run, lease, time, kept| run.show_each(lease, time, kept, show).map(Ok))
    }

    fn show_each(&mut self, lease: &mut Lease, time: &mut Time, kept: &mut Kept, show: &mut Show<'_>) -> Result<()> {
        let count = self.queue.len();
        self.failed = None;
        let begun = lease.begin_burst(&mut self.sent().bytes, MULTI.len(), count);
        let shown = begun.and_then(|()| {
            while self.shown < count {
                let reply = self.next_reply(lease, time, kept)?;
                let reply = self.called_back(lease, reply)?;
                self.shown += 1;
                show(self.shown - 1, &reply)?;
            }
            Ok(())
        });
        let handed = lease.end_burst(&mut self.sent().bytes);
        let Err(error) = shown else { return Ok(()) };
        time.moved(handed);
        let (answered, error) = match error.status {
            Status::Callback => (self.shown, error),
            _ => (self.shown, broken_off(error, self.shown, count)),
        };
        if error.status != Status::Callback {
            self.failed.get_or_insert(answered);
        }
        let left = count - answered;
        let end = self.sent().commands.last().map_or(0, |last| last.end - MULTI.len());
        Err(error.with_outcome(match handed {
            Handed { bytes: 0, .. } => Outcome::NotSent,
            _ if left == 0 => Outcome::Ran,
            Handed { in_a_reply: true, bytes } if left == 1 && bytes >= end => Outcome::Ran,
            _ => Outcome::Unknown,
        }))
    }

    /// The commands as they go over the wire.
    fn sent(&mut self) -> &mut Queue {
        self.wire.as_mut().map_or(&mut self.queue, |wire| &mut wire.queue)
    }

    /// The next reply, in its command's shape. No function of the caller's runs but those that serve the connection.
    fn next_reply(&self, lease: &mut Lease, time: &Time, kept: &mut Kept) -> Result<Reply> {
        let sent = self.wire.as_ref().map_or(&self.queue, |wire| &wire.queue);
        let command = &sent.commands[self.shown];
        let start = sent.start_of(self.shown) - MULTI.len();
        let shape = if self.raw { Shape::KEEP } else { command.shape };
        let mut one = One { shape, start, reply: None };
        // What has come already is taken without a look at the clock, and there may be much of it.
        if time.is_over() {
            return Err(lease.give_up_burst(time.until()));
        }
        lease.take_replies(|| time.until(), kept, &mut one)?;
        one.reply.ok_or_else(|| Error::new(Status::Panic, "all replies were in, and one was missing"))
    }

    /// What the command's callback makes of it.
    fn called_back(&mut self, lease: &mut Lease, reply: Reply) -> Result<Reply> {
        let index = self.shown;
        let command = &self.queue.commands[index];
        if reply.is_error() {
            self.failed.get_or_insert(index);
            lease.heed_error(reply.text(), command.own_words);
            return Ok(reply);
        }
        let Some(callbacks) = self.callbacks.as_ref().filter(|_| command.called) else { return Ok(reply) };
        let mut args = Vec::new();
        // The queue's own bytes are on their way, unless others went in their place.
        let bytes = if self.wire.is_some() { &self.queue.bytes } else { lease.burst_bytes() };
        let bytes = bytes.get(self.queue.start_of(index)..command.end);
        resp::arguments(bytes.unwrap_or_default(), &mut args)?;
        let Some(callback) = callbacks.find(&args) else { return Ok(reply) };
        match callback.call(command.call_data, &args, &reply) {
            Ok(made) => Ok(made.unwrap_or(reply)),
            Err(error) => {
                self.failed.get_or_insert(index);
                let mut builder = Builder::for_copies();
                builder.add_text(Kind::RREDIS_REPLY_ERROR, &failed_callback(&error));
                builder.take()
            }
        }
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
