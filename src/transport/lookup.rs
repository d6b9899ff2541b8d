//! Looking up host names, each on a thread of its own, because getaddrinfo has no deadline.
//!
//! It is the only thread this library ever starts. It is left alone at the deadline, and owns all that it touches when it
//! ends. A name is looked up anew for every connection, because its addresses may have changed, and never twice at once.
//! A numeric address is never looked up.

mod numeric;

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use super::attempt::{Awaited, Step};
use super::connect::no_answer;
use super::deadline::Deadline;
use super::thread::{self, Body};
use crate::error::{Error, Result, Status};
use crate::ongoing::WaitPoint;
use crate::process::PerProcess;
use crate::sync::Mutex;

/// A host name that is looked up for one connect, in steps that never wait.
pub(super) struct LookingUp {
    host: String,
    lookups: Arc<Lookups>,
    /// The look-up that this one waits for. None: there was no room for it so far.
    lookup: Option<Arc<Lookup>>,
    /// Rung when the look-up has ended.
    bell: Arc<WaitPoint>,
    /// When a look-up without room fails.
    patience: Deadline,
    deadline: Deadline,
    allowed_ms: i64,
}

/// What the system is asked: the addresses of a name, with any port.
type Resolve = fn(&str) -> io::Result<Vec<SocketAddr>>;
/// How a thread is started; where there is none to be had, what it was to do is given back.
type Start = fn(Body) -> std::result::Result<(), Body>;

/// The look-ups under way.
struct Lookups {
    resolve: Resolve,
    start: Start,
    /// The one that began first is the first.
    running: Mutex<Vec<Arc<Lookup>>>,
}

/// One name, and its answer once there is one.
struct Lookup {
    host: String,
    answer: Mutex<LookupAnswer>,
}

/// The result of a look-up, and the connects that wait for it.
#[derive(Default)]
struct LookupAnswer {
    addresses: Option<Result<Vec<SocketAddr>>>,
    waiting: Vec<Arc<WaitPoint>>,
}

impl LookingUp {
    /// A look-up that begins with the first step.
    pub(super) fn new(host: &str, deadline: Deadline) -> LookingUp {
        LookingUp::among(of_this_process(), host, deadline)
    }

    fn among(lookups: Arc<Lookups>, host: &str, deadline: Deadline) -> LookingUp {
        LookingUp {
            host: host.to_owned(),
            lookups,
            lookup: None,
            bell: Arc::default(),
            // Where many names are looked up at once, room comes soon. Where they hang it does not, and that is told.
            patience: deadline.earlier(Deadline::after(PATIENCE)),
            deadline,
            allowed_ms: deadline.remaining_ms(),
        }
    }

    /// The addresses, with port 0, in the order in which the system prefers them; or what to wait for.
    pub(super) fn go_on(&mut self) -> Result<Step<Vec<SocketAddr>>> {
        if let Some(address) = numeric::address(&self.host) {
            return Ok(Step::Done(vec![address]));
        }
        if self.lookup.is_none() && !self.begin() {
            return match self.patience.has_passed() {
                true => Err(no_room(&self.lookups.running.lock())),
                false => Ok(Step::Wait(Awaited::pause(SLICE, self.patience))),
            };
        }
        let answer = self.lookup.as_ref().and_then(|lookup| lookup.answer.lock().addresses.clone());
        match answer {
            Some(addresses) => addresses.map(Step::Done),
            None if self.deadline.has_passed() => Err(no_answer("look-up", self.allowed_ms)),
            None => Ok(Step::Wait(match self.bell.bell() {
                fd @ Some(_) => Awaited { fd, read: true, write: false, until: self.deadline },
                // Without a descriptor the answer is looked for now and then.
                None => Awaited::pause(SLICE, self.deadline),
            })),
        }
    }

    /// Begin the look-up, or join the one of this name that is under way. False: there is no room for it now.
    fn begin(&mut self) -> bool {
        let Some(lookup) = self.lookups.begin(&self.host) else { return false };
        // The look-up rings a bell that there is: it is made before.
        self.bell.bell();
        lookup.answer.lock().waiting.push(Arc::clone(&self.bell));
        self.lookup = Some(lookup);
        true
    }
}

impl Drop for LookingUp {
    fn drop(&mut self) {
        if let Some(lookup) = &self.lookup {
            lookup.answer.lock().waiting.retain(|other| !Arc::ptr_eq(other, &self.bell));
        }
    }
}

impl Lookups {
    fn new(resolve: Resolve, start: Start) -> Arc<Self> {
        Arc::new(Lookups { resolve, start, running: Mutex::new(Vec::new()) })
    }

    /// The look-up of `host`: the one under way, or a new one. None: there is no room for it.
    fn begin(self: &Arc<Self>, host: &str) -> Option<Arc<Lookup>> {
        let mut running = self.running.lock();
        if let Some(lookup) = running.iter().find(|lookup| lookup.host == host) {
            return Some(Arc::clone(lookup));
        }
        if running.len() >= LOOKUPS_MAX {
            return None;
        }
        let lookup = Arc::new(Lookup { host: host.to_owned(), answer: Mutex::default() });
        running.push(Arc::clone(&lookup));
        drop(running);
        let under_way = UnderWay { lookups: Arc::clone(self), lookup: Arc::clone(&lookup), answer: None };
        // Where the system has no thread for it, the caller's own will do, be it late.
        if let Err(body) = (self.start)(Box::new(move || under_way.run())) {
            body();
        }
        Some(lookup)
    }
}

/// A look-up that ends when this is dropped, also by a panic: nobody waits for one that is over.
struct UnderWay {
    lookups: Arc<Lookups>,
    lookup: Arc<Lookup>,
    answer: Option<Result<Vec<SocketAddr>>>,
}

impl UnderWay {
    /// What the thread does.
    fn run(mut self) {
        self.answer = Some(match (self.lookups.resolve)(&self.lookup.host) {
            Ok(addresses) if addresses.is_empty() => {
                Err(Error::new(Status::Connect, "look-up: the name has no address"))
            }
            Ok(addresses) => Ok(addresses),
            Err(error) => Err(failure(&error)),
        });
    }
}

impl Drop for UnderWay {
    /// Make room for another look-up, and give the answer to all that wait for it.
    fn drop(&mut self) {
        let UnderWay { lookups, lookup, answer } = self;
        lookups.running.lock().retain(|other| !Arc::ptr_eq(other, lookup));
        let unanswered = || Err(Error::new(Status::Connect, "look-up: it ended without an answer"));
        let mut waiting = lookup.answer.lock();
        waiting.addresses = Some(answer.take().unwrap_or_else(unanswered));
        waiting.waiting.iter().for_each(|bell| bell.notify());
    }
}

/// Why a name has no addresses, in the resolver's own words, without those that std puts before them.
fn failure(error: &io::Error) -> Error {
    let error = Error::os(Status::Connect, "look-up", error);
    let message = error.to_string().replacen("failed to lookup address information: ", "", 1);
    Error { message: message.into_bytes(), ..error }
}

/// Too many names hang. Those that began first are the likeliest to be why.
fn no_room(running: &[Arc<Lookup>]) -> Error {
    let mut text = format!("look-up: {} other names have no answer yet: ", running.len());
    for (number, lookup) in running.iter().enumerate() {
        let between = if number == 0 { "" } else { ", " };
        if text.len() + between.len() + lookup.host.len() > NAMES_BYTES_MAX {
            text.push_str(&format!(" and {} more", running.len() - number));
            break;
        }
        text.push_str(between);
        text.push_str(&lookup.host);
    }
    Error::new(Status::Connect, text)
}

fn ask_the_system(host: &str) -> io::Result<Vec<SocketAddr>> {
    (host, 0).to_socket_addrs().map(Iterator::collect)
}

fn start_a_thread(body: Body) -> std::result::Result<(), Body> {
    thread::start(c"rredis-look-up", STACK_BYTES, body)
}

/// The look-ups of this process. A child of fork has none of its parent's threads: their look-ups would never end there.
fn of_this_process() -> Arc<Lookups> {
    static LOOKUPS: PerProcess<Arc<Lookups>> = PerProcess::new();
    Arc::clone(LOOKUPS.get(|_| Lookups::new(ask_the_system, start_a_thread)))
}

/// Look-ups at once in a process: what a resolver that hangs can cost it in threads.
const LOOKUPS_MAX: usize = 64;
/// How long to wait for room, where there are so many.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often room is looked for, and an answer where there is no descriptor to wait for.
const SLICE: Duration = Duration::from_millis(20);
/// Bytes of a message up to the end of the last name that it has.
const NAMES_BYTES_MAX: usize = 400;
/// The stack of a look-up: the system's resolver may load modules of its own, and they were written for large ones.
const STACK_BYTES: usize = 512 << 10;

#[cfg(test)]
mod tests;
