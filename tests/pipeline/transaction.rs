//! Transactions: MULTI, the commands and EXEC in one burst; what came of them told apart; and watched keys.

use std::ffi::c_void;
use std::io::Result as Io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::c::{CErr, Client, Options, Outcome, Reply, Status, Verdict, call, option, stat};
use crate::support::child::fork;
use crate::support::over::Over;
use crate::support::peer::{Hello, Line, Peer};
use crate::support::pipeline::{Pipeline, mode};
use crate::support::server::{Server, eventually};

fn clients(server: &Server) -> Vec<Client> {
    let of = |url: &str, protocol| Options::at(url).int(option::PROTOCOL, protocol).client();
    vec![of(&server.url(), 2), of(&server.url(), 3), of(&server.unix_url(), 2), of(&server.unix_url(), 3)]
}

fn what(err: &CErr) -> (Status, Outcome) {
    (err.status, err.outcome)
}

/// A pipeline with these commands, of words apart by spaces.
fn queued(client: &Client, commands: &[&str]) -> Pipeline {
    let mut pipeline = Pipeline::of(client);
    for command in commands {
        pipeline.add(&command.split(' ').collect::<Vec<_>>());
    }
    pipeline
}

#[test]
fn a_transaction_gives_what_exec_gives() {
    let server = Server::start(&[]);
    for client in clients(&server) {
        client.ask(&["FLUSHALL"]);
        let mut pipeline =
            queued(&client, &["SET a 1", "LPUSH a x", "INCR a", "GET none", "RPUSH l 1 2", "LRANGE l 0 -1"]);
        let reply = pipeline.run(mode::ATOMIC).expect("the transaction runs");
        let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        assert_eq!(reply.dump(), format!("[#1 {wrong} :2 (nil) :2 [\"1\" \"2\"]]"));
        assert_eq!((pipeline.failed(), pipeline.len()), (1, 0), "what is wrong in it does not undo the rest");
        assert_eq!(client.stat(stat::CONNECTIONS_CREATED), 1);
    }
}

/// MONITOR sees MULTI, the commands and EXEC one behind the other, whatever others send meanwhile, and nothing before.
#[test]
fn nobody_elses_command_comes_between() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let over = AtomicBool::new(false);
    let mut monitor = server.wire();
    assert_eq!(monitor.ask(&["MONITOR"]), "OK");
    thread::scope(|scope| {
        let _over_at_the_end = Over(&over);
        for _ in 0..2 {
            scope.spawn(|| {
                let other = Client::at(&server.url());
                while !over.load(Ordering::SeqCst) {
                    other.ask(&["INCR", "noise"]);
                }
            });
        }
        for round in 0..30 {
            let mut pipeline = Pipeline::of(&client);
            (0..50).for_each(|place| _ = pipeline.add(&["SET", &format!("k{place}"), &round.to_string()]));
            assert_eq!(pipeline.run(mode::ATOMIC).expect("it runs").elements().len(), 50);
        }
    });
    server.ask(&["ECHO", "the end"]);
    let lines: Vec<String> = std::iter::from_fn(|| {
        let line = monitor.read();
        (!line.contains("the end")).then_some(line)
    })
    .collect();
    let mut transactions = 0;
    let mut rest = lines.iter();
    while let Some(line) = rest.next() {
        if !line.ends_with("\"MULTI\"") {
            assert!(!line.contains("\"SET\""), "outside of a transaction: {line}");
            continue;
        }
        for place in 0..50 {
            let line = rest.next().expect("the transaction goes on");
            assert!(line.contains(&format!("\"SET\" \"k{place}\" \"{transactions}\"")), "{line}");
        }
        assert!(rest.next().is_some_and(|line| line.ends_with("\"EXEC\"")), "EXEC comes last");
        transactions += 1;
    }
    assert_eq!(transactions, 30);
    assert!(lines.len() > 30 * 52, "the others were there too");
}

/// All of it is there before the first answer.
#[test]
fn it_is_one_burst() {
    let peer = Peer::tcp(Hello::Resp3, |line| {
        let names: Vec<_> = (0..5).map(|_| Ok(line.command()?.remove(0))).collect::<Io<_>>()?;
        assert_eq!(names, [b"MULTI".to_vec(), b"INCR".into(), b"INCR".into(), b"INCR".into(), b"EXEC".into()]);
        line.send(b"+OK\r\n+QUEUED\r\n+QUEUED\r\n>1\r\n+push\r\n+QUEUED\r\n*3\r\n:1\r\n:2\r\n:3\r\n")?;
        line.until_left()
    });
    let client = Client::at(&peer.url());
    assert_eq!(queued(&client, &["INCR n", "INCR n", "INCR n"]).ask(mode::ATOMIC), "[:1 :2 :3]");
    assert_eq!(client.stat(stat::CONNECTIONS_IDLE), 1);
}

#[test]
fn a_command_that_cannot_be_queued_aborts_all_of_them() {
    let server = Server::start(&[]);
    server.ask(&["ACL", "SETUSER", "few", "on", ">pw", "~*", "+@all", "-lpush"]);
    for client in clients(&server) {
        let mut pipeline = queued(&client, &["SET a 1", "GET", "NO.SUCH.COMMAND", "INCR n"]);
        let err = pipeline.run(mode::ATOMIC).expect_err("EXECABORT");
        assert_eq!(what(&err), (Status::ABORTED, Outcome::REFUSED));
        assert_eq!(err.message, "EXECABORT: command 1: ERR wrong number of arguments for 'get' command");
        assert_eq!((pipeline.failed(), pipeline.len()), (1, 0));
        assert_eq!(server.ask(&["DBSIZE"]), "0", "nothing ran");
        assert_eq!(client.stat(stat::CONNECTIONS_CREATED), 1);
        client.ask(&["PING"]);
        assert_eq!(client.stat(stat::CONNECTIONS_CREATED), 1, "the connection is as good as before");
    }
    let client = Client::at(&server.url_of("few", "pw"));
    let err = queued(&client, &["SET a 1", "LPUSH l x"]).run(mode::ATOMIC).expect_err("NOPERM");
    assert_eq!(what(&err), (Status::ABORTED, Outcome::REFUSED));
    assert!(err.message.starts_with("EXECABORT: command 1: NOPERM"), "{}", err.message);
}

/// Where MULTI itself is refused, the commands behind it run by themselves.
#[test]
fn without_multi_the_commands_may_have_run() {
    let server = Server::start(&[]);
    server.ask(&["ACL", "SETUSER", "none", "on", ">pw", "~*", "+@all", "-multi"]);
    let client = Client::at(&server.url_of("none", "pw"));
    let mut pipeline = queued(&client, &["INCR n", "LPUSH n x"]);
    let err = pipeline.run(mode::ATOMIC).expect_err("MULTI is refused");
    assert_eq!((what(&err), err.attempts), ((Status::SERVER, Outcome::UNKNOWN), 1));
    assert!(err.message.starts_with("MULTI: NOPERM"), "{}", err.message);
    assert_eq!((pipeline.failed(), server.ask(&["GET", "n"]).as_str()), (1, "1"));
    let err = queued(&client, &["LPUSH n x"]).run(mode::ATOMIC).expect_err("MULTI is refused");
    assert_eq!(what(&err), (Status::SERVER, Outcome::REFUSED), "and so was everything else");
    let mut pipeline = Pipeline::of(&client);
    pipeline.add(&["EVAL", "redis.call('INCR', KEYS[1]) return redis.error_reply('ERR half')", "1", "h"]);
    let err = pipeline.run(mode::ATOMIC).expect_err("MULTI is refused");
    assert_eq!(what(&err), (Status::SERVER, Outcome::UNKNOWN), "an error of a script is no proof that it did nothing");
    assert_eq!(server.ask(&["GET", "h"]), "1");
}

/// Answers that no server should give: none of them is taken for a transaction's, and the connection ends.
#[test]
fn what_is_no_answer_to_a_transaction_is_refused() {
    let answers: [(&[u8], &str); 9] = [
        (b"+OK\r\n+QUEUED\r\n+QUEUED\r\n*1\r\n:1\r\n", "EXEC was answered with 1 replies to 2 commands"),
        (b"+OK\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n:1\r\n:1\r\n:1\r\n", "EXEC was answered with 3 replies"),
        (b"+OK\r\n+QUEUED\r\n+QUEUED\r\n*0\r\n", "EXEC was answered with 0 replies"),
        (b"+OK\r\n+QUEUED\r\n+QUEUED\r\n+OK\r\n", "EXEC was answered with something else"),
        (
            b"+OK\r\n+QUEUED\r\n:2\r\n*1\r\n:1\r\n",
            "inside MULTI command 1 was answered with something else than QUEUED",
        ),
        (b"+OK\r\n+OK\r\n+QUEUED\r\n*2\r\n:1\r\n:1\r\n", "inside MULTI command 0 was answered"),
        (b"+OK\r\n*1\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n:1\r\n", "inside MULTI command 0 was answered"),
        (b"+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n:1\r\n", "MULTI was answered with something else than OK"),
        (b"+OK\r\n+QUEUED\r\n+QUEUED\r\nEXEC", "begins no value"),
    ];
    for (answer, text) in answers {
        let peer = Peer::tcp(Hello::Resp3, move |line| {
            (0..4).try_for_each(|_| line.command().map(drop))?;
            line.send(answer)?;
            line.until_left()
        });
        let client = Client::at(&peer.url());
        let err = queued(&client, &["INCR n", "INCR n"]).run(mode::ATOMIC).expect_err("it is no transaction's");
        assert_eq!((what(&err), err.attempts), ((Status::PROTOCOL, Outcome::UNKNOWN), 1), "{text}");
        assert!(err.message.contains(text), "{}", err.message);
        assert_eq!((client.stat(stat::CONNECTIONS), peer.connections()), (0, 1));
    }
}

/// EXEC was written, and no answer came: nobody knows, and nobody tries again.
#[test]
fn without_an_answer_to_exec_nobody_knows() {
    let endings: [(&[u8], bool, Status, Outcome); 4] = [
        (b"", false, Status::IO, Outcome::UNKNOWN),
        (b"+OK\r\n+QUEUED\r\n+QUEUED\r\n", false, Status::IO, Outcome::UNKNOWN),
        (b"+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n", false, Status::IO, Outcome::UNKNOWN),
        (b"+OK\r\n+QUEUED\r\n+QUEUED\r\n", true, Status::TIMEOUT, Outcome::UNKNOWN),
    ];
    for (answer, stalls, status, outcome) in endings {
        let peer = Peer::unix(Hello::Resp3, move |line| {
            (0..4).try_for_each(|_| line.command().map(drop))?;
            line.send(answer)?;
            if stalls { line.stall() } else { Ok(()) }
        });
        let client = Options::at(&peer.url()).int(option::COMMAND_TIMEOUT_MS, 400).client();
        let mut pipeline = queued(&client, &["INCR n", "INCR n"]);
        let err = pipeline.run(mode::ATOMIC).expect_err("no answer");
        assert_eq!((what(&err), err.attempts, peer.connections()), ((status, outcome), 1, 1));
        assert_eq!((pipeline.failed(), client.stat(stat::CONNECTIONS)), (0, 0));
    }
}

/// A transaction of which EXEC never left dies with its connection: it is tried again, whatever it would have written.
#[test]
fn a_transaction_without_its_exec_did_not_run() {
    let cut = |line: &mut Line| {
        if line.number > 0 {
            return line.serve_transaction();
        }
        line.command()?;
        line.send(b"+OK\r\n")?;
        line.wait(Duration::from_millis(100))
    };
    let peer = Peer::tcp(Hello::Resp3, cut);
    let client = Client::at(&peer.url());
    let mut pipeline = Pipeline::of(&client);
    let long = "x".repeat(1 << 20);
    (0..40).for_each(|_| _ = pipeline.add(&["APPEND", "k", &long]));
    assert_eq!(pipeline.run(mode::ATOMIC).expect("the second time").elements().len(), 40);
    assert_eq!((peer.connections(), client.stat(stat::RETRIES)), (2, 1));

    let peer = Peer::tcp(Hello::Resp3, cut);
    let client = Options::at(&peer.url()).int(option::RETRY_MAX, 0).client();
    let mut pipeline = Pipeline::of(&client);
    (0..40).for_each(|_| _ = pipeline.add(&["APPEND", "k", &long]));
    let err = pipeline.run(mode::ATOMIC).expect_err("it is cut off");
    assert_eq!(what(&err), (Status::IO, Outcome::NOT_SENT));
}

#[test]
fn a_watched_key_that_somebody_changed_keeps_it_from_running() {
    let server = Server::start(&[]);
    for client in clients(&server) {
        client.ask(&["FLUSHALL"]);
        let mut pipeline = Pipeline::of(&client);
        for conflict in [false, true, false] {
            server.ask(&["SET", "k", "5"]);
            pipeline.watch(&["other"]).expect("it watches");
            pipeline.watch(&["k", "and"]).expect("it watches more");
            let value = pipeline.command(&["GET", "k"]).expect("it reads at once").dump();
            assert_eq!((value.as_str(), client.stat(stat::CONNECTIONS_IN_USE)), ("\"5\"", 1));
            if conflict {
                server.ask(&["INCR", "k"]);
            }
            pipeline.add(&["SET", "k", "10"]).add(&["GET", "k"]);
            match pipeline.run(mode::ATOMIC) {
                Ok(reply) => assert_eq!((conflict, reply.dump().as_str()), (false, "[#1 \"10\"]")),
                Err(err) => {
                    assert_eq!((conflict, what(&err)), (true, (Status::WATCH, Outcome::REFUSED)));
                    assert_eq!(server.ask(&["GET", "k"]), "6");
                }
            }
            assert_eq!((pipeline.failed(), pipeline.len(), client.stat(stat::CONNECTIONS_IN_USE)), (-1, 0, 0));
        }
        // With nothing queued, a run tells whether anybody was there.
        for conflict in [false, true] {
            pipeline.watch(&["k"]).expect("it watches");
            if conflict {
                server.ask(&["INCR", "k"]);
            }
            match pipeline.run(mode::ATOMIC) {
                Ok(reply) => assert_eq!((conflict, reply.dump().as_str()), (false, "[]")),
                Err(err) => assert_eq!((conflict, err.status), (true, Status::WATCH)),
            }
        }
        assert_eq!(client.stat(stat::CONNECTIONS_CREATED), 1, "every end gave the same connection back clean");
        client.ask(&["SET", "k", "after"]);
    }
}

/// The table of the header, cell by cell.
#[test]
fn the_life_of_a_pipeline() {
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum State {
        Idle,
        Queued,
        Watching,
        Both,
    }
    use State::{Both, Idle, Queued, Watching};
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let in_state = |state| {
        let mut pipeline = Pipeline::of(&client);
        if matches!(state, Watching | Both) {
            pipeline.watch(&["k"]).expect("it watches");
        }
        if matches!(state, Queued | Both) {
            pipeline.add(&["INCR", "n"]);
        }
        pipeline
    };
    let state_of = |pipeline: &Pipeline| match (client.stat(stat::CONNECTIONS_IN_USE), pipeline.len()) {
        (0, 0) => Idle,
        (0, _) => Queued,
        (_, 0) => Watching,
        _ => Both,
    };
    type Act = fn(&mut Pipeline) -> Result<String, CErr>;
    let acts: [(&str, Act, [Option<State>; 4]); 7] = [
        ("watch", |it| it.watch(&["l"]).map(|()| String::new()), [Some(Watching), None, Some(Watching), None]),
        ("command", |it| it.command(&["GET", "k"]).map(|reply| reply.dump()), [None, None, Some(Watching), None]),
        (
            "add",
            |it| it.try_add(&["GET", "k"]).map(|()| String::new()),
            [Some(Queued), Some(Queued), Some(Both), Some(Both)],
        ),
        ("plain", |it| it.run(mode::PLAIN).map(|reply| reply.dump()), [Some(Idle), Some(Idle), None, None]),
        ("atomic", |it| it.run(mode::ATOMIC).map(|reply| reply.dump()), [Some(Idle); 4]),
        (
            "each",
            |it| it.run_each(0, 0, Box::new(|_, _| Ok(()))).map(|()| String::new()),
            [Some(Idle), Some(Idle), None, None],
        ),
        (
            "clear",
            |it| {
                Ok({
                    it.clear();
                    String::new()
                })
            },
            [Some(Idle); 4],
        ),
    ];
    for (name, act, row) in acts {
        for (state, expected) in [Idle, Queued, Watching, Both].into_iter().zip(row) {
            let mut pipeline = in_state(state);
            assert_eq!(state_of(&pipeline), state);
            let monitored = server.info("total_commands_processed");
            match (act(&mut pipeline), expected) {
                (Ok(said), Some(after)) => {
                    assert_eq!(state_of(&pipeline), after, "{name} when {state:?}");
                    let array = said.starts_with('[');
                    assert_eq!(array, name == "plain" || name == "atomic", "{name} when {state:?}: {said}");
                }
                (Err(err), None) => {
                    assert_eq!(what(&err), (Status::STATE, Outcome::NOT_SENT), "{name} when {state:?}");
                    assert_eq!(state_of(&pipeline), state, "it did nothing");
                    let processed = server.info("total_commands_processed");
                    assert!(processed <= monitored + 1, "{name} when {state:?}: the server heard of it");
                }
                (result, expected) => panic!("{name} when {state:?}: {result:?} and not {expected:?}"),
            }
            drop(pipeline);
            assert_eq!(client.stat(stat::CONNECTIONS_IN_USE), 0, "{name} when {state:?}: free gives it back");
        }
    }
    // And after any failure but those two: idle.
    let mut pipeline = in_state(Both);
    pipeline.add(&["NO.SUCH"]);
    assert_eq!(pipeline.run(mode::ATOMIC).expect_err("EXECABORT").status, Status::ABORTED);
    assert_eq!(state_of(&pipeline), Idle);
}

/// What is watched and given up is closed at once, and nobody finds its watch.
#[test]
fn what_is_given_up_leaves_nothing_behind() {
    let server = Server::start(&[]);
    let client = Options::at(&server.url()).int(option::POOL_MAX, 1).int(option::POOL_WAIT_MS, 2000).client();
    for way in 0..3 {
        let mut pipeline = Pipeline::of(&client);
        pipeline.watch(&["k"]).expect("it watches");
        pipeline.add(&["SET", "k", "never"]);
        match way {
            0 => pipeline.clear(),
            1 => drop(pipeline.run(mode::PLAIN).expect_err("it watches")),
            _ => {}
        }
        drop(pipeline);
        assert_eq!(client.stat(stat::CONNECTIONS_IN_USE), 0);
        client.ask(&["SET", "k", "mine"]);
        assert_eq!(queued(&client, &["GET k"]).ask(mode::ATOMIC), "[\"mine\"]");
    }
}

#[test]
fn giving_up_never_waits_for_the_server() {
    let peer = Peer::tcp(Hello::Resp3, |line: &mut Line| -> Io<()> {
        line.command()?;
        line.send(b"+OK\r\n")?;
        // Whatever else is asked has no answer.
        line.stall()
    });
    let client = Options::at(&peer.url()).int(option::COMMAND_TIMEOUT_MS, 60_000).client();
    for way in ["clear", "clear what is queued", "free"] {
        let mut pipeline = Pipeline::of(&client);
        pipeline.watch(&["k"]).expect("it watches");
        if way != "clear" {
            pipeline.add(&["SET", "k", "never"]);
        }
        let began = Instant::now();
        match way {
            "free" => drop(pipeline),
            _ => pipeline.clear(),
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{way} waited {:?}", began.elapsed());
        assert_eq!((client.stat(stat::CONNECTIONS_IN_USE), client.stat(stat::CONNECTIONS_IDLE)), (0, 0), "{way}");
    }
    assert_eq!(peer.connections(), 3, "what may still be watching is nobody else's connection");
}

#[test]
fn a_lost_connection_is_as_if_a_key_had_changed() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let kill = |pipeline: &mut Pipeline| {
        let id = pipeline.command(&["CLIENT", "ID"]).expect("an id").integer.to_string();
        assert_eq!(server.ask(&["CLIENT", "KILL", "ID", &id]), "1");
        eventually("it is gone", || server.clients().iter().all(|line| !line.contains(&format!("id={id} "))));
    };
    let mut pipeline = Pipeline::of(&client);
    for look in [false, true] {
        pipeline.watch(&["k"]).expect("it watches");
        kill(&mut pipeline);
        if look {
            let err = pipeline.command(&["GET", "k"]).expect_err("it was killed");
            assert_eq!(err.status, Status::WATCH);
            let err = pipeline.watch(&["l"]).expect_err("it was killed");
            assert_eq!(what(&err), (Status::WATCH, Outcome::NOT_SENT));
        }
        pipeline.add(&["INCR", "n"]);
        let err = pipeline.run(mode::ATOMIC).expect_err("it was killed");
        assert_eq!(what(&err), (Status::WATCH, Outcome::NOT_SENT));
        assert_eq!(server.ask(&["GET", "n"]), "(nil)");
        assert_eq!((client.stat(stat::CONNECTIONS_IN_USE), client.stat(stat::CONNECTIONS)), (0, 0));
    }
    pipeline.watch(&["k"]).expect("it watches on another connection");
    pipeline.add(&["INCR", "n"]);
    assert_eq!(pipeline.ask(mode::ATOMIC), "[:1]");
}

#[test]
fn a_command_at_once_is_a_command_like_any_other() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let shout = |_: &[&[u8]], reply: &crate::support::raw::Node, _: *mut c_void| {
        Verdict::Replace(Reply::string(&reply.text().to_ascii_uppercase()))
    };
    client.callback("ECHO", Some(Box::new(shout)), &Arc::default()).expect("it is set");
    client.ask(&["HSET", "h", "f", "1"]);
    let mut pipeline = Pipeline::of(&client);
    pipeline.watch(&["k"]).expect("it watches");
    assert_eq!(pipeline.command(&["ECHO", "loud"]).expect("a reply").dump(), "\"LOUD\"");
    assert_eq!(pipeline.command(&["HGETALL", "h"]).expect("a reply").dump(), "%[\"f\" \"1\"]");
    let err = pipeline.command(&["LPUSH", "h", "x"]).expect_err("the server's error");
    assert_eq!(what(&err), (Status::SERVER, Outcome::REFUSED));
    for refused in [&["MULTI"][..], &["UNWATCH"], &["SELECT", "1"], &["WATCH", "x"]] {
        let err = pipeline.command(refused).expect_err("it changes the connection");
        assert_eq!(what(&err), (Status::ARGUMENT, Outcome::NOT_SENT));
    }
    assert_eq!(pipeline.watch::<&str>(&[]).expect_err("no key").status, Status::ARGUMENT);
    pipeline.add(&["ECHO", "quiet"]);
    assert_eq!(pipeline.ask(mode::ATOMIC), "[\"QUIET\"]");
}

/// By hand, on a connection of one's own: what a pipeline refuses to queue.
#[test]
fn multi_discard_and_watch_inside_multi() {
    let server = Server::start(&[]);
    for protocol in [2, 3] {
        let client = Options::at(&server.url()).int(option::PROTOCOL, protocol).client();
        let mut conn = client.conn().expect("a connection");
        assert_eq!(conn.ask(&["MULTI"]), "+OK");
        assert_eq!(conn.ask(&["SET", "k", "1"]), "+QUEUED");
        for (args, word) in [(&["MULTI"][..], "nested"), (&["WATCH", "k"], "WATCH inside MULTI")] {
            let err = conn.command(args).expect_err("not inside MULTI");
            let is_refusal = err.message.contains(word) || err.message.contains("not allowed inside a transaction");
            assert!(err.status == Status::SERVER && is_refusal, "{err:?}");
        }
        // Newer servers count a refusal there against the transaction, older ones do not: EXEC answers either way.
        match conn.command(&["EXEC"]) {
            Ok(reply) => assert_eq!(reply.dump(), "[+OK]"),
            Err(err) => assert!(err.message.starts_with("EXECABORT"), "{err:?}"),
        }
        assert_eq!(conn.ask(&["MULTI"]), "+OK");
        assert_eq!(conn.ask(&["SET", "k", "2"]), "+QUEUED");
        assert_eq!(conn.ask(&["DISCARD"]), "+OK");
        assert!(conn.command(&["EXEC"]).expect_err("nothing to run").message.contains("without MULTI"));
        drop(conn);
        assert_eq!(queued(&client, &["GET none"]).ask(mode::ATOMIC), "[(nil)]");
    }
}

/// Eight threads count on one key with nothing but watching: not one of them is lost.
#[test]
fn it_is_tried_until_it_goes_through() {
    const THREADS: i64 = 8;
    const TIMES: i64 = 25;
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    client.ask(&["SET", "n", "0"]);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut pipeline = Pipeline::of(&client);
                for _ in 0..TIMES {
                    let count = |pipeline: &mut Pipeline| {
                        let value: i64 = text(&pipeline.command(&["GET", "n"]).expect("a number"));
                        pipeline.add(&["SET", "n", &(value + 1).to_string()]);
                        Ok(())
                    };
                    let reply = pipeline.transact(&["n"], -1, Box::new(count)).expect("it goes through");
                    assert_eq!((reply.dump().as_str(), pipeline.len()), ("[#1]", 0));
                }
            });
        }
    });
    assert_eq!(server.ask(&["GET", "n"]), (THREADS * TIMES).to_string());
    assert_eq!(client.stat(stat::CONNECTIONS_IN_USE), 0);
}

fn text(reply: &Reply) -> i64 {
    std::str::from_utf8(reply.text()).ok().and_then(|text| text.parse().ok()).expect("a number")
}

#[test]
fn it_is_not_tried_for_ever() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let mut pipeline = Pipeline::of(&client);
    let mut count = 0;
    let in_the_way = |pipeline: &mut Pipeline| {
        count += 1;
        server.ask(&["INCR", "n"]);
        pipeline.add(&["SET", "n", "never"]);
        Ok(())
    };
    let err = pipeline.transact(&["n"], 300, Box::new(in_the_way)).expect_err("somebody is always in the way");
    // The time is over between two tries, or before a connection for the next one is there.
    let is_late = what(&err) == (Status::TIMEOUT, Outcome::NOT_SENT);
    assert!(is_late || what(&err) == (Status::WATCH, Outcome::REFUSED), "{err:?}");
    assert!(count > 1 && (is_late || err.attempts == count), "{} attempts, {count} calls", err.attempts);
    assert_eq!(server.ask(&["GET", "n"]), count.to_string());
    assert_eq!((pipeline.len(), client.stat(stat::CONNECTIONS_IN_USE)), (0, 0));
}

#[test]
fn its_function_may_give_up() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let mut pipeline = Pipeline::of(&client);
    let give_up = |pipeline: &mut Pipeline| {
        pipeline.add(&["SET", "k", "never"]);
        let nested = [
            pipeline.run(mode::ATOMIC).map(drop),
            pipeline.watch(&["l"]),
            pipeline.transact(&["k"], 0, Box::new(|_| Ok(()))).map(drop),
            pipeline.run_each(0, 0, Box::new(|_, _| Ok(()))),
        ];
        for refused in nested {
            assert_eq!(what(&refused.expect_err("_transact does that")), (Status::STATE, Outcome::NOT_SENT));
        }
        Err("no, thank you")
    };
    let err = pipeline.transact(&["k"], -1, Box::new(give_up)).expect_err("it gave up");
    assert_eq!((what(&err), err.message.as_str()), ((Status::CALLBACK, Outcome::NOT_SENT), "no, thank you"));
    assert_eq!((pipeline.len(), client.stat(stat::CONNECTIONS_IN_USE)), (0, 0));
    assert_eq!(server.ask(&["DBSIZE"]), "0");
    // It begins with nothing queued and nothing watched.
    pipeline.add(&["PING"]);
    let err = pipeline.transact(&["k"], -1, Box::new(|_| Ok(()))).expect_err("something is queued");
    assert_eq!((what(&err), pipeline.len()), ((Status::STATE, Outcome::NOT_SENT), 1));
    pipeline.clear();
    // What was cleared is not run.
    let clear = |pipeline: &mut Pipeline| {
        pipeline.add(&["SET", "k", "never"]).clear();
        Ok(())
    };
    assert_eq!(pipeline.transact(&["k"], -1, Box::new(clear)).expect("nothing to run").dump(), "[]");
    assert_eq!(server.ask(&["DBSIZE"]), "0");
}

#[test]
fn a_connection_lost_under_its_function_is_one_more_try() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let mut pipeline = Pipeline::of(&client);
    let mut count = 0;
    let unlucky = |pipeline: &mut Pipeline| {
        count += 1;
        if count == 1 {
            let id = pipeline.command(&["CLIENT", "ID"]).expect("an id").integer.to_string();
            server.ask(&["CLIENT", "KILL", "ID", &id]);
            return match pipeline.command(&["GET", "k"]) {
                Err(err) if err.status == Status::WATCH => Err("what _command said"),
                other => panic!("{other:?}"),
            };
        }
        pipeline.add(&["INCR", "n"]);
        Ok(())
    };
    assert_eq!(pipeline.transact(&["k"], 10_000, Box::new(unlucky)).expect("the second time").dump(), "[:1]");
    assert_eq!(count, 2);
}

/// What is cleared there are the commands: without the watch, what others did meanwhile would be undone.
#[test]
fn clearing_in_its_function_does_not_end_the_watch() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    client.ask(&["SET", "k", "1"]);
    let mut pipeline = Pipeline::of(&client);
    let mut count = 0;
    let changes_its_mind = |pipeline: &mut Pipeline| {
        count += 1;
        let value: i64 = text(&pipeline.command(&["GET", "k"]).expect("a number"));
        pipeline.add(&["SET", "k", "never"]).clear();
        assert_eq!(pipeline.len(), 0);
        if count == 1 {
            server.ask(&["INCR", "k"]);
        }
        pipeline.add(&["SET", "k", &(value * 10).to_string()]);
        Ok(())
    };
    assert_eq!(pipeline.transact(&["k"], -1, Box::new(changes_its_mind)).expect("the second time").dump(), "[#1]");
    assert_eq!((count, server.ask(&["GET", "k"]).as_str()), (2, "20"));
    assert_eq!(client.stat(stat::CONNECTIONS_IN_USE), 0);
}

/// What nobody waits for any more is not sent, on a connection that watches as on any other.
#[test]
fn what_is_too_late_is_not_sent() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let mut pipeline = Pipeline::of(&client);
    pipeline.watch(&["k"]).expect("it watches");
    pipeline.add(&["INCR", "n"]);
    let err = pipeline.run_with(mode::ATOMIC, call::TIMEOUT, 0).expect_err("no time at all");
    assert_eq!(what(&err), (Status::TIMEOUT, Outcome::NOT_SENT));
    assert_eq!((pipeline.len(), client.stat(stat::CONNECTIONS_IN_USE)), (0, 0));
    let slow = |pipeline: &mut Pipeline| {
        thread::sleep(Duration::from_millis(700));
        pipeline.add(&["INCR", "n"]);
        Ok(())
    };
    let err = pipeline.transact(&["k"], 500, Box::new(slow)).expect_err("its function takes longer");
    assert_eq!((what(&err), err.attempts), ((Status::TIMEOUT, Outcome::NOT_SENT), 1));
    assert_eq!(server.ask(&["GET", "n"]), "(nil)");
}

/// The time of all tries together is that of what the function reads, too; and what ran out of it is not tried again.
#[test]
fn what_its_function_reads_has_no_more_time_than_all_of_it() {
    let peer = Peer::tcp(Hello::Resp3, |line| {
        line.command()?;
        line.send(b"+OK\r\n")?;
        line.stall()
    });
    let client = Options::at(&peer.url()).int(option::COMMAND_TIMEOUT_MS, 60_000).client();
    let mut pipeline = Pipeline::of(&client);
    let begun = Instant::now();
    let mut count = 0;
    let read = |pipeline: &mut Pipeline| {
        count += 1;
        let err = pipeline.command(&["GET", "k"]).expect_err("there is no answer");
        assert_eq!(what(&err), (Status::TIMEOUT, Outcome::UNKNOWN));
        Err("there was nothing to read")
    };
    let err = pipeline.transact(&["k"], 500, Box::new(read)).expect_err("there is no answer");
    assert_eq!((what(&err), count), ((Status::TIMEOUT, Outcome::NOT_SENT), 1));
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

/// A reply that is too large is too large the next time.
#[test]
fn what_no_repetition_mends_is_not_repeated() {
    let server = Server::start(&[]);
    let client = Options::at(&server.url()).int(option::REPLY_BYTES_MAX, 1000).client();
    Client::at(&server.url()).ask(&["SET", "large", &"x".repeat(5000)]);
    let mut pipeline = Pipeline::of(&client);
    for gives_up in [true, false] {
        let mut count = 0;
        let read = |pipeline: &mut Pipeline| {
            count += 1;
            assert_eq!(pipeline.command(&["GET", "large"]).expect_err("it is large").status, Status::LIMIT);
            assert_eq!(
                what(&pipeline.command(&["GET", "k"]).expect_err("that was its end")),
                (Status::LIMIT, Outcome::NOT_SENT)
            );
            pipeline.add(&["INCR", "n"]);
            if gives_up { Err("it is large") } else { Ok(()) }
        };
        let err = pipeline.transact(&["large"], -1, Box::new(read)).expect_err("it is large");
        assert_eq!((what(&err), count), ((Status::LIMIT, Outcome::NOT_SENT), 1));
    }
    assert_eq!(server.ask(&["GET", "n"]), "(nil)");
}

#[test]
fn a_child_of_fork_has_no_watch_of_its_parents() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let mut pipeline = Pipeline::of(&client);
    pipeline.watch(&["k"]).expect("it watches");
    fork(|| {
        let foreign = pipeline.command(&["GET", "k"]).expect_err("the parent's connection").status == Status::FORKED
            && pipeline.watch(&["l"]).expect_err("the parent's connection").status == Status::FORKED;
        pipeline.add(&["SET", "k", "childs"]);
        let run = pipeline.run(mode::ATOMIC).expect_err("the parent's connection");
        pipeline.add(&["SET", "l", "childs"]);
        foreign && run.status == Status::FORKED && pipeline.ask(mode::ATOMIC) == "[#1]"
    })
    .end();
    assert_eq!(pipeline.command(&["GET", "l"]).expect("the parent goes on").dump(), "\"childs\"");
    pipeline.add(&["SET", "k", "parents"]);
    assert_eq!(pipeline.ask(mode::ATOMIC), "[#1]");
    eventually("the child's connection is gone", || client.stat(stat::CONNECTIONS) == 1);
}
