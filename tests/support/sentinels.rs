//! A real primary with two replicas, and three Sentinels that watch them: on loopback, ended by their handle.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::floor::Floor;
use super::server::{Folder, Kind, Server, free_port, program, say};

/// What the Sentinels call the primary.
pub const SERVICE: &str = "service";
const SERVERS: usize = 3;
const SENTINELS: usize = 3;

/// After this without a word the primary is taken for dead.
const DOWN_AFTER_MS: u64 = 500;
const FAILOVER_MS: u64 = 2000;

/// Three servers and three Sentinels. Dropping it ends them and removes their folders.
pub struct Sentinels {
    servers: Vec<Server>,
    sentinels: Vec<Server>,
    /// Those Sentinels that are stopped, of which nothing can be asked.
    frozen: [bool; SENTINELS],
}

impl Sentinels {
    /// Start them, the servers with these further lines of configuration, and wait until the Sentinels know each other and all
    /// of the servers.
    pub fn start(lines: &[&str]) -> Sentinels {
        Sentinels::start_program(&program(), lines)
    }

    /// The same, with a program of the caller's choice.
    pub fn start_program(program: &Path, lines: &[&str]) -> Sentinels {
        Sentinels::start_program_with(program, lines, &[])
    }

    /// The same, the Sentinels with further lines too. In a line `{port}` is the server's own, and `{second}` another that is its own: of
    /// Sentinels that have it, the one that others of them know.
    pub fn start_with(servers: &[&str], sentinels: &[&str]) -> Sentinels {
        Sentinels::start_program_with(&program(), servers, sentinels)
    }

    fn start_program_with(program: &Path, lines: &[&str], of_sentinels: &[&str]) -> Sentinels {
        say(program);
        // Between finding free ports and listening on them, another may take one.
        for _ in 0..5 {
            if let Some(sentinels) = Sentinels::try_start(program, lines, of_sentinels) {
                sentinels.until_whole();
                return sentinels;
            }
        }
        panic!("{}: no Sentinels start", program.display());
    }

    fn try_start(program: &Path, lines: &[&str], of_sentinels: &[&str]) -> Option<Sentinels> {
        let mut sentinels = Sentinels { servers: Vec::new(), sentinels: Vec::new(), frozen: [false; SENTINELS] };
        let ports: Vec<u16> = (0..SERVERS + SENTINELS).map(|_| free_port()).collect();
        let (own, others) = ports.split_at(SERVERS);
        let has_second = of_sentinels.iter().any(|line| line.contains("{second}"));
        let second: Vec<u16> = others.iter().map(|port| if has_second { free_port() } else { *port }).collect();
        let filled = |lines: &[&str], port: u16, second: u16| -> Vec<String> {
            let fill = |line: &&str| line.replace("{port}", &port.to_string()).replace("{second}", &second.to_string());
            lines.iter().map(fill).collect()
        };
        let follow = format!("replicaof 127.0.0.1 {}", own[0]);
        for (server, port) in own.iter().enumerate() {
            let mut lines = filled(&[&["repl-diskless-sync-delay 0"], lines].concat(), *port, *port);
            if server > 0 {
                lines.push(follow.clone());
            }
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let started = Server::start_on(Folder::in_memory("server"), program, *port, &lines, Kind::Server)?;
            sentinels.servers.push(started);
        }
        // A Sentinel that hears of a replica before that follows hears of it again ten seconds later.
        let is_up = |server: &Server| server.ask(&["INFO", "replication"]).contains("master_link_status:up");
        sentinels.until("followed", || sentinels.servers[1..].iter().all(is_up));
        // A replica is up some time before the primary passes anything on to it: one that stops before leaves nobody who knows.
        let mut primary = sentinels.servers[0].wire();
        primary.ask(&["PUBLISH", "nobody", "listens"]);
        let replicas = (SERVERS - 1).to_string();
        assert_eq!(primary.ask(&["WAIT", &replicas, "60000"]), replicas, "replicas that have what was written");
        for (sentinel, port) in others.iter().enumerate() {
            let lines = [filled(of_sentinels, *port, second[sentinel]), known(own, &second, sentinel)].concat();
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let started = Server::start_on(Folder::in_memory("sentinel"), program, *port, &lines, Kind::Sentinel)?;
            sentinels.sentinels.push(started);
        }
        Some(sentinels)
    }

    /// `redis+sentinel://127.0.0.1:port,…/service`
    pub fn url(&self) -> String {
        format!("redis+sentinel://{}/{SERVICE}", self.seeds())
    }

    /// `127.0.0.1:port,…` of the Sentinels.
    pub fn seeds(&self) -> String {
        let seeds: Vec<String> =
            self.sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port())).collect();
        seeds.join(",")
    }

    /// One of the servers, of which the first is the primary at first.
    pub fn server(&self, server: usize) -> &Server {
        &self.servers[server]
    }

    /// One of the Sentinels.
    pub fn sentinel(&self, sentinel: usize) -> &Server {
        &self.sentinels[sentinel]
    }

    /// End a server as a power cut would.
    pub fn kill(&mut self, server: usize) {
        self.servers[server].kill();
    }

    /// Start a server again.
    pub fn restart(&mut self, server: usize) {
        self.servers[server].restart();
    }

    /// Stop a server from running, without closing anything, or let it go on.
    pub fn freeze(&self, server: usize, frozen: bool) {
        self.servers[server].freeze(frozen);
    }

    /// End a Sentinel.
    pub fn kill_sentinel(&mut self, sentinel: usize) {
        self.sentinels[sentinel].kill();
        self.frozen[sentinel] = false;
    }

    /// Start a Sentinel again, with what it knew.
    pub fn restart_sentinel(&mut self, sentinel: usize) {
        self.sentinels[sentinel].restart();
        self.frozen[sentinel] = false;
    }

    /// Stop a Sentinel from running, or let it go on.
    pub fn freeze_sentinel(&mut self, sentinel: usize, frozen: bool) {
        self.sentinels[sentinel].freeze(frozen);
        self.frozen[sentinel] = frozen;
    }

    /// The port of the primary, in the words of the Sentinel that has heard of the latest failover.
    pub fn named(&self) -> u16 {
        let named = |sentinel: &Server| {
            let mut wire = sentinel.wire();
            let primary = wire.ask(&["SENTINEL", "MASTER", SERVICE]);
            let epoch = primary.lines().skip_while(|line| *line != "config-epoch").nth(1);
            let epoch: u64 = epoch.and_then(|epoch| epoch.parse().ok()).expect("a Sentinel counts");
            let answer = wire.ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE]);
            let port = answer.lines().nth(1).and_then(|port| port.parse::<u16>().ok());
            (epoch, port.unwrap_or_else(|| panic!("a Sentinel says {answer}")))
        };
        self.running().map(named).max_by_key(|(epoch, _)| *epoch).expect("a Sentinel runs").1
    }

    /// The Sentinels that run.
    fn running(&self) -> impl Iterator<Item = &Server> {
        let all = self.sentinels.iter().zip(self.frozen);
        all.filter(|(sentinel, frozen)| sentinel.process() != 0 && !frozen).map(|(sentinel, _)| sentinel)
    }

    /// The number of the server that the Sentinels name as the primary.
    pub fn primary(&self) -> usize {
        let named = self.named();
        let mut servers = self.servers.iter();
        servers.position(|server| server.port() == named).unwrap_or_else(|| panic!("nobody has the port {named}"))
    }

    /// From now on look for the moment at which one of them first names another primary than this server.
    pub fn naming(&self, old: usize) -> Floor {
        let ports: Vec<u16> = self.running().map(Server::port).collect();
        Floor::of_names(&ports, SERVICE, self.servers[old].port())
    }

    /// Have another primary chosen, while the old one is well. It is, some time after this has returned.
    pub fn fail_over(&self) {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let sentinel = self.running().next().expect("a Sentinel runs");
            let answer = sentinel.ask(&["SENTINEL", "FAILOVER", SERVICE]);
            if answer == "OK" {
                return;
            }
            // Of the last one not everything may be over yet.
            assert!(answer.starts_with("-INPROG") || answer.starts_with("-NOGOODSLAVE"), "{answer}");
            assert!(Instant::now() < end, "{answer}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Wait until every Sentinel knows of the others, and that there is a primary with two replicas that follow it.
    pub fn until_whole(&self) {
        let knows = |sentinel: &Server| {
            let primary = sentinel.ask(&["SENTINEL", "MASTER", SERVICE]);
            let primary = primary.lines().collect::<Vec<_>>();
            let has = |name: &str, value: &str| primary.chunks(2).any(|pair| *pair == [name, value]);
            let all = has("num-other-sentinels", "2") && has("num-slaves", "2") && has("flags", "master");
            let replicas = sentinel.wire().ask_nested(&["SENTINEL", "REPLICAS", SERVICE]);
            let port = self.servers[self.primary()].port().to_string();
            let follows = |replica: &Vec<String>| {
                let has = |name: &str, value: &str| replica.chunks(2).any(|pair| *pair == [name, value]);
                has("flags", "slave") && has("master-link-status", "ok") && has("master-port", &port)
            };
            all && replicas.len() == 2 && replicas.iter().all(follows)
        };
        self.hurry([200, 200]);
        self.until("whole", || self.sentinels.iter().all(knows));
        self.hurry([10_000, 2_000]);
    }

    /// How often, in milliseconds, the Sentinels ask each server how it is, and tell the others of it. A server that comes back as
    /// a primary is made a replica after four of the latter, and is heard of after one of the former.
    fn hurry(&self, [info, publish]: [u32; 2]) {
        for sentinel in &self.sentinels {
            // One that knows no such command does as it always does, and takes its time.
            sentinel.ask(&[
                "SENTINEL",
                "DEBUG",
                "INFO-PERIOD",
                &info.to_string(),
                "PUBLISH-PERIOD",
                &publish.to_string(),
            ]);
        }
    }

    fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let end = Instant::now() + Duration::from_secs(60);
        while !is_so() {
            if Instant::now() > end {
                let logs: Vec<String> = self.servers.iter().chain(&self.sentinels).map(Server::log).collect();
                panic!("the Sentinels' servers are not {what}:\n{}", logs.join("\n"));
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// What the Sentinel of this number knows, as it would write it down itself: all there is to be found out.
fn known(servers: &[u16], sentinels: &[u16], own: usize) -> Vec<String> {
    let id = |sentinel: usize| format!("{:040x}", 0xa000 + sentinel);
    let mut lines = vec![
        format!("sentinel myid {}", id(own)),
        format!("sentinel monitor {SERVICE} 127.0.0.1 {} 2", servers[0]),
        format!("sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MS}"),
        format!("sentinel failover-timeout {SERVICE} {FAILOVER_MS}"),
        format!("sentinel parallel-syncs {SERVICE} 2"),
    ];
    lines.extend(servers[1..].iter().map(|port| format!("sentinel known-replica {SERVICE} 127.0.0.1 {port}")));
    let others = sentinels.iter().enumerate().filter(|(sentinel, _)| *sentinel != own);
    lines.extend(
        others.map(|(sentinel, port)| format!("sentinel known-sentinel {SERVICE} 127.0.0.1 {port} {}", id(sentinel))),
    );
    lines
}
