//! The server of a connection that is opened anew when it breaks, where Sentinels say which one it is.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use crate::conn::Kept;
use crate::line::NumberedLine;

use super::Client;

impl Client {
    /// Let the connections of a line lead to the primary that Sentinels name, as far as is heard of it without waiting. The result
    /// is when to look again. None: no Sentinels.
    #[inline(always)]
    pub(super) fn lead(&self, line: &mut NumberedLine, now: Instant, kept: &mut Kept) -> Option<Instant> {
        if !self.0.route.is_named() {
            return None;
        }
        self.lead_to_named(line, now, kept)
    }

    #[inline(never)]
    fn lead_to_named(&self, line: &mut NumberedLine, now: Instant, kept: &mut Kept) -> Option<Instant> {
        match self.0.route.named_now(!line.is_open(), now, kept) {
            Some(dial) => line.lead_to(dial, now),
            None => line.hold_off(now + SOON),
        }
        let is_used = line.is_open() || line.is_opening() || line.deadline().is_some();
        is_used.then(|| now + LATER)
    }
}

/// Before the next look, where nobody has named a primary yet.
const SOON: Duration = Duration::from_millis(20);
/// Before the next look, where one is named.
const LATER: Duration = Duration::from_millis(100);
