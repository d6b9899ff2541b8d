//! Subscriptions on a line: pushes and confirmations, restoring them on a new connection, and gaps in the messages.

use std::time::Instant;

use crate::conn::Connection;
use crate::error::{Error, Instead, Outcome, Result, Status, head};
use crate::session::{Event, Heard, NOBODY, Session, Token};

use super::subscription::Gap;
use super::{Came, NumberedLine, ReadClock, Stage, Waiting};

impl NumberedLine {
    /// Whether subscriptions work in RESP2 too, where a message looks like a reply: it is told apart where nothing else is sent
    /// meanwhile. A line with commands has that from its driver, which asked for RESP2 by name.
    pub(super) fn hears_in_resp2(&self) -> bool {
        self.alone || self.dial.options().protocol() == 2
    }

    /// Whether anything is subscribed, or may come to be: a command that subscribes has not completed.
    pub fn is_listening(&self) -> bool {
        let is_settled = self.subscriptions.is_empty() && self.subscriptions.is_settled();
        !is_settled || self.waiting.any(|waiting| waiting.subscription.is_some())
    }

    /// A push arrived: give it, and complete the command whose last confirmation it is.
    pub(super) fn handle_push(&mut self, event: Event, now: ReadClock<'_>) {
        let (Event::Push { ends, .. }, Stage::Open(connection)) = (&event, &self.stage) else { return };
        let ends = *ends;
        let listens = !self.subscriptions.is_empty() || !self.subscriptions.is_settled();
        if listens && !self.hears_in_resp2() && !connection.session().is_resp3() {
            return self.drop_subscriptions_in_resp2(ends, now());
        }
        // The extra events must not use the room that is reserved for the results of commands.
        if self.came.try_reserve(self.waiting.len() + TOLD_AT_ONCE).is_err() {
            return self.lost_at_push(ends, Error::memory("a push"), now());
        }
        match self.hear(event, now) {
            Ok(Heard::Message(message)) => {
                self.has_served();
                self.tell_gap(now);
                self.came.push_back(Came::Message(message));
            }
            Ok(Heard::Confirmation(push)) => {
                self.has_served();
                self.heard = Some(now());
                self.came.push_back(Came::Confirmation(push));
            }
            Ok(Heard::Dropped(push)) => {
                let name = push.view().get(1).map_or(&b""[..], |name| name.text());
                let reason = [b"the server ended the subscription to ", head(name)].concat();
                self.gap.get_or_insert(Gap { since: self.heard.unwrap_or_else(now), reason });
                self.came.push_back(Came::Confirmation(push));
            }
            Ok(Heard::Adrift { names, said }) => {
                let adrift = self.set_adrift(names, said, now());
                self.came.push_back(Came::Adrift(adrift));
            }
            Ok(Heard::Other(push)) => self.came.push_back(Came::Push(push)),
            Ok(_) => {}
            Err(error) => return self.lost_at_push(ends, error, now()),
        }
        if let Some(token) = ends {
            self.confirmed(token);
        }
        self.tell_gap_if_settled(now);
    }

    /// The connection is lost at a push. The session owes nothing any more to the command whose last confirmation it was: that
    /// one fails here.
    fn lost_at_push(&mut self, ends: Option<Token>, error: Error, now: Instant) {
        if let Stage::Open(connection) = &self.stage
            && let Some(token) = ends
            && self.waiting.take(token).is_some()
        {
            let error = connection.told_of(error.clone()).with_outcome(Outcome::Ran);
            self.came.push_back(Came::Failed(token, Box::new(error)));
        }
        self.lost(error, now);
    }

    /// A reply arrived to a command that subscribes or unsubscribes, or to a command that has timed out or is the
    /// library's own. An error fails the subscribing command. A refused name that was being restored is reported.
    pub(super) fn subscription_answered(
        &mut self,
        waiting: Option<Waiting>,
        event: Event,
        now: Instant,
    ) -> Option<Came<Token>> {
        if waiting.is_none()
            && let Event::Reply { ticket, .. } = event
            && (self.patience.is_pong(ticket) || !self.alone)
        {
            self.patience.one_less();
        }
        let came = match self.hear(event, &|| now) {
            Ok(Heard::Reply(_, token, reply)) => waiting.map(|_| Came::Reply(token, reply)),
            Ok(Heard::Refused(error)) => Some(Came::Refused(Box::new(error))),
            Ok(Heard::Adrift { names, said }) => Some(Came::Adrift(self.set_adrift(names, said, now))),
            Ok(Heard::NotNow(error)) => {
                // The server serves commands and refuses this subscription for now: the next connect needs a pause.
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
        self.tell_gap_if_settled(&|| now);
        came
    }

    /// Restore all subscriptions in a new session. In RESP2 they are dropped, which is reported once.
    pub(super) fn subscribe_again(&mut self, connection: &mut Connection, now: Instant) -> Result<()> {
        if !self.hears_in_resp2() && !connection.session().is_resp3() {
            self.gap = None;
            if self.subscriptions.give_up() {
                self.came.push_back(Came::Refused(Box::new(connection.told_of(in_resp2()))));
            }
            return Ok(());
        }
        let before = connection.session().newest();
        let asked = connection.converse(|session| self.subscriptions.again(session));
        let count = connection.session().newest() - before;
        self.is_to_be_confirmed(count, now);
        asked
    }

    /// The server agreed to RESP3 and sent a message in RESP2 form, which cannot be told from a reply. The session then
    /// took the connection for one in RESP2. The subscriptions are dropped, which is reported.
    fn drop_subscriptions_in_resp2(&mut self, ends: Option<Token>, now: Instant) {
        let Stage::Open(connection) = &mut self.stage else { return };
        connection.remember_resp2();
        let error = connection.told_of(in_resp2());
        self.lost_at_push(ends, error.clone(), now);
        self.gap = None;
        if self.subscriptions.give_up() {
            self.came.push_back(Came::Refused(Box::new(error)));
        }
    }

    /// The connection was lost: a gap begins at the last arrival of bytes.
    pub(super) fn interrupted(&mut self, error: &Error, now: Instant) {
        if !self.subscriptions.is_empty() {
            self.gap.get_or_insert(Gap { since: self.heard.unwrap_or(now), reason: error.message.clone() });
        }
    }

    /// Report to the driver, if it has subscriptions, an error that will not pass by itself. If an earlier report was not
    /// taken yet, it is enough.
    pub(super) fn report_to_subscriber(&mut self, error: &Error) {
        let told = self.came.iter().any(|came| matches!(came, Came::Refused(_)));
        if !told && !self.subscriptions.is_empty() {
            self.came.push_back(Came::Refused(Box::new(error.clone())));
        }
    }

    /// Report the gap once all subscriptions are restored: a program that then reads the missed data elsewhere misses
    /// nothing more. If a message arrives before that, `handle_push` reports the gap before the message.
    pub(super) fn tell_gap_if_settled(&mut self, now: ReadClock<'_>) {
        if self.gap.is_some() && matches!(self.stage, Stage::Open(_)) && self.subscriptions.is_settled() {
            self.tell_gap(now);
        }
    }

    fn tell_gap(&mut self, now: ReadClock<'_>) {
        if let Some(Gap { since, reason }) = self.gap.take() {
            self.came.push_back(Came::Gap { reason, lasted: now().saturating_duration_since(since) });
        }
    }

    /// The last confirmation of a command arrived: complete the command.
    fn confirmed(&mut self, token: Token) {
        if token == NOBODY {
            if !self.alone {
                self.patience.one_less();
            }
            return;
        }
        self.failures = 0;
        if self.waiting.take(token).is_some() {
            self.came.push_back(Came::Confirmed(token));
        }
    }

    /// Pass an event to the subscriptions. The commands that they send in turn are the library's own.
    fn hear(&mut self, event: Event, now: ReadClock<'_>) -> Result<Heard> {
        let Stage::Open(connection) = &mut self.stage else { return Ok(Heard::Nothing) };
        let before = connection.session().newest();
        let heard = connection.converse(|session: &mut Session| self.subscriptions.heard(session, event));
        let asked = connection.session().newest() - before;
        if asked > 0 {
            self.is_to_be_confirmed(asked, now());
            self.again = true;
        }
        heard
    }

    /// The library sent `count` commands, and their confirmations are due. On a line with commands `Patience` gives them a
    /// deadline, since they delay the replies that follow. On a line without commands PING finds a silent server.
    fn is_to_be_confirmed(&mut self, count: u64, now: Instant) {
        if !self.alone {
            self.patience.more(count, now);
        }
    }

    /// The server has confirmed something, or has brought a message.
    fn has_served(&mut self) {
        self.flow.has_served = true;
        if self.alone {
            self.failures = 0;
        }
    }
}

/// The error of a subscription in RESP2, where messages and replies cannot be told apart.
pub fn in_resp2() -> Error {
    let text = "subscriptions on a connection with commands need RESP3, and this connection speaks RESP2";
    Error::new(Status::Unsupported, text).with_instead(Instead::Subscriber)
}

/// The most events of one push: the push, one gap, and the completed command. The fourth is room for an error.
const TOLD_AT_ONCE: usize = 4;
