//! Which command a name is, in any case of letters: one look into a table that was made when the library was.

use super::{FAMILIES, Row};

/// The row of a command of one word, or of the two that its arguments begin with.
#[inline]
pub(super) fn find(args: &[&[u8]]) -> Option<&'static Row> {
    let first = *args.first()?;
    if first.len() > NAME_MAX {
        return None;
    }
    let hash = fold(HASH, first);
    if let Some(row) = look_up(hash, first, None)
        && (args.len() == 1 || row.name != ALONE_TOO)
    {
        return Some(row);
    }
    let second = *args.get(1)?;
    if !is_container(first) || second.len() > NAME_MAX {
        return None;
    }
    look_up(fold(fold(hash, b" "), second), first, Some(second))
}

/// Commands whose second word says what they do.
const CONTAINERS: &[&str] = &[
    "ACL",
    "CLIENT",
    "CLUSTER",
    "COMMAND",
    "COMMANDLOG",
    "CONFIG",
    "DEBUG",
    "FT.CONFIG",
    "FT.CURSOR",
    "FUNCTION",
    "HIMPORT",
    "HOTKEYS",
    "LATENCY",
    "MEMORY",
    "MODULE",
    "OBJECT",
    "PUBSUB",
    "SCRIPT",
    "SENTINEL",
    "SLOWLOG",
    "XGROUP",
    "XINFO",
];

/// The one container that is a command of its own too.
const ALONE_TOO: &str = "COMMAND";

fn is_container(word: &[u8]) -> bool {
    CONTAINERS.iter().any(|name| name.as_bytes().eq_ignore_ascii_case(word))
}

#[inline]
fn look_up(hash: u32, first: &[u8], second: Option<&[u8]>) -> Option<&'static Row> {
    let mut slot = hash as usize % SLOTS;
    loop {
        let place = match TABLE[slot] {
            0 => return None,
            place => place as usize - 1,
        };
        let row = &FAMILIES[place >> FAMILY_SHIFT][place & (1 << FAMILY_SHIFT) - 1];
        if is_named(row, first, second) {
            return Some(row);
        }
        slot = (slot + 1) % SLOTS;
    }
}

fn is_named(row: &Row, first: &[u8], second: Option<&[u8]>) -> bool {
    let name = row.name.as_bytes();
    match second {
        None => name.eq_ignore_ascii_case(first),
        Some(second) => {
            name.len() == first.len() + 1 + second.len()
                && name[..first.len()].eq_ignore_ascii_case(first)
                && name[first.len()] == b' '
                && name[first.len() + 1..].eq_ignore_ascii_case(second)
        }
    }
}

/// FNV-1a, over letters of one case.
#[inline]
const fn fold(mut hash: u32, text: &[u8]) -> u32 {
    let mut at = 0;
    while at < text.len() {
        hash = (hash ^ text[at].to_ascii_uppercase() as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    hash
}

/// The place of each row, one more than it is, found by its hash; 0 is none.
static TABLE: [u16; SLOTS] = {
    let mut table = [0u16; SLOTS];
    let mut family = 0;
    while family < FAMILIES.len() {
        let rows = FAMILIES[family];
        assert!(rows.len() < 1 << FAMILY_SHIFT);
        let mut row = 0;
        while row < rows.len() {
            let mut slot = fold(HASH, rows[row].name.as_bytes()) as usize % SLOTS;
            while table[slot] != 0 {
                slot = (slot + 1) % SLOTS;
            }
            table[slot] = ((family << FAMILY_SHIFT | row) + 1) as u16;
            row += 1;
        }
        family += 1;
    }
    table
};

const HASH: u32 = 0x811c_9dc5;
/// More than twice as many as there are rows, so that few stand where another should.
const SLOTS: usize = 2048;
const FAMILY_SHIFT: usize = 8;
/// No word of a name is longer.
const NAME_MAX: usize = 32;
