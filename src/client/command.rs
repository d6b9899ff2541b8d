//! One command on a leased connection.
#![forbid(unsafe_code)]

use crate::error::Result;
use crate::reply::Reply;
use crate::route::Tries;
use crate::stats::Counters;

use super::Client;
use super::call::Call;

impl Client {
    /// Send one command and wait for its reply. A server's error is an error, unless the call asks for it as a reply.
    pub fn command(&self, args: &[&[u8]], call: &Call) -> Result<Reply> {
        self.during(call.call_data, || self.command_under_way(args, call))
    }

    fn command_under_way(&self, args: &[&[u8]], call: &Call) -> Result<Reply> {
        self.count(Counters::command);
        let mut tries = Tries::default();
        let terms = self.terms(args, call);
        let replied = match terms.row.filter(|row| row.connection_state().is_some()) {
            Some(row) => Err(row.misplaced("a client shares its connections")),
            None => terms.order(args, call).and_then(|order| {
                self.0.route.ask(&order, &mut tries, self, |lease, kept| order.ask_over(lease, kept))
            }),
        };
        let result = replied.and_then(|reply| terms.finish(args, call, reply));
        result.map_err(|error| tries.tell(error)).inspect_err(|error| self.count(|counters| counters.failed(error)))
    }
}
