//! The driver of a call that waits: it writes, reads, and waits for the descriptor until a reply arrives or a deadline
//! passes.

use std::os::fd::RawFd;
use std::time::{Duration, Instant};

use crate::error::{Error, Result, Status};
use crate::limits::{LAST_WORDS_MS_MAX, LATE_READS_MAX, TURN_BYTES_MAX, UNASKED_BYTES_MAX};
use crate::ongoing::Vigil;
use crate::session::Session;
use crate::transport::Deadline;
use crate::transport::wait::{self, READ_WAIT_MS};

use super::connection::Connection;
use super::serving::serving;
use super::stopped::WhyStopped;
use super::until::Until;

impl Connection {
    pub(super) fn serve<T>(
        &mut self,
        until: impl Into<Until>,
        done: impl FnMut(&mut Session) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        serving(self.dial.serves(), || self.drive(until, done))
    }

    /// Write and read until `done` gives a result. None: the time is up before that. Reading never waits for writing.
    pub(super) fn drive<T>(
        &mut self,
        until: impl Into<Until>,
        mut done: impl FnMut(&mut Session) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        let mut until = until.into();
        let mut came = Progress::None;
        let mut seen = self.seen();
        loop {
            let handed = match self.begun.take().and_then(|begun| begun.why).map(|why| *why) {
                None => self.hand_over(until.deadline()),
                Some(WhyStopped::Writing(error)) => Err(error),
                Some(WhyStopped::Reading(error)) => return Err(error),
            };
            let handed = handed.map_err(|error| self.last_words(error, until.deadline()));
            if let Some(result) = done(&mut self.session)? {
                return Ok(Some(result));
            }
            handed?;
            let goes_on = until.may_move() && self.has_progressed(&mut seen) && until.moved();
            // The clock is read only if the bytes that arrived were not enough.
            let time_is_up = match came {
                Progress::None => false,
                Progress::Moved => until.deadline().has_passed(),
                Progress::TimeIsUp => true,
            };
            if time_is_up && !goes_on {
                return Ok(None);
            }
            let deadline = until.deadline();
            came = match self.descriptor() {
                Some(fd) => self.wait_and_read(fd, deadline)?,
                None => self.read_in_slices(deadline)?,
            };
        }
    }

    /// After a failed write: read what the peer had sent before, which may say why. If the time is up, read no more than a
    /// little.
    pub(super) fn last_words(&mut self, error: Error, deadline: Deadline) -> Error {
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

    /// Write for one turn what the transport accepts without waiting. Between two turns the driver reads, and looks at the
    /// clock. A transport without a descriptor waits by itself, and a turn is one call of it.
    pub(super) fn hand_over(&mut self, deadline: Deadline) -> Result<()> {
        self.handed = 0;
        let waits = self.descriptor().is_none();
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

    /// Wait until the descriptor is ready, and read.
    pub(super) fn wait_and_read(&mut self, fd: RawFd, deadline: Deadline) -> Result<Progress> {
        // TLS, or a transport of the caller's, may hold bytes that the descriptor no longer shows.
        if self.plain.is_none() && (self.transport.pending() || self.dial.is_foreign()) && self.read(0)? {
            return Ok(Progress::Moved);
        }
        let blocked = !self.session.outgoing().is_empty();
        // A reply mostly comes soon, and a read that waits for it costs one call where a poll and a read cost two. Whatever is
        // to end the wait at once, or at a moment that is near, is the poll's to see.
        let may_wait = !blocked && self.plain.is_some_and(|plain| plain.waits) && self.has_time(deadline);
        if may_wait && Vigil::is_brief()? && self.read(READ_WAIT_MS)? {
            self.vain_turns = 0;
            return Ok(Progress::Moved);
        }
        let ready = match self.dial.looking() {
            None => wait::wait(fd, true, blocked, deadline)?,
            Some(looking) => looking.wait(fd, blocked, deadline)?,
        };
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

    /// Whether there is so much time that a read may wait, and be late itself, before the deadline is looked at.
    #[inline]
    fn has_time(&mut self, deadline: Deadline) -> bool {
        let now = self.as_of.take().unwrap_or_else(Instant::now);
        deadline.left_more_than(Duration::from_millis(MUCH_MS.unsigned_abs()), now)
    }

    /// Read from a transport without a descriptor, which waits by itself.
    pub(super) fn read_in_slices(&mut self, deadline: Deadline) -> Result<Progress> {
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
}

/// The result of a turn of waiting and reading.
pub(super) enum Progress {
    /// There was no turn yet.
    None,
    /// Bytes may have arrived. The clock says whether the time is up.
    Moved,
    /// The descriptor was not ready before the deadline.
    TimeIsUp,
}

/// The longest wait of one call of a transport without a descriptor.
fn slice_ms(deadline: Deadline) -> i64 {
    match deadline.remaining_ms() {
        ..0 => SLICE_MS,
        remaining => remaining.min(SLICE_MS),
    }
}

/// So much time that a read may wait, although the system may end it late.
pub(super) const MUCH_MS: i64 = 2 * READ_WAIT_MS + SLACK_MS;
/// How late the system may end a read that waits.
pub(super) const SLACK_MS: i64 = 20;
/// Waits of a transport without a descriptor are cut short, so that other threads can end them.
pub(super) const SLICE_MS: i64 = 20;
/// How often a transport may claim to be ready and move nothing, before it has to wait each time; and how long.
pub(super) const VAIN_TURNS_MAX: u32 = 16;
pub(super) const PAUSE: Duration = Duration::from_millis(1);
