//! One command on a leased connection.
#![forbid(unsafe_code)]

use std::time::Instant;

use crate::commands::{self, Command, Shape};
use crate::conn::is_straight_in;
use crate::error::Result;
use crate::pool::Lease;
use crate::reply::Reply;
use crate::resp;
use crate::route::{MadeTry, Order, PlainOrder, Tries};
use crate::stats::Counters;

use super::Client;
use super::call::{Call, Flags};

/// How a command goes on that had no short reply on the straight way.
enum GoesOn {
    /// From the beginning.
    Anew,
    /// Over this connection.
    Over(Lease),
    /// Behind this try.
    Behind(Box<MadeTry>),
}

impl Client {
    /// Send one command and wait for its reply. A server's error is an error, unless the call asks for it as a reply.
    #[inline]
    pub fn command(&self, args: &[&[u8]], call: &Call) -> Result<Reply> {
        self.during(call.call_data, || {
            self.count(Counters::command);
            let (row, begun) = (commands::find(args), Instant::now());
            match self.command_straight(row, args, call, begun) {
                Ok(reply) => Ok(reply),
                Err(goes_on) => self.command_under_way(row, args, call, begun, goes_on),
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
        let is_plain = !call.flags.has(Flags::PRIMARY) && self.is_plain(call);
        let row = row.filter(|row| row.is_plain() && is_plain && is_straight_in(self.plain_ms(call)))?;
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
    ) -> std::result::Result<Reply, GoesOn> {
        let Some(row) = row else { return Err(GoesOn::Anew) };
        let Some((shape, room)) = self.straight(Some(row), args, call) else { return Err(GoesOn::Anew) };
        let Some(mut lease) = self.0.route.lease_straight(row, args, begun) else {
            return self
                .command_sharing(&PlainOrder { row, args, room, shape, begun, allowed_ms: self.plain_ms(call) }, call);
        };
        match lease.ask_straight(args, room, shape, begun) {
            Some(reply) => {
                self.0.route.retry().begin();
                lease.give_back();
                Ok(reply)
            }
            None => Err(GoesOn::Over(lease)),
        }
    }

    /// The same where callers share a connection.
    #[inline(never)]
    fn command_sharing(&self, plain: &PlainOrder<'_>, call: &Call) -> std::result::Result<Reply, GoesOn> {
        // No function of the program's runs while others wait for this call to read.
        if call.flags.has(Flags::ALONE) || self.0.setup.on_interrupt.is_some() {
            return Err(GoesOn::Anew);
        }
        self.0.route.ride(plain, self).map_err(|made| made.map_or(GoesOn::Anew, GoesOn::Behind))
    }

    #[inline(never)]
    fn command_under_way(
        &self,
        row: Option<&'static Command>,
        args: &[&[u8]],
        call: &Call,
        begun: Instant,
        goes_on: GoesOn,
    ) -> Result<Reply> {
        let (leased, made) = match goes_on {
            GoesOn::Anew => (None, None),
            GoesOn::Over(lease) => (Some(lease), None),
            GoesOn::Behind(made) => (None, Some(made)),
        };
        let mut tries = Tries::after(made);
        let terms = self.terms_of(row, args, call);
        let replied = match row.filter(|row| row.connection_state().is_some()) {
            Some(row) => Err(row.misplaced("a client shares its connections")),
            None => {
                self.refuse_in_vain(call, false).and_then(|()| terms.order_at(begun, args, call)).and_then(|order| {
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
