//! Who answers a command, and what its refusal means: the same server again, another, or nobody.
//!
//! ```text
//!  mod          who answers: the one server there is
//!  order        a command, and what is known of it
//!  tries        what is known over all tries of one command
//!  retry        how often, how long to wait before it, out of which budget
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
use crate::pool::{Counters, Lease, Pool, Stat};
use crate::reply::Reply;

pub use order::{Order, server_error};
pub use retry::Retry;
use tries::Tried;
pub use tries::Tries;

/// Who answers: here the one server that the connections of a pool lead to.
pub struct Route {
    pool: Pool,
    pool_wait_ms: i64,
    retry: Retry,
}

/// What is told beside the reply, while a command is tried.
pub trait Audience {
    /// A place for what a try brings unasked, and for what happens in it.
    fn kept(&self) -> Kept;
    /// A try is over, and its connection has gone back: this is what it brought. `again`: another follows.
    fn show(&self, kept: Kept, again: bool);
}

impl Route {
    /// To the one server of this pool. `options` are the caller's, and say how often it tries again.
    pub fn single(pool: Pool, options: &Options) -> Route {
        let pool_wait_ms = pool.dial().options().pool_wait_ms();
        Route { pool, pool_wait_ms, retry: Retry::new(options) }
    }

    /// The reply that `ask` gets over a connection, tried again on others where nothing can run twice.
    #[inline(always)]
    pub fn ask(
        &self,
        order: &Order<'_>,
        tries: &mut Tries,
        audience: &impl Audience,
        mut ask: impl FnMut(&mut Lease, &mut Kept) -> Result<Reply>,
    ) -> Result<Reply> {
        self.retry.begin();
        loop {
            tries.count += 1;
            let mut kept = audience.kept();
            let tried = self.try_once(order, &mut kept, &mut ask);
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
                }
                (None, Ok(reply)) => return Ok(reply),
                (None, Err(Tried { error, .. })) => return Err(error),
            }
        }
    }

    /// A connection, until it is given back.
    pub fn lease(&self, wait: &Wait<'_>, kept: &mut Kept) -> Result<Lease> {
        let now = Instant::now();
        if wait.deadline.had_passed(now) {
            let text = format!(
                "{}: pool: the {} ms allowed were over before a connection was asked for",
                self.endpoint(),
                wait.allowed_ms
            );
            return Err(Error::new(Status::Timeout, text).with_outcome(Outcome::NotSent));
        }
        self.pool.lease(now, wait.deadline, self.pool_wait_ms, kept)
    }

    /// How often, and after how long, it is tried again.
    pub fn retry(&self) -> &Retry {
        &self.retry
    }

    /// How connections are opened.
    pub fn dial(&self) -> &Dial {
        self.pool.dial()
    }

    /// The options that connections are opened by.
    pub fn options(&self) -> &Options {
        self.pool.dial().options()
    }

    /// Where it leads, as messages name it.
    pub fn endpoint(&self) -> &str {
        self.pool.dial().endpoint()
    }

    /// What is counted of its connections.
    pub fn counters(&self) -> &Counters {
        self.pool.counters()
    }

    /// One figure of its connections. `None`: it is not kept.
    pub fn stat(&self, stat: Stat) -> Option<i64> {
        self.pool.stat(stat)
    }

    /// The server takes no writes any more: connections to it go, and the next are opened to where the endpoint leads then.
    pub fn renew(&self) {
        self.pool.renew();
    }

    /// Whether to try again, how long to wait before that, and what went wrong.
    fn again(
        &self,
        order: &Order<'_>,
        tried: &std::result::Result<Reply, Tried>,
        attempts: u32,
    ) -> Option<(Duration, Error)> {
        let error = match tried {
            Ok(reply) if !reply.is_error() => return None,
            Ok(reply) => order.error(reply),
            // The server had closed it while it rested, and no byte of the command left: nothing happened yet. Only what ends
            // a server is never tried again.
            Err(Tried { error, rested: true }) if error.outcome == Outcome::NotSent && error.status == Status::Io => {
                return (!order.ends_server()).then(|| (Duration::ZERO, error.clone()));
            }
            Err(Tried { error, .. }) => error.clone(),
        };
        if !order.may_repeat(&error) {
            return None;
        }
        Some((self.retry.wait(attempts, order.wait.deadline)?, error))
    }

    #[inline(always)]
    fn try_once(
        &self,
        order: &Order<'_>,
        kept: &mut Kept,
        ask: &mut impl FnMut(&mut Lease, &mut Kept) -> Result<Reply>,
    ) -> std::result::Result<Reply, Tried> {
        let fresh = |error| Tried { error, rested: false };
        let mut lease = self.lease(&order.wait, kept).map_err(fresh)?;
        let rested = lease.rested;
        let replied = ask(&mut lease, kept);
        // Back before any code of the caller's sees the reply; closed if anything went wrong.
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
