//! Addresses that answer, refuse, stay silent, or turn out to be our own.

use std::net::{TcpListener, TcpStream};
use std::time::Instant;

use super::super::Connect;
use super::super::attempt::finish;
use super::super::tests::{allowed, sockets, soon, tcp_endpoint};
use super::*;

/// The first of `addresses` that lets us in.
fn connect_any(addresses: &[SocketAddr], allowed_ms: i64, deadline: Deadline) -> Result<Socket> {
    let mut attempt = TcpAttempt::to(addresses.to_vec(), &sockets().tcp, allowed_ms, deadline);
    finish(|| attempt.go_on())
}

/// A port on which nobody listens.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A listener that lets nobody in, for its queue is full: SYNs to it are dropped.
struct BlackHole {
    listener: Socket,
    _queued: Vec<Socket>,
}

impl BlackHole {
    fn new() -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let mut queued = Vec::new();
        for _ in 0..64 {
            let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None).unwrap();
            let _in_progress = socket.connect(&listener.local_addr().unwrap());
            let connected = wait::wait(socket.as_raw_fd(), false, true, Deadline::after_ms(100)).unwrap().any();
            queued.push(socket);
            if !connected {
                return BlackHole { listener, _queued: queued };
            }
        }
        panic!("its queue does not fill");
    }

    fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap().as_socket().unwrap()
    }

    /// Let in whoever waits.
    fn open(&self) {
        self.listener.listen(64).unwrap();
    }
}

#[test]
fn a_name_and_both_kinds_of_numbers_connect() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    for host in ["127.0.0.1", "localhost", "::ffff:127.0.0.1"] {
        sockets().connect(&tcp_endpoint(host, port), soon()).unwrap();
    }
    if let Ok(listener) = TcpListener::bind("[::1]:0") {
        let port = listener.local_addr().unwrap().port();
        sockets().connect(&tcp_endpoint("::1", port), soon()).unwrap();
    }
}

#[test]
fn a_refusal_names_the_endpoint_the_phase_and_the_reason() {
    let port = free_port();
    let error = sockets().connect(&tcp_endpoint("127.0.0.1", port), soon()).map(drop).unwrap_err();
    assert_eq!((error.status, error.os_error), (Status::Connect, libc::ECONNREFUSED));
    assert_eq!(error.to_string(), format!("127.0.0.1:{port}: connect: Connection refused"));
}

#[test]
fn a_name_that_is_none_fails_in_the_look_up() {
    let error = sockets().connect(&tcp_endpoint("nowhere.invalid", 1), Deadline::after_ms(2000)).map(drop).unwrap_err();
    assert!(error.to_string().starts_with("nowhere.invalid:1: look-up: "), "{error}");
    assert!(matches!(error.status, Status::Connect | Status::Timeout));
}

#[test]
fn silence_is_a_timeout_at_the_deadline_and_never_before() {
    let hole = BlackHole::new();
    let endpoint = tcp_endpoint("127.0.0.1", hole.address().port());
    for ms in [0, 1, 120] {
        let start = Instant::now();
        let error = sockets().connect(&endpoint, Deadline::after_ms(ms)).map(drop).unwrap_err();
        assert!(start.elapsed() >= Duration::from_millis(ms as u64));
        assert_eq!(error.status, Status::Timeout);
        let (allowed_ms, text) = allowed(&error);
        assert!((0..=ms).contains(&allowed_ms));
        assert_eq!(text, format!("{endpoint}: connect: no answer within N ms"));
    }
}

#[test]
fn the_next_address_is_tried_when_one_refuses() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let addresses = [SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], port)), SocketAddr::from(([127, 0, 0, 1], port))];
    let socket = connect_any(&addresses, -1, soon()).unwrap();
    assert_eq!(socket.peer_addr().unwrap().as_socket(), Some(addresses[1]));
}

#[test]
fn a_silent_address_costs_no_more_than_the_next_ones_turn_and_that_only_once() {
    let hole = BlackHole::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addresses = [hole.address(), listener.local_addr().unwrap()];
    let sockets = sockets();
    let connect = |deadline| {
        let start = Instant::now();
        let mut attempt = TcpAttempt::to(addresses.to_vec(), &sockets.tcp, -1, deadline);
        let socket = finish(|| attempt.go_on()).unwrap();
        assert_eq!(socket.peer_addr().unwrap().as_socket(), Some(addresses[1]));
        start.elapsed()
    };
    // Whatever time there is: a share of it would be far more.
    for deadline in [soon(), Deadline::never()] {
        sockets.tcp.last.remember(hole.address());
        let took = connect(deadline);
        assert!(took >= NEXT_AFTER, "{took:?}");
        assert!(took < NEXT_AFTER * 6, "{took:?}");
    }
    // The one that let us in is asked first from now on. What is not the machine's own business takes no time at all.
    let least = (0..20).map(|_| connect(soon())).min().unwrap();
    assert!(least < NEXT_AFTER, "{least:?}");
}

/// Until all addresses are under way, of which none lets us in.
fn try_all(attempt: &mut TcpAttempt) {
    loop {
        let Step::Wait(awaited) = attempt.go_on().unwrap() else { panic!("nobody lets us in") };
        if attempt.tried == attempt.addresses.len() {
            return;
        }
        wait::wait(awaited.fd.unwrap(), awaited.read, awaited.write, awaited.until).unwrap();
    }
}

#[test]
fn an_address_that_answers_late_is_still_waited_for() {
    let (late, never) = (BlackHole::new(), BlackHole::new());
    let addresses = [late.address(), never.address(), never.address()];
    let sockets = sockets();
    let mut attempt = TcpAttempt::to(addresses.to_vec(), &sockets.tcp, -1, soon());
    // All of them have had their turn when the first opens, and its peer's kernel asks again.
    try_all(&mut attempt);
    assert_eq!(attempt.going.len(), 3, "all of them go on");
    assert_eq!(attempt.awaited().until, attempt.deadline);
    late.open();
    let socket = finish(|| attempt.go_on()).unwrap();
    assert_eq!(socket.peer_addr().unwrap().as_socket(), Some(addresses[0]));
    assert!(attempt.going.is_empty(), "the others are closed");
}

#[test]
fn one_that_fails_makes_room_for_the_next_at_once_and_the_others_go_on() {
    let hole = BlackHole::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let refuses = |last| SocketAddr::from(([127, 0, 0, last], free_port()));
    let mut addresses = vec![hole.address()];
    addresses.extend((1..=40).map(refuses));
    addresses.push(listener.local_addr().unwrap());
    let start = Instant::now();
    let socket = connect_any(&addresses, -1, soon()).unwrap();
    assert_eq!(socket.peer_addr().unwrap().as_socket(), addresses.last().copied());
    assert!(start.elapsed() < NEXT_AFTER * 10, "{:?}: forty turns would be ten seconds", start.elapsed());
}

#[test]
fn no_more_than_a_few_are_under_way_at_once() {
    let hole = BlackHole::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut addresses = vec![hole.address(); AT_ONCE_MAX + 4];
    addresses.push(listener.local_addr().unwrap());
    let mut attempt = TcpAttempt::to(addresses.clone(), &sockets().tcp, -1, Deadline::after_ms(2_000));
    let mut most = 0;
    let socket = loop {
        match attempt.go_on().unwrap() {
            Step::Done(socket) => break socket,
            Step::Wait(awaited) => {
                most = most.max(attempt.going.len());
                wait::wait(awaited.fd.unwrap(), awaited.read, awaited.write, awaited.until).unwrap();
            }
        }
    };
    assert_eq!(socket.peer_addr().unwrap().as_socket(), addresses.last().copied());
    assert_eq!(most, AT_ONCE_MAX);
}

#[test]
fn without_a_descriptor_for_several_all_of_them_are_looked_at_all_the_same() {
    let (late, never) = (BlackHole::new(), BlackHole::new());
    let addresses = [late.address(), never.address()];
    let mut attempt = TcpAttempt::to(addresses.to_vec(), &sockets().tcp, -1, soon());
    try_all(&mut attempt);
    attempt.several = None;
    assert!(attempt.awaited().until.remaining().unwrap() <= SLICE);
    late.open();
    let socket = finish(|| attempt.go_on()).unwrap();
    assert_eq!(socket.peer_addr().unwrap().as_socket(), Some(addresses[0]));
}

#[test]
fn of_several_failures_the_first_is_told_and_how_many_there_were() {
    let port = free_port();
    let addresses = [SocketAddr::from(([127, 0, 0, 1], port)), SocketAddr::from(([127, 0, 0, 2], port))];
    let error = connect_any(&addresses, -1, soon()).unwrap_err();
    assert_eq!((error.status, error.os_error), (Status::Connect, libc::ECONNREFUSED));
    assert_eq!(error.to_string(), "connect: Connection refused (2 addresses, 127.0.0.1 the first)");

    let hole = BlackHole::new();
    // As long as one of them may still answer, only the deadline ends it.
    for addresses in [[hole.address(), addresses[0]], [addresses[0], hole.address()]] {
        let error = connect_any(&addresses, 50, Deadline::after_ms(50)).unwrap_err();
        assert_eq!(error.status, Status::Timeout);
        assert_eq!(error.to_string(), "connect: no answer within 50 ms (2 addresses, 127.0.0.1 the first)");
    }
    assert_eq!(connect_any(&[], -1, soon()).unwrap_err().status, Status::Connect);
}

#[test]
fn a_turn_is_a_quarter_of_a_second_or_a_fair_share_of_less() {
    let next_after_ms = NEXT_AFTER.as_millis() as i64;
    for deadline in [Deadline::after_ms(60_000), Deadline::after_ms(i64::MAX), Deadline::never()] {
        assert!((1..=next_after_ms).contains(&turn(deadline, 1).remaining_ms()));
    }
    assert!((1..=200).contains(&turn(Deadline::after_ms(600), 2).remaining_ms()));
    assert!(turn(Deadline::after_ms(0), 5).has_passed());
}

#[test]
fn a_socket_joined_to_itself_is_refused() {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.connect(&socket.local_addr().unwrap()).unwrap();
    assert_eq!(refuse_itself(&socket).unwrap_err().raw_os_error(), Some(libc::ECONNREFUSED));
    let port = socket.local_addr().unwrap().as_socket().unwrap().port();
    drop(socket);
    TcpListener::bind(("127.0.0.1", port)).expect("the port is free again");
}

#[test]
fn a_connected_socket_has_its_options() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let with = |keepalive_ms, user_timeout_ms| {
        let sockets = super::super::Sockets::new(keepalive_ms, user_timeout_ms);
        let mut attempt = TcpAttempt::begin("127.0.0.1", port, &sockets.tcp, soon());
        finish(|| attempt.go_on()).unwrap()
    };
    let socket = with(30_000, 25_000);
    assert!(socket.tcp_nodelay().unwrap());
    assert!(socket.keepalive().unwrap());
    assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(30));
    assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(5));
    assert_eq!(socket.tcp_keepalive_retries().unwrap(), 3);
    assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_secs(25)));

    let socket = with(0, 0);
    assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(1));
    assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(1));
    assert_eq!(socket.tcp_user_timeout().unwrap(), None);

    assert!(!with(-1, -1).keepalive().unwrap());

    let socket = with(i64::MAX, i64::MAX);
    assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(32_767));
    assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_millis(i32::MAX as u64)));
}

#[test]
fn a_listener_that_resets_at_once_was_still_connected_to() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = connect_any(&[listener.local_addr().unwrap()], -1, soon()).unwrap();
    let theirs: TcpStream = listener.accept().unwrap().0;
    assert_eq!(theirs.peer_addr().unwrap(), socket.local_addr().unwrap().as_socket().unwrap());
}
