//! A primary becomes a replica behind the address that its clients know, and another server is the primary there: what may be
//! written again is, on a new connection, and nobody stays with the old one. Real servers, real READONLY.

use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::c::{CErr, Options, Outcome, Status, call, option, stat};
use crate::support::over::{Over, Woken};
use crate::support::own::{Came, Own};
use crate::support::peer::{Hello, Peer};
use crate::support::pipeline::{Pipeline, mode};
use crate::support::proxy::{Cut, Proxy};
use crate::support::script::Script;
use crate::support::server::{Server, eventually};

/// A primary and its replica, and the address behind which the primary is.
struct Pair {
    one: Server,
    two: Server,
    address: Proxy,
}

impl Pair {
    fn new() -> Pair {
        // A replica is served when it asks, and not a while later with others.
        let [one, two] = [(); 2].map(|()| Server::start(&["repl-diskless-sync-delay 0"]));
        assert_eq!(two.ask(&["REPLICAOF", "127.0.0.1", &one.port().to_string()]), "OK");
        eventually("the replica follows", || two.ask(&["INFO", "replication"]).contains("master_link_status:up"));
        let address = Proxy::before(&one, |_| Cut::NEVER);
        Pair { one, two, address }
    }

    /// The replica becomes the primary, and the primary its replica; the address leads to the new one from now on.
    fn fail_over(&self) {
        // Before anybody can be told of the rest.
        self.address.lead_to(&self.two);
        self.demote();
    }

    /// The same, but that the address leads where it led.
    fn demote(&self) {
        let has_had = |server: &Server| {
            let replication = server.ask(&["INFO", "replication"]);
            replication.lines().find(|line| line.starts_with("master_repl_offset:")).map(str::to_owned)
        };
        eventually("the replica has all that was written", || has_had(&self.one) == has_had(&self.two));
        assert_eq!(self.two.ask(&["REPLICAOF", "NO", "ONE"]), "OK");
        assert_eq!(self.one.ask(&["REPLICAOF", "127.0.0.1", &self.two.port().to_string()]), "OK");
    }

    fn options(&self) -> Options {
        Options::at(&self.address.url()).int(option::BACKOFF_MS, 1)
    }

    /// How many connections of clients the old primary still has: the address leads there by its Unix socket.
    fn left(&self) -> usize {
        let clients = self.one.clients();
        let flags =
            clients.iter().filter_map(|client| client.split(' ').find_map(|field| field.strip_prefix("flags=")));
        flags.filter(|flags| flags.contains('U')).count()
    }

    /// Nobody stays with the old primary.
    fn is_left(&self) {
        eventually("nobody is with the old primary", || self.left() == 0);
    }
}

fn is_read_only(err: &CErr, outcome: Outcome) {
    assert_eq!((err.status, err.outcome), (Status::SERVER, outcome), "{err:?}");
    assert!(err.message.starts_with("READONLY You can't write against a read only replica."), "{err:?}");
}

#[test]
fn a_command_is_tried_again_where_the_address_leads_and_everything_of_before_is_closed() {
    let pair = Pair::new();
    let pool = pair.options().int(option::POOL_MAX, 8).pool();
    pool.warm(5).expect("the primary is there");
    let client = pool.client(None).expect("a client");
    assert_eq!(client.number(&["INCR", "count"]), 1);
    eventually("it is replicated", || pair.two.ask(&["GET", "count"]) == "1");
    let mut conn = client.conn().expect("one of them");
    eventually("five are open", || pair.left() == 5);
    pair.fail_over();
    // The same call, on a new connection; and one try was lost.
    assert_eq!(client.number(&["INCR", "count"]), 2, "once, and by the new primary");
    assert_eq!((client.stat(stat::RETRIES), pair.two.ask(&["GET", "count"])), (1, "2".to_owned()));
    // What rested is closed, and what is in use when it comes back.
    eventually("one is left, which is in use", || pair.left() == 1);
    assert_eq!(conn.ask(&["PING"]), "+PONG");
    drop(conn);
    pair.is_left();
    assert_eq!((client.number(&["INCR", "count"]), client.stat(stat::RETRIES)), (3, 1));
    assert_eq!((pool.stat(stat::CONNECTIONS), pool.stat(stat::CONNECTIONS_LOST)), (1, 0));
}

#[test]
fn who_wants_one_try_is_told_and_the_next_command_goes_where_the_address_leads() {
    let pair = Pair::new();
    let client = pair.options().client();
    assert_eq!(client.ask(&["SET", "k", "1"]), "+OK");
    pair.fail_over();
    let err = client.command_with(&["SET", "k", "2"], call::NO_RETRY, 0).expect_err("it is a replica");
    is_read_only(&err, Outcome::REFUSED);
    assert_eq!(err.attempts, 1);
    pair.is_left();
    assert_eq!(client.ask(&["SET", "k", "2"]), "+OK");
    // An error that is a reply is one, and does the same.
    pair.one.ask(&["REPLICAOF", "NO", "ONE"]);
    pair.two.ask(&["REPLICAOF", "127.0.0.1", &pair.one.port().to_string()]);
    pair.address.lead_to(&pair.one);
    let flags = call::NO_RETRY | call::ERROR_REPLY | call::RAW;
    let reply = client.command_with(&["SET", "k", "3"], flags, 0).expect("a reply");
    assert!(reply.dump().starts_with("-READONLY "), "{}", reply.dump());
    assert_eq!(client.command_with(&["SET", "k", "3"], flags, 0).expect("a reply").dump(), "+OK");
    assert_eq!(client.stat(stat::RETRIES), 0);
}

#[test]
fn where_the_address_leads_to_the_replica_for_good_the_tries_end() {
    let pair = Pair::new();
    let client = pair.options().int(option::RETRY_MAX, 2).client();
    assert_eq!(client.ask(&["SET", "k", "1"]), "+OK");
    pair.demote();
    let err = client.command(&["SET", "k", "2"]).expect_err("it stays a replica");
    is_read_only(&err, Outcome::REFUSED);
    assert_eq!((err.attempts, client.stat(stat::RETRIES)), (3, 2));
    assert_eq!(pair.address.connections(), 3, "each try asked anew where the address leads");
    let poor = pair.options().int(option::RETRY_BUDGET_PERCENT, 0).client();
    assert_eq!(poor.command(&["SET", "k", "2"]).expect_err("no budget").attempts, 1);
    let hasty = pair.options().int(option::RETRY_MAX, 60_000).int(option::RETRY_BUDGET_PERCENT, 100).client();
    let start = Instant::now();
    let err = hasty.command_with(&["SET", "k", "2"], call::TIMEOUT, 200).expect_err("it stays a replica");
    assert!(err.attempts > 1 && start.elapsed() < Duration::from_secs(10), "{err:?} {:?}", start.elapsed());
    // And where the primary comes back, so do writes.
    pair.one.ask(&["REPLICAOF", "NO", "ONE"]);
    assert_eq!(client.ask(&["SET", "k", "2"]), "+OK");
}

#[test]
fn a_pipeline_has_errors_for_elements_and_its_next_run_the_new_primary() {
    let pair = Pair::new();
    let client = pair.options().client();
    let mut pipeline = Pipeline::of(&client);
    assert_eq!(pipeline.add(&["SET", "k", "1"]).add(&["GET", "k"]).ask(mode::PLAIN), "[#1 \"1\"]");
    pair.fail_over();
    let said = pipeline.add(&["GET", "k"]).add(&["SET", "k", "2"]).add(&["GET", "k"]).ask(mode::PLAIN);
    let read_only = "-READONLY You can\\'t write against a read only replica.";
    assert_eq!(said, format!("[\"1\" {read_only} \"1\"]"));
    assert_eq!((pipeline.failed(), client.stat(stat::RETRIES)), (1, 0));
    pair.is_left();
    assert_eq!(pipeline.add(&["SET", "k", "2"]).add(&["GET", "k"]).ask(mode::PLAIN), "[#1 \"2\"]");
}

#[test]
fn a_run_whose_replies_are_shown_shows_the_errors_and_ends_its_connection() {
    let pair = Pair::new();
    let client = pair.options().client();
    let mut pipeline = Pipeline::of(&client);
    let run = |pipeline: &mut Pipeline| {
        let mut shown = Vec::new();
        pipeline.add(&["SET", "k", "2"]).add(&["GET", "k"]);
        let told = Box::new(|_, reply: &crate::support::raw::Node| {
            shown.push(reply.dump());
            Ok(())
        });
        pipeline.run_each(0, 0, told).expect("what is answered is shown");
        shown
    };
    assert_eq!(run(&mut pipeline), ["#1", "\"2\""]);
    pair.fail_over();
    let shown = run(&mut pipeline);
    assert!(shown[0].starts_with("-READONLY ") && shown[1] == "\"2\"", "{shown:?}");
    pair.is_left();
    assert_eq!(run(&mut pipeline), ["#1", "\"2\""]);
}

#[test]
fn a_transaction_that_was_refused_as_a_whole_is_tried_again() {
    let pair = Pair::new();
    let client = pair.options().client();
    let mut pipeline = Pipeline::of(&client);
    assert_eq!(pipeline.add(&["INCR", "n"]).add(&["INCR", "n"]).ask(mode::ATOMIC), "[:1 :2]");
    eventually("it is replicated", || pair.two.ask(&["GET", "n"]) == "2");
    pair.fail_over();
    let err = pipeline.add(&["INCR", "n"]).run_with(mode::ATOMIC, call::NO_RETRY, 0).expect_err("one try");
    assert_eq!((err.status, err.outcome, err.attempts), (Status::ABORTED, Outcome::REFUSED, 1), "{err:?}");
    assert!(err.message.contains("READONLY "), "{err:?}");
    pair.is_left();
    assert_eq!(pair.two.ask(&["GET", "n"]), "2");
    pair.one.ask(&["REPLICAOF", "NO", "ONE"]);
    pair.two.ask(&["REPLICAOF", "127.0.0.1", &pair.one.port().to_string()]);
    let back = Pair { one: pair.two, two: pair.one, address: pair.address };
    back.address.lead_to(&back.one);
    let client = back.options().client();
    let mut pipeline = Pipeline::of(&client);
    assert_eq!(client.command_with(&["PING"], call::RAW, 0).expect("the replica reads").dump(), "+PONG");
    back.address.lead_to(&back.two);
    assert_eq!(pipeline.add(&["INCR", "n"]).add(&["INCR", "n"]).ask(mode::ATOMIC), "[:3 :4]", "once");
    assert_eq!(client.stat(stat::RETRIES), 1);
}

#[test]
fn a_watched_transaction_is_told_and_transact_goes_through() {
    let pair = Pair::new();
    let client = pair.options().client();
    let mut pipeline = Pipeline::of(&client);
    assert_eq!(client.number(&["INCR", "n"]), 1);
    eventually("it is replicated", || pair.two.ask(&["GET", "n"]) == "1");
    // What is written at once, on the connection that watches, is told, and that connection goes.
    let other = pair.options().client();
    drop((other.conn().expect("one"), other.conn().expect("two")));
    let mut writing = Pipeline::of(&other);
    writing.watch(&["n"]).expect("it can be watched");
    // By hand: what was read on that connection is the caller's to read again.
    pipeline.watch(&["n"]).expect("it can be watched");
    assert_eq!(pipeline.command(&["GET", "n"]).expect("it is there").dump(), "\"1\"");
    pair.fail_over();
    is_read_only(&writing.command(&["INCR", "n"]).expect_err("it is a replica"), Outcome::REFUSED);
    assert_eq!((other.stat(stat::CONNECTIONS_CLOSED), other.stat(stat::CONNECTIONS_IDLE)), (1, 0), "the other one");
    writing.clear();
    assert_eq!((other.stat(stat::CONNECTIONS_CLOSED), other.stat(stat::CONNECTIONS_IDLE)), (2, 0));
    let err = pipeline.add(&["INCR", "n"]).run(mode::ATOMIC).expect_err("a second connection would watch nothing");
    assert_eq!((err.status, err.outcome, err.attempts), (Status::ABORTED, Outcome::REFUSED, 1), "{err:?}");
    pair.is_left();
    // The same in one call: it reads and queues again.
    pair.address.lead_to(&pair.one);
    let tries = AtomicUsize::new(0);
    let reply = pipeline.transact(
        &["n"],
        20_000,
        Box::new(|pipeline| {
            if tries.fetch_add(1, Ordering::SeqCst) == 1 {
                pair.address.lead_to(&pair.two);
            }
            pipeline.command(&["GET", "n"]).map_err(|_| "GET fails")?;
            pipeline.add(&["INCR", "n"]);
            Ok(())
        }),
    );
    assert_eq!(reply.expect("it goes through").dump(), "[:2]");
    assert_eq!(tries.load(Ordering::SeqCst), 3, "to the replica twice, for the address led there");
    assert_eq!(pair.two.ask(&["GET", "n"]), "2");
    // For good it is told, as often as the options say; and what the function did is forgotten.
    pair.address.lead_to(&pair.one);
    let client = pair.options().int(option::RETRY_MAX, 2).client();
    let mut pipeline = Pipeline::of(&client);
    let add = |pipeline: &mut Pipeline| {
        pipeline.add(&["INCR", "n"]);
        Ok(())
    };
    let err = pipeline.transact(&["n"], -1, Box::new(add)).expect_err("it stays a replica");
    assert_eq!((err.status, err.outcome, err.attempts), (Status::ABORTED, Outcome::REFUSED, 3), "{err:?}");
    assert_eq!((pipeline.len(), pair.two.ask(&["GET", "n"])), (0, "2".to_owned()));
}

#[test]
fn a_transaction_that_was_open_meanwhile_is_discarded_and_tried_again() {
    let pair = Pair::new();
    // MULTI and what is queued arrive before the failover, and EXEC after it.
    let client = pair.options().client();
    let mut conn = client.conn().expect("a connection");
    assert_eq!(conn.ask(&["MULTI"]), "+OK");
    assert_eq!(conn.ask(&["SET", "k", "1"]), "+QUEUED");
    pair.fail_over();
    let err = conn.command(&["EXEC"]).expect_err("it is discarded");
    assert!(err.message.starts_with("EXECABORT ") && err.message.contains("READONLY "), "{err:?}");
    assert_eq!(conn.ask(&["GET", "k"]), "(nil)", "the connection serves on");
    drop(conn);
    pair.is_left();
    assert_eq!(client.stat(stat::CONNECTIONS_IDLE), 0);
    assert_eq!(client.ask(&["SET", "k", "2"]), "+OK");
}

#[test]
fn a_connection_of_ones_own_is_told_serves_on_and_does_not_go_back() {
    let pair = Pair::new();
    type Step = fn(&mut crate::support::c::Conn);
    let steps: [Step; 5] = [
        |conn| is_read_only(&conn.command(&["SET", "k", "2"]).expect_err("it is a replica"), Outcome::REFUSED),
        |conn| {
            conn.send(&["SET", "k", "2"]).expect("it can be sent");
            let reply = conn.receive(10_000).expect("an answer");
            assert!(reply.dump().starts_with("-READONLY "), "{}", reply.dump());
        },
        // A reply that came before it was asked for.
        |conn| {
            conn.send(&["SET", "k", "2"]).expect("it can be sent");
            // So much is not written without a look at what comes meanwhile.
            conn.send(&["GET", &"k".repeat(20_000_000)]).expect("it can be sent");
            assert!(conn.receive(10_000).expect("an answer").dump().starts_with("-READONLY "));
            assert_eq!(conn.receive(10_000).expect("an answer").dump(), "(nil)");
        },
        // What a script is told in a transaction.
        |conn| {
            assert_eq!(conn.ask(&["MULTI"]), "+OK");
            assert_eq!(conn.ask(&["EVAL", "return redis.call('SET', 'k', '2')", "0"]), "+QUEUED");
            let reply = conn.command(&["EXEC"]).expect("an answer");
            assert!(reply.dump().starts_with("[-READONLY "), "{}", reply.dump());
        },
        |conn| {
            for args in [&["MULTI"][..], &["EVAL", "return redis.call('SET', 'k', '2')", "0"], &["EXEC"]] {
                conn.send(args).expect("it can be sent");
            }
            let replies = [0, 1, 2].map(|_| conn.receive(10_000).expect("an answer").dump());
            assert!(replies[2].starts_with("[-READONLY "), "{replies:?}");
        },
    ];
    // Each has a pool of its own, so that no other takes its connection away.
    let world = |step: Option<Step>| {
        let client = pair.options().client();
        assert_eq!(client.ask(&["SET", "k", "1"]), "+OK");
        let conn = client.conn().expect("a connection");
        (client, conn, step)
    };
    let all: Vec<_> = steps.into_iter().map(Some).chain([None]).map(world).collect();
    eventually("it is replicated", || pair.two.ask(&["GET", "k"]) == "1");
    pair.fail_over();
    for (number, (client, mut conn, step)) in all.into_iter().enumerate() {
        if let Some(step) = step {
            step(&mut conn);
        }
        assert_eq!(conn.ask(&["GET", "k"]), "\"1\"", "{number}: it can still be used");
        drop(conn);
        assert_eq!(client.stat(stat::CONNECTIONS_IDLE), i64::from(step.is_none()), "{number}");
        assert_eq!(client.ask(&["SET", "k", "1"]), "+OK", "{number}");
    }
    pair.is_left();
}

#[test]
fn a_script_is_run_again_in_the_servers_words_and_not_in_its_own() {
    let pair = Pair::new();
    let client = pair.options().client();
    let incr = "return redis.call('INCR', KEYS[1])";
    assert_eq!(client.number(&["EVAL", incr, "1", "n"]), 1);
    eventually("it is replicated", || pair.two.ask(&["GET", "n"]) == "1");
    // It raises the server's error, returns it, says beforehand that it writes, or is a function.
    let library = "#!lua name=l\nredis.register_function('f', function(k) return redis.call('INCR', k[1]) end)";
    for server in [&pair.one, &pair.two] {
        server.ask(&["FUNCTION", "LOAD", "REPLACE", library]);
    }
    let returned = "return redis.pcall('INCR', KEYS[1])";
    let declared = format!("#!lua\n{incr}");
    let ways: [&[&str]; 4] = [
        &["EVAL", incr, "1", "n"],
        &["EVAL", returned, "1", "n"],
        &["EVAL", &declared, "1", "n"],
        &["FCALL", "f", "1", "n"],
    ];
    pair.fail_over();
    for (number, args) in ways.into_iter().enumerate() {
        pair.address.lead_to(&pair.one);
        // A client whose connection is one to the replica.
        let client = pair.options().client();
        assert_eq!(client.ask(&["PING"]), "+PONG");
        pair.address.lead_to(&pair.two);
        assert_eq!(client.number(args), number as i64 + 2, "{args:?}");
        assert_eq!(client.stat(stat::RETRIES), 1, "{args:?}");
    }
    // In a transaction it is an element, and its connection ends.
    pair.address.lead_to(&pair.one);
    let client = pair.options().client();
    let mut pipeline = Pipeline::of(&client);
    let said = pipeline.add(&["EVAL", incr, "1", "n"]).add(&["PING"]).ask(mode::ATOMIC);
    assert!(said.starts_with("[-READONLY ") && said.ends_with(" #1]"), "{said}");
    assert_eq!((client.stat(stat::RETRIES), client.stat(stat::CONNECTIONS_CLOSED)), (0, 1));
    let script = Script::new(incr);
    let client = pair.options().client();
    assert_eq!(client.ask(&["PING"]), "+PONG");
    pair.address.lead_to(&pair.two);
    assert_eq!(script.run(&client, 1, &["n"]).expect("it runs again").dump(), ":6");
    pair.address.lead_to(&pair.one);
    let client = pair.options().client();
    assert_eq!(client.ask(&["PING"]), "+PONG");
    pair.address.lead_to(&pair.two);
    let err = script.run_for(&client, 1, &["n"], call::NO_RETRY, 0, ptr::null_mut()).expect_err("one try");
    is_read_only(&err, Outcome::UNKNOWN);

    // Its own words, after it has written: it runs once, and the connection is as good as before.
    let client = Options::at(&pair.two.url()).client();
    let own = "redis.call('INCR', KEYS[1]) return redis.error_reply('READONLY today')";
    let err = client.command(&["EVAL", own, "1", "own"]).expect_err("it says so");
    assert_eq!((err.status, err.outcome, err.attempts), (Status::SERVER, Outcome::UNKNOWN, 1), "{err:?}");
    assert!(err.message.starts_with("READONLY today"), "{err:?}");
    let mut pipeline = Pipeline::of(&client);
    let said = pipeline.add(&["EVAL", own, "1", "own"]).ask(mode::PLAIN);
    assert!(said.starts_with("[-READONLY today"), "{said}");
    let said = pipeline.add(&["EVAL", own, "1", "own"]).ask(mode::ATOMIC);
    assert!(said.starts_with("[-READONLY today"), "{said}");
    pipeline.add(&["EVAL", own, "1", "own"]).run_each(0, 0, Box::new(|_, _| Ok(()))).expect("it is shown");
    let mut conn = client.conn().expect("the same connection");
    conn.command(&["EVAL", own, "1", "own"]).expect_err("it says so");
    drop(conn);
    assert_eq!(client.ask(&["GET", "own"]), "\"5\"");
    assert_eq!(client.stat(stat::CONNECTIONS_CREATED), 1);
}

#[test]
fn who_waits_for_ever_goes_on_waiting_on_the_new_primary() {
    let pair = Pair::new();
    let client = pair.options().client();
    thread::scope(|scope| {
        let _woken_at_a_failure = Woken(|| client.wake(ptr::null()) > 0);
        let waits = scope.spawn(|| client.command_with(&["BLPOP", "list", "0"], call::RAW, 0));
        let in_time = scope.spawn(|| client.command_with(&["BLPOP", "other", "60"], call::RAW, 0));
        eventually("both wait", || {
            pair.one.clients().iter().filter(|client| client.contains(" cmd=blpop ")).count() == 2
        });
        pair.fail_over();
        // What was to wait for so long has waited for some of it: that is its caller's to judge.
        let err = in_time.join().expect("no panic").expect_err("it is unblocked");
        assert_eq!((err.status, err.outcome, err.attempts), (Status::SERVER, Outcome::REFUSED, 1), "{err:?}");
        assert!(err.message.starts_with("UNBLOCKED "), "{err:?}");
        eventually("it waits there", || pair.two.clients().iter().any(|client| client.contains(" cmd=blpop ")));
        assert_eq!(pair.two.ask(&["RPUSH", "list", "x"]), "1");
        let reply = waits.join().expect("no panic").expect("it comes");
        assert_eq!(reply.dump(), "[\"list\" \"x\"]");
    });
    pair.is_left();
    assert_eq!(client.stat(stat::RETRIES), 1);
}

#[test]
fn a_loop_of_ones_own_connects_anew_once_what_is_in_flight_is_answered() {
    let pair = Pair::new();
    let mut own = Own::at(&pair.address.url());
    own.submit(1, &["SET", "k", "1"]);
    own.expect(1, "#1");
    eventually("it is replicated", || pair.two.ask(&["GET", "k"]) == "1");
    pair.fail_over();
    own.submit(2, &["SET", "k", "2"]);
    own.submit(3, &["GET", "k"]);
    own.submit(4, &["EVAL", "return redis.error_reply('READONLY today')", "0"]);
    own.submit(5, &["SET", "k", "2"]);
    own.submit(6, &["GET", "k"]);
    let first = own.expect_failure(2);
    assert!(first.to_string().starts_with("READONLY "), "{first}");
    // What was not sent yet waits, whatever its flags; what was is answered, in its order.
    own.submit_with(7, &["SET", "k", "3"], crate::support::own::NO_RETRY, 0);
    own.submit(8, &["GET", "k"]);
    own.expect(3, "1");
    assert!(own.expect_failure(4).to_string().starts_with("READONLY today"));
    assert!(own.expect_failure(5).to_string().starts_with("READONLY "));
    own.expect(6, "1");
    own.expect(7, "#1");
    own.expect(8, "3");
    pair.is_left();
    assert_eq!(pair.address.connections(), 2);
    assert_eq!(pair.two.ask(&["GET", "k"]), "3");
    // With nothing that waits it is closed, and opened when there is something to do.
    pair.one.ask(&["REPLICAOF", "NO", "ONE"]);
    pair.two.ask(&["REPLICAOF", "127.0.0.1", &pair.one.port().to_string()]);
    pair.address.lead_to(&pair.one);
    own.submit(9, &["SET", "k", "4"]);
    assert!(own.expect_failure(9).to_string().starts_with("READONLY "));
    assert!(own.run_for(Duration::from_millis(50)).is_empty());
    assert_eq!((pair.address.connections(), own.is_quiet()), (2, true));
    own.submit(10, &["SET", "k", "4"]);
    own.expect(10, "#1");
    assert_eq!(pair.address.connections(), 3);
    // A script's own words say nothing of the server.
    own.submit(11, &["EVAL", "return redis.error_reply('READONLY today')", "0"]);
    own.submit(12, &["PING"]);
    own.expect_failure(11);
    own.expect(12, "#1");
    assert_eq!(pair.address.connections(), 3);
}

/// The old server takes nothing for a while, so that some of a command is stuck in between: that one is its own, and what is
/// behind it is the next one's.
#[test]
fn what_a_loop_has_not_sent_goes_to_the_next_connection_whole_and_once() {
    const MANY: usize = 20;
    for len in [40, 1_000_000, 3_000_000] {
        let peer = Peer::tcp(Hello::Resp3, move |line| {
            if line.number > 0 {
                return line.serve();
            }
            line.command()?;
            line.send(b"-READONLY this account\r\n")?;
            line.mark();
            line.wait(Duration::from_millis(100))?;
            loop {
                line.command()?;
                line.send(b"-READONLY this account\r\n")?;
            }
        });
        let mut own = Own::at(&peer.url());
        let value = "v".repeat(len);
        own.submit(0, &["SET", "0", &value]);
        peer_is_asked(&mut own, &peer);
        for mark in 1..MANY {
            own.submit(mark, &["SET", &mark.to_string(), &value]);
            // Little would all be sent in these turns.
            if len > 100 {
                own.turn();
            }
        }
        let mut replies = 0;
        for mark in 0..MANY {
            let (of, result) = own.completion();
            assert_eq!(of, mark, "{len}: in their order");
            match result {
                Ok(reply) => {
                    assert_eq!(reply, "#1");
                    replies += 1;
                }
                Err(error) => assert!(replies == 0 && error.message.starts_with(b"READONLY "), "{len}: {error}"),
            }
        }
        let keys = |number: usize| -> Vec<String> {
            let sets = peer.commands(number).into_iter().filter(|command| command[0] == b"SET");
            sets.map(|command| String::from_utf8_lossy(&command[1]).into_owned()).collect()
        };
        let all: Vec<String> = (0..MANY).map(|mark| mark.to_string()).collect();
        assert_eq!([keys(0), keys(1)].concat(), all, "{len}: each arrives once, in its order");
        assert_eq!((keys(1).len(), peer.connections()), (replies, 2), "{len}");
        assert!(replies > 0, "{len}: nothing was left for the next connection");
    }
}

/// Go round the loop until the peer has answered the first command, and nothing has been taken of that.
fn peer_is_asked(own: &mut Own, peer: &Peer) {
    let asked = thread::scope(|scope| {
        let marked = scope.spawn(|| peer.until_marks(1));
        while !marked.is_finished() {
            own.turn();
        }
        marked.join()
    });
    asked.expect("no panic");
    // The answer may have come behind the last look.
    own.turn();
}

#[test]
fn what_a_loop_listens_to_is_subscribed_on_the_new_connection_too() {
    let pair = Pair::new();
    let mut own = Own::at(&pair.address.url());
    own.submit(1, &["SUBSCRIBE", "news"]);
    assert_eq!(own.push(), ">subscribe news :1");
    own.expect(1, "NULL");
    pair.fail_over();
    own.submit(2, &["SET", "k", "1"]);
    own.turn();
    // With nothing to take, the descriptor shows when there is an answer; and that is read when this has been submitted.
    let early = own.try_next();
    if early.is_none() {
        eventually("it is answered", || !own.is_quiet());
        own.turn();
    }
    own.submit(4, &["SUBSCRIBE", "more"]);
    let Came::Of(2, Err(error)) = early.unwrap_or_else(|| own.next()) else { panic!("SET fails first") };
    assert!(error.to_string().starts_with("READONLY "), "{error}");
    assert_eq!(own.push(), ">subscribe news :1");
    assert_eq!(own.push(), ">subscribe more :2");
    // All that was asked for is subscribed: then the gap is told, and the command has its answer.
    let mut rest = [(); 2].map(|()| format!("{:?}", own.next()));
    rest.sort();
    assert!(rest[0] == r#"Of(4, Ok("NULL"))"# && rest[1].starts_with("Push(\">gap "), "{rest:?}");
    assert!(rest[1].contains("READONLY "), "{rest:?}");
    assert_eq!(pair.two.ask(&["PUBLISH", "more", "y"]), "1");
    assert_eq!(own.push(), ">message more y");
    assert_eq!(pair.two.ask(&["PUBLISH", "news", "x"]), "1");
    assert_eq!(own.push(), ">message news x");
    own.submit(3, &["SET", "k", "1"]);
    own.expect(3, "#1");
    assert_eq!(pair.address.connections(), 2);
}

/// Somebody writes by mistake, over and over, where others read as they mean to.
#[test]
fn a_client_that_is_meant_for_a_replica_keeps_its_connections_but_for_one_second_in_each() {
    const READERS: usize = 4;
    const WRITES: usize = 60;
    let pair = Pair::new();
    pair.two.ask(&["CONFIG", "RESETSTAT"]);
    let client = Options::at(&pair.two.url()).int(option::POOL_MAX, 16).client();
    let over = AtomicBool::new(false);
    let begin = Instant::now();
    thread::scope(|scope| {
        let _over_at_the_end = Over(&over);
        for _ in 0..READERS {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    assert_eq!(client.ask(&["GET", "k"]), "(nil)");
                    thread::sleep(Duration::from_millis(1));
                }
            });
        }
        for _ in 0..WRITES {
            let err = client.command_with(&["SET", "k", "v"], call::NO_RETRY, 0).expect_err("it is a replica");
            is_read_only(&err, Outcome::REFUSED);
            thread::sleep(Duration::from_millis(20));
        }
    });
    let created = client.stat(stat::CONNECTIONS_CREATED) as usize;
    // Each write ends the connection that it was told on; and once a second all are opened anew.
    let renewals = begin.elapsed().as_secs() as usize + 1;
    let most = WRITES + (READERS + 1) * (renewals + 1);
    assert!(created >= WRITES && created <= most, "{created} connections in {:?}, at most {most}", begin.elapsed());
    assert!(client.stat(stat::CONNECTIONS) <= READERS as i64 + 1);
}

/// A herd: whoever was under way on the old connections, nobody stays there, and no write is lost or made twice.
#[test]
fn many_threads_write_on_through_a_failover() {
    const THREADS: usize = 8;
    const WRITES: i64 = 300;
    let pair = Pair::new();
    let client = pair.options().int(option::RETRY_MAX, 20).int(option::RETRY_BUDGET_PERCENT, 100).client();
    let done = AtomicUsize::new(0);
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (client, done) = (&client, &done);
            scope.spawn(move || {
                for _ in 0..WRITES {
                    client.command(&["INCR", &format!("n:{number}")]).expect("it is written here or there");
                    done.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        eventually("it is under way", || done.load(Ordering::SeqCst) > THREADS * 50);
        // In this order no write is taken by the one that the other does not get.
        assert_eq!(pair.one.ask(&["CLIENT", "PAUSE", "10000", "WRITE"]), "OK");
        eventually("all is replicated", || pair.one.info("master_repl_offset") == pair.two.info("slave_repl_offset"));
        pair.fail_over();
        assert_eq!(pair.one.ask(&["CLIENT", "UNPAUSE"]), "OK");
    });
    for number in 0..THREADS {
        assert_eq!(pair.two.ask(&["GET", &format!("n:{number}")]), WRITES.to_string(), "{number}");
    }
    pair.is_left();
}
