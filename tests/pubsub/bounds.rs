//! What a subscriber's call costs whatever the server does: no more time than it was given, no memory without end, and a wake
//! is never lost.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::c::{Client, Options, Status, option, stat};
use crate::support::over::{Over, Woken};
use crate::support::peer::{Hello, Line, Peer};
use crate::support::pubsub::{LONG_MS, PubSub, topic, until};
use crate::support::raw::Node;
use crate::support::server::Server;

/// A peer that sends what it is told, after one subscription.
fn told(first: &'static str) -> (Peer, Sender<String>) {
    let (sender, receiver) = channel();
    let receiver: Mutex<Receiver<String>> = Mutex::new(receiver);
    let peer = Peer::tcp(Hello::Resp3, move |line: &mut Line| -> io::Result<()> {
        line.command()?;
        line.send(first.as_bytes())?;
        while let Ok(text) = receiver.lock().expect("one connection").recv() {
            line.send(text.as_bytes())?;
        }
        Ok(())
    });
    (peer, sender)
}

fn push(parts: &[&str]) -> String {
    let texts = parts.iter().map(|part| format!("${}\r\n{part}\r\n", part.len()));
    format!(">{}\r\n{}", parts.len(), texts.collect::<String>())
}

/// Two messages come at once: the first is given, and the descriptor says that there is a second. A handler takes that, and so
/// the next call finds the bell ringing, and nothing to give. Whoever calls for the end just then is heard all the same.
#[test]
fn a_wake_is_heard_between_any_two_looks() {
    let (peer, sender) = told("");
    let pubsub: Arc<OnceLock<PubSub>> = Arc::default();
    let inner = Arc::clone(&pubsub);
    let wakes = Box::new(move |_: &Node| inner.get().expect("it was set").wake());
    let client = Options::at(&peer.url()).int(option::HEALTH_CHECK_MS, -1).on_push(wakes).client();
    let handled = Arc::new(AtomicBool::new(false));
    let note = Arc::clone(&handled);
    let pubsub = pubsub.get_or_init(|| client.pubsub());
    let handler = move |_: &Node| note.store(true, Ordering::SeqCst);
    pubsub.on(topic::CHANNEL, "b", Some(Box::new(handler)), &Arc::default()).expect("it is set");
    pubsub.subscribe(&["a", "b"]);
    let both = push(&["message", "a", "x"]) + &push(&["message", "b", "x"]);
    let woken = |what: &str| {
        let err = pubsub.next(LONG_MS).expect_err(what);
        assert_eq!(err.status, Status::WOKEN, "{what}: {err:?}");
    };
    // By a function that the step itself calls.
    sender.send(both.clone() + &push(&["other"])).expect("the peer is there");
    assert_eq!(pubsub.expect(), r#">["message" (nil) "a" "x"]"#);
    woken("by on_push");
    // By another thread, at every moment after the handler.
    for round in 0..3000 {
        handled.store(false, Ordering::SeqCst);
        sender.send(both.clone()).expect("the peer is there");
        assert_eq!(pubsub.expect(), r#">["message" (nil) "a" "x"]"#, "round {round}");
        thread::scope(|scope| {
            let _handled_at_the_end = Over(&handled);
            scope.spawn(|| {
                while !handled.load(Ordering::SeqCst) {
                    std::hint::spin_loop();
                }
                (0..round % 300).for_each(|_| std::hint::spin_loop());
                pubsub.wake();
            });
            woken("by another thread");
        });
    }
    drop(sender);
}

/// Handlers that take their time, and a backlog that would take them far longer than the call may last: it ends, what was not
/// shown waits, and the descriptor says so.
#[test]
fn handlers_with_a_backlog_keep_to_the_calls_time() {
    const COUNT: usize = 10_000;
    for mode in ["run", "next"] {
        let backlog = (0..COUNT).map(|number| push(&["message", "a", &number.to_string()])).collect::<String>();
        let (peer, sender) = told("");
        let pubsub = Client::at(&peer.url()).pubsub();
        let (seen, slow) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(true)));
        let (notes, is_slow) = (Arc::clone(&seen), Arc::clone(&slow));
        let handler = move |message: &Node| {
            notes.lock().expect("no panic").push(message.elements()[3].text().to_vec());
            if is_slow.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(5));
            }
        };
        pubsub.on(topic::CHANNEL, "a", Some(Box::new(handler)), &Arc::default()).expect("it is set");
        pubsub.subscribe(&["a"]);
        sender.send(backlog).expect("the peer is there");
        let call = |timeout_ms| match mode {
            "run" => pubsub.run(timeout_ms),
            _ => pubsub.next(timeout_ms).map(drop),
        };
        let shown = || seen.lock().expect("no panic").len();
        // At first as much is read as a few messages take, and then more each time.
        until("enough was shown", || {
            let before = shown();
            assert_eq!(call(50).expect_err("the time is up").status, Status::AGAIN, "{mode}");
            let count = shown() - before;
            assert!(count <= 11, "{mode}: {count} were shown in 50 ms, each for 5 ms");
            assert!(count == 0 || pubsub.is_readable(0), "{mode}: there is more");
            shown() > 600
        });
        slow.store(false, Ordering::SeqCst);
        until("all were shown", || {
            assert_eq!(call(1).expect_err("the time is up").status, Status::AGAIN, "{mode}");
            shown() == COUNT
        });
        let wanted: Vec<Vec<u8>> = (0..COUNT).map(|number| number.to_string().into_bytes()).collect();
        assert!(*seen.lock().expect("no panic") == wanted, "{mode}: in order, and none lost");
        drop(sender);
    }
}

/// A Unix socket that is no more refuses at once, and without a pause between two tries that would be tried for ever.
#[test]
fn no_pause_and_no_socket_leave_a_call_its_time() {
    let peer = Peer::unix(Hello::Resp3, |line: &mut Line| -> io::Result<()> {
        line.command()?;
        line.until_left()
    });
    let options = Options::at(&peer.url()).int(option::BACKOFF_MS, 0).int(option::BACKOFF_MS_MAX, 0);
    let pubsub = options.client().pubsub();
    pubsub.subscribe(&["a"]);
    drop(peer);
    // One that goes on for ever is ended so that the test ends.
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let _over_at_the_end = Over(&over);
        scope.spawn(|| {
            let end = Instant::now() + Duration::from_millis(LONG_MS as u64);
            while !over.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(5));
                if Instant::now() > end {
                    pubsub.wake();
                }
            }
        });
        let ended: Vec<Status> =
            [0, 0, 0, 30].into_iter().map(|time| pubsub.next(time).expect_err("nobody").status).collect();
        assert_eq!(ended, [Status::AGAIN; 4]);
    });
}

/// The answer to PING lies there while the program does something else, for longer than an answer may take.
#[test]
fn a_server_whose_answer_was_not_read_is_not_called_silent() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let peer = Peer::tcp(Hello::Resp3, move |line: &mut Line| -> io::Result<()> {
        line.command()?;
        let granted = ">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n";
        line.send(format!("{granted}{}", push(&["message", "a", "x"])).as_bytes())?;
        loop {
            assert_eq!(line.any_command()?, [b"PING"]);
            count.fetch_add(1, Ordering::SeqCst);
            // Not before the call that asked has come back.
            line.wait(Duration::from_millis(200))?;
            line.send(b"+PONG\r\n")?;
        }
    });
    let options = Options::at(&peer.url()).int(option::HEALTH_CHECK_MS, 100).int(option::COMMAND_TIMEOUT_MS, 2000);
    let client = options.client();
    let pubsub = client.pubsub();
    pubsub.subscribe(&["a"]);
    assert_eq!(pubsub.expect(), r#">["message" (nil) "a" "x"]"#);
    until("it is asked", || {
        assert!(pubsub.next(0).is_err());
        thread::sleep(Duration::from_millis(20));
        asked.load(Ordering::SeqCst) > 0
    });
    thread::sleep(Duration::from_millis(2500));
    assert_eq!(pubsub.next(0).expect_err("nothing").status, Status::AGAIN);
    assert_eq!(client.stat(stat::CONNECTIONS_LOST), 0);
}

/// A server that ends the same subscription over and over is asked for it once, and once more when it had granted it.
#[test]
fn what_is_asked_for_again_is_not_asked_for_twice() {
    const TIMES: usize = 20_000;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let peer = Peer::tcp(Hello::Resp3, move |line: &mut Line| -> io::Result<()> {
        line.command()?;
        let ended = ">3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n";
        let granted = ">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n";
        line.send(format!("{granted}{}", ended.repeat(TIMES)).as_bytes())?;
        line.send(push(&["message", "a", "x"]).as_bytes())?;
        for _ in 0..2 {
            assert_eq!(line.command()?, [b"SUBSCRIBE".to_vec(), b"a".to_vec()]);
            count.fetch_add(1, Ordering::SeqCst);
            line.send(format!("{granted}{ended}").as_bytes())?;
        }
        line.command()?;
        count.fetch_add(1, Ordering::SeqCst);
        line.send(format!("{granted}{}", push(&["message", "a", "y"])).as_bytes())?;
        line.command()?;
        count.fetch_add(1, Ordering::SeqCst);
        line.until_left()
    });
    let pubsub = Options::at(&peer.url()).int(option::HEALTH_CHECK_MS, -1).client().pubsub();
    pubsub.subscribe(&["a"]);
    let mut messages = Vec::new();
    while messages.len() < 2 {
        let text = pubsub.expect();
        if !text.starts_with(r#">["gap" "#) {
            messages.push(text);
        }
    }
    assert_eq!(messages, [r#">["message" (nil) "a" "x"]"#, r#">["message" (nil) "a" "y"]"#]);
    assert_eq!(pubsub.next(50).expect_err("no more").status, Status::AGAIN);
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

/// A server that ends and grants it in turn, and reads nothing, is not asked for ever either.
#[test]
fn a_server_that_confirms_what_it_was_not_asked_is_left() {
    const TIMES: usize = 200_000;
    let peer = Peer::unix(Hello::Resp3, move |line: &mut Line| -> io::Result<()> {
        line.command()?;
        let granted = ">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n";
        if line.number > 0 {
            line.send(format!("{granted}{}", push(&["message", "a", "x"])).as_bytes())?;
            return line.until_left();
        }
        let ended = ">3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n";
        line.send(granted.as_bytes())?;
        line.send(format!("{ended}{granted}").repeat(TIMES).as_bytes())?;
        line.send(push(&["message", "a", "never"]).as_bytes())?;
        line.stall()
    });
    let client = Options::at(&peer.url()).int(option::HEALTH_CHECK_MS, -1).int(option::BACKOFF_MS, 0).client();
    let pubsub = client.pubsub();
    pubsub.subscribe(&["a"]);
    let message = loop {
        let text = pubsub.expect();
        if !text.starts_with(r#">["gap" "#) {
            break text;
        }
    };
    assert_eq!(message, r#">["message" (nil) "a" "x"]"#);
    assert_eq!(client.stat(stat::CONNECTIONS_LOST), 1);
}

#[test]
fn what_is_wanted_no_more_does_not_call_the_loop() {
    let mut server = Server::start(&[]);
    let options = Options::at(&server.url()).int(option::BACKOFF_MS_MAX, 60_000).int(option::BACKOFF_MS, 60_000);
    let pubsub = options.client().pubsub();
    pubsub.try_unsubscribe(topic::CHANNEL, &["a"]).expect("nothing is to be done");
    assert!(!pubsub.is_readable(20), "nothing was wanted");
    pubsub.subscribe(&["a"]);
    until("it is drained", || pubsub.drain().is_empty() && !pubsub.is_readable(0));
    server.kill();
    until("it is lost", || pubsub.next(10).is_err_and(|err| err.message.contains("no connection")));
    pubsub.unsubscribe(&["a"]);
    assert_eq!(pubsub.next(0).expect_err("nothing").status, Status::AGAIN);
    pubsub.unsubscribe(&["a"]);
    assert!(!pubsub.is_readable(0), "nothing is wanted any more");
}

#[test]
fn bytes_are_counted_as_they_move() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let pubsub = client.pubsub();
    pubsub.subscribe(&["a"]);
    until("it is subscribed", || pubsub.next(0).is_err() && client.number(&["PUBLISH", "a", "x"]) == 1);
    assert_eq!(pubsub.expect(), r#">["message" (nil) "a" "x"]"#);
    let read = || client.stat(stat::BYTES_IN);
    let before = read();
    let payload = "x".repeat(100_000);
    assert_eq!(server.ask(&["PUBLISH", "a", &payload]), "1");
    assert!(pubsub.expect().contains(&payload));
    assert!(read() - before >= 100_000, "{}", read() - before);
    // And while a run goes on.
    let before = read();
    let shown = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&shown);
    let handler = move |_: &Node| count.store(1, Ordering::SeqCst);
    pubsub.on(topic::CHANNEL, "a", Some(Box::new(handler)), &Arc::default()).expect("it is set");
    thread::scope(|scope| {
        let _woken_at_a_failure = Woken(|| {
            pubsub.wake();
            true
        });
        let running = scope.spawn(|| pubsub.run_in_turn(-1));
        assert_eq!(server.ask(&["PUBLISH", "a", &payload]), "1");
        until("it was shown", || shown.load(Ordering::SeqCst) == 1);
        until("it is counted", || read() - before >= 100_000);
        pubsub.wake();
        assert_eq!(running.join().expect("no panic"), Ok(()));
    });
}
