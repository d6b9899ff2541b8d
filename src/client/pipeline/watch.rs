//! The connection of a pipeline that watches keys.
#![forbid(unsafe_code)]

use std::time::Duration;

use crate::client::{Call, Client};
use crate::conn::{Kept, Notice, Wait};
use crate::error::{Error, Outcome, Result, Status, head};
use crate::ongoing;
use crate::pool::Lease;
use crate::reply::Reply;
use crate::route::{Audience, Order, Tries, may_be_refusal};
use crate::transport::Deadline;

use super::queue::not_sent;
use super::time::Limit;

/// A connection that watches, on lease until the transaction has run or is given up. Dropped, it is closed, for that never
/// waits.
pub(super) struct Watch {
    lease: Option<Lease>,
    kept: Kept,
    lost: Option<Error>,
    /// The slot of the keys, in a cluster.
    pub(super) slot: Option<u16>,
}

impl Watch {
    /// Lease a connection and watch keys on it, with this command. Nothing is read before that, so it may be tried again
    /// whatever became of it.
    pub(super) fn begin(client: &Client, args: &[&[u8]], limit: Limit) -> Result<Watch> {
        let order = client.terms(args, &Call::default()).order(args, &Call::default())?;
        let order = Order { wait: within(order.wait, limit), idempotent: true, ..order };
        client.0.route.retry().begin();
        let mut tries = Tries::default();
        loop {
            tries.count += 1;
            let mut watch = Watch { lease: None, kept: client.kept(), lost: None, slot: None };
            let leased = client.0.route.lease(&order.wait, &mut watch.kept);
            let rested = leased.as_ref().is_ok_and(|lease| lease.rested);
            let tried = leased.and_then(|lease| {
                watch.lease = Some(lease);
                watch.try_command(&order, client)
            });
            let error = match tried {
                Ok(reply) if !reply.is_error() => {
                    client.tell(&mut watch.kept);
                    return Ok(watch);
                }
                Ok(reply) => order.error(&reply),
                Err(error) => error,
            };
            client.show(watch.end(false));
            let pause = match rested && error.status == Status::Io && error.outcome == Outcome::NotSent {
                true => Some(Duration::ZERO),
                false if order.may_repeat(&error) => {
                    client.0.route.retry().next_pause(tries.count, order.wait.deadline)
                }
                false => None,
            };
            match pause {
                Some(pause) => {
                    tries.may_have_run |= error.outcome == Outcome::Unknown;
                    ongoing::pause(pause).map_err(|ended| tries.tell(ended.with_outcome(error.outcome)))?;
                }
                None => return Err(tries.tell(error)),
            }
        }
    }

    /// The same with one of many servers: the one that has the keys of this slot.
    pub(super) fn begin_at(client: &Client, slot: Option<u16>, args: &[&[u8]], limit: Limit) -> Result<Watch> {
        let order = client.terms(args, &Call::default()).order(args, &Call::default())?;
        let order = Order { wait: within(order.wait, limit), idempotent: true, ..order };
        let mut tries = Tries::default();
        let held = client.0.route.hold_at(slot, &order, &mut tries, client);
        match held.map_err(|error| tries.tell(error))? {
            (_, Some(lease)) => Ok(Watch { lease: Some(lease), kept: client.kept(), lost: None, slot }),
            (reply, None) => Err(tries.tell(order.error(&reply))),
        }
    }

    /// The server has the keys no more, or may not have them: nothing of what is watched is worth anything.
    pub(super) fn refuse_moved(&self, client: &Client) -> Result<()> {
        match &self.lease {
            Some(lease) if !client.0.route.leads_to(self.slot, lease) => {
                let text = "the keys that are watched are another server's by now";
                Err(not_sent(Error::new(Status::Watch, text)))
            }
            _ => Ok(()),
        }
    }

    /// One of many servers refused what came over this connection: where that is because the keys are another's, that is known from
    /// now on.
    pub(super) fn heed(&mut self, client: &Client, words: &[u8], deadline: Deadline) {
        if let Some(lease) = &self.lease {
            client.0.route.heed_at(self.slot, lease, words, deadline, &mut self.kept);
        }
    }

    /// One command at once. Where the connection breaks, that is as if a watched key had changed.
    pub(super) fn command(&mut self, order: &Order<'_>, client: &Client) -> Result<Reply> {
        self.refuse_foreign()?;
        let tried = self.try_command(order, client);
        if let Ok(reply) = &tried
            && reply.is_error()
            && client.0.route.is_many()
            && may_be_refusal(reply.text())
        {
            self.heed(client, reply.text(), order.wait.deadline);
            let error = Error::new(Status::Watch, head(reply.text())).with_outcome(Outcome::Refused);
            self.lost = Some(error.clone());
            return Err(Error { attempts: 1, ..error });
        }
        tried.map_err(|error| Error { attempts: 1, ..lost(error) })
    }

    fn try_command(&mut self, order: &Order<'_>, client: &Client) -> Result<Reply> {
        let (lease, kept) = self.parts()?;
        // What nobody asked for, and was there before the command, is not its reply.
        let there = lease.inspect_lent(order.wait.deadline, kept);
        let tried = there
            .and_then(|()| lease.submit_any(order.asked()))
            .and_then(|submitted| lease.reply_to(submitted.ticket, &order.wait, kept))
            .inspect(|reply| lease.heed(order.row, reply));
        if let (Err(error), Some(_)) = (&tried, lease.failure()) {
            kept.notice(Notice::lost(lease, error));
            client.tell(kept);
            self.lost = Some(error.clone());
        }
        tried
    }

    /// Refuse a connection that was leased before a fork.
    pub(super) fn refuse_foreign(&self) -> Result<()> {
        self.lease.as_ref().map_or(Ok(()), Lease::refuse_foreign).map_err(not_sent)
    }

    /// The connection, while it is there.
    pub(super) fn parts(&mut self) -> Result<(&mut Lease, &mut Kept)> {
        match (&mut self.lease, &self.lost) {
            (Some(lease), None) => Ok((lease, &mut self.kept)),
            (_, Some(error)) => Err(lost(not_sent(error.clone()).at("it watches no more"))),
            (None, None) => Err(not_sent(Error::new(Status::State, "the connection was given back"))),
        }
    }

    /// Give the connection back if it is clean, and close it otherwise; what came unasked is to be shown then.
    pub(super) fn end(mut self, lost: bool) -> Kept {
        if let Some(lease) = self.lease.take().filter(|_| !lost) {
            lease.give_back();
        }
        self.kept
    }
}

/// The error of a connection that watched: where it broke, nothing keeps the caller from trying again, with the keys as they
/// are then.
pub(super) fn lost(error: Error) -> Error {
    match error.status {
        Status::Io => Error { status: Status::Watch, ..error },
        _ => error,
    }
}

/// The same wait, but that it ends no later than this, where there is a limit.
pub(super) fn within(wait: Wait<'_>, limit: Limit) -> Wait<'_> {
    match limit {
        Some((last, last_ms)) if wait.deadline.earlier(last) != wait.deadline => {
            Wait { deadline: last, allowed_ms: last_ms, ..wait }
        }
        _ => wait,
    }
}

/// The command that watches these keys.
pub(super) fn watch_of<'k>(keys: &[&'k [u8]]) -> Result<Vec<&'k [u8]>> {
    let mut args: Vec<&[u8]> = Vec::new();
    args.try_reserve_exact(keys.len() + 1).map_err(|_| not_sent(Error::memory("the keys")))?;
    args.push(b"WATCH");
    args.extend_from_slice(keys);
    Ok(args)
}
