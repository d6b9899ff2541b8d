//! Where people get lost: a message says what is probably wrong, and which option mends it.

use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rredis::client::{Call, Client, Setup};
use rredis::error::{Error, Result, Status as Why};
use rredis::options::{Endpoint, Key};
use rredis::transport::{Attempt, Connect, Deadline, Moved, Transport, connected};

use crate::support::c::{Options, Outcome, Status, option};
use crate::support::peer::{Hello, Line, Peer};

/// What a client of this peer is told, whose greeting failed.
fn told(options: &Options) -> String {
    let err = options.client().command(&["PING"]).expect_err("nobody greets it");
    assert_eq!(err.outcome, Outcome::NOT_SENT, "{err:?}");
    err.message
}

fn at(peer: &Peer) -> Options {
    Options::at(&peer.url()).int(option::RETRY_MAX, 0)
}

#[test]
fn a_peer_that_closes_instead_of_answering() {
    let closing = |line: &mut Line| line.any_command().map(drop);
    let resetting = |line: &mut Line| {
        line.any_command()?;
        line.rst()
    };
    for peer in
        [Peer::tcp(Hello::Resp3, closing), Peer::tcp(Hello::Resp3, resetting), Peer::unix(Hello::Resp3, closing)]
    {
        for password in ["", "sesame"] {
            let message = told(&at(&peer).text(option::PASSWORD, password));
            let hint = "(it may know no HELLO: see protocol; or want TLS: see tls)";
            assert!(message.contains("handshake: read: ") && message.ends_with(hint), "{message}");
            assert!(
                message.contains("read: the server closed the connection (") || message.contains("reset"),
                "{message}"
            );
        }
        // What mends it is no more advised where it was done.
        let message = told(&at(&peer).text(option::PASSWORD, "sesame").int(option::PROTOCOL, 2));
        assert!(message.ends_with("(it may want TLS: see tls)"), "{message}");
    }
    // One that answers and then closes knows what it was told.
    let peer = Peer::tcp(Hello::Resp3, |line| {
        line.any_command()?;
        line.send(b"-ERR unknown command 'HELLO'\r\n")
    });
    let message = told(&at(&peer).text(option::PASSWORD, "sesame"));
    assert!(!message.contains("see "), "{message}");
}

#[test]
fn a_password_that_is_missing_or_too_much() {
    let answers = |answer: &'static [u8]| {
        Peer::tcp(Hello::Resp3, move |line| {
            loop {
                line.any_command()?;
                line.send(answer)?;
            }
        })
    };
    let peer = answers(b"-NOAUTH Authentication required.\r\n");
    assert!(told(&at(&peer)).ends_with("NOAUTH Authentication required. (to HELLO; see password)"));
    let with_one = told(&at(&peer).text(option::PASSWORD, "sesame"));
    assert!(with_one.ends_with("NOAUTH Authentication required. (to AUTH)"), "{with_one}");
    for answer in [
        &b"-ERR AUTH <password> called without any password configured for the default user. Are you sure?\r\n"[..],
        b"-ERR Client sent AUTH, but no password is set\r\n",
    ] {
        let peer = answers(answer);
        let message = told(&at(&peer).text(option::PASSWORD, "sesame").int(option::PROTOCOL, 2));
        assert!(message.ends_with("(to AUTH; it has no password: see password)"), "{message}");
    }
    let peer = answers(b"-ERR unknown command\r\n");
    let message = told(&at(&peer).int(option::PROTOCOL, 3));
    assert!(message.ends_with("ERR unknown command (to HELLO; RESP3 was demanded: see protocol)"), "{message}");
}

/// A way to connect that takes all the time there is, and ends at a peer that says nothing.
struct Slow;

struct Silent(UnixStream, #[expect(dead_code, reason = "it holds the other end open")] UnixStream);

impl Connect for Slow {
    fn begin(&self, _endpoint: &Endpoint, deadline: Deadline) -> Result<Box<dyn Attempt>> {
        thread::sleep(deadline.remaining().expect("it ends") + Duration::from_millis(1));
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        ours.set_nonblocking(true).expect("it can be set");
        Ok(connected(Box::new(Silent(ours, theirs))))
    }

    fn name(&self) -> &str {
        "slow"
    }
}

impl Transport for Silent {
    fn read(&mut self, _buffer: &mut [u8], _timeout_ms: i64) -> Result<Moved> {
        Ok(Moved::None)
    }

    fn write(&mut self, bytes: &[u8], _timeout_ms: i64) -> Result<Moved> {
        Ok(Moved::Some(bytes.len()))
    }

    fn fd(&self) -> Option<RawFd> {
        Some(self.0.as_raw_fd())
    }
}

fn by_a_slow_way(change: impl FnOnce(&mut Setup)) -> Error {
    let mut setup = Setup { transport: Some(Arc::new(Slow)), ..Setup::default() };
    for (key, value) in [(Key::ConnectTimeoutMs, 30), (Key::RetryMax, 0)] {
        setup.options.set_int(key, value).expect("a good value");
    }
    change(&mut setup);
    Client::new(&setup).expect("a client").command(&[b"PING"], &Call::default()).expect_err("it is too late")
}

#[test]
fn a_greeting_that_connecting_left_no_time_for() {
    // A machine that stands still between two lines of it makes a millisecond of nothing.
    let tried: Vec<String> = (0..20).map(|_| by_a_slow_way(|_| {}).to_string()).collect();
    assert!(tried.iter().all(|message| !message.contains("within 0 ms")), "{tried:?}");
    let wanted = "handshake: no time was left for it: what came before took all there was";
    assert!(tried.iter().any(|message| message.ends_with(wanted)), "{tried:?}");
}

#[cfg(feature = "tls")]
#[test]
fn tls_that_connecting_left_no_time_for() {
    let error = by_a_slow_way(|setup| {
        for key in [Key::Tls, Key::TlsInsecureSkipVerify] {
            setup.options.set_int(key, 1).expect("a good value");
        }
    });
    assert_eq!(error.status, Why::Timeout);
    let wanted = "tls: handshake: no time was left for it: what came before took all there was";
    assert!(error.to_string().contains(wanted), "{error}");
}

#[test]
fn a_peer_that_speaks_tls_where_none_is_asked_for() {
    let peer = Peer::tcp(Hello::Resp3, |line| {
        line.any_command()?;
        line.send(b"\x15\x03\x01\x00\x02\x02\x46")
    });
    let err = at(&peer).client().command(&["PING"]).expect_err("it speaks TLS");
    assert_eq!((err.status, err.outcome), (Status::PROTOCOL, Outcome::NOT_SENT), "{err:?}");
    let hint = "the peer speaks TLS, not RESP (is this the port for TLS? see tls, or rediss:// in a URL)";
    assert!(err.message.ends_with(hint), "{err:?}");
}
