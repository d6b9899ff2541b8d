//! Tests, run in processes of their own until the first that fails, or until they take too long.

use std::io::{BufRead, BufReader};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::tree::{Places, Result};

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    Passed,
    /// The test that failed first.
    Failed(String),
    /// After these had passed.
    Hung(Vec<String>),
    /// The program ended otherwise: a signal, or what it gave back.
    Broke(String),
}

/// What is switched on in a run.
#[derive(Clone, Copy)]
pub enum Switch<'s> {
    Mutant(u32),
    /// No mutant: what is reached is noted in this file.
    Noting(&'s Path),
}

/// The tests of a program, by name; those that are ignored are among them.
pub fn list(places: &Places, program: &Path) -> Result<Vec<String>> {
    let output = Command::new(program).args(["--list", "--format", "terse"]).current_dir(&places.tree).output()?;
    let text = String::from_utf8(output.stdout)?;
    Ok(text.lines().filter_map(|line| line.strip_suffix(": test").map(str::to_owned)).collect())
}

/// Run these tests of a program.
pub fn run(places: &Places, program: &Path, tests: &[&str], switch: Switch<'_>, patience: Duration) -> Result<End> {
    // A mutant that takes memory without end must not take everybody's.
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -v 12000000; ulimit -c 0; exec \"$@\"", "sh"]).arg(program).arg("--exact").args(tests);
    command.current_dir(&places.tree).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.env("RREDIS_TEST_LIBRARY", places.build.join("debug/deps")).env("CARGO_TARGET_DIR", &places.build);
    command.env("RUST_TEST_THREADS", "4").env("RUST_BACKTRACE", "0");
    command.env_remove("RREDIS_MUTANT").env_remove("RREDIS_MUTANTS_REACHED");
    match switch {
        Switch::Mutant(number) => drop(command.env("RREDIS_MUTANT", number.to_string())),
        Switch::Noting(path) => drop(command.env("RREDIS_MUTANTS_REACHED", path)),
    }
    let mut child = command.process_group(0).spawn()?;
    let stdout = child.stdout.take().ok_or("a pipe")?;
    let (said, hears) = mpsc::channel();
    // It ends with the pipe, which a process that a test left behind may hold: nobody waits for it.
    thread::spawn(move || {
        for line in BufReader::new(stdout).split(b'\n').map_while(std::result::Result::ok) {
            if said.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                break;
            }
        }
    });
    let over = Instant::now() + patience;
    let mut passed = Vec::new();
    let mut end = None;
    while end.is_none() {
        match hears.recv_timeout(Duration::from_millis(20)) {
            Ok(line) => {
                passed.extend(name_of(&line, " ... ok"));
                end = name_of(&line, " ... FAILED").map(End::Failed);
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {
                if has_ended(&child) {
                    break;
                }
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                while !has_ended(&child) && Instant::now() < over {
                    thread::sleep(Duration::from_millis(5));
                }
                if has_ended(&child) {
                    break;
                }
            }
        }
        if end.is_none() && Instant::now() > over {
            end = Some(End::Hung(std::mem::take(&mut passed)));
        }
    }
    let status = end_group(&mut child)?;
    // What it had said when it ended, and nobody had read yet.
    while end.is_none() {
        match hears.recv_timeout(Duration::from_millis(20)) {
            Ok(line) => end = name_of(&line, " ... FAILED").map(End::Failed),
            Err(_) => break,
        }
    }
    Ok(match end {
        Some(end) => end,
        None if status.success() => End::Passed,
        None => End::Broke(match status.signal() {
            Some(signal) => format!("signal {signal}"),
            None => status.to_string(),
        }),
    })
}

/// The test that this line of a program's says to have ended so.
fn name_of(line: &str, end: &str) -> Option<String> {
    Some(line.strip_prefix("test ")?.strip_suffix(end)?.trim_end_matches(" - should panic").to_owned())
}

/// Whether the program has ended, while its number is still its own.
fn has_ended(child: &Child) -> bool {
    let mut info = std::mem::MaybeUninit::<libc::siginfo_t>::zeroed();
    let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: a child of ours, and room for what is said of it; all zeroes is a value of it.
    unsafe {
        libc::waitid(libc::P_PID, child.id(), info.as_mut_ptr(), options) == 0 && info.assume_init().si_pid() != 0
    }
}

/// End whatever is left of a run, servers of its tests included.
fn end_group(child: &mut Child) -> Result<ExitStatus> {
    // SAFETY: the group is of our making, and its leader has not been waited for, so its number is still its own.
    unsafe { libc::kill(-(child.id() as libc::pid_t), libc::SIGKILL) };
    Ok(child.wait()?)
}
