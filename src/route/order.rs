//! A command as it is sent, with what is known of it. It is made once, when the call begins.

use std::time::Instant;

use crate::commands::{self, Blocking, Command, CommandFlags, Effect, Id, Refusal, Shape};
use crate::conn::{Connection, Kept, Wait};
use crate::error::{Error, Outcome, Result, Status, head};
use crate::reply::Reply;
use crate::session::Asked;

/// A command, and what is known of it before it is sent.
#[derive(Clone, Copy)]
pub struct Order<'a> {
    /// The arguments, beginning with the command's name.
    pub args: &'a [&'a [u8]],
    /// The command's row in the table. `None`: the command is unknown.
    pub row: Option<&'static Command>,
    /// The room for the encoded arguments, in bytes, from `resp::checked_room`.
    pub room: usize,
    /// What the command changes of its connection.
    pub effect: Effect,
    /// The shape that the reply is given.
    pub shape: Shape,
    /// The time that the command may take.
    pub wait: Wait<'a>,
    /// When the call began.
    pub begun: Instant,
    /// The caller wants one try only (NO_RETRY).
    pub once: bool,
    /// The caller wants a connection that nobody shares meanwhile (ALONE).
    pub alone: bool,
    /// The caller wants the primary's answer (PRIMARY).
    pub primary: bool,
    /// The caller says that the command may run twice (IDEMPOTENT).
    pub idempotent: bool,
}

impl Order<'_> {
    /// The error reply as an `Error`, with the server's text.
    pub fn error(&self, reply: &Reply) -> Error {
        server_error(self.row, reply)
    }

    /// Whether the command may share its connection: it is known neither to block nor to change the connection, and is short.
    #[inline]
    pub fn may_share(&self) -> bool {
        let Some(row) = self.row.filter(|row| !self.alone && may_ride(row, self.room)) else { return false };
        self.effect == Effect::None && row.blocking(self.args).is_none()
    }

    /// Whether the command is SHUTDOWN. It is never tried again: the next server at the address may be a new one.
    pub fn ends_server(&self) -> bool {
        self.effect == Effect::Shutdown
    }

    /// Whether the command waits for its keys until something comes.
    pub fn waits_for_ever(&self) -> bool {
        self.row.is_some_and(|row| waits_for_ever(row, self.args))
    }

    /// Whether the command waits for its keys, for a time or for ever.
    pub fn waits_for_keys(&self) -> bool {
        self.row.is_some_and(|row| row.blocking(self.args).is_some() && !row.keys().is_empty())
    }

    /// At a try after the first, the argument that says how long the server may wait, and what it is by now. None: it stays.
    pub(super) fn left(&self, attempt: u32) -> Option<(usize, String)> {
        let row = self.row.filter(|_| attempt > 1)?;
        match row.blocking(self.args)? {
            Blocking::Forever => None,
            Blocking::For(time) => row.shortened(self.args, time.saturating_sub(self.begun.elapsed())),
        }
    }

    /// The command with that argument, in these arguments.
    pub(super) fn shortened<'s>(
        &'s self,
        left: Option<&'s (usize, String)>,
        args: &'s mut Vec<&'s [u8]>,
    ) -> Result<Order<'s>> {
        let Some((index, text)) = left else { return Ok(*self) };
        args.try_reserve_exact(self.args.len()).map_err(|_| Error::memory("the arguments"))?;
        args.extend_from_slice(self.args);
        if let Some(arg) = args.get_mut(*index) {
            *arg = text.as_bytes();
        }
        let room = crate::resp::checked_room(args)?;
        Ok(Order { args, room, ..*self })
    }

    /// Whether a replica may answer the command: it only reads, and what it begins is not to be gone on with elsewhere.
    pub fn may_be_replicas(&self) -> bool {
        use Id::{Hscan, Scan, Sscan, Zscan};
        let Some(row) = self.row.filter(|row| !self.primary && row.is_plain()) else { return false };
        row.only_reads() && row.flags.has(CommandFlags::READONLY) && !matches!(row.id, Hscan | Scan | Sscan | Zscan)
    }

    /// The command for a connection of the caller's own, whose state it may change.
    pub fn asked(&self) -> Asked<'_> {
        Asked::known(self.args, self.room, self.effect, self.shape)
    }

    /// Send the command over this connection, and wait for its reply.
    #[inline]
    pub fn ask_over(&self, connection: &mut Connection, kept: &mut Kept) -> Result<Reply> {
        let ticket = match connection.begun() {
            Some(ticket) => ticket,
            None => connection.submit_known(self.args, self.room, self.effect, self.shape)?,
        };
        connection.reply_to(ticket, &self.wait, kept)
    }

    /// Whether the command may be tried again after this error.
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

    /// Whether the server refused the command for a reason that passes, or because it is a replica: another server
    /// behind the address may be the primary.
    fn is_refused_for_now(&self, error: &Error) -> bool {
        match Refusal::of(&error.message, commands::has_own_words(self.row)) {
            Some(Refusal::Passes) => error.outcome == Outcome::Refused,
            // A replica writes nothing, even if a script had begun.
            Some(Refusal::ReadOnly) => true,
            // WAIT and WAITAOF concern the writes of their own connection, so another connection is of no use. A
            // command with a timeout would wait for the whole of it again.
            Some(Refusal::Unblocked) => self.waits_for_ever(),
            None => false,
        }
    }
}

/// Whether the command of this row waits for its keys until something comes.
pub(super) fn waits_for_ever(row: &Command, args: &[&[u8]]) -> bool {
    row.blocking(args) == Some(Blocking::Forever) && !row.keys().is_empty()
}

/// Whether a command of this row that takes so much room may share its connection, where it neither blocks nor changes that.
pub(super) fn may_ride(row: &Command, room: usize) -> bool {
    room <= SHARED_BYTES_MAX && !frees_others(row)
}

/// Whether the command ends what other commands wait for, and would wait behind them itself.
fn frees_others(row: &Command) -> bool {
    use Id::{ClientKill, ClientUnblock, ClientUnpause, Failover, FunctionKill, ScriptKill};
    matches!(row.id, ClientKill | ClientUnblock | ClientUnpause | Failover | FunctionKill | ScriptKill)
}

/// Bytes of a command that shares its connection.
const SHARED_BYTES_MAX: usize = 16 << 10;

/// The error reply to a command as an `Error`, with the server's text. `row` is the command's row in the table.
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
        let order = Order {
            args,
            row,
            room: 0,
            effect,
            shape: Shape::KEEP,
            wait,
            begun: Instant::now(),
            once: false,
            alone: false,
            primary: false,
            idempotent,
        };
        let once = Order { once: true, ..order };
        assert!(!once.may_repeat(error));
        order.may_repeat(error)
    }

    #[test]
    fn only_a_command_that_did_not_run_or_may_run_twice_is_repeated() {
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
