//! Finding a command's row by its name, without an allocation: one look-up for each word of the name.

use super::command::{Command, CommandFlags};
use super::rows::ROWS;
use super::table::WRITTEN;

/// The row of the command that these arguments are, in any case of letters: of the subcommand where the table has it, of
/// the command that it belongs to where not.
#[inline]
pub fn find(args: &[&[u8]]) -> Option<&'static Command> {
    let (name, rest) = args.split_first()?;
    let found = probe(name, ALONE)?;
    let row = &ROWS[usize::from(found)];
    if row.flags.has(CommandFlags::CONTAINER)
        && let Some(second) = rest.first()
        && let Some(under) = probe(second, found)
    {
        return Some(&ROWS[usize::from(under)]);
    }
    Some(row)
}

/// A word to compare others with, in this case of letters.
#[derive(Clone, Copy)]
pub struct Exactly {
    text: &'static str,
    ends: Ends,
}

impl Exactly {
    /// This word.
    pub fn new(text: &'static str) -> Exactly {
        Exactly { text, ends: Ends::of(text.as_bytes()) }
    }

    /// Whether that is this word.
    #[inline]
    pub fn is(&self, word: &[u8]) -> bool {
        let short = word.len() <= 16;
        word.len() == self.text.len() && if short { Ends::of(word) == self.ends } else { word == self.text.as_bytes() }
    }
}

/// The number of the row of this word: of a command, or of a subcommand of the row `parent`.
fn probe(word: &[u8], parent: u16) -> Option<u16> {
    let ends = Ends::of(word);
    let mut slot = ends.slot(word.len(), parent);
    loop {
        let row = INDEX.slots[slot];
        // An empty slot has a number that no row has.
        let own = INDEX.words.get(usize::from(row))?;
        if own.parent == parent
            && usize::from(own.len) == word.len()
            && ends.are(own)
            && (word.len() <= 16 || (middle(word) ^ own.middle) & !letters(own.middle) == 0)
        {
            return Some(row);
        }
        slot = (slot + 1) % SLOTS;
    }
}

/// What a word begins and ends with: as many bytes as there are, up to eight. They may be some of the same, and of a word of
/// up to sixteen they are all.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Ends {
    head: u64,
    tail: u64,
}

impl Ends {
    #[inline]
    const fn of(word: &[u8]) -> Ends {
        if let (Some(head), Some(tail)) = (word.first_chunk::<8>(), word.last_chunk::<8>()) {
            Ends { head: u64::from_le_bytes(*head), tail: u64::from_le_bytes(*tail) }
        } else if let (Some(head), Some(tail)) = (word.first_chunk::<4>(), word.last_chunk::<4>()) {
            Ends { head: u32::from_le_bytes(*head) as u64, tail: u32::from_le_bytes(*tail) as u64 }
        } else if let (Some(head), Some(tail)) = (word.first(), word.last()) {
            Ends { head: *head as u64 | (word[word.len() / 2] as u64) << 8, tail: *tail as u64 }
        } else {
            Ends { head: 0, tail: 0 }
        }
    }

    /// Whether they are those of a word of the table, in any case of letters.
    fn are(&self, own: &LastWord) -> bool {
        (self.head ^ own.ends.head) & !own.letters.head == 0 && (self.tail ^ own.ends.tail) & !own.letters.tail == 0
    }

    /// Where the search for the word begins.
    const fn slot(&self, len: usize, parent: u16) -> usize {
        let ends = (self.head | SMALL) ^ (self.tail | SMALL).rotate_left(27);
        let all = ends ^ ((len as u64) << 13) ^ ((parent as u64) << 40);
        (all.wrapping_mul(SPREAD) >> (64 - SLOTS.trailing_zeros())) as usize
    }
}

/// The bit that is another in the other case, of each of eight bytes that is a letter. In the table are capital letters,
/// digits, and `.-_`: what has the bit of 64 is a letter or `_`, and what comes after `_` has the bit of 32.
const fn letters(own: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    (own >> 1) & !own.wrapping_add(EACH) & (EACH * 0x20)
}

/// What stands between the ends of a word of more than sixteen bytes.
const fn middle(word: &[u8]) -> u64 {
    match word.split_at_checked(8) {
        Some((_, behind)) => match behind.first_chunk::<8>() {
            Some(middle) => u64::from_le_bytes(*middle),
            None => 0,
        },
        None => 0,
    }
}

/// Rows by the hashes of their words: the first free slot from there on.
struct Index {
    slots: [u16; SLOTS],
    words: [LastWord; ROWS.len()],
}

/// The last word of a row's name: without a pointer to it, so that nothing of the index is written when the library is loaded.
#[derive(Clone, Copy)]
struct LastWord {
    ends: Ends,
    middle: u64,
    /// Where their letters are.
    letters: Ends,
    len: u16,
    /// The row that it is a subcommand of.
    parent: u16,
}

const fn index() -> Index {
    const NO_ENDS: Ends = Ends { head: 0, tail: 0 };
    const NOTHING: LastWord = LastWord { ends: NO_ENDS, middle: 0, letters: NO_ENDS, len: 0, parent: ALONE };
    let mut index = Index { slots: [ALONE; SLOTS], words: [NOTHING; ROWS.len()] };
    let mut row = 0;
    // A container stands right before its subcommands: nothing sorts before a space.
    let mut container = 0;
    while row < ROWS.len() {
        let name = WRITTEN[row].name.as_bytes();
        if WRITTEN[row].command.flags.has(CommandFlags::CONTAINER) {
            container = row;
        }
        let mut space = 0;
        while space < name.len() && name[space] != b' ' {
            space += 1;
        }
        let (word, parent) = match space < name.len() {
            true => (name.split_at(space + 1).1, container as u16),
            false => (name, ALONE),
        };
        let ends = Ends::of(word);
        assert!(word.len() <= 24, "a longer word has more than one middle");
        let letters = Ends { head: letters(ends.head), tail: letters(ends.tail) };
        index.words[row] = LastWord { ends, middle: middle(word), letters, len: word.len() as u16, parent };
        let mut slot = ends.slot(word.len(), parent);
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
        find(&args).map(|row| row.name())
    }

    #[test]
    fn every_row_is_found_in_any_case() {
        for row in &ROWS {
            assert_eq!(name(row.name()), Some(row.name()));
            assert_eq!(name(&row.name().to_lowercase()), Some(row.name()));
            let mixed: String =
                row.name().char_indices().map(|(at, c)| if at % 2 == 0 { c.to_ascii_lowercase() } else { c }).collect();
            assert_eq!(name(&format!("{mixed} x")), Some(row.name()));
            assert_eq!(ROWS[row.id as usize].name(), row.name());
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
        for near in
            [&b"EVAL\x7fRO"[..], b"eval\x7fro", b"EVALSHA\x7fRO", b"JSON\x0eSET", b"G\xc5T", b"MG\xc5T", b"`SET"]
        {
            assert!(find(&[near]).is_none(), "{near:?}");
        }
        // One bit is another everywhere, and it counts everywhere but in the case of a letter.
        for row in &ROWS {
            let mut args: Vec<Vec<u8>> = row.name().split(' ').map(|word| word.as_bytes().to_vec()).collect();
            let last = args.len() - 1;
            for (at, bit) in (0..args[last].len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
                let is_same = bit == 5 && args[last][at].is_ascii_uppercase();
                args[last][at] ^= 1 << bit;
                let given: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
                assert_eq!(find(&given).is_some_and(|found| found.id == row.id), is_same, "{args:?}");
                args[last][at] ^= 1 << bit;
            }
        }
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
            let begin = word.ends.slot(usize::from(word.len), word.parent);
            let end = INDEX.slots.iter().position(|slot| usize::from(*slot) == row).unwrap();
            furthest = furthest.max((end + SLOTS - begin) % SLOTS);
        }
        assert!(furthest <= 3, "{furthest}");
    }
}
