//! The tries of one command: the state over all of them, and the failure of one.
#![forbid(unsafe_code)]

use crate::conn::Kept;
use crate::error::{Error, Outcome};
use crate::reply::Reply;

/// The state over all tries of a command.
#[derive(Default)]
pub struct Tries {
    /// The number of tries.
    pub count: u32,
    /// A try was sent and its outcome is unknown.
    pub may_have_run: bool,
    /// The worst that became of the other parts of the command.
    pub(super) others: Option<Outcome>,
    /// The first try, where it was made before the others were thought of.
    pub(super) made: Option<Box<MadeTry>>,
}

/// A try that was made, and whose pushes and notices are still to be shown.
pub struct MadeTry {
    pub(super) tried: Result<Reply, Tried>,
    pub(super) kept: Kept,
}

impl Tries {
    /// The tries of a command whose first one came to this.
    pub fn after(made: Option<Box<MadeTry>>) -> Tries {
        Tries { made, ..Tries::default() }
    }

    /// The error of the last try as the error of the whole call: if an earlier try may have run, the outcome is
    /// UNKNOWN.
    pub fn tell(&self, error: Error) -> Error {
        let outcome = match error.outcome {
            Outcome::NotSent | Outcome::Refused if self.may_have_run => Outcome::Unknown,
            outcome => self.others.map_or(outcome, |others| worse(outcome, others)),
        };
        Error { attempts: self.count, outcome, ..error }
    }
}

/// What is to be told of two parts of one command, of which this and that became.
pub(super) fn worse(one: Outcome, other: Outcome) -> Outcome {
    let rank = |outcome| match outcome {
        Outcome::None => 0,
        Outcome::NotSent => 1,
        Outcome::Refused => 2,
        Outcome::Ran => 3,
        Outcome::Unknown => 4,
    };
    if rank(other) > rank(one) { other } else { one }
}

/// A try that failed, and whether its connection had been idle in the pool before.
pub(super) struct Tried {
    pub(super) error: Error,
    pub(super) rested: bool,
}
