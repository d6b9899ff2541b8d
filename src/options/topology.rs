//! How many servers there are, and how they are found: the options of a cluster and of Sentinels.

use super::address_map::AddressMap;
use super::secret::Secret;
use super::servers::servers;
use super::table::OF_TLS;
use super::values::{ByUrl, Value};
use super::{Endpoint, Key, Options};

/// How many servers there are, and who says where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topology {
    /// One.
    Single,
    /// A cluster, each of whose nodes knows them all.
    Cluster,
    /// A primary and its replicas, which Sentinels name.
    Sentinel,
}

/// What is of the servers of the data, or of finding them, and is not of a Sentinel.
const OF_THE_DATA: [Key; 16] = [
    Key::Host,
    Key::Port,
    Key::UnixPath,
    Key::Username,
    Key::Password,
    Key::Database,
    Key::Topology,
    Key::Seeds,
    Key::SentinelService,
    Key::SentinelUsername,
    Key::SentinelPassword,
    Key::SentinelTls,
    Key::AddressMap,
    Key::Split,
    Key::TopologyAgeMs,
    Key::FailoverWaitMs,
];

impl Options {
    /// How many servers there are, and who says where.
    pub fn topology(&self) -> Topology {
        match self.number(Key::Topology) {
            1 => Topology::Cluster,
            2 => Topology::Sentinel,
            _ => Topology::Single,
        }
    }

    /// The servers that are asked for the others: those of SEEDS, or else the one of HOST and PORT.
    pub fn seeds(&self) -> Vec<Endpoint> {
        self.seeds_by(self.default_port())
    }

    /// The seeds, `port` being the one that is meant where none is said.
    pub(super) fn seeds_by(&self, port: u16) -> Vec<Endpoint> {
        if let Some(seeds) = self.text(Key::Seeds) {
            // They were read when they were set.
            let seeds = servers(Key::Seeds.name(), seeds).unwrap_or_default();
            return seeds.into_iter().map(|seed| seed.endpoint(port)).collect();
        }
        match self.endpoint() {
            Endpoint::Tcp { host, .. } if !self.is_set(Key::Port) => vec![Endpoint::Tcp { host, port }],
            endpoint => vec![endpoint],
        }
    }

    /// What the Sentinels call the primary.
    pub fn sentinel_service(&self) -> Option<&[u8]> {
        self.text(Key::SentinelService)
    }

    /// User to log in to Sentinels as.
    pub fn sentinel_username(&self) -> Option<&[u8]> {
        self.text(Key::SentinelUsername)
    }

    /// Password to log in to Sentinels with.
    pub fn sentinel_password(&self) -> Option<&Secret> {
        self.secret(Key::SentinelPassword)
    }

    /// Whether to speak TLS to Sentinels.
    pub fn sentinel_tls(&self) -> bool {
        match self.number(Key::SentinelTls) {
            -1 => self.tls(),
            tls => tls == 1,
        }
    }

    /// Whether TLS is spoken to anybody.
    pub(super) fn has_tls(&self) -> bool {
        self.tls() || (self.topology() == Topology::Sentinel && self.sentinel_tls())
    }

    /// Where the servers are reached that announce other addresses.
    pub fn address_map(&self) -> AddressMap {
        // It was read when it was set.
        AddressMap::read(Key::AddressMap.name(), self.text(Key::AddressMap).unwrap_or_default()).unwrap_or_default()
    }

    /// Age at which the map of the servers is read anew; -1 is never.
    pub fn topology_age_ms(&self) -> i64 {
        self.number(Key::TopologyAgeMs)
    }

    /// How long a command that did not run waits for a server to take over; -1 is as long as the call may take.
    pub fn failover_wait_ms(&self) -> i64 {
        self.number(Key::FailoverWaitMs)
    }

    /// Whether a command with keys of several slots is sent in parts.
    pub fn split(&self) -> bool {
        self.number(Key::Split) == 1
    }

    /// The options by which Sentinels are dialled. The endpoint is for the caller to say. Nothing is in them that only the
    /// servers of the data are told.
    pub fn for_sentinels(&self) -> Options {
        let mut options = self.clone();
        options.by_url = ByUrl::default();
        for key in OF_THE_DATA {
            options.unset(key);
        }
        for (own, theirs) in [(Key::Username, Key::SentinelUsername), (Key::Password, Key::SentinelPassword)] {
            if let Some(value) = self.value(theirs) {
                options.put(own, value.clone());
            }
        }
        let tls = self.sentinel_tls();
        options.put(Key::Tls, Value::Number(i64::from(tls)));
        if !tls {
            for key in OF_TLS {
                options.unset(key);
            }
        }
        options
    }
}
