//! The connection of a subscriber, what it brought, and what becomes of it: everything that one lock guards, and that never
//! waits while it is held.

use std::time::{Duration, Instant};

use crate::client::Client;
use crate::commands::Topic;
use crate::conn::{Connection, Notice};
use crate::error::{Error, Result, Status, head};
use crate::reply::Reply;
use crate::session::{Heard, Session, Subscriptions};
use crate::transport::poller::Poller;
use crate::transport::{Awaited, Deadline};

use super::message;
use super::open::Open;

/// What a subscriber wants, and how far it has it.
pub(super) struct Line {
    pub(super) subscriptions: Subscriptions,
    link: Link,
    rules: Rules,
    /// What came first, as the wire has it.
    ready: Option<Ready>,
    /// Why there is no connection.
    lost: Option<Error>,
    /// Messages may have been missed, and nobody was told yet.
    gap: Option<Gap>,
    /// Connections that were lost since the server last confirmed or sent anything.
    tries: u32,
    /// What to tell when the lock is free.
    told: Told,
    /// The bell was rung by this side.
    rung: bool,
    /// There is more to read than one call may.
    cut: bool,
    /// When the timer runs out.
    timer: Option<Instant>,
}

/// Times and wishes of the options'.
#[derive(Default)]
pub(super) struct Rules {
    /// Silence after which the server is asked whether it is there.
    pub(super) health_ms: i64,
    /// How long its answer may take.
    pub(super) answer_ms: i64,
    /// Whether confirmations are shown.
    pub(super) confirmations: bool,
}

/// What the handle is connected to.
enum Link {
    /// Nothing yet.
    Unmade,
    /// One is on its way; then is the time to look after it again.
    Opening {
        until: Deadline,
    },
    Open(Open),
    /// There was one. When to try again.
    Lost {
        again: Instant,
    },
}

enum Ready {
    /// A message, or a confirmation.
    Message(Reply),
    Confirmation(Reply),
    Refused(Error),
}

struct Gap {
    since: Instant,
    reason: Vec<u8>,
}

/// What happened and what came unasked, for functions of the program's.
#[derive(Default)]
pub(super) struct Told {
    pub(super) notices: Vec<Notice>,
    pub(super) pushes: Vec<Reply>,
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
    /// Open a connection.
    Connect,
}

impl Line {
    pub(super) fn new(rules: Rules) -> Line {
        Line {
            subscriptions: Subscriptions::default(),
            link: Link::Unmade,
            rules,
            ready: None,
            lost: None,
            gap: None,
            tries: 0,
            told: Told::default(),
            rung: false,
            cut: false,
            timer: None,
        }
    }

    /// Whether there was no connection yet.
    pub(super) fn is_unmade(&self) -> bool {
        matches!(self.link, Link::Unmade)
    }

    /// Whether there is one now.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.link, Link::Open(_))
    }

    /// Why there is no connection now, where one was lost.
    pub(super) fn why_lost(&self) -> Option<&Error> {
        self.lost.as_ref()
    }

    /// Want names, or want them no more; and say so to the server, if there is a connection.
    pub(super) fn ask(&mut self, poller: &Poller, topic: Topic, subscribes: bool, names: &[&[u8]]) -> Result<()> {
        let Line { subscriptions, link, .. } = self;
        let mut change = |session: Option<&mut Session>| match subscribes {
            true => subscriptions.subscribe(session, topic, names),
            false => subscriptions.unsubscribe(session, topic, names),
        };
        let open = match link {
            // A conversation that has ended is found by who reads: what is wanted goes to the next one.
            Link::Open(open) if open.connection.failure().is_none() => open,
            _ => {
                let noted = change(None);
                // Who waits may have to connect now, or to look whether another still does. For what is wanted no more
                // there is nothing to do.
                if subscribes || self.is_open() {
                    self.ring(poller);
                }
                return noted;
            }
        };
        open.connection.converse(|session| change(Some(session)))?;
        // So is one that takes nothing any more.
        let _ = open.connection.hand_over_now();
        open.watch(poller);
        if open.connection.failure().is_some() {
            self.ring(poller);
        }
        Ok(())
    }

    /// What to do next. `looked`: the poller was asked since the last read, and said whether there is something to read.
    pub(super) fn step(&mut self, poller: &Poller, client: &Client, looked: &mut Option<bool>) -> Result<Todo> {
        match self.try_step(poller, looked) {
            Err(Ended::Line(error)) => {
                // A server that answers subscriptions with something else would do so for ever: who waits is told.
                let has_served = matches!(&self.link, Link::Open(open) if open.has_served);
                let is_told = error.status == Status::Protocol && !has_served && !self.subscriptions.is_settled();
                self.lose(poller, client, error.clone());
                if is_told { Err(error) } else { Ok(Todo::Again) }
            }
            Err(Ended::Call(error)) => Err(error),
            Ok(step @ (Todo::Give(_) | Todo::Again)) => Ok(step),
            // All that the bell was rung for was looked at; whoever rings from now on is heard by the wait.
            Ok(step) => {
                self.silence(poller);
                self.count(client);
                Ok(step)
            }
        }
    }

    /// Read where reading does the waiting, for so long.
    pub(super) fn read(&mut self, poller: &Poller, client: &Client, timeout_ms: i64) {
        let Link::Open(open) = &mut self.link else { return };
        if let Err(error) = open.read(timeout_ms) {
            self.lose(poller, client, error);
        }
    }

    /// A connection was opened. An error: what is wanted could not even be asked for, as where there is no memory for that.
    pub(super) fn opened(&mut self, poller: &Poller, client: &Client, connection: Box<Connection>) -> Result<()> {
        client.0.route.counters().created();
        self.told.notices.push(Notice::connected(&connection));
        let mut open = Open::new(connection);
        let asked = open.connection.converse(|session| self.subscriptions.again(session));
        let asked = asked.and_then(|()| open.connection.hand_over_now());
        open.watch(poller);
        self.link = Link::Open(open);
        self.lost = None;
        let Err(error) = asked else { return Ok(()) };
        self.lose(poller, client, error.clone());
        if error.status == Status::Memory { Err(error) } else { Ok(()) }
    }

    /// A connection is on its way, and waits for this. Until when the poller will tell.
    pub(super) fn opening(&mut self, poller: &Poller, awaited: Awaited) -> Deadline {
        let unwatched = awaited.fd.is_some_and(|fd| poller.watch(fd, awaited.read, awaited.write).is_err());
        // What cannot be watched is looked after now and then.
        let slice = if unwatched { Deadline::after(SLICE) } else { Deadline::never() };
        let until = awaited.until.earlier(slice);
        self.link = Link::Opening { until };
        until
    }

    /// No connection could be opened: try again after a rest.
    pub(super) fn refused(&mut self, poller: &Poller, error: Error, pause: Duration) {
        poller.forget();
        self.tries = self.tries.saturating_add(1);
        self.lost = Some(error);
        self.link = Link::Lost { again: Instant::now() + pause };
    }

    /// How often it was tried in vain.
    pub(super) fn tries(&self) -> u32 {
        self.tries
    }

    /// Give back a message that was taken.
    pub(super) fn put_back(&mut self, message: Reply) {
        self.ready = Some(Ready::Message(message));
    }

    /// What to tell, now that the lock is about to be let go.
    pub(super) fn take_told(&mut self) -> Told {
        std::mem::take(&mut self.told)
    }

    /// A call ends though there may be more to read.
    pub(super) fn cut_short(&mut self) {
        self.cut = true;
    }

    /// Let the descriptor be readable if the next call would not wait, and only then. `is_over`: this one gave nothing, so that a
    /// loop that is told of changes only has to hear of this one.
    pub(super) fn settle(&mut self, poller: &Poller, client: &Client, is_over: bool) {
        self.count(client);
        let found = self.find();
        let now = Instant::now();
        let ready = found.is_err() || self.has_something() || std::mem::take(&mut self.cut);
        let (ready, until) = match &mut self.link {
            Link::Unmade => (ready || !self.subscriptions.is_empty(), Deadline::never()),
            Link::Opening { until } => (ready || until.has_passed(), *until),
            Link::Lost { again } => {
                let due = !self.subscriptions.is_empty();
                let until = if due { Deadline::at(*again) } else { Deadline::never() };
                (ready || (due && *again <= now), until)
            }
            Link::Open(open) => {
                open.watch(poller);
                let hidden = open.connection.is_pending() || (open.connection.is_foreign() && !open.dry);
                let slice = if open.watched { Deadline::never() } else { Deadline::after(SLICE) };
                (ready || hidden, open.liveness(&self.rules).earlier(slice))
            }
        };
        self.rung &= !(ready && is_over);
        match ready {
            true => self.ring(poller),
            false => self.silence(poller),
        }
        // A timer that runs out too early costs one look in vain; one set anew with each message would cost a call each.
        let wanted = until.moment();
        if wanted.is_some_and(|wanted| self.timer.is_none_or(|timer| wanted < timer || timer <= now)) {
            self.timer = wanted.filter(|_| poller.set_timer(until).is_ok());
        }
    }

    /// The timer ran out.
    pub(super) fn stop_timer(&mut self, poller: &Poller) {
        self.timer = None;
        // It would run on; the next settling sets it anew.
        let _ = poller.set_timer(Deadline::never());
    }

    /// Silence the bell, if it was rung by this side.
    fn silence(&mut self, poller: &Poller) {
        if std::mem::take(&mut self.rung) {
            poller.silence();
        }
    }

    /// Add what has moved to the statistics.
    fn count(&mut self, client: &Client) {
        if let Link::Open(open) = &mut self.link {
            client.0.route.counters().moved(open.connection.traffic());
        }
    }

    /// The bell was heard: whatever it was for is looked at now.
    pub(super) fn heard_bell(&mut self, poller: &Poller) {
        self.rung = false;
        poller.silence();
    }

    /// End it: the connection that there was is closed.
    pub(super) fn close(&mut self, client: &Client) {
        self.count(client);
        if let Link::Open(_) = std::mem::replace(&mut self.link, Link::Unmade) {
            client.0.route.counters().closed(1);
        }
    }

    /// Let the descriptor be readable, and who waits look again.
    pub(super) fn ring(&mut self, poller: &Poller) {
        if !std::mem::replace(&mut self.rung, true) {
            poller.ring();
        }
    }

    fn try_step(&mut self, poller: &Poller, looked: &mut Option<bool>) -> std::result::Result<Todo, Ended> {
        // What has arrived comes first, be the connection lost meanwhile.
        let found = self.find();
        if let Some(reply) = self.take().map_err(Ended::Call)? {
            return Ok(Todo::Give(reply));
        }
        found.map_err(Ended::Line)?;
        match &mut self.link {
            Link::Opening { .. } => Ok(Todo::Connect),
            Link::Lost { again } if !self.subscriptions.is_empty() => match *again <= Instant::now() {
                true => Ok(Todo::Connect),
                false => Ok(Todo::Wait(Deadline::at(*again))),
            },
            Link::Unmade if !self.subscriptions.is_empty() => Ok(Todo::Connect),
            // Nothing can come. Whoever subscribes rings the bell.
            Link::Unmade | Link::Lost { .. } => Ok(Todo::Wait(Deadline::never())),
            Link::Open(open) => open.step(poller, &self.rules, looked).map_err(Ended::Line),
        }
    }

    /// Look for what comes first in what has been read.
    fn find(&mut self) -> Result<()> {
        let Line { subscriptions, link: Link::Open(open), ready, gap, tries, told, rules, .. } = self else {
            return Ok(());
        };
        while ready.is_none() {
            let heard = open.connection.converse(|session| match session.poll()? {
                Some(event) => subscriptions.heard(session, event).map(Some),
                None => Ok(None),
            });
            match heard? {
                None => return Ok(()),
                Some(Heard::Message(message)) => {
                    (*tries, open.has_served) = (0, true);
                    *ready = Some(Ready::Message(message));
                }
                Some(Heard::Confirmation(confirmation)) => {
                    (*tries, open.has_served) = (0, true);
                    *ready = rules.confirmations.then_some(Ready::Confirmation(confirmation));
                }
                Some(Heard::Dropped(push)) => {
                    let name = push.view().get(1).map_or(&b""[..], |name| name.text());
                    let reason = [b"the server ended the subscription to ", head(name)].concat();
                    gap.get_or_insert(Gap { since: open.heard, reason });
                    *ready = rules.confirmations.then_some(Ready::Confirmation(push));
                }
                Some(Heard::Refused(error)) => *ready = Some(Ready::Refused(error)),
                Some(Heard::NotNow(error)) => {
                    open.connection.end(error.clone());
                    return Err(error);
                }
                Some(Heard::Reply(ticket, ..)) => open.ping = open.ping.filter(|(ping, _)| *ping != ticket),
                Some(Heard::Other(push)) => told.pushes.push(push),
                Some(Heard::Nothing) => {}
            }
        }
        Ok(())
    }

    /// Whether there is something to give.
    fn has_something(&self) -> bool {
        self.ready.is_some() || self.is_gap_due()
    }

    /// A gap is told when all that is wanted is subscribed again, so that whoever looks then for what was missed misses
    /// nothing more; but in any case before the first message.
    fn is_gap_due(&self) -> bool {
        let again = matches!(self.link, Link::Open(_)) && self.subscriptions.is_settled();
        self.gap.is_some() && (again || matches!(self.ready, Some(Ready::Message(_))))
    }

    /// What is to be given now. Where that fails, it is still there.
    fn take(&mut self) -> Result<Option<Reply>> {
        let confirms = matches!(self.ready, Some(Ready::Confirmation(_) | Ready::Refused(_)));
        if let Some(gap) = self.gap.as_ref().filter(|_| !confirms && self.is_gap_due()) {
            let told = message::gap(&gap.reason, gap.since.elapsed())?;
            self.gap = None;
            return Ok(Some(told));
        }
        match self.ready.take() {
            None => Ok(None),
            Some(Ready::Refused(error)) => Err(error),
            Some(Ready::Message(push)) => self.shaped(push, Ready::Message),
            Some(Ready::Confirmation(push)) => self.shaped(push, Ready::Confirmation),
        }
    }

    /// A message as it is given. Where there is no memory for that, it is kept.
    fn shaped(&mut self, push: Reply, kept: fn(Reply) -> Ready) -> Result<Option<Reply>> {
        match message::shaped(&push) {
            Ok(shaped) => Ok(Some(shaped.unwrap_or(push))),
            Err(error) => {
                self.ready = Some(kept(push));
                Err(error)
            }
        }
    }

    fn lose(&mut self, poller: &Poller, client: &Client, error: Error) {
        self.count(client);
        let again = Instant::now() + client.0.route.retry().pause(self.tries.saturating_add(1));
        let Link::Open(mut open) = std::mem::replace(&mut self.link, Link::Lost { again }) else {
            return;
        };
        poller.forget();
        self.lost = Some(error.clone());
        open.connection.end(error.clone());
        self.tries = self.tries.saturating_add(1);
        client.0.route.counters().lost();
        self.told.notices.push(Notice::lost(&open.connection, &error));
        if !self.subscriptions.is_empty() {
            self.gap.get_or_insert(Gap { since: open.heard, reason: error.message });
        }
    }
}

/// What a step that failed has ended: the connection, or the call.
enum Ended {
    Line(Error),
    Call(Error),
}

/// How long a descriptor that shows nothing of a transport of the caller's stays silent before it is worth a look.
const SLICE: Duration = Duration::from_millis(20);
