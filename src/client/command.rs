//! One command on a leased connection.
#![forbid(unsafe_code)]

use std::time::Instant;

use crate::commands::{self, Command, Shape};
use crate::conn::is_straight_in;
use crate::error::Result;
use crate::pool::Lease;
use crate::reply::Reply;
use crate::resp;
use crate::route::{Order, Tries};
use crate::stats::Counters;

use super::Client;
use super::call::Call;

impl Client {
    /// Send one command and wait for its reply. A server's error is an error, unless the call asks for it as a reply.
    #[inline]
    pub fn command(&self, args: &[&[u8]], call: &Call) -> Result<Reply> {
        self.during(call.call_data, || {
            self.count(Counters::command);
            let (row, begun) = (commands::find(args), Instant::now());
            match self.command_straight(row, args, call, begun) {
                Ok(reply) => Ok(reply),
                Err(leased) => self.command_under_way(row, args, call, begun, leased),
            }
        })
    }

    /// Whether a command has nothing special about it: the shape of its reply, and the room that it takes.
    #[inline(always)]
    pub(super) fn straight(
        &self,
        row: Option<&'static Command>,
        args: &[&[u8]],
        call: &Call,
    ) -> Option<(Shape, usize)> {
        let row = row.filter(|row| row.is_plain() && self.is_plain(call) && is_straight_in(self.plain_ms(call)))?;
        let room = resp::checked_room(args).ok()?;
        Some((commands::shape_of(Some(row), args), room))
    }

    /// Send a command that has nothing special about it, over a connection that is there at once, and take its short reply. An
    /// error: it goes on, over the connection if there is one, as any command.
    // Unoptimised, its frame would stay below a command that goes on another way.
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn command_straight(
        &self,
        row: Option<&'static Command>,
        args: &[&[u8]],
        call: &Call,
        begun: Instant,
    ) -> std::result::Result<Reply, Option<Lease>> {
        let Some((shape, room)) = self.straight(row, args, call) else { return Err(None) };
        let Some(mut lease) = self.0.route.lease_straight(begun) else { return Err(None) };
        match lease.ask_straight(args, room, shape, begun) {
            Some(reply) => {
                self.0.route.retry().begin();
                lease.give_back();
                Ok(reply)
            }
            None => Err(Some(lease)),
        }
    }

    #[inline(never)]
    fn command_under_way(
        &self,
        row: Option<&'static Command>,
        args: &[&[u8]],
        call: &Call,
        begun: Instant,
        leased: Option<Lease>,
    ) -> Result<Reply> {
        let mut tries = Tries::default();
        let terms = self.terms_of(row, args, call);
        let replied = match row.filter(|row| row.connection_state().is_some()) {
            Some(row) => Err(row.misplaced("a client shares its connections")),
            None => {
                terms.order_at(begun, args, call).and_then(|order| {
                    // No function of the program's runs while others wait for this call to read.
                    let alone = order.alone || self.0.setup.on_interrupt.is_some();
                    self.0.route.send(&Order { alone, ..order }, &mut tries, leased, self)
                })
            }
        };
        let result = replied.and_then(|reply| terms.finish(args, call, reply));
        result.map_err(|error| tries.tell(error)).inspect_err(|error| self.count(|counters| counters.failed(error)))
    }
}
