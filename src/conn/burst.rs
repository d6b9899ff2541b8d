//! A burst of commands on a connection: over in one piece, and its replies taken in as they come.

use crate::error::Result;
use crate::session::TakeReplies;

use super::{Connection, Kept, Until, serving};

/// What became of a burst.
#[derive(Debug)]
pub struct Exchanged {
    /// Whether every reply came and was taken. The conversation is over where it is an error.
    pub result: Result<()>,
    /// How many of its bytes were handed over.
    pub handed: usize,
    /// The failure came when the next reply had begun to arrive: its command ran.
    pub in_a_reply: bool,
}

impl Connection {
    /// Send commands that were encoded before, those behind the first `from` bytes, and take in so many replies. Reading
    /// never waits for writing, so no number of them makes both sides wait for each other.
    pub fn exchange(
        &mut self,
        bytes: &mut Vec<u8>,
        (from, count): (usize, usize),
        until: Until,
        kept: &mut Kept,
        replies: &mut impl TakeReplies,
    ) -> Exchanged {
        if let Err(error) = self.session.begin_burst(bytes, from, count) {
            return Exchanged { result: Err(error.at(self.dial.place())), handed: 0, in_a_reply: false };
        }
        let serves = self.dial.serves();
        let driven = serving(serves, || {
            self.drive(until, |session| {
                while let Some(push) = session.poll_burst(replies)? {
                    kept.keep(push)?;
                }
                Ok((!session.burst_owes()).then_some(()))
            })
        });
        let result = match driven {
            Ok(Some(())) => Ok(()),
            Ok(None) => Err(until.passed(!self.session.outgoing().is_empty())),
            Err(error) => Err(error),
        };
        let result = result.map_err(|error| {
            self.session.fail(error.clone());
            error.at(self.dial.place())
        });
        let handed = self.session.end_burst(bytes);
        Exchanged { result, handed, in_a_reply: self.session.ended_in_a_reply() }
    }

    /// The transaction that went over in a burst has been answered: the connection watches nothing any more.
    pub fn executed(&mut self) {
        self.session.executed();
    }
}
