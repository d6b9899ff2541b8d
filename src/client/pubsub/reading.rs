//! Waiting for messages: one thread at a time, that connects, connects again, and calls the handlers.

use std::ptr;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::conn::{Connection, Stepped};
use crate::error::{Error, Outcome, Result, Status, head};
use crate::limits::{LATE_READS_MAX, TURN_MS_MAX};
use crate::reply::Reply;
use crate::transport::{Deadline, Step};

use super::line::Todo;
use super::{PubSub, Turn, message};

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
        let deadline = Deadline::after_ms(timeout_ms);
        let Some(_turn) = Turn::take(&self.reading) else {
            return Err(Error::new(Status::State, "another call waits for messages already"));
        };
        let result = self.read_until(deadline, timeout_ms == 0, rest);
        let is_over = result.as_ref().is_err_and(|error| error.status == Status::Again);
        let told = {
            let mut line = self.line.lock();
            line.settle(&self.poller, &self.client, is_over);
            line.take_told()
        };
        self.tell(told);
        // Woken between the last look and here: the descriptor shows it.
        if self.woken.load(Ordering::SeqCst) {
            self.poller.ring();
        }
        result.map_err(|error| error.with_outcome(Outcome::None))
    }

    /// `looks_only`: the caller gives no time, but wants all that one look brings to be shown.
    fn read_until(&self, deadline: Deadline, looks_only: bool, rest: Rest) -> Result<Reply> {
        let mut looked = None;
        let mut time_is_up = false;
        let mut late = Late::default();
        loop {
            if self.woken.swap(false, Ordering::SeqCst) {
                self.line.lock().heard_bell(&self.poller);
                return Err(Error::new(Status::Woken, "another thread called for the wait to end"));
            }
            let (step, told) = {
                let mut line = self.line.lock();
                (line.step(&self.poller, &self.client, &mut looked), line.take_told())
            };
            self.tell(told);
            match step? {
                Todo::Give(reply) => {
                    if let Some(reply) = self.deliver(reply, rest)? {
                        return Ok(reply);
                    }
                    // There may be any number of messages, and a handler may take its time.
                    if !looks_only && deadline.has_passed() {
                        return Err(self.again());
                    }
                }
                // A transport that holds bytes back is read without a wait, for as long as a server goes on sending.
                Todo::Again if late.is_enough(deadline) => {
                    self.line.lock().cut_short();
                    return Err(self.again());
                }
                Todo::Again => {}
                // Who called for the end since it was last looked for has rung a bell that the step may have silenced.
                _ if self.woken.load(Ordering::SeqCst) => {}
                Todo::Connect => {
                    let until = match Turn::take(&self.connecting) {
                        Some(_turn) => self.connect()?,
                        // Another thread subscribes, connects for that, and then rings.
                        None => Some(Deadline::never()),
                    };
                    match until {
                        // Where nobody listens that takes no time at all, and would be tried for ever.
                        None if deadline.has_passed() && !self.line.lock().is_open() => return Err(self.again()),
                        None => {}
                        Some(_) if time_is_up => return Err(self.again()),
                        Some(until) => {
                            looked = None;
                            self.wait(deadline.earlier(until))?;
                            time_is_up = deadline.has_passed();
                        }
                    }
                }
                Todo::Wait(_) | Todo::WaitByReading(_) if time_is_up => return Err(self.again()),
                Todo::Wait(until) => {
                    looked = Some(self.wait(deadline.earlier(until))?);
                    time_is_up = deadline.has_passed();
                }
                Todo::WaitByReading(until) => {
                    self.wait_by_reading(deadline.earlier(until))?;
                    time_is_up = deadline.has_passed();
                }
            }
        }
    }

    /// Wait for the poller. True: there is something to read.
    fn wait(&self, deadline: Deadline) -> Result<bool> {
        let woken = self.ongoing.during(ptr::null(), || self.poller.wait(deadline))?;
        if woken.bell {
            self.line.lock().heard_bell(&self.poller);
        }
        if woken.timer {
            self.line.lock().stop_timer(&self.poller);
        }
        Ok(woken.readable)
    }

    /// Wait for a transport of the caller's that only a read can wait for: for a moment, for others want the lock meanwhile.
    fn wait_by_reading(&self, deadline: Deadline) -> Result<()> {
        let woken = self.poller.wait(Deadline::after_ms(0))?;
        let mut line = self.line.lock();
        if woken.bell {
            line.heard_bell(&self.poller);
        }
        if woken.timer {
            line.stop_timer(&self.poller);
        }
        let left = deadline.remaining_ms();
        let slice_ms = if left < 0 { SLICE_MS } else { left.min(SLICE_MS) };
        line.read(&self.poller, &self.client, if woken.bell { 0 } else { slice_ms });
        Ok(())
    }

    /// Go on opening a connection. What may pass is tried again after a rest; what will not is for the caller to know. Some:
    /// it is on its way, and waits until then, or for what the poller shows.
    fn connect(&self) -> Result<Option<Deadline>> {
        if self.line.lock().is_open() {
            return Ok(None); // Another thread was faster.
        }
        let step = self.open_on();
        let mut line = self.line.lock();
        let result = match step {
            Ok(Step::Done(connection)) => line.opened(&self.poller, &self.client, connection).map(|()| None),
            Ok(Step::Wait(awaited)) => Ok(Some(line.opening(&self.poller, awaited))),
            Err(error) => {
                let pause = self.client.0.route.retry().pause(line.tries().saturating_add(1)).max(PAUSE_MIN);
                let passes = matches!(error.status, Status::Connect | Status::Io | Status::Timeout);
                line.refused(&self.poller, error.clone(), pause);
                if passes { Ok(None) } else { Err(error) }
            }
        };
        let told = line.take_told();
        drop(line);
        self.tell(told);
        result
    }

    /// The connection on its way, or a new one, as far as it goes without waiting.
    fn open_on(&self) -> Result<Step<Box<Connection>>> {
        let mut opening = self.opening.lock();
        let mut stepped = match opening.take() {
            Some(stepped) => stepped,
            None => Box::new(Stepped::begin(self.client.0.route.dial())?.or_waiting()),
        };
        // It may close its descriptor, which a child of fork may still have open: none is watched then.
        self.poller.forget();
        let step = stepped.go_on()?;
        if let Step::Wait(_) = step {
            *opening = Some(stepped);
        }
        Ok(step)
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
        let mut line = self.line.lock();
        if !line.subscriptions.wants(topic, name) {
            return Ok(None);
        }
        let error = no_handler(name);
        line.put_back(reply);
        Err(error)
    }

    /// A name that is wanted and has no handler.
    fn unhandled(&self) -> Option<Error> {
        let line = self.line.lock();
        let mut names = line.subscriptions.names();
        names.find(|(topic, name)| self.handlers.get(*topic, name).is_none()).map(|(_, name)| no_handler(name))
    }

    /// Nothing in time; and why nothing can come, where there is no connection.
    fn again(&self) -> Error {
        let text = "no message has arrived in the time allowed";
        match self.line.lock().why_lost() {
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

/// A pause between two tries that leaves the processor to others, whatever the options say.
const PAUSE_MIN: Duration = Duration::from_millis(1);
/// How long a read may wait while it holds the lock, where the transport has no descriptor.
const SLICE_MS: i64 = 10;
