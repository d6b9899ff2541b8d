//! Many connections driven at once, by one thread: none waits for another, and one that fails fails alone.

use std::time::Instant;

use crate::error::{Error, Result};
use crate::reply::Reply;
use crate::session::Asked;
use crate::transport::Deadline;
use crate::transport::pollset::Pollset;

use super::calls::Wait;
use super::connection::Connection;
use super::goal::{Asking, Goal};
use super::kept::Kept;
use super::lookout::EVERY;
use super::member::Member;
use super::until::Until;
use super::waiting::{PAUSE, SLICE_MS};

/// Connections that are driven at once, in the order they were added.
pub struct Several<'c, G> {
    members: Vec<Member<'c, G>>,
    sockets: Pollset,
    /// Counts the waits in a transport without a descriptor: each such transport has its turn.
    waits: usize,
}

/// What one of several connections came to.
pub struct Ended<G> {
    /// What it was driven for.
    pub goal: G,
    /// None: enough had come before it ended.
    pub result: Option<Result<()>>,
}

impl<'c, G: Goal> Several<'c, G> {
    /// None yet, and room for so many.
    pub fn with_room(count: usize) -> Result<Several<'c, G>> {
        let mut members = Vec::new();
        members.try_reserve_exact(count).map_err(|_| Error::memory("the connections"))?;
        Ok(Several { members, sockets: Pollset::with_room(count)?, waits: 0 })
    }

    /// This one too. There is room for it.
    pub fn add(&mut self, connection: &'c mut Connection, kept: &'c mut Kept, goal: G) {
        self.members.push(Member::new(connection, kept, goal));
    }

    /// What one of them is driven for, between two drives.
    pub fn goal(&mut self, index: usize) -> &mut G {
        &mut self.members[index].goal
    }

    /// Write and read on all of them, until no more is wanted of any, for now, or it failed, or its time is up, which is each one's
    /// own. `enough` is told of each that ends, and may say that the others are not waited for. Reading never waits for writing,
    /// and no connection for another. If the call is ended, so are they.
    pub fn drive(
        &mut self,
        until: impl FnOnce() -> Until,
        mut enough: impl FnMut(usize, &G, std::result::Result<(), &Error>) -> bool,
    ) {
        self.members.iter_mut().for_each(Member::resume);
        // What has come already needs no wait, and no look at the clock.
        if self.tell(&mut enough) || self.going().next().is_none() {
            return;
        }
        let until = until();
        self.going().for_each(|member| member.begin(until));
        if self.going().nth(1).is_some() {
            self.going().for_each(Member::step);
        }
        while !self.tell(&mut enough) {
            match self.going().take(2).count() {
                0 => return,
                1 => self.going().for_each(Member::finish),
                _ => self.turn(),
            }
        }
    }

    /// What they came to, in their order.
    pub fn end(self) -> impl Iterator<Item = Ended<G>> {
        self.members.into_iter().map(|Member { goal, result, .. }| Ended { goal, result })
    }

    fn going(&mut self) -> impl Iterator<Item = &mut Member<'c, G>> {
        self.members.iter_mut().filter(|member| member.goes_on())
    }

    /// Tell of those that ended since the last time. True: the others are not waited for.
    fn tell(&mut self, enough: &mut impl FnMut(usize, &G, std::result::Result<(), &Error>) -> bool) -> bool {
        let mut is_enough = false;
        for (index, member) in self.members.iter_mut().enumerate().filter(|(_, member)| !member.told) {
            let Some(result) = &member.result else { continue };
            member.told = true;
            is_enough |= enough(index, &member.goal, result.as_ref().copied());
        }
        is_enough
    }

    /// Wait until something is found of one of them, and let each of which something was found read and write.
    fn turn(&mut self) {
        let began = Instant::now();
        let mut moved = false;
        self.going().for_each(|member| moved |= member.read_unseen());
        let mut ends = Deadline::never();
        self.going().for_each(|member| ends = ends.earlier(member.deadline()));
        let blind = self.going().filter(|member| !member.has_descriptor()).count();
        let waits_until = if moved || blind > 0 { Deadline::at(began) } else { ends };
        let looks_out = self.going().any(|member| member.looks_out());
        let waits_until = if looks_out { waits_until.earlier(Deadline::after(EVERY)) } else { waits_until };
        if let Err(error) = self.poll(waits_until) {
            return self.going().for_each(|member| member.fail(error.clone()));
        }
        let Several { members, sockets, .. } = self;
        for member in members.iter_mut().filter(|member| member.goes_on()) {
            moved |= member.read_found(sockets);
        }
        if !moved && self.going().any(|member| member.lies()) {
            std::thread::sleep(PAUSE);
        }
        if !moved && blind > 0 {
            self.wait_in_one(blind, ends);
        }
        self.going().filter(|member| member.is_touched()).for_each(Member::step);
        self.going().for_each(|member| member.end_if_late(began));
        if looks_out {
            self.going().for_each(Member::look_out);
        }
    }

    /// One poll of all that have a descriptor.
    fn poll(&mut self, deadline: Deadline) -> Result<()> {
        let Several { members, sockets, .. } = self;
        sockets.clear();
        members.iter_mut().filter(|member| member.goes_on()).for_each(|member| member.watch(sockets));
        // One that cannot be watched has ended, and its end is to be told.
        let deadline =
            if members.iter().all(|member| member.told || member.goes_on()) { deadline } else { Deadline::after_ms(0) };
        sockets.wait(deadline).map(drop)
    }

    /// Transports without a descriptor wait by themselves, one at a time: each for so short a time that none of them waits long
    /// for the others.
    fn wait_in_one(&mut self, blind: usize, ends: Deadline) {
        let slice_ms = match ends.remaining_ms() {
            ..0 => SLICE_MS,
            left => left.min(SLICE_MS),
        };
        let slice_ms = (slice_ms / blind as i64).max(slice_ms.min(1));
        let place = self.waits % blind;
        self.waits = self.waits.wrapping_add(1);
        let before = Instant::now();
        let one = self.going().filter(|member| !member.has_descriptor()).nth(place);
        let moved = one.is_some_and(|one| one.wait_within(slice_ms));
        // One that comes back at once with nothing must not keep the processor busy until the deadline.
        if !moved && before.elapsed() < PAUSE {
            std::thread::sleep(PAUSE);
        }
    }
}

/// What one of several connections is asked.
pub struct Question<'c> {
    /// It.
    pub connection: &'c mut Connection,
    /// Receives the pushes that arrive before its replies.
    pub kept: &'c mut Kept,
    /// The commands, each of which is due one reply. They leave in one write.
    pub commands: &'c [Asked<'c>],
}

/// Ask all of these at once, and give the replies of each, or its error. None: enough had come before. `enough` is told of each that
/// is answered or fails, and may say that the others are not waited for: they owe replies then. An error has the outcome of
/// the first command that was not answered, and fails that connection alone.
pub fn ask_each<'c>(
    questions: Vec<Question<'c>>,
    wait: &'c Wait<'c>,
    mut enough: impl FnMut(usize, std::result::Result<&[Reply], &Error>) -> bool,
) -> Result<Vec<Option<Result<Vec<Reply>>>>> {
    let mut answers = Vec::new();
    answers.try_reserve_exact(questions.len()).map_err(|_| Error::memory("the replies"))?;
    let mut several = Several::with_room(questions.len())?;
    let mut asked = Vec::new();
    asked.try_reserve_exact(questions.len()).map_err(|_| Error::memory("the replies"))?;
    let mut is_enough = false;
    for (index, Question { connection, kept, commands }) in questions.into_iter().enumerate() {
        match Asking::new(connection, commands, wait) {
            Ok(asking) => {
                several.add(connection, kept, asking);
                asked.push(index);
                answers.push(None);
            }
            Err(error) => {
                is_enough |= enough(index, Err(&error));
                answers.push(Some(Err(error)));
            }
        }
    }
    if !is_enough {
        let until = || Until::from(wait.deadline);
        several.drive(until, |place, asking, result| enough(asked[place], result.map(|()| &asking.replies[..])));
    }
    for (index, Ended { goal, result }) in asked.into_iter().zip(several.end()) {
        answers[index] = result.map(|result| result.map(|()| goal.replies));
    }
    Ok(answers)
}
