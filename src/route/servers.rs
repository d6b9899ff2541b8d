//! The servers that clients share: one, or many that are one to a client.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::Duration;

use crate::commands;
use crate::conn::{Dial, Kept};
use crate::error::{Error, Outcome, Result, Status};
use crate::ongoing;
use crate::options::Topology;
use crate::pool::Pool;
use crate::stats::Stat;
use crate::transport::Deadline;

use super::cluster::refresh::{Refreshed, Whom};
use super::many::{Many, Why};
use super::map::Server;
use super::overdue;

/// What of many servers a client is for.
#[derive(Clone, Copy)]
pub enum Whereto<'t> {
    /// The server of this endpoint, as messages name it.
    Server(&'t [u8]),
    /// Whichever has this key's slot.
    Key(&'t [u8]),
}

/// One server, or many. Cloning shares them.
#[derive(Clone)]
pub struct Servers {
    /// Of the one server. Of many it has the options and the counters, and no connection.
    home: Pool,
    many: Option<Arc<Many>>,
    /// Of many those are meant that have this slot.
    slot: Option<u16>,
}

impl Servers {
    /// The servers that this dials. Nothing is connected yet.
    pub fn new(dial: Dial) -> Servers {
        let many =
            (dial.options().topology() != Topology::Single).then(|| Many::new(dial.clone(), overdue::of_cluster));
        Servers { home: Pool::new(dial), many, slot: None }
    }

    /// The pool of the one server. Of many it has the options and the counters, and no connection.
    #[inline]
    pub fn home(&self) -> &Pool {
        &self.home
    }

    /// The many, where it is not one.
    #[inline]
    pub(super) fn many(&self) -> Option<&Arc<Many>> {
        self.many.as_ref()
    }

    /// The slot whose owner is meant, where not all are.
    pub(super) fn slot(&self) -> Option<u16> {
        self.slot
    }

    /// Those of a target alone. Only where no server is known yet is one asked.
    pub fn at(&self, target: Whereto<'_>, patience: Deadline, kept: &mut Kept) -> Result<Servers> {
        self.home.dial().refuse_reentry()?;
        let many = match (&self.many, self.slot) {
            (Some(many), None) => many,
            (Some(_), Some(_)) => return Err(narrowed()),
            (None, _) => {
                let name = self.home.dial().endpoint();
                return match target {
                    Whereto::Server(endpoint) if endpoint != name.as_bytes() => Err(unknown(endpoint)),
                    _ => Ok(self.clone()),
                };
            }
        };
        match target {
            Whereto::Server(endpoint) => {
                many.know(patience, kept)?;
                let map = Arc::clone(&many.map());
                let is_meant = |server: &&Arc<Server>| server.pool.dial().endpoint().as_bytes() == endpoint;
                let server = map.servers().find(is_meant).ok_or_else(|| unknown(endpoint))?;
                Ok(Servers { home: server.pool.clone(), many: None, slot: None })
            }
            Whereto::Key(_) if !many.is_cluster() => Ok(self.clone()),
            Whereto::Key(key) => Ok(Servers { slot: Some(commands::slot(key)), ..self.clone() }),
        }
    }

    /// Open connections until `count` to each primary are idle, or its pool has its maximum.
    pub fn warm(&self, count: usize) -> Result<()> {
        let Some(many) = &self.many else { return self.home.warm(count) };
        self.home.dial().refuse_reentry()?;
        let deadline = Deadline::after_ms(many.dial.options().command_timeout_ms());
        let mut kept = Kept::new(false, 0);
        many.know(deadline, &mut kept)?;
        let map = Arc::clone(&many.map());
        map.shards().iter().try_for_each(|shard| shard.primary.pool.warm(count))
    }

    /// Close the idle connections now, and the leased ones when they are returned.
    pub fn drop_idle(&self) {
        self.home.drop_idle();
        if let Some(many) = &self.many {
            let map = Arc::clone(&many.map());
            map.servers().for_each(|server| server.drop_idle());
        }
    }

    /// The value of a statistic, of all servers together. `None`: it is not kept.
    pub fn stat(&self, stat: Stat) -> Option<i64> {
        let Some(many) = &self.many else { return self.home.stat(stat) };
        many.stat(stat).or_else(|| match stat {
            Stat::Connections | Stat::ConnectionsInUse | Stat::ConnectionsIdle | Stat::Waiting => {
                Some(many.map().servers().map(|server| server.stat(stat)).sum())
            }
            stat => self.home.stat(stat),
        })
    }
}

impl Many {
    /// Which servers there are has to be known: where nothing is, one is asked, by one caller, for whom the others wait.
    pub(super) fn know(&self, deadline: Deadline, kept: &mut Kept) -> Result<()> {
        while self.map().number == 0 {
            match self.refresh(Why::Old, Whom::ALL, deadline, kept) {
                Refreshed::Failed(error) => return Err(error),
                Refreshed::Taken => {}
                Refreshed::NotDue if deadline.has_passed() => {
                    let text = "topology: another call still reads it";
                    return Err(Error::new(Status::Timeout, text).with_outcome(Outcome::NotSent));
                }
                Refreshed::NotDue => ongoing::pause(MOMENT)?,
            }
        }
        Ok(())
    }
}

fn unknown(endpoint: &[u8]) -> Error {
    let shown = crate::error::quoted(endpoint, SHOWN_MAX);
    let text = [b"target: the client has no server ", &shown[..]].concat();
    Error::new(Status::Argument, text).with_outcome(Outcome::None)
}

fn narrowed() -> Error {
    let text = "target: the client is for the server that has one slot already";
    Error::new(Status::Argument, text).with_outcome(Outcome::None)
}

/// Between two looks whether another caller has read the first map.
const MOMENT: Duration = Duration::from_millis(5);
/// Bytes of an endpoint that a message shows.
const SHOWN_MAX: usize = 100;
