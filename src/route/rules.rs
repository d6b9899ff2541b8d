//! What a reply, or a failure, means to a command that could be asked of another server, and what comes next. Without I/O and
//! without a clock.
//!
//! ```text
//!  what was met                                    what it says           next
//!  MOVED, of the command's own slot                it did not run         there; it has the slot from now on
//!  ASK, of the command's own slot                  it did not run         there, behind ASKING
//!  TRYAGAIN                                        it did not run         a pause, and the slot's owner
//!  CLUSTERDOWN, MASTERDOWN, LOADING, READONLY      it did not run         the gate of its shard
//!  no connection, or one lost before it was sent   it did not run         the gate
//!  either of them, behind an ASK                   it did not run         a pause, and the slot's owner
//!  a connection lost behind it                     nobody knows           the gate, where it may run twice
//!  anything else                                   it is the answer       -
//! ```
#![forbid(unsafe_code)]

use std::time::Duration;

use crate::commands::Refusal;
use crate::error::{Error, Outcome, Status};

use super::cluster::redirect::Redirect;

/// What the rules have to know of a command.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// The slot of its keys. None: it has none.
    pub(super) slot: Option<u16>,
    /// The table has the command, so that its slot is sure.
    pub(super) is_known: bool,
    /// It may answer with errors of its own making.
    pub(super) own_words: bool,
    /// It may run twice: it reads, or its caller says so.
    pub(super) may_run_twice: bool,
    /// It waits for its keys, for a time or for ever.
    pub(super) waits_for_keys: bool,
    /// It may wait until its shard works again.
    pub(super) may_wait: bool,
    /// It ends its server.
    pub(super) ends_server: bool,
}

/// How far a command has come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Steps {
    /// Redirects that it followed in a row: no server said between them that what ails it will pass.
    pub(super) hops: u32,
    /// Pauses that it made because keys were on their way.
    pub(super) pauses: u32,
    /// A connection that had been idle was found closed, and replaced.
    pub(super) replaced: bool,
    /// It was sent where an ASK had named. Should that server be sick, then the owner, at whose gate it would wait, is not.
    pub(super) is_aside: bool,
}

/// What was met.
pub(super) enum Met<'m> {
    /// An error reply, and the redirect that it is, if it is one to another server than the one that gave it.
    Refused(&'m [u8], Option<Redirect>),
    /// A failure. `rested`: the connection had been idle before.
    Failed { error: &'m Error, rested: bool },
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The caller is told.
    Tell,
    /// It did not run, and is sent where this says, after a pause.
    Go(Redirect, Duration),
    /// It did not run, and is sent to the slot's owner, after a pause.
    Again(Duration),
    /// It did not run. Its shard's gate is shut.
    Gate,
    /// It may have run, and may run twice. Its shard's gate is shut; it counts as a retry.
    Repeat,
    /// The caller is told; the next caller finds the gate shut.
    TellSick,
}

/// What comes next, after this was met.
pub(super) fn next(facts: &Facts, steps: &mut Steps, met: &Met<'_>) -> Next {
    let was_aside = std::mem::take(&mut steps.is_aside);
    let next = match met {
        Met::Refused(error, redirect) => refused(facts, steps, error, redirect.as_ref()),
        Met::Failed { error, rested } => failed(facts, steps, error, *rested),
    };
    match next {
        Next::Gate if was_aside => Next::Again(pause(steps)),
        next => next,
    }
}

/// Whether a server said that it does not serve.
pub(super) fn is_sick(facts: &Facts, error: &[u8]) -> bool {
    sickness(error, facts.own_words) == Some(Sickness::Server)
}

/// Whether the server said no for a reason of the cluster's, so that the command is sure not to have run.
#[cfg(test)]
fn did_not_run(facts: &Facts, error: &[u8]) -> bool {
    sickness(error, facts.own_words).is_some()
}

fn refused(facts: &Facts, steps: &mut Steps, error: &[u8], redirect: Option<&Redirect>) -> Next {
    if let Some(redirect) = redirect {
        let is_own = facts.slot == Some(slot_of(redirect)) || !facts.is_known;
        if !is_own || steps.hops >= REDIRECTS_MAX || facts.ends_server {
            return Next::Tell;
        }
        steps.hops += 1;
        steps.is_aside = matches!(redirect, Redirect::Ask { .. });
        return Next::Go(redirect.clone(), hop_pause(steps.hops));
    }
    let sickness = sickness(error, facts.own_words);
    // For as long as a slot is on its way, one server may refer to the other, which has not all keys yet. That is no ring.
    if sickness.is_some() {
        steps.hops = 0;
    }
    match sickness {
        Some(_) if !facts.may_wait || facts.ends_server => Next::Tell,
        Some(Sickness::Passes) => Next::Again(pause(steps)),
        Some(Sickness::Server) => Next::Gate,
        Some(Sickness::Demoted) if facts.waits_for_keys => Next::Gate,
        Some(Sickness::Demoted) | None => Next::Tell,
    }
}

fn failed(facts: &Facts, steps: &mut Steps, error: &Error, rested: bool) -> Next {
    let is_network = matches!(error.status, Status::Connect | Status::Io | Status::Timeout);
    if !is_network || facts.ends_server {
        return Next::Tell;
    }
    match error.outcome {
        // The server had closed the idle connection: a new one tells whether it is there.
        Outcome::NotSent if rested && error.status == Status::Io && !steps.replaced => {
            steps.replaced = true;
            Next::Again(Duration::ZERO)
        }
        Outcome::NotSent if facts.may_wait => {
            steps.hops = 0;
            Next::Gate
        }
        Outcome::NotSent => Next::TellSick,
        Outcome::Unknown if facts.may_wait && facts.may_run_twice => Next::Repeat,
        // What waits for its keys may have been late for that alone.
        Outcome::Unknown if error.status == Status::Io || !facts.waits_for_keys => Next::TellSick,
        _ => Next::Tell,
    }
}

/// Why a server does not run a command now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sickness {
    /// Its keys are on the way from one server to another.
    Passes,
    /// The server cannot serve, or is not the primary.
    Server,
    /// The server became a replica while the command waited there.
    Demoted,
}

fn sickness(error: &[u8], own_words: bool) -> Option<Sickness> {
    if own_words && !SERVERS_WORDS.iter().any(|words| error.starts_with(words)) {
        return Refusal::of(error, true).filter(|refusal| *refusal == Refusal::ReadOnly).map(|_| Sickness::Server);
    }
    match Refusal::of(error, false)? {
        Refusal::Passes if error.starts_with(b"TRYAGAIN") => Some(Sickness::Passes),
        Refusal::Passes | Refusal::ReadOnly => Some(Sickness::Server),
        Refusal::Unblocked => Some(Sickness::Demoted),
    }
}

fn slot_of(redirect: &Redirect) -> u16 {
    match redirect {
        Redirect::Moved { slot, .. } | Redirect::Ask { slot, .. } | Redirect::Nameless { slot } => *slot,
    }
}

/// No pause before the third redirect: the end of a migration is told to one server before the other, and until both know it
/// each names the other.
fn hop_pause(hops: u32) -> Duration {
    match hops {
        ..=2 => Duration::ZERO,
        hops => Duration::from_millis((10u64 << (hops - 3).min(3)).min(50)),
    }
}

fn pause(steps: &mut Steps) -> Duration {
    let pause = Duration::from_millis((5u64 << steps.pauses.min(4)).min(50));
    steps.pauses += 1;
    pause
}

/// Redirects that one command follows in a row.
pub(super) const REDIRECTS_MAX: u32 = 16;

/// The beginnings of what servers say to any command, before it is run: in these words a script answers only if it wants to be
/// taken for one.
const SERVERS_WORDS: [&[u8]; 7] = [
    b"TRYAGAIN Multiple keys request during rehashing of slot",
    b"CLUSTERDOWN The cluster is down",
    b"CLUSTERDOWN Hash slot not served",
    b"LOADING Redis is loading the dataset in memory",
    b"LOADING Valkey is loading the dataset in memory",
    b"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'",
    b"MASTERDOWN Link with MASTER is down and slave-serve-stale-data is set to 'no'",
];

#[cfg(test)]
mod tests;
