//! What servers refuse, class by class: each provoked on a real server, or by a peer where no single server says it. Every error
//! reply to a command is SERVER, in the server's own words; the connection is kept unless the server closes it.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::support::c::{CErr, Client, Conn, Options, Outcome, Status, call, option, stat};
use crate::support::over::Woken;
use crate::support::peer::{Hello, Peer};
use crate::support::server::{Server, eventually, free_port};

/// A client that tries once, with one connection.
fn once(server: &Server) -> Client {
    Options::at(&server.url()).int(option::POOL_MAX, 1).int(option::RETRY_MAX, 0).client()
}

fn id(client: &Client) -> i64 {
    client.number(&["CLIENT", "ID"])
}

/// This command is answered with an error that begins so, and that says nothing of the server: the one connection stays.
fn refused(client: &Client, args: &[&str], begins: &str) -> CErr {
    refused_as(client, args, begins, Outcome::REFUSED)
}

fn refused_as(client: &Client, args: &[&str], begins: &str, outcome: Outcome) -> CErr {
    let created = client.stat(stat::CONNECTIONS_CREATED);
    let err = client.command(args).expect_err(begins);
    assert_eq!((err.status, err.outcome, err.attempts), (Status::SERVER, outcome, 1), "{begins}: {err:?}");
    assert!(err.message.starts_with(begins), "{begins}: {err:?}");
    let lost = client.stat(stat::CONNECTIONS_LOST) + client.stat(stat::CONNECTIONS_CLOSED);
    assert_eq!(lost, 0, "{begins}: the connection is as good as before");
    assert_eq!(client.stat(stat::CONNECTIONS_CREATED), created.max(1), "{begins}");
    err
}

#[test]
fn a_command_that_does_not_fit_is_refused() {
    let server = Server::start(&[]);
    let client = once(&server);
    let first = id(&client);
    client.ask(&["SET", "text", "x"]);
    client.ask(&["XADD", "stream", "*", "a", "1"]);
    client.ask(&["XGROUP", "CREATE", "stream", "group", "$"]);
    let dump = client.command_with(&["DUMP", "text"], call::RAW, 0).expect("a dump");
    for (args, begins) in [
        (&["LPUSH", "text", "y"][..], "WRONGTYPE "),
        (&["INCR", "text"], "ERR value is not an integer"),
        (&["GET"], "ERR wrong number of arguments"),
        (&["XGROUP", "CREATE", "stream", "group", "$"], "BUSYGROUP "),
        (&["XREADGROUP", "GROUP", "none", "c", "STREAMS", "stream", ">"], "NOGROUP "),
        (&["EVALSHA", "0123456789012345678901234567890123456789", "0"], "NOSCRIPT "),
        (&["SCRIPT", "KILL"], "NOTBUSY "),
        (&["CONFIG", "SET", "no-such", "x"], "ERR Unknown option"),
        (&["OBJECT", "FREQ", "text"], "ERR An LFU"),
    ] {
        refused(&client, args, begins);
    }
    let restore = [b"RESTORE".as_slice(), b"text", b"0", dump.text()];
    let err = client.command(&restore).expect_err("the key is there");
    assert!(err.status == Status::SERVER && err.message.starts_with("BUSYKEY "), "{err:?}");
    // Of these nobody can say how far they came.
    refused_as(&client, &["NOSUCH", "x"], "ERR unknown command", Outcome::UNKNOWN);
    refused_as(&client, &["EVAL", "return redis.call('INCR', 'text')", "0"], "ERR value is not", Outcome::UNKNOWN);
    refused_as(&client, &["EVAL", "return {err='MOVED 1 127.0.0.1:1'}", "0"], "MOVED 1 ", Outcome::UNKNOWN);
    let port = free_port().to_string();
    refused_as(&client, &["MIGRATE", "127.0.0.1", &port, "text", "0", "100"], "IOERR ", Outcome::UNKNOWN);
    assert_eq!(id(&client), first);
}

#[test]
fn a_server_short_of_something_refuses_and_is_not_asked_again() {
    let server = Server::start(&["min-replicas-to-write 1", "min-replicas-max-lag 10"]);
    let client = Options::at(&server.url()).int(option::POOL_MAX, 1).client();
    refused(&client, &["SET", "k", "v"], "NOREPLICAS ");
    server.ask(&["CONFIG", "SET", "min-replicas-to-write", "0"]);
    server.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    refused(&client, &["SET", "k", "v"], "OOM ");
    server.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(client.ask(&["SET", "k", "v"]), "+OK");

    // A folder where the dump should be: no snapshot succeeds.
    server.ask(&["CONFIG", "SET", "save", "3600 1"]);
    fs::create_dir(server.folder().join("dump.rdb")).expect("a folder");
    server.ask(&["BGSAVE"]);
    eventually("the snapshot fails", || server.ask(&["INFO", "persistence"]).contains("rdb_last_bgsave_status:err"));
    refused(&client, &["SET", "k", "v"], "MISCONF ");
    server.ask(&["CONFIG", "SET", "save", ""]);
    assert_eq!(client.ask(&["SET", "k", "v"]), "+OK");

    assert_eq!((client.stat(stat::RETRIES), client.stat(stat::CONNECTIONS_CREATED)), (0, 1));
}

#[test]
fn a_server_that_takes_no_writes_is_asked_on_new_connections_and_reads_on() {
    let server = Server::start(&["replicaof 127.0.0.1 1"]);
    let client = Options::at(&server.url()).int(option::POOL_MAX, 1).int(option::BACKOFF_MS, 1).client();
    assert_eq!(client.ask(&["GET", "k"]), "(nil)");
    let err = client.command(&["SET", "k", "v"]).expect_err("it is a replica");
    assert_eq!((err.status, err.outcome, err.attempts), (Status::SERVER, Outcome::REFUSED, 4), "{err:?}");
    assert!(err.message.starts_with("READONLY "), "{err:?}");
    assert_eq!((client.stat(stat::RETRIES), client.stat(stat::CONNECTIONS_CREATED)), (3, 4));
    assert_eq!((client.stat(stat::CONNECTIONS_CLOSED), client.stat(stat::CONNECTIONS_LOST)), (4, 0));
    for _ in 0..3 {
        assert_eq!(client.ask(&["GET", "k"]), "(nil)");
    }
    assert_eq!(client.stat(stat::CONNECTIONS_CREATED), 5);
}

#[test]
fn a_replica_without_its_master_is_asked_again_and_then_given_back() {
    let server = Server::start(&["replica-serve-stale-data no"]);
    server.ask(&["REPLICAOF", "127.0.0.1", &free_port().to_string()]);
    let options = || Options::at(&server.url()).int(option::POOL_MAX, 1).int(option::BACKOFF_MS, 1);
    let client = options().client();
    let err = client.command(&["GET", "k"]).expect_err("it serves nothing");
    assert_eq!((err.status, err.outcome, err.attempts), (Status::SERVER, Outcome::REFUSED, 4), "{err:?}");
    assert!(err.message.starts_with("MASTERDOWN "), "{err:?}");
    assert_eq!((client.stat(stat::RETRIES), client.stat(stat::CONNECTIONS_CREATED)), (3, 1));
    let patient = options().int(option::RETRY_MAX, 1000).int(option::BACKOFF_MS, 10).client();
    thread::scope(|scope| {
        let waits = scope.spawn(|| patient.ask(&["GET", "k"]));
        thread::sleep(Duration::from_millis(100));
        server.ask(&["REPLICAOF", "NO", "ONE"]);
        assert_eq!(waits.join().expect("no panic"), "(nil)", "it waited for that");
    });
}

#[test]
fn a_server_that_loads_is_waited_for() {
    let mut server =
        Server::start(&["enable-debug-command yes", "key-load-delay 50", "loading-process-events-interval-bytes 1024"]);
    server.ask(&["DEBUG", "POPULATE", "12000"]);
    assert_eq!(server.ask(&["SAVE"]), "OK");
    server.restart();
    let options = || Options::at(&server.url()).int(option::BACKOFF_MS, 20).int(option::BACKOFF_MS_MAX, 50);
    let impatient = options().int(option::RETRY_MAX, 1).client();
    let err = impatient.command(&["GET", "key:1"]).expect_err("it loads");
    assert_eq!((err.status, err.outcome, err.attempts), (Status::SERVER, Outcome::REFUSED, 2), "{err:?}");
    assert!(err.message.starts_with("LOADING "), "{err:?}");
    let patient = options().int(option::RETRY_MAX, 1000).int(option::RETRY_BUDGET_PERCENT, 100).client();
    let reply = patient.command_with(&["GET", "key:1"], call::TIMEOUT | call::RAW, 20_000).expect("it has loaded");
    assert_eq!(reply.dump(), "\"value:1\"");
    assert!(patient.stat(stat::RETRIES) > 0);
}

#[test]
fn a_cluster_that_is_down_is_asked_again_and_slots_apart_are_not() {
    let server = Server::start(&["cluster-enabled yes"]);
    let client = Options::at(&server.url()).int(option::BACKOFF_MS, 1).client();
    let err = client.command(&["GET", "k"]).expect_err("no slot is anybody's");
    assert_eq!((err.status, err.outcome, err.attempts), (Status::SERVER, Outcome::REFUSED, 4), "{err:?}");
    assert!(err.message.starts_with("CLUSTERDOWN "), "{err:?}");
    server.ask(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    refused(&client, &["MSET", "a", "1", "b", "2"], "CROSSSLOT ");
    let patient =
        Options::at(&server.url()).int(option::RETRY_MAX, 1000).int(option::RETRY_BUDGET_PERCENT, 100).client();
    let set = patient.command_with(&["SET", "k", "v"], call::TIMEOUT | call::RAW, 20_000).expect("it comes up");
    assert_eq!(set.dump(), "+OK");
}

#[test]
fn what_no_single_server_says_is_told_apart_just_so() {
    let errors = [
        "MOVED 3999 127.0.0.1:6381",
        "ASK 3999 127.0.0.1:6381",
        "INPROG Failover already in progress",
        "NOGOODSLAVE No suitable replica to promote",
        "UNKILLABLE Sorry the script already executed write commands",
        "NOSUCHPREFIX of any server",
        "lower case, as a proxy might",
        "ERR",
        "NOSPACE",
        "-",
        "",
        " ",
    ];
    let peer = Peer::tcp(Hello::Resp3, move |line| {
        for error in errors {
            line.command()?;
            line.send(format!("-{error}\r\n").as_bytes())?;
        }
        line.serve()
    });
    let client = Options::at(&peer.url()).client();
    for error in errors {
        let err = client.command(&["SET", "k", "v"]).expect_err(error);
        assert_eq!((err.status, err.outcome, err.attempts), (Status::SERVER, Outcome::REFUSED, 1), "{error}: {err:?}");
        assert_eq!(err.message, error);
    }
    assert_eq!(client.ask(&["GET", "k"]), "\"v:k\"");
    assert_eq!(peer.connections(), 1);
}

#[test]
fn a_script_that_does_not_end_keeps_the_server_busy_until_it_is_killed() {
    let server = Server::start(&["busy-reply-threshold 1"]);
    let (client, other) = (once(&server), once(&server));
    assert_eq!(client.ask(&["PING"]), "+PONG");
    thread::scope(|scope| {
        let looping = scope.spawn(|| other.command(&["EVAL", "while true do end", "0"]).expect_err("it is killed"));
        eventually("the script runs", || client.command(&["GET", "k"]).is_err());
        refused(&client, &["GET", "k"], "BUSY ");
        assert_eq!(client.ask(&["SCRIPT", "KILL"]), "+OK");
        let err = looping.join().expect("no panic");
        assert_eq!((err.status, err.outcome), (Status::SERVER, Outcome::UNKNOWN), "{err:?}");
        assert!(err.message.contains("killed by user"), "{err:?}");
    });
    assert_eq!(client.ask(&["GET", "k"]), "(nil)");
}

#[test]
fn who_waits_may_be_unblocked_with_an_error() {
    let server = Server::start(&[]);
    let client = once(&server);
    let number = id(&client).to_string();
    thread::scope(|scope| {
        let _woken_at_a_failure = Woken(|| client.wake(std::ptr::null()) > 0);
        let waits = scope.spawn(|| refused(&client, &["BLPOP", "nothing", "0"], "UNBLOCKED "));
        eventually("it waits", || server.info("blocked_clients") == 1);
        assert_eq!(server.ask(&["CLIENT", "UNBLOCK", &number, "ERROR"]), "1");
        waits.join().expect("no panic");
        assert_eq!(id(&client).to_string(), number);
        // And by its role's change, after which the server closes, and so does the pool.
        let _woken_at_a_failure = Woken(|| client.wake(std::ptr::null()) > 0);
        let waits = scope.spawn(|| client.command(&["BLPOP", "nothing", "0"]).expect_err("it is unblocked"));
        eventually("it waits", || server.info("blocked_clients") == 1);
        server.ask(&["REPLICAOF", "127.0.0.1", &free_port().to_string()]);
        let err = waits.join().expect("no panic");
        assert_eq!((err.status, err.outcome, err.attempts), (Status::SERVER, Outcome::REFUSED, 1), "{err:?}");
        assert!(err.message.starts_with("UNBLOCKED "), "{err:?}");
    });
    assert_eq!((client.stat(stat::CONNECTIONS_CLOSED), client.stat(stat::CONNECTIONS_IDLE)), (1, 0));
    eventually("it has closed", || server.clients().is_empty());
    assert_ne!(id(&client).to_string(), number);
}

fn fails(conn: &mut Conn, args: &[&str], begins: &str) {
    let err = conn.command(args).expect_err(begins);
    assert_eq!((err.status, err.outcome), (Status::SERVER, Outcome::REFUSED), "{begins}: {err:?}");
    assert!(err.message.starts_with(begins), "{begins}: {err:?}");
}

#[test]
fn on_a_connection_of_ones_own_too() {
    let server = Server::start(&["requirepass sesame", "user bob on >bobs ~bob:* +@all -flushall"]);
    let client = Options::at(&server.url()).text(option::PASSWORD, "sesame").client();
    let mut conn = client.conn().expect("a connection");
    fails(&mut conn, &["HELLO", "9"], "NOPROTO ");
    fails(&mut conn, &["AUTH", "bob", "wrong"], "WRONGPASS ");
    assert_eq!(conn.ask(&["AUTH", "bob", "bobs"]), "+OK");
    fails(&mut conn, &["FLUSHALL"], "NOPERM ");
    fails(&mut conn, &["GET", "another's"], "NOPERM ");
    assert_eq!(conn.ask(&["RESET"]), "+RESET");
    fails(&mut conn, &["GET", "bob:1"], "NOAUTH ");
    assert_eq!(conn.ask(&["AUTH", "sesame"]), "+OK");
    // A queue with a fault in it is not run.
    assert_eq!(conn.ask(&["MULTI"]), "+OK");
    assert_eq!(conn.ask(&["INCR", "k"]), "+QUEUED");
    fails(&mut conn, &["GET"], "ERR wrong number of arguments");
    fails(&mut conn, &["EXEC"], "EXECABORT ");
    assert_eq!(conn.ask(&["EXISTS", "k"]), ":0");
}

#[test]
fn a_password_that_comes_while_a_client_lives_is_asked_of_its_next_connection() {
    let server = Server::start(&[]);
    let client = Options::at(&server.url()).int(option::RETRY_MAX, 0).client();
    assert_eq!(client.ask(&["PING"]), "+PONG");
    server.ask(&["CONFIG", "SET", "requirepass", "sesame"]);
    assert_eq!(client.ask(&["PING"]), "+PONG", "the server lets those be that it knows");
    let mut wire = server.wire_with("sesame");
    wire.ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    let err = client.command(&["PING"]).expect_err("who are you?");
    assert_eq!((err.status, err.outcome), (Status::AUTH, Outcome::NOT_SENT), "{err:?}");
    assert!(err.message.contains("NOAUTH"), "{err:?}");
    // A password that is one of the server's own words changes nothing of what its answer is.
    for password in ["W", "WRONGPASS", "ERR"] {
        let client = Options::at(&server.url()).text(option::PASSWORD, password).client();
        let err = client.command(&["PING"]).expect_err("not that one");
        assert_eq!((err.status, err.attempts), (Status::AUTH, 1), "{password}: {err:?}");
    }
}

/// An address of this machine that servers do not take for the machine itself: Valkey takes all that begin with 127 for it.
/// To ask where a packet would leave from sends none.
fn elsewhere() -> Ipv4Addr {
    let leaves_from = || {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
        socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
        match socket.local_addr().ok()?.ip() {
            IpAddr::V4(address) if !address.is_loopback() => Some(address),
            _ => None,
        }
    };
    leaves_from().unwrap_or(Ipv4Addr::new(127, 0, 0, 2))
}

/// Carries one connection at a time to the server, from an address that is not the server's.
fn from_elsewhere(server: &Server) -> u16 {
    let elsewhere = elsewhere();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let (port, behind) = (listener.local_addr().expect("it has one").port(), server.port());
    thread::spawn(move || {
        while let Ok((client, _)) = listener.accept() {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
            socket.bind(&SocketAddr::from((elsewhere, 0)).into()).expect("an address of this machine");
            socket.connect(&SocketAddr::from((Ipv4Addr::LOCALHOST, behind)).into()).expect("the server listens");
            let server: TcpStream = socket.into();
            let (mut from, mut to) = (client.try_clone().expect("a twin"), server.try_clone().expect("a twin"));
            thread::spawn(move || std::io::copy(&mut from, &mut to));
            let (mut from, mut to) = (server, client);
            thread::spawn(move || {
                std::io::copy(&mut from, &mut to).and_then(|_| to.shutdown(std::net::Shutdown::Both))
            });
        }
    });
    port
}

#[test]
fn protected_mode_is_told_in_the_servers_own_words() {
    let server = Server::start(&["protected-mode yes"]);
    let port = from_elsewhere(&server);
    for protocol in [0, 3] {
        let options = Options::new().int(option::PORT, i64::from(port)).int(option::PROTOCOL, protocol);
        let err = options.int(option::RETRY_MAX, 0).client().command(&["PING"]).expect_err("it is protected");
        assert_eq!((err.status, err.outcome), (Status::CONNECT, Outcome::NOT_SENT), "RESP{protocol}: {err:?}");
        assert!(err.message.contains("DENIED") && err.message.contains("protected mode"), "{err:?}");
    }
}

#[test]
fn a_server_that_is_full_is_tried_again_until_somebody_leaves() {
    let server = Server::start(&["maxclients 1"]);
    let other = Client::at(&server.url());
    let held = other.conn().expect("the only one");
    let options = Options::at(&server.url()).int(option::RETRY_MAX, 1000).int(option::RETRY_BUDGET_PERCENT, 100);
    let client = options.int(option::BACKOFF_MS, 5).int(option::BACKOFF_MS_MAX, 20).client();
    let err = client.command_with(&["PING"], call::NO_RETRY, 0).expect_err("it is full");
    assert_eq!((err.status, err.outcome, err.attempts), (Status::CONNECT, Outcome::NOT_SENT, 1), "{err:?}");
    assert!(err.message.contains("max number of clients reached"), "{err:?}");
    thread::scope(|scope| {
        let waits = scope.spawn(|| client.ask(&["PING"]));
        thread::sleep(Duration::from_millis(100));
        drop(held);
        drop(other);
        assert_eq!(waits.join().expect("no panic"), "+PONG");
    });
    assert!(client.stat(stat::RETRIES) > 0);
}

#[test]
fn a_server_that_closes_without_a_word_says_nothing_of_the_command() {
    let server = Server::start(&[]);
    let client = once(&server);
    let number = id(&client).to_string();
    thread::scope(|scope| {
        let _woken_at_a_failure = Woken(|| client.wake(std::ptr::null()) > 0);
        let waits = scope.spawn(|| client.command(&["BLPOP", "list", "0"]).expect_err("it is killed"));
        eventually("it waits", || server.info("blocked_clients") == 1);
        server.ask(&["CLIENT", "KILL", "ID", &number]);
        let err = waits.join().expect("no panic");
        assert_eq!((err.status, err.outcome), (Status::IO, Outcome::UNKNOWN), "{err:?}");
        assert!(err.message.contains("closed the connection"), "{err:?}");
    });
    // One that asks for more than the server keeps for it.
    server.ask(&["CONFIG", "SET", "client-output-buffer-limit", "normal 100000 100000 0"]);
    server.ask(&["SET", "large", &"x".repeat(4 << 20)]);
    let err = client.command(&["GET", "large"]).expect_err("it is closed");
    assert_eq!((err.status, err.outcome), (Status::IO, Outcome::UNKNOWN), "{err:?}");
    let begin = Instant::now();
    // But one that was told to end has answered by that.
    assert_eq!(client.command(&["SHUTDOWN", "NOSAVE"]).expect("it ends").dump(), "#1");
    assert!(begin.elapsed() < Duration::from_secs(5));
}

/// A password that is in every place where it could be, and in none where it may not.
#[test]
fn a_password_is_in_no_message_and_no_event() {
    const CANARY: &str = "canary-Wj3q";
    let told = Arc::new(Mutex::new(String::new()));
    let tell = |text: &str| told.lock().expect("no panic").push_str(text);
    let at = |url: &str| {
        let diary = Arc::clone(&told);
        let options = Options::at(url).int(option::BACKOFF_MS, 1).on_event(Box::new(move |event| {
            diary.lock().expect("no panic").push_str(&event.dump());
        }));
        options.text(option::USERNAME, "somebody").text(option::PASSWORD, CANARY)
    };
    // Answers that repeat what was said, in the handshake and after it.
    let answers = [
        format!("-ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `somebody`, `{CANARY}`, \r\n"),
        format!("-WRONGPASS {CANARY} is not it\r\n"),
        format!("-NOAUTH {CANARY}\r\n"),
        format!("-NOPERM {CANARY}\r\n"),
        format!("-DENIED {CANARY}\r\n"),
        format!("-ERR max number of clients, {CANARY}\r\n"),
        format!("+{CANARY}\r\n"),
        format!("?{CANARY}\r\n"),
        format!("*1\r\n${CANARY}\r\n"),
        format!(">2\r\n+{CANARY}\r\n"),
        String::new(),
    ];
    for answer in answers {
        for protocol in [0, 2, 3] {
            let bytes = answer.clone().into_bytes();
            let peer = Peer::tcp(Hello::Resp3, move |line| {
                loop {
                    line.any_command()?;
                    match bytes.is_empty() {
                        true => return Ok(()),
                        false => line.send(&bytes)?,
                    }
                }
            });
            let client = at(&peer.url()).int(option::PROTOCOL, protocol).int(option::COMMAND_TIMEOUT_MS, 100).client();
            if let Err(err) = client.command(&["PING"]) {
                // What a server says to PING itself is given as it is; in the handshake it is not.
                let own_words = err.status == Status::SERVER;
                tell(&format!("{protocol} {}", if own_words { "" } else { &err.message }));
            }
        }
    }
    let server = Server::start(&["requirepass sesame"]);
    tell(&format!("{:?}", at(&server.url()).client().command(&["PING"]).expect_err("a wrong password")));
    let nobody = at(&format!("redis://127.0.0.1:{}", free_port()));
    tell(&format!("{:?}", nobody.client().command(&["PING"]).expect_err("nobody")));
    let told = told.lock().expect("no panic");
    assert!(told.contains("WRONGPASS") && told.contains("retry"), "something was told");
    assert!(!told.contains(CANARY), "{told}");
}
