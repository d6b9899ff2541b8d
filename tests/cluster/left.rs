//! A server leaves the map while it has a command: it is followed in what it answers, and its failure is not taken for its
//! successor's. Scripted nodes.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::support::c::{CErr, Client, Options, Outcome, Reply, stat};
use crate::support::node::{Answer, Node};
use crate::support::slots::{SLOTS, key};

/// A slot of the first of two nodes, and one of the second.
const OWN: usize = 100;
const OTHER: usize = SLOTS - 100;
/// An endpoint at which nobody is.
const NOWHERE: &str = "127.0.0.1:1";

fn get(client: &Client, slot: usize) -> Result<Reply, CErr> {
    client.command(&["GET", &key(slot, "k")])
}

/// What a call comes to whose server answers this after it has left the map: all slots are the second's by then.
fn answered_by_who_left(
    answer: impl Fn(&str) -> Answer + Send + 'static,
    call: impl Fn(&Client) -> Result<Reply, CErr> + Sync,
) -> Result<Reply, CErr> {
    let [one, two] = Node::several();
    let client = Options::of_cluster(&one.endpoint()).client();
    get(&client, OWN).expect("there is a connection to it");
    let scouts = client.stat(stat::SCOUTS);
    // The map may be read anew.
    thread::sleep(Duration::from_millis(300));
    let (comes, has_come) = mpsc::channel();
    let (leaves, has_left) = mpsc::channel();
    let to = two.endpoint();
    one.answers(move |_| {
        comes.send(()).expect("somebody waits for that");
        has_left.recv().expect("somebody says so");
        answer(&to)
    });
    two.says_that_all_is_of(&two);
    let mut is_first = true;
    // Whoever is referred to a server that it does not know reads the map anew.
    two.answers(move |_| match std::mem::take(&mut is_first) {
        true => Answer::Error(format!("MOVED {OTHER} {NOWHERE}")),
        false => Answer::Honest,
    });
    let told = thread::scope(|scope| {
        let told = scope.spawn(|| call(&client));
        has_come.recv().expect("the command comes");
        get(&client, OTHER).expect("it is the second's all the same");
        let known = client.servers().expect("they are known").dump();
        assert!(!known.contains(&one.endpoint()), "{known}");
        leaves.send(()).expect("it is asked");
        told.join().expect("no panic")
    });
    get(&client, OWN).expect("it is the second's by now");
    assert_eq!(client.stat(stat::SCOUTS), scouts, "nobody looks for a primary that is there");
    told
}

#[test]
fn where_it_refers_to_is_gone_to() {
    let moved = |to: &str| Answer::Error(format!("MOVED {OWN} {to}"));
    let told = answered_by_who_left(moved, |client| get(client, OWN));
    assert_eq!(told.expect("a value").dump(), format!("\"v:{}\"", key(OWN, "k")));
}

#[test]
fn its_end_is_not_its_successors() {
    let told = answered_by_who_left(|_| Answer::End, |client| get(client, OWN));
    assert_eq!(told.expect("a value").dump(), format!("\"v:{}\"", key(OWN, "k")));
    let told = answered_by_who_left(|_| Answer::End, |client| client.command(&["INCR", &key(OWN, "n")]));
    assert_eq!(told.expect_err("nobody knows whether it ran").outcome, Outcome::UNKNOWN);
}
