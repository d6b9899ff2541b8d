//! What the caller gets of a run: every reply as its command's shape or callback has it, all in one array.
#![forbid(unsafe_code)]

use crate::client::callbacks::{Callbacks, failed_callback};
use crate::error::{Error, Outcome, Result};
use crate::reply::{Builder, Kind, Reply};
use crate::resp::Gather;

use super::queue::{Queue, Queued};
use super::run::Run;

/// What became of a reply that does not stay as it is.
pub(super) enum Change {
    Reply(Reply),
    /// The callback failed, with this text.
    Failed(Vec<u8>),
}

impl Run {
    /// The replies as one array. The connection has gone back.
    pub(super) fn finish(&mut self) -> Result<Reply> {
        let made = self.change().and_then(|()| Reply::build(self.gather.frame()?));
        made.map_err(|error| error.with_outcome(Outcome::Ran))
    }

    fn change(&mut self) -> Result<()> {
        if self.callbacks.is_none() && self.unshaped.is_empty() {
            return Ok(());
        }
        let changes = changes(&self.queue, &mut self.gather, self.callbacks.as_deref(), &self.unshaped)?;
        let failed = changes.iter().find(|(_, change)| matches!(change, Change::Failed(_))).map(|(index, _)| *index);
        self.failed = [self.failed, failed].into_iter().flatten().min();
        if !changes.is_empty() {
            self.gather = rebuilt(&mut self.gather, changes)?;
        }
        Ok(())
    }
}

/// What these replies become, where they do not stay as they are.
fn changes(
    queue: &Queue,
    gather: &mut Gather,
    callbacks: Option<&Callbacks>,
    unshaped: &[usize],
) -> Result<Vec<(usize, Change)>> {
    let mut changes = Vec::new();
    let mut args = Vec::new();
    let mut unshaped = unshaped.iter().peekable();
    gather.each(|index, frame| {
        let is_unshaped = unshaped.next_if_eq(&&index).is_some();
        let Some(command) = queue.commands.get(index).filter(|_| !frame.is_error()) else { return Ok(()) };
        let change = match callbacks.filter(|_| command.called) {
            Some(callbacks) => {
                queue.args_of(index, &mut args)?;
                called_back(callbacks, command, &args, &Reply::build(frame)?)
            }
            None if is_unshaped => command.shape.reshape(&Reply::build(frame)?)?.map(Change::Reply),
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

fn called_back(callbacks: &Callbacks, command: &Queued, args: &[&[u8]], reply: &Reply) -> Option<Change> {
    match callbacks.find(args)?.call(command.call_data, args, reply) {
        Ok(made) => made.map(Change::Reply),
        Err(error) => Some(Change::Failed(failed_callback(&error))),
    }
}

/// The same replies, with what was changed in its place.
pub(super) fn rebuilt(gather: &mut Gather, changes: Vec<(usize, Change)>) -> Result<Gather> {
    let mut made = Gather::new();
    let mut changes = changes.into_iter().peekable();
    let mut builder = Builder::for_copies();
    gather.each(|index, mut frame| {
        let Some((_, change)) = changes.next_if(|(place, _)| *place == index) else {
            return made.take(&mut frame);
        };
        builder.clear();
        match change {
            Change::Reply(reply) => builder.add_part(&reply, reply.view()),
            Change::Failed(text) => {
                builder.add_text(Kind::RREDIS_REPLY_ERROR, &text);
            }
        }
        made.take(&mut builder.frame()?)
    })?;
    Ok(made)
}
