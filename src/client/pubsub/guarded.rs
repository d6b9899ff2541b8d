//! What the lock guards, and what never waits while it is held: the line, or several, and what the descriptor shows of them.

use std::convert::Infallible;
use std::os::fd::RawFd;
use std::thread;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::commands::Topic;
use crate::conn::{Connection, Dial, Kept, Stepped};
use crate::error::{Error, Result};
use crate::line::{Came, Line, Transition, Wants};
use crate::options::Endpoint;
use crate::reply::Reply;
use crate::transport::poller::Poller;
use crate::transport::{Deadline, Step};

use super::beside::Beside;
use super::looking::{Connecting, News, line_to, look_at};

/// A line on which nothing but subscriptions are asked for, and what was told of it.
pub(super) struct Guarded {
    pub(super) line: Line<Infallible>,
    /// Where there are many servers: the lines beside this one, which is for channels and patterns.
    pub(super) beside: Option<Box<Beside>>,
    /// Whether confirmations are given.
    pub(super) confirmations: bool,
    /// What to tell when the lock is free.
    pub(super) told: News,
    /// What the poller watches of the line.
    watched: Option<(RawFd, Wants)>,
    /// When the timer runs out.
    pub(super) timer: Option<Instant>,
    /// The bell was rung by this side.
    rung: bool,
    /// There is more to read than one call may.
    cut: bool,
    /// All that was read has been looked at.
    pub(super) seen: bool,
    /// How many reads in a row moved nothing where the descriptor promised something.
    pub(super) vain: u32,
    client: Client,
    /// When to look whether the connection still leads to the right server.
    looks_at: Option<Instant>,
}

/// What to do next.
pub(super) enum Todo {
    /// Give this.
    Give(Reply),
    /// Take another step: something has moved.
    Again,
    /// Nothing until the poller says so, or until then.
    Wait(Deadline),
    /// The same, where nothing but a read tells.
    WaitByReading(Deadline),
    /// Go on opening a connection.
    Connect,
}

impl Guarded {
    pub(super) fn new(client: &Client) -> Guarded {
        let mut line = line_to(client, client.0.route.dial().clone());
        let beside = client.0.route.guide().map(|guide| Box::new(Beside::new(client, guide)));
        if beside.is_some() {
            line.asks_soon();
        }
        Guarded {
            line,
            beside,
            confirmations: client.0.setup.options.pubsub_confirmations(),
            told: News::default(),
            watched: None,
            timer: None,
            rung: false,
            cut: false,
            seen: false,
            vain: 0,
            client: client.clone(),
            looks_at: None,
        }
    }

    /// Whether there was no connection yet.
    pub(super) fn is_untried(&self) -> bool {
        self.line.is_untried()
    }

    /// Why there is no connection now, where one was tried.
    pub(super) fn why_down(&self) -> Option<&Error> {
        self.line.why_down().or_else(|| self.beside.as_ref()?.why_down())
    }

    /// Whether this name is wanted.
    pub(super) fn wants(&self, topic: Topic, name: &[u8]) -> bool {
        self.line.subscriptions().wants(topic, name)
            || self.beside.as_ref().is_some_and(|beside| beside.wants(topic, name))
    }

    /// Every name that is wanted.
    pub(super) fn names(&self) -> impl Iterator<Item = (Topic, &[u8])> {
        let beside = self.beside.iter().flat_map(|beside| beside.names());
        self.line.subscriptions().names().chain(beside)
    }

    /// Want names, or want them no more; and say so to the server, if there is a connection.
    pub(super) fn ask(&mut self, poller: &Poller, topic: Topic, subscribes: bool, names: &[&[u8]]) -> Result<()> {
        let is_asked = match &mut self.beside {
            Some(beside) if topic == Topic::Shard => beside.ask(subscribes, names)?,
            _ => self.line.ask(topic, subscribes, names, Instant::now)?,
        };
        self.follow(poller);
        // Who waits may have to connect now, or to look whether a connection still does. For what is wanted no more there is
        // nothing to do without one.
        if self.line.take_again() || (!is_asked && (subscribes || self.line.is_open())) {
            self.ring(poller);
        }
        Ok(())
    }

    /// What to do next. `looked`: the poller was asked since the last read, and said whether there is something to read.
    pub(super) fn step(&mut self, poller: &Poller, looked: &mut Option<bool>) -> Result<Todo> {
        self.seen = false;
        if let Some(reply) = self.look()? {
            return Ok(Todo::Give(reply));
        }
        if self.beside.is_some() {
            return Ok(self.step_among(poller, looked));
        }
        // What a connect waited for is nothing to read.
        *looked = looked.filter(|_| self.line.is_open());
        let promised = *looked == Some(true);
        if promised || self.line.hides_bytes() {
            *looked = None;
            if self.line.read_now(Instant::now) {
                self.vain = 0;
                return Ok(Todo::Again);
            }
            self.rest_if_in_vain(promised);
        }
        let now = Instant::now();
        self.lead(now);
        self.line.step_apart(now);
        self.follow(poller);
        // One that has run out is set anew by the next settling, whether it was heard or not.
        self.timer = self.timer.filter(|timer| now < *timer);
        if self.line.take_again() || self.line.has_come() {
            return Ok(Todo::Again);
        }
        if self.line.is_opening() || self.line.is_connect_due(|| now) {
            return Ok(Todo::Connect);
        }
        self.seen = true;
        // All that the bell was rung for was looked at; whoever rings from now on is heard by the wait.
        self.silence(poller);
        self.count();
        let until = self.until();
        Ok(if self.is_watched() { Todo::Wait(until) } else { Todo::WaitByReading(until) })
    }

    /// The lines are quiet, and all that the bell was rung for was looked at: wait.
    pub(super) fn wait(&mut self, poller: &Poller) -> Todo {
        self.seen = true;
        self.silence(poller);
        self.count();
        Todo::Wait(self.until())
    }

    /// The next of what was read, where that is a message of a channel, and all else was settled when the one before it was
    /// taken. `None`: that is for `step` to say. With the last of them all is settled again.
    pub(super) fn take_message(&mut self, poller: &Poller) -> Option<Reply> {
        if !self.rung {
            return None;
        }
        let message = self.line.take_message()?;
        self.seen = false;
        if !self.line.holds_more() {
            self.settle(poller, false);
        }
        Some(message)
    }

    /// Read where reading does the waiting, for so long.
    pub(super) fn read(&mut self, timeout_ms: i64) {
        self.seen = false;
        self.line.read_waiting(timeout_ms, Instant::now);
    }

    /// A connection that is to be opened, for who goes on with it: of the line, or of the one beside it to this endpoint. It may
    /// close its descriptor, which a child of fork may still have open: none is watched then.
    pub(super) fn begin_connect(&mut self, poller: &Poller, of: Option<&Endpoint>) -> Option<Box<Stepped>> {
        if let (Some(endpoint), Some(beside)) = (of, &mut self.beside) {
            return beside.begin_connect(poller, endpoint);
        }
        if !self.choose_home() {
            return None;
        }
        self.forget(poller);
        self.line.begin_connect(Instant::now())
    }

    /// What came of that.
    pub(super) fn end_connect(
        &mut self,
        poller: &Poller,
        of: Option<&Endpoint>,
        stepped: Box<Stepped>,
        step: Result<Step<Box<Connection>>>,
    ) -> Connecting {
        if let (Some(endpoint), Some(beside)) = (of, &mut self.beside) {
            let connecting = beside.end_connect(endpoint, stepped, step);
            self.follow(poller);
            return connecting;
        }
        self.line.end_connect(stepped, step, Instant::now());
        if let Some(beside) = &mut self.beside {
            beside.is_home_down(&self.line);
        }
        self.follow(poller);
        match () {
            () if self.line.is_opening() => Connecting::Waits(self.until()),
            () if self.line.is_open() || self.line.has_come() => Connecting::Moved,
            () => Connecting::Failed,
        }
    }

    /// The first connection was opened. Who waits hears of it.
    pub(super) fn opened(&mut self, poller: &Poller, dial: Dial, connection: Connection) {
        self.line.lead_to(dial, Instant::now());
        self.line.opened(Box::new(connection), Instant::now());
        self.follow(poller);
        self.ring(poller);
    }

    /// Give back a message that was taken.
    pub(super) fn give_back(&mut self, message: Reply) {
        self.line.give_back(Came::Message(message));
    }

    /// What to tell, now that the lock is about to be let go.
    pub(super) fn take_told(&mut self) -> Option<News> {
        let is_empty = self.told.notices.is_empty() && self.told.pushes.is_empty() && self.told.over.is_empty();
        (!is_empty).then(|| std::mem::take(&mut self.told))
    }

    /// A call ends though there may be more to read.
    pub(super) fn cut_short(&mut self) {
        self.cut = true;
    }

    /// Let the descriptor be readable if the next call would not wait, and only then. `is_over`: this one gave nothing, so that a
    /// loop that is told of changes only has to hear of this one.
    pub(super) fn settle(&mut self, poller: &Poller, is_over: bool) {
        self.count();
        let holds_more = if self.seen { self.line.has_come() } else { self.line.holds_more() };
        let is_cut = std::mem::take(&mut self.cut);
        let is_due = || self.line.is_connect_due(Instant::now);
        let ready = match &self.beside {
            None => holds_more || is_cut || self.line.hides_bytes() || is_due(),
            Some(beside) => {
                let is_home_ready = holds_more || is_cut || self.line.hides_bytes() || (beside.has_map() && is_due());
                is_home_ready || beside.is_ready(self.seen)
            }
        };
        self.rung &= !(ready && is_over);
        match ready {
            true => self.ring(poller),
            false => self.silence(poller),
        }
        // A timer that runs out too early costs one look in vain; one set anew with each message would cost a call each.
        let until = self.until();
        let wanted = until.moment();
        if wanted.is_some_and(|wanted| self.timer.is_none_or(|timer| wanted < timer)) {
            self.timer = wanted.filter(|_| poller.set_timer(until).is_ok());
        }
    }

    /// The timer ran out.
    pub(super) fn stop_timer(&mut self, poller: &Poller) {
        self.timer = None;
        // It would run on; the next settling sets it anew.
        let _ = poller.set_timer(Deadline::never());
    }

    /// The bell was heard: whatever it was for is looked at now.
    pub(super) fn heard_bell(&mut self, poller: &Poller) {
        self.rung = false;
        poller.silence();
    }

    /// Let the descriptor be readable, and who waits look again.
    pub(super) fn ring(&mut self, poller: &Poller) {
        if !std::mem::replace(&mut self.rung, true) {
            poller.ring();
        }
    }

    /// End it: the connections that there were are closed.
    pub(super) fn close(&mut self, poller: &Poller) {
        if let Some(beside) = &mut self.beside {
            beside.close(poller);
        }
        drop(self.line.close());
    }

    /// What came first in what has been read, as it is given. Where that fails, it is still there.
    fn look(&mut self) -> Result<Option<Reply>> {
        if let Some(reply) = look_at(&mut self.line, self.confirmations, &mut self.told, |_| {})? {
            return Ok(Some(reply));
        }
        match &mut self.beside {
            None => Ok(None),
            Some(beside) => beside.look(self.confirmations, &mut self.told),
        }
    }

    /// Watch what the line wants to be watched, and note what has become of its connections. What is over is closed when nothing
    /// watches it any more.
    pub(super) fn follow(&mut self, poller: &Poller) {
        while let Some(change) = self.line.take_change() {
            self.forget(poller);
            if let (Some(beside), Transition::Lost { .. }) = (&mut self.beside, &change) {
                beside.guide.is_in_doubt();
            }
            self.told.note(change);
        }
        if let Some(beside) = &mut self.beside {
            beside.follow(poller, &mut self.told);
        }
        let wanted = self.line.fd().map(|fd| (fd, self.line.wants()));
        if wanted == self.watched {
            return;
        }
        if wanted.is_none() {
            self.forget(poller);
        }
        // What cannot be watched, as a file of the caller's, is looked after now and then.
        self.watched = wanted.filter(|(fd, Wants { read, write })| poller.watch(*fd, *read, *write).is_ok());
    }

    pub(super) fn forget(&mut self, poller: &Poller) {
        if self.watched.take().is_some() {
            poller.forget();
        }
    }

    /// Whether the poller shows when the connection, where there is one, can be read.
    pub(super) fn is_watched(&self) -> bool {
        self.watched.is_some() || !self.line.is_open()
    }

    /// Look whether the connection leads to the right server, where Sentinels say which one that is.
    fn lead(&mut self, now: Instant) {
        let mut kept = Kept::new(false, 0).with_notices(true);
        self.looks_at = self.client.lead(&mut self.line, now, &mut kept);
        self.told.notices.append(&mut kept.take_notices());
    }

    /// When there is something to do, whatever the poller shows.
    pub(super) fn until(&self) -> Deadline {
        let mut until = self.line.deadline().map_or(Deadline::never(), Deadline::at);
        until = until.earlier(self.looks_at.map_or(Deadline::never(), Deadline::at));
        if let Some(beside) = &self.beside {
            until = until.earlier(beside.until());
        }
        match self.watched {
            None if self.line.is_open() || self.line.is_opening() => until.earlier(Deadline::after(SLICE)),
            _ => until,
        }
    }

    /// Silence the bell, if it was rung by this side.
    fn silence(&mut self, poller: &Poller) {
        if std::mem::take(&mut self.rung) {
            poller.silence();
        }
    }

    /// Add what has moved to the statistics.
    fn count(&mut self) {
        self.line.count_bytes();
        if let Some(beside) = &mut self.beside {
            beside.count();
        }
    }

    /// A read moved nothing. A descriptor that claims to be ready time after time, and moves nothing, is rested from.
    pub(super) fn rest_if_in_vain(&mut self, promised: bool) {
        self.vain = if promised { self.vain.saturating_add(1) } else { self.vain };
        if self.vain > VAIN_MAX {
            thread::sleep(PAUSE);
        }
    }
}

/// How long a descriptor that shows nothing of a transport of the caller's stays silent before it is worth a look.
const SLICE: Duration = Duration::from_millis(20);
/// How often a descriptor may promise something in vain, before each time costs a rest; and how long.
const VAIN_MAX: u32 = 16;
const PAUSE: Duration = Duration::from_millis(1);
