//! Servers that keys are on their way to, and that could not be connected to. Their slot's owner names them again and again, and no gate
//! keeps its callers away from them: so one caller at a time finds out whether such a server is back.
#![forbid(unsafe_code)]

use std::sync::atomic::Ordering;

use crate::error::{Error, Outcome, Status};

use super::many::Many;
use super::map::Server;
use super::tries::Tried;

impl Many {
    /// A try on this server: where an ASK named it, not while it is missed.
    pub(super) fn unless_missed<T>(
        &self,
        server: &Server,
        asking: bool,
        try_it: impl FnOnce() -> Result<T, Tried>,
    ) -> Result<T, Tried> {
        if !asking {
            return try_it();
        }
        if let Some(error) = self.why_missed(server) {
            return Err(Tried { error, rested: false });
        }
        let tried = try_it();
        let failed = tried.as_ref().err().filter(|tried| !tried.rested);
        self.asked(server, failed.map(|tried| &tried.error));
        tried
    }

    /// Why this server, which an ASK named, is not tried now. None: it is.
    pub(super) fn why_missed(&self, server: &Server) -> Option<Error> {
        if !server.is_missed(self.clock_ms()) {
            return None;
        }
        let error = Error::new(Status::Connect, "it could not be connected to a moment ago");
        Some(error.at(server.pool.dial().endpoint()).with_outcome(Outcome::NotSent))
    }

    /// Whether somebody has just missed this server.
    pub(super) fn has_missed(&self, server: &Server) -> bool {
        server.missed_until_ms.load(Ordering::Relaxed) != 0
    }

    /// A server that an ASK named was tried.
    pub(super) fn asked(&self, server: &Server, failed: Option<&Error>) {
        let is_missed = failed.is_some_and(|error| {
            error.outcome == Outcome::NotSent && matches!(error.status, Status::Connect | Status::Io)
        });
        server.has_been_tried(is_missed, self.clock_ms());
    }
}

impl Server {
    /// Whether another caller has missed it, or is finding out whether it is back. No: this one is.
    fn is_missed(&self, now_ms: u64) -> bool {
        match self.missed_until_ms.load(Ordering::Relaxed) {
            0 => false,
            until if until > now_ms => true,
            until => self
                .missed_until_ms
                .compare_exchange(until, now_ms + REST_MS, Ordering::Relaxed, Ordering::Relaxed)
                .is_err(),
        }
    }

    fn has_been_tried(&self, is_missed: bool, now_ms: u64) {
        let until = if is_missed { now_ms + REST_MS } else { 0 };
        if self.missed_until_ms.load(Ordering::Relaxed) != until {
            self.missed_until_ms.store(until, Ordering::Relaxed);
        }
    }
}

/// Between two tries to connect to such a server.
const REST_MS: u64 = 50;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conn::Dial;
    use crate::options::{Endpoint, Options};

    #[test]
    fn a_server_that_was_missed_is_tried_by_one_caller_in_so_long() {
        let many = Many::new(Dial::new(Options::new(), None, None).unwrap(), super::super::overdue::of_cluster);
        let server = many.server(&Endpoint::Tcp { host: "h".to_owned(), port: 1 }, None);
        assert!(!server.is_missed(1) && !server.is_missed(1), "nobody has missed it");
        server.has_been_tried(true, 100);
        assert!(server.is_missed(100) && server.is_missed(149));
        assert!(!server.is_missed(150), "somebody finds out");
        assert!(server.is_missed(150) && server.is_missed(199), "the others wait");
        assert!(!server.is_missed(200), "whoever found out did not say");
        server.has_been_tried(false, 201);
        assert!(!server.is_missed(201) && !server.is_missed(202));
    }
}
