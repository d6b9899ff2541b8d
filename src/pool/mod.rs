//! The connection pool of one server: a caller leases a connection while its command runs, the number of connections is
//! bounded, and callers that wait are served in order.
#![forbid(unsafe_code)]

mod health;
mod shelf;
mod stats;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use crate::commands::{self, Command, Refusal};
use crate::conn::{Connection, Dial, Kept, Notice};
use crate::error::{Error, Outcome, Result, Status};
use crate::limits::RENEWAL_MS_MIN;
use crate::process::Process;
use crate::reply::Reply;
use crate::transport::Deadline;

use shelf::{Grant, Shelves, Waiter};
pub use stats::{Counters, Stat};

/// A pool. Clones share it. Dropping the last clone closes the idle connections.
#[derive(Clone)]
pub struct Pool(Arc<PoolState>);

struct PoolState {
    dial: Dial,
    /// The largest number of connections: idle, leased, and being opened.
    max: usize,
    shelves: Shelves,
    /// The number of the present era. A new era begins when all connections are to be closed: a leased connection of an
    /// older era is closed when it is returned. A new era begins under the shelf's lock, and a returned connection's era
    /// is compared under it, so that no connection of an older era is leased afterwards.
    era: AtomicU64,
    /// The earliest time at which `renew` may close all connections again, in milliseconds since the pool was made.
    renewal_due: AtomicU64,
    made: Instant,
    counters: Counters,
}

/// Why an idle connection cannot be used any more.
enum Gone {
    /// The server closed it, or it was too old or idle for too long.
    Closed,
    /// It did not answer in time.
    Silent,
    /// The call was ended during the check, by another thread or by the interrupt function (`Status::Woken`).
    Ended(Error),
}

/// A leased connection. `give_back` returns it to the pool; dropping the lease closes the connection.
pub struct Lease {
    pool: Arc<PoolState>,
    /// The process that leased the connection. No other process may use it.
    process: Process,
    era: u64,
    /// None only while the lease ends.
    connection: Option<Box<Connection>>,
    /// The connection was idle in the pool before, so the server may have closed it meanwhile.
    pub rested: bool,
    /// The server is a replica: the connection is closed instead of returned.
    outdated: bool,
}

impl Pool {
    /// A pool that opens its connections with `dial`, when they are first needed.
    pub fn new(dial: Dial) -> Pool {
        let max = dial.options().pool_max();
        let pool = Pool(Arc::new(PoolState {
            dial,
            max,
            shelves: Shelves::default(),
            era: AtomicU64::new(0),
            renewal_due: AtomicU64::new(0),
            made: Instant::now(),
            counters: Counters::default(),
        }));
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
        &self.0.counters
    }

    /// Lease a connection: an idle one that still works, or a new one, or the next one that is returned.
    ///
    /// `kept` receives the pushes that arrived while the connection was idle. `wait_ms` is the longest wait for a
    /// connection.
    pub fn lease(&self, now: Instant, deadline: Deadline, wait_ms: i64, kept: &mut Kept) -> Result<Lease> {
        self.0.dial.refuse_reentry()?;
        let Grant { mut rested, mut era } = self.0.ask(deadline, wait_ms, kept)?;
        let permit = Permit(&self.0);
        loop {
            let Some(connection) = rested.take() else {
                return permit.open(deadline, kept);
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
            stat => self.0.counters.get(stat),
        }
    }
}

impl PoolState {
    /// Get a permit: at once if one is free, otherwise in the order of the callers.
    fn ask(&self, deadline: Deadline, wait_ms: i64, kept: &mut Kept) -> Result<Grant> {
        let mut queued = {
            let mut shelf = self.shelves.open();
            if let Some(grant) = shelf.grant(self.max, self.era()) {
                return Ok(grant);
            }
            let waiter = Arc::new(Waiter::new());
            shelf.waiters.push_back(Arc::clone(&waiter));
            QueuePlace { pool: self, waiter, left: false }
        };
        self.counters.waited();
        let since = Instant::now();
        match queued.waiter.wait(deadline.earlier(Deadline::after_ms(wait_ms))) {
            Ok(Some(grant)) => {
                queued.left = true;
                return Ok(grant);
            }
            Ok(None) => {}
            Err(ended) => return Err(ended.at("pool").at(self.dial.endpoint()).with_outcome(Outcome::NotSent)),
        }
        if let Some(grant) = queued.leave() {
            return Ok(grant);
        }
        self.counters.wait_timed_out();
        let waited_ms = since.elapsed().as_millis() as i64;
        kept.notice(Notice::Busy { in_use: self.max as i64, max: self.max as i64, waited_ms });
        let text = format!(
            "{}: pool: all {} connections are in use (pool_max), and none came back in time",
            self.dial.endpoint(),
            self.max
        );
        Err(Error::new(Status::Busy, text).with_outcome(Outcome::NotSent))
    }

    /// A permit to open a connection, if one is free now.
    fn permit(self: &Arc<Self>) -> Option<Permit<'_>> {
        let mut shelf = self.shelves.open();
        let free = shelf.waiters.is_empty() && shelf.idle.len() + shelf.leased < self.max;
        free.then(|| {
            shelf.leased += 1;
            Permit(self)
        })
    }

    /// Check an idle connection before it is leased. A connection that fails the check is closed.
    fn check(
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
            self.counters.closed(1);
            return Err(Gone::Closed);
        }
        let mut checked = connection.inspect(deadline, kept);
        if checked.is_ok() && health::is_ping_due(&connection, now, options) {
            checked = connection.ping(deadline, health::ping_ms(deadline, options), kept);
        }
        if let Err(error) = checked {
            self.counters.lost();
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
    fn take_back(&self, connection: Option<Box<Connection>>, era: u64) {
        let mut worn_out = Vec::new();
        let mut shelf = self.shelves.open();
        let (connection, outdated) = if era == self.era() { (connection, None) } else { (None, connection) };
        worn_out.extend(outdated);
        if let Some(waiter) = shelf.waiters.pop_front() {
            // The permit goes to the first waiter, and is never counted as free. It is handed over under the shelf's
            // lock: a waiter that gives up looks for a late grant under the same lock, so no grant is lost.
            waiter.wake(Grant { rested: connection, era });
        } else {
            shelf.leased -= 1;
            shelf.idle.extend(connection);
            health::take_expired(&mut shelf.idle, self.dial.options(), &mut worn_out);
        }
        drop(shelf);
        self.counters.closed(worn_out.len());
    }

    fn era(&self) -> u64 {
        self.era.load(Ordering::Relaxed)
    }

    /// Begin a new era: close the idle connections now, and the leased ones when they are returned.
    fn end_era(&self) {
        let idle = {
            let mut shelf = self.shelves.open();
            self.era.fetch_add(1, Ordering::Relaxed);
            std::mem::take(&mut shelf.idle)
        };
        self.counters.closed(idle.len());
    }

    fn renew(&self) {
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

/// A caller's place in the queue. Dropping it, also during a panic, leaves the queue and passes a grant to the next
/// waiter.
struct QueuePlace<'p> {
    pool: &'p PoolState,
    waiter: Arc<Waiter>,
    left: bool,
}

impl QueuePlace<'_> {
    /// Leave the queue. A grant may have arrived between the end of the wait and the lock: it is returned.
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
            self.pool.take_back(grant.rested, grant.era);
        }
    }
}

/// The right to have one connection, open or being opened. Dropping it, also during a panic, passes it to the next
/// waiter.
struct Permit<'p>(&'p Arc<PoolState>);

impl Permit<'_> {
    fn open(self, deadline: Deadline, kept: &mut Kept) -> Result<Lease> {
        let era = self.0.era();
        let mut connection = Box::new(self.0.dial.open(deadline)?);
        self.0.counters.created();
        kept.notice(Notice::connected(&connection));
        // Bytes that arrive before any command cannot be a reply: the connection is refused.
        if let Err(error) = connection.inspect(deadline, kept) {
            self.0.counters.lost();
            kept.notice(Notice::lost(&connection, &error));
            return Err(error);
        }
        Ok(self.lease(connection, era, false))
    }

    /// Turn the permit into a lease.
    fn lease(self, connection: Box<Connection>, era: u64, rested: bool) -> Lease {
        let lease = Lease::new(Arc::clone(self.0), connection, era, rested);
        std::mem::forget(self);
        lease
    }

    /// Pass the permit to the next waiter, with a connection.
    fn give(self, connection: Box<Connection>, era: u64) {
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

impl Lease {
    fn new(pool: Arc<PoolState>, connection: Box<Connection>, era: u64, rested: bool) -> Lease {
        Lease { pool, process: Process::current(), era, connection: Some(connection), rested, outdated: false }
    }

    /// Note the reply to a command. `row` is the command's row in the table of commands. If the reply says that the server
    /// is a replica, the connection is closed when it is returned.
    #[inline]
    pub fn heed(&mut self, row: Option<&Command>, reply: &Reply) {
        if reply.is_error() {
            self.heed_error(reply.text(), commands::has_own_words(row));
        }
    }

    /// Note an error reply. `own_words`: the command, such as a script, can write error texts of its own.
    #[cold]
    pub fn heed_error(&mut self, error: &[u8], own_words: bool) {
        if Refusal::of(error, own_words).is_some_and(Refusal::ends_connection) {
            self.outdate();
        }
    }

    /// The server is a replica: close this connection when it is returned, and renew the pool.
    pub fn outdate(&mut self) {
        self.outdated = true;
        self.pool.renew();
    }

    /// Return the connection to the pool if its state is that of a new one. Otherwise close it.
    pub fn give_back(mut self) {
        self.end(true);
    }

    /// Refuse to use, in a child of fork, a connection that its parent leased.
    pub fn refuse_foreign(&self) -> Result<()> {
        match self.process == Process::current() {
            true => Ok(()),
            false => Err(Error::new(Status::Forked, "the connection belongs to the process that made it")),
        }
    }

    fn end(&mut self, may_rest: bool) {
        let Some(mut connection) = self.connection.take() else { return };
        // In a child of fork the connection is closed here, and the permit stays the parent's.
        if self.refuse_foreign().is_err() {
            return;
        }
        // The permit is dropped even if closing the connection panics: its transport and parser may be the program's
        // code.
        let permit = Permit(&self.pool);
        self.pool.counters.moved(connection.traffic());
        let wanted = !self.outdated && self.era == self.pool.era();
        if may_rest && wanted && connection.is_clean() {
            connection.rest();
            permit.give(connection, self.era);
        } else {
            self.pool.counters.ended(&connection);
            drop(connection);
            drop(permit);
        }
    }
}

impl std::ops::Deref for Lease {
    type Target = Connection;

    #[expect(clippy::expect_used, reason = "only give_back and drop take it, and both end the lease")]
    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("a lease has its connection until it ends")
    }
}

impl std::ops::DerefMut for Lease {
    #[expect(clippy::expect_used, reason = "only give_back and drop take it, and both end the lease")]
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("a lease has its connection until it ends")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.end(false);
    }
}

#[cfg(test)]
mod tests;
