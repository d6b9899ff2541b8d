//! A command for several servers is sent to all of them, and one reply is put together; a command with keys of several slots is
//! sent in parts, where that is wanted; and a failure says how far it came. Real servers.

use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::c::{CErr, Client, Options, Outcome, Reply, Status, Verdict, call, option, stat};
use crate::support::cluster::{Cluster, NODES};
use crate::support::raw::Node;
use crate::support::slots::key;

/// A slot of each of the three primaries.
const SLOTS: [usize; 3] = [100, 6_000, 12_000];

fn text(node: &Reply) -> String {
    String::from_utf8_lossy(node.text()).into_owned()
}

fn texts(reply: &Reply) -> Vec<String> {
    reply.elements().iter().map(|node| String::from_utf8_lossy(node.text()).into_owned()).collect()
}

/// Names of keys in this order, of the three shards in turn and each of a slot of its own.
fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| key(SLOTS[number % 3] + number, number)).collect()
}

#[test]
fn each_server_is_asked_and_one_reply_comes() {
    // A server that runs a script for longer than the others wait for it is taken for dead by them.
    let cluster = Cluster::start(&["lua-time-limit 20"]);
    for protocol in [3, 2] {
        let client = Options::of_cluster(&cluster.seeds()).int(option::PROTOCOL, protocol).client();
        data_of_all(&cluster, &client);
        settings_of_every_server(&cluster, &client);
        scripts_and_functions(&cluster, &client);
        subscribers_anywhere(&cluster, &client);
        by_server(&cluster, &client);
        callbacks_see_the_whole(&client);
        errors(&client);
        of_nobody(&client);
        assert_eq!([stat::MOVED, stat::ASKED, stat::RETRIES].map(|stat| client.stat(stat)), [0; 3]);
    }
    limits(&cluster);
}

fn data_of_all(cluster: &Cluster, client: &Client) {
    let mut all = names(30);
    all.iter().for_each(|name| assert_eq!(client.ask(&["SET", name, "v"]), "+OK"));
    assert_eq!(client.ask(&["DBSIZE"]), ":30");
    let mut found = texts(&client.command(&["KEYS", "*"]).expect("all are told"));
    found.sort();
    all.sort();
    assert_eq!(found, all);
    assert!(all.contains(&text(&client.command(&["RANDOMKEY"]).expect("one is told"))));
    assert_eq!(client.ask(&["CLUSTER", "COUNTKEYSINSLOT", &(SLOTS[1] + 1).to_string()]), ":1");
    assert_eq!(client.ask(&["FLUSHALL"]), "+OK");
    assert_eq!((client.ask(&["DBSIZE"]), client.ask(&["KEYS", "*"])), (":0".to_owned(), "[]".to_owned()));
    (0..3).for_each(|node| assert_eq!(cluster.ask(node, &["DBSIZE"]), "0"));
    assert_eq!(client.ask(&["PING"]), "+PONG");
    let saved: Vec<i64> = (0..3).map(|node| cluster.ask(node, &["LASTSAVE"]).parse().expect("a time")).collect();
    assert_eq!(Some(client.number(&["LASTSAVE"])), saved.into_iter().min());
    assert_eq!(client.ask(&["SAVE"]), "+OK");
}

fn settings_of_every_server(cluster: &Cluster, client: &Client) {
    for limit in ["123", "456"] {
        assert_eq!(client.ask(&["CONFIG", "SET", "slowlog-max-len", limit]), "+OK");
        for node in 0..NODES {
            assert!(cluster.ask(node, &["CONFIG", "GET", "slowlog-max-len"]).ends_with(limit), "node {node}");
        }
    }
    assert_eq!(client.ask(&["CONFIG", "SET", "slowlog-log-slower-than", "0"]), "+OK");
    assert_eq!(client.ask(&["SLOWLOG", "RESET"]), "+OK");
    (0..NODES).for_each(|node| assert_eq!(cluster.ask(node, &["ECHO", "slow"]), "slow"));
    let slow = client.command(&["SLOWLOG", "GET", "-1"]).expect("all are told").dump();
    assert_eq!(slow.matches("\"ECHO\"").count(), NODES, "{slow}");
    assert!(client.number(&["SLOWLOG", "LEN"]) >= NODES as i64);
    assert_eq!(client.ask(&["CONFIG", "SET", "slowlog-log-slower-than", "-1"]), "+OK");
    assert_eq!(client.ask(&["ACL", "SETUSER", "someone", "on", "nopass", "+@all"]), "+OK");
    (0..NODES).for_each(|node| assert!(cluster.ask(node, &["ACL", "USERS"]).contains("someone")));
    assert_eq!(client.ask(&["ACL", "DELUSER", "someone"]), ":1");
}

fn scripts_and_functions(cluster: &Cluster, client: &Client) {
    let sha = text(&client.command(&["SCRIPT", "LOAD", "return 7"]).expect("it is loaded"));
    (0..NODES).for_each(|node| assert_eq!(cluster.ask(node, &["SCRIPT", "EXISTS", &sha]), "1"));
    let other = "f".repeat(40);
    assert_eq!(client.ask(&["SCRIPT", "EXISTS", &sha, &other]), "[:1 :0]");
    assert_eq!(client.command(&["SCRIPT", "EXISTS", &sha, &other]).expect("told").dump(), "[#1 #0]");
    assert_eq!(cluster.ask(1, &["SCRIPT", "FLUSH"]), "OK");
    assert_eq!(client.ask(&["SCRIPT", "EXISTS", &sha]), "[:0]", "one does not have it");
    assert_eq!(client.ask(&["SCRIPT", "FLUSH"]), "+OK");
    (0..NODES).for_each(|node| assert_eq!(cluster.ask(node, &["SCRIPT", "EXISTS", &sha]), "0"));

    let library = "#!lua name=mine\nredis.register_function{function_name='seven', callback=function() return 7 end, flags={'no-writes'}}";
    assert_eq!(client.ask(&["FUNCTION", "LOAD", "REPLACE", library]), "\"mine\"");
    for slot in SLOTS {
        assert_eq!(client.ask(&["FCALL", "seven", "1", &key(slot, "k")]), ":7");
    }
    assert_eq!(client.ask(&["FUNCTION", "DELETE", "mine"]), "+OK");
    let err = client.command(&["FUNCTION", "KILL"]).expect_err("none runs");
    assert_eq!((err.status, err.outcome), (Status::SERVER, Outcome::REFUSED), "{err:?}");
    assert!(err.message.starts_with("NOTBUSY") && err.message.contains("0 of 3"), "{err:?}");
    one_of_them_is_killed(client);
}

/// Of SCRIPT KILL one server's OK is enough.
fn one_of_them_is_killed(client: &Client) {
    thread::scope(|scope| {
        let slot = key(SLOTS[2], "k");
        let running = scope.spawn(move || client.command(&["EVAL", "while true do end", "1", &slot]));
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            match client.command_with(&["SCRIPT", "KILL"], call::RAW, 0) {
                Ok(reply) => break assert_eq!(reply.dump(), "+OK"),
                Err(err) => assert!(err.message.starts_with("NOTBUSY"), "{err:?}"),
            }
            assert!(Instant::now() < end, "it runs for ever");
        }
        running.join().expect("it is over").expect_err("it was killed");
    });
}

fn subscribers_anywhere(cluster: &Cluster, client: &Client) {
    let mut subscribers: Vec<_> = (0..NODES).map(|node| cluster.node(node).wire()).collect();
    for (node, wire) in subscribers.iter_mut().enumerate() {
        wire.send(&["SUBSCRIBE", "of-all", &format!("of-{node}")]);
        (0..2).for_each(|_| drop(wire.read()));
    }
    let mut channels = texts(&client.command(&["PUBSUB", "CHANNELS", "of-*"]).expect("all are told"));
    channels.sort();
    let mut expected: Vec<String> = (0..NODES).map(|node| format!("of-{node}")).chain(["of-all".to_owned()]).collect();
    expected.sort();
    assert_eq!(channels, expected);
    assert_eq!(client.ask(&["PUBSUB", "NUMSUB", "of-all", "of-1", "none"]), "[\"of-all\" :6 \"of-1\" :1 \"none\" :0]");
    let shaped = client.command(&["PUBSUB", "NUMSUB", "of-all", "of-1"]).expect("told").dump();
    assert_eq!(shaped, "[[\"of-all\" :6] [\"of-1\" :1]]");
    assert_eq!(client.ask(&["PUBSUB", "NUMPAT"]), ":0");
}

fn by_server(cluster: &Cluster, client: &Client) {
    let info = client.command(&["INFO", "server"]).expect("it is told");
    assert_eq!(info.elements().len(), 6);
    let endpoints: Vec<String> = (0..3).map(|node| cluster.endpoint(node)).collect();
    for of_one in info.elements().chunks(2) {
        let endpoint = String::from_utf8_lossy(of_one[0].text()).into_owned();
        let node = endpoints.iter().position(|one| *one == endpoint).expect("the endpoint of a primary");
        let port = format!("\"tcp_port\" \"{}\"", cluster.node(node).port());
        assert!(of_one[1].dump().contains(&port), "{}", of_one[1].dump());
    }
    let latest = client.command(&["LATENCY", "HISTOGRAM", "nosuch"]).expect("it is told");
    assert_eq!(latest.elements().len(), 2 * NODES);
    let stats = client.command_with(&["MEMORY", "STATS"], call::RAW, 0).expect("it is told");
    assert_eq!((stats.dump().starts_with("%["), stats.elements().len()), (true, 6));
}

fn callbacks_see_the_whole(client: &Client) {
    let (freed, seen) = (Arc::default(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&seen);
    let count = move |_: &[&[u8]], reply: &Node, _: *mut c_void| {
        assert_eq!(reply.dump(), ":0");
        counted.fetch_add(1, Ordering::Relaxed);
        Verdict::Keep
    };
    client.callback("DBSIZE", Some(Box::new(count)), &freed).expect("it can be set");
    assert_eq!(client.command(&["DBSIZE"]).expect("it is told").integer, 0);
    assert_eq!(seen.load(Ordering::Relaxed), 1);
    client.callback("DBSIZE", None, &freed).expect("it can be taken back");
}

/// A server's error, as an error and as a reply: its words first, and how far the command came.
fn errors(client: &Client) {
    let wrong = ["CONFIG", "SET", "no-such-setting", "1"];
    let err = client.command(&wrong).expect_err("nobody has it");
    assert_eq!((err.status, err.outcome, err.attempts), (Status::SERVER, Outcome::REFUSED, 1), "{err:?}");
    assert!(err.message.starts_with("ERR ") && err.message.contains("; 0 of 6 "), "{err:?}");
    let reply = client.command_with(&wrong, call::ERROR_REPLY, 0).expect("it is a reply");
    assert!(reply.dump().starts_with("-ERR ") && reply.dump().contains("0 of 6"), "{}", reply.dump());
}

/// What is for one server, and does not say for which, is sent to none.
fn of_nobody(client: &Client) {
    let before = client.stat(stat::COMMANDS);
    for args in [&["SHUTDOWN", "NOSAVE"][..], &["CLIENT", "KILL", "ID", "1"], &["CLUSTER", "RESET"], &["FAILOVER"]] {
        let err = client.command(args).expect_err("it does not say where");
        assert_eq!((err.status, err.outcome), (Status::ARGUMENT, Outcome::NOT_SENT), "{err:?}");
        assert!(err.message.contains("rredis_client_new_at"), "{err:?}");
    }
    assert_eq!(client.stat(stat::COMMANDS), before + 4);
}

/// All replies together are held to what one may be.
fn limits(cluster: &Cluster) {
    let writer = Options::of_cluster(&cluster.seeds()).client();
    let long = "x".repeat(600);
    SLOTS.iter().for_each(|slot| drop(writer.command(&["SET", &key(*slot, &long), "v"]).expect("it is set")));
    let client = |max| Options::of_cluster(&cluster.seeds()).int(option::REPLY_BYTES_MAX, max).client();
    assert_eq!(client(4000).command(&["KEYS", "*"]).expect("it is as large as may be").elements().len(), 3);
    let err = client(1500).command(&["KEYS", "*"]).expect_err("each is small enough, and all are not");
    assert_eq!((err.status, err.outcome), (Status::LIMIT, Outcome::RAN), "{err:?}");
    assert_eq!(writer.ask(&["FLUSHALL"]), "+OK");
}

#[test]
fn keys_of_several_slots_are_sent_in_parts_where_that_is_wanted() {
    let cluster = Cluster::start(&[]);
    let client = Options::of_cluster(&cluster.seeds()).int(option::SPLIT, 1).client();
    let names = names(60);
    let mset: Vec<String> = (names.iter().enumerate())
        .flat_map(|(number, name)| [name.clone(), number.to_string()])
        .fold(vec!["MSET".to_owned()], |all, word| [all, vec![word]].concat());
    assert_eq!(client.ask(&mset), "+OK");
    // In the order of the arguments, absent ones and the same twice among them.
    let asked: Vec<&str> = names.iter().rev().map(String::as_str).chain(["absent", &names[3], &names[3]]).collect();
    let reply = client.command(&[&["MGET"], &asked[..]].concat()).expect("all are read").dump();
    let mut expected: Vec<String> = (0..60).rev().map(|number| format!("\"{number}\"")).collect();
    expected.extend(["(nil)".to_owned(), "\"3\"".to_owned(), "\"3\"".to_owned()]);
    assert_eq!(reply, format!("[{}]", expected.join(" ")));
    let all: Vec<&str> = names.iter().map(String::as_str).chain(["absent"]).collect();
    let of_all = |command| client.ask(&[&[command], &all[..]].concat());
    assert_eq!([of_all("EXISTS"), of_all("TOUCH")], [":60", ":60"]);
    assert_eq!(client.ask(&[&["UNLINK"], &all[..20]].concat()), ":20");
    assert_eq!([of_all("DEL"), of_all("EXISTS")], [":40", ":0"]);
    // One slot is one command, and what is not as it should be is the server's to refuse.
    assert_eq!(client.ask(&["MSET", "{a}1", "1", "{a}2", "2"]), "+OK");
    assert_eq!(client.ask(&["MGET", "{a}1", "{a}2"]), "[\"1\" \"2\"]");
    assert!(client.command(&["MSET", "{a}1", "1", "{a}2"]).expect_err("odd").message.starts_with("ERR "));
    // What is atomic is not cut.
    for args in [&["MSETNX", "a", "1", "b", "2"][..], &["RENAME", "a", "b"], &["SUNION", "a", "b"]] {
        let err = client.command(args).expect_err("several slots");
        assert_eq!((err.status, err.outcome), (Status::ARGUMENT, Outcome::NOT_SENT), "{err:?}");
        assert!(!err.message.contains("SPLIT"), "{err:?}");
    }
    let unsplit = Options::of_cluster(&cluster.seeds()).client();
    let err = unsplit.command(&["MGET", "a", "b"]).expect_err("several slots");
    assert!(err.message.contains("{tag}") && err.message.contains("RREDIS_OPTION_SPLIT"), "{err:?}");
    assert_eq!([stat::MOVED, stat::RETRIES].map(|stat| client.stat(stat)), [0; 2]);
    one_part_is_refused(&client);
}

/// The other parts ran: that is what the error says, and it names the one that did not.
fn one_part_is_refused(client: &Client) {
    let [good, list] = [key(SLOTS[0], "good"), key(SLOTS[1], "list")];
    client.command(&["ACL", "SETUSER", "default", "resetkeys", "~*good", "~*list"]).expect("it is set");
    let err = client.command(&["MSET", &good, "1", &key(SLOTS[1], "other"), "2"]).expect_err("one may not");
    assert_eq!((err.status, err.outcome), (Status::SERVER, Outcome::RAN), "{err:?}");
    assert!(err.message.starts_with("NOPERM") && err.message.contains("1 of 2"), "{err:?}");
    assert_eq!(client.ask(&["MGET", &good, &list]), "[\"1\" (nil)]");
    client.command(&["ACL", "SETUSER", "default", "allkeys"]).expect("it is set");
}

/// A part whose shard has no primary waits for it, as a command of its own would; the outcome says what became of the others.
#[test]
fn a_part_waits_for_its_own_shard_alone() {
    let mut cluster = Cluster::start(&["cluster-require-full-coverage no"]);
    let options = || Options::of_cluster(&cluster.seeds()).int(option::SPLIT, 1);
    let (client, hasty) = (options().client(), options().int(option::FAILOVER_WAIT_MS, 0).client());
    let [one, other] = [key(SLOTS[0], "k"), key(SLOTS[1], "k")];
    for client in [&client, &hasty] {
        assert_eq!(client.ask(&["MSET", &one, "1", &other, "2"]), "+OK");
    }
    thread::sleep(Duration::from_millis(100));
    cluster.kill(0);
    let err: CErr = hasty.command(&["MSET", &one, "3", &other, "4"]).expect_err("one shard has no primary");
    assert_eq!(err.outcome, Outcome::RAN, "{err:?}");
    assert!(err.message.contains("1 of 2 parts"), "{err:?}");
    let err: CErr = hasty.command(&["MSET", &one, "5", &key(SLOTS[0] + 1, "k"), "6"]).expect_err("it has none");
    assert_eq!(err.outcome, Outcome::NOT_SENT, "{err:?}");
    assert_eq!(hasty.ask(&["GET", &other]), "\"4\"");
    assert_eq!(
        client.command_within(&["MGET", &one, &other], call::RAW, 20_000).expect("a replica took over").dump(),
        "[\"1\" \"4\"]"
    );
    assert_eq!(client.command_within(&["DBSIZE"], 0, 20_000).expect("it has a primary again").integer, 2);
    assert_eq!(client.command_within(&["MSET", &one, "7", &other, "8"], call::RAW, 20_000).expect("set").dump(), "+OK");
}
