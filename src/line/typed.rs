//! Commands that are known by a driver's tokens: each is kept beside the number that the line has for its command.

use std::convert::Infallible;
use std::ops::{Deref, DerefMut};
use std::time::Instant;

use crate::conn::Dial;
use crate::error::{Error, Result};
use crate::reply::Reply;
use crate::session::Token;

use super::driving::Polled;
use super::{Came, NumberedLine, Pause, Submission, tokens};

/// A connection that is opened when there is a command or a subscription, and opened again when it was lost. `T` is the
/// token that a command is submitted with and completes with.
pub struct Line<T> {
    line: NumberedLine,
    /// The tokens of the commands that were not given back yet, each at its command's number.
    tokens: Vec<Option<T>>,
}

impl<T> Line<T> {
    /// A line to the server of `dial`. It does not connect yet. `command_timeout_ms` is how long an open connection may stay
    /// silent while a reply that no command waits for is outstanding. If that time passes and such a reply is due first,
    /// the connection is given up.
    pub fn new(dial: Dial, command_timeout_ms: i64, pause: Pause) -> Line<T> {
        Line { line: NumberedLine::new(dial, command_timeout_ms, pause), tokens: Vec::new() }
    }

    /// A line to this server without commands. Its subscriptions work in RESP2 too: a message there looks like the reply
    /// to a command, and this line has no commands.
    pub fn alone(dial: Dial, command_timeout_ms: i64, pause: Pause) -> Line<T> {
        Line { line: NumberedLine::alone(dial, command_timeout_ms, pause), tokens: Vec::new() }
    }

    /// Let it expect that shard channels are of different slots, whose servers change: names that the server has no more, or
    /// never had, are given up, and told as `Adrift`.
    pub fn is_of_slots(mut self) -> Line<T> {
        self.line.is_of_slots();
        self
    }

    /// Accept a command. It is given to the session, or held until there is one. It completes exactly once.
    #[inline(always)]
    pub fn submit(
        &mut self,
        args: &[&[u8]],
        submission: Submission<T>,
        mut now: impl FnMut() -> Instant,
    ) -> Result<()> {
        self.make_room()?;
        let (token, submission) = submission.apart();
        let number = self.line.submit(args, submission, &mut now)?;
        self.put(number, token);
        Ok(())
    }

    /// Accept a command that was encoded before, as `submit` does. `is_asking`: the server takes it only directly behind ASKING.
    /// Where it is not accepted, its token is given back.
    pub fn submit_encoded(
        &mut self,
        bytes: &[u8],
        submission: Submission<T>,
        is_asking: bool,
        now: Instant,
    ) -> std::result::Result<(), (T, Error)> {
        let (token, submission) = submission.apart();
        let submitted = self.make_room().and_then(|()| self.line.submit_encoded(bytes, submission, is_asking, now));
        match submitted {
            Ok(number) => {
                self.put(number, token);
                Ok(())
            }
            Err(error) => Err((token, error)),
        }
    }

    /// The fast path of `take`: the next reply, if it is one short value and belongs to a command without subscriptions. None:
    /// call `take`.
    #[inline(always)]
    pub fn take_plain(&mut self, now: impl Fn() -> Instant) -> Option<(T, Reply)> {
        let (number, reply) = self.line.take_plain(&now)?;
        Some((self.token(number)?, reply))
    }

    /// The next result of a command, push or gap. None: nothing more until the next step.
    pub fn take(&mut self, now: impl Fn() -> Instant) -> Option<Came<T>> {
        loop {
            let came = match self.line.has_come() {
                true => self.line.came.pop_front()?,
                false => match self.line.poll_and_read(&now) {
                    Polled::Came(came) => came,
                    Polled::Again => match self.take_plain(&now) {
                        Some((token, reply)) => return Some(Came::Reply(token, reply)),
                        None => continue,
                    },
                    Polled::Nothing => self.line.came.pop_front()?,
                },
            };
            return self.known(came);
        }
    }

    /// The next event in the bytes read. It does not read.
    pub fn take_read(&mut self, now: impl Fn() -> Instant) -> Option<Came<T>> {
        let came = self.line.take_read(&now)?;
        self.known(came)
    }

    #[inline]
    fn make_room(&mut self) -> Result<()> {
        match self.tokens.len() < self.tokens.capacity() {
            true => Ok(()),
            false => self.tokens.try_reserve(1).map_err(|_| Error::memory("the command")),
        }
    }

    #[inline(always)]
    fn put(&mut self, number: Token, token: T) {
        match self.tokens.get_mut(number as usize) {
            Some(place) => tokens::put(place, Some(token)),
            // Numbers are given without gaps.
            None => self.tokens.push(Some(token)),
        }
    }

    /// The token of the command that had this number, which may be another's from now on.
    #[inline(always)]
    fn token(&mut self, number: Token) -> Option<T> {
        self.line.waiting.free(number);
        self.tokens.get_mut(number as usize)?.take()
    }

    fn known(&mut self, came: Came<Token>) -> Option<Came<T>> {
        Some(match came {
            Came::Reply(number, reply) => Came::Reply(self.token(number)?, reply),
            Came::Confirmed(number) => Came::Confirmed(self.token(number)?),
            Came::Failed(number, error) => Came::Failed(self.token(number)?, error),
            Came::Late { token, outcome, why } => Came::Late { token: self.token(token)?, outcome, why },
            Came::Message(message) => Came::Message(message),
            Came::Confirmation(push) => Came::Confirmation(push),
            Came::Push(push) => Came::Push(push),
            Came::Gap { reason, lasted } => Came::Gap { reason, lasted },
            Came::Adrift(adrift) => Came::Adrift(adrift),
            Came::Refused(error) => Came::Refused(error),
        })
    }
}

impl Line<Infallible> {
    /// Put back an event that was taken. It is the next one again.
    pub fn give_back(&mut self, came: Came<Infallible>) {
        self.line.give_back(match came {
            Came::Reply(token, _) | Came::Confirmed(token) | Came::Failed(token, _) | Came::Late { token, .. } => {
                match token {}
            }
            Came::Message(message) => Came::Message(message),
            Came::Confirmation(push) => Came::Confirmation(push),
            Came::Push(push) => Came::Push(push),
            Came::Gap { reason, lasted } => Came::Gap { reason, lasted },
            Came::Adrift(adrift) => Came::Adrift(adrift),
            Came::Refused(error) => Came::Refused(error),
        });
    }
}

impl<T> Submission<T> {
    #[inline(always)]
    fn apart(self) -> (T, Submission<()>) {
        let Submission { token, shape, room, deadline, once, effect } = self;
        (token, Submission { token: (), shape, room, deadline, once, effect })
    }
}

impl<T> Deref for Line<T> {
    type Target = NumberedLine;

    #[inline]
    fn deref(&self) -> &NumberedLine {
        &self.line
    }
}

impl<T> DerefMut for Line<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut NumberedLine {
        &mut self.line
    }
}
