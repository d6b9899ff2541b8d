//! One try of a command, on one server.
#![forbid(unsafe_code)]

use std::time::Instant;

use crate::conn::{Kept, Notice, Wait};
use crate::error::{Error, Outcome, Result, Status};
use crate::pool::{self, Lease, Pool, Ride, Thrown};
use crate::reply::Reply;
use crate::session::Submitted;
use crate::transport::Deadline;

use super::order::Order;
use super::tries::Tried;

/// The server that a try is made on.
#[derive(Clone, Copy)]
pub(super) struct OnServer<'p> {
    pub(super) pool: &'p Pool,
    /// The longest wait for a connection that others use.
    pub(super) pool_wait_ms: i64,
    /// When there must be a connection.
    pub(super) connected_by: Deadline,
}

/// Asks over a leased connection. It is not a type of its own for each caller: a try would be in the library once for each.
pub(super) type AskOver<'a> = dyn FnMut(&mut Lease, &mut Kept) -> Result<Reply> + 'a;

/// One try of the command on its way, on this server. The third argument says that the server takes it only directly behind ASKING.
/// It is not a type of its own for each caller: what walks would be in the library once for each.
pub(super) type TryOn<'t> = dyn FnMut(&Order<'_>, OnServer<'_>, bool, Instant, Option<Lease>, &mut Kept) -> std::result::Result<Reply, Tried>
    + 't;

/// Try a command as it is.
pub(super) fn try_plainly(
    order: &Order<'_>,
    on: OnServer<'_>,
    asking: bool,
    now: Instant,
    leased: Option<Lease>,
    kept: &mut Kept,
) -> std::result::Result<Reply, Tried> {
    order.try_on(on, asking, now, leased, kept)
}

impl<'p> OnServer<'p> {
    /// A try with a connection of this pool.
    pub(super) fn new(pool: &'p Pool, pool_wait_ms: i64, connected_by: Deadline) -> OnServer<'p> {
        OnServer { pool, pool_wait_ms, connected_by }
    }
}

impl OnServer<'_> {
    /// One try of a command that may share its connection.
    #[inline]
    pub(super) fn send(
        self,
        order: &Order<'_>,
        mut now: Instant,
        leased: Option<Lease>,
        kept: &mut Kept,
    ) -> std::result::Result<Reply, Tried> {
        let mut ask = |lease: &mut Lease, kept: &mut Kept| order.ask_over(lease, kept);
        if leased.is_some() || !order.may_share() {
            return self.ask(order, now, leased, kept, &mut ask);
        }
        if order.wait.deadline.had_passed(now) {
            return Err(fresh(self.too_late(&order.wait)));
        }
        match self.pool.lease_alone(&mut now, self.connected_by, self.pool_wait_ms, kept).map_err(fresh)? {
            Some(mut lease) => {
                lease.go_on_at(now);
                self.ask(order, now, Some(lease), kept, &mut ask)
            }
            None => self.ride(order, now, kept),
        }
    }

    /// One try on the shared connection.
    fn ride(self, order: &Order<'_>, now: Instant, kept: &mut Kept) -> std::result::Result<Reply, Tried> {
        let Order { args, room, shape, row, ref wait, .. } = *order;
        let ride = Ride { args, room, shape, row, wait, now, pool_wait_ms: self.pool_wait_ms };
        match self.pool.ride(&ride, kept) {
            Ok(Some(reply)) => Ok(reply),
            Ok(None) => self.ask(order, now, None, kept, &mut |lease, kept| order.ask_over(lease, kept)),
            Err(Thrown { error, rested }) => Err(Tried { error, rested }),
        }
    }

    /// One try by this function, on a leased connection.
    pub(super) fn ask(
        self,
        order: &Order<'_>,
        mut now: Instant,
        leased: Option<Lease>,
        kept: &mut Kept,
        ask: &mut AskOver<'_>,
    ) -> std::result::Result<Reply, Tried> {
        let mut lease = match leased {
            Some(lease) => lease,
            None => {
                let mut lease = self.lease(&mut now, &order.wait, kept).map_err(fresh)?;
                lease.go_on_at(now);
                lease
            }
        };
        let rested = lease.rested;
        let replied = ask(&mut lease, kept);
        // The connection is returned before any callback sees the reply. After an error it is closed.
        match replied {
            Ok(reply) => {
                lease.heed(order.row, &reply);
                lease.give_back();
                Ok(reply)
            }
            Err(error) => {
                kept.notice(Notice::lost(&lease, &error));
                Err(Tried { error, rested })
            }
        }
    }

    /// Lease a connection. The clock was read at `now`; it is read again where this slept.
    #[inline]
    pub(super) fn lease(self, now: &mut Instant, wait: &Wait<'_>, kept: &mut Kept) -> Result<Lease> {
        if wait.deadline.had_passed(*now) {
            return Err(self.too_late(wait));
        }
        self.pool.lease(now, self.connected_by, self.pool_wait_ms, kept)
    }

    #[cold]
    fn too_late(self, wait: &Wait<'_>) -> Error {
        let text = format!(
            "{}: pool: the {} ms allowed were over before a connection was asked for",
            self.pool.dial().endpoint(),
            wait.allowed_ms
        );
        Error::new(Status::Timeout, text).with_outcome(Outcome::NotSent)
    }
}

/// A connection to each of these servers. Those that have to be opened are opened at once. An error: the call was woken, or there is
/// no memory.
pub(super) fn lease_each<'p>(
    servers: impl ExactSizeIterator<Item = OnServer<'p>>,
    wait: &Wait<'_>,
    kept: &mut Kept,
) -> Result<Vec<Result<Lease>>> {
    let no_memory = |_| Error::memory("the connections");
    let mut all: Vec<OnServer<'_>> = Vec::new();
    let mut wanted = Vec::new();
    all.try_reserve_exact(servers.len()).map_err(no_memory)?;
    wanted.try_reserve_exact(servers.len()).map_err(no_memory)?;
    all.extend(servers);
    if wait.deadline.has_passed() {
        let mut late = Vec::new();
        late.try_reserve_exact(all.len()).map_err(no_memory)?;
        late.extend(all.iter().map(|server| Err(server.too_late(wait))));
        return Ok(late);
    }
    wanted.extend(all.iter().map(|on| on.pool.wanted(on.connected_by)));
    pool::lease_each(&wanted, all.first().map_or(-1, |on| on.pool_wait_ms), kept)
}

impl Order<'_> {
    /// Send the command, which may change the connection, and wait for its reply.
    pub fn ask_any(&self, lease: &mut Lease, kept: &mut Kept) -> Result<Reply> {
        let Submitted { ticket, .. } = lease.submit_any(self.asked())?;
        lease.reply_to(ticket, &self.wait, kept)
    }

    /// One try on this server, directly behind ASKING where that is needed.
    pub(super) fn try_on(
        &self,
        on: OnServer<'_>,
        asking: bool,
        now: Instant,
        leased: Option<Lease>,
        kept: &mut Kept,
    ) -> std::result::Result<Reply, Tried> {
        match asking {
            true => on.ask(self, now, leased, kept, &mut |lease, kept| self.ask_asking(lease, kept)),
            false => on.send(self, now, leased, kept),
        }
    }

    /// Send the command directly behind ASKING, and wait for its reply.
    pub fn ask_asking(&self, lease: &mut Lease, kept: &mut Kept) -> Result<Reply> {
        let asking = lease.submit(&[b"ASKING"], crate::commands::Shape::KEEP)?;
        let Submitted { ticket, .. } = lease.submit_any(self.asked())?;
        let (_, reply) = lease.replies_to((asking, ticket), &self.wait, kept)?;
        Ok(reply)
    }
}

fn fresh(error: Error) -> Tried {
    Tried { error, rested: false }
}
