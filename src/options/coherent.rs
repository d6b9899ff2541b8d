//! Checking all options together: settings that contradict each other, and settings without effect.
//!
//! Whom we talk to and how safely is never a guess: where an option about that would do nothing, that is an error, in
//! whichever order things were set. How long and how many may lie idle. What was not set contradicts nothing.

use super::fault::config;
use super::table::{Key, Kind, OF_TLS, TABLE};
use super::topology::Topology;
use super::values::{Options, Value};
use crate::error::Result;

/// What does nothing where there is one server.
const OF_MANY: [Key; 6] =
    [Key::Seeds, Key::SentinelService, Key::SentinelUsername, Key::SentinelPassword, Key::SentinelTls, Key::AddressMap];

/// What does nothing without Sentinels.
const OF_SENTINELS: [Key; 4] = [Key::SentinelService, Key::SentinelUsername, Key::SentinelPassword, Key::SentinelTls];

/// What says whom to trust.
const AUTHORITIES: [Key; 3] = [Key::TlsCaFile, Key::TlsCaDir, Key::TlsCaPem];

impl Options {
    /// What is wrong with the options taken together, for who connects by them.
    pub fn check(&self) -> Result<()> {
        self.check_amounts()?;
        self.check_tls()?;
        self.check_topology()?;
        self.check_place()
    }

    /// What is wrong with the amounts and the zone, taken together. What was left alone gives way to what was set.
    pub fn check_amounts(&self) -> Result<()> {
        self.check_zone()?;
        for (less, more) in [(Key::PoolIdleMin, Key::PoolMax), (Key::BackoffMs, Key::BackoffMsMax)] {
            let (least, most) = (self.number(less), self.number(more));
            if least > most && self.is_set(less) && self.is_set(more) {
                return Err(config(format!("{}: {least} is more than {}, which is {most}", less.name(), more.name())));
            }
        }
        Ok(())
    }

    /// Whether an option has the same effect here and there. Where there are many servers, the first are said by SEEDS or by HOST
    /// and PORT.
    pub(super) fn agrees(&self, other: &Options, key: Key) -> bool {
        let both = [self, other];
        let is_listed = both.iter().any(|options| options.text(Key::Seeds).is_some());
        let has_many = both.iter().any(|options| options.topology() != Topology::Single);
        match key {
            Key::Host | Key::Port | Key::Seeds if is_listed && has_many => {
                let port = self.default_port().max(other.default_port());
                self.seeds_by(port) == other.seeds_by(port)
            }
            _ => self.equals(other, key),
        }
    }

    /// The first option that was set here, is of the connection, and is otherwise in `pool`, or without effect there.
    pub fn conflict(&self, pool: &Options) -> Option<Key> {
        let differs = |key: &Key| key.row().of_connection && self.is_set(*key) && !self.agrees(pool, *key);
        let idle_place: &[Key] = if pool.text(Key::UnixPath).is_some() { &[Key::Host, Key::Port] } else { &[] };
        let idle_tls: &[Key] = if pool.has_tls() { &[] } else { &OF_TLS };
        let idle = || idle_place.iter().chain(idle_tls).chain(pool.idle_in_topology()).copied();
        let tls = self.by_url.tls.filter(|tls| *tls != pool.tls()).map(|_| Key::Tls);
        let topology = self.by_url.topology.filter(|topology| *topology != pool.number(Key::Topology));
        let differing = TABLE.iter().map(|row| row.key).find(differs).or(tls).or(topology.map(|_| Key::Topology));
        differing.or_else(|| idle().find(|key| self.is_given(*key)))
    }

    /// What does nothing with as many servers as there are.
    fn idle_in_topology(&self) -> &'static [Key] {
        match self.topology() {
            Topology::Single => &OF_MANY,
            Topology::Cluster => &OF_SENTINELS,
            Topology::Sentinel => &[],
        }
    }

    fn check_topology(&self) -> Result<()> {
        if let (Some(Value::Number(topology)), Some(by_url)) = (self.value(Key::Topology), self.by_url.topology)
            && *topology != by_url
        {
            let text = "topology: the option says the one, and the URL the other (redis+cluster:// is a cluster, \
                        redis+sentinel:// is Sentinels)";
            return Err(config(text));
        }
        if let Some(names) = self.given(self.idle_in_topology()) {
            let why = match self.topology() {
                Topology::Single => {
                    "the topology is single (topology=cluster or =sentinel, or a URL of redis+cluster:// or redis+sentinel://)"
                }
                _ => "the topology is cluster (topology=sentinel, or a URL of redis+sentinel://)",
            };
            return Err(config(format!("{names}: without effect, for {why}")));
        }
        if self.topology() != Topology::Sentinel {
            return Ok(());
        }
        if self.sentinel_service().is_none() {
            let text = "sentinel_service: needed, for Sentinels know more than one (redis+sentinel://host/service)";
            return Err(config(text));
        }
        match (self.sentinel_username(), self.sentinel_password()) {
            // Who nobody says to be is the default user.
            (Some(name), None) if name != b"default" => {
                let text = "sentinel_username: without effect, for there is no sentinel_password";
                Err(config(text))
            }
            _ => Ok(()),
        }
    }

    /// A server on a Unix socket has no host and no port, and those that name each other are on the network.
    fn check_place(&self) -> Result<()> {
        let has_path = self.text(Key::UnixPath).is_some();
        if has_path && self.topology() != Topology::Single {
            let text = "unix_path: the servers of a cluster, and Sentinels, are reached by seeds, or by host and port";
            return Err(config(text));
        }
        let is_listed = self.text(Key::Seeds).is_some();
        match self.given(&[Key::Host, Key::Port]) {
            Some(names) if has_path => {
                Err(config(format!("unix_path and {names}: a server is at the one or at the other")))
            }
            Some(names) if is_listed => {
                Err(config(format!("seeds and {names}: the first servers are those of the one or of the other")))
            }
            _ => Ok(()),
        }
    }

    fn check_tls(&self) -> Result<()> {
        if let (Some(Value::Number(tls)), Some(by_url)) = (self.value(Key::Tls), self.by_url.tls)
            && (*tls == 1) != by_url
        {
            let text = "tls: the option says the one, and the URL the other (rediss:// is with TLS, redis:// without)";
            return Err(config(text.to_owned()));
        }
        if !self.has_tls() {
            return match self.given(&OF_TLS) {
                None => Ok(()),
                Some(names) => Err(config(format!(
                    "{names}: without effect, for there is no TLS (tls=true, or a URL of rediss://)"
                ))),
            };
        }
        self.tls_name(&self.endpoint())?;
        match (self.tls_insecure_skip_verify(), self.given(&AUTHORITIES)) {
            (true, Some(names)) => {
                let text = format!("{names}: without effect, for tls_insecure_skip_verify trusts whoever answers");
                Err(config(text))
            }
            _ => Ok(()),
        }
    }

    /// The names of those of these options that were set.
    fn given(&self, keys: &[Key]) -> Option<String> {
        let names: Vec<&str> = keys.iter().filter(|key| self.is_given(**key)).map(|key| key.name()).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    /// Whether it was set to something: an empty text is none.
    fn is_given(&self, key: Key) -> bool {
        match key.row().kind {
            Kind::Text(_) => self.is_set(key) && self.text(key).is_some(),
            Kind::Secret => self.secret(key).is_some(),
            _ => self.is_set(key),
        }
    }
}

/// Equal options make equal clients, whatever was set and whatever was left alone.
impl PartialEq for Options {
    fn eq(&self, other: &Options) -> bool {
        TABLE.iter().all(|row| self.agrees(other, row.key))
    }
}
