//! Reading from replicas: one that fails is passed over.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::Duration;

use crate::conn::Kept;
use crate::error::{Outcome, Result, Status};
use crate::ongoing;
use crate::reply::Reply;

use super::cluster::refresh::Whom;
use super::gate::Gate;
use super::many::Why;
use super::rules::Next;
use super::tries::{Tried, Tries};
use super::walk::{Target, Then, Walk};

impl Walk<'_> {
    /// No replica can be read from: rest, while there is time.
    pub(super) fn wait_for_replica(
        &mut self,
        gate: &Arc<Gate>,
        kept: &mut Kept,
    ) -> std::result::Result<(), Result<Reply>> {
        if self.until().has_passed() {
            return Err(self.given_up(gate));
        }
        self.many.refresh(Why::Sick, Whom::ALL, self.until(), kept);
        ongoing::pause(REPLICA_PAUSE).map_err(|ended| Err(ended.with_outcome(Outcome::NotSent)))
    }

    /// A replica failed the read: another server is asked. Where nobody knows whether it was read, that is a retry.
    pub(super) fn pass_over(
        &mut self,
        target: &Target,
        tried: std::result::Result<Reply, Tried>,
        tries: &mut Tries,
    ) -> Then {
        self.many.rest(&target.server);
        let tried = tried.map_err(|tried| tried.error);
        if let Err(error) = &tried
            && error.outcome == Outcome::Unknown
        {
            tries.may_have_run = true;
            return Then::Repeat(error.clone());
        }
        self.last = Some(tried);
        Then::Go
    }

    /// Whether a replica failed, so that another server is to be asked: what it says of itself, and every failure of the network or
    /// to get in.
    pub(super) fn has_failed(&self, tried: &std::result::Result<Reply, Tried>, next: &Next) -> bool {
        match tried {
            Ok(_) => matches!(next, Next::Gate | Next::Again(_)),
            Err(Tried { error, .. }) => {
                let is_refused = matches!(error.status, Status::Auth | Status::Tls | Status::Config | Status::Busy);
                is_refused || !matches!(next, Next::Tell)
            }
        }
    }
}

/// How long a read rests while no replica can be asked.
const REPLICA_PAUSE: Duration = Duration::from_millis(50);
