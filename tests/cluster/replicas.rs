//! Reads from replicas: they go where the client says, a replica that fails is passed over, and what changes its role is asked
//! for what it is. Real servers.

use crate::support::c::{Client, Options, Outcome, Status, call, option};
use crate::support::cluster::{Cluster, NODES};
use crate::support::node::{Answer, Node};
use crate::support::server::{Server, eventually};
use crate::support::slots::key;

const SLOT: usize = 4_000;
const PREFER_REPLICA: i64 = 1;
const REPLICA: i64 = 2;
const ANY: i64 = 3;
const ZONE: i64 = 4;

#[test]
fn reads_go_where_the_client_says() {
    let cluster = Cluster::start(&[]);
    let (primary, replica, name) = (cluster.primary(SLOT), cluster.replica(SLOT), key(SLOT, "read"));
    let reading = |from: i64| Options::of_cluster(&cluster.seeds()).int(option::READ_FROM, from);
    let writer = reading(0).client();
    assert_eq!(writer.ask(&["SET", &name, "v"]), "+OK");
    eventually("the replica has it", || cluster.ask(replica, &["DBSIZE"]) == "1");
    for protocol in [2, 3] {
        for (from, least_of_replica, most_of_replica) in
            [(0, 0, 0), (PREFER_REPLICA, 40, 40), (REPLICA, 40, 40), (ANY, 1, 39), (ZONE, 40, 40)]
        {
            let options = reading(from).int(option::PROTOCOL, protocol);
            let client = if from == ZONE { options.text(option::ZONE, "here") } else { options }.client();
            let before = [primary, replica].map(|node| gets(&cluster, node));
            (0..40).for_each(|_| assert_eq!(client.ask(&["GET", &name]), "\"v\""));
            let [of_primary, of_replica] = [primary, replica].map(|node| gets(&cluster, node));
            let (of_primary, of_replica) = (of_primary - before[0], of_replica - before[1]);
            assert_eq!(of_primary + of_replica, 40, "{from}");
            assert!((least_of_replica..=most_of_replica).contains(&of_replica), "{from}: {of_replica}");
            // The primary where the caller says so; and for what writes, or walks.
            let flags = if from == 0 { 0 } else { call::PRIMARY };
            let reply = client.command_with(&["GET", &name], flags, 0).expect("it is answered");
            assert_eq!(reply.dump(), "\"v\"");
            assert_eq!(gets(&cluster, primary) - before[0], of_primary + 1, "{from}");
            assert_eq!(client.ask(&["APPEND", &name, ""]), ":1");
            assert_eq!(client.ask(&["SSCAN", &key(SLOT, "none"), "0"]), "[\"0\" []]");
        }
    }
}

#[test]
fn a_replica_that_fails_is_passed_over() {
    let mut cluster = Cluster::start(&["cluster-require-full-coverage no"]);
    let (replica, name) = (cluster.replica(SLOT), key(SLOT, "read"));
    let reading = |from: i64| Options::of_cluster(&cluster.seeds()).int(option::READ_FROM, from);
    let (prefers, only) =
        (reading(PREFER_REPLICA).client(), reading(REPLICA).int(option::FAILOVER_WAIT_MS, 200).client());
    assert_eq!(prefers.ask(&["SET", &name, "v"]), "+OK");
    eventually("the replica has it", || cluster.ask(replica, &["DBSIZE"]) == "1");
    for client in [&prefers, &only] {
        assert_eq!(client.ask(&["GET", &name]), "\"v\"");
    }
    cluster.kill(replica);
    (0..20).for_each(|_| assert_eq!(prefers.ask(&["GET", &name]), "\"v\""));
    let error = only.command(&["GET", &name]).expect_err("there is no replica");
    assert_eq!(error.status, Status::CONNECT, "{}", error.message);
    assert_ne!(error.outcome, Outcome::UNKNOWN, "{}", error.message);
    cluster.restart(replica);
    eventually("it is read from again", || only.command(&["GET", &name]).is_ok_and(|reply| reply.dump() == "\"v\""));
}

/// One shard of scripted nodes: a primary and its replicas, each with the zone that it is said to be in.
fn shard<const COUNT: usize>(zones: [&str; COUNT]) -> [Node; COUNT] {
    let nodes = [(); COUNT].map(|()| Node::new());
    let mut slots = format!("*1\r\n*{}\r\n:0\r\n:16383\r\n", 2 + COUNT).into_bytes();
    for (node, zone) in nodes.iter().zip(zones) {
        let port = node.port();
        let fields = match zone {
            "" => "*0\r\n".to_owned(),
            zone => format!("*2\r\n$17\r\navailability-zone\r\n${}\r\n{zone}\r\n", zone.len()),
        };
        let entry = format!("*4\r\n$9\r\n127.0.0.1\r\n:{port}\r\n$40\r\n{port:040x}\r\n{fields}");
        slots.extend_from_slice(entry.as_bytes());
    }
    nodes.iter().for_each(|node| node.says_slots(slots.clone()));
    nodes[1..].iter().for_each(|node| node.is("cluster", "replica"));
    nodes
}

fn reads_of(nodes: &[Node]) -> Vec<usize> {
    nodes.iter().map(|node| node.times("GET")).collect()
}

fn read(client: &Client, times: usize) {
    (0..times).for_each(|_| assert_eq!(client.ask(&["GET", "k"]), "\"v:k\""));
}

#[test]
fn a_zones_own_replica_is_read_from_before_others_and_others_before_the_primary() {
    let nodes = shard(["a", "a", "b", "c"]);
    let options = |zone: &str| Options::at(&nodes[0].url()).int(option::READ_FROM, ZONE).text(option::ZONE, zone);
    read(&options("b").client(), 20);
    assert_eq!(reads_of(&nodes), [0, 0, 20, 0]);
    read(&options("a").client(), 20);
    assert_eq!(reads_of(&nodes), [0, 20, 20, 0], "the primary is in it too, and is not read from");
    // Nobody is in this one: any replica will do.
    read(&options("d").client(), 60);
    let reads = reads_of(&nodes);
    assert_eq!((reads[0], reads.iter().sum::<usize>()), (0, 100));
    assert!(reads[1] > 20 && reads[2] > 20 && reads[3] > 0, "{reads:?}");
    // The one of the zone is dead: another; and where none is left, the primary.
    let near = options("b").client();
    nodes[2].dies();
    read(&near, 10);
    assert_eq!(reads_of(&nodes)[0], 0);
    [1, 3].into_iter().for_each(|node| nodes[node].dies());
    read(&near, 10);
    assert!(reads_of(&nodes)[0] > 0);
}

#[test]
fn a_replica_that_is_slow_is_read_from_less() {
    let nodes = shard(["", "", ""]);
    nodes[1].answers(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        Answer::Honest
    });
    let client = Options::at(&nodes[0].url()).int(option::READ_FROM, REPLICA).client();
    read(&client, 200);
    let reads = reads_of(&nodes);
    // A quarter, where both that are drawn are this one: so it is found out if it becomes faster.
    assert!((10..80).contains(&reads[1]) && reads[1] + reads[2] == 200, "{reads:?}");
}

#[test]
fn a_flag_that_can_have_no_effect_is_refused() {
    let [primary, _] = shard(["", ""]);
    let one = Server::start(&[]);
    let primaries = Options::at(&primary.url()).client();
    for (client, name) in [(&primaries, "cluster"), (&Options::at(&one.url()).client(), "single")] {
        let err = client.command_with(&["GET", "k"], call::PRIMARY, 0).expect_err("it has none");
        assert_eq!((err.status, err.outcome), (Status::ARGUMENT, Outcome::NOT_SENT), "{name}: {err:?}");
        assert!(err.message.contains("read_from"), "{err:?}");
    }
    assert_eq!(primary.times("GET"), 0);
    let mut conn = Options::at(&one.url()).client().conn().expect("a connection");
    let err = conn.command_with(&["GET", "k"], call::PRIMARY, 0).expect_err("it is to one server");
    assert_eq!((err.status, err.outcome), (Status::ARGUMENT, Outcome::NOT_SENT), "{err:?}");
    assert_eq!(conn.command_with(&["GET", "k"], 0, 0).expect("it goes on").dump(), "(nil)");
}

/// A connection that read from a replica would go on answering, whatever its server has become.
#[test]
fn after_each_change_of_roles_a_read_has_what_was_written() {
    let cluster = Cluster::start(&[]);
    let name = key(SLOT, "read");
    let clients: Vec<Client> = [0, PREFER_REPLICA, REPLICA, ANY]
        .map(|from| Options::of_cluster(&cluster.seeds()).int(option::READ_FROM, from).client())
        .into();
    for round in 0..4 {
        let value = round.to_string();
        for client in &clients {
            client.ask(&["GET", &name]);
        }
        assert_eq!(clients[0].ask(&["SET", &name, &value]), "+OK");
        // Whoever asks the primary reads its own write at once, and the others soon.
        for (client, flags) in clients.iter().zip([0, call::PRIMARY, call::PRIMARY, call::PRIMARY]) {
            let reply = client.command_with(&["GET", &name], flags, 0).expect("it is answered");
            assert_eq!(reply.dump(), format!("\"{value}\""));
            eventually("a replica has it", || client.ask(&["GET", &name]) == format!("\"{value}\""));
        }
        cluster.fail_over(cluster.replica(SLOT));
    }
}

/// How often a node was asked GET.
fn gets(cluster: &Cluster, node: usize) -> usize {
    assert!(node < NODES);
    let info = cluster.ask(node, &["INFO", "commandstats"]);
    let calls = info.split("cmdstat_get:calls=").nth(1).and_then(|rest| rest.split(',').next());
    calls.map_or(0, |calls| calls.parse().expect("a number"))
}
