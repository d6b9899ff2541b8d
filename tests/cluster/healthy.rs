//! How fast commands to healthy shards are while many callers want a sick one: measured in turn with times in which nobody does, and
//! beside a client of its own that has nothing to do with the sick shard.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// What is the matter while commands are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// All is well, and the callers of the shard that will be sick are parked.
    Calm,
    /// All is well, and those callers are served too.
    Served,
    /// They wait for a shard that is sick.
    Storm,
}

const TIMES: [Time; 3] = [Time::Calm, Time::Served, Time::Storm];

/// Which time it is, and how long each was in all.
#[derive(Default)]
pub struct Clock {
    /// 0: none of them.
    now: AtomicUsize,
    spent: Mutex<[Duration; TIMES.len()]>,
}

impl Clock {
    /// Let it be this time for so long, or a moment longer.
    pub fn measure(&self, time: Time, length: Duration) -> Duration {
        let begun = Instant::now();
        self.now.store(1 + time as usize, Ordering::SeqCst);
        thread::sleep(length);
        self.now.store(0, Ordering::SeqCst);
        let took = begun.elapsed();
        self.spent.lock().expect("nobody panics with it")[time as usize] += took;
        took
    }

    /// How long it was this time.
    pub fn spent(&self, time: Time) -> Duration {
        self.spent.lock().expect("nobody panics with it")[time as usize]
    }
}

/// How long each command took, by the time that it fell into as a whole.
#[derive(Default)]
pub struct Calls([Vec<Duration>; TIMES.len()]);

impl Calls {
    /// Give this command, one after the other with a pause in between, until it is over.
    pub fn make(clock: &Clock, over: &AtomicBool, pause: Duration, mut command: impl FnMut()) -> Calls {
        let mut calls = Calls::default();
        while !over.load(Ordering::Relaxed) {
            let (time, begun) = (clock.now.load(Ordering::Relaxed), Instant::now());
            command();
            let took = begun.elapsed();
            if time != 0 && clock.now.load(Ordering::Relaxed) == time {
                calls.0[time - 1].push(took);
            }
            if !pause.is_zero() {
                thread::sleep(pause);
            }
        }
        calls
    }

    /// Those of several callers together.
    pub fn together(all: impl IntoIterator<Item = Calls>) -> Calls {
        let mut together = Calls::default();
        for calls in all {
            together.0.iter_mut().zip(calls.0).for_each(|(all, more)| all.extend(more));
        }
        together.0.iter_mut().for_each(|all| all.sort_unstable());
        together
    }

    /// What they were in this time.
    pub fn figures(&self, time: Time) -> Figures {
        let sorted = &self.0[time as usize];
        let at = |percent: usize| sorted.get(sorted.len() * percent / 100).copied().unwrap_or_default();
        let per_second = sorted.len() as f64 / sorted.iter().sum::<Duration>().as_secs_f64().max(1e-9);
        Figures { per_second, median: at(50), p99: at(99) }
    }
}

/// How fast commands were.
#[derive(Clone, Copy)]
pub struct Figures {
    /// How many one caller has answered in a second of waiting for them.
    pub per_second: f64,
    pub median: Duration,
    pub p99: Duration,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let us = |time: Duration| time.as_micros();
        write!(
            f,
            "{:.0} a second for each caller, median {} us, p99 {} us",
            self.per_second,
            us(self.median),
            us(self.p99)
        )
    }
}

/// Where callers wait between the times in which they are wanted.
#[derive(Default)]
pub struct Parking {
    is_open: Mutex<bool>,
    opens: Condvar,
    parked: AtomicUsize,
}

impl Parking {
    /// Go on where it is open, or when it is over.
    pub fn pass(&self, over: &AtomicBool) {
        let mut is_open = self.is_open.lock().expect("nobody panics with it");
        if *is_open {
            return;
        }
        self.parked.fetch_add(1, Ordering::SeqCst);
        while !*is_open && !over.load(Ordering::SeqCst) {
            // A test that has failed opens nothing any more.
            is_open = self.opens.wait_timeout(is_open, Duration::from_secs(1)).expect("nobody panics with it").0;
        }
        self.parked.fetch_sub(1, Ordering::SeqCst);
    }

    /// Let all go.
    pub fn open(&self) {
        *self.is_open.lock().expect("nobody panics with it") = true;
        self.opens.notify_all();
    }

    /// Wait until so many have come.
    pub fn gather(&self, callers: usize) {
        *self.is_open.lock().expect("nobody panics with it") = false;
        let end = Instant::now() + Duration::from_secs(30);
        while self.parked.load(Ordering::SeqCst) < callers {
            assert!(Instant::now() < end, "a caller does not come back, though all is well");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The processor time of some threads, which is theirs however many others there are on the machine.
#[derive(Default)]
pub struct Processor(Mutex<Vec<PathBuf>>);

impl Processor {
    /// This thread is one of them.
    pub fn count_me(&self) {
        let own = fs::read_link("/proc/thread-self").expect("Linux says which thread this is");
        self.0.lock().expect("nobody panics with it").push(PathBuf::from("/proc").join(own).join("schedstat"));
    }

    /// How much they have had so far.
    pub fn had(&self) -> Duration {
        let had = |path: &PathBuf| {
            let text = fs::read_to_string(path).expect("a thread of this test that has not ended");
            text.split(' ').next().and_then(|text| text.parse::<u64>().ok()).expect("nanoseconds")
        };
        Duration::from_nanos(self.0.lock().expect("nobody panics with it").iter().map(had).sum::<u64>())
    }
}
