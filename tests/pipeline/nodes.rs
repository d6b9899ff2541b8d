//! Pipelines over nodes that say what a test tells them to: what is refused is sent again where it belongs, and what is lost is
//! marked in its place.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::c::{Client, Options, Outcome, Reply, Status, call, option, stat};
use crate::support::node::{Answer, Node};
use crate::support::pipeline::{Pipeline, mode};
use crate::support::raw;
use crate::support::slots::{SLOTS, key};

/// A key of a slot of the node with this number, where three have them all.
fn of(node: usize, name: impl std::fmt::Display) -> String {
    key((node * SLOTS).div_ceil(3) + 7, name)
}

fn options(node: &Node) -> Options {
    Options::at(&node.url()).int(option::COMMAND_TIMEOUT_MS, 2000).int(option::RETRY_MAX, 0)
}

fn gets(client: &Client, keys: &[String]) -> Pipeline {
    let mut pipeline = Pipeline::of(client);
    for key in keys {
        pipeline.add(&["GET", key]);
    }
    pipeline
}

fn texts(reply: &Reply) -> Vec<String> {
    reply.elements().iter().map(|element| String::from_utf8_lossy(element.text()).into_owned()).collect()
}

fn values(keys: &[String]) -> Vec<String> {
    keys.iter().map(|key| format!("v:{key}")).collect()
}

/// Which elements are marked as the library's own.
fn marked(reply: &Reply) -> Vec<usize> {
    let is_marked = |index: &usize| {
        let attributes = reply.attributes(&reply.elements()[*index]);
        attributes.is_some_and(|attributes| attributes.dump() == "%[\"rredis\" :1]")
    };
    (0..reply.elements().len()).filter(is_marked).collect()
}

#[test]
fn each_command_goes_to_its_server_and_each_reply_into_its_place() {
    let nodes = Node::several::<3>();
    let client = options(&nodes[0]).client();
    let keys: Vec<String> = (0..100).map(|number| of(number * 7 % 3, number)).collect();
    for count in [1, 2, 3, 100] {
        let reply = gets(&client, &keys[..count]).run(mode::PLAIN).expect("all are there");
        assert_eq!(texts(&reply), values(&keys[..count]));
    }
    // One burst each.
    for (node, number) in nodes.iter().zip(0..) {
        let own: Vec<String> =
            keys.iter().filter(|key| **key == of(number, &key[key.find('}').unwrap() + 1..])).cloned().collect();
        let asked: Vec<String> = node
            .asked()
            .iter()
            .filter(|command| command[0] == b"GET")
            .map(|command| String::from_utf8_lossy(&command[1]).into_owned())
            .collect();
        assert!(asked.ends_with(&own), "in their order");
    }
    let mut pipeline = Pipeline::of(&client);
    let err = pipeline.try_add(&["MGET", &of(0, "a"), &of(1, "a")]).expect_err("of two slots");
    assert_eq!((err.status, err.outcome, pipeline.len()), (Status::ARGUMENT, Outcome::NOT_SENT, 0));
    pipeline.add(&["PING"]).add(&["GET", &of(2, "a")]).add(&["PING"]);
    assert_eq!(
        texts(&pipeline.run(mode::PLAIN).expect("keys are not needed")),
        ["PONG", &format!("v:{}", of(2, "a")), "PONG"]
    );
}

#[test]
fn what_is_refused_is_sent_again_to_where_it_belongs_each_behind_its_own_asking() {
    let nodes = Node::several::<3>();
    let client = options(&nodes[0]).client();
    let (one, two) = (nodes[1].endpoint(), nodes[2].endpoint());
    let (moved, asked) = (key(7, "moved"), key(8, "asked"));
    let tries = Arc::new(AtomicUsize::new(0));
    nodes[0].answers({
        let (moved, asked, tries) = (moved.clone(), asked.clone(), Arc::clone(&tries));
        move |said| match said.key() {
            key if key.starts_with(&moved) => Answer::Error(format!("MOVED 7 {one}")),
            key if key.starts_with(&asked) => Answer::Error(format!("ASK 8 {two}")),
            key if key.ends_with("again") && tries.fetch_add(1, Ordering::SeqCst) < 2 => {
                Answer::Error("TRYAGAIN Multiple keys request during rehashing of slot".to_owned())
            }
            _ => Answer::Honest,
        }
    });
    let without_asking = Arc::new(Mutex::new(Vec::new()));
    nodes[2].answers({
        let (asked, without_asking) = (asked.clone(), Arc::clone(&without_asking));
        move |said| {
            if said.key().starts_with(&asked) && !said.asking {
                without_asking.lock().unwrap().push(said.key());
            }
            Answer::Honest
        }
    });
    let keys: Vec<String> = (0..60)
        .map(|number| match number % 6 {
            0 => format!("{moved}{number}"),
            1 => format!("{asked}{number}"),
            2 if number < 10 => key(9, "again"),
            kind => of(kind % 3, number),
        })
        .collect();
    let mut pipeline = gets(&client, &keys);
    let reply = pipeline.run(mode::PLAIN).expect("nothing is lost");
    assert_eq!(texts(&reply), values(&keys));
    assert_eq!((pipeline.failed(), marked(&reply)), (-1, vec![]));
    assert!(without_asking.lock().unwrap().is_empty());
    let at_new: Vec<_> =
        nodes[1].asked().into_iter().filter(|command| command[1].starts_with(moved.as_bytes())).collect();
    let in_order: Vec<String> = keys.iter().filter(|key| key.starts_with(&moved)).cloned().collect();
    let at_new: Vec<String> = at_new.iter().map(|command| String::from_utf8_lossy(&command[1]).into_owned()).collect();
    assert_eq!(at_new, in_order, "of one slot in their order");
    // What has moved is known from now on.
    let before = nodes[0].asked().len();
    assert_eq!(texts(&gets(&client, &in_order).run(mode::PLAIN).expect("all are there")), values(&in_order));
    let since = nodes[0].asked().split_off(before);
    assert!(since.iter().all(|command| command[0] != b"GET"), "{since:?}");
}

#[test]
fn a_server_that_fails_costs_its_own_part_alone_and_it_is_marked() {
    let nodes = Node::several::<3>();
    let client = options(&nodes[0]).client();
    let keys: Vec<String> = (0..12).map(|number| of(number % 3, number)).collect();
    let seen = Arc::new(AtomicUsize::new(0));
    nodes[1].answers({
        let seen = Arc::clone(&seen);
        // Of its four commands it answers one.
        move |_| if seen.fetch_add(1, Ordering::SeqCst) == 1 { Answer::End } else { Answer::Honest }
    });
    let mut pipeline = Pipeline::of(&client);
    for key in &keys {
        pipeline.add(&["INCR", key]);
    }
    let reply = pipeline.run(mode::PLAIN).expect("the others are whole");
    let lost: Vec<usize> = (0..12).filter(|number| number % 3 == 1 && *number != 1).collect();
    assert_eq!((marked(&reply), pipeline.failed()), (lost.clone(), 4));
    for (index, text) in texts(&reply).iter().enumerate() {
        match lost.contains(&index) {
            true => assert!(text.starts_with("UNKNOWN ") && text.contains(&nodes[1].endpoint()), "{text}"),
            false => assert_eq!(text, "OK"),
        }
    }
    assert_eq!(nodes[1].times("INCR"), 2, "nothing is sent twice");
    // What only reads is.
    seen.store(0, Ordering::SeqCst);
    let client = Options::at(&nodes[0].url()).int(option::RETRY_MAX, 8).int(option::BACKOFF_MS, 1).client();
    assert_eq!(texts(&gets(&client, &keys).run(mode::PLAIN).expect("all are read")), values(&keys));
}

#[test]
fn where_every_part_failed_it_is_that_error() {
    let nodes = Node::several::<2>();
    let client = options(&nodes[0]).client();
    for (one, other, keys) in [(true, true, 2), (true, false, 1)] {
        for (node, ends) in nodes.iter().zip([one, other]) {
            node.answers(move |_| if ends { Answer::End } else { Answer::Honest });
        }
        let mut pipeline = Pipeline::of(&client);
        for slot in [7, SLOTS - 7].iter().take(keys) {
            pipeline.add(&["INCR", &key(*slot, "n")]);
        }
        let err = pipeline.run(mode::PLAIN).expect_err("no part is whole");
        assert_eq!((err.status, err.outcome, pipeline.failed()), (Status::IO, Outcome::UNKNOWN, 0), "{err:?}");
        assert!(err.message.ends_with(&format!("; 0 of {keys} commands were answered")), "{err:?}");
    }
}

#[test]
fn a_refusal_that_does_not_pass_is_told_in_the_servers_words_when_the_time_is_up() {
    let nodes = Node::several::<3>();
    let client = options(&nodes[0]).int(option::COMMAND_TIMEOUT_MS, 400).client();
    let words = "TRYAGAIN Multiple keys request during rehashing of slot";
    nodes[1].answers(move |_| Answer::Error(words.to_owned()));
    let keys: Vec<String> = (0..6).map(|number| of(number % 3, number)).collect();
    let began = Instant::now();
    let mut pipeline = gets(&client, &keys);
    let reply = pipeline.run(mode::PLAIN).expect("the others are whole");
    let told = texts(&reply);
    assert!(began.elapsed() < Duration::from_secs(30));
    assert_eq!([&told[1], &told[4]], [words, words]);
    assert_eq!((marked(&reply), pipeline.failed()), (vec![], 1));
    // Where it may not wait, it does not.
    let before = nodes[1].asked().len();
    let reply = gets(&client, &keys).run_with(mode::PLAIN, call::NO_RETRY, 0).expect("the others are whole");
    assert_eq!(texts(&reply)[1], words);
    assert_eq!(nodes[1].asked().len() - before, 2);
}

#[test]
fn a_ring_of_redirects_ends() {
    let nodes = Node::several::<2>();
    let client = options(&nodes[0]).client();
    for (node, other) in [(0, 1), (1, 0)] {
        let other = nodes[other].endpoint();
        nodes[node].answers(move |said| match said.key().ends_with("ring") {
            true => Answer::Error(format!("MOVED 7 {other}")),
            false => Answer::Honest,
        });
    }
    let keys = [key(7, "ring"), key(8, "a"), key(SLOTS - 9, "b")];
    let reply = gets(&client, &keys).run(mode::PLAIN).expect("the others are whole");
    let told = texts(&reply);
    assert!(told[0].starts_with("MOVED 7 "), "{told:?}");
    assert_eq!(told[1..], values(&keys)[1..]);
}

#[test]
fn a_silent_server_costs_its_own_part_its_time_and_no_more() {
    let nodes = Node::several::<3>();
    let client = options(&nodes[0]).int(option::COMMAND_TIMEOUT_MS, 300).client();
    nodes[2].answers(|_| Answer::Silence);
    let keys: Vec<String> = (0..6).map(|number| of(number % 3, number)).collect();
    let mut pipeline = Pipeline::of(&client);
    for key in &keys {
        pipeline.add(&["SET", key, "v"]);
    }
    let reply = pipeline.run(mode::PLAIN).expect("the others are whole");
    assert_eq!((marked(&reply), pipeline.failed()), (vec![2, 5], 2));
    assert!(texts(&reply)[5].starts_with("UNKNOWN ") && texts(&reply)[5].contains("nothing moved for 300 ms"));
    // A server that nobody reaches: nothing was sent.
    let [a, _, c] = nodes;
    drop(c);
    let mut pipeline = Pipeline::of(&client);
    for key in &keys {
        pipeline.add(&["SET", key, "v"]);
    }
    let reply = pipeline.run(mode::PLAIN).expect("the others are whole");
    assert_eq!(marked(&reply), [2, 5]);
    assert!(texts(&reply)[2].starts_with("NOT_SENT "), "{:?}", texts(&reply));
    drop(a);
}

/// A node that queues what stands behind MULTI, and answers EXEC; what it does about a command or EXEC itself is for `refuses`
/// to say, which is shown its name and whether ASKING stood before MULTI.
fn executes(node: &Node, mut refuses: impl FnMut(&str, bool) -> Option<String> + Send + 'static) {
    let (mut queued, mut asking, mut cause) = (None, false, None);
    node.answers(move |said| {
        let name = String::from_utf8_lossy(&said.command[0]).into_owned();
        if name == "MULTI" {
            (queued, asking, cause) = (Some(0), said.asking, None);
            return Answer::Bytes(b"+OK\r\n".to_vec());
        }
        let Some(count) = queued else { return Answer::Honest };
        if let Some(text) = refuses(&name, asking) {
            if name == "EXEC" {
                queued = None;
            }
            cause = Some(());
            return Answer::Error(text);
        }
        if name != "EXEC" {
            queued = Some(count + 1);
            return Answer::Bytes(b"+QUEUED\r\n".to_vec());
        }
        queued = None;
        match cause {
            Some(()) => Answer::Error("EXECABORT Transaction discarded because of previous errors.".to_owned()),
            None => Answer::Bytes(format!("*{count}\r\n{}", ":1\r\n".repeat(count)).into_bytes()),
        }
    });
}

fn two_incrs(client: &Client, slot: usize) -> Pipeline {
    let mut pipeline = Pipeline::of(client);
    pipeline.add(&["INCR", &key(slot, "a")]).add(&["INCR", &key(slot, "b")]);
    pipeline
}

#[test]
fn a_transaction_that_is_refused_as_a_whole_is_sent_whole_to_where_its_keys_are() {
    for (at, words) in [("INCR", "MOVED 7"), ("INCR", "ASK 7"), ("EXEC", "MOVED 7"), ("EXEC", "ASK 7")] {
        let nodes = Node::several::<2>();
        let client = options(&nodes[0]).client();
        let (there, is_ask) = (format!("{words} {}", nodes[1].endpoint()), words.starts_with("ASK"));
        executes(&nodes[0], move |name, _| (name == at).then(|| there.clone()));
        executes(&nodes[1], move |_, asking| (asking != is_ask).then(|| "ERR asked in the wrong way".to_owned()));
        let mut pipeline = two_incrs(&client, 7);
        assert_eq!((pipeline.ask(mode::ATOMIC), pipeline.failed()), ("[:1 :1]".to_owned(), -1), "{at} {words}");
        assert_eq!(nodes[1].times("EXEC"), 1);
        // Where it has moved, it goes there at once.
        let before = nodes[0].times("MULTI");
        assert_eq!(two_incrs(&client, 7).ask(mode::ATOMIC), "[:1 :1]");
        assert_eq!(nodes[0].times("MULTI") - before, usize::from(is_ask));
    }
    // What is refused for another reason is told, and what passes is waited for.
    let nodes = Node::several::<2>();
    let client = options(&nodes[0]).client();
    executes(&nodes[0], |name, _| (name == "INCR").then(|| "ERR no".to_owned()));
    let mut pipeline = two_incrs(&client, 7);
    let err = pipeline.run(mode::ATOMIC).expect_err("it was refused");
    assert_eq!((err.status, err.outcome, pipeline.failed()), (Status::ABORTED, Outcome::REFUSED, 0), "{err:?}");
    let mut left = 3;
    executes(&nodes[0], move |name, _| {
        left -= i32::from(name == "EXEC");
        (name == "EXEC" && left > 0).then(|| "TRYAGAIN Multiple keys request during rehashing of slot".to_owned())
    });
    assert_eq!(two_incrs(&client, 7).ask(mode::ATOMIC), "[:1 :1]");
}

#[test]
fn a_transaction_is_of_one_slot_and_refused_before_a_byte_leaves() {
    let nodes = Node::several::<2>();
    let client = options(&nodes[0]).client();
    let mut pipeline = Pipeline::of(&client);
    pipeline.add(&["INCR", &key(7, "a")]).add(&["PING"]).add(&["INCR", &key(8, "b")]);
    let err = pipeline.run(mode::ATOMIC).expect_err("two slots");
    assert_eq!((err.status, err.outcome, pipeline.len()), (Status::ARGUMENT, Outcome::NOT_SENT, 3), "{err:?}");
    assert!(err.message.contains("command 2") && err.message.contains("{tag}"), "{err:?}");
    assert_eq!(nodes[0].times("MULTI"), 0);
    pipeline.clear();
    let err = pipeline.watch(&[key(7, "a"), key(8, "a")]).expect_err("two slots");
    assert_eq!((err.status, err.outcome), (Status::ARGUMENT, Outcome::NOT_SENT));
    pipeline.watch(&[key(7, "a")]).expect("one slot");
    let err = pipeline.watch(&[key(8, "a")]).expect_err("another slot");
    assert_eq!((err.status, err.outcome), (Status::ARGUMENT, Outcome::NOT_SENT));
    let err = pipeline.command(&["GET", &key(8, "a")]).expect_err("another slot");
    assert_eq!((err.status, err.outcome), (Status::ARGUMENT, Outcome::NOT_SENT));
    assert_eq!(
        pipeline.command(&["GET", &key(7, "a")]).expect("what is watched").dump(),
        format!("\"v:{}\"", key(7, "a"))
    );
    pipeline.add(&["INCR", &key(8, "b")]);
    let err = pipeline.run(mode::ATOMIC).expect_err("another slot");
    assert_eq!((err.status, err.outcome, pipeline.len()), (Status::ARGUMENT, Outcome::NOT_SENT, 1), "{err:?}");
    let err = pipeline.run(mode::PLAIN).expect_err("it watches");
    assert_eq!(err.status, Status::STATE);
}

#[test]
fn what_is_watched_and_has_moved_is_as_if_it_had_changed() {
    for at in ["WATCH", "GET", "INCR", "EXEC"] {
        let nodes = Node::several::<2>();
        let client = options(&nodes[0]).client();
        let there = format!("MOVED 7 {}", nodes[1].endpoint());
        executes(&nodes[1], |_, _| None);
        match at {
            "WATCH" | "GET" => nodes[0].answers(move |said| match said.is(at) {
                true => Answer::Error(there.clone()),
                false => Answer::Honest,
            }),
            _ => executes(&nodes[0], move |name, _| (name == at).then(|| there.clone())),
        }
        let mut tries = 0;
        let mut pipeline = Pipeline::of(&client);
        let reply = pipeline.transact(
            &[key(7, "a")],
            10_000,
            Box::new(|pipeline| {
                tries += 1;
                pipeline.command(&["GET", &key(7, "a")]).map_err(|_| "it was read in vain")?;
                pipeline.add(&["INCR", &key(7, "a")]);
                Ok(())
            }),
        );
        assert_eq!(reply.expect("it goes through").dump(), "[:1]", "{at}");
        assert_eq!(tries, if at == "WATCH" { 1 } else { 2 }, "{at}");
        assert_eq!(nodes[1].times("EXEC"), 1);
    }
}

#[test]
fn replies_that_are_shown_come_in_the_order_of_their_commands() {
    let nodes = Node::several::<3>();
    let client = options(&nodes[0]).client();
    let there = format!("MOVED 7 {}", nodes[1].endpoint());
    nodes[0].answers(move |said| match said.key().contains("moved") {
        true => Answer::Error(there.clone()),
        false => Answer::Honest,
    });
    let keys: Vec<String> =
        (0..700).map(|at| if at % 50 == 9 { key(7, format!("moved{at}")) } else { of(at * 7 % 3, at) }).collect();
    let mut pipeline = gets(&client, &keys);
    let mut seen = Vec::new();
    let shown = pipeline.run_each(
        0,
        0,
        Box::new(|index, reply| {
            assert_eq!(index, seen.len());
            seen.push(String::from_utf8_lossy(reply.text()).into_owned());
            Ok(())
        }),
    );
    shown.expect("all are there");
    assert_eq!((&seen, pipeline.failed()), (&values(&keys), -1));
    // A function that fails ends it, and what is lost is shown in its place.
    let mut pipeline = gets(&client, &keys);
    let mut count = 0;
    let err = pipeline.run_each(
        0,
        0,
        Box::new(|index, _| {
            count += 1;
            if index == 300 { Err("enough") } else { Ok(()) }
        }),
    );
    let err = err.expect_err("the function failed");
    assert_eq!((err.status, err.outcome, count), (Status::CALLBACK, Outcome::UNKNOWN, 301), "{err:?}");
    nodes[2].answers(|said| if said.key().ends_with("}299") { Answer::End } else { Answer::Honest });
    let mut pipeline = Pipeline::of(&client);
    keys.iter().for_each(|key| {
        pipeline.add(&["INCR", key]);
    });
    let mut lost = Vec::new();
    pipeline
        .run_each(
            0,
            0,
            Box::new(|index, reply| {
                lost.extend(reply.dump().starts_with("-UNKNOWN ").then_some(index));
                Ok(())
            }),
        )
        .expect("the others are whole");
    let first = pipeline.failed();
    assert_eq!(lost.first().copied(), usize::try_from(first).ok());
    assert!(
        lost.iter().all(|index| index * 7 % 3 == 2 && (256..512).contains(index)) && lost.contains(&299),
        "{lost:?}"
    );
}

/// What is sent is what is to be held when the first of it is shown.
#[test]
fn few_long_replies_and_few_long_commands_are_under_way_at_a_time() {
    let nodes = Node::several::<2>();
    let client = options(&nodes[0]).client();
    let long = format!("${}\r\n{}\r\n", 64 << 10, "x".repeat(64 << 10));
    for node in &nodes {
        let long = long.clone().into_bytes();
        node.answers(move |_| Answer::Bytes(long.clone()));
    }
    let ahead = |pipeline: &mut Pipeline, name: &'static str| {
        let before: usize = nodes.iter().map(|node| node.times(name)).sum();
        let mut ahead = Vec::new();
        let show = |index: usize, _: &raw::Node| {
            let asked: usize = nodes.iter().map(|node| node.times(name)).sum();
            ahead.push(asked - before - index);
            Ok(())
        };
        pipeline.run_each(0, 0, Box::new(show)).expect("all are there");
        ahead
    };
    let keys: Vec<String> = (0..600).map(|at| of(at % 2, at)).collect();
    // The first 256 are to show how long they are.
    let of_replies = ahead(&mut gets(&client, &keys), "GET");
    assert!(of_replies[256..].iter().all(|ahead| *ahead <= 16) && of_replies.len() == 600, "{of_replies:?}");
    nodes.iter().for_each(|node| node.answers(|_| Answer::Honest));
    let value = "x".repeat(100 << 10);
    let mut pipeline = Pipeline::of(&client);
    for key in &keys[..60] {
        pipeline.add(&["SET", key, &value]);
    }
    let of_commands = ahead(&mut pipeline, "SET");
    assert!(of_commands.iter().all(|ahead| *ahead <= 10) && of_commands.len() == 60, "{of_commands:?}");
}

#[test]
fn callers_that_hold_one_connection_each_never_wait_for_each_other_in_a_ring() {
    let nodes = Node::several::<3>();
    let client = options(&nodes[0]).int(option::POOL_MAX, 1).int(option::COMMAND_TIMEOUT_MS, 20_000).client();
    thread::scope(|scope| {
        for number in 0..8 {
            let client = &client;
            scope.spawn(move || {
                for round in 0..30 {
                    let keys: Vec<String> = (0..6).map(|at| of((at + number + round) % 3, at)).collect();
                    let reply = gets(client, &keys).run(mode::PLAIN).expect("each has its turn");
                    assert_eq!((texts(&reply), marked(&reply)), (values(&keys), vec![]));
                }
            });
        }
    });
    assert!(nodes.iter().all(|node| node.connections() <= 2), "one each, and one that was asked for the map");
}

#[test]
fn a_run_that_is_woken_ends_on_all_servers() {
    let nodes = Node::several::<3>();
    let client = options(&nodes[0]).int(option::COMMAND_TIMEOUT_MS, -1).client();
    nodes.iter().for_each(|node| node.answers(|_| Answer::Silence));
    let mut pipeline = Pipeline::of(&client);
    (0..3).for_each(|node| {
        pipeline.add(&["INCR", &of(node, "a")]);
    });
    let waker = pipeline.waker();
    let err = thread::scope(|scope| {
        scope.spawn(move || {
            while nodes.iter().any(|node| node.times("INCR") == 0) {
                thread::sleep(Duration::from_millis(1));
            }
            assert_eq!(waker.wake(), 1);
        });
        pipeline.run(mode::PLAIN).expect_err("it was woken")
    });
    assert_eq!((err.status, err.outcome), (Status::WOKEN, Outcome::UNKNOWN), "{err:?}");
}

#[test]
fn where_no_server_is_there_at_all_nothing_was_sent() {
    let node = Node::new();
    let options = options(&node).int(option::COMMAND_TIMEOUT_MS, 500);
    drop(node);
    let client = options.client();
    for atomic in [mode::PLAIN, mode::ATOMIC] {
        let mut pipeline = Pipeline::of(&client);
        pipeline.add(&["INCR", "{a}1"]).add(&["INCR", "{a}2"]);
        let err = pipeline.run(atomic).expect_err("nobody is there");
        assert_eq!((err.status, err.outcome), (Status::CONNECT, Outcome::NOT_SENT), "{err:?}");
    }
    let err = Pipeline::of(&client).watch(&["a"]).expect_err("nobody is there");
    assert_eq!((err.status, err.outcome), (Status::CONNECT, Outcome::NOT_SENT), "{err:?}");
}

#[test]
fn a_run_that_broke_off_behind_its_first_replies_may_have_run() {
    let node = Node::new();
    let client = options(&node).client();
    let mut pipeline = Pipeline::of(&client);
    (0..300).for_each(|number| {
        pipeline.add(&["INCR", &key(7, number)]);
    });
    let mut node = Some(node);
    let mut count = 0;
    let shows = |index, _: &_| {
        count += 1;
        // From now on nobody is there.
        node = node.take().filter(|_| index < 255);
        Ok(())
    };
    let err = pipeline.run_each(call::NO_RETRY, 0, Box::new(shows)).expect_err("the server is gone");
    assert_eq!((err.outcome, count, pipeline.failed()), (Outcome::UNKNOWN, 256, 256), "{err:?}");
    assert!(err.message.ends_with("; 256 of 300 commands were answered"), "{err:?}");
}

#[test]
fn commands_that_are_read_again_are_told_of() {
    let nodes = Node::several::<2>();
    let told = Arc::new(Mutex::new(Vec::new()));
    let events = Arc::clone(&told);
    let options = options(&nodes[0]).int(option::RETRY_MAX, 3).int(option::BACKOFF_MS, 1);
    let client = options.on_event(Box::new(move |event| events.lock().unwrap().push(event.dump()))).client();
    let mut left = 1;
    nodes[0].answers(move |_| {
        left -= 1;
        if left == 0 { Answer::End } else { Answer::Honest }
    });
    let keys = [key(7, "a"), key(SLOTS - 7, "b")];
    assert_eq!(texts(&gets(&client, &keys).run(mode::PLAIN).expect("they are read again")), values(&keys));
    let told = told.lock().unwrap();
    let retries: Vec<_> = told.iter().filter(|event| event.contains("\"retry\"")).collect();
    assert!(retries.len() == 1 && retries[0].contains("PIPELINE"), "{told:?}");
    assert_eq!(client.stat(stat::RETRIES), 1);
}
