//! Canonical shapes: whatever a server answers, in whatever protocol and through whatever parser.

use crate::support::c::{Client, Options, call, option};
use crate::support::server::Server;
use proptest::prelude::*;
use rredis::commands::shape::name;
use rredis::commands::{Shape, shape};
use rredis::limits::Limits;
use rredis::options::ParserChoice;
use rredis::reply::{Kind, Reply, View};
use rredis::resp;

#[test]
fn a_reply_is_the_same_in_both_protocols_and_through_both_parsers() {
    let server = Server::start(&[]);
    let clients: Vec<Client> = [(2, 1), (2, 2), (3, 1), (3, 2)]
        .map(|(protocol, parser)| {
            Options::at(&server.url()).int(option::PROTOCOL, protocol).int(option::PARSER, parser).client()
        })
        .into();
    for (command, expected) in CONVERSATION {
        let args: Vec<&str> = command.split(' ').collect();
        // What changes something is asked once; what does not, by everyone.
        let askers = if command.starts_with('!') { &clients[..1] } else { &clients[..] };
        let args: Vec<&str> = args.iter().map(|arg| arg.trim_start_matches('!')).collect();
        for client in askers {
            let reply = client.command(&args).unwrap_or_else(|err| panic!("{command}: {err:?}"));
            assert_eq!(reply.dump(), *expected, "{command}");
        }
    }
}

#[test]
fn raw_is_what_the_server_said() {
    let server = Server::start(&[]);
    let two = Options::at(&server.url()).int(option::PROTOCOL, 2).client();
    let three = Options::at(&server.url()).int(option::PROTOCOL, 3).client();
    two.command(&["ZADD", "z", "1", "a"]).expect("it is added");
    let args = ["ZRANGE", "z", "0", "-1", "WITHSCORES"];
    let raw = |client: &Client| client.command_with(&args, call::RAW, 0).expect("a reply").dump();
    assert_eq!((raw(&two).as_str(), raw(&three).as_str()), ("[\"a\" \"1\"]", "[[\"a\" ,1]]"));
}

/// A command, and its canonical reply. One that begins with ! changes something, and is asked once.
const CONVERSATION: &[(&str, &str)] = &[
    ("PING", "#1"),
    ("PING PONG", "\"PONG\""),
    ("!FLUSHALL", "#1"),
    ("!SET k v", "#1"),
    ("SET k v NX", "(nil)"),
    ("!SET k 10 GET", "\"v\""),
    ("!SETNX k w", "#0"),
    ("!EXPIRE k 1000", "#1"),
    ("EXPIRE none 1", "#0"),
    ("EXISTS k", ":1"),
    ("!INCRBYFLOAT k 0.5", ",10.5"),
    ("!MSET a 1 b 2", "#1"),
    ("!COPY a c", "#1"),
    ("!RENAMENX a b", "#0"),
    ("CONFIG GET maxmemory", "%[\"maxmemory\" \"0\"]"),
    ("CONFIG SET maxmemory 0", "#1"),
    ("SCRIPT EXISTS 0123456789012345678901234567890123456789", "[#0]"),
    ("!HSET h f v", ":1"),
    ("HGETALL h", "%[\"f\" \"v\"]"),
    ("HGETALL none", "%[]"),
    ("HEXISTS h f", "#1"),
    ("HEXISTS h g", "#0"),
    ("HRANDFIELD h", "\"f\""),
    ("HRANDFIELD h -2", "[\"f\" \"f\"]"),
    ("HRANDFIELD h -2 WITHVALUES", "[[\"f\" \"v\"] [\"f\" \"v\"]]"),
    ("HSCAN h 0", "[\"0\" %[\"f\" \"v\"]]"),
    ("!HSET n f 1", ":1"),
    ("!HINCRBYFLOAT n f 1.25", ",2.25"),
    ("!SADD s x", ":1"),
    ("SMEMBERS s", "~[\"x\"]"),
    ("SMEMBERS none", "~[]"),
    ("SISMEMBER s x", "#1"),
    ("SINTER s s", "~[\"x\"]"),
    ("SUNION s none", "~[\"x\"]"),
    ("SDIFF s none", "~[\"x\"]"),
    ("SRANDMEMBER s -2", "[\"x\" \"x\"]"),
    ("SPOP none 2", "~[]"),
    ("SPOP none", "(nil)"),
    ("SSCAN s 0", "[\"0\" [\"x\"]]"),
    ("!ZADD z 1 WITHSCORES 2.5 b", ":2"),
    ("!ZADD inf -inf low inf high", ":2"),
    ("!ZADD solo -inf m", ":1"),
    ("!ZADD z INCR 1 b", ",3.5"),
    ("ZADD z NX INCR 1 b", "(nil)"),
    ("ZSCORE z b", ",3.5"),
    ("ZSCORE z none", "(nil)"),
    ("ZMSCORE z b none", "[,3.5 (nil)]"),
    ("ZRANGE z 0 -1", "[\"WITHSCORES\" \"b\"]"),
    ("ZRANGE z 0 -1 WITHSCORES", "[[\"WITHSCORES\" ,1] [\"b\" ,3.5]]"),
    ("ZRANGE none 0 -1 WITHSCORES", "[]"),
    ("ZRANGE inf 0 -1 WITHSCORES", "[[\"low\" ,-inf] [\"high\" ,inf]]"),
    ("ZREVRANGE z 0 0 WITHSCORES", "[[\"b\" ,3.5]]"),
    ("ZRANGEBYSCORE z 0 2 WITHSCORES LIMIT 0 1", "[[\"WITHSCORES\" ,1]]"),
    ("ZREVRANGEBYSCORE z 9 3 WITHSCORES", "[[\"b\" ,3.5]]"),
    ("ZUNION 2 z WITHSCORES WITHSCORES", "[[\"WITHSCORES\" ,1] [\"b\" ,3.5]]"),
    ("ZUNION 2 z WITHSCORES", "[\"WITHSCORES\" \"b\"]"),
    ("ZINTER 2 z z WEIGHTS 1 1 WITHSCORES", "[[\"WITHSCORES\" ,2] [\"b\" ,7]]"),
    ("ZDIFF 2 z none WITHSCORES", "[[\"WITHSCORES\" ,1] [\"b\" ,3.5]]"),
    ("ZRANDMEMBER solo -2 WITHSCORES", "[[\"m\" ,-inf] [\"m\" ,-inf]]"),
    ("ZSCAN z 0", "[\"0\" [[\"WITHSCORES\" ,1] [\"b\" ,3.5]]]"),
    ("ZRANK z b", ":1"),
    ("ZRANK z none", "(nil)"),
    ("ZRANGEBYLEX z - +", "[\"WITHSCORES\" \"b\"]"),
    ("ZPOPMIN none", "[]"),
    ("ZMPOP 1 none MIN", "(nil)"),
    ("!ZPOPMIN z", "[[\"WITHSCORES\" ,1]]"),
    ("!ZPOPMAX z 5", "[[\"b\" ,3.5]]"),
    ("!ZADD z 1 a 2 b 3 c 4 d", ":4"),
    ("!ZMPOP 1 z MIN COUNT 2", "[\"z\" [[\"a\" ,1] [\"b\" ,2]]]"),
    ("!BZPOPMIN z 1", "[\"z\" \"c\" ,3]"),
    ("!BZMPOP 1 1 z MAX", "[\"z\" [[\"d\" ,4]]]"),
    ("BZPOPMAX none 0.01", "(nil)"),
    ("!SET one ohmytext", "#1"),
    ("!SET two mynewtext", "#1"),
    ("LCS one two", "\"mytext\""),
    ("LCS one two LEN", ":6"),
    ("LCS one two IDX", "%[\"matches\" [[[:4 :7] [:5 :8]] [[:2 :3] [:0 :1]]] \"len\" :6]"),
    ("CLIENT PAUSE 0", "#1"),
    ("SLOWLOG RESET", "#1"),
];

/// A value of RESP with whatever may be in it.
fn value() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("OK".to_owned()),
        Just("name".to_owned()),
        Just("flags".to_owned()),
        Just("a=1,b=2".to_owned()),
        Just("slots".to_owned()),
        Just("1".to_owned()),
        Just("-1.5e3".to_owned()),
        Just("17 digits".to_owned()),
        Just("# Server\r\nredis_version:8\r\nk:v=1,w=2\r\n".to_owned()),
        Just("id=1 addr=1.2.3.4:5 name= lib=a=b\n".to_owned()),
        Just("[1]".to_owned()),
        "[ -~]{0,12}",
    ];
    let bulk = |mark: char| word.clone().prop_map(move |text| format!("{mark}{}\r\n{text}\r\n", text.len()));
    let line = |mark: char| "[ -~]{0,9}".prop_map(move |text: String| format!("{mark}{text}\r\n"));
    let leaf = prop_oneof![
        4 => bulk('$'),
        2 => (-3i64..2000).prop_map(|number| format!(":{number}\r\n")),
        1 => Just("+OK\r\n".to_owned()),
        1 => line('+'),
        1 => line('-'),
        1 => Just("_\r\n".to_owned()),
        1 => Just("$-1\r\n".to_owned()),
        1 => Just("#t\r\n".to_owned()),
        1 => Just(",1.50\r\n".to_owned()),
        1 => Just("(123456789012345678901\r\n".to_owned()),
        1 => word.clone().prop_map(|text| format!("={}\r\ntxt:{text}\r\n", text.len() + 4)),
        1 => Just("$?\r\n;2\r\n1.\r\n;1\r\n5\r\n;0\r\n".to_owned()),
    ];
    leaf.prop_recursive(4, 48, 8, |inner| {
        let rows = prop::collection::vec(inner.clone(), 0..8);
        prop_oneof![
            5 => rows.clone().prop_map(|all| format!("*{}\r\n{}", all.len(), all.concat())),
            1 => rows.clone().prop_map(|all| format!("~{}\r\n{}", all.len(), all.concat())),
            1 => rows.clone().prop_map(|all| format!("*?\r\n{}.\r\n", all.concat())),
            2 => rows.prop_map(|all| format!("%{}\r\n{}", all.len() / 2, all[..all.len() / 2 * 2].concat())),
            1 => (inner.clone(), inner).prop_map(|(note, value)| format!("|1\r\n+note\r\n{note}{value}")),
        ]
    })
}

/// A command that has a shape, and arguments among which are options of all kinds.
fn command() -> impl Strategy<Value = Vec<String>> {
    const OPTIONS: &[&str] = &[
        "k",
        "0",
        "1",
        "2",
        "-1",
        "WITHSCORES",
        "WITHSCORE",
        "WITHVALUES",
        "WITHCOORD",
        "WITHDIST",
        "WITHHASH",
        "IDX",
        "GET",
        "INCR",
        "FULL",
        "JUSTID",
        "STREAMS",
        "GROUP",
        "BLOCK",
        "COUNT",
        "LIMIT",
        "STORE",
        "NOCONTENT",
        "WITHATTRIBS",
        "RAW",
        "RESET",
        "IDLE",
        "WITHCODE",
        "NOVALUES",
        "LEN",
        "WITHCOUNT",
        "WITHLABELS",
        "CLAIM",
        "DIALECT",
        "WITHCURSOR",
    ];
    let names = (0..).map_while(name).collect::<Vec<_>>();
    let options = prop::collection::vec(prop::sample::select(OPTIONS), 0..7);
    (prop::sample::select(names), options)
        .prop_map(|(command, options)| command.split(' ').chain(options).map(str::to_owned).collect())
}

fn built(wire: &str, choice: ParserChoice, shape: Shape) -> Reply {
    let mut parser = resp::parser(choice, Limits::default());
    parser.feed(wire.as_bytes()).expect("it is RESP");
    shape.build(parser.next().expect("it is RESP").expect("it is whole")).expect("a shape fails nothing")
}

/// Every text and number of a tree, in order.
fn leaves(view: View<'_>, out: &mut Vec<String>) {
    match view.kind() {
        Kind::RREDIS_REPLY_NULL => {}
        Kind::RREDIS_REPLY_INTEGER => out.push(view.node().integer.to_string()),
        Kind::RREDIS_REPLY_BOOL if view.node().str.is_null() => out.push(view.node().integer.to_string()),
        kind if (kind as u32) < Kind::RREDIS_REPLY_ARRAY as u32 => out.push(view.text().escape_ascii().to_string()),
        _ => view.children().for_each(|child| leaves(child, out)),
    }
}

fn all(reply: &Reply) -> Vec<String> {
    let mut out = Vec::new();
    leaves(reply.view(), &mut out);
    out
}

/// A tree as text, kinds and all.
fn shown(view: View<'_>) -> String {
    let children: Vec<String> = view.children().map(shown).collect();
    let node = view.node();
    let number = node.number.to_bits();
    format!("{:?} {} {number:x} {} [{}]", view.kind(), node.integer, view.text().escape_ascii(), children.join(", "))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_tree_is_too_strange_for_a_shape(wire in value(), command in command()) {
        let args: Vec<&[u8]> = command.iter().map(|arg| arg.as_bytes()).collect();
        let shape = shape(&args);
        let raw = built(&wire, ParserChoice::Fast, Shape::KEEP);
        let fast = built(&wire, ParserChoice::Fast, shape);
        let simple = built(&wire, ParserChoice::Simple, shape);
        prop_assert_eq!(shown(fast.view()), shown(simple.view()), "{:?}", command);
        // Made of the tree instead of the wire, it is the same.
        let made = shape.copy(raw.view()).expect("a shape fails nothing");
        prop_assert_eq!(shown(fast.view()), shown(made.view()), "{:?}", command);
        if !shape.needs_tree() && command[0] != "LASTSAVE" {
            prop_assert_eq!(all(&raw), all(&fast), "{:?}", command);
        }
        if raw.is_error() {
            prop_assert_eq!(shown(raw.view()), shown(fast.view()));
        }
    }

    #[test]
    fn what_is_canonical_stays_so(wire in value(), command in command()) {
        let args: Vec<&[u8]> = command.iter().map(|arg| arg.as_bytes()).collect();
        let shape = shape(&args);
        let once = built(&wire, ParserChoice::Fast, shape);
        let twice = shape.copy(once.view()).expect("a shape fails nothing");
        prop_assert_eq!(shown(once.view()), shown(twice.view()), "{:?}", command);
    }
}
