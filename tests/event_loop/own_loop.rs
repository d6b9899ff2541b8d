//! One connection driven by a loop of the caller's own: over every transport and both protocols, through every kind of weather.
//! Every command that was accepted completes exactly once, with its own reply or with what became of it.

mod cut;
mod resp2;
mod rounds;
mod subscribed;
mod unasked;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rredis::client::{Callback, Client, Evented, Listen, Setup};
use rredis::error::{Error, Instead, Outcome, Result, Status};
use rredis::reply::Reply;

use crate::support::child;
use crate::support::own::{Came, ERROR_REPLY, IDEMPOTENT, NO_RETRY, Own, RAW, TIMEOUT};
use crate::support::peer::{Hello, Peer};
use crate::support::server::{Server, eventually};

/// Every way to a server that needs no certificate, in both protocols.
fn everywhere(server: &Server) -> Vec<String> {
    let urls = [server.url(), server.unix_url()];
    urls.iter().flat_map(|url| [2, 3].map(|protocol| format!("{url}?protocol={protocol}"))).collect()
}

/// So many commands at once, each with an answer of its own; each completes once, in order.
fn many_at_once(own: &mut Own, count: usize) {
    for i in 0..count {
        own.submit(i, &["ECHO", &i.to_string()]);
    }
    for i in 0..count {
        own.expect(i, &i.to_string());
    }
    assert!(own.try_next().is_none() && own.is_quiet(), "nothing is left");
    assert_eq!(own.evented.deadline_ms(), -1, "and nothing is waited for");
}

#[test]
fn ten_thousand_commands_overlap_and_each_gets_its_own_reply() {
    let server = Server::start(&[]);
    for url in everywhere(&server) {
        let mut own = Own::at(&format!("{url}&inflight_max=10000"));
        let fd = own.evented.fd();
        many_at_once(&mut own, 10_000);
        many_at_once(&mut own, 1);
        assert_eq!(own.evented.fd(), fd);
    }
}

#[cfg(feature = "tls")]
#[test]
fn over_tls_it_is_the_same() {
    let server = crate::tls::world::TlsServer::start(&[]);
    let url =
        format!("rediss://:{}@localhost:{}?tls_ca_file={}", crate::tls::world::PASSWORD, server.port(), server.ca());
    let mut own = Own::at(&url);
    many_at_once(&mut own, 4000);
    let large = "x".repeat(300_000);
    own.submit(1, &["SET", "large", &large]);
    own.submit(2, &["GET", "large"]);
    own.expect(1, "#1");
    own.expect(2, &large);
    // Closed by the server, it is opened again behind the same descriptor.
    server.hang_up();
    own.run_for(Duration::from_millis(50));
    many_at_once(&mut own, 100);
    // A certificate that proves nothing is told to all who wait, at once.
    let mut stranger = Own::at(&format!("rediss://:{}@localhost:{}", crate::tls::world::PASSWORD, server.port()));
    stranger.submit(1, &["PING"]);
    let error = stranger.expect_failure(1);
    assert_eq!((error.status, error.outcome), (Status::Tls, Outcome::NotSent), "{error}");
}

#[test]
fn replies_that_are_left_to_be_taken_keep_the_descriptor_readable() {
    let server = Server::start(&[]);
    let mut own = Own::at(&server.url());
    for i in 0..100 {
        own.submit(i, &["ECHO", "x"]);
    }
    // All that is due has come in one read, and the socket is dry.
    own.expect(0, "x");
    thread::sleep(Duration::from_millis(50));
    for i in 1..100 {
        assert!(!own.is_quiet(), "{i}");
        own.expect(i, "x");
    }
    assert!(own.try_next().is_none() && own.is_quiet());
}

#[test]
fn what_a_server_refuses_is_an_error_of_that_command_alone() {
    let server = Server::start(&[]);
    for url in everywhere(&server) {
        let mut own = Own::at(&url);
        own.submit(1, &["SET", "text", "x"]);
        own.submit(2, &["INCR", "text"]);
        own.submit_with(3, &["INCR", "text"], ERROR_REPLY, 0);
        own.submit(4, &["EVAL", "return redis.error_reply('ERR half')", "0"]);
        own.submit(5, &["GET", "text"]);
        own.expect(1, "#1");
        let error = own.expect_failure(2);
        assert_eq!((error.status, error.outcome, error.attempts), (Status::Server, Outcome::Refused, 1));
        assert!(matches!(own.completion(), (3, Ok(text)) if text.starts_with("-ERR")));
        assert_eq!(own.expect_failure(4).outcome, Outcome::Unknown);
        own.expect(5, "x");
    }
}

#[test]
fn replies_have_the_shapes_and_the_callbacks_of_the_client() {
    struct Length;
    impl Callback for Length {
        fn call(&self, _: *mut (), args: &[&[u8]], reply: &Reply) -> Result<Option<Reply>> {
            assert_eq!(args, [b"GET".as_slice(), b"text"]);
            match reply.text() {
                b"bad" => Err(Error::new(Status::Callback, "no good")),
                text => {
                    let mut builder = rredis::reply::Builder::new();
                    builder.add_integer(rredis::reply::Kind::RREDIS_REPLY_INTEGER, text.len() as i64);
                    builder.take().map(Some)
                }
            }
        }
    }
    let server = Server::start(&[]);
    for url in everywhere(&server) {
        let mut own =
            Own::with(&url, |setup| setup.callbacks.set(b"GET", Some(Arc::new(Length))).expect("a good name"));
        own.submit(1, &["DEL", "hash"]);
        own.submit(2, &["HSET", "hash", "a", "1"]);
        own.submit(3, &["HGETALL", "hash"]);
        own.submit(4, &["SET", "text", "four"]);
        own.submit(5, &["GET", "text"]);
        own.submit_with(6, &["GET", "text"], RAW, 0);
        own.submit(7, &["SET", "text", "bad"]);
        own.submit(8, &["GET", "text"]);
        own.submit(9, &["PING"]);
        let replies: Vec<_> = (0..9).map(|_| own.completion()).collect();
        assert_eq!(replies[2].1.as_deref(), Ok("%{a 1}"), "a map in either protocol");
        assert_eq!(replies[4].1.as_deref(), Ok(":4"));
        assert_eq!(replies[5].1.as_deref(), Ok("four"));
        let error = replies[7].1.as_ref().expect_err("its callback refused");
        assert_eq!((error.status, error.outcome, error.attempts), (Status::Callback, Outcome::Ran, 1));
        assert_eq!(replies[8].1.as_deref(), Ok("#1"), "a PONG in its shape");
        own.submit(10, &["INCR", "text"]);
        let error = own.expect_failure(10);
        assert_eq!((error.status, error.outcome, error.attempts), (Status::Server, Outcome::Refused, 1));
    }
}

#[test]
fn a_command_asked_for_again_is_treated_as_one_that_was_never_asked_for() {
    struct Says;
    impl Callback for Says {
        fn call(&self, _: *mut (), _: &[&[u8]], _: &Reply) -> Result<Option<Reply>> {
            let mut builder = rredis::reply::Builder::new();
            builder.add_integer(rredis::reply::Kind::RREDIS_REPLY_INTEGER, 99);
            builder.take().map(Some)
        }
    }
    let server = Server::start(&[]);
    for (query, shaped) in [("", "#0"), ("?shape=RAW", ":0")] {
        let mut setup = Setup::default();
        setup.options.set_url(format!("{}{query}", server.url()).as_bytes()).expect("a good URL");
        let client = Client::new(&setup).expect("a client");
        let mut own = Own::on(&client);
        let mut ask = |flags: u32, reply: &str| {
            own.submit_with(1, &["PERSIST", "nothing"], flags, if flags == TIMEOUT { 60_000 } else { 0 });
            own.expect(1, reply);
        };
        for _ in 0..2 {
            ask(0, shaped);
            ask(RAW, ":0");
            ask(TIMEOUT, shaped);
        }
        let set = |callback: Option<Arc<dyn Callback>>| client.set_callback(b"PERSIST", callback).expect("a good name");
        set(Some(Arc::new(Says)));
        ask(0, ":99");
        ask(RAW, ":0");
        ask(0, ":99");
        set(None);
        ask(0, shaped);
    }
}

#[test]
fn a_late_reply_is_nobodys_and_its_neighbours_get_theirs() {
    let server = Server::start(&[]);
    for url in everywhere(&server) {
        let mut own = Own::at(&url);
        server.ask(&["DEL", "list"]);
        own.submit(1, &["ECHO", "before"]);
        own.submit_with(2, &["BLPOP", "list", "0"], TIMEOUT, 60);
        own.submit(3, &["ECHO", "behind"]);
        own.expect(1, "before");
        let error = own.expect_failure(2);
        assert_eq!((error.status, error.outcome), (Status::Timeout, Outcome::Unknown), "{error}");
        assert!(error.to_string().contains("BLPOP"), "{error}");
        own.submit(4, &["ECHO", "later"]);
        server.ask(&["RPUSH", "list", "late"]);
        own.expect(3, "behind");
        own.expect(4, "later");
        assert_eq!(server.ask(&["LLEN", "list"]), "0", "it was taken all the same");
    }
}

#[test]
fn what_could_not_be_sent_in_time_is_never_sent() {
    // A peer that takes nothing for a while: what fills the socket goes first, and the rest waits in line behind it.
    let peer = Peer::tcp(Hello::Resp3, |line| {
        let hello = line.any_command()?;
        let answer = line.handshake_answer(&hello).unwrap_or_default();
        line.send(&answer)?;
        line.wait(Duration::from_millis(600))?;
        loop {
            let command = line.any_command()?;
            line.send(if command[0] == b"SET" { b"+OK\r\n" } else { b"+HERE\r\n" })?;
        }
    });
    let mut own = Own::at(&format!("{}?command_timeout=20s", peer.url()));
    let large = "x".repeat(16 << 20);
    own.submit(1, &["SET", "large", &large]);
    own.turn();
    while !own.run_for(Duration::from_millis(20)).is_empty() {}
    own.submit_with(2, &["ECHO", "never"], TIMEOUT, 50);
    own.submit(3, &["ECHO", "still"]);
    own.submit_with(4, &["ECHO", "nor this"], TIMEOUT, 60);
    for mark in [2, 4] {
        let error = own.expect_failure(mark);
        assert_eq!((error.status, error.outcome), (Status::Timeout, Outcome::NotSent), "{error}");
    }
    own.expect(1, "#1");
    own.expect(3, "HERE");
    let echoes: Vec<_> = peer.commands(0).into_iter().filter(|command| command[0] == b"ECHO").collect();
    assert_eq!(echoes, [vec![b"ECHO".to_vec(), b"still".to_vec()]]);
}

#[test]
fn a_server_that_falls_silent_is_given_up_and_another_connection_serves() {
    let peer = Peer::tcp(Hello::Resp3, |line| match line.number {
        0 => {
            let hello = line.any_command()?;
            let answer = line.handshake_answer(&hello).unwrap_or_default();
            line.send(&answer)?;
            line.stall()
        }
        _ => line.serve(),
    });
    let mut own = Own::at(&format!("{}?command_timeout=150ms", peer.url()));
    own.submit(1, &["PING"]);
    own.submit_with(2, &["PING"], TIMEOUT, 20_000);
    let error = own.expect_failure(1);
    assert_eq!((error.status, error.outcome), (Status::Timeout, Outcome::Unknown), "{error}");
    let error = own.expect_failure(2);
    assert_eq!((error.status, error.outcome), (Status::Io, Outcome::Unknown), "{error}");
    own.submit_with(3, &["PING"], TIMEOUT, 20_000);
    assert_eq!(own.completion().0, 3);
    assert_eq!(peer.connections(), 2);
}

#[test]
fn what_waits_behind_a_command_that_may_wait_does_not_end_the_connection() {
    let server = Server::start(&[]);
    let mut own = Own::at(&format!("{}?command_timeout=80ms", server.url()));
    own.submit(1, &["BLPOP", "list", "0"]);
    own.submit(2, &["ECHO", "x"]);
    assert_eq!(own.expect_failure(2).status, Status::Timeout);
    assert!(own.run_for(Duration::from_millis(400)).is_empty());
    server.ask(&["RPUSH", "list", "here"]);
    own.expect(1, "[list here]");
    own.submit_with(3, &["ECHO", "y"], TIMEOUT, 20_000);
    own.expect(3, "y");
}

#[test]
fn a_connection_that_was_killed_is_opened_again_behind_the_same_descriptor() {
    let server = Server::start(&[]);
    for url in everywhere(&server) {
        let mut own = Own::at(&url);
        let fd = own.evented.fd();
        for round in 0..20 {
            own.submit(1, &["CLIENT", "ID"]);
            let id = own.completion().1.expect("a reply");
            own.submit(2, &["BLPOP", "list", "0"]);
            own.submit_with(3, &["INCR", "count"], IDEMPOTENT, 0);
            own.run_for(Duration::from_millis(10));
            assert_eq!(server.ask(&["CLIENT", "KILL", "ID", id.trim_start_matches(':')]), "1");
            // Neither is sent again: both may have run.
            for mark in [2, 3] {
                let error = own.expect_failure(mark);
                assert_eq!((error.status, error.outcome, error.attempts), (Status::Io, Outcome::Unknown, 1), "{error}");
            }
            own.submit(4, &["ECHO", &round.to_string()]);
            own.expect(4, &round.to_string());
            assert_eq!(own.evented.fd(), fd);
        }
    }
    assert_eq!(server.ask(&["GET", "count"]), "(nil)", "what waited behind BLPOP never ran");
}

#[test]
fn an_idle_connection_that_is_lost_is_opened_when_there_is_something_to_do() {
    let mut server = Server::start(&[]);
    let mut own = Own::at(&server.url());
    own.submit(1, &["PING"]);
    own.expect(1, "#1");
    server.kill();
    assert!(own.run_for(Duration::from_millis(100)).is_empty());
    assert_eq!(own.evented.deadline_ms(), -1, "nobody is waited for");
    assert!(own.is_quiet());
    server.restart();
    own.submit(2, &["PING"]);
    own.expect(2, "#1");
}

#[test]
fn a_server_that_is_not_there_yet_is_waited_for() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = free.local_addr().expect("an address").port();
    drop(free);
    let mut own = Own::at(&format!("redis://127.0.0.1:{port}?protocol=2&library_name=&command_timeout=30s"));
    own.submit(1, &["PING"]);
    own.submit_with(2, &["PING"], NO_RETRY, 0);
    own.submit_with(3, &["PING"], TIMEOUT, 100);
    let error = own.expect_failure(2);
    assert_eq!((error.status, error.outcome), (Status::Connect, Outcome::NotSent), "{error}");
    let error = own.expect_failure(3);
    assert_eq!((error.status, error.outcome, error.attempts), (Status::Timeout, Outcome::NotSent, 0), "{error}");
    assert!(error.to_string().contains("refused"), "it says what kept it: {error}");
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is still free");
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody comes");
        let mut said = Vec::new();
        while !said.ends_with(b"PING\r\n") {
            let mut piece = [0; 512];
            let len = stream.read(&mut piece).expect("it speaks");
            said.extend_from_slice(&piece[..len]);
        }
        stream.write_all(b"+PONG\r\n").expect("it listens");
        String::from_utf8(said).expect("text")
    });
    own.expect(1, "#1");
    assert_eq!(server.join().expect("it ended").matches("PING").count(), 1, "what was given up is not sent");
}

#[test]
fn a_wrong_password_is_told_to_all_who_wait() {
    let server = Server::start(&["requirepass secret"]);
    let mut own = Own::at(&server.url_of("", "wrong"));
    own.submit(1, &["PING"]);
    own.submit(2, &["PING"]);
    for mark in [1, 2] {
        let error = own.expect_failure(mark);
        assert_eq!((error.status, error.outcome), (Status::Auth, Outcome::NotSent), "{error}");
    }
}

#[test]
fn what_changes_the_connection_is_refused_at_once() {
    let server = Server::start(&[]);
    let mut own = Own::at(&server.url());
    for (command, instead) in [
        (&["SELECT", "1"][..], Instead::Database),
        (&["MULTI"], Instead::Transaction),
        (&["WATCH", "k"], Instead::Watch),
        (&["CLIENT", "REPLY", "OFF"], Instead::Connection),
        (&["CLIENT", "TRACKING", "ON"], Instead::Connection),
        (&["MONITOR"], Instead::Connection),
        (&["SUBSCRIBE"], Instead::Subscriber),
    ] {
        let error = own.try_submit(1, command, 0, 0).expect_err("it is refused");
        assert_eq!((error.status, error.outcome), (Status::Argument, Outcome::NotSent), "{error}");
        assert_eq!(error.instead, Some(instead), "{error}");
    }
    assert!(own.try_next().is_none() && own.is_quiet());
}

#[test]
fn what_is_under_way_is_bounded() {
    let server = Server::start(&[]);
    let mut own = Own::at(&format!("{}?inflight_max=3", server.url()));
    (0..3).for_each(|i| own.submit(i, &["PING"]));
    let error = own.try_submit(3, &["PING"], 0, 0).expect_err("it is too much");
    assert_eq!((error.status, error.outcome), (Status::Busy, Outcome::NotSent), "{error}");
    assert!(error.to_string().contains("inflight_max"), "{error}");
    own.expect(0, "#1");
    own.submit(4, &["PING"]);

    let mut own = Own::at(&format!("{}?inflight_bytes_max=1000", server.url()));
    let large = "x".repeat(5000);
    own.submit(1, &["ECHO", &large]);
    let error = own.try_submit(2, &["PING"], 0, 0).expect_err("it is too much");
    assert_eq!((error.status, error.outcome), (Status::Busy, Outcome::NotSent), "{error}");
    assert!(error.to_string().contains("inflight_bytes_max"), "{error}");
    own.expect(1, &large);
    own.submit(3, &["PING"]);
    own.expect(3, "#1");
}

#[test]
fn what_a_child_of_fork_does_leaves_its_parent_alone() {
    let server = Server::start(&[]);
    let mut own = Own::at(&server.url());
    own.submit(1, &["PING"]);
    own.expect(1, "#1");
    own.submit(2, &["ECHO", "parent"]);
    let foreign = |result: Result<()>| matches!(result, Err(error) if error.status == Status::Forked);
    let child = child::fork(|| {
        let submitted = foreign(own.try_submit(3, &["ECHO", "child"], 0, 0));
        let stepped = foreign(own.evented.step(true));
        let taken = foreign(own.evented.take_next().map(drop));
        let _ = own.evented.deadline_ms();
        let inherited =
            std::mem::replace(&mut own.evented, Evented::new(&Client::new(&Setup::default()).unwrap()).unwrap());
        drop(inherited);
        submitted && stepped && taken
    });
    child.end();
    own.expect(2, "parent");
    own.submit(4, &["PING"]);
    own.expect(4, "#1");
}

#[test]
fn messages_come_beside_replies_and_outlive_a_connection() {
    let server = Server::start(&[]);
    let mut own = Own::at(&server.url());
    own.submit(1, &["SUBSCRIBE", "a", "b"]);
    own.submit(2, &["PSUBSCRIBE", "p*"]);
    own.submit(3, &["ECHO", "between"]);
    assert_eq!(own.push(), ">subscribe a :1");
    assert_eq!(own.push(), ">subscribe b :2");
    own.expect(1, "NULL");
    assert_eq!(own.push(), ">psubscribe p* :3");
    own.expect(2, "NULL");
    own.expect(3, "between");
    own.submit(4, &["UNSUBSCRIBE", "b"]);
    assert_eq!(own.push(), ">unsubscribe b :2");
    own.expect(4, "NULL");
    for round in 0..10 {
        assert_eq!(server.ask(&["PUBLISH", "a", &format!("m{round}")]), "1");
        assert_eq!(own.push(), format!(">message a m{round}"));
        server.ask(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        server.ask(&["PUBLISH", "a", "lost"]);
        // What is wanted now is asked for again: not b. The gap is told when nothing more is missed.
        assert_eq!(own.push(), ">subscribe a :1");
        assert_eq!(own.push(), ">psubscribe p* :2");
        let gap = own.push();
        assert!(gap.starts_with(">gap NULL ") && gap.contains("closed"), "{gap}");
        own.submit(5, &["ECHO", "there"]);
        own.expect(5, "there");
    }
    own.submit(6, &["UNSUBSCRIBE"]);
    own.submit(7, &["PUNSUBSCRIBE"]);
    let mut came: Vec<_> = (0..4).map(|_| own.next()).collect();
    came.retain(|one| matches!(one, Came::Of(6 | 7, Ok(_))));
    assert_eq!(came.len(), 2);
    eventually("nobody listens", || server.ask(&["PUBSUB", "NUMPAT"]) == "0");
}

#[test]
fn subscriptions_that_a_server_refuses_are_not_asked_for_again() {
    let server = Server::start(&["user few on >secret ~* &news +@all"]);
    let mut own = Own::at(&server.url_of("few", "secret"));
    own.submit(1, &["SUBSCRIBE", "other"]);
    own.submit(2, &["SUBSCRIBE", "news"]);
    let error = own.expect_failure(1);
    assert_eq!((error.status, error.outcome), (Status::Server, Outcome::Refused), "{error}");
    assert_eq!(own.push(), ">subscribe news :1");
    own.expect(2, "NULL");
    server.ask(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    assert_eq!(own.push(), ">subscribe news :1");
    assert!(own.push().starts_with(">gap"));
}

#[test]
fn a_server_that_says_nothing_is_asked_whether_it_lives() {
    let peer = Peer::tcp(Hello::Resp3, |line| {
        loop {
            let command = line.any_command()?;
            match (&command[0][..], line.handshake_answer(&command)) {
                // The first connection is dead from here on, and nobody says so.
                (b"PING", _) if line.number == 0 => line.stall()?,
                (b"PING", _) => line.send(b"+PONG\r\n")?,
                (b"SUBSCRIBE", _) => line.send(b">3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n")?,
                (_, answer) => line.send(&answer.unwrap_or_default())?,
            }
        }
    });
    let mut own = Own::at(&format!("{}?health_check=200ms&command_timeout=1s", peer.url()));
    own.submit_with(1, &["SUBSCRIBE", "news"], TIMEOUT, 20_000);
    assert_eq!(own.push(), ">subscribe news :1");
    own.expect(1, "NULL");
    assert_eq!(own.push(), ">subscribe news :1");
    let gap = own.push();
    assert!(gap.starts_with(">gap NULL ") && gap.contains("nothing came"), "{gap}");
    // The next one lives: it is asked, answers, and nothing is seen of that. Where this machine itself stood still for longer
    // than a server may, that connection was given up too, and the one behind it lives.
    let pings = |number| peer.commands(number).iter().filter(|command| command[0] == b"PING").count();
    let asked = || (1..peer.connections()).any(|number| pings(number) >= 2);
    let end = Instant::now() + Duration::from_secs(60);
    while !asked() {
        assert!(Instant::now() < end, "it is not asked");
        let came = own.run_for(Duration::from_millis(200));
        assert!(came.is_empty() || peer.connections() > 2, "{came:?}");
    }
}

#[test]
fn in_resp2_a_subscription_is_refused_as_soon_as_that_is_known() {
    // A server that knows no HELLO: at first nobody knows that. With `protocol=2` it is another matter: resp2.rs.
    let old = Peer::tcp(Hello::Resp2, |line| line.serve());
    let mut own = Own::at(&old.url());
    own.submit(1, &["SUBSCRIBE", "a"]);
    own.submit(2, &["PING"]);
    let error = own.expect_failure(1);
    assert_eq!((error.status, error.outcome), (Status::Unsupported, Outcome::NotSent), "{error}");
    assert_eq!(own.completion().0, 2);
    assert_eq!(own.try_submit(3, &["SUBSCRIBE", "a"], 0, 0).expect_err("now it is known").status, Status::Unsupported);
}

#[test]
fn connections_that_come_and_go_are_told_to_who_listens() {
    struct Heard(std::sync::Mutex<Vec<String>>);
    impl Listen for Heard {
        fn hear(&self, reply: &Reply) {
            self.0.lock().expect("nobody panicked").push(crate::support::own::shown(reply.view()));
        }
    }
    let server = Server::start(&[]);
    let heard = Arc::new(Heard(Vec::new().into()));
    let listener = Arc::clone(&heard);
    let mut own = Own::with(&server.url(), |setup| setup.on_event = Some(listener));
    own.submit(1, &["PING"]);
    own.expect(1, "#1");
    server.ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    own.run_for(Duration::from_millis(50));
    let heard = heard.0.lock().expect("nobody panicked");
    assert_eq!(heard.len(), 2, "{heard:?}");
    assert!(heard[0].starts_with(">connected ") && heard[1].starts_with(">lost "), "{heard:?}");
}
