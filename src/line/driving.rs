//! Connect, shake hands, write and read, without waiting.

use std::time::Instant;

use crate::commands::{Effect, Shape};
use crate::conn::{Connection, Notice, Read, Stepped};
use crate::error::{Error, Outcome, Result, Status};
use crate::reply::Reply;
use crate::session::{Asked, Event, Ticket, Token};
use crate::transport::Step;

use super::held::Held;
use super::{Came, Change, Flow, Line, Polled, Stage, in_resp2, pass};

impl<T> Line<T> {
    /// Connect, shake hands and write.
    pub(super) fn drive(&mut self, now: Instant) {
        self.leave_if_settled(now);
        self.check_on_server(now);
        loop {
            let rests = self.is_idle() || self.retry_at.is_some_and(|moment| now < moment);
            match &mut self.stage {
                Stage::Open(_) => {
                    if self.read_before_first_command(now) {
                        self.write();
                    }
                    return;
                }
                Stage::Opening(stepped, awaited) => match stepped.go_on() {
                    Ok(Step::Done(connection)) => self.opened(connection, now),
                    Ok(Step::Wait(waits)) => {
                        *awaited = Some(waits);
                        return;
                    }
                    Err(error) => return self.could_not_open(error, now),
                },
                Stage::Down if rests => return,
                Stage::Down => match Stepped::begin(&self.dial) {
                    Ok(stepped) => self.stage = Stage::Opening(Box::new(stepped), None),
                    Err(error) => return self.could_not_open(error, now),
                },
            }
        }
    }

    /// Look for a complete reply or push in the bytes read, and otherwise read once.
    pub(super) fn poll_and_read(&mut self, now: impl Fn() -> Instant + Copy) -> Polled<T> {
        let Stage::Open(connection) = &mut self.stage else { return Polled::Nothing };
        match connection.poll() {
            Ok(Some(Event::Reply { ticket, token, reply })) => match self.answered(ticket, token, reply, now) {
                Some(came) => Polled::Came(came),
                None => Polled::Again,
            },
            Ok(Some(push)) => {
                self.handle_push(push, now);
                Polled::Again
            }
            Ok(None) => match self.read(now) {
                true => Polled::Again,
                false => Polled::Nothing,
            },
            Err(error) => {
                self.lost(error, now());
                Polled::Again
            }
        }
    }

    /// A reply arrived. None: its command has completed before.
    fn answered(
        &mut self,
        ticket: Ticket,
        token: Token,
        reply: Reply,
        now: impl FnOnce() -> Instant,
    ) -> Option<Came<T>> {
        // A reply proves that the server serves.
        self.failures = 0;
        match self.waiting.take(token) {
            Some(waiting) if waiting.subscription.is_none() => Some(Came::Reply(waiting.token, reply)),
            waiting => self.subscription_answered(waiting, Event::Reply { ticket, token, reply }, now()),
        }
    }

    /// Read once. False: nothing has arrived, or the rest is for the next round.
    pub(super) fn read(&mut self, now: impl FnOnce() -> Instant) -> bool {
        let Stage::Open(connection) = &mut self.stage else { return false };
        if !self.flow.may_read {
            return false;
        }
        self.flow.is_cut = !self.flow.turn.goes_on();
        if self.flow.is_cut {
            return false;
        }
        match connection.read_once() {
            Ok(Read::Nothing) => {
                self.flow.may_read = false;
                let Some(error) = self.flow.broken.take() else { return false };
                self.lost(error, now());
            }
            Ok(read @ (Read::Some(len) | Read::Last(len))) => {
                // After a failed write the connection ends, once all that the peer had sent is read.
                self.flow.may_read = matches!(read, Read::Some(_)) || self.flow.broken.is_some();
                self.flow.turn.moved(len);
                if self.patience.is_limited() || !self.subscriptions.is_empty() {
                    self.note_arrival(now());
                }
            }
            Err(error) => {
                let broken = self.flow.broken.take().filter(|_| error.status != Status::Tls);
                self.lost(broken.unwrap_or(error), now());
            }
        }
        true
    }

    /// Whether no connection is needed: no command, no subscription, and no outstanding reply.
    pub(super) fn is_idle(&self) -> bool {
        self.held.is_empty() && self.subscriptions.is_empty() && self.owes_nothing()
    }

    /// Whether no reply is outstanding.
    pub(super) fn owes_nothing(&self) -> bool {
        match &self.stage {
            Stage::Open(connection) => !connection.session().owes(),
            _ => true,
        }
    }

    /// Send PING to a server that was silent for `health_check`, if a PING is due.
    fn check_on_server(&mut self, now: Instant) {
        if self.next_ping().is_none_or(|moment| moment > now) {
            return;
        }
        let Stage::Open(connection) = &mut self.stage else { return };
        if connection.session_mut().submit(Asked::plain(&[b"PING"], Shape::KEEP)).is_ok() {
            self.patience.more(1, now);
        }
    }

    fn write(&mut self) {
        let Stage::Open(connection) = &mut self.stage else { return };
        if self.flow.broken.is_some() {
            return;
        }
        match connection.offer_now() {
            Ok(left) => {
                self.flow.offered = left.unwrap_or(0);
                self.flow.blocked = left.is_some();
                // The transport would accept more: the rest is for the next round.
                self.again |= left == Some(0);
            }
            Err(error) => {
                self.flow.broken = Some(error);
                self.flow.may_read = true;
                self.again = true;
            }
        }
    }

    /// The handshake is done: restore the subscriptions, and send the held commands.
    fn opened(&mut self, mut connection: Box<Connection>, now: Instant) {
        self.changes.push_back(Change::Opened { notice: Notice::connected(&connection) });
        self.patience.start_anew();
        self.flow = Flow { may_read: true, ..Flow::default() };
        (self.last_failure, self.heard) = (None, Some(now));
        let resumed = self.resume(&mut connection, now);
        self.stage = Stage::Open(connection);
        match resumed {
            Ok(()) => self.tell_gap_if_settled(|| now),
            Err(error) => self.lost(error, now),
        }
    }

    /// Restore the subscriptions, and send the held commands.
    fn resume(&mut self, connection: &mut Connection, now: Instant) -> Result<()> {
        self.subscribe_again(connection, now)?;
        while let Some(held) = self.held.pop_front() {
            if let Err(error) = self.send_held(connection, &held) {
                // The command stays held for the next connection.
                self.held.push_front(held);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Give a held command to the session.
    fn send_held(&mut self, connection: &mut Connection, held: &Held) -> Result<()> {
        let session = connection.session_mut();
        let subscription = self.waiting.get(held.asker.token).and_then(|waiting| waiting.subscription.as_deref());
        if subscription.is_some() && !session.is_resp3() {
            if let Some(waiting) = self.waiting.take(held.asker.token) {
                let error = in_resp2().with_outcome(Outcome::NotSent);
                self.came.push_back(Came::Failed(waiting.token, Box::new(error)));
            }
            return Ok(());
        }
        let effect = subscription.map_or(Effect::None, |subscription| subscription.effect);
        let asked = Asked::encoded(&held.bytes, effect, held.shape).by(held.asker);
        pass(&mut self.subscriptions, subscription, session, asked)
    }

    /// The driver cannot poll the descriptor: fail the connection.
    pub fn fail(&mut self, error: Error, now: Instant) {
        match self.stage {
            Stage::Opening(..) => self.could_not_open(error, now),
            _ => self.lost(error, now),
        }
    }
}
