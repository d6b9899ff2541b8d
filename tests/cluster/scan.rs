//! A walk over all keys of a cluster with the cursor alone: every key that is there throughout is found, whatever moves meanwhile.
//! Real servers.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::c::{CErr, Client, Options, Outcome, Status, call, option};
use crate::support::cluster::{Cluster, first_slot};
use crate::support::moving::Mover;
use crate::support::slots::key;

const KEYS: usize = 600;

/// Keys in some slots of each shard.
fn fill(client: &Client) -> BTreeSet<String> {
    let name = |number: usize| key(first_slot(number % 3) + number / 3 % 20, number);
    let names: Vec<String> = (0..KEYS).map(name).collect();
    names.iter().for_each(|name| assert_eq!(client.ask(&["SET", name, "v"]), "+OK"));
    names.into_iter().collect()
}

/// One page: its keys, and the next cursor.
fn page(client: &Client, cursor: &str, more: &[&str]) -> Result<(Vec<String>, String), CErr> {
    let page = client.command_within(&[&["SCAN", cursor], more].concat(), call::RAW, 20_000)?;
    let text = |node: &crate::support::raw::Node| String::from_utf8_lossy(node.text()).into_owned();
    let [cursor, keys] = page.elements() else { panic!("{}", page.dump()) };
    Ok((keys.elements().iter().map(text).collect(), text(cursor)))
}

/// A whole walk, and how many pages it had. `meanwhile` is told of each page, and which server of a stage the next one is of.
fn walk(client: &Client, more: &[&str], mut meanwhile: impl FnMut(usize, usize)) -> (BTreeSet<String>, usize) {
    let (mut found, mut cursor, mut pages) = (BTreeSet::new(), "0".to_owned(), 0);
    loop {
        let (keys, next) = page(client, &cursor, more).expect("a page");
        found.extend(keys);
        (cursor, pages) = (next, pages + 1);
        if cursor == "0" {
            return (found, pages);
        }
        assert!(pages < 20 * KEYS, "it never ends");
        let place = cursor.split('-').nth(1).and_then(|place| place.parse().ok());
        meanwhile(pages, place.expect("a cursor has a place"));
    }
}

#[test]
fn a_walk_finds_every_key_once_and_ends() {
    let cluster = Cluster::start(&[]);
    for protocol in [3, 2] {
        let client = Options::of_cluster(&cluster.seeds()).int(option::PROTOCOL, protocol).client();
        let all = fill(&client);
        let mut count = 0;
        let (found, pages) = walk(&client, &["COUNT", "7"], |_, _| count += 1);
        assert_eq!((found, count + 1), (all.clone(), pages));
        assert!(pages >= KEYS / 20, "{pages}");
        let (found, _) = walk(&client, &["MATCH", "*}1*", "COUNT", "1000"], |_, _| {});
        assert_eq!(found, all.into_iter().filter(|name| name.contains("}1")).collect());
        assert_eq!(client.ask(&["FLUSHALL"]), "+OK");
        let (found, pages) = walk(&client, &[], |_, _| {});
        assert_eq!((found.len(), pages), (0, 3), "a page of each primary");
    }
    cursors_that_are_none(&cluster);
}

fn cursors_that_are_none(cluster: &Cluster) {
    let client = Options::of_cluster(&cluster.seeds()).client();
    fill(&client);
    for cursor in ["17", "x", "1-2", "1-2-3-4", "0-0-x"] {
        let err = page(&client, cursor, &[]).expect_err("it is none");
        assert_eq!((err.status, err.outcome), (Status::ARGUMENT, Outcome::NOT_SENT), "{err:?}");
    }
    // Eight walks are kept.
    let begun: Vec<String> = (0..9).map(|_| page(&client, "0", &["COUNT", "1"]).expect("a page").1).collect();
    let err = page(&client, &begun[0], &[]).expect_err("it is forgotten");
    assert_eq!((err.status, err.outcome), (Status::STATE, Outcome::NOT_SENT), "{err:?}");
    begun[1..].iter().for_each(|cursor| drop(page(&client, cursor, &[]).expect("it goes on")));
    let err = client.command(&["SCAN", "0", "COUNT", "x"]).expect_err("no number");
    assert_eq!((err.status, err.outcome), (Status::SERVER, Outcome::REFUSED), "{err:?}");
}

/// Slots move to a server that was gone through already, whole or in part, in the middle of a walk.
#[test]
fn a_walk_misses_nothing_that_moves() {
    let cluster = Cluster::start(&[]);
    let client = Options::of_cluster(&cluster.seeds()).client();
    let all = fill(&client);
    let mut mover = Mover::new(&cluster);
    // To the first server, which is gone through by then, as the order is that of the slots; half of one slot's keys stay.
    let mut half = None;
    let (found, _) = walk(&client, &["COUNT", "5"], |pages, _| {
        if pages == KEYS / 3 / 5 + 20 {
            mover.reshard((first_slot(2)..first_slot(2) + 15).chain(first_slot(1) + 18..first_slot(1) + 20), 0, 100);
            let moving = mover.begin(first_slot(2) + 16, 0);
            assert_eq!(mover.move_keys(&moving, 5), 5);
            half = Some(moving);
        }
    });
    assert_eq!(all.difference(&found).collect::<Vec<_>>(), Vec::<&String>::new());
    assert!(half.is_some(), "the walk was shorter than the move");
}

/// A slot that is away while its server is gone through, and is back before all servers were: it was nowhere when it was looked
/// for.
#[test]
fn a_walk_misses_nothing_that_was_away_and_came_back() {
    let cluster = Cluster::start(&[]);
    let client = Options::of_cluster(&cluster.seeds()).client();
    let all = fill(&client);
    let mut mover = Mover::new(&cluster);
    let (slot, mut moves, mut pages_of_last) = (first_slot(2), 0, 0);
    let (found, _) = walk(&client, &["COUNT", "5"], |_, place| {
        pages_of_last += usize::from(place == 2 && moves == 1);
        let is_time = (moves == 0 && place == 1) || pages_of_last == 35;
        if is_time && moves < 2 {
            mover.reshard(std::iter::once(slot), [0, 2][moves], 100);
            moves += 1;
        }
    });
    assert_eq!(all.difference(&found).collect::<Vec<_>>(), Vec::<&String>::new());
    assert_eq!(moves, 2, "the walk was shorter than the moves");
    // Half of a slot's keys are elsewhere when a walk begins, and come back when their owner was gone through.
    let mut half = Some(mover.begin(first_slot(0), 2));
    assert_eq!(mover.move_keys(half.as_ref().expect("it is open"), 5), 5);
    let (found, _) = walk(&client, &["COUNT", "5"], |_, place| {
        if place == 1
            && let Some(half) = half.take()
        {
            mover.call_off(half);
        }
    });
    assert_eq!(all.difference(&found).collect::<Vec<_>>(), Vec::<&String>::new());
    assert!(half.is_none(), "the walk was shorter than the move");
}

#[test]
fn a_walk_misses_nothing_while_slots_move_to_and_fro() {
    let cluster = Cluster::start(&[]);
    let client = Options::of_cluster(&cluster.seeds()).client();
    let (all, over) = (fill(&client), AtomicBool::new(false));
    thread::scope(|scope| {
        let moving = scope.spawn(|| {
            let mut mover = Mover::new(&cluster);
            for round in 0..6 {
                for shard in 0..3 {
                    let (slot, to) = (first_slot(shard), (shard + round + 1) % 3);
                    // One of them is in two places while the others move.
                    let half = mover.begin(slot + 19, to);
                    mover.move_keys(&half, 5);
                    mover.reshard(slot..slot + 19, to, 10);
                    while mover.move_keys(&half, 10) > 0 {}
                    mover.end(half);
                }
            }
            over.store(true, Ordering::Relaxed);
        });
        let mut walks = 0;
        while !over.load(Ordering::Relaxed) || walks == 0 {
            let (found, _) = walk(&client, &["COUNT", "10"], |_, _| {});
            assert_eq!(all.difference(&found).collect::<Vec<_>>(), Vec::<&String>::new(), "walk {walks}");
            walks += 1;
        }
        moving.join().expect("they move");
    });
}

/// A replica's cursors are others: where one takes over, it is gone through from the beginning.
#[test]
fn a_walk_misses_nothing_when_a_replica_takes_over() {
    let cluster = Cluster::start(&[]);
    let client = Options::of_cluster(&cluster.seeds()).client();
    let all = fill(&client);
    assert_eq!(cluster.ask(1, &["WAIT", "1", "5000"]), "1");
    let (found, _) = walk(&client, &["COUNT", "5"], |pages, _| {
        if pages == KEYS / 3 / 5 + 20 {
            cluster.fail_over(4);
        }
    });
    assert_eq!(found, all);
}
