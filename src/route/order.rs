//! A command that is to be asked, and what is known of it: put together once, when its call begins, and asked by all below.

use crate::commands::{self, Blocking, Command, Effect, Refusal, Shape};
use crate::conn::{Connection, Kept, Wait};
use crate::error::{Error, Outcome, Result, Status, head};
use crate::reply::Reply;
use crate::session::Asked;

/// A command, and what is known of it before it is asked.
#[derive(Clone, Copy)]
pub struct Order<'a> {
    /// Its arguments, its name first.
    pub args: &'a [&'a [u8]],
    /// What the table has of it.
    pub row: Option<&'static Command>,
    /// The room that its arguments take, for they were looked at.
    pub room: usize,
    /// What it does to its connection.
    pub effect: Effect,
    /// The shape that its reply is to have.
    pub shape: Shape,
    /// How long it may take.
    pub wait: Wait<'a>,
    /// Its caller wants no other try.
    pub once: bool,
    /// Its caller says that it may run twice.
    pub idempotent: bool,
}

impl Order<'_> {
    /// The error that the server answered with, in its own words.
    pub fn error(&self, reply: &Reply) -> Error {
        server_error(self.row, reply)
    }

    /// Whether the server ends where it does as it is told. Whoever answers next may have been started in its place.
    pub fn ends_server(&self) -> bool {
        self.effect == Effect::Shutdown
    }

    /// It, for a connection of its own, which it may change.
    pub fn asked(&self) -> Asked<'_> {
        Asked::known(self.args, self.room, self.effect, self.shape)
    }

    /// Ask it over this connection, and wait for its reply.
    #[inline]
    pub fn ask_over(&self, connection: &mut Connection, kept: &mut Kept) -> Result<Reply> {
        let ticket = connection.submit_known(self.args, self.room, self.effect, self.shape)?;
        connection.reply_to(ticket, &self.wait, kept)
    }

    /// Whether it may be tried again where it failed so.
    pub fn may_repeat(&self, error: &Error) -> bool {
        if self.once || self.ends_server() {
            return false;
        }
        let network = matches!(error.status, Status::Connect | Status::Io | Status::Timeout);
        match error.outcome {
            _ if error.status == Status::Server => self.is_refused_for_now(error),
            Outcome::NotSent => network,
            Outcome::Unknown => network && (self.idempotent || self.row.is_some_and(Command::only_reads)),
            Outcome::Refused | Outcome::None | Outcome::Ran => false,
        }
    }

    /// Whether the server refused a command that it, or another behind its address, may take.
    fn is_refused_for_now(&self, error: &Error) -> bool {
        match Refusal::of(&error.message, commands::has_own_words(self.row)) {
            Some(Refusal::Passes) => error.outcome == Outcome::Refused,
            // Nothing was written, not even where a script had begun.
            Some(Refusal::ReadOnly) => true,
            // What waits for replicas asks after its own connection's writes; and what was to wait for so long has waited
            // already.
            Some(Refusal::Unblocked) => self.row.is_some_and(|row| {
                let waits_for_ever = row.blocking(self.args) == Some(Blocking::Forever);
                waits_for_ever && !row.keys.is_empty()
            }),
            None => false,
        }
    }
}

/// The error that the server answered with to a command of this row, in its own words.
pub fn server_error(row: Option<&Command>, reply: &Reply) -> Error {
    let outcome = row.map_or(Outcome::Unknown, |row| row.error_outcome(reply.text()));
    Error { attempts: 1, ..Error::new(Status::Server, head(reply.text())).with_outcome(outcome) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::Deadline;

    fn may_repeat(args: &[&[u8]], idempotent: bool, error: &Error) -> bool {
        let wait = Wait { deadline: Deadline::never(), allowed_ms: -1, name: args[0] };
        let row = commands::find(args);
        let effect = row.map_or(Effect::None, |row| row.effect(args));
        let order = Order { args, row, room: 0, effect, shape: Shape::KEEP, wait, once: false, idempotent };
        let once = Order { once: true, ..order };
        assert!(!once.may_repeat(error));
        order.may_repeat(error)
    }

    #[test]
    fn only_what_cannot_run_twice_or_may_is_repeated() {
        let error = |status, outcome, text: &str| Error::new(status, text).with_outcome(outcome);
        let (incr, get): (&[&[u8]], &[&[u8]]) = (&[b"INCR", b"k"], &[b"GET", b"k"]);
        let lost = error(Status::Io, Outcome::Unknown, "");
        assert!(!may_repeat(incr, false, &lost));
        assert!(may_repeat(incr, true, &lost));
        assert!(may_repeat(get, false, &lost));
        assert!(may_repeat(incr, false, &error(Status::Connect, Outcome::NotSent, "")));
        assert!(may_repeat(incr, false, &error(Status::Server, Outcome::Refused, "LOADING x")));
        for never in [
            error(Status::Server, Outcome::Refused, "WRONGTYPE x"),
            error(Status::Server, Outcome::Unknown, "LOADING x"),
            error(Status::Aborted, Outcome::Refused, "LOADING x"),
            error(Status::Protocol, Outcome::Unknown, ""),
            error(Status::Limit, Outcome::Ran, ""),
            error(Status::Auth, Outcome::NotSent, ""),
            error(Status::Busy, Outcome::NotSent, ""),
            error(Status::Argument, Outcome::NotSent, ""),
        ] {
            assert!(!may_repeat(get, true, &never), "{never:?}");
        }
        let eval: &[&[u8]] = &[b"EVAL", b"x", b"0"];
        let pop: &[&[u8]] = &[b"BLPOP", b"k", b"0"];
        let pop_in_time: &[&[u8]] = &[b"BLPOP", b"k", b"5"];
        let wait: &[&[u8]] = &[b"WAIT", b"1", b"0"];
        let replica = "READONLY You can't write against a read only replica.";
        assert!(may_repeat(incr, false, &error(Status::Server, Outcome::Refused, replica)));
        assert!(may_repeat(eval, false, &error(Status::Server, Outcome::Unknown, replica)));
        assert!(!may_repeat(eval, true, &error(Status::Server, Outcome::Unknown, "READONLY today")));
        let unblocked = "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)";
        let unblocked = error(Status::Server, Outcome::Refused, unblocked);
        assert!(may_repeat(pop, false, &unblocked));
        assert!(!may_repeat(pop_in_time, false, &unblocked) && !may_repeat(wait, false, &unblocked));
    }
}
