//! A connection of one's own to the one server that takes writes, where Sentinels say which that is.
#![forbid(unsafe_code)]

use std::time::Instant;

use crate::commands::{Effect, Shape};
use crate::conn::{Dial, Kept, Wait};
use crate::error::{Error, Outcome, Result, Status};
use crate::pool::Lease;

use super::Route;
use super::aim::Aim;
use super::many::Many;
use super::order::{Order, server_error};
use super::tries::{Tried, Tries};
use super::trying::OnServer;
use super::walk::{Then, Walk};

impl Route {
    /// Whether Sentinels name the server.
    #[inline]
    pub fn is_named(&self) -> bool {
        self.servers.many().is_some_and(|many| !many.is_cluster())
    }

    /// How connections to the primary are opened that Sentinels name, as far as is heard of it without waiting. `is_lost`: the one
    /// that is known cannot be used. None: nobody has named one yet.
    pub fn named_now(&self, is_lost: bool, now: Instant, kept: &mut Kept) -> Option<Dial> {
        let named = self.servers.many()?.named_now(is_lost, now, kept)?;
        Some(named.pool.dial().clone())
    }

    /// Lease a connection to the primary of a slot, or to the one that the Sentinels name. Where it cannot be used, this waits for
    /// another.
    pub(super) fn lease_aimed(&self, many: &Many, aim: Aim, wait: &Wait<'_>, kept: &mut Kept) -> Result<Lease> {
        let args = [wait.name];
        let order = Order {
            args: &args,
            row: None,
            room: 0,
            effect: Effect::None,
            shape: Shape::KEEP,
            wait: *wait,
            begun: Instant::now(),
            once: false,
            alone: true,
            primary: true,
            idempotent: false,
        };
        let mut walk = Walk::new(many, &order, aim, None, self.failover_wait_ms);
        let mut tries = Tries::default();
        let told = |reply| match reply {
            Ok(reply) => server_error(None, &reply),
            Err(error) => error,
        };
        loop {
            let target = walk.find(kept).map_err(told)?;
            let (pool_wait_ms, connected_by) = (self.pool_wait_ms, target.connected_by);
            let on = OnServer { pool: &target.server.pool, pool_wait_ms, connected_by };
            let error = match on.lease(&mut Instant::now(), wait, kept) {
                Ok(lease) => {
                    walk.works();
                    return Ok(lease);
                }
                Err(error) => error,
            };
            match walk.after(&target, Err(Tried { error, rested: false }), &mut tries, kept) {
                Then::Go => {}
                Then::Done(Err(error)) | Then::Repeat(error) => return Err(error),
                Then::Done(Ok(_)) => {
                    return Err(Error::new(Status::Panic, "a lease was answered").with_outcome(Outcome::NotSent));
                }
            }
        }
    }
}
