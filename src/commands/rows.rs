//! The rows of the command table as they are in the library: without a pointer, so that nothing of them has to be written when it is
//! loaded, and its pages stay shared with other processes.

use super::command::{Access, Begin, Command, Find, Finder, KeySpec, Stretch};
use super::effect::Change;
use super::table::WRITTEN;
use crate::error::{Error, Outcome, Status};

impl Command {
    /// Its name in capital letters, of one or two words: `CLIENT LIST`.
    pub fn name(&self) -> &'static str {
        let Stretch { at, len } = self.name;
        NAMES.get(usize::from(at)..usize::from(at) + usize::from(len)).unwrap_or_default()
    }

    /// Where its keys are.
    #[inline]
    pub fn keys(&self) -> &'static [KeySpec] {
        let Stretch { at, len } = self.keys;
        KEYS.get(usize::from(at)..usize::from(at) + usize::from(len)).unwrap_or_default()
    }

    /// The argument that is its one key, where it has one, at a fixed place.
    #[inline]
    pub fn lone_key(&self) -> Option<usize> {
        (self.lone_key > 0).then_some(usize::from(self.lone_key))
    }

    /// Its name, where it changes its connection, so that a client of many connections refuses it.
    #[inline]
    pub fn connection_state(&self) -> Option<&'static str> {
        self.is_stateful().then(|| self.name())
    }

    /// Whether it changes its connection for whoever uses that next.
    #[inline]
    fn is_stateful(&self) -> bool {
        !matches!(self.change, Change::None | Change::Shutdown)
    }

    /// The error of a handle on which it has no place, because it changes its connection and `why`.
    #[cold]
    pub fn misplaced(&self, why: &str) -> Error {
        let text = format!("{} changes the connection it runs on, and {why}", self.name());
        Error::new(Status::Argument, text).with_outcome(Outcome::NotSent).with_instead(self.instead())
    }
}

/// A row for each id, in the same order.
pub(super) static ROWS: [Command; WRITTEN.len()] = PACKED.rows;

/// All names, one behind the other.
const NAMES: &str = match std::str::from_utf8(&NAMES_BYTES) {
    Ok(names) => names,
    Err(_) => "",
};
const NAMES_BYTES: [u8; NAMES_LEN] = PACKED.names;

/// The specifications of all keys: rows that say the same have one part of them.
static KEYS: [KeySpec; PACKED.keys_len] = match PACKED.keys.first_chunk() {
    Some(keys) => *keys,
    None => [NOBODYS; PACKED.keys_len],
};

struct Packed {
    rows: [Command; WRITTEN.len()],
    names: [u8; NAMES_LEN],
    keys: [KeySpec; KEYS_MAX],
    keys_len: usize,
}

const NOBODYS: KeySpec = KeySpec { access: Access(0), begin: Begin::Unsaid, find: Find::Unsaid };
const PACKED: Packed = packed();

const fn packed() -> Packed {
    let mut packed = Packed {
        rows: [WRITTEN[0].command; WRITTEN.len()],
        names: [0; NAMES_LEN],
        keys: [NOBODYS; KEYS_MAX],
        keys_len: 0,
    };
    let (mut row, mut end) = (0, 0);
    while row < WRITTEN.len() {
        let (name, keys) = (WRITTEN[row].name.as_bytes(), WRITTEN[row].keys);
        let mut at = 0;
        while at < name.len() {
            packed.names[end + at] = name[at];
            at += 1;
        }
        let said = Stretch { at: place(&mut packed, keys) as u16, len: keys.len() as u16 };
        let lone_key = lone_key(keys, WRITTEN[row].command.finder);
        let name = Stretch { at: end as u16, len: name.len() as u16 };
        packed.rows[row] = Command { name, keys: said, lone_key, ..WRITTEN[row].command };
        end += name.len as usize;
        row += 1;
    }
    assert!(end < 1 << 16 && packed.keys_len < 1 << 16, "a part has 16 bits");
    packed
}

/// Where these specifications are among all: where they have been before, or behind the others.
const fn place(packed: &mut Packed, keys: &[KeySpec]) -> usize {
    let mut at = 0;
    while at + keys.len() <= packed.keys_len {
        let mut same = 0;
        while same < keys.len() && is_same(&packed.keys[at + same], &keys[same]) {
            same += 1;
        }
        if same == keys.len() {
            return at;
        }
        at += 1;
    }
    let at = packed.keys_len;
    let mut next = 0;
    while next < keys.len() {
        packed.keys[at + next] = keys[next];
        next += 1;
    }
    packed.keys_len = at + keys.len();
    at
}

const fn is_same(one: &KeySpec, other: &KeySpec) -> bool {
    let begins = match (one.begin, other.begin) {
        (Begin::Index(one), Begin::Index(other)) => one == other,
        (Begin::Keyword(one, from), Begin::Keyword(other, start)) => one as u8 == other as u8 && from == start,
        (Begin::Unsaid, Begin::Unsaid) => true,
        _ => false,
    };
    let finds = match (one.find, other.find) {
        (Find::Range { last, step, limit }, Find::Range { last: end, step: by, limit: most }) => {
            last == end && step == by && limit == most
        }
        (Find::Count { at, first, step }, Find::Count { at: place, first: begin, step: by }) => {
            at == place && first == begin && step == by
        }
        (Find::Unsaid, Find::Unsaid) => true,
        _ => false,
    };
    one.access.0 == other.access.0 && begins && finds
}

/// The argument that is the one key; 0: there is none, or there are others, or its place is not fixed.
const fn lone_key(keys: &[KeySpec], finder: Finder) -> u8 {
    match keys {
        [KeySpec { begin: Begin::Index(at), find: Find::Range { last: 0, .. }, .. }]
            if !matches!(finder, Finder::Migrate) =>
        {
            *at
        }
        _ => 0,
    }
}

const NAMES_LEN: usize = sum(false);
const KEYS_MAX: usize = sum(true);

/// How many bytes all names have, or how many specifications all keys.
const fn sum(keys: bool) -> usize {
    let (mut row, mut sum) = (0, 0);
    while row < WRITTEN.len() {
        sum += if keys { WRITTEN[row].keys.len() } else { WRITTEN[row].name.len() };
        row += 1;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_as_it_is_written() {
        for (row, written) in ROWS.iter().zip(&WRITTEN) {
            assert_eq!((row.name(), row.id), (written.name, written.command.id));
            assert_eq!(format!("{:?}", row.keys()), format!("{:?}", written.keys), "{}", written.name);
        }
        let lone = |name: &[u8]| super::super::find(&[name]).and_then(Command::lone_key);
        assert_eq!([&b"GET"[..], b"OBJECT", b"MGET", b"MIGRATE", b"PING"].map(lone), [Some(1), None, None, None, None]);
        assert!(KEYS.len() < 200, "rows that say the same share it: {}", KEYS.len());
    }
}
