//! The row of a command, found by its name: one step for a word, and nothing allocated.

use super::command::{Command, Flags};
use super::table::ROWS;

/// The row of the command that these arguments are, in any case of letters: of the subcommand where the table has it, of
/// the command that it belongs to where not.
pub fn find(args: &[&[u8]]) -> Option<&'static Command> {
    let (name, rest) = args.split_first()?;
    let found = probe(name, ALONE)?;
    let row = &ROWS[usize::from(found)];
    if row.flags.has(Flags::CONTAINER)
        && let Some(second) = rest.first()
        && let Some(under) = probe(second, found)
    {
        return Some(&ROWS[usize::from(under)]);
    }
    Some(row)
}

/// The number of the row of this word: of a command, or of a subcommand of the row `parent`.
#[inline]
fn probe(word: &[u8], parent: u16) -> Option<u16> {
    let mut slot = hash(word, parent);
    loop {
        let row = INDEX.slots[slot];
        let own = INDEX.words.get(usize::from(row))?;
        if own.parent == parent && own.text.eq_ignore_ascii_case(word) {
            return Some(row);
        }
        slot = (slot + 1) % SLOTS;
    }
}

/// Where the search for a word begins. Both ends of it and its length are enough to tell nearly all of them apart.
const fn hash(word: &[u8], parent: u16) -> usize {
    let (head, tail) = if let (Some(head), Some(tail)) = (word.first_chunk::<8>(), word.last_chunk::<8>()) {
        (u64::from_le_bytes(*head), u64::from_le_bytes(*tail))
    } else if let (Some(head), Some(tail)) = (word.first_chunk::<4>(), word.last_chunk::<4>()) {
        (u32::from_le_bytes(*head) as u64, u32::from_le_bytes(*tail) as u64)
    } else if let (Some(head), Some(tail)) = (word.first(), word.last()) {
        (*head as u64, *tail as u64)
    } else {
        (0, 0)
    };
    let ends = (head | SMALL) ^ (tail | SMALL).rotate_left(27) ^ ((word.len() as u64) << 13) ^ ((parent as u64) << 40);
    (ends.wrapping_mul(SPREAD) >> (64 - SLOTS.trailing_zeros())) as usize
}

/// Rows by the hashes of their words: the first free slot from there on.
struct Index {
    slots: [u16; SLOTS],
    words: [Word; ROWS.len()],
}

/// The last word of a row's name, and the row of the first where there are two.
#[derive(Clone, Copy)]
struct Word {
    text: &'static [u8],
    parent: u16,
}

const fn index() -> Index {
    let mut index = Index { slots: [ALONE; SLOTS], words: [Word { text: &[], parent: ALONE }; ROWS.len()] };
    let mut row = 0;
    // A container stands right before its subcommands: nothing sorts before a space.
    let mut container = 0;
    while row < ROWS.len() {
        let name = ROWS[row].name.as_bytes();
        if ROWS[row].flags.has(Flags::CONTAINER) {
            container = row;
        }
        let mut start = 0;
        while start < name.len() && name[start] != b' ' {
            start += 1;
        }
        index.words[row].text = name;
        if start < name.len() {
            index.words[row] = Word { text: name.split_at(start + 1).1, parent: container as u16 };
        }
        let mut slot = hash(index.words[row].text, index.words[row].parent);
        while index.slots[slot] != ALONE {
            slot = (slot + 1) % SLOTS;
        }
        index.slots[slot] = row as u16;
        row += 1;
    }
    index
}

static INDEX: Index = index();

/// Most slots stay empty, so that a search ends where it begins; a power of two.
const SLOTS: usize = 4096;

/// The parent of a command of one word, and an empty slot.
const ALONE: u16 = u16::MAX;

/// What makes letters small; what it does to other bytes does not matter here, for it does it to both sides.
const SMALL: u64 = 0x2020_2020_2020_2020;

/// Odd, and without a pattern in its bits.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

const _: () = assert!(ROWS.len() < SLOTS / 4 && SLOTS.is_power_of_two());

#[cfg(test)]
mod tests {
    use super::*;

    fn name(command: &str) -> Option<&'static str> {
        let args: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
        find(&args).map(|row| row.name)
    }

    #[test]
    fn every_row_is_found_in_any_case() {
        for row in &ROWS {
            assert_eq!(name(row.name), Some(row.name));
            assert_eq!(name(&row.name.to_lowercase()), Some(row.name));
            let mixed: String =
                row.name.char_indices().map(|(at, c)| if at % 2 == 0 { c.to_ascii_lowercase() } else { c }).collect();
            assert_eq!(name(&format!("{mixed} x")), Some(row.name));
            assert_eq!(ROWS[row.id as usize].name, row.name);
        }
    }

    #[test]
    fn nothing_else_is() {
        for word in "G GETT ZZZ A GET\r JSON.NOSUCH \0 \u{e9} CLIENTLIST CLIENT\tLIST SUBSCRIBED".split(' ') {
            assert_eq!(name(word), None, "{word:?}");
        }
        assert!(find(&[]).is_none() && find(&[b""]).is_none() && find(&[&[b'a'; 1000]]).is_none());
        // Two words in one argument are no command, and letters are folded, nothing else.
        assert!(find(&[b"CLIENT LIST"]).is_none());
        assert!(find(&[b"EVAL\x7fRO"]).is_none());
        assert!(find(&[b"@GET"]).is_none());
    }

    #[test]
    fn a_word_that_no_subcommand_has_is_the_containers() {
        assert_eq!(name("CLIENT NOSUCH"), Some("CLIENT"));
        assert_eq!(name("CLIENT"), Some("CLIENT"));
        assert_eq!(name("client USAGE"), Some("CLIENT"));
        assert_eq!(name("MEMORY usage"), Some("MEMORY USAGE"));
        assert_eq!(name("GET LIST"), Some("GET"));
        assert_eq!(name("LIST"), None);
    }

    #[test]
    fn searches_end_where_they_begin() {
        let mut furthest = 0;
        for (row, word) in INDEX.words.iter().enumerate() {
            let begin = hash(word.text, word.parent);
            let end = INDEX.slots.iter().position(|slot| usize::from(*slot) == row).unwrap();
            furthest = furthest.max((end + SLOTS - begin) % SLOTS);
        }
        assert!(furthest <= 3, "{furthest}");
    }
}
