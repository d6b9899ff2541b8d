//! A subscriber among threads, handlers and processes: who may do what at the same time, and what is never done twice.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::c::{Client, Options, Outcome, Status, option, stat};
use crate::support::child::fork;
use crate::support::over::Woken;
use crate::support::peer::{Hello, Line, Peer};
use crate::support::pubsub::{LONG_MS, PubSub, topic, until};
use crate::support::queue::full_queue;
use crate::support::raw::Node;
use crate::support::server::Server;

/// A subscriber that its own handlers can reach.
type Shared = Arc<OnceLock<PubSub>>;

fn shared(client: &Client) -> Shared {
    let shared = Arc::new(OnceLock::new());
    assert!(shared.set(client.pubsub()).is_ok());
    shared
}

fn of(shared: &Shared) -> &PubSub {
    shared.get().expect("it was set")
}

/// Break the circle of a handler that holds its subscriber.
fn unset(pubsub: &PubSub, name: &str) {
    pubsub.on(topic::CHANNEL, name, None, &Arc::default()).expect("it is removed");
}

/// How long it takes a thread that waits to be told to stop.
fn woken_after(pubsub: &PubSub, what: &str) {
    thread::scope(|scope| {
        let _woken_at_a_failure = Woken(|| {
            pubsub.wake();
            true
        });
        let waiting = scope.spawn(|| pubsub.next_in_turn(-1).map(|reply| reply.dump()));
        pubsub.until_one_waits();
        thread::sleep(Duration::from_millis(30));
        let before = Instant::now();
        pubsub.wake();
        let err = waiting.join().expect("no panic").expect_err("woken");
        assert_eq!(err.status, Status::WOKEN, "{what}: {err:?}");
        assert!(before.elapsed() < Duration::from_secs(5), "{what}: {:?}", before.elapsed());
    });
}

#[test]
fn any_wait_is_ended_at_once() {
    let server = Server::start(&[]);
    let pubsub = Client::at(&server.url()).pubsub();
    woken_after(&pubsub, "with nothing wanted");
    pubsub.subscribe(&["c"]);
    woken_after(&pubsub, "with nothing said");
    // While it rests between two tries; while nobody lets it in; while a server says nothing.
    let mut server = server;
    let slow = Options::at(&server.unix_url()).int(option::BACKOFF_MS, 60_000).int(option::BACKOFF_MS_MAX, 60_000);
    let pubsub = slow.client().pubsub();
    pubsub.subscribe(&["c"]);
    server.kill();
    woken_after(&pubsub, "while it rests");

    let address = socket2::SockAddr::from(std::net::SocketAddr::from(([127, 0, 0, 1], 0)));
    let (listener, _waiting) = full_queue(socket2::Domain::IPV4, &address);
    let port = listener.local_addr().expect("an address").as_socket().expect("of TCP").port();
    let peer = Peer::tcp(Hello::Resp3, |line: &mut Line| -> io::Result<()> {
        match line.number {
            0 => line.command().map(drop),
            _ => line.stall(),
        }
    });
    for (what, url) in
        [("while a server says nothing", peer.url()), ("while nobody lets it in", format!("redis://127.0.0.1:{port}"))]
    {
        let options = Options::at(&url).int(option::CONNECT_TIMEOUT_MS, 60_000).int(option::BACKOFF_MS, 0);
        let pubsub = options.client().pubsub();
        match url == peer.url() {
            true => pubsub.subscribe(&["c"]),
            // Who subscribes first connects: another does so, and this one is noted.
            false => {
                let before = Instant::now();
                let short = Options::at(&url).int(option::CONNECT_TIMEOUT_MS, 50).client().pubsub();
                let err = short.try_subscribe(topic::CHANNEL, &["c"]).expect_err("nobody lets it in");
                assert_eq!(err.outcome, Outcome::NOT_SENT, "{err:?}");
                assert!(before.elapsed() < Duration::from_secs(20));
                continue;
            }
        }
        until("it is lost", || pubsub.next(0).is_err_and(|err| err.message.contains("no connection")));
        // And a call without time takes none, however long the connect may.
        let before = Instant::now();
        for _ in 0..20 {
            assert_eq!(pubsub.next(0).expect_err("not yet").status, Status::AGAIN);
        }
        assert!(before.elapsed() < Duration::from_secs(10), "{what}: {:?}", before.elapsed());
        woken_after(&pubsub, what);
    }
}

#[test]
fn a_handler_may_do_all_but_wait() {
    let server = Server::start(&[]);
    for protocol in [2, 3] {
        let client = Options::at(&server.url()).int(option::PROTOCOL, protocol).client();
        let shared = shared(&client);
        let (inner, seen, freed) =
            (Arc::clone(&shared), Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let (notes, ended) = (Arc::clone(&seen), Arc::clone(&freed));
        let handler = move |message: &Node| {
            let pubsub = of(&inner);
            let note = |text: String| notes.lock().expect("no panic").push(text);
            note(message.dump());
            note(format!("{:?}", pubsub.next(0).expect_err("it reads already").status));
            note(format!("{:?}", pubsub.run(0).expect_err("it reads already").status));
            pubsub.subscribe(&["b"]);
            pubsub.unsubscribe(&["a"]);
            // Another takes its place, twice: it goes when it has returned, and the one between at once.
            pubsub.on(topic::CHANNEL, "a", Some(Box::new(|_: &Node| ())), &ended).expect("it is set");
            pubsub.on(topic::CHANNEL, "a", None, &ended).expect("it is removed");
            note(format!("{} freed", ended.load(Ordering::SeqCst)));
            until("b is subscribed", || pubsub.publish("b", b"x").expect("a number") == 1);
        };
        of(&shared).on(topic::CHANNEL, "a", Some(Box::new(handler)), &freed).expect("it is set");
        of(&shared).subscribe(&["a"]);
        until("a is subscribed", || client.number(&["PUBLISH", "a", "go"]) == 1);
        assert_eq!(of(&shared).expect(), r#">["message" (nil) "b" "x"]"#, "RESP{protocol}");
        assert_eq!(freed.load(Ordering::SeqCst), 2, "RESP{protocol}: the handler went when it had returned");
        let wanted = [r#">["message" (nil) "a" "go"]"#, "STATE", "STATE", "1 freed"];
        assert_eq!(*seen.lock().expect("no panic"), wanted, "RESP{protocol}");
    }
}

#[test]
fn run_shows_messages_to_handlers_alone_and_ends_by_a_wake() {
    let server = Server::start(&[]);
    for protocol in [2, 3] {
        let client = Options::at(&server.url()).int(option::PROTOCOL, protocol).client();
        let shared = shared(&client);
        let pubsub = of(&shared);
        pubsub.subscribe(&["a"]);
        let err = pubsub.run(0).expect_err("nobody would get it");
        assert!(err.status == Status::STATE && err.message.contains("a has no handler"), "{err:?}");
        let (heard, freed) = (Arc::new(AtomicUsize::new(0)), Arc::default());
        let (count, inner) = (Arc::clone(&heard), Arc::clone(&shared));
        let handler = move |_: &Node| {
            if count.fetch_add(1, Ordering::SeqCst) == 9 {
                of(&inner).wake();
            }
        };
        pubsub.on(topic::CHANNEL, "a", Some(Box::new(handler)), &freed).expect("it is set");
        thread::scope(|scope| {
            let _woken_at_a_failure = Woken(|| {
                pubsub.wake();
                true
            });
            let running = scope.spawn(|| pubsub.run_in_turn(-1));
            until("ten were heard", || {
                client.number(&["PUBLISH", "a", "x"]) >= 0 && heard.load(Ordering::SeqCst) >= 10
            });
            assert_eq!(running.join().expect("no panic"), Ok(()), "RESP{protocol}");
        });
        assert_eq!(pubsub.run(30).expect_err("the time is up").status, Status::AGAIN);
        // What is wanted and has no handler ends it, and is not lost.
        pubsub.subscribe(&["b"]);
        pubsub.on(topic::CHANNEL, "b", Some(Box::new(|_: &Node| ())), &freed).expect("it is set");
        thread::scope(|scope| {
            let running = scope.spawn(|| pubsub.run_in_turn(LONG_MS));
            pubsub.until_one_waits();
            unset(pubsub, "b");
            until("b is subscribed", || client.number(&["PUBLISH", "b", "kept"]) == 1);
            let err = running.join().expect("no panic").expect_err("nobody would get it");
            assert!(err.status == Status::STATE && err.message.contains("b has no handler"), "{err:?}");
        });
        assert_eq!(pubsub.expect(), r#">["message" (nil) "b" "kept"]"#, "RESP{protocol}");
        // A message of what was unsubscribed meanwhile is nobody's.
        until("it is asked for", || client.number(&["PUBLISH", "b", "late"]) == 1);
        pubsub.unsubscribe(&["b"]);
        assert_eq!(pubsub.run(50).expect_err("the time is up").status, Status::AGAIN, "RESP{protocol}");
        unset(pubsub, "a");
    }
}

#[test]
fn in_a_child_of_fork_it_is_the_parents() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let freed = Arc::new(AtomicUsize::new(0));
    let pubsub = client.pubsub();
    pubsub.subscribe(&["c"]);
    pubsub.on(topic::PATTERN, "x", Some(Box::new(|_: &Node| ())), &freed).expect("it is set");
    assert_eq!(pubsub.next(50).expect_err("nothing").status, Status::AGAIN);
    // One call of the parent's waits, all the time.
    thread::scope(|scope| {
        let _woken_at_a_failure = Woken(|| {
            pubsub.wake();
            true
        });
        let waiting = scope.spawn(|| pubsub.next_in_turn(-1).map(|reply| reply.dump()));
        pubsub.until_one_waits();
        for round in 0..20 {
            let said = |result: crate::support::c::Result<()>| result.is_err_and(|err| err.status == Status::FORKED);
            let child = fork(|| {
                let refused = said(pubsub.try_subscribe(topic::CHANNEL, &["d"]))
                    && said(pubsub.try_unsubscribe(topic::CHANNEL, &["c"]))
                    && said(pubsub.next(0).map(drop))
                    && said(pubsub.run(0))
                    && said(pubsub.publish("c", b"x").map(drop))
                    && said(pubsub.on(topic::CHANNEL, "c", None, &freed))
                    && pubsub.fd() == -1;
                pubsub.wake();
                if round % 2 == 0 {
                    // SAFETY: the child's copy of the handle, which nothing in the child uses after this.
                    drop(unsafe { std::ptr::read(&pubsub) });
                    return refused && freed.load(Ordering::SeqCst) == 1;
                }
                refused
            });
            child.end();
        }
        assert_eq!(client.number(&["PUBLISH", "c", "still here"]), 1);
        assert_eq!(waiting.join().expect("no panic").expect("a message"), r#">["message" (nil) "c" "still here"]"#);
    });
    assert_eq!((freed.load(Ordering::SeqCst), client.stat(stat::CONNECTIONS_LOST)), (0, 0));
    assert!(!pubsub.is_readable(0), "and no child has touched what the parent watches");
}

/// A peer that takes a subscription byte by byte: who subscribes does not wait for it, and who waits writes it to its end.
#[test]
fn a_long_subscription_is_finished_by_who_waits() {
    let names: Vec<String> = (0..300).map(|number| format!("channel:{number}:{}", "x".repeat(20_000))).collect();
    let all = names.len();
    let peer = Peer::unix(Hello::Resp3, move |line: &mut Line| -> io::Result<()> {
        line.wait(Duration::from_millis(200))?;
        let command = line.command()?;
        assert_eq!(command.len(), all + 1);
        line.send(b">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n")?;
        line.until_left()
    });
    let client = Options::at(&peer.url()).int(option::HEALTH_CHECK_MS, -1).client();
    let pubsub = client.pubsub();
    // So that the first has connected already.
    pubsub.unsubscribe(&[]);
    let before = Instant::now();
    pubsub.try_subscribe(topic::CHANNEL, &names).expect("it is noted");
    println!("{} names were asked for in {:?}", all, before.elapsed());
    assert_eq!(pubsub.expect(), r#">["message" (nil) "c" "x"]"#);
}

#[test]
fn what_else_is_pushed_goes_to_on_push() {
    let server = Server::start(&[]);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&seen);
    let peer = Peer::tcp(Hello::Resp3, |line: &mut Line| -> io::Result<()> {
        line.command()?;
        line.send(b">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n>3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n")?;
        line.until_left()
    });
    for (url, wanted) in [(peer.url(), 1), (server.url(), 0)] {
        let notes = Arc::clone(&notes);
        let options = Options::at(&url).int(option::PROTOCOL, 3);
        let options = options.on_push(Box::new(move |push: &Node| notes.lock().expect("no panic").push(push.dump())));
        let pubsub = options.client().pubsub();
        pubsub.subscribe(&["c"]);
        if wanted == 1 {
            assert_eq!(pubsub.expect(), r#">["message" (nil) "c" "x"]"#);
        }
        assert_eq!(pubsub.next(20).expect_err("no more").status, Status::AGAIN);
    }
    assert_eq!(*seen.lock().expect("no panic"), [r#">["invalidate" ["k"]]"#]);
}
