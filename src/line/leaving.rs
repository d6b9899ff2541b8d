//! When the server is not the one to be at any more: what was sent is answered there, and what was not waits for another
//! connection, to where the address leads then.

use std::time::Instant;

use crate::error::Error;

use super::held::Held;
use super::{Change, Line, Stage};

impl<T> Line<T> {
    /// The server has said that it is not the one to be at. True: that is news.
    pub fn leave(&mut self, error: Error) -> bool {
        let is_news = self.flow.outdated.is_none() && matches!(self.stage, Stage::Open(_));
        if is_news {
            self.flow.outdated = Some(error);
            self.hold_back();
        }
        is_news
    }

    /// Take back from the conversation what can be, and hold it for the next.
    fn hold_back(&mut self) {
        let Line { stage: Stage::Open(connection), flow, waiting, held, subscriptions, .. } = self else { return };
        let (waited, _) = held.amount();
        connection.session_mut().withdraw(flow.offered, |command| {
            // One of our own is nothing to be sent elsewhere. What there is no memory to hold is sent here.
            let is_held = waiting.get(command.asker.token).is_some()
                && Held::of(&command).and_then(|command| held.push_back(command)).is_ok();
            if is_held {
                subscriptions.withdrawn(command.ticket);
            }
            is_held
        });
        held.bring_forward(waited);
    }

    /// The connection owes nothing any more: it ends, and the next is opened at once where something waits for it.
    pub(super) fn leave_if_settled(&mut self, now: Instant) {
        if self.flow.outdated.is_none() || !self.owes_nothing() {
            return;
        }
        let (Stage::Open(connection), Some(error)) = (std::mem::take(&mut self.stage), self.flow.outdated.take())
        else {
            return;
        };
        let error = connection.told_of(error);
        self.changes.push_back(Change::Left { connection });
        self.interrupted(&error, now);
        self.down(error, now);
        self.again |= !self.is_idle();
    }
}
