//! A primary that stops, in a loop of one's own and for a subscriber: both leave it as soon as the Sentinels name another, long
//! before a command's time is up or a silent connection is asked about.

use std::time::{Duration, Instant};

use rredis::error::{Outcome, Status};

use crate::support::c::{Options, option};
use crate::support::own::Own;
use crate::support::pubsub::until;
use crate::support::sentinels::Sentinels;

/// How long a command and a connect may take: nothing here is to wait for that.
const TIME_MS: i64 = 60_000;
/// How long it may take, on a busy machine, until everything goes on at the next primary.
const FOUND: Duration = Duration::from_secs(20);

#[test]
fn a_loop_goes_on_at_the_next_primary() {
    let sentinels = Sentinels::start(&[]);
    let url = format!("{}?command_timeout={TIME_MS}ms&connect_timeout={TIME_MS}ms", sentinels.url());
    let [mut own, mut blocks, mut fresh] = [(); 3].map(|()| Own::at(&url));
    own.submit(0, &["SET", "a", "0"]);
    own.expect(0, "#1");
    blocks.submit(0, &["PING"]);
    blocks.expect(0, "#1");
    let old = sentinels.primary();
    sentinels.freeze(old, true);
    let stopped = Instant::now();
    own.submit(1, &["INCR", "a"]);
    blocks.submit(2, &["BLPOP", "list", "0"]);
    // Of one that never connected nothing was in flight.
    fresh.submit(3, &["SET", "a", "fresh"]);
    for (own, mark) in [(&mut own, 1), (&mut blocks, 2)] {
        let error = own.expect_failure(mark);
        assert_eq!((error.status, error.outcome), (Status::Io, Outcome::Unknown), "{error:?}");
        assert!(String::from_utf8_lossy(&error.message).contains("the Sentinels name another"), "{error:?}");
    }
    fresh.expect(3, "#1");
    for own in [&mut own, &mut blocks, &mut fresh] {
        own.submit(4, &["GET", "a"]);
        own.expect(4, "fresh");
    }
    assert!(stopped.elapsed() < FOUND, "{:?}", stopped.elapsed());
    // Nothing of it runs later.
    sentinels.freeze(old, false);
    sentinels.until_whole();
    own.submit(5, &["GET", "a"]);
    own.expect(5, "fresh");
}

#[test]
fn a_subscriber_leaves_it_behind_a_gap() {
    let sentinels = Sentinels::start(&[]);
    let options = Options::at(&sentinels.url()).int(option::COMMAND_TIMEOUT_MS, TIME_MS);
    let client = options.int(option::CONNECT_TIMEOUT_MS, TIME_MS).client();
    let pubsub = client.pubsub();
    pubsub.subscribe(&["news"]);
    until("it is heard", || {
        client.command(&["PUBLISH", "news", "before"]).expect("it is published");
        pubsub.next(20).is_ok_and(|message| message.dump().contains("before"))
    });
    pubsub.drain();
    let old = sentinels.primary();
    sentinels.freeze(old, true);
    let stopped = Instant::now();
    // It waits in one call.
    let gap = pubsub.next(TIME_MS).expect("a gap");
    assert!(gap.dump().contains("\"gap\"") && gap.dump().contains("the Sentinels name another"), "{}", gap.dump());
    until("it is heard", || {
        let _ = client.command(&["PUBLISH", "news", "after"]);
        pubsub.next(20).is_ok_and(|message| message.dump().contains("after"))
    });
    assert!(stopped.elapsed() < FOUND, "{:?}", stopped.elapsed());
}
