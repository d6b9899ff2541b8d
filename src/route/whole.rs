//! What goes to one of many servers whole: a transaction, and the connection that watches.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::Instant;

use crate::commands::Refusal;
use crate::conn::Kept;
use crate::error::{Error, Outcome, Result, Status};
use crate::pool::Lease;
use crate::reply::Reply;
use crate::transport::Deadline;

use super::aim::Aim;
use super::order::Order;
use super::tries::{Tried, Tries};
use super::{Ask, Audience, Route};

impl Route {
    /// As `ask`, of what may be of many commands, and goes to the owner of this slot. The order says how long it may take, and what
    /// is to be known of all of them.
    pub fn ask_at(
        &self,
        slot: Option<u16>,
        order: &Order<'_>,
        tries: &mut Tries,
        audience: &impl Audience,
        ask: &mut Ask<'_>,
    ) -> Result<Reply> {
        let Some(many) = self.servers.many() else { return self.ask(order, tries, None, audience, ask) };
        let aim = slot.map_or(Aim::Any, Aim::Slot);
        self.walk(many, aim, order, tries, None, audience, &mut |order, on, asking, now, leased, kept| {
            on.ask(order, now, leased, kept, &mut |lease, kept| ask(lease, asking, kept))
        })
    }

    /// The same of one command; the connection that answered it does not go back, unless it was answered with an error.
    pub fn hold_at(
        &self,
        slot: Option<u16>,
        order: &Order<'_>,
        tries: &mut Tries,
        audience: &impl Audience,
    ) -> Result<(Reply, Option<Lease>)> {
        let Some(many) = self.servers.many() else {
            return Err(Error::new(Status::State, "there is one server").with_outcome(Outcome::NotSent));
        };
        let aim = slot.map_or(Aim::Any, Aim::Slot);
        let mut held = None;
        let reply = self.walk(many, aim, order, tries, None, audience, &mut |_, on, asking, _, _, kept| {
            let fresh = |error| Tried { error, rested: false };
            let mut lease = on.lease(&mut Instant::now(), &order.wait, kept).map_err(fresh)?;
            let rested = lease.rested;
            let asked = match asking {
                true => order.ask_asking(&mut lease, kept),
                false => order.ask_any(&mut lease, kept),
            };
            let reply = asked.map_err(|error| Tried { error, rested })?;
            lease.heed(order.row, &reply);
            match reply.is_error() {
                true => lease.give_back(),
                false => held = Some(lease),
            }
            Ok(reply)
        });
        reply.map(|reply| (reply, held))
    }

    /// A server has refused what came over a connection that is held: note what that says of the slot, and of the server.
    pub fn heed_at(&self, slot: Option<u16>, lease: &Lease, words: &[u8], deadline: Deadline, kept: &mut Kept) {
        let Some(many) = self.servers.many() else { return };
        let map = Arc::clone(&many.map());
        let Some(server) = map.server_at(lease.dial().place()) else { return };
        match many.redirect(words, server) {
            // The call is told of the refusal, whatever comes of this.
            Some(redirect) => drop(many.follow(&redirect, server, slot, deadline, kept)),
            None if Refusal::of(words, true).is_some_and(Refusal::ends_connection) => {
                if let Some(gate) = map.gate_of(&server.endpoint) {
                    gate.shut(gate.opened());
                }
            }
            None => {}
        }
    }

    /// Whether this connection is to the server that has the slot, as far as is known.
    pub fn leads_to(&self, slot: Option<u16>, lease: &Lease) -> bool {
        let (Some(many), Some(slot)) = (self.servers.many(), slot) else { return true };
        let map = many.map();
        map.shard_of(slot).is_some_and(|shard| shard.primary.endpoint == *lease.dial().place())
    }
}
