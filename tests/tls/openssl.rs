//! What only the openssl command makes any more: keys that are too short, signatures nobody believes, versions of the past.

use std::fs::File;
use std::io::Read;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::c::{Options, option};
use crate::support::server::{Folder, eventually, free_port};
use crate::support::tools::run;

use super::world::PASSWORD;

/// A certificate and its key, in files.
pub struct Files {
    certificate: String,
    key: String,
}

/// A running `openssl s_server`.
pub struct Server {
    child: Child,
    folder: Folder,
    port: u16,
}

/// Each weakness: its name, a certificate for 127.0.0.1, and further arguments of its server.
pub fn weak_identities(folder: &Path) -> Vec<(&'static str, Files, &'static [&'static str])> {
    vec![
        ("RSA of 1024 bits", self_signed(folder, "short", &["-newkey", "rsa:1024", "-sha256"]), &[]),
        ("SHA-1", self_signed(folder, "sha1", &["-newkey", "rsa:2048", "-sha1"]), &[]),
        ("TLS 1.1", self_signed(folder, "old", &["-newkey", "rsa:2048", "-sha256"]), &["-tls1_1"]),
    ]
}

/// Options of a client that trusts this certificate.
pub fn options(port: u16, identity: &Files) -> Options {
    Options::at(&format!("rediss://:{PASSWORD}@127.0.0.1:{port}"))
        .text(option::TLS_CA_FILE, &identity.certificate)
        .int(option::RETRY_MAX, 0)
}

fn self_signed(folder: &Path, name: &str, arguments: &[&str]) -> Files {
    let path = |end: &str| folder.join(format!("{name}.{end}")).display().to_string();
    let files = Files { certificate: path("crt"), key: path("key") };
    run(Command::new("openssl")
        .args(["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", &files.key, "-out", &files.certificate])
        .args(arguments));
    files
}

impl Server {
    pub fn start(identity: &Files, arguments: &[&str]) -> Server {
        let (folder, port) = (Folder::new("s_server"), free_port());
        let log = File::create(folder.path().join("log")).expect("a temporary folder can be written");
        let child = Command::new("openssl")
            .args(["s_server", "-accept", &format!("127.0.0.1:{port}"), "-cipher", "ALL:@SECLEVEL=0"])
            .args(["-cert", &identity.certificate, "-key", &identity.key])
            .args(arguments)
            .stdin(Stdio::piped())
            .stderr(log.try_clone().expect("a file has a second handle"))
            .stdout(log)
            .spawn()
            .expect("openssl runs: install the package openssl (make test does)");
        let server = Server { child, folder, port };
        eventually("openssl listens", || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
        server
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it has printed: what it could open of ours, too.
    pub fn log(&self) -> String {
        let mut text = Vec::new();
        let file = File::open(self.folder.path().join("log")).and_then(|mut file| file.read_to_end(&mut text));
        file.expect("it has a log");
        String::from_utf8_lossy(&text).into_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing can be done about a failure here, and a second panic would hide the first.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
