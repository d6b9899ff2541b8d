//! `rredis-doctor`: what it says of servers that are well, and of each thing that can be wrong on the way to one.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::support::cluster::Cluster;
use crate::support::peer::{Hello, Peer};
use crate::support::sentinels::Sentinels;
use crate::support::server::{Server, free_port};
use crate::support::tools::{root, run};

/// What it says, and its exit status.
struct Visit {
    said: String,
    status: Option<i32>,
}

fn program() -> PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let build = || root().join(run(Command::new("tools/doctor").arg("debug")).trim());
    PROGRAM.get_or_init(build).clone()
}

fn visit(url: &str) -> Visit {
    let output = Command::new(program()).arg(url).output().expect("it runs");
    assert!(output.stderr.is_empty(), "{url}: {}", String::from_utf8_lossy(&output.stderr));
    Visit { said: String::from_utf8_lossy(&output.stdout).into_owned(), status: output.status.code() }
}

impl Visit {
    /// It ended so, and said all of these words.
    fn is(self, status: i32, words: &[&str]) -> String {
        for word in words {
            assert!(self.said.contains(word), "no {word:?} in\n{}", self.said);
        }
        assert_eq!(self.status, Some(status), "{}", self.said);
        self.said
    }
}

#[test]
fn a_server_that_is_well_is_told_of() {
    let server = Server::start(&[]);
    let port = server.port();
    let words = [
        "accepts connections",
        "login      as user \"default\"",
        "RESP3",
        "server     ",
        "100 round trips",
        "all is well",
    ];
    let said = visit(&format!("redis://127.0.0.1:{port}/3?command_timeout=4s")).is(0, &words);
    assert!(said.contains(&format!("options    redis://127.0.0.1:{port}/3?command_timeout=4")), "{said}");
    visit(&format!("redis://127.0.0.1:{port}?protocol=2")).is(0, &["RESP2", "all is well"]);
    visit(&server.unix_url()).is(0, &["socket     ", "all is well"]);
    // It has read no key, and changed nothing.
    assert_eq!(server.ask(&["DBSIZE"]), "0");
}

#[test]
fn a_login_that_fails_is_told_of_without_its_password() {
    let server = Server::start(&["requirepass right-secret"]);
    let at = |user: &str| format!("redis://{user}127.0.0.1:{}", server.port());
    let said = visit(&at(":wrong-secret@")).is(6, &["login      FAILED", "help", "%40", "***"]);
    assert!(!said.contains("wrong-secret"), "{said}");
    visit(&at("")).is(6, &["FAILED", "wants a password"]);
    let said = visit(&at(":right-secret@")).is(0, &["as user \"default\"", "all is well"]);
    assert!(!said.contains("right-secret"), "{said}");
    // From the input, so that nobody sees it among the arguments.
    let mut child =
        Command::new(program()).arg("-").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it runs");
    writeln!(child.stdin.take().expect("it is piped"), "{}", at(":right-secret@")).expect("it reads");
    let output = child.wait_with_output().expect("our child");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn a_user_who_may_do_little_is_no_failure() {
    let server = Server::start(&["user small on >small ~* -@all +get"]);
    let url = server.url_of("small", "small");
    visit(&url).is(0, &["as user \"small\", who may not run ACL WHOAMI", "does not tell what it is", "round trips"]);
}

#[test]
fn an_address_where_nobody_is_is_told_of() {
    let port = free_port();
    visit(&format!("redis://127.0.0.1:{port}"))
        .is(4, &["tcp        FAILED", "Connection refused", "Is the server running"]);
    visit("unix:///nowhere/redis.sock").is(4, &["socket     FAILED", "unixsocket"]);
    visit("redis://nowhere.invalid:6379").is(3, &["name       FAILED", "spelled right"]);
}

#[test]
fn a_peer_that_is_no_redis_is_told_of() {
    let other = Peer::tcp(Hello::Resp3, |line| {
        line.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")?;
        line.until_left()
    });
    visit(&other.url()).is(7, &["FAILED", "right port"]);
    let silent = Peer::tcp(Hello::Resp3, |line| line.until_left());
    visit(&format!("{}?command_timeout=400ms", silent.url())).is(7, &["FAILED", "does not answer"]);
}

#[test]
fn a_url_that_is_wrong_and_a_command_line_that_is_wrong_are_told_of() {
    visit("redis://127.0.0.1:0x7").is(2, &["options    FAILED", "--help"]);
    visit("redis://127.0.0.1?no_such_option=1").is(2, &["no_such_option"]);
    visit("--help").is(0, &["usage: rredis-doctor URL", "Exit status"]);
    visit("--version").is(0, &[env!("CARGO_PKG_VERSION")]);
    for arguments in [&[] as &[&str], &["--what"], &["redis://a", "redis://b"]] {
        let output = Command::new(program()).args(arguments).output().expect("it runs");
        assert!(output.status.code() == Some(1) && output.stdout.is_empty(), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stderr).starts_with("usage: "), "{arguments:?}");
    }
}

#[test]
fn all_servers_of_a_cluster_are_told_of() {
    let mut cluster = Cluster::start(&[]);
    let said = visit(&cluster.url()).is(0, &["servers    ", "primary 127.0.0.1:", "replica 127.0.0.1:"]);
    for node in cluster.running() {
        assert!(said.contains(&cluster.endpoint(node)), "{} is not in\n{said}", cluster.endpoint(node));
    }
    let alone = format!("redis://{}", cluster.endpoint(0));
    visit(&alone).is(0, &["redis+cluster://", "see the notes"]);
    let replica =
        (0..cluster.roles().len()).find(|&node| said.contains(&format!("replica {}", cluster.endpoint(node))));
    let replica = replica.expect("a replica");
    cluster.kill(replica);
    visit(&cluster.url()).is(8, &[&format!("replica {} FAILED", cluster.endpoint(replica)), "does not work"]);
}

#[test]
fn the_servers_that_sentinels_name_are_told_of() {
    let sentinels = Sentinels::start(&[]);
    visit(&sentinels.url()).is(0, &["primary ", "replica ", "round trips"]);
}

#[cfg(feature = "tls")]
mod over_tls {
    use rcgen::date_time_ymd;

    use super::visit;
    use crate::support::dice::Dice;
    use crate::support::peer::{Hello, Peer};
    use crate::tls::world::{PASSWORD, TlsServer};

    /// What a peer shows as its certificate is read by a program of C: it may be anything.
    #[test]
    fn a_certificate_that_is_none_is_not_shown() {
        // A record of a message of certificates, and one certificate in it that begins as one does, and has lengths at random.
        let mut dice = Dice::new(7, 0);
        for _ in 0..20 {
            let mut body: Vec<u8> = (0..80)
                .map(|_| [0x30, 0x30, 0x02, 0x82, 0x17, 0xa0, 0x06, 0x31, 0xff][dice.throw(9) as usize])
                .collect();
            (0..body.len()).filter(|at| at % 7 == 3).for_each(|at| body[at] = dice.throw(256) as u8);
            let len = body.len() as u8;
            let head = [22, 3, 3, 0, len + 10, 11, 0, 0, len + 6, 0, 0, len + 3, 0, 0, len];
            let answer = [&head[..], &body].concat();
            let peer = Peer::tcp(Hello::Resp3, move |line| {
                line.send(&answer)?;
                line.fin()
            });
            let visited = visit(&format!("rediss://127.0.0.1:{}", peer.port()));
            assert!(matches!(visited.status, Some(5 | 7)), "{:?}: {}", visited.status, visited.said);
        }
    }

    #[test]
    fn who_proved_what_and_until_when_is_told() {
        let world = TlsServer::start(&[]);
        let url = format!("rediss://:{PASSWORD}@localhost:{}", world.port());
        let known = format!("{url}?tls_ca_file={}", world.ca());
        let said = visit(&known)
            .is(0, &["a certificate of ", ", until 4096-01-01", "the server proved that it is localhost", "RESP3"]);
        assert!(!said.contains(PASSWORD), "{said}");
        visit(&url).is(5, &["a certificate of ", "tls        FAILED", "tls_ca_file"]);
        visit(&format!("{url}?tls_insecure_skip_verify=1")).is(0, &["nobody proved", "for tests only"]);
        // A port for TLS without TLS, and one without TLS with it.
        visit(&format!("redis://:{PASSWORD}@localhost:{}", world.port())).is(7, &["FAILED", "rediss:"]);
        let to = world.server().port();
        let plain = format!("rediss://:{PASSWORD}@localhost:{to}?command_timeout=500ms&tls_ca_file={}", world.ca());
        visit(&plain).is(5, &["tls        FAILED", "speak TLS"]);
        world.show(&world.root().issue_with(&["localhost"], |params| params.not_after = date_time_ymd(2021, 1, 1)));
        visit(&known).is(5, &["until 2021-01-01 00:00 UTC", "out of date", "expired"]);
    }
}
