//! What a line gives its driver: results of commands, pushes and gaps, and changes of the connection.

use std::time::{Duration, Instant};

use crate::conn::{Connection, Notice};
use crate::error::{Error, Outcome};
use crate::reply::Reply;

/// Reads the clock where that is needed.
pub(super) type ReadClock<'c> = &'c dyn Fn() -> Instant;

/// The result of a command, a push, or a gap.
pub enum Came<T> {
    /// The reply to a command, as the server sent it. An error reply of the server is one too.
    Reply(T, Reply),
    /// The server sent the last confirmation of a command that subscribes or unsubscribes.
    Confirmed(T),
    /// The command failed. The error has the reason and the outcome.
    Failed(T, Box<Error>),
    /// The command timed out.
    Late {
        /// The token of the command.
        token: T,
        /// Whether the command ran.
        outcome: Outcome,
        /// Why the command was not sent, if that is known.
        why: Option<Box<Error>>,
    },
    /// A message of what is subscribed.
    Message(Reply),
    /// The server has confirmed a subscription, or the end of one.
    Confirmation(Reply),
    /// A push of any other kind.
    Push(Reply),
    /// Messages may have been missed.
    Gap {
        /// The reason.
        reason: Vec<u8>,
        /// The longest time for which messages may be missing.
        lasted: Duration,
    },
    /// Names that another server has are subscribed here no more.
    Adrift(Adrift),
    /// A subscription could not be restored, or no connection for it can be opened.
    Refused(Box<Error>),
}

/// Names that are subscribed on a line no more, and wanted all the same: another server has them.
pub struct Adrift {
    /// The names, all of one slot.
    pub names: Vec<Vec<u8>>,
    /// The server's words, where it says who has them.
    pub said: Option<Vec<u8>>,
    /// Since when messages of theirs may be missing, and why.
    pub gap: Option<(Instant, Vec<u8>)>,
}

/// A change of the connection.
pub enum Transition {
    /// A connection was opened.
    Opened {
        /// The notice for the event function.
        notice: Notice,
    },
    /// The connection was lost. It is closed when this value is dropped. The driver must stop polling its descriptor
    /// before that.
    Lost {
        /// The connection.
        connection: Box<Connection>,
        /// The reason.
        error: Error,
    },
    /// The connection was left after its last reply. It is closed when this value is dropped, as a lost one is.
    Left {
        /// The connection.
        connection: Box<Connection>,
    },
}
