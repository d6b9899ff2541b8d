//! How far a command came that went straight, for the long way to go on from there.

use crate::error::Error;
use crate::session::Ticket;

/// A straight way that was stopped.
pub(super) struct StoppedWay {
    /// The command that was queued.
    pub(super) ticket: Ticket,
    /// Why it went no further, where that is known.
    pub(super) why: Option<Box<WhyStopped>>,
}

/// What stopped a straight way.
pub(super) enum WhyStopped {
    /// The write failed.
    Writing(Error),
    /// The read failed.
    Reading(Error),
}
