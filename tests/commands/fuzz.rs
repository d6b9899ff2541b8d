//! Arbitrary trees through every built-in response callback: none panics or fails, what a parser's frame becomes is what the
//! tree becomes, what has its shape keeps it, and no text is lost on the way. And through every way that a reply takes to its
//! caller, by both parsers: each gives the same tree, attributes and all.
//!
//! `make fuzz` goes on for as long as RREDIS_TEST_SECONDS says, from the seed RREDIS_TEST_SEED, and prints the seed that failed.

mod ways;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

use crate::support::dice::Dice;
use proptest::prelude::*;
use rredis::commands::shape::{self, shape};
use rredis::limits::Limits;
use rredis::options::ParserChoice;
use rredis::reply::{Kind, Reply, View};
use rredis::resp;

/// Commands whose shape takes text apart, so that only the letters and digits of it can be found again; and words that mean
/// what a BOOL, a name or a place says then.
const TAKEN_APART: &[(&str, &[&str])] = &[
    ("ACL GETUSER", &[]),
    ("ACL LOG", &[]),
    ("CLIENT INFO", &[]),
    ("CLIENT LIST", &[]),
    ("CLUSTER INFO", &[]),
    ("CLUSTER NODES", &["disconnected", "connected"]),
    ("CLUSTER REPLICAS", &["disconnected", "connected"]),
    ("CLUSTER SLAVES", &["disconnected", "connected"]),
    ("DEBUG OBJECT", &[]),
    ("INFO", &[]),
    ("JSON.NUMINCRBY", &["null"]),
    ("JSON.NUMMULTBY", &["null"]),
    ("JSON.NUMPOWBY", &["null"]),
    ("MONITOR", &["lua", "unix", "x00", "n"]),
    ("SENTINEL MASTER", &[]),
    ("SENTINEL MASTERS", &[]),
    ("SENTINEL PRIMARIES", &[]),
    ("SENTINEL PRIMARY", &[]),
    ("SENTINEL REPLICAS", &[]),
    ("SENTINEL SENTINELS", &[]),
    ("SENTINEL SLAVES", &[]),
    ("TS.MRANGE", &["__reducer__", "__source__"]),
    ("TS.MREVRANGE", &["__reducer__", "__source__"]),
    // TERM says what stands behind it.
    ("FT.SPELLCHECK", &["TERM"]),
];

/// Where 0 is nothing.
const NOTHING_IS_ZERO: &[&str] = &["LASTSAVE"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, max_shrink_iters: 0, ..ProptestConfig::default() })]
    #[test]
    fn no_callback_loses_anything(seed in any::<u64>()) {
        every_callback(seed);
    }

    #[test]
    fn no_way_to_the_caller_loses_anything(seed in any::<u64>()) {
        ways::every_way(seed);
    }
}

#[test]
fn it_goes_on_for_as_long_as_is_asked() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (seconds, mut seed) = (number("RREDIS_TEST_SECONDS").unwrap_or(1), number("RREDIS_TEST_SEED").unwrap_or(1));
    let (begin, end) = (seed, Instant::now() + Duration::from_secs(seconds));
    while Instant::now() < end {
        every_callback(seed);
        ways::every_way(seed);
        seed += 1;
    }
    let names = (0..).map_while(shape::name).count();
    println!("{} trees, each through {names} callbacks and every way, from seed {begin}", seed - begin);
}

/// One tree, through every callback.
fn every_callback(seed: u64) {
    let mut dice = Dice::new(seed | 1, seed >> 32);
    let mut wire = String::new();
    value(&mut dice, 0, &mut wire);
    let raw = parsed(ParserChoice::Simple, &wire);
    for index in 0.. {
        let Some(name) = shape::name(index) else { break };
        let mut args: Vec<&str> = name.split(' ').collect();
        args.extend((0..dice.throw(6)).map(|_| ARGUMENTS[dice.throw(ARGUMENTS.len() as u64) as usize]));
        let args: Vec<&[u8]> = args.into_iter().map(str::as_bytes).collect();
        let context = || {
            format!(
                "seed {seed}: {} of {wire:?}",
                args.iter().map(|arg| arg.escape_ascii().to_string()).collect::<Vec<_>>().join(" ")
            )
        };
        let shape = shape(&args);
        let made = shape.reshape(&raw).unwrap_or_else(|error| panic!("{}: {error:?}", context()));
        let made = made.as_ref().unwrap_or(&raw);
        for choice in [ParserChoice::Fast, ParserChoice::Simple] {
            let mut parser = resp::parser(choice, Limits::default());
            parser.feed(wire.as_bytes()).expect("a parser takes bytes");
            let frame = parser.next().expect("good bytes").expect("a whole reply");
            let built = shape.build(frame).unwrap_or_else(|error| panic!("{}: {error:?}", context()));
            assert_eq!(shown(&built, built.view()), shown(made, made.view()), "{}: built and made", context());
        }
        let again = shape.reshape(made).unwrap_or_else(|error| panic!("{}: {error:?}", context()));
        let again = again.as_ref().unwrap_or(made);
        lost(name, made, again, &context);
        lost(name, &raw, made, &context);
    }
}

/// Panics if there is text in `before` that is not in `after`.
fn lost(name: &str, before: &Reply, after: &Reply, context: &dyn Fn() -> String) {
    let apart = TAKEN_APART.iter().find(|(command, _)| *command == name);
    let (mut old, mut new) = (BTreeMap::new(), BTreeMap::new());
    match apart {
        None => {
            texts(before.view(), &mut |text| *old.entry(text).or_insert(0) += 1);
            texts(after.view(), &mut |text| *new.entry(text).or_insert(0) += 1);
        }
        Some((_, words)) => {
            texts(before.view(), &mut |text| letters(&text, words, &mut old));
            texts(after.view(), &mut |text| letters(&text, &[], &mut new));
        }
    }
    for (text, count) in old {
        let is_nothing = NOTHING_IS_ZERO.contains(&name) && text == b"0";
        let found = new.get(&text).copied().unwrap_or(0);
        assert!(
            found >= count || is_nothing,
            "{}: lost {:?}, makes {}",
            context(),
            text.escape_ascii().to_string(),
            shown(after, after.view())
        );
    }
}

/// Every leaf as text. A BOOL is what it was made of: its words, or 0 and 1.
fn texts(view: View<'_>, found: &mut dyn FnMut(Vec<u8>)) {
    match view.kind() {
        Kind::RREDIS_REPLY_NULL => {}
        Kind::RREDIS_REPLY_BOOL if view.node().str.is_null() => found(view.node().integer.to_string().into_bytes()),
        Kind::RREDIS_REPLY_INTEGER => found(view.node().integer.to_string().into_bytes()),
        kind if kind as u32 >= 20 => view.children().for_each(|child| texts(child, found)),
        _ => found(view.text().to_vec()),
    }
}

/// Each letter and digit of a text, but of these words; how it is written does not count.
fn letters(text: &[u8], words: &[&str], found: &mut BTreeMap<Vec<u8>, i32>) {
    let mut text = String::from_utf8_lossy(text).into_owned();
    for word in words {
        text = text.replace(word, "");
    }
    for byte in text.bytes().filter(u8::is_ascii_alphanumeric) {
        *found.entry(vec![byte.to_ascii_lowercase()]).or_insert(0) += 1;
    }
}

/// A value in RESP3, with all below it: what servers say, in places where they never would.
fn value(dice: &mut Dice, depth: u32, wire: &mut String) {
    if depth < 4 && dice.throw(6) == 0 {
        attributes(dice, depth, wire);
    }
    let kinds = if depth < 6 { 27 } else { 12 };
    let _ = match dice.throw(kinds) {
        0 => write!(wire, "_\r\n"),
        1 => write!(wire, "$-1\r\n"),
        2 => write!(wire, "#{}\r\n", if dice.throw(2) == 0 { 't' } else { 'f' }),
        3 => write!(wire, ":{}\r\n", [0, 1, 2, -1, 1_795_374_051][dice.throw(5) as usize]),
        4 => write!(wire, ",{}\r\n", ["1", "0.5", "inf", "-1e300", "nan"][dice.throw(5) as usize]),
        5 => write!(
            wire,
            "+{}\r\n",
            ["OK", "OK 3 usable", "Background saving started", "1.5", "QUEUED", "PONG"][dice.throw(6) as usize]
        ),
        6 if depth > 0 => write!(wire, "-ERR no\r\n"),
        6 | 7 => {
            let text = text(dice);
            write!(wire, "={}\r\ntxt:{text}\r\n", text.len() + 4)
        }
        8..12 => {
            let text = text(dice);
            write!(wire, "${}\r\n{text}\r\n", text.len())
        }
        12 | 13 => {
            let len = dice.throw(4);
            let _ = write!(wire, "%{len}\r\n");
            (0..len).for_each(|_| {
                let name = text(dice);
                let _ = write!(wire, "${}\r\n{name}\r\n", name.len());
                value(dice, depth + 1, wire);
            });
            Ok(())
        }
        14 => aggregate('~', dice, depth, wire),
        22 | 23 => pieces(dice, wire),
        24 => streamed(dice, depth, wire),
        25 => write!(wire, "(-12345678901234567890123\r\n"),
        26 if depth > 0 => write!(wire, "!7\r\nERR a\nb\r\n"),
        15 => pairs(dice, depth, wire),
        16 => flat(dice, depth, wire),
        _ => aggregate('*', dice, depth, wire),
    };
}

fn aggregate(mark: char, dice: &mut Dice, depth: u32, wire: &mut String) -> std::fmt::Result {
    let len = dice.throw(7);
    write!(wire, "{mark}{len}\r\n")?;
    (0..len).for_each(|_| value(dice, depth + 1, wire));
    Ok(())
}

/// What annotates the value behind it.
fn attributes(dice: &mut Dice, depth: u32, wire: &mut String) {
    let len = dice.throw(3);
    let _ = write!(wire, "|{len}\r\n");
    for _ in 0..len {
        let name = text(dice);
        let _ = write!(wire, "${}\r\n{name}\r\n", name.len());
        value(dice, depth + 1, wire);
    }
}

/// A string in pieces.
fn pieces(dice: &mut Dice, wire: &mut String) -> std::fmt::Result {
    write!(wire, "$?\r\n")?;
    let text = text(dice);
    let at = (0..=text.len() / 2).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    for piece in [&text[..at], &text[at..]].into_iter().filter(|piece| !piece.is_empty()) {
        write!(wire, ";{}\r\n{piece}\r\n", piece.len())?;
    }
    write!(wire, ";0\r\n")
}

/// An aggregate whose length nobody said.
fn streamed(dice: &mut Dice, depth: u32, wire: &mut String) -> std::fmt::Result {
    let mark = ['*', '~', '%'][dice.throw(3) as usize];
    let len = dice.throw(4) * if mark == '%' { 2 } else { 1 };
    write!(wire, "{mark}?\r\n")?;
    (0..len).for_each(|_| value(dice, depth + 1, wire));
    write!(wire, ".\r\n")
}

/// A list of pairs, as many servers have it in place of a map.
fn pairs(dice: &mut Dice, depth: u32, wire: &mut String) -> std::fmt::Result {
    let len = dice.throw(4);
    write!(wire, "*{len}\r\n")?;
    for _ in 0..len {
        let name = text(dice);
        write!(wire, "*2\r\n${}\r\n{name}\r\n", name.len())?;
        value(dice, depth + 2, wire);
    }
    Ok(())
}

/// Names and values in turn.
fn flat(dice: &mut Dice, depth: u32, wire: &mut String) -> std::fmt::Result {
    let len = dice.throw(4);
    write!(wire, "*{}\r\n", 2 * len)?;
    for _ in 0..len {
        let name = text(dice);
        write!(wire, "${}\r\n{name}\r\n", name.len())?;
        value(dice, depth + 1, wire);
    }
    Ok(())
}

/// A word of a server's, a few of them, lines of them, or anything.
fn text(dice: &mut Dice) -> String {
    let mut word = || WORDS[dice.throw(WORDS.len() as u64) as usize].to_owned();
    let (one, two, three) = (word(), word(), word());
    match dice.throw(8) {
        // So much that the tree is built in the parser's own buffer.
        0 if dice.throw(128) == 0 => format!("{one}:{}", "x ".repeat(40_000)),
        0 => format!("{one} {two}={three}"),
        1 => format!("# {one}\r\n{two}:{three}\r\n\r\n"),
        2 => format!("{one}={two} {three}=x y\n{two}={one}"),
        3 => (0..dice.throw(9)).map(|_| char::from(dice.throw(128) as u8)).collect(),
        _ => one,
    }
}

fn parsed(choice: ParserChoice, wire: &str) -> Reply {
    let mut parser = resp::parser(choice, Limits::default());
    parser.feed(wire.as_bytes()).expect("a parser takes bytes");
    let frame = parser.next().unwrap_or_else(|error| panic!("{wire:?}: {error:?}"));
    Reply::build(frame.unwrap_or_else(|| panic!("{wire:?}"))).expect("it is built")
}

/// All that a reader of a node of this reply can see.
fn shown(reply: &Reply, view: View<'_>) -> String {
    let attributes = reply.attributes(view.node()).map(|map| format!("|{} ", shown(reply, View::new(map))));
    let attributes = attributes.unwrap_or_default();
    let inner: Vec<String> = view.children().map(|child| shown(reply, child)).collect();
    let (kind, text) = (view.kind() as u32, view.text().escape_ascii());
    match inner.is_empty() {
        true => format!("{attributes}{kind}:{}:{text}:{:?}", view.node().integer, view.node().number),
        false => format!("{attributes}{kind}[{}]", inner.join(" ")),
    }
}

const ARGUMENTS: &[&str] = &[
    "GET",
    "WITHSCORES",
    "WITHSCORE",
    "WITHVALUES",
    "NOVALUES",
    "WITHCOORD",
    "WITHDIST",
    "WITHHASH",
    "FULL",
    "JUSTID",
    "INCR",
    "IDX",
    "LEN",
    "STORE",
    "COUNT",
    "2",
    "1",
    "0",
    "-1",
    "key",
    "NOCONTENT",
    "WITHPAYLOADS",
    "WITHSORTKEYS",
    "RAW",
    "RESET",
    "WITHATTRIBS",
    "WITHCOUNT",
    "AGGREGATION",
    "avg,max",
    "ITEMS",
    "BYSCORE",
    "LIMIT",
    "SEARCH",
    "QUERY",
    "RETURN",
    "VALUES",
    "ELE",
    "BYPOLYGON",
    "FROMMEMBER",
    "CAPACITY",
    "SET",
    "WITHCURSOR",
    "WITHCODE",
    "18446744073709551615",
];
const WORDS: &[&str] = &[
    "",
    "a",
    "key",
    "7",
    "-7",
    "007",
    "+5",
    "1.5",
    "1e5",
    "inf",
    "OK",
    "QUEUED",
    "flags",
    "master",
    "s_down,master",
    "on",
    "commands",
    "+@all -get",
    "keys",
    "~a* %R~b*",
    "channels",
    "selectors",
    "enabled",
    "passwords",
    "labels",
    "rules",
    "Chunks",
    "aggregators",
    "reducers",
    "sources",
    "__reducer__",
    "__source__",
    "max",
    "a,b",
    "total_results",
    "results",
    "id",
    "score",
    "extra_attributes",
    "values",
    "format",
    "STRING",
    "warning",
    "attributes",
    "TERM",
    "Results",
    "Profile",
    "field statistics",
    "num_docs",
    "identifier",
    "SORTABLE",
    "functions",
    "engines",
    "running_script",
    "modules",
    "entries",
    "groups",
    "consumers",
    "first-entry",
    "last-entry",
    "pending",
    "slots",
    "nodes",
    "db.0",
    "age-seconds",
    "client-info",
    "id=3 addr=/a b/c db=0",
    "arguments",
    "history",
    "doc_flags",
    "subcommands",
    "begin_search",
    "spec",
    "matches",
    "len",
    "slave",
    "sentinel",
    "port",
    "config-epoch",
    "1-1",
    "decay",
    "ignoreMaxValDiff",
    "bytesPerSample",
    "histogram_usec",
    "[1, null,2.5]",
    "[]",
    "null",
    "Value at:0x7f refcount:1 encoding:embstr lru:5",
    "a1 1.1.1.1:5@6,h,x=y myself,master - 0 5 1 connected 0-5 7 [8->-b]",
    "1.5 [0 127.0.0.1:5] \"SET\" \"k\\x00\"",
    "1.5 [0 lua] \"GET\"",
    "cmdstat_host::calls=1",
    "lag",
    "name",
];
