//! TLS to those who prove who they are: a real server's port for TLS, by every way to say whom to trust.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::support::c::{Options, call, kind, option, stat};
use crate::support::peer::{Hello, Peer};
use crate::support::server::{Folder, eventually};
use crate::support::tools::run;
use crate::tls::certificates::{Authority, Identity};
use crate::tls::front::{Goodbye, Listener};
use crate::tls::world::{PASSWORD, TlsServer};

fn answers(options: &Options) {
    assert_eq!(options.client().ask(&["PING"]), "+PONG");
}

#[test]
fn a_name_and_an_address_are_both_proven() {
    let server = TlsServer::start(&[]);
    for host in ["localhost", "127.0.0.1", "LocalHost"] {
        let client = server.options_at(host).text(option::TLS_CA_FILE, &server.ca()).client();
        assert_eq!(client.ask(&["ACL", "WHOAMI"]), "\"default\"");
        assert_eq!(client.ask(&["SET", "key", "value"]), "+OK");
    }
    server.show(&server.root().issue(&["*.example.test"]));
    answers(&server.options().text(option::TLS_SERVER_NAME, "db.example.test"));
    answers(&server.options().text(option::TLS_SERVER_NAME, "db.example.test."));
}

#[test]
fn authorities_come_from_a_file_a_folder_or_an_option() {
    let server = TlsServer::start(&[]);
    let folder = Folder::new("authorities");
    fs::write(folder.path().join("readme.txt"), "no certificate").expect("a temporary folder can be written");
    Authority::new("somebody else").write(&folder.path().join("other.pem"));
    server.root().write(&folder.path().join("root.pem"));
    let place = folder.path().display().to_string();
    answers(&server.options_at("localhost").text(option::TLS_CA_DIR, &place));
    answers(&server.options_at("localhost").text(option::TLS_CA_PEM, &server.root().pem()));
    let both = Authority::new("somebody else").pem() + &server.root().pem();
    answers(&server.options_at("localhost").text(option::TLS_CA_PEM, &both));
    answers(&Options::at(&format!("valkeys://:{PASSWORD}@localhost:{}?ssl_ca_certs={}", server.port(), server.ca())));
    answers(&Options::at(&format!("redis://:{PASSWORD}@localhost:{}?tls=1&tls_ca_dir={place}", server.port())));
    // One server's own certificate is enough, where it is what is shown.
    let own = Identity::self_signed(&["localhost"], |_| {});
    server.show(&own);
    answers(&server.options_at("localhost").text(option::TLS_CA_PEM, &own.chain));
}

#[test]
fn who_links_a_server_to_its_root_comes_with_it() {
    let server = TlsServer::start(&[]);
    let middle = server.root().below("the middle of the tests");
    server.show(&middle.issue(&["localhost"]));
    answers(&server.options());
    server.show(&middle.below("one further down").issue(&["localhost"]));
    answers(&server.options());
}

#[test]
fn a_server_may_ask_who_we_are() {
    let server = TlsServer::start(&["tls-auth-clients yes"]);
    let us = server.root().issue(&["client.test"]);
    let [certificate, key] = us.write(server.folder().path(), "client");
    let by_files = || server.options().text(option::TLS_CERT_FILE, &certificate).text(option::TLS_KEY_FILE, &key);
    answers(&by_files());
    answers(&server.options().text(option::TLS_CERT_PEM, &us.chain).text(option::TLS_KEY_PEM, &us.key));
    answers(&server.options().text(option::TLS_CERT_FILE, &certificate).text(option::TLS_KEY_PEM, &us.key));
    // One file may hold both.
    let both = server.folder().path().join("both.pem");
    fs::write(&both, us.key.clone() + &us.chain).expect("a temporary folder can be written");
    answers(&server.options().text(option::TLS_CERT_FILE, &both.display().to_string()));
    server.configure(&["tls-protocols", "TLSv1.2"]);
    answers(&by_files());
}

#[test]
fn both_versions_are_spoken() {
    let server = TlsServer::start(&[]);
    for (spoken, least) in [("TLSv1.2", 12), ("TLSv1.3", 12), ("TLSv1.3", 13), ("TLSv1.2 TLSv1.3", 13)] {
        server.configure(&["tls-protocols", spoken]);
        answers(&server.options().int(option::TLS_VERSION_MIN, least));
    }
}

#[test]
fn whoever_asks_for_it_loudly_believes_anybody() {
    let server = TlsServer::start(&[]);
    server.show(&Authority::new("nobody").issue(&["elsewhere.test"]));
    for spoken in ["TLSv1.2", "TLSv1.3"] {
        server.configure(&["tls-protocols", spoken]);
        answers(&server.options_at("localhost").int(option::TLS_INSECURE_SKIP_VERIFY, 1));
    }
    answers(&Options::at(&format!("rediss://:{PASSWORD}@localhost:{}?ssl_cert_reqs=none", server.port())));
}

/// Run by the test below, in a process whose environment says where the system's authorities are.
#[test]
#[ignore = "it needs the environment that the next test makes"]
fn child_that_trusts_the_system() {
    let url = std::env::var("RREDIS_TLS_URL").expect("the test below sets it");
    let options = Options::at(&url).int(option::RETRY_MAX, 0);
    match std::env::var("RREDIS_TLS_WHY_NOT").expect("the test below sets it").as_str() {
        "" => answers(&options),
        why => {
            let asked = options.try_client().and_then(|client| client.command(&["PING"]));
            let err = asked.expect_err("nobody vouches for the server");
            assert!(err.message.contains(why), "{err:?}");
        }
    }
    // An authority that was given is trusted alone, whatever the environment says.
    let given = std::env::var("RREDIS_TLS_CA").expect("the test below sets it");
    answers(&options.text(option::TLS_CA_FILE, &given));
}

#[test]
fn by_default_the_systems_authorities_are_trusted_or_those_of_the_environment_in_their_place() {
    let server = TlsServer::start(&[]);
    let folder = Folder::new("environment");
    let other = Authority::new("somebody else").write(&folder.path().join("other.pem"));
    let place = folder.path().join("hashed");
    fs::create_dir(&place).expect("a temporary folder can be written");
    let hash = run(Command::new("openssl").args(["x509", "-hash", "-noout", "-in", &server.ca()]));
    fs::copy(server.ca(), place.join(format!("{}.0", hash.trim()))).expect("a temporary folder can be written");
    let (ca, place) = (server.ca(), place.display().to_string());
    let nowhere = folder.path().join("nowhere").display().to_string();
    for (file, dir, why_not) in [
        (Some(&ca), None, ""),
        (None, Some(&place), ""),
        (Some(&other), Some(&place), ""),
        // What the environment names is all there is: the system's own do not stand in for it.
        (Some(&other), None, "from nobody that is trusted here"),
        (Some(&nowhere), None, "the system trusts nobody"),
        (None, Some(&nowhere), "the system trusts nobody"),
    ] {
        let mut child = Command::new(std::env::current_exe().expect("this program has a file"));
        child.args(["--ignored", "--exact", "identity::child_that_trusts_the_system"]);
        child.env("RREDIS_TLS_URL", format!("rediss://:{PASSWORD}@localhost:{}", server.port()));
        child.env("RREDIS_TLS_WHY_NOT", why_not).env("RREDIS_TLS_CA", &ca);
        for (name, value) in [("SSL_CERT_FILE", file), ("SSL_CERT_DIR", dir)] {
            match value {
                Some(value) => child.env(name, value),
                None => child.env_remove(name),
            };
        }
        let said = run(&mut child);
        assert!(said.contains("1 passed"), "{file:?}, {dir:?}: {said}");
    }
}

#[test]
fn new_files_are_read_when_they_are_there() {
    let server = TlsServer::start(&["tls-auth-clients yes"]);
    let folder = Folder::new("rotation");
    let ours = |authority: &Authority| authority.issue(&["client.test"]).write(folder.path(), "client");
    let ca = server.root().write(&folder.path().join("ca.crt"));
    let [certificate, key] = ours(server.root());
    let client = server
        .options_at("localhost")
        .text(option::TLS_CA_FILE, &ca)
        .text(option::TLS_CERT_FILE, &certificate)
        .text(option::TLS_KEY_FILE, &key)
        .client();
    assert_eq!(client.ask(&["PING"]), "+PONG");

    // Half-written, they change nothing.
    fs::write(&ca, "-----BEGIN CERTIFICATE-----\nnot yet").expect("a temporary folder can be written");
    server.hang_up();
    eventually("it connects again", || client.command(&["PING"]).is_ok());

    // A new authority on both sides, and a new certificate of ours.
    let next = Authority::new("the next root");
    next.write(&folder.path().join("ca.crt"));
    ours(&next);
    let trusted = next.write(&server.folder().path().join("next.crt"));
    server.show(&next.issue(&["localhost"]));
    server.configure(&["tls-ca-cert-file", &trusted]);
    server.hang_up();
    eventually("it connects with the new files", || client.command(&["PING"]).is_ok());
}

#[test]
fn large_values_go_both_ways_at_once() {
    let server = TlsServer::start(&[]);
    let client = server.options().client();
    let mut length = 1;
    while length <= 32 << 20 {
        for len in [length - 1, length, length + 1] {
            let value = vec![b'x'; len];
            assert_eq!(client.ask(&[b"SET".as_slice(), b"key", &value]), "+OK");
            let reply = client.command_with(&["GET", "key"], call::RAW, 0).expect("it is there");
            assert!(reply.kind == kind::STRING && reply.text() == value, "{len} bytes");
        }
        length *= 32;
    }
    // More is asked for than the sockets hold, of a server that answers while we write.
    let mut conn = client.conn().expect("a connection");
    let value = vec![b'y'; 64 << 10];
    conn.command(&[b"SET".as_slice(), b"key", &value]).expect("it can be set");
    for _ in 0..500 {
        conn.send(&[b"ECHO".as_slice(), &value]).expect("it can be sent");
    }
    for _ in 0..500 {
        assert_eq!(conn.receive(10_000).expect("every echo comes").text(), value);
    }
}

#[test]
fn a_peer_that_writes_before_it_reads_on_is_read_meanwhile() {
    // Neither side's buffers hold what is on its way: if writing waited for the peer, both would wait for ever.
    const SIZE: usize = 8 << 20;
    let root = Authority::new("a root");
    let peer = Listener::stubborn(&root.issue(&["127.0.0.1"]), 3, SIZE);
    let options = Options::at(&format!("rediss://127.0.0.1:{}?protocol=2&command_timeout=20", peer.port()));
    let mut conn = options.text(option::TLS_CA_PEM, &root.pem()).client().conn().expect("a connection");
    let value = vec![b'x'; SIZE];
    for _ in 0..3 {
        conn.send(&[b"SET", b"k".as_slice(), &value]).expect("it is sent, and answers are read meanwhile");
    }
    for _ in 0..3 {
        assert_eq!(conn.receive(20_000).expect("an answer").len, SIZE);
    }
}

#[test]
fn many_threads_share_a_client() {
    let server = TlsServer::start(&[]);
    let client = server.options().int(option::POOL_MAX, 4).client();
    thread::scope(|scope| {
        for number in 0..16 {
            let client = &client;
            scope.spawn(move || {
                for turn in 0..50 {
                    let text = format!("{number}-{turn}");
                    assert_eq!(client.ask(&["ECHO", &text]), format!("\"{text}\""));
                }
            });
        }
    });
}

#[test]
fn pieces_of_records_and_replies_are_put_together() {
    let root = Authority::new("a root");
    let identity = root.issue(&["127.0.0.1"]);
    // Many replies in one record, and one reply in many.
    let peer = Peer::tcp(Hello::Resp3, |line| {
        line.command()?;
        line.drip(b"$5\r\nhello\r\n", Duration::from_millis(5))?;
        for _ in 0..3 {
            line.command()?;
        }
        line.send(b"+one\r\n+two\r\n+three\r\n")?;
        line.serve()
    });
    let front = Listener::front(&identity, &peer, Goodbye::Said);
    let client =
        Options::at(&format!("rediss://127.0.0.1:{}", front.port())).text(option::TLS_CA_PEM, &root.pem()).client();
    let mut conn = client.conn().expect("a connection");
    assert_eq!(conn.ask(&["GET", "first"]), "\"hello\"");
    for name in ["a", "b", "c"] {
        conn.send(&["GET", name]).expect("it can be sent");
    }
    for word in ["one", "two", "three"] {
        assert_eq!(conn.receive(5_000).expect("it comes").text(), word.as_bytes());
    }
    assert_eq!(conn.ask(&["GET", "last"]), "\"v:last\"");
}

#[test]
fn what_rests_is_looked_at_through_tls() {
    let server = TlsServer::start(&["timeout 1"]);
    let client = server.options().client();
    // The tickets that TLS sends behind its handshake are nothing that nobody had asked for.
    for _ in 0..3 {
        assert_eq!(client.ask(&["PING"]), "+PONG");
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(client.stat(stat::CONNECTIONS_CREATED), 1);
    eventually("the server closes what rests", || server.clients().is_empty());
    assert_eq!(client.ask(&["PING"]), "+PONG");
    assert_eq!(client.stat(stat::CONNECTIONS_CREATED), 2);
}

/// A server that ends says no goodbye of TLS's: the end of the stream is the answer all the same.
#[test]
fn a_server_that_was_told_to_shut_down_has_said_so_by_its_end() {
    let server = TlsServer::start(&[]);
    let client = server.options().client();
    answers(&server.options());
    assert_eq!(client.ask(&["SHUTDOWN", "NOSAVE"]), "#1");
    eventually("it ends", || std::net::TcpStream::connect(("127.0.0.1", server.port())).is_err());
}
