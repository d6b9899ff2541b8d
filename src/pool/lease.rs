//! A leased connection, and how a permit becomes one.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::commands::{self, Command, Refusal};
use crate::conn::{Connection, Kept, Notice};
use crate::error::{Error, Outcome, Result, Status};
use crate::process::Process;
use crate::reply::Reply;
use crate::transport::Deadline;

use super::shelf::Grant;
use super::state::{Gone, Permit, PoolState};

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
    /// It counts among those whose callers could share a connection.
    is_alone: bool,
}

impl PoolState {
    /// Lease a connection: an idle one that still works, or a new one, or the next one that is returned.
    #[inline]
    pub(super) fn lease(
        self: &Arc<Self>,
        now: &mut Instant,
        deadline: Deadline,
        wait_ms: i64,
        kept: &mut Kept,
    ) -> Result<Lease> {
        self.dial.refuse_reentry()?;
        let grant = self.ask(now, deadline, wait_ms, kept)?;
        self.lease_granted(grant, now, deadline, kept)
    }

    /// The same without a wait for one that is returned. `None`: none is free.
    pub(super) fn lease_now(
        self: &Arc<Self>,
        now: &mut Instant,
        deadline: Deadline,
        kept: &mut Kept,
    ) -> Result<Option<Lease>> {
        self.dial.refuse_reentry()?;
        let grant = self.shelves.open().grant(&self.limits, self.era());
        grant.map(|grant| self.lease_granted(grant, now, deadline, kept)).transpose()
    }

    /// Lease the connection used last, if it is free, was idle for a short time only, and is known to be still open. `None`:
    /// `lease` finds out more.
    #[inline(always)]
    pub(super) fn lease_resting(self: &Arc<Self>, now: Instant) -> Option<Lease> {
        let (connection, era) = {
            let mut shelf = self.shelves.open();
            (shelf.take_idle()?, self.era())
        };
        let permit = Permit(self);
        match self.is_fresh(&connection, now) {
            true => Some(permit.lease(connection, era, true)),
            false => {
                permit.give(connection, era);
                None
            }
        }
    }

    /// Whether a caller that could share a connection may have one of its own: not so many of them have one already.
    #[inline]
    pub(super) fn may_be_alone(&self) -> bool {
        self.shelves.figures().alone.load(Ordering::Relaxed) < self.alone_max
    }

    /// What there is without a wait for others: a lease, or a permit to open a connection.
    pub(super) fn at_once(self: &Arc<Self>, deadline: Deadline, kept: &mut Kept) -> Result<AtOnce<'_>> {
        self.dial.refuse_reentry()?;
        let mut now = Instant::now();
        let Some(mut grant) = self.shelves.open().grant(&self.limits, self.era()) else { return Ok(AtOnce::Nothing) };
        let permit = Permit(self);
        if grant.rested.is_none() {
            return Ok(AtOnce::Permit(permit.for_opening()));
        }
        if let Some(connection) = self.working(&mut grant, &mut now, deadline, kept)? {
            return Ok(AtOnce::Lease(permit.lease(connection, grant.era, true)));
        }
        Ok(match self.begin_opening() {
            true => AtOnce::Permit(permit.for_opening()),
            false => AtOnce::Nothing,
        })
    }

    #[inline]
    fn lease_granted(
        self: &Arc<Self>,
        mut grant: Grant,
        now: &mut Instant,
        deadline: Deadline,
        kept: &mut Kept,
    ) -> Result<Lease> {
        let mut permit = Permit(self);
        let mut may_open = grant.rested.is_none();
        loop {
            if let Some(connection) = self.working(&mut grant, now, deadline, kept)? {
                return Ok(permit.lease(connection, grant.era, true));
            }
            if !may_open && !self.begin_opening() {
                // Others are opening as many as may be opened at once.
                drop(permit);
                grant = self.ask(now, deadline, -1, kept)?;
                permit = Permit(self);
                may_open = grant.rested.is_none();
                continue;
            }
            let opened = permit.open(deadline, kept);
            *now = Instant::now();
            return opened;
        }
    }

    /// The connection that was granted, or another idle one, if one works. The permit is held, whatever comes of it.
    #[inline]
    fn working(
        &self,
        grant: &mut Grant,
        now: &mut Instant,
        deadline: Deadline,
        kept: &mut Kept,
    ) -> Result<Option<Box<Connection>>> {
        while let Some(connection) = grant.rested.take() {
            match self.check(connection, now, deadline, kept) {
                Ok(connection) => return Ok(Some(connection)),
                // The idle connection was lost. The permit is still held: try another idle connection.
                Err(Gone::Closed) => {
                    let mut shelf = self.shelves.open();
                    (grant.rested, grant.era) = (shelf.idle.pop(), self.era());
                }
                // The server did not answer a PING in time. Another idle connection could cost as much time again, so a
                // new one is opened in the time that is left.
                Err(Gone::Silent) => {}
                Err(Gone::Ended(error)) => return Err(error.with_outcome(Outcome::NotSent)),
            }
        }
        Ok(None)
    }
}

/// What there is without a wait for others.
pub(super) enum AtOnce<'p> {
    Lease(Lease),
    Permit(OpeningPermit<'p>),
    Nothing,
}

/// A permit to open a connection, which counts among those being opened.
pub(super) struct OpeningPermit<'p> {
    opening: Opening<'p>,
    permit: Permit<'p>,
}

impl OpeningPermit<'_> {
    /// Open a connection.
    pub(super) fn open(self, deadline: Deadline, kept: &mut Kept) -> Result<Lease> {
        let opened = self.permit.0.dial.open(deadline).map(Box::new);
        self.opened(opened, deadline, kept)
    }

    /// The connection was opened, or was not.
    pub(super) fn opened(self, opened: Result<Box<Connection>>, deadline: Deadline, kept: &mut Kept) -> Result<Lease> {
        let OpeningPermit { opening, permit } = self;
        let era = opening.1;
        opening.over(opened.as_ref().err());
        let mut connection = opened?;
        kept.notice(Notice::connected(&connection));
        // Bytes that arrive before any command cannot be a reply: the connection is refused.
        if let Err(error) = connection.inspect(deadline, kept) {
            kept.notice(Notice::lost(&connection, &error));
            return Err(error);
        }
        Ok(permit.lease(connection, era, false))
    }
}

impl<'p> Permit<'p> {
    /// Open a connection, which counts among those being opened.
    pub(super) fn open(self, deadline: Deadline, kept: &mut Kept) -> Result<Lease> {
        self.for_opening().open(deadline, kept)
    }

    fn for_opening(self) -> OpeningPermit<'p> {
        OpeningPermit { opening: Opening(self.0, self.0.era()), permit: self }
    }

    /// Turn the permit into a lease.
    #[inline]
    pub(super) fn lease(self, connection: Box<Connection>, era: u64, rested: bool) -> Lease {
        let lease = Lease::new(Arc::clone(self.0), connection, era, rested);
        std::mem::forget(self);
        lease
    }
}

/// A connection being opened, and the era that it is of. Dropped, also during a panic, it lets the next one be opened.
struct Opening<'p>(&'p PoolState, u64);

impl Opening<'_> {
    fn over(self, failed: Option<&Error>) {
        self.0.end_opening(failed);
        std::mem::forget(self);
    }
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        self.0.end_opening(None);
    }
}

impl Lease {
    #[inline]
    fn new(pool: Arc<PoolState>, connection: Box<Connection>, era: u64, rested: bool) -> Lease {
        Lease {
            pool,
            process: Process::current(),
            era,
            connection: Some(connection),
            rested,
            outdated: false,
            is_alone: false,
        }
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
    #[inline(always)]
    pub fn give_back(mut self) {
        self.end(true);
    }

    /// The lease of a caller that could share a connection: it counts among those.
    #[inline(always)]
    pub(super) fn alone(mut self) -> Lease {
        self.is_alone = true;
        self.pool.shelves.figures().alone.fetch_add(1, Ordering::Relaxed);
        self
    }

    /// Whether the connection may be kept: it would not be closed if it was returned, and nobody waits for one.
    pub(super) fn serves_on(&self) -> bool {
        !self.is_outdated() && self.pool.shelves.figures().waiting.load(Ordering::Relaxed) == 0
    }

    /// Whether the connection is closed when it is returned.
    pub fn is_outdated(&self) -> bool {
        self.outdated || self.era != self.pool.era()
    }

    /// Refuse to use, in a child of fork, a connection that its parent leased.
    #[inline(always)]
    pub fn refuse_foreign(&self) -> Result<()> {
        match self.process == Process::current() {
            true => Ok(()),
            false => Err(foreign()),
        }
    }

    #[cold]
    fn give_up(&mut self) {
        self.end(false);
    }

    #[inline(always)]
    fn end(&mut self, may_rest: bool) {
        if let Some(connection) = self.connection.take() {
            self.end_of(connection, may_rest);
        }
    }

    #[inline(always)]
    fn end_of(&mut self, mut connection: Box<Connection>, may_rest: bool) {
        // In a child of fork the connection is closed here, and the permit stays the parent's.
        if self.refuse_foreign().is_err() {
            return;
        }
        if self.is_alone {
            self.pool.shelves.figures().alone.fetch_sub(1, Ordering::Relaxed);
        }
        // The permit is dropped even if closing the connection panics: its transport and parser may be the program's
        // code.
        let permit = Permit(&self.pool);
        if may_rest && !self.is_outdated() && connection.is_clean() {
            connection.rest();
            connection.count_bytes();
            permit.give(connection, self.era);
        } else {
            drop(connection);
            drop(permit);
        }
    }
}

#[cold]
fn foreign() -> Error {
    Error::new(Status::Forked, "the connection belongs to the process that made it")
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
    #[inline]
    fn drop(&mut self) {
        // Mostly it has ended before.
        if self.connection.is_some() {
            self.give_up();
        }
    }
}
