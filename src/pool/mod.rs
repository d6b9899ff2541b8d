//! Who answers: connections, leased while a command runs, bounded in number, handed on in the order they were asked for.
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

/// A pool. Cloning shares it; the last clone closes what rests in it.
#[derive(Clone)]
pub struct Pool(Arc<Inner>);

struct Inner {
    dial: Dial,
    /// Connections at the most: idle, leased and being opened.
    max: usize,
    shelves: Shelves,
    /// Grows when all connections are to go; those leased before are closed when they come back. It grows, and is compared,
    /// under the lock of the shelf, so that none slips through in between.
    era: AtomicU64,
    /// When all may be let go again because their server takes no writes, in milliseconds since the pool was made.
    renewal_due: AtomicU64,
    made: Instant,
    counters: Counters,
}

/// Why a connection that rested is no longer good.
enum Gone {
    /// By the server, or by us.
    Closed,
    /// It did not answer in time.
    Silent,
    /// The call that looked was ended.
    Ended(Error),
}

/// A connection on lease. Given back by `give_back`, and only so: dropped, it is closed.
pub struct Lease {
    pool: Arc<Inner>,
    /// The process that leased it: no other may use it.
    process: Process,
    era: u64,
    /// None only while it is being given up.
    connection: Option<Box<Connection>>,
    /// It rested in the pool before, so the server may have closed it meanwhile.
    pub rested: bool,
    /// Its server takes no writes: it does not rest again.
    outdated: bool,
}

impl Pool {
    /// A pool that opens its connections this way, when they are asked for.
    pub fn new(dial: Dial) -> Pool {
        let max = dial.options().pool_max();
        let pool = Pool(Arc::new(Inner {
            dial,
            max,
            shelves: Shelves::default(),
            era: AtomicU64::new(0),
            renewal_due: AtomicU64::new(0),
            made: Instant::now(),
            counters: Counters::default(),
        }));
        // Made now, so that no command has to.
        pool.0.shelves.figures();
        pool
    }

    /// How it opens its connections.
    pub fn dial(&self) -> &Dial {
        &self.0.dial
    }

    /// What it counted.
    pub fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// Lease a connection: one that rests and is good, or a new one, or the next that comes back.
    ///
    /// `kept` takes the pushes that came while it rested.
    pub fn lease(&self, now: Instant, deadline: Deadline, wait_ms: i64, kept: &mut Kept) -> Result<Lease> {
        self.0.dial.refuse_reentry()?;
        let Grant { mut rested, mut era } = self.0.ask(deadline, wait_ms, kept)?;
        let permit = Permit(&self.0);
        loop {
            let Some(connection) = rested.take() else {
                return permit.open(deadline, kept);
            };
            match self.0.wake(connection, now, deadline, kept) {
                Ok(connection) => return Ok(permit.lease(connection, era, true)),
                // That one was lost while it rested. The permit is still ours: look for another.
                Err(Gone::Closed) => {
                    let mut shelf = self.0.shelves.open();
                    (rested, era) = (shelf.idle.pop(), self.0.era());
                }
                // Where one does not answer, another that rested would cost as much time: a new one has the rest of it.
                Err(Gone::Silent) => {}
                Err(Gone::Ended(error)) => return Err(error.with_outcome(Outcome::NotSent)),
            }
        }
    }

    /// Open connections until `count` are there, the pool's maximum at the most.
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
        // What was opened rests, also where the next could not be.
        leases.into_iter().for_each(Lease::give_back);
        result
    }

    /// Close every connection that rests now; those in use are closed when they come back.
    pub fn drop_idle(&self) {
        self.0.end_era();
    }

    /// The server of the connections that are there takes no writes any more: they go, those in use when they come back, and
    /// the next is opened to where the address leads then. Done at most once in a while.
    pub fn renew(&self) {
        self.0.renew();
    }

    /// One figure. `None`: this pool does not keep it.
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

impl Inner {
    /// A permit, at once or in turn.
    fn ask(&self, deadline: Deadline, wait_ms: i64, kept: &mut Kept) -> Result<Grant> {
        let mut queued = {
            let mut shelf = self.shelves.open();
            if let Some(grant) = shelf.grant(self.max, self.era()) {
                return Ok(grant);
            }
            let waiter = Arc::new(Waiter::new());
            shelf.waiters.push_back(Arc::clone(&waiter));
            Queued { pool: self, waiter, left: false }
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
        self.counters.waited_in_vain();
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

    /// Look at a connection that rested. If it is no longer good, it is closed.
    fn wake(
        &self,
        mut connection: Box<Connection>,
        now: Instant,
        deadline: Deadline,
        kept: &mut Kept,
    ) -> std::result::Result<Box<Connection>, Gone> {
        let options = self.dial.options();
        let is_spare = || self.shelves.open().idle.len() >= options.pool_idle_min();
        if health::is_too_old(&connection, now, options)
            || (health::rested_too_long(&connection, now, options) && is_spare())
        {
            self.counters.closed(1);
            return Err(Gone::Closed);
        }
        let mut woken = connection.wake(deadline, kept);
        if woken.is_ok() && health::wants_ping(&connection, now, options) {
            woken = connection.ping(deadline, health::ping_ms(deadline, options), kept);
        }
        if let Err(error) = woken {
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

    /// A permit comes back: with a connection of this era for the next, or to open one.
    fn take_back(&self, connection: Option<Box<Connection>>, era: u64) {
        let mut worn_out = Vec::new();
        let mut shelf = self.shelves.open();
        let (connection, outdated) = if era == self.era() { (connection, None) } else { (None, connection) };
        worn_out.extend(outdated);
        if let Some(waiter) = shelf.waiters.pop_front() {
            // The permit goes on to who waits, and is never counted as free. It is handed over before the shelf is let
            // go: who gives up waiting looks for it behind that lock, and would otherwise miss it and lose it for all.
            waiter.wake(Grant { rested: connection, era });
        } else {
            shelf.leased -= 1;
            shelf.idle.extend(connection);
            health::sort_out(&mut shelf.idle, self.dial.options(), &mut worn_out);
        }
        drop(shelf);
        self.counters.closed(worn_out.len());
    }

    fn era(&self) -> u64 {
        self.era.load(Ordering::Relaxed)
    }

    /// All connections go: those that rest now, the others when they come back.
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
        // Of many threads that are told at once, one does it.
        if now >= due && self.renewal_due.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.dial.avoid_address();
            self.end_era();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // In a child of fork that never used the pool: what it inherited is closed.
        self.shelves.figures();
    }
}

/// A place in the queue. Dropped, also by a panic, it is left, and what was granted to it goes on to the next.
struct Queued<'p> {
    pool: &'p Inner,
    waiter: Arc<Waiter>,
    left: bool,
}

impl Queued<'_> {
    /// Leave the queue. It may have been granted something between the end of the wait and the lock.
    fn leave(&mut self) -> Option<Grant> {
        self.left = true;
        self.pool.shelves.open().waiters.retain(|other| !Arc::ptr_eq(other, &self.waiter));
        self.waiter.granted_late()
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        if !self.left
            && let Some(grant) = self.leave()
        {
            self.pool.take_back(grant.rested, grant.era);
        }
    }
}

/// The right to have one connection. Dropped, also by a panic, it goes to the next who waits.
struct Permit<'p>(&'p Arc<Inner>);

impl Permit<'_> {
    fn open(self, deadline: Deadline, kept: &mut Kept) -> Result<Lease> {
        let era = self.0.era();
        let mut connection = Box::new(self.0.dial.open(deadline)?);
        self.0.counters.created();
        kept.notice(Notice::connected(&connection));
        // A server that speaks before it is asked is not one to talk to.
        if let Err(error) = connection.wake(deadline, kept) {
            self.0.counters.lost();
            kept.notice(Notice::lost(&connection, &error));
            return Err(error);
        }
        Ok(self.lease(connection, era, false))
    }

    /// The lease that it is for.
    fn lease(self, connection: Box<Connection>, era: u64, rested: bool) -> Lease {
        let lease = Lease::new(Arc::clone(self.0), connection, era, rested);
        std::mem::forget(self);
        lease
    }

    /// Give it to the next who waits, with a connection.
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
    fn new(pool: Arc<Inner>, connection: Box<Connection>, era: u64, rested: bool) -> Lease {
        Lease { pool, process: Process::current(), era, connection: Some(connection), rested, outdated: false }
    }

    /// This is the answer to a command of this row. Where it says that the server takes no writes, the connection does not rest again.
    #[inline]
    pub fn heed(&mut self, row: Option<&Command>, reply: &Reply) {
        if reply.is_error() {
            self.heed_error(reply.text(), commands::has_own_words(row));
        }
    }

    /// The same for an error alone. `own_words`: it may be of its command's own making.
    #[cold]
    pub fn heed_error(&mut self, error: &[u8], own_words: bool) {
        if Refusal::of(error, own_words).is_some_and(Refusal::ends_connection) {
            self.outdate();
        }
    }

    /// The server takes no writes: the connection does not rest again, nor do the others that are there.
    pub fn outdate(&mut self) {
        self.outdated = true;
        self.pool.renew();
    }

    /// Give the connection back, if it is as a new one; else it is closed.
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
        // In a child of fork it is closed, and that is all: the permit was the parent's.
        if self.refuse_foreign().is_err() {
            return;
        }
        // Whatever becomes of the connection, the permit goes on: its transport and its parser may be the program's own.
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
