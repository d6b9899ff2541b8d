//! A transaction that goes to one of many servers: where its keys are another's, nothing of it ran, and it is sent there whole.
#![forbid(unsafe_code)]

use std::time::Instant;

use crate::client::Client;
use crate::commands::{Effect, Shape};
use crate::conn::{Kept, Wait};
use crate::error::{Error, Outcome, Result, Status};
use crate::pool::Lease;
use crate::reply::{Builder, Kind, Reply};
use crate::route::{Order, Tries, may_be_refusal};

use super::batch::{Batch, NAME};
use super::exchange::Leased;
use super::queue::not_sent;
use super::time::Time;

impl Batch {
    /// Run the transaction on the server that has its keys.
    pub(super) fn whole(&mut self, client: &Client, tries: &mut Tries, mut time: Time) -> Result<()> {
        let slot = self.plan.queue.lone_slot(None)?;
        let wait = Wait { deadline: time.start, allowed_ms: time.allowed_ms(), name: NAME };
        let order = Order {
            args: &[NAME],
            row: None,
            room: 0,
            effect: if self.plan.queue.shuts_down() { Effect::Shutdown } else { Effect::None },
            shape: Shape::KEEP,
            wait,
            begun: Instant::now(),
            once: self.plan.is_once(),
            alone: false,
            primary: true,
            idempotent: self.plan.may_run_twice(),
        };
        let mut answered = None;
        let asked = client.0.route.ask_at(slot, &order, tries, client, &mut |lease, asking, kept| {
            answered = None;
            let came = self.transact_on(lease, asking, kept, &mut time, &wait)?;
            let refusal = self.merged.refusal.take().filter(|words| came.is_err() && may_be_refusal(words));
            answered = Some(came);
            said(refusal.as_deref())
        });
        // What it came to is more than the words that led it on.
        match (asked, answered) {
            (Ok(_), Some(came)) => came,
            (Ok(_), None) => Err(Error::new(Status::Panic, "a transaction was answered by nobody")),
            (Err(error), _) => Err(error),
        }
    }

    /// The transaction on this connection. The outer error ends the connection; the inner one is an answer.
    fn transact_on(
        &mut self,
        lease: &mut Lease,
        asking: bool,
        kept: &mut Kept,
        time: &mut Time,
        wait: &Wait<'_>,
    ) -> Result<Result<()>> {
        if asking {
            // One serves all that stands between MULTI and EXEC.
            let ticket = lease.submit(&[b"ASKING"], Shape::KEEP).map_err(not_sent)?;
            lease.reply_to(ticket, wait, kept).map_err(not_sent)?;
        }
        self.attempt(&mut Leased { lease, kept, time })
    }
}

/// A reply that says this, or that all is well.
fn said(refusal: Option<&[u8]>) -> Result<Reply> {
    let mut builder = Builder::for_copies();
    match refusal {
        Some(words) => builder.add_text(Kind::RREDIS_REPLY_ERROR, words),
        None => builder.add_text(Kind::RREDIS_REPLY_STATUS, b"OK"),
    }
    builder.take().map_err(|error| error.with_outcome(Outcome::Ran))
}
