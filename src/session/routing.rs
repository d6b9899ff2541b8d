//! Whose a reply is: the greeting's, a command's, or nobody's that asked; and what the connection has become by it.

use crate::commands::Effect;
use crate::error::{Error, Result, Status};
use crate::reply::{Kind, Reply};

use super::asked::Token;
use super::inflight::{Answered, Due};
use super::{Event, Parsed, Session, push};

impl Session {
    /// Give a reply to whom it belongs, as the event that it is.
    pub(super) fn route(&mut self, Parsed { reply, wire_len, shaped }: Parsed) -> Result<Option<Event>> {
        if reply.kind() == Kind::RREDIS_REPLY_PUSH {
            let ends = self.confirm(&reply)?;
            return Ok(Some(Event::Push { push: reply, wire_len, ends }));
        }
        if let Some(handshake) = &mut self.handshake {
            let answered = handshake.answered(&reply, &mut self.inflight, &mut self.state);
            if self.secretive_until.is_some() {
                reply.wipe();
            }
            if answered?.is_over() {
                self.speaks_resp2 = handshake.speaks_resp2();
                self.handshake = None;
                self.inflight.end_greeting()?;
                self.secretive_until = self.secretive_until.map(|_| self.inflight.handed());
                self.parser.hold_secrets(false);
            }
            return Ok(None);
        }
        // In RESP2 a message is an array like any other: only the state of the connection tells them apart.
        if self.may_be_message() && push::is_message(&reply) {
            // Some servers agree on RESP3, and say their messages in RESP2.
            self.speaks_resp2 |= self.state.is_resp3();
            self.state.speaks_resp3(false);
            let ends = self.confirm(&reply)?;
            return Ok(Some(Event::Push { push: reply.into_push(), wire_len, ends }));
        }
        if self.state.is_monitoring() && push::is_monitor_line(&reply) {
            return Ok(Some(Event::Push { push: reply, wire_len, ends: None }));
        }
        // It stays with what is due: nothing says that it ran.
        if self.inflight.next_confirms() && !reply.is_error() {
            return Err(Error::new(Status::Protocol, "a subscription was answered with something else"));
        }
        let Answered { ticket, token, due, shape } = self.asked_for(&reply)?;
        let was_queueing = self.state.is_queueing();
        if let Due::Reply(effect) = due {
            self.state.became(effect, &reply);
            if matches!(effect, Effect::Monitor | Effect::Reset) {
                self.parser.expect_monitor(self.state.is_monitoring());
            }
        }
        let reply = if shaped { reply } else { shape.reshape(&reply)?.unwrap_or(reply) };
        let reply = match was_queueing {
            true => self.queued.answered(shape, reply, self.state.is_queueing())?,
            false => reply,
        };
        Ok(Some(Event::Reply { ticket, token, reply }))
    }

    /// Whether an array that looks like a message, or like a confirmation, is one. In RESP3 it is where it can be no reply.
    fn may_be_message(&self) -> bool {
        let confirms = self.inflight.next_confirms();
        match self.state.is_resp3() {
            false => confirms || self.state.expects_messages(),
            true => confirms || (self.state.expects_messages() && !self.inflight.owes()),
        }
    }

    /// A confirmation of SUBSCRIBE or its kin changes what is subscribed, and answers the command that asked.
    /// Some: that one had a token, and is due no more of them.
    fn confirm(&mut self, push: &Reply) -> Result<Option<Token>> {
        let Some(mut confirmation) = push::confirmation(push)? else { return Ok(None) };
        let emptied = self.state.confirmed(&mut confirmation)?;
        self.inflight.confirmed(&confirmation, emptied)
    }
}
