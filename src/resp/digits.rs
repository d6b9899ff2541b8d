//! Decimal digits, eight at a time: a word of eight bytes, the first of them at its low end.

/// So many digits are an integer of 64 bits in any case.
pub(super) const DIGITS_MAX: usize = 19;

/// The eight bytes from `at` on, if there are as many.
#[inline(always)]
pub(super) fn word(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// A bit in the first of these bytes, and perhaps in some behind it: none where there is no such byte.
#[inline(always)]
pub(super) fn hits(word: u64, byte: u8) -> u64 {
    let zeroed = word ^ (ONES * u64::from(byte));
    zeroed.wrapping_sub(ONES) & !zeroed & HIGH_BITS
}

/// How many of eight bytes are digits before the first that is none.
#[inline(always)]
pub(super) fn leading(word: u64) -> usize {
    let digits = word ^ ZEROS;
    let others = (digits.wrapping_add(ONES * 0x76) | digits) & HIGH_BITS;
    others.trailing_zeros() as usize / 8
}

/// The number that the first one to eight bytes are, which are digits.
#[inline(always)]
pub(super) fn joined(word: u64, count: usize) -> u64 {
    // They move to the high end, so that the zeros below them are leading ones.
    let digits = (word ^ ZEROS) << ((64 - 8 * count as u32) & 63);
    // Neighbours are joined three times: to pairs, to fours, to eight.
    let pairs = digits.wrapping_mul(10 * (1 << 8) + 1) >> 8;
    let fours = (pairs & 0x00ff_00ff_00ff_00ff).wrapping_mul(100 * (1 << 16) + 1) >> 16;
    (fours & 0x0000_ffff_0000_ffff).wrapping_mul(10_000 * (1 << 32) + 1) >> 32
}

/// `value`, and behind its digits those that begin a word: one to eight.
#[inline(always)]
pub(super) fn appended(value: u64, word: u64, count: usize) -> u64 {
    value.wrapping_mul(POWERS[count & 15]).wrapping_add(joined(word, count))
}

/// Powers of ten, for up to eight digits; as many as four bits can name.
const POWERS: [u64; 16] = {
    let mut powers = [1; 16];
    let mut power = 1;
    while power < powers.len() {
        powers[power] = powers[power - 1] * 10;
        power += 1;
    }
    powers
};
/// The digit 0, a one, and the highest bit, in every byte of a word.
const ZEROS: u64 = ONES * b'0' as u64;
const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_word_tells_what_its_bytes_tell(bytes: [u8; 8], near: [bool; 8], byte: u8) {
            // As often as not a byte is a digit or nearly one, and the one that is looked for.
            let mut bytes = bytes;
            for (place, near) in near.iter().enumerate() {
                bytes[place] = if *near { b'.' + bytes[place] % 13 } else { bytes[place] };
            }
            let word = u64::from_le_bytes(bytes);
            let count = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
            prop_assert_eq!(leading(word), count);
            for byte in [byte, bytes[3]] {
                let place = bytes.iter().position(|other| *other == byte);
                let hits = hits(word, byte);
                prop_assert_eq!((hits != 0).then(|| hits.trailing_zeros() as usize / 8), place);
            }
            for count in 1..=count {
                let value: u64 = str::from_utf8(&bytes[..count]).unwrap().parse().unwrap();
                prop_assert_eq!(joined(word, count), value);
                prop_assert_eq!(appended(7, word, count), 7 * 10u64.pow(count as u32) + value);
            }
        }
    }
}
