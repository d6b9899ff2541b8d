//! Options as a canonical URL, which reads back as equal options, except for secrets.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use super::fault::config;
use super::table::{Kind, TABLE};
use super::topology::Topology;
use super::{Endpoint, Key, Options, url, words};
use crate::error::Result;
use crate::memory::append;

/// What needs no escape anywhere.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// What needs none in a path.
const PATH: &AsciiSet = &PLAIN.remove(b'/');

/// Whether the first servers can stand in a list: not a host that has a comma.
fn can_be_listed(options: &Options) -> bool {
    options.text(Key::Seeds).is_some() || !options.text(Key::Host).unwrap_or_default().contains(&b',')
}

/// A URL as it is written. How long it becomes is for the options to say, so there may be no memory for it.
struct Written(Vec<u8>);

impl Options {
    /// The canonical URL of these options, with `***` for every secret: the place, and then each option that is not at its
    /// default, in the order of the table.
    pub fn to_url(&self) -> Result<String> {
        let defaults = Options::new();
        let mut url = Written(Vec::new());
        let said = url.place(self)?;
        let mut before = "?";
        for row in &TABLE {
            let in_front = said.contains(&row.key) || matches!(row.key, Key::Username | Key::Password);
            let is_default = match row.key {
                key @ (Key::Port | Key::ConnectTimeoutMs) => self.number(key) == self.default_of(key),
                key => self.equals(&defaults, key),
            };
            if in_front || is_default {
                continue;
            }
            url.add(&[before, row.name, "="])?;
            match row.kind {
                Kind::Text(_) => url.escaped(self.text(row.key).unwrap_or_default(), PATH)?,
                Kind::Secret => url.add(&["***"])?,
                _ => url.add(&[&words::write(row, self.number(row.key))])?,
            }
            before = "&";
        }
        // What was added is text, and what was escaped is ASCII.
        String::from_utf8(url.0).map_err(|_| config("the URL is not UTF-8".to_owned()))
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Options({})", self.to_url().map_err(|_| fmt::Error)?)
    }
}

impl Written {
    /// Scheme, user and place; and which options have been said with them.
    fn place(&mut self, options: &Options) -> Result<Vec<Key>> {
        let scheme = if options.tls() { "rediss" } else { "redis" };
        let topology = options.topology();
        match options.text(Key::UnixPath) {
            None if topology != Topology::Single && can_be_listed(options) => {
                self.add(&[scheme, if topology == Topology::Cluster { "+cluster" } else { "+sentinel" }, "://"])?;
                self.many(options)
            }
            Some(path) => {
                self.add(&["unix://"])?;
                self.user(options)?;
                // What would be read otherwise is said by its name.
                if !path.starts_with(b"/") || (path.len() > 1 && path.ends_with(b"/")) || url::numbered(path).is_some()
                {
                    return Ok(Vec::new());
                }
                self.escaped(path, PATH)?;
                Ok(vec![Key::UnixPath])
            }
            None => {
                self.add(&[scheme, "://"])?;
                self.user(options)?;
                self.host(options.text(Key::Host).unwrap_or_default())?;
                self.add(&[&format!(":{}/{}", options.number(Key::Port), options.database())])?;
                Ok(vec![Key::Host, Key::Port, Key::Database, Key::Tls])
            }
        }
    }

    /// The user and the place of several servers.
    fn many(&mut self, options: &Options) -> Result<Vec<Key>> {
        self.user(options)?;
        let mut before = "";
        for seed in options.seeds() {
            let Endpoint::Tcp { host, port } = seed else { continue };
            self.add(&[before])?;
            self.host(host.as_bytes())?;
            self.add(&[&format!(":{port}")])?;
            before = ",";
        }
        let mut said = vec![Key::Topology, Key::Tls];
        match options.text(Key::Seeds) {
            Some(_) => said.push(Key::Seeds),
            None => said.extend([Key::Host, Key::Port]),
        }
        let service = options.sentinel_service();
        if let (Topology::Sentinel, Some(service)) = (options.topology(), service) {
            self.add(&["/"])?;
            self.escaped(service, PLAIN)?;
            said.push(Key::SentinelService);
        }
        // Alone, a database would be read as a service.
        if options.topology() == Topology::Cluster || service.is_some() {
            self.add(&[&format!("/{}", options.database())])?;
            said.push(Key::Database);
        }
        Ok(said)
    }

    fn user(&mut self, options: &Options) -> Result<()> {
        self.escaped(options.username().unwrap_or_default(), PLAIN)?;
        match (options.username(), options.password()) {
            (None, None) => Ok(()),
            (Some(_), None) => self.add(&["@"]),
            (_, Some(_)) => self.add(&[":***@"]),
        }
    }

    fn host(&mut self, host: &[u8]) -> Result<()> {
        let text = std::str::from_utf8(host).unwrap_or_default();
        match text.split_once('%') {
            Some((address, zone)) => {
                self.add(&["[", address, "%25"])?;
                self.escaped(zone.as_bytes(), PLAIN)?;
                self.add(&["]"])
            }
            None if text.contains(':') => self.add(&["[", text, "]"]),
            None => self.escaped(host, PLAIN),
        }
    }

    fn escaped(&mut self, text: &[u8], as_they_are: &'static AsciiSet) -> Result<()> {
        percent_encode(text, as_they_are).try_for_each(|piece| self.add(&[piece]))
    }

    fn add(&mut self, pieces: &[&str]) -> Result<()> {
        pieces.iter().try_for_each(|piece| append(&mut self.0, piece.as_bytes(), "the URL"))
    }
}
