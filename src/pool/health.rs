//! Whether a connection that rested is still wanted.
#![forbid(unsafe_code)]

use std::time::Duration;

use crate::conn::Connection;
use crate::options::Options;

/// Whether it rested or lived for longer than the options allow.
pub(super) fn is_worn_out(connection: &Connection, options: &Options) -> bool {
    let (opened, rested) = connection.age();
    is_past(opened.elapsed(), options.pool_age_ms()) || is_past(rested.elapsed(), options.pool_idle_ms())
}

/// Whether it rested for so long that the server is to be asked whether it is there.
pub(super) fn wants_ping(connection: &Connection, options: &Options) -> bool {
    is_past(connection.age().1.elapsed(), options.health_check_ms())
}

/// Take out the connections that rested for too long, the oldest first, down to the number that is to stay.
pub(super) fn sort_out(idle: &mut Vec<Connection>, options: &Options, out: &mut Vec<Connection>) {
    let stay = options.pool_idle_min();
    while idle.len() > stay && idle.first().is_some_and(|oldest| is_worn_out(oldest, options)) {
        out.push(idle.remove(0));
    }
}

/// A negative limit is never reached.
fn is_past(elapsed: Duration, limit_ms: i64) -> bool {
    u64::try_from(limit_ms).is_ok_and(|limit| elapsed > Duration::from_millis(limit))
}
