//! Whether a connection that rested is still wanted.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use crate::conn::Connection;
use crate::options::Options;
use crate::transport::Deadline;

/// Whether it lived for longer than the options allow.
pub(super) fn is_too_old(connection: &Connection, now: Instant, options: &Options) -> bool {
    is_past(now.saturating_duration_since(connection.age().0), options.pool_age_ms())
}

/// Whether it rested for longer than the options allow.
pub(super) fn rested_too_long(connection: &Connection, now: Instant, options: &Options) -> bool {
    is_past(now.saturating_duration_since(connection.age().1), options.pool_idle_ms())
}

/// Whether it rested for so long that the server is to be asked whether it is there.
pub(super) fn wants_ping(connection: &Connection, now: Instant, options: &Options) -> bool {
    is_past(now.saturating_duration_since(connection.age().1), options.health_check_ms())
}

/// How long the server may take to say that it is there: as long as a connect, and half of the time at most, for the rest is
/// a new connection's.
pub(super) fn ping_ms(deadline: Deadline, options: &Options) -> i64 {
    let half = deadline.remaining().map(|remaining| i64::try_from(remaining.as_millis() / 2).unwrap_or(i64::MAX));
    match (half, options.connect_timeout_ms()) {
        (Some(half), 0..) => half.min(options.connect_timeout_ms()),
        (Some(half), _) => half,
        (None, allowed_ms) => allowed_ms,
    }
}

/// Take out the connections that rested for too long, the oldest first, down to the number that is to stay.
#[expect(clippy::vec_box, reason = "as the pool keeps them")]
pub(super) fn sort_out(idle: &mut Vec<Box<Connection>>, options: &Options, out: &mut Vec<Box<Connection>>) {
    let stay = options.pool_idle_min();
    // The one that came last has rested since now.
    let Some(now) = idle.last().map(|last| last.age().1) else { return };
    while idle.len() > stay && idle.first().is_some_and(|oldest| rested_too_long(oldest, now, options)) {
        out.push(idle.remove(0));
    }
}

/// A negative limit is never reached, and 0 at once.
fn is_past(elapsed: Duration, limit_ms: i64) -> bool {
    u64::try_from(limit_ms).is_ok_and(|limit| elapsed >= Duration::from_millis(limit))
}
