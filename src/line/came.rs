//! What a driver is given: what came of a command, what came unasked, and what became of the connection.

use std::time::Duration;

use crate::conn::{Connection, Notice};
use crate::error::{Error, Outcome};
use crate::reply::Reply;

/// What came of a command, or came unasked.
pub enum Came<T> {
    /// The reply to a command, as the wire has it, or the server's error.
    Reply(T, Reply),
    /// The server has confirmed all that a command of SUBSCRIBE's kin asked for.
    Confirmed(T),
    /// No reply will come. The error says why, and what became of the command.
    Failed(T, Box<Error>),
    /// The time of a command is up.
    Late {
        /// What came with it.
        token: T,
        /// What became of it.
        outcome: Outcome,
        /// What kept it from being sent, where that is known.
        why: Option<Box<Error>>,
    },
    /// A message, a confirmation, or another push.
    Push(Reply),
    /// Messages may have been missed.
    Gap {
        /// Why.
        reason: Vec<u8>,
        /// For how long nothing was heard.
        lasted: Duration,
    },
    /// What is wanted without a command that asks for it will not be had.
    Refused(Box<Error>),
}

/// What has become of the connection.
pub enum Change {
    /// One was opened.
    Opened {
        /// What is told of that.
        notice: Notice,
    },
    /// One was lost. It is closed when this is dropped: by then nobody may watch its descriptor.
    Lost {
        /// It.
        connection: Box<Connection>,
        /// Why.
        error: Error,
    },
    /// One was left in good order. It is closed when this is dropped, as one that was lost.
    Left {
        /// It.
        connection: Box<Connection>,
    },
}
