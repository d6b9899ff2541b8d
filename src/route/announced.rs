//! The parts that answers about other servers share: hosts, ports and texts, each checked before it is believed.
#![forbid(unsafe_code)]

use std::net::Ipv6Addr;

use crate::error::{Error, Outcome, Result, Status, head};
use crate::options::Endpoint;
use crate::reply::{Kind, Reply, View};

/// The name or address of a host. `None`: no host is called that.
pub(super) fn host(text: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(text).ok()?;
    let is_wrong = |letter: char| letter.is_ascii_control() || r" /\@?#[]".contains(letter);
    if text.is_empty() || text.len() > HOST_BYTES_MAX || text.contains(is_wrong) {
        return None;
    }
    // Colons are of an IPv6 address, which may have its zone behind it.
    let (address, zone) = text.split_once('%').unwrap_or((text, "-"));
    let is_plain = !text.contains([':', '%']);
    let is_address = || address.parse::<Ipv6Addr>().is_ok() && !zone.is_empty() && !zone.contains('%');
    (is_plain || is_address()).then_some(text)
}

/// A port from its decimal digits.
pub(super) fn port(text: &[u8]) -> Option<u16> {
    let is_plain = !text.is_empty() && text.len() <= 5 && text.iter().all(u8::is_ascii_digit);
    let number: u32 = std::str::from_utf8(text).ok().filter(|_| is_plain)?.parse().ok()?;
    u16::try_from(number).ok().filter(|port| *port != 0)
}

/// The text of a STRING, a STATUS or a VERBATIM.
pub(super) fn text(view: View<'_>) -> Option<&[u8]> {
    use Kind::{RREDIS_REPLY_STATUS, RREDIS_REPLY_STRING, RREDIS_REPLY_VERBATIM};
    let kinds = [RREDIS_REPLY_STRING, RREDIS_REPLY_STATUS, RREDIS_REPLY_VERBATIM];
    kinds.contains(&view.kind()).then(|| view.text())
}

/// The fields of a map, or of a flat row of names and values. `None`: it is neither.
pub(super) fn fields(view: View<'_>) -> Option<Fields<'_>> {
    let is_flat = view.kind() == Kind::RREDIS_REPLY_ARRAY && view.len().is_multiple_of(2);
    let has_names = || view.children().step_by(2).all(|name| text(name).is_some());
    let is_map = view.kind() == Kind::RREDIS_REPLY_MAP;
    ((is_map || is_flat) && has_names()).then_some(Fields(view))
}

/// Names with values.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(View<'a>);

impl<'a> Fields<'a> {
    /// The value of the first field of this name.
    pub(super) fn find(self, name: &str) -> Option<View<'a>> {
        let mut values = self.0.children().skip(1).step_by(2).zip(self.0.children().step_by(2));
        values.find(|(_, field)| field.text() == name.as_bytes()).map(|(value, _)| value)
    }
}

/// An endpoint on the network.
pub(super) fn tcp(host: &str, port: u16) -> Endpoint {
    Endpoint::Tcp { host: host.to_owned(), port }
}

/// The elements of an ARRAY. An error reply is an error in the server's words, and any other is malformed.
pub(super) fn elements<'a>(what: &str, reply: &'a Reply) -> Result<impl ExactSizeIterator<Item = View<'a>>> {
    answered(what, reply)?;
    match reply.kind() {
        Kind::RREDIS_REPLY_ARRAY => Ok(reply.view().children()),
        _ => Err(malformed(what, "no array")),
    }
}

/// Whether it is an answer at all: an error reply is an error in the server's words.
pub(super) fn answered(what: &str, reply: &Reply) -> Result<()> {
    match reply.is_error() {
        true => Err(Error::new(Status::Server, head(reply.text())).with_outcome(Outcome::Refused).at(what)),
        false => Ok(()),
    }
}

/// An answer that cannot be believed.
pub(super) fn malformed(what: &str, why: &str) -> Error {
    Error::new(Status::Protocol, format!("{what}: the server's answer is malformed: {why}"))
}

/// Bytes of a host's name: as many as servers announce, and as the DNS has.
const HOST_BYTES_MAX: usize = 255;

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::options::ParserChoice;
    use crate::resp;

    /// A reply from its bytes.
    pub(in crate::route) fn reply(wire: &[u8]) -> Reply {
        let mut parser = resp::parser(ParserChoice::Auto, Limits::default());
        parser.feed(wire).unwrap();
        let frame = parser.next().unwrap().unwrap_or_else(|| panic!("half a reply: {}", wire.escape_ascii()));
        Reply::build(frame).unwrap()
    }

    #[test]
    fn a_host_is_a_name_or_an_address() {
        for text in ["a", "127.0.0.1", "node-1.example.com", "::1", "fe80::1%eth0", "2001:db8::7", "bücher.example"] {
            assert_eq!(host(text.as_bytes()), Some(text));
        }
        let long = "a".repeat(256);
        for text in
            ["", "?", "a b", "a\0", "a\r\n", "[::1]", "a:b", "::1%", "::1%a%b", "a%b", "a/b", "u@h", "1:2:3", &long]
        {
            assert_eq!(host(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(host(b"\xff"), None);
        assert_eq!(host(&long.as_bytes()[1..]), Some(&long[1..]));
    }

    #[test]
    fn a_port_is_in_plain_digits() {
        for (text, port_of) in [("1", Some(1)), ("65535", Some(65_535)), ("6379", Some(6379))] {
            assert_eq!(port(text.as_bytes()), port_of);
        }
        for text in ["", "0", "65536", "99999", "+1", "-1", " 1", "1 ", "1a", "000001", "4294967297"] {
            assert_eq!(port(text.as_bytes()), None, "{text:?}");
        }
    }
}
