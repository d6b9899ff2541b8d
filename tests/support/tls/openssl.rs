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
    pub certificate: String,
    pub key: String,
}

impl Files {
    fn at(folder: &Path, name: &str) -> Files {
        let path = |end: &str| folder.join(format!("{name}.{end}")).display().to_string();
        Files { certificate: path("crt"), key: path("key") }
    }
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

/// What the commands that everybody finds make: an authority of its own, for localhost.
pub fn by_one_command(folder: &Path, name: &str, curve: &str) -> Files {
    let files = Files::at(folder, name);
    run(Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
        ])
        .args(["-newkey", "ec", "-pkeyopt", &format!("ec_paramgen_curve:{curve}")])
        .args(["-keyout", &files.key, "-out", &files.certificate]));
    files
}

/// A certificate of version 1, which `openssl x509 -req` makes where no extension is asked for.
pub fn of_version_1(folder: &Path) -> Files {
    let files = Files::at(folder, "version1");
    let request = folder.join("version1.csr").display().to_string();
    run(Command::new("openssl")
        .args(["req", "-new", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=localhost"])
        .args(["-keyout", &files.key, "-out", &request]));
    run(Command::new("openssl").args(["x509", "-req", "-in", &request, "-signkey", &files.key, "-days", "2"]).args([
        "-sha256",
        "-out",
        &files.certificate,
    ]));
    files
}

/// A certificate whose RSA key has so many bits, of so many primes: more of them are found sooner.
pub fn of_rsa(folder: &Path, bits: u32, primes: u32) -> Files {
    let files = Files::at(folder, &format!("rsa{bits}"));
    let (bits, primes) = (bits.to_string(), primes.to_string());
    run(Command::new("openssl").args(["genrsa", "-primes", &primes, "-out", &files.key, &bits]));
    run(Command::new("openssl")
        .args(["req", "-x509", "-new", "-days", "2", "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-key", &files.key, "-out", &files.certificate]));
    files
}

fn self_signed(folder: &Path, name: &str, arguments: &[&str]) -> Files {
    let files = Files::at(folder, name);
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
