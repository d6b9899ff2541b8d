//! `make demo`: the tour shows what it should, line for line, on a server of its own and on one of the user's, and leaves
//! nothing behind.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::server::{Server, programs};
use crate::support::tools::run;

/// How the tour begins: `#` stands for a number, `~` for a word or a path.
const PRIVATE: &str = "
librredis #.#.#, ~ #.#.# at redis://127.0.0.1:#/0
a private server (in ~) that is gone afterwards

";

const OURS: &str = "
librredis #.#.#, ~ #.#.# at redis://:***@127.0.0.1:#/0
a server of yours: all keys begin with librredis-tour:#: and are removed

";

const COMMANDS: &str = r#"  set and get      SET foo bar   OK
                   GET foo       bar
  any bytes        \x00one\x00two\x0d\x0a\x00\xff   12 bytes, the same as were sent
"#;

const SOCKET: &str = "  unix socket      PING          hello through a file
";

const MORE: &str = r#"  eight threads    40000 INCRs on one client in # ms, # a second
                   connections: # created, 0 in use, # idle
  long list        LRANGE 0 -1   10000 elements in #.# ms, one allocation
  map              HGETALL       name: Mars, moons: 2, day: 24h37m (a map)
  server's error   SERVER, outcome REFUSED
                   "ERR value is not an integer or out of range"
  pipeline         1001 commands in #.# ms, one round trip; number 500: WRONGTYPE ...
  transaction      ABORTED, outcome REFUSED
                   "EXECABORT: command 1: ERR wrong number of arguments for 'incr' command"
  subscription     PUBLISH news  1 heard it: it rains
"#;

const DEATH: &str = r#"  killed in BLPOP  IO, outcome UNKNOWN
                   "127.0.0.1:#: read: the server closed the connection"
  while it is down CONNECT, outcome NOT_SENT
                   "127.0.0.1:#: connect: Connection refused"
  back to life     PING          PONG, from the same client
"#;

const WELL: &str = "
All is well.
";

const CLUSTER: &str = "
A cluster of six, in which a replica takes over (examples-c/22_cluster.c):
  6 servers
  ARGUMENT, NOT_SENT
  41, Ghent
";

/// As a user runs it: cargo leads the programs that its tests start to the library that it has built itself.
fn demo() -> Command {
    let mut demo = Command::new("tools/demo");
    demo.env_remove("LD_LIBRARY_PATH");
    demo
}

#[test]
fn the_tour_is_well_and_leaves_no_server_and_no_folder() {
    let said = run(demo().env_remove("RREDIS_URL"));
    let tour = after_the_build(&said);
    shows(tour, &[PRIVATE, COMMANDS, SOCKET, MORE, DEATH, WELL, CLUSTER].concat());
    // The program that tools/server starts too.
    let server = Server::start_program(&programs()[0], &[]);
    assert!(
        tour.contains(&format!("\nlibrredis {}, {} at redis://", env!("CARGO_PKG_VERSION"), named(&server))),
        "{tour}"
    );
    assert!(said.lines().all(|line| line.chars().count() <= 100), "a line is too long to read:\n{said}");
    let (_, rest) = said.split_once("(in ").unwrap_or_else(|| panic!("the folder is not named in\n{said}"));
    let folder = Path::new(rest.split(')').next().expect("a text has a beginning"));
    assert!(folder.is_absolute() && !folder.exists(), "{} is still there", folder.display());
    assert!(!runs_in(folder), "the server of {} still runs", folder.display());
}

#[test]
fn a_tour_of_the_users_own_server_kills_nothing_and_removes_its_keys() {
    for program in programs() {
        let server = Server::start_program(&program, &["requirepass secret"]);
        let mut wire = server.wire_with("secret");
        assert_eq!(wire.ask(&["SET", "foo", "theirs"]), "OK");
        let process = server.process();
        let said = run(demo().env("RREDIS_URL", format!("redis://:secret@127.0.0.1:{}", server.port())));
        let tour = after_the_build(&said);
        shows(tour, &[OURS, COMMANDS, MORE, WELL].concat());
        let name = named(&server);
        assert!(tour.contains(&format!(", {name} at redis://:***@127.0.0.1:{}/0\n", server.port())), "{name}:\n{tour}");
        assert!(!said.contains("secret"), "the password is shown:\n{said}");
        assert_eq!(wire.ask(&["GET", "foo"]), "theirs");
        assert_eq!(wire.ask(&["DBSIZE"]), "1");
        assert_eq!(server.process(), process);
    }
}

/// The tour itself: the first line says that the library is built.
fn after_the_build(said: &str) -> &str {
    said.strip_prefix("Building librredis.so ...\n").unwrap_or_else(|| panic!("what is this?\n{said}"))
}

/// The tour shows this, line for line; and no line of it would do that showed a question mark for one of its words.
fn shows(tour: &str, wanted: &str) {
    let (lines, wanted): (Vec<&str>, Vec<&str>) = (tour.lines().collect(), wanted.lines().collect());
    assert_eq!(lines.len(), wanted.len(), "the tour has another number of lines:\n{tour}");
    for (line, wanted) in lines.into_iter().zip(wanted) {
        assert!(is_like(line, wanted), "{line:?} is not {wanted:?} in\n{tour}");
        let words: Vec<&str> = line.split(' ').collect();
        for (at, _) in words.iter().enumerate().filter(|(_, word)| !word.is_empty()) {
            let mut words = words.clone();
            words[at] = "?";
            assert!(!is_like(&words.join(" "), wanted), "{wanted:?} would take {words:?}");
        }
    }
}

/// Whether a line is as it is wanted, where `#` stands for a number and `~` for a word or a path.
fn is_like(line: &str, wanted: &str) -> bool {
    let Some(mark) = wanted.find(['#', '~']) else { return line == wanted };
    let (plain, rest) = wanted.split_at(mark);
    let Some(line) = line.strip_prefix(plain) else { return false };
    let stands_for = |byte: u8| match rest.as_bytes()[0] {
        b'#' => byte.is_ascii_digit(),
        _ => byte.is_ascii_alphanumeric() || b"/._-".contains(&byte),
    };
    let len = line.bytes().take_while(|byte| stands_for(*byte)).count();
    len > 0 && is_like(&line[len..], &rest[1..])
}

/// What a server calls itself, and its version, as it says them by a second way.
fn named(server: &Server) -> String {
    let mut wire = server.wire();
    wire.ask(&["AUTH", "secret"]);
    let info = wire.ask(&["INFO", "server"]);
    let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
    match (field("valkey_version"), field("redis_version")) {
        (Some(version), _) => format!("Valkey {version}"),
        (None, Some(version)) => format!("Redis {version}"),
        (None, None) => panic!("no version in {info}"),
    }
}

/// Whether a process is left whose command line names the folder.
fn runs_in(folder: &Path) -> bool {
    let processes = fs::read_dir("/proc").expect("Linux has its processes in /proc");
    let lines = processes.filter_map(|entry| fs::read(entry.ok()?.path().join("cmdline")).ok());
    lines.into_iter().any(|line| String::from_utf8_lossy(&line).contains(&*folder.to_string_lossy()))
}
