//! Subscribers and event loops of a client of Sentinels: they follow the primary.

use std::thread;
use std::time::{Duration, Instant};

use crate::support::c::{Client, Options, option};
use crate::support::own::Own;
use crate::support::pubsub::PubSub;
use crate::support::sentinels::Sentinels;

/// Publish now and then until a message is heard behind so many gaps.
fn is_heard_behind(client: &Client, pubsub: &PubSub, gaps: usize, word: &str) {
    let end = Instant::now() + Duration::from_secs(20);
    let mut seen = 0;
    let mut next = Instant::now();
    while Instant::now() < end {
        if Instant::now() >= next {
            client.command(&["PUBLISH", "channel", word]).expect("the primary publishes");
            next = Instant::now() + Duration::from_millis(50);
        }
        let Ok(came) = pubsub.next(20) else { continue };
        let shown = came.dump();
        seen += usize::from(shown.contains("gap"));
        if seen >= gaps && shown.contains(word) {
            return;
        }
    }
    panic!("{word} is not heard behind {gaps} gaps: {seen}");
}

#[test]
fn a_subscriber_follows_the_primary_and_is_told_of_a_gap() {
    let mut sentinels = Sentinels::start(&[]);
    for protocol in [3, 2] {
        let options =
            Options::at(&sentinels.url()).int(option::COMMAND_TIMEOUT_MS, 10_000).int(option::PROTOCOL, protocol);
        let client = options.client();
        let pubsub = client.pubsub();
        pubsub.subscribe(&["channel"]);
        is_heard_behind(&client, &pubsub, 0, "one");
        // The old one is well, and keeps its connections for ten seconds.
        let old = sentinels.primary();
        let naming = sentinels.naming(old);
        sentinels.fail_over();
        naming.wait();
        is_heard_behind(&client, &pubsub, 1, "two");
        sentinels.until_whole();
        let old = sentinels.primary();
        sentinels.kill(old);
        is_heard_behind(&client, &pubsub, 1, "three");
        sentinels.restart(old);
        sentinels.until_whole();
    }
}

#[test]
fn a_loop_of_ones_own_follows_the_primary() {
    let mut sentinels = Sentinels::start(&[]);
    let mut own = Own::at(&format!("{}?command_timeout=10s", sentinels.url()));
    let mut number = 0;
    let mut good = |own: &mut Own, time: Duration| -> (usize, Vec<String>) {
        let end = Instant::now() + time;
        let (mut good, mut failures) = (0, Vec::new());
        while Instant::now() < end {
            own.submit(number, &["INCR", &number.to_string()]);
            number += 1;
            match own.completion().1 {
                Ok(_) => good += 1,
                Err(error) => failures.push(format!("{error:?}")),
            }
            thread::sleep(Duration::from_millis(2));
        }
        (good, failures)
    };
    let (some, failures) = good(&mut own, Duration::from_millis(300));
    assert!(some > 10 && failures.is_empty(), "{failures:?}");
    let old = sentinels.primary();
    let naming = sentinels.naming(old);
    sentinels.fail_over();
    let (named, _) = naming.wait();
    good(&mut own, Duration::from_millis(700));
    let role = |own: &mut Own| {
        own.submit(usize::MAX, &["ROLE"]);
        own.completion().1.expect("a server answers")
    };
    assert!(named.elapsed() < Duration::from_secs(10), "the old one is still well");
    own.submit(usize::MAX, &["CONFIG", "GET", "port"]);
    let port = own.completion().1.expect("a server answers");
    assert!(port.contains(&sentinels.named().to_string()), "{port}");
    sentinels.until_whole();
    let old = sentinels.primary();
    sentinels.kill(old);
    let (some, failures) = good(&mut own, Duration::from_secs(4));
    // On a busy machine the Sentinels may replace the next one too.
    assert!(some > 10 && failures.len() <= 5, "{some} {failures:?}");
    assert!(failures.iter().all(|failure| failure.contains("outcome: Unknown")), "{failures:?}");
    assert!(role(&mut own).contains("master"));
}
