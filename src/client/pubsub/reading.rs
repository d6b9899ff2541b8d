//! Waiting for messages: one thread at a time, that connects, connects again, and calls the handlers.

use std::ptr;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::error::{Error, Outcome, Result, Status, head};
use crate::limits::{LATE_READS_MAX, TURN_MS_MAX};
use crate::reply::Reply;
use crate::transport::Deadline;

use super::guarded::Todo;
use super::looking::Connecting;
use super::{PubSub, ReadingTurn, message};

/// Who gets what no handler takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// Whoever called.
    Given,
    /// Nobody.
    Dropped,
}

impl PubSub {
    /// The next message that no handler takes, or the next gap. AGAIN: none in time. WOKEN: another thread wants this to end.
    pub fn next(&self, timeout_ms: i64) -> Result<Reply> {
        self.read(timeout_ms, Rest::Given)
    }

    /// Show messages to their handlers until another thread wakes this one. AGAIN: the time is up.
    pub fn run(&self, timeout_ms: i64) -> Result<()> {
        self.enter()?;
        if let Some(error) = self.unhandled() {
            return Err(error);
        }
        match self.read(timeout_ms, Rest::Dropped) {
            Ok(_) => Ok(()),
            Err(error) if error.status == Status::Woken => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn read(&self, timeout_ms: i64, rest: Rest) -> Result<Reply> {
        self.enter()?;
        let Some(_turn) = ReadingTurn::take(&self.reading) else {
            return Err(Error::new(Status::State, "another call waits for messages already"));
        };
        if rest == Rest::Given
            && let Some(message) = self.read_before()
        {
            return Ok(message);
        }
        let deadline = Deadline::after_ms(timeout_ms);
        let result = self.read_until(deadline, timeout_ms == 0, rest);
        let is_over = result.as_ref().is_err_and(|error| error.status == Status::Again);
        let told = {
            let mut guarded = self.guarded.lock();
            guarded.settle(&self.poller, is_over);
            guarded.take_told()
        };
        self.tell(told);
        // Woken between the last look and here: the descriptor shows it.
        if self.woken.load(Ordering::SeqCst) {
            self.poller.ring();
        }
        result.map_err(|error| error.with_outcome(Outcome::None))
    }

    /// A message that has been read already, where no handler may want it and there is nothing else to do: most have.
    #[inline]
    fn read_before(&self) -> Option<Reply> {
        if self.woken.load(Ordering::SeqCst) || self.handlers.may_want() {
            return None;
        }
        let message = self.guarded.lock().take_message(&self.poller);
        // As at the end of a wait.
        if self.woken.load(Ordering::SeqCst) {
            self.poller.ring();
        }
        message
    }

    /// `looks_only`: the caller gives no time, but wants all that one look brings to be shown.
    fn read_until(&self, deadline: Deadline, looks_only: bool, rest: Rest) -> Result<Reply> {
        let mut looked = None;
        let mut time_is_up = false;
        let mut late = Late::default();
        loop {
            if self.woken.swap(false, Ordering::SeqCst) {
                self.guarded.lock().heard_bell(&self.poller);
                return Err(Error::new(Status::Woken, "another thread called for the wait to end"));
            }
            let todo = match self.step(&mut looked)? {
                Todo::Connect if !self.woken.load(Ordering::SeqCst) => self.connect(deadline)?,
                todo => todo,
            };
            match todo {
                Todo::Give(reply) => {
                    if let Some(reply) = self.deliver(reply, rest)? {
                        return Ok(reply);
                    }
                    // There may be any number of messages, and a handler may take its time.
                    if !looks_only && deadline.has_passed() {
                        return Err(self.again());
                    }
                    continue;
                }
                // A transport that holds bytes back is read without a wait, for as long as a server goes on sending.
                Todo::Again if late.is_enough(deadline) => {
                    self.guarded.lock().cut_short();
                    return Err(self.again());
                }
                Todo::Again => continue,
                // Who called for the end since it was last looked for has rung a bell that the step may have silenced.
                _ if self.woken.load(Ordering::SeqCst) => continue,
                _ if time_is_up => return Err(self.again()),
                Todo::Wait(until) => looked = Some(self.wait(deadline.earlier(until))?),
                Todo::WaitByReading(until) => self.wait_by_reading(deadline.earlier(until))?,
                // It comes again.
                Todo::Connect => continue,
            }
            time_is_up = deadline.has_passed();
        }
    }

    /// One step, and what it brought to be told.
    fn step(&self, looked: &mut Option<bool>) -> Result<Todo> {
        let (step, told) = {
            let mut guarded = self.guarded.lock();
            (guarded.step(&self.poller, looked), guarded.take_told())
        };
        self.tell(told);
        step
    }

    /// Wait for the poller. True: there is something to read.
    fn wait(&self, deadline: Deadline) -> Result<bool> {
        let woken = self.ongoing.during(ptr::null(), || self.poller.wait(deadline))?;
        if woken.bell {
            self.guarded.lock().heard_bell(&self.poller);
        }
        if woken.timer {
            self.guarded.lock().stop_timer(&self.poller);
        }
        Ok(woken.readable)
    }

    /// Wait for a transport of the caller's that only a read can wait for: for a moment, for others want the lock meanwhile.
    fn wait_by_reading(&self, deadline: Deadline) -> Result<()> {
        let woken = self.poller.wait(Deadline::after_ms(0))?;
        let mut guarded = self.guarded.lock();
        if woken.bell {
            guarded.heard_bell(&self.poller);
        }
        if woken.timer {
            guarded.stop_timer(&self.poller);
        }
        let left = deadline.remaining_ms();
        let slice_ms = if left < 0 { SLICE_MS } else { left.min(SLICE_MS) };
        guarded.read(if woken.bell { 0 } else { slice_ms });
        Ok(())
    }

    /// Go on opening a connection, while others may use the subscriber.
    fn connect(&self, deadline: Deadline) -> Result<Todo> {
        // Another thread subscribes, connects for that, and then rings.
        let Some(_turn) = ReadingTurn::take(&self.connecting) else { return Ok(Todo::Wait(Deadline::never())) };
        let mut all = Connecting::Failed;
        let (mut is_any, mut until) = (false, Deadline::never());
        let lines = self.guarded.lock().lines_to_connect(Instant::now());
        for of in lines {
            let stepped = self.guarded.lock().begin_connect(&self.poller, of.as_ref());
            let Some(mut stepped) = stepped else { continue };
            is_any = true;
            let step = stepped.go_on();
            let (connecting, told) = {
                let mut guarded = self.guarded.lock();
                (guarded.end_connect(&self.poller, of.as_ref(), stepped, step), guarded.take_told())
            };
            self.tell(told);
            until = until.earlier(self.guarded.lock().until());
            all = match (all, connecting) {
                (_, Connecting::Moved) | (Connecting::Moved, _) => Connecting::Moved,
                (_, Connecting::Waits(moment)) => {
                    until = until.earlier(moment);
                    Connecting::Waits(until)
                }
                (all, Connecting::Failed) => all,
            };
        }
        match all {
            // Another thread was faster, or wants nothing any more.
            _ if !is_any => Ok(Todo::Again),
            Connecting::Waits(_) => Ok(Todo::Wait(until)),
            // Where nobody listens that takes no time at all, and would be tried for ever.
            Connecting::Failed if deadline.has_passed() => Err(self.again()),
            Connecting::Failed | Connecting::Moved => Ok(Todo::Again),
        }
    }

    /// Show it to its handler. What none takes is given back, where somebody wants it.
    fn deliver(&self, reply: Reply, rest: Rest) -> Result<Option<Reply>> {
        let Some((topic, name)) = message::subject(&reply) else { return Ok((rest == Rest::Given).then_some(reply)) };
        if let Some(handler) = self.handlers.get(topic, name) {
            handler.hear(&reply);
            return Ok(None);
        }
        if rest == Rest::Given {
            return Ok(Some(reply));
        }
        // A message that came after its end was asked for is nobody's; one that is wanted waits for `next`, or for a handler.
        let mut guarded = self.guarded.lock();
        if !guarded.wants(topic, name) {
            return Ok(None);
        }
        let error = no_handler(name);
        guarded.give_back(reply);
        Err(error)
    }

    /// A name that is wanted and has no handler.
    fn unhandled(&self) -> Option<Error> {
        let guarded = self.guarded.lock();
        let mut names = guarded.names();
        names.find(|(topic, name)| self.handlers.get(*topic, name).is_none()).map(|(_, name)| no_handler(name))
    }

    /// Nothing in time; and why nothing can come, where there is no connection.
    fn again(&self) -> Error {
        let text = "no message has arrived in the time allowed";
        match self.guarded.lock().why_down() {
            Some(lost) => Error::new(Status::Again, [text.as_bytes(), b"; no connection: ", &lost.message].concat()),
            None => Error::new(Status::Again, text),
        }
    }
}

/// What is read when the time is over.
#[derive(Default)]
struct Late {
    reads: u32,
    since: Option<Instant>,
}

impl Late {
    /// Something was read. Whether that was enough: there may be more, and the time is up.
    fn is_enough(&mut self, deadline: Deadline) -> bool {
        if !deadline.has_passed() {
            return false;
        }
        self.reads += 1;
        let since = *self.since.get_or_insert_with(Instant::now);
        self.reads > LATE_READS_MAX || since.elapsed() >= Duration::from_millis(TURN_MS_MAX)
    }
}

fn no_handler(name: &[u8]) -> Error {
    let text = [head(name), b" has no handler, and run gives its messages to nobody else"].concat();
    Error::new(Status::State, text)
}

/// How long a read may wait while it holds the lock, where the transport has no descriptor.
const SLICE_MS: i64 = 10;
