//! Sends a command to a server, and decides after a failure whether to try it again.
//!
//! ```text
//!  mod          the tries of a command, on the one server of a pool
//!  order        a command with its facts and limits
//!  tries        the state over all tries of one command
//!  retry        how many tries, the pauses between them, and their budget
//! ```
#![forbid(unsafe_code)]

mod order;
mod retry;
mod tries;

use std::time::{Duration, Instant};

use crate::conn::{Dial, Kept, Notice, Wait};
use crate::error::{Error, Outcome, Result, Status};
use crate::ongoing;
use crate::options::Options;
use crate::pool::{Lease, Pool, Ride, Thrown};
use crate::reply::Reply;
use crate::stats::{Counters, Stat};

pub use order::{Order, server_error};
pub use retry::Retry;
use tries::Tried;
pub use tries::Tries;

/// Sends commands to the one server of a pool.
pub struct Route {
    pool: Pool,
    pool_wait_ms: i64,
    retry: Retry,
}

/// Receives the pushes and notices of a command's tries.
pub trait Audience {
    /// A place for the pushes and notices of one try.
    fn kept(&self) -> Kept;
    /// A try is over, and its connection was returned: deliver its pushes and notices. `again`: another try follows.
    fn show(&self, kept: Kept, again: bool);
}

impl Route {
    /// A route to the one server of this pool. `options` are the client's, and have the retry settings.
    pub fn single(pool: Pool, options: &Options) -> Route {
        let pool_wait_ms = pool.dial().options().pool_wait_ms();
        Route { pool, pool_wait_ms, retry: Retry::new(options) }
    }

    /// A connection for a command that goes straight, if there is one at once that serves no functions of the caller's.
    #[inline(always)]
    pub fn lease_straight(&self, now: Instant) -> Option<Lease> {
        if self.pool.dial().is_served() { None } else { self.pool.lease_resting(now) }
    }

    /// Call the parameter `ask` with a leased connection, at first with `leased` if there is that. The call is repeated after a
    /// failure or an error reply that allows another try, until no try is left. A command is tried again only if the failed try
    /// did not run it, or if it may run twice.
    pub fn ask(
        &self,
        order: &Order<'_>,
        tries: &mut Tries,
        leased: Option<Lease>,
        audience: &impl Audience,
        mut ask: impl FnMut(&mut Lease, &mut Kept) -> Result<Reply>,
    ) -> Result<Reply> {
        let once = |now, leased, kept: &mut Kept| self.try_once(order, now, leased, kept, &mut ask);
        self.try_while(order, tries, leased, audience, once)
    }

    /// Send a command and wait for its reply, on a leased connection or on a shared one. It is tried again as in `ask`.
    pub fn send(
        &self,
        order: &Order<'_>,
        tries: &mut Tries,
        leased: Option<Lease>,
        audience: &impl Audience,
    ) -> Result<Reply> {
        let once = |now, leased, kept: &mut Kept| self.send_once(order, now, leased, kept);
        self.try_while(order, tries, leased, audience, once)
    }

    #[inline(always)]
    fn try_while(
        &self,
        order: &Order<'_>,
        tries: &mut Tries,
        mut leased: Option<Lease>,
        audience: &impl Audience,
        mut once: impl FnMut(Instant, Option<Lease>, &mut Kept) -> std::result::Result<Reply, Tried>,
    ) -> Result<Reply> {
        self.retry.begin();
        let mut now = order.begun;
        loop {
            tries.count += 1;
            let mut kept = audience.kept();
            let tried = once(now, leased.take(), &mut kept);
            let again = self.again(order, &tried, tries.count);
            if let Some((pause, error)) = &again {
                kept.notice(Notice::Retry {
                    command: order.wait.shown_name(),
                    attempts: tries.count,
                    wait_ms: pause.as_millis() as i64,
                    error: error.clone(),
                });
            }
            audience.show(kept, again.is_some());
            match (again, tried) {
                (Some((pause, error)), _) => {
                    tries.may_have_run |= error.outcome == Outcome::Unknown;
                    ongoing::pause(pause).map_err(|ended| ended.with_outcome(error.outcome))?;
                    now = Instant::now();
                }
                (None, Ok(reply)) => return Ok(reply),
                (None, Err(Tried { error, .. })) => return Err(error),
            }
        }
    }

    /// Lease a connection.
    pub fn lease(&self, wait: &Wait<'_>, kept: &mut Kept) -> Result<Lease> {
        self.lease_at(&mut Instant::now(), wait, kept)
    }

    /// The same where the clock was read just now; it is read again where this slept.
    #[inline]
    fn lease_at(&self, now: &mut Instant, wait: &Wait<'_>, kept: &mut Kept) -> Result<Lease> {
        if wait.deadline.had_passed(*now) {
            return Err(self.too_late(wait));
        }
        self.pool.lease(now, wait.deadline, self.pool_wait_ms, kept)
    }

    #[cold]
    fn too_late(&self, wait: &Wait<'_>) -> Error {
        let text = format!(
            "{}: pool: the {} ms allowed were over before a connection was asked for",
            self.endpoint(),
            wait.allowed_ms
        );
        Error::new(Status::Timeout, text).with_outcome(Outcome::NotSent)
    }

    /// The retry settings and budget.
    pub fn retry(&self) -> &Retry {
        &self.retry
    }

    /// How the pool opens its connections.
    pub fn dial(&self) -> &Dial {
        self.pool.dial()
    }

    /// The options of the pool's connections.
    pub fn options(&self) -> &Options {
        self.pool.dial().options()
    }

    /// The endpoint, as messages name it.
    pub fn endpoint(&self) -> &str {
        self.pool.dial().endpoint()
    }

    /// The counters of the pool.
    pub fn counters(&self) -> &Counters {
        self.pool.counters()
    }

    /// A statistic of the pool. `None`: it is not kept.
    pub fn stat(&self, stat: Stat) -> Option<i64> {
        self.pool.stat(stat)
    }

    /// The server has become a replica: close the pool's connections, so that new ones look up the endpoint again.
    pub fn renew(&self) {
        self.pool.renew();
    }

    /// Whether to try again: the pause before the next try, and the error of this one. `None`: the result is final.
    fn again(
        &self,
        order: &Order<'_>,
        tried: &std::result::Result<Reply, Tried>,
        attempts: u32,
    ) -> Option<(Duration, Error)> {
        let error = match tried {
            Ok(reply) if !reply.is_error() => return None,
            Ok(reply) => order.error(reply),
            // The server had closed the idle connection, and no byte of the command was sent: the next try begins at
            // once, whatever the retry settings are. SHUTDOWN is never tried again, since another server may be running
            // by then.
            Err(Tried { error, rested: true }) if error.outcome == Outcome::NotSent && error.status == Status::Io => {
                return (!order.ends_server()).then(|| (Duration::ZERO, error.clone()));
            }
            Err(Tried { error, .. }) => error.clone(),
        };
        if !order.may_repeat(&error) {
            return None;
        }
        Some((self.retry.next_pause(attempts, order.wait.deadline)?, error))
    }

    /// One try of a command that may share its connection.
    fn send_once(
        &self,
        order: &Order<'_>,
        mut now: Instant,
        leased: Option<Lease>,
        kept: &mut Kept,
    ) -> std::result::Result<Reply, Tried> {
        let mut ask = |lease: &mut Lease, kept: &mut Kept| order.ask_over(lease, kept);
        if leased.is_some() || !order.may_share() {
            return self.try_once(order, now, leased, kept, &mut ask);
        }
        if order.wait.deadline.had_passed(now) {
            return Err(fresh(self.too_late(&order.wait)));
        }
        match self.pool.lease_alone(&mut now, order.wait.deadline, self.pool_wait_ms, kept).map_err(fresh)? {
            Some(mut lease) => {
                lease.go_on_at(now);
                self.try_once(order, now, Some(lease), kept, &mut ask)
            }
            None => self.ride_once(order, now, kept),
        }
    }

    /// One try on the shared connection.
    fn ride_once(&self, order: &Order<'_>, now: Instant, kept: &mut Kept) -> std::result::Result<Reply, Tried> {
        let Order { args, room, shape, row, ref wait, .. } = *order;
        let ride = Ride { args, room, shape, row, wait, now, pool_wait_ms: self.pool_wait_ms };
        match self.pool.ride(&ride, kept) {
            Ok(Some(reply)) => Ok(reply),
            Ok(None) => self.try_once(order, now, None, kept, &mut |lease, kept| order.ask_over(lease, kept)),
            Err(Thrown { error, rested }) => Err(Tried { error, rested }),
        }
    }

    fn try_once(
        &self,
        order: &Order<'_>,
        mut now: Instant,
        leased: Option<Lease>,
        kept: &mut Kept,
        ask: &mut impl FnMut(&mut Lease, &mut Kept) -> Result<Reply>,
    ) -> std::result::Result<Reply, Tried> {
        let mut lease = match leased {
            Some(lease) => lease,
            None => {
                let mut lease = self.lease_at(&mut now, &order.wait, kept).map_err(fresh)?;
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
}

fn fresh(error: Error) -> Tried {
    Tried { error, rested: false }
}

#[cfg(test)]
mod tests;
