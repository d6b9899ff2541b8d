//! A command that subscribes, as it waits for its confirmations; and a gap in the messages.

use std::time::Instant;

use crate::commands::Effect;
use crate::error::{Error, Result};
use crate::memory;

/// A command that subscribes or unsubscribes, with its names.
pub(super) struct Subscription {
    pub(super) effect: Effect,
    pub(super) names: Vec<Vec<u8>>,
}

/// A time in which messages may have been missed.
pub(super) struct Gap {
    pub(super) since: Instant,
    pub(super) reason: Vec<u8>,
}

impl Subscription {
    /// The subscription of this command, with a copy of the names.
    pub(super) fn of(effect: Effect, args: &[&[u8]]) -> Result<Box<Subscription>> {
        let mut names = Vec::new();
        names.try_reserve_exact(args.len()).map_err(|_| Error::memory("the command"))?;
        for name in args.iter().skip(1) {
            names.push(memory::copied(name, "the command")?);
        }
        Ok(Box::new(Subscription { effect, names }))
    }
}
