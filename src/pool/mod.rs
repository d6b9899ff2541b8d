//! The connection pool of one server: a caller leases a connection while its command runs, the number of connections is
//! bounded, and callers that wait are served in order.
//!
//! ```text
//!  mod      the pool: leasing, warming and closing connections, and reading statistics
//!  lease    a leased connection
//!  lease_each  connections of several pools
//!  state    what the clones of a pool share: permits, the queue, eras
//!  shelf    the idle connections and the queue, under one lock
//!  health   the checks of an idle connection
//!  shared   a connection that callers share while they are many
//! ```
#![forbid(unsafe_code)]

mod health;
mod lease;
mod lease_each;
pub mod shared;
mod shelf;
mod state;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::conn::{Dial, Kept};
use crate::error::{Outcome, Result};
use crate::options::Share;
use crate::process::PerProcess;
use crate::reply::Reply;
use crate::stats::{Counters, Stat};
use crate::transport::Deadline;

pub use lease::Lease;
pub use lease_each::{Wanted, lease_each};
use shared::Sharing;
pub use shared::{Ride, Thrown};
use state::PoolState;

/// A pool. Clones share it. Dropping the last clone closes the idle connections.
#[derive(Clone)]
pub struct Pool {
    state: Arc<PoolState>,
    share: Share,
    /// A child of fork shares nothing with its parent.
    sharing: Arc<PerProcess<Sharing>>,
}

impl Pool {
    /// A pool that opens its connections with `dial`, when they are first needed.
    pub fn new(dial: Dial) -> Pool {
        let share = dial.share();
        let pool = Pool { state: Arc::new(PoolState::new(dial)), share, sharing: Arc::default() };
        // The shelf of this process is made now, so that no command has to make it.
        pool.state.shelves.figures();
        pool
    }

    /// How the pool opens its connections.
    pub fn dial(&self) -> &Dial {
        &self.state.dial
    }

    /// The pool's counters.
    pub fn counters(&self) -> &Counters {
        self.state.dial.counters()
    }

    /// Lease a connection: an idle one that still works, or a new one, or the next one that is returned.
    ///
    /// `kept` receives the pushes that arrived while the connection was idle. `wait_ms` is the longest wait for a
    /// connection. `now` is the clock as it was read last, and is read again where this slept.
    #[inline]
    pub fn lease(&self, now: &mut Instant, deadline: Deadline, wait_ms: i64, kept: &mut Kept) -> Result<Lease> {
        self.state.lease(now, deadline, wait_ms, kept)
    }

    /// A connection that is wanted by then, beside those of other pools.
    pub fn wanted(&self, deadline: Deadline) -> Wanted<'_> {
        Wanted { pool: &self.state, deadline }
    }

    /// Lease the connection used last, for a command that may share one, if it is free, was idle for a short time only, and is
    /// known to be still open. `None`: `lease_alone` finds out more.
    #[inline(always)]
    pub fn lease_resting(&self, now: Instant) -> Option<Lease> {
        let is_alone = match self.share {
            Share::Never => false,
            Share::Busy if self.state.may_be_alone() && !self.sharing().is_busy() => true,
            Share::Busy | Share::Always => return None,
        };
        // Once for both: it stands where it is needed.
        let lease = self.state.lease_resting(now)?;
        Some(if is_alone { lease.alone() } else { lease })
    }

    /// Whether a command that may share a connection does so now.
    #[inline]
    pub fn shares(&self) -> bool {
        match self.share {
            Share::Never => false,
            Share::Busy => self.sharing().is_busy(),
            Share::Always => true,
        }
    }

    /// Lease a connection for a command that may share one. `None`: it is to share.
    pub fn lease_alone(
        &self,
        now: &mut Instant,
        deadline: Deadline,
        wait_ms: i64,
        kept: &mut Kept,
    ) -> Result<Option<Lease>> {
        match self.share {
            Share::Never => self.state.lease(now, deadline, wait_ms, kept).map(Some),
            Share::Always => Ok(None),
            Share::Busy if self.sharing().is_busy() => Ok(None),
            Share::Busy => {
                let leased = match self.state.may_be_alone() {
                    true => self.state.lease_now(now, deadline, kept)?,
                    false => None,
                };
                if leased.is_none() {
                    self.sharing().begin();
                }
                Ok(leased.map(Lease::alone))
            }
        }
    }

    /// Send a command on the shared connection, and wait for its reply. `None`: so much waits there already that it is to
    /// go alone.
    pub fn ride(&self, ride: &Ride<'_>, kept: &mut Kept) -> std::result::Result<Option<Reply>, Thrown> {
        self.state.ride(self.sharing(), ride, kept)
    }

    /// Open connections until `count` are idle, or the pool has its maximum.
    pub fn warm(&self, count: usize) -> Result<()> {
        self.state.dial.refuse_reentry()?;
        let mut kept = Kept::new(false, 0);
        let mut leases = Vec::new();
        let mut result = Ok(());
        let resting = self.state.shelves.open().idle.len();
        while resting + leases.len() < count {
            let Some(permit) = self.state.permit() else { break };
            match permit.open(Deadline::never(), &mut kept) {
                Ok(lease) => leases.push(lease),
                Err(error) => {
                    result = Err(error.with_outcome(Outcome::None));
                    break;
                }
            }
        }
        // The connections that were opened become idle, even if the next one could not be opened.
        leases.into_iter().for_each(Lease::give_back);
        result
    }

    /// Close the connections that have been idle for too long. What is used closes them itself.
    pub fn sweep(&self, now: Instant) {
        self.state.sweep(now);
    }

    /// Close the idle connections now, and the leased ones when they are returned.
    pub fn drop_idle(&self) {
        self.state.end_era();
    }

    /// The server has become a replica. Close the idle connections now and the leased ones when they are returned, so
    /// that new connections look up the address again. Done at most once per `RENEWAL_MS_MIN`.
    pub fn renew(&self) {
        self.state.renew();
    }

    #[inline]
    fn sharing(&self) -> &Sharing {
        self.sharing.get(|_| Sharing::default())
    }

    /// The value of a statistic. `None`: the pool does not keep it.
    pub fn stat(&self, stat: Stat) -> Option<i64> {
        let figures = self.state.shelves.figures();
        let read = |figure: &AtomicUsize| figure.load(Ordering::Relaxed) as i64;
        match stat {
            Stat::Connections => Some(read(&figures.idle) + read(&figures.leased)),
            Stat::ConnectionsInUse => Some(read(&figures.leased)),
            Stat::ConnectionsIdle => Some(read(&figures.idle)),
            Stat::Waiting => Some(read(&figures.waiting)),
            stat => self.state.dial.counters().get(stat),
        }
    }
}

#[cfg(test)]
mod tests;
