//! What goes to several servers goes to all of them at once: connections are opened together, and parts that are redirected are sent
//! together. Each node waits here until the others have been asked too.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::c::{Client, Options, Reply, option, stat};
use crate::support::node::{Answer, Node};
use crate::support::pipeline::{Pipeline, mode};
use crate::support::slots::{SLOTS, key, slot_of};

/// Counts those who have come, and lets none go on before all are there.
#[derive(Clone, Default)]
struct Gathering(Arc<AtomicUsize>);

impl Gathering {
    /// Whether so many have come, after a while at the most.
    fn waits_for(&self, count: usize) -> bool {
        self.0.fetch_add(1, Ordering::SeqCst);
        let end = Instant::now() + Duration::from_secs(5);
        while self.0.load(Ordering::SeqCst) < count && Instant::now() < end {
            thread::sleep(Duration::from_millis(1));
        }
        self.0.load(Ordering::SeqCst) >= count
    }
}

fn options(node: &Node) -> Options {
    Options::at(&node.url()).int(option::SPLIT, 1).int(option::RETRY_MAX, 0).int(option::COMMAND_TIMEOUT_MS, 20_000)
}

/// Answers an MGET of one key, and anything else as an honest server does.
fn answer(command: &[Vec<u8>]) -> Answer {
    match command {
        [name, key] if name == b"MGET" => {
            let value = [b"v:", key.as_slice()].concat();
            let head = format!("*1\r\n${}\r\n", value.len());
            Answer::Bytes([head.as_bytes(), &value, b"\r\n"].concat())
        }
        _ => Answer::Honest,
    }
}

fn texts(reply: &Reply) -> Vec<String> {
    reply.elements().iter().map(|node| String::from_utf8_lossy(node.text()).into_owned()).collect()
}

fn values(names: &[String]) -> Vec<String> {
    names.iter().map(|name| format!("v:{name}")).collect()
}

fn mget(client: &Client, names: &[String]) -> Vec<String> {
    let args: Vec<&str> = std::iter::once("MGET").chain(names.iter().map(String::as_str)).collect();
    texts(&client.command(&args).expect("all are there"))
}

#[test]
fn parts_that_were_redirected_go_to_their_servers_at_once() {
    for word in ["MOVED", "ASK"] {
        let nodes = Node::several::<4>();
        let client = options(&nodes[0]).client();
        let names: Vec<String> = (1..4).map(|slot| key(slot, "k")).collect();
        assert_eq!(client.ask(&["GET", &names[0]]), format!("\"v:{}\"", names[0]));
        let places: Vec<String> = nodes.iter().map(Node::endpoint).collect();
        nodes[0].answers(move |asked| {
            let slot = slot_of(&asked.key());
            Answer::Error(format!("{word} {slot} {}", places[slot]))
        });
        let gathering = Gathering::default();
        for node in &nodes[1..] {
            let gathering = gathering.clone();
            node.answers(move |asked| match gathering.waits_for(3) {
                true if asked.asking == (word == "ASK") => answer(asked.command),
                true => Answer::Error("ERR it is asked in the wrong way".to_owned()),
                false => Answer::Error("ERR it is asked alone".to_owned()),
            });
        }
        assert_eq!(mget(&client, &names), values(&names), "{word}");
        let stat = if word == "ASK" { stat::ASKED } else { stat::MOVED };
        assert_eq!((client.stat(stat), nodes[0].times("MGET")), (3, 3));
    }
}

/// Some of a server's parts are asked for behind ASKING, and others are its own: each reply is that of its part.
#[test]
fn parts_with_asking_and_without_go_to_one_server_in_one_burst() {
    let nodes = Node::several::<2>();
    let client = options(&nodes[0]).client();
    // Of the first node's slots one goes to the other for this time, one for good, and one stays; the other has its own.
    let names = [1, 2, 3, SLOTS - 1].map(|slot| key(slot, "k"));
    let there = nodes[1].endpoint();
    nodes[0].answers(move |asked| match slot_of(&asked.key()) {
        1 => Answer::Error(format!("ASK 1 {there}")),
        2 => Answer::Error(format!("MOVED 2 {there}")),
        _ => answer(asked.command),
    });
    nodes[1].answers(|asked| match asked.asking == (slot_of(&asked.key()) == 1) {
        true => answer(asked.command),
        false => Answer::Error("ERR it is asked in the wrong way".to_owned()),
    });
    assert_eq!(mget(&client, &names), values(&names));
    assert_eq!(nodes[1].connections(), 1);
    // What is asked for, and is sent on once more, and refused for a while.
    let (here, mut left) = (nodes[0].endpoint(), 3);
    nodes[1].answers(move |asked| match slot_of(&asked.key()) {
        1 if left > 1 => {
            left -= 1;
            Answer::Error("TRYAGAIN Multiple keys request during rehashing of slot".to_owned())
        }
        1 if left > 0 => {
            left -= 1;
            Answer::Error(format!("MOVED 1 {here}"))
        }
        _ => answer(asked.command),
    });
    assert_eq!(mget(&client, &names), values(&names));
}

/// One by one, the first is given up before the second is begun, and begun once more.
#[test]
fn connections_are_opened_together() {
    for what in ["MGET", "DBSIZE", "a pipeline"] {
        // Where the machine is so busy that a second is not enough for three, that is no word about the library.
        let tries: Vec<[usize; 4]> = (0..5).map(|_| opened_for(what)).take_while(|opened| *opened != [1; 4]).collect();
        assert!(tries.len() < 5, "{what}: {tries:?}");
    }
}

/// How many connections four servers had, of which three greet when all three have been connected to.
fn opened_for(what: &str) -> [usize; 4] {
    let nodes = Node::several::<4>();
    let client = options(&nodes[0]).client();
    let names: Vec<String> = (0..4).map(|node| key(node * SLOTS / 4 + 9, "k")).collect();
    // The map is known, by a connection to the first.
    assert_eq!(client.ask(&["GET", &names[0]]), format!("\"v:{}\"", names[0]));
    let gathering = Gathering::default();
    for node in &nodes[1..] {
        let gathering = gathering.clone();
        node.does_before_hello(move || _ = gathering.waits_for(3));
    }
    nodes.iter().for_each(|node| node.answers(|asked| answer(asked.command)));
    match what {
        "MGET" => assert_eq!(mget(&client, &names), values(&names)),
        "DBSIZE" => {
            nodes.iter().for_each(|node| node.answers(|_| Answer::Bytes(b":1\r\n".to_vec())));
            assert_eq!(client.ask(&["DBSIZE"]), ":4");
        }
        _ => {
            let mut pipeline = Pipeline::of(&client);
            names.iter().for_each(|name| {
                pipeline.add(&["GET", name]);
            });
            let reply = pipeline.run(mode::PLAIN).expect("all are there");
            assert_eq!((texts(&reply), pipeline.failed()), (values(&names), -1));
        }
    }
    nodes.map(|node| node.connections())
}

/// Those that say nothing cost nothing of the others, and no connection stays lent. Where nothing may wait, each run tries once
/// whether they are back.
#[test]
fn servers_that_do_not_greet_cost_their_own_part() {
    let nodes = Node::several::<4>();
    let client = options(&nodes[0]).int(option::POOL_MAX, 1).int(option::FAILOVER_WAIT_MS, 0).client();
    let names: Vec<String> = (0..4).map(|node| key(node * SLOTS / 4 + 9, "k")).collect();
    assert_eq!(client.ask(&["GET", &names[0]]), format!("\"v:{}\"", names[0]));
    nodes[1].falls_silent();
    nodes[2].falls_silent();
    for round in 0..2 {
        let mut pipeline = Pipeline::of(&client);
        names.iter().for_each(|name| {
            pipeline.add(&["GET", name]);
        });
        let reply = pipeline.run(mode::PLAIN).expect("two parts are whole");
        let told = texts(&reply);
        assert_eq!([&told[0], &told[3]], [&values(&names)[0], &values(&names)[3]], "{round}");
        assert!(told[1].starts_with("NOT_SENT ") && told[2].starts_with("NOT_SENT "), "{told:?}");
        assert_eq!(client.stat(stat::CONNECTIONS_IN_USE), 0);
    }
    nodes[1].lives();
    nodes[2].lives();
    let end = Instant::now() + Duration::from_secs(20);
    let mut told = Vec::new();
    while told != values(&names) && Instant::now() < end {
        let mut pipeline = Pipeline::of(&client);
        names.iter().for_each(|name| {
            pipeline.add(&["GET", name]);
        });
        told = texts(&pipeline.run(mode::PLAIN).expect("all are there"));
    }
    assert_eq!(told, values(&names));
}
