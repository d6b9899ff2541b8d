//! TLS with those who do not prove who they are, or do not speak it: refused before a byte of ours leaves.

use std::fs;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, date_time_ymd};

use crate::support::c::{CErr, Options, Outcome, Status, option};
use crate::support::peer::{Hello, Peer};
use crate::support::server::{Folder, Server};
use crate::tls::certificates::{Authority, Identity};
use crate::tls::front::{Goodbye, Listener, Then};
use crate::tls::openssl;
use crate::tls::world::{PASSWORD, TlsServer, refused};

/// How much later than its deadline a call may return on a busy machine.
const SLACK: Duration = Duration::from_secs(5);

#[test]
fn certificates_that_prove_nothing() {
    let server = TlsServer::start(&[]);
    let root = server.root();
    let middle = root.below("the middle of the tests");
    let issue = |names: &[&str], change: fn(&mut CertificateParams)| root.issue_with(names, change);
    let shown: &[(Identity, &[&str])] = &[
        (issue(&["localhost"], |params| params.not_after = date_time_ymd(2021, 1, 1)), &["expired", "days ago"]),
        (issue(&["localhost"], |params| params.not_before = date_time_ymd(4000, 1, 1)), &["not yet valid", "days"]),
        (Authority::new("nobody that is known").issue(&["localhost"]), &["trusted here", "tls_ca_file"]),
        // The name of an authority is no proof of being it.
        (Authority::new("the root of the tests").issue(&["localhost"]), &["not signed by"]),
        (Identity::self_signed(&["localhost"], |_| {}), &["trusted here"]),
        (issue(&["elsewhere.test"], |_| {}), &["not for \"localhost\"", "but for", "elsewhere.test"]),
        (issue(&[], |params| params.distinguished_name.push(DnType::CommonName, "localhost")), &["no name at all"]),
        (issue(&["127.0.0.1"], |_| {}), &["not for \"localhost\"", "127.0.0.1"]),
        (issue(&["localhost"], client_only), &["not one for servers"]),
        (issue(&["localhost"], |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)), &["CA:TRUE"]),
        (middle.issue(&["localhost"]).unlinked(), &["links it"]),
        // One that may sign nothing has signed.
        (signed_by_a_leaf(root), &["may not sign"]),
    ];
    for (identity, words) in shown {
        server.show(identity);
        let err = server.refuses(&server.options(), words);
        assert!(err.message.starts_with(&format!("localhost:{}: tls: ", server.port())), "{err:?}");
    }
    // The same client, once the certificate is good.
    server.show(&root.issue(&["localhost"]));
    assert_eq!(server.options().client().ask(&["PING"]), "+PONG");
}

fn client_only(params: &mut CertificateParams) {
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
}

fn signed_by_a_leaf(root: &Authority) -> Identity {
    root.below_with("a leaf that signs", |params| params.is_ca = IsCa::ExplicitNoCa).issue(&["localhost"])
}

#[test]
fn names_that_do_not_match() {
    let server = TlsServer::start(&[]);
    server.show(&server.root().issue(&["*.example.test", "localhost"]));
    let called = |name: &str| server.options().text(option::TLS_SERVER_NAME, name);
    for name in ["two.levels.example.test", "example.test", "elsewhere.test", "xexample.test"] {
        server.refuses(&called(name), &[name, "*.example.test"]);
    }
    // An address is no name, though a name resolves to it.
    let at_address = || server.options_at("127.0.0.1").text(option::TLS_CA_FILE, &server.ca());
    server.refuses(&at_address(), &["127.0.0.1"]);
    server.refuses(&called("127.0.0.1"), &["127.0.0.1"]);
    assert_eq!(at_address().text(option::TLS_SERVER_NAME, "localhost").client().ask(&["PING"]), "+PONG");
}

#[test]
fn nobody_is_trusted_who_was_not_named() {
    let server = TlsServer::start(&[]);
    // The system's authorities have not signed it; and others that are named are not this one.
    let other = Authority::new("somebody else");
    server.refuses(&server.options_at("localhost").text(option::TLS_CA_PEM, &other.pem()), &["trusted here"]);
    let client = server.options_at("localhost").try_client();
    match client.and_then(|client| client.command(&["PING"])) {
        Err(err) => assert!([Status::TLS, Status::CONFIG].contains(&err.status), "{err:?}"),
        Ok(_) => panic!("this system trusts the authority of a test"),
    }
}

#[test]
fn servers_that_want_to_know_who_we_are() {
    let server = TlsServer::start(&["tls-auth-clients yes"]);
    let stranger = Authority::new("nobody that is known").issue(&["client.test"]);
    let [certificate, key] = stranger.write(server.folder().path(), "stranger");
    for spoken in ["TLSv1.3", "TLSv1.2"] {
        server.configure(&["tls-protocols", spoken]);
        server.refuses(&server.options(), &["wants a certificate of ours", "tls_cert_file"]);
        let options = server.options().text(option::TLS_CERT_FILE, &certificate).text(option::TLS_KEY_FILE, &key);
        server.refuses(&options, &["does not accept our certificate"]);
    }
}

#[test]
fn no_version_in_common() {
    let server = TlsServer::start(&["tls-protocols TLSv1.2"]);
    server.refuses(&server.options().int(option::TLS_VERSION_MIN, 13), &["tls_version_min"]);
    // A server's hello in TLS 1.1, and the word that it refuses ours.
    let mut hello = b"\x16\x03\x02\x00\x2a\x02\x00\x00\x26\x03\x02".to_vec();
    hello.extend([7; 32]);
    hello.extend(b"\x00\x00\x2f\x00");
    for words in [hello.as_slice(), b"\x15\x03\x01\x00\x02\x02\x46"] {
        let peer = Listener::pretender(words, Duration::ZERO, Then::Stall);
        refused(&pretended(&peer), &["version"]);
        said_nothing(&peer);
    }
}

#[test]
fn openssl_with_what_nobody_should_use_any_more() {
    let folder = Folder::new("weak");
    let weak = openssl::weak_identities(folder.path());
    for (name, identity, arguments) in &weak {
        let server = openssl::Server::start(identity, arguments);
        let err = refused(&openssl::options(server.port(), identity), &[]);
        assert!(!server.log().contains(PASSWORD), "{name}: {err:?}");
    }
    assert!(weak.len() >= 3);
}

/// A client of a peer that only pretends.
fn pretended(peer: &Listener) -> Options {
    Options::at(&format!("rediss://:{PASSWORD}@127.0.0.1:{}", peer.port()))
        .text(option::TLS_CA_PEM, &Authority::new("a root").pem())
        .int(option::RETRY_MAX, 0)
}

/// Nothing but TLS's first words has come, whatever came.
fn said_nothing(peer: &Listener) {
    let heard = peer.heard();
    assert!(heard.starts_with(b"\x16\x03"), "it begins with TLS: {}", heard.escape_ascii());
    for word in [PASSWORD, "AUTH", "HELLO"] {
        assert!(!heard.windows(word.len()).any(|part| part == word.as_bytes()), "{word} was said");
    }
}

#[test]
fn peers_that_do_not_speak_tls() {
    let banners: &[&[u8]] = &[
        b"-ERR unknown command\r\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\0\0\0\0\0\0\0\0",
        b"\x16\x03\x03\xff\xff",
        b"\xff\xff\xff\xff\xff\xff",
    ];
    for banner in banners {
        let peer = Listener::pretender(banner, Duration::ZERO, Then::Stall);
        let err = refused(&pretended(&peer), &["does not speak TLS"]);
        assert!(err.message.contains(&format!("127.0.0.1:{}", peer.port())), "{err:?}");
        said_nothing(&peer);
    }
    // A real one: what it makes of a hello is its own affair, but never a connection, and never our password.
    let server = Server::start(&[]);
    let url = server.url().replace("redis://", &format!("rediss://:{PASSWORD}@"));
    let options = Options::at(&url).int(option::CONNECT_TIMEOUT_MS, 2_000).int(option::RETRY_MAX, 0);
    let err = options.text(option::TLS_CA_PEM, &Authority::new("a root").pem()).client().command(&["PING"]);
    let err = err.expect_err("it speaks no TLS");
    assert!([Status::TLS, Status::TIMEOUT, Status::CONNECT].contains(&err.status), "{err:?}");
    assert_eq!(err.outcome, Outcome::NOT_SENT);
    assert!(!server.ask(&["INFO", "commandstats"]).contains("auth"));
}

#[test]
fn a_client_without_tls_is_not_kept_waiting_by_a_port_for_it() {
    let server = TlsServer::start(&[]);
    let url = format!("redis://127.0.0.1:{}", server.port());
    let options = Options::at(&url).int(option::CONNECT_TIMEOUT_MS, 2_000).int(option::RETRY_MAX, 0);
    let start = Instant::now();
    let err = options.client().command(&["PING"]).expect_err("it speaks TLS");
    assert!(start.elapsed() < Duration::from_secs(2) + SLACK, "{err:?}");
    let statuses = [Status::CONNECT, Status::PROTOCOL, Status::TIMEOUT];
    assert!(statuses.contains(&err.status) && err.outcome == Outcome::NOT_SENT, "{err:?}");
}

#[test]
fn handshakes_that_do_not_end() {
    // Half of a hello; and then silence, an end, or a byte now and then.
    let half = b"\x16\x03\x03\x00\x2a\x02\x00\x00\x26\x03\x03";
    let timed = |peer: &Listener| {
        let start = Instant::now();
        let options = pretended(peer).int(option::CONNECT_TIMEOUT_MS, 300);
        let err = options.client().command(&["PING"]).expect_err("it never ends");
        said_nothing(peer);
        (err, start.elapsed())
    };
    let in_time = |err: &CErr, took: Duration| {
        assert_eq!((err.status, err.outcome), (Status::TIMEOUT, Outcome::NOT_SENT), "{err:?}");
        assert!(took >= Duration::from_millis(300) && took < SLACK, "{took:?}: {err:?}");
        // The handshake has what connecting left of 300 ms.
        let allowed = err.message.split_once("within ").and_then(|(_, behind)| behind.split(' ').next());
        let allowed = allowed.and_then(|ms| ms.parse::<u32>().ok());
        assert!(err.message.contains("tls: ") && allowed.is_some_and(|ms| ms <= 300), "{err:?}");
    };
    for words in [b"".as_slice(), half] {
        let (err, took) = timed(&Listener::pretender(words, Duration::ZERO, Then::Stall));
        in_time(&err, took);
    }
    let (err, took) = timed(&Listener::pretender(&half.repeat(9)[..99], Duration::from_millis(20), Then::Stall));
    assert!(err.status == Status::TIMEOUT && took < SLACK, "{took:?}: {err:?}");
    for words in [b"".as_slice(), half] {
        let (err, _) = timed(&Listener::pretender(words, Duration::ZERO, Then::Close));
        assert_eq!((err.status, err.outcome), (Status::CONNECT, Outcome::NOT_SENT), "{err:?}");
        assert!(err.message.contains("tls: "), "{err:?}");
    }
}

#[test]
fn ends_that_are_not_said_are_breaks() {
    let root = Authority::new("a root");
    let identity = root.issue(&["127.0.0.1"]);
    for half in [b"".as_slice(), b"$10\r\nhel", b"$5\r\nhello\r\n$5\r\nhel"] {
        for (goodbye, word) in [(Goodbye::Said, "closed"), (Goodbye::Missing, "cut"), (Goodbye::Garbage, "tls")] {
            let peer = Peer::tcp(Hello::Resp3, move |line| {
                line.command()?;
                line.send(half)
            });
            let front = Listener::front(&identity, &peer, goodbye);
            let options = Options::at(&format!("rediss://127.0.0.1:{}", front.port()));
            let options = options.text(option::TLS_CA_PEM, &root.pem()).int(option::RETRY_MAX, 0);
            let mut conn = options.client().conn().expect("a connection");
            for _ in 0..2 {
                conn.send(&["INCR", "key"]).expect("it can be sent");
            }
            if half.len() > 12 {
                // What was whole before the end is not lost by it.
                assert_eq!(conn.receive(5_000).expect("a whole reply").text(), b"hello");
            }
            let err = conn.receive(5_000).expect_err("half a reply is none");
            assert_eq!(err.status, Status::IO, "{goodbye:?} after {}: {err:?}", half.escape_ascii());
            assert!(err.message.contains(word), "{goodbye:?}: {err:?}");
        }
    }
    // And what became of a command is not known then.
    let peer = Peer::tcp(Hello::Resp3, |line| {
        line.command()?;
        line.send(b"$10\r\nhel")
    });
    let front = Listener::front(&identity, &peer, Goodbye::Missing);
    let options = Options::at(&format!("rediss://127.0.0.1:{}", front.port())).int(option::RETRY_MAX, 0);
    let err = options.text(option::TLS_CA_PEM, &root.pem()).client().command(&["INCR", "key"]).expect_err("half");
    assert_eq!((err.status, err.outcome), (Status::IO, Outcome::UNKNOWN), "{err:?}");
}

#[test]
fn a_front_that_is_not_believed_hears_nothing() {
    let peer = Peer::tcp(Hello::Resp3, |line| line.serve());
    let front = Listener::front(&Authority::new("a liar").issue(&["127.0.0.1"]), &peer, Goodbye::Said);
    refused(&pretended(&front), &["trusted here"]);
    assert_eq!(peer.connections(), 0, "nothing was ever opened for it");
}

#[test]
fn options_that_cannot_work_are_refused_at_once() {
    let folder = Folder::new("config");
    let root = Authority::new("a root");
    let (one, two) = (root.issue(&["one.test"]), root.issue(&["two.test"]));
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("a temporary folder can be written");
        path.display().to_string()
    };
    let empty = file("empty", "");
    let broken = file("broken", "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n");
    let locked = file("locked", &one.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"));
    let place = folder.path().display().to_string();
    let hole = Folder::new("hole");
    let hole = hole.path().display().to_string();
    let base = || Options::at("rediss://localhost:1").text(option::TLS_CA_PEM, &root.pem());
    let with_cert = || base().text(option::TLS_CERT_PEM, &one.chain);
    let cases: &[(Options, &[&str])] = &[
        (base().text(option::TLS_CA_FILE, "/absent"), &["tls_ca_file", "/absent", "No such file"]),
        (base().text(option::TLS_CA_FILE, &place), &["tls_ca_file", "no file"]),
        (base().text(option::TLS_CA_FILE, "/dev/zero"), &["tls_ca_file", "no file"]),
        (base().text(option::TLS_CA_FILE, &empty), &["tls_ca_file", "no authority"]),
        (base().text(option::TLS_CA_FILE, &broken), &["tls_ca_file"]),
        (base().text(option::TLS_CA_PEM, "nothing"), &["tls_ca_pem", "no authority"]),
        (base().text(option::TLS_CA_DIR, "/absent"), &["tls_ca_dir"]),
        (base().text(option::TLS_CA_DIR, &hole), &["tls_ca_dir", "no authority"]),
        (with_cert(), &["tls_cert_pem", "tls_key_pem"]),
        (base().text(option::TLS_KEY_PEM, &one.key), &["tls_key_pem", "without a certificate"]),
        (with_cert().text(option::TLS_KEY_PEM, &two.key), &["tls_key_pem", "not the key"]),
        (with_cert().text(option::TLS_KEY_PEM, "nothing"), &["tls_key_pem", "no private key"]),
        (with_cert().text(option::TLS_KEY_FILE, &locked), &["tls_key_file", "encrypted"]),
        (with_cert().text(option::TLS_KEY_FILE, &locked).text(option::TLS_KEY_PEM, &one.key), &["one of the two"]),
        (base().text(option::TLS_CERT_FILE, &empty), &["tls_cert_file", "no certificate"]),
        (base().text(option::HOST, "no_host!"), &["no_host!"]),
        (base().text(option::UNIX_PATH, "/tmp/s"), &["tls_server_name"]),
    ];
    for (options, words) in cases {
        let Err(err) = options.try_client() else { panic!("{words:?} was accepted") };
        assert_eq!((err.status, err.outcome), (Status::CONFIG, Outcome::NONE), "{err:?}");
        for word in *words {
            assert!(err.message.contains(word), "{word}: {err:?}");
        }
        assert!(!err.message.contains("PRIVATE KEY"), "{err:?}");
    }
}
