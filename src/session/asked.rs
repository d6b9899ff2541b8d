//! A command as it is submitted to a session: its bytes or arguments, the shape of its reply, and the owner of the
//! reply.

use std::time::Instant;

use crate::commands::{Effect, Shape};

/// Which command of this conversation, in the order they were submitted.
pub type Ticket = u64;

/// What whoever asked gave with a command, and gets back with what the command came to.
pub type Token = u64;

/// The token of a command that nobody waits for any more, or that is told by its ticket.
pub const NOBODY: Token = Token::MAX;

/// Who waits for what a command comes to, and until when.
#[derive(Clone, Copy, Debug)]
pub struct Asker {
    /// Comes back with the reply.
    pub token: Token,
    /// When `Session::expire` gives the command up. None: never.
    pub deadline: Option<Instant>,
}

impl Default for Asker {
    fn default() -> Asker {
        Asker { token: NOBODY, deadline: None }
    }
}

/// A command to be submitted.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    pub(super) words: Words<'a>,
    pub(super) shape: Shape,
    pub(super) asker: Asker,
}

#[derive(Clone, Copy)]
pub(super) enum Words<'a> {
    /// Arguments of a command that leaves the connection as it is, and the room they take where that is known.
    Plain(&'a [&'a [u8]], Option<usize>),
    /// Arguments of any command, and the room they take and what it does, where that is known.
    Any(&'a [&'a [u8]], Option<(usize, Effect)>),
    /// The bytes of a command that was encoded before.
    Encoded(&'a [u8], Effect),
}

impl<'a> Asked<'a> {
    /// A command that leaves the connection as it is, for the one reply that it is due, in this shape.
    #[inline(always)]
    pub fn plain(args: &'a [&'a [u8]], shape: Shape) -> Asked<'a> {
        Asked { words: Words::Plain(args, None), shape, asker: Asker::default() }
    }

    /// One whose arguments `resp::checked_room` let pass, and that take so much room.
    #[inline(always)]
    pub fn checked(args: &'a [&'a [u8]], room: usize, shape: Shape) -> Asked<'a> {
        Asked { words: Words::Plain(args, Some(room)), ..Asked::plain(args, shape) }
    }

    /// Any command. Its reply, if it is due one, has this shape.
    pub fn any(args: &'a [&'a [u8]], shape: Shape) -> Asked<'a> {
        Asked { words: Words::Any(args, None), ..Asked::plain(args, shape) }
    }

    /// Any command whose arguments `resp::checked_room` let pass, and that does this.
    pub fn known(args: &'a [&'a [u8]], room: usize, effect: Effect, shape: Shape) -> Asked<'a> {
        Asked { words: Words::Any(args, Some((room, effect))), ..Asked::plain(args, shape) }
    }

    /// A command that was encoded before. With an effect, one of SUBSCRIBE's kin; nothing else that changes the connection.
    pub fn encoded(bytes: &'a [u8], effect: Effect, shape: Shape) -> Asked<'a> {
        Asked { words: Words::Encoded(bytes, effect), ..Asked::plain(&[], shape) }
    }

    /// Somebody waits for it by a token, and perhaps until a deadline.
    #[inline(always)]
    pub fn by(self, asker: Asker) -> Asked<'a> {
        Asked { asker, ..self }
    }
}

/// A command that was queued.
#[derive(Clone, Copy, Debug)]
pub struct Submitted {
    /// Its ticket.
    pub ticket: Ticket,
    /// Whether a reply of its own is due: not for CLIENT REPLY OFF, nor for SUBSCRIBE, whose answers are pushes.
    pub answered: bool,
}
