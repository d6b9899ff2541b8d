//! Each row with wire bytes of both protocols, through both parsers: one tree.

use super::index::FAMILIES;
use super::*;
use crate::limits::Limits;
use crate::options::ParserChoice;
use crate::reply::{Builder, Reply, View};
use crate::resp;
use crate::resp::Entry;

/// The reply to a command of words apart by spaces, from these bytes, as text; by both parsers alike.
pub(super) fn becomes(command: &str, wire: &str) -> String {
    let args: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
    let mut trees = Vec::new();
    for choice in [ParserChoice::Fast, ParserChoice::Simple] {
        let mut parser = resp::parser(choice, Limits::default());
        parser.feed(wire.as_bytes()).unwrap();
        let raw = Reply::build(parser.next().unwrap().expect(wire)).unwrap();
        let mut parser = resp::parser(choice, Limits::default());
        parser.feed(wire.as_bytes()).unwrap();
        let built = shape(&args).build(parser.next().unwrap().expect(wire)).unwrap();
        // Whichever way it is made, it is the same, and made again it stays so.
        let made = shape(&args).reshape(&raw).unwrap();
        assert_eq!(shown(made.as_ref().unwrap_or(&raw).view()), shown(built.view()), "{command}");
        let again = shape(&args).reshape(&built).unwrap();
        assert_eq!(shown(again.as_ref().unwrap_or(&built).view()), shown(built.view()), "{command}: again");
        let mut builder = Builder::new();
        shape(&args).add(&raw, raw.view(), &mut builder);
        assert_eq!(shown(builder.take().unwrap().view()), shown(built.view()), "{command}: as a part");
        // And so it is where a short reply of a batch goes to the tape at once.
        let mut parser = resp::parser(choice, Limits::default());
        parser.feed(wire.as_bytes()).unwrap();
        let mut gather = resp::Gather::new();
        let mut take = |entry: Entry, bytes: &[u8]| match shape(&args).leaf(entry, bytes) {
            Some(entry) => gather.take_leaf(entry, bytes).map(|()| true),
            None => Ok(false),
        };
        if parser.leaves(1, &mut take).unwrap() == 1 {
            let batch = Reply::build(gather.frame().unwrap()).unwrap();
            assert_eq!(shown(batch.view()), format!("[{}]", shown(built.view())), "{command}: in a batch");
        }
        trees.push(shown(built.view()));
    }
    assert_eq!(trees[0], trees[1], "{command}");
    trees.swap_remove(0)
}

/// The same of RESP2 and of RESP3.
#[track_caller]
pub(super) fn both(command: &str, resp2: &str, resp3: &str, expected: &str) {
    assert_eq!(becomes(command, resp2), expected, "{command} in RESP2");
    assert_eq!(becomes(command, resp3), expected, "{command} in RESP3");
}

/// A tree as text: "text", +status, -error, true, 1, 1.5|its text|, null, [array], ~[set], {key: value}.
pub(super) fn shown(view: View<'_>) -> String {
    use crate::reply::Kind::*;
    let text = view.text().escape_ascii().to_string();
    let elements: Vec<String> = view.children().map(shown).collect();
    match view.kind() {
        RREDIS_REPLY_NULL => "null".to_owned(),
        RREDIS_REPLY_INTEGER => view.node().integer.to_string(),
        RREDIS_REPLY_BOOL if !text.is_empty() => format!("{}({text})", view.node().integer == 1),
        RREDIS_REPLY_BOOL => (view.node().integer == 1).to_string(),
        RREDIS_REPLY_STRING => format!("\"{text}\""),
        RREDIS_REPLY_STATUS => format!("+{text}"),
        RREDIS_REPLY_ERROR => format!("-{text}"),
        RREDIS_REPLY_VERBATIM => format!("={text}"),
        RREDIS_REPLY_BIG_NUMBER => format!("({text}"),
        RREDIS_REPLY_DOUBLE => format!("{}|{text}|", view.node().number),
        RREDIS_REPLY_ARRAY => format!("[{}]", elements.join(", ")),
        RREDIS_REPLY_SET => format!("~[{}]", elements.join(", ")),
        RREDIS_REPLY_PUSH => format!(">[{}]", elements.join(", ")),
        RREDIS_REPLY_MAP => {
            let pairs: Vec<String> = elements.chunks(2).map(|pair| pair.join(": ")).collect();
            format!("{{{}}}", pairs.join(", "))
        }
    }
}

/// Bulk strings of RESP, one behind the other, in an aggregate of so many.
fn bulks(head: &str, texts: &[&str]) -> String {
    let texts: String = texts.iter().map(|text| format!("${}\r\n{text}\r\n", text.len())).collect();
    format!("{head}\r\n{texts}")
}

#[test]
fn ok_is_true_and_keeps_its_words() {
    let mut ok = 0;
    for row in status::ROWS {
        if row.becomes == "BOOL" && row.name != "BGSAVE" && row.name != "BGREWRITEAOF" {
            assert_eq!(becomes(row.name, "+OK\r\n"), "true(OK)");
            assert_eq!(becomes(&row.name.to_lowercase(), ":1\r\n"), "true");
            assert_eq!(becomes(row.name, ":0\r\n"), "false");
            for kept in ["-ERR OK\r\n", "+QUEUED\r\n", ":2\r\n", ":-1\r\n", "+OKAY\r\n", "$2\r\nOK\r\n", "$-1\r\n"] {
                assert_eq!(becomes(row.name, kept), becomes("GET k", kept), "{}", row.name);
            }
            ok += 1;
        }
    }
    assert!(ok > 80, "{ok}");
    assert_eq!(
        becomes("SENTINEL CKQUORUM m", "+OK 3 usable Sentinels. Quorum reachable\r\n"),
        "true(OK 3 usable Sentinels. Quorum reachable)"
    );
    for name in ["BGSAVE", "BGREWRITEAOF"] {
        assert_eq!(becomes(name, "+Background saving started\r\n"), "true(Background saving started)");
        assert_eq!(becomes(name, "+QUEUED\r\n"), "+QUEUED");
    }
}

#[test]
fn what_looks_like_yes_or_no_and_is_not_stays() {
    for command in
        ["DEL a", "SADD a b", "HSET a b c", "XGROUP CREATECONSUMER s g c", "SENTINEL RESET m", "ACL DELUSER u"]
    {
        assert_eq!(becomes(command, ":1\r\n"), "1", "{command}");
    }
    assert_eq!(becomes("HEXPIRE h 1 FIELDS 2 a b", "*2\r\n:1\r\n:-2\r\n"), "[1, -2]");
    assert_eq!(becomes("MIGRATE h 1 k 0 1", "+NOKEY\r\n"), "+NOKEY");
    assert_eq!(becomes("MIGRATE h 1 k 0 1", "+OK\r\n"), "+OK");
    assert_eq!(becomes("RESET", "+RESET\r\n"), "+RESET");
    assert_eq!(becomes("EVAL x 0", "+OK\r\n"), "+OK");
}

#[test]
fn some_answer_yes_in_a_form_of_their_own() {
    assert_eq!(becomes("SET k v", "+OK\r\n"), "true(OK)");
    both("SET k v NX", "$-1\r\n", "_\r\n", "null");
    assert_eq!(becomes("SET k v EX GET get", "$3\r\nold\r\n"), "\"old\"");
    assert_eq!(becomes("SET GET GET", "+OK\r\n"), "true(OK)");
    assert_eq!(becomes("SET k v IFEQ GET", "+OK\r\n"), "true(OK)");
    both("SET k v NX GET", "$-1\r\n", "_\r\n", "null");
    assert_eq!(becomes("PING", "+PONG\r\n"), "true(PONG)");
    assert_eq!(becomes("PING", "+PENG\r\n"), "+PENG");
    assert_eq!(becomes("PING PONG", "$4\r\nPONG\r\n"), "\"PONG\"");
    assert_eq!(becomes("SCRIPT EXISTS a b", "*2\r\n:1\r\n:0\r\n"), "[true, false]");
    assert_eq!(becomes("CLIENT KILL 1.2.3.4:5", "+OK\r\n"), "true(OK)");
    assert_eq!(becomes("CLIENT KILL ID 1", ":1\r\n"), "1");
    assert_eq!(becomes("LASTSAVE", ":1700000000\r\n"), "1700000000");
    assert_eq!(becomes("LASTSAVE", ":0\r\n"), "null");
}

#[test]
fn numbers_in_text_are_numbers() {
    for name in ["INCRBYFLOAT k 1", "HINCRBYFLOAT k f 1"] {
        // A long double has more digits than a double; the text keeps them.
        let wire = bulks("", &["3.0000000000000000001"]);
        assert_eq!(becomes(name, wire.trim_start()), "3|3.0000000000000000001|");
    }
    both("GEODIST k a b", "$11\r\n166274.1516\r\n", "$11\r\n166274.1516\r\n", "166274.1516|166274.1516|");
    both("GEODIST k a none km", "$-1\r\n", "_\r\n", "null");
    assert_eq!(becomes("TIME", &bulks("*2", &["1700000000", "012"])), "[1700000000, \"012\"]");
    assert_eq!(becomes("TIME", &bulks("*2", &["1700000000", "-12"])), "[1700000000, -12]");
    assert_eq!(becomes("TIME", &bulks("*1", &["+1"])), "[\"+1\"]");
}

#[test]
fn sets_and_maps_are_told_from_arrays() {
    for name in ["SMEMBERS", "SINTER", "SUNION", "SDIFF", "SPOP k 2"] {
        both(name, &bulks("*2", &["a", "b"]), &bulks("~2", &["a", "b"]), "~[\"a\", \"b\"]");
        both(name, "*0\r\n", "~0\r\n", "~[]");
    }
    both("SPOP k", "$1\r\na\r\n", "$1\r\na\r\n", "\"a\"");
    both("SRANDMEMBER k -2", &bulks("*2", &["a", "a"]), &bulks("*2", &["a", "a"]), "[\"a\", \"a\"]");
    for name in ["HGETALL k", "CONFIG GET *"] {
        let (flat, map) = (bulks("*4", &["a", "1", "b", ""]), bulks("%2", &["a", "1", "b", ""]));
        both(name, &flat, &map, "{\"a\": \"1\", \"b\": \"\"}");
        both(name, "*0\r\n", "%0\r\n", "{}");
        assert_eq!(becomes(name, &bulks("*3", &["a", "b", "c"])), "[\"a\", \"b\", \"c\"]");
    }
}

#[test]
fn pairs_are_arrays_of_two() {
    let nested = format!("*2\r\n{}{}", bulks("*2", &["f", "v"]), bulks("*2", &["f", "v"]));
    let expected = "[[\"f\", \"v\"], [\"f\", \"v\"]]";
    both("HRANDFIELD k -2 WITHVALUES", &bulks("*4", &["f", "v", "f", "v"]), &nested, expected);
    both("HRANDFIELD WITHVALUES 2", &bulks("*2", &["f", "g"]), &bulks("*2", &["f", "g"]), "[\"f\", \"g\"]");
    both("HRANDFIELD k", "$-1\r\n", "_\r\n", "null");
}

#[test]
fn no_pairs_are_no_map() {
    both("PUBSUB NUMSUB", "*0\r\n", "%0\r\n", "[]");
    both(
        "HRANDFIELD h 1 WITHVALUES",
        "*2\r\n$1\r\na\r\n$1\r\nb\r\n",
        "%1\r\n$1\r\na\r\n$1\r\nb\r\n",
        r#"[["a", "b"]]"#,
    );
}

#[test]
fn a_scan_has_its_cursor_and_what_it_found() {
    let page =
        |texts: &[&str]| format!("*2\r\n$20\r\n18446744073709551615\r\n{}", bulks(&format!("*{}", texts.len()), texts));
    let cursor = "\"18446744073709551615\"";
    assert_eq!(becomes("HSCAN k 0", &page(&["f", "v"])), format!("[{cursor}, {{\"f\": \"v\"}}]"));
    assert_eq!(becomes("HSCAN k 0 MATCH NOVALUES", &page(&["f", "v"])), format!("[{cursor}, {{\"f\": \"v\"}}]"));
    assert_eq!(becomes("HSCAN k 0 COUNT 9 novalues", &page(&["f", "g"])), format!("[{cursor}, [\"f\", \"g\"]]"));
    assert_eq!(becomes("ZSCAN k 0", &page(&["m", "1.5"])), format!("[{cursor}, [[\"m\", 1.5|1.5|]]]"));
    for command in ["SCAN 0", "SSCAN k 0"] {
        assert_eq!(becomes(command, &page(&["a"])), format!("[{cursor}, [\"a\"]]"));
    }
    assert_eq!(becomes("HSCAN k 0", &page(&[])), format!("[{cursor}, {{}}]"));
}

#[test]
fn lcs_is_told_apart_by_its_options() {
    let match_of = "*1\r\n*3\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n:4\r\n";
    let rest = format!("$7\r\nmatches\r\n{match_of}$3\r\nlen\r\n:6\r\n");
    let (flat, map) = (format!("*4\r\n{rest}"), format!("%2\r\n{rest}"));
    let expected = "{\"matches\": [[[4, 7], [5, 8], 4]], \"len\": 6}";
    both("LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN", &flat, &map, expected);
    both("STRALGO LCS KEYS a b IDX WITHMATCHLEN", &flat, &map, expected);
    both("STRALGO LCS IDX STRINGS a b", &flat, &map, expected);
    both("LCS IDX IDX", "$3\r\nIDX\r\n", "$3\r\nIDX\r\n", "\"IDX\"");
    both("LCS a b LEN", ":6\r\n", ":6\r\n", "6");
    assert_eq!(becomes("STRALGO LCS STRINGS IDX IDX", "$3\r\nIDX\r\n"), "\"IDX\"");
}

#[test]
fn scores_are_pairs_with_doubles() {
    let flat = bulks("*4", &["a", "-inf", "b", "2.5"]);
    let nested = "*2\r\n*2\r\n$1\r\na\r\n,-inf\r\n*2\r\n$1\r\nb\r\n,2.5\r\n";
    let expected = "[[\"a\", -inf|-inf|], [\"b\", 2.5|2.5|]]";
    for command in [
        "ZRANGE k 0 -1 WITHSCORES",
        "zrange k 0 -1 REV LIMIT 0 1 withscores",
        "ZREVRANGE k 0 -1 WITHSCORES",
        "ZRANGEBYSCORE k 0 1 LIMIT 0 2 WITHSCORES",
        "ZREVRANGEBYSCORE k 1 0 WITHSCORES LIMIT 0 2",
        "ZUNION 2 a b WEIGHTS 1 2 AGGREGATE MAX WITHSCORES",
        "ZINTER 2 a b WITHSCORES",
        "ZDIFF 2 WITHSCORES b WITHSCORES",
        "ZRANDMEMBER k -2 WITHSCORES",
        "ZPOPMIN k 2",
        "ZPOPMAX k 2",
    ] {
        both(command, &flat, nested, expected);
        both(command, "*0\r\n", "*0\r\n", "[]");
    }
    for command in ["ZPOPMIN k", "ZPOPMAX k"] {
        both(command, &bulks("*2", &["m", "3"]), "*2\r\n$1\r\nm\r\n,3\r\n", "[[\"m\", 3|3|]]");
    }
    let two = bulks("*2", &["a", "b"]);
    for command in [
        "ZRANGE WITHSCORES 0 WITHSCORES",
        "ZRANGEBYSCORE k WITHSCORES WITHSCORES",
        "ZUNION 2 WITHSCORES WITHSCORES",
        "ZRANDMEMBER WITHSCORES 2",
        "ZRANGEBYLEX k [WITHSCORES +",
        "ZDIFF 9 a WITHSCORES",
    ] {
        both(command, &two, &two, "[\"a\", \"b\"]");
    }
    // What is no number stays text, and the others are none the worse.
    let mixed = bulks("*4", &["a", "many", "b", "17"]);
    assert_eq!(becomes("ZPOPMIN k 2", &mixed), "[[\"a\", \"many\"], [\"b\", 17|17|]]");
    assert_eq!(becomes("ZPOPMIN k 2", &bulks("*3", &["a", "1", "b"])), "[\"a\", \"1\", \"b\"]");
}

#[test]
fn single_scores_are_doubles_that_keep_their_text() {
    for command in ["ZSCORE k m", "ZINCRBY k 1 m", "ZADD k NX CH INCR 1 m"] {
        both(command, "$18\r\n0.1000000000000000\r\n", ",0.1000000000000000\r\n", "0.1|0.1000000000000000|");
        both(command, "$-1\r\n", "_\r\n", "null");
    }
    both("ZADD k 1 INCR", ":1\r\n", ":1\r\n", "1");
    both("ZADD INCR 1 m", ":1\r\n", ":1\r\n", "1");
    both("ZMSCORE k a b", "*2\r\n$1\r\n1\r\n$-1\r\n", "*2\r\n,1\r\n_\r\n", "[1|1|, null]");
    for command in ["ZRANK", "ZREVRANK"] {
        let with = format!("{command} k m WITHSCORE");
        both(&with, "*2\r\n:3\r\n$3\r\n1e9\r\n", "*2\r\n:3\r\n,1e9\r\n", "[3, 1000000000|1e9|]");
        both(&with, "*-1\r\n", "_\r\n", "null");
        both(&format!("{command} k WITHSCORE"), ":3\r\n", ":3\r\n", "3");
    }
    for command in ["BZPOPMIN k 0", "BZPOPMAX k 0"] {
        both(command, &bulks("*3", &["k", "m", "1"]), "*3\r\n$1\r\nk\r\n$1\r\nm\r\n,1\r\n", "[\"k\", \"m\", 1|1|]");
        both(command, "*-1\r\n", "_\r\n", "null");
    }
    for command in ["ZMPOP 1 k MIN", "BZMPOP 0 1 k MAX"] {
        let resp2 = format!("*2\r\n$1\r\nk\r\n*1\r\n{}", bulks("*2", &["m", "1"]));
        both(command, &resp2, "*2\r\n$1\r\nk\r\n*1\r\n*2\r\n$1\r\nm\r\n,1\r\n", "[\"k\", [[\"m\", 1|1|]]]");
        both(command, "*-1\r\n", "_\r\n", "null");
    }
}

#[test]
fn a_text_of_words_is_a_map() {
    assert_eq!(
        becomes("DEBUG OBJECT k", "+Value at:0x7f refcount:1 encoding:raw lru:-5 ql_avg_node:1.00\r\n"),
        "{\"type\": \"Value\", \"at\": \"0x7f\", \"refcount\": 1, \"encoding\": \"raw\", \"lru\": -5, \
         \"ql_avg_node\": \"1.00\"}"
    );
    assert_eq!(becomes("debug object k", "+QUEUED\r\n"), "+QUEUED");
    assert_eq!(becomes("DEBUG OBJECT k", "+Value at:0x7f  x\r\n"), "+Value at:0x7f  x");
}

#[test]
fn every_row_is_found_by_its_name_and_by_no_other() {
    let mut names = Vec::new();
    while let Some(name) = name(names.len()) {
        let words: Vec<Vec<u8>> = name.split(' ').map(|word| word.to_ascii_lowercase().into_bytes()).collect();
        let args: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        assert_eq!(index::find(&args).map(|row| row.name), Some(name));
        assert!(names.iter().all(|other| *other != name), "{name} twice");
        assert!(!description(names.len()).unwrap().is_empty(), "{name}");
        assert!(!name.bytes().any(|byte| byte.is_ascii_lowercase()), "{name}");
        names.push(name);
    }
    for family in FAMILIES {
        assert!(family.is_sorted_by(|before, behind| before.name < behind.name));
    }
    for command in ["", "MSE", "MSETX", "DEBUG", "DEBUG OBJECTS", "DEBUG OBJEC", "MSET OBJECT"] {
        let args: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
        assert!(index::find(&args).is_none_or(|row| row.name == args[0].escape_ascii().to_string()), "{command}");
    }
    assert!(index::find(&[]).is_none());
}

#[test]
fn attributes_stay_with_what_they_annotate() {
    for choice in [ParserChoice::Fast, ParserChoice::Simple] {
        let mut parser = resp::parser(choice, Limits::default());
        let attribute = |key: &str| format!("|1\r\n+{key}\r\n:1\r\n");
        let (root, member, score) = (attribute("root"), attribute("member"), attribute("score"));
        let wire = format!("{root}*4\r\n+a\r\n$1\r\n1\r\n{member}$1\r\nb\r\n{score}$1\r\n2\r\n");
        parser.feed(wire.as_bytes()).unwrap();
        let popped = shape(&[b"ZPOPMIN", b"k"]);
        parser.feed(wire.as_bytes()).unwrap();
        let reply = popped.build(parser.next().unwrap().unwrap()).unwrap();
        check_attributes(&reply);
        let raw = Reply::build(parser.next().unwrap().unwrap()).unwrap();
        check_attributes(&popped.reshape(&raw).unwrap().unwrap());
        // What a function makes is another reply, and keeps what was said of the whole.
        parser.feed(format!("{root}+Value at:0x1 refcount:1\r\n").as_bytes()).unwrap();
        let made = shape(&[b"DEBUG", b"OBJECT", b"k"]).build(parser.next().unwrap().unwrap()).unwrap();
        assert!(made.view().find(b"refcount").is_some() && made.attributes(made.root()).is_some());
    }

    fn check_attributes(reply: &Reply) {
        assert_eq!(shown(reply.view()), "[[+a, 1|1|], [\"b\", 2|2|]]");
        let key =
            |view: View<'_>| reply.attributes(view.node()).map(|map| View::new(map).get(0).unwrap().text().to_vec());
        let pair = reply.view().get(1).unwrap();
        assert_eq!(key(reply.view()).as_deref(), Some(&b"root"[..]));
        assert_eq!(key(pair), None);
        assert_eq!(key(pair.get(0).unwrap()).as_deref(), Some(&b"member"[..]));
        assert_eq!(key(pair.get(1).unwrap()).as_deref(), Some(&b"score"[..]));
    }
}

#[test]
fn a_string_in_pieces_is_shaped_as_any_other() {
    assert_eq!(becomes("ZSCORE k m", "$?\r\n;2\r\n1.\r\n;1\r\n5\r\n;0\r\n"), "1.5|1.5|");
    let wire = "*?\r\n$?\r\n;1\r\na\r\n;0\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n.\r\n";
    assert_eq!(becomes("ZPOPMIN k 2", wire), "[[\"a\", 1|1|], [\"b\", 2|2|]]");
}
