//! The list: what a peer may answer to one GET, and what the caller must see.

use crate::support::c::{Outcome, Status};

/// What the caller must see.
#[derive(Clone, Copy)]
pub enum Expect {
    /// This reply, as `dump` writes it.
    Value(&'static str),
    /// A failure with this status and outcome.
    Fails(Status, Outcome),
    /// LIMIT or PROTOCOL: what announces more than it may is refused for its size or for its form.
    TooMuch,
    /// The end of the stream or a reset: IO, and the command was written.
    Lost,
    /// PROTOCOL, and the command was written.
    Protocol,
    /// LIMIT once the reply has begun.
    Limit,
    /// TIMEOUT after the command was written.
    Timeout,
    /// PROTOCOL, with these words in its message.
    Names(&'static str),
}
pub use Expect::{Fails, Limit, Lost, Names, Protocol, Timeout, TooMuch, Value};

/// One row: its number in the list, what it is, what is sent after the command, what comes then, and the result.
pub struct Row(pub u32, pub &'static str, pub Vec<u8>, pub Then, pub Expect);

/// What the peer does once it has sent its answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Behave, on this connection too.
    Serve,
    /// Say no more, and keep the connection.
    Silence,
    /// Close.
    Fin,
    /// Reset.
    Rst,
}
pub use Then::{Fin, Rst, Serve, Silence};

#[rustfmt::skip]
pub fn rows() -> Vec<Row> {
    let row = |number, name, bytes: &[u8], then, expect| Row(number, name, bytes.to_vec(), then, expect);
    vec![
        row(1, "an unknown kind", b"?hello\r\n", Silence, Protocol),
        row(2, "a NUL for a kind", b"\0\r\n", Silence, Protocol),
        row(3, "an empty line", b"\r\n", Silence, Protocol),
        row(4, "a bare LF", b"+OK\n", Silence, Protocol),
        row(5, "a CR, and the end", b"+OK\r", Fin, Lost),
        row(6, "an empty integer", b":\r\n", Silence, Protocol),
        row(7, "letters in an integer", b":12a\r\n", Silence, Protocol),
        row(8, "an integer of 64 bits", b":9223372036854775808\r\n", Silence, Protocol),
        row(9, "minus zero", b":-0\r\n", Serve, Value(":0")),
        row(10, "plus one", b":+1\r\n", Serve, Value(":1")),
        row(11, "leading zeros", b":0001\r\n", Silence, Protocol),
        row(12, "a length of -2", b"$-2\r\n", Silence, Protocol),
        row(13, "a length of a", b"$a\r\n", Silence, Protocol),
        row(14, "a length of 2^63", b"$9223372036854775808\r\n", Silence, Protocol),
        row(15, "a length of 2^62", b"$4611686018427387904\r\n", Fin, Limit),
        row(16, "a length of a TiB", b"$1099511627776\r\nabc", Fin, Limit),
        row(17, "a string's end is not CRLF", b"$3\r\nabcXY", Silence, Protocol),
        row(18, "a short string, and the end", b"$10\r\nabc", Fin, Lost),
        row(19, "a count of -2", b"*-2\r\n", Silence, Protocol),
        row(20, "a count of 2^32-1", b"*4294967295\r\n", Silence, Limit),
        row(21, "a count of 2^31", b"*2147483648\r\n", Silence, Limit),
        row(22, "a count of 10^7, and the end", b"*10000000\r\n", Fin, Lost),
        row(23, "a count of 2^63", b"*9223372036854775808\r\n", Silence, TooMuch),
        row(24, "a map of 2^62+1", b"%4611686018427387905\r\n", Silence, TooMuch),
        row(25, "a map of 2^32-1", b"%4294967295\r\n", Silence, TooMuch),
        row(26, "attributes of 2^32-1", b"|4294967295\r\n", Silence, TooMuch),
        row(27, "a set of 2^32-1", b"~4294967295\r\n", Silence, TooMuch),
        Row(28, "arrays, 512 deep", nest(b"*1\r\n", 512), Serve, Value(deep(512))),
        Row(29, "arrays, 513 deep", nest(b"*1\r\n", 513), Silence, Limit),
        Row(30, "arrays, 100 000 deep", nest(b"*1\r\n", 100_000), Silence, Limit),
        Row(31, "maps, 100 000 deep", nest(b"%1\r\n:1\r\n", 100_000), Silence, Limit),
        row(32, "not a number", b",nan\r\n", Serve, Value(",NaN")),
        row(33, "minus infinity", b",-inf\r\n", Serve, Value(",-inf")),
        row(34, "a double past the largest", b",1e400\r\n", Serve, Value(",inf")),
        Row(35, "a double of 400 digits", double_of(400), Serve, Value(",0.3333333333333333")),
        row(36, "a comma in a double", b",3,14\r\n", Silence, Protocol),
        row(37, "a hexadecimal double", b",0x1p3\r\n", Silence, Protocol),
        row(38, "a bool that is neither", b"#x\r\n", Silence, Protocol),
        row(39, "a null with text", b"_x\r\n", Silence, Protocol),
        row(40, "a verbatim without room for its format", b"=2\r\nab\r\n", Silence, Protocol),
        row(41, "a verbatim without colon", b"=5\r\ntxtab\r\n", Silence, Protocol),
        row(42, "letters in a big number", b"(12a\r\n", Silence, Protocol),
        row(43, "an attribute before the reply", b"|1\r\n+key\r\n+value\r\n$1\r\na\r\n", Serve, Value("\"a\"")),
        row(44, "an attribute, and the end", b"|1\r\n+key\r\n+value\r\n", Fin, Lost),
        row(45, "a push before the reply", b">2\r\n+a\r\n+b\r\n$1\r\na\r\n", Serve, Value("\"a\"")),
        row(46, "a push inside an array", b"*2\r\n:1\r\n>2\r\n+a\r\n+b\r\n:2\r\n", Serve, Value("[:1 :2]")),
        row(47, "an empty push", b">0\r\n$1\r\na\r\n", Serve, Value("\"a\"")),
        row(48, "a streamed string", b"$?\r\n;3\r\nabc\r\n;2\r\nde\r\n;0\r\n", Serve, Value("\"abcde\"")),
        row(49, "a streamed array", b"*?\r\n:1\r\n:2\r\n.\r\n", Serve, Value("[:1 :2]")),
        row(50, "a long error", b"!10\r\nERR broken\r\n", Serve, Fails(Status::SERVER, Outcome::REFUSED)),
        row(51, "a second reply, unasked", b"$1\r\na\r\n$4\r\nEVIL\r\n", Serve, Value("\"a\"")),
        Row(52, "a status of 70 kB", line_of(70_000, b"\r\n"), Silence, Limit),
        Row(53, "8 MiB and no end of the line", line_of(8 << 20, b""), Silence, Limit),
        row(55, "HTTP", b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", Fin, Names("HTTP")),
        row(56, "TLS", b"\x15\x03\x03\x00\x02\x02\x28", Fin, Names("TLS")),
        row(57, "the end at once", b"", Fin, Lost),
        row(58, "a reset at once", b"", Rst, Lost),
        row(59, "no answer", b"", Silence, Timeout),
        Row(67, "a million pushes before the reply", pushes(1_000_000), Serve, Value("\"a\"")),
    ]
}

pub fn nest(open: &[u8], depth: usize) -> Vec<u8> {
    let mut bytes = open.repeat(depth);
    bytes.extend_from_slice(b":1\r\n");
    bytes
}

fn deep(depth: usize) -> &'static str {
    format!("{}:1{}", "[".repeat(depth), "]".repeat(depth)).leak()
}

fn double_of(digits: usize) -> Vec<u8> {
    format!(",0.{}\r\n", "3".repeat(digits)).into_bytes()
}

pub fn line_of(len: usize, end: &[u8]) -> Vec<u8> {
    let mut bytes = vec![b'+'];
    bytes.resize(len + 1, b'a');
    bytes.extend_from_slice(end);
    bytes
}

fn pushes(count: usize) -> Vec<u8> {
    let mut bytes = b">2\r\n+a\r\n:1\r\n".repeat(count);
    bytes.extend_from_slice(b"$1\r\na\r\n");
    bytes
}
