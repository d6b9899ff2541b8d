//! One connection driven by a loop of the caller's: nothing here waits but the look-up of a name, and nothing runs by itself.
//!
//! The loop watches one descriptor, behind which connections come and go, and one deadline. `step` opens, writes and looks at
//! the clock; `next` reads, and gives what came of each command. What has not been taken keeps the descriptor readable.
#![forbid(unsafe_code)]

mod line;
mod losing;
mod pending;
mod subscriptions;
mod time;

use std::collections::VecDeque;
use std::os::fd::RawFd;
use std::process;

use crate::commands::{self, Effect};
use crate::conn::{Kept, no_descriptor};
use crate::error::{Error, Outcome, Result, Status};
use crate::pool::Counters;
use crate::reply::Reply;
use crate::resp;
use crate::session::Event;
use crate::transport::poller::Poller;

use super::{Call, Client, Wish};
use line::Line;
pub use pending::Completion;
use pending::{Pending, Subscription, copies, make_room};
use subscriptions::Subscriptions;
use time::Clock;

/// Commands submitted and completions taken, on one connection that is opened when there is something to do, and again when
/// it was lost. Used by one thread at a time.
pub struct Evented {
    client: Client,
    /// The process that made it: no other may use it, for what the poller watches is shared with a child of fork.
    process: u32,
    poller: Poller,
    line: Line,
    /// Accepted and not answered, in the order of the replies: first those that the conversation has, then those held.
    pending: VecDeque<Pending>,
    /// Bytes of those.
    bytes: usize,
    /// To be taken before anything that is still to be read.
    done: VecDeque<Completion>,
    subscriptions: Subscriptions,
    clock: Clock,
    /// The bell rings.
    rung: bool,
    /// Commands were submitted that no step has written yet.
    fresh: bool,
    kept: Kept,
}

impl Evented {
    /// On a connection of its own, opened as those of the client's pool are. Nothing is opened yet.
    pub fn new(client: &Client) -> Result<Evented> {
        let dial = client.0.pool.dial();
        if !dial.has_fd() {
            return Err(no_descriptor());
        }
        Ok(Evented {
            client: client.clone(),
            process: process::id(),
            poller: Poller::new()?,
            line: Line::default(),
            pending: VecDeque::new(),
            bytes: 0,
            done: VecDeque::new(),
            subscriptions: Subscriptions::default(),
            clock: Clock::new(dial.options()),
            rung: false,
            fresh: false,
            kept: Kept::new(false, 0).with_notices(client.0.setup.on_event.is_some()),
        })
    }

    /// Accept a command. It is written by the next step, and completes exactly once.
    pub fn submit(&mut self, args: &[&[u8]], call: &Call) -> Result<()> {
        self.client.count(Counters::command);
        let accepted = self.accept(args, call).map_err(|error| error.with_outcome(Outcome::NotSent));
        accepted.inspect_err(|error| self.client.count(|counters| counters.failed(error)))
    }

    /// What came of a command, or came unasked. `None`: nothing more until the descriptor is readable again.
    pub fn next(&mut self) -> Result<Option<Completion>> {
        self.refuse_foreign()?;
        let completion = self.take();
        match &completion {
            None => self.calm_down(),
            Some(completion) => {
                // The bell rings only where the descriptor would not show by itself that there is more.
                if !self.rung && self.holds_more() {
                    self.ring();
                }
                if let Err(error) = &completion.result {
                    self.client.count(|counters| counters.failed(error));
                }
            }
        }
        self.client.tell(&mut self.kept);
        Ok(completion)
    }

    /// Do what can be done without waiting: open, greet, write, look at the clock. `readable`: the descriptor was.
    pub fn step(&mut self, readable: bool) -> Result<()> {
        self.refuse_foreign()?;
        self.client.0.pool.dial().refuse_reentry()?;
        let now = self.clock.look();
        self.line.may_read |= readable;
        self.expire(now);
        self.drive(now);
        self.fresh = false;
        if !self.rung && !self.done.is_empty() {
            self.ring();
        }
        self.client.tell(&mut self.kept);
        Ok(())
    }

    /// The descriptor to watch, for the life of this.
    pub fn fd(&self) -> RawFd {
        self.poller.fd()
    }

    fn accept(&mut self, args: &[&[u8]], call: &Call) -> Result<()> {
        self.refuse_foreign()?;
        resp::check(args)?;
        let subscription = self.admit(args)?;
        let cost = resp::encoded_len(args);
        self.refuse_excess(cost)?;
        let wanted = self.pending.len() + 1;
        make_room(&mut self.pending, wanted)?;
        // Whatever becomes of them, there is room for them all.
        let wanted = self.done.len() + wanted;
        make_room(&mut self.done, wanted)?;
        let mut command = Pending::new(args, call, cost);
        command.allowed_ms = self.client.allowed_ms(commands::find(args), args, call);
        command.deadline = self.clock.deadline(command.allowed_ms);
        let Wish { shape, callback } = self.client.wish(args, call);
        if let Some(callback) = callback {
            command.more().callback = Some((callback, copies(args)?));
        }
        if let Some(effect) = subscription {
            command.more().subscription = Some(Subscription::of(effect, args)?);
        }
        self.queue(args, command, shape)?;
        self.bytes += cost;
        self.fresh = true;
        if !self.rung {
            self.ring();
        }
        Ok(())
    }

    /// Refuse what has no place on a connection that is opened anew when it breaks. Some: it subscribes, or ends that.
    fn admit(&mut self, args: &[&[u8]]) -> Result<Option<Effect>> {
        let Some(name) = commands::connection_state(args) else { return Ok(None) };
        let effect = commands::effect(args);
        if !matches!(effect, Effect::Subscribe { .. } | Effect::Unsubscribe { .. }) {
            return Err(Error::new(Status::Argument, refusal(name, effect)));
        }
        match self.is_resp2() {
            false => Ok(Some(effect)),
            true => Err(subscriptions::in_resp2()),
        }
    }

    fn refuse_excess(&self, cost: usize) -> Result<()> {
        let options = self.client.0.pool.dial().options();
        // What was completed and not taken counts too, or it would have no bound.
        let in_flight = self.pending.len() + self.done.len();
        let text = if in_flight >= options.inflight_max() {
            format!("{in_flight} commands are under way (inflight_max)")
        } else if self.bytes > 0 && (self.bytes + cost) as u64 > options.inflight_bytes_max() {
            format!("{} bytes are under way, and {cost} more are too many (inflight_bytes_max)", self.bytes)
        } else {
            return Ok(());
        };
        Err(Error::new(Status::Busy, format!("{}: {text}", self.client.0.pool.dial().place())))
    }

    fn take(&mut self) -> Option<Completion> {
        loop {
            if let Some(done) = self.done.pop_front() {
                return Some(done);
            }
            match self.line.poll()? {
                Ok(Some(Event::Reply(_, reply))) => {
                    if let Some(completion) = self.answered(reply) {
                        return Some(completion);
                    }
                }
                Ok(Some(Event::Push(push, _))) => {
                    self.pushed();
                    return Some(Completion { result: Ok(push), call_data: std::ptr::null_mut() });
                }
                Ok(None) => {
                    if !self.read() {
                        return self.done.pop_front();
                    }
                }
                Err(error) => self.lost(error),
            }
        }
    }

    /// The reply to the oldest command has come. None: nobody waits for it any more.
    fn answered(&mut self, reply: Reply) -> Option<Completion> {
        self.line.proven();
        let command = self.end_oldest()?;
        if reply.is_error() {
            self.subscriptions.refused(command.subscription());
        }
        (!command.abandoned).then(|| command.finish(reply))
    }

    /// The oldest command is due nothing any more.
    fn end_oldest(&mut self) -> Option<Pending> {
        let command = self.pending.pop_front()?;
        self.bytes -= command.cost;
        if command.abandoned {
            self.clock.one_less();
        }
        Some(command)
    }

    /// Nothing is left to be taken: the descriptor shows by itself when there is.
    fn calm_down(&mut self) {
        self.clock.forget_now();
        if self.rung && !self.fresh {
            self.rung = false;
            self.poller.silence();
        }
    }

    fn holds_more(&mut self) -> bool {
        !self.done.is_empty() || self.line.holds_more()
    }

    fn ring(&mut self) {
        self.rung = true;
        self.poller.ring();
    }

    fn refuse_foreign(&self) -> Result<()> {
        match self.process == process::id() {
            true => Ok(()),
            false => Err(Error::new(Status::Forked, "the async handle belongs to the process that made it")),
        }
    }
}

fn refusal(name: &str, effect: Effect) -> String {
    let instead = match effect {
        Effect::Multi | Effect::Exec | Effect::Discard | Effect::Watch | Effect::Unwatch => "an rredis_pipeline",
        _ => "an rredis_conn",
    };
    format!("{name} changes the connection it runs on, and this one is opened anew when it breaks: use {instead}")
}
