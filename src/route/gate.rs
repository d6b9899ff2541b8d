//! The gate of a shard: shut while the shard's primary cannot be used. One caller is its scout and looks for the primary; the
//! others wait, each to its own deadline. Callers of other shards never come here.
#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::ongoing::{self, WaitPoint};
use crate::process::PerProcess;
use crate::sync::Mutex;
use crate::transport::Deadline;

/// A gate, at first open. A child of fork begins with an open one: its parent's scout does not scout for it.
#[derive(Default)]
pub(super) struct Gate(PerProcess<GateHere>);

/// The gate of one process.
#[derive(Default)]
struct GateHere {
    is_shut: AtomicBool,
    inside: Mutex<Inside>,
}

#[derive(Default)]
struct Inside {
    /// Somebody is its scout, or was called to be.
    is_scouted: bool,
    /// How often it was opened.
    opened: u64,
    /// Since when it is shut.
    since: Option<Instant>,
    /// How often scouts have tried since then.
    tries: u32,
    /// Who waits, in order.
    waiters: VecDeque<Arc<GateWaiter>>,
}

/// A caller that waits at a gate.
struct GateWaiter {
    passed: Mutex<Option<Passed>>,
    wait_point: Arc<WaitPoint>,
}

/// What a caller waits for.
enum Passed {
    /// The gate is open.
    Open,
    /// The scout's time was up, and the caller is the next.
    Scout,
    /// The scout has found that there is nothing to wait for.
    Failed(Error),
}

/// What became of a caller at a gate.
pub(super) enum Entered {
    /// It is open.
    Open,
    /// The caller is its scout.
    Scout(Scout),
    /// It stayed shut for as long as the caller could wait.
    TimeUp,
    /// The scout has found that there is nothing to wait for.
    Failed(Error),
}

/// How long a gate has been shut, and how often scouts have tried since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shut {
    pub(super) time: Duration,
    pub(super) tries: u32,
}

impl Gate {
    /// Whether it is shut.
    #[inline]
    pub(super) fn is_shut(&self) -> bool {
        self.0.made_here().is_some_and(|here| here.is_shut.load(Ordering::Relaxed))
    }

    /// How often it was opened: to be asked before a try.
    pub(super) fn opened(&self) -> u64 {
        self.here().inside.lock().opened
    }

    /// How long it has been shut. None: it is open.
    pub(super) fn shut_for(&self) -> Option<Shut> {
        let inside = self.here().inside.lock();
        inside.since.map(|since| Shut { time: since.elapsed(), tries: inside.tries })
    }

    /// The shard failed a caller that will not come back: shut the gate, unless it was opened since it had been opened
    /// `opened` times. The next caller is its scout.
    pub(super) fn shut(&self, opened: u64) {
        let here = self.here();
        let mut inside = here.inside.lock();
        if inside.opened == opened && inside.since.is_none() {
            here.shut_now(&mut inside);
        }
    }

    /// Whether it is shut and a caller looks for the primary.
    pub(super) fn is_scouted(&self) -> bool {
        let inside = self.here().inside.lock();
        inside.since.is_some() && inside.is_scouted
    }

    /// A command that no scout sent was answered: open the gate, where nobody is its scout.
    pub(super) fn open_unscouted(self: &Arc<Self>) {
        let scout = {
            let mut inside = self.here().inside.lock();
            if inside.since.is_none() || inside.is_scouted {
                return;
            }
            inside.is_scouted = true;
            self.scout()
        };
        scout.open();
    }

    /// No map has its shard any more: whoever waits here is to look at the present one.
    pub(super) fn abandon(&self) {
        let Some(here) = self.0.made_here() else { return };
        let mut inside = here.inside.lock();
        if inside.since.is_some() {
            here.open_now(&mut inside);
        }
    }

    /// Come to the gate. `hurt`: the shard failed this caller in a try before which the gate had been opened so often. An
    /// error: the call was woken.
    pub(super) fn enter(self: &Arc<Self>, hurt: Option<u64>, deadline: Deadline) -> Result<Entered> {
        let here = self.here();
        let waiter = {
            let mut inside = here.inside.lock();
            if inside.since.is_none() {
                if hurt != Some(inside.opened) {
                    return Ok(Entered::Open);
                }
                here.shut_now(&mut inside);
            }
            if !inside.is_scouted {
                inside.is_scouted = true;
                return Ok(Entered::Scout(self.scout()));
            }
            let waiter = Arc::new(GateWaiter { passed: Mutex::new(None), wait_point: ongoing::wait_point() });
            inside.waiters.push_back(Arc::clone(&waiter));
            waiter
        };
        let waited = waiter.wait(deadline);
        let passed = match waited {
            Ok(Some(passed)) => return Ok(self.entered(passed)),
            Ok(None) | Err(_) => here.leave(&waiter).map(|passed| self.entered(passed)),
        };
        // A caller whose call was woken hands over what it was called to.
        waited.map(|_| passed.unwrap_or(Entered::TimeUp))
    }

    fn entered(self: &Arc<Self>, passed: Passed) -> Entered {
        match passed {
            Passed::Open => Entered::Open,
            Passed::Scout => Entered::Scout(self.scout()),
            Passed::Failed(error) => Entered::Failed(error),
        }
    }

    fn scout(self: &Arc<Self>) -> Scout {
        Scout { gate: Arc::clone(self), opens: false }
    }

    fn here(&self) -> &GateHere {
        self.0.get(|_| GateHere::default())
    }
}

impl GateHere {
    fn shut_now(&self, inside: &mut Inside) {
        (inside.since, inside.tries) = (Some(Instant::now()), 0);
        self.is_shut.store(true, Ordering::Relaxed);
    }

    fn open_now(&self, inside: &mut Inside) {
        inside.since = None;
        inside.opened += 1;
        self.is_shut.store(false, Ordering::Relaxed);
        inside.waiters.drain(..).for_each(|waiter| waiter.pass(Passed::Open));
    }

    /// The waiter goes away. What it was given meanwhile, if anything.
    fn leave(&self, waiter: &Arc<GateWaiter>) -> Option<Passed> {
        let mut inside = self.inside.lock();
        inside.waiters.retain(|other| !Arc::ptr_eq(other, waiter));
        waiter.passed.lock().take()
    }
}

impl GateWaiter {
    fn wait(&self, deadline: Deadline) -> Result<Option<Passed>> {
        loop {
            let count = self.wait_point.count();
            if let Some(passed) = self.passed.lock().take() {
                return Ok(Some(passed));
            }
            if deadline.has_passed() {
                return Ok(None);
            }
            self.wait_point.sleep(count, deadline.moment())?;
        }
    }

    fn pass(&self, passed: Passed) {
        *self.passed.lock() = Some(passed);
        self.wait_point.notify();
    }
}

/// The one caller that looks for the primary of a shard whose gate is shut. Dropped, also during a panic, it hands over to
/// the caller that has waited longest; the gate stays shut.
pub(super) struct Scout {
    gate: Arc<Gate>,
    opens: bool,
}

impl Scout {
    /// Whether it is the scout of this gate.
    pub(super) fn is_of(&self, gate: &Arc<Gate>) -> bool {
        Arc::ptr_eq(&self.gate, gate)
    }

    /// It tries once more.
    pub(super) fn tries(&self) {
        self.gate.here().inside.lock().tries += 1;
    }

    /// The shard works: open the gate.
    pub(super) fn open(mut self) {
        self.opens = true;
    }

    /// There is nothing to wait for: all who wait are told so.
    pub(super) fn fail(self, error: &Error) {
        let mut inside = self.gate.here().inside.lock();
        inside.waiters.drain(..).for_each(|waiter| waiter.pass(Passed::Failed(error.clone())));
    }
}

impl Drop for Scout {
    fn drop(&mut self) {
        let here = self.gate.here();
        let mut inside = here.inside.lock();
        if !self.opens {
            match inside.waiters.pop_front() {
                Some(next) => next.pass(Passed::Scout),
                None => inside.is_scouted = false,
            }
            return;
        }
        inside.is_scouted = false;
        here.open_now(&mut inside);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    fn scout(entered: Result<Entered>) -> Scout {
        match entered {
            Ok(Entered::Scout(scout)) => scout,
            Ok(Entered::Open) => panic!("open"),
            Ok(Entered::TimeUp | Entered::Failed(_)) => panic!("time up"),
            Err(error) => panic!("{error}"),
        }
    }

    fn is_open(entered: Result<Entered>) -> bool {
        matches!(entered, Ok(Entered::Open))
    }

    fn waiters(gate: &Gate) -> usize {
        gate.here().inside.lock().waiters.len()
    }

    fn until(done: impl Fn() -> bool) {
        while !done() {
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn the_first_who_was_hurt_is_the_scout_and_who_was_hurt_before_it_opened_is_not() {
        let gate = Arc::new(Gate::default());
        assert!(!gate.is_shut() && gate.shut_for().is_none());
        assert!(is_open(gate.enter(None, Deadline::never())));
        let before = gate.opened();
        let first = scout(gate.enter(Some(before), Deadline::never()));
        assert!(gate.is_shut() && first.is_of(&gate) && gate.shut_for().is_some_and(|shut| shut.tries == 0));
        first.tries();
        assert!(gate.shut_for().is_some_and(|shut| shut.tries == 1));
        assert!(matches!(gate.enter(None, Deadline::after_ms(1)), Ok(Entered::TimeUp)));
        assert_eq!(waiters(&gate), 0);
        first.open();
        assert!(!gate.is_shut());
        assert!(is_open(gate.enter(Some(before), Deadline::never())), "what hurt it is over");
        assert!(gate.opened() > before);
    }

    #[test]
    fn a_gate_that_no_map_has_any_more_lets_all_go_and_its_scout_calls_nobody() {
        let gate = Arc::new(Gate::default());
        gate.abandon();
        let scout = scout(gate.enter(Some(0), Deadline::never()));
        thread::scope(|scope| {
            let others: Vec<_> = (0..8).map(|_| scope.spawn(|| is_open(gate.enter(None, Deadline::never())))).collect();
            until(|| waiters(&gate) == 8);
            gate.abandon();
            assert!(others.into_iter().all(|other| other.join().unwrap()), "each of them is let go");
            drop(scout);
        });
        assert!(!gate.is_shut() && is_open(gate.enter(Some(0), Deadline::never())));
    }

    #[test]
    fn a_scout_that_ends_hands_over_to_who_waits_longest_and_who_opens_lets_all_in() {
        let gate = Arc::new(Gate::default());
        let first = scout(gate.enter(Some(0), Deadline::never()));
        thread::scope(|scope| {
            let second = scope.spawn(|| scout(gate.enter(None, Deadline::never())));
            until(|| waiters(&gate) == 1);
            let others: Vec<_> = (0..8).map(|_| scope.spawn(|| is_open(gate.enter(None, Deadline::never())))).collect();
            until(|| waiters(&gate) == 9);
            drop(first);
            let second = second.join().unwrap();
            assert!(gate.is_shut() && waiters(&gate) == 8);
            second.open();
            assert!(others.into_iter().all(|other| other.join().unwrap()));
        });
        assert!(!gate.is_shut());
    }

    #[test]
    fn a_gate_without_a_scout_makes_the_next_caller_one() {
        let gate = Arc::new(Gate::default());
        gate.shut(1);
        assert!(!gate.is_shut(), "it was never opened once");
        gate.shut(0);
        assert!(gate.is_shut());
        drop(scout(gate.enter(None, Deadline::never())));
        assert!(gate.is_shut());
        scout(gate.enter(None, Deadline::never())).open();
        assert!(!gate.is_shut());
    }
}
