//! How a connection begins: who it says it is, which protocol it agrees on, and what each refusal is called.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use rredis::client::pipeline::{self, Mode};
use rredis::client::{Call, Client as RustClient, Flags, Pipeline, Setup};
use rredis::conn::Credentials;
use rredis::error::{Result as RustResult, Status as Why};
use rredis::options::{Key, Secret};

use crate::support::c::{CErr, Client, Options, Outcome, Status, option, stat};
use crate::support::peer::{Hello, Peer};
use crate::support::server::Server;

fn refused(client: &Client) -> CErr {
    let err = client.command(&["PING"]).expect_err("the server refuses");
    assert_eq!(err.outcome, Outcome::NOT_SENT, "{err:?}");
    err
}

#[test]
fn a_password_opens_and_a_wrong_one_or_none_does_not() {
    let server = Server::start(&["requirepass sesame"]);
    for protocol in [0, 2, 3] {
        let at = || Options::at(&server.url()).int(option::PROTOCOL, protocol);
        assert_eq!(at().text(option::PASSWORD, "sesame").client().ask(&["PING"]), "+PONG");
        let wrong = refused(&at().text(option::PASSWORD, "wrong-but-private").client());
        assert_eq!(wrong.status, Status::AUTH, "RESP{protocol}: {wrong:?}");
        assert!(wrong.message.contains("WRONGPASS"), "RESP{protocol}: {wrong:?}");
        assert!(!wrong.message.contains("private"), "RESP{protocol}: {wrong:?}");
        assert!(wrong.message.contains(&format!("127.0.0.1:{}", server.port())), "who says so: {wrong:?}");
    }
    // Asked for nothing, RESP2 has nothing to say before the first command, and the server refuses that one itself.
    for protocol in [0, 2, 3] {
        let client = Options::at(&server.url()).int(option::PROTOCOL, protocol).client();
        let err = client.command(&["PING"]).expect_err("no password");
        assert!(err.message.contains("NOAUTH"), "RESP{protocol}: {err:?}");
        let said = (err.status, err.outcome);
        let wanted = [(Status::AUTH, Outcome::NOT_SENT), (Status::SERVER, Outcome::REFUSED)];
        assert!(wanted.contains(&said), "RESP{protocol}: {err:?}");
    }
    assert_eq!(Client::at(&format!("redis://:sesame@127.0.0.1:{}", server.port())).ask(&["PING"]), "+PONG");
}

#[test]
fn a_user_is_who_it_says_and_does_what_it_may() {
    let server = Server::start(&["user alice on >p%40ss:w/ord ~* &* +@all -flushall", "user default off"]);
    for protocol in [0, 2, 3] {
        let at = || Options::at(&server.url_of("alice", "p%2540ss%3Aw%2Ford")).int(option::PROTOCOL, protocol);
        let client = at().client();
        assert_eq!(client.ask(&["ACL", "WHOAMI"]), "\"alice\"", "RESP{protocol}");
        let err = client.command(&["FLUSHALL"]).expect_err("not she");
        assert_eq!((err.status, err.outcome), (Status::SERVER, Outcome::REFUSED), "{err:?}");
        assert!(err.message.starts_with("NOPERM "), "{err:?}");
        assert_eq!(refused(&at().text(option::USERNAME, "mallory").client()).status, Status::AUTH);
    }
}

#[test]
fn a_database_and_a_name_are_set_on_every_connection() {
    let server = Server::start(&[]);
    for url in [server.url(), server.unix_url()] {
        for protocol in [0, 2, 3] {
            let options = Options::at(&url).int(option::PROTOCOL, protocol);
            let client = options.int(option::DATABASE, 9).text(option::CLIENT_NAME, "the-name").client();
            let (mut one, mut two) = (client.conn().expect("one"), client.conn().expect("two"));
            for conn in [&mut one, &mut two] {
                let info = conn.ask(&["CLIENT", "INFO"]);
                assert!(info.contains("name=the-name ") && info.contains("db=9 "), "{info}");
                let resp = if protocol == 2 { "resp=2" } else { "resp=3" };
                assert!(info.contains(resp), "{info}");
            }
        }
    }
    let client = Options::at(&server.url()).int(option::DATABASE, 16).client();
    let err = refused(&client);
    assert!(err.message.contains("DB index is out of range"), "{err:?}");
    assert_eq!(err.status, Status::CONFIG, "it is an option that is wrong: {err:?}");
    assert!(err.message.contains("database 16"), "{err:?}");
}

#[test]
fn a_server_without_hello_is_spoken_to_in_resp2_on_the_same_connection() {
    let server = Server::start(&["rename-command HELLO \"\"", "requirepass sesame"]);
    let options = Options::at(&server.url()).text(option::PASSWORD, "sesame").int(option::DATABASE, 4);
    let client = options.text(option::CLIENT_NAME, "old").client();
    let before = server.wire_with("sesame").ask(&["INFO", "stats"]);
    let info = client.ask(&["CLIENT", "INFO"]);
    for wanted in ["resp=2", "db=4 ", "name=old "] {
        assert!(info.contains(wanted), "{wanted}: {info}");
    }
    let after = server.wire_with("sesame").ask(&["INFO", "stats"]);
    let received = |info: &str| -> i64 {
        let line = info.lines().find_map(|line| line.strip_prefix("total_connections_received:"));
        line.and_then(|value| value.parse().ok()).expect("INFO has it")
    };
    assert_eq!(received(&after) - received(&before), 2, "the client's, and the one that asks");
    assert_eq!(client.stat(stat::CONNECTIONS_CREATED), 1);
    // Asked for RESP3 and nothing less, it says what is missing.
    let strict = Options::at(&server.url()).text(option::PASSWORD, "sesame").int(option::PROTOCOL, 3).client();
    let err = refused(&strict);
    assert!([Status::UNSUPPORTED, Status::CONNECT].contains(&err.status), "{err:?}");
    assert!(err.message.contains("HELLO"), "{err:?}");
}

#[test]
fn every_refusal_of_hello_falls_back_once_and_never_loops() {
    for refusal in [
        "-ERR unknown command 'HELLO'\r\n",
        "-ERR unknown command `HELLO`, with args beginning with: `3`, \r\n",
        "-NOPROTO unsupported protocol version\r\n",
        "-NOPERM this user has no permissions to run the 'hello' command\r\n",
    ] {
        let peer = Peer::tcp(Hello::Resp2, move |line| {
            loop {
                let command = line.any_command()?;
                match command[0].eq_ignore_ascii_case(b"HELLO") {
                    true => line.send(refusal.as_bytes())?,
                    false => {
                        let answer = line.handshake_answer(&command).unwrap_or(crate::support::peer::honest(&command));
                        line.send(&answer)?;
                    }
                }
            }
        });
        let options = Options::at(&peer.url()).text(option::PASSWORD, "sesame").int(option::DATABASE, 2);
        let client = options.int(option::RETRY_MAX, 0).client();
        if refusal.starts_with("-NOPERM") {
            // It may mean that we are not who we say: an answer either way, and no loop.
            let _ = client.command(&["GET", "a"]);
        } else {
            assert_eq!(client.ask(&["GET", "a"]), "\"v:a\"", "{refusal}");
            let words: Vec<String> =
                peer.commands(0).iter().map(|c| String::from_utf8_lossy(&c[0]).into_owned()).collect();
            assert_eq!(words.iter().filter(|word| *word == "HELLO").count(), 1, "{refusal}: {words:?}");
            assert!(words.contains(&"AUTH".to_owned()) && words.contains(&"SELECT".to_owned()), "{refusal}: {words:?}");
        }
        assert_eq!(peer.connections(), 1, "{refusal}");
    }
}

#[test]
fn a_server_that_is_full_says_so() {
    let server = Server::start(&["maxclients 2"]);
    let client = Client::at(&server.url());
    let (mut one, mut two) = (client.conn().expect("one"), client.conn().expect("two"));
    assert_eq!((one.ask(&["PING"]), two.ask(&["PING"])), ("+PONG".to_owned(), "+PONG".to_owned()));
    for protocol in [0, 2] {
        let late = Options::at(&server.url()).int(option::PROTOCOL, protocol).int(option::RETRY_MAX, 0).client();
        let err = late.command(&["PING"]).expect_err("it is full");
        assert!(err.message.contains("max number of clients reached"), "RESP{protocol}: {err:?}");
        let said = (err.status, err.outcome);
        // With nothing to say first, RESP2 may learn of it only in place of its first answer.
        let in_place = protocol == 2 && said == (Status::SERVER, Outcome::REFUSED);
        assert!(in_place || said == (Status::CONNECT, Outcome::NOT_SENT), "RESP{protocol}: {err:?}");
    }
    drop((one, two));
}

#[test]
fn an_answer_to_hello_that_is_none_is_no_server() {
    for answer in ["+OK\r\n", ":1\r\n", "*0\r\n", "%0\r\n", "$5\r\nhello\r\n", "_\r\n"] {
        let peer = Peer::tcp(Hello::Resp3, move |line| {
            line.any_command()?;
            line.send(answer.as_bytes())?;
            line.serve()
        });
        let client = Options::at(&peer.url()).int(option::COMMAND_TIMEOUT_MS, 5000).int(option::RETRY_MAX, 0).client();
        // It goes on in RESP2, or it says that this is no server it knows; its own answer, or none.
        match client.command(&["GET", "a"]) {
            Ok(reply) => assert_eq!(reply.dump(), "\"v:a\"", "{answer}"),
            Err(err) => {
                assert!([Status::PROTOCOL, Status::CONNECT].contains(&err.status), "{answer}: {err:?}");
                assert_eq!(err.outcome, Outcome::NOT_SENT, "{answer}: {err:?}");
            }
        }
    }
}

#[test]
fn a_server_without_hello_is_not_asked_for_it_again() {
    for password in ["", "sesame"] {
        let peer = Peer::tcp(Hello::Resp2, crate::support::peer::Line::serve);
        let options = Options::at(&peer.url()).text(option::PASSWORD, password);
        let said = |number: usize| -> Vec<String> {
            let words = |command: &Vec<Vec<u8>>| String::from_utf8_lossy(&command[0]).into_owned();
            peer.commands(number).iter().map(words).collect()
        };
        let client = options.client();
        let (mut one, mut two) = (client.conn().expect("one"), client.conn().expect("two"));
        for conn in [&mut one, &mut two] {
            assert_eq!(conn.ask(&["GET", "k"]), "\"v:k\"");
        }
        assert_eq!(said(0).iter().filter(|word| *word == "HELLO").count(), 1, "{:?}", said(0));
        let rest: &[&str] = if password.is_empty() { &["GET"] } else { &["AUTH", "GET"] };
        assert_eq!(said(1), rest, "the second connection begins in RESP2");
        // Another client knows nothing of it.
        assert_eq!(options.client().ask(&["GET", "k"]), "\"v:k\"");
        assert_eq!(said(2)[0], "HELLO");
    }
}

#[test]
fn a_library_name_is_said_where_it_is_set_and_its_refusal_is_nobodys_reply() {
    // Redis 7.0 knows no SETINFO, and other servers do not like the name.
    let server = Server::start(&[]);
    for protocol in [0, 2, 3] {
        let options = Options::at(&server.url()).int(option::PROTOCOL, protocol).text(option::LIBRARY_NAME, "tests");
        let client = options.int(option::DATABASE, 3).client();
        for number in 1..4 {
            assert_eq!(client.ask(&["INCR", &format!("count:{protocol}")]), format!(":{number}"), "RESP{protocol}");
        }
        assert_eq!(client.stat(stat::CONNECTIONS_CREATED), 1);
    }
    for name in ["", "tests"] {
        for answer in ["+OK\r\n", "-ERR unknown subcommand\r\n", "-NOPERM you may not\r\n"] {
            let peer = Peer::tcp(Hello::Resp3, move |line| {
                loop {
                    let command = line.any_command()?;
                    let answer = match command[0].as_slice() {
                        b"CLIENT" => answer.as_bytes().to_vec(),
                        _ => line.handshake_answer(&command).unwrap_or(crate::support::peer::honest(&command)),
                    };
                    line.send(&answer)?;
                }
            });
            let client = Options::at(&peer.url()).text(option::LIBRARY_NAME, name).client();
            assert_eq!(client.ask(&["GET", "k"]), "\"v:k\"", "{answer}");
            let said = peer.commands(0).iter().filter(|command| command[0] == b"CLIENT").count();
            assert_eq!(said, usize::from(!name.is_empty()), "{name}");
        }
    }
}

/// Says the password that is due, and meanwhile tries to use the client that it is asked for.
#[derive(Default)]
struct Keeper {
    asked: AtomicUsize,
    client: OnceLock<RustClient>,
}

impl Credentials for Keeper {
    fn ask(&self, _: &str) -> RustResult<(Option<Secret>, Secret)> {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        if let Some(client) = self.client.get() {
            let ping: &[&[u8]] = &[b"PING"];
            let again = client.command(ping, &Call::default()).expect_err("not from here");
            assert_eq!((again.status, again.attempts), (Why::State, 1), "{again:?}");
            let mut pipeline = Pipeline::new(client);
            pipeline.add(ping, Flags::default(), std::ptr::null_mut())?;
            let again = pipeline::run(&mut pipeline, Mode::Plain, &Call::default()).expect_err("not from here");
            assert_eq!((again.status, pipeline.len()), (Why::State, 1), "what is refused so does nothing: {again:?}");
        }
        Ok((None, Secret::new(format!("secret-{asked}").as_bytes())?))
    }
}

#[test]
fn who_says_the_password_is_asked_at_each_connect_and_may_not_use_the_client() {
    let server = Server::start(&["requirepass secret-0"]);
    let keeper = Arc::new(Keeper::default());
    let mut setup = Setup { credentials: Some(keeper.clone()), ..Setup::default() };
    setup.options.set_url(server.url().as_bytes()).expect("a good URL");
    setup.options.set_int(Key::PoolMax, 1).expect("a good value");
    let client = RustClient::new(&setup).expect("a client");
    assert!(keeper.client.set(client.clone()).is_ok());
    let ping = || client.command(&[b"PING"], &Call::default());
    assert!(ping().is_ok() && ping().is_ok());
    assert_eq!(keeper.asked.load(Ordering::SeqCst), 1);
    // The password that comes next is the next that is said: the server is asked again, and not with the old one.
    let mut wire = server.wire_with("secret-0");
    wire.ask(&["CONFIG", "SET", "requirepass", "secret-1"]);
    wire.ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    assert!(ping().is_ok());
    assert_eq!(keeper.asked.load(Ordering::SeqCst), 2);
    // One that is wrong is said once: a server may lock out who insists.
    wire.ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    let err = ping().expect_err("it is wrong");
    assert_eq!((err.status, err.attempts, keeper.asked.load(Ordering::SeqCst)), (Why::Auth, 1, 3), "{err:?}");
}
