//! The command table: one row for each command, and functions that answer questions about a command.

mod blocking;
mod command;
mod effect;
mod find;
mod id;
mod keys;
mod noscript;
mod refusal;
mod rows;
pub mod shape;
mod slot;
#[cfg(test)]
mod tests;

#[rustfmt::skip]
mod table;
mod written;

use crate::error::Outcome;

pub use blocking::{Blocking, Place, Timeout};
pub use command::{
    Access, Begin, Command, CommandFlags, Failure, Find, Finder, KeySpec, KeyWord, Repeat, Request, Response,
};
pub use effect::{Change, Effect, Topic};
pub use find::{Exactly, find};
pub use id::Id;
pub use keys::{CommandKey, Keys, NoKeys, keys, routing_keys};
pub use noscript::unknown_script;
pub use refusal::{Refusal, has_own_words};
pub use shape::{Shape, shape, shape_of, shape_without_arguments};
pub use slot::{SLOTS, slot};
pub use table::DIFFERENCES;

/// Every row, in the order of the names.
pub fn all() -> &'static [Command] {
    &rows::ROWS
}

/// Whether the table has this command, by its first word in any case of letters.
pub fn known(args: &[&[u8]]) -> bool {
    find(args).is_some()
}

/// Whether the command only reads, so that it may be repeated when nobody knows whether it ran.
pub fn only_reads(args: &[&[u8]]) -> bool {
    find(args).is_some_and(Command::only_reads)
}

/// How long the server may wait, where the command asks it to.
pub fn blocking(args: &[&[u8]]) -> Option<Blocking> {
    find(args)?.timeout.read(args)
}

/// The canonical name of a command that changes its connection, which a client of many connections therefore refuses.
pub fn connection_state(args: &[&[u8]]) -> Option<&'static str> {
    find(args)?.connection_state()
}

/// What the command does to its connection. One that the server is sure to refuse does nothing.
pub fn effect(args: &[&[u8]]) -> Effect {
    find(args).map_or(Effect::None, |row| row.effect(args))
}

/// Whether the server ends where it does as it is told, and so has no reply. Asked of every command.
#[inline(always)]
pub fn is_shutdown(args: &[&[u8]]) -> bool {
    matches!(args, [name, ..] if name.len() == SHUTDOWN.len()) && shuts_down(args)
}

#[cold]
fn shuts_down(args: &[&[u8]]) -> bool {
    args[0].eq_ignore_ascii_case(SHUTDOWN) && effect(args) == Effect::Shutdown
}

const SHUTDOWN: &[u8] = b"SHUTDOWN";

/// What an error reply says of the command: that it did not run, or, where a script or an unknown hand may have done half
/// of its work before the error, nothing.
pub fn error_outcome(args: &[&[u8]], error: &[u8]) -> Outcome {
    find(args).map_or(Outcome::Unknown, |row| row.error_outcome(error))
}
