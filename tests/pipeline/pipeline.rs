//! Pipelines: many commands in one burst, their replies in order in one array, and errors in their places.

use std::ffi::c_void;
use std::io::Result as Io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::c::{CErr, Client, Options, Outcome, Reply, Status, Verdict, call, option, stat};
use crate::support::child::fork;
use crate::support::peer::{Hello, Line, Peer};
use crate::support::pipeline::{Pipeline, mode};
use crate::support::server::Server;

/// A client of every kind that a server is spoken to by.
fn clients(server: &Server) -> Vec<Client> {
    let of = |url: &str, protocol| Options::at(url).int(option::PROTOCOL, protocol).client();
    vec![of(&server.url(), 2), of(&server.url(), 3), of(&server.unix_url(), 2), of(&server.unix_url(), 3)]
}

/// A client that answers for itself: it tries nothing again, and waits for half a second.
fn once(peer: &Peer) -> Options {
    Options::at(&peer.url()).int(option::RETRY_MAX, 0).int(option::COMMAND_TIMEOUT_MS, 500)
}

/// A pipeline of so many INCRs.
fn incrs(client: &Client, count: usize) -> Pipeline {
    let mut pipeline = Pipeline::of(client);
    for _ in 0..count {
        pipeline.add(&["INCR", "n"]);
    }
    pipeline
}

/// Read so many commands, without a word.
fn hear(line: &mut Line, count: usize) -> Io<()> {
    for _ in 0..count {
        line.command()?;
    }
    Ok(())
}

fn what(err: &CErr) -> (Status, Outcome) {
    (err.status, err.outcome)
}

#[test]
fn replies_come_in_order_and_errors_in_their_places() {
    let server = Server::start(&[]);
    for client in clients(&server) {
        client.ask(&["FLUSHALL"]);
        let mut pipeline = Pipeline::of(&client);
        pipeline.add(&["SET", "a", "1"]).add(&["LPUSH", "a", "x"]).add(&["GET", "a"]);
        pipeline.add(&["RPUSH", "l", "x", "", "z"]).add(&["LRANGE", "l", "0", "-1"]).add(&["GET", "none"]);
        assert_eq!(pipeline.len(), 6);
        let reply = pipeline.run(mode::PLAIN).expect("the batch itself succeeds");
        let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        assert_eq!(reply.dump(), format!("[#1 {wrong} \"1\" :3 [\"x\" \"\" \"z\"] (nil)]"));
        assert_eq!((pipeline.len(), pipeline.failed()), (0, 1));
        // The same pipeline again, and what was wrong before is forgotten.
        pipeline.add(&["GET", "a"]);
        assert_eq!((pipeline.ask(mode::PLAIN), pipeline.failed()), ("[\"1\"]".to_owned(), -1));
    }
}

#[test]
fn the_reply_outlives_the_pipeline_and_the_client() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let long = "x".repeat(200_000);
    client.ask(&["SET", "long", &long]);
    let mut pipeline = Pipeline::of(&client);
    pipeline.add(&["GET", "long"]).add(&["ECHO", "a\r\nb\0c"]).add(&["GET", "long"]);
    drop(client);
    let reply = pipeline.run(mode::PLAIN).expect("three replies");
    drop(pipeline);
    let texts: Vec<&[u8]> = reply.elements().iter().map(|element| element.text()).collect();
    assert_eq!(texts, [long.as_bytes(), b"a\r\nb\0c", long.as_bytes()]);
}

#[test]
fn nothing_is_sent_before_the_run_and_nothing_by_an_empty_one() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let mut pipeline = Pipeline::of(&client);
    for mode in [mode::PLAIN, mode::ATOMIC] {
        assert_eq!((pipeline.ask(mode), pipeline.failed()), ("[]".to_owned(), -1));
    }
    pipeline.run_each(0, 0, Box::new(|_, _| panic!("there is no reply"))).expect("nothing to run");
    pipeline.add(&["SET", "k", "v"]).add(&["INCR", "n"]);
    for figure in [stat::CONNECTIONS, stat::CONNECTIONS_CREATED, stat::COMMANDS, stat::BYTES_OUT] {
        assert_eq!(client.stat(figure), 0, "figure {figure}");
    }
    assert_eq!(server.ask(&["DBSIZE"]), "0");
    pipeline.clear();
    assert_eq!(pipeline.len(), 0);
    drop(pipeline);
    assert_eq!(server.ask(&["DBSIZE"]), "0");
    assert_eq!(client.stat(stat::CONNECTIONS_CREATED), 0);
}

/// No reply is needed for the next command to be sent: all of them are there before the first answer.
#[test]
fn it_is_one_burst() {
    let peer = Peer::tcp(Hello::Resp3, |line| {
        hear(line, 1000)?;
        for number in 0..1000 {
            line.send(format!(":{number}\r\n").as_bytes())?;
        }
        line.until_left()
    });
    let client = once(&peer).client();
    let reply = incrs(&client, 1000).run(mode::PLAIN).expect("a thousand replies");
    assert!(reply.elements().iter().enumerate().all(|(place, element)| element.integer == place as i64));
    assert_eq!((reply.elements().len(), client.stat(stat::COMMANDS)), (1000, 1000));
    assert_eq!(client.stat(stat::CONNECTIONS_IDLE), 1, "it went back");
}

#[test]
fn every_reply_passes_its_commands_callback() {
    let server = Server::start(&[]);
    let freed = Arc::default();
    for client in clients(&server) {
        client.ask(&["FLUSHALL"]);
        let other = Client::at(&server.url());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        let upper = move |args: &[&[u8]], reply: &crate::support::raw::Node, data: *mut c_void| {
            noted.lock().expect("no panic").push((args.len(), data as usize, reply.dump()));
            match reply.text() {
                b"" => Verdict::Keep,
                b"bad" => Verdict::Fail("not this one"),
                text => Verdict::Replace(Reply::string(&text.to_ascii_uppercase())),
            }
        };
        client.callback("GET", Some(Box::new(upper)), &freed).expect("it is set");
        for mode in [mode::PLAIN, mode::ATOMIC] {
            let mut pipeline = Pipeline::of(&client);
            pipeline.add(&["SET", "a", "x"]).add(&["SET", "b", "bad"]).add(&["DEL", "l"]).add(&["RPUSH", "l", "1"]);
            pipeline.add_with(&["GET", "a"], 0, 7 as *mut c_void).expect("it is added");
            pipeline.add_with(&["GET", "a"], call::RAW, 8 as *mut c_void).expect("it is added");
            pipeline.add(&["get", "none"]).add(&["GET", "b"]).add(&["GET", "l"]).add(&["LRANGE", "l", "0", "-1"]);
            let queued = "[#1 #1 :0 :1 \"X\" \"x\" (nil) -CALLBACK not this one -WRONGTYPE Operation against a key \
                          holding the wrong kind of value [\"1\"]]";
            let reply = pipeline.run(mode).expect("the batch itself succeeds");
            assert_eq!(reply.dump().replacen(":1 :1", ":0 :1", 1), queued);
            assert_eq!(pipeline.failed(), 7, "the failed callback comes before the server's error");
            let seen: Vec<_> = std::mem::take(&mut *seen.lock().expect("no panic"));
            let expected = [(2, 7, "\"x\""), (2, 0, "(nil)"), (2, 0, "\"bad\"")];
            assert_eq!(seen, expected.map(|(args, data, reply)| (args, data, reply.to_owned())));
            pipeline.add(&["GET", "a"]);
            assert_eq!(pipeline.run_with(mode, call::RAW, 0).expect("a reply").dump(), "[\"x\"]");
        }
        let mut pipeline = Pipeline::of(&other);
        pipeline.add(&["GET", "b"]);
        assert_eq!(pipeline.ask(mode::PLAIN), "[\"bad\"]", "another client's callbacks are its own");
    }
    assert_eq!(freed.load(Ordering::SeqCst), 4);
}

#[test]
fn every_reply_has_its_commands_shape() {
    let server = Server::start(&[]);
    for client in clients(&server) {
        client.ask(&["FLUSHALL"]);
        client.ask(&["HSET", "h", "f", "1", "g", "2"]);
        client.ask(&["ZADD", "z", "1", "a", "2.5", "b"]);
        let commands: [&[&str]; 7] = [
            &["ACL", "GETUSER", "default"],
            &["HGETALL", "h"],
            &["ZRANGE", "z", "0", "-1", "WITHSCORES"],
            &["GET", "none"],
            &["ZSCORE", "z", "b"],
            &["HGETALL", "none"],
            &["EXISTS", "z"],
        ];
        let direct: Vec<String> = commands.iter().map(|args| client.command(args).expect("a reply").dump()).collect();
        assert!(direct[0].starts_with("%[\"flags\""), "{}", direct[0]);
        assert_eq!(direct[1], "%[\"f\" \"1\" \"g\" \"2\"]");
        assert_eq!(direct[2], "[[\"a\" ,1] [\"b\" ,2.5]]");
        let expected = format!("[{}]", direct.join(" "));
        let mut pipeline = Pipeline::of(&client);
        for mode in [mode::PLAIN, mode::ATOMIC] {
            commands.iter().for_each(|args| _ = pipeline.add(args));
            assert_eq!(pipeline.ask(mode), expected);
        }
        let mut shown = Vec::new();
        commands.iter().for_each(|args| _ = pipeline.add(args));
        let show = |_, reply: &crate::support::raw::Node| {
            shown.push(reply.dump());
            Ok(())
        };
        pipeline.run_each(0, 0, Box::new(show)).expect("seven replies");
        assert_eq!(shown, direct);
        // As the wire has it, for one command and for a whole run.
        let raw: Vec<String> = commands.iter().map(|args| client.ask(args)).collect();
        for mode in [mode::PLAIN, mode::ATOMIC] {
            commands.iter().for_each(|args| _ = pipeline.add(args));
            let reply = pipeline.run_with(mode, call::RAW, 0).expect("seven replies");
            assert_eq!(reply.dump(), format!("[{}]", raw.join(" ")));
            pipeline.add_with(commands[2], call::RAW, std::ptr::null_mut()).expect("it is added");
            assert_eq!(pipeline.ask(mode), format!("[{}]", raw[2]));
        }
    }
}

/// The connection has gone back when a callback runs, so a pool of one is enough; but the pipeline that runs is busy.
#[test]
fn a_callback_may_use_the_client_and_other_pipelines_but_not_this_one() {
    let server = Server::start(&[]);
    let client = Arc::new(Options::at(&server.url()).int(option::POOL_MAX, 1).int(option::POOL_WAIT_MS, 2000).client());
    let mut pipeline = Pipeline::of(&client);
    let (inner, again) = (Arc::downgrade(&client), Mutex::new(pipeline.again()));
    let function = move |_: &[&[u8]], _: &crate::support::raw::Node, _: *mut c_void| {
        let client = inner.upgrade().expect("it is in use");
        let mut other = Pipeline::of(&client);
        other.add(&["ECHO", "inner"]);
        let mut again = again.lock().expect("no panic");
        for refused in [again.try_add(&["PING"]), again.watch(&["k"]), again.run(mode::PLAIN).map(drop)] {
            assert_eq!(what(&refused.expect_err("it is running")), (Status::STATE, Outcome::NOT_SENT));
        }
        assert_eq!(other.ask(mode::ATOMIC), "[\"inner\"]");
        Verdict::Replace(Reply::string(client.ask(&["DBSIZE"]).as_bytes()))
    };
    client.callback("GET", Some(Box::new(function)), &Arc::default()).expect("it is set");
    pipeline.add(&["GET", "k"]).add(&["PING"]);
    assert_eq!(pipeline.ask(mode::PLAIN), "[\":0\" #1]");
    client.callback("GET", None, &Arc::default()).expect("it is removed");
}

#[test]
fn what_cannot_be_queued_leaves_the_queue_as_it_was() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let mut pipeline = Pipeline::of(&client);
    pipeline.add(&["PING"]);
    let refused: [(&[&str], &str); 9] = [
        (&["MULTI"], "RREDIS_PIPELINE_ATOMIC"),
        (&["exec"], "RREDIS_PIPELINE_ATOMIC"),
        (&["DISCARD"], "rredis_pipeline_clear"),
        (&["WATCH", "k"], "rredis_pipeline_watch"),
        (&["UNWATCH"], "rredis_pipeline_clear"),
        (&["SELECT", "1"], "the option database"),
        (&["SUBSCRIBE", "c"], "rredis_pubsub"),
        (&["CLIENT", "REPLY", "OFF"], "rredis_conn"),
        (&[], "argc is 0"),
    ];
    for (args, word) in refused {
        let err = pipeline.try_add(args).expect_err("it is refused");
        assert_eq!(what(&err), (Status::ARGUMENT, Outcome::NOT_SENT), "{args:?}");
        assert!(err.message.contains(word), "{args:?}: {}", err.message);
    }
    for flags in [call::TIMEOUT, call::ALONE, 128, 512, 1024, u32::MAX] {
        let err = pipeline.add_with(&["PING"], flags, std::ptr::null_mut()).expect_err("it is refused");
        assert_eq!(what(&err), (Status::ARGUMENT, Outcome::NOT_SENT), "{flags}");
    }
    pipeline.add_with(&["NOSUCH"], call::ERROR_REPLY | call::IDEMPOTENT, std::ptr::null_mut()).expect("it is added");
    for err in [pipeline.run(2), pipeline.run_with(mode::PLAIN, 128, 0), pipeline.run_with(mode::PLAIN, 512, 0)] {
        assert_eq!(what(&err.expect_err("no such mode or flag")), (Status::ARGUMENT, Outcome::NOT_SENT));
    }
    assert_eq!(pipeline.len(), 2);
    assert!(pipeline.ask(mode::PLAIN).starts_with("[#1 -ERR unknown command"));
}

#[test]
fn a_run_that_breaks_off_says_how_far_it_came_and_is_not_tried_again() {
    let peer = Peer::unix(Hello::Resp3, |line| {
        hear(line, 10)?;
        line.send(b":1\r\n:2\r\n:3\r\n$5\r\nhal")
    });
    let client = Options::at(&peer.url()).client();
    let mut pipeline = incrs(&client, 10);
    let err = pipeline.run(mode::PLAIN).expect_err("the connection breaks");
    assert_eq!((what(&err), err.attempts), ((Status::IO, Outcome::UNKNOWN), 1));
    assert!(err.message.ends_with("3 of 10 commands were answered"), "{}", err.message);
    assert_eq!((pipeline.failed(), pipeline.len(), peer.connections()), (3, 0, 1));
    assert_eq!(client.stat(stat::CONNECTIONS), 0);
}

/// The first connection is cut in the middle; what may run twice runs again as a whole, and nothing else does.
#[test]
fn only_what_may_run_twice_is_tried_again_and_then_as_a_whole() {
    let cut_once = || {
        Peer::tcp(Hello::Resp3, |line| {
            let number = line.number;
            hear(line, 3)?;
            match number {
                0 => line.send(b"$3\r\nold\r\n$3\r\nold\r\n"),
                _ => {
                    line.send(b"$3\r\nnew\r\n$3\r\nnew\r\n$3\r\nnew\r\n")?;
                    line.until_left()
                }
            }
        })
    };
    let cases: [(&str, u32, u32, bool); 6] = [
        ("GET", 0, 0, true),
        ("GET", 0, call::NO_RETRY, false),
        ("GETDEL", 0, 0, false),
        ("GETDEL", call::IDEMPOTENT, 0, true),
        ("GETDEL", 0, call::IDEMPOTENT, true),
        ("GETDEL", call::RAW, 0, false),
    ];
    for (name, flags, run_flags, again) in cases {
        let peer = cut_once();
        let client = Client::at(&peer.url());
        let mut pipeline = Pipeline::of(&client);
        for args in [["GET", "a"], [name, "b"], ["GET", "c"]] {
            pipeline.add_with(&args, flags, std::ptr::null_mut()).expect("it is added");
        }
        let result = pipeline.run_with(mode::PLAIN, run_flags, 0);
        assert_eq!(peer.connections(), if again { 2 } else { 1 }, "{name} {flags} {run_flags}");
        match result {
            Ok(reply) => assert_eq!(reply.dump(), "[\"new\" \"new\" \"new\"]"),
            Err(err) => assert_eq!(what(&err), (Status::IO, Outcome::UNKNOWN)),
        }
        assert_eq!(client.stat(stat::RETRIES), i64::from(again), "{name} {flags} {run_flags}");
    }
}

#[test]
fn what_did_not_leave_is_sent_on_another_connection() {
    let mut server = Server::start(&[]);
    let client = Options::at(&server.url()).int(option::RETRY_MAX, 0).client();
    client.ask(&["PING"]);
    server.restart();
    assert_eq!(incrs(&client, 3).ask(mode::PLAIN), "[:1 :2 :3]", "a connection that was closed while it rested");
    server.kill();
    let err = incrs(&client, 3).run(mode::PLAIN).expect_err("nobody is there");
    assert_eq!(what(&err), (Status::CONNECT, Outcome::NOT_SENT));
}

/// The deadline counts time without progress: a reply now and then keeps a long run alive.
#[test]
fn the_time_counts_while_nothing_moves() {
    let drip = |line: &mut Line| {
        loop {
            line.command()?;
            line.wait(Duration::from_millis(150))?;
            line.send(b":1\r\n")?;
        }
    };
    let peer = Peer::tcp(Hello::Resp3, drip);
    let client = once(&peer).client();
    let begun = Instant::now();
    assert_eq!(incrs(&client, 10).run(mode::PLAIN).expect("it goes on").elements().len(), 10);
    assert!(begun.elapsed() >= Duration::from_millis(1500));

    // Time for the whole run is another matter.
    let mut pipeline = incrs(&client, 10);
    let err = pipeline.run_with(mode::PLAIN, call::TIMEOUT, 600).expect_err("it takes 1.5 s");
    assert_eq!(what(&err), (Status::TIMEOUT, Outcome::UNKNOWN));
    assert!(err.message.contains("not done within 600 ms"), "{}", err.message);
    assert!((1..10).contains(&pipeline.failed()), "{}", pipeline.failed());
    let err = incrs(&client, 1).run_with(mode::PLAIN, call::TIMEOUT, 0).expect_err("no time at all");
    assert_eq!(what(&err), (Status::TIMEOUT, Outcome::NOT_SENT));

    let silent = Peer::tcp(Hello::Resp3, |line| {
        hear(line, 10)?;
        line.send(b":1\r\n")?;
        line.stall()
    });
    let err = incrs(&once(&silent).client(), 10).run(mode::PLAIN).expect_err("nothing more comes");
    assert_eq!(what(&err), (Status::TIMEOUT, Outcome::UNKNOWN));
    assert!(err.message.contains("nothing moved for 500 ms; 1 of 10 commands were answered"), "{}", err.message);
}

/// Pushes put nothing off; a piece of a reply does.
#[test]
fn a_server_that_only_pushes_moves_nothing() {
    let pushing = Peer::tcp(Hello::Resp3, |line| {
        hear(line, 2)?;
        line.send(b":1\r\n")?;
        loop {
            line.wait(Duration::from_millis(100))?;
            line.send(b">1\r\n+tick\r\n")?;
        }
    });
    let begun = Instant::now();
    let mut pipeline = incrs(&once(&pushing).client(), 2);
    let err = pipeline.run(mode::PLAIN).expect_err("nothing but pushes comes");
    assert_eq!((what(&err), pipeline.failed()), ((Status::TIMEOUT, Outcome::UNKNOWN), 1));
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());

    let dripping = Peer::tcp(Hello::Resp3, |line| {
        hear(line, 1)?;
        line.send(b">1\r\n+tick\r\n")?;
        line.drip(b"$4\r\nslow\r\n", Duration::from_millis(250))?;
        line.until_left()
    });
    let begun = Instant::now();
    let client = once(&dripping).int(option::COMMAND_TIMEOUT_MS, 2000).client();
    let mut pipeline = Pipeline::of(&client);
    assert_eq!(pipeline.add(&["GET", "k"]).ask(mode::PLAIN), "[\"slow\"]");
    assert!(begun.elapsed() > Duration::from_millis(2000), "{:?}", begun.elapsed());
}

#[test]
fn a_command_that_waits_has_the_time_that_it_says() {
    let server = Server::start(&[]);
    let client = Options::at(&server.url()).int(option::COMMAND_TIMEOUT_MS, 900).int(option::RETRY_MAX, 0).client();
    let mut pipeline = Pipeline::of(&client);
    pipeline.add(&["PING"]).add(&["BLPOP", "none", "1"]).add(&["BLPOP", "none", "1"]).add(&["PING"]);
    assert_eq!(pipeline.ask(mode::PLAIN), "[#1 (nil) (nil) #1]");
    // In a transaction nothing waits.
    pipeline.add(&["BLPOP", "none", "0"]);
    assert_eq!(pipeline.ask(mode::ATOMIC), "[(nil)]");
}

#[test]
fn pushes_are_no_replies() {
    let peer = Peer::tcp(Hello::Resp3, |line| {
        hear(line, 3)?;
        line.send(b">2\r\n+a\r\n:1\r\n:1\r\n>1\r\n+b\r\n>1\r\n+c\r\n*2\r\n:1\r\n>1\r\n+d\r\n:2\r\n:3\r\n")?;
        line.until_left()
    });
    let heard = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&heard);
    let listener = move |push: &crate::support::raw::Node| noted.lock().expect("no panic").push(push.dump());
    let client = once(&peer).on_push(Box::new(listener)).client();
    assert_eq!(incrs(&client, 3).ask(mode::PLAIN), "[:1 [:1 :2] :3]");
    assert_eq!(*heard.lock().expect("no panic"), [">[+a :1]", ">[+b]", ">[+c]", ">[+d]"]);
    assert_eq!(client.stat(stat::CONNECTIONS_IDLE), 1);
}

#[test]
fn one_reply_too_many_is_nobodys() {
    let peer = Peer::tcp(Hello::Resp3, |line| {
        hear(line, 2)?;
        line.send(b":1\r\n:2\r\n$4\r\nEVIL\r\n")?;
        line.until_left()
    });
    let client = once(&peer).client();
    for connections in 1..4 {
        assert_eq!(incrs(&client, 2).ask(mode::PLAIN), "[:1 :2]");
        assert_eq!((peer.connections(), client.stat(stat::CONNECTIONS)), (connections, 0));
    }
}

/// A reply to a command of which no byte has left cannot be its own.
#[test]
fn an_answer_before_the_question_is_refused() {
    let peer = Peer::tcp(Hello::Resp3, |line| {
        let command = line.some(100);
        line.send(b"%1\r\n+proto\r\n:3\r\n")?;
        command?;
        line.some(1000)?;
        line.send(&b":1\r\n".repeat(100))?;
        line.stall()
    });
    let client = once(&peer).client();
    let mut pipeline = Pipeline::of(&client);
    let long = "x".repeat(1 << 20);
    for _ in 0..100 {
        pipeline.add(&["ECHO", &long]);
    }
    let err = pipeline.run(mode::PLAIN).expect_err("nobody can know these answers");
    assert_eq!(what(&err), (Status::PROTOCOL, Outcome::UNKNOWN));
    assert!(err.message.contains("answered before it was asked"), "{}", err.message);
}

#[test]
fn limits_are_for_each_reply() {
    let server = Server::start(&[]);
    let limited = Options::at(&server.url()).int(option::REPLY_BYTES_MAX, 3000).int(option::REPLY_NODES_MAX, 100);
    let client = limited.client();
    client.ask(&["SET", "small", &"x".repeat(2000)]);
    Client::at(&server.url()).ask(&["SET", "large", &"x".repeat(4000)]);
    let mut pipeline = Pipeline::of(&client);
    for _ in 0..1000 {
        pipeline.add(&["GET", "small"]);
    }
    assert_eq!(pipeline.run(mode::PLAIN).expect("each is small").elements().len(), 1000);
    for (keys, failed, outcome) in [(["large", "small"], 0, Outcome::UNKNOWN), (["small", "large"], 1, Outcome::RAN)] {
        keys.iter().for_each(|key| _ = pipeline.add(&["GET", key]));
        let err = pipeline.run(mode::PLAIN).expect_err("one is large");
        assert_eq!((what(&err), pipeline.failed()), ((Status::LIMIT, outcome), failed));
    }
}

#[test]
fn replies_are_shown_as_they_come() {
    let (shown, waited) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&shown);
    let at_last = Arc::clone(&waited);
    // The next answer is given only when the last was seen: a reply that is held back would wait for ever.
    let peer = Peer::tcp(Hello::Resp3, move |line| {
        hear(line, 20)?;
        for number in 0..20 {
            line.send(format!("{}{number}\r\n", if number == 7 { "-ERR " } else { ":" }).as_bytes())?;
            while seen.load(Ordering::SeqCst) <= number {
                line.wait(Duration::from_millis(1))?;
            }
            at_last.store(number + 1, Ordering::SeqCst);
        }
        line.until_left()
    });
    let client = once(&peer).int(option::COMMAND_TIMEOUT_MS, 20_000).client();
    let freed = Arc::default();
    let function = |_: &[&[u8]], reply: &crate::support::raw::Node, _: *mut c_void| match reply.integer {
        5 => Verdict::Fail("five"),
        6 => Verdict::Replace(Reply::string(b"six")),
        _ => Verdict::Keep,
    };
    client.callback("INCR", Some(Box::new(function)), &freed).expect("it is set");
    let mut pipeline = incrs(&client, 20);
    let again = Mutex::new(pipeline.again());
    let mut dumps = Vec::new();
    pipeline
        .run_each(
            0,
            0,
            Box::new(|index, reply| {
                assert_eq!(index, dumps.len());
                let mut again = again.lock().expect("no panic");
                for refused in [again.try_add(&["PING"]), again.watch(&["k"]), again.run(mode::PLAIN).map(drop)] {
                    assert_eq!(refused.expect_err("it is running").status, Status::STATE);
                }
                dumps.push(reply.dump());
                shown.fetch_add(1, Ordering::SeqCst);
                Ok(())
            }),
        )
        .expect("twenty replies");
    assert_eq!(dumps[..8], [":0", ":1", ":2", ":3", ":4", "-CALLBACK five", "\"six\"", "-ERR 7"]);
    assert_eq!((dumps.len(), pipeline.failed(), pipeline.len()), (20, 5, 0));
    assert_eq!(client.stat(stat::CONNECTIONS_IDLE), 1, "it went back");
}

/// A reply to a command of which the server has not seen the whole says nothing of it.
#[test]
fn half_a_command_did_not_run() {
    let long = "x".repeat(50 << 20);
    for each in [false, true] {
        let peer = Peer::tcp(Hello::Resp3, |line| {
            line.command()?;
            line.send(b"$1\r\nv\r\n$99999999999\r\n")?;
            line.stall()
        });
        let client = once(&peer).client();
        let mut pipeline = Pipeline::of(&client);
        pipeline.add(&["GET", "k"]).add(&["SET", "k", &long]);
        let err = match each {
            false => pipeline.run(mode::PLAIN).map(drop),
            true => pipeline.run_each(0, 0, Box::new(|_, _| Ok(()))),
        };
        let err = err.expect_err("that is too long");
        assert_eq!((what(&err), pipeline.failed()), ((Status::LIMIT, Outcome::UNKNOWN), 1), "each: {each}");
    }
}

/// Replies that are there already take time too, where a function is shown them.
#[test]
fn a_slow_function_does_not_stretch_the_time_of_the_run() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let mut pipeline = incrs(&client, 400);
    let mut shown = 0;
    let slow = |_, _: &crate::support::raw::Node| {
        shown += 1;
        thread::sleep(Duration::from_millis(20));
        Ok(())
    };
    let err = pipeline.run_each(call::TIMEOUT, 500, Box::new(slow)).expect_err("it takes 8 s");
    assert_eq!(what(&err), (Status::TIMEOUT, Outcome::UNKNOWN));
    assert!(err.message.contains("not done within 500 ms"), "{}", err.message);
    assert_eq!((pipeline.failed(), client.stat(stat::CONNECTIONS)), (shown, 0));
    assert!(shown < 400);
}

#[test]
fn a_function_that_has_seen_enough_ends_the_run() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let mut pipeline = incrs(&client, 1000);
    let enough = |index, _: &crate::support::raw::Node| {
        // The client works meanwhile, on another connection.
        assert_eq!(client.ask(&["ECHO", "x"]), "\"x\"");
        if index == 9 { Err("enough") } else { Ok(()) }
    };
    let err = pipeline.run_each(0, 0, Box::new(enough)).expect_err("it was ended");
    assert_eq!((what(&err), err.message.as_str()), ((Status::CALLBACK, Outcome::UNKNOWN), "enough"));
    assert_eq!(pipeline.len(), 0);
    assert_eq!(client.stat(stat::CONNECTIONS), 1, "the run's own connection is closed");
    assert_eq!(client.stat(stat::ERRORS_CALLBACK), 1);
    client.ask(&["PING"]);
}

/// What was shown is not shown again, whatever may run twice.
#[test]
fn replies_are_never_shown_twice() {
    let peer = Peer::tcp(Hello::Resp3, |line| {
        let number = line.number;
        if number == 0 {
            hear(line, 1)?;
            return Ok(());
        }
        hear(line, 2)?;
        line.send(b"$1\r\na\r\n")
    });
    let client = Client::at(&peer.url());
    let mut pipeline = Pipeline::of(&client);
    pipeline.add(&["GET", "a"]).add(&["GET", "b"]);
    let mut seen = Vec::new();
    let show = |index, reply: &crate::support::raw::Node| {
        seen.push((index, reply.dump()));
        Ok(())
    };
    let result = pipeline.run_each(0, 0, Box::new(show));
    assert_eq!(what(&result.expect_err("it breaks off")), (Status::IO, Outcome::UNKNOWN));
    assert_eq!(seen, [(0, "\"a\"".to_owned())]);
    assert_eq!((peer.connections(), pipeline.failed()), (2, 1), "before anything was shown it was tried again");
}

#[test]
fn a_child_of_fork_runs_what_its_parent_queued() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    client.ask(&["PING"]);
    let mut pipeline = incrs(&client, 3);
    fork(|| pipeline.ask(mode::PLAIN) == "[:1 :2 :3]").end();
    assert_eq!(pipeline.len(), 3, "the parent's is as it was");
    assert_eq!(pipeline.ask(mode::PLAIN), "[:4 :5 :6]");
}

/// Threads, each with a pipeline of its own on one small pool: every array is its own.
#[test]
fn threads_share_a_client() {
    let server = Server::start(&[]);
    let client = Options::at(&server.url()).int(option::POOL_MAX, 3).client();
    thread::scope(|scope| {
        for number in 0..8 {
            let client = &client;
            scope.spawn(move || {
                let mut pipeline = Pipeline::of(client);
                for round in 0..50 {
                    let mode = if round % 2 == 0 { mode::PLAIN } else { mode::ATOMIC };
                    let texts: Vec<String> = (0..20).map(|place| format!("{number}:{round}:{place}")).collect();
                    texts.iter().for_each(|text| _ = pipeline.add(&["ECHO", text]));
                    let reply = pipeline.run(mode).expect("twenty replies");
                    assert!(reply.elements().iter().zip(&texts).all(|(reply, text)| reply.text() == text.as_bytes()));
                }
            });
        }
    });
    assert_eq!(client.stat(stat::COMMANDS), 8 * 50 * 20);
    assert!(client.stat(stat::CONNECTIONS) <= 3);
}
