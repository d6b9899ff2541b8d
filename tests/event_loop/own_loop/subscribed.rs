//! Subscriptions on a connection that comes and goes: what is wanted, and what is told where it cannot be had.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rredis::client::{Client, Setup};
use rredis::error::{Error, Outcome, Status};
use rredis::stats::Stat;

use crate::support::own::{Came, Own, TIMEOUT};
use crate::support::peer::{Hello, Line, Peer};
use crate::support::server::Server;

/// The next failure that belongs to no command.
fn told(own: &mut Own) -> Error {
    loop {
        match own.next() {
            Came::Of(0, Err(error)) => return error,
            Came::Push(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn subscribed(own: &mut Own, names: &[&str]) {
    for (i, name) in names.iter().enumerate() {
        own.submit(1, &["SUBSCRIBE", name]);
        assert_eq!(own.push(), format!(">subscribe {name} :{}", i + 1));
        own.expect(1, "NULL");
    }
}

/// Publish until somebody is there, and it is heard.
fn heard(own: &mut Own, server: &Server, name: &str) {
    let end = Instant::now() + Duration::from_secs(60);
    while server.ask(&["PUBLISH", name, "x"]) != "1" {
        assert!(Instant::now() < end, "nobody listens");
        own.run_for(Duration::from_millis(5)).into_iter().for_each(drop);
    }
    while own.push() != format!(">message {name} x") {}
}

#[test]
fn one_name_that_is_refused_leaves_the_others_and_is_told() {
    let server = Server::start(&["user u on >secret ~* &a &b &c +@all"]);
    let mut own = Own::at(&server.url_of("u", "secret"));
    subscribed(&mut own, &["a", "b", "c"]);
    // Whoever may no longer hear a channel is disconnected.
    server.ask(&["ACL", "SETUSER", "u", "resetchannels", "&a", "&c"]);
    let error = told(&mut own);
    assert_eq!(error.status, Status::Server, "{error}");
    assert!(error.to_string().contains("NOPERM") && error.to_string().contains("SUBSCRIBE b"), "{error}");
    heard(&mut own, &server, "a");
    heard(&mut own, &server, "c");
    // It is wanted no more, and so is told once.
    server.ask(&["ACL", "SETUSER", "u", "allchannels"]);
    server.ask(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    assert_eq!(own.push(), ">subscribe a :1");
    assert_eq!(own.push(), ">subscribe c :2");
    assert!(own.push().starts_with(">gap"));
    heard(&mut own, &server, "a");
}

#[test]
fn a_refusal_takes_nothing_away_that_was_there() {
    let server = Server::start(&["user u on >secret ~* &a +@all"]);
    let mut own = Own::at(&server.url_of("u", "secret"));
    subscribed(&mut own, &["a"]);
    own.submit(2, &["SUBSCRIBE", "a", "b"]);
    assert_eq!(own.expect_failure(2).outcome, Outcome::Refused);
    server.ask(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    assert_eq!(own.push(), ">subscribe a :1");
    assert!(own.push().starts_with(">gap"));
    heard(&mut own, &server, "a");
}

#[test]
fn what_was_never_sent_is_not_asked_for_later() {
    let go = Arc::new(AtomicBool::new(false));
    let gate = Arc::clone(&go);
    // Takes nothing for a while, and then leaves; the next one serves.
    let peer = Peer::tcp(Hello::Resp3, move |line| {
        let hello = line.any_command()?;
        let answer = line.handshake_answer(&hello).unwrap_or_default();
        line.send(&answer)?;
        while line.number == 0 && !gate.load(Ordering::SeqCst) {
            line.wait(Duration::from_millis(5))?;
        }
        if line.number == 0 { Ok(()) } else { line.serve() }
    });
    let mut own = Own::at(&format!("{}?command_timeout=60s", peer.url()));
    own.submit(1, &["SET", "large", &"x".repeat(16 << 20)]);
    own.turn();
    while !own.run_for(Duration::from_millis(20)).is_empty() {}
    own.submit_with(2, &["SUBSCRIBE", "never"], TIMEOUT, 50);
    let error = own.expect_failure(2);
    assert_eq!((error.status, error.outcome), (Status::Timeout, Outcome::NotSent), "{error}");
    go.store(true, Ordering::SeqCst);
    assert_eq!(own.expect_failure(1).outcome, Outcome::Unknown);
    own.submit(3, &["GET", "key"]);
    assert_eq!(own.completion().0, 3);
    assert!(peer.commands(1).iter().all(|command| command[0] != b"SUBSCRIBE"));
}

#[test]
fn a_gap_is_as_long_as_nothing_was_heard() {
    let peer = Peer::tcp(Hello::Resp3, |line: &mut Line| {
        loop {
            let command = line.any_command()?;
            let answer = match line.handshake_answer(&command) {
                Some(answer) => answer,
                None => b">3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n".to_vec(),
            };
            line.send(&answer)?;
            if command[0] == b"SUBSCRIBE" && line.number == 0 {
                return line.wait(Duration::from_millis(400));
            }
        }
    });
    let mut own = Own::at(&peer.url());
    let before = Instant::now();
    own.submit(1, &["SUBSCRIBE", "news"]);
    assert_eq!(own.push(), ">subscribe news :1");
    own.expect(1, "NULL");
    assert_eq!(own.push(), ">subscribe news :1", "the gap ends when all is subscribed again");
    let gap = own.push();
    let ms: u128 = gap.rsplit_once(':').expect("it ends in a number").1.parse().expect("milliseconds");
    assert!((300..=before.elapsed().as_millis()).contains(&ms), "{gap}");
}

#[test]
fn who_listens_is_told_why_no_connection_will_come() {
    let server = Server::start(&["user u on >secret ~* &* +@all"]);
    let mut own = Own::at(&format!("{}?backoff=20ms", server.url_of("u", "secret")));
    subscribed(&mut own, &["a"]);
    server.ask(&["ACL", "SETUSER", "u", "resetpass", ">other"]);
    server.ask(&["CLIENT", "KILL", "USER", "u"]);
    for _ in 0..2 {
        assert_eq!(told(&mut own).status, Status::Auth);
    }
    // It goes on trying: what was mended by hand is heard again, behind a gap.
    server.ask(&["ACL", "SETUSER", "u", "resetpass", ">secret"]);
    loop {
        match own.next() {
            Came::Of(0, Err(error)) => assert_eq!(error.status, Status::Auth),
            Came::Push(push) if push == ">subscribe a :1" => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(own.push().starts_with(">gap"));
    heard(&mut own, &server, "a");

    // A server that became an old one: there is no hearing messages from that.
    let peer = Peer::tcp(Hello::Resp3, |line| {
        loop {
            let command = line.any_command()?;
            let answer = match (&command[0][..], line.handshake_answer(&command)) {
                (b"HELLO", _) if line.number > 0 => b"-ERR unknown command 'HELLO'\r\n".to_vec(),
                (b"SUBSCRIBE", _) => b">3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n".to_vec(),
                (_, answer) => answer.unwrap_or_default(),
            };
            line.send(&answer)?;
            if command[0] == b"SUBSCRIBE" {
                return Ok(());
            }
        }
    });
    let mut own = Own::at(&peer.url());
    own.submit(1, &["SUBSCRIBE", "news"]);
    assert_eq!(own.push(), ">subscribe news :1");
    own.expect(1, "NULL");
    assert_eq!(told(&mut own).status, Status::Unsupported);
    own.submit(2, &["PING"]);
    own.expect(2, "#1");
    assert!(own.run_for(Duration::from_millis(50)).is_empty(), "once");
}

/// The confirmation is the last that is due to the command, and cannot be taken for what it is.
#[test]
fn a_subscription_that_is_confirmed_in_resp2_completes_with_the_reason() {
    let peer = Peer::tcp(Hello::Resp3, |line| {
        loop {
            let command = line.any_command()?;
            let confirmation = b"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n";
            let answer = line.handshake_answer(&command).unwrap_or_else(|| confirmation.to_vec());
            line.send(&answer)?;
        }
    });
    let mut own = Own::at(&peer.url());
    own.submit(1, &["SUBSCRIBE", "news"]);
    let error = own.expect_failure(1);
    assert_eq!((error.status, error.outcome), (Status::Unsupported, Outcome::Ran), "{error}");
}

#[test]
fn who_is_to_be_asked_every_time_is_asked_once_a_second() {
    let peer = Peer::tcp(Hello::Resp3, |line| {
        loop {
            let command = line.any_command()?;
            let confirmation = b">3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n";
            let answer = line.handshake_answer(&command).unwrap_or_else(|| confirmation.to_vec());
            line.send(&answer)?;
        }
    });
    let mut own = Own::at(&format!("{}?health_check=0", peer.url()));
    subscribed_to_news(&mut own);
    let began = Instant::now();
    own.run_for(Duration::from_millis(700));
    let pings = peer.commands(0).iter().filter(|command| command[0] == b"PING").count();
    assert!(pings as u128 <= 1 + began.elapsed().as_millis() / 1000, "{pings}");
}

fn subscribed_to_news(own: &mut Own) {
    own.submit(1, &["SUBSCRIBE", "news"]);
    assert_eq!(own.push(), ">subscribe news :1");
    own.expect(1, "NULL");
}

#[test]
fn its_connections_and_bytes_are_counted() {
    let server = Server::start(&[]);
    let mut setup = Setup::default();
    setup.options.set_url(server.url().as_bytes()).expect("a good URL");
    let client = Client::new(&setup).expect("a client");
    let mut own = Own::on(&client);
    subscribed(&mut own, &["a"]);
    server.ask(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    assert_eq!(own.push(), ">subscribe a :1");
    drop(own);
    let stat = |stat| client.stat(stat).expect("it is counted");
    assert_eq!((stat(Stat::ConnectionsCreated), stat(Stat::ConnectionsLost), stat(Stat::ConnectionsClosed)), (2, 1, 1));
    let moved = [Stat::BytesIn, Stat::BytesOut].map(stat);
    assert!(moved.iter().all(|bytes| *bytes > 50), "{moved:?}");
}
