//! The course in `examples-c`: every page compiles without a warning, runs, and prints what it says it prints.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Once, mpsc};
use std::thread;
use std::time::Duration;

use crate::support::server::{Server, eventually};
use crate::support::tools::{root, run};

#[test]
fn every_page_prints_what_it_says() {
    let mut wrong = String::new();
    for page in pages() {
        // As `make run-NN` runs it: against a server of its own, that speaks TLS or is killed where the page is about that.
        let printed = run(Command::new("tools/examples").arg(&name(&page)[..2]));
        let promised = promised(&page);
        if printed != promised {
            wrong += &format!("{}\n-- promises --\n{promised}-- prints --\n{printed}\n", page.display());
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_page_is_short_and_has_its_four_parts() {
    let course = fs::read_to_string(root().join("examples-c/README.md")).expect("the course has a README");
    for page in pages() {
        let text = text(&page);
        let name = name(&page);
        // The last is a whole program that somebody may use.
        let most = if name == CAPSTONE { 199 } else { 60 };
        assert!(text.lines().count() <= most, "{name} is longer than {most} lines");
        assert!(text.starts_with(&format!("// {}. ", &name[..2])), "{name} does not begin with its number and title");
        assert!(text.contains("\n// New here: "), "{name} does not say what is new");
        assert!(text.contains(&format!("/target/examples/{}", name.trim_end_matches(".c"))), "{name}: how to run it?");
        assert!(course.contains(&format!("]({name})")), "examples-c/README.md does not list {name}");
    }
}

/// With what makes a command one line, ten ordinary operations and the look at their replies are 23 lines at the most.
#[test]
fn ten_operations_are_few_lines() {
    let page = fs::read_to_string(root().join("examples-c/24_one_line.c")).expect("a page can be read");
    let body =
        page.split_once("\nstatic void ten(").and_then(|(_, rest)| rest.split_once("{\n")?.1.split_once("\n}\n"));
    let lines: Vec<&str> = body.expect("the ten operations are a function").0.lines().collect();
    let operations = lines.iter().filter(|line| line.contains("rredis_do(") || line.contains("_run(")).count();
    assert!(operations >= 10, "{operations} operations");
    assert!(lines.len() <= 23, "{} lines", lines.len());
}

const CAPSTONE: &str = "25_redis_cli.c";

/// The capstone, to be asked something, at this server.
fn cli(server: &Server) -> Command {
    static BUILT: Once = Once::new();
    BUILT.call_once(|| drop(run(Command::new("tools/examples").arg("25"))));
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let mut command = Command::new(target.join("examples/25_redis_cli"));
    command.current_dir(root()).args(["-u", &server.url()]);
    command
}

/// What it prints when it is given these lines, and its exit status.
fn told(command: &mut Command, lines: &str) -> (String, Option<i32>) {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it runs");
    let mut input = child.stdin.take().expect("it is piped");
    let lines = lines.to_owned();
    let writing = thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = child.wait_with_output().expect("our child");
    writing.join().expect("a thread of ours").expect("it reads to the end");
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code())
}

#[test]
fn the_capstone_takes_one_command_or_thousands() {
    let server = Server::start(&[]);
    assert_eq!(told(cli(&server).args(["SET", "key", "a \"value\""]), ""), ("OK\n".to_owned(), Some(0)));
    assert_eq!(told(cli(&server).args(["GET", "key"]), ""), ("\"a \\\"value\\\"\"\n".to_owned(), Some(0)));
    let (said, status) = told(cli(&server).args(["INCR", "key"]), "");
    assert!(said.starts_with("(error) ERR ") && status == Some(1), "{said}");
    let many: String = (0..25_000).map(|number| format!("INCRBY sum {number}\n")).collect();
    let said = told(cli(&server).arg("--pipe"), &many);
    assert_eq!(said, ("25000 replies, 0 of them errors\n".to_owned(), Some(0)));
    assert_eq!(server.ask(&["GET", "sum"]), (0..25_000).sum::<i64>().to_string());
    let said = told(cli(&server).arg("--pipe"), "LPUSH sum x\n\nPING\n");
    assert_eq!(said, ("2 replies, 1 of them errors\n".to_owned(), Some(1)));
    assert_eq!(told(cli(&server).arg("--pipe"), "PING\nGET 'open\n").1, Some(1));
    let (said, _) =
        told(&mut cli(&server), "select 3\nset a 1\ndbsize\nset 'it''s' 1\nset \"\\x41\\t\" ''\nkeys ?\t\n");
    assert_eq!(said, "OK\nOK\n(integer) 1\n(refused) unbalanced quotes\nOK\n1) \"a\"\n");
}

/// Of a command that waits, and of messages; the next command has a connection again.
#[test]
fn ctrl_c_ends_a_wait_of_the_capstone_and_not_the_program() {
    let server = Server::start(&[]);
    let mut child = cli(&server).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it runs");
    let mut input = child.stdin.take().expect("it is piped");
    let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
    // A wait that does not end is a failure, and not the end of all tests.
    let (over, ended) = mpsc::channel::<()>();
    let number = child.id() as libc::pid_t;
    let guard = thread::spawn(move || {
        if ended.recv_timeout(Duration::from_secs(60)) == Err(mpsc::RecvTimeoutError::Timeout) {
            // SAFETY: the child is ours, and is not waited for before this thread is told.
            unsafe { libc::kill(number, libc::SIGKILL) };
        }
    });
    let interrupt = || {
        // SAFETY: the child is ours, and has not been waited for.
        unsafe { libc::kill(number, libc::SIGINT) };
    };
    writeln!(input, "BLPOP nothing 0").expect("it reads");
    eventually("it waits", || server.info("blocked_clients") == 1);
    interrupt();
    eventually("it waits no more", || server.info("blocked_clients") == 0);
    writeln!(input, "SUBSCRIBE news").expect("it reads");
    eventually("it is subscribed", || server.ask(&["PUBLISH", "news", "hello"]) != "0");
    let mut said = String::new();
    while !said.ends_with("3> \"hello\"\n") {
        assert!(output.read_line(&mut said).expect("text") > 0, "{said}");
    }
    interrupt();
    writeln!(input, "ECHO over").expect("it reads");
    drop(input);
    output.read_to_string(&mut said).expect("text");
    drop(over);
    guard.join().expect("a thread of ours");
    let news = "1> \"subscribe\"\n2> \"news\"\n3> (integer) 1\n1> \"message\"\n2> \"news\"\n3> \"hello\"\n";
    assert_eq!(said, format!("(interrupted)\n{news}(interrupted)\n\"over\"\n"));
    assert_eq!(child.wait().expect("our child").code(), Some(0));
}

fn pages() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("examples-c")).expect("the course is there");
    let paths = entries.map(|entry| entry.expect("a folder can be read").path());
    let mut pages: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|end| end == "c")).collect();
    pages.sort();
    assert!(pages.len() >= 10, "the course has ten pages at least");
    pages
}

fn name(page: &Path) -> String {
    page.file_name().expect("a page has a name").to_string_lossy().into_owned()
}

fn text(page: &Path) -> String {
    fs::read_to_string(page).expect("a page can be read")
}

/// What stands behind `// Prints:`, to the end of the page.
fn promised(page: &Path) -> String {
    let text = text(page);
    let (_, comment) =
        text.split_once("\n// Prints:\n").unwrap_or_else(|| panic!("{} promises nothing", page.display()));
    comment.lines().map(|line| format!("{}\n", line.strip_prefix("// ").unwrap_or_default())).collect()
}
