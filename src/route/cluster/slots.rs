//! What a server of a cluster says of them all: the replies to CLUSTER INFO and CLUSTER SLOTS, as they came.
//!
//! A view is whole or there is none: whatever is malformed is an error. Servers that cannot be reached by what is said of them
//! are left out, and their slots have no owner in the view.
#![forbid(unsafe_code)]

use std::collections::hash_map::Entry;
use std::collections::{HashMap, TryReserveError};

use super::super::announced::{self, Fields, answered, elements, fields, malformed, text};
use crate::commands::SLOTS;
use crate::error::{Error, Result};
use crate::limits::SERVERS_MAX;
use crate::options::Endpoint;
use crate::reply::{Kind, Reply, View};

/// The cluster as one of its servers knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::route) struct ClusterView {
    /// The latest epoch that the server has heard of.
    pub(in crate::route) epoch: u64,
    /// The shards, one for each primary.
    pub(in crate::route) shards: Vec<ViewShard>,
}

/// A primary with its slots, and its replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::route) struct ViewShard {
    /// The owner of the slots.
    pub(in crate::route) primary: ViewServer,
    /// The servers that have copies of it.
    pub(in crate::route) replicas: Vec<ViewServer>,
    /// The slots, from the first to the last of each range, in the order of the reply.
    pub(in crate::route) ranges: Vec<(u16, u16)>,
}

/// A server as another announces it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::route) struct ViewServer {
    /// Where to dial it.
    pub(in crate::route) endpoint: Endpoint,
    /// The availability zone that it is in.
    pub(in crate::route) zone: Option<Vec<u8>>,
}

impl ClusterView {
    /// How many slots have an owner.
    pub(in crate::route) fn covered(&self) -> usize {
        let ranges = self.shards.iter().flat_map(|shard| &shard.ranges);
        ranges.map(|(from, to)| usize::from(to - from) + 1).sum()
    }
}

/// Read the replies to CLUSTER INFO and CLUSTER SLOTS. `asked` is the server that gave them, as it was dialled, and stands for
/// a host that is not told. `map` gives the endpoint to dial for one that is announced.
pub(in crate::route) fn read(
    info: &Reply,
    slots: &Reply,
    asked: &Endpoint,
    map: &impl Fn(Endpoint) -> Endpoint,
) -> Result<ClusterView> {
    let epoch = epoch(info)?;
    let mut reading = ViewReading::new(asked, map);
    for (at, entry) in elements(COMMAND, slots)?.enumerate() {
        let wrong = |why| malformed(COMMAND, &format!("entry {at}: {why}"));
        reading.entry(entry).map_err(|refused| match refused {
            Refused::Wrong(why) => wrong(why),
            Refused::NoMemory => Error::memory("the servers of the cluster"),
        })?;
        if reading.servers() > SERVERS_MAX {
            return Err(wrong("too many servers"));
        }
    }
    Ok(ClusterView { epoch, shards: reading.finish() })
}

/// Whether the server says that the cluster is well, as far as it knows.
pub(in crate::route) fn is_well(info: &Reply) -> bool {
    text(info.view()).and_then(|info| field(info, b"cluster_state")) == Some(b"ok")
}

/// Whether the server says that it is of no cluster.
pub(in crate::route) fn is_of_none(reply: &Reply) -> bool {
    reply.is_error() && reply.text().starts_with(b"ERR This instance has cluster support disabled")
}

/// The current epoch. A server that keeps none, as a managed one may, is taken to be in the first.
fn epoch(info: &Reply) -> Result<u64> {
    answered(INFO, info)?;
    let info = text(info.view()).ok_or_else(|| malformed(INFO, "no text"))?;
    let Some(digits) = field(info, b"cluster_current_epoch") else { return Ok(0) };
    let is_plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(digits).ok().filter(|_| is_plain).and_then(|digits| digits.parse().ok());
    number.ok_or_else(|| malformed(INFO, "no number for cluster_current_epoch"))
}

/// The value of a line `name:value`.
fn field<'a>(info: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut lines = info.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(b":"))
}

/// What of a view has been read so far.
struct ViewReading<'a, M> {
    asked: &'a Endpoint,
    map: &'a M,
    shards: Vec<ViewShard>,
    /// The shard of each primary.
    primaries: HashMap<Endpoint, usize>,
    /// The shard of each replica, the first that it was named in.
    replicas: HashMap<Endpoint, usize>,
    /// The slots that a range was read of.
    seen: Vec<bool>,
}

impl<'a, M: Fn(Endpoint) -> Endpoint> ViewReading<'a, M> {
    fn new(asked: &'a Endpoint, map: &'a M) -> Self {
        let (primaries, replicas) = (HashMap::new(), HashMap::new());
        ViewReading { asked, map, shards: Vec::new(), primaries, replicas, seen: vec![false; usize::from(SLOTS)] }
    }

    fn servers(&self) -> usize {
        self.primaries.len() + self.replicas.len()
    }

    /// One entry: the first and the last slot, the primary, its replicas.
    fn entry(&mut self, entry: View<'_>) -> std::result::Result<(), Refused> {
        if entry.kind() != Kind::RREDIS_REPLY_ARRAY {
            return Err(Refused::Wrong("no array"));
        }
        let (Some(from), Some(to), Some(primary)) = (entry.get(0), entry.get(1), entry.get(2)) else {
            return Err(Refused::Wrong("fewer than three elements"));
        };
        let (from, to) = (slot(from)?, slot(to)?);
        if from > to {
            return Err(Refused::Wrong("a range that ends before it begins"));
        }
        let seen = self.seen.get_mut(usize::from(from)..=usize::from(to)).unwrap_or_default();
        if seen.iter().any(|seen| *seen) {
            return Err(Refused::Wrong("a slot that an earlier entry has"));
        }
        seen.fill(true);
        // All are looked at, also where the primary is left out.
        let primary = self.server(primary)?;
        let mut replicas: Vec<ViewServer> = Vec::new();
        for node in entry.children().skip(3) {
            if let Some(replica) = self.server(node)? {
                replicas.try_reserve(1)?;
                replicas.push(replica);
            }
        }
        let Some(primary) = primary else { return Ok(()) };
        self.primaries.try_reserve(1)?;
        self.shards.try_reserve(1)?;
        self.replicas.try_reserve(replicas.len())?;
        let at = match self.primaries.entry(primary.endpoint.clone()) {
            Entry::Occupied(at) => *at.get(),
            Entry::Vacant(place) => {
                let at = self.shards.len();
                self.shards.push(ViewShard { primary, replicas: Vec::new(), ranges: Vec::new() });
                *place.insert(at)
            }
        };
        let shard = &mut self.shards[at];
        shard.replicas.try_reserve(replicas.len())?;
        shard.ranges.try_reserve(1)?;
        for replica in replicas {
            if let Entry::Vacant(place) = self.replicas.entry(replica.endpoint.clone()) {
                place.insert(at);
                shard.replicas.push(replica);
            }
        }
        shard.ranges.push((from, to));
        Ok(())
    }

    /// One server: host, port, ID, metadata. `None`: it cannot be reached by what is said of it.
    fn server(&self, node: View<'_>) -> Believed<Option<ViewServer>> {
        if node.kind() != Kind::RREDIS_REPLY_ARRAY {
            return Err("a server that is no array");
        }
        let (Some(host), Some(port)) = (node.get(0), node.get(1)) else {
            return Err("a server without a host and a port");
        };
        let told = if host.is_null() { &[][..] } else { text(host).ok_or("a host that is no text")? };
        if port.kind() != Kind::RREDIS_REPLY_INTEGER {
            return Err("a port that is no integer");
        }
        let port = u16::try_from(port.node().integer).map_err(|_| "a port that is none")?;
        let metadata = match node.get(3).filter(|metadata| !metadata.is_null()) {
            Some(metadata) => Some(fields(metadata).ok_or("metadata that are no fields")?),
            None => None,
        };
        let of = |name| metadata.map_or(Ok(None), |metadata| told_of(metadata, name));
        let zone = of("availability-zone")?.map(<[u8]>::to_vec);
        let host = match told {
            b"?" => of("ip")?.or(of("hostname")?),
            b"" => match self.asked {
                Endpoint::Tcp { host, .. } => Some(host.as_bytes()),
                Endpoint::Unix { .. } => None,
            },
            told => Some(told),
        };
        let Some(host) = host.filter(|_| port != 0) else { return Ok(None) };
        let host = announced::host(host).ok_or("a host that is none")?;
        Ok(Some(ViewServer { endpoint: (self.map)(announced::tcp(host, port)), zone }))
    }

    /// The shards. A server that is a primary anywhere is nobody's replica: several that are announced may be dialled at one
    /// endpoint.
    fn finish(self) -> Vec<ViewShard> {
        let mut shards = self.shards;
        for shard in &mut shards {
            shard.replicas.retain(|replica| !self.primaries.contains_key(&replica.endpoint));
        }
        shards
    }
}

/// A text of the metadata, if it is not empty.
fn told_of<'a>(metadata: Fields<'a>, name: &str) -> Believed<Option<&'a [u8]>> {
    match metadata.find(name).filter(|value| !value.is_null()) {
        Some(value) => Ok(Some(text(value).ok_or("metadata that are no text")?).filter(|text| !text.is_empty())),
        None => Ok(None),
    }
}

fn slot(view: View<'_>) -> Believed<u16> {
    if view.kind() != Kind::RREDIS_REPLY_INTEGER {
        return Err("a slot that is no integer");
    }
    u16::try_from(view.node().integer).ok().filter(|slot| *slot < SLOTS).ok_or("a slot that is none")
}

/// Why an entry is not taken.
enum Refused {
    Wrong(&'static str),
    NoMemory,
}

impl From<&'static str> for Refused {
    fn from(why: &'static str) -> Refused {
        Refused::Wrong(why)
    }
}

impl From<TryReserveError> for Refused {
    fn from(_: TryReserveError) -> Refused {
        Refused::NoMemory
    }
}

/// What was read, or why it is malformed.
type Believed<T> = std::result::Result<T, &'static str>;

const COMMAND: &str = "CLUSTER SLOTS";
const INFO: &str = "CLUSTER INFO";

#[cfg(test)]
mod tests;
