//! The fast path for common replies. Each function reads one kind of value if it is valid and complete. Otherwise it
//! gives None, and the full parser reads the value.

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
#[inline(always)]
pub(super) fn leaf(bytes: &[u8], at: usize) -> Option<(Entry, usize)> {
    let rest = bytes.get(at..)?;
    match rest.first_chunk() {
        Some(head) => leaf_behind(bytes, at, head),
        None => leaf_behind(bytes, at, &padded(rest)),
    }
}

/// The header of an array, set or map at `at`: how many nodes follow, and where.
#[inline(always)]
pub(super) fn header(bytes: &[u8], at: usize) -> Option<(Type, u64, usize)> {
    let head: &[u8; HEAD_BYTES] = bytes.get(at..)?.first_chunk()?;
    let (kind, each) = match head[0] {
        b'*' => (Type::Array, 1),
        b'%' => (Type::Map, 2),
        b'~' => (Type::Set, 1),
        _ => return None,
    };
    let (count, digits) = number(head, 1)?;
    Some((kind, count * each, at + digits + 3))
}

/// A double in digits at `at`: its text, its value, and where it ends.
#[inline]
pub(super) fn double(bytes: &[u8], at: usize) -> Option<(Entry, f64, usize)> {
    let (first, behind) = bytes.get(at..at + DOUBLE_BYTES_MAX)?.split_first()?;
    if *first != b',' {
        return None;
    }
    let len = memchr_near(behind)?;
    if behind.get(len + 1) != Some(&b'\n') {
        return None;
    }
    let text = &behind[..len];
    // What begins with a digit and is taken by std is taken by our grammar: words are left to the thorough way.
    if !matches!(text, [b'0'..=b'9', ..] | [b'-', b'0'..=b'9', ..]) {
        return None;
    }
    let value = match exact(text) {
        Some(value) => value,
        None => std::str::from_utf8(text).ok()?.parse().ok()?,
    };
    Some((Entry::new(Type::Double, len as u64, at as u64 + 1).given(), value, at + len + 3))
}

/// The value of a few digits with a point among them: both the digits and the power of ten are doubles themselves, and one
/// division of such is rounded as it should be.
#[inline]
fn exact(text: &[u8]) -> Option<f64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.len() > EXACT_DIGITS_MAX {
        return None;
    }
    let mut whole = 0u64;
    let mut point = digits.len();
    for (place, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => whole = whole * 10 + u64::from(byte - b'0'),
            b'.' if point == digits.len() => point = place + 1,
            _ => return None,
        }
    }
    let value = whole as f64 / POWERS[digits.len() - point];
    Some(if negative { -value } else { value })
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
            let (len, digits) = number(head, 1)?;
            let begin = at + digits + 3;
            // Ten digits are more than an address has on 32 bits.
            let size = usize::try_from(len).ok()?;
            let trailer: &[u8; 2] = bytes.get(begin..)?.get(size..)?.first_chunk()?;
            (trailer == b"\r\n").then_some((Entry::new(Type::String, len, begin as u64), begin + size + 2))
        }
        b':' => {
            let sign = usize::from(head[1] == b'-');
            let (size, digits) = number(head, 1 + sign)?;
            let value = if sign == 1 { -(size as i64) } else { size as i64 };
            Some((Entry::new(Type::Integer, 0, value as u64), at + sign + digits + 3))
        }
        b'+' => {
            let len = line_len(&head[1..])?;
            Some((Entry::new(Type::Status, len as u64, at as u64 + 1), at + len + 3))
        }
        b'_' if head[1..3] == *b"\r\n" => Some((Entry::new(Type::Null, 0, 0), at + 3)),
        _ => None,
    }
}

/// Up to ten digits from `from` on, without a leading zero, and the CR LF behind them: their value, and how many there are.
#[inline(always)]
fn number(head: &[u8; HEAD_BYTES], from: usize) -> Option<(u64, usize)> {
    let (first, second) = (head[from].wrapping_sub(b'0'), head[from + 1].wrapping_sub(b'0'));
    if first <= 9 && head[from + 1] == b'\r' && head[from + 2] == b'\n' {
        Some((u64::from(first), 1))
    } else if matches!(first, 1..=9) && second <= 9 && head[from + 2] == b'\r' && head[from + 3] == b'\n' {
        Some((u64::from(first) * 10 + u64::from(second), 2))
    } else {
        long_number(head, from)
    }
}

/// The same: up to seven digits at once, and more one by one.
#[inline(always)]
fn long_number(head: &[u8; HEAD_BYTES], from: usize) -> Option<(u64, usize)> {
    let (word, _) = head[from..].split_first_chunk()?;
    let word = u64::from_le_bytes(*word);
    let Some(len @ 1..) = first_of(word, b'\r') else { return number_by_digits(head, from) };
    // The digits move to the high end, so that the zeros below them are leading ones.
    let shift = 64 - 8 * len as u32;
    let digits = (word << shift) ^ ((ONES * u64::from(b'0')) << shift);
    let too_large = (digits.wrapping_add(ONES * 0x76) | digits) & HIGH_BITS;
    let leads = len > 1 && head[from] == b'0';
    if too_large != 0 || leads || head[from + len + 1] != b'\n' {
        return None;
    }
    // Neighbours are joined three times: digits to pairs, pairs to fours, fours to eight.
    let pairs = digits.wrapping_mul(10 * (1 << 8) + 1) >> 8;
    let fours = (pairs & 0x00ff_00ff_00ff_00ff).wrapping_mul(100 * (1 << 16) + 1) >> 16;
    let value = (fours & 0x0000_ffff_0000_ffff).wrapping_mul(10_000 * (1 << 32) + 1) >> 32;
    Some((value, len))
}

#[inline(never)]
fn number_by_digits(head: &[u8; HEAD_BYTES], from: usize) -> Option<(u64, usize)> {
    let digits = &head[from..];
    let len = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let ends = digits.get(len) == Some(&b'\r') && digits.get(len + 1) == Some(&b'\n');
    if !ends || !(1..=10).contains(&len) || (len > 1 && digits[0] == b'0') {
        return None;
    }
    Some((digits[..len].iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0')), len))
}

/// Which byte of a word, from its low end, is the first of these.
#[inline(always)]
fn first_of(word: u64, byte: u8) -> Option<usize> {
    let zeroed = word ^ (ONES * u64::from(byte));
    let hits = zeroed.wrapping_sub(ONES) & !zeroed & HIGH_BITS;
    (hits != 0).then(|| hits.trailing_zeros() as usize / 8)
}

/// How long the line is that begins here, if it ends here and ends well.
#[inline(always)]
fn line_len(bytes: &[u8]) -> Option<usize> {
    let len = memchr_near(bytes)?;
    let is_plain = !bytes[..len].contains(&b'\n');
    (is_plain && bytes.get(len + 1) == Some(&b'\n')).then_some(len)
}

/// The first CR, eight bytes at a time.
#[inline(always)]
fn memchr_near(bytes: &[u8]) -> Option<usize> {
    let (words, rest) = bytes.as_chunks();
    for (index, word) in words.iter().enumerate() {
        if let Some(place) = first_of(u64::from_le_bytes(*word), b'\r') {
            return Some(8 * index + place);
        }
    }
    let place = rest.iter().position(|&byte| byte == b'\r')?;
    Some(8 * words.len() + place)
}

/// The last bytes there are, with zeros behind them: no zero is part of anything that is known here.
#[inline]
fn padded(rest: &[u8]) -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    head[..rest.len()].copy_from_slice(rest);
    head
}

/// The longest header that is taken here: a type, a sign, ten digits, CR and LF, and a little more for short lines.
const HEAD_BYTES: usize = 16;
/// The longest double: 17 digits, a point, two signs, an exponent, and what is around them.
const DOUBLE_BYTES_MAX: usize = 32;
/// Digits whose number is below 2^53, and the powers of ten that they may be divided by.
const EXACT_DIGITS_MAX: usize = 15;
const POWERS: [f64; EXACT_DIGITS_MAX] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14];
/// A one, and the highest bit, in every byte of a word.
const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_alike_by_every_way() {
        for digits in 0..=11 {
            for seed in [0u64, 1, 5, 9, 12, 99, 123, 4_096, 99_999, 7_654_321, 99_999_999, 1_234_567_890, 9_999_999_999]
            {
                let mut text = format!("{seed:0digits$}");
                text.truncate(11);
                for end in ["\r\n", "\r", "\n", "x\r\n", "\rx", ""] {
                    let bytes = format!("${text}{end}");
                    let head = padded(&bytes.as_bytes()[..bytes.len().min(HEAD_BYTES)]);
                    let by_digits = number_by_digits(&head, 1);
                    assert_eq!(number(&head, 1), by_digits, "{}", bytes.escape_debug());
                    let is_right = end == "\r\n" && text.len() <= 10 && (text.len() == 1 || !text.starts_with('0'));
                    assert_eq!(by_digits.is_some(), is_right, "{}", bytes.escape_debug());
                }
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
    fn an_exact_double_is_what_std_makes_of_it() {
        for (seed, place) in (0..3000u64).flat_map(|seed| (0..15).map(move |place| (seed, place))) {
            let digits = (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 10u64.pow(1 + (seed % 14) as u32)).to_string();
            let mut text = if seed % 2 == 0 { digits.clone() } else { format!("-{digits}") };
            if place < digits.len() {
                text.insert(text.len() - place, '.');
            }
            let (value, expected) = (exact(text.as_bytes()), text.parse::<f64>().unwrap());
            assert!(value.is_none_or(|value| value.to_bits() == expected.to_bits()), "{text}");
            assert_eq!(value.is_some(), digits.len() + usize::from(text.contains('.')) <= 15, "{text}");
        }
        for text in ["1e5", "1.2.3", "--1", "1-", "1a", "-"] {
            assert!(exact(text.as_bytes()).is_none_or(|value| text == "-" && value == 0.0), "{text}");
        }
    }

    #[test]
    fn no_other_byte_passes_for_a_digit() {
        for wrong in (0..=255u8).filter(|byte| !byte.is_ascii_digit() && *byte != b'\r') {
            for (len, place) in (1..=10).flat_map(|len| (0..len).map(move |place| (len, place))) {
                let mut head = padded(format!("${}\r\n", "1".repeat(len)).as_bytes());
                head[1 + place] = wrong;
                assert_eq!(number(&head, 1), None, "{wrong} at {place} of {len}");
            }
        }
    }
}
