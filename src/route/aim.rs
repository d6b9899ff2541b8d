//! Which servers of a cluster a command is for.
#![forbid(unsafe_code)]

use crate::commands::{self, Command, Id, NoKeys, SLOTS};
use crate::error::{Error, Instead, Outcome, Result, Status};

use super::policy::{self, is_splittable};

/// Where a command goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim {
    /// To the owner of this slot.
    Slot(u16),
    /// To any primary.
    Any,
}

impl Aim {
    /// The slot, where it matters.
    pub fn slot(self) -> Option<u16> {
        match self {
            Aim::Slot(slot) => Some(slot),
            Aim::Any => None,
        }
    }
}

/// Where the command of this row goes. An error: its keys are of several slots.
pub(super) fn aim(row: Option<&Command>, args: &[&[u8]]) -> Result<Aim> {
    let Some(row) = row else {
        // What nobody knows goes by its first argument, as most commands do.
        return Ok(args.get(1).map_or(Aim::Any, |key| Aim::Slot(commands::slot(key))));
    };
    match lone_key(row, args) {
        Some(key) => Ok(Aim::Slot(commands::slot(key))),
        None => aim_well(row, args),
    }
}

/// The key of a command whose one key stands at a fixed place.
#[inline]
pub(super) fn lone_key<'a>(row: &Command, args: &[&'a [u8]]) -> Option<&'a [u8]> {
    args.get(row.lone_key()?).copied()
}

fn aim_well(row: &Command, args: &[&[u8]]) -> Result<Aim> {
    if matches!(row.id, Id::Wait | Id::Waitaof) {
        let text =
            format!("{} is about the writes of its own connection, and a client of a cluster has many", row.name());
        return Err(misplaced(text, Instead::Connection));
    }
    if policy::policy(row).is_some() || row.id == Id::Scan {
        let text = format!("{} is for several servers of the cluster, and goes to one here", row.name());
        return Err(misplaced(text, Instead::EachServer));
    }
    if policy::is_of_one_server(row) {
        let text = format!("{} is for one server, and does not say which of the cluster", row.name());
        return Err(misplaced(text, Instead::OneServer));
    }
    if let Some(slot) = named_slot(row, args) {
        return Ok(Aim::Slot(slot));
    }
    let slots = match commands::routing_keys(row, args) {
        Ok(keys) => keys,
        // The server says what is wrong with it.
        Err(NoKeys::Unknown | NoKeys::Arity | NoKeys::Arguments) => return Ok(Aim::Any),
    };
    let mut first: Option<(u16, &[u8])> = None;
    for key in slots.iter().filter_map(|key| args.get(key.index)) {
        let slot = commands::slot(key);
        match first {
            Some((one, other)) if one != slot => return Err(several(row, other, key)),
            _ => first = Some((slot, key)),
        }
    }
    Ok(first.map_or(Aim::Any, |(slot, _)| Aim::Slot(slot)))
}

fn misplaced(text: String, instead: Instead) -> Error {
    Error::new(Status::Argument, text).with_outcome(Outcome::NotSent).with_instead(instead)
}

/// The slot that a command without keys is about.
fn named_slot(row: &Command, args: &[&[u8]]) -> Option<u16> {
    match row.id {
        Id::ClusterCountkeysinslot | Id::ClusterGetkeysinslot => {
            let slot: u16 = std::str::from_utf8(args.get(2)?).ok()?.parse().ok()?;
            (slot < SLOTS).then_some(slot)
        }
        _ => None,
    }
}

fn several(row: &Command, one: &[u8], other: &[u8]) -> Error {
    let shown = |key| crate::error::quoted(key, SHOWN_MAX);
    let text = [
        row.name().as_bytes(),
        b": the keys ",
        &shown(one),
        b" and ",
        &shown(other),
        b" have different slots, which different servers may have (a {tag} within keys gives them one slot)",
    ];
    let error = Error::new(Status::Argument, text.concat()).with_outcome(Outcome::NotSent);
    if is_splittable(row) { error.with_instead(Instead::Split) } else { error }
}

/// Bytes of a key that a message shows.
const SHOWN_MAX: usize = 48;

#[cfg(test)]
mod tests {
    use super::*;

    fn aimed(args: &[&str]) -> Aim {
        let args: Vec<&[u8]> = args.iter().map(|arg| arg.as_bytes()).collect();
        aim(commands::find(&args), &args).unwrap()
    }

    fn of(key: &str) -> Aim {
        Aim::Slot(commands::slot(key.as_bytes()))
    }

    #[test]
    fn a_command_goes_to_the_owner_of_its_keys() {
        assert_eq!(aimed(&["GET", "foo"]), of("foo"));
        assert_eq!(aimed(&["mget", "{a}1", "{a}2"]), of("a"));
        assert_eq!(aimed(&["OBJECT", "ENCODING", "k"]), of("k"));
        assert_eq!(aimed(&["EVAL", "return 1", "2", "{a}1", "{a}2", "other"]), of("a"));
        assert_eq!(aimed(&["XREAD", "COUNT", "2", "STREAMS", "{s}a", "{s}b", "0", "0"]), of("s"));
        assert_eq!(aimed(&["MIGRATE", "h", "1", "", "0", "9", "KEYS", "a"]), of("a"));
        assert_eq!(aimed(&["SPUBLISH", "channel", "m"]), of("channel"));
        assert_eq!(aimed(&["ZUNIONSTORE", "{x}1", "1", "{x}2"]), of("x"));
        assert_eq!(aimed(&["NOSUCH", "key", "another"]), of("key"));
    }

    #[test]
    fn a_command_without_keys_goes_to_any() {
        for args in
            [&["PING"][..], &["NOSUCH"], &["EVAL", "return 1", "0"], &["TIME"], &["GET"], &["PUBLISH", "c", "m"]]
        {
            assert_eq!(aimed(args), Aim::Any, "{args:?}");
        }
    }

    #[test]
    fn what_is_about_one_connection_has_no_place() {
        for args in [&[&b"WAIT"[..], b"1", b"0"][..], &[b"WAITAOF", b"1", b"0", b"0"]] {
            let error = aim(commands::find(args), args).unwrap_err();
            assert_eq!((error.status, error.outcome), (Status::Argument, Outcome::NotSent), "{error}");
        }
    }

    #[test]
    fn keys_of_several_slots_are_refused_and_named() {
        let args: [&[u8]; 3] = [b"DEL", b"a", b"b"];
        let error = aim(commands::find(&args), &args).unwrap_err();
        assert_eq!((error.status, error.outcome), (Status::Argument, Outcome::NotSent));
        let text = error.to_string();
        assert!(text.starts_with("DEL: ") && text.contains("\"a\"") && text.contains("{tag}"), "{text}");
    }
}
