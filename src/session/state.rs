//! What the connection has become: database, MULTI, WATCH, subscriptions, what it answers, who it is.

use std::collections::HashSet;

use crate::commands::Effect;
use crate::error::{Error, Outcome, Result, Status};
use crate::reply::{Kind, Reply};

use super::inflight::Due;
use super::push::Confirmation;

/// The state of a connection, known from the server's replies and, where it gives none, from what was asked.
pub(super) struct State {
    home: u32,
    database: u32,
    resp3: bool,
    transaction: bool,
    /// What `transaction` will be once the server has answered all that was asked.
    transaction_asked: bool,
    watching: bool,
    monitoring: bool,
    replies: Replies,
    subscriptions: Subscriptions,
    /// What `subscriptions` will be once the server has confirmed all that was asked.
    subscriptions_asked: Subscriptions,
    /// Subscribed while replies were off. Confirmations come all the same; an error in their place does not.
    subscribed_unseen: bool,
    /// Changed in a way that this side does not undo: another user, a name, tracking, another protocol.
    changed: bool,
}

/// The names that are subscribed, by topic.
type Subscriptions = [HashSet<Vec<u8>>; 3];

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
            watching: false,
            monitoring: false,
            replies: Replies::On,
            subscriptions: Subscriptions::default(),
            subscriptions_asked: Subscriptions::default(),
            subscribed_unseen: false,
            changed: false,
        }
    }

    /// What cannot be told apart from other answers inside a transaction is not sent there.
    pub(super) fn refuse_in_transaction(&self, effect: Effect) -> Result<()> {
        let text = match effect {
            _ if !self.transaction_asked => return Ok(()),
            // The server puts its confirmation in the place of an element of EXEC's reply, or beside it: nothing tells.
            Effect::Subscribe { .. } | Effect::Unsubscribe { .. } => {
                "inside MULTI a subscription is confirmed in the middle of EXEC's reply: subscribe before or after"
            }
            // It answers QUEUED, and then EXEC or nobody.
            Effect::ReplyOff | Effect::ReplySkip => {
                "inside MULTI the replies cannot be turned off: do it before or after"
            }
            _ => return Ok(()),
        };
        Err(Error::new(Status::State, text).with_outcome(Outcome::NotSent))
    }

    /// What a command with this effect is due, now. `settled`: everything asked before has been answered.
    pub(super) fn due(&mut self, effect: Effect, args: &[&[u8]], settled: bool) -> Due {
        match effect {
            Effect::Multi => self.transaction_asked = true,
            Effect::Exec | Effect::Discard | Effect::Reset => self.transaction_asked = false,
            _ => {}
        }
        match (&self.replies, effect) {
            // The server takes commands in their order: whatever is queued behind this one is answered again.
            (_, Effect::ReplyOn) => {
                self.replies = Replies::On;
                Due::Reply(effect)
            }
            (_, Effect::ReplyOff) => self.silenced(Replies::Off),
            (Replies::On | Replies::SkipNext, Effect::ReplySkip) => self.silenced(Replies::SkipNext),
            (Replies::Off, _) => self.unseen(effect),
            (Replies::SkipNext, _) => {
                self.replies = Replies::On;
                self.unseen(effect)
            }
            (Replies::On, Effect::Subscribe { topic, .. }) => self.confirmations(topic as usize, true, args, settled),
            (Replies::On, Effect::Unsubscribe { topic, .. }) => {
                self.confirmations(topic as usize, false, args, settled)
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

    /// One confirmation for each name; without names, one for each that is subscribed by then, and one where there is none.
    fn confirmations(&mut self, topic: usize, subscribed: bool, args: &[&[u8]], settled: bool) -> Due {
        if settled {
            // A subscription that was refused is no longer awaited.
            self.subscriptions_asked.clone_from(&self.subscriptions);
        }
        let asked = &mut self.subscriptions_asked[topic];
        let names = args.get(1..).unwrap_or_default();
        let left = match names.len() {
            0 => std::mem::take(asked).len().max(1),
            count => count,
        };
        for &name in names {
            if subscribed {
                asked.insert(name.to_vec());
            } else {
                asked.remove(name);
            }
        }
        Due::Confirmations { topic, subscribed, left }
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
            Effect::Hello => self.resp3 = reply.kind() == Kind::RREDIS_REPLY_MAP,
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
                self.subscriptions = Subscriptions::default();
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
