//! Many: connections by the thousand on one pool, and threads by the thousand on few connections. `make scale` is the long
//! form: as many connections as the limit on descriptors allows, up to 10 000, and 2000 threads.

mod support;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use support::c::{Client, Conn, Options, Outcome, Status, call, option, stat};
use support::over::Over;
use support::program::size;
use support::server::{Server, eventually};

/// Bytes of heap that a connection at rest may take.
const REST_BYTES_MAX: usize = 4096;
/// Descriptors that are not for the pool's connections.
const OTHER_DESCRIPTORS: usize = 200;
/// How long a command may take in these tests, and how much later it may end on a busy machine.
const TIME: Duration = Duration::from_secs(2);
const SLACK: Duration = Duration::from_secs(3);

/// One of these tests at a time: each counts what the whole process has.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(|failed| failed.into_inner())
}

/// How many connections there can be: RREDIS_TEST_CONNECTIONS, as far as the limit on descriptors allows.
fn connections() -> usize {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls are given one rlimit that outlives them.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) }, 0);
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: as above.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
    let allowed = usize::try_from(limit.rlim_max).unwrap_or(usize::MAX).saturating_sub(OTHER_DESCRIPTORS);
    let wanted = size("RREDIS_TEST_CONNECTIONS").unwrap_or(500);
    println!("{} connections ({} descriptors are allowed)", wanted.min(allowed), limit.rlim_max);
    wanted.min(allowed)
}

/// Bytes of heap in use, in all of the process.
fn heap() -> usize {
    // SAFETY: takes nothing, and gives numbers.
    let info = unsafe { libc::mallinfo2() };
    info.uordblks + info.hblkhd
}

/// Run a command on each of so many connections, all open at once.
fn use_all(client: &Client, count: usize) {
    let mut conns: Vec<Conn> = (0..count).map(|_| client.conn().expect("there are enough")).collect();
    for (number, conn) in conns.iter_mut().enumerate() {
        let word = number.to_string();
        assert_eq!(conn.ask(&["ECHO", &word]), format!("\"{word}\""));
    }
}

#[test]
fn a_pool_of_thousands_rests_small_fails_in_time_and_heals() {
    let _alone = alone();
    let count = connections();
    let mut server = Server::start(&["maxclients 11000"]);
    let options = Options::at(&server.url()).int(option::COMMAND_TIMEOUT_MS, TIME.as_millis() as i64);
    let pool = options.int(option::POOL_MAX, count as i64).int(option::RETRY_MAX, 0).pool();
    let client = pool.client(None).expect("a client");
    assert_eq!(client.ask(&["PING"]), "+PONG");
    pool.drop_idle();

    let (before, start) = (heap(), Instant::now());
    pool.warm(count).expect("the server takes so many");
    let warmed = start.elapsed();
    use_all(&client, count);
    let used = start.elapsed() - warmed;
    assert_eq!((pool.stat(stat::CONNECTIONS_IDLE), server.info("connected_clients")), (count as i64, count as i64 + 1));
    let each = heap().saturating_sub(before) / count;
    println!("opened in {warmed:?}, a command on each in {used:?}; {each} bytes of heap for each at rest");
    assert!(each <= REST_BYTES_MAX, "{each} bytes of heap for each connection at rest");

    die_under_load(&pool.client(None).expect("a client"), &mut server, count);
    let start = Instant::now();
    pool.warm(count).expect("the server is back");
    use_all(&client, count);
    println!("all open again, a command on each, in {:?}", start.elapsed());
    assert!(pool.stat(stat::CONNECTIONS) <= count as i64);
}

/// Kill the server while half of the connections wait for it and half rest, with commands from many threads meanwhile; and
/// start it again. Whoever asked has an answer in time.
fn die_under_load(client: &Client, server: &mut Server, count: usize) {
    let mut waiting: Vec<Conn> = (0..count / 2).map(|_| client.conn().expect("there are enough")).collect();
    for conn in &mut waiting {
        conn.send(&["BLPOP", "nothing", "0"]).expect("it can be sent");
    }
    let (over, failed, ran) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let counter = if in_time(client) { &ran } else { &failed };
                    counter.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let over_at_the_end = Over(&over);
        eventually("commands run", || ran.load(Ordering::Relaxed) > 100);
        server.kill();
        let start = Instant::now();
        for mut conn in waiting {
            let err = conn.receive(TIME.as_millis() as i64).expect_err("the server is gone");
            assert!([Status::IO, Status::CONNECT].contains(&err.status), "{err:?}");
        }
        println!("{} that waited for the server knew that it was gone within {:?}", count / 2, start.elapsed());
        eventually("commands fail", || failed.load(Ordering::Relaxed) > 100);
        server.restart();
        let start = Instant::now();
        let before = ran.load(Ordering::Relaxed);
        eventually("commands run again", || ran.load(Ordering::Relaxed) > before + 100);
        println!("100 commands ran within {:?} of the server's return", start.elapsed());
        drop(over_at_the_end);
    });
    println!("{} commands ran meanwhile, {} failed, each in its time", ran.into_inner(), failed.into_inner());
}

/// Run a command, which ends in its time whatever happens: whether it succeeded.
fn in_time(client: &Client) -> bool {
    let start = Instant::now();
    let reply = client.command(&["PING"]);
    assert!(start.elapsed() < TIME + SLACK, "late: {:?}, {reply:?}", start.elapsed());
    match reply {
        Ok(reply) => reply.dump() == "#1",
        Err(err) => {
            assert!([Status::IO, Status::CONNECT, Status::TIMEOUT, Status::SERVER].contains(&err.status), "{err:?}");
            assert!([Outcome::NOT_SENT, Outcome::UNKNOWN, Outcome::REFUSED].contains(&err.outcome), "{err:?}");
            // A refused connect fails at once, and a machine has other things to do.
            thread::sleep(Duration::from_millis(5));
            false
        }
    }
}

#[test]
fn threads_by_the_thousand_wait_their_turn() {
    let _alone = alone();
    let long = size("RREDIS_TEST_THREADS");
    let (threads, pool_max, rounds) = (long.unwrap_or(200), if long.is_some() { 64 } else { 8 }, 30);
    let server = Server::start(&[]);
    let options = Options::at(&server.url()).int(option::POOL_MAX, pool_max);
    let client = options.int(option::COMMAND_TIMEOUT_MS, 60_000).client();
    let barrier = Barrier::new(threads);
    let turns = |number: usize| {
        let word = number.to_string();
        let mut longest = Duration::ZERO;
        let mut start = Instant::now();
        for round in 0..rounds {
            let asked = Instant::now();
            let reply = client.command_with(&["ECHO", &word], call::RAW, 0);
            if round == 0 {
                // The first is for everybody to have begun, with connections open. Who fails has come here too: the others
                // do not wait for ever.
                barrier.wait();
                start = Instant::now();
            }
            let reply = reply.expect("a turn, in a minute at the most");
            assert_eq!(reply.text(), word.as_bytes());
            if round > 0 {
                longest = longest.max(asked.elapsed());
            }
        }
        (longest, start.elapsed())
    };
    let mut waits = Vec::new();
    let start = Instant::now();
    thread::scope(|scope| {
        let spawn = |number| {
            let small = thread::Builder::new().stack_size(256 << 10);
            small.spawn_scoped(scope, move || turns(number)).expect("a thread")
        };
        let running: Vec<_> = (0..threads).map(spawn).collect();
        waits.extend(running.into_iter().map(|thread| thread.join().expect("no panic")));
    });
    let mean = waits.iter().map(|wait| wait.1).sum::<Duration>() / (threads * (rounds - 1)) as u32;
    let longest = waits.iter().map(|wait| wait.0).max().unwrap_or_default();
    println!("{threads} threads on {pool_max} connections, {rounds} commands each, in {:?}", start.elapsed());
    println!("a command took {mean:?} in the mean, and {longest:?} at the most");
    assert!(client.stat(stat::CONNECTIONS_CREATED) <= pool_max);
    assert_eq!((client.stat(stat::WAITING), client.stat(stat::CONNECTIONS_IN_USE)), (0, 0));
    assert_eq!(client.stat(stat::WAITS_TIMED_OUT), 0);
    if long.is_some() {
        assert!(longest <= mean * 20, "{longest:?} is more than 20 times {mean:?}");
    }
}
