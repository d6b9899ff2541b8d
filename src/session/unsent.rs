//! For whoever drives a conversation in steps: what can be taken back, carried to the next conversation, or is confirmed.

use crate::commands::{Effect, Shape};
use crate::error::Result;

use super::{Session, Ticket};

impl Session {
    /// Queue a command that was encoded before. With an effect, one of SUBSCRIBE's kin; nothing else that changes the connection.
    pub fn submit_encoded(&mut self, bytes: &[u8], effect: Effect, shape: Shape) -> Result<Ticket> {
        self.ready()?;
        let due = self.state.due(effect, &[]);
        self.inflight.submit_encoded(bytes, due, shape)
    }

    /// The oldest command that is still owed something.
    pub fn oldest(&self) -> Option<Ticket> {
        self.inflight.oldest()
    }

    /// The command that was queued last.
    pub fn newest(&self) -> Ticket {
        self.inflight.newest()
    }

    /// Whether there is something to be handed over, and nothing is owed to anything that was.
    pub fn begins_anew(&self) -> bool {
        self.inflight.begins_anew()
    }

    /// Each command of which no byte was handed over, its bytes and its shape, oldest first.
    pub fn unsent(&self) -> impl Iterator<Item = (Ticket, &[u8], Shape)> {
        self.inflight.unsent()
    }

    /// Take back what is unwanted, where no byte of it was handed over or is among the next `offered`: it is never sent, and
    /// nothing is due to it. Only in a conversation without CLIENT REPLY.
    pub fn withdraw(&mut self, offered: usize, unwanted: impl FnMut(Ticket) -> bool) {
        self.inflight.withdraw(offered, unwanted);
    }

    /// Whether anything has arrived that was not told yet.
    pub fn holds_more(&self) -> bool {
        !self.events.is_empty() || !self.parser.is_empty()
    }

    /// Whether the server agreed on RESP3, in which pushes are told from replies.
    pub fn is_resp3(&self) -> bool {
        self.state.is_resp3()
    }
}
