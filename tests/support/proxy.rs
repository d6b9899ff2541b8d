//! A proxy in front of a real server, that cuts each connection where it is told to.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::SockRef;

use super::dice::Dice;
use super::server::Server;

/// A listener that passes bytes on to a server, on threads that end with it.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    /// Where the next connection leads.
    behind: Arc<Mutex<PathBuf>>,
    accepting: Option<JoinHandle<()>>,
}

/// Where one connection is cut: after so many bytes of the client's were passed on, or of the server's, whichever is first.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    pub up: usize,
    pub down: usize,
    /// Whether the client sees a reset, or the end of the stream.
    pub reset: bool,
}

struct Shared {
    stopped: AtomicBool,
    connections: AtomicUsize,
    cuts: AtomicUsize,
    /// How often everything was cut at once.
    storms: AtomicUsize,
}

impl Cut {
    pub const NEVER: Cut = Cut { up: usize::MAX, down: usize::MAX, reset: false };
}

impl Proxy {
    /// Pass on to this server; `plan` says where the connection of each number is cut.
    pub fn before(server: &Server, plan: impl Fn(usize) -> Cut + Send + Sync + 'static) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = listener.local_addr().expect("a listener has an address").port();
        let shared = Arc::new(Shared {
            stopped: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
            cuts: AtomicUsize::new(0),
            storms: AtomicUsize::new(0),
        });
        let behind = Arc::new(Mutex::new(server.unix_path()));
        let accepting = thread::spawn({
            let (shared, behind) = (Arc::clone(&shared), Arc::clone(&behind));
            move || accept_all(&listener, &behind, &shared, &plan)
        });
        Proxy { port, shared, behind, accepting: Some(accepting) }
    }

    /// From now on new connections are passed on to this server; those that are there stay where they are.
    pub fn lead_to(&self, server: &Server) {
        *self.behind.lock().expect("a proxy panicked") = server.unix_path();
    }

    /// How many connections it has accepted.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Cut every connection at some random byte, after so many of the client's at most, or so many of the server's.
    pub fn cutting(server: &Server, seed: u64, up_max: u64, down_max: u64) -> Proxy {
        Proxy::before(server, move |number| {
            let mut dice = Dice::new(seed, number as u64);
            let (up, down) = (1 + dice.throw(up_max) as usize, 1 + dice.throw(down_max) as usize);
            Cut { up, down, reset: dice.throw(2) == 0 }
        })
    }

    /// Cut whatever is open.
    pub fn cut_all(&self) {
        self.shared.storms.fetch_add(1, Ordering::SeqCst);
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// How many connections it has cut.
    pub fn cuts(&self) -> usize {
        self.shared.cuts.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
        if let Some(accepting) = self.accepting.take() {
            assert!(accepting.join().is_ok() || thread::panicking(), "a proxy panicked");
        }
    }
}

fn accept_all(listener: &TcpListener, behind: &Mutex<PathBuf>, shared: &Shared, plan: &(impl Fn(usize) -> Cut + Sync)) {
    thread::scope(|scope| {
        while let Ok((client, _)) = listener.accept() {
            if shared.stopped.load(Ordering::SeqCst) {
                return;
            }
            let cut = plan(shared.connections.fetch_add(1, Ordering::SeqCst));
            let behind = behind.lock().expect("a proxy panicked").clone();
            // An error is that one side left.
            scope.spawn(move || drop(pass_on(client, &behind, cut, shared)));
        }
    });
}

fn pass_on(mut client: TcpStream, behind: &Path, cut: Cut, shared: &Shared) -> io::Result<()> {
    let mut server = UnixStream::connect(behind)?;
    client.set_nodelay(true)?;
    client.set_nonblocking(true)?;
    server.set_nonblocking(true)?;
    let mut left = [cut.up, cut.down];
    let storms = shared.storms.load(Ordering::SeqCst);
    while !shared.stopped.load(Ordering::SeqCst) {
        let moved = pass(&mut client, &mut server, &mut left[0])? | pass(&mut server, &mut client, &mut left[1])?;
        if left.contains(&0) || shared.storms.load(Ordering::SeqCst) != storms {
            shared.cuts.fetch_add(1, Ordering::SeqCst);
            if cut.reset {
                SockRef::from(&client).set_linger(Some(Duration::ZERO))?;
            }
            return Ok(());
        }
        if !moved {
            rest(&client, &server);
        }
    }
    Ok(())
}

/// Wait until one of them says something, for a moment.
fn rest(client: &TcpStream, server: &UnixStream) {
    let one = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    let mut fds = [one(client.as_raw_fd()), one(server.as_raw_fd())];
    // SAFETY: both descriptors are open as long as their streams, and there are two of them.
    unsafe { libc::poll(fds.as_mut_ptr(), 2, 20) };
}

/// Pass on what is there, of what may be passed on yet. False: nothing is there.
fn pass(from: &mut impl Read, to: &mut impl Write, left: &mut usize) -> io::Result<bool> {
    let mut buffer = [0; 4096];
    let len = match from.read(&mut buffer[..4096.min(*left)]) {
        Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
        Ok(len) => len,
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
        Err(error) => return Err(error),
    };
    let mut at = 0;
    while at < len {
        match to.write(&buffer[at..len]) {
            Ok(written) => at += written,
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(Duration::from_micros(100)),
            Err(error) => return Err(error),
        }
    }
    *left -= len;
    Ok(true)
}
