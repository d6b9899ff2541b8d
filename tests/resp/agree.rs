//! The two parsers agree on every input, however it is cut; and what was encoded is what is read.

use crate::dump::{BOTH, Parsed, dump, dump_part, parse, whole};
use crate::golden::GOLDEN;
use proptest::prelude::*;
use rredis::limits::Limits;
use rredis::options::ParserChoice;
use rredis::reply::{Kind, Reply};
use rredis::resp::{self, Gather};

/// Both parsers' answers to the same bytes, each cut in its own way.
fn agree(bytes: &[u8], limits: Limits, cuts: &[usize]) -> Result<(), TestCaseError> {
    agree_where(false, bytes, limits, cuts)?;
    // Where nothing looks like a line of MONITOR it does not matter.
    let has_line = bytes.windows(2).any(|pair| pair[0] == b'+' && pair[1].is_ascii_digit());
    if has_line { agree_where(true, bytes, limits, cuts) } else { Ok(()) }
}

/// `monitors`: where lines of MONITOR may come.
fn agree_where(monitors: bool, bytes: &[u8], limits: Limits, cuts: &[usize]) -> Result<(), TestCaseError> {
    let parsed = |choice, pieces: Vec<&[u8]>| {
        let mut parser = resp::parser(choice, limits);
        parser.expect_monitor(monitors);
        parse(&mut *parser, pieces)
    };
    let fast = parsed(ParserChoice::Fast, vec![bytes]);
    for choice in BOTH {
        for pieces in [cut(bytes, cuts), bytes.chunks(1).collect(), vec![bytes]] {
            let other = parsed(choice, pieces);
            prop_assert_eq!(without_peer(&fast), without_peer(&other), "{:?} {}", choice, bytes.escape_ascii());
        }
    }
    Ok(())
}

/// Who the peer is can be told only when enough has come; everything else does not depend on the cuts.
fn without_peer((dumps, error): &Parsed) -> Parsed {
    let named = |text: &str| text.starts_with("the peer speaks") || text.contains("begins no value");
    let error = error.clone().map(|(status, text)| (status, if named(&text) { "a stranger".to_owned() } else { text }));
    (dumps.clone(), error)
}

/// The replies as a pipeline has them: on one tape, and then in one tree.
fn gathered(choice: ParserChoice, bytes: &[u8]) -> Vec<String> {
    each_gathered(choice, bytes, |gather| gather)
}

/// The same where each is taken from that tape and laid on another, as where one of them is replaced.
fn gathered_again(choice: ParserChoice, bytes: &[u8]) -> Vec<String> {
    each_gathered(choice, bytes, |mut gather| {
        let mut again = Gather::new();
        gather.each(|_, mut frame| again.take(&mut frame)).unwrap();
        again
    })
}

/// The same where they are turned, the last to the front, and back.
fn gathered_and_turned(choice: ParserChoice, bytes: &[u8]) -> Vec<String> {
    each_gathered(choice, bytes, |mut gather| {
        let len = gather.len();
        for by in [1, len.saturating_sub(1)] {
            let places: Vec<usize> = (0..len).map(|place| (place + by) % len).collect();
            gather.arrange(&places).unwrap();
        }
        gather
    })
}

fn each_gathered(choice: ParserChoice, bytes: &[u8], step: impl Fn(Gather) -> Gather) -> Vec<String> {
    let mut parser = resp::parser(choice, Limits::default());
    parser.feed(bytes).unwrap();
    let (mut gather, mut dumps) = (Gather::new(), Vec::new());
    let mut pushes = Vec::new();
    while let Some(mut frame) = parser.next().unwrap() {
        match frame.is_push() {
            true => pushes.push((dumps.len() + gather.len(), dump(&Reply::build(frame).unwrap()))),
            false => gather.take(&mut frame).unwrap(),
        }
    }
    let mut gather = step(gather);
    let array = Reply::build(gather.frame().unwrap()).unwrap();
    dumps.extend(array.view().children().map(|child| dump_part(&array, child)));
    // A push came before the reply that it stood in.
    pushes.into_iter().rev().for_each(|(place, push)| dumps.insert(place, push));
    dumps
}

fn cut<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    places.sort_unstable();
    places.push(bytes.len());
    let mut from = 0;
    let pieces = places.into_iter().map(|to| &bytes[std::mem::replace(&mut from, to)..to]);
    pieces.collect()
}

/// A value on the wire, of any type.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let line = "[ -~]{0,50}";
    let leaf = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..40).prop_map(|text| bulk('$', &text)),
        2 => any::<i64>().prop_map(|value| format!(":{value}\r\n").into_bytes()),
        1 => line.prop_map(|text| format!("+{text}\r\n").into_bytes()),
        1 => line.prop_map(|text| format!("-{text}\r\n").into_bytes()),
        1 => line.prop_map(|text| format!("+1.5 [{text}\r\n").into_bytes()),
        1 => any::<f64>().prop_map(|value| format!(",{value:?}\r\n").replace("NaN", "nan").into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..20).prop_map(|text| bulk('=', &[b"txt:", &text[..]].concat())),
        1 => prop::collection::vec(any::<u8>(), 0..20).prop_map(|text| bulk('!', &text)),
        1 => "-?[0-9]{1,30}".prop_map(|digits| format!("({digits}\r\n").into_bytes()),
        1 => prop::sample::select(vec!["_\r\n", "$-1\r\n", "*-1\r\n", "#t\r\n", "#f\r\n", "*0\r\n", ">0\r\n+x\r\n"]).prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec("[a-z]{1,9}", 0..4).prop_map(|pieces| chunks(&pieces)),
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        let items = prop::collection::vec(inner, 0..6);
        prop_oneof![
            4 => items.clone().prop_map(|items| counted('*', 1, &items)),
            1 => items.clone().prop_map(|items| counted('~', 1, &items)),
            2 => items.clone().prop_map(|items| counted('%', 2, &items)),
            1 => items.clone().prop_map(|items| [counted('|', 2, &items), b":1\r\n".to_vec()].concat()),
            2 => (items.clone(), prop::collection::vec("[a-z]{1,9}", 0..4)).prop_map(|(items, pieces)| [counted('|', 2, &items), chunks(&pieces)].concat()),
            1 => items.clone().prop_map(|items| [counted('|', 2, &items), counted('*', 1, &items)].concat()),
            1 => items.clone().prop_map(|items| [counted('>', 1, &items), b":2\r\n".to_vec()].concat()),
            1 => items.prop_map(|items| [b"*?\r\n".to_vec(), items.concat(), b".\r\n".to_vec()].concat()),
        ]
    })
}

fn bulk(letter: char, text: &[u8]) -> Vec<u8> {
    [format!("{letter}{}\r\n", text.len()).as_bytes(), text, b"\r\n"].concat()
}

fn chunks(pieces: &[String]) -> Vec<u8> {
    let pieces: String = pieces.iter().map(|piece| format!(";{}\r\n{piece}\r\n", piece.len())).collect();
    format!("$?\r\n{pieces};0\r\n").into_bytes()
}

fn counted(letter: char, each: usize, items: &[Vec<u8>]) -> Vec<u8> {
    let items = &items[..items.len() / each * each];
    [format!("{letter}{}\r\n", items.len() / each).into_bytes(), items.concat()].concat()
}

fn small_limits() -> impl Strategy<Value = Limits> {
    (1u64..200, 1u64..30, 0u32..6, 0u32..50, 1u64..100).prop_map(|(bytes, nodes, depth, line, push_bytes)| Limits {
        bytes,
        nodes,
        depth,
        line,
        push_bytes,
    })
}

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(any::<usize>(), 0..6)
}

/// Bytes that look like RESP more often than chance would have it.
/// Whole lines in any order: what is wrong with them is where they stand.
fn lines() -> impl Strategy<Value = Vec<u8>> {
    let line = prop::sample::select(vec![
        "*?", ".", ">1", ">0", "|0", "|1", "+a", ":1", "%?", "%1", "*1", "*2", "*0", "$?", ";1\r\nx", ";0", "$1\r\ny",
        "_",
    ]);
    prop::collection::vec(line, 0..16)
        .prop_map(|lines| lines.iter().flat_map(|line| [line, "\r\n"]).collect::<String>().into())
}

fn scribble() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "\r\n",
        "\r\n",
        "\r\n",
        "\r",
        "\n",
        "+",
        "-",
        ":",
        "$",
        "*",
        "_",
        ",",
        "#",
        "!",
        "=",
        "(",
        "%",
        "~",
        ">",
        "|",
        ";",
        ".",
        "?",
        "0",
        "1",
        "2",
        "3",
        "-1",
        "12",
        "t",
        "f",
        "txt:",
        "inf",
        "1.5e3",
        "*2\r\n",
        "|1\r\n",
        ">1\r\n",
        "$?\r\n",
        "*?\r\n",
        "%?\r\n",
        ";1\r\na\r\n",
        ";0\r\n",
        ".\r\n",
        ":1\r\n",
        "$1\r\na\r\n",
        "+OK\r\n",
        "_\r\n",
        "a",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat().into_bytes())
}

#[test]
fn replies_are_put_into_the_places_that_are_named() {
    let mut parser = resp::parser(ParserChoice::Fast, Limits::default());
    parser.feed(b"+one\r\n*2\r\n$1\r\na\r\n:2\r\n|1\r\n+k\r\n+v\r\n-three\r\n:4\r\n").unwrap();
    let mut gather = Gather::new();
    while let Some(mut frame) = parser.next().unwrap() {
        gather.take(&mut frame).unwrap();
    }
    for wrong in [&[0, 1, 2][..], &[0, 1, 1, 3], &[0, 1, 2, 4], &[0, 1, 2, 3, 4]] {
        assert!(gather.arrange(wrong).is_err());
    }
    gather.arrange(&[2, 0, 3, 1]).unwrap();
    let array = Reply::build(gather.frame().unwrap()).unwrap();
    let dumps: Vec<String> = array.view().children().map(|child| dump_part(&array, child)).collect();
    let (as_came, _) = whole(ParserChoice::Fast, b"*2\r\n$1\r\na\r\n:2\r\n:4\r\n+one\r\n|1\r\n+k\r\n+v\r\n-three\r\n");
    assert_eq!(dumps, as_came);
}

/// What each parser says of its bytes after each that it is fed, and each reply that it gives.
fn unread(choice: ParserChoice, bytes: &[u8]) -> Vec<usize> {
    let mut parser = resp::parser(choice, Limits::default());
    let mut said = vec![parser.unread_len()];
    for piece in bytes.chunks(1) {
        parser.feed(piece).unwrap();
        said.push(parser.unread_len());
        while let Some(frame) = parser.next().unwrap() {
            let (is_push, len) = (frame.is_push(), frame.wire_len());
            let before = said[said.len() - 1];
            said.push(parser.unread_len());
            let now = said[said.len() - 1];
            // What stands behind its last byte has not come; a push may have had others inside it, which were given.
            assert!(if is_push { now + len >= before && now < before } else { now == 0 }, "{}", bytes.escape_ascii());
        }
        said.push(parser.unread_len());
    }
    said
}

proptest! {
    // PROPTEST_CASES in the environment asks for more.
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases * 4, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn on_arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..64), cuts in cuts()) {
        agree(&bytes, Limits::default(), &cuts)?;
    }

    #[test]
    fn on_lines_out_of_place(bytes in lines(), cuts in cuts()) {
        agree(&bytes, Limits::default(), &cuts)?;
    }

    #[test]
    fn on_scribbles(bytes in scribble(), cuts in cuts()) {
        agree(&bytes, Limits::default(), &cuts)?;
    }

    #[test]
    fn on_scribbles_under_small_limits(bytes in scribble(), limits in small_limits(), cuts in cuts()) {
        agree(&bytes, limits, &cuts)?;
    }

    #[test]
    fn on_replies(replies in prop::collection::vec(value(), 1..4), cuts in cuts()) {
        let bytes = replies.concat();
        agree(&bytes, Limits::default(), &cuts)?;
        let (dumps, error) = whole(ParserChoice::Fast, &bytes);
        prop_assert_eq!(error, None);
        prop_assert!(dumps.len() >= replies.len());
        for choice in BOTH {
            for through in [gathered, gathered_again, gathered_and_turned] {
                prop_assert_eq!(&through(choice, &bytes), &dumps, "{:?} {}", choice, bytes.escape_ascii());
            }
        }
    }

    #[test]
    fn on_what_is_unread(replies in prop::collection::vec(value(), 1..4), more in "[$][1-9]\r\n") {
        let bytes = [replies.concat(), more.into_bytes()].concat();
        let said = unread(ParserChoice::Fast, &bytes);
        prop_assert_eq!(said.last(), Some(&4));
        prop_assert_eq!(said, unread(ParserChoice::Simple, &bytes), "{}", bytes.escape_ascii());
    }

    #[test]
    fn on_replies_under_small_limits(bytes in value(), limits in small_limits(), cuts in cuts()) {
        agree(&bytes, limits, &cuts)?;
    }

    #[test]
    fn on_damaged_replies(bytes in value(), place in any::<usize>(), by in any::<u8>(), how in 0..3, cuts in cuts()) {
        let mut bytes = bytes;
        let place = place % bytes.len();
        match how {
            0 => bytes[place] = by,
            1 => drop(bytes.remove(place)),
            _ => bytes.insert(place, b"\r\n0123456789$*:+-%~>|;.?_,#!=("[usize::from(by) % 30]),
        }
        agree(&bytes, Limits::default(), &cuts)?;
    }

    #[test]
    fn what_was_encoded_is_read(args in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 1..20), cuts in cuts()) {
        let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
        let mut bytes = Vec::new();
        resp::encode(&args, &mut bytes).unwrap();
        for choice in BOTH {
            let mut parser = resp::parser(choice, Limits::default());
            for piece in cut(&bytes, &cuts) {
                parser.feed(piece).unwrap();
            }
            let reply = Reply::build(parser.next().unwrap().unwrap()).unwrap();
            let read: Vec<&[u8]> = reply.view().children().map(|child| child.text()).collect();
            prop_assert_eq!(reply.kind(), Kind::RREDIS_REPLY_ARRAY);
            prop_assert_eq!(&read, &args);
            prop_assert!(parser.is_empty());
        }
    }
}

#[test]
fn on_every_golden_reply_with_every_byte_changed() {
    for (bytes, _) in GOLDEN {
        for place in 0..bytes.len() {
            for by in b"\r\n0129-+:$*_,#!=(%~>|;.?a\0\xff" {
                let mut bytes = bytes.to_vec();
                bytes[place] = *by;
                agree(&bytes, Limits::default(), &[place]).unwrap();
            }
        }
    }
}
