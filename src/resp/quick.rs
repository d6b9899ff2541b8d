//! The short way for what replies are mostly made of. Each function here knows one shape of value, and only when it is right
//! and all there; whatever is unusual, wrong or cut off is None, and left to the thorough way.

use super::tape::{Entry, Type};

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
    let len = line_len(behind)?;
    let text = &behind[..len];
    // std takes what our grammar takes, and the word "infinity" beside: so words are left to the thorough way.
    if !matches!(text, [b'0'..=b'9', ..] | [b'-', b'0'..=b'9', ..]) {
        return None;
    }
    let value = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some((Entry::new(Type::Double, len as u64, at as u64 + 1).given(), value, at + len + 3))
}

/// The value whose first bytes are `head`.
#[inline(always)]
fn leaf_behind(bytes: &[u8], at: usize, head: &[u8; HEAD_BYTES]) -> Option<(Entry, usize)> {
    match head[0] {
        b'$' => {
            let (len, digits) = number(head, 1)?;
            let begin = at + digits + 3;
            let end = begin + len as usize;
            let trailer: &[u8; 2] = bytes.get(end..)?.first_chunk()?;
            (trailer == b"\r\n").then_some((Entry::new(Type::String, len, begin as u64), end + 2))
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
    let digits = &head[from..];
    let mut value = 0u64;
    let mut len = 0;
    while len < 10 {
        let digit = digits[len].wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value * 10 + u64::from(digit);
        len += 1;
    }
    let ends = digits[len] == b'\r' && digits[len + 1] == b'\n';
    let leads = len > 1 && digits[0] == b'0';
    (ends && len > 0 && !leads).then_some((value, len))
}

/// How long the line is that begins here, if it ends here and ends well.
#[inline(always)]
fn line_len(bytes: &[u8]) -> Option<usize> {
    let len = bytes.iter().position(|&byte| byte == b'\r' || byte == b'\n')?;
    (bytes[len] == b'\r' && bytes.get(len + 1) == Some(&b'\n')).then_some(len)
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
