//! Which servers commands that only read are sent to.

use super::fault::config;
use super::{Key, Options};
use crate::error::Result;

/// Which servers of a cluster are read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadFrom {
    /// The primary.
    Primary,
    /// A replica, and the primary where there is none.
    PreferReplica,
    /// A replica.
    Replica,
    /// The primary or a replica.
    Any,
    /// A replica of the program's zone, or else any, or else the primary.
    Zone,
}

impl Options {
    /// Which servers are read from.
    pub fn read_from(&self) -> ReadFrom {
        match self.number(Key::ReadFrom) {
            1 => ReadFrom::PreferReplica,
            2 => ReadFrom::Replica,
            3 => ReadFrom::Any,
            4 => ReadFrom::Zone,
            _ => ReadFrom::Primary,
        }
    }

    /// The availability zone that the program is in.
    pub fn zone(&self) -> Option<&[u8]> {
        self.text(Key::Zone)
    }

    /// Where the zone counts, it is said. A program may say it once and for all, whatever is read from.
    pub(super) fn check_zone(&self) -> Result<()> {
        match (self.read_from(), self.zone()) {
            (ReadFrom::Zone, None) => Err(config("read_from: zone, and the option zone does not say which")),
            _ => Ok(()),
        }
    }
}
