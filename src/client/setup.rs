//! The options, and the program's functions, that a client is made from.
#![forbid(unsafe_code)]

use std::sync::Arc;

use crate::conn::{Credentials, Dial};
use crate::error::{Error, Result, Status};
use crate::ongoing::Interrupt;
use crate::options::{Key, Options, ParserChoice, Share};
use crate::reply::Reply;
use crate::resp::ParserType;
use crate::transport::Connect;

use super::callbacks::Callbacks;

/// Options, and functions of the program's own.
#[derive(Clone, Default)]
pub struct Setup {
    /// The options.
    pub options: Options,
    /// Response callbacks for every client made from this.
    pub callbacks: Callbacks,
    /// A transport in place of the sockets.
    pub transport: Option<Arc<dyn Connect>>,
    /// A parser in place of the built-in ones.
    pub parser: Option<Arc<dyn ParserType>>,
    /// Shown what the server sends unasked.
    pub on_push: Option<Arc<dyn Listen>>,
    /// Told what happens to connections and commands.
    pub on_event: Option<Arc<dyn Listen>>,
    /// Asked, while a call waits, whether it shall go on.
    pub on_interrupt: Option<Arc<dyn Interrupt>>,
    /// Asked who we are at each connect, in place of the options.
    pub credentials: Option<Arc<dyn Credentials>>,
}

/// Is shown what nobody asked for.
pub trait Listen: Send + Sync {
    /// One push, on loan.
    fn hear(&self, reply: &Reply);
}

impl Setup {
    /// How connections made from this are opened.
    pub fn dial(&self) -> Result<Dial> {
        self.check_parser()?;
        self.check_credentials()?;
        let dial = Dial::new(self.options.clone(), self.transport.clone(), self.parser.clone())?;
        Ok(dial.with_credentials(self.credentials.clone()))
    }

    /// Refuse what a client brings to a pool whose connections are not made so.
    pub fn check_on(&self, pool: &Options) -> Result<()> {
        self.options.check_amounts()?;
        if let Some(key) = self.options.conflict(pool) {
            let text = format!("{}: the pool was made with another value", key.name());
            return Err(Error::new(Status::Config, text));
        }
        let foreign = match (&self.transport, &self.parser, &self.credentials) {
            (Some(_), _, _) => "transport",
            (_, Some(_), _) => "parser",
            (_, _, Some(_)) => "credentials",
            (None, None, None) => return Ok(()),
        };
        let text =
            format!("{foreign}: the function is for the pool's options, and without effect in those of a client on it");
        Err(Error::new(Status::Config, text))
    }

    /// Refuse a built-in parser that was chosen beside one of the program's own.
    pub fn check_parser(&self) -> Result<()> {
        match (&self.parser, self.options.parser()) {
            (Some(parser), ParserChoice::Fast | ParserChoice::Simple) => {
                let text =
                    format!("parser: the option chooses one, and the program brings another ({})", parser.name());
                Err(Error::new(Status::Config, text))
            }
            _ => Ok(()),
        }
    }

    /// Refuse to share always for a client that never does.
    pub(super) fn check_share(&self) -> Result<()> {
        let is_asked = self.options.is_set(Key::Share) && self.options.share() == Share::Always;
        match is_asked && self.on_interrupt.is_some() {
            true => {
                let text = "share: always is without effect, for a client with an interrupt function never shares";
                Err(Error::new(Status::Config, text))
            }
            false => Ok(()),
        }
    }

    /// Refuse a user or a password that nobody would ever be told.
    fn check_credentials(&self) -> Result<()> {
        let given = match (self.options.username(), self.options.password()) {
            // Who nobody says to be is the default user.
            (Some(name), None) if self.credentials.is_none() && name != b"default" => {
                let text = "username: without effect, for there is no password (a user that needs none takes any)";
                return Err(Error::new(Status::Config, text));
            }
            _ if self.credentials.is_none() => return Ok(()),
            (None, None) => return Ok(()),
            (Some(_), Some(_)) => "username and password",
            (Some(_), None) => "username",
            (None, Some(_)) => "password",
        };
        let text = format!("{given}: without effect, for the credentials function is asked who we are");
        Err(Error::new(Status::Config, text))
    }
}
