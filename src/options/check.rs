//! Checking the value of one option, and the message of a wrong value.

use std::net::Ipv6Addr;

use super::fault::config;
use super::table::{Kind, OptionRow, TextForm};
use crate::error::{Error, Result, quoted};

/// Bytes of a value that a message shows.
const SHOWN_MAX: usize = 48;
/// Bytes of a file's name, on any file system that there is.
const FILE_NAME_MAX: usize = 255;

/// The number as it is kept, every "for ever" being -1.
pub(super) fn number(row: &OptionRow, value: i64) -> Result<i64> {
    let name = row.name;
    match row.kind {
        Kind::Text(_) | Kind::Secret => return Err(config(format!("{name} takes text, not a number"))),
        Kind::Choice(choices) if choices.iter().all(|(_, number)| *number != value) => {
            return Err(config(format!("{name}: {value} is none of {}", numbers(choices))));
        }
        Kind::Duration if value < row.min && row.min < 0 => return Ok(row.min),
        _ => {}
    }
    if value < row.min || value > row.max {
        return Err(out_of_bounds(row, value));
    }
    Ok(value)
}

/// A number that is not within its bounds.
fn out_of_bounds(row: &OptionRow, value: i64) -> Error {
    config(format!("{}: {value} is not between {} and {}", row.name, row.min, row.max))
}

/// Whether the text will do.
pub(super) fn text(row: &OptionRow, value: &[u8]) -> Result<()> {
    let form = match row.kind {
        Kind::Text(form) => form,
        Kind::Secret => TextForm::Any,
        _ => return Err(config(format!("{} takes a number, not text", row.name))),
    };
    let name = row.name;
    if (value.len() as i64) < row.min {
        return Err(config(format!("{name} must not be empty")));
    }
    // How long a secret is, is nobody's to know either.
    if value.len() as i64 > row.max && matches!(row.kind, Kind::Secret) {
        return Err(config(format!("{name}: it may have at most {} bytes", row.max)));
    }
    if value.len() as i64 > row.max {
        let holder = if form == TextForm::SocketPath { "a socket's path has" } else { "it may have" };
        return Err(config(format!("{name}: {} bytes, but {holder} at most {}", value.len(), row.max)));
    }
    if let Some(fault) = misplaced(row, form, value) {
        return Err(config(format!("{name}: {fault}")));
    }
    match wrong_byte(form, value) {
        Some((at, reason)) => Err(about(name, value, &format!("has {reason} (byte {at})"))),
        None if form == TextForm::Host => host(name, value),
        None => Ok(()),
    }
}

/// What stands where it has no place, and is shown to nobody: a key, of which everybody may see what else stands there, or what
/// may have a password in it.
fn misplaced(row: &OptionRow, form: TextForm, value: &[u8]) -> Option<&'static str> {
    let has = |word: &[u8]| value.windows(word.len()).any(|part| part == word);
    let is_pem = || [&b"--BEGIN "[..], b"--END ", b"PRIVATE KEY"].into_iter().any(has);
    let is_url = || has(b"://");
    let is_no_path = || value.iter().any(|byte| matches!(byte, b'\n' | b'\r')) || has_long_name(value);
    match form {
        TextForm::Path | TextForm::SocketPath if is_pem() => Some("it is a PEM, where the path of a file is due"),
        // A URL may have a password in it.
        TextForm::Host | TextForm::Path | TextForm::SocketPath | TextForm::Name if is_url() => {
            Some("it is a URL, which is set as a whole")
        }
        TextForm::Host if value.contains(&b'@') => Some("there is an '@' in it, as in the URL of a server"),
        TextForm::Path if is_no_path() => Some("it is not the path of a file"),
        TextForm::Any if matches!(row.kind, Kind::Text(_)) && has(b"PRIVATE KEY") => {
            Some("there is a private key in it, whose place is tls_key_pem")
        }
        _ => None,
    }
}

/// Whether a part of a path is longer than any file's name.
fn has_long_name(path: &[u8]) -> bool {
    path.split(|byte| *byte == b'/').any(|name| name.len() > FILE_NAME_MAX)
}

/// What is wrong with the value of an option.
pub(super) fn about(name: &str, value: &[u8], what: &str) -> Error {
    config([name.as_bytes(), b": ", &shown(value), b" ", what.as_bytes()].concat())
}

/// The value as a message shows it: quoted, and cut where it is long.
pub(super) fn shown(value: &[u8]) -> Vec<u8> {
    quoted(value, SHOWN_MAX)
}

/// The first byte that may not stand in such a text, and what it is.
fn wrong_byte(form: TextForm, value: &[u8]) -> Option<(usize, &'static str)> {
    value.iter().enumerate().find_map(|(at, byte)| {
        let reason = match (form, byte) {
            (TextForm::Any, _) => None,
            (_, 0) => Some("a NUL"),
            (TextForm::Path | TextForm::SocketPath, _) => None,
            (_, b' ' | b'\t' | b'\r' | b'\n') => Some("white space"),
            (_, 0..=0x1f | 0x7f) => Some("a control byte"),
            (TextForm::Name, 0x80..) => Some("a byte that is not ASCII"),
            (TextForm::Host, b'/' | b'\\' | b'@' | b'?' | b'#' | b'[' | b']') => Some("a byte that no host has"),
            _ => None,
        };
        reason.map(|reason| (at, reason))
    })
}

/// A name has no colon and no percent sign; an IPv6 address has both only where they belong.
fn host(name: &str, value: &[u8]) -> Result<()> {
    let wrong = |what: &str| Err(about(name, value, what));
    let Ok(text) = std::str::from_utf8(value) else { return wrong("is not UTF-8") };
    if !text.contains([':', '%']) {
        return Ok(());
    }
    let (address, zone) = text.split_once('%').unwrap_or((text, "-"));
    if address.parse::<Ipv6Addr>().is_err() {
        return wrong("is neither a host's name nor an address (a port is an option of its own)");
    }
    if zone.is_empty() || zone.contains('%') { wrong("has no good zone behind its '%'") } else { Ok(()) }
}

/// `0 (auto), 2, 3`: each number once, with its name where that says more.
fn numbers(choices: &'static [(&'static str, i64)]) -> String {
    let firsts = choices.iter().filter(|(name, number)| first_of(choices, *number) == Some(*name));
    let list = firsts.map(|(name, number)| {
        let number = number.to_string();
        if number == *name { number } else { format!("{number} ({name})") }
    });
    list.collect::<Vec<_>>().join(", ")
}

/// The name that a choice is printed by.
pub(super) fn first_of(choices: &[(&'static str, i64)], number: i64) -> Option<&'static str> {
    choices.iter().find(|choice| choice.1 == number).map(|choice| choice.0)
}
