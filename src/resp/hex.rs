//! Floating point numbers in hexadecimal digits and a power of two, as C's `%a` prints them: `0x1.8p+1` is 3.

/// A number as its digits say it: `digits` * 2^`power`, and `more` where digits behind those are not all zero.
struct Number {
    digits: u64,
    power: i64,
    more: bool,
}

/// The nearest double of a text without a sign; past the largest it is infinite. None: the text is no such number.
pub(super) fn double(text: &[u8]) -> Option<f64> {
    Number::read(text).map(|number| number.rounded())
}

impl Number {
    fn read(text: &[u8]) -> Option<Number> {
        let ([b'0', b'x' | b'X', rest @ ..], mut number) = (text, Number { digits: 0, power: 0, more: false }) else {
            return None;
        };
        let end = rest.iter().position(|byte| matches!(byte, b'p' | b'P'))?;
        let (digits, exponent) = (&rest[..end], &rest[end + 1..]);
        let point = digits.iter().position(|&byte| byte == b'.');
        let (whole, fraction) = digits.split_at(point.unwrap_or(digits.len()));
        let fraction = fraction.get(1..).unwrap_or_default();
        if whole.len() + fraction.len() == 0 {
            return None;
        }
        for &byte in whole.iter().chain(fraction) {
            number.push(char::from(byte).to_digit(16)?);
        }
        number.power = number.power.saturating_sub(4 * fraction.len() as i64).saturating_add(power(exponent)?);
        Some(number)
    }

    /// One more digit behind the others.
    fn push(&mut self, digit: u32) {
        if self.digits >> 60 == 0 {
            self.digits = self.digits << 4 | u64::from(digit);
        } else {
            self.more |= digit != 0;
            self.power += 4;
        }
    }

    /// Rounded to the nearest double, and where two are as near, to the even one.
    fn rounded(&self) -> f64 {
        if self.digits == 0 {
            return 0.0;
        }
        let zeros = self.digits.leading_zeros();
        let digits = self.digits << zeros;
        // The number is between 2^exponent and twice that.
        let exponent = self.power.saturating_add(63 - i64::from(zeros));
        if exponent > EXPONENT_MAX {
            return f64::INFINITY;
        }
        // Below the smallest exponent there are fewer bits, and at last none.
        let lacking = EXPONENT_MIN.saturating_sub(exponent).max(0);
        if lacking > BITS {
            return 0.0;
        }
        let dropped = 64 - (BITS - lacking) as u32;
        let kept = digits.checked_shr(dropped).unwrap_or(0);
        let (rest, half) = (u128::from(digits) & ((1 << dropped) - 1), 1 << (dropped - 1));
        let up = rest > half || (rest == half && (self.more || kept & 1 == 1));
        let kept = kept + u64::from(up);
        // One that was rounded up to a power of two carries into the exponent, which is right.
        let below = if lacking == 0 { ((exponent - EXPONENT_MIN) as u64) << (BITS - 1) } else { 0 };
        f64::from_bits(below + kept)
    }
}

/// A decimal exponent; one that is beyond all is the last of them.
fn power(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let size = digits.iter().fold(0i64, |size, digit| size.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    Some(if negative { -size } else { size })
}

/// Bits of a double's digits, and its exponents.
const BITS: i64 = f64::MANTISSA_DIGITS as i64;
const EXPONENT_MAX: i64 = f64::MAX_EXP as i64 - 1;
const EXPONENT_MIN: i64 = f64::MIN_EXP as i64 - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_and_a_power_of_two_are_a_number() {
        for (text, value) in [
            ("0x1p+0", 1.0),
            ("0X1.8P1", 3.0),
            ("0x.8p1", 1.0),
            ("0x8.p-3", 1.0),
            ("0x0p+0", 0.0),
            ("0x0.000p99999999999999999999", 0.0),
            ("0x1.fffffffffffffp+1023", f64::MAX),
            ("0x1.fffffffffffff8p+1023", f64::INFINITY),
            ("0x1p1024", f64::INFINITY),
            ("0x1p99999999999999999999", f64::INFINITY),
            ("0x1p-99999999999999999999", 0.0),
            ("0x1p-1022", f64::MIN_POSITIVE),
            ("0x0.fffffffffffff8p-1022", f64::MIN_POSITIVE),
            ("0x1p-1074", f64::from_bits(1)),
            ("0x1p-1075", 0.0),
            ("0x1.8p-1075", f64::from_bits(1)),
            ("0x1.00000000000000000000001p-1075", f64::from_bits(1)),
            ("0x1.00000000000008p0", 1.0),
            ("0x1.000000000000080000000000001p0", 1.0 + f64::EPSILON),
            ("0x1.00000000000018p0", 1.0 + 2.0 * f64::EPSILON),
            ("0x10000000000000000000000p-88", 1.0),
        ] {
            assert_eq!(double(text.as_bytes()), Some(value), "{text}");
        }
        for text in [
            "",
            "0x",
            "0xp1",
            "0x.p1",
            "0x1",
            "0x1p",
            "0x1p+",
            "0x1p1x",
            "0x1.2.3p1",
            "0xgp1",
            "1p1",
            "-0x1p1",
            "0x-1p1",
        ] {
            assert_eq!(double(text.as_bytes()), None, "{text}");
        }
    }
}
