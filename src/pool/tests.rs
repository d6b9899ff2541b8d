//! A pool against scripted peers: the order of waiting callers, and which connections are leased, kept and closed.

mod eras;
mod looked_at;
mod openings;
mod panics;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::commands::Shape;
use crate::conn::{Connection, Notice, Wait};
use crate::error::{Error, Status};
use crate::limits::RENEWAL_MS_MIN;
use crate::options::{Key, Options};
use crate::session::Asked;
use crate::sync::Mutex;
use crate::transport::script::{Script, Scripts, Step, expect, give};

const HELLO: &str = "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n";
const GREETED: &str = "%1\r\n$5\r\nproto\r\n:3\r\n";

fn script() -> Script {
    Script::new([expect(HELLO), give(GREETED)])
}

fn pool(max: i64, scripts: impl IntoIterator<Item = Script>) -> Pool {
    let mut options = Options::new();
    options.set_int(Key::PoolMax, max).unwrap();
    Pool::new(Dial::new(options, Some(Arc::new(Scripts::new(scripts))), None).unwrap())
}

fn lease(pool: &Pool, wait_ms: i64) -> Result<Lease> {
    pool.lease(&mut Instant::now(), Deadline::after_ms(5000), wait_ms, &mut Kept::new(false, 0))
}

fn counts(pool: &Pool) -> (i64, i64, i64) {
    let count = |stat| pool.stat(stat).unwrap();
    (count(Stat::Connections), count(Stat::ConnectionsInUse), count(Stat::ConnectionsIdle))
}

#[test]
fn callers_are_alone_up_to_six_for_each_core_and_as_many_as_there_may_be_connections() {
    let most = |connections, cores| state::alone_max(connections, cores);
    assert_eq!([most(1000, 1), most(1000, 2), most(1000, 3), most(1000, 64)], [12, 12, 18, 384]);
    assert_eq!([most(2, 64), most(12, 2), most(13, 2)], [2, 12, 12]);
    let pool = pool(3, []);
    let with_so_many = |alone: usize| {
        pool.state.shelves.figures().alone.store(alone, Ordering::Relaxed);
        pool.state.may_be_alone()
    };
    assert!(with_so_many(0) && with_so_many(2) && !with_so_many(3) && !with_so_many(4));
}

#[test]
fn the_connection_used_last_is_used_next() {
    let (first, second) = (script(), script());
    let pool = pool(2, [first.clone(), second.clone()]);
    let (one, two) = (lease(&pool, -1).unwrap(), lease(&pool, -1).unwrap());
    assert_eq!(counts(&pool), (2, 2, 0));
    two.give_back();
    one.give_back();
    assert_eq!(counts(&pool), (2, 0, 2));
    // The first connection was returned last, so the next lease has it. Dropping that lease closes it.
    drop(lease(&pool, -1).unwrap());
    assert_eq!((first.closed(), second.closed()), (1, 0));
    assert_eq!(counts(&pool), (1, 0, 1));
}

#[test]
fn a_full_pool_says_busy_and_a_dropped_lease_makes_room() {
    let pool = pool(1, [script(), script()]);
    let held = lease(&pool, -1).unwrap();
    let error = lease(&pool, 10).err().unwrap();
    assert_eq!((error.status, error.outcome), (Status::Busy, Outcome::NotSent));
    assert!(error.to_string().contains("all 1 connections are in use (pool_max)"), "{error}");
    assert_eq!((pool.stat(Stat::Waits), pool.stat(Stat::WaitsTimedOut)), (Some(1), Some(1)));
    drop(held);
    assert!(!lease(&pool, 10).unwrap().rested);
}

#[test]
fn who_asked_first_is_served_first_and_nobody_overtakes() {
    let pool = pool(1, [script()]);
    let held = lease(&pool, -1).unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut threads = Vec::new();
    for number in 0..8 {
        let (pool, order) = (pool.clone(), Arc::clone(&order));
        threads.push(thread::spawn({
            let pool = pool.clone();
            move || {
                let leased = lease(&pool, -1).unwrap();
                order.lock().push(number);
                leased.give_back();
            }
        }));
        while pool.stat(Stat::Waiting) != Some(number + 1) {
            thread::yield_now();
        }
    }
    held.give_back();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(*order.lock(), (0..8).collect::<Vec<i64>>());
    assert_eq!(counts(&pool), (1, 0, 1));
}

#[test]
fn a_connect_that_fails_gives_its_permit_to_the_next() {
    let pool = pool(1, []);
    for _ in 0..3 {
        assert_eq!(lease(&pool, 10).err().unwrap().status, Status::Connect);
    }
    assert_eq!(counts(&pool), (0, 0, 0));
}

#[test]
fn a_connection_lost_while_it_rested_is_replaced() {
    let (first, second) = (script(), script());
    let pool = pool(1, [first.clone(), second]);
    lease(&pool, -1).unwrap().give_back();
    first.add(Step::End);
    let leased = lease(&pool, -1).unwrap();
    assert!(!leased.rested);
    assert_eq!(first.closed(), 1);
    assert_eq!(pool.stat(Stat::ConnectionsLost), Some(1));
    assert_eq!(counts(&pool), (1, 1, 0));
}

/// Opening a connection costs time, and leasing another idle one does not.
#[test]
fn if_an_idle_connection_was_lost_another_idle_one_is_leased() {
    let scripts = [script(), script()];
    let pool = pool(2, scripts.clone());
    let (one, two) = (lease(&pool, -1).unwrap(), lease(&pool, -1).unwrap());
    assert!(!one.rested && !two.rested);
    one.give_back();
    two.give_back();
    scripts[1].add(Step::End);
    // There is no third script, so a new connection would be refused.
    assert!(lease(&pool, -1).unwrap().rested);
    assert_eq!((scripts[1].closed(), pool.stat(Stat::ConnectionsLost)), (1, Some(1)));
}

#[test]
fn a_new_connection_that_speaks_unasked_is_refused() {
    let rude = Script::new([expect(HELLO), give(GREETED), give("$4\r\nEVIL\r\n")]);
    let pool = pool(1, [rude]);
    let mut kept = Kept::new(false, 0).with_notices(true);
    let error = pool.lease(&mut Instant::now(), Deadline::after_ms(5000), -1, &mut kept).err().unwrap();
    assert_eq!((error.status, error.outcome), (Status::Protocol, Outcome::NotSent));
    assert!(matches!(kept.take_notices()[..], [Notice::Connected { .. }, Notice::Lost { .. }]));
    assert_eq!((pool.stat(Stat::ConnectionsCreated), pool.stat(Stat::ConnectionsLost)), (Some(1), Some(1)));
    assert_eq!(counts(&pool), (0, 0, 0));
}

/// A connection is checked when it is returned, and not only at the next lease: otherwise the pool would count an idle
/// connection that no caller can use.
#[test]
fn a_returned_connection_is_kept_only_if_its_state_is_that_of_a_new_one() {
    const GET: &str = "*2\r\n$3\r\nGET\r\n$1\r\na\r\n";
    let wait = || Wait { deadline: Deadline::after_ms(5000), allowed_ms: 5000, name: b"x" };
    let kept = || Kept::new(false, 0);
    type Borrow<'b> = &'b dyn Fn(&mut Lease);
    let reply_to = |lease: &mut Lease, args: &[&[u8]]| {
        let submitted = lease.submit_any(Asked::any(args, Shape::KEEP)).unwrap();
        lease.reply_to(submitted.ticket, &wait(), &mut kept()).unwrap();
    };
    let nothing: Borrow<'_> = &|_| {};
    let reads: Borrow<'_> = &|lease| reply_to(lease, &[b"GET", b"a"]);
    let asks_only: Borrow<'_> = &|lease| {
        lease.submit(&[b"GET", b"a"], Shape::KEEP).unwrap();
    };
    let sends_only: Borrow<'_> = &|lease| {
        let ticket = lease.submit(&[b"GET", b"a"], Shape::KEEP).unwrap();
        lease.flush(ticket, &wait(), &mut kept()).unwrap();
    };
    let changes: Borrow<'_> = &|lease| reply_to(lease, &[b"SELECT", b"1"]);
    let opens: Borrow<'_> = &|lease| reply_to(lease, &[b"MULTI"]);
    let watches: Borrow<'_> = &|lease| reply_to(lease, &[b"WATCH", b"a"]);
    let names: Borrow<'_> = &|lease| reply_to(lease, &[b"CLIENT", b"SETNAME", b"x"]);
    let fails: Borrow<'_> = &|lease| Connection::end(lease, Error::new(Status::Io, "a bad end"));
    let command = |words: &[&str]| {
        let bulks: String = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
        expect(format!("*{}\r\n{bulks}", words.len()))
    };
    let ok = || give("+OK\r\n");
    for (borrow, steps, rests) in [
        (nothing, vec![], true),
        (reads, vec![expect(GET), give("$1\r\nx\r\n")], true),
        (asks_only, vec![], false),
        (sends_only, vec![expect(GET)], false),
        (reads, vec![expect(GET), give("$1\r\nx\r\n$1\r\ny\r\n")], false),
        (reads, vec![expect(GET), give("$1\r\nx\r\n$")], false),
        (changes, vec![command(&["SELECT", "1"]), ok()], false),
        (opens, vec![command(&["MULTI"]), ok()], false),
        (watches, vec![command(&["WATCH", "a"]), ok()], false),
        (names, vec![command(&["CLIENT", "SETNAME", "x"]), ok()], false),
        (fails, vec![], false),
    ] {
        let what = format!("{steps:?}");
        let script = script();
        steps.into_iter().for_each(|step| script.add(step));
        let pool = pool(1, [script.clone()]);
        let mut lease = lease(&pool, -1).unwrap();
        borrow(&mut lease);
        lease.give_back();
        let idle = i64::from(rests);
        assert_eq!((script.closed(), counts(&pool)), (usize::from(!rests), (idle, 0, idle)), "{what}");
    }
}

#[test]
fn warming_opens_and_dropping_closes_what_rests() {
    let scripts: Vec<Script> = (0..3).map(|_| script()).collect();
    let pool = pool(3, scripts.clone());
    pool.warm(2).unwrap();
    assert_eq!(counts(&pool), (2, 0, 2));
    pool.warm(9).unwrap();
    assert_eq!(counts(&pool), (3, 0, 3));
    pool.drop_idle();
    assert_eq!(counts(&pool), (0, 0, 0));
    assert!(scripts.iter().all(|script| script.closed() == 1));
}

#[test]
fn warming_keeps_the_connections_opened_before_a_failure() {
    // A push may arrive before any command. It is dropped, and the connection is kept.
    let pushes = Script::new([expect(HELLO), give(GREETED), give(">1\r\n+news\r\n")]);
    let pool = pool(3, [pushes, script()]);
    let error = pool.warm(3).unwrap_err();
    assert_eq!((error.status, error.outcome), (Status::Connect, Outcome::None));
    assert_eq!(counts(&pool), (2, 0, 2));
}

#[test]
fn drop_idle_closes_a_leased_connection_when_it_is_returned() {
    let (first, second) = (script(), script());
    let pool = pool(1, [first.clone(), second.clone()]);
    let held = lease(&pool, -1).unwrap();
    pool.drop_idle();
    assert_eq!(first.closed(), 0);
    held.give_back();
    assert_eq!(first.closed(), 1);
    lease(&pool, -1).unwrap().give_back();
    assert_eq!((second.closed(), counts(&pool)), (0, (1, 0, 1)));
}

/// `give_back` closes the connections that were idle for too long, because the next call to the pool may be far away.
#[test]
fn give_back_closes_the_connections_idle_for_too_long_the_oldest_first() {
    for (stay, closed) in [(0, [1, 1, 0]), (1, [1, 1, 0]), (2, [1, 0, 0]), (3, [0, 0, 0])] {
        let scripts: Vec<Script> = (0..3).map(|_| script()).collect();
        let mut options = Options::new();
        options.set_int(Key::PoolIdleMs, 500).unwrap();
        options.set_int(Key::PoolIdleMin, stay).unwrap();
        let pool = Pool::new(Dial::new(options, Some(Arc::new(Scripts::new(scripts.clone()))), None).unwrap());
        let [oldest, next, last] = [(); 3].map(|()| lease(&pool, -1).unwrap());
        oldest.give_back();
        next.give_back();
        thread::sleep(Duration::from_millis(520));
        last.give_back();
        let seen: Vec<usize> = scripts.iter().map(Script::closed).collect();
        assert_eq!(seen, closed, "{stay} are to stay");
        let gone = seen.iter().sum::<usize>() as i64;
        assert_eq!(counts(&pool), (3 - gone, 0, 3 - gone));
        assert_eq!(pool.stat(Stat::ConnectionsClosed), Some(gone));
    }
}

/// Note the error of a server that has become a replica.
fn refuse(lease: &mut Lease) {
    lease.heed_error(b"READONLY You can't write against a read only replica.", true);
}

#[test]
fn a_connection_to_a_replica_does_not_come_back_and_takes_the_others_with_it() {
    let scripts: Vec<Script> = (0..4).map(|_| script()).collect();
    let closed = || scripts.iter().map(Script::closed).collect::<Vec<_>>();
    let pool = pool(4, scripts.clone());
    let [mut first, second, third] = [0, 1, 2].map(|_| lease(&pool, -1).unwrap());
    third.give_back();
    refuse(&mut first);
    assert_eq!((closed(), counts(&pool)), (vec![0, 0, 1, 0], (2, 2, 0)), "what rests goes at once");
    second.give_back();
    assert_eq!((closed(), counts(&pool)), (vec![0, 1, 1, 0], (1, 1, 0)), "and what is in use when it comes back");
    let fourth = lease(&pool, -1).unwrap();
    assert!(!fourth.rested);
    fourth.give_back();
    first.give_back();
    assert_eq!((closed(), counts(&pool)), (vec![1, 1, 1, 0], (1, 0, 1)), "what was opened since is kept");
    assert_eq!((pool.stat(Stat::ConnectionsClosed), pool.stat(Stat::ConnectionsLost)), (Some(3), Some(0)));
    // Other errors say nothing of the server.
    let mut fourth = lease(&pool, -1).unwrap();
    fourth.heed_error(b"READONLY today", true);
    fourth.heed_error(b"LOADING the data set", false);
    fourth.heed_error(b"ERR no", false);
    fourth.give_back();
    assert_eq!(counts(&pool), (1, 0, 1));
}

#[test]
fn a_pool_is_renewed_at_most_once_a_second_and_a_refused_connection_is_always_closed() {
    let scripts: Vec<Script> = (0..20).map(|_| script()).collect();
    let pool = pool(20, scripts.clone());
    let closed = || scripts.iter().map(Script::closed).sum::<usize>();
    let begin = Instant::now();
    let told = |count: usize| {
        let mut leases: Vec<Lease> = (0..4).map(|_| lease(&pool, -1).unwrap()).collect();
        leases.iter_mut().take(count).for_each(refuse);
        leases.into_iter().for_each(Lease::give_back);
    };
    told(1);
    assert_eq!(closed(), 4, "the first time all of them");
    told(2);
    if begin.elapsed() < Duration::from_millis(RENEWAL_MS_MIN) {
        assert_eq!(closed(), 6, "soon after only those");
    }
    thread::sleep(Duration::from_millis(RENEWAL_MS_MIN));
    let before = closed();
    told(1);
    assert_eq!(closed(), before + 4, "a second later all again");
}

#[test]
fn a_connection_passed_to_a_waiter_keeps_its_era() {
    let scripts: Vec<Script> = (0..3).map(|_| script()).collect();
    let pool = pool(1, scripts.clone());
    let held = lease(&pool, -1).unwrap();
    let waits = thread::spawn({
        let pool = pool.clone();
        move || lease(&pool, -1).unwrap()
    });
    while pool.stat(Stat::Waiting) != Some(1) {
        thread::yield_now();
    }
    held.give_back();
    let handed = waits.join().unwrap();
    pool.drop_idle();
    handed.give_back();
    assert_eq!((scripts[0].closed(), counts(&pool)), (1, (0, 0, 0)));
    // A connection of an old era is closed when it is returned, and the waiter gets the permit to open a new one.
    let held = lease(&pool, -1).unwrap();
    let waits = thread::spawn({
        let pool = pool.clone();
        move || lease(&pool, -1).unwrap().rested
    });
    while pool.stat(Stat::Waiting) != Some(1) {
        thread::yield_now();
    }
    pool.drop_idle();
    held.give_back();
    assert!(!waits.join().unwrap());
    assert_eq!(scripts[1].closed(), 1);
}

#[test]
fn bytes_are_counted_once_whether_a_lease_is_returned_or_dropped() {
    const GET: &str = "*2\r\n$3\r\nGET\r\n$1\r\na\r\n";
    const REPLY: &str = "$1\r\nx\r\n";
    let pool =
        pool(1, [Script::new([expect(HELLO), give(GREETED), expect(GET), give(REPLY), expect(GET), give(REPLY)])]);
    let wait = Wait { deadline: Deadline::after_ms(5000), allowed_ms: 5000, name: b"GET" };
    for (gets, gives_back) in [(1, true), (2, false)] {
        let mut lease = lease(&pool, -1).unwrap();
        let ticket = lease.submit(&[b"GET", b"a"], Shape::KEEP).unwrap();
        lease.reply_to(ticket, &wait, &mut Kept::new(false, 0)).unwrap();
        if gives_back {
            lease.give_back();
        } else {
            drop(lease);
        }
        let moved = [Stat::BytesOut, Stat::BytesIn].map(|stat| pool.stat(stat).unwrap() as usize);
        assert_eq!(moved, [HELLO.len() + gets * GET.len(), GREETED.len() + gets * REPLY.len()]);
    }
}

#[test]
fn the_last_handle_closes_what_rests() {
    let script = script();
    let pool = pool(1, [script.clone()]);
    let other = pool.clone();
    lease(&pool, -1).unwrap().give_back();
    drop(pool);
    assert_eq!(script.closed(), 0);
    drop(other);
    assert_eq!(script.closed(), 1);
}
