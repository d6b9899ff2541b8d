//! A million commands in one pipeline: no deadlock however small the sockets' buffers, and no more memory than commands and
//! replies take.

mod support;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::thread;

use support::c::{Argv, Client, Options, call, option};
use support::pipeline::{Pipeline, mode};
use support::server::Server;
use support::vitals;

/// The command that is sent, again and again.
const GET: [&str; 2] = ["GET", "k"];
const MILLION: usize = 1_000_000;
const MIB: usize = 1 << 10;

#[test]
fn a_million_commands() {
    // One after the other: they look at the memory of the whole process.
    small_buffers();
    shown_one_by_one();
    a_real_server();
}

/// A server that reads no further while its own answer does not leave: with a client that only wrote, both would wait for
/// ever.
fn small_buffers() {
    let url = stubborn(b"$6\r\nabcdef\r\n", 4 << 10);
    let client = client(&url);
    let before = vitals::resident_kib();
    let mut pipeline = gets(&client, MILLION);
    let queued = vitals::resident_kib() - before;
    assert!(queued < 200 * MIB, "{queued} KiB for a million commands");
    let reply = pipeline.run_with(mode::PLAIN, call::TIMEOUT, 300_000).expect("a million replies");
    assert_eq!(reply.elements().len(), MILLION);
    assert!(reply.elements().iter().all(|element| element.text() == b"abcdef"));
    // 48 bytes for a node, 12 for its text on the wire; and what is not needed any more is given back.
    let held = vitals::resident_kib() - before;
    assert!(held < 160 * MIB, "{held} KiB for a million replies");
    drop(reply);
    let left = vitals::resident_kib().saturating_sub(before);
    assert!(left < 32 * MIB, "{left} KiB left behind");
}

/// 200 MB of replies, of which a few are held at a time.
fn shown_one_by_one() {
    const COUNT: usize = 200_000;
    let text = "x".repeat(1000);
    let url = stubborn(format!("$1000\r\n{text}\r\n").as_bytes(), 256 << 10);
    let client = client(&url);
    let mut pipeline = gets(&client, COUNT);
    let (before, mut most, mut count) = (vitals::resident_kib(), 0, 0);
    let look = |_, reply: &support::raw::Node| {
        count += 1;
        assert_eq!(reply.len, 1000);
        if count % 1000 == 0 {
            most = most.max(vitals::resident_kib());
        }
        Ok(())
    };
    pipeline.run_each(call::TIMEOUT, 300_000, Box::new(look)).expect("all of them");
    assert_eq!(count, COUNT);
    let grown = most.saturating_sub(before);
    assert!(grown < 24 * MIB, "{grown} KiB more while 200 MB of replies came by");
}

/// The same with a server that is one, and a transaction of them.
fn a_real_server() {
    let server = Server::start(&[]);
    let client = Client::at(&server.unix_url());
    for (mode, count) in [(mode::PLAIN, MILLION), (mode::ATOMIC, 200_000)] {
        client.ask(&["DEL", "n"]);
        let mut pipeline = Pipeline::of(&client);
        for _ in 0..count {
            pipeline.add(&["INCR", "n"]);
        }
        let reply = pipeline.run_with(mode, call::TIMEOUT, 300_000).expect("they run");
        assert!(reply.elements().iter().enumerate().all(|(place, element)| element.integer == place as i64 + 1));
        assert_eq!((reply.elements().len(), client.number(&["STRLEN", "n"])), (count, count.to_string().len() as i64));
    }
}

fn client(url: &str) -> Client {
    Options::at(url).int(option::PROTOCOL, 2).int(option::RETRY_MAX, 0).client()
}

fn gets(client: &Client, count: usize) -> Pipeline {
    let mut pipeline = Pipeline::of(client);
    for _ in 0..count {
        pipeline.add(&GET);
    }
    pipeline
}

/// A server of one connection that answers every GET with this, and reads nothing before all of it has left.
fn stubborn(answer: &[u8], buffer: i32) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    for name in [libc::SO_RCVBUF, libc::SO_SNDBUF] {
        let value = (&raw const buffer).cast();
        // SAFETY: the descriptor is open, and the number is of the size that is said.
        let set = unsafe { libc::setsockopt(listener.as_raw_fd(), libc::SOL_SOCKET, name, value, 4) };
        assert_eq!(set, 0, "a buffer can be small");
    }
    let port = listener.local_addr().expect("a listener has an address").port();
    let answer = answer.to_vec();
    thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a client comes");
        answer_all(stream, &answer);
    });
    format!("redis://127.0.0.1:{port}")
}

fn answer_all(mut stream: TcpStream, answer: &[u8]) {
    let mut command = [0; 64];
    // SAFETY: the words live for ever.
    let len = unsafe { Argv::of(&GET) }.encode(&mut command).expect("there is room");
    let (mut buffer, mut come) = ([0; 4096], 0);
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        let (before, now) = (come / len, (come + count) / len);
        come += count;
        if stream.write_all(&answer.repeat(now - before)).is_err() {
            return;
        }
    }
}
