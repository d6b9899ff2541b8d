//! The lines of RESP, and the messages for wrong ones. Both parsers use this, so that they accept the same input.

use super::tape::Type;
use crate::error::{Error, Result, Status, quoted};
use crate::limits::Limits;

/// What a line says of the value that it begins, or is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    Null,
    Integer(i64),
    Bool(bool),
    /// The line is the text.
    Line(Type),
    /// So many bytes of text follow, and then CR and LF.
    Bulk(Type, u64),
    /// Pieces of text follow.
    Chunks,
    /// One piece of so many bytes follows; none is the end.
    Chunk(u64),
    /// So many nodes follow: a pair counts twice.
    Aggregate(Type, u64),
    /// Nodes follow until an `End`.
    Streamed(Type),
    End,
}

/// How long a line may be, its type byte not counted: as any line, and no longer than what its reply or push has left.
pub(super) struct LineMax {
    pub(super) len: usize,
    is_push: bool,
    by_bytes: bool,
}

impl LineMax {
    /// Of the line that begins so, its type byte first, behind `before` bytes of its reply or push. `monitors`: a status that
    /// begins with a digit may be a line of MONITOR, and somebody else's command decides how long that is.
    pub(super) fn of(limits: &Limits, monitors: bool, line: &[u8], before: u64, is_push: bool) -> LineMax {
        let (before, is_push) = if line.first() == Some(&b'>') { (0, true) } else { (before, is_push) };
        let bytes_max = if is_push { limits.push_bytes } else { limits.bytes };
        let left = bytes_max.saturating_sub(before.saturating_add(AROUND_A_LINE));
        let max = match line {
            [b'+', b'0'..=b'9', ..] if monitors => u64::MAX,
            _ => u64::from(limits.line),
        };
        LineMax { len: usize::try_from(max.min(left)).unwrap_or(usize::MAX), is_push, by_bytes: left < max }
    }

    /// What is to be said of a longer one.
    #[cold]
    pub(super) fn error(&self, limits: &Limits) -> Error {
        if self.by_bytes { bytes_limit(limits, self.is_push, 0) } else { line_limit(limits) }
    }
}

/// Whether a value, or a part of one, may begin with this byte.
#[inline]
pub(super) fn is_type(byte: u8) -> bool {
    matches!(
        byte,
        b'+' | b'-'
            | b':'
            | b'$'
            | b'*'
            | b'_'
            | b','
            | b'#'
            | b'!'
            | b'='
            | b'('
            | b'%'
            | b'~'
            | b'>'
            | b'|'
            | b';'
            | b'.'
    )
}

/// What the line behind a type byte says. The byte has passed `is_type`.
pub(super) fn head(byte: u8, line: &[u8]) -> Result<Head> {
    match byte {
        b'+' => Ok(Head::Line(Type::Status)),
        b'-' => Ok(Head::Line(Type::Error)),
        b':' => integer(line).map(Head::Integer).ok_or_else(|| bad("an integer", line)),
        b'$' if line == b"?" => Ok(Head::Chunks),
        b'$' | b'*' if line == b"-1" => Ok(Head::Null),
        b'$' => Ok(Head::Bulk(Type::String, count(line)?)),
        b'!' => Ok(Head::Bulk(Type::Error, count(line)?)),
        b'=' => match count(line)? {
            len if len < 4 => Err(bad("the length of a verbatim string", line)),
            len => Ok(Head::Bulk(Type::Verbatim, len)),
        },
        b';' => Ok(Head::Chunk(count(line)?)),
        b'*' if line == b"?" => Ok(Head::Streamed(Type::Array)),
        b'%' if line == b"?" => Ok(Head::Streamed(Type::Map)),
        b'~' if line == b"?" => Ok(Head::Streamed(Type::Set)),
        b'*' => Ok(Head::Aggregate(Type::Array, count(line)?)),
        b'~' => Ok(Head::Aggregate(Type::Set, count(line)?)),
        b'>' => Ok(Head::Aggregate(Type::Push, count(line)?)),
        b'%' => Ok(Head::Aggregate(Type::Map, 2 * count(line)?)),
        b'|' => Ok(Head::Aggregate(Type::Attribute, 2 * count(line)?)),
        b',' if is_double(line) => Ok(Head::Line(Type::Double)),
        b',' => Err(bad("a double", line)),
        b'(' if is_big_number(line) => Ok(Head::Line(Type::BigNumber)),
        b'(' => Err(bad("a big number", line)),
        b'#' if line == b"t" => Ok(Head::Bool(true)),
        b'#' if line == b"f" => Ok(Head::Bool(false)),
        b'#' => Err(bad("a boolean", line)),
        b'_' if line.is_empty() => Ok(Head::Null),
        b'_' => Err(bad("a null", line)),
        b'.' if line.is_empty() => Ok(Head::End),
        b'.' => Err(bad("the end of a stream", line)),
        _ => Err(stranger(&[byte])),
    }
}

/// A decimal integer: a sign if need be, no leading zeros, 64 bits.
pub(crate) fn integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let size = decimal(digits)?;
    if negative { 0i64.checked_sub_unsigned(size) } else { i64::try_from(size).ok() }
}

/// A length or a count: digits alone, no leading zeros, and no more than a signed 64-bit integer holds.
fn count(line: &[u8]) -> Result<u64> {
    decimal(line).filter(|&count| count <= i64::MAX as u64).ok_or_else(|| bad("a length", line))
}

fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || (digits[0] == b'0' && digits.len() > 1) {
        return None;
    }
    digits.iter().try_fold(0u64, |value, digit| match digit {
        b'0'..=b'9' => value.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    })
}

/// Whether it is a double as a C library prints one, in any case of letters, and with a sign where wanted: digits with a point
/// and an exponent, `inf`, `infinity`, `nan`, or `nan` with a word in parentheses. No server prints hexadecimal digits.
pub(crate) fn is_double(text: &[u8]) -> bool {
    let text = unsigned(text);
    is_decimal(text) || is_infinity(text) || is_nan(text)
}

/// The nearest double, whatever the locale; past the largest it is infinite. The text has passed `is_double`.
pub(crate) fn double(text: &[u8]) -> f64 {
    let size = match unsigned(text) {
        text if is_infinity(text) => f64::INFINITY,
        text if is_nan(text) => f64::NAN,
        text => str::from_utf8(text).ok().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN),
    };
    if text.first() == Some(&b'-') { -size } else { size }
}

fn is_decimal(text: &[u8]) -> bool {
    let whole = digits(text);
    let mut rest = &text[whole..];
    let mut fraction = 0;
    if let [b'.', behind @ ..] = rest {
        fraction = digits(behind);
        rest = &behind[fraction..];
    }
    if whole + fraction == 0 {
        return false;
    }
    match rest {
        [] => true,
        [b'e' | b'E', exponent @ ..] => {
            let exponent = unsigned(exponent);
            !exponent.is_empty() && digits(exponent) == exponent.len()
        }
        _ => false,
    }
}

fn is_infinity(text: &[u8]) -> bool {
    text.eq_ignore_ascii_case(b"inf") || text.eq_ignore_ascii_case(b"infinity")
}

/// As in `nan`, `nan(ind)` or `nan(0x8000000000000)`.
fn is_nan(text: &[u8]) -> bool {
    let Some((word, behind)) = text.split_at_checked(3) else { return false };
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    word.eq_ignore_ascii_case(b"nan")
        && match behind {
            [] => true,
            [b'(', word @ .., b')'] => word.iter().all(is_word),
            _ => false,
        }
}

/// Whether it is digits, with a sign if need be.
pub(crate) fn is_big_number(text: &[u8]) -> bool {
    let rest = unsigned(text);
    !rest.is_empty() && digits(rest) == rest.len()
}

fn unsigned(text: &[u8]) -> &[u8] {
    match text {
        [b'+' | b'-', rest @ ..] => rest,
        rest => rest,
    }
}

fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

// ---- The words for what is wrong ----

pub(super) fn protocol(message: impl Into<Vec<u8>>) -> Error {
    Error::new(Status::Protocol, message)
}

/// A byte that begins no value. Where a reply should begin, the bytes may tell who is really there.
#[cold]
pub(super) fn stranger(bytes: &[u8]) -> Error {
    let peer = match bytes {
        [b'H', b'T', b'T', b'P', b'/', ..] => Some("HTTP"),
        [b'S', b'S', b'H', b'-', ..] => Some("SSH"),
        [0x15 | 0x16, 0x03, ..] => Some("TLS"),
        _ => None,
    };
    match (peer, bytes.first()) {
        (Some("TLS"), _) => protocol(IT_IS_TLS),
        (Some(peer), _) => protocol(format!("the peer speaks {peer}, not RESP")),
        (None, Some(b'\r' | b'\n')) => protocol("an empty line where a value should begin"),
        (None, Some(byte)) => protocol([b"the byte ", &shown(&[*byte])[..], b" begins no value of RESP"].concat()),
        (None, None) => protocol("nothing where a value should begin"),
    }
}

/// What is said of a peer that answers with a record of TLS.
pub(crate) const IT_IS_TLS: &[u8] = b"the peer speaks TLS, not RESP";

#[cold]
pub(super) fn bad(what: &str, line: &[u8]) -> Error {
    protocol([b"not ", what.as_bytes(), b": ", &shown(line)].concat())
}

#[cold]
pub(super) fn bare_line_feed() -> Error {
    protocol("a line that ends in LF without CR")
}

#[cold]
pub(super) fn bare_carriage_return() -> Error {
    protocol("a CR without LF inside a line")
}

#[cold]
pub(super) fn bad_trailer() -> Error {
    protocol("a string is longer than its length says: no CR LF behind it")
}

#[cold]
pub(super) fn bad_verbatim() -> Error {
    protocol("a verbatim string without its three letters and colon")
}

#[cold]
pub(super) fn out_of_place(byte: u8) -> Error {
    match byte {
        b';' => protocol("a piece of a streamed string outside of one"),
        b'.' => protocol("the end of a stream where none can end"),
        _ => protocol("a streamed string goes on with something that is no piece of it"),
    }
}

#[cold]
pub(super) fn odd_map() -> Error {
    protocol("a streamed map ends behind a key without a value")
}

#[cold]
fn limit(message: String) -> Error {
    Error::new(Status::Limit, message)
}

fn line_limit(limits: &Limits) -> Error {
    limit(format!("a line of the reply is longer than reply_line_max, which is {}", limits.line))
}

#[cold]
pub(super) fn depth_limit(limits: &Limits) -> Error {
    limit(format!("the reply nests deeper than reply_depth_max, which is {}", limits.depth))
}

/// `announced` nodes, or none in particular: one more than there may be.
#[cold]
pub(super) fn nodes_limit(limits: &Limits, announced: u64) -> Error {
    let max = limits.nodes;
    if announced > max {
        limit(format!("the reply announces {announced} elements; reply_nodes_max is {max}"))
    } else {
        limit(format!("the reply has more elements than reply_nodes_max, which is {max}"))
    }
}

/// `announced` bytes of one string, or 0: the bytes have come.
#[cold]
pub(super) fn bytes_limit(limits: &Limits, is_push: bool, announced: u64) -> Error {
    let (what, name, max) = match is_push {
        true => ("push", "push_bytes_max", limits.push_bytes),
        false => ("reply", "reply_bytes_max", limits.bytes),
    };
    if announced > max {
        limit(format!("the {what} announces {announced} bytes; {name} is {max}"))
    } else {
        limit(format!("the {what} is longer than {name}, which is {max}"))
    }
}

/// One of these errors without what it repeats of the bytes: what it has in quotes, and a number that was announced.
#[cold]
pub(crate) fn without_quotes(error: Error) -> Error {
    let mut message = error.message;
    let first = message.iter().position(|byte| *byte == b'"');
    let last = message.iter().rposition(|byte| *byte == b'"');
    if let (Some(first), Some(last)) = (first, last) {
        message.drain(first..=last);
        let from =
            message[..first].strip_suffix(b": ").or(message[..first].strip_suffix(b" ")).map_or(first, <[u8]>::len);
        message.drain(from..first);
    }
    if let Some(at) = message.windows(ANNOUNCES.len()).position(|word| word == ANNOUNCES) {
        let from = at + ANNOUNCES.len();
        let len = message[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        message.splice(from..from + len, *b"too many");
    }
    Error { message, ..error }
}

/// What stands before a number of the server's.
const ANNOUNCES: &[u8] = b" announces ";

/// The line in quotes, cut to fit in a message.
fn shown(line: &[u8]) -> Vec<u8> {
    quoted(line, SHOWN_BYTES_MAX)
}

/// The type byte before a line, and the CR and LF behind it.
const AROUND_A_LINE: u64 = 3;
/// As much of a wrong line as helps to recognise it.
const SHOWN_BYTES_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_message_repeats_can_be_left_out() {
        let limits = Limits { bytes: 7, nodes: 7, ..Limits::default() };
        let told = |error: Error| without_quotes(error).to_string();
        assert_eq!(told(bad("an integer", b"a\"b\": c\"")), "not an integer");
        assert_eq!(told(bad("a length", &[b'x'; 100])), "not a length");
        assert_eq!(told(stranger(b"xyz")), "the byte begins no value of RESP");
        assert_eq!(told(stranger(b"\"")), "the byte begins no value of RESP");
        assert_eq!(
            told(bytes_limit(&limits, false, 12345)),
            "the reply announces too many bytes; reply_bytes_max is 7"
        );
        let nodes = told(nodes_limit(&limits, 12345));
        assert_eq!(nodes, "the reply announces too many elements; reply_nodes_max is 7");
        assert_eq!(told(bad_trailer()), bad_trailer().to_string());
    }
}
