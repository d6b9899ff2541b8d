//! `make demo`: the tour says that all is well, on a server of its own and on one of the user's, and leaves nothing behind.

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use support::server::Server;
use support::tools::run;

#[test]
fn the_tour_is_well_and_leaves_no_server_and_no_folder() {
    let said = run(Command::new("tools/demo").env_remove("RREDIS_URL"));
    assert_eq!(said.trim_end().lines().last(), Some("All is well."), "{said}");
    for part in [
        "GET foo       bar",
        "one round trip",
        "ABORTED",
        "heard it: it rains",
        "outcome UNKNOWN",
        "outcome NOT_SENT",
        "from the same client",
    ] {
        assert!(said.contains(part), "no {part:?} in\n{said}");
    }
    assert!(said.lines().all(|line| line.chars().count() <= 100), "a line is too long to read:\n{said}");
    let (_, rest) = said.split_once("(in ").unwrap_or_else(|| panic!("the folder is not named in\n{said}"));
    let folder = Path::new(rest.split(')').next().expect("a text has a beginning"));
    assert!(folder.is_absolute() && !folder.exists(), "{} is still there", folder.display());
    assert!(!runs_in(folder), "the server of {} still runs", folder.display());
}

#[test]
fn a_tour_of_the_users_own_server_kills_nothing_and_removes_its_keys() {
    let server = Server::start(&["requirepass secret"]);
    let mut wire = server.wire();
    assert_eq!(wire.ask(&["AUTH", "secret"]), "OK");
    assert_eq!(wire.ask(&["SET", "foo", "theirs"]), "OK");
    let process = server.process();
    let said =
        run(Command::new("tools/demo").env("RREDIS_URL", format!("redis://:secret@127.0.0.1:{}", server.port())));
    assert_eq!(said.trim_end().lines().last(), Some("All is well."), "{said}");
    assert!(!said.contains("secret"), "the password is shown:\n{said}");
    assert_eq!(wire.ask(&["GET", "foo"]), "theirs");
    assert_eq!(wire.ask(&["DBSIZE"]), "1");
    assert_eq!(server.process(), process);
}

/// Whether a process is left whose command line names the folder.
fn runs_in(folder: &Path) -> bool {
    let processes = fs::read_dir("/proc").expect("Linux has its processes in /proc");
    let lines = processes.filter_map(|entry| fs::read(entry.ok()?.path().join("cmdline")).ok());
    lines.into_iter().any(|line| String::from_utf8_lossy(&line).contains(&*folder.to_string_lossy()))
}
