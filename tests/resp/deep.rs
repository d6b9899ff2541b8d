//! Nothing recurses: depth costs heap, and no stack.

use crate::dump::BOTH;
use rredis::limits::Limits;
use rredis::options::ParserChoice;
use rredis::reply::Reply;
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
