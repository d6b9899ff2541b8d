//! The errors of a session, without what could repeat a secret of the greeting.

use crate::error::{Error, Result, Status};
use crate::reply::Reply;
use crate::resp;

use super::inflight::Answered;
use super::{Session, handshake};

impl Session {
    /// The command that this reply answers.
    pub(super) fn asked_for(&mut self, reply: &Reply) -> Result<Answered> {
        let secretive = self.is_secretive();
        self.inflight.answered().map_err(|error| handshake::unasked(error, reply, secretive))
    }

    /// What a parser says of bytes that it cannot read, without the bytes where those may repeat a secret.
    #[cold]
    pub(super) fn without_secrets(&self, error: Error) -> Error {
        match error.status {
            Status::Protocol | Status::Limit if self.is_secretive() => match self.parser.is_custom() {
                true => {
                    let text = format!("the parser {} cannot read what the server says", self.parser.name());
                    Error { message: text.into_bytes(), ..error }
                }
                false => resp::without_quotes(error),
            },
            _ => error,
        }
    }

    /// Whether the last that the server was told may be a secret: nothing else was handed over since.
    fn is_secretive(&self) -> bool {
        self.secretive_until.is_some_and(|until| self.inflight.handed() <= until)
    }
}
