//! One connection driven by a loop of the caller's: nothing here waits but the look-up of a name, and nothing runs by itself.
//!
//! The loop watches one descriptor, behind which connections come and go, and the time. `step` opens, writes and looks at the
//! clock; `take_next` reads, and gives what came of each command. What has not been taken keeps the descriptor readable.
#![forbid(unsafe_code)]

mod line;
mod looking;
mod losing;
mod pending;
mod renewing;
mod round;
mod subscriptions;
mod time;

use std::collections::VecDeque;
use std::os::fd::RawFd;
use std::time::Instant;

use crate::commands::{self, Command, Effect, Exactly, Flags as CommandFlags, Shape};
use crate::conn::{Kept, no_descriptor};
use crate::error::{Error, Outcome, Result, Status};
use crate::pool::Counters;
use crate::process::{Hold, Process, uncancelled};
use crate::reply::Reply;
use crate::resp;
use crate::session::{Event, Subscriptions};
use crate::transport::poller::Poller;

use super::{Call, Client, Flags, Wish};
use line::{Line, Stage};
pub use pending::Completion;
use pending::{More, Pending};
use round::Round;
use subscriptions::Gap;
use time::Clock;

/// Commands submitted and completions taken, on one connection that is opened when there is something to do, and again when
/// it was lost. Used by one thread at a time.
pub struct Evented {
    client: Client,
    /// The process that made it: no other may use it, for what the poller watches is shared with a child of fork.
    process: Process,
    poller: Poller,
    line: Line,
    /// Accepted and not answered, in the order of the replies: first those that the conversation has, then those held.
    pending: VecDeque<Pending>,
    /// Bytes of those.
    bytes: usize,
    /// To be taken before anything that is still to be read.
    done: VecDeque<Completion>,
    subscriptions: Subscriptions,
    /// Messages may have been missed, and nobody was told yet.
    gap: Option<Gap>,
    clock: Clock,
    /// When the timer behind the descriptor runs out.
    timer: Option<Instant>,
    /// The bell rings.
    rung: bool,
    /// Commands were submitted that no step has written yet.
    fresh: bool,
    round: Round,
    kept: Kept,
    /// Somebody wants to be told of connections.
    listened_to: bool,
    /// Options that every command asks for.
    in_flight_max: usize,
    bytes_max: u64,
    /// What was asked for last.
    latest: Option<Latest>,
}

/// A command that is known by its one word.
#[derive(Clone, Copy)]
struct Latest {
    row: &'static Command,
    name: Exactly,
    /// The shape of its reply, where its arguments say nothing of that, nor of how long it may take, nor change the connection.
    shape: Option<Shape>,
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
            process: Process::current(),
            poller: Poller::new()?,
            line: Line::default(),
            pending: VecDeque::new(),
            bytes: 0,
            done: VecDeque::new(),
            subscriptions: Subscriptions::default(),
            gap: None,
            clock: Clock::new(dial.options()),
            timer: None,
            rung: false,
            fresh: false,
            round: Round::default(),
            kept: Kept::new(false, 0).with_notices(client.0.setup.on_event.is_some()),
            listened_to: client.0.setup.on_event.is_some(),
            in_flight_max: dial.options().inflight_max(),
            bytes_max: dial.options().inflight_bytes_max(),
            latest: None,
        })
    }

    /// Accept a command. It is written by the next step, and completes exactly once.
    pub fn submit(&mut self, args: &[&[u8]], call: &Call) -> Result<()> {
        self.client.count(Counters::command);
        match self.accept(args, call) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.refused(error)),
        }
    }

    /// What came of a command, or came unasked. `None`: nothing more until the descriptor is readable, which it may be at once.
    pub fn take_next(&mut self) -> Result<Option<Completion>> {
        self.refuse_foreign()?;
        let completion = self.take();
        match &completion {
            None => self.calm_down(),
            Some(completion) => {
                self.one_was_taken();
                if let Err(error) = &completion.result {
                    self.client.count(|counters| counters.failed(error));
                }
            }
        }
        if self.listened_to {
            uncancelled(|| self.client.tell(&mut self.kept));
        }
        Ok(completion)
    }

    /// Do what can be done without waiting: open, greet, write, look at the clock. `readable`: the descriptor was.
    pub fn step(&mut self, readable: bool) -> Result<()> {
        self.refuse_foreign()?;
        self.client.0.pool.dial().refuse_reentry()?;
        let now = self.clock.look();
        self.round = Round::default();
        self.line.may_read |= readable;
        self.expire(now);
        self.drive(now);
        self.fresh = false;
        if !self.done.is_empty() {
            self.ring();
        }
        self.set_timer(now);
        self.client.tell(&mut self.kept);
        Ok(())
    }

    /// The descriptor to watch, for the life of this.
    pub fn fd(&self) -> RawFd {
        self.poller.fd()
    }

    #[cold]
    fn refused(&self, error: Error) -> Error {
        let error = error.with_outcome(Outcome::NotSent);
        self.client.count(|counters| counters.failed(&error));
        error
    }

    #[inline]
    fn accept(&mut self, args: &[&[u8]], call: &Call) -> Result<()> {
        self.refuse_foreign()?;
        let Asked { row, allowed_ms, wish, subscription } = match self.asked_before(args, call) {
            Some(asked) => asked,
            None => self.asked(args, call)?,
        };
        let cost = resp::checked_room(args)?;
        self.refuse_excess(cost)?;
        self.make_room()?;
        let deadline = self.clock.deadline(allowed_ms);
        let Wish { shape, callback } = wish;
        let more = More::of(callback, subscription, args)?;
        let (flags, call_data) = (call.flags, call.call_data);
        let command = Pending { deadline, allowed_ms, flags, row, cost, more, ..Pending::new(call_data) };
        self.queue(args, command, shape)?;
        self.bytes += cost;
        self.fresh = true;
        self.ring();
        Ok(())
    }

    /// What is to be known of the command, where it was asked for last too, and nothing of that depends on the arguments.
    #[inline]
    fn asked_before(&self, args: &[&[u8]], call: &Call) -> Option<Asked> {
        let Latest { row, name, shape } = self.latest?;
        if !name.is(args.first()?) || call.flags.has(Flags::RAW) {
            return None;
        }
        let wish = self.client.wish_without_arguments(shape?)?;
        let allowed_ms = self.client.allowed_ms_without_arguments(call);
        Some(Asked { row: Some(row), allowed_ms, wish, subscription: None })
    }

    #[inline(never)]
    fn asked(&mut self, args: &[&[u8]], call: &Call) -> Result<Asked> {
        let row = commands::find(args);
        // Of two words, the second one may be another next time.
        if let Some(row) = row.filter(|row| !row.flags.has(CommandFlags::CONTAINER) && !row.name.contains(' ')) {
            self.latest =
                Some(Latest { row, name: Exactly::new(row.name), shape: commands::shape_without_arguments(row) });
        }
        let subscription = match row.filter(|row| row.connection_state().is_some()) {
            None => None,
            Some(row) => Some(self.admit(row, args)?),
        };
        let allowed_ms = self.client.allowed_ms(row, args, call);
        Ok(Asked { row, allowed_ms, wish: self.client.wish_of(row, args, call), subscription })
    }

    /// Refuse what has no place on a connection that is opened anew when it breaks; but to subscribe, and to end that.
    #[cold]
    fn admit(&mut self, row: &Command, args: &[&[u8]]) -> Result<Effect> {
        let effect = row.effect(args);
        if !matches!(effect, Effect::Subscribe { .. } | Effect::Unsubscribe { .. }) {
            return Err(row.misplaced("this one is opened anew when it breaks"));
        }
        match self.is_resp2() {
            false => Ok(effect),
            true => Err(subscriptions::in_resp2()),
        }
    }

    /// Whatever becomes of the commands, there is room for all of them.
    #[inline]
    fn make_room(&mut self) -> Result<()> {
        let (pending, done) = (self.pending.len() + 1, self.pending.len() + 1 + self.done.len());
        if self.pending.capacity() < pending {
            self.pending.try_reserve(1).map_err(|_| Error::memory("the command"))?;
        }
        if self.done.capacity() < done {
            self.done.try_reserve(done - self.done.len()).map_err(|_| Error::memory("the command"))?;
        }
        Ok(())
    }

    #[inline]
    fn refuse_excess(&self, cost: usize) -> Result<()> {
        // What was completed and not taken counts too, or it would have no bound.
        let in_flight = self.pending.len() + self.done.len();
        let too_many = in_flight >= self.in_flight_max;
        let too_much = self.bytes > 0 && self.bytes.saturating_add(cost) as u64 > self.bytes_max;
        if too_many || too_much { Err(self.busy(in_flight, cost)) } else { Ok(()) }
    }

    #[cold]
    fn busy(&self, in_flight: usize, cost: usize) -> Error {
        let place = self.client.0.pool.dial().place();
        let text = match in_flight >= self.in_flight_max {
            true => format!("{place}: {in_flight} commands are under way (inflight_max)"),
            false => format!(
                "{place}: {} bytes are under way, and {cost} more are too many (inflight_bytes_max)",
                self.bytes
            ),
        };
        Error::new(Status::Busy, text)
    }

    #[inline(always)]
    fn take(&mut self) -> Option<Completion> {
        // Most are replies that have been read, and that no function of the program's is shown: those need no hold.
        let mut hold = Hold::default();
        loop {
            if let Some(done) = self.done.pop_front() {
                return Some(done);
            }
            if !self.pending.front().is_some_and(Pending::is_plain) {
                hold.take();
            }
            let Stage::Open(connection) = &mut self.line.stage else { return None };
            match connection.poll_leaf() {
                Ok(Some(reply)) => match self.answered(reply) {
                    Some(completion) => return Some(completion),
                    None => continue,
                },
                Ok(None) => hold.take(),
                Err(error) => {
                    hold.take();
                    self.lost(error);
                    continue;
                }
            }
            let Stage::Open(connection) = &mut self.line.stage else { return None };
            match connection.poll() {
                Ok(Some(Event::Reply(_, reply))) => {
                    if let Some(completion) = self.answered(reply) {
                        return Some(completion);
                    }
                }
                Ok(Some(push)) => self.came_unasked(push),
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
    #[inline(always)]
    fn answered(&mut self, reply: Reply) -> Option<Completion> {
        let command = self.pending.front_mut()?;
        if !command.is_plain() || reply.is_error() {
            return self.answered_specially(reply);
        }
        self.line.proven();
        let completion = Completion { result: Ok(reply), call_data: command.call_data };
        self.bytes -= command.cost;
        self.pending.pop_front();
        Some(completion)
    }

    fn answered_specially(&mut self, reply: Reply) -> Option<Completion> {
        self.line.proven();
        let command = self.end_oldest()?;
        if command.subscribes() {
            return self.not_subscribed(command, reply);
        }
        if reply.is_error() {
            self.heed(&command, &reply);
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

    fn refuse_foreign(&self) -> Result<()> {
        match self.process == Process::current() {
            true => Ok(()),
            false => Err(Error::new(Status::Forked, "the async handle belongs to the process that made it")),
        }
    }
}

impl Drop for Evented {
    fn drop(&mut self) {
        // A child of fork only closes what it inherited: it is the parent's to watch and to count.
        if self.process != Process::current() {
            return;
        }
        self.poller.disband();
        if let Stage::Open(connection) = &mut self.line.stage {
            let counters = self.client.0.pool.counters();
            counters.moved(connection.traffic());
            counters.closed(1);
        }
    }
}

/// What is known of a command, and how it is to be treated.
struct Asked {
    row: Option<&'static Command>,
    allowed_ms: i64,
    wish: Wish,
    subscription: Option<Effect>,
}
