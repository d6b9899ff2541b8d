//! A row of the command table: what is known of a command before it is sent.

use super::blocking::{Blocking, Timeout};
use super::effect::{Change, Effect};
use super::id::Id;
use super::noscript::unknown_script;
use crate::error::{Instead, Outcome};

/// What is known of one command, or of one subcommand.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// Which it is, for a `match`.
    pub id: Id,
    /// Where its name is among all names,
    pub(super) name: Stretch,
    /// and where its keys are said among all specifications.
    pub(super) keys: Stretch,
    /// How many arguments it has, its name among them; a negative number is at least so many.
    pub arity: i16,
    /// What kind of command it is.
    pub flags: CommandFlags,
    /// The argument that is its one key, where that stands at a fixed place; 0: it has none, or others.
    pub(super) lone_key: u8,
    /// Which code finds its keys, where the specification alone does not.
    pub finder: Finder,
    /// Which servers of a cluster have to be asked.
    pub request: Request,
    /// What becomes of their replies.
    pub response: Response,
    /// Whether it may be sent again when nobody knows whether it ran.
    pub repeat: Repeat,
    /// How long the server may wait with its reply, and where that stands.
    pub timeout: Timeout,
    /// What it does to its connection.
    pub change: Change,
    /// What an error reply says of it.
    pub failure: Failure,
}

impl Command {
    /// Whether it changes nothing of its connection and does not wait on the server, whatever its arguments are.
    #[inline]
    pub fn is_plain(&self) -> bool {
        self.change == Change::None && self.timeout == Timeout::None
    }

    /// What there is for it, where it changes its connection.
    pub(super) fn instead(&self) -> Instead {
        match (self.id, self.change) {
            (Id::ClientSetname, _) => Instead::ClientName,
            (Id::ClientSetinfo, _) => Instead::LibraryName,
            (Id::Sync | Id::Psync | Id::Replconf, _) => Instead::Nothing,
            (_, Change::Select) => Instead::Database,
            (_, Change::Subscribe(_) | Change::Unsubscribe(_)) => Instead::Subscriber,
            (_, Change::Fixed(effect)) => match effect {
                Effect::Multi | Effect::Exec => Instead::Transaction,
                Effect::Discard | Effect::Unwatch => Instead::Clear,
                Effect::Watch => Instead::Watch,
                Effect::Auth => Instead::Login,
                Effect::Hello => Instead::Greeting,
                Effect::Quit => Instead::Free,
                _ => Instead::Connection,
            },
            (_, Change::None | Change::Shutdown | Change::Reply) => Instead::Connection,
        }
    }

    /// How long the server may wait with these arguments.
    #[inline]
    pub fn blocking(&self, args: &[&[u8]]) -> Option<Blocking> {
        self.timeout.read(args)
    }

    /// The argument that says how long the server may wait, and what it is where the server may wait for less. None: there is
    /// no such time.
    pub fn shortened(&self, args: &[&[u8]], left: std::time::Duration) -> Option<(usize, String)> {
        self.timeout.shortened(args, left)
    }

    /// What it does to its connection with these arguments.
    #[inline]
    pub fn effect(&self, args: &[&[u8]]) -> Effect {
        self.change.effect(args)
    }

    /// Whether it only reads, so that it may be repeated when nobody knows whether it ran.
    pub fn only_reads(&self) -> bool {
        self.repeat == Repeat::Reads
    }

    /// What this error reply says of it.
    pub fn error_outcome(&self, error: &[u8]) -> Outcome {
        match self.failure {
            Failure::Refused => Outcome::Refused,
            Failure::Script if unknown_script(error) => Outcome::Refused,
            Failure::Script | Failure::Halfway => Outcome::Unknown,
        }
    }

    /// Whether the server takes so many arguments.
    pub fn takes(&self, argc: usize) -> bool {
        let arity = usize::from(self.arity.unsigned_abs());
        if self.arity < 0 { argc >= arity } else { argc == arity }
    }
}

/// What kind of command it is: the words that servers have for it, and whether it has subcommands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandFlags(pub u32);

#[expect(missing_docs, reason = "each is a word of the servers' own, in capital letters")]
impl CommandFlags {
    pub const WRITE: u32 = 1;
    pub const READONLY: u32 = 1 << 1;
    pub const DENYOOM: u32 = 1 << 2;
    pub const MODULE: u32 = 1 << 3;
    pub const ADMIN: u32 = 1 << 4;
    pub const PUBSUB: u32 = 1 << 5;
    pub const NOSCRIPT: u32 = 1 << 6;
    pub const BLOCKING: u32 = 1 << 7;
    pub const LOADING: u32 = 1 << 8;
    pub const STALE: u32 = 1 << 9;
    pub const SKIP_MONITOR: u32 = 1 << 10;
    pub const SKIP_SLOWLOG: u32 = 1 << 11;
    pub const ASKING: u32 = 1 << 12;
    pub const FAST: u32 = 1 << 13;
    pub const NO_AUTH: u32 = 1 << 14;
    pub const NO_MULTI: u32 = 1 << 15;
    pub const NO_MANDATORY_KEYS: u32 = 1 << 16;
    pub const NO_ASYNC_LOADING: u32 = 1 << 17;
    pub const ALLOW_BUSY: u32 = 1 << 18;
    pub const NONDETERMINISTIC_OUTPUT: u32 = 1 << 19;
    pub const NONDETERMINISTIC_OUTPUT_ORDER: u32 = 1 << 20;
    pub const CONTAINER: u32 = 1 << 21;

    /// Whether this flag is among them.
    pub const fn has(self, flag: u32) -> bool {
        self.0 & flag != 0
    }
}

/// Whether a command may be sent again when nobody knows whether it ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// It must not: to run twice is not to run once.
    Never,
    /// The data would be the same, though the second reply may be another.
    Same,
    /// It only reads.
    Reads,
}

/// What an error reply says of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It did not run.
    Refused,
    /// It may have done half of its work.
    Halfway,
    /// The same, but where the server does not know the script.
    Script,
}

/// Which servers of a cluster have to be asked, where it is not the one that has the keys.
#[expect(missing_docs, reason = "the words of the servers' own")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    Default,
    AllNodes,
    AllShards,
    MultiShard,
    Special,
}

/// What becomes of the replies of several servers.
#[expect(missing_docs, reason = "the words of the servers' own")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response {
    Default,
    OneSucceeded,
    AllSucceeded,
    AggLogicalAnd,
    AggLogicalOr,
    AggMin,
    AggMax,
    AggSum,
    Special,
}

/// What a command does to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access(pub u32);

#[expect(missing_docs, reason = "each is a word of the servers' own, in capital letters")]
impl Access {
    pub const RO: u32 = 1;
    pub const RW: u32 = 1 << 1;
    pub const OW: u32 = 1 << 2;
    pub const RM: u32 = 1 << 3;
    pub const ACCESS: u32 = 1 << 4;
    pub const UPDATE: u32 = 1 << 5;
    pub const INSERT: u32 = 1 << 6;
    pub const DELETE: u32 = 1 << 7;
    pub const NOT_KEY: u32 = 1 << 8;
    pub const INCOMPLETE: u32 = 1 << 9;
    pub const VARIABLE_FLAGS: u32 = 1 << 10;
}

/// Where some of a command's keys are.
#[derive(Clone, Copy, Debug)]
pub struct KeySpec {
    /// What is done to them.
    pub access: Access,
    /// Where to begin.
    pub begin: Begin,
    /// Where they are from there.
    pub find: Find,
}

/// Where the search for keys begins.
#[derive(Clone, Copy, Debug)]
pub enum Begin {
    /// At this index.
    Index(u8),
    /// Behind this word, which is looked for from an index on, or backwards from so far before the end.
    Keyword(KeyWord, i8),
    /// The specification does not say.
    Unsaid,
}

/// A word behind which keys are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words of the servers' own")]
pub enum KeyWord {
    Keys,
    Store,
    StoreDist,
    Streams,
}

impl KeyWord {
    /// As it stands among the arguments, in capital letters.
    pub fn text(self) -> &'static [u8] {
        match self {
            KeyWord::Keys => b"KEYS",
            KeyWord::Store => b"STORE",
            KeyWord::StoreDist => b"STOREDIST",
            KeyWord::Streams => b"STREAMS",
        }
    }
}

/// Where keys are, from where the search began.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the words of the servers' own")]
pub enum Find {
    /// Up to the last one, counted from the beginning or back from the end, of which `limit` leaves a part.
    Range { last: i8, step: u8, limit: u8 },
    /// As many as a number among the arguments says.
    Count { at: u8, first: u8, step: u8 },
    /// The specification does not say.
    Unsaid,
}

/// Which code finds keys, or what is done to them, where the specification says it only in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finder {
    /// None: the specification does.
    Specification,
    /// The key, and where the result goes: the last STORE.
    Sort,
    /// The key alone.
    SortRo,
    /// The one key, or where that is empty, those behind KEYS.
    Migrate,
    /// What SET does depends on its options.
    Set,
    /// What DELEX does depends on whether it has any.
    Delex,
    /// What BITFIELD does depends on what it is asked to do.
    Bitfield,
}

/// A part of what all rows have together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    pub(super) at: u16,
    pub(super) len: u16,
}

impl Stretch {
    pub(super) const NOTHING: Stretch = Stretch { at: 0, len: 0 };
}
