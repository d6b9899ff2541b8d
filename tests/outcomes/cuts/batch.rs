//! Pipelines and transactions over a line that ends where it is told to.

use std::collections::BTreeMap;
use std::sync::Arc;

use rredis::client::pipeline::{self, Mode};
use rredis::client::{Call, Client, Flags, Pipeline};
use rredis::error::{Error, Outcome, Result, Status};
use rredis::reply::Reply;

use super::near::{Place, over};
use super::play::{Cut, End, read};
use super::script::{Conversation, Far};
use crate::support::peer::Hello;

/// How the commands go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// One by one, for one array.
    Plain,
    /// One by one, each reply shown as it comes.
    Each,
    /// Between MULTI and EXEC.
    Atomic,
    /// The first at once while a key is watched, the others between MULTI and EXEC.
    Watched,
}

/// One run, and what the server's side saw of each connection.
pub struct Ran {
    pub result: Result<Vec<String>>,
    /// What was read before the run, or shown before it broke off.
    early: Vec<String>,
    /// Whether the run itself was begun.
    begun: bool,
    failed: Option<usize>,
    pub seen: BTreeMap<usize, Far>,
}

/// How often a run may be tried again where it surely did not run.
const RETRY_MAX: u32 = 2;

/// Run the steps of a conversation as one batch; the first connection is cut.
pub fn run(place: Place, conversation: &Arc<Conversation>, hello: Hello, cut: Cut, way: Way) -> Ran {
    let talk = |client: &Client| {
        let mut pipeline = Pipeline::new(client);
        let mut early = Vec::new();
        let mut begun = false;
        let result = go(&mut pipeline, conversation, way, &mut early, &mut begun);
        (result, early, begun, pipeline.failed())
    };
    let ((result, early, begun, failed), seen) = over(place, conversation, hello, cut, RETRY_MAX, talk);
    Ran { result, early, begun, failed, seen }
}

fn go(
    pipeline: &mut Pipeline,
    conversation: &Conversation,
    way: Way,
    early: &mut Vec<String>,
    begun: &mut bool,
) -> Result<Vec<String>> {
    let (call, none) = (Call::default(), std::ptr::null_mut());
    let mut steps = &conversation.steps[..];
    if way == Way::Watched {
        pipeline.watch(&[b"w"])?;
        early.push(read(pipeline::command(pipeline, &steps[0].bytes(), &call)?.view()));
        steps = &steps[1..];
    }
    for step in steps {
        pipeline.add(&step.bytes(), Flags::default(), none)?;
    }
    *begun = true;
    let elements = |reply: Reply| reply.view().children().map(read).collect();
    match way {
        Way::Plain => pipeline::run(pipeline, Mode::Plain, &call).map(elements),
        Way::Each => {
            pipeline::run_each(pipeline, &call, &mut |index, reply: &Reply| {
                assert_eq!(index, early.len());
                early.push(read(reply.view()));
                Ok(())
            })?;
            Ok(std::mem::take(early))
        }
        Way::Atomic | Way::Watched => pipeline::run(pipeline, Mode::Atomic, &call).map(elements),
    }
}

impl Ran {
    /// How many bytes went up and down the first connection.
    pub fn moved(&self) -> (usize, usize) {
        (self.seen[&0].heard_bytes, self.seen[&0].said_bytes)
    }

    /// Hold it against the same without a cut.
    pub fn judge(&self, place: Place, cut: Cut, way: Way, conversation: &Conversation, whole: &Ran) {
        let what = || format!("{place:?} {cut:?} {way:?}: {:?}", self.result);
        let wanted = whole.result.as_ref().expect("uncut it goes through");
        // What the server ran, in how many goes: commands that only read may be asked for again, and here not all do.
        let first = usize::from(way == Way::Watched);
        let times = |step: usize| self.seen.values().flat_map(|far| &far.heard).filter(|heard| **heard == step).count();
        let ran: Vec<usize> = (first..conversation.steps.len()).map(times).collect();
        assert!(ran.iter().all(|times| *times <= 1), "{}: {ran:?}", what());
        assert!(ran.is_sorted_by(|one, next| one >= next), "{}: not from the first on: {ran:?}", what());
        let atomic = matches!(way, Way::Atomic | Way::Watched);
        assert!(!atomic || ran.iter().all(|times| times == &ran[0]), "{}: half of it ran: {ran:?}", what());
        self.judge_early(way, whole, &what());
        match &self.result {
            Ok(replies) => {
                assert_eq!(replies, wanted, "{}", what());
                assert_eq!(self.failed, whole.failed, "{}", what());
                assert!(ran.iter().all(|times| *times == 1), "{}: {ran:?}", what());
            }
            Err(err) if !atomic && place == Place::Memory => {
                let arrived = self.arrived(conversation, whole);
                assert!(way == Way::Plain || self.early.len() == arrived, "{}: shown {:?}", what(), self.early);
                // The first without an answer, or what the server had refused before it.
                let failed = self.failed == Some(arrived) || self.failed == whole.failed;
                assert!(failed || err.outcome == Outcome::NotSent, "{}: {:?}, {arrived} came", what(), self.failed);
                self.judge_error(err, place, cut, way, ran.iter().sum(), &what());
            }
            Err(err) => self.judge_error(err, place, cut, way, ran.iter().sum(), &what()),
        }
    }

    /// How many replies arrived whole on the connection that was cut.
    fn arrived(&self, conversation: &Conversation, whole: &Ran) -> usize {
        let (Some(far), uncut) = (self.seen.get(&0), &whole.seen[&0]) else { return 0 };
        let answers: Vec<usize> = conversation.steps.iter().map(|step| step.answer(uncut.hello()).len()).collect();
        let greeting = uncut.said_bytes - answers.iter().sum::<usize>();
        let ends = answers.iter().scan(greeting, |end, len| {
            *end += len;
            Some(*end)
        });
        ends.filter(|end| *end <= far.said_bytes).count()
    }

    fn judge_early(&self, way: Way, whole: &Ran, what: &str) {
        match way {
            Way::Watched => assert!(self.early.is_empty() || self.early == whole.early, "{what}: {:?}", self.early),
            _ => assert!(
                whole.result.as_ref().is_ok_and(|wanted| wanted.starts_with(&self.early)),
                "{what}: {:?}",
                self.early
            ),
        }
    }

    fn judge_error(&self, err: &Error, place: Place, cut: Cut, way: Way, ran: usize, what: &str) {
        let timeout = cut.end == End::Stall && err.status == Status::Timeout;
        let watch = way == Way::Watched && err.status == Status::Watch;
        assert!(timeout || watch || [Status::Io, Status::Connect].contains(&err.status), "{what}");
        match err.outcome {
            Outcome::NotSent => assert_eq!(ran, 0, "{what}: it ran"),
            Outcome::Unknown => {
                // What a socket took may be on its way for ever.
                let came =
                    self.seen.values().any(|far| !far.heard.is_empty() || far.heard_a_part() || far.is_queueing());
                assert!(came || place == Place::Tcp, "{what}: no byte of it went");
            }
            _ => panic!("{what}"),
        }
        if way == Way::Watched && self.begun && err.outcome == Outcome::NotSent && !timeout {
            assert_eq!(err.status, Status::Watch, "{what}: it may be tried again, and is not told so");
        }
        // A connection that watched is not replaced behind the caller's back: what it read may be so no more.
        let again = err.outcome == Outcome::NotSent && !watch;
        assert!(!again || timeout, "{what}: another try would have done");
    }
}
