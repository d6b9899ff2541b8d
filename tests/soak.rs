//! Mixed load with a fault a second: every call is accounted for, and when all is quiet again, the process holds as many
//! descriptors and threads as before, and no more memory.
//!
//! RREDIS_TEST_SECONDS says how long; `make soak` takes a minute.

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use support::c::{CErr, Client, Options, Outcome, Pool, Status, call, option, stat};
use support::dice::Dice;
use support::ledger::{Figures, Ledger};
use support::over::Over;
use support::proxy::{Cut, Proxy};
use support::server::{Server, eventually};
use support::vitals;

/// Threads on each of the two clients.
const THREADS: usize = 4;
const KEYS: u64 = 100;
/// How much later than its deadline a call may return on a busy machine.
const SLACK: Duration = Duration::from_secs(5);
/// How long a command may take, where it is not given less.
const PATIENCE_MS: u64 = 5_000;
/// Memory is first looked at after so many seconds: until then the allocator makes itself at home.
const WARM: usize = 2;
/// What may come and go with the allocator's pages.
const GROWTH_KIB_MAX: usize = 1536;

#[test]
fn a_fault_a_second_and_nothing_piles_up() {
    let seconds = std::env::var("RREDIS_TEST_SECONDS").map_or(5, |text| text.parse().expect("a number of seconds"));
    let mut server =
        Server::start_in_memory(&["appendonly yes", "appendfsync always", "auto-aof-rewrite-percentage 0"]);
    for key in 0..KEYS {
        server.ask(&["SET", &format!("key:{key}"), &format!("value:{key}")]);
    }
    let proxy = Proxy::before(&server, |_| Cut::NEVER);
    let pools = [server.unix_url(), proxy.url()].map(|url| pool(&url));
    let clients = [0, 1].map(|which| pools[which].client(None).expect("a client"));
    let (mut total, mut figures) = (Tally::default(), Figures::default());
    let (before, mut samples) = (Sample::take(), Vec::new());
    for second in 0..seconds {
        let workers = one_second(second, &mut server, &proxy, &clients);
        // Whatever is still on its way runs before its connection is gone, or never.
        pools.iter().for_each(Pool::drop_idle);
        eventually("all connections are closed", || server.clients().is_empty());
        for Worker { ledger, tally, .. } in workers {
            figures += ledger.judge(&server);
            server.ask(&["DEL", ledger.key()]);
            total.add(&tally);
        }
        eventually("the proxy's threads end", || vitals::threads() == before.threads);
        samples.push(Sample::take());
    }
    println!("\nsoak, {seconds} s, a fault a second: {total:?}\n{figures}\n{}", shown(&samples[WARM..]));
    figures.check();
    let commands: i64 = clients.iter().map(|client| client.stat(stat::COMMANDS)).sum();
    assert_eq!(commands as u64, total.calls, "the library has counted what was called");
    assert!(total.broken > 0 && total.late > 0, "hardly a fault hit anybody: {total:?}");
    flat(&before, &samples);
}

fn pool(url: &str) -> Pool {
    let options = Options::at(url).int(option::POOL_MAX, 3).int(option::BACKOFF_MS, 1).int(option::BACKOFF_MS_MAX, 20);
    options.int(option::COMMAND_TIMEOUT_MS, PATIENCE_MS as i64).pool()
}

/// Load from all threads for a second, and one fault in the middle of it.
fn one_second<'a>(second: usize, server: &mut Server, proxy: &Proxy, clients: &'a [Client; 2]) -> Vec<Worker<'a>> {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let over_at_the_end = Over(&over);
        let over = &over;
        let workers: Vec<_> = (0..2 * THREADS)
            .map(|who| {
                let mut worker = Worker::new(&clients[who % 2], second, who);
                scope.spawn(move || {
                    while !over.load(Ordering::Relaxed) {
                        worker.one_call();
                    }
                    worker
                })
            })
            .collect();
        thread::sleep(Duration::from_millis(500));
        match second % 4 {
            0 => drop(server.ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"])),
            1 => proxy.cut_all(),
            2 => {
                server.freeze(true);
                thread::sleep(Duration::from_millis(300));
                server.freeze(false);
            }
            _ => server.restart(),
        }
        thread::sleep(Duration::from_millis(500));
        drop(over_at_the_end);
        workers.into_iter().map(|worker| worker.join().expect("no panic")).collect()
    })
}

/// One thread of load.
struct Worker<'a> {
    client: &'a Client,
    dice: Dice,
    ledger: Ledger,
    tally: Tally,
}

/// What became of calls: each is in one of these.
#[derive(Clone, Debug, Default)]
struct Tally {
    calls: u64,
    fine: u64,
    /// The connection broke, or there was none.
    broken: u64,
    /// The time was up, or no connection free in time.
    late: u64,
    /// The server was not ready.
    refused: u64,
}

impl Tally {
    fn add(&mut self, other: &Tally) {
        self.calls += other.calls;
        self.fine += other.fine;
        self.broken += other.broken;
        self.late += other.late;
        self.refused += other.refused;
    }
}

impl<'a> Worker<'a> {
    fn new(client: &'a Client, second: usize, who: usize) -> Worker<'a> {
        let number = (second * 2 * THREADS + who) as u64;
        let ledger = Ledger::new(format!("log:{number}"));
        Worker { client, dice: Dice::new(99, number), ledger, tally: Tally::default() }
    }

    fn one_call(&mut self) {
        match self.dice.throw(16) {
            0..5 => self.get(PATIENCE_MS),
            5 => {
                let in_ms = self.dice.throw(3);
                self.get(in_ms);
            }
            6..11 => {
                // One in four has hardly any time: what becomes of it is told all the same.
                let in_ms = if self.dice.throw(4) == 0 { self.dice.throw(3) } else { PATIENCE_MS };
                let (number, command) = self.ledger.next();
                let result = self.timed(in_ms, |client| client.command_with(&command, call::TIMEOUT, in_ms as i64));
                self.ledger.told(number, &result);
                self.count(result);
            }
            11 => {
                let text = vec![b'a' + self.dice.throw(26) as u8; 1 + self.dice.throw(200_000) as usize];
                let result = self.timed(PATIENCE_MS, |client| client.command(&[b"ECHO".as_slice(), &text]));
                self.count(result.inspect(|reply| assert!(reply.text() == text, "another's echo")));
            }
            12 => {
                let result = self.timed(PATIENCE_MS, |client| client.command(&["BLPOP", "nothing", "0.01"]));
                self.count(result);
            }
            _ => self.own_connection(),
        }
    }

    fn get(&mut self, in_ms: u64) {
        let key = self.dice.throw(KEYS);
        let args = ["GET".to_owned(), format!("key:{key}")];
        let result = self.timed(in_ms, |client| client.command_with(&args, call::TIMEOUT, in_ms as i64));
        self.count(result.inspect(|reply| assert_eq!(reply.text(), format!("value:{key}").as_bytes())));
    }

    /// A connection of one's own, left as no other may find it.
    fn own_connection(&mut self) {
        let conn = self.timed(PATIENCE_MS, Client::conn);
        // A call that is no command.
        let Ok(mut conn) = conn.inspect_err(judge) else { return };
        let ways: [&[&[&str]]; 4] = [
            &[&["MULTI"], &["INCR", "n"], &["EXEC"]],
            &[&["SUBSCRIBE", "c"], &["PING"]],
            &[&["SELECT", "1"], &["WATCH", "k"]],
            &[&["CLIENT", "SETNAME", "me"], &["CLIENT", "REPLY", "OFF"], &["PING"]],
        ];
        for command in ways[self.dice.throw(4) as usize] {
            let result = self.timed(PATIENCE_MS, |_| conn.command(command));
            let failed = result.is_err();
            self.count(result);
            if failed {
                return;
            }
        }
    }

    fn timed<T>(&self, in_ms: u64, call: impl FnOnce(&Client) -> T) -> T {
        let begin = Instant::now();
        let result = call(self.client);
        let took = begin.elapsed();
        assert!(took < Duration::from_millis(in_ms) + SLACK, "{took:?} instead of {in_ms} ms");
        result
    }

    fn count<T>(&mut self, result: Result<T, CErr>) {
        self.tally.calls += 1;
        let Err(err) = result else {
            self.tally.fine += 1;
            return;
        };
        judge(&err);
        match err.status {
            Status::SERVER => self.tally.refused += 1,
            Status::IO | Status::CONNECT => self.tally.broken += 1,
            _ => self.tally.late += 1,
        }
    }
}

/// Nothing else can go wrong here than what the faults do.
fn judge(err: &CErr) {
    match err.status {
        // Where an earlier try may have run, nobody knows whether the command did, whatever the last one was told.
        Status::SERVER => {
            let is_in_doubt = err.outcome == Outcome::UNKNOWN && err.attempts > 1;
            assert!(is_in_doubt || err.outcome == Outcome::REFUSED, "{err:?}");
            assert!(err.message.starts_with("LOADING"), "{err:?}");
        }
        Status::IO | Status::CONNECT | Status::TIMEOUT => assert!(err.outcome != Outcome::RAN, "{err:?}"),
        Status::BUSY => assert!([Outcome::NOT_SENT, Outcome::NONE].contains(&err.outcome), "{err:?}"),
        _ => panic!("{err:?}"),
    }
}

/// What the process holds while nothing is under way.
struct Sample {
    descriptors: usize,
    threads: usize,
    kib: usize,
}

impl Sample {
    fn take() -> Sample {
        Sample { descriptors: vitals::descriptors(), threads: vitals::threads(), kib: vitals::resident_kib() }
    }
}

fn flat(before: &Sample, samples: &[Sample]) {
    for sample in samples {
        assert_eq!(sample.threads, before.threads);
        // A call that waits long is given a descriptor on which its wait can be ended, which the next such call takes over:
        // no more of them than calls that wait at once.
        let range = before.descriptors..=before.descriptors + 2 * THREADS;
        assert!(
            range.contains(&sample.descriptors),
            "{} descriptors, {} before",
            sample.descriptors,
            before.descriptors
        );
    }
    let [early, late] = least_kib(&samples[WARM..]);
    assert!(late <= early + GROWTH_KIB_MAX, "{early} KiB, then {late} KiB");
}

/// The least of each half: what is in use at the least can only grow if something is kept.
fn least_kib(samples: &[Sample]) -> [usize; 2] {
    let (early, late) = samples.split_at(samples.len() / 2);
    [early, late].map(|half| half.iter().map(|sample| sample.kib).min().unwrap_or(0))
}

fn shown(samples: &[Sample]) -> String {
    let range = |pick: fn(&Sample) -> usize| {
        let least = samples.iter().map(pick).min().unwrap_or(0);
        format!("{least} to {}", samples.iter().map(pick).max().unwrap_or(0))
    };
    let [descriptors, threads, kib] = [range(|s| s.descriptors), range(|s| s.threads), range(|s| s.kib)];
    let [early, late] = least_kib(samples);
    format!(
        "  at rest, from second {WARM} on: descriptors {descriptors}, threads {threads}\n  \
         resident KiB {kib}; the least in the first half {early}, in the second {late}"
    )
}
