//! The examples for other people's loops: each compiles without a warning where that loop is at hand, runs, and ends.

use std::process::Command;

use crate::support::program::{Workshop, programs};
use crate::support::server::Server;
use crate::support::tools::{root, run};

#[test]
fn every_loop_drives_it() {
    let server = Server::start(&[]);
    let workshop = Workshop::new();
    let names = programs("examples-c/loops");
    assert_eq!(names, ["glib", "libev", "libevent", "libuv"]);
    for name in names {
        let Some(flags) = flags(&name) else {
            println!("not tested: {name} is not installed here");
            continue;
        };
        let program = workshop.folder().join(&name);
        let library = workshop.library().display().to_string();
        let mut compile = Command::new("cc");
        compile.current_dir(root()).args(["-std=gnu99", "-Wall", "-Wextra", "-Werror", "-I", "include", "-o"]);
        compile.arg(&program).arg(format!("examples-c/loops/{name}.c"));
        compile.args(["-L", &library, "-lrredis", &format!("-Wl,-rpath,{library}")]).args(&flags);
        run(&mut compile);
        for url in [server.url(), server.unix_url()] {
            assert_eq!(run(Command::new(&program).arg(url)), "one: one\ntwo: two\nthree: three\n", "{name}");
        }
        // Nobody is there: the descriptor tells of that too, for the loop has no timer.
        let said = run(Command::new(&program).arg("redis://127.0.0.1:1?command_timeout=100ms"));
        assert_eq!(said.matches("refused").count(), 3, "{name}: {said}");
    }
}

/// How a loop is compiled and linked; none where it is not installed.
fn flags(name: &str) -> Option<Vec<String>> {
    // It comes without a word to pkg-config.
    if name == "libev" {
        let found =
            Command::new("cc").args(["-E", "-include", "ev.h", "-x", "c", "/dev/null", "-o", "/dev/null"]).output();
        return found.is_ok_and(|output| output.status.success()).then(|| vec!["-lev".to_owned()]);
    }
    let package = if name == "glib" { "glib-2.0" } else { name };
    let output = Command::new("pkg-config").args(["--cflags", "--libs", package]).output().ok()?;
    let words = String::from_utf8_lossy(&output.stdout).split_whitespace().map(str::to_owned).collect();
    output.status.success().then_some(words)
}
