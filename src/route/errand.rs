//! A command of a batch that is still to be sent, what it has met so far, and what it comes to where no server answers it.
#![forbid(unsafe_code)]

use crate::commands::{self, Refusal};
use crate::error::{Error, Outcome, Status};

use super::order::waits_for_ever;
use super::rules::{Facts, Steps};
use super::walk::Aside;

/// A command of a batch that is still to be sent.
pub struct Errand {
    /// Its index in the batch.
    pub index: usize,
    /// None: it was not sent yet.
    met: Option<Box<Encounters>>,
}

/// What a command has met so far.
#[derive(Default)]
pub(super) struct Encounters {
    pub(super) steps: Steps,
    /// Where it goes, if not to the owner of its slot.
    pub(super) aside: Option<Aside>,
    /// What the last try came to.
    pub(super) last: Option<Told>,
    /// An earlier try was sent, and nobody knows whether it ran.
    pub(super) may_have_run: bool,
}

/// What the caller is told of a command that nobody ran, or of which nobody knows whether it ran.
pub enum Told {
    /// A server's words.
    Words(Vec<u8>),
    /// Why it was not answered.
    Failed(Error),
}

/// A command that is not sent any more.
pub struct Lost {
    /// Its index in the batch.
    pub index: usize,
    /// What the caller is told of it.
    pub told: Told,
}

impl Errand {
    /// Of the command with this index.
    pub fn new(index: usize) -> Errand {
        Errand { index, met: None }
    }

    /// Whether it is to stand directly behind ASKING.
    pub fn is_asking(&self) -> bool {
        self.aside().is_some_and(|aside| aside.asking)
    }

    pub(super) fn aside(&self) -> Option<&Aside> {
        self.met.as_ref()?.aside.as_ref()
    }

    pub(super) fn met(&mut self) -> &mut Encounters {
        self.met.get_or_insert_default()
    }

    /// It is not sent any more, for this reason.
    pub(super) fn lose(self, told: Told) -> Lost {
        let may_have_run = self.met.is_some_and(|met| met.may_have_run);
        let told = match told {
            Told::Failed(error) if may_have_run => Told::Failed(error.with_outcome(Outcome::Unknown)),
            // The last try did not run. An earlier one may have.
            Told::Words(words) if may_have_run && may_be_refusal(&words) => {
                Told::Failed(Error::new(Status::Server, words).with_outcome(Outcome::Unknown))
            }
            told => told,
        };
        Lost { index: self.index, told }
    }

    /// Its time is up: what it was told last, or else this.
    pub(super) fn give_up(mut self, why: impl FnOnce(Option<Error>) -> Error) -> Lost {
        match self.met.as_mut().and_then(|met| met.last.take()) {
            Some(Told::Words(words)) => self.lose(Told::Words(words)),
            Some(Told::Failed(error)) => self.lose(Told::Failed(why(Some(error)))),
            None => self.lose(Told::Failed(why(None))),
        }
    }
}

/// Whether an error may say that its command did not run, and that another server, or another moment, is the right one.
pub fn may_be_refusal(error: &[u8]) -> bool {
    error.starts_with(b"MOVED ")
        || error.starts_with(b"ASK ")
        || [false, true].into_iter().any(|own_words| Refusal::of(error, own_words).is_some())
}

/// The commands of a batch, as a route has to know them.
pub trait Batched {
    /// The slot of a command's keys. None: any server will do.
    fn slot_of(&self, index: usize) -> Option<u16>;

    /// What the rules have to know of a command.
    fn facts_of(&self, index: usize) -> Facts;
}

impl Facts {
    /// Of the command that these arguments are. It may not wait.
    pub fn of(args: &[&[u8]], slot: Option<u16>, is_idempotent: bool) -> Facts {
        let row = commands::find(args);
        Facts {
            slot,
            is_known: row.is_some(),
            own_words: commands::has_own_words(row),
            may_run_twice: is_idempotent || row.is_some_and(commands::Command::only_reads),
            waits_for_keys: row.is_some_and(|row| waits_for_ever(row, args)),
            may_wait: false,
            ends_server: commands::is_shutdown(args),
        }
    }
}
