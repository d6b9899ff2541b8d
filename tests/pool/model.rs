//! A model of the system's futex for loom: its sleepers, whom a thread may wake, and the time, which may be up at any moment.

use std::cell::OnceCell;
use std::time::Instant;

use loom::model::Builder;
use loom::sync::atomic::{AtomicU32, Ordering};
use loom::sync::{Condvar as Bell, Mutex as Kernel};
use rredis::sync::{Lock, Waited, Word};

/// A number, and the kernel's list of those who sleep on it.
pub(super) struct Model {
    number: AtomicU32,
    sleepers: Kernel<Vec<Sleeper>>,
    bell: Bell,
}

struct Sleeper {
    name: usize,
    bits: u32,
    has_moment: bool,
    over: Option<Waited>,
}

impl Model {
    pub(super) fn new() -> Model {
        Model { number: AtomicU32::new(0), sleepers: Kernel::new(Vec::new()), bell: Bell::new() }
    }

    /// The time of all who have one is up.
    pub(super) fn time_is_up(&self) {
        self.end(usize::MAX, Waited::TimedOut, |sleeper| sleeper.has_moment);
    }

    fn end(&self, most: usize, how: Waited, whose: impl Fn(&Sleeper) -> bool) {
        let mut sleepers = self.sleepers.lock().expect("nobody panics there");
        let asleep = sleepers.iter_mut().filter(|sleeper| sleeper.over.is_none() && whose(sleeper));
        asleep.take(most).for_each(|sleeper| sleeper.over = Some(how));
        self.bell.notify_all();
    }
}

impl Word for Model {
    const SPINS: u32 = 0;

    fn load(&self, order: Ordering) -> u32 {
        self.number.load(order)
    }

    fn swap(&self, value: u32, order: Ordering) -> u32 {
        self.number.swap(value, order)
    }

    fn add(&self, value: u32, order: Ordering) {
        self.number.fetch_add(value, order);
    }

    fn change(&self, from: u32, to: u32, order: Ordering) -> bool {
        self.number.compare_exchange(from, to, order, Ordering::Relaxed).is_ok()
    }

    fn wait(&self, expected: u32, bits: u32, until: Option<Instant>) -> Waited {
        let mut sleepers = self.sleepers.lock().expect("nobody panics there");
        if self.number.load(Ordering::Relaxed) != expected {
            return Waited::Woken;
        }
        let name = sleepers.len();
        sleepers.push(Sleeper { name, bits, has_moment: until.is_some(), over: None });
        loop {
            if let Some(over) = sleepers.iter().find(|sleeper| sleeper.name == name).and_then(|sleeper| sleeper.over) {
                return over;
            }
            sleepers = self.bell.wait(sleepers).expect("nobody panics there");
        }
    }

    fn wake(&self, all: bool, bits: u32) {
        self.end(if all { usize::MAX } else { 1 }, Waited::Woken, |sleeper| sleeper.bits & bits != 0);
    }
}

/// All the orders, except those in which threads are interrupted more often than this.
pub(super) fn explore(interruptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(interruptions);
    builder.check(model);
}

/// The library's lock on such a word, which is made when the lock is first taken.
pub(super) struct ModelLock(OnceCell<Lock<Model>>);

// SAFETY: loom runs one thread at a time.
unsafe impl Sync for ModelLock {}

impl ModelLock {
    fn lock(&self) -> &Lock<Model> {
        self.0.get_or_init(|| Lock::on(Model::new()))
    }
}

// SAFETY: as the library's own.
unsafe impl lock_api::RawMutex for ModelLock {
    const INIT: ModelLock = ModelLock(OnceCell::new());
    type GuardMarker = lock_api::GuardNoSend;

    fn lock(&self) {
        self.lock().acquire();
    }

    fn try_lock(&self) -> bool {
        self.lock().try_acquire()
    }

    unsafe fn unlock(&self) {
        self.lock().release();
    }
}
