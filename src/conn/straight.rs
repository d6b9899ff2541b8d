//! The straight way of a command: one write, one wait, and one read that brings a short reply. What turns out otherwise is left
//! as it stands, and `reply_to` goes on from there.

use std::time::Instant;

use crate::commands::Shape;
use crate::ongoing::Vigil;
use crate::reply::Reply;
use crate::session::{Straight, Ticket};
use crate::transport::wait::{self, READ_WAIT_MS};

use super::connection::Connection;
use super::stopped::{StoppedWay, WhyStopped};
use super::waiting::MUCH_MS;

impl Connection {
    /// Send a command that changes nothing of the connection, and wait for its reply for a moment; there is more time than `MUCH`.
    /// The connection is as a new one, or may go straight, and nothing of the caller's serves it. `None`: `begun` says how it goes on.
    #[inline(always)]
    pub fn ask_straight(&mut self, args: &[&[u8]], room: usize, shape: Shape, begun: Instant) -> Option<Reply> {
        let plain = self.plain?;
        // What there is no memory for is found out once more.
        let straight = self.session.submit_straight(args, room, shape).ok()?;
        if let Err(error) = self.write(usize::MAX, 0) {
            return self.stop(&straight, Some(WhyStopped::Writing(error)));
        }
        let may_wait = self.session.outgoing().is_empty() && Vigil::is_brief().unwrap_or(false);
        if !may_wait || !(plain.waits || wait::is_soon_readable(plain.fd)) {
            return self.stop(&straight, None);
        }
        match self.read(if plain.waits { READ_WAIT_MS } else { 0 }) {
            Ok(true) => {}
            Ok(false) => return self.stop(&straight, None),
            Err(error) => return self.stop(&straight, Some(WhyStopped::Reading(error))),
        }
        match self.session.answered_straight(&straight) {
            None => self.stop(&straight, None),
            reply => {
                self.asks_at(begun);
                reply
            }
        }
    }

    /// Whether a command may go straight over a connection that is not as a new one.
    #[inline]
    pub fn may_go_straight(&self) -> bool {
        !self.dial.is_served() && self.session.may_go_straight()
    }

    /// The command that a straight way has queued, if one did: its reply is still to come.
    #[inline]
    pub fn begun(&self) -> Option<Ticket> {
        self.begun.as_ref().map(|begun| begun.ticket)
    }

    #[cold]
    fn stop(&mut self, straight: &Straight, why: Option<WhyStopped>) -> Option<Reply> {
        let ticket = self.session.owe(straight);
        self.begun = Some(StoppedWay { ticket, why: why.map(Box::new) });
        None
    }
}

/// Whether so much time is enough for a straight way.
#[inline]
pub fn is_straight_in(allowed_ms: i64) -> bool {
    !(0..=MUCH_MS).contains(&allowed_ms)
}
