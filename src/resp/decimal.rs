//! Reading floating point numbers from text, which RESP2 servers send in place of doubles.
//!
//! Digits are taken eight at a time. Where they come to an integer of 64 bits and a power of ten, little is left to do: one
//! division of two doubles that are exact, or a product with an inverse, or a division of integers, whose remainder says how
//! to round. Whatever else there is, an exponent, a word, more digits, is left to the standard library. All round to the
//! nearest double; the tests compare them.

use super::digits::{self, DIGITS_MAX};
use super::grammar;

/// The nearest double, if the `len` bytes at the beginning of `bytes` are one by the grammar of RESP3; nothing depends on a
/// locale. What stands behind them is only looked past.
#[inline(always)]
pub(crate) fn score(bytes: &[u8], len: usize) -> Option<f64> {
    match bytes.first_chunk() {
        Some(head) if len.wrapping_sub(1) < 8 && digits::leading(u64::from_le_bytes(*head)) >= len => {
            Some(digits::joined(u64::from_le_bytes(*head), len) as i64 as f64)
        }
        _ => long_score(bytes, len),
    }
}

#[inline(never)]
fn long_score(bytes: &[u8], len: usize) -> Option<f64> {
    let text = bytes.get(..len)?;
    let sign = usize::from(text.first() == Some(&b'-'));
    match double(bytes, sign) {
        Some((value, end)) if end == len => Some(if sign == 1 { -value } else { value }),
        _ => grammar::is_double(text).then(|| grammar::double(text)),
    }
}

/// The nearest double to the digits from `at` on, with a point among them or not, and where they end. None: there are none, or
/// more than an integer of 64 bits holds, or they are too near the end of everything to be read eight bytes at once.
#[inline(always)]
pub(super) fn double(bytes: &[u8], at: usize) -> Option<(f64, usize)> {
    let (value, point) = integer(0, bytes, at)?;
    if bytes.get(point) != Some(&b'.') {
        let count = point - at;
        return (count.wrapping_sub(1) < DIGITS_MAX).then_some((value as f64, point));
    }
    let (value, end) = integer(value, bytes, point + 1)?;
    // The point is one of them.
    let count = end - at - 1;
    match count.wrapping_sub(1) < DIGITS_MAX {
        true => Some((divided(value, end - point - 1), end)),
        false => None,
    }
}

/// The number that `value` and the digits from `at` on are, unless they are too many, and where those end. None: it is too
/// near the end of everything.
#[inline(always)]
fn integer(mut value: u64, bytes: &[u8], mut at: usize) -> Option<(u64, usize)> {
    loop {
        let word = digits::word(bytes, at)?;
        let count = digits::leading(word);
        if count == 0 {
            return Some((value, at));
        }
        value = digits::appended(value, word, count);
        at += count;
        if count < 8 {
            return Some((value, at));
        }
    }
}

/// `value` / 10^`places`, rounded as it should be.
#[inline(always)]
fn divided(value: u64, places: usize) -> f64 {
    if value < 1 << 53 {
        // Both are doubles themselves.
        return value as i64 as f64 / TENS[places];
    }
    by_inverse(value, places).unwrap_or_else(|| by_division(value, places))
}

/// The quotient by way of the inverse of 5^`places`, which is too large by less than one in its last place. So the product is
/// the true one, or has one more in the last of its 128 bits. Where the lower half of them is more than that one, the upper half
/// is right, and something is left behind it: then it is known how to round.
#[inline(always)]
fn by_inverse(value: u64, places: usize) -> Option<f64> {
    let Inverse { high, low, exponent } = INVERSES[places];
    let up = value.leading_zeros();
    let value = u128::from(value << up);
    let product = (value * u128::from(high)).wrapping_add((value * u128::from(low)) >> 64);
    if product as u64 <= 1 {
        return None;
    }
    Some(scaled((product >> 65) as u64 | 1, exponent - up as i32))
}

/// The same by a division, whose remainder says how to round.
#[cold]
fn by_division(value: u64, places: usize) -> f64 {
    if places == 0 {
        return value as f64;
    }
    // 10^places is 5^places, and twos, which only change the exponent. Both sides are moved to the high end of their words,
    // and the quotient has 62 bits at least: more than a double and three, of which the last says whether anything is left.
    let divisor = FIVES[places];
    let (up, down) = (value.leading_zeros(), divisor.leading_zeros());
    let (dividend, divisor) = (u128::from(value << up) << 63, u128::from(divisor << down));
    let (quotient, remainder) = (dividend / divisor, dividend % divisor);
    let quotient = quotient as u64;
    scaled(quotient >> 1 | quotient & 1 | u64::from(remainder != 0), down as i32 - up as i32 - 62 - places as i32)
}

/// The nearest double to `value` × 2^`exponent`; the value has 63 bits at most, as processors make doubles of at once.
#[inline(always)]
fn scaled(value: u64, exponent: i32) -> f64 {
    value as i64 as f64 * f64::from_bits(((1023 + exponent) as u64) << 52)
}

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

/// 1 / 5^n in 128 bits, of which the highest is set, rounded up.
#[derive(Clone, Copy)]
struct Inverse {
    high: u64,
    low: u64,
    /// What the upper 63 bits of a product with it are to be multiplied by, as a power of two, for a division by 10^n.
    exponent: i32,
}

/// The first of them is none: without places nothing is divided, and a product that is 0 says so.
const INVERSES: [Inverse; DIGITS_MAX + 1] = {
    let mut inverses = [Inverse { high: 0, low: 0, exponent: 0 }; DIGITS_MAX + 1];
    let mut power = 1;
    while power < inverses.len() {
        let divisor = FIVES[power] as u128;
        let bits = 64 - FIVES[power].leading_zeros() as i32;
        let (mut inverse, mut rest, mut bit) = (0u128, 1u128, 0);
        while bit < 127 + bits {
            rest *= 2;
            inverse = inverse << 1 | (rest >= divisor) as u128;
            rest -= if rest >= divisor { divisor } else { 0 };
            bit += 1;
        }
        inverse += 1;
        inverses[power] =
            Inverse { high: (inverse >> 64) as u64, low: inverse as u64, exponent: 129 - (127 + bits) - power as i32 };
        power += 1;
    }
    inverses
};

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
        fn a_product_with_an_inverse_is_what_a_division_makes(value in 1u64 << 53.., shift in 0u32..11, places in 1usize..=DIGITS_MAX) {
            let value = (value >> shift).max(1 << 53);
            // Multiples of the divisor, and their neighbours, are as near to being exact as can be.
            let multiple = value / FIVES[places] * FIVES[places];
            for value in [value, multiple, multiple.wrapping_add(1), multiple.wrapping_sub(1)] {
                if value >= 1 << 53 {
                    let expected = by_division(value, places);
                    prop_assert_eq!(divided(value, places), expected, "{} {}", value, places);
                    prop_assert_eq!(expected, format!("{value}e-{places}").parse::<f64>().unwrap());
                }
            }
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
