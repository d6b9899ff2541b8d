//! The other handles of a client of Sentinels: they are at the primary, and stay with it.

use std::thread;
use std::time::Duration;

use crate::support::c::{Client, Options, option};
use crate::support::pipeline::{Pipeline, mode};
use crate::support::sentinels::Sentinels;

fn client(sentinels: &Sentinels) -> Client {
    Options::at(&sentinels.url()).int(option::COMMAND_TIMEOUT_MS, 10_000).client()
}

/// Five of them each time, whichever way.
fn runs(client: &Client, mode: u32, key: &str, times: usize) -> usize {
    let mut whole = 0;
    for _ in 0..times {
        let mut pipeline = Pipeline::of(client);
        for _ in 0..5 {
            pipeline.add(&["INCR", key]);
        }
        whole += usize::from(pipeline.run(mode).is_ok());
        thread::sleep(Duration::from_millis(5));
    }
    whole
}

#[test]
fn pipelines_and_transactions_wait_for_the_next_primary() {
    let mut sentinels = Sentinels::start(&[]);
    let client = client(&sentinels);
    for (kind, key) in [(mode::PLAIN, "plain"), (mode::ATOMIC, "atomic")] {
        assert_eq!(runs(&client, kind, key, 2), 2);
        let old = sentinels.primary();
        sentinels.kill(old);
        // The first may have run; the others wait.
        assert!(runs(&client, kind, key, 3) >= 2, "{key}");
        assert_ne!(sentinels.primary(), old);
        let count = client.number(&["INCRBY", key, "0"]);
        assert!(count % 5 == 0 && count >= 10, "{key}: {count}");
        sentinels.restart(old);
        sentinels.until_whole();
    }
    let mut pipeline = Pipeline::of(&client);
    pipeline.watch(&["plain"]).expect("it watches");
    pipeline.add(&["SET", "plain", "1"]);
    assert!(pipeline.run(mode::ATOMIC).is_ok());
}

#[test]
fn a_connection_of_ones_own_is_to_the_primary() {
    let mut sentinels = Sentinels::start(&[]);
    let client = client(&sentinels);
    let mut conn = client.conn().expect("a connection");
    assert_eq!(conn.ask(&["SET", "a", "b"]), "+OK");
    let old = sentinels.primary();
    sentinels.kill(old);
    conn.command(&["SET", "a", "c"]).map(drop).expect_err("it is of the one server");
    let mut conn = client.conn().expect("a connection to the next primary");
    assert_eq!(conn.ask(&["SET", "a", "c"]), "+OK");
    assert!(conn.ask(&["ROLE"]).contains("master"));
}
