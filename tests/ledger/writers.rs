//! Threads that write to several servers in every way there is, and what became of each write in the end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::c::{CErr, Client, Outcome};
use crate::support::counting::{Count, Told};
use crate::support::dice::Dice;
use crate::support::ledger::Figures;
use crate::support::over::Over;
use crate::support::pipeline::{Pipeline, mode};
use crate::support::raw::kind;
use crate::support::script::Script;
use crate::support::server::Wire;

/// The threads write in so many ways: by single commands, in pipelines over all slots, in transactions, and by scripts.
const WAYS: usize = 4;
/// For each write of a call, to the next call.
const PAUSE: Duration = Duration::from_millis(3);
/// What one pipeline has at most.
const RUN_MAX: u64 = 50;

/// What one thread wrote, to each of the slots, and the errors that it was told.
pub struct Written {
    pub counts: Vec<Count>,
    pub errors: Vec<CErr>,
    way: usize,
    /// How many calls, of any number of writes, came to an unknown end.
    unknown_calls: usize,
}

/// So many threads write to these slots until `act` returns.
pub fn while_writing<T>(
    client: &Client,
    slots: &[usize],
    threads: usize,
    act: impl FnOnce() -> T,
) -> (Vec<Written>, T) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let _over_at_the_end = Over(&over);
        let over = &over;
        let writer = |who: usize| move || write(client, slots, who, over);
        let writers: Vec<_> = (0..threads).map(|who| scope.spawn(writer(who))).collect();
        thread::sleep(Duration::from_millis(300));
        let acted = act();
        thread::sleep(Duration::from_millis(300));
        over.store(true, Ordering::Relaxed);
        (writers.into_iter().map(|writer| writer.join().expect("no panic")).collect(), acted)
    })
}

fn write(client: &Client, slots: &[usize], who: usize, over: &AtomicBool) -> Written {
    let counts = slots.iter().map(|slot| Count::new(*slot, who)).collect();
    let mut written = Written { counts, errors: Vec::new(), way: who % WAYS, unknown_calls: 0 };
    let mut dice = Dice::new(23, who as u64);
    let script = Script::new("return redis.call('INCR', KEYS[1])");
    for turn in who.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let (at, errors, before) = (turn % slots.len(), written.errors.len(), written.writes());
        match written.way {
            0 => written.one(at, |key| client.command(&["INCR", key]).map(|reply| reply.integer)),
            1 => written.run(client, 1 + dice.throw(RUN_MAX) as usize),
            2 => written.transaction(client, at, 1 + dice.throw(10) as usize),
            _ => written.one(at, |key| script.run(client, 1, &[key]).map(|reply| reply.integer)),
        }
        let is_unknown = |err: &CErr| err.outcome == Outcome::UNKNOWN;
        written.unknown_calls += usize::from(written.errors[errors..].iter().any(is_unknown));
        thread::sleep(PAUSE * (written.writes() - before) as u32);
    }
    written
}

impl Written {
    fn writes(&self) -> usize {
        self.counts.iter().map(Count::len).sum()
    }

    fn one(&mut self, at: usize, ask: impl FnOnce(&str) -> Result<i64, CErr>) {
        let count = &mut self.counts[at];
        let number = count.len();
        let name = count.next();
        let result = ask(&name);
        assert!(*result.as_ref().unwrap_or(&1) == 1, "{name} is there already");
        count.told(number, result.as_ref().map_or_else(|err| err.outcome, |_| Outcome::NONE));
        self.errors.extend(result.err());
    }

    /// Some writes in one pipeline, to all slots in turn.
    fn run(&mut self, client: &Client, len: usize) {
        let mut pipeline = Pipeline::of(client);
        let mut numbers = Vec::new();
        for at in (0..self.counts.len()).cycle().take(len) {
            numbers.push((at, self.counts[at].len()));
            pipeline.add(&["INCR", &self.counts[at].next()]);
        }
        match pipeline.run(mode::PLAIN) {
            Ok(replies) => {
                assert_eq!(replies.elements().len(), len);
                for ((at, number), reply) in numbers.into_iter().zip(replies.elements()) {
                    let outcome = outcome_of(reply.kind, reply.integer, reply.text());
                    self.counts[at].told(number, outcome);
                    if outcome != Outcome::NONE {
                        self.errors.push(as_error(outcome, reply.text()));
                    }
                }
            }
            Err(err) => {
                numbers.into_iter().for_each(|(at, number)| self.counts[at].told(number, err.outcome));
                self.errors.push(err);
            }
        }
    }

    /// Some writes to one slot, of which all are made or none.
    fn transaction(&mut self, client: &Client, at: usize, len: usize) {
        let count = &mut self.counts[at];
        let mut pipeline = Pipeline::of(client);
        let numbers = count.len()..count.len() + len;
        for _ in 0..len {
            pipeline.add(&["INCR", &count.next()]);
        }
        count.together(numbers.clone());
        match pipeline.run(mode::ATOMIC) {
            Ok(replies) => {
                assert!(replies.elements().iter().all(|reply| reply.integer == 1), "{}", replies.dump());
                numbers.for_each(|number| count.told(number, Outcome::NONE));
            }
            Err(err) => {
                numbers.for_each(|number| count.told(number, err.outcome));
                self.errors.push(err);
            }
        }
    }

    /// What was told of anything but what was in flight.
    pub fn errors_but_unknown(&self) -> Vec<&CErr> {
        self.errors.iter().filter(|err| err.outcome != Outcome::UNKNOWN).collect()
    }

    /// How many calls came to an unknown end.
    pub fn unknown_calls(&self) -> usize {
        self.unknown_calls
    }
}

/// What an element of a pipeline's reply says.
fn outcome_of(kind_of_it: u32, integer: i64, text: &[u8]) -> Outcome {
    match kind_of_it {
        kind::INTEGER => {
            assert_eq!(integer, 1, "it was there already");
            Outcome::NONE
        }
        kind::ERROR if text.starts_with(b"NOT_SENT ") => Outcome::NOT_SENT,
        kind::ERROR if text.starts_with(b"UNKNOWN ") => Outcome::UNKNOWN,
        kind::ERROR => Outcome::REFUSED,
        other => panic!("INCR gave a reply of kind {other}"),
    }
}

fn as_error(outcome: Outcome, text: &[u8]) -> CErr {
    let message = String::from_utf8_lossy(text).into_owned();
    CErr { status: crate::support::c::Status::SERVER, outcome, os_error: 0, attempts: 0, message }
}

/// When the first write to this slot was acknowledged that was told after this moment.
pub fn first_after(all: &[Written], slot: usize, moment: Instant) -> Option<Instant> {
    let counts = all.iter().flat_map(|written| &written.counts).filter(|count| count.slot() == slot);
    let told = counts.flat_map(Count::all).filter(|told| told.outcome == Outcome::NONE && told.ended > moment);
    told.map(|told| told.ended).min()
}

/// The longest that any write took.
pub fn longest(all: &[Written]) -> Duration {
    let told = all.iter().flat_map(|written| &written.counts).flat_map(Count::all);
    told.map(|told| told.ended - told.begun).max().unwrap_or_default()
}

/// Compare all with what is there: `wire` leads to the server that has a slot.
pub fn judge(all: &[Written], wire: impl Fn(usize) -> Wire, excused: impl Fn(usize, &Told) -> bool) -> Figures {
    let mut figures = Figures::default();
    for count in all.iter().flat_map(|written| &written.counts) {
        figures += count.judge(&mut wire(count.slot()), |told| excused(count.slot(), told));
    }
    figures
}

/// The same, where what is excused is known by its key.
pub fn judge_keys(all: &[Written], wire: impl Fn(usize) -> Wire, excused: impl Fn(&str, &Told) -> bool) -> Figures {
    let mut figures = Figures::default();
    for count in all.iter().flat_map(|written| &written.counts) {
        figures += count.judge_keys(&mut wire(count.slot()), &excused);
    }
    figures
}

/// Of many times, the one below which so many in a hundred are.
pub fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort();
    times.get((times.len() * percent).div_ceil(100).saturating_sub(1)).copied().unwrap_or_default()
}
