//! What a map remembers of redirects.

use super::super::many::Many;
use super::super::overdue;
use super::*;
use crate::conn::Dial;
use crate::options::Options;

/// A server that has everything, another, and a map of the first.
fn servers() -> ([Arc<Server>; 2], Map) {
    let many = Many::new(Dial::new(Options::new(), None, None).unwrap(), overdue::of_cluster);
    let server = |port| many.server(&Endpoint::Tcp { host: "h".to_owned(), port }, None);
    let (one, two) = (server(1), server(2));
    let shard = Shard { primary: Arc::clone(&one), replicas: Vec::new(), gate: Arc::default() };
    let map = Map::none().read(0, 1, None, vec![shard], [(0, 0, SLOTS - 1)].into_iter());
    ([one, two], map)
}

/// Each slot that a redirect changes is remembered, each once, and no more than the maximum of them.
#[test]
fn a_map_remembers_so_many_redirects_and_forgets_the_oldest() {
    let ([_, two], mut map) = servers();
    assert!(!map.is_patched());
    for slot in 0..PATCHES_MAX as u16 {
        map = map.with_slot(slot, &two);
    }
    let first = |map: &Map| map.patches.first().map(|(slot, _)| *slot);
    assert_eq!((map.patches.len(), first(&map)), (PATCHES_MAX, Some(0)));
    // One that is known changes again, and again.
    for _ in 0..3 {
        map = map.with_slot(7, &two);
    }
    assert_eq!((map.patches.len(), first(&map)), (PATCHES_MAX, Some(0)));
    map = map.with_slot(PATCHES_MAX as u16, &two);
    assert_eq!((map.patches.len(), first(&map)), (PATCHES_MAX, Some(1)));
    let owner = map.shard_of(0).map(|shard| Arc::ptr_eq(&shard.primary, &two));
    assert_eq!(owner, Some(true), "the slot itself is where it was moved to");
}

/// What was patched after somebody had been asked stays, and what was before that is as the answer says.
#[test]
fn a_patch_outlives_an_older_answer_and_no_newer_one() {
    let ([one, two], map) = servers();
    let (before, asked) = (map.with_slot(1, &two), map.number + 1);
    let after = before.with_slot(2, &two);
    let shards = [&one, &two].map(|one| Shard { primary: Arc::clone(one), replicas: Vec::new(), gate: Arc::default() });
    let read = after.read(asked, 2, None, shards.into(), [(0, 0, SLOTS - 1)].into_iter());
    let is_of =
        |slot: u16, server: &Arc<Server>| read.shard_of(slot).is_some_and(|shard| Arc::ptr_eq(&shard.primary, server));
    assert!(is_of(1, &one) && is_of(2, &two) && is_of(3, &one));
}

/// A server that is behind names a former primary, or two name each other: whatever they say, what is read from then on counts.
#[test]
fn who_is_named_by_others_keeps_no_map_from_being_taken_and_who_names_itself_does() {
    let many = Many::new(Dial::new(Options::new(), None, None).unwrap(), overdue::of_cluster);
    let server = |port| many.server(&Endpoint::Tcp { host: "h".to_owned(), port }, None);
    let (one, two) = (server(1), server(2));
    let shard = || Shard { primary: Arc::clone(&one), replicas: vec![Arc::clone(&two)], gate: Arc::default() };
    let map = Map::none().read(0, 1, None, vec![shard()], [(0, 0, SLOTS - 1)].into_iter());
    let named = map.with_slot(5, &two);
    let leads = |map: &Map, slot: u16| map.shard_of(slot).is_some_and(|shard| Arc::ptr_eq(&shard.primary, &two));
    assert!(leads(&named, 5) && leads(&named, 6), "the shard has another primary");
    assert!(named.promoted <= map.number && named.is_patched(), "and the map is to be read anew");
    let itself = map.with_primary(&map.shards()[0], &two);
    assert!(leads(&itself, 5) && itself.promoted > map.number);
}

/// Each time a replica becomes the primary, and nobody names the old one any more.
#[test]
fn the_last_sixteen_that_were_replaced_are_remembered() {
    let many = Many::new(Dial::new(Options::new(), None, None).unwrap(), overdue::of_cluster);
    let server = |port| many.server(&Endpoint::Tcp { host: "h".to_owned(), port }, None);
    let servers: Vec<Arc<Server>> = (0..19).map(server).collect();
    let mut map = Map::none();
    let mut take = |at: usize| {
        let replicas = vec![Arc::clone(&servers[at + 1])];
        let shard = Shard { primary: Arc::clone(&servers[at]), replicas, gate: Arc::default() };
        map = map.read(map.number, 1, None, vec![shard], [(0, 0, SLOTS - 1)].into_iter());
        let is_kept = |server: &Arc<Server>| map.replaced.iter().any(|kept| Arc::ptr_eq(kept, server));
        (map.replaced.len(), is_kept(&servers[0]))
    };
    for at in 0..=16 {
        assert_eq!(take(at), (at, at > 0));
    }
    assert_eq!(take(17), (16, false), "the one that was replaced first is forgotten");
}
