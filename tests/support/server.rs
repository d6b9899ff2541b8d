//! A real server of one's own: free port, Unix socket, temporary folder, ended by its handle.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// One running server. Dropping it ends the process and removes the folder.
pub struct Server {
    program: PathBuf,
    child: Option<Child>,
    folder: Folder,
    port: u16,
    sentinel: bool,
}

/// What a server's program is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Server,
    Sentinel,
}

impl Server {
    /// Start one with these further lines of its configuration file, as `"requirepass secret"`.
    ///
    /// The program is the one that RREDIS_TEST_SERVER names, or redis-server, or valkey-server.
    pub fn start(lines: &[&str]) -> Server {
        Server::start_program(&program(), lines)
    }

    /// The same, with its folder in memory, where there is such a place: writing all down at once costs little there.
    pub fn start_in_memory(lines: &[&str]) -> Server {
        Server::start_in(Folder::in_memory("server"), &program(), lines)
    }

    /// The same, with a program of the caller's choice.
    pub fn start_program(program: &Path, lines: &[&str]) -> Server {
        Server::start_in(Folder::new("server"), program, lines)
    }

    /// A sentinel that watches nothing.
    pub fn start_sentinel(program: &Path) -> Server {
        Server::run(Folder::new("sentinel"), program, &[], true)
    }

    fn start_in(folder: Folder, program: &Path, lines: &[&str]) -> Server {
        Server::run(folder, program, lines, false)
    }

    fn run(folder: Folder, program: &Path, lines: &[&str], sentinel: bool) -> Server {
        say(program);
        let mut server = Server { program: program.to_owned(), child: None, folder, port: 0, sentinel };
        // Between finding a free port and the server's listening on it, another may take it.
        for _ in 0..5 {
            server.port = free_port();
            server.configure(lines);
            if server.try_run() {
                return server;
            }
        }
        panic!("{} does not start:\n{}", server.program.display(), server.log());
    }

    /// One of several whose ports and folders were chosen together. None: somebody else has a port of its.
    pub(super) fn start_on(folder: Folder, program: &Path, port: u16, lines: &[&str], kind: Kind) -> Option<Server> {
        let sentinel = kind == Kind::Sentinel;
        let mut server = Server { program: program.to_owned(), child: None, folder, port, sentinel };
        server.configure(lines);
        server.try_run().then_some(server)
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path of its Unix socket.
    pub fn unix_path(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    /// The folder it works in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `redis://127.0.0.1:port`
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// `redis://user:password@127.0.0.1:port`, both as they are written in a URL.
    pub fn url_of(&self, user: &str, password: &str) -> String {
        format!("redis://{user}:{password}@127.0.0.1:{}", self.port)
    }

    /// `unix:///path`
    pub fn unix_url(&self) -> String {
        format!("unix://{}", self.unix_path().display())
    }

    /// The number of its process; 0 when it does not run.
    pub fn process(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// What it has written to its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// End it as a power cut would: SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("a child can be killed");
            child.wait().expect("a child can be waited for");
        }
    }

    /// Start it again on the same port and path, after ending it if it still runs.
    pub fn restart(&mut self) {
        self.kill();
        for _ in 0..20 {
            if self.try_run() {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("{} does not start again:\n{}", self.program.display(), self.log());
    }

    /// Stop it from running, without closing anything (SIGSTOP), or let it go on (SIGCONT).
    pub fn freeze(&self, frozen: bool) {
        let signal = if frozen { libc::SIGSTOP } else { libc::SIGCONT };
        // SAFETY: a signal to a child that has not been waited for reaches that child and no other.
        assert_eq!(unsafe { libc::kill(self.process() as libc::pid_t, signal) }, 0);
    }

    /// A second way in, that owes nothing to the library: one connection that speaks RESP2.
    pub fn wire(&self) -> Wire {
        Wire::unix(&self.unix_path())
    }

    /// The same, where a password is asked for.
    pub fn wire_with(&self, password: &str) -> Wire {
        let mut wire = self.wire();
        assert_eq!(wire.ask(&["AUTH", password]), "OK");
        wire
    }

    /// One command by that second way, on a connection of its own.
    pub fn ask(&self, args: &[&str]) -> String {
        self.wire().ask(args)
    }

    /// A number out of INFO, as `connected_clients` or `total_connections_received`.
    pub fn info(&self, name: &str) -> i64 {
        let info = self.ask(&["INFO", "everything"]);
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|value| value.trim().parse().ok()).unwrap_or_else(|| panic!("INFO has no number {name}"))
    }

    /// What CLIENT LIST says of every connection but the one that asks.
    pub fn clients(&self) -> Vec<String> {
        let list = self.ask(&["CLIENT", "LIST"]);
        list.lines().filter(|line| !line.contains(" cmd=client|list ") && !line.is_empty()).map(str::to_owned).collect()
    }

    fn configure(&self, lines: &[&str]) {
        let folder = self.folder.path().display();
        let mut text = format!(
            "port {}\nbind 127.0.0.1\nunixsocket {}\nunixsocketperm 700\ndir {folder}\nlogfile {folder}/log\n\
             daemonize no\n",
            self.port,
            self.unix_path().display(),
        );
        if !self.sentinel {
            text.push_str("save \"\"\nappendonly no\n");
        }
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        fs::write(self.folder.path().join("conf"), text).expect("a temporary folder can be written");
    }

    /// Run it until it answers. false: it ended instead.
    fn try_run(&mut self) -> bool {
        let child = Command::new(&self.program)
            .arg(self.folder.path().join("conf"))
            .args(self.sentinel.then_some("--sentinel"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", self.program.display()));
        let child = self.child.insert(child);
        let end = Instant::now() + Duration::from_secs(20);
        while Instant::now() < end {
            if child.try_wait().expect("a child can be asked").is_some() {
                self.child = None;
                return false;
            }
            if answers(&self.folder.path().join("s")) {
                return true;
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("{} does not answer:\n{}", self.program.display(), self.log());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Nothing can be done about a failure here, and a second panic would hide the first.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// One connection to a server, speaking RESP2 in the plainest way there is. Replies come as text: a status or a
/// string as it is, `(nil)`, an error with its `-`, an array one element a line.
pub struct Wire {
    stream: BufReader<UnixStream>,
}

impl Wire {
    /// Connect to the Unix socket at this path.
    pub fn unix(path: &Path) -> Wire {
        Wire::try_unix(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Connect to a server that may not be there.
    pub fn try_unix(path: &Path) -> io::Result<Wire> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(Wire { stream: BufReader::new(stream) })
    }

    /// Send a command and read its reply.
    pub fn ask(&mut self, args: &[&str]) -> String {
        self.try_ask(args).unwrap_or_else(|error| panic!("the server answers {args:?}: {error}"))
    }

    /// Ask a server that may end, or close its connections.
    pub fn try_ask(&mut self, args: &[&str]) -> io::Result<String> {
        self.try_send(args)?;
        self.try_read()
    }

    /// Send a command that is answered with an array of arrays, and read its reply.
    pub fn ask_nested(&mut self, args: &[&str]) -> Vec<Vec<String>> {
        self.send(args);
        let array = |wire: &mut Wire| {
            let line = wire.line().expect("the server answers");
            let len = line.strip_prefix('*').and_then(|len| len.parse::<usize>().ok());
            len.unwrap_or_else(|| panic!("{args:?} is answered with {line}"))
        };
        let outer = array(self);
        (0..outer).map(|_| (0..array(self)).map(|_| self.read()).collect()).collect()
    }

    /// Send a command.
    pub fn send(&mut self, args: &[&str]) {
        self.try_send(args).expect("the server reads");
    }

    /// Read one reply.
    pub fn read(&mut self) -> String {
        self.try_read().expect("the server answers")
    }

    fn try_send(&mut self, args: &[&str]) -> io::Result<()> {
        let mut bytes = format!("*{}\r\n", args.len());
        for arg in args {
            bytes.push_str(&format!("${}\r\n{arg}\r\n", arg.len()));
        }
        self.stream.get_mut().write_all(bytes.as_bytes())
    }

    fn try_read(&mut self) -> io::Result<String> {
        let line = self.line()?;
        let (kind, rest) = line.split_at(line.len().min(1));
        Ok(match (kind, rest.parse::<i64>()) {
            ("$" | "*", Ok(-1)) => "(nil)".to_owned(),
            ("$", Ok(len)) => {
                let mut text = vec![0; len as usize + 2];
                self.stream.read_exact(&mut text)?;
                text.truncate(len as usize);
                String::from_utf8_lossy(&text).into_owned()
            }
            ("*", Ok(count)) => (0..count).map(|_| self.try_read()).collect::<io::Result<Vec<_>>>()?.join("\n"),
            ("-", _) => line,
            _ => rest.to_owned(),
        })
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim_end().to_owned()),
        }
    }
}

/// A temporary folder, removed when dropped. Its path is short: a Unix socket in it must fit.
pub struct Folder(PathBuf);

impl Folder {
    /// Make one.
    pub fn new(name: &str) -> Folder {
        Folder::make(&std::env::temp_dir(), name)
    }

    /// Make one in memory, where there is such a place.
    pub fn in_memory(name: &str) -> Folder {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() { Folder::make(memory, name) } else { Folder::new(name) }
    }

    fn make(parent: &Path, name: &str) -> Folder {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!("rredis-{name}-{}-{number}", std::process::id()));
        // What a run that was killed left behind, under the same process number.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Folder(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Wait, for a while, until this is so: for what the server learns a moment later, as that somebody left.
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < end, "never: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// The server program to test against.
pub fn program() -> PathBuf {
    let named = std::env::var_os("RREDIS_TEST_SERVER").map(PathBuf::from);
    let found = match named {
        Some(named) => find(named.as_os_str()),
        None => find("redis-server".as_ref()).or_else(|| find("valkey-server".as_ref())),
    };
    found.unwrap_or_else(|| panic!("no redis-server in PATH: install the package redis-server (make test does)"))
}

/// Every server program there is here: redis-server, valkey-server.
pub fn programs() -> Vec<PathBuf> {
    ["redis-server", "valkey-server"].iter().filter_map(|name| find(name.as_ref())).collect()
}

/// A port on 127.0.0.1 that nobody listens on: below those that the system gives to outgoing connections, so that
/// it stays free while a server is down.
pub fn free_port() -> u16 {
    free_port_of(20_000, is_free)
}

/// The same for a node of a cluster: 10 000 further on there is another, for the nodes among themselves.
pub(super) fn free_port_with_bus() -> u16 {
    free_port_of(10_000, |port| is_free(port) && is_free(port + BUS))
}

/// How far a node's port for other nodes is from that for clients.
pub(super) const BUS: u16 = 10_000;

fn free_port_of(range: u32, is_good: impl Fn(u16) -> bool) -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    for _ in 0..1000 {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 10_000 + (std::process::id().wrapping_mul(7919).wrapping_add(step) % range) as u16;
        if is_good(port) {
            return port;
        }
    }
    panic!("no free port");
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn find(program: &OsStr) -> Option<PathBuf> {
    if Path::new(program).components().count() > 1 {
        return Some(PathBuf::from(program));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(system).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Tell once which server it is that the tests run against.
pub(super) fn say(program: &Path) {
    static SAY: Once = Once::new();
    SAY.call_once(|| println!("server: {}", version(program)));
}

fn version(program: &Path) -> String {
    let output = Command::new(program).arg("--version").output();
    let output = output.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Whether whatever listens there says anything at all: +PONG, or an error that asks for a password.
fn answers(path: &Path) -> bool {
    let Ok(mut stream) = UnixStream::connect(path) else { return false };
    let patience = stream.set_read_timeout(Some(Duration::from_secs(5)));
    let mut first = [0];
    patience.is_ok() && stream.write_all(b"PING\r\n").is_ok() && matches!(stream.read(&mut first), Ok(1))
}
