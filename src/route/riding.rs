//! The first try of a command that has nothing special about it, on the connection that callers share.
#![forbid(unsafe_code)]

use std::time::Instant;

use crate::commands::{Command, Shape};
use crate::conn::Wait;
use crate::pool::{Ride, Thrown};
use crate::reply::Reply;
use crate::transport::Deadline;

use super::order::may_ride;
use super::tries::{MadeTry, Tried};
use super::{Audience, Route};

/// A command that has nothing special about it.
#[derive(Clone, Copy)]
pub struct PlainOrder<'a> {
    /// Its row in the table of commands.
    pub row: &'static Command,
    /// Its arguments, which `resp::checked_room` let pass.
    pub args: &'a [&'a [u8]],
    /// The room that they take, in bytes.
    pub room: usize,
    /// The shape of its reply.
    pub shape: Shape,
    /// When its call began.
    pub begun: Instant,
    /// How long that may take.
    pub allowed_ms: i64,
}

impl Route {
    /// Send a command on the connection that callers share, where they do, and take its reply. An error: that comes first for the
    /// tries of the command, or there was no try.
    #[inline(never)]
    pub fn ride(&self, plain: &PlainOrder<'_>, audience: &impl Audience) -> Result<Reply, Option<Box<MadeTry>>> {
        let PlainOrder { row, args, room, shape, begun, allowed_ms } = *plain;
        let pool = self.servers.home();
        if self.is_many() || !pool.shares() || !may_ride(row, room) {
            return Err(None);
        }
        let name = args.first().copied().unwrap_or(b"");
        let wait = Wait { deadline: Deadline::ms_behind(begun, allowed_ms), allowed_ms, name };
        let ride = Ride { args, room, shape, row: Some(row), wait: &wait, now: begun, pool_wait_ms: self.pool_wait_ms };
        let mut kept = audience.kept();
        let tried = match pool.ride(&ride, &mut kept) {
            Ok(Some(reply)) if !reply.is_error() => {
                self.retry.begin();
                audience.show(kept, false);
                return Ok(reply);
            }
            Ok(Some(error)) => Ok(error),
            // So much waits there that it goes alone.
            Ok(None) => return Err(None),
            Err(Thrown { error, rested }) => Err(Tried { error, rested }),
        };
        Err(Some(Box::new(MadeTry { tried, kept })))
    }
}
