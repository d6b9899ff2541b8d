//! The tries of one command: what is known over all of them, and what one of them came to.
#![forbid(unsafe_code)]

use crate::error::{Error, Outcome};

/// What is known of a command over all its tries.
#[derive(Default)]
pub struct Tries {
    /// How many there were.
    pub count: u32,
    /// One of them was sent, and nobody knows what became of it.
    pub may_have_run: bool,
}

impl Tries {
    /// The error of the last try, as it is to be told of all of them: where an earlier one may have run, the command may have.
    pub fn tell(&self, error: Error) -> Error {
        let outcome = match error.outcome {
            Outcome::NotSent | Outcome::Refused if self.may_have_run => Outcome::Unknown,
            outcome => outcome,
        };
        Error { attempts: self.count, outcome, ..error }
    }
}

/// A try that failed, and whether its connection had rested before.
pub(super) struct Tried {
    pub(super) error: Error,
    pub(super) rested: bool,
}
