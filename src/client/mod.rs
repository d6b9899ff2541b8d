//! What a user does: commands on a client that any number of threads share.
#![forbid(unsafe_code)]

pub mod callbacks;
pub mod dedicated;
pub mod setup;

use std::sync::Arc;

use parking_lot::RwLock;

use crate::commands;
use crate::conn::{Kept, Wait};
use crate::error::{Error, Outcome, Result, Status};
use crate::pool::{Counters, Lease, Pool, Stat};
use crate::reply::Reply;
use crate::resp;
use crate::transport::Deadline;

pub use callbacks::{Callback, Callbacks};
pub use dedicated::Dedicated;
pub use setup::{Listen, Setup};

/// A client. Cloning shares it.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    pool: Pool,
    setup: Setup,
    /// Copied when it changes: a command takes the table as it is when its reply has come.
    callbacks: RwLock<Arc<Callbacks>>,
    counters: Counters,
    often: Often,
}

/// Options that every command asks for, looked up once.
struct Often {
    command_timeout_ms: i64,
    pool_wait_ms: i64,
    push_bytes: u64,
}

/// How one call wishes to be treated.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// What is different from the ordinary.
    pub flags: Flags,
    /// How long it may take, where the flags say that it counts.
    pub timeout_ms: i64,
    /// Handed on to the response callback.
    pub call_data: *mut (),
}

/// Flags of one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u32);

impl Client {
    /// A client with a pool of its own. Nothing is connected yet.
    pub fn new(setup: &Setup) -> Result<Client> {
        let pool = Pool::new(setup.dial()?);
        Ok(Client::with_pool(pool, setup.clone()))
    }

    /// A client on a pool that it shares. Its options may not contradict the pool's.
    pub fn new_on(pool: &Pool, setup: &Setup) -> Result<Client> {
        if let Some(key) = setup.options.conflict(pool.dial().options()) {
            let text = format!("{}: the pool was made with another value", key.name());
            return Err(Error::new(Status::Config, text));
        }
        let foreign = match (&setup.transport, &setup.parser) {
            (Some(_), _) => Some("transport"),
            (_, Some(_)) => Some("parser"),
            _ => None,
        };
        if let Some(what) = foreign {
            let text = format!("{what}: it belongs to the pool's options, not to those of a client on it");
            return Err(Error::new(Status::Config, text));
        }
        Ok(Client::with_pool(pool.clone(), setup.clone()))
    }

    /// Send one command and wait for its reply. A server's error is an error, unless the call asks for it as a reply.
    pub fn command(&self, args: &[&[u8]], call: &Call) -> Result<Reply> {
        self.0.counters.command();
        let result = self.command_to_the_wire(args, call).and_then(|reply| self.finish(args, call, reply));
        result.inspect_err(|error| self.0.counters.failed(error))
    }

    /// Set the response callback of a command, for this client alone; `None` restores.
    pub fn set_callback(&self, name: &[u8], callback: Option<Arc<dyn Callback>>) -> Result<()> {
        // The function that was replaced is dropped, and with it perhaps freed by the caller's code, outside the lock.
        let replaced;
        let table;
        {
            let mut callbacks = self.0.callbacks.write();
            let mut changed = Callbacks::clone(&callbacks);
            replaced = match callback {
                None => changed.restore(name, &self.0.setup.callbacks)?,
                some => changed.set(name, some)?,
            };
            table = std::mem::replace(&mut *callbacks, Arc::new(changed));
        }
        drop((replaced, table));
        Ok(())
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

    fn with_pool(pool: Pool, setup: Setup) -> Client {
        let callbacks = RwLock::new(Arc::new(setup.callbacks.clone()));
        let often = Often {
            command_timeout_ms: setup.options.command_timeout_ms(),
            // The pool's own: a client on it that says anything else was refused.
            pool_wait_ms: pool.dial().options().pool_wait_ms(),
            push_bytes: pool.dial().options().limits().push_bytes,
        };
        Client(Arc::new(Inner { pool, setup, callbacks, counters: Counters::default(), often }))
    }

    /// The reply as the server gave it, errors included.
    fn command_to_the_wire(&self, args: &[&[u8]], call: &Call) -> Result<Reply> {
        if let Some(name) = commands::connection_state(args) {
            return Err(not_for_a_client(name));
        }
        resp::check(args).map_err(|error| error.with_outcome(Outcome::NotSent))?;
        let wait = self.wait(args, call);
        let mut attempts = 0;
        loop {
            attempts += 1;
            let mut kept = self.kept();
            let tried = self.try_once(args, &wait, &mut kept);
            self.show(kept);
            match tried {
                Ok(reply) => return Ok(reply),
                // The server had closed it while it rested, and no byte of the command left: nothing happened yet.
                Err(Tried { error, rested: true })
                    if error.outcome == Outcome::NotSent && error.status == Status::Io =>
                {
                    self.0.counters.retried();
                }
                Err(Tried { error, .. }) => return Err(Error { attempts, ..error }),
            }
        }
    }

    fn try_once(&self, args: &[&[u8]], wait: &Wait<'_>, kept: &mut Kept) -> std::result::Result<Reply, Tried> {
        let fresh = |error| Tried { error, rested: false };
        let mut lease = self.lease(wait, kept).map_err(fresh)?;
        let rested = lease.rested;
        let replied = lease.submit(args).and_then(|ticket| lease.reply_to(ticket, wait, kept));
        // Back before any code of the caller's sees the reply; closed if anything went wrong.
        match replied {
            Ok(reply) => {
                lease.give_back();
                Ok(reply)
            }
            Err(error) => Err(Tried { error, rested }),
        }
    }

    fn lease(&self, wait: &Wait<'_>, kept: &mut Kept) -> Result<Lease> {
        if wait.deadline.has_passed() {
            let text = format!("{}: pool: the time allowed is 0 ms", self.0.pool.dial().place());
            return Err(Error::new(Status::Timeout, text).with_outcome(Outcome::NotSent));
        }
        self.0.pool.lease(wait.deadline, self.0.often.pool_wait_ms, kept)
    }

    /// What the caller gets: the reply that its callback makes, or the server's error.
    fn finish(&self, args: &[&[u8]], call: &Call, reply: Reply) -> Result<Reply> {
        if reply.is_error() {
            return match call.flags.has(Flags::ERROR_REPLY) {
                true => Ok(reply),
                false => Err(server_error(args, &reply)),
            };
        }
        if call.flags.has(Flags::RAW) {
            return Ok(reply);
        }
        let table = Arc::clone(&self.0.callbacks.read());
        let Some(callback) = table.find(args) else { return Ok(reply) };
        match callback.call(call.call_data, args, &reply) {
            Ok(made) => Ok(made.unwrap_or(reply)),
            Err(error) => Err(Error { attempts: 1, ..error.with_outcome(Outcome::Ran) }),
        }
    }

    /// Show what came unasked to who wants to see it. The connection has gone back.
    fn show(&self, mut kept: Kept) {
        let Some(listener) = &self.0.setup.on_push else { return };
        while let Some(push) = kept.take() {
            listener.hear(&push);
        }
    }

    fn kept(&self) -> Kept {
        Kept::new(self.0.setup.on_push.is_some(), self.0.often.push_bytes)
    }

    fn wait<'a>(&self, args: &[&'a [u8]], call: &Call) -> Wait<'a> {
        let allowed_ms = match call.flags.has(Flags::TIMEOUT) {
            true => call.timeout_ms,
            false => self.0.often.command_timeout_ms,
        };
        Wait { deadline: Deadline::after_ms(allowed_ms), allowed_ms, name: args.first().copied().unwrap_or(b"") }
    }
}

/// A try that failed, and whether its connection had rested before.
struct Tried {
    error: Error,
    rested: bool,
}

impl Default for Call {
    fn default() -> Self {
        Call { flags: Flags::default(), timeout_ms: 0, call_data: std::ptr::null_mut() }
    }
}

impl Flags {
    /// No response callback.
    pub const RAW: Flags = Flags(1);
    /// May be run twice.
    pub const IDEMPOTENT: Flags = Flags(2);
    /// Not tried again.
    pub const NO_RETRY: Flags = Flags(4);
    /// The call's own time counts.
    pub const TIMEOUT: Flags = Flags(8);
    /// A server's error is a reply.
    pub const ERROR_REPLY: Flags = Flags(16);
    /// On a connection of its own.
    pub const ALONE: Flags = Flags(32);
    const ALL: u32 = 63;

    /// These bits, if every one is known.
    pub fn checked(bits: u32) -> Result<Flags> {
        match bits & !Flags::ALL {
            0 => Ok(Flags(bits)),
            unknown => {
                let text = format!("flags: the bits {unknown:#x} are not those of any flag");
                Err(Error::new(Status::Argument, text).with_outcome(Outcome::NotSent))
            }
        }
    }

    /// Whether this flag is among them.
    pub fn has(self, flag: Flags) -> bool {
        self.0 & flag.0 != 0
    }
}

fn not_for_a_client(name: &str) -> Error {
    let text =
        format!("{name} changes the connection it runs on, and a client shares its connections: use an rredis_conn");
    Error::new(Status::Argument, text).with_outcome(Outcome::NotSent)
}

/// The error that the server answered with, in its own words.
fn server_error(args: &[&[u8]], reply: &Reply) -> Error {
    let outcome = commands::error_outcome(args, reply.text());
    Error { attempts: 1, ..Error::new(Status::Server, reply.text()).with_outcome(outcome) }
}
