//! A loop's commands to many servers: a line to each that is needed, behind the one descriptor. A command goes to the line of its
//! slot's owner. One that did not run is sent again, or rests, within its own time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::client::{Call, Client, Flags};
use crate::commands::{Effect, Shape};
use crate::conn::{Dial, Kept, Notice};
use crate::error::{Error, Outcome, Result, Status};
use crate::line::{Came, Line, Submission, Transition, Watched};
use crate::reply::{Builder, Kind, Reply};
use crate::resp;
use crate::route::{Guide, Heading, Journey, Told};
use crate::transport::poller::Poller;

use super::pending::{Completion, Pending};
use crate::client::terms::Terms;

/// The lines of one handle, and the commands that rest.
pub(super) struct Among {
    client: Client,
    guide: Guide,
    lines: Vec<Watched<Box<Routed>>>,
    /// In the order in which they were submitted.
    resting: VecDeque<Box<Routed>>,
    /// What has come, and is not taken yet.
    done: VecDeque<Completion>,
    /// How many commands were accepted so far; and how many are not completed, with their bytes.
    accepted: u64,
    count: usize,
    bytes: usize,
    number: u64,
    /// Which line is asked first.
    turn: usize,
}

/// A command on its way.
struct Routed {
    order: u64,
    pending: Pending,
    journey: Journey,
    encoded: Arc<Vec<u8>>,
    shape: Shape,
    effect: Effect,
    deadline: Option<Instant>,
}

impl Among {
    pub(super) fn new(client: &Client, guide: Guide) -> Among {
        Among {
            client: client.clone(),
            guide,
            lines: Vec::new(),
            resting: VecDeque::new(),
            done: VecDeque::new(),
            accepted: 0,
            count: 0,
            bytes: 0,
            number: 0,
            turn: 0,
        }
    }

    /// The commands that are not completed or not taken, and their bytes.
    pub(super) fn under_way(&self) -> (usize, usize) {
        (self.count + self.done.len(), self.bytes)
    }

    /// Accept a command: it is sent by the next step, or by the end of this round.
    pub(super) fn submit(
        &mut self,
        args: &[&[u8]],
        call: &Call,
        terms: Terms,
        deadline: Option<Instant>,
        now: Instant,
    ) -> Result<()> {
        let Terms { row, effect, shape, callback, allowed_ms } = terms;
        let once = call.flags.has(Flags::NO_RETRY);
        let journey = self.guide.journey(row, args, once, now, deadline)?;
        let pending = Pending::new(row, call, allowed_ms, callback, args)?;
        let mut encoded = Vec::new();
        resp::encode(args, &mut encoded)?;
        let no_memory = |_| Error::memory("the command");
        // Those that are under way may all come back, or come to their end.
        self.resting.try_reserve((self.count + 1).saturating_sub(self.resting.len())).map_err(no_memory)?;
        self.done.try_reserve(self.count + 1).map_err(no_memory)?;
        self.accepted += 1;
        (self.count, self.bytes) = (self.count + 1, self.bytes + encoded.len());
        let encoded = Arc::new(encoded);
        self.resting.push_back(Box::new(Routed {
            order: self.accepted,
            pending,
            journey,
            encoded,
            shape,
            effect,
            deadline,
        }));
        Ok(())
    }

    /// Do what can be done without waiting: look at the clock, connect, read the map, send what may be sent.
    pub(super) fn step(&mut self, poller: &Poller, now: Instant, readable: bool, kept: &mut Kept) {
        for line in &mut self.lines {
            line.step(poller, now, readable);
        }
        self.guide.step(poller, now, readable, kept);
        self.leave_strangers(poller, now);
        self.expire(now);
        self.send(poller, now);
        self.leave_overdue(poller, now);
        self.follow(poller, now, kept);
    }

    /// The next that has come. None: nothing more in this round.
    pub(super) fn take(&mut self) -> Option<Completion> {
        if let Some(done) = self.done.pop_front() {
            return Some(done);
        }
        for _ in 0..self.lines.len() {
            let place = self.turn % self.lines.len().max(1);
            while let Some(came) = self.lines.get_mut(place).and_then(|line| line.line.take(Instant::now)) {
                self.came(place, came);
                if let Some(done) = self.done.pop_front() {
                    return Some(done);
                }
            }
            self.turn = place + 1;
        }
        None
    }

    /// The round is over: send what was submitted in it, and what is to be sent again. True: a step is needed at once.
    pub(super) fn end_round(&mut self, poller: &Poller, now: Instant, kept: &mut Kept) -> bool {
        let mut is_cut = false;
        for line in &mut self.lines {
            is_cut |= line.line.end_round(|| now);
        }
        self.send(poller, now);
        self.leave_overdue(poller, now);
        self.follow(poller, now, kept) || is_cut || !self.done.is_empty()
    }

    /// Whether `take` may have something that the descriptor does not show.
    #[inline(never)]
    pub(super) fn holds_more(&self) -> bool {
        !self.done.is_empty() || self.lines.iter().any(|line| line.line.holds_more())
    }

    /// When the next step is due even if the descriptor does not become ready.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        let lines = self.lines.iter().flat_map(|line| [line.line.deadline(), line.silence.next()]).flatten();
        let look = if self.resting.is_empty() { None } else { now.checked_add(LOOK) };
        let of = |routed: &Routed| [routed.deadline, routed.journey.rests_until()].into_iter().flatten().min();
        let resting = self.resting.iter().filter_map(|routed| of(routed)).min();
        lines.chain([look, resting, self.guide.deadline(now)].into_iter().flatten()).min()
    }

    /// Let the poller watch nothing of it any more.
    pub(super) fn disband(&mut self, poller: &Poller) {
        self.guide.disband(poller);
        self.lines.iter_mut().for_each(|line| line.forget(poller));
    }

    fn came(&mut self, place: usize, came: Came<Box<Routed>>) {
        let now = Instant::now();
        let Some(by) = self.lines.get(place).map(|line| line.line.dial().place().clone()) else { return };
        match came {
            Came::Reply(mut routed, reply) => match self.guide.after_reply(&mut routed.journey, &by, reply, now) {
                Some(reply) => self.finish(*routed, Ok(reply)),
                None => self.rests(routed),
            },
            Came::Failed(mut routed, error) => match self.guide.after_failure(&mut routed.journey, *error, now) {
                Some(error) => self.finish(*routed, Err(error)),
                None => self.rests(routed),
            },
            Came::Late { mut token, outcome, why } => {
                self.guide.ends_trial(&mut token.journey, now);
                let error = token.pending.timed_out(&by.to_string(), outcome, why.as_deref());
                self.finish(*token, Err(error));
            }
            Came::Push(push) => self.done.push_back(Completion::new(Ok(push), std::ptr::null_mut())),
            // Nothing is subscribed on these lines.
            _ => {}
        }
    }

    /// A command that did not run: it is sent again in the order of submission.
    fn rests(&mut self, routed: Box<Routed>) {
        let place = self.resting.iter().rposition(|other| other.order < routed.order).map_or(0, |at| at + 1);
        self.resting.insert(place, routed);
    }

    fn finish(&mut self, routed: Routed, result: Result<Reply>) {
        self.count = self.count.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(routed.encoded.len());
        let completion = match result {
            Ok(reply) => routed.pending.finish(reply),
            Err(error) => routed.pending.failed(error),
        };
        self.done.push_back(completion);
    }

    fn tell(&mut self, routed: Routed, told: Told) {
        let result = match told {
            Told::Failed(error) => Err(error),
            Told::Words(words) => {
                let mut builder = Builder::new();
                builder.add_text(Kind::RREDIS_REPLY_ERROR, &words);
                builder.take()
            }
        };
        self.finish(routed, result);
    }

    /// Those that rest and whose time is up.
    fn expire(&mut self, now: Instant) {
        if !self.resting.iter().any(|routed| routed.is_late(now)) {
            return;
        }
        // Each is taken out and put back behind the others: nothing of this needs memory.
        for _ in 0..self.resting.len() {
            let Some(mut routed) = self.resting.pop_front() else { break };
            if !routed.is_late(now) {
                self.resting.push_back(routed);
                continue;
            }
            let told = match routed.journey.take_words() {
                Some(words) => Told::Words(words),
                None => {
                    let why = routed.journey.why().or_else(|| self.guide.heard());
                    let place = self.guide.place_of(&routed.journey);
                    Told::Failed(routed.pending.timed_out(&place, Outcome::NotSent, why))
                }
            };
            self.tell(*routed, told);
        }
    }

    /// Give what rests to the lines that it is for, in the order of submission.
    fn send(&mut self, poller: &Poller, now: Instant) {
        if self.resting.is_empty() {
            return;
        }
        let mut sent = Vec::new();
        for _ in 0..self.resting.len() {
            let Some(mut routed) = self.resting.pop_front() else { break };
            match self.guide.heading(&mut routed.journey, now) {
                Heading::Rest => self.resting.push_back(routed),
                Heading::Over(told) => self.tell(*routed, told),
                Heading::To { dial, asking } => {
                    let place = self.line(&dial);
                    if !sent.contains(&place) {
                        sent.push(place);
                    }
                    self.give(place, routed, asking, now);
                }
            }
        }
        for place in sent {
            if let Some(line) = self.lines.get_mut(place)
                && !line.line.write_now(|| now)
            {
                line.step(poller, now, false);
            }
        }
    }

    fn give(&mut self, place: usize, routed: Box<Routed>, asking: bool, now: Instant) {
        let Some(line) = self.lines.get_mut(place) else { return };
        let (encoded, deadline) = (Arc::clone(&routed.encoded), routed.deadline);
        let (shape, effect) = (routed.shape, routed.effect);
        // What was not sent comes back, to be sent to whoever it is for by then.
        let submission = Submission { token: routed, shape, room: encoded.len(), deadline, once: true, effect };
        if let Err((mut routed, error)) = line.line.submit_encoded(&encoded, submission, asking, now) {
            self.guide.ends_trial(&mut routed.journey, now);
            self.finish(*routed, Err(error.with_outcome(Outcome::NotSent)));
        }
    }

    /// The line to this server. If there is none yet, there is one now.
    fn line(&mut self, dial: &Dial) -> usize {
        let place = self.lines.iter().position(|line| line.line.dial().place() == dial.place());
        place.unwrap_or_else(|| {
            let pauses = self.client.clone();
            let pause = move |failures| match failures {
                0 => Duration::ZERO,
                failures => pauses.0.route.retry().pause(failures),
            };
            let allowed_ms = self.client.0.often.command_timeout_ms;
            self.lines.push(Watched::new(Line::new(dial.clone(), allowed_ms, Box::new(pause))));
            self.lines.len() - 1
        })
    }

    /// Leave servers that say nothing, and whose places others have taken.
    fn leave_overdue(&mut self, poller: &Poller, now: Instant) {
        for line in &mut self.lines {
            if let Err(error) = self.guide.look_after(&mut line.line, &mut line.silence, now) {
                line.forget(poller);
                line.line.fail(error, now);
            }
        }
    }

    /// Leave servers that take no commands by the present map.
    fn leave_strangers(&mut self, poller: &Poller, now: Instant) {
        let number = self.guide.number();
        if std::mem::replace(&mut self.number, number) == number {
            return;
        }
        let guide = &self.guide;
        for line in &mut self.lines {
            if !guide.takes_commands(line.line.dial().place()) && line.line.is_opening() {
                line.forget(poller);
                line.line.fail(Error::new(Status::Connect, "another server has its slots by now"), now);
            }
        }
        self.lines.retain_mut(|line| {
            let is_over = line.line.under_way().0 == 0 && !guide.takes_commands(line.line.dial().place());
            if is_over {
                line.forget(poller);
                drop(line.line.close());
            }
            !is_over
        });
    }

    /// Watch what is to be watched, and note what has become of connections. True: a step is needed at once.
    fn follow(&mut self, poller: &Poller, now: Instant, kept: &mut Kept) -> bool {
        let mut again = false;
        for line in &mut self.lines {
            let followed = line.follow(poller, |change| match change {
                Transition::Opened { notice } => kept.notice(notice),
                Transition::Lost { connection, error } => kept.notice(Notice::lost(&connection, &error)),
                Transition::Left { .. } => {}
            });
            if let Err(error) = followed {
                line.line.fail(error, now);
            }
            again |= line.line.take_again() || line.line.has_come() || line.line.has_changed();
        }
        again
    }
}

impl Routed {
    fn is_late(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }
}

/// How long commands rest before it is looked again whether they may go on.
const LOOK: Duration = Duration::from_millis(10);
