//! The state that the clones of a pool share: permits, the queue of waiting callers, eras.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::conn::{Connection, Dial, Kept, Notice};
use crate::error::{Error, Outcome, Result, Status};
use crate::limits::{CONNECTING_MAX, RENEWAL_MS_MIN};
use crate::memory::Keeper;
use crate::options::{Options, Topology};
use crate::process;
use crate::transport::Deadline;

use super::health;
use super::shelf::{Grant, GrantLimits, Open, Shelf, Shelves, Waiter};

/// What the clones of a pool share.
pub(super) struct PoolState {
    pub(super) dial: Dial,
    /// The largest number of connections: idle, leased, and being opened.
    pub(super) limits: GrantLimits,
    /// The largest number of connections that are leased to callers which could share one.
    pub(super) alone_max: usize,
    pub(super) shelves: Shelves,
    /// The number of the present era. A new era begins when all connections are to be closed: a leased connection of an
    /// older era is closed when it is returned. A new era begins under the shelf's lock, and a returned connection's era
    /// is compared under it, so that no connection of an older era is leased afterwards.
    pub(super) era: AtomicU64,
    /// The earliest time at which `renew` may close all connections again, in milliseconds since the pool was made.
    pub(super) renewal_due: AtomicU64,
    pub(super) made: Instant,
    /// A connection that was idle for less is neither idle for too long nor due a PING.
    fresh: Duration,
    /// How old a connection may become.
    age: Option<Duration>,
    _keeper: Keeper,
}

/// Why an idle connection cannot be used any more.
pub(super) enum Gone {
    /// The server closed it, or it was too old or idle for too long.
    Closed,
    /// It did not answer in time.
    Silent,
    /// The call was ended during the check, by another thread or by the interrupt function (`Status::Woken`).
    Ended(Error),
}

impl PoolState {
    /// The state of a pool that opens its connections with `dial`.
    pub(super) fn new(dial: Dial) -> PoolState {
        let (max, fresh) = (dial.options().pool_max(), health::fresh(dial.options()));
        let age = u64::try_from(dial.options().pool_age_ms()).ok().map(Duration::from_millis);
        PoolState {
            limits: GrantLimits { leased: max, opening: opening_max(dial.options()) },
            dial,
            alone_max: alone_max(max, process::cores()),
            shelves: Shelves::default(),
            era: AtomicU64::new(0),
            renewal_due: AtomicU64::new(0),
            made: Instant::now(),
            fresh,
            age,
            _keeper: Keeper::begin(),
        }
    }

    /// Get a permit: at once if one is free, otherwise in the order of the callers.
    #[inline]
    pub(super) fn ask(&self, now: &mut Instant, deadline: Deadline, wait_ms: i64, kept: &mut Kept) -> Result<Grant> {
        let mut shelf = self.shelves.open();
        if let Some(grant) = shelf.grant(&self.limits, self.era()) {
            return Ok(grant);
        }
        let asked = self.queue(shelf, deadline, wait_ms, kept);
        *now = Instant::now();
        asked
    }

    /// Wait for a permit, behind the callers that wait already.
    #[cold]
    fn queue(&self, mut shelf: Open<'_>, deadline: Deadline, wait_ms: i64, kept: &mut Kept) -> Result<Grant> {
        let mut queued = {
            let waiter = Arc::new(Waiter::new());
            shelf.waiters.push_back(Arc::clone(&waiter));
            drop(shelf);
            QueuePlace { pool: self, waiter, left: false }
        };
        self.dial.counters().waited();
        let since = Instant::now();
        match queued.waiter.wait(deadline.earlier(Deadline::after_ms(wait_ms))) {
            Ok(Some(grant)) => {
                queued.left = true;
                return Ok(grant);
            }
            Ok(None) => {}
            Err(ended) if ended.status == Status::Woken => {
                return Err(ended.at("pool").at(self.dial.endpoint()).with_outcome(Outcome::NotSent));
            }
            Err(refused) => {
                queued.left = true;
                return Err(refused);
            }
        }
        if let Some(grant) = queued.leave() {
            return Ok(grant);
        }
        self.dial.counters().wait_timed_out();
        let waited_ms = since.elapsed().as_millis() as i64;
        kept.notice(Notice::Busy { in_use: self.limits.leased as i64, max: self.limits.leased as i64, waited_ms });
        let text = format!(
            "{}: pool: all {} connections are in use (pool_max), and none came back in time",
            self.dial.endpoint(),
            self.limits.leased
        );
        Err(Error::new(Status::Busy, text).with_outcome(Outcome::NotSent))
    }

    /// A permit to open a connection, if one is free now.
    pub(super) fn permit(self: &Arc<Self>) -> Option<Permit<'_>> {
        let mut shelf = self.shelves.open();
        let free = shelf.waiters.is_empty() && shelf.idle.len() + shelf.leased < self.limits.leased;
        (free && shelf.may_open(&self.limits)).then(|| {
            shelf.leased += 1;
            shelf.opening += 1;
            Permit(self)
        })
    }

    /// Whether the holder of a permit may open a connection: if not, it asks for another permit.
    pub(super) fn begin_opening(&self) -> bool {
        let mut shelf = self.shelves.open();
        let may = shelf.opening < self.limits.opening;
        shelf.opening += usize::from(may);
        may
    }

    /// An opening is over, of which the permit is still held. `failed`: there is no connection.
    pub(super) fn end_opening(&self, failed: Option<&Error>) {
        let mut shelf = self.shelves.open();
        shelf.opening = shelf.opening.saturating_sub(1);
        let has_none = shelf.idle.is_empty() && shelf.leased == shelf.opening + 1;
        match failed {
            Some(error) if has_none && self.limits.opening < self.limits.leased => shelf.refuse_waiters(error),
            _ => shelf.grant_openings(&self.limits, self.era()),
        }
    }

    /// Check an idle connection before it is leased. A connection that fails the check is closed. `now` is the clock, and is
    /// read again where the check slept.
    #[inline]
    pub(super) fn check(
        &self,
        connection: Box<Connection>,
        now: &mut Instant,
        deadline: Deadline,
        kept: &mut Kept,
    ) -> std::result::Result<Box<Connection>, Gone> {
        if self.is_fresh(&connection, *now) {
            return Ok(connection);
        }
        let checked = self.check_well(connection, *now, deadline, kept);
        *now = Instant::now();
        checked
    }

    /// Whether an idle connection needs no further check.
    #[inline(always)]
    pub(super) fn is_fresh(&self, connection: &Connection, now: Instant) -> bool {
        let (opened, rested) = connection.age();
        let is_young = self.age.is_none_or(|age| health::is_within(opened, age, now));
        // What was shorter than a round trip needs no other look.
        let is_quiet = match connection.has_hardly_rested(self.fresh, now) {
            true => true,
            false => health::is_within(rested, self.fresh, now) && connection.is_quiet(),
        };
        is_young && is_quiet
    }

    #[cold]
    fn check_well(
        &self,
        mut connection: Box<Connection>,
        now: Instant,
        deadline: Deadline,
        kept: &mut Kept,
    ) -> std::result::Result<Box<Connection>, Gone> {
        let options = self.dial.options();
        let is_spare = || self.shelves.open().idle.len() >= options.pool_idle_min();
        if health::is_too_old(&connection, now, options)
            || (health::was_idle_too_long(&connection, now, options) && is_spare())
        {
            return Err(Gone::Closed);
        }
        let mut checked = connection.inspect(deadline, kept);
        if checked.is_ok() && health::is_ping_due(&connection, now, options) {
            checked = connection.ping(deadline, health::ping_ms(deadline, options), kept);
        }
        if let Err(error) = checked {
            kept.notice(Notice::lost(&connection, &error));
            return Err(match error.status {
                Status::Timeout => Gone::Silent,
                Status::Woken => Gone::Ended(error),
                _ => Gone::Closed,
            });
        }
        Ok(connection)
    }

    /// A permit is returned, with a connection of `era` or without one. It goes to the first waiter, with the
    /// connection if its era is the present one.
    #[inline(always)]
    pub(super) fn take_back(&self, connection: Option<Box<Connection>>, era: u64) {
        let mut shelf = self.shelves.open();
        match connection {
            Some(connection)
                if era == self.era() && shelf.waiters.is_empty() && self.is_fresh_with(&shelf, &connection) =>
            {
                shelf.leased -= 1;
                shelf.idle.push(connection);
            }
            connection => self.take_back_well(shelf, connection, era),
        }
    }

    /// Whether no idle connection was idle for too long, now that this one becomes idle.
    #[inline]
    fn is_fresh_with(&self, shelf: &Shelf, connection: &Connection) -> bool {
        let now = connection.age().1;
        match shelf.idle.first() {
            None => !self.fresh.is_zero(),
            Some(oldest) => health::is_within(oldest.age().1, self.fresh, now),
        }
    }

    #[cold]
    fn take_back_well(&self, mut shelf: Open<'_>, connection: Option<Box<Connection>>, era: u64) {
        let mut worn_out = Vec::new();
        let (connection, outdated) = if era == self.era() { (connection, None) } else { (None, connection) };
        worn_out.extend(outdated);
        let may_go_on = connection.is_some() || shelf.opening < self.limits.opening;
        if may_go_on && let Some(waiter) = shelf.waiters.pop_front() {
            shelf.opening += usize::from(connection.is_none());
            // The permit goes to the first waiter, and is never counted as free. It is handed over under the shelf's
            // lock. A waiter that gives up leaves the queue under that lock, and looks for a late grant afterwards, so
            // no grant is lost.
            waiter.wake(Grant { rested: connection, era });
        } else {
            shelf.leased -= 1;
            shelf.idle.extend(connection);
            health::take_expired(&mut shelf.idle, self.dial.options(), &mut worn_out);
        }
        // No connection is closed under the lock.
        drop(shelf);
        drop(worn_out);
    }

    /// The number of the present era.
    pub(super) fn era(&self) -> u64 {
        self.era.load(Ordering::Relaxed)
    }

    /// Close the connections that have been idle for too long by now.
    pub(super) fn sweep(&self, now: Instant) {
        let mut expired = Vec::new();
        health::take_expired_at(now, &mut self.shelves.open().idle, self.dial.options(), &mut expired);
        // No connection is closed under the lock.
        drop(expired);
    }

    /// Begin a new era: close the idle connections now, and the leased ones when they are returned.
    pub(super) fn end_era(&self) {
        let idle = {
            let mut shelf = self.shelves.open();
            self.era.fetch_add(1, Ordering::Relaxed);
            std::mem::take(&mut shelf.idle)
        };
        drop(idle);
    }

    /// End the era, and let `dial` try the other addresses of the endpoint first; at most once per `RENEWAL_MS_MIN`.
    pub(super) fn renew(&self) {
        let now = u64::try_from(self.made.elapsed().as_millis()).unwrap_or(u64::MAX);
        let due = self.renewal_due.load(Ordering::Relaxed);
        let next = now.saturating_add(RENEWAL_MS_MIN);
        // Many threads may receive READONLY at once. One of them renews.
        if now >= due && self.renewal_due.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.dial.avoid_address();
            self.end_era();
        }
    }
}

impl Drop for PoolState {
    fn drop(&mut self) {
        // In a child of fork that never used the pool, `figures` makes the child's shelf, and closes the idle connections
        // that the child inherited.
        self.shelves.figures();
    }
}

/// A caller's place in the queue. Dropping it, also during a panic, leaves the queue. If the caller was granted a permit
/// meanwhile, the permit is taken back and goes to the next waiter.
pub(super) struct QueuePlace<'p> {
    pub(super) pool: &'p PoolState,
    pub(super) waiter: Arc<Waiter>,
    pub(super) left: bool,
}

impl QueuePlace<'_> {
    /// Leave the queue. The result is the grant that arrived between the end of the wait and the lock, if any.
    fn leave(&mut self) -> Option<Grant> {
        self.left = true;
        self.pool.shelves.open().waiters.retain(|other| !Arc::ptr_eq(other, &self.waiter));
        self.waiter.granted_late()
    }
}

impl Drop for QueuePlace<'_> {
    fn drop(&mut self) {
        if !self.left
            && let Some(grant) = self.leave()
        {
            if grant.rested.is_none() {
                self.pool.end_opening(None);
            }
            self.pool.take_back(grant.rested, grant.era);
        }
    }
}

/// The right to have one connection, open or being opened. Dropping it, also during a panic, passes it to the next
/// waiter.
pub(super) struct Permit<'p>(pub(super) &'p Arc<PoolState>);

impl Permit<'_> {
    /// Pass the permit to the next waiter, with a connection.
    pub(super) fn give(self, connection: Box<Connection>, era: u64) {
        let pool = self.0;
        std::mem::forget(self);
        pool.take_back(Some(connection), era);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.take_back(None, 0);
    }
}

/// How many callers that could share a connection have one of their own, on so many cores.
pub(super) fn alone_max(connections_max: usize, cores: usize) -> usize {
    connections_max.min(ALONE_PER_CORE * cores.max(CORES_MIN))
}

/// How many connections are opened at once: few to a server of many, which may have come back a moment ago, with all clients
/// waiting for it.
fn opening_max(options: &Options) -> usize {
    match options.topology() {
        Topology::Single => usize::MAX,
        Topology::Cluster | Topology::Sentinel => CONNECTING_MAX,
    }
}

/// Callers for each core that have connections of their own: with more of them one connection serves more commands a second.
/// Measured with GETs on two cores over loopback (benches/threads with RREDIS_SHARE), beside leased connections: over TCP 1.1 times
/// as many with 8 callers, 1.3 with 12, 1.6 with 16; over a Unix socket 0.85, 1.07 and 1.25.
const ALONE_PER_CORE: usize = 6;
/// A machine with one core counts as one with two.
const CORES_MIN: usize = 2;
