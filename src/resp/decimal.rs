//! Text that may be a floating point number: what a server that has no doubles sends in their place.
//!
//! Digits are taken eight at a time. Where they come to an integer of 64 bits and a power of ten, one division is all: of
//! two doubles that are exact, or of integers, whose remainder says how to round. Whatever else there is, an exponent, a
//! word, more digits, is left to the standard library. All three round to the nearest double; the tests compare them.

use super::grammar;

/// The nearest double, if the `len` bytes at the beginning of `bytes` are one by the grammar of RESP3; nothing depends on a
/// locale. What stands behind them is only looked past.
#[inline(always)]
pub(crate) fn score(bytes: &[u8], len: usize) -> Option<f64> {
    match short_integer(bytes, len) {
        Some(value) => Some(value),
        None => long_score(bytes.get(..len)?),
    }
}

/// One to eight digits, and nothing else.
#[inline(always)]
fn short_integer(bytes: &[u8], len: usize) -> Option<f64> {
    let word = u64::from_le_bytes(*bytes.first_chunk()?);
    let shift = 64u32.wrapping_sub(8 * len as u32);
    if shift > 56 {
        return None;
    }
    // The digits move to the high end, so that the zeros below them are leading ones.
    let digits = (word << shift) ^ (ZEROS << shift);
    (!has_other(digits)).then(|| joined(digits) as f64)
}

#[inline(never)]
fn long_score(text: &[u8]) -> Option<f64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if let Some(value) = decimal(digits) {
        return Some(if negative { -value } else { value });
    }
    grammar::is_double(text).then(|| grammar::double(text))
}

/// Digits, and perhaps a point among them.
fn decimal(text: &[u8]) -> Option<f64> {
    if text.is_empty() || text.len() > DIGITS_MAX + 1 {
        return None;
    }
    let (value, rest) = integer(0, text);
    let (value, places) = match rest {
        [] => (value, 0),
        [b'.', behind @ ..] => match integer(value, behind) {
            (value, []) => (value, behind.len()),
            _ => return None,
        },
        _ => return None,
    };
    match text.len() {
        1 if places + rest.len() > 0 => None,
        len if len > DIGITS_MAX && rest.is_empty() => None,
        _ => Some(divided(value, places)),
    }
}

/// The number that `value` and the digits behind it are, unless they are too many, and what is behind those.
#[inline(always)]
fn integer(mut value: u64, mut text: &[u8]) -> (u64, &[u8]) {
    while let Some((word, rest)) = text.split_first_chunk() {
        let digits = u64::from_le_bytes(*word) ^ ZEROS;
        if has_other(digits) {
            break;
        }
        value = value.wrapping_mul(100_000_000).wrapping_add(joined(digits));
        text = rest;
    }
    while let [digit @ b'0'..=b'9', rest @ ..] = text {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        text = rest;
    }
    (value, text)
}

/// `value` / 10^`places`, rounded as it should be.
fn divided(value: u64, places: usize) -> f64 {
    if value < 1 << 53 {
        // Both are doubles themselves.
        return value as f64 / TENS[places];
    }
    if places == 0 {
        return value as f64;
    }
    // 10^places is 5^places, and twos, which only change the exponent. Both sides are moved to the high end of their words,
    // and the quotient has 62 bits at least: more than a double and two, of which the last says whether anything is left.
    let divisor = FIVES[places];
    let (up, down) = (value.leading_zeros(), divisor.leading_zeros());
    let (dividend, divisor) = (u128::from(value << up) << 63, u128::from(divisor << down));
    let (quotient, remainder) = (dividend / divisor, dividend % divisor);
    let rounded = (quotient as u64 | u64::from(remainder != 0)) as f64;
    let exponent = i64::from(down) - i64::from(up) - 63 - places as i64;
    rounded * f64::from_bits(((1023 + exponent) as u64) << 52)
}

/// Whether one of eight bytes, each a digit's value, is none.
#[inline(always)]
fn has_other(digits: u64) -> bool {
    (digits.wrapping_add(ONES * 0x76) | digits) & HIGH_BITS != 0
}

/// Eight digits' values are joined three times: to pairs, to fours, to eight.
#[inline(always)]
fn joined(digits: u64) -> u64 {
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
        for text in
            ["", "-", "+", ".", "-.", "1e", "e5", "1.2.3", "--1", "1-", "1a", " 1", "1 ", "0x1", "infinity", "nanx"]
        {
            assert_eq!(expected(text), None, "{text}");
            check(text);
        }
        for text in
            ["inf", "-inf", "+inf", "nan", "-nan", "1.", ".5", "-.5", "+1", "1e400", "1E-400", "-0", "0.0", "-0.0"]
        {
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
        #![proptest_config(ProptestConfig::with_cases(20_000))]

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
