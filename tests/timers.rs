//! Time: what waits is never ended early, and hardly later than poll(2) itself would end it; a resolver that hangs holds
//! nobody up; the kernel is told when to give a silent peer up. `make timers` is the long form, on a machine left alone.

mod support;

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, SockRef};

use support::c::{Client, Options, Outcome, Status, call, option};
use support::program::{child, preload, size, watch};
use support::queue::full_queue;
use support::server::{Folder, Server};

/// Mixed lengths, in milliseconds.
const LENGTHS: [u64; 8] = [1, 2, 3, 5, 8, 13, 21, 34];
/// How much later a call may end than a bare poll(2) does, of a hundred calls all but the worst.
const WORSE_MAX: Duration = Duration::from_millis(5);
/// Later than this is late on any machine.
const SLACK: Duration = Duration::from_secs(1);

/// How often each phase is timed: RREDIS_TEST_TIMERS. Precision is looked at only then, when nothing else runs.
const TIMERS: &str = "RREDIS_TEST_TIMERS";

/// Wait for this call, which must take its time and not less: by how much it took more.
fn overshoot(phase: &str, length: Duration, call: impl FnOnce(i64)) -> Duration {
    let start = Instant::now();
    call(length.as_millis() as i64);
    let took = start.elapsed();
    assert!(took >= length, "{phase}: early, {took:?} of {length:?}");
    assert!(took < length + SLACK, "{phase}: late, {took:?} of {length:?}");
    took - length
}

#[test]
fn timeouts_are_never_early_and_hardly_late() {
    let server = Server::start(&[]);
    let patient = Options::at(&server.url()).int(option::RETRY_MAX, 0).client();
    let busy = Options::at(&server.url()).int(option::POOL_MAX, 1).client();
    let _held = busy.conn().expect("the one connection");
    let mut conn = patient.conn().expect("a connection");
    conn.send(&["SUBSCRIBE", "silence"]).expect("it can be sent");
    conn.receive(1000).expect("its confirmation");
    let (listener, _waiting) = full_queue(Domain::IPV4, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into());
    let closed = listener.local_addr().as_ref().ok().and_then(SockAddr::as_socket).expect("it has an address");

    // A millisecond may be over before the phase is reached: then it is a TIMEOUT of an earlier one.
    let fails = |client: &Client, args: &[&str], timeout_ms: i64, status: Status| {
        let err = client.command_with(args, call::TIMEOUT, timeout_ms).expect_err("there is no answer");
        assert!([status, Status::TIMEOUT].contains(&err.status), "{err:?}");
    };
    let mut phases = ["poll(2)", "read", "receive", "connect", "connect, by its option", "pool wait"]
        .map(|name| (name, Vec::<Duration>::new()));
    for round in 0..size(TIMERS).unwrap_or(24) {
        let length = Duration::from_millis(LENGTHS[round % LENGTHS.len()]);
        let url = format!("redis://{closed}?connect_timeout={}ms&retry_max=0", length.as_millis());
        let by_option = Client::at(&url);
        let by_call = Options::at(&format!("redis://{closed}")).int(option::RETRY_MAX, 0).client();
        for (name, taken) in &mut phases {
            // So that a connection rests, and what is waited for is the reply.
            assert_eq!(patient.ask(&["PING"]), "+PONG");
            taken.push(overshoot(name, length, |ms| match *name {
                // SAFETY: no descriptors at all are looked at.
                "poll(2)" => assert_eq!(unsafe { libc::poll(std::ptr::null_mut(), 0, ms as i32) }, 0),
                "read" => fails(&patient, &["BLPOP", "nothing", "0"], ms, Status::TIMEOUT),
                "receive" => assert_eq!(conn.receive(ms).expect_err("nobody speaks").status, Status::AGAIN),
                "connect" => fails(&by_call, &["PING"], ms, Status::TIMEOUT),
                "pool wait" => fails(&busy, &["PING"], ms, Status::BUSY),
                _ => fails(&by_option, &["PING"], -1, Status::TIMEOUT),
            }));
        }
    }
    let bare = p99(&mut phases[0].1);
    for (name, taken) in &mut phases {
        let (of_100, worst) = (p99(taken), taken.last().copied().unwrap_or_default());
        println!("{name}: {} timeouts, none early; over by {of_100:?} (p99), {worst:?} (worst)", taken.len());
        if size(TIMERS).is_some() {
            assert!(of_100 <= bare + WORSE_MAX, "{name}: {of_100:?}, and a bare poll(2) {bare:?}");
        }
    }
}

/// Of a hundred of these all but one are no longer.
fn p99(taken: &mut [Duration]) -> Duration {
    taken.sort();
    taken[(taken.len() * 99).div_ceil(100) - 1]
}

const PORT: &str = "RREDIS_TEST_PORT";

#[test]
fn a_resolver_that_hangs_holds_nobody_up() {
    let server = Server::start(&[]);
    let folder = Folder::new("names");
    let names = preload(folder.path(), "tests/preload/names.c");
    let mut command = child("child_with_a_resolver_that_hangs");
    let ended = watch(command.env("LD_PRELOAD", names).env(PORT, server.port().to_string()));
    assert!(ended.status.success() && ended.said.contains("1 passed"), "{}\n{}", ended.status, ended.said);
    for line in ended.said.lines().filter(|line| line.contains("over by")) {
        println!("{line}");
    }
}

#[test]
#[ignore = "it is run by the test above, with such a resolver"]
fn child_with_a_resolver_that_hangs() {
    let Ok(port) = std::env::var(PORT) else { return };
    let time = Duration::from_millis(200);
    let late = if size(TIMERS).is_some() { Duration::from_millis(50) } else { SLACK };
    // Some join a look-up that is under way.
    for name in ["one", "one", "two", "three", "four", "five", "six", "two"] {
        let options = Options::at(&format!("redis://{name}.test:{port}")).int(option::CONNECT_TIMEOUT_MS, 200);
        let client = options.int(option::RETRY_MAX, 0).client();
        let over = overshoot(name, time, |_| {
            let err = client.command(&["PING"]).expect_err("the name is never found");
            assert_eq!((err.status, err.outcome), (Status::TIMEOUT, Outcome::NOT_SENT), "{err:?}");
            assert!(err.message.contains("look-up"), "{err:?}");
        });
        println!("look-up of {name}.test: over by {over:?}");
        assert!(over <= late, "{name}: {over:?}");
    }
    // Those that hang hold up no other name; where there are too many of them, that is told, and a number is no name.
    let answers = |host: &str| assert_eq!(Client::at(&format!("redis://{host}:{port}")).ask(&["PING"]), "+PONG");
    answers("localhost");
    let fails = |host: &str, ms: i64| {
        let options = Options::at(&format!("redis://{host}:{port}")).int(option::CONNECT_TIMEOUT_MS, ms);
        options.int(option::RETRY_MAX, 0).client().command(&["PING"]).expect_err("the name is never found")
    };
    for number in 6..64 {
        assert_eq!(fails(&format!("name{number}.test"), 1).status, Status::TIMEOUT);
    }
    let err = fails("localhost", 200);
    assert_eq!((err.status, err.outcome), (Status::CONNECT, Outcome::NOT_SENT), "{err:?}");
    assert!(err.message.contains("64 other names have no answer yet: one.test, two.test, "), "{err:?}");
    answers("127.0.0.1");
    answers("127.1");
}

/// What is asked of a socket to this port that this process has open.
fn socket_to<T>(port: u16, ask: impl Fn(SockRef<'_>) -> T) -> T {
    let fds = std::fs::read_dir("/proc/self/fd").expect("Linux has it");
    let fds: Vec<i32> = fds.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    for fd in fds {
        // SAFETY: a look at a descriptor, whoever's: one that is gone, or no socket, has no peer.
        let fd = unsafe { BorrowedFd::borrow_raw(fd) };
        let socket = SockRef::from(&fd);
        if socket.peer_addr().ok().and_then(|address| address.as_socket()).is_some_and(|peer| peer.port() == port) {
            return ask(socket);
        }
    }
    panic!("no socket to port {port}");
}

#[test]
fn the_kernel_is_told_when_a_silent_peer_is_gone() {
    let told = |options: Options, server: &Server| {
        let client = options.client();
        assert_eq!(client.ask(&["PING"]), "+PONG");
        socket_to(server.port(), |socket| {
            let idle = socket.tcp_keepalive_time().expect("it says").as_secs();
            let keepalive = socket.keepalive().expect("it says");
            let user_timeout = socket.tcp_user_timeout().expect("it says").map(|time| time.as_millis());
            (keepalive.then_some(idle), user_timeout, socket.tcp_nodelay().expect("it says"))
        })
    };
    let server = Server::start(&[]);
    assert_eq!(told(Options::at(&server.url()), &server), (Some(30), Some(30_000), true));
    let server = Server::start(&[]);
    let url = format!("{}?keepalive=90s&user_timeout=1234ms", server.url());
    assert_eq!(told(Options::at(&url), &server), (Some(90), Some(1234), true));
    let server = Server::start(&[]);
    let url = format!("{}?keepalive=-1&user_timeout=-1", server.url());
    assert_eq!(told(Options::at(&url), &server), (None, None, true));
}
