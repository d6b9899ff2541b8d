//! One descriptor is all that a loop needs: what has to happen at some time is told by it, too. In loops that ask whether it is
//! readable, and in those that are told once each time it becomes so.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::RawFd;
use std::thread;
use std::time::{Duration, Instant};

use rredis::error::{Error, Outcome, Result, Status as Why};
use rredis::transport::{Deadline, wait};
use socket2::Domain;

use crate::support::c::{Options, Status, option};
use crate::support::own::{Came, NO_RETRY, Own, TIMEOUT};
use crate::support::peer::{Hello, Peer};
use crate::support::pubsub::PubSub;
use crate::support::queue::full_queue;
use crate::support::server::Server;

/// How a loop waits. Neither has a timer: where nothing is told for so long, nothing ever would be.
enum Waits {
    Poll,
    Edges(Edges),
}

const PATIENCE_MS: i32 = 40_000;

impl Waits {
    fn kinds(fd: RawFd) -> [Waits; 2] {
        [Waits::Poll, Waits::Edges(Edges::of(fd))]
    }

    fn wait(&self, fd: RawFd) {
        let told = match self {
            Waits::Poll => wait::wait(fd, true, false, Deadline::after_ms(PATIENCE_MS.into())).expect("poll").readable,
            Waits::Edges(edges) => edges.wait(PATIENCE_MS),
        };
        assert!(told, "nothing was told, and there is something to do");
    }
}

/// An epoll set that tells of a change, and not of a state.
struct Edges(RawFd);

impl Edges {
    fn of(fd: RawFd) -> Edges {
        // SAFETY: takes a flag, gives a descriptor.
        let epoll = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        let mut event = libc::epoll_event { events: (libc::EPOLLIN | libc::EPOLLET) as u32, u64: 0 };
        // SAFETY: the event outlives the call.
        assert_eq!(unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, &mut event) }, 0);
        Edges(epoll)
    }

    fn wait(&self, timeout_ms: i32) -> bool {
        let mut event = libc::epoll_event { events: 0, u64: 0 };
        // SAFETY: one event is written at most, and there is room for it.
        unsafe { libc::epoll_wait(self.0, &mut event, 1, timeout_ms) == 1 }
    }
}

impl Drop for Edges {
    fn drop(&mut self) {
        // SAFETY: the descriptor was made here, and nobody else has it.
        unsafe { libc::close(self.0) };
    }
}

/// A loop, and what has come in it.
struct Looped {
    own: Own,
    waits: Waits,
    came: Vec<Came>,
}

impl Looped {
    /// Both kinds of loop, at this place.
    fn both(url: &str) -> [Looped; 2] {
        [0, 1].map(|kind| {
            let own = Own::at(url);
            let waits = Waits::kinds(own.evented.fd()).into_iter().nth(kind).expect("there are two");
            Looped { own, waits, came: Vec::new() }
        })
    }

    /// Wait, and go round until a round brings nothing, as the header asks of a loop that is told of changes.
    fn turn(&mut self) {
        self.waits.wait(self.own.evented.fd());
        loop {
            self.own.evented.step(true).expect("a step");
            let before = self.came.len();
            while let Some(came) = self.own.try_next() {
                self.came.push(came);
            }
            if matches!(self.waits, Waits::Poll) || self.came.len() == before {
                return;
            }
        }
    }

    fn next(&mut self) -> Came {
        while self.came.is_empty() {
            self.turn();
        }
        self.came.remove(0)
    }

    fn completion(&mut self, mark: usize) -> Result<String> {
        match self.next() {
            Came::Of(of, result) if of == mark => result,
            other => panic!("{other:?} is not of {mark}"),
        }
    }

    fn failure(&mut self, mark: usize) -> Error {
        self.completion(mark).expect_err("it must fail")
    }
}

#[test]
fn a_commands_time_and_a_silent_servers() {
    let peer = Peer::tcp(Hello::Resp3, |line| {
        let hello = line.any_command()?;
        let answer = line.handshake_answer(&hello).unwrap_or_default();
        line.send(&answer)?;
        line.stall()
    });
    for mut looped in Looped::both(&format!("{}?command_timeout=300ms", peer.url())) {
        looped.own.submit(1, &["PING"]);
        looped.own.submit_with(2, &["PING"], TIMEOUT, -1);
        let error = looped.failure(1);
        assert_eq!((error.status, error.outcome), (Why::Timeout, Outcome::Unknown), "{error}");
        // It says nothing for as long again: the connection is given up.
        let error = looped.failure(2);
        assert_eq!((error.status, error.outcome), (Why::Io, Outcome::Unknown), "{error}");
    }
}

#[test]
fn a_connects_time_and_a_greetings() {
    let (listener, _waiting) = full_queue(Domain::IPV4, &SocketAddr::from(([127, 0, 0, 1], 0)).into());
    let address = listener.local_addr().expect("it has an address").as_socket().expect("of IPv4");
    let peer = Peer::tcp(Hello::Resp3, |line| line.stall());
    for url in [format!("redis://{address}"), peer.url()] {
        for mut looped in Looped::both(&format!("{url}?connect_timeout=200ms&command_timeout=-1")) {
            looped.own.submit_with(1, &["PING"], NO_RETRY, 0);
            let error = looped.failure(1);
            assert_eq!((error.status, error.outcome), (Why::Timeout, Outcome::NotSent), "{error}");
        }
    }
}

#[test]
fn the_pause_before_another_try() {
    for kind in [0, 1] {
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("an address");
        drop(free);
        let url =
            format!("redis://{address}?protocol=2&library_name=&command_timeout=-1&backoff=100ms&backoff_max=100ms");
        let mut looped = Looped::both(&url).into_iter().nth(kind).expect("there are two");
        looped.own.submit(1, &["PING"]);
        let comes = thread::spawn(move || {
            thread::sleep(Duration::from_millis(300));
            let listener = TcpListener::bind(address).expect("the port is still free");
            let (mut stream, _) = listener.accept().expect("somebody comes");
            let mut command = [0; 14];
            stream.read_exact(&mut command).expect("it asks");
            stream.write_all(b"+PONG\r\n").expect("it listens");
            stream
        });
        assert_eq!(looped.completion(1).as_deref(), Ok("#1"));
        drop(comes.join().expect("it was there"));
    }
}

#[test]
fn a_server_that_says_nothing_is_asked_and_given_up() {
    let peer = Peer::tcp(Hello::Resp3, |line| {
        loop {
            let command = line.any_command()?;
            match (&command[0][..], line.handshake_answer(&command)) {
                (b"PING", _) => line.mark(),
                (b"SUBSCRIBE", _) => line.send(b">3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n")?,
                (_, answer) => line.send(&answer.unwrap_or_default())?,
            }
        }
    });
    for (kind, mut looped) in
        Looped::both(&format!("{}?health_check=200ms&command_timeout=400ms", peer.url())).into_iter().enumerate()
    {
        looped.own.submit_with(1, &["SUBSCRIBE", "news"], TIMEOUT, 20_000);
        assert!(matches!(looped.next(), Came::Push(push) if push == ">subscribe news :1"));
        assert_eq!(looped.completion(1).as_deref(), Ok("NULL"));
        // It is asked, does not answer, and another connection takes its place.
        assert!(matches!(looped.next(), Came::Push(push) if push == ">subscribe news :1"));
        assert!(matches!(looped.next(), Came::Push(push) if push.starts_with(">gap NULL ")));
        peer.until_marks(kind + 1);
    }
}

#[test]
fn commands_submitted_while_others_are_taken() {
    const COUNT: usize = 3000;
    let server = Server::start(&[]);
    for mut looped in Looped::both(&format!("{}?command_timeout=120s", server.url())) {
        let mut sent = 0;
        let mut submit = |own: &mut Own| {
            if sent < COUNT {
                own.submit(sent, &["ECHO", &sent.to_string()]);
                sent += 1;
            }
        };
        (0..7).for_each(|_| submit(&mut looped.own));
        for count in 0..COUNT {
            assert_eq!(looped.completion(count).as_deref(), Ok(&*count.to_string()));
            submit(&mut looped.own);
        }
    }
}

#[test]
fn an_answer_and_the_end_of_the_stream_in_one_piece() {
    let peer = Peer::tcp(Hello::Resp3, |line| {
        line.command()?;
        line.command()?;
        line.send(b"+one\r\n")
    });
    for mut looped in Looped::both(&format!("{}?command_timeout=-1", peer.url())) {
        looped.own.submit(1, &["GET", "one"]);
        looped.own.submit(2, &["GET", "two"]);
        looped.turn();
        thread::sleep(Duration::from_millis(50));
        assert_eq!(looped.completion(1).as_deref(), Ok("one"));
        assert_eq!(looped.failure(2).status, Why::Io);
    }
}

/// A timer that is set runs out once, at the most, where there is nothing left to wait for.
#[test]
fn a_loop_with_nothing_to_do_sleeps() {
    let server = Server::start(&[]);
    let mut own = Own::at(&format!("{}?command_timeout=200ms", server.url()));
    for round in 0..20 {
        own.submit(round, &["ECHO", "x"]);
        own.expect(round, "x");
    }
    let (end, mut wakes) = (Instant::now() + Duration::from_millis(1500), 0);
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        wakes += u32::from(own.turn_within(left));
        assert!(own.try_next().is_none());
    }
    assert!(wakes <= 1, "{wakes} wake-ups");
}

/// What comes to a subscriber in such a loop, until it has so many.
fn messages(pubsub: &PubSub, waits: &Waits, count: usize) -> Vec<String> {
    let mut got = Vec::new();
    while got.len() < count {
        waits.wait(pubsub.fd());
        loop {
            match pubsub.next(0) {
                Ok(reply) => got.push(reply.dump()),
                Err(err) => {
                    assert_eq!(err.status, Status::AGAIN, "{err:?}");
                    break;
                }
            }
        }
    }
    got
}

#[test]
fn a_subscriber_in_either_loop() {
    let mut server = Server::start(&[]);
    for kind in [0, 1] {
        let client = Options::at(&server.url()).int(option::HEALTH_CHECK_MS, 300).int(option::BACKOFF_MS, 50).client();
        let pubsub = client.pubsub();
        let waits = Waits::kinds(pubsub.fd()).into_iter().nth(kind).expect("there are two");
        pubsub.subscribe(&["news"]);
        for round in 0..50 {
            for number in 0..round {
                assert_eq!(pubsub.publish("news", format!("{number}").as_bytes()), Ok(1));
            }
            let got = messages(&pubsub, &waits, round);
            let wanted = (0..round).map(|number| format!(r#">["message" (nil) "news" "{number}"]"#));
            assert_eq!(got, wanted.collect::<Vec<_>>());
        }
        // Frozen, it is asked, does not answer in time, and is there again later.
        let client = Options::at(&server.url()).int(option::HEALTH_CHECK_MS, 100).int(option::COMMAND_TIMEOUT_MS, 200);
        let other = client.int(option::BACKOFF_MS, 50).client().pubsub();
        let waits = Waits::kinds(other.fd()).into_iter().nth(kind).expect("there are two");
        other.subscribe(&["news"]);
        assert!(other.next(0).is_err());
        server.kill();
        thread::scope(|scope| {
            let restarted = scope.spawn(|| {
                thread::sleep(Duration::from_millis(300));
                server.restart();
            });
            let gap = messages(&other, &waits, 1);
            assert!(gap[0].starts_with(r#">["gap" (nil) "#), "{gap:?}");
            restarted.join().expect("it starts");
        });
        server.freeze(true);
        let thawed = thread::scope(|scope| {
            let thawed = scope.spawn(|| {
                thread::sleep(Duration::from_millis(1000));
                server.freeze(false);
            });
            let gap = messages(&other, &waits, 1);
            thawed.join().expect("it only sleeps");
            gap
        });
        assert!(thawed[0].starts_with(r#">["gap" (nil) "#), "{thawed:?}");
    }
}
