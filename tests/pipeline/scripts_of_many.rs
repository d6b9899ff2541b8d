//! Scripts in a cluster: each server loads what it does not have, what one of them has lost goes whole to that one, and nothing runs
//! twice.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::c::{Client, Options, Outcome, Status, option};
use crate::support::cluster::Cluster;
use crate::support::moving::Mover;
use crate::support::node::{Answer, Asked, Node};
use crate::support::over::Over;
use crate::support::pipeline::{Pipeline, mode};
use crate::support::script::Script;
use crate::support::slots::{SLOTS, key};

const COUNT: &str = "return redis.call('INCRBY', KEYS[1], ARGV[1])";
const UNKNOWN_SCRIPT: &str = "NOSCRIPT No matching script. Please use EVAL.";

/// A key of a slot of the node with this number, where two have them all.
fn of(node: usize, name: impl std::fmt::Display) -> String {
    key(node * SLOTS / 2 + 7, name)
}

fn client(node: &Node) -> Client {
    Options::at(&node.url()).int(option::COMMAND_TIMEOUT_MS, 5000).int(option::RETRY_MAX, 0).client()
}

/// What a node knows of scripts, and what it ran.
#[derive(Default)]
struct Lua {
    has: HashSet<Vec<u8>>,
    /// The error that it answers SCRIPT LOAD, and SCRIPT EXISTS, with.
    no_load: Option<&'static str>,
    no_exists: Option<&'static str>,
    /// How often each key was counted up.
    counts: HashMap<String, i64>,
    /// What was asked, as one letter each: e(xists), l(oad), d(igest), w(hole), g(et).
    asked: String,
}

impl Lua {
    fn on(
        node: &Node,
        mut first: impl FnMut(&Asked<'_>, &mut Lua) -> Option<Answer> + Send + 'static,
    ) -> Arc<Mutex<Lua>> {
        let lua = Arc::new(Mutex::new(Lua::default()));
        node.answers({
            let lua = Arc::clone(&lua);
            move |said| {
                let mut lua = lua.lock().unwrap();
                lua.note(said);
                first(said, &mut lua).unwrap_or_else(|| lua.answer(said))
            }
        });
        lua
    }

    fn note(&mut self, said: &Asked<'_>) {
        let word = |at: usize| said.command.get(at).map(Vec::as_slice).unwrap_or_default();
        self.asked.push(match (word(0), word(1)) {
            (b"SCRIPT", b"EXISTS") => 'e',
            (b"SCRIPT", _) => 'l',
            (b"EVALSHA", _) => 'd',
            (b"EVAL", _) => 'w',
            _ => 'g',
        });
    }

    fn answer(&mut self, said: &Asked<'_>) -> Answer {
        let command = said.command;
        let sha = |text: &[u8]| Script::new(&String::from_utf8_lossy(text)).sha().into_bytes();
        match self.asked.chars().last() {
            Some('e') => match self.no_exists {
                Some(error) => Answer::Error(error.to_owned()),
                None => {
                    let exist = command[2..].iter().map(|sha| format!(":{}\r\n", i32::from(self.has.contains(sha))));
                    let bytes = format!("*{}\r\n{}", command.len() - 2, exist.collect::<String>());
                    Answer::Bytes(bytes.into_bytes())
                }
            },
            Some('l') => match self.no_load {
                Some(error) => Answer::Error(error.to_owned()),
                None => {
                    let sha = sha(&command[2]);
                    let bytes = format!("${}\r\n{}\r\n", sha.len(), String::from_utf8_lossy(&sha));
                    self.has.insert(sha);
                    Answer::Bytes(bytes.into_bytes())
                }
            },
            Some('d') if !self.has.contains(&command[1]) => Answer::Error(UNKNOWN_SCRIPT.to_owned()),
            Some(it @ ('d' | 'w')) => {
                if it == 'w' {
                    self.has.insert(sha(&command[1]));
                }
                let count = self.counts.entry(String::from_utf8_lossy(&command[3]).into_owned()).or_default();
                *count += 1;
                Answer::Bytes(format!(":{count}\r\n").into_bytes())
            }
            _ => Answer::Honest,
        }
    }
}

fn asked(lua: &Mutex<Lua>) -> String {
    std::mem::take(&mut lua.lock().unwrap().asked)
}

fn flush(lua: &Mutex<Lua>) {
    lua.lock().unwrap().has.clear();
}

/// Two scripts and a GET for each of two nodes, one behind the other.
fn six(client: &Client) -> Pipeline {
    let script = Script::new(COUNT);
    let mut pipeline = Pipeline::of(client);
    for name in ["a", "b"] {
        for node in 0..2 {
            script.add(&mut pipeline, 1, &[&of(node, name), "1"]);
        }
        pipeline.add(&["GET", &of(name.len() % 2, "x")]);
    }
    pipeline
}

/// What it is answered in the round with this number.
fn sixth(round: i64) -> String {
    let get = format!("\"v:{}\"", of(1, "x"));
    format!("[:{round} :{round} {get} :{round} :{round} {get}]")
}

#[test]
fn each_server_loads_what_it_does_not_have_once_and_in_the_same_burst() {
    let nodes = Node::several::<2>();
    let luas = [0, 1].map(|node: usize| Lua::on(&nodes[node], |_, _| None));
    let client = client(&nodes[0]);
    for round in 1..=3 {
        assert_eq!(six(&client).ask(mode::PLAIN), sixth(round));
        let sent = if round == 1 { ["eldd", "elddgg"] } else { ["dd", "ddgg"] };
        for (lua, sent) in luas.iter().zip(sent) {
            let mut asked: Vec<char> = asked(lua).chars().collect();
            asked.sort_by_key(|it| "eldg".find(*it));
            assert_eq!(asked.into_iter().collect::<String>(), sent, "round {round}");
        }
    }
    // What stands alone goes over the same connections, and they know it.
    assert_eq!(Script::new(COUNT).run(&client, 1, &[&of(0, "a"), "1"]).expect("it runs").dump(), ":4");
    assert_eq!(asked(&luas[0]), "d");
}

/// Each answers whether it has the script when both have been asked: they are asked at once.
#[test]
fn what_servers_have_lost_goes_whole_to_each_behind_the_others_and_all_are_asked_at_once() {
    let nodes = Node::several::<2>();
    let both = Arc::new(AtomicUsize::new(0));
    let waits = Arc::new(AtomicBool::new(false));
    let luas = [0, 1].map(|node: usize| {
        let (both, waits) = (Arc::clone(&both), Arc::clone(&waits));
        Lua::on(&nodes[node], move |said, _| {
            if !waits.load(Ordering::SeqCst) || !said.is("SCRIPT") {
                return None;
            }
            both.fetch_add(1, Ordering::SeqCst);
            let end = Instant::now() + Duration::from_secs(3);
            while both.load(Ordering::SeqCst) < 2 {
                if Instant::now() > end {
                    return Some(Answer::Error("ERR the other was not asked".to_owned()));
                }
                thread::sleep(Duration::from_millis(1));
            }
            None
        })
    });
    let client = client(&nodes[0]);
    assert_eq!(six(&client).ask(mode::PLAIN), sixth(1));
    luas.iter().for_each(|lua| drop(asked(lua)));
    flush(&luas[0]);
    assert_eq!(six(&client).ask(mode::PLAIN), sixth(2));
    assert_eq!([asked(&luas[0]), asked(&luas[1])], ["ddeww", "dgdg"]);
    waits.store(true, Ordering::SeqCst);
    luas.iter().for_each(|lua| flush(lua));
    let mut pipeline = six(&client);
    assert_eq!((pipeline.ask(mode::PLAIN), pipeline.failed()), (sixth(3), -1));
    assert_eq!([asked(&luas[0]), asked(&luas[1])], ["ddeww", "dgdgeww"]);
}

#[test]
fn where_a_server_loads_none_or_says_nothing_of_scripts_they_go_whole() {
    let nodes = Node::several::<2>();
    let luas = [0, 1].map(|node: usize| Lua::on(&nodes[node], |_, _| None));
    luas[1].lock().unwrap().no_load = Some("NOPERM no");
    let client = client(&nodes[0]);
    assert_eq!(six(&client).ask(mode::PLAIN), sixth(1));
    assert_eq!([asked(&luas[0]), asked(&luas[1])], ["eldd", "eldgdgww"]);
    assert_eq!(six(&client).ask(mode::PLAIN), sixth(2));
    assert_eq!([asked(&luas[0]), asked(&luas[1])], ["dd", "dgdg"]);
    // As with one server, who does not say which it has is not asked again.
    for lua in &luas {
        (lua.lock().unwrap().no_load, lua.lock().unwrap().no_exists) = (Some("NOPERM no"), Some("NOPERM no"));
        flush(lua);
    }
    let other = self::client(&nodes[1]);
    for (round, sent) in [(3, ["elddww", "eldgdgww"]), (4, ["ww", "wgwg"])] {
        assert_eq!(six(&other).ask(mode::PLAIN), sixth(round));
        assert_eq!([asked(&luas[0]), asked(&luas[1])], sent);
    }
}

#[test]
fn what_says_noscript_in_words_of_its_own_is_told_and_runs_once() {
    for (words, lost) in [("NOSCRIPT of my own", false), (UNKNOWN_SCRIPT, false), ("NOSCRIPT of my own", true)] {
        let nodes = Node::several::<2>();
        let says = Arc::new(AtomicBool::new(false));
        let luas = [0, 1].map(|node: usize| {
            let says = Arc::clone(&says);
            Lua::on(&nodes[node], move |said, lua| {
                if !said.is("EVALSHA") || !says.load(Ordering::SeqCst) {
                    return None;
                }
                lua.answer(said);
                if lost {
                    lua.has.clear();
                }
                Some(Answer::Error(words.to_owned()))
            })
        });
        let client = client(&nodes[0]);
        assert_eq!(six(&client).ask(mode::PLAIN), sixth(1));
        says.store(true, Ordering::SeqCst);
        let mut pipeline = Pipeline::of(&client);
        for node in 0..2 {
            Script::new(COUNT).add(&mut pipeline, 1, &[&of(node, "a"), "1"]);
        }
        assert_eq!(pipeline.ask(mode::PLAIN), format!("[-{words} -{words}]"));
        assert_eq!(pipeline.failed(), 0);
        for (lua, node) in luas.iter().zip(0..) {
            assert_eq!(lua.lock().unwrap().counts[&of(node, "a")], 2, "once");
        }
    }
}

#[test]
fn what_cannot_be_found_out_is_marked_unknown_and_not_sent_again() {
    for at in ["SCRIPT", "EVALSHA"] {
        let nodes = Node::several::<2>();
        let ends = Arc::new(AtomicBool::new(false));
        let luas = [0, 1].map(|node: usize| {
            let (ends, mut seen) = (Arc::clone(&ends), 0);
            Lua::on(&nodes[node], move |said, _| {
                if node == 1 || !ends.load(Ordering::SeqCst) || !said.is(at) {
                    return None;
                }
                seen += 1;
                // Of two EVALSHA it answers one.
                (at == "SCRIPT" || seen == 2).then_some(Answer::End)
            })
        });
        let client = client(&nodes[0]);
        assert_eq!(six(&client).ask(mode::PLAIN), sixth(1));
        ends.store(true, Ordering::SeqCst);
        luas.iter().for_each(|lua| {
            flush(lua);
            asked(lua);
        });
        let mut pipeline = six(&client);
        let reply = pipeline.run(mode::PLAIN).expect("the other part is whole");
        let dumps: Vec<String> = reply.elements().iter().map(|element| element.dump()).collect();
        assert!(dumps[0].contains("-UNKNOWN ") && dumps[3].contains("-UNKNOWN "), "{at}: {dumps:?}");
        assert_eq!([&dumps[1], &dumps[4], &pipeline.failed().to_string()], [":2", ":2", "0"]);
        assert_eq!([asked(&luas[0]), asked(&luas[1])], [if at == "SCRIPT" { "dde" } else { "dd" }, "dgdgeww"]);
        let mut alone = Pipeline::of(&client);
        Script::new(COUNT).add(&mut alone, 1, &[&of(0, "a"), "1"]);
        if at == "SCRIPT" {
            // On a new connection what stands in front ends it: nothing has run.
            let err = alone.run(mode::PLAIN).expect_err("no part is whole");
            assert_eq!((err.status, err.outcome), (Status::IO, Outcome::UNKNOWN), "{err:?}");
        }
    }
}

#[test]
fn scripts_follow_redirects_to_servers_that_do_not_have_them() {
    for word in ["MOVED", "ASK"] {
        let nodes = Node::several::<2>();
        let there = format!("{word} 7 {}", nodes[1].endpoint());
        let sends_away = Arc::new(AtomicBool::new(false));
        let away = Arc::clone(&sends_away);
        let here = Lua::on(&nodes[0], move |said, _| {
            let is_of_it = ["EVALSHA", "EVAL"].iter().any(|name| said.is(name));
            (is_of_it && away.load(Ordering::SeqCst)).then(|| Answer::Error(there.clone()))
        });
        let is_ask = word == "ASK";
        let lua = Lua::on(&nodes[1], move |said, _| {
            let is_of_it = ["EVALSHA", "EVAL"].iter().any(|name| said.is(name));
            (is_of_it && said.asking != is_ask).then(|| Answer::Error("ERR asked in the wrong way".to_owned()))
        });
        let client = client(&nodes[0]);
        let script = Script::new(COUNT);
        let run = |count: usize| {
            let mut pipeline = Pipeline::of(&client);
            (0..count).for_each(|_| script.add(&mut pipeline, 1, &[&key(7, "k"), "1"]));
            pipeline.ask(mode::PLAIN)
        };
        assert_eq!(run(2), "[:1 :2]");
        sends_away.store(true, Ordering::SeqCst);
        asked(&here);
        assert_eq!(run(3), "[:1 :2 :3]", "{word}");
        assert_eq!([asked(&here), asked(&lua)], ["ddd", "elddd"]);
        // One that the new one has lost, or cannot load.
        flush(&lua);
        assert_eq!(run(2), "[:4 :5]", "{word}");
        assert_eq!(asked(&lua), "ddeww");
        flush(&lua);
        lua.lock().unwrap().no_load = Some("NOPERM no");
        lua.lock().unwrap().no_exists = is_ask.then_some("NOPERM no");
        assert_eq!(script.run(&client, 1, &[&key(7, "k"), "1"]).expect("it runs").dump(), ":6", "{word}");
        assert_eq!(lua.lock().unwrap().counts[&key(7, "k")], 6, "each of them once");
        assert_eq!(here.lock().unwrap().counts[&key(7, "k")], 2);
    }
}

#[test]
fn scripts_of_transactions_and_of_replies_that_are_shown_go_whole() {
    let nodes = Node::several::<2>();
    let luas = [0, 1].map(|node: usize| Lua::on(&nodes[node], |_, _| None));
    let client = client(&nodes[0]);
    let mut seen = Vec::new();
    six(&client)
        .run_each(
            0,
            0,
            Box::new(|_, reply| {
                seen.push(reply.dump());
                Ok(())
            }),
        )
        .expect("all are there");
    assert_eq!(format!("[{}]", seen.join(" ")), sixth(1));
    assert_eq!([asked(&luas[0]), asked(&luas[1])], ["ww", "wgwg"]);
    let there = format!("MOVED 7 {}", nodes[1].endpoint());
    nodes[0].answers(move |said| match said.is("MULTI") {
        true => Answer::Bytes(b"+OK\r\n".to_vec()),
        false if said.is("EXEC") => Answer::Error("EXECABORT Transaction discarded".to_owned()),
        false => Answer::Error(there.clone()),
    });
    let mut seen = Vec::new();
    nodes[1].answers(move |said| {
        seen.push(String::from_utf8_lossy(&said.command[0]).into_owned());
        match seen.last().map(String::as_str) {
            Some("MULTI") => Answer::Bytes(b"+OK\r\n".to_vec()),
            Some("EVAL") => Answer::Bytes(b"+QUEUED\r\n".to_vec()),
            Some("EXEC") => Answer::Bytes(b"*2\r\n:1\r\n:2\r\n".to_vec()),
            _ => Answer::Error(UNKNOWN_SCRIPT.to_owned()),
        }
    });
    let mut pipeline = Pipeline::of(&client);
    (0..2).for_each(|_| Script::new(COUNT).add(&mut pipeline, 1, &[&key(7, "k"), "1"]));
    assert_eq!((pipeline.ask(mode::ATOMIC), pipeline.failed()), ("[:1 :2]".to_owned(), -1));
}

/// How often a node ran a command, by its own count.
fn calls(cluster: &Cluster, node: usize, name: &str) -> i64 {
    let stats = cluster.ask(node, &["INFO", "commandstats"]);
    let row = stats.split(&format!("cmdstat_{name}:calls=")).nth(1);
    row.and_then(|row| row.split(',').next()).map_or(0, |count| count.parse().expect("a count"))
}

#[test]
fn scripts_run_once_each_while_slots_move_and_servers_forget_them_and_fail_over() {
    let cluster = Cluster::start(&[]);
    let client = Options::at(&cluster.url()).client();
    let script = Script::new(COUNT);
    let keys: Vec<String> = (0..60).map(|at| key(at % 3 * (SLOTS / 3) + 11 + at / 3, at)).collect();
    let mut round = 0;
    let mut run = |atomic: bool| {
        round += 1;
        let mut pipeline = Pipeline::of(&client);
        if atomic {
            for of in keys.chunks(1).step_by(7) {
                script.add(&mut pipeline, 1, &[&of[0], "0"]);
                assert_eq!(pipeline.ask(mode::ATOMIC), format!("[:{}]", round - 1));
            }
        }
        keys.iter().for_each(|key| script.add(&mut pipeline, 1, &[key, "1"]));
        let reply = pipeline.run(mode::PLAIN).expect("no server is lost");
        let all = reply.elements().iter().map(|element| element.dump());
        assert!(all.clone().all(|dump| dump == format!(":{round}")), "{round}: {:?}", all.collect::<Vec<_>>());
    };
    run(false);
    let digests = |cluster: &Cluster| (0..3).map(|node| calls(cluster, node, "evalsha")).collect::<Vec<_>>();
    let wholes = |cluster: &Cluster| (0..3).map(|node| calls(cluster, node, "eval")).sum::<i64>();
    assert_eq!((digests(&cluster), wholes(&cluster)), (vec![20, 20, 20], 0));
    cluster.ask(1, &["SCRIPT", "FLUSH"]);
    run(false);
    assert_eq!((digests(&cluster), wholes(&cluster)), (vec![40, 40, 40], 20));
    run(true);
    // The new primary has never heard of it.
    let replica = cluster.replica(SLOTS / 3 + 11);
    cluster.fail_over(replica);
    run(true);
    let mut mover = Mover::new(&cluster);
    let moving = mover.begin(11, 2);
    run(true);
    mover.move_keys(&moving, 100);
    (0..3).for_each(|node| drop(cluster.ask(node, &["SCRIPT", "FLUSH"])));
    run(true);
    mover.end(moving);
    run(true);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let _over_at_the_end = Over(&over);
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                (0..3).for_each(|node| drop(cluster.ask(node, &["SCRIPT", "FLUSH"])));
            }
        });
        let moves = scope.spawn(|| mover.reshard(20..60, 2, 1));
        while !moves.is_finished() {
            run(false);
        }
    });
    run(false);
}
