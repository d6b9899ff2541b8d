//! TLS over a socket of the program's: what it waits for, what its errors are the next time, and what a write must begin with.

use std::io::{ErrorKind, Read};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use rredis::error::{Error, Status};
use rredis::options::{Key, Options};
use rredis::transport::{LentWants, Moved, Secured};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection};

use crate::tls::certificates::Authority;

/// The other end, which moves when it is told to.
struct Server {
    tls: ServerConnection,
    stream: UnixStream,
}

impl Server {
    /// Take what came, and answer. False: it takes no more of this client.
    fn turn(&mut self) -> bool {
        let mut fine = true;
        loop {
            match self.tls.read_tls(&mut self.stream) {
                Ok(0) => break,
                Ok(_) => fine &= self.tls.process_new_packets().is_ok(),
                // What was opened waits to be read.
                Err(error) if error.kind() == ErrorKind::Other => self.drain(),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.stream).expect("the client reads");
        }
        fine
    }

    fn drain(&mut self) {
        let mut buffer = [0; 4096];
        while matches!(self.tls.reader().read(&mut buffer), Ok(1..)) {}
    }
}

/// Both ends. `asks`: the server wants a certificate of the client's, which has none.
fn ends(asks: bool) -> (Secured, Server, UnixStream) {
    let root = Authority::new("a root");
    let identity = root.issue(&["lent.test"]);
    let provider = Arc::new(default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(root.pem().as_bytes()).expect("PEM")).expect("a root");
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().expect("TLS has versions");
    let builder = match asks {
        true => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().expect("there is a root"))
        }
        false => builder.with_no_client_auth(),
    };
    let chain = CertificateDer::pem_slice_iter(identity.chain.as_bytes()).collect::<Result<_, _>>().expect("PEM");
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("a key");
    let config = builder.with_single_cert(chain, key).expect("a certificate and its key");
    let (client, stream) = UnixStream::pair().expect("a pair");
    for end in [&client, &stream] {
        end.set_nonblocking(true).expect("a socket");
    }
    let secured = Secured::new(client.as_raw_fd(), &options(&root.pem())).expect("good options");
    (secured, Server { tls: ServerConnection::new(Arc::new(config)).expect("a server"), stream }, client)
}

fn options(root: &str) -> Options {
    let mut options = Options::new();
    options.set_text(Key::Host, b"lent.test").expect("a host");
    options.set_text(Key::TlsCaPem, root.as_bytes()).expect("a root");
    options
}

/// Read until hands are shaken, and everything that the server says then has come.
fn shake_hands(secured: &mut Secured, server: &mut Server) {
    for _ in 0..8 {
        assert_eq!(secured.read(&mut [0; 64]).expect("it goes on"), Moved::None);
        assert!(server.turn(), "the server refuses");
    }
    assert!(!server.tls.is_handshaking(), "hands are not shaken");
}

fn status(result: Result<Moved, Error>) -> Status {
    result.expect_err("it must fail").status
}

#[test]
fn a_write_that_the_handshake_held_back_is_waited_for_after_it() {
    let (mut secured, mut server, _client) = ends(false);
    assert_eq!(secured.write(b"PING\r\n").expect("it waits"), Moved::None);
    shake_hands(&mut secured, &mut server);
    assert_eq!(secured.wants(), LentWants { read: true, write: true });
    assert_eq!(secured.write(b"PING\r\n").expect("hands are shaken"), Moved::Some(6));
    assert_eq!(secured.wants(), LentWants { read: true, write: false });
}

#[test]
fn without_a_write_only_reading_is_waited_for() {
    let (mut secured, mut server, _client) = ends(false);
    shake_hands(&mut secured, &mut server);
    assert_eq!(secured.wants(), LentWants { read: true, write: false });
}

/// The socket tells of a reset once, and then of an end.
#[test]
fn a_connection_that_broke_stays_broken() {
    let (mut secured, mut server, _client) = ends(false);
    shake_hands(&mut secured, &mut server);
    // What the server has not read when it closes makes a reset of it.
    assert_eq!(secured.write(b"PING\r\n").expect("there is room"), Moved::Some(6));
    drop(server);
    for _ in 0..3 {
        assert_eq!(status(secured.read(&mut [0; 64])), Status::Io);
    }
    assert_eq!(status(secured.write(b"PING\r\n")), Status::Io);
}

#[test]
fn a_server_that_just_closes_ends_in_order_however_often_it_is_asked() {
    let (mut secured, mut server, _client) = ends(false);
    shake_hands(&mut secured, &mut server);
    drop(server);
    for _ in 0..3 {
        assert_eq!(secured.read(&mut [0; 64]).expect("an end"), Moved::Some(0));
    }
}

/// In TLS 1.3 a client learns that it was refused when it has shaken hands, and perhaps written.
#[test]
fn a_client_without_a_certificate_hears_why_and_hears_it_again() {
    let (mut secured, mut server, _client) = ends(true);
    assert_eq!(secured.write(b"PING\r\n").expect("it waits"), Moved::None);
    assert!(server.turn(), "it has yet to ask");
    assert_eq!(secured.write(b"PING\r\n").expect("hands are shaken"), Moved::Some(6));
    assert!(!server.turn(), "the server lets anybody in");
    drop(server);
    for _ in 0..2 {
        assert_eq!(status(secured.read(&mut [0; 64])), Status::Tls);
        assert_eq!(status(secured.write(b"PING\r\n")), Status::Tls);
    }
}

#[test]
fn a_write_that_took_nothing_is_made_again_with_all_of_its_bytes() {
    let (mut secured, mut server, _client) = ends(false);
    shake_hands(&mut secured, &mut server);
    let bytes = vec![b'x'; 20_000];
    let mut count = 0;
    while secured.write(&bytes[..1000]).expect("nothing is wrong") == Moved::Some(1000) {
        count += 1;
        assert!(count < 1_000_000, "the socket is never full");
    }
    assert_eq!(secured.wants(), LentWants { read: true, write: true });
    let error = secured.write(&bytes[..999]).expect_err("it is less than before");
    assert_eq!(error.status, Status::Argument);
    assert!(error.to_string().contains("bytes_len is 999"), "{error}");
    assert_eq!(secured.write(&bytes[..1000]).expect("the same"), Moved::None);
    server.turn();
    assert_eq!(secured.write(&bytes).expect("more"), Moved::Some(1000));
    server.turn();
    server.drain();
    // And then any number goes, up to a record.
    assert_eq!(secured.write(&bytes[..1]).expect("less"), Moved::Some(1));
    assert_eq!(secured.write(&bytes).expect("more than a record"), Moved::Some(16_384));
}

#[test]
fn options_that_say_no_tls_are_refused_by_what_they_say() {
    let (client, _server) = UnixStream::pair().expect("a pair");
    let mut by_url = Options::new();
    by_url.set_url(b"redis://lent.test").expect("a URL");
    let mut by_number = Options::new();
    by_number.set_int(Key::Tls, 0).expect("a number");
    for options in [by_url, by_number] {
        let error = Secured::new(client.as_raw_fd(), &options).err().expect("it is refused");
        assert_eq!(error.status, Status::Config);
        assert!(error.to_string().contains("redis://"), "{error}");
    }
    let mut secured = Options::new();
    secured.set_url(b"rediss://lent.test").expect("a URL");
    assert!(Secured::new(client.as_raw_fd(), &secured).is_ok());
}
