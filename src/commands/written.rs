//! The language that the command table is written in. What is written is read by the compiler alone: `rows` has what is in the library.

use super::blocking::Timeout;
use super::command::{
    Access, Begin, Command, CommandFlags, Failure, Find, Finder, KeySpec, KeyWord, Repeat, Request, Response, Stretch,
};
use super::effect::Change;
use super::id::Id;

/// A row as it is written.
#[derive(Clone, Copy)]
pub(super) struct WrittenRow {
    /// All but its name and its keys.
    pub(super) command: Command,
    /// Its name in capital letters, of one or two words: `CLIENT LIST`.
    pub(super) name: &'static str,
    /// Where its keys are.
    pub(super) keys: &'static [KeySpec],
}

pub(super) const fn row(id: Id, name: &'static str, arity: i16, flags: u32) -> WrittenRow {
    let command = Command {
        id,
        name: Stretch::NOTHING,
        arity,
        flags: CommandFlags(flags),
        keys: Stretch::NOTHING,
        lone_key: 0,
        finder: Finder::Specification,
        request: Request::Default,
        response: Response::Default,
        repeat: Repeat::Never,
        timeout: Timeout::None,
        change: Change::None,
        // What a module does before it fails is its own business.
        failure: if flags & CommandFlags::MODULE != 0 { Failure::Halfway } else { Failure::Refused },
    };
    WrittenRow { command, name, keys: &[] }
}

impl WrittenRow {
    pub(super) const fn keys(self, keys: &'static [KeySpec]) -> WrittenRow {
        WrittenRow { keys, ..self }
    }

    pub(super) const fn finds(self, finder: Finder) -> WrittenRow {
        WrittenRow { command: Command { finder, ..self.command }, ..self }
    }

    pub(super) const fn request(self, request: Request) -> WrittenRow {
        WrittenRow { command: Command { request, ..self.command }, ..self }
    }

    pub(super) const fn response(self, response: Response) -> WrittenRow {
        WrittenRow { command: Command { response, ..self.command }, ..self }
    }

    pub(super) const fn repeats(self, repeat: Repeat) -> WrittenRow {
        WrittenRow { command: Command { repeat, ..self.command }, ..self }
    }

    pub(super) const fn waits(self, timeout: Timeout) -> WrittenRow {
        WrittenRow { command: Command { timeout, ..self.command }, ..self }
    }

    pub(super) const fn changes(self, change: Change) -> WrittenRow {
        WrittenRow { command: Command { change, ..self.command }, ..self }
    }

    pub(super) const fn fails(self, failure: Failure) -> WrittenRow {
        WrittenRow { command: Command { failure, ..self.command }, ..self }
    }

    pub(super) const fn container(self) -> WrittenRow {
        WrittenRow {
            command: Command { flags: CommandFlags(self.command.flags.0 | CommandFlags::CONTAINER), ..self.command },
            ..self
        }
    }
}

pub(super) const fn key(access: u32, begin: Begin, find: Find) -> KeySpec {
    KeySpec { access: Access(access), begin, find }
}

pub(super) const fn unsaid(access: u32) -> KeySpec {
    key(access, Begin::Unsaid, Find::Unsaid)
}

pub(super) const fn at(index: u8) -> Begin {
    Begin::Index(index)
}

pub(super) const fn after(word: KeyWord, from: i8) -> Begin {
    Begin::Keyword(word, from)
}

pub(super) const fn range(last: i8, step: u8, limit: u8) -> Find {
    Find::Range { last, step, limit }
}

pub(super) const fn counted(at: u8, first: u8, step: u8) -> Find {
    Find::Count { at, first, step }
}
