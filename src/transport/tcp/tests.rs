//! Addresses that answer, refuse, stay silent, or turn out to be our own.

use std::net::{TcpListener, TcpStream};
use std::time::Instant;

use super::super::Connect;
use super::super::attempt::finish;
use super::super::tests::{SOCKETS, allowed, soon, tcp_endpoint};
use super::*;

/// The first of `addresses` that lets us in.
fn connect_any(addresses: &[SocketAddr], allowed_ms: i64, deadline: Deadline) -> Result<Socket> {
    let mut attempt = Attempt::to(addresses.to_vec(), &SOCKETS, allowed_ms, deadline);
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
}

#[test]
fn a_name_and_both_kinds_of_numbers_connect() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    for host in ["127.0.0.1", "localhost", "::ffff:127.0.0.1"] {
        SOCKETS.connect(&tcp_endpoint(host, port), soon()).unwrap();
    }
    if let Ok(listener) = TcpListener::bind("[::1]:0") {
        let port = listener.local_addr().unwrap().port();
        SOCKETS.connect(&tcp_endpoint("::1", port), soon()).unwrap();
    }
}

#[test]
fn a_refusal_names_the_endpoint_the_phase_and_the_reason() {
    let port = free_port();
    let error = SOCKETS.connect(&tcp_endpoint("127.0.0.1", port), soon()).map(drop).unwrap_err();
    assert_eq!((error.status, error.os_error), (Status::Connect, libc::ECONNREFUSED));
    assert_eq!(error.to_string(), format!("127.0.0.1:{port}: connect: Connection refused"));
}

#[test]
fn a_name_that_is_none_fails_in_the_look_up() {
    let error = SOCKETS.connect(&tcp_endpoint("nowhere.invalid", 1), Deadline::after_ms(2000)).map(drop).unwrap_err();
    assert!(error.to_string().starts_with("nowhere.invalid:1: look-up: "), "{error}");
    assert!(matches!(error.status, Status::Connect | Status::Timeout));
}

#[test]
fn silence_is_a_timeout_at_the_deadline_and_never_before() {
    let hole = BlackHole::new();
    let endpoint = tcp_endpoint("127.0.0.1", hole.address().port());
    for ms in [0, 1, 120] {
        let start = Instant::now();
        let error = SOCKETS.connect(&endpoint, Deadline::after_ms(ms)).map(drop).unwrap_err();
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
fn the_next_address_is_tried_when_one_is_silent() {
    let hole = BlackHole::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addresses = [hole.address(), hole.address(), listener.local_addr().unwrap()];
    let start = Instant::now();
    let socket = connect_any(&addresses, 600, Deadline::after_ms(600)).unwrap();
    assert!(start.elapsed() >= Duration::from_millis(350), "each silent one has its share");
    assert_eq!(socket.peer_addr().unwrap().as_socket(), Some(addresses[2]));
}

#[test]
fn of_several_failures_the_first_is_told_and_how_many_there_were() {
    let port = free_port();
    let addresses = [SocketAddr::from(([127, 0, 0, 1], port)), SocketAddr::from(([127, 0, 0, 2], port))];
    let error = connect_any(&addresses, -1, soon()).unwrap_err();
    assert_eq!((error.status, error.os_error), (Status::Connect, libc::ECONNREFUSED));
    assert_eq!(error.to_string(), "connect: Connection refused (2 addresses, 127.0.0.1 the first)");

    let hole = BlackHole::new();
    let error = connect_any(&[hole.address(), addresses[0]], 200, Deadline::after_ms(200)).unwrap_err();
    assert_eq!(error.status, Status::Connect);
    let (allowed_ms, text) = allowed(&error);
    assert!(allowed_ms <= 100, "half of it");
    assert_eq!(text, "connect: no answer within N ms (2 addresses, 127.0.0.1 the first)");

    let error = connect_any(&[addresses[0], hole.address()], 50, Deadline::after_ms(50)).unwrap_err();
    assert_eq!(error.status, Status::Timeout);
    assert_eq!(error.to_string(), "connect: no answer within 50 ms (2 addresses, 127.0.0.1 the first)");
    assert_eq!(connect_any(&[], -1, soon()).unwrap_err().status, Status::Connect);
}

#[test]
fn a_turn_is_a_fair_share_and_the_last_has_the_rest() {
    let deadline = Deadline::after_ms(3_000);
    assert_eq!(turn(deadline, 0), deadline);
    assert!((500..=1_000).contains(&turn(deadline, 2).remaining_ms()));
    assert!((1_000..=2_000).contains(&turn(Deadline::after_ms(i64::MAX), 1).remaining_ms()));
    assert!((1_000..=2_000).contains(&turn(Deadline::never(), 1).remaining_ms()));
    assert_eq!(turn(Deadline::never(), 0), Deadline::never());
    assert!(turn(Deadline::after_ms(0), 5).has_passed());
}

#[test]
fn a_socket_joined_to_itself_is_refused() {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.connect(&socket.local_addr().unwrap()).unwrap();
    assert_eq!(check(&socket).unwrap_err().raw_os_error(), Some(libc::ECONNREFUSED));
    let port = socket.local_addr().unwrap().as_socket().unwrap().port();
    drop(socket);
    TcpListener::bind(("127.0.0.1", port)).expect("the port is free again");
}

#[test]
fn a_connected_socket_has_its_options() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let with = |keepalive_ms, user_timeout_ms| {
        let sockets = Sockets { keepalive_ms, user_timeout_ms };
        let mut attempt = Attempt::begin("127.0.0.1", port, &sockets, soon()).unwrap();
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
