//! MOVED and ASK: the refusals that name the server to go to.
#![forbid(unsafe_code)]

use super::super::announced;
use crate::commands::SLOTS;
use crate::options::Endpoint;

/// What a server says that refers to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::route) enum Redirect {
    /// The slot is another server's.
    Moved {
        /// The slot of the command's keys.
        slot: u16,
        /// Its owner.
        to: Endpoint,
    },
    /// The slot is another server's, and the one that was asked does not know under which name it is to be reached: the map
    /// has to be read anew.
    Nameless {
        /// The slot of the command's keys.
        slot: u16,
    },
    /// The slot is on its way to another server, which has these keys already, or shall have them.
    Ask {
        /// The slot of the command's keys.
        slot: u16,
        /// The server that imports it.
        to: Endpoint,
    },
}

/// The redirect that an error reply is, to the letter: `MOVED 3999 127.0.0.1:6381`. `asked` is the server that said it, as it
/// was dialled, and stands for a host that is empty. `map` gives the endpoint to dial for one that is announced.
pub(in crate::route) fn redirect(
    error: &[u8],
    asked: &Endpoint,
    map: &impl Fn(Endpoint) -> Endpoint,
) -> Option<Redirect> {
    let mut words = error.split(|byte| *byte == b' ');
    let (code, slot, address) = (words.next()?, slot(words.next()?)?, words.next()?);
    if words.next().is_some() {
        return None;
    }
    match (code, address.strip_prefix(b"?:")) {
        (b"MOVED", Some(port)) => announced::port(port).map(|_| Redirect::Nameless { slot }),
        (b"MOVED", None) => Some(Redirect::Moved { slot, to: map(endpoint(address, asked)?) }),
        (b"ASK", _) => Some(Redirect::Ask { slot, to: map(endpoint(address, asked)?) }),
        _ => None,
    }
}

/// A slot in plain digits.
fn slot(text: &[u8]) -> Option<u16> {
    let is_plain = !text.is_empty() && text.len() <= 5 && text.iter().all(u8::is_ascii_digit);
    let number: u32 = std::str::from_utf8(text).ok().filter(|_| is_plain)?.parse().ok()?;
    u16::try_from(number).ok().filter(|slot| *slot < SLOTS)
}

/// `host:port`, where the last colon ends the host.
fn endpoint(address: &[u8], asked: &Endpoint) -> Option<Endpoint> {
    let colon = address.iter().rposition(|byte| *byte == b':')?;
    let (host, port) = (&address[..colon], announced::port(&address[colon + 1..])?);
    if host.is_empty() {
        return match asked {
            Endpoint::Tcp { host, .. } => Some(announced::tcp(host, port)),
            Endpoint::Unix { .. } => None,
        };
    }
    let bare = match host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]")) {
        Some(inner) => inner.contains(&b':').then_some(inner)?,
        None => host,
    };
    Some(announced::tcp(announced::host(bare)?, port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn asked() -> Endpoint {
        announced::tcp("seed.example", 6379)
    }

    fn read(error: &str) -> Option<Redirect> {
        redirect(error.as_bytes(), &asked(), &|endpoint| endpoint)
    }

    fn moved(slot: u16, host: &str, port: u16) -> Option<Redirect> {
        Some(Redirect::Moved { slot, to: announced::tcp(host, port) })
    }

    fn ask(slot: u16, host: &str, port: u16) -> Option<Redirect> {
        Some(Redirect::Ask { slot, to: announced::tcp(host, port) })
    }

    /// As redis-server 7.0 and valkey-server 8.0 say it, with each `cluster-preferred-endpoint-type`.
    #[test]
    fn what_servers_say_is_understood() {
        assert_eq!(read("MOVED 12182 127.0.0.1:23003"), moved(12_182, "127.0.0.1", 23_003));
        assert_eq!(read("MOVED 12182 :23003"), moved(12_182, "seed.example", 23_003));
        assert_eq!(read("MOVED 0 a.example:23001"), moved(0, "a.example", 23_001));
        assert_eq!(read("MOVED 12182 ?:23003"), Some(Redirect::Nameless { slot: 12_182 }));
        assert_eq!(read("ASK 0 127.0.0.1:23002"), ask(0, "127.0.0.1", 23_002));
        assert_eq!(read("ASK 0 b.example:23002"), ask(0, "b.example", 23_002));
        assert_eq!(read("ASK 0 :23002"), ask(0, "seed.example", 23_002));
        assert_eq!(read("MOVED 1 ::1:7001"), moved(1, "::1", 7001));
        assert_eq!(read("MOVED 1 [::1]:7001"), moved(1, "::1", 7001));
        assert_eq!(read("ASK 16383 fe80::1%eth0:65535"), ask(16_383, "fe80::1%eth0", 65_535));
    }

    #[test]
    fn anything_else_is_no_redirect() {
        for error in [
            "",
            "MOVED",
            "MOVED ",
            "MOVED 1",
            "MOVED 1 ",
            "MOVED 1 a",
            "MOVED 1 a:",
            "MOVED 1 :",
            "MOVED 1 a:0",
            "MOVED 1 a:65536",
            "MOVED 1 a:-1",
            "MOVED 1 a:+1",
            "MOVED 1 a:1x",
            "MOVED -1 a:1",
            "MOVED +1 a:1",
            "MOVED 16384 a:1",
            "MOVED 65537 a:1",
            "MOVED 4294967297 a:1",
            "MOVED 1.0 a:1",
            "MOVED x a:1",
            "MOVED  1 a:1",
            "MOVED 1  a:1",
            " MOVED 1 a:1",
            "MOVED 1 a:1 ",
            "MOVED 1 a:1 b:2",
            "MOVED 1 a:1\r\n",
            "moved 1 a:1",
            "MOVEDX 1 a:1",
            "ASKING 1 a:1",
            "ERR MOVED 1 a:1",
            "MOVED 1 a:b:1",
            "MOVED 1 []:1",
            "MOVED 1 [a]:1",
            "MOVED 1 [::1:1",
            "MOVED 1 u@h:1",
            "MOVED 1 ?:0",
            "ASK 1 ?:7001",
            "TRYAGAIN Multiple keys request during rehashing of slot",
            "CLUSTERDOWN Hash slot not served",
        ] {
            assert_eq!(read(error), None, "{error:?}");
        }
        assert_eq!(redirect(b"MOVED 1 \xff:1", &asked(), &|endpoint| endpoint), None);
    }

    #[test]
    fn a_server_on_a_socket_is_no_host_for_another() {
        let asked = Endpoint::Unix { path: b"/s".to_vec() };
        assert_eq!(redirect(b"MOVED 1 :7001", &asked, &|endpoint| endpoint), None);
        assert!(redirect(b"MOVED 1 a:7001", &asked, &|endpoint| endpoint).is_some());
    }

    #[test]
    fn what_is_announced_is_dialled_where_the_map_says() {
        let map = |endpoint| if endpoint == announced::tcp("a", 1) { announced::tcp("b", 2) } else { endpoint };
        let read = |error: &[u8]| redirect(error, &announced::tcp("a", 9), &map);
        assert_eq!(read(b"MOVED 1 a:1"), moved(1, "b", 2));
        assert_eq!(read(b"ASK 1 :1"), ask(1, "b", 2));
        assert_eq!(read(b"MOVED 1 a:2"), moved(1, "a", 2));
    }

    proptest! {
        /// Whatever a server says, and however little it differs from a redirect: what is believed is within bounds.
        #[test]
        fn no_words_are_too_strange(code in "MOVED|ASK|[A-Z]{0,6}", slot in "-?[0-9]{0,6}", rest in ".{0,40}", cut in 0usize..60) {
            let error = format!("{code} {slot} {rest}");
            let _ = redirect(&error.as_bytes()[..cut.min(error.len())], &asked(), &|endpoint| endpoint);
            match redirect(error.as_bytes(), &asked(), &|endpoint| endpoint) {
                Some(Redirect::Moved { slot, to: Endpoint::Tcp { host, port } } | Redirect::Ask { slot, to: Endpoint::Tcp { host, port } }) => {
                    prop_assert!(slot < SLOTS && port > 0 && !host.is_empty());
                    let again = format!("{code} {slot} {}", announced::tcp(&host, port));
                    prop_assert_eq!(redirect(again.as_bytes(), &asked(), &|endpoint| endpoint), redirect(error.as_bytes(), &asked(), &|endpoint| endpoint));
                }
                Some(Redirect::Nameless { slot }) => prop_assert!(slot < SLOTS),
                Some(other) => prop_assert!(false, "{:?}", other),
                None => {}
            }
        }

        #[test]
        fn no_bytes_are_too_strange(error in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = redirect(&error, &asked(), &|endpoint| endpoint);
        }
    }
}
