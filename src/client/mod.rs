//! The client, which any number of threads may use, and the handles made from it.
#![forbid(unsafe_code)]

mod call;
pub mod callbacks;
mod called;
mod command;
pub mod dedicated;
pub mod evented;
mod events;
mod finish;
mod latest;
mod named;
pub mod pipeline;
pub mod pubsub;
pub mod script;
pub mod setup;
mod terms;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;

use crate::conn::Kept;
use crate::error::{Outcome, Result};
use crate::ongoing::Ongoing;
use crate::reply::Reply;
use crate::route::{Audience, Route, Servers, Whereto};
use crate::stats::{Counters, Stat};
use crate::transport::Deadline;

pub use call::{Call, Flags};
pub use callbacks::{Callback, Callbacks};
pub use dedicated::Dedicated;
pub use evented::{Completion, Evented};
pub use pipeline::Pipeline;
pub use pubsub::PubSub;
pub use script::Script;
pub use setup::{Listen, Setup};

/// A client. Cloning shares it.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    route: Route,
    setup: Setup,
    /// Copied when it changes: a command takes what it finds there when it begins. No lock, so none that a child of fork
    /// could find locked.
    callbacks: ArcSwap<Callbacks>,
    /// A callback was set at some time: where none ever was, nobody looks for one.
    has_callbacks: AtomicBool,
    counters: Counters,
    often: Often,
    ongoing: Ongoing,
    /// The server does not say whether it has a script: they are sent whole.
    scripts_go_whole: AtomicBool,
}

/// Options that every command asks for, looked up once.
struct Often {
    command_timeout_ms: i64,
    block_slack_ms: i64,
    push_bytes: u64,
    raw_shape: bool,
}

impl Client {
    /// A client with a pool of its own. Nothing is connected yet.
    pub fn new(setup: &Setup) -> Result<Client> {
        setup.check_share()?;
        Ok(Client::to(Servers::new(setup.dial()?), setup.clone()))
    }

    /// A client on a pool that it shares. Its options may not contradict the pool's.
    pub fn new_on(servers: &Servers, setup: &Setup) -> Result<Client> {
        setup.check_on(servers.home().dial().options())?;
        Ok(Client::to(servers.clone(), setup.clone()))
    }

    /// A client like this one, all of whose commands go to one of its servers.
    pub fn at(&self, target: Whereto<'_>) -> Result<Client> {
        let mut kept = self.kept();
        let patience = Deadline::after_ms(self.0.often.command_timeout_ms);
        let servers = self.0.route.servers().at(target, patience, &mut kept);
        self.show(kept);
        let mut setup = self.0.setup.clone();
        setup.callbacks = Callbacks::clone(&self.0.callbacks.load());
        let servers = servers.map_err(|error| error.with_outcome(Outcome::None))?;
        Ok(Client::to(servers, setup))
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
            stat => self.0.route.stat(stat),
        }
    }

    /// The servers that are known, as an array of maps. Only where none is known yet is one asked.
    pub fn servers(&self) -> Result<Reply> {
        let mut kept = self.kept();
        let listed = self.0.route.list(&self.0.setup.options, &mut kept);
        self.show(kept);
        listed.map_err(|error| error.with_outcome(Outcome::None))
    }

    /// What reads the replies.
    pub fn parser_name(&self) -> String {
        self.0.route.dial().parser_name()
    }

    /// Count what happened to a command: for this client, and for all on its pool together.
    fn count(&self, event: impl Fn(&Counters)) {
        event(&self.0.counters);
        event(self.0.route.counters());
    }

    fn to(servers: Servers, setup: Setup) -> Client {
        let callbacks = ArcSwap::from_pointee(setup.callbacks.clone());
        let route = Route::new(servers, &setup.options);
        let often = Often {
            command_timeout_ms: setup.options.command_timeout_ms(),
            raw_shape: setup.options.raw_shape(),
            // The pool's: a client's options with another value were refused, and those without one have its value.
            block_slack_ms: route.options().block_slack_ms(),
            push_bytes: route.options().limits().push_bytes,
        };
        let has_callbacks = AtomicBool::new(!setup.callbacks.is_empty());
        let (counters, ongoing) = (Counters::default(), Ongoing::new(setup.on_interrupt.clone()));
        let scripts_go_whole = AtomicBool::new(false);
        Client(Arc::new(Inner { route, setup, callbacks, has_callbacks, counters, often, ongoing, scripts_go_whole }))
    }

    /// Show what came unasked to who wants to see it. The connection has gone back.
    #[inline]
    fn show(&self, kept: Kept) {
        if self.0.setup.on_event.is_some() || self.0.setup.on_push.is_some() {
            self.show_all(kept);
        }
    }

    fn show_all(&self, mut kept: Kept) {
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
            events::tell(listener.as_ref(), &kept.take_notices());
        }
    }
}

impl Audience for Client {
    fn kept(&self) -> Kept {
        Kept::new(self.0.setup.on_push.is_some(), self.0.often.push_bytes).with_notices(self.0.setup.on_event.is_some())
    }

    fn show(&self, kept: Kept, again: bool) {
        if again {
            self.count(Counters::retried);
        }
        self.show(kept);
    }
}

#[cfg(test)]
mod tests;
