//! The first map, from whichever seed has one: seeds that are dead, silent, alone or of no cluster are passed over in time.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::support::c::{Client, Options, Outcome, Status, call, option, stat};
use crate::support::cluster::{Cluster, NODES};
use crate::support::node::{Answer, Node};
use crate::support::server::{Server, free_port};
use crate::support::slots::{SLOTS, key};

/// Well over what is allowed to one seed, on a busy machine too.
const SOON: Duration = Duration::from_secs(4);

fn is_served(client: &Client) {
    let begin = Instant::now();
    let name = key(100, "k");
    let reply = client.command_within(&["GET", &name], 0, 8_000).expect("one of the seeds knows");
    assert_eq!(reply.dump(), format!("\"v:{name}\""));
    assert!(begin.elapsed() < SOON, "{:?}", begin.elapsed());
}

#[test]
fn the_first_seed_may_be_dead_silent_or_know_nothing() {
    let node = Node::new();
    let silent = Node::new();
    silent.falls_silent();
    // It listens, and nobody accepts.
    let stuck = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let stuck_port = stuck.local_addr().expect("an address").port();
    let alone = Node::new();
    alone.says_info("fail", 0);
    alone.says_slots(b"*0\r\n".into());
    let rude = Node::new();
    rude.dies();
    let bad = [
        format!("127.0.0.1:{}", free_port()),
        silent.endpoint(),
        format!("127.0.0.1:{stuck_port}"),
        alone.endpoint(),
        rude.endpoint(),
        "nobody.invalid:7000".to_owned(),
    ];
    for seed in &bad {
        is_served(&Options::of_cluster(&format!("{seed},{}", node.endpoint())).client());
        is_served(&Options::of_cluster(&format!("{},{seed}", node.endpoint())).client());
    }
    is_served(&Options::of_cluster(&format!("{},{}", bad.join(","), node.endpoint())).client());
}

/// A seed is a name, and is looked up; one seed may also be given as HOST and PORT, or in a URL.
#[test]
fn a_seed_may_be_a_name_and_stand_in_other_options() {
    let node = Node::new();
    let by_name = format!("localhost:{}", node.port());
    is_served(&Options::of_cluster(&by_name).client());
    is_served(&Options::new().int(option::TOPOLOGY, 1).int(option::PORT, i64::from(node.port())).client());
    let dead = format!("127.0.0.1:{}", free_port());
    is_served(&Options::at(&format!("redis+cluster://{dead},{}", node.endpoint())).client());
    is_served(&Options::at(&format!("redis://{}?topology=cluster", node.endpoint())).client());
}

#[test]
fn where_no_seed_knows_all_who_ask_are_told_in_time() {
    let silent = Node::new();
    silent.falls_silent();
    for seeds in [format!("127.0.0.1:{}", free_port()), silent.endpoint()] {
        let client = Options::of_cluster(&seeds).client();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let begin = Instant::now();
                    let err = client.command_within(&["SET", "k", "v"], 0, 700).expect_err("nobody is there");
                    assert_eq!(err.outcome, Outcome::NOT_SENT, "{err:?}");
                    assert!([Status::CONNECT, Status::TIMEOUT].contains(&err.status), "{err:?}");
                    assert!(begin.elapsed() < SOON, "{:?}: {err:?}", begin.elapsed());
                });
            }
        });
        let begin = Instant::now();
        let err = client.command_within(&["SET", "k", "v"], call::NO_RETRY, 3_000).expect_err("nobody is there");
        assert!(err.outcome == Outcome::NOT_SENT && begin.elapsed() < SOON, "{:?}: {err:?}", begin.elapsed());
        assert_eq!(client.stat(stat::SERVERS), 0);
    }
}

#[test]
fn who_comes_while_the_first_map_is_read_waits_for_that_one() {
    let node = Node::new();
    node.does_before_hello(|| std::thread::sleep(Duration::from_millis(50)));
    let client = Options::of_cluster(&node.endpoint()).client();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| is_served(&client));
            // Who asks for the servers themselves waits as well.
            scope.spawn(|| assert_eq!(client.servers().expect("they are known").elements().len(), 1));
        }
        scope.spawn(|| drop(client.at_server(&node.endpoint()).expect("it is known")));
    });
    assert_eq!(node.refreshes(), 1);
    assert!(node.connections() <= 33, "{} connections", node.connections());
}

/// A server that says in its greeting that it is of no cluster is a matter of the options, whatever else it says.
#[test]
fn a_standalone_server_is_named() {
    let node = Node::new();
    node.is("standalone", "master");
    let client = Options::of_cluster(&node.endpoint()).client();
    // Who calls again at once is told as much, though nobody is asked again so soon.
    for _ in 0..5 {
        let err = client.command_within(&["GET", "k"], 0, 3_000).expect_err("it is of no cluster");
        assert_eq!((err.status, err.outcome), (Status::CONFIG, Outcome::NOT_SENT), "{err:?}");
        assert!(err.message.contains("topology"), "{err:?}");
    }
    assert_eq!(node.times("GET"), 0);
}

/// A wrong password does not become right by waiting.
#[test]
fn a_refused_login_is_told_at_once() {
    let server = Server::start(&["requirepass secret", "cluster-enabled yes", "cluster-node-timeout 500"]);
    let seeds = format!("127.0.0.1:{}", server.port());
    for options in [Options::of_cluster(&seeds), Options::of_cluster(&seeds).text(option::PASSWORD, "wrong")] {
        let client = options.client();
        let begin = Instant::now();
        let err = client.command_within(&["GET", "k"], 0, 8_000).expect_err("a password is asked for");
        assert_eq!((err.status, err.outcome), (Status::AUTH, Outcome::NOT_SENT), "{err:?}");
        assert!(begin.elapsed() < SOON, "{:?}", begin.elapsed());
        let err = client.command_within(&["GET", "k"], 0, 8_000).expect_err("a password is asked for");
        assert_eq!((err.status, err.outcome), (Status::AUTH, Outcome::NOT_SENT), "again: {err:?}");
    }
}

/// A node of a real cluster that was never joined, a seed that died, and all of them at last.
#[test]
fn a_real_cluster_is_found_by_any_of_its_nodes() {
    let mut cluster = Cluster::start(&[]);
    let name = key(1, "k");
    assert_eq!(cluster.ask(0, &["SET", &name, "v"]), "OK");
    for node in 0..NODES {
        let client = Options::of_cluster(&cluster.endpoint(node)).client();
        assert_eq!(client.ask(&["GET", &name]), "\"v\"", "node {node}");
        assert_eq!(client.stat(stat::SERVERS), NODES as i64);
    }
    let unjoined = Server::start(&["cluster-enabled yes"]);
    let dead = cluster.endpoint(5);
    cluster.kill(5);
    let seeds = format!("{dead},127.0.0.1:{},{}", unjoined.port(), cluster.endpoint(4));
    let client = Options::of_cluster(&seeds).client();
    assert_eq!(client.ask(&["GET", &name]), "\"v\"");
    assert!(client.stat(stat::SERVERS) >= 5);
    // Whoever finds nobody but the unjoined one is told what that says.
    let alone = Options::of_cluster(&format!("127.0.0.1:{}", unjoined.port())).client();
    let err = alone.command_within(&["GET", &name], 0, 600).expect_err("it knows nobody");
    assert!(err.outcome == Outcome::NOT_SENT || err.outcome == Outcome::REFUSED, "{err:?}");
}

/// A seed that gives a map and then dies is not needed any more.
#[test]
fn a_seed_may_go() {
    let [one, two] = Node::several();
    let client = Options::of_cluster(&one.endpoint()).client();
    is_served(&client);
    let other = key(16_000, "k");
    let flags = call::NO_RETRY;
    one.dies();
    assert_eq!(
        client.command_within(&["GET", &other], flags, 3_000).expect("it is well").dump(),
        format!("\"v:{other}\"")
    );
    two.answers(|_| Answer::Honest);
    let err = client.command_within(&["SET", &key(100, "k"), "v"], 0, 500).expect_err("its server is dead");
    assert!(err.outcome == Outcome::NOT_SENT || err.outcome == Outcome::UNKNOWN, "{err:?}");
    one.lives();
    is_served(&client);
}

/// A server that nobody asks anything keeps no connection for longer than one that is asked.
#[test]
fn connections_that_nobody_uses_are_closed_in_time() {
    let nodes = Node::several::<3>();
    let url = format!("{}?pool_idle=100ms&topology_age=200ms", nodes[0].url());
    let client = Options::at(&url).client();
    for slot in [1, SLOTS / 2, SLOTS - 1] {
        client.ask(&["GET", &key(slot, "k")]);
    }
    assert!(nodes.iter().all(|node| node.open() > 0));
    // The first alone is used, and the map is read anew now and then, from any of them.
    let is_closed = |node: &Node| node.open() == 0;
    let (mut once, begin) = ([false; 2], Instant::now());
    while once != [true; 2] {
        assert!(begin.elapsed() < Duration::from_secs(20), "{once:?}");
        client.ask(&["GET", &key(1, "k")]);
        once.iter_mut().zip(&nodes[1..]).for_each(|(once, node)| *once |= is_closed(node));
        std::thread::sleep(Duration::from_millis(10));
    }
}
