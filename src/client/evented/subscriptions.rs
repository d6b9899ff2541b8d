//! What is subscribed beside the commands, on a connection that comes and goes: what a push means for it, and what is told.

use std::time::Instant;

use crate::client::pubsub::message;
use crate::conn::Connection;
use crate::error::{Error, Instead, Result, Status, head};
use crate::reply::{Builder, Reply};
use crate::session::{Event, Heard, Ticket};

use super::Evented;
use super::line::Stage;
use super::pending::{Completion, Pending, Subscription};

/// Since when nothing was heard, and why.
pub(super) struct Gap {
    since: Instant,
    reason: Vec<u8>,
}

impl Evented {
    /// A push has come. It is given, and with it what it settles.
    pub(super) fn came_unasked(&mut self, push: Event) {
        let Stage::Open(connection) = &mut self.line.stage else { return };
        let listens = !self.subscriptions.is_empty() || self.pending.iter().any(Pending::subscribes);
        if listens && !connection.session().is_resp3() {
            return self.turned_out_to_be_resp2();
        }
        // What is told beside it must not take the room of what the commands come to.
        if self.done.try_reserve(self.pending.len() + TOLD_AT_ONCE).is_err() {
            return self.lost(Error::memory("a push"));
        }
        let before = connection.session().newest();
        let heard = connection.converse(|session| self.subscriptions.heard(session, push));
        self.adopt(before, Instant::now);
        match heard {
            Ok(Heard::Message(message)) => {
                self.tell_gap();
                self.give(message);
            }
            Ok(Heard::Confirmation(push)) => {
                self.line.heard = Some(Instant::now());
                self.give(push);
            }
            Ok(Heard::Dropped(push)) => {
                let name = push.view().get(1).map_or(&b""[..], |name| name.text());
                let reason = [b"the server ended the subscription to ", head(name)].concat();
                self.gap.get_or_insert(Gap { since: self.line.heard.unwrap_or_else(Instant::now), reason });
                self.give(push);
            }
            Ok(Heard::Other(push)) => self.give(push),
            Ok(_) => {}
            Err(error) => return self.lost(error),
        }
        self.end_if_confirmed();
        self.tell_gap_if_settled();
    }

    /// A subscription was answered with an error: one of the caller's fails by it, and a name that was subscribed before, and
    /// is not again, is told.
    pub(super) fn not_subscribed(&mut self, command: Pending, reply: Reply) -> Option<Completion> {
        let Stage::Open(connection) = &mut self.line.stage else { return None };
        let before = connection.session().newest();
        let ticket = command.ticket;
        let heard = connection.converse(|session| self.subscriptions.heard(session, Event::Reply(ticket, reply)));
        self.adopt(before, Instant::now);
        let completion = match heard {
            Ok(Heard::Reply(_, reply)) => (!command.abandoned).then(|| command.finish(reply)),
            Ok(Heard::Refused(error)) => Some(Completion::of_none(Err(error))),
            Ok(Heard::NotNow(error)) => {
                // It serves, but not this: the next connection has to wait.
                self.line.failures = self.line.failures.max(1);
                self.lost(error);
                return None;
            }
            Ok(_) => None,
            Err(error) => {
                self.lost(error);
                return None;
            }
        };
        self.tell_gap_if_settled();
        completion
    }

    /// Ask a new conversation for all that is wanted. In RESP2 there is no asking: who listened is told, once.
    pub(super) fn subscribe_again(&mut self, connection: &mut Connection, now: Instant) -> Result<()> {
        if !connection.session().is_resp3() {
            self.gap = None;
            if self.subscriptions.give_up() {
                self.done.push_back(Completion::of_none(Err(connection.told_of(in_resp2()))));
            }
            return Ok(());
        }
        let before = connection.session().newest();
        let asked = connection.converse(|session| self.subscriptions.again(session));
        self.adopt(before, || now);
        asked
    }

    /// The server agreed on RESP3, and says messages in RESP2, where they and replies cannot be told apart: who listened is told.
    fn turned_out_to_be_resp2(&mut self) {
        let Stage::Open(connection) = &mut self.line.stage else { return };
        connection.remember_resp2();
        let error = connection.told_of(in_resp2());
        self.lost(error.clone());
        self.gap = None;
        if self.subscriptions.give_up() {
            self.done.push_back(Completion::of_none(Err(error)));
        }
    }

    /// The connection was lost: what is said from when something was last heard is missed.
    pub(super) fn interrupted(&mut self, error: &Error) {
        if !self.subscriptions.is_empty() {
            let since = self.line.heard.unwrap_or_else(Instant::now);
            self.gap.get_or_insert(Gap { since, reason: error.message.clone() });
        }
    }

    /// A command was lost that may have run. Without memory for its names, it is as if it had not.
    pub(super) fn may_have_subscribed(&mut self, command: &Pending) {
        if let Some(Subscription { effect, names }) = command.subscription() {
            let _ = self.subscriptions.assume(*effect, names);
        }
    }

    /// No connection will come, for a reason that does not pass. Told once: a word that was not taken yet is enough.
    pub(super) fn tell_who_listens(&mut self, error: &Error) {
        let told = self.done.iter().any(|done| done.call_data.is_null() && done.result.is_err());
        if !told && !self.subscriptions.is_empty() {
            self.done.push_back(Completion::of_none(Err(error.clone())));
        }
    }

    /// A gap is told when all that is wanted is subscribed again, so that whoever looks then for what was missed misses nothing
    /// more; but in any case before the first message.
    pub(super) fn tell_gap_if_settled(&mut self) {
        if self.gap.is_some() && matches!(self.line.stage, Stage::Open(_)) && self.subscriptions.is_settled() {
            self.tell_gap();
        }
    }

    fn tell_gap(&mut self) {
        if let Some(gap) = self.gap.take() {
            let told = message::gap(&gap.reason, gap.since.elapsed());
            self.done.push_back(Completion::of_none(told));
        }
    }

    /// What the subscriptions asked for themselves, behind this ticket, takes its place among the commands.
    fn adopt(&mut self, before: Ticket, now: impl Fn() -> Instant) {
        for ticket in self.subscriptions.asked_behind(before) {
            let mut command = Pending::own(ticket);
            command.more().subscribes_again = true;
            self.pending.push_back(command);
            self.clock.one_more(now());
        }
    }

    /// A push may have been the last confirmation that the oldest command is due, which then completes with NULL.
    fn end_if_confirmed(&mut self) {
        let Stage::Open(connection) = &mut self.line.stage else { return };
        let Some(oldest) = self.pending.front().filter(|oldest| oldest.subscribes()) else { return };
        if connection.session().oldest().is_some_and(|due| due <= oldest.ticket) {
            return;
        }
        let mut nothing = Builder::new();
        nothing.add_null();
        let result = nothing.take();
        self.line.proven();
        if let Some(command) = self.end_oldest().filter(|command| !command.abandoned) {
            self.done.push_back(Completion::new(result, command.call_data));
        }
    }

    fn give(&mut self, push: Reply) {
        self.done.push_back(Completion::of_none(Ok(push)));
    }
}

/// Messages and replies cannot be told apart there.
pub(super) fn in_resp2() -> Error {
    let text = "subscriptions beside commands take RESP3, and this connection speaks RESP2";
    Error::new(Status::Unsupported, text).with_instead(Instead::Subscriber)
}

/// A push, a gap before or behind it, and the command that it confirms.
const TOLD_AT_ONCE: usize = 4;
