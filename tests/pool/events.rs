//! What a client tells of its connections and retries: each thing once, in order, only inside calls, and as its figures have it.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use crate::support::c::{Client, Options, Status, call, kind, option, stat};
use crate::support::peer::{Hello, Line, Peer, honest};
use crate::support::proxy::{Cut, Proxy};
use crate::support::raw::Node;
use crate::support::server::{Server, free_port};

/// What was told: the words of each event, its numbers of connections replaced by letters in the order of their coming.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<Vec<String>>>>);

impl Diary {
    fn keeper(&self) -> crate::support::c::Listener {
        let diary = self.clone();
        Box::new(move |event: &Node| {
            assert_eq!(event.kind, kind::PUSH, "{}", event.dump());
            let words = event.elements().iter().map(|word| match word.kind {
                kind::INTEGER => word.integer.to_string(),
                _ => String::from_utf8_lossy(word.text()).into_owned(),
            });
            diary.0.lock().expect("no panic").push(words.collect());
        })
    }

    fn take(&self) -> Vec<Vec<String>> {
        std::mem::take(&mut self.0.lock().expect("no panic"))
    }

    /// The first words of what was told since this was last asked.
    fn words(&self) -> Vec<String> {
        self.take().into_iter().map(|mut event| event.swap_remove(0)).collect()
    }
}

fn place(peer: &Peer) -> String {
    peer.url().replace("redis://", "")
}

#[test]
fn a_connection_is_told_of_once_and_a_command_that_works_is_nothing_to_tell() {
    let (peer, diary) = (Peer::tcp(Hello::Resp3, Line::serve), Diary::default());
    let client = Options::at(&peer.url()).on_event(diary.keeper()).client();
    assert!(diary.take().is_empty(), "nothing is connected yet");
    client.ask(&["GET", "k"]);
    let events = diary.take();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0][..2], ["connected".to_owned(), place(&peer)]);
    client.ask(&["GET", "k"]);
    let conn = client.conn().expect("the same");
    drop(conn);
    drop(client);
    assert!(diary.take().is_empty(), "closed by us is not lost");
}

#[test]
fn a_command_tried_three_times_tells_what_became_of_each() {
    let peer = Peer::tcp(Hello::Resp3, |line| {
        let command = line.command()?;
        match line.number {
            0 => Ok(()),
            1 => line.send(b"$5\r\nab"),
            _ => line.send(&honest(&command)).and_then(|()| line.serve()),
        }
    });
    let diary = Diary::default();
    let client = Options::at(&peer.url()).int(option::BACKOFF_MS, 3).on_event(diary.keeper()).client();
    assert_eq!(client.ask(&["get", "k"]), "\"v:k\"");
    let events = diary.take();
    let words: Vec<&str> = events.iter().map(|event| event[0].as_str()).collect();
    assert_eq!(words, ["connected", "lost", "retry", "connected", "lost", "retry", "connected"]);
    for at in [0, 3] {
        let (connected, lost, retry) = (&events[at], &events[at + 1], &events[at + 2]);
        assert_eq!(lost[1..4], [place(&peer), connected[2].clone(), "IO".to_owned()], "{lost:?}");
        assert!(lost[4].contains("closed the connection"), "{lost:?}");
        assert_eq!(retry[1..3], ["GET".to_owned(), (at / 3 + 1).to_string()], "{retry:?}");
        let wait: i64 = retry[3].parse().expect("milliseconds");
        assert!((0..=6).contains(&wait) && retry[4] == lost[4], "{retry:?}");
    }
    let ids: Vec<&String> = [0, 3, 6].iter().map(|at| &events[*at][2]).collect();
    assert!(ids[0] != ids[1] && ids[1] != ids[2], "{ids:?}");
    assert_eq!((client.stat(stat::CONNECTIONS_CREATED), client.stat(stat::CONNECTIONS_LOST)), (3, 2));
    assert_eq!(client.stat(stat::RETRIES), 2);
}

#[test]
fn what_rested_too_long_is_lost_or_closed_and_never_a_retry() {
    let (server, diary) = (Server::start(&[]), Diary::default());
    let options = Options::at(&server.url()).int(option::RETRY_MAX, 0).int(option::POOL_IDLE_MS, 300);
    let client = options.on_event(diary.keeper()).client();
    client.ask(&["PING"]);
    assert_eq!(diary.words(), ["connected"]);
    server.ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    client.ask(&["PING"]);
    assert_eq!(diary.words(), ["lost", "connected"], "the server closed it");
    thread::sleep(Duration::from_millis(400));
    client.ask(&["PING"]);
    assert_eq!(diary.words(), ["connected"], "we closed it");
    assert_eq!((client.stat(stat::CONNECTIONS_LOST), client.stat(stat::CONNECTIONS_CLOSED)), (1, 1));
    assert_eq!((client.stat(stat::CONNECTIONS_CREATED), client.stat(stat::RETRIES)), (3, 0));
}

#[test]
fn each_reason_for_a_loss_is_named() {
    let peer = Peer::tcp(Hello::Resp3, |line| match line.number {
        0 => line.command().and_then(|_| line.stall()),
        1 => line.command().and_then(|_| line.send(b"?\r\n")).and_then(|()| line.until_left()),
        2 => line.command().and_then(|_| line.send(b"$2147483648\r\n")).and_then(|()| line.until_left()),
        _ => line.serve(),
    });
    let diary = Diary::default();
    let options = Options::at(&peer.url()).int(option::RETRY_MAX, 0).int(option::COMMAND_TIMEOUT_MS, 2000);
    let client = options.on_event(diary.keeper()).client();
    for (status, name) in [(Status::TIMEOUT, "TIMEOUT"), (Status::PROTOCOL, "PROTOCOL"), (Status::LIMIT, "LIMIT")] {
        let err = client.command(&["GET", "k"]).expect_err(name);
        assert_eq!(err.status, status, "{err:?}");
        let events = diary.take();
        assert_eq!((events.len(), events[0][0].as_str()), (2, "connected"), "{events:?}");
        assert_eq!((events[1][0].as_str(), events[1][3].as_str()), ("lost", name), "{events:?}");
        assert_eq!(events[1][4], err.message, "the same words as the call's own");
    }
    client.ask(&["GET", "k"]);
    let err = client.command_with(&["SELECT", "1"], call::DEFAULT, 0).expect_err("not on a client");
    assert_eq!(err.status, Status::ARGUMENT);
    assert_eq!(diary.words(), ["connected"], "a call that was wrong is not the connection's");
}

#[test]
fn a_server_that_never_was_there_is_neither_connected_nor_lost() {
    let diary = Diary::default();
    let options = Options::at(&format!("redis://127.0.0.1:{}", free_port())).int(option::BACKOFF_MS, 1);
    let client = options.int(option::RETRY_MAX, 2).on_event(diary.keeper()).client();
    client.command(&["PING"]).expect_err("nobody listens");
    assert_eq!(diary.words(), ["retry", "retry"]);

    let server = Server::start(&["requirepass sesame"]);
    let client = Options::at(&server.url()).text(option::PASSWORD, "wrong").on_event(diary.keeper()).client();
    assert_eq!(client.command(&["PING"]).expect_err("refused").status, Status::AUTH);
    assert_eq!(diary.words(), Vec::<String>::new());
    assert_eq!((client.stat(stat::CONNECTIONS_CREATED), client.stat(stat::CONNECTIONS_LOST)), (0, 0));
}

#[test]
fn who_waits_in_vain_is_busy_and_who_waits_and_gets_is_not() {
    let (server, diary) = (Server::start(&[]), Diary::default());
    let client = Options::at(&server.url()).int(option::POOL_MAX, 1).on_event(diary.keeper()).client();
    let conn = client.conn().expect("the only one");
    assert_eq!(diary.words(), ["connected"], "told when it is leased, too");
    let err = client.command_with(&["PING"], call::TIMEOUT, 50).expect_err("none is free");
    assert_eq!(err.status, Status::BUSY);
    let events = diary.take();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0][..3], ["busy", "1", "1"]);
    assert!(events[0][3].parse::<i64>().expect("milliseconds") >= 50, "{events:?}");
    diary.take();
    thread::scope(|scope| {
        let waits = scope.spawn(|| client.ask(&["PING"]));
        while client.stat(stat::WAITING) == 0 {
            thread::yield_now();
        }
        drop(conn);
        assert_eq!(waits.join().expect("no panic"), "+PONG");
    });
    assert_eq!(diary.words(), Vec::<String>::new());
}

#[test]
fn a_connection_of_ones_own_that_breaks_is_lost_once() {
    let server = Server::start(&[]);
    for how in ["command", "send", "receive"] {
        let diary = Diary::default();
        let client = Options::at(&server.url()).on_event(diary.keeper()).client();
        let mut conn = client.conn().expect("a connection");
        conn.ask(&["PING"]);
        assert_eq!(diary.words(), ["connected"]);
        if how == "receive" {
            conn.send(&["BLPOP", "nothing", "0"]).expect("it is sent");
        }
        server.ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
        thread::sleep(Duration::from_millis(20));
        let mut fail = || match how {
            "command" => conn.command(&["PING"]).map(drop),
            "send" => conn.send(&["PING"]).and_then(|()| conn.receive(1000)).map(drop),
            _ => conn.receive(1000).map(drop),
        };
        assert_eq!(fail().expect_err("it broke").status, Status::IO, "{how}");
        let events = diary.take();
        assert_eq!(events.len(), 1, "{how}: {events:?}");
        assert_eq!((events[0][0].as_str(), events[0][3].as_str()), ("lost", "IO"), "{how}: {events:?}");
        fail().expect_err("it stays broken");
        drop(conn);
        assert!(diary.take().is_empty(), "{how}");
        assert_eq!(client.stat(stat::CONNECTIONS_LOST), 1, "{how}");
    }
}

thread_local! {
    static IN_A_CALL: Cell<bool> = const { Cell::new(false) };
}

/// Threads, cuts, connections of one's own, too few connections and too little time: whatever happens is told as it is counted,
/// on the thread of a call, during it, and may use the client.
#[test]
fn in_any_weather_what_is_told_is_what_is_counted() {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    static COUNTS: [AtomicUsize; 4] = [const { AtomicUsize::new(0) }; 4];
    let server = Server::start(&[]);
    let proxy = Proxy::before(&server, |number| Cut { up: 200 + number * 37 % 300, ..Cut::NEVER });
    let options = Options::at(&proxy.url()).int(option::POOL_MAX, 3).int(option::POOL_WAIT_MS, 3);
    let options = options.int(option::BACKOFF_MS, 1).int(option::RETRY_BUDGET_PERCENT, 100);
    let client = options.on_event(Box::new(|event| {
        assert!(IN_A_CALL.get(), "outside of any call of this thread's");
        let word = event.elements()[0].text();
        let which = [&b"connected"[..], b"lost", b"retry", b"busy"].iter().position(|known| *known == word);
        let told = COUNTS[which.expect("an event that is known")].fetch_add(1, Ordering::SeqCst);
        // Every tenth uses the client itself, whatever becomes of that.
        if told % 10 == 9 {
            drop(CLIENT.get().expect("it is set").command(&["GET", "inner"]));
        }
    }));
    let client = CLIENT.get_or_init(|| client.client());
    thread::scope(|scope| {
        for number in 0..6 {
            scope.spawn(move || {
                for round in 0..150 {
                    IN_A_CALL.set(true);
                    match round % 10 {
                        0 => drop(client.conn().and_then(|mut conn| conn.command(&["PING"]))),
                        1 => drop(client.command_with(&["BLPOP", "nothing", "0"], call::TIMEOUT, 4)),
                        2..6 => drop(client.command(&["GET", "some key"])),
                        _ => drop(client.command(&["RPUSH", &format!("list:{number}"), "an element of some length"])),
                    }
                    IN_A_CALL.set(false);
                }
            });
        }
    });
    let told = COUNTS.each_ref().map(|count| count.load(Ordering::SeqCst) as i64);
    let stats = [stat::CONNECTIONS_CREATED, stat::CONNECTIONS_LOST, stat::RETRIES, stat::WAITS_TIMED_OUT];
    assert_eq!(told, stats.map(|stat| client.stat(stat)), "connected, lost, retry, busy");
    assert!(told.iter().all(|count| *count > 0), "{told:?}");
    assert_eq!((client.stat(stat::CONNECTIONS_IN_USE), client.stat(stat::WAITING)), (0, 0));
}

#[test]
fn a_client_that_brings_nothing_has_what_its_pool_was_made_with() {
    let (server, diary) = (Server::start(&[]), Diary::default());
    let options = Options::at(&server.url()).int(option::COMMAND_TIMEOUT_MS, 700).int(option::RETRY_MAX, 0);
    let pool = options.on_event(diary.keeper()).pool();
    let (one, other) = (pool.client(None).expect("a client"), pool.client(Some(&Options::new())).expect("a client"));
    assert_eq!(one.ask(&["PING"]), "+PONG");
    assert_eq!(diary.words(), ["connected"]);
    server.ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    assert_eq!(other.ask(&["PING"]), "+PONG");
    assert_eq!(diary.words(), Vec::<String>::new(), "one that brings options has its own, and those were none");
    server.freeze(true);
    let err = one.command(&["PING"]).expect_err("it does not run");
    server.freeze(false);
    assert_eq!((err.status, err.attempts), (Status::TIMEOUT, 1), "in the pool's time: {err:?}");
    // What each counts for itself, the pool counts for all.
    assert_eq!((one.stat(stat::COMMANDS), other.stat(stat::COMMANDS), pool.stat(stat::COMMANDS)), (2, 1, 3));
    assert_eq!((one.stat(stat::TIMEOUTS), other.stat(stat::TIMEOUTS), pool.stat(stat::TIMEOUTS)), (1, 0, 1));
}
