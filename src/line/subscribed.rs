//! What is subscribed beside the commands, on a connection that comes and goes: what a push means for it, and what is told.

use std::time::Instant;

use crate::commands::Effect;
use crate::conn::Connection;
use crate::error::{Error, Instead, Result, Status, head};
use crate::memory;
use crate::session::{Event, Heard, NOBODY, Session, Token};

use super::{Came, Line, Stage, Waiting};

/// A command of SUBSCRIBE's kin.
pub(super) struct Subscription {
    pub(super) effect: Effect,
    pub(super) names: Vec<Vec<u8>>,
}

/// Since when nothing was heard, and why.
pub(super) struct Gap {
    since: Instant,
    reason: Vec<u8>,
}

impl Subscription {
    /// With a copy of the names.
    pub(super) fn of(effect: Effect, args: &[&[u8]]) -> Result<Box<Subscription>> {
        let mut names = Vec::new();
        names.try_reserve_exact(args.len()).map_err(|_| Error::memory("the command"))?;
        for name in args.iter().skip(1) {
            names.push(memory::copied(name, "the command")?);
        }
        Ok(Box::new(Subscription { effect, names }))
    }
}

impl<T> Line<T> {
    /// A push has come. It is given, and with it what it settles.
    pub(super) fn came_unasked(&mut self, event: Event, now: impl Fn() -> Instant + Copy) {
        let (Event::Push { ends, .. }, Stage::Open(connection)) = (&event, &self.stage) else { return };
        let ends = *ends;
        let listens = !self.subscriptions.is_empty() || !self.subscriptions.is_settled();
        if listens && !connection.session().is_resp3() {
            return self.turned_out_to_be_resp2(now());
        }
        // What is told beside it must not take the room of what the commands come to.
        if self.came.try_reserve(self.waiting.len() + TOLD_AT_ONCE).is_err() {
            return self.lost(Error::memory("a push"), now());
        }
        match self.hear(event, now) {
            Ok(Heard::Message(message)) => {
                self.tell_gap(now);
                self.came.push_back(Came::Push(message));
            }
            Ok(Heard::Confirmation(push)) => {
                self.heard = Some(now());
                self.came.push_back(Came::Push(push));
            }
            Ok(Heard::Dropped(push)) => {
                let name = push.view().get(1).map_or(&b""[..], |name| name.text());
                let reason = [b"the server ended the subscription to ", head(name)].concat();
                self.gap.get_or_insert(Gap { since: self.heard.unwrap_or_else(now), reason });
                self.came.push_back(Came::Push(push));
            }
            Ok(Heard::Other(push)) => self.came.push_back(Came::Push(push)),
            Ok(_) => {}
            Err(error) => return self.lost(error, now()),
        }
        if let Some(token) = ends {
            self.confirmed(token);
        }
        self.tell_gap_if_settled(now);
    }

    /// The reply to a command of SUBSCRIBE's kin, or to one that nobody waits for, has come. A subscription that was answered with
    /// an error fails by it; a name that was subscribed before, and is not again, is told.
    pub(super) fn answered_specially(
        &mut self,
        waiting: Option<Waiting<T>>,
        event: Event,
        now: Instant,
    ) -> Option<Came<T>> {
        if waiting.is_none() {
            self.patience.one_less();
        }
        let came = match self.hear(event, || now) {
            Ok(Heard::Reply(_, _, reply)) => waiting.map(|waiting| Came::Reply(waiting.token, reply)),
            Ok(Heard::Refused(error)) => Some(Came::Refused(Box::new(error))),
            Ok(Heard::NotNow(error)) => {
                // It serves, but not this: the next connection has to wait.
                self.failures = self.failures.max(1);
                self.lost(error, now);
                return None;
            }
            Ok(_) => None,
            Err(error) => {
                self.lost(error, now);
                return None;
            }
        };
        self.tell_gap_if_settled(|| now);
        came
    }

    /// Ask a new conversation for all that is wanted. In RESP2 there is no asking: who listened is told, once.
    pub(super) fn subscribe_again(&mut self, connection: &mut Connection, now: Instant) -> Result<()> {
        if !connection.session().is_resp3() {
            self.gap = None;
            if self.subscriptions.give_up() {
                self.came.push_back(Came::Refused(Box::new(connection.told_of(in_resp2()))));
            }
            return Ok(());
        }
        let before = connection.session().newest();
        let asked = connection.converse(|session| self.subscriptions.again(session));
        self.patience.more(connection.session().newest() - before, now);
        asked
    }

    /// The server agreed on RESP3, and says messages in RESP2, where they and replies cannot be told apart: who listened is told.
    fn turned_out_to_be_resp2(&mut self, now: Instant) {
        let Stage::Open(connection) = &mut self.stage else { return };
        connection.remember_resp2();
        let error = connection.told_of(in_resp2());
        self.lost(error.clone(), now);
        self.gap = None;
        if self.subscriptions.give_up() {
            self.came.push_back(Came::Refused(Box::new(error)));
        }
    }

    /// The connection was lost: what is said from when something was last heard is missed.
    pub(super) fn interrupted(&mut self, error: &Error, now: Instant) {
        if !self.subscriptions.is_empty() {
            self.gap.get_or_insert(Gap { since: self.heard.unwrap_or(now), reason: error.message.clone() });
        }
    }

    /// No connection will come, for a reason that does not pass. Told once: a word that was not taken yet is enough.
    pub(super) fn tell_who_listens(&mut self, error: &Error) {
        let told = self.came.iter().any(|came| matches!(came, Came::Refused(_)));
        if !told && !self.subscriptions.is_empty() {
            self.came.push_back(Came::Refused(Box::new(error.clone())));
        }
    }

    /// A gap is told when all that is wanted is subscribed again, so that whoever looks then for what was missed misses nothing
    /// more; but in any case before the first message.
    pub(super) fn tell_gap_if_settled(&mut self, now: impl Fn() -> Instant) {
        if self.gap.is_some() && matches!(self.stage, Stage::Open(_)) && self.subscriptions.is_settled() {
            self.tell_gap(now);
        }
    }

    fn tell_gap(&mut self, now: impl Fn() -> Instant) {
        if let Some(Gap { since, reason }) = self.gap.take() {
            self.came.push_back(Came::Gap { reason, lasted: now().saturating_duration_since(since) });
        }
    }

    /// A push was the last confirmation that a command was due.
    fn confirmed(&mut self, token: Token) {
        if token == NOBODY {
            return self.patience.one_less();
        }
        self.failures = 0;
        if let Some(waiting) = self.waiting.take(token) {
            self.came.push_back(Came::Confirmed(waiting.token));
        }
    }

    /// What an event is to whoever subscribed. What they ask for by that, nobody waits for.
    fn hear(&mut self, event: Event, now: impl Fn() -> Instant) -> Result<Heard> {
        let Stage::Open(connection) = &mut self.stage else { return Ok(Heard::Nothing) };
        let before = connection.session().newest();
        let heard = connection.converse(|session: &mut Session| self.subscriptions.heard(session, event));
        let asked = connection.session().newest() - before;
        if asked > 0 {
            self.patience.more(asked, now());
            self.again = true;
        }
        heard
    }
}

/// Messages and replies cannot be told apart there.
pub fn in_resp2() -> Error {
    let text = "subscriptions beside commands take RESP3, and this connection speaks RESP2";
    Error::new(Status::Unsupported, text).with_instead(Instead::Subscriber)
}

/// A push, a gap before or behind it, and the command that it confirms.
const TOLD_AT_ONCE: usize = 4;
