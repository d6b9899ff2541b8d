//! One shape for each command: every command that can be run is run in both protocols, through both parsers, each time on a
//! server of its own with the same data, and the four replies are one tree.
//!
//! What is run is in tests/commands/four_ways/*.txt. What cannot be run is named here with the reason, and wire bytes stand in for the
//! server's answer. A command that the server has and that is neither run nor named fails the test.

mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use crate::support::c::{Client, Conn, Options, call, option};
use crate::support::raw::Node;
use crate::support::server::{self, Folder, Server, eventually};
use crate::support::tools::root;
use rredis::commands::shape::{self, shape};
use rredis::commands::{CommandFlags, find};
use rredis::limits::Limits;
use rredis::options::ParserChoice;
use tree::{How, shown};

/// Protocol and parser, as their options have them.
const WAYS: [(i64, i64); 4] = [(2, 1), (2, 2), (3, 1), (3, 2)];

const STANDALONE: &str = include_str!("four_ways/standalone.txt");
const CLUSTER: &str = include_str!("four_ways/cluster.txt");
const SENTINEL: &str = include_str!("four_ways/sentinel.txt");

/// What is not run, and why.
const NOT_RUN: &[(&str, &str)] = &[
    ("ACL LOAD", "there is no file of users"),
    ("ACL SAVE", "there is no file of users"),
    ("MODULE LOAD", "there is no module to load"),
    ("MODULE LOADEX", "there is no module to load"),
    ("MODULE UNLOAD", "there is no module to unload"),
    ("MONITOR", "what the server does comes then, and no other reply"),
    ("PFSELFTEST", "it takes the server seconds"),
    ("PSUBSCRIBE", "the answer is a push, which has no shape"),
    ("PSYNC", "a copy of the server's memory follows"),
    ("PUNSUBSCRIBE", "the answer is a push, which has no shape"),
    ("REPLCONF", "between servers"),
    ("SHUTDOWN", "there is no reply, but to ABORT"),
    ("SSUBSCRIBE", "the answer is a push, which has no shape"),
    ("SUBSCRIBE", "the answer is a push, which has no shape"),
    ("SUNSUBSCRIBE", "the answer is a push, which has no shape"),
    ("SYNC", "a copy of the server's memory follows"),
    ("UNSUBSCRIBE", "the answer is a push, which has no shape"),
];

/// For what is not run, or only refused here: its answer in RESP2 and in RESP3, recorded but for what is marked, and its tree.
#[rustfmt::skip]
const WIRE: &[(&str, &str, &str, &str)] = &[
    ("ACL LOAD", "+OK\r\n", "+OK\r\n", "true(OK)"),
    ("ACL SAVE", "+OK\r\n", "+OK\r\n", "true(OK)"),
    ("ASKING", "+OK\r\n", "+OK\r\n", "true(OK)"),
    ("CLIENT CACHING YES", "+OK\r\n", "+OK\r\n", "true(OK)"),
    ("CLUSTER FAILOVER FORCE", "+OK\r\n", "+OK\r\n", "true(OK)"),
    ("CLUSTER FORGET x", "+OK\r\n", "+OK\r\n", "true(OK)"),
    ("CLUSTER REPLICATE x", "+OK\r\n", "+OK\r\n", "true(OK)"),
    ("CLUSTER SET-CONFIG-EPOCH 5", "+OK\r\n", "+OK\r\n", "true(OK)"),
    ("FAILOVER", "+OK\r\n", "+OK\r\n", "true(OK)"),
    ("FUNCTION KILL", "+OK\r\n", "+OK\r\n", "true(OK)"),
    ("MODULE LOAD x", "+OK\r\n", "+OK\r\n", "true(OK)"),
    ("MODULE LOADEX x", "+OK\r\n", "+OK\r\n", "true(OK)"),
    ("MODULE UNLOAD x", "+OK\r\n", "+OK\r\n", "true(OK)"),
    ("MONITOR", "+OK\r\n", "+OK\r\n", "true(OK)"),
    ("MONITOR", "+1795374051.5 [0 127.0.0.1:40514] \"SET\" \"a b\" \"\\x00\"\r\n",
        "+1795374051.5 [0 127.0.0.1:40514] \"SET\" \"a b\" \"\\x00\"\r\n",
        "{\"time\": 1795374051.5, \"db\": 0, \"client_type\": \"tcp\", \"addr\": \"127.0.0.1\", \"port\": 40514, \
         \"argv\": [\"SET\", \"a b\", \"\\x00\"]}"),
    ("SCRIPT KILL", "+OK\r\n", "+OK\r\n", "true(OK)"),
    ("SHUTDOWN ABORT", "+OK\r\n", "+OK\r\n", "true(OK)"),
    ("SENTINEL FAILOVER m", "+OK\r\n", "+OK\r\n", "true(OK)"),
    // From the documentation of servers that are not here: Valkey 8.1 and 9.0, Redis 8.2 and on.
    ("CLIENT IMPORT-SOURCE ON", "+OK\r\n", "+OK\r\n", "true(OK)"),
    ("CLIENT MAINT_NOTIFICATIONS ON", "+OK\r\n", "+OK\r\n", "true(OK)"),
    ("CLUSTER GETSLOTMIGRATIONS", "*1\r\n*2\r\n$4\r\nname\r\n$1\r\na\r\n", "*1\r\n%1\r\n$4\r\nname\r\n$1\r\na\r\n",
        "[{\"name\": \"a\"}]"),
    ("HIMPORT PREPARE x", "+OK\r\n", "+OK\r\n", "true(OK)"),
    ("XCFGSET s MAXLEN 5", "+OK\r\n", "+OK\r\n", "true(OK)"),
    ("HIMPORT SET x", "+OK\r\n", "+OK\r\n", "true(OK)"),
];

#[test]
fn four_ways_give_one_tree() {
    let named = std::env::var_os("RREDIS_TEST_SERVER").is_some();
    let programs = if named { vec![server::program()] } else { server::programs() };
    assert!(!programs.is_empty(), "no server is here: make test installs one");
    for program in programs {
        four_ways_on(&program);
    }
}

/// All three lists on servers of this program.
fn four_ways_on(program: &Path) {
    let plain = run_four(STANDALONE, &|way| {
        let lines = ["enable-debug-command yes", "latency-monitor-threshold 1"];
        Running::plain(Server::start_program(program, &lines), way)
    });
    let cluster =
        run_four(CLUSTER, &|way| Running::plain(Server::start_program(program, &["cluster-enabled yes"]), way));
    let watched = Server::start_program(program, &[]);
    let sentinel = run_four(SENTINEL, &|way| Running::sentinel(program, &watched, way));

    let mut refused = BTreeMap::new();
    let mut faults = Vec::new();
    for outcome in [&plain, &cluster, &sentinel] {
        for (name, was_refused) in &outcome.run {
            let only_refused = refused.entry(name.clone()).or_insert(true);
            *only_refused &= was_refused;
        }
        faults.extend(outcome.faults.iter().cloned());
    }
    faults.extend(uncovered(plain.commands.union(&sentinel.commands), &refused));
    println!("{}: {} commands, {} faults", program.display(), refused.len(), faults.len());
    assert!(faults.is_empty(), "{}:\n{}", program.display(), faults.join("\n"));
}

#[test]
fn what_cannot_be_run_has_its_shape_too() {
    for (command, resp2, resp3, expected) in WIRE {
        let args: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
        for parser in [ParserChoice::Fast, ParserChoice::Simple] {
            for wire in [resp2, resp3] {
                let mut parser = rredis::resp::parser(parser, Limits::default());
                parser.feed(wire.as_bytes()).expect("a parser takes bytes");
                let frame = parser.next().expect("a good reply").expect("a whole one");
                let reply = shape(&args).build(frame).expect("it is built");
                let root = std::ptr::from_ref(reply.root()).cast::<Node>();
                // SAFETY: the C layout of a node, which tests/header holds; the reply lives.
                assert_eq!(shown(unsafe { &*root }, How::Same), *expected, "{command}");
            }
        }
    }
}

#[test]
fn a_transaction_of_ones_own_has_the_shapes_of_its_commands() {
    let server = Server::start(&[]);
    let client = Options::at(&server.url()).int(option::PROTOCOL, 2).client();
    let mut conn = client.conn().expect("a connection");
    let transaction = |conn: &mut Conn, inner: u32, exec: u32| {
        for (command, flags) in
            [("MULTI", 0), ("HSET h f v", 0), ("HGETALL h", inner), ("LPUSH h x", 0), ("EXEC", exec)]
        {
            let args: Vec<&str> = command.split(' ').collect();
            let reply = conn.command_with(&args, flags | call::TIMEOUT, 5000).expect("the server takes it");
            if command == "EXEC" {
                return shown(&reply, How::Same);
            }
        }
        unreachable!("EXEC comes last")
    };
    let refused = "-WRONGTYPE Operation against a key holding the wrong kind of value";
    assert_eq!(transaction(&mut conn, 0, 0), format!("[1, {{\"f\": \"v\"}}, {refused}]"));
    assert_eq!(transaction(&mut conn, call::RAW, 0), format!("[0, [\"f\", \"v\"], {refused}]"));
    assert_eq!(transaction(&mut conn, 0, call::RAW), format!("[0, [\"f\", \"v\"], {refused}]"));
    // What was queued and given up is not taken for what is queued next.
    for command in ["MULTI", "HGETALL h", "DISCARD", "WATCH h", "MULTI", "GET x"] {
        let args: Vec<&str> = command.split(' ').collect();
        conn.command_with(&args, call::TIMEOUT, 5000).expect("the server takes it");
    }
    server.ask(&["HSET", "h", "g", "w"]);
    let gone = conn.command_with(&["EXEC"], call::TIMEOUT, 5000).expect("an answer");
    assert_eq!(shown(&gone, How::Same), "null");
    assert_eq!(transaction(&mut conn, 0, 0), format!("[0, {{\"f\": \"v\", \"g\": \"w\"}}, {refused}]"));
}

#[test]
fn every_shape_is_shown_somewhere() {
    let mut shown = String::new();
    for list in [STANDALONE, CLUSTER, SENTINEL] {
        for line in list.lines().filter(|line| !line.starts_with('#')) {
            let command = line.split_once(' ').map_or("", |(_, command)| command);
            shown.push_str(&format!("\"{} \n", command.to_uppercase()));
        }
    }
    WIRE.iter().for_each(|(command, ..)| shown.push_str(&format!("\"{command} \n")));
    // The tests beside the shapes, which have wire bytes of what no server here has.
    for file in files(&root().join("src/commands/shape")) {
        let text = fs::read_to_string(&file).expect("a file of the tree");
        let tests =
            if file.ends_with("tests.rs") { &text[..] } else { text.split("#[cfg(test)]").nth(1).unwrap_or_default() };
        shown.push_str(&tests.to_uppercase().replace('"', " \""));
    }
    let is_shown = |name: &str| shown.contains(&format!("\"{} ", name.to_uppercase()));
    let missing: Vec<&str> = (0..).map_while(shape::name).filter(|name| !is_shown(name)).collect();
    assert!(missing.is_empty(), "shapes that nothing shows: {missing:?}");
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of the tree").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Commands that are neither run nor named; and those that are at most refused here, have a shape, and no wire bytes.
fn uncovered<'a>(commands: impl Iterator<Item = &'a String>, refused: &BTreeMap<String, bool>) -> Vec<String> {
    let shapes: BTreeSet<&str> = (0..).map_while(shape::name).collect();
    let mut faults = Vec::new();
    for name in commands {
        let words: Vec<&str> = name.split(' ').collect();
        let is_wired = WIRE.iter().any(|(command, ..)| *command == *name || command.starts_with(&format!("{name} ")));
        match refused.get(name) {
            Some(false) => {}
            None if !NOT_RUN.iter().any(|(named, _)| named == name) => {
                faults.push(format!("{name} is neither run nor named"));
            }
            _ if (shapes.contains(name.as_str()) || shapes.contains(words[0])) && !is_wired => {
                faults.push(format!("{name} has a shape, is not run, and has no wire bytes"));
            }
            _ => {}
        }
    }
    faults
}

/// What came of one list.
struct Outcome {
    /// The commands that the server has; containers are not among them.
    commands: BTreeSet<String>,
    /// Those that were run, and whether they were only ever refused.
    run: BTreeMap<String, bool>,
    faults: Vec<String>,
}

/// Run a list in all four ways at once, and compare.
fn run_four(list: &str, start: &(dyn Fn((i64, i64)) -> Running + Sync)) -> Outcome {
    let mut all: Vec<(BTreeSet<String>, Vec<Ran>)> = thread::scope(|scope| {
        let threads: Vec<_> = WAYS.iter().map(|way| scope.spawn(|| start(*way).run(list))).collect();
        threads.into_iter().map(|thread| thread.join().expect("each way is run to its end")).collect()
    });
    let (commands, first) = all.remove(0);
    let mut outcome = Outcome { commands, run: BTreeMap::new(), faults: Vec::new() };
    for (index, ran) in first.iter().enumerate() {
        let only_refused = outcome.run.entry(ran.name.clone()).or_insert(true);
        *only_refused &= ran.is_refused;
        if ran.is_refused != ran.how.is_none() {
            outcome.faults.push(format!("{}: {}", ran.line, ran.tree));
        }
        for ((protocol, parser), (_, other)) in WAYS[1..].iter().zip(&all) {
            if other[index].tree != ran.tree {
                let way = format!("RESP{protocol}, parser {parser}");
                outcome.faults.push(format!("{}\n  RESP2: {}\n  {way}: {}", ran.line, ran.tree, other[index].tree));
                break;
            }
        }
    }
    outcome
}

/// One command that was run, and what came.
struct Ran {
    line: String,
    name: String,
    /// None: an error is expected.
    how: Option<How>,
    is_refused: bool,
    tree: String,
}

/// A server and a client of one way.
struct Running {
    client: Client,
    port: u16,
    _server: Option<Server>,
    _sentinel: Option<Sentinel>,
}

impl Running {
    fn plain(server: Server, way: (i64, i64)) -> Running {
        let port = server.port();
        Running { client: client(&server.url(), way), port, _server: Some(server), _sentinel: None }
    }

    fn sentinel(program: &Path, watched: &Server, way: (i64, i64)) -> Running {
        let sentinel = Sentinel::start(program, watched.port());
        let url = format!("redis://127.0.0.1:{}", sentinel.port);
        Running { client: client(&url, way), port: sentinel.port, _server: None, _sentinel: Some(sentinel) }
    }

    fn run(&self, list: &str) -> (BTreeSet<String>, Vec<Ran>) {
        let commands = self.commands();
        let mut conn = self.client.conn().expect("a connection");
        let mut ran = Vec::new();
        for line in list.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (mode, command) = line.split_once(' ').expect("a mode and a command");
            let args = self.arguments(command, &mut conn);
            let Some(name) = name_of(&args, &commands) else {
                assert!(is_a_command(&args), "no server has it: {line}");
                continue;
            };
            let mut own = mode.ends_with('@').then(|| self.client.conn().expect("another connection"));
            let reply = own.as_mut().unwrap_or(&mut conn).command_with(&args, call::TIMEOUT, 10_000);
            let how = match &mode[..1] {
                "=" => Some(How::Same),
                "~" => Some(How::Unordered),
                "?" => Some(How::Kinds),
                "*" => Some(How::Loose),
                "!" => None,
                other => panic!("{other} is no mode: {line}"),
            };
            let is_refused = reply.is_err();
            let tree = match reply {
                Ok(reply) => shown(&reply, how.unwrap_or(How::Kinds)),
                Err(error) => {
                    error.message.split(' ').next().unwrap_or_default().to_owned()
                        + if how.is_some() { &error.message } else { "" }
                }
            };
            ran.push(Ran { line: line.to_owned(), name, how, is_refused, tree });
        }
        (commands, ran)
    }

    /// The commands that the server has, subcommands with a space; a container is what its subcommands are.
    fn commands(&self) -> BTreeSet<String> {
        let list = self.client.command(&["COMMAND", "LIST"]).expect("a list of commands");
        let names: BTreeSet<String> = list.elements().iter().map(|name| spelled(name.text())).collect();
        let containers: BTreeSet<&str> = names.iter().filter_map(|name| Some(name.split_once(' ')?.0)).collect();
        let is_command = |name: &&String| !containers.contains(name.as_str()) || *name == "COMMAND";
        names.iter().filter(is_command).cloned().collect()
    }

    /// A line's words, as a shell has them, with what only this server knows put in.
    fn arguments(&self, command: &str, conn: &mut Conn) -> Vec<Vec<u8>> {
        let mut raw = |args: &[&str]| conn.command(args).expect("the server tells").text().to_vec();
        let mut words = words(command);
        for word in &mut words {
            *word = match word.as_slice() {
                b"{dump}" => raw(&["DUMP", "str"]),
                b"{functions}" => raw(&["FUNCTION", "DUMP"]),
                b"{myid}" => raw(&["CLUSTER", "MYID"]),
                b"{port}" => self.port.to_string().into_bytes(),
                _ => continue,
            };
        }
        words
    }
}

/// The name under which the server has a command: of one word or of two.
fn name_of(args: &[Vec<u8>], commands: &BTreeSet<String>) -> Option<String> {
    let one = spelled(&args[0]);
    let two = args.get(1).map(|second| format!("{one} {}", spelled(second)));
    two.filter(|two| commands.contains(two)).or_else(|| Some(one).filter(|one| commands.contains(one)))
}

/// Whether the table has it, on whichever servers.
fn is_a_command(args: &[Vec<u8>]) -> bool {
    let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
    find(&args).is_some_and(|command| !command.flags.has(CommandFlags::CONTAINER))
}

fn spelled(name: &[u8]) -> String {
    String::from_utf8_lossy(name).to_uppercase().replace('|', " ")
}

/// Words as a shell reads them: "..." with \n and \", '...' as it stands, and a backslash before a space.
fn words(line: &str) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut chars = line.chars().peekable();
    while chars.peek().is_some() {
        let mut word = String::new();
        let mut quote = None;
        while let Some(next) = chars.next() {
            match (next, quote) {
                (' ', None) => break,
                ('"' | '\'', None) => quote = Some(next),
                (next, Some(end)) if next == end => quote = None,
                ('\\', quote) if quote != Some('\'') => match chars.next().expect("something behind a backslash") {
                    'n' => word.push('\n'),
                    other => word.push(other),
                },
                (next, _) => word.push(next),
            }
        }
        words.push(word.into_bytes());
    }
    words
}

fn client(url: &str, (protocol, parser): (i64, i64)) -> Client {
    Options::at(url).int(option::PROTOCOL, protocol).int(option::PARSER, parser).client()
}

/// A sentinel, ended when dropped.
struct Sentinel {
    child: Child,
    port: u16,
    _folder: Folder,
}

impl Sentinel {
    fn start(program: &Path, watched: u16) -> Sentinel {
        let folder = Folder::in_memory("sentinel");
        let port = server::free_port();
        let conf = folder.path().join("conf");
        let text = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor mymaster 127.0.0.1 {watched} 1\n",
            folder.path().display()
        );
        fs::write(&conf, text).expect("a temporary folder can be written");
        let child = run(program, &conf);
        let sentinel = Sentinel { child, port, _folder: folder };
        let seen = || {
            let client = Options::at(&format!("redis://127.0.0.1:{port}")).try_client();
            let cache = client.and_then(|client| client.command(&["SENTINEL", "INFO-CACHE", "mymaster"]));
            cache.is_ok_and(|cache| cache.dump().contains("redis_version"))
        };
        eventually("the sentinel sees what it watches", seen);
        sentinel
    }
}

fn run(program: &Path, conf: &Path) -> Child {
    let mut command = Command::new(program);
    command.arg(conf).arg("--sentinel").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("the server's program starts as a sentinel")
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
