//! Looking up host names, each on a thread of its own, because getaddrinfo has no deadline.
//!
//! It is the only thread this library ever starts. It is left alone at the deadline, and owns all that it touches when it
//! ends. A name is looked up anew for every connection, for the address behind it may have moved, but never twice at once.
//! What is an address already is never looked up.

mod numeric;

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use super::Deadline;
use super::connect::no_answer;
use super::thread::{self, Body};
use crate::error::{Error, Result, Status};
use crate::ongoing::{self, Vigil, WaitPoint};
use crate::process::PerProcess;
use crate::sync::{Condvar, Mutex, MutexGuard};

/// The addresses of `host`, in the order in which the system prefers them.
pub(super) fn addresses(host: &str, port: u16, deadline: Deadline) -> Result<Vec<SocketAddr>> {
    let mut addresses = match numeric::address(host) {
        Some(address) => vec![address],
        None => of_this_process().addresses(host, deadline)?,
    };
    addresses.iter_mut().for_each(|address| address.set_port(port));
    Ok(addresses)
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
    /// One of them has ended.
    room: Condvar,
}

/// One name, and its answer once there is one.
struct Lookup {
    host: String,
    answer: Mutex<LookupAnswer>,
}

/// What a look-up came to, and who waits for that.
#[derive(Default)]
struct LookupAnswer {
    addresses: Option<Result<Vec<SocketAddr>>>,
    waiting: Vec<Arc<WaitPoint>>,
}

impl Lookups {
    fn new(resolve: Resolve, start: Start) -> Arc<Self> {
        Arc::new(Lookups { resolve, start, running: Mutex::new(Vec::new()), room: Condvar::new() })
    }

    /// Look `host` up, or join the look-up of it that is under way; wait for the answer until the deadline.
    fn addresses(self: &Arc<Self>, host: &str, deadline: Deadline) -> Result<Vec<SocketAddr>> {
        let allowed_ms = deadline.remaining_ms();
        let lookup = self.begin(host, deadline)?;
        let wait_point = ongoing::wait_point();
        lookup.answer.lock().waiting.push(Arc::clone(&wait_point));
        let waited = lookup.wait(&wait_point, deadline, allowed_ms);
        lookup.answer.lock().waiting.retain(|other| !Arc::ptr_eq(other, &wait_point));
        waited
    }

    /// The look-up of `host`: the one under way, or a new one.
    fn begin(self: &Arc<Self>, host: &str, deadline: Deadline) -> Result<Arc<Lookup>> {
        // Where many names are looked up at once, room comes soon; where they hang it does not, and that is told.
        let patience = deadline.earlier(Deadline::after(PATIENCE));
        let mut running = self.running.lock();
        let lookup = loop {
            if let Some(lookup) = running.iter().find(|lookup| lookup.host == host) {
                return Ok(Arc::clone(lookup));
            }
            if running.len() < LOOKUPS_MAX {
                break Arc::new(Lookup::new(host));
            }
            if patience.has_passed() {
                return Err(no_room(&running));
            }
            let slice = patience.earlier(Deadline::after(SLICE));
            self.room.wait(&mut running, slice.moment());
            MutexGuard::unlocked(&mut running, || Vigil::begin().map(drop))?;
        };
        running.push(Arc::clone(&lookup));
        drop(running);
        let under_way = UnderWay { lookups: Arc::clone(self), lookup: Arc::clone(&lookup), answer: None };
        // Where the system has no thread for it, the caller's own will do, be it late.
        if let Err(body) = (self.start)(Box::new(move || under_way.run())) {
            body();
        }
        Ok(lookup)
    }
}

impl Lookup {
    fn new(host: &str) -> Lookup {
        Lookup { host: host.to_owned(), answer: Mutex::default() }
    }

    /// Wait for the answer, here, until the deadline.
    fn wait(&self, wait_point: &WaitPoint, deadline: Deadline, allowed_ms: i64) -> Result<Vec<SocketAddr>> {
        loop {
            let count = wait_point.count();
            if let Some(addresses) = &self.answer.lock().addresses {
                return addresses.clone();
            }
            if deadline.has_passed() {
                return Err(no_answer("look-up", allowed_ms));
            }
            wait_point.sleep(count, deadline.moment()).map_err(|error| error.at("look-up"))?;
        }
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
    /// Give the place to whoever waits for one, and the answer to all who wait for it.
    fn drop(&mut self) {
        let UnderWay { lookups, lookup, answer } = self;
        lookups.running.lock().retain(|other| !Arc::ptr_eq(other, lookup));
        lookups.room.notify_all();
        let unanswered = || Err(Error::new(Status::Connect, "look-up: it ended without an answer"));
        let mut waiting = lookup.answer.lock();
        waiting.addresses = Some(answer.take().unwrap_or_else(unanswered));
        waiting.waiting.iter().for_each(|wait_point| wait_point.notify());
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
/// How long to wait for one of them to end, where there are so many.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often who waits for that looks whether its call was ended.
const SLICE: Duration = Duration::from_millis(20);
/// Bytes of a message up to the end of the last name that it has.
const NAMES_BYTES_MAX: usize = 400;
/// The stack of a look-up: the system's resolver may load modules of its own, and they were written for large ones.
const STACK_BYTES: usize = 512 << 10;

#[cfg(test)]
mod tests;
