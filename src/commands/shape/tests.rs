//! Each row with wire bytes of both protocols, through both parsers: one tree.

use super::*;
use crate::limits::Limits;
use crate::options::ParserChoice;
use crate::resp;

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
        shape(&args).add(raw.view(), &mut builder).unwrap();
        assert_eq!(shown(builder.take().unwrap().view()), shown(built.view()), "{command}: as a part");
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

#[test]
fn a_status_is_a_bool_with_its_words() {
    assert_eq!(becomes("SET k v", "+OK\r\n"), "true(OK)");
    assert_eq!(becomes("SET k v NX", "$-1\r\n"), "null");
    assert_eq!(becomes("SET k v EX GET GET", "$3\r\nold\r\n"), "\"old\"");
    assert_eq!(becomes("MSET k v", "-ERR no\r\n"), "-ERR no");
    assert_eq!(becomes("MSET k v", "+QUEUED\r\n"), "+QUEUED");
}

#[test]
fn scores_are_pairs_with_doubles() {
    both(
        "ZRANGE k 0 -1 WITHSCORES",
        "*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$3\r\n2.5\r\n",
        "*2\r\n*2\r\n$1\r\na\r\n,1\r\n*2\r\n$1\r\nb\r\n,2.5\r\n",
        "[[\"a\", 1|1|], [\"b\", 2.5|2.5|]]",
    );
    assert_eq!(becomes("ZRANGE WITHSCORES 0 WITHSCORES", "*1\r\n$1\r\na\r\n"), "[\"a\"]");
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
