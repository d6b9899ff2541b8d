//! The handshake of a new connection: against a deadline, or in steps that never wait.

use crate::error::{Error, Result, Status};
use crate::resp;
use crate::session::Session;
use crate::transport::{Awaited, Deadline, NO_TIME_LEFT, Transport};

use super::connection::Connection;
use super::dial::Dial;

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

    /// Greet the server as far as it goes without waiting. None: it has not said all yet, or says so much that the rest is for
    /// the next step.
    pub(super) fn greet_on(&mut self) -> Result<Option<()>> {
        let end = self.moved.bytes_in + STEP_BYTES_MAX;
        loop {
            let handed = self.offer_now().map_err(|error| self.last_words(error, Deadline::after_ms(0)));
            while self.session.poll()?.is_some() {}
            if self.session.is_ready() && self.session.outgoing().is_empty() {
                return Ok(Some(()));
            }
            handed?;
            if self.moved.bytes_in >= end || !self.read(0)? {
                return Ok(None);
            }
        }
    }

    /// What a greeting waits for.
    pub(super) fn awaits(&self, until: Deadline) -> Awaited {
        // The descriptor may not show what lies in the transport.
        let until = if self.transport.pending() { Deadline::after_ms(0) } else { until };
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
        if self.session.speaks_resp2() {
            self.dial.remember_resp2();
        }
        let error = match driven {
            Ok(Some(())) => {
                self.count_birth();
                return Ok(());
            }
            Ok(None) => self.too_late(),
            Err(error) => {
                let status = if error.status == Status::Io { Status::Connect } else { error.status };
                Error { status, ..self.with_hint(error) }
            }
        };
        Err(error.at("handshake").at(self.dial.endpoint()))
    }

    /// The time is up: it was the server's, or connecting had taken it all.
    fn too_late(&self) -> Error {
        let text = match self.opened.elapsed().as_millis() {
            0 => NO_TIME_LEFT.to_owned(),
            waited_ms => format!("the server did not answer within {waited_ms} ms"),
        };
        Error::new(Status::Timeout, text)
    }

    /// What is probably wrong, and which option mends it, where a peer closes instead of answering, or is no server.
    pub(super) fn with_hint(&self, error: Error) -> Error {
        let tls = self.dial.options().tls();
        let hint = match (error.status, self.session.unheard()) {
            (Status::Protocol, _) if !tls && error.message.starts_with(resp::IT_IS_TLS) => {
                " (is this the port for TLS? see tls, or rediss:// in a URL)"
            }
            (Status::Io, Some("HELLO")) if tls => " (it may know no HELLO: see protocol)",
            (Status::Io, Some("HELLO")) => " (it may know no HELLO: see protocol; or want TLS: see tls)",
            (Status::Io, _) if !tls && !self.heard => " (it may want TLS: see tls)",
            _ => return error,
        };
        Error { message: [&error.message, hint.as_bytes()].concat(), ..error }
    }
}

/// What one step of a greeting takes in: a server that floods it with pushes must not hold up who drives it.
const STEP_BYTES_MAX: u64 = 64 << 10;
