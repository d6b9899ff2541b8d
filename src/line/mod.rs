//! A line: a connection that is opened again when it is lost, with any number of commands under way. It is driven by
//! `client::evented`, for a program's event loop, by `client::pubsub`, for a subscriber, and by `route::guide`.
//!
//! `submit` accepts a command with a token. `step` connects, shakes hands, writes, and checks timeouts. `take` reads,
//! and gives the result of a command with its token. Nothing here waits, with three exceptions: a transport of
//! the program may wait in its connect, a look-up that gets no thread is made in `step`, and `read_waiting` waits for a
//! subscriber's transport without a descriptor. The driver polls the descriptor, reads the clock, locks, and calls the program's functions for messages, pushes and events:
//! a line does none of that.
//!
//! ```text
//!  mod          the calls for a driver
//!  came         the results and events that a driver takes
//!  held         the queue of commands that wait for a connection
//!  queueing     accepting a command: its memory, and whether it goes to the session or to `held`
//!  tokens       the waiting commands, by number
//!  connecting   connecting and shaking hands, by the line or by its driver
//!  driving      PING, write and read, without waiting
//!  look         if no reply is outstanding, reading unsolicited bytes before a command is written
//!  losing       a lost or failed connection, and the pause before the next
//!  leading      another server than before
//!  leaving      draining and closing a connection to a server that became a replica
//!  subscribed   the subscriptions, their restoration, and gaps
//!  subscription a command that subscribes, and a gap
//!  listening    a line without commands: what the driver of a subscriber calls
//!  time         deadlines of commands, PING, and a server that stays silent
//!  patience     the deadline for replies that no command waits for
//!  silence      how long a server has said nothing that is to say something
//!  typed        commands by the tokens of a driver
//!  among        a line as one of many
//!  watched      a line whose descriptor stands beside others behind one poller
//! ```
#![forbid(unsafe_code)]

mod among;
mod came;
mod connecting;
mod driving;
mod held;
mod leading;
mod leaving;
mod listening;
mod look;
mod losing;
mod patience;
mod queueing;
mod silence;
mod subscribed;
mod subscription;
mod time;
mod tokens;
mod typed;
mod watched;

use std::collections::VecDeque;
use std::os::fd::RawFd;
use std::time::{Duration, Instant};

use crate::commands::{Effect, Shape};
use crate::conn::{Connection, Dial, Stepped, Turn};
use crate::error::{Error, Result};
use crate::reply::Reply;
use crate::session::{Asker, Event, Leaf, Subscriptions, Token};
use crate::transport::Awaited;

use came::ReadClock;
pub use came::{Adrift, Came, Transition};
use held::HeldQueue;
use patience::Patience;
pub use silence::Silence;
pub use subscribed::in_resp2;
use subscription::{Gap, Subscription};
use tokens::Tokens;
pub use typed::Line;
pub use watched::Watched;

/// A line whose commands are known by number. What a driver's token is, is the affair of `Line`: so all of this is in the library
/// once.
pub struct NumberedLine {
    dial: Dial,
    pause: Pause,
    stage: Stage,
    flow: Flow,
    /// The accepted commands that have not completed. The session knows each by its number here.
    waiting: Tokens<Waiting>,
    /// Those of the commands that are not given to a session yet, in order.
    held: HeldQueue,
    /// Results and events that `take` gives before it reads on.
    came: VecDeque<Came<Token>>,
    changes: VecDeque<Transition>,
    subscriptions: Subscriptions,
    /// The gap in messages that `take` has not given yet.
    gap: Option<Gap>,
    /// When bytes last arrived, on a connection with subscriptions.
    heard: Option<Instant>,
    patience: Patience,
    /// How often bytes have arrived, and connections were opened.
    arrivals: u64,
    /// PING is sent to a server that was silent for a moment, whatever `health_check` says beyond that.
    asks_soon: bool,
    /// Connects in a row without a reply to any command.
    failures: u32,
    /// The earliest time of the next connect.
    retry_at: Option<Instant>,
    /// The error of the last connect or connection.
    last_failure: Option<Error>,
    /// Another step is needed at once, although the descriptor may not become ready.
    again: bool,
    /// The line has subscriptions and no commands: its driver is a subscriber.
    alone: bool,
}

/// Gives the pause before the next connect, after a number of failed ones.
pub type Pause = Box<dyn Fn(u32) -> Duration + Send + Sync>;

/// A command as a driver submits it.
pub struct Submission<T> {
    /// Given back with the result.
    pub token: T,
    /// The shape of its reply.
    pub shape: Shape,
    /// The room for the encoded arguments, in bytes, from `resp::checked_room`.
    pub room: usize,
    /// When the command times out.
    pub deadline: Option<Instant>,
    /// The command fails with its connection, instead of waiting for the next one (NO_RETRY).
    pub once: bool,
    /// The effect of the command on the connection: none, a change of its subscriptions (SUBSCRIBE and related commands),
    /// or its end (SHUTDOWN). Other commands that change a connection must not be submitted.
    pub effect: Effect,
}

/// The readiness to poll a descriptor for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wants {
    /// Readable.
    pub read: bool,
    /// Writable.
    pub write: bool,
}

/// The state of the connection.
#[derive(Default)]
enum Stage {
    #[default]
    Down,
    /// A connect under way, and the readiness that it waits for.
    Opening(Box<Stepped>, Option<Awaited>),
    Open(Box<Connection>),
}

/// The state of reading and writing on the present connection.
#[derive(Default)]
struct Flow {
    /// The descriptor was readable, and has not been read dry since.
    may_read: bool,
    /// The transport accepts no more bytes now.
    blocked: bool,
    /// The bytes that were offered to the transport and not accepted: the next write must begin with them.
    offered: usize,
    /// The error of a failed write. The connection ends once the bytes that the peer had sent are read.
    broken: Option<Error>,
    /// The READONLY error of a server that became a replica. New commands wait for another connection, and this one
    /// ends when its last reply has arrived.
    outdated: Option<Error>,
    /// When it ends all the same.
    leaves_by: Option<Instant>,
    /// When the round began.
    began: Option<Instant>,
    /// The bytes and time of reading in this round.
    turn: Turn,
    /// Reading stopped at the limit of the round, and there may be more to read.
    is_cut: bool,
    /// The connection has brought a message, or confirmed a subscription.
    has_served: bool,
}

/// A command that has not completed.
struct Waiting {
    once: bool,
    subscription: Option<Box<Subscription>>,
}

impl NumberedLine {
    /// As `Line::new`.
    fn new(dial: Dial, command_timeout_ms: i64, pause: Pause) -> NumberedLine {
        let patience = Patience::new(command_timeout_ms, dial.options().connect_timeout_ms());
        NumberedLine {
            dial,
            pause,
            stage: Stage::Down,
            flow: Flow::default(),
            waiting: Tokens::default(),
            held: HeldQueue::default(),
            came: VecDeque::new(),
            changes: VecDeque::new(),
            subscriptions: Subscriptions::default(),
            gap: None,
            heard: None,
            patience,
            arrivals: 0,
            asks_soon: false,
            failures: 0,
            retry_at: None,
            last_failure: None,
            again: false,
            alone: false,
        }
    }

    /// As `Line::submit`: the command's number.
    #[inline(always)]
    fn submit(
        &mut self,
        args: &[&[u8]],
        submission: Submission<()>,
        now: &mut dyn FnMut() -> Instant,
    ) -> Result<Token> {
        self.make_room()?;
        let Submission { token: (), shape, room, deadline, once, effect } = submission;
        let subscription = match effect {
            Effect::None | Effect::Shutdown => None,
            _ => Some(Subscription::of(effect, args)?),
        };
        let subscribes = subscription.is_some();
        let asker = Asker { token: self.waiting.insert(Waiting { once, subscription }), deadline };
        let queued = match &mut self.stage {
            Stage::Open(connection) if !subscribes && self.flow.outdated.is_none() => {
                match connection.session_mut().submit_known(args, room, effect, shape, asker) {
                    Ok(_) => Ok(()),
                    // The connection has failed, and `lost` was not called yet: the command waits for the next
                    // connection.
                    Err(_) if connection.failure().is_some() => self.queue_or_hold(args, shape, asker, now),
                    Err(error) => Err(error),
                }
            }
            _ => self.queue_or_hold(args, shape, asker, now),
        };
        if queued.is_err() {
            self.waiting.take(asker.token);
            self.waiting.free(asker.token);
        }
        queued.map(|()| asker.token)
    }

    /// As `Line::take_plain`.
    #[inline(always)]
    fn take_plain(&mut self, now: ReadClock<'_>) -> Option<(Token, Reply)> {
        if !self.came.is_empty() {
            return None;
        }
        let Stage::Open(connection) = &mut self.stage else { return None };
        match connection.poll_leaf() {
            Ok(Some(Leaf { ticket, token, reply })) => {
                self.failures = 0;
                match self.waiting.take(token) {
                    Some(Waiting { subscription: None, .. }) => Some((token, reply)),
                    waiting => {
                        let came = self.subscription_answered(waiting, Event::Reply { ticket, token, reply }, now());
                        self.came.extend(came);
                        None
                    }
                }
            }
            Ok(None) => None,
            Err(error) => {
                self.lost(error, now());
                None
            }
        }
    }

    /// Begin a round: check timeouts, connect, shake hands and write, without waiting. `readable`: the descriptor was
    /// readable.
    pub fn step(&mut self, now: Instant, readable: bool) {
        self.flow.turn = Turn::default();
        self.flow.began = Some(now);
        self.flow.may_read |= readable;
        self.expire(now);
        if self.flow.outdated.is_some() {
            self.leave_if_settled(now);
            self.leave_if_late(now);
        }
        if !self.is_open() {
            self.connect(now);
        }
        self.drive(now);
    }

    /// Whether it is certain, without a read, that `take` gives nothing now: all bytes read were taken, and the descriptor was
    /// read dry. False: `take` may give something.
    #[inline]
    pub fn is_read_dry(&self) -> bool {
        let Stage::Open(connection) = &self.stage else { return false };
        let Flow { may_read, broken, outdated, .. } = &self.flow;
        let is_over = broken.is_some() || outdated.is_some();
        !*may_read && !is_over && !self.has_come() && !self.has_changed() && connection.is_read_dry()
    }

    /// End a round, when `take` gave None. True: the limit of the round was reached, and there may be more to read.
    pub fn end_round(&mut self, now: impl FnOnce() -> Instant) -> bool {
        self.flow.turn = Turn::default();
        if self.flow.outdated.is_some() {
            self.leave_if_settled(now());
        }
        if let Stage::Open(connection) = &mut self.stage
            && connection.session().under_way().0 == 0
        {
            connection.rest_if_grown();
        }
        std::mem::take(&mut self.flow.is_cut)
    }

    /// The descriptor of the present connection, which may change with each step.
    #[inline(always)]
    pub fn fd(&self) -> Option<RawFd> {
        match &self.stage {
            Stage::Down => None,
            Stage::Opening(_, awaited) => awaited.as_ref()?.fd,
            Stage::Open(connection) => connection.fd(),
        }
    }

    /// The readiness to poll the descriptor for.
    pub fn wants(&self) -> Wants {
        match &self.stage {
            Stage::Opening(_, Some(Awaited { read, write, .. })) => Wants { read: *read, write: *write },
            _ => Wants { read: true, write: self.flow.blocked },
        }
    }

    /// Whether `take_change` or `take_again` has something for the driver.
    #[inline]
    pub fn has_changed(&self) -> bool {
        self.again || !self.changes.is_empty()
    }

    /// The next change of the connection.
    pub fn take_change(&mut self) -> Option<Transition> {
        self.changes.pop_front()
    }

    /// Whether another step is needed at once, although the descriptor may not become ready.
    pub fn take_again(&mut self) -> bool {
        std::mem::take(&mut self.again)
    }

    /// Whether `take` has something without reading.
    pub fn has_come(&self) -> bool {
        !self.came.is_empty()
    }

    /// Whether `take` may have something that the descriptor does not show: it was read already, or the transport has
    /// it.
    #[inline(always)]
    pub fn holds_more(&self) -> bool {
        if self.has_come() {
            return true;
        }
        match &self.stage {
            Stage::Open(connection) => {
                connection.session().holds_more() || connection.is_pending() || self.flow.broken.is_some()
            }
            _ => false,
        }
    }

    /// The number of commands and events that `take` has not given yet, and the bytes of the commands.
    #[inline]
    pub fn under_way(&self) -> (usize, usize) {
        let (held, held_bytes) = self.held.amount();
        let (commands, bytes) = match &self.stage {
            Stage::Open(connection) => connection.session().under_way(),
            _ => (0, 0),
        };
        (commands.wrapping_add(held).wrapping_add(self.came.len()), bytes.wrapping_add(held_bytes))
    }

    /// Whether the connection speaks RESP2, which allows no subscriptions here.
    pub fn is_resp2(&self) -> bool {
        match &self.stage {
            Stage::Open(connection) => !connection.session().is_resp3(),
            _ => self.dial.is_resp2(),
        }
    }

    /// Take the open connection, to close it.
    pub fn close(&mut self) -> Option<Box<Connection>> {
        match std::mem::take(&mut self.stage) {
            Stage::Open(connection) => Some(connection),
            _ => None,
        }
    }
}
