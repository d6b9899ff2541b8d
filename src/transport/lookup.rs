//! Host names to addresses, each on a small thread of its own: getaddrinfo knows no deadline, and a caller has one.
//!
//! It is the only thread this library ever starts. It is left alone at the deadline, and owns all that it touches when it
//! ends. A name is looked up anew for every connection, for the address behind it may have moved, but never twice at once.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, OnceLock};
use std::thread;

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::{Deadline, no_answer, wait};
use crate::error::{Error, Result, Status};
use crate::process::PerProcess;

/// The addresses of `host`, in the order in which the system prefers them.
pub(super) fn addresses(host: &str, port: u16, deadline: Deadline) -> Result<Vec<SocketAddr>> {
    let mut addresses = of_this_process().addresses(host, deadline)?;
    addresses.iter_mut().for_each(|address| address.set_port(port));
    Ok(addresses)
}

/// What the system is asked: the addresses of a name, with any port.
type Resolve = fn(&str) -> io::Result<Vec<SocketAddr>>;

/// The look-ups under way.
struct Lookups {
    resolve: Resolve,
    running: Mutex<Vec<Arc<Lookup>>>,
    /// One of them has ended.
    ended: Condvar,
}

/// One name, and its answer once there is one.
struct Lookup {
    host: String,
    answer: OnceLock<Result<Vec<SocketAddr>>>,
}

impl Lookups {
    fn new(resolve: Resolve) -> Arc<Self> {
        Arc::new(Lookups { resolve, running: Mutex::new(Vec::new()), ended: Condvar::new() })
    }

    /// Look `host` up, or join the look-up of it that is under way; wait for the answer until the deadline.
    fn addresses(self: Arc<Self>, host: &str, deadline: Deadline) -> Result<Vec<SocketAddr>> {
        let allowed_ms = deadline.remaining_ms();
        let lookup = self.begin(host, allowed_ms, deadline)?;
        let mut running = self.running.lock();
        loop {
            if let Some(answer) = lookup.answer.get() {
                return answer.clone();
            }
            if deadline.has_passed() {
                return Err(no_answer("look-up", allowed_ms));
            }
            self.wait(&mut running, deadline);
        }
    }

    /// The look-up of `host`: the one under way, or a new one as soon as there is room for it.
    fn begin(self: &Arc<Self>, host: &str, allowed_ms: i64, deadline: Deadline) -> Result<Arc<Lookup>> {
        let mut running = self.running.lock();
        loop {
            if let Some(lookup) = running.iter().find(|lookup| lookup.host == host) {
                return Ok(Arc::clone(lookup));
            }
            if running.len() < LOOKUPS_MAX {
                break;
            }
            if deadline.has_passed() {
                let why = format!("look-up: {LOOKUPS_MAX} others were still under way after {allowed_ms} ms");
                return Err(Error::new(Status::Timeout, why));
            }
            self.wait(&mut running, deadline);
        }
        let lookup = Arc::new(Lookup { host: host.to_owned(), answer: OnceLock::new() });
        running.push(Arc::clone(&lookup));
        drop(running);
        if let Err(error) = self.start(&lookup) {
            self.end(&lookup, Err(Error::os(Status::Connect, "look-up: no thread for it", &error)));
        }
        Ok(lookup)
    }

    /// Wait until some look-up ends or the deadline passes; the lock is free meanwhile.
    fn wait(&self, running: &mut MutexGuard<'_, Vec<Arc<Lookup>>>, deadline: Deadline) {
        match deadline.moment() {
            Some(moment) => {
                self.ended.wait_until(running, moment);
            }
            None => self.ended.wait(running),
        }
    }

    /// Start the thread. It is born with every signal blocked, so that no handler of the host's ever runs on it.
    fn start(self: &Arc<Self>, lookup: &Arc<Lookup>) -> io::Result<()> {
        let (lookups, lookup) = (Arc::clone(self), Arc::clone(lookup));
        let thread = thread::Builder::new().name("rredis-look-up".to_owned()).stack_size(STACK_BYTES);
        wait::with_signals_blocked(|| thread.spawn(move || lookups.run(&lookup))).map(drop)
    }

    /// What the thread does.
    fn run(&self, lookup: &Lookup) {
        let answer = match (self.resolve)(&lookup.host) {
            Ok(addresses) if addresses.is_empty() => {
                Err(Error::new(Status::Connect, "look-up: the name has no address"))
            }
            Ok(addresses) => Ok(addresses),
            Err(error) => Err(failure(&error)),
        };
        self.end(lookup, answer);
    }

    /// Give the answer to all who wait for it, and the place to whoever waits for one.
    fn end(&self, lookup: &Lookup, answer: Result<Vec<SocketAddr>>) {
        let mut running = self.running.lock();
        // Set once: a look-up either could not start or ends, and either once.
        let _first = lookup.answer.set(answer);
        running.retain(|other| !std::ptr::eq(&**other, lookup));
        self.ended.notify_all();
    }
}

/// Why a name has no addresses, in the resolver's own words, without those that std puts before them.
fn failure(error: &io::Error) -> Error {
    let error = Error::os(Status::Connect, "look-up", error);
    let message = error.to_string().replacen("failed to lookup address information: ", "", 1);
    Error { message: message.into_bytes(), ..error }
}

fn ask_the_system(host: &str) -> io::Result<Vec<SocketAddr>> {
    (host, 0).to_socket_addrs().map(Iterator::collect)
}

/// The look-ups of this process. A child of fork has none of its parent's threads: their look-ups would never end there, and
/// a lock that one of them held would stay locked.
fn of_this_process() -> Arc<Lookups> {
    static LOOKUPS: PerProcess<Arc<Lookups>> = PerProcess::new();
    Arc::clone(LOOKUPS.get(|_| Lookups::new(ask_the_system)))
}

/// Look-ups at once in a process: what a resolver that hangs can cost it in threads.
const LOOKUPS_MAX: usize = 4;
/// The stack of a look-up: the system's resolver may load modules of its own, and they were written for large ones.
const STACK_BYTES: usize = 512 << 10;

#[cfg(test)]
mod tests;
