//! One connection: a session over a transport, driven until something happened or the time is up.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::error::{Error, Outcome, Result, Status};
use crate::limits::{READ_BYTES, UNASKED_BYTES_MAX};
use crate::options::{Endpoint, Options, Secret};
use crate::reply::Reply;
use crate::resp::{self, ParserType};
use crate::session::{Event, Greeting, Session, Submitted, Ticket};
use crate::transport::wait::{self, Idle};
use crate::transport::{self, Connect, Deadline, Moved, Sockets, Transport};

/// How to open a connection: the options, and what a program may bring of its own.
#[derive(Clone)]
pub struct Dial {
    options: Arc<Options>,
    endpoint: Arc<Endpoint>,
    /// The endpoint as messages name it.
    place: Arc<str>,
    connect: Arc<dyn Connect>,
    parser: Option<Arc<dyn ParserType>>,
    credentials: Option<Arc<dyn Credentials>>,
    /// The server knows no HELLO: it is not asked again.
    resp2: Arc<AtomicBool>,
    /// Set where code of the caller's serves the connection: which pool it must not use meanwhile.
    serves: Option<u64>,
}

/// Says who we are, each time a connection is opened.
pub trait Credentials: Send + Sync {
    /// The user name, where there is one, and the password.
    fn ask(&self, endpoint: &str) -> Result<(Option<Vec<u8>>, Secret)>;
}

/// An open connection that has been greeted.
pub struct Connection {
    id: u64,
    session: Session,
    transport: Box<dyn Transport>,
    dial: Dial,
    opened: Instant,
    rested: Instant,
    /// What the next read asks for: grows while reads come back full.
    read_bytes: usize,
    /// How many reads in a row found nothing where there should have been something.
    vain_reads: u32,
    moved: Traffic,
}

/// Bytes moved since they were last asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traffic {
    /// Read.
    pub bytes_in: u64,
    /// Written.
    pub bytes_out: u64,
}

/// A wait for a command: how long it may take, and what it is called in a message.
pub struct Wait<'a> {
    /// When the time is up.
    pub deadline: Deadline,
    /// How long that was when the call began.
    pub allowed_ms: i64,
    /// The command's name.
    pub name: &'a [u8],
}

/// What happened that somebody may want to be told of, once the connection has gone back.
#[derive(Clone, Debug)]
pub enum Notice {
    /// A connection was opened.
    Connected {
        /// Its number.
        id: u64,
    },
    /// A connection was lost.
    Lost {
        /// Its number.
        id: u64,
        /// Why.
        error: Error,
    },
    /// A command will be tried again.
    Retry {
        /// Its name.
        command: Vec<u8>,
        /// How often it was tried.
        attempts: u32,
        /// How long the next try waits.
        wait_ms: i64,
        /// Why the last one failed.
        error: Error,
    },
    /// Nobody gave a connection back in time.
    Busy {
        /// Connections in use.
        in_use: i64,
        /// Connections at the most.
        max: i64,
        /// How long was waited.
        waited_ms: i64,
    },
}

/// What came unasked, or before it was asked for, in order: kept until somebody may see it, and bounded.
pub struct Kept {
    events: VecDeque<Event>,
    /// None where nobody wants to be told.
    notices: Option<Vec<Notice>>,
    /// Bytes on the wire of the pushes among them.
    bytes: u64,
    bytes_max: u64,
    wanted: bool,
}

impl Dial {
    /// How to open connections with these options.
    pub fn new(
        options: Options,
        connect: Option<Arc<dyn Connect>>,
        parser: Option<Arc<dyn ParserType>>,
    ) -> Result<Dial> {
        options.check()?;
        let endpoint = options.endpoint();
        let serves = (connect.is_some() || parser.is_some()).then(next_number);
        let sockets = Sockets { keepalive_ms: options.keepalive_ms(), user_timeout_ms: options.user_timeout_ms() };
        let connect = connect.unwrap_or_else(|| Arc::new(sockets));
        Ok(Dial {
            place: endpoint.to_string().into(),
            endpoint: Arc::new(endpoint),
            connect: if options.tls() { transport::with_tls(connect, &options)? } else { connect },
            parser,
            credentials: None,
            resp2: Arc::default(),
            serves,
            options: Arc::new(options),
        })
    }

    /// The same, but that it asks who we are at each connect.
    pub fn with_credentials(mut self, credentials: Option<Arc<dyn Credentials>>) -> Dial {
        if credentials.is_some() {
            self.serves.get_or_insert_with(next_number);
        }
        self.credentials = credentials;
        self
    }

    /// The options.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The endpoint as messages name it.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What reads the replies: "fast", "simple", or the caller's own name for it.
    pub fn parser_name(&self) -> String {
        match &self.parser {
            Some(parser) => parser.name().to_owned(),
            None => resp::parser(self.options.parser(), self.options.limits()).name().to_owned(),
        }
    }

    /// Open a connection and greet the server. Every failure is one of connecting: no command was sent.
    pub fn open(&self, deadline: Deadline) -> Result<Connection> {
        let allowed_ms = self.options.connect_timeout_ms();
        let deadline = deadline.earlier(Deadline::after_ms(allowed_ms));
        serving(self.serves, || self.open_and_greet(deadline)).map_err(|error| error.with_outcome(Outcome::NotSent))
    }

    /// Refuse a call that comes from a transport or a parser while it serves this very pool.
    pub fn refuse_reentry(&self) -> Result<()> {
        let Some(number) = self.serves else { return Ok(()) };
        if SERVING.with_borrow(|serving| serving.contains(&number)) {
            let text = "a transport or a parser may not use the client that it serves";
            return Err(Error::new(Status::State, text).with_outcome(Outcome::NotSent));
        }
        Ok(())
    }

    fn open_and_greet(&self, deadline: Deadline) -> Result<Connection> {
        let transport = self.connect.connect(&self.endpoint, deadline)?;
        let limits = self.options.limits();
        let parser = match &self.parser {
            Some(parser) => parser.start(limits)?,
            None => resp::parser(self.options.parser(), limits),
        };
        let session = Session::new(parser, self.greeting()?)?;
        let mut connection = Connection {
            id: next_number(),
            session,
            transport,
            dial: self.clone(),
            opened: Instant::now(),
            rested: Instant::now(),
            read_bytes: READ_BYTES,
            vain_reads: 0,
            moved: Traffic::default(),
        };
        connection.greet(deadline)?;
        Ok(connection)
    }

    fn greeting(&self) -> Result<Greeting> {
        let options = &self.options;
        let (username, password) = match &self.credentials {
            Some(credentials) => {
                let (username, password) = credentials.ask(&self.place)?;
                (username, Some(password))
            }
            None => (options.username().map(<[u8]>::to_vec), options.password().cloned()),
        };
        let protocol = match options.protocol() {
            0 if self.resp2.load(Ordering::Relaxed) => 2,
            protocol => protocol,
        };
        Ok(Greeting {
            protocol,
            username,
            password,
            client_name: options.client_name().map(<[u8]>::to_vec),
            library_name: options.library_name().map(<[u8]>::to_vec),
            database: options.database(),
        })
    }
}

/// Run what may call functions of the caller's that serve this pool.
fn serving<T>(number: Option<u64>, body: impl FnOnce() -> T) -> T {
    let Some(number) = number else { return body() };
    SERVING.with_borrow_mut(|serving| serving.push(number));
    let _done = Served;
    body()
}

/// Takes the number of a pool back when its functions have run, panic or not.
struct Served;

impl Drop for Served {
    fn drop(&mut self) {
        SERVING.with_borrow_mut(|serving| serving.pop());
    }
}

impl Connection {
    /// Its number, which no other connection of this process has.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Ask the server whether it is there.
    pub fn ping(&mut self, deadline: Deadline, allowed_ms: i64, kept: &mut Kept) -> Result<()> {
        let wait = Wait { deadline: deadline.earlier(Deadline::after_ms(allowed_ms)), allowed_ms, name: b"PING" };
        let ticket = self.submit(&[b"PING"])?;
        let reply = self.reply_to(ticket, &wait, kept)?;
        // One answer too many would be the next command's.
        if !self.session.is_clean() {
            let error = Error::new(Status::Protocol, "the server sent what nobody had asked for");
            self.session.fail(error.clone());
            return Err(self.told(error, Outcome::NotSent));
        }
        match reply.is_error() {
            // A server that is loading, or an ACL without PING, is there all the same.
            true => Ok(()),
            false if reply.text() == b"PONG" => Ok(()),
            false => Err(Error::new(Status::Protocol, "PING was answered with something else")),
        }
    }

    /// Queue a command that leaves the connection as it is.
    pub fn submit(&mut self, args: &[&[u8]]) -> Result<Ticket> {
        self.session.submit(args).map_err(|error| self.told(error, Outcome::NotSent))
    }

    /// Queue any command.
    pub fn submit_any(&mut self, args: &[&[u8]]) -> Result<Submitted> {
        self.session.submit_any(args).map_err(|error| self.told(error, Outcome::NotSent))
    }

    /// Wait for the reply to a command that was queued; what comes before it is kept.
    pub fn reply_to(&mut self, ticket: Ticket, wait: &Wait<'_>, kept: &mut Kept) -> Result<Reply> {
        let driven = self.serve(wait.deadline, |session| {
            while let Some(event) = session.poll()? {
                match event {
                    Event::Reply(answered, reply) if answered == ticket => return Ok(Some(reply)),
                    other => kept.keep(other)?,
                }
            }
            Ok(None)
        });
        driven.map_err(|error| self.ended(error, ticket, wait))
    }

    /// Hand over everything that was queued, the command with this ticket last, and keep what comes meanwhile.
    pub fn flush(&mut self, ticket: Ticket, wait: &Wait<'_>, kept: &mut Kept) -> Result<()> {
        let driven = self.serve(wait.deadline, |session| {
            while let Some(event) = session.poll()? {
                kept.keep(event)?;
            }
            Ok(session.outgoing().is_empty().then_some(()))
        });
        driven.map_err(|error| self.ended(error, ticket, wait))
    }

    /// Wait for whatever comes next. AGAIN: nothing whole in time, and the connection is as good as before.
    pub fn next(&mut self, deadline: Deadline) -> Result<Reply> {
        let driven = self.serve(deadline, |session| Ok(session.poll()?.map(Event::into_reply)));
        driven.map_err(|error| match error.status {
            Status::Timeout => Error::new(Status::Again, "nothing whole has arrived in the time allowed"),
            _ => {
                self.session.fail(error.clone());
                self.told(error, Outcome::None)
            }
        })
    }

    /// Look at a connection that rested: pushes that came meanwhile are kept, anything else is an error and its end.
    pub fn wake(&mut self, deadline: Deadline, kept: &mut Kept) -> Result<()> {
        let idle = self.transport.fd().map_or(Idle::Readable, wait::idle_state);
        let taken = match idle {
            Idle::Quiet if !self.transport.pending() => return Ok(()),
            Idle::Closed => Err(closed(false)),
            Idle::Quiet | Idle::Readable => serving(self.dial.serves, || self.take_in(deadline, kept)),
        };
        let taken = taken.and_then(|()| match self.session.is_clean() {
            true => Ok(()),
            false => Err(Error::new(Status::Protocol, "the server sent what nobody had asked for")),
        });
        taken.map_err(|error| {
            self.session.fail(error.clone());
            self.told(error, Outcome::NotSent)
        })
    }

    /// Whether the next borrower would find the connection as a new one.
    pub fn is_clean(&self) -> bool {
        self.session.is_clean()
    }

    /// Whether a reply is owed to a command already sent, other than the confirmation of a subscription.
    pub fn owes_a_reply(&self) -> bool {
        self.session.owes_a_reply()
    }

    /// Whether anything could still arrive without another command being sent.
    pub fn can_hear(&self) -> bool {
        self.session.can_hear()
    }

    /// Whether a transaction is open, and commands are queued in it.
    pub fn is_queueing(&self) -> bool {
        self.session.is_queueing()
    }

    /// Why the connection is over, if it is.
    pub fn failure(&self) -> Option<&Error> {
        self.session.failure()
    }

    /// Let the connection rest: give back what one large command or reply made grow.
    pub fn rest(&mut self) {
        self.session.rest();
        self.read_bytes = READ_BYTES;
        self.rested = Instant::now();
    }

    /// When it was opened, and since when it rests.
    pub fn age(&self) -> (Instant, Instant) {
        (self.opened, self.rested)
    }

    /// Bytes moved since the last time this was asked.
    pub fn traffic(&mut self) -> Traffic {
        std::mem::take(&mut self.moved)
    }

    fn greet(&mut self, deadline: Deadline) -> Result<()> {
        let driven = self.drive(deadline, |session| {
            // A push before the greeting is over belongs to nobody yet.
            while session.poll()?.is_some() {}
            Ok((session.is_ready() && session.outgoing().is_empty()).then_some(()))
        });
        if self.session.fell_back() {
            self.dial.resp2.store(true, Ordering::Relaxed);
        }
        let waited_ms = self.opened.elapsed().as_millis();
        driven.map_err(|error| match error.status {
            Status::Timeout => Error::new(
                Status::Timeout,
                format!("{}: handshake: the server did not answer within {waited_ms} ms", self.dial.place),
            ),
            Status::Io => Error { status: Status::Connect, ..error }.at("handshake").at(&self.dial.place),
            _ => error.at("handshake").at(&self.dial.place),
        })
    }

    fn serve<T>(&mut self, deadline: Deadline, done: impl FnMut(&mut Session) -> Result<Option<T>>) -> Result<T> {
        serving(self.dial.serves, || self.drive(deadline, done))
    }

    /// The heart: hand over, take in, until `done` says so. Reading never waits for writing.
    fn drive<T>(&mut self, deadline: Deadline, mut done: impl FnMut(&mut Session) -> Result<Option<T>>) -> Result<T> {
        let mut time_is_up = false;
        loop {
            let handed = self.hand_over(deadline).map_err(|error| self.last_words(error));
            if let Some(result) = done(&mut self.session)? {
                return Ok(result);
            }
            handed?;
            if time_is_up {
                return Err(Error::new(Status::Timeout, "the time is up"));
            }
            time_is_up = match self.transport.fd() {
                Some(fd) => self.wait_and_read(fd, deadline)?,
                None => self.read_in_slices(deadline)?,
            };
        }
    }

    /// A peer that no longer takes anything may have said why before: take it in.
    fn last_words(&mut self, error: Error) -> Error {
        let end = self.moved.bytes_in + UNASKED_BYTES_MAX;
        while self.moved.bytes_in < end {
            match self.read(0) {
                Ok(true) => {}
                Err(said) if said.status == Status::Tls => return said,
                Ok(false) | Err(_) => break,
            }
        }
        error
    }

    /// Write what waits, as far as the transport takes it.
    fn hand_over(&mut self, deadline: Deadline) -> Result<()> {
        let timeout_ms = if self.transport.fd().is_some() { 0 } else { slice_ms(deadline) };
        while !self.session.outgoing().is_empty() {
            match self.transport.write(self.session.outgoing(), timeout_ms)? {
                Moved::Some(0) | Moved::None => return Ok(()),
                Moved::Some(len) => {
                    self.session.sent(len);
                    self.moved.bytes_out += len as u64;
                }
            }
        }
        Ok(())
    }

    /// Wait until the descriptor has something, and read it. True: the time is up.
    fn wait_and_read(&mut self, fd: RawFd, deadline: Deadline) -> Result<bool> {
        // TLS, or a transport of the caller's, may hold bytes that the descriptor no longer shows.
        if (self.transport.pending() || self.dial.serves.is_some()) && self.read(0)? {
            return Ok(deadline.has_passed());
        }
        let blocked = !self.session.outgoing().is_empty();
        let ready = wait::wait(fd, true, blocked, deadline)?;
        if ready.readable {
            // A piece of a TLS record is nothing to read yet; nothing time after time is a descriptor that lies.
            self.vain_reads = if self.read(0)? { 0 } else { self.vain_reads.saturating_add(1) };
            if self.vain_reads > VAIN_READS_MAX {
                std::thread::sleep(PAUSE);
            }
        }
        Ok(!ready.readable && !ready.writable || deadline.has_passed())
    }

    /// Read from a transport without a descriptor, which waits by itself. True: the time is up.
    fn read_in_slices(&mut self, deadline: Deadline) -> Result<bool> {
        let blocked = !self.session.outgoing().is_empty();
        let before = Instant::now();
        let moved = self.read(if blocked { 0 } else { slice_ms(deadline) })?;
        // One that comes back at once with nothing must not keep the processor busy until the deadline.
        if !moved && before.elapsed() < PAUSE {
            std::thread::sleep(PAUSE);
        }
        Ok(deadline.has_passed())
    }

    /// Read once. False: nothing was there.
    fn read(&mut self, timeout_ms: i64) -> Result<bool> {
        let room = self.session.room(self.read_bytes)?;
        let size = room.len();
        match self.transport.read(room, timeout_ms)? {
            Moved::None => Ok(false),
            Moved::Some(0) => Err(closed(self.session.has_begun())),
            Moved::Some(len) => {
                if len == size {
                    self.read_bytes = (self.read_bytes * 2).min(READ_BYTES_MAX);
                }
                self.moved.bytes_in += len as u64;
                self.session.filled(len)?;
                Ok(true)
            }
        }
    }

    /// Read what is there, without waiting. Who writes faster than this reads is not waited for either.
    fn take_in(&mut self, deadline: Deadline, kept: &mut Kept) -> Result<()> {
        let end = self.moved.bytes_in + UNASKED_BYTES_MAX;
        while self.read(0)? {
            while let Some(event) = self.session.poll()? {
                kept.keep(event)?;
            }
            if self.moved.bytes_in >= end || deadline.has_passed() {
                return Err(Error::new(Status::Limit, "what the server sends unasked does not end"));
            }
        }
        Ok(())
    }

    /// The error of a command's wait, with its fate; the conversation is over.
    fn ended(&mut self, error: Error, ticket: Ticket, wait: &Wait<'_>) -> Error {
        let error = match error.status {
            Status::Timeout => wait.timed_out(!self.session.outgoing().is_empty()),
            _ => error,
        };
        self.session.fail(error.clone());
        let outcome = self.session.fate(ticket);
        self.told(error, outcome)
    }

    fn told(&self, error: Error, outcome: Outcome) -> Error {
        match error.status {
            Status::Argument | Status::State => error.with_outcome(outcome),
            _ => error.at(&self.dial.place).with_outcome(outcome),
        }
    }
}

impl Wait<'_> {
    fn timed_out(&self, writing: bool) -> Error {
        let name = String::from_utf8_lossy(self.name).to_uppercase();
        let text = match writing {
            true => format!("write: the server did not take the whole of {name} within {} ms", self.allowed_ms),
            false => format!("read: no whole reply to {name} within {} ms", self.allowed_ms),
        };
        Error::new(Status::Timeout, text)
    }
}

impl Notice {
    /// A connection was lost.
    pub fn lost(connection: &Connection, error: &Error) -> Notice {
        Notice::Lost { id: connection.id, error: error.clone() }
    }
}

impl Kept {
    /// Keep pushes of up to so many bytes on the wire; or nothing at all, when nobody wants to see it.
    pub fn new(wanted: bool, bytes_max: u64) -> Kept {
        Kept { events: VecDeque::new(), notices: None, bytes: 0, bytes_max, wanted }
    }

    /// Keep notices too, if somebody wants to be told.
    pub fn with_notices(mut self, wanted: bool) -> Kept {
        self.notices = wanted.then(Vec::new);
        self
    }

    /// Something happened.
    pub fn notice(&mut self, notice: Notice) {
        if let Some(notices) = &mut self.notices {
            notices.push(notice);
        }
    }

    /// What happened since this was last asked.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        self.notices.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The oldest that was kept.
    pub fn take(&mut self) -> Option<Reply> {
        let event = self.events.pop_front()?;
        if let Event::Push(_, wire_len) = &event {
            self.bytes -= *wire_len as u64;
        }
        Some(event.into_reply())
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    fn keep(&mut self, event: Event) -> Result<()> {
        if !self.wanted {
            return Ok(());
        }
        if let Event::Push(_, wire_len) = &event {
            self.bytes += *wire_len as u64;
        }
        if self.bytes > self.bytes_max {
            let text = format!("what came unasked is more than push_bytes_max, {} bytes", self.bytes_max);
            return Err(Error::new(Status::Limit, text));
        }
        self.events.push_back(event);
        Ok(())
    }
}

/// The peer has closed the connection.
fn closed(begun: bool) -> Error {
    let text = match begun {
        true => "read: the server closed the connection in the middle of a reply",
        false => "read: the server closed the connection",
    };
    Error::new(Status::Io, text)
}

/// How long a transport without a descriptor may wait at once.
fn slice_ms(deadline: Deadline) -> i64 {
    match deadline.remaining_ms() {
        ..0 => SLICE_MS,
        remaining => remaining.min(SLICE_MS),
    }
}

fn next_number() -> u64 {
    static NUMBERS: AtomicU64 = AtomicU64::new(0);
    NUMBERS.fetch_add(1, Ordering::Relaxed)
}

thread_local! {
    /// The pools whose connections are being served by functions of the caller's, on this thread.
    static SERVING: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// Waits of a transport without a descriptor are cut short, so that other threads can end them.
const SLICE_MS: i64 = 100;
/// How often a transport may claim to be ready and move nothing, before it has to wait each time; and how long.
const VAIN_READS_MAX: u32 = 16;
const PAUSE: Duration = Duration::from_millis(1);
/// The most that one read asks for: large replies come in few system calls.
const READ_BYTES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests;
