//! The first words with a server, before anything else is said: against a deadline, or in steps that never wait.

use crate::error::{Error, Result, Status};
use crate::session::Session;
use crate::transport::{Awaited, Deadline, Transport};

use super::{Connection, Dial};

impl Connection {
    /// Greet the server on a transport that was just connected.
    pub(super) fn greeted(
        id: u64,
        session: Session,
        transport: Box<dyn Transport>,
        dial: Dial,
        deadline: Deadline,
    ) -> Result<Connection> {
        let mut connection = Connection::new(id, session, transport, dial);
        connection.greet(deadline)?;
        Ok(connection)
    }

    /// Greet the server as far as it goes without waiting. None: it has not said all yet.
    pub(super) fn greet_on(&mut self) -> Result<Option<()>> {
        loop {
            let handed = self.offer_now().map_err(|error| self.last_words(error));
            while self.session.poll()?.is_some() {}
            if self.session.is_ready() && self.session.outgoing().is_empty() {
                return Ok(Some(()));
            }
            handed?;
            if !self.read(0)? {
                return Ok(None);
            }
        }
    }

    /// What a greeting waits for.
    pub(super) fn awaits(&self, until: Deadline) -> Awaited {
        Awaited { fd: self.transport.fd(), read: true, write: !self.session.outgoing().is_empty(), until }
    }

    fn greet(&mut self, deadline: Deadline) -> Result<()> {
        let driven = self.drive(deadline, |session| {
            // A push before the greeting is over belongs to nobody yet.
            while session.poll()?.is_some() {}
            Ok((session.is_ready() && session.outgoing().is_empty()).then_some(()))
        });
        self.greeting_ended(driven)
    }

    /// What a greeting came to. `None`: it was not over in time.
    pub(super) fn greeting_ended(&mut self, driven: Result<Option<()>>) -> Result<()> {
        if self.session.knows_no_hello() {
            self.dial.remember_resp2();
        }
        let error = match driven {
            Ok(Some(())) => return Ok(()),
            Ok(None) => {
                let waited_ms = self.opened.elapsed().as_millis();
                Error::new(Status::Timeout, format!("the server did not answer within {waited_ms} ms"))
            }
            Err(error) if error.status == Status::Io => Error { status: Status::Connect, ..error },
            Err(error) => error,
        };
        Err(error.at("handshake").at(self.dial.place()))
    }
}
