//! Opening a connection: with a wait, for a pool; and in steps that never wait, for a line.

use crate::error::{Error, Outcome, Result, Status};
use crate::transport::{Attempt, Deadline, Step};

use super::connection::Connection;
use super::dial::{Dial, next_number};
use super::serving::serving;

impl Dial {
    /// Open a connection and greet the server. Every failure is one of connecting: no command was sent.
    pub fn open(&self, deadline: Deadline) -> Result<Connection> {
        let allowed_ms = self.options().connect_timeout_ms();
        let deadline = deadline.earlier(Deadline::after_ms(allowed_ms));
        serving(self.serves(), || self.open_and_greet(deadline)).map_err(not_sent)
    }

    fn open_and_greet(&self, deadline: Deadline) -> Result<Connection> {
        let transport = self.connect(deadline)?;
        Connection::greeted(next_number(), self.session()?, transport, self.clone(), deadline)
    }
}

/// A connection on its way, and then open. After an error it is of no use any more.
pub struct Stepped {
    dial: Dial,
    deadline: Deadline,
    stage: OpeningStage,
    /// Greet without steps where there is no descriptor to wait for.
    may_wait: bool,
}

enum OpeningStage {
    New,
    Connecting(Box<dyn Attempt>),
    Greeting(Box<Connection>),
    /// It was given away.
    Over,
}

impl Stepped {
    /// A connection to be opened, from now on. `may_wait`: a transport of the caller's that has no descriptor is waited for.
    pub fn new(dial: &Dial, may_wait: bool) -> Stepped {
        Stepped::until(dial, may_wait, Deadline::never())
    }

    /// The same, that is to be open by then.
    pub(super) fn until(dial: &Dial, may_wait: bool, deadline: Deadline) -> Stepped {
        let deadline = deadline.earlier(Deadline::after_ms(dial.options().connect_timeout_ms()));
        Stepped { dial: dial.clone(), deadline, stage: OpeningStage::New, may_wait }
    }

    /// Go on without waiting: an open connection that has been greeted, or what to wait for. A transport of the caller's may
    /// wait in its connect, and so may a look-up that gets no thread.
    pub fn go_on(&mut self) -> Result<Step<Box<Connection>>> {
        let serves = self.dial.serves();
        serving(serves, || self.advance()).map_err(not_sent)
    }

    fn advance(&mut self) -> Result<Step<Box<Connection>>> {
        if let OpeningStage::New = self.stage {
            self.stage = OpeningStage::Connecting(self.dial.begin(self.deadline)?);
        }
        if let OpeningStage::Connecting(attempt) = &mut self.stage {
            let transport = match attempt.go_on()? {
                Step::Done(transport) => transport,
                Step::Wait(awaited) => return Ok(Step::Wait(awaited)),
            };
            let (session, dial) = (self.dial.session()?, self.dial.clone());
            if transport.fd().is_none() {
                self.stage = OpeningStage::Over;
                return match self.may_wait {
                    true => Connection::greeted(next_number(), session, transport, dial, self.deadline)
                        .map(|connection| Step::Done(Box::new(connection))),
                    false => Err(no_descriptor()),
                };
            }
            let connection = Connection::new(next_number(), session, transport, dial);
            self.stage = OpeningStage::Greeting(Box::new(connection));
        }
        if let OpeningStage::Greeting(connection) = &mut self.stage {
            let driven = connection.greet_on();
            if let (Ok(None), false) = (&driven, self.deadline.has_passed()) {
                return Ok(Step::Wait(connection.awaits(self.deadline)));
            }
            connection.greeting_ended(driven)?;
        }
        match std::mem::replace(&mut self.stage, OpeningStage::Over) {
            OpeningStage::Greeting(connection) => Ok(Step::Done(connection)),
            _ => Err(Error::new(Status::State, "the connection was opened before")),
        }
    }
}

/// A loop of the caller's needs something to watch.
pub fn no_descriptor() -> Error {
    let text = "transport: a loop of your own needs a descriptor to watch, and this transport has none (its fd)";
    Error::new(Status::Unsupported, text)
}

fn not_sent(error: Error) -> Error {
    error.with_outcome(Outcome::NotSent)
}
