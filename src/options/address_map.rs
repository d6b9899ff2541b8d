//! Addresses that servers announce of themselves, and by which they are reached: `announced=reachable`, with commas between.

use std::net::IpAddr;

use super::Endpoint;
use super::fault::about;
use super::servers::{HostPort, pieces};
use crate::error::Result;

/// Where the servers of another network are reached from here, in the order of what they announce.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressMap(Vec<(Announced, HostPort)>);

/// A host as `spelled` spells it, and its port; without a port it is every port of the host.
type Announced = (String, Option<u16>);

impl AddressMap {
    /// Reads a map. An empty text is the map that changes nothing.
    pub(super) fn read(name: &str, text: &[u8]) -> Result<AddressMap> {
        let mut map = AddressMap::default();
        for pair in pieces(name, "pair", text)? {
            let wrong = |what: &str| about(name, pair, what);
            let mut sides = pair.split(|byte| *byte == b'=');
            let (Some(announced), Some(reachable), None) = (sides.next(), sides.next(), sides.next()) else {
                return Err(wrong("is not announced=reachable"));
            };
            let [announced, reachable] =
                [(announced, "announced"), (reachable, "reachable")].map(|(side, which)| match side {
                    [] => Err(wrong(&format!("has no {which} address"))),
                    side => HostPort::read(side).map_err(|what| about(name, side, &what)),
                });
            let announced = announced?;
            let (host, reachable) = (spelled(&announced.host), reachable?);
            match map.find(&host, announced.port) {
                Ok(_) => return Err(wrong("is for an address that has its pair already")),
                Err(place) => map.0.insert(place, ((host, announced.port), reachable)),
            }
        }
        Ok(map)
    }

    /// Where a server is reached that is announced there. A pair with the port is asked first, then one of the host alone. Where
    /// the pair names no reachable port, the port stays.
    pub fn apply(&self, endpoint: Endpoint) -> Endpoint {
        let Endpoint::Tcp { host, port } = &endpoint else { return endpoint };
        if self.0.is_empty() {
            return endpoint;
        }
        let host = spelled(host);
        let found = self.find(&host, Some(*port)).or_else(|_| self.find(&host, None)).ok();
        match found.and_then(|place| self.0.get(place)) {
            Some((_, reachable)) => reachable.clone().endpoint(*port),
            None => endpoint,
        }
    }

    /// Where in the map this announced address is, or would be.
    fn find(&self, host: &str, port: Option<u16>) -> std::result::Result<usize, usize> {
        self.0.binary_search_by(|((known, known_port), _)| (known.as_str(), *known_port).cmp(&(host, port)))
    }
}

/// One spelling of a host: an address has many, and a name has no case.
fn spelled(host: &str) -> String {
    match host.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().to_string(),
        Err(_) => host.to_ascii_lowercase(),
    }
}
