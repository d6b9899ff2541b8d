//! How soon a failover can be over at all: bare sockets that ask every server until one of them says what is waited for. What a
//! client needs beyond that is its own.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Between two questions to one server.
const PAUSE: Duration = Duration::from_millis(3);
/// Who has not answered by then is asked anew.
const PATIENCE: Duration = Duration::from_millis(100);
/// However slow the machine is, a failover is over by then.
const TIME_MAX: Duration = Duration::from_secs(60);

/// A question that is put to several servers, each by a thread of its own, until one gives the answer.
pub struct Floor {
    first: Receiver<(Instant, u16)>,
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Floor {
    /// From now on ask these ports on 127.0.0.1 to take a write to this key.
    pub fn of_writes(ports: &[u16], key: &str) -> Floor {
        Floor::new(ports, &["SET", key, "floor"], |answer| answer == "+OK\r\n")
    }

    /// From now on ask these Sentinels who the primary of this service is, until one of them names another port than this.
    pub fn of_names(ports: &[u16], service: &str, old: u16) -> Floor {
        let old = old.to_string();
        Floor::new(ports, &["SENTINEL", "GET-MASTER-ADDR-BY-NAME", service], move |answer| {
            answer.starts_with("*2\r\n") && answer.lines().nth(4).is_some_and(|port| port != old)
        })
    }

    fn new(ports: &[u16], question: &[&str], is_it: impl Fn(&str) -> bool + Send + Sync + 'static) -> Floor {
        let mut bytes = format!("*{}\r\n", question.len());
        question.iter().for_each(|word| bytes.push_str(&format!("${}\r\n{word}\r\n", word.len())));
        let (found, first) = mpsc::channel();
        let over = Arc::new(AtomicBool::new(false));
        let is_it = Arc::new(is_it);
        let thread = |port: &u16| {
            let (port, found, over, is_it) = (*port, found.clone(), Arc::clone(&over), Arc::clone(&is_it));
            let bytes = bytes.clone();
            thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    // An error is that it is not there, or says nothing.
                    if let Ok(true) = ask_until(port, &bytes, &over, &*is_it) {
                        // Nobody listens any more where another was first.
                        let _ = found.send((Instant::now(), port));
                        return;
                    }
                    thread::sleep(PAUSE);
                }
            })
        };
        let threads = ports.iter().map(thread).collect();
        Floor { first, over, threads }
    }

    /// Wait for the first who gives the answer: when that was, and its port.
    pub fn wait(&self) -> (Instant, u16) {
        self.first.recv_timeout(TIME_MAX).expect("nobody gives the answer")
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            assert!(thread.join().is_ok() || thread::panicking(), "a probe panicked");
        }
    }
}

/// Ask on one connection until this is the answer. False: it is over.
fn ask_until(port: u16, question: &str, over: &AtomicBool, is_it: &dyn Fn(&str) -> bool) -> io::Result<bool> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut answer = [0; 512];
    while !over.load(Ordering::Relaxed) {
        stream.write_all(question.as_bytes())?;
        let mut len = 0;
        while !is_whole(&answer[..len]) {
            match stream.read(&mut answer[len..])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                more => len += more,
            }
        }
        if is_it(&String::from_utf8_lossy(&answer[..len])) {
            return Ok(true);
        }
        thread::sleep(PAUSE);
    }
    Ok(false)
}

/// Whether this is a whole answer: one line, or an array of two strings.
fn is_whole(answer: &[u8]) -> bool {
    let lines = answer.iter().filter(|byte| **byte == b'\n').count();
    match answer.first() {
        Some(b'*') if answer.starts_with(b"*2") => lines == 5,
        _ => lines == 1,
    }
}
