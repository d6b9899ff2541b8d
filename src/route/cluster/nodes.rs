//! CLUSTER NODES: whether a server is among those that another knows, with slots or without; and which slots the server that said
//! it has, takes in and gives away.
#![forbid(unsafe_code)]

use super::super::announced;
use crate::commands::SLOTS;
use crate::options::Endpoint;

/// Whether this text names a server. `asked` is the server that gave the text, and stands for a host that is empty. `map` gives
/// the endpoint to dial for one that is announced.
pub(in crate::route) fn names(
    text: &[u8],
    asked: &Endpoint,
    map: &impl Fn(Endpoint) -> Endpoint,
    named: &Endpoint,
) -> bool {
    text.split(|byte| *byte == b'\n').filter_map(|line| line.split(|byte| *byte == b' ').nth(1)).any(|address| {
        hosts(address, asked).is_some_and(|(hosts, port)| {
            hosts.into_iter().flatten().any(|host| map(announced::tcp(&host, port)) == *named)
        })
    })
}

/// `ip:port@bus[,hostname[,...]]`: the hosts that it may be meant by, and the port.
fn hosts(address: &[u8], asked: &Endpoint) -> Option<([Option<String>; 2], u16)> {
    let mut parts = address.split(|byte| *byte == b',');
    let place = parts.next()?.split(|byte| *byte == b'@').next()?;
    let colon = place.iter().rposition(|byte| *byte == b':')?;
    let (host, port) = (&place[..colon], announced::port(&place[colon + 1..])?);
    let host = match (host.is_empty(), asked) {
        (true, Endpoint::Tcp { host, .. }) => Some(host.clone()),
        _ => announced::host(host).map(str::to_owned),
    };
    let hostname = parts.next().and_then(announced::host).map(str::to_owned);
    Some(([host, hostname], port))
}

/// What a server says of itself.
#[derive(Default)]
pub(in crate::route) struct OwnLine {
    /// The slots that it has, as ranges that include their last slot.
    pub(in crate::route) has: Vec<(u16, u16)>,
    /// Slots that are on their way to it.
    pub(in crate::route) takes_in: Vec<(u16, u16)>,
    /// The names of servers that slots are on their way to from it.
    pub(in crate::route) gives_to: Vec<Vec<u8>>,
    /// The number of its claim to its slots. 0: it says none.
    pub(in crate::route) epoch: u64,
}

impl OwnLine {
    /// Read it. Fields that are not as they should be are left out.
    pub(in crate::route) fn read(text: &[u8]) -> OwnLine {
        let mut own = OwnLine::default();
        let is_own = |line: &&[u8]| line.split(|byte| *byte == b' ').nth(2).is_some_and(has_myself);
        let Some(line) = text.split(|byte| *byte == b'\n').find(is_own) else { return own };
        let epoch = line.split(|byte| *byte == b' ').nth(6).and_then(|field| std::str::from_utf8(field).ok());
        own.epoch = epoch.and_then(|field| field.parse().ok()).unwrap_or_default();
        for field in line.split(|byte| *byte == b' ').skip(8) {
            let inner = field.strip_prefix(b"[").and_then(|field| field.strip_suffix(b"]"));
            match inner.map(|inner| (find(inner, b"-<-"), find(inner, b"->-"), inner)) {
                None => own.has.extend(range(field)),
                Some((Some(at), _, inner)) => own.takes_in.extend(slot(&inner[..at]).map(|slot| (slot, slot))),
                Some((_, Some(at), inner)) => own.gives_to.push(inner[at + 3..].to_vec()),
                Some((None, None, _)) => {}
            }
        }
        own
    }
}

/// Where the server of this name is to be dialled.
pub(in crate::route) fn endpoint_of(
    text: &[u8],
    name: &[u8],
    asked: &Endpoint,
    map: &impl Fn(Endpoint) -> Endpoint,
) -> Option<Endpoint> {
    let is_meant = |line: &&[u8]| line.split(|byte| *byte == b' ').next() == Some(name);
    let line = text.split(|byte| *byte == b'\n').find(is_meant)?;
    let (hosts, port) = hosts(line.split(|byte| *byte == b' ').nth(1)?, asked)?;
    let host = hosts.into_iter().flatten().next()?;
    Some(map(announced::tcp(&host, port)))
}

fn has_myself(flags: &[u8]) -> bool {
    flags.split(|byte| *byte == b',').any(|flag| flag == b"myself")
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|part| part == what)
}

/// `7` or `7-9`
fn range(field: &[u8]) -> Option<(u16, u16)> {
    match field.iter().position(|byte| *byte == b'-') {
        Some(at) => Some((slot(&field[..at])?, slot(&field[at + 1..])?)).filter(|(from, to)| from <= to),
        None => slot(field).map(|slot| (slot, slot)),
    }
}

fn slot(text: &[u8]) -> Option<u16> {
    std::str::from_utf8(text).ok()?.parse().ok().filter(|slot| *slot < SLOTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: &[u8] = b"07c3 127.0.0.1:30004@31004,host-4 slave e7d1 0 1426238317239 4 connected\n\
        67ed 127.0.0.1:30002@31002 master - 0 1426238316232 2 connected 5461-10922\n\
        824f ::1:30005@31005 slave 67ed 0 1426238317741 6 connected\n\
        e7d1 :30001@31001 myself,master - 0 0 1 connected 0-5460\nrubbish\n a\n";

    fn knows(host: &str, port: u16) -> bool {
        names(NODES, &announced::tcp("seed", 1), &|announced| announced, &announced::tcp(host, port))
    }

    #[test]
    fn a_server_is_known_by_its_address_or_its_name() {
        for (host, port) in
            [("127.0.0.1", 30_004), ("host-4", 30_004), ("127.0.0.1", 30_002), ("::1", 30_005), ("seed", 30_001)]
        {
            assert!(knows(host, port), "{host}:{port}");
        }
        for (host, port) in
            [("127.0.0.1", 30_001), ("host-4", 30_002), ("evil", 30_002), ("127.0.0.1", 31_002), ("", 1)]
        {
            assert!(!knows(host, port), "{host}:{port}");
        }
        assert!(!names(b"", &announced::tcp("a", 1), &|announced| announced, &announced::tcp("a", 1)));
    }

    #[test]
    fn a_server_tells_its_slots_and_those_on_their_way() {
        let own = OwnLine::read(b"a h:1@2 master - 0 0 1 connected 7\nb :3@4 myself,master - 0 0 2 connected 0-5 9 [6-<-a] [9->-c] x 9-7 16384\nc h:5@6 master -\n");
        assert_eq!((own.has, own.takes_in, own.gives_to), (vec![(0, 5), (9, 9)], vec![(6, 6)], vec![b"c".to_vec()]));
        assert_eq!(own.epoch, 2);
        let none = OwnLine::read(b"a h:1@2 master - 0 0 1 connected 7\n");
        assert!(none.has.is_empty() && none.takes_in.is_empty());
        let found = |name: &[u8]| endpoint_of(NODES, name, &announced::tcp("seed", 1), &|announced| announced);
        assert_eq!(found(b"67ed"), Some(announced::tcp("127.0.0.1", 30_002)));
        assert_eq!(found(b"e7d1"), Some(announced::tcp("seed", 30_001)));
        assert_eq!(found(b"67e"), None);
    }
}
