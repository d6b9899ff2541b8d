//! One run: the whole burst over one connection, again where nothing can run twice, and what the caller gets.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::client::{Call, Callbacks, Client, Flags};
use crate::commands::Blocking;
use crate::conn::{Handed, Kept, Notice, Until, Wait};
use crate::error::{Error, Outcome, Result, Status};
use crate::limits::PIPELINE_REST_BYTES_MAX;
use crate::ongoing;
use crate::pool::{Counters, Lease};
use crate::reply::Reply;
use crate::resp::Gather;
use crate::route::{Audience, Tries};
use crate::transport::Deadline;

use super::Mode;
use super::answers::Answers;
use super::queue::{MULTI, Queue};
use super::scripts::{Scripts, Wire};
use super::watch::{self, Watch};

/// A run, with all that it needs: the pipeline that it came from may be looked at meanwhile.
pub struct Run {
    pub(super) client: Client,
    pub(super) queue: Queue,
    pub(super) gather: Gather,
    /// Which replies still have to be given their shape.
    pub(super) unshaped: Vec<usize>,
    pub(super) watch: Option<Watch>,
    pub(super) mode: Mode,
    /// Which command failed first.
    pub(super) failed: Option<usize>,
    /// The server takes no writes: its last answers said so.
    pub(super) read_only: bool,
    /// The callbacks as they were when the run began, if any is called; and whether replies stay as they come.
    pub(super) callbacks: Option<Arc<Callbacks>>,
    pub(super) raw: bool,
    /// What goes over in the place of the queue, where there are scripts in it.
    pub(super) wire: Option<Wire>,
    /// How many replies a function of the caller's has seen: they are not shown again.
    pub(super) shown: usize,
    /// When all must be over, and how far away that was at first, where the run is one of several.
    pub(super) limit: Option<(Deadline, i64)>,
    pub(super) transacting: bool,
}

/// How long a run may take.
#[derive(Clone, Copy)]
pub(super) struct Time {
    /// Without a byte moving either way.
    still_ms: i64,
    /// In all, where the call says so.
    total: Option<(Deadline, i64)>,
    /// Until a connection is there, for this try and those before it that moved nothing.
    start: Deadline,
}

impl Run {
    /// Send all of it, and give the replies as one array.
    pub fn run(&mut self, call: &Call) -> Result<Reply> {
        let client = self.client.clone();
        client.count(|counters| counters.commands(self.queue.len()));
        let mut tries = Tries::default();
        let wished = self.wish(call);
        let result = wished.and_then(|()| self.over_the_wire(call, &mut tries)).and_then(|()| self.finish());
        result.map_err(|error| tries.tell(error)).inspect_err(|error| client.count(|counters| counters.failed(error)))
    }

    /// What the replies are to become is decided when the run begins: what another thread sets meanwhile is for the next.
    pub(super) fn wish(&mut self, call: &Call) -> Result<()> {
        self.raw = call.flags.has(Flags::RAW);
        let table = self.client.0.callbacks.load();
        if !self.raw && !table.is_empty() && self.queue.wish(&table)? {
            self.callbacks = Some(Arc::clone(&table));
        }
        Ok(())
    }

    /// Forget the commands and their replies.
    pub(super) fn clear(&mut self) {
        self.queue.clear();
        self.gather.clear(PIPELINE_REST_BYTES_MAX);
    }

    fn over_the_wire(&mut self, call: &Call, tries: &mut Tries) -> Result<()> {
        self.gather.clear(PIPELINE_REST_BYTES_MAX);
        if self.queue.is_empty() && self.watch.is_none() {
            return Ok(());
        }
        if self.is_atomic() {
            self.wire = Wire::of(&self.queue, Scripts::Whole)?;
            self.wire.as_mut().map_or(&mut self.queue, |wire| &mut wire.queue).close_transaction()?;
        }
        let time = self.time(call);
        if let Some(watch) = self.watch.take() {
            tries.count = 1;
            return self.run_watched(watch, time);
        }
        self.with_retries(call, tries, time, |run, lease, time, kept| run.exchange(lease, time, kept))
    }

    /// Try on one connection, and on others as long as nothing can run twice. The outer error of a try ends its connection;
    /// the inner one is an answer.
    pub(super) fn with_retries(
        &mut self,
        call: &Call,
        tries: &mut Tries,
        mut time: Time,
        mut attempt: impl FnMut(&mut Run, &mut Lease, &mut Time, &mut Kept) -> Result<Result<()>>,
    ) -> Result<()> {
        self.client.0.route.retry().begin();
        loop {
            tries.count += 1;
            let mut kept = self.client.kept();
            let mut rested = false;
            let tried = self.try_once(&mut time, &mut kept, &mut rested, &mut attempt);
            let again = match &tried {
                Ok(()) => None,
                Err(error) => self.again(call, error, rested, tries.count, &time)?,
            };
            if let (Some(wait), Err(error)) = (again, &tried) {
                self.client.count(Counters::retried);
                kept.notice(Notice::Retry {
                    command: NAME.to_vec(),
                    attempts: tries.count,
                    wait_ms: wait.as_millis() as i64,
                    error: error.clone(),
                });
            }
            self.client.show(kept);
            match (again, tried) {
                (Some(wait), Err(error)) => {
                    tries.may_have_run |= error.outcome == Outcome::Unknown;
                    ongoing::pause(wait).map_err(|ended| ended.with_outcome(error.outcome))?;
                }
                (_, tried) => return tried,
            }
        }
    }

    /// How long to wait before another try; None: there is none. What the server answered is never asked again, but for a
    /// transaction that a replica refused as a whole.
    fn again(&self, call: &Call, error: &Error, rested: bool, attempts: u32, time: &Time) -> Result<Option<Duration>> {
        let network = matches!(error.status, Status::Connect | Status::Io | Status::Timeout);
        if rested && error.outcome == Outcome::NotSent && error.status == Status::Io {
            return Ok((!self.queue.shuts_down()?).then_some(Duration::ZERO));
        }
        let may_repeat = (network || self.is_refused_by_a_replica(error))
            && !call.flags.has(Flags::NO_RETRY)
            && self.shown == 0
            && !self.queue.shuts_down()?
            && match error.outcome {
                Outcome::NotSent => true,
                Outcome::Refused => self.is_refused_by_a_replica(error),
                Outcome::Unknown => call.flags.has(Flags::IDEMPOTENT) || self.queue.may_run_twice()?,
                _ => false,
            };
        Ok(if may_repeat { self.client.0.route.retry().wait(attempts, time.start) } else { None })
    }

    /// Whether the transaction was refused because the server takes no writes: nothing of it ran.
    pub(super) fn is_refused_by_a_replica(&self, error: &Error) -> bool {
        self.read_only && error.status == Status::Aborted
    }

    fn try_once(
        &mut self,
        time: &mut Time,
        kept: &mut Kept,
        rested: &mut bool,
        attempt: &mut impl FnMut(&mut Run, &mut Lease, &mut Time, &mut Kept) -> Result<Result<()>>,
    ) -> Result<()> {
        let wait = Wait { deadline: time.start, allowed_ms: time.allowed_ms(), name: NAME };
        let mut lease = self.client.0.route.lease(&wait, kept)?;
        *rested = lease.rested;
        match attempt(self, &mut lease, time, kept) {
            Ok(answered) => {
                lease.give_back();
                answered
            }
            Err(error) => {
                if lease.failure().is_some() {
                    kept.notice(Notice::lost(&lease, &error));
                }
                Err(error)
            }
        }
    }

    /// The transaction of a pipeline that watches, on the connection that does. It is tried once: a second connection
    /// would watch nothing.
    fn run_watched(&mut self, mut watch: Watch, mut time: Time) -> Result<()> {
        watch.refuse_foreign()?;
        let (lease, kept) = watch.parts()?;
        if time.start.has_passed() {
            let text = format!("the {} ms allowed were over before the transaction was sent", time.allowed_ms());
            self.client.show(watch.end(false));
            return Err(Error::new(Status::Timeout, text).with_outcome(Outcome::NotSent));
        }
        // It may have been lost while its caller was thinking: what is not sent is sure not to run.
        let there = lease.look_again(time.start, kept);
        let tried = there.and_then(|()| self.exchange(lease, &mut time, kept));
        let (answered, lost) = match tried {
            Ok(answered) => (answered, false),
            Err(error) => {
                kept.notice(Notice::lost(lease, &error));
                (Err(error), true)
            }
        };
        self.client.show(watch.end(lost));
        answered.map_err(|error| if error.outcome == Outcome::NotSent { watch::lost(error) } else { error })
    }

    /// The burst and its replies on this connection. The outer error ends the connection; the inner one is an answer.
    fn exchange(&mut self, lease: &mut Lease, time: &mut Time, kept: &mut Kept) -> Result<Result<()>> {
        let atomic = self.is_atomic();
        let by_digest = !atomic && !self.queue.scripts.is_empty() && self.choose_scripts(lease)?;
        let Run { queue, wire, gather, unshaped, failed, raw, read_only, .. } = self;
        let (front, queue) = wire.as_mut().map_or((0, queue), |wire| (wire.front, &mut wire.queue));
        let unheard = queue.start_of(front) - MULTI.len();
        let Queue { bytes, commands, shaped, .. } = queue;
        let mut answers = Answers::new(commands, (gather, unshaped), atomic, *raw || !*shaped);
        let (from, replies) = answers.burst();
        let begun = lease.begin_burst(bytes, from, replies);
        let taken = begun.and_then(|()| lease.take_replies(|| time.until(), kept, &mut answers));
        let handed = lease.end_burst(bytes);
        *failed = answers.refused;
        *read_only = answers.read_only;
        if answers.read_only {
            lease.outdate();
        }
        if let Err(error) = taken {
            time.moved(handed);
            let answered = answers.answered().saturating_sub(front);
            *failed = Some(answered);
            let outcome = match handed.bytes <= unheard {
                // Scripts were loaded, at the most.
                true if !atomic => Outcome::NotSent,
                _ => answers.outcome(handed),
            };
            return Err(broken_off(error, answered, commands.len() - front).with_outcome(outcome));
        }
        match answers.verdict(bytes) {
            // Where MULTI or EXEC itself was refused, nobody knows what the connection is in.
            Err(error) if error.status == Status::Server => Err(error),
            verdict => {
                if atomic {
                    lease.executed();
                } else if by_digest {
                    self.settle_scripts(lease, time, kept)?;
                }
                Ok(verdict)
            }
        }
    }

    /// How scripts go over this connection. False: whole.
    fn choose_scripts(&mut self, lease: &mut Lease) -> Result<bool> {
        let whole = self.client.0.scripts_go_whole.load(Ordering::Relaxed);
        let how = if whole { Scripts::Whole } else { Scripts::ByDigest(lease.scripts()) };
        self.wire = Wire::of(&self.queue, how)?;
        Ok(!whole)
    }

    fn is_atomic(&self) -> bool {
        self.mode == Mode::Atomic
    }

    pub(super) fn time(&self, call: &Call) -> Time {
        let often = &self.client.0.often;
        let still_ms = match self.queue.blocking {
            // Inside a transaction nothing waits.
            Some(Blocking::Forever) if !self.is_atomic() => -1,
            Some(Blocking::For(waits)) if !self.is_atomic() && often.command_timeout_ms >= 0 => {
                i64::try_from(waits.as_millis()).unwrap_or(i64::MAX).saturating_add(often.command_timeout_ms)
            }
            _ => often.command_timeout_ms,
        };
        let total = match call.flags.has(Flags::TIMEOUT) {
            true => Some((Deadline::after_ms(call.timeout_ms), call.timeout_ms)),
            false => self.limit,
        };
        // Time that the call gives counts alone.
        let still_ms = if call.flags.has(Flags::TIMEOUT) { -1 } else { still_ms };
        let start = if still_ms < 0 { Deadline::never() } else { Deadline::after_ms(often.command_timeout_ms) };
        Time { still_ms, total, start: total.map_or(start, |(total, _)| total.earlier(start)) }
    }
}

impl Time {
    pub(super) fn until(&self) -> Until {
        let until = Until::still_for(self.still_ms);
        match self.total {
            Some((last, last_ms)) => until.no_later_than(last, last_ms),
            None => until,
        }
    }

    /// Whether the time of the whole run is over, where it has one.
    pub(super) fn is_over(&self) -> bool {
        self.total.is_some_and(|(last, _)| last.has_passed())
    }

    fn allowed_ms(&self) -> i64 {
        self.total.map_or(self.still_ms, |(_, total_ms)| total_ms)
    }

    /// Where something moved, what comes next has its time again.
    pub(super) fn moved(&mut self, handed: Handed) {
        if handed.bytes > 0 && self.still_ms >= 0 {
            self.start = self.until().deadline();
        }
    }
}

/// The error that a run broke off with, and how far it had come.
pub(super) fn broken_off(error: Error, answered: usize, count: usize) -> Error {
    let text = format!("; {answered} of {count} commands were answered");
    Error { message: [error.message.as_slice(), text.as_bytes()].concat(), ..error }
}

/// What a pipeline is called where a command's name is due.
const NAME: &[u8] = b"PIPELINE";

#[cfg(test)]
mod tests;
