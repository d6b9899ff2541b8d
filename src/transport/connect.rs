//! How a connection is opened, and what is said of one that is not.

use crate::error::{Error, Result, Status};
use crate::options::Endpoint;

use super::attempt::{self, Attempt};
use super::deadline::Deadline;
use super::stream::Transport;

/// How a connection is opened. Shared by every connection of a pool.
pub trait Connect: Send + Sync {
    /// Begin to open a stream of bytes to `endpoint`. An error, now or later, names the endpoint and the phase it came in.
    fn begin(&self, endpoint: &Endpoint, deadline: Deadline) -> Result<Box<dyn Attempt>>;

    /// Open a stream of bytes to `endpoint`: begin, and wait until it is open.
    fn connect(&self, endpoint: &Endpoint, deadline: Deadline) -> Result<Box<dyn Transport>> {
        let mut attempt = self.begin(endpoint, deadline)?;
        attempt::finish(|| attempt.go_on())
    }

    /// Whether its streams may have a descriptor to poll.
    fn has_fd(&self) -> bool {
        true
    }

    /// The server that was connected to last is the wrong one, though it is there: where there are others, try them first.
    fn avoid_address(&self) {}

    /// What messages and counts call it.
    fn name(&self) -> &str;
}

/// The endpoint as messages name it: cut where it would leave no room for the reason.
pub(super) fn shown(endpoint: &Endpoint) -> String {
    let whole = endpoint.to_string();
    if whole.len() <= ENDPOINT_SHOWN_MAX {
        return whole;
    }
    let mut cut = ENDPOINT_SHOWN_MAX - "...".len();
    while !whole.is_char_boundary(cut) {
        cut -= 1;
    }
    format!("{}...", &whole[..cut])
}

/// The deadline passed in `phase`, which had been allowed `allowed_ms`: none where what came before had used the time up.
pub(super) fn no_answer(phase: &str, allowed_ms: i64) -> Error {
    let text = match allowed_ms {
        0 => format!("{phase}: {NO_TIME_LEFT}"),
        _ => format!("{phase}: no answer within {allowed_ms} ms"),
    };
    Error::new(Status::Timeout, text)
}

/// What is said of a phase that never began in time.
pub const NO_TIME_LEFT: &str = "no time was left for it: what came before took all there was";

/// Bytes of an endpoint in a message: the longest Unix path that can be right, and some room for a long host name.
pub(super) const ENDPOINT_SHOWN_MAX: usize = 120;
