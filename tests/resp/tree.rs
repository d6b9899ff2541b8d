//! Replies made by hand, read, copied, annotated, and freed.

use crate::dump::{BOTH, dump};
use rredis::error::Status;
use rredis::limits::Limits;
use rredis::reply::{Builder, Kind, Reply, View, attributes_of};
use rredis::resp;

fn read(bytes: &[u8]) -> Reply {
    let mut parser = resp::parser(BOTH[0], Limits::default());
    parser.feed(bytes).unwrap();
    Reply::build(parser.next().unwrap().unwrap()).unwrap()
}

fn made(build: impl FnOnce(&mut Builder)) -> Result<String, (Status, String)> {
    let mut builder = Builder::new();
    build(&mut builder);
    let made = builder.take().map(|reply| dump(&reply)).map_err(|error| (error.status, error.to_string()));
    // Whatever came of it, the builder is empty again.
    assert_eq!(builder.take().unwrap_err().to_string(), "nothing was added");
    builder.add_integer(Kind::RREDIS_REPLY_INTEGER, 5);
    assert_eq!(builder.take().unwrap().view().integer(), Some(5));
    made
}

#[test]
fn every_kind_is_made() {
    let all = made(|b| {
        b.open(Kind::RREDIS_REPLY_ARRAY);
        b.add_null();
        b.add_integer(Kind::RREDIS_REPLY_INTEGER, -3);
        b.add_integer(Kind::RREDIS_REPLY_BOOL, 1);
        b.add_number(1.5, None);
        b.add_number(0.25, Some(b"2.5e-1"));
        b.add_text(Kind::RREDIS_REPLY_STRING, b"a\0b");
        b.add_text(Kind::RREDIS_REPLY_STATUS, b"OK");
        b.add_text(Kind::RREDIS_REPLY_ERROR, b"ERR no");
        b.add_text(Kind::RREDIS_REPLY_VERBATIM, b"mkd:x");
        b.add_text(Kind::RREDIS_REPLY_BIG_NUMBER, b"-123");
        b.open(Kind::RREDIS_REPLY_SET);
        b.end();
        b.open_attributes();
        b.add_text(Kind::RREDIS_REPLY_STATUS, b"ttl");
        b.add_integer(Kind::RREDIS_REPLY_INTEGER, 9);
        b.end();
        b.open(Kind::RREDIS_REPLY_MAP);
        b.add_text(Kind::RREDIS_REPLY_STRING, b"k");
        b.add_text(Kind::RREDIS_REPLY_STRING, b"");
        b.end();
        b.end();
    });
    let expected = r#"[null -3 true 1.5=1.5 2.5e-1=0.25 "a\x00b" +OK -ERR no mkd:"x" (-123 ~~ |{+ttl 9} {"k" ""}]"#;
    assert_eq!(all, Ok(expected.to_owned()));
    assert_eq!(made(|b| b.add_number(f64::NAN, None)), Ok("nan=NaN".to_owned()));
    assert_eq!(made(|b| b.add_number(f64::NEG_INFINITY, None)), Ok("-inf=-inf".to_owned()));
    assert_eq!(made(|b| b.add_number(f64::INFINITY, None)), Ok("inf=inf".to_owned()));
}

#[test]
fn a_double_written_for_the_caller_reads_back_the_same() {
    for value in [0.1, -0.0, 1e300, 5e-324, f64::MAX, 1.0 / 3.0, 123456789.0, 1e17, 1e-5, 9.99e-6, 2f64.powi(70)] {
        let mut builder = Builder::new();
        builder.add_number(value, None);
        let text = builder.take().unwrap().text().to_vec();
        let again = read(&[b",", &text[..], b"\r\n"].concat());
        assert_eq!(again.root().number.to_bits(), value.to_bits(), "{}", text.escape_ascii());
        assert!(text.len() < 26);
    }
}

#[test]
fn what_goes_wrong_is_kept_until_take() {
    let state = |text: &str| Err((Status::State, text.to_owned()));
    let argument = |text: &str| Err((Status::Argument, text.to_owned()));
    assert_eq!(made(|_| {}), state("nothing was added"));
    assert_eq!(made(|b| b.open(Kind::RREDIS_REPLY_ARRAY)), state("an aggregate is still open"));
    assert_eq!(made(|b| [b.add_null(), b.add_null()].into_iter().collect()), state("more than one root"));
    assert_eq!(made(Builder::end), state("nothing is open that could end"));
    assert_eq!(made(|b| b.open(Kind::RREDIS_REPLY_STRING)), argument("only an ARRAY, SET, MAP or PUSH can be opened"));
    assert_eq!(
        made(|b| b.add_text(Kind::RREDIS_REPLY_DOUBLE, b"1")),
        argument("text is added as a STRING, STATUS, ERROR, VERBATIM or BIG_NUMBER")
    );
    assert_eq!(
        made(|b| b.add_text(Kind::RREDIS_REPLY_VERBATIM, b"txt")),
        argument("a verbatim text begins with three letters and a colon")
    );
    assert_eq!(
        made(|b| b.add_text(Kind::RREDIS_REPLY_BIG_NUMBER, b"1.5")),
        argument("a big number is digits, with a sign if need be")
    );
    assert_eq!(made(|b| b.add_integer(Kind::RREDIS_REPLY_BOOL, 2)), argument("a BOOL is 0 or 1"));
    assert_eq!(
        made(|b| b.add_integer(Kind::RREDIS_REPLY_NULL, 0)),
        argument("an integer is added as an INTEGER or a BOOL")
    );
    assert_eq!(made(|b| b.add_number(1.0, Some(b"one"))), argument("the text of a number is not one"));
    let odd = made(|b| {
        b.open(Kind::RREDIS_REPLY_MAP);
        b.add_null();
        b.end();
    });
    assert_eq!(odd, argument("a map has a key without a value"));
    let annotated = made(|b| {
        b.open_attributes();
        b.end();
    });
    assert_eq!(annotated, state("attributes without a value"));
    let first = made(|b| {
        b.add_integer(Kind::RREDIS_REPLY_BOOL, 7);
        b.end();
        b.add_null();
    });
    assert_eq!(first, argument("a BOOL is 0 or 1"));
}

#[test]
fn a_builder_counts() {
    let limits = Limits { nodes: 3, depth: 2, bytes: 10, ..Limits::default() };
    let status = |build: &dyn Fn(&mut Builder)| {
        let mut builder = Builder::with_limits(limits);
        build(&mut builder);
        builder.take().map(|_| ()).map_err(|error| error.status)
    };
    let array = Kind::RREDIS_REPLY_ARRAY;
    let text = |len: usize| move |b: &mut Builder| b.add_text(Kind::RREDIS_REPLY_STRING, &vec![b'x'; len]);
    assert_eq!(status(&text(10)), Ok(()));
    assert_eq!(status(&text(11)), Err(Status::Limit));
    let nest = |depth: usize| {
        move |b: &mut Builder| {
            (0..depth).for_each(|_| b.open(array));
            (0..depth).for_each(|_| b.end());
        }
    };
    assert_eq!(status(&nest(2)), Ok(()));
    assert_eq!(status(&nest(3)), Err(Status::Limit));
    let row = |len: usize| {
        move |b: &mut Builder| {
            b.open(array);
            (0..len).for_each(|_| b.add_null());
            b.end();
        }
    };
    assert_eq!(status(&row(2)), Ok(()));
    assert_eq!(status(&row(3)), Err(Status::Limit));
}

#[test]
fn a_copy_is_as_its_original() {
    let reply =
        read(b"*9\r\n+OK\r\n-ERR\r\n:1\r\n$1\r\na\r\n_\r\n,1.50\r\n=5\r\ntxt:x\r\n%1\r\n(12\r\n~1\r\n#f\r\n*0\r\n");
    let copy = Reply::clone_of(reply.root()).unwrap();
    assert_eq!(dump(&copy), dump(&reply));
    let part = Reply::clone_of(reply.view().get(7).unwrap().node()).unwrap();
    drop((reply, copy));
    assert_eq!(dump(&part), "{(12 ~false~}");
    let mut builder = Builder::new();
    builder.open(Kind::RREDIS_REPLY_ARRAY);
    builder.add_reply(part.root());
    builder.add_reply(part.root());
    builder.end();
    assert_eq!(dump(&builder.take().unwrap()), "[{(12 ~false~} {(12 ~false~}]");
}

#[test]
fn a_reply_goes_out_as_an_address_and_comes_back() {
    let root = read(b"|1\r\n+k\r\n+v\r\n*2\r\n:1\r\n$1\r\nx\r\n").into_raw();
    // SAFETY: root is the root of a living tree.
    let map = unsafe { attributes_of(root, root) };
    // SAFETY: the attributes are a node of the same tree.
    assert_eq!(View::new(unsafe { &*map }).find(b"k").unwrap().text(), b"v");
    // SAFETY: as above.
    assert!(unsafe { attributes_of(root, std::ptr::null()) }.is_null());
    // SAFETY: as above; a map of attributes has none of its own.
    assert!(unsafe { attributes_of(root, map) }.is_null());
    // SAFETY: root came from into_raw.
    let reply = unsafe { Reply::from_raw(root) };
    assert_eq!(dump(&reply), "|{+k +v} [1 \"x\"]");
    let push = reply.into_push();
    assert_eq!(push.kind(), Kind::RREDIS_REPLY_PUSH);
}

#[test]
fn large_replies_of_both_parsers_are_built_in_place() {
    let text: Vec<u8> = (0..200_000u32).map(|n| n as u8).collect();
    let bytes =
        [b"*4\r\n:1\r\n$200000\r\n", &text[..], b"\r\n|1\r\n+a\r\n+b\r\n=8\r\ntxt:long\r\n,2.5\r\n+next\r\n"].concat();
    for choice in BOTH {
        for first in ["", "+before\r\n"] {
            let mut parser = resp::parser(choice, Limits::default());
            parser.feed(first.as_bytes()).unwrap();
            parser.feed(&bytes).unwrap();
            if !first.is_empty() {
                assert_eq!(Reply::build(parser.next().unwrap().unwrap()).unwrap().text(), b"before");
            }
            let reply = Reply::build(parser.next().unwrap().unwrap()).unwrap();
            assert!(reply.size() < 201_000 + 64);
            let view = reply.view();
            assert_eq!((view.len(), view.get(1).unwrap().text()), (4, &text[..]));
            assert_eq!((view.get(2).unwrap().format(), view.get(2).unwrap().text()), (&b"txt"[..], &b"long"[..]));
            assert_eq!(view.get(3).unwrap().number(), Some(2.5));
            assert!(reply.attributes(view.get(2).unwrap().node()).is_some());
            assert_eq!(Reply::build(parser.next().unwrap().unwrap()).unwrap().text(), b"next");
            assert!(parser.is_empty());
            parser.rest();
            parser.feed(b":5\r\n").unwrap();
            assert_eq!(Reply::build(parser.next().unwrap().unwrap()).unwrap().view().integer(), Some(5));
        }
    }
}

#[test]
fn many_integers_need_no_text() {
    let bytes = [b"*30000\r\n".to_vec(), b":1234\r\n".repeat(30_000)].concat();
    let reply = read(&bytes);
    assert_eq!(reply.view().children().map(|child| child.integer().unwrap()).sum::<i64>(), 1234 * 30_000);
    assert!(reply.size() < 48 * 30_001 + 64);
}

#[test]
fn values_are_read_as_numbers_where_they_are() {
    let cases: &[(&[u8], Option<i64>, Option<f64>)] = &[
        (b":7\r\n", Some(7), Some(7.0)),
        (b"#t\r\n", Some(1), Some(1.0)),
        (b",2\r\n", Some(2), Some(2.0)),
        (b",2.5\r\n", None, Some(2.5)),
        (b",1e300\r\n", None, Some(1e300)),
        (b",9223372036854775808\r\n", None, Some(9223372036854775808.0)),
        (b",inf\r\n", None, Some(f64::INFINITY)),
        (b"$2\r\n42\r\n", Some(42), Some(42.0)),
        (b"$4\r\n1e-1\r\n", None, Some(0.1)),
        (b"+-5\r\n", Some(-5), Some(-5.0)),
        (b"(7\r\n", Some(7), Some(7.0)),
        (b"(99999999999999999999\r\n", None, Some(1e20)),
        (b"=5\r\ntxt:8\r\n", Some(8), Some(8.0)),
        (b"$1\r\nx\r\n", None, None),
        (b"$0\r\n\r\n", None, None),
        (b"-5\r\n", None, None),
        (b"_\r\n", None, None),
        (b"*1\r\n:1\r\n", None, None),
    ];
    for (bytes, integer, number) in cases {
        let reply = read(bytes);
        assert_eq!((reply.view().integer(), reply.view().number()), (*integer, *number), "{}", bytes.escape_ascii());
    }
}

#[test]
fn a_map_finds_its_keys() {
    let reply = read(b"%3\r\n$1\r\na\r\n:1\r\n+b\r\n:2\r\n:3\r\n$1\r\na\r\n");
    let found = |key: &[u8]| reply.view().find(key).and_then(|value| value.integer());
    assert_eq!((found(b"a"), found(b"b"), found(b"c"), found(b"")), (Some(1), Some(2), None, None));
    assert!(read(b"*2\r\n+a\r\n:1\r\n").view().find(b"a").is_none());
}
