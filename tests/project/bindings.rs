//! Other languages: each loads the real library and does SET, GET, reads a map in place, and meets an error.

use std::path::PathBuf;
use std::process::Command;

use crate::support::program::{Workshop, silent};
use crate::support::server::Server;
use crate::support::tools::root;

#[test]
fn luajit_reads_the_whole_header() {
    interpreted("luajit", "smoke.lua", &["include/rredis.h"]);
}

#[test]
fn ruby_with_fiddle() {
    interpreted("ruby", "smoke.rb", &[]);
}

#[test]
fn python_with_ctypes() {
    interpreted("python3", "smoke.py", &[]);
}

#[test]
fn go_with_cgo() {
    needs("go", "version");
    let server = Server::start(&[]);
    let workshop = Workshop::new();
    let (folder, library) = (workshop.folder(), workshop.library().display());
    let program = folder.join("smoke-go");
    let mut build = Command::new("go");
    build.args(["build", "-o"]).arg(&program).arg("tests/project/bindings/smoke.go");
    // A single file without a module, and nothing left behind in the home folder.
    build.env("GO111MODULE", "off").env("GOFLAGS", "").env("GOPATH", folder.join("path"));
    build.env("GOCACHE", folder.join("cache")).env("CGO_ENABLED", "1");
    build.env("CGO_CFLAGS", format!("-g -O1 -I{}", root().join("include").display()));
    build.env("CGO_LDFLAGS", format!("-L{library} -lrredis -Wl,-rpath,{library}"));
    silent(&mut build);
    silent(Command::new(program).args(["127.0.0.1", &server.port().to_string()]));
}

/// `program tests/project/bindings/file LIBRARY more... HOST PORT`
fn interpreted(program: &str, file: &str, more: &[&str]) {
    needs(program, if program == "luajit" { "-v" } else { "--version" });
    let server = Server::start(&[]);
    let library: PathBuf = Workshop::new().library().join("librredis.so");
    let mut command = Command::new(program);
    command.arg(root().join("tests/project/bindings").join(file)).arg(library).args(more);
    silent(command.args(["127.0.0.1", &server.port().to_string()]));
}

fn needs(program: &str, version: &str) {
    let output = Command::new(program).arg(version).output();
    let found = output.is_ok_and(|output| output.status.success());
    assert!(found, "{program} is not installed, or does not run: make test installs it");
}
