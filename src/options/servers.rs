//! Servers as texts name them: `host`, `host:port` and `[address]:port`, and lists of them with commas between.

use super::Endpoint;
use super::fault::{about, config};
use super::host::fault_of_host;
use crate::error::Result;
use crate::limits::SERVERS_LISTED_MAX;

/// A host's name or address, and its port where that is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HostPort {
    /// Without brackets.
    pub(super) host: String,
    pub(super) port: Option<u16>,
}

impl HostPort {
    /// Reads one; or tells what is wrong with it, as a message about it goes on.
    pub(super) fn read(text: &[u8]) -> std::result::Result<HostPort, String> {
        let wrong = |what: &str| Err(what.to_owned());
        let (host, port) = match text.strip_prefix(b"[") {
            Some(inside) => {
                let Some(end) = inside.iter().position(|byte| *byte == b']') else {
                    return wrong("has a '[' without its ']'");
                };
                let (address, rest) = inside.split_at(end);
                if !address.contains(&b':') {
                    return wrong("has brackets around what is not an IPv6 address");
                }
                match rest {
                    [_] => (address, None),
                    [_, b':', port @ ..] => (address, Some(port)),
                    _ => return wrong("has something between ']' and the port"),
                }
            }
            None => {
                let mut parts = text.split(|byte| *byte == b':');
                let (host, port, more) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
                if more.is_some() {
                    return wrong("has more than one ':' (an IPv6 address stands in brackets)");
                }
                (host, port)
            }
        };
        if host.is_empty() {
            return wrong("has no host");
        }
        if let Some(fault) = fault_of_host(host) {
            return Err(fault);
        }
        let port = match port.map(number) {
            Some(None) => return wrong("has a port that is not a number from 1 to 65535"),
            Some(port) => port,
            None => None,
        };
        Ok(HostPort { host: String::from_utf8_lossy(host).into_owned(), port })
    }

    /// Where that is, `port` being the one that is meant where none is said.
    pub(super) fn endpoint(self, port: u16) -> Endpoint {
        Endpoint::Tcp { host: self.host, port: self.port.unwrap_or(port) }
    }
}

/// Reads a list of servers. An empty text is none.
pub(super) fn servers(name: &str, text: &[u8]) -> Result<Vec<HostPort>> {
    pieces(name, "server", text)?
        .into_iter()
        .map(|piece| HostPort::read(piece).map_err(|what| about(name, piece, &what)))
        .collect()
}

/// The pieces between commas, none of them empty.
pub(super) fn pieces<'t>(name: &str, noun: &str, text: &'t [u8]) -> Result<Vec<&'t [u8]>> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let count = text.split(|byte| *byte == b',').count();
    if count > SERVERS_LISTED_MAX {
        return Err(config(format!("{name}: {count} {noun}s, but it may have at most {SERVERS_LISTED_MAX}")));
    }
    let pieces: Vec<&[u8]> = text.split(|byte| *byte == b',').collect();
    match pieces.iter().position(|piece| piece.is_empty()) {
        Some(at) => Err(config(format!("{name}: {noun} {} of {} is empty", at + 1, pieces.len()))),
        None => Ok(pieces),
    }
}

/// A port: digits, and nothing else.
fn number(port: &[u8]) -> Option<u16> {
    let digits = port.iter().all(u8::is_ascii_digit).then(|| std::str::from_utf8(port).ok())??;
    digits.parse().ok().filter(|port| *port != 0)
}
