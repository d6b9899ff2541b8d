//! The command that a handle was asked for last: a program that asks for it again, in the same case of letters, has it found at once.
#![forbid(unsafe_code)]

use crate::commands::{self, Command, CommandFlags, Exactly, Shape};

/// A command that is known by its one word.
#[derive(Clone, Copy)]
pub(super) struct Latest {
    pub(super) row: &'static Command,
    name: Exactly,
    /// The shape of its reply, where its arguments say nothing of that, nor of how long it may take, nor change the connection.
    pub(super) shape: Option<Shape>,
}

impl Latest {
    /// None: it has two words, of which the second one may be another next time.
    pub(super) fn of(row: &'static Command) -> Option<Latest> {
        let is_one_word = !row.flags.has(CommandFlags::CONTAINER) && !row.name().contains(' ');
        let shape = || commands::shape_without_arguments(row);
        is_one_word.then(|| Latest { row, name: Exactly::new(row.name()), shape: shape() })
    }

    /// Whether these are arguments of this command.
    #[inline(always)]
    pub(super) fn is(&self, args: &[&[u8]]) -> bool {
        args.first().is_some_and(|word| self.name.is(word))
    }
}

/// The row of the command that these arguments are. It is the latest one from now on, where it is not yet.
#[inline(always)]
pub(super) fn find(latest: &mut Option<Latest>, args: &[&[u8]]) -> Option<&'static Command> {
    match latest {
        Some(latest) if latest.is(args) => Some(latest.row),
        _ => find_anew(latest, args),
    }
}

#[inline(never)]
fn find_anew(latest: &mut Option<Latest>, args: &[&[u8]]) -> Option<&'static Command> {
    let row = commands::find(args)?;
    *latest = Latest::of(row).or(*latest);
    Some(row)
}
