//! A real server that speaks TLS, and clients of it.

use super::certificates::{Authority, Identity};
use crate::support::c::{CErr, Options, Outcome, Status, option};
use crate::support::server::{Folder, Server, free_port};

/// The password that a client sends as soon as it believes whom it talks to.
pub const PASSWORD: &str = "the-password-of-the-tests";

/// A server with a port for TLS.
pub struct TlsServer {
    server: Server,
    folder: Folder,
    root: Authority,
    port: u16,
}

impl TlsServer {
    /// Start one that shows a good certificate for localhost and 127.0.0.1, and has these further lines of configuration.
    pub fn start(lines: &[&str]) -> TlsServer {
        let folder = Folder::new("tls");
        let root = Authority::new("the root of the tests");
        let ca = root.write(&folder.path().join("ca.crt"));
        let [certificate, key] = root.issue(&["localhost", "127.0.0.1"]).write(folder.path(), "server");
        let port = free_port();
        let mut all = vec![
            format!("tls-port {port}"),
            format!("tls-ca-cert-file {ca}"),
            format!("tls-cert-file {certificate}"),
            format!("tls-key-file {key}"),
            format!("requirepass {PASSWORD}"),
        ];
        if !lines.iter().any(|line| line.starts_with("tls-auth-clients")) {
            all.push("tls-auth-clients no".to_owned());
        }
        all.extend(lines.iter().map(|line| (*line).to_owned()));
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        TlsServer { server: Server::start(&all), folder, root, port }
    }

    pub fn root(&self) -> &Authority {
        &self.root
    }

    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    pub fn server(&self) -> &Server {
        &self.server
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The file that the root's certificate is in.
    pub fn ca(&self) -> String {
        self.folder.path().join("ca.crt").display().to_string()
    }

    /// From now on show this certificate.
    pub fn show(&self, identity: &Identity) {
        let [certificate, key] = identity.write(self.folder.path(), "shown");
        self.configure(&["tls-cert-file", &certificate, "tls-key-file", &key]);
    }

    pub fn configure(&self, settings: &[&str]) {
        let command = [&["CONFIG", "SET"], settings].concat();
        assert_eq!(self.server.wire_with(PASSWORD).ask(&command), "OK");
    }

    /// Close every connection to it.
    pub fn hang_up(&self) {
        self.server.wire_with(PASSWORD).ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    }

    /// What CLIENT LIST says of everybody but the one that asks.
    pub fn clients(&self) -> Vec<String> {
        let list = self.server.wire_with(PASSWORD).ask(&["CLIENT", "LIST"]);
        list.lines().filter(|line| !line.is_empty() && !line.contains("cmd=client|list")).map(str::to_owned).collect()
    }

    /// Options of a client that trusts nobody yet.
    pub fn options_at(&self, host: &str) -> Options {
        Options::at(&format!("rediss://:{PASSWORD}@{host}:{}", self.port)).int(option::RETRY_MAX, 0)
    }

    /// Options of a client that trusts the root.
    pub fn options(&self) -> Options {
        self.options_at("localhost").text(option::TLS_CA_FILE, &self.ca())
    }

    /// Such a client must be refused, or refuse, before it has said who it is.
    pub fn refuses(&self, options: &Options, words: &[&str]) -> CErr {
        let mut wire = self.server.wire_with(PASSWORD);
        assert_eq!(wire.ask(&["CONFIG", "RESETSTAT"]), "OK");
        let err = refused(options, words);
        let said = wire.ask(&["INFO", "commandstats"]);
        for word in ["cmdstat_hello", "cmdstat_auth", "cmdstat_ping"] {
            assert!(!said.contains(word), "{word} was said although {err:?}");
        }
        err
    }
}

/// The first command of a client with these options must fail for a reason of TLS, which these words tell.
pub fn refused(options: &Options, words: &[&str]) -> CErr {
    let err = options.client().command(&["PING"]).expect_err("TLS must fail");
    assert_eq!((err.status, err.outcome), (Status::TLS, Outcome::NOT_SENT), "{err:?}");
    for word in words {
        assert!(err.message.contains(word), "{word}: {err:?}");
    }
    assert!(!err.message.contains(PASSWORD), "{err:?}");
    err
}
