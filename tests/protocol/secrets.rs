//! Secrets are told to nobody: with two different ones, and all else equal, every text that a program can be shown is equal
//! byte for byte, whatever the peer does with what it was told.

#[cfg(feature = "tls")]
mod keys;
mod telling;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::support::peer::{Hello, Peer};
use rredis::client::{Call, Client, Setup};
use rredis::error::{Error, Result, Status};
use rredis::limits::Limits;
use rredis::options::Key;
use rredis::resp::{Custom, Parse, ParserType, Recorder, framed};
use telling::{By, HOW, Repeat, Told, Where, told};

/// Two secrets, which may be of different lengths.
const PAIRS: &[[&[u8]; 2]] = &[
    [b"correct horse", b"battery staple and more"],
    // Words of the texts themselves: what searches for the secret finds them there.
    [b"server", b"answer"],
    [b"the server says: ERR", b"handshake (to HELLO)"],
    // As long as tokens are, so that a peer that cuts cuts in them.
    [&[b'x'; 300], &[b'7'; 300]],
    [b"first\nsecond \"line\"", b"another\nwith \\ and %"],
    [b"\xc3\xa4\xff\x00\x1b[2J", b"\xe2\x80\xae\xc2\x85\x7f\x80\x00"],
];

/// Bytes that no text of ours has, none of them next to itself.
const FOREIGN: &[u8] = b"^{|}~\xf1\xf2\xf3^|{~}\xf3\xf1\xf2{^~|}\xf2\xf3\xf1^}|~{\xf1\xf3\xf2";

#[test]
fn every_text_is_the_same_whatever_the_secret_is() {
    for by in [By::Options, By::Url, By::Function] {
        let pairs = if by == By::Options { PAIRS } else { &PAIRS[..1] };
        each_way(by, |what, hello, place, repeat| {
            for [one, two] in pairs {
                let said: [BTreeSet<String>; 2] =
                    [one, two].map(|secret| told(secret, by, hello, place, repeat, false).of_calls());
                assert!(said[0].len() > 1, "{what}, {}: {:?}", one.escape_ascii(), said[0]);
                assert_eq!(said[0], said[1], "{what}, {}", one.escape_ascii());
            }
        });
    }
}

#[test]
fn no_piece_of_a_secret_is_in_any_text() {
    let hex: String = FOREIGN.iter().map(|byte| format!("{byte:02x}")).collect();
    for by in [By::Options, By::Url, By::Function] {
        each_way(by, |what, hello, place, repeat| {
            let Told { calls, waits, events } = told(FOREIGN, by, hello, place, repeat, by == By::Options);
            for text in calls.iter().chain(&waits).chain(&events) {
                let shows = FOREIGN.windows(4).find(|piece| contains(text.as_bytes(), piece));
                assert!(shows.is_none(), "{what}: {text}");
                // Escaped by us or by the peer.
                let plain: String = text.to_ascii_lowercase().replace("\\x", "").replace('%', "");
                let shows = hex.as_bytes().windows(8).find(|piece| contains(plain.as_bytes(), piece));
                assert!(shows.is_none(), "{what}: {text}");
            }
        });
    }
}

fn each_way(by: By, mut body: impl FnMut(&str, Hello, Where, Repeat)) {
    for hello in [Hello::Resp3, Hello::Resp2] {
        for place in Where::ALL {
            for (name, repeat) in HOW {
                body(&format!("{by:?}, {hello:?}, {place:?}, {name}"), hello, place, *repeat);
            }
        }
    }
}

/// A parser of the program's that quotes what it is given, and reads none of it.
struct Quoting;

impl Custom for Quoting {
    fn name(&self) -> &str {
        "quoting"
    }

    fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        Err(Error::new(Status::Protocol, [b"what is this: ", bytes].concat()))
    }

    fn next(&mut self, _recorder: &mut Recorder) -> Result<bool> {
        Ok(false)
    }
}

impl ParserType for Quoting {
    fn name(&self) -> &str {
        "quoting"
    }

    fn start(&self, limits: Limits) -> Result<Box<dyn Parse>> {
        Ok(framed(Box::new(Quoting), limits))
    }
}

#[test]
fn a_parser_of_the_programs_quotes_no_secret_either() {
    let peer = Peer::tcp(Hello::Resp3, |line| {
        let told = line.any_command()?.join(&b" "[..]);
        line.send(&[b"-ERR unknown command: ", &told[..], b"\r\n"].concat())?;
        line.until_left()
    });
    let mut setup = Setup { parser: Some(Arc::new(Quoting)), ..Setup::default() };
    setup.options.set_url(peer.url().as_bytes()).expect("a good URL");
    setup.options.set_text(Key::Password, b"canary").expect("a good value");
    let error = Client::new(&setup).expect("a client").command(&[b"PING"], &Call::default()).expect_err("unread");
    assert_eq!(error.status, Status::Protocol);
    assert!(error.to_string().ends_with("the parser quoting cannot read what the server says"), "{error}");
}

fn contains(text: &[u8], piece: &[u8]) -> bool {
    text.windows(piece.len()).any(|part| part == piece)
}
