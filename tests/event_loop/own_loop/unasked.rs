//! What a server sends that nobody had asked for: never an answer, never a reason to hold up the loop.

use std::time::{Duration, Instant};

use rredis::error::{Outcome, Status};
use rredis::transport::{Deadline, wait};

use crate::support::own::{Came, NO_RETRY, Own};
use crate::support::peer::{Hello, Peer};

/// Answers what it is asked, and says more behind the first answer; once, or on every connection.
fn talkative(more: &'static [u8], once: bool) -> Peer {
    Peer::tcp(Hello::Resp3, move |line| {
        let mut said = once && line.number > 0;
        loop {
            let command = line.any_command()?;
            let answer = match (&command[0][..], line.handshake_answer(&command)) {
                (b"GET", _) => [b"$4\r\n", &command[1][..4], b"\r\n"].concat(),
                (_, answer) => answer.unwrap_or_default(),
            };
            line.send(&answer)?;
            if !said && command[0] == b"PING" {
                said = true;
                line.wait(Duration::from_millis(30))?;
                line.send(more)?;
                line.mark();
            }
        }
    })
}

#[test]
fn a_reply_that_lies_there_before_a_command_is_written_is_not_its_reply() {
    for more in [&b"$4\r\nEVIL\r\n"[..], b"$4\r\nEV", b"-ERR bad\r\n", b">1\r\n+hello\r\n$4\r\nEVIL\r\n"] {
        let peer = talkative(more, true);
        let mut own = Own::at(&peer.url());
        own.submit(1, &["PING"]);
        own.expect(1, "#1");
        peer.until_marks(1);
        std::thread::sleep(Duration::from_millis(20));
        own.submit(2, &["GET", "key2"]);
        own.submit(3, &["GET", "key3"]);
        own.expect(2, "key2");
        own.expect(3, "key3");
        assert!(peer.commands(0).iter().all(|command| command[0] != b"GET"), "nothing was sent there");
    }
    // It is told to who does not want to wait for another connection.
    let peer = talkative(b"$4\r\nEVIL\r\n", false);
    let mut own = Own::at(&peer.url());
    own.submit(1, &["PING"]);
    own.expect(1, "#1");
    peer.until_marks(1);
    std::thread::sleep(Duration::from_millis(20));
    own.submit_with(2, &["GET", "key2"], NO_RETRY, 0);
    let error = own.expect_failure(2);
    assert_eq!((error.status, error.outcome), (Status::Protocol, Outcome::NotSent), "{error}");
}

#[test]
fn a_push_that_lies_there_is_only_a_push() {
    let peer = talkative(b">1\r\n+hello\r\n>2\r\n+half", false);
    let mut own = Own::at(&peer.url());
    own.submit(1, &["PING"]);
    own.expect(1, "#1");
    peer.until_marks(1);
    std::thread::sleep(Duration::from_millis(20));
    own.submit(2, &["PING"]);
    own.evented.step(false).expect("a step");
    assert_eq!(own.push(), ">hello");
    assert_eq!(peer.connections(), 1);
}

#[test]
fn a_server_that_floods_its_greeting_holds_up_no_step() {
    let peer = Peer::tcp(Hello::Resp3, |line| {
        line.any_command()?;
        let flood = b">1\r\n$5\r\nhello\r\n".repeat(20_000);
        loop {
            line.send(&flood)?;
        }
    });
    let mut own = Own::at(&format!("{}?connect_timeout=300ms&command_timeout=60s", peer.url()));
    own.submit_with(1, &["PING"], NO_RETRY, 0);
    // The flood does not end: without a bound, the first step that reads does not either.
    let began = Instant::now();
    let came = loop {
        if let Some(came) = own.try_next() {
            break came;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "it goes on for ever");
        wait::wait(own.evented.fd(), true, false, Deadline::after_ms(own.evented.deadline_ms())).expect("poll");
        own.evented.step(true).expect("a step");
    };
    let Came::Of(1, Err(error)) = came else { panic!("{came:?}") };
    assert_eq!((error.status, error.outcome), (Status::Timeout, Outcome::NotSent), "{error}");
}

#[test]
fn a_subscription_that_is_answered_with_something_else_may_have_run() {
    let peer = Peer::tcp(Hello::Resp3, |line| {
        loop {
            let command = line.any_command()?;
            let answer = line.handshake_answer(&command);
            line.send(&answer.unwrap_or_else(|| b"+OK\r\n".into()))?;
        }
    });
    let mut own = Own::at(&peer.url());
    own.submit(1, &["SUBSCRIBE", "a"]);
    let error = own.expect_failure(1);
    assert_eq!((error.status, error.outcome), (Status::Protocol, Outcome::Unknown), "{error}");
}
