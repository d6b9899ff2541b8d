//! What a line of a subscriber brings: messages in the shape that is given, and what is to be told of its connections.

use std::convert::Infallible;
use std::time::Instant;

use crate::client::Client;
use crate::conn::{Connection, Dial, Notice};
use crate::error::Result;
use crate::line::{Adrift, Came, Line, Transition};
use crate::reply::Reply;
use crate::transport::Deadline;

use super::message;

/// What happened and what came unasked, for functions of the program's; and connections that are over, to be closed.
#[derive(Default)]
pub(super) struct News {
    pub(super) notices: Vec<Notice>,
    pub(super) pushes: Vec<Reply>,
    pub(super) over: Vec<Connection>,
}

/// What a try to open a connection came to.
pub(super) enum Connecting {
    /// It waits, until then or for what the poller shows.
    Waits(Deadline),
    /// There is one, or something to tell.
    Moved,
    /// There is none, for now.
    Failed,
}

impl News {
    /// What has become of a connection.
    pub(super) fn note(&mut self, change: Transition) {
        match change {
            Transition::Opened { notice } => self.notices.push(notice),
            Transition::Lost { connection, error } => {
                self.notices.push(Notice::lost(&connection, &error));
                self.over.push(*connection);
            }
            Transition::Left { connection } => self.over.push(*connection),
        }
    }
}

/// A line on which nothing but subscriptions are asked for.
pub(super) fn line_to(client: &Client, dial: Dial) -> Line<Infallible> {
    let pauses = client.clone();
    let pause = move |failures: u32| pauses.0.route.retry().pause(failures.saturating_add(1));
    Line::alone(dial, client.0.often.command_timeout_ms, Box::new(pause))
}

/// What came first in what a line has read, as it is given. Where that fails, it is still there. Names that another server has
/// are given to `adrift`.
pub(super) fn look_at(
    line: &mut Line<Infallible>,
    confirmations: bool,
    told: &mut News,
    mut adrift: impl FnMut(Adrift),
) -> Result<Option<Reply>> {
    while let Some(came) = line.take_read(Instant::now) {
        let shaped = match &came {
            Came::Message(push) => message::shaped(push),
            Came::Confirmation(push) if confirmations => message::shaped(push),
            Came::Gap { reason, lasted } => message::gap(reason, *lasted).map(Some),
            _ => Ok(None),
        };
        match (shaped, came) {
            (Err(error), came) => {
                line.give_back(came);
                return Err(error);
            }
            (Ok(Some(shaped)), _) => return Ok(Some(shaped)),
            (Ok(None), Came::Message(push)) => return Ok(Some(push)),
            (Ok(None), Came::Confirmation(push)) if confirmations => return Ok(Some(push)),
            (Ok(None), Came::Push(push)) => told.pushes.push(push),
            (Ok(None), Came::Refused(error)) => return Err(*error),
            (Ok(None), Came::Adrift(names)) => adrift(names),
            (Ok(None), _) => {}
        }
    }
    Ok(None)
}
