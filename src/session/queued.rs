//! The commands queued in a transaction: the shapes of their replies, for the reply to EXEC.

use crate::commands::Shape;
use crate::error::{Error, Result};
use crate::reply::{Builder, Kind, Reply};

/// The shapes of the commands that the server has queued.
#[derive(Default)]
pub(super) struct Queued(Vec<Shape>);

impl Queued {
    /// A reply came, to a command that asked for this shape; and whether a transaction is open.
    pub(super) fn answered(&mut self, shape: Shape, reply: Reply, is_open: bool) -> Result<Reply> {
        if is_open {
            if reply.kind() == Kind::RREDIS_REPLY_STATUS && reply.text() == b"QUEUED" {
                self.0.try_reserve(1).map_err(|_| Error::memory("a transaction"))?;
                self.0.push(shape);
            }
            return Ok(reply);
        }
        let shapes = std::mem::take(&mut self.0);
        let is_answer = reply.kind() == Kind::RREDIS_REPLY_ARRAY && reply.view().len() == shapes.len();
        if !shape.is_of_elements() || !is_answer || shapes.iter().all(|shape| shape.is_keep()) {
            return Ok(reply);
        }
        let mut builder = Builder::for_copies();
        builder.add_attributes(&reply, reply.view());
        builder.open(Kind::RREDIS_REPLY_ARRAY);
        for (shape, element) in shapes.iter().zip(reply.view().children()) {
            shape.add(&reply, element, &mut builder);
        }
        builder.end();
        builder.take()
    }
}
