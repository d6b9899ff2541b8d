//! What the connection has become: database, MULTI, WATCH, subscriptions, what it answers, who it is.

use std::collections::HashSet;

use crate::commands::Effect;
use crate::reply::{Kind, Reply};

use super::inflight::Due;
use super::push::Confirmation;

/// The state of a connection, known from the server's replies and, where it gives none, from what was asked.
pub(super) struct State {
    home: u32,
    database: u32,
    transaction: bool,
    watching: bool,
    monitoring: bool,
    replies: Replies,
    subscriptions: [HashSet<Vec<u8>>; 3],
    /// Subscribed while replies were off. Confirmations come all the same; an error in their place does not.
    subscribed_unseen: bool,
    /// Changed in a way that this side does not undo: another user, a name, tracking, another protocol.
    changed: bool,
}

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
            transaction: false,
            watching: false,
            monitoring: false,
            replies: Replies::On,
            subscriptions: Default::default(),
            subscribed_unseen: false,
            changed: false,
        }
    }

    /// What a command with this effect is due, now.
    pub(super) fn due(&mut self, effect: Effect) -> Due {
        match (&self.replies, effect) {
            // The server takes commands in their order: whatever is queued behind this one is answered again.
            (_, Effect::ReplyOn) => {
                self.replies = Replies::On;
                Due::Reply(effect)
            }
            (_, Effect::ReplyOff) => self.silenced(Replies::Off),
            (Replies::On, Effect::ReplySkip) => self.silenced(Replies::SkipNext),
            (Replies::Off, _) => self.unseen(effect),
            (Replies::SkipNext, _) => {
                self.replies = Replies::On;
                self.unseen(effect)
            }
            (Replies::On, Effect::Subscribe { count, .. }) => Due::Confirmations { left: count.max(1) },
            (Replies::On, Effect::Unsubscribe { topic, count: 0 }) => {
                Due::Confirmations { left: self.subscriptions[topic as usize].len().max(1) }
            }
            (Replies::On, Effect::Unsubscribe { count, .. }) => Due::Confirmations { left: count },
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
        if effect == Effect::Exec {
            // An error that is not EXECABORT came without a transaction, and leaves all as it was.
            if !refused || reply.text().starts_with(b"EXECABORT") {
                self.transaction = false;
                self.watching = false;
            }
            return;
        }
        if refused {
            return;
        }
        if reply.kind() == Kind::RREDIS_REPLY_STATUS && reply.text() == b"QUEUED" {
            // Whether and when it will run is EXEC's to say; nobody reads that out of EXEC's array here.
            self.changed = true;
            return;
        }
        match effect {
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
                self.monitoring = false;
                self.subscriptions = Default::default();
            }
            _ => {}
        }
    }

    /// The server confirmed a subscription, or the end of one.
    pub(super) fn confirmed(&mut self, confirmation: &Confirmation) {
        let Some(name) = &confirmation.name else { return };
        let names = &mut self.subscriptions[confirmation.topic];
        if confirmation.subscribed {
            names.insert(name.clone());
        } else {
            names.remove(name);
        }
    }

    pub(super) fn is_subscribed(&self) -> bool {
        self.subscriptions.iter().any(|names| !names.is_empty())
    }

    /// Whether what looks like a message may be one.
    pub(super) fn expects_messages(&self) -> bool {
        self.is_subscribed() || self.subscribed_unseen
    }

    pub(super) fn is_monitoring(&self) -> bool {
        self.monitoring
    }

    pub(super) fn is_queueing(&self) -> bool {
        self.transaction
    }

    /// Whether the server may send something without being asked again.
    pub(super) fn hears(&self) -> bool {
        self.is_subscribed() || self.monitoring || self.changed
    }

    /// Whether the next borrower of the connection would notice nothing.
    pub(super) fn is_as_new(&self) -> bool {
        !self.changed
            && self.database == self.home
            && !self.transaction
            && !self.watching
            && !self.monitoring
            && self.replies == Replies::On
            && !self.is_subscribed()
    }

    /// CLIENT REPLY OFF and SKIP answer nothing, so nothing proves that they were obeyed.
    fn silenced(&mut self, replies: Replies) -> Due {
        self.replies = replies;
        self.changed = true;
        Due::Nothing
    }

    /// A command whose answer nobody will see: what it changes, it may have changed.
    fn unseen(&mut self, effect: Effect) -> Due {
        self.changed |= effect != Effect::None;
        self.subscribed_unseen |= matches!(effect, Effect::Subscribe { .. } | Effect::Unsubscribe { .. });
        Due::Nothing
    }
}
