//! A connection for an event loop of the program (`rredis_async`). No call waits, except a step if the connect of a
//! transport of the program's waits, or a look-up gets no thread.
//!
//! The loop watches one descriptor, behind which connections come and go, and the time. `step` opens, writes and looks at the
//! clock; `take_next` reads, and gives what came of each command. What has not been taken keeps the descriptor readable.
#![forbid(unsafe_code)]

mod among;
mod beside;
mod pending;
mod round;
mod rounds;
mod time;

use std::os::fd::RawFd;
use std::ptr;
use std::time::{Duration, Instant};

use crate::commands::{self, Command, Effect, Refusal};
use crate::conn::{Kept, Notice, no_descriptor};
use crate::error::{Error, Outcome, Result, Status, head};
use crate::line::{Came, Line, Submission, Transition, Wants};
use crate::process::{Process, uncancelled};
use crate::reply::Reply;
use crate::resp;
use crate::stats::Counters;
use crate::transport::poller::Poller;

use super::latest::Latest;
use super::pubsub::message;
use super::terms::Terms;
use super::{Call, Client, Flags};
use among::Among;
pub use pending::Completion;
use pending::{Pending, nothing};
use rounds::Rounds;
use time::Clock;

/// Commands submitted and completions taken, on one line. Used by one thread at a time.
pub struct Evented {
    client: Client,
    /// The process that made it: no other may use it, for what the poller watches is shared with a child of fork.
    process: Process,
    poller: Poller,
    /// Where there are many servers it has no connection, and accepts no command.
    line: Line<Pending>,
    /// The lines to many servers.
    among: Option<Box<Among>>,
    /// There are many servers, or Sentinels that name the one.
    is_led: bool,
    clock: Clock,
    /// What the poller watches.
    watched: Option<(RawFd, Wants)>,
    /// When the timer behind the descriptor runs out.
    timer: Option<Instant>,
    /// The bell rings.
    rung: bool,
    /// There is something to be written that nobody has tried to write yet.
    fresh: bool,
    rounds: Rounds,
    kept: Kept,
    /// Options that every command asks for.
    in_flight_max: usize,
    bytes_max: u64,
    /// What was asked for last.
    latest: Option<Latest>,
    /// When to look whether the connection still leads to the right server.
    looks_at: Option<Instant>,
    /// There may be subscriptions in RESP2, beside which nothing else is sent.
    listens: bool,
}

impl Evented {
    /// On a connection of its own, opened as those of the client's pool are. Nothing is opened yet.
    pub fn new(client: &Client) -> Result<Evented> {
        let guide = client.0.route.guide();
        let dial = client.0.route.dial();
        if !dial.has_fd() {
            return Err(no_descriptor());
        }
        let (in_flight_max, bytes_max) = (dial.options().inflight_max(), dial.options().inflight_bytes_max());
        let pauses = client.clone();
        // After a connection that has answered a command there is none.
        let pause = move |failures| match failures {
            0 => Duration::ZERO,
            failures => pauses.0.route.retry().pause(failures),
        };
        Ok(Evented {
            line: Line::new(dial.clone(), client.0.often.command_timeout_ms, Box::new(pause)),
            is_led: guide.is_some() || client.0.route.is_named(),
            among: guide.map(|guide| Box::new(Among::new(client, guide))),
            client: client.clone(),
            process: Process::current(),
            poller: Poller::new()?,
            clock: Clock::default(),
            watched: None,
            timer: None,
            rung: false,
            fresh: false,
            rounds: Rounds::default(),
            kept: Kept::new(false, 0).with_notices(client.0.setup.on_event.is_some()),
            in_flight_max,
            bytes_max,
            latest: None,
            looks_at: None,
            listens: false,
        })
    }

    /// Accept a command. It is written by the next step, or by the end of this round, and completes exactly once.
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
        match self.line.take_plain(Instant::now) {
            // Most are replies that have been read, and that no function of the program's is shown: those need no hold.
            Some((command, reply)) if command.is_plain() && !reply.is_error() => {
                self.one_was_taken();
                Ok(Some(command.finish(reply)))
            }
            // The end of a round, as most are: nothing of the system's or the program's is called that could need a hold.
            None if !self.fresh && self.line.is_read_dry() => {
                self.calm_down();
                Ok(None)
            }
            taken => Ok(uncancelled(|| self.take_specially(taken))),
        }
    }

    /// Do what can be done without waiting: open, greet, write, look at the clock. `readable`: the descriptor was.
    pub fn step(&mut self, readable: bool) -> Result<()> {
        self.refuse_foreign()?;
        self.client.0.route.dial().refuse_reentry()?;
        let now = self.clock.look();
        self.rounds.begin();
        if self.is_led && self.step_led(now, readable) {
            return Ok(());
        }
        // A connect that goes on may close its descriptor, which a child of fork may still have open: none is watched then.
        if self.line.is_opening() {
            self.forget();
        }
        if self.is_led {
            self.looks_at = self.client.lead(&mut self.line, now, &mut self.kept);
        }
        self.line.step(now, readable);
        self.follow();
        self.fresh = false;
        if self.line.has_come() {
            self.ring();
        }
        self.set_timer(now);
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
        // What is known of it then is mostly nothing, so that most of what follows falls away.
        match self.terms_as_before(args, call) {
            Some(terms) => self.queue(args, call, terms),
            None => self.accept_another(args, call),
        }
    }

    #[inline(never)]
    fn accept_another(&mut self, args: &[&[u8]], call: &Call) -> Result<()> {
        if self.among.is_some() {
            return self.accept_among(args, call);
        }
        // Not on the short way: there a command is as the last one that was accepted, beside subscriptions PING.
        if self.listens {
            self.refuse_beside_subscriptions(args, call)?;
        }
        let terms = self.terms(args, call)?;
        self.queue(args, call, terms)
    }

    #[inline(always)]
    fn queue(&mut self, args: &[&[u8]], call: &Call, terms: Terms) -> Result<()> {
        let Terms { row, effect, shape, callback, allowed_ms } = terms;
        let room = resp::checked_room(args)?;
        self.refuse_excess(room)?;
        let deadline = self.clock.deadline(allowed_ms);
        let token = Pending::new(row, call, allowed_ms, callback, args)?;
        let once = call.flags.has(Flags::NO_RETRY);
        let submission = Submission { token, shape, room, deadline, once, effect };
        self.line.submit(args, submission, || self.clock.now())?;
        self.fresh = true;
        self.call_for_a_write();
        Ok(())
    }

    /// What is to be known of the command, where it was asked for last too, and nothing of that depends on the arguments.
    #[inline]
    fn terms_as_before(&self, args: &[&[u8]], call: &Call) -> Option<Terms> {
        let latest = self.latest.as_ref().filter(|latest| latest.is(args))?;
        self.client.plain_terms(latest.row, latest.shape?, call)
    }

    #[inline(never)]
    fn terms(&mut self, args: &[&[u8]], call: &Call) -> Result<Terms> {
        let terms = self.client.terms(args, call);
        let row = terms.row;
        self.latest = row.and_then(Latest::of).or(self.latest);
        match row.filter(|row| row.connection_state().is_some()) {
            None => Ok(terms),
            Some(row) => self.admit(row, terms),
        }
    }

    /// Refuse what has no place on a connection that is opened anew when it breaks; but to subscribe, and to end that.
    #[cold]
    fn admit(&mut self, row: &Command, terms: Terms) -> Result<Terms> {
        if !matches!(terms.effect, Effect::Subscribe { .. } | Effect::Unsubscribe { .. }) {
            return Err(row.misplaced("this one is opened anew when it breaks"));
        }
        self.admit_subscription()?;
        Ok(terms)
    }

    #[inline]
    fn refuse_excess(&self, cost: usize) -> Result<()> {
        // What was completed and not taken counts too, or it would have no bound.
        self.refuse_more(self.line.under_way(), cost)
    }

    #[inline]
    fn refuse_more(&self, (in_flight, bytes): (usize, usize), cost: usize) -> Result<()> {
        let too_many = in_flight >= self.in_flight_max;
        let too_much = bytes > 0 && bytes.saturating_add(cost) as u64 > self.bytes_max;
        if too_many || too_much { Err(self.busy(in_flight, bytes, cost)) } else { Ok(()) }
    }

    #[cold]
    fn busy(&self, in_flight: usize, bytes: usize, cost: usize) -> Error {
        let place = self.client.0.route.endpoint();
        let text = match in_flight >= self.in_flight_max {
            true => format!("{place}: {in_flight} commands are under way (inflight_max)"),
            false => {
                format!("{place}: {bytes} bytes are under way, and {cost} more are too many (inflight_bytes_max)")
            }
        };
        Error::new(Status::Busy, text)
    }

    /// What is not soon said: what comes unasked, what is to be read first, and what has become of the connection.
    #[inline(never)]
    fn take_specially(&mut self, taken: Option<(Pending, Reply)>) -> Option<Completion> {
        let completion = match taken {
            Some((command, reply)) => Some(self.answered(command, reply)),
            None if self.among.is_some() => self.take_among(),
            None => self.take_any(),
        };
        if self.line.has_changed() {
            self.follow();
        }
        match &completion {
            None => self.calm_down(),
            Some(completion) => {
                self.one_was_taken();
                if let Err(error) = &completion.result {
                    self.client.count(|counters| counters.failed(error));
                }
            }
        }
        completion
    }

    #[inline(always)]
    fn answered(&mut self, command: Pending, reply: Reply) -> Completion {
        if reply.is_error() {
            self.heed(&command, &reply);
        }
        command.finish(reply)
    }

    fn take_any(&mut self) -> Option<Completion> {
        let (result, call_data) = match self.line.take(Instant::now)? {
            Came::Reply(command, reply) => return Some(self.answered(command, reply)),
            Came::Message(push) | Came::Confirmation(push) | Came::Push(push) => (Ok(push), ptr::null_mut()),
            Came::Gap { reason, lasted } => (message::gap(&reason, lasted), ptr::null_mut()),
            Came::Refused(error) => (Err(*error), ptr::null_mut()),
            // The line has no names of slots.
            Came::Adrift(_) => return None,
            Came::Confirmed(command) => (nothing(), command.call_data),
            Came::Failed(command, error) => return Some(command.failed(*error)),
            Came::Late { token, outcome, why } => {
                let error = token.timed_out(self.client.0.route.endpoint(), outcome, why.as_deref());
                return Some(token.failed(error));
            }
        };
        Some(Completion::new(result, call_data))
    }

    /// This error is the answer to a command. Where it says that nothing is written there any more, so it is for all of them.
    #[cold]
    fn heed(&mut self, command: &Pending, reply: &Reply) {
        let refusal = Refusal::of(reply.text(), commands::has_own_words(command.row));
        if refusal.is_some_and(Refusal::ends_connection)
            && self.line.leave(Error::new(Status::Server, head(reply.text())))
        {
            self.client.0.route.renew();
        }
    }

    /// Watch what the line wants to be watched, and tell of what has become of its connections. One that is over is closed here,
    /// when nothing watches it any more.
    pub(super) fn follow(&mut self) {
        loop {
            while let Some(change) = self.line.take_change() {
                self.forget();
                self.note(change);
            }
            let wanted = self.line.fd().map(|fd| (fd, self.line.wants()));
            if wanted == self.watched {
                break;
            }
            let watched = match wanted {
                None => {
                    self.poller.forget();
                    Ok(())
                }
                Some((fd, Wants { read, write })) => self.poller.watch(fd, read, write),
            };
            self.watched = wanted;
            match watched {
                Ok(()) => break,
                Err(error) => self.line.fail(error, Instant::now()),
            }
        }
        if self.line.take_again() {
            self.fresh = true;
            self.ring_anew();
        }
        self.client.tell(&mut self.kept);
    }

    fn note(&mut self, change: Transition) {
        match change {
            Transition::Opened { notice } => self.kept.notice(notice),
            Transition::Lost { connection, error } => self.kept.notice(Notice::lost(&connection, &error)),
            Transition::Left { .. } => {}
        }
    }

    fn forget(&mut self) {
        if self.watched.take().is_some() {
            self.poller.forget();
        }
    }

    #[inline(always)]
    fn refuse_foreign(&self) -> Result<()> {
        match self.process == Process::current() {
            true => Ok(()),
            false => Err(Error::new(Status::Forked, "the async handle belongs to the process that made it")),
        }
    }
}

impl Drop for Evented {
    fn drop(&mut self) {
        // A child of fork only closes what it inherited: it is the parent's to watch.
        if self.process != Process::current() {
            return;
        }
        if let Some(among) = &mut self.among {
            among.disband(&self.poller);
        }
        self.poller.disband();
    }
}
