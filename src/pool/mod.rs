//! The connection pool of one server: a caller leases a connection while its command runs, the number of connections is
//! bounded, and callers that wait are served in order.
//!
//! ```text
//!  mod      the pool: leasing, warming and closing connections, and reading statistics
//!  lease    a leased connection
//!  state    what the clones of a pool share: permits, the queue, eras
//!  shelf    the idle connections and the queue, under one lock
//!  health   the checks of an idle connection
//! ```
#![forbid(unsafe_code)]

mod health;
mod lease;
mod shelf;
mod state;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::conn::{Dial, Kept};
use crate::error::{Outcome, Result};
use crate::stats::{Counters, Stat};
use crate::transport::Deadline;

pub use lease::Lease;
use shelf::Grant;
use state::{Gone, Permit, PoolState};

/// A pool. Clones share it. Dropping the last clone closes the idle connections.
#[derive(Clone)]
pub struct Pool(Arc<PoolState>);

impl Pool {
    /// A pool that opens its connections with `dial`, when they are first needed.
    pub fn new(dial: Dial) -> Pool {
        let pool = Pool(Arc::new(PoolState::new(dial)));
        // The shelf of this process is made now, so that no command has to make it.
        pool.0.shelves.figures();
        pool
    }

    /// How the pool opens its connections.
    pub fn dial(&self) -> &Dial {
        &self.0.dial
    }

    /// The pool's counters.
    pub fn counters(&self) -> &Counters {
        self.0.dial.counters()
    }

    /// Lease a connection: an idle one that still works, or a new one, or the next one that is returned.
    ///
    /// `kept` receives the pushes that arrived while the connection was idle. `wait_ms` is the longest wait for a
    /// connection. `now` is the clock as it was read last, and is read again where this slept.
    #[inline]
    pub fn lease(&self, now: &mut Instant, deadline: Deadline, wait_ms: i64, kept: &mut Kept) -> Result<Lease> {
        self.0.dial.refuse_reentry()?;
        let Grant { mut rested, mut era } = self.0.ask(now, deadline, wait_ms, kept)?;
        let permit = Permit(&self.0);
        loop {
            let Some(connection) = rested.take() else {
                let opened = permit.open(deadline, kept);
                *now = Instant::now();
                return opened;
            };
            match self.0.check(connection, now, deadline, kept) {
                Ok(connection) => return Ok(permit.lease(connection, era, true)),
                // The idle connection was lost. The permit is still held: try another idle connection.
                Err(Gone::Closed) => {
                    let mut shelf = self.0.shelves.open();
                    (rested, era) = (shelf.idle.pop(), self.0.era());
                }
                // The server did not answer a PING in time. Another idle connection could cost as much time again, so a
                // new one is opened in the time that is left.
                Err(Gone::Silent) => {}
                Err(Gone::Ended(error)) => return Err(error.with_outcome(Outcome::NotSent)),
            }
        }
    }

    /// Lease the connection used last, if it is free, was idle for a short time only, and is known to be still open. `None`:
    /// `lease` finds out more.
    #[inline(always)]
    pub fn lease_resting(&self, now: Instant) -> Option<Lease> {
        let pool = &self.0;
        let (connection, era) = {
            let mut shelf = pool.shelves.open();
            (shelf.take_idle()?, pool.era())
        };
        let permit = Permit(pool);
        match pool.is_fresh(&connection, now) {
            true => Some(permit.lease(connection, era, true)),
            false => {
                permit.give(connection, era);
                None
            }
        }
    }

    /// Open connections until `count` are idle, or the pool has its maximum.
    pub fn warm(&self, count: usize) -> Result<()> {
        self.0.dial.refuse_reentry()?;
        let mut kept = Kept::new(false, 0);
        let mut leases = Vec::new();
        let mut result = Ok(());
        let resting = self.0.shelves.open().idle.len();
        while resting + leases.len() < count {
            let Some(permit) = self.0.permit() else { break };
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

    /// Close the idle connections now, and the leased ones when they are returned.
    pub fn drop_idle(&self) {
        self.0.end_era();
    }

    /// The server has become a replica. Close the idle connections now and the leased ones when they are returned, so
    /// that new connections look up the address again. Done at most once per `RENEWAL_MS_MIN`.
    pub fn renew(&self) {
        self.0.renew();
    }

    /// The value of a statistic. `None`: the pool does not keep it.
    pub fn stat(&self, stat: Stat) -> Option<i64> {
        let figures = self.0.shelves.figures();
        let read = |figure: &AtomicUsize| figure.load(Ordering::Relaxed) as i64;
        match stat {
            Stat::Connections => Some(read(&figures.idle) + read(&figures.leased)),
            Stat::ConnectionsInUse => Some(read(&figures.leased)),
            Stat::ConnectionsIdle => Some(read(&figures.idle)),
            Stat::Waiting => Some(read(&figures.waiting)),
            stat => self.0.dial.counters().get(stat),
        }
    }
}

#[cfg(test)]
mod tests;
