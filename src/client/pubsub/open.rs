//! The connection of a subscriber while it is one: read when something is there, and asked now and then whether it lives.

use std::thread;
use std::time::{Duration, Instant};

use crate::commands::Shape;
use crate::conn::Connection;
use crate::error::{Error, Result, Status};
use crate::limits::HEALTH_MS_MIN;
use crate::session::Ticket;
use crate::transport::Deadline;
use crate::transport::poller::Poller;

use super::line::{Rules, Todo};

/// An open connection, and what is known of its peer's being there.
pub(super) struct Open {
    pub(super) connection: Box<Connection>,
    /// It has confirmed something, or brought a message.
    pub(super) has_served: bool,
    /// When something was last heard.
    pub(super) heard: Instant,
    /// A PING that is not answered, and when it was asked.
    pub(super) ping: Option<(Ticket, Instant)>,
    /// The poller shows when it can be read.
    pub(super) watched: bool,
    /// The poller shows when it can be written to.
    watched_for_writing: bool,
    /// The last read moved nothing.
    pub(super) dry: bool,
    /// How many reads in a row moved nothing where the descriptor promised something.
    vain: u32,
}

impl Open {
    pub(super) fn new(connection: Box<Connection>) -> Open {
        Open {
            connection,
            has_served: false,
            heard: Instant::now(),
            ping: None,
            watched: false,
            watched_for_writing: false,
            dry: false,
            vain: 0,
        }
    }

    /// Let the poller show what is of use: that there is something to read, and, where bytes wait, that they can go on.
    pub(super) fn watch(&mut self, poller: &Poller) {
        let Some(fd) = self.connection.fd() else { return };
        let blocked = self.connection.is_blocked();
        if !self.watched || self.watched_for_writing != blocked {
            // What cannot be watched, as a file of the caller's, is read now and then.
            self.watched = poller.watch(fd, true, blocked).is_ok();
            self.watched_for_writing = blocked;
        }
    }

    /// Do what can be done at once. `looked` is used up by a read.
    pub(super) fn step(&mut self, poller: &Poller, rules: &Rules, looked: &mut Option<bool>) -> Result<Todo> {
        if let Err(error) = self.connection.hand_over_now() {
            // A peer that no longer takes anything may have said something before.
            return if self.read(0)? { Ok(Todo::Again) } else { Err(error) };
        }
        self.watch(poller);
        let hidden = self.connection.is_pending() || (self.connection.is_foreign() && !self.dry);
        if hidden || *looked == Some(true) {
            let promised = *looked == Some(true);
            *looked = None;
            if self.read(0)? {
                self.vain = 0;
                return Ok(Todo::Again);
            }
            self.vain = if promised { self.vain.saturating_add(1) } else { self.vain };
            if self.vain > VAIN_MAX {
                thread::sleep(PAUSE); // A descriptor that claims to be ready, and moves nothing.
            }
        }
        let mut until = self.liveness(rules);
        if until.has_passed() {
            // What it said meanwhile may lie there unread: nobody is called silent before that was looked at.
            if self.watched && looked.is_none() {
                return Ok(self.wait(Deadline::after_ms(0)));
            }
            if !self.watched && self.read(0)? {
                return Ok(Todo::Again);
            }
            self.ask_or_give_up(rules)?;
            until = self.liveness(rules);
        }
        Ok(self.wait(until))
    }

    /// Read once. False: nothing was there.
    pub(super) fn read(&mut self, timeout_ms: i64) -> Result<bool> {
        let moved = self.connection.read_now(timeout_ms)?;
        self.dry = !moved;
        if moved {
            self.heard = Instant::now();
        }
        Ok(moved)
    }

    /// When silence will have lasted for so long that something must be done.
    pub(super) fn liveness(&self, rules: &Rules) -> Deadline {
        match self.ping {
            Some((_, asked)) => after(self.heard.max(asked), rules.answer_ms),
            None if rules.health_ms == 0 => after(self.heard, HEALTH_MS_MIN),
            None => after(self.heard, rules.health_ms),
        }
    }

    fn ask_or_give_up(&mut self, rules: &Rules) -> Result<()> {
        if self.ping.is_some() {
            let text = format!("the server did not answer PING within {} ms", rules.answer_ms);
            return Err(Error::new(Status::Timeout, text));
        }
        let ticket = self.connection.submit(&[b"PING"], Shape::KEEP)?;
        self.ping = Some((ticket, Instant::now()));
        // That it cannot be written is found by the next step.
        let _ = self.connection.hand_over_now();
        Ok(())
    }

    fn wait(&self, until: Deadline) -> Todo {
        if self.watched { Todo::Wait(until) } else { Todo::WaitByReading(until) }
    }
}

/// So long after that moment; never, where the time is negative.
fn after(moment: Instant, ms: i64) -> Deadline {
    let moment = u64::try_from(ms).ok().and_then(|ms| moment.checked_add(Duration::from_millis(ms)));
    moment.map_or(Deadline::never(), Deadline::at)
}

/// How often a descriptor may promise something in vain, before each time costs a rest; and how long.
const VAIN_MAX: u32 = 16;
const PAUSE: Duration = Duration::from_millis(1);
