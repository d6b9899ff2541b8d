//! For whoever drives a conversation in steps: what is soon read, can be taken back or carried to the next conversation, or is
//! confirmed.

use crate::commands::{Effect, Shape};
use crate::error::{Error, Result};
use crate::reply::Reply;

use super::inflight::Due;
use super::{Session, Ticket, ending};

impl Session {
    /// Queue a command that was encoded before. With an effect, one of SUBSCRIBE's kin; nothing else that changes the connection.
    pub fn submit_encoded(&mut self, bytes: &[u8], effect: Effect, shape: Shape) -> Result<Ticket> {
        self.ready()?;
        let due = match effect {
            Effect::None if ending::is_shutdown(bytes)? => Due::Reply(Effect::Shutdown),
            effect => self.state.due(effect, &[]),
        };
        self.inflight.submit_encoded(bytes, due, shape)
    }

    /// The reply that is due next, where it is one short value and all there, and nothing else is to be read off it: most
    /// are. None: there is none, or it is for `poll` to say.
    #[inline]
    pub fn poll_leaf(&mut self) -> Result<Option<Reply>> {
        let ordinary =
            self.events.is_empty() && self.is_ready() && !self.state.is_queueing() && !self.state.may_say_more();
        let Some(shape) = self.inflight.next_shape_sent().filter(|_| ordinary) else { return Ok(None) };
        let Some((entry, bytes)) = self.parser.peek() else { return Ok(None) };
        let Some(entry) = shape.leaf(entry, bytes) else { return Ok(None) };
        let len = bytes.len();
        match Reply::of_short(entry, bytes) {
            Ok(Some(reply)) => {
                self.parser.pass(len);
                self.inflight.end_oldest();
                Ok(Some(reply))
            }
            Ok(None) => Ok(None),
            Err(error) => Err(self.could_not_keep(error)),
        }
    }

    /// A reply that cannot be kept has arrived all the same.
    #[cold]
    fn could_not_keep(&mut self, error: Error) -> Error {
        self.begun = true;
        self.fail(error.clone());
        error
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
