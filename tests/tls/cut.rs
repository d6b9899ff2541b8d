//! TLS cut at every byte, both ways: what is said of a command is what the server saw of it. And TLS over transports of a
//! program's own.

use std::net::{Ipv4Addr, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use std::io::{ErrorKind, Read, Write};

use rredis::client::{Call, Client, Dedicated, Setup};
use rredis::error::{Error, Outcome, Result, Status};
use rredis::options::{Endpoint, Key, Options};
use rredis::transport::{Attempt, Connect, Deadline, Moved, Sockets, Transport, connected};
use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};

use crate::support::server::eventually;
use crate::tls::certificates::Authority;
use crate::tls::memory::{Cut, End, Memory};
use crate::tls::world::{PASSWORD, TlsServer};

struct World {
    root: String,
    memory: Memory,
}

impl World {
    fn new(version: &'static SupportedProtocolVersion) -> World {
        let root = Authority::new("a root");
        World { memory: Memory::new(&root.issue(&["memory.test"]), &[version]), root: root.pem() }
    }

    fn options(&self) -> Options {
        let mut options = Options::new();
        options.set_url(b"rediss://memory.test?retry_max=0").expect("a good URL");
        options.set_text(Key::TlsCaPem, self.root.as_bytes()).expect("a text");
        options
    }

    /// One command on a new connection: whether it worked, or what its error said.
    fn run(&self, memory: &Memory, options: Options, args: &[&[u8]]) -> Result<()> {
        let setup = Setup { options, transport: Some(Arc::new(memory.clone())), ..Setup::default() };
        let reply = Client::new(&setup)?.command(args, &Call::default())?;
        assert_eq!(reply.view().integer(), Some(42), "another reply than the server's");
        Ok(())
    }

    /// Cut it there, and compare what the error says with what the server saw.
    fn judge(&self, cut: Cut, end: End, options: Options, args: &[&[u8]]) -> Option<Error> {
        let memory = self.memory.cut(cut, end);
        let result = self.run(&memory, options, args);
        let ran = memory.seen().commands.iter().any(|word| word == "INCR");
        match &result {
            Ok(()) => assert!(ran, "{cut:?} {end:?}: a reply to what never came"),
            Err(error) => match error.outcome {
                Outcome::NotSent => assert!(!ran, "{cut:?} {end:?}: it ran, and {error:?}"),
                // One record is all of it or nothing, so that here even this is exact.
                Outcome::Unknown => assert!(ran || args.len() > 2, "{cut:?} {end:?}: it did not run, and {error:?}"),
                _ => panic!("{cut:?} {end:?}: {error:?}"),
            },
        }
        result.err()
    }
}

/// Bytes by which a signature may be longer the next time, at most.
const SIGNATURE_VARIES: usize = 4;
const INCR: &[&[u8]] = &[b"INCR", b"key"];

/// Cut at every byte, of the handshakes and of the conversation.
fn cut_everywhere(version: &'static SupportedProtocolVersion) {
    let world = World::new(version);
    world.run(&world.memory, world.options(), INCR).expect("uncut, it works");
    let whole = world.memory.seen();
    assert_eq!(whole.commands.last().map(String::as_str), Some("INCR"));
    let (mut cuts, mut fine) = (0, 0);
    for (reading, total) in [(true, whole.read), (false, whole.written)] {
        for at in 0..=total + SIGNATURE_VARIES {
            let cut = if reading { Cut::Read(at) } else { Cut::Written(at) };
            for end in [End::Fin, End::Rst] {
                cuts += 1;
                match world.judge(cut, end, world.options(), INCR) {
                    None => fine += 1,
                    Some(error) => {
                        let statuses = [Status::Connect, Status::Io, Status::Tls];
                        assert!(statuses.contains(&error.status), "{cut:?} {end:?}: {error:?}");
                    }
                }
            }
        }
    }
    println!("{cuts} cuts of {} and {} bytes, {fine} of them behind the last", whole.read, whole.written);
    assert!(fine >= 4 && fine < cuts / 4, "{fine} of {cuts}");
}

#[test]
fn cut_at_every_byte_of_tls_1_3() {
    cut_everywhere(&TLS13);
}

#[test]
fn cut_at_every_byte_of_tls_1_2() {
    cut_everywhere(&TLS12);
}

#[test]
fn a_byte_that_is_changed_on_its_way_is_no_reply() {
    for version in [&TLS12, &TLS13] {
        let world = World::new(version);
        world.run(&world.memory, world.options(), INCR).expect("untouched, it works");
        let mut fine = 0;
        let total = world.memory.seen().read;
        for at in 0..total {
            let mut options = world.options();
            // Where a length is changed, more is waited for than comes.
            options.set_int(Key::ConnectTimeoutMs, 100).expect("a number");
            options.set_int(Key::CommandTimeoutMs, 200).expect("a number");
            match world.judge(Cut::Read(at), End::Flipped, options, INCR) {
                None => fine += 1,
                Some(error) => {
                    let statuses = [Status::Connect, Status::Io, Status::Tls, Status::Timeout];
                    assert!(statuses.contains(&error.status), "{at}: {error:?}");
                }
            }
        }
        // Some bytes say nothing: the version that a record of TLS 1.3 still carries.
        println!("{fine} of {total} bytes may be anything");
        assert!(fine < total / 10, "{fine} of {total}");
    }
}

#[test]
fn stalled_at_bytes_of_every_phase() {
    let world = World::new(&TLS13);
    world.run(&world.memory, world.options(), INCR).expect("uncut, it works");
    let whole = world.memory.seen();
    // A signature is a few bytes longer or shorter each time: that far from the end, the last record is always cut.
    let points = |total: usize| (0..total - SIGNATURE_VARIES).step_by(total / 7);
    for cut in points(whole.read).map(Cut::Read).chain(points(whole.written).map(Cut::Written)) {
        let mut options = world.options();
        options.set_int(Key::ConnectTimeoutMs, 60).expect("a number");
        options.set_int(Key::CommandTimeoutMs, 120).expect("a number");
        let start = Instant::now();
        let error = world.judge(cut, End::Stall, options, INCR).expect("nothing comes");
        assert_eq!(error.status, Status::Timeout, "{cut:?}: {error:?}");
        assert!(start.elapsed() >= Duration::from_millis(60), "{cut:?} early: {error:?}");
        assert!(start.elapsed() < Duration::from_secs(5), "{cut:?} late: {error:?}");
    }
}

#[test]
fn a_command_of_many_records_is_never_called_unsent_when_it_ran() {
    let world = World::new(&TLS13);
    let large = vec![b'x'; 100_000];
    let args: &[&[u8]] = &[b"INCR", b"key", &large];
    world.run(&world.memory, world.options(), args).expect("uncut, it works");
    let whole = world.memory.seen();
    let mut unknown = 0;
    for at in (0..whole.written).step_by(997).chain(whole.written - 40..=whole.written) {
        let error = world.judge(Cut::Written(at), End::Rst, world.options(), args);
        unknown += usize::from(error.is_some_and(|error| error.outcome == Outcome::Unknown));
    }
    assert!(unknown > 80, "after its first record its fate is not known: {unknown}");
}

#[test]
fn a_record_that_leaves_while_a_reply_is_read_counts_as_sent() {
    let world = World::new(&TLS13);
    let connect = |memory: &Memory| {
        let setup = Setup { options: world.options(), transport: Some(Arc::new(memory.clone())), ..Setup::default() };
        Dedicated::new(&Client::new(&setup)?)
    };
    let mut unsent = 0;
    for piece in (22..46).step_by(4) {
        let slow = world.memory.in_pieces(piece).reluctant();
        let _uncut = connect(&slow).expect("uncut, it works");
        let greeted = slow.seen().read;
        // The reply to the first is cut, while the second is on its way.
        for at in (greeted + 12..greeted + 22).step_by(3) {
            let memory = slow.cut(Cut::Read(at), End::Rst);
            let mut conn = connect(&memory).expect("so far it is not cut");
            conn.send(INCR).expect("the first is sent");
            let Err(error) = conn.send(INCR) else { continue };
            let ran = memory.seen().commands.iter().filter(|word| *word == "INCR").count();
            match error.outcome {
                Outcome::NotSent => assert!(ran < 2, "{piece} {at}: both ran, and the second is called unsent"),
                outcome => assert_eq!((outcome, ran), (Outcome::Unknown, 2), "{piece} {at}"),
            }
            unsent += usize::from(error.outcome == Outcome::NotSent);
        }
    }
    assert!(unsent > 0);
}

#[test]
fn any_split_of_the_bytes_is_the_same_conversation() {
    for version in [&TLS12, &TLS13] {
        let world = World::new(version);
        for piece in [1, 2, 3, 5, 7, 100, 4095, 4097] {
            let memory = world.memory.in_pieces(piece);
            world.run(&memory, world.options(), INCR).unwrap_or_else(|error| panic!("{piece}: {error:?}"));
            assert_eq!(memory.seen().commands.last().map(String::as_str), Some("INCR"));
        }
    }
}

#[test]
fn keys_may_change_under_way() {
    let world = World::new(&TLS13);
    let memory = world.memory.with_new_keys();
    let setup = Setup { options: world.options(), transport: Some(Arc::new(memory.clone())), ..Setup::default() };
    let client = Client::new(&setup).expect("a client");
    for _ in 0..200 {
        client.command(INCR, &Call::default()).expect("it goes on");
    }
    assert_eq!(memory.seen().commands.iter().filter(|word| *word == "INCR").count(), 200);
}

#[test]
fn keys_that_change_for_ever_do_not_outlive_the_deadline() {
    let world = World::new(&TLS13);
    let mut options = world.options();
    options.set_int(Key::CommandTimeoutMs, 300).expect("a number");
    let start = Instant::now();
    let error = world.run(&world.memory.with_keys_for_ever(), options, INCR).expect_err("no answer comes");
    assert!([Status::Timeout, Status::Io].contains(&error.status), "{error:?}");
    assert_eq!(error.outcome, Outcome::Unknown, "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}: {error:?}", start.elapsed());
}

/// A transport with a descriptor that reads ahead: the descriptor does not show what it holds.
struct Ahead {
    stream: TcpStream,
    held: Vec<u8>,
}

struct ReadAhead(u16);

impl Connect for ReadAhead {
    fn begin(&self, _endpoint: &Endpoint, _deadline: Deadline) -> Result<Box<dyn Attempt>> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.0));
        let stream = stream.map_err(|error| Error::os(Status::Connect, "connect", &error))?;
        stream.set_nonblocking(true).expect("a socket need not block");
        Ok(connected(Box::new(Ahead { stream, held: Vec::new() })))
    }

    fn name(&self) -> &str {
        "ahead"
    }
}

impl Transport for Ahead {
    fn read(&mut self, buffer: &mut [u8], _timeout_ms: i64) -> Result<Moved> {
        if self.held.is_empty() {
            self.held.resize(65_536, 0);
            let len = match self.stream.read(&mut self.held) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.held.clear();
                    return Ok(Moved::None);
                }
                len => len.map_err(|error| Error::os(Status::Io, "read", &error))?,
            };
            self.held.truncate(len);
        }
        let len = buffer.len().min(self.held.len()).min(1000);
        buffer[..len].copy_from_slice(&self.held[..len]);
        self.held.drain(..len);
        Ok(Moved::Some(len))
    }

    fn write(&mut self, bytes: &[u8], _timeout_ms: i64) -> Result<Moved> {
        match self.stream.write(&bytes[..bytes.len().min(1000)]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Moved::None),
            len => len.map(Moved::Some).map_err(|error| Error::os(Status::Io, "write", &error)),
        }
    }

    fn fd(&self) -> Option<RawFd> {
        Some(self.stream.as_raw_fd())
    }
}

#[test]
fn a_transport_that_reads_ahead_carries_tls() {
    let server = TlsServer::start(&[]);
    let mut options = Options::new();
    options.set_url(format!("rediss://:{PASSWORD}@localhost:{}", server.port()).as_bytes()).expect("a good URL");
    options.set_text(Key::TlsCaFile, server.ca().as_bytes()).expect("a text");
    let setup = Setup { options, transport: Some(Arc::new(ReadAhead(server.port()))), ..Setup::default() };
    let client = Client::new(&setup).expect("a client");
    let value = vec![b'v'; 1 << 20];
    client.command(&[b"SET", b"key", &value], &Call::default()).expect("it is set");
    thread::sleep(Duration::from_millis(20));
    let reply = client.command(&[b"GET", b"key"], &Call::default()).expect("it is there");
    assert!(reply.text() == value);
    client.command(&[b"PING"], &Call::default()).expect("nothing was left over");
}

/// Sockets of which a write sends all that it is given, and fails then, where that is asked for.
struct Failing(Arc<AtomicBool>);

struct FailingStream(Box<dyn Transport>, Arc<AtomicBool>);

impl Connect for Failing {
    fn begin(&self, endpoint: &Endpoint, deadline: Deadline) -> Result<Box<dyn Attempt>> {
        let below = Sockets::new(-1, -1).connect(endpoint, deadline)?;
        Ok(connected(Box::new(FailingStream(below, Arc::clone(&self.0)))))
    }

    fn name(&self) -> &str {
        "failing"
    }
}

impl Transport for FailingStream {
    fn read(&mut self, buffer: &mut [u8], timeout_ms: i64) -> Result<Moved> {
        // What the server says to what was sent stays unheard.
        if self.1.load(Ordering::SeqCst) { Ok(Moved::None) } else { self.0.read(buffer, timeout_ms) }
    }

    fn write(&mut self, bytes: &[u8], timeout_ms: i64) -> Result<Moved> {
        let moved = self.0.write(bytes, timeout_ms)?;
        match self.1.load(Ordering::SeqCst) {
            true => Err(Error::new(Status::Io, "it was sent all the same")),
            false => Ok(moved),
        }
    }

    fn fd(&self) -> Option<RawFd> {
        self.0.fd()
    }

    fn may_move_and_fail(&self) -> bool {
        true
    }
}

#[test]
fn a_write_below_that_sends_and_fails_leaves_its_commands_in_doubt() {
    let server = TlsServer::start(&[]);
    let mut options = Options::new();
    options.set_url(format!("rediss://:{PASSWORD}@localhost:{}", server.port()).as_bytes()).expect("a good URL");
    options.set_text(Key::TlsCaFile, server.ca().as_bytes()).expect("a text");
    let fails = Arc::new(AtomicBool::new(false));
    let setup = Setup { options, transport: Some(Arc::new(Failing(Arc::clone(&fails)))), ..Setup::default() };
    let client = Client::new(&setup).expect("a client");
    client.command(INCR, &Call::default()).expect("it works");
    fails.store(true, Ordering::SeqCst);
    let error = client.command(INCR, &Call::default()).expect_err("it fails");
    assert_eq!((error.status, error.outcome, error.attempts), (Status::Io, Outcome::Unknown, 1), "{error:?}");
    let count = || server.server().wire_with(PASSWORD).ask(&["GET", "key"]);
    eventually("it runs", || count() == "2");
    thread::sleep(Duration::from_millis(50));
    assert_eq!(count(), "2", "and once alone");
}
