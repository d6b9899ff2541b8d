//! A node of a cluster that says what a test tells it to say: of the cluster, and to each command. It counts what it is asked.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::peer::{Command, Hello, Line, Peer, honest};
use super::slots::SLOTS;

/// A listener that takes itself for a node of a cluster, on threads that end with it.
pub struct Node {
    peer: Peer,
    part: Arc<Part>,
}

/// A command as it reached a node.
pub struct Asked<'a> {
    pub command: &'a Command,
    /// Whether ASKING stood directly before it.
    pub asking: bool,
    /// The how manieth connection it came on, from 0.
    pub connection: usize,
}

/// What a node does about a command.
pub enum Answer {
    /// These bytes.
    Bytes(Vec<u8>),
    /// An error with this text.
    Error(String),
    /// What an honest server answers: `v:` and the key to a GET, OK to everything else.
    Honest,
    /// Nothing, neither to this nor to anything that follows on the connection.
    Silence,
    /// The end of the connection.
    End,
}

type Script = Box<dyn FnMut(&Asked<'_>) -> Answer + Send>;
type Before = Arc<dyn Fn() + Send + Sync>;

/// How a node is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Life {
    Well,
    /// It takes connections, and closes them at once.
    Dead,
    /// It takes connections, and says nothing.
    Silent,
}

struct Part {
    life: Mutex<Life>,
    /// The answers to HELLO, ROLE, CLUSTER INFO, CLUSTER NODES and CLUSTER SLOTS.
    hello: Mutex<Vec<u8>>,
    role: Mutex<Vec<u8>>,
    info: Mutex<Vec<u8>>,
    nodes: Mutex<Vec<u8>>,
    slots: Mutex<Said>,
    script: Mutex<Script>,
    before_hello: Mutex<Before>,
    refreshes: AtomicUsize,
    asked: Mutex<Vec<Command>>,
}

/// What a node answers to CLUSTER SLOTS.
#[derive(Clone)]
enum Said {
    Bytes(Vec<u8>),
    /// These bytes, and then nothing any more.
    Half(Vec<u8>),
}

/// An entry of CLUSTER SLOTS.
pub struct Range<'a> {
    pub from: i64,
    pub to: i64,
    /// The primary first, as what the reply has for a host, and the port.
    pub nodes: &'a [(Host<'a>, i64)],
}

/// What stands for a host in CLUSTER SLOTS.
#[derive(Clone, Copy)]
pub enum Host<'a> {
    Null,
    Text(&'a str),
}

/// The host that all of them have.
pub const HERE: Host<'_> = Host::Text("127.0.0.1");

impl Node {
    /// One that says that it has all slots, and is honest.
    pub fn new() -> Node {
        let part = Arc::new(Part {
            life: Mutex::new(Life::Well),
            hello: Mutex::new(hello("cluster", "master")),
            role: Mutex::new(role("master")),
            info: Mutex::new(info("ok", 1)),
            nodes: Mutex::default(),
            slots: Mutex::new(Said::Bytes(Vec::new())),
            script: Mutex::new(Box::new(|_| Answer::Honest)),
            before_hello: Mutex::new(Arc::new(|| {})),
            refreshes: AtomicUsize::new(0),
            asked: Mutex::default(),
        });
        let peer = Peer::tcp(Hello::Resp3, {
            let part = Arc::clone(&part);
            move |line| part.play(line)
        });
        let node = Node { peer, part };
        node.says_that_all_is_of(&node);
        node.knows(&[]);
        node
    }

    /// Several, of which each has a part of the slots, equal but for what is left over.
    pub fn several<const COUNT: usize>() -> [Node; COUNT] {
        let nodes = [(); COUNT].map(|()| Node::new());
        let first = |number: usize| (number * SLOTS).div_ceil(COUNT) as i64;
        let own: Vec<[(Host<'_>, i64); 1]> = nodes.iter().map(|node| [(HERE, i64::from(node.port()))]).collect();
        let range = |number: usize| Range { from: first(number), to: first(number + 1) - 1, nodes: &own[number] };
        let slots = slots(&(0..COUNT).map(range).collect::<Vec<_>>());
        nodes.iter().for_each(|node| node.says_slots(slots.clone()));
        nodes
    }

    pub fn port(&self) -> u16 {
        self.peer.port()
    }

    /// `127.0.0.1:port`
    pub fn endpoint(&self) -> String {
        format!("127.0.0.1:{}", self.port())
    }

    /// `redis+cluster://127.0.0.1:port`
    pub fn url(&self) -> String {
        format!("redis+cluster://{}", self.endpoint())
    }

    /// From now on HELLO has this mode, and HELLO and ROLE this role: `master` or `slave`.
    pub fn is(&self, mode: &str, role_name: &str) {
        *lock(&self.part.hello) = hello(mode, role_name);
        *lock(&self.part.role) = role(role_name);
    }

    /// Every connection to it ends, and from now on each new one at once.
    pub fn dies(&self) {
        *lock(&self.part.life) = Life::Dead;
        self.peer.cut();
    }

    /// From now on it takes connections and says nothing, nor on those that there are.
    pub fn falls_silent(&self) {
        *lock(&self.part.life) = Life::Silent;
    }

    /// Every connection to it ends.
    pub fn cut(&self) {
        self.peer.cut();
    }

    /// From now on it is well again.
    pub fn lives(&self) {
        *lock(&self.part.life) = Life::Well;
        self.peer.cut();
    }

    /// From now on CLUSTER NODES names these beside itself.
    pub fn knows(&self, others: &[&Node]) {
        let line = |node: &Node, flags: &str| {
            let port = node.port();
            format!("{port:040x} 127.0.0.1:{port}@{port} {flags} - 0 0 1 connected\n")
        };
        let others: String = others.iter().map(|node| line(node, "master")).collect();
        *lock(&self.part.nodes) = text(&(line(self, "myself,master") + &others));
    }

    /// From now on CLUSTER INFO says that the cluster is in this state, and has come to this epoch.
    pub fn says_info(&self, state: &str, epoch: u64) {
        *lock(&self.part.info) = info(state, epoch);
    }

    /// From now on CLUSTER SLOTS is answered with these bytes.
    pub fn says_slots(&self, bytes: Vec<u8>) {
        *lock(&self.part.slots) = Said::Bytes(bytes);
    }

    /// From now on CLUSTER SLOTS is answered with these bytes, and with silence after them.
    pub fn says_half_of_slots(&self, bytes: Vec<u8>) {
        *lock(&self.part.slots) = Said::Half(bytes);
    }

    /// From now on it says that this node has all slots.
    pub fn says_that_all_is_of(&self, other: &Node) {
        let nodes = [(HERE, i64::from(other.port()))];
        self.says_slots(slots(&[Range { from: 0, to: SLOTS as i64 - 1, nodes: &nodes }]));
    }

    /// From now on do this about each command that is neither of the handshake nor about the cluster, nor ASKING, READONLY or
    /// READWRITE.
    pub fn answers(&self, script: impl FnMut(&Asked<'_>) -> Answer + Send + 'static) {
        *lock(&self.part.script) = Box::new(script);
    }

    /// From now on do this before each answer to HELLO.
    pub fn does_before_hello(&self, before: impl Fn() + Send + Sync + 'static) {
        *lock(&self.part.before_hello) = Arc::new(before);
    }

    /// How many connections it has accepted.
    pub fn connections(&self) -> usize {
        self.peer.connections()
    }

    /// How many connections neither side has ended.
    pub fn open(&self) -> usize {
        self.peer.open()
    }

    /// How often CLUSTER SLOTS was asked.
    pub fn refreshes(&self) -> usize {
        self.part.refreshes.load(Ordering::SeqCst)
    }

    /// Everything that was asked, on all connections and in order of arrival, without the handshake.
    pub fn asked(&self) -> Vec<Command> {
        lock(&self.part.asked).clone()
    }

    /// Keep nothing of what was asked so far: of many commands a list grows large.
    pub fn forgets(&self) {
        lock(&self.part.asked).clear();
        self.peer.forget();
    }

    /// How many of what was asked have this name.
    pub fn times(&self, name: &str) -> usize {
        self.asked().iter().filter(|command| is(command, name)).count()
    }

    /// What arrived on the connection of this number, the handshake included.
    pub fn commands(&self, number: usize) -> Vec<Command> {
        self.peer.commands(number)
    }
}

impl Part {
    fn play(&self, line: &mut Line) -> io::Result<()> {
        let mut asking = false;
        loop {
            let life = *lock(&self.life);
            if life == Life::Dead {
                return Ok(());
            }
            let command = line.any_command()?;
            let life = *lock(&self.life);
            match life {
                Life::Well => {}
                Life::Dead => return Ok(()),
                Life::Silent => line.stall()?,
            }
            if is(&command, "HELLO") {
                let before = Arc::clone(&lock(&self.before_hello));
                before();
                line.send(&lock(&self.hello).clone())?;
                continue;
            }
            if let Some(answer) = line.handshake_answer(&command) {
                line.send(&answer)?;
                continue;
            }
            lock(&self.asked).push(command.clone());
            let of_cluster = is(&command, "CLUSTER").then(|| command.get(1).map(|word| word.to_ascii_uppercase()));
            match of_cluster.flatten().as_deref() {
                Some(b"SLOTS") => {
                    self.refreshes.fetch_add(1, Ordering::SeqCst);
                    let said = lock(&self.slots).clone();
                    match said {
                        Said::Bytes(bytes) => line.send(&bytes)?,
                        Said::Half(bytes) => {
                            line.send(&bytes)?;
                            line.stall()?;
                        }
                    }
                }
                Some(b"INFO") => line.send(&lock(&self.info).clone())?,
                Some(b"NODES") => line.send(&lock(&self.nodes).clone())?,
                None if is(&command, "ROLE") => line.send(&lock(&self.role).clone())?,
                _ => {
                    let is_mode = ["ASKING", "READONLY", "READWRITE"].iter().any(|name| is(&command, name));
                    if is_mode {
                        line.send(b"+OK\r\n")?;
                    } else {
                        self.answer(line, &command, asking)?;
                    }
                    asking = is(&command, "ASKING");
                }
            }
        }
    }

    fn answer(&self, line: &mut Line, command: &Command, asking: bool) -> io::Result<()> {
        let asked = Asked { command, asking, connection: line.number };
        let answer = (lock(&self.script))(&asked);
        match answer {
            Answer::Bytes(bytes) => line.send(&bytes),
            Answer::Error(text) => line.send(format!("-{text}\r\n").as_bytes()),
            Answer::Honest => line.send(&honest(command)),
            Answer::Silence => line.stall(),
            Answer::End => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

impl Asked<'_> {
    /// Whether the command has this name.
    pub fn is(&self, name: &str) -> bool {
        is(self.command, name)
    }

    /// Its first argument, as text.
    pub fn key(&self) -> String {
        String::from_utf8_lossy(self.command.get(1).map(Vec::as_slice).unwrap_or_default()).into_owned()
    }
}

/// The bytes of CLUSTER SLOTS with these entries.
pub fn slots(ranges: &[Range<'_>]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", ranges.len()).into_bytes();
    for range in ranges {
        let head = format!("*{}\r\n:{}\r\n:{}\r\n", range.nodes.len() + 2, range.from, range.to);
        bytes.extend_from_slice(head.as_bytes());
        for (host, port) in range.nodes {
            let host = match host {
                Host::Null => "_\r\n".to_owned(),
                Host::Text(text) => format!("${}\r\n{text}\r\n", text.len()),
            };
            // Its name, and nothing further that is to be known of it.
            bytes.extend_from_slice(format!("*4\r\n{host}:{port}\r\n$40\r\n{port:040x}\r\n*0\r\n").as_bytes());
        }
    }
    bytes
}

fn hello(mode: &str, role: &str) -> Vec<u8> {
    let mut bytes =
        b"%5\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:3\r\n".to_vec();
    for (name, value) in [("mode", mode), ("role", role)] {
        bytes.extend_from_slice(format!("${}\r\n{name}\r\n${}\r\n{value}\r\n", name.len(), value.len()).as_bytes());
    }
    bytes
}

fn role(name: &str) -> Vec<u8> {
    match name {
        "master" => b"*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n".into(),
        _ => b"*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:1\r\n$9\r\nconnected\r\n:0\r\n".into(),
    }
}

fn info(state: &str, epoch: u64) -> Vec<u8> {
    text(&format!(
        "cluster_state:{state}\r\ncluster_slots_assigned:16384\r\ncluster_known_nodes:6\r\ncluster_size:3\r\n\
         cluster_current_epoch:{epoch}\r\ncluster_my_epoch:{epoch}\r\n"
    ))
}

fn text(text: &str) -> Vec<u8> {
    format!("={}\r\ntxt:{text}\r\n", text.len() + 4).into_bytes()
}

fn is(command: &Command, name: &str) -> bool {
    command.first().is_some_and(|word| word.eq_ignore_ascii_case(name.as_bytes()))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("a script panicked")
}
