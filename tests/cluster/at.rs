//! A client for one server of a cluster, or for whichever has a key's slot: all that is made of it is for that server. Real servers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::c::{Client, Options, Outcome, Status, Verdict, stat};
use crate::support::cluster::{Cluster, NODES, first_slot, id};
use crate::support::moving::Mover;
use crate::support::pipeline::Pipeline;
use crate::support::raw::mode;
use crate::support::server::eventually;
use crate::support::slots::key;

#[test]
fn all_that_is_made_of_a_client_for_one_server_is_for_that_server() {
    let cluster = Cluster::start(&[]);
    let client = Options::of_cluster(&cluster.seeds()).client();
    let unknown = client.at_server("127.0.0.1:1").map(drop).expect_err("there is none");
    assert_eq!((unknown.status, unknown.outcome), (Status::ARGUMENT, Outcome::NONE), "{unknown:?}");
    assert!(unknown.message.contains("127.0.0.1:1"), "{unknown:?}");
    let names: Vec<String> =
        (0..3).flat_map(|shard| (0..10 * (shard + 1)).map(move |at| key(first_slot(shard), at))).collect();
    names.iter().for_each(|name| assert_eq!(client.ask(&["SET", name, "v"]), "+OK"));
    for node in 0..NODES {
        let at = client.at_server(&cluster.endpoint(node)).expect("it is known");
        assert_eq!(at.command(&["CLUSTER", "MYID"]).expect("told").text(), id(node).as_bytes());
        if node < 3 {
            of_a_primary(&cluster, &at, node);
        }
        a_pipeline_and_a_connection(&cluster, &at, node);
        a_subscriber(&cluster, &at, node);
    }
}

fn of_a_primary(cluster: &Cluster, at: &Client, node: usize) {
    let count = 10 * (node + 1);
    assert_eq!(at.ask(&["DBSIZE"]), format!(":{count}"));
    assert_eq!(at.ask(&["GET", &key(first_slot(node), 0)]), "\"v\"");
    // Cursors are the server's own.
    let (mut cursor, mut found) = ("0".to_owned(), 0);
    loop {
        let page = at.command(&["SCAN", &cursor, "COUNT", "3"]).expect("a page");
        found += page.elements()[1].elements().len();
        cursor = String::from_utf8_lossy(page.elements()[0].text()).into_owned();
        if cursor == "0" {
            break;
        }
    }
    assert_eq!(found, count);
    // What another has is not followed.
    let other = (node + 1) % 3;
    let err = at.command(&["GET", &key(first_slot(other), 0)]).expect_err("another has it");
    assert_eq!((err.status, err.outcome), (Status::SERVER, Outcome::REFUSED), "{err:?}");
    assert_eq!(err.message, format!("MOVED {} {}", first_slot(other), cluster.endpoint(other)));
    assert_eq!(at.ask(&["CONFIG", "SET", "slowlog-max-len", &count.to_string()]), "+OK");
    assert!(cluster.ask(node, &["CONFIG", "GET", "slowlog-max-len"]).ends_with(&count.to_string()));
    assert!(!cluster.ask(other, &["CONFIG", "GET", "slowlog-max-len"]).ends_with(&count.to_string()));
}

fn a_pipeline_and_a_connection(cluster: &Cluster, at: &Client, node: usize) {
    let id = format!("\"{}\"", id(node));
    let mut pipeline = Pipeline::of(at);
    pipeline.add(&["CLUSTER", "MYID"]);
    pipeline.add(&["ECHO", "x"]);
    assert_eq!(pipeline.ask(mode::PLAIN), format!("[{id} \"x\"]"));
    let mut conn = at.conn().expect("there is one server");
    assert_eq!(conn.ask(&["CLUSTER", "MYID"]), id);
    if node >= NODES / 2 {
        // A replica reads where it is told to.
        let name = key(first_slot(node % 3), 0);
        assert_eq!(conn.ask(&["READONLY"]), "+OK");
        assert_eq!(conn.ask(&["GET", &name]), cluster.ask(node % 3, &["GET", &name]).replace('v', "\"v\""));
    }
}

fn a_subscriber(cluster: &Cluster, at: &Client, node: usize) {
    let (pubsub, channel) = (at.pubsub(), format!("channel-{node}"));
    pubsub.subscribe(&[&channel]);
    assert_eq!(pubsub.next(0).map(drop).expect_err("nothing yet").status, Status::AGAIN);
    let is_there = || cluster.ask(node, &["PUBSUB", "NUMSUB", &channel]).ends_with('1');
    eventually("the subscription is there", || {
        let _ = pubsub.next(0);
        is_there()
    });
    cluster.ask((node + 1) % NODES, &["PUBLISH", &channel, "told"]);
    assert!(pubsub.expect().contains("\"told\""));
}

#[test]
fn a_client_for_a_key_follows_its_slot() {
    let cluster = Cluster::start(&[]);
    let client = Options::of_cluster(&cluster.seeds()).client();
    let (slot, seen, freed) = (first_slot(1), Arc::new(AtomicUsize::new(0)), Arc::default());
    let counted = Arc::clone(&seen);
    let count = move |_: &[&[u8]], _: &crate::support::raw::Node, _: *mut std::ffi::c_void| {
        counted.fetch_add(1, Ordering::Relaxed);
        Verdict::Keep
    };
    client.callback("CLUSTER MYID", Some(Box::new(count)), &freed).expect("it can be set");
    let [name, other] = [key(slot, "k"), key(slot + 1, "k")];
    let at = client.at_key(&name).expect("any key will do");
    let created = client.stat(stat::CONNECTIONS_CREATED);
    drop(client);
    let owner =
        |at: &Client| String::from_utf8_lossy(at.command(&["CLUSTER", "MYID"]).expect("told").text()).into_owned();
    assert_eq!(created, 0, "nobody was asked");
    assert_eq!(at.ask(&["MSET", &name, "1", &key(slot, "l"), "2"]), "+OK");
    assert_eq!((owner(&at), at.ask(&["DBSIZE"])), (id(1), ":2".to_owned()));
    assert_eq!(seen.load(Ordering::Relaxed), 1, "the callbacks are the client's");
    let mut conn = at.conn().expect("it has one server");
    let mut mover = Mover::new(&cluster);
    mover.reshard([slot].into_iter(), 2, 10);
    // A MOVED is followed, for its own slot alone.
    assert_eq!(at.ask(&["GET", &name]), "\"1\"");
    assert_eq!((owner(&at), at.ask(&["DBSIZE"]), at.stat(stat::MOVED)), (id(2), ":2".to_owned(), 1));
    let err = at.command(&["GET", &other]).expect_err("another has it");
    assert!(err.message.starts_with("MOVED "), "{err:?}");
    let mut pipeline = Pipeline::of(&at);
    pipeline.add(&["CLUSTER", "MYID"]).add(&["INCR", &name]).add(&["DBSIZE"]);
    assert_eq!(pipeline.ask(mode::PLAIN), format!("[\"{}\" :2 :2]", id(2)));
    mover.reshard([slot].into_iter(), 0, 10);
    pipeline.add(&["INCR", &name]).add(&["DBSIZE"]);
    assert_eq!(pipeline.ask(mode::ATOMIC), "[:3 :2]");
    assert_eq!(owner(&at), id(0));
    // A connection stays where it is.
    let err = conn.command(&["GET", &name]).expect_err("another has it");
    assert!(err.message.starts_with("MOVED "), "{err:?}");
    assert_eq!(conn.ask(&["CLUSTER", "MYID"]), format!("\"{}\"", id(1)));
    assert_eq!(at.conn().expect("it has one server").ask(&["GET", &name]), "\"3\"");
    let err = at.at_key("another").map(drop).expect_err("it has one already");
    assert_eq!(err.status, Status::ARGUMENT, "{err:?}");
}

/// A connection is to one server: a client of a cluster has none to give, and says who has.
#[test]
fn a_client_of_a_cluster_gives_no_connection() {
    let cluster = Cluster::start(&[]);
    let client = Options::of_cluster(&cluster.seeds()).client();
    let err = client.conn().map(drop).expect_err("to which?");
    assert_eq!((err.status, err.outcome), (Status::ARGUMENT, Outcome::NONE), "{err:?}");
    assert!(err.message.contains("rredis_client_new_at"), "{err:?}");
    // One server is itself, by its name or by any key.
    let node = cluster.node(0);
    let single = Client::at(&node.url());
    let name = format!("127.0.0.1:{}", node.port());
    let own = [single.at_server(&name), single.at_key("any")].map(|made| made.expect("it is the server"));
    own.iter().for_each(|at| assert_eq!(at.ask(&["CLUSTER", "MYID"]), format!("\"{}\"", id(0))));
    assert_eq!(single.at_server("127.0.0.1:1").map(drop).expect_err("another").status, Status::ARGUMENT);
}
