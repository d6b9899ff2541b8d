//! Publish and subscribe: a connection of its own, whose messages are asked for, by one thread at a time, while others
//! subscribe, unsubscribe, publish and wake it.
//!
//! ```text
//!  mod        the handle: what any thread may do at any time
//!  reading    the waiting, done by one thread at a time
//!  line       what is wanted, the connection for it, and what it brought: what the lock guards
//!  open       one connection: read when something is there, asked whether it lives
//!  handlers   functions of the program's, by name
//!  message    what is given: one shape in both protocols
//! ```

mod handlers;
mod line;
pub(super) mod message;
mod open;
mod reading;

use std::os::fd::RawFd;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::commands::Topic;
use crate::conn::Stepped;
use crate::error::{Error, Outcome, Result, Status};
use crate::ongoing::Ongoing;
use crate::process::Process;
use crate::resp;
use crate::sync::Mutex;
use crate::transport::Deadline;
use crate::transport::poller::Poller;

use super::{Call, Client, Flags, Listen, events};
use handlers::Handlers;
use line::{Line, Rules, Told};

/// A subscriber.
pub struct PubSub {
    client: Client,
    /// The process that made it: a child of fork shares its descriptors and may use none of them.
    process: Process,
    poller: Poller,
    /// Held for short pieces of work, never while anything is waited for.
    line: Mutex<Line>,
    handlers: Handlers,
    /// Somebody waits for messages.
    reading: AtomicBool,
    /// Somebody opens a connection.
    connecting: AtomicBool,
    /// The connection on its way, for who opens it. No function of the program's runs under the other lock for it.
    opening: Mutex<Option<Box<Stepped>>>,
    /// The present wait is to end, or else the next.
    woken: AtomicBool,
    /// Its waits, of which the program may be asked whether they shall go on.
    ongoing: Ongoing,
}

/// The right to do what one thread does at a time. Dropped, another may.
struct Turn<'p>(&'p AtomicBool);

impl PubSub {
    /// A subscriber of this client's server. It connects to nothing yet.
    pub fn new(client: &Client) -> Result<PubSub> {
        let dial = client.0.route.dial().options();
        let command_ms = client.0.often.command_timeout_ms;
        let rules = Rules {
            health_ms: dial.health_check_ms(),
            answer_ms: if command_ms < 0 { dial.connect_timeout_ms() } else { command_ms },
            confirmations: client.0.setup.options.pubsub_confirmations(),
        };
        Ok(PubSub {
            client: client.clone(),
            process: Process::current(),
            poller: Poller::new()?,
            line: Mutex::new(Line::new(rules)),
            handlers: Handlers::default(),
            reading: AtomicBool::new(false),
            connecting: AtomicBool::new(false),
            opening: Mutex::new(None),
            woken: AtomicBool::new(false),
            ongoing: client.ongoing(),
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
        let connected = match Turn::take(&self.connecting) {
            Some(_turn) => self.connect_at_first(),
            None => Ok(()),
        };
        if connected.is_err() {
            // Who waits may have seen that somebody connects, and has to do so now.
            self.line.lock().ring(&self.poller);
        }
        connected?;
        self.line.lock().ask(&self.poller, topic, true, names)
    }

    /// Unsubscribe from these names, or, where there are none, from all of the topic.
    pub fn unsubscribe(&self, topic: Topic, names: &[&[u8]]) -> Result<()> {
        self.enter()?;
        self.line.lock().ask(&self.poller, topic, false, names)
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
        if !self.line.lock().is_unmade() {
            return Ok(());
        }
        let opened = self.ongoing.during(ptr::null(), || self.client.0.route.dial().open(Deadline::never()));
        let (opened, told) = {
            let mut line = self.line.lock();
            line.ring(&self.poller);
            (line.opened(&self.poller, &self.client, Box::new(opened?)), line.take_told())
        };
        self.tell(told);
        opened
    }

    /// What every call looks at first.
    fn enter(&self) -> Result<()> {
        self.refuse_foreign()?;
        self.client.0.route.dial().refuse_reentry()
    }

    fn refuse_foreign(&self) -> Result<()> {
        match self.process == Process::current() {
            true => Ok(()),
            false => Err(Error::new(Status::Forked, "the pubsub belongs to the process that made it")),
        }
    }

    /// Call the functions of the program's for what happened and what came unasked. No lock is held.
    fn tell(&self, told: Told) {
        let setup = &self.client.0.setup;
        if let Some(listener) = &setup.on_event {
            events::tell(listener.as_ref(), &told.notices);
        }
        if let Some(listener) = &setup.on_push {
            told.pushes.iter().for_each(|push| listener.hear(push));
        }
    }
}

impl Drop for PubSub {
    fn drop(&mut self) {
        if self.refuse_foreign().is_ok() {
            self.poller.disband();
            self.line.get_mut().close(&self.client);
            return;
        }
        // In a child of fork: a thread of the parent's may have been changing what a lock guarded. The rest only closes.
        self.handlers.forget_if_locked();
        if self.opening.is_locked() {
            std::mem::forget(self.opening.get_mut().take());
        }
        if self.line.is_locked() {
            let abandoned = std::mem::replace(self.line.get_mut(), Line::new(Rules::default()));
            std::mem::forget(abandoned);
        }
    }
}

impl Turn<'_> {
    fn take(flag: &AtomicBool) -> Option<Turn<'_>> {
        let free = flag.compare_exchange(false, true, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        free.then(|| Turn(flag))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}
