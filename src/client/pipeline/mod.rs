//! Many commands in one burst, and transactions.
//!
//! ```text
//!  handle       the pipeline: what is queued and watched, and what may be asked when
//!  transact     a transaction tried until it goes through
//!  watch        the connection that watches
//!
//!  batch        one run: its plan over a connection, and over others where nothing can run twice
//!  behind       scripts that did not run, sent whole behind their batch
//!  each         a run whose replies are shown as they come
//!
//!  plan         what a run asks, made before anything is sent
//!    queue      the commands, as the bytes that will go over
//!    wire       scripts, as they go over: by their digests, or whole
//!    time       how long it may take
//!  many         one run over many servers: all at once, in rounds
//!    flight       what goes to one of them, and what came of it
//!    parcel       its bytes
//!    scripted     scripts that a server of them may not have
//!    doubts       scripts that one of them had
//!    received     takes its replies
//!    gathered     the replies of all of them, and what stands in the place of those that are lost
//!  each_of_many one whose replies are shown as they come
//!  whole        a transaction that goes to one of them
//!  exchange     one burst on one connection: bytes out, replies in
//!  merge        what the caller gets: shapes, callbacks, the first failure, the one array
//!    answers      takes the replies of commands that run one by one
//!    transaction  takes those of a transaction, and says what it came to
//!    front        what was said of scripts, and what that proves
//! ```
//!
//! Plan, exchange and merge do not use each other, except that replies are merged by the plan that they answer.
#![forbid(unsafe_code)]

mod answers;
mod batch;
mod behind;
mod doubts;
mod each;
mod each_of_many;
mod exchange;
mod flight;
mod front;
mod gathered;
mod handle;
mod many;
mod merge;
mod parcel;
mod plan;
mod queue;
mod received;
mod scripted;
mod time;
mod transact;
mod transaction;
mod watch;
mod whole;
mod wire;

use crate::error::Result;
use crate::reply::Reply;
use crate::stats::Counters;

use super::Call;

pub use each::Show;
pub use handle::{Pipeline, Reach};
pub use plan::Mode;
pub use transact::transact;

/// Run the commands of a pipeline, and give their replies as an array.
pub fn run(pipeline: &mut impl Reach, mode: Mode, call: &Call) -> Result<Reply> {
    let mut batch = pipeline.reach(|pipeline| pipeline.begin(mode))?;
    let result = batch.run(call);
    pipeline.reach(|pipeline| pipeline.end(batch));
    result
}

/// Run the commands of a pipeline, and show each reply as it comes. Nothing of them is held.
pub fn run_each(pipeline: &mut impl Reach, call: &Call, show: &mut Show<'_>) -> Result<()> {
    let mut batch = pipeline.reach(|pipeline| pipeline.begin(Mode::Plain))?;
    let result = batch.each(call, show);
    pipeline.reach(|pipeline| pipeline.end(batch));
    result
}

/// Send one command at once, on the connection of a pipeline that watches.
pub fn command(pipeline: &mut impl Reach, args: &[&[u8]], call: &Call) -> Result<Reply> {
    let client = pipeline.reach(|pipeline| pipeline.client().clone());
    client.count(Counters::command);
    let terms = client.terms(args, call);
    let asked = pipeline.reach(|pipeline| pipeline.ask(args, call, &terms));
    let result = asked.and_then(|reply| terms.finish(args, call, reply));
    result.inspect_err(|error| client.count(|counters| counters.failed(error)))
}

#[cfg(test)]
mod tests;
