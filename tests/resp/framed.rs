//! A parser of one's own gets one reply and must give one.

use crate::dump::{Parsed, parse};
use crate::golden::GOLDEN;
use rredis::error::{Error, Result, Status};
use rredis::limits::Limits;
use rredis::options::ParserChoice;
use rredis::reply::{Builder, Reply};
use rredis::resp::{self, Custom, Recorder};

/// The ways in which a parser can go wrong.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Right,
    Mute,
    Twice,
    Unfinished,
    Empty,
    Refusing,
    Pushing,
    Forgetful,
}

/// One of the built-in parsers, as if somebody had brought it.
struct Brought {
    inner: Box<dyn resp::Parse>,
    way: Way,
}

impl Custom for Brought {
    fn name(&self) -> &str {
        "brought"
    }

    fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        match self.way {
            Way::Refusing => Err(Error::new(Status::Argument, "no taste for it")),
            _ => self.inner.feed(bytes),
        }
    }

    fn next(&mut self, recorder: &mut Recorder) -> Result<bool> {
        let mut builder = Builder::new();
        match self.way {
            Way::Mute => return Ok(false),
            Way::Twice => builder.add_null(),
            Way::Unfinished => recorder.open(resp::Type::Array),
            Way::Empty => {}
            Way::Pushing => {
                recorder.open(resp::Type::Push);
                recorder.end();
            }
            _ => {
                let Some(frame) = self.inner.next()? else { return Ok(false) };
                let reply = Reply::build(frame)?;
                builder.add_reply(reply.root());
            }
        }
        if matches!(self.way, Way::Right | Way::Twice | Way::Forgetful) {
            builder.swap(recorder);
        }
        Ok(true)
    }
}

fn brought(way: Way, bytes: &[u8], size: usize) -> Parsed {
    let inner = resp::parser(ParserChoice::Simple, Limits::default());
    let mut parser = resp::framed(Box::new(Brought { inner, way }), Limits::default());
    assert_eq!(parser.name(), "brought");
    parse(&mut *parser, bytes.chunks(size))
}

#[test]
fn a_good_parser_gives_what_ours_do() {
    // A copy of a tree has no attributes, so those replies are left out.
    for (bytes, expected) in GOLDEN.iter().filter(|(bytes, _)| !bytes.contains(&b'|')) {
        for size in [1, 7, 1000] {
            let (dumps, error) = brought(Way::Right, bytes, size);
            assert_eq!(
                (&dumps, error),
                (&expected.iter().map(|text| text.to_string()).collect(), None),
                "{}",
                bytes.escape_ascii()
            );
        }
    }
}

#[test]
fn a_large_reply_goes_through_whole() {
    let text = vec![b'x'; 300_000];
    let bytes = [b"*1\r\n$300000\r\n", &text[..], b"\r\n:1\r\n"].concat();
    let (dumps, error) = brought(Way::Right, &bytes, 4096);
    assert_eq!((dumps.len(), dumps[0].len(), error), (2, 300_004, None));
}

#[test]
fn a_parser_that_goes_wrong_is_named_and_gives_nothing() {
    let wrong = [
        (Way::Mute, "the parser brought gave no reply for a whole one"),
        (Way::Twice, "the parser brought gave a second reply for one"),
        (Way::Unfinished, "the parser brought: an aggregate is still open"),
        (Way::Empty, "the parser brought: nothing was added"),
        (Way::Refusing, "the parser brought: no taste for it"),
        (Way::Pushing, "the parser brought took a reply for a push, or a push for a reply"),
    ];
    for (way, words) in wrong {
        let (dumps, error) = brought(way, b"+OK\r\n+OK\r\n", 3);
        assert_eq!((dumps.len(), error), (0, Some((Status::Protocol, words.to_owned()))));
    }
}

#[test]
fn the_limits_hold_whatever_the_parser_does() {
    let (dumps, error) = brought(Way::Forgetful, b"+OK\r\n$1099511627776\r\n", 100);
    assert_eq!((dumps.len(), error.unwrap().0), (1, Status::Limit));
}
