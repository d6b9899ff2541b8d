//! Reading floating point numbers from text, which RESP2 servers send in place of doubles.
//!
//! Digits are taken eight at a time. Where they come to an integer of 64 bits and a power of ten, one division is all: of
//! two doubles that are exact, or of integers, whose remainder says how to round. Whatever else there is, an exponent, a
//! word, more digits, is left to the standard library. All three round to the nearest double; the tests compare them.

use super::grammar;

/// The nearest double, if the `len` bytes at the beginning of `bytes` are one by the grammar of RESP3; nothing depends on a
/// locale. What stands behind them is only looked past.
#[inline(always)]
pub(crate) fn score(bytes: &[u8], len: usize) -> Option<f64> {
    match bytes.first_chunk() {
        Some(head) if len.wrapping_sub(1) < 8 && leading(u64::from_le_bytes(*head)) >= len => {
            Some(joined(u64::from_le_bytes(*head), len) as i64 as f64)
        }
        _ => long_score(bytes, len),
    }
}

#[inline(never)]
fn long_score(bytes: &[u8], len: usize) -> Option<f64> {
    let text = bytes.get(..len)?;
    let sign = usize::from(text.first() == Some(&b'-'));
    if let Some(value) = decimal(&bytes[sign..], len - sign) {
        return Some(if sign == 1 { -value } else { value });
    }
    grammar::is_double(text).then(|| grammar::double(text))
}

/// Digits, and perhaps a point among them.
fn decimal(bytes: &[u8], len: usize) -> Option<f64> {
    if len == 0 || len > DIGITS_MAX + 1 {
        return None;
    }
    let (value, point) = integer(0, bytes, 0, len)?;
    if point == len {
        return (len <= DIGITS_MAX).then_some(value as f64);
    }
    if bytes[point] != b'.' || len == 1 {
        return None;
    }
    let (value, end) = integer(value, bytes, point + 1, len)?;
    (end == len).then(|| divided(value, len - point - 1))
}

/// The number that `value` and the digits from `at` on are, unless they are too many, and where those end. None: it is too
/// near the end of everything to be read eight bytes at once.
#[inline(always)]
fn integer(mut value: u64, bytes: &[u8], mut at: usize, len: usize) -> Option<(u64, usize)> {
    while at < len {
        let word = u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?);
        let count = leading(word).min(len - at);
        if count == 0 {
            break;
        }
        value = value.wrapping_mul(POWERS[count]).wrapping_add(joined(word, count));
        at += count;
        if count < 8 {
            break;
        }
    }
    Some((value, at))
}

/// `value` / 10^`places`, rounded as it should be.
fn divided(value: u64, places: usize) -> f64 {
    if value < 1 << 53 {
        // Both are doubles themselves.
        return value as i64 as f64 / TENS[places];
    }
    if places == 0 {
        return value as f64;
    }
    // 10^places is 5^places, and twos, which only change the exponent. Both sides are moved to the high end of their words,
    // and the quotient has 62 bits at least: more than a double and three, of which the last says whether anything is left.
    // Of signed integers, which 63 bits are, processors make doubles at once.
    let divisor = FIVES[places];
    let (up, down) = (value.leading_zeros(), divisor.leading_zeros());
    let (dividend, divisor) = (u128::from(value << up) << 63, u128::from(divisor << down));
    let (quotient, remainder) = (dividend / divisor, dividend % divisor);
    let quotient = quotient as u64;
    let rounded = (quotient >> 1 | quotient & 1 | u64::from(remainder != 0)) as i64 as f64;
    let exponent = i64::from(down) - i64::from(up) - 62 - places as i64;
    rounded * f64::from_bits(((1023 + exponent) as u64) << 52)
}

/// How many of eight bytes are digits before the first that is none.
#[inline(always)]
fn leading(word: u64) -> usize {
    let digits = word ^ ZEROS;
    let others = (digits.wrapping_add(ONES * 0x76) | digits) & HIGH_BITS;
    others.trailing_zeros() as usize / 8
}

/// The number that the first one to eight bytes are, which are digits.
#[inline(always)]
fn joined(word: u64, count: usize) -> u64 {
    // They move to the high end, so that the zeros below them are leading ones.
    let digits = (word ^ ZEROS) << ((64 - 8 * count as u32) & 63);
    // Neighbours are joined three times: to pairs, to fours, to eight.
    let pairs = digits.wrapping_mul(10 * (1 << 8) + 1) >> 8;
    let fours = (pairs & 0x00ff_00ff_00ff_00ff).wrapping_mul(100 * (1 << 16) + 1) >> 16;
    (fours & 0x0000_ffff_0000_ffff).wrapping_mul(10_000 * (1 << 32) + 1) >> 32
}

/// So many digits are an integer of 64 bits in any case.
const DIGITS_MAX: usize = 19;
const TENS: [f64; DIGITS_MAX + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19];
const FIVES: [u64; DIGITS_MAX + 1] = {
    let mut fives = [1; DIGITS_MAX + 1];
    let mut power = 1;
    while power < fives.len() {
        fives[power] = fives[power - 1] * 5;
        power += 1;
    }
    fives
};
const POWERS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];
/// The digit 0, a one, and the highest bit, in every byte of a word.
const ZEROS: u64 = ONES * b'0' as u64;
const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What our grammar and the standard library make of it.
    fn expected(text: &str) -> Option<u64> {
        grammar::is_double(text.as_bytes()).then(|| grammar::double(text.as_bytes()).to_bits())
    }

    /// However much stands behind it.
    fn check(text: &str) {
        for behind in ["", "\r\n", "\r\n$1\r\n7\r\n123456789"] {
            let bytes = [text, behind].concat();
            let value = score(bytes.as_bytes(), text.len()).map(f64::to_bits);
            assert_eq!(value, expected(text), "{text:?} before {behind:?}");
        }
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in [
            "", "-", "+", ".", "-.", "1e", "e5", "1.2.3", "--1", "1-", "1a", " 1", "1 ", "0x1", "infinit", "nanx",
            "nan(", "nan)", "nan(-)",
        ] {
            assert_eq!(expected(text), None, "{text}");
            check(text);
        }
        for text in [
            "inf",
            "-INF",
            "+inf",
            "Infinity",
            "nan",
            "-nan",
            "NaN(0x8_z)",
            "nan()",
            "1.",
            ".5",
            "-.5",
            "+1",
            "1e400",
            "1E-400",
            "-0",
            "0.0",
            "-0.0",
        ] {
            assert!(expected(text).is_some(), "{text}");
            check(text);
        }
        assert_eq!(score(b"1", 2), None);
    }

    #[test]
    fn halves_are_rounded_to_even() {
        for text in [
            "9007199254740993",
            "9007199254740992.5",
            "9007199254740993.0",
            "900719925474099.25",
            "4503599627370497.5",
            "4503599627370496.5",
            "18446744073709551615",
            "9999999999999999999",
            "0.1000000000000000055",
            "1.0000000000000001110",
            "1.0000000000000001111",
        ] {
            check(text);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn digits_are_what_std_makes_of_them(text in "[-+]?[0-9]{0,21}(\\.[0-9]{0,21})?") {
            check(&text);
        }

        #[test]
        fn doubles_come_back(bits: u64) {
            let value = f64::from_bits(bits);
            for text in [format!("{value}"), format!("{value:e}"), format!("{value:.16e}")] {
                check(&text);
            }
        }

        #[test]
        fn scores_of_17_digits_come_back(mantissa in 10_000_000_000_000_000u64..100_000_000_000_000_000, point in 0usize..18) {
            let mut text = mantissa.to_string();
            text.insert(point, '.');
            check(&text);
        }

        #[test]
        fn short_texts_are_what_std_makes_of_them(text in "[0-9.e+\\-a\\x00-\\x7f]{0,9}") {
            check(&text);
        }
    }
}
