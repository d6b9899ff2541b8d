//! The checks of an idle connection: its age, its idle time, and when a PING is due.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use crate::conn::Connection;
use crate::options::Options;
use crate::transport::Deadline;

/// How long a connection may be idle before anything else is asked of it: whether it was for too long, or is due a PING.
pub(super) fn fresh(options: &Options) -> Duration {
    let limits = [options.pool_idle_ms(), options.health_check_ms()].map(|limit_ms| u64::try_from(limit_ms).ok());
    limits.into_iter().flatten().min().map_or(Duration::MAX, Duration::from_millis)
}

/// Whether less than this time has passed since then.
#[inline]
pub(super) fn is_within(since: Instant, time: Duration, now: Instant) -> bool {
    !time.is_zero() && since.checked_add(time).is_none_or(|end| end > now)
}

/// Whether the connection is older than `pool_age`.
pub(super) fn is_too_old(connection: &Connection, now: Instant, options: &Options) -> bool {
    is_past(now.saturating_duration_since(connection.age().0), options.pool_age_ms())
}

/// Whether the connection was idle for longer than `pool_idle`.
pub(super) fn was_idle_too_long(connection: &Connection, now: Instant, options: &Options) -> bool {
    is_past(now.saturating_duration_since(connection.age().1), options.pool_idle_ms())
}

/// Whether the connection was idle for so long (`health_check`) that it is checked with PING.
pub(super) fn is_ping_due(connection: &Connection, now: Instant, options: &Options) -> bool {
    is_past(now.saturating_duration_since(connection.age().1), options.health_check_ms())
}

/// How long the server may take to answer the PING: at most `connect_timeout`, and at most half of the time left, so
/// that a new connection can be opened in the other half.
pub(super) fn ping_ms(deadline: Deadline, options: &Options) -> i64 {
    let half = deadline.remaining().map(|remaining| i64::try_from(remaining.as_millis() / 2).unwrap_or(i64::MAX));
    match (half, options.connect_timeout_ms()) {
        (Some(half), 0..) => half.min(options.connect_timeout_ms()),
        (Some(half), _) => half,
        (None, allowed_ms) => allowed_ms,
    }
}

/// Move the connections that were idle for too long into `out`, the oldest first. `pool_idle_min` connections stay.
#[expect(clippy::vec_box, reason = "as the pool keeps them")]
pub(super) fn take_expired(idle: &mut Vec<Box<Connection>>, options: &Options, out: &mut Vec<Box<Connection>>) {
    // `now` is the time at which the last connection in `idle` became idle, which saves a reading of the clock. If no
    // connection was returned just now, `now` is in the past. A connection that expired since then is kept until a
    // later call.
    let Some(now) = idle.last().map(|last| last.age().1) else { return };
    take_expired_at(now, idle, options, out);
}

/// The same, where it is this time.
#[expect(clippy::vec_box, reason = "as the pool keeps them")]
pub(super) fn take_expired_at(
    now: Instant,
    idle: &mut Vec<Box<Connection>>,
    options: &Options,
    out: &mut Vec<Box<Connection>>,
) {
    let stay = options.pool_idle_min();
    while idle.len() > stay && idle.first().is_some_and(|oldest| was_idle_too_long(oldest, now, options)) {
        out.push(idle.remove(0));
    }
}

/// Whether `limit_ms` has passed. A negative limit never passes, and 0 has always passed.
fn is_past(elapsed: Duration, limit_ms: i64) -> bool {
    u64::try_from(limit_ms).is_ok_and(|limit| elapsed >= Duration::from_millis(limit))
}
