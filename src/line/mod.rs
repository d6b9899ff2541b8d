//! A connection that comes and goes, with any number of commands under way: what every driver of one has in common.
//!
//! `submit` accepts a command with a token of its owner's, `step` opens, greets, writes and looks at the clock, `take` reads, and
//! gives each token back with what its command came to. Nothing here waits but the look-up of a host name. Nothing here watches
//! a descriptor, reads a clock, locks or calls functions of the program's: that is the driver's.
//!
//! ```text
//!  mod          what a driver calls
//!  came         what it is given
//!  held         commands that wait for a connection
//!  slots        the tokens of its commands, by number
//!  driving      open, greet, write, read: as far as it goes without waiting
//!  look         what lies there before anything is asked
//!  losing       when there is no connection, or no more
//!  leaving      when the server is not the one to be at any more
//!  subscribed   what is subscribed beside the commands
//!  time         what has to happen when
//! ```
#![forbid(unsafe_code)]

mod came;
mod driving;
mod held;
mod leaving;
mod look;
mod losing;
mod slots;
mod subscribed;
mod time;

use std::collections::VecDeque;
use std::os::fd::RawFd;
use std::time::{Duration, Instant};

use crate::commands::{Effect, Shape};
use crate::conn::{Connection, Dial, Stepped, Turn};
use crate::error::{Error, Result};
use crate::reply::Reply;
use crate::resp;
use crate::session::{Asked, Asker, Event, Leaf, Session, Subscriptions};
use crate::transport::Awaited;

pub use came::{Came, Change};
use held::{Held, Hold};
use slots::Slots;
pub use subscribed::in_resp2;
use subscribed::{Gap, Subscription};
use time::Patience;

/// A connection that is opened when there is something to do, and again when it was lost. Of each command it gives back the `T`
/// that came with it.
pub struct Line<T> {
    dial: Dial,
    pause: Pause,
    stage: Stage,
    flow: Flow,
    /// Commands that were accepted and that somebody waits for, by the tokens that the conversation has.
    waiting: Slots<Waiting<T>>,
    /// Those of them that wait for a connection, in order, behind those that the conversation has.
    held: Hold,
    /// To be taken before anything that is still to be read.
    came: VecDeque<Came<T>>,
    changes: VecDeque<Change>,
    subscriptions: Subscriptions,
    /// Messages may have been missed, and nobody was told yet.
    gap: Option<Gap>,
    /// When something came last, on a connection with subscriptions.
    heard: Option<Instant>,
    patience: Patience,
    /// Tries in a row after which no reply came.
    failures: u32,
    /// Not before that is it tried again.
    retry_at: Option<Instant>,
    /// Why there is no connection, where one was tried.
    last_failure: Option<Error>,
    /// There is more to do at once, which no descriptor shows.
    again: bool,
}

/// How long to pause before the next try to connect, after so many in vain.
pub type Pause = Box<dyn Fn(u32) -> Duration + Send + Sync>;

/// A command as a driver submits it.
pub struct Submission<T> {
    /// Comes back with what the command comes to.
    pub token: T,
    /// The shape of its reply.
    pub shape: Shape,
    /// The room that its arguments take, which `resp::checked_room` let pass.
    pub room: usize,
    /// When it is given up.
    pub deadline: Option<Instant>,
    /// It does not wait for another connection.
    pub once: bool,
    /// What it does: nothing, as SUBSCRIBE and its kin, or as SHUTDOWN. Nothing else that changes a connection has a place here.
    pub effect: Effect,
}

/// What a descriptor is to be watched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wants {
    /// Until it can be read.
    pub read: bool,
    /// Until it can be written to.
    pub write: bool,
}

/// A connection, or the way to one.
#[derive(Default)]
enum Stage {
    #[default]
    Down,
    /// And what it waits for.
    Opening(Box<Stepped>, Option<Awaited>),
    Open(Box<Connection>),
}

/// How far the bytes of the present connection have come.
#[derive(Default)]
struct Flow {
    /// The descriptor was readable, and has not been read dry since.
    may_read: bool,
    /// The transport takes no more now.
    blocked: bool,
    /// So much was offered to it in vain, and has to come again.
    offered: usize,
    /// It cannot be written to any more: what the peer said before is taken in first.
    broken: Option<Error>,
    /// The server is not the one to be at any more, and why: what is submitted waits for another connection, until this one owes
    /// nothing.
    outdated: Option<Error>,
    /// What is read in one round.
    turn: Turn,
    /// The round was over when there may have been more to read.
    is_cut: bool,
}

/// Who waits for a command.
struct Waiting<T> {
    token: T,
    once: bool,
    subscription: Option<Box<Subscription>>,
}

impl<T> Line<T> {
    /// A line to this server. It connects to nothing yet.
    pub fn new(dial: Dial, pause: Pause) -> Line<T> {
        let patience = Patience::new(dial.options());
        Line {
            dial,
            pause,
            stage: Stage::Down,
            flow: Flow::default(),
            waiting: Slots::default(),
            held: Hold::default(),
            came: VecDeque::new(),
            changes: VecDeque::new(),
            subscriptions: Subscriptions::default(),
            gap: None,
            heard: None,
            patience,
            failures: 0,
            retry_at: None,
            last_failure: None,
            again: false,
        }
    }

    /// Accept a command: it is given to the conversation, or waits for one, and comes to something exactly once.
    #[inline(always)]
    pub fn submit(&mut self, args: &[&[u8]], submission: Submission<T>, now: impl FnOnce() -> Instant) -> Result<()> {
        self.make_room()?;
        let Submission { token, shape, room, deadline, once, effect } = submission;
        let subscription = match effect {
            Effect::None | Effect::Shutdown => None,
            _ => Some(Subscription::of(effect, args)?),
        };
        let subscribes = subscription.is_some();
        let asker = Asker { token: self.waiting.insert(Waiting { token, once, subscription }), deadline };
        let queued = match &mut self.stage {
            Stage::Open(connection) if !subscribes && self.flow.outdated.is_none() => {
                match connection.session_mut().submit_known(args, room, effect, shape, asker) {
                    Ok(_) => Ok(()),
                    // It is over, and has not been told yet: what comes now waits for the next one.
                    Err(_) if connection.failure().is_some() => self.queue_specially(args, shape, asker, now),
                    Err(error) => Err(error),
                }
            }
            _ => self.queue_specially(args, shape, asker, now),
        };
        if queued.is_err() {
            self.waiting.take(asker.token);
        }
        queued
    }

    /// The reply to a command, where that is what comes next, and soon said. None: `take` says more.
    #[inline(always)]
    pub fn take_plain(&mut self, now: impl Fn() -> Instant + Copy) -> Option<(T, Reply)> {
        if !self.came.is_empty() {
            return None;
        }
        let Stage::Open(connection) = &mut self.stage else { return None };
        match connection.poll_leaf() {
            Ok(Some(Leaf { ticket, token, reply })) => {
                self.failures = 0;
                match self.waiting.take(token) {
                    Some(Waiting { token, subscription: None, .. }) => Some((token, reply)),
                    waiting => {
                        let came = self.answered_specially(waiting, Event::Reply { ticket, token, reply }, now());
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

    /// What came of a command, or came unasked. None: nothing more until the next step.
    pub fn take(&mut self, now: impl Fn() -> Instant + Copy) -> Option<Came<T>> {
        loop {
            if let Some(came) = self.came.pop_front() {
                return Some(came);
            }
            match self.poll_and_read(now) {
                Polled::Came(came) => return Some(came),
                Polled::Again => {
                    if let Some((token, reply)) = self.take_plain(now) {
                        return Some(Came::Reply(token, reply));
                    }
                }
                Polled::Nothing => return self.came.pop_front(),
            }
        }
    }

    /// Begin a round: open, greet, write, look at the clock, as far as it goes without waiting. `readable`: the descriptor was.
    pub fn step(&mut self, now: Instant, readable: bool) {
        self.flow.turn = Turn::default();
        self.flow.may_read |= readable;
        self.expire(now);
        self.drive(now);
    }

    /// Nothing is left to be taken in this round. True: because it took its part of what the peer sends; there may be more.
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

    /// The descriptor of the moment.
    pub fn fd(&self) -> Option<RawFd> {
        match &self.stage {
            Stage::Down => None,
            Stage::Opening(_, awaited) => awaited.as_ref()?.fd,
            Stage::Open(connection) => connection.fd(),
        }
    }

    /// What to watch it for.
    pub fn wants(&self) -> Wants {
        match &self.stage {
            Stage::Opening(_, Some(Awaited { read, write, .. })) => Wants { read: *read, write: *write },
            _ => Wants { read: true, write: self.flow.blocked },
        }
    }

    /// Whether a connection is on its way. A step may close its descriptor and open another then.
    pub fn is_opening(&self) -> bool {
        matches!(self.stage, Stage::Opening(..))
    }

    /// Whether something has become of the connection, or is to be done, that a driver should look after.
    #[inline]
    pub fn has_changed(&self) -> bool {
        self.again || !self.changes.is_empty()
    }

    /// Something that has become of the connection.
    pub fn take_change(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    /// Whether there is more to do, which no descriptor shows: it takes another step.
    pub fn take_again(&mut self) -> bool {
        std::mem::take(&mut self.again)
    }

    /// Whether there is something to be taken.
    pub fn has_come(&self) -> bool {
        !self.came.is_empty()
    }

    /// Whether something is to be taken, or was read, or waits in the transport, that the descriptor does not show.
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

    /// How many commands are under way, what was not taken yet included, and how many bytes they have.
    #[inline]
    pub fn under_way(&self) -> (usize, usize) {
        let (held, held_bytes) = self.held.amount();
        let (commands, bytes) = match &self.stage {
            Stage::Open(connection) => connection.session().under_way(),
            _ => (0, 0),
        };
        (commands.wrapping_add(held).wrapping_add(self.came.len()), bytes.wrapping_add(held_bytes))
    }

    /// Whether subscriptions have no place here.
    pub fn is_resp2(&self) -> bool {
        match &self.stage {
            Stage::Open(connection) => !connection.session().is_resp3(),
            _ => self.dial.is_resp2(),
        }
    }

    /// The connection there is, to be closed.
    pub fn close(&mut self) -> Option<Box<Connection>> {
        match std::mem::take(&mut self.stage) {
            Stage::Open(connection) => Some(connection),
            _ => None,
        }
    }

    /// Whatever becomes of the commands, there is room for all of them.
    #[inline]
    fn make_room(&mut self) -> Result<()> {
        self.waiting.reserve().map_err(|_| Error::memory("the command"))?;
        if self.came.capacity().wrapping_sub(self.came.len()) <= self.waiting.len() {
            self.came.try_reserve(self.waiting.len() + 1).map_err(|_| Error::memory("the command"))?;
        }
        Ok(())
    }

    /// A command of SUBSCRIBE's kin, or one that waits for a connection.
    #[cold]
    #[inline(never)]
    fn queue_specially(
        &mut self,
        args: &[&[u8]],
        shape: Shape,
        asker: Asker,
        now: impl FnOnce() -> Instant,
    ) -> Result<()> {
        let subscription = self.waiting.get(asker.token).and_then(|waiting| waiting.subscription.as_deref());
        let flow = &self.flow;
        let open = match &mut self.stage {
            Stage::Open(connection) if flow.outdated.is_none() && connection.failure().is_none() => Some(connection),
            _ => None,
        };
        let Some(connection) = open else {
            let mut bytes = Vec::new();
            resp::encode(args, &mut bytes)?;
            return self.held.push_back(Held { asker, bytes, shape });
        };
        let asked = Asked::any(args, shape).by(asker);
        pass(&mut self.subscriptions, subscription, connection.session_mut(), asked)?;
        if self.subscriptions.is_empty() {
            // Before this nothing could be missed.
            self.heard = Some(now());
        }
        Ok(())
    }
}

/// What one look at what has been read came to.
enum Polled<T> {
    Came(Came<T>),
    /// It is to be looked again.
    Again,
    Nothing,
}

/// Give a command to the conversation, and note what is subscribed by it.
fn pass(
    subscriptions: &mut Subscriptions,
    subscription: Option<&Subscription>,
    session: &mut Session,
    asked: Asked<'_>,
) -> Result<()> {
    let mut submit = || session.submit(asked).map(|submitted| submitted.ticket);
    match subscription {
        Some(Subscription { effect, names }) => subscriptions.pass(*effect, names, submit).map(drop),
        None => submit().map(drop),
    }
}
