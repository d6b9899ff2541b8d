//! What of a batch goes to one server, or waits for one.
#![forbid(unsafe_code)]

use std::sync::Arc;

use crate::error::Error;
use crate::pool::Lease;

use super::errand::Errand;
use super::gate::{Gate, Scout};
use super::many::Many;
use super::map::{Server, Shard};
use super::scout::ScoutRounds;

/// What goes to one server in one round.
pub struct Leg {
    /// A connection to it.
    pub lease: Lease,
    /// The commands, in their order.
    pub errands: Vec<Errand>,
    /// The server.
    pub stop: Stop,
}

/// A server that commands go to.
pub struct Stop {
    pub(super) server: Arc<Server>,
    pub(super) gate: Arc<Gate>,
    pub(super) opened: u64,
    pub(super) scouting: Option<Scouting>,
}

/// Commands whose shard has no primary that takes them.
pub(super) struct HeldBack {
    pub(super) gate: Arc<Gate>,
    pub(super) shard: Option<Arc<Shard>>,
    pub(super) errands: Vec<Errand>,
}

/// A leg that broke off.
pub struct BrokenLeg {
    /// The server.
    pub stop: Stop,
    /// Why.
    pub error: Error,
    /// The connection had been idle before.
    pub rested: bool,
    /// The commands that were not answered, in their order.
    pub errands: Vec<Errand>,
    /// How many of them had left, in part at least.
    pub sent: usize,
}

/// The scout of a shard.
pub(super) struct Scouting {
    pub(super) scout: Scout,
    pub(super) rounds: ScoutRounds,
    /// The primary was just tried, in vain.
    pub(super) is_tried: bool,
}

impl Scouting {
    pub(super) fn is_of(&self, gate: &Arc<Gate>) -> bool {
        self.scout.is_of(gate)
    }

    /// The primary was tried in vain.
    pub(super) fn tried(self) -> Scouting {
        Scouting { is_tried: true, ..self }
    }

    /// How long a server may take to be connected to.
    pub(super) fn patience_ms(&self, many: &Many) -> i64 {
        self.rounds.patience_ms(many)
    }

    /// The shard works.
    pub(super) fn open(self) {
        self.scout.open();
    }
}

impl Stop {
    /// The server has answered a command: whoever waits for this shard may go on.
    pub fn works(&mut self) {
        if let Some(scouting) = self.scouting.take() {
            scouting.open();
        }
    }

    pub(super) fn endpoint(&self) -> &str {
        self.server.pool.dial().endpoint()
    }
}
