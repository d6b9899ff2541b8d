//! Leaving a server that became a replica: it still answers the commands that were sent, and the others wait for a
//! connection that looks up the address again.

use std::time::Instant;

use crate::error::Error;

use super::held::Held;
use super::{NumberedLine, Stage, Transition};

impl NumberedLine {
    /// The server answered READONLY: begin to leave it. False: the line is leaving it already, or no connection is open.
    pub fn leave(&mut self, error: Error) -> bool {
        let is_news = self.flow.outdated.is_none() && matches!(self.stage, Stage::Open(_));
        if is_news {
            self.flow.outdated = Some(error);
            self.take_back_unsent();
        }
        is_news
    }

    /// Take the unsent commands back from the session, and hold them for the next connection.
    fn take_back_unsent(&mut self) {
        let NumberedLine { stage: Stage::Open(connection), flow, waiting, held, subscriptions, .. } = self else {
            return;
        };
        let (waited, _) = held.amount();
        connection.session_mut().withdraw(flow.offered, |command| {
            // The library's own commands stay in the session, and are sent to this server. So does a command for which there
            // is no memory.
            let is_held = waiting.get(command.asker.token).is_some()
                && Held::of(&command).and_then(|command| held.push_back(command)).is_ok();
            if is_held {
                subscriptions.withdrawn(command.ticket);
            }
            is_held
        });
        held.move_to_end(waited);
    }

    /// End the connection when its last reply has arrived. The next one is opened at once if a command or a
    /// subscription needs it.
    pub(super) fn leave_if_settled(&mut self, now: Instant) {
        if self.flow.outdated.is_none() || !self.owes_nothing() {
            return;
        }
        let (Stage::Open(connection), Some(error)) = (std::mem::take(&mut self.stage), self.flow.outdated.take())
        else {
            return;
        };
        let error = connection.told_of(error);
        self.changes.push_back(Transition::Left { connection });
        self.interrupted(&error, now);
        self.down(error, now);
        self.again |= !self.is_idle();
    }
}
