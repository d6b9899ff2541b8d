//! What a user does: commands on a client that any number of threads share.
#![forbid(unsafe_code)]

mod call;
pub mod callbacks;
mod called;
pub mod dedicated;
pub mod evented;
mod events;
pub mod pipeline;
pub mod pubsub;
pub mod script;
pub mod setup;
mod tries;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use crate::commands::{self, Blocking, Command, Shape};
use crate::conn::{Kept, Notice, Wait};
use crate::error::{Error, Outcome, Result, Status, head};
use crate::ongoing::{self, Ongoing};
use crate::pool::{Counters, Lease, Pool, Stat};
use crate::reply::Reply;
use crate::resp;
use crate::route::retry::{self, Retry};
use crate::transport::Deadline;

pub use call::{Call, Flags};
pub use callbacks::{Callback, Callbacks};
pub use dedicated::Dedicated;
pub use evented::{Completion, Evented};
pub use pipeline::Pipeline;
pub use pubsub::PubSub;
pub use script::Script;
pub use setup::{Listen, Setup};
use tries::{Tried, Tries};

/// A client. Cloning shares it.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    pool: Pool,
    setup: Setup,
    /// Copied when it changes: a command takes what it finds there when it begins. No lock, so none that a child of fork
    /// could find locked.
    callbacks: ArcSwap<Callbacks>,
    /// A callback was set at some time: where none ever was, nobody looks for one.
    has_callbacks: AtomicBool,
    counters: Counters,
    retry: Retry,
    often: Often,
    ongoing: Ongoing,
    /// The server does not say whether it has a script: they are sent whole.
    scripts_go_whole: AtomicBool,
}

/// Options that every command asks for, looked up once.
struct Often {
    command_timeout_ms: i64,
    block_slack_ms: i64,
    pool_wait_ms: i64,
    push_bytes: u64,
    raw_shape: bool,
}

/// What a caller wishes to have of a reply: a shape, or a callback of its own that is shown it as it came.
struct Wish {
    shape: Shape,
    callback: Option<Arc<dyn Callback>>,
}

impl Client {
    /// A client with a pool of its own. Nothing is connected yet.
    pub fn new(setup: &Setup) -> Result<Client> {
        let pool = Pool::new(setup.dial()?);
        Ok(Client::with_pool(pool, setup.clone()))
    }

    /// A client on a pool that it shares. Its options may not contradict the pool's.
    pub fn new_on(pool: &Pool, setup: &Setup) -> Result<Client> {
        setup.check_on(pool.dial().options())?;
        Ok(Client::with_pool(pool.clone(), setup.clone()))
    }

    /// End the waits of calls that were given this `call_data`, or of all, where it is NULL, and tell how many.
    pub fn wake(&self, call_data: *const ()) -> usize {
        self.0.ongoing.wake(call_data)
    }

    /// Run a call of this client's that was given this `call_data`: `wake` ends its waits.
    #[inline]
    pub fn during<T>(&self, call_data: *const (), body: impl FnOnce() -> T) -> T {
        self.0.ongoing.during(call_data, body)
    }

    /// The calls of a handle made from this client, none yet.
    pub fn ongoing(&self) -> Ongoing {
        Ongoing::new(self.0.setup.on_interrupt.clone())
    }

    /// Send one command and wait for its reply. A server's error is an error, unless the call asks for it as a reply.
    pub fn command(&self, args: &[&[u8]], call: &Call) -> Result<Reply> {
        self.during(call.call_data, || self.command_under_way(args, call))
    }

    fn command_under_way(&self, args: &[&[u8]], call: &Call) -> Result<Reply> {
        self.count(Counters::command);
        let mut tries = Tries::default();
        // Everything that has to be known of the command stands in one row, which is looked for once.
        let row = commands::find(args);
        let wish = self.wish_of(row, args, call);
        let replied = match row.filter(|row| row.connection_state().is_some()) {
            Some(row) => Err(row.misplaced("a client shares its connections")),
            None => self.command_to_the_wire(args, call, wish.shape, &self.wait_of(row, args, call), &mut tries),
        };
        let result = replied.and_then(|reply| self.finish(args, call, &wish, reply));
        result.map_err(|error| tries.tell(error)).inspect_err(|error| self.count(|counters| counters.failed(error)))
    }

    /// Set the response callback of a command, for this client alone; `None` restores.
    pub fn set_callback(&self, name: &[u8], callback: Option<Arc<dyn Callback>>) -> Result<()> {
        let original = || self.0.setup.callbacks.get(name).cloned();
        let callback = callback.or_else(original);
        // Another thread may change the table meanwhile: then this change is made again, to what it left.
        loop {
            let table = self.0.callbacks.load_full();
            let mut changed = Callbacks::clone(&table);
            changed.set(name, callback.clone())?;
            let before = self.0.callbacks.compare_and_swap(&table, Arc::new(changed));
            if Arc::ptr_eq(&before, &table) {
                self.0.has_callbacks.store(true, Ordering::Release);
                return Ok(());
            }
        }
    }

    /// One figure. `None`: it is not kept.
    pub fn stat(&self, stat: Stat) -> Option<i64> {
        match stat {
            Stat::Commands
            | Stat::Retries
            | Stat::Timeouts
            | Stat::Unknown
            | Stat::ErrorsCaller
            | Stat::ErrorsNetwork
            | Stat::ErrorsProtocol
            | Stat::ErrorsServer
            | Stat::ErrorsCallback
            | Stat::ErrorsInternal => self.0.counters.get(stat),
            stat => self.0.pool.stat(stat),
        }
    }

    /// What reads the replies.
    pub fn parser_name(&self) -> String {
        self.0.pool.dial().parser_name()
    }

    /// Count what happened to a command: for this client, and for all on its pool together.
    fn count(&self, event: impl Fn(&Counters)) {
        event(&self.0.counters);
        event(self.0.pool.counters());
    }

    fn with_pool(pool: Pool, setup: Setup) -> Client {
        let callbacks = ArcSwap::from_pointee(setup.callbacks.clone());
        let retry = Retry::new(&setup.options);
        let often = Often {
            command_timeout_ms: setup.options.command_timeout_ms(),
            block_slack_ms: setup.options.block_slack_ms(),
            // The pool's own: a client on it that says anything else was refused.
            raw_shape: setup.options.raw_shape(),
            pool_wait_ms: pool.dial().options().pool_wait_ms(),
            push_bytes: pool.dial().options().limits().push_bytes,
        };
        let has_callbacks = AtomicBool::new(!setup.callbacks.is_empty());
        let (counters, ongoing) = (Counters::default(), Ongoing::new(setup.on_interrupt.clone()));
        let scripts_go_whole = AtomicBool::new(false);
        Client(Arc::new(Inner {
            pool,
            setup,
            callbacks,
            has_callbacks,
            counters,
            retry,
            often,
            ongoing,
            scripts_go_whole,
        }))
    }

    /// What the caller wishes to have of the reply. It is decided here, when the call begins: what another thread sets
    /// meanwhile is for the next call.
    fn wish(&self, args: &[&[u8]], call: &Call) -> Wish {
        self.wish_of(commands::find(args), args, call)
    }

    /// The same for a command whose shape is known beforehand. None: what is wished for depends on more.
    #[inline]
    fn wish_without_arguments(&self, shape: Shape) -> Option<Wish> {
        let is_plain = !self.0.often.raw_shape && !self.0.has_callbacks.load(Ordering::Acquire);
        is_plain.then_some(Wish { shape, callback: None })
    }

    fn wish_of(&self, row: Option<&Command>, args: &[&[u8]], call: &Call) -> Wish {
        if call.flags.has(Flags::RAW) {
            return Wish { shape: Shape::KEEP, callback: None };
        }
        let callback = match self.0.has_callbacks.load(Ordering::Acquire) {
            true => self.0.callbacks.load().find(args).cloned(),
            false => None,
        };
        let shape = match callback.is_some() || self.0.often.raw_shape {
            true => Shape::KEEP,
            false => commands::shape_of(row, args),
        };
        Wish { shape, callback }
    }

    /// The reply as the server gave it, errors included, but in this shape.
    fn command_to_the_wire(
        &self,
        args: &[&[u8]],
        call: &Call,
        shape: Shape,
        wait: &Wait<'_>,
        tries: &mut Tries,
    ) -> Result<Reply> {
        self.tried(args, call, wait, tries, |lease, kept| {
            lease.submit(args, shape).and_then(|ticket| lease.reply_to(ticket, wait, kept))
        })
    }

    /// The reply that `ask` gets over a connection, tried again on others where nothing can run twice. `args` are those that
    /// are asked for it.
    #[inline(always)]
    fn tried(
        &self,
        args: &[&[u8]],
        call: &Call,
        wait: &Wait<'_>,
        tries: &mut Tries,
        mut ask: impl FnMut(&mut Lease, &mut Kept) -> Result<Reply>,
    ) -> Result<Reply> {
        resp::check(args).map_err(|error| error.with_outcome(Outcome::NotSent))?;
        self.0.retry.begin();
        loop {
            tries.count += 1;
            let attempts = tries.count;
            let mut kept = self.kept();
            let tried = self.try_once(args, wait, &mut kept, &mut ask);
            let again = self.again(args, call, &tried, attempts, wait);
            if let Some((pause, error)) = &again {
                self.count(Counters::retried);
                kept.notice(Notice::Retry {
                    command: wait.shown_name(),
                    attempts,
                    wait_ms: pause.as_millis() as i64,
                    error: error.clone(),
                });
            }
            self.show(kept);
            match (again, tried) {
                (Some((wait, error)), _) => {
                    tries.may_have_run |= error.outcome == Outcome::Unknown;
                    ongoing::pause(wait).map_err(|ended| ended.with_outcome(error.outcome))?;
                }
                (None, Ok(reply)) => return Ok(reply),
                (None, Err(Tried { error, .. })) => return Err(error),
            }
        }
    }

    /// Whether to try again, how long to wait before that, and what went wrong.
    fn again(
        &self,
        args: &[&[u8]],
        call: &Call,
        tried: &std::result::Result<Reply, Tried>,
        attempts: u32,
        wait: &Wait<'_>,
    ) -> Option<(Duration, Error)> {
        let error = match tried {
            Ok(reply) if !reply.is_error() => return None,
            Ok(reply) => server_error(args, reply),
            // The server had closed it while it rested, and no byte of the command left: nothing happened yet. Only
            // SHUTDOWN is never tried again: another server may have been started in the place of the one that has gone.
            Err(Tried { error, rested: true }) if error.outcome == Outcome::NotSent && error.status == Status::Io => {
                return (!commands::is_shutdown(args)).then(|| (Duration::ZERO, error.clone()));
            }
            Err(Tried { error, .. }) => error.clone(),
        };
        if call.flags.has(Flags::NO_RETRY) || !retry::may_repeat(args, call.flags.has(Flags::IDEMPOTENT), &error) {
            return None;
        }
        Some((self.0.retry.wait(attempts, wait.deadline)?, error))
    }

    #[inline(always)]
    fn try_once(
        &self,
        args: &[&[u8]],
        wait: &Wait<'_>,
        kept: &mut Kept,
        ask: &mut impl FnMut(&mut Lease, &mut Kept) -> Result<Reply>,
    ) -> std::result::Result<Reply, Tried> {
        let fresh = |error| Tried { error, rested: false };
        let mut lease = self.lease(wait, kept).map_err(fresh)?;
        let rested = lease.rested;
        let replied = ask(&mut lease, kept);
        // Back before any code of the caller's sees the reply; closed if anything went wrong.
        match replied {
            Ok(reply) => {
                lease.heed(args, &reply);
                lease.give_back();
                Ok(reply)
            }
            Err(error) => {
                kept.notice(Notice::lost(&lease, &error));
                Err(Tried { error, rested })
            }
        }
    }

    fn lease(&self, wait: &Wait<'_>, kept: &mut Kept) -> Result<Lease> {
        let now = Instant::now();
        if wait.deadline.had_passed(now) {
            let place = self.0.pool.dial().place();
            let text = format!(
                "{place}: pool: the {} ms allowed were over before a connection was asked for",
                wait.allowed_ms
            );
            return Err(Error::new(Status::Timeout, text).with_outcome(Outcome::NotSent));
        }
        self.0.pool.lease(now, wait.deadline, self.0.often.pool_wait_ms, kept)
    }

    /// What the caller gets: the reply that its callback makes, or the server's error.
    fn finish(&self, args: &[&[u8]], call: &Call, wish: &Wish, reply: Reply) -> Result<Reply> {
        if reply.is_error() {
            return match call.flags.has(Flags::ERROR_REPLY) {
                true => Ok(reply),
                false => Err(server_error(args, &reply)),
            };
        }
        let Some(callback) = &wish.callback else { return Ok(reply) };
        match callback.call(call.call_data, args, &reply) {
            Ok(made) => Ok(made.unwrap_or(reply)),
            Err(error) => Err(Error { attempts: 1, ..error.with_outcome(Outcome::Ran) }),
        }
    }

    /// Show what came unasked to who wants to see it. The connection has gone back.
    fn show(&self, mut kept: Kept) {
        self.tell(&mut kept);
        if let Some(listener) = &self.0.setup.on_push {
            while let Some(push) = kept.take() {
                listener.hear(&push);
            }
        }
    }

    #[inline]
    fn tell(&self, kept: &mut Kept) {
        if let Some(listener) = &self.0.setup.on_event {
            events::tell(listener.as_ref(), self.0.pool.dial().place(), &kept.take_notices());
        }
    }

    fn kept(&self) -> Kept {
        Kept::new(self.0.setup.on_push.is_some(), self.0.often.push_bytes).with_notices(self.0.setup.on_event.is_some())
    }

    fn wait<'a>(&self, args: &[&'a [u8]], call: &Call) -> Wait<'a> {
        self.wait_of(commands::find(args), args, call)
    }

    fn wait_of<'a>(&self, row: Option<&Command>, args: &[&'a [u8]], call: &Call) -> Wait<'a> {
        let allowed_ms = self.allowed_ms(row, args, call);
        Wait { deadline: Deadline::after_ms(allowed_ms), allowed_ms, name: args.first().copied().unwrap_or(b"") }
    }

    /// How long a command may take that never waits on the server.
    #[inline]
    fn allowed_ms_without_arguments(&self, call: &Call) -> i64 {
        if call.flags.has(Flags::TIMEOUT) { call.timeout_ms } else { self.0.often.command_timeout_ms }
    }

    /// How long a command may take.
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

/// The error that the server answered with, in its own words.
fn server_error(args: &[&[u8]], reply: &Reply) -> Error {
    let outcome = commands::error_outcome(args, reply.text());
    Error { attempts: 1, ..Error::new(Status::Server, head(reply.text())).with_outcome(outcome) }
}

#[cfg(test)]
mod tests;
