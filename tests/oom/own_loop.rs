//! Many commands of a loop of the caller's own, where memory runs short: what is refused was not sent, and what was accepted
//! completes once, in its order, with its own reply, or is said not to have been sent for want of memory.

use std::time::Duration;

use rredis::error;

use super::support::c::{CErr, Outcome, Result, Status};
use super::support::own::{Came, Own};
use super::{World, memory};

/// So many take several large allocations of each queue, and of the bytes.
const COMMANDS: usize = 5000;
/// So many that wait make a large list of what is only pointed to.
const WAITING: usize = 17_000;
/// So long is each.
const WIDTH: usize = 64;
/// In so many turns of the loop, with pauses, it is connected anew, unless memory is short.
const TURNS: usize = 100;
const PAUSE: Duration = Duration::from_millis(1);

/// To a connection that there is.
pub fn submitted(world: &World) -> Result<()> {
    let mut own = connected(world);
    let asked = Submitted::to(&mut own);
    world.relent();
    asked.complete(&mut own, true)
}

/// Before there is one. It is connected while memory is short.
pub fn held(world: &World) -> Result<()> {
    let mut own = own(world);
    let asked = Submitted::to(&mut own);
    connect(&mut own);
    world.relent();
    asked.complete(&mut own, true)
}

/// The connection is lost before the first of them was sent.
pub fn lost(world: &World) -> Result<()> {
    let mut own = connected(world);
    own.submit(0, &["CLIENT", "ID"]);
    let id = own.completion().1.expect("it has a number");
    let asked = Submitted::to(&mut own);
    assert_eq!(world.client().ask(&["CLIENT", "KILL", "ID", &id[1..]]), ":1");
    connect(&mut own);
    world.relent();
    asked.complete(&mut own, true)
}

/// The server turns out not to be the one to write to. What there is no memory to hold for the next connection is sent on this
/// one, before the others.
pub fn left(world: &World) -> Result<()> {
    let mut own = connected(world);
    let refuse = "return redis.error_reply('READONLY You can\\'t write against a read only replica.')";
    own.submit(0, &["EVAL", refuse, "0"]);
    own.evented.step(false).expect("it is written");
    // By then it has been answered.
    (0..3).for_each(|_| assert_eq!(world.client().ask(&["PING"]), "+PONG"));
    own.evented.step(true).expect("it can be read");
    let asked = Submitted::to(&mut own);
    let readonly = own.try_next();
    assert!(
        matches!(&readonly, Some(Came::Of(0, Err(error))) if error.to_string().contains("READONLY ")),
        "{readonly:?}"
    );
    connect(&mut own);
    world.relent();
    asked.complete(&mut own, false)
}

/// One by one. Where there is no memory to note what was confirmed, the connection is lost, and is made anew.
pub fn subscribed(world: &World) -> Result<()> {
    let mut own = connected(world);
    // One command more than subscriptions: their lists do not grow at the same time.
    own.submit(COMMANDS, &["PING"]);
    let mut accepted = vec![false; COMMANDS + 1];
    accepted[COMMANDS] = true;
    let mut refused = None;
    for (mark, accepted) in accepted[..COMMANDS].iter_mut().enumerate() {
        match own.try_submit(mark, &["SUBSCRIBE", &answer(mark)], 0, 0) {
            Ok(()) => *accepted = true,
            Err(error) => {
                refused.get_or_insert(error);
            }
        }
    }
    let mut completed = |mark: usize, result: error::Result<String>| {
        assert!(std::mem::take(&mut accepted[mark]), "{mark} completes once, if it was accepted: {result:?}");
        match result {
            Ok(reply) => assert!(mark == COMMANDS || reply == "NULL", "{mark}: {reply}"),
            Err(error) => assert_eq!(error.status, error::Status::Memory, "{mark}: {error}"),
        }
        accepted.contains(&true)
    };
    let before = memory::refused();
    let mut is_due = true;
    for _ in 0..TURNS {
        own.turn_within(PAUSE);
        while let Some(came) = own.try_next() {
            if let Came::Of(mark, result) = came {
                is_due = completed(mark, result);
            }
        }
        if !is_due || memory::refused() > before {
            break;
        }
    }
    world.relent();
    while is_due {
        let (mark, result) = own.completion();
        is_due = completed(mark, result);
    }
    told(refused)
}

/// Before a server of a cluster is known, which it then is while memory is short.
pub fn over_cluster(world: &World, url: &str) -> Result<()> {
    let mut own = Own::at(&format!("{url}?inflight_max=100000&command_timeout=600s&backoff_max=10ms"));
    let asked = Submitted::of(&mut own, COMMANDS, "GET");
    connect(&mut own);
    world.relent();
    let refused = asked.come(&mut own, |mark, reply| assert_eq!(reply, format!("v:{}", answer(mark))));
    own.submit(0, &["GET", "k"]);
    own.expect(0, "v:k");
    told(refused)
}

/// There is no such cluster, and their time is up.
pub fn to_no_cluster(world: &World) -> Result<()> {
    let mut own = Own::at("redis+cluster://127.0.0.1:1?inflight_max=100000&command_timeout=100ms");
    let asked = Submitted::of(&mut own, WAITING, "GET");
    connect(&mut own);
    world.relent();
    told(asked.come(&mut own, |mark, reply| panic!("{mark}: {reply}")))
}

fn own(world: &World) -> Own {
    Own::at(&format!("{}?inflight_max=100000&command_timeout=600s&backoff_max=10ms", world.server))
}

fn connected(world: &World) -> Own {
    let mut own = own(world);
    own.submit(0, &["PING"]);
    own.expect(0, "#1");
    own
}

/// Connect, and go on until something is refused, without taking what came.
fn connect(own: &mut Own) {
    let refused = memory::refused();
    for _ in 0..TURNS {
        own.turn();
        if memory::refused() > refused {
            break;
        }
        std::thread::sleep(PAUSE);
    }
}

/// Commands, each with an answer of its own, of which some may have been refused.
struct Submitted {
    accepted: Vec<bool>,
    /// The first refusal.
    refused: Option<error::Error>,
}

impl Submitted {
    fn to(own: &mut Own) -> Submitted {
        Submitted::of(own, COMMANDS, "ECHO")
    }

    /// So many commands of this name.
    fn of(own: &mut Own, count: usize, name: &str) -> Submitted {
        let mut submitted = Submitted { accepted: vec![false; count], refused: None };
        for (mark, accepted) in submitted.accepted.iter_mut().enumerate() {
            match own.try_submit(mark, &[name, &answer(mark)], 0, 0) {
                Ok(()) => *accepted = true,
                Err(error) => {
                    assert_eq!(
                        (error.status, error.outcome),
                        (error::Status::Memory, error::Outcome::NotSent),
                        "{mark}"
                    );
                    submitted.refused.get_or_insert(error);
                }
            }
        }
        submitted
    }

    /// With all the memory there is, what was accepted completes. `in_order`: so do the replies come.
    fn complete(self, own: &mut Own, in_order: bool) -> Result<()> {
        let mut last = None;
        let refused = self.come(own, |mark, reply| {
            assert_eq!(reply, answer(mark));
            assert!(!in_order || last < Some(mark), "{mark} behind {last:?}");
            last = Some(mark);
        });
        own.submit(0, &["PING"]);
        own.expect(0, "#1");
        told(refused)
    }

    /// What was accepted completes once: with a reply, or because there was no memory to send it, or nobody to send it to. The first
    /// refusal.
    fn come(mut self, own: &mut Own, mut look: impl FnMut(usize, String)) -> Option<error::Error> {
        let mut left = self.accepted.iter().filter(|accepted| **accepted).count();
        while left > 0 {
            let (mark, result) = own.completion();
            assert!(std::mem::take(&mut self.accepted[mark]), "{mark} completes once, if it was accepted: {result:?}");
            left -= 1;
            match result {
                Ok(reply) => look(mark, reply),
                Err(error) => {
                    let is_late = self.accepted.len() == WAITING && error.status == error::Status::Timeout;
                    assert!(is_late || error.status == error::Status::Memory, "{mark}: {error}");
                    assert_eq!(error.outcome, error::Outcome::NotSent, "{mark}: {error}");
                }
            }
        }
        self.refused
    }
}

/// A refusal, if there was one, as a C program has it.
fn told(refused: Option<error::Error>) -> Result<()> {
    match refused {
        None => Ok(()),
        Some(error) => Err(CErr {
            status: Status(error.status as u32),
            outcome: Outcome(error.outcome as u32),
            os_error: 0,
            attempts: 0,
            message: error.to_string(),
        }),
    }
}

fn answer(mark: usize) -> String {
    format!("{mark:0WIDTH$}")
}
