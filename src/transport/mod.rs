//! Transports: opening a connection, and reading and writing bytes until a deadline. RESP is above.

mod attempt;
mod connect;
mod deadline;
mod lent;
mod lookup;
mod sockets;
mod stream;
mod tcp;
#[expect(unsafe_code, reason = "a thread started by the C library alone")]
mod thread;
#[cfg(feature = "tls")]
mod tls;
mod unix;

#[cfg(test)]
pub(crate) mod faulty;
#[cfg(test)]
pub(crate) mod script;

#[expect(unsafe_code, reason = "epoll, eventfd and timerfd, which std does not offer")]
pub mod poller;
#[expect(unsafe_code, reason = "poll, which std does not offer")]
pub mod pollset;
#[expect(unsafe_code, reason = "poll, send, recv and the signal mask, which std does not offer as they are")]
pub mod wait;

pub use attempt::{Attempt, Awaited, Step, connected};
pub use connect::{Connect, NO_TIME_LEFT};
pub use deadline::Deadline;
pub use lent::{LentWants, Secured};
pub use sockets::Sockets;
pub use stream::{Moved, Plain, Transport};
#[cfg(feature = "tls")]
pub use tls::with_tls;

/// TLS on top of a way to connect: not in this build.
#[cfg(not(feature = "tls"))]
pub fn with_tls(
    _below: std::sync::Arc<dyn Connect>,
    _options: &crate::options::Options,
) -> crate::error::Result<std::sync::Arc<dyn Connect>> {
    use crate::error::{Error, Status};
    Err(Error::new(Status::Unsupported, "tls: this build has no TLS"))
}

#[cfg(test)]
mod tests;
