//! Other languages: each binding passes its own tests.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::thread;

use crate::support::cluster::Cluster;
use crate::support::program::Workshop;
use crate::support::sentinels::Sentinels;
use crate::support::server::{Folder, Server};
use crate::support::tools::{root, run};

/// Each folder of `bindings` passes its own tests in their short form, as `tools/bindings --short` runs them.
#[test]
fn every_binding_passes_its_own_tests() {
    let folders = fs::read_dir(root().join("bindings")).expect("bindings has its folders");
    let mut languages: Vec<_> = folders.map(|entry| entry.expect("a folder can be read").path()).collect();
    languages.retain(|folder| folder.join("run").exists());
    languages.sort();
    let (cluster, sentinels) = (Cluster::start(&[]), Sentinels::start(&[]));
    let urls = [("RREDIS_CLUSTER", cluster.url()), ("RREDIS_SENTINEL", sentinels.url())];
    thread::scope(|scope| languages.iter().for_each(|folder| drop(scope.spawn(|| binding(folder.file_name(), &urls)))));
}

/// `tools/bindings --short LANGUAGE` on the library that is here, on a server of its own, and on those of all languages. Only its success is asked for:
/// the test frameworks of the languages say what they like.
fn binding(language: Option<&OsStr>, urls: &[(&str, String)]) {
    let language = language.expect("a folder has a name");
    let (server, library) = (Server::start(&[]), Workshop::new().library().join("librredis.so"));
    let mut command = Command::new(root().join("tools/bindings"));
    command.arg("--short").arg(language).env("RREDIS_LIBRARY", library);
    command.env("RREDIS_URL", format!("redis://127.0.0.1:{}", server.port()));
    command.envs(urls.iter().map(|(name, url)| (name, url)));
    println!("{}", run(&mut command));
}

/// A wrong word is told at once: with servers that cannot start, it would be they that are told.
#[test]
fn a_wrong_argument_is_told_before_a_server_is_started() {
    let folder = Folder::new("no-server");
    for name in ["redis-server", "valkey-server"] {
        let program = folder.path().join(name);
        fs::write(&program, "#!/bin/sh\nexit 1\n").expect("the folder is there");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it is ours");
    }
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").expect("there is a PATH"));
    for (args, told) in [
        (["--short", "nothing"], "there is no binding for nothing"),
        (["--shirt", "c"], "--shirt is no option: --short, --bench or --install"),
    ] {
        let mut command = Command::new(root().join("tools/bindings"));
        command.args(args).env("PATH", &path).env_remove("RREDIS_CLUSTER").env_remove("RREDIS_SENTINEL");
        let output = command.output().expect("the script is there");
        assert!(!output.status.success(), "{args:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), format!("bindings: {told}\n"));
    }
}
