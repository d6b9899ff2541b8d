//! A command goes to the server that has its keys, at once and in every form, and to no server where its keys are of several.
//! Real servers.

use crate::support::c::{CErr, Client, Options, Outcome, Status, call, option, stat};
use crate::support::cluster::{Cluster, NODES, first_slot};
use crate::support::server::Server;
use crate::support::slots::{SLOTS, key, slot_of};

/// Everything that can be asked of a cluster that stays as it is, on one.
#[test]
fn a_command_goes_to_the_owner_of_its_keys_at_once() {
    let cluster = Cluster::start(&[]);
    for protocol in [3, 2] {
        let client = Options::of_cluster(&cluster.seeds()).int(option::PROTOCOL, protocol).client();
        keys_of_all_slots(&cluster, &client);
        keys_wherever_they_stand(&client);
        commands_without_keys(&client);
        assert_eq!([stat::MOVED, stat::ASKED, stat::RETRIES].map(|stat| client.stat(stat)), [0; 3]);
        assert_eq!(client.stat(stat::REFRESHES), 1, "one map does");
        servers_are_told(&cluster, &client);
    }
    // No more was connected to than was used.
    let primaries = (0..NODES / 2).map(|node| cluster.node(node).clients().len()).collect::<Vec<_>>();
    assert!(primaries.iter().all(|count| *count > 0), "{primaries:?}");
    several_slots_are_refused(&cluster);
    another_database_is_refused(&cluster);
}

fn keys_of_all_slots(cluster: &Cluster, client: &Client) {
    let mut slots: Vec<usize> = (0..SLOTS).step_by(97).collect();
    slots.extend((0..3).flat_map(|shard| [first_slot(shard), first_slot(shard + 1) - 1]));
    for slot in slots {
        let (name, value) = (key(slot, "name"), slot.to_string());
        assert_eq!(client.ask(&["SET", &name, &value]), "+OK");
        assert_eq!(client.ask(&["GET", &name]), format!("\"{value}\""));
        let owner = cluster.primary_at_first(slot);
        assert_eq!(cluster.ask(owner, &["GET", &name]), value, "slot {slot}");
    }
    // Braces that hold nothing, or are not closed, are letters like others; and bytes are bytes.
    for name in [&b"{}a"[..], b"a{}{b}", b"a{b", b"a}b{", b"{a}{b}", b"{{a}}", b"\0\xff\r\n", b""] {
        assert_eq!(client.ask(&[b"SET", name, b"v"]), "+OK", "{}", name.escape_ascii());
        assert_eq!(client.ask(&[b"GETDEL", name]), "\"v\"", "{}", name.escape_ascii());
    }
}

/// Commands of which the key is not the first argument, or has others behind it.
fn keys_wherever_they_stand(client: &Client) {
    for slot in [3, 7_000, 16_000] {
        let [a, b, list] = ["a", "b", "list"].map(|name| key(slot, name));
        let ask = |args: &[&str]| client.ask(args);
        assert_eq!(ask(&["MSET", &a, "1", &b, "2"]), "+OK");
        assert_eq!(ask(&["MGET", &a, &b]), "[\"1\" \"2\"]");
        assert_eq!(ask(&["EVAL", "return redis.call('GET', KEYS[2])", "2", &a, &b, "other"]), "\"2\"");
        assert_eq!(ask(&["OBJECT", "ENCODING", &a]), "\"int\"");
        assert_eq!(ask(&["BITOP", "AND", &b, &a]), ":1");
        assert_eq!(ask(&["RPUSH", &list, "x"]), ":1");
        assert_eq!(ask(&["LMPOP", "1", &list, "LEFT"]), format!("[\"{list}\" [\"x\"]]"));
        assert_eq!(ask(&["XADD", &list, "1-1", "f", "v"]), "\"1-1\"");
        assert!(ask(&["XREAD", "COUNT", "1", "STREAMS", &list, "0"]).contains("\"1-1\""));
        assert_eq!(ask(&["DEL", &a, &b, &list]), ":3");
        assert_eq!(ask(&["BLPOP", &list, "0.01"]), "(nil)");
        // A reply is in its shape, as with one server.
        client.command(&["HSET", &a, "f", "v"]).expect("it is answered");
        assert_eq!(client.command(&["HGETALL", &a]).expect("it is answered").dump(), "%[\"f\" \"v\"]");
        assert_eq!(ask(&["DEL", &a]), ":1");
    }
}

fn commands_without_keys(client: &Client) {
    assert_eq!(client.ask(&["PING"]), "+PONG");
    assert_eq!(client.ask(&["ECHO", "text"]), "\"text\"");
    assert_eq!(client.command(&["TIME"]).expect("it is answered").elements().len(), 2);
}

/// An endpoint, a role, whose replica it is, and slots: of each server.
fn servers_are_told(cluster: &Cluster, client: &Client) {
    let told = client.servers().expect("they are known");
    let mut told: Vec<String> = told.elements().iter().map(|server| server.dump()).collect();
    let expected = |node: usize| {
        let shard = node % 3;
        let (from, to) = (first_slot(shard), first_slot(shard + 1) - 1);
        let (role, of) = match node < 3 {
            true => ("primary", "(nil)".to_owned()),
            false => ("replica", format!("\"{}\"", cluster.endpoint(shard))),
        };
        let endpoint = cluster.endpoint(node);
        format!(
            "%[\"endpoint\" \"{endpoint}\" \"role\" \"{role}\" \"of\" {of} \"slots\" [:{from} :{to}] \"zone\" (nil) \"connections\" "
        )
    };
    let mut all: Vec<String> = (0..NODES).map(expected).collect();
    told.sort();
    all.sort();
    assert_eq!(told.len(), NODES);
    for (told, expected) in told.iter().zip(all) {
        assert!(told.starts_with(&expected), "{told}\n{expected}");
    }
    assert_eq!(client.stat(stat::SERVERS), NODES as i64);
}

fn several_slots_are_refused(cluster: &Cluster) {
    let client = Options::of_cluster(&cluster.seeds()).client();
    let [one, other] = ["a", "b"];
    assert_ne!(slot_of(one), slot_of(other));
    for command in
        [&["MGET", one, other][..], &["MSET", one, "1", other, "2"], &["DEL", one, other], &["RENAME", one, other]]
    {
        for flags in [call::DEFAULT, call::ERROR_REPLY] {
            let err = client.command_with(command, flags, 0).expect_err("two slots");
            assert_eq!((err.status, err.outcome), (Status::ARGUMENT, Outcome::NOT_SENT), "{err:?}");
            assert!(err.message.contains("slot") && err.message.contains('{'), "{err:?}");
        }
    }
    assert_eq!(client.stat(stat::CONNECTIONS_CREATED), 0, "nobody was asked");
}

/// A cluster has one database: a client that wants another is told so, and that it is a matter of its options.
fn another_database_is_refused(cluster: &Cluster) {
    let client = Options::of_cluster(&cluster.seeds()).int(option::DATABASE, 1).client();
    let err = client.command_within(&["GET", "k"], 0, 3_000).expect_err("there is no database 1");
    assert_eq!((err.status, err.outcome), (Status::CONFIG, Outcome::NOT_SENT), "{err:?}");
}

/// What is of one connection cannot be of many servers.
#[test]
fn what_has_one_server_says_so() {
    let cluster = Cluster::start(&[]);
    let client = Options::of_cluster(&cluster.seeds()).client();
    for command in [&["WAIT", "1", "10"][..], &["SELECT", "1"], &["SUBSCRIBE", "c"], &["WATCH", "k"]] {
        let err = client.command(command).expect_err("of one connection");
        assert_eq!((err.status, err.outcome), (Status::ARGUMENT, Outcome::NOT_SENT), "{command:?}: {err:?}");
    }
    // One server of them, by itself: it answers for its own slots, and sends nobody elsewhere.
    let single = Options::at(&cluster.node(0).url()).client();
    assert_eq!(single.ask(&["SET", &key(0, "k"), "v"]), "+OK");
    let err: CErr = single.command(&["GET", &key(SLOTS - 1, "k")]).expect_err("it is another's");
    assert_eq!((err.status, err.outcome), (Status::SERVER, Outcome::REFUSED), "{err:?}");
    assert!(err.message.starts_with("MOVED 16383 "), "{err:?}");
    assert!(single.stat(stat::MOVED) <= 0);
}

#[test]
fn a_server_that_is_no_cluster_is_a_matter_of_the_options() {
    let server = Server::start(&[]);
    let client = Options::of_cluster(&format!("127.0.0.1:{}", server.port())).client();
    let err = client.command_within(&["GET", "k"], 0, 5_000).expect_err("it is no cluster");
    assert_eq!((err.status, err.outcome), (Status::CONFIG, Outcome::NOT_SENT), "{err:?}");
    assert!(err.message.contains("topology"), "{err:?}");
    assert_eq!(client.servers().map(|_| ()).expect_err("it is no cluster").status, Status::CONFIG);
}
