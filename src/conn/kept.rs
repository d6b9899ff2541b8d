//! Pushes and notices that arrive during a call, kept until the connection is returned and callbacks may be called.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::error::{Error, Result, Status};
use crate::reply::Reply;
use crate::session::Event;

use super::connection::Connection;

/// What happened that somebody may want to be told of, once the connection has gone back.
#[derive(Clone, Debug)]
pub enum Notice {
    /// A connection was opened.
    Connected {
        /// Where to.
        endpoint: Arc<str>,
        /// Its number.
        id: u64,
    },
    /// A connection was lost.
    Lost {
        /// Where it led to.
        endpoint: Arc<str>,
        /// Its number.
        id: u64,
        /// Why.
        error: Error,
    },
    /// A command will be tried again.
    Retry {
        /// Its name.
        command: Vec<u8>,
        /// How often it was tried.
        attempts: u32,
        /// How long the next try waits.
        wait_ms: i64,
        /// Why the last one failed.
        error: Error,
    },
    /// Nobody gave a connection back in time.
    Busy {
        /// Connections in use.
        in_use: i64,
        /// Connections at the most.
        max: i64,
        /// How long was waited.
        waited_ms: i64,
    },
    /// Which servers there are, and which has which slot, was read anew.
    Topology {
        /// The servers.
        servers: i64,
        /// The slots that nobody has.
        unowned: i64,
    },
    /// A replica was found to have become the primary.
    Failover {
        /// The old primary.
        from: Arc<str>,
        /// The new one.
        to: Arc<str>,
        /// For how long there was none.
        without_ms: i64,
    },
}

/// What came unasked, or before it was asked for, in order: kept until somebody may see it, and bounded.
pub struct Kept {
    events: VecDeque<Event>,
    /// None where nobody wants to be told.
    notices: Option<Vec<Notice>>,
    /// What the pushes among them cost.
    bytes: u64,
    bytes_max: u64,
    wanted: bool,
}

impl Notice {
    /// A connection was opened.
    pub fn connected(connection: &Connection) -> Notice {
        Notice::Connected { endpoint: Arc::clone(connection.dial.endpoint()), id: connection.id() }
    }

    /// A connection was lost.
    pub fn lost(connection: &Connection, error: &Error) -> Notice {
        Notice::Lost { endpoint: Arc::clone(connection.dial.endpoint()), id: connection.id(), error: error.clone() }
    }
}

impl Kept {
    /// Keep pushes of up to so many bytes; or nothing at all, when nobody wants to see it.
    pub fn new(wanted: bool, bytes_max: u64) -> Kept {
        Kept { events: VecDeque::new(), notices: None, bytes: 0, bytes_max, wanted }
    }

    /// Keep notices too, if somebody wants to be told.
    pub fn with_notices(mut self, wanted: bool) -> Kept {
        self.notices = wanted.then(Vec::new);
        self
    }

    /// Something happened.
    pub fn notice(&mut self, notice: Notice) {
        if let Some(notices) = &mut self.notices {
            notices.push(notice);
        }
    }

    /// What happened since this was last asked.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        self.notices.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The oldest that was kept.
    pub fn take(&mut self) -> Option<Reply> {
        let event = self.events.pop_front()?;
        self.bytes -= cost(&event);
        Some(event.into_reply())
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    pub(super) fn keep(&mut self, event: Event) -> Result<()> {
        if !self.wanted {
            return Ok(());
        }
        let bytes = self.bytes + cost(&event);
        if bytes > self.bytes_max {
            let text = format!("what came unasked is more than push_bytes_max, {} bytes", self.bytes_max);
            return Err(Error::new(Status::Limit, text));
        }
        self.events.try_reserve(1).map_err(|_| Error::memory("what came unasked"))?;
        self.bytes = bytes;
        self.events.push_back(event);
        Ok(())
    }
}

/// What a push counts for: its bytes on the wire, but no less than a part of the memory that it takes, or a flood of the
/// smallest would take many times what the limit says. Replies were asked for, and are bounded one by one.
fn cost(event: &Event) -> u64 {
    match event {
        Event::Reply { .. } => 0,
        Event::Push { push, wire_len, .. } => (*wire_len).max(push.size() / 4).max(SMALLEST) as u64,
    }
}

/// The least that a push counts for, in bytes: what it takes to keep it, whatever is in it.
const SMALLEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::{Builder, Kind};
    use crate::session::NOBODY;

    /// A push of so many elements, which came in so many bytes.
    fn push(elements: usize, wire_len: usize) -> Event {
        let mut builder = Builder::new();
        builder.open(Kind::RREDIS_REPLY_PUSH);
        (0..elements).for_each(|number| builder.add_integer(Kind::RREDIS_REPLY_INTEGER, number as i64));
        builder.end();
        Event::Push { push: builder.take().unwrap(), wire_len, ends: None }
    }

    fn holds(bytes_max: u64, event: impl Fn() -> Event) -> usize {
        let mut kept = Kept::new(true, bytes_max);
        let held = (0..100).take_while(|_| kept.keep(event()).is_ok()).count();
        assert_eq!(kept.keep(event()).unwrap_err().status, Status::Limit);
        held
    }

    #[test]
    fn as_much_is_kept_as_the_limit_says_and_not_a_byte_more() {
        assert_eq!(holds(1000, || push(1, 500)), 2);
        assert_eq!(holds(999, || push(1, 500)), 1);
    }

    #[test]
    fn a_flood_of_the_smallest_takes_no_more_memory_than_a_few_large_ones() {
        assert_eq!(holds(128, || push(1, 10)), 2);
        // What is short on the wire and large in memory counts for a part of that.
        let Event::Push { push: reply, .. } = push(1000, 0) else { unreachable!() };
        assert_eq!(holds(reply.size() as u64 / 4 * 2, || push(1000, 1000)), 2);
        assert_eq!(holds(reply.size() as u64 / 4 * 2 - 1, || push(1000, 1000)), 1);
    }

    #[test]
    fn what_was_shown_makes_room_for_as_much() {
        let mut kept = Kept::new(true, 1000);
        for _ in 0..10 {
            kept.keep(push(1, 500)).unwrap();
            kept.keep(push(2, 500)).unwrap();
            assert!(kept.keep(push(3, 500)).is_err());
            assert_eq!(kept.take().unwrap().view().len(), 1, "the oldest first");
            assert!(!kept.is_empty());
            assert_eq!(kept.take().unwrap().view().len(), 2);
            assert!(kept.is_empty() && kept.take().is_none());
        }
    }

    #[test]
    fn replies_were_asked_for_and_count_for_nothing() {
        let mut kept = Kept::new(true, 0);
        let Event::Push { push: reply, .. } = push(100, 0) else { unreachable!() };
        kept.keep(Event::Reply { ticket: 1, token: NOBODY, reply }).unwrap();
        assert_eq!(kept.take().unwrap().view().len(), 100);
    }

    #[test]
    fn what_nobody_wants_is_not_kept_however_much_comes() {
        let mut kept = Kept::new(false, 1);
        (0..100).for_each(|_| kept.keep(push(1, 500)).unwrap());
        assert!(kept.is_empty() && kept.take().is_none());
        kept.notice(Notice::Connected { endpoint: "h:1".into(), id: 1 });
        assert!(kept.take_notices().is_empty());
        let mut kept = kept.with_notices(true);
        kept.notice(Notice::Connected { endpoint: "h:1".into(), id: 1 });
        assert_eq!(kept.take_notices().len(), 1);
        assert!(kept.take_notices().is_empty(), "each is told once");
    }
}
