//! One node of a reply, laid out as C sees it: the one C layout below the roof.

use std::ffi::c_char;

/// What a reply is. 0 to 9 are scalars, 10 to 19 have text, 20 and above have elements.
#[expect(non_camel_case_types, reason = "spelled as in the header, so that one grep finds both sides")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rredis_reply_kind {
    /// nothing: an absent key, an empty answer; RESP's three spellings of it
    RREDIS_REPLY_NULL = 0,
    /// integer
    RREDIS_REPLY_INTEGER = 1,
    /// integer is 0 or 1; str has the server's words where it was a status
    RREDIS_REPLY_BOOL = 2,
    /// str: bytes
    RREDIS_REPLY_STRING = 10,
    /// str: a short word of the server's, as OK
    RREDIS_REPLY_STATUS = 11,
    /// str: the server's error, its code word first
    RREDIS_REPLY_ERROR = 12,
    /// str: text for people; rredis_reply_format has its format
    RREDIS_REPLY_VERBATIM = 13,
    /// str: an integer of any size, in decimal
    RREDIS_REPLY_BIG_NUMBER = 14,
    /// number, and str as the server wrote it
    RREDIS_REPLY_DOUBLE = 15,
    /// elements
    RREDIS_REPLY_ARRAY = 20,
    /// elements, in no order
    RREDIS_REPLY_SET = 21,
    /// elements: key, value, key, value; len counts both
    RREDIS_REPLY_MAP = 22,
    /// elements: what the server sent unasked, its kind first
    RREDIS_REPLY_PUSH = 23,
}

/// A reply, or a part of one. A field that its kind has no use for is zero.
#[repr(C)]
#[derive(Debug)]
pub struct rredis_reply {
    /// what it is, and so which fields count
    pub kind: rredis_reply_kind,
    /// zero
    pub reserved: u32,
    /// bytes of str, or nodes of elements
    pub len: usize,
    /// text, with a NUL after the last byte
    pub str: *const c_char,
    /// len nodes in a row; NULL when len is 0
    pub elements: *const rredis_reply,
    /// INTEGER; BOOL as 0 or 1
    pub integer: i64,
    /// DOUBLE
    pub number: f64,
}

pub use rredis_reply as Node;
pub use rredis_reply_kind as Kind;
