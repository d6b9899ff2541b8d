//! Numeric hosts, in every spelling that the system's resolver accepts. They need no look-up.
#![forbid(unsafe_code)]

use std::ffi::CString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use super::super::wait;

/// The address that this is, with any port. None: it is a name.
pub(super) fn address(host: &str) -> Option<SocketAddr> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Some(SocketAddr::new(address, 0));
    }
    match host.split_once('%') {
        Some((address, zone)) => with_zone(address, zone),
        None => old(host).map(|address| SocketAddr::new(address.into(), 0)),
    }
}

/// An address that counts on one network alone, as `fe80::1%eth0`: the zone is an interface's number, or its name.
fn with_zone(address: &str, zone: &str) -> Option<SocketAddr> {
    let address = address.parse::<Ipv6Addr>().ok()?;
    let number = match zone.parse::<u32>() {
        Ok(number) => number,
        Err(_) => wait::interface(&CString::new(zone).ok()?)?,
    };
    Some(SocketAddr::V6(SocketAddrV6::new(address, 0, 0, number)))
}

/// An address of version 4 as C's inet_aton takes it: one to four numbers, decimal, octal behind a 0 or hexadecimal behind an
/// 0x, of which the last one fills all that is left.
fn old(host: &str) -> Option<Ipv4Addr> {
    let mut numbers = host.split('.').map(number).collect::<Option<Vec<u32>>>()?;
    let last = numbers.pop()?;
    if numbers.len() > 3 || numbers.iter().any(|number| *number > 255) {
        return None;
    }
    let bits_left = 32 - 8 * numbers.len() as u32;
    if u64::from(last) >> bits_left != 0 {
        return None;
    }
    let first = numbers.iter().zip([24, 16, 8]).fold(0, |sum, (number, shift)| sum | number << shift);
    Some(Ipv4Addr::from(first | last))
}

fn number(text: &str) -> Option<u32> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if text.len() > 1 && text.starts_with('0') => (&text[1..], 8),
        None => (text, 10),
    };
    // Rust would take a sign.
    let plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    plain.then(|| u32::from_str_radix(digits, radix).ok())?
}

#[cfg(test)]
mod tests {
    use std::net::ToSocketAddrs;

    use super::*;

    #[test]
    fn numbers_are_addresses_as_the_system_takes_them() {
        let numeric = [
            "127.0.0.1",
            "::1",
            "127.1",
            "127.0.1",
            "2130706433",
            "0x7f000001",
            "0x7F.1",
            "0177.0.0.01",
            "0",
            "0.0",
            "00",
            "1.2.65535",
            "1.16777215",
            "4294967295",
            "::ffff:127.0.0.1",
            "fe80::1%1",
            "fe80::1%lo",
            "::1%1",
        ];
        for host in numeric {
            let ours = address(host).unwrap_or_else(|| panic!("{host} is an address"));
            let systems = (host, 0).to_socket_addrs().unwrap_or_else(|error| panic!("{host}: {error}")).next().unwrap();
            assert_eq!(ours, systems, "{host}");
        }
    }

    #[test]
    fn what_is_no_number_is_a_name() {
        let names = [
            "localhost",
            "",
            ".",
            "1.",
            ".1",
            "1..2",
            "1.2.3.4.5",
            "256.1.1.1",
            "1.256.1.1",
            "1.2.65536",
            "1.16777216",
            "4294967296",
            "0x",
            "08",
            "+1",
            "-1",
            "1.2.3.4 ",
            "1_0",
            "cafe",
            "fe80::1%",
            "fe80::1%no-such-one",
            "1.2.3.4%1",
            "abc.de",
            "0x7g",
            "::1%+1x",
        ];
        for host in names {
            assert_eq!(address(host), None, "{host:?}");
        }
    }
}
