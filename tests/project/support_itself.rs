//! The tests' own tools: a server that dies and comes back, peers that do what their script says.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::over::Over;
use crate::support::peer::{Hello, Peer};
use crate::support::server::{Server, eventually};

#[test]
fn a_server_starts_dies_comes_back_and_leaves_nothing_behind() {
    let mut server = Server::start(&["maxclients 100"]);
    assert_eq!(server.ask(&["PING"]), "PONG");
    assert_eq!(server.ask(&["CONFIG", "GET", "maxclients"]), "maxclients\n100");
    assert!(server.info("connected_clients") >= 1);
    let mut wire = server.wire();
    assert_eq!(wire.ask(&["SET", "k", "a value\r\nof two lines"]), "OK");
    assert_eq!(wire.ask(&["GET", "k"]), "a value\r\nof two lines");
    assert!(wire.ask(&["INCR", "k"]).starts_with("-ERR"));
    eventually("one who stays is listed", || server.clients().len() == 1);
    let port = server.port();
    server.kill();
    assert_eq!(server.process(), 0);
    server.restart();
    assert_eq!(server.port(), port);
    assert_eq!(server.ask(&["GET", "absent"]), "(nil)");
    let folder = server.folder().to_owned();
    drop(server);
    assert!(!folder.exists());
}

#[test]
fn a_frozen_server_answers_when_it_thaws() {
    let server = Server::start(&[]);
    let mut wire = server.wire();
    server.freeze(true);
    wire.send(&["PING"]);
    server.freeze(false);
    assert_eq!(wire.read(), "PONG");
}

#[test]
fn a_peer_shakes_hands_answers_and_records() {
    let peer = Peer::unix(Hello::Resp3, |line| {
        let command = line.command()?;
        assert_eq!(command, [b"GET".to_vec(), b"k".to_vec()]);
        line.drip(b"$1\r\nx\r\n", Duration::from_millis(1))?;
        line.mark();
        line.serve()
    });
    let path = peer.url().replace("unix://", "");
    let mut stream = UnixStream::connect(path).expect("it listens");
    stream.write_all(b"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n").expect("it reads");
    peer.until_marks(1);
    stream.write_all(b"*2\r\n$3\r\nget\r\n$1\r\nz\r\n").expect("it reads");
    let mut text = [0; 200];
    let mut len = 0;
    while !text[..len].ends_with(b"v:z\r\n") {
        len += stream.read(&mut text[len..]).expect("it answers");
    }
    assert!(text.starts_with(b"%3\r\n"));
    assert!(text[..len].ends_with(b"$1\r\nx\r\n$3\r\nv:z\r\n"));
    assert_eq!((peer.connections(), peer.commands(0).len()), (1, 3));
}

#[test]
fn a_peer_ends_resets_and_stalls_and_the_test_ends_it() {
    let start = Instant::now();
    let peer = Peer::tcp(Hello::Resp2, |line| match line.number {
        0 => Ok(()),
        1 => line.rst(),
        _ => line.stall(),
    });
    let address = peer.url().replace("redis://", "");
    let mut byte = [0];
    let connect = || TcpStream::connect(&address).expect("it listens");
    assert_eq!(connect().read(&mut byte).expect("the end"), 0);
    assert_eq!(connect().read(&mut byte).expect_err("a reset").kind(), ErrorKind::ConnectionReset);
    let mut stalled = connect();
    stalled.set_read_timeout(Some(Duration::from_millis(50))).expect("it can be");
    assert_eq!(stalled.read(&mut byte).expect_err("nothing").kind(), ErrorKind::WouldBlock);
    drop(peer);
    assert_eq!(stalled.read(&mut byte).expect("the end, with the peer's"), 0);
    assert!(start.elapsed() < Duration::from_secs(20), "a script ends when its peer is dropped");
}

#[test]
fn what_runs_beside_a_test_ends_where_the_test_fails() {
    let (over, ended) = (AtomicBool::new(false), AtomicBool::new(false));
    let failed = catch_unwind(AssertUnwindSafe(|| {
        thread::scope(|scope| {
            let _over_at_the_end = Over(&over);
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    thread::yield_now();
                }
                ended.store(true, Ordering::SeqCst);
            });
            resume_unwind(Box::new("not told to anybody"));
        });
    }));
    assert!(failed.is_err() && ended.load(Ordering::SeqCst));
}
