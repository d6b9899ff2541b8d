//! Publish and subscribe: messages of one shape in both protocols, asked for by one thread while others subscribe.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::support::c::{Client, Options, Outcome, Status, option, stat};
use crate::support::over::Woken;
use crate::support::pubsub::{LONG_MS, topic, until};
use crate::support::server::{Server, eventually};

/// A client for each protocol, parser and kind of socket.
fn clients(server: &Server) -> Vec<(String, Client)> {
    let mut clients = Vec::new();
    for url in [server.url(), server.unix_url()] {
        for protocol in [2, 3] {
            for parser in [1, 2] {
                let options = Options::at(&url).int(option::PROTOCOL, protocol).int(option::PARSER, parser);
                clients.push((format!("{url} RESP{protocol} parser {parser}"), options.client()));
            }
        }
    }
    clients
}

/// With confirmations.
fn confirming(server: &Server, protocol: i64) -> Client {
    let options = Options::at(&server.url()).int(option::PROTOCOL, protocol);
    options.int(option::PUBSUB_CONFIRMATIONS, 1).client()
}

#[test]
fn messages_have_one_shape_whatever_the_protocol() {
    let server = Server::start(&[]);
    for (which, client) in clients(&server) {
        let pubsub = client.pubsub();
        pubsub.subscribe(&["a", "b"]);
        pubsub.psubscribe(&["a*"]);
        pubsub.try_subscribe(topic::SHARD, &["a"]).expect("it is subscribed");
        until("all are there", || {
            server.ask(&["PUBSUB", "NUMPAT"]) == "1" && server.ask(&["PUBSUB", "SHARDNUMSUB", "a"]) == "a\n1"
        });
        assert_eq!(client.number(&["PUBLISH", "a", "one"]), 2, "{which}");
        assert_eq!(client.number(&["SPUBLISH", "a", ""]), 1, "{which}");
        assert_eq!(pubsub.publish("b", b"t\0o"), Ok(1), "{which}");
        assert_eq!(pubsub.expect(), r#">["message" (nil) "a" "one"]"#, "{which}");
        assert_eq!(pubsub.expect(), r#">["pmessage" "a*" "a" "one"]"#, "{which}");
        assert_eq!(pubsub.expect(), r#">["smessage" (nil) "a" ""]"#, "{which}");
        assert_eq!(pubsub.expect(), r#">["message" (nil) "b" "t\x00o"]"#, "{which}");
        assert_eq!(pubsub.next(0).expect_err("no more").status, Status::AGAIN, "{which}");
        assert_eq!(pubsub.next(20).expect_err("no more").status, Status::AGAIN, "{which}");
    }
}

#[test]
fn confirmations_are_given_where_they_are_wanted() {
    let server = Server::start(&[]);
    for protocol in [2, 3] {
        let pubsub = confirming(&server, protocol).pubsub();
        pubsub.subscribe(&["a", "b"]);
        pubsub.psubscribe(&["p*"]);
        pubsub.try_subscribe(topic::SHARD, &["s"]).expect("it is subscribed");
        pubsub.unsubscribe(&["b", "never"]);
        pubsub.try_unsubscribe(topic::PATTERN, &[] as &[&str]).expect("it is unsubscribed");
        pubsub.try_unsubscribe(topic::SHARD, &["s"]).expect("it is unsubscribed");
        pubsub.try_unsubscribe(topic::CHANNEL, &[] as &[&str]).expect("it is unsubscribed");
        pubsub.try_unsubscribe(topic::CHANNEL, &[] as &[&str]).expect("it is unsubscribed");
        for wanted in [
            r#">["subscribe" (nil) "a" :1]"#,
            r#">["subscribe" (nil) "b" :2]"#,
            r#">["psubscribe" (nil) "p*" :3]"#,
            r#">["ssubscribe" (nil) "s" :1]"#,
            r#">["unsubscribe" (nil) "b" :2]"#,
            r#">["unsubscribe" (nil) "never" :2]"#,
            r#">["punsubscribe" (nil) "p*" :1]"#,
            r#">["sunsubscribe" (nil) "s" :0]"#,
            r#">["unsubscribe" (nil) "a" :0]"#,
        ] {
            assert_eq!(pubsub.expect(), wanted, "RESP{protocol}");
        }
        // Some servers refuse to end what there is none of; that is nobody's error.
        if !server.ask(&["INFO", "server"]).contains("valkey") {
            assert_eq!(pubsub.expect(), r#">["unsubscribe" (nil) (nil) :0]"#, "RESP{protocol}");
        }
        assert_eq!(pubsub.next(20).expect_err("no more").status, Status::AGAIN);
    }
}

#[test]
fn its_connection_is_beside_those_of_the_pool() {
    let server = Server::start(&[]);
    for protocol in [2, 3] {
        let client = Options::at(&server.url()).int(option::POOL_MAX, 1).int(option::PROTOCOL, protocol).client();
        let pubsub = client.pubsub();
        assert_eq!(server.clients().len(), 0, "nothing is connected yet");
        pubsub.subscribe(&["c"]);
        assert_eq!((client.stat(stat::CONNECTIONS), client.stat(stat::CONNECTIONS_IN_USE)), (0, 0));
        assert_eq!(client.ask(&["PING"]), "+PONG");
        assert_eq!(pubsub.publish("c", b"x"), Ok(1), "in RESP{protocol}, too, while subscribed");
        assert_eq!(pubsub.expect(), r#">["message" (nil) "c" "x"]"#);
        assert_eq!((client.stat(stat::CONNECTIONS), client.stat(stat::CONNECTIONS_IN_USE)), (1, 0));
        drop(pubsub);
        until("its connection is closed", || server.clients().len() == 1);
        assert_eq!((client.stat(stat::CONNECTIONS), client.stat(stat::CONNECTIONS_CLOSED)), (1, 1));
        assert!(client.ask(&["CLIENT", "INFO"]).contains(" sub=0 psub=0 "));
        drop(client);
        until("all is closed", || server.clients().is_empty());
    }
}

#[test]
fn the_client_may_be_freed_before_its_subscriber() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let pubsub = client.pubsub();
    drop(client);
    pubsub.subscribe(&["c"]);
    assert_eq!(pubsub.publish("c", b"x"), Ok(1));
    assert_eq!(pubsub.expect(), r#">["message" (nil) "c" "x"]"#);
}

#[test]
fn others_subscribe_and_wake_while_one_waits() {
    let server = Server::start(&[]);
    for (which, client) in clients(&server) {
        let pubsub = client.pubsub();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| pubsub.next_in_turn(LONG_MS).map(|reply| reply.dump()));
            pubsub.subscribe(&["late"]);
            until("it is subscribed", || pubsub.publish("late", b"x").expect("a number") == 1);
            assert_eq!(
                waiting.join().expect("no panic").expect("a message"),
                r#">["message" (nil) "late" "x"]"#,
                "{which}"
            );
            let _woken_at_a_failure = Woken(|| {
                pubsub.wake();
                true
            });
            let waiting = scope.spawn(|| pubsub.next_in_turn(-1).map(|reply| reply.dump()));
            pubsub.until_one_waits();
            pubsub.wake();
            assert_eq!(waiting.join().expect("no panic").expect_err("woken").status, Status::WOKEN, "{which}");
        });
        assert_eq!(pubsub.next(0).expect_err("it is used up").status, Status::AGAIN, "{which}");
    }
}

#[test]
fn a_wake_with_nobody_waiting_ends_the_next_wait_and_only_that() {
    let server = Server::start(&[]);
    let pubsub = Client::at(&server.url()).pubsub();
    for _ in 0..3 {
        pubsub.wake();
        pubsub.wake();
        assert!(pubsub.is_readable(0));
        assert_eq!(pubsub.next(-1).expect_err("woken").status, Status::WOKEN);
        // Confirmations of the round before may still arrive.
        eventually("nothing more is to be read", || {
            assert_eq!(pubsub.next(0).expect_err("no more").status, Status::AGAIN);
            !pubsub.is_readable(0)
        });
        pubsub.wake();
        assert_eq!(pubsub.run(-1), Ok(()), "to be woken is how run ends");
        assert_eq!(pubsub.run(1).expect_err("not woken").status, Status::AGAIN);
        pubsub.subscribe(&["c"]);
        pubsub.unsubscribe(&[]);
    }
}

#[test]
fn a_handler_takes_its_messages_and_the_rest_is_given() {
    let server = Server::start(&[]);
    for (which, client) in clients(&server) {
        let pubsub = Arc::new(client.pubsub());
        let (heard, freed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let count = |by: usize| {
            let heard = Arc::clone(&heard);
            Box::new(move |_: &crate::support::raw::Node| {
                heard.fetch_add(by, Ordering::SeqCst);
            })
        };
        pubsub.on(topic::CHANNEL, "a", Some(count(1)), &freed).expect("it is set");
        pubsub.on(topic::PATTERN, "a*", Some(count(100)), &freed).expect("it is set");
        pubsub.subscribe(&["a", "b"]);
        pubsub.psubscribe(&["a*"]);
        until("all is there", || server.ask(&["PUBSUB", "NUMPAT"]) == "1");
        for _ in 0..3 {
            pubsub.publish("a", b"x").expect("a number");
        }
        pubsub.publish("b", b"y").expect("a number");
        assert_eq!(pubsub.expect(), r#">["message" (nil) "b" "y"]"#, "{which}");
        assert_eq!(heard.load(Ordering::SeqCst), 303, "{which}");
        assert_eq!(freed.load(Ordering::SeqCst), 0);
        pubsub.on(topic::CHANNEL, "a", None, &freed).expect("it is removed");
        assert_eq!(freed.load(Ordering::SeqCst), 1);
        pubsub.publish("a", b"z").expect("a number");
        assert_eq!(pubsub.expect(), r#">["message" (nil) "a" "z"]"#, "{which}");
        assert_eq!(pubsub.next(50).expect_err("no more").status, Status::AGAIN);
        assert_eq!(heard.load(Ordering::SeqCst), 403);
        drop(pubsub);
        assert_eq!(freed.load(Ordering::SeqCst), 2, "{which}");
    }
}

#[test]
fn wrong_calls_say_so() {
    let server = Server::start(&[]);
    let pubsub = Client::at(&server.url()).pubsub();
    let none: &[&str] = &[];
    let err = pubsub.try_subscribe(topic::CHANNEL, none).expect_err("no name");
    assert_eq!((err.status, err.outcome), (Status::ARGUMENT, Outcome::NOT_SENT), "{err:?}");
    for wrong in [3, u32::MAX] {
        assert_eq!(pubsub.try_subscribe(wrong, &["c"]).expect_err("no topic").status, Status::ARGUMENT);
        assert_eq!(pubsub.try_unsubscribe(wrong, &["c"]).expect_err("no topic").status, Status::ARGUMENT);
    }
    assert_eq!(server.clients().len(), 0, "and nothing is connected for it");
    // Who subscribes first is told that there is no server, and nothing is wanted then.
    let nobody = Options::at("redis://127.0.0.1:1").client().pubsub();
    let err = nobody.try_subscribe(topic::CHANNEL, &["c"]).expect_err("nobody is there");
    assert_eq!((err.status, err.outcome), (Status::CONNECT, Outcome::NOT_SENT), "{err:?}");
    assert_eq!(nobody.run(1).expect_err("nothing is wanted").status, Status::AGAIN);
}
