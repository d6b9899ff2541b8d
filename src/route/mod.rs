//! Sends a command to the server that is to have it, and decides after a failure whether to try it again, and where.
//!
//! ```text
//!  mod          a client's way to its servers
//!  servers      the servers that clients share: one, or many
//!  order        a command with its facts and limits
//!  trying       one try, on one server
//!  riding       the first try of most commands where callers share a connection
//!  tries        the state over all tries of one command
//!  retry        how many tries, the pauses between them, and their budget
//!
//!  many         many servers: which map of them is the present one
//!  map          which servers there are, and which has which slot
//!  aim          which servers a command is for
//!  walk         the way of one command over many servers
//!  policy       which servers a command without keys is for, and what becomes of their replies
//!  fanout       a command for several servers
//!  scan         SCAN over a cluster
//!  stages       the stages of such a walk
//!  walking      its tries, until it has come to its end
//!  one          a lease of the one primary that Sentinels name
//!  follow       where a redirect leads it
//!  whole        what goes to one of them whole
//!  spread       the way of many commands at once over many servers
//!  leg          what of them goes to one server
//!  errand       one of them that is still to be sent
//!  rules        what a reply or a failure means, and what comes next
//!  at_gate      a command at the gate of its shard
//!  gate         where callers wait for a shard's primary
//!  replicas     which replica a command that only reads is sent to
//!  overdue      whether another server has taken the place of one that does not answer
//!  passing      reading from replicas, of which one that fails is passed over
//!  scout        the rounds of the one caller that looks for it
//!  roles        asking replicas for their roles, for a driver that never waits
//!  guide        which server is for what, for a driver that never waits
//!  journey      the way of one command of such a driver
//!  listing      the servers, for the program
//!  announced    hosts and ports in what servers say
//!  cluster      what the servers of a cluster say of it
//!  sentinel     what Sentinels say of a primary and its replicas
//! ```
#![forbid(unsafe_code)]

mod aim;
mod announced;
mod at_gate;
mod cluster;
mod errand;
mod fanout;
mod follow;
mod gate;
mod guide;
mod journey;
mod leg;
mod listing;
mod many;
mod map;
mod missed;
mod one;
mod order;
mod overdue;
mod passing;
mod policy;
mod replicas;
mod retry;
mod riding;
mod roles;
mod rules;
mod scan;
mod scout;
mod sentinel;
mod servers;
mod spread;
mod stages;
mod tries;
mod trying;
mod walk;
mod walking;
mod whole;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::commands::{self, Command};
use crate::conn::{Dial, Kept, Notice, Wait};
use crate::error::{Error, Instead, Outcome, Result, Status};
use crate::ongoing;
use crate::options::Options;
use crate::pool::Lease;
use crate::reply::Reply;
use crate::stats::{Counters, Stat};

pub use aim::Aim;
use aim::aim;
pub use errand::{Batched, Errand, Lost, Told, may_be_refusal};
pub use guide::Guide;
pub use journey::{Heading, Journey};
pub use leg::{BrokenLeg, Leg, Stop};
use many::Many;
pub use order::{Order, server_error};
use replicas::Reads;
pub use retry::Retry;
pub use riding::PlainOrder;
pub use rules::Facts;
pub use servers::{Servers, Whereto};
pub use spread::Spread;
use tries::Tried;
pub use tries::{MadeTry, Tries};
use trying::{OnServer, TryOn, try_plainly};

/// A client's way to its servers.
pub struct Route {
    servers: Servers,
    pool_wait_ms: i64,
    failover_wait_ms: i64,
    split: bool,
    /// None: from primaries alone.
    reads: Option<Reads>,
    /// All commands go to the owner of this slot.
    at: Option<u16>,
    retry: Retry,
}

/// Receives the pushes and notices of a command's tries.
pub trait Audience {
    /// A place for the pushes and notices of one try.
    fn kept(&self) -> Kept;
    /// A try is over, and its connection was returned: deliver its pushes and notices. `again`: another try follows.
    fn show(&self, kept: Kept, again: bool);
}

/// Asks over a leased connection. The second argument says that the server takes the command only directly behind ASKING.
pub type Ask<'a> = dyn FnMut(&mut Lease, bool, &mut Kept) -> Result<Reply> + 'a;

impl Route {
    /// A way to these servers. `options` are the client's, and have the retry settings.
    pub fn new(servers: Servers, options: &Options) -> Route {
        let pool_wait_ms = servers.home().dial().options().pool_wait_ms();
        Route {
            at: servers.slot(),
            servers,
            pool_wait_ms,
            failover_wait_ms: options.failover_wait_ms(),
            split: options.split(),
            reads: Reads::new(options),
            retry: Retry::new(options),
        }
    }

    /// A connection for a command that goes straight, if there is one at once that serves no functions of the caller's.
    #[inline(always)]
    pub fn lease_straight(&self, row: &Command, args: &[&[u8]], now: Instant) -> Option<Lease> {
        match self.servers.many() {
            _ if self.dial().is_served() => None,
            None => self.servers.home().lease_resting(now),
            Some(many) if self.reads.is_none() => many.lease_straight(self.at, row, args, now),
            Some(_) => None,
        }
    }

    /// Call the parameter `ask` with a leased connection, at first with `leased` if there is that. The call is repeated after a
    /// failure or an error reply that allows another try, until no try is left. A command is tried again only if the failed try
    /// did not run it, or if it may run twice. The second argument of `ask` says that the server takes the command only directly
    /// behind ASKING.
    pub fn ask(
        &self,
        order: &Order<'_>,
        tries: &mut Tries,
        leased: Option<Lease>,
        audience: &impl Audience,
        ask: &mut Ask<'_>,
    ) -> Result<Reply> {
        self.go(order, tries, leased, audience, &mut |order, on, asking, now, leased, kept| {
            on.ask(order, now, leased, kept, &mut |lease, kept| ask(lease, asking, kept))
        })
    }

    /// Send a command and wait for its reply, on a leased connection or on a shared one. It is tried again as in `ask`.
    pub fn send(
        &self,
        order: &Order<'_>,
        tries: &mut Tries,
        leased: Option<Lease>,
        audience: &impl Audience,
    ) -> Result<Reply> {
        if let Some(many) = self.servers.many()
            && let Some(sent) = self.fan_out(many, order, tries, audience)
        {
            return sent;
        }
        self.go(order, tries, leased, audience, &mut try_plainly)
    }

    /// The way of a command to the one server, or over many.
    fn go(
        &self,
        order: &Order<'_>,
        tries: &mut Tries,
        leased: Option<Lease>,
        audience: &impl Audience,
        once: &mut TryOn<'_>,
    ) -> Result<Reply> {
        match self.servers.many() {
            None => self.try_while(order, tries, leased, audience, once),
            Some(many) => self.walk(many, self.aim(many, order)?, order, tries, leased, audience, once),
        }
    }

    /// Where a command goes.
    fn aim(&self, many: &Many, order: &Order<'_>) -> Result<Aim> {
        if many.is_cluster() { self.aim_of(order.row, order.args) } else { Ok(Aim::Any) }
    }

    /// Where a command of a cluster goes. An error: it has no one place.
    pub fn aim_of(&self, row: Option<&Command>, args: &[&[u8]]) -> Result<Aim> {
        self.at.map_or_else(|| aim(row, args), |slot| Ok(Aim::Slot(slot)))
    }

    fn on_home(&self, order: &Order<'_>) -> OnServer<'_> {
        OnServer { pool: self.servers.home(), pool_wait_ms: self.pool_wait_ms, connected_by: order.wait.deadline }
    }

    #[inline(never)]
    fn try_while(
        &self,
        order: &Order<'_>,
        tries: &mut Tries,
        mut leased: Option<Lease>,
        audience: &impl Audience,
        once: &mut TryOn<'_>,
    ) -> Result<Reply> {
        self.retry.begin();
        let on = self.on_home(order);
        let mut now = order.begun;
        loop {
            tries.count += 1;
            let (tried, mut kept) = match tries.made.take() {
                Some(made) => (made.tried, made.kept),
                None => {
                    let mut kept = audience.kept();
                    (once(order, on, false, now, leased.take(), &mut kept), kept)
                }
            };
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

    /// Lease a connection to the one server.
    pub fn lease(&self, wait: &Wait<'_>, kept: &mut Kept) -> Result<Lease> {
        if let Some(many) = self.servers.many() {
            let aim = match self.at {
                Some(slot) => Aim::Slot(slot),
                None if many.is_cluster() => {
                    let text = "a connection is to one server, and the client is of a cluster";
                    let error = Error::new(Status::Argument, text).with_outcome(Outcome::NotSent);
                    return Err(error.with_instead(Instead::OneServer));
                }
                None => Aim::Any,
            };
            return self.lease_aimed(many, aim, wait, kept);
        }
        let on = OnServer { pool: self.servers.home(), pool_wait_ms: self.pool_wait_ms, connected_by: wait.deadline };
        on.lease(&mut Instant::now(), wait, kept)
    }

    /// The servers that are known, as an array of maps.
    pub fn list(&self, options: &Options, kept: &mut Kept) -> Result<Reply> {
        self.servers.list(options, kept)
    }

    /// What tells a driver that never waits which server is for what, in a cluster.
    pub fn guide(&self) -> Option<Guide> {
        let many = self.servers.many().filter(|many| many.is_cluster());
        many.map(|many| Guide::new(Arc::clone(many), self.at, self.failover_wait_ms))
    }

    /// Whether commands go to the servers that have their keys.
    #[inline]
    pub fn is_cluster(&self) -> bool {
        self.servers.many().is_some_and(|many| many.is_cluster())
    }

    /// Whether some commands may be read from replicas.
    pub fn reads_from_replicas(&self) -> bool {
        self.reads.is_some()
    }

    /// Whether there are many servers.
    #[inline]
    pub fn is_many(&self) -> bool {
        self.servers.many().is_some()
    }

    /// The servers.
    pub fn servers(&self) -> &Servers {
        &self.servers
    }

    /// The retry settings and budget.
    pub fn retry(&self) -> &Retry {
        &self.retry
    }

    /// How the pool opens its connections.
    pub fn dial(&self) -> &Dial {
        self.servers.home().dial()
    }

    /// The options of the pool's connections.
    pub fn options(&self) -> &Options {
        self.dial().options()
    }

    /// The endpoint, as messages name it.
    pub fn endpoint(&self) -> &str {
        self.dial().endpoint()
    }

    /// The counters of the pool.
    pub fn counters(&self) -> &Counters {
        self.servers.home().counters()
    }

    /// A statistic of the pool. `None`: it is not kept.
    pub fn stat(&self, stat: Stat) -> Option<i64> {
        self.servers.stat(stat)
    }

    /// The server has become a replica: close the pool's connections, so that new ones look up the endpoint again.
    pub fn renew(&self) {
        self.servers.home().renew();
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
}

impl Many {
    /// A connection to the owner of a command's key, if there is one at once.
    #[inline(never)]
    fn lease_straight(&self, at: Option<u16>, row: &Command, args: &[&[u8]], now: Instant) -> Option<Lease> {
        let map = self.map();
        if let Some(watchers) = &self.watchers {
            let shard = map.shards().first().filter(|shard| !shard.gate.is_shut() && watchers.are_quiet(now))?;
            return shard.primary.pool.lease_resting(now);
        }
        let slot = match at {
            Some(slot) => slot,
            None => commands::slot(aim::lone_key(row, args)?),
        };
        let shard = map.shard_of(slot).filter(|shard| !shard.gate.is_shut() && !Many::is_due(&map, now))?;
        shard.primary.pool.lease_resting(now)
    }
}

#[cfg(test)]
mod tests;
