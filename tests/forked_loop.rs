//! A child of fork has every descriptor open that its parent had then. What the parent closes afterwards is gone for the
//! parent's loop all the same: its descriptor is readable when there is something to do, and at no other time.
//!
//! A child keeps the descriptors of the whole process, so that all of this is one test, whose parts come one after the other.

mod support;

use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::RawFd;
use std::thread;
use std::time::{Duration, Instant};

use socket2::Domain;

use support::c::{Client, Options, Status, option};
use support::child::{Child, fork};
use support::own::Own;
use support::peer::{Hello, Line, Peer};
use support::queue::full_queue;
use support::server::Server;

/// How long a child keeps what it has inherited, and how long its parent's loop is looked at.
const LIFE: Duration = Duration::from_millis(2500);
/// Wake-ups in that time that may have a reason, as a connect tried again. One without a reason comes again at once, and is
/// counted by the hundred thousand.
const WAKES_MAX: usize = 2000;

#[test]
fn what_is_closed_wakes_no_loop_though_a_child_has_it_open() {
    a_connect_that_nobody_answers("200ms");
    a_connect_that_nobody_answers("60s");
    a_greeting_that_nobody_answers(false);
    a_greeting_that_nobody_answers(true);
    a_connection_that_is_lost();
    a_subscriber_that_connects_anew(false);
    a_subscriber_that_connects_anew(true);
    a_handle_that_was_freed();
}

/// A child that has everything open that its parent has now.
fn keeper() -> Child {
    fork(|| {
        thread::sleep(LIFE);
        true
    })
}

/// How often a loop finds something to do in the child's life.
fn wakes(which: &str, own: &mut Own) -> usize {
    let child = keeper();
    let (mut wakes, end) = (0, Instant::now() + LIFE);
    while Instant::now() < end {
        while own.try_next().is_some() {}
        own.turn_within(end.saturating_duration_since(Instant::now()));
        wakes += 1;
    }
    child.end();
    assert!(wakes < WAKES_MAX, "{which}: {wakes} wake-ups");
    wakes
}

/// The connect is given up and closed, at its deadline or because it is refused, which the child's copy hears too.
fn a_connect_that_nobody_answers(connect_timeout: &str) {
    let (listener, waiting) = full_queue(Domain::IPV4, &SocketAddr::from(([127, 0, 0, 1], 0)).into());
    let address = listener.local_addr().expect("it has an address").as_socket().expect("of IPv4");
    let mut own = Own::at(&format!("redis://{address}?connect_timeout={connect_timeout}&command_timeout=60s"));
    own.submit(1, &["PING"]);
    own.turn();
    assert!(own.try_next().is_none(), "it is connecting");
    // The kernel asks again after a second, and is then refused. The child has the listener open too: closing it would not do.
    let leaves = thread::spawn(move || {
        thread::sleep(LIFE / 4);
        listener.shutdown(Shutdown::Both).expect("it listens");
        drop(waiting);
    });
    assert!(wakes("connect", &mut own) > 1, "it was tried again");
    leaves.join().expect("it only sleeps");
}

/// The peer hangs up in the midst of it, which the child's copy hears too, or never says anything.
fn a_greeting_that_nobody_answers(hangs_up: bool) {
    let peer = Peer::tcp(Hello::Resp3, move |line| not_greeted(line, hangs_up));
    let connect_timeout = if hangs_up { "60s" } else { "200ms" };
    let mut own = Own::at(&format!("{}?connect_timeout={connect_timeout}&command_timeout=60s", peer.url()));
    own.submit(1, &["PING"]);
    while peer.connections() == 0 {
        own.turn();
    }
    wakes("greeting", &mut own);
    assert!(peer.connections() > 1, "it was tried again");
}

fn not_greeted(line: &mut Line, hangs_up: bool) -> io::Result<()> {
    if hangs_up {
        thread::sleep(LIFE / 4);
        line.fin()?;
    }
    line.stall()
}

fn a_connection_that_is_lost() {
    let mut server = Server::start(&[]);
    let mut own = Own::at(&server.url());
    own.submit(1, &["PING"]);
    own.expect(1, "#1");
    server.kill();
    wakes("lost", &mut own);
    server.restart();
    own.submit(2, &["PING"]);
    own.expect(2, "#1");
}

fn a_subscriber_that_connects_anew(hangs_up: bool) {
    // The first connection is closed once it is subscribed, and none behind it is greeted.
    let peer = Peer::tcp(Hello::Resp3, move |line| {
        if line.number > 0 {
            return not_greeted(line, hangs_up);
        }
        line.command()?;
        line.send(b">3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n")
    });
    let pubsub =
        Options::at(&peer.url()).int(option::CONNECT_TIMEOUT_MS, if hangs_up { 60_000 } else { 200 }).client().pubsub();
    pubsub.subscribe(&["news"]);
    while peer.connections() < 2 {
        pubsub.is_readable(100);
        assert_eq!(pubsub.next(0).expect_err("nothing comes").status, Status::AGAIN);
    }
    let child = keeper();
    let (mut wakes, end) = (0, Instant::now() + LIFE);
    while Instant::now() < end {
        if pubsub.is_readable(50) {
            wakes += 1;
            assert_eq!(pubsub.next(0).expect_err("nothing comes").status, Status::AGAIN);
        }
    }
    child.end();
    assert!(peer.connections() > 2, "it was tried again");
    assert!(wakes < WAKES_MAX, "a subscriber: {wakes} wake-ups");
}

/// A loop that watches a handle's descriptor still, when the handle is gone.
fn a_handle_that_was_freed() {
    let server = Server::start(&[]);
    let mut own = Own::at(&server.url());
    own.submit(1, &["PING"]);
    let pubsub = Client::at(&server.url()).pubsub();
    pubsub.subscribe(&["news"]);
    pubsub.wake();
    for (which, fd) in [("an async handle", own.evented.fd()), ("a subscriber", pubsub.fd())] {
        let outer = Outer::watching(fd);
        assert!(outer.is_ready(), "{which}: there is something to do");
    }
    let loops = [Outer::watching(own.evented.fd()), Outer::watching(pubsub.fd())];
    let child = keeper();
    drop((own, pubsub));
    assert!(!loops.iter().any(Outer::is_ready), "what is freed has nothing to do");
    child.end();
}

/// A loop of the program's that is made of epoll.
struct Outer(RawFd);

impl Outer {
    fn watching(fd: RawFd) -> Outer {
        // SAFETY: takes a flag, gives a descriptor.
        let outer = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: 0 };
        // SAFETY: the event outlives the call.
        assert_eq!(unsafe { libc::epoll_ctl(outer, libc::EPOLL_CTL_ADD, fd, &mut event) }, 0);
        Outer(outer)
    }

    fn is_ready(&self) -> bool {
        let mut event = libc::epoll_event { events: 0, u64: 0 };
        // SAFETY: one event is written at most, and there is room for it.
        unsafe { libc::epoll_wait(self.0, &mut event, 1, 0) == 1 }
    }
}

impl Drop for Outer {
    fn drop(&mut self) {
        // SAFETY: the descriptor was made here, and nobody else has it.
        unsafe { libc::close(self.0) };
    }
}
