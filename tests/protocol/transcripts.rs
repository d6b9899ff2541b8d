//! Whole conversations, written down: each file of tests/protocol/transcripts is played through a session, its incoming bytes
//! cut into pieces of every size, and must give the same events each time.
//!
//! ```text
//! greeting protocol=3 password=secret   how the session begins (first line)
//! > HELLO 3                             what it must have queued, a command a line, handed over at once
//! >! GET a                              the same, but of its bytes none is handed over
//! >+ GET a                              the same, but only the first half is handed over
//! ? GET a                               submit a command
//! < +OK\r\n                             what the server sends
//! = reply 1 OK                          what must have happened, one event a line, in order
//! = ready | clean | dirty | owes        what must be true now
//! = hears | deaf                        whether anything could come unasked, or is owed
//! = downgraded | as_asked               whether the server speaks RESP2 where RESP3 was asked for
//! = queueing                            a transaction is open
//! = resp 3                              what is spoken now
//! = failed PROTOCOL text                how the conversation ended
//! = fate 1 UNKNOWN                      what became of a command
//! = refused GET a                       submitting this is refused, and queues nothing
//! ```

use rredis::commands::Shape;
use rredis::error::{Error, Outcome, Status};
use rredis::limits::Limits;
use rredis::options::{ParserChoice, Secret};
use rredis::reply::{Kind, View};
use rredis::resp;
use rredis::session::{Asked, Event, Greeting, Session};

#[test]
fn every_transcript_plays_at_every_split() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/protocol/transcripts");
    let mut played = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let longest = text.lines().filter_map(|line| line.strip_prefix("< ")).map(|line| unescape(line).len()).max();
        for parser in [ParserChoice::Fast, ParserChoice::Simple] {
            for piece in 1..=longest.unwrap_or(1) {
                Player::new(&path.display().to_string(), parser, piece).play(&text);
                played += 1;
            }
        }
    }
    assert!(played > 100, "only {played} plays: are the transcripts there?");
}

struct Player {
    name: String,
    parser: ParserChoice,
    piece: usize,
    session: Option<Session>,
    events: Vec<String>,
    failure: Option<Error>,
}

impl Player {
    fn new(name: &str, parser: ParserChoice, piece: usize) -> Player {
        Player { name: name.into(), parser, piece, session: None, events: Vec::new(), failure: None }
    }

    fn play(&mut self, text: &str) {
        for (number, line) in text.lines().enumerate() {
            let place = format!("{}:{} ({:?}, pieces of {})", self.name, number + 1, self.parser, self.piece);
            match line.split_once(' ').unwrap_or((line, "")) {
                ("", _) | ("#", _) => {}
                ("greeting", words) => self.session = Some(self.begin(words)),
                (">", command) => self.expect_outgoing(command, 2, &place),
                (">+", command) => self.expect_outgoing(command, 1, &place),
                (">!", command) => self.expect_outgoing(command, 0, &place),
                ("?", command) => {
                    let words: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
                    self.session().submit(Asked::any(&words, Shape::KEEP)).expect(&place);
                }
                ("<", bytes) => self.receive(&unescape(bytes)),
                ("=", expected) => self.expect(expected, &place),
                _ => panic!("{place}: {line}: not a line of a transcript"),
            }
        }
        assert!(self.events.is_empty(), "{}: nobody expected {:?}", self.name, self.events);
    }

    fn begin(&self, words: &str) -> Session {
        let mut greeting = Greeting::default();
        let mut limits = Limits::default();
        for word in words.split_whitespace() {
            let (name, value) = word.split_once('=').expect(word);
            match name {
                "protocol" => greeting.protocol = value.parse().unwrap(),
                "username" => greeting.username = Some(Secret::new(value.as_bytes()).unwrap()),
                "password" => greeting.password = Some(Secret::new(value.as_bytes()).unwrap()),
                "client_name" => greeting.client_name = Some(value.into()),
                "database" => greeting.database = value.parse().unwrap(),
                "line" => limits.line = value.parse().unwrap(),
                _ => panic!("{word}"),
            }
        }
        Session::new(resp::parser(self.parser, limits), greeting).unwrap()
    }

    fn session(&mut self) -> &mut Session {
        self.session.as_mut().expect("a transcript begins with its greeting")
    }

    fn expect_outgoing(&mut self, command: &str, halves: usize, place: &str) {
        let words: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
        let mut expected = Vec::new();
        resp::encode(&words, &mut expected).unwrap();
        let session = self.session();
        let outgoing = session.outgoing();
        assert!(outgoing.starts_with(&expected), "{place}: queued is {:?}", String::from_utf8_lossy(outgoing));
        if halves > 0 {
            // One byte first: what is partly handed over is handed over.
            session.sent(1);
            session.sent(expected.len() * halves / 2 - 1);
        }
    }

    fn receive(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(self.piece) {
            if self.failure.is_none() {
                let received = self.session().receive(piece);
                self.failure = received.err();
            }
            self.drain();
        }
    }

    fn drain(&mut self) {
        while self.failure.is_none() {
            match self.session().poll() {
                Ok(Some(Event::Reply { ticket, reply, .. })) => {
                    self.events.push(format!("reply {ticket} {}", dump(reply.view())));
                }
                Ok(Some(Event::Push { push: reply, .. })) => self.events.push(format!("push {}", dump(reply.view()))),
                Ok(None) => return,
                Err(error) => {
                    self.session().fail(error.clone());
                    self.failure = Some(error);
                }
            }
        }
    }

    fn expect(&mut self, expected: &str, place: &str) {
        match expected.split_once(' ').unwrap_or((expected, "")) {
            ("ready", _) => assert!(self.session().is_ready(), "{place}: {:?}", self.failure),
            ("waiting", _) => assert!(!self.session().is_ready() && self.failure.is_none(), "{place}"),
            ("clean", _) => assert!(self.session().is_clean(), "{place}"),
            ("dirty", _) => assert!(!self.session().is_clean(), "{place}"),
            ("owes", _) => assert!(self.session().owes(), "{place}"),
            ("hears", _) => assert!(self.session().can_hear(), "{place}"),
            ("deaf", _) => assert!(!self.session().can_hear(), "{place}"),
            ("downgraded", _) => assert!(self.session().speaks_resp2(), "{place}"),
            ("as_asked", _) => assert!(!self.session().speaks_resp2(), "{place}"),
            ("queueing", _) => assert!(self.session().is_queueing(), "{place}"),
            ("resp", version) => assert_eq!(self.session().is_resp3(), version == "3", "{place}"),
            ("silent", _) => assert!(self.session().outgoing().is_empty(), "{place}"),
            ("failed", words) => {
                let error = self.failure.as_ref().unwrap_or_else(|| panic!("{place}: it did not fail"));
                let told = format!("{:?} {error}", error.status);
                assert!(told.starts_with(words), "{place}: {told}");
                assert!(!told.contains("s3cret"), "{place}: {told}");
            }
            ("refused", command) => {
                let words: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
                let queued = self.session().outgoing().len();
                let error = self.session().submit(Asked::any(&words, Shape::KEEP)).expect_err(place);
                assert_eq!((error.status, error.outcome), (Status::State, Outcome::NotSent), "{place}");
                assert_eq!(self.session().outgoing().len(), queued, "{place}");
            }
            ("fate", words) => {
                let (ticket, outcome) = words.split_once(' ').expect(place);
                let fate = self.session().fate(ticket.parse().unwrap());
                assert_eq!(format!("{fate:?}"), outcome, "{place}");
            }
            _ => {
                assert!(!self.events.is_empty(), "{place}: {expected}: nothing happened ({:?})", self.failure);
                assert_eq!(self.events.remove(0), expected, "{place}");
            }
        }
    }
}

/// A reply in one line: texts bare, aggregates in brackets, an error behind a `-`.
fn dump(view: View<'_>) -> String {
    let text = || String::from_utf8_lossy(view.text()).into_owned();
    match view.kind() {
        Kind::RREDIS_REPLY_NULL => "null".into(),
        Kind::RREDIS_REPLY_INTEGER | Kind::RREDIS_REPLY_BOOL => view.integer().unwrap().to_string(),
        Kind::RREDIS_REPLY_ERROR => format!("-{}", text()),
        kind if kind as u32 >= 20 => {
            let children: Vec<String> = view.children().map(dump).collect();
            format!("[{}]", children.join(" "))
        }
        _ => text(),
    }
}

fn unescape(line: &str) -> Vec<u8> {
    line.replace("\\r", "\r").replace("\\n", "\n").into_bytes()
}
