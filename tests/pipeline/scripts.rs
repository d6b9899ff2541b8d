//! Scripts: by digest, whole where the server is proven not to know them, and never twice.

use std::ffi::c_void;
use std::io;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use crate::support::c::{CErr, Client, Options, Outcome, Reply, Status, Verdict, call, kind, option, stat};
use crate::support::over::Over;
use crate::support::peer::{Command, Hello, Line, Peer};
use crate::support::pipeline::{Pipeline, mode};
use crate::support::script::Script;
use crate::support::server::Server;
use rredis::limits::SCRIPTS_KNOWN_MAX;

const COUNT: &str = "return redis.call('INCRBY', KEYS[1], ARGV[1])";
const UNKNOWN_SCRIPT: &[u8] = b"-NOSCRIPT No matching script. Please use EVAL.\r\n";
const NONE: [&str; 0] = [];

/// How often the server ran a command, by its own count.
fn calls(server: &Server, name: &str) -> i64 {
    let stats = server.ask(&["INFO", "commandstats"]);
    let row = stats.split(&format!("cmdstat_{name}:calls=")).nth(1);
    row.and_then(|row| row.split(',').next()).map_or(0, |count| count.parse().expect("a count"))
}

/// A peer that answers each EVALSHA and EVAL as the test says, and has no script.
fn peer(answer: impl Fn(&mut Line, &Command) -> io::Result<()> + Send + Sync + 'static) -> Peer {
    peer_that_has(|_| b"*1\r\n:0\r\n", answer)
}

/// The same, but that it answers its SCRIPT commands, of which this is the first or a later one, as the test says too.
fn peer_that_has(
    existing: impl Fn(usize) -> &'static [u8] + Send + Sync + 'static,
    answer: impl Fn(&mut Line, &Command) -> io::Result<()> + Send + Sync + 'static,
) -> Peer {
    let asked = AtomicUsize::new(0);
    Peer::tcp(Hello::Resp3, move |line| {
        loop {
            let command = line.command()?;
            match command[0].as_slice() {
                b"SCRIPT" => line.send(existing(asked.fetch_add(1, Ordering::SeqCst)))?,
                _ => answer(line, &command)?,
            }
        }
    })
}

/// The names of the commands that arrived, those of the handshake left out.
fn names(peer: &Peer) -> Vec<String> {
    let all = (0..peer.connections()).flat_map(|number| peer.commands(number));
    let names = all.map(|command| match command[0].as_slice() {
        b"SCRIPT" => String::from_utf8_lossy(&command[1]).into_owned(),
        name => String::from_utf8_lossy(name).into_owned(),
    });
    names.filter(|name| ["EXISTS", "LOAD", "EVALSHA", "EVAL"].contains(&name.as_str())).collect()
}

/// A run that was told NOSCRIPT did nothing, and nobody claims to know that.
fn was_told_noscript(err: &CErr) -> bool {
    (err.status, err.outcome) == (Status::SERVER, Outcome::UNKNOWN) && err.message.starts_with("NOSCRIPT ")
}

#[test]
fn a_script_is_sent_whole_once_and_by_its_digest_from_then_on() {
    let server = Server::start(&[]);
    for (protocol, url) in [(2, server.url()), (3, server.unix_url())] {
        server.ask(&["SCRIPT", "FLUSH"]);
        server.ask(&["CONFIG", "RESETSTAT"]);
        server.ask(&["DEL", "n"]);
        let client = Options::at(&url).int(option::PROTOCOL, protocol).client();
        let script = Script::new(COUNT);
        for n in 1..=5 {
            assert_eq!(script.run(&client, 1, &["n", "1"]).expect("it runs").dump(), format!(":{n}"));
        }
        assert_eq!(client.stat(stat::COMMANDS), 5, "a run is one command");
        assert_eq!((calls(&server, "evalsha"), calls(&server, "eval"), calls(&server, "incrby")), (5, 1, 5));
        assert_eq!(calls(&server, "script|exists"), 1, "a script that was seen to exist is not asked for");
        assert_eq!(client.ask(&["SCRIPT", "EXISTS", &script.sha()]), "[:1]", "the digest is the server's own");
        assert_eq!(client.stat(stat::RETRIES), 0);
    }
}

#[test]
fn the_digest_is_that_of_the_bytes() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    for text in ["return 1", "", "return [[a\nb]]\n", "#!lua flags=no-writes\nreturn 1", "-- \u{e9}\u{1f600}\nreturn 2"]
    {
        let loaded = client.command(&["SCRIPT", "LOAD", text]).expect("a script can be loaded");
        assert_eq!(Script::new(text).sha().as_bytes(), loaded.text());
    }
}

#[test]
fn keys_and_arguments_are_bytes_and_there_may_be_none_or_many() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let echo = Script::new("return {#KEYS, #ARGV, KEYS[1] or false, ARGV[#ARGV] or false}");
    assert_eq!(echo.run(&client, 0, &NONE).expect("no arguments").dump(), "[:0 :0 (nil) (nil)]");
    let bytes: [&[u8]; 2] = [b"k\0\r\n", b"\xff\0"];
    assert_eq!(echo.run(&client, 1, &bytes).expect("bytes").dump(), r#"[:1 :1 "k\x00\r\n" "\xff\x00"]"#);
    let many: Vec<String> = (0..3000).map(|i| i.to_string()).collect();
    assert_eq!(echo.run(&client, 2000, &many).expect("many").dump(), r#"[:2000 :1000 "0" "2999"]"#);
}

#[test]
fn a_call_that_is_wrong_sends_nothing() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let script = Script::new(COUNT);
    let err = script.run(&client, 3, &["a", "b"]).expect_err("three keys of two arguments");
    assert_eq!((err.status, err.outcome), (Status::ARGUMENT, Outcome::NOT_SENT));
    assert!(err.message.contains("keys_len is 3"), "{err:?}");
    let err = script.run_for(&client, 1, &["a"], 1 << 20, 0, ptr::null_mut()).expect_err("a flag that is none");
    assert_eq!((err.status, err.outcome), (Status::ARGUMENT, Outcome::NOT_SENT));
    assert!(server.clients().is_empty());
}

/// Everything that a script may answer that begins with NOSCRIPT: it ran, so it is not run again, and nobody claims otherwise.
#[test]
fn a_script_that_says_noscript_itself_runs_once() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let ran = "redis.call('INCR', KEYS[1]); ";
    let texts = [
        "return redis.error_reply('NOSCRIPT No matching script. Please use EVAL.')",
        "return {err='NOSCRIPT No matching script.'}",
        "return redis.error_reply('NOSCRIPT of my own')",
        "error('NOSCRIPT No matching script. Please use EVAL.')",
        "error({err='NOSCRIPT No matching script. Please use EVAL.'})",
        "return redis.error_reply(ARGV[1])",
        "local t = {} t[ARGV[2]] = ARGV[1] return t",
        "local t = {} t[ARGV[2]] = redis.call('GET', 'words') return t",
        "return redis.error_reply('NO' .. 'SCRIPT of my own')",
        "return redis.error_reply('NO' .. 'SCRIPT No matching script. Please use EVAL.')",
        "return redis.error_reply(redis.call('GET', 'words'))",
        "return cjson.decode(redis.call('GET', 'table'))",
        "return redis.pcall('GET', 'too', 'many')",
        "error({err='NO' .. 'SCRIPT No matching script. Please use EVAL.'})",
        "local t = {} t['e' .. 'rr'] = 'NOSC' .. 'RIPT No matching script. Please use EVAL.' return t",
        "return redis.error_reply('NOSC' .. 'RIPT')",
    ];
    let words = "NOSCRIPT No matching script. Please use EVAL.";
    server.ask(&["MSET", "words", words, "table", &format!("{{\"err\":\"{words}\"}}")]);
    for (number, text) in texts.iter().enumerate() {
        let key = format!("n{number}");
        let script = Script::new(&format!("{ran}{text}"));
        let args = [key.as_str(), if text.contains("'GET'") { "x" } else { words }, "err"];
        let args = if text.contains("ARGV") { &args[..] } else { &args[..1] };
        for n in 1..=3 {
            let err = script.run(&client, 1, args).expect_err("it answers with an error");
            assert_eq!((err.status, err.outcome), (Status::SERVER, Outcome::UNKNOWN), "{text}: {err:?}");
            assert_eq!(server.ask(&["GET", &key]), n.to_string(), "{text}");
        }
    }
}

#[test]
fn what_a_script_did_before_its_error_is_not_denied() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let script = Script::new("redis.call('INCR', KEYS[1]); return redis.call('LPUSH', KEYS[1], 1)");
    for n in 1..=2 {
        let err = script.run(&client, 1, &["n"]).expect_err("a WRONGTYPE");
        assert_eq!((err.status, err.outcome), (Status::SERVER, Outcome::UNKNOWN), "{err:?}");
        assert!(err.message.starts_with("WRONGTYPE "), "{err:?}");
        assert_eq!(server.ask(&["GET", "n"]), n.to_string());
    }
    let reply = script.run_for(&client, 1, &["n"], call::ERROR_REPLY, 0, ptr::null_mut()).expect("an ERROR reply");
    assert!(reply.dump().starts_with("-WRONGTYPE "), "{reply:?}");
}

/// The cache is emptied all the time while four threads run a script that counts: each run is one count, but for those that are
/// told that their script was gone.
#[test]
fn every_run_is_exactly_one_while_the_scripts_are_flushed() {
    const RUNS: usize = 1500;
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let script = Script::new(COUNT);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let over_at_the_end = Over(&over);
        let flushing = scope.spawn(|| {
            let mut wire = server.wire();
            while !over.load(Ordering::Relaxed) {
                wire.ask(&["SCRIPT", "FLUSH", "SYNC"]);
            }
        });
        let running: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let run = |_: &usize| match script.run(&client, 1, &["n", "1"]) {
                        Ok(_) => true,
                        Err(err) if was_told_noscript(&err) => false,
                        Err(err) => panic!("{err:?}"),
                    };
                    (0..RUNS).filter(run).count()
                })
            })
            .collect();
        let ran: Vec<_> = running.into_iter().map(thread::ScopedJoinHandle::join).collect();
        drop(over_at_the_end);
        flushing.join().expect("flushing ends well");
        let ran: usize = ran.into_iter().map(|ran| ran.expect("a thread ends well")).sum();
        assert_eq!(server.ask(&["GET", "n"]), ran.to_string());
        println!("{ran} of {} ran", 4 * RUNS);
    });
    let (by_digest, whole) = (calls(&server, "evalsha"), calls(&server, "eval"));
    assert_eq!(by_digest, 4 * RUNS as i64);
    assert!(whole > 10, "the scripts were hardly ever gone: {whole} of {by_digest}");
}

#[test]
fn the_fallback_happens_once() {
    let peer = peer(|line, _| line.send(UNKNOWN_SCRIPT));
    let client = Client::at(&peer.url());
    let err = Script::new(COUNT).run(&client, 1, &["n", "1"]).expect_err("a server that knows nothing");
    assert_eq!((err.status, err.outcome), (Status::SERVER, Outcome::UNKNOWN), "EVAL knows its script: {err:?}");
    assert_eq!(names(&peer), ["EXISTS", "EVALSHA", "EVAL"]);
}

/// The answer that the server has it makes NOSCRIPT the script's own word; that it has not, whatever is behind that word, is
/// proof.
#[test]
fn what_the_server_has_is_the_proof_and_not_its_words() {
    let words: [&[u8]; 3] = [UNKNOWN_SCRIPT, b"-NOSCRIPT\r\n", b"-NOSCRIPT I have no such thing\r\n"];
    for (existing, sent) in [
        (b"*1\r\n:1\r\n".as_slice(), &["EXISTS", "EVALSHA"][..]),
        (b"*1\r\n:0\r\n", &["EXISTS", "EVALSHA", "EVAL"]),
        (b"*1\r\n#f\r\n", &["EXISTS", "EVALSHA", "EVAL"]),
    ] {
        for words in words {
            let peer = peer_that_has(
                move |_| existing,
                move |line, command| line.send(if command[0] == b"EVAL" { b":7\r\n" } else { words }),
            );
            let client = Client::at(&peer.url());
            match Script::new(COUNT).run(&client, 1, &["n", "1"]) {
                Ok(reply) => assert_eq!(reply.dump(), ":7"),
                Err(err) => assert!(was_told_noscript(&err) || words.len() < 12, "{err:?}"),
            }
            assert_eq!(names(&peer), sent, "{}", words.escape_ascii());
        }
    }
    let peer = peer(|line, _| line.send(b"-NOSCRIPTS are here\r\n"));
    Script::new(COUNT).run(&Client::at(&peer.url()), 1, &["n", "1"]).expect_err("another word");
    assert_eq!(names(&peer), ["EXISTS", "EVALSHA"]);
}

/// Both have arrived before either is answered.
#[test]
fn the_server_is_asked_in_the_same_write() {
    let peer = Peer::tcp(Hello::Resp3, |line| {
        loop {
            let [first, second] = [line.command()?, line.command()?];
            assert_eq!((first[0].as_slice(), first[1].as_slice()), (b"SCRIPT".as_slice(), b"EXISTS".as_slice()));
            assert_eq!((second[0].as_slice(), &second[1]), (b"EVALSHA".as_slice(), &first[2]));
            line.send(b"*1\r\n:1\r\n:1\r\n")?;
            for count in 2..4 {
                assert_eq!(line.command()?[0], b"EVALSHA");
                line.send(format!(":{count}\r\n").as_bytes())?;
            }
        }
    });
    let client = Client::at(&peer.url());
    for script in ["return 1", "return 2"].map(Script::new) {
        for count in 1..4 {
            assert_eq!(script.run(&client, 0, &NONE).expect("it runs").dump(), format!(":{count}"));
        }
    }
}

/// A script that was seen to exist and is unknown now was flushed, if the server does not have it: it is sent whole. Where it
/// has it, another may have loaded it again, or those are its own words: that is told, and nothing is claimed.
#[test]
fn noscript_of_a_script_that_was_seen_is_looked_into() {
    for (now, sent) in [
        (b"*1\r\n:0\r\n".as_slice(), &["EXISTS", "EVALSHA", "EVALSHA", "EXISTS", "EVAL", "EVALSHA"][..]),
        (b"*1\r\n:1\r\n", &["EXISTS", "EVALSHA", "EVALSHA", "EXISTS", "EVALSHA", "EXISTS"]),
        (b"-NOPERM not any more\r\n", &["EXISTS", "EVALSHA", "EVALSHA", "EXISTS", "EVALSHA", "EXISTS"]),
    ] {
        let runs = AtomicUsize::new(0);
        let peer = peer_that_has(
            move |asked| if asked == 0 { b"*1\r\n:1\r\n" } else { now },
            move |line, command| match (command[0].as_slice(), runs.fetch_add(1, Ordering::SeqCst)) {
                (b"EVALSHA", 1) => line.send(UNKNOWN_SCRIPT),
                (b"EVALSHA", 2) => line.send(UNKNOWN_SCRIPT),
                _ => line.send(b":7\r\n"),
            },
        );
        let client = Client::at(&peer.url());
        let script = Script::new(COUNT);
        assert_eq!(script.run(&client, 1, &["n"]).expect("it runs").dump(), ":7");
        for _ in 0..2 {
            match script.run(&client, 1, &["n"]) {
                Ok(reply) => assert_eq!((reply.dump().as_str(), now), (":7", b"*1\r\n:0\r\n".as_slice())),
                Err(err) => assert!(was_told_noscript(&err) && err.attempts == 1, "{err:?}"),
            }
        }
        assert_eq!(names(&peer), sent);
    }
}

/// A script that was seen, says NOSCRIPT in words of its own, and is flushed before the server is asked: it has run.
#[test]
fn a_script_with_words_of_its_own_that_is_flushed_then_does_not_run_again() {
    let own = b"-NOSCRIPT of my own\r\n";
    let runs = AtomicUsize::new(0);
    let peer = peer_that_has(
        |asked| if asked == 0 { b"*1\r\n:1\r\n" } else { b"*1\r\n:0\r\n" },
        move |line, command| match (command[0].as_slice(), runs.fetch_add(1, Ordering::SeqCst)) {
            (b"EVALSHA", 1) => line.send(own),
            (b"EVALSHA", 2) => line.send(UNKNOWN_SCRIPT),
            _ => line.send(b":7\r\n"),
        },
    );
    let client = Client::at(&peer.url());
    let script = Script::new(COUNT);
    assert_eq!(script.run(&client, 1, &["n"]).expect("it runs").dump(), ":7");
    let err = script.run(&client, 1, &["n"]).expect_err("its own words");
    assert!(was_told_noscript(&err) && err.attempts == 1, "{err:?}");
    // The connection has seen it no more: it is asked for again, and sent whole.
    assert_eq!(script.run(&client, 1, &["n"]).expect("it runs").dump(), ":7");
    assert_eq!(names(&peer), ["EXISTS", "EVALSHA", "EVALSHA", "EXISTS", "EXISTS", "EVALSHA", "EVAL"]);
    // And so it is in a pipeline, which loads it, and where it is known.
    let peer = peer_that_has(
        |asked| [b"*1\r\n:0\r\n".as_slice(), b"+sha\r\n", b"*1\r\n:0\r\n"][asked % 3],
        move |line, _| line.send(own),
    );
    let client = Client::at(&peer.url());
    let mut pipeline = Pipeline::of(&client);
    for _ in 0..2 {
        script.add(&mut pipeline, 1, &["n"]);
        assert_eq!(pipeline.ask(mode::PLAIN), "[-NOSCRIPT of my own]");
    }
    assert_eq!(names(&peer), ["EXISTS", "LOAD", "EVALSHA", "EXISTS"].repeat(2));
}

#[test]
fn where_the_answer_to_that_is_lost_it_may_have_run() {
    for (flags, expected) in [
        (call::DEFAULT, &["EXISTS", "EVALSHA", "EVALSHA", "EXISTS"][..]),
        (call::IDEMPOTENT, &["EXISTS", "EVALSHA", "EVALSHA", "EXISTS", "EXISTS", "EVALSHA"]),
    ] {
        let peer = Peer::tcp(Hello::Resp3, |line| {
            for answer in [b"*1\r\n:1\r\n".as_slice(), b":7\r\n", UNKNOWN_SCRIPT] {
                line.command()?;
                line.send(if line.number == 0 || answer != UNKNOWN_SCRIPT { answer } else { b":8\r\n" })?;
            }
            // The second time it is asked whether it has the script.
            line.command().map(drop)
        });
        let client = Options::at(&peer.url()).int(option::BACKOFF_MS, 1).client();
        let script = Script::new(COUNT);
        assert_eq!(script.run(&client, 1, &["n"]).expect("it runs").dump(), ":7");
        match script.run_for(&client, 1, &["n"], flags, 0, ptr::null_mut()) {
            Ok(reply) => assert_eq!((reply.dump().as_str(), flags), (":7", call::IDEMPOTENT)),
            Err(err) => {
                assert_eq!((err.status, err.outcome, err.attempts), (Status::IO, Outcome::UNKNOWN, 1), "{err:?}");
                assert_eq!(flags, call::DEFAULT);
            }
        }
        assert_eq!(names(&peer), expected);
    }
}

/// Where the server cannot be asked, its own words are all there is; from the second run on nothing depends on them.
#[test]
fn where_the_server_cannot_be_asked_scripts_go_whole() {
    let refusals: [&[u8]; 4] =
        [b"-NOPERM no permission\r\n", b"-ERR unknown command 'SCRIPT'\r\n", b"+OK\r\n", b"*2\r\n:1\r\n:1\r\n"];
    for refusal in refusals {
        for (words, first) in [
            (UNKNOWN_SCRIPT, &["EXISTS", "EVALSHA", "EVAL", "EVAL", "EVAL"][..]),
            (b"-NOSCRIPT of my own\r\n", &["EXISTS", "EVALSHA", "EVAL", "EVAL"]),
            (b":7\r\n", &["EXISTS", "EVALSHA", "EVAL", "EVAL"]),
        ] {
            let peer = peer_that_has(
                move |_| refusal,
                move |line, command| line.send(if command[0] == b"EVAL" { b":7\r\n" } else { words }),
            );
            let client = Client::at(&peer.url());
            let script = Script::new(COUNT);
            for run in 0..2 {
                match script.run(&client, 1, &["n"]) {
                    Ok(reply) => assert_eq!(reply.dump(), ":7"),
                    Err(err) => assert!(run == 0 && was_told_noscript(&err), "{err:?}"),
                }
            }
            let mut pipeline = Pipeline::of(&client);
            script.add(&mut pipeline, 1, &["n"]);
            assert_eq!(pipeline.ask(mode::PLAIN), "[:7]");
            assert_eq!(names(&peer), first, "{}", refusal.escape_ascii());
        }
    }
    // What passes is no reason never to ask again.
    let peer = peer_that_has(
        |asked| if asked == 0 { b"-LOADING soon\r\n" } else { b"*1\r\n:1\r\n" },
        |line, _| line.send(b"-LOADING soon\r\n"),
    );
    let client = Options::at(&peer.url()).int(option::RETRY_MAX, 0).client();
    for _ in 0..2 {
        Script::new(COUNT).run(&client, 1, &["n"]).expect_err("it is loading");
    }
    assert_eq!(names(&peer), ["EXISTS", "EVALSHA", "EXISTS", "EVALSHA"]);
}

/// The same with a real server's ACL.
#[test]
fn a_user_without_script_exists_runs_scripts_all_the_same() {
    let server = Server::start(&[]);
    server.ask(&["ACL", "SETUSER", "guest", "on", ">sesame", "~*", "+@all", "-script"]);
    let client = Client::at(&server.url_of("guest", "sesame"));
    let script = Script::new(COUNT);
    for count in 1..5 {
        assert_eq!(script.run(&client, 1, &["n", "1"]).expect("it runs").dump(), format!(":{count}"));
    }
    let mut pipeline = Pipeline::of(&client);
    script.add(&mut pipeline, 1, &["n", "1"]);
    pipeline.add(&["GET", "n"]);
    assert_eq!(pipeline.ask(mode::PLAIN), "[:5 \"5\"]");
    let own = Script::new("redis.call('INCR', KEYS[1]); return redis.error_reply('NOSC' .. 'RIPT of my own')");
    for count in 6..9 {
        assert!(was_told_noscript(&own.run(&client, 1, &["n"]).expect_err("its own words")));
        assert_eq!(server.ask(&["GET", "n"]), count.to_string(), "once each time");
    }
}

/// However many run a script for the first time at once, after a start, a flush and a failover: none is told that it is unknown.
#[test]
fn a_herd_that_runs_a_script_for_the_first_time_is_not_told_noscript() {
    const HERD: usize = 64;
    let mut server = Server::start(&[]);
    for event in ["a start", "a flush", "a failover", "a flush", "a start"] {
        match event {
            "a failover" => server.restart(),
            "a flush" => drop(server.ask(&["SCRIPT", "FLUSH", "SYNC"])),
            _ => {}
        }
        server.ask(&["SET", "n", "0"]);
        for in_pipelines in [false, true] {
            let client = Options::at(&server.url()).int(option::POOL_MAX, HERD as i64).client();
            let script = Script::new(&format!("{COUNT} -- {event} {in_pipelines}"));
            let start = Barrier::new(HERD);
            thread::scope(|scope| {
                for _ in 0..HERD {
                    scope.spawn(|| {
                        // Each has its connection before the first of them runs.
                        let conn = client.conn().map(drop);
                        start.wait();
                        conn.expect("a connection");
                        if in_pipelines {
                            let mut pipeline = Pipeline::of(&client);
                            script.add(&mut pipeline, 1, &["n", "1"]);
                            let replies = pipeline.run(mode::PLAIN).expect("it runs").dump();
                            assert!(replies.starts_with("[:"), "{event}: {replies}");
                        } else {
                            script.run(&client, 1, &["n", "1"]).unwrap_or_else(|err| panic!("{event}: {err:?}"));
                        }
                    });
                }
            });
        }
        assert_eq!(server.ask(&["GET", "n"]), (2 * HERD).to_string(), "{event}");
    }
}

/// A connection remembers the latest scripts; older ones are asked for again.
#[test]
fn a_connection_remembers_so_many_scripts() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let scripts: Vec<_> = (0..SCRIPTS_KNOWN_MAX + 1).map(|number| Script::new(&format!("return {number}"))).collect();
    let run_all = |scripts: &[Script]| {
        server.ask(&["CONFIG", "RESETSTAT"]);
        for script in scripts {
            script.run(&client, 0, &NONE).expect("it runs");
        }
        (calls(&server, "script|exists"), calls(&server, "evalsha"), calls(&server, "eval"))
    };
    let count = SCRIPTS_KNOWN_MAX as i64;
    assert_eq!(run_all(&scripts[1..]), (count, count, count));
    assert_eq!(run_all(&scripts[1..]), (0, count, 0));
    assert_eq!(run_all(&scripts[..1]), (1, 1, 1));
    assert_eq!(run_all(&scripts[2..]), (0, count - 1, 0));
    assert_eq!(run_all(&scripts[1..2]), (1, 1, 0), "the oldest made room");
}

#[test]
fn a_run_that_was_cut_is_repeated_only_where_its_caller_allows() {
    for (flags, expected) in [
        (call::DEFAULT, &["EXISTS", "EVALSHA"][..]),
        (call::IDEMPOTENT, &["EXISTS", "EVALSHA", "EXISTS", "EVALSHA", "EVAL"]),
    ] {
        let peer = peer(|line, command| match (line.number, command[0].as_slice()) {
            (0, _) => Err(io::ErrorKind::Other.into()),
            (_, b"EVALSHA") => line.send(UNKNOWN_SCRIPT),
            _ => line.send(b":7\r\n"),
        });
        let client = Options::at(&peer.url()).int(option::BACKOFF_MS, 1).client();
        let result = Script::new(COUNT).run_for(&client, 1, &["n", "1"], flags, 0, ptr::null_mut());
        match flags {
            call::DEFAULT => {
                let err = result.expect_err("the connection was cut");
                assert_eq!((err.status, err.outcome, err.attempts), (Status::IO, Outcome::UNKNOWN, 1), "{err:?}");
            }
            _ => assert_eq!(result.expect("it may run twice").dump(), ":7"),
        }
        assert_eq!(names(&peer), expected);
    }
}

#[test]
fn a_cut_after_noscript_leaves_the_second_sending_in_doubt() {
    let peer = peer(|line, command| match command[0].as_slice() {
        b"EVALSHA" => line.send(UNKNOWN_SCRIPT),
        _ => Err(io::ErrorKind::Other.into()),
    });
    let client = Client::at(&peer.url());
    let err = Script::new(COUNT).run(&client, 1, &["n", "1"]).expect_err("the connection was cut");
    assert_eq!((err.status, err.outcome), (Status::IO, Outcome::UNKNOWN), "{err:?}");
    assert_eq!(names(&peer), ["EXISTS", "EVALSHA", "EVAL"]);
}

#[test]
fn one_time_is_allowed_for_both_sendings_together() {
    let peer = peer(|line, command| match command[0].as_slice() {
        b"EVALSHA" => {
            line.wait(Duration::from_millis(300))?;
            line.send(UNKNOWN_SCRIPT)
        }
        _ => line.stall(),
    });
    let client = Options::at(&peer.url()).int(option::COMMAND_TIMEOUT_MS, 60_000).client();
    let script = Script::new(COUNT);
    let err = script
        .run_for(&client, 1, &["n", "1"], call::TIMEOUT, 800, ptr::null_mut())
        .expect_err("the second is never answered");
    assert_eq!((err.status, err.outcome), (Status::TIMEOUT, Outcome::UNKNOWN), "{err:?}");
    assert!(err.message.contains("800 ms"), "{err:?}");

    let slow = silent();
    let client = Client::at(&slow.url());
    let err = script
        .run_for(&client, 1, &["n", "1"], call::TIMEOUT, 200, ptr::null_mut())
        .expect_err("NOSCRIPT comes too late");
    assert_eq!((err.status, err.outcome), (Status::TIMEOUT, Outcome::UNKNOWN), "{err:?}");
    assert_eq!(names(&slow), ["EXISTS", "EVALSHA"]);
}

/// A peer that never answers.
fn silent() -> Peer {
    peer(|line, _| line.stall())
}

#[test]
fn the_callback_of_evalsha_is_called_whichever_way_it_went() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let seen: Arc<Mutex<Vec<(String, usize)>>> = Arc::default();
    let saw = Arc::clone(&seen);
    let remember = move |args: &[&[u8]], _: &_, call_data: *mut c_void| {
        let args: Vec<_> = args.iter().map(|arg| String::from_utf8_lossy(arg)).collect();
        saw.lock().expect("nobody panics").push((args.join(" "), call_data.addr()));
        Verdict::Replace(Reply::string(b"mine"))
    };
    client.callback("EVALSHA", Some(Box::new(remember)), &Arc::default()).expect("it can be set");
    let not_asked: crate::support::c::Callback = Box::new(|_, _, _| Verdict::Fail("EVAL's is not asked"));
    client.callback("EVAL", Some(not_asked), &Arc::default()).expect("it can be set");
    let script = Script::new(COUNT);
    for call_data in [1, 2] {
        let data = ptr::without_provenance_mut(call_data);
        let reply = script.run_for(&client, 1, &["n", "5"], call::DEFAULT, 0, data).expect("it runs");
        assert_eq!(reply.dump(), "\"mine\"");
    }
    let raw = script.run_for(&client, 1, &["n", "5"], call::RAW, 0, ptr::null_mut()).expect("it runs");
    assert_eq!(raw.dump(), ":15");
    let args = format!("EVALSHA {} 1 n 5", script.sha());
    assert_eq!(*seen.lock().expect("nobody panics"), [(args.clone(), 1), (args, 2)]);
}

#[test]
fn one_script_serves_many_clients_and_threads() {
    let (one, two) = (Server::start(&[]), Server::start(&[]));
    let script = Script::new(COUNT);
    let clients = [Client::at(&one.url()), Client::at(&two.url())];
    thread::scope(|scope| {
        for thread in 0..8 {
            let (script, client) = (&script, &clients[thread % 2]);
            scope.spawn(move || {
                for _ in 0..200 {
                    script.run(client, 1, &["n", "2"]).expect("it runs");
                }
            });
        }
    });
    assert_eq!([one.ask(&["GET", "n"]), two.ask(&["GET", "n"])], ["1600", "1600"]);
}

#[test]
fn a_pipeline_loads_its_scripts_and_then_runs_them_by_digest() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let (count, name) = (Script::new(COUNT), Script::new("return KEYS[1]"));
    let mut pipeline = Pipeline::of(&client);
    for round in 0..2 {
        pipeline.add(&["SET", "n", "10"]);
        count.add(&mut pipeline, 1, &["n", "1"]);
        name.add(&mut pipeline, 1, &["n"]);
        count.add(&mut pipeline, 1, &["n", "2"]);
        pipeline.add(&["GET", "n"]);
        assert_eq!(pipeline.len(), 5);
        let replies = pipeline.run_with(mode::PLAIN, call::RAW, 0).expect("it runs").dump();
        assert_eq!(replies, r#"[+OK :11 "n" :13 "13"]"#, "round {round}");
        assert_eq!(pipeline.failed(), -1);
    }
    assert_eq!((calls(&server, "script|exists"), calls(&server, "script|load")), (1, 2));
    assert_eq!((calls(&server, "evalsha"), calls(&server, "eval")), (6, 0));
}

#[test]
fn in_a_transaction_scripts_go_whole() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let count = Script::new(COUNT);
    let mut pipeline = Pipeline::of(&client);
    pipeline.add(&["SET", "n", "10"]);
    count.add(&mut pipeline, 1, &["n", "1"]);
    count.add(&mut pipeline, 1, &["n", "2"]);
    assert_eq!(pipeline.run_with(mode::ATOMIC, call::RAW, 0).expect("it runs").dump(), "[+OK :11 :13]");
    pipeline.watch(&["n"]).expect("it is watched");
    count.add(&mut pipeline, 1, &["n", "1"]);
    server.ask(&["SCRIPT", "FLUSH"]);
    assert_eq!(pipeline.ask(mode::ATOMIC), "[:14]");
    assert_eq!((calls(&server, "script|load"), calls(&server, "evalsha"), calls(&server, "eval")), (0, 0, 3));
}

/// The cache is emptied all the time, also between SCRIPT LOAD and EVALSHA of one burst, which are two commands to a server.
#[test]
fn pipelined_scripts_run_exactly_once_while_scripts_are_flushed() {
    const ROUNDS: usize = 30;
    // More than a server reads at once, so that others come in between.
    const RUNS: usize = 500;
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let script = Script::new(COUNT);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let over_at_the_end = Over(&over);
        let flushing = scope.spawn(|| {
            let mut wire = server.wire();
            while !over.load(Ordering::Relaxed) {
                wire.ask(&["SCRIPT", "FLUSH", "SYNC"]);
            }
        });
        let running: Vec<_> = (0..4)
            .map(|thread| {
                let (client, script) = (&client, &script);
                scope.spawn(move || {
                    let mut pipeline = Pipeline::of(client);
                    let key = format!("n{thread}");
                    let mut ran = 0;
                    for _ in 0..ROUNDS {
                        for _ in 0..RUNS {
                            script.add(&mut pipeline, 1, &[&key, "1"]);
                            pipeline.add(&["INCR", &format!("{key}:plain")]);
                        }
                        let replies = pipeline.run(mode::PLAIN).expect("every run succeeds");
                        let elements = replies.elements();
                        assert_eq!(elements.len(), 2 * RUNS);
                        let told = elements.iter().position(|reply| reply.kind == kind::ERROR);
                        assert_eq!(pipeline.failed(), told.map_or(-1, |index| index as i64));
                        // Those that had to be sent again have come last, and stand in their places all the same.
                        let scripts = elements.iter().step_by(2).filter(|reply| reply.kind != kind::ERROR);
                        let mut counts: Vec<i64> = scripts.map(|reply| reply.integer).collect();
                        counts.sort_unstable();
                        let (from, to) = (ran + 1, ran + counts.len() as i64);
                        assert!(counts.iter().copied().eq(from..=to), "{}", replies.dump());
                        ran = to;
                    }
                    ran
                })
            })
            .collect();
        let ran: Vec<_> = running.into_iter().map(thread::ScopedJoinHandle::join).collect();
        drop(over_at_the_end);
        flushing.join().expect("flushing ends well");
        for (thread, ran) in ran.into_iter().enumerate() {
            let ran = ran.expect("a thread ends well");
            assert_eq!(server.ask(&["GET", &format!("n{thread}")]), ran.to_string());
            println!("{ran} of {} ran", ROUNDS * RUNS);
        }
    });
    assert!(calls(&server, "eval") > 0, "the scripts were never gone");
}

/// A server that has lost the script by the time it is to run it, each time.
#[test]
fn what_loading_did_not_help_goes_whole_behind_the_batch() {
    let peer = Peer::tcp(Hello::Resp3, |line| {
        loop {
            let command = line.command()?;
            match command[0].as_slice() {
                b"SCRIPT" => line.send(b"-NOPERM no permission to run 'script|load'\r\n")?,
                b"EVALSHA" => line.send(UNKNOWN_SCRIPT)?,
                b"EVAL" => line.send(format!("+ran {}\r\n", String::from_utf8_lossy(&command[3])).as_bytes())?,
                _ => line.send(b"+plain\r\n")?,
            }
        }
    });
    let client = Client::at(&peer.url());
    let script = Script::new(COUNT);
    let mut pipeline = Pipeline::of(&client);
    script.add(&mut pipeline, 1, &["a"]);
    pipeline.add(&["ECHO", "x"]);
    script.add(&mut pipeline, 1, &["b"]);
    assert_eq!(pipeline.ask(mode::PLAIN), "[+ran a +plain +ran b]");
    assert_eq!(pipeline.failed(), -1);
    assert_eq!(names(&peer), ["EXISTS", "LOAD", "EVALSHA", "EVALSHA", "EVAL", "EVAL"]);
}

/// What the server said in front of the batch, of a script that it did not load.
#[test]
fn a_script_that_could_not_be_loaded_goes_whole_where_it_did_not_exist() {
    for (existing, replies, sent) in [
        ("*2\r\n:0\r\n:0\r\n", "[:7 +plain :7]", &["EVAL", "EVAL"][..]),
        ("*2\r\n:1\r\n:1\r\n", "[-NOSCRIPT +plain -NOSCRIPT]", &[]),
    ] {
        let peer = Peer::tcp(Hello::Resp3, move |line| {
            loop {
                let command = line.command()?;
                match (command[0].as_slice(), command[1].as_slice()) {
                    (b"SCRIPT", b"EXISTS") => line.send(existing.as_bytes())?,
                    (b"SCRIPT", _) => line.send(b"-NOPERM no permission to run 'script|load'\r\n")?,
                    (b"EVALSHA", _) => line.send(b"-NOSCRIPT\r\n")?,
                    (b"EVAL", _) => line.send(b":7\r\n")?,
                    _ => line.send(b"+plain\r\n")?,
                }
            }
        });
        let mut pipeline = Pipeline::of(&Client::at(&peer.url()));
        Script::new("return 1").add(&mut pipeline, 1, &["a"]);
        pipeline.add(&["ECHO", "x"]);
        Script::new("return 2").add(&mut pipeline, 1, &["b"]);
        assert_eq!(pipeline.ask(mode::PLAIN), replies);
        let before = ["EXISTS", "LOAD", "LOAD", "EVALSHA", "EVALSHA"];
        assert_eq!(names(&peer), [&before, sent].concat());
    }
}

/// Scripts that the connection has seen, and the server lost since: all of a batch are asked for at once.
#[test]
fn a_batch_of_scripts_that_were_flushed_is_looked_into_at_once() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let scripts = ["return {KEYS[1]}", "return KEYS[1]", COUNT].map(Script::new);
    let own = Script::new("redis.call('INCR', 'own') return redis.error_reply('NOSC' .. 'RIPT of my own')");
    let mut pipeline = Pipeline::of(&client);
    for round in 0..3 {
        if round > 0 {
            server.ask(&["SCRIPT", "FLUSH"]);
            server.ask(&[
                "SCRIPT",
                "LOAD",
                "redis.call('INCR', 'own') return redis.error_reply('NOSC' .. 'RIPT of my own')",
            ]);
        }
        server.ask(&["CONFIG", "RESETSTAT"]);
        server.ask(&["DEL", "n", "own"]);
        for key in ["n", "n"] {
            scripts.iter().for_each(|script| script.add(&mut pipeline, 1, &[key, "1"]));
            own.add(&mut pipeline, 0, &NONE);
        }
        let replies = pipeline.ask(mode::PLAIN);
        assert_eq!(replies, r#"[["n"] "n" :1 -NOSCRIPT of my own ["n"] "n" :2 -NOSCRIPT of my own]"#, "{round}");
        assert_eq!((pipeline.failed(), server.ask(&["GET", "own"])), (3, "2".to_owned()));
        let counts = ["script|exists", "script|load", "evalsha", "eval"].map(|name| calls(&server, name));
        // In front, where they are not known; and behind, for those of its own words, or those that were flushed.
        assert_eq!(counts, if round == 0 { [2, 4, 8, 0] } else { [1, 0, 8, 6] }, "{round}");
    }
}

#[test]
fn a_script_that_says_noscript_itself_runs_once_in_a_pipeline_too() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let texts = [
        "redis.call('INCR', KEYS[1]); return redis.error_reply('NOSCRIPT No matching script. Please use EVAL.')",
        "redis.call('INCR', KEYS[1]); return redis.error_reply('NO' .. 'SCRIPT of my own')",
        "redis.call('INCR', KEYS[1]); error({err='NO' .. 'SCRIPT No matching script. Please use EVAL.'})",
    ];
    for text in texts {
        let script = Script::new(text);
        let mut pipeline = Pipeline::of(&client);
        for (n, how) in [mode::PLAIN, mode::ATOMIC, mode::PLAIN].into_iter().enumerate() {
            server.ask(&["SET", "n", &n.to_string()]);
            pipeline.add(&["ECHO", "x"]);
            script.add(&mut pipeline, 1, &["n"]);
            let replies = pipeline.ask(how);
            assert!(replies.starts_with("[\"x\" -NOSCRIPT "), "{replies}");
            assert_eq!((pipeline.failed(), server.ask(&["GET", "n"])), (1, (n + 1).to_string()), "{text}");
        }
    }
}

#[test]
fn a_pipeline_cut_among_its_scripts_says_what_it_knows() {
    // Which command of the burst the connection ends at; what became of the run; the first command without an answer.
    let cases: [(&str, Outcome, i64); 3] =
        [("EVALSHA", Outcome::UNKNOWN, 0), ("EVAL", Outcome::UNKNOWN, 0), ("ECHO", Outcome::UNKNOWN, 1)];
    for (last, outcome, failed) in cases {
        let peer = peer(move |line, command| match command[0].as_slice() {
            name if name == last.as_bytes() => Err(io::ErrorKind::Other.into()),
            b"EVALSHA" => line.send(UNKNOWN_SCRIPT),
            _ => line.send(b"+OK\r\n"),
        });
        let client = Client::at(&peer.url());
        let mut pipeline = Pipeline::of(&client);
        Script::new(COUNT).add(&mut pipeline, 1, &["n", "1"]);
        pipeline.add(&["ECHO", "x"]);
        let err = pipeline.run(mode::PLAIN).expect_err("the connection was cut");
        assert_eq!((err.status, err.outcome), (Status::IO, outcome), "{last}: {err:?}");
        assert_eq!(pipeline.failed(), failed, "{last}");
    }
}

#[test]
fn the_callback_of_evalsha_is_called_in_pipelines_too() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let remember: crate::support::c::Callback = Box::new(|args, reply, call_data| {
        let args: Vec<_> = args.iter().map(|arg| String::from_utf8_lossy(arg)).collect();
        Verdict::Replace(Reply::string(format!("{} {} {}", args[0], reply.integer, call_data.addr()).as_bytes()))
    });
    client.callback("EVALSHA", Some(remember), &Arc::default()).expect("it can be set");
    let script = Script::new(COUNT);
    let mut pipeline = Pipeline::of(&client);
    for how in [mode::PLAIN, mode::ATOMIC] {
        server.ask(&["SET", "n", "0"]);
        for data in [7, 8] {
            let data = ptr::without_provenance_mut(data);
            script.add_with(&mut pipeline, 1, &["n", "1"], call::DEFAULT, data).expect("it is taken");
        }
        script.add_with(&mut pipeline, 1, &["n", "1"], call::RAW, ptr::null_mut()).expect("it is taken");
        assert_eq!(pipeline.ask(how), r#"["EVALSHA 1 7" "EVALSHA 2 8" :3]"#);
    }
}

/// What is shown as it comes cannot be asked for again behind the batch.
#[test]
fn where_replies_are_shown_one_by_one_scripts_go_whole() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let double: crate::support::c::Callback = Box::new(|args, reply, _| {
        Verdict::Replace(Reply::string(format!("{} {}", args.len(), reply.integer).as_bytes()))
    });
    client.callback("EVALSHA", Some(double), &Arc::default()).expect("it can be set");
    let script = Script::new(COUNT);
    let mut pipeline = Pipeline::of(&client);
    let mut shown = Vec::new();
    pipeline.add(&["SET", "n", "1"]);
    script.add(&mut pipeline, 1, &["n", "1"]);
    script.add(&mut pipeline, 1, &["n", "2"]);
    pipeline
        .run_each(
            0,
            0,
            Box::new(|index, reply| {
                shown.push(format!("{index} {}", reply.dump()));
                Ok(())
            }),
        )
        .expect("three replies");
    assert_eq!(shown[1..], ["1 \"5 2\"", "2 \"5 4\""]);
    assert_eq!((calls(&server, "evalsha"), calls(&server, "eval")), (0, 2));
}
