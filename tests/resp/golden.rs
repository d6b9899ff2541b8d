//! Every type, every cut, every number; and what is no RESP, or past a limit.

use crate::dump::{BOTH, parse, whole};
use rredis::error::Status;
use rredis::limits::Limits;
use rredis::options::ParserChoice;
use rredis::resp;

/// Replies of every type and nesting, and what they are.
pub const GOLDEN: &[(&[u8], &[&str])] = &[
    (b"+OK\r\n", &["+OK"]),
    (b"+\r\n", &["+"]),
    (b"-ERR no such key\r\n", &["-ERR no such key"]),
    (b":42\r\n:-7\r\n:+1\r\n:-0\r\n:0\r\n", &["42", "-7", "1", "0", "0"]),
    (b":9223372036854775807\r\n:-9223372036854775808\r\n", &["9223372036854775807", "-9223372036854775808"]),
    (b"$5\r\nhello\r\n$0\r\n\r\n$4\r\n\r\n\r\n\r\n", &["\"hello\"", "\"\"", "\"\\r\\n\\r\\n\""]),
    (b"$3\r\na\0b\r\n", &["\"a\\x00b\""]),
    (b"$-1\r\n*-1\r\n_\r\n", &["null", "null", "null"]),
    (b"*0\r\n%0\r\n~0\r\n", &["[]", "{}", "~~"]),
    (b"*2\r\n$3\r\nfoo\r\n*2\r\n:1\r\n$-1\r\n", &["[\"foo\" [1 null]]"]),
    (b"*3\r\n*1\r\n*1\r\n*1\r\n+deep\r\n*0\r\n*2\r\n:1\r\n:2\r\n", &["[[[[+deep]]] [] [1 2]]"]),
    (b"#t\r\n#f\r\n", &["true", "false"]),
    (b",3.14\r\n,-1e3\r\n,inf\r\n,-inf\r\n,nan\r\n", &["3.14=3.14", "-1e3=-1000.0", "inf=inf", "-inf=-inf", "nan=NaN"]),
    (b"(3492890328409238509324850943850943825024385\r\n", &["(3492890328409238509324850943850943825024385"]),
    (b"=15\r\ntxt:Some string\r\n=4\r\nmkd:\r\n", &["txt:\"Some string\"", "mkd:\"\""]),
    (b"!21\r\nSYNTAX invalid syntax\r\n", &["-SYNTAX invalid syntax"]),
    (b"%2\r\n$5\r\nfirst\r\n:1\r\n+second\r\n%1\r\n:2\r\n~1\r\n#t\r\n", &["{\"first\" 1 +second {2 ~true~}}"]),
    (b">2\r\n$7\r\nmessage\r\n:1\r\n+OK\r\n", &[">\"message\" 1<", "+OK"]),
    (b">0\r\n+OK\r\n", &["><", "+OK"]),
    (b"|1\r\n+ttl\r\n:60\r\n$1\r\nv\r\n+OK\r\n", &["|{+ttl 60} \"v\"", "+OK"]),
    (b"*3\r\n:1\r\n|1\r\n+a\r\n*1\r\n|1\r\n+b\r\n:2\r\n:3\r\n:4\r\n:5\r\n", &["[1 |{+a [|{+b 2} 3]} 4 5]"]),
    (b"|0\r\n*1\r\n|1\r\n+k\r\n+v\r\n*1\r\n:1\r\n", &["|{} [|{+k +v} [1]]"]),
    (b"*2\r\n:1\r\n>2\r\n+invalidate\r\n*1\r\n+k\r\n:2\r\n:3\r\n", &[">+invalidate [+k]<", "[1 2]", "3"]),
    (b"*2\r\n>0\r\n$1\r\na\r\n>1\r\n>1\r\n+y\r\n+x\r\n$1\r\nb\r\n", &["><", ">+y<", ">+x<", "[\"a\" \"b\"]"]),
    (b"|1\r\n+k\r\n+v\r\n>1\r\n+p\r\n+OK\r\n", &[">+p<", "|{+k +v} +OK"]),
    (b"$?\r\n;4\r\nHell\r\n;6\r\no worl\r\n;1\r\nd\r\n;0\r\n$?\r\n;0\r\n", &["\"Hello world\"", "\"\""]),
    (b"*?\r\n:1\r\n*?\r\n.\r\n$?\r\n;1\r\na\r\n;0\r\n.\r\n", &["[1 [] \"a\"]"]),
    (b"%?\r\n+a\r\n:1\r\n.\r\n~?\r\n:1\r\n|1\r\n+x\r\n+y\r\n:2\r\n.\r\n", &["{+a 1}", "~1 |{+x +y} 2~"]),
    (b"*?\r\n>1\r\n|0\r\n+a\r\n+b\r\n+c\r\n.\r\n", &[">|{} +a<", "[+b +c]"]),
    (b"*1\r\n|1\r\n+k\r\n+v\r\n>1\r\n|0\r\n+p\r\n:1\r\n", &[">|{} +p<", "[|{+k +v} 1]"]),
    (b"*2\r\n*?\r\n>1\r\n:9\r\n:1\r\n.\r\n*1\r\n*?\r\n.\r\n", &[">9<", "[[1] [[]]]"]),
];

#[test]
fn every_type_is_read() {
    for (bytes, expected) in GOLDEN {
        for choice in BOTH {
            let (dumps, error) = whole(choice, bytes);
            assert_eq!(error, None, "{choice:?} {}", bytes.escape_ascii());
            assert_eq!(&dumps, expected, "{choice:?} {}", bytes.escape_ascii());
        }
    }
}

#[test]
fn no_cut_changes_a_reply() {
    for (bytes, expected) in GOLDEN {
        for choice in BOTH {
            for cut in 0..=bytes.len() {
                let (dumps, error) =
                    parse(&mut *resp::parser(choice, Limits::default()), [&bytes[..cut], &bytes[cut..]]);
                assert_eq!(
                    (&dumps[..], error),
                    (&expected.iter().map(|s| s.to_string()).collect::<Vec<_>>()[..], None),
                    "{choice:?} cut at {cut}: {}",
                    bytes.escape_ascii()
                );
            }
            let mut parser = resp::parser(choice, Limits::default());
            let (dumps, error) = parse(&mut *parser, bytes.chunks(1));
            assert_eq!(
                (&dumps, error),
                (&expected.iter().map(|s| s.to_string()).collect(), None),
                "{choice:?} {}",
                bytes.escape_ascii()
            );
            assert!(parser.is_empty());
        }
    }
}

/// What a number may be: the value as it is shown, or a refusal.
const NUMBERS: &[(&str, Option<&str>)] = &[
    (":0", Some("0")),
    (":-0", Some("0")),
    (":+0", Some("0")),
    (":1", Some("1")),
    (":+1", Some("1")),
    (":-1", Some("-1")),
    (":12345678901", Some("12345678901")),
    (":123456789012", Some("123456789012")),
    (":9223372036854775807", Some("9223372036854775807")),
    (":-9223372036854775808", Some("-9223372036854775808")),
    (":9223372036854775808", None),
    (":-9223372036854775809", None),
    (":99999999999999999999", None),
    (":", None),
    (":-", None),
    (":+", None),
    (":+-1", None),
    (":0001", None),
    (":00", None),
    (":-01", None),
    (":12a", None),
    (":a", None),
    (": 1", None),
    (":1 ", None),
    (":1.5", None),
    (":0x10", None),
    (",0", Some("0=0.0")),
    (",-0", Some("-0=-0.0")),
    (",3.14", Some("3.14=3.14")),
    (",+1.5", Some("+1.5=1.5")),
    (",10", Some("10=10.0")),
    (",1e10", Some("1e10=10000000000.0")),
    (",1.5E-3", Some("1.5E-3=0.0015")),
    (",.5", Some(".5=0.5")),
    (",5.", Some("5.=5.0")),
    (",1e400", Some("1e400=inf")),
    (",-1e400", Some("-1e400=-inf")),
    (",1e-400", Some("1e-400=0.0")),
    (",inf", Some("inf=inf")),
    (",+inf", Some("+inf=inf")),
    (",-INF", Some("-INF=-inf")),
    (",nan", Some("nan=NaN")),
    (",-nan", Some("-nan=NaN")),
    (",NaN", Some("NaN=NaN")),
    (",-Infinity", Some("-Infinity=-inf")),
    (",nan(ind)", Some("nan(ind)=NaN")),
    (",0x1p3", None),
    (",nan(", None),
    (",3,14", None),
    (",", None),
    (",.", None),
    (",-", None),
    (",e5", None),
    (",1e", None),
    (",1e+", None),
    (",1.2.3", None),
    (",1 ", None),
    ("(0", Some("(0")),
    ("(-12345678901234567890123", Some("(-12345678901234567890123")),
    ("(+7", Some("(+7")),
    ("(", None),
    ("(-", None),
    ("(1.5", None),
    ("(12x", None),
];

#[test]
fn numbers_follow_their_grammar() {
    for (line, expected) in NUMBERS {
        for choice in BOTH {
            // Padding behind the number lets the fast parser take its short way.
            for behind in ["", "+padding to look at\r\n"] {
                let bytes = format!("{line}\r\n{behind}");
                let (dumps, error) = whole(choice, bytes.as_bytes());
                let status = error.map(|error| error.0);
                match expected {
                    Some(value) => assert_eq!(
                        (dumps.first().map(String::as_str), status),
                        (Some(*value), None),
                        "{choice:?} {line}"
                    ),
                    None => assert_eq!((dumps.len(), status), (0, Some(Status::Protocol)), "{choice:?} {line}"),
                }
            }
        }
    }
    let digits = format!(",{}\r\n", "7".repeat(400));
    for choice in BOTH {
        assert!(whole(choice, digits.as_bytes()).0[0].ends_with("=inf"));
    }
}

/// What is no RESP, or past a limit: whole replies before it, the status, and words of the message.
const REFUSED: &[(&[u8], usize, Status, &str)] = &[
    (b"?hello\r\n", 0, Status::Protocol, "\"?\""),
    (b"\0\r\n", 0, Status::Protocol, "\\x00"),
    (b"\r\n", 0, Status::Protocol, "empty line"),
    (b"\n", 0, Status::Protocol, "empty line"),
    (b"+OK\n", 0, Status::Protocol, "LF without CR"),
    (b"$3\nabc\n", 0, Status::Protocol, "LF without CR"),
    (b"*1\n", 0, Status::Protocol, "LF without CR"),
    (b"+a\rb\r\n", 0, Status::Protocol, "CR without LF"),
    (b":\r\n", 0, Status::Protocol, "an integer"),
    (b"$-2\r\n", 0, Status::Protocol, "a length"),
    (b"$-01\r\n", 0, Status::Protocol, "a length"),
    (b"$-0\r\n", 0, Status::Protocol, "a length"),
    (b"$+1\r\na\r\n", 0, Status::Protocol, "a length"),
    (b"$01\r\na\r\n", 0, Status::Protocol, "a length"),
    (b"$a\r\n", 0, Status::Protocol, "a length"),
    (b"$\r\n", 0, Status::Protocol, "a length"),
    (b"$9223372036854775808\r\n", 0, Status::Protocol, "a length"),
    (b"$4611686018427387904\r\n", 0, Status::Limit, "reply_bytes_max is 1073741824"),
    (
        b"$1099511627776\r\nabc",
        0,
        Status::Limit,
        "the reply announces 1099511627776 bytes; reply_bytes_max is 1073741824",
    ),
    (b"$3\r\nabcXY", 0, Status::Protocol, "longer than its length"),
    (b"$3\r\nabc\rY", 0, Status::Protocol, "longer than its length"),
    (b"$3\r\nabcd\r\n+far enough behind\r\n", 0, Status::Protocol, "longer than its length"),
    (b"*-2\r\n", 0, Status::Protocol, "a length"),
    (b"*4294967295\r\n", 0, Status::Limit, "the reply announces 4294967295 elements; reply_nodes_max is 16777216"),
    (b"*2147483648\r\n", 0, Status::Limit, "reply_nodes_max"),
    (b"*4611686018427387905\r\n", 0, Status::Limit, "reply_nodes_max"),
    (b"*9223372036854775808\r\n", 0, Status::Protocol, "a length"),
    (b"%4611686018427387905\r\n", 0, Status::Limit, "reply_nodes_max"),
    (b"%9223372036854775807\r\n", 0, Status::Limit, "reply_nodes_max"),
    (b"%4294967295\r\n", 0, Status::Limit, "reply_nodes_max"),
    (b"|4294967295\r\n", 0, Status::Limit, "reply_nodes_max"),
    (b"~4294967295\r\n", 0, Status::Limit, "reply_nodes_max"),
    (b"%-1\r\n", 0, Status::Protocol, "a length"),
    (b"~-1\r\n", 0, Status::Protocol, "a length"),
    (b">-1\r\n", 0, Status::Protocol, "a length"),
    (b">?\r\n", 0, Status::Protocol, "a length"),
    (b"|?\r\n", 0, Status::Protocol, "a length"),
    (b"*9000000\r\n*9000000\r\n", 0, Status::Limit, "more elements than reply_nodes_max"),
    (b"#x\r\n", 0, Status::Protocol, "a boolean"),
    (b"#tt\r\n", 0, Status::Protocol, "a boolean"),
    (b"#\r\n", 0, Status::Protocol, "a boolean"),
    (b"_x\r\n", 0, Status::Protocol, "a null"),
    (b"=3\r\ntxt\r\n", 0, Status::Protocol, "verbatim"),
    (b"=8\r\ntxt-some\r\n", 0, Status::Protocol, "three letters and colon"),
    (b"=-1\r\n", 0, Status::Protocol, "a length"),
    (b"!-1\r\n", 0, Status::Protocol, "a length"),
    (b"(12x\r\n", 0, Status::Protocol, "a big number"),
    (b".\r\n", 0, Status::Protocol, "where none can end"),
    (b"*1\r\n.\r\n", 0, Status::Protocol, "where none can end"),
    (b";3\r\nabc\r\n", 0, Status::Protocol, "outside of one"),
    (b"$?\r\n+a\r\n", 0, Status::Protocol, "no piece of it"),
    (b"$?\r\n;1\r\nab\r\n", 0, Status::Protocol, "longer than its length"),
    (b"*?\r\n|1\r\n+a\r\n+b\r\n.\r\n", 0, Status::Protocol, "where none can end"),
    (b"%?\r\n+a\r\n.\r\n", 0, Status::Protocol, "without a value"),
    (b"+OK\r\nrubbish", 1, Status::Protocol, "\"r\""),
    (b"HTTP/1.1 400 Bad Request\r\n", 0, Status::Protocol, "the peer speaks HTTP, not RESP"),
    (b"\x15\x03\x01\x00\x02\x02\x46", 0, Status::Protocol, "the peer speaks TLS, not RESP"),
    (b"\x16\x03\x01\x00\x02\x02\x46", 0, Status::Protocol, "the peer speaks TLS, not RESP"),
    (b"SSH-2.0-OpenSSH_9.2\r\n", 0, Status::Protocol, "the peer speaks SSH, not RESP"),
];

#[test]
fn what_is_no_resp_is_refused_by_name() {
    for (bytes, before, status, words) in REFUSED {
        for choice in BOTH {
            let shown = bytes.escape_ascii();
            let (dumps, error) = whole(choice, bytes);
            let (found, message) = error.unwrap_or_else(|| panic!("{choice:?} takes {shown}"));
            assert_eq!((dumps.len(), found), (*before, *status), "{choice:?} {shown}: {message}");
            assert!(message.contains(words), "{choice:?} {shown}: {message}");
            let (_, error) = parse(&mut *resp::parser(choice, Limits::default()), bytes.chunks(1));
            assert_eq!(error.map(|error| error.0), Some(*status), "{choice:?} byte by byte {shown}");
        }
    }
}

#[test]
fn what_has_not_come_is_waited_for() {
    let unfinished: &[&[u8]] = &[
        b"+OK\r",
        b"$5\r\nab",
        b"$3\r\nabc\r",
        b"*10000000\r\n",
        b"|1\r\n+a\r\n+b\r\n",
        b"*2\r\n:1\r\n",
        b"$?\r\n;1\r\na\r\n",
        b"*?\r\n:1\r\n",
    ];
    for bytes in unfinished {
        for choice in BOTH {
            let mut parser = resp::parser(choice, Limits::default());
            assert!(parser.is_empty() && !parser.has_begun());
            assert_eq!(parse(&mut *parser, [*bytes]), (Vec::new(), None), "{choice:?} {}", bytes.escape_ascii());
            // An attribute says nothing yet of what it annotates: an answer, or an error.
            let begun = !bytes.starts_with(b"|");
            assert!(!parser.is_empty() && parser.has_begun() == begun, "{choice:?} {}", bytes.escape_ascii());
        }
    }
}

#[test]
fn an_error_after_whole_replies_comes_after_them_and_stays() {
    for choice in BOTH {
        let mut parser = resp::parser(choice, Limits::default());
        let (dumps, error) = parse(&mut *parser, [&b"+a\r\n+b\r\n!"[..], b"x\r\n+c\r\n"]);
        assert_eq!((dumps, error.unwrap().0), (vec!["+a".to_owned(), "+b".to_owned()], Status::Protocol));
        let _ = parser.feed(b"+good\r\n");
        assert_eq!(parser.next().unwrap_err().status, Status::Protocol);
    }
}

fn limited(choice: ParserChoice, limits: Limits, bytes: &[u8]) -> Result<usize, (Status, String)> {
    let (dumps, error) = parse(&mut *resp::parser(choice, limits), [bytes]);
    let by_byte = parse(&mut *resp::parser(choice, limits), bytes.chunks(1));
    assert_eq!((&dumps, &error), (&by_byte.0, &by_byte.1));
    error.map_or(Ok(dumps.len()), Err)
}

/// Somebody else's command decides how long a line of MONITOR is: it has the bytes of a reply, and nothing else has.
#[test]
fn a_line_of_monitor_has_the_bytes_of_a_reply() {
    let limits = Limits { line: 40, bytes: 100, ..Limits::default() };
    let line =
        |begin: &str, len: usize, end: &str| format!("{begin}{}{end}", "1".repeat(len - begin.len() + 1)).into_bytes();
    for choice in BOTH {
        for (monitors, bytes, refused) in [
            (true, line("+1.5 [", 97, "\r\n"), None),
            (true, line("+1.5 [", 98, "\r\n"), Some("reply_bytes_max")),
            (true, line("+1.5 [", 98, ""), Some("reply_bytes_max")),
            (true, line("+1.5 [", 97, ""), None),
            (true, line("+x", 41, "\r\n"), Some("reply_line_max")),
            (true, line("-1", 41, ""), Some("reply_line_max")),
            (true, line(":1", 41, ""), Some("reply_line_max")),
            (false, line("+1.5 [", 41, "\r\n"), Some("reply_line_max")),
        ] {
            for pieces in [vec![&bytes[..]], bytes.chunks(1).collect(), bytes.chunks(7).collect()] {
                let mut parser = resp::parser(choice, limits);
                parser.expect_monitor(monitors);
                let (dumps, error) = parse(&mut *parser, pieces);
                let text = error.map(|(_, text)| text);
                let is_right = match refused {
                    Some(name) => text.as_ref().is_some_and(|text| text.contains(name)),
                    None => text.is_none() && dumps.len() == usize::from(bytes.ends_with(b"\n")),
                };
                assert!(is_right, "{choice:?} {monitors} {}: {dumps:?} {text:?}", bytes.escape_ascii());
            }
        }
    }
}

#[test]
fn limits_hold_to_the_last_one_allowed_and_name_themselves() {
    for choice in BOTH {
        let nest = |depth: usize, open: &str, leaf: &str| [open.repeat(depth), leaf.to_owned()].concat().into_bytes();
        let default = Limits::default();
        assert_eq!(limited(choice, default, &nest(512, "*1\r\n", ":1\r\n")), Ok(1));
        let (status, text) = limited(choice, default, &nest(513, "*1\r\n", ":1\r\n")).unwrap_err();
        assert_eq!(
            (status, text.as_str()),
            (Status::Limit, "the reply nests deeper than reply_depth_max, which is 512")
        );
        for deep in
            [nest(100_000, "*1\r\n", ""), nest(100_000, "%1\r\n", ""), nest(513, "*?\r\n", ""), nest(513, "|1\r\n", "")]
        {
            assert_eq!(limited(choice, default, &deep).unwrap_err().0, Status::Limit);
        }
        let line = Limits { line: 40, ..default };
        let of = |len: usize, end: &str| format!("+{}{end}", "x".repeat(len)).into_bytes();
        assert_eq!(limited(choice, line, &of(40, "\r\n")), Ok(1));
        let (status, text) = limited(choice, line, &of(41, "\r\n")).unwrap_err();
        assert_eq!(
            (status, text.as_str()),
            (Status::Limit, "a line of the reply is longer than reply_line_max, which is 40")
        );
        assert_eq!(limited(choice, line, &of(41, "")).unwrap_err().0, Status::Limit);
        assert_eq!(
            limited(choice, default, &[b"+".to_vec(), vec![b'a'; 70_000]].concat()).unwrap_err().0,
            Status::Limit
        );

        // A line that does not end is refused by whichever bound comes first.
        let both = Limits { line: 40, bytes: 30, ..default };
        for (line, bytes, name) in
            [(40, 30, "reply_bytes_max"), (40, 43, "reply_line_max"), (40, 42, "reply_bytes_max")]
        {
            let (_, text) = limited(choice, Limits { line, bytes, ..both }, &of(60, "")).unwrap_err();
            assert!(text.contains(name), "{line} {bytes}: {text}");
        }

        let nodes = Limits { nodes: 4, ..default };
        assert_eq!(limited(choice, nodes, b"*3\r\n:1\r\n:2\r\n:3\r\n"), Ok(1));
        assert_eq!(limited(choice, nodes, b"*?\r\n:1\r\n:2\r\n:3\r\n.\r\n"), Ok(1));
        assert_eq!(
            limited(choice, nodes, b"*4\r\n").unwrap_err().1,
            "the reply has more elements than reply_nodes_max, which is 4"
        );
        assert_eq!(
            limited(choice, nodes, b"*5\r\n").unwrap_err().1,
            "the reply announces 5 elements; reply_nodes_max is 4"
        );
        assert_eq!(limited(choice, nodes, b"*?\r\n:1\r\n:2\r\n:3\r\n:4\r\n").unwrap_err().0, Status::Limit);
        assert_eq!(limited(choice, nodes, b"|1\r\n:1\r\n:2\r\n:3\r\n"), Ok(1));
        assert_eq!(limited(choice, nodes, b"|2\r\n").unwrap_err().0, Status::Limit);

        let bytes = Limits { bytes: 20, push_bytes: 10, ..default };
        assert_eq!(limited(choice, bytes, b"$13\r\n0123456789012\r\n"), Ok(1));
        assert_eq!(
            limited(choice, bytes, b"$14\r\n").unwrap_err().1,
            "the reply is longer than reply_bytes_max, which is 20"
        );
        assert_eq!(limited(choice, bytes, b"*2\r\n$10\r\n0123456789\r\n").unwrap_err().0, Status::Limit);
        assert_eq!(limited(choice, bytes, b"*4\r\n:1\r\n:2\r\n:3\r\n:4\r\n"), Ok(1));
        assert_eq!(limited(choice, bytes, b"*5\r\n:1\r\n:2\r\n:3\r\n:4\r\n:5\r\n").unwrap_err().0, Status::Limit);
        assert_eq!(limited(choice, bytes, b">1\r\n+abc\r\n"), Ok(1));
        assert_eq!(
            limited(choice, bytes, b">1\r\n+abcd\r\n").unwrap_err().1,
            "the push is longer than push_bytes_max, which is 10"
        );
        assert_eq!(
            limited(choice, bytes, b">1\r\n$11\r\n").unwrap_err().1,
            "the push announces 11 bytes; push_bytes_max is 10"
        );
    }
}
