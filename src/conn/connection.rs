//! An open connection: its parts, and its state.

use std::os::fd::RawFd;
use std::time::{Duration, Instant};

use crate::error::{Error, Outcome, Status};
use crate::limits::{READ_BYTES, READ_BYTES_LONG};
use crate::process::Process;
use crate::session::Session;
use crate::stats::Traffic;
use crate::transport::{Plain, Transport};

use super::dial::Dial;
use super::scripts::Known;
use super::serving::{Served, serve};
use super::stopped::StoppedWay;

/// An open connection that has been greeted.
pub struct Connection {
    pub(super) id: u64,
    pub(super) session: Session,
    pub(super) transport: Box<dyn Transport>,
    /// What the transport is, where it is a socket and nothing else.
    pub(super) plain: Option<Plain>,
    pub(super) dial: Dial,
    pub(super) opened: Instant,
    pub(super) rested: Instant,
    /// The clock as it was read last, where nothing has slept since: for the next wait alone.
    pub(super) as_of: Option<Instant>,
    /// When the one command that is under way left, or its call began.
    pub(super) asked: Option<Instant>,
    /// The shortest time in which a command was answered; zero, where none was measured.
    pub(super) round_trip: Duration,
    /// A command that went straight, and did not come to its end so.
    pub(super) begun: Option<StoppedWay>,
    /// The size of the next read. It grows while reads fill it.
    pub(super) read_bytes: usize,
    /// The turns in a row in which the descriptor was ready and no byte moved.
    pub(super) vain_turns: u32,
    /// The bytes written in the last turn.
    pub(super) handed: usize,
    /// Bytes moved that are not counted yet.
    pub(super) moved: Traffic,
    /// The process that opened it and counts its end. None: the handshake is not done, and it does not count.
    pub(super) counted_in: Option<Process>,
    /// Bytes of the server have arrived.
    pub(super) heard: bool,
    /// The most bytes that waited to be written at once, for `rest_if_grown`.
    pub(super) sent_at_once: usize,
    pub(super) scripts: Known,
    /// Dropped last, after the transport and the parser: their close functions may not use this pool either.
    pub(super) closing: Option<Served>,
}

impl Connection {
    /// A connection on a transport that was just connected. The handshake is still to be done.
    pub(super) fn new(id: u64, session: Session, transport: Box<dyn Transport>, dial: Dial) -> Connection {
        let now = Instant::now();
        Connection {
            id,
            session,
            plain: transport.plain(),
            transport,
            dial,
            opened: now,
            rested: now,
            as_of: None,
            asked: None,
            round_trip: Duration::ZERO,
            begun: None,
            read_bytes: READ_BYTES,
            vain_turns: 0,
            handed: 0,
            moved: Traffic::default(),
            counted_in: None,
            heard: false,
            sent_at_once: 0,
            scripts: Known::default(),
            closing: None,
        }
    }

    /// How it was opened.
    pub fn dial(&self) -> &Dial {
        &self.dial
    }

    /// Its number, which no other connection of this process has.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Whether the next borrower would find the connection as a new one.
    #[inline(always)]
    pub fn is_clean(&self) -> bool {
        self.session.is_clean()
    }

    /// Whether a reply is owed to a command already sent, other than the confirmation of a subscription.
    pub fn owes_a_reply(&self) -> bool {
        self.session.owes_a_reply()
    }

    /// Whether anything could still arrive without another command being sent.
    pub fn can_hear(&self) -> bool {
        self.session.can_hear()
    }

    /// Whether a transaction is open, and commands are queued in it.
    pub fn is_queueing(&self) -> bool {
        self.session.is_queueing()
    }

    /// Why the connection is over, if it is.
    pub fn failure(&self) -> Option<&Error> {
        self.session.failure()
    }

    /// A call goes on over this connection, and nothing has slept since this moment.
    #[inline]
    pub fn go_on_at(&mut self, now: Instant) {
        self.as_of = Some(now);
    }

    /// What to wait for, where there is something.
    #[inline]
    pub(super) fn descriptor(&self) -> Option<RawFd> {
        match self.plain {
            Some(plain) => Some(plain.fd),
            None => self.transport.fd(),
        }
    }

    /// The connection becomes idle: free what one large command or reply made grow.
    #[inline(always)]
    pub fn rest(&mut self) {
        self.as_of = None;
        self.session.rest(self.moved.bytes_in);
        // Where replies were longer than that, the next are likely to be: the first read asks for more. No memory is kept.
        let were_long = self.moved.bytes_in > READ_BYTES as u64;
        self.read_bytes = if were_long { READ_BYTES_LONG } else { READ_BYTES };
        self.rests_since(Instant::now());
    }

    /// A command leaves now, and nothing else is under way.
    #[inline(always)]
    pub fn asks_at(&mut self, now: Instant) {
        self.asked = Some(now);
    }

    /// Since then nothing is under way.
    #[inline(always)]
    pub fn rests_since(&mut self, then: Instant) {
        self.rested = then;
        if let Some(asked) = self.asked.take()
            && (self.round_trip.is_zero() || asked.checked_add(self.round_trip).is_some_and(|end| end > then))
        {
            self.round_trip = then.saturating_duration_since(asked);
        }
    }

    /// Whether it is a socket that has rested for less than the shortest time in which a command was answered, and than `most`.
    /// Then a look would not see what the peer has sent since: that is on its way.
    #[inline(always)]
    pub fn has_hardly_rested(&self, most: Duration, now: Instant) -> bool {
        let is_known = self.plain.is_some() && !self.round_trip.is_zero() && self.round_trip < most;
        is_known && self.rested.checked_add(self.round_trip).is_some_and(|end| end > now)
    }

    /// When it was opened, and since when it is idle.
    pub fn age(&self) -> (Instant, Instant) {
        (self.opened, self.rested)
    }

    /// The handshake is done: the connection counts.
    pub(super) fn count_birth(&mut self) {
        self.dial.counters().created();
        self.counted_in = Some(Process::current());
    }

    /// Add the bytes that have moved to the statistics.
    #[inline]
    pub fn count_bytes(&mut self) {
        self.dial.counters().moved(std::mem::take(&mut self.moved));
    }

    /// The scripts that its server is known to have.
    #[inline]
    pub fn scripts(&mut self) -> &mut Known {
        &mut self.scripts
    }

    pub(super) fn told(&self, error: Error, outcome: Outcome) -> Error {
        match error.status {
            Status::Argument | Status::State => error.with_outcome(outcome),
            _ => self.with_hint(error).at(self.dial.endpoint()).with_outcome(outcome),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // A child of fork only closes what it inherited: it is the parent's to count.
        if self.counted_in == Some(Process::current()) {
            self.count_bytes();
            match self.failure() {
                Some(_) => self.dial.counters().lost(),
                None => self.dial.counters().closed(),
            }
        }
        self.closing = serve(self.dial.serves());
    }
}
