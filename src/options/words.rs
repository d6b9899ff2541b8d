//! Values in a URL, such as `64`, `500ms`, `yes` and `fast`: reading and printing them.

use super::check::first_of;
use super::fault::{about, config};
use super::table::{Kind, OptionRow};
use crate::error::Result;

/// Milliseconds of each unit, longest first; a bare number counts seconds.
const UNITS: [(&str, i64); 3] = [("m", 60_000), ("s", 1000), ("ms", 1)];
/// Digits behind the point of a time that are looked at: what fits a number, and far beyond any clock.
const FRACTION_MAX: usize = 18;

const TRUE: [&str; 6] = ["true", "1", "yes", "on", "t", "y"];
const FALSE: [&str; 6] = ["false", "0", "no", "off", "f", "n"];

/// The number that the words mean; its bounds are looked at when it is set.
pub(super) fn read(row: &OptionRow, words: &[u8]) -> Result<i64> {
    let text = std::str::from_utf8(words).unwrap_or_default();
    match row.kind {
        Kind::Duration => match milliseconds(text) {
            Some(value) => Ok(value),
            None => Err(wrong(row, words, "is not a time such as 500ms, 2s, 5m or 0.5")),
        },
        Kind::Bool => match truth(text) {
            Some(value) => Ok(i64::from(value)),
            None => Err(wrong(row, words, "is neither true nor false")),
        },
        Kind::Choice(choices) => match choices.iter().find(|choice| choice.0.eq_ignore_ascii_case(text)) {
            Some(&(_, value)) => Ok(value),
            None => whole(row, words, &format!("is none of {}", names(choices))),
        },
        Kind::Int | Kind::Bytes => whole(row, words, "is not a whole number"),
        Kind::Text(_) | Kind::Secret => Err(config(format!("{} takes text, not a number", row.name))),
    }
}

/// The canonical spelling of a number.
pub(super) fn write(row: &OptionRow, value: i64) -> String {
    match row.kind {
        Kind::Bool => if value == 0 { "false" } else { "true" }.to_owned(),
        Kind::Choice(choices) => first_of(choices, value).map_or_else(|| value.to_string(), str::to_owned),
        Kind::Duration if value > 0 => {
            let (unit, scale) = UNITS.into_iter().find(|unit| value % unit.1 == 0).unwrap_or(("ms", 1));
            format!("{}{unit}", value / scale)
        }
        _ => value.to_string(),
    }
}

/// Whether the words say yes or no, in any case of letters.
pub(super) fn truth(words: &str) -> Option<bool> {
    let is = |word: &&str| word.eq_ignore_ascii_case(words);
    if TRUE.iter().any(is) { Some(true) } else { FALSE.iter().any(is).then_some(false) }
}

/// A whole number. One too long for any type is out of bounds, and not a mistake of spelling.
fn whole(row: &OptionRow, words: &[u8], otherwise: &str) -> Result<i64> {
    let digits = words.strip_prefix(b"-").unwrap_or(words);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(wrong(row, words, otherwise));
    }
    let text = std::str::from_utf8(words).unwrap_or_default();
    text.parse().map_err(|_| about(row.name, words, &format!("is not between {} and {}", row.min, row.max)))
}

/// `500ms`, `2s`, `5m`, `1.5`: rounded up to the next millisecond, so that little does not become nothing.
fn milliseconds(text: &str) -> Option<i64> {
    let (size, negative) = match text.strip_prefix('-') {
        Some(size) => (size, true),
        None => (text, false),
    };
    let unit_at = size.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(size.len());
    let (amount, unit) = size.split_at_checked(unit_at)?;
    let scale = match unit {
        "" => 1000,
        _ => UNITS.into_iter().find(|known| known.0 == unit)?.1,
    };
    let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
    if (whole.len() + fraction.len() == 0) || fraction.len() > FRACTION_MAX {
        return None;
    }
    let total = i128::from(digits(whole)?) * i128::from(scale);
    let parts = 10i128.pow(fraction.len() as u32);
    let rest = (i128::from(digits(fraction)?) * i128::from(scale) + parts - 1) / parts;
    let total = i64::try_from(total + rest).ok()?;
    Some(if negative { -total } else { total })
}

/// Digits and nothing else; none are zero.
fn digits(text: &str) -> Option<i64> {
    if text.is_empty() {
        return Some(0);
    }
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn names(choices: &'static [(&'static str, i64)]) -> String {
    let firsts = choices.iter().filter(|(name, number)| first_of(choices, *number) == Some(*name));
    firsts.map(|choice| choice.0).collect::<Vec<_>>().join(", ")
}

fn wrong(row: &OptionRow, words: &[u8], what: &str) -> crate::error::Error {
    about(row.name, words, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Key;

    fn time(text: &str) -> Option<i64> {
        milliseconds(text)
    }

    #[test]
    fn times_are_exact_and_never_cut_to_nothing() {
        assert_eq!(
            (time("500ms"), time("2s"), time("5m"), time("7"), time("0")),
            (Some(500), Some(2000), Some(300_000), Some(7000), Some(0))
        );
        assert_eq!(
            (time("0.5"), time(".5s"), time("1.5m"), time("2.")),
            (Some(500), Some(500), Some(90_000), Some(2000))
        );
        assert_eq!((time("0.0001"), time("0.1ms"), time("1.0001s")), (Some(1), Some(1), Some(1001)));
        assert_eq!((time("-1"), time("-0.5"), time("-3ms")), (Some(-1000), Some(-500), Some(-3)));
        assert_eq!(time("9223372036854775807ms"), Some(i64::MAX));
        for bad in
            ["", "-", ".", "s", "ms", "5 s", "5S", "5h", "1e3", "+1", "--1", "1.2.3", "0x5", "nan", "inf", "5mss"]
        {
            assert_eq!(time(bad), None, "{bad}");
        }
        for large in ["9223372036854775808ms", "9223372036854775807", "99999999999999999999s", "0.1234567890123456789"]
        {
            assert_eq!(time(large), None, "{large}");
        }
    }

    #[test]
    fn what_is_printed_is_read_back() {
        let row = Key::PoolIdleMs.row();
        for value in [-1, 0, 1, 999, 1000, 1001, 60_000, 90_000, 3_600_000, i64::MAX] {
            let text = write(row, value);
            assert_eq!(read(row, text.as_bytes()).unwrap().max(-1), value, "{text}");
        }
        assert_eq!((write(row, 90_000), write(row, 300_000), write(row, 7)), ("90s".into(), "5m".into(), "7ms".into()));
    }

    #[test]
    fn yes_and_no_in_any_case() {
        for (word, value) in [("true", true), ("T", true), ("YES", true), ("1", true), ("False", false), ("n", false)] {
            assert_eq!(truth(word), Some(value));
        }
        assert_eq!((truth(""), truth("2"), truth("maybe")), (None, None, None));
    }
}
