//! What a client is made from: the options, and the functions a program brings.
#![forbid(unsafe_code)]

use std::sync::Arc;

use crate::conn::{Credentials, Dial};
use crate::error::Result;
use crate::options::Options;
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
        let dial = Dial::new(self.options.clone(), self.transport.clone(), self.parser.clone())?;
        Ok(dial.with_credentials(self.credentials.clone()))
    }
}
