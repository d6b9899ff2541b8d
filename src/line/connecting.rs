//! Connecting and shaking hands, by the line or by its driver; restoring the subscriptions, and sending the held commands.

use std::time::Instant;

use crate::commands::Effect;
use crate::conn::{Connection, Notice, Stepped};
use crate::error::{Error, Outcome, Result, Status};
use crate::session::Asked;
use crate::transport::Step;

use super::held::Held;
use super::queueing::{asking, pass};
use super::{Came, Flow, NumberedLine, Stage, Transition, in_resp2};

impl NumberedLine {
    /// Connect and shake hands, without waiting.
    pub(super) fn connect(&mut self, now: Instant) {
        if let Some(mut stepped) = self.begin_connect(now) {
            let step = stepped.go_on();
            self.end_connect(stepped, step, now);
        }
    }

    /// Take the connect that is due or under way, for a driver that continues it without its lock. The driver gives the result
    /// back with `end_connect`, before it calls this again. None: no connect is due.
    pub fn begin_connect(&mut self, now: Instant) -> Option<Box<Stepped>> {
        match &mut self.stage {
            Stage::Open(_) => None,
            Stage::Opening(..) => match std::mem::take(&mut self.stage) {
                Stage::Opening(stepped, _) => Some(stepped),
                _ => None,
            },
            Stage::Down => self.is_connect_due(|| now).then(|| Box::new(Stepped::new(&self.dial, self.alone))),
        }
    }

    /// Take the result of one step of a connect.
    pub fn end_connect(&mut self, stepped: Box<Stepped>, step: Result<Step<Box<Connection>>>, now: Instant) {
        match step {
            Ok(Step::Done(connection)) => self.opened(connection, now),
            Ok(Step::Wait(awaited)) => self.stage = Stage::Opening(stepped, Some(awaited)),
            Err(error) => self.could_not_open(error, now),
        }
    }

    /// Whether a connect is to begin now.
    pub fn is_connect_due(&self, now: impl FnOnce() -> Instant) -> bool {
        let is_down = matches!(self.stage, Stage::Down) && !self.is_idle();
        is_down && self.retry_at.is_none_or(|moment| moment <= now())
    }

    /// The handshake is done: restore the subscriptions, and send the held commands.
    pub fn opened(&mut self, mut connection: Box<Connection>, now: Instant) {
        self.changes.push_back(Transition::Opened { notice: Notice::connected(&connection) });
        if self.alone {
            connection.session_mut().give_null_patterns();
        }
        self.patience.start_anew();
        self.arrivals = self.arrivals.wrapping_add(1);
        self.flow = Flow { may_read: true, ..Flow::default() };
        (self.last_failure, self.heard) = (None, Some(now));
        let resumed = self.resume(&mut connection, now);
        self.stage = Stage::Open(connection);
        match resumed {
            Ok(()) => self.tell_gap_if_settled(&|| now),
            Err(error) => {
                // No command fails with this error on a line without commands, so the driver is told.
                let is_told = self.alone && error.status == Status::Memory;
                self.lost(error, now);
                if is_told && let Some(error) = self.last_failure.clone() {
                    self.report_to_subscriber(&error);
                }
            }
        }
    }

    /// Restore the subscriptions, and send the held commands.
    fn resume(&mut self, connection: &mut Connection, now: Instant) -> Result<()> {
        if self.hears_in_resp2() && !connection.session().is_resp3() {
            // The server takes no other command beside subscriptions there: those that wait were accepted before them.
            self.send_all_held(connection, now, |line, held| !line.subscribes(held))?;
        }
        self.subscribe_again(connection, now)?;
        self.send_all_held(connection, now, |_, _| true)
    }

    /// Send the held commands, up to the first that is not to be sent yet.
    fn send_all_held(
        &mut self,
        connection: &mut Connection,
        now: Instant,
        is_due: impl Fn(&Self, &Held) -> bool,
    ) -> Result<()> {
        while let Some(held) = self.held.pop_front() {
            let sent = if is_due(self, &held) { self.send_held(connection, &held, now) } else { Ok(false) };
            if !matches!(sent, Ok(true)) {
                // It stays held, for the next connection where this one has failed.
                self.held.push_front(held);
                return sent.map(drop);
            }
        }
        Ok(())
    }

    /// Whether this held command changes subscriptions.
    fn subscribes(&self, held: &Held) -> bool {
        self.waiting.get(held.asker.token).is_some_and(|waiting| waiting.subscription.is_some())
    }

    /// Give a held command to the session. True: it is held no more.
    fn send_held(&mut self, connection: &mut Connection, held: &Held, now: Instant) -> Result<bool> {
        let hears = self.hears_in_resp2();
        let session = connection.session_mut();
        let subscription = self.waiting.get(held.asker.token).and_then(|waiting| waiting.subscription.as_deref());
        if subscription.is_some() && !hears && !session.is_resp3() {
            if self.waiting.take(held.asker.token).is_some() {
                let error = in_resp2().with_outcome(Outcome::NotSent);
                self.came.push_back(Came::Failed(held.asker.token, Box::new(error)));
            }
            return Ok(true);
        }
        if held.asking {
            session.submit(asking())?;
            self.patience.more(1, now);
        }
        let effect = subscription.map_or(Effect::None, |subscription| subscription.effect);
        let asked = Asked::encoded(&held.bytes, effect, held.shape).by(held.asker);
        pass(&mut self.subscriptions, subscription, session, asked)?;
        Ok(true)
    }

    /// The driver cannot poll the descriptor: fail the connection.
    pub fn fail(&mut self, error: Error, now: Instant) {
        match self.stage {
            Stage::Opening(..) => self.could_not_open(error, now),
            _ => self.lost(error, now),
        }
    }
}
