//! One run: its plan over a connection, over another one where nothing can run twice, and what the caller gets.
#![forbid(unsafe_code)]

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::client::{Call, Client};
use crate::conn::{Kept, Notice, Wait};
use crate::error::{Error, Outcome, Result, Status};
use crate::ongoing;
use crate::reply::Reply;
use crate::route::{Audience, Tries, may_be_refusal};
use crate::stats::Counters;

use super::answers::Answers;
use super::behind;
use super::exchange::{Leased, broken_off};
use super::merge::Merged;
use super::plan::{Again, Plan};
use super::time::{Limit, Time};
use super::transaction::Transaction;
use super::watch::{self, Watch};
use super::wire::Delivery;

/// What a pipeline lends for a run, so that it may be looked at meanwhile.
pub(super) struct Batch {
    pub(super) client: Client,
    pub(super) plan: Plan,
    pub(super) merged: Merged,
    pub(super) watch: Option<Watch>,
    /// When all must be over, where the run is one of several.
    pub(super) limit: Limit,
}

impl Batch {
    /// Send all of it, and give the replies as one array.
    pub(super) fn run(&mut self, call: &Call) -> Result<Reply> {
        self.counted(call, |batch, tries| {
            batch.over_the_wire(call, tries)?;
            batch.merged.finish(&batch.plan)
        })
    }

    /// A run by this function, counted, and its error told of all its tries.
    pub(super) fn counted<T>(
        &mut self,
        call: &Call,
        run: impl FnOnce(&mut Batch, &mut Tries) -> Result<T>,
    ) -> Result<T> {
        let client = self.client.clone();
        client.count(|counters| counters.commands(self.plan.len()));
        let mut tries = Tries::default();
        let asked = self.plan.ask(call.flags, &client.0.callbacks.load());
        let result = asked.and_then(|()| run(self, &mut tries));
        result.map_err(|error| tries.tell(error)).inspect_err(|error| client.count(|counters| counters.failed(error)))
    }

    fn over_the_wire(&mut self, call: &Call, tries: &mut Tries) -> Result<()> {
        if self.plan.queue.is_empty() && self.watch.is_none() {
            return Ok(());
        }
        self.plan.close()?;
        let mut time = self.time(call);
        if let Some(watch) = self.watch.take() {
            tries.count = 1;
            return self.run_watched(watch, time);
        }
        if self.client.0.route.is_many() {
            let client = self.client.clone();
            return match self.plan.is_atomic() {
                true => self.whole(&client, tries, time),
                false => self.over_many(&client, 0..self.plan.len(), tries, &mut time),
            };
        }
        self.with_retries(tries, time, Batch::attempt)
    }

    pub(super) fn time(&self, call: &Call) -> Time {
        Time::new(self.plan.blocking(), self.client.0.often.command_timeout_ms, call, self.limit)
    }

    /// Try on one connection, and on others as long as nothing can run twice. The outer error of a try ends its connection;
    /// the inner one is an answer.
    pub(super) fn with_retries(
        &mut self,
        tries: &mut Tries,
        mut time: Time,
        mut attempt: impl FnMut(&mut Batch, &mut Leased<'_>) -> Result<Result<()>>,
    ) -> Result<()> {
        self.client.0.route.retry().begin();
        loop {
            tries.count += 1;
            let mut kept = self.client.kept();
            let mut rested = false;
            let tried = self.try_once(&mut time, &mut kept, &mut rested, &mut attempt);
            let again = match &tried {
                Ok(()) => None,
                Err(error) => self.again(error, rested, tries.count, &time),
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

    /// How long to wait before another try. None: there is none.
    fn again(&self, error: &Error, rested: bool, attempts: u32, time: &Time) -> Option<Duration> {
        let by_a_replica = self.merged.is_refused_by_a_replica(error);
        match self.plan.again(error, rested, by_a_replica, self.merged.shown) {
            Again::No => None,
            Again::AtOnce => Some(Duration::ZERO),
            Again::Later => self.client.0.route.retry().next_pause(attempts, time.start),
        }
    }

    fn try_once(
        &mut self,
        time: &mut Time,
        kept: &mut Kept,
        rested: &mut bool,
        attempt: &mut impl FnMut(&mut Batch, &mut Leased<'_>) -> Result<Result<()>>,
    ) -> Result<()> {
        let wait = Wait { deadline: time.start, allowed_ms: time.allowed_ms(), name: NAME };
        let mut lease = self.client.0.route.lease(&wait, kept)?;
        *rested = lease.rested;
        match attempt(self, &mut Leased { lease: &mut lease, kept, time }) {
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
        if let Err(moved) = watch.refuse_moved(&self.client) {
            self.client.show(watch.end(false));
            return Err(moved);
        }
        let (lease, kept) = watch.parts()?;
        if time.start.has_passed() {
            let text = format!("the {} ms allowed were over before the transaction was sent", time.allowed_ms());
            self.client.show(watch.end(false));
            return Err(Error::new(Status::Timeout, text).with_outcome(Outcome::NotSent));
        }
        // It may have been lost while its caller was thinking: what is not sent is sure not to run.
        let there = lease.inspect_lent(time.start, kept);
        let tried = there.and_then(|()| self.attempt(&mut Leased { lease, kept, time: &mut time }));
        let (answered, lost) = match tried {
            Ok(answered) => (answered, false),
            Err(error) => {
                kept.notice(Notice::lost(lease, &error));
                (Err(error), true)
            }
        };
        let is_many = self.client.0.route.is_many();
        let refusal = self.merged.refusal.take().filter(|words| is_many && may_be_refusal(words));
        if let Some(words) = &refusal {
            watch.heed(&self.client, words, time.start);
        }
        self.client.show(watch.end(lost));
        answered.map_err(|error| match error.outcome {
            Outcome::NotSent => watch::lost(error),
            // The keys are another server's, and so is whatever happens to them.
            Outcome::Refused if refusal.is_some() => Error { status: Status::Watch, ..error },
            _ => error,
        })
    }

    /// The plan on this connection. The outer error ends the connection; the inner one is an answer.
    pub(super) fn attempt(&mut self, leased: &mut Leased<'_>) -> Result<Result<()>> {
        match self.plan.is_atomic() {
            true => self.transact(leased),
            false => self.one_by_one(leased).map(Ok),
        }
    }

    fn one_by_one(&mut self, leased: &mut Leased<'_>) -> Result<()> {
        let by_digest = self.plan.has_digests() && self.choose_scripts(leased)?;
        let raw = self.plan.keeps_all();
        let part = self.plan.part();
        let mut answers = Answers::new(part.commands, &mut self.merged, raw);
        let (taken, handed) = leased.exchange(part.bytes, part.from, part.commands.len(), &mut answers);
        let (come, outcome) = (answers.come(), answers.outcome(handed));
        leased.outdate_if(self.merged.read_only);
        if let Err(error) = taken {
            leased.time.moved(handed);
            let answered = come.saturating_sub(part.front);
            self.merged.failed = Some(answered);
            // Scripts were loaded, at the most.
            let outcome = if handed.bytes <= part.front_bytes() { Outcome::NotSent } else { outcome };
            return Err(broken_off(error, answered, part.commands.len() - part.front).with_outcome(outcome));
        }
        if by_digest {
            behind::settle(&self.plan, &mut self.merged, leased, &self.client.0.scripts_go_whole)?;
        }
        Ok(())
    }

    fn transact(&mut self, leased: &mut Leased<'_>) -> Result<Result<()>> {
        let raw = self.plan.keeps_all();
        let part = self.plan.part();
        let mut answers = Transaction::new(part.commands, &mut self.merged, raw);
        let due = answers.due();
        let (taken, handed) = leased.exchange(part.bytes, part.from, due, &mut answers);
        let outcome = answers.outcome(handed);
        let verdict = taken.map(|()| answers.verdict(part.bytes));
        leased.outdate_if(self.merged.read_only);
        match verdict {
            Err(error) => {
                leased.time.moved(handed);
                // What was queued did not run yet.
                self.merged.failed = Some(0);
                Err(broken_off(error, 0, part.commands.len()).with_outcome(outcome))
            }
            // Where MULTI or EXEC itself was refused, nobody knows what the connection is in.
            Ok(Err(error)) if error.status == Status::Server => Err(error),
            Ok(answered) => {
                leased.lease.executed();
                Ok(answered)
            }
        }
    }

    /// How scripts go over this connection. False: whole.
    fn choose_scripts(&mut self, leased: &mut Leased<'_>) -> Result<bool> {
        let whole = self.client.0.scripts_go_whole.load(Ordering::Relaxed);
        let known = leased.lease.scripts();
        self.plan.deliver(if whole { Delivery::Whole } else { Delivery::ByDigest(known) })?;
        Ok(!whole)
    }
}

/// What a pipeline is called where a command's name is due.
pub(super) const NAME: &[u8] = b"PIPELINE";
