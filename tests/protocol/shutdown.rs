//! SHUTDOWN: a server that does as it is told has no other answer than the end of the stream, and that is true; anything else is
//! an error like any other, and it is never tried again.

use std::fs;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::c::{Callback, Client, Options, Outcome, Reply, Status, Verdict, call, option};
use crate::support::own::Own;
use crate::support::peer::{Hello, Line, Peer};
use crate::support::pipeline::{Each, Pipeline, mode};
use crate::support::server::{Server, eventually, free_port};
use rredis::options::Key;

/// It has ended by itself: nobody listens, and its socket refuses.
fn has_ended(server: &Server) {
    eventually("it ends", || std::net::TcpStream::connect(("127.0.0.1", server.port())).is_err());
}

#[test]
fn the_end_of_the_stream_is_true_on_every_way_to_the_server() {
    let mut server = Server::start(&[]);
    let urls = [server.url(), server.unix_url()];
    for (url, protocol, parser) in [(0, 2, 1), (0, 3, 1), (0, 3, 2), (1, 2, 2), (1, 3, 1)] {
        let client = Options::at(&urls[url]).int(option::PROTOCOL, protocol).int(option::PARSER, parser).client();
        let told = ["shutdown", "NOSAVE"];

        assert_eq!(client.ask(&["SET", "key", "value"]), "+OK");
        assert_eq!(client.ask(&told), "#1");
        has_ended(&server);
        let err = client.command_with(&["PING"], call::NO_RETRY, 0).expect_err("nobody is there");
        assert_eq!((err.status, err.outcome), (Status::CONNECT, Outcome::NOT_SENT), "{err:?}");

        server.restart();
        for flags in [call::RAW, call::ERROR_REPLY, call::IDEMPOTENT, call::NO_RETRY, call::ALONE] {
            let reply = client.command_with(&told, flags, 0).unwrap_or_else(|err| panic!("{flags}: {err:?}"));
            assert_eq!(reply.dump(), "#1");
            has_ended(&server);
            server.restart();
        }

        let mut conn = client.conn().expect("a connection");
        assert_eq!(conn.ask(&told), "#1");
        let err = conn.command(&["PING"]).expect_err("it is over");
        assert_eq!((err.status, err.outcome), (Status::IO, Outcome::NOT_SENT), "{err:?}");
        drop(conn);

        server.restart();
        let mut conn = client.conn().expect("a connection");
        conn.send(&told).expect("it is sent");
        assert_eq!(conn.receive(20_000).expect("the end of the stream").dump(), "#1");
        let err = conn.receive(20_000).expect_err("it is over");
        assert_eq!(err.status, Status::IO, "{err:?}");
        drop(conn);

        server.restart();
        let mut pipeline = Pipeline::of(&client);
        pipeline.add(&told);
        assert_eq!(pipeline.ask(mode::PLAIN), "[#1]");
        assert_eq!(pipeline.failed(), -1);

        server.restart();
        let mut shown = Vec::new();
        pipeline.add(&told);
        let show: Each<'_> = Box::new(|_, reply| {
            shown.push(reply.dump());
            Ok(())
        });
        pipeline.run_each(call::DEFAULT, 0, show).expect("it runs");
        assert_eq!(shown, ["#1"]);

        server.restart();
        let mut own = Own::with(&urls[url], |setup| {
            setup.options.set_int(Key::Protocol, protocol).expect("it can be set");
            setup.options.set_int(Key::Parser, parser).expect("it can be set");
        });
        // One on a connection that is there, and one that waits for its connection.
        for is_there in [true, false] {
            if is_there {
                own.submit(1, &["GET", "key"]);
                own.expect(1, "NULL");
            }
            own.submit(2, &told);
            own.expect(2, "#1");
            has_ended(&server);
            server.restart();
        }
        own.submit(3, &["GET", "key"]);
        own.expect(3, "NULL");
    }
}

#[test]
fn its_shape_and_a_callback_of_the_programs_are_applied() {
    let mut server = Server::start(&[]);
    let client = Options::new().url(&server.url()).client();
    assert_eq!(client.command(&["SHUTDOWN", "NOSAVE"]).expect("it ends").dump(), "#1");
    server.restart();
    let client = Client::at(&server.url());
    let seen: Callback = Box::new(|args, reply, _| {
        Verdict::Replace(Reply::string(format!("{} of {}", reply.dump(), args.len()).as_bytes()))
    });
    client.callback("SHUTDOWN", Some(seen), &Arc::default()).expect("it can be set");
    assert_eq!(client.command(&["SHUTDOWN", "NOSAVE"]).expect("it ends").dump(), "\"#1 of 2\"");
}

#[test]
fn what_a_server_answers_is_its_answer() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let err = client.command(&["SHUTDOWN", "ABORT"]).expect_err("nothing to abort");
    assert_eq!((err.status, err.outcome), (Status::SERVER, Outcome::REFUSED), "{err:?}");
    let err = client.command(&["SHUTDOWN", "AT ONCE"]).expect_err("no option of its");
    assert_eq!((err.status, err.outcome), (Status::SERVER, Outcome::REFUSED), "{err:?}");
    // It cannot save where a folder has the name of its file.
    fs::create_dir(server.folder().join("dump.rdb")).expect("a temporary folder can be written");
    server.ask(&["SET", "key", "value"]);
    let mut conn = client.conn().expect("a connection");
    for _ in 0..2 {
        let err = client.command(&["SHUTDOWN", "SAVE"]).expect_err("it cannot save");
        assert_eq!((err.status, err.attempts), (Status::SERVER, 1), "{err:?}");
        let err = conn.command(&["SHUTDOWN", "SAVE"]).expect_err("it cannot save");
        assert_eq!((err.status, err.outcome), (Status::SERVER, Outcome::REFUSED), "{err:?}");
    }
    let mut pipeline = Pipeline::of(&client);
    pipeline.add(&["SHUTDOWN", "SAVE"]).add(&["PING"]);
    let replies = pipeline.ask(mode::PLAIN);
    assert!(replies.starts_with("[-ERR") && replies.ends_with(" #1]"), "{replies}");
    assert_eq!(conn.ask(&["GET", "key"]), "\"value\"", "and all goes on");
}

/// A shutdown that waits for a replica that lags is aborted by somebody else.
#[test]
fn one_that_is_aborted_is_an_error() {
    let server = Server::start(&["shutdown-timeout 60"]);
    // A replica that never acknowledges anything.
    let mut replica = server.wire();
    assert_eq!(replica.ask(&["REPLCONF", "listening-port", &free_port().to_string()]), "OK");
    replica.send(&["SYNC"]);
    eventually("it is a replica", || server.ask(&["INFO", "replication"]).contains("state=online"));
    server.ask(&["SET", "key", "value"]);
    let client = Options::at(&server.url()).int(option::COMMAND_TIMEOUT_MS, 60_000).client();
    thread::scope(|scope| {
        let told = scope.spawn(|| client.command(&["SHUTDOWN", "NOSAVE"]));
        eventually("it waits", || !server.ask(&["SHUTDOWN", "ABORT"]).starts_with('-'));
        let err = told.join().expect("no panic").expect_err("it was aborted");
        assert_eq!(err.status, Status::SERVER, "{err:?}");
    });
    // On another connection: some servers answer nothing more on the one that had asked.
    assert_eq!(client.ask(&["GET", "key"]), "\"value\"");
}

/// What a peer does with a command, and what is to be told of it.
type Misdeed = fn(&mut Line) -> io::Result<()>;

#[test]
fn anything_else_is_what_it_is_for_any_command_and_is_not_tried_again() {
    let misdeeds: [(&str, Misdeed, Status, Outcome); 5] = [
        ("a reset", |line| line.rst(), Status::IO, Outcome::UNKNOWN),
        ("half a reply", |line| line.send(b"+O"), Status::IO, Outcome::UNKNOWN),
        ("half an error", |line| line.send(b"-ERR"), Status::IO, Outcome::UNKNOWN),
        ("silence", |line| line.stall(), Status::TIMEOUT, Outcome::UNKNOWN),
        ("no RESP", |line| line.send(b"?\r\n"), Status::PROTOCOL, Outcome::UNKNOWN),
    ];
    for (what, misdeed, status, outcome) in misdeeds {
        for flags in [call::DEFAULT, call::IDEMPOTENT] {
            let peer = Peer::tcp(Hello::Resp3, move |line| {
                line.command()?;
                misdeed(line)
            });
            let client =
                Options::at(&peer.url()).int(option::COMMAND_TIMEOUT_MS, 300).int(option::BACKOFF_MS, 1).client();
            let err = client.command_with(&["SHUTDOWN"], flags, 0).expect_err(what);
            assert_eq!((err.status, err.outcome, err.attempts), (status, outcome, 1), "{what}: {err:?}");
            let mut pipeline = Pipeline::of(&client);
            pipeline.add(&["SHUTDOWN"]);
            let err = pipeline.run_with(mode::PLAIN, flags, 0).expect_err(what);
            assert_eq!((err.status, err.attempts), (status, 1), "{what}: {err:?}");
            assert_eq!(peer.connections(), 2, "{what}");
        }
    }
}

#[test]
fn one_that_never_left_was_not_sent() {
    let client = Options::at(&format!("redis://127.0.0.1:{}", free_port())).int(option::BACKOFF_MS, 1).client();
    let err = client.command(&["SHUTDOWN"]).expect_err("nobody is there");
    assert_eq!((err.status, err.outcome, err.attempts), (Status::CONNECT, Outcome::NOT_SENT, 1), "{err:?}");
}

/// The end of the stream answers SHUTDOWN and nothing else, and only where it is the last.
#[test]
fn the_end_of_the_stream_answers_nothing_else() {
    for commands in [
        &[&["SHUTDOWN", "ABORT"][..]] as &[&[&str]],
        &[&["FLUSHALL"]],
        &[&["SHUTDOWN"], &["GET", "key"]],
        &[&["SET", "SHUTDOWN", "NOSAVE"]],
        &[&["ECHO", "*1\r\n$8\r\nSHUTDOWN\r\n"]],
    ] {
        let count = commands.len();
        let peer = Peer::tcp(Hello::Resp3, move |line| {
            (0..count).try_for_each(|_| line.command().map(drop))?;
            line.fin()
        });
        let client = Options::at(&peer.url()).int(option::RETRY_MAX, 0).client();
        let mut pipeline = Pipeline::of(&client);
        for command in commands {
            pipeline.add(command);
        }
        let err = pipeline.run(mode::PLAIN).expect_err("it is closed");
        assert_eq!((err.status, err.outcome), (Status::IO, Outcome::UNKNOWN), "{commands:?}: {err:?}");
        if let [command] = commands {
            let err = client.command(command).expect_err("it is closed");
            assert_eq!((err.status, err.outcome), (Status::IO, Outcome::UNKNOWN), "{commands:?}: {err:?}");
        }
    }
    // What the peer never read it may have closed for another reason.
    let peer = Peer::tcp(Hello::Resp3, |line| {
        let hello = line.any_command()?;
        let answer = line.handshake_answer(&hello).unwrap_or_default();
        line.send(&answer)?;
        line.some(1)?;
        line.fin()?;
        line.stall()
    });
    let client = Options::at(&peer.url()).int(option::RETRY_MAX, 0).client();
    let begin = Instant::now();
    let large = vec![b'x'; 64 << 20];
    let err = client.command(&[b"SHUTDOWN".as_slice(), &large]).expect_err("it is closed before it is all there");
    assert_eq!((err.status, err.outcome), (Status::IO, Outcome::UNKNOWN), "{err:?}");
    assert!(begin.elapsed() < Duration::from_secs(20));
}
