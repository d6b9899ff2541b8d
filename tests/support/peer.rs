//! A peer that follows a script: it speaks the handshake and then does whatever a server should not.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::server::Folder;

/// One command, as it arrived.
pub type Command = Vec<Vec<u8>>;

/// What a peer answers to HELLO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hello {
    /// A RESP3 map.
    Resp3,
    /// That it knows no such command, as Redis before 6.
    Resp2,
}

/// A listener that plays a script on each connection, on threads that end with it.
pub struct Peer {
    place: Place,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

/// One accepted connection.
pub struct Line {
    /// The how manieth connection of its peer this is, from 0.
    pub number: usize,
    hello: Hello,
    stream: Stream,
    unread: Vec<u8>,
    shared: Arc<Shared>,
    end: Instant,
}

enum Place {
    Tcp(u16),
    Unix(Folder),
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

struct Shared {
    stopped: AtomicBool,
    connections: AtomicUsize,
    /// Those that neither side has ended.
    open: AtomicUsize,
    /// The connections before this one have ended.
    cut: AtomicUsize,
    marks: AtomicUsize,
    commands: Mutex<Vec<Vec<Command>>>,
}

/// How long a script may take in all: a test that hangs should end.
const SCRIPT_MS_MAX: u64 = 120_000;
/// How often a waiting script looks whether it should end.
const SLICE: Duration = Duration::from_millis(20);

impl Peer {
    /// Listen on a TCP port; `script` plays each connection, and an error of it (the client left) ends the connection.
    pub fn tcp(hello: Hello, script: impl Fn(&mut Line) -> io::Result<()> + Send + Sync + 'static) -> Peer {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = listener.local_addr().expect("a listener has an address").port();
        let accept = move || listener.accept().map(|(stream, _)| Stream::Tcp(stream));
        Peer::start(Place::Tcp(port), hello, accept, script)
    }

    /// The same on a Unix socket.
    pub fn unix(hello: Hello, script: impl Fn(&mut Line) -> io::Result<()> + Send + Sync + 'static) -> Peer {
        let folder = Folder::new("peer");
        let listener = UnixListener::bind(folder.path().join("s")).expect("a socket can be made");
        let accept = move || listener.accept().map(|(stream, _)| Stream::Unix(stream));
        Peer::start(Place::Unix(folder), hello, accept, script)
    }

    fn start(
        place: Place,
        hello: Hello,
        accept: impl Fn() -> io::Result<Stream> + Send + 'static,
        script: impl Fn(&mut Line) -> io::Result<()> + Send + Sync + 'static,
    ) -> Peer {
        let shared = Arc::new(Shared {
            stopped: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            cut: AtomicUsize::new(0),
            marks: AtomicUsize::new(0),
            commands: Mutex::default(),
        });
        let accepting = thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept_all(hello, &shared, accept, &script)
        });
        Peer { place, shared, accepting: Some(accepting) }
    }

    /// The URL of a client for it.
    pub fn url(&self) -> String {
        match &self.place {
            Place::Tcp(port) => format!("redis://127.0.0.1:{port}"),
            Place::Unix(folder) => format!("unix://{}", folder.path().join("s").display()),
        }
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        match &self.place {
            Place::Tcp(port) => *port,
            Place::Unix(_) => panic!("a Unix socket has no port"),
        }
    }

    /// How many connections it has accepted.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// How many of them neither side has ended.
    pub fn open(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }

    /// End every connection there is, within a moment. New ones are taken.
    pub fn cut(&self) {
        self.shared.cut.store(self.connections(), Ordering::SeqCst);
    }

    /// Keep nothing of what has arrived so far.
    pub fn forget(&self) {
        self.shared.commands.lock().expect("no script panics while it records").iter_mut().for_each(Vec::clear);
    }

    /// Wait until its scripts have come by this many marks.
    pub fn until_marks(&self, count: usize) {
        let end = Instant::now() + Duration::from_millis(SCRIPT_MS_MAX);
        while self.shared.marks.load(Ordering::SeqCst) < count {
            assert!(Instant::now() < end, "the script never came so far");
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// What arrived on connection `number`, the handshake included.
    pub fn commands(&self, number: usize) -> Vec<Command> {
        let commands = self.shared.commands.lock().expect("no script panics while it records");
        commands.get(number).cloned().unwrap_or_default()
    }

    fn wake(&self) {
        // Only to end an accept: whether it succeeds is all one.
        match &self.place {
            Place::Tcp(port) => drop(TcpStream::connect((Ipv4Addr::LOCALHOST, *port))),
            Place::Unix(folder) => drop(UnixStream::connect(PathBuf::from(folder.path()).join("s"))),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.wake();
        if let Some(accepting) = self.accepting.take() {
            let ended = accepting.join();
            assert!(ended.is_ok() || thread::panicking(), "a peer's script panicked");
        }
    }
}

fn accept_all<S>(hello: Hello, shared: &Arc<Shared>, accept: impl Fn() -> io::Result<Stream>, script: &S)
where
    S: Fn(&mut Line) -> io::Result<()> + Send + Sync + 'static,
{
    thread::scope(|scope| {
        while let Ok(stream) = accept() {
            if shared.stopped.load(Ordering::SeqCst) {
                return;
            }
            stream.prepare().expect("a socket takes a timeout");
            let number = shared.connections.fetch_add(1, Ordering::SeqCst);
            shared.commands.lock().expect("no script panics while it records").push(Vec::new());
            let end = Instant::now() + Duration::from_millis(SCRIPT_MS_MAX);
            let mut line = Line { number, hello, stream, unread: Vec::new(), shared: Arc::clone(shared), end };
            // An error is the client's leaving, which is for the test to judge from its own side.
            shared.open.fetch_add(1, Ordering::SeqCst);
            scope.spawn(move || {
                let _ = script(&mut line);
                line.shared.open.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
}

impl Hello {
    /// What a server that behaves answers to a command of the handshake. None: it is not one.
    pub fn answer(self, command: &[Vec<u8>]) -> Option<Vec<u8>> {
        let word = command.first()?.to_ascii_uppercase();
        match (word.as_slice(), self) {
            (b"HELLO", Hello::Resp3) => {
                Some(b"%3\r\n$6\r\nserver\r\n$5\r\nredis\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:7\r\n".into())
            }
            (b"HELLO", Hello::Resp2) => Some(b"-ERR unknown command 'HELLO'\r\n".into()),
            (b"AUTH" | b"SELECT" | b"CLIENT", _) => Some(b"+OK\r\n".into()),
            (b"PING", _) => Some(b"+PONG\r\n".into()),
            _ => None,
        }
    }
}

impl Line {
    /// The next command that is not of the handshake; those that are get their answer on the way.
    pub fn command(&mut self) -> io::Result<Command> {
        loop {
            let command = self.any_command()?;
            match self.handshake_answer(&command) {
                Some(answer) => self.send(&answer)?,
                None => return Ok(command),
            }
        }
    }

    /// Answer every GET with `v:` and its key, and everything else with OK, until the client leaves.
    pub fn serve(&mut self) -> io::Result<()> {
        loop {
            let command = self.command()?;
            let answer = honest(&command);
            self.send(&answer)?;
        }
    }

    /// Answer commands as a transaction's are answered, each of them in the end with 1, until the client leaves.
    pub fn serve_transaction(&mut self) -> io::Result<()> {
        loop {
            let mut count = 0;
            loop {
                match self.command()?.first().map(Vec::as_slice) {
                    Some(b"MULTI") => self.send(b"+OK\r\n")?,
                    Some(b"EXEC") => break,
                    _ => {
                        self.send(b"+QUEUED\r\n")?;
                        count += 1;
                    }
                }
            }
            self.send(format!("*{count}\r\n{}", ":1\r\n".repeat(count)).as_bytes())?;
        }
    }

    /// The next command, whatever it is, unanswered.
    pub fn any_command(&mut self) -> io::Result<Command> {
        loop {
            if let Some((command, len)) = parse(&self.unread) {
                self.unread.drain(..len);
                let mut commands = self.shared.commands.lock().expect("no script panics while it records");
                commands[self.number].push(command.clone());
                return Ok(command);
            }
            self.read_some(16 << 10)?;
        }
    }

    /// What a server that behaves answers to a command of the handshake. None: it is not one.
    pub fn handshake_answer(&self, command: &[Vec<u8>]) -> Option<Vec<u8>> {
        self.hello.answer(command)
    }

    /// Send these bytes.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            self.check()?;
            match self.stream.write(rest) {
                Ok(len) => rest = &rest[len..],
                Err(error) if is_late(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Tell the test that the script has come so far.
    pub fn mark(&self) {
        self.shared.marks.fetch_add(1, Ordering::SeqCst);
    }

    /// Send these bytes one by one, with a pause after each.
    pub fn drip(&mut self, bytes: &[u8], pause: Duration) -> io::Result<()> {
        for byte in bytes {
            self.send(&[*byte])?;
            self.wait(pause)?;
        }
        Ok(())
    }

    /// Do nothing for so long.
    pub fn wait(&mut self, time: Duration) -> io::Result<()> {
        let end = Instant::now() + time;
        while let Some(rest) = end.checked_duration_since(Instant::now()) {
            self.check()?;
            thread::sleep(rest.min(SLICE));
        }
        Ok(())
    }

    /// Neither read nor write, until the test is over.
    pub fn stall(&mut self) -> io::Result<()> {
        self.wait(Duration::from_millis(SCRIPT_MS_MAX))
    }

    /// Read one byte, then pause, until the client leaves.
    pub fn sip(&mut self, pause: Duration) -> io::Result<()> {
        loop {
            self.read_some(1)?;
            self.wait(pause)?;
        }
    }

    /// Read at least so many bytes, of which nothing more is heard. How many there were.
    pub fn some_bytes(&mut self, len: usize) -> io::Result<usize> {
        while self.unread.len() < len {
            self.read_some(len - self.unread.len())?;
        }
        Ok(std::mem::take(&mut self.unread).len())
    }

    /// Read what is there, so many bytes at most, as soon as there is anything. Nothing more is heard of it.
    pub fn some(&mut self, len_max: usize) -> io::Result<Vec<u8>> {
        if self.unread.is_empty() {
            self.read_some(len_max)?;
        }
        Ok(std::mem::take(&mut self.unread))
    }

    /// Read until the client leaves.
    pub fn until_left(&mut self) -> io::Result<()> {
        loop {
            self.read_some(16 << 10)?;
        }
    }

    /// Close for writing; the client sees the end of the stream.
    pub fn fin(&mut self) -> io::Result<()> {
        match &self.stream {
            Stream::Tcp(stream) => stream.shutdown(std::net::Shutdown::Write),
            Stream::Unix(stream) => stream.shutdown(std::net::Shutdown::Write),
        }
    }

    /// Make the close at the end of the script a reset. A Unix socket resets when what it was sent is unread, which is
    /// for the script to see to.
    pub fn rst(&mut self) -> io::Result<()> {
        let linger = libc::linger { l_onoff: 1, l_linger: 0 };
        let size = size_of::<libc::linger>() as libc::socklen_t;
        // SAFETY: the descriptor is open as long as the stream, and linger is of the size that is said.
        let set = unsafe {
            let value = (&raw const linger).cast();
            libc::setsockopt(self.stream.fd(), libc::SOL_SOCKET, libc::SO_LINGER, value, size)
        };
        if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    fn read_some(&mut self, len_max: usize) -> io::Result<()> {
        let mut buffer = vec![0; len_max];
        loop {
            self.check()?;
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(len) => {
                    self.unread.extend_from_slice(&buffer[..len]);
                    return Ok(());
                }
                Err(error) if is_late(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn check(&self) -> io::Result<()> {
        let is_cut = self.number < self.shared.cut.load(Ordering::SeqCst);
        let over = is_cut || self.shared.stopped.load(Ordering::SeqCst) || Instant::now() > self.end;
        if over { Err(ErrorKind::TimedOut.into()) } else { Ok(()) }
    }
}

impl Stream {
    fn prepare(&self) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => {
                stream.set_nodelay(true)?;
                stream.set_write_timeout(Some(SLICE))?;
                stream.set_read_timeout(Some(SLICE))
            }
            Stream::Unix(stream) => {
                stream.set_write_timeout(Some(SLICE))?;
                stream.set_read_timeout(Some(SLICE))
            }
        }
    }

    fn fd(&self) -> RawFd {
        match self {
            Stream::Tcp(stream) => stream.as_raw_fd(),
            Stream::Unix(stream) => stream.as_raw_fd(),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.read(buffer),
            Stream::Unix(stream) => stream.read(buffer),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.write(bytes),
            Stream::Unix(stream) => stream.write(bytes),
        }
    }
}

/// What an honest server answers: `v:` and the key to a GET, OK to everything else.
pub fn honest(command: &[Vec<u8>]) -> Vec<u8> {
    match command {
        [get, key] if get.eq_ignore_ascii_case(b"GET") => {
            let mut bytes = format!("${}\r\nv:", key.len() + 2).into_bytes();
            bytes.extend_from_slice(key);
            bytes.extend_from_slice(b"\r\n");
            bytes
        }
        _ => b"+OK\r\n".into(),
    }
}

fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// One whole command at the beginning of these bytes, and its length. None: there is none yet.
pub fn parse(bytes: &[u8]) -> Option<(Command, usize)> {
    let (count, mut at) = header(bytes, 0, b'*')?;
    let mut command = Command::new();
    for _ in 0..count {
        let (len, from) = header(bytes, at, b'$')?;
        command.push(bytes.get(from..from + len)?.to_vec());
        at = from + len + 2;
    }
    (at <= bytes.len()).then_some((command, at))
}

fn header(bytes: &[u8], at: usize, kind: u8) -> Option<(usize, usize)> {
    let line = bytes.get(at..)?;
    let end = line.windows(2).position(|pair| pair == b"\r\n")?;
    assert_eq!(line[0], kind, "the client sends commands as arrays of strings");
    let number = str::from_utf8(&line[1..end]).ok()?.parse().expect("the client announces numbers");
    Some((number, at + end + 2))
}
