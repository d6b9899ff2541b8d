//! A real cluster of one's own: six nodes on loopback, three primaries with a replica each, ended by their handle.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::server::{BUS, Folder, Kind, Server, Wire, free_port_with_bus, program, say};
use super::slots::{SLOTS, key};

/// How many nodes it has at first: those that begin as primaries, and then their replicas in the same order.
pub const NODES: usize = 6;
const SHARDS: usize = 3;

/// After this without a word a node is taken for dead by the others.
const NODE_TIMEOUT: Duration = Duration::from_millis(500);
/// What else the nodes are told in their configuration.
const LINES: [&str; 3] = ["cluster-enabled yes", "cluster-config-file nodes.conf", "repl-diskless-sync-delay 0"];

/// Six nodes, and those that joined. Dropping it ends them and removes their folders.
pub struct Cluster {
    nodes: Vec<Server>,
    /// Those that are stopped, of which nothing can be asked.
    frozen: Vec<bool>,
    program: PathBuf,
    /// What each is told in its configuration.
    lines: Vec<String>,
}

/// What a node thinks that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its number.
    pub node: usize,
    pub is_primary: bool,
    /// The number of whom it is a replica of.
    pub of: Option<usize>,
    /// Of two that claim a slot, who has the larger one has it.
    pub epoch: u64,
    /// From and to, both of them included.
    pub slots: Vec<(usize, usize)>,
}

impl Role {
    /// Whether it has this slot.
    pub fn has(&self, slot: usize) -> bool {
        self.is_primary && self.slots.iter().any(|(from, to)| (*from..=*to).contains(&slot))
    }
}

impl Cluster {
    /// Start one whose nodes have these further lines of configuration, and wait until it is whole. In a line `{port}` is the
    /// node's own: with `port 0`, `tls-port {port}` and `tls-cluster yes` it is one that speaks TLS.
    pub fn start(lines: &[&str]) -> Cluster {
        Cluster::start_program(&program(), lines)
    }

    /// The same, with a program of the caller's choice.
    pub fn start_program(program: &Path, lines: &[&str]) -> Cluster {
        say(program);
        // Between finding free ports and the nodes' listening on them, another may take one.
        for _ in 0..5 {
            if let Some(cluster) = Cluster::try_start(program, lines) {
                cluster.until_whole();
                return cluster;
            }
        }
        panic!("{}: no cluster starts", program.display());
    }

    /// Each node finds in its folder what it would have written there, had it met the others and been given its slots. So they
    /// are one cluster from the first moment, and what takes its time is their own caution alone: a primary takes no writes for
    /// two seconds after its start.
    fn try_start(program: &Path, lines: &[&str]) -> Option<Cluster> {
        let ports: Vec<u16> = (0..NODES).map(|_| free_port_with_bus()).collect();
        let timeout = format!("cluster-node-timeout {}", NODE_TIMEOUT.as_millis());
        let lines = [&LINES[..], &[&timeout], lines].concat().into_iter().map(str::to_owned).collect();
        let mut cluster = Cluster { nodes: Vec::new(), frozen: Vec::new(), program: program.to_owned(), lines };
        for (node, port) in ports.iter().enumerate() {
            cluster.add(*port, &known(&ports, node))?;
        }
        Some(cluster)
    }

    /// Start one more node, which knows this.
    fn add(&mut self, port: u16, known: &str) -> Option<()> {
        // A node writes its file down for good before it goes on, as when it takes over: on a busy disk that takes seconds.
        let folder = Folder::in_memory("node");
        std::fs::write(folder.path().join("nodes.conf"), known).expect("a folder can be written");
        let lines: Vec<String> = self.lines.iter().map(|line| line.replace("{port}", &port.to_string())).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        self.nodes.push(Server::start_on(folder, &self.program, port, &lines, Kind::Server)?);
        self.frozen.push(false);
        Some(())
    }

    /// Have a new node join, which has no slots: its number. It is known to all that run, when this returns.
    pub fn join(&mut self) -> usize {
        let node = self.nodes.len();
        let knows = |port: u16| {
            format!("{}myself,master - 0 0 0 connected\nvars currentEpoch 0 lastVoteEpoch 0\n", place(node, port))
        };
        let is_there = (0..5).any(|_| {
            let port = free_port_with_bus();
            self.add(port, &knows(port)).is_some()
        });
        assert!(is_there, "no node starts");
        let met = self.running()[0];
        let port = self.nodes[met].port().to_string();
        assert_eq!(self.ask(node, &["CLUSTER", "MEET", "127.0.0.1", &port]), "OK");
        let knows = |of: usize, node: usize| {
            let nodes = self.ask(of, &["CLUSTER", "NODES"]);
            nodes
                .lines()
                .any(|line| line.starts_with(&id(node)) && line.contains(" connected") && !line.contains("fail"))
        };
        let all = self.running();
        self.until("acquainted", || all.iter().all(|other| knows(*other, node) && knows(node, *other)));
        // As any that begins, it is careful for a while.
        self.until_well();
        node
    }

    /// The same for a replica of this primary: its number. It has all that the primary has, when this returns.
    pub fn join_as_replica(&mut self, primary: usize) -> usize {
        let node = self.join();
        self.follow(node, primary);
        node
    }

    /// Make a node a replica of this primary, and wait until it has all that the primary has.
    pub fn follow(&self, node: usize, primary: usize) {
        assert_eq!(self.ask(node, &["CLUSTER", "REPLICATE", &id(primary)]), "OK");
        self.until_follows(node, primary);
    }

    /// Wait until a node is a replica of this primary, for all that run, and has all that the primary has.
    pub fn until_follows(&self, node: usize, primary: usize) {
        let is_so = |other: usize| {
            let nodes = self.ask(other, &["CLUSTER", "NODES"]);
            nodes.lines().any(|line| line.starts_with(&id(node)) && line.contains(&format!("slave {} ", id(primary))))
        };
        let is_up = || self.ask(node, &["INFO", "replication"]).contains("master_link_status:up");
        self.until("following", || self.running().into_iter().all(is_so) && is_up());
    }

    /// Have all others that run forget these nodes, which have no slots any more.
    pub fn forget(&self, gone: &[usize]) {
        for node in self.running().into_iter().filter(|node| !gone.contains(node)) {
            for gone in gone {
                assert_eq!(self.ask(node, &["CLUSTER", "FORGET", &id(*gone)]), "OK", "node {node}, of {gone}");
            }
        }
    }

    /// `redis+cluster://127.0.0.1:port,…`, with all of them.
    pub fn url(&self) -> String {
        format!("redis+cluster://{}", self.seeds())
    }

    /// `127.0.0.1:port,…`, with all of them.
    pub fn seeds(&self) -> String {
        let seeds: Vec<String> = (0..NODES).map(|node| self.endpoint(node)).collect();
        seeds.join(",")
    }

    /// `127.0.0.1:port`
    pub fn endpoint(&self, node: usize) -> String {
        format!("127.0.0.1:{}", self.nodes[node].port())
    }

    /// One of them, by its number.
    pub fn node(&self, node: usize) -> &Server {
        &self.nodes[node]
    }

    /// One command to one of them, by a way that owes nothing to the library.
    pub fn ask(&self, node: usize, args: &[&str]) -> String {
        self.nodes[node].ask(args)
    }

    /// End one as a power cut would.
    pub fn kill(&mut self, node: usize) {
        self.nodes[node].kill();
        self.frozen[node] = false;
    }

    /// Start one again in its folder, on its port.
    pub fn restart(&mut self, node: usize) {
        self.nodes[node].restart();
        self.frozen[node] = false;
    }

    /// Stop one from running, without closing anything, or let it go on.
    pub fn freeze(&mut self, node: usize, frozen: bool) {
        self.nodes[node].freeze(frozen);
        self.frozen[node] = frozen;
    }

    /// Those that run.
    pub fn running(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|node| self.nodes[*node].process() != 0 && !self.frozen[*node]).collect()
    }

    /// What each node that runs thinks that it is.
    pub fn roles(&self) -> Vec<Role> {
        self.running().into_iter().map(|node| self.role(node)).collect()
    }

    /// What this node thinks that it is.
    pub fn role(&self, node: usize) -> Role {
        let nodes = self.ask(node, &["CLUSTER", "NODES"]);
        let line = nodes.lines().find(|line| line.contains("myself")).expect("a node knows itself");
        let fields: Vec<&str> = line.split(' ').collect();
        let slots = fields[8..].iter().filter(|field| !field.starts_with('['));
        let slots = slots.map(|field| {
            let (from, to) = field.split_once('-').unwrap_or((field, field));
            (from.parse().expect("a slot"), to.parse().expect("a slot"))
        });
        let is_primary = fields[2].contains("master");
        let of = (!is_primary).then(|| number_of(fields[3]));
        Role { node, is_primary, of, epoch: fields[6].parse().expect("an epoch"), slots: slots.collect() }
    }

    /// The number of the primary that has this slot, of those that run. None: nobody has.
    pub fn owner(&self, slot: usize) -> Option<usize> {
        self.roles().into_iter().filter(|role| role.has(slot)).max_by_key(|role| role.epoch).map(|role| role.node)
    }

    /// The number of the primary that has this slot.
    pub fn primary(&self, slot: usize) -> usize {
        self.owner(slot).unwrap_or_else(|| panic!("nobody has slot {slot}"))
    }

    /// The number of the primary that had this slot at first.
    pub fn primary_at_first(&self, slot: usize) -> usize {
        (0..SHARDS).find(|shard| slot < first_slot(shard + 1)).unwrap_or_else(|| panic!("there is no slot {slot}"))
    }

    /// The number of a replica of whoever has this slot.
    pub fn replica(&self, slot: usize) -> usize {
        let primary = self.primary(slot);
        let mut roles = self.roles().into_iter();
        roles.find(|role| role.of == Some(primary)).unwrap_or_else(|| panic!("node {primary} has no replica")).node
    }

    /// Make this replica the primary, by hand and without a loss: it is, when this returns.
    pub fn fail_over(&self, replica: usize) {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            assert_eq!(self.ask(replica, &["CLUSTER", "FAILOVER"]), "OK");
            // One that does not come about is forgotten by the node itself, after five seconds or ten times its timeout.
            let again = Instant::now() + Duration::from_secs(6);
            while Instant::now() < again {
                if self.role(replica).is_primary {
                    return;
                }
                thread::sleep(Duration::from_millis(1));
            }
            assert!(Instant::now() < end, "node {replica} does not become a primary:\n{}", self.nodes[replica].log());
        }
    }

    /// Wait until every node that runs says that all is well.
    pub fn until_well(&self) {
        let is_well = |node| self.ask(node, &["CLUSTER", "INFO"]).contains("cluster_state:ok");
        self.until("well", || self.running().into_iter().all(is_well));
    }

    /// Wait until every node that runs says that all is well, and names two nodes for each slot.
    pub fn until_whole(&self) {
        self.until_well();
        // A replica that has got nothing yet is named by nobody.
        let takes_writes = |role: &Role| {
            let key = key(role.slots[0].0, "the-first-of-all");
            self.ask(role.node, &["SET", &key, ""]) == "OK" && self.ask(role.node, &["DEL", &key]) == "1"
        };
        let has_slots = |role: &&Role| role.is_primary && !role.slots.is_empty();
        self.until("written to", || self.roles().iter().filter(has_slots).all(takes_writes));
        let is_whole = |node: usize| {
            let slots = slots_of(&self.nodes[node]);
            let well = self.ask(node, &["CLUSTER", "INFO"]).contains("cluster_state:ok");
            let all: usize = slots.iter().map(|(from, to, _)| to - from + 1).sum();
            well && all == SLOTS && slots.iter().all(|(_, _, nodes)| *nodes == 2)
        };
        self.until("whole", || self.running().into_iter().all(is_whole));
    }

    fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let end = Instant::now() + Duration::from_secs(60);
        while !is_so() {
            if Instant::now() > end {
                let seen = |node: &usize| format!("{:?}\n{}", slots_of(&self.nodes[*node]), self.nodes[*node].log());
                let seen: Vec<String> = self.running().iter().map(seen).collect();
                panic!("the cluster is not {what}:\n{}", seen.join("\n"));
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// What the node of this number knows, in the words of its own file.
fn known(ports: &[u16], own: usize) -> String {
    let mut text = String::new();
    for (node, port) in ports.iter().enumerate() {
        let shard = node % SHARDS;
        let itself = if node == own { "myself," } else { "" };
        let place = place(node, *port);
        if node < SHARDS {
            let (from, to) = (first_slot(shard), first_slot(shard + 1) - 1);
            text.push_str(&format!("{place}{itself}master - 0 0 {} connected {from}-{to}\n", shard + 1));
        } else {
            text.push_str(&format!("{place}{itself}slave {} 0 0 {} connected\n", id(shard), shard + 1));
        }
    }
    text.push_str(&format!("vars currentEpoch {SHARDS} lastVoteEpoch 0\n"));
    text
}

/// How a line begins that is about a node.
fn place(node: usize, port: u16) -> String {
    format!("{} 127.0.0.1:{port}@{} ", id(node), port + BUS)
}

/// The first slot of each shard, as the slots are at first.
pub fn first_slot(shard: usize) -> usize {
    (SLOTS * shard).div_ceil(SHARDS)
}

/// What the nodes call the node of this number.
pub fn id(node: usize) -> String {
    format!("{:040x}", node + 1)
}

fn number_of(id: &str) -> usize {
    usize::from_str_radix(id, 16).expect("the name of a node") - 1
}

/// CLUSTER SLOTS of this node: from, to, and how many nodes.
fn slots_of(server: &Server) -> Vec<(usize, usize, usize)> {
    let text = server.wire().ask_nested(&["CLUSTER", "SLOTS"]);
    let number = |text: &str| text.parse().expect("a slot");
    let entry = |entry: &Vec<String>| (number(&entry[0]), number(&entry[1]), entry.len() - 2);
    text.iter().map(entry).collect()
}
