//! Trying again: what may be repeated is, what may have run is not, and what rested is looked at before it is used.

use std::io;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::c::{Client, Options, Outcome, Status, call, option, stat};
use crate::support::peer::{Hello, Line, Peer, honest};
use crate::support::pipeline::{Pipeline, mode};
use crate::support::script::Script;
use crate::support::server::{Server, free_port};

/// A peer that leaves without an answer to the first command of so many connections.
fn leaves(times: usize) -> Peer {
    Peer::tcp(Hello::Resp3, move |line| {
        let command = line.command()?;
        if line.number < times {
            return Ok(());
        }
        line.send(&honest(&command))?;
        line.serve()
    })
}

#[test]
fn what_only_reads_is_tried_again_and_what_may_have_run_is_not() {
    let peer = leaves(2);
    let client = Client::at(&peer.url());
    assert_eq!(client.ask(&["GET", "k"]), "\"v:k\"", "the third try is answered");
    assert_eq!((peer.connections(), client.stat(stat::RETRIES)), (3, 2));

    let peer = leaves(2);
    let client = Client::at(&peer.url());
    let err = client.command(&["INCR", "k"]).expect_err("it may have run");
    assert_eq!((err.status, err.outcome, err.attempts), (Status::IO, Outcome::UNKNOWN, 1), "{err:?}");
    assert_eq!((peer.connections(), client.stat(stat::RETRIES)), (1, 0));
}

#[test]
fn who_calls_it_idempotent_has_it_repeated_and_who_wants_one_try_has_one() {
    let peer = leaves(2);
    let client = Client::at(&peer.url());
    let reply = client.command_with(&["SET", "k", "v"], call::IDEMPOTENT | call::RAW, 0).expect("the third try");
    assert_eq!(reply.dump(), "+OK");
    assert_eq!(peer.connections(), 3);

    let peer = leaves(1);
    let err = Client::at(&peer.url()).command_with(&["GET", "k"], call::NO_RETRY, 0).expect_err("one try");
    assert_eq!((err.status, err.attempts), (Status::IO, 1), "{err:?}");
    assert_eq!(peer.connections(), 1);
}

#[test]
fn tries_end_and_say_how_many_there_were() {
    let peer = leaves(usize::MAX);
    let client = Options::at(&peer.url()).int(option::RETRY_MAX, 2).int(option::BACKOFF_MS, 1).client();
    let err = client.command(&["GET", "k"]).expect_err("nobody answers");
    assert_eq!((err.status, err.outcome, err.attempts), (Status::IO, Outcome::UNKNOWN, 3), "{err:?}");
    assert_eq!(peer.connections(), 3);

    let url = format!("redis://127.0.0.1:{}", free_port());
    let client = Options::at(&url).int(option::RETRY_MAX, 4).int(option::BACKOFF_MS, 1).client();
    let err = client.command(&["INCR", "k"]).expect_err("nobody listens");
    assert_eq!((err.status, err.outcome, err.attempts), (Status::CONNECT, Outcome::NOT_SENT, 5), "{err:?}");
}

#[test]
fn tries_end_at_the_deadline() {
    let url = format!("redis://127.0.0.1:{}", free_port());
    let client = Options::at(&url).int(option::RETRY_MAX, 1000).int(option::RETRY_BUDGET_PERCENT, 100).client();
    let start = Instant::now();
    let err = client.command_with(&["GET", "k"], call::TIMEOUT, 300).expect_err("nobody listens");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!(err.outcome, Outcome::NOT_SENT, "{err:?}");
    assert!(err.attempts > 1, "{err:?}");
}

#[test]
fn a_server_that_is_down_for_a_moment_costs_a_moment() {
    let mut server = Server::start(&[]);
    let options = Options::at(&server.url()).int(option::RETRY_MAX, 100).int(option::RETRY_BUDGET_PERCENT, 100);
    let client = options.int(option::BACKOFF_MS, 20).int(option::COMMAND_TIMEOUT_MS, 20_000).client();
    assert_eq!(client.ask(&["PING"]), "+PONG");
    server.kill();
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| client.ask(&["INCR", "k"]));
        std::thread::sleep(Duration::from_millis(150));
        server.restart();
        assert_eq!(waits.join().expect("no panic"), ":1", "once, and only once");
    });
}

#[test]
fn a_refusal_that_passes_is_waited_out_and_any_other_is_not() {
    for (refusal, passes) in [
        ("-LOADING Redis is loading the dataset in memory\r\n", true),
        ("-TRYAGAIN Multiple keys request during rehashing of slot\r\n", true),
        ("-CLUSTERDOWN The cluster is down\r\n", true),
        ("-WRONGTYPE Operation against a key\r\n", false),
        ("-ERR LOADING is not the first word\r\n", false),
        ("-LOADINGS is another word\r\n", false),
    ] {
        let peer = Peer::tcp(Hello::Resp3, move |line| {
            for _ in 0..2 {
                line.command()?;
                line.send(refusal.as_bytes())?;
            }
            line.serve()
        });
        let client = Client::at(&peer.url());
        match client.command_with(&["SET", "k", "v"], call::RAW, 0) {
            Ok(reply) => assert!(passes && reply.dump() == "+OK", "{refusal}"),
            Err(err) => {
                assert!(!passes, "{refusal}: {err:?}");
                assert_eq!((err.status, err.outcome, err.attempts), (Status::SERVER, Outcome::REFUSED, 1), "{refusal}");
            }
        }
        assert_eq!(peer.connections(), 1, "{refusal}");
    }
}

/// Words of servers that were not at hand: of another age, of another make.
#[test]
fn a_server_that_takes_no_writes_is_left_for_the_one_that_is_there_then() {
    let raised = "ERR Error running script (call to f_bad08606eaa4af3ce8f1b0f914bcae0af3c8e91b): @user_script:1: \
                  @user_script: 1: -READONLY You can't write against a read only replica. ";
    let (set, eval, pop): (&[&str], &[&str], &[&str]) = (&["SET", "k", "v"], &["EVAL", "x", "0"], &["BLPOP", "k", "0"]);
    for (args, refusal, again) in [
        (set, "READONLY You can't write against a read only slave.", true),
        (set, "READONLY this instance is in read-only mode", true),
        (set, "READONLY", true),
        (set, "READONLYISH is another word", false),
        (set, "ERR READONLY is not the first word", false),
        (set, raised, false),
        (eval, "READONLY You can't write against a read only slave.", true),
        (eval, "READONLY Can not run script with write flag on readonly replica", true),
        (eval, raised, true),
        (eval, "READONLY this instance is in read-only mode", false),
        (eval, "ERR -READONLY You can't write against a read only replica.", false),
        (pop, "UNBLOCKED force unblock from blocking operation, instance state changed (master -> slave?)", true),
        (pop, "UNBLOCKED client unblocked via CLIENT UNBLOCK", false),
    ] {
        let peer = peer_that_says(refusal);
        let client = Client::at(&peer.url());
        match client.command_with(args, call::RAW, 0) {
            Ok(reply) => assert!(again && reply.dump() == "+OK", "{refusal}"),
            Err(err) => assert!(!again && err.status == Status::SERVER && err.attempts == 1, "{refusal}: {err:?}"),
        }
        assert_eq!(client.ask(&["GET", "k"]), "\"v:k\"");
        assert_eq!(peer.connections(), 1 + usize::from(again), "{refusal}");
        // In a pipeline nothing is tried again, and the connection goes as well.
        let peer = peer_that_says(refusal);
        let client = Client::at(&peer.url());
        let said = Pipeline::of(&client).add(args).ask(mode::PLAIN);
        assert!(said.starts_with("[-"), "{said}");
        assert_eq!(client.stat(stat::CONNECTIONS_CLOSED), i64::from(again), "{refusal}");
    }
}

/// A peer that answers its first command so.
fn peer_that_says(refusal: &'static str) -> Peer {
    Peer::tcp(Hello::Resp3, move |line| {
        if line.number == 0 {
            line.command()?;
            line.send(format!("-{refusal}\r\n").as_bytes())?;
        }
        line.serve()
    })
}

/// A script that the server forgot in between is sent whole behind the batch: what that says counts too.
#[test]
fn what_is_sent_behind_a_batch_says_that_the_server_takes_no_writes() {
    let peer = Peer::tcp(Hello::Resp3, |line| {
        loop {
            let command = line.command()?;
            let word = command.iter().map(|word| word.to_ascii_uppercase()).collect::<Vec<_>>();
            let answer: &[u8] = match (&word[0][..], word.get(1).map_or(&b""[..], |word| word)) {
                (b"SCRIPT", b"LOAD") => b"$40\r\n0000000000000000000000000000000000000000\r\n",
                (b"SCRIPT", _) => b"*1\r\n:0\r\n",
                (b"EVALSHA", _) => b"-NOSCRIPT No matching script. Please use EVAL.\r\n",
                (b"EVAL", _) => b"-READONLY You can't write against a read only replica.\r\n",
                _ => b"+OK\r\n",
            };
            line.send(answer)?;
        }
    });
    let client = Client::at(&peer.url());
    let mut pipeline = Pipeline::of(&client);
    Script::new("return redis.call('INCR', KEYS[1])").add(&mut pipeline, 1, &["n"]);
    let said = pipeline.ask(mode::PLAIN);
    assert!(said.starts_with("[-READONLY "), "{said}");
    assert_eq!((client.stat(stat::CONNECTIONS_CLOSED), client.stat(stat::CONNECTIONS_IDLE)), (1, 0));
}

#[test]
fn a_server_that_loads_without_end_meets_the_deadline_or_the_last_try() {
    let peer = Peer::tcp(Hello::Resp3, |line| {
        loop {
            line.command()?;
            line.send(b"-LOADING for ever\r\n")?;
        }
    });
    let options = || Options::at(&peer.url()).int(option::RETRY_BUDGET_PERCENT, 100);
    let err = options().client().command(&["GET", "k"]).expect_err("it loads");
    assert_eq!((err.status, err.outcome, err.attempts), (Status::SERVER, Outcome::REFUSED, 4), "{err:?}");
    assert!(err.message.starts_with("LOADING "), "{err:?}");
    let start = Instant::now();
    let endless = options().int(option::RETRY_MAX, 1000).client();
    let err = endless.command_with(&["GET", "k"], call::TIMEOUT, 200).expect_err("it loads");
    assert!([Status::SERVER, Status::TIMEOUT].contains(&err.status), "{err:?}");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

/// What ends a connection: before its client was greeted, when it had sent something, or when that was refused.
#[derive(Clone, Copy, Debug)]
enum End {
    Ungreeted,
    Unanswered,
    Refused,
}

impl End {
    fn play(self, line: &mut Line) -> io::Result<()> {
        match self {
            End::Ungreeted => Ok(()),
            End::Unanswered => line.command().map(drop),
            End::Refused => loop {
                // Nothing runs inside a transaction that has a refusal in it.
                let answer: &[u8] = match line.command()?[0].as_slice() {
                    b"MULTI" => b"+OK\r\n",
                    b"EXEC" => b"-EXECABORT Transaction discarded because of previous errors.\r\n",
                    _ => b"-WRONGTYPE Operation against a key\r\n",
                };
                line.send(answer)?;
            },
        }
    }
}

/// The last try's failure is what is told; what became of the command is told of all of them.
#[test]
fn a_try_that_may_have_run_makes_the_whole_call_unknown() {
    type Way<'w> = &'w dyn Fn(&Client) -> crate::support::c::Result<()>;
    let flags = call::IDEMPOTENT;
    let pipeline = |client: &Client| {
        let mut pipeline = Pipeline::of(client);
        pipeline.add(&["SET", "k", "v"]);
        pipeline
    };
    let command: Way<'_> = &|client| client.command_with(&["SET", "k", "v"], flags, 0).map(drop);
    let script: Way<'_> =
        &|client| Script::new("return 1").run_for(client, 0, &[""; 0], flags, 0, ptr::null_mut()).map(drop);
    let plain: Way<'_> = &|client| pipeline(client).run_with(mode::PLAIN, flags, 0).map(drop);
    let atomic: Way<'_> = &|client| pipeline(client).run_with(mode::ATOMIC, flags, 0).map(drop);
    let each: Way<'_> = &|client| pipeline(client).run_each(flags, 0, Box::new(|_, _| Ok(())));
    let watch: Way<'_> = &|client| Pipeline::of(client).watch(&["k"]);
    // A pipeline that is answered with an error has an element that is one, and a script may run before it fails.
    let ways: [(&str, Way<'_>, bool); 6] = [
        ("command", command, true),
        ("script", script, false),
        ("plain", plain, false),
        ("atomic", atomic, true),
        ("each", each, false),
        ("watch", watch, true),
    ];
    for (name, way, is_refused) in ways {
        for (ends, status, outcome) in [
            ([End::Unanswered, End::Ungreeted], Status::CONNECT, Outcome::UNKNOWN),
            ([End::Ungreeted, End::Ungreeted], Status::CONNECT, Outcome::NOT_SENT),
            ([End::Ungreeted, End::Unanswered], Status::IO, Outcome::UNKNOWN),
            ([End::Unanswered, End::Refused], Status::SERVER, Outcome::UNKNOWN),
            ([End::Ungreeted, End::Refused], Status::SERVER, Outcome::REFUSED),
        ] {
            if matches!(ends[1], End::Refused) && !is_refused {
                continue;
            }
            let status = if name == "atomic" && status == Status::SERVER { Status::ABORTED } else { status };
            let peer = Peer::tcp(Hello::Resp3, move |line| ends[line.number].play(line));
            let client = Options::at(&peer.url()).int(option::RETRY_MAX, 1).int(option::BACKOFF_MS, 0).client();
            let err = way(&client).expect_err("neither try succeeds");
            assert_eq!((err.status, err.outcome, err.attempts), (status, outcome, 2), "{name} {ends:?}: {err:?}");
            assert_eq!(peer.connections(), 2, "{name} {ends:?}");
        }
    }
}

#[test]
fn a_broken_peer_is_not_asked_twice() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let peer = Peer::tcp(Hello::Resp3, move |line| {
        line.command()?;
        count.fetch_add(1, Ordering::SeqCst);
        line.send(b"?\r\n")?;
        line.until_left()
    });
    let err = Client::at(&peer.url()).command(&["GET", "k"]).expect_err("that is no RESP");
    assert_eq!((err.status, err.attempts), (Status::PROTOCOL, 1), "{err:?}");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[test]
fn a_connection_that_rested_is_tried_before_it_is_used() {
    let pinged = |interval_ms: i64| {
        let peer = Peer::tcp(Hello::Resp3, Line::serve);
        let client = Options::at(&peer.url()).int(option::HEALTH_CHECK_MS, interval_ms).client();
        for key in ["a", "b", "c"] {
            assert_eq!(client.ask(&["GET", key]), format!("\"v:{key}\""));
        }
        assert_eq!(peer.connections(), 1);
        peer.commands(0).iter().filter(|command| command[0] == b"PING").count()
    };
    assert_eq!(pinged(0), 2, "every time but the first");
    assert_eq!((pinged(60_000), pinged(-1)), (0, 0));
}

#[test]
fn a_connection_that_went_dead_while_it_rested_sends_no_command() {
    fn dead_after_one(line: &mut Line) -> io::Result<()> {
        let command = line.command()?;
        line.send(&honest(&command))?;
        if line.number == 0 { line.stall() } else { line.serve() }
    }
    let peer = Peer::tcp(Hello::Resp3, dead_after_one);
    let client = Options::at(&peer.url()).int(option::HEALTH_CHECK_MS, 0).int(option::RETRY_MAX, 0).client();
    assert_eq!(client.ask(&["GET", "first"]), "\"v:first\"");
    match client.command_with(&["INCR", "k"], call::TIMEOUT, 300) {
        Ok(reply) => assert_eq!(reply.dump(), "+OK", "by the second connection"),
        Err(err) => assert_eq!(err.outcome, Outcome::NOT_SENT, "{err:?}"),
    }
    assert_eq!(client.ask(&["GET", "next"]), "\"v:next\"");
    assert!(peer.commands(0).iter().all(|command| command[0] != b"INCR"));
}

#[test]
fn events_tell_what_happened_to_connections_and_commands() {
    let peer = leaves(1);
    let events = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&events);
    let options = Options::at(&peer.url()).int(option::BACKOFF_MS, 1).on_event(Box::new(move |event| {
        heard.lock().expect("no panic").push(event.dump());
    }));
    assert_eq!(options.client().ask(&["GET", "k"]), "\"v:k\"");
    let events = events.lock().expect("no panic").clone();
    let place = peer.url().replace("redis://", "");
    let begins = ["connected", "lost", "retry", "connected"];
    assert_eq!(events.len(), begins.len(), "{events:?}");
    for (event, begin) in events.iter().zip(begins) {
        assert!(
            event.starts_with(&format!(">[\"{begin}\" ")) || event.starts_with(&format!("[\"{begin}\" ")),
            "{event}"
        );
    }
    assert!(events[0].contains(&place) && events[1].contains("IO"), "{events:?}");
    assert!(events[2].contains("\"GET\" :1 "), "{events:?}");
}
