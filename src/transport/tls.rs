//! TLS over any transport: encrypts and decrypts the bytes that the transport below reads and writes.
#![forbid(unsafe_code)]

mod fault;
mod files;
mod pem;
mod reasons;
mod settings;
mod verify;

use std::io::{ErrorKind, Read, Write};
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use super::connect::{no_answer, shown};
use super::{Attempt, Awaited, Connect, Deadline, Moved, Step, Transport};
use crate::error::{Error, Result, Status};
use crate::limits::RECORD_BYTES;
use crate::options::{Endpoint, Options};
use settings::Settings;

/// The same way to connect, with TLS on top of it as the options say. Files are read now, and again when they change.
pub fn with_tls(below: Arc<dyn Connect>, options: &Options) -> Result<Arc<dyn Connect>> {
    Ok(Arc::new(Tls { below, settings: Settings::new(options)? }))
}

struct Tls {
    below: Arc<dyn Connect>,
    settings: Settings,
}

impl Connect for Tls {
    fn begin(&self, endpoint: &Endpoint, deadline: Deadline) -> Result<Box<dyn Attempt>> {
        let (name, config) = (self.settings.name(endpoint)?, self.settings.config());
        let below = self.below.begin(endpoint, deadline)?;
        let place = shown(endpoint);
        Ok(Box::new(Shaking { stage: TlsStage::Below(below, Some((config, name))), deadline, place }))
    }

    fn name(&self) -> &str {
        self.below.name()
    }

    fn has_fd(&self) -> bool {
        self.below.has_fd()
    }

    fn avoid_address(&self) {
        self.below.avoid_address();
    }
}

/// A TLS connection on its way: first below, then its own handshake.
struct Shaking {
    stage: TlsStage,
    deadline: Deadline,
    place: String,
}

enum TlsStage {
    Below(Box<dyn Attempt>, Option<(Arc<ClientConfig>, ServerName<'static>)>),
    Handshake(Option<Box<TlsStream>>, Shake),
}

/// How a handshake goes.
struct Shake {
    allowed_ms: i64,
    /// How often it waited and found nothing.
    vain: u32,
    /// Nothing has come yet.
    silent: bool,
}

impl Attempt for Shaking {
    fn go_on(&mut self) -> Result<Step<Box<dyn Transport>>> {
        if let TlsStage::Below(below, with) = &mut self.stage {
            let transport = match below.go_on()? {
                Step::Done(transport) => transport,
                Step::Wait(awaited) => return Ok(Step::Wait(awaited)),
            };
            let stream = match with.take() {
                Some((config, name)) => {
                    Some(Box::new(TlsStream::new(transport, config, name).map_err(|error| self.told(error))?))
                }
                None => None,
            };
            let shake = Shake { allowed_ms: self.deadline.remaining_ms(), vain: 0, silent: true };
            self.stage = TlsStage::Handshake(stream, shake);
        }
        self.shake_hands().map_err(|error| self.told(error))
    }
}

impl Shaking {
    fn shake_hands(&mut self) -> Result<Step<Box<dyn Transport>>> {
        if let TlsStage::Handshake(stream, shake) = &mut self.stage {
            if let Some(awaited) =
                stream.as_mut().map_or(Ok(None), |stream| stream.shake_hands(shake, self.deadline))?
            {
                return Ok(Step::Wait(awaited));
            }
            if let Some(stream) = stream.take() {
                return Ok(Step::Done(stream));
            }
        }
        Err(Error::new(Status::State, "it was connected before"))
    }

    fn told(&self, error: Error) -> Error {
        let error = match error.status {
            Status::Io => Error { status: Status::Connect, ..error },
            _ => error,
        };
        error.at("tls").at(&self.place)
    }
}

/// One TLS connection. Nothing is written when it is dropped, not even TLS's goodbye: RESP has no use for it, and in a
/// forked child the stream is still the parent's.
struct TlsStream {
    below: Box<dyn Transport>,
    tls: ClientConnection,
    /// Sealed bytes for the transport below, and how many of them it has taken.
    sealed: Vec<u8>,
    gone: usize,
    /// How many bytes of the caller's are in there, in one record. They count as written when all of it is gone: the
    /// peer cannot open less.
    offered: usize,
    /// Bytes of the peer's, how many of them TLS has taken, and what the next read below asks for.
    arrived: Vec<u8>,
    opened: usize,
    room: usize,
    /// Opened bytes may still wait to be read.
    more: bool,
    /// The peer has said goodbye, or TLS has failed: nothing further is taken from below.
    over: bool,
    /// Which of them it is; neither where the stream below has ended.
    goodbye: bool,
    broken: bool,
    /// Something of the peer's was opened: it has accepted us.
    heard: bool,
}

impl TlsStream {
    fn new(below: Box<dyn Transport>, config: Arc<ClientConfig>, name: ServerName<'static>) -> Result<TlsStream> {
        let tls = ClientConnection::new(config, name)
            .map_err(|error| Error::new(Status::Tls, reasons::sentence(&error, false)))?;
        Ok(TlsStream {
            below,
            tls,
            sealed: Vec::new(),
            gone: 0,
            offered: 0,
            arrived: Vec::new(),
            opened: 0,
            room: ROOM_MIN,
            more: true,
            over: false,
            goodbye: false,
            broken: false,
            heard: false,
        })
    }

    /// Until the peer has proved who it is, and everything we owe it for that is written; or what to wait for first.
    fn shake_hands(&mut self, shake: &mut Shake, deadline: Deadline) -> Result<Option<Awaited>> {
        let mut rounds = 0;
        loop {
            let timeout_ms = if self.fd().is_some() { 0 } else { deadline.remaining_ms() };
            let handed = self.hand_over(timeout_ms).or_else(|error| self.last_words(error))?;
            if handed && !self.tls.is_handshaking() {
                return Ok(None);
            }
            let taken = self.tls.is_handshaking() && self.take_in(timeout_ms)?;
            if self.over {
                return Err(self.ended());
            }
            if deadline.has_passed() {
                let mut error = no_answer("handshake", shake.allowed_ms);
                if shake.silent {
                    error.message.extend_from_slice(DOES_IT.as_bytes());
                }
                return Err(error);
            }
            if taken {
                shake.silent = false;
                rounds += 1;
                // Who drives this has its turn, too, whatever the peer sends.
                if rounds == ROUNDS_MAX {
                    return Ok(Some(Awaited::pause(Duration::ZERO, deadline)));
                }
                continue;
            }
            shake.vain += 1;
            if shake.vain > VAIN_MAX && shake.vain.is_multiple_of(2) {
                // A transport that claims to be ready, and moves nothing.
                return Ok(Some(Awaited::pause(PAUSE, deadline)));
            }
            if let Some(fd) = self.fd() {
                let (read, write) = (self.tls.is_handshaking(), !self.sealed.is_empty());
                return Ok(Some(Awaited { fd: Some(fd), read, write, until: deadline }));
            }
        }
    }

    /// A peer that no longer takes anything may have said why before.
    fn last_words(&mut self, error: Error) -> Result<bool> {
        for _ in 0..ROUNDS_MAX {
            if self.over || !self.take_in(0).unwrap_or(false) {
                break;
            }
        }
        Err(if self.over { self.ended() } else { error })
    }

    /// Open a piece of what the transport below has. False: it has nothing.
    fn take_in(&mut self, timeout_ms: i64) -> Result<bool> {
        if self.arrived.is_empty() {
            let mut room = vec![0; self.room];
            let Moved::Some(len) = self.below.read(&mut room, timeout_ms)? else { return Ok(false) };
            self.room = if len < room.len() { ROOM_MIN } else { ROOM_MAX.min(self.room * 2) };
            room.truncate(len);
            self.arrived = room;
        }
        // Nothing of nothing is how TLS learns that the stream has ended.
        let opened = self.tls.read_tls(&mut &self.arrived[self.opened..]);
        match opened.map_err(|error| Error::os(Status::Io, "read", &error))? {
            0 => self.over = true,
            len => self.opened += len,
        }
        if self.opened >= self.arrived.len() {
            self.arrived = Vec::new();
            self.opened = 0;
        }
        // An error comes again when what was opened before it has been read.
        match self.tls.process_new_packets() {
            Ok(state) => self.goodbye |= state.peer_has_closed(),
            Err(_) => self.broken = true,
        }
        self.over |= self.goodbye || self.broken;
        // What TLS itself has to answer, such as an alert, leaves here, but for a record of the caller's, whose leaving is
        // told by `write`. That nothing can be written is for the next write to say.
        if self.offered == 0 {
            let _ = self.hand_over(0);
        }
        Ok(true)
    }

    /// Why nothing further can come.
    fn ended(&mut self) -> Error {
        match self.tls.process_new_packets() {
            // What happens to a connection that was in use is its breaking; before, it is the handshake's failing.
            Err(error) => {
                let status = if self.heard { Status::Io } else { Status::Tls };
                Error::new(status, reasons::sentence(&error, self.heard))
            }
            Ok(_) if self.tls.is_handshaking() => {
                let what = "the peer closed the connection before it had proved who it is";
                Error::new(Status::Io, format!("{what}{DOES_IT}"))
            }
            Ok(_) => Error::new(Status::Io, "read: the connection was cut, not closed: TLS's goodbye is missing"),
        }
    }

    /// Write what is sealed. False: the transport below does not take all of it now.
    fn hand_over(&mut self, timeout_ms: i64) -> Result<bool> {
        if self.sealed.is_empty() {
            // Into memory, which cannot fail: only the transport below knows how to write without raising SIGPIPE.
            while self.tls.wants_write() {
                self.tls.write_tls(&mut self.sealed).map_err(|error| Error::os(Status::Io, "write", &error))?;
            }
        }
        while self.gone < self.sealed.len() {
            match self.below.write(&self.sealed[self.gone..], timeout_ms)? {
                Moved::None | Moved::Some(0) => return Ok(false),
                Moved::Some(len) => self.gone += len,
            }
        }
        self.sealed = Vec::new(); // A connection at rest holds no buffer for it.
        self.gone = 0;
        Ok(true)
    }

    fn read_opened(&mut self, buffer: &mut [u8], timeout_ms: i64) -> Result<Moved> {
        for round in 0..ROUNDS_MAX {
            match self.tls.reader().read(buffer) {
                Ok(len) => {
                    self.more = len == buffer.len();
                    self.heard |= len > 0;
                    return Ok(Moved::Some(len));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock && !self.over => self.more = false,
                Err(_) => return Err(self.ended()),
            }
            let timeout_ms = if round == 0 { timeout_ms } else { 0 };
            if !self.take_in(timeout_ms)? {
                break;
            }
        }
        Ok(Moved::None)
    }

    fn seal(&mut self, bytes: &[u8], timeout_ms: i64) -> Result<Moved> {
        if self.offered == 0 {
            // What TLS had to say before goes first, so that all that is sealed then ends with the record.
            if !self.hand_over(timeout_ms)? {
                return Ok(Moved::None);
            }
            let record = &bytes[..bytes.len().min(RECORD_BYTES)];
            self.offered = self.tls.writer().write(record).map_err(|error| Error::os(Status::Io, "write", &error))?;
        }
        match self.hand_over(timeout_ms)? {
            true => Ok(Moved::Some(std::mem::take(&mut self.offered))),
            false => Ok(Moved::None),
        }
    }
}

impl Transport for TlsStream {
    fn read(&mut self, buffer: &mut [u8], timeout_ms: i64) -> Result<Moved> {
        if buffer.is_empty() {
            return Ok(Moved::None);
        }
        self.read_opened(buffer, timeout_ms).map_err(|error| error.at("tls"))
    }

    fn write(&mut self, bytes: &[u8], timeout_ms: i64) -> Result<Moved> {
        if bytes.is_empty() {
            return Ok(Moved::None);
        }
        self.seal(bytes, timeout_ms).map_err(|error| error.at("tls"))
    }

    fn fd(&self) -> Option<RawFd> {
        self.below.fd()
    }

    /// The transport below may have moved the rest of a record.
    fn may_move_and_fail(&self) -> bool {
        self.below.may_move_and_fail()
    }

    /// A server that ends says no goodbye of TLS's: where nothing else is wrong, the end of the stream below is the end.
    fn has_ended_in_order(&self) -> bool {
        let ended = self.goodbye || (self.over && self.below.has_ended_in_order());
        ended && !self.broken && self.offered == 0
    }

    fn pending(&self) -> bool {
        self.more || self.over || !self.arrived.is_empty() || self.below.pending()
    }
}

/// What one read of the transport below asks for: more while large replies come.
const ROOM_MIN: usize = 4096;
const ROOM_MAX: usize = 65_536;
/// How often one read, or one step of a handshake, looks at the next piece: a peer that sends records with nothing in them does not keep it for ever.
const ROUNDS_MAX: usize = 64;
/// What to look at when a peer says nothing.
const DOES_IT: &str = " (does it speak TLS on this port? see tls, or redis:// in a URL)";
/// How often a handshake may wait and then find nothing, before it rests in between.
const VAIN_MAX: u32 = 16;
const PAUSE: Duration = Duration::from_millis(1);
