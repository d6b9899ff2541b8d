//! The leased connection that callers share, and their commands on it. The conductor drives it, and nothing here waits.

use std::collections::VecDeque;
use std::os::fd::RawFd;
use std::time::{Duration, Instant};

use crate::commands::{Command, Shape};
use crate::conn::{Kept, Notice, Read};
use crate::error::{Error, Outcome, Result, Status};
use crate::limits::LATE_READS_MAX;
use crate::session::{Asker, NOBODY, Token};
use crate::sync::Futex;

use super::super::lease::Lease;
use super::boarding::{Boarded, Boarding, Load, Riders};
use super::ends::{CallersSeat, RideEnd, Wakes};
use super::seats::Seat;
use super::short::Short;

/// What is known of a command that boards.
pub(super) struct Passenger {
    pub(super) shape: Shape,
    pub(super) row: Option<&'static Command>,
    pub(super) deadline: Option<Instant>,
}

/// Where callers of a pool board.
pub(super) type CallersBoarding = Boarding<Passenger, RideEnd, Futex, Box<Train>>;

/// The connection and what is under way on it. It is handed from conductor to conductor.
#[derive(Default)]
pub(super) struct Train {
    pub(super) lease: Option<Lease>,
    /// The connection has carried nothing yet. Its turn has come: it carries once, whoever waits for a connection.
    is_new: bool,
    /// The commands that the session has, in order, as it has them itself.
    under_way: VecDeque<Rider>,
    next_token: Token,
    load: Load<Passenger, RideEnd, Futex>,
    /// The bytes that were offered to the transport in vain: they cannot be taken back.
    offered: usize,
    /// The transport takes no more now.
    pub(super) is_blocked: bool,
    /// Since when nothing has arrived, and the reply that is due first is one that nobody waits for.
    silent_since: Option<Instant>,
    /// The bytes that have arrived since the last reply was whole.
    unfinished: usize,
    /// Since when callers may sleep without a timer. None: they look up by themselves.
    pub(super) quick_since: Option<Instant>,
    wakes: Wakes,
}

/// A command that the session has.
struct Rider {
    token: Token,
    seat: CallersSeat,
    row: Option<&'static Command>,
}

impl Train {
    /// The token of the command that is taken next.
    pub(super) fn next_token(&self) -> Token {
        self.next_token
    }

    /// Whether all commands before this token have come to their end.
    pub(super) fn is_past(&self, token: Token) -> bool {
        self.under_way.front().is_none_or(|oldest| oldest.token >= token)
    }

    /// Whether no reply is due.
    pub(super) fn owes_nothing(&self) -> bool {
        self.under_way.is_empty()
    }

    /// Whether commands may be taken: the connection serves on, and all that was taken has left.
    pub(super) fn may_take(&self) -> bool {
        self.serves_on() && !self.is_blocked && self.under_way.len() < UNDER_WAY_MAX
    }

    /// Whether the connection is there and may carry more.
    pub(super) fn serves_on(&self) -> bool {
        self.lease.as_ref().is_some_and(|lease| if self.is_new { !lease.is_outdated() } else { lease.serves_on() })
    }

    /// A connection, for which callers have waited.
    pub(super) fn set_new(&mut self, lease: Lease) {
        (self.lease, self.is_new) = (Some(lease), true);
    }

    /// Whether the connection is to be closed once what is under way there is answered.
    pub(super) fn is_worn(&self) -> bool {
        self.lease.as_ref().is_some_and(Lease::is_outdated) && !self.owes_nothing()
    }

    /// Take the commands that wait, and give them to the session. The result is how many there were.
    pub(super) fn take(&mut self, boarding: &CallersBoarding) -> usize {
        boarding.take(&mut self.load);
        self.is_new = false;
        let Train { lease: Some(lease), under_way, next_token, load, .. } = self else { return 0 };
        let count = load.commands.len();
        load.keep(Seat::is_taken);
        let first = *next_token;
        let commands = load.commands.iter().enumerate().map(|(at, boarded)| {
            let asker = Asker { token: first + at as Token, deadline: boarded.command.deadline };
            (boarded.len, boarded.command.shape, asker)
        });
        let submitted = match under_way.try_reserve(commands.len()) {
            Ok(()) => lease.session_mut().submit_run(&mut load.bytes, commands),
            Err(_) => Err(Error::memory("the command")),
        };
        match submitted {
            Ok(()) => {
                *next_token += load.commands.len() as Token;
                let riders = load.commands.drain(..).zip(first..);
                under_way.extend(riders.map(|(Boarded { seat, command, .. }, token)| Rider {
                    token,
                    seat,
                    row: command.row,
                }));
                load.clear();
            }
            Err(error) => {
                let error = lease.told_of(error);
                self.refuse_loaded(&error);
            }
        }
        count
    }

    /// Write what the transport takes now. After a failed write, what the peer had sent before it still answers.
    pub(super) fn write(&mut self, kept: &mut Kept) -> Result<()> {
        let Some(lease) = &mut self.lease else { return Ok(()) };
        match lease.offer_now() {
            Ok(left) => {
                (self.offered, self.is_blocked) = (left.unwrap_or(0), left.is_some());
                Ok(())
            }
            Err(error) => {
                for _ in 0..LATE_READS_MAX {
                    match self.read(kept) {
                        Ok(Some(_)) => {}
                        Err(said) if said.status == Status::Tls => return Err(said),
                        Ok(None) | Err(_) => break,
                    }
                }
                Err(error)
            }
        }
    }

    /// Read what has arrived, and end the commands that it answers. The result is how many. None: nothing was there.
    pub(super) fn read(&mut self, kept: &mut Kept) -> Result<Option<usize>> {
        let Some(lease) = &mut self.lease else { return Ok(None) };
        match lease.read_once()? {
            Read::Nothing => return Ok(None),
            Read::Some(len) | Read::Last(len) => self.unfinished += len,
        }
        self.silent_since = None;
        let due = self.under_way.len();
        loop {
            if hand_over_short(lease, &mut self.under_way, &mut self.wakes)? {
                (self.unfinished, lease.rested) = (0, false);
            }
            let Some((token, reply)) = lease.poll_reply(kept)? else { break };
            // The token of one whose time was up is nobody's.
            let is_its = |rider: &Rider| token == rider.token || token == NOBODY;
            if !self.under_way.front().is_some_and(is_its) {
                return Err(Error::new(Status::Panic, "a command was answered before the one ahead of it"));
            }
            let Some(rider) = self.under_way.pop_front() else { break };
            self.unfinished = 0;
            // What is lost from now on was not lost while it was idle.
            lease.rested = false;
            lease.heed(rider.row, &reply);
            self.wakes.end(&rider.seat, RideEnd::Reply(reply));
        }
        if self.under_way.is_empty() {
            lease.rests_since(Instant::now());
        }
        Ok(Some(due - self.under_way.len()))
    }

    /// Whether so much of a reply has arrived, and more is to come, that nobody is to wait behind it.
    pub(super) fn is_long(&self) -> bool {
        self.unfinished > LONG_BYTES
    }

    /// End the commands whose time is up. One of which nothing was sent is never sent. The reply to another stays due.
    pub(super) fn expire(&mut self, now: Instant) {
        let Train { lease: Some(lease), under_way, wakes, offered, .. } = self else { return };
        lease.session_mut().expire(now, *offered, |_, token, outcome| {
            let Ok(at) = under_way.binary_search_by_key(&token, |rider| rider.token) else { return };
            wakes.end(&under_way[at].seat, RideEnd::Late(outcome));
            if outcome == Outcome::NotSent {
                under_way.remove(at);
            }
        });
    }

    /// When a command's time is up, or the connection has been silent for so long that it is given up.
    pub(super) fn next_moment(&mut self, now: Instant) -> Option<Instant> {
        let expires = self.lease.as_ref().and_then(|lease| lease.session().deadline());
        let gives_up = self.gives_up(now);
        [expires, gives_up].into_iter().flatten().min()
    }

    /// The connection is given up where nobody waits for the reply that is due first, and nothing arrives for as long as a
    /// command may take: that reply holds up all others.
    fn gives_up(&mut self, now: Instant) -> Option<Instant> {
        if self.under_way.front().is_none_or(|oldest| oldest.seat.is_open()) {
            self.silent_since = None;
            return None;
        }
        let patience = self.patience()?;
        self.silent_since.get_or_insert(now).checked_add(patience)
    }

    /// An error, if the connection is to be given up.
    pub(super) fn check_silence(&mut self, now: Instant) -> Result<()> {
        match self.gives_up(now) {
            Some(moment) if moment <= now => {
                let ms = self.patience().unwrap_or_default().as_millis();
                let text = format!("read: nothing came for {ms} ms after a command's time was up");
                Err(Error::new(Status::Io, text))
            }
            _ => Ok(()),
        }
    }

    fn patience(&self) -> Option<Duration> {
        let options = self.lease.as_ref()?.dial().options();
        let allowed = [options.command_timeout_ms(), options.connect_timeout_ms()];
        // Where calls may last for ever, a peer that is gone may not.
        let ms = allowed.into_iter().find_map(|ms| u64::try_from(ms).ok()).unwrap_or(PATIENCE_MS);
        Some(Duration::from_millis(ms))
    }

    /// The connection is lost: end all commands that it had, each with its own outcome, and close it.
    pub(super) fn lose(&mut self, error: Error, kept: &mut Kept) {
        let Some(mut lease) = self.lease.take() else { return };
        let error = lease.told_of(error);
        lease.end(error.clone());
        kept.notice(Notice::lost(&lease, &error));
        let rested = lease.rested;
        // Of one that the session does not have any more, nobody knows what became.
        let mut left = lease.session().left().filter(|left| left.command.asker.token != NOBODY).peekable();
        for rider in self.under_way.drain(..) {
            while left.next_if(|left| left.command.asker.token < rider.token).is_some() {}
            let its = left.next_if(|left| left.command.asker.token == rider.token);
            let error = Box::new(error.clone().with_outcome(its.map_or(Outcome::Unknown, |its| its.outcome)));
            self.wakes.end(&rider.seat, RideEnd::Failed { error, rested });
        }
        (self.offered, self.is_blocked, self.silent_since, self.unfinished) = (0, false, None, 0);
    }

    /// During a panic: end all that are under way, without asking the session, in which it may have happened.
    pub(super) fn drop_all(&mut self, error: &Error) {
        self.lease = None;
        for rider in self.under_way.drain(..) {
            let error = Box::new(error.clone().with_outcome(Outcome::Unknown));
            self.wakes.end(&rider.seat, RideEnd::Failed { error, rested: false });
        }
        (self.offered, self.is_blocked, self.silent_since, self.unfinished) = (0, false, None, 0);
    }

    /// End all that wait to be taken with this error: none of them was sent.
    pub(super) fn refuse_waiting(&mut self, boarding: &CallersBoarding, error: &Error) {
        boarding.take(&mut self.load);
        self.refuse_loaded(error);
    }

    /// End those that were taken and are not given to the session.
    pub(super) fn refuse_loaded(&mut self, error: &Error) {
        for boarded in self.load.commands.drain(..) {
            let error = Box::new(error.clone().with_outcome(Outcome::NotSent));
            self.wakes.end(&boarded.seat, RideEnd::Failed { error, rested: false });
        }
        self.load.clear();
    }

    /// The caller at this seat gives up: what became of its command. One of which nothing was sent is never sent. The connection
    /// goes on.
    pub(super) fn abandon(&mut self, seat: &CallersSeat) -> Outcome {
        let Some(lease) = &mut self.lease else { return Outcome::Unknown };
        let Some(at) = self.under_way.iter().position(|rider| rider.seat.is(seat)) else { return Outcome::Unknown };
        let (token, mut is_withdrawn) = (self.under_way[at].token, false);
        lease.session_mut().withdraw(self.offered, |unsent| {
            let is_its = unsent.asker.token == token;
            is_withdrawn |= is_its;
            is_its
        });
        if !is_withdrawn {
            return Outcome::Unknown;
        }
        self.under_way.remove(at);
        Outcome::NotSent
    }

    /// Count the bytes that have moved, and give back what large commands and replies made grow.
    pub(super) fn account(&mut self) {
        let is_idle = self.owes_nothing();
        if let Some(lease) = &mut self.lease {
            lease.count_bytes();
            if is_idle {
                lease.rest_if_grown();
            }
        }
        if is_idle && self.under_way.capacity() > UNDER_WAY_REST {
            self.under_way.shrink_to(UNDER_WAY_REST);
        }
    }

    /// The seats of the commands that are under way.
    pub(super) fn under_way(&self) -> impl Iterator<Item = &CallersSeat> {
        self.under_way.iter().map(|rider| &rider.seat)
    }

    /// Wake the callers whose commands have come to their end.
    pub(super) fn wake(&mut self) {
        self.wakes.wake();
    }

    /// The caller at this seat conducts from now on.
    pub(super) fn conducted_by(&mut self, seat: &CallersSeat) {
        self.wakes.leave_out(seat);
    }

    /// The callers that are still to be woken.
    pub(super) fn take_wakes(&mut self) -> Wakes {
        std::mem::take(&mut self.wakes)
    }

    /// The descriptor, and whether more can be read than it shows.
    pub(super) fn descriptor(&self) -> Option<(RawFd, bool)> {
        let lease = self.lease.as_ref()?;
        Some((lease.fd()?, lease.is_pending()))
    }
}

impl Riders<RideEnd, Futex> for Box<Train> {
    fn waiting(&self, from: usize) -> Option<(usize, CallersSeat)> {
        let mut rest = self.under_way.iter().enumerate().skip(from);
        rest.find(|(_, rider)| rider.seat.is_open()).map(|(at, rider)| (at, rider.seat.handle()))
    }
}

/// Short replies that are due next go to their callers as they came. Whether any has.
fn hand_over_short(lease: &mut Lease, under_way: &mut VecDeque<Rider>, wakes: &mut Wakes) -> Result<bool> {
    let due = under_way.len();
    lease.take_leaves(|token, entry, bytes| {
        let Some(short) = Short::of(entry, bytes) else { return false };
        // The token of one whose time was up is nobody's. Whatever else is wrong, the way of any reply finds out.
        let Some(rider) = under_way.pop_front_if(|rider| token == rider.token || token == NOBODY) else { return false };
        wakes.end(&rider.seat, RideEnd::Short(short));
        true
    })?;
    Ok(under_way.len() < due)
}

/// Commands whose replies may be due at once.
const UNDER_WAY_MAX: usize = 4096;
/// Commands for which memory is kept where none is under way.
const UNDER_WAY_REST: usize = 256;
/// Milliseconds of silence before a reply that nobody waits for, where the options set no time.
const PATIENCE_MS: u64 = 60_000;
/// Bytes of one reply that hold up others for too long.
const LONG_BYTES: usize = 1 << 20;
