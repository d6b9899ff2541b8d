//! A node of a reply, with its C layout. It is the only C layout outside `ffi`.

use std::ffi::c_char;

/// The kind of a reply. Kinds 0 to 9 are scalars, 10 to 19 have text, 20 and above have
/// elements.
#[expect(non_camel_case_types, reason = "spelled as in the header, so that one grep finds both sides")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rredis_reply_kind {
    /// no value, such as for an absent key; from any null of RESP2 or RESP3
    RREDIS_REPLY_NULL = 0,
    /// integer has the value
    RREDIS_REPLY_INTEGER = 1,
    /// integer is 0 or 1; str has the server's text (OK) if it sent one
    RREDIS_REPLY_BOOL = 2,
    /// str has the bytes
    RREDIS_REPLY_STRING = 10,
    /// str has a short text of the server, such as OK
    RREDIS_REPLY_STATUS = 11,
    /// str has the server's error; its first word is the code
    RREDIS_REPLY_ERROR = 12,
    /// str has a text for people; rredis_reply_format gives its format
    RREDIS_REPLY_VERBATIM = 13,
    /// str has an integer of any size, in decimal
    RREDIS_REPLY_BIG_NUMBER = 14,
    /// number has the value, and str its text from the server
    RREDIS_REPLY_DOUBLE = 15,
    /// elements has len nodes
    RREDIS_REPLY_ARRAY = 20,
    /// elements has len nodes, in no order
    RREDIS_REPLY_SET = 21,
    /// elements has key, value, key, value, and so on; len counts both
    RREDIS_REPLY_MAP = 22,
    /// elements has a message that the server sent without a request; the first element
    /// names its kind
    RREDIS_REPLY_PUSH = 23,
}

/// A reply, or a part of one. A field that its kind does not use is zero.
#[repr(C)]
#[derive(Debug)]
pub struct rredis_reply {
    /// the kind, which decides the fields in use
    pub kind: rredis_reply_kind,
    /// do not use
    pub reserved: u32,
    /// the bytes of str, or the nodes of elements
    pub len: usize,
    /// a text, with a NUL after the last byte
    pub str: *const c_char,
    /// len nodes in a row; NULL when len is 0
    pub elements: *const rredis_reply,
    /// the value of an INTEGER, or of a BOOL: 0 or 1
    pub integer: i64,
    /// the value of a DOUBLE
    pub number: f64,
}

pub use rredis_reply as Node;
pub use rredis_reply_kind as Kind;
