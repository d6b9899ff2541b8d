//! What Sentinels say of the servers that they watch, and what a server says of its own role: replies as they came.
//!
//! Whatever is malformed is an error, and gives nothing.
#![forbid(unsafe_code)]

use super::super::announced::{self, Fields, answered, elements, fields, malformed, tcp, text};
use crate::error::Result;
use crate::limits::SERVERS_MAX;
use crate::options::Endpoint;
use crate::reply::{Kind, Reply, View};

/// A service as a Sentinel keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::route) struct Service {
    /// Its primary, as of the last failover that was completed. While one is under way, the address by name is ahead of it.
    pub(in crate::route) primary: Endpoint,
    /// The epoch of the last failover. The highest of several Sentinels' is the latest.
    pub(in crate::route) epoch: u64,
    /// The Sentinel believes that the primary is down.
    pub(in crate::route) is_down: bool,
}

/// A replica or a Sentinel that a Sentinel knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::route) struct KnownServer {
    /// Where to dial it.
    pub(in crate::route) endpoint: Endpoint,
    /// Neither down nor disconnected, as far as the Sentinel knows.
    pub(in crate::route) is_up: bool,
}

/// A failover that was completed, as `+switch-master` tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::route) struct Switch {
    /// The service.
    pub(in crate::route) service: Vec<u8>,
    /// The primary before it.
    pub(in crate::route) from: Endpoint,
    /// The primary since then.
    pub(in crate::route) to: Endpoint,
}

/// The reply to SENTINEL GET-MASTER-ADDR-BY-NAME: the primary. `None`: the Sentinel knows no such service.
pub(in crate::route) fn address(reply: &Reply, map: &impl Fn(Endpoint) -> Endpoint) -> Result<Option<Endpoint>> {
    if reply.view().is_null() {
        return Ok(None);
    }
    let mut elements = elements(ADDRESS, reply)?;
    let (Some(host), Some(port), None) = (elements.next(), elements.next(), elements.next()) else {
        return Err(malformed(ADDRESS, "no host and port"));
    };
    endpoint(host, port, map).map(Some).ok_or_else(|| malformed(ADDRESS, "no address"))
}

/// The reply to SENTINEL MASTER. `None`: the Sentinel knows no such service.
pub(in crate::route) fn service(reply: &Reply, map: &impl Fn(Endpoint) -> Endpoint) -> Result<Option<Service>> {
    if is_unknown(reply) {
        return Ok(None);
    }
    answered(SERVICE, reply)?;
    let service = fields(reply.view()).ok_or_else(|| malformed(SERVICE, "no fields"))?;
    let epoch = service.find("config-epoch").and_then(View::integer).and_then(|epoch| u64::try_from(epoch).ok());
    let epoch = epoch.ok_or_else(|| malformed(SERVICE, "no config-epoch"))?;
    let primary = place(service, map).ok_or_else(|| malformed(SERVICE, "no address"))?;
    let is_down = flags(service).ok_or_else(|| malformed(SERVICE, "no flags"))?.any(is_of_down);
    Ok(Some(Service { primary, epoch, is_down }))
}

/// The reply to SENTINEL SENTINELS: the others. `None`: the Sentinel knows no such service.
pub(in crate::route) fn sentinels(
    reply: &Reply,
    map: &impl Fn(Endpoint) -> Endpoint,
) -> Result<Option<Vec<KnownServer>>> {
    all(SENTINELS, reply, map)
}

/// The reply to SENTINEL REPLICAS. `None`: the Sentinel knows no such service.
pub(in crate::route) fn replicas(
    reply: &Reply,
    map: &impl Fn(Endpoint) -> Endpoint,
) -> Result<Option<Vec<KnownServer>>> {
    all(REPLICAS, reply, map)
}

/// The message of `+switch-master`: service, host and port before, host and port since.
pub(in crate::route) fn switch(message: &[u8], map: &impl Fn(Endpoint) -> Endpoint) -> Option<Switch> {
    let mut words = message.rsplitn(5, |byte| *byte == b' ');
    let mut next = || words.next();
    let (port, host, from_port, from_host, service) = (next()?, next()?, next()?, next()?, next()?);
    if service.is_empty() {
        return None;
    }
    let at = |host: &[u8], port: &[u8]| reachable(map(tcp(announced::host(host)?, announced::port(port)?)));
    Some(Switch { service: service.to_vec(), from: at(from_host, from_port)?, to: at(host, port)? })
}

/// The message of `+promoted-slave`, `slave name host port @ service host port`: the service.
pub(in crate::route) fn service_of_promoted(message: &[u8]) -> Option<&[u8]> {
    let at = message.windows(3).position(|words| words == b" @ ")?;
    let mut words = message.get(at + 3..)?.rsplitn(3, |byte| *byte == b' ');
    let (_port, _host) = (words.next()?, words.next()?);
    words.next().filter(|service| !service.is_empty())
}

/// The reply to ROLE: whether the server is a primary.
pub(in crate::route) fn is_primary(reply: &Reply) -> bool {
    let role = elements(ROLE, reply).ok().and_then(|mut elements| elements.next()).and_then(text);
    matches!(role, Some(b"master" | b"primary"))
}

/// Whether the answer is that there is no such service.
pub(in crate::route) fn is_unknown(reply: &Reply) -> bool {
    let words = [&b"ERR No such master with that name"[..], b"ERR No such primary with that name"];
    reply.is_error() && words.iter().any(|words| reply.text().starts_with(words))
}

fn all(what: &str, reply: &Reply, map: &impl Fn(Endpoint) -> Endpoint) -> Result<Option<Vec<KnownServer>>> {
    if is_unknown(reply) {
        return Ok(None);
    }
    let elements = elements(what, reply)?;
    if elements.len() > SERVERS_MAX {
        return Err(malformed(what, "too many servers"));
    }
    let mut all: Vec<KnownServer> = Vec::new();
    for one in elements {
        let one = fields(one).ok_or_else(|| malformed(what, "no fields"))?;
        let is_up = !flags(one).ok_or_else(|| malformed(what, "no flags"))?.any(is_of_down);
        // One that has no address yet is passed over.
        match place(one, map) {
            Some(endpoint) if all.iter().all(|known| known.endpoint != endpoint) => {
                all.push(KnownServer { endpoint, is_up })
            }
            _ => {}
        }
    }
    Ok(Some(all))
}

/// The flags, apart by commas.
fn flags(of: Fields<'_>) -> Option<impl Iterator<Item = &[u8]>> {
    Some(text(of.find("flags")?)?.split(|byte| *byte == b','))
}

fn is_of_down(flag: &[u8]) -> bool {
    matches!(flag, b"s_down" | b"o_down" | b"disconnected")
}

fn place(of: Fields<'_>, map: &impl Fn(Endpoint) -> Endpoint) -> Option<Endpoint> {
    endpoint(of.find("ip")?, of.find("port")?, map)
}

fn endpoint(host: View<'_>, port: View<'_>, map: &impl Fn(Endpoint) -> Endpoint) -> Option<Endpoint> {
    let port = match port.kind() {
        Kind::RREDIS_REPLY_INTEGER => u16::try_from(port.node().integer).ok().filter(|port| *port != 0)?,
        _ => announced::port(text(port)?)?,
    };
    reachable(map(tcp(announced::host(text(host)?)?, port)))
}

/// The wildcards are what servers listen at. Whoever dials one is on its own machine.
fn reachable(endpoint: Endpoint) -> Option<Endpoint> {
    let is_wildcard = matches!(&endpoint, Endpoint::Tcp { host, .. } if host == "0.0.0.0" || host == "::");
    (!is_wildcard).then_some(endpoint)
}

const ADDRESS: &str = "SENTINEL GET-MASTER-ADDR-BY-NAME";
const SERVICE: &str = "SENTINEL MASTER";
const SENTINELS: &str = "SENTINEL SENTINELS";
const REPLICAS: &str = "SENTINEL REPLICAS";
const ROLE: &str = "ROLE";

#[cfg(test)]
mod tests;
