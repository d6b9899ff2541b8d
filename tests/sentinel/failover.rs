//! The primary is killed, replaced, or stopped: what a client that stays notices of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::c::{CErr, Client, Options, Outcome, option, stat};
use crate::support::sentinels::Sentinels;

/// A write that was made, or not: when it began and ended, and which it was.
struct Write {
    number: usize,
    ended: Instant,
    result: Result<(), CErr>,
}

/// Write keys of one's own for as long as it takes.
fn write(client: &Client, thread: usize, over: &AtomicBool) -> Vec<Write> {
    let mut writes = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let number = writes.len();
        let result = client.command(&["INCR", &format!("{thread}:{number}")]).map(drop);
        writes.push(Write { number, ended: Instant::now(), result });
        thread::sleep(Duration::from_millis(2));
    }
    writes
}

/// What became of the writes of several threads while something happened.
struct Ledger {
    writes: Vec<Vec<Write>>,
}

impl Ledger {
    /// Write with so many threads while `body` runs, and for a second more.
    fn during(client: &Client, threads: usize, body: impl FnOnce()) -> Ledger {
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let over = &over;
            let writers: Vec<_> = (0..threads).map(|thread| scope.spawn(move || write(client, thread, over))).collect();
            thread::sleep(Duration::from_millis(300));
            body();
            thread::sleep(Duration::from_secs(1));
            over.store(true, Ordering::Relaxed);
            Ledger { writes: writers.into_iter().map(|writer| writer.join().expect("a writer")).collect() }
        })
    }

    fn errors(&self) -> Vec<&CErr> {
        self.writes.iter().flatten().filter_map(|write| write.result.as_ref().err()).collect()
    }

    /// The first write that ended well behind this moment.
    fn first_success(&self, since: Instant) -> Instant {
        let good = self.writes.iter().flatten().filter(|write| write.result.is_ok() && write.ended > since);
        good.map(|write| write.ended).min().expect("something was written again")
    }

    /// No write was made twice, and none that was refused was made. What the primary had not passed on when it went away is
    /// lost, however it was acknowledged: those, each with the moment at which it was.
    fn settle(&self, client: &Client) -> Vec<Instant> {
        let mut lost = Vec::new();
        for (thread, writes) in self.writes.iter().enumerate() {
            for Write { number, ended, result } in writes {
                let made = client.command(&["GET", &format!("{thread}:{number}")]).expect("the primary answers");
                let made = String::from_utf8_lossy(made.text()).into_owned();
                assert!(made.is_empty() || made == "1", "{thread}:{number} was made {made} times");
                match result {
                    Ok(()) if made.is_empty() => lost.push(*ended),
                    Err(err) if matches!(err.outcome, Outcome::NOT_SENT | Outcome::REFUSED) => {
                        assert!(made.is_empty(), "{thread}:{number} was made, and told as {err:?}");
                    }
                    _ => {}
                }
            }
        }
        lost
    }
}

fn client(sentinels: &Sentinels) -> Client {
    Options::at(&sentinels.url()).int(option::COMMAND_TIMEOUT_MS, 10_000).client()
}

/// What no caller can be spared: what was under way when the primary went. On a busy machine the Sentinels may replace the next
/// one too.
fn are_unknown(client: &Client, errors: &[&CErr]) {
    let wrong: Vec<_> = errors.iter().filter(|err| err.outcome != Outcome::UNKNOWN).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    let failovers = usize::try_from(client.stat(stat::FAILOVERS)).expect("it is kept");
    assert!((1..=3).contains(&failovers), "{failovers} failovers");
    assert!(errors.len() <= THREADS * failovers, "{} errors: {errors:?}", errors.len());
}

const THREADS: usize = 8;

#[test]
fn a_primary_that_is_killed_is_replaced_by_the_one_that_sentinels_name() {
    let mut sentinels = Sentinels::start(&[]);
    let client = client(&sentinels);
    client.ask(&["SET", "a", "b"]);
    let old = sentinels.primary();
    let mut named = None;
    let ledger = Ledger::during(&client, THREADS, || {
        let naming = sentinels.naming(old);
        sentinels.kill(old);
        named = Some(naming.wait().0);
    });
    are_unknown(&client, &ledger.errors());
    let (named, first) = (named.expect("a moment"), ledger.first_success(named.expect("a moment")));
    assert!(first - named < Duration::from_secs(2), "{:?}", first - named);
    ledger.settle(&client);
}

#[test]
fn a_primary_that_is_replaced_while_it_is_well_gets_no_more_writes() {
    let sentinels = Sentinels::start(&[]);
    let client = client(&sentinels);
    client.ask(&["SET", "a", "b"]);
    let old = sentinels.primary();
    let mut named = None;
    let ledger = Ledger::during(&client, THREADS, || {
        let naming = sentinels.naming(old);
        sentinels.fail_over();
        named = Some(naming.wait().0);
    });
    let named = named.expect("a moment");
    assert!(ledger.errors().is_empty(), "{:?}", ledger.errors());
    let lost = ledger.settle(&client);
    let late: Vec<Duration> = lost.iter().filter(|lost| **lost > named).map(|lost| *lost - named).collect();
    assert!(late.iter().all(|late| *late < Duration::from_millis(400)), "{late:?}");
}

#[test]
fn a_primary_that_is_stopped_is_left_as_soon_as_another_is_named() {
    let sentinels = Sentinels::start(&[]);
    let client = client(&sentinels);
    client.ask(&["SET", "a", "b"]);
    let old = sentinels.primary();
    let mut named = None;
    let ledger = Ledger::during(&client, THREADS, || {
        let naming = sentinels.naming(old);
        sentinels.freeze(old, true);
        named = Some(naming.wait().0);
        thread::sleep(Duration::from_secs(1));
    });
    let named = named.expect("a moment");
    are_unknown(&client, &ledger.errors());
    let first = ledger.first_success(named);
    assert!(first - named < Duration::from_millis(1500), "{:?}", first - named);
    ledger.settle(&client);
    sentinels.freeze(old, false);
    assert!(client.command(&["GET", "a"]).is_ok_and(|reply| reply.text() == b"b"));
}

/// A client that is told nothing is not in the dark for ever: Sentinels that stop and come back are heard again.
#[test]
fn sentinels_that_come_back_are_listened_to_again() {
    let mut sentinels = Sentinels::start(&[]);
    let client = client(&sentinels);
    client.ask(&["SET", "a", "b"]);
    for sentinel in 0..3 {
        sentinels.kill_sentinel(sentinel);
    }
    client.ask(&["SET", "a", "c"]);
    thread::sleep(Duration::from_millis(200));
    client.ask(&["SET", "a", "d"]);
    for sentinel in 0..3 {
        sentinels.restart_sentinel(sentinel);
    }
    sentinels.until_whole();
    // It is listened to while commands are made.
    for _ in 0..100 {
        client.ask(&["SET", "a", "e"]);
        thread::sleep(Duration::from_millis(25));
    }
    let old = sentinels.primary();
    let mut named = None;
    let ledger = Ledger::during(&client, 2, || {
        let naming = sentinels.naming(old);
        sentinels.fail_over();
        named = Some(naming.wait().0);
    });
    assert!(ledger.errors().is_empty(), "{:?}", ledger.errors());
    let named = named.expect("a moment");
    assert!(ledger.settle(&client).iter().all(|lost| *lost < named + Duration::from_millis(400)));
    assert!(client.stat(stat::FAILOVERS) >= 1);
}
