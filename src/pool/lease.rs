//! A leased connection, and how a permit becomes one.
#![forbid(unsafe_code)]

use std::sync::Arc;

use crate::commands::{self, Command, Refusal};
use crate::conn::{Connection, Kept, Notice};
use crate::error::{Error, Result, Status};
use crate::process::Process;
use crate::reply::Reply;
use crate::transport::Deadline;

use super::state::{Permit, PoolState};

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

impl Permit<'_> {
    /// Open a connection.
    pub(super) fn open(self, deadline: Deadline, kept: &mut Kept) -> Result<Lease> {
        let era = self.0.era();
        let mut connection = Box::new(self.0.dial.open(deadline)?);
        kept.notice(Notice::connected(&connection));
        // Bytes that arrive before any command cannot be a reply: the connection is refused.
        if let Err(error) = connection.inspect(deadline, kept) {
            kept.notice(Notice::lost(&connection, &error));
            return Err(error);
        }
        Ok(self.lease(connection, era, false))
    }

    /// Turn the permit into a lease.
    #[inline]
    pub(super) fn lease(self, connection: Box<Connection>, era: u64, rested: bool) -> Lease {
        let lease = Lease::new(Arc::clone(self.0), connection, era, rested);
        std::mem::forget(self);
        lease
    }
}

impl Lease {
    #[inline]
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
    #[inline(always)]
    pub fn give_back(mut self) {
        self.end(true);
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
        // The permit is dropped even if closing the connection panics: its transport and parser may be the program's
        // code.
        let permit = Permit(&self.pool);
        let wanted = !self.outdated && self.era == self.pool.era();
        if may_rest && wanted && connection.is_clean() {
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
