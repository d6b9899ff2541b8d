//! Nothing recurses: depth costs heap, and no stack.

use crate::dump::BOTH;
use rredis::limits::Limits;
use rredis::options::ParserChoice;
use rredis::reply::{Reply, View};
use rredis::resp;

/// As small a stack as any host gives a thread.
const STACK_BYTES: usize = 64 << 10;

fn on_a_small_stack(test: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, test).unwrap();
        thread.join().unwrap();
    });
}

fn parse_clone_free(choice: ParserChoice, depth: usize, open: &str) {
    let limits = Limits { depth: depth as u32, ..Limits::default() };
    let mut parser = resp::parser(choice, limits);
    parser.feed(open.repeat(depth).as_bytes()).unwrap();
    parser.feed(b":7\r\n").unwrap();
    let reply = Reply::build(parser.next().unwrap().unwrap()).unwrap();
    let clone = Reply::clone_of(reply.root()).unwrap();
    for tree in [reply, clone] {
        let mut view = tree.view();
        while let Some(inner) = view.get(view.len().wrapping_sub(1)) {
            view = inner;
        }
        assert_eq!(view.integer(), Some(7));
    }
}

#[test]
fn depth_512_fits_a_small_stack() {
    for choice in BOTH {
        on_a_small_stack(|| parse_clone_free(choice, 512, "*1\r\n"));
    }
}

#[test]
fn a_million_levels_fit_a_small_stack_where_the_limit_allows_them() {
    for choice in BOTH {
        on_a_small_stack(|| parse_clone_free(choice, 1_000_000, "*1\r\n"));
    }
}

/// Attributes of attributes, as deep as is allowed; a copy has them all.
#[test]
fn attributes_within_attributes_fit_a_small_stack() {
    const DEPTH: usize = 100_000;
    for choice in BOTH {
        on_a_small_stack(|| {
            let mut parser = resp::parser(choice, Limits { depth: DEPTH as u32, ..Limits::default() });
            parser.feed("|1\r\n".repeat(DEPTH).as_bytes()).unwrap();
            parser.feed(":1\r\n".repeat(2 * DEPTH + 1).as_bytes()).unwrap();
            let reply = Reply::build(parser.next().unwrap().unwrap()).unwrap();
            let copy = reply.part(reply.view()).unwrap();
            for tree in [reply, copy] {
                let (mut node, mut depth) = (tree.root(), 0);
                while let Some(map) = tree.attributes(node) {
                    (node, depth) = (View::new(map).get(0).unwrap().node(), depth + 1);
                }
                assert_eq!(depth, DEPTH);
            }
        });
    }
}

/// Were any byte looked at anew for each that follows, these would take hours.
#[test]
fn the_work_grows_with_the_bytes_and_not_with_the_pieces() {
    const SIZE: usize = 1 << 18;
    let bulk = [format!("${SIZE}\r\n").into_bytes(), vec![b'x'; SIZE], b"\r\n".to_vec()].concat();
    let array = [format!("*{}\r\n", SIZE / 4).into_bytes(), b":1\r\n".repeat(SIZE / 4)].concat();
    let pushes = [b"*1\r\n".to_vec(), b">0\r\n".repeat(SIZE / 4), b":1\r\n".to_vec()].concat();
    for (bytes, replies) in [(&bulk, 1), (&array, 1), (&pushes, SIZE / 4 + 1), (&b"+OK\r\n".repeat(SIZE / 5), SIZE / 5)]
    {
        for (choice, size) in BOTH.into_iter().flat_map(|choice| [(choice, 1), (choice, bytes.len())]) {
            assert_eq!(taken(choice, bytes, size), replies, "{choice:?} in pieces of {size}");
        }
    }
}

/// How many replies come out of these bytes in pieces of this size.
fn taken(choice: ParserChoice, bytes: &[u8], size: usize) -> usize {
    let mut parser = resp::parser(choice, Limits::default());
    let mut count = 0;
    for piece in bytes.chunks(size) {
        parser.feed(piece).unwrap();
        while parser.next().unwrap().is_some() {
            count += 1;
        }
    }
    assert!(parser.is_empty());
    count
}

#[test]
fn replies_that_wait_are_not_moved_for_each_that_is_taken() {
    const REPLIES: usize = 50_000;
    for choice in BOTH {
        let mut parser = resp::parser(choice, Limits::default());
        parser.feed(&b"$4\r\nwait\r\n".repeat(REPLIES)).unwrap();
        for _ in 0..REPLIES {
            parser.feed(b":1\r\n").unwrap();
            assert!(parser.next().unwrap().is_some());
        }
    }
}
