//! Where people get lost with TLS: the message says what is probably wrong, and which option mends it; and a certificate that is
//! byte for byte the one that is trusted is believed.

use std::fs;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, SanType, date_time_ymd};

use crate::support::c::{Options, Outcome, Status, option};
use crate::support::server::{Folder, Server};
use crate::tls::certificates::{Authority, Identity};
use crate::tls::openssl;
use crate::tls::world::{PASSWORD, TlsServer, refused};

fn is_authority(params: &mut CertificateParams) {
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
}

/// Options of a client that trusts this certificate and no other.
fn trusting(server: &TlsServer, identity: &Identity) -> Options {
    server.options_at("localhost").text(option::TLS_CA_PEM, &identity.chain)
}

#[test]
fn the_very_certificate_that_is_trusted_is_believed() {
    let server = TlsServer::start(&[]);
    for change in [is_authority as fn(&mut CertificateParams), |_| {}] {
        let own = Identity::self_signed(&["localhost"], change);
        server.show(&own);
        let folder = Folder::new("trusted");
        let path = folder.path().join("own.pem");
        fs::write(&path, &own.chain).expect("a temporary folder can be written");
        let (file, place) = (path.display().to_string(), folder.path().display().to_string());
        for spoken in ["TLSv1.3", "TLSv1.2"] {
            server.configure(&["tls-protocols", spoken]);
            for options in [
                trusting(&server, &own),
                server.options_at("localhost").text(option::TLS_CA_FILE, &file),
                server.options_at("localhost").text(option::TLS_CA_DIR, &place),
                server.options_at("localhost").text(option::TLS_CA_PEM, &(server.root().pem() + &own.chain)),
            ] {
                assert_eq!(options.client().ask(&["PING"]), "+PONG", "{spoken}");
            }
        }
        server.configure(&["tls-protocols", "TLSv1.2 TLSv1.3"]);
        // It is believed for its own name alone,
        let called = trusting(&server, &own).text(option::TLS_SERVER_NAME, "elsewhere.test");
        server.refuses(&called, &["not for \"elsewhere.test\"", "tls_server_name"]);
        // and by nobody who was not given it.
        server.refuses(&server.options(), &["tls_ca_file"]);
    }
}

#[test]
fn what_is_almost_the_certificate_that_is_trusted_is_not_believed() {
    let server = TlsServer::start(&[]);
    let trusted = Identity::self_signed(&["localhost"], is_authority);
    // Another one, that says all the same.
    server.show(&Identity::self_signed(&["localhost"], is_authority));
    server.refuses(&trusting(&server, &trusted), &["CA:TRUE", "tls_ca_file"]);
    // Its time counts as any other's does.
    for (late, word) in [(true, "expired"), (false, "not yet valid")] {
        let own = Identity::self_signed(&["localhost"], |params| {
            is_authority(params);
            match late {
                true => params.not_after = date_time_ymd(2021, 1, 1),
                false => params.not_before = date_time_ymd(4000, 1, 1),
            }
        });
        server.show(&own);
        server.refuses(&trusting(&server, &own), &[word]);
    }
    // One that an authority signs, and is one itself, is no server's.
    server.show(&server.root().issue_with(&["localhost"], is_authority));
    server.refuses(&server.options(), &["CA:TRUE", "tls_ca_file"]);
}

#[test]
fn what_one_command_of_openssl_makes_is_believed_by_who_has_it() {
    let folder = Folder::new("openssl");
    for curve in ["P-256", "P-384"] {
        let files = openssl::by_one_command(folder.path(), curve, curve);
        let server = TlsServer::start(&[]);
        server.configure(&["tls-cert-file", &files.certificate, "tls-key-file", &files.key]);
        let options = server.options_at("localhost").text(option::TLS_CA_FILE, &files.certificate);
        assert_eq!(options.client().ask(&["PING"]), "+PONG", "{curve}");
    }
}

#[test]
fn a_certificate_of_version_1() {
    let folder = Folder::new("version1");
    let files = openssl::of_version_1(folder.path());
    let server = TlsServer::start(&[]);
    server.configure(&["tls-cert-file", &files.certificate, "tls-key-file", &files.key]);
    let options = server.options_at("localhost").text(option::TLS_CA_FILE, &files.certificate);
    server.refuses(&options, &["version 1", "version 3", "subjectAltName"]);
}

#[test]
fn an_address_that_is_written_as_a_name() {
    let server = TlsServer::start(&[]);
    server.show(&server.root().issue_with(&[], |params| {
        let name = "127.0.0.1".try_into().expect("letters of a name");
        params.subject_alt_names = vec![SanType::DnsName(name)];
    }));
    let options = server.options_at("127.0.0.1").text(option::TLS_CA_FILE, &server.ca());
    server.refuses(&options, &["127.0.0.1 as a DNS name", "IP:127.0.0.1", "tls_server_name"]);
    // And one that has its name where nobody looks any more.
    server
        .show(&server.root().issue_with(&[], |params| params.distinguished_name.push(DnType::CommonName, "localhost")));
    server.refuses(&server.options(), &["no name at all", "subjectAltName"]);
}

#[test]
fn keys_that_are_too_long() {
    let folder = Folder::new("long");
    let files = openssl::of_rsa(folder.path(), 10_240, 5);
    let server = openssl::Server::start(&files, &[]);
    refused(&openssl::options(server.port(), &files), &["fewer than 2048 or more than 8192 bits"]);
    // One of ours, which signs, may have half of that.
    let files = openssl::of_rsa(folder.path(), 4104, 2);
    let options = Options::at("rediss://127.0.0.1")
        .text(option::TLS_CA_PEM, &Authority::new("a root").pem())
        .text(option::TLS_CERT_FILE, &files.certificate)
        .text(option::TLS_KEY_FILE, &files.key);
    let err = options.try_client().map(drop).expect_err("it is too long");
    assert_eq!(err.status, Status::CONFIG, "{err:?}");
    assert!(err.message.contains("tls_key_file") && err.message.contains("2048 to 4096 bits"), "{err:?}");
}

#[test]
fn a_port_for_tls_and_one_without() {
    let tls = TlsServer::start(&[]);
    let files = openssl::by_one_command(tls.folder().path(), "other", "P-256");
    let other = openssl::Server::start(&files, &[]);
    for port in [tls.port(), other.port()] {
        for protocol in [0, 2] {
            let options = Options::at(&format!("redis://:{PASSWORD}@127.0.0.1:{port}")).int(option::PROTOCOL, protocol);
            let err = options.int(option::RETRY_MAX, 0).client().command(&["PING"]).expect_err("it speaks TLS");
            assert_eq!(err.outcome, Outcome::NOT_SENT, "{err:?}");
            assert!(err.message.contains("TLS") && err.message.contains("see tls"), "{err:?}");
        }
    }
    // Nothing is to be said first: then it is the first command that finds out.
    for port in [tls.port(), other.port()] {
        let options = Options::at(&format!("redis://127.0.0.1:{port}")).int(option::PROTOCOL, 2);
        let err = options.int(option::RETRY_MAX, 0).client().command(&["PING"]).expect_err("it speaks TLS");
        assert!(err.message.contains("TLS") && err.message.contains("see tls"), "{err:?}");
    }
    let plain = Server::start(&[]);
    let options = Options::at(&plain.url().replace("redis://", "rediss://")).int(option::CONNECT_TIMEOUT_MS, 1500);
    let options = options.text(option::TLS_CA_PEM, &Authority::new("a root").pem()).int(option::RETRY_MAX, 0);
    let err = options.client().command(&["PING"]).expect_err("it speaks no TLS");
    assert_eq!(err.outcome, Outcome::NOT_SENT, "{err:?}");
    assert!(err.message.contains("speak TLS") && err.message.contains("see tls, or redis://"), "{err:?}");
}
