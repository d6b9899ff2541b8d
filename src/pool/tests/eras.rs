//! All connections of a pool are closed while threads lease and return them: no older connection is leased afterwards.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;

use super::*;
use crate::options::Endpoint;
use crate::transport::{Attempt, Connect, connected};

/// As many servers as are asked for.
struct Endless;

impl Connect for Endless {
    fn begin(&self, _: &Endpoint, _: Deadline) -> Result<Box<dyn Attempt>> {
        Ok(connected(script().transport()))
    }

    fn name(&self) -> &str {
        "endless"
    }
}

/// A lease that begins after `drop_idle` returned has a connection that was opened after `drop_idle` began.
#[test]
fn no_connection_opened_before_drop_idle_is_leased_after_it() {
    const THREADS: usize = 3;
    let pool = Pool::new(Dial::new(Options::new(), Some(Arc::new(Endless)), None).unwrap());
    let (begun, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let opened: Mutex<HashMap<u64, u64>> = Mutex::default();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while !is_over.load(Ordering::SeqCst) {
                    let before = done.load(Ordering::SeqCst);
                    let leased = lease(&pool, -1).unwrap();
                    // A connection that is seen for the first time was opened in this round or an earlier one.
                    let round = *opened.lock().entry(leased.id()).or_insert_with(|| begun.load(Ordering::SeqCst));
                    assert!(round >= before, "opened by round {round}, and leased after round {before}");
                    leased.give_back();
                }
            });
        }
        for round in 1..=20_000 {
            begun.store(round, Ordering::SeqCst);
            pool.drop_idle();
            done.store(round, Ordering::SeqCst);
        }
        is_over.store(true, Ordering::SeqCst);
    });
    assert_eq!(counts(&pool).1, 0);
}
