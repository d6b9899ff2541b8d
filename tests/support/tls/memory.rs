//! A server that speaks TLS in memory, behind a transport of the test's own that ends at a byte of its choice.

use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use std::io::{Read, Write};

use rredis::error::{Error, Result, Status};
use rredis::options::Endpoint;
use rredis::transport::{Attempt, Connect, Deadline, Moved, Transport, connected};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, SupportedProtocolVersion};

use super::certificates::Identity;

/// Where a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    Never,
    /// After so many bytes of the server's.
    Read(usize),
    /// After so many bytes of the client's.
    Written(usize),
}

/// How it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The end of the stream is read; a write fails.
    Fin,
    /// Everything fails.
    Rst,
    /// Nothing moves any more.
    Stall,
    /// It goes on, but the byte there is another.
    Flipped,
}

/// When the server changes its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keys {
    Kept,
    /// Before each answer.
    New,
    /// Instead of an answer, as often as it is listened to.
    ForEver,
}

/// A way to connect to a server of one's own in memory. Clones look at the same servers.
#[derive(Clone)]
pub struct Memory {
    config: Arc<ServerConfig>,
    cut: Cut,
    end: End,
    /// The most that one read or write moves.
    piece: usize,
    /// Every second write takes nothing, and a read gives a few bytes.
    reluctant: bool,
    keys: Keys,
    seen: Arc<Mutex<Seen>>,
}

/// What was seen from the server's side, over all connections.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub read: usize,
    pub written: usize,
    /// The first word of every command that was opened whole.
    pub commands: Vec<String>,
}

impl Memory {
    pub fn new(identity: &Identity, versions: &[&'static SupportedProtocolVersion]) -> Memory {
        let chain = CertificateDer::pem_slice_iter(identity.chain.as_bytes()).collect::<std::result::Result<_, _>>();
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(versions)
            .expect("versions that there are")
            .with_no_client_auth()
            .with_single_cert(chain.expect("PEM"), key)
            .expect("a certificate and its key");
        let config = Arc::new(config);
        Memory {
            config,
            cut: Cut::Never,
            end: End::Fin,
            piece: usize::MAX,
            reluctant: false,
            keys: Keys::Kept,
            seen: Arc::default(),
        }
    }

    pub fn cut(&self, cut: Cut, end: End) -> Memory {
        Memory { cut, end, seen: Arc::default(), ..self.clone() }
    }

    pub fn in_pieces(&self, piece: usize) -> Memory {
        Memory { piece, seen: Arc::default(), ..self.clone() }
    }

    pub fn reluctant(&self) -> Memory {
        Memory { reluctant: true, seen: Arc::default(), ..self.clone() }
    }

    pub fn with_new_keys(&self) -> Memory {
        Memory { keys: Keys::New, seen: Arc::default(), ..self.clone() }
    }

    pub fn with_keys_for_ever(&self) -> Memory {
        Memory { keys: Keys::ForEver, seen: Arc::default(), ..self.clone() }
    }

    pub fn seen(&self) -> Seen {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connect for Memory {
    fn begin(&self, _endpoint: &Endpoint, _deadline: Deadline) -> Result<Box<dyn Attempt>> {
        let tls = ServerConnection::new(Arc::clone(&self.config)).expect("a server can be made");
        Ok(connected(Box::new(Line {
            memory: self.clone(),
            tls,
            opened: Vec::new(),
            answers: Vec::new(),
            hesitates: false,
        })))
    }

    fn name(&self) -> &str {
        "memory"
    }
}

struct Line {
    memory: Memory,
    tls: ServerConnection,
    opened: Vec<u8>,
    answers: Vec<u8>,
    hesitates: bool,
}

impl Line {
    /// How many of these bytes may still be moved in a direction. None: it has ended.
    fn allowed(&self, len: usize, reading: bool) -> Option<usize> {
        let seen = self.memory.lock();
        let (cut, moved) = match (self.memory.cut, reading) {
            _ if self.memory.end == End::Flipped => (usize::MAX, 0),
            (Cut::Read(cut), true) => (cut, seen.read),
            (Cut::Written(cut), false) => (cut, seen.written),
            // Once one direction has ended, so has the other.
            (Cut::Read(cut), false) if seen.read >= cut => return None,
            (Cut::Written(cut), true) if seen.written >= cut && self.answers.is_empty() => return None,
            _ => (usize::MAX, 0),
        };
        let allowed = len.min(self.memory.piece).min(cut - moved.min(cut));
        (allowed > 0).then_some(allowed)
    }

    fn ended(&self, reading: bool, timeout_ms: i64) -> Result<Moved> {
        match (self.memory.end, reading) {
            (End::Fin, true) => Ok(Moved::Some(0)),
            (End::Stall | End::Flipped, _) => Ok(nothing(timeout_ms)),
            (End::Fin, false) => Err(Error::new(Status::Io, "write: Broken pipe")),
            (End::Rst, _) => Err(Error::new(Status::Io, "Connection reset by peer")),
        }
    }

    /// Open what came, answer it, and seal the answers.
    fn serve(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.tls.read_tls(&mut bytes).is_err() || self.tls.process_new_packets().is_err() {
                break;
            }
            let mut buffer = [0; 65_536];
            if let Ok(len) = self.tls.reader().read(&mut buffer) {
                self.opened.extend_from_slice(&buffer[..len]);
            }
        }
        while let Some((word, len)) = command(&self.opened) {
            self.opened.drain(..len);
            let mut seen = self.memory.lock();
            let answer: &[u8] = match word.as_str() {
                "HELLO" => b"%2\r\n+server\r\n+redis\r\n+proto\r\n:3\r\n",
                "INCR" => b":42\r\n",
                _ => b"+OK\r\n",
            };
            let last = word == "INCR";
            seen.commands.push(word);
            if self.memory.keys == Keys::New {
                self.tls.refresh_traffic_keys().expect("keys can be changed");
            }
            if last && self.memory.keys == Keys::ForEver {
                continue;
            }
            self.tls.writer().write_all(answer).expect("an answer can be sealed");
        }
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.answers).expect("memory takes it");
        }
    }
}

impl Transport for Line {
    fn read(&mut self, buffer: &mut [u8], timeout_ms: i64) -> Result<Moved> {
        let Some(allowed) = self.allowed(buffer.len(), true) else { return self.ended(true, timeout_ms) };
        let asked = self.memory.lock().commands.iter().any(|word| word == "INCR");
        if self.memory.keys == Keys::ForEver && asked && self.answers.is_empty() {
            self.tls.refresh_traffic_keys().expect("keys can be changed");
            self.serve(b"");
        }
        if self.answers.is_empty() {
            return Ok(nothing(timeout_ms));
        }
        let few = if self.memory.reluctant { 10 } else { usize::MAX };
        let len = allowed.min(self.answers.len()).min(few);
        buffer[..len].copy_from_slice(&self.answers[..len]);
        self.answers.drain(..len);
        let mut seen = self.memory.lock();
        let from = seen.read;
        seen.read += len;
        if let (Cut::Read(at), End::Flipped) = (self.memory.cut, self.memory.end)
            && (from..from + len).contains(&at)
        {
            buffer[at - from] ^= 0x20;
        }
        Ok(Moved::Some(len))
    }

    fn write(&mut self, bytes: &[u8], timeout_ms: i64) -> Result<Moved> {
        let Some(len) = self.allowed(bytes.len(), false) else { return self.ended(false, timeout_ms) };
        self.hesitates = self.memory.reluctant && !self.hesitates;
        if self.hesitates {
            return Ok(Moved::None);
        }
        self.memory.lock().written += len;
        self.serve(&bytes[..len]);
        Ok(Moved::Some(len))
    }

    fn fd(&self) -> Option<RawFd> {
        None
    }
}

fn nothing(timeout_ms: i64) -> Moved {
    thread::sleep(Duration::from_millis(timeout_ms.clamp(0, 5) as u64));
    Moved::None
}

/// The first word of a whole command at the beginning of these bytes, and its length.
fn command(bytes: &[u8]) -> Option<(String, usize)> {
    let number = |at: usize| {
        let line = bytes.get(at..)?;
        let end = line.windows(2).position(|pair| pair == b"\r\n")?;
        Some((str::from_utf8(&line[1..end]).ok()?.parse::<usize>().ok()?, at + end + 2))
    };
    let (count, mut at) = number(0)?;
    let mut first = None;
    for _ in 0..count {
        let (len, from) = number(at)?;
        let word = bytes.get(from..from + len)?;
        first.get_or_insert_with(|| String::from_utf8_lossy(word).into_owned());
        at = from + len + 2;
    }
    (at <= bytes.len()).then_some((first?, at))
}
