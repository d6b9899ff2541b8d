//! Status and errors

use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;

use crate::error::{Outcome, Status};
use crate::ffi::boundary::number;

/// The result of a call. The number says where a failure came from: the caller (1 to
/// 9), the network (10), the protocol (20), the server (30), a callback (80), the
/// library (90).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rredis_status {
    /// the call succeeded
    RREDIS_OK = 0,
    /// an argument is wrong: a NULL, a length, an unknown enumerator, or a command that
    /// this handle refuses
    RREDIS_ERR_ARGUMENT = 1,
    /// the handle is not in a state that allows this call
    RREDIS_ERR_STATE = 2,
    /// no complete reply has arrived yet; nothing has changed
    RREDIS_ERR_AGAIN = 3,
    /// an option or a URL is wrong; the message names it
    RREDIS_ERR_CONFIG = 4,
    /// this build or this server does not support the request
    RREDIS_ERR_UNSUPPORTED = 5,
    /// no connection could be made
    RREDIS_ERR_CONNECT = 10,
    /// the connection was lost
    RREDIS_ERR_IO = 11,
    /// the deadline passed; the message names the phase
    RREDIS_ERR_TIMEOUT = 12,
    /// all connections stayed in use until POOL_WAIT_MS or the deadline; or an
    /// rredis_async is at its limit
    RREDIS_ERR_BUSY = 13,
    /// a _wake or an interrupt function ended the call
    RREDIS_ERR_WOKEN = 14,
    /// the handle belongs to the parent process
    RREDIS_ERR_FORKED = 15,
    /// TLS failed: the peer's certificate is not trusted, or the peer does not speak
    /// TLS
    RREDIS_ERR_TLS = 16,
    /// the server sent bytes that are not RESP, or a reply that belongs to no command
    RREDIS_ERR_PROTOCOL = 20,
    /// a reply exceeded a limit of the options
    RREDIS_ERR_LIMIT = 21,
    /// the server refused the user name or password
    RREDIS_ERR_AUTH = 30,
    /// the server answered with an error; err.message has its text
    RREDIS_ERR_SERVER = 31,
    /// a watched key changed, or the connection was lost before EXEC; the transaction
    /// did not run
    RREDIS_ERR_WATCH = 32,
    /// the server answered EXECABORT; the transaction did not run
    RREDIS_ERR_ABORTED = 33,
    /// a callback returned a failure
    RREDIS_ERR_CALLBACK = 80,
    /// a bug in librredis was caught; free the handle
    RREDIS_ERR_PANIC = 90,
    /// there was not enough memory
    RREDIS_ERR_MEMORY = 91,
}

/// Whether the command of a failed call ran. Outcome and status say what to do now:
///
/// ```text
///   outcome             what to do now
///   NONE                mend the cause: see the status below
///   NOT_SENT, REFUSED   the command did not run: mend the cause, then repeat it
///   UNKNOWN             repeat only a command that may run twice, or check its effect
///   RAN                 do not repeat: only the reply is lost
///
///   status                  what to do now
///   ARGUMENT, STATE, CONFIG correct the program or its options
///   UNSUPPORTED             use another version, build or option
///   AGAIN                   wait, and call again
///   CONNECT, IO, TIMEOUT    the outcome says whether to repeat the command
///   BUSY                    repeat later, or raise POOL_MAX or the INFLIGHT_ options
///   WOKEN                   stop, as _wake or the interrupt function wanted
///   FORKED                  make a new handle in this process
///   TLS, AUTH               correct certificates, credentials, or the port
///   PROTOCOL                check that the peer is a Redis or Valkey server
///   LIMIT                   raise the limit, or ask for less at once
///   SERVER                  read err.message: its first word is the code
///   WATCH                   begin the transaction again
///   ABORTED                 correct the command that rredis_pipeline_failed names
///   CALLBACK                read the callback's text in err.message
///   PANIC                   free the handle
///   MEMORY                  free memory; replace a handle that still returns MEMORY
/// ```
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rredis_outcome {
    /// the call had no command
    RREDIS_OUTCOME_NONE = 0,
    /// the command did not run: none of its bytes was sent, or the EXEC of its
    /// transaction was not sent
    RREDIS_OUTCOME_NOT_SENT = 1,
    /// the server answered that it did not run the command
    RREDIS_OUTCOME_REFUSED = 2,
    /// the command was sent, and may have run
    RREDIS_OUTCOME_UNKNOWN = 3,
    /// the command ran, and its reply exceeded a limit or a callback failed
    RREDIS_OUTCOME_RAN = 4,
}

/// Why a call failed. You own the struct. A call writes only to the struct that is
/// passed to it. Nothing in the struct must be freed. Its size is 256 bytes in every
/// version. A message that a callback writes is escaped as described below.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rredis_error {
    /// the status that the call returned
    pub status: rredis_status,
    /// whether the command ran
    pub outcome: rredis_outcome,
    /// errno, or 0
    pub os_error: i32,
    /// how many times the command was tried
    pub attempts: i32,
    /// one line of UTF-8, ending in a NUL, safe to print on a terminal. Control and
    /// format characters, line separators and invalid UTF-8 are written as \xHH for
    /// each byte, and a backslash as two. A server's error begins with its code, such
    /// as WRONGTYPE. A long message is cut, never inside a character or an escape
    pub message: [c_char; 240],
}

impl rredis_error {
    /// There is nothing for now. The words are plain ones.
    pub(crate) const fn again(words: &str) -> rredis_error {
        let mut message = [0; 240];
        let mut at = 0;
        while at < words.len() {
            message[at] = words.as_bytes()[at] as c_char;
            at += 1;
        }
        let (status, outcome) = (rredis_status::RREDIS_ERR_AGAIN, rredis_outcome::RREDIS_OUTCOME_NONE);
        rredis_error { status, outcome, os_error: 0, attempts: 0, message }
    }
}

/// Give the name of a status, such as "TIMEOUT", or "?" for an unknown status.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_status_name(status: MaybeUninit<rredis_status>) -> *const c_char {
    let name = match number(status) {
        0 => c"OK",
        failure => Status::from_number(failure).map_or(c"?", Status::c_name),
    };
    name.as_ptr()
}

/// Give the name of an outcome, such as "NOT_SENT", or "?" for an unknown outcome.
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
