//! What went wrong, and what became of the command: the one error type of every floor.

/// Why a call failed. One for each status of the C boundary but OK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The call was wrong.
    Argument,
    /// The call came at the wrong time.
    State,
    /// Nothing whole has arrived yet; all is as it was.
    Again,
    /// An option or a URL is wrong.
    Config,
    /// This build, or this server, cannot do that.
    Unsupported,
    /// No server could be reached, or none that would talk to us.
    Connect,
    /// The connection broke.
    Io,
    /// The time allowed ran out.
    Timeout,
    /// Every connection is in use, and none came back in time.
    Busy,
    /// Another thread called for the wait to end.
    Woken,
    /// The handle belongs to the process that made it.
    Forked,
    /// The peer could not prove who it is, or would not speak TLS.
    Tls,
    /// What arrived was not RESP, or nobody had asked for it.
    Protocol,
    /// What arrived was past a limit set in the options.
    Limit,
    /// The server said no to who we are.
    Auth,
    /// The server answered with an error.
    Server,
    /// A watched key changed.
    Watch,
    /// EXECABORT.
    Aborted,
    /// A function of the caller's refused.
    Callback,
    /// A bug in librredis, caught.
    Panic,
    /// No memory.
    Memory,
}

impl Status {
    /// Its name, as the C boundary has it behind `RREDIS_ERR_`.
    pub fn name(self) -> &'static str {
        match self {
            Status::Argument => "ARGUMENT",
            Status::State => "STATE",
            Status::Again => "AGAIN",
            Status::Config => "CONFIG",
            Status::Unsupported => "UNSUPPORTED",
            Status::Connect => "CONNECT",
            Status::Io => "IO",
            Status::Timeout => "TIMEOUT",
            Status::Busy => "BUSY",
            Status::Woken => "WOKEN",
            Status::Forked => "FORKED",
            Status::Tls => "TLS",
            Status::Protocol => "PROTOCOL",
            Status::Limit => "LIMIT",
            Status::Auth => "AUTH",
            Status::Server => "SERVER",
            Status::Watch => "WATCH",
            Status::Aborted => "ABORTED",
            Status::Callback => "CALLBACK",
            Status::Panic => "PANIC",
            Status::Memory => "MEMORY",
        }
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
/// The sentence is bytes, for a server's error is kept as the server said it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", String::from_utf8_lossy(message))]
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
}

/// What every fallible function of this crate returns.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error with nothing known of a command yet.
    pub fn new(status: Status, message: impl Into<Vec<u8>>) -> Self {
        Error { status, outcome: Outcome::None, os_error: 0, attempts: 0, message: message.into() }
    }

    /// An error that a system call gave: `what` failed, with the errno and its text.
    pub fn os(status: Status, what: &str, error: &std::io::Error) -> Self {
        let os_error = error.raw_os_error().unwrap_or(0);
        Error { os_error, ..Error::new(status, format!("{what}: {}", os_text(error))) }
    }

    /// No memory for `what`.
    pub fn memory(what: &str) -> Self {
        Error::new(Status::Memory, format!("no memory for {what}"))
    }

    /// The same error, now that the fate of its command is known.
    pub fn with_outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }

    /// The same error, with `place` and a colon in front of its sentence.
    pub fn at(mut self, place: &str) -> Self {
        let mut message = Vec::with_capacity(place.len() + 2 + self.message.len());
        message.extend_from_slice(place.as_bytes());
        message.extend_from_slice(b": ");
        message.append(&mut self.message);
        self.message = message;
        self
    }
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
