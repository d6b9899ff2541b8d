//! The fast path for common replies. Each function reads one kind of value if it is valid and complete. Otherwise it
//! gives None, and the full parser reads the value.

use super::decimal;
use super::digits;
use super::tape::{Entry, Type};
use crate::error::Result;

/// Leaves in a row: where the next is, how many more are owed, and what they have in common. Apart from the parser, so that
/// it is in registers.
pub(super) struct Run {
    pub(super) at: usize,
    pub(super) owed: u64,
    pub(super) traits: u64,
}

impl Run {
    #[inline(never)]
    pub(super) fn leaves(&mut self, bytes: &[u8], tape: &mut Vec<Entry>) -> Result<()> {
        let Run { mut at, mut owed, mut traits } = *self;
        while owed > 0 {
            if let Some((entry, end)) = leaf(bytes, at) {
                super::push(tape, entry)?;
                traits |= entry.traits();
                at = end;
            } else if let Some((entry, value, end)) = double(bytes, at) {
                super::push(tape, entry)?;
                super::push(tape, Entry::new(Type::Number, 0, value.to_bits()))?;
                traits |= entry.traits();
                at = end;
            } else {
                break;
            }
            owed -= 1;
        }
        *self = Run { at, owed, traits };
        Ok(())
    }
}

/// A value without elements at `at`, and where it ends.
// Unoptimised, each copy would have a place of its own on the stack.
#[cfg_attr(not(debug_assertions), inline(always))]
pub(super) fn leaf(bytes: &[u8], at: usize) -> Option<(Entry, usize)> {
    let rest = bytes.get(at..)?;
    match rest.first_chunk() {
        Some(head) => leaf_behind(bytes, at, head),
        None => leaf_behind(bytes, at, &padded(rest)),
    }
}

/// The header of an array, set or map at `at`: how many nodes follow, and where.
#[cfg_attr(not(debug_assertions), inline(always))]
pub(super) fn header(bytes: &[u8], at: usize) -> Option<(Type, u64, usize)> {
    let head: &[u8; HEAD_BYTES] = bytes.get(at..)?.first_chunk()?;
    let (kind, each) = match head[0] {
        b'*' => (Type::Array, 1),
        b'%' => (Type::Map, 2),
        b'~' => (Type::Set, 1),
        b'>' => (Type::Push, 1),
        _ => return None,
    };
    let (count, digits) = number(head, 1)?;
    Some((kind, count * each, at + digits + 3))
}

/// A double in digits at `at`: its text, its value, and where it ends.
#[inline(always)]
pub(super) fn double(bytes: &[u8], at: usize) -> Option<(Entry, f64, usize)> {
    let behind = bytes.get(at..)?;
    let (b',', first) = (*behind.first()?, *behind.get(1)?) else { return None };
    let sign = usize::from(first == b'-');
    let (size, end) = decimal::double(behind, 1 + sign)?;
    if behind.get(end..end + 2) != Some(b"\r\n") {
        return None;
    }
    let value = if sign == 1 { -size } else { size };
    Some((Entry::new(Type::Double, end as u64 - 1, at as u64 + 1).given(), value, at + end + 2))
}

/// The line of an error at the beginning, if it is there and no longer than `len_max`, its type byte not counted.
#[inline]
pub(super) fn error(bytes: &[u8], len_max: usize) -> Option<(Entry, usize)> {
    let (b'-', line) = bytes.split_first()? else { return None };
    let len = memchr::memchr2(b'\r', b'\n', line)?;
    let ends = len <= len_max && line.get(len..)?.first_chunk() == Some(b"\r\n");
    ends.then(|| (Entry::new(Type::Error, len as u64, 1), len + 3))
}

/// The first CR or LF. Most lines are short: a few bytes are looked at by hand before the wide compares are got out.
#[inline]
pub(super) fn find_line_break(bytes: &[u8]) -> Option<usize> {
    let near = bytes.len().min(8);
    if let Some(found) = bytes[..near].iter().position(|&byte| byte == b'\r' || byte == b'\n') {
        return Some(found);
    }
    memchr::memchr2(b'\r', b'\n', &bytes[near..]).map(|found| near + found)
}

/// The value whose first bytes are `head`.
#[inline(always)]
fn leaf_behind(bytes: &[u8], at: usize, head: &[u8; HEAD_BYTES]) -> Option<(Entry, usize)> {
    match head[0] {
        b'$' => {
            let (len, digits) = match short_number(head, 1) {
                Some(number) => number,
                None if head[1] == b'-' => return null_of_old(at, head),
                None => long_number(head, 1)?,
            };
            let begin = at + digits + 3;
            // So many digits are more than an address has on 32 bits.
            let size = usize::try_from(len).ok()?;
            let end = begin.checked_add(size)?;
            let trailer: &[u8; 2] = bytes.get(end..)?.first_chunk()?;
            (trailer == b"\r\n").then_some((Entry::new(Type::String, len, begin as u64), end + 2))
        }
        b':' => {
            let sign = usize::from(head[1] == b'-');
            let (size, digits) = long_number(head, 1 + sign)?;
            let value = if sign == 1 { (size as i64).wrapping_neg() } else { size as i64 };
            Some((Entry::new(Type::Integer, 0, value as u64), at + sign + digits + 3))
        }
        b'+' => {
            // Most say this.
            let len = if head[1..5] == *b"OK\r\n" { 2 } else { line_len(head)? };
            Some((Entry::new(Type::Status, len as u64, at as u64 + 1), at + len + 3))
        }
        b'_' if head[1..3] == *b"\r\n" => Some((Entry::new(Type::Null, 0, 0), at + 3)),
        b'*' => null_of_old(at, head),
        b'#' if head[2..4] == *b"\r\n" => {
            let value = match head[1] {
                b't' => 1,
                b'f' => 0,
                _ => return None,
            };
            Some((Entry::new(Type::Bool, 0, value), at + 4))
        }
        _ => None,
    }
}

/// Nothing, as RESP2 says it: a string or an array of the length -1.
#[inline(always)]
fn null_of_old(at: usize, head: &[u8; HEAD_BYTES]) -> Option<(Entry, usize)> {
    (head[1..5] == *b"-1\r\n").then(|| (Entry::new(Type::Null, 0, 0), at + 5))
}

/// Up to 16 digits from `from` on, without a leading zero, and the CR LF behind them: their value, and how many there are.
#[inline(always)]
fn number(head: &[u8; HEAD_BYTES], from: usize) -> Option<(u64, usize)> {
    short_number(head, from).or_else(|| long_number(head, from))
}

/// The same for one or two of them, as most are.
#[inline(always)]
fn short_number(head: &[u8; HEAD_BYTES], from: usize) -> Option<(u64, usize)> {
    let word = u32::from_le_bytes(*head[from..].first_chunk()?);
    let digit = |place: u32| (word >> (8 * place) & 0xff).wrapping_sub(u32::from(b'0'));
    if word >> 16 == CR_LF && digit(0).wrapping_sub(1) < 9 && digit(1) < 10 {
        Some((u64::from(digit(0) * 10 + digit(1)), 2))
    } else if word >> 8 & 0xffff == CR_LF && digit(0) < 10 {
        Some((u64::from(digit(0)), 1))
    } else {
        None
    }
}

/// The same for any, eight digits at once.
#[inline(always)]
fn long_number(head: &[u8; HEAD_BYTES], from: usize) -> Option<(u64, usize)> {
    let word = digits::word(head, from)?;
    let mut len = digits::leading(word);
    if len == 0 {
        return None;
    }
    let mut value = digits::joined(word, len);
    if len == 8 {
        let word = digits::word(head, from + 8)?;
        let more = digits::leading(word);
        if more > 0 {
            value = digits::appended(value, word, more);
            len += more;
        }
    }
    let ends = head.get(from + len..)?.first_chunk() == Some(b"\r\n");
    let leads = len > 1 && head[from] == b'0';
    (ends && !leads).then_some((value, len))
}

/// How long the line behind the type byte is, if it is short and ends well.
#[inline(always)]
fn line_len(head: &[u8; HEAD_BYTES]) -> Option<usize> {
    for at in [1, 9] {
        let word = digits::word(head, at)?;
        let (ends, feeds) = (digits::hits(word, b'\r'), digits::hits(word, b'\n'));
        if feeds.trailing_zeros() < ends.trailing_zeros() {
            return None;
        }
        if ends != 0 {
            let end = at + ends.trailing_zeros() as usize / 8;
            return (head.get(end + 1) == Some(&b'\n')).then_some(end - 1);
        }
    }
    None
}

/// The last bytes there are, with zeros behind them: no zero is part of anything that is known here.
#[inline]
fn padded(rest: &[u8]) -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    head[..rest.len()].copy_from_slice(rest);
    head
}

/// The end of a line, as a number of 16 bits.
const CR_LF: u32 = u16::from_le_bytes(*b"\r\n") as u32;
/// The longest header that is taken here: a type, a sign, 16 digits, CR and LF, in whole words.
const HEAD_BYTES: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_alike_by_every_way() {
        let seeds = [0u64, 1, 5, 9, 12, 99, 123, 4_096, 99_999, 7_654_321, 99_999_999, 1_234_567_890, 9_999_999_999];
        let larger = [123_456_789_012_345, 9_007_199_254_740_993, 9_999_999_999_999_999, 12_345_678_901_234_567];
        for (digits, seed) in (0..=18).flat_map(|digits| seeds.iter().chain(&larger).map(move |seed| (digits, seed))) {
            let text = format!("{seed:0digits$}");
            for end in ["\r\n", "\r", "\n", "x\r\n", "\rx", ""] {
                let bytes = format!("${text}{end}");
                let head = padded(&bytes.as_bytes()[..bytes.len().min(HEAD_BYTES)]);
                let is_right = end == "\r\n" && text.len() <= 16 && (text.len() == 1 || !text.starts_with('0'));
                let expected = is_right.then_some((*seed, text.len()));
                assert_eq!(number(&head, 1), expected, "{}", bytes.escape_debug());
                assert_eq!(long_number(&head, 1), expected, "{}", bytes.escape_debug());
            }
        }
    }

    /// On 32 bits what is left of such a length would be 2.
    #[test]
    fn a_length_beyond_all_addresses_is_not_taken_for_a_short_one() {
        for len in [1u64 << 32 | 2, (1 << 33) | 2] {
            assert!(leaf(format!("${len}\r\nab\r\n").as_bytes(), 0).is_none());
        }
        assert!(leaf(b"$2\r\nab\r\n", 0).is_some());
    }

    #[test]
    fn a_double_is_what_std_makes_of_it_and_no_more_than_our_grammar_takes() {
        let takes = |text: &str| {
            let wire = format!(",{text}\r\n:12345678\r\n");
            double(wire.as_bytes(), 0).map(|(entry, value, end)| {
                assert_eq!((entry.len(), entry.value(), end), (text.len(), 1, text.len() + 3), "{text}");
                value.to_bits()
            })
        };
        for (seed, place) in (0..3000u64).flat_map(|seed| (0..20).map(move |place| (seed, place))) {
            let digits = (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 10u64.pow(1 + (seed % 19) as u32)).to_string();
            let mut text = if seed % 2 == 0 { digits.clone() } else { format!("-{digits}") };
            if place < digits.len() {
                text.insert(text.len() - place, '.');
            }
            assert_eq!(takes(&text), Some(text.parse::<f64>().unwrap().to_bits()), "{text}");
        }
        for text in
            ["", "1e5", "1.2.3", "--1", "1-", "1a", "-", "+1", "nan", ".", "-.", "12345678901234567890", "1\r", "1\n"]
        {
            assert_eq!(takes(text), None, "{text}");
        }
    }

    #[test]
    fn a_short_line_is_taken_up_to_its_end() {
        for len in 0..24 {
            let text = "x".repeat(len);
            for end in ["\r\n", "\n\r\n", "\rx", "\n", "\r\r\n", "\n\n"] {
                let wire = format!("+{text}{end}+OK\r\n");
                let taken = leaf(wire.as_bytes(), 0).map(|(entry, end)| (entry.len(), end));
                assert_eq!(taken, (end == "\r\n" && len < 16).then_some((len, len + 3)), "{wire:?}");
            }
        }
    }

    #[test]
    fn what_is_nothing_or_yes_or_no_is_taken_in_full() {
        for (wire, is_one) in
            [("$-1\r\n", true), ("*-1\r\n", true), ("_\r\n", true), ("#t\r\n", true), ("#f\r\n", true)]
                .into_iter()
                .chain(
                    [
                        "$-2\r\n", "$-10\r\n", "$-1\rx", "*-1\n\r", "_x\r\n", "_\rx", "#x\r\n", "#t\rx", "#tt\r\n",
                        "*1\r\n",
                    ]
                    .map(|wire| (wire, false)),
                )
        {
            let taken = leaf(wire.as_bytes(), 0);
            assert_eq!(taken.map(|(_, end)| end), is_one.then_some(wire.len()), "{wire:?}");
            assert!(
                taken.is_none_or(|(entry, _)| entry.is_empty() && entry.value() == u64::from(wire == "#t\r\n")),
                "{wire:?}"
            );
            assert_eq!(leaf(&wire.as_bytes()[..wire.len() - 1], 0), None, "{wire:?}");
        }
    }

    #[test]
    fn no_other_byte_passes_for_a_digit() {
        for wrong in (0..=255u8).filter(|byte| !byte.is_ascii_digit() && *byte != b'\r') {
            for (len, place) in (1..=16).flat_map(|len| (0..len).map(move |place| (len, place))) {
                let mut head = padded(format!("${}\r\n", "1".repeat(len)).as_bytes());
                head[1 + place] = wrong;
                assert_eq!(number(&head, 1), None, "{wrong} at {place} of {len}");
            }
        }
    }
}
