//! The connection of the moment: opened when there is something to do, driven without waiting, and asked whether it lives.

use std::time::{Duration, Instant};

use crate::commands::{Effect, Shape};
use crate::conn::{Connection, Notice, Read, Stepped};
use crate::error::{Error, Outcome, Result, Status};
use crate::limits::HEALTH_MS_MIN;
use crate::session::{Session, Subscriptions, Ticket};
use crate::transport::{Awaited, Step};

use super::Evented;
use super::pending::{Pending, Subscription};
use super::subscriptions;

/// A connection, or the way to one.
#[derive(Default)]
pub(super) struct Line {
    pub(super) stage: Stage,
    /// The descriptor was readable, and has not been read dry since.
    pub(super) may_read: bool,
    /// The transport takes no more now.
    pub(super) blocked: bool,
    /// So much was offered to it in vain, and has to come again.
    pub(super) offered: usize,
    /// The poller was told that it is blocked.
    pub(super) watched: bool,
    /// It cannot be written to any more: what the peer said before is taken in first.
    pub(super) broken: Option<Error>,
    /// Tries in a row after which no reply came.
    pub(super) failures: u32,
    /// Not before that is it tried again.
    pub(super) retry_at: Option<Instant>,
    /// When a connect under way wants to go on, ready or not.
    pub(super) go_on_at: Option<Instant>,
    /// Why there is no connection, where one was tried.
    pub(super) last_failure: Option<Error>,
    /// When something came last, on a connection with subscriptions.
    pub(super) heard: Option<Instant>,
    /// The server takes no writes, and said so: what is submitted waits for another connection, until this one owes nothing.
    pub(super) outdated: Option<Error>,
}

#[derive(Default)]
pub(super) enum Stage {
    #[default]
    Down,
    Opening(Box<Stepped>),
    Open(Box<Connection>),
}

impl Line {
    /// A reply has come: the server is one that serves.
    #[inline]
    pub(super) fn proven(&mut self) {
        self.failures = 0;
    }

    /// Whether something was read, or waits in the transport, that the descriptor does not show.
    pub(super) fn holds_more(&mut self) -> bool {
        match &mut self.stage {
            Stage::Open(connection) => {
                connection.session().holds_more() || connection.is_pending() || self.broken.is_some()
            }
            _ => false,
        }
    }
}

impl Evented {
    /// Open, greet, write: as far as it goes without waiting.
    pub(super) fn drive(&mut self, now: Instant) {
        self.renew_if_settled();
        self.check_on_server(now);
        loop {
            let rests = self.is_idle() || self.line.retry_at.is_some_and(|moment| now < moment);
            // A connect that goes on may close its descriptor, which a child of fork may still have open: none is watched then.
            if matches!(self.line.stage, Stage::Opening(_)) {
                self.poller.forget();
            }
            match &mut self.line.stage {
                Stage::Open(_) => {
                    if self.look_first() {
                        self.write();
                    }
                    return;
                }
                Stage::Opening(stepped) => match stepped.go_on() {
                    Ok(Step::Done(connection)) => self.opened(connection, now),
                    Ok(Step::Wait(awaited)) => return self.await_progress(awaited, now),
                    Err(error) => return self.could_not_open(error, now),
                },
                Stage::Down if rests => return,
                Stage::Down => match Stepped::begin(self.client.0.pool.dial()) {
                    Ok(stepped) => self.line.stage = Stage::Opening(Box::new(stepped)),
                    Err(error) => return self.could_not_open(error, now),
                },
            }
        }
    }

    /// Queue a command that was accepted: in the conversation, or until there is one.
    #[inline(always)]
    pub(super) fn queue(&mut self, args: &[&[u8]], mut command: Pending, shape: Shape) -> Result<()> {
        match &mut self.line.stage {
            Stage::Open(connection) if self.line.outdated.is_none() && command.subscription().is_none() => {
                let session = connection.session();
                match session.submit_checked(args, command.cost, shape) {
                    Ok(ticket) => command.ticket = ticket,
                    // It is over, and has not been told yet: what comes now waits for the next one.
                    Err(_) if session.failure().is_some() => command.hold(args, shape)?,
                    Err(error) => return Err(error),
                }
            }
            Stage::Open(connection) if self.line.outdated.is_none() && connection.failure().is_none() => {
                let session = connection.session();
                let submit = || session.submit_any(args, shape).map(|submitted| submitted.ticket);
                command.ticket = pass(&mut self.subscriptions, &command, submit)?;
                if self.subscriptions.is_empty() {
                    // Before this nothing could be missed.
                    self.line.heard = Some(Instant::now());
                }
            }
            _ => command.hold(args, shape)?,
        }
        self.pending.push_back(command);
        Ok(())
    }

    /// Take in once what has arrived. False: nothing has, or the rest is for the next round.
    pub(super) fn read(&mut self) -> bool {
        let Stage::Open(connection) = &mut self.line.stage else { return false };
        if !self.line.may_read || !self.round.has_room() {
            return false;
        }
        match connection.read_once() {
            Ok(Read::Nothing) => {
                self.line.may_read = false;
                let Some(error) = self.line.broken.take() else { return false };
                self.lost(error);
            }
            Ok(read @ (Read::Some(len) | Read::Last(len))) => {
                // What could not be written ends the connection all the same, once the peer's last words are heard.
                self.line.may_read = matches!(read, Read::Some(_)) || self.line.broken.is_some();
                self.round.read(len);
                self.clock.heard();
                if !self.subscriptions.is_empty() {
                    self.line.heard = Some(Instant::now());
                }
            }
            Err(error) => {
                let broken = self.line.broken.take().filter(|_| error.status != Status::Tls);
                self.lost(broken.unwrap_or(error));
            }
        }
        true
    }

    /// Until when a connect under way, or the pause before the next, has to wait.
    pub(super) fn line_deadline(&self) -> Option<Instant> {
        match self.line.stage {
            Stage::Down => self.line.retry_at.filter(|_| !self.is_idle()),
            Stage::Opening(_) => self.line.go_on_at,
            Stage::Open(_) => None,
        }
    }

    /// When a connection on which messages are waited for is to be asked whether it lives.
    pub(super) fn next_ping(&self) -> Option<Instant> {
        let quiet = self.pending.is_empty() && !self.subscriptions.is_empty();
        let heard = self.line.heard.filter(|_| quiet && matches!(self.line.stage, Stage::Open(_)))?;
        let every_ms = match self.client.0.pool.dial().options().health_check_ms() {
            0 => HEALTH_MS_MIN,
            ms => ms,
        };
        heard.checked_add(Duration::from_millis(u64::try_from(every_ms).ok()?))
    }

    /// Whether subscriptions have no place here.
    pub(super) fn is_resp2(&mut self) -> bool {
        match &mut self.line.stage {
            Stage::Open(connection) => !connection.session().is_resp3(),
            _ => self.client.0.pool.dial().is_resp2(),
        }
    }

    /// Nothing waits for a connection.
    fn is_idle(&self) -> bool {
        self.pending.is_empty() && self.subscriptions.is_empty()
    }

    /// Ask a server that has said nothing for long, where nothing else would.
    fn check_on_server(&mut self, now: Instant) {
        if self.next_ping().is_none_or(|moment| moment > now) {
            return;
        }
        let Stage::Open(connection) = &mut self.line.stage else { return };
        if let Ok(ticket) = connection.session().submit(&[b"PING"], Shape::KEEP) {
            self.pending.push_back(Pending::own(ticket));
            self.clock.one_more(now);
        }
    }

    fn write(&mut self) {
        let Stage::Open(connection) = &mut self.line.stage else { return };
        if self.line.broken.is_some() {
            return;
        }
        match connection.offer_now() {
            Ok(left) => {
                self.line.offered = left.unwrap_or(0);
                self.line.blocked = left.is_some();
                self.watch();
                // It would go on taking them: the rest is for the next round.
                if left == Some(0) {
                    self.ring_anew();
                }
            }
            Err(error) => {
                self.line.broken = Some(error);
                self.line.may_read = true;
                self.ring();
            }
        }
    }

    /// Watch the socket, for writing only where it takes no more now.
    fn watch(&mut self) {
        let Stage::Open(connection) = &self.line.stage else { return };
        if self.line.watched == self.line.blocked {
            return;
        }
        self.line.watched = self.line.blocked;
        let watched = connection.fd().map_or(Ok(()), |fd| self.poller.watch(fd, true, self.line.blocked));
        if let Err(error) = watched {
            self.lost(error);
        }
    }

    fn await_progress(&mut self, awaited: Awaited, now: Instant) {
        self.line.go_on_at = awaited.until.moment();
        let Some(fd) = awaited.fd else { return self.poller.forget() };
        if let Err(error) = self.poller.watch(fd, awaited.read, awaited.write) {
            self.could_not_open(error, now);
        }
    }

    /// A connection that was greeted takes over what waited for one.
    fn opened(&mut self, mut connection: Box<Connection>, now: Instant) {
        self.kept.notice(Notice::Connected { id: connection.id() });
        self.clock.start_anew();
        let line = &mut self.line;
        (line.may_read, line.blocked, line.watched, line.offered) = (true, false, false, 0);
        (line.broken, line.go_on_at, line.last_failure, line.heard) = (None, None, None, Some(now));
        line.outdated = None;
        let watched = connection.fd().map_or(Ok(()), |fd| self.poller.watch(fd, true, false));
        let resumed = watched.and_then(|()| self.resume(&mut connection, now));
        self.client.0.pool.counters().created();
        self.line.stage = Stage::Open(connection);
        match resumed {
            Ok(()) => self.tell_gap_if_settled(),
            Err(error) => self.lost(error),
        }
    }

    /// Subscribe again, and send what was held.
    fn resume(&mut self, connection: &mut Connection, now: Instant) -> Result<()> {
        let held = std::mem::take(&mut self.pending);
        let mut held = held.into_iter();
        let resumed = self.subscribe_again(connection, now).and_then(|()| {
            for mut command in held.by_ref() {
                let sent = self.send_held(connection.session(), &mut command);
                let kept = sent.as_ref().map_or(true, |sent| *sent);
                if kept {
                    self.pending.push_back(command);
                } else {
                    self.bytes -= command.cost;
                    self.done.push_back(command.failed(subscriptions::in_resp2().with_outcome(Outcome::NotSent)));
                }
                sent?;
            }
            Ok(())
        });
        // What this connection could not be given waits for another.
        self.pending.extend(held);
        resumed
    }

    /// Give a command to the conversation that waited for one. False: it has no place in it.
    fn send_held(&mut self, session: &mut Session, command: &mut Pending) -> Result<bool> {
        let Some((bytes, shape)) = command.held() else { return Ok(true) };
        let ticket = match command.subscription().map(|subscription| subscription.effect) {
            None => session.submit_encoded(bytes, Effect::None, *shape)?,
            Some(_) if !session.is_resp3() => return Ok(false),
            Some(effect) => pass(&mut self.subscriptions, command, || session.submit_encoded(bytes, effect, *shape))?,
        };
        command.sent_as(ticket);
        Ok(true)
    }
}

/// Give a subscription of the caller's to the conversation.
fn pass(
    subscriptions: &mut Subscriptions,
    command: &Pending,
    submit: impl FnOnce() -> Result<Ticket>,
) -> Result<Ticket> {
    match command.subscription() {
        Some(Subscription { effect, names }) => subscriptions.pass(*effect, names, submit),
        None => submit(),
    }
}
