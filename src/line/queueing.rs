//! Accepting a command: memory for its completion; commands that subscribe, and commands that wait for a connection.

use std::time::Instant;

use crate::commands::Shape;
use crate::error::{Error, Result};
use crate::resp;
use crate::session::{Asked, Asker, Session, Subscriptions};

use super::held::Held;
use super::subscription::Subscription;
use super::{NumberedLine, Stage};

impl NumberedLine {
    /// Reserve memory so that every accepted command can complete.
    #[inline(always)]
    pub(super) fn make_room(&mut self) -> Result<()> {
        let is_room =
            !self.waiting.is_full() && self.came.capacity().wrapping_sub(self.came.len()) > self.waiting.len();
        if is_room { Ok(()) } else { self.make_more_room() }
    }

    #[cold]
    #[inline(never)]
    fn make_more_room(&mut self) -> Result<()> {
        self.waiting.reserve().map_err(|_| Error::memory("the command"))?;
        if self.came.capacity().wrapping_sub(self.came.len()) <= self.waiting.len() {
            self.came.try_reserve(self.waiting.len() + 1).map_err(|_| Error::memory("the command"))?;
        }
        Ok(())
    }

    /// Queue a command that subscribes or unsubscribes, or one that waits for a connection.
    #[cold]
    #[inline(never)]
    pub(super) fn queue_or_hold(
        &mut self,
        args: &[&[u8]],
        shape: Shape,
        asker: Asker,
        now: &mut dyn FnMut() -> Instant,
    ) -> Result<()> {
        let subscription = self.waiting.get(asker.token).and_then(|waiting| waiting.subscription.as_deref());
        let flow = &self.flow;
        let open = match &mut self.stage {
            Stage::Open(connection) if flow.outdated.is_none() && connection.failure().is_none() => Some(connection),
            _ => None,
        };
        let Some(connection) = open else {
            let mut bytes = Vec::new();
            resp::encode(args, &mut bytes)?;
            return self.held.push_back(Held { asker, bytes, shape, asking: false });
        };
        let asked = Asked::any(args, shape).by(asker);
        pass(&mut self.subscriptions, subscription, connection.session_mut(), asked)?;
        if self.subscriptions.is_empty() {
            // No message could be missed before the first subscription.
            self.heard = Some(now());
        }
        Ok(())
    }
}

/// The command that lets the next one be served by a server that is about to get its slot.
pub(super) fn asking() -> Asked<'static> {
    Asked::plain(&[b"ASKING"], Shape::KEEP)
}

/// Give a command to the session, and note its subscriptions.
pub(super) fn pass(
    subscriptions: &mut Subscriptions,
    subscription: Option<&Subscription>,
    session: &mut Session,
    asked: Asked<'_>,
) -> Result<()> {
    let mut submit = || session.submit(asked).map(|submitted| submitted.ticket);
    match subscription {
        Some(Subscription { effect, names }) => subscriptions.pass(*effect, names, submit).map(drop),
        None => submit().map(drop),
    }
}
