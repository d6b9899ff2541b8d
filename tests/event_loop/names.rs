//! Host names in an event loop: a resolver that is slow, or hangs, holds no call up, and the descriptor shows its answer.

use std::time::{Duration, Instant};

use rredis::error::{Outcome, Status};

use crate::support::c::{Options, Status as CStatus, option};
use crate::support::own::{Own, TIMEOUT};
use crate::support::program::{child, preload, watch};
use crate::support::server::{Folder, Server};

#[test]
fn a_slow_resolver_holds_no_call_up() {
    let folder = Folder::new("names");
    let names = preload(folder.path(), "tests/preload/names.c");
    let server = Server::start(&[]);
    let mut command = child("names::child_with_a_slow_resolver");
    let ended = watch(command.env("LD_PRELOAD", names).env(PORT, server.port().to_string()));
    assert!(ended.status.success() && ended.said.contains("1 passed"), "{}\n{}", ended.status, ended.said);
}

const PORT: &str = "RREDIS_TEST_PORT";
/// The resolver hangs for 30 s: what takes less than this did not wait for it.
const SOON: Duration = Duration::from_secs(15);

#[test]
#[ignore = "it is run by the test above, with such a resolver"]
fn child_with_a_slow_resolver() {
    let Ok(port) = std::env::var(PORT) else { return };
    // The answer is awaited on the descriptor: so few turns are no search for it.
    let mut own = Own::at(&format!("redis://a.late.test:{port}"));
    own.submit(1, &["ECHO", "late"]);
    let mut turns = 0;
    while own.try_next().is_none() {
        own.turn();
        turns += 1;
        assert!(turns < 20, "round and round");
    }

    // A command's time ends as it should, while its look-up goes on.
    let mut own = Own::at(&format!("redis://hangs.test:{port}?connect_timeout=60s"));
    let before = Instant::now();
    own.submit_with(1, &["PING"], TIMEOUT, 200);
    let error = own.expect_failure(1);
    assert_eq!((error.status, error.outcome), (Status::Timeout, Outcome::NotSent), "{error}");
    drop(own);
    assert!(before.elapsed() < SOON);

    // A subscriber that lost its connection waits for a message as long as it was told to, and no longer.
    let url = format!("redis://a.once.test:{port}");
    let client = Options::at(&url).int(option::CONNECT_TIMEOUT_MS, 60_000).client();
    let (pubsub, before) = (client.pubsub(), Instant::now());
    pubsub.subscribe(&["a"]);
    let other = Options::at(&format!("redis://127.0.0.1:{port}")).client();
    other.ask(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    for timeout_ms in [0, 100, 300] {
        assert_eq!(pubsub.next(timeout_ms).expect_err("nothing comes").status, CStatus::AGAIN);
    }
    drop(pubsub);
    assert!(before.elapsed() < SOON);
}
