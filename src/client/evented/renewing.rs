//! When the server has become one that takes no writes: what was sent is answered there, and what was not waits for another
//! connection, to where the address leads then.

use std::time::Instant;

use crate::commands::{self, Refusal};
use crate::error::{Error, Status, head};
use crate::reply::Reply;

use super::Evented;
use super::line::Stage;
use super::pending::{HELD, Pending};

impl Evented {
    /// This error is the answer to a command. Where it says that nothing is written there any more, so it is for all of them.
    #[cold]
    pub(super) fn heed(&mut self, command: &Pending, reply: &Reply) {
        let refusal = Refusal::of(reply.text(), commands::has_own_words(command.row));
        if self.line.outdated.is_some() || !refusal.is_some_and(Refusal::ends_connection) {
            return;
        }
        self.line.outdated = Some(Error::new(Status::Server, head(reply.text())));
        self.client.0.pool.renew();
        self.hold_back();
    }

    /// Take back from the conversation what can be, and hold it for the next.
    fn hold_back(&mut self) {
        let Stage::Open(connection) = &mut self.line.stage else { return };
        let (pending, session) = (&mut self.pending, connection.session());
        let unsent: Vec<_> = session.unsent().map(|(ticket, bytes, shape)| (ticket, bytes.to_vec(), shape)).collect();
        let mut unsent = unsent.into_iter();
        let mut held = Vec::new();
        session.withdraw(self.line.offered, |ticket| {
            let Some((_, bytes, shape)) = unsent.find(|(unsent, ..)| *unsent == ticket) else { return false };
            let place = pending.binary_search_by_key(&ticket, |command| command.ticket);
            // One of our own is nothing to be sent elsewhere.
            let Ok(place) = place.map_err(drop).and_then(|at| if pending[at].abandoned { Err(()) } else { Ok(at) })
            else {
                return false;
            };
            held.push((place, bytes, shape));
            true
        });
        for (place, bytes, shape) in held {
            let command = &mut pending[place];
            self.subscriptions.withdrawn(command.ticket);
            command.more().held = Some((bytes, shape));
            command.ticket = HELD;
        }
        // They are due behind what is answered here still.
        pending.make_contiguous().sort_by_key(|command| command.ticket == HELD);
    }

    /// The connection owes nothing any more: it ends, and the next is opened at once where something waits for it.
    pub(super) fn renew_if_settled(&mut self) {
        if self.line.outdated.is_none() {
            return;
        }
        let Stage::Open(connection) = &mut self.line.stage else { return };
        if connection.session().owes() {
            return;
        }
        let (Stage::Open(mut connection), Some(error)) =
            (std::mem::take(&mut self.line.stage), self.line.outdated.take())
        else {
            return;
        };
        self.poller.forget();
        let error = connection.told_of(error);
        let counters = self.client.0.pool.counters();
        counters.moved(connection.traffic());
        counters.closed(1);
        drop(connection);
        self.interrupted(&error);
        self.down(error, Instant::now());
    }
}
