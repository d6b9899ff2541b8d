//! A server of a cluster that does not answer: whether another one has taken its place is found out beside the wait for it.
#![forbid(unsafe_code)]

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::conn::{Kept, Lookout};
use crate::error::{Error, Result, Status};
use crate::options::Endpoint;
use crate::transport::Deadline;

use super::many::Many;
use super::map::{Server, Shard};
use super::scout;

/// Who looks out for calls that wait for a server of this cluster.
pub(super) fn of_cluster(many: Weak<Many>) -> Arc<dyn Lookout> {
    Arc::new(OfCluster(many))
}

/// Looks out for calls that wait for a server of a cluster.
struct OfCluster(Weak<Many>);

impl Lookout for OfCluster {
    /// One caller asks the replicas, where it is time to; the others look at the map.
    fn look(&self, place: &Endpoint, waited: Duration, deadline: Deadline) -> Result<()> {
        let Some(many) = self.0.upgrade().filter(|_| !deadline.has_passed()) else { return Ok(()) };
        let shard = match many.due(place, waited) {
            Overdue::Waits => return Ok(()),
            Overdue::IsOver => return Err(replaced()),
            Overdue::Asks(shard) => shard,
        };
        let mut kept = Kept::new(false, 0);
        let deadline = deadline.earlier(Deadline::after_ms(PATIENCE_MS));
        match scout::look_for_promoted(&many, Some(&shard), PATIENCE_MS, deadline, &mut kept)? {
            true => Err(replaced()),
            false => Ok(()),
        }
    }
}

/// What a caller does that has waited for a server.
pub(super) enum Overdue {
    /// It waits on.
    Waits,
    /// It asks the replicas of this shard whether one of them is the primary by now.
    Asks(Arc<Shard>),
    /// Another server has taken the place of this one: it waits no longer.
    IsOver,
}

impl Many {
    /// What a caller does to which nothing has come from the server at this place for so long.
    pub(super) fn due(&self, place: &Endpoint, waited: Duration) -> Overdue {
        if waited < OVERDUE {
            return Overdue::Waits;
        }
        let map = self.map();
        let Some(shard) = map.shards().iter().find(|shard| shard.primary.endpoint == *place) else {
            // A replica that is read from, or a server without slots, answers in its own time.
            let began_ms = self.clock_ms().saturating_sub(waited.as_millis() as u64 + ON_THE_WAY_MS);
            let demoted_ms = map.demoted_ms(place);
            return if demoted_ms > 0 && demoted_ms >= began_ms { Overdue::IsOver } else { Overdue::Waits };
        };
        match self.begins_to_ask_about(&shard.primary, self.clock_ms()) {
            true => Overdue::Asks(Arc::clone(shard)),
            false => Overdue::Waits,
        }
    }

    /// Whether the caller is the one that asks about this server now.
    fn begins_to_ask_about(&self, server: &Server, now: u64) -> bool {
        let asked = &server.asked_about_ms;
        let last = asked.load(Ordering::Relaxed);
        let is_due = now.saturating_sub(last) >= BETWEEN_MS;
        is_due && asked.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// Why nobody waits any more.
pub(super) fn replaced() -> Error {
    Error::new(Status::Io, "read: another server has taken the place of this one, which does not answer")
}

/// How long a reply may take before somebody asks about its server.
pub(super) const OVERDUE: Duration = Duration::from_millis(450);
/// How long before its wait is measured a caller may have chosen its server.
const ON_THE_WAY_MS: u64 = 100;
/// Between two times that somebody asks.
pub(super) const BETWEEN_MS: u64 = 250;
/// How long each replica may take.
pub(super) const PATIENCE_MS: i64 = 250;

#[cfg(test)]
mod tests {
    use super::super::map::Map;
    use super::*;
    use crate::commands::SLOTS;
    use crate::conn::Dial;
    use crate::options::Options;

    fn place(port: u16) -> Endpoint {
        Endpoint::Tcp { host: "h".to_owned(), port }
    }

    /// A shard of one server.
    fn of_one() -> Arc<Many> {
        let many = Many::new(Dial::new(Options::new(), None, None).unwrap(), of_cluster);
        let server = many.server(&place(1), None);
        let shard = || Shard { primary: Arc::clone(&server), replicas: Vec::new(), gate: Arc::default() };
        many.change(|_| Some(Map::none().read(0, 1, None, vec![shard()], [(0, 0, SLOTS - 1)].into_iter())));
        many
    }

    #[test]
    fn a_server_is_asked_about_after_so_much_silence_and_by_one_caller() {
        let many = of_one();
        let due = |waited| many.due(&place(1), Duration::from_millis(waited));
        // Nobody has waited for longer than it is known.
        std::thread::sleep(OVERDUE);
        assert!(matches!(due(449), Overdue::Waits));
        assert!(matches!(due(450), Overdue::Asks(_)));
        assert!(matches!(due(60_000), Overdue::Waits), "somebody asks already");
        assert!(matches!(many.due(&place(2), Duration::from_millis(450)), Overdue::Waits), "nobody has replaced it");
    }

    /// A call that is over does not go on to ask.
    #[test]
    fn nobody_asks_beyond_the_end_of_the_call() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        silent.set_nonblocking(true).unwrap();
        let many = Many::new(Dial::new(Options::new(), None, None).unwrap(), of_cluster);
        let here = Endpoint::Tcp { host: "127.0.0.1".to_owned(), port: silent.local_addr().unwrap().port() };
        let (primary, replica) = (many.server(&place(1), None), many.server(&here, None));
        let shard =
            || Shard { primary: Arc::clone(&primary), replicas: vec![Arc::clone(&replica)], gate: Arc::default() };
        many.change(|_| Some(Map::none().read(0, 1, None, vec![shard()], [(0, 0, SLOTS - 1)].into_iter())));
        std::thread::sleep(OVERDUE);
        let look = |deadline| of_cluster(Arc::downgrade(&many)).look(&place(1), OVERDUE, deadline);
        assert!(look(Deadline::after_ms(0)).is_ok() && silent.accept().is_err());
        std::thread::sleep(Duration::from_millis(BETWEEN_MS));
        assert!(look(Deadline::after_ms(20)).is_ok() && silent.accept().is_ok(), "there is time to ask");
    }

    #[test]
    fn a_server_is_asked_about_once_in_so_long() {
        let many = of_one();
        let server = many.server(&place(1), None);
        let begins_at = |now| many.begins_to_ask_about(&server, now);
        assert!(!begins_at(249) && begins_at(250), "not in the first moment that it is known");
        assert!(!begins_at(250) && !begins_at(499));
        assert!(begins_at(500) && !begins_at(500));
    }
}
