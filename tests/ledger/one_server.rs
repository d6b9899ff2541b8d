//! Writes to one server, while it is killed, and while connections are cut.
//!
//! RREDIS_TEST_OPS says how many writes are to be acknowledged; `make ledger` asks for a million.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::aof;
use crate::support::c::{CErr, Client, Conn, Options, Outcome, Reply, Status, option, stat};
use crate::support::dice::Dice;
use crate::support::ledger::{Figures, Ledger};
use crate::support::pipeline::{Pipeline, mode};
use crate::support::proxy::Proxy;
use crate::support::raw::kind;
use crate::support::server::{Server, eventually};

const THREADS: usize = 16;
/// The threads push in so many ways: in bursts on a connection that each keeps for a while, in pipelines, in transactions, and
/// by single commands.
const WAYS: usize = 4;
/// Written down before it is acknowledged, so that a killed server has it when it comes back.
const LASTING: [&str; 3] = ["appendonly yes", "appendfsync always", "auto-aof-rewrite-percentage 0"];

/// Writes to be acknowledged in all.
fn writes() -> usize {
    std::env::var("RREDIS_TEST_OPS").map_or(20_000, |text| text.parse().expect("RREDIS_TEST_OPS is a number"))
}

#[test]
fn no_write_is_lost_or_made_twice_while_the_server_is_killed() {
    let mut server = Server::start_in_memory(&LASTING);
    let client = client(&server.url());
    let (writes, begin) = (writes(), Instant::now());
    let kills = 3 + writes / 5_000;
    let done = AtomicUsize::new(0);
    let mut cut = 0;
    let ledgers = thread::scope(|scope| {
        let _done_at_the_end = Done(&done);
        let pushers = push_all(scope, &client, &done, writes);
        for kill in 1..=kills {
            until(&done, writes / (kills + 1) * kill);
            server.kill();
            cut += usize::from(aof::cut_open_transaction(server.folder()));
            server.restart();
        }
        join(pushers)
    });
    let figures = judge(&server, &ledgers);
    let summary = summary(&client, begin);
    println!(
        "\nledger, the server killed {kills} times, {cut} times in the middle of writing down: {summary}\n{figures}"
    );
    assert!(figures.unknown + figures.not_sent > 0, "no kill hit anybody");
    figures.check();
}

#[test]
fn no_write_is_lost_or_made_twice_while_connections_are_cut() {
    let server = Server::start_in_memory(&[]);
    let proxy = Proxy::cutting(&server, 0x9e37_79b9_7f4a_7c15, 8_000, 2_500);
    let client = client(&proxy.url());
    let (writes, begin) = (writes(), Instant::now());
    let done = AtomicUsize::new(0);
    let ledgers = thread::scope(|scope| join(push_all(scope, &client, &done, writes)));
    let figures = judge(&server, &ledgers);
    println!("\nledger, connections cut {} times: {}\n{figures}", proxy.cuts(), summary(&client, begin));
    assert!(proxy.cuts() >= writes / 200, "{} cuts", proxy.cuts());
    assert!(figures.unknown > 0, "no cut hit anybody");
    figures.check();
}

/// What the server itself makes of half a transaction, and that the ledger's server is spared that.
#[test]
fn a_transaction_that_was_written_down_in_part_is_taken_away() {
    let mut server = Server::start_in_memory(&LASTING);
    assert_eq!(server.ask(&["RPUSH", "l", "before"]), "1");
    server.kill();
    let path = aof::newest(server.folder()).expect("it wrote");
    let half =
        b"*1\r\n$5\r\nMULTI\r\n*3\r\n$5\r\nRPUSH\r\n$1\r\nl\r\n$4\r\nhalf\r\n*3\r\n$5\r\nRPUSH\r\n$1\r\nl\r\n$5\r\nhal";
    let written = std::fs::read(&path).expect("it can be read");
    std::fs::write(&path, [&written[..], half].concat()).expect("it can be written");
    assert!(aof::cut_open_transaction(server.folder()));
    assert_eq!(std::fs::read(&path).expect("it can be read"), written);
    server.restart();
    eventually("it has read what it wrote", || !server.ask(&["LLEN", "l"]).contains("LOADING"));
    let mut wire = server.wire();
    let transaction = [&["MULTI"][..], &["RPUSH", "l", "one"], &["RPUSH", "l", "two"]];
    transaction.iter().for_each(|command| drop(wire.ask(command)));
    assert_eq!(wire.ask(&["EXEC"]), "2\n3");
    server.restart();
    eventually("it has read what it wrote", || !server.ask(&["LLEN", "l"]).contains("LOADING"));
    assert_eq!(server.ask(&["LRANGE", "l", "0", "-1"]), "before\none\ntwo");
}

/// Fewer connections than threads, and the library's own retries at work.
fn client(url: &str) -> Client {
    let options = Options::at(url).int(option::POOL_MAX, 12).int(option::BACKOFF_MS, 1).int(option::BACKOFF_MS_MAX, 8);
    options.int(option::COMMAND_TIMEOUT_MS, 20_000).client()
}

/// Ends the writing when it is dropped: where the server does not come back, nobody writes for ever.
struct Done<'a>(&'a AtomicUsize);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(usize::MAX / 2, Ordering::Relaxed);
    }
}

type Pusher<'scope> = thread::ScopedJoinHandle<'scope, Ledger>;

fn push_all<'scope, 'env>(
    scope: &'scope thread::Scope<'scope, 'env>,
    client: &'env Client,
    done: &'env AtomicUsize,
    writes: usize,
) -> Vec<Pusher<'scope>> {
    let pusher = |who: usize| {
        move || {
            let mut ledger = Ledger::new(format!("log:{who}"));
            let mut dice = Dice::new(17, who as u64);
            while done.load(Ordering::Relaxed) < writes {
                let acknowledged = match who % WAYS {
                    0 => push_in_bursts(client, &mut ledger, &mut dice),
                    1 => push_in_a_run(client, &mut ledger, &mut dice, mode::PLAIN),
                    2 => push_in_a_run(client, &mut ledger, &mut dice, mode::ATOMIC),
                    _ => usize::from(push(client, &mut ledger)),
                };
                done.fetch_add(acknowledged, Ordering::Relaxed);
                if acknowledged == 0 {
                    thread::sleep(Duration::from_millis(5));
                }
            }
            ledger
        }
    };
    (0..THREADS).map(|who| scope.spawn(pusher(who))).collect()
}

/// One write. True: it was acknowledged.
fn push(client: &Client, ledger: &mut Ledger) -> bool {
    let (number, command) = ledger.next();
    let result = client.command(&command);
    ledger.told(number, &result);
    result.inspect_err(judge_error).is_ok()
}

/// Some writes in one pipeline or transaction. How many were acknowledged.
fn push_in_a_run(client: &Client, ledger: &mut Ledger, dice: &mut Dice, mode: u32) -> usize {
    let mut pipeline = Pipeline::of(client);
    let first = ledger.len();
    for _ in 0..1 + dice.throw(100) {
        pipeline.add(&ledger.next().1);
    }
    let numbers = first..ledger.len();
    if mode == mode::ATOMIC {
        ledger.together(numbers.clone());
    }
    match pipeline.run(mode) {
        Ok(replies) => {
            assert_eq!(replies.elements().len(), numbers.len());
            for (number, reply) in numbers.clone().zip(replies.elements()) {
                let refused = reply.kind == kind::ERROR;
                assert!(!refused || reply.text().starts_with(b"LOADING"), "{}", reply.dump());
                ledger.settle(number, if refused { Outcome::REFUSED } else { Outcome::NONE });
            }
        }
        Err(err) => {
            numbers.clone().for_each(|number| ledger.settle(number, err.outcome));
            match err.status {
                Status::ABORTED => {
                    assert!(err.outcome == Outcome::REFUSED && err.message.contains("LOADING"), "{err:?}");
                }
                _ => judge_error(&err),
            }
        }
    }
    numbers.filter(|number| ledger.is_acknowledged(*number)).count()
}

/// Some bursts on one connection, until it breaks. How many writes were acknowledged.
fn push_in_bursts(client: &Client, ledger: &mut Ledger, dice: &mut Dice) -> usize {
    let Ok(mut conn) = client.conn() else { return 0 };
    let mut acknowledged = 0;
    for _ in 0..10 {
        let burst = 1 + dice.throw(200) as usize;
        match push_burst(&mut conn, ledger, burst) {
            (count, true) => acknowledged += count,
            (count, false) => return acknowledged + count,
        }
    }
    acknowledged
}

/// So many writes, and only then their replies. How many were acknowledged, and whether the connection is still good.
fn push_burst(conn: &mut Conn, ledger: &mut Ledger, burst: usize) -> (usize, bool) {
    let first = ledger.len();
    for _ in 0..burst {
        let (number, command) = ledger.next();
        if let Err(err) = conn.send(&command) {
            judge_error(&err);
            ledger.told(number, &Err(err));
            return (0, false);
        }
    }
    let mut acknowledged = 0;
    for number in first..first + burst {
        // What is not answered stays unknown.
        let Ok(reply) = conn.receive(20_000) else { return (acknowledged, false) };
        let reply: Result<Reply, CErr> = Ok(reply);
        ledger.told(number, &reply);
        acknowledged += usize::from(ledger.is_acknowledged(number));
    }
    // A server that refuses some is loading what it has: it is left alone for a while.
    (acknowledged, acknowledged == burst)
}

/// Nothing else can go wrong here than that the connection breaks, or that the server is not ready yet.
fn judge_error(err: &CErr) {
    match err.status {
        Status::SERVER => assert!(err.outcome == Outcome::REFUSED && err.message.starts_with("LOADING"), "{err:?}"),
        Status::IO | Status::CONNECT => {
            assert!([Outcome::NOT_SENT, Outcome::UNKNOWN].contains(&err.outcome), "{err:?}");
        }
        _ => panic!("{err:?}"),
    }
}

fn until(done: &AtomicUsize, count: usize) {
    let end = Instant::now() + Duration::from_secs(600);
    while done.load(Ordering::Relaxed) < count {
        assert!(Instant::now() < end, "writing does not go on");
        thread::sleep(Duration::from_millis(1));
    }
}

fn join(pushers: Vec<Pusher<'_>>) -> Vec<Ledger> {
    pushers.into_iter().map(|pusher| pusher.join().expect("no panic")).collect()
}

fn judge(server: &Server, ledgers: &[Ledger]) -> Figures {
    let mut figures = Figures::default();
    for ledger in ledgers {
        figures += ledger.judge(server);
    }
    figures
}

fn summary(client: &Client, begin: Instant) -> String {
    let seconds = begin.elapsed().as_secs_f64();
    format!("{THREADS} threads, {} retries of the library's, {seconds:.1} s", client.stat(stat::RETRIES))
}
