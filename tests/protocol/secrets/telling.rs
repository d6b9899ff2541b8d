//! A client that is told no by a peer that repeats what it was told, and every text that comes of it.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rredis::client::pipeline::{self, Mode};
use rredis::client::{Call, Client, Dedicated, Evented, Flags, Listen, Pipeline, PubSub, Setup};
use rredis::commands::Topic;
use rredis::conn::Credentials;
use rredis::error::{Error, Result};
use rredis::options::{Key, Secret};
use rredis::reply::Reply;
use rredis::transport::{Deadline, wait};

use crate::support::peer::{Hello, Line, Peer, honest};

/// How the client comes by its secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Options,
    Url,
    Function,
}

/// Which command of the greeting is answered with what was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    Hello,
    Auth,
    Select,
    Name,
    All,
    /// None of them: it comes behind the last answer.
    Behind,
}

impl Where {
    pub const ALL: [Where; 6] = [Where::Hello, Where::Auth, Where::Select, Where::Name, Where::All, Where::Behind];

    fn is(self, word: &[u8]) -> bool {
        match self {
            Where::Hello => word == b"HELLO",
            Where::Auth => word == b"AUTH",
            Where::Select => word == b"SELECT",
            Where::Name => word == b"CLIENT",
            Where::All => [&b"HELLO"[..], b"AUTH", b"SELECT", b"CLIENT"].contains(&word),
            Where::Behind => false,
        }
    }
}

/// How a peer repeats what it was told: all of it goes in, an answer comes out.
pub type Repeat = fn(&[Vec<u8>]) -> Vec<u8>;

/// The ways of peers.
pub const HOW: &[(&str, Repeat)] = &[
    ("with its arguments", |told| {
        error(&[&b"ERR unknown command 'X', with args beginning with: "[..], &all(told)].concat())
    }),
    ("cut at 128", |told| {
        let told = all(told);
        let mut text = b"ERR unknown command, args: ".to_vec();
        text.extend_from_slice(&told[..told.len().min(128)]);
        error(&text)
    }),
    ("its last 128", |told| {
        let told = all(told);
        error(&[&b"ERR no such thing: "[..], &told[told.len().saturating_sub(128)..]].concat())
    }),
    ("as the code word", |told| error(&all(told))),
    ("as the code word, without blanks", |told| error(&without_blanks(told))),
    ("behind a code word of its own", |told| error(&[&b"WHATEVER "[..], &all(told)].concat())),
    ("refused", |told| error(&[&b"WRONGPASS no: "[..], &all(told)].concat())),
    ("unauthenticated", |told| error(&[&b"NOAUTH first say "[..], &all(told)].concat())),
    ("escaped", |told| error(&[&b"ERR "[..], all(told).escape_ascii().to_string().as_bytes()].concat())),
    ("in hexadecimal", |told| {
        let hex: String = all(told).iter().map(|byte| format!("{byte:02x}")).collect();
        error(&[&b"ERR "[..], hex.as_bytes()].concat())
    }),
    ("as percent escapes", |told| {
        let hex: String = all(told).iter().map(|byte| format!("%{byte:02X}")).collect();
        error(&[&b"ERR "[..], hex.as_bytes()].concat())
    }),
    ("as a long error", |told| {
        let told = all(told);
        [format!("!{}\r\n", told.len() + 4).as_bytes(), b"ERR ", &told, b"\r\n"].concat()
    }),
    ("as a status", |told| [b"+", &folded(&all(told))[..], b"\r\n"].concat()),
    ("as a string", |told| {
        let told = all(told);
        [format!("${}\r\n", told.len()).as_bytes(), &told, b"\r\n"].concat()
    }),
    ("as a map", |told| {
        let told = all(told);
        [format!("%1\r\n+server\r\n${}\r\n", told.len()).as_bytes(), &told, b"\r\n"].concat()
    }),
    ("as a push", |told| {
        let told = all(told);
        [format!(">2\r\n+x\r\n${}\r\n", told.len()).as_bytes(), &told, b"\r\n-ERR no\r\n"].concat()
    }),
    ("as a number", |told| [b":", &folded(&all(told))[..], b"\r\n"].concat()),
    ("as what is no RESP", |told| [b"?", &folded(&all(told))[..], b"\r\n"].concat()),
];

fn all(told: &[Vec<u8>]) -> Vec<u8> {
    told.join(&b" "[..])
}

fn without_blanks(told: &[Vec<u8>]) -> Vec<u8> {
    let mut told = told.last().cloned().unwrap_or_default();
    told.retain(|byte| *byte != b' ');
    told
}

/// One line, as servers make one of what has more.
fn folded(text: &[u8]) -> Vec<u8> {
    text.iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte }).collect()
}

fn error(text: &[u8]) -> Vec<u8> {
    [b"-", &folded(text)[..], b"\r\n"].concat()
}

/// Every text that a program was shown.
#[derive(Default)]
pub struct Told {
    /// Of calls that end by themselves.
    pub calls: Vec<String>,
    /// Of calls that try again until their time is up: how often differs.
    pub waits: Vec<String>,
    /// Of events, as often as they came.
    pub events: Vec<String>,
}

impl Told {
    pub fn of_calls(self) -> BTreeSet<String> {
        self.calls.into_iter().collect()
    }
}

/// Says the secret, and with it the name of the user, which is then a secret too.
struct Function(Vec<u8>);

impl Credentials for Function {
    fn ask(&self, _: &str) -> Result<(Option<Secret>, Secret)> {
        Ok((Some(Secret::new(&self.0)?), Secret::new(&self.0)?))
    }
}

#[derive(Default)]
struct Events(Mutex<Vec<String>>);

impl Listen for Events {
    fn hear(&self, event: &Reply) {
        let texts = event.view().children().map(|text| String::from_utf8_lossy(text.text()).into_owned());
        self.0.lock().unwrap().extend(texts);
    }
}

/// What a client of such a peer is told, by every kind of call. `waits`: by those too that try until their time is up.
pub fn told(secret: &[u8], by: By, hello: Hello, place: Where, repeat: Repeat, waits: bool) -> Told {
    let peer = Peer::tcp(hello, move |line| serve(line, place, repeat));
    let mut told = Told::default();
    for protocol in [0, 2, 3] {
        let events = Arc::new(Events::default());
        let setup = setup(&peer, secret, by, protocol, Arc::clone(&events));
        let mut texts = vec![
            setup.options.to_url().unwrap_or_default(),
            format!("{:?} {:?}", setup.options, setup.options.password()),
        ];
        let client = Client::new(&setup).expect("good options");
        let get: &[&[u8]] = &[b"GET", b"k"];
        texts.extend(text(client.command(get, &Call::default())));
        texts.extend(text(Dedicated::new(&client)));
        let mut batch = Pipeline::new(&client);
        batch.add(get, Flags::default(), std::ptr::null_mut()).expect("it is queued");
        texts.extend(text(pipeline::run(&mut batch, Mode::Plain, &Call::default())));
        let pubsub = PubSub::new(&client).expect("a subscriber");
        texts.extend(text(pubsub.subscribe(Topic::Channel, &[b"c"])));
        told.calls.extend(texts.into_iter().map(|text| same(&text, &peer)));
        if waits {
            told.waits.extend(text(pubsub.next(10)));
            told.waits.extend(by_a_loop(&client));
        }
        told.events.append(&mut events.0.lock().unwrap());
    }
    told
}

fn setup(peer: &Peer, secret: &[u8], by: By, protocol: i64, events: Arc<Events>) -> Setup {
    let mut setup = Setup { on_event: Some(events), ..Setup::default() };
    let url = match by {
        By::Url => {
            let escaped: String = secret.iter().map(|byte| format!("%{byte:02x}")).collect();
            peer.url().replace("redis://", &format!("redis://:{escaped}@"))
        }
        _ => peer.url(),
    };
    setup.options.set_url(url.as_bytes()).expect("a good URL");
    let settings =
        [(Key::Protocol, protocol), (Key::Database, 3), (Key::RetryMax, 1), (Key::BackoffMs, 0), (Key::PoolMax, 2)];
    for (key, value) in settings {
        setup.options.set_int(key, value).expect("a good value");
    }
    for key in [Key::ClientName, Key::LibraryName] {
        setup.options.set_text(key, b"name").expect("a good value");
    }
    match by {
        By::Options => setup.options.set_text(Key::Password, secret).expect("a good value"),
        By::Function => setup.credentials = Some(Arc::new(Function(secret.to_vec()))),
        By::Url => {}
    }
    setup
}

fn text<T>(result: Result<T>) -> Option<String> {
    result.err().map(|error: Error| format!("{:?} {:?} {error}", error.status, error.outcome))
}

/// A loop of the program's own: what comes of one command, within a moment.
fn by_a_loop(client: &Client) -> Option<String> {
    let mut evented = Evented::new(client).expect("a handle");
    let call = Call { flags: Flags::checked(12).expect("flags"), timeout_ms: 10, ..Call::default() };
    evented.submit(&[b"GET", b"k"], &call).expect("it is accepted");
    let end = Instant::now() + Duration::from_secs(20);
    while Instant::now() < end {
        let ready = wait::wait(evented.fd(), true, false, Deadline::after_ms(5)).expect("poll");
        evented.step(ready.readable).expect("a step");
        if let Some(completion) = evented.take_next().expect("this process's own") {
            return text(completion.result.map_err(|error| *error));
        }
    }
    panic!("nothing came of a command");
}

/// Without what differs from one run to the next.
fn same(text: &str, peer: &Peer) -> String {
    let place = peer.url().replace("redis://", "");
    let text = text.replace(&place, "PLACE");
    let words: Vec<&str> = text.split(' ').collect();
    let timed = |at: usize| words.get(at + 1).is_some_and(|unit| unit.starts_with("ms"));
    let words = words.iter().enumerate().map(|(at, word)| if timed(at) { "N" } else { *word });
    words.collect::<Vec<_>>().join(" ")
}

/// Answer as a server does, but where it repeats what it was told.
fn serve(line: &mut Line, place: Where, repeat: Repeat) -> io::Result<()> {
    let mut told = Vec::new();
    loop {
        let command = line.any_command()?;
        let word = command[0].to_ascii_uppercase();
        told.extend_from_slice(&command);
        let mut answer = match place.is(&word) {
            true => repeat(&told),
            false => line.handshake_answer(&command).unwrap_or_else(|| honest(&command)),
        };
        if place == Where::Behind && word == b"SELECT" {
            answer.extend(repeat(&told));
        }
        line.send(&answer)?;
    }
}
