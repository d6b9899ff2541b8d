//! The next reply or push of the parser's, as a tree of the shape that is due.

use crate::commands::Shape;
use crate::error::Result;
use crate::reply::Reply;

use super::parsed::Parsed;
use super::{Session, push};

impl Session {
    /// The next that the parser has. `None`: nothing whole.
    pub(super) fn parse(&mut self) -> Result<Option<Parsed>> {
        let may_be_message = self.null_patterns && self.may_be_message();
        let Some(frame) = self.parser.next()? else { return Ok(None) };
        let wire_len = frame.wire_len();
        if self.null_patterns
            && (frame.is_push() || may_be_message)
            && let Some(mut entries) = push::with_null_pattern(&frame)
        {
            let is_message = frame.is_push();
            let reply = Reply::build_from(&mut frame.under(&mut entries, 1))?;
            return Ok(Some(Parsed { reply, wire_len, shaped: false, is_message }));
        }
        let is_answer = !frame.is_push() && !self.state.may_say_more();
        let shape = if is_answer { self.inflight.next_shape() } else { None };
        // An answer that cannot be kept has arrived all the same; what may be a message says nothing of any answer.
        let reply = shape.unwrap_or(Shape::KEEP).build(frame).inspect_err(|_| self.begun |= is_answer)?;
        Ok(Some(Parsed { reply, wire_len, shaped: shape.is_some(), is_message: false }))
    }
}
