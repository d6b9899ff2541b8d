//! The lock and the wait of `src/sync` in every order in which the steps of a few threads can come, as loom finds them: nobody
//! is missed, nobody waits for ever, and what a lock guards is seen by the next as the last one left it.
//!
//! `model` stands under the library's own code in the place of the system's futex.

use std::time::Instant;

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::Ordering;
use loom::thread;
use rredis::sync::{ALL, Condvar, Lock, Waited, Word};

use super::model::{Model, explore};

/// A lock, what it guards, and a condition variable.
struct World {
    lock: Lock<Model>,
    value: UnsafeCell<u32>,
    changed: Condvar<Model>,
}

impl World {
    fn new() -> World {
        World { lock: Lock::on(Model::new()), value: UnsafeCell::new(0), changed: Condvar::on(Model::new()) }
    }

    /// Change the value, which loom watches: two at once are told, and so is a change that was not seen.
    fn with<T>(&self, change: impl FnOnce(&mut u32) -> T) -> T {
        self.lock.acquire();
        // SAFETY: the lock is taken; loom fails where that is not enough.
        let made = self.value.with_mut(|value| change(unsafe { &mut *value }));
        self.lock.release();
        made
    }

    /// Wait for the value to be this much, and take it. False: the time was up, and it was not.
    fn take(&self, amount: u32, until: Option<Instant>) -> bool {
        let take = |value: &mut u32| {
            let there = *value >= amount;
            *value -= if there { amount } else { 0 };
            // Asked under the lock.
            (there, self.changed.count())
        };
        loop {
            let (there, count) = self.with(take);
            if there {
                return true;
            }
            if self.changed.wait_past(count, until) == Waited::TimedOut {
                return self.with(take).0;
            }
        }
    }
}

#[test]
fn two_threads_take_a_lock_twice() {
    explore(4, || {
        let world = Arc::new(World::new());
        let other = thread::spawn({
            let world = Arc::clone(&world);
            move || (0..2).for_each(|_| world.with(|value| *value += 1))
        });
        (0..2).for_each(|_| world.with(|value| *value += 1));
        other.join().expect("it ends");
        assert_eq!(world.with(|value| *value), 4);
        assert!(!world.lock.is_taken());
    });
}

#[test]
fn three_threads_take_a_lock() {
    explore(3, || {
        let world = Arc::new(World::new());
        let others: Vec<_> = (0..2)
            .map(|_| {
                let world = Arc::clone(&world);
                thread::spawn(move || world.with(|value| *value += 1))
            })
            .collect();
        world.with(|value| *value += 1);
        others.into_iter().for_each(|other| other.join().expect("it ends"));
        assert_eq!(world.with(|value| *value), 3);
    });
}

#[test]
fn a_lock_that_is_only_tried_is_taken_by_one() {
    explore(4, || {
        let world = Arc::new(World::new());
        let tried = |world: &World| match world.lock.try_acquire() {
            false => 0,
            true => {
                // SAFETY: as in `with`.
                world.value.with_mut(|value| unsafe { *value += 1 });
                world.lock.release();
                1
            }
        };
        let other = thread::spawn({
            let world = Arc::clone(&world);
            move || tried(&world)
        });
        let own = tried(&world);
        let sum = own + other.join().expect("it ends");
        assert!(sum > 0);
        assert_eq!(world.with(|value| *value), sum);
    });
}

#[test]
fn who_waits_is_notified_whenever_that_comes() {
    explore(4, || {
        let world = Arc::new(World::new());
        let waits = thread::spawn({
            let world = Arc::clone(&world);
            move || world.take(1, None)
        });
        world.with(|value| *value = 1);
        world.changed.notify_one();
        assert!(waits.join().expect("it ends"));
    });
}

#[test]
fn all_who_wait_are_notified() {
    explore(2, || {
        let world = Arc::new(World::new());
        let waits: Vec<_> = (0..2)
            .map(|_| {
                let world = Arc::clone(&world);
                thread::spawn(move || world.take(1, None))
            })
            .collect();
        world.with(|value| *value = 2);
        world.changed.notify_all();
        waits.into_iter().for_each(|waits| assert!(waits.join().expect("it ends")));
    });
}

#[test]
fn what_is_given_as_the_time_runs_out_is_taken_or_still_there() {
    let until = Some(Instant::now());
    explore(3, move || {
        let world = Arc::new(World::new());
        let waits = thread::spawn({
            let world = Arc::clone(&world);
            move || world.take(1, until)
        });
        let clock = thread::spawn({
            let world = Arc::clone(&world);
            move || world.changed.word().time_is_up()
        });
        world.with(|value| *value = 1);
        world.changed.notify_one();
        clock.join().expect("it ends");
        let taken = waits.join().expect("it ends");
        assert_eq!(world.with(|value| *value), u32::from(!taken));
    });
}

#[test]
fn a_wake_reaches_those_of_its_bits_alone() {
    explore(2, || {
        let word = Arc::new(Model::new());
        let waits: Vec<_> = [1, 2]
            .map(|bit| {
                let word = Arc::clone(&word);
                thread::spawn(move || {
                    while word.load(Ordering::Acquire) & bit == 0 && word.wait(0, bit, None) == Waited::Woken {}
                })
            })
            .into();
        word.add(3, Ordering::Release);
        word.wake(false, 1);
        word.wake(false, 2);
        waits.into_iter().for_each(|waits| waits.join().expect("it ends"));
        word.wake(true, ALL);
    });
}
