//! What one server, or one slot, is to do of a command.
#![forbid(unsafe_code)]

use std::sync::Arc;

use crate::error::{Error, Outcome, Result};
use crate::reply::Reply;

use super::super::gate::Gate;
use super::super::map::Server;
use super::super::order::Order;
use super::super::tries::{Tried, Tries};
use super::super::walking::FirstTry;

/// What one server, or one slot, is to do.
pub(super) struct Portion<'p> {
    pub(super) order: Order<'p>,
    pub(super) to: Destination,
    /// The server that it goes to first. None: there is none that is known to take it now.
    pub(super) server: Option<Arc<Server>>,
    /// That server takes it only directly behind ASKING.
    pub(super) asking: bool,
    /// The gate of that server's shard.
    pub(super) gate: Arc<Gate>,
    pub(super) tries: Tries,
    /// The first try, where it was not the last.
    pub(super) begun: Option<FirstTry>,
    /// What it came to.
    pub(super) came: Option<Result<Reply>>,
}

/// For whom a part is.
pub(super) enum Destination {
    /// The owner of this slot.
    Slot(u16),
    /// The primary of the shard with the part's gate.
    Shard,
    /// This server, whatever it is.
    Server(Arc<Server>),
}

impl<'p> Portion<'p> {
    pub(super) fn new(order: Order<'p>, to: Destination, server: Option<&Arc<Server>>, gate: Arc<Gate>) -> Portion<'p> {
        let server = server.cloned();
        Portion { order, to, server, asking: false, gate, tries: Tries::default(), begun: None, came: None }
    }

    /// The call ended before the part came to its end: what the last try came to, if there was one.
    pub(super) fn unfinished(&mut self, ended: &Error) -> Error {
        match self.begun.take() {
            Some((_, Ok(reply))) => self.order.error(&reply),
            Some((_, Err(Tried { error, .. }))) => error,
            None => ended.clone().with_outcome(Outcome::NotSent),
        }
    }

    pub(super) fn place(&self) -> Arc<str> {
        self.server.as_ref().map_or_else(|| "?".into(), |server| Arc::clone(server.pool.dial().endpoint()))
    }
}

/// There is no memory for them.
pub(super) fn no_memory() -> Error {
    Error::memory("the parts of the command").with_outcome(Outcome::NotSent)
}
