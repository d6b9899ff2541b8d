//! What the caller gets of a run: every reply as its command's shape or callback has it, all in one array.
#![forbid(unsafe_code)]

use crate::client::Callbacks;
use crate::client::callbacks::failed_callback;
use crate::commands::Refusal;
use crate::error::{Error, Outcome, Result, Status, head};
use crate::limits::PIPELINE_REST_BYTES_MAX;
use crate::reply::{Builder, Kind, Reply};
use crate::resp::{Frame, Gather};

use super::plan::Plan;
use super::queue::Element;

/// The replies of a run, in the order of its commands.
#[derive(Default)]
pub(super) struct Merged {
    pub(super) gather: Gather,
    /// Which of them still have to be given their shape, when they are trees.
    pub(super) unshaped: Vec<usize>,
    /// Which command failed first.
    pub(super) failed: Option<usize>,
    /// The server takes no writes: one of its errors said so.
    pub(super) read_only: bool,
    /// What a server said first to a transaction that it refused as a whole.
    pub(super) refusal: Option<Vec<u8>>,
    /// How many replies a function of the caller's has seen, where they are shown as they come.
    pub(super) shown: usize,
}

/// What stands in the place of a reply that does not stay as it is.
pub(super) enum Replaced {
    Reply(Reply),
    /// The callback failed, with this text.
    Failed(Vec<u8>),
}

impl Merged {
    /// Nothing is there of an earlier try.
    pub(super) fn begin(&mut self) {
        self.gather.clear(usize::MAX);
        self.unshaped.clear();
        (self.failed, self.read_only, self.refusal) = (None, false, None);
    }

    /// Forget the replies; what one large batch made grow is given back.
    pub(super) fn clear(&mut self) {
        self.gather.clear(PIPELINE_REST_BYTES_MAX);
        self.unshaped = Vec::new();
    }

    /// The command with this index was answered with this error.
    pub(super) fn refused(&mut self, index: usize, error: &[u8], own_words: bool) {
        self.heed(error, own_words);
        self.failed.get_or_insert(index);
    }

    /// A transaction was refused as a whole with this error.
    pub(super) fn refused_whole(&mut self, error: &[u8]) {
        let cause = error.strip_prefix(DISCARDED).unwrap_or(error);
        self.refusal.get_or_insert_with(|| head(cause).to_vec());
    }

    /// What an error says of the server.
    pub(super) fn heed(&mut self, error: &[u8], own_words: bool) {
        self.read_only |= Refusal::of(error, own_words).is_some_and(Refusal::ends_connection);
    }

    /// The reply with this index is to be given its shape later.
    pub(super) fn leave(&mut self, index: usize) -> Result<()> {
        self.unshaped.try_reserve(1).map_err(|_| Error::memory("the replies"))?;
        self.unshaped.push(index);
        Ok(())
    }

    /// The replies one by one, beside what else is merged.
    pub(super) fn each(&mut self, mut show: impl FnMut(&mut Merged, usize, Frame<'_>) -> Result<()>) -> Result<()> {
        let mut gather = std::mem::take(&mut self.gather);
        let shown = gather.each(|index, frame| show(self, index, frame));
        self.gather = gather;
        shown
    }

    /// Whether a transaction that failed so was refused because the server takes no writes: nothing of it ran.
    pub(super) fn is_refused_by_a_replica(&self, error: &Error) -> bool {
        self.read_only && error.status == Status::Aborted
    }

    /// The replies as one array. The connection has gone back.
    pub(super) fn finish(&mut self, plan: &Plan) -> Result<Reply> {
        let made = self.change(plan).and_then(|()| Reply::build(self.gather.frame()?));
        made.map_err(|error| error.with_outcome(Outcome::Ran))
    }

    fn change(&mut self, plan: &Plan) -> Result<()> {
        if plan.callbacks.is_none() && self.unshaped.is_empty() {
            return Ok(());
        }
        let changes = changes(plan, &mut self.gather, &self.unshaped)?;
        let failed = changes.iter().find(|(_, change)| matches!(change, Replaced::Failed(_))).map(|(index, _)| *index);
        self.failed = [self.failed, failed].into_iter().flatten().min();
        if !changes.is_empty() {
            self.replace(changes)?;
        }
        Ok(())
    }

    /// The same replies, with what was changed in its place.
    pub(super) fn replace(&mut self, changes: Vec<(usize, Replaced)>) -> Result<()> {
        let mut made = Gather::new();
        let mut changes = changes.into_iter().peekable();
        let mut builder = Builder::for_copies();
        self.gather.each(|index, mut frame| {
            let Some((_, change)) = changes.next_if(|(place, _)| *place == index) else {
                return made.take(&mut frame);
            };
            builder.clear();
            change.add_to(&mut builder);
            made.take(&mut builder.frame()?)
        })?;
        self.gather = made;
        Ok(())
    }
}

impl Replaced {
    fn add_to(&self, builder: &mut Builder) {
        match self {
            Replaced::Reply(reply) => builder.add_part(reply, reply.view()),
            Replaced::Failed(text) => {
                builder.add_text(Kind::RREDIS_REPLY_ERROR, text);
            }
        }
    }

    /// As a reply of its own.
    pub(super) fn into_reply(self) -> Result<Reply> {
        match self {
            Replaced::Reply(reply) => Ok(reply),
            failed => {
                let mut builder = Builder::for_copies();
                failed.add_to(&mut builder);
                builder.take()
            }
        }
    }
}

/// What these replies become, where they do not stay as they are.
fn changes(plan: &Plan, gather: &mut Gather, unshaped: &[usize]) -> Result<Vec<(usize, Replaced)>> {
    let queue = &plan.queue;
    let mut changes = Vec::new();
    let mut args = Vec::new();
    let mut unshaped = unshaped.iter().peekable();
    gather.each(|index, frame| {
        let is_unshaped = unshaped.next_if_eq(&&index).is_some();
        let Some(command) = queue.commands.get(index).filter(|_| !frame.is_error()) else { return Ok(()) };
        let change = match plan.callbacks.as_deref().filter(|_| command.called) {
            Some(callbacks) => {
                queue.args_of(index, &mut args)?;
                called_back(callbacks, command, &args, &Reply::build(frame)?)
            }
            None if is_unshaped => command.shape.reshape(&Reply::build(frame)?)?.map(Replaced::Reply),
            None => None,
        };
        if let Some(change) = change {
            changes.try_reserve(1).map_err(|_| Error::memory("the replies"))?;
            changes.push((index, change));
        }
        Ok(())
    })?;
    Ok(changes)
}

/// What a command's callback makes of its reply. None: it stays as it is.
pub(super) fn called_back(callbacks: &Callbacks, command: &Element, args: &[&[u8]], reply: &Reply) -> Option<Replaced> {
    match callbacks.find(args)?.call(command.call_data, args, reply) {
        Ok(made) => made.map(Replaced::Reply),
        Err(error) => Some(Replaced::Failed(failed_callback(&error))),
    }
}

pub(super) fn error_of<'f>(frame: &'f Frame<'_>) -> &'f [u8] {
    frame.root().1.map_or(&[], |root| frame.text_of(root))
}

/// What stands before the cause where EXEC names it.
const DISCARDED: &[u8] = b"EXECABORT Transaction discarded because of: ";

#[cfg(test)]
mod tests;
