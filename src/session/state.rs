//! The state of a connection on the server: database, MULTI, WATCH, subscriptions, CLIENT REPLY, and changes that cannot be undone.

use std::collections::HashSet;

use crate::commands::Effect;
use crate::error::{Error, Outcome, Result, Status};
use crate::reply::{Kind, Reply};

use super::hello;
use super::inflight::Due;
use super::push::Confirmation;

/// The state of a connection, known from the server's replies and, where it gives none, from what was asked.
pub(super) struct State {
    home: u32,
    database: u32,
    resp3: bool,
    transaction: bool,
    /// MULTI is under way: there may be a transaction already.
    transaction_asked: bool,
    /// MULTI was sent where no answer to it would be seen.
    transaction_unseen: bool,
    watching: bool,
    monitoring: bool,
    replies: Replies,
    subscriptions: TopicNames,
    /// Subscribed while replies were off. Confirmations come all the same; an error in their place does not.
    subscribed_unseen: bool,
    /// Changed in a way that this side does not undo: another user, a name, tracking, another protocol.
    changed: bool,
}

/// The names that are subscribed, by topic.
type TopicNames = [HashSet<Vec<u8>>; 3];

/// What CLIENT REPLY has made of the answers.
#[derive(PartialEq, Eq)]
enum Replies {
    On,
    Off,
    SkipNext,
}

impl State {
    pub(super) fn new(database: u32) -> State {
        State {
            home: database,
            database,
            resp3: false,
            transaction: false,
            transaction_asked: false,
            transaction_unseen: false,
            watching: false,
            monitoring: false,
            replies: Replies::On,
            subscriptions: TopicNames::default(),
            subscribed_unseen: false,
            changed: false,
        }
    }

    /// What cannot be told apart from other answers inside a transaction is not sent there. `settled`: everything asked
    /// before has been answered.
    pub(super) fn refuse_in_transaction(&mut self, effect: Effect, settled: bool) -> Result<()> {
        if settled {
            self.transaction_asked = self.transaction;
        }
        let may_be_open = self.transaction || self.transaction_asked || self.transaction_unseen;
        let text = match effect {
            _ if !may_be_open => return Ok(()),
            // The server puts its confirmation in the place of an element of EXEC's reply, or beside it: nothing tells.
            Effect::Subscribe { .. } | Effect::Unsubscribe { .. } => {
                "inside MULTI a subscription is confirmed in the middle of EXEC's reply: subscribe before or after"
            }
            // It answers QUEUED, and then EXEC or nobody.
            Effect::ReplyOff | Effect::ReplySkip => {
                "inside MULTI the replies cannot be turned off: do it before or after"
            }
            // It is queued, and nobody hears of that.
            Effect::ReplyOn if self.transaction_unseen => "replies cannot be turned on inside a MULTI that had none",
            _ => return Ok(()),
        };
        Err(Error::new(Status::State, text).with_outcome(Outcome::NotSent))
    }

    /// What a command with this effect is due, now.
    pub(super) fn due(&mut self, effect: Effect, args: &[&[u8]]) -> Due {
        self.transaction_asked |= effect == Effect::Multi;
        match (&self.replies, effect) {
            // The server takes commands in their order: whatever is queued behind this one is answered again.
            (_, Effect::ReplyOn) => {
                self.replies = Replies::On;
                Due::Reply(effect)
            }
            (_, Effect::ReplyOff) => self.silenced(Replies::Off),
            (Replies::On | Replies::SkipNext, Effect::ReplySkip) => self.silenced(Replies::SkipNext),
            (Replies::Off, _) => self.unseen(effect, args),
            (Replies::SkipNext, _) => {
                self.replies = Replies::On;
                self.unseen(effect, args)
            }
            (Replies::On, Effect::Subscribe { topic, count }) => {
                Due::Confirmations { topic, subscribed: true, left: count }
            }
            (Replies::On, Effect::Unsubscribe { topic, count: 0 }) => Due::Emptied { topic },
            (Replies::On, Effect::Unsubscribe { topic, count }) => {
                Due::Confirmations { topic, subscribed: false, left: count }
            }
            (Replies::On, _) => {
                self.changed |= matches!(
                    effect,
                    Effect::Hello | Effect::Auth | Effect::Reset | Effect::Quit | Effect::Other | Effect::Monitor
                );
                Due::Reply(effect)
            }
        }
    }

    /// The server answered a command with this effect.
    pub(super) fn became(&mut self, effect: Effect, reply: &Reply) {
        if effect == Effect::None {
            return;
        }
        let refused = reply.is_error();
        if effect == Effect::Shutdown {
            // After one that was aborted some servers answer nothing more to who had asked for it, and some die of it.
            self.changed = true;
            return;
        }
        if effect == Effect::Exec {
            // An error that is not EXECABORT came without a transaction, and leaves all as it was.
            if !refused || reply.text().starts_with(b"EXECABORT") {
                self.executed();
            }
            return;
        }
        if refused {
            return;
        }
        if reply.kind() == Kind::RREDIS_REPLY_STATUS && reply.text() == b"QUEUED" {
            // Whether and when it will run is EXEC's to say; nobody reads that out of EXEC's array here.
            self.changed = true;
            self.resp3 &= effect != Effect::Hello;
            return;
        }
        match effect {
            Effect::Hello => self.resp3 = hello::protocol_of(reply) == Some(3),
            Effect::Select(database) => self.database = database,
            Effect::Multi => self.transaction = true,
            Effect::Discard => {
                self.transaction = false;
                self.watching = false;
            }
            Effect::Watch => self.watching = true,
            Effect::Unwatch => self.watching = false,
            Effect::Monitor => self.monitoring = true,
            Effect::Reset => {
                self.resp3 = false;
                self.transaction = false;
                self.watching = false;
                self.monitoring = false;
                self.subscriptions = TopicNames::default();
            }
            _ => {}
        }
    }

    /// EXEC was answered, by its own array, a nil, or EXECABORT: no transaction is open, and nothing is watched.
    pub(super) fn executed(&mut self) {
        self.transaction = false;
        self.watching = false;
    }

    /// The server confirmed a subscription, or the end of one. True: nothing of its topic is subscribed now.
    pub(super) fn confirmed(&mut self, confirmation: &mut Confirmation) -> Result<bool> {
        let names = &mut self.subscriptions[confirmation.topic as usize];
        match confirmation.name.take() {
            Some(name) if confirmation.subscribed => {
                names.try_reserve(1).map_err(|_| Error::memory("a subscription"))?;
                names.insert(name);
            }
            Some(name) => drop(names.remove(&name)),
            None => {}
        }
        Ok(names.is_empty())
    }

    pub(super) fn speaks_resp3(&mut self, resp3: bool) {
        self.resp3 = resp3;
    }

    pub(super) fn is_resp3(&self) -> bool {
        self.resp3
    }

    pub(super) fn is_subscribed(&self) -> bool {
        self.subscriptions.iter().any(|names| !names.is_empty())
    }

    /// Whether what looks like a message may be one.
    pub(super) fn expects_messages(&self) -> bool {
        self.is_subscribed() || self.subscribed_unseen
    }

    /// Whether what comes may be something else than the next reply, and only its looks tell.
    pub(super) fn may_say_more(&self) -> bool {
        self.monitoring || (!self.resp3 && self.expects_messages())
    }

    pub(super) fn is_monitoring(&self) -> bool {
        self.monitoring
    }

    pub(super) fn is_queueing(&self) -> bool {
        self.transaction
    }

    /// Whether the server may send something without being asked again.
    pub(super) fn hears(&self) -> bool {
        // Invalidations of tracked keys come as pushes, which RESP2 does not have.
        self.is_subscribed() || self.subscribed_unseen || self.monitoring || (self.resp3 && self.changed)
    }

    /// Whether the next borrower of the connection would notice nothing.
    #[inline(always)]
    pub(super) fn is_as_new(&self) -> bool {
        !self.changed
            && self.database == self.home
            && !self.transaction
            && !self.watching
            && !self.monitoring
            && self.replies == Replies::On
            && !self.is_subscribed()
    }

    /// Whether the next that comes, but for a push of RESP3, can only be the reply that is due next, and each command is due one.
    #[inline]
    pub(super) fn answers_in_turn(&self) -> bool {
        self.replies == Replies::On && !self.transaction && !self.may_say_more()
    }

    /// CLIENT REPLY OFF and SKIP answer nothing, so nothing proves that they were obeyed.
    fn silenced(&mut self, replies: Replies) -> Due {
        self.replies = replies;
        self.changed = true;
        Due::Nothing
    }

    /// A command whose answer nobody will see: what it changes, it may have changed.
    fn unseen(&mut self, effect: Effect, args: &[&[u8]]) -> Due {
        self.changed |= effect != Effect::None;
        self.resp3 &= effect != Effect::Hello;
        match effect {
            Effect::Multi => self.transaction_unseen = true,
            // With no argument too many there is nothing to refuse.
            Effect::Exec | Effect::Discard if args.len() == 1 => self.transaction_unseen = false,
            _ => {}
        }
        // Nothing but a line of MONITOR looks like one.
        self.monitoring |= effect == Effect::Monitor;
        self.subscribed_unseen |= matches!(effect, Effect::Subscribe { .. } | Effect::Unsubscribe { .. });
        Due::Nothing
    }
}

#[cfg(test)]
mod tests;
