//! A command that goes alone over a conversation that is as a new one, and is mostly answered by one short value.

use crate::commands::{Effect, Shape};
use crate::error::Result;
use crate::reply::Reply;

use super::inflight::{Alone, Due};
use super::{Session, Ticket};

/// A command that went alone. Until it is answered or owed, nothing else is asked of the conversation.
pub struct Straight {
    alone: Alone,
    shape: Shape,
}

impl Session {
    /// Whether a command may go straight: nothing is under way or unread, and only its reply can come.
    #[inline]
    pub fn may_go_straight(&self) -> bool {
        let is_quiet = self.is_ready() && self.inflight.is_empty() && self.events.is_empty() && self.parser.is_empty();
        is_quiet && self.state.answers_in_turn()
    }

    /// Queue a command that changes nothing of the connection, in a conversation that is clean. What it is due is not noted yet.
    #[inline(always)]
    pub fn submit_straight(&mut self, args: &[&[u8]], room: usize, shape: Shape) -> Result<Straight> {
        Ok(Straight { alone: self.inflight.submit_alone(args, room)?, shape })
    }

    /// Its reply, where all of it was handed over, and the reply is one short value, and all there. `None`: it is to be owed.
    #[inline(always)]
    pub fn answered_straight(&mut self, straight: &Straight) -> Option<Reply> {
        let (entry, bytes) = self.parser.peek()?;
        let entry = straight.shape.leaf(entry, bytes)?;
        let len = bytes.len();
        // What there is no memory for is found out once more.
        let reply = Reply::of_short(entry, bytes).ok()??;
        self.parser.pass(len);
        Some(reply)
    }

    /// It is not answered so: from now on it is due its reply as any other.
    #[cold]
    pub fn owe(&mut self, straight: &Straight) -> Ticket {
        self.inflight.owe(&straight.alone, Due::Reply(Effect::None), straight.shape);
        straight.alone.ticket
    }
}
