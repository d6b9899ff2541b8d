//! The line is cut after every byte, both ways: what is said of each command is what left of it, to the byte.

use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rredis::error::{Error, Outcome, Result, Status};
use rredis::options::Endpoint;
use rredis::transport::{Attempt, Connect, Deadline, Moved, Sockets, Transport, connected};

use crate::support::own::{NO_RETRY, Own};
use crate::support::server::Server;

/// Sockets, the first of which takes and gives so many bytes, and then breaks.
pub(super) struct Cutting {
    up: usize,
    down: usize,
    connections: AtomicUsize,
    /// How many bytes the first one took and gave.
    moved: Count,
}

struct Stream {
    below: Box<dyn Transport>,
    up: usize,
    down: usize,
    moved: Count,
}

/// How many bytes have gone up and down.
type Count = Arc<[AtomicUsize; 2]>;

impl Cutting {
    pub(super) fn after(up: usize, down: usize) -> (Cutting, Count) {
        let moved = Count::default();
        (Cutting { up, down, connections: AtomicUsize::new(0), moved: Arc::clone(&moved) }, moved)
    }
}

/// No cut.
pub(super) fn whole() -> usize {
    usize::MAX
}

impl Connect for Cutting {
    fn begin(&self, endpoint: &Endpoint, deadline: Deadline) -> Result<Box<dyn Attempt>> {
        let sockets = Sockets::new(-1, -1);
        let below = sockets.connect(endpoint, deadline)?;
        let first = self.connections.fetch_add(1, Ordering::SeqCst) == 0;
        let (up, down) = if first { (self.up, self.down) } else { (usize::MAX, usize::MAX) };
        let moved = if first { Arc::clone(&self.moved) } else { Arc::default() };
        Ok(connected(Box::new(Stream { below, up, down, moved })))
    }

    fn name(&self) -> &str {
        "cutting"
    }
}

impl Transport for Stream {
    fn read(&mut self, buffer: &mut [u8], timeout_ms: i64) -> Result<Moved> {
        if self.down == 0 {
            return Ok(Moved::Some(0));
        }
        let len = buffer.len().min(self.down);
        let moved = self.below.read(&mut buffer[..len], timeout_ms)?;
        if let Moved::Some(len) = moved {
            self.down -= len;
            self.moved[1].fetch_add(len, Ordering::Relaxed);
        }
        Ok(moved)
    }

    fn write(&mut self, bytes: &[u8], timeout_ms: i64) -> Result<Moved> {
        if self.up == 0 {
            return Err(Error::new(Status::Io, "write: cut"));
        }
        let moved = self.below.write(&bytes[..bytes.len().min(self.up)], timeout_ms)?;
        if let Moved::Some(len) = moved {
            self.up -= len;
            self.moved[0].fetch_add(len, Ordering::Relaxed);
        }
        Ok(moved)
    }

    fn fd(&self) -> Option<RawFd> {
        self.below.fd()
    }
}

const COMMANDS: usize = 6;

/// Some commands over a line that is cut there; each one's completion, and how many bytes went up and down.
fn cut(server: &Server, protocol: u8, up: usize, down: usize, flags: u32) -> (Vec<Result<String>>, [usize; 2]) {
    assert_eq!(server.ask(&["FLUSHALL"]), "OK");
    let (connect, moved) = Cutting::after(up, down);
    let url = format!("{}?protocol={protocol}&library_name=&backoff=1ms&command_timeout=20s", server.url());
    let mut own = Own::with(&url, |setup| setup.transport = Some(Arc::new(connect)));
    for i in 0..COMMANDS {
        own.submit_with(i, &["APPEND", &format!("key{i}"), "x"], flags, 0);
    }
    let mut results: Vec<Option<Result<String>>> = vec![None; COMMANDS];
    for _ in 0..COMMANDS {
        let (mark, result) = own.completion();
        assert!(results[mark].replace(result).is_none(), "it completes once");
    }
    assert!(own.try_next().is_none());
    let moved = [0, 1].map(|way| moved[way].load(Ordering::Relaxed));
    (results.into_iter().flatten().collect(), moved)
}

/// How often each command ran.
fn runs(server: &Server) -> Vec<usize> {
    (0..COMMANDS).map(|i| server.ask(&["STRLEN", &format!("key{i}")]).parse().expect("a number")).collect()
}

#[test]
fn cut_after_every_byte_each_completes_once_and_its_outcome_is_exact() {
    let server = Server::start(&[]);
    let (mut cuts, whole) = (0, whole());
    let size = |i: usize| format!("*3\r\n$6\r\nAPPEND\r\n$4\r\nkey{i}\r\n$1\r\nx\r\n").len();
    for protocol in [2, 3] {
        let (results, [all_up, all_down]) = cut(&server, protocol, whole, whole, 0);
        assert!(results.iter().all(|result| result.as_deref() == Ok(":1")), "{results:?}");
        let greeting = all_up - (0..COMMANDS).map(size).sum::<usize>();
        for up in 0..all_up {
            let (results, _) = cut(&server, protocol, up, whole, NO_RETRY);
            let mut begins = greeting;
            for (i, (result, ran)) in results.iter().zip(runs(&server)).enumerate() {
                let ends = begins + size(i);
                match result {
                    Ok(reply) => assert!(reply == ":1" && ran == 1 && ends <= up, "{up} {i}"),
                    Err(error) if begins < up && greeting <= up => {
                        assert_eq!((error.status, error.outcome), (Status::Io, Outcome::Unknown), "{up} {i} {error}");
                        assert!(ran == usize::from(ends <= up), "{up} {i}");
                    }
                    Err(error) => {
                        assert_eq!(error.outcome, Outcome::NotSent, "{up} {i} {error}");
                        assert_eq!(ran, 0, "{up} {i}");
                    }
                }
                begins = ends;
            }
            cuts += 1;
        }
        for up in (0..all_up).step_by(3) {
            // Allowed to wait for the next connection, what was not sent runs there, and once.
            let (results, _) = cut(&server, protocol, up, whole, 0);
            for (result, ran) in results.iter().zip(runs(&server)) {
                match result {
                    Ok(reply) => assert!(reply == ":1" && ran == 1),
                    Err(error) => assert!(error.outcome == Outcome::Unknown && ran <= 1, "{up} {error}"),
                }
            }
            assert!(results.iter().filter(|result| result.is_err()).count() <= COMMANDS);
            cuts += 1;
        }
        let replies = all_down - COMMANDS * ":1\r\n".len();
        for down in replies..all_down {
            let (results, _) = cut(&server, protocol, whole, down, 0);
            let answered = (down - replies) / ":1\r\n".len();
            for (i, (result, ran)) in results.iter().zip(runs(&server)).enumerate() {
                match result {
                    // Cut before anything was sent, that is seen in time: it runs on the next connection.
                    Ok(_) => assert!((i < answered || down == replies) && ran == 1, "{down} {i}"),
                    Err(error) => {
                        assert!(i >= answered, "{down} {i} {error}");
                        assert_eq!((error.status, error.outcome), (Status::Io, Outcome::Unknown), "{down} {i} {error}");
                    }
                }
            }
            cuts += 1;
        }
    }
    println!("{cuts} cuts");
}
