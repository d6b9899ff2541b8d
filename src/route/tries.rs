//! The tries of one command: the state over all of them, and the failure of one.
#![forbid(unsafe_code)]

use crate::error::{Error, Outcome};

/// The state over all tries of a command.
#[derive(Default)]
pub struct Tries {
    /// The number of tries.
    pub count: u32,
    /// A try was sent and its outcome is unknown.
    pub may_have_run: bool,
}

impl Tries {
    /// The error of the last try as the error of the whole call: if an earlier try may have run, the outcome is
    /// UNKNOWN.
    pub fn tell(&self, error: Error) -> Error {
        let outcome = match error.outcome {
            Outcome::NotSent | Outcome::Refused if self.may_have_run => Outcome::Unknown,
            outcome => outcome,
        };
        Error { attempts: self.count, outcome, ..error }
    }
}

/// A try that failed, and whether its connection had been idle in the pool before.
pub(super) struct Tried {
    pub(super) error: Error,
    pub(super) rested: bool,
}
