//! The deadline for replies that no command waits for.

use std::time::{Duration, Instant};

use crate::session::Ticket;

/// The deadline for replies that no command waits for: to a PING, to restored subscriptions, to commands that timed
/// out.
pub(super) struct Patience {
    /// The number of such replies that are outstanding.
    pub(super) owed: u64,
    /// When the connection is given up if nothing arrives.
    pub(super) ends: Option<Instant>,
    pub(super) allowed: Option<Duration>,
    /// A PING that is not answered.
    pub(super) ping: Option<Ticket>,
}

impl Patience {
    pub(super) fn new(command_timeout_ms: i64, connect_timeout_ms: i64) -> Patience {
        let allowed = [command_timeout_ms, connect_timeout_ms];
        let allowed = allowed.into_iter().find_map(|ms| u64::try_from(ms).ok()).map(Duration::from_millis);
        Patience { owed: 0, ends: None, allowed, ping: None }
    }

    /// `count` more such replies are outstanding.
    pub(super) fn more(&mut self, count: u64, now: Instant) {
        self.owed += count;
        if count > 0 && self.ends.is_none() {
            self.extend(now);
        }
    }

    /// PING was sent.
    pub(super) fn pinged(&mut self, ticket: Ticket, now: Instant) {
        self.ping = Some(ticket);
        self.more(1, now);
    }

    /// A reply arrived that no command waits for. True: it is the reply to PING.
    pub(super) fn is_pong(&mut self, ticket: Ticket) -> bool {
        self.ping.take_if(|ping| *ping == ticket).is_some()
    }

    /// One of these replies arrived.
    pub(super) fn one_less(&mut self) {
        self.owed = self.owed.saturating_sub(1);
        if self.owed == 0 {
            self.ends = None;
        }
    }

    /// Whether there is a deadline.
    pub(super) fn is_limited(&self) -> bool {
        self.ends.is_some()
    }

    /// A new connection has no outstanding replies.
    pub(super) fn start_anew(&mut self) {
        (self.owed, self.ends, self.ping) = (0, None, None);
    }

    /// Bytes arrived, or a reply became due: the deadline moves.
    pub(super) fn extend(&mut self, now: Instant) {
        self.ends = self.allowed.and_then(|allowed| now.checked_add(allowed));
    }
}
