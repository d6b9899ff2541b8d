//! Reading the map of a cluster anew without waiting: one server after another is asked, over a line that a driver steps.
#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::many::{Many, count};
use super::super::map::Server;
use super::nodes;
use super::refresh::{ASK_MS, Whom, no_view};
use super::slots::ClusterView;
use crate::commands::{Effect, Shape};
use crate::conn::{Kept, Notice};
use crate::error::{Error, Result};
use crate::line::{Came, Line, Submission, Transition, Watched};
use crate::options::Endpoint;
use crate::reply::Reply;
use crate::resp;
use crate::transport::poller::Poller;

/// A reading of the map that is under way.
pub(in crate::route) struct Inquiry {
    /// Whom to ask after the present one.
    others: VecDeque<Arc<Server>>,
    asked: Option<AskedServer>,
    /// A server that a redirect named: whether those who are asked know of it.
    named: Option<Endpoint>,
    /// The number of the map when it began, and its epoch.
    number: u64,
    epoch: u64,
    /// The best of what cannot be taken before all were asked.
    best: Option<(ClusterView, Arc<Server>)>,
    is_confirmed: bool,
    last: Option<Error>,
}

/// The server that is asked now, and what it has said so far.
struct AskedServer {
    server: Arc<Server>,
    watched: Watched<MapQuestion>,
    ends: Instant,
    info: Option<Reply>,
    slots: Option<Reply>,
    nodes: Option<Reply>,
}

/// What a server is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MapQuestion {
    Info,
    Slots,
    Nodes,
}

impl Inquiry {
    /// Ask these, in turn, and whether they know of a server that a redirect named.
    pub(in crate::route) fn new(many: &Many, whom: Whom<'_>, named: Option<Endpoint>) -> Inquiry {
        count(&many.figures.refreshes);
        let present = Arc::clone(&many.map());
        Inquiry {
            others: many.to_ask(&present, whom).into(),
            asked: None,
            named,
            number: present.number,
            epoch: present.epoch,
            best: None,
            is_confirmed: false,
            last: None,
        }
    }

    /// Go on, as far as that is possible without waiting. What it came to, when it is over.
    pub(in crate::route) fn step(
        &mut self,
        many: &Many,
        poller: &Poller,
        now: Instant,
        readable: bool,
        kept: &mut Kept,
    ) -> Option<Result<()>> {
        loop {
            let Some(asked) = &mut self.asked else {
                match self.others.pop_front() {
                    Some(server) => self.asked = Some(AskedServer::new(server, now, self.named.is_some())),
                    None => return Some(self.end(many, kept)),
                }
                continue;
            };
            let said = asked.step(poller, now, readable, kept);
            let said = match said {
                None if now < asked.ends => return None,
                None => {
                    Err(Error::new(crate::error::Status::Timeout, "it did not say in time which servers there are"))
                }
                Some(said) => said,
            };
            let server = Arc::clone(&asked.server);
            let replies = (asked.info.take(), asked.slots.take(), asked.nodes.take());
            self.disband(poller);
            let place = |error: Error| error.at(server.pool.dial().endpoint());
            match said {
                Err(error) => self.last = Some(error),
                Ok(()) => {
                    if let (Some(info), Some(slots), nodes) = replies
                        && let Err(error) = self.weigh(many, &server, (&info, &slots, nodes.as_ref()), kept)
                    {
                        match error {
                            Some(error) => self.last = Some(place(error)),
                            None => return Some(Ok(())),
                        }
                    }
                }
            }
        }
    }

    /// When it goes on whatever the poller shows.
    pub(in crate::route) fn deadline(&self) -> Option<Instant> {
        let asked = self.asked.as_ref()?;
        Some(asked.watched.line.deadline().map_or(asked.ends, |deadline| deadline.min(asked.ends)))
    }

    /// End it: nothing of it is watched any more.
    pub(in crate::route) fn disband(&mut self, poller: &Poller) {
        if let Some(mut asked) = self.asked.take() {
            asked.watched.forget(poller);
        }
    }

    /// Take what a server says, or note it. An error: it cannot be read; None: it was taken, and the inquiry is over.
    fn weigh(
        &mut self,
        many: &Many,
        server: &Arc<Server>,
        (info, slots, nodes): (&Reply, &Reply, Option<&Reply>),
        kept: &mut Kept,
    ) -> std::result::Result<(), Option<Error>> {
        let (is_well, view) = many.view(server, info, slots).map_err(Some)?;
        self.is_confirmed |= view.epoch >= self.epoch;
        let covered = view.covered();
        if is_well && view.epoch >= self.epoch && covered > 0 {
            many.taken(self.number, view, server, kept);
            self.learn(many, server, nodes);
            return Err(None);
        }
        let is_better = self.best.as_ref().is_none_or(|(best, _)| (best.epoch, best.covered()) < (view.epoch, covered));
        if covered > 0 && is_better {
            self.best = Some((view, Arc::clone(server)));
        }
        Ok(())
    }

    /// A server without slots is in no map: it has to be asked for by name.
    fn learn(&self, many: &Many, by: &Arc<Server>, nodes: Option<&Reply>) {
        let (Some(named), Some(nodes)) = (&self.named, nodes) else { return };
        if nodes::names(nodes.text(), &by.endpoint, &|announced| many.reachable(announced), named) {
            let server = many.server(named, None);
            many.change(|present| present.server_at(named).is_none().then(|| present.with_server(&server)));
        }
    }

    /// All were asked, and nobody's view could be taken at once.
    fn end(&mut self, many: &Many, kept: &mut Kept) -> Result<()> {
        match self.best.take() {
            // There was none before; or the cluster was made anew, and nobody knows of its epoch any more.
            Some((view, server)) if self.number == 0 || !self.is_confirmed => {
                many.taken(self.number, view, &server, kept);
                Ok(())
            }
            _ => Err(self.last.take().unwrap_or_else(no_view)),
        }
    }
}

impl AskedServer {
    fn new(server: Arc<Server>, now: Instant, asks_for_nodes: bool) -> AskedServer {
        let ends = now + Duration::from_millis(ASK_MS as u64);
        let mut line = Line::new(server.pool.dial().clone(), ASK_MS, Box::new(|_| Duration::ZERO));
        let questions: [(MapQuestion, &[u8]); 3] =
            [(MapQuestion::Info, b"INFO"), (MapQuestion::Slots, b"SLOTS"), (MapQuestion::Nodes, b"NODES")];
        for (question, word) in questions.into_iter().take(2 + usize::from(asks_for_nodes)) {
            let args: [&[u8]; 2] = [b"CLUSTER", word];
            // Without memory it is as silent as a server may be.
            let _ = resp::checked_room(&args).and_then(|room| {
                let submission = Submission {
                    token: question,
                    shape: Shape::KEEP,
                    room,
                    deadline: Some(ends),
                    once: true,
                    effect: Effect::None,
                };
                line.submit(&args, submission, || now)
            });
        }
        AskedServer { server, watched: Watched::new(line), ends, info: None, slots: None, nodes: None }
    }

    /// Go on. Whether it has said all, or why it does not.
    fn step(&mut self, poller: &Poller, now: Instant, readable: bool, kept: &mut Kept) -> Option<Result<()>> {
        self.watched.step(poller, now, readable);
        let mut said = None;
        while let Some(came) = self.watched.line.take(|| now) {
            match came {
                Came::Reply(MapQuestion::Info, reply) => self.info = Some(reply),
                Came::Reply(MapQuestion::Slots, reply) => self.slots = Some(reply),
                Came::Reply(MapQuestion::Nodes, reply) => self.nodes = Some(reply),
                Came::Failed(_, error) => said = Some(Err(*error)),
                _ => {}
            }
        }
        let followed = self.watched.follow(poller, |change| match change {
            Transition::Opened { notice } => kept.notice(notice),
            Transition::Lost { connection, error } => kept.notice(Notice::lost(&connection, &error)),
            Transition::Left { .. } => {}
        });
        let is_complete = self.watched.line.under_way().0 == 0 && self.info.is_some() && self.slots.is_some();
        match (followed, said) {
            (Err(error), _) => Some(Err(error)),
            (Ok(()), Some(said)) => Some(said),
            (Ok(()), None) => is_complete.then_some(Ok(())),
        }
    }
}
