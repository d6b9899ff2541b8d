//! Which replica a command that only reads is sent to.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::options::{Options, ReadFrom};
use crate::stats::Stat;

use super::many::Many;
use super::map::{Server, Shard};
use super::retry::random;

/// Which servers a client reads from.
pub(super) struct Reads {
    from: ReadFrom,
    zone: Option<Vec<u8>>,
}

/// The server that a read is sent to.
pub(super) enum ReadServer {
    /// This replica.
    Replica(Arc<Server>),
    /// The primary.
    Primary,
    /// There is no replica that can be used, and only a replica will do.
    Nobody,
}

impl Reads {
    /// As these options say. None: from primaries alone.
    pub(super) fn new(options: &Options) -> Option<Reads> {
        let from = options.read_from();
        (from != ReadFrom::Primary).then(|| Reads { from, zone: options.zone().map(<[u8]>::to_vec) })
    }

    /// The server of this shard that is read from now: of two that are drawn, the one that can be expected to answer first.
    pub(super) fn of(&self, many: &Many, shard: &Arc<Shard>) -> ReadServer {
        let now = many.clock_ms();
        let may = |server: &&Arc<Server>| server.may_be_read_from(now);
        let usable: Vec<&Arc<Server>> = shard.replicas.iter().filter(may).collect();
        let near = || usable.iter().copied().filter(|server| server.zone == self.zone).collect::<Vec<_>>();
        let drawn = match self.from {
            ReadFrom::Primary => return ReadServer::Primary,
            ReadFrom::Any if random().is_multiple_of(usable.len() as u64 + 1) => return ReadServer::Primary,
            ReadFrom::Zone => draw(&near()).or_else(|| draw(&usable)),
            ReadFrom::Any | ReadFrom::Replica | ReadFrom::PreferReplica => draw(&usable),
        };
        match drawn {
            Some(server) => ReadServer::Replica(server),
            None if self.from == ReadFrom::Replica => ReadServer::Nobody,
            None => ReadServer::Primary,
        }
    }
}

impl Many {
    /// A replica failed a read: it is not asked for a while.
    pub(super) fn rest(&self, server: &Server) {
        server.rest_from(self.clock_ms());
    }
}

fn draw(servers: &[&Arc<Server>]) -> Option<Arc<Server>> {
    let one = || servers.get((random() % servers.len().max(1) as u64) as usize).copied();
    let waits = |server: &Arc<Server>| {
        let busy = server.reads.stat(Stat::ConnectionsInUse).unwrap_or(0) as u64;
        // One that nobody has read from yet is tried.
        (busy + 1).saturating_mul(server.answers_in_us.load(Ordering::Relaxed))
    };
    let (first, second) = (one()?, one()?);
    Some(Arc::clone(if waits(second) < waits(first) { second } else { first }))
}

impl Server {
    fn may_be_read_from(&self, now_ms: u64) -> bool {
        self.rests_until_ms.load(Ordering::Relaxed) <= now_ms
    }

    fn rest_from(&self, now_ms: u64) {
        self.rests_until_ms.store(now_ms + REST_MS, Ordering::Relaxed);
    }

    /// It has answered a read as a replica, after so long. What counts is the mean, of which the last eighth is new.
    pub(super) fn answered_in(&self, time: Duration) {
        let took = u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1);
        let mean = match self.answers_in_us.load(Ordering::Relaxed) {
            0 => took,
            before => before - before / 8 + took / 8,
        };
        self.answers_in_us.store(mean, Ordering::Relaxed);
    }
}

/// How long a replica that failed a read is not asked.
const REST_MS: u64 = 1000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conn::Dial;
    use crate::options::Endpoint;

    fn server() -> Arc<Server> {
        let many = Many::new(Dial::new(Options::new(), None, None).unwrap(), super::super::overdue::of_cluster);
        many.server(&Endpoint::Tcp { host: "h".to_owned(), port: 1 }, None)
    }

    #[test]
    fn a_replica_that_failed_is_not_read_from_for_so_long() {
        let server = server();
        assert!(server.may_be_read_from(0), "it has not failed");
        server.rest_from(500);
        assert!(!server.may_be_read_from(500) && !server.may_be_read_from(1499));
        assert!(server.may_be_read_from(1500));
    }

    #[test]
    fn what_a_replica_answers_in_is_a_mean_of_which_the_last_is_an_eighth() {
        let server = server();
        let answered = |us| {
            server.answered_in(Duration::from_micros(us));
            server.answers_in_us.load(Ordering::Relaxed)
        };
        assert_eq!((answered(800), answered(800), answered(1600), answered(0)), (800, 800, 900, 788));
    }
}
