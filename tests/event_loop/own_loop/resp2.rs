//! Subscriptions in RESP2, where a message looks like a reply: while there are any, nothing is sent beside them that could be
//! taken for one, or that the server would refuse.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rredis::error::{Outcome, Status};

use crate::support::own::{Came, NO_RETRY, Own};
use crate::support::peer::{Hello, Peer};
use crate::support::server::Server;

use super::cut::{Cutting, whole};

fn at(server: &Server, more: &str) -> Own {
    Own::at(&format!("{}?protocol=2&backoff=1ms{more}", server.url()))
}

fn refused(own: &mut Own, args: &[&str]) {
    let error = own.try_submit(99, args, 0, 0).expect_err("it is not accepted");
    assert_eq!((error.status, error.outcome), (Status::State, Outcome::NotSent), "{error}");
    assert!(error.to_string().contains("RESP2"), "{error}");
}

#[test]
fn while_something_is_subscribed_nothing_else_is_accepted() {
    let server = Server::start(&[]);
    let mut own = at(&server, "");
    // What was accepted before runs before.
    own.submit(1, &["SET", "key", "value"]);
    own.submit(2, &["SUBSCRIBE", "a", "b"]);
    refused(&mut own, &["SET", "key", "value"]);
    refused(&mut own, &["GET", "key"]);
    own.expect(1, "#1");
    assert_eq!(own.push(), ">subscribe a :1");
    assert_eq!(own.push(), ">subscribe b :2");
    own.expect(2, "NULL");
    refused(&mut own, &["GET", "key"]);
    refused(&mut own, &["PUBLISH", "a", "x"]);
    own.submit(3, &["PING"]);
    own.submit(3, &["PING"]);
    refused(&mut own, &["GET", "key"]);
    own.expect(3, "[pong ]");
    own.expect(3, "[pong ]");
    own.submit(4, &["PSUBSCRIBE", "p*"]);
    assert_eq!(own.push(), ">psubscribe p* :3");
    own.expect(4, "NULL");
    assert_eq!(server.ask(&["PUBLISH", "pa", "x"]), "1");
    assert_eq!(own.push(), ">pmessage p* pa x");
    assert_eq!(server.ask(&["PUBLISH", "a", "y"]), "1");
    assert_eq!(own.push(), ">message a y");

    own.submit(5, &["UNSUBSCRIBE"]);
    own.submit(6, &["PUNSUBSCRIBE", "p*"]);
    refused(&mut own, &["GET", "key"]);
    let mut ended = [own.completion().0, own.completion().0];
    ended.sort_unstable();
    assert_eq!(ended, [5, 6]);
    own.submit(7, &["GET", "key"]);
    own.expect(7, "value");
    // What looks like a message is a reply again.
    own.submit(8, &["RPUSH", "list", "message", "a", "x"]);
    own.submit(9, &["LRANGE", "list", "0", "-1"]);
    own.expect(8, ":3");
    own.expect(9, "[message a x]");
}

/// A connection that cannot be had is not known to speak RESP2: the option says so.
#[test]
fn it_is_so_before_there_is_a_connection_and_a_failed_subscription_ends_it() {
    let mut own = Own::at("redis://127.0.0.1:1?protocol=2&command_timeout=100ms&backoff=1ms");
    own.submit(1, &["SUBSCRIBE", "a"]);
    refused(&mut own, &["GET", "key"]);
    assert_eq!(own.expect_failure(1).outcome, Outcome::NotSent);
    own.submit(2, &["GET", "key"]);
    assert_eq!(own.expect_failure(2).outcome, Outcome::NotSent);

    let server = Server::start(&["user u on >secret ~* resetchannels +@all"]);
    let mut own = Own::at(&format!("{}?protocol=2", server.url_of("u", "secret")));
    own.submit(1, &["SUBSCRIBE", "a"]);
    assert_eq!(own.expect_failure(1).outcome, Outcome::Refused);
    own.submit(2, &["PING"]);
    own.expect(2, "#1");
}

#[test]
fn subscriptions_are_restored_and_the_gap_is_told() {
    let server = Server::start(&[]);
    let mut own = at(&server, "&health_check=50ms");
    own.submit(1, &["SUBSCRIBE", "a"]);
    own.submit(2, &["PSUBSCRIBE", "p*"]);
    assert_eq!(own.push(), ">subscribe a :1");
    own.expect(1, "NULL");
    assert_eq!(own.push(), ">psubscribe p* :2");
    own.expect(2, "NULL");
    // Its own PINGs go by unseen.
    assert!(own.run_for(Duration::from_millis(300)).is_empty());
    server.ask(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    let mut restored = [own.push(), own.push()];
    restored.sort();
    assert_eq!(restored, [">psubscribe p* :2", ">subscribe a :1"]);
    assert!(own.push().starts_with(">gap"));
    refused(&mut own, &["GET", "key"]);
    assert_eq!(server.ask(&["PUBLISH", "a", "x"]), "1");
    assert_eq!(own.push(), ">message a x");
    own.submit(3, &["UNSUBSCRIBE", "a"]);
    own.submit(4, &["PUNSUBSCRIBE"]);
    assert_eq!(own.push(), ">unsubscribe a :1");
    own.expect(3, "NULL");
    assert_eq!(own.push(), ">punsubscribe p* :0");
    own.expect(4, "NULL");
    own.submit(5, &["PING"]);
    own.expect(5, "#1");
}

/// A command that was accepted before the subscription, and was sent by no connection yet, goes before it.
#[test]
fn what_waits_for_a_connection_is_sent_before_the_subscriptions() {
    let served = Arc::new(AtomicBool::new(false));
    let serves = Arc::clone(&served);
    let peer = Peer::tcp(Hello::Resp2, move |line| {
        if !serves.load(Ordering::SeqCst) {
            // The greeting is never answered, so nothing else is sent.
            return line.any_command().map(drop);
        }
        loop {
            let command = line.any_command()?;
            let confirmation = b"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n";
            let answer = line.handshake_answer(&command).unwrap_or_else(|| match &command[0][..] {
                b"SUBSCRIBE" => confirmation.to_vec(),
                _ => b"$5\r\nvalue\r\n".to_vec(),
            });
            line.send(&answer)?;
        }
    });
    let mut own = Own::at(&format!("{}/1?protocol=2&backoff=20ms&command_timeout=20s", peer.url()));
    own.submit(1, &["GET", "key"]);
    own.submit(2, &["SUBSCRIBE", "a"]);
    assert!(own.run_for(Duration::from_millis(50)).is_empty());
    served.store(true, Ordering::SeqCst);
    let mut seen: Vec<String> = Vec::new();
    while seen.len() < 3 {
        match own.next() {
            Came::Push(push) => seen.push(push),
            Came::Of(mark, result) => seen.push(format!("{mark} {result:?}")),
        }
    }
    assert_eq!(seen, ["1 Ok(\"value\")", ">subscribe a :1", "2 Ok(\"NULL\")"]);
}

/// Cut after every byte, both ways: each command completes once, and the subscription brings
/// messages in the end.
#[test]
fn cut_after_every_byte_each_completes_once_and_the_subscription_is_there() {
    let server = Server::start(&[]);
    let mut cuts = 0;
    let [all_up, all_down] = conversation(&server, whole(), whole());
    for up in 0..all_up {
        conversation(&server, up, whole());
        cuts += 1;
    }
    for down in 0..all_down {
        conversation(&server, whole(), down);
        cuts += 1;
    }
    println!("{cuts} cuts");
}

/// A write, a subscription and a message, over a first connection that takes and gives so many bytes. How many it moved.
fn conversation(server: &Server, up: usize, down: usize) -> [usize; 2] {
    assert_eq!(server.ask(&["DEL", "key"]).len(), 1);
    let (connect, moved) = Cutting::after(up, down);
    let url = format!("{}?protocol=2&library_name=&backoff=1ms&command_timeout=20s", server.url());
    let mut own = Own::with(&url, |setup| setup.transport = Some(Arc::new(connect)));
    own.submit_with(1, &["APPEND", "key", "x"], NO_RETRY, 0);
    own.submit(2, &["SUBSCRIBE", "a"]);
    let mut results = [None, None];
    for _ in 0..2 {
        let (mark, result) = own.completion();
        assert!(results[mark - 1].replace(result).is_none(), "{up} {down}: it completes once");
    }
    let [Some(write), Some(subscription)] = results else { panic!("{up} {down}: two commands") };
    let ran = server.ask(&["STRLEN", "key"]);
    match write {
        Ok(reply) => assert_eq!((reply.as_str(), ran.as_str()), (":1", "1"), "{up} {down}"),
        Err(error) => assert!(ran == "0" || error.outcome == Outcome::Unknown, "{up} {down}: {error}"),
    }
    match subscription {
        Ok(reply) => assert_eq!(reply, "NULL", "{up} {down}"),
        // What may have been obeyed is wanted from then on.
        Err(error) => assert_eq!(error.outcome, Outcome::Unknown, "{up} {down}: {error}"),
    }
    // One that comes in a gap is missed.
    let hears = |came: &Came| matches!(came, Came::Push(push) if push == ">message a hello");
    while !own.run_for(Duration::from_millis(2)).iter().any(hears) {
        server.ask(&["PUBLISH", "a", "hello"]);
    }
    assert_eq!(served(&mut own, &["UNSUBSCRIBE", "a"]), "NULL", "{up} {down}");
    assert_eq!(served(&mut own, &["STRLEN", "key"]), format!(":{ran}"), "{up} {down}");
    [0, 1].map(|way| moved[way].load(Ordering::Relaxed))
}

/// The reply to a command that may run twice: the cut may be in its first run.
fn served(own: &mut Own, args: &[&str]) -> String {
    loop {
        own.submit(3, args);
        match own.completion() {
            (_, Ok(reply)) => return reply,
            (_, Err(error)) => assert_eq!(error.outcome, Outcome::Unknown, "{error}"),
        }
    }
}
