//! SHUTDOWN: the server closes the connection instead of replying, so the end of the stream is the reply.

use crate::commands;
use crate::error::{Error, Result, Status};
use crate::limits::Limits;
use crate::reply::{Builder, Kind};
use crate::resp::{self, Recorder};

use super::{Event, Session, TakeReplies};

impl Session {
    /// The peer has ended the stream in order, having taken all that was handed over. True: that is what SHUTDOWN is answered
    /// with, the last command of those that were handed over, and nothing of any other answer had come.
    pub fn end_is_an_answer(&mut self) -> Result<bool> {
        if !self.is_ready() || !self.parser.is_empty() {
            return Ok(false);
        }
        match &mut self.inflight.burst {
            Some(burst) => {
                burst.ended = burst.due() == 1 && burst.outgoing().is_empty() && is_shutdown(burst.last())?;
                if !burst.ended {
                    return Ok(false);
                }
            }
            None => {
                let Some((ticket, token)) = self.inflight.shut_down() else { return Ok(false) };
                let mut builder = Builder::new();
                builder.add_integer(Kind::RREDIS_REPLY_BOOL, 1);
                let reply = builder.take()?;
                self.events.push_back(Event::Reply { ticket, token, reply });
            }
        }
        self.fail(Error::new(Status::Io, "the server has shut down, as it was told to"));
        Ok(true)
    }

    /// Give a burst its last reply, where that is the end of the stream.
    pub(super) fn take_end(&mut self, replies: &mut impl TakeReplies) -> Result<bool> {
        let Some(burst) = self.inflight.burst.as_mut().filter(|burst| burst.ended) else { return Ok(false) };
        let mut recorder = Recorder::new(Limits::default());
        recorder.boolean(true);
        replies.take(&mut recorder.frame()?, burst.answered()?)?;
        Ok(true)
    }
}

/// Whether an encoded command is SHUTDOWN, and one without a reply.
pub(super) fn is_shutdown(command: &[u8]) -> Result<bool> {
    // What is longer has more arguments, or longer ones, than any server takes.
    if command.len() > COMMAND_BYTES_MAX {
        return Ok(false);
    }
    let mut args = Vec::new();
    resp::arguments(command, &mut args)?;
    Ok(commands::is_shutdown(&args))
}

/// More than SHUTDOWN and all of its options.
const COMMAND_BYTES_MAX: usize = 128;
