//! The caller's own response callbacks, in the options and on a client.

use std::ffi::c_void;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use crate::support::c::{Callback, Client, Conn, Options, Outcome, Reply, Status, Verdict, call, option, stat};
use crate::support::pipeline::{Pipeline, mode};
use crate::support::server::Server;

/// A callback that gives this text in place of every reply.
fn says(text: &'static str) -> Callback {
    Box::new(move |_, _, _| Verdict::Replace(Reply::string(text.as_bytes())))
}

/// A callback that gives the reply in capitals.
fn capitals() -> Callback {
    Box::new(|_, reply, _| Verdict::Replace(Reply::string(&reply.text().to_ascii_uppercase())))
}

fn count(counter: &Arc<AtomicUsize>) -> usize {
    counter.load(Ordering::SeqCst)
}

#[test]
fn a_clients_callback_makes_the_reply_and_null_restores_it() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let freed = Arc::default();
    client.callback("get", Some(capitals()), &freed).expect("any case of letters");
    client.command(&["SET", "foo", "bar"]).expect("it is set");
    for name in ["GET", "get", "gEt"] {
        assert_eq!(client.command(&[name, "foo"]).expect("it is there").dump(), "\"BAR\"");
    }
    assert_eq!(client.command_with(&["GET", "foo"], call::RAW, 0).expect("it is there").dump(), "\"bar\"");
    client.callback("GET", Some(says("second")), &freed).expect("it can be replaced");
    assert_eq!(count(&freed), 1, "what was replaced is freed");
    assert_eq!(client.command(&["GET", "foo"]).expect("it is there").dump(), "\"second\"");
    client.callback("Get", None, &freed).expect("it can be taken away");
    assert_eq!(count(&freed), 2);
    assert_eq!(client.command(&["GET", "foo"]).expect("it is there").dump(), "\"bar\"");
    drop(client);
    assert_eq!(count(&freed), 2, "each once");
}

#[test]
fn callbacks_of_options_are_for_every_client_made_from_them() {
    let server = Server::start(&[]);
    let freed = Arc::default();
    let options = Options::at(&server.url()).callback("ECHO", says("from the options"), &freed);
    let (one, two) = (options.client(), options.client());
    drop(options);
    let echo = |client: &Client| client.command(&["ECHO", "x"]).expect("an echo").dump();
    assert_eq!((echo(&one), echo(&two)), ("\"from the options\"".to_owned(), "\"from the options\"".to_owned()));

    let own = Arc::default();
    one.callback("ECHO", Some(says("its own")), &own).expect("it can be set");
    assert_eq!((echo(&one), echo(&two)), ("\"its own\"".to_owned(), "\"from the options\"".to_owned()));
    one.callback("ECHO", None, &own).expect("it can be taken away");
    assert_eq!(echo(&one), "\"from the options\"", "NULL restores what the options say");
    drop(one);
    assert_eq!((count(&freed), count(&own)), (0, 1), "the other client still needs it");
    drop(two);
    assert_eq!(count(&freed), 1);
}

#[test]
fn a_callback_is_its_clients_alone_even_on_a_shared_pool() {
    let server = Server::start(&[]);
    let pool = Options::at(&server.url()).int(option::POOL_MAX, 1).pool();
    let (with, without) = (pool.client(None).expect("a client"), pool.client(None).expect("a client"));
    with.callback("ECHO", Some(says("mine")), &Arc::default()).expect("it can be set");
    assert_eq!(with.command(&["ECHO", "x"]).expect("an echo").dump(), "\"mine\"");
    assert_eq!(without.command(&["ECHO", "x"]).expect("an echo").dump(), "\"x\"");
    // The pool's one connection serves them both, in batches too.
    for mode in [mode::PLAIN, mode::ATOMIC] {
        for (client, said) in [(&with, "[\"mine\"]"), (&without, "[\"x\"]"), (&with, "[\"mine\"]")] {
            let mut pipeline = Pipeline::of(client);
            pipeline.add(&["ECHO", "x"]);
            assert_eq!(pipeline.run(mode).expect("a reply").dump(), said);
        }
    }
    assert_eq!(with.stat(stat::CONNECTIONS_CREATED), 1);
}

#[test]
fn a_callback_may_take_its_own_place() {
    let server = Server::start(&[]);
    static CLIENT: OnceLock<Client> = OnceLock::new();
    static FREED: OnceLock<Arc<AtomicUsize>> = OnceLock::new();
    let client = CLIENT.get_or_init(|| Client::at(&server.url()));
    let freed = FREED.get_or_init(Arc::default);
    // If a lock were held while it runs, it would wait for itself here; and it is not freed under its own feet.
    let resigns: Callback = Box::new(|_, _, _| {
        let client = CLIENT.get().expect("it is set");
        let freed = FREED.get().expect("it is set");
        client.callback("ECHO", Some(says("the next")), freed).expect("it can be set");
        assert_eq!(count(freed), 0, "it is still running");
        Verdict::Replace(Reply::string(b"the first"))
    });
    client.callback("ECHO", Some(resigns), freed).expect("it can be set");
    assert_eq!(client.command(&["ECHO", "x"]).expect("an echo").dump(), "\"the first\"");
    assert_eq!(count(freed), 1, "once it has returned");
    assert_eq!(client.command(&["ECHO", "x"]).expect("an echo").dump(), "\"the next\"");
    client.callback("ECHO", None, freed).expect("it can be taken away");
    assert_eq!(count(freed), 2);
}

#[test]
fn a_name_of_two_words_is_that_command_only() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    client.callback("config get", Some(says("get")), &Arc::default()).expect("two words");
    client.callback("CONFIG SET", Some(says("set")), &Arc::default()).expect("two words");
    let ask = |args: &[&str]| client.command(args).expect("the server answers").dump();
    assert_eq!(ask(&["CONFIG", "GET", "maxmemory"]), "\"get\"");
    assert_eq!(ask(&["Config", "gEt", "maxmemory"]), "\"get\"");
    assert_eq!(ask(&["config", "set", "maxmemory", "0"]), "\"set\"");
    assert_eq!(ask(&["CONFIG", "RESETSTAT"]), "#1");
}

#[test]
fn a_callback_sees_the_command_the_reply_and_call_data() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let seen: Callback = Box::new(|args, reply, call_data| {
        assert_eq!(args, [b"ECHO".as_slice(), b"a\0b"]);
        assert_eq!(reply.text(), b"a\0b");
        if !call_data.is_null() {
            // SAFETY: the test passes a usize of its own and waits for the call.
            unsafe { *call_data.cast::<usize>() = reply.len };
        }
        Verdict::Keep
    });
    client.callback("ECHO", Some(seen), &Arc::default()).expect("it can be set");
    let mut len: usize = 0;
    let call_data: *mut c_void = (&raw mut len).cast();
    let reply = client.command_for(&["ECHO", "a\0b"], call::DEFAULT, 0, call_data).expect("an echo");
    assert_eq!((reply.dump().as_str(), len), ("\"a\\x00b\"", 3));
    client.command(&["ECHO", "a\0b"]).expect("without call_data, which is NULL then");
}

#[test]
fn a_callback_that_refuses_fails_its_call_alone() {
    let server = Server::start(&[]);
    let client = Options::at(&server.url()).int(option::POOL_MAX, 1).client();
    let id = client.number(&["CLIENT", "ID"]);
    client
        .callback("SET", Some(Box::new(|_, _, _| Verdict::Fail("not today"))), &Arc::default())
        .expect("it can be set");
    let err = client.command(&["SET", "foo", "bar"]).expect_err("the callback refuses");
    assert_eq!((err.status, err.outcome, err.attempts), (Status::CALLBACK, Outcome::RAN, 1));
    assert!(err.message.contains("not today"), "{err:?}");
    let mut conn = client.conn().expect("a connection");
    let err = conn.command_with(&["SET", "foo", "bar"], call::DEFAULT, 0).expect_err("on any connection");
    assert_eq!((err.status, err.outcome, err.attempts), (Status::CALLBACK, Outcome::RAN, 1));
    drop(conn);
    assert_eq!(client.ask(&["GET", "foo"]), "\"bar\"", "it ran");
    assert_eq!(client.number(&["CLIENT", "ID"]), id, "on the same connection");
}

#[test]
fn an_error_of_the_servers_is_no_reply_for_a_callback() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let called = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&called);
    let counts: Callback = Box::new(move |_, _, _| {
        counter.fetch_add(1, Ordering::SeqCst);
        Verdict::Keep
    });
    client.callback("INCR", Some(counts), &Arc::default()).expect("it can be set");
    client.command(&["SET", "text", "x"]).expect("it is set");
    assert_eq!(client.command(&["INCR", "text"]).expect_err("no integer").status, Status::SERVER);
    client.command_with(&["INCR", "text"], call::ERROR_REPLY, 0).expect("an error that is a reply");
    assert_eq!(count(&called), 0);
    client.command(&["INCR", "number"]).expect("it is incremented");
    assert_eq!(count(&called), 1);
}

#[test]
fn the_connection_is_back_before_the_callback_runs() {
    let server = Server::start(&[]);
    // One connection: a callback that sends a command would wait for ever if its own call still held it.
    let client = Options::at(&server.url()).int(option::POOL_MAX, 1).int(option::COMMAND_TIMEOUT_MS, 5000).client();
    static CLIENT: OnceLock<Client> = OnceLock::new();
    let client = CLIENT.get_or_init(|| client);
    let asks: Callback = Box::new(|_, _, _| {
        let client = CLIENT.get().expect("it is set");
        assert_eq!(client.stat(stat::CONNECTIONS_IN_USE), 0);
        Verdict::Replace(client.command(&["ECHO", "from within"]).expect("an echo"))
    });
    client.callback("GET", Some(asks), &Arc::default()).expect("it can be set");
    assert_eq!(client.command(&["GET", "foo"]).expect("it is replaced").dump(), "\"from within\"");
    assert_eq!(client.stat(stat::CONNECTIONS_CREATED), 1);
    client.callback("GET", None, &Arc::default()).expect("it can be taken away");
}

#[test]
fn callbacks_may_be_set_while_commands_run() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let freed = Arc::default();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..300 {
                    let reply = client.command(&["ECHO", "x"]).expect("an echo").dump();
                    assert!(["\"x\"", "\"one\"", "\"two\""].contains(&reply.as_str()), "{reply}");
                }
            });
        }
        for _ in 0..100 {
            client.callback("ECHO", Some(says("one")), &freed).expect("it can be set");
            client.callback("ECHO", Some(says("two")), &freed).expect("it can be set");
            client.callback("ECHO", None, &freed).expect("it can be taken away");
        }
    });
    drop(client);
    assert_eq!(count(&freed), 200, "each is freed once");
}

#[test]
fn a_name_that_cannot_be_one_is_refused_and_its_data_still_freed_or_untouched() {
    let client = Client::default();
    let freed = Arc::default();
    let err = client.callback("", Some(says("x")), &freed).expect_err("an empty name");
    assert_eq!((err.status, err.outcome), (Status::ARGUMENT, Outcome::NONE), "{err:?}");
    assert!(count(&freed) <= 1);
}

/// A callback that gives the kind of what it was shown, and its text.
fn tells_the_kind() -> Callback {
    Box::new(|_, reply, _| Verdict::Replace(Reply::string(format!("{} {}", reply.kind, reply.len).as_bytes())))
}

#[test]
fn a_callback_of_ones_own_stands_in_the_place_of_the_built_in_one() {
    let server = Server::start(&[]);
    for protocol in [2, 3] {
        let client = Options::at(&server.url()).int(option::PROTOCOL, protocol).client();
        let ask = |args: &[&str]| client.command(args).expect("the server answers").dump();
        ask(&["DEL", "z", "s"]);
        ask(&["ZADD", "z", "1", "a", "2", "b"]);
        ask(&["SADD", "s", "x"]);
        let (zrange, smembers) = (["ZRANGE", "z", "0", "-1", "WITHSCORES"], ["SMEMBERS", "s"]);
        let built_in = (ask(&zrange), ask(&smembers));
        assert_eq!(built_in, ("[[\"a\" ,1] [\"b\" ,2]]".to_owned(), "~[\"x\"]".to_owned()));
        for name in ["zrange", "SMEMBERS"] {
            client.callback(name, Some(tells_the_kind()), &Arc::default()).expect("it can be set");
        }
        // It is shown what came: RESP2 has no sets, and scores stand beside their members.
        let shown = [("\"20 4\"", "\"20 1\""), ("\"20 2\"", "\"21 1\"")][usize::from(protocol == 3)];
        assert_eq!((ask(&zrange).as_str(), ask(&smembers).as_str()), shown);
        let raw = client.command_with(&zrange, call::RAW, 0).expect("a reply").dump();
        assert_eq!(raw.matches('[').count(), if protocol == 3 { 3 } else { 1 }, "{raw}");
        for name in ["ZRANGE", "smembers"] {
            client.callback(name, None, &Arc::default()).expect("it can be taken away");
        }
        assert_eq!((ask(&zrange), ask(&smembers)), built_in, "NULL restores the built-in one");
    }
}

#[test]
fn a_client_may_ask_for_the_wire_and_still_have_callbacks() {
    let server = Server::start(&[]);
    let raw = Options::at(&server.url()).int(option::SHAPE, 1).int(option::PROTOCOL, 2).client();
    let ask = |args: &[&str]| raw.command(args).expect("the server answers").dump();
    assert_eq!(ask(&["SET", "k", "v"]), "+OK");
    ask(&["HSET", "h", "f", "v"]);
    assert_eq!(ask(&["HGETALL", "h"]), "[\"f\" \"v\"]");
    raw.callback("HGETALL", Some(says("mine")), &Arc::default()).expect("it can be set");
    assert_eq!(ask(&["HGETALL", "h"]), "\"mine\"");
    raw.callback("HGETALL", None, &Arc::default()).expect("it can be taken away");
    assert_eq!(ask(&["HGETALL", "h"]), "[\"f\" \"v\"]");
}

#[test]
fn a_connection_of_ones_own_has_shapes_for_commands_and_the_wire_for_what_it_receives() {
    let server = Server::start(&[]);
    let client = Options::at(&server.url()).int(option::PROTOCOL, 2).client();
    let mut conn = client.conn().expect("a connection");
    let command = |conn: &mut Conn, args: &[&str]| conn.command_with(args, call::DEFAULT, 0).expect("a reply").dump();
    assert_eq!(command(&mut conn, &["SELECT", "3"]), "#1", "a command that changes the connection, too");
    command(&mut conn, &["HSET", "h", "f", "v"]);
    assert_eq!(command(&mut conn, &["HGETALL", "h"]), "%[\"f\" \"v\"]");
    conn.send(&["HGETALL", "h"]).expect("it is sent");
    assert_eq!(conn.receive(2000).expect("its reply").dump(), "[\"f\" \"v\"]");
    assert_eq!(conn.command_with(&["HGETALL", "h"], call::RAW, 0).expect("a reply").dump(), "[\"f\" \"v\"]");
    client.callback("hgetall", Some(says("mine")), &Arc::default()).expect("it can be set");
    assert_eq!(command(&mut conn, &["HGETALL", "h"]), "\"mine\"", "its client's callbacks are its own");
    // In a transaction a command is queued: that is neither shaped nor shown to anybody.
    assert_eq!(command(&mut conn, &["MULTI"]), "#1");
    assert_eq!(command(&mut conn, &["SET", "k", "v"]), "+QUEUED");
    assert_eq!(command(&mut conn, &["HGETALL", "h"]), "+QUEUED");
    assert_eq!(command(&mut conn, &["DISCARD"]), "#1");
}

/// In a transaction of a connection's own, callbacks see the elements of EXEC's answer, each its own command's.
#[test]
fn a_transaction_of_ones_own_goes_through_the_callbacks_of_its_commands() {
    let server = Server::start(&[]);
    for protocol in [2, 3] {
        let client = Options::at(&server.url()).int(option::PROTOCOL, protocol).client();
        let mut conn = client.conn().expect("a connection");
        let command =
            |conn: &mut Conn, args: &[&str]| conn.command_with(args, call::DEFAULT, 0).expect("a reply").dump();
        client.callback("HGETALL", Some(says("mine")), &Arc::default()).expect("it can be set");
        command(&mut conn, &["DEL", "h"]);
        command(&mut conn, &["HSET", "h", "f", "v"]);
        command(&mut conn, &["SET", "text", "x"]);
        for exec in ["sent", "raw", "asked"] {
            command(&mut conn, &["MULTI"]);
            command(&mut conn, &["SET", "k", "v"]);
            command(&mut conn, &["HGETALL", "h"]);
            conn.send(&["HGETALL", "h"]).expect("it is sent");
            assert_eq!(conn.receive(2000).expect("its reply").dump(), "+QUEUED");
            command(&mut conn, &["HGETALL", "text"]);
            let wire = if protocol == 2 { "[\"f\" \"v\"]" } else { "%[\"f\" \"v\"]" };
            let error = "-WRONGTYPE Operation against a key holding the wrong kind of value";
            let as_it_came = format!("[+OK {wire} {wire} {error}]");
            match exec {
                "sent" => {
                    conn.send(&["EXEC"]).expect("it is sent");
                    assert_eq!(conn.receive(2000).expect("its reply").dump(), as_it_came);
                }
                "raw" => {
                    assert_eq!(conn.command_with(&["EXEC"], call::RAW, 0).expect("a reply").dump(), as_it_came);
                }
                _ => assert_eq!(command(&mut conn, &["EXEC"]), format!("[#1 \"mine\" {wire} {error}]")),
            }
        }
        // What was given up is forgotten with its callbacks.
        command(&mut conn, &["MULTI"]);
        command(&mut conn, &["HGETALL", "h"]);
        command(&mut conn, &["DISCARD"]);
        command(&mut conn, &["MULTI"]);
        command(&mut conn, &["GET", "k"]);
        assert_eq!(command(&mut conn, &["EXEC"]), "[\"v\"]");
    }
}

#[test]
fn unknown_commands_and_errors_have_no_built_in_and_may_have_a_callback() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    for name in ["NO.SUCH", "no such", "MOD.X"] {
        client.callback(name, Some(says("never")), &Arc::default()).expect("any name of one or two words");
    }
    let err = client.command(&["NO.SUCH", "x"]).expect_err("the server does not know it");
    assert_eq!(err.status, Status::SERVER, "{err:?}");
    client.command(&["SET", "text", "x"]).expect("it is set");
    // An error is an error, in whatever shape its command's replies come.
    for args in [&["HGETALL", "text"][..], &["ZRANGE", "text", "0", "-1", "WITHSCORES"], &["SMEMBERS", "text"]] {
        let reply = client.command_with(args, call::ERROR_REPLY, 0).expect("an error that is a reply").dump();
        assert!(reply.starts_with("-WRONGTYPE"), "{reply}");
    }
    // What no table knows has a callback all the same: this answers to any name.
    let options = Options::at(&server.url());
    let client = options.client();
    client
        .command(&[
            "FUNCTION",
            "LOAD",
            "REPLACE",
            "#!lua name=lib\nredis.register_function('f', function() return 'x' end)",
        ])
        .expect("a function");
    client.callback("FCALL", Some(says("mine")), &Arc::default()).expect("it can be set");
    assert_eq!(client.command(&["FCALL", "f", "0"]).expect("its reply").dump(), "\"mine\"");
}
