//! The tries of a command on its way over many servers, until it has come to its end.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use crate::conn::{Kept, Notice};
use crate::error::{Error, Result, Status};
use crate::ongoing;
use crate::pool::Lease;
use crate::reply::Reply;

use super::aim::Aim;
use super::many::Many;
use super::order::Order;
use super::replicas::Reads;
use super::tries::{Tried, Tries};
use super::trying::{OnServer, TryOn};
use super::walk::{Target, Then, Walk};
use super::{Audience, Route};

/// A try that was made already: where, and what it came to.
pub(super) type FirstTry = (Target, std::result::Result<Reply, Tried>);

impl Route {
    /// A command's way over many servers.
    #[inline(never)]
    #[expect(clippy::too_many_arguments, reason = "a way has a beginning, an end, and what happens on it")]
    pub(super) fn walk(
        &self,
        many: &Many,
        aim: Aim,
        order: &Order<'_>,
        tries: &mut Tries,
        leased: Option<Lease>,
        audience: &impl Audience,
        once: &mut TryOn<'_>,
    ) -> Result<Reply> {
        self.retry.begin();
        let walk = Walk::new(many, order, aim, self.reads_of(order), self.failover_wait_ms);
        self.walk_on(walk, None, tries, leased, audience, once)
    }

    /// The rest of a way, after the try that it began with, if there was one.
    pub(super) fn walk_on(
        &self,
        mut walk: Walk<'_>,
        mut begun: Option<FirstTry>,
        tries: &mut Tries,
        mut leased: Option<Lease>,
        audience: &impl Audience,
        once: &mut TryOn<'_>,
    ) -> Result<Reply> {
        let (many, order) = (walk.many, walk.order);
        let mut repeats = 0;
        loop {
            let mut kept = audience.kept();
            let found = match &leased {
                _ if begun.is_some() => None,
                Some(lease) => Some(Ok(walk.target_of(lease))),
                None => Some(walk.find(&mut kept)),
            };
            let then = match (begun.take(), found) {
                (Some((target, tried)), _) => walk.after(&target, tried, tries, &mut kept),
                (None, Some(Ok(target))) => {
                    tries.count += 1;
                    let now = begun_at(order, tries);
                    let on = OnServer::new(target.pool(), self.pool_wait_ms, target.connected_by);
                    let mut args = Vec::new();
                    let left = order.left(tries.count);
                    let order = order.shortened(left.as_ref(), &mut args)?;
                    let tried = many.unless_missed(&target.server, target.asking, || {
                        once(&order, on, target.asking, now, leased.take(), &mut kept)
                    });
                    target.has_answered(tried.is_ok(), now);
                    walk.after(&target, tried, tries, &mut kept)
                }
                (None, Some(Err(over))) => Then::Done(over),
                (None, None) => continue,
            };
            let pause = match &then {
                Then::Repeat(error) => self.before_repeat(error, &mut repeats, order, tries, &mut kept),
                _ => None,
            };
            match (then, pause) {
                (Then::Repeat(error), Some(pause)) => {
                    audience.show(kept, true);
                    ongoing::pause(pause).map_err(|ended| ended.with_outcome(error.outcome))?;
                }
                (Then::Go, _) => audience.show(kept, false),
                (over, _) => {
                    drop(walk);
                    many.look_after(order.begun, order.wait.deadline, &mut kept);
                    audience.show(kept, false);
                    return over.result();
                }
            }
        }
    }

    /// Which servers a command is read from, where not from primaries alone.
    pub(super) fn reads_of(&self, order: &Order<'_>) -> Option<&Reads> {
        self.reads.as_ref().filter(|_| order.may_be_replicas())
    }

    /// The pause before a command is repeated. None: it is not.
    fn before_repeat(
        &self,
        error: &Error,
        repeats: &mut u32,
        order: &Order<'_>,
        tries: &Tries,
        kept: &mut Kept,
    ) -> Option<Duration> {
        *repeats += 1;
        let pause = self.retry.next_pause(*repeats, order.wait.deadline);
        pause.inspect(|pause| kept.notice(retried(order, tries, *pause, error)))
    }
}

impl Then {
    /// What the call came to.
    fn result(self) -> Result<Reply> {
        match self {
            Then::Done(result) => result,
            Then::Repeat(error) => Err(error),
            Then::Go => Err(Error::new(Status::Panic, "a call that goes on was taken to be over")),
        }
    }
}

/// What an event tells of a retry.
fn retried(order: &Order<'_>, tries: &Tries, wait: Duration, error: &Error) -> Notice {
    Notice::Retry {
        command: order.wait.shown_name(),
        attempts: tries.count,
        wait_ms: wait.as_millis() as i64,
        error: error.clone(),
    }
}

/// When the call began, for its first try.
fn begun_at(order: &Order<'_>, tries: &Tries) -> Instant {
    if tries.count <= 1 { order.begun } else { Instant::now() }
}
