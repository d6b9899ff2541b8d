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
    /// every connection is in use, and none came back in time; or too much is under way on
    /// an rredis_async
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
    /// a watched key changed, or the connection that watched was lost; the transaction did
    /// not run
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
    /// it did not run: no byte of it left, or EXEC did not leave
    RREDIS_OUTCOME_NOT_SENT = 1,
    /// the server says it did not run it
    RREDIS_OUTCOME_REFUSED = 2,
    /// it was sent; it may have run
    RREDIS_OUTCOME_UNKNOWN = 3,
    /// it ran; what failed came after: the reply was too large, a callback refused
    RREDIS_OUTCOME_RAN = 4,
}

/// Why a call failed. It is yours, on your stack or where you like: there is nothing to
/// free, and it stays as it is when other calls fail. 256 bytes, frozen. What a function
/// of yours writes in its err's message is made such a line, and stays one that it is.
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
    /// one line of UTF-8, and a NUL, in which nothing is left that a terminal would obey:
    /// control and format characters, line separators, and bytes that are no UTF-8 are
    /// written \xHH, byte by byte, and a backslash as two; a server's error is else as the
    /// server said it, its code word first; cut to fit, never inside a character or escape
    pub message: [c_char; 240],
}

/// Name a status, as "TIMEOUT"; "?" where there is no such status.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_status_name(status: MaybeUninit<rredis_status>) -> *const c_char {
    let name = match number(status) {
        0 => c"OK",
        failure => Status::from_number(failure).map_or(c"?", Status::c_name),
    };
    name.as_ptr()
}

/// Name an outcome, as "NOT_SENT"; "?" where there is no such outcome.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_status_outcome_name(outcome: MaybeUninit<rredis_outcome>) -> *const c_char {
    let known = OUTCOMES.get(number(outcome) as usize);
    known.map_or(c"?", |name| *name).as_ptr()
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
        failure => Some(Status::from_number(failure).unwrap_or(Status::Callback)),
    }
}

/// By their numbers.
const OUTCOMES: [&CStr; 5] = [c"NONE", c"NOT_SENT", c"REFUSED", c"UNKNOWN", c"RAN"];

const _: () = assert!(size_of::<rredis_error>() == 256);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_count_alike() {
        for &status in Status::ALL {
            let here = rredis_status::from(status);
            assert_eq!(here as u32, status as u32);
            assert_eq!(format!("{here:?}"), format!("RREDIS_ERR_{}", status.name()));
            assert_eq!(returned(MaybeUninit::new(here)), Some(status));
        }
        assert_eq!(returned(MaybeUninit::new(rredis_status::RREDIS_OK)), None);
    }
}
