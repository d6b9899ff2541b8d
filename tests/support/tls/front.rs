//! TLS in front of a plain peer, and peers that only pretend.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::certificates::Identity;
use crate::support::peer::Peer;

/// A listener on a thread that ends with it.
pub struct Listener {
    port: u16,
    stopped: Arc<AtomicBool>,
    heard: Arc<Mutex<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
}

/// What a peer does when it has said what it has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    Close,
    Stall,
}

/// How a front closes when the peer behind it has closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goodbye {
    Said,
    Missing,
    /// A reset, and nothing before it.
    Reset,
    /// Bytes that are no record of TLS.
    Garbage,
}

impl Listener {
    /// Show this certificate, open what comes, and hand it to the peer: which is called only when something has come.
    pub fn front(identity: &Identity, peer: &Peer, goodbye: Goodbye) -> Listener {
        let config = server_config(identity);
        let (_, behind) =
            peer.url().rsplit_once(':').map(|(head, port)| (head.to_owned(), port.to_owned())).expect("a port");
        let behind: u16 = behind.parse().expect("a port");
        Listener::start(move |stream, end, _| pass_on(stream, Arc::clone(&config), behind, goodbye, end))
    }

    /// Say these bytes, slowly if there is a pause, once something has come; note everything that comes.
    pub fn pretender(words: &[u8], pause: Duration, then: Then) -> Listener {
        let words = words.to_vec();
        Listener::start(move |mut stream, end, heard| {
            note(&mut stream, heard)?;
            for byte in words.chunks(if pause.is_zero() { words.len().max(1) } else { 1 }) {
                stream.write_all(byte)?;
                thread::sleep(pause);
            }
            while then == Then::Stall && !end() {
                note(&mut stream, heard)?;
            }
            Ok(())
        })
    }

    /// Answer each of `count` commands with `size` bytes, and read no further while they are being written; a command is
    /// as long as its answer, or longer.
    pub fn stubborn(identity: &Identity, count: usize, size: usize) -> Listener {
        let config = server_config(identity);
        Listener::start(move |stream, _, _| {
            let tls = ServerConnection::new(Arc::clone(&config)).map_err(io::Error::other)?;
            let mut stream = StreamOwned::new(tls, stream);
            let mut answer = format!("${size}\r\n").into_bytes();
            answer.resize(answer.len() + size, b'y');
            answer.extend_from_slice(b"\r\n");
            let mut command = vec![0; size];
            for _ in 0..count {
                stream.read_exact(&mut command[..1])?;
                stream.write_all(&answer)?;
                stream.read_exact(&mut command[1..])?;
            }
            stream.flush()?;
            while stream.read(&mut command)? > 0 {}
            Ok(())
        })
    }

    fn start<F>(serve: F) -> Listener
    where
        F: Fn(TcpStream, &dyn Fn() -> bool, &Mutex<Vec<u8>>) -> io::Result<()> + Send + Sync + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = listener.local_addr().expect("a listener has an address").port();
        let (stopped, heard) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::default()));
        let thread = thread::spawn({
            let (stopped, heard) = (Arc::clone(&stopped), Arc::clone(&heard));
            move || {
                let begin = Instant::now();
                let end = || stopped.load(Ordering::SeqCst) || begin.elapsed() > Duration::from_secs(30);
                thread::scope(|scope| {
                    while let Ok((stream, _)) = listener.accept() {
                        if end() {
                            return;
                        }
                        // An error is the client's leaving.
                        scope.spawn(|| drop(serve(stream, &end, &heard)));
                    }
                });
            }
        });
        Listener { port, stopped, heard, thread: Some(thread) }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// What came, as it came.
    pub fn heard(&self) -> Vec<u8> {
        self.heard.lock().expect("nothing panics with it").clone()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
        if let Some(thread) = self.thread.take() {
            assert!(thread.join().is_ok() || thread::panicking(), "a listener panicked");
        }
    }
}

fn server_config(identity: &Identity) -> Arc<ServerConfig> {
    let chain = CertificateDer::pem_slice_iter(identity.chain.as_bytes()).collect::<Result<_, _>>().expect("PEM");
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("TLS has versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a certificate and its key");
    Arc::new(config)
}

fn note(stream: &mut TcpStream, heard: &Mutex<Vec<u8>>) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_millis(20)))?;
    let mut buffer = [0; 4096];
    match stream.read(&mut buffer) {
        Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
        Ok(len) => {
            heard.lock().expect("nothing panics with it").extend_from_slice(&buffer[..len]);
            Ok(())
        }
        Err(error) if is_late(&error) => Ok(()),
        Err(error) => Err(error),
    }
}

fn pass_on(
    mut client: TcpStream,
    config: Arc<ServerConfig>,
    behind: u16,
    goodbye: Goodbye,
    end: &dyn Fn() -> bool,
) -> io::Result<()> {
    let mut tls = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut peer: Option<TcpStream> = None;
    client.set_nonblocking(true)?;
    let mut buffer = vec![0; 64 << 10];
    while !end() {
        let mut moved = false;
        match tls.read_tls(&mut client) {
            Ok(0) => return Ok(()),
            Ok(_) => moved = true,
            Err(error) if is_late(&error) => {}
            Err(error) => return Err(error),
        }
        let opened = tls.process_new_packets();
        while tls.wants_write() {
            match tls.write_tls(&mut client) {
                Err(error) if is_late(&error) => break,
                written => written?,
            };
            moved = true;
        }
        if opened.map_err(io::Error::other)?.plaintext_bytes_to_read() > 0 {
            let len = tls.reader().read(&mut buffer)?;
            if peer.is_none() {
                peer = Some(TcpStream::connect((Ipv4Addr::LOCALHOST, behind))?);
            }
            peer.as_mut().expect("just now").write_all(&buffer[..len])?;
            moved = true;
        }
        if let Some(stream) = &mut peer {
            stream.set_nonblocking(true)?;
            match stream.read(&mut buffer) {
                Ok(0) => return close(client, tls, goodbye),
                Ok(len) => {
                    tls.writer().write_all(&buffer[..len])?;
                    moved = true;
                }
                Err(error) if is_late(&error) => {}
                Err(error) => return Err(error),
            }
            stream.set_nonblocking(false)?;
        }
        if !moved {
            thread::sleep(Duration::from_millis(1));
        }
    }
    Ok(())
}

fn close(mut client: TcpStream, mut tls: ServerConnection, goodbye: Goodbye) -> io::Result<()> {
    client.set_nonblocking(false)?;
    if goodbye == Goodbye::Reset {
        return socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO));
    }
    if goodbye == Goodbye::Said {
        tls.send_close_notify();
    }
    while tls.wants_write() {
        tls.write_tls(&mut client)?;
    }
    if goodbye == Goodbye::Garbage {
        client.write_all(b"\x17\x03\x03\x00\x20this is not sealed with any key!")?;
    }
    Ok(())
}

fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
