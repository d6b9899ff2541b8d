//! What a host's name or address may look like.

use std::net::Ipv6Addr;

/// What is wrong with a host, as a message about it goes on. A name has no colon and no percent sign; an IPv6 address has both
/// only where they belong, and stands without brackets.
pub(super) fn fault_of_host(value: &[u8]) -> Option<String> {
    let wrong = value.iter().enumerate().find_map(|(at, byte)| Some((at, wrong_byte(*byte)?)));
    if let Some((at, reason)) = wrong {
        return Some(format!("has {reason} (byte {at})"));
    }
    let wrong = |what: &str| Some(what.to_owned());
    let Ok(text) = std::str::from_utf8(value) else { return wrong("is not UTF-8") };
    if !text.contains([':', '%']) {
        return None;
    }
    let (address, zone) = text.split_once('%').unwrap_or((text, "-"));
    if address.parse::<Ipv6Addr>().is_err() {
        return wrong("is neither a host's name nor an address (a port is an option of its own)");
    }
    if zone.is_empty() || zone.contains('%') { wrong("has no good zone behind its '%'") } else { None }
}

fn wrong_byte(byte: u8) -> Option<&'static str> {
    match byte {
        b'/' | b'\\' | b'@' | b'?' | b'#' | b'[' | b']' => Some("a byte that no host has"),
        _ => misfit(byte),
    }
}

/// What a byte is that stands in no name.
pub(super) fn misfit(byte: u8) -> Option<&'static str> {
    match byte {
        0 => Some("a NUL"),
        b' ' | b'\t' | b'\r' | b'\n' => Some("white space"),
        ..=0x1f | 0x7f => Some("a control byte"),
        _ => None,
    }
}
