//! A connection: a session over a transport, driven until a reply arrives or a deadline passes.
#![forbid(unsafe_code)]

mod burst;
mod dial;
mod greeting;
mod handed;
mod kept;
mod moving;
mod opening;
mod scripts;
mod serving;
mod steps;
mod until;

use std::os::fd::RawFd;
use std::time::{Duration, Instant};

use crate::commands::{Effect, Shape};
use crate::error::{Error, Outcome, Result, Status, head};
use crate::limits::{LAST_WORDS_MS_MAX, LATE_READS_MAX, READ_BYTES, TURN_BYTES_MAX, UNASKED_BYTES_MAX};
use crate::ongoing::Vigil;
use crate::reply::Reply;
use crate::session::{Asked, Asker, Event, Session, Submitted, Ticket};
use crate::transport::wait::{self, Idle};
use crate::transport::{Deadline, Transport};

pub use burst::Handed;
pub use dial::{Credentials, Dial};
pub use handed::handed;
pub use kept::{Kept, Notice};
use moving::closed;
pub use opening::{Stepped, no_descriptor};
pub use scripts::{Digest, Known};
use serving::{Served, serving};
pub use steps::{Read, Turn};
pub use until::{Traffic, Until};

/// An open connection that has been greeted.
pub struct Connection {
    id: u64,
    session: Session,
    transport: Box<dyn Transport>,
    dial: Dial,
    opened: Instant,
    rested: Instant,
    /// What the next read asks for: grows while reads come back full.
    read_bytes: usize,
    /// How many turns in a row moved nothing where the descriptor promised something.
    vain_turns: u32,
    /// Bytes that the last turn handed over.
    handed: usize,
    moved: Traffic,
    /// Something has come.
    heard: bool,
    /// The most that waited to be handed over, where that is looked at.
    sent_at_once: usize,
    scripts: Known,
    /// Dropped last: until then, what closes the transport and stops the parser serves this pool.
    closing: Option<Served>,
}

/// A wait for a command: how long it may take, and what it is called in a message.
#[derive(Clone, Copy)]
pub struct Wait<'a> {
    /// When the time is up.
    pub deadline: Deadline,
    /// How long that was when the call began.
    pub allowed_ms: i64,
    /// The command's name.
    pub name: &'a [u8],
}

impl Connection {
    /// On a transport that was just connected; the server has not been greeted.
    fn new(id: u64, session: Session, transport: Box<dyn Transport>, dial: Dial) -> Connection {
        let now = Instant::now();
        Connection {
            id,
            session,
            transport,
            dial,
            opened: now,
            rested: now,
            read_bytes: READ_BYTES,
            vain_turns: 0,
            handed: 0,
            moved: Traffic::default(),
            heard: false,
            sent_at_once: 0,
            scripts: Known::default(),
            closing: None,
        }
    }

    /// Its number, which no other connection of this process has.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Ask the server whether it is there.
    pub fn ping(&mut self, deadline: Deadline, allowed_ms: i64, kept: &mut Kept) -> Result<()> {
        let wait = Wait { deadline: deadline.earlier(Deadline::after_ms(allowed_ms)), allowed_ms, name: b"PING" };
        let ticket = self.submit(&[b"PING"], Shape::KEEP)?;
        let reply = self.reply_to(ticket, &wait, kept)?;
        // One answer too many would be the next command's.
        if !self.session.is_clean() {
            let error = Error::new(Status::Protocol, "the server sent what nobody had asked for");
            self.session.fail(error.clone());
            return Err(self.told(error, Outcome::NotSent));
        }
        match reply.is_error() {
            // A server that is loading, or an ACL without PING, is there all the same.
            true => Ok(()),
            false if reply.text() == b"PONG" => Ok(()),
            false => Err(Error::new(Status::Protocol, "PING was answered with something else")),
        }
    }

    /// Queue a command that leaves the connection as it is; its reply will have this shape.
    pub fn submit(&mut self, args: &[&[u8]], shape: Shape) -> Result<Ticket> {
        let submitted = self.session.submit(Asked::plain(args, shape));
        submitted.map(|submitted| submitted.ticket).map_err(|error| self.told(error, Outcome::NotSent))
    }

    /// The same for arguments that were looked at and take so much room, of a command of which it is known what it does: nothing,
    /// or SHUTDOWN.
    #[inline]
    pub fn submit_known(&mut self, args: &[&[u8]], room: usize, effect: Effect, shape: Shape) -> Result<Ticket> {
        let submitted = self.session.submit_known(args, room, effect, shape, Asker::default());
        submitted.map_err(|error| self.told(error, Outcome::NotSent))
    }

    /// Queue any command; its reply, if it is due one, will have this shape.
    pub fn submit_any(&mut self, asked: Asked<'_>) -> Result<Submitted> {
        self.session.submit(asked).map_err(|error| self.told(error, Outcome::NotSent))
    }

    /// Wait for the reply to a command that was queued; what comes before it is kept.
    pub fn reply_to(&mut self, ticket: Ticket, wait: &Wait<'_>, kept: &mut Kept) -> Result<Reply> {
        let driven = self.serve(wait.deadline, |session| {
            while let Some(event) = session.poll()? {
                match event {
                    Event::Reply { ticket: answered, reply, .. } if answered == ticket => return Ok(Some(reply)),
                    other => kept.keep(other)?,
                }
            }
            Ok(None)
        });
        self.concluded(driven, ticket, wait)
    }

    /// Hand over everything that was queued, the command with this ticket last, and keep what comes meanwhile.
    pub fn flush(&mut self, ticket: Ticket, wait: &Wait<'_>, kept: &mut Kept) -> Result<()> {
        let driven = self.serve(wait.deadline, |session| {
            while let Some(event) = session.poll()? {
                kept.keep(event)?;
            }
            Ok(session.outgoing().is_empty().then_some(()))
        });
        self.concluded(driven, ticket, wait)
    }

    /// Wait for whatever comes next. AGAIN: nothing whole in time, and the connection is as good as before.
    pub fn next(&mut self, deadline: Deadline) -> Result<Reply> {
        match self.serve(deadline, |session| Ok(session.poll()?.map(Event::into_reply))) {
            Ok(Some(reply)) => Ok(reply),
            Ok(None) => Err(Error::new(Status::Again, "nothing whole has arrived in the time allowed")),
            // What is due stays due.
            Err(error) if error.status == Status::Woken => Err(self.told(error, Outcome::None)),
            Err(error) => {
                self.session.fail(error.clone());
                Err(self.told(error, Outcome::None))
            }
        }
    }

    /// Look at a connection that rested: pushes that came meanwhile are kept, anything else is an error and its end.
    pub fn wake(&mut self, deadline: Deadline, kept: &mut Kept) -> Result<()> {
        self.look(deadline, kept, Session::is_clean)
    }

    /// The same for one that its borrower let wait, whatever it has become. Where more than pushes may come by right, there
    /// is nothing to tell by a look.
    pub fn look_again(&mut self, deadline: Deadline, kept: &mut Kept) -> Result<()> {
        if self.session.owes() || self.session.is_told_things() {
            return Ok(());
        }
        self.look(deadline, kept, |session| !session.has_unread())
    }

    fn look(&mut self, deadline: Deadline, kept: &mut Kept, is_good: fn(&Session) -> bool) -> Result<()> {
        let idle = self.transport.fd().map_or(Idle::Readable, wait::idle_state);
        let taken = match idle {
            Idle::Quiet if !self.transport.pending() && is_good(&self.session) => return Ok(()),
            Idle::Closed => Err(closed(false)),
            Idle::Quiet | Idle::Readable => serving(self.dial.serves(), || self.take_in(deadline, kept)),
        };
        let taken = taken.and_then(|()| match is_good(&self.session) {
            true => Ok(()),
            false => Err(Error::new(Status::Protocol, "the server sent what nobody had asked for")),
        });
        taken.map_err(|error| {
            self.session.fail(error.clone());
            self.told(error, Outcome::NotSent)
        })
    }

    /// Whether the next borrower would find the connection as a new one.
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

    /// Let the connection rest: give back what one large command or reply made grow.
    pub fn rest(&mut self) {
        self.session.rest();
        self.read_bytes = READ_BYTES;
        self.rested = Instant::now();
    }

    /// When it was opened, and since when it rests.
    pub fn age(&self) -> (Instant, Instant) {
        (self.opened, self.rested)
    }

    /// Bytes moved since the last time this was asked.
    pub fn traffic(&mut self) -> Traffic {
        std::mem::take(&mut self.moved)
    }

    fn serve<T>(
        &mut self,
        until: impl Into<Until>,
        done: impl FnMut(&mut Session) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        serving(self.dial.serves(), || self.drive(until, done))
    }

    /// The heart: hand over, take in, until `done` says so; None when the time is up before that. Reading never waits for writing.
    fn drive<T>(
        &mut self,
        until: impl Into<Until>,
        mut done: impl FnMut(&mut Session) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        let mut until = until.into();
        let mut came = Progress::None;
        let mut seen = self.seen();
        loop {
            let handed = self.hand_over(until.deadline()).map_err(|error| self.last_words(error, until.deadline()));
            if let Some(result) = done(&mut self.session)? {
                return Ok(Some(result));
            }
            handed?;
            let goes_on = self.has_progressed(&mut seen) && until.moved();
            // The clock is looked at where what came was not enough.
            let time_is_up = match came {
                Progress::None => false,
                Progress::Moved => until.deadline().has_passed(),
                Progress::TimeIsUp => true,
            };
            if time_is_up && !goes_on {
                return Ok(None);
            }
            let deadline = until.deadline();
            came = match self.transport.fd() {
                Some(fd) => self.wait_and_read(fd, deadline)?,
                None => self.read_in_slices(deadline)?,
            };
        }
    }

    /// A peer that no longer takes anything may have said why before: take it in. Where the time is up, no more than a little.
    fn last_words(&mut self, error: Error, deadline: Deadline) -> Error {
        let end = self.moved.bytes_in + UNASKED_BYTES_MAX;
        let deadline = deadline.earlier(Deadline::after_ms(LAST_WORDS_MS_MAX));
        let mut reads = 0;
        while self.moved.bytes_in < end && (reads < LATE_READS_MAX || !deadline.has_passed()) {
            reads += 1;
            match self.read(0) {
                Ok(true) => {}
                Err(said) if said.status == Status::Tls => return said,
                Ok(false) | Err(_) => break,
            }
        }
        error
    }

    /// Write what waits, as far as the transport takes it at once, for one turn: between two of them there is reading, and a
    /// look at the clock. For a transport without a descriptor, which waits by itself, a turn is one call.
    fn hand_over(&mut self, deadline: Deadline) -> Result<()> {
        self.handed = 0;
        let waits = self.transport.fd().is_none();
        while !self.session.outgoing().is_empty() && self.handed < TURN_BYTES_MAX {
            if self.handed > 0 && deadline.has_passed() {
                return Ok(());
            }
            let timeout_ms = if waits { slice_ms(deadline) } else { 0 };
            match self.write(usize::MAX, timeout_ms)? {
                0 => return Ok(()),
                len => self.handed += len,
            }
            if waits {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Wait until the descriptor has something, and read it.
    fn wait_and_read(&mut self, fd: RawFd, deadline: Deadline) -> Result<Progress> {
        // TLS, or a transport of the caller's, may hold bytes that the descriptor no longer shows.
        if (self.transport.pending() || self.dial.is_foreign()) && self.read(0)? {
            return Ok(Progress::Moved);
        }
        let blocked = !self.session.outgoing().is_empty();
        let ready = wait::wait(fd, true, blocked, deadline)?;
        if !ready.readable && !ready.writable {
            return Ok(Progress::TimeIsUp);
        }
        let read = ready.readable && self.read(0)?;
        // A piece of a TLS record is nothing to read yet; nothing time after time, after the last write too, is a
        // descriptor that lies.
        let moved = read || (ready.writable && !ready.readable && self.handed > 0);
        self.vain_turns = if moved { 0 } else { self.vain_turns.saturating_add(1) };
        if self.vain_turns > VAIN_TURNS_MAX {
            std::thread::sleep(PAUSE);
        }
        Ok(Progress::Moved)
    }

    /// Read from a transport without a descriptor, which waits by itself.
    fn read_in_slices(&mut self, deadline: Deadline) -> Result<Progress> {
        Vigil::begin()?;
        let blocked = !self.session.outgoing().is_empty();
        let before = Instant::now();
        let moved = self.read(if blocked { 0 } else { slice_ms(deadline) })?;
        // One that comes back at once with nothing must not keep the processor busy until the deadline.
        if !moved && self.handed == 0 && before.elapsed() < PAUSE {
            std::thread::sleep(PAUSE);
        }
        Ok(Progress::Moved)
    }

    /// Read what is there, without waiting. Who writes faster than this reads is not waited for either.
    fn take_in(&mut self, deadline: Deadline, kept: &mut Kept) -> Result<()> {
        let end = self.moved.bytes_in + UNASKED_BYTES_MAX;
        loop {
            // What came together with the last reply has been read already.
            while let Some(event) = self.session.poll()? {
                kept.keep(event)?;
            }
            if !self.read(0)? {
                return Ok(());
            }
            if self.moved.bytes_in >= end || deadline.has_passed() {
                return Err(Error::new(Status::Limit, "what the server sends unasked does not end"));
            }
        }
    }

    /// What a command's wait came to. Where that is an error, it has the command's fate, and the conversation is over.
    fn concluded<T>(&mut self, driven: Result<Option<T>>, ticket: Ticket, wait: &Wait<'_>) -> Result<T> {
        let error = match driven {
            Ok(Some(result)) => return Ok(result),
            Ok(None) => wait.timed_out(!self.session.outgoing().is_empty()),
            Err(error) => error,
        };
        self.session.fail(error.clone());
        let outcome = self.session.fate(ticket);
        Err(self.told(error, outcome))
    }

    fn told(&self, error: Error, outcome: Outcome) -> Error {
        match error.status {
            Status::Argument | Status::State => error.with_outcome(outcome),
            _ => self.with_hint(error).at(self.dial.endpoint()).with_outcome(outcome),
        }
    }
}

/// What a turn of waiting and reading came to.
enum Progress {
    /// There was none yet.
    None,
    /// Something may have come; whether the time is up is for the clock to say.
    Moved,
    TimeIsUp,
}

impl Wait<'_> {
    /// The command's name, as a message shows it.
    pub fn shown_name(&self) -> Vec<u8> {
        head(self.name).to_ascii_uppercase()
    }

    fn timed_out(&self, writing: bool) -> Error {
        let name = self.shown_name();
        let name = String::from_utf8_lossy(&name);
        let text = match writing {
            true => format!("write: the server did not take the whole of {name} within {} ms", self.allowed_ms),
            false => format!("read: no whole reply to {name} within {} ms", self.allowed_ms),
        };
        Error::new(Status::Timeout, text)
    }
}

/// How long a transport without a descriptor may wait at once.
fn slice_ms(deadline: Deadline) -> i64 {
    match deadline.remaining_ms() {
        ..0 => SLICE_MS,
        remaining => remaining.min(SLICE_MS),
    }
}

/// Waits of a transport without a descriptor are cut short, so that other threads can end them.
const SLICE_MS: i64 = 20;
/// How often a transport may claim to be ready and move nothing, before it has to wait each time; and how long.
const VAIN_TURNS_MAX: u32 = 16;
const PAUSE: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests;
