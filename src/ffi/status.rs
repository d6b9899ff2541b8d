//! Status and errors

use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;

use crate::error::{Outcome, Status};
use crate::ffi::boundary::number;

/// How a call ended. In tens, by who can mend it: the caller, the network, the protocol,
/// the server, a function of yours, the library.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rredis_status {
    /// it went well
    RREDIS_OK = 0,
    /// the call was wrong: a NULL, a length, an unknown enumerator, a command a client refuses
    RREDIS_ERR_ARGUMENT = 1,
    /// the call came at the wrong time
    RREDIS_ERR_STATE = 2,
    /// nothing whole has arrived yet; all is as it was
    RREDIS_ERR_AGAIN = 3,
    /// an option or a URL is wrong; the message names it
    RREDIS_ERR_CONFIG = 4,
    /// this build, or this server, cannot do that
    RREDIS_ERR_UNSUPPORTED = 5,
    /// no server could be reached, or none that would talk to us
    RREDIS_ERR_CONNECT = 10,
    /// the connection broke
    RREDIS_ERR_IO = 11,
    /// the time allowed ran out; the message says in which phase
    RREDIS_ERR_TIMEOUT = 12,
    /// every connection is in use, and none came back in time
    RREDIS_ERR_BUSY = 13,
    /// another thread called for the wait to end
    RREDIS_ERR_WOKEN = 14,
    /// the handle belongs to the process that made it
    RREDIS_ERR_FORKED = 15,
    /// the peer could not prove who it is, or would not speak TLS
    RREDIS_ERR_TLS = 16,
    /// what arrived was not RESP, or nobody had asked for it
    RREDIS_ERR_PROTOCOL = 20,
    /// what arrived was past a limit set in the options
    RREDIS_ERR_LIMIT = 21,
    /// the server said no to who we are
    RREDIS_ERR_AUTH = 30,
    /// the server answered with an error; err has its words
    RREDIS_ERR_SERVER = 31,
    /// a watched key changed; the transaction did not run
    RREDIS_ERR_WATCH = 32,
    /// EXECABORT; the transaction did not run
    RREDIS_ERR_ABORTED = 33,
    /// a function of yours refused
    RREDIS_ERR_CALLBACK = 80,
    /// a bug in librredis, caught; free the handle
    RREDIS_ERR_PANIC = 90,
    /// no memory
    RREDIS_ERR_MEMORY = 91,
}

/// What became of the command of a failed call.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rredis_outcome {
    /// there was no command
    RREDIS_OUTCOME_NONE = 0,
    /// no byte of it left: it did not run
    RREDIS_OUTCOME_NOT_SENT = 1,
    /// the server says it did not run it
    RREDIS_OUTCOME_REFUSED = 2,
    /// it was sent; it may have run
    RREDIS_OUTCOME_UNKNOWN = 3,
    /// it ran; what failed came after: the reply was too large, a callback refused
    RREDIS_OUTCOME_RAN = 4,
}

/// Why a call failed. It is yours, on your stack or where you like: there is nothing to
/// free, and it stays as it is when other calls fail. 256 bytes, frozen.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rredis_error {
    /// what the call returned
    pub status: rredis_status,
    /// what became of its command
    pub outcome: rredis_outcome,
    /// errno, or 0
    pub os_error: i32,
    /// how often the command was tried
    pub attempts: i32,
    /// one line, and a NUL; control bytes are written \xHH; a server's error is as the
    /// server said it, its code word first; cut to fit, never inside a UTF-8 character
    pub message: [c_char; 240],
}

/// Name a status, as "TIMEOUT"; "?" where there is no such status.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_status_name(status: MaybeUninit<rredis_status>) -> *const c_char {
    name_of(STATUSES, number(status))
}

/// Name an outcome, as "NOT_SENT"; "?" where there is no such outcome.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_status_outcome_name(outcome: MaybeUninit<rredis_outcome>) -> *const c_char {
    name_of(OUTCOMES, number(outcome))
}

impl From<Status> for rredis_status {
    fn from(status: Status) -> Self {
        match status {
            Status::Argument => rredis_status::RREDIS_ERR_ARGUMENT,
            Status::State => rredis_status::RREDIS_ERR_STATE,
            Status::Again => rredis_status::RREDIS_ERR_AGAIN,
            Status::Config => rredis_status::RREDIS_ERR_CONFIG,
            Status::Unsupported => rredis_status::RREDIS_ERR_UNSUPPORTED,
            Status::Connect => rredis_status::RREDIS_ERR_CONNECT,
            Status::Io => rredis_status::RREDIS_ERR_IO,
            Status::Timeout => rredis_status::RREDIS_ERR_TIMEOUT,
            Status::Busy => rredis_status::RREDIS_ERR_BUSY,
            Status::Woken => rredis_status::RREDIS_ERR_WOKEN,
            Status::Forked => rredis_status::RREDIS_ERR_FORKED,
            Status::Tls => rredis_status::RREDIS_ERR_TLS,
            Status::Protocol => rredis_status::RREDIS_ERR_PROTOCOL,
            Status::Limit => rredis_status::RREDIS_ERR_LIMIT,
            Status::Auth => rredis_status::RREDIS_ERR_AUTH,
            Status::Server => rredis_status::RREDIS_ERR_SERVER,
            Status::Watch => rredis_status::RREDIS_ERR_WATCH,
            Status::Aborted => rredis_status::RREDIS_ERR_ABORTED,
            Status::Callback => rredis_status::RREDIS_ERR_CALLBACK,
            Status::Panic => rredis_status::RREDIS_ERR_PANIC,
            Status::Memory => rredis_status::RREDIS_ERR_MEMORY,
        }
    }
}

impl From<Outcome> for rredis_outcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::None => rredis_outcome::RREDIS_OUTCOME_NONE,
            Outcome::NotSent => rredis_outcome::RREDIS_OUTCOME_NOT_SENT,
            Outcome::Refused => rredis_outcome::RREDIS_OUTCOME_REFUSED,
            Outcome::Unknown => rredis_outcome::RREDIS_OUTCOME_UNKNOWN,
            Outcome::Ran => rredis_outcome::RREDIS_OUTCOME_RAN,
        }
    }
}

/// The status that a function of the caller's returned, or None for RREDIS_OK. A number that is no status is a failure
/// like any other.
pub(crate) fn returned(status: MaybeUninit<rredis_status>) -> Option<Status> {
    match number(status) {
        0 => None,
        1 => Some(Status::Argument),
        2 => Some(Status::State),
        3 => Some(Status::Again),
        4 => Some(Status::Config),
        5 => Some(Status::Unsupported),
        10 => Some(Status::Connect),
        11 => Some(Status::Io),
        12 => Some(Status::Timeout),
        13 => Some(Status::Busy),
        14 => Some(Status::Woken),
        15 => Some(Status::Forked),
        16 => Some(Status::Tls),
        20 => Some(Status::Protocol),
        21 => Some(Status::Limit),
        30 => Some(Status::Auth),
        31 => Some(Status::Server),
        32 => Some(Status::Watch),
        33 => Some(Status::Aborted),
        80 => Some(Status::Callback),
        90 => Some(Status::Panic),
        91 => Some(Status::Memory),
        _ => Some(Status::Callback),
    }
}

/// A status's name, for a sentence.
pub(crate) fn name(status: Status) -> &'static str {
    let number = rredis_status::from(status) as u32;
    let known = STATUSES.iter().find(|(known, _)| *known == number);
    known.and_then(|(_, name)| name.to_str().ok()).unwrap_or("?")
}

fn name_of(names: &[(u32, &'static CStr)], number: u32) -> *const c_char {
    let known = names.iter().find(|(known, _)| *known == number);
    known.map_or(c"?", |(_, name)| name).as_ptr()
}

const STATUSES: &[(u32, &CStr)] = &[
    (0, c"OK"),
    (1, c"ARGUMENT"),
    (2, c"STATE"),
    (3, c"AGAIN"),
    (4, c"CONFIG"),
    (5, c"UNSUPPORTED"),
    (10, c"CONNECT"),
    (11, c"IO"),
    (12, c"TIMEOUT"),
    (13, c"BUSY"),
    (14, c"WOKEN"),
    (15, c"FORKED"),
    (16, c"TLS"),
    (20, c"PROTOCOL"),
    (21, c"LIMIT"),
    (30, c"AUTH"),
    (31, c"SERVER"),
    (32, c"WATCH"),
    (33, c"ABORTED"),
    (80, c"CALLBACK"),
    (90, c"PANIC"),
    (91, c"MEMORY"),
];

const OUTCOMES: &[(u32, &CStr)] = &[(0, c"NONE"), (1, c"NOT_SENT"), (2, c"REFUSED"), (3, c"UNKNOWN"), (4, c"RAN")];

const _: () = assert!(size_of::<rredis_error>() == 256);
