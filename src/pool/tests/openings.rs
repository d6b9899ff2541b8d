//! How many connections are opened at once to one server of many, and what becomes of callers that wait for one.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::limits::CONNECTING_MAX;
use crate::options::Endpoint;
use crate::transport::{Attempt, Connect};

/// A server that lets nobody in, slowly.
#[derive(Default)]
struct Closed {
    now: AtomicUsize,
    most: AtomicUsize,
    all: AtomicUsize,
}

impl Connect for Closed {
    fn begin(&self, _: &Endpoint, _: Deadline) -> Result<Box<dyn Attempt>> {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        self.all.fetch_add(1, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(100));
        self.now.fetch_sub(1, Ordering::SeqCst);
        Err(Error::new(Status::Connect, "it lets nobody in"))
    }

    fn has_fd(&self) -> bool {
        false
    }

    fn name(&self) -> &str {
        "closed"
    }
}

fn of_many(connect: Arc<dyn Connect>, max: i64) -> Pool {
    let mut options = Options::new();
    options.set_int(Key::PoolMax, max).unwrap();
    options.set_int(Key::Topology, 1).unwrap();
    Pool::new(Dial::new(options, Some(connect), None).unwrap())
}

#[test]
fn a_few_knock_at_a_closed_door_and_the_others_are_told() {
    let closed = Arc::new(Closed::default());
    let pool = of_many(Arc::clone(&closed) as Arc<dyn Connect>, 64);
    thread::scope(|scope| {
        let callers: Vec<_> = (0..64).map(|_| scope.spawn(|| lease(&pool, -1).err().unwrap())).collect();
        for caller in callers {
            let error = caller.join().unwrap();
            assert_eq!((error.status, error.outcome), (Status::Connect, Outcome::NotSent), "{error}");
        }
    });
    assert!(closed.most.load(Ordering::SeqCst) <= CONNECTING_MAX);
    // Each of those that failed told all who waited.
    assert!(closed.all.load(Ordering::SeqCst) < 64);
    assert_eq!(counts(&pool), (0, 0, 0));
    assert_eq!(pool.stat(Stat::Waiting), Some(0));
}

#[test]
fn whoever_waits_for_an_opening_gets_the_next_one() {
    let pool = of_many(Arc::new(Scripts::new((0..40).map(|_| script()))), 40);
    let leases: Vec<Lease> = thread::scope(|scope| {
        let callers: Vec<_> = (0..40).map(|_| scope.spawn(|| lease(&pool, -1).unwrap())).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    assert_eq!(counts(&pool), (40, 40, 0));
    leases.into_iter().for_each(Lease::give_back);
    assert_eq!(counts(&pool), (40, 0, 40));
}

#[test]
fn while_somebody_may_return_a_connection_a_failed_opening_tells_nobody() {
    let pool = of_many(Arc::new(Scripts::new([script()])), 2);
    let held = lease(&pool, -1).unwrap();
    thread::scope(|scope| {
        // It may open the second one, and there is none.
        assert_eq!(lease(&pool, -1).err().unwrap().status, Status::Connect);
        let waits = scope.spawn(|| lease(&pool, -1).map(Lease::give_back));
        thread::sleep(Duration::from_millis(20));
        held.give_back();
        // It either tried in vain itself, or has the one that came back.
        if let Err(error) = waits.join().unwrap() {
            assert_eq!(error.status, Status::Connect);
        }
    });
    assert_eq!(counts(&pool), (1, 0, 1));
}
