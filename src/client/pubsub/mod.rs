//! Publish and subscribe: a connection of its own, whose messages are asked for, by one thread at a time, while others
//! subscribe, unsubscribe, publish and wake it.
//!
//! ```text
//!  mod        the handle: what any thread may do at any time
//!  reading    the waiting, done by one thread at a time
//!  guarded    what the lock guards: a line on which nothing but subscriptions are asked for
//!  among      the same, where there are many servers
//!  beside     the lines to servers of shard channels
//!  by_slot    their names, in lists of one slot each
//!  looking    what a line brings
//!  handlers   functions of the program's, by name
//!  message    what is given: one shape in both protocols
//! ```

mod among;
mod beside;
mod by_slot;
mod guarded;
mod handlers;
mod looking;
pub(super) mod message;
mod reading;

use std::os::fd::RawFd;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::commands::Topic;
use crate::conn::{Connection, Dial, Wait};
use crate::error::{Error, Outcome, Result, Status};
use crate::ongoing::Ongoing;
use crate::process::Process;
use crate::resp;
use crate::sync::Mutex;
use crate::transport::Deadline;
use crate::transport::poller::Poller;

use super::{Audience, Call, Client, Flags, Listen, events};
use guarded::Guarded;
use handlers::Handlers;
use looking::News;

/// A subscriber.
pub struct PubSub {
    client: Client,
    /// The process that made it: a child of fork shares its descriptors and may use none of them.
    process: Process,
    poller: Poller,
    /// Held for short pieces of work, never while anything is waited for.
    guarded: Mutex<Guarded>,
    handlers: Handlers,
    /// Somebody waits for messages.
    reading: AtomicBool,
    /// Somebody opens a connection. No function of the program's runs under the lock for that.
    connecting: AtomicBool,
    /// The present wait is to end, or else the next.
    woken: AtomicBool,
    /// Its waits, of which the program may be asked whether they shall go on.
    ongoing: Ongoing,
    is_of_cluster: bool,
}

/// The right to do what one thread does at a time. Dropped, another may.
struct ReadingTurn<'p>(&'p AtomicBool);

impl PubSub {
    /// A subscriber of this client's server. It connects to nothing yet.
    pub fn new(client: &Client) -> Result<PubSub> {
        Ok(PubSub {
            client: client.clone(),
            process: Process::current(),
            poller: Poller::new()?,
            guarded: Mutex::new(Guarded::new(client)),
            handlers: Handlers::default(),
            reading: AtomicBool::new(false),
            connecting: AtomicBool::new(false),
            woken: AtomicBool::new(false),
            ongoing: client.ongoing(),
            is_of_cluster: client.0.route.is_cluster(),
        })
    }

    /// Subscribe to these names. The first to do so connects.
    pub fn subscribe(&self, topic: Topic, names: &[&[u8]]) -> Result<()> {
        self.enter()?;
        if names.is_empty() {
            return Err(Error::new(Status::Argument, "argc is 0: there is at least one name to subscribe to"));
        }
        resp::check(names)?;
        // Who subscribes first is told what is wrong with the server. Where somebody connects already, it is noted.
        let connected = match ReadingTurn::take(&self.connecting) {
            Some(_turn) if self.is_of_cluster => self.connect_among(topic, names),
            Some(_turn) => self.connect_at_first(),
            None => Ok(()),
        };
        if connected.is_err() {
            // Who waits may have seen that somebody connects, and has to do so now.
            self.guarded.lock().ring(&self.poller);
        }
        connected?;
        self.guarded.lock().ask(&self.poller, topic, true, names)
    }

    /// Unsubscribe from these names, or, where there are none, from all of the topic.
    pub fn unsubscribe(&self, topic: Topic, names: &[&[u8]]) -> Result<()> {
        self.enter()?;
        self.guarded.lock().ask(&self.poller, topic, false, names)
    }

    /// Show messages of this name to `handler`, in place of any other; None: to nobody.
    pub fn on(&self, topic: Topic, name: &[u8], handler: Option<Arc<dyn Listen>>) -> Result<()> {
        self.enter()?;
        self.handlers.set(topic, name, handler)
    }

    /// Publish on a connection of the pool; how many received it.
    pub fn publish(&self, channel: &[u8], message: &[u8]) -> Result<i64> {
        self.enter()?;
        let call = Call { flags: Flags::RAW, ..Call::default() };
        let reply = self.client.command(&[b"PUBLISH", channel, message], &call)?;
        reply.view().integer().ok_or_else(|| {
            Error::new(Status::Protocol, "PUBLISH was answered with something else").with_outcome(Outcome::Ran)
        })
    }

    /// The descriptor that is readable when `next` would not wait. None, in a child of fork.
    pub fn fd(&self) -> Option<RawFd> {
        self.refuse_foreign().ok().map(|()| self.poller.fd())
    }

    /// End the present wait of another thread, or else the next wait.
    pub fn wake(&self) {
        if self.refuse_foreign().is_ok() {
            self.woken.store(true, Ordering::SeqCst);
            self.poller.ring();
        }
    }

    /// Connect, if that was never done. Whoever waits meanwhile hears when it is.
    fn connect_at_first(&self) -> Result<()> {
        if !self.guarded.lock().is_untried() {
            return Ok(());
        }
        let (dial, connection) = self.ongoing.during(ptr::null(), || self.open())?;
        let told = {
            let mut guarded = self.guarded.lock();
            guarded.opened(&self.poller, dial, connection);
            guarded.take_told()
        };
        self.tell(told);
        Ok(())
    }

    fn open(&self) -> Result<(Dial, Connection)> {
        let route = &self.client.0.route;
        let mut dial = route.dial().clone();
        if route.is_named() {
            let allowed_ms = self.client.0.often.command_timeout_ms;
            let wait = Wait { deadline: Deadline::after_ms(allowed_ms), allowed_ms, name: b"SUBSCRIBE" };
            let mut kept = self.client.kept();
            let leased = route.lease(&wait, &mut kept);
            dial = route.named_now(false, Instant::now(), &mut kept).unwrap_or(dial);
            self.client.show(kept);
            leased?.give_back();
        }
        let connection = dial.open(Deadline::never())?;
        Ok((dial, connection))
    }

    /// What every call looks at first.
    #[inline(always)]
    fn enter(&self) -> Result<()> {
        self.refuse_foreign()?;
        self.client.0.route.dial().refuse_reentry()
    }

    #[inline(always)]
    fn refuse_foreign(&self) -> Result<()> {
        match self.process == Process::current() {
            true => Ok(()),
            false => Err(Error::new(Status::Forked, "the pubsub belongs to the process that made it")),
        }
    }

    /// Call the functions of the program's for what happened and what came unasked. No lock is held.
    fn tell(&self, told: Option<News>) {
        let Some(News { notices, pushes, over }) = told else { return };
        // They are counted as they are closed: whoever is told of one finds it in the statistics.
        drop(over);
        let setup = &self.client.0.setup;
        if let Some(listener) = &setup.on_event {
            events::tell(listener.as_ref(), &notices);
        }
        if let Some(listener) = &setup.on_push {
            pushes.iter().for_each(|push| listener.hear(push));
        }
    }
}

impl Drop for PubSub {
    fn drop(&mut self) {
        if self.refuse_foreign().is_ok() {
            self.poller.disband();
            self.guarded.get_mut().close(&self.poller);
            return;
        }
        // In a child of fork: a thread of the parent's may have been changing what a lock guarded. The rest only closes.
        self.handlers.forget_if_locked();
        if self.guarded.is_locked() {
            let abandoned = std::mem::replace(self.guarded.get_mut(), Guarded::new(&self.client));
            std::mem::forget(abandoned);
        }
    }
}

impl ReadingTurn<'_> {
    fn take(flag: &AtomicBool) -> Option<ReadingTurn<'_>> {
        let free = flag.compare_exchange(false, true, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        free.then(|| ReadingTurn(flag))
    }
}

impl Drop for ReadingTurn<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}
