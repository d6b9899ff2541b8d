//! The manners of a guest in somebody else's process: signals, descriptors and streams stay the host's.
//!
//! What is tried here is the whole process's, so that it is one test, whose parts come one after the other.

mod support;

use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use support::c::{Client, Options, Outcome, Status, call, option, stat};
use support::peer::{Hello, Line, Peer};
use support::server::Server;

#[test]
fn signals_descriptors_and_streams_stay_the_hosts() {
    let server = Server::start(&[]);
    let silence = Silence::begin();
    a_peer_that_resets_raises_no_sigpipe();
    interrupted_calls_go_on_where_they_were(&server);
    descriptors_above_1024_are_as_good(&server);
    every_descriptor_closes_on_exec(&server);
    a_child_leaves_its_parents_connections_alone(&server);
    let said = silence.end();
    assert_eq!(said, "", "the library wrote to the host's stdout or stderr");
}

/// SIGPIPE as a C program finds it: it ends the process.
fn a_peer_that_resets_raises_no_sigpipe() {
    // SAFETY: the default action is a valid one, and no other thread changes it.
    let before = unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    fn resets(line: &mut Line) -> io::Result<()> {
        let hello = line.any_command()?;
        let answer = line.handshake_answer(&hello).unwrap_or_default();
        line.send(&answer)?;
        // Enough to see that a command has begun, and nothing like all of it.
        line.rst()
    }
    let large = vec![b'x'; 16 << 20];
    for round in 0..10 {
        for peer in [Peer::tcp(Hello::Resp3, resets), Peer::unix(Hello::Resp3, resets)] {
            let client = Options::at(&peer.url()).int(option::RETRY_MAX, 0).client();
            for _ in 0..3 {
                let err = client.command(&[b"SET", b"k".as_slice(), &large]).expect_err("the peer leaves");
                assert!([Status::IO, Status::CONNECT].contains(&err.status), "round {round}: {err:?}");
            }
            // The peer may have left before this is made.
            if let Ok(mut conn) = client.conn() {
                while conn.send(&[b"SET", b"k".as_slice(), &large]).is_ok() {}
            }
        }
    }
    // SAFETY: as above.
    unsafe { libc::signal(libc::SIGPIPE, before) };
}

/// A signal every millisecond, whose handler does not restart what it interrupts.
fn interrupted_calls_go_on_where_they_were(server: &Server) {
    let storm = Storm::begin();
    for url in [server.url(), server.unix_url()] {
        let client = Client::at(&url);
        let large = vec![b'x'; 4 << 20];
        for number in 0..200 {
            let word = number.to_string();
            assert_eq!(client.ask(&["ECHO", &word]), format!("\"{word}\""));
            if number % 40 == 0 {
                assert!(client.command(&[b"ECHO".as_slice(), &large]).expect("an echo").text() == large);
                assert_eq!(Client::at(&url).ask(&["PING"]), "+PONG");
            }
        }
        assert_eq!(client.ask(&["BLPOP", "nothing", "0.1"]), "(nil)", "a wait of the server's is not cut short");
        let start = Instant::now();
        let err = client.command_with(&["BLPOP", "nothing", "0"], call::TIMEOUT, 150).expect_err("nothing comes");
        assert_eq!((err.status, err.outcome), (Status::TIMEOUT, Outcome::UNKNOWN), "{err:?}");
        assert!(start.elapsed() >= Duration::from_millis(150), "early, after {:?}", start.elapsed());
    }
    assert!(storm.end() > 100, "the storm was none");
}

fn descriptors_above_1024_are_as_good(server: &Server) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: limit is a whole rlimit, and stays where it is for the call.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) }, 0);
    assert!(limit.rlim_max >= 3000, "this test needs 3000 descriptors");
    limit.rlim_cur = limit.rlim_cur.max(3000);
    // SAFETY: as above.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
    let held: Vec<File> = (0..1100).map(|_| File::open("/dev/null").expect("there are enough")).collect();
    assert!(held.last().is_some_and(|file| file.as_raw_fd() > 1024));
    for url in [server.url(), server.unix_url()] {
        let client = Client::at(&url);
        assert_eq!(client.ask(&["PING"]), "+PONG");
        assert_eq!(client.ask(&["BLPOP", "nothing", "0.05"]), "(nil)");
        let err = client.command_with(&["BLPOP", "nothing", "0"], call::TIMEOUT, 50).expect_err("nothing comes");
        assert_eq!(err.status, Status::TIMEOUT, "{err:?}");
    }
}

fn every_descriptor_closes_on_exec(server: &Server) {
    let before = descriptors();
    let clients = [Client::at(&server.url()), Client::at(&server.unix_url())];
    let conns: Vec<_> = clients.iter().map(|client| client.conn().expect("a connection")).collect();
    for (client, mut conn) in clients.iter().zip(conns) {
        assert_eq!(conn.ask(&["PING"]), "+PONG");
        assert_eq!(client.ask(&["PING"]), "+PONG");
    }
    let new: Vec<i32> = descriptors().into_iter().filter(|fd| !before.contains(fd)).collect();
    assert!(new.len() >= 4, "two connections each: {new:?}");
    for fd in &new {
        // SAFETY: asks for the flags of a descriptor, open or not.
        let flags = unsafe { libc::fcntl(*fd, libc::F_GETFD) };
        assert!(flags == -1 || flags & libc::FD_CLOEXEC != 0, "descriptor {fd} would stay open in a child");
    }
    drop(clients);
    assert_eq!(descriptors(), before, "a freed client leaves a descriptor behind");
}

/// A forked child makes connections of its own, and never speaks on its parent's.
fn a_child_leaves_its_parents_connections_alone(server: &Server) {
    for url in [server.url(), server.unix_url()] {
        let client = Client::at(&url);
        let id = client.number(&["CLIENT", "ID"]);
        let mut conn = client.conn().expect("the one that rested");
        assert_eq!(client.ask(&["PING"]), "+PONG", "and a second rests");
        let before = descriptors();
        // SAFETY: the child calls the library, whose locks nobody else holds, and _exit.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let own = client.command_with(&["CLIENT", "ID"], call::RAW | call::TIMEOUT, 5000);
            let has_its_own = own.is_ok_and(|reply| reply.integer > id + 1);
            let is_told = conn.command(&["PING"]).is_err_and(|err| err.status == Status::FORKED);
            // The parent's second is closed, and the child's own has its place.
            let closes_what_rests = descriptors().len() == before.len();
            drop((conn, client));
            let code = [has_its_own, is_told, closes_what_rests].iter().position(|held| !held);
            // SAFETY: ends the child without running what is its parent's.
            unsafe { libc::_exit(code.map_or(0, |which| 1 + which as i32)) };
        }
        let mut status = -1;
        // SAFETY: waits for the child, and for nothing else.
        assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
        assert_eq!(status, 0, "the child died, or did not have its own, was not told, or kept what rested");
        assert_eq!(conn.ask(&["CLIENT", "ID"]), format!(":{id}"), "the parent's connection is as it was");
        drop(conn);
        assert_eq!(client.number(&["CLIENT", "ID"]), id);
        assert_eq!(client.stat(stat::CONNECTIONS_CREATED), 2);
    }
}

fn descriptors() -> Vec<i32> {
    let folder = fs::read_dir("/proc/self/fd").expect("Linux has it");
    let names = folder.map(|entry| entry.expect("it can be read").file_name());
    let mut fds: Vec<i32> = names.filter_map(|name| name.to_str()?.parse().ok()).collect();
    // The folder itself was open, and is not any more.
    // SAFETY: asks for the flags of a descriptor, open or not.
    fds.retain(|fd| unsafe { libc::fcntl(*fd, libc::F_GETFD) } != -1);
    fds.sort_unstable();
    fds
}

/// stdout and stderr, led into a file.
struct Silence {
    file: File,
    saved: [i32; 2],
}

impl Silence {
    fn begin() -> Silence {
        let path = std::env::temp_dir().join(format!("rredis-silence-{}", std::process::id()));
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&path);
        let file = file.expect("a file can be made");
        fs::remove_file(&path).expect("it is ours");
        let saved = [1, 2].map(|fd| {
            // SAFETY: copies a descriptor, which nobody else uses by that number.
            let saved = unsafe { libc::dup(fd) };
            // SAFETY: both are open.
            assert_eq!(unsafe { libc::dup2(file.as_raw_fd(), fd) }, fd);
            saved
        });
        Silence { file, saved }
    }

    fn restore(&mut self) {
        for (fd, saved) in [1, 2].into_iter().zip(self.saved) {
            // SAFETY: saved is the copy that was made in begin.
            unsafe { libc::dup2(saved, fd) };
        }
    }

    fn end(mut self) -> String {
        self.restore();
        let mut said = String::new();
        self.file.rewind().expect("a file can be");
        self.file.read_to_string(&mut said).expect("it can be read");
        said
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // A part that failed has said so into the file.
        self.restore();
        for saved in self.saved {
            // SAFETY: the copies are ours.
            unsafe { libc::close(saved) };
        }
    }
}

static STRUCK: AtomicUsize = AtomicUsize::new(0);

extern "C" fn strike(_: i32) {
    STRUCK.fetch_add(1, Ordering::Relaxed);
}

/// SIGALRM to this thread, a thousand times a second.
struct Storm {
    done: Arc<AtomicBool>,
    thrower: Option<thread::JoinHandle<()>>,
}

impl Storm {
    fn begin() -> Storm {
        let handler: extern "C" fn(i32) = strike;
        // SAFETY: an action of zeroes is a valid one, and its flags say not to restart.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = handler as usize;
        // SAFETY: the handler only adds to an atomic number.
        assert_eq!(unsafe { libc::sigaction(libc::SIGALRM, &action, std::ptr::null_mut()) }, 0);
        let done = Arc::new(AtomicBool::new(false));
        // SAFETY: names the thread that calls.
        let target = unsafe { libc::pthread_self() } as usize;
        let thrower = thread::spawn({
            let done = Arc::clone(&done);
            move || {
                while !done.load(Ordering::SeqCst) {
                    // SAFETY: the thread that began the storm outlives it: it waits for this one.
                    unsafe { libc::pthread_kill(target as libc::pthread_t, libc::SIGALRM) };
                    thread::sleep(Duration::from_millis(1));
                }
            }
        });
        Storm { done, thrower: Some(thrower) }
    }

    fn end(mut self) -> usize {
        self.stop();
        STRUCK.load(Ordering::Relaxed)
    }

    fn stop(&mut self) {
        self.done.store(true, Ordering::SeqCst);
        if let Some(thrower) = self.thrower.take() {
            thrower.join().expect("it only throws");
        }
    }
}

impl Drop for Storm {
    fn drop(&mut self) {
        self.stop();
    }
}
