//! Checking the value of one option, and the message of a wrong value.

use super::address_map::AddressMap;
use super::fault::{about, config};
use super::host::{fault_of_host, misfit};
use super::servers::servers;
use super::table::{Kind, OptionRow, TextForm};
use crate::error::{Error, Result};

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
    match form {
        TextForm::Host => fault_of_host(value).map_or(Ok(()), |what| Err(about(name, value, &what))),
        TextForm::Servers => servers(name, value).map(drop),
        TextForm::AddressMap => AddressMap::read(name, value).map(drop),
        _ => match wrong_byte(form, value) {
            Some((at, reason)) => Err(about(name, value, &format!("has {reason} (byte {at})"))),
            None => Ok(()),
        },
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
        TextForm::Any => (matches!(row.kind, Kind::Text(_)) && has(b"PRIVATE KEY"))
            .then_some("there is a private key in it, whose place is tls_key_pem"),
        // A URL may have a password in it.
        _ if is_url() => Some("it is a URL, which is set as a whole"),
        TextForm::Host | TextForm::Servers | TextForm::AddressMap if value.contains(&b'@') => {
            Some("there is an '@' in it, as in the URL of a server")
        }
        TextForm::Path if is_no_path() => Some("it is not the path of a file"),
        _ => None,
    }
}

/// Whether a part of a path is longer than any file's name.
fn has_long_name(path: &[u8]) -> bool {
    path.split(|byte| *byte == b'/').any(|name| name.len() > FILE_NAME_MAX)
}

/// The first byte that may not stand in such a text, and what it is.
fn wrong_byte(form: TextForm, value: &[u8]) -> Option<(usize, &'static str)> {
    value.iter().enumerate().find_map(|(at, byte)| {
        let reason = match (form, byte) {
            (TextForm::Any, _) => None,
            (TextForm::Path | TextForm::SocketPath, 0) => Some("a NUL"),
            (TextForm::Path | TextForm::SocketPath, _) => None,
            (_, 0x80..) => Some("a byte that is not ASCII"),
            _ => misfit(*byte),
        };
        reason.map(|reason| (at, reason))
    })
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
