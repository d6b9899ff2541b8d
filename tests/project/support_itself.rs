//! The tests' own tools: a server that dies and comes back, peers that do what their script says.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::cluster::{Cluster, NODES, first_slot};
use crate::support::floor::Floor;
use crate::support::moving::Mover;
use crate::support::node::{Answer, Node};
use crate::support::over::Over;
use crate::support::peer::{Hello, Peer};
use crate::support::sentinels::Sentinels;
use crate::support::server::{Server, eventually, programs};
use crate::support::slots::{SLOTS, key, slot_of};

#[test]
fn a_server_starts_dies_comes_back_and_leaves_nothing_behind() {
    let mut server = Server::start(&["maxclients 100"]);
    assert_eq!(server.ask(&["PING"]), "PONG");
    assert_eq!(server.ask(&["CONFIG", "GET", "maxclients"]), "maxclients\n100");
    assert!(server.info("connected_clients") >= 1);
    let mut wire = server.wire();
    assert_eq!(wire.ask(&["SET", "k", "a value\r\nof two lines"]), "OK");
    assert_eq!(wire.ask(&["GET", "k"]), "a value\r\nof two lines");
    assert!(wire.ask(&["INCR", "k"]).starts_with("-ERR"));
    eventually("one who stays is listed", || server.clients().len() == 1);
    let port = server.port();
    server.kill();
    assert_eq!(server.process(), 0);
    server.restart();
    assert_eq!(server.port(), port);
    assert_eq!(server.ask(&["GET", "absent"]), "(nil)");
    let folder = server.folder().to_owned();
    drop(server);
    assert!(!folder.exists());
}

#[test]
fn a_frozen_server_answers_when_it_thaws() {
    let server = Server::start(&[]);
    let mut wire = server.wire();
    server.freeze(true);
    wire.send(&["PING"]);
    server.freeze(false);
    assert_eq!(wire.read(), "PONG");
}

#[test]
fn a_peer_shakes_hands_answers_and_records() {
    let peer = Peer::unix(Hello::Resp3, |line| {
        let command = line.command()?;
        assert_eq!(command, [b"GET".to_vec(), b"k".to_vec()]);
        line.drip(b"$1\r\nx\r\n", Duration::from_millis(1))?;
        line.mark();
        line.serve()
    });
    let path = peer.url().replace("unix://", "");
    let mut stream = UnixStream::connect(path).expect("it listens");
    stream.write_all(b"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n").expect("it reads");
    peer.until_marks(1);
    stream.write_all(b"*2\r\n$3\r\nget\r\n$1\r\nz\r\n").expect("it reads");
    let mut text = [0; 200];
    let mut len = 0;
    while !text[..len].ends_with(b"v:z\r\n") {
        len += stream.read(&mut text[len..]).expect("it answers");
    }
    assert!(text.starts_with(b"%3\r\n"));
    assert!(text[..len].ends_with(b"$1\r\nx\r\n$3\r\nv:z\r\n"));
    assert_eq!((peer.connections(), peer.commands(0).len()), (1, 3));
}

#[test]
fn a_peer_ends_resets_and_stalls_and_the_test_ends_it() {
    let start = Instant::now();
    let peer = Peer::tcp(Hello::Resp2, |line| match line.number {
        0 => Ok(()),
        1 => line.rst(),
        _ => line.stall(),
    });
    let address = peer.url().replace("redis://", "");
    let mut byte = [0];
    let connect = || TcpStream::connect(&address).expect("it listens");
    assert_eq!(connect().read(&mut byte).expect("the end"), 0);
    assert_eq!(connect().read(&mut byte).expect_err("a reset").kind(), ErrorKind::ConnectionReset);
    let mut stalled = connect();
    stalled.set_read_timeout(Some(Duration::from_millis(50))).expect("it can be");
    assert_eq!(stalled.read(&mut byte).expect_err("nothing").kind(), ErrorKind::WouldBlock);
    drop(peer);
    assert_eq!(stalled.read(&mut byte).expect("the end, with the peer's"), 0);
    assert!(start.elapsed() < Duration::from_secs(20), "a script ends when its peer is dropped");
}

#[test]
fn what_runs_beside_a_test_ends_where_the_test_fails() {
    let (over, ended) = (AtomicBool::new(false), AtomicBool::new(false));
    let failed = catch_unwind(AssertUnwindSafe(|| {
        thread::scope(|scope| {
            let _over_at_the_end = Over(&over);
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    thread::yield_now();
                }
                ended.store(true, Ordering::SeqCst);
            });
            resume_unwind(Box::new("not told to anybody"));
        });
    }));
    assert!(failed.is_err() && ended.load(Ordering::SeqCst));
}

#[test]
fn a_key_is_of_the_slot_that_servers_say_it_is() {
    assert_eq!(
        ["foo", "", "123456789", "{foo}bar", "{}foo", "foo{bar"].map(slot_of),
        [12182, 0, 12739, 12182, 9500, 15278]
    );
    assert!((0..SLOTS).all(|slot| slot_of(&key(slot, "name")) == slot));
}

/// Run a test against every server there is here, at once.
fn with_each(test: impl Fn(&Path) + Sync) {
    let programs = programs();
    thread::scope(|scope| {
        for program in &programs {
            scope.spawn(|| test(program));
        }
    });
}

#[test]
fn a_cluster_starts_changes_hands_and_leaves_nothing_behind() {
    with_each(|program| {
        let begin = Instant::now();
        let mut cluster = Cluster::start_program(program, &["maxclients 100"]);
        println!("{} as a cluster: {:?}", program.display(), begin.elapsed());
        let folders: Vec<_> = (0..NODES).map(|node| cluster.node(node).folder().to_owned()).collect();
        let (slot, key) = (5, key(5, "k"));
        assert_eq!((cluster.primary(slot), cluster.replica(slot)), (0, 3));
        assert_eq!(cluster.ask(0, &["SET", &key, "1"]), "OK");
        assert_eq!(cluster.ask(0, &["CLUSTER", "KEYSLOT", &key]), "5");
        assert!(cluster.ask(1, &["GET", &key]).starts_with(&format!("-MOVED 5 {}", cluster.endpoint(0))));
        // By hand, and nobody notices; then the primary dies.
        eventually("it is replicated", || cluster.ask(3, &["DBSIZE"]) == "1");
        cluster.fail_over(3);
        assert_eq!((cluster.primary(slot), cluster.ask(3, &["GET", &key])), (3, "1".to_owned()));
        cluster.until_whole();
        let ports = [0, 1, 2].map(|node| cluster.node(node).port());
        let floor = Floor::of_writes(&ports, &key);
        let killed = Instant::now();
        cluster.kill(3);
        let (taken, port) = floor.wait();
        println!("a primary killed: {:?}", taken - killed);
        assert!(port == ports[0] && taken > killed + Duration::from_millis(400), "{:?}", taken - killed);
        cluster.restart(3);
        cluster.until_whole();
        assert_eq!((cluster.primary(slot), cluster.replica(slot)), (0, 3));
        // And so does one that says nothing any more.
        let floor = Floor::of_writes(&[cluster.node(5).port()], &key_of(first_slot(2)));
        cluster.freeze(2, true);
        floor.wait();
        cluster.freeze(2, false);
        cluster.until_whole();
        assert_eq!(cluster.primary(first_slot(2)), 5);
        drop(cluster);
        assert!(folders.iter().all(|folder| !folder.exists()));
    });
}

fn key_of(slot: usize) -> String {
    key(slot, "k")
}

#[test]
fn slots_move_step_by_step_or_by_the_hundred() {
    let cluster = Cluster::start(&[]);
    let mut mover = Mover::new(&cluster);
    let keys = [key(7, "a"), key(7, "b")];
    keys.iter().for_each(|key| assert_eq!(cluster.ask(0, &["SET", key, key]), "OK"));
    let moving = mover.begin(7, 1);
    assert_eq!((mover.move_keys(&moving, 1), mover.move_keys(&moving, 0)), (1, 0));
    let answers = keys.each_ref().map(|key| cluster.ask(0, &["GET", key]));
    let asks = answers.iter().filter(|answer| answer.starts_with(&format!("-ASK 7 {}", cluster.endpoint(1))));
    assert_eq!(asks.count(), 1, "{answers:?}");
    assert!(cluster.ask(0, &[&["MGET"], &keys.each_ref().map(String::as_str)[..]].concat()).starts_with("-TRYAGAIN"));
    mover.call_off(moving);
    assert_eq!(keys.each_ref().map(|key| cluster.ask(0, &["GET", key])), keys);
    let moving = mover.begin(7, 1);
    while mover.move_keys(&moving, 1) > 0 {}
    mover.end(moving);
    assert_eq!(keys.each_ref().map(|key| cluster.ask(1, &["GET", key])), keys);
    let begin = Instant::now();
    mover.reshard(0..200, 2, 10);
    println!("200 slots moved: {:?}", begin.elapsed());
    assert_eq!(keys.each_ref().map(|key| cluster.ask(2, &["GET", key])), keys);
    assert_eq!((cluster.primary(0), cluster.primary(199), cluster.primary(200)), (2, 2, 0));
    cluster.until_whole();
}

#[test]
fn sentinels_start_name_another_and_leave_nothing_behind() {
    with_each(|program| {
        let begin = Instant::now();
        let mut sentinels = Sentinels::start_program(program, &[]);
        println!("{} with Sentinels: {:?}", program.display(), begin.elapsed());
        let folder = sentinels.sentinel(2).folder().to_owned();
        assert_eq!(sentinels.primary(), 0);
        let naming = sentinels.naming(0);
        let killed = Instant::now();
        sentinels.kill(0);
        println!("named after {:?}", naming.wait().0 - killed);
        eventually("it is known", || sentinels.primary() != 0);
        sentinels.restart(0);
        sentinels.until_whole();
        let old = sentinels.primary();
        let (naming, told) = (sentinels.naming(old), Instant::now());
        sentinels.fail_over();
        println!("by hand after {:?}", naming.wait().0 - told);
        drop(naming);
        drop(sentinels);
        assert!(!folder.exists());
    });
}

#[test]
fn a_node_says_what_it_is_told_to_and_counts() {
    let [one, two] = Node::several();
    one.answers(|asked| match asked.asking {
        true => Answer::Bytes(b":1\r\n".into()),
        false => Answer::Error("TRYAGAIN".to_owned()),
    });
    let mut stream = TcpStream::connect(one.endpoint()).expect("it listens");
    let mut ask = |command: &str, end: &str| {
        let words: Vec<&str> = command.split(' ').collect();
        let words = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect::<String>();
        let count = command.split(' ').count();
        stream.write_all(format!("*{count}\r\n{words}").as_bytes()).expect("it reads");
        let mut text = Vec::new();
        while !text.ends_with(end.as_bytes()) {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("it answers");
            text.push(byte[0]);
        }
        String::from_utf8(text).expect("text")
    };
    assert!(ask("HELLO 3", "$6\r\nmaster\r\n").contains("$4\r\nmode\r\n$7\r\ncluster\r\n"));
    assert!(ask("CLUSTER INFO", "\r\n\r\n").contains("cluster_state:ok\r\n"));
    let slots = ask("CLUSTER SLOTS", &format!("{:040x}\r\n*0\r\n", two.port()));
    assert!(slots.starts_with("*2\r\n*3\r\n:0\r\n:8191\r\n*4\r\n$9\r\n127.0.0.1\r\n:"), "{slots}");
    assert_eq!(ask("INCR k", "\r\n"), "-TRYAGAIN\r\n");
    assert_eq!(ask("ASKING", "\r\n"), "+OK\r\n");
    assert_eq!(ask("INCR k", "\r\n"), ":1\r\n");
    assert_eq!(ask("INCR k", "\r\n"), "-TRYAGAIN\r\n");
    assert_eq!((one.connections(), one.refreshes(), one.times("incr"), one.asked().len()), (1, 1, 3, 6));
    assert_eq!((two.connections(), two.refreshes()), (0, 0));
}
