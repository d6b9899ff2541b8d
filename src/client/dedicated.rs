//! A dedicated connection (`rredis_conn`), for commands that change the state of their connection.
#![forbid(unsafe_code)]

use std::os::fd::RawFd;
use std::time::{Duration, Instant};

use crate::commands::{Command, Effect, Shape};
use crate::conn::{Kept, Notice};
use crate::error::{Error, Outcome, Result, Status};
use crate::pool::Lease;
use crate::reply::{Kind, Reply};
use crate::resp;
use crate::route::Order;
use crate::session::Asked;
use crate::stats::Counters;

use super::called::Called;
use super::latest::{self, Latest};
use super::terms::Terms;
use super::{Call, Client, Flags};

/// A connection on a long lease. Dropped, it goes back to its pool if it is as a new one.
pub struct Dedicated {
    client: Client,
    /// None only while it is being given back.
    lease: Option<Lease>,
    /// What came before it was asked for, in order: `receive` gives it.
    kept: Kept,
    /// Callbacks that wait for EXEC.
    called: Called,
    latest: Option<Latest>,
    /// It is lost, and that was told.
    lost: bool,
}

impl Dedicated {
    /// Lease a connection of the client's pool.
    pub fn new(client: &Client) -> Result<Dedicated> {
        let wait = client.time_for_a_connection();
        let mut kept = Kept::new(true, client.0.often.push_bytes).with_notices(client.0.setup.on_event.is_some());
        let lease = client.0.route.lease(&wait, &mut kept).map_err(|error| error.with_outcome(Outcome::None));
        client.tell(&mut kept);
        let lease = lease?;
        Ok(Dedicated {
            client: client.clone(),
            lease: Some(lease),
            kept,
            called: Called::default(),
            latest: None,
            lost: false,
        })
    }

    /// Send any command and wait for its reply. `None`: it is due none.
    pub fn command(&mut self, args: &[&[u8]], call: &Call) -> Result<Option<Reply>> {
        self.client.count(Counters::command);
        let (row, begun) = (latest::find(&mut self.latest, args), Instant::now());
        match self.straight(row, args, call, begun) {
            Some(reply) => Ok(Some(reply)),
            None => self.command_on_the_way(row, args, call, begun),
        }
    }

    /// A command that has nothing special about it, and its short reply. `None`: it goes on as any command.
    #[inline(always)]
    fn straight(
        &mut self,
        row: Option<&'static Command>,
        args: &[&[u8]],
        call: &Call,
        begun: Instant,
    ) -> Option<Reply> {
        let (shape, room) = self.client.straight(row, args, call)?;
        let lease = self.lease.as_mut().filter(|lease| lease.refuse_foreign().is_ok() && lease.may_go_straight())?;
        if !lease.has_hardly_rested(Duration::MAX, begun) && !lease.is_quiet() {
            return None;
        }
        let reply = lease.ask_straight(args, room, shape, begun)?;
        lease.rests_since(Instant::now());
        self.called.forget();
        Some(reply)
    }

    #[inline(never)]
    fn command_on_the_way(
        &mut self,
        row: Option<&'static Command>,
        args: &[&[u8]],
        call: &Call,
        begun: Instant,
    ) -> Result<Option<Reply>> {
        let terms = self.client.terms_of(row, args, call);
        let was_queueing = self.is_queueing();
        let tried = match self.client.refuse_in_vain(call, true) {
            Ok(()) => terms.order_at(begun, args, call).and_then(|order| self.command_to_the_wire(&order)),
            Err(error) => Err(error),
        };
        if let Ok(Some(reply)) = &tried {
            self.heed(terms.row, reply, was_queueing);
        }
        let result = match self.tell_if_lost(tried) {
            // That a command was queued is no reply to it: its callback has nothing to work on before EXEC.
            Ok(Some(reply)) if self.has_queued(&reply) => {
                let noted = self.called.queued(args, terms.callback.as_ref(), call.call_data);
                // It runs when EXEC does.
                noted.map(|()| Some(reply)).map_err(|error| error.with_outcome(Outcome::Unknown))
            }
            Ok(Some(reply)) => {
                let reply = self.executed(&terms, call, reply);
                reply.and_then(|reply| terms.finish(args, call, reply)).map(Some)
            }
            other => other,
        };
        result.inspect_err(|error| self.client.count(|counters| counters.failed(error)))
    }

    /// Send any command, and leave its reply, as it comes, for `receive`.
    pub fn send(&mut self, args: &[&[u8]]) -> Result<()> {
        self.send_with(args, Flags::default())
    }

    /// The same. With MORE among the flags it is only queued.
    pub fn send_with(&mut self, args: &[&[u8]], flags: Flags) -> Result<()> {
        self.client.count(Counters::command);
        let row = latest::find(&mut self.latest, args);
        // Behind another command there is nothing to be looked at, and so nothing that takes time.
        let sent = match flags.has(Flags::MORE) && self.parts()?.0.session().owes() {
            true => self.queue(row, args),
            false => self.look_and_send(row, args, flags),
        };
        let sent = self.tell_if_lost(sent).map_err(|error| Error { attempts: 1, ..error });
        sent.inspect_err(|error| self.client.count(|counters| counters.failed(error)))
    }

    fn queue(&mut self, row: Option<&'static Command>, args: &[&[u8]]) -> Result<()> {
        let room = resp::checked_room(args).map_err(|error| error.with_outcome(Outcome::NotSent))?;
        let effect = row.map_or(Effect::None, |row| row.effect(args));
        self.parts()?.0.submit_any(Asked::known(args, room, effect, Shape::KEEP)).map(drop)
    }

    fn look_and_send(&mut self, row: Option<&'static Command>, args: &[&[u8]], flags: Flags) -> Result<()> {
        let call = Call::default();
        let order = self.client.terms_of(row, args, &call).order(args, &call)?;
        let (lease, kept) = self.parts()?;
        // What nobody asked for, and was there before the command, is not its reply.
        if !lease.has_just_answered(order.begun) {
            lease.inspect_lent(order.wait.deadline, kept)?;
        }
        let submitted = lease.submit_any(Order { shape: Shape::KEEP, ..order }.asked())?;
        match flags.has(Flags::MORE) {
            true => Ok(()),
            false => lease.flush(submitted.ticket, &order.wait, kept),
        }
    }

    /// What comes next. AGAIN: nothing whole in time. STATE: nothing is due and nothing can come.
    pub fn receive(&mut self, timeout_ms: i64) -> Result<Reply> {
        let was_queueing = self.is_queueing();
        let (lease, kept) = self.parts()?;
        if let Some(reply) = kept.take() {
            self.heed(None, &reply, was_queueing);
            return Ok(reply);
        }
        if lease.failure().is_none() && !lease.can_hear() {
            let text = "nothing is due on this connection, and nothing can come unasked";
            return Err(Error::new(Status::State, text));
        }
        let next = lease.next_timed(timeout_ms).map_err(|error| error.with_outcome(Outcome::None));
        let next = self.tell_if_lost(next)?;
        self.heed(None, &next, was_queueing);
        match self.is_queueing() {
            true if self.has_queued(&next) => self.called.queued(&[], None, std::ptr::null_mut())?,
            true => {}
            false => self.called.forget(),
        }
        Ok(next)
    }

    /// The descriptor that is readable when something has come, where there is one, and it is this process's.
    pub fn fd(&self) -> Option<RawFd> {
        self.lease.as_ref().filter(|lease| lease.refuse_foreign().is_ok())?.fd()
    }

    fn command_to_the_wire(&mut self, order: &Order<'_>) -> Result<Option<Reply>> {
        let wait = &order.wait;
        let (lease, kept) = self.parts()?;
        if let Some(ticket) = lease.begun() {
            let replied = lease.reply_to(ticket, wait, kept).map(Some);
            return replied.map_err(|error| Error { attempts: 1, ..error });
        }
        if lease.owes_a_reply() && lease.failure().is_none() {
            let text = "replies to commands sent before are still due: receive them first";
            return Err(Error::new(Status::State, text).with_outcome(Outcome::NotSent));
        }
        // What nobody asked for, and was there before the command, is not its reply.
        let there = lease.inspect_lent(wait.deadline, kept);
        let tried =
            there.and_then(|()| lease.submit_any(order.asked())).and_then(|submitted| match submitted.answered {
                true => lease.reply_to(submitted.ticket, wait, kept).map(Some),
                false => lease.flush(submitted.ticket, wait, kept).map(|()| None),
            });
        tried.map_err(|error| Error { attempts: 1, ..error })
    }

    /// Where the server takes no writes any more, the connection serves on, and does not go back.
    fn heed(&mut self, row: Option<&Command>, reply: &Reply, was_queueing: bool) {
        let Some(lease) = &mut self.lease else { return };
        lease.heed(row, reply);
        // What scripts are told in a transaction stands in EXEC's answer.
        if was_queueing && !lease.is_queueing() {
            let errors = reply.view().children().filter(|element| element.kind() == Kind::RREDIS_REPLY_ERROR);
            errors.for_each(|error| lease.heed_error(error.text(), true));
        }
    }

    /// Tell of the connection's end, once: no other lease will meet it.
    fn tell_if_lost<T>(&mut self, tried: Result<T>) -> Result<T> {
        if let (Err(error), Some(lease), false) = (&tried, &self.lease, self.lost) {
            self.lost = lease.failure().is_some();
            if self.lost {
                self.kept.notice(Notice::lost(lease, error));
                self.client.tell(&mut self.kept);
            }
        }
        tried
    }

    /// Whether this reply says that a command was queued.
    fn has_queued(&self, reply: &Reply) -> bool {
        reply.text() == b"QUEUED" && self.is_queueing()
    }

    /// Where this is EXEC's answer, what the callbacks of its commands make of it. A callback for EXEC itself, and who asked
    /// for the wire, gets it as it came.
    fn executed(&mut self, terms: &Terms, call: &Call, reply: Reply) -> Result<Reply> {
        if self.is_queueing() {
            return Ok(reply);
        }
        if terms.effect != Effect::Exec || terms.callback.is_some() || call.flags.has(Flags::RAW) {
            self.called.forget();
            return Ok(reply);
        }
        self.called.answered(reply).map_err(|error| error.with_outcome(Outcome::Ran))
    }

    fn is_queueing(&self) -> bool {
        self.lease.as_ref().is_some_and(|lease| lease.is_queueing())
    }

    fn parts(&mut self) -> Result<(&mut Lease, &mut Kept)> {
        match &mut self.lease {
            Some(lease) => {
                lease.refuse_foreign().map_err(|error| error.with_outcome(Outcome::NotSent))?;
                Ok((lease, &mut self.kept))
            }
            None => Err(Error::new(Status::State, "the connection was given back")),
        }
    }
}

impl Drop for Dedicated {
    fn drop(&mut self) {
        let Some(lease) = self.lease.take() else { return };
        // What was kept and never received is somebody's reply: such a connection is not as a new one.
        if self.kept.is_empty() {
            lease.give_back();
        }
    }
}
