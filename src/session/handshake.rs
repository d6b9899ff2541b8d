//! The handshake: HELLO with AUTH and SETNAME, and SELECT, in one write; and the fallbacks for servers that refuse it.

use std::collections::VecDeque;

use crate::error::{Error, Result, Status};
use crate::options::Secret;
use crate::reply::Reply;

use super::hello;
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
    /// What the server is to be.
    pub duty: Duty,
    /// The server is to be of a cluster: any other is refused.
    pub cluster: bool,
}

/// What a server is to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Duty {
    /// Whatever it is.
    #[default]
    Any,
    /// A primary: any other is refused.
    Primary,
    /// A replica of a cluster that is read from.
    Reads,
}

/// A greeting under way: ways to greet, of which the next is tried where the server's answer leaves one.
pub(super) struct Handshake {
    greeting: Greeting,
    /// The way that is being tried, and what the answers to come belong to.
    way: Way,
    asked: VecDeque<GreetingCommand>,
    /// This way leads no further: the answers that are still to come say nothing, and then this one is tried.
    next: Option<Way>,
    /// Something was answered.
    heard: bool,
    /// What the server said that it speaks.
    resp3: bool,
    /// It will say so again.
    speaks_resp2: bool,
}

/// One way to greet, said in one write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Way {
    auth: Auth,
    hello: Hello,
}

/// How AUTH is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Auth {
    /// Not at all: there is no password, or HELLO says it.
    No,
    /// With the user's name.
    User,
    /// With the password alone, as to a server that knows no users.
    Alone,
}

/// How HELLO is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hello {
    /// Not at all.
    No,
    /// With who we are and what the connection is called.
    Whole,
    /// With the protocol and nothing else.
    Bare,
}

/// One command of the greeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GreetingCommand {
    Hello,
    Auth,
    SetName,
    SetInfo,
    Role,
    Select,
    ReadOnly,
}

impl Greeting {
    /// Whether there is anything in it that nobody else shall see. A user's name is such where a function of the program's
    /// said it.
    pub(super) fn is_secretive(&self) -> bool {
        [&self.username, &self.password].into_iter().flatten().any(|secret| !secret.bytes().is_empty())
    }

    /// The commands that are said in this way. `database` is the number of it, as text.
    fn commands<'g>(&'g self, way: Way, database: &'g [u8]) -> Vec<(GreetingCommand, Vec<&'g [u8]>)> {
        let username = self.username.as_ref().map_or(b"default".as_slice(), Secret::bytes);
        let password = self.password.as_ref().map_or(b"".as_slice(), Secret::bytes);
        let mut commands: Vec<(GreetingCommand, Vec<&[u8]>)> = Vec::new();
        match way.auth {
            Auth::No => {}
            Auth::User => commands.push((GreetingCommand::Auth, vec![b"AUTH", username, password])),
            Auth::Alone => commands.push((GreetingCommand::Auth, vec![b"AUTH", password])),
        }
        let mut hello: Vec<&[u8]> = vec![b"HELLO", b"3"];
        if way.hello == Hello::Whole && self.password.is_some() {
            hello.extend([b"AUTH".as_slice(), username, password]);
        }
        if let (Hello::Whole, Some(name)) = (way.hello, &self.client_name) {
            hello.extend([b"SETNAME".as_slice(), name]);
        }
        if way.hello != Hello::No {
            commands.push((GreetingCommand::Hello, hello));
        }
        if let (Hello::No | Hello::Bare, Some(name)) = (way.hello, &self.client_name) {
            commands.push((GreetingCommand::SetName, vec![b"CLIENT", b"SETNAME", name]));
        }
        if let Some(name) = &self.library_name {
            commands.push((GreetingCommand::SetInfo, vec![b"CLIENT", b"SETINFO", b"LIB-NAME", name]));
        }
        // HELLO says the role.
        if self.duty == Duty::Primary && way.hello == Hello::No {
            commands.push((GreetingCommand::Role, vec![b"ROLE"]));
        }
        if self.database != 0 {
            commands.push((GreetingCommand::Select, vec![b"SELECT", database]));
        }
        if self.duty == Duty::Reads {
            commands.push((GreetingCommand::ReadOnly, vec![b"READONLY"]));
        }
        commands
    }

    /// How AUTH is said first, where HELLO does not say it.
    fn auth(&self) -> Auth {
        match (&self.username, &self.password) {
            (_, None) => Auth::No,
            (Some(_), _) => Auth::User,
            (None, _) => Auth::Alone,
        }
    }
}

impl GreetingCommand {
    fn name(self) -> &'static str {
        match self {
            GreetingCommand::Hello => "HELLO",
            GreetingCommand::Auth => "AUTH",
            GreetingCommand::SetName => "CLIENT SETNAME",
            GreetingCommand::SetInfo => "CLIENT SETINFO",
            GreetingCommand::Role => "ROLE",
            GreetingCommand::Select => "SELECT",
            GreetingCommand::ReadOnly => "READONLY",
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
        let way = match greeting.protocol {
            2 => Way { auth: greeting.auth(), hello: Hello::No },
            _ => Way { auth: Auth::No, hello: Hello::Whole },
        };
        let mut handshake = Handshake {
            greeting,
            way,
            asked: VecDeque::new(),
            next: None,
            heard: false,
            resp3: false,
            speaks_resp2: false,
        };
        let answer = handshake.ask_all(inflight)?;
        Ok((!answer.is_over()).then_some(handshake))
    }

    /// One more reply of the greeting has come.
    pub(super) fn answered(&mut self, reply: &Reply, inflight: &mut Inflight, state: &mut State) -> Result<Answer> {
        let Some(word) = self.asked.pop_front() else {
            return Err(Error::new(Status::Protocol, "the server sent a reply that nobody had asked for"));
        };
        inflight.answered().map_err(|error| unasked(error, reply, self.greeting.is_secretive()))?;
        self.heard = true;
        if self.next.is_none() {
            self.judge(word, reply)?;
        }
        let answer = match self.next {
            Some(way) if self.asked.is_empty() => {
                (self.way, self.next) = (way, None);
                self.ask_all(inflight)?
            }
            _ => self.due(),
        };
        if !answer.is_over() {
            return Ok(answer);
        }
        *state = State::new(self.greeting.database);
        state.speaks_resp3(self.resp3);
        Ok(Answer::Over)
    }

    /// Whether the server speaks RESP2 alone, and will on the next connection.
    pub(super) fn speaks_resp2(&self) -> bool {
        self.speaks_resp2
    }

    /// The command that is to be answered first, where nothing was answered yet.
    pub(super) fn unheard(&self) -> Option<&'static str> {
        self.asked.front().filter(|_| !self.heard).map(|word| word.name())
    }

    fn judge(&mut self, word: GreetingCommand, reply: &Reply) -> Result<()> {
        match word {
            _ if reply.is_error() => self.refused(word, reply.text()),
            GreetingCommand::Hello => self.agreed(reply),
            GreetingCommand::Role => self.is_welcome(hello::role_by_itself(reply)),
            _ => Ok(()),
        }
    }

    /// HELLO was answered: what the server says that it speaks counts, and not what it was asked for.
    fn agreed(&mut self, reply: &Reply) -> Result<()> {
        let Some(protocol) = hello::protocol_of(reply) else {
            return Err(Error::new(Status::Protocol, "HELLO was not answered with a map"));
        };
        self.resp3 = protocol == 3;
        self.speaks_resp2 = !self.resp3;
        if self.greeting.protocol == 3 && !self.resp3 {
            let text = "the server answers HELLO 3 in RESP2, and the option protocol asks for RESP3";
            return Err(Error::new(Status::Unsupported, text));
        }
        if self.greeting.cluster && hello::mode_of(reply).is_some_and(|mode| mode != b"cluster") {
            let text = "topology: cluster, and the server says that it is of none";
            return Err(Error::new(Status::Config, text));
        }
        self.is_welcome(hello::role_of(reply))
    }

    /// The server has said what it is, or does not.
    fn is_welcome(&self, role: Option<&[u8]>) -> Result<()> {
        let Some(role) = role.filter(|_| self.greeting.duty == Duty::Primary) else { return Ok(()) };
        // In words of ours, for the server's could repeat a secret.
        let role = match role {
            b"master" | b"primary" => return Ok(()),
            b"slave" | b"replica" => "a replica",
            b"sentinel" => "a Sentinel",
            _ => "something else",
        };
        Err(Error::new(Status::Connect, format!("the server is no primary: it says that it is {role}")))
    }

    /// A refusal after which there is nothing left to try is an error; any other is made the best of.
    fn refused(&mut self, word: GreetingCommand, text: &[u8]) -> Result<()> {
        let code = said::code(text).unwrap_or_default();
        let refusal = |status| Err(refusal(status, text, word, &self.greeting));
        if says_no_to_us(text) {
            return refusal(Status::Connect);
        }
        match word {
            _ if code == "WRONGPASS" => refusal(Status::Auth),
            GreetingCommand::Hello => self.refused_hello(text, code),
            GreetingCommand::Auth if self.is_for_another_auth(text, code) => {
                self.next = Some(Way { auth: Auth::Alone, ..self.way });
                Ok(())
            }
            GreetingCommand::Auth => refusal(Status::Auth),
            _ if code == "NOAUTH" => refusal(Status::Auth),
            GreetingCommand::Select | GreetingCommand::ReadOnly if code == "NOPERM" => refusal(Status::Auth),
            GreetingCommand::Select if code == "ERR" => {
                let option = format!("database {}: ", self.greeting.database);
                let shown = said::shown(text, self.greeting.is_secretive());
                Err(Error::new(Status::Config, [option.as_bytes(), &shown].concat()))
            }
            GreetingCommand::Select | GreetingCommand::ReadOnly => refusal(Status::Connect),
            // A server that knows no names serves as well without; and one that does not say what it is may be the right one.
            GreetingCommand::SetName | GreetingCommand::SetInfo | GreetingCommand::Role => Ok(()),
        }
    }

    fn refused_hello(&mut self, text: &[u8], code: &str) -> Result<()> {
        let refusal = |status| Err(refusal(status, text, GreetingCommand::Hello, &self.greeting));
        let auth = self.greeting.auth();
        let is_whole = self.way.hello == Hello::Whole;
        let said_more = is_whole && (auth != Auth::No || self.greeting.client_name.is_some());
        let is_unknown = said::is_unknown_command(text);
        match code {
            // It knows HELLO, and not who we are: it did not look at what stands in HELLO, or nothing stands there.
            "NOAUTH" if !(is_whole && auth != Auth::No) => return refusal(Status::Auth),
            "NOAUTH" => self.next = Some(Way { auth, hello: Hello::Bare }),
            // What it does not like may be what stands behind the protocol.
            "ERR" | "NOPERM" if said_more && !is_unknown => self.next = Some(Way { auth, hello: Hello::Bare }),
            _ if self.greeting.protocol == 3 => {
                let passes = !matches!(code, "ERR" | "NOPERM" | "NOPROTO" | "");
                return refusal(if passes { Status::Connect } else { Status::Unsupported });
            }
            _ => {
                // What passes is no reason never to ask again.
                self.speaks_resp2 = matches!(code, "ERR" | "NOPERM" | "NOPROTO");
                self.next = is_whole.then_some(Way { auth, hello: Hello::No });
            }
        }
        Ok(())
    }

    /// Whether AUTH with a user's name was refused for its form: the server knows no users, and one password.
    fn is_for_another_auth(&self, text: &[u8], code: &str) -> bool {
        let is_default = self.greeting.username.as_ref().is_some_and(|name| name.bytes() == b"default");
        let is_form = said::is_wrong_count(text) || (is_default && code == "ERR" && !said::is_wrong_password(text));
        self.way.auth == Auth::User && is_form
    }

    /// Queue all that is said in this way.
    fn ask_all(&mut self, inflight: &mut Inflight) -> Result<Answer> {
        let database = self.greeting.database.to_string();
        for (word, args) in self.greeting.commands(self.way, database.as_bytes()) {
            inflight.submit_secretly(&args)?;
            self.asked.push_back(word);
        }
        Ok(self.due())
    }

    /// Whether answers are due.
    fn due(&self) -> Answer {
        if self.asked.is_empty() { Answer::Over } else { Answer::MoreDue }
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

fn refusal(status: Status, text: &[u8], word: GreetingCommand, greeting: &Greeting) -> Error {
    let shown = said::shown(text, greeting.is_secretive());
    let hint = match status {
        Status::Unsupported => "; RESP3 was demanded: see protocol",
        Status::Auth if said::wants_no_password(text) => "; it has no password: see password",
        Status::Auth if greeting.password.is_none() => "; see password",
        _ => "",
    };
    let what = format!(" (to {}{hint})", word.name());
    Error::new(status, [b"the server says: ", &shown[..], what.as_bytes()].concat())
}

#[cfg(test)]
mod tests;
