//! What is built without a detour: a command is looked up and its shape found with no allocation at all, and a reply in its
//! canonical shape takes one, as it would as it came.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use rredis::commands::{self, shape::shape};
use rredis::limits::Limits;
use rredis::memory::Keeper;
use rredis::options::ParserChoice;
use rredis::reply::{Kind, Reply};
use rredis::resp;

/// The system's allocator, which counts what each thread asks of it.
struct Counting;

thread_local! {
    static ASKED: Cell<usize> = const { Cell::new(0) };
}

fn asked() {
    ASKED.set(ASKED.get() + 1);
}

// SAFETY: all that it does beside counting is the system's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        asked();
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        asked();
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        asked();
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// How often this asked for memory.
fn allocations<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = ASKED.get();
    let made = work();
    (made, ASKED.get() - before)
}

#[test]
fn what_is_known_of_a_command_is_found_without_memory() {
    let (_, counted) = allocations(|| vec![1_u8]);
    assert_eq!(counted, 1, "the count counts");
    let small: Vec<String> = commands::all().iter().map(|row| row.name().to_lowercase()).collect();
    let names = commands::all().iter().map(|row| row.name()).chain(small.iter().map(String::as_str));
    for name in names.chain(["NOSUCH", "client nosuch", ""]) {
        let args: Vec<&[u8]> = name.split(' ').map(str::as_bytes).chain([&b"key"[..], b"2", b"value"]).collect();
        let (_, counted) = allocations(|| commands::find(&args));
        assert_eq!(counted, 0, "to find {name}");
        let (_, counted) = allocations(|| {
            (commands::known(&args), commands::only_reads(&args), commands::blocking(&args), commands::effect(&args))
        });
        assert_eq!(counted, 0, "to ask about {name}");
        let (_, counted) = allocations(|| shape(&args));
        assert_eq!(counted, 0, "to find the shape of {name}");
    }
}

#[test]
fn a_reply_in_its_shape_is_one_allocation() {
    for choice in [ParserChoice::Fast, ParserChoice::Simple] {
        for (command, wire, kinds) in REPLIES {
            let args: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
            let shape = shape(&args);
            assert!(!shape.is_keep(), "{command} has a shape");
            let wire = wire.replace(' ', "\r\n");
            let mut parser = resp::parser(choice, Limits::default());
            // The first makes the parser's own room.
            for _ in 0..2 {
                parser.feed(wire.as_bytes()).expect("a parser takes bytes");
                drop(Reply::build(parser.next().expect("good bytes").expect("a whole reply")).expect("it is built"));
            }
            parser.feed(wire.as_bytes()).expect("a parser takes bytes");
            let frame = parser.next().expect("good bytes").expect("a whole reply");
            let (reply, counted) = allocations(|| shape.build(frame).expect("it is built"));
            assert_eq!(counted, 1, "{choice:?}: {command}");
            let view = reply.view();
            let found = (view.kind(), view.children().next().map(|child| child.kind()));
            assert!(found == *kinds, "{choice:?}: {command}: it has its shape");
        }
    }
}

/// Many short elements take more memory than bytes: the allocator would have it mapped and unmapped each time.
#[test]
fn a_large_reply_takes_the_memory_of_the_one_before_it() {
    let _keeper = Keeper::begin();
    for (choice, element) in
        [ParserChoice::Fast, ParserChoice::Simple].into_iter().flat_map(|choice| [(choice, ":1 "), (choice, "$1 a ")])
    {
        let wire = format!("*3000 {}", element.repeat(3000)).replace(' ', "\r\n");
        let mut parser = resp::parser(choice, Limits::default());
        let mut made = || {
            parser.feed(wire.as_bytes()).expect("a parser takes bytes");
            let frame = parser.next().expect("good bytes").expect("a whole reply");
            allocations(|| Reply::build(frame).expect("it is built"))
        };
        drop(made());
        let (reply, counted) = made();
        assert_eq!((reply.view().children().count(), counted), (3000, 0), "{choice:?}");
        assert_eq!(made().1, 1, "{choice:?}: the first is still there");
    }
}

/// What kind a canonical reply and its first element have.
type Kinds = (Kind, Option<Kind>);

/// Commands, and replies as they come (a space is the end of a line).
const REPLIES: &[(&str, &str, Kinds)] = &[
    ("HGETALL h", "*4 $1 a $1 1 $1 b $1 2 ", (Kind::RREDIS_REPLY_MAP, Some(Kind::RREDIS_REPLY_STRING))),
    ("HGETALL h", "%2 $1 a $1 1 $1 b $1 2 ", (Kind::RREDIS_REPLY_MAP, Some(Kind::RREDIS_REPLY_STRING))),
    ("CONFIG GET *", "*2 $1 a $1 1 ", (Kind::RREDIS_REPLY_MAP, Some(Kind::RREDIS_REPLY_STRING))),
    ("SMEMBERS s", "*2 $1 a $1 b ", (Kind::RREDIS_REPLY_SET, Some(Kind::RREDIS_REPLY_STRING))),
    (
        "ZRANGE z 0 -1 WITHSCORES",
        "*4 $1 a $1 1 $1 b $3 2.5 ",
        (Kind::RREDIS_REPLY_ARRAY, Some(Kind::RREDIS_REPLY_ARRAY)),
    ),
    (
        "ZRANGE z 0 -1 WITHSCORES",
        "*4 $1 a $18 1.2345678901234567 $1 b $4 -inf ",
        (Kind::RREDIS_REPLY_ARRAY, Some(Kind::RREDIS_REPLY_ARRAY)),
    ),
    (
        "ZRANGE z 0 -1 WITHSCORES",
        "*2 *2 $1 a ,1 *2 $1 b ,2.5 ",
        (Kind::RREDIS_REPLY_ARRAY, Some(Kind::RREDIS_REPLY_ARRAY)),
    ),
    ("ZSCORE z a", "$3 2.5 ", (Kind::RREDIS_REPLY_DOUBLE, None)),
    ("SET k v", "+OK ", (Kind::RREDIS_REPLY_BOOL, None)),
    ("EXPIRE k 1", ":1 ", (Kind::RREDIS_REPLY_BOOL, None)),
    ("SCRIPT EXISTS a b", "*2 :1 :0 ", (Kind::RREDIS_REPLY_ARRAY, Some(Kind::RREDIS_REPLY_BOOL))),
];
