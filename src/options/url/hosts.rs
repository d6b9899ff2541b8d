//! The host of a URL and its port, or the hosts of several servers.

use super::super::fault::about;
use super::super::host::fault_of_host;
use super::super::topology::Topology;
use super::super::{Key, check, words};
use super::Reader;
use super::piece::{UrlPiece, fault};
use super::places::are_servers;
use crate::error::Result;
use crate::memory::{append, copied};

/// A server as it stands in a URL.
struct UrlServer<'u> {
    /// What the host stands for, without brackets, and where it is.
    host: Vec<u8>,
    at: usize,
    port: Option<UrlPiece<'u>>,
}

impl Reader<'_> {
    /// The servers of a URL that is not of a Unix socket.
    pub(super) fn tcp(&mut self, place: UrlPiece<'_>, tls: bool, topology: Topology) -> Result<()> {
        match topology {
            Topology::Single => self.host_and_port(place)?,
            Topology::Cluster | Topology::Sentinel => {
                self.list(place)?;
                self.options.by_url.topology = Some(if topology == Topology::Cluster { 1 } else { 2 });
                self.given[Key::Topology.index()] = true;
            }
        }
        // A path that was set by its name stays, to contradict.
        if self.options.text(Key::UnixPath).is_none() {
            self.options.set_text(Key::UnixPath, b"")?;
            self.options.by_url.say(Key::UnixPath);
        }
        self.options.by_url.tls = Some(tls);
        self.given[Key::Tls.index()] = tls;
        Ok(())
    }

    /// One server.
    fn host_and_port(&mut self, place: UrlPiece<'_>) -> Result<()> {
        if names_several(place.bytes) {
            return Err(fault(place.at, SEVERAL));
        }
        let server = self.server(place)?;
        self.put_text(Key::Host, &server.host, server.at)?;
        self.options.by_url.say(Key::Host);
        if let Some(port) = server.port {
            let number = self.port(port)?;
            self.put_number(Key::Port, number, port.at)?;
            self.options.by_url.say(Key::Port);
        }
        Ok(())
    }

    /// Servers with commas between. More may follow in the query.
    fn list(&mut self, place: UrlPiece<'_>) -> Result<()> {
        self.given[Key::Seeds.index()] = true;
        let mut rest = place;
        loop {
            let (piece, more) = rest.cut(|byte| byte == b',');
            let UrlServer { host, at, port } = self.server(piece)?;
            let wrong = match host.contains(&b',') {
                true => Some("has a comma".to_owned()),
                false => fault_of_host(&host),
            };
            if let Some(what) = wrong {
                return Err(self.placed(about(Key::Seeds.name(), &host, &what), at));
            }
            let is_address = host.contains(&b':');
            self.add_seed(&[if is_address { b"[" } else { b"" }, &host, if is_address { b"]" } else { b"" }])?;
            if let Some(port) = port {
                let number = self.port(port)?;
                append(&mut self.seeds, format!(":{number}").as_bytes(), "the seeds")?;
            }
            if more.bytes.is_empty() {
                return Ok(());
            }
            rest = more.skip(1);
        }
    }

    /// One more of the first servers.
    pub(super) fn add_seed(&mut self, pieces: &[&[u8]]) -> Result<()> {
        let comma: &[u8] = if self.seeds.is_empty() { b"" } else { b"," };
        [&[comma], pieces].concat().iter().try_for_each(|piece| append(&mut self.seeds, piece, "the seeds"))
    }

    fn server<'u>(&self, place: UrlPiece<'u>) -> Result<UrlServer<'u>> {
        match place.bytes.first() {
            Some(b'[') => self.address(place),
            _ => self.name(place),
        }
    }

    /// An IPv6 address in brackets. Its zone stands behind a '%', escaped as %25 or raw.
    fn address<'u>(&self, place: UrlPiece<'u>) -> Result<UrlServer<'u>> {
        let (inside, rest) = place.skip(1).cut(|byte| byte == b']');
        if rest.bytes.is_empty() {
            return Err(fault(place.at, "a '[' without its ']'"));
        }
        let (address, zone) = inside.cut(|byte| byte == b'%');
        if !address.bytes.contains(&b':') {
            return Err(fault(inside.at, "brackets around what is not an IPv6 address"));
        }
        let mut host = copied(address.bytes, "the host")?;
        if !zone.bytes.is_empty() {
            let raw = if zone.bytes.starts_with(b"%25") { zone.skip(3) } else { zone.skip(1) };
            append(&mut host, b"%", "the host")?;
            match raw.at - zone.at {
                1 => append(&mut host, raw.bytes, "the host")?,
                _ => append(&mut host, &self.decode(Key::Host, raw)?, "the host")?,
            }
        }
        let port = match rest.skip(1) {
            UrlPiece { bytes: [], .. } => None,
            port @ UrlPiece { bytes: [b':', ..], .. } => Some(port.skip(1)),
            other => return Err(fault(other.at, "something between ']' and the port")),
        };
        Ok(UrlServer { host, at: inside.at, port })
    }

    /// A host's name or an IPv4 address.
    fn name<'u>(&self, place: UrlPiece<'u>) -> Result<UrlServer<'u>> {
        let (host, port) = place.cut(|byte| byte == b':');
        if host.bytes.is_empty() {
            return Err(fault(place.at, "no host"));
        }
        if port.skip(1).bytes.contains(&b':') {
            return Err(fault(place.at, "more than one ':' (an IPv6 address stands in brackets)"));
        }
        let name = copied(&self.decode(Key::Host, host)?, "the host")?;
        let port = (!port.bytes.is_empty()).then(|| port.skip(1));
        Ok(UrlServer { host: name, at: host.at, port })
    }

    /// Only digits are shown: what stands here is a password where somebody forgot the host.
    fn port(&self, port: UrlPiece<'_>) -> Result<i64> {
        if port.bytes.is_empty() || !port.bytes.iter().all(u8::is_ascii_digit) {
            return Err(fault(port.at, "a port that is not a number"));
        }
        let row = Key::Port.row();
        let number = words::read(row, port.bytes).and_then(|number| check::number(row, number));
        number.map_err(|error| self.placed(error, port.at))
    }
}

/// Whether this is hosts with a comma between them, each perhaps with its port. What stands behind a colon and looks otherwise
/// may be anything, a password included.
fn names_several(place: &[u8]) -> bool {
    let name = place.split(|byte| *byte == b':').next().unwrap_or_default();
    name.contains(&b',') || (place.contains(&b',') && are_servers(place))
}

const SEVERAL: &str = "several servers (a cluster is at redis+cluster://, Sentinels are at redis+sentinel://)";
