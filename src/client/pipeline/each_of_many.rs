//! A run over many servers whose replies are shown one by one, in the order of their commands. So many commands go over at a
//! time that no more replies than theirs are held. They are fewer where they are long, and where the replies before them were.
#![forbid(unsafe_code)]

use crate::client::Client;
use crate::error::{Error, Outcome, Result};
use crate::reply::Reply;
use crate::route::Tries;

use super::batch::Batch;
use super::each::Show;
use super::merge::{Replaced, called_back};
use super::time::Time;

impl Batch {
    /// Send all of it, some at a time, and show each reply.
    pub(super) fn each_over_many(
        &mut self,
        client: &Client,
        tries: &mut Tries,
        time: &mut Time,
        show: &mut Show<'_>,
    ) -> Result<()> {
        let count = self.plan.len();
        let (mut failed, mut first, mut most) = (None, 0, AT_ONCE);
        while first < count {
            *tries = Tries::default();
            let end = self.plan.sent().end_of_window(first, most, BYTES);
            let came = self.over_many(client, first..end, tries, time);
            failed = failed.or(self.merged.failed);
            most = next_most(end - first, self.merged.gather.bytes());
            let shown = came.and_then(|()| self.show_some(first, &mut failed, show));
            self.merged.failed = failed;
            shown?;
            first = end;
        }
        Ok(())
    }

    /// Show the replies that have come, of which the first is that of the command with the index `first`.
    fn show_some(&mut self, first: usize, failed: &mut Option<usize>, show: &mut Show<'_>) -> Result<()> {
        let Batch { plan, merged, .. } = self;
        let count = plan.len();
        let unshaped = std::mem::take(&mut merged.unshaped);
        let mut unshaped = unshaped.iter().peekable();
        let mut args = Vec::new();
        let mut shown = 0;
        let done = merged.gather.each(|place, frame| {
            let index = first + place;
            let (is_error, is_unshaped) = (frame.is_error(), unshaped.next_if_eq(&&place).is_some());
            let command = &plan.queue.commands[index];
            let mut reply = Reply::build(frame)?;
            if is_unshaped {
                reply = command.shape.reshape(&reply)?.unwrap_or(reply);
            }
            if let Some(callbacks) = plan.callbacks.as_deref().filter(|_| command.called && !is_error) {
                plan.queue.args_of(index, &mut args)?;
                if let Some(replaced) = called_back(callbacks, command, &args, &reply) {
                    if matches!(replaced, Replaced::Failed(_)) {
                        *failed = Some(failed.map_or(index, |failed| failed.min(index)));
                    }
                    reply = replaced.into_reply()?;
                }
            }
            shown = index + 1;
            show(index, &reply)
        });
        done.map_err(|error: Error| {
            let outcome = if shown == count { Outcome::Ran } else { Outcome::Unknown };
            error.with_outcome(outcome)
        })
    }
}

/// How many commands may go over next, after so many whose replies took so many bytes.
fn next_most(count: usize, bytes: usize) -> usize {
    let fit = (count as u64).saturating_mul(BYTES as u64) / bytes.max(1) as u64;
    usize::try_from(fit).unwrap_or(usize::MAX).clamp(1, AT_ONCE)
}

/// Commands that go over at a time.
const AT_ONCE: usize = 256;
/// Bytes of commands that go over at a time, and of replies that are expected at a time.
const BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_replies_make_the_next_ones_few() {
        assert_eq!((next_most(256, 0), next_most(256, BYTES), next_most(1, 1000)), (256, 256, 256));
        assert_eq!((next_most(256, 2 * BYTES), next_most(256, 300 * BYTES), next_most(1, 2 * BYTES)), (128, 1, 1));
        assert_eq!(next_most(4, BYTES / 2), 8);
    }
}
