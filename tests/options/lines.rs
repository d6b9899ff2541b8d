//! Whatever text a server, a name, a path or a function of the program's own has in it: `err.message`, events and gaps are lines
//! that no terminal obeys any part of, in UTF-8, and that give the text back.

use std::sync::{Arc, Mutex};

use crate::support::c::{Client, Options, Status, Verdict, call, kind, option};
use crate::support::dice::Dice;
use crate::support::peer::{Hello, Line, Peer};
use crate::support::pipeline::{Pipeline, mode};
use crate::support::server::{Folder, free_port};

/// What a terminal would obey, or what would make a line ambiguous, one by one and beside each other.
const PIECES: &[&[u8]] = &[
    b"plain",
    "caf\u{e9}\u{4e2d}\u{1d11e}".as_bytes(),
    b"\x1b[31mred\x1b[0m",
    b"\x1b]0;title\x07",
    b"\x00\x08\x7f\t",
    "\u{9b}31m\u{85}\u{90}".as_bytes(),
    b"\x9b31m",
    "\u{2028}\u{2029}".as_bytes(),
    "\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}".as_bytes(),
    "\u{2066}\u{2067}\u{2068}\u{2069}".as_bytes(),
    "\u{200e}\u{200f}\u{61c}\u{200b}\u{feff}\u{ad}\u{e0041}".as_bytes(),
    br"\x0a\\",
    b"\\",
    b"\xff\xfe\xe2\x82",
    b"\"quotes\"",
];

/// A text of a few of these pieces, short enough for err.
fn text(dice: &mut Dice) -> Vec<u8> {
    let mut text = Vec::new();
    for _ in 0..1 + dice.throw(3) {
        text.extend_from_slice(PIECES[dice.throw(PIECES.len() as u64) as usize]);
    }
    text
}

/// Panics where a line has something in it that it should not, and gives the text that it stands for.
fn text_of(line: &str) -> Vec<u8> {
    let obeyed = |char: char| {
        char.is_control() || "\u{2028}\u{2029}\u{61c}\u{feff}\u{ad}\u{fffd}".contains(char) || {
            let number = char as u32;
            (0x200b..=0x200f).contains(&number)
                || (0x202a..=0x202e).contains(&number)
                || (0x2060..=0x206f).contains(&number)
                || (0xe0000..=0xe007f).contains(&number)
        }
    };
    assert!(!line.chars().any(obeyed), "{line:?}");
    let mut text = Vec::new();
    let mut rest = line.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        let (byte, taken) = match (byte, behind) {
            (b'\\', [b'\\', ..]) => (b'\\', 2),
            (b'\\', [b'x', digits @ ..]) => {
                let digits = std::str::from_utf8(&digits[..2]).expect("two digits");
                (u8::from_str_radix(digits, 16).expect("two hexadecimal digits"), 4)
            }
            (b'\\', _) => panic!("a lone backslash: {line:?}"),
            _ => (byte, 1),
        };
        text.push(byte);
        rest = &rest[taken..];
    }
    text
}

/// The texts of the events that were told.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<Vec<String>>>>);

impl Diary {
    fn keeper(&self) -> crate::support::c::Listener {
        let diary = self.clone();
        Box::new(move |event| {
            let texts = event.elements().iter().filter(|element| element.kind == kind::STRING);
            let texts = texts.map(|element| String::from_utf8(element.text().to_vec()).expect("a line is UTF-8"));
            diary.0.lock().expect("no panic").push(texts.collect());
        })
    }

    /// The texts of the events of this kind, each a line.
    fn take(&self, kind: &str) -> Vec<Vec<String>> {
        let events = std::mem::take(&mut *self.0.lock().expect("no panic"));
        events.iter().flatten().for_each(|line| drop(text_of(line)));
        events.into_iter().filter(|event| event[0] == kind).collect()
    }
}

#[test]
fn a_servers_error_is_a_line_and_gives_its_text_back() {
    let words = Arc::new(Mutex::new(Vec::new()));
    let said = Arc::clone(&words);
    let peer = Peer::tcp(Hello::Resp3, move |line| {
        loop {
            line.command()?;
            let words: Vec<u8> = said.lock().expect("no panic").clone();
            let error = [format!("!{}\r\n", words.len()).as_bytes(), &words, b"\r\n"].concat();
            line.send(&error)?;
        }
    });
    let client = Client::at(&peer.url());
    let mut dice = Dice::new(41, 0);
    for _ in 0..300 {
        let error = [b"ERR ".to_vec(), text(&mut dice)].concat();
        words.lock().expect("no panic").clone_from(&error);
        let err = client.command(&["GET", "k"]).expect_err("an error");
        assert_eq!(err.status, Status::SERVER, "{err:?}");
        assert_eq!(text_of(&err.message), error, "{err:?}");
        // As a reply it is as it came.
        let reply = client.command_with(&["GET", "k"], call::ERROR_REPLY, 0).expect("an error that is a reply");
        assert_eq!(reply.text(), error);
    }
    // What is too long is cut where a character ends, and is still a line.
    for lead in 0..20 {
        let error = [b"ERR ".to_vec(), vec![b'x'; lead], "\u{202e}".repeat(300).into_bytes()].concat();
        words.lock().expect("no panic").clone_from(&error);
        let err = client.command(&["GET", "k"]).expect_err("an error");
        let shown = text_of(&err.message);
        assert!(error.starts_with(&shown) && std::str::from_utf8(&shown).is_ok() && shown.len() > 50, "{err:?}");
    }
}

#[test]
fn what_is_told_of_a_peer_that_talks_nonsense_is_lines() {
    let words = Arc::new(Mutex::new(Vec::new()));
    let said = Arc::clone(&words);
    let peer = Peer::tcp(Hello::Resp3, move |line: &mut Line| {
        line.command()?;
        let words: Vec<u8> = said.lock().expect("no panic").clone();
        line.send(&[b":", &words[..], b"\r\n"].concat())?;
        line.until_left()
    });
    let diary = Diary::default();
    let client = Options::at(&peer.url()).int(option::RETRY_MAX, 0).on_event(diary.keeper()).client();
    for piece in PIECES {
        words.lock().expect("no panic").clone_from(&piece.to_vec());
        let err = client.command(&["GET", "k"]).expect_err("no number");
        assert_eq!(err.status, Status::PROTOCOL, "{err:?}");
        let quoted = [b"\"", *piece, b"\""].concat();
        assert!(text_of(&err.message).windows(quoted.len()).any(|part| part == quoted), "{err:?}");
        let lost = diary.take("lost");
        assert_eq!(lost.len(), 1, "{lost:?}");
        assert_eq!(lost[0].last(), Some(&err.message), "the same line in both");
    }
}

/// The name of a command, and the place of a server, are somebody's texts too.
#[test]
fn names_and_places_are_told_as_lines() {
    let diary = Diary::default();
    let options = Options::at(&format!("redis://127.0.0.1:{}", free_port())).int(option::BACKOFF_MS, 1);
    let client = options.int(option::RETRY_MAX, 1).on_event(diary.keeper()).client();
    let folder = Folder::new("lines");
    for piece in PIECES {
        let name = [b"N".to_vec(), piece.to_vec()].concat();
        client.command(&[&name]).expect_err("nobody listens");
        let retries = diary.take("retry");
        assert_eq!(retries.len(), 1, "{retries:?}");
        assert_eq!(text_of(&retries[0][1]), name.to_ascii_uppercase());

        // A path is any bytes but a NUL; who says it in a message makes it UTF-8.
        let Ok(name) = String::from_utf8(piece.to_vec()) else { continue };
        if name.contains('\0') {
            continue;
        }
        let path = format!("{}/{name}", folder.path().display());
        let err = Options::new().text(option::UNIX_PATH, &path).int(option::RETRY_MAX, 0).client().command(&["PING"]);
        let err = err.expect_err("nobody listens");
        assert_eq!(err.status, Status::CONNECT, "{err:?}");
        assert!(text_of(&err.message).starts_with(format!("unix:{path}: ").as_bytes()), "{err:?}");
    }
}

#[test]
fn a_value_that_is_refused_is_shown_as_it_was_given() {
    for piece in PIECES {
        let Ok(value) = std::str::from_utf8(piece) else { continue };
        let err = Options::new().try_text(option::HOST, &format!("a b{value}")).expect_err("white space");
        assert_eq!(err.status, Status::CONFIG);
        assert_eq!(text_of(&err.message), format!("host: \"a b{value}\" has white space (byte 1)").as_bytes());
    }
}

/// What a function writes in its err is a line already where it comes from another call of the library's: it comes out as it
/// went in. What is none becomes one.
#[test]
fn what_a_function_of_the_programs_says_is_a_line_too() {
    let peer = Peer::tcp(Hello::Resp3, Line::serve);
    for (said, told) in [
        (r"ERR \x1b[31m \\ \xe2\x80\xa8", r"ERR \x1b[31m \\ \xe2\x80\xa8"),
        ("a\nb\u{202e}", r"a\x0ab\xe2\x80\xae"),
        (r"C:\new", r"C:\\new"),
        ("caf\u{e9}", "caf\u{e9}"),
    ] {
        let fail: crate::support::c::Callback = Box::new(move |_, _, _| Verdict::Fail(said));
        let client = Options::at(&peer.url()).callback("GET", fail, &Arc::default()).client();
        let err = client.command(&["GET", "k"]).expect_err("the callback fails");
        assert_eq!((err.status, err.message.as_str()), (Status::CALLBACK, told));
        text_of(&err.message);
        // Where it stands in the place of a reply it is the same line.
        let mut pipeline = Pipeline::of(&client);
        let reply = pipeline.add(&["GET", "k"]).run(mode::PLAIN).expect("a run");
        assert_eq!(reply.elements()[0].text(), format!("CALLBACK {told}").as_bytes());
    }
}
