//! Other languages: each loads the real library and does SET, GET, reads a map in place, and meets an error; and what ends a
//! wait in that language ends one of the library's.

use std::io::{self, BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::program::{Workshop, silent};
use crate::support::server::{Server, eventually};
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
    compiled_by_go("smoke");
}

/// Of a command, of a pipeline's run and of a subscriber's wait.
#[test]
fn a_context_of_go_is_the_end_of_a_wait() {
    compiled_by_go("interrupt");
}

#[test]
fn ctrl_c_ends_a_wait_under_python() {
    ended_by_ctrl_c("python3", "interrupt.py", &["main: KeyboardInterrupt", "worker: [14]"], &[]);
}

#[test]
fn ctrl_c_and_a_kill_and_a_timeout_end_a_wait_under_ruby() {
    ended_by_ctrl_c("ruby", "interrupt.rb", &["main: Interrupt", "worker: false"], &["main: Timeout::Error"]);
}

/// A program that waits for ever, once for each of these lines: each wait is ended by Ctrl-C. Then it says the rest.
fn ended_by_ctrl_c(program: &str, file: &str, lines: &[&str], rest: &[&str]) {
    needs(program, "--version");
    let server = Server::start(&[]);
    let mut command = on_a_server(program, file, &[], &server);
    command.current_dir(root()).stdin(Stdio::null()).stdout(Stdio::piped());
    // What is started in the background by a shell, as these tests may be, ignores SIGINT.
    // SAFETY: between fork and exec signal(2) may be called.
    unsafe { command.pre_exec(heeds_sigint) };
    let mut running = Running(command.spawn().expect("it starts"));
    let output = BufReader::new(running.0.stdout.take().expect("it is piped"));
    let (says, heard) = mpsc::channel();
    thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| says.send((line, Instant::now()))));
    let hear = || heard.recv_timeout(Duration::from_secs(30)).expect("the wait does not end");
    for expected in lines {
        eventually("the server sees it wait", || server.info("blocked_clients") == 1);
        // A wait is another once it has lasted.
        thread::sleep(Duration::from_millis(150));
        let begin = Instant::now();
        // SAFETY: the child is ours, and has not been waited for.
        unsafe { libc::kill(running.0.id() as libc::pid_t, libc::SIGINT) };
        let (line, end) = hear();
        println!("{program}: {line}: {:?} after SIGINT", end - begin);
        assert_eq!(line, *expected);
        assert!(end - begin < Duration::from_secs(10), "{line}: {:?} after SIGINT", end - begin);
    }
    rest.iter().for_each(|expected| assert_eq!(hear().0, *expected));
    assert!(heard.recv_timeout(Duration::from_secs(30)) == Err(mpsc::RecvTimeoutError::Disconnected), "it says more");
    assert!(running.0.wait().expect("our child").success(), "{program} {file} failed");
}

/// A child that is ended with the test, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn heeds_sigint() -> io::Result<()> {
    // SAFETY: it takes numbers, and may be called between fork and exec.
    match unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) } {
        libc::SIG_ERR => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Build and run `tests/project/bindings/NAME.go`.
fn compiled_by_go(name: &str) {
    needs("go", "version");
    let server = Server::start(&[]);
    let workshop = Workshop::new();
    let (folder, library) = (workshop.folder(), workshop.library().display());
    let program = folder.join(format!("{name}-go"));
    let mut build = Command::new("go");
    build.args(["build", "-o"]).arg(&program).arg(format!("tests/project/bindings/{name}.go"));
    // A single file without a module, and nothing left behind in the home folder.
    build.env("GO111MODULE", "off").env("GOFLAGS", "").env("GOPATH", folder.join("path"));
    build.env("GOCACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/go")).env("CGO_ENABLED", "1");
    build.env("CGO_CFLAGS", format!("-g -O1 -I{}", root().join("include").display()));
    build.env("CGO_LDFLAGS", format!("-L{library} -lrredis -Wl,-rpath,{library}"));
    silent(&mut build);
    silent(Command::new(program).args(["127.0.0.1", &server.port().to_string()]));
}

fn interpreted(program: &str, file: &str, more: &[&str]) {
    needs(program, if program == "luajit" { "-v" } else { "--version" });
    let server = Server::start(&[]);
    silent(&mut on_a_server(program, file, more, &server));
}

/// `program tests/project/bindings/file LIBRARY more... HOST PORT`
fn on_a_server(program: &str, file: &str, more: &[&str], server: &Server) -> Command {
    let library: PathBuf = Workshop::new().library().join("librredis.so");
    let mut command = Command::new(program);
    command.arg(root().join("tests/project/bindings").join(file)).arg(library).args(more);
    command.args(["127.0.0.1", &server.port().to_string()]);
    command
}

fn needs(program: &str, version: &str) {
    let output = Command::new(program).arg(version).output();
    let found = output.is_ok_and(|output| output.status.success());
    assert!(found, "{program} is not installed, or does not run: make test installs it");
}
