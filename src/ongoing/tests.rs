//! Calls are ended by who means them, wherever they wait, and no call that is over or yet to come is.

use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::error::Status;

const LONG: Duration = Duration::from_secs(60);

/// Wake until a call was there to be woken.
fn wake_one(ongoing: &Ongoing, call_data: *const ()) {
    let begin = Instant::now();
    while ongoing.wake(call_data) == 0 {
        assert!(begin.elapsed() < LONG, "there was no call to wake");
        thread::yield_now();
    }
}

#[test]
fn a_rest_is_ended_from_another_thread() {
    let ongoing = Ongoing::default();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(50));
            wake_one(&ongoing, ptr::null());
        });
        let begin = Instant::now();
        let error = ongoing.during(ptr::null(), || pause(LONG)).unwrap_err();
        assert_eq!(error.status, Status::Woken);
        assert!(begin.elapsed() < LONG);
    });
}

#[test]
fn only_who_was_meant_is_ended() {
    let ongoing = Ongoing::default();
    let (mine, other) = (1usize, 2usize);
    let data = |number: &usize| ptr::from_ref(number).cast::<()>();
    ongoing.during(data(&mine), || {
        assert_eq!(ongoing.wake(data(&other)), 0);
        assert!(Vigil::begin().is_ok());
        assert_eq!(ongoing.wake(data(&mine)), 1);
        assert!(Vigil::begin().is_err());
        assert_eq!(ongoing.wake(data(&mine)), 0, "it was ended before");
    });
    ongoing.during(data(&mine), || assert!(Vigil::begin().is_ok(), "what ended one call ends no other"));
    assert_eq!(ongoing.wake(ptr::null()), 0, "no call is under way");
}

/// A bell that was rung for a call which did not wait any more ends no later one.
#[test]
fn a_bell_that_came_too_late_ends_nothing() {
    let ongoing = Ongoing::default();
    ongoing.during(ptr::null(), || wait_point().notify());
    ongoing.during(ptr::null(), || {
        let mut vigil = Vigil::begin().unwrap();
        vigil.look().unwrap();
        assert!(vigil.bell().is_some(), "from now on a wake is heard at once");
        wait_point().notify();
        vigil.look().unwrap();
    });
}

/// More calls at once than one group of slots holds, each in its own.
#[test]
fn a_hundred_calls_at_once_are_all_ended() {
    let ongoing = Ongoing::default();
    let (waiting, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| {
                ongoing.during(ptr::null(), || {
                    waiting.fetch_add(1, Ordering::SeqCst);
                    assert!(pause(LONG).is_err());
                    ended.fetch_add(1, Ordering::SeqCst);
                });
            });
        }
        while waiting.load(Ordering::SeqCst) < 100 {
            thread::yield_now();
        }
        assert_eq!(ongoing.wake(ptr::null()), 100);
    });
    assert_eq!(ended.load(Ordering::SeqCst), 100);
}

struct After(AtomicUsize);

impl Interrupt for After {
    fn may_go_on(&self) -> bool {
        self.0.fetch_sub(1, Ordering::SeqCst) > 1
    }
}

#[test]
fn the_programs_function_is_asked_until_it_says_no() {
    let ongoing = Ongoing::new(Some(Arc::new(After(AtomicUsize::new(3)))));
    let error = ongoing.during(ptr::null(), || pause(LONG)).unwrap_err();
    assert_eq!(error.status, Status::Woken);
}

/// A thread goes back to the slot that it had, also where that is in no first group, and has a slot where a handle has none such.
#[test]
fn who_was_one_of_many_finds_a_slot_and_is_ended_there() {
    let (ongoing, gate) = (Ongoing::default(), std::sync::Barrier::new(40));
    thread::scope(|scope| {
        for number in 0..40usize {
            let (ongoing, gate) = (&ongoing, &gate);
            scope.spawn(move || {
                let (data, other) = (ptr::from_ref(&number).cast(), Ongoing::default());
                for round in 0..3 {
                    ongoing.during(data, || {
                        gate.wait();
                        assert_eq!(ongoing.wake(data), 1, "{number}, {round}");
                        assert!(Vigil::begin().is_err());
                        gate.wait();
                    });
                    other.during(data, || assert_eq!(other.wake(data), 1));
                }
            });
        }
    });
    assert_eq!(ongoing.wake(ptr::null()), 0, "no call is under way");
}

/// Threads come and go while another wakes all the time: every call ends, and none that was not ended says so.
#[test]
fn a_storm_of_wakes_ends_what_it_counts() {
    let ongoing = Ongoing::default();
    let (over, ended, counted) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        let calls: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..500 {
                        if ongoing.during(ptr::null(), || pause(Duration::from_micros(200))).is_err() {
                            ended.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                counted.fetch_add(ongoing.wake(ptr::null()), Ordering::SeqCst);
                thread::sleep(Duration::from_micros(50));
            }
        });
        calls.into_iter().for_each(|call| call.join().unwrap());
        over.store(true, Ordering::SeqCst);
    });
    assert!(ended.load(Ordering::SeqCst) <= counted.load(Ordering::SeqCst));
}
