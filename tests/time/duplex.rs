//! Both ways at once, and servers that are slow, or stopped: writing never waits for reading, and a deadline is the whole call's.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::support::c::{Client, Options, Outcome, Status, call, option, stat};
use crate::support::peer::{Hello, Peer};
use crate::support::server::{Folder, Server};

/// How much later than its deadline a call may return on a busy machine.
const SLACK: Duration = Duration::from_secs(1);
/// Echoes, and the bytes of each: 64 MiB.
const ECHOES: usize = 4096;
const SIZE: usize = 16 << 10;

/// A socket that listens, and whose connections hold 4 KiB in either direction.
fn narrow(domain: Domain, address: &SockAddr) -> Socket {
    let socket = Socket::new(domain, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4096).expect("it takes a size");
    socket.set_send_buffer_size(4096).expect("it takes a size");
    socket.bind(address).expect("an address");
    socket.listen(1).expect("it listens");
    socket
}

/// Answer one ECHO after the other; while an answer is not taken, nothing is read.
fn echo_until_left(reading: impl Read, mut writing: impl Write) -> std::io::Result<()> {
    let mut reading = BufReader::with_capacity(4096, reading);
    let mut line = String::new();
    loop {
        // *2 $4 ECHO $len text
        for _ in 0..4 {
            line.clear();
            if reading.read_line(&mut line)? == 0 {
                return Ok(());
            }
        }
        let len: usize = line.trim_end()[1..].parse().expect("a length");
        let mut text = vec![0; len + 2];
        reading.read_exact(&mut text)?;
        writing.write_all(line.as_bytes())?;
        writing.write_all(&text)?;
    }
}

fn burst(options: Options, echoes: usize) {
    // RESP2 begins without a word, and the peer knows no other but ECHO.
    let client = options.int(option::PROTOCOL, 2).int(option::COMMAND_TIMEOUT_MS, 60_000).client();
    let mut conn = client.conn().expect("a connection");
    let mut text = vec![b'x'; SIZE];
    for number in 0..echoes {
        text[..8].copy_from_slice(format!("{number:8}").as_bytes());
        conn.send(&[b"ECHO".as_slice(), &text]).unwrap_or_else(|err| panic!("{number}: {err:?}"));
    }
    for number in 0..echoes {
        let reply = conn.receive(60_000).unwrap_or_else(|err| panic!("{number}: {err:?}"));
        assert_eq!((reply.len, &reply.text()[..8]), (SIZE, format!("{number:8}").as_bytes()));
    }
    drop(conn);
    assert_eq!(client.stat(stat::CONNECTIONS_IDLE), 1, "every answer was taken: it may go back");
}

#[test]
fn a_burst_crosses_its_answers_over_tcp() {
    let address = std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listener = TcpListener::from(narrow(Domain::IPV4, &address.into()));
    let port = listener.local_addr().expect("it has one").port();
    let peer = thread::spawn(move || {
        let (stream, _) = listener.accept().expect("somebody comes");
        let stream: TcpStream = stream;
        echo_until_left(stream.try_clone().expect("a twin"), stream)
    });
    burst(Options::new().int(option::PORT, i64::from(port)), ECHOES);
    peer.join().expect("no panic").expect("the client left, and did not reset");
}

#[test]
fn a_burst_of_64_mib_crosses_its_answers() {
    let folder = Folder::new("duplex");
    let path = folder.path().join("s");
    let listener = UnixListener::from(narrow(Domain::UNIX, &SockAddr::unix(&path).expect("it fits")));
    let peer = thread::spawn(move || {
        let (stream, _) = listener.accept().expect("somebody comes");
        let stream: UnixStream = stream;
        echo_until_left(stream.try_clone().expect("a twin"), stream)
    });
    burst(Options::new().text(option::UNIX_PATH, &path.display().to_string()), ECHOES);
    peer.join().expect("no panic").expect("the client left, and did not reset");
}

#[test]
fn a_burst_crosses_its_answers_on_a_real_server() {
    let server = Server::start(&[]);
    burst(Options::at(&server.url()), ECHOES / 2);
}

#[test]
fn a_server_that_drips_does_not_move_the_deadline() {
    let peer = Peer::tcp(Hello::Resp3, |line| {
        line.command()?;
        let slow = b"$10000\r\n".iter().chain([b'x'; 10_000].iter()).copied().collect::<Vec<u8>>();
        line.drip(&slow, Duration::from_millis(20))
    });
    let client = Options::at(&peer.url()).int(option::RETRY_MAX, 0).client();
    for (timeout_ms, args) in [(100, ["GET", "k"]), (300, ["INCR", "k"])] {
        let begin = Instant::now();
        let err = client.command_with(&args, call::TIMEOUT, timeout_ms).expect_err("it is never whole");
        let (took, time) = (begin.elapsed(), Duration::from_millis(timeout_ms as u64));
        assert!(time <= took && took < time + SLACK, "{took:?} for {time:?}");
        assert_eq!((err.status, err.outcome), (Status::TIMEOUT, Outcome::UNKNOWN), "{err:?}");
        assert!(err.message.contains("read: "), "the phase is named: {err:?}");
    }
}

#[test]
fn a_handshake_that_drips_does_not_move_the_deadline() {
    let peer = Peer::tcp(Hello::Resp3, |line| {
        let hello = line.any_command()?;
        let answer = line.handshake_answer(&hello).expect("it is HELLO");
        line.drip(&answer, Duration::from_millis(20))?;
        line.serve()
    });
    let client = Options::at(&peer.url()).int(option::RETRY_MAX, 0).client();
    let begin = Instant::now();
    let err = client.command_with(&["INCR", "k"], call::TIMEOUT, 200).expect_err("it is never whole");
    let took = begin.elapsed();
    assert!(took >= Duration::from_millis(200) && took < Duration::from_millis(200) + SLACK, "{took:?}");
    assert_eq!((err.status, err.outcome), (Status::TIMEOUT, Outcome::NOT_SENT), "{err:?}");
    assert!(err.message.contains("handshake"), "{err:?}");
}

#[test]
fn a_stopped_server_costs_a_deadline_each_and_is_found_again_at_once() {
    const TIME: Duration = Duration::from_millis(150);
    let server = Server::start(&[]);
    let client = Options::at(&server.url()).int(option::POOL_MAX, 4).client();
    assert_eq!(client.ask(&["INCR", "k"]), ":1");
    server.freeze(true);
    // The first on the connection that rested, the others on new ones: the kernel accepts in the server's place.
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let begin = Instant::now();
                let err = client.command_with(&["INCR", "other"], call::TIMEOUT, 150).expect_err("nobody answers");
                let took = begin.elapsed();
                assert!(TIME <= took && took < TIME + SLACK, "{took:?}: {err:?}");
                assert!([Status::TIMEOUT, Status::BUSY].contains(&err.status), "{err:?}");
            });
        }
    });
    assert_eq!((client.stat(stat::CONNECTIONS_IN_USE), client.stat(stat::WAITING)), (0, 0));
    server.freeze(false);
    let begin = Instant::now();
    let answer = client.command_with(&["INCR", "k"], call::TIMEOUT, 5000).expect("it goes on");
    assert_eq!(answer.integer, 2);
    assert!(begin.elapsed() < SLACK, "{:?}", begin.elapsed());
    // What was sent while it stood still it may have run since; what was not, never.
    let other: i64 = server.ask(&["GET", "other"]).parse().unwrap_or(0);
    assert!(other <= 1, "only the connection that rested had been greeted: {other}");
}

#[test]
fn a_stopped_server_that_goes_on_in_time_is_only_slow() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    assert_eq!(client.ask(&["PING"]), "+PONG");
    server.freeze(true);
    thread::scope(|scope| {
        let waits = scope.spawn(|| client.ask(&["INCR", "k"]));
        thread::sleep(Duration::from_millis(100));
        server.freeze(false);
        assert_eq!(waits.join().expect("no panic"), ":1");
    });
    assert_eq!(client.stat(stat::CONNECTIONS_LOST), 0);
}
