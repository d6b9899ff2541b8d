//! Locks and waits on both kinds of word: every waiting thread is woken.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::*;

const LONG: Duration = Duration::from_secs(60);

/// Until so long from now.
fn within(time: Duration) -> Option<Instant> {
    Some(Instant::now() + time)
}

/// Wait until this is so, for a minute at most.
fn eventually(is_so: impl Fn() -> bool) {
    let end = Instant::now() + LONG;
    while !is_so() {
        assert!(Instant::now() < end, "it never came to be");
        thread::sleep(Duration::from_millis(1));
    }
}

fn a_word_that_is_another_is_not_slept_on(word: &impl Word) {
    assert_eq!(word.wait(1, ALL, None), Waited::Woken);
    assert_eq!(word.wait(1, ALL, within(LONG)), Waited::Woken);
}

fn a_wait_ends_at_its_moment_and_never_before(word: &impl Word) {
    for time in [Duration::ZERO, Duration::from_nanos(1), Duration::from_millis(30), Duration::from_millis(1001)] {
        let begin = Instant::now();
        let until = begin + time;
        while word.wait(0, ALL, Some(until)) == Waited::Woken {}
        assert!(begin.elapsed() >= time, "{time:?}");
    }
    let past = Instant::now() - Duration::from_millis(5);
    assert_eq!(word.wait(0, ALL, Some(past)), Waited::TimedOut);
}

fn who_waits_is_woken(word: &impl Word) {
    for until in [None, within(LONG)] {
        thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                while word.load(Ordering::Acquire) == 0 {
                    assert_ne!(word.wait(0, ALL, until), Waited::TimedOut);
                }
            });
            thread::sleep(Duration::from_millis(20));
            word.add(1, Ordering::Release);
            word.wake(false, ALL);
            waiting.join().unwrap();
        });
        assert!(word.change(1, 0, Ordering::Relaxed) && !word.change(1, 0, Ordering::Relaxed));
    }
}

#[test]
fn words_of_both_kinds() {
    a_word_that_is_another_is_not_slept_on(&Futex::default());
    a_word_that_is_another_is_not_slept_on(&Portable::default());
    a_wait_ends_at_its_moment_and_never_before(&Futex::default());
    a_wait_ends_at_its_moment_and_never_before(&Portable::default());
    who_waits_is_woken(&Futex::default());
    who_waits_is_woken(&Portable::default());
}

/// Threads that take turns, and often meet.
fn a_lock_lets_in_one_at_a_time<W: Word + Default>() {
    let lock = Lock::on(W::default());
    let inside = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for round in 0..2000 {
                    lock.acquire();
                    assert_eq!(inside.fetch_add(1, Ordering::Relaxed), 0);
                    assert!(lock.is_taken() && !lock.try_acquire());
                    if usize::is_multiple_of(round, 100) {
                        thread::sleep(Duration::from_micros(50)); // So that the others fall asleep.
                    }
                    inside.fetch_sub(1, Ordering::Relaxed);
                    lock.release();
                }
            });
        }
    });
    assert!(!lock.is_taken() && lock.try_acquire());
}

#[test]
fn locks_of_both_kinds() {
    a_lock_lets_in_one_at_a_time::<Futex>();
    a_lock_lets_in_one_at_a_time::<Portable>();
}

#[test]
fn what_a_mutex_guards_is_changed_by_one_at_a_time() {
    let sum = Mutex::new((0, 0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10_000 {
                    let mut sum = sum.lock();
                    sum.0 += 1;
                    sum.1 += 2;
                }
            });
        }
    });
    assert_eq!(*sum.lock(), (40_000, 80_000));
    let taken = sum.lock();
    assert!(sum.is_locked() && sum.try_lock().is_none());
    drop(taken);
    assert!(!sum.is_locked());
}

#[test]
fn each_that_is_notified_finds_what_it_waited_for() {
    const TOKENS: usize = 2000;
    let (given, came) = (Mutex::new(0), Condvar::new());
    let taken = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut given = given.lock();
                while taken.load(Ordering::Relaxed) < TOKENS {
                    match *given {
                        0 => {
                            came.wait(&mut given, within(LONG));
                        }
                        _ => {
                            *given -= 1;
                            taken.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
                drop(given);
                came.notify_all();
            });
        }
        for number in 0..TOKENS {
            *given.lock() += 1;
            came.notify_one();
            if usize::is_multiple_of(number, 50) {
                thread::sleep(Duration::from_micros(100)); // So that all of them wait.
            }
        }
    });
    assert_eq!((taken.into_inner(), *given.lock()), (TOKENS, 0));
}

#[test]
fn a_wait_that_nobody_ends_is_over_in_time_and_has_the_lock_again() {
    let (value, changed) = (Mutex::new(1), Condvar::new());
    let mut guard = value.lock();
    let begin = Instant::now();
    let until = within(Duration::from_millis(30));
    while changed.wait(&mut guard, until) == Waited::Woken {}
    assert!(begin.elapsed() >= Duration::from_millis(30));
    assert!(value.is_locked());
    *guard += 1;
    drop(guard);
    assert_eq!(*value.lock(), 2);
}

/// By bits, each wakes its own; and all are woken by all bits.
#[test]
fn who_waits_for_other_bits_sleeps_on() {
    let word = Futex::default();
    let awake = [AtomicBool::new(false), AtomicBool::new(false)];
    thread::scope(|scope| {
        for (number, awake) in awake.iter().enumerate() {
            let word = &word;
            scope.spawn(move || {
                while word.wait(0, 1 << number, within(LONG)) == Waited::Interrupted {}
                awake.store(true, Ordering::SeqCst);
            });
        }
        eventually(|| {
            word.wake(true, 2);
            awake[1].load(Ordering::SeqCst)
        });
        thread::sleep(Duration::from_millis(20));
        assert!(!awake[0].load(Ordering::SeqCst), "it waits for the other bit");
        eventually(|| {
            word.wake(true, ALL);
            awake[0].load(Ordering::SeqCst)
        });
    });
}
