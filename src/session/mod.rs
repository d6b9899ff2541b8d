//! The protocol state of a connection, without I/O: the commands under way, the outstanding replies, and the state that
//! commands changed.
#![forbid(unsafe_code)]

mod asked;
mod burst;
mod ending;
mod handshake;
mod hello;
mod inflight;
mod parsed;
mod parsing;
mod push;
mod queued;
mod routing;
mod said;
mod secrecy;
mod state;
mod straight;
mod submit;
pub mod subscriptions;
mod unsent;

use std::collections::VecDeque;

use crate::error::{Error, Outcome, Result, Status};
use crate::memory::Room;
use crate::reply::Reply;
use crate::resp::{Entry, Parse};

pub use asked::{Asked, Asker, NOBODY, Submitted, Ticket, Token};
use burst::Burst;
pub use burst::TakeReplies;
use handshake::Handshake;
pub use handshake::{Duty, Greeting};
use inflight::{Answered, Inflight};
use parsed::Parsed;
use queued::Queued;
use state::State;
pub use straight::Straight;
pub use subscriptions::{Heard, Subscriptions};
pub use unsent::{Leaf, Left, Unsent};

/// One conversation. Bytes go in by `room`, come out by `outgoing` and `sent`; `poll` tells what happened.
///
/// It alone knows which replies are owed and how much of which command was handed over, so it alone can say whose a reply
/// is, what became of a command, and whether the connection is clean.
pub struct Session {
    parser: Box<dyn Parse>,
    inflight: Inflight,
    state: State,
    handshake: Option<Handshake>,
    speaks_resp2: bool,
    events: VecDeque<Event>,
    failure: Option<Error>,
    /// The conversation ended while the reply that was next was already on its way.
    begun: bool,
    queued: Queued,
    /// Messages of channels are given a null in the place of a pattern.
    null_patterns: bool,
    /// The greeting has secrets in it: until more than so many bytes are handed over, what comes may repeat them.
    secretive_until: Option<u64>,
}

/// What a conversation brings, in the order it came.
#[derive(Debug)]
pub enum Event {
    /// The reply to a command, or the server's error.
    Reply {
        /// Which command.
        ticket: Ticket,
        /// What it was submitted with.
        token: Token,
        /// What it was answered.
        reply: Reply,
    },
    /// What the server sent unasked: a push, a message, a line of MONITOR.
    Push {
        /// It.
        push: Reply,
        /// How many bytes it was.
        wire_len: usize,
        /// It was the last confirmation that the command of this token was due.
        ends: Option<Token>,
    },
}

impl Event {
    /// What came, whoever it is for.
    pub fn into_reply(self) -> Reply {
        match self {
            Event::Reply { reply, .. } | Event::Push { push: reply, .. } => reply,
        }
    }
}

impl Session {
    /// A conversation that begins with a greeting: its bytes are the first of `outgoing`.
    pub fn new(parser: Box<dyn Parse>, greeting: Greeting) -> Result<Session> {
        let mut session = Session {
            parser,
            inflight: Inflight::default(),
            state: State::new(greeting.database),
            handshake: None,
            speaks_resp2: false,
            events: VecDeque::new(),
            failure: None,
            begun: false,
            queued: Queued::default(),
            null_patterns: false,
            secretive_until: greeting.is_secretive().then_some(u64::MAX),
        };
        session.parser.hold_secrets(session.secretive_until.is_some());
        session.handshake = Handshake::start(greeting, &mut session.inflight)?;
        Ok(session)
    }

    /// Queue commands that were encoded before, those behind the first `from` bytes, for so many replies in all. The bytes
    /// are on loan, and come back with `end_burst`, whatever happens.
    pub fn begin_burst(&mut self, bytes: &mut Vec<u8>, from: usize, replies: usize) -> Result<()> {
        self.ready()?;
        if !self.inflight.is_empty() || !self.events.is_empty() {
            return Err(Error::new(Status::State, "other commands are on their way"));
        }
        self.inflight.burst = Some(Burst::new(std::mem::take(bytes), from, replies));
        Ok(())
    }

    /// Take in the replies of the burst that have come. A push among them is an event; None: no more for now, or none wanted.
    pub fn poll_burst(&mut self, replies: &mut impl TakeReplies) -> Result<Option<Event>> {
        while self.burst_owes() && !replies.is_full() {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            if self.take_end(replies)? {
                continue;
            }
            self.ready()?;
            match self.next_of_burst(replies) {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                Err(error) => {
                    self.begun |= error.status == Status::Limit && self.parser.has_begun();
                    let error = self.without_secrets(error);
                    self.fail(error.clone());
                    return Err(error);
                }
            }
        }
        Ok(None)
    }

    /// Whether replies of the burst are still due.
    pub fn burst_owes(&self) -> bool {
        self.burst_due() > 0
    }

    /// How many of them.
    pub fn burst_due(&self) -> usize {
        self.inflight.burst.as_ref().map_or(0, Burst::due)
    }

    /// The bytes of the burst, as they were lent.
    pub fn burst_bytes(&self) -> &[u8] {
        self.inflight.burst.as_ref().map_or(&[], Burst::bytes)
    }

    /// The burst is over, or will never be: give its bytes back, and say how many of them were handed over.
    pub fn end_burst(&mut self, bytes: &mut Vec<u8>) -> usize {
        let Some(burst) = self.inflight.burst.take() else { return 0 };
        let handed = burst.handed();
        self.secretive_until = self.secretive_until.filter(|_| handed == 0);
        if !burst.outgoing().is_empty() {
            self.fail(Error::new(Status::Protocol, "commands were answered before they were sent"));
        }
        *bytes = burst.into_bytes();
        handed
    }

    /// A transaction that went over in a burst has been answered: nothing is watched any more.
    pub fn executed(&mut self) {
        self.state.executed();
    }

    /// Whether the reply that the conversation ended at had already begun to arrive.
    pub fn ended_in_a_reply(&self) -> bool {
        self.begun
    }

    /// Room for about `wanted` bytes. What is filled of it is the peer's.
    #[inline]
    pub fn room(&mut self, wanted: usize) -> Result<Room<'_>> {
        self.parser.room_to_read(wanted)
    }

    /// The peer's next bytes.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<()> {
        self.parser.feed(bytes)
    }

    /// What happened next, if anything. After an error the conversation is over: the same error comes again.
    pub fn poll(&mut self) -> Result<Option<Event>> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            if let Some(failure) = &self.failure {
                return Err(failure.clone());
            }
            match self.parse() {
                // Nothing else is to be read off it: it is the oldest command's.
                Ok(Some(Parsed { reply, shaped: true, .. })) if !self.state.is_queueing() => {
                    match self.inflight.answered() {
                        Ok(Answered { ticket, token, .. }) => return Ok(Some(Event::Reply { ticket, token, reply })),
                        Err(error) => self.fail(error),
                    }
                }
                Ok(Some(Parsed { reply, wire_len, is_message: true, .. })) => {
                    return Ok(Some(Event::Push { push: reply, wire_len, ends: None }));
                }
                Ok(Some(parsed)) => match self.route(parsed) {
                    Ok(Some(event)) => return Ok(Some(event)),
                    Ok(None) => {}
                    Err(error) => self.fail(error),
                },
                Ok(None) => return Ok(None),
                Err(error) => self.could_not_read(error),
            }
        }
    }

    /// The next that has come, where it is a message of a channel, in four elements. `None`: `poll` says more.
    #[inline]
    pub fn poll_message(&mut self) -> Option<Reply> {
        if !self.null_patterns || !self.events.is_empty() || self.failure.is_some() {
            return None;
        }
        match self.parse() {
            Ok(Some(Parsed { reply, is_message: true, .. })) => return Some(reply),
            Ok(Some(parsed)) => match self.route(parsed) {
                Ok(event) => self.events.extend(event),
                Err(error) => self.fail(error),
            },
            Ok(None) => {}
            Err(error) => self.could_not_read(error),
        }
        None
    }

    /// Where a reply is refused that had begun to arrive, its command ran.
    #[cold]
    fn could_not_read(&mut self, error: Error) {
        self.begun |= error.status == Status::Limit && self.parser.has_begun();
        self.fail(self.without_secrets(error));
    }

    /// Bytes for the peer.
    #[inline(always)]
    pub fn outgoing(&self) -> &[u8] {
        // What was told not to have been sent must not be sent after all.
        if self.failure.is_some() { &[] } else { self.inflight.outgoing() }
    }

    /// So many of them were handed over.
    #[inline(always)]
    pub fn sent(&mut self, len: usize) {
        self.inflight.sent(len);
    }

    /// End the conversation, for this reason. The first reason stays.
    pub fn fail(&mut self, error: Error) {
        if self.failure.is_none() {
            self.begun |= error.status == Status::Memory && self.parser.has_begun();
            self.failure = Some(error);
        }
    }

    /// What became of a command that got no reply, as far as this side can know.
    pub fn fate(&self, ticket: Ticket) -> Outcome {
        self.inflight.fate(ticket, self.begun)
    }

    /// Whether the greeting is over and nothing ended the conversation.
    #[inline(always)]
    pub fn is_ready(&self) -> bool {
        self.handshake.is_none() && self.failure.is_none()
    }

    /// Whether the server spoke RESP2 where it was asked for RESP3, and will do so again.
    pub fn speaks_resp2(&self) -> bool {
        self.speaks_resp2 || self.handshake.as_ref().is_some_and(Handshake::speaks_resp2)
    }

    /// Whether the connection is as a new one: nothing owed, nothing unread, nothing changed.
    #[inline(always)]
    pub fn is_clean(&self) -> bool {
        self.is_ready()
            && self.inflight.is_empty()
            && self.events.is_empty()
            && self.parser.is_empty()
            && self.state.is_as_new()
    }

    /// Whether bytes have come that belong to nothing. The beginning of a push is a push's.
    pub fn has_unread(&self) -> bool {
        !self.events.is_empty() || self.parser.has_begun() || (!self.parser.is_empty() && !self.state.is_resp3())
    }

    /// Whether a transaction is open, and commands are queued in it.
    pub fn is_queueing(&self) -> bool {
        self.state.is_queueing()
    }

    /// Whether anything is owed to a command already submitted.
    pub fn owes(&self) -> bool {
        self.inflight.owes()
    }

    /// Whether a reply is owed to a command already submitted; the confirmations of SUBSCRIBE and its kin are none.
    pub fn owes_a_reply(&self) -> bool {
        self.inflight.owes_a_reply()
    }

    /// The command of the greeting that waits for the first answer of all, if there was none yet.
    pub fn unheard(&self) -> Option<&'static str> {
        self.handshake.as_ref()?.unheard()
    }

    /// Whether anything could still arrive without another command being sent.
    pub fn can_hear(&self) -> bool {
        !self.events.is_empty() || self.inflight.owes() || self.state.hears()
    }

    /// Whether messages, or the lines of MONITOR, may come at any time.
    pub fn is_told_things(&self) -> bool {
        self.state.expects_messages() || self.state.is_monitoring()
    }

    /// Whether the bytes of a reply have begun to arrive.
    pub fn has_begun(&self) -> bool {
        self.parser.has_begun()
    }

    /// Why the conversation is over, if it is.
    pub fn failure(&self) -> Option<&Error> {
        self.failure.as_ref()
    }

    /// Give back buffers that one large command or reply made grow. `read`: how many bytes were read since the last time.
    #[inline(always)]
    pub fn rest(&mut self, read: u64) {
        self.inflight.rest();
        if read > UNGROWN_BYTES {
            self.parser.rest();
        }
    }

    #[inline(always)]
    fn ready(&self) -> Result<()> {
        match &self.failure {
            Some(failure) => Err(failure.clone()),
            None => Ok(()),
        }
    }

    /// One frame more while a burst is on its way, and before it what is quickly taken. False: there is none.
    fn next_of_burst(&mut self, replies: &mut impl TakeReplies) -> Result<bool> {
        if let Some(burst) = self.inflight.burst.as_mut().filter(|burst| burst.handed() > 0) {
            let handed = burst.handed();
            let mut take = |entry: Entry, bytes: &[u8]| replies.take_leaf(entry, bytes, handed);
            let taken = self.parser.leaves(burst.due(), &mut take)?;
            burst.answered_at_once(taken);
            if burst.due() == 0 {
                return Ok(true);
            }
        }
        let Some(mut frame) = self.parser.next()? else { return Ok(false) };
        let Some(burst) = self.inflight.burst.as_mut().filter(|_| !frame.is_push()) else {
            let wire_len = frame.wire_len();
            let reply = Reply::build(frame)?;
            let event = self.route(Parsed { reply, wire_len, shaped: false, is_message: false })?;
            self.events.extend(event);
            return Ok(true);
        };
        let taken = burst.answered().and_then(|handed| replies.take(&mut frame, handed));
        // What cannot be kept has arrived all the same.
        self.begun |= taken.as_ref().is_err_and(|error| error.status == Status::Memory);
        taken.map(|()| true)
    }
}

/// So few bytes read make no buffer of a parser grow beyond what it keeps.
const UNGROWN_BYTES: u64 = 96;

#[cfg(test)]
mod tests;
