//! A line as one of many: it leads where its driver says, and takes commands that were encoded before and may be given to another
//! line yet.

use std::time::Instant;

use crate::commands::Topic;
use crate::conn::Dial;
use crate::error::Result;
use crate::memory;
use crate::session::{Asked, Asker, Token};

use super::came::Adrift;
use super::held::Held;
use super::queueing::asking;
use super::subscription::Gap;
use super::{NumberedLine, Stage, Submission, Waiting};

impl NumberedLine {
    /// How it connects.
    pub fn dial(&self) -> &Dial {
        &self.dial
    }

    /// Whether there is an open connection.
    pub fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open(_))
    }

    /// Whether a connect is under way. A step may then close its descriptor.
    pub fn is_opening(&self) -> bool {
        matches!(self.stage, Stage::Opening(..))
    }

    /// Let the next connect lead there. What there is by now stays.
    pub fn head_for(&mut self, dial: Dial) {
        self.dial = dial;
    }

    /// As `Line::is_of_slots`.
    pub(super) fn is_of_slots(&mut self) {
        self.subscriptions.is_of_slots();
    }

    /// A server that is silent for a moment is asked whether it lives: another one may have taken its place by then.
    pub fn asks_soon(&mut self) {
        self.asks_soon = true;
    }

    /// The first connect is to begin at once, whatever failed before.
    pub fn hurry(&mut self) {
        (self.retry_at, self.failures) = (None, 0);
    }

    /// Accept a command that was encoded before, as `submit` does. `is_asking`: the server takes it only directly behind ASKING.
    pub(super) fn submit_encoded(
        &mut self,
        bytes: &[u8],
        submission: Submission<()>,
        is_asking: bool,
        now: Instant,
    ) -> Result<Token> {
        let Submission { shape, deadline, once, effect, .. } = submission;
        self.make_room()?;
        let asker = Asker { token: self.waiting.insert(Waiting { once, subscription: None }), deadline };
        let asked = Asked::encoded(bytes, effect, shape).by(asker);
        let queued = match &mut self.stage {
            Stage::Open(connection) if self.flow.outdated.is_none() && connection.failure().is_none() => {
                let session = connection.session_mut();
                match is_asking {
                    true => session.submit(asking()).and_then(|_| {
                        self.patience.more(1, now);
                        session.submit(asked).map(drop)
                    }),
                    false => session.submit(asked).map(drop),
                }
            }
            _ => memory::copied(bytes, "a command that waits for a connection")
                .and_then(|bytes| self.held.push_back(Held { asker, bytes, shape, asking: is_asking })),
        };
        let Err(error) = queued else { return Ok(asker.token) };
        self.waiting.take(asker.token);
        self.waiting.free(asker.token);
        if is_asking && self.is_open() {
            // No other command may stand behind that ASKING.
            self.lost(error.clone(), now);
        }
        Err(error)
    }

    /// Want these names from now on, as `ask` does, and tell a gap that began before once they are subscribed.
    pub fn ask_behind(
        &mut self,
        topic: Topic,
        names: &[&[u8]],
        gap: Option<(Instant, Vec<u8>)>,
        now: Instant,
    ) -> Result<bool> {
        let asked = self.ask(topic, true, names, || now)?;
        if let Some((since, reason)) = gap {
            let older = self.gap.take().filter(|gap| gap.since <= since);
            self.gap = Some(older.unwrap_or(Gap { since, reason }));
        }
        Ok(asked)
    }

    /// Give up all names of a topic, on a line without a connection: the names in the order of wishing, and the gap that began for
    /// them.
    pub fn take_names(&mut self, topic: Topic) -> Result<Adrift> {
        let names = self.subscriptions.take_names(topic)?;
        let gap = match self.subscriptions.is_empty() {
            true => self.gap.take().map(|gap| (gap.since, gap.reason)),
            false => self.gap.as_ref().map(|gap| (gap.since, gap.reason.clone())),
        };
        Ok(Adrift { names, said: None, gap })
    }

    /// These names are another server's. What is missed until they are subscribed there is told there.
    pub(super) fn set_adrift(&mut self, names: Vec<Vec<u8>>, said: Option<Vec<u8>>, now: Instant) -> Adrift {
        let since = self.gap.as_ref().map(|gap| (gap.since, gap.reason.clone()));
        let gap = match (&said, since) {
            (_, Some(gap)) => Some(gap),
            // Nothing was subscribed before, so nothing is missing.
            (Some(_), None) => None,
            (None, None) => {
                let name = names.first().map_or(&b""[..], Vec::as_slice);
                let reason = [b"the server ended the subscription to ", crate::error::head(name)].concat();
                Some((self.heard.unwrap_or(now), reason))
            }
        };
        if self.subscriptions.is_empty() {
            self.gap = None;
        }
        Adrift { names, said, gap }
    }
}
