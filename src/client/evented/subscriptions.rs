//! What is subscribed on a connection that comes and goes: asked for again on each new one, with a word about the gap.

use std::collections::{BTreeSet, VecDeque};
use std::ptr;
use std::time::Instant;

use crate::commands::{Effect, Shape, Topic};
use crate::error::{Error, Result, Status};
use crate::reply::{Builder, Kind};
use crate::session::Session;

use super::Evented;
use super::line::Stage;
use super::pending::{Completion, Pending, Subscription};

/// What is wanted: what was asked for last, confirmed or not.
#[derive(Default)]
pub(super) struct Subscriptions {
    wanted: [BTreeSet<Vec<u8>>; 3],
    /// Since when nothing can be heard, and why.
    gap: Option<(Instant, Vec<u8>)>,
}

impl Subscriptions {
    pub(super) fn is_empty(&self) -> bool {
        self.wanted.iter().all(BTreeSet::is_empty)
    }

    /// A command that subscribes, or ends that, is on its way.
    pub(super) fn note(&mut self, subscription: Option<&Subscription>) {
        let Some(Subscription { effect, names }) = subscription else { return };
        match *effect {
            Effect::Subscribe { topic, .. } => self.wanted[topic as usize].extend(names.iter().cloned()),
            Effect::Unsubscribe { topic, count: 0 } => self.wanted[topic as usize].clear(),
            Effect::Unsubscribe { topic, .. } => self.wanted[topic as usize].retain(|name| !names.contains(name)),
            _ => {}
        }
    }

    /// The server does not let us: it is not asked again.
    pub(super) fn refused(&mut self, subscription: Option<&Subscription>) {
        if let Some(Subscription { effect: Effect::Subscribe { topic, .. }, names }) = subscription {
            self.wanted[*topic as usize].retain(|name| !names.contains(name));
        }
    }

    /// The connection was lost: what is said from now on is missed.
    pub(super) fn interrupted(&mut self, error: &Error) {
        if !self.is_empty() && self.gap.is_none() {
            self.gap = Some((Instant::now(), error.message.clone()));
        }
    }

    /// A word about the gap that ends now.
    pub(super) fn gap(&mut self) -> Option<Result<Completion>> {
        let (since, reason) = self.gap.take()?;
        let gap_ms = i64::try_from(since.elapsed().as_millis()).unwrap_or(i64::MAX);
        let mut builder = Builder::new();
        builder.open(Kind::RREDIS_REPLY_PUSH);
        builder.add_text(Kind::RREDIS_REPLY_STRING, b"gap");
        builder.add_null();
        builder.add_text(Kind::RREDIS_REPLY_STRING, &reason);
        builder.add_integer(Kind::RREDIS_REPLY_INTEGER, gap_ms);
        builder.end();
        Some(builder.take().map(|push| Completion { result: Ok(push), call_data: ptr::null_mut() }))
    }

    /// Ask again for all that is wanted.
    pub(super) fn resume(&self, session: &mut Session, pending: &mut VecDeque<Pending>) -> Result<()> {
        let words: [(&[u8], Topic); 3] =
            [(b"SUBSCRIBE", Topic::Channel), (b"PSUBSCRIBE", Topic::Pattern), (b"SSUBSCRIBE", Topic::Shard)];
        for (word, topic) in words {
            let names = &self.wanted[topic as usize];
            if names.is_empty() {
                continue;
            }
            let args: Vec<&[u8]> = std::iter::once(word).chain(names.iter().map(Vec::as_slice)).collect();
            let mut command = Pending::own(session.submit_any(&args, Shape::KEEP)?.ticket);
            let effect = Effect::Subscribe { topic, count: names.len() };
            command.more().subscription = Some(Subscription::of(effect, &args)?);
            pending.push_back(command);
        }
        Ok(())
    }
}

impl Evented {
    /// A push has come; it may have been the last confirmation that the oldest command is due, which then completes with NULL.
    pub(super) fn pushed(&mut self) {
        let Stage::Open(connection) = &mut self.line.stage else { return };
        let Some(oldest) = self.pending.front().filter(|oldest| oldest.subscription().is_some()) else { return };
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
}

/// Messages and replies cannot be told apart there.
pub(super) fn in_resp2() -> Error {
    let text = "subscriptions beside commands take RESP3, and this connection speaks RESP2: use an rredis_pubsub";
    Error::new(Status::Unsupported, text)
}
