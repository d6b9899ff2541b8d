//! Scripts: by digest, whole where the server does not know them, and never twice.

mod support;

use std::ffi::c_void;
use std::io;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use support::c::{Client, Options, Outcome, Reply, Status, Verdict, call, option, stat};
use support::peer::{Command, Hello, Line, Peer};
use support::pipeline::{Pipeline, mode};
use support::script::Script;
use support::server::Server;

const COUNT: &str = "return redis.call('INCRBY', KEYS[1], ARGV[1])";
const UNKNOWN_SCRIPT: &[u8] = b"-NOSCRIPT No matching script. Please use EVAL.\r\n";
const NONE: [&str; 0] = [];

/// How often the server ran a command, by its own count.
fn calls(server: &Server, name: &str) -> i64 {
    let stats = server.ask(&["INFO", "commandstats"]);
    let row = stats.split(&format!("cmdstat_{name}:calls=")).nth(1);
    row.and_then(|row| row.split(',').next()).map_or(0, |count| count.parse().expect("a count"))
}

/// A peer that answers each EVALSHA and EVAL as the test says, and keeps their names.
fn peer(answer: impl Fn(&mut Line, &Command) -> io::Result<()> + Send + Sync + 'static) -> Peer {
    Peer::tcp(Hello::Resp3, move |line| {
        loop {
            let command = line.command()?;
            answer(line, &command)?;
        }
    })
}

/// The names of the commands that arrived, those of the handshake left out.
fn names(peer: &Peer) -> Vec<String> {
    let all = (0..peer.connections()).flat_map(|number| peer.commands(number));
    let names = all.map(|command| String::from_utf8_lossy(&command[0]).into_owned());
    names.filter(|name| name.starts_with("EVAL")).collect()
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

/// The cache is emptied all the time while four threads run a script that counts: each run is one count.
#[test]
fn every_run_is_exactly_one_while_the_scripts_are_flushed() {
    const RUNS: usize = 1500;
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let script = Script::new(COUNT);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let flushing = scope.spawn(|| {
            let mut wire = server.wire();
            while !over.load(Ordering::Relaxed) {
                wire.ask(&["SCRIPT", "FLUSH", "SYNC"]);
            }
        });
        let running: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..RUNS {
                        script.run(&client, 1, &["n", "1"]).expect("every run succeeds");
                    }
                })
            })
            .collect();
        running.into_iter().for_each(|running| running.join().expect("a thread ends well"));
        over.store(true, Ordering::Relaxed);
        flushing.join().expect("flushing ends well");
    });
    assert_eq!(server.ask(&["GET", "n"]), (4 * RUNS).to_string());
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
    assert_eq!(names(&peer), ["EVALSHA", "EVAL"]);
}

#[test]
fn other_words_are_no_proof() {
    let peer =
        peer(|line, _| line.send(b"-NOSCRIPT No matching script. Please use EVAL. script: 0f, on @user_script:1.\r\n"));
    let client = Client::at(&peer.url());
    let err = Script::new(COUNT).run(&client, 1, &["n", "1"]).expect_err("an error");
    assert_eq!((err.status, err.outcome), (Status::SERVER, Outcome::UNKNOWN));
    assert_eq!(names(&peer), ["EVALSHA"]);
}

#[test]
fn a_run_that_was_cut_is_repeated_only_where_its_caller_allows() {
    for (flags, expected) in [(call::DEFAULT, &["EVALSHA"][..]), (call::IDEMPOTENT, &["EVALSHA", "EVALSHA", "EVAL"])] {
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
    assert_eq!(names(&peer), ["EVALSHA", "EVAL"]);
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
    assert_eq!(names(&slow), ["EVALSHA"]);
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
    let not_asked: support::c::Callback = Box::new(|_, _, _| Verdict::Fail("EVAL's is not asked"));
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
    assert_eq!((calls(&server, "script|load"), calls(&server, "evalsha"), calls(&server, "eval")), (4, 6, 0));
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
                    for round in 0..ROUNDS {
                        for _ in 0..RUNS {
                            script.add(&mut pipeline, 1, &[&key, "1"]);
                            pipeline.add(&["INCR", &format!("{key}:plain")]);
                        }
                        let replies = pipeline.run(mode::PLAIN).expect("every run succeeds");
                        let elements = replies.elements();
                        assert_eq!((elements.len(), pipeline.failed()), (2 * RUNS, -1), "{}", replies.dump());
                        // Those that had to be sent again have come last, and stand in their places all the same.
                        let mut counts: Vec<i64> = elements.iter().step_by(2).map(|reply| reply.integer).collect();
                        counts.sort_unstable();
                        let from = (round * RUNS) as i64 + 1;
                        assert!(counts.iter().copied().eq(from..from + RUNS as i64), "{}", replies.dump());
                    }
                })
            })
            .collect();
        running.into_iter().for_each(|running| running.join().expect("a thread ends well"));
        over.store(true, Ordering::Relaxed);
        flushing.join().expect("flushing ends well");
    });
    for thread in 0..4 {
        assert_eq!(server.ask(&["GET", &format!("n{thread}")]), (ROUNDS * RUNS).to_string());
    }
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
    assert_eq!(names(&peer), ["EVALSHA", "EVALSHA", "EVAL", "EVAL"]);
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
    let remember: support::c::Callback = Box::new(|args, reply, call_data| {
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
    let double: support::c::Callback = Box::new(|args, reply, _| {
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
