//! The error type of the whole crate: the status, the outcome of the command, and the message.

pub mod line;

use std::ffi::CStr;

use crate::limits::MESSAGE_BYTES_MAX;

/// The statuses, each with its number and its name: what is asked of them by number or in turn comes from this one list.
macro_rules! statuses {
    ($($(#[$meaning:meta])* $status:ident = $number:literal, $name:literal;)*) => {
        /// Why a call failed. One for each status of the C boundary but OK, of the same number: in tens, by who can mend it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Status {
            $($(#[$meaning])* $status = $number,)*
        }

        impl Status {
            /// Every one, in the order of their numbers.
            pub const ALL: &[Status] = &[$(Status::$status),*];

            /// Its name, as the C boundary has it behind `RREDIS_ERR_`, with a NUL behind it.
            pub fn c_name(self) -> &'static CStr {
                match self {
                    $(Status::$status => $name,)*
                }
            }
        }
    };
}

statuses! {
    /// The call was wrong.
    Argument = 1, c"ARGUMENT";
    /// The call came at the wrong time.
    State = 2, c"STATE";
    /// Nothing whole has arrived yet; all is as it was.
    Again = 3, c"AGAIN";
    /// An option or a URL is wrong.
    Config = 4, c"CONFIG";
    /// This build, or this server, cannot do that.
    Unsupported = 5, c"UNSUPPORTED";
    /// No server could be reached, or none that would talk to us.
    Connect = 10, c"CONNECT";
    /// The connection broke.
    Io = 11, c"IO";
    /// The time allowed ran out.
    Timeout = 12, c"TIMEOUT";
    /// Every connection is in use, and none came back in time.
    Busy = 13, c"BUSY";
    /// Another thread called for the wait to end.
    Woken = 14, c"WOKEN";
    /// The handle belongs to the process that made it.
    Forked = 15, c"FORKED";
    /// The peer could not prove who it is, or would not speak TLS.
    Tls = 16, c"TLS";
    /// What arrived was not RESP, or nobody had asked for it.
    Protocol = 20, c"PROTOCOL";
    /// What arrived was past a limit set in the options.
    Limit = 21, c"LIMIT";
    /// The server said no to who we are.
    Auth = 30, c"AUTH";
    /// The server answered with an error.
    Server = 31, c"SERVER";
    /// A watched key changed.
    Watch = 32, c"WATCH";
    /// EXECABORT.
    Aborted = 33, c"ABORTED";
    /// A function of the caller's refused.
    Callback = 80, c"CALLBACK";
    /// A bug in librredis, caught.
    Panic = 90, c"PANIC";
    /// No memory.
    Memory = 91, c"MEMORY";
}

impl Status {
    /// The status of this number.
    pub fn from_number(number: u32) -> Option<Status> {
        Status::ALL.iter().copied().find(|status| *status as u32 == number)
    }

    /// Its name, as the C boundary has it behind `RREDIS_ERR_`.
    pub fn name(self) -> &'static str {
        self.c_name().to_str().unwrap_or("?")
    }
}

/// What became of the command of a failed call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// There was no command.
    #[default]
    None,
    /// No byte of it left: it did not run.
    NotSent,
    /// The server says it did not run it.
    Refused,
    /// It was sent; it may have run.
    Unknown,
    /// It ran; what failed came after.
    Ran,
}

/// A failure: its status, the fate of its command, errno where there is one, and one good sentence.
///
/// The sentence is bytes, for a server's error is kept as the server said it. Whoever shows it shows a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", line::of(message))]
pub struct Error {
    /// Why.
    pub status: Status,
    /// What became of the command.
    pub outcome: Outcome,
    /// errno, or 0.
    pub os_error: i32,
    /// How often the command was tried.
    pub attempts: u32,
    /// One sentence that names the thing.
    pub message: Vec<u8>,
    /// What there is in the place of what was refused.
    pub instead: Option<Instead>,
}

/// What there is in the place of what was refused. How a caller says it, the roof knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instead {
    /// A subscriber.
    Subscriber,
    /// A run of a pipeline, which opens and ends a transaction by itself.
    Transaction,
    /// The watch of a pipeline.
    Watch,
    /// To clear a pipeline.
    Clear,
    /// To run as a transaction what was watched for.
    Atomic,
    /// The option of the database.
    Database,
    /// The options of user and password.
    Login,
    /// The options of all that a greeting says.
    Greeting,
    /// The option of the client's name.
    ClientName,
    /// The option of the library's name.
    LibraryName,
    /// To free a handle.
    Free,
    /// A connection of one's own.
    Connection,
    /// A call of a client's, which asks each server, or a client of one.
    EachServer,
    /// A client of one server.
    OneServer,
    /// The option by which a command is sent in parts.
    Split,
    /// Nothing: no handle takes it.
    Nothing,
}

/// What every fallible function of this crate returns.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error with nothing known of a command yet.
    #[cold]
    #[inline(never)]
    pub fn new(status: Status, message: impl Into<Vec<u8>>) -> Self {
        Error { status, outcome: Outcome::None, os_error: 0, attempts: 0, message: message.into(), instead: None }
    }

    /// An error that a system call gave: `what` failed, with the errno and its text.
    #[cold]
    #[inline(never)]
    pub fn os(status: Status, what: &str, error: &std::io::Error) -> Self {
        let os_error = error.raw_os_error().unwrap_or(0);
        Error { os_error, ..Error::new(status, format!("{what}: {}", os_text(error))) }
    }

    /// No memory for `what`.
    #[cold]
    #[inline(never)]
    pub fn memory(what: &str) -> Self {
        Error::new(Status::Memory, format!("no memory for {what}"))
    }

    /// The same error, now that the fate of its command is known.
    pub fn with_outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }

    /// The same error, with what there is instead.
    pub fn with_instead(mut self, instead: Instead) -> Self {
        self.instead = Some(instead);
        self
    }

    /// The same error, with `place` and a colon in front of its sentence.
    #[cold]
    #[inline(never)]
    pub fn at(mut self, place: &str) -> Self {
        let mut message = Vec::with_capacity(place.len() + 2 + self.message.len());
        message.extend_from_slice(place.as_bytes());
        message.extend_from_slice(b": ");
        message.append(&mut self.message);
        self.message = message;
        self
    }
}

/// As much of somebody else's text as a message shows.
pub fn head(text: &[u8]) -> &[u8] {
    head_of(text, MESSAGE_BYTES_MAX)
}

/// At most so many bytes of a text, cut between characters where it is UTF-8.
pub fn head_of(text: &[u8], max: usize) -> &[u8] {
    if text.len() <= max {
        return text;
    }
    let is_boundary = |at: &usize| text.get(*at).is_none_or(|byte| byte & 0xc0 != 0x80);
    let cut = (max.saturating_sub(3)..=max).rev().find(is_boundary).unwrap_or(max);
    &text[..cut]
}

/// Somebody else's text in quotes, with `...` where it was cut. Whoever shows it shows a line, so here it is as it is.
pub fn quoted(text: &[u8], max: usize) -> Vec<u8> {
    let head = head_of(text, max);
    let end: &[u8] = if head.len() < text.len() { b"...\"" } else { b"\"" };
    [b"\"", head, end].concat()
}

/// The system's own words for an error, without the number that std appends.
fn os_text(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_os_error_keeps_its_number_and_the_systems_words() {
        let refused = std::io::Error::from_raw_os_error(libc::ECONNREFUSED);
        let error = Error::os(Status::Connect, "connect", &refused).at("127.0.0.1:1");
        assert_eq!(error.os_error, libc::ECONNREFUSED);
        assert_eq!(error.to_string(), "127.0.0.1:1: connect: Connection refused");
    }
}
