//! The first words: HELLO with AUTH and SETNAME, SELECT, in one write; and what to do when the server does not know HELLO.

use std::collections::VecDeque;

use crate::error::{Error, Result, Status};
use crate::options::Secret;
use crate::reply::{Kind, Reply};

use super::inflight::Inflight;
use super::said;
use super::state::State;

/// What to say to a server first.
#[derive(Clone, Debug, Default)]
pub struct Greeting {
    /// 3, 2, or 0 for the best there is.
    pub protocol: u8,
    /// Who we are; without a password it is not said.
    pub username: Option<Secret>,
    /// The password.
    pub password: Option<Secret>,
    /// A name for the connection.
    pub client_name: Option<Vec<u8>>,
    /// A name for the library.
    pub library_name: Option<Vec<u8>>,
    /// The database.
    pub database: u32,
}

/// A greeting under way.
pub(super) struct Handshake {
    greeting: Greeting,
    /// What the answers to come belong to.
    asked: VecDeque<Word>,
    /// HELLO was refused: the answers to the rest of the first write say nothing.
    falling_back: bool,
    fell_back: bool,
    knows_no_hello: bool,
}

/// One command of the greeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Hello,
    Auth,
    SetName,
    SetInfo,
    Select,
}

impl Greeting {
    /// Whether there is anything in it that nobody else shall see. A user's name is such where a function of the program's
    /// said it.
    pub(super) fn is_secretive(&self) -> bool {
        [&self.username, &self.password].into_iter().flatten().any(|secret| !secret.bytes().is_empty())
    }
}

impl Word {
    fn name(self) -> &'static str {
        match self {
            Word::Hello => "HELLO",
            Word::Auth => "AUTH",
            Word::SetName => "CLIENT SETNAME",
            Word::SetInfo => "CLIENT SETINFO",
            Word::Select => "SELECT",
        }
    }
}

/// Whether the greeting goes on.
#[derive(PartialEq, Eq)]
pub(super) enum Answer {
    MoreDue,
    Over,
}

impl Answer {
    pub(super) fn is_over(&self) -> bool {
        *self == Answer::Over
    }
}

impl Handshake {
    /// Queue the first write. `None`: there is nothing to say.
    pub(super) fn start(greeting: Greeting, inflight: &mut Inflight) -> Result<Option<Handshake>> {
        let mut handshake = Handshake {
            greeting,
            asked: VecDeque::new(),
            falling_back: false,
            fell_back: false,
            knows_no_hello: false,
        };
        if handshake.greeting.protocol == 2 {
            handshake.ask_in_resp2(inflight)?;
        } else {
            handshake.ask_with_hello(inflight)?;
        }
        Ok((!handshake.asked.is_empty()).then_some(handshake))
    }

    /// One more reply of the greeting has come.
    pub(super) fn answered(&mut self, reply: &Reply, inflight: &mut Inflight, state: &mut State) -> Result<Answer> {
        let Some(word) = self.asked.pop_front() else {
            return Err(Error::new(Status::Protocol, "the server sent a reply that nobody had asked for"));
        };
        inflight.answered()?;
        if !self.falling_back {
            self.judge(word, reply)?;
        }
        if !self.asked.is_empty() {
            return Ok(Answer::MoreDue);
        }
        if self.falling_back {
            self.falling_back = false;
            self.fell_back = true;
            self.ask_in_resp2(inflight)?;
            if !self.asked.is_empty() {
                return Ok(Answer::MoreDue);
            }
        }
        *state = State::new(self.greeting.database);
        Ok(Answer::Over)
    }

    /// Whether the server said yes to HELLO 3.
    pub(super) fn agreed_on_resp3(&self) -> bool {
        self.greeting.protocol != 2 && !self.fell_back
    }

    /// Whether it would be refused again on the next connection.
    pub(super) fn knows_no_hello(&self) -> bool {
        self.knows_no_hello
    }

    fn judge(&mut self, word: Word, reply: &Reply) -> Result<()> {
        match word {
            _ if reply.is_error() => self.refused(word, reply),
            Word::Hello if !matches!(reply.kind(), Kind::RREDIS_REPLY_MAP | Kind::RREDIS_REPLY_ARRAY) => {
                Err(Error::new(Status::Protocol, "HELLO was not answered with a map"))
            }
            _ => Ok(()),
        }
    }

    /// A refusal that ends the connection is an error; any other is made the best of.
    fn refused(&mut self, word: Word, reply: &Reply) -> Result<()> {
        let text = reply.text();
        let code = said::code(text).unwrap_or_default();
        let refusal = |status| Err(refusal(status, text, word, &self.greeting));
        if says_no_to_us(text) {
            return refusal(Status::Connect);
        }
        if code == "NOAUTH" || code == "WRONGPASS" {
            return refusal(Status::Auth);
        }
        match word {
            Word::Hello if self.greeting.protocol == 3 => refusal(Status::Unsupported),
            Word::Hello => {
                self.falling_back = true;
                // What passes is no reason never to ask again.
                self.knows_no_hello = matches!(code, "ERR" | "NOPROTO" | "NOPERM");
                Ok(())
            }
            Word::Auth => refusal(Status::Auth),
            Word::Select if code == "NOPERM" => refusal(Status::Auth),
            Word::Select if code == "ERR" => {
                let option = format!("database {}: ", self.greeting.database);
                let shown = said::shown(text, self.greeting.is_secretive());
                Err(Error::new(Status::Config, [option.as_bytes(), &shown].concat()))
            }
            Word::Select => refusal(Status::Connect),
            // A server that knows no names serves as well without.
            Word::SetName | Word::SetInfo => Ok(()),
        }
    }

    fn ask_with_hello(&mut self, inflight: &mut Inflight) -> Result<()> {
        let greeting = self.greeting.clone();
        let mut hello: Vec<&[u8]> = vec![b"HELLO", b"3"];
        if let Some(password) = &greeting.password {
            let username = greeting.username.as_ref().map_or(b"default".as_slice(), Secret::bytes);
            hello.extend([b"AUTH".as_slice(), username, password.bytes()]);
        }
        if let Some(name) = &greeting.client_name {
            hello.extend([b"SETNAME".as_slice(), name]);
        }
        self.ask(Word::Hello, &hello, inflight)?;
        self.ask_for_the_rest(&greeting, inflight)
    }

    fn ask_in_resp2(&mut self, inflight: &mut Inflight) -> Result<()> {
        let greeting = self.greeting.clone();
        match (&greeting.username, &greeting.password) {
            (Some(username), Some(password)) => {
                self.ask(Word::Auth, &[b"AUTH", username.bytes(), password.bytes()], inflight)?;
            }
            (None, Some(password)) => self.ask(Word::Auth, &[b"AUTH", password.bytes()], inflight)?,
            (_, None) => {}
        }
        if let Some(name) = &greeting.client_name {
            self.ask(Word::SetName, &[b"CLIENT", b"SETNAME", name], inflight)?;
        }
        self.ask_for_the_rest(&greeting, inflight)
    }

    fn ask_for_the_rest(&mut self, greeting: &Greeting, inflight: &mut Inflight) -> Result<()> {
        if let Some(name) = &greeting.library_name {
            self.ask(Word::SetInfo, &[b"CLIENT", b"SETINFO", b"LIB-NAME", name], inflight)?;
        }
        if greeting.database != 0 {
            let database = greeting.database.to_string();
            self.ask(Word::Select, &[b"SELECT", database.as_bytes()], inflight)?;
        }
        Ok(())
    }

    fn ask(&mut self, word: Word, args: &[&[u8]], inflight: &mut Inflight) -> Result<()> {
        inflight.submit_secretly(args)?;
        self.asked.push_back(word);
        Ok(())
    }
}

/// The server is there, and will not talk to anybody now: too many clients, or protected mode.
fn says_no_to_us(text: &[u8]) -> bool {
    text.starts_with(b"ERR max number of clients") || text.starts_with(b"DENIED")
}

/// What to make of a reply that nobody asked for: a server that is full says so before it is asked anything. `secretive`: it
/// may repeat a secret of the greeting.
pub(super) fn unasked(error: Error, reply: &Reply, secretive: bool) -> Error {
    let text = reply.text();
    let shown = || said::shown(text, secretive);
    match reply.is_error() {
        true if says_no_to_us(text) => Error::new(Status::Connect, [b"the server says: ", &shown()[..]].concat()),
        true => Error { message: [&error.message, b": ".as_slice(), &shown()].concat(), ..error },
        false => error,
    }
}

fn refusal(status: Status, text: &[u8], word: Word, greeting: &Greeting) -> Error {
    let shown = said::shown(text, greeting.is_secretive());
    Error::new(status, [b"the server says: ", &shown[..], b" (to ", word.name().as_bytes(), b")"].concat())
}
