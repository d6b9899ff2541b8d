//! Transports that call their own pool while they are opened and closed.

use super::*;
use crate::ongoing::Ongoing;
use crate::options::Endpoint;
use crate::transport::{Attempt, Connect, Moved, Transport, connected};
use std::sync::OnceLock;

use crate::pool::shelf::Waiter;
use crate::pool::state::QueuePlace;

/// A transport that wants more of the pool that it serves.
struct Greedy {
    scripts: Scripts,
    pool: OnceLock<Pool>,
    told: Mutex<Option<Error>>,
}

impl Connect for Greedy {
    fn begin(&self, endpoint: &Endpoint, deadline: Deadline) -> Result<Box<dyn Attempt>> {
        *self.told.lock() = self.pool.get().and_then(|pool| pool.warm(2).err());
        self.scripts.begin(endpoint, deadline)
    }

    fn name(&self) -> &str {
        "greedy"
    }
}

#[test]
fn a_transport_may_not_warm_the_pool_that_it_serves() {
    let scripts = Scripts::new([script(), script()]);
    let greedy = Arc::new(Greedy { scripts, pool: OnceLock::new(), told: Mutex::default() });
    let pool = Pool::new(Dial::new(Options::new(), Some(greedy.clone()), None).unwrap());
    assert!(greedy.pool.set(pool.clone()).is_ok());
    lease(&pool, -1).unwrap().give_back();
    let told = greedy.told.lock().take().unwrap();
    assert_eq!((told.status, told.outcome), (Status::State, Outcome::NotSent));
    assert_eq!(counts(&pool), (1, 0, 1));
}

/// Transports that use their pool when they are closed, and record how many callers are waiting for a connection.
struct Watched {
    scripts: Scripts,
    pool: OnceLock<Pool>,
    waiting: Mutex<Vec<i64>>,
}

struct Closing {
    below: Box<dyn Transport>,
    watched: Arc<Watched>,
}

impl Connect for Arc<Watched> {
    fn begin(&self, endpoint: &Endpoint, deadline: Deadline) -> Result<Box<dyn Attempt>> {
        let below = self.scripts.connect(endpoint, deadline)?;
        Ok(connected(Box::new(Closing { below, watched: Arc::clone(self) })))
    }

    fn name(&self) -> &str {
        "watched"
    }
}

impl Transport for Closing {
    fn read(&mut self, buffer: &mut [u8], timeout_ms: i64) -> Result<Moved> {
        self.below.read(buffer, timeout_ms)
    }

    fn write(&mut self, bytes: &[u8], timeout_ms: i64) -> Result<Moved> {
        self.below.write(bytes, timeout_ms)
    }

    fn fd(&self) -> Option<i32> {
        None
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        let waiting = self.watched.pool.get().and_then(|pool| pool.stat(Stat::Waiting));
        self.watched.waiting.lock().extend(waiting);
        // It takes the pool's lock.
        self.watched.pool.get().inspect(|pool| pool.drop_idle());
    }
}

/// A pool of such transports, with one option.
fn watched(key: Key, value: i64) -> (Pool, Arc<Watched>) {
    let scripts = Scripts::new([script(), script()]);
    let watched = Arc::new(Watched { scripts, pool: OnceLock::new(), waiting: Mutex::default() });
    let mut options = Options::new();
    options.set_int(key, value).unwrap();
    let pool = Pool::new(Dial::new(options, Some(Arc::new(Arc::clone(&watched))), None).unwrap());
    assert!(watched.pool.set(pool.clone()).is_ok());
    (pool, watched)
}

/// A transport that is closed may use the pool.
#[test]
fn no_connection_is_closed_under_the_lock() {
    let (pool, watched) = watched(Key::PoolIdleMs, 0);
    // One was idle for too long as soon as it is given back; the other is of an era that is over.
    lease(&pool, -1).unwrap().give_back();
    assert_eq!(watched.waiting.lock().len(), 1);
    let held = lease(&pool, -1).unwrap();
    pool.drop_idle();
    held.give_back();
    assert_eq!(watched.waiting.lock().len(), 2);
    assert_eq!(counts(&pool), (0, 0, 0));
}

/// At no moment are there more connections than `pool_max`.
#[test]
fn a_connection_is_closed_before_its_permit_is_passed_on() {
    let (pool, watched) = watched(Key::PoolMax, 1);
    let held = lease(&pool, -1).unwrap();
    let next = thread::spawn({
        let pool = pool.clone();
        move || lease(&pool, -1).unwrap().give_back()
    });
    while pool.stat(Stat::Waiting) != Some(1) {
        thread::yield_now();
    }
    drop(held);
    next.join().unwrap();
    assert_eq!(*watched.waiting.lock(), [1]);
}

/// Whoever gives up waiting leaves the others where they are.
#[test]
fn who_gives_up_waiting_takes_nobody_along() {
    let pool = pool(1, [script()]);
    let held = lease(&pool, -1).unwrap();
    thread::scope(|scope| {
        let other = scope.spawn(|| lease(&pool, 60_000).map(Lease::give_back));
        while pool.stat(Stat::Waiting) != Some(1) {
            thread::yield_now();
        }
        assert_eq!(lease(&pool, 1).err().unwrap().status, Status::Busy);
        assert_eq!(pool.stat(Stat::Waiting), Some(1));
        held.give_back();
        other.join().unwrap().unwrap();
    });
}

/// A value with a server's words in it is no word of the server's.
#[test]
fn a_value_that_reads_like_a_refusal_refuses_nothing() {
    let words = "READONLY You can't write against a read only replica.";
    for (reply, rests) in [(format!("${}\r\n{words}\r\n", words.len()), 1), (format!("-{words}\r\n"), 0)] {
        let pool = pool(1, [Script::new([expect(HELLO), give(GREETED), expect("*1\r\n$4\r\nPING\r\n"), give(reply)])]);
        let mut leased = lease(&pool, -1).unwrap();
        let wait = Wait { deadline: Deadline::after_ms(60_000), allowed_ms: 60_000, name: b"PING" };
        let ticket = leased.submit(&[b"PING"], Shape::KEEP).unwrap();
        let reply = leased.reply_to(ticket, &wait, &mut Kept::new(false, 0)).unwrap();
        leased.heed(crate::commands::find(&[b"PING"]), &reply);
        leased.give_back();
        assert_eq!(counts(&pool), (rests, 0, rests));
    }
}

/// Whoever is ended while a connection is handed over passes it on.
#[test]
fn a_grant_that_comes_too_late_goes_back() {
    let pool = pool(1, [script()]);
    let held = lease(&pool, -1).unwrap();
    let waiter = Arc::new(Waiter::new());
    pool.state.shelves.open().waiters.push_back(Arc::clone(&waiter));
    let place = QueuePlace { pool: &pool.state, waiter, left: false };
    held.give_back();
    assert_eq!(counts(&pool), (1, 1, 0), "it was handed over");
    drop(place);
    assert_eq!(counts(&pool), (1, 0, 1));
}

/// A call that is ended while its connection is looked at has sent nothing, and looks for no other.
#[test]
fn a_call_that_is_ended_during_a_look_has_sent_nothing() {
    let mut options = Options::new();
    options.set_int(Key::HealthCheckMs, 0).unwrap();
    let asked = Script::new([expect(HELLO), give(GREETED), expect("*1\r\n$4\r\nPING\r\n")]);
    let pool = Pool::new(Dial::new(options, Some(Arc::new(Scripts::new([asked]))), None).unwrap());
    lease(&pool, -1).unwrap().give_back();
    let ongoing = Ongoing::default();
    let error = ongoing.during(std::ptr::null(), || {
        assert_eq!(ongoing.wake(std::ptr::null()), 1);
        lease(&pool, -1).err().unwrap()
    });
    assert_eq!((error.status, error.outcome), (Status::Woken, Outcome::NotSent), "{error}");
    assert_eq!(counts(&pool), (0, 0, 0));
}
