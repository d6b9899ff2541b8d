//! A permit is returned whatever panics while it is held.

use super::*;
use crate::ongoing::{Interrupt, Ongoing};
use crate::transport::faulty::{Bug, Faulty};

/// Whether this panics.
fn panics(body: impl FnOnce()) -> bool {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).is_err()
}

#[test]
fn a_permit_comes_back_whatever_panics() {
    let mut options = Options::new();
    options.set_int(Key::PoolMax, 1).unwrap();
    options.set_int(Key::HealthCheckMs, 0).unwrap();
    let faulty = Faulty::new();
    let pool = Pool::new(Dial::new(options, Some(Arc::new(faulty.clone())), None).unwrap());
    let is_whole = |how: &str| {
        let lease = lease(&pool, 10).unwrap_or_else(|error| panic!("{how}: {error}"));
        assert_eq!(counts(&pool), (1, 1, 0), "{how}");
        lease
    };
    // Before there is a connection, and while it is greeted.
    for bug in [Bug::Connect, Bug::Write("HELLO"), Bug::Read] {
        faulty.set(bug);
        assert!(panics(|| drop(lease(&pool, 10))), "{bug:?}");
        // Closed, and not given back, so that the next is new.
        drop(is_whole(&format!("{bug:?}")));
    }
    // While an idle connection is checked: with a `health_check` of 0 each lease sends PING.
    for bug in [Bug::Write("PING"), Bug::Read] {
        is_whole("before").give_back();
        faulty.set(bug);
        assert!(panics(|| drop(lease(&pool, 10))), "{bug:?}");
        drop(is_whole(&format!("{bug:?} at rest")));
    }
    // While it is closed, by a lease or by the pool.
    let held = is_whole("before");
    faulty.set(Bug::Close);
    assert!(panics(|| drop(held)));
    is_whole("closed").give_back();
    faulty.set(Bug::Close);
    assert!(panics(|| pool.drop_idle()));
    drop(is_whole("dropped"));
    assert_eq!(counts(&pool), (0, 0, 0));
}

#[test]
fn who_panics_in_the_queue_leaves_it() {
    struct Falls;
    impl Interrupt for Falls {
        fn may_go_on(&self) -> bool {
            panic!("a bug while it waits");
        }
    }
    let pool = pool(1, [script(), script()]);
    let held = lease(&pool, -1).unwrap();
    let ongoing = Ongoing::new(Some(Arc::new(Falls)));
    assert!(panics(|| ongoing.during(std::ptr::null(), || drop(lease(&pool, -1)))));
    assert_eq!(pool.stat(Stat::Waiting), Some(0));
    drop(held);
    assert_eq!(counts(&pool), (0, 0, 0), "it was granted to nobody");
    drop(lease(&pool, 10).unwrap());
}
