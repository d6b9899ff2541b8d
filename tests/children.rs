//! Children of fork, made while threads of their parent wait wherever the library waits; processes that have each other's
//! process ID; and the ways to tell one process from another where the system has not the best of them.
//!
//! RREDIS_TEST_CHILDREN is for the long form: so many children of each kind.

mod support;
#[cfg(feature = "tls")]
#[path = "support/tls/mod.rs"]
mod tls;

use std::process::Command;

use support::program::{Workshop, address, preload, silent, size, watch};
use support::server::Server;

const CHILDREN: &str = "RREDIS_TEST_CHILDREN";

/// Children with these threads of their own, whose parent reaches its server by this URL.
fn have_children(program: &std::path::Path, names: &std::path::Path, server: &Server, url: &str, ca: Option<&str>) {
    for threads in [0, 1, 4] {
        let mut command = Command::new(program);
        command.args(address(server)).env("LD_PRELOAD", names).env("RREDIS_TEST_NOWHERE", "hangs.test");
        command.env("RREDIS_TEST_URL", url);
        command.env(CHILDREN, size(CHILDREN).unwrap_or(50).to_string());
        command.env("RREDIS_TEST_CHILD_THREADS", threads.to_string());
        if let Some(ca) = ca {
            command.env("RREDIS_TEST_CA", ca);
        }
        silent(&mut command);
    }
}

#[test]
fn no_child_dies_or_hangs_of_what_its_parents_threads_wait_for() {
    let workshop = Workshop::new();
    let program = workshop.compile("tests/hosts/children.c");
    let names = preload(workshop.folder(), "tests/preload/names.c");
    let server = Server::start(&[]);
    for host in ["127.0.0.1", "localhost"] {
        have_children(&program, &names, &server, &format!("redis://{host}:{}", server.port()), None);
    }
    #[cfg(feature = "tls")]
    {
        let server = tls::world::TlsServer::start(&[]);
        for host in ["127.0.0.1", "localhost"] {
            let url = format!("rediss://:{}@{host}:{}", tls::world::PASSWORD, server.port());
            have_children(&program, &names, server.server(), &url, Some(&server.ca()));
        }
    }
}

/// Four generations, made in this way on a system like this.
fn live(weather: &[(&str, &str)]) -> bool {
    let workshop = Workshop::new();
    let mut command = Command::new(workshop.compile("tests/hosts/processes.c"));
    let server = Server::start(&[]);
    command.args(address(&server)).env("LD_PRELOAD", preload(workshop.folder(), "tests/preload/mark.c"));
    let ended = watch(command.envs(weather.iter().copied()));
    if ended.status.code() == Some(77) {
        println!("not tested: this process may not make a PID namespace");
        return false;
    }
    assert!(ended.status.success() && ended.said.is_empty(), "{weather:?}: {}\n{}", ended.status, ended.said);
    true
}

#[test]
fn a_process_is_never_taken_for_its_parent_or_any_before_it() {
    live(&[]);
    live(&[("RREDIS_TEST_CLONE", "1")]);
}

#[test]
fn nor_where_both_have_one_process_id() {
    if live(&[("RREDIS_TEST_NAMESPACES", "1")]) {
        live(&[("RREDIS_TEST_NAMESPACES", "1"), ("RREDIS_TEST_CLONE", "1")]);
        // Where fork calls a function of ours, that tells them apart too.
        for madvise in ["takes", "refuses"] {
            live(&[("RREDIS_TEST_NAMESPACES", "1"), ("RREDIS_TEST_MADVISE", madvise)]);
        }
    }
}

#[test]
fn nor_where_the_system_cannot_mark_memory_or_the_c_library_cannot_tell() {
    for madvise in ["takes", "refuses"] {
        live(&[("RREDIS_TEST_MADVISE", madvise)]);
        live(&[("RREDIS_TEST_MADVISE", madvise), ("RREDIS_TEST_ATFORK", "refuses")]);
        // By the process ID alone, a child is told apart however it was made.
        live(&[("RREDIS_TEST_MADVISE", madvise), ("RREDIS_TEST_ATFORK", "refuses"), ("RREDIS_TEST_CLONE", "1")]);
    }
}

#[test]
fn where_the_system_refuses_a_thread_the_call_looks_the_name_up_by_itself() {
    let workshop = Workshop::new();
    let program = workshop.compile("tests/hosts/gets.c");
    let server = Server::start(&[]);
    let [_, port, path] = address(&server);
    let threads = preload(workshop.folder(), "tests/preload/threads.c");
    silent(Command::new(program).args(["localhost", &port, &path]).env("LD_PRELOAD", threads));
}
